/* Convolution that reads only what is kept of a filter. What is kept or not are
 * blocks of a step of input channels, 4 bytes of them, x one or more vectors of
 * output channels at one tap. A stream of indexes says where in the input each
 * block is read, so that the code does not depend on the pattern and the work
 * is that of the kept blocks.
 *
 * A register tile is pixels x vectors of a block. Vectors of different blocks
 * have no inputs in common, so a tile is no wider than a block; with blocks of
 * one vector each product needs a load of its own for its pixel, which costs
 * where products are as fast as loads (f32, dot products of bytes).
 *
 * Blocks of the same outputs are in order of filter column, row and input
 * channel. So the taps that fall inside the image are one run of the stream in
 * the middle, a run for each group of columns at the left and right edges, and
 * one for each column at the top and bottom.
 */

#include <assert.h>
#include <string.h>

#include "base/math.h"
#include "codegen/conv_parts.h"
#include "codegen/conv_rows.h"
#include "codegen/pack.h"
#include "runtime/workspace.h"

/* More of the filter than this, and the dense code is as fast: measured on AVX2
 * over YOLOv5's shapes, where all of the blocks take 1.0 to 1.1 of the dense
 * time, and 1.3 to 1.5 where each product waits for a load. */
#define FIRST_SHARE      0.8
#define FIRST_SHARE_LOAD 0.65

#define KU_MAX    8
#define BLOCK_MAX 256 /* weights */

/* Where what is packed lies, in bytes, and how much of it there is:
 *
 *      starts   [outputs of a block][r columns][r rows], and the end: the
 *               first block of each tap
 *      offsets  [blocks] into the input, from a pixel's first tap
 *      blocks   [blocks][output channels][channels of a step]
 */
struct stream {
    int64_t taps;        /* of all outputs */
    int64_t count;       /* blocks kept */
    int64_t block_bytes; /* of one */
    int64_t offsets, blocks, bytes;
};

static void stream_of(const struct yt_conv2d *v, enum yt_dtype dtype,
                      struct stream *s)
{
    s->block_bytes = 4 * (int64_t)v->outputs;
    s->taps = yt_ceil_div(v->k, v->outputs) * (int64_t)(v->r * v->r);
    s->count = v->kept * (int64_t)yt_dtype_bytes(dtype) / s->block_bytes;
    s->offsets = yt_align(4 * (s->taps + 1));
    s->blocks = yt_align(s->offsets + 4 * s->count);
    s->bytes = s->blocks + s->count * s->block_bytes;
}

/* ----------------------------------------------------------------- code */

static LLVMValueRef load_index(struct yt_emit *e, LLVMValueRef base,
                               LLVMValueRef i)
{
    return yt_emit_to_i64(
        e, yt_emit_load(e, e->i32,
                        yt_emit_index(e, base, yt_emit_muli(e, i, 4)), 4));
}

/* What a run of the stream is multiplied with: pixels for which filter column
 * kw is inside. */
struct run {
    const struct yt_conv_place *at;
    const struct stream *stream;
    int32_t kw;
    LLVMValueRef in, starts, offsets, blocks;
};

static void multiply(struct yt_conv_emit *c, const struct run *run,
                     LLVMValueRef i)
{
    struct yt_emit *e = c->e;
    LLVMValueRef w[YT_CONV_NR_MAX] = {NULL};
    LLVMValueRef block = yt_emit_index(
        e, run->blocks, yt_emit_muli(e, i, run->stream->block_bytes));
    for (int32_t n = 0; n < c->s->nr; n++)
        w[n] = yt_emit_load(e, yt_emit_sum_type(e, c->dtype),
                            yt_emit_at(e, block, n * c->t.vec_bytes),
                            (unsigned)c->t.vec_bytes);
    /* One register: with two and an offset, a product and its load are two
     * steps in Intel's cores, and half of the products wait (measured). */
    LLVMValueRef in = yt_emit_launder(
        e, yt_emit_index(e, run->in, load_index(e, run->offsets, i)));
    for (int32_t m = 0; m < run->at->pixels; m++) {
        if (!yt_conv_tap_inside(c, run->at->example, m, run->kw))
            continue;
        LLVMValueRef x = yt_emit_broadcast_step(
            e, c->dtype, in, m * c->p->stride * c->t.in_pixel);
        for (int32_t n = 0; n < c->s->nr; n++) {
            LLVMValueRef acc = c->acc[m][n];
            yt_emit_set(e, acc,
                        yt_emit_dot(e, c->dtype, yt_emit_get(e, acc), x, w[n]));
        }
    }
}

/* Blocks [from, to): ku at a time, then what is left one by one. */
static void multiply_blocks(struct yt_conv_emit *c, const struct run *run,
                            LLVMValueRef from, LLVMValueRef to)
{
    struct yt_emit *e = c->e;
    struct yt_loop loop;
    if (c->s->ku > 1) {
        yt_emit_for(e, &loop, "blocks", from, yt_emit_addi(e, to, 1 - c->s->ku),
                    c->s->ku, 0);
        for (int32_t u = 0; u < c->s->ku; u++)
            multiply(c, run, yt_emit_addi(e, loop.i, u));
        yt_emit_endfor(e, &loop);
        from = yt_emit_get(e, loop.var);
    }
    yt_emit_for(e, &loop, "block", from, to, 1, 0);
    multiply(c, run, loop.i);
    yt_emit_endfor(e, &loop);
}

