/* The report's page: what it says of rows, and that texts of others stay
 * texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>
#include <sqlite3.h>

#include "db_fixture.h"
#include "page/command.h"
#include "strategies/choice/config.h"
#include "page/html.h"
#include "page/page.h"

/* A stranger's SQL run on the rows of an open fixture. */
static void change_rows(struct fixture *f, const char *sql)
{
    char *message = NULL;
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(f->path, &raw), SQLITE_OK);
    if (sql && sqlite3_exec(raw, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(raw);
}

/* An open fixture with advice, whose rows are changed. */
static void make_rows(struct fixture *f, const char *sql)
{
    fixture_fill(f);
    change_rows(f, sql);
}

static void make_page(struct fixture *f, struct yt_text *page)
{
    const struct yt_page_options options = {.db = f->path};
    assert_ok(yt_page_make(f->db, &options, page));
}

static void assert_says(const struct yt_text *page, const char *words)
{
    if (!strstr(yt_text_get(page), words))
        fail_msg("the page does not say: %s", words);
}

static int count_of(const struct yt_text *page, const char *words)
{
    int count = 0;
    const char *at = yt_text_get(page);
    while ((at = strstr(at, words)))
        count++, at += strlen(words);
    return count;
}

/* The page's figures, as a reader of it has them. */
static json_t *facts_of(const struct yt_text *page)
{
    static const char begin[] =
        "<script type=\"application/json\" id=\"facts\">";
    json_error_t error;
    const char *at = strstr(yt_text_get(page), begin);
    assert_non_null(at);
    at += strlen(begin);
    const char *end = strstr(at, "</script>");
    assert_non_null(end);
    json_t *facts = json_loadb(at, (size_t)(end - at), 0, &error);
    if (!facts)
        fail_msg("%s", error.text);
    return facts;
}

/* ------------------------------------------------------------------- tests */

static void figures_stand_with_their_rows(void **state)
{
    struct yt_text page = {0};
    make_rows(*state, NULL);
    make_page(*state, &page);
    assert_says(&page, "<b>94.0</b><small> e2</small>");
    assert_says(&page, "<b>2.00</b>x<small> e2 / e1</small>");
    assert_says(&page, "<b>0.2800</b><small> e2</small>");
    assert_says(&page, "2.00 times as many as the baseline (47.0, e1)");
    assert_says(&page, "no difference that these pictures can show (-0.0100 to "
                       "+0.0200 beside e1");
    assert_says(&page, "asked for: at least 30 FPS");
    assert_says(&page, "<li>twice as fast</li>");
    assert_says(&page, "+47.00 (2.00x) e2");
    assert_says(&page, "<td class=\"n\" data-v=\"2\">2.0000</td>");
    assert_says(&page, "<td>direct</td>");
    assert_says(&page, "needs less memory");
    yt_text_free(&page);
}

static void sections_are_all_there(void **state)
{
    static const char *const ids[] = {"way",    "front",   "layers",
                                      "search", "latency", "host"};
    struct yt_text page = {0};
    char section[64];
    make_rows(*state, NULL);
    make_page(*state, &page);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        snprintf(section, sizeof section, "<section id=\"%s\">", ids[i]);
        assert_says(&page, section);
    }
    yt_text_free(&page);
}

#define COPY                                                                   \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"           \
    " WHERE i < %s) INSERT INTO evaluation (uid, plan_id, fps, samples,"       \
    " arena_bytes, blob_bytes, rss_bytes, map, dataset, dataset_hash, images," \
    " created_ms, configuration)"                                              \
    " SELECT 1000 + i, e.plan_id, %s, 1, 0, 0, 0, %s, e.dataset, '',"          \
    " e.images, e.created_ms, 'yolov5n-640x640-f32-tuned-latency-1x' || i"     \
    " FROM n, evaluation e WHERE e.id = 2"

static void make_copies(struct fixture *f, const char *count, const char *fps,
                        const char *map)
{
    char sql[1024];
    snprintf(sql, sizeof sql, COPY, count, fps, map);
    make_rows(f, sql);
}

/* e2 has 94 FPS and 0.28; the others 10 FPS more and 0.01 less each. */
static void front_is_who_is_not_beaten(void **state)
{
    struct yt_text page = {0};
    size_t i;
    json_t *point;
    make_copies(*state, "5", "94 + 10 * i",
                "CASE i WHEN 3 THEN 0.1 ELSE 0.28 - 0.01 * i END");
    make_page(*state, &page);
    json_t *facts = facts_of(&page);
    json_t *points = json_object_get(facts, "points");
    assert_int_equal(json_array_size(points), 6);
    json_array_foreach(points, i, point)
    {
        const char *id = json_string_value(json_object_get(point, "id"));
        const json_int_t front =
            json_integer_value(json_object_get(point, "front"));
        assert_int_equal(front, strcmp(id, "e5") != 0);
    }
    assert_int_equal(
        count_of(&page, "<g class=\"chosen\"><title>e2, recommended"), 1);
    assert_int_equal(count_of(&page, "<g class=\"rejected\"><title>e5"), 1);
    json_decref(facts);
    yt_text_free(&page);
}

