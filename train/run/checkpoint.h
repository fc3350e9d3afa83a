#ifndef YT_CHECKPOINT_H
#define YT_CHECKPOINT_H

/* The state of a training: kept in memory to go back to, and in a file to go on
 * from. Batches are a function of the step, so there is no generator of random
 * numbers to keep. */

#include <stdint.h>

#include "train/run/rate.h"
#include "yolotune/status.h"

#define YT_CHECKPOINT_VERSION 2
#define YT_CHECKPOINT_ID_MAX  33

/** The numbers, eight bytes each: they are written as they are. */
struct yt_checkpoint_numbers {
    int64_t step;      /* done */
    int64_t evaluated; /* step of the last evaluation; -1: none was made */
    int64_t next;      /* step of the next one */
    int64_t left;      /* evaluations to come */
    struct yt_rate_plan plan;
    double rate_factor; /* of rates, after losses that were not finite */
    int64_t halved;
    double start_map, best_map; /* NAN: not measured */
    int64_t best_step;
    double start_loss, loss; /* of the first step; a moving mean */
    double seconds;          /* trained so far, in all runs */
    double evaluation_s;     /* what the last evaluation took */
};

struct yt_checkpoint {
    char identity[YT_CHECKPOINT_ID_MAX]; /* of the training */
    struct yt_checkpoint_numbers numbers;
    int64_t count;                            /* of all weights and biases */
    float *values, *momenta, *average, *best; /* [count] */
    float *squares;                           /* [count], or NULL */
};

/** An empty one with its arrays.
 *  @param identity of at most YT_CHECKPOINT_ID_MAX - 1 characters.
 *  @param squares 1: with that array.
 *  @param[out] c the caller's until yt_checkpoint_deinit(), also on failure.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_checkpoint_init(struct yt_checkpoint *c, const char *identity,
                                  int64_t count, int32_t squares);

/** All zero is fine. */
void yt_checkpoint_deinit(struct yt_checkpoint *c);

/** Write a file that is whole or not there: beside its place, flushed to the
 *  disk, then renamed. What stood there stays until then, and on failure.
 *  @return YT_OK; YT_IO naming the file; YT_NO_MEMORY. */
enum yt_status yt_checkpoint_write(const struct yt_checkpoint *c,
                                   const char *path);

/** Read a file of the same training.
 *
 * @param c initialised; identity, count and squares say what is expected. On
 *          failure numbers and arrays are not to be used.
 * @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT for what is no checkpoint,
 *         damaged, cut off, of a newer version or of another training;
 *         YT_NO_MEMORY. */
enum yt_status yt_checkpoint_read(struct yt_checkpoint *c, const char *path);

#endif
