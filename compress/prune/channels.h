#ifndef YT_PRUNE_CHANNELS_H
#define YT_PRUNE_CHANNELS_H

/* Channels that go: a graph becomes a narrower graph. Channels that are added
 * to each other go together, so they form groups; a concatenation only shifts
 * them. Heads and the image keep all of theirs. */

#include <stdint.h>

#include "compress/prune/moments.h"
#include "model/graph.h"

/** Nodes whose channels are the same ones, by residual adds, activations and
 *  pools. */
struct yt_channel_group {
    int32_t c;      /* channels of each member */
    int32_t *convs; /* [conv_count] CONV nodes that produce them */
    int32_t conv_count;
    int32_t *readers; /* [reader_count] CONV nodes that read them */
    int32_t reader_count;
    int32_t fixed; /* 1: a head's, the image's, read or made by a filter in
                      groups, or added to channels that are put together in
                      another way: nothing can go */
};

/** Where a channel of a node's value comes from. */
struct yt_channel {
    int32_t group, channel;
};

struct yt_channel_groups {
    struct yt_channel_group *groups; /* by first node; owned */
    int32_t count;
    int32_t *of_node; /* [node_count] of CONV nodes, -1 elsewhere; owned */
    int64_t *first;   /* [node_count] of a node's in channels; owned */
    struct yt_channel *channels; /* of all nodes, one after the other; owned */
};

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_channel_groups_find(const struct yt_graph *graph,
                                      struct yt_channel_groups *groups_out);

/** All zeros are fine. */
void yt_channel_groups_deinit(struct yt_channel_groups *groups);

/** How much the outputs of the readers lose, squared, when a channel goes after
 *  all others of less loss went, and those that stay make up for it as well as
 *  they can; summed over readers, each as a share of its output's energy. So
 *  the sum over channels that go, least first, is what is lost in all, and of
 *  two that are the same only one is worth nothing. To compare groups with each
 *  other, weigh them (compress/prune/sensitivity.h).
 *  @param m of @p graph.
 *  @param losses_out [c] of the group.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_channel_losses(const struct yt_graph *graph,
                                 const struct yt_channel_groups *groups,
                                 int32_t group, const struct yt_moments *m,
                                 double *losses_out);

/** The narrower graph.
 *
 * @param keep  [groups->count] of each group one byte a channel, 0: it goes;
 *              NULL: all stay. At least one of each group stays.
 * @param m     to refit the readers' weights and biases by least squares, so
 *              that their outputs are as near as can be; NULL: weights of
 *              channels that stay are kept as they are.
 * @return YT_OK; YT_BAD_ARGUMENT for a fixed group or one that loses all;
 *         YT_NO_MEMORY. */
enum yt_status yt_prune_channels(const struct yt_graph *graph,
                                 const struct yt_channel_groups *groups,
                                 const uint8_t *const *keep,
                                 const struct yt_moments *m,
                                 struct yt_graph **graph_out);

#endif
