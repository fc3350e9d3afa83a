#ifndef YT_SIGMOID_H
#define YT_SIGMOID_H

/* exp and sigmoid in float without libm. Branch-free, so that a loop over them
 * can become vectors. */

#include <stdint.h>
#include <string.h>

/* Where 2^n stays a normal float for n = round(x / ln 2). */
#define YT_EXPF_MIN (-87.3f)
#define YT_EXPF_MAX 88.3f

/** exp(x) within 1.5 ulp for x in YT_EXPF_MIN..YT_EXPF_MAX; outside, and for
 *  NaN (as for the smallest), the value at the nearer end.
 *
 * exp(x) = 2^n * exp(t), |t| <= ln(2) / 2, and exp(t) = 1 + t + t^2 q(t) with
 * q of degree 4 fitted to a relative error of 3e-9. ln 2 is split so that the
 * product of n and its upper part is exact. */
static inline float yt_expf(float x)
{
    x = x > YT_EXPF_MIN ? x : YT_EXPF_MIN;
    x = x < YT_EXPF_MAX ? x : YT_EXPF_MAX;
    const float scaled = x * 1.44269504f;
    const int32_t n = (int32_t)(scaled + (scaled < 0 ? -0.5f : 0.5f));
    const float t = (x - (float)n * 0.693359375f) - (float)n * -2.12194440e-4f;
    float q = 0x1.6a2256p-10f;
    q = q * t + 0x1.123b04p-7f;
    q = q * t + 0x1.5558f8p-5f;
    q = q * t + 0x1.55549p-3f;
    q = q * t + 0x1.fffffcp-2f;
    const float e = q * (t * t) + t + 1.0f;
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return e * power;
}

/** 1 / (1 + exp(-x)) within 3 ulp for x >= -87; in 0..1 for all x. */
static inline float yt_sigmoidf(float x)
{
    return 1.0f / (1.0f + yt_expf(-x));
}

#endif
