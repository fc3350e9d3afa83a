/* Conversions between all types: the reference against values by hand, and
 * JIT-compiled kernels against the reference, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "each_isa.h"
#include "base/random.h"
#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/reference.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHANNELS_MAX 64

/* ------------------------------------------------------------- by hand */

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void one_value(const char *name, const void *in, void *out,
                      const struct yt_integers *n)
{
    struct yt_problem p;
    const struct yt_args args = {.in = in, .out = out};
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    assert_int_equal(yt_reference_exact(&p, 1, &args, n), YT_OK);
}

static void floats_become_codes(void **state)
{
    (void)state;
    static const struct {
        float v, gain, zero;
        int u8, s16;
    } rows[] = {
        {0, 1, 0, 0, 0},
        {0, 1, 128, 128, 128},
        {2.5f, 1, 0, 2, 2}, /* ties go to even */
        {3.5f, 1, 0, 4, 4},
        {-2.5f, 1, 10, 8, 8},
        {-2.5f, 1, 0, 0, -2},
        {-3.5f, 1, 0, 0, -4},
        {254.5f, 1, 0, 254, 254},
        {255.5f, 1, 0, 255, 256}, /* ends of each range */
        {4094.5f, 1, 0, 255, 4094},
        {4096, 1, 0, 255, 4095},
        {-4096, 1, 0, 0, -4095},
        {1, 20, 3, 23, 23},
        {3e38f, 1, 0, 255, 4095}, /* past what an i32 holds */
        {-3e38f, 1, 0, 0, -4095},
        {INFINITY, 1, 0, 255, 4095},
        {-INFINITY, 1, 0, 0, -4095},
        {NAN, 1, 0, 0, -4095},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        float gain = rows[i].gain, zero = rows[i].zero;
        const struct yt_integers n = {.out_gain = &gain, .out_zero = &zero};
        uint8_t u8;
        int16_t s16;
        one_value("convert-f32_u8s8-1x1x1", &rows[i].v, &u8, &n);
        assert_int_equal(u8, rows[i].u8);
        one_value("convert-f32_s16-1x1x1", &rows[i].v, &s16, &n);
        assert_int_equal(s16, rows[i].s16);
    }
}

static void codes_become_floats(void **state)
{
    (void)state;
    float step = 0.5f, out;
    int32_t zero = 3;
    const struct yt_integers n = {.in_step = &step, .in_zero = &zero};
    const uint8_t u8 = 253;
    one_value("convert-u8s8_f32-1x1x1", &u8, &out, &n);
    assert_true(out == 125);
    const int16_t s16 = -301;
    one_value("convert-s16_f32-1x1x1", &s16, &out, &n);
    assert_true(out == -150.5f);
    const uint16_t bf16 = 0xc040;
    one_value("convert-bf16_f32-1x1x1", &bf16, &out, NULL);
    assert_true(out == -3);
}

