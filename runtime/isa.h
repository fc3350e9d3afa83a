#ifndef YT_ISA_H
#define YT_ISA_H

/* Instruction sets as rows of one table: what a kernel may use, how wide its
 * vectors are, what they can do, and what the CPU must have. The rows of an
 * architecture are ordered by what is preferred; each includes the ones above
 * it, bar the AVX-VNNI of avx2vnni. */

#include <stdint.h>

#include "runtime/problem.h"
#include "yolotune/status.h"

enum yt_isa_id {
#define YT_ISA(id, name, arch, lanes, regs, can, needs, cpu, features)         \
    YT_ISA_##id,
#include "runtime/isa.inc"
#undef YT_ISA
    YT_ISA_COUNT
};

/** CPU features that some row needs, each usable: present in CPUID and, where
 *  it has registers of its own, enabled by the operating system (XCR0). */
enum yt_cpu_bits {
    YT_CPU_SSE42 = 1 << 0,    /* and what is below it, POPCNT */
    YT_CPU_AVX2_FMA = 1 << 1, /* AVX2, FMA, F16C, BMI1, BMI2 */
    YT_CPU_AVX512 = 1 << 2,   /* F, CD, BW, DQ, VL */
    YT_CPU_AVX_VNNI = 1 << 3,
    YT_CPU_AVX512_VNNI = 1 << 4,
    YT_CPU_AVX512_BF16 = 1 << 5,
    YT_CPU_AMX = 1 << 6, /* TILE, INT8, BF16 */
    YT_CPU_AVX512_VBMI = 1 << 7
};

/** What the vectors of a row can do in one instruction, whatever it is called.
 *  Who chooses asks these; who emits it is codegen/target/. */
enum yt_isa_can {
    YT_CAN_FMA = 1 << 0,               /* a * b + c, rounded once */
    YT_CAN_BROADCAST_OPERAND = 1 << 1, /* multiply by one float in memory */
    YT_CAN_MASK = 1 << 2,              /* store some elements of any size */
    YT_CAN_SHUFFLE_BYTES = 1 << 3,     /* within 16, by a variable control */
    YT_CAN_DOT8 = 1 << 4,              /* add four u8 x s8, exactly, to s32 */
    YT_CAN_DOT16 = 1 << 5,             /* add two s16 x s16 to s32 */
    YT_CAN_BF16 = 1 << 6,              /* add two bf16 x bf16 to f32; round */
    YT_CAN_LOOKUP = 1 << 7             /* in 32 floats, an index a lane */
};

struct yt_isa {
    enum yt_isa_id id;
    const char *name;     /* "avx512", as --isa takes it */
    const char *arch;     /* "x86_64": as LLVM's triples begin */
    int32_t lanes;        /* f32 lanes of a vector: B of the blocked layout */
    int32_t regs;         /* vector registers */
    uint32_t can;         /* enum yt_isa_can */
    uint32_t needs;       /* enum yt_cpu_bits, for yt_isa_check() alone */
    const char *llvm_cpu; /* the baseline; a CPU name that implied features
                             would let LLVM use what was never checked */
    const char *llvm_features; /* exactly what may be used on top of it; the
                                  scheduling model is a schedule's choice */
};

/** The row with this id. */
const struct yt_isa *yt_isa_get(enum yt_isa_id id);

/** The row with this name, NULL when there is none. */
const struct yt_isa *yt_isa_find(const char *name);

/** This CPU's usable features (enum yt_cpu_bits) by CPUID and XGETBV: see
 *  runtime/cpu.h; 0 on other architectures. */
uint32_t yt_cpu_features(void);

/** What of the row's needs @p cpu_bits lacks, "AVX-512 VNNI"; of several the
 *  first; NULL for nothing. */
const char *yt_isa_lacks(const struct yt_isa *isa, uint32_t cpu_bits);

/** The architecture this code runs on, as yt_isa.arch says it. */
const char *yt_cpu_arch(void);

/** Whether a CPU of this architecture with @p cpu_bits runs the row's code. */
int yt_isa_runs(const struct yt_isa *isa, uint32_t cpu_bits);

/** The widest row of this architecture whose needs @p cpu_bits meets. Never
 *  NULL. */
const struct yt_isa *yt_isa_best(uint32_t cpu_bits);

/** Whether kernels of this type can be had: bf16 where the row has it, others
 *  everywhere, at worst from several instructions. */
int yt_isa_computes(const struct yt_isa *isa, enum yt_dtype dtype);

/** The first row that computes @p dtype. Never NULL. */
const struct yt_isa *yt_isa_that_computes(enum yt_dtype dtype);

/** Whether a step of this type, a multiply-add or a dot product of 4 bytes a
 *  lane, is one instruction. */
int yt_isa_has_dot(const struct yt_isa *isa, enum yt_dtype dtype);

/** Largest magnitude of a u8s8 weight: where products of bytes are added in
 *  pairs of 16 bits, it is half of what a dot product takes. */
int32_t yt_isa_weight_max(const struct yt_isa *isa);

/** YT_OK; YT_UNSUPPORTED naming the feature this CPU lacks, or the architecture
 *  it is not of. */
enum yt_status yt_isa_check(const struct yt_isa *isa, uint32_t cpu_bits);

#endif
