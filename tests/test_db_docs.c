/* docs/DATABASE.md: its queries run and answer, and it leaves out no table,
 * view or column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "db/browse.h"
#include "db/handle.h"
#include "db_fixture.h"

struct documented {
    struct fixture fixture;
    char *text; /* the page */
};

static char *read_page(void)
{
    char path[512];
    char *text = NULL;
    size_t size = 0;
    const char *source = getenv("YT_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/docs/DATABASE.md", source ? source : ".");
    FILE *page = fopen(path, "r");
    if (!page)
        fail_msg("%s is missing", path);
    assert_true(getdelim(&text, &size, 0, page) > 0);
    fclose(page);
    return text;
}

static int setup(void **state)
{
    static struct documented documented;
    fixture_open(&documented.fixture);
    fixture_fill(&documented.fixture);
    documented.text = read_page();
    *state = &documented;
    return 0;
}

static int teardown(void **state)
{
    struct documented *d = *state;
    fixture_close(&d->fixture);
    free(d->text);
    return 0;
}

/** The rows a query answers with, as CSV lines below the titles. */
static int lines_of(struct fixture *f, const char *sql)
{
    char *text = NULL;
    size_t size = 0;
    int lines = -1;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    const enum yt_status status = yt_db_sql(f->db, sql, YT_DB_CSV, to);
    fclose(to);
    if (status != YT_OK)
        fail_msg("%s\n%s", yt_error(), sql);
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    free(text);
    return lines;
}

static void queries_run_and_answer(void **state)
{
    struct documented *d = *state;
    const char *at = d->text;
    int queries = 0;
    while ((at = strstr(at, "```sql\n"))) {
        at += strlen("```sql\n");
        const char *end = strstr(at, "```");
        assert_non_null(end);
        char *sql = strndup(at, (size_t)(end - at));
        if (lines_of(&d->fixture, sql) < 1)
            fail_msg("no rows:\n%s", sql);
        free(sql);
        queries++;
        at = end;
    }
    print_message("%d queries\n", queries);
    assert_true(queries > 0);
}

/** Each name that @p sql lists must be on the page as @p format prints it. */
static void assert_all_named(struct documented *d, const char *sql,
                             const char *format)
{
    sqlite3_stmt *statement = NULL;
    int names = 0;
    assert_int_equal(
        sqlite3_prepare_v2(d->fixture.db->sql, sql, -1, &statement, NULL),
        SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; names++) {
        char words[128];
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        snprintf(words, sizeof words, "%s%s%s", format, name,
                 *format == '\n' ? "\n" : "");
        if (!strstr(d->text, words))
            fail_msg("%s is not documented", name);
    }
    sqlite3_finalize(statement);
    assert_true(names > 0);
}

static void tables_and_views_have_a_section(void **state)
{
    assert_all_named(*state,
                     "SELECT name FROM sqlite_schema WHERE type IN"
                     " ('table', 'view') AND name NOT LIKE 'sqlite_%'",
                     "\n### ");
}

static void columns_are_named(void **state)
{
    /* The sixteen times of an evaluation are documented as four by four. */
    assert_all_named(
        *state,
        "SELECT DISTINCT c.name FROM sqlite_schema t,"
        " pragma_table_info(t.name) c WHERE t.type = 'table'"
        " AND t.name NOT LIKE 'sqlite_%' AND c.name <> 'id'"
        " AND c.name NOT GLOB 'pre_*' AND c.name NOT GLOB 'network_*'"
        " AND c.name NOT GLOB 'post_*' AND c.name NOT GLOB 'total_*'",
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_run_and_answer),
        cmocka_unit_test(tables_and_views_have_a_section),
        cmocka_unit_test(columns_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
