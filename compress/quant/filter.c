/* See compress/quant/filter.h. */

#include "compress/quant/filter.h"

#include <math.h>

#include "runtime/integers.h"

#define WEIGHT_MAX 1e30 /* beyond, a float weight is as good as this one */
#define SCALE_MIN  1e-30
#define SCALE_MAX  1e30
#define START_MAX  (1 << 30)
#define ZERO_UNITS (1 << 20) /* of the bias of a channel without weights */
#define CLIP_STEPS 16
#define CLIP_LEAST 0.7
#define PARTS      8

struct yt_filter_limits yt_filter_limits_of(enum yt_dtype dtype,
                                            int32_t weight_max)
{
    if (dtype == YT_DTYPE_S16)
        return (struct yt_filter_limits){YT_S16_WEIGHT_MAX, YT_S16_MAX, 0};
    return (struct yt_filter_limits){weight_max, 255, 1};
}

void yt_filter_row(const float *weights, int32_t c, int32_t taps,
                   const struct yt_quant_step *steps, float *row_out)
{
    for (int32_t i = 0; i < c * taps; i++) {
        const double w = (double)weights[i] * (double)steps[i / taps].step;
        row_out[i] = (float)fmax(fmin(w, WEIGHT_MAX), -WEIGHT_MAX);
    }
}

/* Squared error of rounding to at most max units; in eight parts that a
 * compiler can keep in vectors, without changing the sum. */
static double squared_error(const float *weights, int64_t count, float scale,
                            float max)
{
    const float to_whole = 12582912.0f; /* 1.5 * 2^23 */
    const float inverse = 1.0f / scale;
    float parts[PARTS] = {0};
    double sum = 0;
    int64_t i = 0;
    for (; i + PARTS <= count; i += PARTS)
        for (int k = 0; k < PARTS; k++) {
            const float w = weights[i + k];
            float q = w * inverse;
            q = q > max ? max : q;
            q = q < -max ? -max : q;
            q = q + to_whole - to_whole;
            const float error = w - q * scale;
            parts[k] += error * error;
        }
    for (; i < count; i++) {
        const double q =
            fmin(fabs(rint((double)(weights[i] / scale))), (double)max);
        const double error = fabs((double)weights[i]) - q * (double)scale;
        sum += error * error;
    }
    for (int k = 0; k < PARTS; k++)
        sum += (double)parts[k];
    return sum;
}

static double clipped(const float *weights, int64_t count, double scale,
                      int32_t weight_max)
{
    double best = scale;
    double least = INFINITY;
    for (int i = 0; i < CLIP_STEPS; i++) {
        const double share = 1 - (1 - CLIP_LEAST) * i / (CLIP_STEPS - 1);
        const double error = squared_error(
            weights, count, (float)(scale * share), (float)weight_max);
        if (error < least) {
            least = error;
            best = scale * share;
        }
    }
    return best;
}

float yt_filter_scale(const float *weights, int64_t count, double bias,
                      const struct yt_filter_limits *limits)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)weights[i]));
        sum += fabs((double)weights[i]);
    }
    double scale = most / limits->weight_max;
    if (most == 0)
        scale = bias == 0 ? 1 : fabs(bias) / ZERO_UNITS;
    else if (limits->clip && scale > 1e-12 && scale < 1e12)
        scale = clipped(weights, count, scale, limits->weight_max);
    scale = fmax(scale, fabs(bias) / START_MAX);
    scale = fmax(scale, (limits->input_max * sum + fabs(bias)) / INT32_MAX);
    return (float)fmin(fmax(scale, SCALE_MIN), SCALE_MAX);
}

static int bit_of(const uint8_t *bits, int64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static int64_t round_once(const float *weights, int64_t count,
                          const struct yt_filter_limits *limits,
                          const uint8_t *rounding, int64_t first, float scale,
                          int16_t *integers)
{
    const double max = limits->weight_max;
    int64_t magnitudes = 0;
    for (int64_t i = 0; i < count; i++) {
        const double exact = (double)weights[i] / (double)scale;
        const int learned = rounding && weights[i] != 0; /* zeros stay */
        const double whole =
            learned ? floor(exact) + bit_of(rounding, first + i) : rint(exact);
        const int32_t q = (int32_t)fmax(fmin(whole, max), -max);
        integers[i] = (int16_t)q;
        magnitudes += q < 0 ? -q : q;
    }
    return magnitudes * limits->input_max;
}

int64_t yt_filter_round(const float *weights, int64_t count, double bias,
                        const struct yt_filter_limits *limits,
                        const uint8_t *rounding, int64_t first, float *scale_io,
                        int16_t *integers_out, int32_t *start_out)
{
    for (;; *scale_io *= 1.03125f) {
        const double exact = rint(bias / (double)*scale_io);
        const double start = fmax(fmin(exact, START_MAX), -START_MAX);
        const int64_t most = round_once(weights, count, limits, rounding, first,
                                        *scale_io, integers_out) +
                             (int64_t)fabs(start);
        if ((fabs(exact) > START_MAX || most > INT32_MAX) &&
            (double)*scale_io < SCALE_MAX)
            continue;
        *start_out = (int32_t)start;
        return most;
    }
}
