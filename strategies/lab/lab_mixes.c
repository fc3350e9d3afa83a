/* Mixes of types as choices: found by measuring layers, or in rows of earlier
 * runs. */

#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "strategies/lab/lab_parts.h"

#define MIXES_KEPT   3    /* of those that were found */
#define WORTH        0.95 /* of the f32 network's time, at most */
#define ENOUGH_TRIED 8    /* parts of the work done before it is judged */

/* --------------------------------------------------------------- deadline */

struct deadline {
    struct yt_lab *lab;
    uint64_t begin_ns, budget_ns;
    volatile int stop; /* by the lab's signal, or when time will not do */
    int out_of_time;
    void (*progress)(void *user, int32_t done, int32_t total);
    void *user;
};

/* Half a table is of no use: what cannot end in time ends soon. */
static void on_progress(void *user, int32_t done, int32_t total)
{
    struct deadline *d = user;
    const double elapsed = (double)(yt_now_ns() - d->begin_ns);
    const double left = elapsed / (done ? done : 1) * (total - done);
    if (done >= ENOUGH_TRIED && elapsed + left > (double)d->budget_ns)
        d->out_of_time = 1;
    d->stop = d->out_of_time || (d->lab->stop && *d->lab->stop);
    if (d->progress)
        d->progress(d->user, done, total);
}

/* ------------------------------------------------------------------- find */

static double f32_ns(const struct yt_assignment *a)
{
    double sum = 0;
    for (int32_t i = 0; i < a->count; i++)
        sum += a->table[i].dtype == YT_DTYPE_F32 ? a->table[i].ns : 0;
    return sum;
}

/* Fast ones and precise ones alike, of those that are faster than f32. */
static enum yt_status keep_some(struct yt_lab *lab, int32_t model,
                                const struct yt_assignment *a)
{
    int32_t useful = 0, last = -1;
    while (useful < a->mix_count && a->mixes[useful].ns < WORTH * f32_ns(a))
        useful++;
    const int32_t kept = useful < MIXES_KEPT ? useful : MIXES_KEPT;
    for (int32_t i = 0; i < kept; i++) {
        const int32_t at = kept > 1 ? i * (useful - 1) / (kept - 1) : 0;
        struct yt_quantisation *q = NULL;
        struct yt_config config;
        if (at == last)
            continue;
        last = at;
        YT_TRY(yt_quantisation_copy(a->mixes[at].quantisation, &q));
        YT_TRY(yt_lab_add_quantisation(lab, model, q, &config));
    }
    return YT_OK;
}

static int has_mixes(const struct yt_lab *lab, int32_t model)
{
    const struct yt_choices *choices = &lab->choices;
    for (int32_t i = 0; i < choices->precision_count; i++)
        if (choices->precisions[i].model == model &&
            choices->precisions[i].precision == YT_PRECISION_MIXED)
            return 1;
    return 0;
}

static enum yt_status assign(struct yt_lab *lab, int32_t model,
                             struct deadline *d)
{
    struct yt_config config = yt_config_baseline(&lab->choices);
    struct yt_engine *engine = NULL;
    config.model = model;
    if (!lab->choices.h) {
        config.h = lab->choices.models[model].h;
        config.w = lab->choices.models[model].w;
    }
    YT_TRY(yt_engines_get(&lab->engines, &config, config.h, config.w, &engine));
    const struct yt_assign_options options = {
        .dtypes = 1u << YT_DTYPE_U8S8,
        .keep_fp32 = lab->wish.keep_fp32,
        .stop = &d->stop,
        .progress = on_progress,
        .user = d,
    };
    return yt_assign(engine, lab->calibrations[model].ranges, lab->calib,
                     &options, &lab->calibrations[model].assignment);
}

enum yt_status
yt_lab_mixes(struct yt_lab *lab, int32_t model, uint64_t budget_ns,
             void (*progress)(void *user, int32_t done, int32_t total),
             void *user)
{
    struct yt_lab_calibration *c = &lab->calibrations[model];
    struct deadline d = {.lab = lab,
                         .begin_ns = yt_now_ns(),
                         .budget_ns = budget_ns,
                         .progress = progress,
                         .user = user};
    if (!c->ranges || c->assignment.count || has_mixes(lab, model))
        return YT_OK;
    const enum yt_status status = assign(lab, model, &d);
    if (status == YT_INTERRUPTED && d.out_of_time)
        return YT_OK;
    YT_TRY(status);
    c->assign_seconds = 1e-9 * (double)(yt_now_ns() - d.begin_ns);
    return keep_some(lab, model, &c->assignment);
}

/* ---------------------------------------------------------------- restore */

