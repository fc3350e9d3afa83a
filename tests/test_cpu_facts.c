/* What a CPU is, decoded from the leaves of CPUs that are not here, and the
 * lines of `yolotune cpu` about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/cpuid_dump.h"
#include "tuner/build/cpu_facts.h"

/* An obstacle common to all rows from one on is said of the first of them. */
static const struct {
    const char *dump, *line;
    int32_t l1d_kib, l2_kib, l3_kib;
    const char *isas;          /* "y" or "n" for each row of runtime/isa.inc */
    const char *obstacle, *of; /* of the first row that is not usable */
} cases[] = {
    {"nehalem",
     "Genuine Intel(R) CPU             000  @ 3.20GHz (GenuineIntel family 6 "
     "model 26 stepping 4)",
     32, 256, 8192, "yynnnnnn",
     "no: the CPU has no AVX2 with FMA, F16C and BMI2", "avx2"},
    {"haswell",
     "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz (GenuineIntel family 6 model 60 "
     "stepping 3)",
     32, 256, 8192, "yyynnnnn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"skylake",
     "Intel(R) Core(TM) i5-6400T CPU @ 2.20GHz (GenuineIntel family 6 model 94 "
     "stepping 3)",
     32, 256, 6144, "yyynnnnn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"skylake-x",
     "Intel(R) Core(TM) i9-7900X CPU @ 3.30GHz (GenuineIntel family 6 model 85 "
     "stepping 4)",
     32, 1024, 14080, "yyynynnn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"cascade-lake",
     "Intel(R) Xeon(R) Gold 5215 CPU @ 2.50GHz (GenuineIntel family 6 model 85 "
     "stepping 7)",
     32, 1024, 14080, "yyynyynn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"ice-lake",
     "Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz (GenuineIntel family 6 model "
     "126 stepping 5)",
     48, 512, 8192, "yyynyyyn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"sapphire-rapids",
     "Intel(R) Xeon(R) w9-3475X (GenuineIntel family 6 model 143 stepping 8)",
     48, 2048, 84480, "yyyyyyyy", NULL, NULL},
    {"alder-lake",
     "12th Gen Intel(R) Core(TM) i9-12900K (GenuineIntel family 6 model 151 "
     "stepping 2, hybrid, a performance core)",
     48, 1280, 30720, "yyyynnnn",
     "no: the CPU has no AVX-512 F, CD, BW, DQ and VL", "avx512"},
    {"gracemont",
     "12th Gen Intel(R) Core(TM) i9-12900K (GenuineIntel family 6 model 151 "
     "stepping 2, hybrid, an efficiency core)",
     32, 2048, 30720, "yyyynnnn",
     "no: the CPU has no AVX-512 F, CD, BW, DQ and VL", "avx512"},
    {"alder-lake-n",
     "Intel(R) N95 (GenuineIntel family 6 model 190 stepping 0, an efficiency "
     "core)",
     32, 2048, 6144, "yyyynnnn",
     "no: the CPU has no AVX-512 F, CD, BW, DQ and VL", "avx512"},
    {"zen2",
     "AMD Ryzen 9 PRO 3900 12-Core Processor (AuthenticAMD family 23 model 113 "
     "stepping 0)",
     32, 512, 16384, "yyynnnnn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"zen3",
     "AMD Ryzen 9 5900X 12-Core Processor (AuthenticAMD family 25 model 33 "
     "stepping 0)",
     32, 512, 32768, "yyynnnnn", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"zen4",
     "AMD Ryzen 5 7600X 6-Core Processor (AuthenticAMD family 25 model 97 "
     "stepping 2)",
     32, 1024, 32768, "yyynyyyy", "no: the CPU has no AVX-VNNI", "avx2vnni"},
    {"zen5",
     "AMD Ryzen 9 9950X 16-Core Processor (AuthenticAMD family 26 model 68 "
     "stepping 0)",
     48, 1024, 32768, "yyyyyyyy", NULL, NULL},
};

#define CASES (sizeof cases / sizeof cases[0])

static struct yt_cpu_facts facts_of(const struct yt_cpuid *raw)
{
    struct yt_cpu_facts facts;
    yt_cpu_facts_decode(raw, &facts);
    return facts;
}

static void each_cpu_has_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct yt_cpuid raw = dump_read(cases[i].dump);
        const struct yt_cpu_facts facts = facts_of(&raw);
        char line[YT_FACTS_TEXT_MAX];
        yt_cpu_facts_line(&facts, line);
        assert_string_equal(line, cases[i].line);
    }
}

static void each_cpu_has_its_caches(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct yt_cpuid raw = dump_read(cases[i].dump);
        const struct yt_cpu_facts facts = facts_of(&raw);
        if (facts.l1d_kib != cases[i].l1d_kib ||
            facts.l2_kib != cases[i].l2_kib || facts.l3_kib != cases[i].l3_kib)
            fail_msg("%s: caches of %d, %d and %d KiB", cases[i].dump,
                     facts.l1d_kib, facts.l2_kib, facts.l3_kib);
    }
}

