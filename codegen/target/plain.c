/* Every word of a target in plain vector IR: what an instruction set without a
 * better one gets, and what tests compare the better ones with. Nothing here
 * becomes a call: LLVM has a function of libm in mind for rounding where there
 * is no instruction, and kernels refer to nothing outside themselves. */

#include <stddef.h>

#include "codegen/emit.h"
#include "codegen/target/target.h"

static LLVMTypeRef integers_type(struct yt_emit *e, unsigned bits)
{
    return LLVMVectorType(LLVMIntTypeInContext(e->ctx, bits),
                          32 / bits * (unsigned)e->isa->lanes);
}

static LLVMValueRef cast(struct yt_emit *e, LLVMValueRef v, LLVMTypeRef type)
{
    return LLVMBuildBitCast(e->b, v, type, "");
}

/* A constant in every element of a vector of integers. */
static LLVMValueRef same(LLVMTypeRef type, int32_t value)
{
    LLVMValueRef elements[64];
    const unsigned count = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < count; i++)
        elements[i] = LLVMConstInt(LLVMGetElementType(type),
                                   (unsigned long long)(int64_t)value, 1);
    return LLVMConstVector(elements, count);
}

/* ------------------------------------------------------- dot products */

/* The low half of each lane, the high one. */
static LLVMValueRef low_half(struct yt_emit *e, LLVMValueRef v)
{
    LLVMValueRef by = yt_emit_splat_i32(e, 16);
    v = LLVMBuildShl(e->b, cast(e, v, e->veci), by, "");
    return LLVMBuildAShr(e->b, v, by, "");
}

static LLVMValueRef high_half(struct yt_emit *e, LLVMValueRef v)
{
    return LLVMBuildAShr(e->b, cast(e, v, e->veci), yt_emit_splat_i32(e, 16),
                         "");
}

static LLVMValueRef dot_halves(struct yt_emit *e, LLVMValueRef a,
                               LLVMValueRef b)
{
    LLVMValueRef low = yt_emit_mul(e, low_half(e, a), low_half(e, b));
    LLVMValueRef high = yt_emit_mul(e, high_half(e, a), high_half(e, b));
    return yt_emit_add(e, low, high);
}

static LLVMValueRef dot_s16(struct yt_emit *e, LLVMValueRef acc, LLVMValueRef x,
                            LLVMValueRef w)
{
    return yt_emit_add(e, acc, yt_emit_dot_halves(e, x, w));
}

/* Bytes as halves, the even and the odd ones apart. */
static LLVMValueRef dot_u8s8(struct yt_emit *e, LLVMValueRef acc,
                             LLVMValueRef x, LLVMValueRef w)
{
    LLVMTypeRef halves = integers_type(e, 16);
    LLVMValueRef by = same(halves, 8);
    x = cast(e, x, halves);
    w = cast(e, w, halves);
    LLVMValueRef x_odd = LLVMBuildLShr(e->b, x, by, "");
    LLVMValueRef x_even =
        LLVMBuildLShr(e->b, LLVMBuildShl(e->b, x, by, ""), by, "");
    LLVMValueRef w_odd = LLVMBuildAShr(e->b, w, by, "");
    LLVMValueRef w_even =
        LLVMBuildAShr(e->b, LLVMBuildShl(e->b, w, by, ""), by, "");
    acc = yt_emit_add(e, acc, yt_emit_dot_halves(e, x_even, w_even));
    return yt_emit_add(e, acc, yt_emit_dot_halves(e, x_odd, w_odd));
}

/* bf16 is the upper half of a float. */
static LLVMValueRef dot_bf16(struct yt_emit *e, LLVMValueRef acc,
                             LLVMValueRef x, LLVMValueRef w)
{
    LLVMValueRef in[2][2] = {{x, x}, {w, w}};
    for (int i = 0; i < 2; i++) {
        LLVMValueRef v = cast(e, in[i][0], e->veci);
        LLVMValueRef low = LLVMBuildShl(e->b, v, yt_emit_splat_i32(e, 16), "");
        LLVMValueRef high =
            yt_emit_and(e, v, yt_emit_splat_i32(e, (int32_t)0xffff0000));
        in[i][0] = cast(e, low, e->vec);
        in[i][1] = cast(e, high, e->vec);
    }
    acc = yt_emit_fma(e, in[0][0], in[1][0], acc);
    return yt_emit_fma(e, in[0][1], in[1][1], acc);
}

/* ---------------------------------------------------- halves and bytes */

static LLVMValueRef mul_high_halves(struct yt_emit *e, LLVMValueRef a,
                                    LLVMValueRef b)
{
    LLVMTypeRef halves = integers_type(e, 16);
    LLVMTypeRef wide = LLVMVectorType(e->i32, 2 * (unsigned)e->isa->lanes);
    a = LLVMBuildSExt(e->b, cast(e, a, halves), wide, "");
    b = LLVMBuildSExt(e->b, cast(e, b, halves), wide, "");
    LLVMValueRef high =
        LLVMBuildAShr(e->b, yt_emit_mul(e, a, b), same(wide, 16), "");
    return cast(e, LLVMBuildTrunc(e->b, high, halves, ""), e->veci);
}

