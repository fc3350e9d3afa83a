/* Runs a bundle: letterbox, steps, decode, NMS, boxes. All sizes are worked out
 * when the model is opened, all memory of a run is the caller's workspace. */

#include "runtime/model.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/augment.h"
#include "runtime/band.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/pool.h"
#include "runtime/select.h"
#include "runtime/workspace.h"

#define DEFAULT_CONF     0.25f
#define DEFAULT_IOU      0.45f
#define DEFAULT_MAX_DET  300
#define CANDIDATE_ARRAYS 6

/* Offsets into the workspace. */
struct layout {
    int64_t arena;
    int64_t tables;
    int64_t candidates[CANDIDATE_ARRAYS]; /* [cells] each */
    int64_t counts;
    int64_t kept;
    int64_t nms;
    int64_t letterbox_args;  /* struct yt_letterbox_args, of a band */
    int64_t thread_args;     /* struct yt_args or yt_band_args [threads] */
    int64_t thread_pointers; /* const void * [threads] */
    int64_t scratch, scratch_bytes; /* [threads][scratch_bytes] */
    int64_t total_bytes;
};

union thread_args {
    struct yt_args step;
    struct yt_band_args band;
};

struct yt_model {
    const struct yt_bundle *bundle;
    struct yt_pool *pool;
    int32_t threads;
    int32_t cells; /* of all levels and anchors: most candidates possible */
    struct layout layout;
    size_t flip_workspace_bytes;
    pthread_mutex_t lock; /* of the pool, held for a frame */
};

/* --- Opening ------------------------------------------------------------- */

static int32_t level_cells(const struct yt_level *level)
{
    return level->na * level->h * level->w;
}

static struct layout plan_workspace(const struct yt_plan *plan, int32_t cells,
                                    int32_t threads)
{
    struct layout layout = {.total_bytes = 0};
    int64_t *total = &layout.total_bytes;
    int64_t segments = 0;
    for (int32_t i = 0; i < plan->level_count; i++)
        segments += (int64_t)plan->levels[i].na * plan->levels[i].h;
    layout.arena = yt_workspace_add(total, plan->arena_bytes);
    layout.tables =
        yt_workspace_add(total, yt_letterbox_table_bytes(plan->h, plan->w));
    for (int i = 0; i < CANDIDATE_ARRAYS; i++)
        layout.candidates[i] = yt_workspace_add(total, (int64_t)cells * 4);
    layout.counts = yt_workspace_add(total, segments * 4);
    layout.kept = yt_workspace_add(total, (int64_t)cells * 4);
    layout.nms = yt_workspace_add(total, yt_nms_scratch_bytes(cells, plan->nc));
    layout.letterbox_args =
        yt_workspace_add(total, (int64_t)sizeof(struct yt_letterbox_args));
    layout.thread_args =
        yt_workspace_add(total, threads * (int64_t)sizeof(union thread_args));
    layout.thread_pointers =
        yt_workspace_add(total, threads * (int64_t)sizeof(void *));
    layout.scratch_bytes = yt_align(plan->scratch_bytes);
    layout.scratch = yt_workspace_add(total, threads * layout.scratch_bytes);
    return layout;
}

enum yt_status yt_model_open_on(const struct yt_bundle *bundle,
                                struct yt_pool *pool,
                                struct yt_model **model_out)
{
    const struct yt_plan *plan = bundle->plan;
    int32_t cells = 0;
    for (int32_t i = 0; i < plan->level_count; i++)
        cells += level_cells(&plan->levels[i]);
    struct yt_model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        yt_pool_destroy(pool);
        return yt_fail(YT_NO_MEMORY, "no memory for model '%s'", plan->model);
    }
    pthread_mutex_init(&model->lock, NULL);
    model->bundle = bundle;
    model->pool = pool;
    model->threads = yt_pool_threads(pool);
    model->cells = cells;
    model->layout = plan_workspace(plan, cells, model->threads);
    const struct yt_augment both = yt_augment_flip(model);
    model->flip_workspace_bytes = yt_augment_workspace_bytes(&both);
    *model_out = model;
    return YT_OK;
}

/* One thread more than runs all the time holds up every step of a frame: tuned
 * for two threads, under a quota of one CPU, the slowest tenth of frames take
 * twice as long. */
static int32_t fitting_threads(const struct yt_plan *plan)
{
    const int32_t cpus = yt_pool_cpus();
    return plan->threads < cpus ? plan->threads : cpus;
}

