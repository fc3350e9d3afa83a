/* What this process may use: CPUs without their siblings, read from made-up
 * folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_root.h"
#include "tuner/build/host.h"

static void siblings_are_left_out(void **state)
{
    int16_t all[YT_HOST_CPUS_MAX], cores[YT_HOST_CPUS_MAX];
    char folder[96], text[32];
    /* Nothing is known of siblings: every CPU is a core. */
    const int32_t count = yt_host_cores(*state, all);
    assert_true(count >= 1);
    for (int32_t i = 1; i < count; i++)
        assert_true(all[i - 1] < all[i]);
    if (count < 2) {
        print_message("skipped: this process may use one CPU only\n");
        skip();
    }
    /* The first two share a core. */
    for (int32_t i = 0; i < 2; i++) {
        snprintf(folder, sizeof folder, "sys/devices/system/cpu/cpu%d/topology",
                 all[i]);
        snprintf(text, sizeof text, "%d,%d\n", all[0], all[1]);
        put(*state, folder, "thread_siblings_list", text);
    }
    assert_int_equal(yt_host_cores(*state, cores), count - 1);
    assert_int_equal(cores[0], all[0]);
    for (int32_t i = 1; i < count - 1; i++)
        assert_int_equal(cores[i], all[i + 1]);
}

static void this_host_has_a_cpu_for_each_thread(void **state)
{
    (void)state;
    struct yt_host host;
    cpu_set_t allowed;
    assert_int_equal(yt_host_read(&host), YT_OK);
    assert_in_range(host.threads, 1, host.allowed_cpus);
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (int32_t i = 0; i < host.threads; i++)
        assert_true(CPU_ISSET(host.cpus[i], &allowed));
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, unmake)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(siblings_are_left_out),
        cmocka_unit_test(this_host_has_a_cpu_for_each_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
