/* Tables of a SiLU on halves: what they give for every x, by the arithmetic
 * that kernels have, against SiLU itself, over steps from coarse to fine, with
 * and without an addend; and when there are none. tests/test_conv_types.c
 * compares the kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "codegen/pack.h"
#include "codegen/silu_tables.h"
#include "runtime/integers.h"

#define CHANNELS 32

struct layer {
    struct yt_problem p;
    const struct yt_isa *isa;
    int16_t weights[CHANNELS * 16];
    int32_t start[CHANNELS];
    float scale[CHANNELS], gain[CHANNELS], zero[CHANNELS], add[CHANNELS];
    struct yt_integers n;
};

static void open_layer(struct layer *l, const char *name)
{
    memset(l, 0, sizeof *l);
    assert_int_equal(yt_problem_parse(name, &l->p), YT_OK);
    l->isa = yt_isa_find("avx512vnni");
    assert_non_null(l->isa);
    l->n = (struct yt_integers){.weights = l->weights,
                                .start = l->start,
                                .scale = l->scale,
                                .out_gain = l->gain,
                                .out_zero = l->zero,
                                .add_gain = l->add};
    for (int i = 0; i < CHANNELS; i++) {
        l->scale[i] = 0.001f;
        l->gain[i] = 60;
        l->zero[i] = 17;
        l->add[i] = 0.7f;
    }
}

static void set_steps(struct layer *l, float gain, float zero, float add)
{
    for (int i = 0; i < CHANNELS; i++) {
        l->gain[i] = gain;
        l->zero[i] = zero;
        l->add[i] = add;
    }
}

static int make(const struct layer *l, int32_t block, struct yt_silu_tables *t)
{
    return yt_silu_tables_make(&l->p, l->isa, &l->n, block, t);
}

/* pmulhrsw, and an addition that may not wrap here. */
static int mul_round(int a, int b)
{
    return (a * b + (1 << 14)) >> 15;
}

static int sum(int a, int b)
{
    assert_in_range(a + b + 32768, 0, 65535);
    return a + b;
}

static int code(const struct yt_silu_tables *t, int x, int byte)
{
    const int i = (x >> 11) & (YT_SILU_SEGMENTS - 1);
    int y = sum(mul_round(t->square[i], x), t->linear[i]);
    y = sum(mul_round(y, x), t->constant[i]);
    y = sum(y, mul_round(byte << 7, t->add));
    y = y * t->shift >> 16;
    return y < 0 ? 0 : y > 255 ? 255 : y;
}

static double exact(double v)
{
    return v / (1 + exp(-v));
}

/* The largest error beyond the half step of rounding. */
static double worst_error(const struct layer *l, const struct yt_silu_tables *t)
{
    const int adds = l->p.u.conv2d.add == YT_ADD_RESIDUAL;
    double worst = 0;
    for (int x = -32768; x < 32768; x += 3)
        for (int byte = 0; byte <= (adds ? 255 : 0); byte += 85) {
            const double v = x * t->reach / 32768;
            double want = exact(v) * (double)l->gain[0] + (double)l->zero[0] +
                          (adds ? byte * (double)l->add[0] : 0);
            want = fmin(fmax(want, 0), 255);
            worst = fmax(worst, fabs(code(t, x, byte) - want) - 0.5);
        }
    return worst;
}

static void every_x_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {
        "conv2d-u8s8-16x4x4-k32r1s1p0-silu",
        "conv2d-u8s8-16x4x4-k32r1s1p0-silu-res",
    };
    static const float gains[] = {0.01f, 1, 7, 20, 60, 100, 180, 300, 450};
    struct layer l;
    int seen[2] = {0, 0};
    for (int adds = 0; adds < 2; adds++) {
        open_layer(&l, names[adds]);
        for (size_t i = 0; i < sizeof gains / sizeof gains[0]; i++) {
            struct yt_silu_tables t;
            set_steps(&l, gains[i], ceilf(0.2785f * gains[i]) - adds * 9, 0.7f);
            if (!make(&l, 1, &t))
                continue;
            const double error = worst_error(&l, &t);
            print_message("%s gain %g: bits %d, reach %g, error %.3f\n",
                          names[adds], (double)gains[i], t.bits, t.reach,
                          error);
            assert_true(error <= 0.3);
            /* Past its ends a value is limited to them. */
            assert_true(t.reach * (double)gains[i] >= 255 - (double)l.zero[0]);
            assert_true(t.reach >= YT_SILU_REACH_MIN);
            seen[adds]++;
        }
    }
    assert_true(seen[0] >= 7 && seen[1] >= 7);
}

