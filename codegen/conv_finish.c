/* What stands before and after the sums of a convolution: where they start,
 * and how they become outputs, as runtime/integers.h has it. */

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

/* Sums of integers start from a row chosen by what is outside the input. */
static void start_by_case(struct yt_conv_emit *c,
                          const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const int32_t sides = (c->p->pad + 1) * (c->p->pad + 1);
    LLVMValueRef rows = yt_emit_index(
        e, c->k_constants,
        yt_emit_muli(e, outside_rows(c, at), (int64_t)sides * c->l.row_bytes));
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

void yt_conv_finish(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    struct yt_emit *e = c->e;
    const int32_t group = yt_emit_group(c->out);
    LLVMValueRef out = pixel_address(c, c->k_out, at);
    LLVMValueRef add =
        c->p->add == YT_ADD_RESIDUAL ? pixel_address(c, c->k_add, at) : NULL;
    for (int32_t first = 0; first < at->pixels; first += group) {
        const int32_t left = at->pixels - first;
        const int32_t count = left < group ? left : group;
        for (int32_t n = 0; n < c->s->nr; n++) {
            LLVMValueRef v[4];
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
