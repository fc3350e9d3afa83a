/* 2D convolution with bias, activation and addend. The reference is that of
 * runtime/integers.h as written there, for every pair of types: codes less
 * their zero points and integer weights are exact in f32, and sums of their
 * products in double, so the sums are those of integers. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"

#define LANES_MAX 64

static const struct yt_op_param params[] = {
    YT_OP_PARAM(conv2d, c),        YT_OP_PARAM(conv2d, h),
    YT_OP_PARAM(conv2d, w),        YT_OP_PARAM(conv2d, k),
    YT_OP_PARAM(conv2d, r),        YT_OP_PARAM(conv2d, stride),
    YT_OP_PARAM(conv2d, pad),      YT_OP_PARAM(conv2d, act),
    YT_OP_PARAM(conv2d, slope),    YT_OP_PARAM(conv2d, add),
    YT_OP_PARAM(conv2d, lazy),     YT_OP_PARAM(conv2d, kept),
    YT_OP_PARAM(conv2d, outputs),  YT_OP_PARAM(conv2d, pattern),
    YT_OP_PARAM(conv2d, in_rows),  YT_OP_PARAM(conv2d, out_rows),
    YT_OP_PARAM(conv2d, add_rows), YT_OP_PARAM(conv2d, groups),
};
YT_OP_PARAMS_CHECK(params, struct yt_conv2d);
static_assert(YT_ACT_COUNT == 9 && YT_ADD_COUNT == 3,
              "a text for each activation and addend in the form");

int32_t yt_conv2d_out_h(const struct yt_conv2d *p)
{
    return (p->h + 2 * p->pad - p->r) / p->stride + 1;
}

int32_t yt_conv2d_out_w(const struct yt_conv2d *p)
{
    return (p->w + 2 * p->pad - p->r) / p->stride + 1;
}

int32_t yt_conv2d_reads(const struct yt_conv2d *p)
{
    return p->groups ? p->c / p->groups : p->c;
}

int yt_conv2d_is_depthwise(const struct yt_conv2d *p)
{
    return p->groups > 0 && p->groups == p->c && p->groups == p->k;
}

/* -------------------------------------------------------------------- rules */

static enum yt_status check_window(const struct yt_conv2d *p)
{
    YT_FAIL_IF(p->c < 1 || p->h < 1 || p->w < 1 || p->k < 1, YT_BAD_ARGUMENT,
               "conv2d %dx%dx%d k%d: sizes must be at least 1", p->c, p->h,
               p->w, p->k);
    YT_FAIL_IF(p->r < 1 || p->r > 31 || p->stride < 1 || p->stride > 8 ||
                   p->pad < 0 || p->pad >= p->r,
               YT_BAD_ARGUMENT,
               "conv2d r%d s%d p%d: want r 1..31, stride 1..8, 0 <= pad < r",
               p->r, p->stride, p->pad);
    YT_FAIL_IF((int64_t)p->h + 2 * p->pad < p->r ||
                   (int64_t)p->w + 2 * p->pad < p->r,
               YT_BAD_ARGUMENT, "conv2d %dx%d r%d p%d: filter exceeds input",
               p->h, p->w, p->r, p->pad);
    return YT_OK;
}

static enum yt_status check_lazy(const struct yt_problem *problem)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    YT_FAIL_IF(p->lazy && problem->out != YT_DTYPE_F32, YT_BAD_ARGUMENT,
               "conv2d lazy: its output has to be f32");
    YT_FAIL_IF(p->lazy && (p->lazy < 1 || p->lazy > 16 || p->k % p->lazy ||
                           p->k / p->lazy < 6 || p->r != 1 || p->stride != 1 ||
                           p->act || p->add),
               YT_BAD_ARGUMENT,
               "conv2d lazy%d k%d: want a linear 1x1 with at least 6 channels "
               "for each of at most 16 anchors",
               p->lazy, p->k);
    return YT_OK;
}

