/* The list of a frame's steps: letterbox, levels, NMS, each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tuner/build/frame_steps.h"

static void every_step_once(void **state)
{
    (void)state;
    struct yt_plan plan = {.level_count = 3, .nms_count = 2};
    const struct yt_step *const want[] = {
        &plan.letterbox,        &plan.levels[0].decode, &plan.levels[1].decode,
        &plan.levels[2].decode, &plan.nms[0],           &plan.nms[1],
    };
    assert_int_equal(yt_frame_steps(&plan), 6);
    for (int32_t i = 0; i < 6; i++) {
        assert_ptr_equal(yt_frame_step(&plan, i), want[i]);
        assert_ptr_equal(yt_frame_step_of(&plan, i), want[i]);
    }
    plan.level_count = YT_LEVELS_MAX;
    plan.nms_count = YT_NMS_MAX;
    assert_int_equal(yt_frame_steps(&plan), YT_FRAME_STEPS_MAX);
}

static void kernels_in_c_are_of_frames_alone(void **state)
{
    (void)state;
    assert_non_null(yt_frame_kernel_c(YT_OP_LETTERBOX));
    assert_non_null(yt_frame_kernel_c(YT_OP_DECODE));
    assert_non_null(yt_frame_kernel_c(YT_OP_NMS));
    assert_null(yt_frame_kernel_c(YT_OP_CONV2D));
    assert_null(yt_frame_kernel_c(YT_OP_CONVERT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_once),
        cmocka_unit_test(kernels_in_c_are_of_frames_alone),
    };
    return cmocka_run_group_tests_name("frame_steps", tests, NULL, NULL);
}
