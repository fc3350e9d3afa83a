/* Generated convolutions against the reference, on shapes chosen for their
 * edges, with schedules that cover every way of walking them.
 *
 *      conv PROBLEM SCHEDULE ISA
 *
 * repeats one case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/conv_tiles.h"
#include "tests/conv_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static struct yt_schedule schedule(const char *name)
{
    struct yt_schedule s;
    if (yt_schedule_parse(YT_OP_CONV2D, name, &s) != YT_OK)
        fail_msg("%s", yt_error());
    return s;
}

/* --------------------------------------------------------------- edges */

/* Schedules are written for 16 lanes, where each must apply; other ISAs run
 * those that apply there too. */
static const struct {
    const char *problem;
    const char *schedules[4];
} edges[] = {
    /* One tile, one more pixel, one less than two tiles, two, primes, one. */
    {"conv2d-f32-16x4x6-k32r3s1p1-silu", {"direct-m6n2k1-t0p-hl"}},
    {"conv2d-f32-16x4x7-k32r3s1p1-silu",
     {"direct-m6n2k1-t1c-hl", "direct-m7n1k2-t3p-g"}},
    {"conv2d-f32-16x4x11-k32r3s1p1-silu",
     {"direct-m6n2k1-t3p-hl", "direct-m11n2k4-t0p-h"}},
    {"conv2d-f32-16x4x12-k32r3s1p1-silu", {"direct-m6n2k1-t0c-il"}},
    {"conv2d-f32-16x3x13-k32r3s1p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m3n1k1-t1c-h", "direct-m12n1k16-t0p-h"}},
    {"conv2d-f32-16x5x23-k16r3s1p1",
     {"direct-m8n1k1-t2p-hl", "direct-m23n1k1-t4p-h", "direct-m22n1k2-t0p-g"}},
    {"conv2d-f32-16x5x1-k32r3s1p1-silu",
     {"direct-m1n2k1-t0p-hl", "direct-m1n1k16-t2c-h"}},
    {"conv2d-f32-16x1x9-k16r3s1p1-silu", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x1x1-k16r3s1p1-silu", {"direct-m1n1k1-t0p-hl"}},
    {"conv2d-f32-16x2x2-k16r3s1p1",
     {"direct-m2n1k1-t1p-hl", "direct-m1n1k4-t0p-h"}},
    {"conv2d-f32-16x3x40-k16r3s1p1-silu",
     {"direct-m28n1k1-t0p-hl", "direct-m32n1k1-t1p-h", "direct-m20n1k1-t2p-i"}},
    /* Wider filters, and padding that is not half of one. */
    {"conv2d-f32-16x7x9-k16r5s1p2-silu",
     {"direct-m4n1k1-t0p-hl", "direct-m9n1k4-t3p-h"}},
    {"conv2d-f32-16x5x5-k32r5s2p2", {"direct-m3n2k1-t2c-hl"}},
    {"conv2d-f32-16x9x9-k16r5s1p0", {"direct-m5n1k1-t0p-hl"}},
    {"conv2d-f32-16x6x7-k16r5s1p1", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x3x2-k16r5s1p4",
     {"direct-m6n1k1-t0p-hl", "direct-m4n1k2-t5p-h"}},
    {"conv2d-f32-16x8x7-k16r6s1p3-silu", {"direct-m4n1k1-t2p-hl"}},
    {"conv2d-f32-16x5x9-k16r2s1p1", {"direct-m5n1k1-t0p-hl"}},
    {"conv2d-f32-16x9x11-k16r7s3p3", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x3x3-k16r3s1p0-silu", {"direct-m1n1k1-t0p-hl"}},
    /* Strides, of even and odd sizes. */
    {"conv2d-f32-16x8x8-k32r3s2p1-silu",
     {"direct-m4n2k1-t0p-hl", "direct-m3n1k1-t1c-h"}},
    {"conv2d-f32-16x9x13-k32r3s2p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m7n2k2-t0c-g"}},
    {"conv2d-f32-32x1x1-k16r3s2p1", {"direct-m1n1k1-t0p-hlo"}},
    {"conv2d-f32-16x11x14-k16r3s3p1", {"direct-m5n1k1-t2p-hl"}},
    {"conv2d-f32-16x17x10-k16r3s8p2", {"direct-m2n1k1-t0p-hl"}},
    {"conv2d-f32-32x7x7-k32r1s2p0-silu",
     {"direct-m4n2k4-t0p-h", "direct-m3n1k16-t1c-hl"}},
    {"conv2d-f32-16x3x3-k16r1s4p0", {"direct-m1n1k1-t0p-h"}},
    /* 1x1 runs on the flattened image. */
    {"conv2d-f32-32x7x7-k48r1s1p0-silu",
     {"direct-m8n3k4-t0p-h", "direct-m8n1k1-t2c-hl", "direct-m24n1k16-t1p-h",
      "direct-m25n1k8-t0c-i"}},
    {"conv2d-f32-48x5x5-k64r1s1p0",
     {"direct-m6n4k2-t1c-h", "direct-m5n2k4-t3p-g", "direct-m25n1k1-t0p-h"}},
    {"conv2d-f32-16x1x1-k16r1s1p0-silu", {"direct-m1n1k1-t0p-h"}},
    {"conv2d-f32-16x1x31-k128r1s1p0",
     {"direct-m3n8k1-t2p-h", "direct-m31n1k4-t0c-h"}},
    /* Output channels that end within a vector. */
    {"conv2d-f32-32x5x3-k255r1s1p0",
     {"direct-m3n8k1-t1p-h", "direct-m14n2k4-t0c-h", "direct-m7n4k4-t1c-hl"}},
    {"conv2d-f32-16x5x6-k20r3s1p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m4n1k1-t1c-h"}},
    {"conv2d-f32-16x4x6-k1r3s1p1", {"direct-m6n1k1-t0p-hl"}},
    {"conv2d-f32-16x4x6-k33r3s2p1-silu", {"direct-m3n3k1-t1p-hl"}},
    {"conv2d-f32-16x4x6-k20r3s1p1-silu-res", {"direct-m6n2k1-t2p-hl"}},
    {"conv2d-f32-16x4x6-k20r1s1p0-silu-up2", {"direct-m6n2k1-t2p-h"}},
    /* The image, interleaved, three channels. */
    {"conv2d-f32-3x12x14-k16r6s2p2-silu",
     {"direct-m6n1k1-t0p-h", "direct-m4n1k3-t2p-hl"}},
    {"conv2d-f32-3x13x15-k32r6s2p2-silu",
     {"direct-m7n2k1-t2c-h", "direct-m5n1k3-t1p-h"}},
    {"conv2d-f32-3x8x8-k16r6s1p5", {"direct-m8n1k1-t0p-h"}},
    {"conv2d-f32-3x6x6-k16r6s2p0", {"direct-m1n1k3-t0p-h"}},
    {"conv2d-f32-3x5x40-k17r3s1p1-silu",
     {"direct-m14n2k1-t2p-h", "direct-m32n1k3-t0p-hl"}},
    {"conv2d-f32-3x9x7-k16r1s1p0", {"direct-m7n1k3-t4p-h"}},
    {"conv2d-f32-3x6x8-k16r3s1p1-silu-res", {"direct-m4n1k1-t5p-h"}},
    /* Addends. */
    {"conv2d-f32-16x5x7-k32r3s1p1-silu-res",
     {"direct-m7n2k1-t0p-hl", "direct-m5n1k1-t2c-h"}},
    {"conv2d-f32-16x5x7-k32r3s1p1-res", {"direct-m4n2k1-t1c-hl"}},
    {"conv2d-f32-32x5x7-k32r1s1p0-silu-res",
     {"direct-m8n2k4-t1c-h", "direct-m12n1k4-t0p-h"}},
    {"conv2d-f32-32x9x9-k16r3s2p1-silu-res", {"direct-m5n1k1-t2p-hlo"}},
    {"conv2d-f32-32x6x4-k32r1s1p0-silu-up2",
     {"direct-m4n2k4-t0p-h", "direct-m3n1k1-t4c-h", "direct-m1n2k16-t1p-h"}},
    {"conv2d-f32-16x4x10-k32r3s1p1-up2", {"direct-m4n2k1-t3p-hl"}},
    {"conv2d-f32-16x2x2-k16r1s1p0-up2", {"direct-m2n1k1-t0p-h"}},
    {"conv2d-f32-16x8x12-k16r3s2p1-silu-up2", {"direct-m5n1k1-t0p-hl"}},
    /* Several blocks of input channels, in both orders. */
    {"conv2d-f32-48x5x9-k32r3s1p1-silu",
     {"direct-m4n2k1-t2c-hlo", "direct-m4n2k1-t2c-hl", "direct-m9n1k2-t0p-gc",
      "direct-m5n1k16-t1p-h"}},
    {"conv2d-f32-32x6x6-k16r3s2p1",
     {"direct-m3n1k4-t0p-ho", "direct-m2n1k8-t1p-hlo"}},
    {"conv2d-f32-64x2x3-k16r5s1p2", {"direct-m3n1k1-t1p-hlo"}},
    /* The heads, every cell asked for. */
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3",
     {"lazy-m8k4-t0-h", "lazy-m12k1-t2-g", "direct-m7n4k4-t2c-h"}},
    {"conv2d-f32-16x3x3-k21r1s1p0-lazy3", {"lazy-m9k1-t0-h"}},
};

