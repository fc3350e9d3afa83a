/* The letterbox, a row of output per task. A vector of a row of content is
 * lanes / 4 groups of four consecutive values: 16 bytes from each of the two
 * source rows for each group, shuffled into pairs of taps, weighted, shifted
 * and blended in 16 bits with OpenCV's roundings (see runtime/letterbox.h: the
 * result is bit for bit that of its formula), converted and stored. Nothing is
 * gathered element by element and no lane is wasted on a fourth channel. At
 * that, memory is the limit: most of the time goes into writing the output, and
 * prefetching the source gains nothing (measured, AVX-512 server core).
 *
 * Every type holds 0..255, so only storing differs from type to type. A border
 * of zeros is written with the row that it belongs to, above and below with the
 * first and the last: a row's task writes nothing that another's does.
 *
 * Images too narrow to be read 8 bytes at a time, and the one ISA without a
 * byte shuffle, take a plain loop. */

#include <assert.h>
#include <stddef.h>

#include "codegen/algo.h"
#include "codegen/emit.h"
#include "runtime/letterbox.h"

/* Fields of the arguments, and what one row needs. */
struct letterbox {
    struct yt_emit *e;
    const struct yt_letterbox *p;
    enum yt_dtype dtype; /* of the output */
    int32_t bytes;       /* of one of its elements */
    LLVMValueRef args, pixels, columns, elements;
    LLVMValueRef shuffles, weights, offsets;
    LLVMValueRef upper, lower;               /* the two source rows */
    LLVMValueRef upper_weight, lower_weight; /* scalar i32 */
    LLVMValueRef upper_spread, lower_spread; /* in every lane */
};

static LLVMValueRef field(struct letterbox *l, LLVMTypeRef type, size_t offset,
                          const char *name)
{
    return yt_emit_field(l->e, l->args, type, (int64_t)offset, name);
}

static LLVMValueRef field_i64(struct letterbox *l, size_t offset,
                              const char *name)
{
    return yt_emit_to_i64(l->e, field(l, l->e->i32, offset, name));
}

/* ---------------------------------------------------------------- grey */

/* Elements of a vector of nothing but output. */
static int32_t wide_count(const struct letterbox *l)
{
    return yt_emit_group(l->dtype) * l->e->isa->lanes;
}

static LLVMValueRef wide_grey(struct letterbox *l)
{
    enum { BF16_GREY = 0x42e4 };
    static_assert(YT_LETTERBOX_GREY == 114, "and so the bits of it");
    if (l->dtype == YT_DTYPE_F32)
        return yt_emit_splat(l->e, YT_LETTERBOX_GREY);
    return yt_emit_repeat(l->e, l->dtype, wide_count(l),
                          l->dtype == YT_DTYPE_BF16 ? BF16_GREY
                                                    : YT_LETTERBOX_GREY);
}

/* Where element i of out is. */
static LLVMValueRef element(struct letterbox *l, LLVMValueRef out,
                            LLVMValueRef i)
{
    return yt_emit_index(l->e, out, yt_emit_muli(l->e, i, l->bytes));
}

static void fill_grey(struct letterbox *l, LLVMValueRef out, LLVMValueRef count)
{
    struct yt_emit *e = l->e;
    const int64_t wide = wide_count(l);
    LLVMValueRef grey = wide_grey(l);
    LLVMValueRef whole = yt_emit_muli(e, yt_emit_divi(e, count, wide), wide);
    struct yt_loop i;
    struct yt_branch rest;
    yt_emit_for(e, &i, "grey", yt_emit_i64(e, 0), whole, wide, 0);
    yt_emit_store(e, grey, element(l, out, i.i), (unsigned)l->bytes);
    yt_emit_endfor(e, &i);
    yt_emit_if(e, &rest, yt_emit_less(e, whole, count), "grey_rest");
    yt_emit_store_first(e, grey, element(l, out, whole),
                        yt_emit_sub(e, count, whole));
    yt_emit_endif(e, &rest);
}

/* -------------------------------------------------------------- groups */

