#ifndef YT_TRAIN_LEVEL_H
#define YT_TRAIN_LEVEL_H

/* One head of a batch, with its anchors, cell by cell: channels of an anchor
 * are x, y, w, h, objectness and the classes, all raw. */

#include <stddef.h>
#include <stdint.h>

#include "model/graph.h"
#include "train/loss/terms.h"

/* Channels of an anchor; those of the box are numbered as its sides. */
#define YT_OBJECTNESS_CHANNEL YT_BOX_SIDES
#define YT_CLASS_CHANNEL      (YT_BOX_SIDES + 1) /* the first */

struct yt_loss_level {
    int32_t batch, na, nc;
    int32_t rows, columns, cells;
    float anchors[YT_ANCHORS_MAX][2]; /* width, height, in cells */
};

/** The level of head @p i at an input of @p h by @p w pixels. */
struct yt_loss_level yt_loss_level(const struct yt_graph *graph, int32_t i,
                                   int32_t batch, int32_t h, int32_t w);

/** Values of a level, [batch][na][5+nc][cells]. */
size_t yt_loss_level_values(const struct yt_loss_level *level);

/** Where the x of an anchor at a cell is; its next channel is level->cells
 *  behind. */
size_t yt_loss_level_at(const struct yt_loss_level *level, int32_t image,
                        int32_t anchor, int32_t cell);

/** The box that an anchor's logits say, centre from its cell's corner and size,
 *  in cells.
 *  @param logits   of x at a cell.
 *  @param[out] slopes_out of each side by its own logit. */
void yt_loss_level_box(const struct yt_loss_level *level, int32_t anchor,
                       const float *logits, double box_out[YT_BOX_SIDES],
                       double slopes_out[YT_BOX_SIDES]);

#endif
