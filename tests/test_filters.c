/* model/filters.h: which filters are zero by their structure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/filters.h"
#include "tests/random_graph.h"

#define TAPS 9

/* Of @p c channels to @p k in groups, or dense where there is one. */
static int is_grouped(int32_t c, int32_t k, int32_t groups, int32_t zero_row)
{
    struct random_graph r;
    begin_graph(&r, 7);
    const int32_t body = add_conv(&r, 0, c, 3, 1);
    const int32_t conv = add_conv(&r, body, k, 3, 1);
    float *weights = r.graph->nodes[conv].weights;
    const size_t size = (size_t)yt_filter_size(r.graph, conv);
    assert_int_equal(size, k * c * TAPS);
    float *small = malloc(size * sizeof *small);
    assert_non_null(small);
    memcpy(small, weights, size * sizeof *small);
    memset(weights, 0, size * sizeof *weights);
    yt_grouped_filter(small, groups, k, c, TAPS, weights);
    if (zero_row >= 0)
        memset(weights + (int64_t)zero_row * c * TAPS, 0,
               (size_t)c * TAPS * sizeof *weights);
    const int found = yt_filter_is_grouped(r.graph, conv);
    free(small);
    yt_graph_destroy(r.graph);
    return found;
}

static void groups_are_found(void **state)
{
    (void)state;
    assert_true(is_grouped(8, 8, 8, -1));
    assert_true(is_grouped(8, 16, 2, -1));
    assert_true(is_grouped(2, 2, 2, -1));
    assert_true(is_grouped(8, 8, 8, 3));
}

static void dense_filters_are_not(void **state)
{
    (void)state;
    assert_false(is_grouped(8, 8, 1, -1));
    assert_false(is_grouped(8, 8, 1, 3));
    assert_false(is_grouped(1, 4, 1, -1));
    assert_false(is_grouped(4, 1, 1, 0)); /* nothing but zeros */
}

/* Channels in another order. */
static void picks_are_found(void **state)
{
    (void)state;
    static const int32_t from[] = {0, 4, 1, 5, 2, 6, 3, 7};
    struct random_graph r;
    begin_graph(&r, 7);
    const int32_t body = add_conv(&r, 0, 8, 3, 1);
    const int32_t conv = add_conv(&r, body, 8, 1, 1);
    float *weights = r.graph->nodes[conv].weights;
    memset(weights, 0, (size_t)8 * 8 * sizeof *weights);
    for (int32_t k = 0; k < 8; k++)
        weights[8 * k + from[k]] = 1;
    assert_true(yt_filter_is_grouped(r.graph, conv));
    yt_graph_destroy(r.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_found),
        cmocka_unit_test(dense_filters_are_not),
        cmocka_unit_test(picks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
