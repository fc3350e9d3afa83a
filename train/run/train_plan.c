/* How many steps a training has, and when it is evaluated. With a number of
 * epochs both follow from it, so that a training repeats to the bit; with a
 * budget of time, from what steps and evaluations take. */

#include "train/run/train_state.h"

#include <math.h>

#include "base/now.h"
#include "runtime/fail.h"

#define EVALUATIONS      10  /* after the first, where options do not say */
#define EVALUATION_SHARE 0.2 /* of a budget, most */
#define TRIALS           3   /* steps to measure; one more goes before */
#define STEP_MEMORY      0.95

double yt_training_seconds_left(const struct yt_training *t)
{
    if (t->options.budget_ns == 0)
        return INFINITY;
    return 1e-9 * (double)t->options.budget_ns - yt_training_seconds(t);
}

void yt_training_time_step(struct yt_training *t, double seconds)
{
    /* In the first one memory is touched for the first time. */
    if (t->steps++ == 0)
        return;
    t->step_s = t->step_s > 0
                    ? STEP_MEMORY * t->step_s + (1 - STEP_MEMORY) * seconds
                    : seconds;
}

static int64_t count_evaluations(const struct yt_training *t)
{
    const double seconds = yt_training_seconds_left(t);
    double most = EVALUATIONS;
    if (t->options.evaluate_every_s > 0 && isfinite(seconds))
        most = seconds / t->options.evaluate_every_s;
    if (t->now.evaluation_s > 0)
        most = fmin(most, EVALUATION_SHARE * seconds / t->now.evaluation_s);
    return most > 1 ? (int64_t)most : 1;
}

/* Steps that there is time for, the evaluations to come set aside. */
static int64_t count_steps(const struct yt_training *t)
{
    const double seconds =
        yt_training_seconds_left(t) - (double)t->now.left * t->now.evaluation_s;
    double steps = floor(seconds / t->step_s);
    if (t->options.epochs > 0)
        steps =
            fmin(steps, (double)(t->options.epochs * t->batches - t->now.step));
    return steps > 0 ? (int64_t)steps : 0;
}

/* Nothing is learned from these. */
static enum yt_status try_steps(struct yt_training *t)
{
    for (int64_t i = 0; i <= TRIALS; i++) {
        const uint64_t begin = yt_now_ns();
        double loss = 0;
        YT_FAIL_IF(t->options.stop && *t->options.stop, YT_INTERRUPTED,
                   "interrupted before the first step");
        YT_TRY(yt_train_step_run(&t->step, i, &loss));
        yt_training_time_step(t, 1e-9 * (double)(yt_now_ns() - begin));
    }
    return YT_OK;
}

enum yt_status yt_training_plan(struct yt_training *t)
{
    const struct yt_train_options *o = &t->options;
    const double warm = o->warm_up * (double)t->batches;
    int64_t steps = (int64_t)o->epochs * t->batches;
    if (o->budget_ns > 0) {
        YT_TRY(try_steps(t));
        const double left = yt_training_seconds_left(t);
        YT_FAIL_IF(left < t->step_s + t->now.evaluation_s, YT_BAD_ARGUMENT,
                   "a budget of %.3g s is too short: a step takes %.3g s, an "
                   "evaluation %.3g s, and %.3g s were needed to begin",
                   1e-9 * (double)o->budget_ns, t->step_s, t->now.evaluation_s,
                   yt_training_seconds(t));
    }
    t->now.left = count_evaluations(t);
    if (o->budget_ns > 0) {
        steps = count_steps(t);
        steps = steps > 0 ? steps : 1;
    }
    t->now.plan = yt_rate_plan(steps, (int64_t)warm);
    return YT_OK;
}

/* Where a budget ended the plan before and none does now, all epochs are to
 * come; where a budget is longer than the one that was used up, what fits into
 * the rest of it. */
enum yt_status yt_training_plan_resumed(struct yt_training *t)
{
    struct yt_rate_plan *plan = &t->now.plan;
    const int over = t->now.step >= plan->steps;
    int64_t left = (int64_t)t->options.epochs * t->batches - t->now.step;
    if (!t->resumed)
        return YT_OK;
    if (t->options.budget_ns > 0) {
        if (!over || yt_training_seconds_left(t) <= 0)
            return YT_OK;
        YT_TRY(try_steps(t));
        t->now.left = count_evaluations(t);
        left = count_steps(t);
    } else if (t->now.step + left == plan->steps) {
        return YT_OK;
    }
    if (left <= 0)
        return YT_OK;
    if (over)
        yt_rate_plan_longer(plan, t->now.step + left);
    else
        yt_rate_plan_again(plan, t->now.step, left);
    yt_training_plan_evaluation(t);
    return yt_training_keep(t); /* to go back to: not to the shorter plan */
}

void yt_training_plan_again(struct yt_training *t)
{
    struct yt_rate_plan *plan = &t->now.plan;
    if (t->options.budget_ns == 0 || t->step_s == 0)
        return;
    const int64_t left = count_steps(t);
    if (left > 0)
        yt_rate_plan_again(plan, t->now.step, left);
    else
        plan->steps = t->now.step;
    yt_training_plan_evaluation(t);
}

void yt_training_plan_evaluation(struct yt_training *t)
{
    const int64_t steps = t->now.plan.steps - t->now.step;
    const int64_t count = t->now.left > 0 ? t->now.left : 1;
    t->now.next = t->now.step + (steps + count - 1) / count;
}
