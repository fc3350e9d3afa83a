/* Plans: the newest that holds here, whole or not at all; which one is
 * preferred. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

static void plans_come_back(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan_key key = {.here = f->here,
                                 .model = f->model,
                                 .h = 640,
                                 .w = 640,
                                 .isa = "avx512",
                                 .threads = 2,
                                 .precision = "f32"};
    struct yt_db_plan *plan = NULL;
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_NOT_FOUND);
    fixture_fill(f);
    assert_ok(yt_db_plan_find(f->db, &key, &plan));
    assert_string_equal(plan->text, "plan yolov5n\nstep model.0\n");
    assert_int_equal(plan->layer_count, 2);
    assert_string_equal(plan->layers[0].name, "model.0");
    assert_string_equal(plan->layers[0].problem, PROBLEM_A);
    assert_string_equal(plan->layers[0].schedule, "direct-m6n4k4");
    assert_string_equal(plan->layers[0].ties, "direct-m8n3k4");
    assert_float_equal(plan->layers[0].median_ns, 2e6, 0);
    assert_int_equal(plan->layers[0].flops, 471859200);
    assert_true(isnan(plan->layers[1].median_ns));
    assert_string_equal(plan->layers[1].ties, "");
    assert_int_equal(plan->key.role, YT_DB_TUNED);
    yt_db_plan_destroy(plan);
    plan = NULL;

    key.threads = 1;
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_NOT_FOUND);
    key.threads = 2;
    struct yt_db_host host = fixture_host;
    host.generator_version = "g2";
    assert_ok(yt_db_host_put(f->db, &host, &key.here));
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_STALE);
    assert_null(plan);
}

static void newest_plan_wins(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan plan = {.key = {.here = f->here,
                                      .model = f->model,
                                      .h = 64,
                                      .w = 96,
                                      .isa = "avx2",
                                      .threads = 1,
                                      .precision = "f32"},
                              .text = "new",
                              .created_ms = 2000};
    struct yt_db_plan *found = NULL;
    int64_t newer, older;
    assert_ok(yt_db_plan_put(f->db, &plan, &newer));
    plan.text = "old";
    plan.created_ms = 1000;
    assert_ok(yt_db_plan_put(f->db, &plan, &older));
    assert_ok(yt_db_plan_find(f->db, &plan.key, &found));
    assert_int_equal(found->id, newer);
    assert_string_equal(found->text, "new");
    assert_int_equal(found->created_ms, 2000);
    yt_db_plan_destroy(found);
}

static void broken_plans_leave_nothing(void **state)
{
    struct fixture *f = *state;
    const struct yt_db_layer layers[] = {
        {.name = "a", .problem = PROBLEM_A, .schedule = "s"},
        {.name = "b", .problem = "nonsense", .schedule = "s"},
    };
    const struct yt_db_plan plan = {.key = {.here = f->here,
                                            .model = f->model,
                                            .h = 64,
                                            .w = 64,
                                            .isa = "avx2",
                                            .threads = 1,
                                            .precision = "f32"},
                                    .layers = layers,
                                    .layer_count = 2};
    struct yt_db_plan *found = NULL;
    int64_t id = 5;
    assert_int_equal(yt_db_plan_put(f->db, &plan, &id), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "layer 1 (b)"));
    assert_int_equal(id, 5);
    assert_int_equal(yt_db_plan_find(f->db, &plan.key, &found), YT_NOT_FOUND);
}

static void assert_preferred(struct fixture *f,
                             const struct yt_db_plan_key *key, const char *want)
{
    char *text = NULL;
    assert_ok(yt_db_plan_preferred(f->db, key, &text));
    assert_string_equal(text, want);
    free(text);
}

static void recommended_plans_are_preferred(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan plan = {.key = {.here = f->here,
                                      .model = f->model,
                                      .h = 64,
                                      .w = 64,
                                      .isa = "avx2",
                                      .threads = 1,
                                      .precision = "int8-01"},
                              .text = "quantised",
                              .created_ms = 1000};
    struct yt_db_plan_key any = plan.key;
    char *text = NULL;
    int64_t int8, id;
    any.precision = NULL;
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);
    assert_ok(yt_db_plan_put(f->db, &plan, &int8));
    assert_preferred(f, &any, "quantised");
    plan.key.precision = "f32";
    plan.text = "plain";
    plan.created_ms = 500;
    assert_ok(yt_db_plan_put(f->db, &plan, &id));
    assert_preferred(f, &any, "plain");
    any.precision = "int8-";
    assert_preferred(f, &any, "quantised");
    any.precision = "bf16-";
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);

    const struct yt_db_evaluation evaluation = {.plan = int8,
                                                .fps = 9,
                                                .samples = 3,
                                                .map = NAN,
                                                .map50 = NAN,
                                                .map75 = NAN};
    struct yt_db_recommendation advice = {.scenario = "realtime"};
    assert_ok(yt_db_evaluation_put(f->db, &evaluation, &advice.evaluation));
    assert_ok(yt_db_recommendation_put(f->db, &advice, &id));
    any.precision = NULL;
    assert_preferred(f, &any, "quantised");
    any.threads = 2;
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(plans_come_back),
        FIXTURE_TEST(newest_plan_wins),
        FIXTURE_TEST(broken_plans_leave_nothing),
        FIXTURE_TEST(recommended_plans_are_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
