/* Hosts, toolchains and their peaks: who is the same, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "db_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(same_fingerprint_is_same_host),
        FIXTURE_TEST(a_host_of_old_stays_the_same),
        FIXTURE_TEST(fingerprint_holds_what_stays),
        FIXTURE_TEST(peaks_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
