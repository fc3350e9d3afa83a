/* A batch, fed by a source that goes round the images until the time is up. */

#include "tuner/measure/throughput.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/now.h"
#include "runtime/batch.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/memory.h"
#include "runtime/stages.h"
#include "tuner/measure/background.h"

#define BUDGET_NS UINT64_C(2000000000)

/* 8 MiB of samples; an hour at 290 frames a second. */
#define FRAMES_MAX (1 << 20)

/* Per workspace: pages, caches and clocks. */
#define WARM_UP 3

#define COST_FRAMES 7

/* ------------------------------------------------------------- one source */

struct feed {
    const struct yt_image *images;
    int32_t image_count;
    const volatile int *stop;
    size_t boxes_cap;
    struct yt_box *boxes; /* [workspaces][boxes_cap] */
    size_t *counts;       /* [workspaces] */

    /* Images of one run: at least `fewest`, at most `most`. */
    int64_t fewest, most;
    uint64_t end_ns;
    uint64_t *times; /* [most], or NULL */
    atomic_llong given;
};

static int next_image(void *user, int64_t index, int32_t workspace,
                      struct yt_batch_frame *frame_out)
{
    struct feed *feed = user;
    if (index >= feed->most || (feed->stop && *feed->stop) ||
        (index >= feed->fewest && yt_now_ns() >= feed->end_ns))
        return 0;
    /* Not the index: when time runs out, a higher one may be given and a lower
     * one not. */
    const int64_t n = atomic_fetch_add(&feed->given, 1);
    *frame_out = (struct yt_batch_frame){
        .image = &feed->images[index % feed->image_count],
        .boxes = feed->boxes + (size_t)workspace * feed->boxes_cap,
        .boxes_cap = feed->boxes_cap,
        .count_out = &feed->counts[workspace],
        .time_ns_out = feed->times ? &feed->times[n] : NULL,
    };
    return 1;
}

static enum yt_status run_feed(struct yt_batch *batch, struct feed *feed,
                               const struct yt_detect_options *detect,
                               double *seconds_out)
{
    const struct yt_batch_source source = {next_image, feed};
    atomic_store(&feed->given, 0);
    const uint64_t begin = yt_now_ns();
    YT_TRY(yt_batch_run(batch, detect, &source));
    *seconds_out = (double)(yt_now_ns() - begin) * 1e-9;
    return YT_OK;
}

/* ------------------------------------------------------------ the whole run */

static enum yt_status describe(const struct feed *feed, double seconds,
                               const struct yt_batch_info *info,
                               struct yt_throughput *throughput_out)
{
    const int32_t frames = (int32_t)atomic_load(&feed->given);
    YT_FAIL_IF(frames == 0, YT_INTERRUPTED,
               "stopped before the first frame was timed");
    double *samples = malloc((size_t)frames * sizeof *samples);
    YT_FAIL_IF(!samples, YT_NO_MEMORY, "no memory for %d frames' times",
               frames);
    for (int32_t i = 0; i < frames; i++)
        samples[i] = (double)feed->times[i];
    *throughput_out = (struct yt_throughput){
        .fps = frames / seconds,
        .frames = frames,
        .seconds = seconds,
        .workspace_bytes = (int64_t)info->workspace_bytes,
        .instances = info->instances,
        .threads = info->threads,
        .stages = info->stages,
    };
    yt_stats_of(samples, frames, &throughput_out->latency);
    free(samples);
    return YT_OK;
}

static enum yt_status measure(struct yt_batch *batch, struct feed *feed,
                              const struct yt_throughput_options *options,
                              struct yt_throughput *throughput_out)
{
    struct yt_background *background = NULL;
    struct yt_batch_info info;
    yt_batch_describe(batch, &info);
    const int64_t most = options->frames ? options->frames : FRAMES_MAX;
    const size_t slots = (size_t)info.workspaces;
    double seconds;
    enum yt_status status = YT_OK;
    feed->boxes = calloc(slots * feed->boxes_cap, sizeof *feed->boxes);
    feed->counts = calloc(slots, sizeof *feed->counts);
    uint64_t *times = calloc((size_t)most, sizeof *times);
    YT_FAIL_IF_GOTO(!feed->boxes || !feed->counts || !times, YT_NO_MEMORY,
                    "no memory to time %lld frames", (long long)most);
    YT_TRY_GOTO(yt_background_begin(options->background_load, &background));

