/* See compress/quant/quantisation.h. */

#include "compress/quant/quantisation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/fail.h"

/* --------------------------------------------------------------- lifetime */

/* The hash of what came before is the seed of the next part, whose size goes
 * in as well: no two sequences of parts run into each other. */
static uint64_t hash_on(uint64_t hash, const void *data, size_t bytes)
{
    static const char absent[] = "absent";
    return data ? XXH3_64bits_withSeed(data, bytes, hash)
                : XXH3_64bits_withSeed(absent, sizeof absent, hash);
}

static void digits(uint64_t hash, char out[17])
{
    snprintf(out, 17, "%016" PRIx64, hash);
}

/* What ranges and rounding depend on: a graph's structure and filters, not the
 * names in it or the file that it came from. */
static uint64_t hash_graph(const struct yt_quantisation *q,
                           const struct yt_graph *graph)
{
    uint64_t hash = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        const int32_t head[] = {
            (int32_t)node->kind, node->input_count, node->c, node->r,
            node->stride,        node->pad};
        hash = hash_on(hash, head, sizeof head);
        hash = hash_on(hash, node->inputs,
                       (size_t)node->input_count * sizeof node->inputs[0]);
        hash = hash_on(hash, node->weights,
                       (size_t)q->filter_counts[i] * sizeof node->weights[0]);
        hash =
            hash_on(hash, node->bias, (size_t)node->c * sizeof node->bias[0]);
    }
    return hash;
}

static enum yt_status allocate(int32_t node_count,
                               struct yt_quantisation **q_out)
{
    struct yt_quantisation *q = calloc(1, sizeof *q);
    const size_t count = (size_t)node_count;
    if (q) {
        q->node_count = node_count;
        q->channels = calloc(count, sizeof *q->channels);
        q->filter_counts = calloc(count, sizeof *q->filter_counts);
        q->dtypes = calloc(count, sizeof *q->dtypes);
        q->ranges = calloc(count, sizeof *q->ranges);
        q->rounding = calloc(count, sizeof *q->rounding);
    }
    if (!q || !q->channels || !q->filter_counts || !q->dtypes || !q->ranges ||
        !q->rounding) {
        yt_quantisation_destroy(q);
        return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
    }
    *q_out = q;
    return YT_OK;
}

enum yt_status yt_quantisation_create(const struct yt_graph *graph,
                                      struct yt_quantisation **q_out)
{
    struct yt_quantisation *q;
    YT_TRY(allocate(graph->node_count, &q));
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        q->channels[i] = node->c;
        if (node->kind == YT_NODE_CONV && node->weights)
            q->filter_counts[i] = (int64_t)node->c *
                                  graph->nodes[node->inputs[0]].c * node->r *
                                  node->r;
        q->ranges[i] = (struct yt_node_range){1, 0, 1, 0, NULL};
    }
    digits(hash_graph(q, graph), q->graph_hash);
    *q_out = q;
    return YT_OK;
}

size_t yt_quantisation_rounding_bytes(const struct yt_quantisation *q,
                                      int32_t node)
{
    return ((size_t)q->filter_counts[node] + 7) / 8;
}

/* 0: no memory. */
static int clone(const void *from, size_t bytes, void **to)
{
    *to = NULL;
    if (!from)
        return 1;
    *to = malloc(bytes + 1);
    if (*to)
        memcpy(*to, from, bytes);
    return *to != NULL;
}

static int copy_node(const struct yt_quantisation *q, int32_t i,
                     struct yt_quantisation *copy)
{
    void *means, *rounding;
    copy->channels[i] = q->channels[i];
    copy->filter_counts[i] = q->filter_counts[i];
    copy->dtypes[i] = q->dtypes[i];
    copy->ranges[i] = q->ranges[i];
    int done = clone(q->ranges[i].means, (size_t)q->channels[i] * sizeof(float),
                     &means);
    copy->ranges[i].means = means;
    done &=
        clone(q->rounding[i], yt_quantisation_rounding_bytes(q, i), &rounding);
    copy->rounding[i] = rounding;
    return done;
}

