#ifndef YT_TRAIN_MASKS_H
#define YT_TRAIN_MASKS_H

/* Weights that a training keeps at zero: those that it is told to, and those
 * that a filter's structure says (yt_filter_is_grouped()). */

#include <stdint.h>

#include "model/graph.h"

struct yt_train_masks {
    const uint8_t **of_node; /* [node_count] as yt_train_options has them; each
                                is the caller's or one of bytes */
    uint8_t *bytes;
};

/** @param graph  as training begins with it.
 *  @param given  [node_count] or NULL, as yt_train_options has them; borrowed
 *                until the end of the masks.
 *  @param[out] masks the caller's to close, also on failure.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_train_masks_open(const struct yt_graph *graph,
                                   const uint8_t *const *given,
                                   struct yt_train_masks *masks);

/** All zeros are fine. */
void yt_train_masks_close(struct yt_train_masks *masks);

#endif
