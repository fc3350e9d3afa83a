#ifndef YT_FEED_H
#define YT_FEED_H

/* Batches of pictures to train with: decoded once and kept, brought to the
 * input's size as a product does it, changed as YOLOv5's defaults do it. Batch
 * number n of a seed is always the same, whatever was asked for before it, so
 * that a training that goes on sees what it would have seen. */

#include <stdint.h>

#include "eval/dataset.h"
#include "train/data/augment.h"
#include "train/loss/detection.h"

struct yt_feed_options {
    int32_t h, w, batch;
    int32_t threads; /* that prepare the next two batches; 0: 1 */
    uint64_t seed;
    struct yt_augmentation augmentation;
    int64_t cache_bytes; /* most for pictures, which are kept at the size that
                            the input has for them; 0: 1 GiB. Those that came
                            when it was full are read each time */
};

struct yt_feed;

/** Begin. Objects are those of now; crowds and boxes without area are none.
 *
 * @param dataset borrowed until close. What is found out about its pictures is
 *                told to it in calls of yt_feed_open() and yt_feed_batch():
 *                sizes, and which ones cannot be read, which are left out with
 *                a problem each when they are first met. Their places in
 *                batches are taken by the pictures that come behind them.
 * @return YT_OK; YT_BAD_INPUT when no picture could be read; YT_NO_MEMORY. */
enum yt_status yt_feed_open(struct yt_dataset *dataset,
                            const struct yt_feed_options *options,
                            struct yt_feed **feed_out);

/** NULL is fine. */
void yt_feed_close(struct yt_feed *feed);

/** Batches in which each picture comes once, in an order of the epoch's own;
 *  the last is filled up with the first pictures of that order. In a mosaic a
 *  picture of the order is one of four, the others are any. */
int64_t yt_feed_batches_per_epoch(const struct yt_feed *feed);

struct yt_batch {
    const float *images; /* [batch][3][h][w], RGB, 0..1 */
    const struct yt_label *targets;
    int32_t target_count;
};

/** Batch @p number, 0 and up; fastest when asked for in order. What the last
 *  call gave is gone then.
 *  @return YT_OK; YT_BAD_INPUT when no picture can be read any more;
 *          YT_NO_MEMORY. */
enum yt_status yt_feed_batch(struct yt_feed *feed, int64_t number,
                             struct yt_batch *batch_out);

#endif
