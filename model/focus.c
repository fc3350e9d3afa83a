/* See focus.h: tap (y, x) of quarter (i, j) is tap (2y + i, 2x + j). */

#include "model/focus.h"

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
