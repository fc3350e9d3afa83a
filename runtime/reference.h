#ifndef YT_REFERENCE_H
#define YT_REFERENCE_H

/* What every kernel is compared with: the obvious loops, accumulated in
 * double, on the same blocked tensors. Never optimised beyond what keeps a
 * full-size layer under a second or so. */

#include "runtime/kernel.h"
#include "runtime/problem.h"

/** Solve CONV2D, SPPF, MAXPOOL or UPSAMPLE.
 *
 * @param lanes B of the blocked layout of in, out and add.
 * @param args  as the kernel gets them, except that weights are the plain
 *              filter [k][c][r][r] f32.
 * @return YT_OK; YT_UNSUPPORTED for another operator or dtype; YT_NO_MEMORY.
 */
enum yt_status yt_reference_run(const struct yt_problem *p, int32_t lanes,
                                const struct yt_args *args);

/** exp(x) in double, |relative error| < 1e-14; products have no libm. */
double yt_reference_exp(double x);

#endif
