/* Constants in the layout that kernels read, and what rows lay out filters
 * with. */

#include "codegen/pack.h"

#include <assert.h>
#include <string.h>

#include "base/bf16.h"
#include "base/math.h"
#include "codegen/algo.h"
#include "codegen/constants.h"
#include "codegen/silu_tables.h"

/* ------------------------------------------------------------ constants */

/* @return rows with those of halves. */
static int32_t add_halves(struct yt_constants *l, int32_t rows)
{
    l->halves.start = rows;
    rows += l->cases;
    int32_t *const single[] = {
        &l->halves.scale,  &l->halves.unit,     &l->halves.square,
        &l->halves.linear, &l->halves.constant, &l->halves.add,
        &l->halves.shift,
    };
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        *single[i] = rows++;
    return rows;
}

void yt_constants_layout(const struct yt_problem *p, const struct yt_isa *isa,
                         struct yt_constants *layout_out)
{
    struct yt_constants l = {.cases = 0,
                             .start = -1,
                             .scale = -1,
                             .out_gain = -1,
                             .out_zero = -1,
                             .add_gain = -1,
                             .in_step = -1,
                             .in_zero = -1,
                             .halves = {-1, -1, -1, -1, -1, -1, -1, -1}};
    const int to_integers = yt_dtype_is_integer(p->out);
    const int from_integers = yt_dtype_is_integer(p->dtype);
    int32_t channels = 0;
    int32_t rows = 0;
    if (p->op == YT_OP_CONV2D) {
        const struct yt_conv2d *v = &p->u.conv2d;
        channels = v->k;
        l.cases = 1;
        if (p->dtype == YT_DTYPE_U8S8 && v->c != 3)
            for (int side = 0; side < 4; side++)
                l.cases *= v->pad + 1;
        l.start = 0;
        rows = l.cases;
        if (from_integers)
            l.scale = rows++;
    } else if (p->op == YT_OP_CONVERT) {
        channels = p->u.convert.c;
        if (from_integers) {
            l.in_step = rows++;
            l.in_zero = rows++;
        }
    } else {
        *layout_out = l;
        return;
    }
    if (to_integers) {
        l.out_gain = rows++;
        l.out_zero = rows++;
    }
    if (p->op == YT_OP_CONV2D && to_integers &&
        p->u.conv2d.add == YT_ADD_RESIDUAL)
        l.add_gain = rows++;
    rows = yt_silu_tables_apply(p, isa) ? add_halves(&l, rows) : rows;
    l.row_bytes = 4 * yt_ceil_div(channels, isa->lanes) * isa->lanes;
    l.bytes = rows * l.row_bytes;
    int32_t *const offsets[] = {
        &l.scale,       &l.out_gain,      &l.out_zero,      &l.add_gain,
        &l.in_step,     &l.in_zero,       &l.halves.start,  &l.halves.scale,
        &l.halves.unit, &l.halves.square, &l.halves.linear, &l.halves.constant,
        &l.halves.add,  &l.halves.shift};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        if (*offsets[i] > 0 || (l.start < 0 && *offsets[i] == 0))
            *offsets[i] *= l.row_bytes;
    *layout_out = l;
}

size_t yt_pack_constant_bytes(const struct yt_problem *p,
                              const struct yt_isa *isa)
{
    struct yt_constants l;
    yt_constants_layout(p, isa, &l);
    return (size_t)l.bytes;
}

/* Sums of -in_zero * weight over the taps [top, r - bottom) x
 * [left, r - right) of output channel k. */
static int64_t border_start(const struct yt_conv2d *v,
                            const struct yt_integers *n, int32_t k,
                            const int32_t outside[4])
{
    int64_t sum = n->start[k];
    const int32_t reads = yt_conv2d_reads(v);
    const int32_t first = v->groups ? k / (v->k / v->groups) * reads : 0;
    for (int32_t c = 0; c < reads; c++)
        for (int32_t y = outside[0]; y < v->r - outside[1]; y++)
            for (int32_t x = outside[2]; x < v->r - outside[3]; x++)
                sum -= (int64_t)n->in_zero[first + c] *
                       n->weights[yt_filter_index(v, k, c, y, x)];
    return sum;
}

static void pack_starts(const struct yt_problem *p,
                        const struct yt_constants *l,
                        const struct yt_weights *f, char *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    if (!yt_dtype_is_integer(p->dtype)) {
        memcpy(packed + l->start, f->bias, 4 * (size_t)v->k);
        return;
    }
    const int zeros = p->dtype == YT_DTYPE_U8S8;
    const int32_t sides = l->cases > 1 ? v->pad + 1 : 1;
    for (int32_t i = 0; i < l->cases; i++) {
        const int32_t outside[4] = {i / sides / sides / sides,
                                    i / sides / sides % sides,
                                    i / sides % sides, i % sides};
        int32_t *start =
            (int32_t *)(void *)(packed + l->start + i * l->row_bytes);
        for (int32_t k = 0; k < v->k; k++) {
            const int64_t sum = zeros ? border_start(v, f->integers, k, outside)
                                      : f->integers->start[k];
            assert(sum >= INT32_MIN && sum <= INT32_MAX);
            start[k] = (int32_t)sum;
        }
    }
}

static void put_row(char *packed, int32_t offset, const float *values,
                    int32_t count)
{
    if (offset >= 0)
        memcpy(packed + offset, values, 4 * (size_t)count);
}

