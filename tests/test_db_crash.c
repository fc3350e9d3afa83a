/* The world's faults: kills at any moment, two writers, locks that stay, full
 * disks. What was stored before is there afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "db/handle.h"
#include "db_fixture.h"

#define KILLS          12
#define ROWS_PER_CHILD 150

static int64_t count(struct fixture *f, const char *sql)
{
    int64_t value = -1;
    assert_ok(yt_db_exec_int(f->db, sql, &value));
    return value;
}

static void reopen(struct fixture *f)
{
    yt_db_close(f->db);
    f->db = NULL;
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
}

/** Children say what failed by their exit code: cmocka is the parent's. */
static void need(int condition, int code)
{
    if (condition)
        return;
    fprintf(stderr, "child: step %d: %s\n", code, yt_error());
    _exit(code);
}

static int wait_for(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* -------------------------------------------------------------------- kills */

/** Store measurements for ever; tell the pipe about each that is safe. */
static void write_for_ever(const struct fixture *f, int acknowledge)
{
    struct yt_db *db = NULL;
    char schedule[32];
    need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_OK, 1);
    for (int i = 0;; i++) {
        snprintf(schedule, sizeof schedule, "direct-m%d", i % 40);
        const struct yt_db_measurement m =
            fixture_measurement(f, PROBLEM_A, schedule, 1000 + i);
        need(yt_db_measurement_put(db, &m, NULL) == YT_OK, 2);
        need(write(acknowledge, "x", 1) == 1, 3);
    }
}

/** Start a writer, let it work for @p ns, kill it.
 *  @return the number of rows it was promised. */
static int64_t kill_a_writer(const struct fixture *f, long ns)
{
    int ends[2];
    int64_t promised = 0;
    char bytes[256];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_for_ever(f, ends[1]);
    }
    close(ends[1]);
    /* The first row says that it is at work. */
    assert_int_equal(read(ends[0], bytes, 1), 1);
    promised = 1;
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
    kill(child, SIGKILL);
    for (ssize_t got; (got = read(ends[0], bytes, sizeof bytes)) > 0;)
        promised += got;
    close(ends[0]);
    assert_int_equal(wait_for(child), -SIGKILL);
    return promised;
}

static void kills_lose_the_row_in_flight_at_most(void **state)
{
    struct fixture *f = *state;
    int64_t promised = 0;
    yt_db_close(f->db);
    f->db = NULL;
    for (int i = 0; i < KILLS; i++)
        promised += kill_a_writer(f, 1000000 + 1700000L * i);
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    const int64_t stored = count(f, "SELECT count(*) FROM measurement");
    assert_true(stored >= promised);
    assert_true(stored <= promised + KILLS); /* stored, not yet promised */
    assert_int_equal(count(f, "SELECT count(*) FROM pragma_integrity_check"
                              " WHERE integrity_check <> 'ok'"),
                     0);
    assert_int_equal(count(f, "SELECT count(*) FROM pragma_foreign_key_check"),
                     0);
}

static void killed_batches_leave_nothing(void **state)
{
    struct fixture *f = *state;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct yt_db *db = NULL;
        const struct yt_db_measurement m =
            fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
        need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_OK, 1);
        need(yt_db_begin(db) == YT_OK, 2);
        need(yt_db_measurement_put(db, &m, NULL) == YT_OK, 3);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(wait_for(child), -SIGKILL);
    assert_int_equal(count(f, "SELECT count(*) FROM measurement"), 0);
    assert_int_equal(count(f, "SELECT count(*) FROM problem"), 0);
}

/* -------------------------------------------------------------- two writers */

static pid_t start_writer(const struct fixture *f, const char *problem)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0)
        return child;
    struct yt_db *db = NULL;
    struct yt_db_here here;
    char schedule[32];
    need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_OK, 1);
    need(yt_db_host_put(db, &fixture_host, &here) == YT_OK, 2);
    for (int i = 0; i < ROWS_PER_CHILD; i++) {
        snprintf(schedule, sizeof schedule, "direct-m%d", i);
        struct yt_db_measurement m =
            fixture_measurement(f, problem, schedule, 1000 + i);
        m.here = here;
        need(yt_db_measurement_put(db, &m, NULL) == YT_OK, 3);
    }
    yt_db_close(db);
    _exit(0);
}

