/* The loop of a training: see train/run/train.h. */

#include "train/run/train.h"

#include <math.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "train/run/train_state.h"

#define HALVED_MOST   5
#define LOSS_MEMORY   0.98
#define REPLAN_BEGINS 16 /* steps after which a plan is first looked at again */

static double seconds_since(uint64_t begin_ns)
{
    return 1e-9 * (double)(yt_now_ns() - begin_ns);
}

static int is_stopped(const struct yt_training *t)
{
    return t->options.stop && *t->options.stop;
}

/* ------------------------------------------------------------------- tell */

static double rate_of(const struct yt_training *t)
{
    return t->now.rate_factor * yt_rate_at(&t->now.plan, t->now.step,
                                           t->options.rate,
                                           t->options.final_rate);
}

static double time_left(const struct yt_training *t)
{
    const double budget = yt_training_seconds_left(t);
    const double steps = (double)(t->now.plan.steps - t->now.step);
    if (isfinite(budget))
        return budget;
    return t->step_s > 0
               ? steps * t->step_s + (double)t->now.left * t->now.evaluation_s
               : NAN;
}

static void tell(const struct yt_training *t, const char *note)
{
    if (!t->options.progress)
        return;
    const struct yt_train_event event = {
        .step = t->now.step,
        .steps = t->now.plan.steps,
        .epoch = (int32_t)(t->now.step / t->batches),
        .epochs = t->options.epochs,
        .pictures = t->now.step * t->options.batch,
        .loss = t->now.loss,
        .rate = t->now.plan.steps > 0 ? rate_of(t) : 0,
        .pictures_per_s = t->step_s > 0 ? t->options.batch / t->step_s : 0,
        .map = t->last_map,
        .best_map = t->now.best_map,
        .best_step = t->now.best_step,
        .elapsed_s = yt_training_seconds(t),
        .left_s = time_left(t),
        .note = note,
    };
    t->options.progress(t->options.user, &event);
}

/* --------------------------------------------------------------- evaluate */

/* Without a measure, the last weights are the best ones. */
static void judge(struct yt_training *t, double map)
{
    t->last_map = map;
    if (t->now.evaluated < 0)
        t->now.start_map = map;
    if (t->options.evaluate && !isnan(t->now.best_map) &&
        !(map > t->now.best_map))
        return;
    t->now.best_map = map;
    t->now.best_step = t->now.step;
    memcpy(t->kept.best, t->optimiser->average,
           (size_t)t->kept.count * sizeof(float));
}

static enum yt_status measure(struct yt_training *t, double *map_out)
{
    *map_out = NAN;
    if (!t->options.evaluate)
        return YT_OK;
    const uint64_t begin = yt_now_ns();
    yt_optimiser_put(t->optimiser, t->optimiser->average, t->candidate);
    YT_TRY(t->options.evaluate(t->options.user, t->candidate, map_out));
    t->now.evaluation_s = seconds_since(begin);
    return YT_OK;
}

/* Measure, plan what follows, and keep all of it. */
static enum yt_status evaluate(struct yt_training *t)
{
    double map;
    YT_TRY(measure(t, &map));
    judge(t, map);
    t->now.evaluated = t->now.step;
    t->evaluated_ns = yt_now_ns();
    if (t->now.plan.steps == 0) {
        YT_TRY(yt_training_plan(t));
    } else if (t->now.step < t->now.plan.steps) {
        t->now.left -= t->now.left > 1;
        yt_training_plan_again(t);
    }
    yt_training_plan_evaluation(t);
    YT_TRY(yt_training_keep(t));
    tell(t, NULL);
    return YT_OK;
}

static int is_due(const struct yt_training *t)
{
    if (t->now.evaluated == t->now.step)
        return 0;
    if (t->now.evaluated < 0 || t->now.step >= t->now.plan.steps)
        return 1;
    if (t->options.evaluate_every_s > 0)
        return seconds_since(t->evaluated_ns) >= t->options.evaluate_every_s;
    return t->now.step >= t->now.next;
}

/* ------------------------------------------------------------------- step */

static void find_gradients(struct yt_training *t)
{
    const struct yt_tape *tape = t->step.student;
    for (int32_t i = 0; i < t->optimiser->parameter_count; i++) {
        const struct yt_parameter *p = &t->optimiser->parameters[i];
        t->gradients[i] = p->is_bias ? yt_tape_bias_gradient(tape, p->node)
                                     : yt_tape_weight_gradient(tape, p->node);
    }
}

