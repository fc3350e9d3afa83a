/* The search over configurations: each setting alone, the good ones mixed, the
 * best ones' neighbours, with more pictures for fewer configurations each time.
 */

#include <math.h>
#include <stdlib.h>

#include "runtime/fail.h"
#include "strategies/advisor_parts.h"

/* Of the budget, until when. */
static const double deadlines[YT_DEPTHS] = {0.20, 0.34, 0.60};
static const char *const phases[YT_DEPTHS] = {"probe", "sample", "full"};

#define OVERTIME      0.05 /* of the budget, for what was begun in time */
#define LIST_MAX      160
#define SAMPLE_KEEP   6 /* probes that go on */
#define SAMPLE_MIX    3 /* of these, mixed with the best settings */
#define FULL_KEEP     6 /* of each depth that go on, at most */
#define NEIGHBOURS_OF 2

struct list {
    struct yt_config *items;
    int32_t count;
};

static enum yt_status list_init(struct list *list)
{
    list->count = 0;
    list->items = calloc(LIST_MAX, sizeof *list->items);
    YT_FAIL_IF(!list->items, YT_NO_MEMORY, "no memory for candidates");
    return YT_OK;
}

static int64_t area(const struct yt_config *config)
{
    return (int64_t)config->h * config->w;
}

/* What cannot help is not measured. More pixels of the same model cost speed,
 * and fewer cost accuracy: which of the two is free follows from the limits. */
static int may_help(const struct yt_advisor *a, const struct yt_config *config)
{
    const struct yt_assessment *base = &a->bases[YT_DEPTH_FULL];
    const struct yt_limits *limits = &a->advice->limits;
    if (config->model != base->config.model)
        return 1;
    if (limits->objective == YT_MOST_FPS)
        return area(config) <= area(&base->config) ||
               limits->min_map > base->figures.map;
    return area(config) >= area(&base->config) ||
           yt_limits_missed(limits, &base->figures, NULL, 0) > 0;
}

/* All pictures have shown that it cannot keep the limits: a larger input of the
 * same model was not accurate enough, or a smaller one not fast or small. */
static int is_hopeless(const struct yt_advisor *a,
                       const struct yt_config *config)
{
    const struct yt_limits *limits = &a->advice->limits;
    struct yt_limits others = *limits;
    others.min_map = NAN;
    for (int32_t i = 0; i < a->trial_count; i++) {
        const struct yt_assessment *trial = &a->trials[i];
        const struct yt_figures figures = yt_advisor_figures(a, trial);
        if (trial->depth != YT_DEPTH_FULL ||
            trial->config.model != config->model ||
            trial->config.augment != config->augment)
            continue;
        if (figures.map < limits->min_map &&
            area(config) <= area(&trial->config))
            return 1;
        if (yt_limits_missed(&others, &figures, NULL, 0) > 0 &&
            area(config) >= area(&trial->config))
            return 1;
    }
    return 0;
}

static void add(struct yt_advisor *a, struct list *list,
                const struct yt_config *config, enum yt_depth depth)
{
    if (list->count >= LIST_MAX || !yt_config_valid(config, a->choices) ||
        !may_help(a, config) || is_hopeless(a, config) ||
        yt_advisor_has(a, config, depth))
        return;
    for (int32_t i = 0; i < list->count; i++)
        if (yt_config_same(&list->items[i], config))
            return;
    list->items[list->count++] = *config;
}

/* Seconds that measuring will take at least: a picture for each that a depth
 * looks at, at the speed seen before, or that of the baseline by area. */
static double expected_ns(const struct yt_advisor *a,
                          const struct yt_config *config, enum yt_depth depth)
{
    const struct yt_assessment *base = &a->bases[YT_DEPTH_FULL];
    double fps =
        base->figures.fps * (double)area(&base->config) / (double)area(config);
    for (int32_t i = 0; i < a->trial_count; i++)
        if (yt_config_same_boxes(&a->trials[i].config, config))
            fps = a->trials[i].figures.fps;
    return 1e9 * yt_lab_images(a->lab, depth) / fps;
}

