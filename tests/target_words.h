#ifndef YT_TARGET_WORDS_H
#define YT_TARGET_WORDS_H

/* The words of targets, each with operands to draw and what plain C makes of
 * them; for tests/test_target.c. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/bf16.h"
#include "base/random.h"
#include "codegen/emit.h"
#include "runtime/integers.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TASKS = 64, OPERANDS_MAX = 4, LANES_MAX = 16, SLOT = 64 };

/* A vector, the ISA's lanes of it. */
union vector {
    float f[LANES_MAX];
    int32_t i[LANES_MAX];
    uint32_t u[LANES_MAX];
    int16_t h[2 * LANES_MAX];
    uint16_t uh[2 * LANES_MAX];
    int8_t b[SLOT];
    uint8_t ub[SLOT];
};

static uint64_t random_state;

static uint32_t next_random(void)
{
    return (uint32_t)yt_random_next(&random_state);
}

/* From -most to most. */
static int32_t random_within(int32_t most)
{
    return (int32_t)(next_random() % (2 * (uint32_t)most + 1)) - most;
}

/* Uniform in [from, to). */
static float random_float(float from, float to)
{
    return from + (to - from) * (float)(next_random() >> 8) * 0x1p-24f;
}

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* --------------------------------------------------------------- words */

/* A word under test. Values of its operands are drawn lane by lane; the result
 * is compared bit by bit, or as floats within tolerance. */
struct word {
    const char *name;
    int operands;
    uint32_t can; /* the capability that gives a row a better one; 0: none */
    LLVMValueRef (*emit)(struct yt_emit *e, LLVMValueRef *v);
    void (*draw)(const struct yt_isa *isa, union vector *v);
    void (*expect)(const struct yt_isa *isa, const union vector *v,
                   union vector *out);
    double tolerance; /* of floats, relative; 0: the same bits */
};

static void draw_bits(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < OPERANDS_MAX; i++)
        for (int lane = 0; lane < LANES_MAX; lane++)
            v[i].u[lane] = next_random();
}

static LLVMValueRef emit_dot_u8s8(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_dot(e, YT_DTYPE_U8S8, v[0], v[1], v[2]);
}

/* Weights as large as the row says it can take. */
static void draw_dot_u8s8(const struct yt_isa *isa, union vector *v)
{
    const int32_t most = yt_isa_weight_max(isa);
    draw_bits(isa, v);
    for (int i = 0; i < SLOT; i++) {
        v[1].ub[i] = next_random() % 3 ? v[1].ub[i] : 255;
        v[2].b[i] = (int8_t)(next_random() % 3 ? random_within(most) : most);
    }
}

static void expect_dot_u8s8(const struct yt_isa *isa, const union vector *v,
                            union vector *out)
{
    for (int i = 0; i < 4 * isa->lanes; i++) {
        const uint32_t acc = i % 4 ? out->u[i / 4] : v[0].u[i / 4];
        out->u[i / 4] = acc + (uint32_t)(v[1].ub[i] * v[2].b[i]);
    }
}

static LLVMValueRef emit_dot_s16(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_dot(e, YT_DTYPE_S16, v[0], v[1], v[2]);
}

static void draw_dot_s16(const struct yt_isa *isa, union vector *v)
{
    draw_bits(isa, v);
    for (int i = 0; i < 2 * LANES_MAX; i++)
        v[1].h[i] = (int16_t)random_within(YT_S16_MAX);
}

static void expect_dot_s16(const struct yt_isa *isa, const union vector *v,
                           union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++) {
        const uint32_t acc = i % 2 ? out->u[i / 2] : v[0].u[i / 2];
        out->u[i / 2] = acc + (uint32_t)(v[1].h[i] * v[2].h[i]);
    }
}

static LLVMValueRef emit_dot_bf16(struct yt_emit *e, LLVMValueRef *v)
{
    v[0] = LLVMBuildBitCast(e->b, v[0], e->vec, "");
    return yt_emit_dot(e, YT_DTYPE_BF16, v[0], v[1], v[2]);
}

/* Positive, so that nothing cancels and a relative bound holds. */
static void draw_dot_bf16(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++)
        v[0].f[i] = random_float(0, 100);
    for (int i = 0; i < 2 * LANES_MAX; i++) {
        v[1].uh[i] = yt_bf16_of(random_float(0.1f, 9));
        v[2].uh[i] = yt_bf16_of(random_float(0.1f, 9));
    }
}

