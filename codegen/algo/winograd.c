/* Winograd's minimal filtering for 3x3 filters of step 1: a tile of edge x edge
 * outputs takes (edge + 2)^2 products for each pair of channels instead of
 * 9 edge^2, so 1/2.25, 1/4 or 1/5.06 of direct convolution's, at the cost of
 * transforms on both sides of them. See Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks", CVPR 2016.
 *
 * A task transforms a block of tiles of all input channels into its scratch,
 * which should fit the L2 cache. Then it goes over its channel tiles: at each
 * point, a matrix product of the block's tiles x input channels and the
 * filter's input x output channels, on the register tiles of direct
 * convolution, with tiles in place of pixels; after all points, the outputs.
 * Filters are transformed when they are packed. Their points are read in
 * order, once for each block.
 */

#include <string.h>

#include "base/math.h"
#include "codegen/conv_rows.h"
#include "codegen/pack.h"
#include "codegen/propose.h"
#include "codegen/winograd_parts.h"

/* ----------------------------------------------------------------- code */

/* ku input channels of a block: one product for each of the tiles. */
static void multiply(struct yt_winograd_emit *g, int32_t tiles, LLVMValueRef in,
                     LLVMValueRef weights)
{
    struct yt_conv_emit *c = &g->c;
    struct yt_emit *e = c->e;
    for (int32_t u = 0; u < c->s->ku; u++) {
        LLVMValueRef w[YT_CONV_NR_MAX] = {NULL};
        for (int32_t n = 0; n < c->s->nr; n++)
            w[n] = yt_emit_load(
                e, e->vec,
                yt_emit_at(e, weights,
                           u * g->w.weight_channel + n * c->t.vec_bytes),
                (unsigned)c->t.vec_bytes);
        for (int32_t m = 0; m < tiles; m++) {
            LLVMValueRef x =
                yt_emit_broadcast(e, in, m * c->t.vec_bytes + u * 4);
            for (int32_t n = 0; n < c->s->nr; n++) {
                LLVMValueRef acc = c->acc[m][n];
                yt_emit_set(e, acc,
                            yt_emit_fma(e, x, w[n], yt_emit_get(e, acc)));
            }
        }
    }
}

/* All input channels of some tiles at one point. */
static void sum_channels(struct yt_winograd_emit *g, int32_t tiles,
                         LLVMValueRef in, LLVMValueRef weights)
{
    struct yt_conv_emit *c = &g->c;
    struct yt_emit *e = c->e;
    struct yt_loop block, channel;
    LLVMValueRef zero = yt_emit_i64(e, 0);
    yt_emit_for(e, &block, "block", zero, yt_emit_i64(e, c->t.ic_blocks), 1, 1);
    in = yt_emit_index(e, in, yt_emit_muli(e, block.i, g->w.block_bytes));
    weights = yt_emit_index(
        e, weights,
        yt_emit_muli(e, block.i, c->t.ic_block * g->w.weight_channel));
    if (c->s->ku == c->t.ic_block) {
        multiply(g, tiles, in, weights);
    } else {
        yt_emit_for(e, &channel, "channel", zero, yt_emit_i64(e, c->t.ic_block),
                    c->s->ku, 1);
        multiply(
            g, tiles, yt_emit_index(e, in, yt_emit_muli(e, channel.i, 4)),
            yt_emit_index(e, weights,
                          yt_emit_muli(e, channel.i, g->w.weight_channel)));
        yt_emit_endfor(e, &channel);
    }
    yt_emit_endfor(e, &block);
}

