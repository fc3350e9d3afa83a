/* YOLOv5's letterbox with OpenCV's resize, without either.
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
#include <string.h>

#include "runtime/decode.h"
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

static int32_t at_least_1(int32_t n)
{
    return n < 1 ? 1 : n;
}

void yt_letterbox_map(const struct yt_framing *framing, int32_t image_h,
                      int32_t image_w, struct yt_letterbox_map *map_out)
{
    const int32_t h = framing->h;
    const int32_t w = framing->w;
    struct yt_letterbox_map map = {
        .gain_x = (double)w / image_w,
        .gain_y = (double)h / image_h,
        .image_w = image_w,
        .image_h = image_h,
        .w = w,
        .mirror = framing->mirror,
    };
    if (framing->fit == YT_FIT_LETTERBOX)
        map.gain_x = map.gain_y =
            map.gain_y < map.gain_x ? map.gain_y : map.gain_x;
    map.pad_x = (w - image_w * map.gain_x) / 2;
    map.pad_y = (h - image_h * map.gain_y) / 2;
    /* An image thinner than half a pixel still gets one; OpenCV would refuse
     * it. */
    map.content_w = at_least_1(round_to_even(image_w * map.gain_x));
    map.content_h = at_least_1(round_to_even(image_h * map.gain_y));
    /* round(pad - 0.1) with pad a multiple of a half. */
    map.left = (w - map.content_w) / 2;
    map.top = (h - map.content_h) / 2;
    if (map.mirror)
        map.left = w - map.left - map.content_w;
    *map_out = map;
}

/* Four values each, in fours: a vector of any width takes whole groups. */
static int64_t group_count(int32_t content_w)
{
    return ((int64_t)content_w * 3 + 15) / 16 * 4;
}

int64_t yt_letterbox_table_bytes(int32_t h, int32_t w)
{
    const int64_t group_bytes = 16 + 16 + 8;
    return group_count(w) * group_bytes +
           (int64_t)w * (int64_t)sizeof(struct yt_letterbox_column) +
           (int64_t)h * (int64_t)sizeof(struct yt_letterbox_row);
}

struct tap {
    int32_t first; /* source index; the second is the next one */
    int32_t weight[2];
};

