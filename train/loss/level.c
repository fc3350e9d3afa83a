/* Where what is in a head, and what its numbers mean. */

#include "train/loss/level.h"

#include <assert.h>

struct yt_loss_level yt_loss_level(const struct yt_graph *graph, int32_t i,
                                   int32_t batch, int32_t h, int32_t w)
{
    const struct yt_graph_head *head = &graph->heads[i];
    assert(h % head->stride == 0 && w % head->stride == 0);
    struct yt_loss_level level = {
        .batch = batch,
        .na = graph->na,
        .nc = graph->nc,
        .rows = h / head->stride,
        .columns = w / head->stride,
    };
    level.cells = level.rows * level.columns;
    for (int32_t a = 0; a < graph->na; a++)
        for (int side = 0; side < 2; side++)
            level.anchors[a][side] =
                head->anchors[a][side] / (float)head->stride;
    return level;
}

size_t yt_loss_level_values(const struct yt_loss_level *level)
{
    return yt_loss_level_at(level, level->batch, 0, 0);
}

size_t yt_loss_level_at(const struct yt_loss_level *level, int32_t image,
                        int32_t anchor, int32_t cell)
{
    const size_t channel =
        ((size_t)image * (size_t)level->na + (size_t)anchor) *
        (size_t)(YT_CLASS_CHANNEL + level->nc);
    return channel * (size_t)level->cells + (size_t)cell;
}

void yt_loss_level_box(const struct yt_loss_level *level, int32_t anchor,
                       const float *logits, double box_out[YT_BOX_SIDES],
                       double slopes_out[YT_BOX_SIDES])
{
    for (int side = 0; side < YT_BOX_SIDES; side++) {
        const double logit =
            (double)logits[(size_t)side * (size_t)level->cells];
        const double p = yt_logistic(logit), q = yt_logistic(-logit);
        if (side < YT_BOX_W) {
            box_out[side] = 2 * p - 0.5;
            slopes_out[side] = 2 * p * q;
        } else {
            box_out[side] =
                4 * p * p * (double)level->anchors[anchor][side - YT_BOX_W];
            slopes_out[side] = 2 * q * box_out[side];
        }
    }
}
