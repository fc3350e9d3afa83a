/* Which nodes of the graph a layer's physical channels belong to: what turns
 * ranges of nodes into steps of channels. */

#include "model/lower.h"

#include <stdlib.h>

#include "runtime/fail.h"

/* @return [count], all -1; NULL: no memory. */
static int32_t *no_nodes(int32_t count)
{
    int32_t *nodes = malloc((size_t)count * sizeof *nodes);
    for (int32_t i = 0; nodes && i < count; i++)
        nodes[i] = -1;
    return nodes;
}

/* @param nodes [cp of the value], -1 in it so far. */
static void place_nodes(const struct yt_ir_value *v, int32_t *nodes)
{
    for (int32_t i = 0; i < v->c; i++)
        nodes[v->map ? v->map[i] : i] = v->nodes[i];
}

/* Physical channels of an op's outputs; a head's last block included. */
static int32_t out_channels(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    int32_t count = ir->values[op->parts[0].out].cp;
    for (int32_t i = 1; i < op->part_count; i++)
        count += ir->values[op->parts[i].out].cp;
    return count;
}

static void fill_parts(const struct yt_ir *ir, const struct yt_ir_op *op,
                       struct yt_layer *layer)
{
    int32_t at = 0;
    for (int32_t i = 0; i < op->part_count; i++) {
        const struct yt_ir_part *part = &op->parts[i];
        const struct yt_ir_value *out = &ir->values[part->out];
        place_nodes(out, layer->out_nodes + at);
        if (layer->add_nodes)
            place_nodes(&ir->values[part->add], layer->add_nodes + at);
        /* Convolutions write the plain layout. */
        for (int32_t c = 0; layer->conv_nodes && c < out->c; c++)
            layer->conv_nodes[at + c] = part->node;
        at += out->cp;
    }
}

enum yt_status yt_ir_emit_nodes(const struct yt_ir *ir,
                                const struct yt_ir_op *op,
                                struct yt_layer *layer)
{
    const struct yt_ir_value *in = &ir->values[op->in];
    const int is_conv = op->op == YT_OP_CONV2D;
    const int adds = op->addend == YT_ADD_RESIDUAL;
    if (!ir->options.keep_nodes && !yt_dtype_is_integer(layer->problem.dtype) &&
        !yt_dtype_is_integer(layer->problem.out))
        return YT_OK;
    const int32_t k = out_channels(ir, op);
    layer->in_nodes = no_nodes(in->cp);
    layer->out_nodes = no_nodes(k);
    layer->add_nodes = adds ? no_nodes(k) : NULL;
    layer->conv_nodes = is_conv ? no_nodes(k) : NULL;
    YT_FAIL_IF(!layer->in_nodes || !layer->out_nodes ||
                   (adds && !layer->add_nodes) ||
                   (is_conv && !layer->conv_nodes),
               YT_NO_MEMORY, "%s: no memory for its channels", layer->name);
    place_nodes(in, layer->in_nodes);
    fill_parts(ir, op, layer);
    layer->filter_first = op->parts[0].c_first;
    return YT_OK;
}