static int32_t clamp(int32_t n, int32_t low, int32_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* Where output index i of count samples a source of size elements. The fraction
 * is rounded to float first, since OpenCV keeps it in one. */
static struct tap find_tap(enum yt_filter filter, int32_t i, int32_t count,
                           int32_t size)
{
    const double scale = 1.0 / ((double)count / size);
    if (filter == YT_FILTER_NEAREST)
        return (struct tap){clamp(floor_to_int(i * scale), 0, size - 1),
                            {YT_LETTERBOX_ONE, 0}};
    const float at = (float)((i + 0.5) * scale - 0.5);
    struct tap tap = {.first = floor_to_int(at)};
    const float fraction = at - (float)tap.first;
    tap.weight[0] = round_to_even((1.0f - fraction) * YT_LETTERBOX_ONE);
    tap.weight[1] = round_to_even(fraction * YT_LETTERBOX_ONE);
    return tap;
}

static void fill_columns(const struct yt_framing *framing,
                         struct yt_letterbox_column *columns, int32_t count,
                         int32_t width, int32_t pixel_bytes)
{
    for (int32_t x = 0; x < count; x++) {
        struct tap tap = find_tap(framing->filter, x, count, width);
        if (tap.first < 0)
            tap = (struct tap){0, {YT_LETTERBOX_ONE, 0}};
        /* At the right edge all the weight is the last pixel's; name it as the
         * right tap, so that both taps exist. */
        if (tap.first >= width - 1 && width > 1)
            tap = (struct tap){width - 2, {0, YT_LETTERBOX_ONE}};
        if (width == 1)
            tap = (struct tap){0, {YT_LETTERBOX_ONE, 0}};
        columns[framing->mirror ? count - 1 - x : x] =
            (struct yt_letterbox_column){
                .offset = tap.first * pixel_bytes,
                .left = (int16_t)tap.weight[0],
                .right = (int16_t)tap.weight[1],
            };
    }
}

/* Unlike columns, rows past an edge keep their weights and repeat the edge. */
static void fill_rows(const struct yt_framing *framing,
                      struct yt_letterbox_row *rows, int32_t count,
                      int32_t height, int64_t stride_bytes)
{
    for (int32_t y = 0; y < count; y++) {
        const struct tap tap = find_tap(framing->filter, y, count, height);
        rows[y] = (struct yt_letterbox_row){
            .upper = stride_bytes * clamp(tap.first, 0, height - 1),
            .lower = stride_bytes * clamp(tap.first + 1, 0, height - 1),
            .upper_weight = tap.weight[0],
            .lower_weight = tap.weight[1],
        };
    }
}

/* Where a group's pixel x is read, moved left where the row ends. */
static int32_t group_offset(const struct yt_letterbox_args *args, int32_t x,
                            int32_t last)
{
    if (x >= args->content_w)
        x = args->content_w - 1;
    const int32_t offset = args->columns[x].offset;
    return offset < last ? offset : last;
}

/* Where 16 bytes are read for pixel x and the next, which in a mirrored image
 * lies before it. */
static int32_t joined_offset(const struct yt_letterbox_args *args, int32_t x,
                             int32_t last)
{
    const int32_t first = group_offset(args, x, last);
    const int32_t second = group_offset(args, x + 1, last);
    return first < second ? first : second;
}

/* Bytes from the row's start to behind the last byte that column x needs. */
static int32_t column_end(const struct yt_letterbox_args *args, int32_t x)
{
    const struct yt_letterbox_column *column = &args->columns[x];
    return column->offset + (column->right ? args->right_step : 0) + 3;
}

/* Whether 16 bytes hold the taps of any two neighbours. Steps differ by one
 * source pixel, so all are looked at. */
static int joins(const struct yt_letterbox_args *args, int32_t row_bytes)
{
    if (row_bytes < 16)
        return 0;
    for (int32_t x = 0; x + 1 < args->content_w; x++) {
        const int32_t end = joined_offset(args, x, row_bytes - 16) + 16;
        if (column_end(args, x) > end || column_end(args, x + 1) > end)
            return 0;
    }
    return 1;
}

/* Value 4g + j: the bytes of its taps, of the 16 that its group reads. */
static void fill_value(const struct yt_letterbox_args *args, int32_t x, int c,
                       int32_t from, uint8_t shuffle[4], int16_t weights[2])
{
    const struct yt_letterbox_column *column = &args->columns[x];
    const uint8_t nothing = 0x80;
    const uint8_t left = (uint8_t)(from + args->channel[c]);
    const uint8_t right = (uint8_t)(left + args->right_step);
    shuffle[0] = column->left ? left : right;
    shuffle[2] = column->left && column->right ? right : nothing;
    shuffle[1] = shuffle[3] = nothing;
    weights[0] = column->left ? column->left : column->right;
    weights[1] = column->left ? column->right : 0;
}

static void fill_groups(struct yt_letterbox_args *args, int32_t row_bytes,
                        void *tables)
{
    const int64_t count = group_count(args->content_w);
    uint8_t(*shuffles)[16] = tables;
    int16_t(*weights)[8] = (int16_t(*)[8])(shuffles + count);
    int32_t(*offsets)[2] = (int32_t(*)[2])(weights + count);
    args->groups = (struct yt_letterbox_groups){
        .shuffles = (const uint8_t(*)[16])shuffles,
        .weights = (const int16_t(*)[8])weights,
        .offsets = (const int32_t(*)[2])offsets,
    };
    if (args->right_step == 0 || row_bytes < 8)
        return;
    const int joined = joins(args, row_bytes);
    args->groups.reading = joined ? YT_LETTERBOX_JOINED : YT_LETTERBOX_HALVES;
    const int32_t last = row_bytes - (joined ? 16 : 8);
    int32_t x = 0;
    int c = 0;
    for (int64_t g = 0; g < count; g++) {
        const int32_t first_x = x;
        const int32_t first =
            joined ? joined_offset(args, x, last) : group_offset(args, x, last);
        const int32_t second =
            joined ? first + 8 : group_offset(args, x + 1, last);
        offsets[g][0] = first;
        offsets[g][1] = second;
        for (int j = 0; j < 4; j++) {
            uint8_t *shuffle = &shuffles[g][4 * j];
            int16_t *pair = &weights[g][2 * j];
            if (x >= args->content_w) {
                memset(shuffle, 0x80, 4);
                memset(pair, 0, 2 * sizeof *pair);
            } else {
                const int32_t start = x == first_x || joined ? first : second;
                const int32_t half = x == first_x || joined ? 0 : 8;
                fill_value(args, x, c, args->columns[x].offset - start + half,
                           shuffle, pair);
            }
            c = c == 2 ? 0 : c + 1;
            x += c == 0;
        }
    }
}

static void fill_channels(struct yt_letterbox_args *args,
                          enum yt_pixel_format format)
{
    const int red_last = format == YT_PIXEL_BGR || format == YT_PIXEL_BGRA;
    for (int c = 0; c < 3; c++)
        args->channel[c] = (uint8_t)(red_last ? 2 - c : c);
}

/* They lie at one end of the row, or of its mirror image. */
static void find_wide_columns(struct yt_letterbox_args *args, int32_t row_bytes)
{
    const struct yt_letterbox_column *columns = args->columns;
    int32_t begin = 0;
    int32_t end = args->content_w;
    while (begin < end && columns[begin].offset + 8 > row_bytes)
        begin++;
    while (end > begin && columns[end - 1].offset + 8 > row_bytes)
        end--;
    args->wide_begin = begin;
    args->wide_end = end;
}

void yt_letterbox_setup(const struct yt_image *image,
                        const struct yt_framing *framing,
                        const struct yt_problem *problem, void *tables,
                        void *out, struct yt_letterbox_args *args_out)
{
    const int32_t h = framing->h;
    const int32_t w = framing->w;
    assert(problem->op == YT_OP_LETTERBOX && problem->u.letterbox.h == h &&
           problem->u.letterbox.w == w);
    struct yt_letterbox_map map;
    yt_letterbox_map(framing, image->height, image->width, &map);
    /* The groups' tables come first, where they are best aligned. */
    struct yt_letterbox_column *columns =
        (struct yt_letterbox_column *)((char *)tables +
                                       yt_letterbox_table_bytes(h, w)) -
        w;
    struct yt_letterbox_row *rows = (struct yt_letterbox_row *)columns - h;
    const int32_t pixel_bytes = yt_image_pixel_bytes(image->format);
    fill_rows(framing, rows, map.content_h, image->height, image->stride_bytes);
    fill_columns(framing, columns, map.content_w, image->width, pixel_bytes);

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
        .dtype = problem->dtype,
        .pad = problem->u.letterbox.pad,
    };
    const int32_t row_bytes = image->width * pixel_bytes;
    const int same_size =
        map.content_w == image->width && map.content_h == image->height;
    find_wide_columns(&args, row_bytes);
    fill_channels(&args, image->format);
    fill_groups(&args, row_bytes, tables);
    if (args.groups.reading == YT_LETTERBOX_JOINED &&
        (same_size || framing->filter == YT_FILTER_NEAREST))
        args.groups.reading = YT_LETTERBOX_COPY;
    *args_out = args;
}

