/* The search over configurations: each setting alone, the good ones mixed, the
 * best ones' neighbours, with more pictures for fewer configurations each time.
 */

#include <math.h>
#include <stdlib.h>

#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"

/* Of the budget, until when. */
static const double deadlines[YT_DEPTHS] = {0.20, 0.34, 0.60};
static const char *const phases[YT_DEPTHS] = {"probe", "sample", "full"};

#define OVERTIME         0.05 /* of the budget, for what was begun in time */
#define LIST_MAX         160
#define SAMPLE_KEEP      6 /* probes that go on */
#define SAMPLE_MIX       3 /* of these, mixed with the best settings */
#define FULL_KEEP        6 /* of each depth that go on, at most */
#define NEIGHBOURS_OF    2
#define ROUNDS_NS        UINT64_C(750000000) /* of one that is timed in turn */
#define PRECISIONS_TIMED 8                   /* at most, with the baseline */
#define TIGHT            0.005 /* of mAP: room that int8 is likely to need */
#define TYPES_UNTIL      0.50  /* of the budget, where layers are measured */

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

static int same_types(const struct yt_config *a, const struct yt_config *b)
{
    return a->precision == b->precision && a->mix == b->mix;
}

/* How many times as fast as f32 a configuration is for what it computes with:
 * the baseline in that precision, or in another mix; 1: not known. */
static double speedup(const struct yt_advisor *a,
                      const struct yt_config *config)
{
    const struct yt_assessment *base = &a->bases[YT_DEPTH_FULL];
    double ratio = 1;
    for (int32_t i = 0; i < a->trial_count; i++) {
        const struct yt_assessment *trial = &a->trials[i];
        struct yt_config alone = base->config;
        yt_strategy_precision.take(&alone, &trial->config);
        if (alone.precision != config->precision ||
            !yt_config_same(&alone, &trial->config))
            continue;
        ratio = trial->figures.fps / a->bases[trial->depth].figures.fps;
        if (same_types(&alone, config))
            break;
    }
    return ratio;
}

/* What cannot help is not measured. More pixels of the same model cost speed,
 * and fewer cost accuracy: which of the two is free follows from the limits. A
 * precision that is faster has pixels to spare. */
static int may_help(const struct yt_advisor *a, const struct yt_config *config)
{
    const struct yt_assessment *base = &a->bases[YT_DEPTH_FULL];
    const struct yt_limits *limits = &a->advice->limits;
    if (config->model != base->config.model)
        return 1;
    if (limits->objective == YT_MOST_FPS)
        return (double)area(config) <=
                   fmax(speedup(a, config), 1) * (double)area(&base->config) ||
               limits->min_map > base->figures.map;
    return area(config) >= area(&base->config) ||
           yt_limits_missed(limits, &base->figures, NULL, 0) > 0;
}

/* All pictures have shown that it cannot keep the limits: a larger input of the
 * same model and precision was not accurate enough, or a smaller one not fast
 * or small. */
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
            trial->config.augment != config->augment ||
            !same_types(&trial->config, config))
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
    double fps = base->figures.fps * speedup(a, config) *
                 (double)area(&base->config) / (double)area(config);
    for (int32_t i = 0; i < a->trial_count; i++)
        if (yt_config_same_boxes(&a->trials[i].config, config))
            fps = a->trials[i].figures.fps;
    return 1e9 * yt_lab_images(a->lab, depth) / fps;
}

static enum yt_status measure_until(struct yt_advisor *a,
                                    const struct list *list,
                                    enum yt_depth depth, double deadline)
{
    for (int32_t i = 0; i < list->count; i++) {
        if (yt_advisor_stopped(a) || !yt_advisor_left(a, deadline))
            return YT_OK;
        if (expected_ns(a, &list->items[i], depth) >
            (double)yt_advisor_left(a, deadline + OVERTIME))
            continue; /* others may still fit */
        YT_TRY(yt_advisor_try(a, &list->items[i], depth, phases[depth], i,
                              list->count, NULL));
    }
    return YT_OK;
}

static enum yt_status measure_list(struct yt_advisor *a,
                                   const struct list *list, enum yt_depth depth)
{
    return measure_until(a, list, depth, deadlines[depth]);
}

/* ------------------------------------------------------------------ probe */

/* The best trial that differs from the start in one strategy alone, and is
 * better than it; NULL: none is. */
