#ifndef YT_ONNX_FILE_H
#define YT_ONNX_FILE_H

/* An ONNX file as protobuf messages, and its tensors as typed views. What a
 * hostile file can make this code allocate is bounded by the file's size. */

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"
#include "yolotune/status.h"

#define YT_ONNX_RANK_MAX 8

/** How an element lies in memory; little-endian, any alignment. */
enum yt_onnx_storage {
    YT_ONNX_F32,
    YT_ONNX_F64,
    YT_ONNX_F16,
    YT_ONNX_F16_IN_I32, /* TensorProto.int32_data holds halves in 32 bits */
    YT_ONNX_BF16,
    YT_ONNX_BF16_IN_I32,
    YT_ONNX_I32,
    YT_ONNX_I64,
    YT_ONNX_U8, /* bool and uint8 */
    YT_ONNX_I8,
    YT_ONNX_U16,
    YT_ONNX_I16
};

/** A constant: dims[rank] elements, row-major, borrowed from the messages. */
struct yt_onnx_tensor {
    int32_t rank;
    int64_t dims[YT_ONNX_RANK_MAX];
    int64_t count; /* elements */
    int32_t type;  /* TensorProto.DataType; 0: that of no tensor in the file */
    enum yt_onnx_storage storage;
    const void *data;
};

/** Parse. The caller frees with yt_onnx_close().
 *  @return YT_OK; YT_BAD_INPUT for what isn't a protobuf of this schema or
 *          would take far more memory than its size explains; YT_NO_MEMORY. */
enum yt_status yt_onnx_open(const void *bytes, size_t size,
                            YtOnnx__ModelProto **model_out);

/** NULL is fine. */
void yt_onnx_close(YtOnnx__ModelProto *model);

/** Check a TensorProto and view it.
 *  @param what  names it in messages.
 *  @return YT_OK; YT_BAD_INPUT for impossible dims or data that doesn't match
 *          them; YT_UNSUPPORTED for other element types and external data. */
enum yt_status yt_onnx_tensor_view(const YtOnnx__TensorProto *proto,
                                   const char *what,
                                   struct yt_onnx_tensor *tensor_out);

/** Element @p i, 0 <= i < count. Integers past 2^53 are rounded. */
double yt_onnx_tensor_at(const struct yt_onnx_tensor *tensor, int64_t i);

/** 1 where elements are integers (or booleans). */
int yt_onnx_tensor_is_int(const struct yt_onnx_tensor *tensor);

/** Multiply into *count; 0 where the product passes @p max or a dim is < 0. */
int yt_onnx_count(const int64_t *dims, int32_t rank, int64_t max,
                  int64_t *count_out);

/** A node's attribute by name, or NULL. */
const YtOnnx__AttributeProto *yt_onnx_attr(const YtOnnx__NodeProto *node,
                                           const char *name);

/** An integer attribute, or @p fallback. */
int64_t yt_onnx_attr_int(const YtOnnx__NodeProto *node, const char *name,
                         int64_t fallback);

/** 1 where a string attribute equals @p text; absent counts as @p fallback. */
int yt_onnx_attr_is(const YtOnnx__NodeProto *node, const char *name,
                    const char *text, const char *fallback);

#endif
