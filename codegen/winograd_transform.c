/* Tiles of the input to what is multiplied, and products to tiles of the
 * output: first down each column of a tile, then along its rows, a vector of
 * channels at a time. Rows and columns outside the image are zeros: a row is
 * read from a row of zeros in the scratch, a column is not computed. */

#include <assert.h>
#include <stddef.h>

#include "codegen/winograd_parts.h"
#include "runtime/kernel.h"

void yt_winograd_scratch(struct yt_winograd_emit *g)
{
    struct yt_emit *e = g->c.e;
    LLVMValueRef scratch =
        yt_emit_field(e, yt_emit_param(e, 0), e->ptr,
                      offsetof(struct yt_args, scratch), "scratch");
    g->zeros = yt_emit_at(e, scratch, g->w.zeros);
    g->half = yt_emit_at(e, scratch, g->w.half);
    g->results = yt_emit_at(e, scratch, g->w.results);
    g->inputs = yt_emit_at(e, scratch, g->w.inputs);
    g->products = yt_emit_at(e, scratch, g->w.products);
    yt_emit_zero_bytes(e, g->zeros, g->w.size * g->c.t.vec_bytes);
}

/* -------------------------------------------------------- one dimension */

/* sum + factor * x; a sum that is NULL has no term yet. */
static LLVMValueRef add_term(struct yt_emit *e, LLVMValueRef sum, double factor,
                             LLVMValueRef x)
{
    if (factor == 0)
        return sum;
    if (!sum)
        return factor == 1
                   ? x
                   : yt_emit_fmul(e, x, yt_emit_splat(e, (float)factor));
    if (factor == 1)
        return yt_emit_fadd(e, sum, x);
    if (factor == -1)
        return yt_emit_fsub(e, sum, x);
    return yt_emit_fma(e, x, yt_emit_splat(e, (float)factor), sum);
}

/* Terms j, j - 2 ... of a row times x: highest first, whose factor is 1. */
static LLVMValueRef every_other(struct yt_emit *e, const double *row,
                                const LLVMValueRef *x, int32_t j)
{
    LLVMValueRef sum = NULL;
    for (; j >= 0; j -= 2)
        sum = add_term(e, sum, row[j], x[j]);
    return sum;
}

/* y = in x. A pair of points' rows differ in the signs of odd terms. */
static void transform_in(struct yt_emit *e, const struct yt_cook_toom *t,
                         const LLVMValueRef *x, LLVMValueRef *y)
{
    const int32_t n = t->products;
    y[0] = every_other(e, t->in[0], x, n - 2);
    for (int32_t i = 1; i + 1 < n; i += 2) {
        LLVMValueRef even = every_other(e, t->in[i], x, n - 2);
        LLVMValueRef odd = every_other(e, t->in[i], x, n - 3);
        y[i] = yt_emit_fadd(e, even, odd);
        y[i + 1] = yt_emit_fsub(e, even, odd);
    }
    y[n - 1] = every_other(e, t->in[n - 1], x, n - 1);
}

/* y = out x. Powers of a pair of points differ in the signs of odd ones. */
static void transform_out(struct yt_emit *e, const struct yt_cook_toom *t,
                          const LLVMValueRef *x, LLVMValueRef *y)
{
    const int32_t n = t->products;
    LLVMValueRef both[2][YT_COOK_TOOM_MAX / 2];
    for (int32_t i = 1; i + 1 < n; i += 2) {
        both[0][i / 2] = yt_emit_fadd(e, x[i], x[i + 1]);
        both[1][i / 2] = yt_emit_fsub(e, x[i], x[i + 1]);
    }
    for (int32_t j = 0; j < t->outputs; j++) {
        y[j] = add_term(e, NULL, t->out[j][0], x[0]);
        for (int32_t i = 1; i + 1 < n; i += 2)
            y[j] = add_term(e, y[j], t->out[j][i], both[j % 2][i / 2]);
        y[j] = add_term(e, y[j], t->out[j][n - 1], x[n - 1]);
    }
}

