#ifndef YT_FILTER_H
#define YT_FILTER_H

/* One output channel's weights to integers. Weights are in units of the input's
 * steps: each is multiplied by the step of the input channel it meets. */

#include <stdint.h>

#include "compress/quant/steps.h"

/** What the arithmetic can hold. */
struct yt_filter_limits {
    int32_t weight_max; /* largest magnitude of an integer weight */
    int32_t input_max;  /* largest magnitude that it is multiplied with */
    int32_t clip;       /* 1: large weights may be cut off where that makes the
                           squared error of all smaller */
};

/** @param weight_max of u8s8, see runtime/integers.h. */
struct yt_filter_limits yt_filter_limits_of(enum yt_dtype dtype,
                                            int32_t weight_max);

/** One output channel's weights, [c][taps], in units of its input's steps. */
void yt_filter_row(const float *weights, int32_t c, int32_t taps,
                   const struct yt_quant_step *steps, float *row_out);

/** What a unit of the sum is worth, > 0 and finite, chosen so that weights,
 *  bias and sums fit. Depends on nothing else: learned rounding finds the same.
 *  @param weights [count], finite. */
float yt_filter_scale(const float *weights, int64_t count, double bias,
                      const struct yt_filter_limits *limits);

/** Round weights to integers.
 *
 * @param rounding  NULL: to nearest; or bit first + i, 1: up, of weight i.
 * @param[in,out] scale_io  yt_filter_scale(); raised while integers do not fit.
 * @param[out] integers_out [count].
 * @param[out] start_out    the bias in units of the sum: |start| <= 2^30.
 * @return the largest magnitude the sum can reach, below 2^31.
 */
int64_t yt_filter_round(const float *weights, int64_t count, double bias,
                        const struct yt_filter_limits *limits,
                        const uint8_t *rounding, int64_t first, float *scale_io,
                        int16_t *integers_out, int32_t *start_out);

#endif
