/* Direct convolution on the blocked layout: a register tile of pixels x
 * channel vectors stays in accumulators across all taps; bias, SiLU and addend
 * are its epilogue. codegen/conv_walk.c goes over the tiles. */

#include <assert.h>

#include "codegen/conv_parts.h"
#include "codegen/conv_rows.h"
#include "codegen/pack.h"
#include "codegen/silu_tables.h"

/* ----------------------------------------------------------------- code */

/* ku steps of input channels x all kw: the unrolled heart. */
static void multiply(struct yt_conv_emit *c, const struct yt_conv_place *at,
                     LLVMValueRef in, LLVMValueRef weights)
{
    struct yt_emit *e = c->e;
    const int64_t vec_bytes = c->t.vec_bytes;
    LLVMTypeRef type = yt_emit_sum_type(e, c->dtype);
    for (int32_t kw = 0; kw < c->t.taps; kw++) {
        LLVMValueRef tap = c->s->launder ? yt_emit_launder(e, in) : in;
        for (int32_t u = 0; u < c->s->ku; u++) {
            LLVMValueRef w[YT_CONV_NR_MAX] = {NULL};
            for (int32_t n = 0; n < c->s->nr; n++) {
                const int64_t offset =
                    u * c->t.weight_step + (kw * c->s->nr + n) * vec_bytes;
                w[n] = yt_emit_load(e, type, yt_emit_at(e, weights, offset),
                                    (unsigned)vec_bytes);
            }
            for (int32_t m = 0; m < at->pixels; m++) {
                if (!yt_conv_tap_inside(c, at->example, m, kw))
                    continue;
                LLVMValueRef x = yt_emit_broadcast_step(
                    e, c->dtype, tap,
                    (m * c->p->stride + kw) * c->t.in_pixel + u * 4);
                for (int32_t n = 0; n < c->s->nr; n++) {
                    LLVMValueRef acc = c->acc[m][n];
                    yt_emit_set(
                        e, acc,
                        yt_emit_dot(e, c->dtype, yt_emit_get(e, acc), x, w[n]));
                }
            }
        }
    }
}

/* All input channels of one filter row or, with ic_outer, of one block. */
static void channel_steps(struct yt_conv_emit *c,
                          const struct yt_conv_place *at, LLVMValueRef in,
                          LLVMValueRef weights)
{
    struct yt_emit *e = c->e;
    if (c->t.steps == c->s->ku) {
        multiply(c, at, in, weights);
        return;
    }
    struct yt_loop ic;
    yt_emit_for(e, &ic, "ic", yt_emit_i64(e, 0), yt_emit_i64(e, c->t.steps),
                c->s->ku, 1);
    multiply(
        c, at, yt_emit_index(e, in, yt_emit_muli(e, ic.i, 4)),
        yt_emit_index(e, weights, yt_emit_muli(e, ic.i, c->t.weight_step)));
    yt_emit_endfor(e, &ic);
}

struct walk {
    struct yt_loop loop;
    int is_loop;
};

/* for (i = from; i < to) advance both pointers by their stride. */
static void walk_begin(struct yt_conv_emit *c, struct walk *w,
                       const char *label, LLVMValueRef from, LLVMValueRef to,
                       int trips, int64_t in_stride, int64_t weight_stride,
                       LLVMValueRef *in, LLVMValueRef *weights)
{
    w->is_loop = trips != 1;
    if (!w->is_loop)
        return;
    struct yt_emit *e = c->e;
    yt_emit_for(e, &w->loop, label, from, to, 1, 1);
    *in = yt_emit_index(e, *in, yt_emit_muli(e, w->loop.i, in_stride));
    *weights =
        yt_emit_index(e, *weights, yt_emit_muli(e, w->loop.i, weight_stride));
}

static void walk_end(struct yt_conv_emit *c, struct walk *w)
{
    if (w->is_loop)
        yt_emit_endfor(c->e, &w->loop);
}

