/* SiLU as kernels compute it, against double: a 1x1 convolution with the
 * identity as its filter leaves nothing but the activation. The bounds are
 * those that codegen/silu.c states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/pack.h"

/* Where exp(-x) is not clamped. */
#define LOWEST -87.0f

/* In units of the last place of the exact result. */
#define ULP_BOUND 4.7

/* Below LOWEST, for each unit of -x. */
#define CLAMPED_BOUND 1.7e-38

enum { BATCH = 1 << 14 };

struct silu {
    const struct yt_isa *isa;
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    int64_t tasks;
    float *in, *out, *weights, *bias; /* BATCH values in and out */
    double worst;                     /* ulp */
    float worst_at;
};

static float *floats(size_t count)
{
    float *p = NULL;
    assert_int_equal(posix_memalign((void **)&p, YT_ALIGN, count * 4), 0);
    memset(p, 0, count * 4);
    return p;
}

static void silu_open(struct silu *v, const struct yt_isa *isa)
{
    memset(v, 0, sizeof *v);
    v->isa = isa;
    const int32_t lanes = isa->lanes;
    const struct yt_problem p = {.op = YT_OP_CONV2D,
                                 .u.conv2d = {.c = lanes,
                                              .h = 1,
                                              .w = BATCH / lanes,
                                              .k = lanes,
                                              .r = 1,
                                              .stride = 1,
                                              .act = YT_ACT_SILU}};
    struct yt_schedule s;
    struct yt_object object;
    yt_schedule_default(&p, isa, &s);
    assert_int_equal(yt_jit_create(&v->jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(v->jit, &object, &v->kernel), YT_OK);
    yt_object_deinit(&object);
    v->tasks = yt_schedule_tasks(&p, &s, isa);
    v->in = floats(BATCH);
    v->out = floats(BATCH);
    v->bias = floats((size_t)lanes);
    v->weights = floats((size_t)lanes * (size_t)lanes);
    float *identity = floats((size_t)lanes * (size_t)lanes);
    for (int32_t i = 0; i < lanes; i++)
        identity[i * lanes + i] = 1;
    yt_pack_weights(&p, &s, isa,
                    &(const struct yt_weights){.weights = identity},
                    v->weights);
    free(identity);
}

static void silu_close(struct silu *v)
{
    yt_jit_destroy(v->jit);
    free(v->in);
    free(v->out);
    free(v->weights);
    free(v->bias);
}

static void silu_run(struct silu *v)
{
    const struct yt_args args = {
        .in = v->in, .out = v->out, .weights = v->weights, .bias = v->bias};
    v->kernel(&args, 0, v->tasks);
}

/* The distance between floats around |x|. */
static double ulp_of(double x)
{
    int exponent;
    (void)frexp(fabs(x), &exponent);
    return ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static void check_batch(struct silu *v)
{
    silu_run(v);
    for (int i = 0; i < BATCH; i++) {
        const double x = v->in[i];
        const double exact = x / (1 + exp(-x));
        const double error = fabs(v->out[i] - exact);
        if (x >= LOWEST) {
            const double ulps = error / ulp_of(exact);
            if (!(ulps <= v->worst)) {
                v->worst = ulps;
                v->worst_at = v->in[i];
            }
        } else if (!(error <= CLAMPED_BOUND * -x)) {
            fail_msg("%s: silu(%.9g) is %.9g", v->isa->name, x, v->out[i]);
        }
    }
}

static void check_bound(struct silu *v)
{
    print_message("%s: %.3f ulp at %.9g (%a)\n", v->isa->name, v->worst,
                  v->worst_at, v->worst_at);
    if (!(v->worst <= ULP_BOUND))
        fail_msg("%s: silu(%a) is off by %.3f ulp, over %.3f", v->isa->name,
                 v->worst_at, v->worst, ULP_BOUND);
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Every exponent, 4096 mantissas each at an odd step, both signs. */
static void sample_all_floats(struct silu *v)
{
    const uint32_t step = (1u << 11) - 1;
    int n = 0;
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += step)
        for (uint32_t sign = 0; sign < 2; sign++) {
            v->in[n++] = from_bits(bits | sign << 31);
            if (n == BATCH) {
                check_batch(v);
                n = 0;
            }
        }
    check_batch(v);
}

/* Where nearly all activations lie. */
static void sample_evenly(struct silu *v, double from, double to, double step)
{
    int n = 0;
    const int64_t count = (int64_t)((to - from) / step);
    for (int64_t i = 0; i <= count; i++) {
        v->in[n++] = (float)(from + (double)i * step);
        if (n == BATCH) {
            check_batch(v);
            n = 0;
        }
    }
    check_batch(v);
}

static void for_each_isa(void (*test)(struct silu *v))
{
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        struct silu v;
        silu_open(&v, isa);
        test(&v);
        silu_close(&v);
    }
}

static void sampled_errors(struct silu *v)
{
    sample_all_floats(v);
    sample_evenly(v, -2, 2, 0x1p-20);
    sample_evenly(v, -88, 20, 0x1.01p-15);
    check_bound(v);
}

static void errors_are_bounded(void **state)
{
    (void)state;
    for_each_isa(sampled_errors);
}

static void special_values_on(struct silu *v)
{
    const float given[] = {0.0f,    -0.0f,    FLT_TRUE_MIN, -FLT_TRUE_MIN,
                           FLT_MIN, -FLT_MIN, FLT_MAX,      -87.0f,
                           1e30f,   100.0f,   88.0f,        89.5f};
    enum { GIVEN = sizeof given / sizeof given[0] };
    for (int i = 0; i < BATCH; i++)
        v->in[i] = given[i / v->isa->lanes % GIVEN];
    silu_run(v);
    for (int i = 0; i < BATCH; i++) {
        const float x = v->in[i];
        if (x == 0)
            assert_true(v->out[i] == 0);
        else if (x > 80)
            assert_true(v->out[i] == x);
        else if (fabsf(x) <= FLT_MIN)
            assert_true(fabs(v->out[i] - x / 2.0) <= FLT_TRUE_MIN / 2.0);
        else
            assert_true(fabs(v->out[i] / (x * exp((double)x)) - 1) < 1e-5);
    }
}

static void zeros_denormals_and_large_values(void **state)
{
    (void)state;
    for_each_isa(special_values_on);
}

/* The convolution spreads a NaN over a pixel's channels, and no further. */
static void nan_on(struct silu *v)
{
    const int32_t lanes = v->isa->lanes;
    for (int i = 0; i < BATCH; i++)
        v->in[i] =
            i / lanes % 3 == 1 && i % lanes == i / lanes % lanes ? NAN : 0.25f;
    silu_run(v);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(isnan(v->out[i]), i / lanes % 3 == 1);
}

static void nan_stays_nan(void **state)
{
    (void)state;
    for_each_isa(nan_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(zeros_denormals_and_large_values),
        cmocka_unit_test(nan_stays_nan),
    };
    return cmocka_run_group_tests_name("silu", tests, NULL, NULL);
}
