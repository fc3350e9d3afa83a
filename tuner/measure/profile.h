#ifndef YT_PROFILE_H
#define YT_PROFILE_H

/* Where a frame's time goes, step by step: multiplying, waiting for a slower
 * thread, and getting threads to work and back. The model that ships runs, on
 * the executor that ships; only its kernels are called through a function that
 * looks at the clock before and after, which costs some 50 ns a call. */

#include <stdint.h>

#include "runtime/pool.h"
#include "tuner/build/build.h"

/** Medians over the frames, of one step. The first three add up to wall_ns in
 *  each frame, and so nearly in medians. */
struct yt_profile_step {
    double kernel_ns;  /* in the kernel, mean of the threads */
    double tail_ns;    /* from a thread's last call to the end of the last
                          thread's, mean of the threads */
    double barrier_ns; /* the rest: waking, being late, being told */
    double wall_ns;    /* from step to step on the caller's thread */
    double calls;      /* of the kernel, by all threads */
};

struct yt_profile {
    struct yt_profile_step *steps; /* [step_count]: those of the plan */
    int32_t step_count, threads, frames;
    struct yt_profile_step letterbox;
    double post_ns;  /* decoding, suppression and boxes */
    double frame_ns; /* image to boxes */
};

struct yt_profile_options {
    int32_t frames;           /* >= 1 */
    const volatile int *stop; /* NULL, or end early when it is not 0 */
};

/** Run frames on @p model, which runs @p build, after a few to warm up. The
 * plan's kernels are exchanged meanwhile and put back: no one else may run the
 * build, and one profile at a time in a process.
 *
 * @param image       of any size, passed yt_image_check().
 * @param[out] profile_out yt_profile_deinit() also on failure.
 * @return YT_OK; YT_UNSUPPORTED for a network in bands; YT_INTERRUPTED when
 *         stopped before the first frame was done; YT_NO_MEMORY.
 */
enum yt_status yt_profile_run(struct yt_build *build, struct yt_model *model,
                              const struct yt_image *image,
                              const struct yt_profile_options *options,
                              struct yt_profile *profile_out);

/** All zero is fine. */
void yt_profile_deinit(struct yt_profile *profile);

#endif