static void expect_dot_bf16(const struct yt_isa *isa, const union vector *v,
                            union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = (float)((double)v[0].f[i] +
                            (double)yt_bf16_float(v[1].uh[2 * i]) *
                                (double)yt_bf16_float(v[2].uh[2 * i]) +
                            (double)yt_bf16_float(v[1].uh[2 * i + 1]) *
                                (double)yt_bf16_float(v[2].uh[2 * i + 1]));
}

static LLVMValueRef emit_fma(struct yt_emit *e, LLVMValueRef *v)
{
    for (int i = 0; i < 3; i++)
        v[i] = LLVMBuildBitCast(e->b, v[i], e->vec, "");
    return yt_emit_fma(e, v[0], v[1], v[2]);
}

static void draw_fma(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++) {
        v[0].f[i] = random_float(-2, 2);
        v[1].f[i] = random_float(-2, 2);
        v[2].f[i] = -v[0].f[i] * v[1].f[i]; /* what is left tells */
    }
}

static void expect_fma(const struct yt_isa *isa, const union vector *v,
                       union vector *out)
{
    for (int i = 0; i < isa->lanes; i++) {
        const float product = v[0].f[i] * v[1].f[i];
        out->f[i] = isa->can & YT_CAN_FMA
                        ? fmaf(v[0].f[i], v[1].f[i], v[2].f[i])
                        : product + v[2].f[i];
    }
}

static LLVMValueRef emit_dot_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_dot_halves(e, v[0], v[1]);
}

static void expect_dot_halves(const struct yt_isa *isa, const union vector *v,
                              union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->u[i] = (uint32_t)(v[0].h[2 * i] * v[1].h[2 * i]) +
                    (uint32_t)(v[0].h[2 * i + 1] * v[1].h[2 * i + 1]);
}

static LLVMValueRef emit_mul_high_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_mul_high_halves(e, v[0], v[1]);
}

static void expect_mul_high_halves(const struct yt_isa *isa,
                                   const union vector *v, union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->uh[i] = (uint16_t)((uint32_t)(v[0].h[i] * v[1].h[i]) >> 16);
}

static LLVMValueRef emit_shuffle_bytes(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_shuffle_bytes(e, v[0], v[1]);
}

static void draw_shuffle_bytes(const struct yt_isa *isa, union vector *v)
{
    draw_bits(isa, v);
    for (int i = 0; i < SLOT; i++)
        v[1].ub[i] &= v[1].b[i] < 0 ? 0xff : 15;
}

static void expect_shuffle_bytes(const struct yt_isa *isa,
                                 const union vector *v, union vector *out)
{
    for (int i = 0; i < 4 * isa->lanes; i++)
        out->ub[i] = v[1].b[i] < 0 ? 0 : v[0].ub[i / 16 * 16 + v[1].ub[i]];
}

static LLVMValueRef emit_pack_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_packed_in_order(e, yt_emit_pack_halves(e, v[0], v[1]), 2);
}

/* On both sides of each limit. */
static void draw_packed(const struct yt_isa *isa, union vector *v)
{
    static const int32_t limits[] = {0,         UINT8_MAX,     INT16_MIN,
                                     INT16_MAX, INT32_MIN + 3, INT32_MAX - 3};
    (void)isa;
    for (int i = 0; i < OPERANDS_MAX; i++)
        for (int lane = 0; lane < LANES_MAX; lane++)
            v[i].i[lane] =
                limits[next_random() % COUNT(limits)] + random_within(3);
}

static int32_t limited(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static void expect_pack_halves(const struct yt_isa *isa, const union vector *v,
                               union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->h[i] = (int16_t)limited(v[i / isa->lanes].i[i % isa->lanes],
                                     INT16_MIN, INT16_MAX);
}

static LLVMValueRef emit_pack_bytes(struct yt_emit *e, LLVMValueRef *v)
{
    LLVMValueRef low = yt_emit_pack_halves(e, v[0], v[1]);
    LLVMValueRef high = yt_emit_pack_halves(e, v[2], v[3]);
    return yt_emit_packed_in_order(e, yt_emit_pack_bytes(e, low, high), 4);
}

static void expect_pack_bytes(const struct yt_isa *isa, const union vector *v,
                              union vector *out)
{
    for (int i = 0; i < 4 * isa->lanes; i++)
        out->ub[i] =
            (uint8_t)limited(v[i / isa->lanes].i[i % isa->lanes], 0, UINT8_MAX);
}

static LLVMValueRef emit_round(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_round(e, LLVMBuildBitCast(e->b, v[0], e->vec, ""));
}

/* Ties, whole numbers, and everything between that fits. */
static void draw_round(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++)
        switch (next_random() % 4) {
        case 0:
            v->f[i] = (float)random_within(1000) + 0.5f;
            break;
        case 1:
            v->f[i] = (float)random_within(1 << 25);
            break;
        case 2:
            v->f[i] = random_float(-2147483648.0f, 2147483520.0f);
            break;
        default:
            v->f[i] = random_float(-3, 3);
        }
}

