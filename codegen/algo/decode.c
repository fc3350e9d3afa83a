/* A row of one anchor's cells to candidates, as runtime/decode.h has it. Nearly
 * all cells fail on objectness: a group of cells is skipped by one comparison
 * with their maximum. In a cell that passes, whole channel blocks are compared
 * at once for the largest class, and one vector sigmoid serves the box, the
 * object and the class. A head without anchors has no object to look at: the
 * maximum is that of all the group's classes.
 *
 * Choices (which class, which cells) are those of yt_decode_c; values differ by
 * the rounding of the sigmoid (see codegen/silu.c). */

#include <math.h>
#include <stddef.h>

#include "codegen/algo.h"
#include "codegen/emit.h"
#include "runtime/decode.h"
#include "runtime/sigmoid.h"

struct decode {
    struct yt_emit *e;
    const struct yt_decode *p;
    int64_t pixel, row, block; /* strides in bytes */
    int32_t group;             /* cells looked at together */
    LLVMValueRef args, min_logit, conf;
    LLVMValueRef counts;
    LLVMValueRef out[6]; /* x0 y0 x1 y1 score class, at the segment's start */
    LLVMValueRef count;  /* variable: candidates of this segment */
    LLVMValueRef line;   /* block 0, row y */
    LLVMValueRef y;
    LLVMValueRef base;    /* the anchor's first channel */
    LLVMValueRef objects; /* the row's objectness; unused without anchors */
    LLVMValueRef anchor_w, anchor_h;
};

enum { X0, Y0, X1, Y1, SCORE, CLASS };

/* Address of a channel of the row's first cell. */
static LLVMValueRef channel(struct decode *d, LLVMValueRef c)
{
    struct yt_emit *e = d->e;
    const int64_t lanes = e->isa->lanes;
    LLVMValueRef block = yt_emit_muli(e, yt_emit_divi(e, c, lanes), d->block);
    LLVMValueRef lane = yt_emit_muli(e, yt_emit_modi(e, c, lanes), 4);
    return yt_emit_index(e, d->line, yt_emit_add(e, block, lane));
}

struct best {
    LLVMValueRef logit, class_id; /* f32, i32 */
};

/* The first of the largest class logits of the cell at byte offset at. Lanes
 * keep the first of their own largest; the anchor's classes seldom begin or
 * end with a block, so lanes outside are masked. */
static struct best find_class(struct decode *d, LLVMValueRef at)
{
    struct yt_emit *e = d->e;
    const int32_t lanes = e->isa->lanes;
    LLVMValueRef first =
        yt_emit_addi(e, d->base, d->p->bins ? 4 * d->p->bins : 5);
    LLVMValueRef last = yt_emit_addi(e, first, d->p->nc);
    LLVMValueRef lowest = yt_emit_splat(e, YT_EXPF_MIN);
    LLVMValueRef largest = yt_emit_var(e, e->vec, "largest");
    LLVMValueRef where = yt_emit_var(e, e->veci, "where");
    yt_emit_set(e, largest, lowest);
    LLVMValueRef first32 = yt_emit_spread_i32(e, yt_emit_to_i32(e, first));
    LLVMValueRef before =
        yt_emit_spread_i32(e, yt_emit_to_i32(e, yt_emit_addi(e, first, -1)));
    LLVMValueRef end = yt_emit_spread_i32(e, yt_emit_to_i32(e, last));
    yt_emit_set(e, where, first32);
    struct yt_loop block;
    yt_emit_for(e, &block, "class_block", yt_emit_divi(e, first, lanes),
                yt_emit_divi(e, yt_emit_addi(e, last, lanes - 1), lanes), 1, 1);
    LLVMValueRef logits = yt_emit_load(
        e, e->vec,
        yt_emit_index(e, d->line,
                      yt_emit_add(e, at, yt_emit_muli(e, block.i, d->block))),
        4 * (unsigned)lanes);
    LLVMValueRef c =
        yt_emit_add(e, yt_emit_iota(e),
                    yt_emit_spread_i32(
                        e, yt_emit_to_i32(e, yt_emit_muli(e, block.i, lanes))));
    LLVMValueRef larger = yt_emit_and(
        e, yt_emit_fgreater(e, logits, yt_emit_get(e, largest)),
        yt_emit_and(e, yt_emit_less(e, before, c), yt_emit_less(e, c, end)));
    yt_emit_set(e, largest,
                yt_emit_select(e, larger, logits, yt_emit_get(e, largest)));
    yt_emit_set(e, where, yt_emit_select(e, larger, c, yt_emit_get(e, where)));
    yt_emit_endfor(e, &block);

