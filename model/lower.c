/* A graph to a network of layers: the passes in order, and the arena. */

#include "model/lower.h"

#include <stdlib.h>

#include "runtime/fail.h"

static enum yt_status check_options(const struct yt_graph *graph,
                                    const struct yt_net_options *options)
{
    YT_FAIL_IF(options->lanes != 4 && options->lanes != 8 &&
                   options->lanes != 16,
               YT_BAD_ARGUMENT, "%d lanes: want 4, 8 or 16", options->lanes);
    const int32_t stride = yt_graph_max_stride(graph);
    YT_FAIL_IF(options->h < 1 || options->w < 1 || options->h % stride ||
                   options->w % stride,
               YT_BAD_ARGUMENT,
               "input %dx%d: both sides have to be multiples of %d", options->w,
               options->h, stride);
    for (int32_t i = 0; options->dtypes && i < graph->node_count; i++)
        YT_FAIL_IF(graph->nodes[i].kind == YT_NODE_CONV &&
                       options->dtypes[i] >= YT_DTYPE_COUNT,
                   YT_BAD_ARGUMENT, "%s: unknown dtype %d",
                   graph->nodes[i].name, options->dtypes[i]);
    return YT_OK;
}

/* The value that takes over this one's memory in the very op that reads it
 * last, -1: none. */
static int32_t heir(const struct yt_ir *ir, int32_t value)
{
    const int32_t last = ir->values[value].last;
    if (last < 0 || last >= ir->op_count ||
        ir->ops[last].addend != YT_ADD_RESIDUAL ||
        ir->ops[last].parts[0].add != value)
        return -1;
    const int32_t out = ir->ops[last].parts[0].out;
    const struct yt_ir_place a = yt_ir_locate(ir, value);
    const struct yt_ir_place b = yt_ir_locate(ir, out);
    return a.root == b.root && a.offset == b.offset ? out : -1;
}

static enum yt_status measure(const struct yt_ir *ir, struct yt_net *net)
{
    struct yt_place_item *items =
        calloc((size_t)ir->value_count, sizeof *items);
    YT_FAIL_IF(!items, YT_NO_MEMORY, "no memory to measure the arena");
    int32_t count = 0;
    for (int32_t i = 0; i < ir->value_count; i++) {
        const struct yt_ir_value *v = &ir->values[i];
        if (v->leaf_count > 0)
            continue;
        items[count] =
            (struct yt_place_item){.first = v->first,
                                   .last = v->last - (heir(ir, i) >= 0),
                                   .bytes = yt_ir_locate(ir, i).bytes};
        net->feature_bytes += items[count++].bytes;
    }
    net->floor_bytes = yt_place_floor(items, count);
    free(items);
    return YT_OK;
}

static void count_totals(const struct yt_graph *graph,
                         const struct yt_ir_shape *shapes, struct yt_net *net)
{
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_CONV)
            continue;
        const uint64_t weights = (uint64_t)node->c *
                                 (uint64_t)graph->nodes[node->inputs[0]].c *
                                 (uint64_t)(node->r * node->r);
        net->parameters += weights + (uint64_t)node->c;
        net->flops +=
            2 * weights * (uint64_t)shapes[i].h * (uint64_t)shapes[i].w;
    }
}

static enum yt_status lower(struct yt_ir *ir, struct yt_net *net)
{
    YT_TRY(yt_ir_select(ir));
    YT_TRY(yt_ir_type(ir));
    yt_ir_fuse(ir);
    count_totals(ir->graph, ir->shapes, net);
    YT_TRY(measure(ir, net));
    if (ir->options.bands)
        YT_TRY(yt_ir_band(ir));
    int64_t *offsets = malloc((size_t)ir->store_count * sizeof *offsets);
    YT_FAIL_IF(!offsets, YT_NO_MEMORY, "no memory to place tensors");
    int64_t floor = 0;
    enum yt_status status = yt_ir_place(ir, offsets, &net->arena_bytes, &floor);
    if (ir->band_count > 0)
        net->floor_bytes = floor;
    if (status == YT_OK)
        status = yt_ir_emit(ir, offsets, net);
    if (status == YT_OK)
        status = yt_ir_emit_bands(ir, net);
    free(offsets);
    return status;
}

enum yt_status yt_net_lower(const struct yt_graph *graph,
                            const struct yt_net_options *options,
                            struct yt_net **net_out)
{
    YT_TRY(check_options(graph, options));
    struct yt_net *net = calloc(1, sizeof *net);
    YT_FAIL_IF(!net, YT_NO_MEMORY, "no memory for a network");
    net->lanes = options->lanes;
    net->h = options->h;
    net->w = options->w;
    struct yt_ir ir;
    enum yt_status status = yt_ir_init(&ir, graph, options);
    if (status == YT_OK)
        status = lower(&ir, net);
    yt_ir_deinit(&ir);
    if (status != YT_OK) {
        yt_net_destroy(net);
        return status;
    }
    *net_out = net;
    return YT_OK;
}

void yt_net_destroy(struct yt_net *net)
{
    if (!net)
        return;
    for (int32_t i = 0; i < net->layer_count; i++) {
        free(net->layers[i].weights);
        free(net->layers[i].bias);
        free(net->layers[i].in_nodes);
        free(net->layers[i].out_nodes);
        free(net->layers[i].add_nodes);
        free(net->layers[i].conv_nodes);
        if (net->layers[i].integers)
            yt_integers_deinit(net->layers[i].integers);
        free(net->layers[i].integers);
    }
    free(net->layers);
    free(net);
}
