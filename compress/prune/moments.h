#ifndef YT_MOMENTS_H
#define YT_MOMENTS_H

/* What a network's maps were like on pictures: from the second moments of what
 * each convolution reads follows what a part of its filter is worth, and how
 * the other parts can make up for it. */

#include <stdint.h>

#include "model/graph.h"
#include "yolotune/status.h"

/** What a CONV node's filter meets: variables in the order of its [c][r][r].
 *  Of a filter of more than YT_MOMENTS_BLOCK variables, those of different
 *  blocks of whole input channels are taken as independent. */
struct yt_conv_moments {
    int32_t n;         /* c * r * r of the input; 0: not a CONV node */
    int32_t block;     /* variables of a block; the last may be shorter */
    int32_t patches;   /* pixels of the output that were looked at */
    double energy;     /* variance of the outputs, summed over channels */
    double *mean;      /* [n] */
    float *covariance; /* [blocks][block][block] */
    double *inverse;   /* the same of the inverse, after a ridge was added */
};

#define YT_MOMENTS_BLOCK 2304

struct yt_moments {
    struct yt_conv_moments *convs; /* [node_count] */
    int32_t node_count;
};

/** Run pictures through the graph.
 *  @param images [count][3][h][w], 0..1.
 *  @return YT_OK; YT_NO_MEMORY; as yt_tape_create(). */
enum yt_status yt_moments_measure(const struct yt_graph *graph, int32_t h,
                                  int32_t w, const float *images, int32_t count,
                                  int32_t threads, struct yt_moments **out);

/** NULL is fine. */
void yt_moments_destroy(struct yt_moments *moments);

#endif