static LLVMValueRef mul_round_halves(struct yt_emit *e, LLVMValueRef a,
                                     LLVMValueRef b)
{
    LLVMTypeRef halves = integers_type(e, 16);
    LLVMTypeRef wide = LLVMVectorType(e->i32, 2 * (unsigned)e->isa->lanes);
    a = LLVMBuildSExt(e->b, cast(e, a, halves), wide, "");
    b = LLVMBuildSExt(e->b, cast(e, b, halves), wide, "");
    LLVMValueRef sum =
        yt_emit_add(e, yt_emit_mul(e, a, b), same(wide, 1 << 14));
    sum = LLVMBuildAShr(e->b, sum, same(wide, 15), "");
    return cast(e, LLVMBuildTrunc(e->b, sum, halves, ""), e->veci);
}

/* One by one. */
static LLVMValueRef look_up_halves(struct yt_emit *e, LLVMValueRef table,
                                   LLVMValueRef index)
{
    LLVMTypeRef halves = integers_type(e, 16);
    const int32_t count = 2 * e->isa->lanes;
    LLVMValueRef out = LLVMConstNull(halves);
    LLVMValueRef last =
        LLVMConstInt(LLVMInt16TypeInContext(e->ctx), (unsigned)count - 1, 0);
    table = cast(e, table, halves);
    index = cast(e, index, halves);
    for (int32_t i = 0; i < count; i++) {
        LLVMValueRef at = yt_emit_and(e, yt_emit_lane(e, index, i), last);
        out = yt_emit_with_lane(
            e, out, LLVMBuildExtractElement(e->b, table, at, ""), i);
    }
    return cast(e, out, e->veci);
}

/* One by one. */
static LLVMValueRef shuffle_bytes(struct yt_emit *e, LLVMValueRef v,
                                  LLVMValueRef control)
{
    LLVMTypeRef bytes = integers_type(e, 8);
    LLVMValueRef out = LLVMConstNull(bytes);
    LLVMValueRef zero = LLVMConstInt(e->i8, 0, 0);
    v = cast(e, v, bytes);
    control = cast(e, control, bytes);
    for (int32_t i = 0; i < 4 * e->isa->lanes; i++) {
        LLVMValueRef from = yt_emit_lane(e, control, i);
        LLVMValueRef at = yt_emit_and(e, from, LLVMConstInt(e->i8, 15, 0));
        at = yt_emit_or(e, at, LLVMConstInt(e->i8, (unsigned)i / 16 * 16, 0));
        LLVMValueRef byte = LLVMBuildExtractElement(e->b, v, at, "");
        byte = yt_emit_select(e, yt_emit_less(e, from, zero), zero, byte);
        out = yt_emit_with_lane(e, out, byte, i);
    }
    return cast(e, out, e->veci);
}

/* Two vectors of elements of from bits in one of half as many each, in order,
 * limited to what these hold. */
static LLVMValueRef pack(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b,
                         unsigned from, int32_t least, int32_t most)
{
    LLVMTypeRef type = integers_type(e, from);
    LLVMTypeRef half = LLVMVectorType(LLVMIntTypeInContext(e->ctx, from / 2),
                                      LLVMGetVectorSize(type));
    LLVMValueRef v[] = {cast(e, a, type), cast(e, b, type)};
    for (int i = 0; i < 2; i++) {
        v[i] = yt_emit_max(e, v[i], same(type, least));
        v[i] = yt_emit_min(e, v[i], same(type, most));
        v[i] = LLVMBuildTrunc(e->b, v[i], half, "");
    }
    return cast(e, yt_emit_concat(e, v, 2), e->veci);
}

static LLVMValueRef pack_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b)
{
    return pack(e, a, b, 32, INT16_MIN, INT16_MAX);
}

static LLVMValueRef pack_bytes(struct yt_emit *e, LLVMValueRef a,
                               LLVMValueRef b)
{
    return pack(e, a, b, 16, 0, UINT8_MAX);
}

static LLVMValueRef packed_in_order(struct yt_emit *e, LLVMValueRef v,
                                    int32_t count)
{
    (void)e;
    (void)count;
    return v;
}

/* ------------------------------------------------------------ rounding */

static LLVMValueRef magnitude(struct yt_emit *e, LLVMValueRef v)
{
    LLVMValueRef bits = cast(e, v, e->veci);
    return cast(e, yt_emit_and(e, bits, yt_emit_splat_i32(e, INT32_MAX)),
                e->vec);
}

/* Below 2^23 adding it leaves no room for a fraction; from there on there is
 * none. */
