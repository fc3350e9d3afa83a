#include "compress/prune/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/net/tape.h"

#define FLOOR 0.003 /* weight of a cell that surely holds nothing */
#define DEAD  1e-4  /* of the losses of all channels */

struct yt_drift {
    const struct yt_graph *graph;
    const float *images;
    int32_t h, w, count, threads;
    float *heads;   /* [count][values], head after head */
    int64_t values; /* of a picture */
};

static double probability(float logit)
{
    return 1 / (1 + exp(-(double)logit));
}

/* Heads of all pictures, to @p heads. */
static enum yt_status run(const struct yt_drift *d,
                          const struct yt_graph *graph, float *heads)
{
    const struct yt_tape_options options = {.batch = 1,
                                            .h = d->h,
                                            .w = d->w,
                                            .threads = d->threads,
                                            .forward_only = 1};
    struct yt_tape *tape = NULL;
    enum yt_status status = YT_OK;
    YT_TRY(yt_tape_create(graph, &options, &tape));
    for (int32_t i = 0; i < d->count; i++) {
        YT_TRY_GOTO(
            yt_tape_forward(tape, d->images + (int64_t)i * 3 * d->h * d->w));
        for (int32_t k = 0; k < graph->head_count; k++) {
            const struct yt_graph_head *head = &graph->heads[k];
            YT_TRY_GOTO(yt_tape_read(tape, head->node, heads));
            heads += (int64_t)graph->nodes[head->node].c *
                     (d->h / head->stride) * (d->w / head->stride);
        }
    }
done:
    yt_tape_destroy(tape);
    return status;
}

enum yt_status yt_drift_open(const struct yt_graph *graph, int32_t h, int32_t w,
                             const float *images, int32_t count,
                             int32_t threads, struct yt_drift **drift_out)
{
    enum yt_status status;
    struct yt_drift *d = calloc(1, sizeof *d);
    YT_FAIL_IF(!d, YT_NO_MEMORY, "no memory to compare heads");
    YT_TRY_GOTO(yt_graph_wants_anchors(graph, "pruning"));
    *d = (struct yt_drift){.graph = graph,
                           .images = images,
                           .h = h,
                           .w = w,
                           .count = count,
                           .threads = threads};
    for (int32_t i = 0; i < graph->head_count; i++)
        d->values += (int64_t)graph->na * (5 + graph->nc) *
                     (h / graph->heads[i].stride) *
                     (w / graph->heads[i].stride);
    d->heads = calloc((size_t)count * (size_t)d->values + 1, sizeof *d->heads);
    YT_FAIL_IF_GOTO(!d->heads, YT_NO_MEMORY,
                    "no memory for heads of %d pictures", count);
    YT_TRY_GOTO(run(d, graph, d->heads));
    *drift_out = d;
    d = NULL;
done:
    yt_drift_close(d);
    return status;
}

void yt_drift_close(struct yt_drift *drift)
{
    if (!drift)
        return;
    free(drift->heads);
    free(drift);
}

/* ---------------------------------------------------------------- distance */

/* Of one cell and anchor, channels @p step apart. A box's centre is 2 p - 0.5
 * cells from the corner. */
static double distance(const float *a, const float *b, int32_t channels,
                       int64_t step)
{
    double sum = 0;
    for (int32_t k = 0; k < channels; k++) {
        const double d = probability(a[k * step]) - probability(b[k * step]);
        sum += d * d * (k < 4 ? 16 : 1);
    }
    return sum;
}

enum yt_status yt_drift_measure(const struct yt_drift *drift,
                                const struct yt_graph *graph, double *drift_out)
{
    const int32_t channels = 5 + graph->nc;
    double sum = 0;
    double weights = 0;
    float *heads =
        malloc((size_t)drift->count * (size_t)drift->values * sizeof *heads);
    YT_FAIL_IF(!heads, YT_NO_MEMORY, "no memory for heads of %d pictures",
               drift->count);
    const enum yt_status status = run(drift, graph, heads);
    const float *a = drift->heads;
    const float *b = heads;
    for (int32_t i = 0; status == YT_OK && i < drift->count; i++)
        for (int32_t k = 0; k < graph->head_count; k++) {
            const int32_t stride = graph->heads[k].stride;
            const int64_t cells =
                (int64_t)(drift->h / stride) * (drift->w / stride);
            for (int32_t n = 0; n < graph->na; n++) {
                for (int64_t c = 0; c < cells; c++) {
                    const double weight = probability(a[4 * cells + c]) + FLOOR;
                    sum += weight * distance(a + c, b + c, channels, cells);
                    weights += weight;
                }
                a += channels * cells;
                b += channels * cells;
            }
        }
    free(heads);
    if (status == YT_OK)
        *drift_out = weights > 0 ? sum / weights : 0;
    return status;
}

/* ----------------------------------------------------------- sensitivities */

struct ranked {
    double loss;
    int32_t channel;
};

static int less_first(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->loss != y->loss)
        return x->loss < y->loss ? -1 : 1;
    return (x->channel > y->channel) - (x->channel < y->channel);
}

/* Channels worth least go, one at least stays and one goes; more where those
 * are worth nothing, of which nothing can be learnt. */
