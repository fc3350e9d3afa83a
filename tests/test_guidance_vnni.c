/* Advice to look for dot products of bytes: for CPUs that lack them, and for no
 * others, whoever made them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "strategies/advice/guidance.h"
#include "tests/cpuid_dump.h"

static int wants_vnni(uint32_t cpu_bits)
{
    static const struct yt_choice_model model = {"yolov5n", 640, 32};
    const struct yt_choices choices = {
        .models = &model, .model_count = 1, .threads = 1};
    struct yt_advice advice = {0};
    advice.baseline.config = yt_config_baseline(&choices);
    advice.choice = advice.baseline;
    struct yt_guidance list[YT_GUIDANCE_MAX];
    const int32_t count = yt_guidance_list(&advice, &choices, cpu_bits, list);
    int found = 0;
    for (int32_t i = 0; i < count; i++)
        found += strstr(list[i].what, "(VNNI)") != NULL;
    return found;
}

static void those_without_are_told(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_without_are_told),
    };
    return cmocka_run_group_tests_name("guidance_vnni", tests, NULL, NULL);
}
