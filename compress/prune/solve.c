/* Everything is made of scalar products of rows, four rows with two at a time:
 * rows are contiguous, and each number that is loaded is used twice or four
 * times. Panels of rows stay in the cache while the others pass by. */

#include "compress/prune/solve.h"

#include <math.h>
#include <string.h>

#define PANEL 16
#define LANES 2

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

static inline lanes load(const double *x)
{
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

/* Rows @p i to i + 3 of a matrix, the last one again past its end. */
static inline void take_rows(const double *x, int32_t stride, int32_t i,
                             int32_t count, const double *rows[4])
{
    for (int32_t a = 0; a < 4; a++)
        rows[a] = x + (int64_t)(i + a < count ? i + a : count - 1) * stride;
}

/* Add the products of one row with two. */
static inline void add_pair(const double *x, lanes y0, lanes y1, lanes sums[2])
{
    const lanes v = load(x);
    sums[0] += v * y0;
    sums[1] += v * y1;
}

/* Products of four rows with two. Four calls instead of a loop, which gcc keeps
 * as one at -O2, with sums in memory: half the speed. */
static void multiply(const double *const x[4], const double *const y[2],
                     int32_t begin, int32_t end, double out[4][2])
{
    lanes sums[4][2] = {{{0}}};
    int32_t k = begin;
    for (; k + LANES <= end; k += LANES) {
        const lanes y0 = load(y[0] + k);
        const lanes y1 = load(y[1] + k);
        add_pair(x[0] + k, y0, y1, sums[0]);
        add_pair(x[1] + k, y0, y1, sums[1]);
        add_pair(x[2] + k, y0, y1, sums[2]);
        add_pair(x[3] + k, y0, y1, sums[3]);
    }
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 2; b++) {
            out[a][b] = sums[a][b][0] + sums[a][b][1];
            for (int32_t i = k; i < end; i++)
                out[a][b] += x[a][i] * y[b][i];
        }
}

static void solve_panel(const double *l, int32_t n, int32_t stride, double *x,
                        int32_t count, int32_t x_stride)
{
    for (int32_t j = 0; j < n; j += 2) {
        const int paired = j + 1 < n;
        const double *const lj = l + (int64_t)j * stride;
        const double *const y[2] = {lj, paired ? lj + stride : lj};
        for (int32_t i = 0; i < count; i += 4) {
            const double *rows[4];
            double sums[4][2];
            take_rows(x, x_stride, i, count, rows);
            multiply(rows, y, 0, j, sums);
            for (int32_t a = 0; a < 4 && i + a < count; a++) {
                double *const to = x + (int64_t)(i + a) * x_stride + j;
                to[0] = (to[0] - sums[a][0]) / y[0][j];
                if (paired)
                    to[1] =
                        (to[1] - sums[a][1] - to[0] * y[1][j]) / y[1][j + 1];
            }
        }
    }
}

void yt_solve_forward(const double *l, int32_t n, int32_t stride, double *x,
                      int32_t count, int32_t x_stride)
{
    for (int32_t i = 0; i < count; i += PANEL)
        solve_panel(l, n, stride, x + (int64_t)i * x_stride,
                    count - i < PANEL ? count - i : PANEL, x_stride);
}

void yt_solve_backward(const double *l, int32_t n, int32_t stride, double *x,
                       int32_t count, int32_t x_stride)
{
    for (int32_t k = n - 1; k >= 0; k--) {
        const double *const row = l + (int64_t)k * stride;
        for (int32_t i = 0; i < count; i++) {
            double *const to = x + (int64_t)i * x_stride;
            to[k] /= row[k];
            const double z = to[k];
            for (int32_t j = 0; j < k; j++)
                to[j] -= z * row[j];
        }
    }
}

/* The square at the diagonal; what is left of it is solved already. */
static int factor_corner(double *a, int32_t first, int32_t count,
                         int32_t stride)
{
    for (int32_t i = first; i < first + count; i++) {
        double *const row = a + (int64_t)i * stride;
        for (int32_t j = first; j <= i; j++) {
            const double *const other = a + (int64_t)j * stride;
            double sum = row[j];
            for (int32_t k = 0; k < j; k++)
                sum -= row[k] * other[k];
            if (j < i)
                row[j] = sum / other[j];
            else if (sum > 0)
                row[i] = sqrt(sum);
            else
                return 0;
        }
    }
    return 1;
}

int yt_cholesky(double *a, int32_t n, int32_t stride)
{
    for (int32_t first = 0; first < n; first += PANEL) {
        const int32_t count = n - first < PANEL ? n - first : PANEL;
        solve_panel(a, first, stride, a + (int64_t)first * stride, count,
                    stride);
        if (!factor_corner(a, first, count, stride))
            return 0;
    }
    return 1;
}

/* A^-1 = U U' with U = L'^-1, whose row i begins at i. */
static void multiply_upper(const double *u, int32_t n, int32_t panel, double *a)
{
    const int32_t end = panel + PANEL < n ? panel + PANEL : n;
    for (int32_t j = 0; j < end; j += 2) {
        const double *const uj = u + (int64_t)j * n;
        const double *const y[2] = {uj, j + 1 < n ? uj + n : uj};
        for (int32_t i = panel; i < end; i += 4) {
            const double *rows[4];
            double sums[4][2];
            take_rows(u, n, i, n, rows);
            multiply(rows, y, i, n, sums);
            for (int32_t k = i; k < i + 4 && k < end; k++)
                for (int32_t b = 0; b < 2 && j + b <= k; b++) {
                    a[(int64_t)k * n + j + b] = sums[k - i][b];
                    a[(int64_t)(j + b) * n + k] = sums[k - i][b];
                }
        }
    }
}

int yt_invert(double *a, int32_t n, double *scratch)
{
    if (!yt_cholesky(a, n, n))
        return 0;
    memset(scratch, 0, (size_t)n * (size_t)n * sizeof *scratch);
    for (int32_t i = 0; i < n; i += PANEL) {
        const int32_t count = n - i < PANEL ? n - i : PANEL;
        const int64_t corner = (int64_t)i * n + i;
        for (int32_t k = i; k < i + count; k++)
            scratch[(int64_t)k * n + k] = 1;
        solve_panel(a + corner, n - i, n, scratch + corner, count, n);
    }
    for (int32_t i = 0; i < n; i += PANEL)
        multiply_upper(scratch, n, i, a);
    return 1;
}
