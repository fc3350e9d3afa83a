/* The detection heads' 1x1 convolution, computed only where it can matter:
 * objectness for every cell, all other channels for the cells where some
 * anchor's objectness passes the threshold. Decoding reads no other cell, so
 * the boxes are those of the whole convolution, bit for bit, at a sixteenth of
 * its arithmetic.
 *
 * Packed filter: [step][B] with the objectness channels of all anchors, then
 * [step][ceil(k/B)*B] with every channel; a step is 4 bytes of input channels.
 */

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "codegen/constants.h"
#include "codegen/conv_rows.h"
#include "codegen/emit.h"
#include "codegen/pack.h"
#include "runtime/kernel.h"

#define MR_MAX 32

struct lazy {
    struct yt_emit *e;
    const struct yt_conv2d *p;
    const struct yt_schedule *s;
    enum yt_dtype dtype;
    LLVMTypeRef sum; /* vec or lanes */
    struct yt_conv_tiles t;
    struct yt_constants l;
    LLVMValueRef in, out, weights, constants, threshold;
    LLVMValueRef all_weights;  /* the second panel */
    LLVMValueRef object_start; /* lane a is anchor a's; of the sums */
    LLVMValueRef object_scale; /* vec, of integer sums */
    LLVMValueRef acc[MR_MAX];  /* variables */
    LLVMValueRef rest[MR_MAX]; /* variables of the whole pixel */
    LLVMValueRef passing;      /* i64 variable: bit m is pixel m */
    int32_t rest_count;        /* vectors of a pixel computed at once */
};

static int32_t object_channel(const struct lazy *c, int32_t anchor)
{
    return anchor * (c->p->k / c->p->lazy) + 4;
}

/* Where channel k of the tile's first pixel lies, from out. */
static int64_t channel_offset(const struct lazy *c, int32_t k)
{
    const int32_t lanes = c->e->isa->lanes;
    return k / lanes * c->t.out_block + 4 * (int64_t)(k % lanes);
}

/* The objectness channels' values of a row of constants. */
static LLVMValueRef object_row(struct lazy *c, LLVMTypeRef vector, int64_t row)
{
    struct yt_emit *e = c->e;
    LLVMTypeRef scalar = LLVMGetElementType(vector);
    LLVMValueRef v = LLVMConstNull(vector);
    for (int32_t a = 0; a < c->p->lazy; a++) {
        LLVMValueRef x =
            yt_emit_load(e, scalar,
                         yt_emit_at(e, c->constants,
                                    row + 4 * (int64_t)object_channel(c, a)),
                         4);
        v = LLVMBuildInsertElement(e->b, v, x, yt_emit_i32(e, a), "");
    }
    return v;
}

/* Sums as values. */
static LLVMValueRef value(struct lazy *c, LLVMValueRef sum, LLVMValueRef scale)
{
    if (!yt_dtype_is_integer(c->dtype))
        return sum;
    return yt_emit_fmul(c->e, yt_emit_to_float(c->e, sum), scale);
}

/* acc[m] += sum over channels of x[m] * object weights. */
static void object_sums(struct lazy *c, LLVMValueRef in, int32_t pixels)
{
    struct yt_emit *e = c->e;
    const int64_t vec_bytes = c->t.vec_bytes;
    struct yt_loop block, ic;
    yt_emit_for(e, &block, "block", yt_emit_i64(e, 0),
                yt_emit_i64(e, c->t.ic_blocks), 1, 1);
    LLVMValueRef block_in =
        yt_emit_index(e, in, yt_emit_muli(e, block.i, c->t.in_block));
    LLVMValueRef block_weights = yt_emit_index(
        e, c->weights, yt_emit_muli(e, block.i, c->t.steps * vec_bytes));
    yt_emit_for(e, &ic, "ic", yt_emit_i64(e, 0), yt_emit_i64(e, c->t.steps),
                c->s->ku, 1);
    LLVMValueRef x_at = yt_emit_index(e, block_in, yt_emit_muli(e, ic.i, 4));
    LLVMValueRef w_at =
        yt_emit_index(e, block_weights, yt_emit_muli(e, ic.i, vec_bytes));
    for (int32_t u = 0; u < c->s->ku; u++) {
        LLVMValueRef w = yt_emit_load(
            e, c->sum, yt_emit_at(e, w_at, u * vec_bytes), (unsigned)vec_bytes);
        for (int32_t m = 0; m < pixels; m++) {
            LLVMValueRef x = yt_emit_broadcast_step(e, c->dtype, x_at,
                                                    m * c->t.in_pixel + 4 * u);
            yt_emit_set(
                e, c->acc[m],
                yt_emit_dot(e, c->dtype, yt_emit_get(e, c->acc[m]), x, w));
        }
    }
    yt_emit_endfor(e, &ic);
    yt_emit_endfor(e, &block);
}

