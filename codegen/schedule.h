#ifndef YT_SCHEDULE_H
#define YT_SCHEDULE_H

/* HOW a problem is solved: decisions only, plain data with a printed name. The
 * pair (problem name, schedule name) is the database's key, and with '-', '.'
 * and '+' turned into '_' the symbol of the code. No LLVM in this header.
 */

#include <stddef.h>
#include <stdint.h>

#include "runtime/isa.h"
#include "runtime/plan.h"
#include "runtime/problem.h"

enum yt_algo {
    YT_ALGO_DIRECT, /* CONV2D: register tile of pixels x channel vectors */
    YT_ALGO_LAZY,   /* CONV2D with lazy > 0: what no cell needs is left out */
    YT_ALGO_ROWS,   /* the others: one row (of one channel block) per task */
    YT_ALGO_COUNT
};

enum yt_task_order {
    YT_ORDER_PIXELS, /* tasks walk pixels first: weights stay, input streams */
    YT_ORDER_CHANNELS, /* tasks walk channel tiles first: input stays */
    YT_ORDER_COUNT
};

enum yt_tune_cpu {
    YT_TUNE_HOST, /* the scheduling model LLVM picks for this host */
    YT_TUNE_ICELAKE,
    YT_TUNE_GENERIC,
    YT_TUNE_COUNT
};

/** Output tile of mr pixels x nr vectors kept in registers across all taps.
 *
 *   for task:            task = (row group) x (channel tile), see order
 *     for row, tile:     one output row (1x1 s1: the flattened image), split
 *                        into even tiles of at most mr pixels
 *       for kh, for ic by ku:
 *         kw and ku unrolled, mr*nr FMAs for each
 *       bias, SiLU, addend, store
 */
struct yt_schedule {
    enum yt_algo algo;
    int32_t mr;    /* output pixels of a tile, 1..32 */
    int32_t nr;    /* vectors of output channels of a tile, 1..8 */
    int32_t ku;    /* steps of input channels unrolled in the loop body; a step
                      is 4 bytes of them: one f32, two bf16 or s16, four u8 */
    int32_t tiles; /* pixel tiles (flattened) or rows per task; 0: all */
    enum yt_task_order order;
    enum yt_tune_cpu tune;
    int32_t launder;  /* 1: hide the input pointer at each tap */
    int32_t ic_outer; /* 1: channel blocks outside filter rows */
    int32_t coarse;   /* 1: a SiLU as precise as a narrow output needs, not
                         as f32 needs */
};

/** Write the canonical name, e.g. "direct-m8n3k4-t4p-hl". */
void yt_schedule_name(const struct yt_schedule *s,
                      char name[YT_SCHEDULE_NAME_MAX]);

/** Read back what yt_schedule_name() wrote. YT_OK or YT_BAD_ARGUMENT. */
enum yt_status yt_schedule_parse(const char *name, struct yt_schedule *s_out);

/** Whether @p s solves @p p on @p isa: mathematics, not opinion. */
int yt_schedule_applies(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa);

/** Whether a SiLU as precise as the output needs is another than f32's. */
int yt_schedule_may_be_coarse(const struct yt_problem *p);

/** What is used before anything was tuned: a tile that should suit the
 *  registers, and tasks for a dozen threads. */
void yt_schedule_default(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_schedule *s_out);

/** Independent tasks of one run. @pre yt_schedule_applies(). */
int64_t yt_schedule_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s,
                          const struct yt_isa *isa);

/** Whether threads that share the tasks each take rows or pixels of all
 *  channels, and not channels of all pixels: then what a thread reads is mostly
 *  what it wrote in the step before. */
int yt_schedule_splits_pixels(const struct yt_problem *p,
                              const struct yt_schedule *s,
                              const struct yt_isa *isa);

#define YT_SYMBOL_MAX (YT_PROBLEM_NAME_MAX + YT_SCHEDULE_NAME_MAX + 24)

/** The kernel's symbol: "yt_<problem>_<schedule>_<isa>", [A-Za-z0-9_] only. */
void yt_schedule_symbol(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa, char symbol[YT_SYMBOL_MAX]);

#endif
