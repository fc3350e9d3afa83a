#ifndef YT_COST_MODEL_H
#define YT_COST_MODEL_H

/* What a convolution's schedules may cost, learned from what was measured on
 * this host: it proposes which candidates are tried first, and nothing else.
 * Times are those of one FLOP, so that problems of all sizes teach each other;
 * features are sizes, the schedule's knobs, and what follows from both: work
 * wasted at edges, working sets against the caches, how evenly tasks share out.
 */

#include "tuner/build/site.h"
#include "tuner/search/space.h"

struct yt_cost_model;

/** Learn from the rows of the site's database and instruction set.
 *
 * @param except a problem whose rows do not count, by name; NULL: all count.
 * @return YT_OK; YT_NOT_FOUND: there is no database, or too little in it;
 *         YT_NO_MEMORY; what the database returned. */
enum yt_status yt_cost_model_learn(const struct yt_site *site,
                                   const char *except,
                                   struct yt_cost_model **model_out);

/** Whether it knows what the problem is like. */
int yt_cost_model_knows(const struct yt_problem *p);

/** The natural logarithm of nanoseconds a FLOP on one thread of @p threads, as
 *  expected. @pre yt_cost_model_knows(), yt_schedule_applies(). */
double yt_cost_model_value(const struct yt_cost_model *model,
                           const struct yt_problem *p,
                           const struct yt_schedule *s, int32_t threads);

/** The most promising of a whole space, best first, few of each register tile.
 *
 * @param[out] schedules_out [cap].
 * @param[out] count_out 0 for a problem that it does not know.
 * @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_cost_model_propose(const struct yt_cost_model *model,
                                     const struct yt_space *space, int32_t cap,
                                     struct yt_schedule *schedules_out,
                                     int32_t *count_out);

/** Whether a candidate may yet be the fastest of a problem, by what the model
 *  is worth there: its errors in what was tried so far. */
struct yt_cost_doubt {
    const struct yt_cost_model *model;
    const struct yt_problem *problem;
    int32_t threads;
    double limit; /* of the model's value; INFINITY: everything may be */
    int32_t tried[YT_ALGO_COUNT]; /* candidates of each algorithm */
};

/** @param gain what it may be expected to be slower than the best, less than 0:
 *         faster; of the logarithm of time.
 *  @param margin spreads of the errors that the model is allowed besides. */
void yt_cost_model_doubt(const struct yt_cost_model *model,
                         const struct yt_space *space,
                         const struct yt_trials *trials, double gain,
                         double margin, struct yt_cost_doubt *doubt_out);
/** For yt_space.worth. @param user a struct yt_cost_doubt. */
int yt_cost_model_worth(void *user, const struct yt_schedule *s);

/** Rows it was made of. */
int32_t yt_cost_model_rows(const struct yt_cost_model *model);

/** NULL is fine. */
void yt_cost_model_destroy(struct yt_cost_model *model);

#endif
