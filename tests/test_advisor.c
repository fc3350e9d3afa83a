/* The advisor in a lab: a signal ends it with what there is, and limits are
 * judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lab_fixture.h"
#include "strategies/advice/advisor_parts.h"

struct ending {
    volatile int stop;
    int events, after;
};

static void on_event(void *user, const struct yt_advisor_event *event)
{
    struct ending *e = user;
    assert_non_null(event->phase);
    assert_true(event->elapsed_s >= 0 && event->left_s >= 0);
    if (++e->events == e->after)
        e->stop = 1;
}

static enum yt_status advise_in(struct fixture *f, struct ending *e,
                                const struct yt_precision_wish *wish,
                                const struct yt_wishes *wishes,
                                uint64_t budget_ns, struct yt_advice *advice)
{
    struct yt_lab *lab = NULL;
    struct yt_engine *engine = NULL;
    assert_ok(try_lab(f, 1, wish, &e->stop, &lab));
    const struct yt_advisor_options options = {
        .scenario = yt_scenario_find("realtime"),
        .wishes = *wishes,
        .budget_ns = budget_ns,
        .stop = &e->stop,
        .progress = on_event,
        .user = e,
    };
    const enum yt_status status = yt_advise(lab, &options, advice);
    /* What is recommended can be opened, also when it was read back. */
    if (status == YT_OK)
        assert_ok(yt_lab_engine(lab, &advice->choice.config, &engine));
    if (engine)
        assert_string_equal(engine->precision, advice->choice.precision);
    yt_lab_close(lab);
    return status;
}

static enum yt_status advise(struct fixture *f, struct ending *e,
                             const struct yt_wishes *wishes, uint64_t budget_ns,
                             struct yt_advice *advice)
{
    const struct yt_precision_wish wish = {.default_calib = f->yaml};
    return advise_in(f, e, &wish, wishes, budget_ns, advice);
}

static void a_signal_ends_it_with_what_there_is(void **state)
{
    struct ending e = {.after = 4};
    struct yt_advice advice;
    assert_ok(advise(*state, &e, &yt_no_wishes, 0, &advice));
    assert_true(advice.interrupted && advice.recommendation > 0);
    assert_true(advice.choice.evaluation > 0);
    assert_true(advice.baseline.evaluation > 0);
}

static void advice_leads_from_the_baseline_to_the_choice(void **state)
{
    struct ending e = {0};
    struct yt_advice advice, again;
    assert_ok(advise(*state, &e, &yt_no_wishes, UINT64_C(6000000000), &advice));
    assert_false(advice.interrupted || advice.from_database);
    assert_string_equal(advice.missed, "");
    assert_true(advice.choice.figures.map >= advice.limits.min_map);
    struct yt_config at = advice.baseline.config;
    for (int32_t i = 0; i < advice.step_count; i++) {
        advice.steps[i].strategy->take(&at, &advice.choice.config);
        assert_true(yt_config_same(&at, &advice.steps[i].after.config));
        assert_true(advice.steps[i].after.evaluation > 0);
    }
    assert_true(yt_config_same(&at, &advice.choice.config));
    assert_true(advice.gain_count > 0);
    for (int32_t i = 0; i < advice.rival_count; i++) {
        assert_false(
            yt_config_same(&advice.rivals[i].is.config, &advice.choice.config));
        assert_true(strlen(advice.rivals[i].note) > 0);
    }

    /* The same question: the same answer, from rows. */
    assert_ok(advise(*state, &e, &yt_no_wishes, 0, &again));
    assert_true(again.from_database);
    assert_int_equal(again.recommendation, advice.recommendation);
    assert_int_equal(again.step_count, advice.step_count);
    assert_int_equal(again.rival_count, advice.rival_count);
    assert_int_equal(again.choice.evaluation, advice.choice.evaluation);
    assert_string_equal(again.choice.name, advice.choice.name);
    assert_float_equal(again.limits.min_map, advice.limits.min_map, 1e-12);
}

