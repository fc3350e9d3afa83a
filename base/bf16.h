#ifndef YT_BF16_H
#define YT_BF16_H

/* bf16: the upper half of an f32. */

#include <stdint.h>
#include <string.h>

/** To nearest, ties to even, as VCVTNEPS2BF16 does it (Intel SDM vol. 2): what
 *  is denormal in f32 becomes a zero of its sign, what overflows an infinity,
 *  and a NaN stays one, made quiet, with the upper bits of its payload. */
static inline uint16_t yt_bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t exponent = bits >> 23 & 0xff;
    if (exponent == 0)
        return (uint16_t)(bits >> 16 & 0x8000);
    if (exponent == 0xff && bits << 9 != 0)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float yt_bf16_float(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
