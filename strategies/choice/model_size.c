/* Strategy: another of the models that were given. Its input size comes with
 * it, since a size that one model was made for says little about another. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->model = from->model;
}

static int32_t round_to(int32_t value, int32_t stride)
{
    const int32_t rounded = (value + stride / 2) / stride * stride;
    return rounded < stride ? stride : rounded;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    int32_t count = 0;
    for (int32_t m = 0; m < choices->model_count && count < cap && !fine; m++) {
        if (m == from->model)
            continue;
        out[count] = *from;
        out[count].model = m;
        out[count].h = round_to(from->h, choices->models[m].stride);
        out[count].w = round_to(from->w, choices->models[m].stride);
        count++;
    }
    return count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *config, char *text, size_t size)
{
    snprintf(text, size, "%s", choices->models[config->model].name);
}

const struct yt_strategy yt_strategy_model_size = {
    .name = "model-size",
    .cost = "a trained checkpoint of that size; no time",
    .changes_boxes = 1,
    .settings = settings,
    .take = take,
    .describe = describe,
};
