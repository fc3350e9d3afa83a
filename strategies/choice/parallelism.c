/* Strategy: what cores do at the same time. All on one picture answers soonest;
 * a picture for each needs no barriers and gives the most frames; layers shared
 * out over groups keep each group to its own weights. */

#include <stdio.h>

#include "strategies/choice/strategy.h"

static void take(struct yt_config *to, const struct yt_config *from)
{
    to->parallel = from->parallel;
    to->groups = from->groups;
    to->threads = from->threads;
    to->pin = from->pin;
}

struct list {
    struct yt_config *out;
    int32_t count, cap;
    const struct yt_config *from;
};

static void add(struct list *list, enum yt_parallel parallel, int32_t groups,
                int32_t threads, int32_t pin)
{
    struct yt_config config = *list->from;
    config.parallel = parallel;
    config.groups = groups;
    config.threads = threads;
    config.pin = pin;
    if (list->count < list->cap && !yt_config_same(&config, list->from))
        list->out[list->count++] = config;
}

static int32_t settings(const struct yt_choices *choices,
                        const struct yt_config *from, int fine,
                        struct yt_config *out, int32_t cap)
{
    struct list list = {.out = out, .cap = cap, .from = from};
    const int32_t all = choices->threads;
    if (fine)
        return 0;
    add(&list, YT_LATENCY, 1, all, 0);
    if (all == 1 || from->augment != YT_TTA_NONE)
        return list.count;
    add(&list, YT_THROUGHPUT, all, 1, 0);
    add(&list, YT_THROUGHPUT, all, 1, 1);
    if (all >= 4)
        add(&list, YT_THROUGHPUT, all / 2, 2, 1);
    add(&list, YT_PIPELINE, 2, all / 2, 0);
    add(&list, YT_PIPELINE, 2, all / 2, 1);
    return list.count;
}

static void describe(const struct yt_choices *choices,
                     const struct yt_config *c, char *text, size_t size)
{
    const char *pin = c->pin ? ", pinned" : "";
    const char *plural = c->threads == 1 ? "" : "s";
    (void)choices;
    if (c->parallel == YT_LATENCY)
        snprintf(text, size, "one picture on %d thread%s%s", c->threads, plural,
                 pin);
    else if (c->parallel == YT_THROUGHPUT)
        snprintf(text, size, "%d pictures at once, %d thread%s each%s",
                 c->groups, c->threads, plural, pin);
    else
        snprintf(text, size, "a pipeline of %d stages, %d thread%s each%s",
                 c->groups, c->threads, plural, pin);
}

const struct yt_strategy yt_strategy_parallelism = {
    .name = "parallelism",
    .cost = "a workspace for each picture under way; more latency for more "
            "frames",
    .changes_boxes = 0,
    .settings = settings,
    .take = take,
    .describe = describe,
};
