#ifndef YT_ONNX_WRITE_H
#define YT_ONNX_WRITE_H

#include <stdint.h>

#include "model/graph.h"

/** Write a graph as YOLOv5's export.py does: images, 1x3xHxW in 0..1, to
 *  output0, 1xNx(5+nc) decoded rows of pixels; class names, stride and the like
 *  in its metadata, and ranges under "yolotune.ranges". yt_model_import() reads
 *  the same graph back, and ONNX Runtime runs it.
 *
 *  The file is whole or is not there: it is written beside its place and
 *  renamed. A file that stood there is replaced.
 *
 * @param h input height, a multiple of the graph's largest stride.
 * @param w input width, likewise.
 * @return YT_OK; YT_BAD_ARGUMENT for the size; YT_IO naming the file;
 *         YT_NO_MEMORY. */
enum yt_status yt_onnx_write(const struct yt_graph *graph, int32_t h, int32_t w,
                             const char *path);

#endif