static void accumulate(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const struct yt_conv2d *p = c->p;
    LLVMValueRef kh0, kh1;
    LLVMValueRef in = yt_conv_origin(c, at, &kh0, &kh1);
    LLVMValueRef weights = c->k_weights;
    LLVMValueRef blocks = yt_emit_i64(e, c->t.ic_blocks);
    LLVMValueRef zero = yt_emit_i64(e, 0);
    struct walk kh, block;
    if (c->s->ic_outer) {
        walk_begin(c, &block, "block", zero, blocks, c->t.ic_blocks,
                   c->t.in_block, c->t.weight_block, &in, &weights);
        walk_begin(c, &kh, "kh", kh0, kh1, p->r, c->t.in_row, c->t.weight_kh,
                   &in, &weights);
        channel_steps(c, at, in, weights);
        walk_end(c, &kh);
        walk_end(c, &block);
        return;
    }
    walk_begin(c, &kh, "kh", kh0, kh1, p->r, c->t.in_row, c->t.weight_kh, &in,
               &weights);
    walk_begin(c, &block, "block", zero, blocks, c->t.ic_blocks, c->t.in_block,
               c->t.weight_block, &in, &weights);
    channel_steps(c, at, in, weights);
    walk_end(c, &block);
    walk_end(c, &kh);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    struct yt_conv_emit c;
    yt_conv_open(&c, e, problem, s);
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

/* One step of all its taps: [kw][nr * lanes][channels of the step]. */
static void pack_step(const struct yt_problem *p, const struct yt_conv_tiles *t,
                      const struct yt_weights *f, int32_t k0, int32_t width,
                      int32_t c, int32_t kh, char *out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    for (int32_t kw = 0; kw < v->r; kw++)
        for (int32_t j = 0; j < width; j++)
            for (int32_t i = 0; i < t->per_step; i++)
                yt_pack_element(p->dtype, f,
                                yt_filter_index(v, k0 + j, c + i, kh, kw),
                                &out);
}

/* The same of a window, whose elements are [kw][3] one after the other. */
static void pack_window_step(const struct yt_problem *p,
                             const struct yt_conv_tiles *t,
                             const struct yt_weights *f, int32_t k0,
                             int32_t width, int32_t step, int32_t kh, char *out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    for (int32_t j = 0; j < width; j++)
        for (int32_t i = 0; i < t->per_step; i++) {
            const int32_t at = step * t->per_step + i;
            yt_pack_element(p->dtype, f,
                            yt_filter_index(v, k0 + j, at % 3, kh, at / 3),
                            &out);
        }
}

/* [k tile][kh][step][kw][nr * lanes][channels of a step], or with ic_outer
 * [k tile][ic block][kh][step][kw][nr * lanes][channels of a step]; zeros past
 * k. */
static void pack(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    const int32_t width = s->nr * isa->lanes;
    for (int32_t o = 0; o < t.k_tiles; o++)
        for (int32_t block = 0; block < t.ic_blocks; block++)
            for (int32_t kh = 0; kh < v->r; kh++)
                for (int32_t step = 0; step < t.steps; step++) {
                    char *out = (char *)packed + o * t.weight_tile +
                                block * t.weight_block + kh * t.weight_kh +
                                step * t.weight_step;
                    if (t.window)
                        pack_window_step(p, &t, f, o * width, width, step, kh,
                                         out);
                    else
                        pack_step(p, &t, f, o * width, width,
                                  block * t.ic_block + step * t.per_step, kh,
                                  out);
                }
}

/* ------------------------------------------------------------------ row */

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    return !yt_conv2d_is_depthwise(&p->u.conv2d) && yt_conv_applies(p, s, isa);
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    if (yt_conv2d_is_depthwise(&p->u.conv2d))
        return 0;
    yt_conv_first_tile(p, isa, YT_CONV_NR_MAX, s);
    if (!yt_conv_applies(p, s, isa)) /* groups of an odd number of vectors */
        yt_conv_first_tile(p, isa, 1, s);
    s->launder = p->u.conv2d.r > 1;
    s->coarse = yt_conv_may_be_coarse(p);
    s->order = YT_ORDER_CHANNELS;
    assert(yt_conv_applies(p, s, isa) || p->u.conv2d.groups);
    return yt_conv_applies(p, s, isa);
}

static void propose(const struct yt_ask *ask)
{
    const struct yt_problem *p = ask->problem;
    struct yt_schedule start = yt_conv_start_from(p, ask->isa, YT_ALGO_DIRECT);
    start.launder = p->u.conv2d.r > 1;
    start.coarse = yt_conv_may_be_coarse(p);
    start.halves = yt_silu_tables_apply(p, ask->isa);
    yt_conv_propose(ask, &start, YT_CONV_NR_MAX);
}

const struct yt_algo yt_algo_direct = {
    .name = "direct",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(NR) | YT_KNOB_BIT(KU) |
             YT_KNOB_BIT(TILES) | YT_KNOB_BIT(ORDER) | YT_KNOB_BIT(TUNE) |
             YT_KNOB_BIT(LAUNDER) | YT_KNOB_BIT(IC_OUTER) |
             YT_KNOB_BIT(COARSE) | YT_KNOB_BIT(HALVES),
    .applies = applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE, YT_KNOB_IC_OUTER, YT_KNOB_COARSE,
               YT_KNOB_HALVES, YT_KNOB_LAUNDER},
    .body_count = 6,
    .values = yt_conv_values,
    .tasks = yt_conv_task_count,
    .row_tasks = yt_conv_row_tasks,
    .splits_pixels = yt_conv_splits_pixels,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .tolerance = yt_conv_tolerance,
    .generate = generate,
};
