/* What is known by its name: problems and schedules, and models by what they
 * compute. */

#include "db/handle.h"

#include "db/names.h"
#include "runtime/problem.h"

enum yt_status yt_db_problem_id(struct yt_db *db, const char *name,
                                int64_t *id_out)
{
    struct yt_problem problem;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_PROBLEM_FIND);
    yt_db_bind_text(&call, name);
    const enum yt_status status = yt_db_call_id(&call, id_out);
    if (status != YT_NOT_FOUND)
        return status;

    YT_TRY(yt_problem_parse(name ? name : "", &problem));
    yt_db_call_begin(&call, db, YT_STATEMENT_PROBLEM_ADD);
    yt_db_bind_text(&call, name);
    yt_db_bind_text(&call, yt_op_name(problem.op));
    yt_db_bind_text(&call, yt_dtype_name(problem.dtype));
    yt_db_bind_int(&call, (int64_t)yt_problem_flops(&problem));
    return yt_db_call_id(&call, id_out);
}

enum yt_status yt_db_schedule_id(struct yt_db *db, const char *name,
                                 int64_t *id_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_SCHEDULE_FIND);
    yt_db_bind_text(&call, name);
    const enum yt_status status = yt_db_call_id(&call, id_out);
    if (status != YT_NOT_FOUND)
        return status;

    yt_db_call_begin(&call, db, YT_STATEMENT_SCHEDULE_ADD);
    yt_db_bind_text(&call, name);
    return yt_db_call_id(&call, id_out);
}

enum yt_status yt_db_problem_put(struct yt_db *db, const char *name,
                                 int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, yt_db_problem_id(db, name, &id)));
    *id_out = id;
    return YT_OK;
}

enum yt_status yt_db_schedule_put(struct yt_db *db, const char *name,
                                  int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, yt_db_schedule_id(db, name, &id)));
    *id_out = id;
    return YT_OK;
}

/* ----------------------------------------------------------------- models */

static enum yt_status find_model(struct yt_db *db, const char *digest,
                                 const char *hash, int64_t *id_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_MODEL_FIND);
    yt_db_bind_filter(&call, digest);
    yt_db_bind_text(&call, hash);
    return yt_db_call_id(&call, id_out);
}

static void bind_figures(struct yt_db_call *call,
                         const struct yt_db_model *model)
{
    yt_db_bind_text(call, model->name);
    yt_db_bind_text(call, model->format);
    yt_db_bind_int(call, model->params);
    yt_db_bind_int(call, model->flops);
    yt_db_bind_int(call, model->imgsz);
    yt_db_bind_int(call, model->nc);
}

static enum yt_status
put_model(struct yt_db *db, const struct yt_db_model *model, int64_t *id_out)
{
    struct yt_db_call call;
    int64_t id = 0;
    const enum yt_status found =
        find_model(db, model->digest, model->hash, &id);
    if (found != YT_OK && found != YT_NOT_FOUND)
        return found;
    if (found == YT_OK) {
        yt_db_call_begin(&call, db, YT_STATEMENT_MODEL_SET);
        yt_db_bind_filter(&call, model->digest);
        bind_figures(&call, model);
        yt_db_bind_int(&call, id);
    } else {
        yt_db_call_begin(&call, db, YT_STATEMENT_MODEL_ADD);
        yt_db_bind_filter(&call, model->digest);
        yt_db_bind_text(&call, model->hash);
        bind_figures(&call, model);
    }
    return yt_db_call_id(&call, id_out);
}

enum yt_status yt_db_model_put(struct yt_db *db,
                               const struct yt_db_model *model, int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, put_model(db, model, &id)));
    *id_out = id;
    return YT_OK;
}

enum yt_status yt_db_model_find(struct yt_db *db, const char *digest,
                                const char *hash, int64_t *id_out)
{
    const enum yt_status status = find_model(db, digest, hash, id_out);
    return status == YT_NOT_FOUND
               ? yt_fail(status, "%s: nothing is of this model", db->path)
               : status;
}
