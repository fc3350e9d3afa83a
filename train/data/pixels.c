/* See train/data/pixels.h. */

#include "train/data/pixels.h"

#include <math.h>
#include <string.h>

#include "runtime/letterbox.h"

struct yt_affine yt_affine_inverse(const struct yt_affine *affine)
{
    const double a = affine->m[0][0];
    const double b = affine->m[0][1];
    const double c = affine->m[1][0];
    const double d = affine->m[1][1];
    const double determinant = a * d - b * c;
    struct yt_affine inverse = {{{d / determinant, -b / determinant, 0},
                                 {-c / determinant, a / determinant, 0}}};
    double x, y;
    yt_affine_apply(&inverse, affine->m[0][2], affine->m[1][2], &x, &y);
    inverse.m[0][2] = -x;
    inverse.m[1][2] = -y;
    return inverse;
}

void yt_affine_apply(const struct yt_affine *affine, double x, double y,
                     double *x_out, double *y_out)
{
    const double(*m)[3] = affine->m;
    *x_out = m[0][0] * x + m[0][1] * y + m[0][2];
    *y_out = m[1][0] * x + m[1][1] * y + m[1][2];
}

/* ----------------------------------------------------------------- warp */

/* Places are in 65536ths of a pixel, weights in 256ths. */
#define ONE 65536.0

/* The four pixels around (x, y), which has to lie among them. */
static inline void sample(const uint8_t *rgb, int64_t stride, int64_t x,
                          int64_t y, uint8_t *restrict out)
{
    const uint8_t *upper = rgb + (y >> 16) * stride + 3 * (x >> 16);
    const uint8_t *lower = upper + stride;
    const int32_t right = (int32_t)(x >> 8 & 255);
    const int32_t down = (int32_t)(y >> 8 & 255);
    for (int c = 0; c < 3; c++) {
        const int32_t a = upper[c] * (256 - right) + upper[c + 3] * right;
        const int32_t b = lower[c] * (256 - right) + lower[c + 3] * right;
        out[c] = (uint8_t)((a * (256 - down) + b * down + 32768) >> 16);
    }
}

/* A place, and the step to the place of the next pixel. */
struct walk {
    int64_t x, y, step_x, step_y;
};

/* Whether the four pixels around a place are there, or of the border. */
static int is_inside(const struct yt_pixels *from, const struct walk *walk,
                     int32_t i)
{
    const int64_t x = (walk->x + i * walk->step_x) >> 16;
    const int64_t y = (walk->y + i * walk->step_y) >> 16;
    return x >= -1 && x < from->w && y >= -1 && y < from->h;
}

/* A straight line is inside from one pixel to another, and nowhere else. */
static void warp_row(const struct yt_pixels *from, const struct walk *walk,
                     int32_t w, uint8_t *out)
{
    int32_t begin = 0;
    int32_t end = w;
    while (begin < end && !is_inside(from, walk, begin))
        begin++;
    while (begin < end && !is_inside(from, walk, end - 1))
        end--;
    memset(out, YT_LETTERBOX_GREY, 3 * (size_t)begin);
    const struct yt_pixels source = *from;
    const struct walk steps = *walk;
    for (int32_t i = begin; i < end; i++)
        sample(source.rgb, source.stride, steps.x + i * steps.step_x,
               steps.y + i * steps.step_y, out + 3 * (int64_t)i);
    memset(out + 3 * (int64_t)end, YT_LETTERBOX_GREY, 3 * (size_t)(w - end));
}

void yt_pixels_warp(const struct yt_pixels *from,
                    const struct yt_affine *to_from, const struct yt_pixels *to)
{
    struct walk walk = {.step_x = llround(to_from->m[0][0] * ONE),
                        .step_y = llround(to_from->m[1][0] * ONE)};
    for (int32_t row = 0; row < to->h; row++) {
        double x, y;
        yt_affine_apply(to_from, 0.5, row + 0.5, &x, &y);
        walk.x = llround((x - 0.5) * ONE);
        walk.y = llround((y - 0.5) * ONE);
        warp_row(from, &walk, to->w, to->rgb + row * to->stride);
    }
}

/* -------------------------------------------------------------- colours */

