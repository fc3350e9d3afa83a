#ifndef YT_ONNX_FOCUS_H
#define YT_ONNX_FOCUS_H

/* A feature map rearranged as YOLOv5's Focus does it: its pixels in four
 * quarters, side by side as channels. However it was written, with slices or
 * by reshaping, it is asked where its elements come from. */

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

#endif
