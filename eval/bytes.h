#ifndef YT_EVAL_BYTES_H
#define YT_EVAL_BYTES_H

/* Whole numbers in the bytes of a file, in either order. */

#include <stdint.h>

/** Two bytes at @p p.
 *  @param p    where they start.
 *  @param big  1: the first is the high one. */
static inline uint32_t yt_bytes_u16(const uint8_t *p, int big)
{
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

/** Four bytes at @p p.
 *  @param p    where they start.
 *  @param big  1: the first is the highest one. */
static inline uint32_t yt_bytes_u32(const uint8_t *p, int big)
{
    return big ? yt_bytes_u16(p, 1) << 16 | yt_bytes_u16(p + 2, 1)
               : yt_bytes_u16(p + 2, 0) << 16 | yt_bytes_u16(p, 0);
}

#endif