static void many_points_are_not_all_drawn(void **state)
{
    struct yt_text page = {0};
    make_copies(*state, "3000", "1 + i % 50", "0.1 + i % 7 / 100.0");
    make_page(*state, &page);
    assert_says(&page, "Drawn are 800 of 3001 points");
    assert_true(page.length < 1500000);
    yt_text_free(&page);
}

/* Also where each trial was better than the one before. */
static void search_is_drawn_to_its_end(void **state)
{
    struct yt_text page = {0};
    make_copies(*state, "3000", "100 + i", "0.28");
    make_page(*state, &page);
    json_t *facts = facts_of(&page);
    const json_t *trials = json_object_get(facts, "trials");
    const size_t count = json_array_size(trials);
    const json_t *last = json_array_get(trials, count - 1);
    assert_in_range(count, 500, 801);
    assert_int_equal(json_integer_value(json_object_get(last, "trial")), 3001);
    assert_true(json_number_value(json_object_get(last, "best")) == 3100);
    json_decref(facts);
    yt_text_free(&page);
}

#define HOSTILE "</script><script>alert(1)</script>"

static void texts_of_others_stay_texts(void **state)
{
    struct yt_text page = {0};
    make_rows(*state,
              "UPDATE model SET name = '" HOSTILE "\"''&' || char(8232);"
              "UPDATE plan_layer SET name = '" HOSTILE "';"
              "UPDATE schedule SET name = '" HOSTILE "' || id;"
              "UPDATE problem SET name = '" HOSTILE "' || id;"
              "UPDATE host SET brand = '<img src=x onerror=alert(1)>';"
              "UPDATE evaluation SET configuration = '" HOSTILE "' || id,"
              " dataset = '<!--';"
              "UPDATE recommendation SET scenario = '" HOSTILE "',"
              " reasons = '[\"" HOSTILE "\"]';"
              "UPDATE recommendation_step SET strategy = '<b>', detail = "
              "'\" onload=\"alert(1)';"
              "UPDATE recommendation_rival SET note = '" HOSTILE "'");
    make_page(*state, &page);
    /* The facts and the page's own. */
    assert_int_equal(count_of(&page, "<script"), 2);
    assert_int_equal(count_of(&page, "</script"), 2);
    assert_int_equal(count_of(&page, "<img"), 0);
    assert_int_equal(count_of(&page, "<!--"), 0);
    assert_int_equal(count_of(&page, "<b>\""), 0);
    assert_int_equal(count_of(&page, "\" onload=\""), 0);
    assert_says(&page, "&lt;/script&gt;&lt;script&gt;alert(1)");
    assert_says(&page, "\\u2028");
    json_t *facts = facts_of(&page);
    const json_t *host = json_object_get(facts, "host");
    assert_string_equal(json_string_value(json_object_get(host, "cpu")),
                        "<img src=x onerror=alert(1)>");
    json_decref(facts);
    yt_text_free(&page);
}

/* Rows of other networks than the question's are no rivals. */
static void others_are_no_points(void **state)
{
    struct yt_text page = {0};
    make_copies(*state, "5", "94 + 10 * i", "0.28 - 0.01 * i");
    change_rows(*state,
                "UPDATE recommendation SET constraints ="
                " '{\"models\":[\"00ff\"]}';"
                "INSERT INTO model (hash, name, format, params, flops,"
                " imgsz, nc) VALUES ('11', 'other', 'pt', 1, 1, 640, 80);"
                "INSERT INTO plan (uid, host_id, toolchain_id, model_id, h,"
                " w, isa, threads, precision, role, text, created_ms)"
                " SELECT 77, host_id, toolchain_id, 2, h, w, isa, threads,"
                " precision, role, text, created_ms FROM plan WHERE id = 2;"
                "UPDATE evaluation SET plan_id = (SELECT max(id) FROM plan)"
                " WHERE id > 5");
    make_page(*state, &page);
    json_t *facts = facts_of(&page);
    assert_int_equal(json_array_size(json_object_get(facts, "points")), 4);
    assert_int_equal(json_array_size(json_object_get(facts, "trials")), 4);
    json_decref(facts);
    yt_text_free(&page);
}

static void missed_limits_are_said(void **state)
{
    struct yt_text page = {0};
    make_rows(*state, "UPDATE recommendation SET reasons ="
                      " '[\"limits missed: 94 FPS, 100 are wanted\"]'");
    make_page(*state, &page);
    assert_says(&page, "Nothing keeps all limits, this is the nearest: 94 FPS, "
                       "100 are wanted.");
    yt_text_free(&page);
}

static void stale_advice_says_so(void **state)
{
    struct yt_text page = {0};
    make_rows(*state, "INSERT INTO toolchain VALUES (99, '1', 'other');"
                      "UPDATE host SET toolchain_id = 99");
    make_page(*state, &page);
    assert_says(&page, "another version of the generator of code");
    assert_says(&page, "LLVM 1, generator other");
    yt_text_free(&page);
}

