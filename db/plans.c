/* Plans and their layers, written in one transaction and read back as a copy
 * that owns its strings. */

#include "db/handle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/names.h"

static const char *const role_names[] = {
    [YT_DB_TUNED] = "tuned",
    [YT_DB_BASELINE] = "baseline",
};
static_assert(sizeof role_names / sizeof role_names[0] == YT_DB_ROLE_COUNT,
              "a name for each role");

const char *yt_db_role_name(enum yt_db_role role)
{
    assert(role < YT_DB_ROLE_COUNT);
    return role_names[role];
}

/* --------------------------------------------------------------------- put */

static enum yt_status add_layer(struct yt_db *db, int64_t plan, int32_t index,
                                const struct yt_db_layer *layer)
{
    int64_t problem, schedule;
    struct yt_db_call call;
    YT_TRY(yt_db_problem_id(db, layer->problem, &problem));
    YT_TRY(yt_db_schedule_id(db, layer->schedule, &schedule));
    yt_db_call_begin(&call, db, YT_STATEMENT_LAYER_ADD);
    yt_db_bind_id(&call, plan);
    yt_db_bind_int(&call, index);
    yt_db_bind_text(&call, layer->name);
    yt_db_bind_id(&call, problem);
    yt_db_bind_id(&call, schedule);
    yt_db_bind_real(&call, layer->median_ns);
    yt_db_bind_real(&call, layer->mad_ns);
    yt_db_bind_int(&call, layer->flops);
    yt_db_bind_text(&call, layer->ties);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static enum yt_status add_plan(struct yt_db *db, const struct yt_db_plan *plan,
                               int64_t *id_out)
{
    const struct yt_db_plan_key *key = &plan->key;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_PLAN_ADD);
    yt_db_bind_id(&call, key->here.host);
    yt_db_bind_id(&call, key->here.toolchain);
    yt_db_bind_id(&call, key->model);
    yt_db_bind_int(&call, key->h);
    yt_db_bind_int(&call, key->w);
    yt_db_bind_text(&call, key->isa);
    yt_db_bind_int(&call, key->threads);
    yt_db_bind_text(&call, key->precision);
    yt_db_bind_text(&call, yt_db_role_name(key->role));
    yt_db_bind_text(&call, plan->text);
    yt_db_bind_real(&call, plan->head_error);
    yt_db_bind_text(&call, plan->given_up);
    yt_db_bind_int(&call, plan->limit_bytes);
    yt_db_bind_int(&call, yt_db_stamp_ms(plan->created_ms));
    YT_TRY(yt_db_call_id(&call, id_out));
    for (int32_t i = 0; i < plan->layer_count; i++) {
        const enum yt_status status =
            add_layer(db, *id_out, i, &plan->layers[i]);
        if (status != YT_OK)
            return yt_fail_prefix(status, "layer %d (%s)", (int)i,
                                  plan->layers[i].name);
    }
    return YT_OK;
}

enum yt_status yt_db_plan_put(struct yt_db *db, const struct yt_db_plan *plan,
                              int64_t *id_out)
{
    struct yt_db_scope scope;
    int64_t id = 0;
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, add_plan(db, plan, &id)));
    *id_out = id;
    return YT_OK;
}

/* -------------------------------------------------------------------- find */

/** A copy the plan owns; *status sticks at YT_NO_MEMORY. */
static const char *keep(const char *text, enum yt_status *status)
{
    char *copy = *status == YT_OK ? strdup(text) : NULL;
    if (!copy && *status == YT_OK)
        *status = yt_fail(YT_NO_MEMORY, "a stored plan: out of memory");
    return copy;
}

static void drop(const char *text)
{
    free((void *)text);
}

/** Room for one more layer, zeroed; NULL when out of memory. */
static struct yt_db_layer *grow(struct yt_db_plan *plan, int32_t *cap)
{
    if (plan->layer_count == *cap) {
        const int32_t wider = *cap ? 2 * *cap : 64;
        struct yt_db_layer *layers =
            realloc((void *)plan->layers, (size_t)wider * sizeof *layers);
        if (!layers)
            return NULL;
        plan->layers = layers;
        *cap = wider;
    }
    struct yt_db_layer *layer =
        (struct yt_db_layer *)&plan->layers[plan->layer_count++];
    memset(layer, 0, sizeof *layer);
    return layer;
}

static enum yt_status read_layers(struct yt_db *db, struct yt_db_plan *plan)
{
    enum yt_status status = YT_OK;
    int32_t cap = 0;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_LAYERS);
    yt_db_bind_int(&call, plan->id);
    while (status == YT_OK && yt_db_call_row(&call)) {
        struct yt_db_layer *layer = grow(plan, &cap);
        if (!layer) {
            status = yt_fail(YT_NO_MEMORY, "a stored plan: out of memory");
            break;
        }
        layer->name = keep(yt_db_column_text(&call, 0), &status);
        layer->problem = keep(yt_db_column_text(&call, 1), &status);
        layer->schedule = keep(yt_db_column_text(&call, 2), &status);
        layer->median_ns = yt_db_column_real(&call, 3);
        layer->mad_ns = yt_db_column_real(&call, 4);
        layer->flops = sqlite3_column_int64(call.statement, 5);
        layer->ties = keep(yt_db_column_text(&call, 6), &status);
    }
    const enum yt_status read = yt_db_call_end(&call);
    return status != YT_OK ? status : read;
}