/* --------------------------------------------------------------- memory */

static LLVMValueRef load(struct yt_winograd_emit *g, LLVMValueRef base,
                         int64_t offset)
{
    struct yt_emit *e = g->c.e;
    return yt_emit_load(e, e->vec, yt_emit_at(e, base, offset),
                        (unsigned)g->c.t.vec_bytes);
}

static void store(struct yt_winograd_emit *g, LLVMValueRef v, LLVMValueRef base,
                  int64_t offset)
{
    struct yt_emit *e = g->c.e;
    yt_emit_store(e, v, yt_emit_at(e, base, offset),
                  (unsigned)g->c.t.vec_bytes);
}

/* Vector i of a row of them. */
static LLVMValueRef vector(struct yt_winograd_emit *g, LLVMValueRef base,
                           LLVMValueRef i)
{
    return yt_emit_index(g->c.e, base,
                         yt_emit_muli(g->c.e, i, g->c.t.vec_bytes));
}

/* The first output of tile @p i of the task. */
static void place(struct yt_winograd_emit *g, LLVMValueRef i, LLVMValueRef *oh,
                  LLVMValueRef *ow)
{
    struct yt_emit *e = g->c.e;
    LLVMValueRef tile = yt_emit_add(e, g->first, i);
    *oh = yt_emit_muli(e, yt_emit_divi(e, tile, g->w.columns), g->w.edge);
    *ow = yt_emit_muli(e, yt_emit_modi(e, tile, g->w.columns), g->w.edge);
}

/* ---------------------------------------------------------------- inputs */

/* Columns [from, to) of a tile outside the image. */
static void zero_columns(struct yt_winograd_emit *g, LLVMValueRef from,
                         LLVMValueRef to)
{
    struct yt_emit *e = g->c.e;
    struct yt_loop column;
    yt_emit_for(e, &column, "outside", from, to, 1, 0);
    LLVMValueRef half = vector(g, g->half, column.i);
    for (int32_t i = 0; i < g->w.size; i++)
        store(g, yt_emit_splat(e, 0), half, i * g->w.size * g->c.t.vec_bytes);
    yt_emit_endfor(e, &column);
}

/* Columns of a tile whose first pixel is input (y, x), into half. */
static void input_columns(struct yt_winograd_emit *g, LLVMValueRef in,
                          LLVMValueRef y, LLVMValueRef x)
{
    struct yt_emit *e = g->c.e;
    const struct yt_conv2d *p = g->c.p;
    const int32_t size = g->w.size;
    LLVMValueRef rows[YT_COOK_TOOM_MAX], d[YT_COOK_TOOM_MAX] = {NULL};
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef start =
        yt_emit_index(e, in,
                      yt_emit_add(e, yt_emit_muli(e, y, g->c.t.in_row),
                                  yt_emit_muli(e, x, g->c.t.in_pixel)));
    for (int32_t i = 0; i < size; i++) {
        LLVMValueRef row = yt_emit_addi(e, y, i);
        LLVMValueRef inside =
            yt_emit_and(e, yt_emit_less(e, yt_emit_i64(e, -1), row),
                        yt_emit_less(e, row, yt_emit_i64(e, p->h)));
        rows[i] = yt_emit_select(
            e, inside, yt_emit_at(e, start, i * g->c.t.in_row), g->zeros);
    }
    LLVMValueRef from = yt_emit_max(e, zero, yt_emit_sub(e, zero, x));
    LLVMValueRef to = yt_emit_min(e, yt_emit_i64(e, size),
                                  yt_emit_sub(e, yt_emit_i64(e, p->w), x));
    zero_columns(g, zero, from);
    zero_columns(g, to, yt_emit_i64(e, size));
    struct yt_loop column;
    yt_emit_for(e, &column, "column", from, to, 1, 1);
    for (int32_t i = 0; i < size; i++)
        d[i] = load(g, vector(g, rows[i], column.i), 0);
    LLVMValueRef t[YT_COOK_TOOM_MAX] = {NULL};
    transform_in(e, &g->t, d, t);
    LLVMValueRef half = vector(g, g->half, column.i);
    for (int32_t i = 0; i < size; i++)
        store(g, t[i], half, i * size * g->c.t.vec_bytes);
    yt_emit_endfor(e, &column);
}

