/* Measurements: what is put comes back, and nothing stale or wrong does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

struct rows {
    size_t count;
    char schedules[16][32];
    struct yt_db_measurement last; /* its strings are gone */
};

static enum yt_status collect(void *user, const struct yt_db_measurement *m)
{
    struct rows *rows = user;
    assert_true(rows->count < 16);
    snprintf(rows->schedules[rows->count++], 32, "%s", m->schedule);
    rows->last = *m;
    return YT_OK;
}

static struct rows query(struct fixture *f,
                         const struct yt_db_measurement_query *query)
{
    struct rows rows = {0};
    assert_ok(yt_db_measurements(f->db, query, collect, &rows));
    return rows;
}

static void put(struct fixture *f, const char *problem, const char *schedule,
                double min_ns)
{
    const struct yt_db_measurement m =
        fixture_measurement(f, problem, schedule, min_ns);
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
}

static void measurements_come_back(void **state)
{
    struct fixture *f = *state;
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m8n3k4", 1000);
    int64_t id = 0;
    m.setting = "yolov5n-640x640:model.1";
    m.threads = 2;
    m.spills = 3;
    m.created_ms = 1700000000123;
    assert_ok(yt_db_measurement_put(f->db, &m, &id));

    struct rows rows =
        query(f, &(struct yt_db_measurement_query){.here = f->here});
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.schedules[0], "direct-m8n3k4");
    assert_int_equal(rows.last.id, id);
    assert_int_equal(rows.last.threads, 2);
    assert_int_equal(rows.last.outcome, YT_DB_OK);
    assert_float_equal(rows.last.min_ns, 1000, 0);
    assert_float_equal(rows.last.median_ns, 1010, 1e-9);
    assert_float_equal(rows.last.mad_ns, 2, 1e-9);
    assert_int_equal(rows.last.iterations, 4);
    assert_int_equal(rows.last.samples, 8);
    assert_float_equal(rows.last.max_error, 1e-6, 0);
    assert_int_equal(rows.last.code_bytes, 900);
    assert_int_equal(rows.last.spills, 3);
    assert_int_equal(rows.last.created_ms, 1700000000123);
}

static void filters_apply(void **state)
{
    struct fixture *f = *state;
    const char *const problems[] = {PROBLEM_B, "nms-f32-c80-n1000", PROBLEM_A};
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m1n1k1", 1000);
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    m.isa = "avx2";
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    m.threads = 2;
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    m.setting = "net:layer";
    m.problem = PROBLEM_B;
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));

    struct yt_db_measurement_query q = {.here = f->here};
    assert_int_equal(query(f, &q).count, 4);
    q.isa = "avx2";
    assert_int_equal(query(f, &q).count, 3);
    q.threads = 2;
    assert_int_equal(query(f, &q).count, 2);
    q.setting = "";
    assert_int_equal(query(f, &q).count, 1);
    q.setting = NULL;
    q.problems = problems;
    q.problem_count = 3;
    const struct rows rows = query(f, &q);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.last.problem_index, 2); /* PROBLEM_A came last */
    q.problem_count = 0;
    assert_int_equal(query(f, &q).count, 0);
}

static void stale_rows_stay_away(void **state)
{
    struct fixture *f = *state;
    struct yt_db_host host = fixture_host;
    struct yt_db_measurement_query q = {.here = f->here, .best = 9};
    put(f, PROBLEM_A, "direct-m1n1k1", 1000);
    assert_int_equal(query(f, &q).count, 1);
    host.llvm_version = "19.1.8";
    assert_ok(yt_db_host_put(f->db, &host, &q.here));
    assert_int_equal(query(f, &q).count, 0);
    q.best = 0;
    assert_int_equal(query(f, &q).count, 0);
}

