/* See tuner/build/kernels.h. The lock is held to look up and to load, never
 * while LLVM compiles: two threads that want the same kernel at the same time
 * both make it, and the second one's is dropped. */

#include "tuner/build/kernels.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define SLOTS_AT_FIRST 256 /* a power of two; two networks' kernels */

/* ---------------------------------------------------------------- a table */

/* Kernels by symbol. Open addressing; at most half of the slots are taken. */
struct table {
    struct yt_kernel **slots; /* [cap], a power of two; NULL: free */
    size_t cap, count;
};

static uint64_t hash_of(const char *symbol) /* FNV-1a, 64 bits */
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *symbol; symbol++)
        hash = (hash ^ (unsigned char)*symbol) * UINT64_C(1099511628211);
    return hash;
}

/* Where a symbol is, or would be put. */
static struct yt_kernel **slot_of(const struct table *table, const char *symbol)
{
    size_t at = hash_of(symbol) & (table->cap - 1);
    while (table->slots[at] &&
           strcmp(table->slots[at]->object.symbol, symbol) != 0)
        at = (at + 1) & (table->cap - 1);
    return &table->slots[at];
}

static struct yt_kernel *table_find(const struct table *table,
                                    const char *symbol)
{
    return table->cap ? *slot_of(table, symbol) : NULL;
}

static enum yt_status table_reserve(struct table *table, size_t more)
{
    struct table grown = {.cap = table->cap ? table->cap : SLOTS_AT_FIRST,
                          .count = table->count};
    while (2 * (table->count + more) > grown.cap)
        grown.cap *= 2;
    if (grown.cap == table->cap)
        return YT_OK;
    grown.slots = calloc(grown.cap, sizeof(struct yt_kernel *));
    YT_FAIL_IF(!grown.slots, YT_NO_MEMORY, "no memory for %zu kernels",
               table->count + more);
    for (size_t i = 0; i < table->cap; i++)
        if (table->slots[i])
            *slot_of(&grown, table->slots[i]->object.symbol) = table->slots[i];
    free(table->slots);
    *table = grown;
    return YT_OK;
}

/* Room was reserved, and the symbol is new. */
static void table_put(struct table *table, struct yt_kernel *kernel)
{
    assert(2 * (table->count + 1) <= table->cap);
    *slot_of(table, kernel->object.symbol) = kernel;
    table->count++;
}

/* ---------------------------------------------------------------- kernels */

struct yt_kernels {
    const struct yt_isa *isa;
    struct yt_jit *jit;
    pthread_mutex_t lock; /* of the table and the JIT */
    struct table table;
};

enum yt_status yt_kernels_create(const struct yt_isa *isa,
                                 struct yt_kernels **kernels_out)
{
    struct yt_kernels *kernels = calloc(1, sizeof *kernels);
    YT_FAIL_IF(!kernels, YT_NO_MEMORY, "no memory for kernels");
    kernels->isa = isa;
    const enum yt_status status = yt_jit_create(&kernels->jit);
    if (status != YT_OK) {
        free(kernels);
        return status;
    }
    pthread_mutex_init(&kernels->lock, NULL);
    *kernels_out = kernels;
    return YT_OK;
}

static void destroy_kernel(struct yt_kernel *kernel)
{
    if (!kernel)
        return;
    yt_object_deinit(&kernel->object);
    free(kernel);
}

void yt_kernels_destroy(struct yt_kernels *kernels)
{
    if (!kernels)
        return;
    for (size_t i = 0; i < kernels->table.cap; i++)
        destroy_kernel(kernels->table.slots[i]);
    free(kernels->table.slots);
    yt_jit_destroy(kernels->jit);
    pthread_mutex_destroy(&kernels->lock);
    free(kernels);
}

const struct yt_isa *yt_kernels_isa(const struct yt_kernels *kernels)
{
    return kernels->isa;
}

int32_t yt_kernels_count(struct yt_kernels *kernels)
{
    pthread_mutex_lock(&kernels->lock);
    const int32_t count = (int32_t)kernels->table.count;
    pthread_mutex_unlock(&kernels->lock);
    return count;
}

const struct yt_kernel *yt_kernels_find(struct yt_kernels *kernels,
                                        const struct yt_problem *problem,
                                        const struct yt_schedule *schedule)
{
    char symbol[YT_SYMBOL_MAX];
    yt_schedule_symbol(problem, schedule, kernels->isa, symbol);
    pthread_mutex_lock(&kernels->lock);
    const struct yt_kernel *kernel = table_find(&kernels->table, symbol);
    pthread_mutex_unlock(&kernels->lock);
    return kernel;
}

/* -------------------------------------------------------------- compiling */

/* One kernel to compile, and how it went. */
struct job {
    struct yt_kernel_wish wish;
    struct yt_kernel *kernel; /* has its symbol from the start */
    enum yt_status status;
    char error[512];
};

struct job_list {
    struct yt_kernels *kernels;
    struct job *jobs; /* [count] */
    int32_t count;
    int32_t next;        /* taken atomically */
    struct table wanted; /* the jobs' kernels: each is compiled once */
};

