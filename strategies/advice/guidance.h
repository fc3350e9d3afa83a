#ifndef YT_GUIDANCE_H
#define YT_GUIDANCE_H

/* What may be done beyond inference: advice with its source, most fitting
 * first. Nothing of it is measured for this recommendation, and it is never
 * mixed with what is; what earlier compressions on this host gave is quoted. */

#include "strategies/advice/advisor.h"

struct yt_guidance {
    const char *what;  /* to do */
    const char *why;   /* here: what of the recommendation it follows from */
    const char *basis; /* where the claim comes from */
    const char *needs; /* data, time, hardware */
};

#define YT_GUIDANCE_MAX  9
#define YT_GUIDANCE_TEXT 256

/** What the newest compression of a model on this host gave, in a sentence.
 *  @return YT_OK; YT_NOT_FOUND when there is none; what the database
 *          returned. */
enum yt_status yt_guidance_compressed(const struct yt_site *site, int64_t model,
                                      char text_out[YT_GUIDANCE_TEXT]);

/** @param compressed of the recommended model, as above; NULL: nothing is
 *                    known. Borrowed as long as @p out is.
 *  @param cpu_bits what the host can use, a set of enum yt_cpu_bits.
 *  @param[out] out [YT_GUIDANCE_MAX]; static texts but for that one.
 *  @return how many. */
int32_t yt_guidance_list(const struct yt_advice *advice,
                         const struct yt_choices *choices, uint32_t cpu_bits,
                         const char *compressed,
                         struct yt_guidance out[YT_GUIDANCE_MAX]);

/** The same for the answer of a lab, with what its database knows.
 *  @param text that @p out may point into. */
int32_t yt_guidance_of(const struct yt_lab *lab, const struct yt_advice *advice,
                       char text[YT_GUIDANCE_TEXT],
                       struct yt_guidance out[YT_GUIDANCE_MAX]);

#endif
