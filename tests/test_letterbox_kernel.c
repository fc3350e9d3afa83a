/* Letterbox against OpenCV and YOLOv5: checksums made with cv2 4.10 and 5.0
 * (they agree) by YOLOv5's letterbox(im, (h, w), auto=False). Other framings:
 * with cv2 4.10, and against a plain model of all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "letterbox_case.h"

/* The framed image; freed by the caller. */
static float *run_framed(const struct yt_image *image,
                         const struct yt_framing *framing)
{
    const int32_t h = framing->h;
    const int32_t w = framing->w;
    float *out = malloc((size_t)h * (size_t)w * 3 * sizeof *out);
    void *tables = malloc((size_t)yt_letterbox_table_bytes(h, w));
    assert_non_null(out);
    assert_non_null(tables);
    struct yt_letterbox_args args;
    assert_int_equal(yt_image_check(image), YT_OK);
    const struct yt_problem problem = problem_of(framing, YT_DTYPE_F32, 0);
    yt_letterbox_setup(image, framing, &problem, tables, out, &args);
    yt_letterbox_c(&args, h / 3, h);
    yt_letterbox_c(&args, 0, h / 3);
    free(tables);
    return out;
}

static float *run(const struct yt_image *image, int32_t h, int32_t w)
{
    const struct yt_framing framing = {.h = h, .w = w};
    return run_framed(image, &framing);
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

static const struct {
    int32_t image_h, image_w, h, w;
    uint32_t stretched, nearest, both;
} golden_framings[] = {
    {480, 640, 640, 640, 0x5621f8e0u, 0x9ab6609du, 0xa19cc32eu},
    {1080, 810, 640, 640, 0x8d8b74cbu, 0xc2421b07u, 0xf547bdd6u},
    {720, 1280, 384, 640, 0x5cd6b355u, 0x7863d60bu, 0xa0934f2bu},
    {1280, 1280, 640, 640, 0xdfcb1008u, 0x6ac20945u, 0x6ac20945u},
    {5, 3, 64, 96, 0xfe1e43bau, 0xbc88c30eu, 0xcb9f1a1cu},
    {1, 1, 32, 32, 0x7d1e6556u, 0x7d1e6556u, 0x7d1e6556u},
    {37, 200, 64, 64, 0xa7a23668u, 0x462f04f8u, 0x3a78d61cu},
    {333, 500, 320, 320, 0x12a09678u, 0xd4fece20u, 0xb2e21e80u},
    {2, 999, 640, 640, 0x3a90bd7eu, 0xbd4f970cu, 0x5a91b7b6u},
    {1, 7, 64, 64, 0xb94d65e9u, 0x6a10e466u, 0xa9b4ce5au},
};

static void framings_equal_opencv(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_framings); i++) {
        const int32_t image_w = golden_framings[i].image_w;
        const int32_t image_h = golden_framings[i].image_h;
        uint8_t *pixels = make_pixels(image_h, image_w);
        const struct yt_image image = {.pixels = pixels,
                                       .width = image_w,
                                       .height = image_h,
                                       .stride_bytes = 3 * image_w};
        const struct {
            enum yt_fit fit;
            enum yt_filter filter;
            uint32_t crc;
        } framings[] = {
            {YT_FIT_STRETCH, YT_FILTER_BILINEAR, golden_framings[i].stretched},
            {YT_FIT_LETTERBOX, YT_FILTER_NEAREST, golden_framings[i].nearest},
            {YT_FIT_STRETCH, YT_FILTER_NEAREST, golden_framings[i].both},
        };
        for (size_t j = 0; j < COUNT(framings); j++) {
            const struct yt_framing framing = {.h = golden_framings[i].h,
                                               .w = golden_framings[i].w,
                                               .fit = framings[j].fit,
                                               .filter = framings[j].filter};
            float *out = run_framed(&image, &framing);
            const uint32_t crc =
                crc32_of(out, (size_t)framing.h * (size_t)framing.w * 3);
            if (crc != framings[j].crc)
                fail_msg("%dx%d to %dx%d, fit %d, filter %d: crc 0x%08x, "
                         "OpenCV's is 0x%08x",
                         image_h, image_w, framing.h, framing.w,
                         (int)framing.fit, (int)framing.filter, crc,
                         framings[j].crc);
            free(out);
        }
        free(pixels);
    }
}

