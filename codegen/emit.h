#ifndef YT_EMIT_H
#define YT_EMIT_H

/* The words generators speak. Raw LLVMBuild* stays behind them, in emit.c.
 *
 * A value is an LLVMValueRef; "vec" is a vector of isa->lanes floats. Offsets
 * and strides are in bytes. Mutable values are entry-block allocas that
 * yt_emit_finish() promotes to registers.
 */

#include <llvm-c/Core.h>

#include <stdint.h>

#include "runtime/isa.h"

struct yt_emit {
    const struct yt_isa *isa;
    LLVMContextRef ctx;
    LLVMModuleRef module;
    LLVMBuilderRef b;
    LLVMValueRef fn;
    LLVMBasicBlockRef entry; /* allocas only; ends in a branch to the body */
    LLVMTypeRef i1, i8, i32, i64, f32, ptr, vec, veci;
};

/** Open a module with one function `void symbol(ptr args, i64 begin, i64 end)`
 *  and place the builder at its body. */
void yt_emit_begin(struct yt_emit *e, const char *symbol,
                   const struct yt_isa *isa, const char *tune_cpu);

/** Return from the function and close it. The module stays. */
void yt_emit_finish(struct yt_emit *e);

/** Dispose of module and context. */
void yt_emit_deinit(struct yt_emit *e);

LLVMValueRef yt_emit_param(struct yt_emit *e, unsigned index);
LLVMValueRef yt_emit_i64(struct yt_emit *e, int64_t value);
LLVMValueRef yt_emit_i32(struct yt_emit *e, int32_t value);
/** A vec of one constant. */
LLVMValueRef yt_emit_splat(struct yt_emit *e, float value);
/** A vec of one integer constant (isa->lanes i32). */
LLVMValueRef yt_emit_splat_i32(struct yt_emit *e, int32_t value);
/** A scalar f32 in every lane. */
LLVMValueRef yt_emit_spread(struct yt_emit *e, LLVMValueRef scalar);

/* Variables. */
LLVMValueRef yt_emit_var(struct yt_emit *e, LLVMTypeRef type, const char *name);
LLVMValueRef yt_emit_get(struct yt_emit *e, LLVMValueRef var);
void yt_emit_set(struct yt_emit *e, LLVMValueRef var, LLVMValueRef value);

/* Memory. */
LLVMValueRef yt_emit_field(struct yt_emit *e, LLVMValueRef base,
                           LLVMTypeRef type, int64_t offset, const char *name);
LLVMValueRef yt_emit_at(struct yt_emit *e, LLVMValueRef base, int64_t offset);
LLVMValueRef yt_emit_index(struct yt_emit *e, LLVMValueRef base,
                           LLVMValueRef offset);
LLVMValueRef yt_emit_load(struct yt_emit *e, LLVMTypeRef type,
                          LLVMValueRef address, unsigned align);
void yt_emit_store(struct yt_emit *e, LLVMValueRef value, LLVMValueRef address,
                   unsigned align);
/** The f32 at base + offset in every lane. */
LLVMValueRef yt_emit_broadcast(struct yt_emit *e, LLVMValueRef base,
                               int64_t offset);
/** The same pointer, but LLVM does not know: loads through it are not merged
 *  with loads through @p pointer, so they need not stay in registers. */
LLVMValueRef yt_emit_launder(struct yt_emit *e, LLVMValueRef pointer);

/* Arithmetic: i64 unless the operands are vecs. */
LLVMValueRef yt_emit_add(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_sub(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_mul(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_muli(struct yt_emit *e, LLVMValueRef a, int64_t b);
LLVMValueRef yt_emit_addi(struct yt_emit *e, LLVMValueRef a, int64_t b);
/** Unsigned quotient and remainder by a constant. */
LLVMValueRef yt_emit_divi(struct yt_emit *e, LLVMValueRef a, int64_t b);
LLVMValueRef yt_emit_modi(struct yt_emit *e, LLVMValueRef a, int64_t b);
LLVMValueRef yt_emit_min(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_max(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_less(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);

LLVMValueRef yt_emit_fadd(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_fsub(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_fmul(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
/** a * b + c, fused where the ISA has it. */
LLVMValueRef yt_emit_fma(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b,
                         LLVMValueRef c);
/** The larger; b where either is not a number (one vmaxps). */
LLVMValueRef yt_emit_fmax(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_fmin(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);

/** A counted loop; between begin and end the builder stands in its body. */
struct yt_loop {
    LLVMValueRef i; /* the current value, i64 */
    LLVMValueRef var, to;
    int64_t step;
    LLVMBasicBlockRef body, exit;
};

/** for (i = from; i < to; i += step). @param runs_once 1 promises that the
 *  body runs at least once, which saves the test before it. */
void yt_emit_for(struct yt_emit *e, struct yt_loop *loop, const char *label,
                 LLVMValueRef from, LLVMValueRef to, int64_t step,
                 int runs_once);
void yt_emit_endfor(struct yt_emit *e, struct yt_loop *loop);

/** if (condition) { ... } else { ... }; else is optional. */
struct yt_branch {
    LLVMBasicBlockRef other, join;
    int has_else;
};
void yt_emit_if(struct yt_emit *e, struct yt_branch *branch,
                LLVMValueRef condition, const char *label);
void yt_emit_else(struct yt_emit *e, struct yt_branch *branch);
void yt_emit_endif(struct yt_emit *e, struct yt_branch *branch);

/** x * sigmoid(x) on a vec: see codegen/silu.c for method and error bound. */
LLVMValueRef yt_emit_silu(struct yt_emit *e, LLVMValueRef x);
/** exp(x) on a vec, for x in about [-87, 88]; outside it is clamped. */
LLVMValueRef yt_emit_exp(struct yt_emit *e, LLVMValueRef x);
/** 1 / (1 + exp(-x)). */
LLVMValueRef yt_emit_sigmoid(struct yt_emit *e, LLVMValueRef x);

#endif
