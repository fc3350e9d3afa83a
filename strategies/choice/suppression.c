/* Strategy: non-maximum suppression. Overlap at which boxes suppress each
 * other, within classes or across, how many enter and how many leave. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->iou = from->iou;
    to->agnostic = from->agnostic;
    to->candidates = from->candidates;
    to->max_det = from->max_det;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    static const struct yt_config rows[] = {
        {.iou = YT_CONFIG_IOU, .max_det = YT_CONFIG_MAX_DET},
        {.iou = 0.6f, .max_det = YT_CONFIG_MAX_DET},
        {.iou = 0.7f, .max_det = YT_CONFIG_MAX_DET},
        {.iou = YT_CONFIG_IOU, .max_det = YT_CONFIG_MAX_DET, .agnostic = 1},
        {.iou = 0.6f, .max_det = 100, .candidates = 1000},
    };
    int32_t count = 0;
    (void)choices;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && count < cap; i++) {
        struct yt_config config = *from;
        take(&config, &rows[i]);
        if (!fine && !yt_config_same(&config, from))
            out[count++] = config;
    }
    return count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *c, char *text, size_t size)
{
    char most[32] = "";
    (void)choices;
    if (c->candidates)
        snprintf(most, sizeof most, ", best %d", c->candidates);
    snprintf(text, size, "overlap %.2f, %s%s, up to %d boxes", (double)c->iou,
             c->agnostic ? "across classes" : "by class", most, c->max_det);
}

const struct yt_strategy yt_strategy_suppression = {
    .name = "suppression",
    .cost = "nothing: options of each call",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
