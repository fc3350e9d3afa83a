/* YOLOv5's letterbox with OpenCV's bilinear resize, without either.
 *
 * OpenCV resizes 8-bit images in 11-bit fixed point: weights from a float
 * fraction, horizontally in full, vertically with the low bits dropped before
 * and after each product (modules/imgproc/src/resize.cpp: resizeGeneric_,
 * HResizeLinear, VResizeLinear). Two of its special cases follow from the
 * general one and need no code here: halving exactly (INTER_AREA there) has
 * all weights 1/2, where nothing is rounded before the end; and keeping the
 * size has weights 1 and 0. */

#include "runtime/letterbox.h"

#include <assert.h>
#include <stddef.h>

#include "runtime/fail.h"

#define IMAGE_SIDE_MAX 32768

static_assert(sizeof(struct yt_letterbox_column) == 8, "read as one word");
static_assert(sizeof(struct yt_letterbox_row) == 24, "no padding");

int32_t yt_image_pixel_bytes(enum yt_pixel_format format)
{
    return format == YT_PIXEL_RGB || format == YT_PIXEL_BGR ? 3 : 4;
}

enum yt_status yt_image_check(const struct yt_image *image)
{
    YT_FAIL_IF(image->pixels == NULL, YT_BAD_ARGUMENT, "image has no pixels");
    YT_FAIL_IF(image->width < 1 || image->width > IMAGE_SIDE_MAX ||
                   image->height < 1 || image->height > IMAGE_SIDE_MAX,
               YT_BAD_ARGUMENT, "image of %dx%d: want 1..%d each side",
               image->width, image->height, IMAGE_SIDE_MAX);
    YT_FAIL_IF((unsigned)image->format > YT_PIXEL_BGRA, YT_BAD_ARGUMENT,
               "pixel format %d: unknown", (int)image->format);
    const int64_t row_bytes =
        (int64_t)image->width * yt_image_pixel_bytes(image->format);
    YT_FAIL_IF(image->stride_bytes < row_bytes ||
                   image->stride_bytes > INT64_MAX / IMAGE_SIDE_MAX,
               YT_BAD_ARGUMENT, "stride of %lld bytes: a row has %lld",
               (long long)image->stride_bytes, (long long)row_bytes);
    return YT_OK;
}

static int32_t floor_to_int(double x)
{
    const int32_t n = (int32_t)x;
    return x < n ? n - 1 : n;
}

/* To the nearest, ties to even: Python's round() and OpenCV's cvRound(). */
static int32_t round_to_even(double x)
{
    const int32_t n = floor_to_int(x);
    const double rest = x - n;
    return n + (rest > 0.5 || (rest == 0.5 && n % 2 != 0));
}

void yt_letterbox_map(int32_t h, int32_t w, int32_t image_h, int32_t image_w,
                      struct yt_letterbox_map *map_out)
{
    const double gain_h = (double)h / image_h;
    const double gain_w = (double)w / image_w;
    const double gain = gain_h < gain_w ? gain_h : gain_w;
    const int32_t content_w = round_to_even(image_w * gain);
    const int32_t content_h = round_to_even(image_h * gain);
    struct yt_letterbox_map map = {
        .gain = gain,
        .pad_x = (w - image_w * gain) / 2,
        .pad_y = (h - image_h * gain) / 2,
        /* An image thinner than half a pixel still gets one; OpenCV would
         * refuse it. */
        .content_w = content_w < 1 ? 1 : content_w,
        .content_h = content_h < 1 ? 1 : content_h,
        .image_w = image_w,
        .image_h = image_h,
    };
    /* round(pad - 0.1) with pad a multiple of a half. */
    map.left = (w - map.content_w) / 2;
    map.top = (h - map.content_h) / 2;
    *map_out = map;
}

int64_t yt_letterbox_table_bytes(int32_t h, int32_t w)
{
    return (int64_t)w * (int64_t)sizeof(struct yt_letterbox_column) +
           (int64_t)h * (int64_t)sizeof(struct yt_letterbox_row);
}

struct tap {
    int32_t first; /* source index; the second is the next one */
    int32_t weight[2];
};

/* Where output index i of count samples a source of size elements. The fraction
 * is rounded to float first, since OpenCV keeps it in one. */
static struct tap find_tap(int32_t i, int32_t count, int32_t size)
{
    const double scale = 1.0 / ((double)count / size);
    const float at = (float)((i + 0.5) * scale - 0.5);
    struct tap tap = {.first = floor_to_int(at)};
    const float fraction = at - (float)tap.first;
    tap.weight[0] = round_to_even((1.0f - fraction) * YT_LETTERBOX_ONE);
    tap.weight[1] = round_to_even(fraction * YT_LETTERBOX_ONE);
    return tap;
}

