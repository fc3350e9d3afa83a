/* See compress/precision/assign.h. All networks that are tried differ in a
 * layer or two, so they share the site's kernels. */

#include "compress/precision/assign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "compress/precision/assign_solve.h"
#include "compress/precision/loss.h"
#include "compress/precision/precision.h"
#include "tuner/search/search.h"

#define FRAMES    15 /* timed of each network */
#define MIXES     8
#define TYPES_MAX YT_DTYPE_COUNT

/* Shares of the loss of the fastest assignment that others may have. */
static const double shares[] = {1, 0.85, 0.7, 0.5, 0.3, 0.1, 0.03, 0};
#define SHARES ((int32_t)(sizeof shares / sizeof shares[0]))

struct work {
    const struct yt_engine *engine;
    const struct yt_quantisation *calibrated;
    const struct yt_assign_options *options;
    struct yt_build *base; /* all f32 */
    struct yt_loss *loss;

    enum yt_dtype types[TYPES_MAX]; /* F32 first */
    int32_t type_count;
    int32_t *groups; /* [node_count] of each convolution, -1: kept f32 */
    char (*names)[YT_LAYER_NAME_MAX]; /* [group_count] */
    uint64_t *flops;                  /* [group_count] */
    int32_t group_count;
    uint64_t all_flops;
    double *ns, *losses; /* [group_count][type_count] */
    int32_t done, total;
};

static enum yt_status report(struct work *w)
{
    const struct yt_assign_options *o = w->options;
    if (o->progress)
        o->progress(o->user, w->done, w->total);
    w->done++;
    YT_FAIL_IF(o->stop && *o->stop, YT_INTERRUPTED,
               "assigning types was interrupted");
    return YT_OK;
}

/* --------------------------------------------------------------- networks */

/* With the best kernels that were ever measured here. */
static enum yt_status use_known_schedules(const struct work *w,
                                          struct yt_build *build)
{
    struct yt_search *search = NULL;
    YT_TRY(
        yt_search_create(w->engine->site, build, w->engine->threads, &search));
    yt_search_choose_layers(search, build);
    yt_search_destroy(search);
    return YT_OK;
}

static enum yt_status build_with(const struct work *w,
                                 const struct yt_quantisation *q,
                                 struct yt_build **build_out)
{
    const struct yt_plan *plan = &w->engine->build->plan;
    const struct yt_build_options options = {
        .isa = plan->isa,
        .h = plan->h,
        .w = plan->w,
        .threads = w->engine->threads,
        .keep_nodes = 1,
        .quantisation = q,
        .kernels = w->engine->site->kernels,
    };
    struct yt_build *build = NULL;
    YT_TRY(yt_build_create(w->engine->graph, &options, &build));
    enum yt_status status = use_known_schedules(w, build);
    if (status == YT_OK)
        status = yt_build_make(build, w->engine->site->host.threads);
    if (status != YT_OK) {
        yt_build_destroy(build);
        return status;
    }
    *build_out = build;
    return YT_OK;
}

/* Every group in the type that choices[] says. */
static enum yt_status make(const struct work *w, const int32_t *choices,
                           struct yt_quantisation **q_out)
{
    YT_TRY(yt_quantisation_copy(w->calibrated, q_out));
    yt_quantisation_set_all(*q_out, w->engine->graph, YT_DTYPE_F32);
    for (int32_t i = 0; i < w->engine->graph->node_count; i++)
        if (w->groups[i] >= 0)
            (*q_out)->dtypes[i] = (uint8_t)w->types[choices[w->groups[i]]];
    return YT_OK;
}

/* ----------------------------------------------------------------- groups */

/* Convolutions of one layer, or of layers that share one, stand together. */
static void join_layer(struct work *w, const struct yt_layer *layer)
{
    const int32_t k = layer->problem.u.conv2d.k;
    int32_t group = -1;
    for (int32_t i = 0; i < k && group < 0; i++)
        if (layer->conv_nodes[i] >= 0)
            group = w->groups[layer->conv_nodes[i]];
    if (group < 0) {
        group = w->group_count++;
        memcpy(w->names[group], layer->name, YT_LAYER_NAME_MAX);
    }
    /* The half that runs before an upsample is named after the whole. */
    if (strlen(layer->name) < strlen(w->names[group]))
        memcpy(w->names[group], layer->name, YT_LAYER_NAME_MAX);
    for (int32_t i = 0; i < k; i++)
        if (layer->conv_nodes[i] >= 0)
            w->groups[layer->conv_nodes[i]] = group;
    w->flops[group] += layer->flops;
    w->all_flops += layer->flops;
}

