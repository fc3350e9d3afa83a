/* The main job on a network of a few layers: what it leaves in the database and
 * in the engine, when it runs once, again, and is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "small_ground.h"
#include "tuner/search/session.h"

/* The machine's peaks are measured before: the budget is for the search, also
 * where others keep the machine busy. */
static int setup(void **state)
{
    static struct small_ground g;
    struct yt_peak peak;
    small_ground_open(&g, 1);
    const struct yt_site *site = g.on.site;
    if (yt_peak_get(site->db, &site->here, site->isa, YT_DTYPE_F32, 1, 0,
                    &peak) != YT_OK)
        fail_msg("%s", yt_error());
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    small_ground_close(*state);
    return 0;
}

static struct yt_tune_result tune(struct small_ground *g,
                                  struct yt_tune_options options)
{
    struct yt_tune_result result;
    options.image = &g->image;
    options.budget_ns =
        options.budget_ns ? options.budget_ns : UINT64_C(4000000000);
    if (yt_tune(g->on.engine, &options, &result) != YT_OK)
        fail_msg("%s", yt_error());
    return result;
}

static void check_frames(const struct yt_frame_stats *stats)
{
    assert_true(stats->total.samples >= 1);
    assert_true(stats->total.min_ns > 0);
    assert_true(stats->network.median_ns <= stats->total.median_ns);
}

static void what_was_tuned_is_stored_and_runs(void **state)
{
    struct small_ground *g = *state;
    struct yt_engine *engine = g->on.engine;
    /* Time for one kernel at least, however busy the machine is. */
    const struct yt_tune_result r =
        tune(g, (struct yt_tune_options){.budget_ns = UINT64_C(12000000000)});
    assert_true(r.measured > 0);
    assert_int_equal(r.reused, 0);
    assert_int_equal(r.kept, 0);
    assert_int_equal(r.threads, 1);
    assert_int_equal(r.peak.threads, 1);
    assert_true(r.peak.gflops_1 > 0);
    check_frames(&r.baseline);
    check_frames(&r.tuned);
    assert_true(r.plan_id > 0 && r.evaluation_id > 0 && r.baseline_id > 0);
    assert_int_equal(engine->tuned, 1);
    assert_int_equal(engine->plan_id, r.plan_id);
    assert_non_null(engine->model);

    /* Another engine on the site finds the plan, and runs the same kernels. */
    const struct yt_engine_options small = {
        .h = SMALL_SIDE, .w = SMALL_SIDE, .threads = 1};
    struct yt_engine *other = NULL;
    assert_int_equal(yt_engine_open(g->on.site, g->on.graph, &small, &other),
                     YT_OK);
    assert_int_equal(other->plan_id, r.plan_id);
    const struct yt_plan *one = &engine->build->plan;
    const struct yt_plan *two = &other->build->plan;
    for (int32_t i = 0; i < one->step_count; i++)
        assert_true(one->steps[i].kernel == two->steps[i].kernel);
    yt_engine_close(other);
}

/* The second run starts from the rows of the first, and what it finds takes
 * the old plan's place only if it is faster. */
static void a_second_run_goes_on(void **state)
{
    struct small_ground *g = *state;
    const struct yt_tune_result first = tune(g, (struct yt_tune_options){0});
    const struct yt_tune_result second = tune(g, (struct yt_tune_options){0});
    assert_true(second.reused >= first.measured);
    assert_true(second.plan_id >= first.plan_id);
    if (second.kept || second.measured == 0)
        assert_int_equal(second.plan_id, first.plan_id);
    assert_int_not_equal(second.evaluation_id, first.evaluation_id);
    assert_int_equal(g->on.engine->plan_id, second.plan_id);
}

/* A plan that does not fit stays for no speed, and one that was made to fit
 * has to prove itself where there is room. */
static void a_limit_asks_for_a_plan_of_its_own(void **state)
{
    struct small_ground *g = *state;
    struct yt_engine *engine = g->on.engine;
    const struct yt_tune_result first = tune(g, (struct yt_tune_options){0});
    assert_int_equal(engine->plan_limit_bytes, 0);
    const struct yt_tune_result second =
        tune(g, (struct yt_tune_options){.max_kernel_bytes = 1});
    assert_int_equal(second.kept, 0);
    assert_int_not_equal(second.plan_id, first.plan_id);
    assert_int_equal(engine->plan_limit_bytes, 1);
    assert_int_equal(yt_engine_load_plan(engine), YT_OK);
    assert_int_equal(engine->plan_limit_bytes, 1);
    /* The same limit again: it stands, unless more was measured. */
    const struct yt_tune_result third =
        tune(g, (struct yt_tune_options){.max_kernel_bytes = 1});
    if (third.measured == 0)
        assert_int_equal(third.plan_id, second.plan_id);
    const struct yt_tune_result last = tune(g, (struct yt_tune_options){0});
    assert_true(last.kept || engine->plan_limit_bytes == 0);
}

static void stopped_at_once_there_is_nothing(void **state)
{
    struct small_ground *g = *state;
    const int stop = 1;
    const struct yt_tune_options options = {.stop = &stop, .image = &g->image};
    struct yt_tune_result result;
    assert_int_equal(yt_tune(g->on.engine, &options, &result), YT_INTERRUPTED);
    assert_int_equal(g->on.engine->tuned, 0);
    assert_int_equal(yt_engine_load_plan(g->on.engine), YT_NOT_FOUND);
}

/* A network on one thread, in a run of two: the peak that is told is the run's,
 * though what the network was held against is one thread's. */
static void the_peak_is_of_as_many_threads_as_are_named(void **state)
{
    struct small_ground *g = *state;
    const struct yt_tune_result r =
        tune(g, (struct yt_tune_options){.peak_threads = 2});
    assert_int_equal(r.threads, 1);
    assert_int_equal(r.peak.threads, 2);
    struct yt_db_peak row = {
        .isa = g->on.site->isa->name, .precision = "f32", .threads = 2};
    assert_int_equal(
        yt_db_peak_find(g->on.site->db, g->on.site->here.host, &row), YT_OK);
    assert_float_equal(row.gflops, r.peak.gflops_n, 0);
}

/* A graph that was changed shares rows of kernels and nothing else. */
static void a_changed_graph_reuses_measurements(void **state)
{
    struct small_ground *g = *state;
    const struct yt_tune_result first = tune(g, (struct yt_tune_options){0});
    const struct yt_engine_options small = {
        .h = SMALL_SIDE, .w = SMALL_SIDE, .threads = 1};
    struct small_ground changed = *g;
    assert_int_equal(yt_graph_copy(g->on.graph, &changed.on.graph), YT_OK);
    changed.on.graph->nodes[1].weights[0] += 1;
    assert_int_equal(yt_engine_open(g->on.site, changed.on.graph, &small,
                                    &changed.on.engine),
                     YT_OK);
    assert_int_equal(changed.on.engine->tuned, 0);
    assert_int_not_equal(changed.on.engine->model_id, g->on.engine->model_id);
    const struct yt_tune_result second =
        tune(&changed, (struct yt_tune_options){0});
    assert_true(second.reused >= first.measured);
    assert_int_not_equal(second.plan_id, first.plan_id);
    yt_engine_close(changed.on.engine);
    yt_graph_destroy(changed.on.graph);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_tuned_is_stored_and_runs),
        TEST(a_second_run_goes_on),
        TEST(a_limit_asks_for_a_plan_of_its_own),
        TEST(stopped_at_once_there_is_nothing),
        TEST(the_peak_is_of_as_many_threads_as_are_named),
        TEST(a_changed_graph_reuses_measurements),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
