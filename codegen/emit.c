/* The generators' words in terms of LLVM's builder. Every choice that keeps
 * LLVM from outsmarting a hand-made register tile is made here once: no
 * fast-math, no IR optimiser but mem2reg, exact features on the function. */

#include "codegen/emit.h"

#include <assert.h>
#include <string.h>

void yt_emit_attribute(struct yt_emit *e, const char *key, const char *value)
{
    LLVMAddAttributeAtIndex(
        e->fn, LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(e->ctx, key, (unsigned)strlen(key), value,
                                  (unsigned)strlen(value)));
}

static void add_enum_attribute(struct yt_emit *e, LLVMAttributeIndex index,
                               const char *name)
{
    const unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(e->fn, index,
                            LLVMCreateEnumAttribute(e->ctx, kind, 0));
}

void yt_emit_begin(struct yt_emit *e, const char *symbol,
                   const struct yt_isa *isa, const char *tune_cpu)
{
    memset(e, 0, sizeof *e);
    e->isa = isa;
    e->target = yt_target_of(isa);
    yt_words_of(isa, &e->words);
    e->ctx = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(symbol, e->ctx);
    e->b = LLVMCreateBuilderInContext(e->ctx);
    e->i1 = LLVMInt1TypeInContext(e->ctx);
    e->i8 = LLVMInt8TypeInContext(e->ctx);
    e->i32 = LLVMInt32TypeInContext(e->ctx);
    e->i64 = LLVMInt64TypeInContext(e->ctx);
    e->f32 = LLVMFloatTypeInContext(e->ctx);
    e->ptr = LLVMPointerTypeInContext(e->ctx, 0);
    e->vec = LLVMVectorType(e->f32, (unsigned)isa->lanes);
    e->veci = LLVMVectorType(e->i32, (unsigned)isa->lanes);

    LLVMTypeRef params[] = {e->ptr, e->i64, e->i64};
    LLVMTypeRef type =
        LLVMFunctionType(LLVMVoidTypeInContext(e->ctx), params, 3, 0);
    e->fn = LLVMAddFunction(e->module, symbol, type);
    add_enum_attribute(e, LLVMAttributeFunctionIndex, "nounwind");
    yt_emit_attribute(e, "target-cpu", isa->llvm_cpu);
    yt_emit_attribute(e, "target-features", isa->llvm_features);
    yt_emit_attribute(e, "tune-cpu", tune_cpu);
    yt_emit_attribute(e, "no-builtins", "true");
    e->target->declare(e);
    LLVMSetValueName2(yt_emit_param(e, 0), "args", 4);
    LLVMSetValueName2(yt_emit_param(e, 1), "begin", 5);
    LLVMSetValueName2(yt_emit_param(e, 2), "end", 3);
    e->entry = LLVMAppendBasicBlockInContext(e->ctx, e->fn, "entry");
    LLVMBasicBlockRef body =
        LLVMAppendBasicBlockInContext(e->ctx, e->fn, "body");
    LLVMPositionBuilderAtEnd(e->b, e->entry);
    LLVMBuildBr(e->b, body);
    LLVMPositionBuilderAtEnd(e->b, body);
}

void yt_emit_finish(struct yt_emit *e)
{
    LLVMBuildRetVoid(e->b);
}

void yt_emit_deinit(struct yt_emit *e)
{
    if (e->b)
        LLVMDisposeBuilder(e->b);
    if (e->module)
        LLVMDisposeModule(e->module);
    if (e->ctx)
        LLVMContextDispose(e->ctx);
    memset(e, 0, sizeof *e);
}

LLVMValueRef yt_emit_intrinsic(struct yt_emit *e, const char *name,
                               LLVMValueRef *args, unsigned count)
{
    const unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, NULL, 0);
    LLVMTypeRef type = LLVMIntrinsicGetType(e->ctx, id, NULL, 0);
    LLVMTypeRef types[8];
    assert(count <= 8 && LLVMCountParamTypes(type) == count);
    LLVMGetParamTypes(type, types);
    for (unsigned i = 0; i < count; i++)
        args[i] = LLVMBuildBitCast(e->b, args[i], types[i], "");
    return LLVMBuildCall2(e->b, type, fn, args, count, "");
}

LLVMValueRef yt_emit_param(struct yt_emit *e, unsigned index)
{
    return LLVMGetParam(e->fn, index);
}

LLVMValueRef yt_emit_i64(struct yt_emit *e, int64_t value)
{
    return LLVMConstInt(e->i64, (unsigned long long)value, 1);
}

LLVMValueRef yt_emit_i32(struct yt_emit *e, int32_t value)
{
    return LLVMConstInt(e->i32, (unsigned long long)(int64_t)value, 1);
}