static void there_are_none(void **state)
{
    (void)state;
    struct layer l;
    struct yt_silu_tables t;
    open_layer(&l, "conv2d-u8s8-16x4x4-k32r1s1p0-silu-res");
    assert_true(make(&l, 0, &t) && make(&l, 1, &t));
    float *const steps[] = {l.gain, l.zero, l.add};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const float before = steps[i][21];
        steps[i][21] *= 1.5f;
        assert_true(make(&l, 0, &t));
        assert_false(make(&l, 1, &t));
        steps[i][21] = before;
    }
    set_steps(&l, 60, 17, 40); /* an addend that outweighs halves */
    assert_false(make(&l, 0, &t));
    set_steps(&l, 2000, 17, 0.7f);
    assert_false(make(&l, 0, &t));
    set_steps(&l, 1e18f, 0, 0);
    assert_false(make(&l, 0, &t));
    set_steps(&l, 60, 17, 0.7f);
    l.scale[3] = 1e6f;
    l.weights[3 * 16] = 100;
    assert_false(make(&l, 0, &t));
    l.scale[3] = NAN;
    assert_false(make(&l, 0, &t));
}

static void they_apply_to_bytes_of_integers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *isa;
        int applies;
    } rows[] = {
        {"conv2d-u8s8-16x4x4-k32r1s1p0-silu", "avx512vnni", 1},
        {"conv2d-u8s8-16x4x4-k32r1s1p0-silu", "avx512", 1},
        {"conv2d-u8s8-16x4x4-k32r1s1p0-silu", "avx2", 0},
        {"conv2d-s16_u8s8-16x4x4-k32r1s1p0-silu", "avx512", 1},
        {"conv2d-f32_u8s8-16x4x4-k32r1s1p0-silu", "avx512", 0},
        {"conv2d-u8s8_s16-16x4x4-k32r1s1p0-silu", "avx512", 0},
        {"conv2d-u8s8-16x4x4-k32r1s1p0-relu", "avx512", 0},
        {"conv2d-u8s8-16x4x4-k24r1s1p0-silu", "avx512", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_problem p;
        assert_int_equal(yt_problem_parse(rows[i].name, &p), YT_OK);
        assert_int_equal(yt_silu_tables_apply(&p, yt_isa_find(rows[i].isa)),
                         rows[i].applies);
    }
}

/* A schedule gives tables up where one block has none, and nothing else. */
static void schedules_settle(void **state)
{
    (void)state;
    struct layer l;
    struct yt_schedule s, before;
    open_layer(&l, "conv2d-u8s8-16x4x4-k32r1s1p0-silu");
    const struct yt_weights f = {.integers = &l.n};
    assert_int_equal(
        yt_schedule_parse(YT_OP_CONV2D, "direct-m4n1k1-t0p-hsw", &s), YT_OK);
    assert_true(yt_schedule_applies(&l.p, &s, l.isa));
    before = s;
    yt_pack_settle(&l.p, l.isa, &f, &s);
    assert_true(yt_schedule_same(&s, &before));
    l.gain[31] = 61;
    yt_pack_settle(&l.p, l.isa, &f, &s);
    before.halves = 0;
    assert_true(yt_schedule_same(&s, &before));
    assert_true(yt_schedule_applies(&l.p, &s, l.isa));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_x_is_near),
        cmocka_unit_test(there_are_none),
        cmocka_unit_test(they_apply_to_bytes_of_integers),
        cmocka_unit_test(schedules_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
