/* See tuner/build/engine_shapes.h. */

#include "tuner/build/engine_shapes.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/letterbox.h"

#define SHAPES_DEFAULT 16
#define BYTES_DEFAULT  ((int64_t)1 << 30)

struct yt_engine_shapes {
    struct yt_engine_shapes_options options; /* defaults filled in */
    struct yt_engine_shape *shapes;          /* [options.shapes_max] */
    int32_t count, built;
    uint64_t clock;
};

void yt_shape_of(int32_t h, int32_t w, int32_t stride, int32_t image_h,
                 int32_t image_w, int32_t *h_out, int32_t *w_out)
{
    const struct yt_framing framing = {.h = h, .w = w};
    struct yt_letterbox_map map;
    yt_letterbox_map(&framing, image_h, image_w, &map);
    /* What is padded beyond a stride goes. */
    *h_out = map.content_h + (h - map.content_h) % stride;
    *w_out = map.content_w + (w - map.content_w) % stride;
}

enum yt_status
yt_engine_shapes_open(const struct yt_engine_shapes_options *options,
                      struct yt_engine_shapes **shapes_out)
{
    struct yt_engine_shapes *shapes = calloc(1, sizeof *shapes);
    YT_FAIL_IF(!shapes, YT_NO_MEMORY, "no memory for networks");
    struct yt_engine_shapes_options *o = &shapes->options;
    *o = *options;
    o->shapes_max = o->shapes_max ? o->shapes_max : SHAPES_DEFAULT;
    o->bytes_max = o->bytes_max ? o->bytes_max : BYTES_DEFAULT;
    shapes->shapes = calloc((size_t)o->shapes_max, sizeof *shapes->shapes);
    if (!shapes->shapes) {
        free(shapes);
        return yt_fail(YT_NO_MEMORY, "no memory for networks");
    }
    *shapes_out = shapes;
    return YT_OK;
}

static void deinit_shape(struct yt_engine_shape *shape)
{
    yt_engine_set_close(&shape->set);
    free(shape->workspace);
    memset(shape, 0, sizeof *shape);
}

void yt_engine_shapes_close(struct yt_engine_shapes *shapes)
{
    if (!shapes)
        return;
    for (int32_t i = 0; i < shapes->count; i++)
        deinit_shape(&shapes->shapes[i]);
    free(shapes->shapes);
    free(shapes);
}

void yt_engine_shapes_count(const struct yt_engine_shapes *shapes,
                            int32_t *kept_out, int32_t *built_out)
{
    *kept_out = shapes->count;
    *built_out = shapes->built;
}

/* ------------------------------------------------------------------- room */

/* The one that was not asked for the longest goes. */
static void drop_oldest(struct yt_engine_shapes *shapes)
{
    int32_t oldest = 0;
    for (int32_t i = 1; i < shapes->count; i++)
        if (shapes->shapes[i].used < shapes->shapes[oldest].used)
            oldest = i;
    deinit_shape(&shapes->shapes[oldest]);
    shapes->shapes[oldest] = shapes->shapes[--shapes->count];
    memset(&shapes->shapes[shapes->count], 0, sizeof *shapes->shapes);
}

static int64_t bytes_kept(const struct yt_engine_shapes *shapes)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < shapes->count; i++)
        bytes += shapes->shapes[i].bytes;
    return bytes;
}

/* For one more, that is about as large as the largest. */
static void make_room(struct yt_engine_shapes *shapes)
{
    const struct yt_engine_shapes_options *o = &shapes->options;
    int64_t most = 0;
    for (int32_t i = 0; i < shapes->count; i++)
        if (shapes->shapes[i].bytes > most)
            most = shapes->shapes[i].bytes;
    while (shapes->count == o->shapes_max ||
           (shapes->count > 0 && bytes_kept(shapes) + most > o->bytes_max))
        drop_oldest(shapes);
}

/* ---------------------------------------------------------------- building */

