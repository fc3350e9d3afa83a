/* What a letterbox kernel relies on: tables that stay inside the image, boxes
 * that come back through the geometry, images that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "runtime/decode.h"
#include "letterbox_case.h"

/* Groups read inside the row, and their shuffles and weights pick the taps that
 * the columns name. */
static void groups_name_the_same_taps(const struct yt_letterbox_args *args,
                                      int32_t row_bytes)
{
    const struct yt_letterbox_groups *groups = &args->groups;
    const int joined = groups->reading != YT_LETTERBOX_HALVES;
    if (groups->reading == YT_LETTERBOX_PLAIN) {
        assert_true(args->right_step == 0 || row_bytes < 8);
        return;
    }
    for (int32_t i = 0; i < (3 * args->content_w + 15) / 16 * 16; i++) {
        const int32_t *offsets = groups->offsets[i / 4];
        assert_in_range(offsets[0], 0, row_bytes - (joined ? 16 : 8));
        assert_in_range(offsets[1], 0, row_bytes - 8);
        const uint8_t *shuffle = &groups->shuffles[i / 4][i % 4 * 4];
        const int16_t *weights = &groups->weights[i / 4][i % 4 * 2];
        assert_int_equal(shuffle[1] & shuffle[3] & 0x80, 0x80);
        int32_t weight_at[256] = {0};
        for (int tap = 0; tap < 2; tap++) {
            const uint8_t byte = shuffle[2 * tap];
            if (byte & 0x80)
                continue;
            assert_in_range(byte, 0, 15);
            const int32_t half = joined ? 0 : byte / 8;
            const int32_t at = offsets[half] + byte - 8 * half;
            weight_at[at % 256] += weights[tap];
        }
        if (i < 3 * args->content_w) {
            const struct yt_letterbox_column *column = &args->columns[i / 3];
            const int32_t left = column->offset + args->channel[i % 3];
            weight_at[left % 256] -= column->left;
            weight_at[(left + args->right_step) % 256] -= column->right;
        }
        for (size_t at = 0; at < COUNT(weight_at); at++)
            assert_int_equal(weight_at[at], 0);
    }
}

/* What a kernel that reads eight bytes at a column relies on. */
static void check_tables(int32_t width, size_t f,
                         const struct yt_framing *framing)
{
    const int32_t row_bytes = width * formats[f].bytes;
    uint8_t pixel = 0;
    const struct yt_image image = {.pixels = &pixel,
                                   .width = width,
                                   .height = 9,
                                   .stride_bytes = row_bytes,
                                   .format = formats[f].format};
    uint64_t tables[(32 * 24 + 48 * 8 + 36 * 40) / 8];
    float unused;
    struct yt_letterbox_args args;
    assert_int_equal(yt_letterbox_table_bytes(32, 48), sizeof tables);
    const struct yt_problem problem = problem_of(framing, YT_DTYPE_F32, 0);
    yt_letterbox_setup(&image, framing, &problem, tables, &unused, &args);
    for (int32_t x = 0; x < args.content_w; x++) {
        const struct yt_letterbox_column *column = &args.columns[x];
        assert_in_range(column->offset, 0,
                        row_bytes - args.right_step - formats[f].bytes);
        assert_int_equal(column->left + column->right, YT_LETTERBOX_ONE);
        assert_int_equal(x >= args.wide_begin && x < args.wide_end,
                         column->offset + 8 <= row_bytes);
    }
    for (int32_t y = 0; y < args.content_h; y++) {
        assert_in_range(args.rows[y].upper, 0, 8 * row_bytes);
        assert_in_range(args.rows[y].lower, args.rows[y].upper, 8 * row_bytes);
    }
    groups_name_the_same_taps(&args, row_bytes);
}

static void tables_stay_inside_the_image(void **state)
{
    (void)state;
    for (int32_t width = 1; width < 70; width++)
        for (size_t f = 0; f < COUNT(formats); f++)
            for (int way = 0; way < 8; way++) {
                const struct yt_framing framing = {
                    .h = 32,
                    .w = 48,
                    .fit = (enum yt_fit)(way & 1),
                    .filter = (enum yt_filter)(way >> 1 & 1),
                    .mirror = way >> 2};
                check_tables(width, f, &framing);
            }
}

