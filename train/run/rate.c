/* See train/run/rate.h. */

#include "train/run/rate.h"

#include <assert.h>
#include <math.h>

#define WARM_LEAST  100
#define WARM_SHARE  5  /* of the steps, one in */
#define REACH_SHARE 20 /* likewise: updates that an average reaches back */
#define RAMP_SHARE  10
#define RAMP_MOST   2000.0

static const double pi = 3.14159265358979323846;

struct yt_rate_plan yt_rate_plan(int64_t steps, int64_t warm)
{
    assert(steps >= 1);
    const int64_t most = steps / WARM_SHARE;
    if (warm < WARM_LEAST)
        warm = WARM_LEAST;
    if (warm > most)
        warm = most;
    return (struct yt_rate_plan){.steps = steps, .warm = warm};
}

void yt_rate_plan_again(struct yt_rate_plan *plan, int64_t step, int64_t left)
{
    assert(left >= 1);
    plan->way = yt_rate_way(plan, step);
    plan->anchor = step;
    plan->steps = step + left;
}

void yt_rate_plan_longer(struct yt_rate_plan *plan, int64_t steps)
{
    plan->way = 0;
    plan->anchor = 0;
    plan->steps = steps;
}

double yt_rate_way(const struct yt_rate_plan *plan, int64_t step)
{
    const int64_t last = plan->steps - 1;
    if (step >= last)
        return 1;
    return plan->way + (1 - plan->way) * (double)(step - plan->anchor) /
                           (double)(last - plan->anchor);
}

double yt_rate_at(const struct yt_rate_plan *plan, int64_t step, double highest,
                  double last)
{
    const double cosine = 0.5 * (1 + cos(pi * yt_rate_way(plan, step)));
    const double rate = highest * (last + (1 - last) * cosine);
    if (step >= plan->warm)
        return rate;
    return rate * (double)(step + 1) / (double)(plan->warm + 1);
}

double yt_rate_average(int64_t updates, int64_t steps, double decay)
{
    const double reach = fmax((double)steps / REACH_SHARE, 1);
    const double most = fmin(decay, 1 - 1 / reach);
    const double ramp = fmin(fmax((double)steps / RAMP_SHARE, 1), RAMP_MOST);
    return most * (1 - exp(-(double)updates / ramp));
}
