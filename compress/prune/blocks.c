#include "compress/prune/blocks.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/prune/refit.h"
#include "runtime/fail.h"

/* How a filter is cut into blocks. */
struct cut {
    const struct yt_node *node;
    struct yt_block block;
    int32_t c, taps, n;         /* of the input; c * taps */
    int32_t k_blocks, c_blocks; /* down, across */
};

/* Output channels k to k_end, input channels c to c_end, at a tap. */
struct place {
    int32_t k, k_end, c, c_end, tap;
};

static int32_t at_most(int32_t value, int32_t most)
{
    return value < most ? value : most;
}

static struct cut cut_node(const struct yt_graph *graph, int32_t node,
                           const struct yt_block *block)
{
    const struct yt_node *n = &graph->nodes[node];
    assert(n->kind == YT_NODE_CONV && block->k > 0 && block->c > 0);
    const int32_t c = graph->nodes[n->inputs[0]].c;
    return (struct cut){
        .node = n,
        .block = *block,
        .c = c,
        .taps = n->r * n->r,
        .n = c * n->r * n->r,
        .k_blocks = (n->c + block->k - 1) / block->k,
        .c_blocks = (c + block->c - 1) / block->c,
    };
}

static int64_t count_blocks(const struct cut *cut)
{
    return (int64_t)cut->k_blocks * cut->c_blocks * cut->taps;
}

static struct place place_of(const struct cut *cut, int64_t i)
{
    const int32_t tap = (int32_t)(i % cut->taps);
    const int32_t c = (int32_t)(i / cut->taps % cut->c_blocks) * cut->block.c;
    const int32_t k = (int32_t)(i / cut->taps / cut->c_blocks) * cut->block.k;
    return (struct place){k, at_most(k + cut->block.k, cut->node->c), c,
                          at_most(c + cut->block.c, cut->c), tap};
}

static int64_t weight_at(const struct cut *cut, int32_t k, int32_t c,
                         int32_t tap)
{
    return (int64_t)k * cut->n + (int64_t)c * cut->taps + tap;
}

int64_t yt_block_count(const struct yt_graph *graph, int32_t node,
                       const struct yt_block *block)
{
    const struct cut cut = cut_node(graph, node, block);
    return count_blocks(&cut);
}

static double magnitude(const struct cut *cut, struct place at)
{
    double sum = 0;
    for (int32_t k = at.k; k < at.k_end; k++)
        for (int32_t c = at.c; c < at.c_end; c++) {
            const double w =
                (double)cut->node->weights[weight_at(cut, k, c, at.tap)];
            sum += w * w;
        }
    return sum;
}

static enum yt_status loss_of(const struct cut *cut, struct place at,
                              const struct yt_conv_moments *m, int32_t *which,
                              double *loss_out)
{
    int32_t count = 0;
    for (int32_t c = at.c; c < at.c_end; c++)
        which[count++] = c * cut->taps + at.tap;
    return yt_refit_loss(m, which, count,
                         cut->node->weights + weight_at(cut, at.k, 0, 0),
                         at.k_end - at.k, loss_out);
}

enum yt_status yt_block_losses(const struct yt_graph *graph, int32_t node,
                               const struct yt_block *block,
                               const struct yt_moments *m, double *losses_out)
{
    const struct cut cut = cut_node(graph, node, block);
    const int64_t count = count_blocks(&cut);
    enum yt_status status = YT_OK;
    double energy = 0;
    int32_t *which = malloc((size_t)block->c * sizeof *which);
    YT_FAIL_IF(!which, YT_NO_MEMORY, "%s: no memory for %d weights",
               cut.node->name, block->c);
    for (int64_t i = 0; i < count; i++) {
        const struct place at = place_of(&cut, i);
        if (m)
            YT_TRY_GOTO(
                loss_of(&cut, at, &m->convs[node], which, &losses_out[i]));
        else
            energy += losses_out[i] = magnitude(&cut, at);
    }
    if (m)
        energy = m->convs[node].energy;
    for (int64_t i = 0; i < count && energy > 0; i++)
        losses_out[i] /= energy;
done:
    free(which);
    return status;
}

/* -------------------------------------------------------------------- masks */

struct ranked {
    double loss;
    int64_t block;
};

static int less_first(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->loss != y->loss)
        return x->loss < y->loss ? -1 : 1;
    return (x->block > y->block) - (x->block < y->block);
}

