/* Evaluations come back with their plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(evaluations_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