static void two_processes_tune_at_once(void **state)
{
    struct fixture *f = *state;
    /* A file that neither has seen: they race for its schema too. */
    fixture_close(f);
    fixture_make(f);
    const pid_t one = start_writer(f, PROBLEM_A);
    const pid_t two = start_writer(f, PROBLEM_B);
    assert_int_equal(wait_for(one), 0);
    assert_int_equal(wait_for(two), 0);
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    assert_int_equal(count(f, "SELECT count(*) FROM measurement"),
                     2 * ROWS_PER_CHILD);
    assert_int_equal(count(f, "SELECT count(*) FROM host"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM schedule"), ROWS_PER_CHILD);
}

static void locks_that_stay_are_said(void **state)
{
    struct fixture *f = *state;
    struct yt_db *second = NULL;
    const struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &second));
    assert_ok(yt_db_begin(f->db));
    yt_db_set_timeout(second, 20);
    assert_int_equal(yt_db_measurement_put(second, &m, NULL), YT_BUSY);
    assert_non_null(strstr(yt_error(), "another process"));
    assert_non_null(strstr(yt_error(), "0.02 s"));
    assert_non_null(strstr(yt_error(), f->path));
    assert_ok(yt_db_commit(f->db));
    assert_ok(yt_db_measurement_put(second, &m, NULL));
    yt_db_close(second);
}

/* --------------------------------------------------------------- full disks */

/** Store until it fails; @return the rows stored, for an exit code. */
static int write_until_full(const struct fixture *f)
{
    struct yt_db *db = NULL;
    char detail[2001];
    int stored = 0;
    memset(detail, 'd', 2000);
    detail[2000] = 0;
    need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_OK, 1);
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
    m.outcome = YT_DB_CRASHED;
    m.detail = detail;
    for (;; stored++) {
        need(stored < 100000, 2);
        const enum yt_status status = yt_db_measurement_put(db, &m, NULL);
        if (status == YT_OK)
            continue;
        need(status == YT_IO, 3);
        need(strstr(yt_error(), "the disk is full") != NULL, 4);
        need(strstr(yt_error(), f->path) != NULL, 5);
        break;
    }
    /* Still readable, still consistent. */
    int64_t rows = -1;
    need(yt_db_exec_int(db, "SELECT count(*) FROM measurement", &rows) == YT_OK,
         6);
    need(rows == stored, 7);
    yt_db_close(db);
    return stored;
}

static void full_quotas_are_said(void **state)
{
    struct fixture *f = *state;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {1 << 20, 1 << 20};
        signal(SIGXFSZ, SIG_IGN);
        need(setrlimit(RLIMIT_FSIZE, &limit) == 0, 9);
        need(write_until_full(f) > 10, 10);
        _exit(0);
    }
    assert_int_equal(wait_for(child), 0);
    reopen(f);
    assert_true(count(f, "SELECT count(*) FROM measurement") > 10);
}

/** A file system of 500 KB, seen by this process only. 0 where the machine
 *  does not let us. */
static int mount_small_disk(const char *folder)
{
    const int flags =
        geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    return unshare(flags) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=500k") == 0;
}

static void full_disks_are_said(void **state)
{
    struct fixture *f = *state;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct yt_db *db = NULL;
        struct yt_db_here here;
        if (!mount_small_disk(f->folder))
            _exit(77);
        need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_OK, 11);
        need(yt_db_host_put(db, &fixture_host, &here) == YT_OK, 12);
        need(here.host == f->here.host, 13);
        yt_db_close(db);
        need(write_until_full(f) > 5, 14);

        /* Not even a byte for a new database. */
        char path[160];
        snprintf(path, sizeof path, "%s/second.db", f->folder);
        FILE *filler = fopen(path, "wb");
        while (filler && fwrite("xxxxxxxx", 1, 8, filler) == 8)
            ;
        if (filler)
            fclose(filler);
        snprintf(path, sizeof path, "%s/third.db", f->folder);
        need(yt_db_open(path, YT_DB_READ_WRITE, &db) == YT_IO, 15);
        need(strstr(yt_error(), "full") != NULL, 16);
        _exit(0);
    }
    const int code = wait_for(child);
    if (code == 77) {
        print_message("no file system may be mounted here\n");
        skip();
    }
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(kills_lose_the_row_in_flight_at_most),
        FIXTURE_TEST(killed_batches_leave_nothing),
        FIXTURE_TEST(two_processes_tune_at_once),
        FIXTURE_TEST(locks_that_stay_are_said),
        FIXTURE_TEST(full_quotas_are_said),
        FIXTURE_TEST(full_disks_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
