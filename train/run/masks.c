/* See train/run/masks.h. */

#include "train/run/masks.h"

#include <stdlib.h>

#include "model/filters.h"
#include "runtime/fail.h"

static int is_grouped(const struct yt_graph *graph, int32_t node)
{
    return graph->nodes[node].kind == YT_NODE_CONV &&
           yt_filter_is_grouped(graph, node);
}

/* The zeros that a filter has stay, and those that are wanted. */
static void fill(const float *weights, const uint8_t *given, int64_t count,
                 uint8_t *mask)
{
    for (int64_t i = 0; i < count; i++)
        mask[i] = weights[i] != 0 && (!given || given[i]);
}

enum yt_status yt_train_masks_open(const struct yt_graph *graph,
                                   const uint8_t *const *given,
                                   struct yt_train_masks *masks)
{
    int64_t total = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (is_grouped(graph, i))
            total += yt_filter_size(graph, i);
    *masks = (struct yt_train_masks){
        .of_node = calloc((size_t)graph->node_count, sizeof *masks->of_node),
        .bytes = malloc((size_t)total + 1),
    };
    YT_FAIL_IF(!masks->of_node || !masks->bytes, YT_NO_MEMORY,
               "no memory for the masks of a training");
    uint8_t *next = masks->bytes;
    for (int32_t i = 0; i < graph->node_count; i++) {
        masks->of_node[i] = given ? given[i] : NULL;
        if (!is_grouped(graph, i))
            continue;
        fill(graph->nodes[i].weights, masks->of_node[i],
             yt_filter_size(graph, i), next);
        masks->of_node[i] = next;
        next += yt_filter_size(graph, i);
    }
    return YT_OK;
}

void yt_train_masks_close(struct yt_train_masks *masks)
{
    free(masks->of_node);
    free(masks->bytes);
    *masks = (struct yt_train_masks){0};
}
