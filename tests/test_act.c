/* Activations: values against figures by hand, kernels of every type against
 * runtime/act.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/memory.h"
#include "tests/assert_ok.h"
#include "tests/each_isa.h"
#include "tuner/measure/bench_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TENTH        (YT_SLOPE_ONE / 10)

/* As PyTorch 2 prints them. */
static const struct {
    enum yt_act act;
    int32_t slope;
    double x, y;
} figures[] = {
    {YT_ACT_NONE, 0, -3, -3},
    {YT_ACT_SILU, 0, 1, 0.7310585786300049},
    {YT_ACT_SILU, 0, -800, 0},
    {YT_ACT_RELU, 0, -2, 0},
    {YT_ACT_RELU, 0, 2, 2},
    {YT_ACT_LEAKY, TENTH, -2, -0.2},
    {YT_ACT_LEAKY, TENTH, 3, 3},
    {YT_ACT_LEAKY, 0, -2, 0},
    {YT_ACT_HARDSWISH, 0, -4, 0},
    {YT_ACT_HARDSWISH, 0, 1, 2.0 / 3},
    {YT_ACT_HARDSWISH, 0, -1.5, -0.375},
    {YT_ACT_HARDSWISH, 0, 5, 5},
    {YT_ACT_HARDSIGMOID, 0, 0, 0.5},
    {YT_ACT_HARDSIGMOID, 0, 1.5, 0.75},
    {YT_ACT_HARDSIGMOID, 0, -9, 0},
    {YT_ACT_RELU6, 0, 7, 6},
    {YT_ACT_RELU6, 0, -7, 0},
    {YT_ACT_MISH, 0, 1, 0.8650983882673103},
    {YT_ACT_MISH, 0, -1, -0.3034014613741089},
    {YT_ACT_MISH, 0, 900, 900},
    {YT_ACT_SIGMOID, 0, 0, 0.5},
    {YT_ACT_SIGMOID, 0, -1, 0.2689414213699951},
};

static void values_are_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(figures); i++) {
        const double y =
            yt_act_value(figures[i].act, figures[i].slope, figures[i].x);
        if (!(fabs(y - figures[i].y) <= 1e-12 * fmax(1, fabs(figures[i].y))))
            fail_msg("%s(%g) is %.17g", yt_act_row(figures[i].act)->name,
                     figures[i].x, y);
    }
    assert_int_equal(yt_act_slope(0.1), TENTH);
    assert_int_equal(yt_act_slope((double)0.1f), TENTH);
    assert_int_equal(yt_act_slope(1.5), -1);
    assert_int_equal(yt_act_slope(-0.1), -1);
    assert_int_equal(yt_act_slope(NAN), -1);
    assert_false(yt_act_exists(YT_ACT_COUNT, 0));
    assert_false(yt_act_exists(-1, 0));
    assert_false(yt_act_exists(YT_ACT_RELU, TENTH));
    assert_false(yt_act_exists(YT_ACT_LEAKY, YT_SLOPE_ONE + 1));
}

/* What a range of integers begins with is what values do not go below. */
static void least_values_are_the_least(void **state)
{
    (void)state;
    for (int32_t act = YT_ACT_NONE + 1; act < YT_ACT_COUNT; act++) {
        double least = 0;
        for (int i = -20 * 1024; i < 20 * 1024; i++)
            least = fmin(least, yt_act_value((enum yt_act)act, 0, i / 1024.0));
        assert_true(fabs(least - (double)yt_act_row((enum yt_act)act)->least) <
                    1e-6);
    }
}

/* ---------------------------------------------------------------- kernels */

static void run_case(const struct yt_problem *p, const struct yt_schedule *s,
                     const struct yt_isa *isa)
{
    struct yt_case *c = NULL;
    struct yt_jit *jit = NULL;
    struct yt_object object;
    yt_kernel_fn kernel;
    double error;
    assert_ok(yt_case_create(p, isa, &c));
    assert_ok(yt_jit_create(&jit));
    assert_ok(yt_codegen_compile(p, s, isa, &object));
    assert_ok(yt_jit_add(jit, &object, &kernel));
    yt_object_deinit(&object);
    const size_t bytes = yt_pack_weight_bytes(p, s, isa);
    void *packed = yt_memory_alloc(bytes);
    yt_pack_weights(p, s, isa, &c->filter, packed);
    assert_ok(yt_case_check(c, kernel, yt_schedule_tasks(p, s, isa), s, packed,
                            &error));
    yt_memory_free(packed, bytes);
    yt_jit_destroy(jit);
    yt_case_destroy(c);
}

static const char *const pairs[] = {
    "f32",       "f32_u8s8", "f32_s16",  "bf16",     "bf16_f32",
    "bf16_u8s8", "bf16_s16", "s16",      "s16_f32",  "s16_u8s8",
    "s16_bf16",  "u8s8",     "u8s8_f32", "u8s8_s16", "u8s8_bf16",
};

