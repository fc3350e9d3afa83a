/* x86-64: 128, 256 and 512-bit vectors under one roof, since the three widths
 * mostly have the same instructions. They are asked for as intrinsics: LLVM 19
 * does not reliably find them in plain vector code, and a byte shuffle with a
 * variable control has no other name. */

#include <llvm-c/Target.h>

#include <string.h>

#include "codegen/emit.h"
#include "codegen/target/target.h"

/* The names of one instruction for 4, 8 and 16 lanes. */
typedef const char *const names[3];

static int is_512(const struct yt_isa *isa)
{
    return isa->lanes == 16;
}

static LLVMValueRef call(struct yt_emit *e, names n, LLVMValueRef *args,
                         unsigned count)
{
    const int width = is_512(e->isa) ? 2 : e->isa->lanes == 8 ? 1 : 0;
    return yt_emit_intrinsic(e, n[width], args, count);
}

/* To lanes. */
static LLVMValueRef call_lanes(struct yt_emit *e, names n, LLVMValueRef *args,
                               unsigned count)
{
    return LLVMBuildBitCast(e->b, call(e, n, args, count), e->veci, "");
}

/* ------------------------------------------------------- dot products */

/* VNNI. */
static LLVMValueRef vpdpbusd(struct yt_emit *e, LLVMValueRef acc,
                             LLVMValueRef x, LLVMValueRef w)
{
    static names n = {"llvm.x86.avx512.vpdpbusd.128",
                      "llvm.x86.avx512.vpdpbusd.256",
                      "llvm.x86.avx512.vpdpbusd.512"};
    return call_lanes(e, n, (LLVMValueRef[]){acc, x, w}, 3);
}

/* Commutative, and the second of the two may come from memory. */
static LLVMValueRef vpdpwssd(struct yt_emit *e, LLVMValueRef acc,
                             LLVMValueRef x, LLVMValueRef w)
{
    static names n = {"llvm.x86.avx512.vpdpwssd.128",
                      "llvm.x86.avx512.vpdpwssd.256",
                      "llvm.x86.avx512.vpdpwssd.512"};
    return call_lanes(e, n, (LLVMValueRef[]){acc, w, x}, 3);
}

static LLVMValueRef vdpbf16ps(struct yt_emit *e, LLVMValueRef acc,
                              LLVMValueRef x, LLVMValueRef w)
{
    static names n = {"llvm.x86.avx512bf16.dpbf16ps.128",
                      "llvm.x86.avx512bf16.dpbf16ps.256",
                      "llvm.x86.avx512bf16.dpbf16ps.512"};
    return call(e, n, (LLVMValueRef[]){acc, w, x}, 3);
}

static LLVMValueRef pmaddwd(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    static names n = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd",
                      "llvm.x86.avx512.pmaddw.d.512"};
    return call_lanes(e, n, (LLVMValueRef[]){a, b}, 2);
}

/* Products in pairs, added in 16 bits that saturate: see
 * yt_isa_weight_max(). */
static LLVMValueRef pmaddubsw(struct yt_emit *e, LLVMValueRef acc,
                              LLVMValueRef x, LLVMValueRef w)
{
    static names n = {"llvm.x86.ssse3.pmadd.ub.sw.128",
                      "llvm.x86.avx2.pmadd.ub.sw",
                      "llvm.x86.avx512.pmaddubs.w.512"};
    LLVMValueRef pairs = call(e, n, (LLVMValueRef[]){x, w}, 2);
    LLVMValueRef ones = yt_emit_splat_i32(e, 0x00010001);
    return yt_emit_add(e, acc, pmaddwd(e, pairs, ones));
}

/* ---------------------------------------------------- halves and bytes */

static LLVMValueRef pmulhw(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    static names n = {"llvm.x86.sse2.pmulh.w", "llvm.x86.avx2.pmulh.w",
                      "llvm.x86.avx512.pmulh.w.512"};
    return call_lanes(e, n, (LLVMValueRef[]){a, b}, 2);
}

/* SSSE3, as pshufb. */
static LLVMValueRef pmulhrsw(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    static names n = {"llvm.x86.ssse3.pmul.hr.sw.128",
                      "llvm.x86.avx2.pmul.hr.sw",
                      "llvm.x86.avx512.pmul.hr.sw.512"};
    return call_lanes(e, n, (LLVMValueRef[]){a, b}, 2);
}

