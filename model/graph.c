/* The graph importers build and everyone after them reads. Importers are fed
 * by hostile files, so every rule is checked here, once: node by node as they
 * are added, and as a whole by yt_graph_check(). Code past that may assert. */

#include "model/graph.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* Several times what the largest published network (yolov5x6) has: 140 million
 * parameters in fewer than 1500 nodes of at most 2560 channels. */
#define NODES_MAX       16384
#define CHANNELS_MAX    65536
#define WINDOW_MAX      31 /* yt_problem_check()'s limits, here and next */
#define CONV_STRIDE_MAX 8
#define STRIDE_MAX      1024               /* input pixels a cell */
#define WEIGHTS_MAX     ((int64_t)1 << 28) /* elements in the whole graph */
#define CLASSES_MAX     8192
#define IMGSZ_MAX       16384

enum yt_status yt_graph_create(struct yt_graph **graph_out)
{
    struct yt_graph *graph = calloc(1, sizeof *graph);
    YT_FAIL_IF(!graph, YT_NO_MEMORY, "no memory for a graph");
    graph->node_cap = 64;
    graph->nodes = calloc((size_t)graph->node_cap, sizeof *graph->nodes);
    if (!graph->nodes) {
        free(graph);
        return yt_fail(YT_NO_MEMORY, "no memory for a graph's nodes");
    }
    struct yt_node *input = &graph->nodes[graph->node_count++];
    input->kind = YT_NODE_INPUT;
    snprintf(input->name, sizeof input->name, "images");
    input->c = 3;
    graph->h = graph->w = 640;
    *graph_out = graph;
    return YT_OK;
}

static void free_classes(struct yt_graph *graph)
{
    if (graph->classes)
        for (int32_t i = 0; i < graph->nc; i++)
            free(graph->classes[i]);
    free(graph->classes);
    graph->classes = NULL;
    graph->nc = 0;
}

void yt_graph_destroy(struct yt_graph *graph)
{
    if (!graph)
        return;
    for (int32_t i = 0; i < graph->node_count; i++) {
        free(graph->nodes[i].weights);
        free(graph->nodes[i].bias);
    }
    free_classes(graph);
    free(graph->ranges);
    free(graph->limits);
    free(graph->nodes);
    free(graph);
}

/* Inputs each kind takes: {least, most}. */
static const int8_t arity[][2] = {
    [YT_NODE_INPUT] = {0, 0},    [YT_NODE_CONV] = {1, 1},
    [YT_NODE_ACT] = {1, 1},      [YT_NODE_MAXPOOL] = {1, 1},
    [YT_NODE_UPSAMPLE] = {1, 1}, [YT_NODE_CONCAT] = {1, YT_NODE_INPUTS_MAX},
    [YT_NODE_ADD] = {2, 2},
};
_Static_assert(sizeof arity / sizeof arity[0] == YT_NODE_COUNT,
               "one row for each kind");

static enum yt_status check_conv(const struct yt_node *node)
{
    YT_FAIL_IF(node->c < 1 || node->c > CHANNELS_MAX, YT_BAD_INPUT,
               "%s: %d output channels; 1 to %d are possible", node->name,
               node->c, CHANNELS_MAX);
    YT_FAIL_IF(node->r < 1 || node->r > WINDOW_MAX, YT_BAD_INPUT,
               "%s: a %dx%d filter; 1x1 to %dx%d are possible", node->name,
               node->r, node->r, WINDOW_MAX, WINDOW_MAX);
    YT_FAIL_IF(node->stride < 1 || node->stride > CONV_STRIDE_MAX, YT_BAD_INPUT,
               "%s: stride %d; 1 to %d are possible", node->name, node->stride,
               CONV_STRIDE_MAX);
    YT_FAIL_IF(node->pad < 0 || node->pad >= node->r, YT_BAD_INPUT,
               "%s: padding %d of a filter of %d: must be less than the filter",
               node->name, node->pad, node->r);
    return YT_OK;
}

