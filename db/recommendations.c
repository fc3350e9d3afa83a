/* Recommendations: what was advised, why, and the steps that led there. */

#include "db/handle.h"

#include <jansson.h>

/* Not a CHECK with json_valid(): SQLite trusts it only in schemas that may
 * call anything, see yt_db_connect(). */
static enum yt_status check_json(const char *what, const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    YT_FAIL_IF(!json, YT_BAD_ARGUMENT, "a recommendation's %s: not JSON: %s",
               what, error.text);
    json_decref(json);
    return YT_OK;
}

static enum yt_status add_step(struct yt_db *db, int64_t recommendation,
                               int32_t index,
                               const struct yt_db_recommendation_step *step)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_STEP_ADD);
    yt_db_bind_id(&call, recommendation);
    yt_db_bind_int(&call, index);
    yt_db_bind_text(&call, step->strategy);
    yt_db_bind_text(&call, step->detail);
    yt_db_bind_id(&call, step->evaluation);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static enum yt_status add_rival(struct yt_db *db, int64_t recommendation,
                                int32_t index,
                                const struct yt_db_recommendation_rival *rival)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_RIVAL_ADD);
    yt_db_bind_id(&call, recommendation);
    yt_db_bind_int(&call, index);
    yt_db_bind_id(&call, rival->evaluation);
    yt_db_bind_text(&call, rival->note);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static enum yt_status
add_recommendation(struct yt_db *db,
                   const struct yt_db_recommendation *recommendation,
                   int64_t *id_out)
{
    const char *constraints = recommendation->constraints_json
                                  ? recommendation->constraints_json
                                  : "{}";
    const char *reasons =
        recommendation->reasons_json ? recommendation->reasons_json : "[]";
    struct yt_db_call call;
    YT_TRY(check_json("constraints", constraints));
    YT_TRY(check_json("reasons", reasons));
    yt_db_call_begin(&call, db, YT_STATEMENT_RECOMMENDATION_ADD);
    yt_db_bind_text(&call, recommendation->scenario);
    yt_db_bind_text(&call, constraints);
    yt_db_bind_id(&call, recommendation->evaluation);
    yt_db_bind_id(&call, recommendation->baseline);
    yt_db_bind_text(&call, reasons);
    yt_db_bind_int(&call, yt_db_stamp_ms(recommendation->created_ms));
    YT_TRY(yt_db_call_id(&call, id_out));
    for (int32_t i = 0; i < recommendation->step_count; i++)
        YT_TRY(add_step(db, *id_out, i, &recommendation->steps[i]));
    for (int32_t i = 0; i < recommendation->rival_count; i++)
        YT_TRY(add_rival(db, *id_out, i, &recommendation->rivals[i]));
    return YT_OK;
}

enum yt_status
yt_db_recommendation_put(struct yt_db *db,
                         const struct yt_db_recommendation *recommendation,
                         int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(
        yt_db_scope_end(&scope, add_recommendation(db, recommendation, &id)));
    *id_out = id;
    return YT_OK;
}

/* -------------------------------------------------------------------- find */

static enum yt_status
read_head(struct yt_db *db, const struct yt_db_here *here, const char *scenario,
          const char *constraints,
          const struct yt_db_recommendation_reader *reader, int64_t *id_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_RECOMMENDATION_FIND);
    yt_db_bind_id(&call, here->host);
    yt_db_bind_id(&call, here->toolchain);
    yt_db_bind_text(&call, scenario);
    yt_db_bind_text(&call, constraints);
    *id_out = 0;
    while (yt_db_call_row(&call)) { /* one at most */
        sqlite3_stmt *row = call.statement;
        *id_out = sqlite3_column_int64(row, 0);
        const struct yt_db_recommendation recommendation = {
            .scenario = scenario,
            .constraints_json = constraints,
            .evaluation = sqlite3_column_int64(row, 1),
            .baseline = sqlite3_column_int64(row, 2),
            .reasons_json = yt_db_column_text(&call, 3),
            .created_ms = sqlite3_column_int64(row, 4),
        };
        reader->found(reader->user, *id_out, &recommendation);
    }
    YT_TRY(yt_db_call_end(&call));
    YT_FAIL_IF(*id_out == 0, YT_NOT_FOUND,
               "%s: nothing was recommended for this yet", db->path);
    return YT_OK;
}

enum yt_status
yt_db_recommendation_find(struct yt_db *db, const struct yt_db_here *here,
                          const char *scenario, const char *constraints_json,
                          const struct yt_db_recommendation_reader *reader)
{
    struct yt_db_call call;
    int64_t id;
    YT_TRY(read_head(db, here, scenario, constraints_json, reader, &id));
    yt_db_call_begin(&call, db, YT_STATEMENT_STEPS);
    yt_db_bind_id(&call, id);
    while (yt_db_call_row(&call)) {
        const struct yt_db_recommendation_step step = {
            .strategy = yt_db_column_text(&call, 0),
            .detail = yt_db_column_text(&call, 1),
            .evaluation = sqlite3_column_int64(call.statement, 2),
        };
        reader->step(reader->user, &step);
    }
    YT_TRY(yt_db_call_end(&call));
    yt_db_call_begin(&call, db, YT_STATEMENT_RIVALS);
    yt_db_bind_id(&call, id);
    while (yt_db_call_row(&call)) {
        const struct yt_db_recommendation_rival rival = {
            .evaluation = sqlite3_column_int64(call.statement, 0),
            .note = yt_db_column_text(&call, 1),
        };
        reader->rival(reader->user, &rival);
    }
    return yt_db_call_end(&call);
}
