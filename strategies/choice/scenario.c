/* See strategies/choice/scenario.h. */

#include "strategies/choice/scenario.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

const struct yt_wishes yt_no_wishes = {
    .min_fps = NAN,
    .max_latency_ns = NAN,
    .min_map = NAN,
    .max_map_drop = NAN,
};

static const struct yt_scenario scenarios[] = {
    {
        .name = "realtime",
        .summary = "the most pictures per second with at least 95 % of the "
                   "baseline's mAP",
        .objective = YT_MOST_FPS,
        .map_share = 0.95,
        .map_drop = NAN,
    },
    {
        .name = "accuracy",
        .summary = "at most 0.002 of mAP below the baseline, then the most "
                   "pictures per second; with --min-fps the best mAP that is "
                   "fast enough",
        .objective = YT_MOST_FPS,
        .map_drop = 0.002,
    },
    {
        .name = "constrained",
        .summary = "one core and 64 MiB unless given, and the best mAP within",
        .objective = YT_BEST_MAP,
        .map_drop = NAN,
        .memory_bytes = (int64_t)64 << 20,
        .threads = 1,
    },
};

#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

const struct yt_scenario *yt_scenario_at(size_t index)
{
    return index < SCENARIO_COUNT ? &scenarios[index] : NULL;
}

