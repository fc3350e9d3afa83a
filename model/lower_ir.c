/* The intermediate network's containers and its one rule: memory is not
 * written while someone still needs what is in it. */

#include "model/lower.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

static int64_t value_bytes(const struct yt_ir_value *v)
{
    return (int64_t)v->cp * (v->h + 2 * v->pad) * (v->w + 2 * v->pad) *
           yt_dtype_bytes(v->dtype);
}

enum yt_status yt_ir_init(struct yt_ir *ir, const struct yt_graph *graph,
                          const struct yt_net_options *options)
{
    *ir = (struct yt_ir){.graph = graph, .options = *options};
    /* Each node makes at most two ops, each of which may convert its input,
     * and each of its operands a copy; a fusion adds at most one store to two
     * ops it makes one. */
    const size_t cap = (size_t)graph->node_count * (YT_NODE_INPUTS_MAX + 6) + 1;
    YT_FAIL_IF(cap > INT32_MAX / 2, YT_UNSUPPORTED, "%d nodes are too many",
               graph->node_count);
    ir->cap = (int32_t)cap;
    ir->shapes = calloc((size_t)graph->node_count, sizeof *ir->shapes);
    ir->values = calloc(cap, sizeof *ir->values);
    ir->stores = calloc(cap, sizeof *ir->stores);
    ir->ops = calloc(cap, sizeof *ir->ops);
    ir->maps = calloc(cap, sizeof *ir->maps);
    ir->saved_stores = calloc(cap, sizeof *ir->saved_stores);
    ir->saved_ops = calloc(cap, sizeof *ir->saved_ops);
    YT_FAIL_IF(!ir->shapes || !ir->values || !ir->stores || !ir->ops ||
                   !ir->maps || !ir->saved_stores || !ir->saved_ops,
               YT_NO_MEMORY, "no memory for a network of %d nodes",
               graph->node_count);
    YT_TRY(yt_graph_shapes(graph, options->h, options->w, ir->shapes));
    const int32_t image = yt_ir_add_value(ir, ir->shapes[0], 3, NULL);
    ir->values[image].node = 0;
    return YT_OK;
}

void yt_ir_deinit(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->map_count; i++)
        free(ir->maps[i]);
    free(ir->shapes);
    free(ir->values);
    free(ir->stores);
    free(ir->ops);
    free(ir->leaves);
    free(ir->maps);
    free(ir->nodes);
    free(ir->saved_stores);
    free(ir->saved_ops);
    *ir = (struct yt_ir){0};
}

int32_t yt_ir_round(const struct yt_ir *ir, int32_t c)
{
    const int32_t lanes = ir->options.lanes;
    return (c + lanes - 1) / lanes * lanes;
}

int32_t yt_ir_add_store(struct yt_ir *ir, int64_t bytes)
{
    assert(ir->store_count < ir->cap);
    ir->stores[ir->store_count] =
        (struct yt_ir_store){.parent = -1, .bytes = bytes};
    return ir->store_count++;
}

int32_t yt_ir_add_value(struct yt_ir *ir, struct yt_ir_shape shape, int32_t cp,
                        const int32_t *map)
{
    assert(ir->value_count < ir->cap);
    struct yt_ir_value *v = &ir->values[ir->value_count];
    *v = (struct yt_ir_value){.c = shape.c,
                              .h = shape.h,
                              .w = shape.w,
                              .cp = cp,
                              .map = map,
                              .node = -1,
                              .like = -1,
                              .head = -1};
    v->store = yt_ir_add_store(ir, value_bytes(v));
    return ir->value_count++;
}

/* What follows the last row of a padded image may be read, as whole vectors
 * are. */
#define IMAGE_SLACK_BYTES 64

void yt_ir_set_dtype(struct yt_ir *ir, int32_t value, enum yt_dtype dtype,
                     int32_t pad)
{
    struct yt_ir_value *v = &ir->values[value];
    struct yt_ir_store *store = &ir->stores[v->store];
    const int slack = value == 0 && dtype != YT_DTYPE_F32;
    store->offset =
        store->offset / yt_dtype_bytes(v->dtype) * yt_dtype_bytes(dtype);
    v->dtype = dtype;
    v->pad = pad;
    store->bytes = value_bytes(v) + (slack ? IMAGE_SLACK_BYTES : 0);
}

