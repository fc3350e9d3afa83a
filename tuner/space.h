#ifndef YT_SPACE_H
#define YT_SPACE_H

/* The search space of a problem, and the order in which it is walked. Pure:
 * what comes next follows from what was measured so far, so a search resumes
 * from the database, and two runs on a quiet machine try the same things. */

#include <stdint.h>

#include "codegen/schedule.h"

/** One candidate tried. */
struct yt_trial {
    struct yt_schedule schedule;
    int32_t ok;    /* 1: right and timed; 0: wrong, crashed, spills, ... */
    double min_ns; /* when ok */
};

struct yt_space {
    const struct yt_problem *problem;
    const struct yt_isa *isa;
    int32_t threads;    /* tasks must share out evenly over these */
    int32_t exhaustive; /* 1: go on with everything else after the search */
};

/** The next candidate to try.
 *
 * Stages: register tiles; unrolling, scheduling model and loop order of the
 * best three; task shapes of the best three; neighbours of the best until none
 * is better; then, if exhaustive, the rest of the space in a fixed shuffle.
 *
 * @param trials  everything tried so far, in any order.
 * @return 1 and the candidate; 0 when there is nothing left to try.
 */
int yt_space_next(const struct yt_space *space, const struct yt_trial *trials,
                  int32_t count, struct yt_schedule *next_out);

/** Schedules the space holds in all, for progress. */
int32_t yt_space_size(const struct yt_space *space);

#endif
