/* Nearest upsampling by two: each pixel's vector is stored four times. One
 * input row of one channel block per task. */

#include <stddef.h>

#include "codegen/generate.h"
#include "runtime/kernel.h"

void yt_generate_upsample(struct yt_emit *e, const struct yt_problem *problem,
                          const struct yt_schedule *s)
{
    (void)s;
    const struct yt_upsample *p = &problem->u.upsample;
    const int64_t pixel = 4 * (int64_t)e->isa->lanes;
    const unsigned align = (unsigned)pixel;
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    struct yt_loop task, column;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    /* Rows of all blocks follow one another in both tensors. */
    LLVMValueRef from =
        yt_emit_index(e, in, yt_emit_muli(e, task.i, pixel * p->w));
    LLVMValueRef to =
        yt_emit_index(e, out, yt_emit_muli(e, task.i, 4 * pixel * p->w));
    yt_emit_for(e, &column, "column", yt_emit_i64(e, 0), yt_emit_i64(e, p->w),
                1, 1);
    LLVMValueRef x = yt_emit_load(
        e, e->vec, yt_emit_index(e, from, yt_emit_muli(e, column.i, pixel)),
        align);
    LLVMValueRef at =
        yt_emit_index(e, to, yt_emit_muli(e, column.i, 2 * pixel));
    const int64_t out_row = 2 * pixel * p->w;
    yt_emit_store(e, x, at, align);
    yt_emit_store(e, x, yt_emit_at(e, at, pixel), align);
    yt_emit_store(e, x, yt_emit_at(e, at, out_row), align);
    yt_emit_store(e, x, yt_emit_at(e, at, out_row + pixel), align);
    yt_emit_endfor(e, &column);
    yt_emit_endfor(e, &task);
}
