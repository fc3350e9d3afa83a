/* See eval/shapes_canvas.h. */

#include "eval/shapes_canvas.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* A row of pixels is cut into so many to see what of it is covered. */
#define SUB_ROWS 4

/* Cells of noise have from 2^FINEST to 2^COARSEST pixels a side. */
#define FINEST      2
#define COARSEST    7
#define OCTAVES_MAX (COARSEST - FINEST + 1)

int32_t yt_canvas_below(struct yt_canvas *canvas, int32_t n)
{
    const uint64_t high = yt_random_next(&canvas->random) >> 32;
    return (int32_t)(high * (uint64_t)n >> 32);
}

int32_t yt_canvas_between(struct yt_canvas *canvas, int32_t low, int32_t high)
{
    return low + yt_canvas_below(canvas, high - low + 1);
}

static int32_t clamp(int32_t n, int32_t low, int32_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* Bhaskara's: sin(pi x / n) is about 16x(n-x) / (5n^2 - 4x(n-x)). */
int32_t yt_shapes_sine(int32_t angle)
{
    const int32_t half = YT_SHAPES_TURN / 2;
    const int32_t at = angle & (YT_SHAPES_TURN - 1);
    const int64_t x = at & (half - 1);
    const int64_t product = x * (half - x);
    const int32_t sine = (int32_t)((16 * product * 1024) /
                                   (5 * (int64_t)half * half - 4 * product));
    return at < half ? sine : -sine;
}

enum yt_status yt_canvas_init(struct yt_canvas *canvas_out, int32_t width,
                              int32_t height, uint64_t seed)
{
    struct yt_canvas *canvas = canvas_out;
    const size_t pixels = (size_t)width * (size_t)height;
    if (canvas->picture.width != width || canvas->picture.height != height) {
        yt_canvas_deinit(canvas);
        YT_TRY(yt_picture_init(width, height, &canvas->picture));
        canvas->noise = malloc(pixels);
        canvas->owner = malloc(pixels);
        canvas->row = malloc((size_t)width * sizeof *canvas->row);
    }
    if (!canvas->noise || !canvas->owner || !canvas->row) {
        yt_canvas_deinit(canvas);
        return yt_fail(YT_NO_MEMORY, "no memory for %dx%d pixels", width,
                       height);
    }
    memset(canvas->picture.rgb, 0, 3 * pixels);
    memset(canvas->owner, 0, pixels);
    memset(canvas->noise, 128, pixels);
    canvas->random = seed;
    return YT_OK;
}

void yt_canvas_deinit(struct yt_canvas *canvas)
{
    yt_picture_deinit(&canvas->picture);
    free(canvas->noise);
    free(canvas->owner);
    free(canvas->row);
    memset(canvas, 0, sizeof *canvas);
}

/* ---------------------------------------------------------------- noise */

/* The value at a corner of the lattice of an octave. */
static int32_t corner(uint64_t seed, int32_t x, int32_t y)
{
    uint64_t state = seed + (uint64_t)y * UINT64_C(0x100000001b3) + (uint64_t)x;
    return (int32_t)(yt_random_next(&state) >> 56);
}

/* Smoothly from 0 to 256 while i goes from 0 to 2^shift. */
static int32_t ease(int32_t i, int32_t shift)
{
    const int32_t t = i << (8 - shift);
    return t * t * (3 * 256 - 2 * t) >> 16;
}

/* Add weight times an octave's row y to the row's sums. */
static void add_octave(int32_t *sums, int32_t width, int32_t y, int32_t shift,
                       int32_t weight, uint64_t seed)
{
    const int32_t cell = 1 << shift;
    const int32_t down = ease(y & (cell - 1), shift);
    int32_t right = 0;
    for (int32_t x = -cell; x < width; x += cell) {
        const int32_t column = (x >> shift) + 1;
        const int32_t left = right;
        const int32_t upper = corner(seed, column, y >> shift);
        const int32_t lower = corner(seed, column, (y >> shift) + 1);
        right = upper * 256 + (lower - upper) * down;
        for (int32_t i = 0; i < cell && x >= 0 && x + i < width; i++)
            sums[x + i] +=
                (left + ((right - left) * ease(i, shift) >> 8)) / 256 * weight;
    }
}

void yt_canvas_make_noise(struct yt_canvas *canvas, int32_t coarsest)
{
    const int32_t width = canvas->picture.width;
    const int32_t top = clamp(coarsest, FINEST, COARSEST);
    uint64_t seeds[OCTAVES_MAX];
    int32_t weights[OCTAVES_MAX];
    int32_t total = 0;
    int32_t weight = 256;
    for (int32_t i = 0; i <= top - FINEST; i++) {
        seeds[i] = yt_random_next(&canvas->random);
        weights[i] = weight;
        total += weight;
        weight = weight * 5 / 8;
    }
    for (int32_t y = 0; y < canvas->picture.height; y++) {
        memset(canvas->row, 0, (size_t)width * sizeof *canvas->row);
        for (int32_t i = 0; i <= top - FINEST; i++)
            add_octave(canvas->row, width, y, top - i, weights[i], seeds[i]);
        uint8_t *noise = canvas->noise + (size_t)y * (size_t)width;
        /* A mean of octaves seldom leaves the middle: twice as far from it. */
        for (int32_t x = 0; x < width; x++)
            noise[x] =
                (uint8_t)clamp(2 * (canvas->row[x] / total) - 128, 0, 255);
    }
}

/* -------------------------------------------------------------- texture */

/* How far a point lies in its period, 0..1023. */
static int32_t phase(int32_t along, int32_t period)
{
    const int32_t rest = (along >> 10) % period;
    return (rest < 0 ? rest + period : rest) * 1024 / period;
}

/* How much of the second colour is at a pixel, 0..256. */
static int32_t second_share(const struct yt_texture *texture, int32_t x,
                            int32_t y)
{
    const int32_t along = x * texture->dx + y * texture->dy;
    const int32_t across = y * texture->dx - x * texture->dy;
    const int32_t at = phase(along, texture->period);
    switch (texture->kind) {
    case YT_TEXTURE_GRADIENT:
        return at < 512 ? at / 2 : 512 - at / 2;
    case YT_TEXTURE_STRIPES:
        return at < 512 ? 256 : 0;
    case YT_TEXTURE_CHECKS:
        return (at < 512) == (phase(across, texture->period) < 512) ? 256 : 0;
    default:
        return 0;
    }
}

/* i of 0..size-1, and back again, and so on: noise that goes on has no seam. */
static int32_t mirrored(int32_t i, int32_t size)
{
    const int32_t rest = i % (2 * size);
    return rest < size ? rest : 2 * size - 1 - rest;
}

static int32_t with_noise(const struct yt_canvas *canvas,
                          const struct yt_texture *texture, int32_t share,
                          int32_t x, int32_t y)
{
    const struct yt_picture *picture = &canvas->picture;
    const int32_t from_x = mirrored(x + texture->noise_x, picture->width);
    const int32_t from_y = mirrored(y + texture->noise_y, picture->height);
    const int32_t noise =
        canvas->noise[(size_t)from_y * (size_t)picture->width + (size_t)from_x];
    return (share * (256 - texture->noise) + noise * texture->noise) >> 8;
}

/* Colour a pixel: cover of 256 parts are the texture's. */
static void paint(struct yt_canvas *canvas, const struct yt_texture *texture,
                  int32_t x, int32_t y, int32_t cover)
{
    const int32_t share =
        with_noise(canvas, texture, second_share(texture, x, y), x, y);
    uint8_t *rgb = canvas->picture.rgb +
                   3 * ((size_t)y * (size_t)canvas->picture.width + (size_t)x);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t first = texture->colours[0][i];
        const int32_t second = texture->colours[1][i];
        const int32_t colour = first * (256 - share) + second * share;
        rgb[i] =
            (uint8_t)((rgb[i] * (256 - cover) + (colour >> 8) * cover) >> 8);
    }
}

