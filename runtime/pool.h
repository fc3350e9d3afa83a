#ifndef YT_POOL_H
#define YT_POOL_H

/* Threads that run the tasks of one step after the other. Workers spin for a
 * short while between steps and then park, so a frame of seventy steps costs
 * seventy cheap barriers and an idle model costs nothing. */

#include <stdint.h>

#include "runtime/kernel.h"
#include "yolotune/status.h"

#define YT_POOL_THREADS_MAX 256

struct yt_pool;

/** CPUs that the calling thread's affinity mask allows, at least 1. */
int32_t yt_pool_allowed_cpus(void);

/** Threads that can run all the time: those CPUs, less what a cgroup's quota
 *  takes away; at least 1. */
int32_t yt_pool_cpus(void);

/** Start @p threads - 1 workers; the caller of yt_pool_run() is the first.
 * Workers block all signals. In a child of a fork() that no yt_pool_run() was
 * in progress at, the pool works as before: see yt_pool_restart().
 *
 * @param pin 1: worker i is pinned to the i-th CPU of the process's affinity
 *            mask (the caller is left where it is).
 * @return YT_OK; YT_BAD_ARGUMENT outside 1..YT_POOL_THREADS_MAX; YT_NO_MEMORY;
 *         YT_IO when a thread cannot be started or pinned.
 */
enum yt_status yt_pool_create(int32_t threads, int32_t pin,
                              struct yt_pool **pool_out);

/** One pool of several that work at the same time. */
struct yt_pool_options {
    int32_t threads; /* counting the caller's */
    int32_t pin;     /* 1: worker i is pinned to the CPU at first + i * stride
                        of the process's affinity mask, starting over past the
                        last one */
    int32_t first, stride;
    int32_t others; /* threads beside this pool's: with too few CPUs for all,
                       waiting threads sleep at once instead of spinning */
};

/** @return as yt_pool_create(), which is the case of a pool on its own. */
enum yt_status yt_pool_create_beside(const struct yt_pool_options *options,
                                     struct yt_pool **pool_out);

/** NULL is fine. */
void yt_pool_destroy(struct yt_pool *pool);

/** In a child of fork(), start the workers that stayed with the parent;
 *  elsewhere nothing. yt_pool_run() does it by itself, and where no threads can
 *  be had it runs all shares on the caller's: only whoever needs the threads at
 *  the same time, or knows better which thread's affinity mask to start them
 *  from, has to call it. Not during yt_pool_run().
 *  @return YT_OK; YT_IO when a thread cannot be started or pinned. */
enum yt_status yt_pool_restart(struct yt_pool *pool);

int32_t yt_pool_threads(const struct yt_pool *pool);

/** Run @p kernel over tasks [0, tasks), a contiguous even share per thread,
 *  and return when all are done: thread i gets tasks*i/threads up to
 *  tasks*(i+1)/threads, and a thread without a share does not call the kernel.
 *  What the kernels wrote is visible to the caller. Allocates nothing but the
 *  first workers of a forked child. One call at a time per pool.
 *
 * @param args       passed to the kernel; per-thread scratch is the business
 *                   of @p thread_args.
 * @param thread_args NULL, or an array of one argument pointer per thread.
 */
void yt_pool_run(struct yt_pool *pool, yt_kernel_fn kernel, const void *args,
                 const void *const *thread_args, int64_t tasks);

#endif
