/* LLVM's list of host features as a veto on rows of runtime/isa.inc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/host_features.h"

static const struct {
    const char *host, *wanted, *denied;
} cases[] = {
    {"+sse2,+avx2,-avx512f", "+avx2,+fma", ""},
    {"+sse2,-avx2,-avx512f", "+avx2,+fma", "avx2"},
    {"-avx512f", "+avx2,+avx512f", "avx512f"},
    {"-avx512fp16,-avx51,-xavx512f", "+avx512f", ""}, /* whole names only */
    {"+avx512f,-bmi2", "+avx512f,+bmi,+bmi2", "bmi2"},
    {"-bmi2,+x,-bmi", "+bmi,+bmi2", "bmi"}, /* in the order wanted */
    {"-sse2", "", ""},
    {"-sse2", "-sse2", ""}, /* what is not used may be lacking */
    {"", "+sse2", ""},      /* LLVM does not know: no veto */
    {"-", "+", ""},
};

static void a_minus_denies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *name = "";
        const int length =
            yt_features_denied(cases[i].host, cases[i].wanted, &name);
        if ((size_t)length != strlen(cases[i].denied) ||
            strncmp(name, cases[i].denied, (size_t)length) != 0)
            fail_msg("host '%s', wanted '%s': '%.*s' is denied, not '%s'",
                     cases[i].host, cases[i].wanted, length, name,
                     cases[i].denied);
    }
}

/* What CPUID grants LLVM grants too; what it does not, LLVM may refuse by a
 * name that the row has. */
static void rows_this_cpu_has_pass(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        const enum yt_status status = yt_codegen_check_host(isa);
        if (yt_isa_check(isa, yt_cpu_features()) == YT_OK) {
            if (status != YT_OK)
                fail_msg("%s: %s", isa->name, yt_error());
        } else if (status != YT_OK) {
            assert_int_equal(status, YT_UNSUPPORTED);
            assert_non_null(strstr(yt_error(), isa->name));
        }
    }
}

static void the_best_row_is_one_that_runs(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_codegen_best_isa(yt_cpu_features());
    assert_int_equal(yt_isa_check(isa, yt_cpu_features()), YT_OK);
    assert_int_equal(yt_codegen_check_host(isa), YT_OK);
    assert_int_equal(yt_codegen_best_isa(0)->id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minus_denies),
        cmocka_unit_test(rows_this_cpu_has_pass),
        cmocka_unit_test(the_best_row_is_one_that_runs),
    };
    return cmocka_run_group_tests_name("host_features", tests, NULL, NULL);
}
