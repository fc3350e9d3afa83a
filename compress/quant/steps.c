/* See compress/quant/steps.h. */

#include "compress/quant/steps.h"

#include <assert.h>
#include <math.h>

#include "runtime/integers.h"

#define U8_MAX 255

int yt_quant_observed(const struct yt_quantisation *q, int32_t node)
{
    return node <= 0 || q->ranges[node].lo <= q->ranges[node].hi;
}

static float limited(double step)
{
    if (!(step > 0))
        return 1;
    return (float)fmin(fmax(step, (double)YT_QUANT_STEP_MIN),
                       (double)YT_QUANT_STEP_MAX);
}

struct yt_quant_step yt_quant_step_of(const struct yt_quantisation *q,
                                      int32_t node, enum yt_dtype dtype)
{
    assert(dtype == YT_DTYPE_S16 || dtype == YT_DTYPE_U8S8);
    assert(yt_quant_observed(q, node));
    if (node <= 0)
        return (struct yt_quant_step){1, 0};
    const struct yt_node_range *range = &q->ranges[node];
    const int seen = dtype == YT_DTYPE_S16 && range->seen_lo <= range->seen_hi;
    const double lo = fmin(0, (double)(seen ? range->seen_lo : range->lo));
    const double hi = fmax(0, (double)(seen ? range->seen_hi : range->hi));
    if (dtype == YT_DTYPE_S16)
        return (struct yt_quant_step){limited(fmax(-lo, hi) / YT_S16_MAX), 0};
    const float step = limited((hi - lo) / U8_MAX);
    const double zero = fmin(rint(-lo / (double)step), U8_MAX);
    return (struct yt_quant_step){step, (int32_t)zero};
}
