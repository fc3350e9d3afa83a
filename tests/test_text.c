/* Pieces add up, what does not fit is cut once, and JSON reads back what was
 * escaped, whatever the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void grows_by_pieces(void **state)
{
    (void)state;
    struct yt_text text = {0};
    assert_string_equal(yt_text_get(&text), "");
    for (int i = 0; i < 1000; i++)
        yt_text_add(&text, "%d,", i);
    assert_false(text.failed);
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strlen(yt_text_get(&text)), text.length);
    assert_memory_equal(yt_text_get(&text) + text.length - 8, "998,999,", 8);
    yt_text_free(&text);
    assert_string_equal(yt_text_get(&text), "");
}

static void a_fixed_text_is_cut_once(void **state)
{
    (void)state;
    char room[9];
    memset(room, 'x', sizeof room);
    struct yt_text text = yt_text_in(room, 8);
    assert_string_equal(room, "");
    yt_text_add(&text, "%s", "abcd");
    yt_text_add(&text, "%s", "efg"); /* seven and the zero: just fits */
    assert_false(text.failed);
    yt_text_add(&text, "%s", "hij");
    assert_true(text.failed);
    yt_text_add(&text, "%s", "");
    assert_string_equal(room, "abcdefg");
    assert_int_equal(text.length, 7);
    assert_int_equal(room[8], 'x');
    yt_text_free(&text); /* the array is the caller's */
    struct yt_text smallest = yt_text_in(room, 1);
    yt_text_add(&smallest, "a");
    assert_true(smallest.failed && !*room);
}

static void nothing_is_appended_behind_a_cut(void **state)
{
    (void)state;
    char room[6];
    struct yt_text text = yt_text_in(room, sizeof room);
    yt_text_add(&text, "123456789");
    yt_text_add(&text, "x");
    assert_string_equal(room, "12345");
}

static void hostile_strings_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *string, *read;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"a \"quoted\" name", "a \"quoted\" name"},
        {"back\\slash\\", "back\\slash\\"},
        {"\",\"threads\":9,\"x\":\"", "\",\"threads\":9,\"x\":\""},
        {"line\nfeed\ttab\r\b\f", "line\nfeed\ttab\r\b\f"},
        {"\x01\x1f\x7f", "\x01\x1f\x7f"},
        {"%s%n%d", "%s%n%d"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x97",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x97"},
        {"latin1 \xfc.", "latin1 \xef\xbf\xbd."},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"overlong \xc0\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd"},
        {"surrogate \xed\xa0\x80", "surrogate \xef\xbf\xbd\xef\xbf\xbd"
                                   "\xef\xbf\xbd"},
        {"too far \xf4\x90\x80\x80", "too far \xef\xbf\xbd\xef\xbf\xbd"
                                     "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct yt_text text = {0};
        yt_text_add(&text, "[");
        yt_text_add_json(&text, rows[i].string);
        yt_text_add(&text, "]");
        json_error_t error;
        json_t *read = json_loads(yt_text_get(&text), 0, &error);
        if (!read)
            fail_msg("row %zu: %s: %s", i, yt_text_get(&text), error.text);
        assert_int_equal(json_array_size(read), 1);
        assert_string_equal(json_string_value(json_array_get(read, 0)),
                            rows[i].read);
        json_decref(read);
        yt_text_free(&text);
    }
}

static void every_byte_reads_back(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char string[] = {(char)c, 0};
        struct yt_text text = {0};
        yt_text_add(&text, "[");
        yt_text_add_json(&text, string);
        yt_text_add(&text, "]");
        json_t *read = json_loads(yt_text_get(&text), 0, NULL);
        assert_non_null(read);
        assert_string_equal(json_string_value(json_array_get(read, 0)),
                            c < 0x80 ? string : "\xef\xbf\xbd");
        json_decref(read);
        yt_text_free(&text);
    }
}

static void json_is_never_cut_inside(void **state)
{
    (void)state;
    char room[8];
    struct yt_text text = yt_text_in(room, sizeof room);
    yt_text_add(&text, "[");
    yt_text_add_json(&text, "abcdefgh");
    assert_true(text.failed);
    assert_string_equal(room, "[");
    struct yt_text null = {0};
    yt_text_add_json(&null, NULL);
    assert_string_equal(yt_text_get(&null), "null");
    yt_text_free(&null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_by_pieces),
        cmocka_unit_test(a_fixed_text_is_cut_once),
        cmocka_unit_test(nothing_is_appended_behind_a_cut),
        cmocka_unit_test(hostile_strings_read_back),
        cmocka_unit_test(every_byte_reads_back),
        cmocka_unit_test(json_is_never_cut_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
