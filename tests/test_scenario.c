/* Scenarios: limits from defaults and wishes, who keeps them, and the order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "strategies/choice/scenario.h"

#define MIB (INT64_C(1) << 20)

static const struct yt_figures base = {.fps = 50,
                                       .latency_ns = 25e6,
                                       .map = 0.40,
                                       .memory_bytes = 80 * MIB,
                                       .size_bytes = 8 * MIB};

static struct yt_figures like(double fps, double map)
{
    struct yt_figures figures = base;
    figures.fps = fps;
    figures.map = map;
    figures.memory_bytes = 30 * MIB;
    return figures;
}

static struct yt_limits limits_of(const char *name,
                                  const struct yt_wishes *wishes)
{
    return yt_limits_of(yt_scenario_find(name), wishes ? wishes : &yt_no_wishes,
                        base.map);
}

static void scenarios_have_their_defaults(void **state)
{
    (void)state;
    struct yt_limits l = limits_of("realtime", NULL);
    assert_int_equal(l.objective, YT_MOST_FPS);
    assert_float_equal(l.min_map, 0.38, 1e-12);
    assert_true(isnan(l.min_fps) && isnan(l.max_latency_ns));
    l = limits_of("accuracy", NULL);
    assert_int_equal(l.objective, YT_MOST_FPS);
    assert_float_equal(l.min_map, 0.398, 1e-12);
    l = limits_of("constrained", NULL);
    assert_int_equal(l.objective, YT_BEST_MAP);
    assert_true(isnan(l.min_map));
    assert_int_equal(l.max_memory_bytes, 64 * MIB);
    assert_int_equal(yt_scenario_find("constrained")->threads, 1);
    assert_null(yt_scenario_find("winning"));
    assert_null(yt_scenario_at(3));
}

static void wishes_override(void **state)
{
    (void)state;
    struct yt_wishes w = yt_no_wishes;
    w.min_map = 0.3;
    w.max_memory_bytes = 10 * MIB;
    struct yt_limits l = limits_of("constrained", &w);
    assert_float_equal(l.min_map, 0.3, 0);
    assert_int_equal(l.max_memory_bytes, 10 * MIB);
    w = yt_no_wishes;
    w.max_map_drop = 0.05;
    l = limits_of("realtime", &w);
    assert_float_equal(l.min_map, 0.35, 1e-12);
    w = yt_no_wishes;
    w.min_fps = 30;
    assert_int_equal(limits_of("accuracy", &w).objective, YT_BEST_MAP);
    assert_int_equal(limits_of("realtime", &w).objective, YT_MOST_FPS);
}

static void unknown_accuracy_limits_nothing(void **state)
{
    (void)state;
    const struct yt_limits l =
        yt_limits_of(yt_scenario_find("realtime"), &yt_no_wishes, NAN);
    assert_true(isnan(l.min_map));
    const struct yt_figures f = like(90, NAN);
    assert_float_equal(yt_limits_missed(&l, &f, NULL, 0), 0, 0);
}

static void what_is_missed_is_said(void **state)
{
    (void)state;
    struct yt_wishes w = yt_no_wishes;
    char text[240];
    w.min_fps = 100;
    w.max_latency_ns = 20e6;
    w.max_memory_bytes = 40 * MIB;
    w.max_size_bytes = 4 * MIB;
    const struct yt_limits l = limits_of("realtime", &w);
    const struct yt_figures poor = {50, 25e6, 0.19, 80 * MIB, 8 * MIB, 0};
    assert_float_equal(yt_limits_missed(&l, &poor, text, sizeof text),
                       0.5 + 0.25 + 0.5 + 1 + 1, 1e-9);
    assert_non_null(strstr(text, "50.0 FPS where 100.0 are wanted"));
    assert_non_null(strstr(text, "25.00 ms where 20.00 are allowed"));
    assert_non_null(strstr(text, "mAP 0.1900 where 0.3800 is wanted"));
    assert_non_null(strstr(text, "memory 80.0 MiB where 40.0 are allowed"));
    const struct yt_figures fine = {120, 18e6, 0.39, 30 * MIB, 3 * MIB, 0};
    assert_float_equal(yt_limits_missed(&l, &fine, text, sizeof text), 0, 0);
    assert_string_equal(text, "");
    /* A short buffer is not overrun. */
    char little[12];
    (void)yt_limits_missed(&l, &poor, little, sizeof little);
    assert_true(strlen(little) < sizeof little);
    const struct yt_figures unknown = {120, 18e6, NAN, 1, 1, 0};
    assert_true(yt_limits_missed(&l, &unknown, NULL, 0) > 0);
}