/* A point's products of tiles [from, from + tiles) of the block. */
static void products(struct yt_winograd_emit *g, LLVMValueRef point,
                     LLVMValueRef from, int32_t tiles)
{
    struct yt_conv_emit *c = &g->c;
    struct yt_emit *e = c->e;
    for (int32_t m = 0; m < tiles; m++)
        for (int32_t n = 0; n < c->s->nr; n++)
            yt_emit_set(e, c->acc[m][n], yt_emit_splat(e, 0));
    LLVMValueRef offset = yt_emit_muli(e, from, c->t.vec_bytes);
    LLVMValueRef weights =
        yt_emit_add(e, yt_emit_muli(e, c->k_tile, g->w.weight_tile),
                    yt_emit_muli(e, point, g->w.weight_point));
    sum_channels(
        g, tiles,
        yt_emit_index(
            e, g->inputs,
            yt_emit_add(e, offset, yt_emit_muli(e, point, g->w.input_point))),
        yt_emit_index(e, c->weights, weights));
    LLVMValueRef out = yt_emit_index(
        e, g->products,
        yt_emit_add(e, offset, yt_emit_muli(e, point, g->w.product_point)));
    for (int32_t n = 0; n < c->s->nr; n++)
        for (int32_t m = 0; m < tiles; m++)
            yt_emit_store(
                e, yt_emit_get(e, c->acc[m][n]),
                yt_emit_at(e, out, n * g->w.block_bytes + m * c->t.vec_bytes),
                (unsigned)c->t.vec_bytes);
}

/* What a block of so many tiles leaves past its last whole register tile. */
static void rest(struct yt_winograd_emit *g, LLVMValueRef point, int32_t tiles)
{
    struct yt_emit *e = g->c.e;
    const int32_t mr = g->c.s->mr;
    struct yt_branch is;
    if (tiles % mr == 0)
        return;
    yt_emit_if(e, &is, yt_emit_equal(e, g->count, yt_emit_i64(e, tiles)),
               "rest");
    products(g, point, yt_emit_i64(e, tiles / mr * mr), tiles % mr);
    yt_emit_endif(e, &is);
}

/* All points of the channel tile. */
static void all_products(struct yt_winograd_emit *g)
{
    struct yt_emit *e = g->c.e;
    const int32_t mr = g->c.s->mr;
    struct yt_loop point, tiles;
    yt_emit_for(e, &point, "point", yt_emit_i64(e, 0),
                yt_emit_i64(e, g->w.points), 1, 1);
    yt_emit_for(e, &tiles, "tiles", yt_emit_i64(e, 0),
                yt_emit_addi(e, g->count, 1 - mr), mr, 0);
    products(g, point.i, tiles.i, mr);
    yt_emit_endfor(e, &tiles);
    rest(g, point.i, g->w.block);
    if (g->w.last != g->w.block)
        rest(g, point.i, g->w.last);
    yt_emit_endfor(e, &point);
}

/* Tasks of one block follow one another: those behind the first find its
 * inputs transformed. @param held the block whose inputs the scratch has */
static void task(struct yt_winograd_emit *g, LLVMValueRef index,
                 LLVMValueRef held)
{
    struct yt_emit *e = g->c.e;
    LLVMValueRef block = yt_emit_divi(e, index, g->w.groups);
    LLVMValueRef group = yt_emit_modi(e, index, g->w.groups);
    g->first = yt_emit_muli(e, block, g->w.block);
    g->count =
        yt_emit_min(e, yt_emit_i64(e, g->w.block),
                    yt_emit_sub(e, yt_emit_i64(e, g->w.tiles), g->first));
    struct yt_branch other;
    yt_emit_if(e, &other, yt_emit_less(e, yt_emit_get(e, held), block),
               "inputs");
    yt_winograd_inputs(g);
    yt_emit_set(e, held, block);
    yt_emit_endif(e, &other);

    struct yt_loop k_tile;
    LLVMValueRef from = yt_emit_muli(e, group, g->w.group);
    yt_emit_for(e, &k_tile, "channels", from,
                yt_emit_min(e, yt_emit_addi(e, from, g->w.group),
                            yt_emit_i64(e, g->w.k_tiles)),
                1, 1);
    yt_conv_channel_tile(&g->c, k_tile.i);
    all_products(g);
    yt_winograd_outputs(g);
    yt_emit_endfor(e, &k_tile);
}

