#ifndef YT_BENCH_CONTEST_H
#define YT_BENCH_CONTEST_H

/* Contests of schedules on one thread, outside of the tuner: what the programs
 * share that compare ways to compute a convolution. They end at a failure. */

#include "codegen/algo.h"
#include "codegen/codegen.h"
#include "tuner/measure/bench_case.h"

#define YT_PROBLEMS_MAX       128
#define YT_CONTEST_ROUNDS_MAX 101

/** What the bench programs are told first: an instruction set, or "host".
 *  @param word NULL: the widest this CPU has.
 *  @return one that this CPU runs; ends otherwise. */
const struct yt_isa *yt_contest_isa(const char *word);

/** A number of rounds that can be had.
 *  @param word NULL: 15. */
int yt_contest_rounds(const char *word);

/** Say what went wrong and end, unless @p status is YT_OK. */
void yt_contest_check(enum yt_status status);

/** A problem's buffers, who may take part, and the best schedule so far. */
struct yt_contest {
    struct yt_case *data;
    struct yt_jit *jit;
    enum yt_algo_id algo; /* YT_ALGO_COUNT: any */
    int32_t edge;         /* 0: any */
    struct yt_schedule best;
    double best_ns;
};

/** A schedule's code and weights. */
struct yt_loaded {
    yt_kernel_fn run;
    int64_t tasks;
    void *weights;
    size_t weight_bytes;
};

/** Compile, pack and compare with the reference.
 *  @return 0: it spills, and nothing is loaded. */
int yt_contest_load(struct yt_contest *c, const struct yt_schedule *s,
                    struct yt_loaded *l);
void yt_contest_unload(struct yt_loaded *l);

/** Search as the tuner does: shapes, then bodies and tasks of the best. */
void yt_contest_find(struct yt_contest *c);

/** Calls that make a sample long enough for the clock. */
int64_t yt_contest_calls(const struct yt_contest *c, const struct yt_loaded *l);

/** Nanoseconds of a call, mean of @p calls. */
double yt_contest_sample(const struct yt_contest *c, const struct yt_loaded *l,
                         int64_t calls);

/** Order of doubles, for qsort(). */
int yt_contest_rising(const void *a, const void *b);

/** Problems, each once. */
struct yt_problem_list {
    struct yt_problem items[YT_PROBLEMS_MAX];
    int count;
};

/** The problem of that name; of a letter, "n", "s", "m", "l" or "x", the
 *  convolutions of that YOLOv5 at 640 x 640 that have at least 32 channels. */
void yt_contest_add(struct yt_problem_list *list, const char *name,
                    enum yt_dtype dtype, int32_t lanes);

#endif
