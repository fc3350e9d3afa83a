/* See runtime/augment.h. The workspace:
 *
 *      a pass's own, for the largest | merged candidates | kept indices
 *            | NMS scratch */

#include "runtime/augment.h"

#include "base/clock.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/model.h"
#include "runtime/select.h"
#include "runtime/workspace.h"

#define CANDIDATE_ARRAYS 6

/* models/yolo.py: DetectionModel._forward_augment. */
const struct yt_augment_scale yt_augment_scales[YT_AUGMENT_SCALES] = {
    {1, 0},
    {0.83, 1},
    {0.67, 0},
};

struct layout {
    int64_t pass;
    int64_t candidates[CANDIDATE_ARRAYS]; /* [cells of all passes] each */
    int64_t kept;
    int64_t nms;
    int64_t total_bytes;
};

/* One frame's work. */
struct frame {
    const struct yt_image *image;
    const struct yt_detect_options *options;
    void *workspace;             /* of a pass */
    struct yt_letterbox_map map; /* of the first pass */
    struct yt_candidates merged;
    int32_t count;
    struct yt_frame_times times;
};

static struct layout plan_workspace(const struct yt_augment *augment)
{
    const struct yt_plan *plan = yt_model_plan(augment->passes[0].model);
    int64_t pass_bytes = 0;
    int64_t cells = 0;
    for (int32_t i = 0; i < augment->count; i++) {
        const struct yt_model *model = augment->passes[i].model;
        const int64_t bytes = yt_model_workspace_bytes(model);
        pass_bytes = bytes > pass_bytes ? bytes : pass_bytes;
        cells += yt_model_cells(model);
    }
    struct layout layout = {.total_bytes = 0};
    int64_t *total = &layout.total_bytes;
    layout.pass = yt_workspace_add(total, pass_bytes);
    for (int i = 0; i < CANDIDATE_ARRAYS; i++)
        layout.candidates[i] = yt_workspace_add(total, cells * 4);
    layout.kept = yt_workspace_add(total, cells * 4);
    layout.nms = yt_workspace_add(total, yt_nms_scratch_bytes(cells, plan->nc));
    return layout;
}

int32_t yt_augment_side(int32_t size, double scale, int32_t stride)
{
    const double strides = size * scale / stride;
    const int32_t whole = (int32_t)strides;
    return (whole + (strides > whole)) * stride;
}

struct yt_augment yt_augment_flip(struct yt_model *model)
{
    return (struct yt_augment){
        .passes = {{.model = model}, {.model = model, .flip = 1}},
        .count = 2,
    };
}

size_t yt_augment_workspace_bytes(const struct yt_augment *augment)
{
    return (size_t)plan_workspace(augment).total_bytes;
}

/* Image to candidates, appended to the merged ones. */
static void run_pass(struct frame *frame, const struct yt_augment_pass *pass)
{
    struct yt_model *model = pass->model;
    const struct yt_image *image = frame->image;
    const float conf = frame->options->conf;
    struct yt_framing framing = yt_model_framing(model, frame->options);
    framing.mirror = pass->flip;
    struct yt_letterbox_map map;
    yt_letterbox_map(&framing, image->height, image->width, &map);
    const struct yt_candidates to =
        yt_candidates_at(&frame->merged, frame->count);

    yt_model_lock(model);
    const uint64_t start = yt_clock_ns();
    yt_model_run_letterbox(model, image, &framing, frame->workspace);
    const uint64_t prepared = yt_clock_ns();
    yt_model_run_steps(model, yt_decode_min_logit(conf), frame->workspace, 0,
                       yt_model_plan(model)->step_count);
    const uint64_t computed = yt_clock_ns();
    const int32_t found = yt_model_run_decode(model, conf, frame->workspace);
    const struct yt_candidates all =
        yt_model_candidates(model, frame->workspace);
    yt_candidates_copy(&all, found, &to);
    yt_letterbox_move(&map, &frame->map, &to, found);
    frame->count += found;
    frame->times.preprocess_ns += prepared - start;
    frame->times.network_ns += computed - prepared;
    frame->times.postprocess_ns += yt_clock_ns() - computed;
    yt_model_unlock(model);
}

