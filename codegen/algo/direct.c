/* Direct convolution on the blocked layout: a register tile of pixels x
 * channel vectors stays in accumulators across all taps; bias, SiLU and addend
 * are its epilogue.
 *
 * There is no padded border. Above and below, the loop over filter rows is
 * shortened; left and right, the tiles of a row whose taps fall outside are
 * emitted apart, without those multiplications. Tiles that need the same code
 * share it through a loop, so a row is at most: left edge, middle, right edge,
 * twice where sizes differ by one.
 */

#include <assert.h>
#include <string.h>

#include "codegen/conv_parts.h"
#include "codegen/conv_rows.h"
#include "codegen/pack.h"
#include "runtime/kernel.h"

/* ----------------------------------------------------------------- code */

int yt_conv_tap_inside(const struct yt_conv_emit *c, int32_t tile, int32_t m,
                       int32_t kw)
{
    if (c->t.flat || c->t.window)
        return 1;
    const int32_t ow = yt_conv_tile_start(&c->t, tile) + m;
    const int32_t iw = ow * c->p->stride - c->p->pad + kw;
    return iw >= 0 && iw < c->p->w;
}

static int same_code(const struct yt_conv_emit *c, int32_t a, int32_t b)
{
    const int32_t pixels = yt_conv_tile_pixels(&c->t, a);
    if (pixels != yt_conv_tile_pixels(&c->t, b))
        return 0;
    for (int32_t m = 0; m < pixels; m++)
        for (int32_t kw = 0; kw < c->p->r; kw++)
            if (yt_conv_tap_inside(c, a, m, kw) !=
                yt_conv_tap_inside(c, b, m, kw))
                return 0;
    return 1;
}

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
            LLVMValueRef w[YT_CONV_NR_MAX];
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
    LLVMValueRef offset = yt_emit_muli(e, at->ow, p->stride * c->t.in_pixel);
    LLVMValueRef kh0 = yt_emit_i64(e, 0);
    LLVMValueRef kh1 = yt_emit_i64(e, p->r);
    if (!c->t.flat) {
        LLVMValueRef top =
            yt_emit_addi(e, yt_emit_muli(e, at->oh, p->stride), -p->pad);
        offset = yt_emit_add(e, offset, yt_emit_muli(e, top, c->t.in_row));
        offset = yt_emit_addi(e, offset, -p->pad * c->t.in_pixel);
        if (c->t.window) { /* whose padding is there */
            offset =
                yt_emit_addi(e, offset, p->pad * (c->t.in_row + c->t.in_pixel));
        } else if (p->pad) {
            LLVMValueRef zero = yt_emit_i64(e, 0);
            kh0 = yt_emit_max(e, zero, yt_emit_sub(e, zero, top));
            kh1 =
                yt_emit_min(e, kh1, yt_emit_sub(e, yt_emit_i64(e, p->h), top));
        }
    }
    LLVMValueRef in = yt_emit_index(e, c->in, offset);
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

static void tile(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    yt_conv_start(c, at);
    accumulate(c, at);
    yt_conv_finish(c, at);
}

/* Tiles [from, to) of one shape; tile 'first' is the first of that shape. */
static void tile_loop(struct yt_conv_emit *c, LLVMValueRef oh,
                      LLVMValueRef from, LLVMValueRef to, int32_t first,
                      int runs_once)
{
    struct yt_emit *e = c->e;
    struct yt_conv_place at = {
        .oh = oh,
        .pixels = yt_conv_tile_pixels(&c->t, first),
        .example = first,
    };
    struct yt_loop loop;
    yt_emit_for(e, &loop, "tile", from, to, 1, runs_once);
    at.ow = yt_emit_addi(e, yt_emit_muli(e, loop.i, at.pixels),
                         yt_conv_tile_start(&c->t, first) -
                             (int64_t)first * at.pixels);
    tile(c, &at);
    yt_emit_endfor(e, &loop);
}

static void row_of_tiles(struct yt_conv_emit *c, LLVMValueRef oh)
{
    struct yt_emit *e = c->e;
    for (int32_t i = 0; i < c->t.tiles;) {
        int32_t end = i + 1;
        while (end < c->t.tiles && same_code(c, i, end))
            end++;
        if (end - i == 1) {
            const struct yt_conv_place at = {
                .oh = oh,
                .ow = yt_emit_i64(e, yt_conv_tile_start(&c->t, i)),
                .pixels = yt_conv_tile_pixels(&c->t, i),
                .example = i,
            };
            tile(c, &at);
        } else {
            tile_loop(c, oh, yt_emit_i64(e, i), yt_emit_i64(e, end), i, 1);
        }
        i = end;
    }
}

