#ifndef YT_SILU_TABLES_H
#define YT_SILU_TABLES_H

/* A SiLU whose output is bytes, computed on halves (16 bits): twice as many
 * values an instruction as on floats, and the step and zero point of the output
 * are in the tables already. Plain data; codegen/conv_finish.c is the code.
 *
 * A value v becomes x = v * 32768 / reach, rounded and limited to 16 bits, so
 * that x has t = v / reach, -1 <= t < 1. Its upper five bits choose one of 32
 * parabolas, each in units of 2^-bits of an output step:
 *
 *      y = ((square * t + linear) * t + constant) + addend
 *
 * both products rounded (pmulhrsw), and the code is y >> bits, limited. reach
 * is at least 8, where SiLU is within 0.003 of 0 or x, and at least what the
 * code 255 stands for. bits is as large as fits, 3 at least: the code is within
 * half a step and 0.3 of exact. */

#include "codegen/schedule.h"
#include "runtime/reference.h"

#define YT_SILU_SEGMENTS  32
#define YT_SILU_BITS_MIN  3
#define YT_SILU_REACH_MIN 8.0

struct yt_silu_tables {
    double reach;
    int32_t bits;
    int16_t square[YT_SILU_SEGMENTS], linear[YT_SILU_SEGMENTS],
        constant[YT_SILU_SEGMENTS];
    int16_t add;   /* of an addend's byte << 7; 0 without one */
    int16_t shift; /* y * shift >> 16 is y >> bits */
};

/** Whether there can be tables: a convolution of integers with a SiLU, whole
 *  blocks of channels out in bytes, vectors that look up halves. */
int yt_silu_tables_apply(const struct yt_problem *p, const struct yt_isa *isa);

/** The tables of block @p block of output channels.
 *
 * @pre yt_silu_tables_apply().
 * @param integers of the problem.
 * @return whether there are: not where channels of a block have different
 *         steps, nor where a step is too small (below about 1/250), an
 *         addend weighs too much or a sum could be worth more than 2^30 / 32768
 *         reaches.
 */
int yt_silu_tables_make(const struct yt_problem *p, const struct yt_isa *isa,
                        const struct yt_integers *integers, int32_t block,
                        struct yt_silu_tables *tables_out);

#endif