static enum yt_status measure_list(struct yt_advisor *a,
                                   const struct list *list, enum yt_depth depth)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (yt_advisor_stopped(a) || !yt_advisor_left(a, deadlines[depth]))
            return YT_OK;
        if (expected_ns(a, &list->items[i], depth) >
            (double)yt_advisor_left(a, deadlines[depth] + OVERTIME))
            continue; /* others may still fit */
        YT_TRY(yt_advisor_try(a, &list->items[i], depth, phases[depth], i,
                              list->count, NULL));
    }
    return YT_OK;
}

/* ------------------------------------------------------------------ probe */

/* Round-robin over the strategies: when time runs out each has had its turn. */
static void list_singles(struct yt_advisor *a, struct list *list)
{
    const struct yt_config *base = &a->bases[YT_DEPTH_FULL].config;
    struct yt_config settings[YT_SETTINGS_MAX];
    for (int32_t round = 0, more = 1; more; round++) {
        more = 0;
        for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
            if (!yt_strategy_applies(*s, a->choices) ||
                *s == &yt_strategy_kernels)
                continue;
            const int32_t count =
                (*s)->settings(a->choices, base, 0, settings, YT_SETTINGS_MAX);
            if (round >= count)
                continue;
            more = 1;
            add(a, list, &settings[round], YT_DEPTH_PROBE);
        }
    }
}

static enum yt_status probe(struct yt_advisor *a)
{
    struct list list;
    YT_TRY(list_init(&list));
    list_singles(a, &list);
    /* Another model is another ladder of sizes. */
    const struct yt_config base = a->bases[YT_DEPTH_FULL].config;
    struct yt_config settings[YT_SETTINGS_MAX];
    for (int32_t m = 1; m < a->choices->model_count; m++) {
        struct yt_config other = base;
        other.model = m;
        if (!a->choices->h)
            other.h = other.w = a->choices->models[m].imgsz;
        const int32_t count = yt_strategy_input_size.settings(
            a->choices, &other, 0, settings, YT_SETTINGS_MAX);
        for (int32_t i = 0; i < count; i++)
            add(a, &list, &settings[i], YT_DEPTH_PROBE);
    }
    const enum yt_status status = measure_list(a, &list, YT_DEPTH_PROBE);
    free(list.items);
    return status;
}

/* ----------------------------------------------------------------- mixing */

/* The best trial that differs from the baseline in one strategy alone, and is
 * better than it; NULL: none is. */
static const struct yt_assessment *
best_single(const struct yt_advisor *a, const struct yt_strategy *strategy)
{
    const enum yt_depth depth = yt_advisor_depth(a, YT_DEPTH_PROBE);
    const struct yt_config *base = &a->bases[depth].config;
    for (int32_t r = 0;; r++) {
        const struct yt_assessment *trial = yt_advisor_rank(a, depth, r);
        if (!trial || yt_config_same(&trial->config, base))
            return NULL;
        if (trial->figures.changes == 1 &&
            !yt_strategy_same(strategy, &trial->config, base))
            return trial;
    }
}

static void add_mixes(struct yt_advisor *a, struct list *list,
                      const struct yt_config *from, enum yt_depth depth)
{
    struct yt_config all = *from;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
        const struct yt_assessment *single = best_single(a, *s);
        if (!single)
            continue;
        struct yt_config mixed = *from, next = all;
        (*s)->take(&mixed, &single->config);
        (*s)->take(&next, &single->config);
        add(a, list, &mixed, depth);
        if (yt_config_valid(&next, a->choices))
            all = next;
    }
    add(a, list, &all, depth);
}

/* Which way it goes from here: from a configuration that keeps the limits to
 * more of what is wanted, from one that does not back to accuracy. */
static int leads_on(const struct yt_advisor *a,
                    const struct yt_assessment *from,
                    const struct yt_config *to)
{
    const struct yt_limits limits = yt_advisor_limits(a, from->depth);
    const struct yt_figures figures = yt_advisor_figures(a, from);
    const int kept = yt_limits_missed(&limits, &figures, NULL, 0) == 0;
    const int smaller = area(to) < area(&from->config);
    if (area(to) == area(&from->config))
        return 1;
    return limits.objective == YT_MOST_FPS ? kept == smaller : kept != smaller;
}

