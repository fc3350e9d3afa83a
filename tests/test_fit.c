/* Schedules under a limit: what is fast and large goes, as far as it has to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "inexact_ground.h"
#include "tuner/search/fit.h"

/* Bytes of a made network whose 3x3 runs by tiles of some size. */
static int64_t bytes_of(struct inexact_ground *g, int32_t edge)
{
    struct yt_build *build = g->on.engine->build;
    build->schedules[g->layer] = with_edge(g, edge);
    assert_int_equal(yt_build_make(build, 1), YT_OK);
    return yt_build_kernel_bytes(build, 1) - yt_build_code_bytes(build);
}

static int32_t fit(struct inexact_ground *g, int32_t edge, int64_t limit,
                   int32_t copies)
{
    struct yt_build *build = g->on.engine->build;
    int32_t changed = -1;
    build->schedules[g->layer] = with_edge(g, edge);
    g->times[g->layer].median_ns = 1;
    assert_int_equal(
        yt_fit(build, g->search, limit, copies, g->times, &changed), YT_OK);
    assert_int_equal(g->times[g->layer].median_ns == 0, changed > 0);
    return changed;
}

static int is_edge(const struct inexact_ground *g, int32_t edge)
{
    const struct yt_schedule s = with_edge(g, edge);
    return yt_schedule_same(&g->on.engine->build->schedules[g->layer], &s);
}

static void scratch_and_filters_are_counted(void **state)
{
    (void)state;
    struct inexact_ground g;
    inexact_ground_open(&g, 1);
    const struct yt_build *build = g.on.engine->build;
    const struct yt_problem *p = &build->net->layers[g.layer].problem;
    const int64_t direct = bytes_of(&g, 0);
    const int64_t six = bytes_of(&g, 6);
    const struct yt_schedule s = with_edge(&g, 6), d = with_edge(&g, 0);
    const int64_t filters = (int64_t)yt_pack_weight_bytes(p, &s, build->isa) -
                            (int64_t)yt_pack_weight_bytes(p, &d, build->isa);
    assert_true(filters > 6 * (int64_t)yt_pack_weight_bytes(p, &d, build->isa));
    assert_int_equal(six - direct,
                     filters + yt_schedule_scratch_bytes(p, &s, build->isa));
    assert_true(yt_build_kernel_bytes(build, 3) >
                yt_build_kernel_bytes(build, 1));
    inexact_ground_close(&g);
}

static void a_limit_gives_speed_back_as_far_as_it_has_to(void **state)
{
    (void)state;
    struct inexact_ground g;
    inexact_ground_open(&g, 1);
    const int64_t direct = bytes_of(&g, 0), two = bytes_of(&g, 2),
                  four = bytes_of(&g, 4), six = bytes_of(&g, 6);
    const int64_t code = 1000; /* of every trial */
    try_edge(&g, 6, 100);
    try_edge(&g, 4, 200);
    try_edge(&g, 2, 300);
    try_edge(&g, 0, 400);
    assert_true(direct < two && two < four && four < six);
    assert_int_equal(fit(&g, 6, 0, 1), 0);
    assert_true(is_edge(&g, 6));
    assert_int_equal(fit(&g, 6, six + code, 1), 0);
    assert_true(is_edge(&g, 6));
    assert_true(fit(&g, 6, six + code - 1, 1) > 0);
    assert_false(is_edge(&g, 6));
    assert_true(fit(&g, 6, direct + code, 1) > 0);
    assert_true(is_edge(&g, 0));
    /* Scratch of several workspaces counts several times. */
    assert_true(fit(&g, 6, six + code, 64) > 0);
    /* What cannot be had is come as near to as there is. */
    (void)fit(&g, 6, 1, 1);
    assert_true(is_edge(&g, 0));
    inexact_ground_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scratch_and_filters_are_counted),
        cmocka_unit_test(a_limit_gives_speed_back_as_far_as_it_has_to),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