/* SSSE3. */
static LLVMValueRef pshufb(struct yt_emit *e, LLVMValueRef v,
                           LLVMValueRef control)
{
    static names n = {"llvm.x86.ssse3.pshuf.b.128", "llvm.x86.avx2.pshuf.b",
                      "llvm.x86.avx512.pshuf.b.512"};
    return call_lanes(e, n, (LLVMValueRef[]){v, control}, 2);
}

static LLVMValueRef packssdw(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    static names n = {"llvm.x86.sse2.packssdw.128", "llvm.x86.avx2.packssdw",
                      "llvm.x86.avx512.packssdw.512"};
    return call_lanes(e, n, (LLVMValueRef[]){a, b}, 2);
}

static LLVMValueRef packuswb(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b)
{
    static names n = {"llvm.x86.sse2.packuswb.128", "llvm.x86.avx2.packuswb",
                      "llvm.x86.avx512.packuswb.512"};
    return call_lanes(e, n, (LLVMValueRef[]){a, b}, 2);
}

/* Packing leaves a piece of every vector in each 128 bits. */
static LLVMValueRef packed_in_order(struct yt_emit *e, LLVMValueRef v,
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

/* ------------------------------------------------------------ rounding */

/* Arguments of 512-bit forms: every lane, and MXCSR's rounding. */
static LLVMValueRef all_lanes(struct yt_emit *e)
{
    return LLVMConstInt(LLVMInt16TypeInContext(e->ctx), 0xffff, 0);
}

static LLVMValueRef current_rounding(struct yt_emit *e)
{
    return yt_emit_i32(e, 4);
}

/* 0x80000000 past the range. */
static LLVMValueRef cvtps2dq(struct yt_emit *e, LLVMValueRef v)
{
    static names n = {"llvm.x86.sse2.cvtps2dq", "llvm.x86.avx.cvt.ps2dq.256",
                      "llvm.x86.avx512.mask.cvtps2dq.512"};
    LLVMValueRef args[] = {v, LLVMGetPoison(e->veci), all_lanes(e),
                           current_rounding(e)};
    return call(e, n, args, is_512(e->isa) ? 4 : 1);
}

static LLVMValueRef vcvtne2ps2bf16(struct yt_emit *e, LLVMValueRef low,
                                   LLVMValueRef high)
{
    static names n = {"llvm.x86.avx512bf16.cvtne2ps2bf16.128",
                      "llvm.x86.avx512bf16.cvtne2ps2bf16.256",
                      "llvm.x86.avx512bf16.cvtne2ps2bf16.512"};
    return call(e, n, (LLVMValueRef[]){high, low}, 2);
}

/* -------------------------------------------------------- exp and SiLU */

/* Does in one what two do elsewhere; 2: the smaller magnitude, x's sign. */
static LLVMValueRef vrangeps(struct yt_emit *e, LLVMValueRef x, float most)
{
    LLVMValueRef args[] = {x, yt_emit_splat(e, most), yt_emit_i32(e, 2),
                           x, all_lanes(e),           current_rounding(e)};
    return yt_emit_intrinsic(e, "llvm.x86.avx512.mask.range.ps.512", args, 6);
}

static LLVMValueRef vscalefps(struct yt_emit *e, LLVMValueRef p, LLVMValueRef n,
                              LLVMValueRef z)
{
    (void)z;
    LLVMValueRef args[] = {p, n, p, all_lanes(e), current_rounding(e)};
    return yt_emit_intrinsic(e, "llvm.x86.avx512.mask.scalef.ps.512", args, 5);
}

static LLVMValueRef rcpps(struct yt_emit *e, LLVMValueRef d)
{
    static names n = {"llvm.x86.sse.rcp.ps", "llvm.x86.avx.rcp.ps.256",
                      "llvm.x86.avx512.rcp14.ps.512"};
    LLVMValueRef args[] = {d, d, all_lanes(e)};
    return call(e, n, args, is_512(e->isa) ? 3 : 1);
}

/* vdivps costs 16 cycles a vector on Intel server cores; an estimate of 14 bits
 * and one Newton step cost about 3. */
static LLVMValueRef divide_by_estimate(struct yt_emit *e, LLVMValueRef a,
                                       LLVMValueRef d)
{
    LLVMValueRef r = rcpps(e, d);
    LLVMValueRef error =
        yt_emit_fma(e, LLVMBuildFNeg(e->b, d, ""), r, yt_emit_splat(e, 1.0f));
    LLVMValueRef ar = yt_emit_fmul(e, a, r);
    return yt_emit_fma(e, ar, error, ar);
}

static LLVMValueRef vpermi2ps(struct yt_emit *e, LLVMValueRef z,
                              const float table[32])
{
    LLVMValueRef halves[2][16];
    for (int i = 0; i < 32; i++)
        halves[i / 16][i % 16] = LLVMConstReal(e->f32, (double)table[i]);
    LLVMValueRef args[] = {LLVMConstVector(halves[0], 16), z,
                           LLVMConstVector(halves[1], 16)};
    return yt_emit_intrinsic(e, "llvm.x86.avx512.vpermi2var.ps.512", args, 3);
}

static LLVMValueRef vpermw(struct yt_emit *e, LLVMValueRef table,
                           LLVMValueRef index)
{
    LLVMValueRef args[] = {table, index};
    return LLVMBuildBitCast(
        e->b, yt_emit_intrinsic(e, "llvm.x86.avx512.permvar.hi.512", args, 2),
        e->veci, "");
}

/* --------------------------------------------------------- machine code */

static int is_spill(const char *assembly)
{
    return strstr(assembly, "(%rsp)") && strstr(assembly, "mm");
}

/* Intel SDM volume 2: Jcc is 70..7F rel8 and 0F 80..8F rel32, JMP EB rel8 and
 * E9 rel32. */
static int64_t branch_distance(const uint8_t *code, size_t length)
{
    if (length == 2 && ((code[0] & 0xf0) == 0x70 || code[0] == 0xeb))
        return (int8_t)code[1];
    const int is_near = length == 5 && code[0] == 0xe9;
    const int is_near_if =
        length == 6 && code[0] == 0x0f && (code[1] & 0xf0) == 0x80;
    if (!is_near && !is_near_if)
        return 0;
    const uint8_t *at = code + length - 4;
    const uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 |
                          (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return (int32_t)bits;
}

/* --------------------------------------------------------------- target */

static void improve(const struct yt_isa *isa, struct yt_words *words)
{
    words->dot_halves = pmaddwd;
    words->mul_high_halves = pmulhw;
    words->pack_halves = packssdw;
    words->pack_bytes = packuswb;
    words->packed_in_order = packed_in_order;
    words->round = cvtps2dq;
    words->reciprocal = rcpps;
    if (isa->can & YT_CAN_SHUFFLE_BYTES) {
        words->shuffle_bytes = pshufb;
        words->mul_round_halves = pmulhrsw;
        words->dot_u8s8 = pmaddubsw; /* the same extension, SSSE3 */
    }
    if (isa->can & YT_CAN_DOT8)
        words->dot_u8s8 = vpdpbusd;
    if (isa->can & YT_CAN_DOT16)
        words->dot_s16 = vpdpwssd;
    if (isa->can & YT_CAN_BF16) {
        words->dot_bf16 = vdpbf16ps;
        words->to_bf16 = vcvtne2ps2bf16;
    }
    if (is_512(isa)) {
        words->clamp = vrangeps;
        words->scale = vscalefps;
        words->divide = divide_by_estimate;
        words->look_up = vpermi2ps;
        words->look_up_halves = vpermw;
    }
}

/* LLVM would split 512-bit vectors in two. */
static void declare(struct yt_emit *e)
{
    if (!is_512(e->isa))
        return;
    yt_emit_attribute(e, "prefer-vector-width", "512");
    yt_emit_attribute(e, "min-legal-vector-width", "512");
}

/* v has all 32 registers, x the first 16. */
static const char *vector_in_place(const struct yt_isa *isa)
{
    return is_512(isa) ? "=v,0" : "=x,0";
}

static void initialize(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeX86Disassembler();
}

const struct yt_target yt_target_x86 = {
    .arch = "x86_64",
    .initialize = initialize,
    .tune_cpu = {[YT_TUNE_HOST] = "generic",
                 [YT_TUNE_SERVER] = "icelake-server",
                 [YT_TUNE_GENERIC] = "generic"},
    .declare = declare,
    .vector_in_place = vector_in_place,
    .improve = improve,
    .disassembler_cpu = "sapphirerapids",
    .is_spill = is_spill,
    .branch_distance = branch_distance,
};