static void *compile_jobs(void *user)
{
    struct job_list *list = user;
    for (;;) {
        const int32_t i = __atomic_fetch_add(&list->next, 1, __ATOMIC_RELAXED);
        if (i >= list->count)
            return NULL;
        struct job *job = &list->jobs[i];
        job->status =
            yt_codegen_compile(job->wish.problem, job->wish.schedule,
                               list->kernels->isa, &job->kernel->object);
        if (job->status != YT_OK)
            snprintf(job->error, sizeof job->error, "%s", yt_error());
    }
}

static void run_jobs(struct job_list *list, int32_t threads)
{
    enum { THREADS_MAX = 64 };
    pthread_t others[THREADS_MAX];
    int32_t started = 0;
    if (threads > list->count)
        threads = list->count;
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (; started + 1 < threads; started++)
        if (pthread_create(&others[started], NULL, compile_jobs, list) != 0)
            break; /* fewer threads do the same work */
    compile_jobs(list);
    for (int32_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}

/* A job for a wish that is neither compiled nor on the list yet. */
static enum yt_status want(struct job_list *list,
                           const struct yt_kernel_wish *wish)
{
    struct yt_kernels *kernels = list->kernels;
    char symbol[YT_SYMBOL_MAX];
    yt_schedule_symbol(wish->problem, wish->schedule, kernels->isa, symbol);
    if (table_find(&kernels->table, symbol) ||
        table_find(&list->wanted, symbol))
        return YT_OK;
    struct yt_kernel *kernel = calloc(1, sizeof *kernel);
    YT_FAIL_IF(!kernel, YT_NO_MEMORY, "no memory for a kernel");
    memcpy(kernel->object.symbol, symbol, sizeof symbol);
    struct job *job = &list->jobs[list->count++];
    job->wish = *wish;
    job->kernel = kernel;
    table_put(&list->wanted, kernel);
    return YT_OK;
}

static enum yt_status list_jobs(struct job_list *list,
                                const struct yt_kernel_wish *wishes,
                                int32_t count)
{
    list->jobs = calloc((size_t)count + 1, sizeof *list->jobs);
    YT_FAIL_IF(!list->jobs, YT_NO_MEMORY, "no memory to compile %d kernels",
               count);
    YT_TRY(table_reserve(&list->wanted, (size_t)count));
    enum yt_status status = YT_OK;
    pthread_mutex_lock(&list->kernels->lock);
    for (int32_t i = 0; i < count && status == YT_OK; i++)
        status = want(list, &wishes[i]);
    pthread_mutex_unlock(&list->kernels->lock);
    return status;
}

/* Load a kernel and hand it over, unless another thread was faster. */
static enum yt_status keep(struct yt_kernels *kernels,
                           struct yt_kernel **kernel_io)
{
    struct yt_kernel *kernel = *kernel_io;
    if (table_find(&kernels->table, kernel->object.symbol))
        return YT_OK;
    YT_TRY(table_reserve(&kernels->table, 1));
    YT_TRY(yt_jit_add(kernels->jit, &kernel->object, &kernel->run));
    table_put(&kernels->table, kernel);
    *kernel_io = NULL;
    return YT_OK;
}

/* All that could be compiled is kept; the first failure is told. */
static enum yt_status collect_jobs(struct job_list *list)
{
    enum yt_status status = YT_OK;
    pthread_mutex_lock(&list->kernels->lock);
    for (int32_t i = 0; i < list->count; i++) {
        struct job *job = &list->jobs[i];
        if (job->status != YT_OK && status == YT_OK)
            status = yt_fail(job->status, "%s", job->error);
        if (job->status != YT_OK)
            continue;
        const enum yt_status kept = keep(list->kernels, &job->kernel);
        status = status == YT_OK ? kept : status;
    }
    pthread_mutex_unlock(&list->kernels->lock);
    return status;
}

enum yt_status yt_kernels_compile(struct yt_kernels *kernels,
                                  const struct yt_kernel_wish *wishes,
                                  int32_t count, int32_t threads)
{
    struct job_list list = {.kernels = kernels};
    enum yt_status status = list_jobs(&list, wishes, count);
    if (status == YT_OK) {
        run_jobs(&list, threads);
        status = collect_jobs(&list);
    }
    for (int32_t i = 0; i < list.count; i++)
        destroy_kernel(list.jobs[i].kernel);
    free(list.wanted.slots);
    free(list.jobs);
    return status;
}

enum yt_status yt_kernels_get(struct yt_kernels *kernels,
                              const struct yt_problem *problem,
                              const struct yt_schedule *schedule,
                              const struct yt_kernel **kernel_out)
{
    const struct yt_kernel_wish wish = {problem, schedule};
    const struct yt_kernel *kernel =
        yt_kernels_find(kernels, problem, schedule);
    if (!kernel) {
        YT_TRY(yt_kernels_compile(kernels, &wish, 1, 1));
        kernel = yt_kernels_find(kernels, problem, schedule);
        assert(kernel);
    }
    *kernel_out = kernel;
    return YT_OK;
}