static void floats_round_to_bf16(void **state)
{
    (void)state;
    static const struct {
        uint32_t in;
        uint16_t want;
    } rows[] = {
        {0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80},
        {0x3f808000, 0x3f80},                       /* a tie, to even */
        {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82}, /* a tie, to even */
        {0xbf818000, 0xbf82}, {0x3fffffff, 0x4000},
        {0x7f7fffff, 0x7f80}, /* past the largest */
        {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
        {0x7f800001, 0x7fc0}, /* not a number */
        {0x007fffff, 0x0000}, /* no normal number */
        {0x80400000, 0x8000}, {0x00800000, 0x0080},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const float v = float_of(rows[i].in);
        uint16_t out;
        one_value("convert-f32_bf16-1x1x1", &v, &out, NULL);
        assert_int_equal(out, rows[i].want);
    }
}

/* ------------------------------------------------------------- kernels */

static uint32_t seed;

static uint32_t random_bits(void)
{
    return yt_random_lcg(&seed) >> 8;
}

static float random_float(float low, float high)
{
    return low + (high - low) * ((float)random_bits() / 16777216.0f);
}

/* Steps and zeros of each channel: some so that values are far past the ends of
 * the output's range, some powers of two so that ties are common. */
struct channels {
    float in_step[CHANNELS_MAX], out_gain[CHANNELS_MAX], out_zero[CHANNELS_MAX];
    int32_t in_zero[CHANNELS_MAX];
    struct yt_integers integers;
};

static void fill_channels(struct channels *c, const struct yt_problem *p)
{
    for (int i = 0; i < CHANNELS_MAX; i++) {
        const int kind = i % 3;
        c->in_step[i] = kind == 1 ? 0.25f : random_float(0.01f, 0.1f);
        c->in_zero[i] = (int32_t)(random_bits() % 256);
        c->out_gain[i] = kind == 0   ? random_float(1, 50)
                         : kind == 1 ? 2
                                     : random_float(1e3f, 1e9f);
        c->out_zero[i] =
            p->out == YT_DTYPE_U8S8 ? (float)(random_bits() % 256) : 0;
    }
    c->integers = (struct yt_integers){.in_step = c->in_step,
                                       .in_zero = c->in_zero,
                                       .out_gain = c->out_gain,
                                       .out_zero = c->out_zero};
}

static uint16_t bf16_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Element i of a tensor; special: any number at all. */
static void put_random(enum yt_dtype dtype, void *tensor, size_t i, int special)
{
    const float ties = (float)((int32_t)(random_bits() % 1200) - 600) / 4;
    const uint32_t any = random_bits() << 16 ^ random_bits();
    switch (dtype) {
    case YT_DTYPE_U8S8:
        ((uint8_t *)tensor)[i] = (uint8_t)random_bits();
        return;
    case YT_DTYPE_S16:
        ((int16_t *)tensor)[i] =
            (int16_t)((int32_t)(random_bits() % (2 * YT_S16_MAX + 1)) -
                      YT_S16_MAX);
        return;
    case YT_DTYPE_BF16:
        ((uint16_t *)tensor)[i] = special ? (uint16_t)any : bf16_of(ties);
        return;
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    ((float *)tensor)[i] = special ? float_of(any) : ties;
}

/* Zeros past the channels. */
static void fill_tensor(const struct yt_problem *p, int32_t lanes, void *tensor)
{
    const struct yt_convert *v = &p->u.convert;
    const size_t block = (size_t)v->h * (size_t)v->w * (size_t)lanes;
    const size_t count = (size_t)((v->c + lanes - 1) / lanes) * block;
    memset(tensor, 0, count * (size_t)yt_dtype_bytes(p->dtype));
    for (size_t i = 0; i < count; i++)
        if (i / block * (size_t)lanes + i % (size_t)lanes < (size_t)v->c)
            put_random(p->dtype, tensor, i, random_bits() % 4 == 0);
}

static const char *const shapes[] = {"16x3x7", "48x2x5", "20x4x1", "32x1x33"};

static void compare(const struct yt_isa *isa, const char *name)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object;
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    yt_schedule_default(&p, isa, &s);
    if (!yt_schedule_applies(&p, &s, isa)) {
        assert_true(p.dtype == YT_DTYPE_BF16 || p.out == YT_DTYPE_BF16);
        return;
    }
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);

    const struct yt_convert *v = &p.u.convert;
    const int32_t blocks = (v->c + isa->lanes - 1) / isa->lanes;
    const size_t count =
        (size_t)blocks * (size_t)isa->lanes * (size_t)v->h * (size_t)v->w;
    const size_t out_bytes = count * (size_t)yt_dtype_bytes(p.out);
    struct guarded in, want, got, constants;
    struct channels c;
    guarded_open(&in, count * (size_t)yt_dtype_bytes(p.dtype), YT_ALIGN);
    guarded_open(&want, out_bytes, YT_ALIGN);
    guarded_open(&got, out_bytes, YT_ALIGN);
    guarded_open(&constants, yt_pack_constant_bytes(&p, isa), YT_ALIGN);
    fill_tensor(&p, isa->lanes, in.data);
    fill_channels(&c, &p);
    const struct yt_weights weights = {.integers = &c.integers};
    yt_pack_constants(&p, isa, &weights, constants.data);
    struct yt_args args = {.in = in.data,
                           .out = want.data,
                           .bias = (const float *)(void *)constants.data};
    assert_int_equal(yt_reference_exact(&p, isa->lanes, &args, &c.integers),
                     YT_OK);
    args.out = got.data;
    const int64_t tasks = yt_schedule_tasks(&p, &s, isa);
    kernel(&args, tasks / 3, tasks);
    kernel(&args, 0, tasks / 3);
    for (size_t i = 0; i < out_bytes; i++)
        if (want.data[i] != got.data[i])
            fail_msg("%s on %s: byte %zu is %d, not %d", name, isa->name, i,
                     got.data[i], want.data[i]);
    guarded_close(&in);
    guarded_close(&want);
    guarded_close(&got);
    guarded_close(&constants);
    yt_object_deinit(&object);
    yt_jit_destroy(jit);
}

static void compare_all(const struct yt_isa *isa)
{
    seed = 3;
    for (int from = 0; from < YT_DTYPE_COUNT; from++)
        for (int to = 0; to < YT_DTYPE_COUNT; to++)
            for (size_t i = 0; i < COUNT(shapes); i++) {
                char name[YT_PROBLEM_NAME_MAX];
                snprintf(name, sizeof name, "convert-%s_%s-%s",
                         yt_dtype_name((enum yt_dtype)from),
                         yt_dtype_name((enum yt_dtype)to), shapes[i]);
                if (from != to)
                    compare(isa, name);
            }
}

static void kernels_match_the_reference(void **state)
{
    (void)state;
    on_each_isa(compare_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_become_codes),
        cmocka_unit_test(codes_become_floats),
        cmocka_unit_test(floats_round_to_bf16),
        cmocka_unit_test(kernels_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