    struct best best = {.logit = yt_emit_largest(e, yt_emit_get(e, largest))};
    LLVMValueRef winners = yt_emit_fequal(e, yt_emit_get(e, largest),
                                          yt_emit_spread(e, best.logit));
    LLVMValueRef channels = yt_emit_select(e, winners, yt_emit_get(e, where),
                                           yt_emit_splat_i32(e, INT32_MAX));
    best.class_id = yt_emit_sub(e, yt_emit_smallest_i32(e, channels),
                                yt_emit_to_i32(e, first));
    return best;
}

/* Sigmoids of scalars, packed into vectors. */
static void sigmoids(struct decode *d, LLVMValueRef *values, int32_t count)
{
    struct yt_emit *e = d->e;
    const int32_t lanes = e->isa->lanes;
    for (int32_t i = 0; i < count; i += lanes) {
        LLVMValueRef v = yt_emit_splat(e, 0);
        for (int32_t j = 0; j < lanes && i + j < count; j++)
            v = yt_emit_with_lane(e, v, values[i + j], j);
        v = yt_emit_sigmoid(e, v);
        for (int32_t j = 0; j < lanes && i + j < count; j++)
            values[i + j] = yt_emit_lane(e, v, j);
    }
}

static void put(struct decode *d, int field, LLVMValueRef value)
{
    struct yt_emit *e = d->e;
    LLVMValueRef at = yt_emit_muli(e, yt_emit_get(e, d->count), 4);
    yt_emit_store(e, value, yt_emit_index(e, d->out[field], at), 4);
}

/* Centre and half size along one axis: (2 s - 0.5 + cell) * stride and
 * (2 s)^2 * anchor / 2, in the order of the C kernel. */
static void put_axis(struct decode *d, LLVMValueRef centre, LLVMValueRef size,
                     LLVMValueRef cell, LLVMValueRef anchor, int low, int high)
{
    struct yt_emit *e = d->e;
    LLVMValueRef two = yt_emit_f32(e, 2);
    LLVMValueRef place = yt_emit_fsub(
        e, yt_emit_to_float(e, yt_emit_to_i32(e, cell)), yt_emit_f32(e, 0.5f));
    LLVMValueRef middle =
        yt_emit_fmul(e, yt_emit_fadd(e, yt_emit_fmul(e, centre, two), place),
                     yt_emit_f32(e, (float)d->p->stride));
    LLVMValueRef side = yt_emit_fmul(e, size, two);
    LLVMValueRef half =
        yt_emit_fmul(e, yt_emit_fmul(e, yt_emit_fmul(e, side, side), anchor),
                     yt_emit_f32(e, 0.5f));
    put(d, low, yt_emit_fsub(e, middle, half));
    put(d, high, yt_emit_fadd(e, middle, half));
}

static void put_best(struct decode *d, LLVMValueRef score,
                     LLVMValueRef class_id)
{
    struct yt_emit *e = d->e;
    put(d, SCORE, score);
    put(d, CLASS, class_id);
    yt_emit_set(e, d->count, yt_emit_addi(e, yt_emit_get(e, d->count), 1));
}

/* A cell over the logit threshold: x, and its byte offset. */
static void decode_cell(struct decode *d, LLVMValueRef x, LLVMValueRef at,
                        LLVMValueRef object)
{
    struct yt_emit *e = d->e;
    const struct best best = find_class(d, at);
    LLVMValueRef s[6];
    for (int j = 0; j < 4; j++) {
        LLVMValueRef logit = channel(d, yt_emit_addi(e, d->base, j));
        s[j] = yt_emit_load(e, e->f32, yt_emit_index(e, logit, at), 4);
    }
    s[4] = object;
    s[5] = best.logit;
    sigmoids(d, s, 6);
    LLVMValueRef score = yt_emit_fmul(e, s[4], s[5]);
    struct yt_branch passes;
    yt_emit_if(e, &passes, yt_emit_fgreater(e, score, d->conf), "passes");
    put_axis(d, s[0], s[2], x, d->anchor_w, X0, X1);
    put_axis(d, s[1], s[3], d->y, d->anchor_h, Y0, Y1);
    put_best(d, score, best.class_id);
    yt_emit_endif(e, &passes);
}

