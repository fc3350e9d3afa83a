#ifndef YT_GUIDANCE_H
#define YT_GUIDANCE_H

/* What may be done beyond inference: advice with its source, most fitting
 * first. Nothing of it is measured here, and it is never mixed with what is. */

#include "strategies/advice/advisor.h"

struct yt_guidance {
    const char *what;  /* to do */
    const char *why;   /* here: what of the recommendation it follows from */
    const char *basis; /* where the claim comes from */
    const char *needs; /* data, time, hardware */
};

#define YT_GUIDANCE_MAX 8

/** @param cpu_bits what the host can use, a set of enum yt_cpu_bits.
 *  @param[out] out [YT_GUIDANCE_MAX]; static texts.
 *  @return how many. */
int32_t yt_guidance_list(const struct yt_advice *advice,
                         const struct yt_choices *choices, uint32_t cpu_bits,
                         struct yt_guidance out[YT_GUIDANCE_MAX]);

#endif
