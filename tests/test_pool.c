/* The pool: every task runs once, on the share promised, whatever the number
 * of threads; sleepers wake. Run it under ThreadSanitizer too (YT_TSAN). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/pool.h"

enum { TASKS_MAX = 1000 };

struct counts {
    int64_t plain[TASKS_MAX]; /* not atomic: a race would be the pool's */
    atomic_int calls;
};

static void count_tasks(const void *args, int64_t begin, int64_t end)
{
    struct counts *counts = *(struct counts *const *)args;
    for (int64_t i = begin; i < end; i++)
        counts->plain[i]++;
    atomic_fetch_add(&counts->calls, 1);
}

static const int32_t thread_counts[] = {1, 2, 3, 5, 16};
static const int64_t task_counts[] = {0, 1, 2, 3, 7, 16, 17, 1000};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void every_task_runs_once(void **state)
{
    (void)state;
    for (size_t t = 0; t < COUNT(thread_counts); t++) {
        struct yt_pool *pool = NULL;
        assert_int_equal(yt_pool_create(thread_counts[t], 0, &pool), YT_OK);
        assert_int_equal(yt_pool_threads(pool), thread_counts[t]);
        for (size_t n = 0; n < COUNT(task_counts); n++) {
            struct counts counts = {0};
            struct counts *const args = &counts;
            for (int round = 1; round <= 20; round++) {
                yt_pool_run(pool, count_tasks, &args, NULL, task_counts[n]);
                for (int64_t i = 0; i < TASKS_MAX; i++)
                    assert_int_equal(counts.plain[i],
                                     i < task_counts[n] ? round : 0);
            }
            const int64_t shares = task_counts[n] < thread_counts[t]
                                       ? task_counts[n]
                                       : thread_counts[t];
            assert_int_equal(atomic_load(&counts.calls), 20 * shares);
        }
        yt_pool_destroy(pool);
    }
}

struct share {
    int64_t begin, end;
};

static void record_share(const void *args, int64_t begin, int64_t end)
{
    struct share *share = *(struct share *const *)args;
    share->begin = begin;
    share->end = end;
}

static void shares_are_contiguous_and_even(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct yt_pool *pool = NULL;
    assert_int_equal(yt_pool_create(THREADS, 0, &pool), YT_OK);
    for (int64_t tasks = THREADS; tasks < 40; tasks++) {
        struct share shares[THREADS] = {{0}};
        struct share *slots[THREADS];
        const void *thread_args[THREADS];
        for (int i = 0; i < THREADS; i++) {
            slots[i] = &shares[i];
            thread_args[i] = &slots[i];
        }
        yt_pool_run(pool, record_share, NULL, thread_args, tasks);
        int64_t next = 0;
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(shares[i].begin, next);
            next = shares[i].end;
            const int64_t size = shares[i].end - shares[i].begin;
            assert_in_range(size, tasks / THREADS, tasks / THREADS + 1);
        }
        assert_int_equal(next, tasks);
    }
    yt_pool_destroy(pool);
}

static void add_one(const void *args, int64_t begin, int64_t end)
{
    int64_t *const *values = args;
    for (int64_t i = begin; i < end; i++)
        (*values)[i]++;
}

/* A step reads what other threads wrote in the step before. */
static void shift_right(const void *args, int64_t begin, int64_t end)
{
    int64_t *const *pair = args;
    for (int64_t i = begin; i < end; i++)
        pair[1][i] = i == 0 ? 0 : pair[0][i - 1];
}

static void steps_see_the_step_before(void **state)
{
    (void)state;
    enum { SIZE = 64, STEPS = 4000 };
    int64_t a[SIZE] = {0}, b[SIZE] = {0};
    struct yt_pool *pool = NULL;
    assert_int_equal(yt_pool_create(3, 0, &pool), YT_OK);
    int64_t *now = a, *next = b;
    for (int step = 0; step < STEPS; step++) {
        int64_t *const pair[] = {now, next};
        yt_pool_run(pool, shift_right, pair, NULL, SIZE);
        yt_pool_run(pool, add_one, &pair[1], NULL, SIZE);
        int64_t *const swap = now;
        now = next;
        next = swap;
    }
    /* After enough steps element i has been incremented i + 1 times. */
    for (int64_t i = 0; i < SIZE; i++)
        assert_int_equal(now[i], i + 1);
    yt_pool_destroy(pool);
}

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

