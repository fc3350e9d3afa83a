/* Lists, show, export, sql and merge: what people and scripts get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <jansson.h>

#include "db/browse.h"
#include "db/migrate.h"
#include "db/handle.h"
#include "db_fixture.h"

static int setup(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    fixture_fill(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

/* ------------------------------------------------------------------ capture */

enum call { LIST, BEST, SHOW, EXPORT, SQL };

/** What a call writes; freed by the caller. */
static char *capture(struct fixture *f, enum call call, const char *argument,
                     enum yt_db_format format, enum yt_status want)
{
    /* Static, or gcc 12 takes what it points to for a part of this frame. */
    static char *text;
    static size_t size;
    FILE *to = open_memstream(&text, &size);
    enum yt_status status = YT_OK;
    assert_non_null(to);
    switch (call) {
    case LIST:
        status = yt_db_list(f->db, argument, format, to);
        break;
    case BEST:
        status = yt_db_best(f->db, argument, format, to);
        break;
    case SHOW:
        status = yt_db_show(f->db, argument, format, to);
        break;
    case EXPORT:
        status = yt_db_export(f->db, argument, format, to);
        break;
    case SQL:
        status = yt_db_sql(f->db, argument, format, to);
        break;
    }
    fclose(to);
    if (status != want)
        fail_msg("%s: %s", argument ? argument : "all", yt_error());
    return text;
}

static json_t *capture_json(struct fixture *f, enum call call,
                            const char *argument)
{
    char *text = capture(f, call, argument, YT_DB_JSON, YT_OK);
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s in %s", error.text, text);
    free(text);
    return json;
}

static void assert_has(struct fixture *f, enum call call, const char *argument,
                       enum yt_db_format format, const char *words)
{
    char *text = capture(f, call, argument, format, YT_OK);
    if (!strstr(text, words))
        fail_msg("expected '%s' in:\n%s", words, text);
    free(text);
}

static void assert_refused(struct fixture *f, enum call call,
                           const char *argument, enum yt_status status,
                           const char *words)
{
    free(capture(f, call, argument, YT_DB_TEXT, status));
    if (!strstr(yt_error(), words))
        fail_msg("expected '%s' in: %s", words, yt_error());
}

static const char *text_at(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    if (!text)
        fail_msg("%s is not a text", key);
    return text;
}

static double number_at(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    if (!json_is_number(value))
        fail_msg("%s is not a number", key);
    return json_number_value(value);
}

/* -------------------------------------------------------------------- lists */

static void every_list_prints_its_rows(void **state)
{
    struct fixture *f = *state;
    const char *name;
    for (size_t i = 0; (name = yt_db_list_name(i)); i++) {
        json_t *json = capture_json(f, LIST, name);
        const json_t *rows = json_object_get(json, name);
        assert_true(json_array_size(rows) > 0);
        json_decref(json);
        char *text = capture(f, LIST, name, YT_DB_TEXT, YT_OK);
        char *csv = capture(f, LIST, name, YT_DB_CSV, YT_OK);
        assert_true(strchr(text, '\n')[1] != 0); /* more than the titles */
        assert_true(strchr(csv, '\n')[1] != 0);
        free(text);
        free(csv);
        assert_has(f, LIST, NULL, YT_DB_TEXT, name);
        assert_true(strlen(yt_db_list_summary(i)) > 0);
    }
    assert_refused(f, LIST, "sqlite_schema", YT_BAD_ARGUMENT, "no such list");
    assert_refused(f, LIST, "x\" --", YT_BAD_ARGUMENT, "no such list");
}

static void views_compute_what_they_say(void **state)
{
    struct fixture *f = *state;
    json_t *json = capture_json(f, LIST, "layer_times");
    /* The baseline's layers come first: p1, layers 0 and 1. */
    const json_t *row = json_array_get(json_object_get(json, "layer_times"), 0);
    assert_string_equal(text_at(row, "plan"), "p1");
    assert_float_equal(number_at(row, "ms"), 2.0, 0);
    assert_float_equal(number_at(row, "gflops"), 235.9, 1e-9);
    assert_float_equal(number_at(row, "pct_of_network"), 100, 0);
    assert_true(json_is_null(json_object_get(row, "pct_of_peak")));
    row = json_array_get(json_object_get(json, "layer_times"), 1);
    assert_true(json_is_null(json_object_get(row, "ms")));
    json_decref(json);

    json = capture_json(f, LIST, "recommendations");
    row = json_array_get(json_object_get(json, "recommendations"), 0);
    assert_string_equal(text_at(row, "id"), "r1");
    assert_string_equal(text_at(row, "evaluation"), "e2");
    assert_string_equal(text_at(row, "baseline"), "e1");
    assert_float_equal(number_at(row, "speedup"), 2, 0);
    assert_string_equal(text_at(row, "imgsz"), "640x640");
    json_decref(json);

    json = capture_json(f, LIST, "failures");
    row = json_array_get(json_object_get(json, "failures"), 0);
    assert_string_equal(text_at(row, "outcome"), "wrong");
    assert_string_equal(text_at(row, "detail"), "off by 0.5, \"far\" out");
    assert_float_equal(number_at(row, "stale"), 0, 0);
    json_decref(json);
}

