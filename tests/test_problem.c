/* Problems: names round-trip, rules hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/problem.h"

static const char *const names[] = {
    "conv2d-f32-64x80x80-k128r3s2p1-silu",
    "conv2d-f32-3x640x640-k16r6s2p2-silu",
    "conv2d-f32-64x80x80-k64r3s1p1-silu-res",
    "conv2d-f32-64x80x80-k255r1s1p0",
    "conv2d-f32-64x80x80-k255r1s1p0-lazy3",
    "conv2d-u8s8-64x80x80-k32r1s1p0-silu-up2",
    "conv2d-f32-64x80x80-k64r3s1p1-relu6-res",
    "conv2d-f32-64x80x80-k64r3s1p1-relu-res",
    "conv2d-bf16-64x80x80-k64r3s1p1-leaky-by100000-up2",
    "conv2d-f32-64x80x80-k64r3s1p1-hardsigmoid",
    "sppf-f32-128x20x20-r5",
    "maxpool-f32-16x7x3-r3",
    "upsample-f32-64x20x20",
    "letterbox-f32-640x640",
    "decode-f32-a3c80-80x80-s8",
    "decode-f32-a1c80-80x80-s8-b16",
    "nms-f32-c80-n1000",
};

static void names_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct yt_problem p;
        char again[YT_PROBLEM_NAME_MAX];
        assert_int_equal(yt_problem_parse(names[i], &p), YT_OK);
        yt_problem_name(&p, again);
        assert_string_equal(again, names[i]);
    }
}

static const char *const bad[] = {
    "",
    "conv2d",
    "conv3d-f32-1x1x1-k1r1s1p0",
    "conv2d-f32-64x80x80-k128r3s2p3-silu", /* pad >= r */
    "conv2d-f32-64x80x80-k128r3s2p1-silu-xyz",
    "conv2d-f32-64x80x80-k128r3s2p1 ",
    "conv2d-f32-064x80x80-k128r3s2p1", /* not canonical */
    "conv2d-f32-64x0x80-k128r3s2p1",
    "conv2d-f32--64x80x80-k128r3s2p1",
    "conv2d-f32-64x80000x80000-k128r3s2p1", /* too large */
    "conv2d-f32-64x7x7-k64r1s1p0-up2",      /* odd */
    "sppf-f32-128x20x20-r4",
    "decode-f32-a0c80-80x80-s8",
    "decode-f32-a3c80-80x80-s8-b16",
    "decode-f32-a1c80-80x80-s8-b0",
};

static void bad_names_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yt_problem p;
        assert_int_not_equal(yt_problem_parse(bad[i], &p), YT_OK);
        assert_true(strlen(yt_error()) > 0);
    }
}

static void flops_count_two_per_multiply_add(void **state)
{
    (void)state;
    struct yt_problem p;
    assert_int_equal(
        yt_problem_parse("conv2d-f32-3x640x640-k16r6s2p2-silu", &p), YT_OK);
    assert_int_equal(yt_conv2d_out_h(&p.u.conv2d), 320);
    assert_int_equal(yt_problem_flops(&p), 2ull * 108 * 16 * 320 * 320);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(flops_count_two_per_multiply_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
