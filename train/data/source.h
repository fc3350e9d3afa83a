#ifndef YT_SOURCE_H
#define YT_SOURCE_H

/* Where training takes pictures from: those of a data set with their objects,
 * decoded and scaled to fit the network's input, and kept while there is room.
 * Scaled as a product's letterbox does it (runtime/letterbox.h), so that what
 * is trained on looks like what will be searched. */

#include <stdint.h>

#include "eval/dataset.h"

/** Corners in shares of the picture, 0..1; x0 < x1, y0 < y1. */
struct yt_source_object {
    int32_t class_id;
    double x0, y0, x1, y1;
};

/** A picture of a source; as large as the letterbox makes its content. */
struct yt_source_picture {
    const uint8_t *rgb; /* [h][w][3] */
    int32_t h, w;
    const struct yt_source_object *objects; /* [count]; crowds are none */
    int32_t count;
    int32_t is_kept; /* 0: yt_source_give_back() frees rgb */
};

struct yt_source;

/** Take note of the pictures that are not left out, and of their objects.
 *
 * @param dataset    borrowed until close: its paths.
 * @param h          the network's input height, pixels.
 * @param w          its width.
 * @param keep_bytes most for pictures that are kept; others are read again.
 * @return YT_OK; YT_BAD_INPUT when all are left out; YT_NO_MEMORY. */
enum yt_status yt_source_open(const struct yt_dataset *dataset, int32_t h,
                              int32_t w, int64_t keep_bytes,
                              struct yt_source **source_out);

/** NULL is fine. */
void yt_source_close(struct yt_source *source);

/** Pictures; those that cannot be read count. */
int32_t yt_source_count(const struct yt_source *source);

/** Picture @p i, or the next one that can be read: which depends on nothing
 *  but the files. Any number of threads at a time.
 *  @param[out] picture_out the caller's until yt_source_give_back().
 *  @return YT_OK; YT_BAD_INPUT when no picture can be read; YT_NO_MEMORY. */
enum yt_status yt_source_take(struct yt_source *source, int32_t i,
                              struct yt_source_picture *picture_out);

void yt_source_give_back(struct yt_source_picture *picture);

/** Tell the data set what was found since the last call: sizes of pictures,
 *  and those that cannot be read, which are left out with a problem each.
 *  @param dataset that of yt_source_open(), which nothing else may touch now.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_source_report(struct yt_source *source,
                                struct yt_dataset *dataset);

#endif
