/* The way that convolutions on register tiles take over their outputs: tasks,
 * groups of rows or of pixels, tiles. What is summed for a tile the row says.
 *
 * There is no padded border. Above and below, the loop over filter rows is
 * shortened; left and right, the tiles of a row whose taps fall outside are
 * emitted apart, without those multiplications. Tiles that need the same code
 * share it through a loop, so a row is at most: left edge, middle, right edge,
 * twice where sizes differ by one.
 */

#include <assert.h>
#include <string.h>

#include "codegen/conv_parts.h"
#include "runtime/kernel.h"

int yt_conv_tap_inside(const struct yt_conv_emit *c, int32_t tile, int32_t m,
                       int32_t kw)
{
    if (c->t.flat || c->t.window)
        return 1;
    const int32_t ow = yt_conv_tile_start(&c->t, tile) + m;
    const int32_t iw = ow * c->p->stride - c->p->pad + kw;
    return iw >= 0 && iw < c->p->w;
}

static int same_code(const struct yt_conv_emit *c, int32_t a, int32_t b)
{
    const int32_t pixels = yt_conv_tile_pixels(&c->t, a);
    if (pixels != yt_conv_tile_pixels(&c->t, b))
        return 0;
    for (int32_t m = 0; m < pixels; m++)
        for (int32_t kw = 0; kw < c->p->r; kw++)
            if (yt_conv_tap_inside(c, a, m, kw) !=
                yt_conv_tap_inside(c, b, m, kw))
                return 0;
    return 1;
}

LLVMValueRef yt_conv_origin(struct yt_conv_emit *c,
                            const struct yt_conv_place *at, LLVMValueRef *kh0,
                            LLVMValueRef *kh1)
{
    struct yt_emit *e = c->e;
    const struct yt_conv2d *p = c->p;
    LLVMValueRef offset = yt_emit_muli(e, at->ow, p->stride * c->t.in_pixel);
    *kh0 = yt_emit_i64(e, 0);
    *kh1 = yt_emit_i64(e, p->r);
    if (!c->t.flat) {
        LLVMValueRef top =
            yt_emit_addi(e, yt_emit_muli(e, at->oh, p->stride), -p->pad);
        offset = yt_emit_add(e, offset, yt_emit_muli(e, top, c->t.in_row));
        offset = yt_emit_addi(e, offset, -p->pad * c->t.in_pixel);
        if (c->t.window) { /* whose padding is there */
            offset =
                yt_emit_addi(e, offset, p->pad * (c->t.in_row + c->t.in_pixel));
        } else if (p->pad) {
            LLVMValueRef zero = yt_emit_i64(e, 0);
            *kh0 = yt_emit_max(e, zero, yt_emit_sub(e, zero, top));
            *kh1 =
                yt_emit_min(e, *kh1, yt_emit_sub(e, yt_emit_i64(e, p->h), top));
        }
    }
    return yt_emit_index(e, c->k_in, offset);
}

static void tile(struct yt_conv_emit *c, const struct yt_conv_place *at)
{
    yt_conv_start(c, at);
    c->accumulate(c, at);
    yt_conv_finish(c, at);
}

/* Tiles [from, to) of one shape; tile 'first' is the first of that shape. */
static void tile_loop(struct yt_conv_emit *c, LLVMValueRef oh,
                      LLVMValueRef from, LLVMValueRef to, int32_t first,
                      int runs_once)
{
    struct yt_emit *e = c->e;
    struct yt_conv_place at = {
        .oh = oh,
        .pixels = yt_conv_tile_pixels(&c->t, first),
        .example = first,
    };
    struct yt_loop loop;
    yt_emit_for(e, &loop, "tile", from, to, 1, runs_once);
    at.ow = yt_emit_addi(e, yt_emit_muli(e, loop.i, at.pixels),
                         yt_conv_tile_start(&c->t, first) -
                             (int64_t)first * at.pixels);
    tile(c, &at);
    yt_emit_endfor(e, &loop);
}

static void row_of_tiles(struct yt_conv_emit *c, LLVMValueRef oh)
{
    struct yt_emit *e = c->e;
    for (int32_t i = 0; i < c->t.tiles;) {
        int32_t end = i + 1;
        while (end < c->t.tiles && same_code(c, i, end))
            end++;
        if (end - i == 1) {
            const struct yt_conv_place at = {
                .oh = oh,
                .ow = yt_emit_i64(e, yt_conv_tile_start(&c->t, i)),
                .pixels = yt_conv_tile_pixels(&c->t, i),
                .example = i,
            };
            tile(c, &at);
        } else {
            tile_loop(c, oh, yt_emit_i64(e, i), yt_emit_i64(e, end), i, 1);
        }
        i = end;
    }
}

