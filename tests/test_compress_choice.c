/* Which candidate serves a wish, and whether a budget is enough for them. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "compress/ratio/compress_parts.h"
#include "runtime/fail.h"

#define COUNT 4

struct fixture {
    struct yt_compress_options options;
    struct yt_compress_work work;
    struct yt_candidate candidates[COUNT];
    struct yt_graph graph; /* only its address matters */
    struct yt_dataset held;
};

/* The whole network has 0.5; the faster ones lose more. */
static void make(struct fixture *f)
{
    static const double map[COUNT] = {0.497, 0.493, 0.485, 0.45};
    static const double ns[COUNT] = {8e6, 6.5e6, 5e6, 4e6};
    memset(f, 0, sizeof *f);
    f->options.held = &f->held;
    f->options.max_map_drop = 0.01;
    f->options.min_fps = NAN;
    f->work.o = &f->options;
    f->work.setting_count = 1;
    f->work.settings[0].dense_map = 0.5;
    f->work.candidates = f->candidates;
    f->work.candidate_count = COUNT;
    for (int i = 0; i < COUNT; i++)
        f->candidates[i] = (struct yt_candidate){
            .graph = &f->graph, .ns = ns[i], .map = map[i]};
}

static void the_fastest_that_keeps_the_wish(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    assert_int_equal(yt_compress_best(&f.work, 1), 1);
    assert_int_equal(yt_compress_best(&f.work, 2), 2);
    assert_int_equal(yt_compress_best(&f.work, 6), 3);
    assert_true(yt_candidate_keeps(&f.work, &f.candidates[1], 1));
    assert_false(yt_candidate_keeps(&f.work, &f.candidates[2], 1));
}

static void the_nearest_where_none_keeps_it(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    f.options.max_map_drop = 0.001;
    assert_int_equal(yt_compress_best(&f.work, 1), 0);
    f.candidates[0].map = NAN; /* not trained yet */
    assert_int_equal(yt_compress_best(&f.work, 1), 1);
}

static void the_most_accurate_at_a_time(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    f.options.max_map_drop = NAN;
    f.options.min_fps = 100;
    f.candidates[0].graph = NULL; /* not pruned yet */
    assert_int_equal(yt_compress_best(&f.work, 1), 1);
}

static void none_before_one_is_trained(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    for (int i = 0; i < COUNT; i++)
        f.candidates[i].map = NAN;
    assert_int_equal(yt_compress_best(&f.work, 1), -1);
}

/* Four networks, three rounds: a sixteenth of the budget for each in the first
 * one. */
static void a_budget_has_time_to_measure(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    f.options.budget_ns = 160000000000u;
    f.work.settings[0].held_ns = 4.9e9;
    assert_ok(yt_compress_check_budget(&f.work));
    f.work.settings[0].held_ns = 5.1e9;
    assert_int_equal(yt_compress_check_budget(&f.work), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "of 4 networks one would be trained "
                                       "for 10 s"));
    /* 0.2 of the budget for the last training. */
    f.options.budget_ns = 40000000000u;
    f.work.candidate_count = 1;
    f.work.settings[0].held_ns = 4.1e9;
    assert_ok(yt_compress_check_budget(&f.work));
    f.options.qat = 1;
    assert_int_equal(yt_compress_check_budget(&f.work), YT_BAD_ARGUMENT);
    f.options.epochs = 1;
    assert_ok(yt_compress_check_budget(&f.work));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_that_keeps_the_wish),
        cmocka_unit_test(the_nearest_where_none_keeps_it),
        cmocka_unit_test(the_most_accurate_at_a_time),
        cmocka_unit_test(none_before_one_is_trained),
        cmocka_unit_test(a_budget_has_time_to_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
