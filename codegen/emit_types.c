/* Words for arithmetic on other types than f32: dot products of four bytes'
 * worth of values a lane, and the way back from lanes to narrow types.
 *
 * Everything is an intrinsic whose types are looked up: what LLVM 19 takes as
 * lanes of i32, LLVM 22 takes as bytes or halves. */

#include <assert.h>
#include <string.h>

#include "codegen/emit.h"
#include "runtime/integers.h"

static LLVMTypeRef integers_type(struct yt_emit *e, unsigned bits)
{
    return LLVMVectorType(LLVMIntTypeInContext(e->ctx, bits),
                          32 / bits * (unsigned)e->isa->lanes);
}

/* names: for 4, 8 and 16 lanes. Arguments are cast to what the intrinsic takes;
 * returns what it returns. */
static LLVMValueRef call(struct yt_emit *e, const char *const names[3],
                         LLVMValueRef *args, unsigned count)
{
    const int32_t lanes = e->isa->lanes;
    const char *name = names[lanes == 16 ? 2 : lanes == 8 ? 1 : 0];
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

int yt_emit_has_dot(const struct yt_emit *e)
{
    return (e->isa->needs & (YT_CPU_AVX_VNNI | YT_CPU_AVX512_VNNI)) != 0;
}

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

static LLVMValueRef dot_bf16(struct yt_emit *e, LLVMValueRef acc,
                             LLVMValueRef x, LLVMValueRef w)
{
    static const char *const names[3] = {
        "llvm.x86.avx512bf16.dpbf16ps.128",
        "llvm.x86.avx512bf16.dpbf16ps.256",
        "llvm.x86.avx512bf16.dpbf16ps.512",
    };
    LLVMValueRef args[] = {acc, w, x};
    return call(e, names, args, 3);
}

static LLVMValueRef dot_halves(struct yt_emit *e, LLVMValueRef acc,
                               LLVMValueRef x, LLVMValueRef w)
{
    if (!yt_emit_has_dot(e))
        return yt_emit_add(e, acc, yt_emit_dot_halves(e, x, w));
    static const char *const names[3] = {
        "llvm.x86.avx512.vpdpwssd.128",
        "llvm.x86.avx512.vpdpwssd.256",
        "llvm.x86.avx512.vpdpwssd.512",
    };
    /* Commutative, and the second of the two may come from memory. */
    LLVMValueRef args[] = {acc, w, x};
    return LLVMBuildBitCast(e->b, call(e, names, args, 3), e->veci, "");
}

/* Bytes as halves, the even and the odd ones apart. */
static LLVMValueRef dot_split_bytes(struct yt_emit *e, LLVMValueRef acc,
                                    LLVMValueRef x, LLVMValueRef w)
{
    LLVMTypeRef halves = integers_type(e, 16);
    LLVMValueRef by = yt_emit_repeat(e, YT_DTYPE_S16, 2 * e->isa->lanes, 8);
    x = LLVMBuildBitCast(e->b, x, halves, "");
    w = LLVMBuildBitCast(e->b, w, halves, "");
    LLVMValueRef x_odd = LLVMBuildLShr(e->b, x, by, "");
    LLVMValueRef x_even =
        LLVMBuildLShr(e->b, LLVMBuildShl(e->b, x, by, ""), by, "");
    LLVMValueRef w_odd = LLVMBuildAShr(e->b, w, by, "");
    LLVMValueRef w_even =
        LLVMBuildAShr(e->b, LLVMBuildShl(e->b, w, by, ""), by, "");
    acc = yt_emit_add(e, acc, yt_emit_dot_halves(e, x_even, w_even));
    return yt_emit_add(e, acc, yt_emit_dot_halves(e, x_odd, w_odd));
}

static LLVMValueRef dot_bytes(struct yt_emit *e, LLVMValueRef acc,
                              LLVMValueRef x, LLVMValueRef w)
{
    LLVMValueRef args[] = {acc, x, w};
    if (yt_emit_has_dot(e)) {
        static const char *const names[3] = {
            "llvm.x86.avx512.vpdpbusd.128",
            "llvm.x86.avx512.vpdpbusd.256",
            "llvm.x86.avx512.vpdpbusd.512",
        };
        return LLVMBuildBitCast(e->b, call(e, names, args, 3), e->veci, "");
    }
    if (!yt_emit_shuffles_bytes(e)) /* the same extension, SSSE3 */
        return dot_split_bytes(e, acc, x, w);
    static const char *const names[3] = {
        "llvm.x86.ssse3.pmadd.ub.sw.128",
        "llvm.x86.avx2.pmadd.ub.sw",
        "llvm.x86.avx512.pmaddubs.w.512",
    };
    LLVMValueRef pairs = call(e, names, args + 1, 2);
    LLVMValueRef ones = yt_emit_splat_i32(e, 0x00010001);
    return yt_emit_add(e, acc, yt_emit_dot_halves(e, pairs, ones));
}

LLVMValueRef yt_emit_dot(struct yt_emit *e, enum yt_dtype dtype,
                         LLVMValueRef acc, LLVMValueRef x, LLVMValueRef w)
{
    switch (dtype) {
    case YT_DTYPE_BF16:
        return dot_bf16(e, acc, x, w);
    case YT_DTYPE_S16:
        return dot_halves(e, acc, x, w);
    case YT_DTYPE_U8S8:
        return dot_bytes(e, acc, x, w);
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return yt_emit_fma(e, x, w, acc);
}

/* ------------------------------------------------------------- widening */

LLVMValueRef yt_emit_load_wide(struct yt_emit *e, enum yt_dtype dtype,
                               LLVMValueRef address)
{
    const unsigned lanes = (unsigned)e->isa->lanes;
    const unsigned bytes = (unsigned)yt_dtype_bytes(dtype);
    if (dtype == YT_DTYPE_F32)
        return yt_emit_load(e, e->vec, address, 4 * lanes);
    LLVMTypeRef narrow =
        LLVMVectorType(LLVMIntTypeInContext(e->ctx, 8 * bytes), lanes);
    LLVMValueRef v = yt_emit_load(e, narrow, address, bytes * lanes);
    if (dtype == YT_DTYPE_BF16) {
        v = LLVMBuildShl(e->b, LLVMBuildZExt(e->b, v, e->veci, ""),
                         yt_emit_splat_i32(e, 16), "");
        return LLVMBuildBitCast(e->b, v, e->vec, "");
    }
    v = dtype == YT_DTYPE_U8S8 ? LLVMBuildZExt(e->b, v, e->veci, "")
                               : LLVMBuildSExt(e->b, v, e->veci, "");
    return yt_emit_to_float(e, v);
}

/* ------------------------------------------------------------ narrowing */

int32_t yt_emit_group(enum yt_dtype dtype)
{
    return 4 / yt_dtype_bytes(dtype);
}

LLVMValueRef yt_emit_round(struct yt_emit *e, LLVMValueRef v)
{
    if (e->isa->lanes == 16) {
        static const char name[] = "llvm.x86.avx512.mask.cvtps2dq.512";
        const unsigned id = LLVMLookupIntrinsicID(name, sizeof name - 1);
        LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, NULL, 0);
        LLVMValueRef args[] = {
            v, LLVMGetPoison(e->veci),
            LLVMConstInt(LLVMInt16TypeInContext(e->ctx), 0xffff, 0),
            yt_emit_i32(e, 4)};
        return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ctx, id, NULL, 0),
                              fn, args, 4, "");
    }
    static const char *const names[3] = {"llvm.x86.sse2.cvtps2dq",
                                         "llvm.x86.avx.cvt.ps2dq.256", NULL};
    return call(e, names, &v, 1);
}

