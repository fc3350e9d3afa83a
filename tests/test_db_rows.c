/* Rows: what is put comes back, and nothing stale or wrong does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "db_fixture.h"

static int setup(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

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

/* ------------------------------------------------------------------- hosts */

static void same_fingerprint_is_same_host(void **state)
{
    struct fixture *f = *state;
    struct yt_db_host host = fixture_host;
    struct yt_db_here here;
    host.governor = "powersave";
    host.quota_cpus = NAN;
    assert_ok(yt_db_host_put(f->db, &host, &here));
    assert_int_equal(here.host, f->here.host);
    assert_int_equal(here.toolchain, f->here.toolchain);

    host.generator_version = "g2";
    assert_ok(yt_db_host_put(f->db, &host, &here));
    assert_int_equal(here.host, f->here.host);
    assert_int_not_equal(here.toolchain, f->here.toolchain);

    host.features = "avx avx2 fma avx512f";
    assert_ok(yt_db_host_put(f->db, &host, &here));
    assert_int_not_equal(here.host, f->here.host);
}

/* Names of features were libcpuid's once: what was measured then is still true
 * of the same machine. */
static void a_host_of_old_stays_the_same(void **state)
{
    struct fixture *f = *state;
    struct yt_db_host old = fixture_host, now = fixture_host;
    struct yt_db_here before, found, after;
    old.features = "fpu vme sse2 fma3 avx2";
    old.model = now.model = 99;
    now.features = "sse sse2 avx fma avx2";
    assert_ok(yt_db_host_put(f->db, &old, &before));
    assert_ok(yt_db_host_find(f->db, &now, &found));
    assert_int_equal(found.host, before.host);
    assert_ok(yt_db_host_put(f->db, &now, &after));
    assert_int_equal(after.host, before.host);
    assert_ok(yt_db_host_find(f->db, &now, &found));
    assert_int_equal(found.host, before.host);

    /* Another machine is another row, and two of old never become one. */
    now.l3_kib++;
    assert_ok(yt_db_host_put(f->db, &now, &after));
    assert_int_not_equal(after.host, before.host);
    now.l3_kib--;
    assert_ok(yt_db_host_put(f->db, &old, &after));
    assert_int_not_equal(after.host, before.host);
    assert_ok(yt_db_host_put(f->db, &now, &after));
    assert_int_equal(after.host, before.host);
}

static void fingerprint_holds_what_stays(void **state)
{
    (void)state;
    char one[YT_DB_FINGERPRINT_MAX], two[YT_DB_FINGERPRINT_MAX];
    struct yt_db_host host = fixture_host;
    yt_db_host_fingerprint(&host, one);
    host.allowed_cpus = 1;
    host.quota_cpus = NAN;
    host.governor = "";
    host.llvm_version = "19.1.8";
    yt_db_host_fingerprint(&host, two);
    assert_string_equal(one, two);
    host.l3_kib = 16384;
    yt_db_host_fingerprint(&host, two);
    assert_string_not_equal(one, two);
}

static void peaks_are_replaced(void **state)
{
    struct fixture *f = *state;
    struct yt_db_peak peak = {.isa = "avx2",
                              .precision = "f32",
                              .threads = 2,
                              .gflops = 100,
                              .bandwidth_gbs = NAN};
    struct yt_db_peak found = {.isa = "avx2", .precision = "f32", .threads = 2};
    assert_int_equal(yt_db_peak_find(f->db, f->here.host, &found),
                     YT_NOT_FOUND);
    assert_ok(yt_db_peak_put(f->db, f->here.host, &peak));
    assert_ok(yt_db_peak_find(f->db, f->here.host, &found));
    assert_float_equal(found.gflops, 100, 0);
    assert_true(isnan(found.bandwidth_gbs));
    peak.gflops = 110;
    peak.bandwidth_gbs = 33;
    assert_ok(yt_db_peak_put(f->db, f->here.host, &peak));
    assert_ok(yt_db_peak_find(f->db, f->here.host, &found));
    assert_float_equal(found.gflops, 110, 0);
    assert_float_equal(found.bandwidth_gbs, 33, 0);
    assert_true(found.created_ms > 1600000000000);
}

/* ------------------------------------------------------------------- names */

