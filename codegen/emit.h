#ifndef YT_EMIT_H
#define YT_EMIT_H

/* The words generators speak. Raw LLVMBuild* stays behind them, in emit*.c, and
 * what has an instruction of its own on some targets in codegen/target/.
 *
 * A value is an LLVMValueRef; "vec" is a vector of isa->lanes floats. Offsets
 * and strides are in bytes. Mutable values are entry-block allocas that
 * yt_emit_finish() promotes to registers.
 */

#include <llvm-c/Core.h>

#include <stdint.h>

#include "codegen/target/target.h"
#include "runtime/isa.h"
#include "runtime/problem.h"

struct yt_emit {
    const struct yt_isa *isa;
    const struct yt_target *target;
    struct yt_words words; /* of the ISA */
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

/** Add a string attribute to the function. */
void yt_emit_attribute(struct yt_emit *e, const char *key, const char *value);

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
/** The larger; b where either is not a number. */
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

/** Leave the loop here when the condition holds. */
void yt_emit_break_if(struct yt_emit *e, struct yt_loop *loop,
                      LLVMValueRef condition);

/* emit_lanes.c: comparisons, integers and single lanes of vectors. "lanes"
 * is a veci; masks are vectors of i1. */

/** A scalar constant. */
LLVMValueRef yt_emit_f32(struct yt_emit *e, float value);
/** A scalar i32 in every lane. */
LLVMValueRef yt_emit_spread_i32(struct yt_emit *e, LLVMValueRef scalar);
/** 0, 1, 2... */
LLVMValueRef yt_emit_iota(struct yt_emit *e);
/** An i64 cut to an i32; a signed i32 widened to i64. */
LLVMValueRef yt_emit_to_i32(struct yt_emit *e, LLVMValueRef v);
LLVMValueRef yt_emit_to_i64(struct yt_emit *e, LLVMValueRef v);
/** An i8 to an i64 in 0..255. */
LLVMValueRef yt_emit_byte(struct yt_emit *e, LLVMValueRef v);
/** A signed integer to f32, lanes to vec. */
LLVMValueRef yt_emit_to_float(struct yt_emit *e, LLVMValueRef v);
/** a > b, false where either is not a number; one or every lane. */
LLVMValueRef yt_emit_fgreater(struct yt_emit *e, LLVMValueRef a,
                              LLVMValueRef b);
LLVMValueRef yt_emit_fequal(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
/** a == b of two scalar integers. */
LLVMValueRef yt_emit_equal(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_and(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_or(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef yt_emit_select(struct yt_emit *e, LLVMValueRef condition,
                            LLVMValueRef a, LLVMValueRef b);
/** Whether a mask has a lane set. */
LLVMValueRef yt_emit_any(struct yt_emit *e, LLVMValueRef mask);
/** A mask as the low bits of an i64, lane 0 the lowest; which bit is the lowest
 *  that is set in a value that is not 0. */
LLVMValueRef yt_emit_mask_bits(struct yt_emit *e, LLVMValueRef mask);
LLVMValueRef yt_emit_lowest_bit(struct yt_emit *e, LLVMValueRef bits);
/** The first count lanes (i64, may be past either end). */
LLVMValueRef yt_emit_first_lanes(struct yt_emit *e, LLVMValueRef count);
/** Lane i, a constant, of a vec; a vec with lane i replaced. */
LLVMValueRef yt_emit_lane(struct yt_emit *e, LLVMValueRef v, int32_t i);
LLVMValueRef yt_emit_with_lane(struct yt_emit *e, LLVMValueRef v,
                               LLVMValueRef scalar, int32_t i);
/** The largest lane of a vec without NaNs; the smallest of lanes. */
LLVMValueRef yt_emit_largest(struct yt_emit *e, LLVMValueRef v);
LLVMValueRef yt_emit_smallest_i32(struct yt_emit *e, LLVMValueRef v);
/** Store where the mask is set; elsewhere memory is not touched. */
void yt_emit_store_masked(struct yt_emit *e, LLVMValueRef v,
                          LLVMValueRef address, LLVMValueRef mask);

/** Call an intrinsic whose types are all given by its name. Arguments are cast
 *  to what it takes, in place; the result is what it returns. */
LLVMValueRef yt_emit_intrinsic(struct yt_emit *e, const char *name,
                               LLVMValueRef *args, unsigned count);

/* emit_bytes.c: 8 and 16-bit arithmetic in lanes. */

/** One vector of consecutive pieces: count * bits of one == bits of a vec. */
LLVMValueRef yt_emit_concat(struct yt_emit *e, const LLVMValueRef *pieces,
                            unsigned count);
/** Byte i of each 16 becomes byte control[i] of the same 16, or 0 where
 *  control[i] has its top bit. Any vector types; returns lanes. Byte by byte
 *  where the ISA lacks YT_CAN_SHUFFLE_BYTES. */
LLVMValueRef yt_emit_shuffle_bytes(struct yt_emit *e, LLVMValueRef v,
                                   LLVMValueRef control);
/** a.low * b.low + a.high * b.high, halves of each lane as signed 16 bits. */
LLVMValueRef yt_emit_dot_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b);
/** a * b >> 16 in signed 16 bits, for each half of each lane. */
LLVMValueRef yt_emit_mul_high_halves(struct yt_emit *e, LLVMValueRef a,
                                     LLVMValueRef b);
/** Two vectors of lanes as halves, limited to signed 16 bits; two of signed
 *  halves as bytes, limited to 0..255. Both leave the elements in an order of
 *  the target's own. */
LLVMValueRef yt_emit_pack_halves(struct yt_emit *e, LLVMValueRef a,
                                 LLVMValueRef b);
LLVMValueRef yt_emit_pack_bytes(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b);
/** What packing count vectors (2 to halves or 4 to bytes) left, in order. */
LLVMValueRef yt_emit_packed_in_order(struct yt_emit *e, LLVMValueRef v,
                                     int32_t count);
/** (a * b + 2^14) >> 15 in signed 16 bits, for each half of each lane. */
LLVMValueRef yt_emit_mul_round_halves(struct yt_emit *e, LLVMValueRef a,
                                      LLVMValueRef b);
/** Half number index mod (2 * lanes) of the table, for each half of each lane:
 *  one by one where the ISA lacks YT_CAN_LOOKUP. */
LLVMValueRef yt_emit_look_up_halves(struct yt_emit *e, LLVMValueRef table,
                                    LLVMValueRef index);
/** a + b, for each half of each lane, wrapping. */
LLVMValueRef yt_emit_add_halves(struct yt_emit *e, LLVMValueRef a,
                                LLVMValueRef b);
/** Halves of lanes shifted: unsigned right, left. */
LLVMValueRef yt_emit_shift_right_halves(struct yt_emit *e, LLVMValueRef v,
                                        int32_t bits);
LLVMValueRef yt_emit_shift_left_halves(struct yt_emit *e, LLVMValueRef v,
                                       int32_t bits);
/** Unsigned lanes shifted right. */
LLVMValueRef yt_emit_shift_right(struct yt_emit *e, LLVMValueRef v,
                                 int32_t bits);

/* emit_types.c: arithmetic in other types than f32. */

/** The type of a convolution's sums: lanes for integers, vec otherwise. */
LLVMTypeRef yt_emit_sum_type(struct yt_emit *e, enum yt_dtype dtype);
/** The 4 bytes of input at base + offset, a step, in every lane. */
LLVMValueRef yt_emit_broadcast_step(struct yt_emit *e, enum yt_dtype dtype,
                                    LLVMValueRef base, int64_t offset);
/** acc + x * w: in each lane the products of a step's values, 1 of f32, 2 of
 *  bf16 or s16, 4 of u8 (x) and s8 (w), summed. */
LLVMValueRef yt_emit_dot(struct yt_emit *e, enum yt_dtype dtype,
                         LLVMValueRef acc, LLVMValueRef x, LLVMValueRef w);
/** A vector of stored integers as lanes. */
LLVMValueRef yt_emit_load_lanes(struct yt_emit *e, enum yt_dtype dtype,
                                LLVMValueRef address);
/** A vector of stored values as a vec: integers as their codes. */
LLVMValueRef yt_emit_load_wide(struct yt_emit *e, enum yt_dtype dtype,
                               LLVMValueRef address);
/** A vec to lanes, to nearest, ties to even; whatever the target gives past the
 *  range of i32. */
LLVMValueRef yt_emit_round(struct yt_emit *e, LLVMValueRef v);
/** How many vectors fill one when stored: 4 for bytes, 2, 1. */
int32_t yt_emit_group(enum yt_dtype dtype);
/** Store up to a group of vectors one after the other: vecs as f32 or bf16,
 *  lanes as s16 or u8, limited to the type's range. */
void yt_emit_store_narrow(struct yt_emit *e, enum yt_dtype dtype,
                          const LLVMValueRef *vectors, int32_t count,
                          LLVMValueRef address);
/** Its last part: a vector of a group's narrow values in order, of which the
 *  first count vectors' worth is stored. */
void yt_emit_store_packed(struct yt_emit *e, enum yt_dtype dtype,
                          LLVMValueRef packed, int32_t count,
                          LLVMValueRef address);

/** x * sigmoid(x) on a vec: see codegen/silu.c for method and error bound. */
LLVMValueRef yt_emit_silu(struct yt_emit *e, LLVMValueRef x);
/** The same at less cost, for outputs of type @p out, which is not f32: within
 *  8e-4 of it (s16: 1.2e-4), or within 5e-4 of its size. */
LLVMValueRef yt_emit_silu_coarse(struct yt_emit *e, enum yt_dtype out,
                                 LLVMValueRef x);
/** codegen/act.c: an activation of runtime/act.h on a vec. */
LLVMValueRef yt_emit_act(struct yt_emit *e, enum yt_act act, int32_t slope,
                         LLVMValueRef x);
/** 1 / (1 + exp(-x)). */
LLVMValueRef yt_emit_sigmoid(struct yt_emit *e, LLVMValueRef x);
/** exp(-x), |x| limited to 87. */
LLVMValueRef yt_emit_exp_of_minus(struct yt_emit *e, LLVMValueRef x);

/* emit_narrow.c: values as they lie in memory. "Elements" are a vector of
 * float, of i8 (u8), or of i16 (s16, and the bits of bf16). */

/** The type of count elements. */
LLVMTypeRef yt_emit_elements(struct yt_emit *e, enum yt_dtype dtype,
                             int32_t count);
/** One constant in count elements that are no floats. */
LLVMValueRef yt_emit_repeat(struct yt_emit *e, enum yt_dtype dtype,
                            int32_t count, int32_t bits);
/** Elements order[0] to order[count - 1] of a and, behind it, b: two vectors of
 *  one type. count <= 64. */
LLVMValueRef yt_emit_pick(struct yt_emit *e, LLVMValueRef a, LLVMValueRef b,
                          const int32_t *order, int32_t count);
/** The larger of elements; of bf16, of their keys. */
LLVMValueRef yt_emit_larger(struct yt_emit *e, enum yt_dtype dtype,
                            LLVMValueRef a, LLVMValueRef b);
/** bf16 elements as signed integers of the same order, -0 below 0, and such
 *  keys as elements again. */
LLVMValueRef yt_emit_bf16_key(struct yt_emit *e, LLVMValueRef v);
/** Lanes, or one i32, to the type's elements, which hold the values exactly. */
LLVMValueRef yt_emit_narrow(struct yt_emit *e, enum yt_dtype dtype,
                            LLVMValueRef lanes);
/** Store the first count (i64) elements, fewer than there are, unaligned. */
void yt_emit_store_first(struct yt_emit *e, LLVMValueRef v,
                         LLVMValueRef address, LLVMValueRef count);
/** Zero a constant number of bytes, unaligned. */
void yt_emit_zero_bytes(struct yt_emit *e, LLVMValueRef address, int64_t bytes);

#endif