/* Rows of half to the points of a tile. */
static void input_rows(struct yt_winograd_emit *g, LLVMValueRef out)
{
    struct yt_emit *e = g->c.e;
    const int32_t size = g->w.size;
    struct yt_loop row;
    yt_emit_for(e, &row, "row", yt_emit_i64(e, 0), yt_emit_i64(e, size), 1, 1);
    LLVMValueRef d[YT_COOK_TOOM_MAX] = {NULL}, t[YT_COOK_TOOM_MAX] = {NULL};
    LLVMValueRef half = vector(g, g->half, yt_emit_muli(e, row.i, size));
    for (int32_t j = 0; j < size; j++)
        d[j] = load(g, half, j * g->c.t.vec_bytes);
    transform_in(e, &g->t, d, t);
    LLVMValueRef points =
        yt_emit_index(e, out, yt_emit_muli(e, row.i, size * g->w.input_point));
    for (int32_t j = 0; j < size; j++)
        store(g, t[j], points, j * g->w.input_point);
    yt_emit_endfor(e, &row);
}

void yt_winograd_inputs(struct yt_winograd_emit *g)
{
    struct yt_emit *e = g->c.e;
    struct yt_loop block, tile;
    yt_emit_for(e, &block, "block", yt_emit_i64(e, 0),
                yt_emit_i64(e, g->c.t.ic_blocks), 1, 1);
    LLVMValueRef in =
        yt_emit_index(e, g->c.in, yt_emit_muli(e, block.i, g->c.t.in_block));
    LLVMValueRef out =
        yt_emit_index(e, g->inputs, yt_emit_muli(e, block.i, g->w.block_bytes));
    yt_emit_for(e, &tile, "tile", yt_emit_i64(e, 0), g->count, 1, 1);
    LLVMValueRef oh, ow;
    place(g, tile.i, &oh, &ow);
    input_columns(g, in, yt_emit_addi(e, oh, -g->c.p->pad),
                  yt_emit_addi(e, ow, -g->c.p->pad));
    input_rows(g, vector(g, out, tile.i));
    yt_emit_endfor(e, &tile);
    yt_emit_endfor(e, &block);
}

/* --------------------------------------------------------------- outputs */

/* Columns of a tile's products into half, [edge][size]. */
static void product_columns(struct yt_winograd_emit *g, LLVMValueRef products)
{
    struct yt_emit *e = g->c.e;
    const int32_t size = g->w.size;
    struct yt_loop column;
    yt_emit_for(e, &column, "column", yt_emit_i64(e, 0), yt_emit_i64(e, size),
                1, 1);
    LLVMValueRef d[YT_COOK_TOOM_MAX] = {NULL}, t[YT_COOK_TOOM_MAX] = {NULL};
    LLVMValueRef points = yt_emit_index(
        e, products, yt_emit_muli(e, column.i, g->w.product_point));
    for (int32_t i = 0; i < size; i++)
        d[i] = load(g, points, i * size * g->w.product_point);
    transform_out(e, &g->t, d, t);
    LLVMValueRef half = vector(g, g->half, column.i);
    for (int32_t i = 0; i < g->w.edge; i++)
        store(g, t[i], half, i * size * g->c.t.vec_bytes);
    yt_emit_endfor(e, &column);
}

