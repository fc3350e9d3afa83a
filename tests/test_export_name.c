/* Names of exports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "export/export.h"

static const struct {
    const char *model, *name;
} made[] = {
    {"yolov5n", "yolov5n"},
    {"yolov5n-v6.2", "yolov5n_v6_2"},
    {"my model (final).best", "my_model_final_best"},
    {"6n", "m6n"},
    {"", "model"},
    {"--", "model"},
    {"_x", "x"},
    {"a__b_", "a__b_"},
    {"yt_model", "myt_model"}, /* would be the runtime's own symbols */
    {"yt-x", "myt_x"},
    {"yt", "myt"},
    {"ytx", "ytx"},
    {"string", "string_model"},   /* would be found as <string.h> */
    {"x-batch", "x_batch_model"}, /* x_batch_open() opens a batch of x */
    {"m", "m_model"},             /* would be found as -lm */
    {"\xc3\xa9t\xc3\xa9", "t"},
    {"*/ #include", "include"},
};

static void names_are_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        char name[YT_EXPORT_NAME_MAX];
        yt_export_name(made[i].model, name);
        assert_string_equal(name, made[i].name);
        assert_int_equal(yt_export_name_check(name), YT_OK);
    }
}

static void long_names_are_cut(void **state)
{
    (void)state;
    char model[512], name[YT_EXPORT_NAME_MAX];
    for (size_t length = 50; length < sizeof model; length++) {
        memset(model, '7', length);
        model[length] = 0;
        yt_export_name(model, name);
        assert_true(strlen(name) < YT_EXPORT_NAME_MAX);
        assert_int_equal(yt_export_name_check(name), YT_OK);
    }
}

static const char *const refused[] = {
    "",
    "a-b",
    "a b",
    "7a",
    "_a",
    "yt",
    "yt_x",
    "x_batch",
    "math",
    "c",
    "a.so",
    "pthread",
    "Threads",
    "\xc3\xa9",
    "a/b",
    "0123456789012345678901234567890123456789012345678901234567890123",
};

static void unusable_names_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(yt_export_name_check(refused[i]), YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), "name"));
    }
}

/* Python's own words and modules, and what its packages cannot be called. */
static void names_of_python_are_known(void **state)
{
    (void)state;
    static const char *const other[] = {"class", "lambda", "test",
                                        "queue", "json",   "yolo_"};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(yt_export_name_suits_python(other[i]));
    assert_true(yt_export_name_suits_python("yolov5n"));
    assert_true(yt_export_name_suits_python("tests_2"));
    assert_true(yt_export_name_suits_python("classes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_identifiers),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(unusable_names_are_refused),
        cmocka_unit_test(names_of_python_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
