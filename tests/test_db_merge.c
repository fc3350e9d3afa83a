/* Merging: all rows or none, hosts apart, twice is once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "db/browse.h"
#include "db/handle.h"
#include "db_fixture.h"

struct pair {
    struct fixture here, there;
};

static int setup(void **state)
{
    static struct pair pair;
    fixture_open(&pair.here);
    fixture_open(&pair.there);
    fixture_fill(&pair.here);
    *state = &pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    fixture_close(&pair->here);
    fixture_close(&pair->there);
    return 0;
}

static int64_t count(struct fixture *f, const char *sql)
{
    int64_t value = -1;
    assert_ok(yt_db_exec_int(f->db, sql, &value));
    return value;
}

/** Everything as text, ids and all. */
static char *dump(struct fixture *f)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_ok(yt_db_export(f->db, NULL, YT_DB_JSON, to));
    fclose(to);
    return text;
}

static void merging_twice_is_merging_once(void **state)
{
    struct pair *pair = *state;
    struct yt_db_merged merged;
    fixture_fill(&pair->there);
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_int_equal(merged.hosts, 0); /* the same machine */
    assert_int_equal(merged.models, 0);
    assert_int_equal(merged.measurements, 3);
    assert_int_equal(merged.plans, 2);
    assert_int_equal(merged.evaluations, 2);
    assert_int_equal(merged.recommendations, 1);
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM measurement"), 6);
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM host"), 1);
    /* One calibration of the same model on the same pictures is enough. */
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM quantisation"),
                     1);
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM compression"), 2);
    assert_int_equal(
        count(&pair->here, "SELECT count(*) FROM compression_group"), 4);
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM plan_layer"), 8);
    assert_int_equal(
        count(&pair->here, "SELECT count(*) FROM recommendation_step"), 4);
    assert_int_equal(
        count(&pair->here, "SELECT count(*) FROM pragma_foreign_key_check"), 0);

    char *once = dump(&pair->here);
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_int_equal(merged.measurements + merged.plans + merged.evaluations +
                         merged.recommendations + merged.hosts + merged.models,
                     0);
    char *twice = dump(&pair->here);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
}

static void expect_a_compression_of_its_own_models(struct fixture *f)
{
    assert_int_equal(
        count(f, "SELECT count(*) FROM compression c"
                 " JOIN model n ON n.id = c.model_id AND n.name = 'yolov5s'"
                 " JOIN model r ON r.id = c.result_id AND r.name = 'yolov5s'"
                 " JOIN model t ON t.id = c.teacher_id AND t.name = 'yolov5s'"
                 " JOIN host h ON h.id = c.host_id AND h.brand = 'another CPU'"
                 " WHERE EXISTS (SELECT 1 FROM compression_rival v"
                 "  WHERE v.compression_id = c.id AND v.ns = 12e6)"),
        1);
}

static void references_survive(void **state)
{
    struct pair *pair = *state;
    struct fixture *there = &pair->there;
    struct yt_db_host host = fixture_host;
    struct yt_db_merged merged;
    const struct yt_db_model model = {.hash = "0a0b",
                                      .name = "yolov5s",
                                      .format = "onnx",
                                      .params = 7225885,
                                      .imgsz = 320,
                                      .nc = 80};
    /* Ids that differ from ours, of another host, toolchain and model. */
    host.brand = "another CPU";
    host.generator_version = "g7";
    assert_ok(yt_db_host_put(there->db, &host, &there->here));
    assert_ok(yt_db_model_put(there->db, &model, &there->model));
    fixture_fill(there);
    assert_ok(yt_db_merge(pair->here.db, there->path, &merged));
    assert_int_equal(merged.hosts, 1);
    assert_int_equal(merged.models, 1);

    static const char *const per_host =
        "SELECT count(*) FROM measurement m JOIN host h ON h.id = m.host_id"
        " JOIN toolchain t ON t.id = m.toolchain_id"
        " WHERE h.brand = 'another CPU' AND t.generator = 'g7'";
    assert_int_equal(count(&pair->here, per_host), 3);
    expect_a_compression_of_its_own_models(&pair->here);
    assert_int_equal(count(&pair->here,
                           "SELECT count(*) FROM quantisation q"
                           " JOIN model n ON n.id = q.model_id"
                           " WHERE n.name = 'yolov5s' AND q.text <> ''"),
                     1);
    assert_int_equal(
        count(&pair->here,
              "SELECT count(*) FROM recommendation r"
              " JOIN evaluation e ON e.id = r.evaluation_id"
              " JOIN evaluation b ON b.id = r.baseline_id"
              " JOIN plan p ON p.id = e.plan_id AND p.role = 'tuned'"
              " JOIN plan q ON q.id = b.plan_id AND q.role = 'baseline'"
              " JOIN model n ON n.id = p.model_id AND n.name = 'yolov5s'"
              " JOIN host h ON h.id = p.host_id AND h.brand = 'another CPU'"
              " WHERE e.fps = 94 AND b.fps = 47"),
        1);
    assert_int_equal(
        count(
            &pair->here,
            "SELECT count(*) FROM plan_layer l JOIN plan p ON p.id = l.plan_id"
            " JOIN model n ON n.id = p.model_id AND n.name = 'yolov5s'"
            " JOIN schedule s ON s.id = l.schedule_id"
            " JOIN problem q ON q.id = l.problem_id"
            " WHERE l.idx = 0 AND s.name = 'direct-m6n4k4'"
            " AND q.name = '" PROBLEM_A "'"),
        2);
    assert_int_equal(count(&pair->here, "SELECT count(*) FROM host_peak"), 2);
}