static int is_conv(const struct yt_layer *layer)
{
    return layer->problem.op == YT_OP_CONV2D && layer->conv_nodes;
}

static enum yt_status find_groups(struct work *w)
{
    const struct yt_graph *graph = w->engine->graph;
    const size_t count = (size_t)graph->node_count;
    struct yt_quantisation *kept = NULL;
    w->groups = malloc(count * sizeof *w->groups);
    w->names = calloc(count, sizeof *w->names);
    w->flops = calloc(count, sizeof *w->flops);
    YT_FAIL_IF(!w->groups || !w->names || !w->flops, YT_NO_MEMORY,
               "no memory for groups of layers");
    for (size_t i = 0; i < count; i++)
        w->groups[i] = -1;
    for (int32_t i = 0; i < w->base->net->layer_count; i++)
        if (is_conv(&w->base->net->layers[i]))
            join_layer(w, &w->base->net->layers[i]);
    if (!w->options->keep_fp32)
        return YT_OK;
    YT_TRY(yt_quantisation_create(graph, &kept));
    yt_quantisation_set_all(kept, graph, YT_DTYPE_U8S8);
    const enum yt_status status =
        yt_keep_fp32(kept, graph, w->options->keep_fp32);
    for (size_t i = 0; status == YT_OK && i < count; i++)
        if (kept->dtypes[i] == YT_DTYPE_F32)
            w->groups[i] = -1;
    yt_quantisation_destroy(kept);
    return status;
}

/* ------------------------------------------------------------------ table */

/* The layer's group; -1: none, or one that is kept in f32. */
static int32_t group_of(const struct work *w, const struct yt_layer *layer)
{
    for (int32_t i = 0; is_conv(layer) && i < layer->problem.u.conv2d.k; i++)
        if (layer->conv_nodes[i] >= 0)
            return w->groups[layer->conv_nodes[i]];
    return -1;
}

/* Times of all layers in one type. */
static enum yt_status time_type(struct work *w, int32_t type)
{
    int32_t *choices = malloc((size_t)w->group_count * sizeof *choices);
    struct yt_quantisation *q = NULL;
    struct yt_build *build = NULL;
    struct yt_stats *ns = NULL;
    enum yt_status status;
    YT_FAIL_IF_GOTO(!choices, YT_NO_MEMORY, "no memory to time layers");
    for (int32_t g = 0; g < w->group_count; g++)
        choices[g] = type;
    YT_TRY_GOTO(report(w));
    YT_TRY_GOTO(make(w, choices, &q));
    YT_TRY_GOTO(build_with(w, q, &build));
    ns = malloc((size_t)build->net->layer_count * sizeof *ns);
    YT_FAIL_IF_GOTO(!ns, YT_NO_MEMORY, "no memory to time layers");
    YT_TRY_GOTO(yt_loss_time(w->loss, build, FRAMES, ns));
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const int32_t g = group_of(w, &build->net->layers[i]);
        if (g >= 0)
            w->ns[g * w->type_count + type] += ns[i].median_ns;
    }
done:
    free(ns);
    free(choices);
    yt_build_destroy(build);
    yt_quantisation_destroy(q);
    return status;
}

