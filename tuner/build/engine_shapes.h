#ifndef YT_ENGINE_SHAPES_H
#define YT_ENGINE_SHAPES_H

/* Engines for pictures of many shapes: each is searched by a network as large
 * as the picture's letterbox has to be, its minimal rectangle. Networks are
 * built when their shape is met first and kept while there is room; kernels
 * stay on the site, so a network that is built again only packs its weights. */

#include "tuner/build/engine_set.h"

struct yt_engine_shapes_options {
    const struct yt_site *site;   /* outlives the shapes */
    const struct yt_graph *graph; /* likewise */
    /* Of the size that all are made for, perhaps unbuilt: its quantisation is
     * theirs, and where it is tuned and they are not, its schedules too, layer
     * by layer, where they apply. Borrowed, and outlives the shapes. */
    const struct yt_engine_set *like;
    int32_t augment, flip; /* as the frames are run */
    int32_t shapes_max;    /* kept at most; 0 means 16 */
    int64_t bytes_max;     /* likewise, of all but one; 0 means 1 GiB */
};

/** A network of one shape, ready to run. */
struct yt_engine_shape {
    int32_t h, w;
    struct yt_engine_set set;
    void *workspace;
    size_t workspace_bytes;
    int64_t bytes; /* of weights, twice, and the workspace */
    uint64_t used; /* when it was asked for last: counts up */
};

struct yt_engine_shapes;

/** The smallest input that holds an image_h x image_w image which is scaled to
 *  fit @p h x @p w: YOLOv5's letterbox(auto=True).
 *  @param h            most rows, a multiple of @p stride.
 *  @param w            most columns, likewise.
 *  @param stride       yt_graph_max_stride().
 *  @param image_h      1 or more.
 *  @param image_w      likewise.
 *  @param[out] h_out   rows, a multiple of @p stride.
 *  @param[out] w_out   columns, likewise. */
void yt_shape_of(int32_t h, int32_t w, int32_t stride, int32_t image_h,
                 int32_t image_w, int32_t *h_out, int32_t *w_out);

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status
yt_engine_shapes_open(const struct yt_engine_shapes_options *options,
                      struct yt_engine_shapes **shapes_out);

/** The network of a shape.
 *  @param[out] shape_out valid until the next call.
 *  @return YT_OK; as yt_engine_set_open() and yt_engine_reopen();
 *          YT_NO_MEMORY. */
enum yt_status yt_engine_shapes_get(struct yt_engine_shapes *shapes, int32_t h,
                                    int32_t w,
                                    struct yt_engine_shape **shape_out);

/** How many are kept, and how many were built so far. */
void yt_engine_shapes_count(const struct yt_engine_shapes *shapes,
                            int32_t *kept_out, int32_t *built_out);

/** NULL is fine. */
void yt_engine_shapes_close(struct yt_engine_shapes *shapes);

#endif
