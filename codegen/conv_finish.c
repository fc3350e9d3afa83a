/* What stands before and after the sums of a convolution: where they start,
 * and how they become outputs, as runtime/integers.h has it. */

#include <assert.h>

#include "codegen/conv_parts.h"
#include "runtime/integers.h"

/* A row of constants for vector n of the channel tile. */
static LLVMValueRef constant(struct yt_conv_emit *c, LLVMTypeRef type,
                             LLVMValueRef base, int64_t offset, int32_t n)
{
    return yt_emit_load(c->e, type,
                        yt_emit_at(c->e, base, offset + n * c->t.vec_bytes), 4);
}

/* Address of output pixel (oh, ow) of this channel tile, in out or add. */
static LLVMValueRef pixel_address(struct yt_conv_emit *c, LLVMValueRef base,
                                  const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    LLVMValueRef offset = yt_emit_muli(e, at->ow, c->t.out_pixel);
    if (!c->t.flat)
        offset = yt_emit_add(e, offset, yt_emit_muli(e, at->oh, c->t.out_row));
    return yt_emit_index(e, base, offset);
}

/* Vector n of the half-size addend that pixel m of a tile reads. */
static LLVMValueRef up2_addend(struct yt_conv_emit *c,
                               const struct yt_conv_place *at, int32_t m,
                               int32_t n)
{
    struct yt_emit *e = c->e;
    LLVMValueRef row = yt_emit_index(
        e, c->k_add, yt_emit_muli(e, yt_emit_divi(e, at->oh, 2), c->t.add_row));
    LLVMValueRef column = yt_emit_divi(e, yt_emit_addi(e, at->ow, m), 2);
    LLVMValueRef pixel =
        yt_emit_index(e, row, yt_emit_muli(e, column, c->t.add_pixel));
    return yt_emit_load(e, e->vec, yt_emit_at(e, pixel, n * c->t.add_block),
                        (unsigned)c->t.vec_bytes);
}

/* ---------------------------------------------------------------- start */

/* Taps of pixel m outside on the left and on the right. */
static int32_t outside(const struct yt_conv_emit *c,
                       const struct yt_conv_place *at, int32_t m)
{
    int32_t left = 0, right = 0;
    while (left < c->p->r && !yt_conv_tap_inside(c, at->example, m, left))
        left++;
    while (right < c->p->r - left &&
           !yt_conv_tap_inside(c, at->example, m, c->p->r - 1 - right))
        right++;
    return left * (c->p->pad + 1) + right;
}

/* Rows of taps outside above and below, as the first half of a case. */
static LLVMValueRef outside_rows(struct yt_conv_emit *c,
                                 const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const struct yt_conv2d *p = c->p;
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef top =
        yt_emit_addi(e, yt_emit_muli(e, at->oh, p->stride), -p->pad);
    LLVMValueRef above = yt_emit_max(e, zero, yt_emit_sub(e, zero, top));
    LLVMValueRef below =
        yt_emit_max(e, zero, yt_emit_addi(e, top, p->r - p->h));
    return yt_emit_add(e, yt_emit_muli(e, above, p->pad + 1), below);
}

/* Constants from those on that are for the rows outside. */
static LLVMValueRef constants_by_rows(struct yt_conv_emit *c,
                                      const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const int32_t sides = (c->p->pad + 1) * (c->p->pad + 1);
    return yt_emit_index(
        e, c->k_constants,
        yt_emit_muli(e, outside_rows(c, at), (int64_t)sides * c->l.row_bytes));
}

/* Sums of integers start from a row chosen by what is outside the input. */
static void start_by_case(struct yt_conv_emit *c,
                          const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    LLVMValueRef rows = constants_by_rows(c, at);
    LLVMValueRef start[YT_CONV_NR_MAX] = {NULL};
    int32_t loaded = -1;
    for (int32_t m = 0; m < at->pixels; m++) {
        const int32_t number = outside(c, at, m);
        for (int32_t n = 0; n < c->s->nr; n++) {
            if (number != loaded)
                start[n] =
                    constant(c, e->veci, rows,
                             c->l.start + (int64_t)number * c->l.row_bytes, n);
            yt_emit_set(e, c->acc[m][n], start[n]);
        }
        loaded = number;
    }
}

