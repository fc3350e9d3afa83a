/* Words for arithmetic on other types than f32: dot products of four bytes'
 * worth of values a lane, and the way back from lanes to narrow types. */

#include <assert.h>
#include <string.h>

#include "codegen/emit.h"
#include "runtime/integers.h"

LLVMTypeRef yt_emit_sum_type(struct yt_emit *e, enum yt_dtype dtype)
{
    return yt_dtype_is_integer(dtype) ? e->veci : e->vec;
}

LLVMValueRef yt_emit_broadcast_step(struct yt_emit *e, enum yt_dtype dtype,
                                    LLVMValueRef base, int64_t offset)
{
    if (dtype == YT_DTYPE_F32)
        return yt_emit_broadcast(e, base, offset);
    return yt_emit_spread_i32(
        e, yt_emit_load(e, e->i32, yt_emit_at(e, base, offset), 1));
}

LLVMValueRef yt_emit_dot(struct yt_emit *e, enum yt_dtype dtype,
                         LLVMValueRef acc, LLVMValueRef x, LLVMValueRef w)
{
    switch (dtype) {
    case YT_DTYPE_BF16:
        return e->words.dot_bf16(e, acc, x, w);
    case YT_DTYPE_S16:
        return e->words.dot_s16(e, acc, x, w);
    case YT_DTYPE_U8S8:
        return e->words.dot_u8s8(e, acc, x, w);
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return yt_emit_fma(e, x, w, acc);
}

/* ------------------------------------------------------------- widening */

static LLVMValueRef load_narrow(struct yt_emit *e, enum yt_dtype dtype,
                                LLVMValueRef address)
{
    const unsigned lanes = (unsigned)e->isa->lanes;
    const unsigned bytes = (unsigned)yt_dtype_bytes(dtype);
    LLVMTypeRef narrow =
        LLVMVectorType(LLVMIntTypeInContext(e->ctx, 8 * bytes), lanes);
    return yt_emit_load(e, narrow, address, bytes * lanes);
}

LLVMValueRef yt_emit_load_lanes(struct yt_emit *e, enum yt_dtype dtype,
                                LLVMValueRef address)
{
    assert(yt_dtype_is_integer(dtype));
    LLVMValueRef v = load_narrow(e, dtype, address);
    return dtype == YT_DTYPE_U8S8 ? LLVMBuildZExt(e->b, v, e->veci, "")
                                  : LLVMBuildSExt(e->b, v, e->veci, "");
}

LLVMValueRef yt_emit_load_wide(struct yt_emit *e, enum yt_dtype dtype,
                               LLVMValueRef address)
{
    if (dtype == YT_DTYPE_F32)
        return yt_emit_load(e, e->vec, address, 4 * (unsigned)e->isa->lanes);
    if (dtype != YT_DTYPE_BF16)
        return yt_emit_to_float(e, yt_emit_load_lanes(e, dtype, address));
    LLVMValueRef v = LLVMBuildShl(
        e->b, LLVMBuildZExt(e->b, load_narrow(e, dtype, address), e->veci, ""),
        yt_emit_splat_i32(e, 16), "");
    return LLVMBuildBitCast(e->b, v, e->vec, "");
}

/* ------------------------------------------------------------ narrowing */

int32_t yt_emit_group(enum yt_dtype dtype)
{
    return 4 / yt_dtype_bytes(dtype);
}

LLVMValueRef yt_emit_round(struct yt_emit *e, LLVMValueRef v)
{
    return e->words.round(e, v);
}

/* Bytes [from, from + count) of a vector's worth. */
static LLVMValueRef part(struct yt_emit *e, LLVMValueRef v, int32_t from,
                         int32_t count)
{
    int32_t order[64];
    for (int32_t i = 0; i < count; i++)
        order[i] = from + i;
    v = LLVMBuildBitCast(
        e->b, v, LLVMVectorType(e->i8, 4 * (unsigned)e->isa->lanes), "");
    return yt_emit_pick(e, v, v, order, count);
}

void yt_emit_store_narrow(struct yt_emit *e, enum yt_dtype dtype,
                          const LLVMValueRef *vectors, int32_t count,
                          LLVMValueRef address)
{
    LLVMValueRef v[4];
    assert(count >= 1 && count <= yt_emit_group(dtype));
    for (int32_t i = 0; i < 4; i++)
        v[i] = vectors[i < count ? i : count - 1];
    LLVMValueRef packed = v[0];
    if (dtype == YT_DTYPE_BF16)
        packed = e->words.to_bf16(e, v[0], v[1]);
    else if (dtype == YT_DTYPE_S16)
        packed =
            yt_emit_packed_in_order(e, yt_emit_pack_halves(e, v[0], v[1]), 2);
    else if (dtype == YT_DTYPE_U8S8)
        packed = yt_emit_packed_in_order(
            e,
            yt_emit_pack_bytes(e, yt_emit_pack_halves(e, v[0], v[1]),
                               yt_emit_pack_halves(e, v[2], v[3])),
            4);
    yt_emit_store_packed(e, dtype, packed, count, address);
}

void yt_emit_store_packed(struct yt_emit *e, enum yt_dtype dtype,
                          LLVMValueRef packed, int32_t count,
                          LLVMValueRef address)
{
    const int32_t pixel = e->isa->lanes * yt_dtype_bytes(dtype);
    for (int32_t at = 0; at < count;) {
        int32_t run = yt_emit_group(dtype);
        while (run > count - at)
            run /= 2;
        LLVMValueRef piece = run == yt_emit_group(dtype)
                                 ? packed
                                 : part(e, packed, at * pixel, run * pixel);
        yt_emit_store(e, piece, yt_emit_at(e, address, (int64_t)at * pixel),
                      (unsigned)pixel);
        at += run;
    }
}
