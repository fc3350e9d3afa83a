#ifndef YT_STAGES_H
#define YT_STAGES_H

/* Where to cut a frame's work into stages that take equally long. The work is
 * a row of items: preprocessing, each step of the plan, postprocessing. */

#include "runtime/plan.h"

/** Items of a plan: its steps + 2. */
int32_t yt_stages_items(const struct yt_plan *plan);

/** What each item costs by its arithmetic and its bytes, in some unit.
 *  @param[out] costs_out [yt_stages_items(plan)]. */
void yt_stages_estimate(const struct yt_plan *plan, double *costs_out);

/** Cut so that the dearest stage is as cheap as any cut makes it; each stage
 *  has an item at least.
 *
 * @param costs   [items], each finite and >= 0.
 * @param stages  1..items.
 * @param[out] firsts_out [stages + 1]: stage s has items firsts_out[s] up to
 *                firsts_out[s + 1].
 */
void yt_stages_cut(const double *costs, int32_t items, int32_t stages,
                   int32_t *firsts_out);

#endif
