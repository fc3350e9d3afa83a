#ifndef YT_ONNX_NET_H
#define YT_ONNX_NET_H

/* The operators that compute feature maps, and their way into the graph. */

#include "model/onnx_scope.h"

/** Fill in output 0 of node @p n, whose inputs are known, as a feature map.
 *  @return YT_OK; YT_NOT_FOUND when the node doesn't compute one (its operator
 *          isn't one of these, or Add, Mul and Concat of something else);
 *          YT_BAD_INPUT, YT_UNSUPPORTED naming the node. */
enum yt_status yt_onnx_net_visit(struct yt_onnx_scope *scope, int32_t n);

/** Add the nets marked as needed to @p graph, weights included.
 *  @param[out] node_of  [net_count] graph node of each needed net. */
enum yt_status yt_onnx_net_emit(struct yt_onnx_scope *scope,
                                struct yt_graph *graph, int32_t *node_of);

/** The dotted module path in an exporter's node name:
 *  "/model.2/m/m.0/cv1/conv/Conv" is "model.2.m.0.cv1". "" where @p onnx_name
 *  isn't such a path. @p path has room for YT_LAYER_NAME_MAX bytes. */
void yt_onnx_module_path(const char *onnx_name, char *path);

#endif
