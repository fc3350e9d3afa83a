#ifndef YT_ONNX_META_H
#define YT_ONNX_META_H

/* What export.py writes beside the graph: metadata_props, whose values are
 * Python literals: names "{0: 'person', 1: 'bicycle'}", stride "32", and with
 * some tools anchors "[[10, 13, 16, 30, 33, 23], ...]". And what is written
 * here, a network's ranges (struct yt_graph). */

#include <stdint.h>

#include "model/onnx_file.h"

#define YT_ONNX_RANGES "yolotune.ranges" /* key */

/** The value stored under @p key, or NULL. */
const char *yt_onnx_meta(const YtOnnx__ModelProto *model, const char *key);

/** Parse a dict {index: 'name'} or a list ['name', ...] of strings.
 *  @param[out] names_out  [*count_out] strings; freed by yt_onnx_names_free().
 *  @return YT_OK; YT_BAD_INPUT; YT_NO_MEMORY. */
enum yt_status yt_onnx_names_parse(const char *text, char ***names_out,
                                   int32_t *count_out);

/** NULL is fine. */
void yt_onnx_names_free(char **names, int32_t count);

/** Parse the numbers of a nested list, in order, whatever its nesting.
 *  @return YT_OK; YT_BAD_INPUT, also when there are more than @p cap. */
enum yt_status yt_onnx_numbers_parse(const char *text, double *numbers,
                                     int32_t cap, int32_t *count_out);

#endif
