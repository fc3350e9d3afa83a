#ifndef YT_PROPOSE_H
#define YT_PROPOSE_H

/* For rows that answer a search. No LLVM in this header. */

#include "codegen/algo.h"

/** Hand a candidate to whoever asks, if it applies. */
void yt_propose(const struct yt_ask *ask, const struct yt_schedule *s);

/** Whether a candidate applies and its tasks let threads finish together: the
 *  longest share is within 1/16 of the mean. */
int yt_shares_out(const struct yt_ask *ask, const struct yt_schedule *s);

#endif