static void adopt_frame_steps(struct yt_build *to, const struct yt_build *from)
{
    const int32_t mine = yt_frame_steps(&to->plan);
    const int32_t theirs = yt_frame_steps(&from->plan);
    for (int32_t i = 0; i < mine && i < theirs; i++) {
        const struct yt_problem *p = &yt_frame_step_of(&to->plan, i)->problem;
        if (p->op == yt_frame_step_of(&from->plan, i)->problem.op &&
            yt_schedule_applies(p, &from->frame.of[i], to->isa))
            to->frame.of[i] = from->frame.of[i];
    }
}

/* The schedules of a tuned network for one of another size: tiles that were
 * good for a layer are seldom bad for the same layer over fewer pixels. */
static void adopt(struct yt_build *to, const struct yt_build *from)
{
    if (to->net->layer_count != from->net->layer_count)
        return;
    for (int32_t i = 0; i < to->net->layer_count; i++)
        if (to->net->layers[i].problem.op == from->net->layers[i].problem.op)
            (void)yt_build_set(to, i,
                               &from->schedules[i]); /* or keep its own */
    adopt_frame_steps(to, from);
    to->plan.threads = from->plan.threads;
}

static enum yt_status build_set(const struct yt_engine_shapes *shapes,
                                struct yt_engine_set *set)
{
    const struct yt_engine_set *like = shapes->options.like;
    for (int32_t i = 0; i < set->count; i++) {
        if (!set->engines[i]->tuned && like->engines[i]->tuned)
            adopt(set->engines[i]->build, like->engines[i]->build);
        YT_TRY(yt_engine_reopen(set->engines[i]));
    }
    return YT_OK;
}

static enum yt_status make_workspace(const struct yt_engine_shapes *shapes,
                                     struct yt_engine_shape *shape)
{
    const struct yt_augment passes = yt_engine_set_passes(&shape->set);
    struct yt_model_info info;
    yt_model_describe(shape->set.engines[0]->model, &info);
    shape->workspace_bytes = shapes->options.augment
                                 ? yt_augment_workspace_bytes(&passes)
                             : shapes->options.flip ? info.flip_workspace_bytes
                                                    : info.workspace_bytes;
    shape->workspace =
        aligned_alloc(64, (shape->workspace_bytes + 63) / 64 * 64);
    YT_FAIL_IF(!shape->workspace, YT_NO_MEMORY,
               "no memory for a workspace of %zu bytes",
               shape->workspace_bytes);
    shape->bytes = (int64_t)shape->workspace_bytes;
    for (int32_t i = 0; i < shape->set.count; i++)
        shape->bytes += 2 * shape->set.engines[i]->build->plan.blob_bytes;
    return YT_OK;
}

static enum yt_status make_shape(const struct yt_engine_shapes *shapes,
                                 struct yt_engine_shape *shape)
{
    const struct yt_engine *like = shapes->options.like->engines[0];
    const struct yt_engine_options options = {
        .h = shape->h,
        .w = shape->w,
        .threads = like->threads,
        .dense_heads = like->dense_heads,
        .unbuilt = 1,
        .quantisation = like->build->quantisation,
    };
    YT_TRY(yt_engine_set_open(shapes->options.site, shapes->options.graph,
                              &options, shapes->options.augment, &shape->set));
    YT_TRY(build_set(shapes, &shape->set));
    return make_workspace(shapes, shape);
}

enum yt_status yt_engine_shapes_get(struct yt_engine_shapes *shapes, int32_t h,
                                    int32_t w,
                                    struct yt_engine_shape **shape_out)
{
    for (int32_t i = 0; i < shapes->count; i++) {
        struct yt_engine_shape *shape = &shapes->shapes[i];
        if (shape->h == h && shape->w == w) {
            shape->used = ++shapes->clock;
            *shape_out = shape;
            return YT_OK;
        }
    }
    make_room(shapes);
    struct yt_engine_shape *shape = &shapes->shapes[shapes->count];
    *shape = (struct yt_engine_shape){.h = h, .w = w};
    const enum yt_status status = make_shape(shapes, shape);
    if (status != YT_OK) {
        deinit_shape(shape);
        return status;
    }
    shape->used = ++shapes->clock;
    shapes->count++;
    shapes->built++;
    *shape_out = shape;
    return YT_OK;
}