/* Of the same pictures, and with the same layers kept. */
static int fits(const struct yt_lab *lab, int32_t model,
                const struct yt_quantisation *q)
{
    const struct yt_quantisation *ranges = lab->calibrations[model].ranges;
    struct yt_quantisation *kept = NULL;
    char before[17], after[17];
    if (!ranges || strcmp(ranges->images_hash, q->images_hash) != 0)
        return 0;
    if (!lab->wish.keep_fp32)
        return 1;
    yt_quantisation_hash(q, before);
    int same = yt_quantisation_copy(q, &kept) == YT_OK &&
               yt_keep_fp32(kept, lab->facts[model]->graph,
                            lab->wish.keep_fp32) == YT_OK;
    if (same) {
        yt_quantisation_hash(kept, after);
        same = strcmp(before, after) == 0;
    }
    yt_quantisation_destroy(kept);
    return same;
}

static enum yt_status restore_row(struct yt_lab *lab,
                                  const struct yt_lab_row *row)
{
    struct yt_quantisation *q = NULL;
    struct yt_config config;
    const enum yt_status status =
        yt_lab_plan_quantisation(lab, row->model, row->e.plan, &q);
    if (status != YT_OK || !fits(lab, row->model, q)) {
        yt_quantisation_destroy(q);
        return status == YT_NO_MEMORY ? status : YT_OK; /* it is as good as
                                                           none */
    }
    return yt_lab_add_quantisation(lab, row->model, q, &config);
}

enum yt_status yt_lab_restore_mixes(struct yt_lab *lab)
{
    int32_t left = MIXES_KEPT;
    if (!lab->calib || lab->choices.precision_asked)
        return YT_OK;
    for (int32_t i = lab->row_count - 1; i >= 0 && left > 0; i--) {
        const struct yt_lab_row *row = &lab->rows[i];
        struct yt_config config;
        if (strncmp(row->precision, "mixed", 5) != 0 ||
            yt_config_parse(row->name, &config) != YT_OK)
            continue;
        config.model = row->model;
        if (yt_config_find_precision(&config, &lab->choices))
            continue;
        YT_TRY(restore_row(lab, row));
        left--;
    }
    return YT_OK;
}

/* ---------------------------------------------------------------- reasons */

static const struct yt_sensitivity *
entry(const struct yt_assignment *a, const char *layer, enum yt_dtype dtype)
{
    for (int32_t i = 0; i < a->count; i++)
        if (a->table[i].dtype == dtype && strcmp(a->table[i].layer, layer) == 0)
            return &a->table[i];
    return NULL;
}

/* What the layer, or those that run as one, compute with: F32 when they are of
 * none that q knows. */
static enum yt_dtype dtype_of(const struct yt_quantisation *q,
                              const struct yt_graph *graph, const char *layer)
{
    struct yt_quantisation *marked = NULL;
    enum yt_dtype dtype = YT_DTYPE_F32;
    if (yt_quantisation_create(graph, &marked) != YT_OK)
        return dtype;
    yt_quantisation_set_all(marked, graph, YT_DTYPE_U8S8);
    if (yt_keep_fp32(marked, graph, layer) == YT_OK)
        for (int32_t i = 0; i < graph->node_count; i++)
            if (graph->nodes[i].kind == YT_NODE_CONV &&
                marked->dtypes[i] == YT_DTYPE_F32)
                dtype = (enum yt_dtype)q->dtypes[i];
    yt_quantisation_destroy(marked);
    return dtype;
}

int32_t yt_lab_kept(const struct yt_lab *lab, const struct yt_config *config,
                    struct yt_lab_kept *out, int32_t cap)
{
    const struct yt_assignment *a =
        &lab->calibrations[config->model].assignment;
    const struct yt_quantisation *q =
        yt_quantisations_find(&lab->engines.quantisations, config);
    const struct yt_graph *graph = lab->facts[config->model]->graph;
    int32_t count = 0;
    for (int32_t i = 0; q && i < a->count && count < cap; i++) {
        const struct yt_sensitivity *f32 = &a->table[i];
        const struct yt_sensitivity *int8 = entry(a, f32->layer, YT_DTYPE_U8S8);
        if (f32->dtype != YT_DTYPE_F32 || !int8)
            continue;
        const enum yt_dtype dtype = dtype_of(q, graph, f32->layer);
        if (dtype == YT_DTYPE_U8S8)
            continue;
        struct yt_lab_kept *kept = &out[count++];
        memcpy(kept->layer, f32->layer, sizeof kept->layer);
        kept->dtype = dtype;
        kept->loss = int8->loss;
        kept->saved_ns = f32->ns - int8->ns;
    }
    return count;
}