static void names_are_found_again(void **state)
{
    struct fixture *f = *state;
    int64_t one, two;
    assert_ok(yt_db_problem_put(f->db, PROBLEM_A, &one));
    assert_ok(yt_db_problem_put(f->db, PROBLEM_A, &two));
    assert_int_equal(one, two);
    assert_ok(yt_db_problem_put(f->db, PROBLEM_B, &two));
    assert_int_not_equal(one, two);
    assert_int_equal(yt_db_problem_put(f->db, "conv9d-f32", &two),
                     YT_BAD_ARGUMENT);
    assert_ok(yt_db_schedule_put(f->db, "direct-m1n1k1", &one));
    assert_ok(yt_db_schedule_put(f->db, "direct-m1n1k1", &two));
    assert_int_equal(one, two);
    assert_int_equal(yt_db_schedule_put(f->db, "", &two), YT_BAD_ARGUMENT);

    const struct yt_db_model renamed = {
        .hash = "00ff", .name = "mine", .format = "pt", .imgsz = 640, .nc = 80};
    assert_ok(yt_db_model_put(f->db, &renamed, &one));
    assert_int_equal(one, f->model);
}

static int64_t put_model(struct fixture *f, const char *digest,
                         const char *hash)
{
    const struct yt_db_model model = {.digest = digest,
                                      .hash = hash,
                                      .name = "n",
                                      .format = "pt",
                                      .imgsz = 640,
                                      .nc = 80};
    int64_t id = 0, found = 0;
    assert_ok(yt_db_model_put(f->db, &model, &id));
    assert_ok(yt_db_model_find(f->db, digest, hash, &found));
    assert_int_equal(found, id);
    return id;
}

/* The fixture's model is a row of an older version: it has no digest. */
static void a_model_is_what_it_computes(void **state)
{
    struct fixture *f = *state;
    int64_t none = 0;
    /* Changed in memory, of no file: neither the old row nor one another. */
    assert_int_equal(yt_db_model_find(f->db, "d1", "", &none), YT_NOT_FOUND);
    const int64_t changed = put_model(f, "d1", "");
    assert_int_not_equal(changed, f->model);
    assert_int_equal(put_model(f, "d1", ""), changed);
    assert_int_not_equal(put_model(f, "d2", ""), changed);
    /* The file that the old row is of, read again: the row gets a digest. */
    assert_int_equal(put_model(f, "d3", "00ff"), f->model);
    assert_int_equal(put_model(f, "d3", ""), f->model);
    /* The same weights in another file. */
    assert_int_equal(put_model(f, "d3", "00ee"), f->model);
    /* The same file, read differently by another version. */
    const int64_t reread = put_model(f, "d4", "00ff");
    assert_int_not_equal(reread, f->model);
    assert_int_equal(put_model(f, "d4", "00ff"), reread);
    assert_int_equal(put_model(f, "d3", "00ff"), f->model);
}

/* Two files of the same weights had a row each: neither loses its plans. */
static void old_rows_of_one_model_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    const int64_t other = put_model(f, NULL, "00ee");
    assert_int_not_equal(other, f->model);
    assert_int_equal(put_model(f, "d1", "00ff"), f->model);
    assert_int_equal(put_model(f, "d1", "00ee"), other);
    assert_int_equal(put_model(f, "d1", "00ff"), f->model);
    assert_int_equal(put_model(f, "d1", "00dd"), f->model);
}

/* ------------------------------------------------------------ measurements */

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

/* ------------------------------------------------- plans, evaluations, ... */

static void plans_come_back(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan_key key = {.here = f->here,
                                 .model = f->model,
                                 .h = 640,
                                 .w = 640,
                                 .isa = "avx512",
                                 .threads = 2,
                                 .precision = "f32"};
    struct yt_db_plan *plan = NULL;
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_NOT_FOUND);
    fixture_fill(f);
    assert_ok(yt_db_plan_find(f->db, &key, &plan));
    assert_string_equal(plan->text, "plan yolov5n\nstep model.0\n");
    assert_int_equal(plan->layer_count, 2);
    assert_string_equal(plan->layers[0].name, "model.0");
    assert_string_equal(plan->layers[0].problem, PROBLEM_A);
    assert_string_equal(plan->layers[0].schedule, "direct-m6n4k4");
    assert_string_equal(plan->layers[0].ties, "direct-m8n3k4");
    assert_float_equal(plan->layers[0].median_ns, 2e6, 0);
    assert_int_equal(plan->layers[0].flops, 471859200);
    assert_true(isnan(plan->layers[1].median_ns));
    assert_string_equal(plan->layers[1].ties, "");
    assert_int_equal(plan->key.role, YT_DB_TUNED);
    yt_db_plan_destroy(plan);
    plan = NULL;

    key.threads = 1;
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_NOT_FOUND);
    key.threads = 2;
    struct yt_db_host host = fixture_host;
    host.generator_version = "g2";
    assert_ok(yt_db_host_put(f->db, &host, &key.here));
    assert_int_equal(yt_db_plan_find(f->db, &key, &plan), YT_STALE);
    assert_null(plan);
}

