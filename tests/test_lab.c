/* The lab: what is measured becomes rows, what is known is not measured again,
 * and integers need pictures to calibrate on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/algo.h"
#include "lab_fixture.h"
#include "tuner/build/plan_store.h"

static void what_is_known_is_not_measured_again(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_config base = yt_config_baseline(yt_lab_choices(lab));
    struct yt_assessment first, again, full;
    assert_int_equal(yt_lab_find(lab, &base, YT_DEPTH_FULL, &first),
                     YT_NOT_FOUND);
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_FULL, NULL, &first));
    assert_true(first.fresh && first.evaluation > 0 && first.plan > 0);
    assert_string_equal(first.name, "yolov5n-64x64-f32-default-latency-1x2");
    assert_true(first.figures.fps > 0 && first.frames > 0);
    assert_true(first.min_ns <= first.median_ns);
    assert_true(first.median_ns <= first.figures.latency_ns);
    assert_true(first.figures.memory_bytes > first.figures.size_bytes);
    assert_int_equal(first.images, PICTURES);
    assert_true(first.figures.map >= 0 && first.figures.map <= 1);
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_FULL, NULL, &again));
    assert_false(again.fresh);
    assert_int_equal(again.evaluation, first.evaluation);
    /* Six pictures are all pictures at every depth. */
    assert_true(yt_lab_is_full(lab, YT_DEPTH_PROBE));
    assert_ok(yt_lab_find(lab, &base, YT_DEPTH_PROBE, &full));
    yt_lab_close(lab);

    lab = open_lab(f, 1, NULL);
    assert_ok(yt_lab_find(lab, &base, YT_DEPTH_FULL, &again));
    assert_int_equal(again.evaluation, first.evaluation);
    assert_float_equal(again.figures.fps, first.figures.fps, 1e-9);
    assert_float_equal(again.figures.map, first.figures.map, 1e-12);
    assert_ok(yt_lab_assessment_of(lab, first.evaluation, &again));
    assert_true(yt_config_same(&again.config, &base));
    assert_int_equal(yt_lab_assessment_of(lab, 999, &again), YT_NOT_FOUND);
    yt_lab_close(lab);
}

/* What later measurements find known: a figure that no measuring gives. */
static void pretend_accuracy(struct yt_lab *lab, double map)
{
    for (int32_t i = 0; i < lab->row_count; i++)
        lab->rows[i].e.map = map;
}

/* Store a tuned plan in which a layer is Winograd's, of some size of blocks;
 * 0: none is. */
static void store_plan(struct yt_lab *lab, const struct yt_config *base,
                       int32_t tiles)
{
    struct yt_engine *engine;
    int64_t id;
    assert_ok(yt_lab_engine(lab, base, &engine));
    struct yt_build *build = engine->build;
    for (int32_t i = 0; tiles && i < build->net->layer_count; i++) {
        const struct yt_problem *p = &build->net->layers[i].problem;
        struct yt_schedule s;
        if (p->op != YT_OP_CONV2D ||
            !yt_algo_first(YT_ALGO_WINOGRAD, p, build->isa, &s))
            continue;
        s.tiles = tiles;
        s.mr = 1;
        assert_ok(yt_build_set(build, i, &s));
        break;
    }
    assert_ok(yt_plan_store(engine, build, YT_DB_TUNED, NULL, &id));
    yt_lab_forget(lab, base);
}

static struct yt_assessment measure_tuned(struct yt_lab *lab,
                                          const struct yt_config *config)
{
    struct yt_assessment a;
    yt_lab_forget(lab, config);
    assert_int_equal(yt_lab_find(lab, config, YT_DEPTH_FULL, &a), YT_NOT_FOUND);
    assert_ok(yt_lab_measure(lab, config, YT_DEPTH_FULL, NULL, &a));
    return a;
}

/* Exact kernels share accuracy, inexact ones with those of the same numerics;
 * and a new plan's configuration was not measured yet. */