/* The blocks of taps [first, last) in the stream's order. */
static void multiply_taps(struct yt_conv_emit *c, const struct run *run,
                          LLVMValueRef first, LLVMValueRef last)
{
    multiply_blocks(c, run, load_index(c->e, run->starts, first),
                    load_index(c->e, run->starts, last));
}

static int same_pixels(const struct yt_conv_emit *c,
                       const struct yt_conv_place *at, int32_t a, int32_t b)
{
    for (int32_t m = 0; m < at->pixels; m++)
        if (yt_conv_tap_inside(c, at->example, m, a) !=
            yt_conv_tap_inside(c, at->example, m, b))
            return 0;
    return 1;
}

static int any_pixel(const struct yt_conv_emit *c,
                     const struct yt_conv_place *at, int32_t kw)
{
    for (int32_t m = 0; m < at->pixels; m++)
        if (yt_conv_tap_inside(c, at->example, m, kw))
            return 1;
    return 0;
}

/* Columns [run->kw, end), which are inside for the same pixels, rows [kh0,
 * kh1): one run where those are all rows. */
static void multiply_columns(struct yt_conv_emit *c, const struct run *run,
                             int32_t end, LLVMValueRef kh0, LLVMValueRef kh1)
{
    struct yt_emit *e = c->e;
    const int32_t r = c->p->r;
    if (!c->p->pad || end - run->kw == 1) {
        multiply_taps(c, run, yt_emit_addi(e, kh0, run->kw * r),
                      yt_emit_addi(e, kh1, (end - 1) * r));
        return;
    }
    LLVMValueRef whole =
        yt_emit_equal(e, yt_emit_sub(e, kh1, kh0), yt_emit_i64(e, r));
    LLVMValueRef step = yt_emit_select(e, whole, yt_emit_i64(e, end - run->kw),
                                       yt_emit_i64(e, 1));
    struct yt_loop runs;
    yt_emit_for(e, &runs, "column", yt_emit_i64(e, run->kw),
                yt_emit_sub(e, yt_emit_i64(e, end + 1), step), 1, 1);
    LLVMValueRef last = yt_emit_addi(e, yt_emit_add(e, runs.i, step), -1);
    multiply_taps(c, run, yt_emit_add(e, yt_emit_muli(e, runs.i, r), kh0),
                  yt_emit_add(e, yt_emit_muli(e, last, r), kh1));
    yt_emit_endfor(e, &runs);
}

static void accumulate(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    struct stream stream;
    stream_of(c->p, c->dtype, &stream);
    const int32_t parts = c->p->outputs / (c->s->nr * e->isa->lanes);
    LLVMValueRef row = yt_emit_divi(e, c->k_tile, parts);
    LLVMValueRef part = yt_emit_modi(e, c->k_tile, parts);
    LLVMValueRef kh0, kh1;
    struct run run = {
        .at = at,
        .stream = &stream,
        .in = yt_conv_origin(c, at, &kh0, &kh1),
        .starts = yt_emit_index(e, c->weights,
                                yt_emit_muli(e, row, 4 * c->p->r * c->p->r)),
        .offsets = yt_emit_at(e, c->weights, stream.offsets),
        .blocks = yt_emit_at(
            e,
            yt_emit_index(e, c->weights,
                          yt_emit_muli(e, part, c->s->nr * c->t.vec_bytes)),
            stream.blocks),
    };
    for (int32_t end; run.kw < c->p->r; run.kw = end) {
        end = run.kw + 1;
        while (end < c->p->r && same_pixels(c, at, run.kw, end))
            end++;
        if (any_pixel(c, at, run.kw))
            multiply_columns(c, &run, end, kh0, kh1);
    }
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
    (void)s;
    (void)isa;
    struct stream stream;
    stream_of(&p->u.conv2d, p->dtype, &stream);
    return (size_t)stream.bytes;
}

/* What is being packed, and how far. */
struct packer {
    const struct yt_problem *p;
    const struct yt_weights *f;
    struct yt_conv_tiles t;
    int32_t *offset;
    char *block;
};

static int is_zero(const struct packer *k, int64_t at)
{
    if (at < 0)
        return 1;
    return yt_dtype_is_integer(k->p->dtype) ? k->f->integers->weights[at] == 0
                                            : k->f->weights[at] == 0;
}

