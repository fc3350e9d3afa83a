/* The arithmetic of tiles, and what makes one legal. */

#include "codegen/conv_tiles.h"

#include <string.h>

#include "base/math.h"

void yt_conv_tiles(const struct yt_problem *problem,
                   const struct yt_schedule *s, const struct yt_isa *isa,
                   struct yt_conv_tiles *t)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    const int64_t in_bytes = yt_dtype_bytes(problem->dtype);
    const int64_t out_bytes = yt_dtype_bytes(problem->out);
    memset(t, 0, sizeof *t);
    t->oh = yt_conv2d_out_h(p);
    t->ow = yt_conv2d_out_w(p);
    t->flat = p->r == 1 && p->stride == 1 && p->pad == 0 &&
              p->add != YT_ADD_UP2 && p->c != 3 && !yt_conv2d_holds_rows(p);
    t->row = t->flat ? t->oh * t->ow : t->ow;
    t->rows = t->flat ? 1 : t->oh;
    t->tiles = yt_ceil_div(t->row, s->mr);
    t->base = t->row / t->tiles;
    t->large = t->row % t->tiles;
    t->window = p->c == 3 && problem->dtype != YT_DTYPE_F32;
    t->per_step = (int32_t)(4 / in_bytes);
    t->ic_block = p->c == 3 ? 3 : isa->lanes;
    t->depthwise = yt_conv2d_is_depthwise(p);
    t->ic_blocks = t->depthwise ? 1 : yt_conv2d_reads(p) / t->ic_block;
    t->steps = yt_ceil_div(t->window ? 3 * p->r : t->ic_block, t->per_step);
    t->taps = t->window ? 1 : p->r;
    t->k_blocks = yt_ceil_div(p->k, isa->lanes);
    t->k_tiles = t->k_blocks / s->nr;
    t->tiles_of_group = t->depthwise ? 1
                        : p->groups  ? t->k_tiles / p->groups
                                     : t->k_tiles;
    const int32_t units = t->flat ? t->tiles : t->rows;
    t->pixel_groups = s->tiles ? yt_ceil_div(units, s->tiles) : 1;

    t->vec_bytes = 4 * (int64_t)isa->lanes;
    t->in_pixel = in_bytes * t->ic_block;
    t->in_row = t->in_pixel * (t->window ? p->w + 2 * p->pad : p->w);
    t->in_block = t->in_row * (p->in_rows ? p->in_rows : p->h);
    t->in_group = t->in_block * (t->depthwise ? s->nr : t->ic_blocks);
    t->out_pixel = out_bytes * isa->lanes;
    t->out_row = t->out_pixel * t->ow;
    t->out_block = t->out_row * (p->out_rows ? p->out_rows : t->oh);
    const int half = p->add == YT_ADD_UP2;
    t->add_pixel = half ? t->vec_bytes : t->out_pixel;
    t->add_row = t->add_pixel * (half ? t->ow / 2 : t->ow);
    t->add_block = t->add_row * (half ? t->oh / 2 : t->oh);
    if (p->add_rows)
        t->add_block = t->add_row * p->add_rows;

    t->weight_step = t->vec_bytes * t->taps * s->nr;
    const int64_t block = t->weight_step * t->steps;
    t->weight_block = s->ic_outer ? block * p->r : block;
    t->weight_kh = s->ic_outer ? block : block * t->ic_blocks;
    t->weight_tile = block * t->ic_blocks * p->r;
    if (t->depthwise) { /* a vector for each tap */
        t->weight_kh = t->vec_bytes * p->r;
        t->weight_tile = t->weight_kh * p->r;
    }
}

int32_t yt_conv_tile_start(const struct yt_conv_tiles *t, int32_t i)
{
    return i * t->base + (i < t->large ? i : t->large);
}

int32_t yt_conv_tile_pixels(const struct yt_conv_tiles *t, int32_t i)
{
    return t->base + (i < t->large);
}

int64_t yt_conv_task_count(const struct yt_problem *p,
                           const struct yt_schedule *s,
                           const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return t.pixel_groups * t.k_tiles;
}

int yt_conv_splits_pixels(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return s->order == YT_ORDER_CHANNELS || t.k_tiles == 1;
}

int64_t yt_conv_row_tasks(const struct yt_problem *p,
                          const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_conv_tiles t;
    yt_conv_tiles(p, s, isa, &t);
    return s->order == YT_ORDER_CHANNELS ? t.k_tiles : 1;
}
