#ifndef YT_TUNER_BENCH_H
#define YT_TUNER_BENCH_H

/* Whole frames, timed: two models interleaved so that drift hits both. */

#include <stdint.h>

#include "tuner/measure/stats.h"
#include "yolotune/runtime.h"

struct yt_frame_stats {
    struct yt_stats preprocess, network, postprocess, total;
};

struct yt_bench_options {
    int32_t frames;           /* per model; 0 means 100 */
    uint64_t budget_ns;       /* stop earlier after this much time; 0: none */
    float conf;               /* 0 means 0.25 */
    const volatile int *stop; /* NULL, or end early when it is not 0 */
};

/** Run @p count models (1..4) on one image, alternating frame by frame after a
 *  warm-up.
 *  @return YT_OK; YT_INTERRUPTED when stopped before the first frame; what
 *          yt_model_detect() returned; YT_NO_MEMORY. */
enum yt_status yt_bench_frames(struct yt_model *const *models, int32_t count,
                               const struct yt_image *image,
                               const struct yt_bench_options *options,
                               struct yt_frame_stats *stats_out);

#endif
