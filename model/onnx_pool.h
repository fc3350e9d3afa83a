#ifndef YT_ONNX_POOL_H
#define YT_ONNX_POOL_H

/* Pools of feature maps, by convolutions and the one pool that graphs have. */

#include "model/onnx_scope.h"

/** The visitors of the operators of these names.
 *  @return YT_OK; YT_UNSUPPORTED, YT_BAD_INPUT, naming the node;
 *          YT_NO_MEMORY. */
enum yt_status yt_onnx_visit_max_pool(struct yt_onnx_scope *scope, int32_t n);
enum yt_status yt_onnx_visit_average_pool(struct yt_onnx_scope *scope,
                                          int32_t n);

#endif
