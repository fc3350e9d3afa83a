/* What a compression leaves behind: ratios, and rows. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/ratio/compress_parts.h"
#include "db/compressions.h"
#include "runtime/fail.h"
#include "tuner/build/engine.h"

/* ------------------------------------------------------------------ groups */

static const struct yt_node *find_node(const struct yt_graph *graph,
                                       const char *name)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV &&
            strcmp(graph->nodes[i].name, name) == 0)
            return &graph->nodes[i];
    return NULL;
}

static struct yt_compress_group *next_group(struct yt_compress_result *result,
                                            const struct yt_node *node)
{
    struct yt_compress_group *group = &result->groups[result->group_count++];
    memcpy(group->name, node->name, sizeof group->name);
    return group;
}

static enum yt_status list_widths(const struct yt_graph *before,
                                  struct yt_compress_result *result)
{
    struct yt_channel_groups groups;
    YT_TRY(yt_channel_groups_find(before, &groups));
    for (int32_t g = 0; g < groups.count; g++) {
        const struct yt_channel_group *from = &groups.groups[g];
        if (from->fixed || from->conv_count == 0)
            continue;
        const struct yt_node *node = &before->nodes[from->convs[0]];
        const struct yt_node *now = find_node(result->graph, node->name);
        struct yt_compress_group *group = next_group(result, node);
        group->before = from->c;
        group->after = now ? now->c : 0;
    }
    yt_channel_groups_deinit(&groups);
    return YT_OK;
}

static void list_densities(const struct yt_compress_work *w,
                           const struct yt_candidate *candidate,
                           struct yt_compress_result *result)
{
    const struct yt_ratio_setting *how = &w->settings[candidate->setting].how;
    const struct yt_block block = yt_ratio_block(how->site->isa, how->dtype);
    for (int32_t i = 0; i < result->graph->node_count; i++) {
        if (result->graph->nodes[i].kind != YT_NODE_CONV)
            continue;
        const double gone = yt_block_zeros(result->graph, i, &block);
        if (gone <= 0)
            continue;
        struct yt_compress_group *group =
            next_group(result, &result->graph->nodes[i]);
        group->before = yt_block_count(result->graph, i, &block);
        group->after = (int64_t)((1 - gone) * (double)group->before + 0.5);
    }
}

enum yt_status yt_compress_groups(const struct yt_compress_work *w,
                                  const struct yt_candidate *candidate,
                                  struct yt_compress_result *result)
{
    const size_t most =
        (size_t)w->graph->node_count + (size_t)result->graph->node_count;
    result->groups = calloc(most, sizeof *result->groups);
    YT_FAIL_IF(!result->groups, YT_NO_MEMORY, "no memory for a report");
    if (result->whole)
        return YT_OK;
    if (candidate->kind == YT_RATIO_CHANNELS)
        return list_widths(w->graph, result);
    list_densities(w, candidate, result);
    return YT_OK;
}

/* -------------------------------------------------------------------- rows */

static void name_wish(const struct yt_compress_options *o, char wish[64])
{
    if (isnan(o->min_fps))
        snprintf(wish, 64, "max-map-drop %g", o->max_map_drop);
    else
        snprintf(wish, 64, "min-fps %g", o->min_fps);
}

static enum yt_status put_row(const struct yt_compress_work *w,
                              struct yt_compress_result *result,
                              int64_t teacher,
                              struct yt_db_compression_group *groups,
                              struct yt_db_compression_rival *rivals)
{
    const struct yt_compress_options *o = w->o;
    char wish[64];
    name_wish(o, wish);
    for (int32_t i = 0; i < result->group_count; i++)
        groups[i] = (struct yt_db_compression_group){result->groups[i].name,
                                                     result->groups[i].before,
                                                     result->groups[i].after};
    for (int32_t i = 0; i < result->rival_count; i++)
        rivals[i] = (struct yt_db_compression_rival){result->rivals[i].name,
                                                     result->rivals[i].ns,
                                                     result->rivals[i].map};
    const struct yt_db_compression row = {
        .here = o->site->here,
        .model = result->base.model,
        .result = result->best.model,
        .teacher = teacher,
        .kind = yt_compress_kind_name(result),
        .wish = wish,
        .isa = o->site->isa->name,
        .precision = yt_precision_word(result->best.precision),
        .threads = w->settings[0].how.threads,
        .dense_h = result->base.h,
        .dense_w = result->base.w,
        .h = result->best.h,
        .w = result->best.w,
        .before_ns = result->base.ns,
        .after_ns = result->best.ns,
        .map_before = result->base.map,
        .map_after = result->best.map,
        .drop_low = -result->best.high,
        .drop_high = -result->best.low,
        .dataset = o->test->name,
        .dataset_hash = o->test->hash,
        .images = result->images,
        .train_seconds = result->train_seconds,
        .train_pictures = result->train_pictures,
        .verdict = result->verdict,
        .groups = groups,
        .group_count = result->group_count,
        .rivals = rivals,
        .rival_count = result->rival_count,
    };
    return yt_db_compression_put(o->site->db, &row, &result->id);
}

static enum yt_status row_of(const struct yt_compress_work *w,
                             const struct yt_graph *graph,
                             const struct yt_compress_figures *figures,
                             int64_t *id_out)
{
    const struct yt_engine_options options = {
        .h = figures->h, .w = figures->w, .untuned = 1, .unbuilt = 1};
    struct yt_engine *engine = NULL;
    YT_TRY(yt_engine_open(w->o->site, graph, &options, &engine));
    *id_out = engine->model_id;
    yt_engine_close(engine);
    return YT_OK;
}

static enum yt_status put_rows(const struct yt_compress_work *w,
                               struct yt_compress_result *result)
{
    const struct yt_graph *teacher = w->o->teacher ? w->o->teacher : w->graph;
    int64_t teacher_id = 0;
    YT_TRY(row_of(w, w->graph, &result->base, &result->base.model));
    YT_TRY(row_of(w, result->graph, &result->best, &result->best.model));
    YT_TRY(row_of(w, teacher, &result->base, &teacher_id));
    struct yt_db_compression_group *groups =
        calloc((size_t)result->group_count + 1, sizeof *groups);
    struct yt_db_compression_rival *rivals =
        calloc((size_t)result->rival_count + 1, sizeof *rivals);
    const enum yt_status status =
        groups && rivals ? put_row(w, result, teacher_id, groups, rivals)
                         : yt_fail(YT_NO_MEMORY, "no memory for a row");
    free(rivals);
    free(groups);
    return status;
}

enum yt_status yt_compress_record(const struct yt_compress_work *w,
                                  struct yt_compress_result *result)
{
    const struct yt_site *site = w->o->site;
    return site->db && !yt_db_is_read_only(site->db) ? put_rows(w, result)
                                                     : YT_OK;
}