/* Store pixel m's objectness; set its bit when an anchor passes. */
static void store_objectness(struct lazy *c, LLVMValueRef out, int32_t m)
{
    struct yt_emit *e = c->e;
    LLVMValueRef v = value(c, yt_emit_get(e, c->acc[m]), c->object_scale);
    LLVMValueRef passes = LLVMConstInt(e->i1, 0, 0);
    for (int32_t a = 0; a < c->p->lazy; a++) {
        LLVMValueRef x =
            LLVMBuildExtractElement(e->b, v, yt_emit_i32(e, a), "");
        yt_emit_store(e, x,
                      yt_emit_at(e, out,
                                 channel_offset(c, object_channel(c, a)) +
                                     m * c->t.out_pixel),
                      4);
        /* Unordered compares are true: a NaN is computed and seen. */
        LLVMValueRef over =
            LLVMBuildFCmp(e->b, LLVMRealUGT, x, c->threshold, "");
        passes = LLVMBuildOr(e->b, passes, over, "");
    }
    LLVMValueRef bit = LLVMBuildShl(
        e->b, LLVMBuildZExt(e->b, passes, e->i64, ""), yt_emit_i64(e, m), "");
    yt_emit_set(e, c->passing,
                LLVMBuildOr(e->b, yt_emit_get(e, c->passing), bit, ""));
}

/* Vectors [first, first + count) of one pixel, in the order of the dense
 * convolution, so that the bits are the same. */
static void pixel_vectors(struct lazy *c, LLVMValueRef in, LLVMValueRef out,
                          int32_t first, int32_t count)
{
    struct yt_emit *e = c->e;
    const int64_t vec_bytes = c->t.vec_bytes;
    const unsigned align = (unsigned)vec_bytes;
    const int64_t row = vec_bytes * c->t.k_blocks;
    for (int32_t n = 0; n < count; n++)
        yt_emit_set(
            e, c->rest[n],
            yt_emit_load(e, c->sum,
                         yt_emit_at(e, c->constants,
                                    c->l.start + (first + n) * vec_bytes),
                         4));
    struct yt_loop block, ic;
    yt_emit_for(e, &block, "rest_block", yt_emit_i64(e, 0),
                yt_emit_i64(e, c->t.ic_blocks), 1, 1);
    LLVMValueRef block_in =
        yt_emit_index(e, in, yt_emit_muli(e, block.i, c->t.in_block));
    LLVMValueRef block_weights = yt_emit_index(
        e, c->all_weights, yt_emit_muli(e, block.i, c->t.steps * row));
    yt_emit_for(e, &ic, "rest_ic", yt_emit_i64(e, 0),
                yt_emit_i64(e, c->t.steps), 1, 1);
    LLVMValueRef x = yt_emit_broadcast_step(
        e, c->dtype, yt_emit_index(e, block_in, yt_emit_muli(e, ic.i, 4)), 0);
    LLVMValueRef w_at =
        yt_emit_index(e, block_weights, yt_emit_muli(e, ic.i, row));
    for (int32_t n = 0; n < count; n++) {
        LLVMValueRef w = yt_emit_load(
            e, c->sum, yt_emit_at(e, w_at, (first + n) * vec_bytes), align);
        yt_emit_set(e, c->rest[n],
                    yt_emit_dot(e, c->dtype, yt_emit_get(e, c->rest[n]), x, w));
    }
    yt_emit_endfor(e, &ic);
    yt_emit_endfor(e, &block);
    for (int32_t n = 0; n < count; n++) {
        LLVMValueRef scale = NULL;
        if (c->l.scale >= 0)
            scale =
                yt_emit_load(e, e->vec,
                             yt_emit_at(e, c->constants,
                                        c->l.scale + (first + n) * vec_bytes),
                             4);
        yt_emit_store(e, value(c, yt_emit_get(e, c->rest[n]), scale),
                      yt_emit_at(e, out, (first + n) * c->t.out_block), align);
    }
}

