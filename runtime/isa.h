#ifndef YT_ISA_H
#define YT_ISA_H

/* Instruction sets as rows of one table: what a kernel may use, how wide its
 * vectors are, and what the CPU must have. The rows are ordered by what is
 * preferred; each includes the ones above it, bar the AVX-VNNI of avx2vnni. */

#include <stdint.h>

#include "yolotune/status.h"

enum yt_isa_id {
#define YT_ISA(id, name, lanes, regs, fma, needs, cpu, features) YT_ISA_##id,
#include "runtime/isa.inc"
#undef YT_ISA
    YT_ISA_COUNT
};

/** CPU features that some row needs, each usable: present in CPUID and, where
 *  it has registers of its own, enabled by the operating system (XCR0). */
enum yt_cpu_bits {
    YT_CPU_SSE42 = 1 << 0,
    YT_CPU_AVX2_FMA = 1 << 1, /* AVX2, FMA, F16C, BMI2 */
    YT_CPU_AVX512 = 1 << 2,   /* F, CD, BW, DQ, VL */
    YT_CPU_AVX_VNNI = 1 << 3,
    YT_CPU_AVX512_VNNI = 1 << 4,
    YT_CPU_AVX512_BF16 = 1 << 5,
    YT_CPU_AMX = 1 << 6, /* TILE, INT8, BF16 */
    YT_CPU_AVX512_VBMI = 1 << 7
};

struct yt_isa {
    enum yt_isa_id id;
    const char *name;     /* "avx512", as --isa takes it */
    int32_t lanes;        /* f32 lanes of a vector: B of the blocked layout */
    int32_t regs;         /* vector registers */
    int32_t fma;          /* 1 when llvm.fma is one instruction */
    uint32_t needs;       /* enum yt_cpu_bits */
    const char *llvm_cpu; /* the baseline; a CPU name that implied features
                             would let LLVM use what was never checked */
    const char *llvm_features; /* exactly what may be used on top of it; the
                                  scheduling model is a schedule's choice */
};

/** The row with this id. */
const struct yt_isa *yt_isa_get(enum yt_isa_id id);

/** The row with this name, NULL when there is none. */
const struct yt_isa *yt_isa_find(const char *name);

/** This CPU's usable features (enum yt_cpu_bits), read once by CPUID and
 *  XGETBV; 0 on other architectures. */
uint32_t yt_cpu_features(void);

/** The widest row whose needs @p cpu_bits meets. Never NULL. */
const struct yt_isa *yt_isa_best(uint32_t cpu_bits);

/** Largest magnitude of a u8s8 weight: where products of bytes are added in
 *  pairs of 16 bits, it is half of what a dot product takes. */
int32_t yt_isa_weight_max(const struct yt_isa *isa);

/** YT_OK; YT_UNSUPPORTED naming the feature this CPU lacks. */
enum yt_status yt_isa_check(const struct yt_isa *isa, uint32_t cpu_bits);

#endif
