#ifndef YT_ADVISOR_PARTS_H
#define YT_ADVISOR_PARTS_H

/* What the stages of the advisor share. */

#include <stdio.h>

#include "strategies/advice/advisor.h"

#define YT_ADVISOR_TRIALS 512
#define YT_ADVISOR_NOISE  0.01 /* speeds closer than this are equal */

struct yt_advisor {
    struct yt_lab *lab;
    const struct yt_choices *choices;
    const struct yt_advisor_options *options;
    struct yt_advice *advice;
    struct yt_assessment bases[YT_DEPTHS]; /* the baseline at each depth */
    int32_t has_base[YT_DEPTHS];
    struct yt_assessment *trials; /* [YT_ADVISOR_TRIALS], of all depths */
    int32_t trial_count;
    /* FPS with tuned kernels over without, as found so far; 0: not yet. What
     * tuning gains depends on what is computed with. */
    double tuned_gain[YT_PRECISION_COUNT];
    double last_gain; /* of any precision; 1: none yet */
    uint64_t begin_ns, budget_ns;
    uint64_t explore_ns; /* when the baseline was done; 0: it is not yet */
};

int yt_advisor_stopped(const struct yt_advisor *a);

/** Nanoseconds until @p share of the budget is spent, not counting what the
 *  baseline took; 0: it is. */
uint64_t yt_advisor_left(const struct yt_advisor *a, double share);

/** The depth whose pictures this one looks at. */
enum yt_depth yt_advisor_depth(const struct yt_advisor *a, enum yt_depth depth);

/** Limits as they stand at a depth: its pictures are easier or harder. */
struct yt_limits yt_advisor_limits(const struct yt_advisor *a,
                                   enum yt_depth depth);

/** Figures to compare by: what few pictures leave open counts for a
 *  configuration, and kernels that are not tuned yet will be. */
struct yt_figures yt_advisor_figures(const struct yt_advisor *a,
                                     const struct yt_assessment *trial);

/** Whether a configuration may be the choice: it computes with what was asked
 *  for. */
int yt_advisor_allowed(const struct yt_advisor *a,
                       const struct yt_config *config);

/** Tell where the work stands. */
void yt_advisor_report(const struct yt_advisor *a, const char *phase,
                       const char *what, int32_t done, int32_t planned,
                       enum yt_depth depth);

/** Measure a configuration at a depth, or take what is known, and keep it.
 *  @return YT_OK; YT_INTERRUPTED; what measuring returned. */
enum yt_status yt_advisor_try(struct yt_advisor *a,
                              const struct yt_config *config,
                              enum yt_depth depth, const char *phase,
                              int32_t done, int32_t planned,
                              struct yt_assessment *trial_out /* or NULL */);

/** Time trials in turn, and keep what comes of it.
 *  @return as yt_lab_time_in_turn(). */
enum yt_status yt_advisor_time(struct yt_advisor *a, struct yt_assessment *all,
                               int32_t count, uint64_t budget_ns);

/** Remember a trial, each (configuration, depth) once: what comes later
 *  replaces it. */
void yt_advisor_keep(struct yt_advisor *a, const struct yt_assessment *trial);

/** Remember what earlier runs measured on all pictures, where it answers the
 *  question. */
void yt_advisor_adopt(struct yt_advisor *a);

/** The best by figures as measured on all pictures: no other trial dominates
 *  it. NULL: there is none. */
const struct yt_assessment *yt_advisor_best(const struct yt_advisor *a,
                                            const struct yt_limits *limits);

/** Whether a plan is stored for each network of a configuration. */
int yt_advisor_is_tuned(const struct yt_advisor *a,
                        const struct yt_config *config);

/** The @p rank-th best trial at a depth, NULL past the last; 0 is the best. */
const struct yt_assessment *yt_advisor_rank(const struct yt_advisor *a,
                                            enum yt_depth depth, int32_t rank);

/** Whether a configuration was tried at a depth. */
int yt_advisor_has(const struct yt_advisor *a, const struct yt_config *config,
                   enum yt_depth depth);

/** Stages; each ends early, with YT_OK, when its share of time or the signal
 *  says so. */
enum yt_status yt_advisor_explore(struct yt_advisor *a);
enum yt_status yt_advisor_tune(struct yt_advisor *a);

/** Choose, and walk from the baseline to the choice. */
enum yt_status yt_advisor_settle(struct yt_advisor *a);

/** Fill in gains and rivals from what is known. */
void yt_advisor_gains(struct yt_advisor *a);
void yt_advisor_rivals(struct yt_advisor *a);

/** Store the advice as a recommendation; no database is fine. */
enum yt_status yt_advisor_store(struct yt_advisor *a);

/** Read back what was recommended for the same question.
 *  @return YT_OK; YT_NOT_FOUND. */
enum yt_status yt_advisor_recall(struct yt_advisor *a);

#endif
