#ifndef YT_REFIT_H
#define YT_REFIT_H

/* Weights that go, and what those that stay can make good. With A the inputs'
 * covariance and a ridge, w the weights that go, the output's squared error is
 * least, w (A^-1 of those that go)^-1 w', when the others change by
 *      -w (A^-1 of those that go)^-1 (A^-1 from those that go to the others)
 * and the bias takes up the mean (the optimal brain surgeon, for many weights).
 * The ridge holds the others near what they were, so that the error is never
 * larger than without. */

#include "compress/prune/moments.h"

/** The error, summed over rows that lose the same weights.
 *  @param gone     [gone_count] which, ascending.
 *  @param weights  [count][n].
 *  @param[out] loss_out  variance of the outputs' error.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_refit_loss(const struct yt_conv_moments *m,
                             const int32_t *gone, int32_t gone_count,
                             const float *weights, int32_t count,
                             double *loss_out);

/** Change rows of weights and their biases, those that go become 0.
 *  @param keep     [n] 0: goes, of all rows.
 *  @param weights  [count][n].
 *  @param bias     [count].
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_refit(const struct yt_conv_moments *m, const uint8_t *keep,
                        float *weights, float *bias, int32_t count);

#endif
