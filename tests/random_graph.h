#ifndef RANDOM_GRAPH_H
#define RANDOM_GRAPH_H

/* Small graphs for the tests of lowering: a few words to build one by hand,
 * and a generator of legal but unlikely ones. Include after cmocka.h. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "model/graph.h"
#include "runtime/problem.h"

struct random_graph {
    struct yt_graph *graph;
    uint64_t state;
    int any_act;          /* 1: activations of all kinds */
    int32_t strides[256]; /* [node] input pixels per cell */
};

static uint32_t next_below(struct random_graph *r, uint32_t n)
{
    return (uint32_t)(yt_random_next(&r->state) >> 33) % n;
}

/* In [-1, 1). */
static float next_noise(struct random_graph *r)
{
    return (float)next_below(r, 1u << 24) / (float)(1u << 23) - 1.0f;
}

static void begin_graph(struct random_graph *r, uint64_t seed)
{
    *r = (struct random_graph){.state = seed};
    assert_int_equal(yt_graph_create(&r->graph), YT_OK);
    r->strides[0] = 1;
}

static int32_t add_node(struct random_graph *r, struct yt_node node,
                        const char *what)
{
    int32_t index = -1;
    snprintf(node.name, sizeof node.name, "%d.%s", r->graph->node_count, what);
    assert_true(r->graph->node_count < 256);
    if (yt_graph_add(r->graph, &node, &index) != YT_OK)
        fail_msg("%s", yt_error());
    int32_t stride = r->strides[node.inputs[0]];
    if (node.kind == YT_NODE_CONV)
        stride *= node.stride;
    if (node.kind == YT_NODE_UPSAMPLE)
        stride /= 2;
    r->strides[index] = stride;
    return index;
}

/* Weights of a variance that keeps the outputs near one. */
static int32_t add_conv(struct random_graph *r, int32_t in, int32_t c,
                        int32_t size, int32_t stride)
{
    const int32_t pad = size == 6 ? 2 : size / 2;
    const struct yt_node node = {.kind = YT_NODE_CONV,
                                 .inputs = {in},
                                 .input_count = 1,
                                 .c = c,
                                 .r = size,
                                 .stride = stride,
                                 .pad = pad};
    const int32_t index = add_node(r, node, "conv");
    assert_int_equal(yt_graph_conv_storage(r->graph, index), YT_OK);
    const struct yt_node *conv = &r->graph->nodes[index];
    const int32_t fan_in = r->graph->nodes[in].c * size * size;
    const float gain = sqrtf(6.0f / (float)fan_in);
    for (int32_t i = 0; i < c * fan_in; i++)
        conv->weights[i] = gain * next_noise(r);
    for (int32_t i = 0; i < c; i++)
        conv->bias[i] = next_noise(r);
    return index;
}

/* The same in groups, which a graph has as zeros between them. */
static int32_t add_grouped(struct random_graph *r, int32_t in, int32_t c,
                           int32_t size, int32_t stride, int32_t groups)
{
    const int32_t conv = add_conv(r, in, c, size, stride);
    const int32_t from = r->graph->nodes[in].c;
    float *weight = r->graph->nodes[conv].weights;
    for (int32_t k = 0; k < c; k++)
        for (int32_t i = 0; i < from; i++)
            for (int32_t tap = 0; tap < size * size; tap++)
                *weight++ *= i / (from / groups) == k / (c / groups)
                                 ? sqrtf((float)groups)
                                 : 0;
    return conv;
}

static int32_t add_unary(struct random_graph *r, enum yt_node_kind kind,
                         int32_t in, int32_t window)
{
    const struct yt_node node = {
        .kind = kind, .inputs = {in}, .input_count = 1, .r = window};
    return add_node(r, node, kind == YT_NODE_MAXPOOL ? "pool" : "up");
}

static int32_t add_act(struct random_graph *r, enum yt_act act, int32_t slope,
                       int32_t in)
{
    const struct yt_node node = {.kind = YT_NODE_ACT,
                                 .inputs = {in},
                                 .input_count = 1,
                                 .act = act,
                                 .slope = slope};
    return add_node(r, node, yt_act_row(act)->name);
}

/* SiLU, or any, where the graph is to have all. */
static int32_t add_silu(struct random_graph *r, int32_t in)
{
    if (!r->any_act)
        return add_act(r, YT_ACT_SILU, 0, in);
    const enum yt_act act =
        (enum yt_act)(YT_ACT_NONE + 1 + next_below(r, YT_ACT_COUNT - 1));
    return add_act(r, act,
                   act == YT_ACT_LEAKY ? 1 + (int32_t)next_below(r, 900000) : 0,
                   in);
}