static void expect_round(const struct yt_isa *isa, const union vector *v,
                         union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->i[i] = (int32_t)rint((double)v->f[i]);
}

static LLVMValueRef emit_to_bf16(struct yt_emit *e, LLVMValueRef *v)
{
    return e->words.to_bf16(e, LLVMBuildBitCast(e->b, v[0], e->vec, ""),
                            LLVMBuildBitCast(e->b, v[1], e->vec, ""));
}

/* Ties, numbers that are denormal, infinite or none. */
static void draw_to_bf16(const struct yt_isa *isa, union vector *v)
{
    static const uint32_t odd[] = {0x7f800000, 0x7fc12345, 0x7fa00000,
                                   0x00012345, 0,          0x7f7fffff};
    draw_bits(isa, v);
    for (int i = 0; i < 2; i++)
        for (int lane = 0; lane < LANES_MAX; lane++) {
            uint32_t *bits = &v[i].u[lane];
            if (next_random() % 4 == 0)
                *bits = (*bits & ~0x7fffu) | 0x8000;
            else if (next_random() % 4 == 0)
                *bits = odd[next_random() % COUNT(odd)] | (*bits & 1u << 31);
        }
}

static void expect_to_bf16(const struct yt_isa *isa, const union vector *v,
                           union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->uh[i] = yt_bf16_of(v[i / isa->lanes].f[i % isa->lanes]);
}

#define CLAMP 10.0f

static LLVMValueRef emit_clamp(struct yt_emit *e, LLVMValueRef *v)
{
    v[0] = LLVMBuildBitCast(e->b, v[0], e->vec, "");
    return e->words.clamp(e, v[0], CLAMP);
}

static void draw_clamp(const struct yt_isa *isa, union vector *v)
{
    static const float edges[] = {CLAMP,     -CLAMP, INFINITY,
                                  -INFINITY, 0,      1e-40f};
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++)
        v->f[i] = next_random() % 2 ? random_float(-2 * CLAMP, 2 * CLAMP)
                                    : edges[next_random() % COUNT(edges)];
}

static void expect_clamp(const struct yt_isa *isa, const union vector *v,
                         union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = fmaxf(fminf(v->f[i], CLAMP), -CLAMP);
}

static LLVMValueRef emit_scale(struct yt_emit *e, LLVMValueRef *v)
{
    for (int i = 0; i < 3; i++)
        v[i] = LLVMBuildBitCast(e->b, v[i], e->vec, "");
    return e->words.scale(e, v[0], v[1], v[2]);
}

static void draw_scale(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++) {
        v[0].f[i] = random_float(0.5f, 2);
        v[1].f[i] = (float)random_within(120);
        v[2].f[i] = v[1].f[i] + 0x1.8p23f;
    }
}

static void expect_scale(const struct yt_isa *isa, const union vector *v,
                         union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = ldexpf(v[0].f[i], (int)v[1].f[i]);
}

static LLVMValueRef emit_divide(struct yt_emit *e, LLVMValueRef *v)
{
    return e->words.divide(e, LLVMBuildBitCast(e->b, v[0], e->vec, ""),
                           LLVMBuildBitCast(e->b, v[1], e->vec, ""));
}

static void draw_divide(const struct yt_isa *isa, union vector *v)
{
    (void)isa;
    for (int i = 0; i < LANES_MAX; i++) {
        v[0].f[i] = random_float(-100, 100);
        v[1].f[i] = next_random() % 4 ? exp2f(random_float(0, 100)) : 1;
    }
}

static void expect_divide(const struct yt_isa *isa, const union vector *v,
                          union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = v[0].f[i] / v[1].f[i];
}

static LLVMValueRef emit_reciprocal(struct yt_emit *e, LLVMValueRef *v)
{
    return e->words.reciprocal(e, LLVMBuildBitCast(e->b, v[1], e->vec, ""));
}

static void expect_reciprocal(const struct yt_isa *isa, const union vector *v,
                              union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = 1 / v[1].f[i];
}

static const float table[32] = {
    3,  1,  4,  1.5f,  9,  2,  6,  5.25f, 35, 89,  79, 32, 38, 46, 26, 43,
    -3, -1, -4, -1.5f, -9, -2, -6, -5,    -8, -97, 93, 23, 84, 62, 64, 33};

