/* Measurements: one row per candidate tried, and how the tuner reads them back
 * to start warm. */

#include "db/handle.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "db/names.h"

static const char *const outcome_names[] = {
#define YT_DB_OUTCOME_NAME(id, name) [YT_DB_##id] = (name),
    YT_DB_OUTCOME_LIST(YT_DB_OUTCOME_NAME)
#undef YT_DB_OUTCOME_NAME
};

const char *yt_db_outcome_name(enum yt_db_outcome outcome)
{
    assert(outcome < YT_DB_OUTCOME_COUNT);
    return outcome_names[outcome];
}

/* --------------------------------------------------------------------- put */

static enum yt_status add_measurement(struct yt_db *db,
                                      const struct yt_db_measurement *m,
                                      int64_t *id_out)
{
    const int ok = m->outcome == YT_DB_OK;
    int64_t problem, schedule;
    struct yt_db_call call;
    YT_TRY(yt_db_problem_id(db, m->problem, &problem));
    YT_TRY(yt_db_schedule_id(db, m->schedule, &schedule));
    yt_db_call_begin(&call, db, YT_STATEMENT_MEASUREMENT_ADD);
    yt_db_bind_id(&call, m->here.host);
    yt_db_bind_id(&call, m->here.toolchain);
    yt_db_bind_id(&call, problem);
    yt_db_bind_id(&call, schedule);
    yt_db_bind_text(&call, m->isa);
    yt_db_bind_int(&call, m->threads);
    yt_db_bind_text(&call, m->setting);
    yt_db_bind_text(&call, yt_db_outcome_name(m->outcome));
    yt_db_bind_text(&call, m->detail);
    yt_db_bind_real(&call, ok ? m->min_ns : NAN);
    yt_db_bind_real(&call, ok ? m->median_ns : NAN);
    yt_db_bind_real(&call, ok ? m->mad_ns : NAN);
    yt_db_bind_id(&call, ok ? m->iterations : 0);
    yt_db_bind_id(&call, ok ? m->samples : 0);
    yt_db_bind_real(&call, m->max_error);
    yt_db_bind_int(&call, m->code_bytes);
    yt_db_bind_int(&call, m->spills);
    yt_db_bind_int(&call, yt_db_stamp_ms(m->created_ms));
    return yt_db_call_id(&call, id_out);
}

enum yt_status yt_db_measurement_put(struct yt_db *db,
                                     const struct yt_db_measurement *m,
                                     int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, add_measurement(db, m, &id)));
    if (id_out)
        *id_out = id;
    return YT_OK;
}

/* ------------------------------------------------------------------- query */

static enum yt_status read_outcome(const struct yt_db_call *call, int column,
                                   enum yt_db_outcome *outcome_out)
{
    const char *name = yt_db_column_text(call, column);
    for (int i = 0; i < YT_DB_OUTCOME_COUNT; i++)
        if (strcmp(name, outcome_names[i]) == 0) {
            *outcome_out = (enum yt_db_outcome)i;
            return YT_OK;
        }
    return yt_fail(YT_BAD_INPUT, "%s: damaged: a measurement ended '%s'",
                   call->db->path, name);
}

static enum yt_status read_measurement(const struct yt_db_call *call,
                                       struct yt_db_measurement *m_out)
{
    sqlite3_stmt *row = call->statement;
    m_out->problem = yt_db_column_text(call, 0);
    m_out->schedule = yt_db_column_text(call, 1);
    m_out->isa = yt_db_column_text(call, 2);
    m_out->threads = sqlite3_column_int(row, 3);
    m_out->setting = yt_db_column_text(call, 4);
    YT_TRY(read_outcome(call, 5, &m_out->outcome));
    m_out->detail = yt_db_column_text(call, 6);
    m_out->min_ns = yt_db_column_real(call, 7);
    m_out->median_ns = yt_db_column_real(call, 8);
    m_out->mad_ns = yt_db_column_real(call, 9);
    m_out->iterations = sqlite3_column_int64(row, 10);
    m_out->samples = sqlite3_column_int(row, 11);
    m_out->max_error = yt_db_column_real(call, 12);
    m_out->code_bytes = sqlite3_column_int64(row, 13);
    m_out->spills = sqlite3_column_int(row, 14);
    m_out->id = sqlite3_column_int64(row, 15);
    m_out->created_ms = sqlite3_column_int64(row, 16);
    return YT_OK;
}

/** @p index: which of the query's problems; they are all read when it names
 *  none. */
static enum yt_status query_one(struct yt_db *db,
                                const struct yt_db_measurement_query *query,
                                size_t index, yt_db_measurement_fn fn,
                                void *user)
{
    const char *problem = query->problems ? query->problems[index] : NULL;
    const enum yt_db_statement id =
        query->best > 0 ? (problem ? YT_STATEMENT_MEASUREMENTS_BEST_OF
                                   : YT_STATEMENT_MEASUREMENTS_BEST)
                        : (problem ? YT_STATEMENT_MEASUREMENTS_OF
                                   : YT_STATEMENT_MEASUREMENTS);
    struct yt_db_measurement m = {.here = query->here, .problem_index = index};
    enum yt_status stopped = YT_OK;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, id);
    yt_db_bind_int(&call, query->here.host);
    yt_db_bind_int(&call, query->here.toolchain);
    yt_db_bind_filter(&call, query->isa);
    yt_db_bind_int(&call, query->threads);
    yt_db_bind_filter(&call, query->setting);
    if (query->best > 0 || problem)
        yt_db_bind_int(&call, query->best);
    if (problem)
        yt_db_bind_text(&call, problem);
    while (stopped == YT_OK && yt_db_call_row(&call)) {
        stopped = read_measurement(&call, &m);
        if (stopped == YT_OK)
            stopped = fn(user, &m);
    }
    const enum yt_status status = yt_db_call_end(&call);
    return stopped != YT_OK ? stopped : status;
}

enum yt_status yt_db_measurements(struct yt_db *db,
                                  const struct yt_db_measurement_query *query,
                                  yt_db_measurement_fn fn, void *user)
{
    const size_t count = query->problems ? query->problem_count : 1;
    for (size_t i = 0; i < count; i++)
        YT_TRY(query_one(db, query, i, fn, user));
    return YT_OK;
}
