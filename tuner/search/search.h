#ifndef YT_SEARCH_H
#define YT_SEARCH_H

/* Candidates of each distinct problem of a network, one thread's share of each
 * tried alone on one pinned core per worker until the space or the time is used
 * up. */

#include "tuner/build/build.h"
#include "tuner/build/site.h"
#include "tuner/search/space.h"
#include "tuner/search/tune_options.h"

/** A distinct problem and everything tried for it. */
struct yt_subject {
    struct yt_problem problem;
    char name[YT_PROBLEM_NAME_MAX];
    const char *layer; /* the first layer that has it; borrowed */
    int32_t layers;    /* how many have it */
    struct yt_trials trials;
    struct yt_schedule *proposed; /* [proposed_count], by a cost model; owned */
    int32_t proposed_count;
    int32_t fresh;    /* trials of this run */
    int32_t failed;   /* of those, not ok */
    int32_t complete; /* 1: the search has nothing left to try */
};

struct yt_cost_model;

struct yt_search {
    const struct yt_site *site;  /* borrowed */
    int32_t threads;             /* that steps are shared by */
    struct yt_subject *subjects; /* of a frame's steps, then most work first */
    int32_t subject_count;
    struct yt_cost_model *model; /* owned; NULL: too little was measured yet */
    double peak_gflops;          /* all threads, for progress */
    int64_t newest_ms; /* of the rows read, of any outcome; 0: there were none.
                           A plan that is older does not know them */
    int32_t fresh;     /* trials of this run, over all subjects */
    int32_t learnt_fresh; /* of them when the model was made or tried */
    int32_t lost;         /* candidates of this run without an answer, such as
                           when the system killed a worker: not stored */
    char why_lost[200];   /* the sentence of the last of them */
};

/** The distinct problems of a network (borrowed until destroy: layer names) and
 *  of the steps before and behind it, with what the site's database holds on
 *  them.
 *  @return YT_OK; YT_NO_MEMORY; what the database returned. */
enum yt_status yt_search_create(const struct yt_site *site,
                                const struct yt_build *build, int32_t threads,
                                struct yt_search **search_out);

/** Take up what the database holds by now.
 *  @return YT_OK; YT_NO_MEMORY; what the database returned. */
enum yt_status yt_search_read(struct yt_search *search);

/** Try candidates until nothing is left, @p deadline_ns (monotonic) or
 *  options->stop. Every result is stored at once. While another process
 *  measures for the same database, wait.
 *  @return YT_OK; YT_IO, YT_NO_MEMORY for workers; what the database
 *          returned. */
enum yt_status yt_search_run(struct yt_search *search,
                             const struct yt_tune_options *options,
                             uint64_t deadline_ns);

#define YT_FINALISTS_MAX 6

/** Candidates for the network: the fastest within 8 % of the best, and the
 *  fastest two of those that split pixels, within 30 %, since alone they show
 *  nothing of what they save between steps. The default schedule when nothing
 *  was measured.
 *  @return how many, 1..YT_FINALISTS_MAX. */
int32_t yt_subject_finalists(const struct yt_subject *subject,
                             const struct yt_isa *isa,
                             struct yt_schedule out[YT_FINALISTS_MAX]);

/** Which subject a problem is; subject_count: none. */
int32_t yt_search_find(const struct yt_search *search,
                       const struct yt_problem *problem);

/** Set the schedules of the network's layers to the fastest of each, as
 *  measured alone, for when there is no time to compare them in the network. */
void yt_search_choose_layers(const struct yt_search *search,
                             struct yt_build *build);

/** Set the schedules of the steps before and behind the network to the fastest
 *  of each, as measured alone: their times depend on the picture more than on
 *  what the network leaves in the caches. */
void yt_search_choose_frame(const struct yt_search *search,
                            struct yt_build *build);

/** The least time of a trial; 0 when none was ok. */
double yt_subject_best_ns(const struct yt_subject *subject);

/** Arithmetic of all layers that have the problem, in flops. */
double yt_subject_work(const struct yt_subject *subject);

/** Bytes of code of a schedule that was tried, 0 when it was not. */
uint32_t yt_subject_code_bytes(const struct yt_subject *subject,
                               const struct yt_schedule *schedule);

/** NULL is fine. */
void yt_search_destroy(struct yt_search *search);

#endif