static void accuracy_is_that_of_the_plan(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_config base = yt_config_baseline(yt_lab_choices(lab));
    struct yt_config tuned = base;
    struct yt_assessment a;
    tuned.tuned = 1;
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_FULL, NULL, &a));
    pretend_accuracy(lab, 0.75);
    store_plan(lab, &base, 0);
    a = measure_tuned(lab, &tuned);
    assert_float_equal(a.figures.map, 0.75, 0);
    assert_ok(yt_lab_find(lab, &tuned, YT_DEPTH_FULL, &a));

    store_plan(lab, &base, 1);
    a = measure_tuned(lab, &tuned);
    assert_true(a.figures.map < 0.75);
    assert_string_not_equal(lab->rows[lab->row_count - 1].numerics, "");
    pretend_accuracy(lab, 0.5);
    store_plan(lab, &base, 2);
    a = measure_tuned(lab, &tuned);
    assert_float_equal(a.figures.map, 0.5, 0);
    yt_lab_close(lab);

    /* As the database has it. */
    lab = open_lab(f, 1, NULL);
    assert_string_equal(lab->rows[0].numerics, "");
    assert_string_not_equal(lab->rows[lab->row_count - 1].numerics, "");
    assert_string_equal(lab->rows[lab->row_count - 1].numerics,
                        lab->rows[lab->row_count - 2].numerics);
    yt_lab_close(lab);
}

static void each_setting_can_be_measured(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_choices *choices = yt_lab_choices(lab);
    const struct yt_config base = yt_config_baseline(choices);
    struct yt_assessment first;
    int32_t measured = 0;
    assert_ok(yt_lab_calibrate(lab));
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_PROBE, NULL, &first));
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++) {
        struct yt_config settings[YT_SETTINGS_MAX];
        const int32_t count =
            (*s)->settings(choices, &base, 0, settings, YT_SETTINGS_MAX);
        for (int32_t i = 0; i < count; i++) {
            struct yt_assessment a;
            if (settings[i].tuned || !yt_config_valid(&settings[i], choices))
                continue;
            assert_ok(
                yt_lab_measure(lab, &settings[i], YT_DEPTH_PROBE, &first, &a));
            assert_true(a.figures.fps > 0 && a.images == PICTURES);
            assert_int_equal(a.figures.changes, 1);
            if (!(*s)->changes_boxes)
                assert_float_equal(a.figures.map, first.figures.map, 1e-12);
            else
                assert_true(a.low <= a.high);
            measured++;
        }
    }
    assert_true(measured >= 8);
    yt_lab_close(lab);
}

static int offers(const struct yt_lab *lab, enum yt_precision precision)
{
    const struct yt_choices *choices = yt_lab_choices(lab);
    struct yt_config config = yt_config_baseline(choices);
    config.precision = precision;
    return yt_config_find_precision(&config, choices) != NULL;
}

/* Integers are choices once a model is calibrated, and have rows of their
 * own. */
static void a_model_is_calibrated_once(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    struct yt_assessment base, int8, again;
    assert_ok(yt_lab_calibrate(lab));
    assert_true(offers(lab, YT_PRECISION_INT8));
    assert_true(offers(lab, YT_PRECISION_INT16));
    assert_string_equal(yt_lab_precision_note(lab), "");
    struct yt_config config = yt_config_baseline(yt_lab_choices(lab));
    assert_ok(yt_lab_measure(lab, &config, YT_DEPTH_FULL, NULL, &base));
    config.precision = YT_PRECISION_INT8;
    assert_ok(yt_lab_measure(lab, &config, YT_DEPTH_FULL, &base, &int8));
    assert_string_equal(int8.name, "yolov5n-64x64-int8-default-latency-1x2");
    assert_int_equal(strncmp(int8.precision, "int8-", 5), 0);
    assert_true(int8.figures.size_bytes < base.figures.size_bytes);
    assert_true(int8.plan != base.plan);
    yt_lab_close(lab);

    lab = open_lab(f, 1, NULL);
    assert_true(offers(lab, YT_PRECISION_INT8));
    assert_int_equal(yt_lab_calibration(lab, 0)->images, PICTURES);
    assert_true(yt_lab_calibration(lab, 0)->seconds == 0);
    assert_ok(yt_lab_find(lab, &config, YT_DEPTH_FULL, &again));
    assert_int_equal(again.evaluation, int8.evaluation);
    yt_lab_close(lab);

    /* Without a wish a row's own plan says what it is. */
    assert_ok(try_lab(f, 1, NULL, NULL, &lab));
    assert_false(offers(lab, YT_PRECISION_INT8));
    assert_int_equal(yt_lab_find(lab, &config, YT_DEPTH_FULL, &again),
                     YT_NOT_FOUND);
    assert_ok(yt_lab_assessment_of(lab, int8.evaluation, &again));
    assert_ok(yt_lab_restore(lab, &again));
    assert_ok(yt_lab_find(lab, &config, YT_DEPTH_FULL, &again));
    assert_int_equal(again.evaluation, int8.evaluation);
    yt_lab_close(lab);
}

