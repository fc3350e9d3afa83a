/* The reference itself, against sums written another way round: plain [c][h][w]
 * tensors, one output element at a time, libm's exp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/exp.h"
#include "runtime/problem.h"
#include "base/random.h"
#include "runtime/reference.h"

static uint32_t seed = 1;

/* A value in [-1, 1). */
static float noise(void)
{
    return (float)(int32_t)yt_random_lcg(&seed) / 2147483648.0f;
}

static float *noise_of(size_t elems)
{
    float *values = malloc(elems * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < elems; i++)
        values[i] = noise();
    return values;
}

static int32_t round_up(int32_t n, int32_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* Element (c, y, x) of a blocked tensor of h x w. */
static float *at(float *t, int32_t lanes, int32_t h, int32_t w, int32_t c,
                 int32_t y, int32_t x)
{
    return &t[(((c / lanes) * h + y) * w + x) * lanes + c % lanes];
}

struct conv_case {
    const char *problem;
    int32_t lanes;
};

static const struct conv_case conv_cases[] = {
    {"conv2d-f32-16x7x5-k16r3s1p1-silu", 16},
    {"conv2d-f32-16x7x5-k17r3s1p1", 16},
    {"conv2d-f32-8x6x6-k3r1s1p0-silu", 8},
    {"conv2d-f32-8x8x6-k12r3s2p1-silu", 4},
    {"conv2d-f32-16x9x9-k16r5s2p2", 8},
    {"conv2d-f32-3x12x14-k16r6s2p2-silu", 16},
    {"conv2d-f32-16x6x4-k16r3s1p1-silu-res", 16},
    {"conv2d-f32-16x6x4-k10r1s1p0-silu-up2", 8},
    {"conv2d-f32-6x4x4-k5r3s1p1-silu", 2},
    {"conv2d-f32-16x1x1-k1r1s1p0", 16},
};

static double expected(const struct yt_conv2d *p, int32_t lanes, float *in,
                       const float *filter, const float *bias, float *add,
                       int32_t k, int32_t oy, int32_t ox)
{
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t ow = yt_conv2d_out_w(p);
    double sum = bias[k];
    for (int32_t c = 0; c < p->c; c++)
        for (int32_t ky = 0; ky < p->r; ky++)
            for (int32_t kx = 0; kx < p->r; kx++) {
                const int32_t y = oy * p->stride + ky - p->pad;
                const int32_t x = ox * p->stride + kx - p->pad;
                if (y < 0 || x < 0 || y >= p->h || x >= p->w)
                    continue;
                const float v = p->c == 3 ? in[(y * p->w + x) * 3 + c]
                                          : *at(in, lanes, p->h, p->w, c, y, x);
                sum += (double)v *
                       filter[((k * p->c + c) * p->r + ky) * p->r + kx];
            }
    if (p->add == YT_ADD_UP2)
        sum += *at(add, lanes, oh / 2, ow / 2, k, oy / 2, ox / 2);
    if (p->act == YT_ACT_SILU)
        sum = sum / (1 + exp(-sum));
    if (p->add == YT_ADD_RESIDUAL)
        sum += *at(add, lanes, oh, ow, k, oy, ox);
    return sum;
}

static void check_conv(const struct conv_case *test, int in_place)
{
    struct yt_problem problem;
    assert_int_equal(yt_problem_parse(test->problem, &problem), YT_OK);
    const struct yt_conv2d *p = &problem.u.conv2d;
    const int32_t lanes = test->lanes;
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t ow = yt_conv2d_out_w(p);
    const int32_t k_padded = round_up(p->k, lanes);
    const size_t out_elems = (size_t)k_padded * (size_t)oh * (size_t)ow;
    float *in =
        noise_of((size_t)round_up(p->c, lanes) * (size_t)p->h * (size_t)p->w);
    float *filter =
        noise_of((size_t)p->k * (size_t)p->c * (size_t)p->r * (size_t)p->r);
    float *bias = noise_of((size_t)k_padded);
    float *add = noise_of(out_elems);
    float *add_kept = malloc(out_elems * sizeof *add_kept);
    float *out = in_place ? add : noise_of(out_elems);
    assert_non_null(add_kept);
    memcpy(add_kept, add, out_elems * sizeof *add);

    const struct yt_args args = {
        .in = in, .out = out, .weights = filter, .bias = bias, .add = add};
    assert_int_equal(yt_reference_run(&problem, lanes, &args), YT_OK);
    for (int32_t k = 0; k < k_padded; k++)
        for (int32_t y = 0; y < oh; y++)
            for (int32_t x = 0; x < ow; x++) {
                const double want = k < p->k ? expected(p, lanes, in, filter,
                                                        bias, add_kept, k, y, x)
                                             : 0;
                const double got = *at(out, lanes, oh, ow, k, y, x);
                if (fabs(got - want) > 1e-7 * (1 + fabs(want)))
                    fail_msg("%s lanes %d: out[%d][%d][%d] is %.9g, not %.9g",
                             test->problem, lanes, k, y, x, got, want);
            }
    if (!in_place)
        free(out);
    free(in);
    free(filter);
    free(bias);
    free(add);
    free(add_kept);
}

static void conv_equals_plain_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conv_cases / sizeof conv_cases[0]; i++)
        check_conv(&conv_cases[i], 0);
}

