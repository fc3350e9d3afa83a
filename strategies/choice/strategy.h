#ifndef YT_STRATEGY_H
#define YT_STRATEGY_H

/* A strategy is a named way to trade speed, accuracy and memory: the part of a
 * configuration that it owns, the settings worth trying, and what applying it
 * costs. Strategies are pure: they know no clock, no rows and no pictures. What
 * a setting gains is measured, never assumed (strategies/lab/lab.h). */

#include <stddef.h>

#include "strategies/choice/config.h"

#define YT_SETTINGS_MAX 48

struct yt_strategy {
    const char *name;  /* "input-size" */
    const char *cost;  /* what applying it takes, in a sentence */
    int changes_boxes; /* 1: its settings must be measured for accuracy */

    /** Write the settings worth trying, starting at @p from: configurations
     * that differ from it in what this strategy owns and in nothing else.
     *  @param fine 1: near neighbours of from; 0: far apart, all over.
     *  @return how many, at most @p cap. */
    int32_t (*settings)(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap);

    /** Copy what this strategy owns. */
    void (*take)(struct yt_config *to, const struct yt_config *from);

    /** Say the setting in a few words: "480x640". */
    void (*describe)(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size);
};

#define YT_STRATEGY(variable) extern const struct yt_strategy variable;
#include "strategies/choice/strategies.inc"
#undef YT_STRATEGY

enum {
#define YT_STRATEGY(variable) YT_STRATEGY_IS_##variable,
#include "strategies/choice/strategies.inc"
#undef YT_STRATEGY
    YT_STRATEGY_COUNT
};

/** All strategies in order; NULL ends the list. */
extern const struct yt_strategy *const yt_strategies[];

/** The strategy of that name, or NULL. */
const struct yt_strategy *yt_strategy_find(const char *name);

/** Whether two configurations agree in what a strategy owns. */
int yt_strategy_same(const struct yt_strategy *strategy,
                     const struct yt_config *a, const struct yt_config *b);

/** Whether a strategy may be used at all. */
int yt_strategy_applies(const struct yt_strategy *strategy,
                        const struct yt_choices *choices);

/** Strategies in which @p config differs from @p base. */
int32_t yt_strategy_differences(const struct yt_config *base,
                                const struct yt_config *config);

#endif
