/* See compress/precision/calibrate.h. A step's output is looked at before the
 * next step runs, since others may be given its place. */

#include "compress/precision/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/image.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/op.h"
#include "compress/precision/calibrate_parts.h"

enum yt_status yt_calibration_report(const struct yt_calibration *work,
                                     enum yt_calibrate_phase phase,
                                     int32_t done, int32_t total)
{
    const struct yt_calibrate_options *o = work->options;
    if (o->progress)
        o->progress(o->user, phase, done, total);
    YT_FAIL_IF(o->stop && *o->stop && done < total, YT_INTERRUPTED,
               "calibration was interrupted");
    return YT_OK;
}

/* ---------------------------------------------------------------- a tensor */

static enum yt_status find_observer(struct yt_calibration *w, int32_t node,
                                    struct yt_observer **observer_out)
{
    struct yt_observer *o = &w->observers[node];
    if (!o->bins)
        YT_TRY(yt_observer_init(w->graph->nodes[node].c, o));
    *observer_out = o;
    return YT_OK;
}

/* Physical channels of one tensor, all of one node or, for a pool's, standing
 * for that pool's. */
struct part {
    const float *values;  /* [count / lanes][pixels][lanes] */
    const int32_t *nodes; /* [count], -1: fills up */
    int32_t count;
    int64_t pixels;
    int32_t pool; /* the node that it is instead, -1: as nodes say */
};

/* Blocks fill up at their ends, so the channels in one are its first lanes. */
static enum yt_status observe_part(struct yt_calibration *w,
                                   const struct part *part)
{
    const int32_t lanes = w->build->isa->lanes;
    int32_t node = -1;
    int32_t channel = 0;
    for (int32_t at = 0; at < part->count; at += lanes) {
        const int32_t own = part->pool >= 0 ? part->pool : part->nodes[at];
        struct yt_observer *o;
        int32_t used = 0;
        while (used < lanes && at + used < part->count &&
               part->nodes[at + used] >= 0)
            used++;
        if (used == 0)
            continue;
        channel = own == node ? channel : 0;
        node = own;
        YT_TRY(find_observer(w, node, &o));
        yt_observer_add(o, channel, part->values + part->pixels * at,
                        part->pixels, lanes, used);
        channel += used;
    }
    return YT_OK;
}

/* The pools that a layer runs: the first by its name, the others reading it.
 * -1: none. */
static int32_t find_pool(const struct yt_graph *graph, const char *name,
                         int32_t input)
{
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind == YT_NODE_MAXPOOL &&
            (name ? strcmp(node->name, name) == 0 : node->inputs[0] == input))
            return i;
    }
    return -1;
}

static enum yt_status observe_pools(struct yt_calibration *w,
                                    const struct yt_layer *layer,
                                    const float *values, int32_t count)
{
    const struct yt_pool2d *p = &layer->problem.u.pool;
    const int64_t pixels = (int64_t)p->h * p->w;
    int32_t pool = find_pool(w->graph, layer->name, -1);
    for (int32_t i = 0; i < count && pool >= 0; i++) {
        const struct part part = {values + i * pixels * p->c,
                                  layer->out_nodes + (ptrdiff_t)i * p->c, p->c,
                                  pixels, pool};
        YT_TRY(observe_part(w, &part));
        pool = find_pool(w->graph, NULL, pool);
    }
    return YT_OK;
}

/* A copy has values that were seen before. */
static int is_copy(const struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    int32_t k = 0;
    while (k < p->k && layer->conv_nodes[k] < 0)
        k++;
    return k == p->k && !p->act && p->add == YT_ADD_NONE;
}

