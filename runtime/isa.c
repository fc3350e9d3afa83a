/* The ISA table; what of it runs here is for runtime/cpu.c to say. */

#include "runtime/isa.h"

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/integers.h"

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

const char *yt_isa_lacks(const struct yt_isa *isa, uint32_t cpu_bits)
{
    const uint32_t missing = isa->needs & ~cpu_bits;
    for (size_t i = 0; i < sizeof bit_names / sizeof bit_names[0]; i++)
        if (missing & bit_names[i].bit)
            return bit_names[i].name;
    return missing ? "a feature that has no name" : NULL;
}

enum yt_status yt_isa_check(const struct yt_isa *isa, uint32_t cpu_bits)
{
    YT_FAIL_IF(!is_native(isa), YT_UNSUPPORTED,
               "'%s' is for %s; this CPU is %s", isa->name, isa->arch,
               yt_cpu_arch());
    const char *missing = yt_isa_lacks(isa, cpu_bits);
    YT_FAIL_IF(missing, YT_UNSUPPORTED,
               "this CPU (or its operating system) lacks %s, which '%s' needs",
               missing, isa->name);
    return YT_OK;
}