static void best_is_fastest_first(void **state)
{
    struct fixture *f = *state;
    const char *const problems[] = {PROBLEM_A};
    struct yt_db_measurement_query q = {.here = f->here,
                                        .isa = "avx512",
                                        .threads = 1,
                                        .setting = "",
                                        .problems = problems,
                                        .problem_count = 1,
                                        .best = 2};
    put(f, PROBLEM_A, "direct-m1", 3000);
    put(f, PROBLEM_A, "direct-m2", 2000);
    put(f, PROBLEM_A, "direct-m3", 1000);
    put(f, PROBLEM_A, "direct-m1", 1500); /* its second, better try */
    put(f, PROBLEM_B, "direct-m9", 10);
    struct rows rows = query(f, &q);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.schedules[0], "direct-m3");
    assert_string_equal(rows.schedules[1], "direct-m1");
    assert_float_equal(rows.last.min_ns, 1500, 0);
    assert_float_equal(rows.last.median_ns, 1515, 1e-9); /* of the same row */

    /* A kernel that failed after it was timed is out, until it works again. */
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m3", 1);
    m.outcome = YT_DB_WRONG;
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    rows = query(f, &q);
    assert_string_equal(rows.schedules[0], "direct-m1");
    assert_string_equal(rows.schedules[1], "direct-m2");
    put(f, PROBLEM_A, "direct-m3", 1200);
    rows = query(f, &q);
    assert_string_equal(rows.schedules[0], "direct-m3");

    /* Of every problem, when none is named. */
    q.problems = NULL;
    q.best = 1;
    rows = query(f, &q);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.schedules[0], "direct-m9"); /* r1 before r3 */
    assert_string_equal(rows.schedules[1], "direct-m3");
}

static void failures_have_no_times(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i < YT_DB_OUTCOME_COUNT; i++) {
        struct yt_db_measurement m =
            fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
        m.outcome = (enum yt_db_outcome)i;
        m.max_error = INFINITY;
        assert_ok(yt_db_measurement_put(f->db, &m, NULL));
        const struct rows rows =
            query(f, &(struct yt_db_measurement_query){.here = f->here});
        assert_int_equal(rows.last.outcome, i);
        assert_true(isnan(rows.last.min_ns));
        assert_true(isnan(rows.last.median_ns));
        assert_int_equal(rows.last.samples, 0);
        assert_true(isinf(rows.last.max_error));
    }
}

static void senseless_rows_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct yt_db_measurement good =
        fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
    struct yt_db_measurement m = good;
    m.min_ns = NAN;
    assert_int_equal(yt_db_measurement_put(f->db, &m, NULL), YT_BAD_ARGUMENT);
    m = good;
    m.median_ns = 999; /* below the minimum */
    assert_int_equal(yt_db_measurement_put(f->db, &m, NULL), YT_BAD_ARGUMENT);
    m = good;
    m.threads = 0;
    assert_int_equal(yt_db_measurement_put(f->db, &m, NULL), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "threads >= 1"));
    m = good;
    m.here.host = 77;
    assert_int_equal(yt_db_measurement_put(f->db, &m, NULL), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "not there"));
    m = good;
    m.problem = "nonsense";
    assert_int_equal(yt_db_measurement_put(f->db, &m, NULL), YT_BAD_ARGUMENT);
    assert_int_equal(
        query(f, &(struct yt_db_measurement_query){.here = f->here}).count, 0);
}

static enum yt_status stop(void *user, const struct yt_db_measurement *m)
{
    (void)m;
    ++*(int *)user;
    return YT_INTERRUPTED;
}

static void callbacks_may_stop(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    put(f, PROBLEM_A, "direct-m1", 1000);
    put(f, PROBLEM_A, "direct-m2", 1000);
    assert_int_equal(
        yt_db_measurements(f->db,
                           &(struct yt_db_measurement_query){.here = f->here},
                           stop, &calls),
        YT_INTERRUPTED);
    assert_int_equal(calls, 1);
    put(f, PROBLEM_A, "direct-m3", 1000); /* no read is left open */
}

static void batches_are_one_transaction(void **state)
{
    struct fixture *f = *state;
    const struct yt_db_measurement_query q = {.here = f->here};
    assert_ok(yt_db_begin(f->db));
    put(f, PROBLEM_A, "direct-m1", 1000);
    yt_db_rollback(f->db);
    assert_int_equal(query(f, &q).count, 0);

    assert_ok(yt_db_begin(f->db));
    put(f, PROBLEM_A, "direct-m1", 1000);
    struct yt_db_measurement bad =
        fixture_measurement(f, PROBLEM_B, "direct-m2", -1);
    assert_int_equal(yt_db_measurement_put(f->db, &bad, NULL), YT_BAD_ARGUMENT);
    put(f, PROBLEM_A, "direct-m3", 1000); /* the batch goes on */
    assert_ok(yt_db_commit(f->db));
    assert_int_equal(query(f, &q).count, 2);
    yt_db_rollback(f->db); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(measurements_come_back),
        FIXTURE_TEST(filters_apply),
        FIXTURE_TEST(stale_rows_stay_away),
        FIXTURE_TEST(best_is_fastest_first),
        FIXTURE_TEST(failures_have_no_times),
        FIXTURE_TEST(senseless_rows_are_refused),
        FIXTURE_TEST(callbacks_may_stop),
        FIXTURE_TEST(batches_are_one_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
