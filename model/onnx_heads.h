#ifndef YT_ONNX_HEADS_H
#define YT_ONNX_HEADS_H

/* Which convolutions are detection heads, with which anchors and strides.
 *
 * A decode tail has many spellings (Split or Slice, Pow or Mul, the 0.5 in the
 * grid or beside it, a grid stored or computed). Instead of matching any, we
 * ask it: every box is evaluated for chosen head outputs, which shows the cell
 * it reads, its stride and its anchor; then again for pseudo-random ones, which
 * must give what YOLOv5's formula gives:
 *
 *     x, y = (2 sigmoid(t) - 0.5 + cell) * stride
 *     w, h = (2 sigmoid(t))^2 * anchor          scores = sigmoid(t)
 */

#include "model/onnx_scope.h"

struct yt_onnx_head {
    int32_t net;
    int32_t stride;                    /* input pixels per cell */
    double anchors[YT_ANCHORS_MAX][2]; /* input pixels */
};

struct yt_onnx_heads {
    struct yt_onnx_head heads[YT_LEVELS_MAX];
    int32_t count;
    int32_t na;   /* 0: not known yet */
    int32_t no;   /* 5 + classes; 0: not known yet */
    int32_t bins; /* 0: heads with anchors; else nets join two halves */
    int has_anchors;
};

/** Ask the tail that ends in output @p v of shape [1][boxes][5 + classes].
 *  @return YT_OK; YT_UNSUPPORTED, YT_BAD_INPUT naming the output and what it
 *          does otherwise; YT_NO_MEMORY. */
enum yt_status yt_onnx_heads_decoded(struct yt_onnx_scope *scope, int32_t v,
                                     struct yt_onnx_heads *heads_out);

/** Whether the first element of output @p v depends on several numbers of a
 *  head, as boxes do whose sides are means. */
int yt_onnx_heads_have_bins(struct yt_onnx_scope *scope, int32_t v);

/** Ask the tail of heads without anchors that ends in output @p v of shape
 *  [1][4 + classes][boxes] (onnx_bins.c).
 *  @return as yt_onnx_heads_decoded(). */
enum yt_status yt_onnx_heads_bins(struct yt_onnx_scope *scope, int32_t v,
                                  struct yt_onnx_heads *heads_out);

/** Append the head behind output @p v: a convolution's output, or one moved to
 *  [1][na][h][w][no] or [1][na][no][h][w], with or without a sigmoid.
 *  heads->na and no are read where they aren't 0, else set from the shape. */
enum yt_status yt_onnx_heads_raw(struct yt_onnx_scope *scope, int32_t v,
                                 struct yt_onnx_heads *heads);

#endif
