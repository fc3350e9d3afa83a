/* Runs a batch that runtime/batch_open.c opened. */

#include "runtime/batch.h"

#include <string.h>

#include "base/clock.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/pool.h"

/* Fetch the next image into a slot.
 * @return 0 when there is none. */
static int take_image(struct yt_batch *batch, int32_t slot)
{
    struct yt_batch_slot *s = &batch->slots[slot];
    const struct yt_batch_source *source = batch->source;
    const int64_t index = atomic_fetch_add(&batch->taken, 1);
    s->frame = (struct yt_batch_frame){.image = NULL};
    if (!source->next(source->user, index, slot, &s->frame)) {
        s->frame.image = NULL;
        return 0;
    }
    s->begin_ns = yt_clock_ns();
    return 1;
}

/* A group's part of an image. */
static void run_part(struct yt_batch *batch, const struct yt_batch_group *group,
                     struct yt_batch_slot *slot, int begins, int ends)
{
    const struct yt_batch_frame *frame = &slot->frame;
    const struct yt_framing framing =
        yt_model_framing(group->model, &batch->options);
    if (begins)
        yt_model_run_letterbox(group->model, frame->image, &framing,
                               slot->workspace);
    yt_model_run_steps(group->model, batch->threshold, slot->workspace,
                       group->first, group->last);
    if (!ends)
        return;
    *frame->count_out = yt_model_run_postprocess(
        group->model, &batch->options, frame->image->height,
        frame->image->width, slot->workspace, frame->boxes, frame->boxes_cap);
    if (frame->time_ns_out != NULL)
        *frame->time_ns_out = yt_clock_ns() - slot->begin_ns;
}

static void run_instance(struct yt_batch *batch, int32_t index)
{
    while (take_image(batch, index))
        run_part(batch, &batch->groups[index], &batch->slots[index], 1, 1);
}

/* ----------------------------------------------------------------- stages */

static int has_passed(const void *subject, uint64_t images)
{
    const struct yt_batch_group *group = subject;
    return (uint64_t)atomic_load(&group->passed) >= images;
}

/* Wait for image @p i from the stage before; first for a workspace. */
static void wait_for_turn(struct yt_batch *batch, int32_t stage, int64_t i)
{
    const int32_t from = stage > 0 ? stage - 1 : batch->stages - 1;
    const int64_t images = stage > 0 ? i + 1 : i + 1 - batch->slot_count;
    struct yt_batch_group *group = &batch->groups[from];
    if (images > 0)
        yt_wait_until(&group->wait, has_passed, group, (uint64_t)images,
                      batch->spin);
}

/* The end of the run takes the way of an image, so that stages need to watch
 * one thing only. */
static void run_stage(struct yt_batch *batch, int32_t stage)
{
    struct yt_batch_group *group = &batch->groups[stage];
    for (int64_t i = 0;; i++) {
        const int32_t index = (int32_t)(i % batch->slot_count);
        struct yt_batch_slot *slot = &batch->slots[index];
        wait_for_turn(batch, stage, i);
        if (stage == 0)
            take_image(batch, index);
        const int over = slot->frame.image == NULL;
        if (!over)
            run_part(batch, group, slot, stage == 0,
                     stage == batch->stages - 1);
        atomic_store(&group->passed, i + 1);
        yt_wait_wake(&group->wait);
        if (over)
            return;
    }
}

/* -------------------------------------------------------------------- runs */

/* The drivers' tasks: as many as there are groups, so each gets one. */
static void run_groups(const void *args, int64_t begin, int64_t end)
{
    struct yt_batch *batch = *(struct yt_batch *const *)args;
    for (int64_t i = begin; i < end; i++)
        if (batch->stages > 1)
            run_stage(batch, (int32_t)i);
        else
            run_instance(batch, (int32_t)i);
}

/* Stages wait for each other, so each needs its thread; and the groups' threads
 * are started from here, since a pinned driver allows them one CPU only. */
static enum yt_status restart(struct yt_batch *batch)
{
    for (int32_t i = 0; i < batch->group_count; i++)
        YT_TRY(yt_model_restart(batch->groups[i].model));
    return yt_pool_restart(batch->drivers);
}

enum yt_status yt_batch_run(struct yt_batch *batch,
                            const struct yt_detect_options *options,
                            const struct yt_batch_source *source)
{
    struct yt_detect_options resolved = {0};
    YT_TRY(yt_detect_options_resolve(options, &resolved));
    YT_FAIL_IF(resolved.flip, YT_UNSUPPORTED,
               "flip=1: a batch searches each image once");
    pthread_mutex_lock(&batch->lock);
    const enum yt_status status = restart(batch);
    if (status != YT_OK)
        goto done;
    batch->source = source;
    batch->options = resolved;
    batch->threshold = yt_decode_min_logit(resolved.conf);
    atomic_store(&batch->taken, 0);
    for (int32_t i = 0; i < batch->group_count; i++)
        atomic_store(&batch->groups[i].passed, 0);
    yt_pool_run(batch->drivers, run_groups, &batch, NULL, batch->group_count);
done:
    pthread_mutex_unlock(&batch->lock);
    return status;
}

/* yt_batch_detect()'s arguments as a source. */
struct call {
    const struct yt_image *images;
    size_t count;
    struct yt_box *boxes;
    size_t boxes_cap;
    size_t *counts_out;
    uint64_t *times_ns_out;
};

static int next_of_call(void *user, int64_t index, int32_t workspace,
                        struct yt_batch_frame *frame_out)
{
    const struct call *call = user;
    const size_t i = (size_t)index;
    (void)workspace;
    if (i >= call->count)
        return 0;
    *frame_out = (struct yt_batch_frame){
        .image = &call->images[i],
        .boxes = call->boxes_cap ? call->boxes + i * call->boxes_cap : NULL,
        .boxes_cap = call->boxes_cap,
        .count_out = &call->counts_out[i],
        .time_ns_out = call->times_ns_out ? &call->times_ns_out[i] : NULL,
    };
    return 1;
}

enum yt_status yt_batch_detect(struct yt_batch *batch,
                               const struct yt_image *images, size_t count,
                               const struct yt_detect_options *options,
                               struct yt_box *boxes, size_t boxes_cap,
                               size_t *counts_out, uint64_t *times_ns_out)
{
    YT_FAIL_IF(count > 0 && images == NULL, YT_BAD_ARGUMENT, "no images");
    YT_FAIL_IF(count > 0 &&
                   ((boxes == NULL && boxes_cap > 0) || counts_out == NULL),
               YT_BAD_ARGUMENT, "no room to return boxes in");
    for (size_t i = 0; i < count; i++)
        if (yt_image_check(&images[i]) != YT_OK)
            return yt_fail_prefix(YT_BAD_ARGUMENT, "image %zu of %zu", i,
                                  count);
    struct call call = {images,    count,      boxes,
                        boxes_cap, counts_out, times_ns_out};
    const struct yt_batch_source source = {next_of_call, &call};
    return yt_batch_run(batch, options, &source);
}

void yt_batch_describe(const struct yt_batch *batch,
                       struct yt_batch_info *info_out)
{
    *info_out = (struct yt_batch_info){
        .instances = batch->instances,
        .threads = batch->threads,
        .stages = batch->stages,
        .workspaces = batch->slot_count,
        .workspace_bytes = batch->workspace_bytes * (size_t)batch->slot_count,
    };
}
