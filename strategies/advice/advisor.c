/* See strategies/advice/advisor.h: the stages in order, and what they share. */

#include "strategies/advice/advisor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"

#define DEFAULT_BUDGET_NS UINT64_C(200000000000)

int yt_advisor_stopped(const struct yt_advisor *a)
{
    return a->options->stop && *a->options->stop;
}

uint64_t yt_advisor_left(const struct yt_advisor *a, double share)
{
    const uint64_t from = a->explore_ns ? a->explore_ns : a->begin_ns;
    const uint64_t end = a->begin_ns + a->budget_ns;
    const double budget = end > from ? (double)(end - from) : 0;
    const uint64_t until = from + (uint64_t)(share * budget);
    const uint64_t now = yt_now_ns();
    return now < until ? until - now : 0;
}

enum yt_depth yt_advisor_depth(const struct yt_advisor *a, enum yt_depth depth)
{
    return yt_lab_is_full(a->lab, depth) ? YT_DEPTH_FULL : depth;
}

struct yt_limits yt_advisor_limits(const struct yt_advisor *a,
                                   enum yt_depth depth)
{
    struct yt_limits limits = a->advice->limits;
    if (a->has_base[depth])
        limits.min_map +=
            a->bases[depth].figures.map - a->bases[YT_DEPTH_FULL].figures.map;
    return limits;
}

struct yt_figures yt_advisor_figures(const struct yt_advisor *a,
                                     const struct yt_assessment *trial)
{
    struct yt_figures figures = trial->figures;
    if (trial->depth != YT_DEPTH_FULL && !isnan(trial->high)) {
        const double highest = a->bases[trial->depth].figures.map + trial->high;
        figures.map += 0.5 * fmax(highest - figures.map, 0);
    }
    if (!trial->config.tuned) {
        const double known = a->tuned_gain[trial->config.precision];
        const double gain = known > 0 ? known : a->last_gain;
        figures.fps *= gain;
        figures.latency_ns /= gain;
    }
    return figures;
}

int yt_advisor_allowed(const struct yt_advisor *a,
                       const struct yt_config *config)
{
    return !a->choices->precision_asked ||
           config->precision != YT_PRECISION_F32;
}

int yt_advisor_has(const struct yt_advisor *a, const struct yt_config *config,
                   enum yt_depth depth)
{
    depth = yt_advisor_depth(a, depth);
    for (int32_t i = 0; i < a->trial_count; i++)
        if (a->trials[i].depth == depth &&
            yt_config_same(&a->trials[i].config, config))
            return 1;
    return 0;
}

void yt_advisor_keep(struct yt_advisor *a, const struct yt_assessment *trial)
{
    for (int32_t i = 0; i < a->trial_count; i++)
        if (a->trials[i].depth == trial->depth &&
            yt_config_same(&a->trials[i].config, &trial->config)) {
            a->trials[i] = *trial;
            return;
        }
    if (a->trial_count < YT_ADVISOR_TRIALS)
        a->trials[a->trial_count++] = *trial;
}

/* A configuration with default kernels stands back once it has tuned ones. */
static int is_superseded(const struct yt_advisor *a,
                         const struct yt_assessment *trial)
{
    struct yt_config tuned = trial->config;
    tuned.tuned = 1;
    return !trial->config.tuned && yt_advisor_has(a, &tuned, trial->depth);
}

static int better(const struct yt_advisor *a, const struct yt_limits *limits,
                  const struct yt_assessment *x, const struct yt_assessment *y)
{
    const struct yt_figures fx = yt_advisor_figures(a, x);
    const struct yt_figures fy = yt_advisor_figures(a, y);
    return yt_figures_compare(limits, YT_ADVISOR_NOISE, &fx, &fy) < 0;
}

/* Lists are short and ranks low: no need to sort. */
const struct yt_assessment *yt_advisor_rank(const struct yt_advisor *a,
                                            enum yt_depth depth, int32_t rank)
{
    const struct yt_limits limits = yt_advisor_limits(a, depth);
    char taken[YT_ADVISOR_TRIALS] = {0};
    for (;; rank--) {
        int32_t best = -1;
        for (int32_t i = 0; i < a->trial_count; i++)
            if (a->trials[i].depth == depth && !taken[i] &&
                yt_advisor_allowed(a, &a->trials[i].config) &&
                !is_superseded(a, &a->trials[i]) &&
                (best < 0 ||
                 better(a, &limits, &a->trials[i], &a->trials[best])))
                best = i;
        if (best < 0)
            return NULL;
        if (rank == 0)
            return &a->trials[best];
        taken[best] = 1;
    }
}

void yt_advisor_report(const struct yt_advisor *a, const char *phase,
                       const char *what, int32_t done, int32_t planned,
                       enum yt_depth depth)
{
    if (!a->options->progress)
        return;
    const struct yt_advisor_event event = {
        .phase = phase,
        .what = what,
        .done = done,
        .planned = planned,
        .best = yt_advisor_rank(a, depth, 0),
        .elapsed_s = 1e-9 * (double)(yt_now_ns() - a->begin_ns),
        .left_s = 1e-9 * (double)yt_advisor_left(a, 1),
    };
    a->options->progress(a->options->user, &event);
}

