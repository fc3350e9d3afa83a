/* What else was found: each setting alone, and who nearly won. */

#include <math.h>
#include <string.h>

#include "strategies/advice/advisor_parts.h"

#define GAINS_PER_STRATEGY 4

/* ------------------------------------------------------------------ gains */

/* The deepest that both were measured at. */
static int find_gain(struct yt_advisor *a, const struct yt_config *base,
                     const struct yt_config *alone, struct yt_advice_gain *gain)
{
    for (int d = YT_DEPTH_FULL; d >= YT_DEPTH_PROBE; d--) {
        const enum yt_depth depth = (enum yt_depth)d;
        if (yt_lab_find(a->lab, alone, depth, &gain->alone) == YT_OK &&
            yt_lab_find(a->lab, base, depth, &gain->base) == YT_OK)
            return 1;
    }
    return 0;
}

void yt_advisor_gains(struct yt_advisor *a)
{
    const struct yt_config base = yt_config_baseline(a->choices);
    struct yt_advice *advice = a->advice;
    advice->gain_count = 0;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
        struct yt_config settings[YT_SETTINGS_MAX];
        int32_t mine = 0;
        const int32_t count =
            (*s)->settings(a->choices, &base, 0, settings, YT_SETTINGS_MAX);
        for (int32_t i = 0; i < count && mine < GAINS_PER_STRATEGY; i++) {
            if (advice->gain_count == YT_ADVICE_GAINS)
                return;
            struct yt_advice_gain *gain = &advice->gains[advice->gain_count];
            if (!find_gain(a, &base, &settings[i], gain))
                continue;
            gain->strategy = *s;
            (*s)->describe(a->choices, &settings[i], gain->setting,
                           sizeof gain->setting);
            advice->gain_count++;
            mine++;
        }
    }
}

/* ----------------------------------------------------------------- rivals */

/* The option of the command line that would make it the choice, by trying. */
static int find_wish(const struct yt_advisor *a,
                     const struct yt_assessment *rival, char *note, size_t size)
{
    const struct yt_assessment *choice = &a->advice->choice;
    const double base_map = a->advice->baseline.figures.map;
    const struct yt_scenario *scenario = a->options->scenario;
    for (int attempt = 0; attempt < 4; attempt++) {
        struct yt_wishes wishes = a->options->wishes;
        const struct yt_figures *f = &rival->figures;
        if (attempt == 0 && f->map > choice->figures.map) {
            wishes.min_map = floor(f->map * 1e4) * 1e-4;
            wishes.max_map_drop = NAN;
            snprintf(note, size, "the choice with --min-map %.4f",
                     wishes.min_map);
        } else if (attempt == 1 && f->map < choice->figures.map) {
            wishes.min_map = NAN;
            wishes.max_map_drop = ceil((base_map - f->map) * 1e4) * 1e-4;
            if (wishes.max_map_drop < 0)
                continue;
            snprintf(note, size, "the choice with --max-map-drop %.4f",
                     wishes.max_map_drop);
        } else if (attempt == 2 && f->latency_ns < choice->figures.latency_ns) {
            wishes.max_latency_ns = ceil(f->latency_ns * 1e-5) * 1e5;
            snprintf(note, size, "the choice with --max-latency %.1fms",
                     1e-6 * wishes.max_latency_ns);
        } else if (attempt == 3 &&
                   f->memory_bytes < choice->figures.memory_bytes) {
            wishes.max_memory_bytes = (f->memory_bytes / (1 << 20) + 1) << 20;
            snprintf(note, size, "the choice with --max-memory %lldMiB",
                     (long long)(wishes.max_memory_bytes >> 20));
        } else {
            continue;
        }
        const struct yt_limits limits =
            yt_limits_of(scenario, &wishes, base_map);
        if (yt_advisor_best(a, &limits) == rival)
            return 1;
    }
    return 0;
}

static void explain(const struct yt_advisor *a,
                    const struct yt_assessment *rival, char *note, size_t size)
{
    if (!find_wish(a, rival, note, size) &&
        !yt_limits_missed(&a->advice->limits, &rival->figures, note, size))
        snprintf(note, size, "keeps the limits, too: %.2fx the FPS",
                 rival->figures.fps / a->advice->choice.figures.fps);
    const size_t used = strlen(note);
    if (!rival->config.tuned && used < size)
        snprintf(note + used, size - used, " (its kernels are not tuned)");
}

static int on_front(const struct yt_advisor *a,
                    const struct yt_assessment *trial)
{
    for (int32_t i = 0; i < a->trial_count; i++)
        if (a->trials[i].depth == YT_DEPTH_FULL &&
            yt_figures_beat(&a->trials[i].figures, &trial->figures))
            return 0;
    return 1;
}

void yt_advisor_rivals(struct yt_advisor *a)
{
    struct yt_advice *advice = a->advice;
    advice->rival_count = 0;
    /* The front first, then whoever is next in order. */
    for (int front = 1; front >= 0; front--)
        for (int32_t r = 0; advice->rival_count < YT_ADVICE_RIVALS; r++) {
            const struct yt_assessment *trial =
                yt_advisor_rank(a, YT_DEPTH_FULL, r);
            if (!trial)
                break;
            if (yt_config_same(&trial->config, &advice->choice.config) ||
                on_front(a, trial) != front ||
                (!front && advice->rival_count >= YT_ADVICE_RIVALS / 2))
                continue;
            struct yt_advice_rival *rival =
                &advice->rivals[advice->rival_count++];
            rival->is = *trial;
            explain(a, trial, rival->note, sizeof rival->note);
        }
}
