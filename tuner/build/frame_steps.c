/* See tuner/build/frame_steps.h. */

#include "tuner/build/frame_steps.h"

#include <assert.h>
#include <stddef.h>

#include "runtime/decode.h"
#include "runtime/letterbox.h"
#include "runtime/nms.h"

int32_t yt_frame_steps(const struct yt_plan *plan)
{
    return 1 + plan->level_count + plan->nms_count;
}

struct yt_step *yt_frame_step(struct yt_plan *plan, int32_t i)
{
    const int32_t levels = 1;
    const int32_t nms = levels + plan->level_count;
    assert(i >= 0 && i < yt_frame_steps(plan));
    if (i < levels)
        return &plan->letterbox;
    return i < nms ? &plan->levels[i - levels].decode : &plan->nms[i - nms];
}

const struct yt_step *yt_frame_step_of(const struct yt_plan *plan, int32_t i)
{
    return yt_frame_step((struct yt_plan *)plan, i);
}

yt_kernel_fn yt_frame_kernel_c(enum yt_op op)
{
    switch (op) {
    case YT_OP_LETTERBOX:
        return yt_letterbox_c;
    case YT_OP_DECODE:
        return yt_decode_c;
    case YT_OP_NMS:
        return yt_nms_c;
    default:
        return NULL;
    }
}
