/* Strategy: layers that run together, a few rows at a time (runtime/band.h).
 * Takes less memory, gives the same boxes. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->bands = from->bands;
}

/* On or off: there is nothing near. */
static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    struct yt_config other = *from;
    other.bands = from->bands ? 0 : 1;
    if (cap == 0 || fine || !yt_config_valid(&other, choices))
        return 0;
    *out = other;
    return 1;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    (void)choices;
    snprintf(text, size, "%s",
             config->bands ? "layers in bands of rows" : "layer by layer");
}

const struct yt_strategy yt_strategy_bands = {
    .name = "bands",
    .cost = "nothing: the same kernels, called for a few rows at a time",
    .changes_boxes = 0,
    .settings = settings,
    .take = take,
    .describe = describe,
};