enum yt_status yt_quantisation_copy(const struct yt_quantisation *q,
                                    struct yt_quantisation **copy_out)
{
    struct yt_quantisation *copy;
    YT_TRY(allocate(q->node_count, &copy));
    memcpy(copy->graph_hash, q->graph_hash, sizeof copy->graph_hash);
    memcpy(copy->images_hash, q->images_hash, sizeof copy->images_hash);
    copy->bias_correction = q->bias_correction;
    copy->rounding_weight_max = q->rounding_weight_max;
    copy->images = q->images;
    for (int32_t i = 0; i < q->node_count; i++)
        if (!copy_node(q, i, copy)) {
            yt_quantisation_destroy(copy);
            return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
        }
    *copy_out = copy;
    return YT_OK;
}

enum yt_status yt_quantisation_move(const struct yt_quantisation *q,
                                    const struct yt_graph *graph,
                                    struct yt_quantisation **moved_out)
{
    struct yt_quantisation *moved = NULL;
    YT_TRY(yt_quantisation_copy(q, &moved));
    for (int32_t i = 0; i < moved->node_count; i++) {
        free(moved->rounding[i]);
        moved->rounding[i] = NULL;
    }
    digits(hash_graph(moved, graph), moved->graph_hash);
    *moved_out = moved;
    return YT_OK;
}

enum yt_status yt_quantisation_own(const struct yt_graph *graph,
                                   struct yt_quantisation **q_out)
{
    if (graph->ranges)
        return yt_quantisation_read(graph, graph->ranges, q_out);
    if (!graph->limits)
        return YT_NOT_FOUND;
    YT_TRY(yt_quantisation_create(graph, q_out));
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_graph_limits *limits = &graph->limits[i];
        if (limits->lo < limits->hi)
            (*q_out)->ranges[i] =
                (struct yt_node_range){limits->lo, limits->hi, 1, 0, NULL};
    }
    return YT_OK;
}

void yt_quantisation_destroy(struct yt_quantisation *q)
{
    if (!q)
        return;
    for (int32_t i = 0; q->ranges && i < q->node_count; i++)
        free(q->ranges[i].means);
    for (int32_t i = 0; q->rounding && i < q->node_count; i++)
        free(q->rounding[i]);
    free(q->channels);
    free(q->filter_counts);
    free(q->dtypes);
    free(q->ranges);
    free(q->rounding);
    free(q);
}

/* ------------------------------------------------------------------ types */

void yt_quantisation_set_all(struct yt_quantisation *q,
                             const struct yt_graph *graph, enum yt_dtype dtype)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV)
            q->dtypes[i] = (uint8_t)dtype;
}

enum yt_precision yt_quantisation_precision(const struct yt_quantisation *q,
                                            const struct yt_graph *graph)
{
    int32_t first = -1;
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind != YT_NODE_CONV)
            continue;
        if (first >= 0 && q->dtypes[i] != q->dtypes[first])
            return YT_PRECISION_MIXED;
        first = first < 0 ? i : first;
    }
    return first < 0 ? YT_PRECISION_F32
                     : yt_precision_of((enum yt_dtype)q->dtypes[first]);
}

/* ------------------------------------------------------------------- hash */

void yt_quantisation_hash(const struct yt_quantisation *q, char hash[17])
{
    const int32_t head[] = {q->node_count, q->bias_correction,
                            q->rounding_weight_max, q->images};
    uint64_t sum = hash_on(0, head, sizeof head);
    sum = hash_on(sum, q->graph_hash, strlen(q->graph_hash));
    sum = hash_on(sum, q->images_hash, strlen(q->images_hash));
    sum = hash_on(sum, q->dtypes, (size_t)q->node_count);
    for (int32_t i = 0; i < q->node_count; i++) {
        const struct yt_node_range *range = &q->ranges[i];
        const float limits[] = {range->lo, range->hi, range->seen_lo,
                                range->seen_hi};
        sum = hash_on(sum, limits, sizeof limits);
        sum =
            hash_on(sum, range->means, (size_t)q->channels[i] * sizeof(float));
        sum =
            hash_on(sum, q->rounding[i], yt_quantisation_rounding_bytes(q, i));
    }
    digits(sum, hash);
}
