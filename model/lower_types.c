/* What each value is stored as. A convolution's arithmetic is the type of its
 * input, so the type of a value follows from who reads it: the most precise
 * convolution decides, the others read a converted copy. Values that share
 * memory, or that a pool or an upsample hands on, form a group of one type. */

#include "model/lower.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

static const char *const suffixes[] = {
#define YT_DTYPE(id, name, ...) ".to_" name,
#include "runtime/dtypes.inc"
#undef YT_DTYPE
};

struct groups {
    int32_t *parent; /* [value] towards the group's root, which is its own */
    int32_t *dtype;  /* [value] of a root: enum yt_dtype; -1: nobody asks */
};

static int32_t group_of(const struct groups *g, int32_t value)
{
    while (g->parent[value] != value) {
        g->parent[value] = g->parent[g->parent[value]];
        value = g->parent[value];
    }
    return value;
}

static void unite(const struct groups *g, int32_t a, int32_t b)
{
    g->parent[group_of(g, b)] = group_of(g, a);
}

static void unite_values(const struct yt_ir *ir, const struct groups *g)
{
    for (int32_t i = 0; i < ir->value_count; i++) {
        const struct yt_ir_value *v = &ir->values[i];
        for (int32_t j = 0; j < v->leaf_count; j++)
            unite(g, i, ir->leaves[v->first_leaf + j]);
    }
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        if (op->op != YT_OP_CONV2D)
            unite(g, op->in, op->parts[0].out);
        else if (op->addend == YT_ADD_RESIDUAL)
            unite(g, op->parts[0].add, op->parts[0].out);
    }
}

static enum yt_dtype asked_for(const struct yt_ir *ir,
                               const struct yt_ir_op *op)
{
    const int32_t node = op->parts[0].node;
    return node < 0 ? YT_DTYPE_F32 : (enum yt_dtype)ir->options.dtypes[node];
}

/* The arithmetic of a convolution; the image has its type before all else. */
static enum yt_dtype wanted(const struct yt_ir *ir, const struct yt_ir_op *op)
{
    return op->in == 0 ? ir->values[0].dtype : asked_for(ir, op);
}

static void raise(const struct groups *g, int32_t value, enum yt_dtype dtype)
{
    int32_t *now = &g->dtype[group_of(g, value)];
    if (*now < 0 || yt_dtype_row(dtype)->precision >
                        yt_dtype_row((enum yt_dtype) * now)->precision)
        *now = (int32_t)dtype;
}

/* The image lies in memory with its padding, so whoever reads it has to agree
 * on that too. */
static void type_image(struct yt_ir *ir)
{
    const struct yt_ir_op *first = NULL;
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        if (op->in != 0)
            continue;
        if (!first)
            first = op;
        if (asked_for(ir, op) != asked_for(ir, first) || op->pad != first->pad)
            return;
    }
    if (first && asked_for(ir, first) != YT_DTYPE_F32)
        yt_ir_set_dtype(ir, 0, asked_for(ir, first), first->pad);
}

static void type_values(struct yt_ir *ir, const struct groups *g)
{
    for (int32_t i = 0; i < ir->value_count; i++) {
        g->parent[i] = i;
        g->dtype[i] = -1;
    }
    unite_values(ir, g);
    for (int32_t i = 0; i < ir->op_count; i++)
        if (ir->ops[i].op == YT_OP_CONV2D)
            raise(g, ir->ops[i].in, wanted(ir, &ir->ops[i]));
    for (int32_t i = 0; i < ir->value_count; i++)
        if (ir->values[i].head >= 0)
            raise(g, i, YT_DTYPE_F32);
    for (int32_t i = 1; i < ir->value_count; i++) {
        const int32_t dtype = g->dtype[group_of(g, i)];
        if (dtype >= 0)
            yt_ir_set_dtype(ir, i, (enum yt_dtype)dtype, 0);
    }
}

/* The op that makes a value, and gives a conversion its name; a concat has
 * none but its node. */
static int32_t named_after(const struct yt_ir *ir, int32_t value)
{
    for (int32_t i = 0; i < ir->op_count; i++)
        if (ir->ops[i].parts[0].out == value)
            return ir->ops[i].named_after;
    return ir->values[value].node;
}

static int32_t find_converted(const struct yt_ir *ir, int32_t value,
                              enum yt_dtype dtype)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        const int32_t out = ir->ops[i].parts[0].out;
        if (ir->ops[i].op == YT_OP_CONVERT && ir->ops[i].in == value &&
            ir->values[out].dtype == dtype)
            return out;
    }
    return -1;
}

/* Convert a value right before op @p index. */
static int32_t add_convert(struct yt_ir *ir, int32_t index, int32_t value,
                           enum yt_dtype dtype)
{
    const struct yt_ir_value *v = &ir->values[value];
    const int32_t out = yt_ir_add_value(
        ir, (struct yt_ir_shape){v->c, v->h, v->w}, v->cp, v->map);
    yt_ir_set_dtype(ir, out, dtype, 0);
    ir->values[out].node = v->node;
    ir->values[out].like = value;
    const struct yt_ir_op op = {.op = YT_OP_CONVERT,
                                .named_after = named_after(ir, value),
                                .suffix = suffixes[dtype],
                                .in = value,
                                .parts = {{.node = -1, .out = out, .add = -1}},
                                .part_count = 1};
    yt_ir_insert_op(ir, index, &op);
    return out;
}

static void convert_inputs(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        const int32_t in = ir->ops[i].in;
        if (ir->ops[i].op != YT_OP_CONV2D)
            continue;
        const enum yt_dtype dtype = wanted(ir, &ir->ops[i]);
        if (ir->values[in].dtype == dtype)
            continue;
        int32_t converted = find_converted(ir, in, dtype);
        if (converted < 0)
            converted = add_convert(ir, i++, in, dtype);
        ir->ops[i].in = converted;
    }
}

/* Whose range each logical channel has. Values refer to earlier ones only. */
static enum yt_status list_nodes(struct yt_ir *ir)
{
    size_t total = (size_t)ir->values[0].c; /* the image's */
    for (int32_t i = 1; i < ir->value_count; i++)
        total += (size_t)ir->values[i].c;
    ir->nodes = malloc(total * sizeof *ir->nodes);
    YT_FAIL_IF(!ir->nodes, YT_NO_MEMORY, "no memory for %zu channels", total);
    int32_t *at = ir->nodes;
    for (int32_t i = 0; i < ir->value_count; i++) {
        struct yt_ir_value *v = &ir->values[i];
        v->nodes = at;
        for (int32_t j = 0; j < v->leaf_count; j++) {
            const struct yt_ir_value *leaf =
                &ir->values[ir->leaves[v->first_leaf + j]];
            memcpy(at, leaf->nodes, (size_t)leaf->c * sizeof *at);
            at += leaf->c;
        }
        for (int32_t c = 0; v->leaf_count == 0 && c < v->c; c++)
            *at++ = v->like < 0 ? v->node : ir->values[v->like].nodes[c];
    }
    return YT_OK;
}

enum yt_status yt_ir_type(struct yt_ir *ir)
{
    if (!ir->options.dtypes)
        return ir->options.keep_nodes ? list_nodes(ir) : YT_OK;
    const size_t count = (size_t)ir->value_count;
    int32_t *tables = malloc(2 * count * sizeof *tables);
    YT_FAIL_IF(!tables, YT_NO_MEMORY, "no memory to type %zu values", count);
    const struct groups groups = {.parent = tables, .dtype = tables + count};
    type_image(ir);
    type_values(ir, &groups);
    free(tables);
    convert_inputs(ir);
    return list_nodes(ir);
}