/* while (bits) { lowest bit's pixel; clear it } */
static void passing_pixels(struct lazy *c, LLVMValueRef in, LLVMValueRef out)
{
    struct yt_emit *e = c->e;
    LLVMBasicBlockRef head =
        LLVMAppendBasicBlockInContext(e->ctx, e->fn, "passing_head");
    LLVMBasicBlockRef body =
        LLVMAppendBasicBlockInContext(e->ctx, e->fn, "passing_body");
    LLVMBasicBlockRef done =
        LLVMAppendBasicBlockInContext(e->ctx, e->fn, "passing_done");
    LLVMBuildBr(e->b, head);
    LLVMPositionBuilderAtEnd(e->b, head);
    LLVMValueRef bits = yt_emit_get(e, c->passing);
    LLVMBuildCondBr(e->b,
                    LLVMBuildICmp(e->b, LLVMIntNE, bits, yt_emit_i64(e, 0), ""),
                    body, done);
    LLVMPositionBuilderAtEnd(e->b, body);
    const unsigned id = LLVMLookupIntrinsicID("llvm.cttz", 9);
    LLVMValueRef cttz = LLVMGetIntrinsicDeclaration(e->module, id, &e->i64, 1);
    LLVMValueRef args[] = {bits, LLVMConstInt(e->i1, 1, 0)};
    LLVMValueRef pixel = LLVMBuildCall2(
        e->b, LLVMIntrinsicGetType(e->ctx, id, &e->i64, 1), cttz, args, 2, "");
    yt_emit_set(e, c->passing,
                LLVMBuildAnd(e->b, bits, yt_emit_addi(e, bits, -1), ""));
    LLVMValueRef pixel_in =
        yt_emit_index(e, in, yt_emit_muli(e, pixel, c->t.in_pixel));
    LLVMValueRef pixel_out =
        yt_emit_index(e, out, yt_emit_muli(e, pixel, c->t.out_pixel));
    for (int32_t n = 0; n < c->t.k_blocks; n += c->rest_count) {
        const int32_t left = c->t.k_blocks - n;
        pixel_vectors(c, pixel_in, pixel_out, n,
                      left < c->rest_count ? left : c->rest_count);
    }
    LLVMBuildBr(e->b, head);
    LLVMPositionBuilderAtEnd(e->b, done);
}

/* Tiles [from, to) of one shape, of the row that in and out stand at. */
static void tiles(struct lazy *c, LLVMValueRef from, LLVMValueRef to,
                  int32_t first, LLVMValueRef row_in, LLVMValueRef row_out)
{
    struct yt_emit *e = c->e;
    const int32_t pixels = yt_conv_tile_pixels(&c->t, first);
    struct yt_loop loop;
    yt_emit_for(e, &loop, "tile", from, to, 1, 0);
    LLVMValueRef start = yt_emit_addi(e, yt_emit_muli(e, loop.i, pixels),
                                      yt_conv_tile_start(&c->t, first) -
                                          (int64_t)first * pixels);
    LLVMValueRef in =
        yt_emit_index(e, row_in, yt_emit_muli(e, start, c->t.in_pixel));
    LLVMValueRef out =
        yt_emit_index(e, row_out, yt_emit_muli(e, start, c->t.out_pixel));
    for (int32_t m = 0; m < pixels; m++)
        yt_emit_set(e, c->acc[m], c->object_start);
    object_sums(c, in, pixels);
    yt_emit_set(e, c->passing, yt_emit_i64(e, 0));
    for (int32_t m = 0; m < pixels; m++)
        store_objectness(c, out, m);
    passing_pixels(c, in, out);
    yt_emit_endfor(e, &loop);
}

/* Tiles [from, to) of a row, or of the whole flattened image. */
static void tiles_of_row(struct lazy *c, LLVMValueRef from, LLVMValueRef to,
                         LLVMValueRef in, LLVMValueRef out)
{
    struct yt_emit *e = c->e;
    LLVMValueRef large = yt_emit_i64(e, c->t.large);
    if (c->t.large)
        tiles(c, from, yt_emit_min(e, to, large), 0, in, out);
    if (c->t.large < c->t.tiles)
        tiles(c, yt_emit_max(e, from, large), to, c->t.large, in, out);
}

