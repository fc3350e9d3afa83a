/* See eval/passes.h. */

#include "eval/passes.h"

#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"

enum yt_status yt_passes_check(const struct yt_predict_pass *passes,
                               int32_t count)
{
    YT_FAIL_IF(count < 1 || count > YT_AUGMENT_PASSES_MAX, YT_BAD_ARGUMENT,
               "%d passes: want 1..%d", count, YT_AUGMENT_PASSES_MAX);
    YT_FAIL_IF(passes[0].flip, YT_BAD_ARGUMENT,
               "the first pass is mirrored: boxes are merged in its pixels");
    const int32_t classes = passes[0].bundle->plan->nc;
    for (int32_t i = 1; i < count; i++)
        YT_FAIL_IF(passes[i].bundle->plan->nc != classes, YT_BAD_ARGUMENT,
                   "pass %d: %d classes, the first pass has %d", i,
                   passes[i].bundle->plan->nc, classes);
    return YT_OK;
}

enum yt_status yt_passes_open(const struct yt_predict_pass *passes,
                              int32_t count, struct yt_passes *opened)
{
    const struct yt_open_options open = {.threads = 1};
    size_t most = 0;
    *opened = (struct yt_passes){.count = count};
    for (int32_t i = 0; i < count; i++) {
        YT_TRY(yt_model_open(passes[i].bundle, &open, &opened->models[i]));
        opened->flips[i] = passes[i].flip;
        const size_t bytes =
            (size_t)yt_model_workspace_bytes(opened->models[i]);
        most = bytes > most ? bytes : most;
    }
    opened->workspace = yt_memory_alloc(most);
    YT_FAIL_IF(opened->workspace == NULL, YT_NO_MEMORY,
               "no memory for %zu bytes of tensors", most);
    opened->workspace_bytes = most;
    return YT_OK;
}

void yt_passes_close(struct yt_passes *passes)
{
    for (int32_t i = 0; i < passes->count; i++)
        yt_model_close(passes->models[i]);
    yt_memory_free(passes->workspace, passes->workspace_bytes);
    *passes = (struct yt_passes){.count = 0};
}

/* Heads to candidates, appended to the list. */
static enum yt_status decode(struct yt_model *model, void *workspace,
                             const struct yt_predict_options *options,
                             struct yt_candidate_list *list)
{
    /* The arena is a workspace's first piece: runtime/model.h. */
    if (!options->single_label)
        return yt_multi_label_decode(yt_model_plan(model), workspace,
                                     options->conf, list);
    const int32_t found = yt_model_run_decode(model, options->conf, workspace);
    const struct yt_candidates all = yt_model_candidates(model, workspace);
    return yt_candidate_list_add(list, &all, found);
}

enum yt_status yt_passes_run(const struct yt_passes *passes,
                             const struct yt_image *image,
                             const struct yt_predict_options *options,
                             struct yt_candidate_list *list,
                             struct yt_letterbox_map *map_out)
{
    const struct yt_detect_options frame = {.fit = options->fit,
                                            .filter = options->filter};
    const float threshold = yt_decode_min_logit(options->conf);
    list->count = 0;
    for (int32_t i = 0; i < passes->count; i++) {
        struct yt_model *model = passes->models[i];
        struct yt_framing framing = yt_model_framing(model, &frame);
        framing.mirror = passes->flips[i];
        struct yt_letterbox_map map;
        yt_letterbox_map(&framing, image->height, image->width, &map);
        if (i == 0)
            *map_out = map;
        const int32_t before = list->count;
        yt_model_run_letterbox(model, image, &framing, passes->workspace);
        yt_model_run_steps(model, threshold, passes->workspace, 0,
                           yt_model_plan(model)->step_count);
        YT_TRY(decode(model, passes->workspace, options, list));
        const struct yt_candidates found = yt_candidates_at(&list->at, before);
        yt_letterbox_move(&map, map_out, &found, list->count - before);
    }
    return YT_OK;
}
