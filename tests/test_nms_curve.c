/* The curve's boxes are suppressed as clusters should be, and larger counts
 * are measured on more of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/nms.h"
#include "tuner/measure/nms_curve.h"

static void clusters_collapse(void **state)
{
    (void)state;
    struct yt_plan plan = {
        .h = 640,
        .w = 640,
        .nc = 80,
        .nms = {{.kernel = yt_nms_c, .tasks = 1}},
        .nms_count = 1,
    };
    struct yt_nms_point points[] = {{.boxes = 1},
                                    {.boxes = 20},
                                    {.boxes = 200},
                                    {.boxes = 1000},
                                    {.boxes = 20000}};
    assert_int_equal(yt_nms_curve(&plan, points, 5), YT_OK);
    assert_int_equal(points[0].kept, 1);
    /* Twenty boxes about one object overlap by more than 0.45. */
    assert_int_equal(points[1].kept, 1);
    assert_in_range(points[2].kept, 5, 10);
    assert_in_range(points[3].kept, 25, 50);
    assert_int_equal(points[4].kept, 300);
    for (int i = 0; i < 5; i++) {
        assert_true(points[i].timing.min_ns > 0);
        assert_true(points[i].timing.samples > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_collapse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
