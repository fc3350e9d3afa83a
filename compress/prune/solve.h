#ifndef YT_SOLVE_H
#define YT_SOLVE_H

/* Symmetric positive systems, dense, in double. Matrices are rows of @p stride
 * numbers, of which the lower triangle counts. */

#include <stdint.h>

/** A = L L'; L takes the lower triangle of @p a. What is above the diagonal
 *  stays.
 *  @return 1; 0 for a matrix that is not positive. */
int yt_cholesky(double *a, int32_t n, int32_t stride);

/** Each of the @p count rows of @p x, x_stride apart, becomes x L'^-1. */
void yt_solve_forward(const double *l, int32_t n, int32_t stride, double *x,
                      int32_t count, int32_t x_stride);

/** Each row of @p x becomes x L^-1; after yt_solve_forward(): x A^-1. */
void yt_solve_backward(const double *l, int32_t n, int32_t stride, double *x,
                       int32_t count, int32_t x_stride);

/** A^-1, both triangles, in place of A.
 *  @param scratch [n][n].
 *  @return as yt_cholesky(). */
int yt_invert(double *a, int32_t n, double *scratch);

#endif
