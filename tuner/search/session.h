#ifndef YT_SESSION_H
#define YT_SESSION_H

/* The main job: measure this machine, search schedules for each distinct
 * problem of a network, decide inside the running network, store everything. */

#include <stdint.h>

#include "tuner/measure/bench.h"
#include "tuner/build/engine.h"

/** Where the work stands, for progress lines. Strings are borrowed. */
struct yt_progress_event {
    const char *phase;      /* "search", "in-network", "threads", "evaluate" */
    const char *layer;      /* a layer's name, or "" */
    const char *problem;    /* its problem's name, or "" */
    int32_t tried, planned; /* candidates of this phase */
    int32_t done_layers, layers; /* distinct problems finished, in all */
    double best_gflops;          /* of this problem so far; 0: none yet */
    double first_gflops;         /* of its default schedule */
    double peak_gflops;          /* of the machine, same threads */
    double elapsed_s, left_s;    /* left_s < 0: unknown */
};

struct yt_tune_options {
    uint64_t budget_ns;       /* of the whole search; 0 means 150 s */
    const volatile int *stop; /* NULL, or end early when it is not 0; what was
                                 measured stays */
    void (*progress)(void *user, const struct yt_progress_event *event);
    void *user;
    const struct yt_image *image; /* frames to evaluate with */
    int32_t peak_threads; /* the result's peak is of as many; 0: the engine's */
    int32_t exhaustive;   /* 1: after the search, try the rest of the space for
                             as long as the budget lasts */
};

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