static void edges_on(const struct yt_isa *isa, struct stats *stats)
{
    for (size_t i = 0; i < COUNT(edges); i++) {
        const struct yt_problem p = problem(edges[i].problem);
        struct data d;
        data_open(&d, &p, isa, hash(edges[i].problem));
        for (int j = 0; j < 4 && edges[i].schedules[j]; j++) {
            const struct yt_schedule s = schedule(edges[i].schedules[j]);
            if (!yt_schedule_applies(&p, &s, yt_isa_find("avx512")))
                fail_msg("%s has no use for %s", edges[i].problem,
                         edges[i].schedules[j]);
            if (yt_schedule_applies(&p, &s, isa))
                run_case(&d, &s, stats);
        }
        data_close(&d);
    }
}

static void edges_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(edges_on);
}

/* ------------------------------------------------------------ schedules */

static const char *const sampled[] = {
    "conv2d-f32-32x7x11-k48r3s1p1-silu-res",
    "conv2d-f32-32x7x11-k64r1s1p0-silu",
    "conv2d-f32-16x11x9-k32r3s2p1-silu",
    "conv2d-f32-3x14x22-k32r6s2p2-silu",
    "conv2d-f32-32x6x10-k96r1s1p0-silu-up2",
    "conv2d-f32-32x5x13-k20r5s1p2",
};

