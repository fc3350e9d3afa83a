/* Legality, first choice and precision of convolutions on register tiles. */

#include "codegen/conv_rows.h"

#include "base/math.h"
#include "codegen/silu_tables.h"

/* Tasks along pixels that a first choice makes, about. */
#define FIRST_GROUPS 16

#define FIRST_PIXELS_MAX 12

/* Error let pass relative to the largest output: of f32 sums, and of bf16,
 * whose outputs have 8 bits and whose inputs' products are rounded by the CPU
 * as it likes. */
#define F32_TOLERANCE  1e-5
#define BF16_TOLERANCE 8e-3

/* Steps let pass beyond the half one of rounding: what f32 makes of a value of
 * up to 255 or 4095 steps; what bf16 makes of it. */
#define U8_TOLERANCE       0.002
#define S16_TOLERANCE      0.02
#define U8_BF16_TOLERANCE  0.1
#define S16_BF16_TOLERANCE 2.0

/* And what a coarse SiLU adds: up to 8e-4 of AVX-512's, 5e-4 of the value
 * elsewhere, in steps of 1/60; of 16 bits in steps of 1/1500, where the error
 * of AVX2 is of values up to three units. */
#define U8_COARSE_TOLERANCE  0.15
#define S16_COARSE_TOLERANCE 3.0

/* Of tables of halves: see codegen/silu_tables.h. Never more than a step. */
#define U8_HALVES_TOLERANCE 0.3

int yt_conv_applies(const struct yt_problem *problem,
                    const struct yt_schedule *s, const struct yt_isa *isa)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    struct yt_conv_tiles t;
    yt_conv_tiles(problem, s, isa, &t);
    if (p->c % t.ic_block || t.steps % s->ku)
        return 0;
    /* Groups of whole vectors, and tiles inside one. */
    if (p->groups && !t.depthwise &&
        (yt_conv2d_reads(p) % isa->lanes ||
         p->k / p->groups % (isa->lanes * s->nr)))
        return 0;
    /* One canonical form each: a tile no wider than the row, a group no longer
     * than the work, channel tiles without a remainder. */
    if (s->mr > t.row || t.k_blocks % s->nr)
        return 0;
    if (s->tiles >= (t.flat ? t.tiles : t.rows))
        return 0;
    if ((p->r == 1 || t.ic_blocks == 1) && s->ic_outer)
        return 0;
    if (s->halves && !(s->coarse && yt_silu_tables_apply(problem, isa)))
        return 0;
    return !s->coarse || yt_conv_may_be_coarse(problem);
}

int yt_conv_may_be_coarse(const struct yt_problem *p)
{
    return p->u.conv2d.act == YT_ACT_SILU && p->out != YT_DTYPE_F32;
}

/* Registers that a step takes beside the accumulators and the weights. */
static int32_t working_registers(const struct yt_problem *p,
                                 const struct yt_isa *isa)
{
    const int products =
        yt_dtype_is_integer(p->dtype) && !yt_isa_has_dot(isa, p->dtype);
    return products ? 3 : 2;
}

void yt_conv_first_tile(const struct yt_problem *p, const struct yt_isa *isa,
                        int32_t widest, struct yt_schedule *s)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    s->nr = widest > 1 && t.k_blocks % 2 == 0 ? 2 : 1;
    s->mr = (isa->regs - s->nr - working_registers(p, isa)) / s->nr;
    s->mr = s->mr > FIRST_PIXELS_MAX ? FIRST_PIXELS_MAX : s->mr;
    s->mr = s->mr > t.row ? t.row : s->mr;
    for (int32_t ku = 2; p->u.conv2d.r == 1 && ku <= 4; ku *= 2)
        s->ku = t.steps % ku ? s->ku : ku;
    yt_conv_tiles(p, s, isa, &t);
    const int32_t units = t.flat ? t.tiles : t.rows;
    s->tiles = yt_ceil_div(units, FIRST_GROUPS);
    if (s->tiles >= units)
        s->tiles = 0;
}

double yt_conv_tolerance(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)isa;
    const struct yt_conv2d *v = &p->u.conv2d;
    const int linear = !v->act && !v->add;
    const int bf16 = p->dtype == YT_DTYPE_BF16;
    if (linear && yt_dtype_is_integer(p->dtype) && p->out == YT_DTYPE_F32)
        return 0; /* nothing in it is rounded otherwise than in the reference */
    switch (p->out) {
    case YT_DTYPE_U8S8:
        return s->halves   ? U8_HALVES_TOLERANCE
               : s->coarse ? U8_COARSE_TOLERANCE
               : bf16      ? U8_BF16_TOLERANCE
                           : U8_TOLERANCE;
    case YT_DTYPE_S16:
        return s->coarse ? S16_COARSE_TOLERANCE
               : bf16    ? S16_BF16_TOLERANCE
                         : S16_TOLERANCE;
    case YT_DTYPE_BF16:
        return BF16_TOLERANCE;
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return bf16 ? BF16_TOLERANCE : F32_TOLERANCE;
}