void yt_conv_start(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    if (c->s->halves) { /* where scaling adds it: zeros cost nothing */
        for (int32_t m = 0; m < at->pixels; m++)
            for (int32_t n = 0; n < c->s->nr; n++)
                yt_emit_set(e, c->acc[m][n], LLVMConstNull(e->veci));
        return;
    }
    if (c->l.cases > 1) {
        start_by_case(c, at);
        return;
    }
    const int integers = yt_dtype_is_integer(c->dtype);
    LLVMValueRef start[YT_CONV_NR_MAX];
    for (int32_t n = 0; n < c->s->nr; n++)
        start[n] = constant(c, yt_emit_sum_type(e, c->dtype), c->k_constants,
                            c->l.start, n);
    for (int32_t m = 0; m < at->pixels; m++)
        for (int32_t n = 0; n < c->s->nr; n++) {
            LLVMValueRef v = start[n];
            if (c->p->add == YT_ADD_UP2 && !integers)
                v = yt_emit_fadd(e, up2_addend(c, at, m, n), v);
            yt_emit_set(e, c->acc[m][n], v);
        }
}

/* --------------------------------------------------------------- finish */

/* A sum as the value before requantisation. */
static LLVMValueRef value(struct yt_conv_emit *c,
                          const struct yt_conv_place *at, int32_t m, int32_t n)
{
    struct yt_emit *e = c->e;
    LLVMValueRef v = yt_emit_get(e, c->acc[m][n]);
    if (yt_dtype_is_integer(c->dtype)) {
        v = yt_emit_fmul(e, yt_emit_to_float(e, v),
                         constant(c, e->vec, c->k_constants, c->l.scale, n));
        if (c->p->add == YT_ADD_UP2)
            v = yt_emit_fadd(e, v, up2_addend(c, at, m, n));
    }
    return c->s->coarse
               ? yt_emit_silu_coarse(e, c->out, v)
               : yt_emit_act(e, (enum yt_act)c->p->act, c->p->slope, v);
}

/* A value and its addend as the output's code, not yet narrow. */
static LLVMValueRef requantise(struct yt_conv_emit *c, LLVMValueRef v,
                               LLVMValueRef add, int32_t n)
{
    struct yt_emit *e = c->e;
    v = yt_emit_fma(e, v, constant(c, e->vec, c->k_constants, c->l.out_gain, n),
                    constant(c, e->vec, c->k_constants, c->l.out_zero, n));
    if (add)
        v = yt_emit_fma(e, yt_emit_load_wide(e, c->out, add),
                        constant(c, e->vec, c->k_constants, c->l.add_gain, n),
                        v);
    /* Sums of integers are bounded so that rounding does not overflow. */
    if (c->out == YT_DTYPE_U8S8 && !yt_dtype_is_integer(c->dtype))
        v = yt_emit_fmin(e, v, yt_emit_splat(e, 255));
    if (c->out == YT_DTYPE_S16)
        v = yt_emit_fmax(e, yt_emit_fmin(e, v, yt_emit_splat(e, YT_S16_MAX)),
                         yt_emit_splat(e, -YT_S16_MAX));
    return yt_emit_round(e, v);
}

/* --------------------------------------------------------------- halves */

/* A sum as x of codegen/silu_tables.h, not yet narrow. @p rows are constants
 * whose starts are for the rows outside. */
static LLVMValueRef argument(struct yt_conv_emit *c,
                             const struct yt_conv_place *at, LLVMValueRef rows,
                             int32_t m, int32_t n)
{
    struct yt_emit *e = c->e;
    const int64_t number = c->l.cases > 1 ? outside(c, at, m) : 0;
    LLVMValueRef v =
        yt_emit_fma(e, yt_emit_to_float(e, yt_emit_get(e, c->acc[m][n])),
                    constant(c, e->vec, c->k_constants, c->l.halves.scale, n),
                    constant(c, e->vec, rows,
                             c->l.halves.start + number * c->l.row_bytes, n));
    if (c->p->add == YT_ADD_UP2)
        v = yt_emit_fma(
            e, up2_addend(c, at, m, n),
            constant(c, e->vec, c->k_constants, c->l.halves.unit, n), v);
    return yt_emit_round(e, v);
}

static LLVMValueRef half_constant(struct yt_conv_emit *c, int32_t offset,
                                  int32_t n)
{
    return constant(c, c->e->veci, c->k_constants, offset, n);
}

