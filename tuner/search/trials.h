#ifndef YT_TRIALS_H
#define YT_TRIALS_H

/* What was tried for one problem: each schedule once, in the order in which it
 * came first, found by hash: an exhaustive search keeps tens of thousands. */

#include "codegen/schedule.h"

/** One candidate tried. */
struct yt_trial {
    struct yt_schedule schedule;
    int32_t ok;    /* 1: right and timed; 0: wrong, crashed, spills, ... */
    double min_ns; /* when ok */
    uint32_t code_bytes;
};

/** All zeros is the empty one. */
struct yt_trials {
    struct yt_trial *items; /* [count] */
    int32_t count, cap;
    int32_t *table; /* [2 * cap], open addressing: index + 1; 0: free */
};

/** Add @p trial, or put it in the place of the one of the same schedule.
 *  @return YT_OK; YT_NO_MEMORY, nothing changed. */
enum yt_status yt_trials_put(struct yt_trials *trials,
                             const struct yt_trial *trial);

/** The trial of a schedule, NULL when it was not tried. Borrowed until the next
 *  put. */
const struct yt_trial *yt_trials_find(const struct yt_trials *trials,
                                      const struct yt_schedule *schedule);

/** Free what it holds; it is empty again. */
void yt_trials_deinit(struct yt_trials *trials);

#endif