static LLVMValueRef emit_mul_round_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_mul_round_halves(e, v[0], v[1]);
}

/* -1 * -1 is 1, which halves do not have. */
static void draw_mul_round_halves(const struct yt_isa *isa, union vector *v)
{
    draw_bits(isa, v);
    for (int i = 0; i < 2 * LANES_MAX; i++)
        v[0].h[i] = v[0].h[i] == INT16_MIN ? INT16_MAX : v[0].h[i];
}

static void expect_mul_round_halves(const struct yt_isa *isa,
                                    const union vector *v, union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->h[i] = (int16_t)((v[0].h[i] * v[1].h[i] + (1 << 14)) >> 15);
}

static LLVMValueRef emit_look_up_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_look_up_halves(e, v[0], v[1]);
}

static void expect_look_up_halves(const struct yt_isa *isa,
                                  const union vector *v, union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->h[i] = v[0].h[v[1].uh[i] % (2 * isa->lanes)];
}

static LLVMValueRef emit_add_halves(struct yt_emit *e, LLVMValueRef *v)
{
    return yt_emit_add_halves(e, yt_emit_shift_left_halves(e, v[0], 7),
                              yt_emit_shift_right_halves(e, v[1], 11));
}

static void expect_add_halves(const struct yt_isa *isa, const union vector *v,
                              union vector *out)
{
    for (int i = 0; i < 2 * isa->lanes; i++)
        out->uh[i] = (uint16_t)((v[0].uh[i] << 7) + (v[1].uh[i] >> 11));
}

static LLVMValueRef emit_look_up(struct yt_emit *e, LLVMValueRef *v)
{
    v[0] = LLVMBuildBitCast(e->b, v[0], e->vec, "");
    return e->words.look_up(e, v[0], table);
}

static void expect_look_up(const struct yt_isa *isa, const union vector *v,
                           union vector *out)
{
    for (int i = 0; i < isa->lanes; i++)
        out->f[i] = table[v->u[i] % 32];
}

static const struct word words[] = {
    {"dot_u8s8", 3, YT_CAN_DOT8, emit_dot_u8s8, draw_dot_u8s8, expect_dot_u8s8,
     0},
    {"dot_s16", 3, YT_CAN_DOT16, emit_dot_s16, draw_dot_s16, expect_dot_s16, 0},
    {"dot_bf16", 3, YT_CAN_BF16, emit_dot_bf16, draw_dot_bf16, expect_dot_bf16,
     0x1p-22},
    {"fma", 3, YT_CAN_FMA, emit_fma, draw_fma, expect_fma, 0},
    {"dot_halves", 2, 0, emit_dot_halves, draw_bits, expect_dot_halves, 0},
    {"mul_high_halves", 2, 0, emit_mul_high_halves, draw_bits,
     expect_mul_high_halves, 0},
    {"shuffle_bytes", 2, YT_CAN_SHUFFLE_BYTES, emit_shuffle_bytes,
     draw_shuffle_bytes, expect_shuffle_bytes, 0},
    {"pack_halves", 2, 0, emit_pack_halves, draw_packed, expect_pack_halves, 0},
    {"pack_bytes", 4, 0, emit_pack_bytes, draw_packed, expect_pack_bytes, 0},
    {"round", 1, 0, emit_round, draw_round, expect_round, 0},
    {"to_bf16", 2, YT_CAN_BF16, emit_to_bf16, draw_to_bf16, expect_to_bf16, 0},
    {"clamp", 1, 0, emit_clamp, draw_clamp, expect_clamp, 0},
    {"scale", 3, 0, emit_scale, draw_scale, expect_scale, 0},
    {"divide", 2, 0, emit_divide, draw_divide, expect_divide, 0x1p-22},
    {"reciprocal", 2, 0, emit_reciprocal, draw_divide, expect_reciprocal,
     0x1p-11},
    {"look_up", 1, YT_CAN_LOOKUP, emit_look_up, draw_bits, expect_look_up, 0},
    {"mul_round_halves", 2, YT_CAN_SHUFFLE_BYTES, emit_mul_round_halves,
     draw_mul_round_halves, expect_mul_round_halves, 0},
    {"look_up_halves", 2, YT_CAN_LOOKUP, emit_look_up_halves, draw_bits,
     expect_look_up_halves, 0},
    {"add_halves", 2, 0, emit_add_halves, draw_bits, expect_add_halves, 0},
};

#endif