static void best_takes_the_fastest(void **state)
{
    struct fixture *f = *state;
    json_t *json = capture_json(f, BEST, PROBLEM_A);
    const json_t *rows = json_object_get(json, "best_kernels");
    assert_int_equal(json_array_size(rows), 1);
    const json_t *row = json_array_get(rows, 0);
    assert_string_equal(text_at(row, "schedule"), "direct-m6n4k4");
    assert_float_equal(number_at(row, "min_us"), 1900, 0);
    assert_float_equal(number_at(row, "pct_of_peak"), 92, 0.05);
    assert_float_equal(number_at(row, "timed"), 2, 0);
    json_decref(json);

    json = capture_json(f, BEST, "conv2d-f32-none");
    assert_int_equal(json_array_size(json_object_get(json, "best_kernels")), 0);
    json_decref(json);

    /* Another generator: what the old one made is no longer the best. */
    struct yt_db_host host = fixture_host;
    struct yt_db_here here;
    host.generator_version = "g2";
    assert_ok(yt_db_host_put(f->db, &host, &here));
    json = capture_json(f, BEST, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "best_kernels")), 0);
    json_decref(json);
    assert_has(f, SQL, "SELECT sum(stale) AS s FROM measurements", YT_DB_CSV,
               "s\n3\n");
}

static void text_is_safe_to_print(void **state)
{
    struct fixture *f = *state;
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_B, "direct-m1", 1000);
    m.outcome = YT_DB_CRASHED;
    m.detail = "\x1b[31mred\x1b[0m\nline \xff";
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    char *text = capture(f, LIST, "failures", YT_DB_TEXT, YT_OK);
    assert_null(strchr(text, 0x1b));
    free(text);
    json_decref(capture_json(f, LIST, "failures")); /* is valid JSON */
    assert_has(f, LIST, "failures", YT_DB_JSON, "line ?");
}

/* --------------------------------------------------------------------- show */

