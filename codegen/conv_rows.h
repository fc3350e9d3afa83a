#ifndef YT_CONV_ROWS_H
#define YT_CONV_ROWS_H

/* What the rows of convolutions on register tiles share: legality, the first
 * tile, what is proposed to a search, how far outputs may be off. No LLVM in
 * this header. */

#include "codegen/algo.h"
#include "codegen/conv_tiles.h"

/** Whether tile, unrolling, tasks and loop order fit the problem. */
int yt_conv_applies(const struct yt_problem *p, const struct yt_schedule *s,
                    const struct yt_isa *isa);

/** Whether a SiLU as precise as the output needs is another than f32's. */
int yt_conv_may_be_coarse(const struct yt_problem *p);

/** A tile that should suit the registers, at most @p widest vectors of channels
 *  wide, and tasks for a dozen threads. */
void yt_conv_first_tile(const struct yt_problem *p, const struct yt_isa *isa,
                        int32_t widest, struct yt_schedule *s);

/** What every tile begins with: a schedule of @p algo with its unrolling. */
struct yt_schedule yt_conv_start_from(const struct yt_problem *p,
                                      const struct yt_isa *isa,
                                      enum yt_algo_id algo);

/** Answer a search with tiles of @p start, at most @p widest vectors wide. */
void yt_conv_propose(const struct yt_ask *ask, const struct yt_schedule *start,
                     int32_t widest);

/** Unrollings, and of the other knobs what makes a difference. */
int32_t yt_conv_values(const struct yt_problem *p, const struct yt_isa *isa,
                       enum yt_knob_id knob, int32_t values[YT_VALUES_MAX]);

/** The difference between f32 and double sums, the rounding of bf16, and what
 *  the schedule's SiLU may be off by. */
double yt_conv_tolerance(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa);

#endif
