/* Drawing: boxes and letters land where they should and never outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "eval/image_draw.h"

static const char *const classes[] = {"person", "caf\xc3\xa9"};

static int is_black(const struct yt_picture *p, int x, int y)
{
    const uint8_t *at = p->rgb + 3 * (y * p->width + x);
    return (at[0] | at[1] | at[2]) == 0;
}

static void a_box_has_its_frame_and_tag(void **state)
{
    (void)state;
    struct yt_picture p;
    const struct yt_box box = {40, 50, 140, 120, 0.87f, 0};
    assert_int_equal(yt_picture_init(200, 150, &p), YT_OK);
    yt_picture_draw_boxes(&p, &box, 1, classes, 2);
    assert_false(is_black(&p, 40, 50));
    assert_false(is_black(&p, 139, 50));
    assert_false(is_black(&p, 40, 119));
    assert_false(is_black(&p, 139, 119));
    assert_true(is_black(&p, 90, 85)); /* the inside stays */
    assert_true(is_black(&p, 140, 121));
    assert_false(is_black(&p, 41, 42)); /* the tag, above */
    yt_picture_deinit(&p);
}

static void letters_keep_their_shape(void **state)
{
    (void)state;
    static const char *const rows[8] = {"#...#", "#...#", "#...#", "#####",
                                        "#...#", "#...#", "#...#", "....."};
    const uint8_t white[3] = {255, 255, 255};
    struct yt_picture p;
    assert_int_equal(yt_picture_init(20, 20, &p), YT_OK);
    yt_picture_draw_text(&p, 3, 2, 2, "H", white);
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 10; x++)
            assert_int_equal(is_black(&p, 3 + x, 2 + y),
                             rows[y / 2][x / 2] == '.');
    yt_picture_deinit(&p);
}

/* Run under AddressSanitizer these would be caught writing outside. */
static void everything_is_clipped(void **state)
{
    (void)state;
    static const struct yt_box boxes[] = {
        {-50, -50, 500, 500, 1, 0},
        {0, 0, 0, 0, 0, 1},
        {30, 20, 31, 21, 0.5f, 7},
        {1e30f, 1e30f, 2e30f, 2e30f, 1, 1},
        {-INFINITY, NAN, INFINITY, 5, 1, -3},
        {31, 0, 32, 24, 0.1f, 1},
    };
    static const int32_t sizes[][2] = {{32, 24}, {1, 1}, {2000, 3}, {3, 900}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct yt_picture p;
        assert_int_equal(yt_picture_init(sizes[i][0], sizes[i][1], &p), YT_OK);
        yt_picture_draw_boxes(&p, boxes, sizeof boxes / sizeof boxes[0],
                              classes, 2);
        assert_false(is_black(&p, 0, 0));
        yt_picture_deinit(&p);
    }
}

static void classes_differ_in_colour(void **state)
{
    (void)state;
    uint8_t seen[80][3];
    for (int i = 0; i < 80; i++) {
        struct yt_picture p;
        const struct yt_box box = {0, 20, 30, 30, 1, i};
        assert_int_equal(yt_picture_init(32, 32, &p), YT_OK);
        yt_picture_draw_boxes(&p, &box, 1, NULL, 0);
        memcpy(seen[i], p.rgb + 3 * 32 * 29, 3);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], 3);
        yt_picture_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_has_its_frame_and_tag),
        cmocka_unit_test(letters_keep_their_shape),
        cmocka_unit_test(everything_is_clipped),
        cmocka_unit_test(classes_differ_in_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