/* One task's pixels: a group of rows, or of tiles of the flattened image. */
static void pixel_group(struct yt_conv_emit *c, LLVMValueRef group)
{
    struct yt_emit *e = c->e;
    const int32_t units = c->t.flat ? c->t.tiles : c->t.rows;
    LLVMValueRef from = yt_emit_i64(e, 0);
    LLVMValueRef to = yt_emit_i64(e, units);
    if (c->s->tiles) {
        from = yt_emit_muli(e, group, c->s->tiles);
        to = yt_emit_min(e, yt_emit_addi(e, from, c->s->tiles), to);
    }
    if (!c->t.flat) {
        struct yt_loop row;
        yt_emit_for(e, &row, "row", from, to, 1, 1);
        row_of_tiles(c, row.i);
        yt_emit_endfor(e, &row);
        return;
    }
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef large = yt_emit_i64(e, c->t.large);
    if (c->t.large)
        tile_loop(c, zero, from, yt_emit_min(e, to, large), 0, 0);
    if (c->t.large < c->t.tiles)
        tile_loop(c, zero, c->t.large ? yt_emit_max(e, from, large) : from, to,
                  c->t.large, c->t.large == 0);
}

static void task(struct yt_conv_emit *c, LLVMValueRef index)
{
    struct yt_emit *e = c->e;
    LLVMValueRef group, k_tile;
    if (c->t.k_tiles == 1) {
        group = index;
        k_tile = yt_emit_i64(e, 0);
    } else if (c->s->order == YT_ORDER_PIXELS) {
        group = yt_emit_modi(e, index, c->t.pixel_groups);
        k_tile = yt_emit_divi(e, index, c->t.pixel_groups);
    } else {
        group = yt_emit_divi(e, index, c->t.k_tiles);
        k_tile = yt_emit_modi(e, index, c->t.k_tiles);
    }
    c->k_weights =
        yt_emit_index(e, c->weights, yt_emit_muli(e, k_tile, c->t.weight_tile));
    c->k_constants = yt_emit_index(
        e, c->constants, yt_emit_muli(e, k_tile, c->s->nr * c->t.vec_bytes));
    c->k_out = yt_emit_index(
        e, c->output, yt_emit_muli(e, k_tile, c->s->nr * c->t.out_block));
    if (c->p->add)
        c->k_add = yt_emit_index(
            e, c->add, yt_emit_muli(e, k_tile, c->s->nr * c->t.add_block));
    pixel_group(c, group);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    struct yt_conv_emit c;
    memset(&c, 0, sizeof c);
    c.e = e;
    c.dtype = problem->dtype;
    c.out = problem->out;
    c.p = &problem->u.conv2d;
    c.s = s;
    yt_constants_layout(problem, e->isa, &c.l);
    yt_conv_tiles(problem, s, e->isa, &c.t);
    assert(s->mr <= YT_CONV_MR_MAX && s->nr <= YT_CONV_NR_MAX);

    LLVMValueRef args = yt_emit_param(e, 0);
    c.in = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    c.output =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    c.weights = yt_emit_field(e, args, e->ptr,
                              offsetof(struct yt_args, weights), "weights");
    c.constants = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, bias),
                                "constants");
    if (c.p->add)
        c.add = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, add),
                              "add");
    for (int32_t m = 0; m < s->mr; m++)
        for (int32_t n = 0; n < s->nr; n++)
            c.acc[m][n] = yt_emit_var(e, yt_emit_sum_type(e, c.dtype), "acc");

    struct yt_loop tasks;
    yt_emit_for(e, &tasks, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    task(&c, tasks.i);
    yt_emit_endfor(e, &tasks);
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

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    yt_conv_first_tile(p, isa, YT_CONV_NR_MAX, s);
    s->launder = p->u.conv2d.r > 1;
    s->coarse = yt_conv_may_be_coarse(p);
    s->order = YT_ORDER_CHANNELS;
    assert(yt_conv_applies(p, s, isa));
    return 1;
}

static void propose(const struct yt_ask *ask)
{
    const struct yt_problem *p = ask->problem;
    struct yt_schedule start = yt_conv_start_from(p, ask->isa, YT_ALGO_DIRECT);
    start.launder = p->u.conv2d.r > 1;
    start.coarse = yt_conv_may_be_coarse(p);
    yt_conv_propose(ask, &start, YT_CONV_NR_MAX);
}

static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return t.pixel_groups * t.k_tiles;
}

static int splits_pixels(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return s->order == YT_ORDER_CHANNELS || t.k_tiles == 1;
}

const struct yt_algo yt_algo_direct = {
    .name = "direct",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(NR) | YT_KNOB_BIT(KU) |
             YT_KNOB_BIT(TILES) | YT_KNOB_BIT(ORDER) | YT_KNOB_BIT(TUNE) |
             YT_KNOB_BIT(LAUNDER) | YT_KNOB_BIT(IC_OUTER) | YT_KNOB_BIT(COARSE),
    .applies = yt_conv_applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE, YT_KNOB_IC_OUTER, YT_KNOB_COARSE,
               YT_KNOB_LAUNDER},
    .body_count = 5,
    .values = yt_conv_values,
    .tasks = task_count,
    .splits_pixels = splits_pixels,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .tolerance = yt_conv_tolerance,
    .generate = generate,
};
