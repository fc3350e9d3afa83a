/* A tensor from one type to another, a row of a channel block per task: to f32
 * by the steps of the input's channels, and on by the gains of the output's.
 * Multiplied and added apart on every ISA, so that all give the same bits. */

#include <assert.h>
#include <stddef.h>

#include "codegen/algo.h"
#include "codegen/constants.h"
#include "codegen/emit.h"
#include "runtime/integers.h"
#include "runtime/kernel.h"

struct convert {
    struct yt_emit *e;
    const struct yt_problem *p;
    /* Of a task's channels, where the types have them. */
    LLVMValueRef in_step, in_zero, out_gain, out_zero;
};

static LLVMValueRef constant(struct yt_emit *e, LLVMValueRef block,
                             int32_t offset)
{
    if (offset < 0)
        return NULL;
    return yt_emit_load(e, e->vec, yt_emit_at(e, block, offset),
                        4 * (unsigned)e->isa->lanes);
}

/* An input pixel's values. */
static LLVMValueRef read_values(struct convert *c, LLVMValueRef address)
{
    struct yt_emit *e = c->e;
    LLVMValueRef v = yt_emit_load_wide(e, c->p->dtype, address);
    if (c->p->dtype == YT_DTYPE_U8S8)
        v = yt_emit_fsub(e, v, c->in_zero);
    return c->in_step ? yt_emit_fmul(e, v, c->in_step) : v;
}

/* As lanes. Values that are not numbers become the least code. */
static LLVMValueRef to_codes(struct convert *c, LLVMValueRef v)
{
    struct yt_emit *e = c->e;
    const int is_u8 = c->p->out == YT_DTYPE_U8S8;
    const float least = is_u8 ? 0 : -YT_S16_MAX;
    const float most = is_u8 ? 255 : YT_S16_MAX;
    v = yt_emit_fadd(e, yt_emit_fmul(e, v, c->out_gain), c->out_zero);
    v = yt_emit_fmax(e, v, yt_emit_splat(e, least));
    v = yt_emit_fmin(e, v, yt_emit_splat(e, most));
    return yt_emit_round(e, v);
}

/* Columns [begin, end) of a row, count at a time. */
static void convert_columns(struct convert *c, LLVMValueRef from,
                            LLVMValueRef to, int32_t begin, int32_t end,
                            int32_t count)
{
    struct yt_emit *e = c->e;
    const int64_t lanes = e->isa->lanes;
    const int64_t in_pixel = lanes * yt_dtype_bytes(c->p->dtype);
    const int64_t out_pixel = lanes * yt_dtype_bytes(c->p->out);
    LLVMValueRef pixels[4];
    struct yt_loop column;
    assert(count <= 4);
    if (begin == end)
        return;
    yt_emit_for(e, &column, "column", yt_emit_i64(e, begin),
                yt_emit_i64(e, end), count, 1);
    LLVMValueRef in =
        yt_emit_index(e, from, yt_emit_muli(e, column.i, in_pixel));
    for (int32_t i = 0; i < count; i++) {
        LLVMValueRef v = read_values(c, yt_emit_at(e, in, i * in_pixel));
        pixels[i] = c->out_gain ? to_codes(c, v) : v;
    }
    yt_emit_store_narrow(
        e, c->p->out, pixels, count,
        yt_emit_index(e, to, yt_emit_muli(e, column.i, out_pixel)));
    yt_emit_endfor(e, &column);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)s;
    const struct yt_convert *p = &problem->u.convert;
    const int64_t lanes = e->isa->lanes;
    const int64_t in_pixel = lanes * yt_dtype_bytes(problem->dtype);
    const int64_t out_pixel = lanes * yt_dtype_bytes(problem->out);
    struct convert c = {.e = e, .p = problem};
    struct yt_constants rows;
    yt_constants_layout(problem, e->isa, &rows);
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    LLVMValueRef constants =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, bias), "bias");
    struct yt_loop task;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef block = yt_emit_index(
        e, constants,
        yt_emit_muli(e, yt_emit_divi(e, task.i, p->h), 4 * lanes));
    c.in_step = constant(e, block, rows.in_step);
    c.in_zero = constant(e, block, rows.in_zero);
    c.out_gain = constant(e, block, rows.out_gain);
    c.out_zero = constant(e, block, rows.out_zero);
    /* Rows of all blocks follow one another in both tensors. */
    LLVMValueRef from =
        yt_emit_index(e, in, yt_emit_muli(e, task.i, in_pixel * p->w));
    LLVMValueRef to =
        yt_emit_index(e, out, yt_emit_muli(e, task.i, out_pixel * p->w));
    const int32_t group = yt_emit_group(problem->out);
    const int32_t whole = p->w / group * group;
    convert_columns(&c, from, to, 0, whole, group);
    convert_columns(&c, from, to, whole, p->w, 1);
    yt_emit_endfor(e, &task);
}

/* A row of a channel block. */
static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)s;
    return (int64_t)((p->u.convert.c + isa->lanes - 1) / isa->lanes) *
           p->u.convert.h;
}

const struct yt_algo yt_algo_convert = {
    .name = "rows",
    .op = YT_OP_CONVERT,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .tasks = task_count,
    .generate = generate,
};
