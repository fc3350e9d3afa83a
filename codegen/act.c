/* Activations on vectors, as runtime/act.h has them. */

#include <assert.h>

#include "codegen/emit.h"

/* exp(40)^2 is still a float; mish(-40) is -2e-16, and nearer to 0 below. */
#define MISH_LEAST (-40.0f)

static LLVMValueRef none(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)e, (void)slope;
    return x;
}

static LLVMValueRef clamp(struct yt_emit *e, LLVMValueRef x, float low,
                          float high)
{
    return yt_emit_fmin(e, yt_emit_fmax(e, x, yt_emit_splat(e, low)),
                        yt_emit_splat(e, high));
}

static LLVMValueRef silu(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    return yt_emit_silu(e, x);
}

static LLVMValueRef sigmoid(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    return yt_emit_sigmoid(e, x);
}

static LLVMValueRef relu(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    return yt_emit_fmax(e, x, yt_emit_splat(e, 0));
}

/* No slope is over 1. */
static LLVMValueRef leaky(struct yt_emit *e, LLVMValueRef x, float slope)
{
    return yt_emit_fmax(e, x, yt_emit_fmul(e, x, yt_emit_splat(e, slope)));
}

static LLVMValueRef relu6(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    return clamp(e, x, 0, 6);
}

static LLVMValueRef hardsigmoid(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    LLVMValueRef sixth = yt_emit_splat(e, 1.0f / 6);
    return clamp(e, yt_emit_fma(e, x, sixth, yt_emit_splat(e, 0.5f)), 0, 1);
}

static LLVMValueRef hardswish(struct yt_emit *e, LLVMValueRef x, float slope)
{
    return yt_emit_fmul(e, x, hardsigmoid(e, x, slope));
}

/* With w = exp(-x), tanh(log(1 + 1 / w)) is (1 + 2w) / (1 + 2w + 2w^2). */
static LLVMValueRef mish(struct yt_emit *e, LLVMValueRef x, float slope)
{
    (void)slope;
    LLVMValueRef two = yt_emit_splat(e, 2), one = yt_emit_splat(e, 1);
    x = yt_emit_fmax(e, x, yt_emit_splat(e, MISH_LEAST));
    LLVMValueRef w = yt_emit_exp_of_minus(e, x);
    LLVMValueRef above = yt_emit_fma(e, w, two, one);
    LLVMValueRef below = yt_emit_fma(e, yt_emit_fmul(e, w, w), two, above);
    return e->words.divide(e, yt_emit_fmul(e, x, above), below);
}

LLVMValueRef yt_emit_act(struct yt_emit *e, enum yt_act act, int32_t slope,
                         LLVMValueRef x)
{
    static LLVMValueRef (*const emits[])(struct yt_emit *, LLVMValueRef,
                                         float) = {
        none,
#define YT_ACT(id, name, ...) name,
#include "runtime/acts.inc"
#undef YT_ACT
    };
    assert((unsigned)act < sizeof emits / sizeof emits[0]);
    return emits[act](e, x, (float)slope / YT_SLOPE_ONE);
}
