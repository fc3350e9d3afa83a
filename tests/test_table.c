/* Columns line up whatever their cells hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/table.h"

static char *printed(const struct yt_table *table)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    yt_table_print(table, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void columns_line_up(void **state)
{
    (void)state;
    struct yt_table table;
    yt_table_init(&table, "llayer|rms|lkernel");
    yt_table_row(&table, (const char *[]){"model.0", "1.25", "direct"});
    yt_table_row(&table, (const char *[]){"m", "10", ""});
    char *text = printed(&table);
    assert_string_equal(text, "layer      ms  kernel\n"
                              "-------  ----  ------\n"
                              "model.0  1.25  direct\n"
                              "m          10  \n");
    free(text);
    yt_table_deinit(&table);
}

static void a_character_is_a_column(void **state)
{
    (void)state;
    struct yt_table table;
    yt_table_init(&table, "rn\xc3\xa4me|la");
    table.has_rule = 0;
    yt_table_row(&table, (const char *[]){"\xe2\x82\xac", "x"});
    table.align[0] = 'l';
    char *text = printed(&table);
    assert_string_equal(text, "n\xc3\xa4me  a\n\xe2\x82\xac     x\n");
    free(text);
    yt_table_deinit(&table);
}

static void cells_do_not_steer_the_terminal(void **state)
{
    (void)state;
    struct yt_table table;
    yt_table_init(&table, "lname|rn");
    yt_table_row(&table, (const char *[]){"a\x1b[2J\n\x7f", "1"});
    char *text = printed(&table);
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x7f'));
    assert_non_null(strstr(text, "a [2J    1\n"));
    free(text);
    yt_table_deinit(&table);
}

/* U+009B alone is what ESC [ is; U+00A0 and a byte that is cut off are none. */
static void nor_do_controls_of_two_bytes(void **state)
{
    (void)state;
    struct yt_table table;
    yt_table_init(&table, "lname|rn");
    table.has_rule = 0;
    yt_table_row(&table, (const char *[]){"a\xc2\x9b"
                                          "2J",
                                          "1"});
    yt_table_row(&table, (const char *[]){"\xc2\xa0\xc2", "2"});
    char *text = printed(&table);
    assert_string_equal(text, "name  n\n"
                              "a 2J  1\n"
                              "\xc2\xa0\xc2    2\n");
    free(text);
    yt_table_deinit(&table);
}

static void grows_past_any_first_guess(void **state)
{
    (void)state;
    struct yt_table table;
    yt_table_init(&table, "ri|ra|rb|rc|rd|re|rf|rg|rh|rj|rk|rl|rm|rn|ro|rp|rq|"
                          "rr|rs|rt");
    assert_int_equal(table.columns, 20);
    const char *cells[20];
    for (int c = 0; c < 20; c++)
        cells[c] = "7";
    for (int r = 0; r < 1000; r++)
        yt_table_row(&table, cells);
    assert_int_equal(table.rows, 1001);
    assert_false(table.failed);
    yt_table_deinit(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_line_up),
        cmocka_unit_test(a_character_is_a_column),
        cmocka_unit_test(cells_do_not_steer_the_terminal),
        cmocka_unit_test(nor_do_controls_of_two_bytes),
        cmocka_unit_test(grows_past_any_first_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