static void newest_plan_wins(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan plan = {.key = {.here = f->here,
                                      .model = f->model,
                                      .h = 64,
                                      .w = 96,
                                      .isa = "avx2",
                                      .threads = 1,
                                      .precision = "f32"},
                              .text = "new",
                              .created_ms = 2000};
    struct yt_db_plan *found = NULL;
    int64_t newer, older;
    assert_ok(yt_db_plan_put(f->db, &plan, &newer));
    plan.text = "old";
    plan.created_ms = 1000;
    assert_ok(yt_db_plan_put(f->db, &plan, &older));
    assert_ok(yt_db_plan_find(f->db, &plan.key, &found));
    assert_int_equal(found->id, newer);
    assert_string_equal(found->text, "new");
    assert_int_equal(found->created_ms, 2000);
    yt_db_plan_destroy(found);
}

static void broken_plans_leave_nothing(void **state)
{
    struct fixture *f = *state;
    const struct yt_db_layer layers[] = {
        {.name = "a", .problem = PROBLEM_A, .schedule = "s"},
        {.name = "b", .problem = "nonsense", .schedule = "s"},
    };
    const struct yt_db_plan plan = {.key = {.here = f->here,
                                            .model = f->model,
                                            .h = 64,
                                            .w = 64,
                                            .isa = "avx2",
                                            .threads = 1,
                                            .precision = "f32"},
                                    .layers = layers,
                                    .layer_count = 2};
    struct yt_db_plan *found = NULL;
    int64_t id = 5;
    assert_int_equal(yt_db_plan_put(f->db, &plan, &id), YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "layer 1 (b)"));
    assert_int_equal(id, 5);
    assert_int_equal(yt_db_plan_find(f->db, &plan.key, &found), YT_NOT_FOUND);
}

struct evaluations {
    int count;
    struct yt_db_evaluation last;
    struct yt_db_plan_key key;
};

static enum yt_status collect_evaluation(void *user,
                                         const struct yt_db_evaluation *e,
                                         const struct yt_db_plan_key *key)
{
    struct evaluations *all = user;
    all->count++;
    all->last = *e;
    all->key = *key;
    assert_string_equal(key->isa, "avx512");
    assert_string_equal(key->precision, "f32");
    assert_string_equal(e->dataset, isnan(e->map) ? "" : "coco");
    return YT_OK;
}

static void quantisations_are_kept_by_what_they_were_made_of(void **state)
{
    struct fixture *f = *state;
    struct yt_db_quantisation q = {.model = f->model,
                                   .h = 640,
                                   .w = 640,
                                   .settings = "kl",
                                   .images = 64,
                                   .images_hash = "aa",
                                   .text = "first"};
    char *text = NULL;
    int64_t one, two;
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    assert_non_null(strstr(yt_error(), "640x640"));
    assert_ok(yt_db_quantisation_put(f->db, &q, &one));
    q.text = "second";
    assert_ok(yt_db_quantisation_put(f->db, &q, &two));
    assert_int_equal(one, two);
    assert_ok(yt_db_quantisation_find(f->db, &q, &text));
    assert_string_equal(text, "second");
    free(text);

    q.images_hash = "bb";
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    q.images_hash = NULL;
    q.settings = NULL;
    assert_ok(yt_db_quantisation_find(f->db, &q, &text));
    assert_string_equal(text, "second");
    free(text);
    q.h = 320;
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    q.model = 99;
    q.settings = q.images_hash = "";
    assert_int_equal(yt_db_quantisation_put(f->db, &q, NULL), YT_BAD_ARGUMENT);
}

static void assert_preferred(struct fixture *f,
                             const struct yt_db_plan_key *key, const char *want)
{
    char *text = NULL;
    assert_ok(yt_db_plan_preferred(f->db, key, &text));
    assert_string_equal(text, want);
    free(text);
}