static enum yt_status base_at(struct yt_advisor *a, enum yt_depth depth)
{
    const struct yt_config base = yt_config_baseline(a->choices);
    if (a->has_base[depth])
        return YT_OK;
    YT_TRY(yt_lab_measure(a->lab, &base, depth, NULL, &a->bases[depth]));
    a->has_base[depth] = 1;
    yt_advisor_keep(a, &a->bases[depth]);
    return YT_OK;
}

enum yt_status yt_advisor_try(struct yt_advisor *a,
                              const struct yt_config *config,
                              enum yt_depth depth, const char *phase,
                              int32_t done, int32_t planned,
                              struct yt_assessment *trial_out)
{
    struct yt_assessment trial;
    char name[YT_CONFIG_NAME_MAX];
    depth = yt_advisor_depth(a, depth);
    YT_TRY(base_at(a, depth));
    yt_config_name(config, a->choices, name);
    yt_advisor_report(a, phase, name, done, planned, depth);
    const enum yt_status status =
        yt_lab_measure(a->lab, config, depth, &a->bases[depth], &trial);
    if (status != YT_OK)
        return yt_fail_prefix(status, "%s", name);
    a->advice->measured += trial.fresh;
    a->advice->reused += !trial.fresh;
    yt_advisor_keep(a, &trial);
    if (trial_out)
        *trial_out = trial;
    return YT_OK;
}

enum yt_status yt_advisor_time(struct yt_advisor *a, struct yt_assessment *all,
                               int32_t count, uint64_t budget_ns)
{
    YT_TRY(yt_lab_time_in_turn(a->lab, all, count, budget_ns));
    /* They replace what was timed alone. */
    for (int32_t i = 0; i < count; i++) {
        yt_advisor_keep(a, &all[i]);
        if (a->has_base[all[i].depth] &&
            yt_config_same(&a->bases[all[i].depth].config, &all[i].config))
            a->bases[all[i].depth] = all[i];
    }
    return YT_OK;
}

static enum yt_status search(struct yt_advisor *a)
{
    const struct yt_advisor_options *options = a->options;
    if (yt_lab_calib(a->lab)) {
        yt_advisor_report(a, "calibration", "", 0, 0, YT_DEPTH_FULL);
        YT_TRY(yt_lab_calibrate(a->lab));
    }
    yt_advisor_report(a, "baseline", "", 0, 0, YT_DEPTH_FULL);
    YT_TRY(base_at(a, YT_DEPTH_FULL));
    const struct yt_config start = yt_config_start(a->choices);
    if (!yt_config_same(&start, &a->bases[YT_DEPTH_FULL].config))
        YT_TRY(
            yt_advisor_try(a, &start, YT_DEPTH_FULL, "baseline", 0, 0, NULL));
    a->advice->limits = yt_limits_of(options->scenario, &options->wishes,
                                     a->bases[YT_DEPTH_FULL].figures.map);
    a->explore_ns = yt_now_ns();
    enum yt_status status = yt_advisor_explore(a);
    if (status == YT_OK)
        status = yt_advisor_tune(a);
    if (status != YT_OK && status != YT_INTERRUPTED)
        return status;
    YT_TRY(yt_advisor_settle(a));
    a->advice->interrupted = yt_advisor_stopped(a);
    yt_advisor_gains(a);
    yt_advisor_rivals(a);
    return yt_advisor_store(a);
}

enum yt_status yt_advise(struct yt_lab *lab,
                         const struct yt_advisor_options *options,
                         struct yt_advice *advice_out)
{
    struct yt_advice *advice = calloc(1, sizeof *advice);
    struct yt_advisor a = {
        .lab = lab,
        .choices = yt_lab_choices(lab),
        .options = options,
        .advice = advice,
        .last_gain = 1,
        .begin_ns = yt_now_ns(),
        .budget_ns =
            options->budget_ns ? options->budget_ns : DEFAULT_BUDGET_NS,
        .trials = calloc(YT_ADVISOR_TRIALS, sizeof *a.trials),
    };
    enum yt_status status;
    YT_FAIL_IF_GOTO(!advice || !a.trials, YT_NO_MEMORY,
                    "no memory for an advisor");
    advice->scenario = options->scenario;
    status = options->budget_ns ? YT_NOT_FOUND : yt_advisor_recall(&a);
    if (status == YT_NOT_FOUND)
        status = search(&a);
    if (status != YT_OK)
        goto done;
    (void)yt_limits_missed(&advice->limits, &advice->choice.figures,
                           advice->missed, sizeof advice->missed);
    advice->seconds = 1e-9 * (double)(yt_now_ns() - a.begin_ns);
    *advice_out = *advice;
done:
    free(a.trials);
    free(advice);
    return status;
}