/* YOLOv5's scale_boxes() by hand: 1080x810 in 640x640 has gain 640/1080 and
 * 80 columns of padding. */
static void boxes_come_back(void **state)
{
    (void)state;
    struct yt_letterbox_map map;
    const struct yt_framing framing = {.h = 640, .w = 640};
    yt_letterbox_map(&framing, 1080, 810, &map);
    assert_int_equal(map.content_w, 480);
    assert_int_equal(map.content_h, 640);
    assert_int_equal(map.left, 80);
    assert_int_equal(map.top, 0);
    struct yt_box box = {.x0 = 80 + 48, .y0 = 64, .x1 = 700, .y1 = 640.5f};
    yt_letterbox_unmap(&map, &box);
    assert_float_equal(box.x0, 81, 1e-3);
    assert_float_equal(box.y0, 108, 1e-3);
    assert_float_equal(box.x1, 810, 0);
    assert_float_equal(box.y1, 1080, 0);

    box = (struct yt_box){.x0 = 3, .y0 = -4, .x1 = 100, .y1 = 8};
    yt_letterbox_unmap(&map, &box);
    assert_float_equal(box.x0, 0, 0);
    assert_float_equal(box.y0, 0, 0);
}

static void odd_padding_goes_right_and_down(void **state)
{
    (void)state;
    struct yt_letterbox_map map;
    const struct yt_framing framing = {.h = 64, .w = 64};
    yt_letterbox_map(&framing, 64, 61, &map);
    assert_int_equal(map.left, 1);
    assert_int_equal(map.content_w, 61);
    assert_true(map.pad_x == 1.5);
    yt_letterbox_map(&framing, 1, 32768, &map);
    assert_int_equal(map.content_h, 1);
    assert_int_equal(map.top, 31);
}

/* A box of the image, put into the input by the framing's own geometry, comes
 * back; the mirror's comes from the other side. */
static void boxes_come_back_from_every_framing(void **state)
{
    (void)state;
    static const struct yt_box box = {.x0 = 11, .y0 = 7, .x1 = 53, .y1 = 29.5f};
    static const int32_t sizes[][2] = {
        {90, 61}, {61, 90}, {48, 64}, {33, 200}, {1080, 1920}};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int way = 0; way < 4; way++) {
            const struct yt_framing framing = {.h = 96,
                                               .w = 160,
                                               .fit = (enum yt_fit)(way & 1),
                                               .mirror = way >> 1};
            struct yt_letterbox_map map;
            yt_letterbox_map(&framing, sizes[i][0], sizes[i][1], &map);
            double gain_x = 160.0 / sizes[i][1];
            double gain_y = 96.0 / sizes[i][0];
            if (framing.fit == YT_FIT_LETTERBOX)
                gain_x = gain_y = fmin(gain_x, gain_y);
            const double pad_x = (160 - sizes[i][1] * gain_x) / 2;
            const double pad_y = (96 - sizes[i][0] * gain_y) / 2;
            struct yt_box in = box;
            in.x0 = (float)(box.x0 * gain_x + pad_x);
            in.x1 = (float)(box.x1 * gain_x + pad_x);
            in.y0 = (float)(box.y0 * gain_y + pad_y);
            in.y1 = (float)(box.y1 * gain_y + pad_y);
            if (framing.mirror) {
                const float x0 = in.x0;
                in.x0 = 160 - in.x1;
                in.x1 = 160 - x0;
            }
            struct yt_box back = in;
            yt_letterbox_unmap(&map, &back);
            assert_float_equal(back.x0, box.x0, 1e-3);
            assert_float_equal(back.x1, box.x1, 1e-3);
            assert_float_equal(back.y0, box.y0, 1e-3);
            assert_float_equal(back.y1, box.y1, 1e-3);

            /* Into a larger input, and from there. */
            const struct yt_framing other = {.h = 320, .w = 320};
            struct yt_letterbox_map to;
            yt_letterbox_map(&other, sizes[i][0], sizes[i][1], &to);
            const struct yt_candidates one = {&in.x0, &in.y0, &in.x1,
                                              &in.y1, NULL,   NULL};
            yt_letterbox_move(&map, &to, &one, 1);
            assert_true(in.x0 < in.x1 && in.y0 < in.y1);
            yt_letterbox_unmap(&to, &in);
            assert_float_equal(in.x0, box.x0, 1e-3);
            assert_float_equal(in.x1, box.x1, 1e-3);
            assert_float_equal(in.y0, box.y0, 1e-3);
            assert_float_equal(in.y1, box.y1, 1e-3);
        }
}

