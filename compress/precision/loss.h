#ifndef YT_LOSS_H
#define YT_LOSS_H

/* How far a network's detections are from those of another one: see
 * compress/precision/assign.h for what is summed. Labels are not looked at, so
 * any pictures will do, and few: the measure is of every cell that sees
 * something, not of the few boxes that are left in the end. */

#include "eval/dataset.h"
#include "tuner/build/build.h"
#include "tuner/measure/stats.h"

#define YT_LOSS_SCORE 0.05f

/** Pictures, and what a network made of them. */
struct yt_loss;

/** Load at most @p images pictures, evenly spread, and run the network that
 *  others are compared with.
 *  @param build built; borrowed for the call.
 *  @return YT_OK; YT_BAD_INPUT when no picture could be read; YT_NO_MEMORY. */
enum yt_status yt_loss_open(const struct yt_dataset *pictures, int32_t images,
                            const struct yt_build *build,
                            struct yt_loss **loss_out);

/** Run a network of the same graph and input size on the pictures.
 *  @return YT_OK; YT_NO_MEMORY; what opening it returned. */
enum yt_status yt_loss_measure(const struct yt_loss *loss,
                               const struct yt_build *build, double *loss_out);

/** Nanoseconds of each layer of a network, one after the other, on one of the
 *  pictures.
 *  @param stats_out [layer_count].
 *  @return as yt_loss_measure(). */
enum yt_status yt_loss_time(const struct yt_loss *loss,
                            const struct yt_build *build, int32_t frames,
                            struct yt_stats *stats_out);

/** NULL is fine. */
void yt_loss_close(struct yt_loss *loss);

#endif