/* Pairs of taps of the lanes from element i on. */
static LLVMValueRef read_pairs(struct letterbox *l, LLVMValueRef row,
                               LLVMValueRef i,
                               enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    const unsigned halves = (unsigned)e->isa->lanes / 2;
    LLVMTypeRef piece =
        reading == YT_LETTERBOX_HALVES ? e->i64 : LLVMVectorType(e->i64, 2);
    const unsigned step = reading == YT_LETTERBOX_HALVES ? 1 : 2;
    LLVMValueRef offsets = yt_emit_index(e, l->offsets, yt_emit_muli(e, i, 2));
    LLVMValueRef pieces[8];
    for (unsigned n = 0; n < halves; n += step) {
        LLVMValueRef offset = yt_emit_to_i64(
            e, yt_emit_load(e, e->i32, yt_emit_at(e, offsets, 4 * n), 4));
        pieces[n / step] =
            yt_emit_load(e, piece, yt_emit_index(e, row, offset), 1);
    }
    LLVMValueRef shuffle = yt_emit_load(
        e, e->veci, yt_emit_index(e, l->shuffles, yt_emit_muli(e, i, 4)), 4);
    return yt_emit_shuffle_bytes(e, yt_emit_concat(e, pieces, halves / step),
                                 shuffle);
}

/* What the taps of the lanes from element i on come to along one source row:
 * at most 255 * 2048 >> 4, 15 bits, and nothing in the upper half. */
static LLVMValueRef weigh(struct letterbox *l, LLVMValueRef row, LLVMValueRef i,
                          enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    LLVMValueRef pairs = read_pairs(l, row, i, reading);
    if (reading == YT_LETTERBOX_COPY)
        return pairs;
    LLVMValueRef weights = yt_emit_load(
        e, e->veci, yt_emit_index(e, l->weights, yt_emit_muli(e, i, 4)), 4);
    return yt_emit_shift_right(e, yt_emit_dot_halves(e, pairs, weights), 4);
}

/* The two rows' sums to values, for each half of each lane. */
static LLVMValueRef blend(struct letterbox *l, LLVMValueRef upper,
                          LLVMValueRef lower)
{
    struct yt_emit *e = l->e;
    LLVMValueRef sum =
        yt_emit_add(e, yt_emit_mul_high_halves(e, upper, l->upper_spread),
                    yt_emit_mul_high_halves(e, lower, l->lower_spread));
    sum = yt_emit_add(e, sum, yt_emit_splat_i32(e, 0x00020002));
    return yt_emit_shift_right_halves(e, sum, 2);
}

/* The values of the lanes from element i on, 0..255. */
static LLVMValueRef resize(struct letterbox *l, LLVMValueRef i,
                           enum yt_letterbox_reading reading)
{
    LLVMValueRef upper = weigh(l, l->upper, i, reading);
    if (reading == YT_LETTERBOX_COPY)
        return upper;
    return blend(l, upper, weigh(l, l->lower, i, reading));
}

/* The same of 2 * lanes elements, as halves, which packing left in turns. */
static LLVMValueRef resize_halves(struct letterbox *l, LLVMValueRef i,
                                  enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    LLVMValueRef rows[2];
    LLVMValueRef next = yt_emit_addi(e, i, e->isa->lanes);
    const int count = reading == YT_LETTERBOX_COPY ? 1 : 2;
    for (int r = 0; r < count; r++) {
        LLVMValueRef row = r == 0 ? l->upper : l->lower;
        rows[r] = yt_emit_pack_halves(e, weigh(l, row, i, reading),
                                      weigh(l, row, next, reading));
    }
    return count == 1 ? rows[0] : blend(l, rows[0], rows[1]);
}

/* A vector of nothing but bytes or halves of output from element i on. */
static LLVMValueRef resize_wide(struct letterbox *l, LLVMValueRef i,
                                enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    LLVMValueRef v = resize_halves(l, i, reading);
    if (l->dtype == YT_DTYPE_S16)
        return yt_emit_packed_in_order(e, v, 2);
    LLVMValueRef next = yt_emit_addi(e, i, 2 * (int64_t)e->isa->lanes);
    v = yt_emit_pack_bytes(e, v, resize_halves(l, next, reading));
    return yt_emit_packed_in_order(e, v, 4);
}

