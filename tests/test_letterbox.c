/* Letterbox against OpenCV and YOLOv5: checksums made with cv2 4.10 and 5.0
 * (they agree) by YOLOv5's letterbox(im, (h, w), auto=False). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/letterbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t pattern(uint32_t i)
{
    return (
        uint8_t)(((i * 2654435761u + 12345u) ^ ((i >> 5) * 40503u * 65536u)) >>
                 24);
}

/* height x width RGB image, its size to the byte so that ASan sees overreads.
 */
static uint8_t *make_pixels(int32_t height, int32_t width)
{
    const size_t bytes = 3 * (size_t)height * (size_t)width;
    uint8_t *pixels = malloc(bytes);
    assert_non_null(pixels);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = pattern((uint32_t)i);
    return pixels;
}

/* The letterboxed image; freed by the caller. */
static float *run(const struct yt_image *image, int32_t h, int32_t w)
{
    float *out = malloc((size_t)h * (size_t)w * 3 * sizeof *out);
    void *tables = malloc((size_t)yt_letterbox_table_bytes(h, w));
    assert_non_null(out);
    assert_non_null(tables);
    struct yt_letterbox_args args;
    assert_int_equal(yt_image_check(image), YT_OK);
    const struct yt_framing framing = {.h = h, .w = w};
    yt_letterbox_setup(image, &framing, tables, out, &args);
    yt_letterbox_c(&args, h / 3, h);
    yt_letterbox_c(&args, 0, h / 3);
    free(tables);
    return out;
}

