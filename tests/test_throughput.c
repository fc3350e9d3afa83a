/* Throughput is measured on a small network: the figures must be sane, whatever
 * the machine's load; no test asks for speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/stages.h"
#include "tests/tiny_plan.h"
#include "tuner/measure/background.h"
#include "tuner/measure/throughput.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SIDE = 40 };

static uint8_t pixels[2][SIDE * SIDE * 3];
static const struct yt_image images[2] = {
    {.pixels = pixels[0],
     .width = SIDE,
     .height = SIDE,
     .stride_bytes = SIDE * 3},
    {.pixels = pixels[1],
     .width = SIDE / 2,
     .height = SIDE,
     .stride_bytes = SIDE * 3},
};

static int setup(void **state)
{
    (void)state;
    make_plan();
    seed = 4;
    for (size_t i = 0; i < sizeof pixels; i++)
        ((uint8_t *)pixels)[i] = (uint8_t)(noise() * 127 + 128);
    return 0;
}

static void check_sane(const struct yt_throughput *t)
{
    const struct yt_stats *l = &t->latency;
    assert_true(t->frames >= 1);
    assert_int_equal(l->samples, t->frames);
    assert_true(t->seconds > 0);
    assert_float_equal(t->fps, t->frames / t->seconds, t->fps * 1e-6);
    assert_true(0 < l->min_ns && l->min_ns <= l->median_ns);
    assert_true(l->median_ns <= l->p95_ns && l->p95_ns <= l->p99_ns);
    assert_true(l->p99_ns <= t->seconds * 1e9);
    assert_true(t->workspace_bytes > plan.arena_bytes);
}

static void every_arrangement_is_measured(void **state)
{
    (void)state;
    static const struct yt_batch_options splits[] = {
        {.instances = 1}, {.instances = 1, .threads = 2},
        {.instances = 2}, {.stages = 2},
        {.stages = 3},
    };
    for (size_t i = 0; i < COUNT(splits); i++)
        for (int32_t load = 0; load < 2; load++) {
            const struct yt_throughput_options options = {
                .batch = splits[i],
                .budget_ns = 20000000,
                .background_load = load,
            };
            struct yt_throughput t;
            if (yt_throughput_measure(&bundle, images, 2, &options, &t) !=
                YT_OK)
                fail_msg("%s", yt_error());
            check_sane(&t);
            const int32_t stages = splits[i].stages ? splits[i].stages : 1;
            const int32_t groups = stages > 1 ? stages : splits[i].instances;
            assert_int_equal(t.stages, stages);
            assert_int_equal(t.instances, stages > 1 ? 1 : groups);
            assert_int_equal(t.threads,
                             splits[i].threads ? splits[i].threads : 1);
            assert_true(t.frames >= groups);
        }
}

static void frames_end_it(void **state)
{
    (void)state;
    struct yt_throughput t;
    const struct yt_throughput_options options = {
        .batch = {.instances = 2},
        .budget_ns = UINT64_C(3600) * 1000000000,
        .frames = 17,
    };
    assert_int_equal(yt_throughput_measure(&bundle, images, 2, &options, &t),
                     YT_OK);
    assert_int_equal(t.frames, 17);
    check_sane(&t);
}

static void a_stop_ends_it(void **state)
{
    (void)state;
    static const volatile int stop = 1;
    struct yt_throughput t = {.frames = 77};
    const struct yt_throughput_options options = {
        .batch = {.stages = 2},
        .budget_ns = UINT64_C(3600) * 1000000000,
        .background_load = 1,
        .stop = &stop,
    };
    assert_int_equal(yt_throughput_measure(&bundle, images, 2, &options, &t),
                     YT_INTERRUPTED);
    assert_int_equal(t.frames, 77);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    struct yt_throughput t;
    static const struct yt_throughput_options bad[] = {
        {.frames = -1},
        {.background_load = -1},
        {.background_load = YT_BACKGROUND_MAX + 1},
        {.batch = {.threads = -1}},
        {.detect = {.conf = 2}},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(yt_throughput_measure(&bundle, images, 2, &bad[i], &t),
                         YT_BAD_ARGUMENT);
    const struct yt_throughput_options fine = {.frames = 1};
    assert_int_equal(yt_throughput_measure(&bundle, images, 0, &fine, &t),
                     YT_BAD_ARGUMENT);
    struct yt_image flat = images[0];
    flat.height = 0;
    assert_int_equal(yt_throughput_measure(&bundle, &flat, 1, &fine, &t),
                     YT_BAD_ARGUMENT);
    double costs[STEPS + 2];
    assert_int_equal(yt_throughput_step_costs(&bundle, &flat, NULL, 1, costs),
                     YT_BAD_ARGUMENT);
}

static void measured_costs_cut_stages(void **state)
{
    (void)state;
    double costs[STEPS + 2];
    assert_int_equal(yt_stages_items(&plan), STEPS + 2);
    for (int32_t threads = 1; threads <= 2; threads++) {
        assert_int_equal(
            yt_throughput_step_costs(&bundle, images, NULL, threads, costs),
            YT_OK);
        for (size_t i = 0; i < COUNT(costs); i++)
            assert_true(costs[i] >= 0 && costs[i] < 1e12);
        assert_true(costs[1] > 0);
    }
    struct yt_throughput t;
    const struct yt_throughput_options options = {
        .batch = {.stages = 2,
                  .step_costs = costs,
                  .step_cost_count = STEPS + 2},
        .frames = 5,
    };
    assert_int_equal(yt_throughput_measure(&bundle, images, 1, &options, &t),
                     YT_OK);
    check_sane(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arrangement_is_measured),
        cmocka_unit_test(frames_end_it),
        cmocka_unit_test(a_stop_ends_it),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(measured_costs_cut_stages),
    };
    return cmocka_run_group_tests_name("throughput", tests, setup, NULL);
}