/* As many elements as make whole vectors of output; returns how many. */
static LLVMValueRef resize_wide_groups(struct letterbox *l, LLVMValueRef out,
                                       enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    const int64_t wide = wide_count(l);
    LLVMValueRef whole =
        yt_emit_muli(e, yt_emit_divi(e, l->elements, wide), wide);
    struct yt_loop i;
    yt_emit_for(e, &i, "wide", yt_emit_i64(e, 0), whole, wide, 0);
    yt_emit_store(e, resize_wide(l, i.i, reading), element(l, out, i.i),
                  (unsigned)l->bytes);
    yt_emit_endfor(e, &i);
    return whole;
}

static void resize_groups(struct letterbox *l, LLVMValueRef out,
                          enum yt_letterbox_reading reading)
{
    struct yt_emit *e = l->e;
    const int64_t lanes = e->isa->lanes;
    LLVMValueRef whole =
        yt_emit_muli(e, yt_emit_divi(e, l->elements, lanes), lanes);
    struct yt_loop i;
    struct yt_branch rest;
    LLVMValueRef from = yt_emit_i64(e, 0);
    if (l->dtype == YT_DTYPE_S16 || l->dtype == YT_DTYPE_U8S8)
        from = resize_wide_groups(l, out, reading);
    yt_emit_for(e, &i, "content", from, whole, lanes, 0);
    LLVMValueRef v = yt_emit_narrow(e, l->dtype, resize(l, i.i, reading));
    yt_emit_store(e, v, element(l, out, i.i), (unsigned)l->bytes);
    yt_emit_endfor(e, &i);
    yt_emit_if(e, &rest, yt_emit_less(e, whole, l->elements), "content_rest");
    v = yt_emit_narrow(e, l->dtype, resize(l, whole, reading));
    yt_emit_store_first(e, v, element(l, out, whole),
                        yt_emit_sub(e, l->elements, whole));
    yt_emit_endif(e, &rest);
}

/* --------------------------------------------------------------- plain */

static LLVMValueRef read_byte(struct letterbox *l, LLVMValueRef row,
                              LLVMValueRef offset)
{
    struct yt_emit *e = l->e;
    return yt_emit_byte(
        e, yt_emit_load(e, e->i8, yt_emit_index(e, row, offset), 1));
}

/* One value of one source row, without the four bits that are dropped. */
static LLVMValueRef across(struct letterbox *l, LLVMValueRef row,
                           LLVMValueRef left_at, LLVMValueRef right_at,
                           LLVMValueRef left_weight, LLVMValueRef right_weight)
{
    struct yt_emit *e = l->e;
    LLVMValueRef sum =
        yt_emit_add(e, yt_emit_mul(e, read_byte(l, row, left_at), left_weight),
                    yt_emit_mul(e, read_byte(l, row, right_at), right_weight));
    return yt_emit_divi(e, sum, 1 << 4);
}

static void resize_plain(struct letterbox *l, LLVMValueRef out)
{
    struct yt_emit *e = l->e;
    LLVMValueRef right_step = field_i64(
        l, offsetof(struct yt_letterbox_args, right_step), "right_step");
    LLVMValueRef upper_weight = yt_emit_to_i64(e, l->upper_weight);
    LLVMValueRef lower_weight = yt_emit_to_i64(e, l->lower_weight);
    LLVMValueRef channel[3];
    for (int c = 0; c < 3; c++)
        channel[c] = yt_emit_byte(
            e, field(l, e->i8,
                     offsetof(struct yt_letterbox_args, channel) + (size_t)c,
                     "channel"));
    struct yt_loop x;
    yt_emit_for(e, &x, "plain", yt_emit_i64(e, 0),
                yt_emit_divi(e, l->elements, 3), 1, 0);
    LLVMValueRef column = yt_emit_index(e, l->columns, yt_emit_muli(e, x.i, 8));
    LLVMTypeRef i16 = LLVMInt16TypeInContext(e->ctx);
    LLVMValueRef offset = yt_emit_to_i64(e, yt_emit_load(e, e->i32, column, 4));
    LLVMValueRef left =
        yt_emit_to_i64(e, yt_emit_load(e, i16, yt_emit_at(e, column, 4), 2));
    LLVMValueRef right =
        yt_emit_to_i64(e, yt_emit_load(e, i16, yt_emit_at(e, column, 6), 2));
    LLVMValueRef to = element(l, out, yt_emit_muli(e, x.i, 3));
    for (int c = 0; c < 3; c++) {
        LLVMValueRef left_at = yt_emit_add(e, offset, channel[c]);
        LLVMValueRef right_at = yt_emit_add(e, left_at, right_step);
        LLVMValueRef a =
            yt_emit_mul(e, upper_weight,
                        across(l, l->upper, left_at, right_at, left, right));
        LLVMValueRef b =
            yt_emit_mul(e, lower_weight,
                        across(l, l->lower, left_at, right_at, left, right));
        LLVMValueRef sum = yt_emit_add(e, yt_emit_divi(e, a, 1 << 16),
                                       yt_emit_divi(e, b, 1 << 16));
        LLVMValueRef v = yt_emit_divi(e, yt_emit_addi(e, sum, 2), 4);
        yt_emit_store(e, yt_emit_narrow(e, l->dtype, yt_emit_to_i32(e, v)),
                      yt_emit_at(e, to, c * l->bytes), (unsigned)l->bytes);
    }
    yt_emit_endfor(e, &x);
}

