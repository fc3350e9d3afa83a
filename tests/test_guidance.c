/* Advice beyond inference: each row on its condition, in the order of worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "db_fixture.h"
#include "runtime/isa.h"
#include "strategies/advice/guidance.h"
#include "tests/cpuid_dump.h"

#define EVERYTHING (~UINT32_C(0))

static const struct yt_choice_model models[] = {{"yolov5n", 640, 640, 32},
                                                {"yolov5s", 1280, 1280, 64}};
static const struct yt_choices choices = {
    .models = models, .model_count = 2, .threads = 2};

/* As good as the baseline, as it was made, keeping the limits. */
static struct yt_advice advice(enum yt_precision precision)
{
    struct yt_advice a = {0};
    a.baseline.config = yt_config_baseline(&choices);
    a.baseline.figures.map = 0.4;
    a.choice = a.baseline;
    a.choice.config.precision = precision;
    return a;
}

static int says_on(const struct yt_advice *a, uint32_t cpu_bits,
                   const char *words)
{
    struct yt_guidance list[YT_GUIDANCE_MAX];
    const int32_t count = yt_guidance_list(a, &choices, cpu_bits, NULL, list);
    assert_true(count > 0 && count <= YT_GUIDANCE_MAX);
    for (int32_t i = 0; i < count; i++) {
        assert_true(strlen(list[i].what) > 0 && strlen(list[i].why) > 0);
        assert_true(strlen(list[i].basis) > 0 && strlen(list[i].needs) > 0);
        if (strstr(list[i].what, words))
            return i + 1;
    }
    return 0;
}

static int says(const struct yt_advice *a, const char *words)
{
    return says_on(a, EVERYTHING, words);
}

/* Dot products of the CPU, not of a library's names for them. */
static void a_cpu_without_dot_products_is_told_of(void **state)
{
    (void)state;
    const struct yt_advice a = advice(YT_PRECISION_F32);
    const uint32_t avx2 = YT_CPU_SSE42 | YT_CPU_AVX2_FMA;
    assert_false(says(&a, "dot products"));
    assert_true(says_on(&a, 0, "dot products"));
    assert_true(says_on(&a, avx2, "dot products"));
    assert_true(says_on(&a, avx2 | YT_CPU_AVX512, "dot products"));
    assert_false(says_on(&a, avx2 | YT_CPU_AVX_VNNI, "dot products"));
    assert_false(
        says_on(&a, avx2 | YT_CPU_AVX512 | YT_CPU_AVX512_VNNI, "dot products"));
}

static int wants_vnni(uint32_t cpu_bits)
{
    const struct yt_advice a = advice(YT_PRECISION_F32);
    return says_on(&a, cpu_bits, "(VNNI)") != 0;
}

/* Real CPUs, whoever made them. */
static void cpus_without_dot_products_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *dump;
        int told;
    } cases[] = {
        {"nehalem", 1},    {"haswell", 1},         {"skylake-x", 1},
        {"zen3", 1},       {"cascade-lake", 0},    {"ice-lake", 0},
        {"alder-lake", 0}, {"alder-lake-n", 0},    {"zen4", 0},
        {"zen5", 0},       {"sapphire-rapids", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_cpuid raw = dump_read(cases[i].dump);
        if (wants_vnni(yt_cpu_can(&raw).usable) != cases[i].told)
            fail_msg("%s: told %d", cases[i].dump, !cases[i].told);
        /* What the system does not save is no use. */
        raw.xcr0 = 0;
        assert_int_equal(wants_vnni(yt_cpu_can(&raw).usable), 1);
    }
}

static void what_always_helps_is_always_said(void **state)
{
    (void)state;
    for (int p = 0; p < YT_PRECISION_COUNT; p++) {
        const struct yt_advice a = advice((enum yt_precision)p);
        assert_true(says(&a, "mosaic"));
        assert_true(says(&a, "mixed precision"));
    }
}

static void another_size_asks_for_training_at_it(void **state)
{
    (void)state;
    struct yt_advice a = advice(YT_PRECISION_F32);
    assert_false(says(&a, "input size that was chosen"));
    a.choice.config.h = 480;
    assert_int_equal(says(&a, "input size that was chosen"), 1);
    a.choice.config.h = 640;
    a.choice.config.w = 320;
    assert_int_equal(says(&a, "input size that was chosen"), 1);
    /* Another model was made for another size. */
    a.choice.config.model = 1;
    a.choice.config.h = a.choice.config.w = 1280;
    assert_false(says(&a, "input size that was chosen"));
}

