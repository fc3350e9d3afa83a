/* Names that anyone chose: what steers a terminal goes to none, and what means
 * something to C, SQL, JSON or printf is a name like any other. Those in an
 * export are compiled and read back in test_export.c. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "db/db.h"
#include "model/graph.h"
#include "runtime/fail.h"
#include "tests/dataset_files.h"

static const char *const harmless[] = {
    "\"quoted\" 'twice'",
    "*/ /* // ?\?/ ?\?' \\",
    "%s%n%100000d",
    "'); DROP TABLE plan; --",
    "$(touch x) `touch x` ${x} #",
    "</script>{\"a\":[0]}",
    "\xc3\xa9l\xc3\xa9phant \xe2\x82\xac \xf0\x9f\x90\x98",
};

static const char *const steering[] = {
    "\x1b[31m red", "two\nlines",        "tab\t",
    "\x7f",         "\xc2\x9b 31m",      "\xff\xfe",
    "\xc0\x80",     "\xed\xa0\x80 half", "cut \xe2\x82",
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f ||
            (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return 1;
    return 0;
}

static void models_have_names_that_print(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    assert_ok(yt_graph_create(&graph));
    assert_ok(yt_graph_set_classes(graph, COUNT(harmless), harmless));
    for (size_t i = 0; i < COUNT(harmless); i++)
        assert_string_equal(graph->classes[i], harmless[i]);
    for (size_t i = 0; i < COUNT(steering); i++)
        if (yt_graph_set_classes(graph, 1, &steering[i]) != YT_BAD_INPUT)
            fail_msg("row %zu was taken", i);
    yt_graph_destroy(graph);
}

static void data_sets_have_names_that_print(void **state)
{
    (void)state;
    struct yt_dataset *dataset = NULL;
    struct yt_dataset_options options = {.path = at("data.yaml")};
    write_file("images/1.jpg", "");
    write_file("labels/1.txt", "0 .5 .5 .1 .1\n");
    write_file("data.yaml", "val: images\nnames: ['%s%n', \"'\\\\ */\"]\n");
    char *path = strdup(options.path);
    options.path = path;
    assert_ok(yt_dataset_open(&options, &dataset));
    assert_string_equal(dataset->classes[0], "%s%n");
    assert_string_equal(dataset->classes[1], "'\\ */");
    yt_dataset_close(dataset);
    static const char *const bad[] = {"\\e[31m", "a\\nb", "a\\0b", "\\x9b"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[128];
        snprintf(text, sizeof text, "val: images\nnames: [\"%s\"]\n", bad[i]);
        write_file("data.yaml", text);
        dataset = NULL;
        if (yt_dataset_open(&options, &dataset) != YT_BAD_INPUT)
            fail_msg("'%s' was taken", bad[i]);
        assert_false(has_control(yt_error()));
    }
    free(path);
}

static void sentences_steer_nothing(void **state)
{
    (void)state;
    struct yt_dataset *dataset = NULL;
    for (size_t i = 0; i < COUNT(steering); i++) {
        yt_fail(YT_BAD_INPUT, "before %s", steering[i]);
        assert_false(has_control(yt_error()));
        yt_fail_prefix(YT_BAD_INPUT, "%s", steering[i]);
        assert_false(has_control(yt_error()));
        assert_says(yt_error(), ": before ");
    }
    for (size_t i = 0; i < COUNT(harmless); i++) {
        yt_fail(YT_BAD_INPUT, "%s", harmless[i]);
        assert_string_equal(yt_error(), harmless[i]);
    }
    /* What is wrong with a picture is kept, and told later. */
    write_file("images/1.jpg", "");
    write_file("images/2.jpg", "");
    write_file("labels/1.txt", "0 .5 .5 .1 .1\n");
    write_file("labels/2.txt", "\x1b]0;title\x07 .5 .5 .1 .1\n");
    write_file("data.yaml", "val: images\nnames: [a]\n");
    char *path = strdup(at("data.yaml"));
    const struct yt_dataset_options options = {.path = path};
    assert_ok(yt_dataset_open(&options, &dataset));
    assert_int_equal(dataset->problem_count, 1);
    assert_says(dataset->problems[0], "]0;title");
    assert_false(has_control(dataset->problems[0]));
    yt_dataset_close(dataset);
    free(path);
}

static void json_has_names_as_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(harmless); i++) {
        struct yt_text text = {0};
        yt_text_add_json(&text, harmless[i]);
        json_t *value = json_loads(yt_text_get(&text), JSON_DECODE_ANY, NULL);
        assert_string_equal(json_string_value(value), harmless[i]);
        json_decref(value);
        yt_text_free(&text);
    }
}

/* Values are bound: they are no part of any statement. */
static void databases_have_names_as_they_are(void **state)
{
    (void)state;
    struct yt_db *db = NULL;
    assert_ok(yt_db_open(YT_DB_MEMORY, YT_DB_READ_WRITE, &db));
    for (size_t i = 0; i < COUNT(harmless); i++) {
        const struct yt_db_model model = {.hash = harmless[i],
                                          .name = harmless[i],
                                          .format = "onnx",
                                          .imgsz = 64,
                                          .nc = 1};
        struct yt_db_quantisation row = {.h = 64,
                                         .w = 64,
                                         .settings = harmless[i],
                                         .images = 1,
                                         .images_hash =
                                             "0123456789abcdef0123456789abcdef",
                                         .text = harmless[i]};
        char *text = NULL;
        assert_ok(yt_db_model_put(db, &model, &row.model));
        assert_ok(yt_db_quantisation_put(db, &row, NULL));
        row.text = NULL;
        assert_ok(yt_db_quantisation_find(db, &row, &text));
        assert_string_equal(text, harmless[i]);
        free(text);
    }
    yt_db_close(db);
}

#define FOLDER_TEST(test)                                                      \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_names_that_print),
        FOLDER_TEST(data_sets_have_names_that_print),
        FOLDER_TEST(sentences_steer_nothing),
        cmocka_unit_test(json_has_names_as_they_are),
        cmocka_unit_test(databases_have_names_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
