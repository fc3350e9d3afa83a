#ifndef YT_MATH_H
#define YT_MATH_H

/* Sizes: what C has no operator for. */

#include <stdint.h>

/** a / b, rounded up. @pre a >= 0, b > 0. */
static inline int64_t yt_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/** The least multiple of @p unit that is not below @p n. @pre as above. */
static inline int64_t yt_round_up(int64_t n, int64_t unit)
{
    return yt_ceil_div(n, unit) * unit;
}

#endif
