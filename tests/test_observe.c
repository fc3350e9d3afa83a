/* Observers on distributions whose ranges are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "compress/quant/observe.h"
#include "runtime/act.h"

#define COUNT 200000

static double uniform(uint64_t *x)
{
    return (double)(yt_random_next(x) >> 11) / 9007199254740992.0;
}

static double normal(uint64_t *x)
{
    const double r = sqrt(-2 * log(1 - uniform(x)));
    return r * cos(6.283185307179586 * uniform(x));
}

static void open_with(struct yt_observer *o, double (*draw)(uint64_t *))
{
    float *values = malloc(COUNT * sizeof *values);
    uint64_t x = 42;
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)draw(&x);
    assert_int_equal(yt_observer_init(8, o), YT_OK);
    yt_observer_add(o, 0, values, COUNT / 8, 8, 8);
    free(values);
}

static struct yt_range_options with(enum yt_range_method method)
{
    return (struct yt_range_options){.method = method};
}

static int64_t total(const struct yt_observer *o)
{
    int64_t sum = 0;
    for (int i = 0; i < YT_OBSERVE_BINS; i++)
        sum += o->bins[i];
    return sum;
}

static void limits_means_and_counts(void **state)
{
    (void)state;
    struct yt_observer o;
    /* Two blocks of four lanes; the second has three channels. */
    static const float a[] = {1, 2, 3, 4, 3, 2, 1, -8};
    static const float b[] = {5, 6, 7, 99, 7, 6, 5, 99};
    float means[7];
    assert_int_equal(yt_observer_init(7, &o), YT_OK);
    yt_observer_add(&o, 0, a, 2, 4, 4);
    yt_observer_add(&o, 4, b, 2, 4, 3);
    yt_observer_means(&o, means);
    static const float want[] = {2, 2, 2, -2, 6, 6, 6};
    for (int i = 0; i < 7; i++)
        assert_true(means[i] == want[i]);
    assert_true(o.lo == -8 && o.hi == 7);
    assert_int_equal(total(&o), 14);
    assert_int_equal(o.strange, 0);
    yt_observer_deinit(&o);
}

/* However far values come to lie, none is lost, and each stays in the bin that
 * holds it. */
static void histograms_widen(void **state)
{
    (void)state;
    struct yt_observer o;
    assert_int_equal(yt_observer_init(1, &o), YT_OK);
    double v = 1e-3;
    for (int i = 0; i < 60; i++, v *= -2.5) {
        const float f = (float)v;
        yt_observer_add(&o, 0, &f, 1, 1, 1);
        assert_int_equal(total(&o), i + 1);
        const int bin = (int)(((double)f - o.first) / o.width);
        assert_true(o.bins[bin] > 0);
    }
    assert_true(o.lo <= -1e20f && o.hi >= 1e20f);
    static const float huge[] = {3e38f, -3e38f};
    yt_observer_add(&o, 0, huge, 2, 1, 1);
    assert_int_equal(total(&o), 62);
    yt_observer_deinit(&o);
}

static void constants_have_a_range(void **state)
{
    (void)state;
    static const float constants[] = {0, 5, -3, 1e-30f};
    for (int i = 0; i < 4; i++)
        for (int m = 0; m < YT_RANGE_COUNT; m++) {
            struct yt_observer o;
            float lo, hi;
            const struct yt_range_options options =
                with((enum yt_range_method)m);
            assert_int_equal(yt_observer_init(1, &o), YT_OK);
            for (int k = 0; k < 100; k++)
                yt_observer_add(&o, 0, &constants[i], 1, 1, 1);
            yt_observer_range(&o, &options, &lo, &hi);
            assert_true(lo <= 0 && hi >= 0 && isfinite(lo) && isfinite(hi));
            assert_true(lo >= fminf(constants[i], 0));
            assert_true(hi <= fmaxf(constants[i], 0));
            yt_observer_deinit(&o);
        }
}