const struct yt_scenario *yt_scenario_find(const char *name)
{
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

/* The floor of accuracy: what was asked for, else the scenario's. */
static double floor_of(const struct yt_scenario *scenario,
                       const struct yt_wishes *wishes, double baseline_map)
{
    if (!isnan(wishes->min_map))
        return wishes->min_map;
    if (!isnan(wishes->max_map_drop))
        return baseline_map - wishes->max_map_drop; /* NAN: unknown */
    if (scenario->map_share > 0)
        return baseline_map * scenario->map_share;
    return baseline_map - scenario->map_drop;
}

struct yt_limits yt_limits_of(const struct yt_scenario *scenario,
                              const struct yt_wishes *wishes,
                              double baseline_map)
{
    struct yt_limits limits = {
        .objective = scenario->objective,
        .min_fps = wishes->min_fps,
        .max_latency_ns = wishes->max_latency_ns,
        .min_map = floor_of(scenario, wishes, baseline_map),
        .max_memory_bytes = wishes->max_memory_bytes ? wishes->max_memory_bytes
                                                     : scenario->memory_bytes,
        .max_size_bytes = wishes->max_size_bytes,
    };
    /* Speed is settled: what is left to gain is accuracy. */
    if (strcmp(scenario->name, "accuracy") == 0 && !isnan(wishes->min_fps))
        limits.objective = YT_BEST_MAP;
    return limits;
}

/* ----------------------------------------------------------------- limits */

/* Sentences about missed limits, one behind the other. */
struct misses {
    double sum;
    struct yt_text *text; /* NULL: nobody asks */
};

static void miss(struct misses *m, double share, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void miss(struct misses *m, double share, const char *format, ...)
{
    m->sum += share;
    if (!m->text)
        return;
    yt_text_add(m->text, "%s", m->text->length ? ", " : "");
    va_list arguments;
    va_start(arguments, format);
    yt_text_vadd(m->text, format, arguments);
    va_end(arguments);
}

static void miss_bytes(struct misses *m, const char *what, int64_t bytes,
                       int64_t most)
{
    if (most > 0 && bytes > most)
        miss(m, (double)(bytes - most) / (double)most,
             "%s %.1f MiB where %.1f are allowed", what,
             (double)bytes / (1 << 20), (double)most / (1 << 20));
}

double yt_limits_missed(const struct yt_limits *limits,
                        const struct yt_figures *f, char *text, size_t size)
{
    struct yt_text sentences = {0};
    struct misses m = {0};
    if (text && size) {
        sentences = yt_text_in(text, size);
        m.text = &sentences;
    }
    if (!isnan(limits->min_fps) && f->fps < limits->min_fps)
        miss(&m, (limits->min_fps - f->fps) / limits->min_fps,
             "%.1f FPS where %.1f are wanted", f->fps, limits->min_fps);
    if (!isnan(limits->max_latency_ns) &&
        f->latency_ns > limits->max_latency_ns)
        miss(&m,
             (f->latency_ns - limits->max_latency_ns) / limits->max_latency_ns,
             "p99 latency %.2f ms where %.2f are allowed", 1e-6 * f->latency_ns,
             1e-6 * limits->max_latency_ns);
    if (!isnan(limits->min_map) && isnan(f->map))
        miss(&m, 1, "accuracy unknown where mAP %.4f is wanted",
             limits->min_map);
    else if (!isnan(limits->min_map) && f->map < limits->min_map)
        miss(&m, (limits->min_map - f->map) / fmax(fabs(limits->min_map), 1e-3),
             "mAP %.4f where %.4f is wanted", f->map, limits->min_map);
    miss_bytes(&m, "memory", f->memory_bytes, limits->max_memory_bytes);
    miss_bytes(&m, "size", f->size_bytes, limits->max_size_bytes);
    return m.sum;
}

/* ------------------------------------------------------------------ order */

static int prefer(double a, double b, double noise)
{
    const double margin = noise * fmax(fabs(a), fabs(b));
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return a > b + margin ? -1 : b > a + margin;
}

/* What is compared in turn, more being better. */
enum figure { KEPT, SPEED, ACCURACY, MEMORY, SIMPLICITY };

static double value_of(enum figure figure, const struct yt_limits *limits,
                       const struct yt_figures *f)
{
    switch (figure) {
    case KEPT:
        return -yt_limits_missed(limits, f, NULL, 0);
    case SPEED:
        return f->fps;
    case ACCURACY:
        return f->map;
    case MEMORY: /* only of who is short of it */
        return limits->max_memory_bytes ? -(double)f->memory_bytes : 0;
    case SIMPLICITY:
        break;
    }
    return -(double)f->changes;
}

int yt_figures_compare(const struct yt_limits *limits, double noise,
                       const struct yt_figures *a, const struct yt_figures *b)
{
    const double missed_a = yt_limits_missed(limits, a, NULL, 0);
    const double missed_b = yt_limits_missed(limits, b, NULL, 0);
    if (missed_a > 0 || missed_b > 0)
        return missed_a < missed_b ? -1 : missed_a > missed_b;
    const int speed = prefer(a->fps, b->fps, noise);
    /* Accuracy repeats to the last digit: no noise. */
    const int map = prefer(a->map, b->map, 0);
    const int first = limits->objective == YT_MOST_FPS ? speed : map;
    const int second = limits->objective == YT_MOST_FPS ? map : speed;
    const int memory =
        prefer(value_of(MEMORY, limits, a), value_of(MEMORY, limits, b), noise);
    if (first || second)
        return first ? first : second;
    return memory ? memory
                  : (a->changes > b->changes) - (a->changes < b->changes);
}

int yt_figures_dominate(const struct yt_limits *limits, double noise,
                        const struct yt_figures *a, const struct yt_figures *b)
{
    const double missed_a = yt_limits_missed(limits, a, NULL, 0);
    const double missed_b = yt_limits_missed(limits, b, NULL, 0);
    const int map = prefer(a->map, b->map, 0);
    if (missed_a != missed_b)
        return missed_a < missed_b;
    return (prefer(a->fps, b->fps, noise) < 0 && map <= 0) ||
           (map < 0 && a->fps >= b->fps);
}

struct hurdle {
    enum figure figure;
    double noise;
    double best; /* of those who passed the hurdles before */
};

static int passes(const struct hurdle *hurdles, int32_t count,
                  const struct yt_limits *limits, const struct yt_figures *f)
{
    for (int32_t i = 0; i < count; i++)
        if (prefer(hurdles[i].best, value_of(hurdles[i].figure, limits, f),
                   hurdles[i].noise) < 0)
            return 0;
    return 1;
}

int32_t yt_figures_best(const struct yt_limits *limits, double noise,
                        const struct yt_figures *all, int32_t count)
{
    const struct hurdle speed = {SPEED, noise, NAN},
                        accuracy = {ACCURACY, 0, NAN};
    const int fast = limits->objective == YT_MOST_FPS;
    struct hurdle hurdles[] = {
        {KEPT, 0, NAN},       fast ? speed : accuracy, fast ? accuracy : speed,
        {MEMORY, noise, NAN}, {SIMPLICITY, 0, NAN},    {SPEED, 0, NAN},
    };
    int32_t first = -1;
    for (int32_t h = 0; h < (int32_t)(sizeof hurdles / sizeof *hurdles); h++) {
        first = -1;
        for (int32_t i = 0; i < count; i++) {
            if (!passes(hurdles, h, limits, &all[i]))
                continue;
            const double value = value_of(hurdles[h].figure, limits, &all[i]);
            if (first < 0 || prefer(value, hurdles[h].best, 0) < 0) {
                hurdles[h].best = value;
                first = i;
            }
        }
    }
    return first;
}

int yt_figures_beat(const struct yt_figures *a, const struct yt_figures *b)
{
    if (isnan(a->map) || isnan(b->map))
        return isnan(b->map) && a->fps > b->fps;
    return a->fps >= b->fps && a->map >= b->map &&
           (a->fps > b->fps || a->map > b->map);
}