/* What passes over the same input rely on: no rounding, no clipping. */
static void moving_to_the_same_input_is_exact(void **state)
{
    (void)state;
    for (int mirror = 0; mirror < 2; mirror++) {
        const struct yt_framing framing = {
            .h = 640, .w = 640, .mirror = mirror};
        const struct yt_framing plain = {.h = 640, .w = 640};
        struct yt_letterbox_map from, to;
        yt_letterbox_map(&framing, 427, 641, &from);
        yt_letterbox_map(&plain, 427, 641, &to);
        float x0[] = {-3.3f, 100.1f}, y0[] = {-7.7f, 0.3f};
        float x1[] = {50.7f, 700.9f}, y1[] = {80.1f, 641.3f};
        const float was_x0[] = {x0[0], x0[1]}, was_x1[] = {x1[0], x1[1]};
        const struct yt_candidates boxes = {x0, y0, x1, y1, NULL, NULL};
        yt_letterbox_move(&from, &to, &boxes, 2);
        for (int i = 0; i < 2; i++) {
            assert_true(x0[i] == (mirror ? 640 - was_x1[i] : was_x0[i]));
            assert_true(x1[i] == (mirror ? 640 - was_x0[i] : was_x1[i]));
        }
        assert_true(y0[0] == -7.7f && y1[1] == 641.3f);
    }
}

static void bad_images_are_refused(void **state)
{
    (void)state;
    const uint8_t pixel[4] = {0};
    static const struct {
        int32_t width, height;
        int64_t stride;
        int format;
    } bad[] = {
        {0, 1, 4, YT_PIXEL_RGB},
        {1, 0, 4, YT_PIXEL_RGB},
        {-5, 1, 4, YT_PIXEL_RGB},
        {32769, 1, 200000, YT_PIXEL_RGB},
        {1, 32769, 4, YT_PIXEL_RGB},
        {2, 2, 5, YT_PIXEL_RGB},
        {1, 1, 3, YT_PIXEL_RGBA},
        {1, 1, 4, 4},
        {1, 1, 4, -1},
        {1, 1, -4, YT_PIXEL_RGB},
        {1, 2, INT64_MAX, YT_PIXEL_RGB},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct yt_image image = {.pixels = pixel,
                                       .width = bad[i].width,
                                       .height = bad[i].height,
                                       .stride_bytes = bad[i].stride,
                                       .format =
                                           (enum yt_pixel_format)bad[i].format};
        assert_int_equal(yt_image_check(&image), YT_BAD_ARGUMENT);
    }
    const struct yt_image none = {
        .pixels = NULL, .width = 1, .height = 1, .stride_bytes = 3};
    assert_int_equal(yt_image_check(&none), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "no pixels"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_stay_inside_the_image),
        cmocka_unit_test(boxes_come_back),
        cmocka_unit_test(odd_padding_goes_right_and_down),
        cmocka_unit_test(boxes_come_back_from_every_framing),
        cmocka_unit_test(moving_to_the_same_input_is_exact),
        cmocka_unit_test(bad_images_are_refused),
    };
    return cmocka_run_group_tests_name("letterbox", tests, NULL, NULL);
}