static int32_t add_conv_silu(struct random_graph *r, int32_t in, int32_t c,
                             int32_t size, int32_t stride)
{
    return add_silu(r, add_conv(r, in, c, size, stride));
}

static int32_t add_join(struct random_graph *r, enum yt_node_kind kind,
                        const int32_t *inputs, int32_t count)
{
    struct yt_node node = {.kind = kind, .input_count = count};
    memcpy(node.inputs, inputs, (size_t)count * sizeof *inputs);
    return add_node(r, node, kind == YT_NODE_ADD ? "add" : "concat");
}

static int32_t add_sum(struct random_graph *r, int32_t a, int32_t b)
{
    return add_join(r, YT_NODE_ADD, (const int32_t[]){a, b}, 2);
}

static int32_t add_concat(struct random_graph *r, int32_t a, int32_t b)
{
    return add_join(r, YT_NODE_CONCAT, (const int32_t[]){a, b}, 2);
}

static int32_t add_c3(struct random_graph *r, int32_t in, int32_t hidden,
                      int32_t repeats, int shortcut, int cv2_first)
{
    int32_t side = cv2_first ? add_conv_silu(r, in, hidden, 1, 1) : -1;
    int32_t chain = add_conv_silu(r, in, hidden, 1, 1);
    for (int32_t i = 0; i < repeats; i++) {
        int32_t branch = add_conv_silu(r, chain, hidden, 1, 1);
        branch = add_conv_silu(r, branch, hidden, 3, 1);
        chain = shortcut ? add_sum(r, chain, branch) : branch;
    }
    if (side < 0)
        side = add_conv_silu(r, in, hidden, 1, 1);
    return add_conv_silu(r, add_concat(r, chain, side), 2 * hidden, 1, 1);
}

static int32_t add_sppf(struct random_graph *r, int32_t in, int32_t window)
{
    int32_t parts[4] = {in};
    for (int32_t i = 1; i < 4; i++)
        parts[i] = add_unary(r, YT_NODE_MAXPOOL, parts[i - 1], window);
    return add_join(r, YT_NODE_CONCAT, parts, 4);
}

/* A head on each given node, then the checks every importer's graph passes. */
static void end_graph(struct random_graph *r, const int32_t *inputs,
                      int32_t count, int32_t na, int32_t nc)
{
    assert_int_equal(yt_graph_set_classes(r->graph, nc, NULL), YT_OK);
    r->graph->na = na;
    for (int32_t i = 0; i < count; i++) {
        struct yt_graph_head *head = &r->graph->heads[r->graph->head_count++];
        head->node = add_conv(r, inputs[i], na * (5 + nc), 1, 1);
        head->stride = r->strides[head->node];
        for (int32_t a = 0; a < na; a++)
            head->anchors[a][0] = head->anchors[a][1] = 10.0f;
    }
    if (yt_graph_check(r->graph) != YT_OK)
        fail_msg("%s", yt_error());
}

/* A node like this one in stride, and in channels if asked; itself at worst. */
static int32_t find_mate(struct random_graph *r, int32_t node, int same_c)
{
    const int32_t count = r->graph->node_count;
    const int32_t from = (int32_t)next_below(r, (uint32_t)count);
    for (int32_t i = 0; i < count; i++) {
        const int32_t other = (from + i) % count;
        if (r->strides[other] == r->strides[node] && other != node &&
            (!same_c || r->graph->nodes[other].c == r->graph->nodes[node].c))
            return other;
    }
    return node;
}

/* Upsample, concatenate, and 1x1 convolutions on both. */
static void add_skip(struct random_graph *r, int32_t in, int32_t c)
{
    int32_t both[2] = {add_unary(r, YT_NODE_UPSAMPLE, in, 0), 0};
    both[1] = find_mate(r, both[0], 0);
    if (next_below(r, 3) == 0) {
        const int32_t other = both[0];
        both[0] = both[1];
        both[1] = other;
    }
    const int32_t concat = add_concat(r, both[0], both[1]);
    if (next_below(r, 2))
        add_c3(r, concat, c, 1, 0, 0);
    else
        add_conv(r, concat, c, 1, 1);
}

static void add_three(struct random_graph *r, int32_t in)
{
    const int32_t parts[] = {in, find_mate(r, in, 0), find_mate(r, in, 0)};
    add_join(r, YT_NODE_CONCAT, parts, 3);
}

