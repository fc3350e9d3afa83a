/* See quant/quantise.h. */

#include "quant/quantise.h"

#include "runtime/fail.h"

enum yt_status yt_quantise(struct yt_net *net, const struct yt_graph *graph,
                           const struct yt_quantisation *q, int32_t weight_max)
{
    (void)net;
    (void)graph;
    (void)q;
    (void)weight_max;
    return YT_OK;
}