/* The channels that follow from the inputs; conv brings its own. */
static enum yt_status output_channels(const struct yt_graph *graph,
                                      const struct yt_node *node,
                                      int32_t *c_out)
{
    const struct yt_node *first = &graph->nodes[node->inputs[0]];
    int64_t c = first->c;
    switch (node->kind) {
    case YT_NODE_CONV:
        YT_TRY(check_conv(node));
        c = node->c;
        break;
    case YT_NODE_MAXPOOL:
        YT_FAIL_IF(
            node->r < 1 || node->r > WINDOW_MAX || node->r % 2 == 0,
            YT_BAD_INPUT,
            "%s: a max-pool window of %d; odd ones from 3 to %d are possible",
            node->name, node->r, WINDOW_MAX);
        break;
    case YT_NODE_ACT:
        YT_FAIL_IF(node->act == YT_ACT_NONE ||
                       !yt_act_exists((int32_t)node->act, node->slope),
                   YT_BAD_INPUT, "%s: no activation %d with slope %d",
                   node->name, (int)node->act, node->slope);
        break;
    case YT_NODE_CONCAT:
        for (int32_t i = 1; i < node->input_count; i++)
            c += graph->nodes[node->inputs[i]].c;
        break;
    case YT_NODE_ADD: {
        const struct yt_node *second = &graph->nodes[node->inputs[1]];
        YT_FAIL_IF(first->c != second->c, YT_BAD_INPUT,
                   "%s: adds %d channels of %s to %d of %s", node->name,
                   second->c, second->name, first->c, first->name);
        break;
    }
    default:
        break;
    }
    YT_FAIL_IF(c > CHANNELS_MAX, YT_BAD_INPUT,
               "%s: %lld channels; at most %d are possible", node->name,
               (long long)c, CHANNELS_MAX);
    *c_out = (int32_t)c;
    return YT_OK;
}

static enum yt_status grow(struct yt_graph *graph)
{
    if (graph->node_count < graph->node_cap)
        return YT_OK;
    const int32_t cap = graph->node_cap * 2;
    struct yt_node *nodes =
        realloc(graph->nodes, (size_t)cap * sizeof *graph->nodes);
    YT_FAIL_IF(!nodes, YT_NO_MEMORY, "no memory for %d nodes", cap);
    graph->nodes = nodes;
    graph->node_cap = cap;
    return YT_OK;
}

enum yt_status yt_graph_add(struct yt_graph *graph, const struct yt_node *node,
                            int32_t *index_out)
{
    const size_t length = strnlen(node->name, sizeof node->name);
    YT_FAIL_IF(length == 0 || length == sizeof node->name, YT_BAD_INPUT,
               "node %d: a node's name has 1 to %zu characters",
               graph->node_count, sizeof node->name - 1);
    YT_FAIL_IF(node->kind <= YT_NODE_INPUT || node->kind >= YT_NODE_COUNT,
               YT_BAD_INPUT, "%s: kind %d cannot be added", node->name,
               (int)node->kind);
    YT_FAIL_IF(graph->node_count >= NODES_MAX, YT_BAD_INPUT,
               "%s: more than %d nodes", node->name, NODES_MAX);
    YT_FAIL_IF(node->input_count < arity[node->kind][0] ||
                   node->input_count > arity[node->kind][1],
               YT_BAD_INPUT, "%s: %d inputs; it takes %d to %d", node->name,
               node->input_count, arity[node->kind][0], arity[node->kind][1]);
    for (int32_t i = 0; i < node->input_count; i++)
        YT_FAIL_IF(node->inputs[i] < 0 || node->inputs[i] >= graph->node_count,
                   YT_BAD_INPUT, "%s: input %d is node %d of %d earlier ones",
                   node->name, i, node->inputs[i], graph->node_count);
    int32_t c = 0;
    YT_TRY(output_channels(graph, node, &c));
    YT_TRY(grow(graph));

    const bool conv = node->kind == YT_NODE_CONV;
    const bool is_act = node->kind == YT_NODE_ACT;
    const bool windowed = conv || node->kind == YT_NODE_MAXPOOL;
    struct yt_node *added = &graph->nodes[graph->node_count];
    memset(added, 0, sizeof *added);
    added->kind = node->kind;
    memcpy(added->name, node->name, length);
    memcpy(added->inputs, node->inputs,
           (size_t)node->input_count * sizeof node->inputs[0]);
    added->input_count = node->input_count;
    added->c = c;
    added->r = windowed ? node->r : 0;
    added->stride = conv ? node->stride : 0;
    added->pad = conv ? node->pad : 0;
    added->act = is_act ? node->act : YT_ACT_NONE;
    added->slope = is_act ? node->slope : 0;
    *index_out = graph->node_count++;
    return YT_OK;
}

static int64_t weight_elems(const struct yt_graph *graph,
                            const struct yt_node *node)
{
    return (int64_t)node->c * graph->nodes[node->inputs[0]].c * node->r *
           node->r;
}

