/* The convolution of runtime/integers.h as written there, for every pair of
 * types. Codes less their zero points and integer weights are exact in f32, and
 * sums of their products in double, so the sums are those of integers. */

#include "base/bf16.h"
#include "runtime/reference.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

static float round_to_bf16(float value)
{
    return yt_bf16_float(yt_bf16_of(value));
}

/* Stored element i as a number: integers as their codes. */
static float element(enum yt_dtype dtype, const void *tensor, int64_t i)
{
    switch (dtype) {
    case YT_DTYPE_BF16:
        return yt_bf16_float(((const uint16_t *)tensor)[i]);
    case YT_DTYPE_S16:
        return ((const int16_t *)tensor)[i];
    case YT_DTYPE_U8S8:
        return ((const uint8_t *)tensor)[i];
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return ((const float *)tensor)[i];
}

/* The input as f32 codes less their zero points, without padding in memory. */
static void widen_input(const struct yt_problem *p, int32_t lanes,
                        const void *in, const struct yt_integers *integers,
                        float *out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int64_t pixels = (int64_t)v->h * v->w;
    if (v->c == 3) {
        const int32_t pad = p->dtype == YT_DTYPE_F32 ? 0 : v->pad;
        for (int32_t y = 0; y < v->h; y++)
            for (int32_t i = 0; i < 3 * v->w; i++)
                *out++ = element(
                    p->dtype, in,
                    ((int64_t)(y + pad) * (v->w + 2 * pad) + pad) * 3 + i);
        return;
    }
    const int zeros = p->dtype == YT_DTYPE_U8S8 && integers->in_zero;
    for (int64_t i = 0; i < v->c * pixels; i++) {
        const int64_t c = i / lanes / pixels * lanes + i % lanes;
        out[i] = element(p->dtype, in, i) -
                 (zeros ? (float)integers->in_zero[c] : 0.0f);
    }
}

static void widen_weights(const struct yt_problem *p, const float *real,
                          const struct yt_integers *integers, float *out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int64_t count = (int64_t)v->k * v->c * v->r * v->r;
    for (int64_t i = 0; i < count; i++)
        out[i] = yt_dtype_is_integer(p->dtype) ? integers->weights[i]
                 : p->dtype == YT_DTYPE_BF16   ? round_to_bf16(real[i])
                                               : real[i];
}

struct output {
    const struct yt_problem *p;
    const struct yt_args *args;
    const struct yt_integers *integers;
    double *out;
};

static void put(void *user, int32_t k, int64_t at, int64_t at_half, double sum)
{
    const struct output *o = user;
    const struct yt_conv2d *v = &o->p->u.conv2d;
    const struct yt_integers *n = o->integers;
    if (k >= v->k) {
        o->out[at] = 0;
        return;
    }
    double x = sum;
    if (yt_dtype_is_integer(o->p->dtype)) {
        x += n->start[k];
        assert(x >= INT32_MIN && x <= INT32_MAX);
        x = (double)((float)(int32_t)x * n->scale[k]);
    } else {
        x += o->args->bias[k];
    }
    if (v->add == YT_ADD_UP2)
        x += ((const float *)o->args->add)[at_half];
    if (v->silu)
        x = x / (1 + yt_reference_exp(-x));
    const double add =
        v->add == YT_ADD_RESIDUAL ? element(o->p->out, o->args->add, at) : 0;
    if (!yt_dtype_is_integer(o->p->out))
        o->out[at] = x + add;
    else
        o->out[at] = x * n->out_gain[k] + n->out_zero[k] +
                     (v->add == YT_ADD_RESIDUAL ? add * n->add_gain[k] : 0);
}

enum yt_status yt_reference_conv(const struct yt_problem *p, int32_t lanes,
                                 const struct yt_args *args,
                                 const struct yt_integers *integers,
                                 double *out)
{
    YT_FAIL_IF(p->op != YT_OP_CONV2D, YT_UNSUPPORTED,
               "reference: %s is no convolution", yt_op_name(p->op));
    const struct yt_conv2d *v = &p->u.conv2d;
    const size_t in_elems = (size_t)v->c * (size_t)v->h * (size_t)v->w;
    const size_t filter_elems =
        (size_t)v->k * (size_t)v->c * (size_t)v->r * (size_t)v->r;
    float *wide = malloc((in_elems + filter_elems) * sizeof *wide);
    YT_FAIL_IF(!wide, YT_NO_MEMORY, "reference: no memory for %zu values",
               in_elems + filter_elems);
    widen_input(p, lanes, args->in, integers, wide);
    widen_weights(p, args->weights, integers, wide + in_elems);
    struct output o = {p, args, integers, out};
    const enum yt_status status =
        yt_reference_sums(v, lanes, wide, wide + in_elems, put, &o);
    free(wide);
    return status;
}