static void residual_may_be_in_place(void **state)
{
    (void)state;
    const struct conv_case test = {"conv2d-f32-16x6x5-k20r3s1p1-silu-res", 16};
    check_conv(&test, 1);
}

/* One output of the n-th pooling in a chain: the largest value within n * r/2
 * pixels, since windows of a chain add up. */
static float pooled(const struct yt_pool2d *p, int32_t lanes, float *in, int n,
                    int32_t c, int32_t y, int32_t x)
{
    const int32_t reach = n * (p->r / 2);
    float best = -INFINITY;
    for (int32_t j = y - reach; j <= y + reach; j++)
        for (int32_t i = x - reach; i <= x + reach; i++)
            if (j >= 0 && i >= 0 && j < p->h && i < p->w)
                best = fmaxf(best, *at(in, lanes, p->h, p->w, c, j, i));
    return best;
}

static const struct conv_case pool_cases[] = {
    {"sppf-f32-16x13x9-r5", 8},
    {"sppf-f32-16x2x3-r5", 16},
    {"maxpool-f32-12x6x7-r3", 4},
};

static void pools_take_the_largest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pool_cases / sizeof pool_cases[0]; i++) {
        struct yt_problem problem;
        assert_int_equal(yt_problem_parse(pool_cases[i].problem, &problem),
                         YT_OK);
        const struct yt_pool2d *p = &problem.u.pool;
        const int32_t lanes = pool_cases[i].lanes;
        const int count = problem.op == YT_OP_SPPF ? 3 : 1;
        const size_t elems = (size_t)p->c * (size_t)p->h * (size_t)p->w;
        float *in = noise_of(elems);
        float *out = noise_of(elems * (size_t)count);
        const struct yt_args args = {.in = in, .out = out};
        assert_int_equal(yt_reference_run(&problem, lanes, &args), YT_OK);
        for (int n = 1; n <= count; n++)
            for (int32_t c = 0; c < p->c; c++)
                for (int32_t y = 0; y < p->h; y++)
                    for (int32_t x = 0; x < p->w; x++)
                        assert_float_equal(*at(out + (size_t)(n - 1) * elems,
                                               lanes, p->h, p->w, c, y, x),
                                           pooled(p, lanes, in, n, c, y, x), 0);
        free(in);
        free(out);
    }
}

