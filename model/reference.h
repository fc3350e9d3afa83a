#ifndef YT_MODEL_REFERENCE_H
#define YT_MODEL_REFERENCE_H

#include <stdint.h>

#include "model/graph.h"

/** Run a graph node by node with double accumulators on plain tensors: the
 *  reference for whole networks. Slow.
 *
 * @param image [3][h][w] f32, RGB, 0..1.
 * @param heads one [na*(5+nc)][h/stride][w/stride] f32 per level, the caller's.
 */
enum yt_status yt_graph_run_reference(const struct yt_graph *graph, int32_t h,
                                      int32_t w, const float *image,
                                      float *const *heads);

#endif
