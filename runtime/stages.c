/* The cut is found by its cost: for a given bound it is easy to say whether
 * stages of at most that cost suffice, and the least bound is closed in on. */

#include "runtime/stages.h"

#include <assert.h>

/* One core multiplies and adds about so often in the time in which a byte
 * comes from the second-level cache. The cut moves little with it: most items
 * are convolutions, of which the arithmetic is what matters. */
#define FLOPS_PER_BYTE 4.0

/* Two taps each way, three weights, rounding: per value of the input. */
#define LETTERBOX_FLOPS 10.0

/* Bits of the bound; costs differ by less than a thousandth long before. */
#define HALVINGS 50

int32_t yt_stages_items(const struct yt_plan *plan)
{
    return plan->step_count + 2;
}

static double values(int32_t c, int32_t h, int32_t w)
{
    return (double)c * h * w;
}

/* Activations read and written and weights read, each once. */
static double step_values(const struct yt_problem *p)
{
    switch (p->op) {
    case YT_OP_CONV2D: {
        const struct yt_conv2d *v = &p->u.conv2d;
        return values(v->c, v->h, v->w) + values(v->k, v->c, v->r * v->r) +
               values(v->k, yt_conv2d_out_h(v), yt_conv2d_out_w(v));
    }
    case YT_OP_SPPF:
        return 4 * values(p->u.pool.c, p->u.pool.h, p->u.pool.w);
    case YT_OP_MAXPOOL:
        return 2 * values(p->u.pool.c, p->u.pool.h, p->u.pool.w);
    case YT_OP_UPSAMPLE:
        return 5 * values(p->u.upsample.c, p->u.upsample.h, p->u.upsample.w);
    default:
        return 0;
    }
}

void yt_stages_estimate(const struct yt_plan *plan, double *costs_out)
{
    const double bytes = FLOPS_PER_BYTE * sizeof(float);
    const int32_t last = yt_stages_items(plan) - 1;
    costs_out[0] = values(3, plan->h, plan->w) * (LETTERBOX_FLOPS + bytes);
    for (int32_t i = 0; i < plan->step_count; i++) {
        const struct yt_problem *p = &plan->steps[i].problem;
        costs_out[i + 1] = (double)yt_problem_flops(p) + step_values(p) * bytes;
    }
    /* Decoding looks at one value of each cell; what it finds is little. */
    costs_out[last] = 0;
    for (int32_t i = 0; i < plan->level_count; i++) {
        const struct yt_level *level = &plan->levels[i];
        costs_out[last] += values(level->na, level->h, level->w) * bytes;
    }
}

/* Fill stage after stage up to @p bound.
 * @return whether the stages sufficed. */
static int cut_at(const double *costs, int32_t items, int32_t stages,
                  double bound, int32_t *firsts_out)
{
    int32_t next = 0;
    for (int32_t s = 0; s < stages; s++) {
        const int32_t others = stages - 1 - s; /* want an item each */
        firsts_out[s] = next;
        double sum = costs[next++];
        while (next < items - others && sum + costs[next] <= bound)
            sum += costs[next++];
        if (sum > bound)
            return 0;
    }
    firsts_out[stages] = next;
    return next == items;
}

void yt_stages_cut(const double *costs, int32_t items, int32_t stages,
                   int32_t *firsts_out)
{
    assert(stages >= 1 && stages <= items);
    double low = 0, high = 0;
    for (int32_t i = 0; i < items; i++)
        high += costs[i];
    /* Sums of parts round otherwise than the whole. */
    high *= 1.0 + 1e-9;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = low + (high - low) / 2;
        if (cut_at(costs, items, stages, middle, firsts_out))
            high = middle;
        else
            low = middle;
    }
    const int fits = cut_at(costs, items, stages, high, firsts_out);
    assert(fits);
    (void)fits;
}