static float clip(float v, int32_t max)
{
    return v<0 ? 0 : v>(float) max ? (float)max : v;
}

void yt_letterbox_unmap(const struct yt_letterbox_map *map, struct yt_box *box)
{
    const float gain_x = (float)map->gain_x;
    const float gain_y = (float)map->gain_y;
    const float pad_x = (float)map->pad_x;
    const float pad_y = (float)map->pad_y;
    const float x0 = map->mirror ? (float)map->w - box->x1 : box->x0;
    const float x1 = map->mirror ? (float)map->w - box->x0 : box->x1;
    box->x0 = clip((x0 - pad_x) / gain_x, map->image_w);
    box->y0 = clip((box->y0 - pad_y) / gain_y, map->image_h);
    box->x1 = clip((x1 - pad_x) / gain_x, map->image_w);
    box->y1 = clip((box->y1 - pad_y) / gain_y, map->image_h);
}

void yt_letterbox_move(const struct yt_letterbox_map *from,
                       const struct yt_letterbox_map *to,
                       const struct yt_candidates *boxes, int32_t count)
{
    const double scale_x = to->gain_x / from->gain_x;
    const double scale_y = to->gain_y / from->gain_y;
    const double start_x = from->mirror ? from->w - from->pad_x : from->pad_x;
    const float sign = from->mirror ? -1 : 1;
    const float x = (float)(to->pad_x - (double)sign * start_x * scale_x);
    const float y = (float)(to->pad_y - from->pad_y * scale_y);
    const float by_x = sign * (float)scale_x;
    const float by_y = (float)scale_y;
    assert(!to->mirror);
    for (int32_t i = 0; i < count; i++) {
        const float x0 = boxes->x0[i] * by_x + x;
        const float x1 = boxes->x1[i] * by_x + x;
        boxes->x0[i] = from->mirror ? x1 : x0;
        boxes->x1[i] = from->mirror ? x0 : x1;
        boxes->y0[i] = boxes->y0[i] * by_y + y;
        boxes->y1[i] = boxes->y1[i] * by_y + y;
    }
}
