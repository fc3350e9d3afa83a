/* Strategy: kernels searched for this CPU, or the first legal ones. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->tuned = from->tuned;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    (void)choices;
    if (fine || cap < 1)
        return 0;
    out[0] = *from;
    out[0].tuned = !from->tuned;
    return 1;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    (void)choices;
    snprintf(text, size, "%s",
             config->tuned ? "tuned for this CPU" : "first legal schedules");
}

const struct yt_strategy yt_strategy_kernels = {
    .name = "kernels",
    .cost = "a search of minutes, once for each CPU, size and thread count",
    .changes_boxes = 0,
    .settings = settings,
    .take = take,
    .describe = describe,
};
