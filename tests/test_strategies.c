/* The table of strategies: each changes what it owns and nothing else, and a
 * configuration's name says all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/fail.h"
#include "strategies/choice/strategy.h"

static const struct yt_choice_model models[] = {{"yolov5n", 640, 640, 32},
                                                {"yolov5s-v6.1", 640, 640, 32},
                                                {"yolov5s6", 1280, 1280, 64}};

static const struct yt_choice_precision precisions[] = {
    {0, YT_PRECISION_INT8, 0, NULL},
    {0, YT_PRECISION_INT16, 0, NULL},
    {0, YT_PRECISION_MIXED, 0x1a2b3c4d, "int8 but for model.0 in fp32"},
    {1, YT_PRECISION_INT8, 0, NULL},
    {2, YT_PRECISION_INT8, 0, NULL},
};

static const struct yt_choices choices = {
    .models = models,
    .model_count = 3,
    .precisions = precisions,
    .precision_count = 5,
    .threads = 4,
    .aspect = 0.75,
};

static void names_are_distinct(void **state)
{
    (void)state;
    int32_t count = 0;
    for (; yt_strategies[count]; count++) {
        assert_ptr_equal(yt_strategy_find(yt_strategies[count]->name),
                         yt_strategies[count]);
        assert_true(strlen(yt_strategies[count]->cost) > 0);
    }
    assert_int_equal(count, 9);
    assert_null(yt_strategy_find("luck"));
}

/* From several places, far and near. */
static void for_all_settings(void (*check)(const struct yt_strategy *strategy,
                                           const struct yt_config *from,
                                           const struct yt_config *to))
{
    struct yt_config starts[4];
    starts[0] = yt_config_baseline(&choices);
    starts[1] = starts[0];
    starts[1].h = 480;
    starts[1].tuned = 1;
    starts[1].parallel = YT_THROUGHPUT;
    starts[1].groups = 4;
    starts[1].threads = 1;
    starts[2] = starts[0];
    starts[2].model = 2;
    starts[2].fit = YT_FIT_STRETCH;
    starts[2].iou = 0.6f;
    starts[2].augment = YT_TTA_FLIP;
    starts[3] = starts[0];
    starts[3].precision = YT_PRECISION_INT8;
    starts[3].bands = 1;
    for (size_t i = 0; i < 4; i++)
        for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
            for (int fine = 0; fine < 2; fine++) {
                struct yt_config settings[YT_SETTINGS_MAX];
                const int32_t count = (*s)->settings(&choices, &starts[i], fine,
                                                     settings, YT_SETTINGS_MAX);
                assert_true(count >= 0 && count < YT_SETTINGS_MAX);
                for (int32_t k = 0; k < count; k++)
                    check(*s, &starts[i], &settings[k]);
            }
}

static void check_owned(const struct yt_strategy *strategy,
                        const struct yt_config *from,
                        const struct yt_config *to)
{
    assert_false(yt_strategy_same(strategy, from, to));
    for (const struct yt_strategy *const *other = yt_strategies; *other;
         other++)
        if (*other != strategy && !yt_strategy_same(*other, from, to)) {
            /* A model of a wider stride brings its size into line. */
            assert_ptr_equal(strategy, &yt_strategy_model_size);
            assert_ptr_equal(*other, &yt_strategy_input_size);
        }
    struct yt_config back = *to;
    strategy->take(&back, from);
    if (strategy != &yt_strategy_model_size)
        assert_true(yt_config_same(&back, from));
    if (!strategy->changes_boxes)
        assert_true(yt_config_same_boxes(from, to));
    else
        assert_false(yt_config_same_boxes(from, to));
}

static void settings_change_what_is_owned(void **state)
{
    (void)state;
    for_all_settings(check_owned);
}

static void check_name(const struct yt_strategy *strategy,
                       const struct yt_config *from, const struct yt_config *to)
{
    char name[YT_CONFIG_NAME_MAX], other[YT_CONFIG_NAME_MAX], text[200];
    struct yt_config read;
    yt_config_name(to, &choices, name);
    yt_config_name(from, &choices, other);
    assert_string_not_equal(name, other);
    if (yt_config_parse(name, &read) != YT_OK)
        fail_msg("%s: %s", name, yt_error());
    read.model = to->model;
    assert_true(yt_config_same(&read, to));
    strategy->describe(&choices, to, text, sizeof text);
    assert_true(strlen(text) > 0);
}

static void names_parse_back(void **state)
{
    (void)state;
    for_all_settings(check_name);
}

