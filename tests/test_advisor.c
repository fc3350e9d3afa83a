/* The lab and the advisor on a built-in network of 64x64 pixels: what is
 * measured becomes rows, what is known is not measured again, a signal ends it
 * with what there is, and limits are judged. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "eval/image.h"
#include "runtime/fail.h"
#include "strategies/advice/advisor_parts.h"
#include "strategies/lab/lab_parts.h"

#define PICTURES 6

struct fixture {
    char folder[64], db[96], yaml[96], only_val[96];
    const char *models[1];
    struct yt_dataset_options data;
    struct yt_picture frame;
    struct yt_image image;
};

#define assert_ok(call)                                                        \
    do {                                                                       \
        const enum yt_status assert_ok_status_ = (call);                       \
        if (assert_ok_status_ != YT_OK)                                        \
            fail_msg("%s: %s", yt_status_name(assert_ok_status_), yt_error()); \
    } while (0)

static void make_picture(const struct fixture *f, const char *split, int i,
                         uint32_t seed)
{
    struct yt_picture picture;
    char path[160];
    assert_ok(yt_picture_init(80, 60, &picture));
    yt_picture_noise(&picture, seed);
    snprintf(path, sizeof path, "%s/images/%s/p%d.png", f->folder, split, i);
    assert_ok(yt_picture_save(&picture, path));
    yt_picture_deinit(&picture);
}

static void make_yaml(const struct fixture *f, const char *path,
                      const char *train)
{
    FILE *yaml = fopen(path, "we");
    assert_non_null(yaml);
    fprintf(yaml, "path: %s\n%sval: images/val\nnc: 80\nnames: [", f->folder,
            train);
    for (int i = 0; i < 80; i++)
        fprintf(yaml, "%sclass%d", i ? ", " : "", i);
    fprintf(yaml, "]\n");
    fclose(yaml);
}

/* Pictures of noise with a labelled box each. The network's boxes mean nothing;
 * what is tested is how they are counted and kept. */
static void make_pictures(struct fixture *f)
{
    char path[160];
    snprintf(path, sizeof path,
             "mkdir -p '%s/images/val' '%s/images/train' '%s/labels/val'",
             f->folder, f->folder, f->folder);
    assert_int_equal(system(path), 0);
    for (int i = 0; i < PICTURES; i++) {
        make_picture(f, "train", i, (uint32_t)i + 101);
        make_picture(f, "val", i, (uint32_t)i + 1);
        snprintf(path, sizeof path, "%s/labels/val/p%d.txt", f->folder, i);
        FILE *labels = fopen(path, "we");
        assert_non_null(labels);
        fprintf(labels, "%d 0.5 0.5 0.9 0.9\n", i % 3);
        fclose(labels);
    }
    make_yaml(f, f->yaml, "train: images/train\n");
    make_yaml(f, f->only_val, "");
}

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/yt-advisor-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.db, sizeof f.db, "%s/results.db", f.folder);
    snprintf(f.yaml, sizeof f.yaml, "%s/data.yaml", f.folder);
    snprintf(f.only_val, sizeof f.only_val, "%s/only_val.yaml", f.folder);
    make_pictures(&f);
    f.models[0] = "builtin:n";
    f.data.path = f.yaml;
    assert_ok(yt_picture_init(80, 60, &f.frame));
    yt_picture_noise(&f.frame, 9);
    f.image = (struct yt_image){
        .pixels = f.frame.rgb, .width = 80, .height = 60, .stride_bytes = 240};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    yt_picture_deinit(&f->frame);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    return system(command);
}

static enum yt_status try_lab(struct fixture *f, int with_data,
                              const struct yt_precision_wish *wish,
                              const volatile int *stop, struct yt_lab **lab)
{
    const struct yt_lab_options options = {
        .site = {.db = f->db},
        .engine = {.h = 64, .w = 64, .threads = 2},
        .models = f->models,
        .model_count = 1,
        .data = with_data ? &f->data : NULL,
        .precision = wish,
        .image = &f->image,
        .stop = stop,
    };
    return yt_lab_open(&options, lab);
}

static struct yt_lab *open_lab(struct fixture *f, int with_data,
                               const volatile int *stop)
{
    const struct yt_precision_wish wish = {.default_calib =
                                               with_data ? f->yaml : NULL};
    struct yt_lab *lab = NULL;
    assert_ok(try_lab(f, with_data, &wish, stop, &lab));
    return lab;
}

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
        .plan = like->plan,
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
        cmocka_unit_test(what_is_known_is_not_measured_again),
        cmocka_unit_test(each_setting_can_be_measured),
        cmocka_unit_test(a_model_is_calibrated_once),
        cmocka_unit_test(layers_are_measured_for_mixes),
        cmocka_unit_test(
            without_pictures_to_calibrate_on_there_are_no_integers),
        cmocka_unit_test(without_pictures_accuracy_stays_unknown),
        cmocka_unit_test(a_signal_ends_it_with_what_there_is),
        cmocka_unit_test(advice_leads_from_the_baseline_to_the_choice),
        cmocka_unit_test(what_is_asked_for_is_the_choice),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(no_row_is_better_than_the_choice),
        cmocka_unit_test(hostile_names_stay_text),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
