/* Graph nodes to ops. An activation and a residual add join the convolution
 * whose only reader they are; a concat is the memory its parts are written
 * into; an upsample before 1x1 convolutions is moved behind them, where it
 * costs a quarter:
 *
 *   conv(concat(up(a), b)) = up(W_a * a) + W_b * b + bias
 *
 * What YOLOv5 never asks for (an add of two pools, one tensor in two concats)
 * is run as a 1x1 convolution with the identity as its filter. */

#include "model/lower.h"

#include <assert.h>
#include <stdlib.h>

#include "runtime/fail.h"

/* An identity filter has c * c elements; real networks need none at all. */
#define COPY_CHANNELS_MAX 4096

struct select {
    struct yt_ir *ir;
    const struct yt_graph *graph;
    int32_t *uses;   /* [node] times read; a head counts as one */
    int32_t *joined; /* [node] the node whose op includes it, -1: its own */
    int32_t *head;   /* [node] its detection level, -1 */
    int32_t *split;  /* [node] CONCAT that vanishes: index of the upsampled
                        operand; -1 for all other nodes */
    int32_t *value;  /* [node] -1 until it has one */
};

/* Count readers among the nodes that the heads depend on; others stay at 0 and
 * are not run. */
static void count_uses(struct select *s)
{
    for (int32_t i = s->graph->node_count - 1; i > 0; i--) {
        if (s->head[i] >= 0)
            s->uses[i]++;
        if (s->uses[i] == 0)
            continue;
        const struct yt_node *node = &s->graph->nodes[i];
        for (int32_t j = 0; j < node->input_count; j++)
            s->uses[node->inputs[j]]++;
    }
}

static int is_joinable_conv(const struct select *s, int32_t i)
{
    return s->graph->nodes[i].kind == YT_NODE_CONV && s->uses[i] == 1 &&
           s->head[i] < 0;
}

/* The convolution behind node i that an add could join, -1: none. */
static int32_t conv_behind(const struct select *s, int32_t i)
{
    if (is_joinable_conv(s, i))
        return i;
    const struct yt_node *node = &s->graph->nodes[i];
    if (node->kind == YT_NODE_ACT && s->uses[i] == 1 &&
        s->joined[node->inputs[0]] == i)
        return node->inputs[0];
    return -1;
}

static void join_nodes(struct select *s)
{
    for (int32_t i = 1; i < s->graph->node_count; i++) {
        const struct yt_node *node = &s->graph->nodes[i];
        if (s->uses[i] == 0)
            continue;
        if (node->kind == YT_NODE_ACT && is_joinable_conv(s, node->inputs[0]))
            s->joined[node->inputs[0]] = i;
        if (node->kind != YT_NODE_ADD)
            continue;
        /* The later operand, so that the other one is there before it. */
        const int32_t a = node->inputs[0];
        const int32_t b = node->inputs[1];
        const int32_t later = a > b ? a : b;
        const int32_t earlier = a > b ? b : a;
        if (conv_behind(s, later) >= 0)
            s->joined[later] = i;
        else if (conv_behind(s, earlier) >= 0)
            s->joined[earlier] = i;
    }
}

static int is_pointwise(const struct yt_node *node)
{
    return node->kind == YT_NODE_CONV && node->r == 1 && node->stride == 1 &&
           node->pad == 0;
}

/* Whether node i is a 1x1 convolution to which a half-size addend can go. */
static int takes_addend(const struct select *s, int32_t i)
{
    if (!is_pointwise(&s->graph->nodes[i]))
        return 0;
    const int32_t act = s->joined[i];
    if (act < 0)
        return 1;
    return s->graph->nodes[act].kind == YT_NODE_ACT && s->joined[act] < 0;
}

static void split_concats(struct select *s)
{
    const struct yt_graph *graph = s->graph;
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (s->uses[i] == 0 || node->kind != YT_NODE_CONCAT ||
            node->input_count != 2)
            continue;
        int32_t up = -1;
        int32_t ups = 0;
        for (int32_t j = 0; j < 2; j++)
            if (graph->nodes[node->inputs[j]].kind == YT_NODE_UPSAMPLE) {
                up = j;
                ups++;
            }
        if (ups == 1 && s->uses[node->inputs[up]] == 1)
            s->split[i] = up;
    }
    for (int32_t i = 1; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        for (int32_t j = 0; s->uses[i] > 0 && j < node->input_count; j++)
            if (!takes_addend(s, i))
                s->split[node->inputs[j]] = -1;
    }
    /* A split concat takes its upsample along. */
    for (int32_t i = 1; i < graph->node_count; i++)
        if (s->split[i] >= 0)
            s->joined[graph->nodes[i].inputs[s->split[i]]] = i;
}

/* A leaf for node i's result, in the plain layout. */
static int32_t add_leaf(struct select *s, int32_t i)
{
    const struct yt_ir_shape shape = s->ir->shapes[i];
    const int32_t leaf =
        yt_ir_add_value(s->ir, shape, yt_ir_round(s->ir, shape.c), NULL);
    s->ir->values[leaf].node = i;
    return leaf;
}

