/* The worker: right answers, and crashes and silence as results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tuner/measure/worker.h"

#define LONG_NS 60000000000u

static const struct yt_isa *host_isa(void)
{
    return yt_isa_best(yt_cpu_features());
}

static struct yt_worker *start(const char *problem, struct yt_schedule *s)
{
    struct yt_problem p;
    struct yt_worker *worker;
    assert_int_equal(yt_problem_parse(problem, &p), YT_OK);
    yt_schedule_default(&p, host_isa(), s);
    assert_int_equal(yt_worker_start(&p, host_isa(), 2, -1, &worker), YT_OK);
    return worker;
}

static void wait_for(struct yt_worker *worker, struct yt_worker_result *r)
{
    while (!yt_worker_take(worker, r)) {
        struct pollfd fd = {.fd = yt_worker_fd(worker), .events = POLLIN};
        (void)poll(&fd, 1, 20);
    }
}

/* The process that this one forked last. */
static pid_t only_child(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    int pid = 0;
    if (!file)
        return 0;
    if (fscanf(file, "%d", &pid) != 1)
        pid = 0;
    fclose(file);
    return pid;
}

static void candidates_are_timed(void **state)
{
    (void)state;
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker =
        start("conv2d-f32-16x12x12-k16r3s1p1-silu-res", &s);
    for (int32_t mr = 1; mr <= 4; mr++) {
        s.mr = mr;
        assert_int_equal(yt_worker_submit(worker, &s, 0, LONG_NS), YT_OK);
        wait_for(worker, &r);
        assert_int_equal(r.outcome, YT_DB_OK);
        assert_true(r.timing.min_ns > 0);
        assert_true(r.timing.min_ns <= r.timing.median_ns);
        assert_true(r.max_error >= 0 && r.max_error < 1e-5);
        assert_true(r.code_bytes > 0);
    }
    yt_worker_stop(worker);
}

static void a_schedule_that_does_not_apply_is_a_result(void **state)
{
    (void)state;
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker = start("conv2d-f32-16x4x4-k16r1s1p0", &s);
    s.nr = 7;
    assert_int_equal(yt_worker_submit(worker, &s, 0, LONG_NS), YT_OK);
    wait_for(worker, &r);
    assert_int_equal(r.outcome, YT_DB_COMPILE);
    assert_non_null(strstr(r.detail, "does not apply"));
    assert_true(isnan(r.max_error));
    assert_true(yt_worker_alive(worker));
    yt_worker_stop(worker);
}

static void a_crash_is_a_result(void **state)
{
    (void)state;
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker = start("conv2d-f32-64x80x80-k64r3s1p1", &s);
    const pid_t child = only_child();
    if (!child) {
        yt_worker_stop(worker);
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    assert_int_equal(yt_worker_submit(worker, &s, 0, LONG_NS), YT_OK);
    kill(child, SIGSEGV);
    wait_for(worker, &r);
    assert_int_equal(r.outcome, YT_DB_CRASHED);
    assert_int_equal(r.lost, 0);
    assert_true(r.detail[0] != 0);
    assert_false(yt_worker_alive(worker));
    yt_worker_stop(worker);
}

/* The system killed it: that says nothing about the candidate. */
static void a_killed_worker_blames_nobody(void **state)
{
    (void)state;
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker = start("conv2d-f32-64x80x80-k64r3s1p1", &s);
    const pid_t child = only_child();
    if (!child) {
        yt_worker_stop(worker);
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    assert_int_equal(yt_worker_submit(worker, &s, 0, LONG_NS), YT_OK);
    kill(child, SIGKILL);
    wait_for(worker, &r);
    assert_int_equal(r.lost, 1);
    assert_non_null(strstr(r.detail, "out of memory?"));
    assert_false(yt_worker_alive(worker));
    yt_worker_stop(worker);
}

/* An emulator of another CPU takes limits and does not keep them. */
static int memory_is_to_be_had(void)
{
    const size_t bytes = 1 << 20;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 0;
    munmap(memory, bytes);
    return 1;
}

static void a_test_case_that_cannot_be_made_blames_nobody(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_schedule s = {.mr = 1, .nr = 1, .ku = 1};
    struct yt_worker_result r;
    struct yt_worker *worker;
    struct rlimit before, none;
    /* Not a page more, for the worker as well. */
    assert_int_equal(yt_problem_parse("maxpool-f32-16x64x64-r5", &p), YT_OK);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    if (memory_is_to_be_had()) {
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        print_message("skipped: memory cannot be limited here\n");
        skip();
    }
    const enum yt_status status =
        yt_worker_start(&p, host_isa(), 1, -1, &worker);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, YT_OK);
    if (yt_worker_submit(worker, &s, 0, LONG_NS) == YT_OK) {
        wait_for(worker, &r);
        assert_int_equal(r.lost, 1);
        assert_non_null(strstr(r.detail, "test case"));
    }
    yt_worker_stop(worker);
}

/* What a terminal or a service manager sends to the group is the parent's. */
static void signals_to_the_group_are_the_parents(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker = start("conv2d-f32-16x12x12-k16r1s1p0", &s);
    const pid_t child = only_child();
    if (!child) {
        yt_worker_stop(worker);
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        kill(child, numbers[i]);
    assert_int_equal(yt_worker_submit(worker, &s, 0, LONG_NS), YT_OK);
    wait_for(worker, &r);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.outcome, YT_DB_OK);
    yt_worker_stop(worker);
}

static void silence_is_a_result(void **state)
{
    (void)state;
    struct yt_schedule s;
    struct yt_worker_result r;
    struct yt_worker *worker = start("conv2d-f32-64x80x80-k64r3s1p1", &s);
    const pid_t child = only_child();
    if (!child) {
        yt_worker_stop(worker);
        print_message("skipped: /proc does not list children\n");
        skip();
    }
    kill(child, SIGSTOP);
    assert_int_equal(yt_worker_submit(worker, &s, 0, 1000000), YT_OK);
    wait_for(worker, &r);
    assert_int_equal(r.outcome, YT_DB_TIMEOUT);
    assert_false(yt_worker_alive(worker));
    yt_worker_stop(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_are_timed),
        cmocka_unit_test(a_schedule_that_does_not_apply_is_a_result),
        cmocka_unit_test(a_crash_is_a_result),
        cmocka_unit_test(a_killed_worker_blames_nobody),
        cmocka_unit_test(a_test_case_that_cannot_be_made_blames_nobody),
        cmocka_unit_test(signals_to_the_group_are_the_parents),
        cmocka_unit_test(silence_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
