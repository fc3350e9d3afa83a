/* Which instructions follow from CPUID and XCR0, on CPUs that are not here and
 * under systems and hypervisors that take some away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/cpuid_dump.h"

#define V3 (YT_CPU_SSE42 | YT_CPU_AVX2_FMA)
#define V4 (V3 | YT_CPU_AVX512)

static const struct {
    const char *dump;
    uint32_t usable;
    const char *isa; /* the best */
} cases[] = {
    {"nehalem", YT_CPU_SSE42, "sse4.2"},
    {"haswell", V3, "avx2"},
    {"skylake", V3, "avx2"},
    {"skylake-x", V4, "avx512"},
    {"cascade-lake", V4 | YT_CPU_AVX512_VNNI, "avx512vnni"},
    {"ice-lake", V4 | YT_CPU_AVX512_VNNI | YT_CPU_AVX512_VBMI, "avx512vbmi"},
    {"sapphire-rapids",
     V4 | YT_CPU_AVX_VNNI | YT_CPU_AVX512_VNNI | YT_CPU_AVX512_VBMI |
         YT_CPU_AVX512_BF16 | YT_CPU_AMX,
     "avx512bf16"},
    {"alder-lake", V3 | YT_CPU_AVX_VNNI, "avx2vnni"},
    {"gracemont", V3 | YT_CPU_AVX_VNNI, "avx2vnni"},
    {"alder-lake-n", V3 | YT_CPU_AVX_VNNI, "avx2vnni"},
    {"zen2", V3, "avx2"},
    {"zen3", V3, "avx2"},
    {"zen4", V4 | YT_CPU_AVX512_VNNI | YT_CPU_AVX512_VBMI | YT_CPU_AVX512_BF16,
     "avx512bf16"},
    {"zen5",
     V4 | YT_CPU_AVX_VNNI | YT_CPU_AVX512_VNNI | YT_CPU_AVX512_VBMI |
         YT_CPU_AVX512_BF16,
     "avx512bf16"},
};

#define CASES (sizeof cases / sizeof cases[0])

static void every_cpu_is_known_for_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct yt_cpuid raw = dump_read(cases[i].dump);
        const struct yt_cpu_can can = yt_cpu_can(&raw);
        if (can.usable != cases[i].usable || can.has != can.usable)
            fail_msg("%s: has 0x%x, can use 0x%x, not 0x%x", cases[i].dump,
                     can.has, can.usable, cases[i].usable);
        assert_string_equal(yt_isa_best(can.usable)->name, cases[i].isa);
    }
}

/* Linux with "clearcpuid=avx512f" or "noxsave", and systems older than the CPU:
 * XCR0 has fewer bits. */
static void a_system_takes_registers_away(void **state)
{
    (void)state;
    static const struct {
        uint64_t xcr0;
        const char *isa;
    } systems[] = {
        {0x2e7, "avx512bf16"}, {0xe7, "avx512bf16"}, {0x67, "avx2vnni"},
        {0xa7, "avx2vnni"},    {0x7, "avx2vnni"},    {0x5, "sse4.2"},
        {0x3, "sse4.2"},       {0, "sse4.2"},
    };
    for (size_t i = 0; i < CASES; i++) {
        struct yt_cpuid raw = dump_read(cases[i].dump);
        const struct yt_cpu_can whole = yt_cpu_can(&raw);
        raw.xcr0 = 0;
        const struct yt_cpu_can none = yt_cpu_can(&raw);
        assert_int_equal(none.has, whole.has);
        assert_int_equal(none.usable, YT_CPU_SSE42);
    }
    struct yt_cpuid raw = dump_read("zen5");
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        raw.xcr0 = systems[i].xcr0;
        assert_string_equal(yt_isa_best(yt_cpu_can(&raw).usable)->name,
                            systems[i].isa);
    }
    /* XCR0 may not be read, whatever stands in its place. */
    raw = dump_read("zen5");
    *dump_register(&raw, 1, 0, YT_ECX) &= ~(1u << 27);
    assert_int_equal(yt_cpu_can(&raw).usable, YT_CPU_SSE42);
    /* AMX's tiles are the system's to give, too. */
    raw = dump_read("sapphire-rapids");
    raw.xcr0 = 0xe7;
    assert_int_equal(yt_cpu_can(&raw).usable & YT_CPU_AMX, 0);
    assert_int_equal(yt_cpu_can(&raw).has & YT_CPU_AMX, YT_CPU_AMX);
}

