#ifndef YT_POOL_EMIT_H
#define YT_POOL_EMIT_H

/* What the rows of max-pools share. */

#include "codegen/algo.h"
#include "codegen/emit.h"

/** A channel block a task. */
int64_t yt_pool_tasks(const struct yt_problem *p, const struct yt_schedule *s,
                      const struct yt_isa *isa);

/** Bytes of one row of a channel block. */
int64_t yt_pool_row_bytes(const struct yt_problem *p, const struct yt_isa *isa);

/** @p chain pools, each reading what the one before wrote; results lie one
 *  tensor apart.
 *  @param use_scratch 1: a row of a block goes through yt_args.scratch. */
void yt_generate_pools(struct yt_emit *e, const struct yt_problem *p, int chain,
                       int use_scratch);

#endif
