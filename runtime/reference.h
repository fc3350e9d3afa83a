#ifndef YT_REFERENCE_H
#define YT_REFERENCE_H

/* What every kernel is compared with: the obvious loops of the operators' rows,
 * accumulated in double, on the same blocked tensors. Never optimised beyond
 * what keeps a full-size layer under a second or so. Of the tools and tests
 * alone: no product has them. */

#include "runtime/op.h"

/** Each element of the output before it is rounded to its type and limited to
 *  its range, for integers in codes.
 *
 * @param lanes    B of the blocked layout of in, out and add.
 * @param args     as the kernel gets them, except that weights are the plain
 *                 filter [k][c][r][r] f32 and bias is [k]. out is written by
 *                 operators with an exact reference, and by no others.
 * @param integers where the operator takes them and a type is of integers;
 *                 else NULL.
 * @param[out] values_out [elements of the output], lanes past its channels 0.
 * @return YT_OK; YT_UNSUPPORTED for an operator without reference;
 *         YT_NO_MEMORY.
 */
enum yt_status yt_reference_values(const struct yt_problem *p, int32_t lanes,
                                   const struct yt_args *args,
                                   const struct yt_integers *integers,
                                   double *values_out);

/** Write args->out as every kernel has to, bit for bit.
 *  @return YT_OK; YT_UNSUPPORTED where kernels may round otherwise. */
enum yt_status yt_reference_exact(const struct yt_problem *p, int32_t lanes,
                                  const struct yt_args *args,
                                  const struct yt_integers *integers);

/** Write args->out: what moves or compares codes in any type, all else in f32.
 *  The addend may be the output.
 *  @return YT_OK; YT_UNSUPPORTED; YT_NO_MEMORY. */
enum yt_status yt_reference_run(const struct yt_problem *p, int32_t lanes,
                                const struct yt_args *args);

#endif
