#ifndef YT_TRAIN_PARTS_H
#define YT_TRAIN_PARTS_H

/* What the files of a training share: train_setup.c (options and what they have
 * to do with each other), train_step.c (a batch becomes gradients),
 * train_state.c (to go back to, and on from), train.c (the loop). */

#include "train/net/tape.h"
#include "train/run/checkpoint.h"
#include "train/run/train.h"

/* ------------------------------------------------------------------ setup */

/** Options with their defaults filled in.
 *  @return YT_OK; YT_BAD_ARGUMENT, YT_BAD_INPUT as yt_train(). */
enum yt_status yt_train_resolve(const struct yt_graph *start,
                                const struct yt_dataset *dataset,
                                const struct yt_train_options *options,
                                struct yt_train_options *resolved_out);

/** What a checkpoint has to be of: the graph, the pictures and all options that
 *  decide over weights, epochs among them; not a budget, nor what it runs on.
 *  @param options resolved.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_train_identity(const struct yt_graph *start,
                                 const struct yt_dataset *dataset,
                                 const struct yt_train_options *options,
                                 char identity_out[YT_CHECKPOINT_ID_MAX]);

/* ------------------------------------------------------------------- step */

/** A value of the student that the teacher has in the same shape. */
struct yt_train_map {
    int32_t student, teacher; /* nodes */
    int64_t count;            /* values of a batch */
};

/** From a batch to gradients. */
struct yt_train_step {
    const struct yt_train_options *options; /* resolved, borrowed */
    const struct yt_graph *graph;           /* borrowed */
    struct yt_feed *feed;
    struct yt_tape *student, *teacher; /* teacher NULL: none */
    struct yt_train_map maps[YT_LEVELS_MAX];
    int32_t map_count;
    int64_t counts[YT_LEVELS_MAX]; /* values of each head of a batch */
    /* [counts[i]] of each head; those of the teacher NULL without one. */
    float *said[YT_LEVELS_MAX], *taught[YT_LEVELS_MAX];
    float *gradients[YT_LEVELS_MAX], *more[YT_LEVELS_MAX];
    float *map_said, *map_taught, *map_gradient; /* of the largest map */
};

/** @param graph   its weights are read at each step.
 *  @param options resolved; outlive the step.
 *  @param[out] step the caller's to close, also on failure. */
enum yt_status yt_train_step_open(const struct yt_graph *graph,
                                  struct yt_dataset *dataset,
                                  const struct yt_train_options *options,
                                  struct yt_train_step *step);

/** All zero is fine. */
void yt_train_step_close(struct yt_train_step *step);

/** The loss of batch @p number, and gradients in the student's tape unless it
 *  is not finite.
 *  @param[out] loss_out the mean over the batch's pictures. */
enum yt_status yt_train_step_run(struct yt_train_step *step, int64_t number,
                                 double *loss_out);

#endif