static enum yt_status observe_layer(struct yt_calibration *w, int32_t i)
{
    const struct yt_layer *layer = &w->build->net->layers[i];
    const float *values =
        (const float *)(const void *)(w->workspace + layer->out);
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    struct yt_tensors t;
    yt_op_tensors(&layer->problem, &t);
    if (layer->problem.op == YT_OP_SPPF || layer->problem.op == YT_OP_MAXPOOL)
        return observe_pools(w, layer, values, t.out.count);
    /* Heads are read by decoding alone. */
    if (layer->problem.op != YT_OP_CONV2D || layer->head >= 0 || is_copy(layer))
        return YT_OK;
    const struct part part = {values, layer->out_nodes, p->k,
                              (int64_t)yt_conv2d_out_h(p) * yt_conv2d_out_w(p),
                              -1};
    return observe_part(w, &part);
}

/* --------------------------------------------------------------- pictures */

static enum yt_status observe_image(struct yt_calibration *w, int32_t image)
{
    (void)image;
    const struct yt_net *net = w->build->net;
    struct yt_observer *o;
    YT_TRY(find_observer(w, 0, &o));
    yt_observer_add(o, 0,
                    (const float *)(const void *)(w->workspace + net->input),
                    (int64_t)net->h * net->w, 3, 3);
    for (int32_t i = 0; i < net->layer_count; i++) {
        yt_model_run_steps(w->model, -INFINITY, w->workspace, i, i + 1);
        YT_TRY(observe_layer(w, i));
    }
    return YT_OK;
}

/* Into the network's input. A picture that cannot be read is left out. */
static enum yt_status load_image(struct yt_calibration *w, int32_t i)
{
    const char *path = w->images->images[i].path;
    struct yt_detect_options detect;
    struct yt_picture picture = {0};
    enum yt_status status = yt_picture_load_whole(path, &picture);
    if (status == YT_NO_MEMORY)
        return status;
    if (status != YT_OK)
        return yt_dataset_leave_out(w->images, i, yt_error());
    const struct yt_image image = {
        .pixels = picture.rgb,
        .width = picture.width,
        .height = picture.height,
        .stride_bytes = 3 * (int64_t)picture.width,
        .format = YT_PIXEL_RGB,
    };
    status = yt_detect_options_resolve(&(struct yt_detect_options){0}, &detect);
    if (status == YT_OK) {
        const struct yt_framing framing = yt_model_framing(w->model, &detect);
        yt_model_run_letterbox(w->model, &image, &framing, w->workspace);
    }
    yt_picture_deinit(&picture);
    return status;
}

enum yt_status yt_calibration_run(
    struct yt_calibration *work, enum yt_calibrate_phase phase,
    enum yt_status (*visit)(struct yt_calibration *, int32_t image))
{
    const struct yt_dataset *images = work->images;
    const int32_t count = images->image_count;
    for (int32_t i = 0; i < count; i++) {
        YT_TRY(yt_calibration_report(work, phase, i, count));
        if (!images->images[i].left_out)
            YT_TRY(load_image(work, i));
        if (!images->images[i].left_out)
            YT_TRY(visit(work, i));
    }
    return yt_calibration_report(work, phase, count, count);
}

static enum yt_status observe_images(struct yt_calibration *w)
{
    const struct yt_dataset *images = w->images;
    YT_TRY(yt_calibration_run(w, YT_CALIBRATE_OBSERVE, observe_image));
    YT_FAIL_IF(yt_dataset_used(images) == 0, YT_BAD_INPUT,
               "%s: there is no picture to calibrate on%s%s", images->name,
               images->problem_count ? ": " : "",
               images->problem_count ? images->problems[0] : "");
    return YT_OK;
}

/* ------------------------------------------------------------------ result */

static enum yt_status take_node(const struct yt_calibration *w, int32_t i,
                                struct yt_quantisation *q)
{
    const struct yt_observer *o = &w->observers[i];
    const enum yt_node_kind kind = w->graph->nodes[i].kind;
    struct yt_node_range *range = &q->ranges[i];
    struct yt_range_options options = w->options->range;
    if (!o->bins)
        return YT_OK;
    YT_FAIL_IF(o->strange, YT_BAD_INPUT,
               "%s: has values that are not finite, so there is no range",
               w->graph->nodes[i].name);
    range->means = malloc((size_t)o->channels * sizeof *range->means);
    YT_FAIL_IF(!range->means, YT_NO_MEMORY, "no memory for ranges");
    yt_observer_means(o, range->means);
    if (kind == YT_NODE_INPUT || kind == YT_NODE_MAXPOOL)
        return YT_OK;
    options.act_least =
        kind == YT_NODE_ACT ? yt_act_row(w->graph->nodes[i].act)->least : 0;
    yt_observer_range(o, &options, &range->lo, &range->hi);
    range->seen_lo = o->lo;
    range->seen_hi = o->hi;
    return YT_OK;
}

