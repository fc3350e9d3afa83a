#ifndef YT_TRAIN_STATE_H
#define YT_TRAIN_STATE_H

/* A training that runs. Its state is a checkpoint: what is kept after each
 * evaluation to go back to, and what a file holds. */

#include "train/run/masks.h"
#include "train/run/train_parts.h"

struct yt_training {
    struct yt_train_options options; /* resolved */
    struct yt_graph *graph;          /* the one that is trained; owned */
    struct yt_graph *candidate; /* the same with the average's weights; owned */
    struct yt_train_masks masks;
    struct yt_optimiser_state *optimiser;
    const float **gradients; /* [parameter_count], the tape's */
    struct yt_train_step step;
    struct yt_checkpoint_numbers now;
    struct yt_checkpoint kept;
    int64_t batches; /* of an epoch */
    int64_t steps;   /* of this run */
    uint64_t begin_ns;
    double seconds_before; /* of runs before this one */
    double step_s;         /* a step's time, a moving mean; 0: not known */
    uint64_t evaluated_ns; /* when that was */
    double last_map;       /* NAN: not measured */
    int32_t resumed, interrupted;
};

/** @param[out] t the caller's to close, also on failure.
 *  @return as yt_train(). */
enum yt_status yt_training_open(const struct yt_graph *start,
                                struct yt_dataset *dataset,
                                const struct yt_train_options *options,
                                struct yt_training *t);

/** All zero is fine. */
void yt_training_close(struct yt_training *t);

/** Seconds trained, in all runs. */
double yt_training_seconds(const struct yt_training *t);

/** Keep the state as it is, and write it where options say so.
 *  @return YT_OK; as yt_checkpoint_write(). */
enum yt_status yt_training_keep(struct yt_training *t);

/** Go back to the state that was kept, with half the rate. */
void yt_training_go_back(struct yt_training *t);

/* ------------------------------------------------------------------- plan */

/** Seconds of the budget that are left; INFINITY without one. */
double yt_training_seconds_left(const struct yt_training *t);

/** Plan the whole, after the first evaluation: for a budget a few steps are
 *  tried and forgotten.
 *  @return YT_OK; YT_BAD_ARGUMENT for a budget that is too short;
 *          YT_INTERRUPTED; what a step returned. */
enum yt_status yt_training_plan(struct yt_training *t);

/** After a resume: as many steps as the options say now. Where a training that
 *  was over gets a longer budget, a few steps are tried and forgotten.
 *  @return YT_OK; YT_INTERRUPTED; what a step returned. */
enum yt_status yt_training_plan_resumed(struct yt_training *t);

/** Plan anew what is left of a budget, the next evaluation included, from the
 *  time that steps took; epochs stay as they were planned. */
void yt_training_plan_again(struct yt_training *t);

/** The step of the next evaluation follows from how many are to come. */
void yt_training_plan_evaluation(struct yt_training *t);

/** Take the time of a step into account. */
void yt_training_time_step(struct yt_training *t, double seconds);

/** A graph with the best weights so far.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_training_best(const struct yt_training *t,
                                struct yt_graph **graph_out);

#endif
