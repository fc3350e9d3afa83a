/* Words for values narrower than a lane, as they lie in memory: picked,
 * compared and stored many at a time. */

#include <assert.h>
#include <string.h>

#include "codegen/emit.h"

#define ELEMENTS_MAX 64

static LLVMTypeRef element_type(struct yt_emit *e, enum yt_dtype dtype)
{
    if (dtype == YT_DTYPE_F32)
        return e->f32;
    return LLVMIntTypeInContext(e->ctx, 8 * (unsigned)yt_dtype_bytes(dtype));
}

static LLVMValueRef repeat(LLVMValueRef element, int32_t count)
{
    LLVMValueRef elements[ELEMENTS_MAX];
    assert(count <= ELEMENTS_MAX);
    for (int32_t i = 0; i < count; i++)
        elements[i] = element;
    return LLVMConstVector(elements, (unsigned)count);
}

static int32_t count_of(LLVMValueRef v)
{
    return (int32_t)LLVMGetVectorSize(LLVMTypeOf(v));
}

LLVMTypeRef yt_emit_elements(struct yt_emit *e, enum yt_dtype dtype,
                             int32_t count)
{
    return LLVMVectorType(element_type(e, dtype), (unsigned)count);
}

LLVMValueRef yt_emit_repeat(struct yt_emit *e, enum yt_dtype dtype,
                            int32_t count, int32_t bits)
{
    assert(dtype != YT_DTYPE_F32);
    return repeat(LLVMConstInt(element_type(e, dtype),
                               (unsigned long long)(int64_t)bits, 1),
                  count);
}

LLVMValueRef yt_emit_pick(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b,
                          const int32_t *order, int32_t count)
{
    LLVMValueRef mask[ELEMENTS_MAX];
    assert(count <= ELEMENTS_MAX);
    for (int32_t i = 0; i < count; i++)
        mask[i] = yt_emit_i32(e, order[i]);
    return LLVMBuildShuffleVector(e->b, a, b,
                                  LLVMConstVector(mask, (unsigned)count), "");
}

LLVMValueRef yt_emit_larger(struct yt_emit *e, enum yt_dtype dtype,
                            LLVMValueRef a, LLVMValueRef b)
{
    if (dtype == YT_DTYPE_F32)
        return yt_emit_fmax(e, a, b);
    const LLVMIntPredicate greater =
        dtype == YT_DTYPE_U8S8 ? LLVMIntUGT : LLVMIntSGT;
    return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, greater, a, b, ""), a, b,
                           "");
}

/* Negative numbers are in falling order of their bits: turn those over. */
LLVMValueRef yt_emit_bf16_key(struct yt_emit *e, LLVMValueRef v)
{
    const int32_t count = count_of(v);
    LLVMValueRef sign =
        LLVMBuildAShr(e->b, v, yt_emit_repeat(e, YT_DTYPE_BF16, count, 15), "");
    LLVMValueRef turned =
        yt_emit_and(e, sign, yt_emit_repeat(e, YT_DTYPE_BF16, count, 0x7fff));
    return LLVMBuildXor(e->b, v, turned, "");
}

/* A type with elements of another as many as those of v, or one. */
static LLVMTypeRef shaped_like(LLVMValueRef v, LLVMTypeRef element)
{
    return LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind
               ? LLVMVectorType(element, (unsigned)count_of(v))
               : element;
}

LLVMValueRef yt_emit_narrow(struct yt_emit *e, enum yt_dtype dtype,
                            LLVMValueRef lanes)
{
    if (dtype == YT_DTYPE_F32)
        return yt_emit_to_float(e, lanes);
    LLVMTypeRef type = shaped_like(lanes, element_type(e, dtype));
    if (dtype == YT_DTYPE_BF16) {
        LLVMTypeRef bits = LLVMTypeOf(lanes);
        lanes = LLVMBuildBitCast(e->b, yt_emit_to_float(e, lanes), bits, "");
        LLVMValueRef half = yt_emit_i32(e, 16);
        if (LLVMGetTypeKind(bits) == LLVMVectorTypeKind)
            half = repeat(half, count_of(lanes));
        lanes = LLVMBuildLShr(e->b, lanes, half, "");
    }
    return LLVMBuildTrunc(e->b, lanes, type, "");
}