static int is_plain(const struct select *s, int32_t value)
{
    const struct yt_ir_value *v = &s->ir->values[value];
    return value != 0 && !v->map && v->cp == yt_ir_round(s->ir, v->c);
}

/* Let an op apply the activation of a node, -1: none. */
static void set_act(const struct select *s, struct yt_ir_op *op, int32_t act)
{
    if (act < 0)
        return;
    op->act = s->graph->nodes[act].act;
    op->slope = s->graph->nodes[act].slope;
}

/* Run the identity over a value: bring it to the plain layout, apply the
 * activation of node act, or add another value that is plain; -1: neither. */
static enum yt_status add_identity(struct select *s, int32_t node, int32_t in,
                                   int32_t act, int32_t add, const char *suffix,
                                   int32_t *value_out)
{
    struct yt_ir *ir = s->ir;
    const struct yt_ir_value *v = &ir->values[in];
    YT_FAIL_IF(v->c > COPY_CHANNELS_MAX, YT_UNSUPPORTED,
               "%s: needs a copy of %d channels; %d are possible",
               s->graph->nodes[node].name, v->c, COPY_CHANNELS_MAX);
    const struct yt_ir_shape shape = {v->c, v->h, v->w};
    const int32_t out = yt_ir_add_value(ir, shape, yt_ir_round(ir, v->c), NULL);
    struct yt_ir_op op = {.op = YT_OP_CONV2D,
                          .named_after = node,
                          .suffix = suffix,
                          .in = in,
                          .parts = {{.node = -1, .out = out, .add = add}},
                          .part_count = 1,
                          .r = 1,
                          .stride = 1,
                          .addend = add >= 0 ? YT_ADD_RESIDUAL : YT_ADD_NONE};
    set_act(s, &op, act);
    yt_ir_add_op(ir, &op);
    ir->values[out].node = node;
    if (act < 0 && add < 0)
        ir->values[out].like = in;
    *value_out = out;
    return YT_OK;
}

static enum yt_status make_plain(struct select *s, int32_t node, int32_t *value)
{
    if (is_plain(s, *value))
        return YT_OK;
    return add_identity(s, node, *value, -1, -1, ".copy", value);
}

static struct yt_ir_op conv_op(const struct select *s, int32_t conv, int32_t in,
                               int32_t c_first, int32_t out)
{
    const struct yt_node *node = &s->graph->nodes[conv];
    return (struct yt_ir_op){
        .op = YT_OP_CONV2D,
        .named_after = conv,
        .suffix = "",
        .in = in,
        .parts = {{.node = conv, .c_first = c_first, .out = out, .add = -1}},
        .part_count = 1,
        .r = node->r,
        .stride = node->stride,
        .pad = node->pad,
        .biased = 1};
}

/* Node i is CONV, or the ACT or ADD that conv joined: emit them as one op. */
static enum yt_status emit_conv(struct select *s, int32_t i, int32_t conv,
                                int32_t act, int32_t addend)
{
    const struct yt_graph *graph = s->graph;
    const int32_t input = graph->nodes[conv].inputs[0];
    int32_t add = addend >= 0 ? s->value[addend] : -1;
    if (add >= 0)
        YT_TRY(make_plain(s, i, &add));
    struct yt_ir_op op;
    if (s->split[input] >= 0) {
        assert(add < 0);
        const struct yt_node *concat = &graph->nodes[input];
        const int32_t up = s->split[input];
        const int32_t low = graph->nodes[concat->inputs[up]].inputs[0];
        const int32_t skip = concat->inputs[1 - up];
        struct yt_ir_shape half = s->ir->shapes[low];
        half.c = graph->nodes[conv].c;
        add = yt_ir_add_value(s->ir, half, yt_ir_round(s->ir, half.c), NULL);
        op = conv_op(s, conv, s->value[low], up == 0 ? 0 : graph->nodes[skip].c,
                     add);
        op.suffix = ".up";
        op.biased = 0;
        yt_ir_add_op(s->ir, &op);
        s->value[i] = add_leaf(s, i);
        op = conv_op(s, conv, s->value[skip], up == 0 ? graph->nodes[low].c : 0,
                     s->value[i]);
        op.addend = YT_ADD_UP2;
    } else {
        s->value[i] = add_leaf(s, i);
        op = conv_op(s, conv, s->value[input], 0, s->value[i]);
        op.addend = add >= 0 ? YT_ADD_RESIDUAL : YT_ADD_NONE;
    }
    op.parts[0].add = add;
    set_act(s, &op, act);
    yt_ir_add_op(s->ir, &op);
    s->ir->values[s->value[i]].head = s->head[i];
    return YT_OK;
}

