#ifndef YT_ACT_H
#define YT_ACT_H

/* What follows a convolution, element by element. The numbers are part of
 * problems, so a new one goes to the end of the list. */

#include <stdint.h>

/** The least value of x * sigmoid(x), at x = -1.2785. */
#define YT_SILU_LEAST (-0.27846454f)

enum yt_act {
    YT_ACT_NONE, /* the number itself */
#define YT_ACT(id, ...) YT_ACT_##id,
#include "runtime/acts.inc"
#undef YT_ACT
    YT_ACT_COUNT
};

/** Slopes of a leaky ReLU are counted in millionths, so that they have a place
 *  in a problem's name. */
#define YT_SLOPE_ONE 1000000

struct yt_act_row {
    const char *name;
    float least;          /* see runtime/acts.inc */
    int32_t exponentials; /* of each value */
};

/** @pre 0 <= act < YT_ACT_COUNT. */
const struct yt_act_row *yt_act_row(enum yt_act act);

/** Whether there is such an activation, with such a slope: 0..YT_SLOPE_ONE of a
 *  leaky ReLU, 0 of all others. */
int yt_act_exists(int32_t act, int32_t slope);

/** A slope in millionths, rounded to the nearest; -1: none that can be had. */
int32_t yt_act_slope(double slope);

/** The activation of a number, |relative error| < 1e-13.
 *
 *      relu         max(x, 0)               relu6  min(max(x, 0), 6)
 *      leaky        max(x, slope * x)       silu   x * sigmoid(x)
 *      hardsigmoid  min(max(x + 3, 0), 6) / 6
 *      hardswish    x * hardsigmoid(x)      mish   x * tanh(log(1 + exp(x)))
 *
 *  @pre yt_act_exists(act, slope). */
double yt_act_value(enum yt_act act, int32_t slope, double x);

#endif
