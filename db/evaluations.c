/* Evaluations: what a plan does end to end, and how the advisor reads them. */

#include "db/handle.h"

#include <math.h>
#include <string.h>

static void bind_times(struct yt_db_call *call, const struct yt_db_times *times)
{
    yt_db_bind_real(call, times->min_ns);
    yt_db_bind_real(call, times->median_ns);
    yt_db_bind_real(call, times->p95_ns);
    yt_db_bind_real(call, times->p99_ns);
}

static struct yt_db_times read_times(const struct yt_db_call *call, int column)
{
    return (struct yt_db_times){
        .min_ns = yt_db_column_real(call, column),
        .median_ns = yt_db_column_real(call, column + 1),
        .p95_ns = yt_db_column_real(call, column + 2),
        .p99_ns = yt_db_column_real(call, column + 3),
    };
}

enum yt_status yt_db_evaluation_put(struct yt_db *db,
                                    const struct yt_db_evaluation *evaluation,
                                    int64_t *id_out)
{
    struct yt_db_scope scope;
    struct yt_db_call call;
    int64_t id = 0;
    const int compared = evaluation->compared != 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    yt_db_call_begin(&call, db, YT_STATEMENT_EVALUATION_ADD);
    yt_db_bind_id(&call, evaluation->plan);
    bind_times(&call, &evaluation->pre);
    bind_times(&call, &evaluation->network);
    bind_times(&call, &evaluation->post);
    bind_times(&call, &evaluation->total);
    yt_db_bind_real(&call, evaluation->fps);
    yt_db_bind_int(&call, evaluation->samples);
    yt_db_bind_int(&call, evaluation->arena_bytes);
    yt_db_bind_int(&call, evaluation->blob_bytes);
    yt_db_bind_int(&call, evaluation->rss_bytes);
    yt_db_bind_real(&call, evaluation->map);
    yt_db_bind_real(&call, evaluation->map50);
    yt_db_bind_real(&call, evaluation->map75);
    yt_db_bind_text(&call, evaluation->dataset);
    yt_db_bind_text(&call, evaluation->dataset_hash);
    yt_db_bind_int(&call, evaluation->images);
    yt_db_bind_text(&call, evaluation->configuration);
    yt_db_bind_int(&call, evaluation->memory_bytes);
    yt_db_bind_int(&call, evaluation->size_bytes);
    yt_db_bind_int(&call, evaluation->background_load);
    yt_db_bind_id(&call, evaluation->compared);
    yt_db_bind_real(&call, compared ? evaluation->difference_low : NAN);
    yt_db_bind_real(&call, compared ? evaluation->difference_high : NAN);
    yt_db_bind_text(&call, evaluation->numerics);
    yt_db_bind_int(&call, yt_db_stamp_ms(evaluation->created_ms));
    YT_TRY(yt_db_scope_end(&scope, yt_db_call_id(&call, &id)));
    *id_out = id;
    return YT_OK;
}

static void read_evaluation(const struct yt_db_call *call,
                            struct yt_db_evaluation *evaluation_out,
                            struct yt_db_plan_key *key_out)
{
    sqlite3_stmt *row = call->statement;
    *evaluation_out = (struct yt_db_evaluation){
        .plan = sqlite3_column_int64(row, 0),
        .pre = read_times(call, 1),
        .network = read_times(call, 5),
        .post = read_times(call, 9),
        .total = read_times(call, 13),
        .fps = yt_db_column_real(call, 17),
        .samples = sqlite3_column_int(row, 18),
        .arena_bytes = sqlite3_column_int64(row, 19),
        .blob_bytes = sqlite3_column_int64(row, 20),
        .rss_bytes = sqlite3_column_int64(row, 21),
        .map = yt_db_column_real(call, 22),
        .map50 = yt_db_column_real(call, 23),
        .map75 = yt_db_column_real(call, 24),
        .dataset = yt_db_column_text(call, 25),
        .dataset_hash = yt_db_column_text(call, 26),
        .images = sqlite3_column_int(row, 27),
        .configuration = yt_db_column_text(call, 28),
        .memory_bytes = sqlite3_column_int64(row, 29),
        .size_bytes = sqlite3_column_int64(row, 30),
        .background_load = sqlite3_column_int(row, 31),
        .compared = sqlite3_column_int64(row, 32),
        .difference_low = yt_db_column_real(call, 33),
        .difference_high = yt_db_column_real(call, 34),
        .id = sqlite3_column_int64(row, 35),
        .created_ms = sqlite3_column_int64(row, 36),
        .numerics = yt_db_column_text(call, 44),
    };
    key_out->model = sqlite3_column_int64(row, 37);
    key_out->h = sqlite3_column_int(row, 38);
    key_out->w = sqlite3_column_int(row, 39);
    key_out->isa = yt_db_column_text(call, 40);
    key_out->threads = sqlite3_column_int(row, 41);
    key_out->precision = yt_db_column_text(call, 42);
    key_out->role = strcmp(yt_db_column_text(call, 43),
                           yt_db_role_name(YT_DB_BASELINE)) == 0
                        ? YT_DB_BASELINE
                        : YT_DB_TUNED;
}

enum yt_status yt_db_evaluations(struct yt_db *db,
                                 const struct yt_db_evaluation_query *query,
                                 yt_db_evaluation_fn fn, void *user)
{
    struct yt_db_evaluation evaluation;
    struct yt_db_plan_key key = {.here = query->here};
    enum yt_status stopped = YT_OK;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_EVALUATIONS);
    yt_db_bind_int(&call, query->here.host);
    yt_db_bind_int(&call, query->here.toolchain);
    yt_db_bind_int(&call, query->model);
    yt_db_bind_int(&call, query->h);
    yt_db_bind_int(&call, query->w);
    yt_db_bind_filter(&call, query->isa);
    yt_db_bind_int(&call, query->threads);
    yt_db_bind_filter(&call, query->precision);
    yt_db_bind_int(&call, query->only_newest);
    while (stopped == YT_OK && yt_db_call_row(&call)) {
        read_evaluation(&call, &evaluation, &key);
        stopped = fn(user, &evaluation, &key);
    }
    const enum yt_status status = yt_db_call_end(&call);
    return stopped != YT_OK ? stopped : status;
}