/* The loss of one group in one type, all others in f32. */
static enum yt_status isolate(struct work *w, int32_t group, int32_t type)
{
    int32_t *choices = calloc((size_t)w->group_count, sizeof *choices);
    struct yt_quantisation *q = NULL;
    struct yt_build *build = NULL;
    enum yt_status status;
    YT_FAIL_IF_GOTO(!choices, YT_NO_MEMORY, "no memory for a layer's loss");
    choices[group] = type;
    YT_TRY_GOTO(report(w));
    YT_TRY_GOTO(make(w, choices, &q));
    YT_TRY_GOTO(build_with(w, q, &build));
    YT_TRY_GOTO(yt_loss_measure(w->loss, build,
                                &w->losses[group * w->type_count + type]));
done:
    free(choices);
    yt_build_destroy(build);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status measure_table(struct work *w)
{
    const size_t cells = (size_t)w->group_count * (size_t)w->type_count;
    w->ns = calloc(cells + 1, sizeof *w->ns);
    w->losses = calloc(cells + 1, sizeof *w->losses);
    YT_FAIL_IF(!w->ns || !w->losses, YT_NO_MEMORY,
               "no memory for a table of layers");
    for (int32_t t = 0; t < w->type_count; t++)
        YT_TRY(time_type(w, t));
    for (int32_t g = 0; g < w->group_count; g++)
        for (int32_t t = 1; t < w->type_count; t++)
            YT_TRY(isolate(w, g, t));
    return YT_OK;
}

static enum yt_status copy_table(const struct work *w,
                                 struct yt_assignment *out)
{
    out->table = calloc((size_t)w->group_count * (size_t)w->type_count + 1,
                        sizeof *out->table);
    YT_FAIL_IF(!out->table, YT_NO_MEMORY, "no memory for a table of layers");
    for (int32_t g = 0; g < w->group_count; g++)
        for (int32_t t = 0; t < w->type_count; t++) {
            struct yt_sensitivity *s = &out->table[out->count++];
            memcpy(s->layer, w->names[g], sizeof s->layer);
            s->dtype = w->types[t];
            s->ns = w->ns[g * w->type_count + t];
            s->loss = w->losses[g * w->type_count + t];
        }
    return YT_OK;
}

/* ------------------------------------------------------------------ mixes */

static enum yt_status measure_mix(struct work *w, const int32_t *choices,
                                  struct yt_mix *mix)
{
    struct yt_build *build = NULL;
    struct yt_stats *ns = NULL;
    uint64_t flops = 0;
    enum yt_status status;
    YT_TRY_GOTO(report(w));
    YT_TRY_GOTO(make(w, choices, &mix->quantisation));
    YT_TRY_GOTO(build_with(w, mix->quantisation, &build));
    YT_TRY_GOTO(yt_loss_measure(w->loss, build, &mix->loss));
    const int32_t layers = build->net->layer_count;
    ns = malloc((size_t)layers * sizeof *ns);
    YT_FAIL_IF_GOTO(!ns, YT_NO_MEMORY, "no memory to time layers");
    YT_TRY_GOTO(yt_loss_time(w->loss, build, FRAMES, ns));
    mix->ns = mix->predicted = 0;
    for (int32_t i = 0; i < layers; i++)
        mix->ns += ns[i].median_ns;
    for (int32_t g = 0; g < w->group_count; g++) {
        mix->predicted += w->losses[g * w->type_count + choices[g]];
        if (w->types[choices[g]] == YT_DTYPE_U8S8)
            flops += w->flops[g];
    }
    mix->flops = w->all_flops ? (double)flops / (double)w->all_flops : 0;
done:
    free(ns);
    yt_build_destroy(build);
    return status;
}

/* What the fastest assignment loses, by the table. */
static double most_loss(const struct work *w)
{
    double sum = 0;
    for (int32_t g = 0; g < w->group_count; g++) {
        const int32_t row = g * w->type_count;
        int32_t best = 0;
        for (int32_t t = 1; t < w->type_count; t++)
            if (w->ns[row + t] < w->ns[row + best])
                best = t;
        sum += w->losses[row + best];
    }
    return sum;
}

static int is_new(const int32_t *choices, int32_t index, int32_t groups)
{
    for (int32_t i = 0; i < index; i++)
        if (memcmp(choices + (ptrdiff_t)i * groups,
                   choices + (ptrdiff_t)index * groups,
                   (size_t)groups * sizeof *choices) == 0)
            return 0;
    return 1;
}

static int by_time(const void *a, const void *b)
{
    const struct yt_mix *x = a, *y = b;
    return x->ns < y->ns ? -1 : x->ns > y->ns;
}

/* Slower and no better than another is no solution. */
static void drop_dominated(struct yt_assignment *out)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < out->mix_count; i++) {
        if (kept > 0 && out->mixes[i].loss >= out->mixes[kept - 1].loss)
            yt_quantisation_destroy(out->mixes[i].quantisation);
        else
            out->mixes[kept++] = out->mixes[i];
    }
    out->mix_count = kept;
}