static void limits_come_before_the_objective(void **state)
{
    (void)state;
    const struct yt_limits l = limits_of("realtime", NULL);
    const struct yt_figures fast = like(200, 0.37), slow = like(60, 0.385);
    const struct yt_figures faster = like(300, 0.36);
    assert_true(yt_figures_compare(&l, 0.01, &slow, &fast) < 0);
    assert_true(yt_figures_compare(&l, 0.01, &fast, &faster) < 0);
    assert_true(yt_figures_compare(&l, 0.01, &faster, &slow) > 0);
}

static void inside_the_noise_the_simpler_one_wins(void **state)
{
    (void)state;
    const struct yt_limits l = limits_of("realtime", NULL);
    struct yt_figures simple = like(100, 0.39), complex = like(100.5, 0.39);
    simple.changes = 1;
    complex.changes = 3;
    assert_true(yt_figures_compare(&l, 0.01, &simple, &complex) < 0);
    assert_true(yt_figures_compare(&l, 0.001, &simple, &complex) > 0);
    complex.map = 0.395; /* as fast, and better */
    assert_true(yt_figures_compare(&l, 0.01, &complex, &simple) < 0);
    assert_int_equal(yt_figures_compare(&l, 0.01, &simple, &simple), 0);
}

static void constrained_wants_accuracy(void **state)
{
    (void)state;
    const struct yt_limits l = limits_of("constrained", NULL);
    struct yt_figures big = like(10, 0.45), small = like(90, 0.41);
    assert_true(yt_figures_compare(&l, 0.01, &big, &small) < 0);
    big.memory_bytes = 65 * MIB;
    assert_true(yt_figures_compare(&l, 0.01, &small, &big) < 0);
}

/* Among equals in speed and accuracy, only where memory is limited. */
static void constrained_takes_less_memory(void **state)
{
    (void)state;
    const struct yt_limits l = limits_of("constrained", NULL);
    const struct yt_limits any = limits_of("realtime", NULL);
    struct yt_figures all[] = {like(100, 0.4), like(99.5, 0.4), like(90, 0.4)};
    all[0].memory_bytes = 20 * MIB;
    all[1].memory_bytes = 10 * MIB;
    all[1].changes = all[0].changes + 1;
    all[2].memory_bytes = 5 * MIB; /* and slower */
    assert_true(yt_figures_compare(&l, 0.02, &all[1], &all[0]) < 0);
    assert_true(yt_figures_compare(&any, 0.02, &all[1], &all[0]) > 0);
    assert_int_equal(yt_figures_best(&l, 0.02, all, 3), 1);
    assert_int_equal(yt_figures_best(&any, 0.02, all, 3), 0);
    all[1].memory_bytes = 20 * MIB - 1000; /* not worth a change */
    assert_int_equal(yt_figures_best(&l, 0.02, all, 3), 0);
}

static void the_front_is_what_none_beats(void **state)
{
    (void)state;
    const struct yt_figures a = like(100, 0.3), b = like(90, 0.3);
    const struct yt_figures c = like(90, 0.35);
    assert_true(yt_figures_beat(&a, &b));
    assert_false(yt_figures_beat(&b, &a));
    assert_false(yt_figures_beat(&a, &c));
    assert_false(yt_figures_beat(&c, &a));
    assert_false(yt_figures_beat(&a, &a));
    const struct yt_figures x = like(100, NAN), y = like(90, NAN);
    assert_true(yt_figures_beat(&x, &y));
    assert_false(yt_figures_beat(&y, &x));
}

/* Kernels that a search found may be slower than the first legal ones: then
 * those are the choice, and so they are inside the noise, being simpler. */