/* The first rows of half to results, [edge][edge]. */
static void result_rows(struct yt_winograd_emit *g, LLVMValueRef results,
                        LLVMValueRef rows)
{
    struct yt_emit *e = g->c.e;
    struct yt_loop row;
    yt_emit_for(e, &row, "row", yt_emit_i64(e, 0), rows, 1, 1);
    LLVMValueRef d[YT_COOK_TOOM_MAX] = {NULL}, t[YT_COOK_TOOM_MAX] = {NULL};
    LLVMValueRef half = vector(g, g->half, yt_emit_muli(e, row.i, g->w.size));
    for (int32_t j = 0; j < g->w.size; j++)
        d[j] = load(g, half, j * g->c.t.vec_bytes);
    transform_out(e, &g->t, d, t);
    LLVMValueRef out = vector(g, results, yt_emit_muli(e, row.i, g->w.edge));
    for (int32_t j = 0; j < g->w.edge; j++)
        store(g, t[j], out, j * g->c.t.vec_bytes);
    yt_emit_endfor(e, &row);
}

/* Results of a tile, as many as fall inside, to the output. */
static void finish_tile(struct yt_winograd_emit *g, LLVMValueRef oh,
                        LLVMValueRef ow, LLVMValueRef rows,
                        LLVMValueRef columns)
{
    struct yt_emit *e = g->c.e;
    const int32_t edge = g->w.edge;
    struct yt_loop row, column;
    yt_emit_for(e, &row, "row", yt_emit_i64(e, 0), rows, 1, 1);
    yt_emit_for(e, &column, "pixel", yt_emit_i64(e, 0), columns, 1, 1);
    const struct yt_conv_place at = {.oh = yt_emit_add(e, oh, row.i),
                                     .ow = yt_emit_add(e, ow, column.i),
                                     .pixels = 1};
    LLVMValueRef results = vector(
        g, g->results, yt_emit_add(e, yt_emit_muli(e, row.i, edge), column.i));
    yt_conv_start(&g->c, &at);
    for (int32_t n = 0; n < g->c.s->nr; n++) {
        LLVMValueRef acc = g->c.acc[0][n];
        yt_emit_set(
            e, acc,
            yt_emit_fadd(e, yt_emit_get(e, acc),
                         load(g, results, n * edge * edge * g->c.t.vec_bytes)));
    }
    yt_conv_finish(&g->c, &at);
    yt_emit_endfor(e, &column);
    yt_emit_endfor(e, &row);
}

static LLVMValueRef at_most_edge(struct yt_winograd_emit *g, int32_t all,
                                 LLVMValueRef from)
{
    struct yt_emit *e = g->c.e;
    return yt_emit_min(e, yt_emit_i64(e, g->w.edge),
                       yt_emit_sub(e, yt_emit_i64(e, all), from));
}

void yt_winograd_outputs(struct yt_winograd_emit *g)
{
    struct yt_emit *e = g->c.e;
    struct yt_loop tile, channels;
    yt_emit_for(e, &tile, "tile", yt_emit_i64(e, 0), g->count, 1, 1);
    LLVMValueRef oh, ow;
    place(g, tile.i, &oh, &ow);
    LLVMValueRef rows = at_most_edge(g, g->c.t.oh, oh);
    LLVMValueRef products = vector(g, g->products, tile.i);
    yt_emit_for(e, &channels, "channels", yt_emit_i64(e, 0),
                yt_emit_i64(e, g->c.s->nr), 1, 1);
    product_columns(
        g, yt_emit_index(e, products,
                         yt_emit_muli(e, channels.i, g->w.block_bytes)));
    result_rows(g,
                vector(g, g->results,
                       yt_emit_muli(e, channels.i, g->w.edge * g->w.edge)),
                rows);
    yt_emit_endfor(e, &channels);
    finish_tile(g, oh, ow, rows, at_most_edge(g, g->c.t.ow, ow));
    yt_emit_endfor(e, &tile);
}
