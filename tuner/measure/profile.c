/* See tuner/measure/profile.h. A step's kernel is exchanged for time_call(),
 * which finds the kernel itself and its thread's times in `now`. What the
 * caller writes there before a step the pool makes visible to all threads, and
 * what they write, to the caller after it. */

#include "tuner/measure/profile.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "tuner/measure/stats.h"

#define WARM_UP 3
#define BOXES   300

enum column { KERNEL, TAIL, BARRIER, WALL, CALLS, COLUMNS };

/* What one thread did of a step. A cache line each. */
struct span {
    _Alignas(64) uint64_t first, last, busy_ns;
    uint64_t calls;
};

static struct {
    yt_kernel_fn kernel; /* of the step that runs */
    struct span spans[YT_POOL_THREADS_MAX];
} now;

static atomic_int profiles, joined;
static _Thread_local int in_profile, slot;

/* Threads get their spans in the order in which they come. */
static struct span *own_span(void)
{
    const int profile = atomic_load_explicit(&profiles, memory_order_relaxed);
    if (in_profile != profile) {
        in_profile = profile;
        slot = atomic_fetch_add(&joined, 1) % YT_POOL_THREADS_MAX;
    }
    return &now.spans[slot];
}

static void time_call(const void *args, int64_t begin, int64_t end)
{
    struct span *span = own_span();
    const uint64_t from = yt_now_ns();
    now.kernel(args, begin, end);
    const uint64_t to = yt_now_ns();
    if (span->calls++ == 0)
        span->first = from;
    span->last = to;
    span->busy_ns += to - from;
}

struct run {
    struct yt_build *build;
    struct yt_model *model;
    const struct yt_image *image;
    struct yt_detect_options detect;
    char *workspace;
    yt_kernel_fn *kernels; /* [steps + 1]: the plan's own, then letterbox's */
    double *samples;       /* [steps + 2][COLUMNS][frames]; letterbox, then
                              postprocessing and the frame as two columns */
    int32_t steps, threads, frames;
};

static double *column(const struct run *r, int32_t step, int which)
{
    return r->samples + ((int64_t)step * COLUMNS + which) * r->frames;
}

static void begin_step(yt_kernel_fn kernel, int32_t threads)
{
    now.kernel = kernel;
    memset(now.spans, 0, (size_t)threads * sizeof now.spans[0]);
}

/* What happened since @p begin, when the step was handed to the pool. */
static void end_step(const struct run *r, int32_t step, int32_t frame,
                     uint64_t begin)
{
    const double wall = (double)(yt_now_ns() - begin);
    uint64_t last = begin;
    double busy = 0, tail = 0, calls = 0;
    for (int32_t i = 0; i < r->threads; i++) {
        busy += (double)now.spans[i].busy_ns;
        calls += (double)now.spans[i].calls;
        if (now.spans[i].last > last)
            last = now.spans[i].last;
    }
    for (int32_t i = 0; i < r->threads; i++)
        tail +=
            (double)(last - (now.spans[i].calls ? now.spans[i].last : begin));
    if (frame < 0)
        return;
    column(r, step, KERNEL)[frame] = busy / r->threads;
    column(r, step, TAIL)[frame] = tail / r->threads;
    column(r, step, BARRIER)[frame] = wall - (busy + tail) / r->threads;
    column(r, step, WALL)[frame] = wall;
    column(r, step, CALLS)[frame] = calls;
}

static void run_frame(const struct run *r, int32_t frame)
{
    const struct yt_framing framing = yt_model_framing(r->model, &r->detect);
    const float threshold = yt_decode_min_logit(r->detect.conf);
    struct yt_box boxes[BOXES];
    const uint64_t start = yt_now_ns();
    begin_step(r->kernels[r->steps], r->threads);
    uint64_t begin = yt_now_ns();
    yt_model_run_letterbox(r->model, r->image, &framing, r->workspace);
    end_step(r, r->steps, frame, begin);
    for (int32_t i = 0; i < r->steps; i++) {
        begin_step(r->kernels[i], r->threads);
        begin = yt_now_ns();
        yt_model_run_steps(r->model, threshold, r->workspace, i, i + 1);
        end_step(r, i, frame, begin);
    }
    begin = yt_now_ns();
    (void)yt_model_run_postprocess(r->model, &r->detect, r->image->height,
                                   r->image->width, r->workspace, boxes, BOXES);
    const uint64_t end = yt_now_ns();
    if (frame < 0)
        return;
    column(r, r->steps + 1, 0)[frame] = (double)(end - begin);
    column(r, r->steps + 1, 1)[frame] = (double)(end - start);
}