static LLVMValueRef const_splat(struct yt_emit *e, LLVMValueRef scalar)
{
    LLVMValueRef lanes[16];
    assert(e->isa->lanes <= 16);
    for (int i = 0; i < e->isa->lanes; i++)
        lanes[i] = scalar;
    return LLVMConstVector(lanes, (unsigned)e->isa->lanes);
}

LLVMValueRef yt_emit_splat(struct yt_emit *e, float value)
{
    return const_splat(e, LLVMConstReal(e->f32, (double)value));
}

LLVMValueRef yt_emit_splat_i32(struct yt_emit *e, int32_t value)
{
    return const_splat(e, yt_emit_i32(e, value));
}

LLVMValueRef yt_emit_spread(struct yt_emit *e, LLVMValueRef scalar)
{
    LLVMValueRef one = LLVMBuildInsertElement(e->b, LLVMGetPoison(e->vec),
                                              scalar, yt_emit_i32(e, 0), "");
    return LLVMBuildShuffleVector(e->b, one, LLVMGetPoison(e->vec),
                                  LLVMConstNull(e->veci), "");
}

LLVMValueRef yt_emit_var(struct yt_emit *e, LLVMTypeRef type, const char *name)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
    LLVMPositionBuilderBefore(e->b, LLVMGetBasicBlockTerminator(e->entry));
    LLVMValueRef var = LLVMBuildAlloca(e->b, type, name);
    LLVMPositionBuilderAtEnd(e->b, here);
    return var;
}

LLVMValueRef yt_emit_get(struct yt_emit *e, LLVMValueRef var)
{
    return LLVMBuildLoad2(e->b, LLVMGetAllocatedType(var), var, "");
}

void yt_emit_set(struct yt_emit *e, LLVMValueRef var, LLVMValueRef value)
{
    LLVMBuildStore(e->b, value, var);
}

LLVMValueRef yt_emit_at(struct yt_emit *e, LLVMValueRef base, int64_t offset)
{
    if (offset == 0)
        return base;
    return yt_emit_index(e, base, yt_emit_i64(e, offset));
}

LLVMValueRef yt_emit_index(struct yt_emit *e, LLVMValueRef base,
                           LLVMValueRef offset)
{
    return LLVMBuildGEP2(e->b, e->i8, base, &offset, 1, "");
}

LLVMValueRef yt_emit_load(struct yt_emit *e, LLVMTypeRef type,
                          LLVMValueRef address, unsigned align)
{
    LLVMValueRef v = LLVMBuildLoad2(e->b, type, address, "");
    LLVMSetAlignment(v, align);
    return v;
}

LLVMValueRef yt_emit_field(struct yt_emit *e, LLVMValueRef base,
                           LLVMTypeRef type, int64_t offset, const char *name)
{
    LLVMValueRef v =
        LLVMBuildLoad2(e->b, type, yt_emit_at(e, base, offset), "");
    LLVMSetValueName2(v, name, strlen(name));
    return v;
}

void yt_emit_store(struct yt_emit *e, LLVMValueRef value, LLVMValueRef address,
                   unsigned align)
{
    LLVMSetAlignment(LLVMBuildStore(e->b, value, address), align);
}

LLVMValueRef yt_emit_broadcast(struct yt_emit *e, LLVMValueRef base,
                               int64_t offset)
{
    return yt_emit_spread(
        e, yt_emit_load(e, e->f32, yt_emit_at(e, base, offset), 4));
}

LLVMValueRef yt_emit_launder(struct yt_emit *e, LLVMValueRef pointer)
{
    /* Without "sideeffect": with it the scheduler may not move code across
     * and spills come back (measured, LLVM 19). */
    LLVMTypeRef type = LLVMFunctionType(e->ptr, &e->ptr, 1, 0);
    static const char constraints[] = "=r,0";
    LLVMValueRef hide =
        LLVMGetInlineAsm(type, "", 0, constraints, sizeof constraints - 1, 0, 0,
                         LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(e->b, type, hide, &pointer, 1, "");
}

LLVMValueRef yt_emit_add(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildAdd(e->b, a, b, "");
}

LLVMValueRef yt_emit_sub(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSub(e->b, a, b, "");
}

LLVMValueRef yt_emit_mul(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildMul(e->b, a, b, "");
}

LLVMValueRef yt_emit_muli(struct yt_emit *e, LLVMValueRef a, int64_t b)
{
    return LLVMBuildMul(e->b, a, yt_emit_i64(e, b), "");
}

LLVMValueRef yt_emit_addi(struct yt_emit *e, LLVMValueRef a, int64_t b)
{
    return b ? LLVMBuildAdd(e->b, a, yt_emit_i64(e, b), "") : a;
}

LLVMValueRef yt_emit_divi(struct yt_emit *e, LLVMValueRef a, int64_t b)
{
    return LLVMBuildUDiv(e->b, a, yt_emit_i64(e, b), "");
}

LLVMValueRef yt_emit_modi(struct yt_emit *e, LLVMValueRef a, int64_t b)
{
    return LLVMBuildURem(e->b, a, yt_emit_i64(e, b), "");
}

LLVMValueRef yt_emit_less(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildICmp(e->b, LLVMIntSLT, a, b, "");
}

LLVMValueRef yt_emit_min(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, yt_emit_less(e, a, b), a, b, "");
}

