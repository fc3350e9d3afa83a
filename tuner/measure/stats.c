/* Order statistics of a few samples. */

#include "tuner/measure/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest-rank quantile of sorted values. */
static double quantile(const double *sorted, int32_t count, double q)
{
    int32_t rank = (int32_t)ceil(q * count) - 1;
    if (rank < 0)
        rank = 0;
    return sorted[rank < count ? rank : count - 1];
}

static double median(const double *sorted, int32_t count)
{
    return 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
}

void yt_stats_of(double *samples, int32_t count, struct yt_stats *stats_out)
{
    assert(count >= 1);
    struct yt_stats s = {.samples = count};
    qsort(samples, (size_t)count, sizeof *samples, by_value);
    s.min_ns = samples[0];
    s.median_ns = s.p50_ns = median(samples, count);
    s.p95_ns = quantile(samples, count, 0.95);
    s.p99_ns = quantile(samples, count, 0.99);
    for (int32_t i = 0; i < count; i++)
        samples[i] = fabs(samples[i] - s.median_ns);
    qsort(samples, (size_t)count, sizeof *samples, by_value);
    s.mad_ns = median(samples, count);
    *stats_out = s;
}
