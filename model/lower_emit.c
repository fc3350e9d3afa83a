/* Ops to layers: names, problems, addresses, and filters in physical channels.
 * Rows and columns that exist only to fill up a block are zero, so the lanes
 * they make hold what the activation makes of 0, which nobody reads. */

#include "model/lower.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/filters.h"
#include "runtime/fail.h"
#include "runtime/op.h"

static void append(char name[YT_LAYER_NAME_MAX], const char *text)
{
    const size_t used = strlen(name);
    const size_t room = YT_LAYER_NAME_MAX - 1 - used;
    const size_t length = strnlen(text, room);
    memcpy(name + used, text, length);
    name[used + length] = 0;
}

/* "model.2.cv1" and "model.2.cv2": "model.2.cv1+cv2". */
static void name_layer(const struct yt_ir *ir, const struct yt_ir_op *op,
                       char name[YT_LAYER_NAME_MAX])
{
    const char *first = ir->graph->nodes[op->named_after].name;
    const char *dot = strrchr(first, '.');
    const size_t prefix = dot ? (size_t)(dot + 1 - first) : 0;
    name[0] = 0;
    append(name, first);
    for (int32_t i = 1; i < op->part_count && op->parts[i].node >= 0; i++) {
        const char *other = ir->graph->nodes[op->parts[i].node].name;
        append(name, "+");
        append(name, strncmp(first, other, prefix) ? other : other + prefix);
    }
    append(name, op->suffix);
}

static int64_t address(const struct yt_ir *ir, const int64_t *offsets,
                       int32_t value)
{
    if (value < 0)
        return -1;
    const struct yt_ir_place place = yt_ir_locate(ir, value);
    return offsets[place.root] + place.offset;
}

/* Output channels of the layer: whole blocks, except that decoding counts on a
 * head's own number. */
static int32_t layer_channels(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    const struct yt_ir_value *first = &ir->values[op->parts[0].out];
    if (first->head >= 0)
        return first->c;
    int32_t k = first->cp;
    for (int32_t i = 1; i < op->part_count; i++)
        k += ir->values[op->parts[i].out].cp;
    return k;
}

/* A head in the shape of YOLOv5's: most of it need not be computed. */
static void mark_lazy(const struct yt_ir *ir, const struct yt_ir_op *op,
                      struct yt_conv2d *p)
{
    const int32_t na = ir->graph->na;
    if (!ir->options.dense_heads && !ir->graph->bins &&
        ir->values[op->parts[0].out].head >= 0 && p->r == 1 && p->stride == 1 &&
        !p->act && !p->add && na <= YT_ANCHORS_MAX &&
        p->k == na * (5 + ir->graph->nc))
        p->lazy = na;
}

