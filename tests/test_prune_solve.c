/* compress/prune/solve.h at sizes around its tiles and panels. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/random.h"
#include "compress/prune/solve.h"

static const int32_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 33, 64, 101};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Positive: a sum of squares and a ridge. */
static double *positive(int32_t n)
{
    double *a = calloc((size_t)n * (size_t)n, sizeof *a);
    double *x = calloc((size_t)n * (size_t)n, sizeof *x);
    uint32_t state = (uint32_t)n;
    assert_non_null(a);
    assert_non_null(x);
    for (int32_t i = 0; i < n * n; i++)
        x[i] = (double)yt_random_unit(&state) - 0.5;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            for (int32_t k = 0; k < n; k++)
                a[i * n + j] += x[i * n + k] * x[j * n + k];
            a[i * n + j] += i == j ? 0.1 : 0;
        }
    free(x);
    return a;
}

static double *copy(const double *a, int32_t n)
{
    double *to = malloc((size_t)n * (size_t)n * sizeof *to);
    assert_non_null(to);
    for (int32_t i = 0; i < n * n; i++)
        to[i] = a[i];
    return to;
}

static void test_invert(void **state)
{
    (void)state;
    for (int s = 0; s < SIZES; s++) {
        const int32_t n = sizes[s];
        double *a = positive(n);
        double *inverse = copy(a, n);
        double *scratch = copy(a, n);
        assert_int_equal(yt_invert(inverse, n, scratch), 1);
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = 0; j < n; j++) {
                double sum = 0;
                for (int32_t k = 0; k < n; k++)
                    sum += a[i * n + k] * inverse[k * n + j];
                assert_true(fabs(sum - (i == j)) < 1e-9);
                assert_true(inverse[i * n + j] == inverse[j * n + i]);
            }
        free(a);
        free(inverse);
        free(scratch);
    }
}

/* x A^-1 times A is x again, for more rows than a panel has. */
static void test_solve(void **state)
{
    (void)state;
    enum { ROWS = 19 };
    for (int s = 0; s < SIZES; s++) {
        const int32_t n = sizes[s];
        double *a = positive(n);
        double *l = copy(a, n);
        double *x = calloc((size_t)ROWS * (size_t)n, sizeof *x);
        assert_non_null(x);
        for (int32_t i = 0; i < ROWS * n; i++)
            x[i] = i % 7 - 3;
        assert_int_equal(yt_cholesky(l, n, n), 1);
        yt_solve_forward(l, n, n, x, ROWS, n);
        yt_solve_backward(l, n, n, x, ROWS, n);
        for (int32_t r = 0; r < ROWS; r++)
            for (int32_t j = 0; j < n; j++) {
                double sum = 0;
                for (int32_t k = 0; k < n; k++)
                    sum += x[r * n + k] * a[k * n + j];
                assert_true(fabs(sum - ((r * n + j) % 7 - 3)) < 1e-9);
            }
        free(a);
        free(l);
        free(x);
    }
}

static void test_not_positive(void **state)
{
    (void)state;
    double a[9] = {1, 0, 0, 2, 1, 0, 0, 0, 1};
    assert_int_equal(yt_cholesky(a, 3, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invert),
        cmocka_unit_test(test_solve),
        cmocka_unit_test(test_not_positive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
