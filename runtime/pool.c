/* A barrier per step. The caller publishes a job and bumps its number; workers
 * that see a new number run their share and count down; the caller runs the
 * first share and waits for zero. Whoever waits spins first, since the next
 * job of a frame is microseconds away, and then sleeps on a condition.
 *
 * Sleeping follows one rule on both sides: count yourself as a sleeper, then
 * look again, then sleep; the other side changes the value, then looks for
 * sleepers. All four accesses are sequentially consistent, so at least one
 * side sees the other and no wake-up is lost. */

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
#include <time.h>

#include "runtime/fail.h"

/* Longer than the gap between two steps, NMS between two frames included;
 * short beside a frame. */
#define SPIN_NS 100000

/* Clock reads are dearer than pauses. */
#define PAUSES_PER_CLOCK 64

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

    alignas(CACHE_LINE) atomic_int workers_asleep;
    atomic_int caller_asleep;
    pthread_mutex_t lock; /* of the two conditions */
    pthread_cond_t work, done;

    int32_t threads;
    int32_t started; /* workers to join */
    int spin;        /* 0 where a spinner would keep a worker off its CPU */
    struct worker workers[]; /* [threads - 1] */
};

static void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t read_affinity(cpu_set_t sets[CPU_SETS])
{
    const size_t bytes = CPU_SETS * sizeof sets[0];
    memset(sets, 0, bytes);
    if (sched_getaffinity(0, bytes, sets) != 0)
        return 0;
    return (size_t)CPU_COUNT_S(bytes, sets);
}

int32_t yt_pool_cpus(void)
{
    cpu_set_t sets[CPU_SETS];
    const size_t count = read_affinity(sets);
    return count == 0 ? 1 : (int32_t)count;
}

static int job_arrived(struct yt_pool *pool, unsigned seen)
{
    return atomic_load(&pool->number) != seen;
}

static int job_finished(struct yt_pool *pool, unsigned unused)
{
    (void)unused;
    return atomic_load(&pool->unfinished) == 0;
}

/* Spin until ready() or the time is up, then sleep until ready(). */
static void wait_for(struct yt_pool *pool,
                     int (*ready)(struct yt_pool *, unsigned), unsigned seen,
                     atomic_int *asleep, pthread_cond_t *condition)
{
    if (ready(pool, seen))
        return;
    if (pool->spin) {
        const uint64_t end = now_ns() + SPIN_NS;
        do {
            for (int i = 0; i < PAUSES_PER_CLOCK; i++) {
                if (ready(pool, seen))
                    return;
                cpu_pause();
            }
        } while (now_ns() < end);
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(asleep, 1);
    while (!ready(pool, seen))
        pthread_cond_wait(condition, &pool->lock);
    atomic_fetch_sub(asleep, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void wake(struct yt_pool *pool, atomic_int *asleep,
                 pthread_cond_t *condition)
{
    if (atomic_load(asleep) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(condition);
    pthread_mutex_unlock(&pool->lock);
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
        wait_for(pool, job_arrived, seen, &pool->workers_asleep, &pool->work);
        if (pool->job.stop)
            return NULL;
        run_share(pool, self->index);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1)
            wake(pool, &pool->caller_asleep, &pool->done);
    }
}

static void publish(struct yt_pool *pool, const struct job *job)
{
    pool->job = *job;
    atomic_store(&pool->unfinished, pool->threads - 1);
    atomic_fetch_add(&pool->number, 1);
    wake(pool, &pool->workers_asleep, &pool->work);
}

/* Pins worker i to the i-th allowed CPU, starting over past the last one. */
static int pin_worker(pthread_t thread, int32_t index)
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

static enum yt_status start_workers(struct yt_pool *pool, int32_t pin)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    enum yt_status status = YT_OK;
    for (int32_t i = 1; i < pool->threads && status == YT_OK; i++) {
        struct worker *worker = &pool->workers[i - 1];
        worker->pool = pool;
        worker->index = i;
        int error = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (error != 0) {
            status = yt_fail(YT_IO, "cannot start thread %d of %d: errno %d",
                             i + 1, pool->threads, error);
            break;
        }
        pool->started++;
        error = pin ? pin_worker(worker->thread, i) : 0;
        if (error != 0)
            status = yt_fail(YT_IO, "cannot pin thread %d of %d: errno %d",
                             i + 1, pool->threads, error);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum yt_status yt_pool_create(int32_t threads, int32_t pin,
                              struct yt_pool **pool_out)
{
    YT_FAIL_IF(threads < 1 || threads > YT_POOL_THREADS_MAX, YT_BAD_ARGUMENT,
               "threads=%d: want 1..%d", threads, YT_POOL_THREADS_MAX);
    const size_t workers_bytes = (size_t)(threads - 1) * sizeof(struct worker);
    const size_t bytes =
        (sizeof(struct yt_pool) + workers_bytes + CACHE_LINE - 1) / CACHE_LINE *
        CACHE_LINE;
    struct yt_pool *pool = aligned_alloc(CACHE_LINE, bytes);
    YT_FAIL_IF(pool == NULL, YT_NO_MEMORY, "no memory for a pool of %d threads",
               threads);
    memset(pool, 0, bytes);
    atomic_init(&pool->number, 0);
    atomic_init(&pool->unfinished, 0);
    atomic_init(&pool->workers_asleep, 0);
    atomic_init(&pool->caller_asleep, 0);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->threads = threads;
    pool->spin = threads <= yt_pool_cpus();

    const enum yt_status status = start_workers(pool, pin);
    if (status != YT_OK) {
        yt_pool_destroy(pool);
        return status;
    }
    *pool_out = pool;
    return YT_OK;
}

void yt_pool_destroy(struct yt_pool *pool)
{
    if (pool == NULL)
        return;
    publish(pool, &(struct job){.stop = 1});
    for (int32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int32_t yt_pool_threads(const struct yt_pool *pool)
{
    return pool->threads;
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
    publish(pool, &(struct job){.kernel = kernel,
                                .args = args,
                                .thread_args = thread_args,
                                .tasks = tasks});
    run_share(pool, 0);
    wait_for(pool, job_finished, 0, &pool->caller_asleep, &pool->done);
}