/* ---------------------------------------------------------------- rows */

static void resize_row(struct letterbox *l, LLVMValueRef out)
{
    struct yt_emit *e = l->e;
    if (!(e->isa->can & YT_CAN_SHUFFLE_BYTES)) {
        resize_plain(l, out);
        return;
    }
    static const struct {
        enum yt_letterbox_reading reading;
        const char *label;
    } ways[] = {
        {YT_LETTERBOX_JOINED, "joined"},
        {YT_LETTERBOX_COPY, "copy"},
        {YT_LETTERBOX_HALVES, "halves"},
    };
    enum { WAYS = sizeof ways / sizeof ways[0] };
    LLVMValueRef reading =
        field(l, e->i32, offsetof(struct yt_letterbox_args, groups.reading),
              "reading");
    struct yt_branch branch[WAYS];
    for (int i = 0; i < WAYS; i++) {
        yt_emit_if(
            e, &branch[i],
            yt_emit_equal(e, reading, yt_emit_i32(e, (int32_t)ways[i].reading)),
            ways[i].label);
        resize_groups(l, out, ways[i].reading);
        yt_emit_else(e, &branch[i]);
    }
    resize_plain(l, out);
    for (int i = WAYS; i-- > 0;)
        yt_emit_endif(e, &branch[i]);
}

/* In both halves of every lane. */
static LLVMValueRef spread_weight(struct letterbox *l, LLVMValueRef weight)
{
    struct yt_emit *e = l->e;
    return yt_emit_spread_i32(
        e, yt_emit_mul(e, weight, yt_emit_i32(e, 0x00010001)));
}

static void load_row(struct letterbox *l, LLVMValueRef rows, LLVMValueRef y)
{
    struct yt_emit *e = l->e;
    LLVMValueRef row = yt_emit_index(
        e, rows, yt_emit_muli(e, y, sizeof(struct yt_letterbox_row)));
    l->upper = yt_emit_index(
        e, l->pixels,
        yt_emit_field(e, row, e->i64, offsetof(struct yt_letterbox_row, upper),
                      "upper"));
    l->lower = yt_emit_index(
        e, l->pixels,
        yt_emit_field(e, row, e->i64, offsetof(struct yt_letterbox_row, lower),
                      "lower"));
    l->upper_weight = yt_emit_field(
        e, row, e->i32, offsetof(struct yt_letterbox_row, upper_weight),
        "upper_weight");
    l->lower_weight = yt_emit_field(
        e, row, e->i32, offsetof(struct yt_letterbox_row, lower_weight),
        "lower_weight");
    l->upper_spread = spread_weight(l, l->upper_weight);
    l->lower_spread = spread_weight(l, l->lower_weight);
}

