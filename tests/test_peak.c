/* Peaks come from rows where there are rows, are measured where there are none,
 * and only ever rise. A fake clock lets each timed run take as long as a test
 * wants, so that figures are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/now.h"
#include "codegen/codegen.h"
#include "db_fixture.h"
#include "runtime/fail.h"
#include "tuner/build/host.h"

#define LOOK_NS                                                                \
    1000000u /* that a timed run takes: begin and end are looked at */

static int setup(void **state)
{
    static struct fixture f;
    fixture_open(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    yt_fake_clock_end();
    fixture_close(*state);
    return 0;
}

static const struct yt_isa *isa(void)
{
    return yt_isa_find("sse4.2");
}

static void put(const struct fixture *f, int32_t threads, double gflops,
                double gbs)
{
    const struct yt_db_peak row = {.isa = isa()->name,
                                   .precision = "f32",
                                   .threads = threads,
                                   .gflops = gflops,
                                   .bandwidth_gbs = gbs};
    assert_ok(yt_db_peak_put(f->db, f->here.host, &row));
}

static struct yt_db_peak stored(const struct fixture *f, int32_t threads)
{
    struct yt_db_peak row = {
        .isa = isa()->name, .precision = "f32", .threads = threads};
    assert_ok(yt_db_peak_find(f->db, f->here.host, &row));
    return row;
}

static void rows_are_taken(void **state)
{
    struct fixture *f = *state;
    struct yt_peak peak;
    put(f, 1, 100, 10);
    put(f, 2, 190, 15);
    yt_fake_clock(0, 1);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 2, 0, &peak));
    assert_int_equal(yt_now_ns(), 0); /* nobody looked at the clock */
    assert_int_equal(peak.threads, 2);
    assert_true(peak.gflops_1 == 100 && peak.gbs_1 == 10);
    assert_true(peak.gflops_n == 190 && peak.gbs_n == 15);
}

static void what_is_missing_is_measured_and_kept(void **state)
{
    struct fixture *f = *state;
    struct yt_peak peak, again;
    if (yt_isa_check(isa(), yt_cpu_features()) != YT_OK)
        skip();
    put(f, 1, 1e-9, 1e-9); /* one of the two does not do */
    yt_fake_clock(0, LOOK_NS);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 2, 0, &peak));
    /* 256 MiB in a millisecond; twice the arithmetic on two threads. */
    assert_float_equal(peak.gbs_1, (256 << 20) / 1e6, 1e-6);
    assert_float_equal(peak.gbs_n, peak.gbs_1, 1e-6);
    assert_true(peak.gflops_1 > 0);
    assert_float_equal(peak.gflops_n, 2 * peak.gflops_1, 1e-6);
    assert_float_equal(stored(f, 1).gflops, peak.gflops_1, 1e-9);
    assert_float_equal(stored(f, 2).gflops, peak.gflops_n, 1e-9);
    assert_float_equal(stored(f, 2).bandwidth_gbs, peak.gbs_n, 1e-9);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 2, 0, &again));
    assert_float_equal(again.gflops_n, peak.gflops_n, 1e-9);
    assert_float_equal(again.gbs_1, peak.gbs_1, 1e-9);
}

static void peaks_only_rise(void **state)
{
    struct fixture *f = *state;
    struct yt_peak first, slower, faster;
    if (yt_isa_check(isa(), yt_cpu_features()) != YT_OK)
        skip();
    yt_fake_clock(0, LOOK_NS);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 1, 0, &first));
    yt_fake_clock(0, 3 * LOOK_NS);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 1, 1, &slower));
    assert_float_equal(slower.gflops_1, first.gflops_1, 1e-9);
    assert_float_equal(slower.gbs_1, first.gbs_1, 1e-9);
    yt_fake_clock(0, LOOK_NS / 2);
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_F32, 1, 1, &faster));
    assert_float_equal(faster.gflops_1, 2 * first.gflops_1, 1e-6);
    assert_float_equal(stored(f, 1).gflops, faster.gflops_1, 1e-9);
}

static void each_type_has_a_peak_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct yt_peak peak;
    put(f, 1, 1e9, 1e9); /* f32's is not taken for bf16 */
    struct yt_db_peak bf16 = {.isa = isa()->name,
                              .precision = yt_dtype_name(YT_DTYPE_BF16),
                              .threads = 1,
                              .gflops = 7,
                              .bandwidth_gbs = 3};
    assert_ok(yt_db_peak_put(f->db, f->here.host, &bf16));
    assert_ok(yt_peak_get(f->db, &f->here, isa(), YT_DTYPE_BF16, 1, 0, &peak));
    assert_true(peak.gflops_1 == 7 && peak.gflops_n == 7 && peak.gbs_n == 3);
}

static void nothing_is_kept_where_nothing_can_be(void **state)
{
    struct fixture *f = *state;
    struct yt_peak peak;
    struct yt_db *db = NULL;
    struct yt_db_peak row = {
        .isa = isa()->name, .precision = "f32", .threads = 1};
    if (yt_isa_check(isa(), yt_cpu_features()) != YT_OK)
        skip();
    yt_fake_clock(0, LOOK_NS);
    assert_ok(yt_peak_get(NULL, NULL, isa(), YT_DTYPE_F32, 1, 0, &peak));
    assert_true(peak.gflops_1 > 0 && peak.gflops_n == peak.gflops_1);
    assert_ok(yt_db_open(f->path, YT_DB_READ_ONLY, &db));
    assert_ok(yt_peak_get(db, &f->here, isa(), YT_DTYPE_F32, 1, 0, &peak));
    assert_int_equal(yt_db_peak_find(db, f->here.host, &row), YT_NOT_FOUND);
    yt_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_measured_and_kept,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(peaks_only_rise, setup, teardown),
        cmocka_unit_test_setup_teardown(each_type_has_a_peak_of_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_is_kept_where_nothing_can_be,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
