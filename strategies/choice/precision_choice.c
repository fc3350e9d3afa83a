/* Strategy: what convolutions compute with. Smaller types move fewer bytes and
 * multiply more numbers at a time; what they lose is measured. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->precision = from->precision;
    to->mix = from->mix;
}

struct list {
    struct yt_config *out;
    int32_t count, cap;
    const struct yt_config *from;
};

static void add(struct list *list, enum yt_precision precision, uint32_t mix)
{
    struct yt_config config = *list->from;
    config.precision = precision;
    config.mix = mix;
    if (list->count < list->cap && !yt_config_same(&config, list->from))
        list->out[list->count++] = config;
}

/* Near to another are mixes of types; far from it is one type for all. */
static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    struct list list = {.out = out, .cap = cap, .from = from};
    if (!fine && !choices->precision_asked)
        add(&list, YT_PRECISION_F32, 0);
    for (int32_t i = 0; i < choices->precision_count; i++) {
        const struct yt_choice_precision *p = &choices->precisions[i];
        if (p->model == from->model &&
            (!fine || p->precision == YT_PRECISION_MIXED))
            add(&list, p->precision, p->mix);
    }
    return list.count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    const struct yt_choice_precision *p =
        yt_config_find_precision(config, choices);
    if (p && p->detail)
        snprintf(text, size, "%s", p->detail);
    else
        snprintf(text, size, "%s", yt_precision_word(config->precision));
}

const struct yt_strategy yt_strategy_precision = {
    .name = "precision",
    .cost = "calibration on pictures without labels, once for each model: "
            "seconds; bf16 needs none",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