/* Left and right of row y; above the first and below the last. */
static void zero_border(struct letterbox *l, LLVMValueRef out,
                        LLVMValueRef line, LLVMValueRef y)
{
    struct yt_emit *e = l->e;
    const int64_t pad = l->p->pad;
    const int64_t side = 3 * pad * l->bytes;
    const int64_t content = 3 * (int64_t)l->p->w * l->bytes;
    const int64_t rows = pad * (content + 2 * side);
    struct yt_branch edge;
    yt_emit_zero_bytes(e, yt_emit_at(e, line, -side), side);
    yt_emit_zero_bytes(e, yt_emit_at(e, line, content), side);
    yt_emit_if(e, &edge, yt_emit_equal(e, y, yt_emit_i64(e, 0)), "first");
    yt_emit_zero_bytes(e, out, rows);
    yt_emit_endif(e, &edge);
    yt_emit_if(e, &edge, yt_emit_equal(e, y, yt_emit_i64(e, l->p->h - 1)),
               "last");
    yt_emit_zero_bytes(e, yt_emit_at(e, line, content + side), rows);
    yt_emit_endif(e, &edge);
}

static void load_args(struct letterbox *l)
{
    struct yt_emit *e = l->e;
    l->args = yt_emit_param(e, 0);
    l->pixels =
        field(l, e->ptr, offsetof(struct yt_letterbox_args, pixels), "pixels");
    l->columns = field(l, e->ptr, offsetof(struct yt_letterbox_args, columns),
                       "columns");
    l->shuffles =
        field(l, e->ptr, offsetof(struct yt_letterbox_args, groups.shuffles),
              "shuffles");
    l->weights =
        field(l, e->ptr, offsetof(struct yt_letterbox_args, groups.weights),
              "weights");
    l->offsets =
        field(l, e->ptr, offsetof(struct yt_letterbox_args, groups.offsets),
              "offsets");
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)s;
    struct letterbox l = {.e = e,
                          .p = &problem->u.letterbox,
                          .dtype = problem->dtype,
                          .bytes = yt_dtype_bytes(problem->dtype)};
    load_args(&l);
    const int64_t row_elements = 3 * (int64_t)l.p->w;
    const int64_t row_bytes = l.bytes * 3 * ((int64_t)l.p->w + 2 * l.p->pad);
    LLVMValueRef out =
        field(&l, e->ptr, offsetof(struct yt_letterbox_args, out), "out");
    LLVMValueRef rows =
        field(&l, e->ptr, offsetof(struct yt_letterbox_args, rows), "rows");
    LLVMValueRef top =
        field_i64(&l, offsetof(struct yt_letterbox_args, top), "top");
    LLVMValueRef left =
        field_i64(&l, offsetof(struct yt_letterbox_args, left), "left");
    LLVMValueRef content_h = field_i64(
        &l, offsetof(struct yt_letterbox_args, content_h), "content_h");
    LLVMValueRef content_w = field_i64(
        &l, offsetof(struct yt_letterbox_args, content_w), "content_w");
    l.elements = yt_emit_muli(e, content_w, 3);
    LLVMValueRef margin = yt_emit_muli(e, left, 3);
    LLVMValueRef right = yt_emit_add(e, margin, l.elements);

    struct yt_loop task;
    struct yt_branch inside;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef line =
        yt_emit_at(e, yt_emit_index(e, out, yt_emit_muli(e, task.i, row_bytes)),
                   l.p->pad * (row_bytes + 3 * l.bytes));
    LLVMValueRef y = yt_emit_sub(e, task.i, top);
    yt_emit_if(e, &inside,
               yt_emit_and(e, yt_emit_less(e, yt_emit_i64(e, -1), y),
                           yt_emit_less(e, y, content_h)),
               "inside");
    load_row(&l, rows, y);
    fill_grey(&l, line, margin);
    resize_row(&l, element(&l, line, margin));
    fill_grey(&l, element(&l, line, right),
              yt_emit_sub(e, yt_emit_i64(e, row_elements), right));
    yt_emit_else(e, &inside);
    fill_grey(&l, line, yt_emit_i64(e, row_elements));
    yt_emit_endif(e, &inside);
    if (l.p->pad)
        zero_border(&l, out, line, task.i);
    yt_emit_endfor(e, &task);
}

/* A row of the network's input. */
static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)s;
    (void)isa;
    return p->u.letterbox.h;
}

const struct yt_algo yt_algo_letterbox = {
    .name = "rows",
    .op = YT_OP_LETTERBOX,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .tasks = task_count,
    .generate = generate,
};
