/* Strategy: how a picture is brought to the input's size. Normalisation is no
 * choice: it is folded into the first layer's weights and costs nothing. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->fit = from->fit;
    to->filter = from->filter;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    static const struct {
        enum yt_fit fit;
        enum yt_filter filter;
    } rows[] = {
        {YT_FIT_LETTERBOX, YT_FILTER_BILINEAR},
        {YT_FIT_STRETCH, YT_FILTER_BILINEAR},
        {YT_FIT_LETTERBOX, YT_FILTER_NEAREST},
    };
    int32_t count = 0;
    (void)choices;
    if (fine)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && count < cap; i++) {
        if (from->fit == rows[i].fit && from->filter == rows[i].filter)
            continue;
        out[count] = *from;
        out[count].fit = rows[i].fit;
        out[count].filter = rows[i].filter;
        count++;
    }
    return count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    (void)choices;
    snprintf(text, size, "%s, %s",
             config->fit == YT_FIT_STRETCH ? "stretch" : "letterbox",
             config->filter == YT_FILTER_NEAREST ? "nearest" : "bilinear");
}

const struct yt_strategy yt_strategy_preprocessing = {
    .name = "preprocessing",
    .cost = "nothing: an option of each call",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