static void lost_accuracy_asks_for_a_teacher(void **state)
{
    (void)state;
    struct yt_advice a = advice(YT_PRECISION_F32);
    assert_false(says(&a, "distil"));
    a.choice.figures.map = 0.41;
    assert_false(says(&a, "distil"));
    a.choice.figures.map = 0.39;
    assert_true(says(&a, "distil"));
    a.choice.figures.map = a.baseline.figures.map = NAN; /* unknown */
    assert_false(says(&a, "distil"));
}

static void missed_limits_ask_for_other_hardware(void **state)
{
    (void)state;
    struct yt_advice a = advice(YT_PRECISION_F32);
    assert_false(says(&a, "other hardware"));
    strcpy(a.missed, "50.0 FPS where 100.0 are wanted");
    assert_true(says(&a, "other hardware"));
}

/* Training for integers is for those who do not use them yet, and for those
 * whom they cost accuracy; never said twice. */
static void integers_are_trained_for(void **state)
{
    (void)state;
    struct yt_advice a = advice(YT_PRECISION_F32);
    assert_true(says(&a, "for integer arithmetic"));
    assert_false(says(&a, "train further with simulated quantisation"));
    a.choice.config.precision = YT_PRECISION_INT8;
    assert_false(says(&a, "simulated quantisation"));
    a.choice.figures.map = 0.39;
    assert_true(says(&a, "train further with simulated quantisation"));
    assert_false(says(&a, "for integer arithmetic"));
}

static void what_is_worth_most_stands_first(void **state)
{
    (void)state;
    static const char *const order[] = {"input size",     "distil",    "prune",
                                        "other hardware", "simulated", "mosaic",
                                        "mixed precision"};
    struct yt_advice a = advice(YT_PRECISION_INT8);
    a.choice.config.h = 480;
    a.choice.figures.map = 0.39;
    strcpy(a.missed, "x");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_int_equal(says(&a, order[i]), (int)i + 1);
}

/* What was measured here takes the place of what others published. */
static void earlier_compressions_are_quoted(void **state)
{
    (void)state;
    struct yt_guidance list[YT_GUIDANCE_MAX];
    const struct yt_advice a = advice(YT_PRECISION_F32);
    const int at = says(&a, "prune") - 1;
    yt_guidance_list(&a, &choices, EVERYTHING, NULL, list);
    assert_non_null(strstr(list[at].basis, "arXiv"));
    yt_guidance_list(&a, &choices, EVERYTHING, "c1 on this host", list);
    assert_string_equal(list[at].basis, "c1 on this host");
}

static void without_rows_nothing_is_quoted(void **state)
{
    (void)state;
    const struct yt_site site = {.db = NULL};
    char text[YT_GUIDANCE_TEXT];
    assert_int_equal(yt_guidance_compressed(&site, 1, text), YT_NOT_FOUND);
}

static void the_newest_row_is_quoted(void **state)
{
    (void)state;
    struct fixture f;
    char text[YT_GUIDANCE_TEXT];
    fixture_open(&f);
    const struct yt_site site = {.db = f.db, .here = f.here};
    assert_int_equal(yt_guidance_compressed(&site, f.model, text),
                     YT_NOT_FOUND);
    fixture_fill_compression(&f);
    assert_int_equal(yt_guidance_compressed(&site, f.model, text), YT_OK);
    assert_non_null(strstr(text, "c1 on this host: 1.67 times as fast"));
    assert_non_null(strstr(text, "0.0100 of mAP lost on 5000 pictures"));
    assert_non_null(strstr(text, "60 minutes"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_without_dot_products_is_told_of),
        cmocka_unit_test(cpus_without_dot_products_are_told),
        cmocka_unit_test(what_always_helps_is_always_said),
        cmocka_unit_test(another_size_asks_for_training_at_it),
        cmocka_unit_test(lost_accuracy_asks_for_a_teacher),
        cmocka_unit_test(missed_limits_ask_for_other_hardware),
        cmocka_unit_test(integers_are_trained_for),
        cmocka_unit_test(what_is_worth_most_stands_first),
        cmocka_unit_test(earlier_compressions_are_quoted),
        cmocka_unit_test(without_rows_nothing_is_quoted),
        cmocka_unit_test(the_newest_row_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