static const struct yt_assessment *
best_single(const struct yt_advisor *a, const struct yt_strategy *strategy)
{
    const enum yt_depth depth = yt_advisor_depth(a, YT_DEPTH_PROBE);
    const struct yt_config start = yt_config_start(a->choices);
    for (int32_t r = 0;; r++) {
        const struct yt_assessment *trial = yt_advisor_rank(a, depth, r);
        if (!trial || yt_config_same(&trial->config, &start))
            return NULL;
        if (yt_strategy_differences(&start, &trial->config) == 1 &&
            !yt_strategy_same(strategy, &trial->config, &start))
            return trial;
    }
}

/* The start in the fastest precision, if that is faster than f32. Whether it is
 * accurate enough is open: another size of it may be. */
static int fastest_precision(const struct yt_advisor *a,
                             struct yt_config *lead_out)
{
    const struct yt_config start = yt_config_start(a->choices);
    struct yt_config settings[YT_SETTINGS_MAX];
    const int32_t count = yt_strategy_precision.settings(
        a->choices, &start, 0, settings, YT_SETTINGS_MAX);
    double fastest = 1 + YT_ADVISOR_NOISE;
    int found = 0;
    for (int32_t i = 0; i < count; i++) {
        const double ratio = speedup(a, &settings[i]);
        if (ratio <= fastest)
            continue;
        fastest = ratio;
        *lead_out = settings[i];
        found = 1;
    }
    return found;
}

static void add_size(struct yt_advisor *a, struct list *list,
                     const struct yt_config *from, int32_t round, int *more)
{
    struct yt_config settings[YT_SETTINGS_MAX];
    const int32_t count = yt_strategy_input_size.settings(
        a->choices, from, 0, settings, YT_SETTINGS_MAX);
    if (round >= count)
        return;
    *more = 1;
    add(a, list, &settings[round], YT_DEPTH_PROBE);
}

/* Round-robin over the strategies: when time runs out each has had its turn.
 * What gains most decides which sizes are worth a look, so that the sizes of
 * the fastest precision are among them. */
static void list_singles(struct yt_advisor *a, struct list *list)
{
    const struct yt_config start = yt_config_start(a->choices);
    struct yt_config settings[YT_SETTINGS_MAX], lead;
    const int has_lead = fastest_precision(a, &lead);
    for (int32_t round = 0, more = 1; more; round++) {
        more = 0;
        if (has_lead)
            add_size(a, list, &lead, round, &more);
        for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
            if (!yt_strategy_applies(*s, a->choices) ||
                *s == &yt_strategy_kernels)
                continue;
            const int32_t count = (*s)->settings(a->choices, &start, 0,
                                                 settings, YT_SETTINGS_MAX);
            if (round >= count)
                continue;
            more = 1;
            add(a, list, &settings[round], YT_DEPTH_PROBE);
        }
    }
}

/* Another model is another ladder of sizes. */
static void list_models(struct yt_advisor *a, struct list *list)
{
    const struct yt_config start = yt_config_start(a->choices);
    struct yt_config settings[YT_SETTINGS_MAX], lead = start;
    (void)fastest_precision(a, &lead);
    for (int32_t m = 1; m < a->choices->model_count; m++) {
        struct yt_config other = lead;
        other.model = m;
        if (!a->choices->h) {
            other.h = a->choices->models[m].h;
            other.w = a->choices->models[m].w;
        }
        add(a, list, &other, YT_DEPTH_PROBE);
        const int32_t count = yt_strategy_input_size.settings(
            a->choices, &other, 0, settings, YT_SETTINGS_MAX);
        for (int32_t i = 0; i < count; i++)
            add(a, list, &settings[i], YT_DEPTH_PROBE);
    }
}

static void list_precisions(struct yt_advisor *a, struct list *list)
{
    const struct yt_config start = yt_config_start(a->choices);
    struct yt_config settings[YT_SETTINGS_MAX];
    if (!yt_strategy_applies(&yt_strategy_precision, a->choices))
        return;
    const int32_t count = yt_strategy_precision.settings(
        a->choices, &start, 0, settings, YT_SETTINGS_MAX);
    for (int32_t i = 0; i < count; i++)
        add(a, list, &settings[i], YT_DEPTH_PROBE);
}

/* Precisions beside the baseline, in turn: what else is tried follows from
 * their speeds, and one that is slower is told of. */