static void layers_are_measured_for_mixes(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_choices *choices = yt_lab_choices(lab);
    struct yt_lab_kept kept[YT_LAB_KEPT_MAX];
    assert_ok(yt_lab_calibrate(lab));
    /* What cannot end in time comes to nothing. */
    assert_ok(yt_lab_mixes(lab, 0, 1, NULL, NULL));
    assert_int_equal(yt_lab_calibration(lab, 0)->assignment.count, 0);
    assert_ok(yt_lab_mixes(lab, 0, UINT64_MAX, NULL, NULL));
    assert_true(yt_lab_calibration(lab, 0)->assignment.count > 100);
    assert_true(yt_lab_calibration(lab, 0)->assign_seconds > 0);
    for (int32_t i = 0; i < choices->precision_count; i++) {
        const struct yt_choice_precision *p = &choices->precisions[i];
        struct yt_config config = yt_config_baseline(choices);
        config.precision = p->precision;
        config.mix = p->mix;
        const int32_t count = yt_lab_kept(lab, &config, kept, YT_LAB_KEPT_MAX);
        assert_int_equal(p->detail != NULL, p->precision == YT_PRECISION_MIXED);
        /* Of int8 as a whole none is kept, of others some are. */
        assert_int_equal(count > 0, p->precision != YT_PRECISION_INT8);
        for (int32_t k = 0; k < count; k++)
            assert_true(kept[k].dtype != YT_DTYPE_U8S8 && kept[k].loss >= 0);
    }
    yt_lab_close(lab);
}

static void without_pictures_to_calibrate_on_there_are_no_integers(void **state)
{
    struct fixture *f = *state;
    const struct yt_dataset_options whole = f->data;
    struct yt_precision_wish wish = {.default_calib = f->only_val};
    struct yt_lab *lab = NULL;
    f->data.path = f->only_val;
    assert_ok(try_lab(f, 1, &wish, NULL, &lab));
    assert_ok(yt_lab_calibrate(lab));
    assert_false(offers(lab, YT_PRECISION_INT8));
    assert_non_null(strstr(yt_lab_precision_note(lab), "--calib"));
    yt_lab_close(lab);
    wish.precision = "int8";
    assert_int_equal(try_lab(f, 1, &wish, NULL, &lab), YT_NOT_FOUND);
    /* Nor are those that are measured on. */
    wish.calib = f->only_val;
    assert_int_not_equal(try_lab(f, 1, &wish, NULL, &lab), YT_OK);
    f->data = whole;
}

static void without_pictures_accuracy_stays_unknown(void **state)
{
    struct fixture *f = *state;
    struct yt_lab *lab = open_lab(f, 0, NULL);
    const struct yt_config base = yt_config_baseline(yt_lab_choices(lab));
    struct yt_assessment a;
    assert_true(yt_lab_choices(lab)->keep_boxes);
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_FULL, NULL, &a));
    assert_true(isnan(a.figures.map) && a.images == 0);
    yt_lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_not_measured_again),
        cmocka_unit_test(each_setting_can_be_measured),
        cmocka_unit_test(a_model_is_calibrated_once),
        cmocka_unit_test(layers_are_measured_for_mixes),
        cmocka_unit_test(
            without_pictures_to_calibrate_on_there_are_no_integers),
        cmocka_unit_test(without_pictures_accuracy_stays_unknown),
        cmocka_unit_test(accuracy_is_that_of_the_plan),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
