/* From a wish to a quantisation: which layers keep their f32, which pictures
 * are calibrated on, and that it is done once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/random.h"
#include "ground.h"
#include "strategies/lab/engines.h"
#include "compress/precision/precision.h"

#define SIDE 48

static char folder[64]; /* of the test that runs */

static const char *at(const char *name)
{
    static char paths[16][128];
    static int next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_picture(const char *name, uint32_t seed)
{
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    fprintf(file, "P6 %d %d 255\n", SIDE, SIDE);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        putc((int)(yt_random_lcg(&seed) >> 24), file);
    }
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Three pictures to learn from, one to measure on. */
static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yt-precision-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    mkdir(at("train"), 0777);
    mkdir(at("val"), 0777);
    write_picture("train/1.ppm", 1);
    write_picture("train/2.ppm", 2);
    write_picture("train/3.ppm", 3);
    write_picture("val/4.ppm", 4);
    write_text("data.yaml", "path: .\ntrain: train\nval: val\nnames: [a]\n");
    write_text("only_val.yaml", "path: .\nval: val\nnames: [a]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command); /* NOLINT(*-env33-c): a path of our own */
}

static const struct yt_engine_options small = {.h = 64, .w = 64, .threads = 1};

/* The built-in graph on a site with a database in the folder. */
static struct ground built_in(void)
{
    const struct yt_site_options site = {.isa = "sse4.2",
                                         .db = at("results.db")};
    return ground_open(&site, NULL);
}

static struct yt_graph *graph(void)
{
    struct yt_graph *g = NULL;
    assert_int_equal(yt_graph_read(NULL, &g), YT_OK);
    return g;
}

static int32_t count_f32(const struct yt_quantisation *q,
                         const struct yt_graph *g)
{
    int32_t count = 0;
    for (int32_t i = 0; i < g->node_count; i++)
        count +=
            g->nodes[i].kind == YT_NODE_CONV && q->dtypes[i] == YT_DTYPE_F32;
    return count;
}

/* ------------------------------------------------------------------- keep */

static void layers_are_kept_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *layers;
        int32_t kept;
    } cases[] = {
        {"model.0", 1},
        {"model.24", 3},
        {"model.9.cv2", 1},
        {"model.2", 5},
        {"model.2.cv1+cv2", 2},
        {"model.13.cv1+cv2.up", 2},
        {"model.2.m.0.cv1,model.2.m", 2},
        {"model.0,model.24,model.9.cv2", 5},
        {"model", 60},
    };
    struct yt_graph *g = graph();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct yt_quantisation *q = NULL;
        assert_int_equal(yt_quantisation_create(g, &q), YT_OK);
        yt_quantisation_set_all(q, g, YT_DTYPE_U8S8);
        if (yt_keep_fp32(q, g, cases[i].layers) != YT_OK)
            fail_msg("%s: %s", cases[i].layers, yt_error());
        if (count_f32(q, g) != cases[i].kept)
            fail_msg("%s: %d layers kept, not %d", cases[i].layers,
                     count_f32(q, g), cases[i].kept);
        yt_quantisation_destroy(q);
    }
    yt_graph_destroy(g);
}

static void unknown_layers_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *says;
    } cases[] = {
        {"model.99", "'model.99'"},
        {"model.0,model.9.cv3", "'model.9.cv3'"},
        {"model.2.cv", "'model.2.cv'"},
        {"model.2.cv1+cv9", "'model.2.cv1+cv9'"},
        {"model.2.cv1+", "'model.2.cv1+'"},
        {"model.9.m.0", "no convolution 'model.9.m.0'"},
        {".up", "'.up'"},
        {"", "is empty"},
        {"model.0,", "is empty"},
        {",model.0", "is empty"},
        {"model.0,,model.1", "is empty"},
    };
    struct yt_graph *g = graph();
    struct yt_quantisation *q = NULL;
    assert_int_equal(yt_quantisation_create(g, &q), YT_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(yt_keep_fp32(q, g, cases[i].layers), YT_BAD_ARGUMENT);
        if (!strstr(yt_error(), cases[i].says))
            fail_msg("'%s' does not say %s", yt_error(), cases[i].says);
    }
    yt_quantisation_destroy(q);
    yt_graph_destroy(g);
}

static void wishes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct yt_precision_wish wish;
        const char *says;
    } cases[] = {
        {{.precision = "int4"}, "--precision int4: not auto"},
        {{.precision = "f32"}, "--precision f32: not auto"},
        {{.precision = "int8", .method = "best"}, "--calib-method best"},
        {{.keep_fp32 = "model.0"}, "--keep-fp32 needs --precision"},
        {{.precision = "fp32", .keep_fp32 = "model.0"}, "--keep-fp32 needs"},
        {{.precision = "bf16", .calib = "x"}, "need --precision int16"},
        {{.images = 5}, "need --precision int16"},
        {{.method = "mse"}, "need --precision int16"},
        {{.precision = "int16", .learn_rounding = 1}, "needs --precision int8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(yt_precision_check(&cases[i].wish), YT_BAD_ARGUMENT);
        if (!strstr(yt_error(), cases[i].says))
            fail_msg("'%s' does not say %s", yt_error(), cases[i].says);
    }
    const struct yt_precision_wish good = {.precision = "bf16",
                                           .keep_fp32 = "model.0"};
    assert_int_equal(yt_precision_check(&good), YT_OK);
}

