/* Layer times from rows, set against peaks from rows: nothing is measured here,
 * so that every figure is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assert_ok.h"
#include "base/now.h"
#include "codegen/codegen.h"
#include "runtime/fail.h"
#include "tuner/build/engine.h"
#include "tuner/measure/measured.h"

#define LAYERS_MAX 256
#define GFLOPS     50.0
#define GBS        10.0

/* The built-in network on 64x64 pixels, its analysis, and rows of layers. */
struct fixture {
    char folder[64], path[96];
    struct yt_site *site;
    struct yt_graph *graph;
    struct yt_engine *engine;
    struct yt_analysis *analysis;
    struct yt_db_layer layers[LAYERS_MAX];
    char problems[LAYERS_MAX][YT_PROBLEM_NAME_MAX];
    char schedules[LAYERS_MAX][YT_SCHEDULE_NAME_MAX];
};

static void fill_layers(struct fixture *f)
{
    const struct yt_build *build = f->engine->build;
    assert_true(f->analysis->layer_count <= LAYERS_MAX);
    assert_int_equal(f->analysis->layer_count, build->plan.step_count);
    for (int32_t i = 0; i < f->analysis->layer_count; i++) {
        yt_problem_name(&build->plan.steps[i].problem, f->problems[i]);
        yt_schedule_name(&build->schedules[i], f->schedules[i]);
        f->layers[i] = (struct yt_db_layer){
            .name = f->analysis->layers[i].name,
            .problem = f->problems[i],
            .schedule = f->schedules[i],
            .median_ns = 1000.0 + i % 7, /* with equals among them */
            .mad_ns = 1,
            .flops = (int64_t)f->analysis->layers[i].run_flops,
        };
    }
}

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/yt-measured-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/results.db", f.folder);
    const struct yt_site_options site = {.isa = "sse4.2", .db = f.path};
    const struct yt_engine_options options = {
        .h = 64, .w = 64, .threads = 1, .unbuilt = 1};
    assert_ok(yt_site_open(&site, &f.site));
    assert_ok(yt_graph_read(NULL, &f.graph));
    assert_ok(yt_engine_open(f.site, f.graph, &options, &f.engine));
    assert_ok(yt_analyze(f.engine->build->net, &f.analysis));
    fill_layers(&f);
    const struct yt_db_peak peak = {.isa = "sse4.2",
                                    .precision = "f32",
                                    .threads = 1,
                                    .gflops = GFLOPS,
                                    .bandwidth_gbs = GBS};
    assert_ok(yt_db_peak_put(f.site->db, f.site->here.host, &peak));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    yt_analysis_destroy(f->analysis);
    yt_engine_close(f->engine);
    yt_graph_destroy(f->graph);
    yt_site_close(f->site);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command);
}

static int64_t put_plan(struct fixture *f, int32_t layer_count)
{
    const struct yt_db_plan plan = {
        .key = yt_engine_plan_key(f->engine, YT_DB_TUNED),
        .text = "a plan",
        .layers = f->layers,
        .layer_count = layer_count,
    };
    int64_t id = 0;
    assert_ok(yt_db_plan_put(f->site->db, &plan, &id));
    return id;
}

static void put_evaluation(struct fixture *f, int64_t plan, double scale,
                           const char *configuration)
{
    const struct yt_db_evaluation row = {
        .plan = plan,
        .pre = {.median_ns = 200 * scale},
        .network = {.median_ns = 5000 * scale},
        .post = {.median_ns = 300 * scale},
        .total = {.median_ns = 5500 * scale},
        .fps = 1,
        .samples = 1,
        .map = NAN,
        .map50 = NAN,
        .map75 = NAN,
        .configuration = configuration,
    };
    int64_t id = 0;
    assert_ok(yt_db_evaluation_put(f->site->db, &row, &id));
}

static struct yt_measured *read_measured(struct fixture *f)
{
    struct yt_measured *m = NULL;
    const uint64_t begin = 77;
    yt_fake_clock(begin, 1);
    assert_ok(yt_measured_read(f->engine, f->analysis, &m));
    assert_int_equal(yt_now_ns(), begin); /* nothing was timed */
    yt_fake_clock_end();
    return m;
}

static void without_a_plan_there_is_nothing(void **state)
{
    struct fixture *f = *state;
    struct yt_measured *m = NULL;
    assert_int_equal(yt_measured_read(f->engine, f->analysis, &m),
                     YT_NOT_FOUND);
    struct yt_site nowhere = *f->site;
    struct yt_engine blind = *f->engine;
    nowhere.db = NULL;
    blind.site = &nowhere;
    assert_int_equal(yt_measured_read(&blind, f->analysis, &m), YT_NOT_FOUND);
    assert_null(m);
    yt_measured_destroy(NULL);
}