static enum yt_status recover(struct yt_training *t)
{
    YT_FAIL_IF(t->now.halved >= HALVED_MOST, YT_BAD_INPUT,
               "the loss is not finite, after the learning rate was halved %d "
               "times: training from these weights, or on these pictures, does "
               "not work",
               HALVED_MOST);
    yt_training_go_back(t);
    tell(t, "the loss was not finite: the learning rate is halved, and the "
            "training goes on from the last evaluation");
    return YT_OK;
}

/* Loss and weights of a step that went well. */
static void note_step(struct yt_training *t, double loss, double seconds)
{
    struct yt_checkpoint_numbers *now = &t->now;
    if (now->step == 0)
        now->start_loss = now->loss = loss;
    now->loss = LOSS_MEMORY * now->loss + (1 - LOSS_MEMORY) * loss;
    now->step++;
    yt_training_time_step(t, seconds);
    const int is_power_of_two = (now->step & (now->step - 1)) == 0;
    if (now->step >= REPLAN_BEGINS && is_power_of_two)
        yt_training_plan_again(t);
    tell(t, NULL);
}

static enum yt_status advance(struct yt_training *t)
{
    const uint64_t begin = yt_now_ns();
    double loss = 0;
    YT_TRY(yt_train_step_run(&t->step, t->now.step, &loss));
    if (!isfinite(loss))
        return recover(t);
    find_gradients(t);
    const double keep =
        yt_rate_average(t->now.step + 1, t->now.plan.steps, t->options.ema);
    const double norm =
        yt_optimiser_update(t->optimiser, t->gradients, rate_of(t), keep);
    if (!isfinite(norm))
        return recover(t);
    note_step(t, loss, seconds_since(begin));
    return YT_OK;
}

/* ------------------------------------------------------------------- loop */

/* What was trained is kept to go on from; before the first evaluation there is
 * nothing. */
static enum yt_status pause_training(struct yt_training *t)
{
    YT_FAIL_IF(t->now.evaluated < 0 || t->now.plan.steps == 0, YT_INTERRUPTED,
               "interrupted before the first evaluation");
    t->interrupted = 1;
    return yt_training_keep(t);
}

static int is_over(const struct yt_training *t)
{
    return t->now.step >= t->now.plan.steps ||
           yt_training_seconds_left(t) < t->now.evaluation_s;
}

static enum yt_status run(struct yt_training *t)
{
    while (!is_stopped(t)) {
        enum yt_status status = YT_OK;
        const int over = t->now.plan.steps > 0 && is_over(t);
        if (is_due(t) || (over && t->now.evaluated != t->now.step))
            status = evaluate(t);
        if (status == YT_INTERRUPTED)
            break;
        YT_TRY(status);
        if (over || is_over(t))
            return YT_OK;
        YT_TRY(advance(t));
    }
    return pause_training(t);
}

static void fill_result(const struct yt_training *t,
                        struct yt_train_result *result)
{
    const struct yt_checkpoint_numbers *now = &t->now;
    *result = (struct yt_train_result){
        .start_map = now->start_map,
        .best_map = now->best_map,
        .start_loss = now->start_loss,
        .end_loss = now->loss,
        .steps = now->step,
        .pictures = now->step * t->options.batch,
        .best_step = now->best_step,
        .epochs = (int32_t)(now->step / t->batches),
        .halved = (int32_t)now->halved,
        .interrupted = t->interrupted,
        .resumed = t->resumed,
        .seconds = yt_training_seconds(t),
    };
}

enum yt_status yt_train(const struct yt_graph *start,
                        struct yt_dataset *dataset,
                        const struct yt_train_options *options,
                        struct yt_graph **graph_out,
                        struct yt_train_result *result_out)
{
    struct yt_training t;
    enum yt_status status = yt_training_open(start, dataset, options, &t);
    if (status == YT_OK)
        status = run(&t);
    /* A disk that is full loses nothing of what was learned. */
    if (status == YT_OK || (status == YT_IO && t.now.evaluated >= 0)) {
        const enum yt_status copied = yt_training_best(&t, graph_out);
        status = copied == YT_OK ? status : copied;
        fill_result(&t, result_out);
    }
    yt_training_close(&t);
    return status;
}