static enum yt_status time_precisions(struct yt_advisor *a,
                                      const struct list *list)
{
    const enum yt_depth depth = yt_advisor_depth(a, YT_DEPTH_PROBE);
    struct yt_assessment all[PRECISIONS_TIMED];
    int32_t count = 0;
    all[count++] = a->bases[depth];
    for (int32_t i = 0; i < list->count && count < PRECISIONS_TIMED; i++)
        for (int32_t k = 0; k < a->trial_count; k++)
            if (a->trials[k].depth == depth && a->trials[k].fresh &&
                yt_config_same(&a->trials[k].config, &list->items[i]) &&
                !yt_config_same(&list->items[i], &all[0].config))
                all[count++] = a->trials[k];
    /* As few rounds as make a median, if there is time for them. */
    if (count < 2 || yt_advisor_stopped(a) ||
        yt_advisor_left(a, deadlines[YT_DEPTH_PROBE]) <
            (uint64_t)count * ROUNDS_NS)
        return YT_OK;
    return yt_advisor_time(a, all, count, 1);
}

/* Precisions first: the rest depends on what they gain. */
static enum yt_status probe(struct yt_advisor *a)
{
    const struct yt_config start = yt_config_start(a->choices);
    struct list list;
    YT_TRY(list_init(&list));
    add(a, &list, &start, YT_DEPTH_PROBE);
    list_precisions(a, &list);
    enum yt_status status = measure_list(a, &list, YT_DEPTH_PROBE);
    if (status == YT_OK)
        status = time_precisions(a, &list);
    list.count = 0;
    list_singles(a, &list);
    list_models(a, &list);
    if (status == YT_OK)
        status = measure_list(a, &list, YT_DEPTH_PROBE);
    free(list.items);
    return status;
}

/* ----------------------------------------------------------------- mixing */

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

/* ------------------------------------------------------------------ types */

/* Whether int8 costs so much accuracy that a mix of types could win: it is
 * faster, but none of it keeps the limits, or they leave it next to no room. */
static int wants_mixes(const struct yt_advisor *a, int32_t model)
{
    const enum yt_depth depth = yt_advisor_depth(a, YT_DEPTH_SAMPLE);
    const struct yt_limits limits = yt_advisor_limits(a, depth);
    const struct yt_config start = yt_config_start(a->choices);
    struct yt_config int8 = start;
    int8.model = model;
    int8.precision = YT_PRECISION_INT8;
    int8.mix = 0;
    if (a->choices->precision_asked || isnan(limits.min_map) ||
        !yt_config_find_precision(&int8, a->choices) ||
        speedup(a, &int8) <= 1 + YT_ADVISOR_NOISE)
        return 0;
    if (limits.min_map > a->bases[depth].figures.map - TIGHT)
        return 1;
    for (int32_t i = 0; i < a->trial_count; i++) {
        const struct yt_assessment *trial = &a->trials[i];
        const struct yt_figures figures = yt_advisor_figures(a, trial);
        if (trial->depth >= depth && trial->config.model == model &&
            same_types(&trial->config, &int8) &&
            yt_limits_missed(&limits, &figures, NULL, 0) == 0)
            return 0;
    }
    return 1;
}

static void on_layer(void *user, int32_t done, int32_t total)
{
    yt_advisor_report(user, "types", "layers one by one", done, total,
                      YT_DEPTH_FULL);
}

/* The best so far, and its model as it was made, in each mix. */
static enum yt_status mix_types(struct yt_advisor *a)
{
    const enum yt_depth depth = yt_advisor_depth(a, YT_DEPTH_SAMPLE);
    const struct yt_assessment *best = yt_advisor_rank(a, depth, 0);
    struct list list;
    if (!best || yt_advisor_stopped(a) || !yt_advisor_left(a, TYPES_UNTIL) ||
        !wants_mixes(a, best->config.model))
        return YT_OK;
    const struct yt_config at = best->config;
    const enum yt_status status = yt_lab_mixes(
        a->lab, at.model, yt_advisor_left(a, TYPES_UNTIL), on_layer, a);
    YT_TRY(status);
    YT_TRY(list_init(&list));
    struct yt_config made = yt_config_start(a->choices);
    made.model = at.model;
    if (!a->choices->h) {
        made.h = a->choices->models[at.model].h;
        made.w = a->choices->models[at.model].w;
    }
    for (int32_t i = 0; i < a->choices->precision_count; i++) {
        const struct yt_choice_precision *p = &a->choices->precisions[i];
        struct yt_config mixed = made, other = at;
        if (p->model != at.model || p->precision != YT_PRECISION_MIXED)
            continue;
        mixed.precision = other.precision = p->precision;
        mixed.mix = other.mix = p->mix;
        add(a, &list, &mixed, YT_DEPTH_SAMPLE);
        add(a, &list, &other, YT_DEPTH_SAMPLE);
    }
    const enum yt_status measured =
        measure_until(a, &list, YT_DEPTH_SAMPLE, TYPES_UNTIL);
    free(list.items);
    return measured;
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
    YT_TRY(mix_types(a));
    YT_TRY(promote(a));
    return climb(a);
}