/* ------------------------------------------------------- a plain model */

/* Source of output element i: two indices, and the second's share of 2048. */
static void model_taps(enum yt_filter filter, int32_t i, int32_t count,
                       int32_t size, int32_t tap[2], int32_t weight[2])
{
    const double scale = 1.0 / ((double)count / size);
    const float at = (float)((i + 0.5) * scale - 0.5);
    const float fraction = at - floorf(at);
    tap[0] = (int32_t)floorf(at);
    weight[0] = (int32_t)lrintf((1.0f - fraction) * 2048);
    weight[1] = (int32_t)lrintf(fraction * 2048);
    if (filter == YT_FILTER_NEAREST) {
        tap[0] = (int32_t)floor(i * scale);
        weight[0] = 2048;
        weight[1] = 0;
    }
    tap[1] = tap[0] + 1;
    for (int t = 0; t < 2; t++)
        tap[t] = tap[t] < 0 ? 0 : tap[t] >= size ? size - 1 : tap[t];
}

/* Channel c of output pixel (y, x), unmirrored; -1: no part of the image. */
static int32_t model_pixel(const struct yt_image *image,
                           const struct yt_framing *f, int32_t y, int32_t x,
                           int c)
{
    double gain_x = (double)f->w / image->width;
    double gain_y = (double)f->h / image->height;
    if (f->fit == YT_FIT_LETTERBOX)
        gain_x = gain_y = fmin(gain_x, gain_y);
    const int32_t content_w = (int32_t)fmax(1, rint(image->width * gain_x));
    const int32_t content_h = (int32_t)fmax(1, rint(image->height * gain_y));
    x -= (f->w - content_w) / 2;
    y -= (f->h - content_h) / 2;
    if (x < 0 || x >= content_w || y < 0 || y >= content_h)
        return -1;
    int32_t tx[2], wx[2], ty[2], wy[2], row[2];
    model_taps(f->filter, x, content_w, image->width, tx, wx);
    model_taps(f->filter, y, content_h, image->height, ty, wy);
    for (int t = 0; t < 2; t++) {
        const uint8_t *from = image->pixels + ty[t] * image->stride_bytes + c;
        row[t] = from[3 * tx[0]] * wx[0] + from[3 * tx[1]] * wx[1];
    }
    return ((wy[0] * (row[0] >> 4) >> 16) + (wy[1] * (row[1] >> 4) >> 16) +
            2) >>
           2;
}

static const struct {
    int32_t image_h, image_w, h, w;
} model_sizes[] = {
    {1, 1, 32, 32},   /* one pixel */
    {40, 1, 32, 64},  /* a pixel wide */
    {1, 40, 64, 32},  /* a pixel high */
    {2, 2, 32, 32},   /* 8 bytes are no row */
    {5, 6, 32, 64},   /* 16 bytes are barely one */
    {13, 17, 32, 64}, /* enlarged, odd sizes and margins */
    {32, 64, 32, 64}, /* as it is */
    {64, 128, 32, 64},  {128, 256, 32, 64}, /* halves, quarters */
    {101, 333, 32, 64},                     /* made smaller by 5, all odd */
    {33, 500, 64, 32},  {70, 31, 32, 96},
};

static void all_framings_equal_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(model_sizes); i++)
        for (int way = 0; way < 8; way++) {
            const struct yt_framing framing = {
                .h = model_sizes[i].h,
                .w = model_sizes[i].w,
                .fit = (enum yt_fit)(way & 1),
                .filter = (enum yt_filter)(way >> 1 & 1),
                .mirror = way >> 2};
            uint8_t *pixels =
                make_pixels(model_sizes[i].image_h, model_sizes[i].image_w);
            const struct yt_image image = {.pixels = pixels,
                                           .width = model_sizes[i].image_w,
                                           .height = model_sizes[i].image_h,
                                           .stride_bytes =
                                               3 * model_sizes[i].image_w};
            float *out = run_framed(&image, &framing);
            for (int32_t y = 0; y < framing.h; y++)
                for (int32_t x = 0; x < framing.w * 3; x++) {
                    const int32_t from =
                        framing.mirror ? framing.w - 1 - x / 3 : x / 3;
                    const int32_t value =
                        model_pixel(&image, &framing, y, from, x % 3);
                    const float got = out[y * framing.w * 3 + x];
                    if (got != (float)(value < 0 ? 114 : value))
                        fail_msg("%dx%d to %dx%d, fit %d filter %d mirror %d: "
                                 "value %d of row %d is %g, not %d",
                                 image.height, image.width, framing.h,
                                 framing.w, (int)framing.fit,
                                 (int)framing.filter, framing.mirror, x, y,
                                 (double)got, value);
                }
            free(out);
            free(pixels);
        }
}