static void precisions_are_named(void **state)
{
    (void)state;
    static const struct {
        enum yt_precision precision;
        uint32_t mix;
        const char *name;
    } cases[] = {
        {YT_PRECISION_F32, 0, "yolov5n-640x640-f32-default-latency-1x4"},
        {YT_PRECISION_BF16, 0, "yolov5n-640x640-bf16-default-latency-1x4"},
        {YT_PRECISION_INT16, 0, "yolov5n-640x640-int16-default-latency-1x4"},
        {YT_PRECISION_INT8, 0, "yolov5n-640x640-int8-default-latency-1x4"},
        {YT_PRECISION_MIXED, 0x1a2b3c4d,
         "yolov5n-640x640-mixed.1a2b3c4d-default-latency-1x4"},
        {YT_PRECISION_MIXED, 0,
         "yolov5n-640x640-mixed.00000000-default-latency-1x4"},
    };
    const struct yt_config base = yt_config_baseline(&choices);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_config config = base, read;
        char name[YT_CONFIG_NAME_MAX];
        config.precision = cases[i].precision;
        config.mix = cases[i].mix;
        yt_config_name(&config, &choices, name);
        assert_string_equal(name, cases[i].name);
        assert_int_equal(yt_config_parse(name, &read), YT_OK);
        assert_true(yt_config_same(&read, &config));
        assert_int_equal(yt_config_same_boxes(&config, &base), i == 0);
    }
    enum yt_precision found;
    assert_true(yt_precision_find("fp32", &found));
    assert_int_equal(found, YT_PRECISION_F32);
    assert_false(yt_precision_find("int4", &found));
}

static void precisions_are_the_models(void **state)
{
    (void)state;
    struct yt_choices asked = choices;
    struct yt_config from = yt_config_baseline(&choices);
    struct yt_config settings[YT_SETTINGS_MAX];
    char text[64];
    assert_int_equal(yt_strategy_precision.settings(&choices, &from, 0,
                                                    settings, YT_SETTINGS_MAX),
                     3);
    assert_int_equal(settings[0].precision, YT_PRECISION_INT8);
    yt_strategy_precision.describe(&choices, &settings[2], text, sizeof text);
    assert_string_equal(text, "int8 but for model.0 in fp32");
    yt_strategy_precision.describe(&choices, &from, text, sizeof text);
    assert_string_equal(text, "fp32");
    /* Near are mixes alone. */
    assert_int_equal(yt_strategy_precision.settings(&choices, &from, 1,
                                                    settings, YT_SETTINGS_MAX),
                     1);
    assert_int_equal(settings[0].mix, 0x1a2b3c4d);
    /* The mix is of the first model only. */
    assert_true(yt_config_valid(&settings[0], &choices));
    settings[0].model = 1;
    assert_false(yt_config_valid(&settings[0], &choices));
    /* From a quantised one the way back is fp32, unless another was asked
     * for. */
    from.precision = YT_PRECISION_INT8;
    assert_int_equal(yt_strategy_precision.settings(&choices, &from, 0,
                                                    settings, YT_SETTINGS_MAX),
                     3);
    assert_int_equal(settings[0].precision, YT_PRECISION_F32);
    asked.precision_asked = 1;
    assert_int_equal(yt_strategy_precision.settings(&asked, &from, 0, settings,
                                                    YT_SETTINGS_MAX),
                     2);
    assert_int_equal(yt_config_start(&asked).precision, YT_PRECISION_INT8);
    assert_int_equal(yt_config_start(&choices).precision, YT_PRECISION_F32);
    asked.keep_boxes = 1;
    assert_true(yt_strategy_applies(&yt_strategy_precision, &asked));
    asked.precision_asked = 0;
    assert_false(yt_strategy_applies(&yt_strategy_precision, &asked));
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "yolov5n",
        "yolov5n-640x640",
        "yolov5n-640x640-f32-fast-latency-1x2",
        "yolov5n-640x640-f32-tuned-luck-1x2",
        "yolov5n-640x640-f32-tuned-latency-0x2",
        "yolov5n-640x640-f32-tuned-latency-1x2-",
        "yolov5n-640x640-f32-tuned-latency-1x2-iou7",
        "yolov5n-640x640-f32-tuned-latency-1x2-max0",
        "yolov5n-640x640-f32-tuned-latency-1x2x",
        "yolov5n-640x640-fp32-tuned-latency-1x2",
        "yolov5n-640x640-int4-tuned-latency-1x2",
        "yolov5n-640x640-int8.00000001-tuned-latency-1x2",
        "yolov5n-640x640-mixed-tuned-latency-1x2",
        "yolov5n-640x640-mixed.1a2b3c4-tuned-latency-1x2",
        "yolov5n-640x640-mixed.1a2b3c4x-tuned-latency-1x2",
        "yolov5n-640x640-mixed.1A2B3C4D-tuned-latency-1x2",
        "m-640x640-f32-tuned-latency-1x2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yt_config config;
        if (yt_config_parse(bad[i], &config) != YT_BAD_INPUT)
            fail_msg("%s was taken", bad[i]);
    }
}

