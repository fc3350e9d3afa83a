/* Networks of inexact kernels beside those of default schedules: what is fine
 * stays, what moves the heads too far is given up step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "inexact_ground.h"
#include "tuner/build/numerics.h"
#include "tuner/search/agreement.h"

static struct yt_agreement reach(struct inexact_ground *g, int32_t edge)
{
    struct yt_agreement a;
    struct yt_build *build = g->on.engine->build;
    build->schedules[g->layer] = with_edge(g, edge);
    if (yt_agreement_reach(build, g->exact, g->search, NULL, 0, g->times, &a) !=
        YT_OK)
        fail_msg("%s", yt_error());
    return a;
}

static int is_edge(const struct inexact_ground *g, int32_t edge)
{
    const struct yt_schedule s = with_edge(g, edge);
    return yt_schedule_same(&g->on.engine->build->schedules[g->layer], &s);
}

static void try_all(struct inexact_ground *g)
{
    try_edge(g, 6, 100);
    try_edge(g, 4, 200);
    try_edge(g, 2, 300);
    try_edge(g, 0, 400);
}

static void a_fine_network_keeps_its_kernels(void **state)
{
    (void)state;
    struct inexact_ground g;
    inexact_ground_open(&g, 1);
    try_all(&g);
    const struct yt_agreement a = reach(&g, 6);
    assert_int_equal(a.inexact, 1);
    assert_true(a.error > 0 && a.error < YT_AGREEMENT_LIMIT);
    assert_float_equal(a.kept_error, a.error, 0);
    assert_int_equal(a.given_up, 0);
    assert_string_equal(a.why, "");
    assert_true(is_edge(&g, 6));
    assert_float_equal(g.times[g.layer].median_ns, 1, 0);
    inexact_ground_close(&g);
}

static void exact_networks_are_not_run(void **state)
{
    (void)state;
    struct inexact_ground g;
    inexact_ground_open(&g, 1);
    const struct yt_agreement a = reach(&g, 0);
    assert_int_equal(a.inexact, 0);
    assert_float_equal(a.error, 0, 0);
    inexact_ground_close(&g);
}

/* The more the two of a pair are alike, the fewer sizes of tile are left. */
static void what_is_off_is_given_up_step_by_step(void **state)
{
    (void)state;
    struct inexact_ground g;
    int32_t before = 0;
    for (float apart = 1e-2f; apart > 1e-7f; apart /= 10) {
        inexact_ground_open(&g, apart);
        try_all(&g);
        const struct yt_agreement a = reach(&g, 6);
        const struct yt_build *build = g.on.engine->build;
        assert_true(a.kept_error <= YT_AGREEMENT_LIMIT);
        assert_int_equal(a.given_up > 0, a.error > YT_AGREEMENT_LIMIT);
        assert_int_equal(a.given_up > 0, a.why[0] != 0);
        assert_true(is_edge(&g, 6 - 2 * a.given_up));
        assert_int_equal(g.times[g.layer].median_ns == 0, a.given_up > 0);
        assert_true(a.given_up >= before);
        /* Default schedules are what they were. */
        for (int32_t i = 0; i < build->net->layer_count; i++) {
            struct yt_schedule usual;
            yt_schedule_default(&build->net->layers[i].problem, build->isa,
                                &usual);
            assert_true(yt_schedule_same(&usual, &g.exact->schedules[i]));
        }
        before = a.given_up;
        inexact_ground_close(&g);
    }
    assert_int_equal(before, 3);
}

/* What was not tried cannot come in: the default does. */
static void without_other_candidates_the_default_runs(void **state)
{
    (void)state;
    struct inexact_ground g;
    inexact_ground_open(&g, 1e-5f);
    try_edge(&g, 6, 100);
    const struct yt_agreement a = reach(&g, 6);
    assert_int_equal(a.given_up, 1);
    assert_true(is_edge(&g, 0));
    assert_non_null(strstr(a.why, "gave up winograd"));
    assert_float_equal(a.kept_error, 0, 0);
    inexact_ground_close(&g);
}

static void plans_of_other_numerics_have_other_digests(void **state)
{
    (void)state;
    static const int32_t edges[] = {0, 2, 4, 6};
    char digests[4][YT_NUMERICS_MAX], joined[2][YT_NUMERICS_MAX];
    struct inexact_ground g;
    inexact_ground_open(&g, 1);
    struct yt_build *build = g.on.engine->build;
    for (int i = 0; i < 4; i++) {
        build->schedules[g.layer] = with_edge(&g, edges[i]);
        assert_int_equal(yt_numerics_of(build, digests[i]), YT_OK);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(digests[i], digests[j]);
    }
    assert_string_equal(digests[0], "");
    /* Other tasks of the same sums. */
    build->schedules[g.layer].tiles = 4;
    assert_int_equal(yt_numerics_of(build, joined[0]), YT_OK);
    assert_string_equal(joined[0], digests[3]);
    yt_numerics_join((const char(*)[YT_NUMERICS_MAX]) & digests[3], 1,
                     joined[0]);
    assert_string_equal(joined[0], digests[3]);
    yt_numerics_join((const char(*)[YT_NUMERICS_MAX])digests, 2, joined[0]);
    yt_numerics_join((const char(*)[YT_NUMERICS_MAX])digests, 3, joined[1]);
    assert_string_not_equal(joined[0], joined[1]);
    memset(digests, 0, sizeof digests);
    yt_numerics_join((const char(*)[YT_NUMERICS_MAX])digests, 3, joined[1]);
    assert_string_equal(joined[1], "");
    inexact_ground_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fine_network_keeps_its_kernels),
        cmocka_unit_test(exact_networks_are_not_run),
        cmocka_unit_test(what_is_off_is_given_up_step_by_step),
        cmocka_unit_test(without_other_candidates_the_default_runs),
        cmocka_unit_test(plans_of_other_numerics_have_other_digests),
    };
    return cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
}
