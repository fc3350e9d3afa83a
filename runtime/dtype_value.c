/* Stored elements as numbers and back, one case a type: the references' only
 * knowledge of how a type is stored. */

#include "runtime/dtype.h"

#include <assert.h>
#include <string.h>

#include "base/bf16.h"
#include "runtime/integers.h"

static_assert(YT_DTYPE_COUNT == 4, "a case for the new type, three times");

static int32_t bits_of(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

double yt_dtype_load(enum yt_dtype dtype, const void *tensor, int64_t i)
{
    switch (dtype) {
    case YT_DTYPE_F32:
        return (double)((const float *)tensor)[i];
    case YT_DTYPE_BF16:
        return (double)yt_bf16_float(((const uint16_t *)tensor)[i]);
    case YT_DTYPE_S16:
        return ((const int16_t *)tensor)[i];
    case YT_DTYPE_U8S8:
        return ((const uint8_t *)tensor)[i];
    case YT_DTYPE_COUNT:
        break;
    }
    assert(!"a type");
    return 0;
}

/* Past 1.5 * 2^23 there is no room for a fraction. */
static int32_t code_of(enum yt_dtype dtype, float v)
{
    const float least = (float)yt_dtype_row(dtype)->least;
    const float most = (float)yt_dtype_row(dtype)->most;
    const float shift = 12582912.0f;
    v = v > least ? v : least;
    v = v < most ? v : most;
    return bits_of(v + shift) - bits_of(shift);
}

void yt_dtype_store(enum yt_dtype dtype, void *tensor, int64_t i, float value)
{
    switch (dtype) {
    case YT_DTYPE_F32:
        ((float *)tensor)[i] = value;
        return;
    case YT_DTYPE_BF16:
        ((uint16_t *)tensor)[i] = yt_bf16_of(value);
        return;
    case YT_DTYPE_S16:
        ((int16_t *)tensor)[i] = (int16_t)code_of(dtype, value);
        return;
    case YT_DTYPE_U8S8:
        ((uint8_t *)tensor)[i] = (uint8_t)code_of(dtype, value);
        return;
    case YT_DTYPE_COUNT:
        break;
    }
    assert(!"a type");
}

int32_t yt_dtype_order(enum yt_dtype dtype, const void *tensor, int64_t i)
{
    int32_t bits;
    switch (dtype) {
    case YT_DTYPE_F32:
        bits = bits_of(((const float *)tensor)[i]);
        return bits < 0 ? bits ^ INT32_MAX : bits;
    case YT_DTYPE_BF16:
        bits = ((const int16_t *)tensor)[i];
        return bits < 0 ? bits ^ INT16_MAX : bits;
    case YT_DTYPE_S16:
        return ((const int16_t *)tensor)[i];
    case YT_DTYPE_U8S8:
        return ((const uint8_t *)tensor)[i];
    case YT_DTYPE_COUNT:
        break;
    }
    assert(!"a type");
    return 0;
}
