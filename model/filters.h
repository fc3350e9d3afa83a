#ifndef YT_FILTERS_H
#define YT_FILTERS_H

/* Convolutions that a graph has no node for, as the filters of plain ones that
 * compute the same. */

#include <stdint.h>

#include "model/graph.h"

/* YOLOv5 before v6.0 begins with Focus: every second row and column of the
 * image, from each of the four places to begin, side by side as channels, then
 * a convolution. That is one convolution of the image itself, with twice the
 * window, stride and padding. */

#define YT_FOCUS_PARTS 4

/** First row and column of a quarter of the pixels, 0 or 1. */
struct yt_focus_part {
    int32_t y, x;
};

/** The filter [k][c][2r][2r] that does to an input what @p small does to its
 *  quarters.
 *
 * @param small   [k][YT_FOCUS_PARTS * c][r][r]
 * @param order   [YT_FOCUS_PARTS] the quarters in the order of its channels;
 *                each is there once.
 * @param k       output channels.
 * @param c       channels of the input.
 * @param r       rows and columns of the small filter.
 * @param[out] filter_out [k][c][2r][2r]
 */
void yt_focus_filter(const float *small, const struct yt_focus_part *order,
                     int32_t k, int32_t c, int32_t r, float *filter_out);

/** Where the taps of a window lie in a square one: those of an oblong filter, a
 *  dilated one, or one with more zeros before the input than behind it. */
struct yt_filter_taps {
    int32_t rows, columns;
    int32_t row_step, column_step;
    int32_t top, left; /* the first */
};

/** Put each of the taps where it lies in a square filter.
 *
 * @param small  [planes][rows][columns]
 * @param planes outputs times inputs.
 * @param taps   all of them lie in the square.
 * @param r      rows and columns of the square.
 * @param[out] filter_out [planes][r][r], which was 0.
 */
void yt_spread_filter(const float *small, int64_t planes,
                      const struct yt_filter_taps *taps, int32_t r,
                      float *filter_out);

/** The filter [k][c][taps] of a convolution in groups, each of which reads its
 *  share of the channels: zero between groups. Whole blocks of zeros are left
 *  out of what runs (model/lower_pattern.c), so that a depth-wise convolution
 *  costs a block of outputs for each channel and not all of them.
 *
 * @param small   [k][c / groups][taps]
 * @param groups  that divide both k and c.
 * @param k       output channels.
 * @param c       channels of the input.
 * @param taps    of a filter: rows times columns.
 * @param[out] filter_out [k][c][taps], which was 0.
 */
void yt_grouped_filter(const float *small, int32_t groups, int32_t k, int32_t c,
                       int32_t taps, float *filter_out);

/** The groups of a CONV node's filter that lie apart: every output reads zeros
 *  of all channels but those of its group.
 *
 *  @param unit  channels in and out that a group has to have a multiple of;
 *               groups of one channel each are found at any.
 *  @return as many groups as there can be; 1: none. */
int32_t yt_filter_groups(const struct yt_graph *graph, int32_t node,
                         int32_t unit);

/** Weights of a CONV node's filter: [c][input c][r][r]. */
int64_t yt_filter_size(const struct yt_graph *graph, int32_t node);

/** Whether zeros of a CONV node's filter are its structure, which whoever
 *  changes weights has to keep: no output reads more than half of the input's
 *  channels, some reads one. So it is with groups, and where a filter picks
 *  channels; of a dense filter few weights are exactly 0.
 *
 *  @return 1 if so, else 0. */
int yt_filter_is_grouped(const struct yt_graph *graph, int32_t node);

#endif