static void slow_task(const void *args, int64_t begin, int64_t end)
{
    if (begin > 0)
        sleep_ms(2); /* longer than the caller spins */
    count_tasks(args, begin, end);
}

static void sleepers_wake(void **state)
{
    (void)state;
    struct yt_pool *pool = NULL;
    struct counts counts = {0};
    struct counts *const args = &counts;
    assert_int_equal(yt_pool_create(2, 0, &pool), YT_OK);
    for (int round = 1; round <= 10; round++) {
        sleep_ms(2); /* workers park meanwhile */
        yt_pool_run(pool, slow_task, &args, NULL, 2);
        assert_int_equal(counts.plain[0], round);
        assert_int_equal(counts.plain[1], round);
    }
    yt_pool_destroy(pool);
}

struct affinity {
    cpu_set_t set;
};

static void record_affinity(const void *args, int64_t begin, int64_t end)
{
    struct affinity *const affinity = *(struct affinity *const *)args;
    for (int64_t i = begin; i < end; i++)
        sched_getaffinity(0, sizeof affinity[i].set, &affinity[i].set);
}

static void workers_are_pinned(void **state)
{
    (void)state;
    struct affinity seen[2];
    struct affinity *const args = seen;
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2) {
        print_message("skipped: needs two allowed CPUs\n");
        skip();
    }
    struct yt_pool *pool = NULL;
    assert_int_equal(yt_pool_create(2, 1, &pool), YT_OK);
    memset(seen, 0, sizeof seen);
    yt_pool_run(pool, record_affinity, &args, NULL, 2);
    yt_pool_destroy(pool);
    assert_true(CPU_EQUAL(&seen[0].set, &all));
    assert_int_equal(CPU_COUNT(&seen[1].set), 1);
    int second = -1;
    for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &all)) {
            second = cpu;
            found++;
        }
    assert_true(CPU_ISSET(second, &seen[1].set));
}

static int nth_cpu(const cpu_set_t *set, int n)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && n-- == 0)
            return cpu;
    return -1;
}

static void pools_beside_each_other_are_pinned_apart(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    static const struct yt_pool_options rows[] = {
        {.threads = THREADS, .pin = 1, .first = 0, .stride = 2, .others = 3},
        {.threads = THREADS, .pin = 1, .first = 1, .stride = 1, .others = 500},
        {.threads = THREADS, .pin = 1, .first = 255, .stride = 256},
    };
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct affinity seen[THREADS];
        struct affinity *const args = seen;
        struct yt_pool *pool = NULL;
        assert_int_equal(yt_pool_create_beside(&rows[r], &pool), YT_OK);
        yt_pool_run(pool, record_affinity, &args, NULL, THREADS);
        yt_pool_destroy(pool);
        assert_true(CPU_EQUAL(&seen[0].set, &all));
        for (int i = 1; i < THREADS; i++) {
            const int n = rows[r].first + i * rows[r].stride;
            assert_int_equal(CPU_COUNT(&seen[i].set), 1);
            assert_true(
                CPU_ISSET(nth_cpu(&all, n % CPU_COUNT(&all)), &seen[i].set));
        }
    }
}

static void *run_own_pool(void *unused)
{
    (void)unused;
    struct yt_pool *pool = NULL;
    struct counts *counts = calloc(1, sizeof *counts);
    if (counts == NULL || yt_pool_create(2, 0, &pool) != YT_OK) {
        free(counts);
        return NULL;
    }
    for (int i = 0; i < 500; i++)
        yt_pool_run(pool, count_tasks, &counts, NULL, 10);
    yt_pool_destroy(pool);
    return counts;
}

static void pools_are_independent(void **state)
{
    (void)state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_own_pool, NULL),
                         0);
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_non_null(result);
        const struct counts *counts = result;
        for (int64_t task = 0; task < 10; task++)
            assert_int_equal(counts->plain[task], 500);
        free(result);
    }
}

