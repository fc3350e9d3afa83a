#ifndef YT_SESSION_H
#define YT_SESSION_H

/* The main job: measure this machine, search schedules for each distinct
 * problem of a network, decide inside the running network, store everything. */

#include "tuner/measure/bench.h"
#include "tuner/build/engine.h"
#include "tuner/search/agreement.h"
#include "tuner/search/tune_options.h"

struct yt_tune_result {
    struct yt_frame_stats baseline; /* default schedules */
    struct yt_frame_stats tuned;
    int32_t measured;    /* candidates tried in this run */
    int32_t reused;      /* taken from the database */
    int32_t failed;      /* wrong, crashed, timed out */
    int32_t threads;     /* chosen */
    struct yt_peak peak; /* of the machine, in the type of most arithmetic */
    int32_t lost;        /* candidates whose worker was killed; no rows */
    char why_lost[200];  /* the last one's sentence */
    int32_t kept;        /* 1: the plan stored before was not beaten */
    int32_t fitted;      /* problems whose kernels became smaller for a limit */
    struct yt_agreement agreement; /* of the plan made in this run; zeros where
                                      none was */
    int32_t interrupted; /* 1: the budget or a signal ended it early */
    double seconds;
    int64_t plan_id, evaluation_id, baseline_id; /* 0: not stored */
};

/** Tune @p engine's network; afterwards the engine runs the best plan.
 *  @return YT_OK, also when it ended early with a usable plan. */
enum yt_status yt_tune(struct yt_engine *engine,
                       const struct yt_tune_options *options,
                       struct yt_tune_result *result_out);

#endif
