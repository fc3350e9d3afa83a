#ifndef YT_THROUGHPUT_H
#define YT_THROUGHPUT_H

/* How many frames a second an arrangement of threads gives, and how long each
 * takes: the batches of yolotune/runtime.h, fed without gaps. */

#include "runtime/bundle.h"
#include "tuner/measure/bench.h"

struct yt_throughput_options {
    /* One instance and one stage: images one after the other, on as many
     * threads as it says. */
    struct yt_batch_options batch;
    struct yt_detect_options detect;
    uint64_t budget_ns;       /* no image begins after this; 0 means 2e9 */
    int32_t frames;           /* most images; 0: as the budget has it */
    int32_t background_load;  /* threads that compute meanwhile, see
                                 tuner/measure/background.h */
    const volatile int *stop; /* NULL, or end early when it is not 0 */
};

struct yt_throughput {
    double fps;              /* frames / seconds */
    struct yt_stats latency; /* of an image, from its first layer to its
                                boxes, waiting between stages included */
    int32_t frames;
    double seconds;          /* until the last image was done: so a budget of
                                few frames understates fps of many at once */
    int64_t workspace_bytes; /* of all workspaces */
    int32_t instances, threads, stages; /* as the batch resolved them */
};

/** Warm up, then run images in turn until the budget is spent, at least one in
 *  every workspace.
 *
 * @param bundle  borrowed.
 * @param images  [image_count], one at least; taken in turn.
 * @param[out] throughput_out filled on YT_OK.
 * @return YT_OK, also when stopped after some frames; YT_INTERRUPTED when
 *         before the first; YT_BAD_ARGUMENT for an image, an option or a
 *         negative count; what yt_batch_open() and yt_background_begin()
 *         returned; YT_NO_MEMORY.
 */
enum yt_status
yt_throughput_measure(const struct yt_bundle *bundle,
                      const struct yt_image *images, int32_t image_count,
                      const struct yt_throughput_options *options,
                      struct yt_throughput *throughput_out);

/** What each item of a frame costs alone on @p threads threads, as
 *  yt_batch_options.step_costs wants it.
 *
 * @param detect  NULL: all defaults.
 * @param[out] costs_ns_out [plan's steps + 2], the least of some frames.
 * @return YT_OK; YT_BAD_ARGUMENT for an image or option; what opening the
 *         bundle returned; YT_NO_MEMORY.
 */
enum yt_status yt_throughput_step_costs(const struct yt_bundle *bundle,
                                        const struct yt_image *image,
                                        const struct yt_detect_options *detect,
                                        int32_t threads, double *costs_ns_out);

#endif
