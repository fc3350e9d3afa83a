/* Words for code that looks into vectors: masks, integer lanes, single lanes,
 * reductions and masked memory. */

#include <assert.h>

#include "codegen/emit.h"

LLVMValueRef yt_emit_f32(struct yt_emit *e, float value)
{
    return LLVMConstReal(e->f32, (double)value);
}

LLVMValueRef yt_emit_spread_i32(struct yt_emit *e, LLVMValueRef scalar)
{
    LLVMValueRef one = LLVMBuildInsertElement(e->b, LLVMGetPoison(e->veci),
                                              scalar, yt_emit_i32(e, 0), "");
    return LLVMBuildShuffleVector(e->b, one, LLVMGetPoison(e->veci),
                                  LLVMConstNull(e->veci), "");
}

LLVMValueRef yt_emit_iota(struct yt_emit *e)
{
    LLVMValueRef lanes[16];
    assert(e->isa->lanes <= 16);
    for (int32_t i = 0; i < e->isa->lanes; i++)
        lanes[i] = yt_emit_i32(e, i);
    return LLVMConstVector(lanes, (unsigned)e->isa->lanes);
}

LLVMValueRef yt_emit_to_i32(struct yt_emit *e, LLVMValueRef v)
{
    return LLVMBuildTrunc(e->b, v, e->i32, "");
}

LLVMValueRef yt_emit_to_i64(struct yt_emit *e, LLVMValueRef v)
{
    return LLVMBuildSExt(e->b, v, e->i64, "");
}

LLVMValueRef yt_emit_byte(struct yt_emit *e, LLVMValueRef v)
{
    return LLVMBuildZExt(e->b, v, e->i64, "");
}

LLVMValueRef yt_emit_to_float(struct yt_emit *e, LLVMValueRef v)
{
    const int is_vector = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;
    return LLVMBuildSIToFP(e->b, v, is_vector ? e->vec : e->f32, "");
}

LLVMValueRef yt_emit_fgreater(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildFCmp(e->b, LLVMRealOGT, a, b, "");
}

LLVMValueRef yt_emit_fequal(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildFCmp(e->b, LLVMRealOEQ, a, b, "");
}

LLVMValueRef yt_emit_equal(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildICmp(e->b, LLVMIntEQ, a, b, "");
}

LLVMValueRef yt_emit_and(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildAnd(e->b, a, b, "");
}

LLVMValueRef yt_emit_or(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildOr(e->b, a, b, "");
}

LLVMValueRef yt_emit_select(struct yt_emit *e, LLVMValueRef condition,
                            LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->b, condition, a, b, "");
}

LLVMValueRef yt_emit_any(struct yt_emit *e, LLVMValueRef mask)
{
    LLVMTypeRef bits = LLVMIntTypeInContext(e->ctx, (unsigned)e->isa->lanes);
    return LLVMBuildICmp(e->b, LLVMIntNE,
                         LLVMBuildBitCast(e->b, mask, bits, ""),
                         LLVMConstNull(bits), "");
}

LLVMValueRef yt_emit_mask_bits(struct yt_emit *e, LLVMValueRef mask)
{
    LLVMTypeRef bits = LLVMIntTypeInContext(e->ctx, (unsigned)e->isa->lanes);
    return LLVMBuildZExt(e->b, LLVMBuildBitCast(e->b, mask, bits, ""), e->i64,
                         "");
}

LLVMValueRef yt_emit_lowest_bit(struct yt_emit *e, LLVMValueRef bits)
{
    static const char name[] = "llvm.cttz";
    const unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, &e->i64, 1);
    LLVMValueRef args[] = {bits, LLVMConstInt(e->i1, 1, 0)};
    return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ctx, id, &e->i64, 1),
                          fn, args, 2, "");
}

LLVMValueRef yt_emit_first_lanes(struct yt_emit *e, LLVMValueRef count)
{
    LLVMValueRef all = yt_emit_i64(e, e->isa->lanes);
    LLVMValueRef some = yt_emit_to_i32(e, yt_emit_min(e, count, all));
    return yt_emit_less(e, yt_emit_iota(e), yt_emit_spread_i32(e, some));
}

LLVMValueRef yt_emit_lane(struct yt_emit *e, LLVMValueRef v, int32_t i)
{
    return LLVMBuildExtractElement(e->b, v, yt_emit_i32(e, i), "");
}

LLVMValueRef yt_emit_with_lane(struct yt_emit *e, LLVMValueRef v,
                               LLVMValueRef scalar, int32_t i)
{
    return LLVMBuildInsertElement(e->b, v, scalar, yt_emit_i32(e, i), "");
}

/* Lane i becomes lane i + distance; lanes past the end do not matter. */
static LLVMValueRef lower(struct yt_emit *e, LLVMValueRef v, int32_t distance)
{
    LLVMValueRef lanes[16];
    for (int32_t i = 0; i < e->isa->lanes; i++)
        lanes[i] = i + distance < e->isa->lanes ? yt_emit_i32(e, i + distance)
                                                : LLVMGetPoison(e->i32);
    return LLVMBuildShuffleVector(
        e->b, v, LLVMGetPoison(LLVMTypeOf(v)),
        LLVMConstVector(lanes, (unsigned)e->isa->lanes), "");
}

LLVMValueRef yt_emit_largest(struct yt_emit *e, LLVMValueRef v)
{
    for (int32_t half = e->isa->lanes / 2; half > 0; half /= 2)
        v = yt_emit_fmax(e, v, lower(e, v, half));
    return yt_emit_lane(e, v, 0);
}

LLVMValueRef yt_emit_smallest_i32(struct yt_emit *e, LLVMValueRef v)
{
    for (int32_t half = e->isa->lanes / 2; half > 0; half /= 2)
        v = yt_emit_min(e, v, lower(e, v, half));
    return yt_emit_lane(e, v, 0);
}

void yt_emit_store_masked(struct yt_emit *e, LLVMValueRef v,
                          LLVMValueRef address, LLVMValueRef mask)
{
    static const char name[] = "llvm.masked.store";
    const unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
    LLVMTypeRef types[] = {e->vec, e->ptr};
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    LLVMValueRef args[] = {v, address, yt_emit_i32(e, 4), mask};
    LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ctx, id, types, 2), fn, args,
                   4, "");
}
