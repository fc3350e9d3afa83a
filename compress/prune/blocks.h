#ifndef YT_PRUNE_BLOCKS_H
#define YT_PRUNE_BLOCKS_H

/* Blocks of weights that go: [k][c] rectangles of a filter at one tap become
 * zeros, which sparse kernels skip. The graph's shapes stay. Filters in groups
 * (model/filters.h) are to be left as they are: refitted, they would be
 * dense. */

#include <stdint.h>

#include "compress/prune/moments.h"
#include "model/graph.h"

/** A rectangle of @p k output and @p c input channels at one tap: what one
 *  instruction of a kernel computes with. */
struct yt_block {
    int32_t k, c;
};

/** Blocks of a CONV node's filter; the last ones of a side may be cut. */
int64_t yt_block_count(const struct yt_graph *graph, int32_t node,
                       const struct yt_block *block);

/** What each block is worth: by how much the node's output changes, squared, as
 *  a share of its energy, when it becomes zero and the other weights of its
 *  rows make up for it as well as they can. Of many blocks that go together the
 *  loss is larger than the sum.
 *  @param m  of @p graph; NULL: by the weights' magnitudes alone, as a share of
 *            all of them.
 *  @param losses_out [count], [k blocks][c blocks][r][r].
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_block_losses(const struct yt_graph *graph, int32_t node,
                               const struct yt_block *block,
                               const struct yt_moments *m, double *losses_out);

/** The mask of a node's weights, [c][input c][r][r], 1: stays, when a share of
 *  its blocks goes: those worth least, as many of each row of @p block->k
 *  output channels as of the next when @p even, so that tasks end together.
 *  @param share 0..1 that goes.
 *  @param m  as yt_block_losses().
 *  @param mask_out [weights].
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_block_mask(const struct yt_graph *graph, int32_t node,
                             const struct yt_block *block,
                             const struct yt_moments *m, double share,
                             int32_t even, uint8_t *mask_out);

/** A graph whose weights are zero where masks say it, those that stay refitted
 *  by least squares with @p m, or kept as they are without.
 *  @param masks [node_count]; NULL: of this node all stay. Only CONV nodes have
 *               one.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_prune_weights(const struct yt_graph *graph,
                                const uint8_t *const *masks,
                                const struct yt_moments *m,
                                struct yt_graph **graph_out);

/** The share of a node's blocks that are all zeros, 0..1. */
double yt_block_zeros(const struct yt_graph *graph, int32_t node,
                      const struct yt_block *block);

#endif
