#ifndef YT_FEED_H
#define YT_FEED_H

/* Batches of pictures to train with: decoded once and kept, changed as YOLOv5's
 * defaults do it, brought to the input size. Batch number n of a seed is always
 * the same, whatever was asked for before it, so that a training that goes on
 * sees what it would have seen. */

#include <stdint.h>

#include "eval/dataset.h"
#include "train/data/augment.h"
#include "train/loss/detection.h"

struct yt_feed_options {
    int32_t h, w, batch;
    int32_t threads; /* that prepare batches ahead; 0: 1 */
    uint64_t seed;
    struct yt_augmentation augmentation;
    int64_t cache_bytes; /* most for decoded pictures; 0: 1 GiB. Beyond that
                            they are kept at the input's size, and then read
                            again */
};

struct yt_feed;

/** @param dataset borrowed until close; pictures that cannot be read are left
 *                 out with a problem each, as yt_dataset_leave_out() does.
 *  @return YT_OK; YT_BAD_INPUT when no picture could be read; YT_NO_MEMORY. */
enum yt_status yt_feed_open(struct yt_dataset *dataset,
                            const struct yt_feed_options *options,
                            struct yt_feed **feed_out);

/** NULL is fine. */
void yt_feed_close(struct yt_feed *feed);

/** Batches in which each picture comes once, in an order of the epoch's own;
 *  the last is filled up with the first pictures of that order. */
int64_t yt_feed_batches_per_epoch(const struct yt_feed *feed);

struct yt_batch {
    const float *images; /* [batch][3][h][w], RGB, 0..1 */
    const struct yt_target *targets;
    int32_t target_count;
};

/** Batch @p number, 0 and up; fastest when asked for in order. What the last
 *  call gave is gone then.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_feed_batch(struct yt_feed *feed, int64_t number,
                             struct yt_batch *batch_out);

#endif
