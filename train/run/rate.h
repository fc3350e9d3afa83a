#ifndef YT_RATE_H
#define YT_RATE_H

/* How fast weights change over a training: half a cosine from the highest rate
 * down to a share of it, which the last step has; in the first steps a linear
 * warm-up. */

#include <stdint.h>

/** How many steps there will be. With a number of epochs that is known; with a
 *  budget of time it is estimated, and estimated anew now and then: the way
 *  that lies behind stays, what is left of the cosine is spread over the steps
 *  that are left. Plain data, kept in checkpoints. */
struct yt_rate_plan {
    int64_t steps;  /* of the whole training */
    int64_t warm;   /* steps of warm-up */
    int64_t anchor; /* step at which the plan was made */
    double way;     /* share of the cosine that lay behind then, 0..1 */
};

/** Plan a training from its beginning.
 *  @param steps >= 1.
 *  @param warm  wished for; at least 100 and at most a fifth of the steps. */
struct yt_rate_plan yt_rate_plan(int64_t steps, int64_t warm);

/** Plan anew: when @p step steps are done so many are left.
 *  @param left >= 1. */
void yt_rate_plan_again(struct yt_rate_plan *plan, int64_t step, int64_t left);

/** Go on with a training that was over: the rate is what it would be at this
 *  step of a training of so many steps, which is higher than it was.
 *  @param steps of the longer training. */
void yt_rate_plan_longer(struct yt_rate_plan *plan, int64_t steps);

/** Share of the cosine that lies behind before step @p step: 0 before step 0,
 *  1 before the last one. */
double yt_rate_way(const struct yt_rate_plan *plan, int64_t step);

/** The rate of step @p step, 0 and up.
 *  @param last share of @p highest that the last step has. */
double yt_rate_at(const struct yt_rate_plan *plan, int64_t step, double highest,
                  double last);

/** What share of the moving average of weights the average so far keeps, when
 *  @p updates updates of @p steps were done.
 *
 *  YOLOv5's ModelEMA has decay * (1 - exp(-updates / 2000)) with a decay of
 *  0.9999: an average over the last 10,000 updates, where trainings have
 *  millions. A training of minutes has hundreds, and its average would still be
 *  full of the weights it began with. So no average reaches back further than
 *  a twentieth of the training, in which the cosine is near its end, and it
 *  grows to that over a tenth of it; trainings of more than 200,000 steps have
 *  YOLOv5's. */
double yt_rate_average(int64_t updates, int64_t steps, double decay);

#endif
