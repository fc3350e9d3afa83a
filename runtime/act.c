/* Activations, as references need them: in double. Kernels have theirs in
 * codegen/act.c. */

#include "runtime/act.h"

#include <assert.h>

#include "runtime/exp.h"

static const struct yt_act_row rows[] = {
    {"none", 0, 0},
#define YT_ACT(id, name, least, exponentials) {#name, least, exponentials},
#include "runtime/acts.inc"
#undef YT_ACT
};

const struct yt_act_row *yt_act_row(enum yt_act act)
{
    assert((unsigned)act < YT_ACT_COUNT);
    return &rows[act];
}

int yt_act_exists(int32_t act, int32_t slope)
{
    const int32_t most = act == YT_ACT_LEAKY ? YT_SLOPE_ONE : 0;
    return act >= 0 && act < YT_ACT_COUNT && slope >= 0 && slope <= most;
}

int32_t yt_act_slope(double slope)
{
    return slope >= 0 && slope <= 1 ? (int32_t)(slope * YT_SLOPE_ONE + 0.5)
                                    : -1;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double none(double x, double slope)
{
    (void)slope;
    return x;
}

static double sigmoid(double x, double slope)
{
    (void)slope;
    return 1 / (1 + yt_exp(-x));
}

static double silu(double x, double slope)
{
    (void)slope;
    return x / (1 + yt_exp(-x));
}

static double relu(double x, double slope)
{
    (void)slope;
    return x > 0 ? x : 0;
}

static double leaky(double x, double slope)
{
    return x > 0 ? x : slope * x;
}

static double relu6(double x, double slope)
{
    (void)slope;
    return clamp(x, 0, 6);
}

static double hardsigmoid(double x, double slope)
{
    (void)slope;
    return clamp(x + 3, 0, 6) / 6;
}

static double hardswish(double x, double slope)
{
    return x * hardsigmoid(x, slope);
}

/* tanh(log(1 + e)) is (e^2 + 2e) / (e^2 + 2e + 2); with w = 1 / e it does not
 * overflow on the other side. */
static double mish(double x, double slope)
{
    (void)slope;
    if (x < 0) {
        const double e = yt_exp(x);
        return x * e * (e + 2) / (e * (e + 2) + 2);
    }
    const double w = yt_exp(-x);
    return x * (1 + 2 * w) / (1 + 2 * w * (1 + w));
}

double yt_act_value(enum yt_act act, int32_t slope, double x)
{
    static double (*const values[])(double x, double slope) = {
        none,
#define YT_ACT(id, name, ...) name,
#include "runtime/acts.inc"
#undef YT_ACT
    };
    assert(yt_act_exists((int32_t)act, slope));
    return values[act](x, (double)slope / YT_SLOPE_ONE);
}
