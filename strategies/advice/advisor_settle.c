/* The choice: the best of all that is known, the way there from the baseline,
 * and both timed in turn, which may make another the choice. */

#include <assert.h>

#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"

#define IN_TURN_SHARE   0.08 /* of the budget */
#define IN_TURN_MOST_NS UINT64_C(12000000000)
#define TURNS_MAX       2 /* timed in turn; later choices as they were alone */

/* ----------------------------------------------------------------- choice */

/* Whether the question leaves this open: an earlier run may have been asked
 * another one. */
static int is_choice(const struct yt_advisor *a, const struct yt_config *config)
{
    const struct yt_choices *choices = a->choices;
    const struct yt_config base = yt_config_baseline(choices);
    if (config->groups * config->threads > choices->threads ||
        (choices->h && (config->h != base.h || config->w != base.w)) ||
        !yt_config_valid(config, choices) || !yt_advisor_allowed(a, config))
        return 0;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
        if (!yt_strategy_same(*s, &base, config) &&
            !yt_strategy_applies(*s, choices))
            return 0;
    return !config->tuned || yt_advisor_is_tuned(a, config);
}

void yt_advisor_adopt(struct yt_advisor *a)
{
    struct yt_config config;
    struct yt_assessment trial;
    for (int32_t i = 0; i < yt_lab_row_count(a->lab); i++)
        if (yt_lab_row_config(a->lab, i, &config) == YT_OK &&
            !yt_advisor_has(a, &config, YT_DEPTH_FULL) &&
            is_choice(a, &config) &&
            yt_lab_find(a->lab, &config, YT_DEPTH_FULL, &trial) == YT_OK)
            yt_advisor_keep(a, &trial);
}

const struct yt_assessment *yt_advisor_best(const struct yt_advisor *a,
                                            const struct yt_limits *limits)
{
    const struct yt_assessment *trials[YT_ADVISOR_TRIALS];
    struct yt_figures figures[YT_ADVISOR_TRIALS];
    int32_t count = 0;
    for (int32_t i = 0; i < a->trial_count; i++)
        if (a->trials[i].depth == YT_DEPTH_FULL &&
            yt_advisor_allowed(a, &a->trials[i].config)) {
            trials[count] = &a->trials[i];
            figures[count++] = a->trials[i].figures;
        }
    const int32_t best =
        yt_figures_best(limits, YT_ADVISOR_NOISE, figures, count);
    return best < 0 ? NULL : trials[best];
}

/* ------------------------------------------------------------------ steps */

/* From the baseline to the choice, a strategy at a time. A mixture that cannot
 * run on its own goes on to the next one. */
static enum yt_status walk(struct yt_advisor *a, const struct yt_config *choice)
{
    struct yt_advice *advice = a->advice;
    struct yt_config at = a->bases[YT_DEPTH_FULL].config;
    advice->step_count = 0;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
        if (yt_strategy_same(*s, &at, choice))
            continue;
        (*s)->take(&at, choice);
        if (!yt_config_valid(&at, a->choices))
            continue;
        assert(advice->step_count < YT_ADVICE_STEPS);
        struct yt_advice_step *step = &advice->steps[advice->step_count];
        step->strategy = *s;
        (*s)->describe(a->choices, choice, step->detail, sizeof step->detail);
        YT_TRY(yt_advisor_try(a, &at, YT_DEPTH_FULL, "in turn",
                              advice->step_count, 0, &step->after));
        advice->step_count++;
    }
    return YT_OK;
}

static enum yt_status time_in_turn(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    struct yt_assessment all[YT_ADVICE_STEPS + 1];
    int32_t count = 0;
    uint64_t budget = (uint64_t)(IN_TURN_SHARE * (double)a->budget_ns);
    budget = budget > IN_TURN_MOST_NS ? IN_TURN_MOST_NS : budget;
    if (yt_advisor_stopped(a))
        return YT_OK;
    all[count++] = a->bases[YT_DEPTH_FULL];
    for (int32_t i = 0; i < advice->step_count; i++)
        all[count++] = advice->steps[i].after;
    yt_advisor_report(a, "in turn", "baseline and steps", 0, count,
                      YT_DEPTH_FULL);
    YT_TRY(yt_advisor_time(a, all, count, budget));
    for (int32_t i = 0; i < advice->step_count; i++)
        advice->steps[i].after = all[i + 1];
    return YT_OK;
}

/* Ends: once nothing is timed in turn any more, only a configuration that was
 * not measured before can be better than the choice, and the steps to it are
 * measured, too. After a signal what was measured has to do. */
static enum yt_status approach(struct yt_advisor *a)
{
    const struct yt_limits *limits = &a->advice->limits;
    struct yt_config choice = yt_advisor_best(a, limits)->config;
    for (int32_t turn = 0; !yt_advisor_stopped(a); turn++) {
        YT_TRY(walk(a, &choice));
        if (turn < TURNS_MAX)
            YT_TRY(time_in_turn(a));
        const struct yt_config best = yt_advisor_best(a, limits)->config;
        if (yt_config_same(&best, &choice))
            return YT_OK;
        choice = best;
        a->advice->step_count = 0;
    }
    return YT_OK;
}

enum yt_status yt_advisor_settle(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    yt_advisor_adopt(a);
    const enum yt_status status = approach(a);
    if (status != YT_OK && status != YT_INTERRUPTED)
        return status;
    advice->baseline = a->bases[YT_DEPTH_FULL];
    advice->choice = *yt_advisor_best(a, &advice->limits);
    return YT_OK;
}
