/* A network for other classes, to be trained: what it knows of where things
 * are, and of classes that it is to know again, is kept. */

#include "model/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runtime/fail.h"

#define BOX_CHANNELS 5 /* x, y, w, h and objectness, before the classes */
/* Of new classes, as a share of the old ones' weights: enough for training to
 * tell them apart, too little to see. */
#define NOISE 0.1

/* A head's filters before and after. */
struct change {
    const struct yt_graph *from;
    struct yt_graph *to;
    const float *old_weights, *old_bias;
    float *weights, *bias; /* the new ones */
    size_t filter;         /* weights of a channel */
    uint64_t random;
};

static int32_t find_class(const struct yt_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->nc; i++)
        if (strcmp(graph->classes[i], name) == 0)
            return i;
    return -1;
}

static size_t channel_of(const struct yt_graph *graph, int32_t anchor,
                         int32_t channel)
{
    return (size_t)anchor * (size_t)(BOX_CHANNELS + graph->nc) +
           (size_t)channel;
}

static void copy_channel(const struct change *change, size_t from, size_t to)
{
    const size_t filter = change->filter;
    memcpy(change->weights + to * filter, change->old_weights + from * filter,
           filter * sizeof *change->weights);
    change->bias[to] = change->old_bias[from];
}

/* Uniform in -1 .. 1. */
static double next_noise(struct change *change)
{
    return (double)(yt_random_next(&change->random) >> 11) * 0x1p-52 - 1;
}

/* The mean of an anchor's old classes, each weight with noise of its own. */
static void invent_channel(struct change *change, int32_t anchor, size_t to)
{
    const int32_t nc = change->from->nc;
    const size_t filter = change->filter;
    const size_t first = channel_of(change->from, anchor, BOX_CHANNELS);
    const float *old = change->old_weights + first * filter;
    double bias = 0;
    for (int32_t k = 0; k < nc; k++)
        bias += (double)change->old_bias[first + (size_t)k];
    change->bias[to] = (float)(bias / nc);
    for (size_t i = 0; i < filter; i++) {
        double sum = 0, squares = 0;
        for (int32_t k = 0; k < nc; k++) {
            const double weight = (double)old[(size_t)k * filter + i];
            sum += weight;
            squares += weight * weight;
        }
        const double noise = NOISE * sqrt(squares / nc) * next_noise(change);
        change->weights[to * filter + i] = (float)(sum / nc + noise);
    }
}

/* What YOLOv5 begins with (models/yolo.py, the biases of Detect): nearly 1. The
 * weights are zeros. Labels of a single class train no class: what one of many
 * said would stay as it was while what it reads changes. */
static void make_certain(const struct change *change, size_t to)
{
    change->bias[to] = logf(0.6f / 1e-5f);
}

static void fill_anchor(struct change *change, int32_t anchor)
{
    const struct yt_graph *from = change->from, *to = change->to;
    for (int32_t i = 0; i < BOX_CHANNELS; i++)
        copy_channel(change, channel_of(from, anchor, i),
                     channel_of(to, anchor, i));
    for (int32_t k = 0; k < to->nc; k++) {
        const size_t channel = channel_of(to, anchor, BOX_CHANNELS + k);
        const int32_t old = find_class(from, to->classes[k]);
        if (to->nc == 1 && from->nc > 1)
            make_certain(change, channel);
        else if (old >= 0)
            copy_channel(change, channel_of(from, anchor, BOX_CHANNELS + old),
                         channel);
        else
            invent_channel(change, anchor, channel);
    }
}

static enum yt_status change_head(struct change *change, int32_t index)
{
    struct yt_graph *to = change->to;
    struct yt_node *node = &to->nodes[index];
    const int32_t c = to->na * (BOX_CHANNELS + to->nc);
    change->filter = (size_t)to->nodes[node->inputs[0]].c;
    change->old_weights = node->weights;
    change->old_bias = node->bias;
    change->weights =
        calloc((size_t)c * change->filter, sizeof *change->weights);
    change->bias = calloc((size_t)c, sizeof *change->bias);
    if (!change->weights || !change->bias) {
        free(change->weights);
        free(change->bias);
        return yt_fail(YT_NO_MEMORY, "%s: no memory for %d classes", node->name,
                       to->nc);
    }
    for (int32_t a = 0; a < to->na; a++)
        fill_anchor(change, a);
    free(node->weights);
    free(node->bias);
    node->weights = change->weights;
    node->bias = change->bias;
    node->c = c;
    return YT_OK;
}

static enum yt_status check_readers(const struct yt_graph *graph, int32_t head)
{
    for (int32_t i = 1; i < graph->node_count; i++)
        for (int32_t k = 0; k < graph->nodes[i].input_count; k++)
            YT_FAIL_IF(graph->nodes[i].inputs[k] == head, YT_UNSUPPORTED,
                       "%s reads the head %s, which cannot get other classes",
                       graph->nodes[i].name, graph->nodes[head].name);
    return YT_OK;
}

static enum yt_status change_heads(const struct yt_graph *from, int32_t nc,
                                   const char *const *names, uint64_t seed,
                                   struct yt_graph *to)
{
    struct change change = {.from = from, .to = to, .random = seed};
    YT_TRY(yt_graph_set_classes(to, nc, names));
    for (int32_t i = 0; i < to->head_count; i++) {
        YT_TRY(check_readers(to, to->heads[i].node));
        YT_TRY(change_head(&change, to->heads[i].node));
    }
    return YT_OK;
}

enum yt_status yt_graph_with_classes(const struct yt_graph *from, int32_t nc,
                                     const char *const *names, uint64_t seed,
                                     struct yt_graph **graph_out)
{
    struct yt_graph *graph = NULL;
    YT_FAIL_IF(nc < 1, YT_BAD_ARGUMENT, "%d classes: there has to be one", nc);
    YT_TRY(yt_graph_wants_anchors(from, "changing classes"));
    YT_TRY(yt_graph_copy(from, &graph));
    const enum yt_status status = change_heads(from, nc, names, seed, graph);
    if (status != YT_OK) {
        yt_graph_destroy(graph);
        return status;
    }
    *graph_out = graph;
    return YT_OK;
}
