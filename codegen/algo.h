#ifndef YT_ALGO_H
#define YT_ALGO_H

/* An algorithm is a row: one way to compute an operator, with everything that
 * is asked about it. A row stands in a file of its own in codegen/algo/ and in
 * codegen/algos.inc; docs/HACKING.md tells how to add one. No LLVM in this
 * header.
 *
 * Where a row has NULL, what stands behind it holds.
 */

#include <stddef.h>

#include "codegen/knobs.h"
#include "runtime/isa.h"
#include "runtime/problem.h"

struct yt_emit;
struct yt_weights;

/** What a search asks for; each answer is a list in order of promise. */
enum yt_stage {
    YT_STAGE_SHAPES,     /* what to begin with, tasks and the rest guessed */
    YT_STAGE_TASKS,      /* base, its work cut otherwise */
    YT_STAGE_NEIGHBOURS, /* what lies beside base, but for tasks and bodies */
    YT_STAGE_ALL         /* every shape with each of its tasks */
};

/** A question to a row. */
struct yt_ask {
    const struct yt_problem *problem;
    const struct yt_isa *isa;
    int32_t threads; /* that tasks should share out evenly over */
    enum yt_stage stage;
    const struct yt_schedule *base; /* of the row, measured; else NULL */
    void (*take)(void *user, const struct yt_schedule *s);
    void *user;
};

#define YT_BODIES_MAX 8
#define YT_VALUES_MAX 16

struct yt_algo {
    /* First word of a schedule's name, such as "direct"; once per operator. */
    const char *name;
    enum yt_op op;
    uint32_t knobs; /* YT_KNOB_BIT() of those it has */

    /* Whether the schedule solves the problem. Asked of knobs in their range
     * and types that the ISA has arithmetic for. NULL: always. */
    int (*applies)(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa);

    /* What to use before anything was tuned, into a blank schedule. Returns 0
     * where it never applies. NULL: the blank one. */
    int (*first)(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s);

    /* Answers a search, see codegen/propose.h. NULL: the first choice. */
    void (*propose)(const struct yt_ask *ask);

    /* Knobs that leave shape and tasks as they are: each of their values is
     * tried, in this order, on what is fast. */
    enum yt_knob_id bodies[YT_BODIES_MAX];
    int32_t body_count;

    /* The values of such a knob that are worth trying for a problem, at least
     * one; how many. NULL: all of its choices. */
    int32_t (*values)(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t values[YT_VALUES_MAX]);

    /* Independent tasks of one run. NULL: one. */
    int64_t (*tasks)(const struct yt_problem *p, const struct yt_schedule *s,
                     const struct yt_isa *isa);

    /* Of a schedule with a row in each task (tiles is 1) of a problem that
     * holds rows: how many tasks make a row, one after the other; those of all
     * rows follow in order, once or several times over. NULL: the row's tasks
     * are no rows. */
    int64_t (*row_tasks)(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa);

    /* As yt_schedule_splits_pixels(). NULL: no. */
    int (*splits_pixels)(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa);

    /* Bytes of yt_args.scratch, which no other thread has and whose contents
     * nobody keeps between calls; aligned to YT_ALIGN. NULL: none. */
    int64_t (*scratch_bytes)(const struct yt_problem *p,
                             const struct yt_schedule *s,
                             const struct yt_isa *isa);

    /* Bytes of yt_args.weights, and how they are filled from a filter: pack
     * sees its values. NULL: none. */
    size_t (*weight_bytes)(const struct yt_problem *p,
                           const struct yt_schedule *s,
                           const struct yt_isa *isa);
    void (*pack)(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed);

    /* As yt_schedule_products(). NULL: the problem's own arithmetic. */
    double (*products)(const struct yt_problem *p, const struct yt_schedule *s,
                       const struct yt_isa *isa);

    /* As yt_schedule_tolerance(). NULL: 0, nothing is rounded otherwise than
     * in the reference. */
    double (*tolerance)(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa);

    /* Emits the body of an open function, see codegen/emit.h. */
    void (*generate)(struct yt_emit *e, const struct yt_problem *p,
                     const struct yt_schedule *s);
};

const struct yt_algo *yt_algo_get(enum yt_algo_id id);

/** The algorithm of this name, YT_ALGO_COUNT when the operator has none.
 *  @param length of the name, which need not end there. */
enum yt_algo_id yt_algo_find(enum yt_op op, const char *name, size_t length);

/** The operator's algorithm behind @p after, which is one of them or
 *  YT_ALGO_COUNT for the first; YT_ALGO_COUNT when there is no more. */
enum yt_algo_id yt_algo_next(enum yt_op op, enum yt_algo_id after);

/** What a row uses before anything was tuned; 0: it never applies. */
int yt_algo_first(enum yt_algo_id id, const struct yt_problem *p,
                  const struct yt_isa *isa, struct yt_schedule *s_out);

/** The values of a knob of the row's bodies worth trying; how many, >= 1. */
int32_t yt_algo_values(const struct yt_algo *row, const struct yt_problem *p,
                       const struct yt_isa *isa, enum yt_knob_id knob,
                       int32_t values[YT_VALUES_MAX]);

#define YT_ALGO(id, row) extern const struct yt_algo yt_algo_##row;
#include "codegen/algos.inc"
#undef YT_ALGO

#endif