static void show_follows_references(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *id;
        const char *sections[8];
    } cases[] = {
        {"h1", {"host", "peaks", "plans"}},
        {"n1", {"model", "plans"}},
        {"m1", {"measurement", "host"}},
        {"p1", {"plan", "layers", "evaluations", "model", "host"}},
        {"e2",
         {"evaluation", "compared", "plan", "model", "host",
          "recommendations"}},
        {"r1",
         {"recommendation", "steps", "rivals", "evaluation", "baseline", "plan",
          "model", "host"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = capture_json(f, SHOW, cases[i].id);
        assert_string_equal(
            text_at(json_object_get(json, cases[i].sections[0]), "id"),
            cases[i].id);
        size_t n = 0;
        for (; n < 8 && cases[i].sections[n]; n++) {
            const json_t *section = json_object_get(json, cases[i].sections[n]);
            if (json_object_size(section) + json_array_size(section) == 0)
                fail_msg("%s has no %s", cases[i].id, cases[i].sections[n]);
            assert_has(f, SHOW, cases[i].id, YT_DB_TEXT, cases[i].sections[n]);
        }
        assert_int_equal(json_object_size(json), n);
        json_decref(json);
    }
    assert_has(f, SHOW, "p1", YT_DB_TEXT, "    plan yolov5n\n    step");
    assert_has(f, SHOW, "m3", YT_DB_TEXT, "off by 0.5");
}

static void show_refuses_what_is_no_id(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "",
        "m",
        "7",
        "x1",
        "m0",
        "m-1",
        "m+1",
        "m 1",
        "m1x",
        "mm",
        "m99999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(f, SHOW, bad[i], YT_BAD_ARGUMENT, "an id is a letter");
    assert_refused(f, SHOW, "m77", YT_NOT_FOUND, "no measurement m77");
    assert_refused(f, SHOW, "r9", YT_NOT_FOUND, "no recommendation r9");
}

static void missing_baseline_is_null(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    const struct yt_db_recommendation advice = {.scenario = "edge",
                                                .evaluation = 2};
    assert_ok(yt_db_recommendation_put(f->db, &advice, &id));
    assert_int_equal(id, 2);
    json_t *json = capture_json(f, SHOW, "r2");
    assert_true(json_is_null(json_object_get(json, "baseline")));
    json_decref(json);
}

/* ------------------------------------------------------------------- export */

static void json_export_holds_all_tables(void **state)
{
    struct fixture *f = *state;
    static const char *const tables[] = {
        "toolchain",
        "host",
        "host_peak",
        "model",
        "problem",
        "schedule",
        "measurement",
        "plan",
        "plan_layer",
        "quantisation",
        "compression",
        "compression_group",
        "compression_rival",
        "evaluation",
        "recommendation",
        "recommendation_step",
        "recommendation_rival",
    };
    json_t *json = capture_json(f, EXPORT, NULL);
    assert_string_equal(text_at(json, "application"), "yolotune");
    assert_float_equal(number_at(json, "schema"), yt_db_schema_version(), 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        assert_true(json_array_size(json_object_get(json, tables[i])) > 0);
    assert_int_equal(json_object_size(json),
                     2 + sizeof tables / sizeof tables[0]);
    json_decref(json);
}

static void csv_export_quotes(void **state)
{
    struct fixture *f = *state;
    assert_has(f, EXPORT, "failures", YT_DB_CSV,
               ",wrong,\"off by 0.5, \"\"far\"\" out\",0,");
    assert_has(f, EXPORT, "hosts", YT_DB_CSV,
               "id,cpu,arch,physical_cores,logical_cores,");
    assert_has(f, EXPORT, "plan", YT_DB_CSV,
               "\"plan yolov5n\nstep model.0\n\"");
    assert_refused(f, EXPORT, "nothing", YT_BAD_ARGUMENT, "no such table");
    assert_refused(f, EXPORT, "sqlite_schema", YT_BAD_ARGUMENT,
                   "no such table");
}

/* ---------------------------------------------------------------------- sql */

static void sql_reads(void **state)
{
    struct fixture *f = *state;
    assert_has(f, SQL, "SELECT 1 AS a, 'x' AS b, NULL AS c, 0.5 AS d",
               YT_DB_TEXT, "a  b  c    d\n1  x     0.5\n");
    assert_has(f, SQL, "SELECT x'ff' AS b, 9e999 AS i; -- done\n", YT_DB_JSON,
               "{\"b\":\"ff\",\"i\":null}");
    assert_has(f, SQL,
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
               " WHERE i < 5) SELECT max(i) AS top FROM n",
               YT_DB_CSV, "top\n5\n");
    assert_has(f, SQL, "PRAGMA table_info(host)", YT_DB_TEXT, "fingerprint");
    assert_has(f, SQL, "SELECT name FROM pragma_table_info('host') LIMIT 1",
               YT_DB_CSV, "name\nid\n");
    assert_has(f, SQL, "SELECT value FROM json_each('[7]')", YT_DB_CSV, "7");
}

static void sql_cannot_write(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sql, *words;
    } bad[] = {
        {"DELETE FROM measurement", "only statements that read"},
        {"INSERT INTO schedule (name) VALUES ('x')",
         "only statements that read"},
        {"UPDATE host SET brand = ''", "only statements that read"},
        {"DROP TABLE host", "only statements that read"},
        {"CREATE TEMP TABLE t (x)", "only statements that read"},
        {"ATTACH '/tmp/x' AS x", "only statements that read"},
        {"VACUUM INTO '/tmp/x'", "only statements that read"},
        {"BEGIN", "only statements that read"},
        {"PRAGMA journal_mode = DELETE", "only statements that read"},
        {"PRAGMA writable_schema = 1", "only statements that read"},
        {"SELECT load_extension('x')", "not authorized"},
        {"UPDATE sqlite_master SET sql = ''", "may not be modified"},
        {"SELECT abs(-9223372036854775808)", "integer overflow"},
        {"SELECT 1; SELECT 2", "only one statement"},
        {"SELECT 1; DELETE FROM host", "only one statement"},
        {"SELECT 1; gibberish", "only one statement"},
        {"", "there is no statement"},
        {"-- nothing", "there is no statement"},
        {"SELEC 1", "syntax error"},
        {"SELECT * FROM nowhere", "no such table: nowhere"},
    };
    /* On a connection that could write: the authorizer alone has to hold. */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(f, SQL, bad[i].sql, YT_BAD_ARGUMENT, bad[i].words);
    assert_has(f, SQL, "SELECT count(*) AS n FROM measurement", YT_DB_CSV,
               "n\n3\n");
    fixture_fill(f); /* and it is gone afterwards */
}

static void full_outputs_are_said(void **state)
{
    struct fixture *f = *state;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    assert_int_equal(yt_db_export(f->db, NULL, YT_DB_JSON, full), YT_IO);
    assert_non_null(strstr(yt_error(), "No space left"));
    fclose(full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_list_prints_its_rows), TEST(views_compute_what_they_say),
        TEST(best_takes_the_fastest),     TEST(text_is_safe_to_print),
        TEST(show_follows_references),    TEST(show_refuses_what_is_no_id),
        TEST(missing_baseline_is_null),   TEST(json_export_holds_all_tables),
        TEST(csv_export_quotes),          TEST(sql_reads),
        TEST(sql_cannot_write),           TEST(full_outputs_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
