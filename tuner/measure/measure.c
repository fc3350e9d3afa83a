/* The timing protocol for single kernels, and the statistics it shares with
 * whole frames. */

#include "tuner/measure/measure.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/fail.h"
#include "tuner/measure/bench.h"

#define SAMPLES_MAX    64
#define ENOUGH_SAMPLES 3 /* one may have been disturbed, hardly all */

uint64_t yt_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

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

static double sample_ns(yt_kernel_fn kernel, const void *args, int64_t tasks,
                        uint64_t iters)
{
    const uint64_t begin = yt_now_ns();
    for (uint64_t i = 0; i < iters; i++)
        kernel(args, 0, tasks);
    return (double)(yt_now_ns() - begin);
}

enum yt_status yt_measure(yt_kernel_fn kernel, const void *args, int64_t tasks,
                          const struct yt_measure_options *options,
                          struct yt_timing *timing_out)
{
    struct yt_measure_options o = {0};
    if (options)
        o = *options;
    const uint64_t min_sample = o.min_sample_ns ? o.min_sample_ns : 1000000;
    const uint64_t budget = o.budget_ns ? o.budget_ns : 1000000000;
    uint32_t wanted = o.samples ? o.samples : 9;
    if (wanted > SAMPLES_MAX)
        wanted = SAMPLES_MAX;

    const uint64_t begin = yt_now_ns();
    uint64_t iters = 1;
    double total = sample_ns(kernel, args, tasks, iters); /* also warms up */
    while (total < (double)min_sample && yt_now_ns() - begin < budget) {
        iters *= 2;
        total = sample_ns(kernel, args, tasks, iters);
    }
    double samples[SAMPLES_MAX];
    uint32_t count = 0;
    samples[count++] = total / (double)iters;
    double least = samples[0];
    int give_up = 0;
    while (!give_up && count < wanted && yt_now_ns() - begin < budget) {
        samples[count++] =
            sample_ns(kernel, args, tasks, iters) / (double)iters;
        least = fmin(least, samples[count - 1]);
        give_up =
            o.give_up_ns > 0 && count >= ENOUGH_SAMPLES && least > o.give_up_ns;
    }

    struct yt_stats stats;
    yt_stats_of(samples, (int32_t)count, &stats);
    *timing_out = (struct yt_timing){
        .min_ns = stats.min_ns,
        .median_ns = stats.median_ns,
        .mad_ns = stats.mad_ns,
        .iters = iters,
        .samples = count,
    };
    YT_FAIL_IF(count < ENOUGH_SAMPLES, YT_NOISY,
               "only %u samples within the time allowed", count);
    return YT_OK;
}