static void a_hypervisor_masks_leaves(void **state)
{
    (void)state;
    /* Leaf 7 is zero. */
    struct yt_cpuid raw = dump_read("zen4");
    for (int r = YT_EAX; r <= YT_EDX; r++)
        *dump_register(&raw, 7, 0, (enum yt_cpuid_register)r) = 0;
    assert_int_equal(yt_cpu_can(&raw).usable, YT_CPU_SSE42);
    /* It is past the last leaf: what stands there is another leaf's answer. */
    raw = dump_read("zen4");
    *dump_register(&raw, 0, 0, YT_EAX) = 6;
    assert_int_equal(yt_cpu_can(&raw).usable, YT_CPU_SSE42);
    /* It has no subleaf 1. */
    raw = dump_read("zen5");
    *dump_register(&raw, 7, 0, YT_EAX) = 0;
    assert_int_equal(yt_cpu_can(&raw).usable,
                     V4 | YT_CPU_AVX512_VNNI | YT_CPU_AVX512_VBMI);
    /* One of the parts of a group is gone. */
    raw = dump_read("skylake-x");
    *dump_register(&raw, 7, 0, YT_EBX) &= ~(1u << 31);
    assert_int_equal(yt_cpu_can(&raw).usable, V3);
    raw = dump_read("haswell");
    *dump_register(&raw, 1, 0, YT_ECX) &= ~(1u << 29);
    assert_int_equal(yt_cpu_can(&raw).usable, YT_CPU_SSE42);
    raw = dump_read("haswell");
    *dump_register(&raw, 1, 0, YT_ECX) &= ~(1u << 23);
    assert_int_equal(yt_cpu_can(&raw).usable & YT_CPU_SSE42, 0);
    assert_string_equal(yt_isa_best(yt_cpu_can(&raw).usable)->name, "scalar");
}

static void nothing_known_is_nothing_used(void **state)
{
    (void)state;
    const struct yt_cpuid raw = {.xcr0 = ~0ull};
    char names[8] = "?";
    assert_int_equal(yt_cpu_can(&raw).has, 0);
    assert_int_equal(yt_cpu_can(&raw).usable, 0);
    assert_int_equal(yt_cpuid_get(&raw, 0, 0, YT_EAX), 0);
    yt_cpu_feature_names(&raw, names, sizeof names);
    assert_string_equal(names, "");
}

static void names_are_linux_s(void **state)
{
    (void)state;
    char names[768], few[12];
    struct yt_cpuid raw = dump_read("haswell");
    yt_cpu_feature_names(&raw, names, sizeof names);
    assert_string_equal(names,
                        "sse sse2 pni pclmulqdq ssse3 sse4_1 sse4_2 movbe "
                        "popcnt aes avx fma f16c bmi1 avx2 bmi2 abm");
    yt_cpu_feature_names(&raw, few, sizeof few);
    assert_string_equal(few, "sse sse2");
    /* What the system does not save cannot be used. */
    raw.xcr0 = 0x3;
    yt_cpu_feature_names(&raw, names, sizeof names);
    assert_null(strstr(names, "avx"));
    assert_null(strstr(names, "fma"));
}

static void this_cpu_answers(void **state)
{
    (void)state;
    struct yt_cpuid raw;
    yt_cpuid_read(&raw);
    assert_in_range(raw.count, 8, YT_CPUID_LEAVES_MAX - 1);
    assert_int_equal(yt_cpu_can(&raw).usable, yt_cpu_features());
    assert_int_equal(yt_cpu_can(&raw).usable & ~yt_cpu_can(&raw).has, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpu_is_known_for_what_it_is),
        cmocka_unit_test(a_system_takes_registers_away),
        cmocka_unit_test(a_hypervisor_masks_leaves),
        cmocka_unit_test(nothing_known_is_nothing_used),
        cmocka_unit_test(names_are_linux_s),
        cmocka_unit_test(this_cpu_answers),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
