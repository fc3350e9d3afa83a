/* Plans as rows: what is stored is found again, and the same is not stored
 * twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "small_ground.h"
#include "tuner/build/plan_store.h"

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

/* The newest plan of a role, the caller's. */
static struct yt_db_plan *stored(const struct yt_engine *engine,
                                 enum yt_db_role role)
{
    const struct yt_db_plan_key key = yt_engine_plan_key(engine, role);
    struct yt_db_plan *plan = NULL;
    if (yt_db_plan_find(engine->site->db, &key, &plan) != YT_OK)
        fail_msg("%s", yt_error());
    return plan;
}

static void a_plan_is_stored_with_its_layers(void **state)
{
    struct small_ground *g = *state;
    struct yt_engine *engine = g->on.engine;
    struct yt_build *build = engine->build;
    const int32_t count = build->net->layer_count;
    struct yt_layer_time *times = calloc((size_t)count, sizeof *times);
    int64_t id = 0;
    assert_non_null(times);
    assert_true(count >= 3);
    times[1].median_ns = 1000;
    times[1].mad_ns = 10;
    strcpy(times[1].ties, "one two");
    const struct yt_plan_facts facts = {.times = times,
                                        .head_error = 0.5,
                                        .given_up = "F(6)",
                                        .limit_bytes = 4096};
    assert_int_equal(yt_plan_store(engine, build, YT_DB_TUNED, &facts, &id),
                     YT_OK);
    struct yt_db_plan *plan = stored(engine, YT_DB_TUNED);
    char *text = yt_plan_text_write(build, NULL);
    assert_int_equal(plan->id, id);
    assert_string_equal(plan->text, text);
    assert_int_equal(plan->layer_count, count);
    for (int32_t i = 0; i < count; i++) {
        char problem[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
        const struct yt_layer *layer = &build->net->layers[i];
        yt_problem_name(&layer->problem, problem);
        yt_schedule_name(&build->schedules[i], schedule);
        assert_string_equal(plan->layers[i].name, layer->name);
        assert_string_equal(plan->layers[i].problem, problem);
        assert_string_equal(plan->layers[i].schedule, schedule);
        assert_int_equal(isnan(plan->layers[i].median_ns) != 0, i != 1);
        assert_string_equal(plan->layers[i].ties, i == 1 ? "one two" : "");
    }
    assert_float_equal(plan->layers[1].median_ns, 1000, 0);
    assert_float_equal(plan->layers[1].mad_ns, 10, 0);
    assert_float_equal(plan->head_error, 0.5, 0);
    assert_string_equal(plan->given_up, "F(6)");
    assert_int_equal(plan->limit_bytes, 4096);
    yt_db_plan_destroy(plan);
    free(text);
    free(times);
}

static void a_stored_plan_is_loaded(void **state)
{
    struct small_ground *g = *state;
    struct yt_engine *engine = g->on.engine;
    int64_t id = 0;
    assert_int_equal(yt_engine_load_plan(engine), YT_NOT_FOUND);
    assert_int_equal(
        yt_plan_store(engine, engine->build, YT_DB_BASELINE, NULL, &id), YT_OK);
    assert_int_equal(yt_engine_load_plan(engine), YT_NOT_FOUND);
    assert_int_equal(
        yt_plan_store(engine, engine->build, YT_DB_TUNED, NULL, &id), YT_OK);
    assert_int_equal(yt_engine_load_plan(engine), YT_OK);
    assert_int_equal(engine->tuned, 1);
    assert_int_equal(engine->plan_id, id);
    int64_t row = 0;
    assert_int_equal(yt_plan_row(engine, &row), YT_OK);
    assert_int_equal(row, id);
}

static void the_same_baseline_is_one_row(void **state)
{
    struct small_ground *g = *state;
    struct yt_engine *engine = g->on.engine;
    int64_t one = 0, two = 0;
    assert_int_equal(yt_plan_row(engine, &one), YT_OK);
    assert_int_equal(yt_plan_row(engine, &two), YT_OK);
    assert_int_equal(one, two);
    engine->build->plan.threads = 2; /* another plan */
    assert_int_equal(yt_plan_row(engine, &two), YT_OK);
    assert_true(two > one);
}

static void without_a_database_there_is_no_row(void **state)
{
    (void)state;
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    const struct yt_engine_options small = {
        .h = SMALL_SIDE, .w = SMALL_SIDE, .threads = 1, .unbuilt = 1};
    struct ground g = {.graph = small_graph()};
    int64_t id = 0;
    assert_int_equal(yt_site_open(&alone, &g.site), YT_OK);
    assert_int_equal(yt_engine_open(g.site, g.graph, &small, &g.engine), YT_OK);
    assert_int_equal(yt_plan_row(g.engine, &id), YT_NOT_FOUND);
    assert_int_equal(g.engine->model_id, 0);
    ground_close(&g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plan_is_stored_with_its_layers),
        TEST(a_stored_plan_is_loaded),
        TEST(the_same_baseline_is_one_row),
        cmocka_unit_test(without_a_database_there_is_no_row),
    };
    return cmocka_run_group_tests_name("plan_store", tests, NULL, NULL);
}