static enum yt_status solve(struct work *w, struct yt_assignment *out)
{
    const int32_t most = w->options->mixes_max ? w->options->mixes_max : MIXES;
    const int32_t count = most < SHARES ? most : SHARES;
    const struct yt_knapsack knapsack = {w->group_count, w->type_count, w->ns,
                                         w->losses};
    double bounds[SHARES];
    const double all = most_loss(w);
    for (int32_t i = 0; i < count; i++)
        bounds[i] = all * shares[i];
    int32_t *choices =
        calloc((size_t)count * (size_t)w->group_count + 1, sizeof *choices);
    out->mixes = calloc((size_t)count, sizeof *out->mixes);
    enum yt_status status;
    YT_FAIL_IF_GOTO(!choices || !out->mixes, YT_NO_MEMORY,
                    "no memory for assignments");
    YT_TRY_GOTO(yt_knapsack_solve(&knapsack, bounds, count, choices));
    for (int32_t i = 0; i < count; i++)
        if (is_new(choices, i, w->group_count))
            YT_TRY_GOTO(measure_mix(w, choices + (ptrdiff_t)i * w->group_count,
                                    &out->mixes[out->mix_count++]));
    qsort(out->mixes, (size_t)out->mix_count, sizeof *out->mixes, by_time);
    drop_dominated(out);
done:
    free(choices);
    return status;
}

/* -------------------------------------------------------------------- all */

static void choose_types(struct work *w)
{
    const uint32_t bits = w->options->dtypes
                              ? w->options->dtypes
                              : 1u << YT_DTYPE_U8S8 | 1u << YT_DTYPE_S16;
    const struct yt_isa *isa = w->engine->build->isa;
    w->types[w->type_count++] = YT_DTYPE_F32;
    for (int t = 0; t < YT_DTYPE_COUNT; t++)
        if (t != YT_DTYPE_F32 && bits & 1u << t &&
            yt_isa_computes(isa, (enum yt_dtype)t))
            w->types[w->type_count++] = (enum yt_dtype)t;
}

static enum yt_status assign(struct work *w, const struct yt_dataset *pictures,
                             struct yt_assignment *out)
{
    const int32_t images =
        w->options->images ? w->options->images : YT_ASSIGN_IMAGES;
    choose_types(w);
    YT_TRY(build_with(w, NULL, &w->base));
    YT_TRY(yt_loss_open(pictures, images, w->base, &w->loss));
    YT_TRY(find_groups(w));
    w->total = w->type_count + w->group_count * (w->type_count - 1) +
               (w->options->mixes_max ? w->options->mixes_max : MIXES);
    YT_TRY(measure_table(w));
    YT_TRY(copy_table(w, out));
    return solve(w, out);
}

enum yt_status yt_assign(const struct yt_engine *engine,
                         const struct yt_quantisation *calibrated,
                         const struct yt_dataset *pictures,
                         const struct yt_assign_options *options,
                         struct yt_assignment *out)
{
    const struct yt_assign_options defaults = {0};
    struct work w = {.engine = engine,
                     .calibrated = calibrated,
                     .options = options ? options : &defaults};
    memset(out, 0, sizeof *out);
    const enum yt_status status = assign(&w, pictures, out);
    yt_loss_close(w.loss);
    yt_build_destroy(w.base);
    free(w.groups);
    free(w.names);
    free(w.flops);
    free(w.ns);
    free(w.losses);
    if (status != YT_OK)
        yt_assignment_deinit(out);
    return status;
}

void yt_assignment_deinit(struct yt_assignment *a)
{
    for (int32_t i = 0; i < a->mix_count; i++)
        yt_quantisation_destroy(a->mixes[i].quantisation);
    free(a->mixes);
    free(a->table);
    memset(a, 0, sizeof *a);
}
