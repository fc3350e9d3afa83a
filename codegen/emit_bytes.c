/* Words for pixels: bytes shuffled into 16-bit halves of lanes, and the two
 * multiplications of halves that every x86 vector width has. They are
 * intrinsics, since LLVM 19 does not reliably find them in plain vector code
 * and a variable byte shuffle has no other name. */

#include <assert.h>
#include <string.h>

#include "codegen/emit.h"

int yt_emit_shuffles_bytes(const struct yt_emit *e)
{
    return e->isa->id >= YT_ISA_SSE42;
}

static LLVMTypeRef bytes_type(struct yt_emit *e)
{
    return LLVMVectorType(e->i8, 4 * (unsigned)e->isa->lanes);
}

static LLVMTypeRef halves_type(struct yt_emit *e)
{
    return LLVMVectorType(LLVMInt16TypeInContext(e->ctx),
                          2 * (unsigned)e->isa->lanes);
}

/* names: for 4, 8 and 16 lanes. Returns lanes. */
static LLVMValueRef call(struct yt_emit *e, const char *const names[3],
                         LLVMTypeRef type, LLVMValueRef a, LLVMValueRef b)
{
    const int32_t lanes = e->isa->lanes;
    const char *name = names[lanes == 16 ? 2 : lanes == 8 ? 1 : 0];
    const unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMValueRef fn = LLVMGetIntrinsicDeclaration(e->module, id, NULL, 0);
    LLVMValueRef args[] = {LLVMBuildBitCast(e->b, a, type, ""),
                           LLVMBuildBitCast(e->b, b, type, "")};
    LLVMValueRef v = LLVMBuildCall2(
        e->b, LLVMIntrinsicGetType(e->ctx, id, NULL, 0), fn, args, 2, "");
    return LLVMBuildBitCast(e->b, v, e->veci, "");
}

LLVMValueRef yt_emit_concat(struct yt_emit *e, const LLVMValueRef *pieces,
                            unsigned count)
{
    LLVMTypeRef type = LLVMTypeOf(pieces[0]);
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) {
        LLVMValueRef v = LLVMGetPoison(LLVMVectorType(type, count));
        for (unsigned i = 0; i < count; i++)
            v = LLVMBuildInsertElement(e->b, v, pieces[i],
                                       yt_emit_i32(e, (int32_t)i), "");
        return v;
    }
    LLVMValueRef level[16];
    assert(count <= 16 && (count & (count - 1)) == 0);
    memcpy(level, pieces, count * sizeof *level);
    for (; count > 1; count /= 2) {
        const unsigned elems = 2 * LLVMGetVectorSize(LLVMTypeOf(level[0]));
        LLVMValueRef order[64];
        assert(elems <= 64);
        for (unsigned i = 0; i < elems; i++)
            order[i] = yt_emit_i32(e, (int32_t)i);
        for (unsigned i = 0; i < count / 2; i++)
            level[i] =
                LLVMBuildShuffleVector(e->b, level[2 * i], level[2 * i + 1],
                                       LLVMConstVector(order, elems), "");
    }
    return level[0];
}

LLVMValueRef yt_emit_shuffle_bytes(struct yt_emit *e, LLVMValueRef v,
                                   LLVMValueRef control)
{
    static const char *const names[3] = {
        "llvm.x86.ssse3.pshuf.b.128",
        "llvm.x86.avx2.pshuf.b",
        "llvm.x86.avx512.pshuf.b.512",
    };
    return call(e, names, bytes_type(e), v, control);
}

LLVMValueRef yt_emit_dot_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    static const char *const names[3] = {
        "llvm.x86.sse2.pmadd.wd",
        "llvm.x86.avx2.pmadd.wd",
        "llvm.x86.avx512.pmaddw.d.512",
    };
    return call(e, names, halves_type(e), a, b);
}

LLVMValueRef yt_emit_mul_high_halves(struct yt_emit *e, LLVMValueRef a,
                                     LLVMValueRef b)
{
    static const char *const names[3] = {
        "llvm.x86.sse2.pmulh.w",
        "llvm.x86.avx2.pmulh.w",
        "llvm.x86.avx512.pmulh.w.512",
    };
    return call(e, names, halves_type(e), a, b);
}

LLVMValueRef yt_emit_pack_halves(struct yt_emit *e, LLVMValueRef a,
                                 LLVMValueRef b)
{
    static const char *const names[3] = {
        "llvm.x86.sse2.packssdw.128",
        "llvm.x86.avx2.packssdw",
        "llvm.x86.avx512.packssdw.512",
    };
    return call(e, names, e->veci, a, b);
}

LLVMValueRef yt_emit_pack_bytes(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    static const char *const names[3] = {
        "llvm.x86.sse2.packuswb.128",
        "llvm.x86.avx2.packuswb",
        "llvm.x86.avx512.packuswb.512",
    };
    return call(e, names, halves_type(e), a, b);
}

/* Each 128 bits hold a piece of every vector. */
LLVMValueRef yt_emit_packed_in_order(struct yt_emit *e, LLVMValueRef v,
                                     int32_t count)
{
    const int32_t lanes = e->isa->lanes;
    const int32_t piece = 4 / count; /* in lanes, of 4 in 128 bits */
    const int32_t share = lanes / count;
    int32_t order[16];
    for (int32_t i = 0; i < lanes; i++)
        order[i] = i % share / piece * 4 + i / share * piece + i % piece;
    return yt_emit_pick(e, v, v, order, lanes);
}

LLVMValueRef yt_emit_shift_right_halves(struct yt_emit *e, LLVMValueRef v,
                                        int32_t bits)
{
    LLVMTypeRef type = halves_type(e);
    v = LLVMBuildBitCast(e->b, v, type, "");
    v = LLVMBuildLShr(
        e->b, v, yt_emit_repeat(e, YT_DTYPE_S16, 2 * e->isa->lanes, bits), "");
    return LLVMBuildBitCast(e->b, v, e->veci, "");
}

LLVMValueRef yt_emit_shift_right(struct yt_emit *e, LLVMValueRef v,
                                 int32_t bits)
{
    return LLVMBuildLShr(e->b, v, yt_emit_splat_i32(e, bits), "");
}