/* Vector i of one side's logits of the cell at byte offset at. */
static LLVMValueRef load_bins(struct decode *d, LLVMValueRef at, int32_t side,
                              int32_t i)
{
    struct yt_emit *e = d->e;
    const int32_t lanes = e->isa->lanes;
    const int64_t block = side * (d->p->bins / lanes) + i;
    return yt_emit_load(
        e, e->vec,
        yt_emit_at(e, yt_emit_index(e, d->line, at), block * d->block),
        4 * (unsigned)lanes);
}

/* The sum of all lanes, one after the other. */
static LLVMValueRef sum_lanes(struct yt_emit *e, LLVMValueRef v)
{
    LLVMValueRef sum = yt_emit_lane(e, v, 0);
    for (int32_t i = 1; i < e->isa->lanes; i++)
        sum = yt_emit_fadd(e, sum, yt_emit_lane(e, v, i));
    return sum;
}

/* The mean of a side's distribution: sums of e^t and of j e^t, t being how far
 * below the largest a logit is. */
static LLVMValueRef mean_bin(struct decode *d, LLVMValueRef at, int32_t side)
{
    struct yt_emit *e = d->e;
    const int32_t lanes = e->isa->lanes;
    const int32_t count = d->p->bins / lanes;
    LLVMValueRef v[YT_BINS_MAX / 4];
    LLVMValueRef top = yt_emit_splat(e, YT_EXPF_MIN);
    for (int32_t i = 0; i < count; i++) {
        v[i] = load_bins(d, at, side, i);
        top = yt_emit_fmax(e, v[i], top);
    }
    top = yt_emit_spread(e, yt_emit_largest(e, top));
    LLVMValueRef sum = yt_emit_splat(e, 0);
    LLVMValueRef weighted = yt_emit_splat(e, 0);
    for (int32_t i = 0; i < count; i++) {
        LLVMValueRef bin = yt_emit_fadd(e, yt_emit_to_float(e, yt_emit_iota(e)),
                                        yt_emit_splat(e, (float)(i * lanes)));
        LLVMValueRef power =
            yt_emit_exp_of_minus(e, yt_emit_fsub(e, top, v[i]));
        sum = yt_emit_fadd(e, sum, power);
        weighted = yt_emit_fma(e, power, bin, weighted);
    }
    return yt_emit_lane(
        e,
        e->words.divide(e, yt_emit_spread(e, sum_lanes(e, weighted)),
                        yt_emit_spread(e, sum_lanes(e, sum))),
        0);
}

/* The middle of the cell less one mean and plus the other, in pixels. */
static void put_sides(struct decode *d, LLVMValueRef at, LLVMValueRef cell,
                      int32_t side, int low, int high)
{
    struct yt_emit *e = d->e;
    LLVMValueRef stride = yt_emit_f32(e, (float)d->p->stride);
    LLVMValueRef middle = yt_emit_fadd(
        e, yt_emit_to_float(e, yt_emit_to_i32(e, cell)), yt_emit_f32(e, 0.5f));
    LLVMValueRef below = yt_emit_fsub(e, middle, mean_bin(d, at, side));
    LLVMValueRef above = yt_emit_fadd(e, middle, mean_bin(d, at, side + 2));
    put(d, low, yt_emit_fmul(e, below, stride));
    put(d, high, yt_emit_fmul(e, above, stride));
}

/* The same of a head without anchors, where the cell may have no class over the
 * threshold. */
static void decode_bins_cell(struct decode *d, LLVMValueRef x, LLVMValueRef at)
{
    struct yt_emit *e = d->e;
    const struct best best = find_class(d, at);
    struct yt_branch over, passes;
    yt_emit_if(e, &over, yt_emit_fgreater(e, best.logit, d->min_logit), "over");
    LLVMValueRef score = best.logit;
    sigmoids(d, &score, 1);
    yt_emit_if(e, &passes, yt_emit_fgreater(e, score, d->conf), "passes");
    put_sides(d, at, x, 0, X0, X1);
    put_sides(d, at, d->y, 1, Y0, Y1);
    put_best(d, score, best.class_id);
    yt_emit_endif(e, &passes);
    yt_emit_endif(e, &over);
}

static LLVMValueRef load_object(struct decode *d, LLVMValueRef x,
                                int64_t further)
{
    struct yt_emit *e = d->e;
    LLVMValueRef at = yt_emit_muli(e, x, d->pixel);
    return yt_emit_load(
        e, e->f32,
        yt_emit_at(e, yt_emit_index(e, d->objects, at), further * d->pixel), 4);
}