static void figures_follow_from_times(void **state)
{
    struct fixture *f = *state;
    const int64_t plan = put_plan(f, f->analysis->layer_count);
    put_evaluation(f, plan, 9, "");
    put_evaluation(f, plan, 1, "");
    put_evaluation(f, plan, 5, "yolov5n-64x64-f32-tuned-throughput-2x1");
    struct yt_measured *m = read_measured(f);
    double sum = 0, shares = 0;
    assert_int_equal(m->layer_count, f->analysis->layer_count);
    assert_int_equal(m->threads, 1);
    for (int32_t i = 0; i < m->layer_count; i++) {
        const struct yt_layer_analysis *a = &f->analysis->layers[i];
        const struct yt_measured_layer *l = &m->layers[i];
        assert_float_equal(l->ns, f->layers[i].median_ns, 0);
        assert_float_equal(l->gflops, (double)a->run_flops / l->ns, 1e-9);
        assert_float_equal(l->peak_share, l->gflops / GFLOPS, 1e-9);
        assert_float_equal(l->product_share, l->peak_share, 1e-9);
        assert_string_equal(l->schedule, f->layers[i].schedule);
        assert_int_equal(l->memory_bound, a->intensity < GFLOPS / GBS);
        sum += l->ns;
        shares += l->frame_share;
    }
    assert_float_equal(m->layers_ns, sum, 1e-6);
    /* The newest evaluation of the plan alone: 200 and 300 ns beside them. */
    assert_float_equal(m->pre_ns, 200, 0);
    assert_float_equal(m->post_ns, 300, 0);
    assert_float_equal(m->frame_ns, 5500, 0);
    assert_float_equal(shares, sum / (sum + 500), 1e-9);
    assert_float_equal(m->bandwidth_gbs, GBS, 0);
    assert_float_equal(m->peaks[YT_DTYPE_F32], GFLOPS, 0);
    assert_true(m->peaks[YT_DTYPE_U8S8] == 0);
    yt_measured_destroy(m);
}

static void convolutions_are_held_against_their_peak(void **state)
{
    struct fixture *f = *state;
    double ns = 0, ideal = 0;
    (void)put_plan(f, f->analysis->layer_count);
    for (int32_t i = 0; i < f->analysis->layer_count; i++)
        if (strncmp(f->analysis->layers[i].kind, "conv ", 5) == 0) {
            ns += f->layers[i].median_ns;
            ideal += (double)f->analysis->layers[i].run_flops / GFLOPS;
        }
    assert_true(ns > 0);
    struct yt_measured *m = read_measured(f);
    assert_float_equal(m->conv_peak_share, ideal / ns, 1e-9);
    assert_true(isnan(m->pre_ns) && isnan(m->frame_ns));
    yt_measured_destroy(m);
}

static void slowest_first_and_equals_in_order(void **state)
{
    struct fixture *f = *state;
    (void)put_plan(f, f->analysis->layer_count);
    struct yt_measured *m = read_measured(f);
    char seen[LAYERS_MAX] = {0};
    for (int32_t i = 0; i < m->layer_count; i++) {
        const int32_t at = m->by_time[i];
        assert_true(at >= 0 && at < m->layer_count && !seen[at]);
        seen[at] = 1;
        if (i == 0)
            continue;
        const int32_t before = m->by_time[i - 1];
        assert_true(m->layers[before].ns > m->layers[at].ns ||
                    (m->layers[before].ns == m->layers[at].ns && before < at));
    }
    yt_measured_destroy(m);
}

static void layers_that_were_not_timed_are_left_out(void **state)
{
    struct fixture *f = *state;
    f->layers[1].median_ns = f->layers[1].mad_ns = NAN;
    (void)put_plan(f, f->analysis->layer_count);
    struct yt_measured *m = read_measured(f);
    double sum = 0;
    for (int32_t i = 0; i < m->layer_count; i++)
        sum += i == 1 ? 0 : m->layers[i].ns;
    assert_true(isnan(m->layers[1].ns));
    assert_float_equal(m->layers_ns, sum, 1e-6);
    yt_measured_destroy(m);
}

static void a_plan_of_other_layers_is_stale(void **state)
{
    struct fixture *f = *state;
    struct yt_measured *m = NULL;
    (void)put_plan(f, f->analysis->layer_count - 1);
    assert_int_equal(yt_measured_read(f->engine, f->analysis, &m), YT_STALE);
    f->layers[2].name = "model.99";
    (void)put_plan(f, f->analysis->layer_count);
    assert_int_equal(yt_measured_read(f->engine, f->analysis, &m), YT_STALE);
    assert_non_null(strstr(yt_error(), "model.99"));
    assert_null(m);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_a_plan_there_is_nothing),
        TEST(figures_follow_from_times),
        TEST(convolutions_are_held_against_their_peak),
        TEST(slowest_first_and_equals_in_order),
        TEST(layers_that_were_not_timed_are_left_out),
        TEST(a_plan_of_other_layers_is_stale),
    };
    if (yt_isa_check(yt_isa_find("sse4.2"), yt_cpu_features()) != YT_OK)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
