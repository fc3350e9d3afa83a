/* Kernels for the best configuration. Tuning changes the order: what it gains
 * is known only then, and whoever could be better with as much is next. */

#include "base/now.h"
#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"

#define DEADLINE    0.86 /* of the budget */
#define FIRST_SHARE 0.75 /* of what is left then, while others may follow */
#define LEAST_NS    UINT64_C(3000000000)

struct relay {
    struct yt_advisor *a;
    const char *name;
};

static void on_progress(void *user, const struct yt_progress_event *event)
{
    const struct relay *relay = user;
    const struct yt_advisor *a = relay->a;
    const struct yt_advisor_event outer = {
        .phase = "kernels",
        .what = relay->name,
        .best = yt_advisor_rank(a, YT_DEPTH_FULL, 0),
        .kernels = event,
        .elapsed_s = 1e-9 * (double)(yt_now_ns() - a->begin_ns),
        .left_s = 1e-9 * (double)yt_advisor_left(a, 1),
    };
    a->options->progress(a->options->user, &outer);
}

/* Workspaces that a configuration has at the same time. */
static int32_t copies_of(const struct yt_config *config)
{
    return config->groups > 1 ? config->groups : 1;
}

/* What the limits leave for kernels: memory less tensors, and a library's size.
 * @param untuned figures of the same configuration with default schedules. */
static int64_t room_for_kernels(const struct yt_advisor *a,
                                const struct yt_figures *untuned)
{
    const struct yt_limits limits = yt_advisor_limits(a, YT_DEPTH_FULL);
    const int64_t tensors = untuned->memory_bytes - untuned->size_bytes;
    int64_t room = 0;
    if (limits.max_memory_bytes)
        room = limits.max_memory_bytes > tensors
                   ? limits.max_memory_bytes - tensors
                   : 1; /* nothing fits: the smallest, then */
    if (limits.max_size_bytes && (!room || limits.max_size_bytes < room))
        room = limits.max_size_bytes;
    return room;
}

static enum yt_status tune_network(struct yt_advisor *a, const char *name,
                                   const struct yt_config *config, int64_t room,
                                   uint64_t budget_ns)
{
    struct yt_engine *engine = NULL;
    struct relay relay = {a, name};
    const struct yt_image *pictures;
    const int32_t picture_count = yt_lab_pictures(a->lab, &pictures);
    YT_TRY(yt_lab_engine(a->lab, config, &engine));
    const struct yt_tune_options options = {
        .pictures = pictures,
        .picture_count = picture_count,
        .max_kernel_bytes = room,
        .copies = copies_of(config),
        .budget_ns = budget_ns,
        .stop = a->options->stop,
        .progress = a->options->progress ? on_progress : NULL,
        .user = &relay,
        .image = yt_lab_image(a->lab),
        .peak_threads = a->choices->threads,
        .exhaustive = a->options->exhaustive,
    };
    struct yt_tune_result result;
    YT_TRY(yt_tune(engine, &options, &result));
    /* Of several networks the first is the one that is told of. */
    if (!a->advice->has_kernels)
        a->advice->kernels = result;
    a->advice->has_kernels = 1;
    return YT_OK;
}

/* The engine starts from what is stored, so that a search goes on. */
static enum yt_status tune(struct yt_advisor *a, const struct yt_config *config,
                           int64_t room, uint64_t budget_ns)
{
    struct yt_config networks[YT_LAB_NETWORKS];
    const int32_t count = yt_lab_networks(a->lab, config, networks);
    char name[YT_CONFIG_NAME_MAX];
    yt_config_name(config, a->choices, name);
    for (int32_t i = 0; i < count; i++) {
        networks[i].bands = 0; /* kernels are chosen for whole layers */
        networks[i].tuned = yt_lab_is_tuned(a->lab, &networks[i]);
        const enum yt_status status = tune_network(
            a, name, &networks[i], room / count, budget_ns / (uint64_t)count);
        yt_lab_forget(a->lab, &networks[i]);
        YT_TRY(status);
    }
    return YT_OK;
}

int yt_advisor_is_tuned(const struct yt_advisor *a,
                        const struct yt_config *config)
{
    struct yt_config networks[YT_LAB_NETWORKS];
    const int32_t count = yt_lab_networks(a->lab, config, networks);
    for (int32_t i = 0; i < count; i++)
        if (!yt_lab_is_tuned(a->lab, &networks[i]))
            return 0;
    return 1;
}

enum yt_status yt_advisor_tune(struct yt_advisor *a)
{
    const struct yt_config start = yt_config_start(a->choices);
    for (int32_t turn = 0; !yt_advisor_stopped(a); turn++) {
        struct yt_assessment best = *yt_advisor_rank(a, YT_DEPTH_FULL, 0),
                             after;
        /* Without pictures the other commands go on from the baseline. */
        if (turn == 0 && a->choices->keep_boxes)
            YT_TRY(yt_advisor_try(a, &start, YT_DEPTH_FULL, "kernels", 0, 0,
                                  &best));
        if (best.config.tuned)
            return YT_OK;
        struct yt_config config = best.config;
        config.tuned = 1;
        uint64_t left = yt_advisor_left(a, DEADLINE);
        if (turn == 0)
            left = (uint64_t)(FIRST_SHARE * (double)left);
        /* A stored plan may be of a search that was cut short: the first one
         * goes on, and ends at once when nothing is left to try. */
        if (turn == 0 || !yt_advisor_is_tuned(a, &config)) {
            if (left < LEAST_NS && turn > 0)
                return YT_OK;
            YT_TRY(tune(a, &config, room_for_kernels(a, &best.figures),
                        left > LEAST_NS ? left : LEAST_NS));
        }
        if (yt_advisor_stopped(a))
            return YT_OK; /* half a search tunes nothing */
        YT_TRY(yt_advisor_try(a, &config, YT_DEPTH_FULL, "kernels", turn, 0,
                              &after));
        a->last_gain = after.figures.fps / best.figures.fps;
        a->tuned_gain[config.precision] = a->last_gain;
    }
    return YT_OK;
}
