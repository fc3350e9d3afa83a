#ifndef YT_INTEGERS_H
#define YT_INTEGERS_H

/* What a step with integers in it needs besides its problem: data, made by
 * compress/quant/, laid out for kernels by codegen/pack.h and modelled exactly
 * by runtime/reference.h. Channels are the problem's physical ones.
 *
 * A tensor's value of channel c is
 *
 *      f32, bf16   the number itself
 *      s16         q * step[c]               |q| <= YT_S16_MAX
 *      u8s8        (q - zero[c]) * step[c]   0 <= q <= 255
 *
 * and a convolution computes, in this order and in f32 past the sum,
 *
 *      sum  = start[k] + sum over taps inside the input of
 *             weights[k][c][tap] * (q_in - in_zero[c])          exact, s32
 *      v    = (float)sum * scale[k]        f32, bf16: v = bias + f32 sum
 *      v    = v + up2 addend               YT_ADD_UP2
 *      v    = the activation of v          conv2d.act
 *      v    = v + residual addend          output f32 or bf16
 *      q    = round to even(v * out_gain[k] + out_zero[k]
 *                           + q_add * add_gain[k])       output u8s8 or s16
 *
 * then limited to the type's range. What folds an addend's zero point in is
 * out_zero: zero_out - zero_add * add_gain.
 */

#include <stdint.h>

/** Largest magnitude of an s16 activation, and of a weight of s16 arithmetic.
 *  The weights' sum of magnitudes per channel times YT_S16_MAX, plus
 *  |start|, is below 2^31: no sum overflows. */
#define YT_S16_MAX        4095
#define YT_S16_WEIGHT_MAX 32767

/** Largest magnitude of a weight of u8s8 arithmetic, where there are dot
 *  products of bytes, and where two products are added in 16 bits. */
#define YT_S8_WEIGHT_MAX       127
#define YT_S8_WEIGHT_MAX_PAIRS 63

/** Each array is one malloc()ed block or NULL where the problem has no use for
 *  it. CONVERT uses in_step, in_zero, out_gain and out_zero, all [c]. */
struct yt_integers {
    int16_t *weights; /* [k][c][r][r], within the limits above */
    int32_t *start;   /* [k], the bias in units of the sum */
    float *scale;     /* [k], what a unit of the sum is worth, > 0 */
    int32_t *in_zero; /* [c], of a u8s8 input */
    float *in_step;   /* [c], CONVERT from integers */
    float *out_gain;  /* [k], steps of the output per unit of v, > 0 */
    float *out_zero;  /* [k] */
    float *add_gain;  /* [k], steps of the output per step of the addend */
};

#endif
