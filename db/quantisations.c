/* Calibrations, so that one is made once, and the plan whose precision is to be
 * used. */

#include "db/handle.h"

#include <stdlib.h>
#include <string.h>

/* The text of the only row; its call is ended. */
static enum yt_status read_text(struct yt_db_call *call, int column,
                                char **text_out)
{
    char *text = NULL;
    int found = 0;
    if (yt_db_call_row(call)) {
        found = 1;
        text = strdup(yt_db_column_text(call, column));
    }
    const enum yt_status status = yt_db_call_end(call);
    if (status == YT_OK && text) {
        *text_out = text;
        return YT_OK;
    }
    free(text);
    YT_TRY(status);
    return found ? yt_fail(YT_NO_MEMORY, "a stored text: out of memory")
                 : YT_NOT_FOUND;
}

enum yt_status
yt_db_quantisation_put(struct yt_db *db,
                       const struct yt_db_quantisation *quantisation,
                       int64_t *id_out)
{
    struct yt_db_scope scope;
    struct yt_db_call call;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    yt_db_call_begin(&call, db, YT_STATEMENT_QUANTISATION_PUT);
    yt_db_bind_id(&call, quantisation->model);
    yt_db_bind_int(&call, quantisation->h);
    yt_db_bind_int(&call, quantisation->w);
    yt_db_bind_text(&call, quantisation->settings);
    yt_db_bind_int(&call, quantisation->images);
    yt_db_bind_text(&call, quantisation->images_hash);
    yt_db_bind_text(&call, quantisation->text);
    yt_db_bind_int(&call, yt_db_stamp_ms(0));
    YT_TRY(yt_db_scope_end(&scope, yt_db_call_id(&call, &id)));
    if (id_out)
        *id_out = id;
    return YT_OK;
}

enum yt_status yt_db_quantisation_find(struct yt_db *db,
                                       const struct yt_db_quantisation *which,
                                       char **text_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_QUANTISATION_FIND);
    yt_db_bind_int(&call, which->model);
    yt_db_bind_int(&call, which->h);
    yt_db_bind_int(&call, which->w);
    yt_db_bind_filter(&call, which->settings);
    yt_db_bind_filter(&call, which->images_hash);
    const enum yt_status status = read_text(&call, 0, text_out);
    return status == YT_NOT_FOUND
               ? yt_fail(status, "%s: model n%lld is not calibrated at %dx%d",
                         db->path, (long long)which->model, (int)which->h,
                         (int)which->w)
               : status;
}

enum yt_status yt_db_plan_preferred(struct yt_db *db,
                                    const struct yt_db_plan_key *key,
                                    char **text_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_PLAN_PREFERRED);
    yt_db_bind_int(&call, key->here.host);
    yt_db_bind_int(&call, key->here.toolchain);
    yt_db_bind_int(&call, key->model);
    yt_db_bind_int(&call, key->h);
    yt_db_bind_int(&call, key->w);
    yt_db_bind_text(&call, key->isa);
    yt_db_bind_int(&call, key->threads);
    yt_db_bind_text(&call, yt_db_role_name(key->role));
    yt_db_bind_filter(&call, key->precision);
    const enum yt_status status = read_text(&call, 1, text_out);
    return status == YT_NOT_FOUND
               ? yt_fail(status, "%s: no plan of model n%lld at %dx%d, %s",
                         db->path, (long long)key->model, (int)key->h,
                         (int)key->w, key->isa)
               : status;
}