static void generate(struct yt_emit *e, const struct yt_problem *problem,
                     const struct yt_schedule *s)
{
    struct yt_winograd_emit g;
    struct yt_loop tasks;
    yt_conv_open(&g.c, e, problem, s);
    yt_winograd_tiles(problem, s, e->isa, &g.w);
    yt_cook_toom(s->edge, &g.t);
    yt_conv_begin(&g.c);
    yt_winograd_scratch(&g);
    LLVMValueRef held = yt_emit_var(e, e->i64, "held");
    yt_emit_set(e, held, yt_emit_i64(e, -1));
    yt_emit_for(e, &tasks, "task", yt_emit_param(e, 1), yt_emit_param(e, 2), 1,
                0);
    task(&g, tasks.i, held);
    yt_emit_endfor(e, &tasks);
}

/* -------------------------------------------------------------- packing */

static size_t weight_bytes(const struct yt_problem *p,
                           const struct yt_schedule *s,
                           const struct yt_isa *isa)
{
    struct yt_winograd_tiles w;
    yt_winograd_tiles(p, s, isa, &w);
    return (size_t)(w.k_tiles * w.weight_tile);
}

/* [k tile][point][input channel][nr * lanes], zeros past k. */
static void pack(const struct yt_problem *p, const struct yt_schedule *s,
                 const struct yt_isa *isa, const struct yt_weights *f,
                 void *packed)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    const int32_t width = s->nr * isa->lanes;
    struct yt_winograd_tiles w;
    struct yt_cook_toom t;
    yt_winograd_tiles(p, s, isa, &w);
    yt_cook_toom(s->edge, &t);
    memset(packed, 0, weight_bytes(p, s, isa));
    for (int32_t k = 0; k < v->k; k++)
        for (int32_t c = 0; c < v->c; c++) {
            double u[YT_COOK_TOOM_MAX * YT_COOK_TOOM_MAX];
            char *out = (char *)packed + k / width * w.weight_tile +
                        c * w.weight_channel + k % width * 4;
            yt_cook_toom_filter(&t, f->weights + yt_filter_index(v, k, c, 0, 0),
                                u);
            for (int32_t i = 0; i < w.points; i++)
                *(float *)(void *)(out + i * w.weight_point) = (float)u[i];
        }
}

/* ------------------------------------------------------------------ row */

/* More than any core's cache. */
#define SCRATCH_MAX ((int64_t)16 << 20)

static int is_for(const struct yt_problem *p, const struct yt_isa *isa)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    return p->dtype == YT_DTYPE_F32 && p->out == YT_DTYPE_F32 &&
           v->r == YT_COOK_TOOM_TAPS && v->stride == 1 && v->pad == 1 &&
           !v->lazy && !v->pattern && !v->groups && !yt_conv2d_holds_rows(v) &&
           !(v->c % isa->lanes);
}

static int applies(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa)
{
    struct yt_winograd_tiles w;
    if (!is_for(p, isa) || s->edge % 2 || isa->lanes % s->ku ||
        yt_ceil_div(p->u.conv2d.k, isa->lanes) % s->nr)
        return 0;
    yt_winograd_tiles(p, s, isa, &w);
    /* One canonical form each: blocks of fewer than all tiles, groups of fewer
     * than all channels, a register tile no longer than a block. */
    return s->tiles < w.tiles && s->group < w.k_tiles && s->mr <= w.block &&
           w.scratch_bytes <= SCRATCH_MAX;
}

static int64_t tasks(const struct yt_problem *p, const struct yt_schedule *s,
                     const struct yt_isa *isa)
{
    struct yt_winograd_tiles w;
    yt_winograd_tiles(p, s, isa, &w);
    return (int64_t)w.blocks * w.groups;
}

/* Tasks walk groups of channels first. */
static int splits_pixels(const struct yt_problem *p,
                         const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_winograd_tiles w;
    yt_winograd_tiles(p, s, isa, &w);
    return w.blocks > 1 || w.groups == 1;
}