/* ----------------------------------------------- other types, a border */

static float value_at(enum yt_dtype dtype, const void *out, size_t i)
{
    if (dtype == YT_DTYPE_U8S8)
        return ((const uint8_t *)out)[i];
    if (dtype == YT_DTYPE_S16)
        return ((const int16_t *)out)[i];
    if (dtype == YT_DTYPE_F32)
        return ((const float *)out)[i];
    const uint32_t bits = (uint32_t)((const uint16_t *)out)[i] << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* What f32 without a border gives, in the middle of zeros. */
static void check_bordered(const struct yt_image *image,
                           const struct yt_framing *framing,
                           enum yt_dtype dtype, int32_t pad)
{
    const int32_t h = framing->h + 2 * pad;
    const int32_t w = framing->w + 2 * pad;
    const struct yt_problem problem = problem_of(framing, dtype, pad);
    const size_t bytes =
        (size_t)h * (size_t)w * 3 * (size_t)yt_dtype_bytes(dtype);
    void *tables =
        malloc((size_t)yt_letterbox_table_bytes(framing->h, framing->w));
    void *out = malloc(bytes);
    assert_non_null(tables);
    assert_non_null(out);
    memset(out, 0xa5, bytes);
    float *want = run_framed(image, framing);
    struct yt_letterbox_args args;
    yt_letterbox_setup(image, framing, &problem, tables, out, &args);
    for (int32_t y = framing->h; y-- > 0;)
        yt_letterbox_c(&args, y, y + 1);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < 3 * w; x++) {
            const int32_t inner_y = y - pad;
            const int32_t inner_x = x - 3 * pad;
            const int inside = inner_y >= 0 && inner_y < framing->h &&
                               inner_x >= 0 && inner_x < 3 * framing->w;
            const float value =
                inside ? want[inner_y * 3 * framing->w + inner_x] : 0;
            const float got =
                value_at(dtype, out, (size_t)y * 3 * (size_t)w + (size_t)x);
            if (got != value)
                fail_msg("%dx%d to %dx%d of %s, pad %d: value %d of row %d is "
                         "%g, not %g",
                         image->height, image->width, framing->h, framing->w,
                         yt_dtype_name(dtype), pad, x, y, (double)got,
                         (double)value);
        }
    free(want);
    free(out);
    free(tables);
}

static void other_types_and_borders_hold_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(model_sizes); i++)
        for (int dtype = 0; dtype < YT_DTYPE_COUNT; dtype++)
            for (int32_t pad = 0; pad < 4; pad++) {
                const struct yt_framing framing = {.h = model_sizes[i].h,
                                                   .w = model_sizes[i].w,
                                                   .mirror = pad & 1};
                uint8_t *pixels =
                    make_pixels(model_sizes[i].image_h, model_sizes[i].image_w);
                const struct yt_image image = {
                    .pixels = pixels,
                    .width = model_sizes[i].image_w,
                    .height = model_sizes[i].image_h,
                    .stride_bytes = 3 * model_sizes[i].image_w,
                    .format = pad & 2 ? YT_PIXEL_BGR : YT_PIXEL_RGB};
                check_bordered(&image, &framing, (enum yt_dtype)dtype, pad);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_opencv),
        cmocka_unit_test(framings_equal_opencv),
        cmocka_unit_test(all_framings_equal_the_model),
        cmocka_unit_test(other_types_and_borders_hold_the_same),
        cmocka_unit_test(small_image_value_by_value),
        cmocka_unit_test(formats_and_strides_agree),
    };
    return cmocka_run_group_tests_name("letterbox_kernel", tests, NULL, NULL);
}