static void task(struct lazy *c, LLVMValueRef group)
{
    struct yt_emit *e = c->e;
    LLVMValueRef from = yt_emit_i64(e, 0);
    LLVMValueRef to = yt_emit_i64(e, c->t.flat ? c->t.tiles : c->t.rows);
    if (c->s->tiles) {
        from = yt_emit_muli(e, group, c->s->tiles);
        to = yt_emit_min(e, yt_emit_addi(e, from, c->s->tiles), to);
    }
    if (c->t.flat) {
        tiles_of_row(c, from, to, c->in, c->out);
        return;
    }
    struct yt_loop row;
    yt_emit_for(e, &row, "row", from, to, 1, 1);
    tiles_of_row(
        c, yt_emit_i64(e, 0), yt_emit_i64(e, c->t.tiles),
        yt_emit_index(e, c->in, yt_emit_muli(e, row.i, c->t.in_row)),
        yt_emit_index(e, c->out, yt_emit_muli(e, row.i, c->t.out_row)));
    yt_emit_endfor(e, &row);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    struct lazy c;
    memset(&c, 0, sizeof c);
    c.e = e;
    c.p = &problem->u.conv2d;
    c.s = s;
    c.dtype = problem->dtype;
    c.sum = yt_emit_sum_type(e, c.dtype);
    yt_conv_tiles(problem, s, e->isa, &c.t);
    yt_constants_layout(problem, e->isa, &c.l);
    assert(problem->out == YT_DTYPE_F32);
    assert(s->mr <= MR_MAX && c.p->lazy > 0 && c.p->lazy <= e->isa->lanes);
    c.rest_count = e->isa->regs - 4;
    if (c.rest_count > c.t.k_blocks)
        c.rest_count = c.t.k_blocks;

    LLVMValueRef args = yt_emit_param(e, 0);
    c.in = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    c.out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    c.weights = yt_emit_field(e, args, e->ptr,
                              offsetof(struct yt_args, weights), "weights");
    c.constants = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, bias),
                                "constants");
    c.threshold = yt_emit_field(
        e, args, e->f32, offsetof(struct yt_args, threshold), "threshold");
    c.all_weights = yt_emit_at(
        e, c.weights, (int64_t)c.t.ic_blocks * c.t.steps * c.t.vec_bytes);
    c.object_start = object_row(&c, c.sum, c.l.start);
    if (c.l.scale >= 0)
        c.object_scale = object_row(&c, e->vec, c.l.scale);
    c.passing = yt_emit_var(e, e->i64, "passing");
    for (int32_t m = 0; m < s->mr; m++)
        c.acc[m] = yt_emit_var(e, c.sum, "acc");
    for (int32_t n = 0; n < c.rest_count; n++)
        c.rest[n] = yt_emit_var(e, c.sum, "rest");

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
    return (size_t)t.steps * (size_t)t.ic_blocks * (size_t)t.vec_bytes *
           (size_t)(1 + t.k_blocks);
}

/* [step][lanes] of the objectness channels, then [step][blocks * lanes] of
 * all; a step is as many input channels as make four bytes. */
static void pack(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int32_t lanes = isa->lanes;
    char *out = packed;
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    const int32_t per_anchor = v->k / v->lazy;
    for (int32_t c = 0; c < v->c; c += t.per_step)
        for (int32_t j = 0; j < lanes; j++)
            for (int32_t i = 0; i < t.per_step; i++)
                yt_pack_element(
                    p->dtype, f,
                    j < v->lazy
                        ? yt_filter_index(v, j * per_anchor + 4, c + i, 0, 0)
                        : -1,
                    &out);
    const int32_t padded = t.k_blocks * lanes;
    for (int32_t c = 0; c < v->c; c += t.per_step)
        for (int32_t k = 0; k < padded; k++)
            for (int32_t i = 0; i < t.per_step; i++)
                yt_pack_element(p->dtype, f, yt_filter_index(v, k, c + i, 0, 0),
                                &out);
}

/* ------------------------------------------------------------------ row */

/* A vector holds every anchor's objectness. */
static int is_lazy(const struct yt_problem *p, const struct yt_isa *isa)
{
    return p->u.conv2d.lazy && p->u.conv2d.lazy <= isa->lanes;
}

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    return is_lazy(p, isa) && yt_conv_applies(p, s, isa);
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    if (!is_lazy(p, isa))
        return 0;
    yt_conv_first_tile(p, isa, 1, s);
    assert(yt_conv_applies(p, s, isa));
    return 1;
}

static void propose(const struct yt_ask *ask)
{
    const struct yt_schedule start =
        yt_conv_start_from(ask->problem, ask->isa, YT_ALGO_LAZY);
    if (is_lazy(ask->problem, ask->isa))
        yt_conv_propose(ask, &start, 1);
}

static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return t.pixel_groups;
}

static int64_t row_tasks(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)p;
    (void)s;
    (void)isa;
    return 1;
}

static int splits_pixels(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)p;
    (void)s;
    (void)isa;
    return 1;
}

const struct yt_algo yt_algo_lazy = {
    .name = "lazy",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(KU) | YT_KNOB_BIT(TILES) |
             YT_KNOB_BIT(TUNE),
    .applies = applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = yt_conv_values,
    .tasks = task_count,
    .row_tasks = row_tasks,
    .splits_pixels = splits_pixels,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .tolerance = yt_conv_tolerance,
    .generate = generate,
};
