#ifndef YT_TARGET_H
#define YT_TARGET_H

/* A target is an architecture that kernels are generated for, as a struct: what
 * LLVM is told about it, how its machine code is looked into, and the words
 * that generators speak for which its instruction sets have an instruction that
 * LLVM does not find in plain vector code.
 *
 * A table of words starts as plain.c fills it, in vector IR that every target
 * can compile, and the target then puts in what a row of runtime/isa.inc has
 * better: nothing can be missing. Choices that are not about one word ask the
 * row what it can do (enum yt_isa_can). */

#include <llvm-c/Core.h>

#include <stdint.h>

#include "codegen/schedule.h"
#include "runtime/isa.h"

struct yt_emit;

typedef LLVMValueRef (*yt_word_1)(struct yt_emit *e, LLVMValueRef a);
typedef LLVMValueRef (*yt_word_2)(struct yt_emit *e, LLVMValueRef a,
                                  LLVMValueRef b);
typedef LLVMValueRef (*yt_word_3)(struct yt_emit *e, LLVMValueRef a,
                                  LLVMValueRef b, LLVMValueRef c);

/** "vec" and "lanes" as in codegen/emit.h. Where no type is said arguments may
 *  have any that is as large, and so may what is returned. */
struct yt_words {
    /* Sums acc + x * w of a step's products: lanes, of bf16 a vec. */
    yt_word_3 dot_u8s8, dot_s16, dot_bf16; /* (acc, x, w) */

    /* As the yt_emit_ words of these names. */
    yt_word_2 dot_halves, mul_high_halves, shuffle_bytes; /* to lanes */
    yt_word_2 pack_halves, pack_bytes; /* in an order of the target's own */
    LLVMValueRef (*packed_in_order)(struct yt_emit *e, LLVMValueRef v,
                                    int32_t count);
    yt_word_1 round;   /* vec to lanes */
    yt_word_2 to_bf16; /* two vecs, the low one first, as yt_bf16_of() */

    /* What exp and SiLU are made of, on vecs. */
    LLVMValueRef (*clamp)(struct yt_emit *e, LLVMValueRef x, float most);
    /* p * 2^n where z = n + 1.5 * 2^23: n stands in its low bits too. */
    yt_word_3 scale;      /* (p, n, z) */
    yt_word_2 divide;     /* a / d for d >= 1, to about a unit in the last */
    yt_word_1 reciprocal; /* 1 / d for d >= 1, to 11 bits at least */
    /* table[z & 31] of each lane. */
    LLVMValueRef (*look_up)(struct yt_emit *e, LLVMValueRef z,
                            const float table[32]);
    yt_word_2 mul_round_halves; /* as yt_emit_mul_round_halves() */
    yt_word_2 look_up_halves;   /* (table, index), to lanes */
};

struct yt_target {
    const char *arch;         /* "x86_64": yt_isa.arch of its rows */
    void (*initialize)(void); /* LLVM's part of it */
    /* LLVM's names of scheduling models; that of YT_TUNE_HOST is for when code
     * is generated on another architecture. */
    const char *tune_cpu[YT_TUNE_COUNT];

    /** Attributes of a function for @p e->isa beside its features. */
    void (*declare)(struct yt_emit *e);
    /** What inline assembly calls a register for a vec in and the same out. */
    const char *(*vector_in_place)(const struct yt_isa *isa);
    /** Put in the words that @p isa has better. */
    void (*improve)(const struct yt_isa *isa, struct yt_words *words);

    /* Machine code, as codegen/inspect.c reads it. */
    const char *disassembler_cpu; /* that has the instructions of all rows */
    /** Whether this instruction moves a vector from or to the stack. */
    int (*is_spill)(const char *assembly);
    /** How far a direct branch jumps from its end, in bytes; 0 for other
     *  instructions. */
    int64_t (*branch_distance)(const uint8_t *code, size_t length);
};

#define YT_TARGET(file) extern const struct yt_target yt_target_##file;
#include "codegen/target/targets.inc"
#undef YT_TARGET

/** The target of a row. Never NULL. */
const struct yt_target *yt_target_of(const struct yt_isa *isa);

/** Make LLVM ready for all targets. Once for the process. */
void yt_targets_initialize(void);

#define YT_TRIPLE_MAX 96

/** The triple for @p isa: this machine's, with the row's architecture. */
void yt_target_triple(const struct yt_isa *isa, char triple[YT_TRIPLE_MAX]);

/** All words in plain vector IR: right on every instruction set. */
void yt_words_plain(struct yt_words *words);

/** The best words for @p isa. */
void yt_words_of(const struct yt_isa *isa, struct yt_words *words);

#endif