/* Of output channels from k0 on, the input channels of the step from c on. */
static void pack_block(struct packer *k, int32_t k0, int32_t c, int32_t kh,
                       int32_t kw)
{
    const struct yt_conv2d *v = &k->p->u.conv2d;
    int64_t at[BLOCK_MAX];
    int32_t count = 0, kept = 0;
    for (int32_t j = 0; j < v->outputs; j++)
        for (int32_t i = 0; i < k->t.per_step; i++, count++) {
            at[count] = yt_filter_index(v, k0 + j, c + i, kh, kw);
            kept |= !is_zero(k, at[count]);
        }
    if (!kept)
        return;
    *k->offset++ = (int32_t)(c / k->t.ic_block * k->t.in_block +
                             kh * k->t.in_row + kw * k->t.in_pixel +
                             c % k->t.ic_block * yt_dtype_bytes(k->p->dtype));
    for (int32_t i = 0; i < count; i++)
        yt_pack_element(k->p->dtype, k->f, at[i], &k->block);
}

static void pack(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    struct stream stream;
    stream_of(v, p->dtype, &stream);
    memset(packed, 0, (size_t)stream.bytes);
    int32_t *start = packed;
    int32_t *offsets = (int32_t *)(void *)((char *)packed + stream.offsets);
    struct packer k = {.p = p,
                       .f = f,
                       .offset = offsets,
                       .block = (char *)packed + stream.blocks};
    yt_conv_tiles(p, s, isa, &k.t);
    for (int32_t k0 = 0; k0 < v->k; k0 += v->outputs)
        for (int32_t kw = 0; kw < v->r; kw++)
            for (int32_t kh = 0; kh < v->r; kh++) {
                *start++ = (int32_t)(k.offset - offsets);
                for (int32_t c = 0; c < v->c; c += k.t.per_step)
                    pack_block(&k, k0, c, kh, kw);
            }
    *start = (int32_t)(k.offset - offsets);
    assert(*start <= stream.count);
}

/* ------------------------------------------------------------------ row */

static int is_sparse(const struct yt_problem *p, const struct yt_isa *isa)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    return v->pattern && !v->lazy && v->c != 3 && !(v->outputs % isa->lanes) &&
           v->outputs * (4 / yt_dtype_bytes(p->dtype)) <= BLOCK_MAX;
}

/* What is kept of the filter, 0..1. */
static double share(const struct yt_conv2d *v)
{
    return (double)v->kept / ((double)yt_ceil_div(v->k, v->outputs) *
                              v->outputs * v->c * v->r * v->r);
}

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    struct yt_schedule one_by_one = *s;
    one_by_one.ku = 1;
    return is_sparse(p, isa) && s->ku <= KU_MAX &&
           p->u.conv2d.outputs % (s->nr * isa->lanes) == 0 &&
           yt_conv_applies(p, &one_by_one, isa);
}

/* Whether a tile has one vector for each pixel that it loads, and nothing in
 * its products takes longer than the load. */
static int waits_for_loads(const struct yt_problem *p, const struct yt_isa *isa)
{
    const int products =
        yt_dtype_is_integer(p->dtype) && !yt_isa_has_dot(isa, p->dtype);
    return p->u.conv2d.outputs == isa->lanes && !products &&
           !(isa->can & YT_CAN_BROADCAST_OPERAND);
}

static struct yt_schedule start_from(const struct yt_problem *p)
{
    struct yt_schedule s = yt_schedule_blank(YT_ALGO_SPARSE);
    s.coarse = yt_conv_may_be_coarse(p);
    return s;
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    const double most =
        waits_for_loads(p, isa) ? FIRST_SHARE_LOAD : FIRST_SHARE;
    if (!is_sparse(p, isa) || share(&p->u.conv2d) > most)
        return 0;
    *s = start_from(p);
    const int32_t vectors = p->u.conv2d.outputs / isa->lanes;
    yt_conv_first_tile(p, isa, vectors % 2 ? 1 : vectors, s);
    s->ku = 1;
    s->order = YT_ORDER_CHANNELS;
    assert(applies(p, s, isa));
    return 1;
}

static void propose(const struct yt_ask *ask)
{
    const struct yt_schedule start = start_from(ask->problem);
    if (is_sparse(ask->problem, ask->isa))
        yt_conv_propose(ask, &start,
                        ask->problem->u.conv2d.outputs / ask->isa->lanes);
}

static int32_t values(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t values_out[YT_VALUES_MAX])
{
    if (knob != YT_KNOB_KU)
        return yt_conv_values(p, isa, knob, values_out);
    values_out[0] = 1;
    values_out[1] = 2;
    values_out[2] = 4;
    return 3;
}

const struct yt_algo yt_algo_sparse = {
    .name = "sparse",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(NR) | YT_KNOB_BIT(KU) |
             YT_KNOB_BIT(TILES) | YT_KNOB_BIT(ORDER) | YT_KNOB_BIT(TUNE) |
             YT_KNOB_BIT(COARSE),
    .applies = applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE, YT_KNOB_COARSE},
    .body_count = 3,
    .values = values,
    .tasks = yt_conv_task_count,
    .row_tasks = yt_conv_row_tasks,
    .splits_pixels = yt_conv_splits_pixels,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .tolerance = yt_conv_tolerance,
    .generate = generate,
};
