#ifndef YT_TAPE_ROUND_H
#define YT_TAPE_ROUND_H

/* Values and weights of a tape as they will be when the network computes in
 * integers. Which values are stored as integers, what they are read as and
 * which channels of a filter are rounded together is asked of the lowered
 * network (model/net.h); steps and weights are made by what makes those that
 * ship (compress/quant/filter.h).
 *
 * Left out are bias correction and learned rounding, which belong to weights
 * that stay; bf16, which is computed in f32; the short forms of SiLU. */

#include "compress/quant/steps.h"

struct yt_tape;
struct yt_tape_worker;
struct yt_tape_node;
struct yt_tape_filter;

/** How values become codes and values again. */
struct yt_tape_rounding {
    int32_t c;                    /* channels as stored */
    float *step, *inverse, *zero; /* [c] */
    float lo, hi;                 /* codes */
};

/** Channels of a filter that are rounded together: all, or those that meet one
 *  half of a concat whose other half is half as large. */
struct yt_tape_part {
    int32_t c;                   /* channels of the lowered layer */
    int32_t *channel;            /* [c] of the node's filter; -1: fills up */
    struct yt_quant_step *steps; /* [c] */
    enum yt_dtype dtype;
    int32_t biased;
    double scale; /* what a weight is multiplied with before */
};

#define YT_TAPE_PARTS_MAX 2

/** After the nodes were made: which values and filters are rounded, and memory
 *  for it.
 *  @return YT_OK; YT_BAD_INPUT for ranges that were not observed; what lowering
 *          the graph returned; YT_NO_MEMORY. */
enum yt_status yt_tape_round_create(struct yt_tape *tape);

/** Round a filter as stored, and its bias.
 *  @param weights [k][c][taps] of the filter, in worker's plain memory. */
void yt_tape_round_filter(struct yt_tape_worker *worker, int32_t node,
                          float *weights);

/** Round pictures of a tensor.
 *  @param mask NULL, or 1 where a value lies inside the range, else 0.
 *  @param to   may be @p from. */
void yt_tape_round_values(const struct yt_tape *tape,
                          const struct yt_tape_rounding *rounding,
                          int32_t pictures, int64_t plane, const float *from,
                          float *to, uint8_t *mask);

/** Gradients stop where the value was outside. */
void yt_tape_mask(float *gradient, const uint8_t *mask, int64_t count);

/** Pixels of 0..1 as bytes have them. */
void yt_tape_round_image(float *image, int64_t count);

#endif
