#ifndef YT_ONNX_FOCUS_H
#define YT_ONNX_FOCUS_H

/* Feature maps that are another one rearranged: its pixels in four quarters,
 * side by side as channels, as YOLOv5's Focus does it; or some of its channels.
 * However that was written, with slices or by reshaping, they are asked where
 * their elements come from. */

#include "model/filters.h"
#include "model/onnx_scope.h"

/** Whether a value is a feature map so rearranged.
 *
 * @param v any value.
 * @param[out] net_out   the feature map.
 * @param[out] order_out the quarters, in the order of the value's channels.
 */
int yt_onnx_focus_find(struct yt_onnx_scope *scope, int32_t v, int32_t *net_out,
                       struct yt_focus_part order_out[YT_FOCUS_PARTS]);

/** Whether each channel of a value is one of a feature map: a slice, a part of
 *  a split, a shuffle.
 *
 * @param v any value.
 * @param[out] net_out   the feature map.
 * @param[out] picks_out [channels of the value] which of its channels.
 */
int yt_onnx_pick_find(struct yt_onnx_scope *scope, int32_t v, int32_t *net_out,
                      int32_t *picks_out);

#endif
