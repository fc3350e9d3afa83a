#ifndef YT_WORKER_H
#define YT_WORKER_H

/* A forked process that compiles, checks and times candidates of one problem.
 * LLVM may exit and generated code may crash: it takes the worker along, and
 * the parent turns that into a row and forks another. */

#include "codegen/schedule.h"
#include "db/db.h"
#include "tuner/measure/measure.h"

struct yt_worker_result {
    int32_t lost; /* 1: killed from outside, or no memory: nothing is known of
                     the candidate, and only detail counts */
    enum yt_db_outcome outcome;
    struct yt_timing timing; /* when outcome is YT_DB_OK */
    double max_error;        /* relative to the largest output; NAN: not run */
    uint32_t code_bytes, spills;
    char detail[200]; /* the sentence when outcome is not YT_DB_OK */
};

struct yt_worker;

/** Fork a worker on @p cpu (-1: not pinned). It makes inputs and the double-
 *  precision reference before it takes candidates.
 *
 *  What is timed is the first thread's share of the tasks when @p threads
 *  share them: the caches hold as much of the tensors as they will in a run.
 *  @return YT_OK; YT_NO_MEMORY; YT_IO when forking fails. */
enum yt_status yt_worker_start(const struct yt_problem *problem,
                               const struct yt_isa *isa, int32_t threads,
                               int cpu, struct yt_worker **worker_out);

/** Hand over a candidate; the worker must be idle.
 *  @param give_up_ns a candidate whose first three samples are slower is timed
 *                    no further; 0: never give up.
 *  @return YT_OK; YT_CRASHED when the worker is gone. */
enum yt_status yt_worker_submit(struct yt_worker *worker,
                                const struct yt_schedule *schedule,
                                double give_up_ns, uint64_t deadline_ns);

/** The file descriptor to poll for reading while busy. */
int yt_worker_fd(const struct yt_worker *worker);

/** Take the result after the descriptor became readable, or after the
 *  deadline passed.
 *  @return 1 and the result (crashes and timeouts are results, after them the
 *          worker is gone); 0 when it is not there yet. */
int yt_worker_take(struct yt_worker *worker,
                   struct yt_worker_result *result_out);

/** 1 while the process lives. */
int yt_worker_alive(const struct yt_worker *worker);

/** Kill and reap. NULL is fine. */
void yt_worker_stop(struct yt_worker *worker);

#endif
