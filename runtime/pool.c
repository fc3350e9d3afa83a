/* A barrier per step. The caller publishes a job and bumps its number; workers
 * that see a new number run their share and count down; the caller runs the
 * first share and waits for zero. Whoever waits spins before it sleeps
 * (runtime/wait.h), since the next job of a frame is microseconds away.
 *
 * A child of fork() has the pool's memory and none of its workers, which may
 * have left behind a lock that nobody will open or a count of sleepers that
 * nobody will wake. It takes nothing of that over: it begins the waiting anew
 * and starts workers of its own. */

#include "runtime/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/quota.h"
#include "runtime/wait.h"

#define CACHE_LINE 64
#define CPU_SETS   8 /* of 1024 CPUs each */

struct job {
    yt_kernel_fn kernel;
    const void *args;
    const void *const *thread_args;
    int64_t tasks;
    int stop; /* 1: workers leave */
};

struct worker {
    struct yt_pool *pool;
    int32_t index; /* 1..threads-1 */
    pthread_t thread;
};

struct yt_pool {
    /* Written by the caller before it bumps number, read by workers after. */
    alignas(CACHE_LINE) struct job job;
    atomic_uint number; /* of the current job */

    alignas(CACHE_LINE) atomic_int unfinished; /* workers still in the job */

    alignas(CACHE_LINE) struct yt_wait work; /* workers, for a new number */
    struct yt_wait done;                     /* the caller, for zero */

    struct yt_pool_options options;
    int32_t threads;
    int32_t started;     /* workers to join */
    int spin;            /* 0 where a spinner would keep a worker off its CPU */
    int alone;           /* 1: after a fork no workers could be started */
    unsigned generation; /* forks before its workers were started */
    struct worker workers[]; /* [threads - 1] */
};

/* Forks between the first process that made a pool and this one. */
static atomic_uint forks;
static int atfork_error;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    atfork_error = pthread_atfork(NULL, NULL, count_fork);
}

static size_t read_affinity(cpu_set_t sets[CPU_SETS])
{
    const size_t bytes = CPU_SETS * sizeof sets[0];
    memset(sets, 0, bytes);
    if (sched_getaffinity(0, bytes, sets) != 0)
        return 0;
    return (size_t)CPU_COUNT_S(bytes, sets);
}

int32_t yt_pool_allowed_cpus(void)
{
    cpu_set_t sets[CPU_SETS];
    const size_t count = read_affinity(sets);
    return count == 0 ? 1 : (int32_t)count;
}

int32_t yt_pool_cpus(void)
{
    return yt_quota_threads(yt_quota_millicpus(""), yt_pool_allowed_cpus());
}

static int job_arrived(const void *pool, uint64_t seen)
{
    return atomic_load(&((const struct yt_pool *)pool)->number) != seen;
}

static int job_finished(const void *pool, uint64_t left)
{
    return (uint64_t)atomic_load(&((const struct yt_pool *)pool)->unfinished) ==
           left;
}

static void run_share(const struct yt_pool *pool, int32_t index)
{
    const struct job *job = &pool->job;
    const int64_t begin = job->tasks * index / pool->threads;
    const int64_t end = job->tasks * (index + 1) / pool->threads;
    if (begin < end)
        job->kernel(job->thread_args != NULL ? job->thread_args[index]
                                             : job->args,
                    begin, end);
}

static void *worker_main(void *argument)
{
    const struct worker *self = argument;
    struct yt_pool *pool = self->pool;
    for (unsigned seen = 0;; seen++) {
        yt_wait_until(&pool->work, job_arrived, pool, seen, pool->spin);
        if (pool->job.stop)
            return NULL;
        run_share(pool, self->index);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1)
            yt_wait_wake(&pool->done);
    }
}

static void publish(struct yt_pool *pool, const struct job *job)
{
    pool->job = *job;
    atomic_store(&pool->unfinished, pool->threads - 1);
    atomic_fetch_add(&pool->number, 1);
    yt_wait_wake(&pool->work);
}

/* Pins to the index-th allowed CPU, starting over past the last one. */
static int pin_worker(pthread_t thread, int64_t index)
{
    cpu_set_t sets[CPU_SETS], one[CPU_SETS];
    const size_t bytes = sizeof sets;
    const size_t count = read_affinity(sets);
    if (count == 0)
        return EINVAL;
    size_t left = (size_t)index % count;
    for (size_t cpu = 0; cpu < 8 * bytes; cpu++) {
        if (!CPU_ISSET_S(cpu, bytes, sets) || left-- > 0)
            continue;
        memset(one, 0, bytes);
        CPU_SET_S(cpu, bytes, one);
        return pthread_setaffinity_np(thread, bytes, one);
    }
    return EINVAL;
}

