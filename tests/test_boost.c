/* Trees learn what is there to learn, alike each time, and nothing of noise
 * that they were not shown. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "tuner/search/boost.h"

enum { ROWS = 2000, FEATURES = 5 };

static float x[ROWS][FEATURES], y[ROWS];

/* A step, a slope, and features that say something only together. */
static float truth(const float *row)
{
    return (row[0] > 0.5f ? 2.0f : 0.0f) + 3 * row[1] +
           (row[2] > 0.5f && row[3] > 0.5f ? 1.0f : -1.0f);
}

static void make_rows(uint32_t seed)
{
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < FEATURES; k++)
            x[i][k] = yt_random_unit(&seed);
        y[i] = truth(x[i]);
    }
}

static struct yt_boost *fit(int32_t count)
{
    struct yt_boost *boost = NULL;
    const struct yt_boost_rows rows = {&x[0][0], y, count, FEATURES};
    assert_int_equal(yt_boost_fit(&rows, &boost), YT_OK);
    return boost;
}

static double spread_of_errors(const struct yt_boost *boost)
{
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
        const double off = yt_boost_value(boost, x[i]) - (double)y[i];
        sum += off * off;
    }
    return sqrt(sum / ROWS);
}

static void what_it_learned_holds_for_other_rows(void **state)
{
    (void)state;
    make_rows(1);
    struct yt_boost *boost = fit(ROWS);
    assert_true(spread_of_errors(boost) < 0.25); /* of values spread by 1.6 */
    make_rows(2);
    assert_true(spread_of_errors(boost) < 0.35);
    yt_boost_destroy(boost);
}

static void the_same_rows_give_the_same_trees(void **state)
{
    (void)state;
    make_rows(3);
    struct yt_boost *one = fit(ROWS), *two = fit(ROWS);
    for (int i = 0; i < ROWS; i++)
        assert_true(yt_boost_value(one, x[i]) == yt_boost_value(two, x[i]));
    yt_boost_destroy(one);
    yt_boost_destroy(two);
}

/* A flag of few rows has its say, wherever its share falls. */
static void rare_flags_are_seen(void **state)
{
    (void)state;
    make_rows(5);
    for (int i = 0; i < ROWS; i++) {
        x[i][4] = i % 23 == 0;
        y[i] = x[i][4];
    }
    struct yt_boost *boost = fit(ROWS);
    assert_true(spread_of_errors(boost) < 0.05);
    yt_boost_destroy(boost);
}

static void few_rows_and_constants_are_rows_too(void **state)
{
    (void)state;
    make_rows(4);
    struct yt_boost *boost = fit(1);
    assert_float_equal(yt_boost_value(boost, x[7]), (double)y[0], 1e-6);
    yt_boost_destroy(boost);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < FEATURES; k++)
            x[i][k] = 1;
    boost = fit(ROWS); /* nothing tells rows apart: the mean */
    double mean = 0;
    for (int i = 0; i < ROWS; i++)
        mean += (double)y[i] / ROWS;
    assert_float_equal(yt_boost_value(boost, x[0]), mean, 1e-3);
    yt_boost_destroy(boost);
    const struct yt_boost_rows none = {&x[0][0], y, 0, FEATURES};
    assert_int_equal(yt_boost_fit(&none, &boost), YT_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_learned_holds_for_other_rows),
        cmocka_unit_test(the_same_rows_give_the_same_trees),
        cmocka_unit_test(rare_flags_are_seen),
        cmocka_unit_test(few_rows_and_constants_are_rows_too),
    };
    return cmocka_run_group_tests_name("boost", tests, NULL, NULL);
}
