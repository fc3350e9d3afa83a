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
static inline void sample(const struct yt_pixels *from, int64_t x, int64_t y,
                          uint8_t *out)
{
    const uint8_t *upper = from->rgb + (y >> 16) * from->stride + 3 * (x >> 16);
    const uint8_t *lower = upper + from->stride;
    const int32_t right = (int32_t)(x >> 8 & 255);
    const int32_t down = (int32_t)(y >> 8 & 255);
    for (int c = 0; c < 3; c++) {
        const int32_t a = upper[c] * (256 - right) + upper[c + 3] * right;
        const int32_t b = lower[c] * (256 - right) + lower[c + 3] * right;
        out[c] = (uint8_t)((a * (256 - down) + b * down + 32768) >> 16);
    }
}

/* Whether pixels i and i + 1 are there, or at the border. */
static inline int is_inside(int64_t at, int32_t size)
{
    const int64_t i = at >> 16;
    return i >= -1 && i < size;
}

void yt_pixels_warp(const struct yt_pixels *from,
                    const struct yt_affine *to_from, const struct yt_pixels *to)
{
    const int64_t step_x = llround(to_from->m[0][0] * ONE);
    const int64_t step_y = llround(to_from->m[1][0] * ONE);
    for (int32_t row = 0; row < to->h; row++) {
        double start_x, start_y;
        yt_affine_apply(to_from, 0.5, row + 0.5, &start_x, &start_y);
        int64_t x = llround((start_x - 0.5) * ONE);
        int64_t y = llround((start_y - 0.5) * ONE);
        uint8_t *out = to->rgb + row * to->stride;
        for (int32_t i = 0; i < to->w; i++, out += 3) {
            if (is_inside(x, from->w) && is_inside(y, from->h))
                sample(from, x, y, out);
            else
                memset(out, YT_LETTERBOX_GREY, 3);
            x += step_x;
            y += step_y;
        }
    }
}

/* -------------------------------------------------------------- colours */

/* Pixels at a time: a count that compilers make vectors of. */
#define BLOCK 16

static inline float least(float a, float b)
{
    return a < b ? a : b;
}

static inline float most(float a, float b)
{
    return a > b ? a : b;
}

/* A channel of a colour of full hue: n is 5 for red, 3 for green, 1 for blue;
 * hue in sixths of the circle. */
static inline float channel(float n, float hue, float value, float chroma)
{
    const float sum = n + hue;
    const float k = sum >= 6 ? sum - 6 : sum;
    return value - chroma * most(0, least(1, least(k, 4 - k)));
}

static void change_block(const struct yt_colour_gains *gains, float *red,
                         float *green, float *blue)
{
    for (int i = 0; i < BLOCK; i++) {
        const float r = red[i];
        const float g = green[i];
        const float b = blue[i];
        const float value = most(r, most(g, b));
        const float chroma = value - least(r, least(g, b));
        const float inverse = 1 / most(chroma, 1e-6f);
        const float of_red = (g - b) * inverse;
        const float of_green = 2 + (b - r) * inverse;
        const float of_blue = 4 + (r - g) * inverse;
        const float any = value == r ? of_red : value == g ? of_green : of_blue;
        const float hue = (any < 0 ? any + 6 : any) * gains->hue;
        const float turned = hue >= 6 ? hue - 6 : hue;
        const float saturation =
            least(1, chroma / most(value, 1e-6f) * gains->saturation);
        const float bright = least(1, value * gains->value);
        red[i] = channel(5, turned, bright, bright * saturation);
        green[i] = channel(3, turned, bright, bright * saturation);
        blue[i] = channel(1, turned, bright, bright * saturation);
    }
}

static void change_row(const struct yt_colour_gains *gains, int32_t w,
                       float *const rows[3])
{
    int32_t x = 0;
    for (; x + BLOCK <= w; x += BLOCK)
        change_block(gains, rows[0] + x, rows[1] + x, rows[2] + x);
    if (x == w)
        return;
    float rest[3][BLOCK] = {{0}};
    for (int c = 0; c < 3; c++)
        memcpy(rest[c], rows[c] + x, (size_t)(w - x) * sizeof(float));
    change_block(gains, rest[0], rest[1], rest[2]);
    for (int c = 0; c < 3; c++)
        memcpy(rows[c] + x, rest[c], (size_t)(w - x) * sizeof(float));
}

static void split_row(const uint8_t *rgb, int32_t w, int32_t flip,
                      float *const rows[3])
{
    const int64_t step = flip ? -3 : 3;
    const uint8_t *at = flip ? rgb + 3 * ((int64_t)w - 1) : rgb;
    for (int32_t x = 0; x < w; x++, at += step)
        for (int c = 0; c < 3; c++)
            rows[c][x] = (float)at[c] / 255.0f;
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
        const int32_t from = flip_ud ? h - 1 - y : y;
        split_row(pixels->rgb + from * pixels->stride, w, flip_lr, rows);
        if (gains != NULL)
            change_row(gains, w, rows);
    }
}
