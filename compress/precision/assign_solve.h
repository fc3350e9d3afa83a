#ifndef YT_ASSIGN_SOLVE_H
#define YT_ASSIGN_SOLVE_H

/* The knapsack behind an assignment: a choice for each group, the least time
 * whose losses add up to no more than a bound. Plain arrays. */

#include <stdint.h>

#include "yolotune/status.h"

struct yt_knapsack {
    int32_t groups, types;
    const double *ns;   /* [groups][types]; NAN: not a choice */
    const double *loss; /* [groups][types] */
};

/** Solve for several bounds at once, by dynamic programming over the loss in
 *  steps of a thousandth of the largest bound, rounded up: no solution exceeds
 *  its bound, and one that uses it up to a step per group may be missed.
 *
 * @param bounds  [count], each >= 0. Each group has to have a choice without
 *                loss.
 * @param[out] choices [count][groups] types.
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_knapsack_solve(const struct yt_knapsack *k,
                                 const double *bounds, int32_t count,
                                 int32_t *choices);

#endif