static void put_table(char *row, const int16_t values[YT_SILU_SEGMENTS])
{
    memcpy(row, values, YT_SILU_SEGMENTS * sizeof *values);
}

static void repeat_half(int16_t value, char *row)
{
    for (int i = 0; i < YT_SILU_SEGMENTS; i++)
        memcpy(row + 2 * (ptrdiff_t)i, &value, sizeof value);
}

static void put_float(char *row, int32_t i, double value)
{
    const float f = (float)value;
    memcpy(row + 4 * (ptrdiff_t)i, &f, sizeof f);
}

/* Block by block; blocks without tables stay zeros, which no kernel reads: see
 * yt_pack_settle(). */
static void pack_halves(const struct yt_problem *p, const struct yt_isa *isa,
                        const struct yt_constants *l,
                        const struct yt_integers *n, char *packed)
{
    const int32_t bytes = 4 * isa->lanes;
    for (int32_t block = 0; block < p->u.conv2d.k / isa->lanes; block++) {
        struct yt_silu_tables t;
        char *at = packed + (ptrdiff_t)block * bytes;
        if (!yt_silu_tables_make(p, isa, n, block, &t))
            continue;
        put_table(at + l->halves.square, t.square);
        put_table(at + l->halves.linear, t.linear);
        put_table(at + l->halves.constant, t.constant);
        repeat_half(t.add, at + l->halves.add);
        repeat_half(t.shift, at + l->halves.shift);
        for (int32_t i = 0; i < isa->lanes; i++) {
            const double unit = 32768 / t.reach;
            const double scale =
                (double)n->scale[block * isa->lanes + i] * unit;
            put_float(at + l->halves.scale, i, scale);
            put_float(at + l->halves.unit, i, unit);
            for (int32_t j = 0; j < l->cases; j++) {
                int32_t start;
                memcpy(&start,
                       at + l->start + j * l->row_bytes + 4 * (ptrdiff_t)i, 4);
                put_float(at + l->halves.start + j * l->row_bytes, i,
                          start * scale);
            }
        }
    }
}

void yt_pack_constants(const struct yt_problem *p, const struct yt_isa *isa,
                       const struct yt_weights *f, void *packed)
{
    struct yt_constants l;
    yt_constants_layout(p, isa, &l);
    memset(packed, 0, (size_t)l.bytes);
    const struct yt_integers *n = f->integers;
    int32_t channels = p->u.convert.c;
    if (p->op == YT_OP_CONV2D) {
        channels = p->u.conv2d.k;
        pack_starts(p, &l, f, packed);
    }
    if (!n)
        return;
    put_row(packed, l.scale, n->scale, channels);
    put_row(packed, l.out_gain, n->out_gain, channels);
    put_row(packed, l.out_zero, n->out_zero, channels);
    put_row(packed, l.add_gain, n->add_gain, channels);
    put_row(packed, l.in_step, n->in_step, channels);
    if (l.in_zero >= 0 && n->in_zero)
        for (int32_t c = 0; c < channels; c++)
            ((float *)packed)[l.in_zero / 4 + c] = (float)n->in_zero[c];
    if (l.halves.scale >= 0)
        pack_halves(p, isa, &l, n, packed);
}

void yt_pack_settle(const struct yt_problem *p, const struct yt_isa *isa,
                    const struct yt_weights *f, struct yt_schedule *s)
{
    struct yt_silu_tables t;
    for (int32_t i = 0; s->halves && i < p->u.conv2d.k / isa->lanes; i++)
        if (!yt_silu_tables_make(p, isa, f->integers, i, &t))
            s->halves = 0;
}

/* -------------------------------------------------------------- weights */

size_t yt_pack_weight_bytes(const struct yt_problem *p,
                            const struct yt_schedule *s,
                            const struct yt_isa *isa)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    return row->weight_bytes ? row->weight_bytes(p, s, isa) : 0;
}

void yt_pack_weights(const struct yt_problem *p, const struct yt_schedule *s,
                     const struct yt_isa *isa, const struct yt_weights *f,
                     void *packed)
{
    const struct yt_algo *row = yt_algo_get(s->algo);
    if (row->pack)
        row->pack(p, s, isa, f, packed);
}

int64_t yt_filter_index(const struct yt_conv2d *v, int32_t k, int32_t c,
                        int32_t y, int32_t x)
{
    const int32_t reads = yt_conv2d_reads(v);
    if (k >= v->k || c >= reads || x >= v->r)
        return -1;
    return (((int64_t)k * reads + c) * v->r + y) * v->r + x;
}

void yt_pack_element(enum yt_dtype dtype, const struct yt_weights *f,
                     int64_t at, char **out)
{
    switch (dtype) {
    case YT_DTYPE_F32: {
        const float value = at < 0 ? 0.0f : f->weights[at];
        memcpy(*out, &value, sizeof value);
        break;
    }
    case YT_DTYPE_BF16: {
        const uint16_t value = at < 0 ? 0 : yt_bf16_of(f->weights[at]);
        memcpy(*out, &value, sizeof value);
        break;
    }
    case YT_DTYPE_S16: {
        const int16_t value = at < 0 ? 0 : f->integers->weights[at];
        memcpy(*out, &value, sizeof value);
        break;
    }
    case YT_DTYPE_U8S8:
        **out = (char)(at < 0 ? 0 : f->integers->weights[at]);
        break;
    case YT_DTYPE_COUNT:
        break;
    }
    *out += yt_dtype_bytes(dtype);
}
