/* Depth-wise convolution on the blocked layout: each channel by itself, so a
 * vector of channels is multiplied by a vector of weights for each tap. A
 * register tile of pixels stays in accumulators; a column of the input is
 * loaded once for all pixels that it is a tap of. codegen/conv_walk.c goes over
 * the tiles.
 *
 * bf16 is computed in f32, and integers of 16 bits and bytes as halves of lanes
 * whose other half is zero: such a product is exact, in one instruction. */

#include <assert.h>
#include <string.h>

#include "base/bf16.h"
#include "codegen/conv_parts.h"
#include "codegen/conv_rows.h"
#include "codegen/pack.h"

/* ----------------------------------------------------------------- code */

static LLVMValueRef multiply_add(const struct yt_conv_emit *c, LLVMValueRef acc,
                                 LLVMValueRef x, LLVMValueRef w)
{
    const int integers = yt_dtype_is_integer(c->dtype);
    return yt_emit_dot(c->e, integers ? YT_DTYPE_S16 : YT_DTYPE_F32, acc, x, w);
}

static LLVMValueRef load_pixel(const struct yt_conv_emit *c, LLVMValueRef at)
{
    return yt_dtype_is_integer(c->dtype)
               ? yt_emit_load_lanes(c->e, c->dtype, at)
               : yt_emit_load_wide(c->e, c->dtype, at);
}

/* A column of the input, for each pixel of the tile that it is a tap of. */
static void add_column(struct yt_conv_emit *c, const struct yt_conv_place *at,
                       LLVMValueRef in, const LLVMValueRef *weights,
                       int32_t column)
{
    struct yt_emit *e = c->e;
    LLVMValueRef x = NULL;
    for (int32_t m = 0; m < at->pixels; m++) {
        const int32_t kw = column - m * c->p->stride;
        if (kw < 0 || kw >= c->p->r ||
            !yt_conv_tap_inside(c, at->example, m, kw))
            continue;
        if (!x)
            x = load_pixel(c, yt_emit_at(e, in, column * c->t.in_pixel));
        LLVMValueRef acc = c->acc[m][0];
        yt_emit_set(e, acc,
                    multiply_add(c, yt_emit_get(e, acc), x, weights[kw]));
    }
}

static void accumulate(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const int32_t r = c->p->r;
    const int32_t columns = (at->pixels - 1) * c->p->stride + r;
    LLVMValueRef weights[YT_CONV_MR_MAX] = {NULL};
    LLVMValueRef kh0, kh1;
    LLVMValueRef in = yt_conv_origin(c, at, &kh0, &kh1);
    struct yt_loop kh;
    yt_emit_for(e, &kh, "kh", kh0, kh1, 1, 1);
    in = yt_emit_index(e, in, yt_emit_muli(e, kh.i, c->t.in_row));
    LLVMValueRef row =
        yt_emit_index(e, c->k_weights, yt_emit_muli(e, kh.i, c->t.weight_kh));
    for (int32_t kw = 0; kw < r; kw++)
        weights[kw] = yt_emit_load(e, yt_emit_sum_type(e, c->dtype),
                                   yt_emit_at(e, row, kw * c->t.vec_bytes),
                                   (unsigned)c->t.vec_bytes);
    for (int32_t column = 0; column < columns; column++)
        add_column(c, at, in, weights, column);
    yt_emit_endfor(e, &kh);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    struct yt_conv_emit c;
    yt_conv_open(&c, e, problem, s);
    assert(c.t.depthwise && problem->u.conv2d.r <= YT_CONV_MR_MAX);
    yt_conv_walk(&c, accumulate);
}

/* -------------------------------------------------------------- packing */

static size_t weight_bytes(const struct yt_problem *p,
                           const struct yt_schedule *s,
                           const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return (size_t)t.weight_tile * (size_t)t.k_tiles;
}

/* A weight as its lane has it. */
static uint32_t lane_of(enum yt_dtype dtype, const struct yt_weights *f,
                        int64_t at)
{
    uint32_t bits = 0;
    if (at < 0)
        return 0;
    if (yt_dtype_is_integer(dtype))
        return (uint16_t)f->integers->weights[at];
    if (dtype == YT_DTYPE_BF16)
        return (uint32_t)yt_bf16_of(f->weights[at]) << 16;
    memcpy(&bits, &f->weights[at], sizeof bits);
    return bits;
}

/* [block][kh][kw][lanes], of 4 bytes each. */
static void pack(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    uint32_t *out = packed;
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    for (int32_t block = 0; block < t.k_blocks; block++)
        for (int32_t kh = 0; kh < v->r; kh++)
            for (int32_t kw = 0; kw < v->r; kw++)
                for (int32_t lane = 0; lane < isa->lanes; lane++)
                    *out++ =
                        lane_of(p->dtype, f,
                                yt_filter_index(v, block * isa->lanes + lane, 0,
                                                kh, kw));
}

/* ------------------------------------------------------------------ row */

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    return yt_conv2d_is_depthwise(&p->u.conv2d) && yt_conv_applies(p, s, isa);
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    if (!yt_conv2d_is_depthwise(v))
        return 0;
    yt_conv_first_tile(p, isa, 1, s);
    s->ku = 1;
    s->coarse = yt_conv_may_be_coarse(p);
    s->order = YT_ORDER_PIXELS;
    return applies(p, s, isa);
}

static void propose(const struct yt_ask *ask)
{
    struct yt_schedule start = yt_schedule_blank(YT_ALGO_DEPTHWISE);
    start.coarse = yt_conv_may_be_coarse(ask->problem);
    if (yt_conv2d_is_depthwise(&ask->problem->u.conv2d))
        yt_conv_propose(ask, &start, 1);
}

const struct yt_algo yt_algo_depthwise = {
    .name = "depthwise",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(TILES) | YT_KNOB_BIT(ORDER) |
             YT_KNOB_BIT(TUNE) | YT_KNOB_BIT(COARSE),
    .applies = applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_TUNE, YT_KNOB_COARSE},
    .body_count = 2,
    .values = yt_conv_values,
    .tasks = yt_conv_task_count,
    .row_tasks = yt_conv_row_tasks,
    .splits_pixels = yt_conv_splits_pixels,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .tolerance = yt_conv_tolerance,
    .generate = generate,
};