static void store_masked(struct yt_emit *e, LLVMValueRef v,
                         LLVMValueRef address, LLVMValueRef count)
{
    static const char name[] = "llvm.masked.store";
    const unsigned elements = (unsigned)count_of(v);
    LLVMValueRef ones =
        yt_emit_addi(e, LLVMBuildShl(e->b, yt_emit_i64(e, 1), count, ""), -1);
    LLVMValueRef bits = LLVMBuildTruncOrBitCast(
        e->b, ones, LLVMIntTypeInContext(e->ctx, elements), "");
    LLVMValueRef mask =
        LLVMBuildBitCast(e->b, bits, LLVMVectorType(e->i1, elements), "");
    LLVMTypeRef types[] = {LLVMTypeOf(v), e->ptr};
    const unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    LLVMValueRef args[] = {v, address, yt_emit_i32(e, 1), mask};
    LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ctx, id, types, 2), fn, args,
                   4, "");
}

/* Halves, quarters and so on, as the count's bits say. */
static void store_by_halves(struct yt_emit *e, LLVMValueRef v,
                            LLVMValueRef address, LLVMValueRef count)
{
    const int32_t elements = count_of(v);
    const int64_t bytes =
        LLVMGetIntTypeWidth(LLVMGetElementType(LLVMTypeOf(v))) / 8;
    int32_t order[ELEMENTS_MAX];
    for (int32_t i = 0; i < elements; i++)
        order[i] = i;
    LLVMValueRef left = yt_emit_var(e, LLVMTypeOf(v), "left");
    LLVMValueRef at = yt_emit_var(e, e->ptr, "at");
    yt_emit_set(e, left, v);
    yt_emit_set(e, at, address);
    for (int32_t run = elements / 2; run >= 1; run /= 2) {
        struct yt_branch some;
        LLVMValueRef bit = yt_emit_and(e, count, yt_emit_i64(e, run));
        yt_emit_if(e, &some, yt_emit_less(e, yt_emit_i64(e, 0), bit), "run");
        LLVMValueRef from = yt_emit_get(e, left);
        LLVMValueRef to = yt_emit_get(e, at);
        yt_emit_store(e, yt_emit_pick(e, from, from, order, run), to, 1);
        yt_emit_set(e, at, yt_emit_at(e, to, run * bytes));
        int32_t rest[ELEMENTS_MAX];
        for (int32_t i = 0; i < elements; i++)
            rest[i] = i + run;
        yt_emit_set(e, left, yt_emit_pick(e, from, from, rest, elements));
        yt_emit_endif(e, &some);
    }
}

void yt_emit_store_first(struct yt_emit *e, LLVMValueRef v,
                         LLVMValueRef address, LLVMValueRef count)
{
    if (LLVMGetElementType(LLVMTypeOf(v)) == e->f32)
        yt_emit_store_masked(e, v, address, yt_emit_first_lanes(e, count));
    else if (e->isa->can & YT_CAN_MASK)
        store_masked(e, v, address, count);
    else
        store_by_halves(e, v, address, count);
}

void yt_emit_zero_bytes(struct yt_emit *e, LLVMValueRef address, int64_t bytes)
{
    const int64_t wide = 4 * (int64_t)e->isa->lanes;
    const int64_t whole = bytes / wide * wide;
    if (whole) {
        struct yt_loop i;
        yt_emit_for(e, &i, "zero", yt_emit_i64(e, 0), yt_emit_i64(e, whole),
                    wide, 1);
        yt_emit_store(e, LLVMConstNull(e->veci), yt_emit_index(e, address, i.i),
                      1);
        yt_emit_endfor(e, &i);
    }
    int64_t at = whole;
    for (int64_t run = wide / 2; run >= 1; run /= 2)
        if (bytes - at >= run) {
            LLVMTypeRef type = LLVMVectorType(e->i8, (unsigned)run);
            yt_emit_store(e, LLVMConstNull(type), yt_emit_at(e, address, at),
                          1);
            at += run;
        }
}
