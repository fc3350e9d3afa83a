/* A graph to change: whoever makes a network smaller or trains it works on a
 * copy, or builds a new graph of other shapes node by node and takes over what
 * is around the nodes. */

#include "model/graph.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

enum yt_status yt_graph_copy_facts(const struct yt_graph *from,
                                   struct yt_graph *to)
{
    YT_TRY(
        yt_graph_set_classes(to, from->nc, (const char *const *)from->classes));
    memcpy(to->heads, from->heads, sizeof to->heads);
    to->head_count = from->head_count;
    to->na = from->na;
    to->bins = from->bins;
    to->h = from->h;
    to->w = from->w;
    memcpy(to->name, from->name, sizeof to->name);
    memcpy(to->format, from->format, sizeof to->format);
    to->hash[0] = '\0';
    return YT_OK;
}

static enum yt_status copy_node(const struct yt_graph *from, int32_t i,
                                struct yt_graph *to)
{
    const struct yt_node *node = &from->nodes[i];
    int32_t index = 0;
    YT_TRY(yt_graph_add(to, node, &index));
    if (!node->weights)
        return YT_OK;
    YT_TRY(yt_graph_conv_storage(to, index));
    struct yt_node *copy = &to->nodes[index];
    const size_t filter = (size_t)from->nodes[node->inputs[0]].c *
                          (size_t)node->r * (size_t)node->r;
    memcpy(copy->weights, node->weights,
           (size_t)node->c * filter * sizeof *copy->weights);
    memcpy(copy->bias, node->bias, (size_t)node->c * sizeof *copy->bias);
    return YT_OK;
}

static enum yt_status copy_into(const struct yt_graph *from,
                                struct yt_graph *to)
{
    memcpy(to->nodes[0].name, from->nodes[0].name, sizeof to->nodes[0].name);
    for (int32_t i = 1; i < from->node_count; i++)
        YT_TRY(copy_node(from, i, to));
    return yt_graph_copy_facts(from, to);
}

enum yt_status yt_graph_copy(const struct yt_graph *from,
                             struct yt_graph **copy_out)
{
    struct yt_graph *copy = NULL;
    YT_TRY(yt_graph_create(&copy));
    const enum yt_status status = copy_into(from, copy);
    if (status != YT_OK) {
        yt_graph_destroy(copy);
        return status;
    }
    *copy_out = copy;
    return YT_OK;
}