/* Blocks are counted whole, so there may be more than there are weights. */
static enum yt_status check_pattern(const struct yt_problem *problem)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    YT_FAIL_IF(!p->pattern && (p->kept || p->outputs), YT_BAD_ARGUMENT,
               "conv2d kept%d of%d: blocks without a pattern", p->kept,
               p->outputs);
    if (!p->pattern)
        return YT_OK;
    const int32_t inputs = 4 / yt_dtype_bytes(problem->dtype);
    YT_FAIL_IF(p->pattern < 0 || p->outputs < 1 || p->outputs > LANES_MAX ||
                   p->kept < 0 || p->kept % (p->outputs * inputs) ||
                   p->kept > ((int64_t)p->k + p->outputs) * (p->c + inputs) *
                                 p->r * p->r,
               YT_BAD_ARGUMENT,
               "conv2d kept%d of%d x%d: want whole blocks of at most %d output "
               "channels, no more than the filter has",
               p->kept, p->outputs, p->pattern, LANES_MAX);
    return YT_OK;
}

static enum yt_status check_rows(const struct yt_conv2d *p)
{
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t most_add = !p->add ? 0 : p->add == YT_ADD_UP2 ? oh / 2 : oh;
    YT_FAIL_IF(p->in_rows < 0 || p->in_rows > p->h || p->out_rows < 0 ||
                   p->out_rows > oh || p->add_rows < 0 ||
                   p->add_rows > most_add,
               YT_BAD_ARGUMENT,
               "conv2d in%d out%d add%d: rows in memory, of %d, %d and %d",
               p->in_rows, p->out_rows, p->add_rows, p->h, oh, most_add);
    return YT_OK;
}

static enum yt_status check_groups(const struct yt_conv2d *p)
{
    YT_FAIL_IF(p->groups && (p->groups < 2 || p->c % p->groups ||
                             p->k % p->groups || p->c == 3),
               YT_BAD_ARGUMENT,
               "conv2d %d channels to %d in %d groups: want at least 2 that "
               "divide both, and not of the image",
               p->c, p->k, p->groups);
    YT_FAIL_IF(p->groups && (p->lazy || p->pattern), YT_BAD_ARGUMENT,
               "conv2d in groups: neither lazy nor with a pattern");
    return YT_OK;
}

static enum yt_status check(const struct yt_problem *problem)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    YT_TRY(check_window(p));
    YT_FAIL_IF(!yt_act_exists(p->act, p->slope), YT_BAD_ARGUMENT,
               "conv2d: there is no activation %d with slope %d", p->act,
               p->slope);
    YT_FAIL_IF(p->add < 0 || p->add >= YT_ADD_COUNT, YT_BAD_ARGUMENT,
               "conv2d: add=%d out of range", p->add);
    YT_FAIL_IF(!yt_op_fits(p->c, p->h, p->w, 4) ||
                   !yt_op_fits(p->k, p->c, p->r, p->r),
               YT_UNSUPPORTED, "conv2d %dx%dx%d k%d: too large", p->c, p->h,
               p->w, p->k);
    YT_TRY(check_lazy(problem));
    YT_TRY(check_pattern(problem));
    YT_TRY(check_rows(p));
    YT_TRY(check_groups(p));
    const int64_t oh = yt_conv2d_out_h(p);
    const int64_t ow = yt_conv2d_out_w(p);
    YT_FAIL_IF(!yt_op_fits(p->k, oh, ow, 4), YT_UNSUPPORTED,
               "conv2d %dx%dx%d k%d: output too large", p->c, p->h, p->w, p->k);
    YT_FAIL_IF(p->add == YT_ADD_UP2 && (oh % 2 || ow % 2), YT_BAD_ARGUMENT,
               "conv2d up2: output %dx%d is not even", (int)oh, (int)ow);
    return YT_OK;
}

/* ------------------------------------------------------------------- counts */

static int64_t all_weights(const struct yt_conv2d *v)
{
    return (int64_t)v->k * yt_conv2d_reads(v) * v->r * v->r;
}

static int64_t kept_weights(const struct yt_conv2d *v)
{
    return v->pattern ? v->kept : all_weights(v);
}