static LLVMValueRef to_bf16(struct yt_emit *e, LLVMValueRef low,
                            LLVMValueRef high)
{
    static const char *const names[3] = {
        "llvm.x86.avx512bf16.cvtne2ps2bf16.128",
        "llvm.x86.avx512bf16.cvtne2ps2bf16.256",
        "llvm.x86.avx512bf16.cvtne2ps2bf16.512",
    };
    LLVMValueRef args[] = {high, low};
    return call(e, names, args, 2);
}

/* Bytes [from, from + count) of a vector's worth. */
static LLVMValueRef part(struct yt_emit *e, LLVMValueRef v, int32_t from,
                         int32_t count)
{
    int32_t order[64];
    for (int32_t i = 0; i < count; i++)
        order[i] = from + i;
    v = LLVMBuildBitCast(e->b, v, integers_type(e, 8), "");
    return yt_emit_pick(e, v, v, order, count);
}

void yt_emit_store_narrow(struct yt_emit *e, enum yt_dtype dtype,
                          const LLVMValueRef *vectors, int32_t count,
                          LLVMValueRef address)
{
    const int32_t pixel = e->isa->lanes * yt_dtype_bytes(dtype);
    LLVMValueRef v[4];
    assert(count >= 1 && count <= yt_emit_group(dtype));
    for (int32_t i = 0; i < 4; i++)
        v[i] = vectors[i < count ? i : count - 1];
    LLVMValueRef packed = v[0];
    if (dtype == YT_DTYPE_BF16)
        packed = to_bf16(e, v[0], v[1]);
    else if (dtype == YT_DTYPE_S16)
        packed =
            yt_emit_packed_in_order(e, yt_emit_pack_halves(e, v[0], v[1]), 2);
    else if (dtype == YT_DTYPE_U8S8)
        packed = yt_emit_packed_in_order(
            e,
            yt_emit_pack_bytes(e, yt_emit_pack_halves(e, v[0], v[1]),
                               yt_emit_pack_halves(e, v[2], v[3])),
            4);
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
