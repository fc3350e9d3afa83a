/* See tuner/build/engine_set.h. */

#include "tuner/build/engine_set.h"

#include "runtime/fail.h"

static enum yt_status open_all(const struct yt_site *site,
                               const struct yt_graph *graph,
                               const struct yt_engine_options *options,
                               int32_t count, struct yt_engine_set *set)
{
    YT_TRY(yt_engine_open(site, graph, options, &set->engines[0]));
    set->count = 1;
    const struct yt_plan *plan = &set->engines[0]->build->plan;
    const int32_t stride = yt_graph_max_stride(graph);
    for (; set->count < count; set->count++) {
        const double scale = yt_augment_scales[set->count].scale;
        struct yt_engine_options scaled = *options;
        /* Ranges at one size are good at others near it. */
        scaled.quantisation = set->engines[0]->build->quantisation;
        scaled.preferred = NULL;
        scaled.h = yt_augment_side(plan->h, scale, stride);
        scaled.w = yt_augment_side(plan->w, scale, stride);
        YT_TRY(yt_engine_open(site, graph, &scaled, &set->engines[set->count]));
    }
    return YT_OK;
}

enum yt_status yt_engine_set_open(const struct yt_site *site,
                                  const struct yt_graph *graph,
                                  const struct yt_engine_options *options,
                                  int32_t augment,
                                  struct yt_engine_set *set_out)
{
    *set_out = (struct yt_engine_set){.count = 0};
    const enum yt_status status = open_all(
        site, graph, options, augment ? YT_AUGMENT_SCALES : 1, set_out);
    if (status != YT_OK)
        yt_engine_set_close(set_out);
    return status;
}

void yt_engine_set_close(struct yt_engine_set *set)
{
    for (int32_t i = 0; i < set->count; i++)
        yt_engine_close(set->engines[i]);
    *set = (struct yt_engine_set){.count = 0};
}

struct yt_augment yt_engine_set_passes(const struct yt_engine_set *set)
{
    struct yt_augment augment = {.count = set->count};
    for (int32_t i = 0; i < set->count; i++)
        augment.passes[i] = (struct yt_augment_pass){
            .model = set->engines[i]->model,
            .flip = yt_augment_scales[i].flip,
        };
    return augment;
}
