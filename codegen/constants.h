#ifndef YT_CONSTANTS_H
#define YT_CONSTANTS_H

/* Where a kernel finds what in the block at yt_args.bias: rows of one 4-byte
 * value per physical output channel, whole vectors, one after the other.
 *
 *   CONV2D   start: f32 bias, or s32 per border case (integer sums)
 *            scale                       f32, of integer sums
 *            out_gain, out_zero          f32, of integer outputs
 *            add_gain                    f32, residual addend of integers
 *            halves: codegen/silu_tables.h, where it applies; start (as many
 *            rows as there are above), scale and unit f32 a channel, the
 *            others 2 halves: a block of channels has a table of 32
 *   CONVERT  in_step, in_zero            f32, of integer inputs
 *            out_gain, out_zero          f32, of integer outputs
 *
 * Border cases: a u8s8 convolution leaves out taps outside its input, but what
 * is outside is 0, which is in_zero and not q = 0. So the start of the sums
 * takes in -in_zero * weight of just the taps that are inside; case number
 *
 *      ((top * (pad + 1) + bottom) * (pad + 1) + left) * (pad + 1) + right
 *
 * counts rows and columns of taps outside on each side. The first layer's
 * image has its padding in memory and zero point 0: it has one case.
 */

#include "codegen/schedule.h"

struct yt_constants {
    int32_t row_bytes; /* of one row */
    int32_t cases;     /* rows of start */
    /* Bytes from the block's start; -1: not there. */
    int32_t start, scale, out_gain, out_zero, add_gain;
    int32_t in_step, in_zero; /* CONVERT */
    /* In x: what sums start from, what a unit of the sum and of v is worth.
     * Then the tables, an addend's weight and the last shift. */
    struct {
        int32_t start, scale, unit, square, linear, constant, add, shift;
    } halves;
    int32_t bytes; /* of the block */
};

void yt_constants_layout(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_constants *layout_out);

#endif
