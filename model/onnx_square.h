#ifndef YT_ONNX_SQUARE_H
#define YT_ONNX_SQUARE_H

/* Windows as ONNX has them: oblong, dilated, with zeros of another count on
 * each side, which a Pad before may have put there. Those of graphs are square
 * and have the same zeros all around; that is what they become, the taps that
 * are not there being zero. */

#include "model/onnx_scope.h"

/** Limits of graphs (model/graph.c). */
#define YT_ONNX_WINDOW_MAX 31
#define YT_ONNX_STRIDE_MAX 8

/** Rows and columns of a square window, its steps, zeros around the input. */
struct yt_onnx_window {
    int64_t r, stride, pad;
    struct yt_filter_taps taps; /* its only ones; rows 0: all are there */
};

/** One axis: taps, how far apart, zeros before the input and behind it. */
struct yt_onnx_axis {
    int64_t taps, step, before, behind;
};

/** Rows, then columns. */
struct yt_onnx_oblong {
    struct yt_onnx_axis axes[2];
    int64_t stride;
};

/** The window of node @p n, by its attributes.
 *
 * @param scope what was read so far.
 * @param n     the node.
 * @param taps  [2] rows and columns of its filter; NULL: kernel_shape says it.
 * @param sides rows and columns of its input.
 * @param[out] oblong_out the window, of sane size.
 * @return YT_OK; YT_BAD_INPUT, YT_UNSUPPORTED naming the node.
 */
enum yt_status yt_onnx_oblong_read(const struct yt_onnx_scope *scope, int32_t n,
                                   const int64_t *taps, const int64_t sides[2],
                                   struct yt_onnx_oblong *oblong_out);

/** Pixels from the first tap to the last. */
int64_t yt_onnx_axis_extent(const struct yt_onnx_axis *axis);

/** What an axis makes of @p side pixels; 0: the window is larger. */
int64_t yt_onnx_axis_side(const struct yt_onnx_axis *axis, int64_t stride,
                          int64_t side);

/** The square window that computes the same of every size which the stride
 *  divides.
 *  @return YT_OK; YT_UNSUPPORTED, naming node @p n, where none does. */
enum yt_status yt_onnx_oblong_square(const struct yt_onnx_scope *scope,
                                     int32_t n,
                                     const struct yt_onnx_oblong *oblong,
                                     struct yt_onnx_window *window_out);

/** Where net @p x is what a Pad made: count its zeros among those of a window,
 *  and go to what it pads. */
void yt_onnx_oblong_unpad(const struct yt_onnx_scope *scope, int32_t *x,
                          struct yt_onnx_oblong *oblong);

#endif