/* Operators share the names of what they share. */
static void make_problem(const struct yt_ir *ir, const struct yt_ir_op *op,
                         struct yt_problem *p)
{
    const struct yt_ir_value *in = &ir->values[op->in];
    *p = (struct yt_problem){.op = op->op,
                             .dtype = in->dtype,
                             .out = ir->values[op->parts[0].out].dtype};
    const struct {
        const char *name;
        int32_t value;
    } known[] = {
        {"c", in->cp},        {"h", in->h},
        {"w", in->w},         {"k", layer_channels(ir, op)},
        {"r", op->r},         {"stride", op->stride},
        {"pad", op->pad},     {"act", (int32_t)op->act},
        {"slope", op->slope}, {"add", (int32_t)op->addend},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        yt_op_set(p, known[i].name, known[i].value);
    if (op->op != YT_OP_CONV2D)
        return;
    mark_lazy(ir, op, &p->u.conv2d);
    p->u.conv2d.groups = yt_ir_groups(ir, op);
}

static int32_t physical(const struct yt_ir_value *v, int32_t channel)
{
    return v->map ? v->map[channel] : channel;
}

/* The image holds 0..255 where the graph means 0..1. */
static float scaled(const struct yt_ir_op *op, float weight)
{
    return op->in == 0 ? (float)((double)weight / 255.0) : weight;
}

/* One part's rows of the filter, [cp of the part][cp of the input][r][r]. */
static void fill_part(const struct yt_ir *ir, const struct yt_ir_op *op,
                      const struct yt_ir_part *part, float *weights,
                      float *bias)
{
    const struct yt_ir_value *in = &ir->values[op->in];
    const int32_t taps = op->r * op->r;
    if (part->node < 0) {
        for (int32_t k = 0; k < in->c; k++)
            weights[(int64_t)k * in->cp + physical(in, k)] = scaled(op, 1.0f);
        return;
    }
    const struct yt_node *node = &ir->graph->nodes[part->node];
    const int32_t node_c = ir->graph->nodes[node->inputs[0]].c;
    for (int32_t k = 0; k < node->c; k++) {
        for (int32_t c = 0; c < in->c; c++) {
            const int64_t from = (int64_t)k * node_c + part->c_first + c;
            const int64_t to = (int64_t)k * in->cp + physical(in, c);
            for (int32_t t = 0; t < taps; t++)
                weights[to * taps + t] =
                    scaled(op, node->weights[from * taps + t]);
        }
        if (op->biased)
            bias[k] = node->bias[k];
    }
}

/* The filter [k][c / groups][r][r] of a convolution in groups, whose channels
 * are where the graph has them. */
static void fill_groups(const struct yt_ir *ir, const struct yt_ir_part *part,
                        const struct yt_conv2d *p, float *weights, float *bias)
{
    const struct yt_node *node = &ir->graph->nodes[part->node];
    const int64_t row =
        (int64_t)ir->graph->nodes[node->inputs[0]].c * p->r * p->r;
    const int64_t share = (int64_t)yt_conv2d_reads(p) * p->r * p->r;
    for (int32_t k = 0; k < node->c; k++) {
        const int64_t group = k / (p->k / p->groups);
        memcpy(weights + k * share, node->weights + k * row + group * share,
               (size_t)share * sizeof *weights);
        bias[k] = node->bias[k];
    }
}

static enum yt_status make_filter(const struct yt_ir *ir,
                                  const struct yt_ir_op *op,
                                  struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int64_t row = (int64_t)yt_conv2d_reads(p) * p->r * p->r;
    layer->weights = calloc((size_t)(p->k * row), sizeof *layer->weights);
    layer->bias = calloc((size_t)p->k, sizeof *layer->bias);
    YT_FAIL_IF(!layer->weights || !layer->bias, YT_NO_MEMORY,
               "%s: no memory for its filter", layer->name);
    if (p->groups) {
        fill_groups(ir, &op->parts[0], p, layer->weights, layer->bias);
        return YT_OK;
    }
    int64_t k = 0;
    for (int32_t i = 0; i < op->part_count; i++) {
        fill_part(ir, op, &op->parts[i], layer->weights + k * row,
                  layer->bias + k);
        k += ir->values[op->parts[i].out].cp;
    }
    return YT_OK;
}

/* What the graph's convolutions inside an op count for. A split one counts by
 * its input channels and at full size, so that the sums are the graph's. */
static void count_nominal(const struct yt_ir *ir, const struct yt_ir_op *op,
                          struct yt_layer *layer)
{
    for (int32_t i = 0; i < op->part_count; i++) {
        const int32_t n = op->parts[i].node;
        if (n < 0)
            continue;
        const struct yt_ir_shape shape = ir->shapes[n];
        const int32_t c = ir->values[op->in].c;
        const int whole =
            c == ir->graph->nodes[ir->graph->nodes[n].inputs[0]].c;
        const int32_t groups = whole ? yt_filter_groups(ir->graph, n, 1) : 1;
        const uint64_t weights = (uint64_t)shape.c * (uint64_t)(c / groups) *
                                 (uint64_t)(op->r * op->r);
        layer->parameters += weights;
        if (op->biased)
            layer->parameters += (uint64_t)shape.c;
        layer->flops += 2 * weights * (uint64_t)shape.h * (uint64_t)shape.w;
    }
}

static void check_layout(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    for (int32_t i = 1; i < op->part_count; i++) {
        assert(yt_ir_adjacent(ir, op->parts[i - 1].out, op->parts[i].out));
        assert(op->parts[i].add < 0 ||
               yt_ir_adjacent(ir, op->parts[i - 1].add, op->parts[i].add));
    }
    (void)ir;
    (void)op;
}

/* The level that an op's output is the tensor of, or lies in that of; -1. */
static int32_t head_of(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    const int32_t out = op->parts[0].out;
    for (int32_t i = out; i < ir->value_count; i++) {
        const struct yt_ir_value *v = &ir->values[i];
        if (v->head < 0)
            continue;
        if (i == out)
            return v->head;
        for (int32_t j = 0; j < v->leaf_count; j++)
            if (ir->leaves[v->first_leaf + j] == out)
                return v->head;
    }
    return -1;
}

static enum yt_status emit_layer(const struct yt_ir *ir, const int64_t *offsets,
                                 const struct yt_ir_op *op,
                                 struct yt_layer *layer)
{
    check_layout(ir, op);
    name_layer(ir, op, layer->name);
    make_problem(ir, op, &layer->problem);
    if (yt_problem_check(&layer->problem) != YT_OK)
        return yt_fail_prefix(YT_UNSUPPORTED, "%s", layer->name);
    layer->in = address(ir, offsets, op->in);
    layer->out = address(ir, offsets, op->parts[0].out);
    layer->add = address(ir, offsets, op->parts[0].add);
    layer->head = head_of(ir, op);
    count_nominal(ir, op, layer);
    YT_TRY(yt_ir_emit_nodes(ir, op, layer));
    if (op->op != YT_OP_CONV2D)
        return YT_OK;
    YT_TRY(make_filter(ir, op, layer));
    return yt_ir_emit_pattern(ir, op, layer);
}

static enum yt_status emit_heads(const struct yt_ir *ir, const int64_t *offsets,
                                 struct yt_net *net)
{
    net->head_count = ir->graph->head_count;
    for (int32_t i = 0; i < ir->value_count; i++) {
        const struct yt_ir_value *v = &ir->values[i];
        if (v->head < 0)
            continue;
        const struct yt_graph_head *head = &ir->graph->heads[v->head];
        YT_FAIL_IF(v->h * head->stride != ir->options.h ||
                       v->w * head->stride != ir->options.w,
                   YT_BAD_INPUT, "%s: %dx%d cells of %d pixels are not %dx%d",
                   ir->graph->nodes[head->node].name, v->h, v->w, head->stride,
                   ir->options.h, ir->options.w);
        net->heads[v->head].offset = address(ir, offsets, i);
        net->heads[v->head].h = v->h;
        net->heads[v->head].w = v->w;
        net->heads[v->head].stride = head->stride;
    }
    return YT_OK;
}

enum yt_status yt_ir_emit(const struct yt_ir *ir, const int64_t *offsets,
                          struct yt_net *net)
{
    net->layers = calloc((size_t)ir->op_count, sizeof *net->layers);
    YT_FAIL_IF(!net->layers, YT_NO_MEMORY, "no memory for %d layers",
               ir->op_count);
    net->layer_count = ir->op_count;
    for (int32_t i = 0; i < ir->op_count; i++)
        YT_TRY(emit_layer(ir, offsets, &ir->ops[i], &net->layers[i]));
    net->input = address(ir, offsets, 0);
    net->input_dtype = ir->values[0].dtype;
    net->input_pad = ir->values[0].pad;
    return emit_heads(ir, offsets, net);
}