/** id, text and date of the newest plan; its strings are owned at once. */
static enum yt_status read_plan(struct yt_db *db, struct yt_db_plan *plan)
{
    const struct yt_db_plan_key *key = &plan->key;
    enum yt_status status = YT_OK;
    int found = 0, current = 0;
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_PLAN_FIND);
    yt_db_bind_int(&call, key->here.host);
    yt_db_bind_int(&call, key->here.toolchain);
    yt_db_bind_int(&call, key->model);
    yt_db_bind_int(&call, key->h);
    yt_db_bind_int(&call, key->w);
    yt_db_bind_text(&call, key->isa);
    yt_db_bind_int(&call, key->threads);
    yt_db_bind_text(&call, key->precision);
    yt_db_bind_text(&call, yt_db_role_name(key->role));
    while (yt_db_call_row(&call)) { /* one row at most */
        found = 1;
        current = sqlite3_column_int(call.statement, 3);
        plan->id = sqlite3_column_int64(call.statement, 0);
        plan->text = keep(yt_db_column_text(&call, 1), &status);
        plan->created_ms = sqlite3_column_int64(call.statement, 2);
        plan->head_error = yt_db_column_real(&call, 4);
        plan->given_up = keep(yt_db_column_text(&call, 5), &status);
        plan->limit_bytes = sqlite3_column_int64(call.statement, 6);
    }
    YT_TRY(yt_db_call_end(&call));
    YT_TRY(status);
    YT_FAIL_IF(!found, YT_NOT_FOUND,
               "%s: no %s plan of model n%lld at %dx%d, %s, %d threads, %s",
               db->path, yt_db_role_name(key->role), (long long)key->model,
               (int)key->h, (int)key->w, key->isa, (int)key->threads,
               key->precision);
    YT_FAIL_IF(!current, YT_STALE,
               "%s: plan p%lld was made by another version of LLVM or of the "
               "kernel generator",
               db->path, (long long)plan->id);
    return YT_OK;
}

enum yt_status yt_db_plan_find(struct yt_db *db,
                               const struct yt_db_plan_key *key,
                               struct yt_db_plan **plan_out)
{
    enum yt_status status = YT_OK;
    struct yt_db_plan *plan = calloc(1, sizeof *plan);
    YT_FAIL_IF(!plan, YT_NO_MEMORY, "a stored plan: out of memory");
    plan->key = *key;
    plan->key.isa = keep(key->isa, &status);
    plan->key.precision = keep(key->precision, &status);
    if (status == YT_OK)
        status = read_plan(db, plan);
    if (status == YT_OK)
        status = read_layers(db, plan);
    if (status == YT_OK) {
        *plan_out = plan;
        plan = NULL;
    }
    yt_db_plan_destroy(plan);
    return status;
}

static int parse_id(const char *id, enum yt_db_statement *statement_out,
                    int64_t *number_out)
{
    static const struct {
        char letter;
        enum yt_db_statement statement;
    } kinds[] = {
        {'p', YT_STATEMENT_PLAN_TEXT_OF_PLAN},
        {'e', YT_STATEMENT_PLAN_TEXT_OF_EVALUATION},
        {'r', YT_STATEMENT_PLAN_TEXT_OF_RECOMMENDATION},
    };
    char *end = NULL;
    errno = 0;
    if (id[0] == 0 || id[1] < '0' || id[1] > '9')
        return 0;
    *number_out = strtoll(id + 1, &end, 10);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (id[0] == kinds[i].letter && *end == 0 && errno == 0) {
            *statement_out = kinds[i].statement;
            return 1;
        }
    return 0;
}

enum yt_status yt_db_plan_text(struct yt_db *db, const char *id,
                               char **text_out, char **configuration_out)
{
    enum yt_db_statement statement = YT_STATEMENT_PLAN_TEXT_OF_PLAN;
    enum yt_status status = YT_OK;
    int64_t number = 0;
    char *text = NULL, *configuration = NULL;
    struct yt_db_call call;
    YT_FAIL_IF(!parse_id(id, &statement, &number), YT_BAD_ARGUMENT,
               "'%.40s' is no plan: p, e or r and a number, such as p1", id);
    yt_db_call_begin(&call, db, statement);
    yt_db_bind_int(&call, number);
    if (yt_db_call_row(&call)) {
        text = (char *)keep(yt_db_column_text(&call, 0), &status);
        configuration = (char *)keep(yt_db_column_text(&call, 1), &status);
    }
    const enum yt_status read = yt_db_call_end(&call);
    status = status == YT_OK ? read : status;
    if (status == YT_OK && !text)
        status = yt_fail(YT_NOT_FOUND, "%s: there is no %s", db->path, id);
    if (status != YT_OK) {
        free(text);
        free(configuration);
        return status;
    }
    *text_out = text;
    *configuration_out = configuration;
    return YT_OK;
}

void yt_db_plan_destroy(struct yt_db_plan *plan)
{
    if (!plan)
        return;
    for (int32_t i = 0; i < plan->layer_count; i++) {
        drop(plan->layers[i].name);
        drop(plan->layers[i].problem);
        drop(plan->layers[i].schedule);
        drop(plan->layers[i].ties);
    }
    free((void *)plan->layers);
    drop(plan->text);
    drop(plan->given_up);
    drop(plan->key.isa);
    drop(plan->key.precision);
    free(plan);
}
