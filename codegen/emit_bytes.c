/* Words for pixels: bytes shuffled into 16-bit halves of lanes, multiplied and
 * packed. How is the target's business. */

#include <assert.h>
#include <string.h>

#include "codegen/emit.h"

static LLVMTypeRef halves_type(struct yt_emit *e)
{
    return LLVMVectorType(LLVMInt16TypeInContext(e->ctx),
                          2 * (unsigned)e->isa->lanes);
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
    return e->words.shuffle_bytes(e, v, control);
}

LLVMValueRef yt_emit_dot_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    return e->words.dot_halves(e, a, b);
}

LLVMValueRef yt_emit_mul_high_halves(struct yt_emit *e, LLVMValueRef a,
                                     LLVMValueRef b)
{
    return e->words.mul_high_halves(e, a, b);
}

LLVMValueRef yt_emit_pack_halves(struct yt_emit *e, LLVMValueRef a,
                                 LLVMValueRef b)
{
    return e->words.pack_halves(e, a, b);
}

LLVMValueRef yt_emit_pack_bytes(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    return e->words.pack_bytes(e, a, b);
}

LLVMValueRef yt_emit_packed_in_order(struct yt_emit *e, LLVMValueRef v,
                                     int32_t count)
{
    return e->words.packed_in_order(e, v, count);
}

LLVMValueRef yt_emit_mul_round_halves(struct yt_emit *e, LLVMValueRef a,
                                      LLVMValueRef b)
{
    return e->words.mul_round_halves(e, a, b);
}

LLVMValueRef yt_emit_look_up_halves(struct yt_emit *e, LLVMValueRef table,
                                    LLVMValueRef index)
{
    return e->words.look_up_halves(e, table, index);
}

/* On halves and back. */
static LLVMValueRef on_halves(struct yt_emit *e, LLVMOpcode opcode,
                              LLVMValueRef a, LLVMValueRef b)
{
    LLVMTypeRef type = halves_type(e);
    a = LLVMBuildBitCast(e->b, a, type, "");
    b = LLVMBuildBitCast(e->b, b, type, "");
    return LLVMBuildBitCast(e->b, LLVMBuildBinOp(e->b, opcode, a, b, ""),
                            e->veci, "");
}

static LLVMValueRef shift_halves(struct yt_emit *e, LLVMOpcode opcode,
                                 LLVMValueRef v, int32_t bits)
{
    return on_halves(e, opcode, v,
                     yt_emit_repeat(e, YT_DTYPE_S16, 2 * e->isa->lanes, bits));
}

LLVMValueRef yt_emit_add_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    return on_halves(e, LLVMAdd, a, b);
}

LLVMValueRef yt_emit_shift_right_halves(struct yt_emit *e, LLVMValueRef v,
                                        int32_t bits)
{
    return shift_halves(e, LLVMLShr, v, bits);
}

LLVMValueRef yt_emit_shift_left_halves(struct yt_emit *e, LLVMValueRef v,
                                       int32_t bits)
{
    return shift_halves(e, LLVMShl, v, bits);
}

LLVMValueRef yt_emit_shift_right(struct yt_emit *e, LLVMValueRef v,
                                 int32_t bits)
{
    return LLVMBuildLShr(e->b, v, yt_emit_splat_i32(e, bits), "");
}