static void put_model(struct fixture *f, const char *digest, const char *hash)
{
    const struct yt_db_model model = {.digest = digest,
                                      .hash = hash,
                                      .name = digest,
                                      .format = "pt",
                                      .imgsz = 640,
                                      .nc = 80};
    assert_ok(yt_db_model_put(f->db, &model, &f->model));
}

/* One model is one row, whatever files it was read from there and here. */
static void models_are_matched_by_what_they_compute(void **state)
{
    struct pair *pair = *state;
    struct yt_db_merged merged;
    put_model(&pair->here, "d1", "aa");
    put_model(&pair->here, "d2", "bb");
    put_model(&pair->there, "d3", "aa"); /* that file, read differently */
    put_model(&pair->there, "d4", "");
    put_model(&pair->there, "d1", "cc");
    fixture_fill(&pair->there);
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_int_equal(merged.models, 2);
    assert_int_equal(count(&pair->here, "SELECT count(DISTINCT digest)"
                                        " FROM model"),
                     4);
    assert_int_equal(count(&pair->here,
                           "SELECT count(*) FROM model WHERE hash = 'd3'"
                           " OR hash = 'd4'"),
                     2);
    assert_int_equal(count(&pair->here,
                           "SELECT count(*) FROM plan p JOIN model n"
                           " ON n.id = p.model_id WHERE n.hash = 'aa'"),
                     2);
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_int_equal(merged.models + merged.plans, 0);
}

static void newer_peaks_win(void **state)
{
    struct pair *pair = *state;
    struct yt_db_merged merged;
    struct yt_db_peak peak = {.isa = "avx512",
                              .precision = "f32",
                              .threads = 1,
                              .gflops = 100,
                              .bandwidth_gbs = NAN,
                              .created_ms = 1000};
    assert_ok(yt_db_peak_put(pair->there.db, pair->there.here.host, &peak));
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_ok(yt_db_peak_find(pair->here.db, pair->here.here.host, &peak));
    assert_float_equal(peak.gflops, 270, 0);

    peak.gflops = 300;
    peak.created_ms += 1000000000;
    assert_ok(yt_db_peak_put(pair->there.db, pair->there.here.host, &peak));
    assert_ok(yt_db_merge(pair->here.db, pair->there.path, &merged));
    assert_ok(yt_db_peak_find(pair->here.db, pair->here.here.host, &peak));
    assert_float_equal(peak.gflops, 300, 0);
}

/* ----------------------------------------------------------------- refusals */

/** Change the other file behind its schema's back. */
static void spoil(struct pair *pair, const char *sql)
{
    sqlite3 *raw = NULL;
    fixture_fill(&pair->there);
    yt_db_close(pair->there.db);
    pair->there.db = NULL;
    assert_int_equal(sqlite3_open(pair->there.path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

static void assert_unchanged(struct pair *pair, enum yt_status status,
                             const char *words)
{
    struct yt_db_merged merged = {.hosts = -1};
    char *before = dump(&pair->here);
    assert_int_equal(yt_db_merge(pair->here.db, pair->there.path, &merged),
                     status);
    if (!strstr(yt_error(), words))
        fail_msg("expected '%s' in: %s", words, yt_error());
    assert_int_equal(merged.hosts, -1);
    char *after = dump(&pair->here);
    assert_string_equal(before, after);
    free(before);
    free(after);
    /* Nothing stays attached or locked. */
    fixture_fill(&pair->here);
}

static void broken_references_are_refused(void **state)
{
    spoil(*state, "PRAGMA foreign_keys = 0; UPDATE measurement"
                  " SET schedule_id = 99 WHERE id = 3");
    assert_unchanged(*state, YT_BAD_INPUT, "damaged");
}

static void broken_rules_are_refused(void **state)
{
    spoil(*state, "PRAGMA ignore_check_constraints = 1;"
                  "UPDATE measurement SET threads = -5 WHERE id = 2");
    assert_unchanged(*state, YT_BAD_INPUT, "damaged");
}

static void other_tables_are_refused(void **state)
{
    spoil(*state, "ALTER TABLE schedule ADD COLUMN more TEXT");
    assert_unchanged(*state, YT_BAD_INPUT, "not those of its schema");
}

static void views_in_place_of_tables_are_refused(void **state)
{
    spoil(*state, "PRAGMA foreign_keys = 0; DROP TABLE recommendation_step;"
                  "CREATE VIEW recommendation_step AS"
                  " SELECT 1 AS recommendation_id, 0 AS idx, 's' AS strategy,"
                  " 'd' AS detail, 1 AS evaluation_id");
    assert_unchanged(*state, YT_BAD_INPUT, "damaged");
}

static void newer_files_are_refused(void **state)
{
    spoil(*state, "PRAGMA user_version = 99");
    assert_unchanged(*state, YT_UNSUPPORTED, "newer yolotune");
}

static void missing_and_same_files_are_refused(void **state)
{
    struct pair *pair = *state;
    struct yt_db_merged merged;
    char path[160];
    assert_int_equal(yt_db_merge(pair->here.db, "/no/such.db", &merged),
                     YT_NOT_FOUND);
    assert_int_equal(yt_db_merge(pair->here.db, pair->here.path, &merged),
                     YT_BAD_ARGUMENT);
    snprintf(path, sizeof path, "%s/./results.db", pair->here.folder);
    assert_int_equal(yt_db_merge(pair->here.db, path, &merged),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "into itself"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merging_twice_is_merging_once),
        TEST(references_survive),
        TEST(models_are_matched_by_what_they_compute),
        TEST(newer_peaks_win),
        TEST(broken_references_are_refused),
        TEST(broken_rules_are_refused),
        TEST(other_tables_are_refused),
        TEST(views_in_place_of_tables_are_refused),
        TEST(newer_files_are_refused),
        TEST(missing_and_same_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