static enum yt_status take_ranges(const struct yt_calibration *w,
                                  struct yt_quantisation *q)
{
    for (int32_t i = 0; i < q->node_count; i++)
        YT_TRY(take_node(w, i, q));
    q->images = yt_dataset_used(w->images);
    q->bias_correction = w->options->bias_correction;
    snprintf(q->images_hash, sizeof q->images_hash, "%s", w->images->hash);
    return YT_OK;
}

/* --------------------------------------------------------------------- all */

static enum yt_status open_model(struct yt_calibration *w,
                                 const struct yt_isa *isa, int32_t h,
                                 int32_t width, int32_t threads)
{
    const struct yt_build_options options = {.isa = isa,
                                             .h = h,
                                             .w = width,
                                             .threads = threads,
                                             .keep_nodes = 1,
                                             .kernels = w->options->kernels};
    YT_TRY(yt_calibration_report(w, YT_CALIBRATE_COMPILE, 0, 1));
    YT_TRY(yt_build_create(w->graph, &options, &w->build));
    YT_TRY(yt_build_make(w->build, threads));
    YT_TRY(yt_build_open(w->build, 0, &w->model));
    YT_TRY(yt_calibration_report(w, YT_CALIBRATE_COMPILE, 1, 1));
    w->workspace_bytes = (size_t)yt_model_workspace_bytes(w->model);
    w->workspace = yt_memory_alloc(w->workspace_bytes);
    w->observers = calloc((size_t)w->graph->node_count, sizeof *w->observers);
    YT_FAIL_IF(!w->workspace || !w->observers, YT_NO_MEMORY,
               "no memory to calibrate with");
    /* What fills up blocks is read too. */
    memset(w->workspace, 0, w->workspace_bytes);
    return YT_OK;
}

static void close_work(struct yt_calibration *w)
{
    for (int32_t i = 0; w->observers && i < w->graph->node_count; i++)
        yt_observer_deinit(&w->observers[i]);
    free(w->observers);
    yt_memory_free(w->workspace, w->workspace_bytes);
    yt_model_close(w->model);
    yt_build_destroy(w->build);
    yt_dataset_close(w->images);
}

enum yt_status yt_calibrate(const struct yt_graph *graph,
                            const struct yt_isa *isa, int32_t h, int32_t w,
                            int32_t threads, const struct yt_dataset *dataset,
                            const struct yt_calibrate_options *options,
                            struct yt_quantisation **q_out)
{
    const struct yt_calibrate_options defaults = {0};
    struct yt_calibration work = {.graph = graph,
                                  .options = options ? options : &defaults};
    struct yt_quantisation *q = NULL;
    enum yt_status status;
    const int32_t most = work.options->images_max > 0 ? work.options->images_max
                                                      : YT_CALIBRATE_IMAGES;
    YT_TRY_GOTO(yt_dataset_subset(dataset, most, &work.images));
    YT_TRY_GOTO(open_model(&work, isa, h, w, threads));
    YT_TRY_GOTO(observe_images(&work));
    YT_TRY_GOTO(yt_quantisation_create(graph, &q));
    YT_TRY_GOTO(take_ranges(&work, q));
    if (work.options->learn_rounding)
        YT_TRY_GOTO(yt_calibration_round(&work, q));
    *q_out = q;
    q = NULL;
done:
    yt_quantisation_destroy(q);
    close_work(&work);
    return status;
}
