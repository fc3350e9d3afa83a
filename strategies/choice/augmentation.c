/* Strategy: test-time augmentation, accuracy for time. A picture is run several
 * times, mirrored or at other scales, and all boxes enter suppression. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static const char *const words[YT_TTA_COUNT] = {
    [YT_TTA_NONE] = "none",
    [YT_TTA_FLIP] = "and mirrored",
    [YT_TTA_SCALES] = "three scales, one mirrored",
};

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->augment = from->augment;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    int32_t count = 0;
    /* Three scales are three networks: there is no such library. */
    for (int a = 0; a < YT_TTA_COUNT && count < cap && !fine; a++) {
        const enum yt_tta augment = (enum yt_tta)a;
        struct yt_config config = *from;
        config.augment = augment;
        if (augment != from->augment && yt_config_valid(&config, choices))
            out[count++] = config;
    }
    return count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    (void)choices;
    snprintf(text, size, "%s", words[config->augment]);
}

const struct yt_strategy yt_strategy_augmentation = {
    .name = "augmentation",
    .cost = "the network runs two or three times a picture",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