static void sizes_fit_the_stride(void **state)
{
    (void)state;
    for (int32_t m = 0; m < 3; m++) {
        struct yt_config from = yt_config_baseline(&choices);
        struct yt_config settings[YT_SETTINGS_MAX];
        from.model = m;
        from.h = models[m].h;
        from.w = models[m].w;
        const int32_t count = yt_strategy_input_size.settings(
            &choices, &from, 0, settings, YT_SETTINGS_MAX);
        int32_t oblong = 0;
        for (int32_t i = 0; i < count; i++) {
            assert_true(yt_config_valid(&settings[i], &choices));
            assert_true(settings[i].w >= 256 && settings[i].w <= 1280);
            oblong += settings[i].h != settings[i].w;
        }
        assert_true(count > 4 && oblong > 2);
    }
}

static void what_was_asked_for_is_no_choice(void **state)
{
    (void)state;
    struct yt_choices asked = choices;
    struct yt_config settings[YT_SETTINGS_MAX];
    asked.h = 320;
    asked.w = 416;
    const struct yt_config from = yt_config_baseline(&asked);
    assert_int_equal(from.h, 320);
    assert_int_equal(from.w, 416);
    assert_int_equal(yt_strategy_input_size.settings(&asked, &from, 0, settings,
                                                     YT_SETTINGS_MAX),
                     0);
    asked.keep_boxes = 1;
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
        assert_int_equal(yt_strategy_applies(*s, &asked),
                         *s == &yt_strategy_parallelism ||
                             *s == &yt_strategy_bands ||
                             *s == &yt_strategy_kernels);
}

static void one_thread_leaves_nothing_to_arrange(void **state)
{
    (void)state;
    struct yt_choices one = choices;
    struct yt_config settings[YT_SETTINGS_MAX];
    one.threads = 1;
    const struct yt_config from = yt_config_baseline(&one);
    assert_int_equal(yt_strategy_parallelism.settings(&one, &from, 0, settings,
                                                      YT_SETTINGS_MAX),
                     0);
}

static void what_cannot_run_is_invalid(void **state)
{
    (void)state;
    struct yt_config config = yt_config_baseline(&choices);
    struct yt_choices exportable = choices;
    exportable.keep_exportable = 1;
    assert_true(yt_config_valid(&config, &choices));
    config.augment = YT_TTA_SCALES;
    assert_true(yt_config_valid(&config, &choices));
    assert_false(yt_config_valid(&config, &exportable));
    config.parallel = YT_THROUGHPUT;
    assert_false(yt_config_valid(&config, &choices));
    config.augment = YT_TTA_FLIP;
    assert_false(yt_config_valid(&config, &exportable));
    config.parallel = YT_LATENCY;
    assert_true(yt_config_valid(&config, &exportable));
    config.parallel = YT_PIPELINE;
    assert_false(yt_config_valid(&config, &choices));
    config = yt_config_baseline(&choices);
    config.h = 650;
    assert_false(yt_config_valid(&config, &choices));
}

static void differences_are_counted(void **state)
{
    (void)state;
    const struct yt_config base = yt_config_baseline(&choices);
    struct yt_config config = base;
    assert_int_equal(yt_strategy_differences(&base, &config), 0);
    config.h = 480;
    config.tuned = 1;
    config.iou = 0.6f;
    config.agnostic = 1;
    assert_int_equal(yt_strategy_differences(&base, &config), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct),
        cmocka_unit_test(settings_change_what_is_owned),
        cmocka_unit_test(names_parse_back),
        cmocka_unit_test(precisions_are_named),
        cmocka_unit_test(precisions_are_the_models),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(sizes_fit_the_stride),
        cmocka_unit_test(what_was_asked_for_is_no_choice),
        cmocka_unit_test(one_thread_leaves_nothing_to_arrange),
        cmocka_unit_test(what_cannot_run_is_invalid),
        cmocka_unit_test(differences_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
