/* Kernels that find the machine's limits: multiply-adds that touch nothing but
 * registers, and reads that do nothing but read. */

#include <stddef.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/generate.h"
#include "runtime/kernel.h"

#define READ_WAYS 8

/* The same vector, but LLVM does not know: where no instruction multiplies and
 * adds at once, each product is made anew. */
static LLVMValueRef hide(struct yt_emit *e, LLVMValueRef v)
{
    LLVMTypeRef own = LLVMTypeOf(v);
    LLVMTypeRef type = LLVMFunctionType(own, &own, 1, 0);
    const char *constraints = e->target->vector_in_place(e->isa);
    LLVMValueRef nothing =
        LLVMGetInlineAsm(type, "", 0, constraints, strlen(constraints), 0, 0,
                         LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(e->b, type, nothing, &v, 1, "");
}

void yt_generate_probe_dot(struct yt_emit *e, enum yt_dtype dtype)
{
    /* As many chains as registers allow: latency times throughput is 8 to 10
     * on the CPUs of today. Every count divides YT_PROBE_DOTS. */
    const int chains = e->isa->regs == 32 ? 24 : 10;
    LLVMTypeRef type = yt_emit_sum_type(e, dtype);
    LLVMValueRef acc[24];
    for (int i = 0; i < chains; i++) {
        acc[i] = yt_emit_var(e, type, "acc");
        yt_emit_set(e, acc[i],
                    type == e->vec ? yt_emit_splat(e, (float)i)
                                   : yt_emit_splat_i32(e, i));
    }
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    /* Loaded, so that nothing is known about them: no folding. */
    const unsigned align = 4 * (unsigned)e->isa->lanes;
    LLVMValueRef x = yt_emit_load(e, type, in, align);
    LLVMValueRef y = yt_emit_load(e, type, yt_emit_at(e, in, 64), align);
    struct yt_loop task, inner;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    yt_emit_for(e, &inner, "inner", yt_emit_i64(e, 0),
                yt_emit_i64(e, YT_PROBE_DOTS / chains / 4), 1, 1);
    const int apart = type == e->veci && !yt_isa_has_dot(e->isa, dtype);
    for (int unrolled = 0; unrolled < 4; unrolled++)
        for (int i = 0; i < chains; i++) {
            x = apart ? hide(e, x) : x;
            yt_emit_set(e, acc[i],
                        yt_emit_dot(e, dtype, yt_emit_get(e, acc[i]), x, y));
        }
    yt_emit_endfor(e, &inner);
    yt_emit_endfor(e, &task);
    LLVMValueRef sum = yt_emit_get(e, acc[0]);
    for (int i = 1; i < chains; i++)
        sum = type == e->vec ? yt_emit_fadd(e, sum, yt_emit_get(e, acc[i]))
                             : yt_emit_add(e, sum, yt_emit_get(e, acc[i]));
    yt_emit_store(e, sum, out, align);
}

void yt_generate_probe_read(struct yt_emit *e)
{
    const int64_t bytes = 4 * (int64_t)e->isa->lanes;
    LLVMValueRef sums[READ_WAYS];
    for (int i = 0; i < READ_WAYS; i++) {
        sums[i] = yt_emit_var(e, e->vec, "sum");
        yt_emit_set(e, sums[i], yt_emit_splat(e, 0));
    }
    LLVMValueRef args = yt_emit_param(e, 0);
    LLVMValueRef in =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    LLVMValueRef out =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    struct yt_loop task, line;
    yt_emit_for(e, &task, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    LLVMValueRef page =
        yt_emit_index(e, in, yt_emit_muli(e, task.i, YT_PROBE_READ_BYTES));
    yt_emit_for(e, &line, "line", yt_emit_i64(e, 0),
                yt_emit_i64(e, YT_PROBE_READ_BYTES), READ_WAYS * bytes, 1);
    for (int i = 0; i < READ_WAYS; i++) {
        LLVMValueRef at = yt_emit_index(e, page, line.i);
        LLVMValueRef v = yt_emit_load(e, e->vec, yt_emit_at(e, at, i * bytes),
                                      (unsigned)bytes);
        yt_emit_set(e, sums[i], yt_emit_fadd(e, yt_emit_get(e, sums[i]), v));
    }
    yt_emit_endfor(e, &line);
    yt_emit_endfor(e, &task);
    LLVMValueRef sum = yt_emit_get(e, sums[0]);
    for (int i = 1; i < READ_WAYS; i++)
        sum = yt_emit_fadd(e, sum, yt_emit_get(e, sums[i]));
    yt_emit_store(e, sum, out, (unsigned)bytes);
}
