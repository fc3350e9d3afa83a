/* See codegen/silu_tables.h. */

#include "codegen/silu_tables.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/act.h"
#include "runtime/integers.h"

#define HALF_MAX  32767.0
#define CODE_MAX  255.0
#define BITS_MAX  6
#define ADD_SHIFT 7 /* of an addend's byte, before it is multiplied */

/* Past that a float does not become the integer that saturates. */
#define SUM_MAX 0x1p30

/* What a block's channels have in common. */
struct steps {
    double gain, zero, add;
};

/* A parabola in t around middle. */
struct parabola {
    double middle, square, linear, constant;
};

int yt_silu_tables_apply(const struct yt_problem *p, const struct yt_isa *isa)
{
    return p->op == YT_OP_CONV2D && (isa->can & YT_CAN_LOOKUP) &&
           2 * isa->lanes == YT_SILU_SEGMENTS && p->out == YT_DTYPE_U8S8 &&
           yt_dtype_is_integer(p->dtype) && p->u.conv2d.act == YT_ACT_SILU &&
           !(p->u.conv2d.k % isa->lanes);
}

static double silu(double x)
{
    return yt_act_value(YT_ACT_SILU, 0, x);
}

static int find_steps(const struct yt_problem *p, const struct yt_integers *n,
                      int32_t first, int32_t count, struct steps *s)
{
    const int adds = p->u.conv2d.add == YT_ADD_RESIDUAL;
    *s = (struct steps){(double)n->out_gain[first], (double)n->out_zero[first],
                        adds ? (double)n->add_gain[first] : 0};
    for (int32_t k = first + 1; k < first + count; k++)
        if (n->out_gain[k] != n->out_gain[first] ||
            n->out_zero[k] != n->out_zero[first] ||
            (adds && n->add_gain[k] != n->add_gain[first]))
            return 0;
    return s->gain > 0;
}

/* Whether all sums, in units of x, stay where rounding to 32 bits is sure. */
static int sums_are_small(const struct yt_problem *p,
                          const struct yt_integers *n, int32_t first,
                          int32_t count, double reach)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int64_t taps = (int64_t)yt_conv2d_reads(v) * v->r * v->r;
    const double input = p->dtype == YT_DTYPE_U8S8 ? CODE_MAX : YT_S16_MAX;
    for (int32_t k = first; k < first + count; k++) {
        double most = fabs((double)n->start[k]);
        for (int64_t i = 0; i < taps; i++)
            most += input * abs(n->weights[k * taps + i]);
        if (!(most * (double)n->scale[k] * 32768 / reach < SUM_MAX))
            return 0;
    }
    return 1;
}

/* Segment i of the upper five bits as a signed number, through three points
 * between which the error is most even. What is limited to the lowest segment
 * may be anything from -reach down, and SiLU half of what it is there. */
static struct parabola fit(const struct steps *s, double reach, int i)
{
    const double width = 2.0 / YT_SILU_SEGMENTS;
    const int number = i < YT_SILU_SEGMENTS / 2 ? i : i - YT_SILU_SEGMENTS;
    const double middle = (number + 0.5) * width;
    const double h = width / 2 * sqrt(0.75);
    if (number == -YT_SILU_SEGMENTS / 2)
        return (struct parabola){middle, 0, 0, s->gain * silu(-reach) / 2};
    const double below = s->gain * silu(reach * (middle - h));
    const double at = s->gain * silu(reach * middle);
    const double above = s->gain * silu(reach * (middle + h));
    return (struct parabola){
        .middle = middle,
        .square = (above - 2 * at + below) / (2 * h * h),
        .linear = (above - below) / (2 * h),
        .constant = at,
    };
}

static int is_half(double value)
{
    return fabs(value) <= HALF_MAX;
}

/* One segment in units of 2^-bits, each coefficient making good in the middle
 * what rounding did to those before it.
 * @return whether all that is computed fits halves. */
static int put_segment(const struct parabola *q, const struct steps *s,
                       int32_t bits, int i, struct yt_silu_tables *t)
{
    const double unit = ldexp(1, bits);
    const double square = rint(unit * q->square);
    const double linear = rint(unit * q->linear - 2 * square * q->middle);
    const double constant = rint(unit * (q->constant + s->zero + 0.5) -
                                 (square * q->middle + linear) * q->middle);
    const double add = unit * CODE_MAX * s->add;
    if (!is_half(square) || !is_half(linear) || !is_half(constant))
        return 0;
    for (int end = -1; end <= 1; end += 2) {
        const double x = q->middle + end / (double)YT_SILU_SEGMENTS;
        const double slope = square * x + linear;
        const double y = slope * x + constant;
        if (!is_half(fabs(slope) + 2) || !is_half(fabs(slope * x) + 2) ||
            !is_half(fabs(y) + add + 2))
            return 0;
    }
    t->square[i] = (int16_t)square;
    t->linear[i] = (int16_t)linear;
    t->constant[i] = (int16_t)constant;
    return 1;
}

static int put_all(const struct steps *s, int32_t bits,
                   struct yt_silu_tables *t)
{
    const double add = rint(ldexp(s->add, bits + 15 - ADD_SHIFT));
    if (!is_half(add))
        return 0;
    for (int i = 0; i < YT_SILU_SEGMENTS; i++) {
        const struct parabola q = fit(s, t->reach, i);
        if (!put_segment(&q, s, bits, i, t))
            return 0;
    }
    t->bits = bits;
    t->add = (int16_t)add;
    t->shift = (int16_t)(1 << (16 - bits));
    return 1;
}

int yt_silu_tables_make(const struct yt_problem *p, const struct yt_isa *isa,
                        const struct yt_integers *integers, int32_t block,
                        struct yt_silu_tables *tables_out)
{
    const int32_t first = block * isa->lanes;
    struct steps s;
    assert(yt_silu_tables_apply(p, isa));
    memset(tables_out, 0, sizeof *tables_out);
    if (!find_steps(p, integers, first, isa->lanes, &s))
        return 0;
    tables_out->reach =
        fmax(YT_SILU_REACH_MIN, 1.0001 * (CODE_MAX - s.zero) / s.gain);
    if (!sums_are_small(p, integers, first, isa->lanes, tables_out->reach))
        return 0;
    for (int32_t bits = BITS_MAX; bits >= YT_SILU_BITS_MIN; bits--)
        if (put_all(&s, bits, tables_out))
            return 1;
    return 0;
}
