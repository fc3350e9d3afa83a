#ifndef YT_SCENARIO_H
#define YT_SCENARIO_H

/* What is wanted: an objective and limits. A scenario has defaults of both; the
 * command line overrides. Pure: figures in, order out. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

enum yt_objective {
    YT_MOST_FPS, /* pictures per second */
    YT_BEST_MAP  /* mean average precision */
};

/** What the user asks for; NAN and 0: nothing. */
struct yt_wishes {
    double min_fps;
    double max_latency_ns; /* 99th percentile of a picture */
    double min_map;        /* 0..1 */
    double max_map_drop;   /* below the baseline's, 0..1 */
    int64_t max_memory_bytes, max_size_bytes;
    int32_t threads;
};

extern const struct yt_wishes yt_no_wishes;

struct yt_scenario {
    const char *name;
    const char *summary; /* for --help and reports */
    enum yt_objective objective;
    double map_share;     /* of the baseline's mAP to keep; 0: any */
    double map_drop;      /* below the baseline's; NAN: any */
    int64_t memory_bytes; /* 0: any */
    int32_t threads;      /* 0: all */
};

/** The scenarios in order; NULL for a name that is none. */
const struct yt_scenario *yt_scenario_find(const char *name);
const struct yt_scenario *yt_scenario_at(size_t index); /* NULL past the last */

/** Limits with the baseline's accuracy worked in; NAN and 0: none. */
struct yt_limits {
    enum yt_objective objective;
    double min_fps, max_latency_ns, min_map;
    int64_t max_memory_bytes, max_size_bytes;
};

/** @param baseline_map NAN: unknown, then no limit depends on accuracy. */
struct yt_limits yt_limits_of(const struct yt_scenario *scenario,
                              const struct yt_wishes *wishes,
                              double baseline_map);

/** What is known of a configuration. */
struct yt_figures {
    double fps, latency_ns; /* latency: 99th percentile */
    double map;             /* NAN: unknown */
    int64_t memory_bytes, size_bytes;
    int32_t changes; /* strategies in which it differs from the baseline */
};

/** How far the limits are missed, as the sum of shares: 0 when they are kept.
 *  A limit on accuracy is missed by whoever's accuracy is unknown.
 *  @param[out] text NULL, or room for a sentence on what is missed. */
double yt_limits_missed(const struct yt_limits *limits,
                        const struct yt_figures *figures, char *text,
                        size_t size);

/** Order: who keeps the limits, then the objective, then the other figure, then
 *  where memory is limited less of it, then fewer changes; among those who miss
 *  them, the least missed. Objectives and memory within @p noise (a share) of
 *  each other are equal.
 *  @return below 0 when @p a is better, above when @p b is, 0 when equal. */
int yt_figures_compare(const struct yt_limits *limits, double noise,
                       const struct yt_figures *a, const struct yt_figures *b);

/** Whether whoever can have @p a should not take @p b: it misses the limits
 *  less; or as little and is faster by more than @p noise and no less accurate,
 *  or more accurate and no slower. */
int yt_figures_dominate(const struct yt_limits *limits, double noise,
                        const struct yt_figures *a, const struct yt_figures *b);

/** The best of many, which none dominates. In the same order as
 *  yt_figures_compare(), but each figure is compared with the best of those
 *  that are left: "equal inside the noise" does not add up along a chain.
 *  @return its index, the first of equals; -1 for none. */
int32_t yt_figures_best(const struct yt_limits *limits, double noise,
                        const struct yt_figures *all, int32_t count);

/** Whether @p a is at least as good in speed and accuracy, and better in
 *  one. */
int yt_figures_beat(const struct yt_figures *a, const struct yt_figures *b);

#endif
