#ifndef YT_COOK_TOOM_H
#define YT_COOK_TOOM_H

/* The transforms of Winograd's minimal filtering F(m, 3): m outputs of a filter
 * with three taps from m + 2 products,
 *
 *      y = out (filter g * in d),      y[m], g[3], d[m + 2]
 *
 * with * element by element. Two such, one inside the other, are the F(m x m,
 * 3 x 3) of a convolution: Y = out (filter g filter^T * in d in^T) out^T. They
 * come from the method of Cook and Toom: a product of polynomials is found from
 * its values at m + 1 points and at infinity. See Lavin and Gray, "Fast
 * Algorithms for Convolutional Neural Networks", CVPR 2016. */

#include <stdint.h>

#define YT_COOK_TOOM_TAPS 3
#define YT_COOK_TOOM_MAX  8 /* products */

/** Row i of in and filter, and column i of out, are of point i: 0, then pairs
 *  p and -p, infinity last. So row 2j of in is row 2j - 1 with every other sign
 *  turned, and likewise columns of out. */
struct yt_cook_toom {
    int32_t outputs;                                    /* m */
    int32_t products;                                   /* m + 2 */
    double out[YT_COOK_TOOM_MAX][YT_COOK_TOOM_MAX];     /* [m][m + 2] */
    double in[YT_COOK_TOOM_MAX][YT_COOK_TOOM_MAX];      /* [m + 2][m + 2] */
    double filter[YT_COOK_TOOM_MAX][YT_COOK_TOOM_TAPS]; /* [m + 2][3] */
};

/** The transforms of F(m, 3) from points that were chosen for a small error.
 *  @param outputs m: 2, 4 or 6. */
void yt_cook_toom(int32_t outputs, struct yt_cook_toom *t_out);

/** The same from other points.
 *  @param pairs the m / 2 points p > 0 of the pairs, each another. */
void yt_cook_toom_at(int32_t outputs, const double *pairs,
                     struct yt_cook_toom *t_out);

/** filter g filter^T of a filter's taps at one pair of channels.
 *  @param u_out [m + 2][m + 2], one row after the other. */
void yt_cook_toom_filter(const struct yt_cook_toom *t,
                         const float g[YT_COOK_TOOM_TAPS * YT_COOK_TOOM_TAPS],
                         double u_out[YT_COOK_TOOM_MAX * YT_COOK_TOOM_MAX]);

#endif