static void fill_columns(struct yt_letterbox_column *columns, int32_t count,
                         int32_t width, int32_t pixel_bytes)
{
    for (int32_t x = 0; x < count; x++) {
        struct tap tap = find_tap(x, count, width);
        if (tap.first < 0)
            tap = (struct tap){0, {YT_LETTERBOX_ONE, 0}};
        /* At the right edge all the weight is the last pixel's; name it as the
         * right tap, so that both taps exist. */
        if (tap.first >= width - 1 && width > 1)
            tap = (struct tap){width - 2, {0, YT_LETTERBOX_ONE}};
        if (width == 1)
            tap = (struct tap){0, {YT_LETTERBOX_ONE, 0}};
        columns[x] = (struct yt_letterbox_column){
            .offset = tap.first * pixel_bytes,
            .left = (int16_t)tap.weight[0],
            .right = (int16_t)tap.weight[1],
        };
    }
}

static int32_t clamp(int32_t n, int32_t low, int32_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* Unlike columns, rows past an edge keep their weights and repeat the edge. */
static void fill_rows(struct yt_letterbox_row *rows, int32_t count,
                      int32_t height, int64_t stride_bytes)
{
    for (int32_t y = 0; y < count; y++) {
        const struct tap tap = find_tap(y, count, height);
        rows[y] = (struct yt_letterbox_row){
            .upper = stride_bytes * clamp(tap.first, 0, height - 1),
            .lower = stride_bytes * clamp(tap.first + 1, 0, height - 1),
            .upper_weight = tap.weight[0],
            .lower_weight = tap.weight[1],
        };
    }
}

static void fill_channels(struct yt_letterbox_args *args,
                          enum yt_pixel_format format)
{
    const int red_last = format == YT_PIXEL_BGR || format == YT_PIXEL_BGRA;
    for (int c = 0; c < 4; c++) {
        const uint8_t nothing = 0x80;
        const uint8_t byte = (uint8_t)(red_last ? 2 - c : c);
        uint8_t *pair = &args->shuffle[4 * c];
        args->channel[c] = c < 3 ? byte : 0;
        pair[0] = c < 3 ? byte : nothing;
        pair[1] = nothing;
        pair[2] = c < 3 ? (uint8_t)(byte + args->right_step) : nothing;
        pair[3] = nothing;
    }
}

void yt_letterbox_setup(const struct yt_image *image, int32_t h, int32_t w,
                        void *tables, float *out,
                        struct yt_letterbox_args *args_out)
{
    struct yt_letterbox_map map;
    yt_letterbox_map(h, w, image->height, image->width, &map);
    struct yt_letterbox_row *rows = tables;
    struct yt_letterbox_column *columns =
        (struct yt_letterbox_column *)(rows + h);
    const int32_t pixel_bytes = yt_image_pixel_bytes(image->format);
    fill_rows(rows, map.content_h, image->height, image->stride_bytes);
    fill_columns(columns, map.content_w, image->width, pixel_bytes);

    struct yt_letterbox_args args = {
        .pixels = image->pixels,
        .out = out,
        .columns = columns,
        .rows = rows,
        .h = h,
        .w = w,
        .top = map.top,
        .left = map.left,
        .content_h = map.content_h,
        .content_w = map.content_w,
        .right_step = image->width > 1 ? pixel_bytes : 0,
        .wide_columns = map.content_w,
    };
    const int32_t row_bytes = image->width * pixel_bytes;
    while (args.wide_columns > 0 &&
           columns[args.wide_columns - 1].offset + 8 > row_bytes)
        args.wide_columns--;
    fill_channels(&args, image->format);
    *args_out = args;
}

static float clip(float v, int32_t max)
{
    return v<0 ? 0 : v>(float) max ? (float)max : v;
}

void yt_letterbox_unmap(const struct yt_letterbox_map *map, struct yt_box *box)
{
    const float gain = (float)map->gain;
    const float pad_x = (float)map->pad_x;
    const float pad_y = (float)map->pad_y;
    box->x0 = clip((box->x0 - pad_x) / gain, map->image_w);
    box->y0 = clip((box->y0 - pad_y) / gain, map->image_h);
    box->x1 = clip((box->x1 - pad_x) / gain, map->image_w);
    box->y1 = clip((box->y1 - pad_y) / gain, map->image_h);
}