/* Anything that applies, within what LLVM compiles quickly. */
static struct yt_schedule sample(const struct yt_problem *p,
                                 const struct yt_isa *isa, uint32_t *seed)
{
    for (;;) {
        struct yt_schedule s = yt_schedule_blank(YT_ALGO_DIRECT);
        s.mr = 1 + (int32_t)(next_random(seed) % 32);
        s.nr = 1 + (int32_t)(next_random(seed) % 8);
        s.ku = 1 + (int32_t)(next_random(seed) % 16);
        s.tiles = (int32_t)(next_random(seed) % 12);
        s.order = next_random(seed) % 2 ? YT_ORDER_PIXELS : YT_ORDER_CHANNELS;
        s.tune = (enum yt_tune_cpu)(next_random(seed) % YT_TUNE_COUNT);
        s.launder = (int32_t)(next_random(seed) % 2);
        s.ic_outer = (int32_t)(next_random(seed) % 2);
        if (s.mr * s.nr * s.ku * p->u.conv2d.r <= 240 &&
            yt_schedule_applies(p, &s, isa))
            return s;
    }
}

static void samples_on(const struct yt_isa *isa, struct stats *stats)
{
    enum { SAMPLES = 8 };
    for (size_t i = 0; i < COUNT(sampled); i++) {
        const struct yt_problem p = problem(sampled[i]);
        uint32_t seed = hash(sampled[i]);
        struct data d;
        data_open(&d, &p, isa, seed);
        for (int j = 0; j < SAMPLES; j++) {
            const struct yt_schedule s = sample(&p, isa, &seed);
            run_case(&d, &s, stats);
        }
        data_close(&d);
    }
}

static void sampled_schedules_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(samples_on);
}

/* ------------------------------------------------------------------- one */

static const char *const *one; /* problem, schedule, isa */

static void one_matches_the_reference(void **state)
{
    (void)state;
    const struct yt_problem p = problem(one[0]);
    const struct yt_schedule s = schedule(one[1]);
    const struct yt_isa *isa = yt_isa_find(one[2]);
    assert_non_null(isa);
    struct stats stats = {0};
    struct data d;
    data_open(&d, &p, isa, hash(one[0]));
    run_case(&d, &s, &stats);
    data_close(&d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_match_the_reference),
        cmocka_unit_test(sampled_schedules_match_the_reference),
    };
    const struct CMUnitTest single[] = {
        cmocka_unit_test(one_matches_the_reference),
    };
    if (argc == 4) {
        one = (const char *const *)argv + 1;
        return cmocka_run_group_tests_name("conv", single, NULL, NULL);
    }
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
