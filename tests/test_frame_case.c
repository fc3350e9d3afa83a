/* Cases of what frames do around the network accept the kernels they are for,
 * and find out one that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "runtime/nms.h"
#include "tuner/measure/frame_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {
    "letterbox-f32-64x96",
    "letterbox-u8s8-33x32-p2",
    "letterbox-s16-32x32-p1",
    "decode-f32-a3c80-20x20-s32",
    "decode-f32-a2c1-7x9-s8",
    "nms-f32-c80-n1",
    "nms-f32-c80-n1000",
    "nms-f32-c1-n5000",
    "decode-f32-a1c80-20x20-s32-b16",
};

static struct yt_frame_case *
open_case(const char *name, const struct yt_isa *isa, struct yt_problem *p)
{
    struct yt_frame_case *c = NULL;
    assert_int_equal(yt_problem_parse(name, p), YT_OK);
    assert_true(yt_frame_case_covers(p->op));
    assert_int_equal(yt_frame_case_create(p, isa, &c), YT_OK);
    return c;
}

static yt_kernel_fn compile(const struct yt_problem *p,
                            const struct yt_isa *isa, struct yt_jit *jit,
                            int64_t *tasks_out)
{
    struct yt_schedule s;
    struct yt_object object;
    yt_kernel_fn kernel = NULL;
    yt_schedule_default(p, isa, &s);
    assert_int_equal(yt_codegen_compile(p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    *tasks_out = yt_schedule_tasks(p, &s, isa);
    return kernel;
}

static void right_kernels_pass_and_run(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    struct yt_jit *jit = NULL;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct yt_problem p;
        struct yt_frame_case *c = open_case(names[i], isa, &p);
        int64_t tasks;
        double error = -1;
        const yt_kernel_fn kernel = compile(&p, isa, jit, &tasks);
        if (yt_frame_case_check(c, kernel, tasks, &error) != YT_OK)
            fail_msg("%s: %s", names[i], yt_error());
        assert_true(error >= 0 && error < 1e-6);
        const struct yt_frame_run run = yt_frame_case_run(c, kernel, tasks, 2);
        assert_true(run.tasks >= 1 && run.tasks <= tasks);
        run.kernel(run.args, 0, run.tasks);
        yt_frame_case_destroy(c);
    }
    yt_jit_destroy(jit);
}

/* Kernels with one thing wrong. */

static void wrong_letterbox(const void *args, int64_t begin, int64_t end)
{
    const struct yt_letterbox_args *a = args;
    yt_letterbox_c(args, begin, end);
    if (begin == 0)
        ((uint8_t *)a->out)[17] ^= 1;
}

static void wrong_class(const void *args, int64_t begin, int64_t end)
{
    const struct yt_decode_args *a = args;
    yt_decode_c(args, begin, end);
    for (int64_t task = begin; task < end; task++)
        for (int32_t i = 0; i < a->counts[task]; i++)
            a->out.class_id[task * a->w + i] ^= 1;
}

static void wrong_score(const void *args, int64_t begin, int64_t end)
{
    const struct yt_decode_args *a = args;
    yt_decode_c(args, begin, end);
    for (int64_t task = begin; task < end; task++)
        for (int32_t i = 0; i < a->counts[task]; i++)
            a->out.score[task * a->w + i] += 1e-5f;
}

static void one_too_few(const void *args, int64_t begin, int64_t end)
{
    const struct yt_nms_args *a = args;
    yt_nms_c(args, begin, end);
    if (begin < end)
        --*a->kept_count;
}

static void writes_nothing(const void *args, int64_t begin, int64_t end)
{
    (void)args;
    (void)begin;
    (void)end;
}

static void writes_before(const void *args, int64_t begin, int64_t end)
{
    const struct yt_letterbox_args *a = args;
    yt_letterbox_c(args, begin, end);
    if (begin < end)
        ((uint8_t *)a->out)[-1] = 0;
}

static const struct {
    const char *name;
    yt_kernel_fn kernel;
    int64_t tasks;
    const char *says;
} faults[] = {
    {"letterbox-f32-64x96", wrong_letterbox, 64, "another result"},
    {"letterbox-f32-64x96", writes_nothing, 64, "another result"},
    {"letterbox-f32-64x96", writes_before, 64, "outside"},
    {"decode-f32-a3c80-20x20-s32", wrong_class, 60, "another result"},
    {"decode-f32-a3c80-20x20-s32", wrong_score, 60, "another result"},
    {"decode-f32-a3c80-20x20-s32", writes_nothing, 60, "another result"},
    {"nms-f32-c80-n1000", one_too_few, 1, "another result"},
    {"nms-f32-c80-n1000", writes_nothing, 1, "another result"},
};

static void wrong_kernels_are_found_out(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct yt_problem p;
        struct yt_frame_case *c = open_case(faults[i].name, isa, &p);
        double error;
        assert_int_equal(
            yt_frame_case_check(c, faults[i].kernel, faults[i].tasks, &error),
            YT_MISMATCH);
        if (strstr(yt_error(), faults[i].says) == NULL)
            fail_msg("fault %zu: '%s' does not say '%s'", i, yt_error(),
                     faults[i].says);
        yt_frame_case_destroy(c);
    }
}

static void layers_have_cases_of_their_own(void **state)
{
    (void)state;
    assert_false(yt_frame_case_covers(YT_OP_CONV2D));
    assert_false(yt_frame_case_covers(YT_OP_SPPF));
    yt_frame_case_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_kernels_pass_and_run),
        cmocka_unit_test(wrong_kernels_are_found_out),
        cmocka_unit_test(layers_have_cases_of_their_own),
    };
    return cmocka_run_group_tests_name("frame_case", tests, NULL, NULL);
}
