/* The reference's loops for other types than f32. Nothing here is rounded but
 * where a type is left, so all of it is exact. */

#include "base/bf16.h"
#include "runtime/reference.h"

#include <string.h>

#include "runtime/fail.h"

/* ------------------------------------------------------ pools, upsample */

static uint16_t half_at(const void *tensor, int64_t i)
{
    uint16_t half;
    memcpy(&half, (const char *)tensor + 2 * i, sizeof half);
    return half;
}

/* Element i as an integer that is larger where the value is; -0 is below 0. */
static int32_t order_of(enum yt_dtype dtype, const void *tensor, int64_t i)
{
    if (dtype == YT_DTYPE_U8S8)
        return ((const uint8_t *)tensor)[i];
    const int32_t bits = (int16_t)half_at(tensor, i);
    return dtype == YT_DTYPE_BF16 && bits < 0 ? bits ^ 0x7fff : bits;
}

/* Window of r x r around each pixel, what lies outside left out. */
static void maxpool(const struct yt_problem *problem, int32_t lanes,
                    const char *in, char *out)
{
    const struct yt_pool2d *p = &problem->u.pool;
    const size_t bytes = (size_t)yt_dtype_bytes(problem->dtype);
    const int32_t rows = (p->c + lanes - 1) / lanes * p->h;
    const int32_t reach = p->r / 2;
    for (int32_t row = 0; row < rows; row++)
        for (int32_t x = 0; x < p->w; x++)
            for (int32_t lane = 0; lane < lanes; lane++) {
                const int32_t y = row % p->h;
                const int64_t at = ((int64_t)row * p->w + x) * lanes + lane;
                int64_t best = at;
                for (int32_t j = -reach; j <= reach; j++)
                    for (int32_t i = -reach; i <= reach; i++) {
                        if (y + j < 0 || y + j >= p->h || x + i < 0 ||
                            x + i >= p->w)
                            continue;
                        const int64_t near =
                            at + ((int64_t)j * p->w + i) * lanes;
                        if (order_of(problem->dtype, in, near) >
                            order_of(problem->dtype, in, best))
                            best = near;
                    }
                memcpy(out + at * (int64_t)bytes, in + best * (int64_t)bytes,
                       bytes);
            }
}

static void sppf(const struct yt_problem *problem, int32_t lanes,
                 const char *in, char *out)
{
    const struct yt_pool2d *p = &problem->u.pool;
    const int64_t tensor_bytes = (int64_t)((p->c + lanes - 1) / lanes) * lanes *
                                 p->h * p->w * yt_dtype_bytes(problem->dtype);
    for (int i = 0; i < 3; i++) {
        maxpool(problem, lanes, in, out);
        in = out;
        out += tensor_bytes;
    }
}

static void upsample(const struct yt_problem *problem, int32_t lanes,
                     const char *in, char *out)
{
    const struct yt_upsample *p = &problem->u.upsample;
    const int64_t pixel = (int64_t)lanes * yt_dtype_bytes(problem->dtype);
    const int64_t rows = (int64_t)((p->c + lanes - 1) / lanes) * p->h;
    for (int64_t y = 0; y < 2 * rows; y++)
        for (int64_t x = 0; x < 2 * p->w; x++)
            memcpy(out + (y * 2 * p->w + x) * pixel,
                   in + (y / 2 * p->w + x / 2) * pixel, (size_t)pixel);
}

enum yt_status yt_reference_types(const struct yt_problem *p, int32_t lanes,
                                  const struct yt_args *args)
{
    switch (p->op) {
    case YT_OP_SPPF:
        sppf(p, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_MAXPOOL:
        maxpool(p, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_UPSAMPLE:
        upsample(p, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_CONV2D:
    case YT_OP_CONVERT:
    case YT_OP_LETTERBOX:
    case YT_OP_DECODE:
    case YT_OP_IOU:
    case YT_OP_COUNT:
        break;
    }
    return yt_fail(YT_UNSUPPORTED, "reference: %s of %s has one of its own",
                   yt_op_name(p->op), yt_dtype_name(p->dtype));
}

/* -------------------------------------------------------------- convert */

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* In [least, most], to nearest, ties to even: behind 1.5 * 2^23 there is no
 * room for a fraction. What is not a number becomes the least. */
static int32_t to_code(float v, int32_t least, int32_t most)
{
    v = v > (float)least ? v : (float)least;
    v = v < (float)most ? v : (float)most;
    const float shift = 12582912.0f;
    return (int32_t)(bits_of(v + shift) - bits_of(shift));
}

/* Element i, of channel c, as a number. */
static float read_value(enum yt_dtype dtype, const void *in, int64_t i,
                        const struct yt_integers *n, int32_t c)
{
    switch (dtype) {
    case YT_DTYPE_BF16:
        return yt_bf16_float(half_at(in, i));
    case YT_DTYPE_S16:
        return (float)(int16_t)half_at(in, i) * n->in_step[c];
    case YT_DTYPE_U8S8:
        return (float)(((const uint8_t *)in)[i] - n->in_zero[c]) *
               n->in_step[c];
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return ((const float *)in)[i];
}

static void put_half(void *out, int64_t i, int32_t bits)
{
    const uint16_t half = (uint16_t)bits;
    memcpy((char *)out + 2 * i, &half, sizeof half);
}

static void write_value(enum yt_dtype dtype, void *out, int64_t i, float v,
                        const struct yt_integers *n, int32_t c)
{
    switch (dtype) {
    case YT_DTYPE_BF16:
        put_half(out, i, yt_bf16_of(v));
        return;
    case YT_DTYPE_S16:
        put_half(out, i,
                 to_code(v * n->out_gain[c] + n->out_zero[c], -YT_S16_MAX,
                         YT_S16_MAX));
        return;
    case YT_DTYPE_U8S8:
        ((uint8_t *)out)[i] =
            (uint8_t)to_code(v * n->out_gain[c] + n->out_zero[c], 0, 255);
        return;
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    ((float *)out)[i] = v;
}

enum yt_status yt_reference_convert(const struct yt_problem *p, int32_t lanes,
                                    const struct yt_args *args,
                                    const struct yt_integers *integers)
{
    YT_FAIL_IF(p->op != YT_OP_CONVERT, YT_UNSUPPORTED,
               "reference: %s is no conversion", yt_op_name(p->op));
    const struct yt_convert *v = &p->u.convert;
    const int64_t block = (int64_t)v->h * v->w * lanes;
    const int64_t count = (v->c + lanes - 1) / lanes * block;
    const size_t out_bytes = (size_t)yt_dtype_bytes(p->out);
    for (int64_t i = 0; i < count; i++) {
        const int32_t c = (int32_t)(i / block * lanes + i % lanes);
        if (c >= v->c) {
            memset((char *)args->out + i * (int64_t)out_bytes, 0, out_bytes);
            continue;
        }
        const float value = read_value(p->dtype, args->in, i, integers, c);
        write_value(p->out, args->out, i, value, integers, c);
    }
    return YT_OK;
}