static void add_depthwise(struct random_graph *r, int32_t in)
{
    const int32_t c = r->graph->nodes[in].c;
    const int32_t size = 1 + 2 * (int32_t)next_below(r, 3);
    add_silu(r, add_grouped(r, in, c, size, 1, c));
}

/* On a recent node mostly, so that chains get long. */
static void add_anything(struct random_graph *r)
{
    static const int32_t channels[] = {3, 5, 8, 12, 16, 17, 20, 32};
    const int32_t count = r->graph->node_count;
    const int32_t reach = next_below(r, 3) ? 4 : count;
    int32_t in = count - 1 - (int32_t)next_below(r, (uint32_t)reach);
    in = in < 0 ? 0 : in;
    const int32_t c = channels[next_below(r, 8)];
    const int32_t stride = r->strides[in];
    switch (next_below(r, 15)) {
    case 0:
        add_conv(r, in, c, 1 + 2 * (int32_t)next_below(r, 2), 1);
        break;
    case 1:
        add_conv_silu(r, in, c, 3, stride < 8 ? 2 : 1);
        break;
    case 2:
        add_conv_silu(r, in, c, stride < 8 ? 6 : 1, stride < 8 ? 2 : 1);
        break;
    case 3:
        add_silu(r, in);
        break;
    case 4:
        add_unary(r, YT_NODE_MAXPOOL, in, 3);
        break;
    case 5:
        if (stride > 1)
            add_unary(r, YT_NODE_UPSAMPLE, in, 0);
        break;
    case 6:
        add_sum(r, in, find_mate(r, in, 1));
        break;
    case 7: /* a residual branch of a kind */
        add_sum(r, in,
                add_conv_silu(r, find_mate(r, in, 0), r->graph->nodes[in].c,
                              1 + 2 * (int32_t)next_below(r, 2), 1));
        break;
    case 8:
        add_concat(r, in, find_mate(r, in, 0));
        break;
    case 9:
        add_three(r, in);
        break;
    case 10:
    case 11:
        add_c3(r, in, c, 1 + (int32_t)next_below(r, 2), (int)next_below(r, 2),
               (int)next_below(r, 2));
        break;
    case 12:
        add_sppf(r, add_conv_silu(r, in, c, 1, 1), 5);
        break;
    case 13:
        add_depthwise(r, in);
        break;
    default:
        if (stride > 1)
            add_skip(r, in, c);
        break;
    }
}

/* A graph of about this many random blocks, for inputs that 8 divides. Graphs
 * that grew out of hand in channels are cut short. */
static inline struct yt_graph *grow_graph(uint64_t seed, int32_t blocks,
                                          int any_act)
{
    struct random_graph r;
    begin_graph(&r, seed * 2654435761u + 1);
    r.any_act = any_act;
    if (next_below(&r, 4))
        add_conv_silu(&r, 0, 16, 6, 2);
    for (int32_t i = 0; i < blocks; i++) {
        add_anything(&r);
        if (r.graph->nodes[r.graph->node_count - 1].c > 100)
            add_conv_silu(&r, r.graph->node_count - 1, 8, 1, 1);
    }
    const int32_t last = r.graph->node_count - 1;
    int32_t inputs[3] = {last};
    const int32_t heads = 1 + (int32_t)next_below(&r, 3);
    for (int32_t i = 1; i < heads; i++)
        inputs[i] = (int32_t)next_below(&r, (uint32_t)last + 1);
    end_graph(&r, inputs, heads, 1 + (int32_t)next_below(&r, 3),
              1 + (int32_t)next_below(&r, 5));
    return r.graph;
}

static inline struct yt_graph *random_graph(uint64_t seed, int32_t blocks)
{
    return grow_graph(seed, blocks, 0);
}

/* [node_count], to be freed: one type for all, or for most, or any. */
static inline uint8_t *random_dtypes(const struct yt_graph *graph,
                                     uint64_t seed)
{
    struct random_graph r = {.state = seed * 2654435761u + 5};
    uint8_t *dtypes = malloc((size_t)graph->node_count);
    assert_non_null(dtypes);
    const uint8_t most = (uint8_t)next_below(&r, YT_DTYPE_COUNT);
    const uint32_t others = next_below(&r, 3); /* in 6 */
    for (int32_t i = 0; i < graph->node_count; i++)
        dtypes[i] = next_below(&r, 6) < 2 * others
                        ? (uint8_t)next_below(&r, YT_DTYPE_COUNT)
                        : most;
    return dtypes;
}

#endif