/* Numbers that no clock measures draw nothing, and are no NaN in a picture. */
static void numbers_without_measure_draw_nothing(void **state)
{
    struct yt_text page = {0};
    make_rows(*state, "UPDATE evaluation SET fps = 1e308, difference_low ="
                      " -1e308, difference_high = 1e308;"
                      "UPDATE plan_layer SET median_ns = 1e300;"
                      "UPDATE measurement SET min_ns = 1e-300,"
                      " median_ns = 1e300 WHERE min_ns IS NOT NULL");
    make_page(*state, &page);
    const char *nan = strstr(yt_text_get(&page), "nan");
    if (nan)
        fail_msg("%.300s", nan - 100);
    assert_int_equal(count_of(&page, "inf\""), 0);
    yt_text_free(&page);
}

static void empty_database_says_so(void **state)
{
    struct fixture *f = *state;
    struct yt_text page = {0}, summary = {0};
    const struct yt_page_options options = {.recommendation = 0};
    int64_t id = -1;
    change_rows(f, "DELETE FROM host");
    make_page(f, &page);
    assert_says(&page, "Nothing was measured yet.");
    assert_int_equal(count_of(&page, "<section"), 0);
    assert_ok(yt_page_summary(f->db, &options, &summary, &id));
    assert_string_equal(yt_text_get(&summary), "Nothing was measured yet.");
    assert_int_equal(id, 0);
    yt_text_free(&summary);
    yt_text_free(&page);
}

static void plan_without_advice_is_shown(void **state)
{
    struct yt_text page = {0};
    make_rows(*state, "DELETE FROM recommendation_step;"
                      "DELETE FROM recommendation_rival;"
                      "DELETE FROM recommendation");
    make_page(*state, &page);
    assert_says(&page, "Nothing was recommended yet");
    assert_says(&page, "Plan p2, tuned");
    assert_int_equal(count_of(&page, "<section id=\"way\">"), 0);
    yt_text_free(&page);
}

static void unknown_recommendation_is_refused(void **state)
{
    struct fixture *f = *state;
    struct yt_text page = {0};
    const struct yt_page_options options = {.recommendation = 99};
    fixture_fill(f);
    assert_int_equal(yt_page_make(f->db, &options, &page), YT_NOT_FOUND);
    assert_non_null(strstr(yt_error(), "there is no r99"));
    yt_text_free(&page);
}

static void commands_are_for_a_shell(void **state)
{
    (void)state;
    json_t *rows =
        json_pack("[{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:s}]", "model",
                  "a'b; rm", "format", "pt", "h", 384, "w", 640, "threads", 1,
                  "isa", "scalar", "precision", "int8-0123", "configuration",
                  "yolov5n-384x640-int8-tuned-throughput-2x1-pin");
    assert_non_null(rows);
    assert_ok(yt_commands_add(rows, "my results.db"));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(rows, 0), "command")),
        "yolotune bench --model 'a'\\''b; rm.pt' --imgsz 384x640 --threads 1 "
        "--isa scalar --precision int8 --parallel throughput:2x1 --pin "
        "--db 'my results.db'");
    /* A command that would measure something else is none. */
    static const char *const others[] = {
        "yolov5n-384x640-int8-tuned-throughput-2x1-flip",
        "yolov5n-384x640-int8-tuned-throughput-2x1-stretch",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        json_t *row = json_array_get(rows, 0);
        struct yt_config config;
        assert_ok(yt_config_parse(others[i], &config));
        json_object_set_new(row, "configuration", json_string(others[i]));
        assert_ok(yt_command_add(row, NULL));
        assert_string_equal(json_string_value(json_object_get(row, "command")),
                            "");
    }
    json_decref(rows);
}

static void text_is_escaped(void **state)
{
    struct yt_text text = {0};
    (void)state;
    yt_html_text(&text, "%s", "a<b>&\"c'\x01\xc3\xa9");
    assert_string_equal(yt_text_get(&text),
                        "a&lt;b&gt;&amp;&quot;c&#39; \xc3\xa9");
    yt_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(figures_stand_with_their_rows),
        FIXTURE_TEST(sections_are_all_there),
        FIXTURE_TEST(front_is_who_is_not_beaten),
        FIXTURE_TEST(others_are_no_points),
        FIXTURE_TEST(many_points_are_not_all_drawn),
        FIXTURE_TEST(search_is_drawn_to_its_end),
        FIXTURE_TEST(texts_of_others_stay_texts),
        FIXTURE_TEST(numbers_without_measure_draw_nothing),
        FIXTURE_TEST(missed_limits_are_said),
        FIXTURE_TEST(stale_advice_says_so),
        FIXTURE_TEST(empty_database_says_so),
        FIXTURE_TEST(plan_without_advice_is_shown),
        FIXTURE_TEST(unknown_recommendation_is_refused),
        cmocka_unit_test(commands_are_for_a_shell),
        cmocka_unit_test(text_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
