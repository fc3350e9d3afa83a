/* Convolutions of all types against the reference of runtime/integers.h, on
 * every instruction set this CPU has.
 *
 *      conv_types PROBLEM SCHEDULE ISA
 *
 * repeats one case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/memory.h"
#include "tuner/measure/bench_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Shapes for their edges: "%s" is the pair of types. Channels are multiples of
 * 16, and so of any block. */
static const char *const shapes[] = {
    "conv2d-%s-16x7x9-k32r3s1p1-silu",
    "conv2d-%s-32x8x8-k16r3s2p1",
    "conv2d-%s-16x5x11-k48r1s1p0-silu",
    "conv2d-%s-32x6x6-k32r3s1p1-silu-res",
    "conv2d-%s-16x4x6-k32r1s1p0-silu-up2",
    "conv2d-%s-16x1x1-k16r3s1p1",
    "conv2d-%s-16x2x1-k16r3s2p1-silu",
    "conv2d-%s-16x5x5-k16r5s1p2-silu",
    "conv2d-%s-3x12x14-k32r6s2p2-silu",
    "conv2d-%s-3x9x7-k16r3s1p1",
    "conv2d-%s-48x5x7-k18r1s1p0",
    "conv2d-%s-32x5x7-k21r1s1p0-lazy3",
};

static const char *const pairs[] = {
    "f32_u8s8",  "f32_s16",  "f32_bf16", "bf16",     "bf16_f32",
    "bf16_u8s8", "bf16_s16", "s16",      "s16_f32",  "s16_u8s8",
    "s16_bf16",  "u8s8",     "u8s8_f32", "u8s8_s16", "u8s8_bf16",
};

static const char *const schedules[] = {
    "direct-m4n1k1-t0p-hl",   "direct-m6n2k1-t0c-h",   "direct-m3n2k2-t1p-hl",
    "direct-m5n1k4-t2c-hlc",  "direct-m7n3k1-t1c-g",   "direct-m1n1k1-t0p-i",
    "direct-m5n2k1-t0p-hs",   "direct-m4n1k1-t0p-hls", "direct-m9n1k2-t3p-il",
    "direct-m4n1k1-t0p-hlsw", "direct-m6n2k1-t0c-hsw", "direct-m5n1k1-t1p-hsw",
    "direct-m3n3k1-t1p-gsw",  "lazy-m4k1-t0-h",        "lazy-m9k2-t1-i",
};

static void run_case(struct yt_case *c, const struct yt_schedule *s)
{
    char problem[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
    yt_problem_name(&c->problem, problem);
    yt_schedule_name(s, schedule);
    struct yt_jit *jit;
    struct yt_object object;
    yt_kernel_fn kernel;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    if (yt_codegen_compile(&c->problem, s, c->isa, &object) != YT_OK)
        fail_msg("%s %s %s: %s", problem, schedule, c->isa->name, yt_error());
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    const size_t bytes = yt_pack_weight_bytes(&c->problem, s, c->isa);
    void *packed = yt_memory_alloc(bytes);
    yt_pack_weights(&c->problem, s, c->isa, &c->filter, packed);
    double error;
    if (yt_case_check(c, kernel, yt_schedule_tasks(&c->problem, s, c->isa), s,
                      packed, &error) != YT_OK)
        fail_msg("%s %s %s: %s", problem, schedule, c->isa->name, yt_error());
    yt_memory_free(packed, bytes);
    yt_jit_destroy(jit);
}

/* Every schedule of the list that applies; the number that did. */
static int run_problem(const struct yt_problem *p, const struct yt_isa *isa)
{
    struct yt_case *c = NULL;
    int ran = 0;
    struct yt_schedule s;
    yt_schedule_default(p, isa, &s);
    if (yt_case_create(p, isa, &c) != YT_OK)
        fail_msg("%s", yt_error());
    run_case(c, &s);
    for (size_t i = 0; i < COUNT(schedules); i++) {
        assert_int_equal(yt_schedule_parse(YT_OP_CONV2D, schedules[i], &s),
                         YT_OK);
        if (!yt_schedule_applies(p, &s, isa))
            continue;
        run_case(c, &s);
        ran++;
    }
    yt_case_destroy(c);
    return ran;
}

static int needs_bf16(const struct yt_problem *p)
{
    return p->dtype == YT_DTYPE_BF16 || p->out == YT_DTYPE_BF16;
}

static void every_pair_of_types(const struct yt_isa *isa)
{
    int ran = 0;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t j = 0; j < COUNT(pairs); j++) {
            char name[YT_PROBLEM_NAME_MAX];
            struct yt_problem p;
/* The formats are this file's. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(name, sizeof name, shapes[i], pairs[j]);
#pragma GCC diagnostic pop
            if (yt_problem_parse(name, &p) != YT_OK) {
                /* Only a lazy head minds what its output is. */
                assert_non_null(strstr(name, "lazy"));
                assert_null(strstr(name, "_f32"));
                continue;
            }
            if (needs_bf16(&p) && !yt_isa_computes(isa, YT_DTYPE_BF16))
                continue;
            /* Blocks of integers and bf16 hold whole vectors. */
            if (p.out != YT_DTYPE_F32 && p.u.conv2d.k % isa->lanes)
                continue;
            ran += run_problem(&p, isa);
        }
    assert_true(ran > 100);
}

static void for_each_isa(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) == YT_OK &&
            yt_codegen_check_host(isa) == YT_OK)
            every_pair_of_types(isa);
    }
}

static void repeat(const char *problem, const char *schedule, const char *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_case *c;
    assert_int_equal(yt_problem_parse(problem, &p), YT_OK);
    assert_int_equal(yt_schedule_parse(YT_OP_CONV2D, schedule, &s), YT_OK);
    assert_int_equal(yt_case_create(&p, yt_isa_find(isa), &c), YT_OK);
    run_case(c, &s);
    yt_case_destroy(c);
}

static const char *const *arguments;

static void repeat_arguments(void **state)
{
    (void)state;
    repeat(arguments[1], arguments[2], arguments[3]);
}

int main(int argc, char **argv)
{
    arguments = (const char *const *)argv;
    const struct CMUnitTest one[] = {cmocka_unit_test(repeat_arguments)};
    const struct CMUnitTest all[] = {cmocka_unit_test(for_each_isa)};
    return argc == 4 ? cmocka_run_group_tests(one, NULL, NULL)
                     : cmocka_run_group_tests(all, NULL, NULL);
}
