/* Databases that a stranger made: nothing in them runs, and what is wrong in
 * them stays there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "db/browse.h"
#include "db_fixture.h"

/* Our schema with rows, treated with a stranger's SQL. */
static void make_stranger(struct fixture *f, const char *sql)
{
    sqlite3 *raw = NULL;
    char *message = NULL;
    fixture_fill(f);
    yt_db_close(f->db);
    f->db = NULL;
    assert_int_equal(sqlite3_open(f->path, &raw), SQLITE_OK);
    if (sqlite3_exec(raw, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(raw);
}

static void assert_refused(struct fixture *f, const char *words)
{
    static const enum yt_db_mode modes[] = {YT_DB_READ_WRITE, YT_DB_READ_ONLY};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct yt_db *db = NULL;
        assert_int_equal(yt_db_open(f->path, modes[i], &db), YT_BAD_INPUT);
        assert_null(db);
        if (!strstr(yt_error(), words))
            fail_msg("expected '%s' in: %s", words, yt_error());
    }
}

/* Neither opened nor merged into another. */
static void assert_useless(struct fixture *f, const char *words)
{
    struct fixture here = {0};
    struct yt_db_merged merged;
    assert_refused(f, words);
    fixture_open(&here);
    assert_int_equal(yt_db_merge(here.db, f->path, &merged), YT_BAD_INPUT);
    if (!strstr(yt_error(), words))
        fail_msg("expected '%s' in: %s", words, yt_error());
    fixture_close(&here);
}

static void triggers_are_refused(void **state)
{
    make_stranger(*state, "CREATE TRIGGER quiet AFTER INSERT ON schedule BEGIN"
                          " DELETE FROM plan; END");
    assert_useless(*state, "trigger 'quiet' is not of our schema");
}

static void views_of_others_are_refused(void **state)
{
    make_stranger(*state, "CREATE VIEW more AS WITH RECURSIVE n(i) AS"
                          " (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                          " SELECT max(i) FROM n");
    assert_useless(*state, "view 'more' is not of our schema");
}

static void views_with_other_words_are_refused(void **state)
{
    make_stranger(*state, "DROP VIEW plans;"
                          "CREATE VIEW plans AS SELECT load_extension('x')");
    assert_useless(*state, "view 'plans' is not of our schema");
}

/* No function that does something runs from a table's rules either. */
static void rules_with_side_effects_do_not_run(void **state)
{
    struct fixture *f = *state;
    struct yt_db_measurement m;
    make_stranger(f, "PRAGMA writable_schema = ON;"
                     "UPDATE sqlite_schema SET sql = replace(sql, 'threads "
                     "INTEGER', 'threads INTEGER CHECK (load_extension(''x'') "
                     "IS NULL)') WHERE name = 'measurement'");
    struct yt_db *db = NULL;
    const enum yt_status opened = yt_db_open(f->path, YT_DB_READ_WRITE, &db);
    if (opened == YT_OK) {
        f->db = db;
        m = fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
        assert_true(yt_db_measurement_put(db, &m, NULL) != YT_OK);
        yt_db_close(db);
        f->db = NULL;
    }
}

static void huge_values_are_refused(void **state)
{
    struct fixture *f = *state, here = {0};
    struct yt_db_merged merged;
    make_stranger(f, "UPDATE plan SET text ="
                     " CAST(zeroblob(80 << 20) AS TEXT)");
    fixture_open(&here);
    const enum yt_status status = yt_db_merge(here.db, f->path, &merged);
    if (status == YT_OK)
        fail_msg("%lld plans were merged", (long long)merged.plans);
    assert_true(yt_error()[0] != 0);
    fixture_close(&here);
}

/* The text of a plan that is none: it is kept as a row and never becomes one,
 * as test_plan_text.c has it. */
static void texts_are_only_texts(void **state)
{
    struct fixture *f = *state, here = {0};
    struct yt_db_merged merged;
    make_stranger(
        f, "UPDATE plan SET text = '; rm -rf / #' || char(27);"
           "UPDATE schedule SET name = '../../lib.so' WHERE id = 1;"
           "UPDATE host SET fingerprint = 'x', brand = char(27) || '[2J'");
    fixture_open(&here);
    assert_ok(yt_db_merge(here.db, f->path, &merged));
    FILE *file = tmpfile();
    char text[4096];
    assert_non_null(file);
    assert_ok(yt_db_list(here.db, "hosts", YT_DB_TEXT, file));
    rewind(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    assert_non_null(strstr(text, "[2J"));
    assert_null(strchr(text, 27));
    fclose(file);
    fixture_close(&here);
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(triggers_are_refused),
        TEST(views_of_others_are_refused),
        TEST(views_with_other_words_are_refused),
        TEST(rules_with_side_effects_do_not_run),
        TEST(huge_values_are_refused),
        TEST(texts_are_only_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