/* Cells [from, to), one by one. */
static void decode_cells(struct decode *d, LLVMValueRef from, LLVMValueRef to)
{
    struct yt_emit *e = d->e;
    struct yt_loop x;
    yt_emit_for(e, &x, "cell", from, to, 1, 1);
    LLVMValueRef at = yt_emit_muli(e, x.i, d->pixel);
    if (d->p->bins) {
        decode_bins_cell(d, x.i, at);
    } else {
        struct yt_branch over;
        LLVMValueRef object = load_object(d, x.i, 0);
        yt_emit_if(e, &over, yt_emit_fgreater(e, object, d->min_logit), "over");
        decode_cell(d, x.i, at, object);
        yt_emit_endif(e, &over);
    }
    yt_emit_endfor(e, &x);
}

/* The largest class logit of a whole group, block after block of channels. The
 * last block may have lanes that are no class. */
static LLVMValueRef group_class_top(struct decode *d, LLVMValueRef group)
{
    struct yt_emit *e = d->e;
    const int32_t lanes = e->isa->lanes;
    const int64_t first = 4 * d->p->bins / lanes;
    const int64_t last = (4 * d->p->bins + d->p->nc + lanes - 1) / lanes;
    LLVMValueRef at =
        yt_emit_index(e, d->line, yt_emit_muli(e, group, d->pixel));
    LLVMValueRef end = yt_emit_splat_i32(e, 4 * d->p->bins + d->p->nc);
    LLVMValueRef low = yt_emit_spread(e, d->min_logit);
    LLVMValueRef most = yt_emit_var(e, e->vec, "most");
    struct yt_loop block;
    yt_emit_set(e, most, low);
    yt_emit_for(e, &block, "class_blocks", yt_emit_i64(e, first),
                yt_emit_i64(e, last), 1, 1);
    LLVMValueRef from =
        yt_emit_index(e, at, yt_emit_muli(e, block.i, d->block));
    LLVMValueRef top = low;
    for (int32_t i = 0; i < d->group; i++)
        top = yt_emit_fmax(e,
                           yt_emit_load(e, e->vec,
                                        yt_emit_at(e, from, i * d->pixel),
                                        4 * (unsigned)lanes),
                           top);
    LLVMValueRef c =
        yt_emit_add(e, yt_emit_iota(e),
                    yt_emit_spread_i32(
                        e, yt_emit_to_i32(e, yt_emit_muli(e, block.i, lanes))));
    top = yt_emit_select(e, yt_emit_less(e, c, end), top, low);
    yt_emit_set(e, most, yt_emit_fmax(e, top, yt_emit_get(e, most)));
    yt_emit_endfor(e, &block);
    return yt_emit_largest(e, yt_emit_get(e, most));
}

/* The largest object of a whole group, or the threshold where none passes. */
static LLVMValueRef group_top(struct decode *d, LLVMValueRef group)
{
    struct yt_emit *e = d->e;
    LLVMValueRef top = d->min_logit;
    if (d->p->bins)
        return group_class_top(d, group);
    for (int32_t i = 0; i < d->group; i++)
        top = yt_emit_fmax(e, load_object(d, group, i), top);
    return top;
}

/* Groups with a cell that passes are gone through; so is the rest of a row that
 * is no whole group. */
static void decode_groups(struct decode *d)
{
    struct yt_emit *e = d->e;
    const int64_t w = d->p->w;
    const int64_t whole = w / d->group * d->group;
    LLVMValueRef top = yt_emit_var(e, e->f32, "top");
    struct yt_loop group;
    struct yt_branch some;
    yt_emit_for(e, &group, "group", yt_emit_i64(e, 0), yt_emit_i64(e, w),
                d->group, 1);
    if (whole == w) {
        yt_emit_set(e, top, group_top(d, group.i));
    } else {
        struct yt_branch is_whole;
        yt_emit_if(e, &is_whole,
                   yt_emit_less(e, group.i, yt_emit_i64(e, whole)), "whole");
        yt_emit_set(e, top, group_top(d, group.i));
        yt_emit_else(e, &is_whole);
        yt_emit_set(e, top, yt_emit_f32(e, INFINITY));
        yt_emit_endif(e, &is_whole);
    }
    yt_emit_if(e, &some, yt_emit_fgreater(e, yt_emit_get(e, top), d->min_logit),
               "some");
    decode_cells(
        d, group.i,
        yt_emit_min(e, yt_emit_addi(e, group.i, d->group), yt_emit_i64(e, w)));
    yt_emit_endif(e, &some);
    yt_emit_endfor(e, &group);
}

