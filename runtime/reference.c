/* The obvious loops, in double: what every generated kernel is judged by. The
 * one liberty taken is to transpose a block of the filter to [c][r][r][B], so
 * that the innermost loop runs over output channels and the compiler can use
 * vectors; the sums themselves are in the order a reader would write. */

#include "runtime/reference.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define LANES_MAX 64

static const double ln2_high = 6.93147180369123816490e-01; /* 33 bits of ln 2 */
static const double ln2_low = 1.90821492927058770002e-10;  /* the rest */
static const double inv_ln2 = 1.44269504088896338700e+00;

static double power_of_two(int64_t exponent)
{
    assert(exponent >= -1022 && exponent <= 1023);
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* exp(x) = 2^n * exp(t), |t| <= ln(2)/2. Fourteen terms of the series leave a
 * remainder below 0.35^15 / 15! = 1.1e-19. The power is applied in two halves,
 * since 2^n alone leaves the range of double before exp(x) does. */
double yt_reference_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.782712893384)
        return power_of_two(1023) * power_of_two(1023); /* infinity */
    if (x < -745.2)
        return 0;
    const double scaled = x * inv_ln2;
    const int64_t n = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double t = (x - (double)n * ln2_high) - (double)n * ln2_low;
    double sum = 1;
    for (int i = 14; i >= 1; i--)
        sum = 1 + sum * t / i;
    const int64_t half = n / 2;
    return sum * power_of_two(half) * power_of_two(n - half);
}

static double silu(double x)
{
    return x / (1 + yt_reference_exp(-x));
}

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

enum yt_status yt_reference_sums(const struct yt_conv2d *p, int32_t lanes,
                                 const float *in, const float *weights,
                                 yt_reference_output *output, void *user)
{
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t ow = yt_conv2d_out_w(p);
    const size_t filter_elems =
        (size_t)p->r * (size_t)p->r * (size_t)p->c * (size_t)lanes;
    double *filter = calloc(filter_elems, sizeof *filter);
    YT_FAIL_IF(filter == NULL, YT_NO_MEMORY,
               "reference: no memory for %zu filter elements", filter_elems);

    for (int32_t k0 = 0; k0 < p->k; k0 += lanes) {
        const int64_t block = k0 / lanes;
        transpose_filter(p, k0, lanes, weights, filter);
        for (int32_t y = 0; y < oh; y++)
            for (int32_t x = 0; x < ow; x++) {
                double sums[LANES_MAX];
                sum_pixel_of_lanes(p, lanes, in, filter, y, x, sums);
                const int64_t at = ((block * oh + y) * ow + x) * lanes;
                const int64_t at_half =
                    ((block * (oh / 2) + y / 2) * (ow / 2) + x / 2) * lanes;
                for (int32_t lane = 0; lane < lanes; lane++)
                    output(user, k0 + lane, at + lane, at_half + lane,
                           sums[lane]);
            }
    }
    free(filter);
    return YT_OK;
}

struct f32_output {
    const struct yt_conv2d *p;
    const struct yt_args *args;
};

static void put_f32(void *user, int32_t k, int64_t at, int64_t at_half,
                    double sum)
{
    const struct f32_output *f = user;
    const float *add = f->args->add;
    float *out = f->args->out;
    if (k >= f->p->k) {
        out[at] = 0;
        return;
    }
    double v = sum + f->args->bias[k];
    if (f->p->add == YT_ADD_UP2)
        v += add[at_half];
    if (f->p->silu)
        v = silu(v);
    if (f->p->add == YT_ADD_RESIDUAL)
        v += add[at];
    out[at] = (float)v;
}

static enum yt_status conv2d(const struct yt_conv2d *p, int32_t lanes,
                             const struct yt_args *args)
{
    struct f32_output f = {p, args};
    return yt_reference_sums(p, lanes, args->in, args->weights, put_f32, &f);
}

/* Window of r x r around each pixel, what lies outside left out. */
static void maxpool(const struct yt_pool2d *p, int32_t lanes, const float *in,
                    float *out)
{
    const int32_t blocks = (p->c + lanes - 1) / lanes;
    const int32_t reach = p->r / 2;
    for (int32_t b = 0; b < blocks; b++)
        for (int32_t y = 0; y < p->h; y++)
            for (int32_t x = 0; x < p->w; x++)
                for (int32_t lane = 0; lane < lanes; lane++) {
                    const int64_t plane = (int64_t)b * p->h;
                    float best = in[((plane + y) * p->w + x) * lanes + lane];
                    for (int32_t j = y - reach; j <= y + reach; j++)
                        for (int32_t i = x - reach; i <= x + reach; i++) {
                            if (j < 0 || j >= p->h || i < 0 || i >= p->w)
                                continue;
                            const float v =
                                in[((plane + j) * p->w + i) * lanes + lane];
                            best = v > best ? v : best;
                        }
                    out[((plane + y) * p->w + x) * lanes + lane] = best;
                }
}

static void sppf(const struct yt_pool2d *p, int32_t lanes, const float *in,
                 float *out)
{
    const int64_t tensor_elems =
        (int64_t)((p->c + lanes - 1) / lanes) * lanes * p->h * p->w;
    for (int i = 0; i < 3; i++) {
        maxpool(p, lanes, in, out);
        in = out;
        out += tensor_elems;
    }
}

static void upsample(const struct yt_upsample *p, int32_t lanes,
                     const float *in, float *out)
{
    const int32_t blocks = (p->c + lanes - 1) / lanes;
    for (int32_t b = 0; b < blocks; b++)
        for (int32_t y = 0; y < 2 * p->h; y++)
            for (int32_t x = 0; x < 2 * p->w; x++)
                for (int32_t lane = 0; lane < lanes; lane++) {
                    const int64_t from =
                        (((int64_t)b * p->h + y / 2) * p->w + x / 2) * lanes;
                    const int64_t to =
                        (((int64_t)b * 2 * p->h + y) * 2 * p->w + x) * lanes;
                    out[to + lane] = in[from + lane];
                }
}

enum yt_status yt_reference_run(const struct yt_problem *p, int32_t lanes,
                                const struct yt_args *args)
{
    assert(lanes >= 1 && lanes <= LANES_MAX);
    if (p->dtype != YT_DTYPE_F32 || p->out != YT_DTYPE_F32)
        return yt_reference_types(p, lanes, args);
    switch (p->op) {
    case YT_OP_CONV2D:
        return conv2d(&p->u.conv2d, lanes, args);
    case YT_OP_SPPF:
        sppf(&p->u.pool, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_MAXPOOL:
        maxpool(&p->u.pool, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_UPSAMPLE:
        upsample(&p->u.upsample, lanes, args->in, args->out);
        return YT_OK;
    case YT_OP_CONVERT:
    case YT_OP_LETTERBOX:
    case YT_OP_DECODE:
    case YT_OP_IOU:
    case YT_OP_COUNT:
        break;
    }
    return yt_fail(YT_UNSUPPORTED, "reference: %s has its own C kernel",
                   yt_op_name(p->op));
}
