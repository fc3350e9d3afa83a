/* What a cost model makes of rows: nothing of few, an order of many, for
 * problems that it has not seen; and that the search goes by it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "small_ground.h"
#include "tuner/search/cost_model.h"
#include "tuner/search/search.h"

static const char *const known[] = {
    "conv2d-f32-32x20x20-k32r3s1p1-silu", "conv2d-f32-64x20x20-k64r3s1p1-silu",
    "conv2d-f32-32x40x40-k64r1s1p0-silu", "conv2d-f32-64x40x40-k32r1s1p0-silu",
    "conv2d-f32-32x40x40-k32r3s2p1-silu"};
#define KNOWN  ((int)(sizeof known / sizeof known[0]))
#define UNSEEN "conv2d-f32-64x24x24-k64r3s1p1-silu"

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    return p;
}

/* A machine on which time is a matter of loads, and of LLVM's model of it. */
static double pretended_ns(const struct yt_problem *p,
                           const struct yt_schedule *s)
{
    const double loads = (double)(s->mr + s->nr) / (s->mr * s->nr);
    const double code = 1 + 0.3 * s->tune + 0.2 * s->launder;
    return 1e-2 * (double)yt_problem_flops(p) * (0.2 + loads) * code;
}

struct writer {
    const struct yt_site *site;
    const char *name;
    struct yt_problem problem;
    int32_t seen, every;
};

static enum yt_status write_row(void *user, const struct yt_schedule *s)
{
    struct writer *w = user;
    char schedule[YT_SCHEDULE_NAME_MAX];
    if (w->seen++ % w->every)
        return YT_OK;
    yt_schedule_name(s, schedule);
    const double ns = pretended_ns(&w->problem, s);
    const struct yt_db_measurement row = {
        .here = w->site->here,
        .problem = w->name,
        .schedule = schedule,
        .isa = w->site->isa->name,
        .threads = 1,
        .setting = "",
        .outcome = YT_DB_OK,
        .detail = "",
        .min_ns = ns,
        .median_ns = ns,
        .mad_ns = 0,
        .iterations = 1,
        .samples = 1,
        .max_error = 0,
    };
    return yt_db_measurement_put(w->site->db, &row, NULL);
}

static void write_rows(const struct yt_site *site, const char *name,
                       int32_t rows)
{
    struct writer w = {.site = site, .name = name, .problem = problem(name)};
    const struct yt_space space = {
        .problem = &w.problem, .isa = site->isa, .threads = 1};
    int64_t size;
    assert_int_equal(yt_space_size(&space, &size), YT_OK);
    w.every = size > rows ? (int32_t)(size / rows) : 1;
    assert_int_equal(yt_space_each(&space, write_row, &w), YT_OK);
}

static int setup(void **state)
{
    static struct small_ground g;
    small_ground_open(&g, 1);
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    small_ground_close(*state);
    return 0;
}

static void of_few_rows_nothing_is_learned(void **state)
{
    struct small_ground *g = *state;
    struct yt_cost_model *model = NULL;
    assert_int_equal(yt_cost_model_learn(g->on.site, NULL, &model),
                     YT_NOT_FOUND);
    write_rows(g->on.site, known[0], 40);
    assert_int_equal(yt_cost_model_learn(g->on.site, NULL, &model),
                     YT_NOT_FOUND);
    assert_null(model);
    const struct yt_site alone = {.isa = g->on.site->isa};
    assert_int_equal(yt_cost_model_learn(&alone, NULL, &model), YT_NOT_FOUND);
}

/* The best of the space, and what share of it is as good as a schedule. */
struct standing {
    const struct yt_problem *problem;
    double ns;
    int64_t better, all;
};

static enum yt_status compare(void *user, const struct yt_schedule *s)
{
    struct standing *at = user;
    at->better += pretended_ns(at->problem, s) < 0.999 * at->ns;
    at->all++;
    return YT_OK;
}