/* Of blocks [first, first + count) those worth least go. */
static void clear_share(const struct cut *cut, struct ranked *ranked,
                        int64_t first, int64_t count, double share,
                        uint8_t *mask)
{
    int64_t gone = llround(share * (double)count);
    if (share < 1 && gone == count)
        gone--; /* a few of a share that is to stay */
    qsort(ranked + first, (size_t)count, sizeof *ranked, less_first);
    for (int64_t i = first; i < first + gone; i++) {
        const struct place at = place_of(cut, ranked[i].block);
        for (int32_t k = at.k; k < at.k_end; k++)
            for (int32_t c = at.c; c < at.c_end; c++)
                mask[weight_at(cut, k, c, at.tap)] = 0;
    }
}

enum yt_status yt_block_mask(const struct yt_graph *graph, int32_t node,
                             const struct yt_block *block,
                             const struct yt_moments *m, double share,
                             int32_t even, uint8_t *mask_out)
{
    const struct cut cut = cut_node(graph, node, block);
    const int64_t count = count_blocks(&cut);
    enum yt_status status = YT_OK;
    assert(share >= 0 && share <= 1);
    double *losses = malloc((size_t)count * sizeof *losses);
    struct ranked *ranked = malloc((size_t)count * sizeof *ranked);
    YT_FAIL_IF_GOTO(!losses || !ranked, YT_NO_MEMORY,
                    "%s: no memory for %lld blocks", cut.node->name,
                    (long long)count);
    YT_TRY_GOTO(yt_block_losses(graph, node, block, m, losses));
    for (int64_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){losses[i], i};
    memset(mask_out, 1, (size_t)cut.node->c * (size_t)cut.n);
    const int64_t stretch = even ? count / cut.k_blocks : count;
    for (int64_t first = 0; first < count; first += stretch)
        clear_share(&cut, ranked, first, stretch, share, mask_out);
done:
    free(losses);
    free(ranked);
    return status;
}

double yt_block_zeros(const struct yt_graph *graph, int32_t node,
                      const struct yt_block *block)
{
    const struct cut cut = cut_node(graph, node, block);
    const int64_t count = count_blocks(&cut);
    int64_t zeros = 0;
    for (int64_t i = 0; i < count; i++)
        zeros += magnitude(&cut, place_of(&cut, i)) == 0;
    return (double)zeros / (double)count;
}

/* ------------------------------------------------------------------ weights */

/* Whether weights go that are not zero already, which nothing has to make up
 * for. */
static int any_goes(const uint8_t *row, int64_t n, const float *weights,
                    int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!row[i % n] && weights[i] != 0)
            return 1;
    return 0;
}

/* Rows of one mask, which those of a row of blocks have, share the work. */
static enum yt_status prune_rows(const struct yt_conv_moments *m,
                                 const uint8_t *mask, int64_t n,
                                 const struct yt_node *node)
{
    for (int32_t k = 0, end; k < node->c; k = end) {
        const uint8_t *row = mask + k * n;
        float *weights = node->weights + k * n;
        for (end = k + 1; end < node->c; end++)
            if (memcmp(row, mask + end * n, (size_t)n) != 0)
                break;
        if (m && any_goes(row, n, weights, (end - k) * n))
            YT_TRY(yt_refit(m, row, weights, node->bias + k, end - k));
        for (int64_t i = 0; i < (end - k) * n; i++)
            if (!row[i % n])
                weights[i] = 0;
    }
    return YT_OK;
}

enum yt_status yt_prune_weights(const struct yt_graph *graph,
                                const uint8_t *const *masks,
                                const struct yt_moments *m,
                                struct yt_graph **graph_out)
{
    struct yt_graph *pruned = NULL;
    enum yt_status status = YT_OK;
    assert(!m || m->node_count == graph->node_count);
    YT_TRY(yt_graph_copy(graph, &pruned));
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &pruned->nodes[i];
        if (!masks[i])
            continue;
        assert(node->kind == YT_NODE_CONV);
        YT_TRY_GOTO(prune_rows(m ? &m->convs[i] : NULL, masks[i],
                               (int64_t)pruned->nodes[node->inputs[0]].c *
                                   node->r * node->r,
                               node));
    }
    *graph_out = pruned;
    pruned = NULL;
done:
    yt_graph_destroy(pruned);
    return status;
}
