/* See filters.h. */

#include "model/filters.h"

#include <string.h>

/* Tap (y, x) of quarter (i, j) is tap (2y + i, 2x + j). */
void yt_focus_filter(const float *small, const struct yt_focus_part *order,
                     int32_t k, int32_t c, int32_t r, float *filter_out)
{
    const int64_t wide = 2 * (int64_t)r;
    for (int32_t o = 0; o < k; o++)
        for (int32_t part = 0; part < YT_FOCUS_PARTS; part++)
            for (int32_t i = 0; i < c; i++) {
                float *to = filter_out + ((int64_t)o * c + i) * wide * wide;
                for (int32_t y = 0; y < r; y++)
                    for (int32_t x = 0; x < r; x++)
                        to[(2 * y + order[part].y) * wide + 2 * x +
                           order[part].x] = *small++;
            }
}

void yt_grouped_filter(const float *small, int32_t groups, int32_t k, int32_t c,
                       int32_t taps, float *filter_out)
{
    const int64_t share = (int64_t)(c / groups) * taps;
    for (int32_t o = 0; o < k; o++) {
        const int64_t group = o / (k / groups);
        memcpy(filter_out + (int64_t)o * c * taps + group * share,
               small + o * share, (size_t)share * sizeof *small);
    }
}
