/* What schedules mean: symbols, legality, tasks and packed filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <ctype.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/conv_tiles.h"
#include "codegen/pack.h"
#include "codegen/schedule.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static struct yt_schedule schedule(const struct yt_problem *p, const char *name)
{
    struct yt_schedule s;
    if (yt_schedule_parse(p->op, name, &s) != YT_OK)
        fail_msg("%s", yt_error());
    return s;
}

/* --------------------------------------------------------------- names */

static void symbols_are_names_with_underscores(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-64x20x20-k64r3s1p1-silu");
    const struct yt_schedule s = schedule(&p, "direct-m8n2k1-t4p-hl");
    char symbol[YT_SYMBOL_MAX];
    yt_schedule_symbol(&p, &s, yt_isa_find("sse4.2"), symbol);
    assert_string_equal(symbol, "yt_conv2d_f32_64x20x20_k64r3s1p1_silu_"
                                "direct_m8n2k1_t4p_hl_sse4_2");
    for (const char *c = symbol; *c; c++)
        assert_true(isalnum((unsigned char)*c) || *c == '_');
}

/* ------------------------------------------------------------ legality */

static const struct {
    const char *problem, *schedule;
    int applies; /* on avx512 */
} rules[] = {
    /* 20 columns, 4 vectors of output channels, 2 blocks of inputs */
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m20n4k16-t19c-glo", 1},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m21n1k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m33n1k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m0n1k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n3k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n8k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n0k1-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n1k3-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n1k32-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n1k0-t0p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "direct-m4n1k1-t20p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1-silu", "lazy-m4k1-t0-h", 0},
    /* one block of inputs has no order of blocks; nor has one tap */
    {"conv2d-f32-16x20x20-k64r3s1p1", "direct-m4n1k1-t0p-ho", 0},
    {"conv2d-f32-32x20x20-k64r1s1p0", "direct-m4n1k1-t0p-ho", 0},
    /* 1x1: the image is one row of 400, here 34 tiles */
    {"conv2d-f32-32x20x20-k64r1s1p0", "direct-m12n4k16-t33p-h", 1},
    {"conv2d-f32-32x20x20-k64r1s1p0", "direct-m12n4k16-t34p-h", 0},
    /* padded or strided, it is not */
    {"conv2d-f32-32x20x20-k64r1s2p0", "direct-m10n4k16-t9p-h", 1},
    {"conv2d-f32-32x20x20-k64r1s2p0", "direct-m11n4k16-t9p-h", 0},
    /* 255 channels are 16 vectors, 20 are 2 */
    {"conv2d-f32-32x20x20-k255r1s1p0", "direct-m4n8k1-t0p-h", 1},
    {"conv2d-f32-32x20x20-k20r1s1p0", "direct-m4n2k1-t0p-h", 1},
    {"conv2d-f32-32x20x20-k20r1s1p0", "direct-m4n4k1-t0p-h", 0},
    /* three channels are their own block; eight are no block */
    {"conv2d-f32-3x20x20-k16r6s2p2-silu", "direct-m10n1k3-t0p-h", 1},
    {"conv2d-f32-3x20x20-k16r6s2p2-silu", "direct-m10n1k2-t0p-h", 0},
    {"conv2d-f32-8x20x20-k16r3s1p1", "direct-m4n1k1-t0p-h", 0},
    /* lazy heads only */
    {"conv2d-f32-32x20x20-k255r1s1p0-lazy3", "lazy-m4k4-t0-h", 1},
    {"conv2d-f32-32x20x20-k255r1s1p0-lazy3", "direct-m4n2k4-t0p-h", 1},
    {"conv2d-f32-32x20x20-k255r1s1p0", "lazy-m4k4-t0-h", 0},
    /* the rest knows rows */
    {"sppf-f32-32x20x20-r5", "rows-h", 1},
    {"letterbox-f32-640x640", "rows-h", 1},
    {"nms-f32-c80-n1000", "lists-k2-g", 1},
    /* whatever a name says: 2^28 vectors of 16 would be no boxes in 32 bits */
    {"nms-f32-c80-n1000", "lists-k268435456-g", 0},
    {"nms-f32-c80-n1000", "lists-k2147483647-g", 0},
    {"nms-f32-c80-n1000", "buckets-k2147483647-g", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1", "direct-m4n1k1-t2147483647p-h", 0},
    {"conv2d-f32-32x20x20-k64r3s1p1", "direct-m4n1k2147483647-t0p-h", 0},
};

static void schedules_apply_in_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct yt_problem p = problem(rules[i].problem);
        const struct yt_schedule s = schedule(&p, rules[i].schedule);
        const struct yt_isa *isa = yt_isa_find("avx512");
        if (yt_schedule_applies(&p, &s, isa) != rules[i].applies)
            fail_msg("%s to %s: applies is not %d", rules[i].schedule,
                     rules[i].problem, rules[i].applies);
    }
    struct yt_problem other = problem("conv2d-f32-32x20x20-k64r3s1p1-silu");
    const struct yt_problem pool = problem("sppf-f32-32x20x20-r5");
    const struct yt_schedule s = schedule(&other, "direct-m4n1k1-t0p-h");
    assert_false(yt_schedule_applies(&pool, &s, yt_isa_find("avx512")));
    other.dtype = YT_DTYPE_BF16;
    assert_false(yt_schedule_applies(&other, &s, yt_isa_find("avx512")));
}

