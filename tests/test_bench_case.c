/* A problem's made-up tensors: a right kernel passes the check on them, also
 * where channels do not fill vectors and something is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "each_isa.h"

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "codegen/schedule.h"
#include "runtime/memory.h"
#include "tuner/measure/bench_case.h"

static void default_kernel_passes(const struct yt_problem *p,
                                  const struct yt_isa *isa)
{
    struct yt_case *c;
    struct yt_schedule s;
    struct yt_object object;
    struct yt_jit *jit;
    yt_kernel_fn kernel;
    double error;
    char name[YT_PROBLEM_NAME_MAX];
    yt_problem_name(p, name);
    yt_schedule_default(p, isa, &s);
    assert_int_equal(yt_case_create(p, isa, &c), YT_OK);
    if (yt_codegen_compile(p, &s, isa, &object) != YT_OK)
        fail_msg("%s on %s: %s", name, isa->name, yt_error());
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    const size_t bytes = yt_pack_weight_bytes(p, &s, isa);
    void *packed = yt_memory_alloc(bytes);
    assert_non_null(packed);
    yt_pack_weights(p, &s, isa, &c->filter, packed);
    if (yt_case_check(c, kernel, yt_schedule_tasks(p, &s, isa), &s, packed,
                      &error) != YT_OK)
        fail_msg("%s on %s: %s", name, isa->name, yt_error());
    yt_memory_free(packed, bytes);
    yt_jit_destroy(jit);
    yt_case_destroy(c);
}

/* One channel past each width of vectors, one short of it, and whole ones. */
static const char *const problems[] = {
    "conv2d-f32-16x6x6-k5r1s1p0-silu-res",
    "conv2d-f32-16x6x6-k9r3s1p1-silu-res",
    "conv2d-f32-16x6x6-k17r3s1p1-silu-res",
    "conv2d-f32-16x6x6-k31r1s1p0-res",
    "conv2d-f32-16x6x6-k17r1s1p0-silu-up2",
    "conv2d-f32-16x6x6-k31r1s1p0-silu-up2",
    "conv2d-f32-16x6x6-k32r1s1p0-silu-res",
};

static void on_isa(const struct yt_isa *isa)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        struct yt_problem p;
        assert_int_equal(yt_problem_parse(problems[i], &p), YT_OK);
        default_kernel_passes(&p, isa);
    }
}

static void spare_channels_of_an_addend_do_no_harm(void **state)
{
    (void)state;
    on_each_isa(on_isa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spare_channels_of_an_addend_do_no_harm),
    };
    return cmocka_run_group_tests_name("bench_case", tests, NULL, NULL);
}
