#ifndef YT_ADVISOR_H
#define YT_ADVISOR_H

/* From a scenario to a recommendation, by measuring.
 *
 * - probe: every setting of every strategy alone, few pictures each;
 * - sample: the best third, mixed with each other and their near neighbours;
 * - types: layers that int8 costs most accuracy are given their f32 back, where
 *   int8 as a whole costs too much;
 * - full: the best of those on all pictures, neighbours until none is better;
 * - kernels: searched for the best; whoever could beat it then is next;
 * - in turn: baseline, each step on the way, and the choice, interleaved.
 *
 * The choice is the best of all rows that answer the question, also of those
 * that came in the last stage or in an earlier run: none is better beyond the
 * noise of timing, and inside it fewer changes win.
 *
 * This is successive halving with recombination. Everything measured is a row,
 * so a run that was cut short is continued by the next one, and what was
 * recommended before is read back. */

#include "strategies/lab/lab.h"
#include "strategies/choice/strategy.h"
#include "tuner/search/session.h"

#define YT_ADVICE_STEPS  YT_STRATEGY_COUNT /* each is taken up once */
#define YT_ADVICE_GAINS  32
#define YT_ADVICE_RIVALS 8
#define YT_ADVICE_TEXT   240

/** One strategy on the way from the baseline to the choice. */
struct yt_advice_step {
    const struct yt_strategy *strategy;
    char detail[YT_ADVICE_TEXT]; /* the setting */
    struct yt_assessment after;  /* with it and all before it */
};

/** What a setting does alone, against the baseline at the same depth. */
struct yt_advice_gain {
    const struct yt_strategy *strategy;
    char setting[YT_ADVICE_TEXT];
    struct yt_assessment alone, base;
};

struct yt_advice_rival {
    struct yt_assessment is;
    char note[YT_ADVICE_TEXT]; /* what would make it the choice */
};

struct yt_advice {
    const struct yt_scenario *scenario;
    struct yt_limits limits;
    struct yt_assessment baseline, choice;
    struct yt_advice_step steps[YT_ADVICE_STEPS];
    int32_t step_count;
    struct yt_advice_gain gains[YT_ADVICE_GAINS];
    int32_t gain_count;
    struct yt_advice_rival rivals[YT_ADVICE_RIVALS];
    int32_t rival_count;
    char missed[YT_ADVICE_TEXT]; /* limits that the choice misses; "": none */
    int32_t measured, reused;    /* configurations: in this run, from rows */
    int32_t from_database;       /* 1: an earlier run's recommendation */
    int32_t interrupted;         /* 1: by a signal */
    int32_t has_kernels;         /* 1: kernels were searched in this run */
    struct yt_tune_result kernels;
    double seconds;
    int64_t recommendation; /* row; 0: none */
};

/** Where the work stands. Strings are borrowed. */
struct yt_advisor_event {
    const char *phase; /* "calibration", "probe", "sample", "types", "full",
                          "kernels", "in turn" */
    const char *what;  /* the configuration at hand */
    int32_t done, planned;
    const struct yt_assessment *best; /* so far at this depth; NULL: none */
    const struct yt_progress_event *kernels; /* in "kernels", else NULL */
    double elapsed_s, left_s;
};

struct yt_advisor_options {
    const struct yt_scenario *scenario;
    struct yt_wishes wishes;
    uint64_t budget_ns; /* 0: 200 s; a budget also continues what an earlier
                           run finished */
    int32_t exhaustive; /* of the search for kernels */
    const volatile int *stop;
    void (*progress)(void *user, const struct yt_advisor_event *event);
    void *user;
};

/** Recommend.
 *
 * @param[out] advice_out the caller's; plain data.
 * @return YT_OK, also when limits are missed (advice_out->missed) or a signal
 *         ended it with something to say; YT_INTERRUPTED before that; what
 *         measuring returned.
 */
enum yt_status yt_advise(struct yt_lab *lab,
                         const struct yt_advisor_options *options,
                         struct yt_advice *advice_out);

#endif
