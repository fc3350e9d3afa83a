/* Reads the protobuf with a bounded allocator and turns TensorProto's many
 * encodings (raw bytes, typed lists, halves inside 32-bit integers) into one
 * view. */

#include "model/onnx_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "runtime/fail.h"

/* A file of empty messages costs two bytes each and about a hundred when
 * parsed; real exports stay below twice their size. */
#define ALLOC_FACTOR      8
#define ALLOC_EXTRA_BYTES ((size_t)32 << 20)

struct budget {
    size_t left_bytes;
    int exceeded;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;
    if (size > budget->left_bytes) {
        budget->exceeded = 1;
        return NULL;
    }
    budget->left_bytes -= size;
    return malloc(size ? size : 1);
}

static void budget_free(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

enum yt_status yt_onnx_open(const void *bytes, size_t size,
                            YtOnnx__ModelProto **model_out)
{
    YT_FAIL_IF(size == 0, YT_BAD_INPUT, "the file is empty");
    struct budget budget = {.left_bytes = ALLOC_EXTRA_BYTES};
    if (size < (SIZE_MAX - ALLOC_EXTRA_BYTES) / ALLOC_FACTOR)
        budget.left_bytes += size * ALLOC_FACTOR;
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    YtOnnx__ModelProto *model =
        yt_onnx__model_proto__unpack(&allocator, size, bytes);
    YT_FAIL_IF(!model && budget.exceeded, YT_BAD_INPUT,
               "%zu bytes of ONNX unfold to more than %d times their size",
               size, ALLOC_FACTOR);
    YT_FAIL_IF(!model, YT_BAD_INPUT,
               "not an ONNX file, or a truncated or damaged one");
    *model_out = model;
    return YT_OK;
}

void yt_onnx_close(YtOnnx__ModelProto *model)
{
    /* budget_alloc() took the memory from malloc(), so any allocator whose
     * free is free() may give it back. */
    if (model)
        yt_onnx__model_proto__free_unpacked(model, NULL);
}

int yt_onnx_count(const int64_t *dims, int32_t rank, int64_t max,
                  int64_t *count_out)
{
    int64_t count = 1;
    int zero = 0;
    for (int32_t d = 0; d < rank; ++d) {
        if (dims[d] < 0 || dims[d] > max)
            return 0;
        if (dims[d] == 0)
            zero = 1;
        else if (count > max / dims[d])
            return 0;
        else
            count *= dims[d];
    }
    *count_out = zero ? 0 : count;
    return 1;
}

/* TensorProto.DataType: the numbers are the format's. A row names where the
 * elements lie when they aren't in raw_data. */
enum list { LIST_FLOAT, LIST_DOUBLE, LIST_INT32, LIST_INT64 };

struct type_row {
    int32_t type;
    size_t raw_bytes; /* of an element in raw_data */
    enum yt_onnx_storage raw;
    enum list list;
    enum yt_onnx_storage listed;
};

static const struct type_row type_rows[] = {
    /* type bytes in raw_data     list         in the list */
    {1, 4, YT_ONNX_F32, LIST_FLOAT, YT_ONNX_F32},          /* FLOAT */
    {2, 1, YT_ONNX_U8, LIST_INT32, YT_ONNX_I32},           /* UINT8 */
    {3, 1, YT_ONNX_I8, LIST_INT32, YT_ONNX_I32},           /* INT8 */
    {4, 2, YT_ONNX_U16, LIST_INT32, YT_ONNX_I32},          /* UINT16 */
    {5, 2, YT_ONNX_I16, LIST_INT32, YT_ONNX_I32},          /* INT16 */
    {6, 4, YT_ONNX_I32, LIST_INT32, YT_ONNX_I32},          /* INT32 */
    {7, 8, YT_ONNX_I64, LIST_INT64, YT_ONNX_I64},          /* INT64 */
    {9, 1, YT_ONNX_U8, LIST_INT32, YT_ONNX_I32},           /* BOOL */
    {10, 2, YT_ONNX_F16, LIST_INT32, YT_ONNX_F16_IN_I32},  /* FLOAT16 */
    {11, 8, YT_ONNX_F64, LIST_DOUBLE, YT_ONNX_F64},        /* DOUBLE */
    {16, 2, YT_ONNX_BF16, LIST_INT32, YT_ONNX_BF16_IN_I32} /* BFLOAT16 */
};

static void list_of(const YtOnnx__TensorProto *proto, enum list list,
                    const void **data_out, size_t *count_out)
{
    switch (list) {
    case LIST_FLOAT:
        *data_out = proto->float_data;
        *count_out = proto->n_float_data;
        break;
    case LIST_DOUBLE:
        *data_out = proto->double_data;
        *count_out = proto->n_double_data;
        break;
    case LIST_INT32:
        *data_out = proto->int32_data;
        *count_out = proto->n_int32_data;
        break;
    case LIST_INT64:
        *data_out = proto->int64_data;
        *count_out = proto->n_int64_data;
        break;
    }
}

enum yt_status yt_onnx_tensor_view(const YtOnnx__TensorProto *proto,
                                   const char *what,
                                   struct yt_onnx_tensor *tensor_out)
{
    YT_FAIL_IF(proto->data_location == 1, YT_UNSUPPORTED,
               "tensor '%s' keeps its data in another file, which is not "
               "looked for here",
               what);
    YT_FAIL_IF(proto->n_dims > YT_ONNX_RANK_MAX, YT_BAD_INPUT,
               "tensor '%s' has %zu dimensions, at most %d are read", what,
               proto->n_dims, YT_ONNX_RANK_MAX);

    const struct type_row *row = NULL;
    for (size_t i = 0; i < sizeof type_rows / sizeof type_rows[0]; ++i)
        if (type_rows[i].type == proto->data_type)
            row = &type_rows[i];
    YT_FAIL_IF(!row, YT_UNSUPPORTED,
               "tensor '%s' has ONNX element type %d, which isn't read", what,
               (int)proto->data_type);

    struct yt_onnx_tensor tensor = {.rank = (int32_t)proto->n_dims,
                                    .type = proto->data_type};
    for (size_t d = 0; d < proto->n_dims; ++d) {
        YT_FAIL_IF(proto->dims[d] < 0, YT_BAD_INPUT,
                   "tensor '%s': dimension %zu is %lld", what, d,
                   (long long)proto->dims[d]);
        tensor.dims[d] = proto->dims[d];
    }
    YT_FAIL_IF(
        !yt_onnx_count(tensor.dims, tensor.rank, INT32_MAX, &tensor.count),
        YT_BAD_INPUT, "tensor '%s' has more than %d elements", what, INT32_MAX);

    if (proto->has_raw_data) {
        const size_t need_bytes = (size_t)tensor.count * row->raw_bytes;
        YT_FAIL_IF(proto->raw_data.len != need_bytes, YT_BAD_INPUT,
                   "tensor '%s' has %zu bytes, its shape needs %zu", what,
                   proto->raw_data.len, need_bytes);
        tensor.data = proto->raw_data.data;
        tensor.storage = row->raw;
    } else {
        size_t count = 0;
        list_of(proto, row->list, &tensor.data, &count);
        YT_FAIL_IF(count != (size_t)tensor.count, YT_BAD_INPUT,
                   "tensor '%s' has %zu elements, its shape needs %lld", what,
                   count, (long long)tensor.count);
        tensor.storage = row->listed;
    }
    *tensor_out = tensor;
    return YT_OK;
}

/* IEEE 754 binary16 has 5 exponent bits biased by 15 and 10 fraction bits; put
 * into a float's place they are 2^(127 - 15) too small, subnormals included. */
static double half_to_double(uint16_t bits)
{
    const uint32_t word = (uint32_t)(bits & 0x7fff) << 13;
    float value;
    memcpy(&value, &word, sizeof value);
    if ((bits & 0x7c00) == 0x7c00)
        value = bits & 0x3ff ? NAN : INFINITY;
    else
        value *= 0x1p112f;
    return bits >> 15 ? -value : value;
}

#define LOAD(type, i)                                                          \
    type value;                                                                \
    memcpy(&value, (const char *)tensor->data + (size_t)(i) * sizeof value,    \
           sizeof value)

double yt_onnx_tensor_at(const struct yt_onnx_tensor *tensor, int64_t i)
{
    switch (tensor->storage) {
    case YT_ONNX_F32: {
        LOAD(float, i);
        return value;
    }
    case YT_ONNX_F64: {
        LOAD(double, i);
        return value;
    }
    case YT_ONNX_F16: {
        LOAD(uint16_t, i);
        return half_to_double(value);
    }
    case YT_ONNX_F16_IN_I32: {
        LOAD(uint32_t, i);
        return half_to_double((uint16_t)value);
    }
    case YT_ONNX_BF16: {
        LOAD(uint16_t, i);
        return (double)yt_bf16_float(value);
    }
    case YT_ONNX_BF16_IN_I32: {
        LOAD(uint32_t, i);
        return (double)yt_bf16_float((uint16_t)value);
    }
    case YT_ONNX_I32: {
        LOAD(int32_t, i);
        return value;
    }
    case YT_ONNX_I64: {
        LOAD(int64_t, i);
        return (double)value;
    }
    case YT_ONNX_U8: {
        LOAD(uint8_t, i);
        return value;
    }
    case YT_ONNX_I8: {
        LOAD(int8_t, i);
        return value;
    }
    case YT_ONNX_U16: {
        LOAD(uint16_t, i);
        return value;
    }
    case YT_ONNX_I16: {
        LOAD(int16_t, i);
        return value;
    }
    }
    return 0;
}

int yt_onnx_tensor_is_int(const struct yt_onnx_tensor *tensor)
{
    return tensor->storage >= YT_ONNX_I32;
}

const YtOnnx__AttributeProto *yt_onnx_attr(const YtOnnx__NodeProto *node,
                                           const char *name)
{
    for (size_t i = 0; i < node->n_attribute; ++i)
        if (node->attribute[i]->name &&
            strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

int64_t yt_onnx_attr_int(const YtOnnx__NodeProto *node, const char *name,
                         int64_t fallback)
{
    const YtOnnx__AttributeProto *attr = yt_onnx_attr(node, name);
    return attr && attr->has_i ? attr->i : fallback;
}

int yt_onnx_attr_is(const YtOnnx__NodeProto *node, const char *name,
                    const char *text, const char *fallback)
{
    const YtOnnx__AttributeProto *attr = yt_onnx_attr(node, name);
    if (!attr || !attr->has_s)
        return strcmp(text, fallback) == 0;
    return attr->s.len == strlen(text) &&
           memcmp(attr->s.data, text, attr->s.len) == 0;
}
