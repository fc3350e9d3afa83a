/* With H the inverse, L L' its part of those that go, X = w L'^-1 of their
 * weights w, and Z = L^-1 times the rows of H of those that go:
 *      loss = |X|^2,   weights -= X Z,   H -= Z' Z */

#include "compress/prune/eliminate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune/solve.h"
#include "runtime/fail.h"

enum yt_status yt_elimination_init(const struct yt_conv_moments *m,
                                   int32_t first, const float *weights,
                                   int32_t rows, int32_t most,
                                   struct yt_elimination *e)
{
    const int32_t n = m->n - first < m->block ? m->n - first : m->block;
    const size_t size = (size_t)n;
    *e = (struct yt_elimination){.n = n, .rows = rows, .left = n};
    e->inverse = malloc(size * size * sizeof *e->inverse);
    e->weights = malloc((size_t)rows * size * sizeof *e->weights);
    e->at = malloc(size * sizeof *e->at);
    e->holder = malloc(size * sizeof *e->holder);
    e->factor = malloc((size_t)most * (size_t)most * sizeof *e->factor);
    e->part = malloc((size_t)rows * (size_t)most * sizeof *e->part);
    e->coupling = malloc((size_t)most * size * sizeof *e->coupling);
    e->column = malloc((size_t)most * sizeof *e->column);
    YT_FAIL_IF(!e->inverse || !e->weights || !e->at || !e->holder ||
                   !e->factor || !e->part || !e->coupling || !e->column,
               YT_NO_MEMORY, "no memory to take away %d of %d weights", most,
               n);
    const double *inverse =
        m->inverse + (int64_t)(first / m->block) * m->block * m->block;
    for (int32_t i = 0; i < n; i++) {
        memcpy(e->inverse + (int64_t)i * n, inverse + (int64_t)i * m->block,
               size * sizeof *e->inverse);
        e->at[i] = e->holder[i] = i;
    }
    for (int32_t k = 0; k < rows; k++)
        for (int32_t i = 0; i < n; i++)
            e->weights[(int64_t)k * n + i] =
                (double)weights[(int64_t)k * m->n + first + i];
    return YT_OK;
}

void yt_elimination_deinit(struct yt_elimination *e)
{
    free(e->inverse);
    free(e->weights);
    free(e->at);
    free(e->holder);
    free(e->factor);
    free(e->part);
    free(e->coupling);
    free(e->column);
    *e = (struct yt_elimination){0};
}

double yt_elimination_loss(struct yt_elimination *e, const int32_t *which,
                           int32_t count)
{
    double loss = 0;
    for (int32_t i = 0; i < count; i++)
        for (int32_t j = 0; j <= i; j++)
            e->factor[i * count + j] =
                e->inverse[(int64_t)e->at[which[i]] * e->n + e->at[which[j]]];
    for (int32_t k = 0; k < e->rows; k++)
        for (int32_t i = 0; i < count; i++)
            e->part[k * count + i] =
                e->weights[(int64_t)k * e->n + e->at[which[i]]];
    if (!yt_cholesky(e->factor, count, count))
        return INFINITY;
    yt_solve_forward(e->factor, count, count, e->part, e->rows, count);
    for (int32_t i = 0; i < e->rows * count; i++)
        loss += e->part[i] * e->part[i];
    return loss;
}

static void swap_rows(double *a, double *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const double x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

/* Change places of two variables, so that those left come first. */
static void swap_places(struct yt_elimination *e, int32_t a, int32_t b)
{
    const int64_t n = e->n;
    const int32_t x = e->holder[a];
    const int32_t y = e->holder[b];
    if (a == b)
        return;
    swap_rows(e->inverse + a * n, e->inverse + b * n, e->n);
    for (int32_t i = 0; i < e->n; i++)
        swap_rows(e->inverse + i * n + a, e->inverse + i * n + b, 1);
    for (int32_t k = 0; k < e->rows; k++)
        swap_rows(e->weights + k * n + a, e->weights + k * n + b, 1);
    e->holder[a] = y;
    e->holder[b] = x;
    e->at[x] = b;
    e->at[y] = a;
}

/* to -= the sum of x[i] times row i of z. */
static void subtract_rows(double *restrict to, const double *x, int32_t count,
                          const double *restrict z, int64_t stride, int32_t n)
{
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const double *const row = z + i * stride;
        for (int32_t j = 0; j < n; j++)
            to[j] -= x[i] * row[j] + x[i + 1] * row[stride + j] +
                     x[i + 2] * row[2 * stride + j] +
                     x[i + 3] * row[3 * stride + j];
    }
    for (; i < count; i++)
        for (int32_t j = 0; j < n; j++)
            to[j] -= x[i] * z[i * stride + j];
}

/* Z of those left, from the rows of H of those that go, which lie behind. */
static void find_coupling(struct yt_elimination *e, int32_t count)
{
    const int64_t n = e->n;
    for (int32_t i = 0; i < count; i++) {
        double *z = e->coupling + i * n;
        const double *row = e->factor + (int64_t)i * count;
        memcpy(z, e->inverse + (e->left + i) * n, (size_t)e->left * sizeof *z);
        subtract_rows(z, row, i, e->coupling, n, e->left);
        for (int32_t j = 0; j < e->left; j++)
            z[j] /= row[i];
    }
}

double yt_eliminate(struct yt_elimination *e, const int32_t *which,
                    int32_t count)
{
    const int64_t n = e->n;
    const double loss = yt_elimination_loss(e, which, count);
    for (int32_t i = count - 1; i >= 0; i--)
        swap_places(e, e->at[which[i]], --e->left);
    if (loss == INFINITY)
        return loss;
    find_coupling(e, count);
    for (int32_t k = 0; k < e->rows; k++)
        subtract_rows(e->weights + k * n, e->part + (int64_t)k * count, count,
                      e->coupling, n, e->left);
    for (int32_t i = 0; i < e->left; i++) {
        for (int32_t j = 0; j < count; j++)
            e->column[j] = e->coupling[j * n + i];
        subtract_rows(e->inverse + i * n, e->column, count, e->coupling, n,
                      e->left);
    }
    return loss;
}
