#ifndef YT_SCHEDULE_H
#define YT_SCHEDULE_H

/* HOW a problem is solved: decisions only, plain data with a printed name. The
 * pair (problem name, schedule name) is the database's key, and with '-', '.'
 * and '+' turned into '_' the symbol of the code. No LLVM in this header.
 *
 * A schedule is an algorithm and the values of its knobs (codegen/knobs.h).
 * What it means for a problem the algorithm's row says (codegen/algo.h): the
 * functions below that take a problem ask it.
 */

#include <stddef.h>
#include <stdint.h>

#include "codegen/knobs.h"
#include "runtime/isa.h"
#include "runtime/plan.h"
#include "runtime/problem.h"

/** Write the canonical name, e.g. "direct-m8n3k4-t4p-hl". */
void yt_schedule_name(const struct yt_schedule *s,
                      char name[YT_SCHEDULE_NAME_MAX]);

/** Read back what yt_schedule_name() wrote for an operator, now or in an
 *  earlier version. YT_OK or YT_BAD_ARGUMENT. */
enum yt_status yt_schedule_parse(enum yt_op op, const char *name,
                                 struct yt_schedule *s_out);

/** Whether @p s solves @p p on @p isa: mathematics, not opinion. */
int yt_schedule_applies(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa);

/** What is used before anything was tuned: the first choice of the first row
 *  that has one. @pre yt_codegen_generates(p->op). */
void yt_schedule_default(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_schedule *s_out);

/** Independent tasks of one run. @pre yt_schedule_applies(). */
int64_t yt_schedule_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s,
                          const struct yt_isa *isa);

/** The schedule with tasks of a row, for a problem that holds rows
 *  (runtime/band.h): the tile no wider than a row, the sums in the same order,
 *  so the outputs are the same bits. Where the algorithm has no such tasks it
 *  is what yt_schedule_default() chooses, with tasks of a row.
 *  @param p the problem that holds rows.
 *  @param s solves the same problem with all rows. */
struct yt_schedule yt_schedule_by_rows(const struct yt_problem *p,
                                       const struct yt_schedule *s,
                                       const struct yt_isa *isa);

/** Tasks that make a row, one after the other, of a schedule that
 *  yt_schedule_by_rows() gave. */
int64_t yt_schedule_row_tasks(const struct yt_problem *p,
                              const struct yt_schedule *s,
                              const struct yt_isa *isa);

/** Bytes that each thread's yt_args.scratch points to, 0 mostly.
 *  @pre yt_schedule_applies(). */
int64_t yt_schedule_scratch_bytes(const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa);

/** Multiplications and additions of its sums over input channels, in FLOPs, be
 *  they of the inputs or of what was made of them, tiles that stand out over
 *  the image included. @pre yt_schedule_applies(). */
double yt_schedule_products(const struct yt_problem *p,
                            const struct yt_schedule *s,
                            const struct yt_isa *isa);

/** How far outputs may be from the double-precision reference: of the largest
 *  output for f32 and bf16; for integers in steps, past the half step that
 *  rounding takes. */
double yt_schedule_tolerance(const struct yt_problem *p,
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
