/* What a graph computes, as a name that two graphs share only if they compute
 * the same: digests of its parts, chained. Names of nodes and classes, the file
 * and the size it was made for are left out: none changes an output. */

#include "model/graph.h"

#include <string.h>

#include "model/digest.h"

#define DIGITS 32

/* The chain so far and a part make the chain that includes the part. */
static void chain(char digest[DIGITS + 1], const void *bytes, size_t size)
{
    char both[2 * DIGITS + 1];
    memcpy(both, digest, DIGITS);
    yt_digest_hex(bytes, size, both + DIGITS);
    yt_digest_hex(both, sizeof both - 1, digest);
}

static void chain_node(char digest[DIGITS + 1], const struct yt_graph *graph,
                       const struct yt_node *node)
{
    int32_t shape[6 + YT_NODE_INPUTS_MAX] = {
        (int32_t)node->kind, node->c,   node->r,
        node->stride,        node->pad, node->input_count};
    memcpy(shape + 6, node->inputs,
           (size_t)node->input_count * sizeof node->inputs[0]);
    chain(digest, shape, sizeof shape);
    /* What says nothing of the activation has SiLU: digests of graphs without
     * others are as they were before there were any. */
    const int32_t act[] = {(int32_t)node->act, node->slope};
    if (node->kind == YT_NODE_ACT && node->act != YT_ACT_SILU)
        chain(digest, act, sizeof act);
    if (node->kind != YT_NODE_CONV)
        return;
    const size_t filter = (size_t)graph->nodes[node->inputs[0]].c *
                          (size_t)node->r * (size_t)node->r;
    chain(digest, node->weights,
          (size_t)node->c * filter * sizeof *node->weights);
    chain(digest, node->bias, (size_t)node->c * sizeof *node->bias);
}

static void chain_head(char digest[DIGITS + 1], const struct yt_graph *graph,
                       const struct yt_graph_head *head)
{
    const int32_t place[] = {head->node, head->stride};
    chain(digest, place, sizeof place);
    chain(digest, head->anchors, (size_t)graph->na * sizeof head->anchors[0]);
}

void yt_graph_digest(const struct yt_graph *graph, char digest_out[33])
{
    const int32_t counts[] = {graph->node_count, graph->head_count, graph->na,
                              graph->nc};
    yt_digest_hex(counts, sizeof counts, digest_out);
    if (graph->bins)
        chain(digest_out, &graph->bins, sizeof graph->bins);
    for (int32_t i = 0; i < graph->node_count; i++)
        chain_node(digest_out, graph, &graph->nodes[i]);
    for (int32_t i = 0; i < graph->head_count; i++)
        chain_head(digest_out, graph, &graph->heads[i]);
}