static void each_row_is_usable_or_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct yt_cpuid raw = dump_read(cases[i].dump);
        const struct yt_cpu_facts facts = facts_of(&raw);
        const struct yt_isa *first = NULL;
        char isas[YT_ISA_COUNT + 1] = "", text[YT_FACTS_TEXT_MAX];
        assert_int_equal(strlen(cases[i].isas), YT_ISA_COUNT);
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            yt_cpu_facts_usable(&facts, yt_isa_get((enum yt_isa_id)id), text);
            isas[id] = text[0];
            if (text[0] == 'n' && !first)
                first = yt_isa_get((enum yt_isa_id)id);
        }
        if (strcmp(isas, cases[i].isas) != 0)
            fail_msg("%s: %s, not %s", cases[i].dump, isas, cases[i].isas);
        if (!first) {
            assert_null(cases[i].of);
            continue;
        }
        yt_cpu_facts_usable(&facts, first, text);
        assert_string_equal(first->name, cases[i].of);
        assert_string_equal(text, cases[i].obstacle);
    }
}

static void expect(const struct yt_cpuid *raw, enum yt_isa_id isa,
                   const char *want)
{
    const struct yt_cpu_facts facts = facts_of(raw);
    char text[YT_FACTS_TEXT_MAX];
    yt_cpu_facts_usable(&facts, yt_isa_get(isa), text);
    assert_string_equal(text, want);
}

static void who_takes_it_away_is_said(void **state)
{
    (void)state;
    struct yt_cpuid raw = dump_read("zen5");
    raw.xcr0 = 0x7;
    expect(&raw, YT_ISA_AVX2VNNI, "yes");
    expect(&raw, YT_ISA_AVX512,
           "no: the system does not save the registers of AVX-512 F, CD, BW, "
           "DQ and VL");
    raw.xcr0 = 0;
    expect(&raw, YT_ISA_SSE42, "yes");
    expect(&raw, YT_ISA_AVX2,
           "no: the system does not save the registers of AVX2 with FMA, F16C "
           "and BMI2");
    raw = dump_read("zen5");
    *dump_register(&raw, 0, 0, YT_EAX) = 1;
    *dump_register(&raw, 1, 0, YT_ECX) |= 1u << 31;
    expect(&raw, YT_ISA_AVX2,
           "no: the CPU has no AVX2 with FMA, F16C and BMI2");
    assert_true(facts_of(&raw).hypervisor);
}

static void cores_of_two_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *dump;
        int hybrid;
        enum yt_core_kind kind;
    } kinds[] = {
        {"alder-lake", 1, YT_CORE_PERFORMANCE},
        {"gracemont", 1, YT_CORE_EFFICIENCY},
        {"alder-lake-n", 0, YT_CORE_EFFICIENCY},
        {"sapphire-rapids", 0, YT_CORE_ANY},
        {"zen5", 0, YT_CORE_ANY},
        {"nehalem", 0, YT_CORE_ANY},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct yt_cpuid raw = dump_read(kinds[i].dump);
        const struct yt_cpu_facts facts = facts_of(&raw);
        assert_int_equal(facts.hybrid, kinds[i].hybrid);
        assert_int_equal(facts.kind, kinds[i].kind);
        assert_false(facts.hypervisor);
    }
}

/* AMD's CPUs before 0x8000001d, and hypervisors that leave it out. */
static void caches_without_a_list(void **state)
{
    (void)state;
    struct yt_cpuid raw = dump_read("zen2");
    *dump_register(&raw, 0x80000001, 0, YT_ECX) &= ~(1u << 22);
    const struct yt_cpu_facts facts = facts_of(&raw);
    assert_int_equal(facts.l1d_kib, 32);
    assert_int_equal(facts.l2_kib, 512);
    assert_int_equal(facts.l3_kib, 65536); /* of all of its groups of cores */
}

static void nothing_is_known_of_nothing(void **state)
{
    (void)state;
    const struct yt_cpuid raw = {.count = 0};
    const struct yt_cpu_facts facts = facts_of(&raw);
    assert_string_equal(facts.vendor, "");
    assert_string_equal(facts.brand, "");
    assert_string_equal(facts.features, "");
    assert_int_equal(facts.l1d_kib, 0);
    expect(&raw, YT_ISA_SCALAR, "yes");
    expect(&raw, YT_ISA_SSE42, "no: the CPU has no SSE4.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cpu_has_its_line),
        cmocka_unit_test(each_cpu_has_its_caches),
        cmocka_unit_test(each_row_is_usable_or_says_why),
        cmocka_unit_test(who_takes_it_away_is_said),
        cmocka_unit_test(cores_of_two_kinds),
        cmocka_unit_test(caches_without_a_list),
        cmocka_unit_test(nothing_is_known_of_nothing),
    };
    return cmocka_run_group_tests_name("cpu_facts", tests, NULL, NULL);
}
