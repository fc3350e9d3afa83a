/* The search on a small network: what it takes from the database, what it
 * stores, and what it makes of workers that are killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db_fixture.h"
#include "base/now.h"
#include "tuner/search/search.h"
#include "tuner/measure/timing_lock.h"

#define LONG_NS 600000000000u

/* A site of the fixture, and a network that is never built: searching needs no
 * more. */
struct bed {
    struct fixture f;
    struct yt_graph *graph;
    struct yt_site site;
    struct yt_build *build;
    struct yt_search *search;

    /* What the progress callback does. */
    int stop;
    int32_t stop_after; /* trials */
    int32_t kills;      /* workers to kill, one each time */
    int32_t killed;
    pid_t other; /* a process that measures; killed when it is waited for */
    int32_t waits;
};

static int make(void **state)
{
    struct bed *bed = calloc(1, sizeof *bed);
    assert_non_null(bed);
    fixture_open(&bed->f);
    assert_ok(yt_graph_builtin("n", 1, &bed->graph));
    const struct yt_build_options options = {
        .isa = yt_isa_best(yt_cpu_features()), .h = 64, .w = 64, .threads = 1};
    assert_ok(yt_build_create(bed->graph, &options, &bed->build));
    bed->site.isa = options.isa;
    bed->site.db = bed->f.db;
    bed->site.here = bed->f.here;
    assert_ok(yt_host_read(&bed->site.host));
    *state = bed;
    return 0;
}

static int unmake(void **state)
{
    struct bed *bed = *state;
    yt_search_destroy(bed->search);
    yt_build_destroy(bed->build);
    yt_graph_destroy(bed->graph);
    fixture_close(&bed->f);
    free(bed);
    return 0;
}

static pid_t first_child(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%d", &pid) != 1)
        pid = 0;
    fclose(file);
    return pid;
}

/* A measurement of the first layer. */
static void put_row(struct bed *bed, int64_t created_ms,
                    enum yt_db_outcome outcome)
{
    char problem[YT_PROBLEM_NAME_MAX];
    yt_problem_name(&bed->build->net->layers[0].problem, problem);
    struct yt_db_measurement m =
        fixture_measurement(&bed->f, problem, "direct-m4n1k1-t0p-h", 5000);
    m.isa = bed->build->isa->name;
    m.created_ms = created_ms;
    m.outcome = outcome;
    m.detail = outcome == YT_DB_OK ? "" : "off";
    assert_ok(yt_db_measurement_put(bed->f.db, &m, NULL));
}

static void on_progress(void *user, const struct yt_progress_event *event)
{
    struct bed *bed = user;
    if (strncmp(event->phase, "waiting", 7) == 0) {
        bed->waits++;
        /* What it found before it ended is taken up. */
        put_row(bed, 5000, YT_DB_OK);
        kill(bed->other, SIGKILL);
        assert_int_equal(waitpid(bed->other, NULL, 0), bed->other);
        return;
    }
    const pid_t child =
        bed->kills && bed->killed < bed->kills ? first_child() : 0;
    if (child) {
        kill(child, SIGKILL);
        bed->killed++;
    }
    if (bed->stop_after && bed->search->fresh >= bed->stop_after)
        bed->stop = 1;
}

static void run(struct bed *bed)
{
    const struct yt_tune_options options = {
        .progress = on_progress, .user = bed, .stop = &bed->stop};
    bed->stop = 0;
    assert_ok(yt_search_run(bed->search, &options, yt_now_ns() + LONG_NS));
}

static enum yt_status count_row(void *user, const struct yt_db_measurement *m)
{
    int32_t *counts = user;
    counts[0]++;
    counts[1] += m->outcome == YT_DB_CRASHED;
    return YT_OK;
}

/* rows[0]: all, rows[1]: those that crashed. */
static void count_rows(struct bed *bed, int32_t rows[2])
{
    const struct yt_db_measurement_query query = {.here = bed->f.here};
    rows[0] = rows[1] = 0;
    assert_ok(yt_db_measurements(bed->f.db, &query, count_row, rows));
}

static void results_are_stored_and_read_back(void **state)
{
    struct bed *bed = *state;
    int32_t rows[2], count = 0;
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    assert_true(bed->search->subject_count > 10);
    assert_int_equal(bed->search->newest_ms, 0);
    bed->stop_after = 5;
    run(bed);
    count_rows(bed, rows);
    assert_true(bed->search->fresh >= 5);
    assert_int_equal(rows[0], bed->search->fresh);

    yt_search_destroy(bed->search);
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    for (int32_t i = 0; i < bed->search->subject_count; i++)
        count += bed->search->subjects[i].trials.count;
    assert_int_equal(count, rows[0]);
    assert_true(bed->search->newest_ms > 0);
    assert_int_equal(bed->search->fresh, 0);
}