static double median(const struct run *r, int32_t step, int which,
                     int32_t frames)
{
    struct yt_stats stats;
    yt_stats_of(column(r, step, which), frames, &stats);
    return stats.median_ns;
}

static struct yt_profile_step medians(const struct run *r, int32_t step,
                                      int32_t frames)
{
    return (struct yt_profile_step){
        .kernel_ns = median(r, step, KERNEL, frames),
        .tail_ns = median(r, step, TAIL, frames),
        .barrier_ns = median(r, step, BARRIER, frames),
        .wall_ns = median(r, step, WALL, frames),
        .calls = median(r, step, CALLS, frames),
    };
}

/* Kernels are in place for the time of the frames. */
static void exchange(struct run *r)
{
    struct yt_plan *plan = &r->build->plan;
    for (int32_t i = 0; i < r->steps; i++) {
        r->kernels[i] = plan->steps[i].kernel;
        plan->steps[i].kernel = time_call;
    }
    r->kernels[r->steps] = plan->letterbox.kernel;
    plan->letterbox.kernel = time_call;
}

static void put_back(struct run *r)
{
    struct yt_plan *plan = &r->build->plan;
    for (int32_t i = 0; i < r->steps; i++)
        plan->steps[i].kernel = r->kernels[i];
    plan->letterbox.kernel = r->kernels[r->steps];
}

static int32_t run_frames(struct run *r, const volatile int *stop)
{
    int32_t done = 0;
    atomic_store(&joined, 0);
    atomic_fetch_add(&profiles, 1);
    exchange(r);
    yt_model_lock(r->model);
    for (int32_t frame = -WARM_UP; frame < r->frames; frame++) {
        if (stop && *stop)
            break;
        run_frame(r, frame);
        done += frame >= 0;
    }
    yt_model_unlock(r->model);
    put_back(r);
    return done;
}

static enum yt_status fill(struct run *r, const volatile int *stop,
                           struct yt_profile *p)
{
    const size_t columns = ((size_t)r->steps + 2) * COLUMNS;
    r->kernels = calloc((size_t)r->steps + 1, sizeof(yt_kernel_fn));
    r->samples = calloc(columns * (size_t)r->frames, sizeof(double));
    p->steps = calloc((size_t)r->steps, sizeof *p->steps);
    YT_FAIL_IF(!r->workspace || !r->kernels || !r->samples || !p->steps,
               YT_NO_MEMORY, "no memory to profile %d frames", r->frames);
    const int32_t done = run_frames(r, stop);
    YT_FAIL_IF(done == 0, YT_INTERRUPTED,
               "stopped before the first frame was timed");
    p->frames = done;
    for (int32_t i = 0; i < r->steps; i++)
        p->steps[i] = medians(r, i, done);
    p->letterbox = medians(r, r->steps, done);
    p->post_ns = median(r, r->steps + 1, 0, done);
    p->frame_ns = median(r, r->steps + 1, 1, done);
    return YT_OK;
}

enum yt_status yt_profile_run(struct yt_build *build, struct yt_model *model,
                              const struct yt_image *image,
                              const struct yt_profile_options *options,
                              struct yt_profile *profile_out)
{
    struct yt_model_info info;
    *profile_out = (struct yt_profile){.step_count = 0};
    YT_FAIL_IF(build->plan.band_count > 0, YT_UNSUPPORTED,
               "a profile is of steps one by one, and this network's run in "
               "bands");
    yt_model_describe(model, &info);
    struct run r = {
        .build = build,
        .model = model,
        .image = image,
        .workspace = yt_memory_alloc(info.workspace_bytes),
        .steps = build->plan.step_count,
        .threads = info.threads,
        .frames = options->frames,
    };
    *profile_out =
        (struct yt_profile){.step_count = r.steps, .threads = r.threads};
    enum yt_status status = yt_detect_options_resolve(NULL, &r.detect);
    if (status == YT_OK)
        status = fill(&r, options->stop, profile_out);
    yt_memory_free(r.workspace, info.workspace_bytes);
    free(r.kernels);
    free(r.samples);
    return status;
}

void yt_profile_deinit(struct yt_profile *profile)
{
    free(profile->steps);
    *profile = (struct yt_profile){0};
}