static void add_neighbours(struct yt_advisor *a, struct list *list,
                           const struct yt_assessment *from,
                           enum yt_depth depth)
{
    struct yt_config settings[YT_SETTINGS_MAX];
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
        if (!yt_strategy_applies(*s, a->choices) || *s == &yt_strategy_kernels)
            continue;
        const int32_t count = (*s)->settings(a->choices, &from->config, 1,
                                             settings, YT_SETTINGS_MAX);
        for (int32_t i = 0; i < count; i++)
            if (leads_on(a, from, &settings[i]))
                add(a, list, &settings[i], depth);
    }
}

static enum yt_status sample(struct yt_advisor *a)
{
    const enum yt_depth from = yt_advisor_depth(a, YT_DEPTH_PROBE);
    struct list list;
    YT_TRY(list_init(&list));
    for (int32_t r = 0; r < SAMPLE_KEEP; r++) {
        const struct yt_assessment *trial = yt_advisor_rank(a, from, r);
        if (!trial)
            break;
        add(a, &list, &trial->config, YT_DEPTH_SAMPLE);
        if (r < SAMPLE_MIX)
            add_mixes(a, &list, &trial->config, YT_DEPTH_SAMPLE);
        if (r < NEIGHBOURS_OF)
            add_neighbours(a, &list, trial, YT_DEPTH_SAMPLE);
    }
    const enum yt_status status = measure_list(a, &list, YT_DEPTH_SAMPLE);
    free(list.items);
    return status;
}

/* ------------------------------------------------------------------- full */

/* Whether it could win against what all pictures have shown so far. */
static int could_win(const struct yt_advisor *a,
                     const struct yt_assessment *trial)
{
    const struct yt_assessment *first = yt_advisor_rank(a, YT_DEPTH_FULL, 0);
    const struct yt_figures best = yt_advisor_figures(a, first);
    const struct yt_figures figures = yt_advisor_figures(a, trial);
    if (is_hopeless(a, &trial->config))
        return 0;
    if (yt_limits_missed(&a->advice->limits, &best, NULL, 0) > 0)
        return 1;
    return a->advice->limits.objective == YT_MOST_FPS
               ? figures.fps > best.fps
               : figures.map - a->bases[trial->depth].figures.map >
                     best.map - a->bases[YT_DEPTH_FULL].figures.map;
}

/* In the order of what few pictures said, until nobody is left who could win.
 */
static enum yt_status promote(struct yt_advisor *a)
{
    for (int d = YT_DEPTH_SAMPLE; d >= YT_DEPTH_PROBE; d--) {
        const enum yt_depth from = yt_advisor_depth(a, (enum yt_depth)d);
        int32_t taken = 0;
        for (int32_t r = 0; taken < FULL_KEEP && from != YT_DEPTH_FULL; r++) {
            const struct yt_assessment *trial = yt_advisor_rank(a, from, r);
            if (!trial)
                break;
            if (yt_advisor_has(a, &trial->config, YT_DEPTH_FULL) ||
                !could_win(a, trial))
                continue;
            struct yt_config one = trial->config;
            const struct list list = {&one, 1};
            YT_TRY(measure_list(a, &list, YT_DEPTH_FULL));
            if (!yt_advisor_has(a, &one, YT_DEPTH_FULL))
                return YT_OK; /* out of time */
            taken++;
        }
    }
    return YT_OK;
}

/* Walk from the best to its best neighbour until none is better. */
static enum yt_status climb(struct yt_advisor *a)
{
    for (;;) {
        const int32_t before = a->trial_count;
        struct list list;
        YT_TRY(list_init(&list));
        const struct yt_assessment *first =
            yt_advisor_rank(a, YT_DEPTH_FULL, 0);
        const struct yt_config best = first->config;
        add_neighbours(a, &list, first, YT_DEPTH_FULL);
        add_mixes(a, &list, &best, YT_DEPTH_FULL);
        const enum yt_status status = measure_list(a, &list, YT_DEPTH_FULL);
        free(list.items);
        YT_TRY(status);
        if (a->trial_count == before ||
            yt_config_same(&yt_advisor_rank(a, YT_DEPTH_FULL, 0)->config,
                           &best))
            return YT_OK;
    }
}

enum yt_status yt_advisor_explore(struct yt_advisor *a)
{
    YT_TRY(probe(a));
    YT_TRY(sample(a));
    YT_TRY(promote(a));
    return climb(a);
}
