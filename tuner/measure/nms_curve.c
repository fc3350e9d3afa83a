/* See tuner/measure/nms_curve.h. */

#include "tuner/measure/nms_curve.h"

#include <stdlib.h>

#include "base/random.h"
#include "runtime/fail.h"
#include "runtime/nms.h"
#include "runtime/workspace.h"

#define CLUSTER  20
#define IOU      0.45f
#define KEPT_MAX 300

struct run {
    struct yt_candidates candidates;
    int32_t count, classes;
    const struct yt_step *step;
    void *scratch;
    int32_t *kept; /* [KEPT_MAX] */
    int32_t *kept_count;
};

static void run_once(const void *args, int64_t begin, int64_t end)
{
    const struct run *r = args;
    const struct yt_nms_options options = {.iou = IOU, .max_det = KEPT_MAX};
    for (int64_t i = begin; i < end; i++)
        *r->kept_count = yt_nms_run(&r->candidates, r->count, r->classes,
                                    &options, r->step, r->scratch, r->kept);
}

void yt_nms_candidates(const struct yt_candidates *out, int32_t count,
                       int32_t classes, uint32_t seed)
{
    const int32_t h = 640;
    const int32_t w = 640;
    float x = 0, y = 0, width = 0, height = 0;
    int32_t class_id = 0;
    for (int32_t i = 0; i < count; i++) {
        if (i % CLUSTER == 0) {
            width = (0.02f + 0.3f * yt_random_unit(&seed)) * (float)w;
            height = (0.02f + 0.3f * yt_random_unit(&seed)) * (float)h;
            x = yt_random_unit(&seed) * ((float)w - width);
            y = yt_random_unit(&seed) * ((float)h - height);
            class_id = (int32_t)(yt_random_unit(&seed) * (float)classes);
        }
        const float dx = (yt_random_unit(&seed) - 0.5f) * 0.2f * width;
        const float dy = (yt_random_unit(&seed) - 0.5f) * 0.2f * height;
        out->x0[i] = x + dx;
        out->y0[i] = y + dy;
        out->x1[i] = x + width + dx;
        out->y1[i] = y + height + dy;
        out->score[i] = 0.25f + 0.75f * yt_random_unit(&seed);
        out->class_id[i] = class_id;
    }
}

static enum yt_status measure_point(const struct yt_plan *plan,
                                    struct yt_nms_point *point)
{
    const int64_t column = 4 * (int64_t)point->boxes;
    int64_t total = 0;
    int64_t at[6];
    for (int i = 0; i < 6; i++)
        at[i] = yt_workspace_add(&total, column);
    const int64_t kept = yt_workspace_add(&total, 4 * KEPT_MAX);
    const int64_t scratch =
        yt_workspace_add(&total, yt_nms_scratch_bytes(point->boxes, plan->nc));
    char *memory = aligned_alloc(YT_ALIGN, (size_t)total);
    YT_FAIL_IF(!memory, YT_NO_MEMORY, "no memory for %d boxes", point->boxes);

    const struct run run = {
        .candidates = {(float *)(memory + at[0]), (float *)(memory + at[1]),
                       (float *)(memory + at[2]), (float *)(memory + at[3]),
                       (float *)(memory + at[4]), (int32_t *)(memory + at[5])},
        .count = point->boxes,
        .classes = plan->nc,
        .step = yt_nms_step(plan, point->boxes),
        .scratch = memory + scratch,
        .kept = (int32_t *)(memory + kept),
        .kept_count = &point->kept,
    };
    yt_nms_candidates(&run.candidates, point->boxes, plan->nc, 1);
    const struct yt_measure_options options = {.budget_ns = 100000000};
    enum yt_status status =
        yt_measure(run_once, &run, 1, &options, &point->timing);
    free(memory);
    return status == YT_NOISY ? YT_OK : status;
}

enum yt_status yt_nms_curve(const struct yt_plan *plan,
                            struct yt_nms_point *points, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        YT_TRY(measure_point(plan, &points[i]));
    return YT_OK;
}
