/* The ISA table and this CPU's facts. Ships in products, so no library: CPUID
 * leaves and XCR0 bits as in Intel's SDM volume 1, 13.3 and 14.3 and volume
 * 2A, CPUID. */

#include "runtime/isa.h"

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/integers.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const struct yt_isa isa_table[] = {
#define YT_ISA(id, name, arch, lanes, regs, can, needs, cpu, features)         \
    {YT_ISA_##id, name, arch, lanes, regs, can, needs, cpu, features},
#include "runtime/isa.inc"
#undef YT_ISA
};

static const struct {
    uint32_t bit;
    const char *name;
} bit_names[] = {
    {YT_CPU_SSE42, "SSE4.2"},
    {YT_CPU_AVX2_FMA, "AVX2 with FMA, F16C and BMI2"},
    {YT_CPU_AVX512, "AVX-512 F, CD, BW, DQ and VL"},
    {YT_CPU_AVX_VNNI, "AVX-VNNI"},
    {YT_CPU_AVX512_VNNI, "AVX-512 VNNI"},
    {YT_CPU_AVX512_VBMI, "AVX-512 VBMI"},
    {YT_CPU_AVX512_BF16, "AVX-512 BF16"},
    {YT_CPU_AMX, "AMX"},
};

const struct yt_isa *yt_isa_get(enum yt_isa_id id)
{
    return &isa_table[id];
}

const struct yt_isa *yt_isa_find(const char *name)
{
    for (int i = 0; i < YT_ISA_COUNT; i++)
        if (strcmp(isa_table[i].name, name) == 0)
            return &isa_table[i];
    return NULL;
}

const char *yt_cpu_arch(void)
{
#if defined(__x86_64__)
    return "x86_64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "unknown";
#endif
}

static int is_native(const struct yt_isa *isa)
{
    return strcmp(isa->arch, yt_cpu_arch()) == 0;
}

int yt_isa_runs(const struct yt_isa *isa, uint32_t cpu_bits)
{
    return is_native(isa) && (isa->needs & ~cpu_bits) == 0;
}

const struct yt_isa *yt_isa_best(uint32_t cpu_bits)
{
    const struct yt_isa *best = &isa_table[0];
    for (int i = 0; i < YT_ISA_COUNT; i++)
        if (yt_isa_runs(&isa_table[i], cpu_bits))
            best = &isa_table[i];
    return best;
}

int yt_isa_computes(const struct yt_isa *isa, enum yt_dtype dtype)
{
    return dtype != YT_DTYPE_BF16 || isa->can & YT_CAN_BF16;
}

const struct yt_isa *yt_isa_that_computes(enum yt_dtype dtype)
{
    int i = 0;
    while (!yt_isa_computes(&isa_table[i], dtype))
        i++;
    return &isa_table[i];
}

int yt_isa_has_dot(const struct yt_isa *isa, enum yt_dtype dtype)
{
    static const uint32_t bits[] = {
        [YT_DTYPE_F32] = YT_CAN_FMA,
        [YT_DTYPE_BF16] = YT_CAN_BF16,
        [YT_DTYPE_S16] = YT_CAN_DOT16,
        [YT_DTYPE_U8S8] = YT_CAN_DOT8,
    };
    static_assert(sizeof bits / sizeof bits[0] == YT_DTYPE_COUNT,
                  "a capability for each type");
    return (isa->can & bits[dtype]) != 0;
}

int32_t yt_isa_weight_max(const struct yt_isa *isa)
{
    return isa->can & YT_CAN_DOT8 ? YT_S8_WEIGHT_MAX : YT_S8_WEIGHT_MAX_PAIRS;
}

enum yt_status yt_isa_check(const struct yt_isa *isa, uint32_t cpu_bits)
{
    YT_FAIL_IF(!is_native(isa), YT_UNSUPPORTED,
               "'%s' is for %s; this CPU is %s", isa->name, isa->arch,
               yt_cpu_arch());
    const uint32_t missing = isa->needs & ~cpu_bits;
    for (size_t i = 0; i < sizeof bit_names / sizeof bit_names[0]; i++)
        YT_FAIL_IF(missing & bit_names[i].bit, YT_UNSUPPORTED,
                   "this CPU (or its operating system) lacks %s, which "
                   "'%s' needs",
                   bit_names[i].name, isa->name);
    YT_FAIL_IF(missing, YT_UNSUPPORTED,
               "this CPU lacks a feature that '%s' needs (bits 0x%x)",
               isa->name, missing);
    return YT_OK;
}

#if defined(__x86_64__)

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static uint32_t has_all(uint32_t reg, uint32_t mask, uint32_t bits)
{
    return (reg & mask) == mask ? bits : 0;
}

uint32_t yt_cpu_features(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    uint32_t bits = has_all(c, 1u << 20 | 1u << 23, YT_CPU_SSE42);
    const uint32_t fma_f16c_osxsave_avx =
        1u << 12 | 1u << 29 | 1u << 27 | 1u << 28;
    if (!has_all(c, fma_f16c_osxsave_avx, 1))
        return bits;

    const uint64_t xcr0 = read_xcr0();
    const uint64_t ymm = 0x6;
    const uint64_t zmm = 0xe6;
    const uint64_t tile = 0x60000;
    uint32_t b7, c7, d7, a71, b71, c71, d71;
    if ((xcr0 & ymm) != ymm || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
        return bits;
    if (a < 1 || !__get_cpuid_count(7, 1, &a71, &b71, &c71, &d71))
        a71 = 0;
    bits |= has_all(b7, 1u << 3 | 1u << 5 | 1u << 8, YT_CPU_AVX2_FMA);
    bits |= has_all(a71, 1u << 4, YT_CPU_AVX_VNNI);
    if ((xcr0 & zmm) != zmm)
        return bits;
    bits |= has_all(b7, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31,
                    YT_CPU_AVX512);
    bits |= has_all(c7, 1u << 11, YT_CPU_AVX512_VNNI);
    bits |= has_all(c7, 1u << 1, YT_CPU_AVX512_VBMI);
    bits |= has_all(a71, 1u << 5, YT_CPU_AVX512_BF16);
    if ((xcr0 & tile) == tile)
        bits |= has_all(d7, 1u << 22 | 1u << 24 | 1u << 25, YT_CPU_AMX);
    return bits;
}

#else

uint32_t yt_cpu_features(void)
{
    return 0;
}

#endif