static enum yt_status emit_add(struct select *s, int32_t i)
{
    const struct yt_node *node = &s->graph->nodes[i];
    for (int32_t j = 0; j < 2; j++) {
        const int32_t mine = node->inputs[j];
        if (s->joined[mine] != i)
            continue;
        const int is_conv = s->graph->nodes[mine].kind == YT_NODE_CONV;
        return emit_conv(s, i, is_conv ? mine : s->graph->nodes[mine].inputs[0],
                         is_conv ? -1 : mine, node->inputs[1 - j]);
    }
    int32_t add = s->value[node->inputs[1]];
    YT_TRY(make_plain(s, i, &add));
    return add_identity(s, i, s->value[node->inputs[0]], -1, add, "",
                        &s->value[i]);
}

/* Pools and upsamples work channel by channel: the layout stays. */
static enum yt_status emit_channelwise(struct select *s, int32_t i,
                                       enum yt_op kind)
{
    const struct yt_node *node = &s->graph->nodes[i];
    int32_t in = s->value[node->inputs[0]];
    if (in == 0)
        YT_TRY(make_plain(s, i, &in));
    const struct yt_ir_value *v = &s->ir->values[in];
    s->value[i] = yt_ir_add_value(s->ir, s->ir->shapes[i], v->cp, v->map);
    s->ir->values[s->value[i]].node = i;
    s->ir->values[s->value[i]].like = in;
    const struct yt_ir_op op = {
        .op = kind,
        .named_after = i,
        .suffix = "",
        .in = in,
        .parts = {{.node = -1, .out = s->value[i], .add = -1}},
        .part_count = 1,
        .r = node->r};
    yt_ir_add_op(s->ir, &op);
    return YT_OK;
}

/* Parts that lie in another concat already, twice in this one, or are the
 * image have to be copied. */
static enum yt_status emit_concat(struct select *s, int32_t i)
{
    const struct yt_node *node = &s->graph->nodes[i];
    if (node->input_count == 1) {
        s->value[i] = s->value[node->inputs[0]];
        return YT_OK;
    }
    int32_t parts[YT_NODE_INPUTS_MAX];
    for (int32_t j = 0; j < node->input_count; j++) {
        parts[j] = s->value[node->inputs[j]];
        const int32_t store = s->ir->values[parts[j]].store;
        int taken = parts[j] == 0 || s->ir->stores[store].parent >= 0;
        for (int32_t k = 0; k < j; k++)
            taken |= s->ir->values[parts[k]].store == store;
        if (taken)
            YT_TRY(add_identity(s, i, parts[j], -1, -1, ".copy", &parts[j]));
    }
    YT_TRY(yt_ir_add_concat(s->ir, parts, node->input_count, &s->value[i]));
    s->ir->values[s->value[i]].node = i;
    s->ir->values[s->value[i]].head = s->head[i];
    return YT_OK;
}

static enum yt_status emit_node(struct select *s, int32_t i)
{
    const struct yt_node *node = &s->graph->nodes[i];
    switch (node->kind) {
    case YT_NODE_CONV:
        return emit_conv(s, i, i, -1, -1);
    case YT_NODE_ACT:
        if (s->joined[node->inputs[0]] == i)
            return emit_conv(s, i, node->inputs[0], i, -1);
        return add_identity(s, i, s->value[node->inputs[0]], i, -1, "",
                            &s->value[i]);
    case YT_NODE_ADD:
        return emit_add(s, i);
    case YT_NODE_MAXPOOL:
        return emit_channelwise(s, i, YT_OP_MAXPOOL);
    case YT_NODE_UPSAMPLE:
        return emit_channelwise(s, i, YT_OP_UPSAMPLE);
    case YT_NODE_CONCAT:
        return emit_concat(s, i);
    default:
        return YT_OK;
    }
}

static enum yt_status select_nodes(struct select *s)
{
    const int32_t count = s->graph->node_count;
    for (int32_t i = 0; i < count; i++)
        s->joined[i] = s->head[i] = s->split[i] = s->value[i] = -1;
    for (int32_t i = 0; i < s->graph->head_count; i++)
        s->head[s->graph->heads[i].node] = i;
    s->value[0] = 0;
    count_uses(s);
    join_nodes(s);
    if (!s->ir->options.no_fuse_upsample)
        split_concats(s);
    for (int32_t i = 1; i < count; i++)
        if (s->uses[i] > 0 && s->joined[i] < 0 && s->split[i] < 0)
            YT_TRY(emit_node(s, i));
    return YT_OK;
}

enum yt_status yt_ir_select(struct yt_ir *ir)
{
    const size_t count = (size_t)ir->graph->node_count;
    int32_t *tables = calloc(5 * count, sizeof *tables);
    YT_FAIL_IF(!tables, YT_NO_MEMORY, "no memory to lower %zu nodes", count);
    struct select s = {.ir = ir,
                       .graph = ir->graph,
                       .uses = tables,
                       .joined = tables + count,
                       .head = tables + 2 * count,
                       .split = tables + 3 * count,
                       .value = tables + 4 * count};
    const enum yt_status status = select_nodes(&s);
    free(tables);
    return status;
}
