#ifndef YT_ROUNDING_H
#define YT_ROUNDING_H

/* Rounding a convolution's weights so that its outputs stay what they were,
 * instead of each weight by itself: errors of weights whose inputs go together
 * make up for each other. No labels, no training: the second moments of the
 * inputs say what an error does to the output, and weights are rounded one by
 * one, each to the neighbour that makes good what the ones before have left
 * (error feedback through the Cholesky factor, as GPTQ does it). */

#include "model/net.h"
#include "compress/quant/quantisation.h"

/** Inputs of one convolution. */
struct yt_rounding {
    const struct yt_layer *layer; /* borrowed */
    int32_t n;                    /* c * r * r */
    int32_t block;                /* weights whose errors are looked at
                                     together; the last block may be shorter */
    float *moments;               /* [blocks][block][block], upper triangles */
    double *sums;                 /* [n] */
    float *batch;                 /* [YT_ROUNDING_BATCH][n] */
    int32_t batched;
    int64_t patches; /* added so far */
};

#define YT_ROUNDING_BATCH 8

/** Whether a layer's rounding can be learned: a convolution that holds whole
 *  filters, whose input was observed.
 *  @param layer with its nodes, of any type. */
int yt_rounding_applies(const struct yt_layer *layer,
                        const struct yt_quantisation *q);

/** Bytes that yt_rounding_init() takes for a layer. */
int64_t yt_rounding_bytes(const struct yt_layer *layer);

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_rounding_init(const struct yt_layer *layer,
                                struct yt_rounding *r);

/** All zeros are fine. */
void yt_rounding_deinit(struct yt_rounding *r);

/** Room for the next patch, [n] in the order of a filter's [c][r][r]: what
 *  meets the weights for one output pixel, as q - zero of u8s8, 0 outside the
 *  input. To be filled at once. */
float *yt_rounding_patch(struct yt_rounding *r);

/** Round the layer's filters, and set q->rounding of their nodes. Where no
 *  better rounding than to nearest is found for a channel, it is that. With
 *  q->bias_correction the error's mean does not count, since it is made good.
 *
 * @param weight_max of u8s8; q->rounding_weight_max is set to it.
 * @param[out] gain_out NULL, or the squared error of outputs as a share of what
 *                 rounding to nearest gives, 0..1.
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_rounding_learn(struct yt_rounding *r, int32_t weight_max,
                                 struct yt_quantisation *q, double *gain_out);

#endif
