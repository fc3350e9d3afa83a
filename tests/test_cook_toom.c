/* Transforms of minimal filtering: in double they are a correlation, and their
 * coefficients are what kernels can have exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "base/random.h"
#include "codegen/cook_toom.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX          YT_COOK_TOOM_MAX
#define TAPS         YT_COOK_TOOM_TAPS

static const int32_t outputs[] = {2, 4, 6};

static double uniform(uint32_t *seed)
{
    return 2 * (double)yt_random_unit(seed) - 1;
}

/* y = out (filter g * in d) of one dimension. */
static void filter_row(const struct yt_cook_toom *t, const double *g,
                       const double *d, double *y)
{
    for (int32_t j = 0; j < t->outputs; j++)
        y[j] = 0;
    for (int32_t i = 0; i < t->products; i++) {
        double u = 0, v = 0;
        for (int32_t k = 0; k < TAPS; k++)
            u += t->filter[i][k] * g[k];
        for (int32_t k = 0; k < t->products; k++)
            v += t->in[i][k] * d[k];
        for (int32_t j = 0; j < t->outputs; j++)
            y[j] += t->out[j][i] * u * v;
    }
}

static void check_row(const struct yt_cook_toom *t)
{
    uint32_t seed = 1;
    for (int round = 0; round < 100; round++) {
        double g[TAPS], d[MAX], y[MAX];
        for (int k = 0; k < TAPS; k++)
            g[k] = uniform(&seed);
        for (int k = 0; k < MAX; k++)
            d[k] = uniform(&seed);
        filter_row(t, g, d, y);
        for (int32_t j = 0; j < t->outputs; j++) {
            const double want = g[0] * d[j] + g[1] * d[j + 1] + g[2] * d[j + 2];
            assert_true(fabs(y[j] - want) < 1e-12);
        }
    }
}

static void rows_are_correlations(void **state)
{
    (void)state;
    static const double others[][3] = {{2}, {1, 2}, {0.5, 1.5, 3}};
    for (size_t i = 0; i < COUNT(outputs); i++) {
        struct yt_cook_toom t;
        yt_cook_toom(outputs[i], &t);
        assert_int_equal(t.outputs, outputs[i]);
        assert_int_equal(t.products, outputs[i] + 2);
        check_row(&t);
        yt_cook_toom_at(outputs[i], others[i], &t);
        check_row(&t);
    }
}

/* Y = out (U * in D in^T) out^T, U from yt_cook_toom_filter(). */
static void filter_tile(const struct yt_cook_toom *t, const float *g,
                        double d[MAX][MAX], double y[MAX][MAX])
{
    double u[MAX * MAX], m[MAX][MAX] = {{0}};
    yt_cook_toom_filter(t, g, u);
    for (int i = 0; i < t->products; i++)
        for (int j = 0; j < t->products; j++) {
            for (int a = 0; a < t->products; a++)
                for (int b = 0; b < t->products; b++)
                    m[i][j] += t->in[i][a] * t->in[j][b] * d[a][b];
            m[i][j] *= u[i * t->products + j];
        }
    for (int i = 0; i < t->outputs; i++)
        for (int j = 0; j < t->outputs; j++) {
            y[i][j] = 0;
            for (int a = 0; a < t->products; a++)
                for (int b = 0; b < t->products; b++)
                    y[i][j] += t->out[i][a] * t->out[j][b] * m[a][b];
        }
}

static void tiles_are_convolutions(void **state)
{
    (void)state;
    uint32_t seed = 2;
    for (size_t i = 0; i < COUNT(outputs); i++) {
        struct yt_cook_toom t;
        float g[TAPS * TAPS];
        double d[MAX][MAX], y[MAX][MAX];
        yt_cook_toom(outputs[i], &t);
        for (int k = 0; k < TAPS * TAPS; k++)
            g[k] = (float)uniform(&seed);
        for (int k = 0; k < MAX * MAX; k++)
            d[k / MAX][k % MAX] = uniform(&seed);
        filter_tile(&t, g, d, y);
        for (int row = 0; row < t.outputs; row++)
            for (int column = 0; column < t.outputs; column++) {
                double want = 0;
                for (int k = 0; k < TAPS * TAPS; k++)
                    want += (double)g[k] * d[row + k / TAPS][column + k % TAPS];
                assert_true(fabs(y[row][column] - want) < 1e-12);
            }
    }
}

/* Kernels have them as f32, and add and subtract halves of rows of pairs. */
static void coefficients_are_exact_and_paired(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT(outputs); o++) {
        struct yt_cook_toom t;
        yt_cook_toom(outputs[o], &t);
        for (int32_t i = 0; i < t.products; i++)
            for (int32_t j = 0; j < t.products; j++) {
                assert_true(t.in[i][j] == (double)(float)t.in[i][j]);
                assert_true(t.out[j][i] == (double)(float)t.out[j][i]);
            }
        for (int32_t i = 1; i + 1 < t.products; i += 2)
            for (int32_t j = 0; j < t.products; j++) {
                const double sign = j % 2 ? -1 : 1;
                assert_true(t.in[i + 1][j] == sign * t.in[i][j]);
                assert_true(t.out[j][i + 1] == sign * t.out[j][i]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_correlations),
        cmocka_unit_test(tiles_are_convolutions),
        cmocka_unit_test(coefficients_are_exact_and_paired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
