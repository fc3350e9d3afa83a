/* See quant/quantisation.h. */

#include "quant/quantisation.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

enum yt_status yt_quantisation_create(const struct yt_graph *graph,
                                      struct yt_quantisation **q_out)
{
    struct yt_quantisation *q = calloc(1, sizeof *q);
    const size_t count = (size_t)graph->node_count;
    if (q) {
        q->node_count = graph->node_count;
        q->dtypes = calloc(count, sizeof *q->dtypes);
        q->ranges = calloc(count, sizeof *q->ranges);
        q->rounding = calloc(count, sizeof *q->rounding);
    }
    if (!q || !q->dtypes || !q->ranges || !q->rounding) {
        yt_quantisation_destroy(q);
        return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
    }
    for (size_t i = 0; i < count; i++) {
        q->ranges[i].lo = 1;
        q->ranges[i].hi = 0;
    }
    *q_out = q;
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
    free(q->dtypes);
    free(q->ranges);
    free(q->rounding);
    free(q);
}
