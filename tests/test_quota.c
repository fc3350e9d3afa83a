/* CPU time that cgroups allow: the least quota of all groups that the process
 * is in, read from made-up folders; and a real group, where one can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_root.h"
#include "runtime/pool.h"
#include "runtime/quota.h"

#define V2 "sys/fs/cgroup"
#define V1 "sys/fs/cgroup/cpu"

static void no_cgroups_no_limit(void **state)
{
    assert_int_equal(yt_quota_millicpus(*state), 0);
    put(*state, "proc/self", "cgroup", "0::/\nnonsense\n\n");
    assert_int_equal(yt_quota_millicpus(*state), 0);
    put(*state, V2, "cpu.max", "max 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 0);
}

/* A container that sees its own group as the root. */
static void the_root_limits(void **state)
{
    put(*state, V2, "cpu.max", "150000 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 1500);
    put(*state, "proc/self", "cgroup", "0::/docker/0123456789abcdef\n");
    assert_int_equal(yt_quota_millicpus(*state), 1500);
}

static void the_least_of_all_groups_counts(void **state)
{
    put(*state, "proc/self", "cgroup", "0::/user.slice/user-1.slice/job\n");
    put(*state, V2 "/user.slice/user-1.slice/job", "cpu.max", "max 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 0);
    put(*state, V2 "/user.slice/user-1.slice", "cpu.max", "300000 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 3000);
    put(*state, V2 "/user.slice", "cpu.max", "100000 50000\n");
    assert_int_equal(yt_quota_millicpus(*state), 2000);
    put(*state, V2 "/user.slice/user-1.slice/job", "cpu.max", "50000 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 500);
}

static void the_old_hierarchy_is_read_too(void **state)
{
    put(*state, "proc/self", "cgroup",
        "5:memory:/a/b\n4:cpuset:/other\n3:cpu,cpuacct:/a/b\n0::/\n");
    put(*state, V1 "/a/b", "cpu.cfs_quota_us", "-1\n");
    put(*state, V1 "/a/b", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 0);
    put(*state, V1 "/other", "cpu.cfs_quota_us", "100000\n");
    put(*state, V1 "/other", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 0);
    put(*state, V1 "/a", "cpu.cfs_quota_us", "250000\n");
    put(*state, V1 "/a", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 2500);
}

static void odd_files_limit_nothing(void **state)
{
    static const char *const texts[] = {
        "", "x", "-1 100000", "0 100000", "100000", "100000 0", "100000 -5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(*state, V2, "cpu.max", texts[i]);
        assert_int_equal(yt_quota_millicpus(*state), 0);
    }
    put(*state, V2, "cpu.max", "1 100000\n");
    assert_int_equal(yt_quota_millicpus(*state), 1);
}

static void a_part_of_a_cpu_counts_down(void **state)
{
    (void)state;
    static const struct {
        int64_t millicpus;
        int32_t threads, want;
    } cases[] = {{0, 8, 8},    {1, 8, 1},    {999, 8, 1},      {1000, 8, 1},
                 {1999, 8, 1}, {2000, 8, 2}, {64000, 8, 8},    {8000, 8, 8},
                 {7999, 8, 7}, {500, 1, 1},  {INT64_MAX, 3, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(yt_quota_threads(cases[i].millicpus, cases[i].threads),
                         cases[i].want);
}

/* ------------------------------------------------------------ a real group */

static int write_text(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        return 0;
    const int written = fputs(text, file) >= 0;
    return (fclose(file) == 0) & written;
}

static int limit(const char *folder, const char *quota_us)
{
    char both[64];
    snprintf(both, sizeof both, "%s 100000", quota_us);
    return write_text(folder, "cpu.cfs_quota_us", quota_us) ||
           write_text(folder, "cpu.max", both);
}

/* A child that joins the group: what it sees, or 0 where it cannot join. */
static int pool_cpus_inside(const char *folder)
{
    const pid_t child = fork();
    int ended = 0;
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_text(folder, "cgroup.procs", "0") ? yt_pool_cpus() : 0);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

static void a_real_group_cuts_the_threads(void **state)
{
    (void)state;
    static const char *const mounts[] = {"/sys/fs/cgroup/cpu",
                                         "/sys/fs/cgroup"};
    char folder[128];
    int inside = 0;
    for (size_t i = 0; i < 2 && inside == 0; i++) {
        snprintf(folder, sizeof folder, "%s/yt-test-%d", mounts[i],
                 (int)getpid());
        if (mkdir(folder, 0700) != 0)
            continue;
        if (limit(folder, "150000"))
            inside = pool_cpus_inside(folder);
        assert_int_equal(rmdir(folder), 0);
    }
    if (inside == 0) {
        print_message("skipped: no cgroup can be made here\n");
        skip();
    }
    assert_int_equal(inside, 1);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, unmake)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(no_cgroups_no_limit),
        WITH_FOLDER(the_root_limits),
        WITH_FOLDER(the_least_of_all_groups_counts),
        WITH_FOLDER(the_old_hierarchy_is_read_too),
        WITH_FOLDER(odd_files_limit_nothing),
        cmocka_unit_test(a_part_of_a_cpu_counts_down),
        cmocka_unit_test(a_real_group_cuts_the_threads),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
