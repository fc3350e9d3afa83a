/* The table of strategies, and what follows from its rows. */

#include "strategies/choice/strategy.h"

#include <string.h>

const struct yt_strategy *const yt_strategies[] = {
#define YT_STRATEGY(variable) &variable,
#include "strategies/choice/strategies.inc"
#undef YT_STRATEGY
    NULL,
};

const struct yt_strategy *yt_strategy_find(const char *name)
{
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}

int yt_strategy_same(const struct yt_strategy *strategy,
                     const struct yt_config *a, const struct yt_config *b)
{
    struct yt_config mixed = *a;
    strategy->take(&mixed, b);
    return yt_config_same(&mixed, a);
}

int yt_strategy_applies(const struct yt_strategy *strategy,
                        const struct yt_choices *choices)
{
    /* Whoever asks for a precision takes the boxes that come of it. */
    if (strategy == &yt_strategy_precision && choices->precision_asked)
        return 1;
    return !(choices->keep_boxes && strategy->changes_boxes);
}

int32_t yt_strategy_differences(const struct yt_config *base,
                                const struct yt_config *config)
{
    int32_t count = 0;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
        count += !yt_strategy_same(*s, base, config);
    return count;
}
