/* exp without libm, for what is computed once and has to be right: references,
 * and a threshold when a model opens. Kernels have runtime/sigmoid.h. */

#include "runtime/exp.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static const double ln2_high = 6.93147180369123816490e-01; /* 33 bits of ln 2 */
static const double ln2_low = 1.90821492927058770002e-10;  /* the rest */
static const double inv_ln2 = 1.44269504088896338700e+00;

static double power_of_two(int64_t exponent)
{
    assert(exponent >= -1022 && exponent <= 1023);
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* exp(x) = 2^n * exp(t), |t| <= ln(2)/2. Fourteen terms of the series leave a
 * remainder below 0.35^15 / 15! = 1.1e-19. The power is applied in two halves,
 * since 2^n alone leaves the range of double before exp(x) does. */
double yt_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.782712893384)
        return power_of_two(1023) * power_of_two(1023); /* infinity */
    if (x < -745.2)
        return 0;
    const double scaled = x * inv_ln2;
    const int64_t n = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double t = (x - (double)n * ln2_high) - (double)n * ln2_low;
    double sum = 1;
    for (int i = 14; i >= 1; i--)
        sum = 1 + sum * t / i;
    const int64_t half = n / 2;
    return sum * power_of_two(half) * power_of_two(n - half);
}
