#ifndef YT_ONNX_LIMITS_H
#define YT_ONNX_LIMITS_H

#include "model/onnx_heads.h"

/** Give the graph the ranges of a quantised file, where it says all that are
 *  needed, or a note of why not. Needed are those of what convolutions and sums
 *  make, after the activation. Where a file has none because it quantises only
 *  what is made of a value, or what it is part of, the range follows from that.
 *
 *  @param node_of [net_count] of the graph.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_onnx_limits(const struct yt_onnx_scope *scope,
                              const struct yt_onnx_heads *heads,
                              const int32_t *node_of, struct yt_graph *graph);

#endif
