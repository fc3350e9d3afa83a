#ifndef YT_SENSITIVITY_H
#define YT_SENSITIVITY_H

/* How far the heads move when a convolution's output is off. Losses are shares
 * of a layer's own energy; a hundredth of one layer's can do ten times what a
 * hundredth of another's does. So each group is pruned once by itself, and what
 * that does to the heads is compared with what it was said to lose. */

#include "compress/prune/blocks.h"
#include "compress/prune/channels.h"

/** Pictures, and the heads of a network on them. */
struct yt_drift;

/** @param graph   borrowed until close.
 *  @param images  [count][3][h][w]; borrowed until close. A dozen is enough to
 *                 compare layers.
 *  @return YT_OK; YT_NO_MEMORY; as yt_tape_create(). */
enum yt_status yt_drift_open(const struct yt_graph *graph, int32_t h, int32_t w,
                             const float *images, int32_t count,
                             int32_t threads, struct yt_drift **drift_out);

/** NULL is fine. */
void yt_drift_close(struct yt_drift *drift);

/** How far a network's heads are from the first one's: squared differences of
 *  probabilities and of boxes, in cells, summed over a cell's channels, and
 *  averaged over cells by how likely they hold an object.
 *  @param graph  of the same heads.
 *  @return as yt_drift_open(). */
enum yt_status yt_drift_measure(const struct yt_drift *drift,
                                const struct yt_graph *graph,
                                double *drift_out);

/** By what to multiply a group's losses, so that those of different groups can
 *  be compared and added.
 *
 * @param losses  [groups->count] of yt_channel_losses(); NULL: not asked for.
 * @param share   of a group's channels that goes for the test: 0.15, say.
 * @param out     [groups->count] 0 where losses are NULL.
 * @return as yt_prune_channels() and yt_drift_measure(). */
enum yt_status yt_channel_sensitivities(const struct yt_drift *drift,
                                        const struct yt_channel_groups *groups,
                                        const double *const *losses,
                                        const struct yt_moments *m,
                                        double share, double *out);

/** The same for a node's blocks. */
enum yt_status yt_block_sensitivity(const struct yt_drift *drift, int32_t node,
                                    const struct yt_block *block,
                                    const struct yt_moments *m, double share,
                                    double *out);

#endif
