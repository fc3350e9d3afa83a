/* The SiLU of narrow outputs against double, within the bounds that
 * codegen/emit.h states: a 1x1 convolution with the identity as its filter, and
 * an output whose few codes lie close together around the value, window after
 * window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/pack.h"

#define ABSOLUTE_U8  8e-4
#define ABSOLUTE_S16 1.2e-4
#define RELATIVE     5e-4

/* x goes from -FAR to FAR; a window is so wide. */
#define FAR    16.0
#define WINDOW 0.04

/* A SiLU spans at most 0.044 of a window: 220 codes. */
#define GAIN 5000.0f

enum { PIXELS = 64, LANES_MAX = 16, VALUES = PIXELS * LANES_MAX };

struct silu {
    const struct yt_isa *isa;
    struct yt_problem problem;
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    int64_t tasks;
    _Alignas(64) float in[VALUES];
    _Alignas(64) char out[2 * VALUES];
    _Alignas(64) char weights[4 * LANES_MAX * LANES_MAX];
    _Alignas(64) char constants[4 * LANES_MAX * 8];
};

static void open_silu(struct silu *v, const struct yt_isa *isa,
                      enum yt_dtype out)
{
    const int32_t lanes = isa->lanes;
    float identity[LANES_MAX * LANES_MAX] = {0}, zeros[LANES_MAX] = {0};
    struct yt_schedule s;
    struct yt_object object;
    memset(v, 0, sizeof *v);
    v->isa = isa;
    v->problem = (struct yt_problem){.op = YT_OP_CONV2D,
                                     .dtype = YT_DTYPE_F32,
                                     .out = out,
                                     .u.conv2d = {.c = lanes,
                                                  .h = 1,
                                                  .w = PIXELS,
                                                  .k = lanes,
                                                  .r = 1,
                                                  .stride = 1,
                                                  .act = YT_ACT_SILU}};
    yt_schedule_default(&v->problem, isa, &s);
    assert_true(s.coarse);
    assert_int_equal(yt_jit_create(&v->jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&v->problem, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(v->jit, &object, &v->kernel), YT_OK);
    yt_object_deinit(&object);
    v->tasks = yt_schedule_tasks(&v->problem, &s, isa);
    for (int32_t i = 0; i < lanes; i++)
        identity[i * lanes + i] = 1;
    const struct yt_weights w = {.weights = identity, .bias = zeros};
    yt_pack_weights(&v->problem, &s, isa, &w, v->weights);
}

static double exact(double x)
{
    return x / (1 + exp(-x));
}

static double code(const struct silu *v, int i)
{
    if (v->problem.out == YT_DTYPE_U8S8)
        return ((const uint8_t *)v->out)[i];
    int16_t value;
    memcpy(&value, v->out + 2 * (ptrdiff_t)i, sizeof value);
    return value;
}

/* The largest error past the rounding to a code, in units of the bound. */
static double run_window(struct silu *v, double from)
{
    const int32_t lanes = v->isa->lanes;
    const int count = PIXELS * lanes;
    const int tables = (v->isa->can & YT_CAN_LOOKUP) != 0;
    const int u8 = v->problem.out == YT_DTYPE_U8S8;
    const double middle = exact(from + WINDOW / 2);
    float zeros[LANES_MAX] = {0}, gain[LANES_MAX], zero[LANES_MAX];
    double worst = 0;
    for (int32_t i = 0; i < lanes; i++) {
        gain[i] = GAIN;
        zero[i] = (float)((u8 ? 127 : 0) - rint(middle * (double)GAIN));
    }
    struct yt_integers n = {.out_gain = gain, .out_zero = zero};
    const struct yt_weights w = {.bias = zeros, .integers = &n};
    yt_pack_constants(&v->problem, v->isa, &w, v->constants);
    for (int i = 0; i < count; i++)
        v->in[i] = (float)(from + WINDOW * i / count);
    const struct yt_args args = {
        .in = v->in,
        .out = v->out,
        .weights = v->weights,
        .bias = (const float *)(const void *)v->constants,
    };
    v->kernel(&args, 0, v->tasks);
    for (int i = 0; i < count; i++) {
        const double want = exact((double)v->in[i]);
        const double got = (code(v, i) - (double)zero[0]) / (double)GAIN;
        /* f32 keeps 80,000 steps to within a few hundredths of one. */
        const double error = fabs(got - want) - 0.55 / (double)GAIN;
        const double bound = !tables ? RELATIVE * fabs(want)
                             : u8    ? ABSOLUTE_U8
                                     : ABSOLUTE_S16;
        worst = fmax(worst, error / (bound + 1e-6));
    }
    return worst;
}

static void check(const struct yt_isa *isa, enum yt_dtype out)
{
    struct silu *v = aligned_alloc(64, (sizeof *v + 63) / 64 * 64);
    double worst = 0, at = 0;
    assert_non_null(v);
    open_silu(v, isa, out);
    for (double from = -FAR; from < FAR; from += WINDOW) {
        const double error = run_window(v, from);
        if (error > worst) {
            worst = error;
            at = from;
        }
    }
    print_message("%s to %s: %.2f of the bound, near %.2f\n", isa->name,
                  yt_dtype_name(out), worst, at);
    assert_true(worst <= 1);
    /* And it is coarse: one good to f32's last bits would not use it. */
    assert_true(worst > 0.1);
    yt_jit_destroy(v->jit);
    free(v);
}

static void errors_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK)
            continue;
        check(isa, YT_DTYPE_U8S8);
        check(isa, YT_DTYPE_S16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors_are_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
