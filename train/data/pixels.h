#ifndef YT_PIXELS_H
#define YT_PIXELS_H

/* What augmentation does to pixels: moved, coloured, brought into planes. */

#include <stdint.h>

/** Pixels of a larger picture or of one of their own, [h][w][3] RGB. */
struct yt_pixels {
    uint8_t *rgb;
    int32_t h, w;
    int64_t stride; /* bytes from a row to the next */
};

/** x' = m[0][0] x + m[0][1] y + m[0][2], y' likewise with m[1]; coordinates
 *  are continuous, the centre of the first pixel is 0.5, 0.5. */
struct yt_affine {
    double m[2][3];
};

/** The way back. @pre @p affine can be gone back on. */
struct yt_affine yt_affine_inverse(const struct yt_affine *affine);

void yt_affine_apply(const struct yt_affine *affine, double x, double y,
                     double *x_out, double *y_out);

/** Fill @p to with what lies at each pixel of it in @p from, bilinear; what is
 *  outside is grey 114.
 *
 * @param to_from from a place in @p to to that in @p from.
 * @param from    with a pixel of grey 114 around it on each side, which its
 *                stride leaves room for. */
void yt_pixels_warp(const struct yt_pixels *from,
                    const struct yt_affine *to_from,
                    const struct yt_pixels *to);

/** Factors for hue, saturation and value, 0..2. */
struct yt_colour_gains {
    float hue, saturation, value;
};

/** Write [3][h][w] floats of 0..1.
 *  @param gains NULL: colours stay.
 *  @param flip_lr 1: left and right change places.
 *  @param flip_ud 1: top and bottom do. */
void yt_pixels_to_planes(const struct yt_pixels *pixels,
                         const struct yt_colour_gains *gains, int32_t flip_lr,
                         int32_t flip_ud, float *planes_out);

#endif