static void recommended_plans_are_preferred(void **state)
{
    struct fixture *f = *state;
    struct yt_db_plan plan = {.key = {.here = f->here,
                                      .model = f->model,
                                      .h = 64,
                                      .w = 64,
                                      .isa = "avx2",
                                      .threads = 1,
                                      .precision = "int8-01"},
                              .text = "quantised",
                              .created_ms = 1000};
    struct yt_db_plan_key any = plan.key;
    char *text = NULL;
    int64_t int8, id;
    any.precision = NULL;
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);
    assert_ok(yt_db_plan_put(f->db, &plan, &int8));
    assert_preferred(f, &any, "quantised");
    plan.key.precision = "f32";
    plan.text = "plain";
    plan.created_ms = 500;
    assert_ok(yt_db_plan_put(f->db, &plan, &id));
    assert_preferred(f, &any, "plain");
    any.precision = "int8-";
    assert_preferred(f, &any, "quantised");
    any.precision = "bf16-";
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);

    const struct yt_db_evaluation evaluation = {.plan = int8,
                                                .fps = 9,
                                                .samples = 3,
                                                .map = NAN,
                                                .map50 = NAN,
                                                .map75 = NAN};
    struct yt_db_recommendation advice = {.scenario = "realtime"};
    assert_ok(yt_db_evaluation_put(f->db, &evaluation, &advice.evaluation));
    assert_ok(yt_db_recommendation_put(f->db, &advice, &id));
    any.precision = NULL;
    assert_preferred(f, &any, "quantised");
    any.threads = 2;
    assert_int_equal(yt_db_plan_preferred(f->db, &any, &text), YT_NOT_FOUND);
}

static void evaluations_come_back(void **state)
{
    struct fixture *f = *state;
    struct yt_db_evaluation_query q = {.here = f->here};
    struct evaluations all = {0};
    fixture_fill(f);
    assert_ok(yt_db_evaluations(f->db, &q, collect_evaluation, &all));
    assert_int_equal(all.count, 2);
    assert_float_equal(all.last.fps, 94, 0);
    assert_float_equal(all.last.map, 0.28, 0);
    assert_true(isnan(all.last.map50));
    assert_float_equal(all.last.pre.min_ns, 1e5, 0);
    assert_float_equal(all.last.network.median_ns, 21e6, 0);
    assert_float_equal(all.last.post.p95_ns, 1.2e4, 1e-9);
    assert_float_equal(all.last.total.p99_ns, 23.2e6, 0);
    assert_int_equal(all.last.samples, 100);
    assert_int_equal(all.last.arena_bytes, 10 << 20);
    assert_int_equal(all.last.blob_bytes, 8 << 20);
    assert_int_equal(all.last.rss_bytes, 30 << 20);
    assert_int_equal(all.last.images, 5000);
    assert_int_equal(all.key.role, YT_DB_TUNED);
    assert_int_equal(all.key.model, f->model);
    assert_int_equal(all.key.h, 640);

    all.count = 0;
    fixture_fill(f);
    q.only_newest = 1;
    q.model = f->model;
    q.h = q.w = 640;
    q.isa = "avx512";
    q.threads = 2;
    q.precision = "f32";
    assert_ok(yt_db_evaluations(f->db, &q, collect_evaluation, &all));
    assert_int_equal(all.count, 2); /* one baseline, one tuned */
    q.threads = 3;
    all.count = 0;
    assert_ok(yt_db_evaluations(f->db, &q, collect_evaluation, &all));
    assert_int_equal(all.count, 0);
}

static void recommendations_need_json_and_rows(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct yt_db_recommendation advice = {.scenario = "edge", .evaluation = 1};
    assert_int_equal(yt_db_recommendation_put(f->db, &advice, &id),
                     YT_BAD_ARGUMENT);
    fixture_fill(f);
    assert_ok(yt_db_recommendation_put(f->db, &advice, &id));
    advice.reasons_json = "[not json";
    assert_int_equal(yt_db_recommendation_put(f->db, &advice, &id),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "reasons: not JSON"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_fingerprint_is_same_host),
        TEST(fingerprint_holds_what_stays),
        TEST(a_host_of_old_stays_the_same),
        TEST(peaks_are_replaced),
        TEST(names_are_found_again),
        TEST(a_model_is_what_it_computes),
        TEST(old_rows_of_one_model_are_kept_apart),
        TEST(measurements_come_back),
        TEST(filters_apply),
        TEST(stale_rows_stay_away),
        TEST(best_is_fastest_first),
        TEST(failures_have_no_times),
        TEST(senseless_rows_are_refused),
        TEST(callbacks_may_stop),
        TEST(batches_are_one_transaction),
        TEST(plans_come_back),
        TEST(newest_plan_wins),
        TEST(broken_plans_leave_nothing),
        TEST(quantisations_are_kept_by_what_they_were_made_of),
        TEST(recommended_plans_are_preferred),
        TEST(evaluations_come_back),
        TEST(recommendations_need_json_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
