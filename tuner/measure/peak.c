/* The two limits every layer is held against: multiply-adds from registers
 * and bytes read from memory, on one thread and on all. */

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "codegen/codegen.h"
#include "runtime/fail.h"
#include "runtime/pool.h"
#include "tuner/build/host.h"

#define DOT_TASKS    4096
#define REPEATS      40
#define READ_REPEATS 4
#define READ_BYTES   ((size_t)256 << 20) /* past the caches of most machines */

struct probe {
    yt_kernel_fn kernel;
    int64_t tasks;
    char *memory; /* what args->in points at */
};

/* The best of some runs. */
static double best_ns(const struct probe *probe, struct yt_pool *pool,
                      const struct yt_args *args, int repeats)
{
    const int32_t threads = yt_pool_threads(pool);
    double best = INFINITY;
    for (int i = 0; i < repeats; i++) {
        const uint64_t begin = yt_now_ns();
        yt_pool_run(pool, probe->kernel, args, NULL, probe->tasks * threads);
        const double ns = (double)(yt_now_ns() - begin);
        if (ns < best)
            best = ns;
    }
    return best;
}

/* Keep this thread, and those it starts, to one CPU of each core while there is
 * a core for each: siblings share the units that are measured. */
static int keep_to_cores(int32_t threads, cpu_set_t *before)
{
    int16_t cpus[YT_HOST_CPUS_MAX];
    const int32_t count = yt_host_cores("", cpus);
    if (threads > count || sched_getaffinity(0, sizeof *before, before) != 0)
        return 0;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    for (int32_t i = 0; i < count; i++)
        CPU_SET(cpus[i], &cores);
    return sched_setaffinity(0, sizeof cores, &cores) == 0;
}

static enum yt_status measure_on(const struct probe *dot,
                                 const struct probe *read, int32_t threads,
                                 double task_flops, double *gflops_out,
                                 double *gbs_out)
{
    struct yt_pool *pool;
    cpu_set_t before;
    const int kept = keep_to_cores(threads, &before);
    const enum yt_status status = yt_pool_create(threads, 1, &pool);
    if (status != YT_OK) {
        if (kept)
            (void)sched_setaffinity(0, sizeof before, &before);
        return status;
    }
    /* Every thread stores its sum, which nobody reads, to the same line: once
     * in its share of a run, nothing beside the work. */
    struct yt_args args = {.in = dot->memory, .out = dot->memory + 256};
    double ns = best_ns(dot, pool, &args, REPEATS);
    *gflops_out = task_flops * (double)(dot->tasks * threads) / ns;

    args.in = read->memory;
    struct probe share = *read;
    share.tasks = read->tasks / threads;
    ns = best_ns(&share, pool, &args, READ_REPEATS);
    *gbs_out =
        (double)YT_PROBE_READ_BYTES * (double)(share.tasks * threads) / ns;
    yt_pool_destroy(pool);
    if (kept)
        (void)sched_setaffinity(0, sizeof before, &before);
    return YT_OK;
}

enum yt_status yt_peak_measure(const struct yt_isa *isa, enum yt_dtype dtype,
                               int32_t threads, struct yt_peak *peak_out)
{
    struct yt_peak peak = {.threads = threads};
    const double task_flops =
        2.0 * YT_PROBE_DOTS * isa->lanes * 4 / yt_dtype_bytes(dtype);
    struct yt_jit *jit = NULL;
    struct yt_object dot_object = {0}, read_object = {0};
    struct probe dot = {.tasks = DOT_TASKS};
    struct probe read = {.tasks = READ_BYTES / YT_PROBE_READ_BYTES};
    void *small = NULL, *big = NULL;
    enum yt_status status;
    YT_TRY_GOTO(yt_jit_create(&jit));
    YT_TRY_GOTO(yt_codegen_probe(YT_PROBE_DOT, dtype, isa, &dot_object));
    YT_TRY_GOTO(
        yt_codegen_probe(YT_PROBE_READ, YT_DTYPE_F32, isa, &read_object));
    YT_TRY_GOTO(yt_jit_add(jit, &dot_object, &dot.kernel));
    YT_TRY_GOTO(yt_jit_add(jit, &read_object, &read.kernel));
    YT_FAIL_IF_GOTO(posix_memalign(&small, 4096, 4096) != 0 ||
                        posix_memalign(&big, 4096, READ_BYTES) != 0,
                    YT_NO_MEMORY, "no memory to measure bandwidth");
    memset(small, 0, 4096); /* 0 * 0 + 0: no denormals, no infinities */
    memset(big, 0, READ_BYTES);
    dot.memory = small;
    read.memory = big;
    YT_TRY_GOTO(
        measure_on(&dot, &read, 1, task_flops, &peak.gflops_1, &peak.gbs_1));
    peak.gflops_n = peak.gflops_1;
    peak.gbs_n = peak.gbs_1;
    if (threads > 1)
        YT_TRY_GOTO(measure_on(&dot, &read, threads, task_flops, &peak.gflops_n,
                               &peak.gbs_n));
    *peak_out = peak;
done:
    yt_jit_destroy(jit);
    yt_object_deinit(&dot_object);
    yt_object_deinit(&read_object);
    free(small);
    free(big);
    return status;
}

static enum yt_status put(struct yt_db *db, const struct yt_db_here *here,
                          const struct yt_isa *isa, enum yt_dtype dtype,
                          int32_t threads, double gflops, double gbs)
{
    const struct yt_db_peak row = {
        .isa = isa->name,
        .precision = yt_dtype_name(dtype),
        .threads = threads,
        .gflops = gflops,
        .bandwidth_gbs = gbs,
    };
    return yt_db_peak_put(db, here->host, &row);
}

static void raise_to(double *gflops, double *gbs, const struct yt_db_peak *row)
{
    *gflops = fmax(*gflops, row->gflops);
    *gbs = fmax(*gbs, row->bandwidth_gbs);
}

enum yt_status yt_peak_get(struct yt_db *db, const struct yt_db_here *here,
                           const struct yt_isa *isa, enum yt_dtype dtype,
                           int32_t threads, int again, struct yt_peak *peak_out)
{
    struct yt_db_peak one = {
        .isa = isa->name, .precision = yt_dtype_name(dtype), .threads = 1};
    struct yt_db_peak all = one;
    all.threads = threads;
    if (db && !again && yt_db_peak_find(db, here->host, &one) == YT_OK &&
        yt_db_peak_find(db, here->host, &all) == YT_OK) {
        *peak_out = (struct yt_peak){.gflops_1 = one.gflops,
                                     .gflops_n = all.gflops,
                                     .gbs_1 = one.bandwidth_gbs,
                                     .gbs_n = all.bandwidth_gbs,
                                     .threads = threads};
        return YT_OK;
    }
    YT_TRY(yt_peak_measure(isa, dtype, threads, peak_out));
    if (!db || yt_db_is_read_only(db))
        return YT_OK;
    /* Noise only ever lowers a peak: the highest ever seen is the truth. */
    if (yt_db_peak_find(db, here->host, &one) == YT_OK)
        raise_to(&peak_out->gflops_1, &peak_out->gbs_1, &one);
    if (yt_db_peak_find(db, here->host, &all) == YT_OK)
        raise_to(&peak_out->gflops_n, &peak_out->gbs_n, &all);
    YT_TRY(put(db, here, isa, dtype, 1, peak_out->gflops_1, peak_out->gbs_1));
    return threads > 1 ? put(db, here, isa, dtype, threads, peak_out->gflops_n,
                             peak_out->gbs_n)
                       : YT_OK;
}
