/* Each precision has its words, and every word leads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/precisions.h"

/* Stored in databases and plans of earlier versions: not to be changed. */
static void keys_stay(void **state)
{
    (void)state;
    static const struct {
        enum yt_precision precision;
        enum yt_dtype dtype;
        const char *key, *word;
    } rows[] = {
        {YT_PRECISION_F32, YT_DTYPE_F32, "f32", "fp32"},
        {YT_PRECISION_BF16, YT_DTYPE_BF16, "bf16", "bf16"},
        {YT_PRECISION_INT16, YT_DTYPE_S16, "int16", "int16"},
        {YT_PRECISION_INT8, YT_DTYPE_U8S8, "int8", "int8"},
        {YT_PRECISION_MIXED, YT_DTYPE_COUNT, "mixed", "mixed"},
    };
    assert_int_equal(sizeof rows / sizeof rows[0], YT_PRECISION_COUNT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(yt_precision_key(rows[i].precision), rows[i].key);
        assert_string_equal(yt_precision_word(rows[i].precision), rows[i].word);
        assert_int_equal(yt_precision_dtype(rows[i].precision), rows[i].dtype);
    }
}

static void every_name_leads_back(void **state)
{
    (void)state;
    for (int i = 0; i < YT_PRECISION_COUNT; i++) {
        const enum yt_precision precision = (enum yt_precision)i;
        enum yt_precision found = YT_PRECISION_COUNT;
        assert_true(yt_precision_find(yt_precision_key(precision), &found));
        assert_int_equal(found, precision);
        found = YT_PRECISION_COUNT;
        assert_true(yt_precision_find(yt_precision_word(precision), &found));
        assert_int_equal(found, precision);
        if (precision != YT_PRECISION_MIXED)
            assert_int_equal(yt_precision_of(yt_precision_dtype(precision)),
                             precision);
    }
}

static void other_words_name_none(void **state)
{
    (void)state;
    static const char *const others[] = {"",     "f16",  "int4", "fp32 ",
                                         "INT8", "u8s8", "s16",  "auto"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        enum yt_precision found = YT_PRECISION_MIXED;
        assert_false(yt_precision_find(others[i], &found));
        assert_int_equal(found, YT_PRECISION_MIXED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_stay),
        cmocka_unit_test(every_name_leads_back),
        cmocka_unit_test(other_words_name_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