static enum yt_status start_worker(struct yt_pool *pool, int32_t index)
{
    const struct yt_pool_options *options = &pool->options;
    struct worker *worker = &pool->workers[index - 1];
    worker->pool = pool;
    worker->index = index;
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    YT_FAIL_IF(error != 0, YT_IO, "cannot start thread %d of %d: errno %d",
               index + 1, pool->threads, error);
    pool->started++;
    const int64_t cpu = options->first + (int64_t)index * options->stride;
    error = options->pin ? pin_worker(worker->thread, cpu) : 0;
    YT_FAIL_IF(error != 0, YT_IO, "cannot pin thread %d of %d: errno %d",
               index + 1, pool->threads, error);
    return YT_OK;
}

static void stop_workers(struct yt_pool *pool)
{
    publish(pool, &(struct job){.stop = 1});
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pool->started = 0;
}

/* All of them or none. Over what was there: in a child it cannot be ended. */
static enum yt_status start_workers(struct yt_pool *pool)
{
    sigset_t all, before;
    atomic_init(&pool->number, 0);
    atomic_init(&pool->unfinished, 0);
    yt_wait_init(&pool->work);
    yt_wait_init(&pool->done);
    pool->started = 0;
    pool->generation = atomic_load(&forks);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    enum yt_status status = YT_OK;
    for (int32_t i = 1; i < pool->threads && status == YT_OK; i++)
        status = start_worker(pool, i);
    if (status != YT_OK)
        stop_workers(pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* Whether its workers, if it has any, are another process's. */
static int is_orphan(const struct yt_pool *pool)
{
    return pool->threads > 1 &&
           pool->generation !=
               atomic_load_explicit(&forks, memory_order_relaxed);
}

enum yt_status yt_pool_restart(struct yt_pool *pool)
{
    if (!is_orphan(pool) && !pool->alone)
        return YT_OK;
    const enum yt_status status = start_workers(pool);
    pool->alone = status != YT_OK;
    return status;
}

enum yt_status yt_pool_create_beside(const struct yt_pool_options *options,
                                     struct yt_pool **pool_out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const int32_t threads = options->threads;
    YT_FAIL_IF(threads < 1 || threads > YT_POOL_THREADS_MAX, YT_BAD_ARGUMENT,
               "threads=%d: want 1..%d", threads, YT_POOL_THREADS_MAX);
    pthread_once(&once, watch_forks);
    const size_t workers_bytes = (size_t)(threads - 1) * sizeof(struct worker);
    const size_t bytes =
        (sizeof(struct yt_pool) + workers_bytes + CACHE_LINE - 1) / CACHE_LINE *
        CACHE_LINE;
    struct yt_pool *pool =
        atfork_error == 0 ? aligned_alloc(CACHE_LINE, bytes) : NULL;
    YT_FAIL_IF(pool == NULL, YT_NO_MEMORY, "no memory for a pool of %d threads",
               threads);
    memset(pool, 0, bytes);
    pool->options = *options;
    pool->threads = threads;
    pool->spin = threads + options->others <= yt_pool_cpus();

    const enum yt_status status = start_workers(pool);
    if (status != YT_OK) {
        yt_pool_destroy(pool);
        return status;
    }
    *pool_out = pool;
    return YT_OK;
}

enum yt_status yt_pool_create(int32_t threads, int32_t pin,
                              struct yt_pool **pool_out)
{
    return yt_pool_create_beside(
        &(struct yt_pool_options){.threads = threads, .pin = pin, .stride = 1},
        pool_out);
}

void yt_pool_destroy(struct yt_pool *pool)
{
    if (pool == NULL)
        return;
    /* Sleepers that a fork left behind would be waited for. */
    if (!is_orphan(pool)) {
        stop_workers(pool);
        yt_wait_deinit(&pool->done);
        yt_wait_deinit(&pool->work);
    }
    free(pool);
}

int32_t yt_pool_threads(const struct yt_pool *pool)
{
    return pool->threads;
}

/* Each thread's share, with its arguments, one after the other. */
static void run_alone(struct yt_pool *pool, const struct job *job)
{
    pool->job = *job;
    for (int32_t i = 0; i < pool->threads; i++)
        run_share(pool, i);
}

void yt_pool_run(struct yt_pool *pool, yt_kernel_fn kernel, const void *args,
                 const void *const *thread_args, int64_t tasks)
{
    assert(tasks >= 0 && tasks <= INT64_MAX / YT_POOL_THREADS_MAX);
    if (pool->threads == 1 || tasks <= 1) {
        if (tasks > 0)
            kernel(thread_args != NULL ? thread_args[0] : args, 0, tasks);
        return;
    }
    const struct job job = {.kernel = kernel,
                            .args = args,
                            .thread_args = thread_args,
                            .tasks = tasks};
    if (is_orphan(pool))
        (void)yt_pool_restart(pool); /* or alone */
    if (pool->alone) {
        run_alone(pool, &job);
        return;
    }
    publish(pool, &job);
    run_share(pool, 0);
    yt_wait_until(&pool->done, job_finished, pool, 0, pool->spin);
}