size_t yt_augment_run(const struct yt_augment *augment,
                      const struct yt_image *image,
                      const struct yt_detect_options *options, void *workspace,
                      struct yt_box *boxes, size_t boxes_cap,
                      struct yt_frame_times *times_out)
{
    const struct yt_model *first = augment->passes[0].model;
    const struct layout layout = plan_workspace(augment);
    const struct yt_framing framing = yt_model_framing(first, options);
    char *base = workspace;
    struct frame frame = {
        .image = image,
        .options = options,
        .workspace = base + layout.pass,
        .merged = {.x0 = (float *)(base + layout.candidates[0]),
                   .y0 = (float *)(base + layout.candidates[1]),
                   .x1 = (float *)(base + layout.candidates[2]),
                   .y1 = (float *)(base + layout.candidates[3]),
                   .score = (float *)(base + layout.candidates[4]),
                   .class_id = (int32_t *)(base + layout.candidates[5])},
    };
    yt_letterbox_map(&framing, image->height, image->width, &frame.map);
    for (int32_t i = 0; i < augment->count; i++)
        run_pass(&frame, &augment->passes[i]);

    const uint64_t start = yt_clock_ns();
    const struct yt_plan *plan = yt_model_plan(first);
    const struct yt_selection selection = {
        .candidates = &frame.merged,
        .count = frame.count,
        .classes = plan->nc,
        .nms = yt_nms_step(plan, frame.count),
        .map = &frame.map,
        .kept = (int32_t *)(base + layout.kept),
        .nms_scratch = base + layout.nms,
    };
    const size_t count = yt_select_boxes(&selection, options, boxes, boxes_cap);
    frame.times.postprocess_ns += yt_clock_ns() - start;
    if (times_out != NULL)
        *times_out = frame.times;
    return count;
}

static enum yt_status check_passes(const struct yt_augment *augment)
{
    YT_FAIL_IF(augment->count < 1 || augment->count > YT_AUGMENT_PASSES_MAX,
               YT_BAD_ARGUMENT, "%d passes: want 1..%d", augment->count,
               YT_AUGMENT_PASSES_MAX);
    YT_FAIL_IF(augment->passes[0].flip, YT_BAD_ARGUMENT,
               "the first pass is mirrored: boxes are merged in its pixels");
    const int32_t classes = yt_model_plan(augment->passes[0].model)->nc;
    for (int32_t i = 1; i < augment->count; i++) {
        const struct yt_plan *plan = yt_model_plan(augment->passes[i].model);
        YT_FAIL_IF(plan->nc != classes, YT_BAD_ARGUMENT,
                   "pass %d: %d classes, the first pass has %d", i, plan->nc,
                   classes);
    }
    return YT_OK;
}

enum yt_status yt_augment_detect(const struct yt_augment *augment,
                                 const struct yt_image *image,
                                 const struct yt_detect_options *options,
                                 void *workspace, size_t workspace_bytes,
                                 struct yt_box *boxes, size_t boxes_cap,
                                 size_t *count_out,
                                 struct yt_frame_times *times_out)
{
    struct yt_detect_options resolved = {0};
    YT_FAIL_IF(image == NULL, YT_BAD_ARGUMENT, "no image");
    YT_TRY(yt_image_check(image));
    YT_TRY(yt_detect_options_resolve(options, &resolved));
    YT_FAIL_IF(resolved.flip, YT_BAD_ARGUMENT,
               "flip=1: passes say themselves which are mirrored");
    YT_TRY(check_passes(augment));
    YT_TRY(yt_detect_buffers_check(yt_augment_workspace_bytes(augment),
                                   workspace, workspace_bytes, boxes, boxes_cap,
                                   count_out));
    *count_out = yt_augment_run(augment, image, &resolved, workspace, boxes,
                                boxes_cap, times_out);
    return YT_OK;
}