/* Of a lazy head only objectness is sure to be computed. */
static uint64_t flops(const struct yt_problem *p)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int64_t weights =
        v->lazy ? (int64_t)v->lazy * v->c * v->r * v->r : kept_weights(v);
    return 2ull * (uint64_t)weights * (uint64_t)yt_conv2d_out_h(v) *
           (uint64_t)yt_conv2d_out_w(v);
}

/* The image has its padding in memory, unless it is f32. */
static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int32_t oh = yt_conv2d_out_h(v), ow = yt_conv2d_out_w(v);
    t->in = (struct yt_tensor){p->dtype, v->c, v->h, v->w, .count = 1};
    if (v->c == 3) {
        t->in.is_image = 1;
        t->in.pad = p->dtype == YT_DTYPE_F32 ? 0 : v->pad;
    }
    t->out = (struct yt_tensor){p->out, v->k, oh, ow, .count = 1};
    if (v->add == YT_ADD_RESIDUAL)
        t->add = t->out;
    if (v->add == YT_ADD_UP2)
        t->add =
            (struct yt_tensor){YT_DTYPE_F32, v->k, oh / 2, ow / 2, .count = 1};
    t->weights = all_weights(v);
    t->kept = kept_weights(v);
    t->pattern = v->pattern;
    t->bias = v->k;
    t->exponentials = yt_act_row((enum yt_act)v->act)->exponentials;
}

/* ---------------------------------------------------------------- reference */

/* The obvious loops, but that a block of the filter is transposed to
 * [r][r][c][B], so that the innermost loop runs over output channels and the
 * compiler can use vectors; the sums themselves are in the order a reader would
 * write. */

/* Output channels [k0, k0 + lanes) of filter [k][c][r][r] to [r][r][c][lanes];
 * zeros past k. */
static void transpose_filter(const struct yt_conv2d *p, int32_t k0,
                             int32_t lanes, const float *filter, double *out)
{
    for (int32_t tap = 0; tap < p->r * p->r; tap++)
        for (int32_t c = 0; c < p->c; c++)
            for (int32_t lane = 0; lane < lanes; lane++) {
                const int64_t k = k0 + lane;
                *out++ =
                    k < p->k ? filter[(k * p->c + c) * p->r * p->r + tap] : 0;
            }
}

/* Where channel c of pixel (y, x) lies in the input. */
static int64_t input_index(const struct yt_conv2d *p, int32_t lanes, int32_t c,
                           int32_t y, int32_t x)
{
    if (p->c == 3)
        return ((int64_t)y * p->w + x) * 3 + c;
    return (((int64_t)(c / lanes) * p->h + y) * p->w + x) * lanes + c % lanes;
}

/* Sums of one output pixel for one block of output channels. Inlined with a
 * constant lanes, the lane loop is one or a few vector instructions. */
static inline void sum_pixel(const struct yt_conv2d *p, int32_t layout_lanes,
                             int32_t lanes, const float *in,
                             const double *filter, int32_t oy, int32_t ox,
                             double *sums)
{
    double acc[LANES_MAX] = {0};
    for (int32_t ky = 0; ky < p->r; ky++) {
        const int32_t y = oy * p->stride - p->pad + ky;
        if (y < 0 || y >= p->h)
            continue;
        for (int32_t kx = 0; kx < p->r; kx++) {
            const int32_t x = ox * p->stride - p->pad + kx;
            if (x < 0 || x >= p->w)
                continue;
            const double *row =
                filter + (int64_t)(ky * p->r + kx) * p->c * lanes;
            for (int32_t c = 0; c < p->c; c++) {
                const double v = in[input_index(p, layout_lanes, c, y, x)];
                for (int32_t lane = 0; lane < lanes; lane++)
                    acc[lane] += v * row[(int64_t)c * lanes + lane];
            }
        }
    }
    memcpy(sums, acc, (size_t)lanes * sizeof *sums);
}

static void sum_pixel_of_lanes(const struct yt_conv2d *p, int32_t lanes,
                               const float *in, const double *filter,
                               int32_t oy, int32_t ox, double *sums)
{
    switch (lanes) {
    case 4:
        sum_pixel(p, 4, 4, in, filter, oy, ox, sums);
        break;
    case 8:
        sum_pixel(p, 8, 8, in, filter, oy, ox, sums);
        break;
    case 16:
        sum_pixel(p, 16, 16, in, filter, oy, ox, sums);
        break;
    default:
        sum_pixel(p, lanes, lanes, in, filter, oy, ox, sums);
    }
}

