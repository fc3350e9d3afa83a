/* See db/compressions.h. */

#include "db/compressions.h"

#include "db/handle.h"

static enum yt_status add_group(struct yt_db *db, int64_t compression,
                                int32_t index,
                                const struct yt_db_compression_group *group)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_COMPRESSION_GROUP_ADD);
    yt_db_bind_id(&call, compression);
    yt_db_bind_int(&call, index);
    yt_db_bind_text(&call, group->name);
    yt_db_bind_int(&call, group->before);
    yt_db_bind_int(&call, group->after);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static enum yt_status add_rival(struct yt_db *db, int64_t compression,
                                int32_t index,
                                const struct yt_db_compression_rival *rival)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_COMPRESSION_RIVAL_ADD);
    yt_db_bind_id(&call, compression);
    yt_db_bind_int(&call, index);
    yt_db_bind_text(&call, rival->name);
    yt_db_bind_real(&call, rival->ns);
    yt_db_bind_real(&call, rival->map);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static void bind_what(struct yt_db_call *call,
                      const struct yt_db_compression *c)
{
    yt_db_bind_id(call, c->here.host);
    yt_db_bind_id(call, c->here.toolchain);
    yt_db_bind_id(call, c->model);
    yt_db_bind_id(call, c->result);
    yt_db_bind_id(call, c->teacher);
    yt_db_bind_text(call, c->kind);
    yt_db_bind_text(call, c->wish);
    yt_db_bind_text(call, c->isa);
    yt_db_bind_text(call, c->precision);
    yt_db_bind_int(call, c->threads);
    yt_db_bind_int(call, c->dense_h);
    yt_db_bind_int(call, c->dense_w);
    yt_db_bind_int(call, c->h);
    yt_db_bind_int(call, c->w);
}

static void bind_figures(struct yt_db_call *call,
                         const struct yt_db_compression *c)
{
    yt_db_bind_real(call, c->before_ns);
    yt_db_bind_real(call, c->after_ns);
    yt_db_bind_real(call, c->map_before);
    yt_db_bind_real(call, c->map_after);
    yt_db_bind_real(call, c->drop_low);
    yt_db_bind_real(call, c->drop_high);
    yt_db_bind_text(call, c->dataset);
    yt_db_bind_text(call, c->dataset_hash);
    yt_db_bind_int(call, c->images);
    yt_db_bind_real(call, c->train_seconds);
    yt_db_bind_int(call, c->train_pictures);
    yt_db_bind_text(call, c->verdict);
    yt_db_bind_int(call, yt_db_stamp_ms(c->created_ms));
}

static enum yt_status
add_all(struct yt_db *db, const struct yt_db_compression *c, int64_t *id_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_COMPRESSION_ADD);
    bind_what(&call, c);
    bind_figures(&call, c);
    YT_TRY(yt_db_call_id(&call, id_out));
    for (int32_t i = 0; i < c->group_count; i++)
        YT_TRY(add_group(db, *id_out, i, &c->groups[i]));
    for (int32_t i = 0; i < c->rival_count; i++)
        YT_TRY(add_rival(db, *id_out, i, &c->rivals[i]));
    return YT_OK;
}

enum yt_status
yt_db_compression_put(struct yt_db *db,
                      const struct yt_db_compression *compression,
                      int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, add_all(db, compression, &id)));
    *id_out = id;
    return YT_OK;
}

/* -------------------------------------------------------------------- read */

static struct yt_db_compression read_row(const struct yt_db_call *call,
                                         const struct yt_db_here *here)
{
    sqlite3_stmt *row = call->statement;
    return (struct yt_db_compression){
        .here = *here,
        .id = sqlite3_column_int64(row, 0),
        .model = sqlite3_column_int64(row, 1),
        .result = sqlite3_column_int64(row, 2),
        .teacher = sqlite3_column_int64(row, 3),
        .kind = yt_db_column_text(call, 4),
        .wish = yt_db_column_text(call, 5),
        .isa = yt_db_column_text(call, 6),
        .precision = yt_db_column_text(call, 7),
        .threads = sqlite3_column_int(row, 8),
        .dense_h = sqlite3_column_int(row, 9),
        .dense_w = sqlite3_column_int(row, 10),
        .h = sqlite3_column_int(row, 11),
        .w = sqlite3_column_int(row, 12),
        .before_ns = yt_db_column_real(call, 13),
        .after_ns = yt_db_column_real(call, 14),
        .map_before = yt_db_column_real(call, 15),
        .map_after = yt_db_column_real(call, 16),
        .drop_low = yt_db_column_real(call, 17),
        .drop_high = yt_db_column_real(call, 18),
        .dataset = yt_db_column_text(call, 19),
        .dataset_hash = yt_db_column_text(call, 20),
        .images = sqlite3_column_int(row, 21),
        .train_seconds = yt_db_column_real(call, 22),
        .train_pictures = sqlite3_column_int64(row, 23),
        .verdict = yt_db_column_text(call, 24),
        .created_ms = sqlite3_column_int64(row, 25),
    };
}

enum yt_status yt_db_compressions(struct yt_db *db,
                                  const struct yt_db_here *here, int64_t model,
                                  yt_db_compression_fn fn, void *user)
{
    enum yt_status stopped = YT_OK;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_COMPRESSIONS);
    yt_db_bind_int(&call, here->host);
    yt_db_bind_int(&call, here->toolchain);
    yt_db_bind_int(&call, model);
    while (stopped == YT_OK && yt_db_call_row(&call)) {
        const struct yt_db_compression row = read_row(&call, here);
        stopped = fn(user, &row);
    }
    const enum yt_status status = yt_db_call_end(&call);
    return stopped != YT_OK ? stopped : status;
}
