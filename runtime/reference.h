#ifndef YT_REFERENCE_H
#define YT_REFERENCE_H

/* What every kernel is compared with: the obvious loops, accumulated in
 * double, on the same blocked tensors. Never optimised beyond what keeps a
 * full-size layer under a second or so. */

#include "runtime/integers.h"
#include "runtime/kernel.h"
#include "runtime/problem.h"

/** Solve CONV2D, SPPF, MAXPOOL or UPSAMPLE.
 *
 * @param lanes B of the blocked layout of in, out and add.
 * @param args  as the kernel gets them, except that weights are the plain
 *              filter [k][c][r][r] f32.
 * @return YT_OK; YT_UNSUPPORTED for another operator, and for a CONV2D of
 *         another type than f32; YT_NO_MEMORY.
 */
enum yt_status yt_reference_run(const struct yt_problem *p, int32_t lanes,
                                const struct yt_args *args);

/** A CONV2D of any types: what the output is before it is rounded to its type
 * and limited to its range, for integers in codes.
 *
 * @param args     as the kernel gets them, except that weights are the plain
 *                 filter [k][c][r][r] f32 and bias is [k]; out is not used.
 * @param integers where the input or the output is of integers; else NULL.
 * @param out      [ceil(k/lanes)][oh][ow][lanes], the caller's; 0 past k.
 * @return YT_OK; YT_UNSUPPORTED for another operator; YT_NO_MEMORY.
 */
enum yt_status yt_reference_conv(const struct yt_problem *p, int32_t lanes,
                                 const struct yt_args *args,
                                 const struct yt_integers *integers,
                                 double *out);

/** Gets the sum over the taps of output channel k at element @p at of the
 *  output, @p at_half of a tensor of half the rows and columns. */
typedef void yt_reference_output(void *user, int32_t k, int64_t at,
                                 int64_t at_half, double sum);

/** The sums behind both, of f32 tensors: channels past k get 0.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_reference_sums(const struct yt_conv2d *p, int32_t lanes,
                                 const float *in, const float *weights,
                                 yt_reference_output *output, void *user);

/** The part of yt_reference_run() for SPPF, MAXPOOL and UPSAMPLE of other types
 *  than f32: exact. In runtime/reference_types.c, as the next one is. */
enum yt_status yt_reference_types(const struct yt_problem *p, int32_t lanes,
                                  const struct yt_args *args);

/** Solve CONVERT, exactly as kernels do: in f32, without fused arithmetic.
 *
 * @param args     in and out; no constants.
 * @param integers where the input or output is of integers; else NULL.
 * @return YT_OK; YT_UNSUPPORTED for another operator.
 */
enum yt_status yt_reference_convert(const struct yt_problem *p, int32_t lanes,
                                    const struct yt_args *args,
                                    const struct yt_integers *integers);

/** exp(x) in double, |relative error| < 1e-14; products have no libm. */
double yt_reference_exp(double x);

#endif