/* -------------------------------------------------------------- polygon */

static int compare(const void *a_, const void *b_)
{
    const int32_t a = *(const int32_t *)a_;
    const int32_t b = *(const int32_t *)b_;
    return (a > b) - (a < b);
}

/* Where the edges cross the line at y, from left to right. */
static int32_t find_crossings(const struct yt_polygon *polygon, int32_t y,
                              int32_t crossings[YT_SHAPES_POINTS_MAX])
{
    int32_t count = 0;
    for (int32_t i = 0; i < polygon->count; i++) {
        const int32_t j = i + 1 < polygon->count ? i + 1 : 0;
        const int32_t y0 = polygon->y[i];
        const int32_t y1 = polygon->y[j];
        if ((y0 <= y) == (y1 <= y))
            continue;
        const int64_t run = polygon->x[j] - polygon->x[i];
        crossings[count++] =
            polygon->x[i] + (int32_t)(run * (y - y0) / (y1 - y0));
    }
    qsort(crossings, (size_t)count, sizeof *crossings, compare);
    return count;
}

/* Add what a span covers of each pixel of the row. */
static void add_span(int32_t *row, int32_t width, int32_t from, int32_t to)
{
    from = clamp(from, 0, width * YT_SHAPES_PIXEL);
    to = clamp(to, 0, width * YT_SHAPES_PIXEL);
    for (int32_t at = from; at < to;) {
        const int32_t x = at / YT_SHAPES_PIXEL;
        const int32_t end = (x + 1) * YT_SHAPES_PIXEL;
        row[x] += (end < to ? end : to) - at;
        at = end;
    }
}