#define SHAPE "16x4x6-k16r1s1p0"

static void kernels_of(const struct yt_isa *isa, const char *name)
{
    struct yt_problem p;
    struct yt_schedule s;
    assert_ok(yt_problem_parse(name, &p));
    const int bf16 = p.dtype == YT_DTYPE_BF16 || p.out == YT_DTYPE_BF16;
    if ((bf16 && !yt_isa_computes(isa, YT_DTYPE_BF16)) ||
        yt_codegen_check_host(isa) != YT_OK)
        return;
    yt_schedule_default(&p, isa, &s);
    run_case(&p, &s, isa);
}

static void kernels_compute_them(const struct yt_isa *isa)
{
    for (int32_t act = YT_ACT_NONE + 1; act < YT_ACT_COUNT; act++)
        for (size_t i = 0; i < COUNT(pairs); i++) {
            char name[YT_PROBLEM_NAME_MAX];
            snprintf(name, sizeof name, "conv2d-%s-" SHAPE "-%s%s", pairs[i],
                     yt_act_row((enum yt_act)act)->name,
                     act == YT_ACT_LEAKY ? "-by100000" : "");
            kernels_of(isa, name);
        }
}

static void in_every_type(void **state)
{
    (void)state;
    on_each_isa(kernels_compute_them);
}

/* A 1x1 convolution with the identity as its filter leaves nothing but the
 * activation, whose error must be that of rounding: of the value, and, where a
 * sum of about 3 cancels, of that. */
enum { VALUES = 1 << 12 };
#define VALUE_ERROR  1e-6
#define CANCEL_ERROR 1e-6

static void check_values(const struct yt_problem *p, const float *in,
                         const float *out)
{
    const enum yt_act act = (enum yt_act)p->u.conv2d.act;
    for (int i = 0; i < VALUES; i++) {
        const double want = yt_act_value(act, p->u.conv2d.slope, (double)in[i]);
        const double slack = VALUE_ERROR * fabs(want) + CANCEL_ERROR;
        if (!(fabs((double)out[i] - want) <= slack))
            fail_msg("%s(%.9g) is %.9g, not %.9g", yt_act_row(act)->name,
                     (double)in[i], (double)out[i], want);
    }
}

static void values_on(const struct yt_isa *isa)
{
    const int32_t lanes = isa->lanes;
    const size_t filter = (size_t)(lanes * lanes) * sizeof(float);
    float *in = yt_memory_alloc(2 * VALUES * sizeof *in), *out = in + VALUES;
    float *identity = yt_memory_alloc(filter);
    float *packed = yt_memory_alloc(filter);
    float *bias = yt_memory_alloc(filter);
    memset(identity, 0, filter);
    memset(bias, 0, filter);
    for (int32_t i = 0; i < lanes; i++)
        identity[i * lanes + i] = 1;
    for (int i = 0; i < VALUES; i++)
        in[i] = (float)(i - VALUES / 2) / 32.0f; /* -64 to 64 */
    static const float far[] = {-1e9f, -1e20f, -1e30f, 1e9f, 1e20f, 1e30f};
    memcpy(in, far, sizeof far);
    for (int32_t act = YT_ACT_NONE; act < YT_ACT_COUNT; act++) {
        const struct yt_problem p = {
            .op = YT_OP_CONV2D,
            .u.conv2d = {.c = lanes,
                         .h = 1,
                         .w = VALUES / lanes,
                         .k = lanes,
                         .r = 1,
                         .stride = 1,
                         .act = act,
                         .slope = act == YT_ACT_LEAKY ? TENTH : 0}};
        struct yt_schedule s;
        struct yt_object object;
        struct yt_jit *jit = NULL;
        yt_kernel_fn kernel;
        yt_schedule_default(&p, isa, &s);
        assert_ok(yt_jit_create(&jit));
        assert_ok(yt_codegen_compile(&p, &s, isa, &object));
        assert_ok(yt_jit_add(jit, &object, &kernel));
        yt_object_deinit(&object);
        yt_pack_weights(&p, &s, isa,
                        &(const struct yt_weights){.weights = identity},
                        packed);
        const struct yt_args args = {
            .in = in, .out = out, .weights = packed, .bias = bias};
        kernel(&args, 0, yt_schedule_tasks(&p, &s, isa));
        check_values(&p, in, out);
        yt_jit_destroy(jit);
    }
    yt_memory_free(in, 2 * VALUES * sizeof *in);
    yt_memory_free(identity, filter);
    yt_memory_free(packed, filter);
    yt_memory_free(bias, filter);
}

static void as_exact_as_rounding(void **state)
{
    (void)state;
    on_each_isa(values_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_as_defined),
        cmocka_unit_test(least_values_are_the_least),
        cmocka_unit_test(in_every_type),
        cmocka_unit_test(as_exact_as_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