LLVMValueRef yt_emit_max(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, yt_emit_less(e, a, b), b, a, "");
}

LLVMValueRef yt_emit_fadd(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildFAdd(e->b, a, b, "");
}

LLVMValueRef yt_emit_fsub(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildFSub(e->b, a, b, "");
}

LLVMValueRef yt_emit_fmul(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildFMul(e->b, a, b, "");
}

LLVMValueRef yt_emit_fma(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b,
                         LLVMValueRef c)
{
    if (!(e->isa->can & YT_CAN_FMA))
        return yt_emit_fadd(e, yt_emit_fmul(e, a, b), c);
    LLVMTypeRef type = LLVMTypeOf(a);
    const unsigned id = LLVMLookupIntrinsicID("llvm.fma", 8);
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, &type, 1);
    LLVMValueRef args[] = {a, b, c};
    return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ctx, id, &type, 1), fn,
                          args, 3, "");
}

LLVMValueRef yt_emit_fmax(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, LLVMBuildFCmp(e->b, LLVMRealOGT, a, b, ""), a,
                           b, "");
}

LLVMValueRef yt_emit_fmin(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, LLVMBuildFCmp(e->b, LLVMRealOLT, a, b, ""), a,
                           b, "");
}

static LLVMBasicBlockRef block(struct yt_emit *e, const char *label,
                               const char *part)
{
    char name[64];
    const size_t n = strlen(label) < 40 ? strlen(label) : 40;
    memcpy(name, label, n);
    name[n] = '_';
    strncpy(name + n + 1, part, sizeof name - n - 2);
    name[sizeof name - 1] = 0;
    return LLVMAppendBasicBlockInContext(e->ctx, e->fn, name);
}

void yt_emit_for(struct yt_emit *e, struct yt_loop *loop, const char *label,
                 LLVMValueRef from, LLVMValueRef to, int64_t step,
                 int runs_once)
{
    loop->var = yt_emit_var(e, e->i64, label);
    loop->to = to;
    loop->step = step;
    loop->body = block(e, label, "body");
    loop->exit = block(e, label, "exit");
    yt_emit_set(e, loop->var, from);
    if (runs_once)
        LLVMBuildBr(e->b, loop->body);
    else
        LLVMBuildCondBr(e->b, yt_emit_less(e, from, to), loop->body,
                        loop->exit);
    LLVMPositionBuilderAtEnd(e->b, loop->body);
    loop->i = yt_emit_get(e, loop->var);
}

void yt_emit_endfor(struct yt_emit *e, struct yt_loop *loop)
{
    LLVMValueRef next = yt_emit_addi(e, yt_emit_get(e, loop->var), loop->step);
    yt_emit_set(e, loop->var, next);
    LLVMBuildCondBr(e->b, yt_emit_less(e, next, loop->to), loop->body,
                    loop->exit);
    LLVMPositionBuilderAtEnd(e->b, loop->exit);
}

void yt_emit_break_if(struct yt_emit *e, struct yt_loop *loop,
                      LLVMValueRef condition)
{
    LLVMBasicBlockRef on = block(e, "loop", "on");
    LLVMBuildCondBr(e->b, condition, loop->exit, on);
    LLVMPositionBuilderAtEnd(e->b, on);
}

void yt_emit_if(struct yt_emit *e, struct yt_branch *branch,
                LLVMValueRef condition, const char *label)
{
    LLVMBasicBlockRef then = block(e, label, "then");
    branch->other = block(e, label, "else");
    branch->join = block(e, label, "join");
    branch->has_else = 0;
    LLVMBuildCondBr(e->b, condition, then, branch->other);
    LLVMPositionBuilderAtEnd(e->b, then);
}

void yt_emit_else(struct yt_emit *e, struct yt_branch *branch)
{
    LLVMBuildBr(e->b, branch->join);
    LLVMPositionBuilderAtEnd(e->b, branch->other);
    branch->has_else = 1;
}

void yt_emit_endif(struct yt_emit *e, struct yt_branch *branch)
{
    LLVMBuildBr(e->b, branch->join);
    if (!branch->has_else) {
        LLVMPositionBuilderAtEnd(e->b, branch->other);
        LLVMBuildBr(e->b, branch->join);
    }
    LLVMPositionBuilderAtEnd(e->b, branch->join);
}
