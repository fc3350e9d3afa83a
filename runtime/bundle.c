/* The border between what made a bundle and what runs it: past these checks the
 * executor asserts. */

#include "runtime/bundle.h"

#include "runtime/band.h"
#include "runtime/fail.h"

static enum yt_status check_range(const char *name, const char *what,
                                  int64_t offset, int64_t size)
{
    YT_FAIL_IF(offset < -1 || offset >= size, YT_BAD_ARGUMENT,
               "plan: step '%s': %s at byte %lld of %lld", name, what,
               (long long)offset, (long long)size);
    return YT_OK;
}

static enum yt_status check_bound(const struct yt_step *step, enum yt_op op)
{
    YT_FAIL_IF(step->kernel == NULL, YT_BAD_ARGUMENT,
               "plan: step '%s' has no kernel", step->name);
    YT_FAIL_IF(step->problem.op != op, YT_BAD_ARGUMENT,
               "plan: step '%s' is %s, not %s", step->name,
               yt_op_name(step->problem.op), yt_op_name(op));
    return YT_OK;
}

/* Bytes of what a tensor's offset is into. */
static int64_t memory_of(const struct yt_plan *plan, int32_t buffer)
{
    return buffer ? plan->scratch_bytes : plan->arena_bytes;
}

static enum yt_status check_step(const struct yt_plan *plan,
                                 const struct yt_step *step)
{
    YT_TRY(check_bound(step, step->problem.op));
    YT_FAIL_IF(step->tasks < 1, YT_BAD_ARGUMENT,
               "plan: step '%s' has %lld tasks", step->name,
               (long long)step->tasks);
    YT_TRY(check_range(step->name, "input", step->in,
                       memory_of(plan, step->in_buffer)));
    YT_TRY(check_range(step->name, "output", step->out,
                       memory_of(plan, step->out_buffer)));
    YT_TRY(check_range(step->name, "addend", step->add,
                       memory_of(plan, step->add_buffer)));
    YT_TRY(check_range(step->name, "weights", step->weights, plan->blob_bytes));
    return check_range(step->name, "bias", step->bias, plan->blob_bytes);
}

static enum yt_status check_level(const struct yt_plan *plan,
                                  const struct yt_level *level)
{
    YT_TRY(check_bound(&level->decode, YT_OP_DECODE));
    const char *name = level->decode.name;
    YT_FAIL_IF(level->na < 1 || level->na > YT_ANCHORS_MAX || level->h < 1 ||
                   level->w < 1 || level->stride < 1,
               YT_BAD_ARGUMENT,
               "plan: level '%s' of %d anchors, %dx%d cells, stride %d", name,
               level->na, level->h, level->w, level->stride);
    YT_FAIL_IF(
        level->decode.tasks != (int64_t)level->na * level->h, YT_BAD_ARGUMENT,
        "plan: level '%s' has %lld tasks, not anchors * rows = %lld", name,
        (long long)level->decode.tasks, (long long)level->na * level->h);
    /* The problem's rules bound the tensor's elements. */
    YT_TRY(yt_problem_check(&level->decode.problem));
    const struct yt_decode *p = &level->decode.problem.u.decode;
    YT_FAIL_IF(p->na != level->na || p->nc != plan->nc || p->h != level->h ||
                   p->w != level->w || p->stride != level->stride,
               YT_BAD_ARGUMENT, "plan: level '%s' differs from its problem",
               name);
    const int32_t lanes = plan->isa->lanes;
    const int64_t channels = yt_head_channels(p->na, p->nc, p->bins);
    const int64_t head_bytes = (channels + lanes - 1) / lanes * lanes * p->h *
                               p->w * (int64_t)sizeof(float);
    if (level->decode.in_buffer) /* yt_bands_check() */
        return YT_OK;
    YT_FAIL_IF(level->head < 0 || level->head > plan->arena_bytes - head_bytes,
               YT_BAD_ARGUMENT, "plan: level '%s': head at byte %lld of %lld",
               name, (long long)level->head, (long long)plan->arena_bytes);
    return YT_OK;
}

/* The tensor that the letterbox writes. */
static enum yt_status check_input(const struct yt_plan *plan)
{
    const struct yt_problem *problem = &plan->letterbox.problem;
    YT_TRY(yt_problem_check(problem));
    const struct yt_letterbox *p = &problem->u.letterbox;
    YT_FAIL_IF(p->h != plan->h || p->w != plan->w, YT_BAD_ARGUMENT,
               "plan '%s': letterbox to %dx%d, not %dx%d", plan->model, p->w,
               p->h, plan->w, plan->h);
    if (plan->letterbox.out_buffer) /* yt_bands_check() */
        return YT_OK;
    const int64_t bytes = ((int64_t)p->h + 2 * p->pad) *
                          ((int64_t)p->w + 2 * p->pad) * 3 *
                          yt_dtype_bytes(problem->dtype);
    YT_FAIL_IF(plan->letterbox.out > plan->arena_bytes - bytes, YT_BAD_ARGUMENT,
               "plan '%s': input of %lld bytes at byte %lld of %lld",
               plan->model, (long long)bytes, (long long)plan->letterbox.out,
               (long long)plan->arena_bytes);
    return YT_OK;
}

static enum yt_status check_plan(const struct yt_plan *plan)
{
    YT_FAIL_IF(plan->h < 1 || plan->w < 1 || plan->nc < 1 ||
                   plan->arena_bytes < 1 || plan->scratch_bytes < 0 ||
                   plan->blob_bytes < 0 || plan->step_count < 0,
               YT_BAD_ARGUMENT, "plan '%s': a size is out of range",
               plan->model);
    YT_FAIL_IF(plan->level_count < 1 || plan->level_count > YT_LEVELS_MAX,
               YT_BAD_ARGUMENT, "plan '%s': %d levels, want 1..%d", plan->model,
               plan->level_count, YT_LEVELS_MAX);
    YT_TRY(check_step(plan, &plan->letterbox));
    YT_TRY(check_bound(&plan->letterbox, YT_OP_LETTERBOX));
    YT_FAIL_IF(plan->letterbox.tasks != plan->h || plan->letterbox.out < 0,
               YT_BAD_ARGUMENT, "plan '%s': letterbox of %lld tasks, not %d",
               plan->model, (long long)plan->letterbox.tasks, plan->h);
    YT_TRY(check_input(plan));
    for (int32_t i = 0; i < plan->step_count; i++)
        YT_TRY(check_step(plan, &plan->steps[i]));
    for (int32_t i = 0; i < plan->level_count; i++)
        YT_TRY(check_level(plan, &plan->levels[i]));
    YT_TRY(yt_bands_check(plan));
    YT_FAIL_IF(plan->nms_count < 1 || plan->nms_count > YT_NMS_MAX,
               YT_BAD_ARGUMENT, "plan '%s': %d ways of NMS, want 1..%d",
               plan->model, plan->nms_count, YT_NMS_MAX);
    for (int32_t i = 0; i < plan->nms_count; i++) {
        YT_TRY(check_bound(&plan->nms[i], YT_OP_NMS));
        YT_TRY(yt_problem_check(&plan->nms[i].problem));
    }
    return YT_OK;
}

enum yt_status yt_bundle_check(const struct yt_bundle *bundle)
{
    const struct yt_plan *plan = bundle->plan;
    YT_TRY(yt_isa_check(plan->isa, yt_cpu_features()));
    YT_FAIL_IF((uintptr_t)bundle->blob % YT_ALIGN != 0, YT_BAD_ARGUMENT,
               "bundle '%s': constants are not aligned to %d bytes",
               plan->model, YT_ALIGN);
    return check_plan(plan);
}