/* ------------------------------------------------------------------- find */

static struct yt_precision_found find(const struct ground *ground,
                                      struct yt_engine_options *options,
                                      const struct yt_precision_wish *wish)
{
    struct yt_precision_found found;
    if (yt_precision_find_quantisation(ground->site, ground->graph, options,
                                       wish, &found) != YT_OK)
        fail_msg("%s", yt_error());
    return found;
}

static void assert_not_found(const struct yt_precision_wish *wish,
                             enum yt_status status, const char *says)
{
    struct ground ground = built_in();
    struct yt_engine_options options = small;
    struct yt_precision_found found;
    assert_int_equal(yt_precision_find_quantisation(ground.site, ground.graph,
                                                    &options, wish, &found),
                     status);
    assert_null(found.quantisation);
    assert_null(options.quantisation);
    if (!strstr(yt_error(), says))
        fail_msg("'%s' does not say %s", yt_error(), says);
    ground_close(&ground);
}

static void nothing_is_opened_for_fp32(void **state)
{
    (void)state;
    const struct ground nowhere = {NULL, NULL, NULL};
    struct yt_engine_options options = small;
    struct yt_precision_wish wish = {.precision = "fp32"};
    struct yt_precision_found found = find(&nowhere, &options, &wish);
    assert_null(found.quantisation);
    assert_null(options.preferred);
    wish.precision = NULL;
    found = find(&nowhere, &options, &wish);
    assert_string_equal(options.preferred, "");
    assert_false(yt_precision_calibrates(&wish));
}

static void bf16_needs_no_pictures(void **state)
{
    (void)state;
    struct ground ground = built_in();
    struct yt_engine_options options = small;
    const struct yt_precision_wish wish = {.precision = "bf16",
                                           .keep_fp32 = "model.24"};
    struct yt_precision_found found = find(&ground, &options, &wish);
    struct yt_graph *g = graph();
    assert_int_equal(count_f32(found.quantisation, g), 3);
    assert_ptr_equal(options.quantisation, found.quantisation);
    assert_int_equal(found.images, 0);
    assert_false(yt_precision_calibrates(&wish));
    assert_int_equal(
        yt_engine_open(ground.site, ground.graph, &options, &ground.engine),
        YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "'sse4.2' has no bf16"));
    yt_precision_deinit(&found);
    yt_graph_destroy(g);
    ground_close(&ground);
}

static void calibration_is_done_once(void **state)
{
    (void)state;
    struct ground ground = built_in();
    struct yt_engine_options options = small;
    struct yt_precision_wish wish = {.precision = "int8",
                                     .default_calib = at("data.yaml")};
    assert_true(yt_precision_calibrates(&wish));
    struct yt_precision_found found = find(&ground, &options, &wish);
    struct yt_graph *g = graph();
    char hash[17], again[17];
    assert_int_equal(found.images, 3);
    assert_int_equal(count_f32(found.quantisation, g), 0);
    yt_quantisation_hash(found.quantisation, hash);
    yt_precision_deinit(&found);

    found = find(&ground, &options, &wish);
    assert_int_equal(found.images, 0); /* it was stored */
    yt_quantisation_hash(found.quantisation, again);
    assert_string_equal(hash, again);
    yt_precision_deinit(&found);

    /* The same pictures in another form are the same; other methods are not. */
    wish.calib = at("train");
    found = find(&ground, &options, &wish);
    assert_int_equal(found.images, 0);
    yt_precision_deinit(&found);
    wish.method = "minmax";
    found = find(&ground, &options, &wish);
    assert_int_equal(found.images, 3);
    yt_precision_deinit(&found);
    wish.images = 2;
    found = find(&ground, &options, &wish);
    assert_int_equal(found.images, 2);
    assert_null(found.quantisation->rounding[1]);
    yt_precision_deinit(&found);
    wish.learn_rounding = 1;
    for (int i = 0; i < 2; i++) {
        found = find(&ground, &options, &wish);
        assert_int_equal(found.images, i == 0 ? 2 : 0);
        assert_non_null(found.quantisation->rounding[1]);
        yt_precision_deinit(&found);
    }

    /* Without any pictures the newest will do, for other types as well. */
    wish = (struct yt_precision_wish){.precision = "int16",
                                      .keep_fp32 = "model.0"};
    found = find(&ground, &options, &wish);
    assert_int_equal(found.images, 0);
    assert_int_equal(count_f32(found.quantisation, g), 1);
    assert_int_equal(yt_quantisation_precision(found.quantisation, g),
                     YT_PRECISION_MIXED);
    yt_precision_deinit(&found);
    yt_graph_destroy(g);
    ground_close(&ground);
}