static int64_t scratch_bytes(const struct yt_problem *p,
                             const struct yt_schedule *s,
                             const struct yt_isa *isa)
{
    struct yt_winograd_tiles w;
    yt_winograd_tiles(p, s, isa, &w);
    return w.scratch_bytes;
}

static double product_flops(const struct yt_problem *p,
                            const struct yt_schedule *s,
                            const struct yt_isa *isa)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    struct yt_winograd_tiles w;
    yt_winograd_tiles(p, s, isa, &w);
    return 2.0 * w.tiles * w.points * v->c * v->k;
}

/* Relative to the largest output. Some eight times what was measured over
 * YOLOv5's shapes, which grows with the channels: of 512, 1.3e-6, 4.6e-6 and
 * 2.5e-5, where direct sums have 3e-6. */
static double tolerance(const struct yt_problem *p, const struct yt_schedule *s,
                        const struct yt_isa *isa)
{
    static const double errors[] = {1e-5, 4e-5, 2e-4};
    (void)p;
    (void)isa;
    return errors[s->edge / 2 - 1];
}

/* ---------------------------------------------------------------- search */

/* Bytes of a block's inputs to begin with: half of a server core's L2, which
 * the products and the filters share. */
#define BLOCK_BYTES ((int64_t)1 << 20)

static const int32_t edges[] = {4, 6, 2};
#define EDGES ((int)(sizeof edges / sizeof edges[0]))

/* What is left beside the weights and a broadcast. */
static int32_t widest_tile(const struct yt_isa *isa, int32_t nr)
{
    const int apart = nr > 1 || !(isa->can & YT_CAN_BROADCAST_OPERAND);
    const int32_t mr = (isa->regs - nr - apart) / nr;
    const int32_t most = yt_knob_get(YT_KNOB_MR)->most;
    return mr < most ? mr : most;
}

/* Blocks of equal size, with about so many bytes of inputs; and the register
 * tile of at most mr that leaves the least rest. */
static void cut_blocks(const struct yt_problem *p, const struct yt_isa *isa,
                       int64_t bytes, int32_t mr, struct yt_schedule *s)
{
    struct yt_winograd_tiles w;
    s->tiles = 0;
    yt_winograd_tiles(p, s, isa, &w);
    const int64_t most = bytes / (w.points * 4 * (int64_t)p->u.conv2d.c);
    int32_t block = w.tiles;
    if (most < w.tiles)
        block = (int32_t)yt_ceil_div(w.tiles,
                                     yt_ceil_div(w.tiles, most > 1 ? most : 1));
    s->tiles = block < w.tiles ? block : 0;
    s->mr = (int32_t)yt_ceil_div(block, yt_ceil_div(block, mr));
}

static int first(const struct yt_problem *p, const struct yt_isa *isa,
                 struct yt_schedule *s)
{
    if (!is_for(p, isa))
        return 0;
    s->edge = edges[0];
    s->ku = 4;
    s->nr = yt_ceil_div(p->u.conv2d.k, isa->lanes) % 2 ? 1 : 2;
    cut_blocks(p, isa, BLOCK_BYTES, widest_tile(isa, s->nr), s);
    return applies(p, s, isa);
}

/* Blocks and groups that threads finish together. */
static void propose_tasks(const struct yt_ask *ask,
                          const struct yt_schedule *base)
{
    int32_t before = -1;
    for (int64_t bytes = BLOCK_BYTES * 2; bytes >= BLOCK_BYTES / 16;
         bytes /= 2) {
        struct yt_schedule cut = *base;
        struct yt_winograd_tiles w;
        cut_blocks(ask->problem, ask->isa, bytes, widest_tile(ask->isa, cut.nr),
                   &cut);
        if (cut.tiles == before)
            continue;
        before = cut.tiles;
        yt_winograd_tiles(ask->problem, &cut, ask->isa, &w);
        for (int32_t parts = 1; parts <= w.k_tiles; parts *= 2) {
            cut.group = parts > 1 ? (int32_t)yt_ceil_div(w.k_tiles, parts) : 0;
            if (yt_shares_out(ask, &cut))
                yt_propose(ask, &cut);
        }
    }
}