static enum yt_status add_leaf(struct yt_ir *ir, int32_t leaf)
{
    if (ir->leaf_count == ir->leaf_cap) {
        const int32_t cap = ir->leaf_cap ? 2 * ir->leaf_cap : 64;
        int32_t *leaves = realloc(ir->leaves, (size_t)cap * sizeof *leaves);
        YT_FAIL_IF(!leaves, YT_NO_MEMORY, "no memory for a concat");
        ir->leaves = leaves;
        ir->leaf_cap = cap;
    }
    ir->leaves[ir->leaf_count++] = leaf;
    return YT_OK;
}

/* Where the logical channels of a concat lie; NULL in *map_out when channel i
 * is simply the i-th. */
static enum yt_status concat_map(struct yt_ir *ir, const int32_t *parts,
                                 int32_t count, int32_t c,
                                 const int32_t **map_out)
{
    int32_t *map = malloc((size_t)c * sizeof *map);
    YT_FAIL_IF(!map, YT_NO_MEMORY, "no memory for a concat");
    int32_t at = 0;
    int32_t base = 0;
    int same = 1;
    for (int32_t i = 0; i < count; i++) {
        const struct yt_ir_value *part = &ir->values[parts[i]];
        for (int32_t j = 0; j < part->c; j++, at++) {
            map[at] = base + (part->map ? part->map[j] : j);
            same &= map[at] == at;
        }
        base += part->cp;
    }
    *map_out = NULL;
    if (same) {
        free(map);
    } else {
        assert(ir->map_count < ir->cap);
        ir->maps[ir->map_count++] = map;
        *map_out = map;
    }
    return YT_OK;
}

enum yt_status yt_ir_add_concat(struct yt_ir *ir, const int32_t *parts,
                                int32_t count, int32_t *value_out)
{
    const struct yt_ir_value *first = &ir->values[parts[0]];
    struct yt_ir_shape shape = {first->c, first->h, first->w};
    int32_t cp = first->cp;
    for (int32_t i = 1; i < count; i++) {
        shape.c += ir->values[parts[i]].c;
        cp += ir->values[parts[i]].cp;
    }
    YT_FAIL_IF((int64_t)shape.h * shape.w > INT32_MAX / 4 / ((int64_t)cp + 64),
               YT_UNSUPPORTED, "a concat of %dx%dx%d is too large", cp, shape.h,
               shape.w);
    const int32_t *map = NULL;
    YT_TRY(concat_map(ir, parts, count, shape.c, &map));
    const int32_t value = yt_ir_add_value(ir, shape, cp, map);
    struct yt_ir_value *v = &ir->values[value];

    const int32_t first_leaf = ir->leaf_count;
    int64_t offset = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct yt_ir_value *part = &ir->values[parts[i]];
        const int embedded = yt_ir_embed(ir, part->store, v->store, offset);
        assert(embedded);
        (void)embedded;
        offset += value_bytes(part);
        for (int32_t j = 0; j < part->leaf_count; j++)
            YT_TRY(add_leaf(ir, ir->leaves[part->first_leaf + j]));
        if (part->leaf_count == 0)
            YT_TRY(add_leaf(ir, parts[i]));
    }
    v->first_leaf = first_leaf;
    v->leaf_count = ir->leaf_count - first_leaf;
    *value_out = value;
    return YT_OK;
}

void yt_ir_add_op(struct yt_ir *ir, const struct yt_ir_op *op)
{
    assert(ir->op_count < ir->cap);
    ir->ops[ir->op_count++] = *op;
}

void yt_ir_insert_op(struct yt_ir *ir, int32_t index, const struct yt_ir_op *op)
{
    assert(ir->op_count < ir->cap);
    memmove(&ir->ops[index + 1], &ir->ops[index],
            (size_t)(ir->op_count - index) * sizeof *ir->ops);
    ir->ops[index] = *op;
    ir->op_count++;
}

void yt_ir_remove_op(struct yt_ir *ir, int32_t index)
{
    ir->op_count--;
    memmove(&ir->ops[index], &ir->ops[index + 1],
            (size_t)(ir->op_count - index) * sizeof *ir->ops);
}

struct yt_ir_place yt_ir_locate(const struct yt_ir *ir, int32_t value)
{
    int32_t store = ir->values[value].store;
    struct yt_ir_place place = {store, 0, ir->stores[store].bytes};
    while (ir->stores[store].parent >= 0) {
        place.offset += ir->stores[store].offset;
        store = ir->stores[store].parent;
    }
    place.root = store;
    return place;
}