enum yt_status yt_graph_conv_storage(struct yt_graph *graph, int32_t index)
{
    assert(index > 0 && index < graph->node_count);
    struct yt_node *node = &graph->nodes[index];
    assert(node->kind == YT_NODE_CONV && !node->weights && !node->bias);
    const int64_t elems = weight_elems(graph, node);
    int64_t total = elems;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].weights)
            total += weight_elems(graph, &graph->nodes[i]);
    YT_FAIL_IF(total > WEIGHTS_MAX, YT_BAD_INPUT,
               "%s: with its %lld weights the network has %lld; at most %lld "
               "are possible",
               node->name, (long long)elems, (long long)total,
               (long long)WEIGHTS_MAX);
    float *weights = calloc((size_t)elems, sizeof *weights);
    float *bias = calloc((size_t)node->c, sizeof *bias);
    if (!weights || !bias) {
        free(weights);
        free(bias);
        return yt_fail(YT_NO_MEMORY, "%s: no memory for %lld weights",
                       node->name, (long long)elems);
    }
    node->weights = weights;
    node->bias = bias;
    return YT_OK;
}

enum yt_status yt_graph_part_conv(struct yt_graph *graph, int32_t c,
                                  const char *name, int32_t *rest_out)
{
    const int32_t first = graph->node_count - 1;
    struct yt_node part = graph->nodes[first];
    assert(part.kind == YT_NODE_CONV && part.weights);
    YT_FAIL_IF(c < 1 || c >= part.c, YT_BAD_INPUT,
               "%s: %d of %d output channels cannot be parted", part.name, c,
               part.c);
    const size_t filter = (size_t)(weight_elems(graph, &part) / part.c);
    memset(part.name, 0, sizeof part.name);
    snprintf(part.name, sizeof part.name, "%s", name);
    part.c -= c;
    YT_TRY(yt_graph_add(graph, &part, rest_out));
    YT_TRY(yt_graph_conv_storage(graph, *rest_out));
    struct yt_node *kept = &graph->nodes[first];
    const struct yt_node *rest = &graph->nodes[*rest_out];
    const size_t from = (size_t)c;
    memcpy(rest->weights, kept->weights + from * filter,
           (size_t)rest->c * filter * sizeof *rest->weights);
    memcpy(rest->bias, kept->bias + from, (size_t)rest->c * sizeof *rest->bias);
    kept->c = c;
    return YT_OK;
}

bool yt_graph_name_prints(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        const int more = *c < 0x80   ? 0
                         : *c < 0xc2 ? -1
                         : *c < 0xe0 ? 1
                         : *c < 0xf0 ? 2
                         : *c < 0xf5 ? 3
                                     : -1;
        if (more < 0 || *c < 0x20 || *c == 0x7f)
            return false;
        /* More controls, overlong forms, surrogates and what lies beyond
         * U+10FFFF. */
        if ((*c == 0xc2 && c[1] < 0xa0) || (*c == 0xe0 && c[1] < 0xa0) ||
            (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
            (*c == 0xf4 && c[1] > 0x8f))
            return false;
        c++;
        for (int i = 0; i < more; i++, c++)
            if ((*c & 0xc0) != 0x80)
                return false;
    }
    return true;
}

enum yt_status yt_graph_set_classes(struct yt_graph *graph, int32_t nc,
                                    const char *const *names)
{
    YT_FAIL_IF(nc < 1 || nc > CLASSES_MAX, YT_BAD_INPUT,
               "%d classes; 1 to %d are possible", nc, CLASSES_MAX);
    for (int32_t i = 0; names && i < nc; i++)
        YT_FAIL_IF(!yt_graph_name_prints(names[i]), YT_BAD_INPUT,
                   "the name of class %d is not printable UTF-8", i);
    free_classes(graph);
    graph->classes = calloc((size_t)nc, sizeof *graph->classes);
    YT_FAIL_IF(!graph->classes, YT_NO_MEMORY, "no memory for %d names", nc);
    graph->nc = nc;
    for (int32_t i = 0; i < nc; i++) {
        char numbered[32];
        snprintf(numbered, sizeof numbered, "class%d", i);
        graph->classes[i] = strdup(names ? names[i] : numbered);
        if (!graph->classes[i]) {
            free_classes(graph);
            return yt_fail(YT_NO_MEMORY, "no memory for %d names", nc);
        }
    }
    return YT_OK;
}

static enum yt_status check_finite(const struct yt_graph *graph,
                                   const struct yt_node *node)
{
    YT_FAIL_IF(!node->weights || !node->bias, YT_BAD_INPUT,
               "%s: a convolution without weights", node->name);
    const int64_t elems = weight_elems(graph, node);
    for (int64_t i = 0; i < elems; i++)
        YT_FAIL_IF(!isfinite(node->weights[i]), YT_BAD_INPUT,
                   "%s: weight %lld is not finite", node->name, (long long)i);
    for (int32_t i = 0; i < node->c; i++)
        YT_FAIL_IF(!isfinite(node->bias[i]), YT_BAD_INPUT,
                   "%s: bias %d is not finite", node->name, i);
    return YT_OK;
}