static void one_cpu_is_enough(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(yt_pool_cpus(), 1);
    struct yt_pool *pool = NULL;
    assert_int_equal(yt_pool_create(4, 1, &pool), YT_OK);
    struct counts counts = {0};
    struct counts *const args = &counts;
    for (int i = 0; i < 200; i++)
        yt_pool_run(pool, count_tasks, &args, NULL, 9);
    yt_pool_destroy(pool);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    for (int64_t i = 0; i < 9; i++)
        assert_int_equal(counts.plain[i], 200);
}

/* ------------------------------------------------------------------ forks */

static int counts_rise(struct yt_pool *pool, int rounds)
{
    struct counts counts = {0};
    struct counts *const args = &counts;
    for (int i = 0; i < rounds; i++)
        yt_pool_run(pool, count_tasks, &args, NULL, TASKS_MAX);
    for (int64_t i = 0; i < TASKS_MAX; i++)
        if (counts.plain[i] != rounds)
            return 0;
    return atomic_load(&counts.calls) == rounds * yt_pool_threads(pool);
}

/* The status of a child that runs @p body; a hang ends by a signal. */
static int in_child(int (*body)(struct yt_pool *), struct yt_pool *pool)
{
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(body(pool));
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static int run_and_destroy(struct yt_pool *pool)
{
    const int right = counts_rise(pool, 20);
    yt_pool_destroy(pool);
    return !right;
}

static int run_in_a_grandchild_too(struct yt_pool *pool)
{
    if (!counts_rise(pool, 20) || in_child(run_and_destroy, pool) != 0)
        return 1;
    return run_and_destroy(pool);
}

static int destroy_only(struct yt_pool *pool)
{
    yt_pool_destroy(pool);
    return 0;
}

/* Threads with a stack that no address space holds are not started. */
static int set_stack_bytes(size_t bytes)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, bytes);
    return pthread_setattr_default_np(&attr);
}

static int run_without_threads(struct yt_pool *pool)
{
    if (set_stack_bytes((size_t)1 << 50) != 0 || !counts_rise(pool, 3) ||
        yt_pool_restart(pool) != YT_IO || !counts_rise(pool, 3))
        return 1;
    if (strstr(yt_error(), "cannot start thread 2 of 3") == NULL)
        return 2;
    if (set_stack_bytes((size_t)1 << 20) != 0 || yt_pool_restart(pool) != YT_OK)
        return 3;
    return run_and_destroy(pool);
}

/* Whether its workers spin, sleep or never ran, a child has a pool, and so has
 * its parent afterwards. */
static void forked_children_have_a_pool(void **state)
{
    (void)state;
    static int (*const bodies[])(struct yt_pool *) = {
        run_and_destroy, run_in_a_grandchild_too, destroy_only,
        run_without_threads};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct yt_pool *pool = NULL;
        assert_int_equal(yt_pool_create(3, 0, &pool), YT_OK);
        assert_int_equal(in_child(bodies[i], pool), 0);
        assert_true(counts_rise(pool, 20));
        assert_int_equal(in_child(bodies[i], pool), 0);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        assert_int_equal(in_child(bodies[i], pool), 0);
        assert_true(counts_rise(pool, 20));
        assert_int_equal(yt_pool_restart(pool), YT_OK);
        yt_pool_destroy(pool);
    }
}

static void bad_counts_are_refused(void **state)
{
    (void)state;
    static const int32_t bad[] = {-1, 0, YT_POOL_THREADS_MAX + 1};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct yt_pool *pool = NULL;
        assert_int_equal(yt_pool_create(bad[i], 0, &pool), YT_BAD_ARGUMENT);
        assert_null(pool);
        assert_non_null(strstr(yt_error(), "threads="));
    }
    yt_pool_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(shares_are_contiguous_and_even),
        cmocka_unit_test(steps_see_the_step_before),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(workers_are_pinned),
        cmocka_unit_test(pools_beside_each_other_are_pinned_apart),
        cmocka_unit_test(pools_are_independent),
        cmocka_unit_test(one_cpu_is_enough),
        cmocka_unit_test(forked_children_have_a_pool),
        cmocka_unit_test(bad_counts_are_refused),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
