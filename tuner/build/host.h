#ifndef YT_HOST_H
#define YT_HOST_H

/* Facts about this machine: by CPUID, sysfs and the scheduler's interfaces, and
 * two that are measured: arithmetic peak and memory bandwidth. */

#include "db/db.h"
#include "runtime/isa.h"
#include "runtime/problem.h"
#include "tuner/build/cpu_facts.h"

/** CPUs that sched_setaffinity() takes in one cpu_set_t. */
#define YT_HOST_CPUS_MAX 1024

struct yt_host {
    struct yt_cpu_facts cpu;
    char arch[16], governor[32];
    int32_t physical_cores, logical_cores;
    int32_t allowed_cpus; /* by affinity */
    double quota_cpus;    /* by cgroup; NAN: none */
    int32_t threads;      /* sensible upper bound: affinity, quota, and one per
                             physical core */
    /* The first CPU of each core, [threads]: one worker, or one thread, on
     * each; -1: unknown, leave it to the scheduler. */
    int16_t cpus[YT_HOST_CPUS_MAX];
};

/** @return YT_OK; YT_UNSUPPORTED when this is no CPU yolotune knows. */
enum yt_status yt_host_read(struct yt_host *host_out);

/** The CPUs this process may use, less those that share a core with one before
 *  them, in order.
 *  @param root "", or a folder to take /sys in, for tests.
 *  @return how many; 0: the affinity cannot be read. */
int32_t yt_host_cores(const char *root, int16_t cpus_out[YT_HOST_CPUS_MAX]);

/** The database's view of it; borrows from @p host. */
void yt_host_row(const struct yt_host *host, struct yt_db_host *row_out);

struct yt_peak {
    double gflops_1, gflops_n; /* multiply-adds of a type from registers, 1 and
                                  n threads; integers' count as flops, too */
    double gbs_1, gbs_n;       /* reading a buffer past the caches */
    int32_t threads;           /* n */
};

/** Measure; takes about half a second.
 *  @return YT_OK; YT_COMPILE; YT_NO_MEMORY; YT_IO (threads). */
enum yt_status yt_peak_measure(const struct yt_isa *isa, enum yt_dtype dtype,
                               int32_t threads, struct yt_peak *peak_out);

/** The peak from the database when it is there, else measured and stored.
 *  @p db NULL: measured. @p again 1: measured in any case, and stored where it
 *  is higher. */
enum yt_status yt_peak_get(struct yt_db *db, const struct yt_db_here *here,
                           const struct yt_isa *isa, enum yt_dtype dtype,
                           int32_t threads, int again,
                           struct yt_peak *peak_out);

#endif
