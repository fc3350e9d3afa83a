#ifndef YT_ONNX_EXPAND_H
#define YT_ONNX_EXPAND_H

#include "onnx.pb-c.h"
#include "yolotune/status.h"

/** Take the operators apart that compute with codes of a quantised network,
 *  QLinearConv and the like, of ONNX and of ONNX Runtime's domain
 *  "com.microsoft": DequantizeLinear, the operator on numbers, QuantizeLinear.
 *  ConvInteger gets its weights dequantised, with a scale of 1. Others stay
 *  what they are. What is added is part of @p graph, which owns it.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_onnx_expand(YtOnnx__GraphProto *graph);

#endif