static void measured_pictures_are_left_alone(void **state)
{
    (void)state;
    const struct yt_dataset_options options = {.path = at("data.yaml"),
                                               .only_pictures = 1};
    struct yt_dataset *val = NULL;
    assert_int_equal(yt_dataset_open(&options, &val), YT_OK);
    const struct yt_precision_wish none = {.precision = "int8"};
    const struct yt_precision_wish no_train = {.precision = "int8",
                                               .default_calib =
                                                   at("only_val.yaml"),
                                               .measured = val};
    const struct yt_precision_wish all = {
        .precision = "int8", .calib = folder, .measured = val};
    const struct yt_precision_wish gone = {.precision = "int8",
                                           .calib = at("gone")};
    assert_not_found(&none, YT_NOT_FOUND, "with --calib");
    assert_not_found(&no_train, YT_NOT_FOUND, "with --calib");
    assert_not_found(&no_train, YT_NOT_FOUND, "no 'train'");
    assert_not_found(&gone, YT_NOT_FOUND, "gone");
    write_text("both.yaml", "path: .\ntrain: .\nval: val\nnames: [a]\n");
    unlink(at("data.yaml"));
    unlink(at("only_val.yaml"));
    assert_not_found(&all, YT_BAD_ARGUMENT, "1 of its pictures");
    assert_not_found(&all, YT_BAD_ARGUMENT, "such as");
    assert_not_found(&all, YT_BAD_ARGUMENT, "val/4.ppm");
    /* Another name makes no other picture. */
    const struct yt_precision_wish train = {
        .precision = "int8", .calib = at("train"), .measured = val};
    write_picture("train/copy.ppm", 4);
    assert_not_found(&train, YT_BAD_ARGUMENT, "1 of its pictures");
    assert_not_found(&train, YT_BAD_ARGUMENT, "train/copy.ppm");
    yt_dataset_close(val);
}

/* ---------------------------------------------------------------- engines */

static void configurations_name_quantisations(void **state)
{
    (void)state;
    struct yt_graph *g = graph();
    struct yt_quantisations all = {NULL, 0, 0};
    struct yt_config configs[4] = {
        {.model = 0}, {.model = 0}, {.model = 0}, {.model = 1}};
    for (int i = 0; i < 4; i++) {
        struct yt_quantisation *q = NULL;
        assert_int_equal(yt_quantisation_create(g, &q), YT_OK);
        yt_quantisation_set_all(q, g, YT_DTYPE_U8S8);
        if (i == 1 || i == 2)
            assert_int_equal(
                yt_keep_fp32(q, g, i == 1 ? "model.0" : "model.24"), YT_OK);
        assert_int_equal(yt_quantisations_add(&all, g, q, &configs[i]), YT_OK);
        assert_ptr_equal(yt_quantisations_find(&all, &configs[i]), q);
    }
    assert_int_equal(configs[0].precision, YT_PRECISION_INT8);
    assert_int_equal(configs[1].precision, YT_PRECISION_MIXED);
    assert_int_not_equal(configs[1].mix, configs[2].mix);
    assert_ptr_not_equal(yt_quantisations_find(&all, &configs[0]),
                         yt_quantisations_find(&all, &configs[3]));
    assert_int_equal(all.count, 4);

    struct yt_quantisation *other = NULL, *plain = NULL;
    assert_int_equal(
        yt_quantisation_copy(yt_quantisations_find(&all, &configs[0]), &other),
        YT_OK);
    assert_int_equal(yt_quantisations_add(&all, g, other, &configs[0]), YT_OK);
    assert_ptr_equal(yt_quantisations_find(&all, &configs[0]), other);
    assert_int_equal(yt_quantisation_create(g, &plain), YT_OK);
    assert_int_equal(yt_quantisations_add(&all, g, plain, &configs[1]), YT_OK);
    assert_int_equal(configs[1].precision, YT_PRECISION_F32);
    assert_null(yt_quantisations_find(&all, &configs[1]));
    assert_int_equal(all.count, 4);
    yt_quantisations_deinit(&all);
    yt_graph_destroy(g);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_kept_by_name),
        cmocka_unit_test(unknown_layers_are_named),
        cmocka_unit_test(wishes_that_make_no_sense_are_refused),
        TEST(nothing_is_opened_for_fp32),
        TEST(bf16_needs_no_pictures),
        TEST(calibration_is_done_once),
        TEST(measured_pictures_are_left_alone),
        cmocka_unit_test(configurations_name_quantisations),
    };
    return cmocka_run_group_tests_name("precision", tests, NULL, NULL);
}
