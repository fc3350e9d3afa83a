/* Whole frames, image to boxes, on several models in turn. */

#include "tuner/measure/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "runtime/memory.h"

#define MODELS_MAX 4
#define WARM_UP    3
#define BOXES      300

/* One model's buffers and samples. */
struct lane {
    void *workspace;
    size_t workspace_bytes;
    double *times[4]; /* preprocess, network, postprocess, total: [frames] */
};

static void lane_deinit(struct lane *lane)
{
    yt_memory_free(lane->workspace, lane->workspace_bytes);
    for (int i = 0; i < 4; i++)
        free(lane->times[i]);
}

static enum yt_status lane_init(struct lane *lane, const struct yt_model *model,
                                int32_t frames)
{
    struct yt_model_info info;
    yt_model_describe(model, &info);
    lane->workspace_bytes = info.workspace_bytes;
    lane->workspace = yt_memory_alloc(info.workspace_bytes);
    int failed = !lane->workspace;
    for (int i = 0; i < 4; i++) {
        lane->times[i] = calloc((size_t)frames, sizeof(double));
        failed |= !lane->times[i];
    }
    YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory to time %d frames", frames);
    return YT_OK;
}

static enum yt_status run_frame(struct lane *lane, struct yt_model *model,
                                const struct yt_image *image,
                                const struct yt_detect_options *options,
                                int32_t frame)
{
    struct yt_box boxes[BOXES];
    size_t count;
    struct yt_frame_times times;
    const uint64_t begin = yt_now_ns();
    YT_TRY(yt_model_detect(model, image, options, lane->workspace,
                           lane->workspace_bytes, boxes, BOXES, &count,
                           &times));
    const uint64_t total = yt_now_ns() - begin;
    if (frame >= 0) {
        lane->times[0][frame] = (double)times.preprocess_ns;
        lane->times[1][frame] = (double)times.network_ns;
        lane->times[2][frame] = (double)times.postprocess_ns;
        lane->times[3][frame] = (double)total;
    }
    return YT_OK;
}

enum yt_status yt_bench_frames(struct yt_model *const *models, int32_t count,
                               const struct yt_image *image,
                               const struct yt_bench_options *options,
                               struct yt_frame_stats *stats_out)
{
    YT_FAIL_IF(count < 1 || count > MODELS_MAX, YT_BAD_ARGUMENT,
               "%d models to time, want 1..%d", count, MODELS_MAX);
    const int32_t frames = options->frames ? options->frames : 100;
    const struct yt_detect_options detect = {.conf = options->conf};
    struct lane lanes[MODELS_MAX];
    memset(lanes, 0, sizeof lanes);
    int32_t done = 0;
    enum yt_status status;
    for (int32_t i = 0; i < count; i++)
        YT_TRY_GOTO(lane_init(&lanes[i], models[i], frames));
    const uint64_t begin = yt_now_ns();
    for (int32_t frame = -WARM_UP; frame < frames; frame++) {
        if (options->stop && *options->stop)
            break;
        if (done > 2 && options->budget_ns &&
            yt_now_ns() - begin > options->budget_ns)
            break;
        for (int32_t i = 0; i < count; i++)
            YT_TRY_GOTO(run_frame(&lanes[i], models[i], image, &detect, frame));
        done += frame >= 0;
    }
    YT_FAIL_IF_GOTO(done == 0, YT_INTERRUPTED,
                    "stopped before the first frame was timed");
    for (int32_t i = 0; i < count; i++) {
        yt_stats_of(lanes[i].times[0], done, &stats_out[i].preprocess);
        yt_stats_of(lanes[i].times[1], done, &stats_out[i].network);
        yt_stats_of(lanes[i].times[2], done, &stats_out[i].postprocess);
        yt_stats_of(lanes[i].times[3], done, &stats_out[i].total);
    }
done:
    for (int32_t i = 0; i < count; i++)
        lane_deinit(&lanes[i]);
    return status;
}
