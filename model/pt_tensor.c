/* Tensors out of a checkpoint. All a pickle says about one is a claim: type,
 * sizes, steps and offset are checked against the storage before use.
 *
 * torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)
 * torch._utils._rebuild_parameter(tensor, requires_grad, hooks)
 * storage: persistent id ("storage", torch.HalfStorage, key, device, elements)
 */

#include "model/pt_tensor.h"

#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "runtime/fail.h"

#define ELEMS_MAX ((int64_t)1 << 28) /* as many as a whole network may have */

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static float load_f16(const unsigned char *bytes)
{
    const uint32_t half = bytes[0] | (uint32_t)bytes[1] << 8;
    const uint32_t sign = (half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 0x1f;
    const uint32_t fraction = half & 0x3ff;
    if (exponent == 0x1f)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent != 0)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    const float tiny = (float)fraction * 0x1p-24f;
    return sign ? -tiny : tiny;
}

static float load_bf16(const unsigned char *bytes)
{
    return yt_bf16_float((uint16_t)(bytes[0] | bytes[1] << 8));
}

static float load_f32(const unsigned char *bytes)
{
    return from_bits(bytes[0] | (uint32_t)bytes[1] << 8 |
                     (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
}

static float load_f64(const unsigned char *bytes)
{
    uint64_t bits = 0;
    for (int i = 8; i-- > 0;)
        bits = bits << 8 | bytes[i];
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

static const struct {
    const char *storage;
    int32_t bytes;
    float (*load)(const unsigned char *bytes);
} formats[] = {
    {"torch.HalfStorage", 2, load_f16},
    {"torch.BFloat16Storage", 2, load_bf16},
    {"torch.FloatStorage", 4, load_f32},
    {"torch.DoubleStorage", 8, load_f64},
};
#define FORMATS ((int32_t)(sizeof formats / sizeof formats[0]))

/* Item @p i of a tuple, NULL when there is none. */
static const struct yt_pickle_value *item(const struct yt_pickle_value *tuple,
                                          size_t i)
{
    return tuple && tuple->kind == YT_PICKLE_TUPLE && i < tuple->count
               ? tuple->items[i]
               : NULL;
}

static enum yt_status parse_storage(const struct yt_pickle_value *value,
                                    const char *what, struct yt_tensor *t)
{
    char text[96];
    const struct yt_pickle_value *id =
        value && value->kind == YT_PICKLE_PERSID ? value->args : NULL;
    const struct yt_pickle_value *type = item(id, 1);
    const struct yt_pickle_value *key = item(id, 2);
    YT_FAIL_IF(!yt_pickle_is_text(item(id, 0), "storage") || !type || !key ||
                   key->kind != YT_PICKLE_STRING ||
                   !yt_pickle_int(item(id, 4), &t->storage_elems),
               YT_BAD_INPUT, "%s: its storage is not described as torch does",
               what);
    t->key = key->text;
    t->key_length = key->length;
    for (t->format = 0; t->format < FORMATS; t->format++)
        if (yt_pickle_is_global(type, formats[t->format].storage))
            break;
    YT_FAIL_IF(t->format == FORMATS, YT_UNSUPPORTED,
               "%s: stored as %s; f16, bf16, f32 and f64 are possible", what,
               yt_pickle_describe(type, text));
    YT_FAIL_IF(t->storage_elems < 1 || t->storage_elems > ELEMS_MAX,
               YT_BAD_INPUT,
               "%s: a storage of %lld elements; 1 to %lld are possible", what,
               (long long)t->storage_elems, (long long)ELEMS_MAX);
    return YT_OK;
}

static enum yt_status parse_window(const struct yt_pickle_value *args,
                                   const char *what, struct yt_tensor *t)
{
    const struct yt_pickle_value *size = item(args, 2);
    const struct yt_pickle_value *stride = item(args, 3);
    YT_FAIL_IF(
        !yt_pickle_int(item(args, 1), &t->offset) || !size || !stride ||
            size->kind != YT_PICKLE_TUPLE || stride->kind != YT_PICKLE_TUPLE ||
            size->count != stride->count,
        YT_BAD_INPUT, "%s: its shape is not described as torch does", what);
    YT_FAIL_IF(size->count > YT_TENSOR_RANK_MAX, YT_BAD_INPUT,
               "%s: %zu dimensions; at most %d are possible", what, size->count,
               YT_TENSOR_RANK_MAX);
    YT_FAIL_IF(t->offset < 0 || t->offset >= t->storage_elems, YT_BAD_INPUT,
               "%s: starts at element %lld of %lld", what, (long long)t->offset,
               (long long)t->storage_elems);
    t->rank = (int32_t)size->count;
    t->elems = 1;
    int64_t last = t->offset;
    for (int32_t i = 0; i < t->rank; i++) {
        int64_t dim = 0, step = 0;
        YT_FAIL_IF(!yt_pickle_int(size->items[i], &dim) ||
                       !yt_pickle_int(stride->items[i], &step),
                   YT_BAD_INPUT, "%s: dimension %d is not a number", what, i);
        YT_FAIL_IF(dim < 1 || dim > ELEMS_MAX / t->elems, YT_BAD_INPUT,
                   "%s: dimension %d of %lld elements", what, i,
                   (long long)dim);
        YT_FAIL_IF(
            step < 0 ||
                (dim > 1 && step > (t->storage_elems - 1 - last) / (dim - 1)),
            YT_BAD_INPUT,
            "%s: dimension %d, %lld steps of %lld elements, leaves its "
            "storage of %lld",
            what, i, (long long)dim, (long long)step,
            (long long)t->storage_elems);
        t->dims[i] = dim;
        t->strides[i] = dim > 1 ? step : 0;
        t->elems *= dim;
        last += (dim - 1) * t->strides[i];
    }
    YT_FAIL_IF(t->elems > t->storage_elems, YT_BAD_INPUT,
               "%s: %lld elements in a storage of %lld", what,
               (long long)t->elems, (long long)t->storage_elems);
    return YT_OK;
}

enum yt_status yt_tensor_parse(const struct yt_pickle_value *value,
                               const char *what, struct yt_tensor *tensor_out)
{
    char text[96];
    if (yt_pickle_is_global(yt_pickle_class(value),
                            "torch._utils._rebuild_parameter") ||
        yt_pickle_is_global(yt_pickle_class(value),
                            "torch._utils._rebuild_parameter_with_state"))
        value = item(value->args, 0);
    YT_FAIL_IF(!yt_pickle_is_global(yt_pickle_class(value),
                                    "torch._utils._rebuild_tensor_v2"),
               YT_BAD_INPUT, "%s: must be a tensor, is %s", what,
               yt_pickle_describe(value, text));
    struct yt_tensor t = {0};
    YT_TRY(parse_storage(item(value->args, 0), what, &t));
    YT_TRY(parse_window(value->args, what, &t));
    *tensor_out = t;
    return YT_OK;
}

enum yt_status yt_tensor_load(const struct yt_tensor *t,
                              struct yt_archive *archive, const char *what,
                              float *values)
{
    const size_t elem_bytes = (size_t)formats[t->format].bytes;
    void *storage = NULL;
    const enum yt_status status = yt_archive_read_storage(
        archive, t->key, t->key_length, (size_t)t->storage_elems * elem_bytes,
        &storage);
    if (status != YT_OK)
        return yt_fail_prefix(status, "%s", what);

    int64_t index[YT_TENSOR_RANK_MAX] = {0};
    int64_t at = t->offset;
    for (int64_t i = 0; i < t->elems; i++) {
        values[i] = formats[t->format].load((const unsigned char *)storage +
                                            (size_t)at * elem_bytes);
        /* An odometer over the dims, the last one fastest. */
        for (int32_t d = t->rank; d-- > 0;) {
            at += t->strides[d];
            if (++index[d] < t->dims[d])
                break;
            at -= t->strides[d] * t->dims[d];
            index[d] = 0;
        }
    }
    free(storage);
    return YT_OK;
}