/* Pixels at a time: a count that compilers make vectors of, once there is
 * nothing in the loop that looks like a branch. So what is chosen by comparing
 * is chosen among integers, and limits of floats are sums. */
#define BLOCK 64

/* The lesser of x and 1. */
static inline float at_most_1(float x)
{
    return (1 + x - fabsf(1 - x)) / 2;
}

/* x, or 0 and 1 outside of them. */
static inline float share(float x)
{
    return (fabsf(x) - fabsf(x - 1) + 1) / 2;
}

/* A hue in sixths of the circle, 0 to below 12, brought below 6. */
static inline float below_6(float hue)
{
    return hue - 6.0f * (float)(int32_t)(hue * (1.0f / 6));
}

/* A channel of a colour: n is 5 for red, 3 for green, 1 for blue. */
static inline float channel(float n, float hue, float value, float chroma)
{
    return value - chroma * share(2 - fabsf(below_6(n + hue) - 2));
}

/* By way of hue, saturation and value. */
static void change_block(const struct yt_colour_gains *gains,
                         int32_t rgb[3][BLOCK], float out[3][BLOCK])
{
    const float least = 1e-3f; /* black has no saturation, grey no hue */
    for (int i = 0; i < BLOCK; i++) {
        const int32_t r = rgb[0][i];
        const int32_t g = rgb[1][i];
        const int32_t b = rgb[2][i];
        const int32_t high = r > g ? r : g;
        const int32_t low = r < g ? r : g;
        const int32_t most = high > b ? high : b;
        const int32_t range = most - (low < b ? low : b);
        const int32_t is_red = most == r;
        const int32_t is_green = (1 - is_red) & (most == g);
        const int32_t is_blue = 1 - is_red - is_green;
        const int32_t turn =
            is_red * (g - b) + is_green * (b - r) + is_blue * (r - g);
        const int32_t sixth = is_red * (g < b) * 6 + is_green * 2 + is_blue * 4;
        const float hue = (float)sixth + (float)turn / ((float)range + least);
        const float saturation =
            at_most_1((float)range / ((float)most + least) * gains->saturation);
        const float value = at_most_1((float)most / 255 * gains->value);
        const float turned = below_6(hue * gains->hue);
        out[0][i] = channel(5, turned, value, value * saturation);
        out[1][i] = channel(3, turned, value, value * saturation);
        out[2][i] = channel(1, turned, value, value * saturation);
    }
}

/* step: bytes from a pixel to the one that comes next in the row. */
static void change_row(const struct yt_colour_gains *gains, const uint8_t *rgb,
                       int32_t step, int32_t w, float *const rows[3])
{
    int32_t in[3][BLOCK] = {{0}};
    float out[3][BLOCK];
    for (int32_t x = 0; x < w; x += BLOCK) {
        const int32_t count = w - x < BLOCK ? w - x : BLOCK;
        for (int32_t i = 0; i < count; i++, rgb += step)
            for (int c = 0; c < 3; c++)
                in[c][i] = rgb[c];
        change_block(gains, in, out);
        for (int c = 0; c < 3; c++)
            memcpy(rows[c] + x, out[c], (size_t)count * sizeof(float));
    }
}

static void split_row(const uint8_t *rgb, int32_t step, int32_t w,
                      float *const rows[3])
{
    for (int32_t x = 0; x < w; x++, rgb += step)
        for (int c = 0; c < 3; c++)
            rows[c][x] = (float)rgb[c] / 255;
}

void yt_pixels_to_planes(const struct yt_pixels *pixels,
                         const struct yt_colour_gains *gains, int32_t flip_lr,
                         int32_t flip_ud, float *planes_out)
{
    const int32_t h = pixels->h;
    const int32_t w = pixels->w;
    const int64_t plane = (int64_t)h * w;
    for (int32_t y = 0; y < h; y++) {
        float *first = planes_out + (int64_t)y * w;
        float *const rows[3] = {first, first + plane, first + 2 * plane};
        const uint8_t *rgb =
            pixels->rgb + (flip_ud ? h - 1 - y : y) * pixels->stride;
        const int32_t step = flip_lr ? -3 : 3;
        if (flip_lr)
            rgb += 3 * ((int64_t)w - 1);
        if (gains != NULL)
            change_row(gains, rgb, step, w, rows);
        else
            split_row(rgb, step, w, rows);
    }
}