static LLVMValueRef round_lanes(struct yt_emit *e, LLVMValueRef v)
{
    LLVMValueRef size = magnitude(e, v);
    LLVMValueRef magic = yt_emit_splat(e, 8388608.0f);
    LLVMValueRef whole = yt_emit_fsub(e, yt_emit_fadd(e, size, magic), magic);
    LLVMValueRef is_whole = yt_emit_fgreater(e, size, magic);
    whole = yt_emit_select(e, is_whole, size, whole);
    LLVMValueRef fits =
        yt_emit_fgreater(e, yt_emit_splat(e, 2147483648.0f), whole);
    whole = yt_emit_select(e, fits, whole, yt_emit_splat(e, 0));
    LLVMValueRef n = LLVMBuildFPToSI(e->b, whole, e->veci, "");
    LLVMValueRef is_negative =
        yt_emit_less(e, cast(e, v, e->veci), LLVMConstNull(e->veci));
    n = yt_emit_select(e, is_negative,
                       yt_emit_sub(e, LLVMConstNull(e->veci), n), n);
    return yt_emit_select(e, fits, n, yt_emit_splat_i32(e, INT32_MIN));
}

/* As yt_bf16_of() of base/bf16.h. */
static LLVMValueRef round_to_bf16(struct yt_emit *e, LLVMValueRef v)
{
    LLVMTypeRef halves =
        LLVMVectorType(LLVMInt16TypeInContext(e->ctx), (unsigned)e->isa->lanes);
    LLVMValueRef bits = cast(e, v, e->veci);
    LLVMValueRef odd = yt_emit_and(e, yt_emit_shift_right(e, bits, 16),
                                   yt_emit_splat_i32(e, 1));
    LLVMValueRef up =
        yt_emit_add(e, yt_emit_add(e, bits, yt_emit_splat_i32(e, 0x7fff)), odd);
    LLVMValueRef quiet = yt_emit_or(e, bits, yt_emit_splat_i32(e, 0x400000));
    LLVMValueRef sign = yt_emit_and(e, bits, yt_emit_splat_i32(e, INT32_MIN));
    LLVMValueRef is_denormal = yt_emit_less(
        e, cast(e, magnitude(e, v), e->veci), yt_emit_splat_i32(e, 0x00800000));
    bits = yt_emit_select(e, yt_emit_fequal(e, v, v), up, quiet);
    bits = yt_emit_select(e, is_denormal, sign, bits);
    return LLVMBuildTrunc(e->b, yt_emit_shift_right(e, bits, 16), halves, "");
}

static LLVMValueRef to_bf16(struct yt_emit *e, LLVMValueRef low,
                            LLVMValueRef high)
{
    LLVMValueRef v[] = {round_to_bf16(e, low), round_to_bf16(e, high)};
    return cast(e, yt_emit_concat(e, v, 2), e->veci);
}

/* -------------------------------------------------------- exp and SiLU */

static LLVMValueRef clamp(struct yt_emit *e, LLVMValueRef x, float most)
{
    LLVMValueRef below = yt_emit_fmin(e, x, yt_emit_splat(e, most));
    return yt_emit_fmax(e, below, yt_emit_splat(e, -most));
}

/* Added to the exponent. */
static LLVMValueRef scale(struct yt_emit *e, LLVMValueRef p, LLVMValueRef n,
                          LLVMValueRef z)
{
    (void)n;
    LLVMValueRef exponent =
        LLVMBuildShl(e->b, cast(e, z, e->veci), yt_emit_splat_i32(e, 23), "");
    LLVMValueRef sum = yt_emit_add(e, cast(e, p, e->veci), exponent);
    return cast(e, sum, e->vec);
}

static LLVMValueRef divide(struct yt_emit *e, LLVMValueRef a, LLVMValueRef d)
{
    return LLVMBuildFDiv(e->b, a, d, "");
}

static LLVMValueRef reciprocal(struct yt_emit *e, LLVMValueRef d)
{
    return divide(e, yt_emit_splat(e, 1), d);
}

/* The index's lowest bit halves the table, the next one what is left. */
static LLVMValueRef look_up(struct yt_emit *e, LLVMValueRef z,
                            const float table[32])
{
    LLVMValueRef left[32];
    for (int i = 0; i < 32; i++)
        left[i] = yt_emit_splat(e, table[i]);
    z = cast(e, z, e->veci);
    for (int32_t bit = 0, count = 16; count; bit++, count /= 2) {
        LLVMValueRef mask = yt_emit_and(e, z, yt_emit_splat_i32(e, 1 << bit));
        LLVMValueRef is_odd =
            LLVMBuildICmp(e->b, LLVMIntNE, mask, LLVMConstNull(e->veci), "");
        for (int i = 0; i < count; i++)
            left[i] = yt_emit_select(e, is_odd, left[2 * i + 1], left[2 * i]);
    }
    return left[0];
}

void yt_words_plain(struct yt_words *words)
{
    *words = (struct yt_words){
        .dot_u8s8 = dot_u8s8,
        .dot_s16 = dot_s16,
        .dot_bf16 = dot_bf16,
        .dot_halves = dot_halves,
        .mul_high_halves = mul_high_halves,
        .shuffle_bytes = shuffle_bytes,
        .pack_halves = pack_halves,
        .pack_bytes = pack_bytes,
        .packed_in_order = packed_in_order,
        .round = round_lanes,
        .to_bf16 = to_bf16,
        .clamp = clamp,
        .scale = scale,
        .divide = divide,
        .reciprocal = reciprocal,
        .look_up = look_up,
        .mul_round_halves = mul_round_halves,
        .look_up_halves = look_up_halves,
    };
}