/* Input pixels per output cell, from those of the node's inputs. A conv of
 * stride s maps every h that s divides to h / s when
 * floor((h + 2 pad - r) / s) + 1 == h / s, that is r - s <= 2 pad < r. */
static enum yt_status node_stride(const struct yt_graph *graph,
                                  const struct yt_node *node,
                                  const int32_t *strides, int32_t *stride_out)
{
    const int32_t s = strides[node->inputs[0]];
    *stride_out = s;
    for (int32_t i = 1; i < node->input_count; i++)
        YT_FAIL_IF(strides[node->inputs[i]] != s, YT_BAD_INPUT,
                   "%s: joins %s at stride %d with %s at stride %d", node->name,
                   graph->nodes[node->inputs[0]].name, s,
                   graph->nodes[node->inputs[i]].name,
                   strides[node->inputs[i]]);
    if (node->kind == YT_NODE_UPSAMPLE) {
        YT_FAIL_IF(s == 1, YT_BAD_INPUT, "%s: upsamples beyond the image",
                   node->name);
        *stride_out = s / 2;
    }
    if (node->kind == YT_NODE_CONV) {
        YT_FAIL_IF((node->stride & (node->stride - 1)) != 0, YT_BAD_INPUT,
                   "%s: stride %d is not a power of two", node->name,
                   node->stride);
        YT_FAIL_IF(2 * node->pad >= node->r ||
                       2 * node->pad < node->r - node->stride,
                   YT_BAD_INPUT,
                   "%s: filter %d, stride %d, padding %d: the output is not "
                   "the input's size divided by the stride",
                   node->name, node->r, node->stride, node->pad);
        YT_FAIL_IF(s > STRIDE_MAX / node->stride, YT_BAD_INPUT,
                   "%s: %d input pixels a cell; at most %d are possible",
                   node->name, s * node->stride, STRIDE_MAX);
        *stride_out = s * node->stride;
    }
    return YT_OK;
}

static enum yt_status check_nodes(const struct yt_graph *graph,
                                  int32_t *strides)
{
    strides[0] = 1;
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        YT_TRY(node_stride(graph, node, strides, &strides[i]));
        if (node->kind == YT_NODE_CONV)
            YT_TRY(check_finite(graph, node));
    }
    return YT_OK;
}

static enum yt_status check_anchor_head(const struct yt_graph *graph,
                                        int32_t level)
{
    const struct yt_graph_head *head = &graph->heads[level];
    const struct yt_node *node = &graph->nodes[head->node];
    YT_FAIL_IF(node->kind != YT_NODE_CONV || node->r != 1 || node->stride != 1,
               YT_BAD_INPUT, "%s: a head is a 1x1 convolution", node->name);
    YT_FAIL_IF(node->c != (int64_t)graph->na * (5 + graph->nc), YT_BAD_INPUT,
               "%s: %d channels; %d anchors of 5 + %d need %lld", node->name,
               node->c, graph->na, graph->nc,
               (long long)graph->na * (5 + graph->nc));
    for (int32_t a = 0; a < graph->na; a++)
        for (int32_t side = 0; side < 2; side++) {
            const float size = head->anchors[a][side];
            YT_FAIL_IF(!isfinite(size) || size <= 0, YT_BAD_INPUT,
                       "%s: anchor %d of head %d measures %g pixels",
                       node->name, a, level, (double)size);
        }
    return YT_OK;
}

static enum yt_status check_bins_head(const struct yt_graph *graph,
                                      int32_t level)
{
    const struct yt_node *node = &graph->nodes[graph->heads[level].node];
    YT_FAIL_IF(node->kind != YT_NODE_CONCAT || node->input_count != 2,
               YT_BAD_INPUT,
               "%s: a head without anchors joins two convolutions", node->name);
    for (int32_t i = 0; i < 2; i++) {
        const struct yt_node *conv = &graph->nodes[node->inputs[i]];
        const int32_t c = i == 0 ? 4 * graph->bins : graph->nc;
        YT_FAIL_IF(conv->kind != YT_NODE_CONV || conv->r != 1 ||
                       conv->stride != 1 || conv->c != c,
                   YT_BAD_INPUT,
                   "%s: half of a head has to be a 1x1 convolution of %d "
                   "channels",
                   conv->name, c);
        for (int32_t other = 1; other < graph->node_count; other++)
            for (int32_t k = 0; k < graph->nodes[other].input_count; k++)
                YT_FAIL_IF(graph->nodes[other].inputs[k] == node->inputs[i] &&
                               &graph->nodes[other] != node,
                           YT_BAD_INPUT, "%s: %s reads half of a head",
                           conv->name, graph->nodes[other].name);
    }
    return YT_OK;
}

