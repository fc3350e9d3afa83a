/* Statistics are what they say; measuring ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <time.h>

#include "tuner/measure/bench.h"
#include "tuner/measure/measure.h"

static void statistics(void **state)
{
    (void)state;
    struct yt_stats s;
    double odd[] = {5, 1, 3, 2, 4};
    yt_stats_of(odd, 5, &s);
    assert_true(s.min_ns == 1 && s.median_ns == 3 && s.mad_ns == 1);
    assert_true(s.p95_ns == 5 && s.p99_ns == 5 && s.samples == 5);
    double even[] = {4, 1, 3, 2};
    yt_stats_of(even, 4, &s);
    assert_true(s.median_ns == 2.5 && s.mad_ns == 1);
    double hundred[100];
    for (int i = 0; i < 100; i++)
        hundred[i] = 100 - i;
    yt_stats_of(hundred, 100, &s);
    assert_true(s.p95_ns == 95 && s.p99_ns == 99 && s.median_ns == 50.5);
    double one[] = {7};
    yt_stats_of(one, 1, &s);
    assert_true(s.min_ns == 7 && s.mad_ns == 0 && s.p99_ns == 7);
}

static volatile int64_t calls, last_begin, last_end;

static void count_calls(const void *args, int64_t begin, int64_t end)
{
    (void)args;
    last_begin = begin;
    last_end = end;
    calls++;
}

static void calls_are_doubled_until_a_sample_lasts(void **state)
{
    (void)state;
    struct yt_timing t;
    const struct yt_measure_options options = {.min_sample_ns = 100000,
                                               .samples = 5};
    calls = 0;
    assert_int_equal(yt_measure(count_calls, NULL, 12, &options, &t), YT_OK);
    assert_true(last_begin == 0 && last_end == 12);
    assert_int_equal(t.samples, 5);
    assert_true((uint64_t)calls >= 5 * t.iters);
    assert_true((t.iters & (t.iters - 1)) == 0);
    assert_true(t.min_ns > 0 && t.min_ns <= t.median_ns);
}

static void hopeless_candidates_are_timed_thrice(void **state)
{
    (void)state;
    struct yt_timing t;
    const struct yt_measure_options options = {.min_sample_ns = 10000,
                                               .give_up_ns = 1e-9};
    assert_int_equal(yt_measure(count_calls, NULL, 1, &options, &t), YT_OK);
    assert_int_equal(t.samples, 3);
}

/* The first call is slow, as when another process takes the core. */
static void disturbed_at_first(const void *args, int64_t begin, int64_t end)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    (void)args;
    (void)begin;
    (void)end;
    if (calls++ < 1)
        nanosleep(&pause, NULL);
}

static void one_disturbance_does_not_end_it(void **state)
{
    (void)state;
    struct yt_timing t;
    const struct yt_measure_options options = {.min_sample_ns = 1,
                                               .budget_ns = 60000000000u,
                                               .give_up_ns = 150000000,
                                               .samples = 9};
    calls = 0;
    assert_int_equal(yt_measure(disturbed_at_first, NULL, 1, &options, &t),
                     YT_OK);
    assert_int_equal(t.samples, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics),
        cmocka_unit_test(calls_are_doubled_until_a_sample_lasts),
        cmocka_unit_test(hopeless_candidates_are_timed_thrice),
        cmocka_unit_test(one_disturbance_does_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