static const char *const any_problem[] = {
    "conv2d-f32-3x640x640-k16r6s2p2-silu",
    "conv2d-f32-16x1x1-k1r1s1p0",
    "conv2d-f32-32x2x3-k17r3s2p1-silu",
    "conv2d-f32-64x20x20-k64r3s1p1-silu-res",
    "conv2d-f32-64x20x20-k64r1s1p0-silu-up2",
    "conv2d-f32-128x40x40-k255r1s1p0-lazy3",
    "conv2d-f32-16x7x1-k300r5s1p2",
    "sppf-f32-64x20x20-r5",
    "maxpool-f32-64x20x20-r5",
    "upsample-f32-64x20x20",
    "letterbox-f32-640x640",
    "decode-f32-a3c80-20x20-s32",
    "nms-f32-c80-n1000",
};

static void the_default_applies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(any_problem); i++)
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            const struct yt_problem p = problem(any_problem[i]);
            const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
            struct yt_schedule s;
            yt_schedule_default(&p, isa, &s);
            assert_true(yt_schedule_applies(&p, &s, isa));
            assert_true(yt_schedule_tasks(&p, &s, isa) >= 1);
        }
}

/* --------------------------------------------------------------- tasks */

static const struct {
    const char *problem, *schedule;
    int64_t tasks; /* on avx512 */
} counts[] = {
    {"conv2d-f32-32x20x20-k64r3s1p1", "direct-m4n1k1-t0p-h", 4},
    {"conv2d-f32-32x20x20-k64r3s1p1", "direct-m4n2k1-t1p-h", 40},
    {"conv2d-f32-32x20x20-k64r3s1p1", "direct-m4n4k1-t7c-h", 3},
    {"conv2d-f32-32x20x20-k64r3s2p1", "direct-m4n4k1-t3c-h", 4},
    {"conv2d-f32-32x20x20-k64r1s1p0", "direct-m12n1k1-t5c-h", 28},
    {"conv2d-f32-32x20x20-k255r1s1p0", "direct-m12n8k1-t5c-h", 14},
    {"conv2d-f32-32x20x20-k255r1s1p0-lazy3", "lazy-m12k1-t5-h", 7},
    {"sppf-f32-64x20x20-r5", "rows-h", 4},
    {"upsample-f32-64x20x20", "rows-h", 80},
    {"letterbox-f32-640x384", "rows-h", 640},
    {"decode-f32-a3c80-20x40-s32", "rows-k8-h", 60},
};

static void work_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        const struct yt_problem p = problem(counts[i].problem);
        const struct yt_schedule s = schedule(&p, counts[i].schedule);
        const struct yt_isa *isa = yt_isa_find("avx512");
        assert_true(yt_schedule_applies(&p, &s, isa));
        assert_int_equal(yt_schedule_tasks(&p, &s, isa), counts[i].tasks);
    }
}

/* Tiles of a row: all pixels, in order, sizes at most one apart. */
static void tiles_cover_the_row_evenly(void **state)
{
    (void)state;
    struct yt_problem p = problem("conv2d-f32-16x1x1-k16r3s1p1");
    struct yt_schedule s = schedule(&p, "direct-m1n1k1-t0p-h");
    for (int32_t w = 1; w < 70; w++)
        for (int32_t mr = 1; mr <= 32 && mr <= w; mr++) {
            struct yt_conv_tiles t;
            p.u.conv2d.w = w;
            s.mr = mr;
            yt_conv_tiles(&p, &s, yt_isa_find("avx512"), &t);
            int32_t next = 0;
            for (int32_t i = 0; i < t.tiles; i++) {
                const int32_t pixels = yt_conv_tile_pixels(&t, i);
                assert_int_equal(yt_conv_tile_start(&t, i), next);
                assert_in_range(pixels, t.base, t.base + 1);
                assert_true(pixels >= 1 && pixels <= mr);
                next += pixels;
            }
            assert_int_equal(next, w);
            assert_int_equal(t.tiles, (w + mr - 1) / mr);
        }
}

/* -------------------------------------------------------------- packing */

static const struct {
    const char *problem, *schedule, *isa;
} packings[] = {
    {"conv2d-f32-32x8x8-k64r3s1p1", "direct-m4n2k1-t0p-h", "avx512"},
    {"conv2d-f32-32x8x8-k64r3s1p1", "direct-m4n4k4-t0c-hlo", "avx512"},
    {"conv2d-f32-32x8x8-k20r3s1p1", "direct-m4n3k1-t0p-ho", "avx2"},
    {"conv2d-f32-16x8x8-k255r1s1p0", "direct-m4n2k4-t0p-h", "avx512"},
    {"conv2d-f32-8x8x8-k10r5s1p2", "direct-m4n3k2-t0p-h", "scalar"},
    {"conv2d-f32-3x8x8-k16r6s2p2", "direct-m4n2k3-t0p-h", "avx2"},
};

