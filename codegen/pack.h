#ifndef YT_PACK_H
#define YT_PACK_H

/* A step's weights and constants as its kernel reads them. No LLVM in this
 * header. */

#include <stddef.h>

#include "codegen/schedule.h"
#include "runtime/integers.h"

/** What a step computes with, borrowed. */
struct yt_weights {
    const float *weights;               /* [k][c / groups][r][r]; NULL: none */
    const float *bias;                  /* [k]; NULL: none */
    const struct yt_integers *integers; /* where the input or output is of
                                           integers; else NULL */
};

/** Bytes of the packed filter; 0 for algorithms without weights. */
size_t yt_pack_weight_bytes(const struct yt_problem *p,
                            const struct yt_schedule *s,
                            const struct yt_isa *isa);

/** Lay a filter out, nothing without weights: u8s8 and s16 take
 *  integers->weights, bf16 rounds.
 *  @param packed  yt_pack_weight_bytes() bytes, aligned to YT_ALIGN. */
void yt_pack_weights(const struct yt_problem *p, const struct yt_schedule *s,
                     const struct yt_isa *isa, const struct yt_weights *f,
                     void *packed);

/** Bytes of the constants, the block at yt_args.bias; 0: none. */
size_t yt_pack_constant_bytes(const struct yt_problem *p,
                              const struct yt_isa *isa);

/** Fill that block: see codegen/constants.h.
 *  @param packed  yt_pack_constant_bytes() bytes, aligned to YT_ALIGN. */
void yt_pack_constants(const struct yt_problem *p, const struct yt_isa *isa,
                       const struct yt_weights *f, void *packed);

/** Take back what a schedule does that these constants do not allow: tables of
 *  halves (codegen/silu_tables.h) where a block of channels has none. What is
 *  left applies, and computes the same to within its tolerance. */
void yt_pack_settle(const struct yt_problem *p, const struct yt_isa *isa,
                    const struct yt_weights *f, struct yt_schedule *s);

/* For rows that pack. */

/** Where weight (k, c, y, x) is in a filter, in elements; -1 past its end: a
 *  zero that fills up. Of a filter in groups c is counted from the first
 *  channel of the group. */
int64_t yt_filter_index(const struct yt_conv2d *v, int32_t k, int32_t c,
                        int32_t y, int32_t x);

/** Write the filter's element @p at, or a zero for -1, in the type that
 *  weights of @p dtype have, and step over it. */
void yt_pack_element(enum yt_dtype dtype, const struct yt_weights *f,
                     int64_t at, char **out);

#endif
