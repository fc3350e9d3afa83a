#ifndef YT_SPACE_H
#define YT_SPACE_H

/* The search space of a problem, and the order in which it is walked. Pure:
 * what comes next follows from what was measured so far, so a search resumes
 * from the database, and two runs on a quiet machine try the same things.
 *
 * What there is to try the rows of the problem's operator say (codegen/algo.h);
 * here is how to go about it. */

#include <stdint.h>

#include "tuner/search/trials.h"

struct yt_space {
    const struct yt_problem *problem;
    const struct yt_isa *isa;
    int32_t threads;    /* tasks should share out evenly over these */
    int32_t exhaustive; /* 1: go on with everything else after the search */
    /* [proposed_count], what to try first of all, in this order; none is fine.
     */
    const struct yt_schedule *proposed;
    int32_t proposed_count;
    /* Whether a candidate of the later stages is worth a trial; NULL: all are.
     * What runs untuned is not asked about, nor, unless sceptical, what is
     * proposed. */
    int (*worth)(void *user, const struct yt_schedule *s);
    void *user;
    int32_t sceptical;
};

/** The next candidate to try.
 *
 * Stages: what runs untuned; what is proposed; the shapes of all algorithms in
 * turn; bodies (unrolling, scheduling
 * model, loop order...) of the best three; task shapes of the best three;
 * neighbours of the best until none is better; then, if exhaustive, the rest of
 * the space in a fixed shuffle.
 *
 * @param trials  everything tried so far, in any order.
 * @param[out] any_out 1 and the candidate; 0 when there is nothing left.
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_space_next(const struct yt_space *space,
                             const struct yt_trials *trials, int *any_out,
                             struct yt_schedule *next_out);

/** Call @p fn with every schedule that the space holds, until it fails.
 *  @return YT_OK; YT_NO_MEMORY; what @p fn returned. */
enum yt_status yt_space_each(const struct yt_space *space,
                             enum yt_status (*fn)(void *user,
                                                  const struct yt_schedule *s),
                             void *user);

/** Schedules the space holds in all: of each algorithm every shape with every
 *  body, and with every task shape that shares out evenly (where none does, the
 *  one that is tried first). An exhaustive search has tried them all when
 *  nothing is left.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_space_size(const struct yt_space *space, int64_t *size_out);

#endif
