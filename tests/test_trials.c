/* Trials: each schedule once, the newest figures, all found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tuner/search/trials.h"

#define COUNT 5000

/* Different in every field but few. */
static struct yt_trial trial_of(int32_t i)
{
    return (struct yt_trial){
        .schedule = {.algo = YT_ALGO_DIRECT,
                     .mr = 1 + i % 32,
                     .nr = 1 + i / 32 % 8,
                     .ku = 1 + i / 256 % 2,
                     .tiles = i / 512,
                     .launder = 1},
        .ok = 1,
        .min_ns = 10 + i,
        .code_bytes = (uint32_t)i,
    };
}

static void all_are_found_in_order(void **state)
{
    (void)state;
    struct yt_trials trials = {0};
    struct yt_trial trial = trial_of(0);
    assert_null(yt_trials_find(&trials, &trial.schedule));
    for (int32_t i = 0; i < COUNT; i++) {
        trial = trial_of(i);
        assert_null(yt_trials_find(&trials, &trial.schedule));
        assert_int_equal(yt_trials_put(&trials, &trial), YT_OK);
    }
    assert_int_equal(trials.count, COUNT);
    for (int32_t i = 0; i < COUNT; i++) {
        trial = trial_of(i);
        assert_ptr_equal(yt_trials_find(&trials, &trial.schedule),
                         &trials.items[i]);
        assert_int_equal(trials.items[i].code_bytes, i);
        trial.schedule.launder = 0;
        assert_null(yt_trials_find(&trials, &trial.schedule));
    }
    yt_trials_deinit(&trials);
    assert_int_equal(trials.count, 0);
}

static void the_newest_counts(void **state)
{
    (void)state;
    struct yt_trials trials = {0};
    for (int32_t i = 0; i < 64; i++) {
        const struct yt_trial trial = trial_of(i);
        assert_int_equal(yt_trials_put(&trials, &trial), YT_OK);
    }
    struct yt_trial again = trial_of(7);
    again.ok = 0;
    assert_int_equal(yt_trials_put(&trials, &again), YT_OK);
    assert_int_equal(trials.count, 64);
    assert_int_equal(trials.items[7].ok, 0);
    assert_int_equal(trials.items[8].ok, 1);
    yt_trials_deinit(&trials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_in_order),
        cmocka_unit_test(the_newest_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