static void the_newest_row_of_a_schedule_counts(void **state)
{
    struct bed *bed = *state;
    char problem[YT_PROBLEM_NAME_MAX];
    yt_problem_name(&bed->build->net->layers[0].problem, problem);
    put_row(bed, 1000, YT_DB_OK);
    put_row(bed, 3000, YT_DB_WRONG);
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    assert_true(bed->search->newest_ms == 3000);
    for (int32_t i = 0; i < bed->search->subject_count; i++) {
        const struct yt_subject *subject = &bed->search->subjects[i];
        if (strcmp(subject->name, problem) != 0)
            continue;
        assert_int_equal(subject->trials.count, 1);
        assert_int_equal(subject->trials.items[0].ok, 0);
        return;
    }
    fail_msg("%s is no subject", problem);
}

static void killed_workers_leave_no_row(void **state)
{
    struct bed *bed = *state;
    int32_t rows[2];
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    bed->kills = 2;
    bed->stop_after = 8;
    run(bed);
    if (!bed->killed) {
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    count_rows(bed, rows);
    assert_int_equal(bed->killed, 2);
    assert_true(bed->search->lost >= 1);
    assert_non_null(strstr(bed->search->why_lost, "out of memory?"));
    assert_int_equal(rows[0], bed->search->fresh);
    assert_int_equal(rows[1], 0);
}

/* Leave a convolution of little work, and the pooling, which has one schedule.
 * @return how many there were. */
static int32_t keep_two(struct yt_search *search)
{
    const int32_t count = search->subject_count;
    struct yt_subject *t = search->subjects;
    int32_t conv = count - 1, pool = 0;
    while (t[conv].problem.op != YT_OP_CONV2D)
        conv--;
    struct yt_subject swap = t[0];
    t[0] = t[conv];
    t[conv] = swap;
    while (t[pool].problem.op == YT_OP_CONV2D)
        pool++;
    swap = t[1];
    t[1] = t[pool];
    t[pool] = swap;
    search->subject_count = 2;
    return count;
}

/* Kills three workers as soon as they are there. */
static void *kill_three(void *user)
{
    struct bed *bed = user;
    const struct timespec pause = {.tv_nsec = 200000};
    pid_t last = 0;
    for (int i = 0; i < 5000 && bed->killed < 3; i++) {
        const pid_t child = first_child();
        if (child && child != last) {
            kill(child, SIGKILL);
            last = child;
            bed->killed++;
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Three lost workers make the search leave a problem; as long as there is
 * time, and something else worked, it comes back. */
static void time_that_is_left_is_used(void **state)
{
    struct bed *bed = *state;
    pthread_t killer;
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    const int32_t count = keep_two(bed->search);
    bed->site.host.threads = 1; /* one worker at a time */
    assert_int_equal(pthread_create(&killer, NULL, kill_three, bed), 0);
    run(bed);
    pthread_join(killer, NULL);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(bed->search->subjects[i].complete, 1);
        assert_true(bed->search->subjects[i].trials.count > 0);
        assert_int_equal(bed->search->subjects[i].trials.count,
                         bed->search->subjects[i].fresh);
    }
    bed->search->subject_count = count;
    if (!bed->killed) {
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    assert_true(bed->search->lost >= 1);
}

static void two_processes_take_turns(void **state)
{
    struct bed *bed = *state;
    int ready[2];
    char byte = 0;
    assert_ok(yt_search_create(&bed->site, bed->build, 1, &bed->search));
    assert_int_equal(pipe(ready), 0);
    bed->other = fork();
    assert_true(bed->other >= 0);
    if (bed->other == 0) {
        struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
        if (yt_timing_lock_try(&lock, bed->f.path) &&
            write(ready[1], &byte, 1) == 1)
            pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    bed->stop_after = 1;
    run(bed);
    assert_int_equal(bed->waits, 1);
    assert_true(bed->search->fresh >= 1);
    assert_true(bed->search->newest_ms == 5000);

    /* And it lets go. */
    struct yt_timing_lock lock = YT_TIMING_LOCK_INIT;
    assert_int_equal(yt_timing_lock_try(&lock, bed->f.path), 1);
    assert_true(lock.fd >= 0);
    yt_timing_lock_release(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_are_stored_and_read_back, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(the_newest_row_of_a_schedule_counts,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(killed_workers_leave_no_row, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(time_that_is_left_is_used, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(two_processes_take_turns, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