/* The sum of output channel k at a pixel, in groups. */
static double sum_in_group(const struct yt_conv2d *p, int32_t lanes,
                           const float *in, const float *filter, int32_t k,
                           int32_t oy, int32_t ox)
{
    const int32_t reads = yt_conv2d_reads(p);
    const int32_t first = k / (p->k / p->groups) * reads;
    const float *weight = filter + (int64_t)k * reads * p->r * p->r;
    double sum = 0;
    for (int32_t c = first; c < first + reads; c++)
        for (int32_t ky = 0; ky < p->r; ky++)
            for (int32_t kx = 0; kx < p->r; kx++, weight++) {
                const int32_t y = oy * p->stride - p->pad + ky;
                const int32_t x = ox * p->stride - p->pad + kx;
                if (y >= 0 && y < p->h && x >= 0 && x < p->w)
                    sum += (double)in[input_index(p, lanes, c, y, x)] *
                           (double)*weight;
            }
    return sum;
}

static void sum_pixel_in_groups(const struct yt_conv2d *p, int32_t lanes,
                                const float *in, const float *filter,
                                int32_t k0, int32_t oy, int32_t ox,
                                double *sums)
{
    for (int32_t lane = 0; lane < lanes; lane++)
        sums[lane] = k0 + lane < p->k
                         ? sum_in_group(p, lanes, in, filter, k0 + lane, oy, ox)
                         : 0;
}

struct output {
    const struct yt_problem *p;
    const struct yt_args *args;
    const struct yt_integers *integers;
    double *values;
};

/* Sums over the taps to sums with the bias, as numbers. */
static double with_bias(const struct output *o, int32_t k, double sum)
{
    const struct yt_integers *n = o->integers;
    if (!yt_dtype_is_integer(o->p->dtype))
        return sum + o->args->bias[k];
    sum += n->start[k];
    assert(sum >= INT32_MIN && sum <= INT32_MAX);
    return (double)((float)(int32_t)sum * n->scale[k]);
}

/* Output channel k at element @p at; @p at_half is that of an addend of half
 * the rows and columns. Past the last channel there is what
 * the activation makes of 0. */
static void finish(const struct output *o, int32_t k, int64_t at,
                   int64_t at_half, double sum)
{
    const struct yt_conv2d *v = &o->p->u.conv2d;
    const struct yt_integers *n = o->integers;
    if (k >= v->k) {
        o->values[at] = yt_act_value((enum yt_act)v->act, v->slope, 0);
        return;
    }
    double x = with_bias(o, k, sum);
    if (v->add == YT_ADD_UP2)
        x += ((const float *)o->args->add)[at_half];
    x = yt_act_value((enum yt_act)v->act, v->slope, x);
    const double add = v->add == YT_ADD_RESIDUAL
                           ? yt_dtype_load(o->p->out, o->args->add, at)
                           : 0;
    if (!yt_dtype_is_integer(o->p->out))
        o->values[at] = x + add;
    else
        o->values[at] = x * n->out_gain[k] + n->out_zero[k] +
                        (v->add == YT_ADD_RESIDUAL ? add * n->add_gain[k] : 0);
}

/* filter is as it is, block_filter a block of it transposed, which a filter in
 * groups does not need. */
static void sum_block(const struct output *o, int32_t lanes, const float *in,
                      const float *filter, const double *block_filter,
                      int32_t k0)
{
    const struct yt_conv2d *p = &o->p->u.conv2d;
    const int32_t oh = yt_conv2d_out_h(p), ow = yt_conv2d_out_w(p);
    const int64_t block = k0 / lanes;
    for (int32_t y = 0; y < oh; y++)
        for (int32_t x = 0; x < ow; x++) {
            double sums[LANES_MAX];
            if (p->groups)
                sum_pixel_in_groups(p, lanes, in, filter, k0, y, x, sums);
            else
                sum_pixel_of_lanes(p, lanes, in, block_filter, y, x, sums);
            const int64_t at = ((block * oh + y) * ow + x) * lanes;
            const int64_t at_half =
                ((block * (oh / 2) + y / 2) * (ow / 2) + x / 2) * lanes;
            for (int32_t lane = 0; lane < lanes; lane++)
                finish(o, k0 + lane, at + lane, at_half + lane, sums[lane]);
        }
}