static void what_is_asked_for_is_the_choice(void **state)
{
    struct fixture *f = *state;
    const struct yt_precision_wish wish = {.precision = "int8",
                                           .default_calib = f->yaml};
    struct ending e = {0};
    struct yt_wishes wishes = yt_no_wishes;
    struct yt_advice advice, again;
    wishes.min_map = 0;
    assert_ok(advise_in(f, &e, &wish, &wishes, UINT64_C(4000000000), &advice));
    assert_int_equal(advice.choice.config.precision, YT_PRECISION_INT8);
    assert_int_equal(advice.baseline.config.precision, YT_PRECISION_F32);
    int32_t steps = 0;
    for (int32_t i = 0; i < advice.step_count; i++)
        if (advice.steps[i].strategy == &yt_strategy_precision) {
            assert_string_equal(advice.steps[i].detail, "int8");
            steps++;
        }
    assert_int_equal(steps, 1);
    for (int32_t i = 0; i < advice.rival_count; i++)
        assert_int_equal(advice.rivals[i].is.config.precision,
                         YT_PRECISION_INT8);
    assert_ok(advise_in(f, &e, &wish, &wishes, 0, &again));
    assert_true(again.from_database);
    assert_string_equal(again.choice.name, advice.choice.name);
}

static void what_cannot_be_is_said(void **state)
{
    struct ending e = {0};
    struct yt_wishes wishes = yt_no_wishes;
    struct yt_advice advice;
    wishes.min_fps = 1e6;
    assert_ok(advise(*state, &e, &wishes, UINT64_C(1000000000), &advice));
    assert_non_null(strstr(advice.missed, "FPS where 1000000.0 are wanted"));
}

/* The plan that a configuration runs: that of a row of it, or the tuned one. */
static int64_t plan_of(struct yt_lab *lab, const struct yt_assessment *like,
                       const struct yt_config *config)
{
    char precision[YT_PRECISION_MAX];
    struct yt_db_plan_key key;
    struct yt_db_plan *plan = NULL;
    int64_t id = like->plan;
    if (!config->tuned)
        return id;
    assert_ok(yt_lab_plan_key(lab, config, precision, &key));
    assert_ok(yt_db_plan_find(yt_lab_site(lab)->db, &key, &plan));
    id = plan->id;
    yt_db_plan_destroy(plan);
    return id;
}

/* A row as if a configuration had been measured at this speed. */
static void put_row(struct yt_lab *lab, const struct yt_assessment *like,
                    const struct yt_config *config, double fps)
{
    char name[YT_CONFIG_NAME_MAX], hash[33];
    int64_t id = 0;
    yt_config_name(config, yt_lab_choices(lab), name);
    yt_lab_accuracy_hash(lab, config, YT_DEPTH_FULL, hash);
    const struct yt_db_times total = {.min_ns = 1e9 / fps,
                                      .median_ns = 1e9 / fps,
                                      .p95_ns = 1e9 / fps,
                                      .p99_ns = 1e9 / fps};
    const struct yt_db_evaluation row = {
        .plan = plan_of(lab, like, config),
        .total = total,
        .fps = fps,
        .samples = 9,
        .map = like->figures.map,
        .map50 = like->map50,
        .map75 = like->map75,
        .dataset = "canned",
        .dataset_hash = hash,
        .images = PICTURES,
        .configuration = name,
        .memory_bytes = like->figures.memory_bytes,
        .size_bytes = like->figures.size_bytes,
    };
    assert_ok(yt_db_evaluation_put(yt_lab_site(lab)->db, &row, &id));
}

/* What the advice would be with no more than rows. */
static void settle_on_rows(struct fixture *f, struct yt_advice *advice,
                           enum yt_status *recalled)
{
    const int stop = 1;
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_advisor_options options = {
        .scenario = yt_scenario_find("realtime"),
        .wishes = yt_no_wishes,
        .stop = &stop,
    };
    struct yt_advisor a = {
        .lab = lab,
        .choices = yt_lab_choices(lab),
        .options = &options,
        .advice = advice,
        .trials = calloc(YT_ADVISOR_TRIALS, sizeof *a.trials),
        .has_base = {[YT_DEPTH_FULL] = 1},
    };
    const struct yt_config base = yt_config_baseline(a.choices);
    assert_non_null(a.trials);
    *advice = (struct yt_advice){.scenario = options.scenario};
    *recalled = yt_advisor_recall(&a);
    assert_ok(yt_lab_find(lab, &base, YT_DEPTH_FULL, &a.bases[YT_DEPTH_FULL]));
    advice->limits = yt_limits_of(options.scenario, &yt_no_wishes,
                                  a.bases[YT_DEPTH_FULL].figures.map);
    assert_ok(yt_advisor_settle(&a));
    for (int32_t i = 0; i < a.trial_count; i++)
        assert_false(yt_figures_dominate(&advice->limits, YT_ADVISOR_NOISE,
                                         &a.trials[i].figures,
                                         &advice->choice.figures));
    free(a.trials);
    yt_lab_close(lab);
}