static enum yt_status choose(const double *losses, int32_t c, double share,
                             uint8_t *keep, double *sum_out)
{
    struct ranked *ranked = malloc((size_t)c * sizeof *ranked);
    YT_FAIL_IF(!ranked, YT_NO_MEMORY, "no memory to rank %d channels", c);
    for (int32_t i = 0; i < c; i++)
        ranked[i] = (struct ranked){losses[i], i};
    qsort(ranked, (size_t)c, sizeof *ranked, less_first);
    int32_t gone = (int32_t)(share * c);
    gone = gone < 1 ? 1 : gone > c - 1 ? c - 1 : gone;
    double all = 0, sum = 0;
    for (int32_t i = 0; i < c; i++)
        all += ranked[i].loss;
    for (int32_t i = 0; i < gone; i++)
        sum += ranked[i].loss;
    while (sum < DEAD * all && gone < c - 1)
        sum += ranked[gone++].loss;
    for (int32_t i = 0; i < c; i++)
        keep[ranked[i].channel] = i >= gone;
    *sum_out = sum;
    free(ranked);
    return YT_OK;
}

/* What a group by itself does. */
static enum yt_status try_group(const struct yt_drift *drift,
                                const struct yt_channel_groups *groups,
                                int32_t group, const double *losses,
                                const struct yt_moments *m, double share,
                                double *out)
{
    const int32_t c = groups->groups[group].c;
    struct yt_graph *pruned = NULL;
    double loss = 0;
    double moved = 0;
    enum yt_status status;
    uint8_t **keep = calloc((size_t)groups->count, sizeof *keep);
    uint8_t *own = malloc((size_t)c);
    YT_FAIL_IF_GOTO(!keep || !own, YT_NO_MEMORY, "no memory for %d channels",
                    c);
    keep[group] = own;
    YT_TRY_GOTO(choose(losses, c, share, own, &loss));
    YT_TRY_GOTO(yt_prune_channels(drift->graph, groups,
                                  (const uint8_t *const *)keep, m, &pruned));
    YT_TRY_GOTO(yt_drift_measure(drift, pruned, &moved));
    *out = loss > 0 ? moved / loss : 0;
done:
    yt_graph_destroy(pruned);
    free(own);
    free(keep);
    return status;
}

enum yt_status yt_channel_sensitivities(const struct yt_drift *drift,
                                        const struct yt_channel_groups *groups,
                                        const double *const *losses,
                                        const struct yt_moments *m,
                                        double share, double *out)
{
    for (int32_t i = 0; i < groups->count; i++) {
        out[i] = 0;
        if (losses[i] && !groups->groups[i].fixed && groups->groups[i].c > 1)
            YT_TRY(try_group(drift, groups, i, losses[i], m, share, &out[i]));
    }
    return YT_OK;
}

/* What the blocks were said to lose that a mask takes away; each counts once,
 * at its first weight. */
static double masked_loss(const struct yt_graph *graph, int32_t node,
                          const struct yt_block *block, const double *losses,
                          const uint8_t *mask)
{
    const struct yt_node *n = &graph->nodes[node];
    const int32_t c = graph->nodes[n->inputs[0]].c;
    const int32_t taps = n->r * n->r;
    double sum = 0;
    for (int32_t k = 0; k < n->c; k += block->k)
        for (int32_t i = 0; i < c; i += block->c)
            for (int32_t t = 0; t < taps; t++, losses++)
                if (!mask[((int64_t)k * c + i) * taps + t])
                    sum += *losses;
    return sum;
}

enum yt_status yt_block_sensitivity(const struct yt_drift *drift, int32_t node,
                                    const struct yt_block *block,
                                    const struct yt_moments *m, double share,
                                    double *out)
{
    const struct yt_graph *graph = drift->graph;
    struct yt_graph *pruned = NULL;
    const int64_t count = yt_block_count(graph, node, block);
    const int64_t n = (int64_t)graph->nodes[node].c * m->convs[node].n;
    const double zeros = yt_block_zeros(graph, node, block);
    double moved = 0;
    enum yt_status status;
    double *losses = malloc((size_t)count * sizeof *losses);
    uint8_t *mask = malloc((size_t)n);
    uint8_t **masks = calloc((size_t)graph->node_count, sizeof *masks);
    YT_FAIL_IF_GOTO(!losses || !mask || !masks, YT_NO_MEMORY,
                    "no memory for %lld blocks", (long long)count);
    masks[node] = mask;
    YT_TRY_GOTO(yt_block_losses(graph, node, block, m, losses));
    /* Beyond those that are zeros already, of which nothing can be learnt. */
    YT_TRY_GOTO(yt_block_mask(graph, node, block, m,
                              zeros + share * (1 - zeros), 0, mask));
    YT_TRY_GOTO(
        yt_prune_weights(graph, (const uint8_t *const *)masks, m, &pruned));
    YT_TRY_GOTO(yt_drift_measure(drift, pruned, &moved));
    const double lost = masked_loss(graph, node, block, losses, mask);
    *out = lost > 0 ? moved / lost : 0;
done:
    yt_graph_destroy(pruned);
    free(losses);
    free(mask);
    free(masks);
    return status;
}
