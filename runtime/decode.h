#ifndef YT_DECODE_H
#define YT_DECODE_H

/* A detection level's raw tensor to candidate boxes. With anchors, by YOLOv5's
 * formulas (models/yolo.py: Detect.forward), s being the sigmoid:
 *
 *      x = (2 s(tx) - 0.5 + cell x) * stride      w = (2 s(tw))^2 * anchor w
 *      y = (2 s(ty) - 0.5 + cell y) * stride      h = (2 s(th))^2 * anchor h
 *      score = s(object) * s(largest class), class = the first such
 *
 *      head [ceil(na*(5+nc)/B)][h][w][B]   channel a*(5+nc) + j,
 *                                          j: tx ty tw th object class...
 *
 * Without, as YOLOv8 has it (Generalized Focal Loss, Li et al., 2020): each
 * side of the box is the mean of a distribution over 0..bins-1 cells,
 *
 *      d = sum(j softmax(t)_j)        x0 = (cell x + 0.5 - d left) * stride ...
 *      score = s(largest class), class = the first such
 *
 *      head [ceil((4*bins+nc)/B)][h][w][B]   left, top, right, bottom, classes
 *
 * Only cells whose objectness, or largest class, passes the threshold pay for
 * the rest.
 *
 * A task is one row of one anchor: task a*h + y. It writes its candidates to
 * its own segment of w entries, and their number; yt_decode_compact() then
 * closes the gaps. So the order is that of YOLOv5's flattened output, whatever
 * the number of threads, and no candidate is ever lost. */

#include <stdint.h>

#include "runtime/plan.h"

/** Boxes of the network's input, structure of arrays, not clipped. */
struct yt_candidates {
    float *x0, *y0, *x1, *y1;
    float *score;
    int32_t *class_id;
};

/** What the kernel gets. */
struct yt_decode_args {
    const float *head;
    int32_t lanes; /* B */
    int32_t na, nc, h, w;
    int32_t rows; /* of each channel block in memory, as in struct yt_decode */
    int32_t bins; /* of a side; 0: a head with anchors */
    int32_t stride;                   /* input pixels per cell */
    float anchors[YT_ANCHORS_MAX][2]; /* width, height in input pixels */
    float min_logit; /* of objectness or class: yt_decode_min_logit(conf) */
    float conf;      /* candidates score more than this */
    struct yt_candidates out; /* [na*h][w], the level's segments */
    int32_t *counts;          /* [na*h] written in each segment */
};

/** A logit just below the one whose sigmoid is @p conf, 0 < conf < 1: cells at
 *  or under it cannot reach the threshold; the rest are decided by score. */
float yt_decode_min_logit(float conf);

/** The box of a cell of an anchor-free head, in input pixels.
 *  @param args head, lanes, h, w, bins and stride are read.
 *  @param[out] box_out x0 y0 x1 y1. */
void yt_decode_bins_box(const struct yt_decode_args *args, int32_t y, int32_t x,
                        float box_out[4]);

/** The kernel in C, schedule "c": na*h tasks. NaNs count as lowest. */
void yt_decode_c(const void *args, int64_t begin, int64_t end);

/** Append a level's segments to all[0..count).
 *
 * @param args the level's, as its kernel got them; its segments lie in the
 *             arrays of @p all at or past index @p count.
 * @return the new count.
 */
int64_t yt_decode_compact(const struct yt_decode_args *args,
                          const struct yt_candidates *all, int64_t count);

/** Copy @p count entries; the arrays may be the same ones further on. */
void yt_candidates_copy(const struct yt_candidates *from, int64_t count,
                        const struct yt_candidates *to);

/** The arrays from entry @p first on. */
struct yt_candidates yt_candidates_at(const struct yt_candidates *all,
                                      int64_t first);

#endif