/* The largest blocks that share out, or else groups of channels that do. */
static void begin_tasks(const struct yt_ask *ask, int32_t mr,
                        struct yt_schedule *s)
{
    for (int64_t bytes = BLOCK_BYTES; bytes >= BLOCK_BYTES / 8; bytes /= 2) {
        cut_blocks(ask->problem, ask->isa, bytes, mr, s);
        if (yt_shares_out(ask, s))
            return;
    }
    cut_blocks(ask->problem, ask->isa, BLOCK_BYTES, mr, s);
    struct yt_winograd_tiles w;
    yt_winograd_tiles(ask->problem, s, ask->isa, &w);
    for (int32_t parts = 2; parts <= w.k_tiles; parts *= 2) {
        s->group = (int32_t)yt_ceil_div(w.k_tiles, parts);
        if (yt_shares_out(ask, s))
            return;
    }
    s->group = 0;
}

/* Register tiles of each width, as long as they can be. */
static void propose_shapes(const struct yt_ask *ask)
{
    static const int32_t widths[] = {2, 1, 4, 3};
    const int32_t vectors =
        (int32_t)yt_ceil_div(ask->problem->u.conv2d.k, ask->isa->lanes);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        for (int edge = 0; edge < EDGES && vectors % widths[i] == 0; edge++) {
            struct yt_schedule s = yt_schedule_blank(YT_ALGO_WINOGRAD);
            s.edge = edges[edge];
            s.nr = widths[i];
            s.ku = 4;
            begin_tasks(ask, widest_tile(ask->isa, s.nr), &s);
            if (ask->stage == YT_STAGE_ALL && yt_shares_out(ask, &s))
                propose_tasks(ask, &s);
            else
                yt_propose(ask, &s);
        }
}

static void propose_neighbours(const struct yt_ask *ask)
{
    for (int32_t step = -1; step <= 1; step += 2) {
        struct yt_schedule s = *ask->base;
        s.mr += step;
        if (s.mr >= 1 && s.mr <= widest_tile(ask->isa, s.nr))
            yt_propose(ask, &s);
    }
}

static void propose(const struct yt_ask *ask)
{
    if (!is_for(ask->problem, ask->isa))
        return;
    switch (ask->stage) {
    case YT_STAGE_SHAPES:
    case YT_STAGE_ALL:
        propose_shapes(ask);
        break;
    case YT_STAGE_TASKS:
        propose_tasks(ask, ask->base);
        break;
    case YT_STAGE_NEIGHBOURS:
        propose_neighbours(ask);
        break;
    }
}

/* Of the unrollings those that divide a block of channels. */
static int32_t values(const struct yt_problem *p, const struct yt_isa *isa,
                      enum yt_knob_id knob, int32_t values_out[YT_VALUES_MAX])
{
    if (knob != YT_KNOB_KU)
        return yt_conv_values(p, isa, knob, values_out);
    int32_t count = 0;
    for (int32_t ku = 1; ku <= isa->lanes; ku *= 2)
        values_out[count++] = ku;
    return count;
}

const struct yt_algo yt_algo_winograd = {
    .name = "winograd",
    .op = YT_OP_CONV2D,
    .knobs = YT_KNOB_BIT(MR) | YT_KNOB_BIT(NR) | YT_KNOB_BIT(KU) |
             YT_KNOB_BIT(EDGE) | YT_KNOB_BIT(TILES) | YT_KNOB_BIT(GROUP) |
             YT_KNOB_BIT(TUNE),
    .applies = applies,
    .first = first,
    .propose = propose,
    .bodies = {YT_KNOB_KU, YT_KNOB_TUNE},
    .body_count = 2,
    .values = values,
    .tasks = tasks,
    .splits_pixels = splits_pixels,
    .scratch_bytes = scratch_bytes,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .products = product_flops,
    .tolerance = tolerance,
    .generate = generate,
};
