#ifndef YT_MEASURE_H
#define YT_MEASURE_H

/* Time one kernel on one set of buffers, on the calling thread.
 *
 * A sample is the time of `iters` back-to-back calls divided by `iters`, with
 * iters doubled until a sample lasts at least min_sample_ns, so the clock's own
 * cost drowns. The smallest sample is the estimate of the kernel's cost: noise
 * on a shared machine only ever adds. The spread is stored beside it so that
 * nothing need be decided between two kernels closer than their noise.
 */

#include <stdint.h>

#include "runtime/kernel.h"
#include "yolotune/status.h"

struct yt_measure_options {
    uint64_t min_sample_ns; /* 0 means 1'000'000 */
    uint64_t budget_ns;     /* stop sampling after this much; 0 means 1e9 */
    uint32_t samples;       /* 0 means 9; at most 64 */
    double give_up_ns;      /* three samples above it end it; 0: never */
};

struct yt_timing {
    double min_ns;    /* per call */
    double median_ns; /* per call */
    double mad_ns;    /* median absolute deviation, per call */
    uint64_t iters;   /* calls in each sample */
    uint32_t samples; /* samples taken */
};

/** Run tasks [0, tasks) of @p kernel until its cost is known.
 *
 * The caller has already compared the kernel with its reference.
 *
 * @param options  borrowed; NULL means all defaults.
 * @param[out] timing_out filled on YT_OK and on YT_NOISY.
 * @return YT_OK; YT_NOISY when the budget ran out with fewer than three
 *         samples.
 */
enum yt_status yt_measure(yt_kernel_fn kernel, const void *args, int64_t tasks,
                          const struct yt_measure_options *options,
                          struct yt_timing *timing_out);

#endif