    feed->most = feed->fewest = WARM_UP * (int64_t)info.workspaces;
    YT_TRY_GOTO(run_feed(batch, feed, &options->detect, &seconds));
    feed->most = most;
    feed->fewest = info.workspaces;
    feed->times = times;
    feed->end_ns =
        yt_now_ns() + (options->budget_ns ? options->budget_ns : BUDGET_NS);
    YT_TRY_GOTO(run_feed(batch, feed, &options->detect, &seconds));
    YT_TRY_GOTO(describe(feed, seconds, &info, throughput_out));
done:
    yt_background_end(background);
    free(feed->boxes);
    free(feed->counts);
    free(times);
    return status;
}

static enum yt_status check(const struct yt_image *images, int32_t image_count,
                            const struct yt_throughput_options *options,
                            struct yt_detect_options *resolved_out)
{
    YT_FAIL_IF(image_count < 1, YT_BAD_ARGUMENT, "no images to measure with");
    YT_FAIL_IF(options->frames < 0 || options->frames > FRAMES_MAX,
               YT_BAD_ARGUMENT, "frames=%d: want 0..%d", options->frames,
               FRAMES_MAX);
    for (int32_t i = 0; i < image_count; i++)
        YT_TRY(yt_image_check(&images[i]));
    return yt_detect_options_resolve(&options->detect, resolved_out);
}

enum yt_status
yt_throughput_measure(const struct yt_bundle *bundle,
                      const struct yt_image *images, int32_t image_count,
                      const struct yt_throughput_options *options,
                      struct yt_throughput *throughput_out)
{
    struct yt_detect_options detect = {0};
    YT_TRY(check(images, image_count, options, &detect));
    struct feed feed = {
        .images = images,
        .image_count = image_count,
        .stop = options->stop,
        .boxes_cap = (size_t)detect.max_det,
    };
    struct yt_batch *batch = NULL;
    YT_TRY(yt_batch_open(bundle, &options->batch, &batch));
    const enum yt_status status =
        measure(batch, &feed, options, throughput_out);
    yt_batch_close(batch);
    return status;
}

/* ---------------------------------------------------------- costs of steps */

/* Time since *since, which moves on; the least is kept. */
static void keep_least(double *cost_ns, uint64_t *since)
{
    const uint64_t now = yt_now_ns();
    *cost_ns = fmin(*cost_ns, (double)(now - *since));
    *since = now;
}

static void time_items(struct yt_model *model, const struct yt_image *image,
                       const struct yt_detect_options *detect, void *workspace,
                       struct yt_box *boxes, double *costs_ns)
{
    const struct yt_plan *plan = yt_model_plan(model);
    const float threshold = yt_decode_min_logit(detect->conf);
    const struct yt_framing framing = yt_model_framing(model, detect);
    uint64_t since = yt_now_ns();
    yt_model_run_letterbox(model, image, &framing, workspace);
    keep_least(costs_ns, &since);
    for (int32_t i = 0; i < plan->step_count; i++) {
        yt_model_run_steps(model, threshold, workspace, i, i + 1);
        keep_least(&costs_ns[i + 1], &since);
    }
    (void)yt_model_run_postprocess(model, detect, image->height, image->width,
                                   workspace, boxes, (size_t)detect->max_det);
    keep_least(&costs_ns[plan->step_count + 1], &since);
}

enum yt_status yt_throughput_step_costs(const struct yt_bundle *bundle,
                                        const struct yt_image *image,
                                        const struct yt_detect_options *detect,
                                        int32_t threads, double *costs_ns_out)
{
    const struct yt_open_options open = {.threads = threads};
    struct yt_detect_options resolved = {0};
    struct yt_model *model = NULL;
    struct yt_model_info info;
    YT_TRY(yt_image_check(image));
    YT_TRY(yt_detect_options_resolve(detect, &resolved));
    YT_TRY(yt_model_open(bundle, &open, &model));
    yt_model_describe(model, &info);
    void *workspace = yt_memory_alloc(info.workspace_bytes);
    struct yt_box *boxes = calloc((size_t)resolved.max_det, sizeof *boxes);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!workspace || !boxes, YT_NO_MEMORY,
                    "no memory to time %d steps", bundle->plan->step_count);
    for (int32_t i = 0; i < yt_stages_items(bundle->plan); i++)
        costs_ns_out[i] = INFINITY;
    for (int frame = 0; frame < COST_FRAMES; frame++)
        time_items(model, image, &resolved, workspace, boxes, costs_ns_out);
done:
    free(boxes);
    yt_memory_free(workspace, info.workspace_bytes);
    yt_model_close(model);
    return status;
}