static void tuned_kernels_have_to_be_faster(void **state)
{
    (void)state;
    static const struct {
        double gain;
        int32_t best;
    } rows[] = {{0.98, 0}, {0.995, 0}, {1, 0}, {1.005, 0}, {1.02, 1}, {1.4, 1}};
    const struct yt_limits l = limits_of("realtime", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_figures all[] = {like(100, 0.40),
                                   like(100 * rows[i].gain, 0.40)};
        all[1].changes = 1;
        assert_int_equal(yt_figures_best(&l, 0.01, all, 2), rows[i].best);
        struct yt_figures turned[] = {all[1], all[0]};
        assert_int_equal(yt_figures_best(&l, 0.01, turned, 2),
                         1 - rows[i].best);
        assert_int_equal(yt_figures_dominate(&l, 0.01, &all[1], &all[0]),
                         rows[i].gain > 1.0102);
        assert_int_equal(yt_figures_dominate(&l, 0.01, &all[0], &all[1]),
                         rows[i].gain < 0.9899);
    }
}

/* Each is inside the noise of the one before: compared in a row, the slowest
 * would win. */
static void small_steps_do_not_add_up(void **state)
{
    (void)state;
    const struct yt_limits l = limits_of("realtime", NULL);
    struct yt_figures all[5];
    for (int32_t i = 0; i < 5; i++) {
        all[i] = like(100 + 0.8 * i, 0.40);
        all[i].changes = i;
    }
    const int32_t best = yt_figures_best(&l, 0.01, all, 5);
    assert_int_equal(best, 3); /* as fast as the last, and simpler */
    assert_true(yt_figures_dominate(&l, 0.01, &all[4], &all[0]));
}

static void the_best_is_of_those_that_keep_the_limits(void **state)
{
    (void)state;
    struct yt_limits l = limits_of("realtime", NULL);
    const struct yt_figures all[] = {like(300, 0.20), like(90, 0.39),
                                     like(95, NAN), like(91, 0.385)};
    assert_int_equal(yt_figures_best(&l, 0.02, all, 4), 1);
    assert_int_equal(yt_figures_best(&l, 0.001, all, 4), 3);
    assert_int_equal(yt_figures_best(&l, 0.01, all, 1), 0);
    assert_int_equal(yt_figures_best(&l, 0.01, all, 0), -1);
    l.objective = YT_BEST_MAP;
    assert_int_equal(yt_figures_best(&l, 0.01, all, 4), 1);
    l.min_map = NAN;
    l.objective = YT_MOST_FPS;
    assert_int_equal(yt_figures_best(&l, 0.01, all, 4), 0);
}

static void the_best_is_never_dominated(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 20000; round++) {
        const struct yt_limits limits =
            limits_of(round % 2 ? "realtime" : "constrained", NULL);
        struct yt_figures all[12];
        for (int32_t i = 0; i < 12; i++) {
            const uint64_t bits = yt_random_next(&random);
            all[i] = like(95 + (double)(bits % 1000) / 100,
                          0.37 + (double)(bits >> 16 & 7) * 0.01);
            all[i].map = (bits >> 24 & 15) == 0 ? NAN : all[i].map;
            all[i].memory_bytes = (int64_t)(bits >> 32 & 127) * MIB;
            all[i].changes = (int32_t)(bits >> 40 & 3);
        }
        const int32_t best = yt_figures_best(&limits, 0.01, all, 12);
        for (int32_t i = 0; i < 12; i++)
            if (yt_figures_dominate(&limits, 0.01, &all[i], &all[best]))
                fail_msg("round %d: %d is better than the best, %d", round, i,
                         best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenarios_have_their_defaults),
        cmocka_unit_test(wishes_override),
        cmocka_unit_test(unknown_accuracy_limits_nothing),
        cmocka_unit_test(what_is_missed_is_said),
        cmocka_unit_test(limits_come_before_the_objective),
        cmocka_unit_test(inside_the_noise_the_simpler_one_wins),
        cmocka_unit_test(constrained_wants_accuracy),
        cmocka_unit_test(constrained_takes_less_memory),
        cmocka_unit_test(the_front_is_what_none_beats),
        cmocka_unit_test(tuned_kernels_have_to_be_faster),
        cmocka_unit_test(small_steps_do_not_add_up),
        cmocka_unit_test(the_best_is_of_those_that_keep_the_limits),
        cmocka_unit_test(the_best_is_never_dominated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