static void a_problem_that_it_has_not_seen_is_put_in_order(void **state)
{
    struct small_ground *g = *state;
    struct yt_cost_model *model = NULL;
    struct yt_schedule proposed[16];
    int32_t count = 0;
    const struct yt_problem p = problem(UNSEEN);
    const struct yt_space space = {
        .problem = &p, .isa = g->on.site->isa, .threads = 1};
    for (int i = 0; i < KNOWN; i++)
        write_rows(g->on.site, known[i], 150);
    write_rows(g->on.site, UNSEEN, 150);
    assert_int_equal(yt_cost_model_learn(g->on.site, UNSEEN, &model), YT_OK);
    const int32_t without = yt_cost_model_rows(model);
    assert_true(without >= KNOWN * 100);
    assert_int_equal(yt_cost_model_propose(model, &space, 16, proposed, &count),
                     YT_OK);
    assert_int_equal(count, 16);
    struct standing best = {.problem = &p, .ns = INFINITY};
    for (int32_t i = 0; i < count; i++) {
        assert_true(yt_schedule_applies(&p, &proposed[i], g->on.site->isa));
        for (int32_t j = 0; j < i; j++)
            assert_false(yt_schedule_same(&proposed[i], &proposed[j]));
        best.ns = fmin(best.ns, pretended_ns(&p, &proposed[i]));
    }
    assert_int_equal(yt_space_each(&space, compare, &best), YT_OK);
    assert_true(best.better * 50 < best.all); /* among the best 2 in 100 */
    yt_cost_model_destroy(model);
    model = NULL;
    assert_int_equal(yt_cost_model_learn(g->on.site, NULL, &model), YT_OK);
    assert_true(yt_cost_model_rows(model) > without);
    yt_cost_model_destroy(model);
}

static void other_operators_are_not_its_business(void **state)
{
    struct small_ground *g = *state;
    struct yt_cost_model *model = NULL;
    struct yt_schedule proposed[4];
    int32_t count = 7;
    const struct yt_problem p = problem("sppf-f32-64x20x20-r5");
    const struct yt_space space = {
        .problem = &p, .isa = g->on.site->isa, .threads = 1};
    for (int i = 0; i < KNOWN; i++)
        write_rows(g->on.site, known[i], 60);
    assert_int_equal(yt_cost_model_learn(g->on.site, NULL, &model), YT_OK);
    assert_int_equal(yt_cost_model_propose(model, &space, 4, proposed, &count),
                     YT_OK);
    assert_int_equal(count, 0);
    yt_cost_model_destroy(model);
}

/* Of a space walked with proposals and with doubt: the untuned one, what was
 * proposed, and then nothing that the model has no hope for; without a model
 * everything. */
static int32_t walk(const struct yt_site *site,
                    const struct yt_cost_model *model, double *best_out)
{
    const struct yt_problem p = problem(UNSEEN);
    struct yt_schedule proposed[4], next;
    struct yt_trials trials = {NULL};
    struct yt_cost_doubt doubt;
    struct yt_space space = {.problem = &p, .isa = site->isa, .threads = 1};
    *best_out = INFINITY;
    if (model) {
        assert_int_equal(yt_cost_model_propose(model, &space, 4, proposed,
                                               &space.proposed_count),
                         YT_OK);
        space.proposed = proposed;
    }
    for (int any = 1; any;) {
        if (model) {
            yt_cost_model_doubt(model, &space, &trials, 0.05, 0.5, &doubt);
            space.worth = yt_cost_model_worth;
            space.user = &doubt;
        }
        assert_int_equal(yt_space_next(&space, &trials, &any, &next), YT_OK);
        if (!any)
            break;
        if (model && trials.count && trials.count <= 4)
            assert_true(yt_schedule_same(&next, &proposed[trials.count - 1]) ||
                        trials.count == 4 + 1);
        const struct yt_trial trial = {
            .schedule = next, .ok = 1, .min_ns = pretended_ns(&p, &next)};
        *best_out = fmin(*best_out, trial.min_ns);
        assert_int_equal(yt_trials_put(&trials, &trial), YT_OK);
    }
    const int32_t count = trials.count;
    yt_trials_deinit(&trials);
    return count;
}

static void the_search_tries_less_and_finds_as_much(void **state)
{
    struct small_ground *g = *state;
    struct yt_cost_model *model = NULL;
    double blind, guided;
    for (int i = 0; i < KNOWN; i++)
        write_rows(g->on.site, known[i], 150);
    assert_int_equal(yt_cost_model_learn(g->on.site, NULL, &model), YT_OK);
    const int32_t all = walk(g->on.site, NULL, &blind);
    const int32_t some = walk(g->on.site, model, &guided);
    assert_true(some < all);
    assert_true(guided < 1.02 * blind);
    yt_cost_model_destroy(model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_few_rows_nothing_is_learned),
        TEST(a_problem_that_it_has_not_seen_is_put_in_order),
        TEST(other_operators_are_not_its_business),
        TEST(the_search_tries_less_and_finds_as_much),
    };
    return cmocka_run_group_tests_name("cost_model", tests, NULL, NULL);
}
