/* The timing protocol for single kernels. */

#include "tuner/measure/measure.h"

#include <math.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "tuner/measure/stats.h"

#define SAMPLES_MAX    64
#define ENOUGH_SAMPLES 3 /* one may have been disturbed, hardly all */

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
