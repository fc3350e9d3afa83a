/* The cut is found by its cost: for a given bound it is easy to say whether
 * stages of at most that cost suffice, and the least bound is closed in on. */

#include "runtime/stages.h"

#include <assert.h>

#include "runtime/op.h"

/* What else takes as long as so many flops of a convolution. Measured with
 * yolov5n and yolov5s, AVX2 and AVX-512, two to eight stages: cuts by these
 * leave the dearest stage within 17 % of what measured costs leave it, 6 % on
 * average. */
#define VALUE_FLOPS       16.0  /* a value read or written */
#define EXPONENTIAL_FLOPS 36.0  /* one of an activation */
#define PIXEL_FLOPS       34.0  /* a value of the network's input */
#define CELL_FLOPS        256.0 /* a cell decoded: a cache line, mostly */

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

static double step_cost(const struct yt_problem *p)
{
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const int64_t out = yt_tensor_values(&t.out);
    const int64_t moved = yt_tensor_values(&t.in) + t.kept + out;
    return (double)yt_problem_flops(p) + (double)moved * VALUE_FLOPS +
           (double)(t.exponentials * out) * EXPONENTIAL_FLOPS;
}

void yt_stages_estimate(const struct yt_plan *plan, double *costs_out)
{
    const int32_t last = yt_stages_items(plan) - 1;
    costs_out[0] = values(3, plan->h, plan->w) * PIXEL_FLOPS;
    for (int32_t i = 0; i < plan->step_count; i++)
        costs_out[i + 1] = step_cost(&plan->steps[i].problem);
    costs_out[last] = 0;
    for (int32_t i = 0; i < plan->level_count; i++) {
        const struct yt_level *level = &plan->levels[i];
        /* Without anchors all classes of a cell are read, not one value. */
        costs_out[last] +=
            level->decode.problem.u.decode.bins
                ? values(plan->nc, level->h, level->w) * VALUE_FLOPS
                : values(level->na, level->h, level->w) * CELL_FLOPS;
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
