/* The clock goes on by itself, or as a test wants it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/now.h"

static int stop_faking(void **state)
{
    (void)state;
    yt_fake_clock_end();
    return 0;
}

static void goes_on(void **state)
{
    (void)state;
    const uint64_t before = yt_clock_ns(), now = yt_now_ns();
    assert_true(before <= now && now <= yt_clock_ns());
    assert_true(yt_now_unix_ms() > INT64_C(1700000000000)); /* 2023 */
}

static void stands_where_it_is_set(void **state)
{
    (void)state;
    yt_fake_clock(500, 0);
    assert_int_equal(yt_now_ns(), 500);
    assert_int_equal(yt_now_ns(), 500);
    yt_fake_clock_advance(25);
    assert_int_equal(yt_now_ns(), 525);
    yt_fake_clock_end();
    assert_true(yt_now_ns() != 525);
}

static void a_look_takes_its_time(void **state)
{
    (void)state;
    yt_fake_clock(0, 10);
    const uint64_t deadline = 1000;
    int looks = 0;
    while (yt_now_ns() < deadline)
        looks++;
    assert_int_equal(looks, 100);
}

static void *look(void *unused)
{
    for (int i = 0; i < 10000; i++)
        (void)yt_now_ns();
    return unused;
}

static void threads_see_one_clock(void **state)
{
    (void)state;
    pthread_t threads[4];
    yt_fake_clock(0, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(yt_now_ns(), 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(goes_on, stop_faking),
        cmocka_unit_test_teardown(stands_where_it_is_set, stop_faking),
        cmocka_unit_test_teardown(a_look_takes_its_time, stop_faking),
        cmocka_unit_test_teardown(threads_see_one_clock, stop_faking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