/* The input as f32 codes less their zero points, without padding in memory. */
static void widen_input(const struct yt_problem *p, int32_t lanes,
                        const void *in, const struct yt_integers *integers,
                        float *out)
{
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    if (t.in.is_image) {
        const int64_t row = t.in.w + 2 * t.in.pad;
        for (int32_t y = 0; y < t.in.h; y++)
            for (int32_t i = 0; i < t.in.c * t.in.w; i++)
                *out++ = (float)yt_dtype_load(
                    p->dtype, in,
                    ((y + t.in.pad) * row + t.in.pad) * t.in.c + i);
        return;
    }
    const int zeros = yt_dtype_has_zero(p->dtype) && integers->in_zero;
    const int64_t pixels = (int64_t)t.in.h * t.in.w;
    for (int64_t i = 0; i < t.in.c * pixels; i++) {
        const int64_t c = i / lanes / pixels * lanes + i % lanes;
        out[i] = (float)yt_dtype_load(p->dtype, in, i) -
                 (zeros ? (float)integers->in_zero[c] : 0.0f);
    }
}

static void widen_weights(const struct yt_problem *p, const float *real,
                          const struct yt_integers *integers, int64_t count,
                          float *out)
{
    for (int64_t i = 0; i < count; i++) {
        char stored[sizeof(double)];
        if (yt_dtype_is_integer(p->dtype)) {
            out[i] = integers->weights[i];
        } else {
            yt_dtype_store(p->dtype, stored, 0, real[i]);
            out[i] = (float)yt_dtype_load(p->dtype, stored, 0);
        }
    }
}

static enum yt_status values(const struct yt_problem *p, int32_t lanes,
                             const struct yt_args *args,
                             const struct yt_integers *integers,
                             double *values_out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const size_t in_elems = (size_t)yt_tensor_values(&t.in);
    const size_t weights = (size_t)t.weights;
    const size_t block = (size_t)(v->r * v->r) * (size_t)v->c * (size_t)lanes;
    float *wide = calloc(in_elems + weights, sizeof *wide);
    double *filter = calloc(block, sizeof *filter);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!wide || !filter, YT_NO_MEMORY,
                    "reference: no memory for %zu values",
                    in_elems + weights + block);
    widen_input(p, lanes, args->in, integers, wide);
    widen_weights(p, args->weights, integers, t.weights, wide + in_elems);
    const struct output o = {p, args, integers, values_out};
    for (int32_t k0 = 0; k0 < v->k; k0 += lanes) {
        if (!v->groups)
            transpose_filter(v, k0, lanes, wide + in_elems, filter);
        sum_block(&o, lanes, wide, wide + in_elems, filter, k0);
    }
done:
    free(wide);
    free(filter);
    return status;
}

const struct yt_op_row yt_op_conv2d = {
    .name = "conv2d",
    .member = "conv2d",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .types = YT_TYPES_ANY,
    .takes_integers = 1,
    .form = "{c}x{h}x{w}-k{k}r{r}s{stride}p{pad}"
            "[act:-silu|-relu|-leaky|-hardswish|-hardsigmoid|-relu6|-mish|"
            "-sigmoid][slope:-by{}][add:-res|-up2]"
            "[lazy:-lazy{}][kept:-kept{}][outputs:-of{}][pattern:-x{}]"
            "[in_rows:-in{}][out_rows:-out{}][add_rows:-add{}][groups:-g{}]",
    .kind = "conv {r}x{r} s{stride}",
    .check = check,
    .flops = flops,
    .tensors = tensors,
    .values = YT_TOOL_ONLY(values),
};