static uint32_t crc32_of(const float *values, size_t count)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < count; i++) {
        assert_true(values[i] >= 0 && values[i] <= 255);
        assert_true(values[i] == (float)(uint8_t)values[i]);
        crc ^= (uint8_t)values[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static const struct {
    int32_t image_h, image_w, h, w;
    uint32_t crc; /* of the [h][w][3] bytes */
} golden[] = {
    {480, 640, 640, 640, 0x9ab6609du},
    {1080, 810, 640, 640, 0xfbe2080du}, /* bus.jpg's size */
    {720, 1280, 384, 640, 0xe78241dbu}, /* zidane.jpg's size, halved */
    {1280, 1280, 640, 640, 0xdfcb1008u},
    {640, 640, 640, 640, 0xabee2d53u},
    {5, 3, 64, 96, 0x59c3daddu},
    {1, 1, 32, 32, 0x7d1e6556u},
    {37, 200, 64, 64, 0x63b9af0eu},
    {333, 500, 320, 320, 0xadd586b9u},
    {2, 999, 640, 640, 0x614a9932u},
    {1, 7, 64, 64, 0xd5e0f23du},
};

static void equals_opencv(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        const int32_t h = golden[i].h;
        const int32_t w = golden[i].w;
        uint8_t *pixels = make_pixels(golden[i].image_h, golden[i].image_w);
        const struct yt_image image = {.pixels = pixels,
                                       .width = golden[i].image_w,
                                       .height = golden[i].image_h,
                                       .stride_bytes = 3 * golden[i].image_w};
        float *out = run(&image, h, w);
        const uint32_t crc = crc32_of(out, (size_t)h * (size_t)w * 3);
        if (crc != golden[i].crc)
            fail_msg("%dx%d to %dx%d: crc 0x%08x, OpenCV's is 0x%08x",
                     golden[i].image_h, golden[i].image_w, h, w, crc,
                     golden[i].crc);
        free(out);
        free(pixels);
    }
}

/* Red of a 5x3 image in 8x8, so that a wrong checksum has a smaller sister. */
static const uint8_t small[8][8] = {
    {114, 0, 87, 218, 196, 181, 114, 114},
    {114, 63, 105, 169, 147, 132, 114, 114},
    {114, 136, 127, 115, 93, 78, 114, 114},
    {114, 66, 122, 205, 183, 168, 114, 114},
    {114, 76, 132, 215, 221, 225, 114, 114},
    {114, 166, 157, 145, 207, 249, 114, 114},
    {114, 167, 154, 135, 156, 170, 114, 114},
    {114, 161, 149, 132, 117, 107, 114, 114},
};

static void small_image_value_by_value(void **state)
{
    (void)state;
    uint8_t *pixels = make_pixels(5, 3);
    const struct yt_image image = {
        .pixels = pixels, .width = 3, .height = 5, .stride_bytes = 9};
    float *out = run(&image, 8, 8);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            assert_int_equal((int)out[(8 * y + x) * 3], small[y][x]);
    free(out);
    free(pixels);
}

static const struct {
    enum yt_pixel_format format;
    int bytes, red, blue;
} formats[] = {
    {YT_PIXEL_RGB, 3, 0, 2},
    {YT_PIXEL_BGR, 3, 2, 0},
    {YT_PIXEL_RGBA, 4, 0, 2},
    {YT_PIXEL_BGRA, 4, 2, 0},
};

/* Same picture in every format, with rows further apart than they are long. */
static void formats_and_strides_agree(void **state)
{
    (void)state;
    enum { H = 21, W = 34 };
    uint8_t *rgb = make_pixels(H, W);
    const struct yt_image plain = {
        .pixels = rgb, .width = W, .height = H, .stride_bytes = 3 * W};
    float *want = run(&plain, 32, 64);
    for (size_t f = 0; f < COUNT(formats); f++) {
        const int bytes = formats[f].bytes;
        const int stride = W * bytes + (int)f * 5;
        const size_t total =
            (size_t)(H - 1) * (size_t)stride + (size_t)(W * bytes);
        uint8_t *pixels = malloc(total);
        assert_non_null(pixels);
        memset(pixels, 0xee, total);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                uint8_t *to = &pixels[y * stride + x * bytes];
                const uint8_t *from = &rgb[(y * W + x) * 3];
                to[formats[f].red] = from[0];
                to[1] = from[1];
                to[formats[f].blue] = from[2];
            }
        const struct yt_image image = {.pixels = pixels,
                                       .width = W,
                                       .height = H,
                                       .stride_bytes = stride,
                                       .format = formats[f].format};
        float *out = run(&image, 32, 64);
        assert_memory_equal(out, want, 32 * 64 * 3 * sizeof *out);
        free(out);
        free(pixels);
    }
    free(want);
    free(rgb);
}

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
static void tables_stay_inside_the_image(void **state)
{
    (void)state;
    for (int32_t width = 1; width < 70; width++)
        for (size_t f = 0; f < COUNT(formats); f++) {
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
            const struct yt_framing framing = {.h = 32, .w = 48};
            yt_letterbox_setup(&image, &framing, tables, &unused, &args);
            for (int32_t x = 0; x < args.content_w; x++) {
                const struct yt_letterbox_column *column = &args.columns[x];
                assert_in_range(column->offset, 0,
                                row_bytes - args.right_step - formats[f].bytes);
                assert_int_equal(column->left + column->right,
                                 YT_LETTERBOX_ONE);
                assert_int_equal(x >= args.wide_begin && x < args.wide_end,
                                 column->offset + 8 <= row_bytes);
            }
            for (int32_t y = 0; y < args.content_h; y++) {
                assert_in_range(args.rows[y].upper, 0, 8 * row_bytes);
                assert_in_range(args.rows[y].lower, args.rows[y].upper,
                                8 * row_bytes);
            }
            groups_name_the_same_taps(&args, row_bytes);
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
        cmocka_unit_test(equals_opencv),
        cmocka_unit_test(small_image_value_by_value),
        cmocka_unit_test(formats_and_strides_agree),
        cmocka_unit_test(tables_stay_inside_the_image),
        cmocka_unit_test(boxes_come_back),
        cmocka_unit_test(odd_padding_goes_right_and_down),
        cmocka_unit_test(bad_images_are_refused),
    };
    return cmocka_run_group_tests_name("letterbox", tests, NULL, NULL);
}
