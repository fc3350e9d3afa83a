#include "compress/prune/refit.h"

#include <stdlib.h>
#include <string.h>

#include "compress/prune/solve.h"
#include "runtime/fail.h"

/* Variables of one block that go. */
struct gone {
    const double *inverse; /* of the block, [block][block] */
    int64_t stride;
    int32_t first, n;     /* the block's variables */
    const int32_t *which; /* [count] of the filter's */
    int32_t count;
    double *factor; /* [count][count] */
    double *x;      /* [rows][count] */
};

static void find_block(const struct yt_conv_moments *m, int32_t first,
                       struct gone *g)
{
    const int32_t left = m->n - first;
    g->first = first;
    g->n = left < m->block ? left : m->block;
    g->stride = m->block;
    g->inverse =
        m->inverse + (int64_t)(first / m->block) * g->stride * g->stride;
}

/* x becomes w times the inverse of what the inverse has of those that go, or
 * half of it, whose square is the loss. */
static void solve(struct gone *g, const float *weights, int32_t n, int32_t rows,
                  int whole)
{
    const int32_t count = g->count;
    for (int32_t i = 0; i < count; i++) {
        const double *from = g->inverse + (g->which[i] - g->first) * g->stride;
        for (int32_t j = 0; j <= i; j++)
            g->factor[(int64_t)i * count + j] = from[g->which[j] - g->first];
    }
    for (int32_t k = 0; k < rows; k++)
        for (int32_t i = 0; i < count; i++)
            g->x[(int64_t)k * count + i] =
                (double)weights[(int64_t)k * n + g->which[i]];
    /* Part of a positive matrix is one, but for rounding: then those weights
     * go without being made up for. */
    if (!yt_cholesky(g->factor, count, count)) {
        memset(g->x, 0, (size_t)rows * (size_t)count * sizeof *g->x);
        return;
    }
    yt_solve_forward(g->factor, count, count, g->x, rows, count);
    if (whole)
        yt_solve_backward(g->factor, count, count, g->x, rows, count);
}

static int allocate(struct gone *g, int32_t most, int32_t rows)
{
    g->factor = malloc((size_t)most * (size_t)most * sizeof *g->factor);
    g->x = malloc((size_t)most * (size_t)rows * sizeof *g->x);
    return g->factor && g->x;
}

/* Those of @p which, ascending, that lie in the block. */
static int32_t count_within(const struct gone *g, const int32_t *which,
                            int32_t count)
{
    int32_t within = 0;
    while (within < count && which[within] < g->first + g->n)
        within++;
    return within;
}

enum yt_status yt_refit_loss(const struct yt_conv_moments *m,
                             const int32_t *gone, int32_t gone_count,
                             const float *weights, int32_t count,
                             double *loss_out)
{
    struct gone g = {.which = gone};
    enum yt_status status = YT_OK;
    double loss = 0;
    YT_FAIL_IF_GOTO(!allocate(&g, gone_count, count), YT_NO_MEMORY,
                    "no memory to solve for %d weights", gone_count);
    for (int32_t first = 0; first < m->n; first += m->block) {
        find_block(m, first, &g);
        g.count = count_within(&g, g.which, gone_count);
        solve(&g, weights, m->n, count, 0);
        for (int64_t i = 0; i < (int64_t)count * g.count; i++)
            loss += g.x[i] * g.x[i];
        g.which += g.count;
        gone_count -= g.count;
    }
    *loss_out = loss;
done:
    free(g.factor);
    free(g.x);
    return status;
}

/* One row: w - x A^-1, and the bias of what that changes in the mean. */
static void change_row(const struct gone *g, const double *mean,
                       const double *x, double *change, float *weights,
                       double *bias)
{
    memset(change, 0, (size_t)g->n * sizeof *change);
    for (int32_t i = 0; i < g->count; i++) {
        const double *row = g->inverse + (g->which[i] - g->first) * g->stride;
        for (int32_t j = 0; j < g->n; j++)
            change[j] += x[i] * row[j];
    }
    for (int32_t i = 0; i < g->count; i++)
        change[g->which[i] - g->first] = (double)weights[g->which[i]];
    for (int32_t j = 0; j < g->n; j++) {
        float *w = &weights[g->first + j];
        const float before = *w;
        *w = (float)((double)before - change[j]);
        *bias += ((double)before - (double)*w) * mean[g->first + j];
    }
}

enum yt_status yt_refit(const struct yt_conv_moments *m, const uint8_t *keep,
                        float *weights, float *bias, int32_t count)
{
    struct gone g = {0};
    enum yt_status status = YT_OK;
    int32_t gone_count = 0;
    int32_t *gone = malloc((size_t)m->n * sizeof *gone);
    double *change = malloc((size_t)m->block * sizeof *change);
    double *biases = malloc((size_t)count * sizeof *biases);
    for (int32_t i = 0; gone && i < m->n; i++)
        if (!keep[i])
            gone[gone_count++] = i;
    YT_FAIL_IF_GOTO(
        !gone || !change || !biases || !allocate(&g, gone_count + 1, count),
        YT_NO_MEMORY, "no memory to solve for %d weights", gone_count);
    for (int32_t k = 0; k < count; k++)
        biases[k] = (double)bias[k];
    g.which = gone;
    for (int32_t first = 0; first < m->n; first += m->block) {
        find_block(m, first, &g);
        g.count = count_within(&g, g.which, gone_count);
        solve(&g, weights, m->n, count, 1);
        for (int32_t k = 0; k < count; k++)
            change_row(&g, m->mean, g.x + (int64_t)k * g.count, change,
                       weights + (int64_t)k * m->n, &biases[k]);
        g.which += g.count;
        gone_count -= g.count;
    }
    for (int32_t k = 0; k < count; k++)
        bias[k] = (float)biases[k];
done:
    free(gone);
    free(change);
    free(biases);
    free(g.factor);
    free(g.x);
    return status;
}