/* Where the header says weight (k, c, kh, kw) lies, in elements. */
static size_t packed_index(const struct yt_conv2d *p,
                           const struct yt_schedule *s, int32_t lanes,
                           int32_t k, int32_t c, int32_t kh, int32_t kw)
{
    const size_t width = (size_t)s->nr * (size_t)lanes;
    const size_t block = p->c == 3 ? 3 : (size_t)lanes;
    const size_t r = (size_t)p->r;
    const size_t ic = (size_t)c;
    const size_t tile = (size_t)k / width;
    const size_t outer =
        s->ic_outer
            ? ((tile * ((size_t)p->c / block) + ic / block) * r + (size_t)kh) *
                      block +
                  ic % block
            : (tile * r + (size_t)kh) * (size_t)p->c + ic;
    return (outer * r + (size_t)kw) * width + (size_t)k % width;
}

/* Every weight is another number: each must be where it belongs, and what is
 * left over must be zeros. */
static void weights_lie_where_the_header_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(packings); i++) {
        const struct yt_problem problem_ = problem(packings[i].problem);
        const struct yt_conv2d *p = &problem_.u.conv2d;
        const struct yt_schedule s = schedule(&problem_, packings[i].schedule);
        const struct yt_isa *isa = yt_isa_find(packings[i].isa);
        assert_true(yt_schedule_applies(&problem_, &s, isa));
        const size_t bytes = yt_pack_weight_bytes(&problem_, &s, isa);
        const int32_t padded =
            (p->k + isa->lanes - 1) / isa->lanes * isa->lanes;
        assert_int_equal(bytes, 4 * (size_t)padded * (size_t)p->c *
                                    (size_t)(p->r * p->r));
        const size_t elems =
            (size_t)p->k * (size_t)p->c * (size_t)(p->r * p->r);
        float *weights = malloc(elems * sizeof *weights);
        float *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
        assert_non_null(weights);
        assert_non_null(packed);
        for (size_t j = 0; j < elems; j++)
            weights[j] = (float)(j + 1);
        memset(packed, 0xff, bytes);
        yt_pack_weights(&problem_, &s, isa,
                        &(const struct yt_weights){.weights = weights}, packed);
        size_t j = 0;
        for (int32_t k = 0; k < p->k; k++)
            for (int32_t c = 0; c < p->c; c++)
                for (int32_t kh = 0; kh < p->r; kh++)
                    for (int32_t kw = 0; kw < p->r; kw++, j++) {
                        float *at = &packed[packed_index(p, &s, isa->lanes, k,
                                                         c, kh, kw)];
                        assert_true(*at == weights[j]);
                        *at = 0;
                    }
        for (size_t at = 0; at < bytes / sizeof *packed; at++)
            assert_true(packed[at] == 0);
        free(weights);
        free(packed);
    }
}

/* The lazy panels: objectness of every anchor, then all channels. */
static void lazy_panels(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-16x4x4-k21r1s1p0-lazy3");
    const struct yt_schedule s = schedule(&p, "lazy-m4k1-t0-h");
    const struct yt_isa *isa = yt_isa_find("avx2");
    float weights[21 * 16];
    for (size_t i = 0; i < COUNT(weights); i++)
        weights[i] = (float)(i + 1);
    const size_t bytes = yt_pack_weight_bytes(&p, &s, isa);
    assert_int_equal(bytes, 4 * 16 * (8 + 24));
    float *packed = aligned_alloc(64, bytes);
    assert_non_null(packed);
    yt_pack_weights(&p, &s, isa, &(const struct yt_weights){.weights = weights},
                    packed);
    for (int c = 0; c < 16; c++) {
        for (int j = 0; j < 8; j++)
            assert_true(packed[c * 8 + j] ==
                        (j < 3 ? weights[(7 * j + 4) * 16 + c] : 0));
        for (int k = 0; k < 24; k++)
            assert_true(packed[16 * 8 + c * 24 + k] ==
                        (k < 21 ? weights[k * 16 + c] : 0));
    }
    free(packed);
}

static void only_convolutions_have_weights(void **state)
{
    (void)state;
    const struct yt_problem p = problem("sppf-f32-64x20x20-r5");
    const struct yt_schedule s = schedule(&p, "rows-h");
    assert_int_equal(yt_pack_weight_bytes(&p, &s, yt_isa_find("avx2")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_are_names_with_underscores),
        cmocka_unit_test(schedules_apply_in_one_form),
        cmocka_unit_test(the_default_applies),
        cmocka_unit_test(work_is_counted),
        cmocka_unit_test(tiles_cover_the_row_evenly),
        cmocka_unit_test(weights_lie_where_the_header_says),
        cmocka_unit_test(lazy_panels),
        cmocka_unit_test(only_convolutions_have_weights),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