static enum yt_status check_head(const struct yt_graph *graph, int32_t level,
                                 const int32_t *strides)
{
    const struct yt_graph_head *head = &graph->heads[level];
    YT_FAIL_IF(head->node < 1 || head->node >= graph->node_count, YT_BAD_INPUT,
               "head %d: node %d does not exist", level, head->node);
    const struct yt_node *node = &graph->nodes[head->node];
    YT_TRY(graph->bins ? check_bins_head(graph, level)
                       : check_anchor_head(graph, level));
    YT_FAIL_IF(head->stride != strides[head->node], YT_BAD_INPUT,
               "%s: head %d claims stride %d, its convolutions give %d",
               node->name, level, head->stride, strides[head->node]);
    for (int32_t other = 0; other < level; other++)
        YT_FAIL_IF(graph->heads[other].node == head->node, YT_BAD_INPUT,
                   "%s: heads %d and %d are the same node", node->name, other,
                   level);
    return YT_OK;
}

static enum yt_status check_heads(const struct yt_graph *graph,
                                  const int32_t *strides)
{
    YT_FAIL_IF(graph->head_count < 1 || graph->head_count > YT_LEVELS_MAX,
               YT_BAD_INPUT, "%d detection heads; 1 to %d are possible",
               graph->head_count, YT_LEVELS_MAX);
    YT_FAIL_IF(graph->na < 1 || graph->na > YT_ANCHORS_MAX, YT_BAD_INPUT,
               "%d anchors a head; 1 to %d are possible", graph->na,
               YT_ANCHORS_MAX);
    YT_FAIL_IF(graph->nc < 1 || !graph->classes, YT_BAD_INPUT,
               "a detector without classes");
    YT_FAIL_IF(graph->bins < 0 || graph->bins > YT_BINS_MAX ||
                   graph->bins % YT_BINS_STEP ||
                   (graph->bins && graph->na != 1),
               YT_UNSUPPORTED,
               "heads of %d bins a side: multiples of %d up to %d can run",
               graph->bins, YT_BINS_STEP, YT_BINS_MAX);
    for (int32_t i = 0; i < graph->head_count; i++)
        YT_TRY(check_head(graph, i, strides));
    const int32_t stride = yt_graph_max_stride(graph);
    YT_FAIL_IF(graph->h < 1 || graph->h > IMGSZ_MAX || graph->h % stride ||
                   graph->w < 1 || graph->w > IMGSZ_MAX || graph->w % stride,
               YT_BAD_INPUT,
               "image size %dx%d: both must be multiples of %d up to %d",
               graph->h, graph->w, stride, IMGSZ_MAX);
    return YT_OK;
}

enum yt_status yt_graph_check(const struct yt_graph *graph)
{
    int32_t *strides = calloc((size_t)graph->node_count, sizeof *strides);
    YT_FAIL_IF(!strides, YT_NO_MEMORY, "no memory to check %d nodes",
               graph->node_count);
    enum yt_status status = check_nodes(graph, strides);
    if (status == YT_OK)
        status = check_heads(graph, strides);
    free(strides);
    return status;
}

int yt_graph_is_head(const struct yt_graph *graph, int32_t node)
{
    for (int32_t i = 0; i < graph->head_count; i++) {
        const struct yt_node *head = &graph->nodes[graph->heads[i].node];
        if (graph->heads[i].node == node ||
            (graph->bins &&
             (head->inputs[0] == node || head->inputs[1] == node)))
            return 1;
    }
    return 0;
}

enum yt_status yt_graph_wants_anchors(const struct yt_graph *graph,
                                      const char *what)
{
    YT_FAIL_IF(graph->bins, YT_UNSUPPORTED,
               "%s is for heads with anchors, as YOLOv5 has them; %s has none",
               what, graph->name[0] ? graph->name : "this network");
    return YT_OK;
}

int32_t yt_graph_max_stride(const struct yt_graph *graph)
{
    int32_t most = 1;
    for (int32_t i = 0; i < graph->head_count; i++)
        if (graph->heads[i].stride > most)
            most = graph->heads[i].stride;
    return most;
}