static void decode_row(struct decode *d)
{
    struct yt_emit *e = d->e;
    if (!d->p->bins)
        d->objects = channel(d, yt_emit_addi(e, d->base, 4));
    if (d->group > 1)
        decode_groups(d);
    else
        decode_cells(d, yt_emit_i64(e, 0), yt_emit_i64(e, d->p->w));
}

static void begin_segment(struct decode *d, LLVMValueRef task)
{
    static const size_t arrays[6] = {
        offsetof(struct yt_decode_args, out.x0),
        offsetof(struct yt_decode_args, out.y0),
        offsetof(struct yt_decode_args, out.x1),
        offsetof(struct yt_decode_args, out.y1),
        offsetof(struct yt_decode_args, out.score),
        offsetof(struct yt_decode_args, out.class_id),
    };
    struct yt_emit *e = d->e;
    LLVMValueRef anchor = yt_emit_divi(e, task, d->p->h);
    d->y = yt_emit_modi(e, task, d->p->h);
    d->base = yt_emit_muli(e, anchor, 5 + d->p->nc);
    LLVMValueRef head = yt_emit_field(
        e, d->args, e->ptr, offsetof(struct yt_decode_args, head), "head");
    d->line = yt_emit_index(e, head, yt_emit_muli(e, d->y, d->row));
    LLVMValueRef anchors = yt_emit_index(
        e, yt_emit_at(e, d->args, offsetof(struct yt_decode_args, anchors)),
        yt_emit_muli(e, anchor, 8));
    d->anchor_w = yt_emit_field(e, anchors, e->f32, 0, "anchor_w");
    d->anchor_h = yt_emit_field(e, anchors, e->f32, 4, "anchor_h");
    LLVMValueRef segment = yt_emit_muli(e, task, 4 * (int64_t)d->p->w);
    for (int i = 0; i < 6; i++)
        d->out[i] = yt_emit_index(
            e, yt_emit_field(e, d->args, e->ptr, (int64_t)arrays[i], "array"),
            segment);
    yt_emit_set(e, d->count, yt_emit_i64(e, 0));
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    const struct yt_decode *p = &problem->u.decode;
    struct decode d = {
        .e = e,
        .p = p,
        .group = s->ku,
        .pixel = 4 * (int64_t)e->isa->lanes,
        .args = yt_emit_param(e, 0),
    };
    d.row = d.pixel * p->w;
    d.block = d.row * (p->rows ? p->rows : p->h);
    d.min_logit =
        yt_emit_field(e, d.args, e->f32,
                      offsetof(struct yt_decode_args, min_logit), "min_logit");
    d.conf = yt_emit_field(e, d.args, e->f32,
                           offsetof(struct yt_decode_args, conf), "conf");
    d.counts = yt_emit_field(e, d.args, e->ptr,
                             offsetof(struct yt_decode_args, counts), "counts");
    d.count = yt_emit_var(e, e->i64, "count");
    struct yt_loop task;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    begin_segment(&d, task.i);
    decode_row(&d);
    yt_emit_store(e, yt_emit_to_i32(e, yt_emit_get(e, d.count)),
                  yt_emit_index(e, d.counts, yt_emit_muli(e, task.i, 4)), 4);
    yt_emit_endfor(e, &task);
}

/* A row of an anchor. */
static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)s;
    (void)isa;
    return (int64_t)p->u.decode.na * p->u.decode.h;
}

static int64_t row_tasks(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)p;
    (void)s;
    (void)isa;
    return 1;
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    (void)p;
    (void)isa;
    s->ku = 8;
    return 1;
}

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    (void)p;
    (void)isa;
    return s->ku <= 32;
}

static int32_t values(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t out[YT_VALUES_MAX])
{
    int32_t count = 0;
    (void)p;
    (void)isa;
    if (knob == YT_KNOB_KU)
        for (int32_t group = 1; group <= 32; group *= 2)
            out[count++] = group;
    else
        for (int32_t tune = 0; tune < YT_TUNE_COUNT; tune++)
            out[count++] = tune;
    return count;
}

/* k is how many cells are looked at together; 1: each on its own. */
const struct yt_algo yt_algo_decode = {
    .name = "rows",
    .op = YT_OP_DECODE,
    .knobs = YT_KNOB_BIT(KU) | YT_KNOB_BIT(TUNE),
    .applies = applies,
    .first = first,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = values,
    .tasks = task_count,
    .row_tasks = row_tasks,
    .generate = generate,
};
