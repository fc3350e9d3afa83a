/* The lock: one holder, gone with its process, and no obstacle where no file
 * can be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tuner/measure/timing_lock.h"

static char folder[64], db[96];

static int make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yt-lock-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(db, sizeof db, "%s/results.db", folder);
    return 0;
}

static int unmake(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A process that takes the lock, and waits to be killed. */
static pid_t holder(void)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
        const char held = yt_timing_lock_try(&lock, db) && lock.fd >= 0;
        if (write(ready[1], &held, 1) == 1)
            pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(byte, 1);
    return pid;
}

static void one_process_holds_it(void **state)
{
    (void)state;
    struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
    const pid_t other = holder();
    assert_int_equal(yt_timing_lock_try(&lock, db), 0);
    assert_int_equal(lock.fd, -1);
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_int_equal(yt_timing_lock_try(&lock, db), 1);
    assert_true(lock.fd >= 0);
    assert_int_equal(yt_timing_lock_try(&lock, db), 1); /* as it was */
    yt_timing_lock_release(&lock);
}

/* Children that were forked while it was held do not keep it. */
static void letting_go_is_final(void **state)
{
    (void)state;
    struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
    assert_int_equal(yt_timing_lock_try(&lock, db), 1);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    yt_timing_lock_release(&lock);
    const pid_t other = holder();
    kill(other, SIGKILL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_int_equal(waitpid(child, NULL, 0), child);
    yt_timing_lock_release(&lock); /* of nothing */
}

static void without_a_folder_nobody_waits(void **state)
{
    (void)state;
    struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
    assert_int_equal(yt_timing_lock_try(&lock, "/proc/none/x.db"), 1);
    assert_int_equal(yt_timing_lock_try(&lock, ":memory:"), 1);
    assert_int_not_equal(access(":memory:.lock", F_OK), 0);
    assert_int_equal(lock.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_process_holds_it, make, unmake),
        cmocka_unit_test_setup_teardown(letting_go_is_final, make, unmake),
        cmocka_unit_test(without_a_folder_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