/* One task's pixels: a group of rows, or of tiles of the flattened image. */
static void pixel_group(struct yt_conv_emit *c, LLVMValueRef group)
{
    struct yt_emit *e = c->e;
    const int32_t units = c->t.flat ? c->t.tiles : c->t.rows;
    LLVMValueRef from = yt_emit_i64(e, 0);
    LLVMValueRef to = yt_emit_i64(e, units);
    if (c->s->tiles) {
        from = yt_emit_muli(e, group, c->s->tiles);
        to = yt_emit_min(e, yt_emit_addi(e, from, c->s->tiles), to);
    }
    if (!c->t.flat) {
        struct yt_loop row;
        yt_emit_for(e, &row, "row", from, to, 1, 1);
        row_of_tiles(c, row.i);
        yt_emit_endfor(e, &row);
        return;
    }
    LLVMValueRef zero = yt_emit_i64(e, 0);
    LLVMValueRef large = yt_emit_i64(e, c->t.large);
    if (c->t.large)
        tile_loop(c, zero, from, yt_emit_min(e, to, large), 0, 0);
    if (c->t.large < c->t.tiles)
        tile_loop(c, zero, c->t.large ? yt_emit_max(e, from, large) : from, to,
                  c->t.large, c->t.large == 0);
}

void yt_conv_channel_tile(struct yt_conv_emit *c, LLVMValueRef k_tile)
{
    struct yt_emit *e = c->e;
    c->k_tile = k_tile;
    c->k_in = c->in;
    if (c->p->groups)
        c->k_in = yt_emit_index(
            e, c->in,
            yt_emit_muli(e, yt_emit_divi(e, k_tile, c->t.tiles_of_group),
                         c->t.in_group));
    c->k_weights =
        yt_emit_index(e, c->weights, yt_emit_muli(e, k_tile, c->t.weight_tile));
    c->k_constants = yt_emit_index(
        e, c->constants, yt_emit_muli(e, k_tile, c->s->nr * c->t.vec_bytes));
    c->k_out = yt_emit_index(
        e, c->output, yt_emit_muli(e, k_tile, c->s->nr * c->t.out_block));
    if (c->p->add)
        c->k_add = yt_emit_index(
            e, c->add, yt_emit_muli(e, k_tile, c->s->nr * c->t.add_block));
}

static void task(struct yt_conv_emit *c, LLVMValueRef index)
{
    struct yt_emit *e = c->e;
    LLVMValueRef group, k_tile;
    if (c->t.k_tiles == 1) {
        group = index;
        k_tile = yt_emit_i64(e, 0);
    } else if (c->s->order == YT_ORDER_PIXELS) {
        group = yt_emit_modi(e, index, c->t.pixel_groups);
        k_tile = yt_emit_divi(e, index, c->t.pixel_groups);
    } else {
        group = yt_emit_divi(e, index, c->t.k_tiles);
        k_tile = yt_emit_modi(e, index, c->t.k_tiles);
    }
    yt_conv_channel_tile(c, k_tile);
    pixel_group(c, group);
}

void yt_conv_open(struct yt_conv_emit *c, struct yt_emit *e,
                  const struct yt_problem *problem, const struct yt_schedule *s)
{
    memset(c, 0, sizeof *c);
    c->e = e;
    c->dtype = problem->dtype;
    c->out = problem->out;
    c->p = &problem->u.conv2d;
    c->s = s;
    yt_constants_layout(problem, e->isa, &c->l);
    yt_conv_tiles(problem, s, e->isa, &c->t);
    assert(s->mr <= YT_CONV_MR_MAX && s->nr <= YT_CONV_NR_MAX);
}

void yt_conv_begin(struct yt_conv_emit *c)
{
    struct yt_emit *e = c->e;
    LLVMValueRef args = yt_emit_param(e, 0);
    c->in = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, in), "in");
    c->output =
        yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, out), "out");
    c->weights = yt_emit_field(e, args, e->ptr,
                               offsetof(struct yt_args, weights), "weights");
    c->constants = yt_emit_field(e, args, e->ptr,
                                 offsetof(struct yt_args, bias), "constants");
    if (c->p->add)
        c->add = yt_emit_field(e, args, e->ptr, offsetof(struct yt_args, add),
                               "add");
    for (int32_t m = 0; m < c->s->mr; m++)
        for (int32_t n = 0; n < c->s->nr; n++)
            c->acc[m][n] = yt_emit_var(e, yt_emit_sum_type(e, c->dtype), "acc");
}

void yt_conv_walk(struct yt_conv_emit *c, yt_conv_sum accumulate)
{
    struct yt_emit *e = c->e;
    struct yt_loop tasks;
    c->accumulate = accumulate;
    yt_conv_begin(c);
    yt_emit_for(e, &tasks, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    task(c, tasks.i);
    yt_emit_endfor(e, &tasks);
}