int yt_ir_adjacent(const struct yt_ir *ir, int32_t a, int32_t b)
{
    const struct yt_ir_place pa = yt_ir_locate(ir, a);
    const struct yt_ir_place pb = yt_ir_locate(ir, b);
    return pa.root == pb.root && pa.offset + pa.bytes == pb.offset;
}

int yt_ir_embed(struct yt_ir *ir, int32_t store, int32_t into, int64_t offset)
{
    struct yt_ir_store *s = &ir->stores[store];
    if (store == 0 || into == 0 || s->parent >= 0 || offset < 0 ||
        offset + s->bytes > ir->stores[into].bytes)
        return 0;
    for (int32_t up = into; up >= 0; up = ir->stores[up].parent)
        if (up == store)
            return 0;
    s->parent = into;
    s->offset = offset;
    return 1;
}

static void read_value(struct yt_ir *ir, int32_t value, int32_t step)
{
    struct yt_ir_value *v = &ir->values[value];
    v->last = step;
    for (int32_t i = 0; i < v->leaf_count; i++)
        ir->values[ir->leaves[v->first_leaf + i]].last = step;
}

void yt_ir_liveness(struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->value_count; i++)
        ir->values[i].first = ir->values[i].last = -1;
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        read_value(ir, op->in, i);
        for (int32_t j = 0; j < op->part_count; j++) {
            if (op->parts[j].add >= 0)
                read_value(ir, op->parts[j].add, i);
            ir->values[op->parts[j].out].first = i;
            ir->values[op->parts[j].out].last = i;
        }
    }
    for (int32_t i = 0; i < ir->value_count; i++)
        if (ir->values[i].head >= 0)
            read_value(ir, i, ir->op_count);
}

static int reads(const struct yt_ir *ir, int32_t value, int32_t leaf)
{
    const struct yt_ir_value *v = &ir->values[value];
    for (int32_t i = 0; i < v->leaf_count; i++)
        if (ir->leaves[v->first_leaf + i] == leaf)
            return 1;
    return value == leaf;
}

/* Whether value a, in the same bytes as b, is done with when b is written. */
static int makes_way(const struct yt_ir *ir, int32_t a, int32_t b,
                     int same_range)
{
    const struct yt_ir_value *va = &ir->values[a];
    const struct yt_ir_value *vb = &ir->values[b];
    if (va->last < vb->first)
        return 1;
    if (va->last > vb->first || va->first >= vb->first)
        return 0;
    const struct yt_ir_op *op = &ir->ops[vb->first];
    return same_range && op->addend == YT_ADD_RESIDUAL && op->part_count == 1 &&
           op->parts[0].add == a && !reads(ir, op->in, a);
}

int yt_ir_valid(struct yt_ir *ir, int32_t root)
{
    yt_ir_liveness(ir);
    for (int32_t a = 0; a < ir->value_count; a++) {
        const struct yt_ir_place pa = yt_ir_locate(ir, a);
        if (pa.root != root || ir->values[a].leaf_count > 0)
            continue;
        for (int32_t b = 0; b < a; b++) {
            const struct yt_ir_place pb = yt_ir_locate(ir, b);
            if (pb.root != root || ir->values[b].leaf_count > 0 ||
                pa.offset >= pb.offset + pb.bytes ||
                pb.offset >= pa.offset + pa.bytes)
                continue;
            const int same = pa.offset == pb.offset && pa.bytes == pb.bytes;
            if (!makes_way(ir, a, b, same) && !makes_way(ir, b, a, same))
                return 0;
        }
    }
    return 1;
}

void yt_ir_save(struct yt_ir *ir)
{
    memcpy(ir->saved_stores, ir->stores,
           (size_t)ir->store_count * sizeof *ir->stores);
    memcpy(ir->saved_ops, ir->ops, (size_t)ir->op_count * sizeof *ir->ops);
    ir->saved_store_count = ir->store_count;
    ir->saved_op_count = ir->op_count;
}

void yt_ir_restore(struct yt_ir *ir)
{
    memcpy(ir->stores, ir->saved_stores,
           (size_t)ir->saved_store_count * sizeof *ir->stores);
    memcpy(ir->ops, ir->saved_ops,
           (size_t)ir->saved_op_count * sizeof *ir->ops);
    ir->store_count = ir->saved_store_count;
    ir->op_count = ir->saved_op_count;
}