/* The row's pixels in 256ths. */
static void cover_row(struct yt_canvas *canvas,
                      const struct yt_polygon *polygon, int32_t y)
{
    const int32_t width = canvas->picture.width;
    const int32_t step = YT_SHAPES_PIXEL / SUB_ROWS;
    memset(canvas->row, 0, (size_t)width * sizeof *canvas->row);
    for (int32_t i = 0; i < SUB_ROWS; i++) {
        int32_t crossings[YT_SHAPES_POINTS_MAX];
        const int32_t line = y * YT_SHAPES_PIXEL + i * step + step / 2;
        const int32_t count = find_crossings(polygon, line, crossings);
        for (int32_t j = 0; j + 1 < count; j += 2)
            add_span(canvas->row, width, crossings[j], crossings[j + 1]);
    }
    for (int32_t x = 0; x < width; x++)
        canvas->row[x] /= SUB_ROWS;
}

static void find_rows(const struct yt_polygon *polygon, int32_t height,
                      int32_t *first_out, int32_t *last_out)
{
    int32_t first = polygon->y[0];
    int32_t last = first;
    for (int32_t i = 1; i < polygon->count; i++) {
        first = polygon->y[i] < first ? polygon->y[i] : first;
        last = polygon->y[i] > last ? polygon->y[i] : last;
    }
    *first_out = clamp(first / YT_SHAPES_PIXEL, 0, height);
    *last_out = clamp(last / YT_SHAPES_PIXEL, -1, height - 1);
}

void yt_canvas_fill(struct yt_canvas *canvas, const struct yt_polygon *polygon,
                    const struct yt_texture *texture, int32_t alpha,
                    int32_t owner)
{
    const int32_t width = canvas->picture.width;
    int32_t first, last;
    find_rows(polygon, canvas->picture.height, &first, &last);
    for (int32_t y = first; y <= last; y++) {
        cover_row(canvas, polygon, y);
        uint8_t *owners = canvas->owner + (size_t)y * (size_t)width;
        for (int32_t x = 0; x < width; x++) {
            const int32_t covered = canvas->row[x];
            if (covered == 0)
                continue;
            paint(canvas, texture, x, y, covered * alpha >> 8);
            if (owner >= 0 && covered >= YT_SHAPES_PIXEL / 2)
                owners[x] = (uint8_t)owner;
        }
    }
}

int64_t yt_polygon_area(const struct yt_polygon *polygon)
{
    int64_t twice = 0;
    for (int32_t i = 0; i < polygon->count; i++) {
        const int32_t j = i + 1 < polygon->count ? i + 1 : 0;
        twice += (int64_t)polygon->x[i] * polygon->y[j] -
                 (int64_t)polygon->x[j] * polygon->y[i];
    }
    const int64_t unit = (int64_t)YT_SHAPES_PIXEL * YT_SHAPES_PIXEL;
    return (twice < 0 ? -twice : twice) / 2 / unit;
}

/* -------------------------------------------------------- whole picture */

void yt_canvas_blur(struct yt_canvas *canvas)
{
    const int32_t width = canvas->picture.width;
    const int32_t height = canvas->picture.height;
    const size_t bytes = 3 * (size_t)width;
    uint8_t *rgb = canvas->picture.rgb;
    /* In place, a direction at a time: what is behind is kept in `before`. */
    for (int32_t i = 0; i < 3 * height; i++) {
        uint8_t *at = rgb + (size_t)(i / 3) * bytes + i % 3;
        for (int32_t x = 0, before = at[0]; x < width; x++, at += 3) {
            const int32_t here = at[0];
            const int32_t after = x + 1 < width ? at[3] : here;
            at[0] = (uint8_t)((before + 2 * here + after + 2) >> 2);
            before = here;
        }
    }
    for (size_t i = 0; i < bytes; i++) {
        uint8_t *at = rgb + i;
        for (int32_t y = 0, before = at[0]; y < height; y++, at += bytes) {
            const int32_t here = at[0];
            const int32_t after = y + 1 < height ? at[bytes] : here;
            at[0] = (uint8_t)((before + 2 * here + after + 2) >> 2);
            before = here;
        }
    }
}

void yt_canvas_add_grain(struct yt_canvas *canvas, int32_t amplitude)
{
    const size_t bytes =
        3 * (size_t)canvas->picture.width * (size_t)canvas->picture.height;
    for (size_t i = 0; i < bytes; i++) {
        const int32_t grain = yt_canvas_between(canvas, -amplitude, amplitude);
        canvas->picture.rgb[i] =
            (uint8_t)clamp(canvas->picture.rgb[i] + grain, 0, 255);
    }
}
