/* The arithmetic of Winograd's tiles. */

#include "codegen/winograd_tiles.h"

#include "base/math.h"
#include "codegen/cook_toom.h"
#include "runtime/workspace.h"

static void cut_scratch(const struct yt_conv2d *v, int32_t nr,
                        const struct yt_isa *isa, struct yt_winograd_tiles *w)
{
    const int64_t vec_bytes = 4 * (int64_t)isa->lanes;
    w->block_bytes = w->block * vec_bytes;
    w->input_point = yt_align(v->c / isa->lanes * w->block_bytes) + YT_ALIGN;
    w->product_point = yt_align(nr * w->block_bytes) + YT_ALIGN;
    int64_t total = 0;
    w->zeros = yt_workspace_add(&total, w->size * vec_bytes);
    w->half = yt_workspace_add(&total, w->points * vec_bytes);
    w->results = yt_workspace_add(&total, nr * w->edge * w->edge * vec_bytes);
    w->inputs = yt_workspace_add(&total, w->points * w->input_point);
    w->products = yt_workspace_add(&total, w->points * w->product_point);
    w->scratch_bytes = total;
}

void yt_winograd_tiles(const struct yt_problem *p, const struct yt_schedule *s,
                       const struct yt_isa *isa,
                       struct yt_winograd_tiles *w_out)
{
    const struct yt_conv2d *v = &p->u.conv2d;
    struct yt_winograd_tiles w = {
        .edge = s->edge,
        .size = s->edge + YT_COOK_TOOM_TAPS - 1,
        .columns = (int32_t)yt_ceil_div(yt_conv2d_out_w(v), s->edge),
    };
    w.points = w.size * w.size;
    w.tiles = w.columns * (int32_t)yt_ceil_div(yt_conv2d_out_h(v), s->edge);
    w.block = s->tiles && s->tiles < w.tiles ? s->tiles : w.tiles;
    w.blocks = (int32_t)yt_ceil_div(w.tiles, w.block);
    w.last = w.tiles - (w.blocks - 1) * w.block;
    w.k_tiles = (int32_t)yt_ceil_div(v->k, isa->lanes) / s->nr;
    w.group = s->group && s->group < w.k_tiles ? s->group : w.k_tiles;
    w.groups = (int32_t)yt_ceil_div(w.k_tiles, w.group);
    w.weight_channel = 4 * (int64_t)isa->lanes * s->nr;
    w.weight_point = v->c * w.weight_channel;
    w.weight_tile = w.points * w.weight_point;
    cut_scratch(v, s->nr, isa, &w);
    *w_out = w;
}