static void upsample_repeats_pixels(void **state)
{
    (void)state;
    struct yt_problem problem;
    assert_int_equal(yt_problem_parse("upsample-f32-8x3x5", &problem), YT_OK);
    float *in = noise_of(8 * 3 * 5);
    float *out = noise_of(8 * 6 * 10);
    const struct yt_args args = {.in = in, .out = out};
    assert_int_equal(yt_reference_run(&problem, 4, &args), YT_OK);
    for (int32_t c = 0; c < 8; c++)
        for (int32_t y = 0; y < 6; y++)
            for (int32_t x = 0; x < 10; x++)
                assert_float_equal(*at(out, 4, 6, 10, c, y, x),
                                   *at(in, 4, 3, 5, c, y / 2, x / 2), 0);
    free(in);
    free(out);
}

static void exp_is_exact_enough(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = -70000; i <= 70000; i++) {
        const double x = i * 0.0101;
        if (x < -707 || x > 709.7)
            continue; /* subnormal results have fewer bits */
        worst = fmax(worst, fabs(yt_exp(x) / exp(x) - 1));
    }
    assert_true(worst < 1e-14);
    assert_true(yt_exp(0) == 1);
    assert_true(isinf(yt_exp(710)));
    assert_true(yt_exp(-746) == 0);
    assert_true(yt_exp(INFINITY) == INFINITY);
    assert_true(yt_exp(-INFINITY) == 0);
    assert_true(isnan(yt_exp(NAN)));
    assert_true(fabs(yt_exp(-740) / exp(-740) - 1) < 1e-2);
}

/* One row of four channels, one pixel each side of the largest. */
static void pools_order_other_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t in[3], want[3]; /* of lane 0 */
    } rows[] = {
        {"maxpool-u8s8-4x1x3-r3", {3, 200, 127}, {200, 200, 200}},
        {"maxpool-s16-4x1x3-r3", {0xf001, 0xffff, 5}, {0xffff, 5, 5}},
        /* -2, -1, -3, then -infinity, 1e-38 or so, 1 */
        {"maxpool-bf16-4x1x3-r3",
         {0xc000, 0xbf80, 0xc040},
         {0xbf80, 0xbf80, 0xbf80}},
        {"maxpool-bf16-4x1x3-r3",
         {0xff80, 0x0080, 0x3f80},
         {0x0080, 0x3f80, 0x3f80}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_problem p;
        assert_int_equal(yt_problem_parse(rows[i].name, &p), YT_OK);
        uint16_t in[12] = {0}, out[12];
        uint8_t *bytes = (uint8_t *)in;
        const int is_u8 = p.dtype == YT_DTYPE_U8S8;
        for (int x = 0; x < 3; x++)
            if (is_u8)
                bytes[4 * x] = (uint8_t)rows[i].in[x];
            else
                in[4 * x] = rows[i].in[x];
        const struct yt_args args = {.in = in, .out = out};
        assert_int_equal(yt_reference_run(&p, 4, &args), YT_OK);
        for (int x = 0; x < 3; x++)
            assert_int_equal(is_u8 ? ((uint8_t *)out)[4 * x] : out[4 * x],
                             rows[i].want[x]);
    }
}

static void what_has_no_reference_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "letterbox-f32-64x64", "nms-f32-c80-n1000",
        "conv2d-bf16-16x4x4-k16r1s1p0", "convert-f32_bf16-16x4x4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct yt_problem problem;
        const struct yt_args args = {0};
        assert_int_equal(yt_problem_parse(names[i], &problem), YT_OK);
        assert_int_equal(yt_reference_run(&problem, 8, &args), YT_UNSUPPORTED);
        assert_non_null(strstr(yt_error(), "reference"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_equals_plain_sums),
        cmocka_unit_test(residual_may_be_in_place),
        cmocka_unit_test(pools_take_the_largest),
        cmocka_unit_test(upsample_repeats_pixels),
        cmocka_unit_test(exp_is_exact_enough),
        cmocka_unit_test(pools_order_other_types),
        cmocka_unit_test(what_has_no_reference_is_refused),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