enum yt_status yt_model_open(const struct yt_bundle *bundle,
                             const struct yt_open_options *options,
                             struct yt_model **model_out)
{
    const struct yt_open_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    *model_out = NULL;
    YT_TRY(yt_bundle_check(bundle));
    const struct yt_plan *plan = bundle->plan;
    const int32_t threads =
        options->threads == 0 ? fitting_threads(plan) : options->threads;
    struct yt_pool *pool = NULL;
    YT_TRY(yt_pool_create(threads, options->pin, &pool));
    return yt_model_open_on(bundle, pool, model_out);
}

void yt_model_close(struct yt_model *model)
{
    if (model == NULL)
        return;
    yt_pool_destroy(model->pool);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

enum yt_status yt_model_restart(struct yt_model *model)
{
    return yt_pool_restart(model->pool);
}

const struct yt_plan *yt_model_plan(const struct yt_model *model)
{
    return model->bundle->plan;
}

int32_t yt_model_cells(const struct yt_model *model)
{
    return model->cells;
}

int64_t yt_model_workspace_bytes(const struct yt_model *model)
{
    return model->layout.total_bytes;
}

void yt_model_describe(const struct yt_model *model,
                       struct yt_model_info *info_out)
{
    const struct yt_plan *plan = model->bundle->plan;
    *info_out = (struct yt_model_info){
        .name = plan->model,
        .input_width = plan->w,
        .input_height = plan->h,
        .classes = plan->nc,
        .class_names = plan->classes,
        .isa = plan->isa->name,
        .threads = model->threads,
        .workspace_bytes = (size_t)model->layout.total_bytes,
        .flip_workspace_bytes = model->flip_workspace_bytes,
    };
}

/* --- Running ------------------------------------------------------------- */

/* Tensor or constant at a plan's offset. */
static const void *at_or_null(const void *base, int64_t offset)
{
    return offset < 0 ? NULL : (const char *)base + offset;
}

void yt_model_lock(struct yt_model *model)
{
    if (model->threads > 1)
        pthread_mutex_lock(&model->lock);
}

void yt_model_unlock(struct yt_model *model)
{
    if (model->threads > 1)
        pthread_mutex_unlock(&model->lock);
}

struct yt_framing yt_model_framing(const struct yt_model *model,
                                   const struct yt_detect_options *options)
{
    return (struct yt_framing){
        .h = model->bundle->plan->h,
        .w = model->bundle->plan->w,
        .fit = options->fit,
        .filter = options->filter,
    };
}

void yt_model_run_letterbox(struct yt_model *model,
                            const struct yt_image *image,
                            const struct yt_framing *framing, void *workspace)
{
    const struct yt_plan *plan = model->bundle->plan;
    const struct layout *layout = &model->layout;
    char *base = workspace;
    struct yt_letterbox_args args;
    assert(framing->h == plan->h && framing->w == plan->w);
    if (plan->letterbox.out_buffer) { /* a band makes the rows it needs */
        yt_letterbox_setup(
            image, framing, &plan->letterbox.problem, base + layout->tables,
            NULL, (struct yt_letterbox_args *)(base + layout->letterbox_args));
        return;
    }
    yt_letterbox_setup(image, framing, &plan->letterbox.problem,
                       base + layout->tables,
                       base + layout->arena + plan->letterbox.out, &args);
    yt_pool_run(model->pool, plan->letterbox.kernel, &args, NULL,
                plan->letterbox.tasks);
}

/* Each thread gets scratch of its own, where the plan needs any. */
static void run_step(struct yt_model *model, const struct yt_step *step,
                     float threshold, char *base)
{
    const struct layout *layout = &model->layout;
    char *arena = base + layout->arena;
    struct yt_args args = {
        .in = at_or_null(arena, step->in),
        .out = step->out < 0 ? NULL : arena + step->out,
        .weights = at_or_null(model->bundle->blob, step->weights),
        .bias = at_or_null(model->bundle->blob, step->bias),
        .add = at_or_null(arena, step->add),
        .threshold = threshold,
    };
    if (layout->scratch_bytes == 0) {
        yt_pool_run(model->pool, step->kernel, &args, NULL, step->tasks);
        return;
    }
    struct yt_args *each = (struct yt_args *)(base + layout->thread_args);
    const void **pointers = (const void **)(base + layout->thread_pointers);
    for (int32_t i = 0; i < model->threads; i++) {
        each[i] = args;
        each[i].scratch = base + layout->scratch + i * layout->scratch_bytes;
        pointers[i] = &each[i];
    }
    yt_pool_run(model->pool, step->kernel, NULL, pointers, step->tasks);
}

/* Each thread takes strips from top to bottom, in buffers of its own. */
static void run_band(struct yt_model *model, const struct yt_band *band,
                     float threshold, const struct yt_decode_args *decode,
                     char *base)
{
    const struct layout *layout = &model->layout;
    struct yt_band_args *each =
        (struct yt_band_args *)(base + layout->thread_args);
    const void **pointers = (const void **)(base + layout->thread_pointers);
    for (int32_t i = 0; i < model->threads; i++) {
        each[i] = (struct yt_band_args){
            .plan = model->bundle->plan,
            .band = band,
            .arena = base + layout->arena,
            .blob = model->bundle->blob,
            .scratch = base + layout->scratch + i * layout->scratch_bytes,
            .threshold = threshold,
            .letterbox =
                (const struct yt_letterbox_args *)(base +
                                                   layout->letterbox_args),
            .decode = decode,
        };
        pointers[i] = &each[i];
    }
    yt_pool_run(model->pool, yt_band_run, NULL, pointers,
                yt_band_strips(model->bundle->plan, band));
}

void yt_model_run_steps(struct yt_model *model, float threshold,
                        void *workspace, int32_t first, int32_t last)
{
    const struct yt_plan *plan = model->bundle->plan;
    assert(first >= 0 && last <= plan->step_count);
    for (int32_t i = first; i < last; i++) {
        const struct yt_band *band = yt_band_of(plan, i);
        if (!band)
            run_step(model, &plan->steps[i], threshold, workspace);
        else if (i == band->first && !band->level)
            run_band(model, band, threshold, NULL, workspace);
    }
}

struct yt_candidates yt_model_candidates(const struct yt_model *model,
                                         void *workspace)
{
    const int64_t *offsets = model->layout.candidates;
    char *base = workspace;
    return (struct yt_candidates){
        .x0 = (float *)(base + offsets[0]),
        .y0 = (float *)(base + offsets[1]),
        .x1 = (float *)(base + offsets[2]),
        .y1 = (float *)(base + offsets[3]),
        .score = (float *)(base + offsets[4]),
        .class_id = (int32_t *)(base + offsets[5]),
    };
}

int32_t yt_model_run_decode(struct yt_model *model, float conf, void *workspace)
{
    const struct yt_plan *plan = model->bundle->plan;
    char *base = workspace;
    const struct yt_candidates all = yt_model_candidates(model, workspace);
    int32_t *counts = (int32_t *)(base + model->layout.counts);
    const float min_logit = yt_decode_min_logit(conf);
    int64_t first = 0;
    int64_t count = 0;
    for (int32_t i = 0; i < plan->level_count; i++) {
        const struct yt_level *level = &plan->levels[i];
        struct yt_decode_args args = {
            .head =
                level->decode.in_buffer
                    ? NULL /* a band knows */
                    : (const float *)(base + model->layout.arena + level->head),
            .lanes = plan->isa->lanes,
            .na = level->na,
            .nc = plan->nc,
            .bins = level->decode.problem.u.decode.bins,
            .h = level->h,
            .w = level->w,
            .rows = level->decode.problem.u.decode.rows,
            .stride = level->stride,
            .min_logit = min_logit,
            .conf = conf,
            .out = yt_candidates_at(&all, first),
            .counts = counts,
        };
        memcpy(args.anchors, level->anchors, sizeof args.anchors);
        const struct yt_band *band = yt_band_of_level(plan, i);
        if (band)
            run_band(model, band, min_logit, &args, base);
        else
            yt_pool_run(model->pool, level->decode.kernel, &args, NULL,
                        level->decode.tasks);
        count = yt_decode_compact(&args, &all, count);
        first += level_cells(level);
        counts += level->decode.tasks;
    }
    return (int32_t)count;
}

size_t yt_model_run_postprocess(struct yt_model *model,
                                const struct yt_detect_options *options,
                                int32_t image_h, int32_t image_w,
                                void *workspace, struct yt_box *boxes_out,
                                size_t boxes_cap)
{
    const struct yt_plan *plan = model->bundle->plan;
    char *base = workspace;
    const struct yt_framing framing = yt_model_framing(model, options);
    struct yt_letterbox_map map;
    yt_letterbox_map(&framing, image_h, image_w, &map);
    const struct yt_candidates all = yt_model_candidates(model, workspace);
    const int32_t count = yt_model_run_decode(model, options->conf, workspace);
    const struct yt_selection selection = {
        .candidates = &all,
        .count = count,
        .classes = plan->nc,
        .nms = yt_nms_step(plan, count),
        .map = &map,
        .kept = (int32_t *)(base + model->layout.kept),
        .nms_scratch = base + model->layout.nms,
    };
    return yt_select_boxes(&selection, options, boxes_out, boxes_cap);
}

enum yt_status
yt_detect_options_resolve(const struct yt_detect_options *options,
                          struct yt_detect_options *resolved_out)
{
    struct yt_detect_options v = {0};
    if (options != NULL)
        v = *options;
    /* Written so that a NaN fails. */
    YT_FAIL_IF(!(v.conf >= 0 && v.conf < 1), YT_BAD_ARGUMENT,
               "conf=%g: want 0 <= conf < 1", (double)v.conf);
    YT_FAIL_IF(!(v.iou >= 0 && v.iou <= 1), YT_BAD_ARGUMENT,
               "iou=%g: want 0 <= iou <= 1", (double)v.iou);
    YT_FAIL_IF(v.max_det < 0, YT_BAD_ARGUMENT, "max_det=%d: want 0 or more",
               v.max_det);
    YT_FAIL_IF((unsigned)v.fit > YT_FIT_STRETCH, YT_BAD_ARGUMENT,
               "fit=%d: unknown", (int)v.fit);
    YT_FAIL_IF((unsigned)v.filter > YT_FILTER_NEAREST, YT_BAD_ARGUMENT,
               "filter=%d: unknown", (int)v.filter);
    YT_FAIL_IF(v.candidates < 0, YT_BAD_ARGUMENT,
               "candidates=%d: want 0 or more", v.candidates);
    YT_FAIL_IF(v.flip != 0 && v.flip != 1, YT_BAD_ARGUMENT,
               "flip=%d: want 0 or 1", v.flip);
    v.conf = v.conf == 0 ? DEFAULT_CONF : v.conf;
    v.iou = v.iou == 0 ? DEFAULT_IOU : v.iou;
    v.max_det = v.max_det == 0 ? DEFAULT_MAX_DET : v.max_det;
    *resolved_out = v;
    return YT_OK;
}

enum yt_status yt_detect_buffers_check(size_t needed, const void *workspace,
                                       size_t workspace_bytes,
                                       const struct yt_box *boxes,
                                       size_t boxes_cap,
                                       const size_t *count_out)
{
    YT_FAIL_IF(workspace == NULL || workspace_bytes < needed, YT_BAD_ARGUMENT,
               "workspace of %zu bytes: the model needs %zu",
               workspace == NULL ? 0 : workspace_bytes, needed);
    YT_FAIL_IF((uintptr_t)workspace % YT_ALIGN != 0, YT_BAD_ARGUMENT,
               "workspace at %p: not aligned to %d bytes", workspace, YT_ALIGN);
    YT_FAIL_IF((boxes == NULL && boxes_cap > 0) || count_out == NULL,
               YT_BAD_ARGUMENT, "no room to return boxes in");
    return YT_OK;
}

/* Without flip; the arguments were checked. */
static size_t detect_once(struct yt_model *model, const struct yt_image *image,
                          const struct yt_detect_options *options,
                          void *workspace, struct yt_box *boxes,
                          size_t boxes_cap, struct yt_frame_times *times_out)
{
    const struct yt_framing framing = yt_model_framing(model, options);
    yt_model_lock(model);
    const uint64_t start = yt_clock_ns();
    yt_model_run_letterbox(model, image, &framing, workspace);
    const uint64_t prepared = yt_clock_ns();
    yt_model_run_steps(model, yt_decode_min_logit(options->conf), workspace, 0,
                       model->bundle->plan->step_count);
    const uint64_t computed = yt_clock_ns();
    const size_t count =
        yt_model_run_postprocess(model, options, image->height, image->width,
                                 workspace, boxes, boxes_cap);
    const uint64_t end = yt_clock_ns();
    yt_model_unlock(model);
    if (times_out != NULL)
        *times_out = (struct yt_frame_times){
            .preprocess_ns = prepared - start,
            .network_ns = computed - prepared,
            .postprocess_ns = end - computed,
        };
    return count;
}

enum yt_status
yt_model_detect(struct yt_model *model, const struct yt_image *image,
                const struct yt_detect_options *options, void *workspace,
                size_t workspace_bytes, struct yt_box *boxes, size_t boxes_cap,
                size_t *count_out, struct yt_frame_times *times_out)
{
    struct yt_detect_options resolved = {0};
    YT_FAIL_IF(image == NULL, YT_BAD_ARGUMENT, "no image");
    YT_TRY(yt_image_check(image));
    YT_TRY(yt_detect_options_resolve(options, &resolved));
    const struct yt_augment both = yt_augment_flip(model);
    const size_t needed = resolved.flip ? model->flip_workspace_bytes
                                        : (size_t)model->layout.total_bytes;
    YT_TRY(yt_detect_buffers_check(needed, workspace, workspace_bytes, boxes,
                                   boxes_cap, count_out));
    *count_out = resolved.flip
                     ? yt_augment_run(&both, image, &resolved, workspace, boxes,
                                      boxes_cap, times_out)
                     : detect_once(model, image, &resolved, workspace, boxes,
                                   boxes_cap, times_out);
    return YT_OK;
}