static void no_row_is_better_than_the_choice(void **state)
{
    struct fixture *f = *state;
    struct ending e = {0};
    struct yt_advice advice, again;
    enum yt_status recalled;
    assert_ok(advise(f, &e, &yt_no_wishes, UINT64_C(3000000000), &advice));
    settle_on_rows(f, &again, &recalled);
    assert_int_equal(recalled, YT_OK);
    assert_string_equal(again.choice.name, advice.choice.name);

    /* Tuned kernels that are 0.98 times as fast as the first legal ones. */
    struct yt_lab *lab = open_lab(f, 1, NULL);
    struct yt_config tuned = advice.baseline.config, plain = tuned;
    tuned.tuned = 1;
    if (!yt_lab_is_tuned(lab, &tuned)) {
        struct yt_engine *engine = NULL;
        struct yt_tune_result result;
        const struct yt_tune_options options = {.budget_ns = 1,
                                                .image = yt_lab_image(lab)};
        assert_ok(yt_lab_engine(lab, &plain, &engine));
        assert_ok(yt_tune(engine, &options, &result));
    }
    const double fps = 4 * advice.choice.figures.fps;
    put_row(lab, &advice.baseline, &plain, fps);
    put_row(lab, &advice.baseline, &tuned, 0.98 * fps);
    yt_lab_close(lab);
    settle_on_rows(f, &again, &recalled);
    assert_int_equal(recalled, YT_NOT_FOUND);
    assert_string_equal(again.choice.name, advice.baseline.name);

    /* And the other way round. */
    lab = open_lab(f, 1, NULL);
    put_row(lab, &advice.baseline, &tuned, 1.02 * fps);
    yt_lab_close(lab);
    settle_on_rows(f, &again, &recalled);
    assert_true(again.choice.config.tuned);
    assert_float_equal(again.choice.figures.fps, 1.02 * fps, 1e-6 * fps);
}

/* Names of layers are a file's, and what is kept out of low precision is the
 * command line's: neither breaks out of a row's text. */
static void hostile_names_stay_text(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"model.0", "\",\"threads\":99,\"x\":\"",
                                        "\\",      "a\nb\x01\t",
                                        "%s%n",    "\xff\xfe"};
    struct yt_lab *lab = open_lab(f, 1, NULL);
    const struct yt_config base = yt_config_baseline(yt_lab_choices(lab));
    struct yt_assessment at;
    assert_ok(yt_lab_measure(lab, &base, YT_DEPTH_FULL, NULL, &at));
    int64_t last = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *kept = lab->wish.keep_fp32;
        struct yt_advice advice = {
            .scenario = yt_scenario_find("realtime"),
            .baseline = at,
            .choice = at,
        };
        const struct yt_advisor_options options = {.scenario = advice.scenario,
                                                   .wishes = yt_no_wishes};
        struct yt_advisor a = {.lab = lab,
                               .choices = yt_lab_choices(lab),
                               .options = &options,
                               .advice = &advice};
        lab->wish.keep_fp32 = names[i];
        /* The database refuses what is no JSON. */
        assert_ok(yt_advisor_store(&a));
        lab->wish.keep_fp32 = kept;
        assert_true(advice.recommendation > last);
        last = advice.recommendation;
    }
    yt_lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_it_with_what_there_is),
        cmocka_unit_test(advice_leads_from_the_baseline_to_the_choice),
        cmocka_unit_test(what_is_asked_for_is_the_choice),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(no_row_is_better_than_the_choice),
        cmocka_unit_test(hostile_names_stay_text),
    };
    return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
