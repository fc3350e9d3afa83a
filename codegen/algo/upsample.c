/* Nearest upsampling by two: each pixel is stored four times. One input row of
 * one channel block per task, as many pixels at a time as a vector holds. */

#include <stddef.h>

#include "codegen/algo.h"
#include "codegen/emit.h"
#include "runtime/kernel.h"

#define ELEMENTS_MAX 64

struct upsample {
    struct yt_emit *e;
    enum yt_dtype dtype;
    int64_t pixel;   /* bytes */
    int64_t out_row; /* bytes */
};

/* A vector's pixels, each twice, to two rows of output, one after the other:
 * neighbouring stores leave together. */
static void store_twice(struct upsample *u, LLVMValueRef v, int32_t count,
                        LLVMValueRef at)
{
    struct yt_emit *e = u->e;
    const int32_t lanes = e->isa->lanes;
    LLVMValueRef twice[2];
    for (int32_t half = 0; half < 2; half++) {
        int32_t order[ELEMENTS_MAX];
        for (int32_t i = 0; i < count * lanes; i++)
            order[i] = (half * count + i / lanes) / 2 * lanes + i % lanes;
        twice[half] = yt_emit_pick(e, v, v, order, count * lanes);
    }
    for (int32_t i = 0; i < 4; i++)
        yt_emit_store(
            e, twice[i % 2],
            yt_emit_at(e, at, i / 2 * u->out_row + i % 2 * count * u->pixel),
            (unsigned)u->pixel);
}

/* Input columns [begin, end), count at a time. */
static void upsample_columns(struct upsample *u, LLVMValueRef from,
                             LLVMValueRef to, int32_t begin, int32_t end,
                             int32_t count)
{
    struct yt_emit *e = u->e;
    LLVMTypeRef type = yt_emit_elements(e, u->dtype, count * e->isa->lanes);
    struct yt_loop column;
    if (begin == end)
        return;
    yt_emit_for(e, &column, "column", yt_emit_i64(e, begin),
                yt_emit_i64(e, end), count, 1);
    LLVMValueRef v = yt_emit_load(
        e, type, yt_emit_index(e, from, yt_emit_muli(e, column.i, u->pixel)),
        (unsigned)u->pixel);
    store_twice(u, v, count,
                yt_emit_index(e, to, yt_emit_muli(e, column.i, 2 * u->pixel)));
    yt_emit_endfor(e, &column);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    (void)s;
    const struct yt_upsample *p = &problem->u.upsample;
    const int32_t bytes = yt_dtype_bytes(problem->dtype);
    const int64_t pixel = (int64_t)bytes * e->isa->lanes;
    struct upsample u = {.e = e,
                         .dtype = problem->dtype,
                         .pixel = pixel,
                         .out_row = 2 * pixel * p->w};
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    struct yt_loop task;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    /* Rows of all blocks follow one another in both tensors. */
    LLVMValueRef from =
        yt_emit_index(e, in, yt_emit_muli(e, task.i, pixel * p->w));
    LLVMValueRef to =
        yt_emit_index(e, out, yt_emit_muli(e, task.i, 2 * u.out_row));
    const int32_t group = yt_emit_group(problem->dtype);
    const int32_t whole = p->w / group * group;
    upsample_columns(&u, from, to, 0, whole, group);
    upsample_columns(&u, from, to, whole, p->w, 1);
    yt_emit_endfor(e, &task);
}

/* A row of a channel block. */
static int64_t task_count(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    (void)s;
    return (int64_t)((p->u.upsample.c + isa->lanes - 1) / isa->lanes) *
           p->u.upsample.h;
}

const struct yt_algo yt_algo_upsample = {
    .name = "rows",
    .op = YT_OP_UPSAMPLE,
    .knobs = YT_KNOB_BIT(TUNE),
    .bodies = {YT_KNOB_TUNE},
    .body_count = 1,
    .tasks = task_count,
    .generate = generate,
};
