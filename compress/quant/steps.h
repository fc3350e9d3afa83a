#ifndef YT_STEPS_H
#define YT_STEPS_H

/* From the range of a node to what one code of it is worth. It depends on the
 * range and the type alone, so whoever writes a tensor and all who read it
 * agree without knowing each other. */

#include "compress/quant/quantisation.h"

/** A value is (q - zero) * step. */
struct yt_quant_step {
    float step;   /* > 0, finite */
    int32_t zero; /* u8s8: 0..255; s16: 0 */
};

/** Limits of the steps: what lies outside is as good as never there. */
#define YT_QUANT_STEP_MIN 1e-18f
#define YT_QUANT_STEP_MAX 1e18f

/** Whether yt_quant_step_of() may be asked: the node's range was observed, or
 *  it is the image (0) or none (-1). */
int yt_quant_observed(const struct yt_quantisation *q, int32_t node);

/** The step of a node's values in a type of integers. Zero is always a code,
 *  so a range without it is widened to it. The image has step 1 and zero 0, as
 *  has node -1, what only fills up a block. A range of width 0 at zero has
 *  step 1.
 *  @pre yt_quant_observed(), dtype is S16 or U8S8. */
struct yt_quant_step yt_quant_step_of(const struct yt_quantisation *q,
                                      int32_t node, enum yt_dtype dtype);

#endif
