#ifndef YT_ONNX_PAD_H
#define YT_ONNX_PAD_H

/* Pad: rows and columns of zeros around a feature map. */

#include "model/onnx_scope.h"

/** The visitor of Pad; what reads it goes on with yt_onnx_oblong_unpad().
 *  @return YT_OK; YT_UNSUPPORTED for other values than zero, other axes, or
 *          more than fit a window; YT_BAD_INPUT; YT_NO_MEMORY. */
enum yt_status yt_onnx_visit_pad(struct yt_onnx_scope *scope, int32_t n);

#endif