static void what_is_not_finite_is_told(void **state)
{
    (void)state;
    static const float values[] = {1, 2, NAN, 4};
    static const float more[] = {1, -INFINITY};
    static const float sane[] = {1, 2};
    struct yt_observer o;
    assert_int_equal(yt_observer_init(1, &o), YT_OK);
    yt_observer_add(&o, 0, values, 4, 1, 1);
    yt_observer_add(&o, 0, more, 2, 1, 1);
    assert_true(o.strange > 0 && o.width == 0);
    yt_observer_add(&o, 0, sane, 2, 1, 1);
    assert_true(o.lo == 1 && o.hi == 2);
    yt_observer_deinit(&o);
}

static double mostly_small(uint64_t *x)
{
    return uniform(x) < 1e-4 ? 100 : uniform(x);
}

/* Of values in 0..1 but for one in ten thousand. */
static void outliers_are_cut_off(void **state)
{
    (void)state;
    struct yt_observer o;
    float lo, hi;
    open_with(&o, mostly_small);
    struct yt_range_options options = with(YT_RANGE_MIN_MAX);
    yt_observer_range(&o, &options, &lo, &hi);
    assert_true(lo == 0 && hi == 100);
    options = with(YT_RANGE_PERCENTILE);
    options.percentile = 99.9;
    yt_observer_range(&o, &options, &lo, &hi);
    assert_true(lo >= -0.1f && lo <= 0 && hi > 0.95f && hi < 1.1f);
    options = with(YT_RANGE_ENTROPY);
    yt_observer_range(&o, &options, &lo, &hi);
    assert_true(hi < 50);
    yt_observer_deinit(&o);
}

/* 256 codes for a normal distribution reach best to 3.9 deviations. */
static void normal_values_have_their_best_range(void **state)
{
    (void)state;
    struct yt_observer o;
    float lo, hi;
    open_with(&o, normal);
    const struct yt_range_options options = with(YT_RANGE_MSE);
    yt_observer_range(&o, &options, &lo, &hi);
    assert_true(hi > 3.6f && hi < 4.2f && lo < -3.6f && lo > -4.2f);
    yt_observer_deinit(&o);
}

static void the_automatic_one_has_the_least_error(void **state)
{
    (void)state;
    double (*const draws[])(uint64_t *) = {uniform, normal, mostly_small};
    for (int d = 0; d < 3; d++) {
        struct yt_observer o;
        double errors[YT_RANGE_COUNT];
        open_with(&o, draws[d]);
        for (int m = 0; m < YT_RANGE_COUNT; m++) {
            const struct yt_range_options options =
                with((enum yt_range_method)m);
            float lo, hi;
            yt_observer_range(&o, &options, &lo, &hi);
            errors[m] = yt_observer_error(&o, (double)lo, (double)hi);
        }
        for (int m = 0; m < YT_RANGE_COUNT; m++)
            assert_true(errors[YT_RANGE_AUTO] <= errors[m] * (1 + 1e-5));
        yt_observer_deinit(&o);
    }
}

static double silu(uint64_t *x)
{
    const double v = 3 * normal(x);
    return v / (1 + exp(-v));
}

static void silu_begins_at_its_least(void **state)
{
    (void)state;
    struct yt_observer o;
    for (int m = 0; m < YT_RANGE_COUNT; m++) {
        struct yt_range_options options = with((enum yt_range_method)m);
        float lo, hi;
        options.act_least = YT_SILU_LEAST;
        open_with(&o, silu);
        yt_observer_range(&o, &options, &lo, &hi);
        assert_true(lo == YT_SILU_LEAST && hi > 3);
        yt_observer_deinit(&o);
        open_with(&o, uniform);
        yt_observer_range(&o, &options, &lo, &hi);
        assert_true(lo == 0);
        yt_observer_deinit(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_means_and_counts),
        cmocka_unit_test(histograms_widen),
        cmocka_unit_test(constants_have_a_range),
        cmocka_unit_test(what_is_not_finite_is_told),
        cmocka_unit_test(outliers_are_cut_off),
        cmocka_unit_test(normal_values_have_their_best_range),
        cmocka_unit_test(the_automatic_one_has_the_least_error),
        cmocka_unit_test(silu_begins_at_its_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
