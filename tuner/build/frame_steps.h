#ifndef YT_FRAME_STEPS_H
#define YT_FRAME_STEPS_H

/* The steps of a frame before and behind the network, as one list: letterbox,
 * decoding of each level, NMS. They have schedules like any other step. */

#include "codegen/schedule.h"
#include "runtime/plan.h"

#define YT_FRAME_STEPS_MAX (1 + YT_LEVELS_MAX + YT_NMS_MAX)

/** One for each step of the list, in its order. */
struct yt_frame_schedules {
    struct yt_schedule of[YT_FRAME_STEPS_MAX];
};

/** How many the plan has, 2 and more. */
int32_t yt_frame_steps(const struct yt_plan *plan);

/** Number @p i of them, borrowed. */
struct yt_step *yt_frame_step(struct yt_plan *plan, int32_t i);
const struct yt_step *yt_frame_step_of(const struct yt_plan *plan, int32_t i);

/** The kernel in C of such a step's operator. */
yt_kernel_fn yt_frame_kernel_c(enum yt_op op);

#endif