/* Two pixels' codes as halves, from @p x; @p add addresses of what is added. */
static LLVMValueRef codes(struct yt_conv_emit *c, LLVMValueRef x,
                          const LLVMValueRef add[2], int32_t n)
{
    struct yt_emit *e = c->e;
    LLVMValueRef segment = yt_emit_shift_right_halves(e, x, 11);
    LLVMValueRef y = yt_emit_mul_round_halves(
        e, x,
        yt_emit_look_up_halves(e, half_constant(c, c->l.halves.square, n),
                               segment));
    y = yt_emit_add_halves(
        e, y,
        yt_emit_look_up_halves(e, half_constant(c, c->l.halves.linear, n),
                               segment));
    y = yt_emit_add_halves(
        e, yt_emit_mul_round_halves(e, y, x),
        yt_emit_look_up_halves(e, half_constant(c, c->l.halves.constant, n),
                               segment));
    if (add[0]) {
        LLVMValueRef a =
            yt_emit_pack_halves(e, yt_emit_load_lanes(e, c->out, add[0]),
                                yt_emit_load_lanes(e, c->out, add[1]));
        y = yt_emit_add_halves(
            e, y,
            yt_emit_mul_round_halves(e, yt_emit_shift_left_halves(e, a, 7),
                                     half_constant(c, c->l.halves.add, n)));
    }
    return yt_emit_mul_high_halves(e, y,
                                   half_constant(c, c->l.halves.shift, n));
}

/* Up to four pixels from @p first on, of vector n; with fewer the last one
 * stands for those that are not stored. */
static void finish_halves(struct yt_conv_emit *c,
                          const struct yt_conv_place *at, int32_t first,
                          int32_t count, int32_t n, LLVMValueRef rows,
                          LLVMValueRef out, LLVMValueRef add)
{
    struct yt_emit *e = c->e;
    LLVMValueRef y[2] = {NULL, NULL};
    assert(count > 0);
    for (int32_t pair = 0; pair < 2; pair++) {
        LLVMValueRef x[2], addends[2] = {NULL, NULL};
        if (2 * pair >= count) {
            y[pair] = y[0];
            continue;
        }
        for (int32_t i = 0; i < 2; i++) {
            const int32_t m =
                first + (2 * pair + i < count ? 2 * pair + i : count - 1);
            x[i] = argument(c, at, rows, m, n);
            if (add)
                addends[i] =
                    yt_emit_at(e, add, m * c->t.out_pixel + n * c->t.out_block);
        }
        y[pair] = codes(c, yt_emit_pack_halves(e, x[0], x[1]), addends, n);
    }
    yt_emit_store_packed(
        e, c->out,
        yt_emit_packed_in_order(e, yt_emit_pack_bytes(e, y[0], y[1]), 4), count,
        yt_emit_at(e, out, first * c->t.out_pixel + n * c->t.out_block));
}

void yt_conv_finish(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const int32_t group = yt_emit_group(c->out);
    LLVMValueRef out = pixel_address(c, c->k_out, at);
    LLVMValueRef add =
        c->p->add == YT_ADD_RESIDUAL ? pixel_address(c, c->k_add, at) : NULL;
    LLVMValueRef rows = c->s->halves && c->l.cases > 1
                            ? constants_by_rows(c, at)
                            : c->k_constants;
    for (int32_t first = 0; first < at->pixels; first += group) {
        const int32_t left = at->pixels - first;
        const int32_t count = left < group ? left : group;
        for (int32_t n = 0; n < c->s->nr; n++) {
            LLVMValueRef v[4];
            if (c->s->halves) {
                finish_halves(c, at, first, count, n, rows, out, add);
                continue;
            }
            for (int32_t i = 0; i < count; i++) {
                const int64_t offset =
                    (first + i) * c->t.out_pixel + n * c->t.add_block;
                LLVMValueRef addend = add ? yt_emit_at(e, add, offset) : NULL;
                v[i] = value(c, at, first + i, n);
                if (yt_dtype_is_integer(c->out))
                    v[i] = requantise(c, v[i], addend, n);
                else if (addend)
                    v[i] = yt_emit_fadd(e, v[i],
                                        yt_emit_load_wide(e, c->out, addend));
            }
            yt_emit_store_narrow(
                e, c->out, v, count,
                yt_emit_at(e, out,
                           first * c->t.out_pixel + n * c->t.out_block));
        }
    }
}
