/* Trees level by level: one pass over the rows makes the sums of every bin of
 * every node, from which the best cut of each follows. */

#include "tuner/search/boost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define TREES  160
#define DEPTH  4
#define NODES  ((1 << DEPTH) - 1)
#define LEAVES (1 << DEPTH)
#define BINS   32
#define RATE   0.12f
#define PRIOR  4.0 /* rows of mean 0 that every node has besides */

/* A heap: node i goes on at 2i + 1 where the feature is at most the cut. */
struct tree {
    uint8_t feature[NODES];
    float cut[NODES];
    float leaf[LEAVES];
};

struct yt_boost {
    int32_t features;
    double mean;
    struct tree trees[TREES];
};

/* What fitting needs beside the trees. */
struct fit {
    const struct yt_boost_rows *rows;
    struct yt_boost *boost;
    float *cuts;   /* [features][BINS - 1], rising; INFINITY past the last */
    uint8_t *bins; /* [count][features] */
    uint8_t *node; /* [count], in its level */
    float *rest;   /* [count], what the trees so far leave */
    double *sums;  /* [LEAVES][features][BINS] */
    int32_t *counts;
};

/* ------------------------------------------------------------------- bins */

static int rising(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int32_t count_changes(const float *sorted, int32_t count)
{
    int32_t changes = 0;
    for (int32_t i = 1; i < count; i++)
        changes += sorted[i - 1] < sorted[i];
    return changes;
}

/* Between values that differ: between all where there are few, or else so that
 * about as many rows fall into each bin. */
static void make_cuts(const struct fit *f, int32_t feature, float *sorted)
{
    const struct yt_boost_rows *r = f->rows;
    float *cuts = f->cuts + (size_t)feature * (BINS - 1);
    int32_t used = 0, since = 0;
    for (int32_t i = 0; i < r->count; i++)
        sorted[i] = r->x[(size_t)i * (size_t)r->features + (size_t)feature];
    qsort(sorted, (size_t)r->count, sizeof *sorted, rising);
    const int few = count_changes(sorted, r->count) < BINS;
    for (int32_t i = 1; i < r->count && used < BINS - 1; i++) {
        const float below = sorted[i - 1], above = sorted[i];
        const float cut = below + (above - below) / 2;
        since++;
        if (below < above && cut < above && (few || since >= r->count / BINS)) {
            cuts[used++] = cut;
            since = 0;
        }
    }
    for (; used < BINS - 1; used++)
        cuts[used] = INFINITY;
}

static uint8_t bin_of(const float *cuts, float x)
{
    int bin = 0;
    while (bin < BINS - 1 && x > cuts[bin])
        bin++;
    return (uint8_t)bin;
}

static void fill_bins(const struct fit *f)
{
    const struct yt_boost_rows *r = f->rows;
    const size_t features = (size_t)r->features;
    for (size_t i = 0; i < (size_t)r->count; i++)
        for (size_t k = 0; k < features; k++)
            f->bins[i * features + k] =
                bin_of(f->cuts + k * (BINS - 1), r->x[i * features + k]);
}

/* ------------------------------------------------------------------ trees */

static void sum_level(const struct fit *f, int nodes)
{
    const size_t features = (size_t)f->rows->features;
    memset(f->sums, 0, (size_t)nodes * features * BINS * sizeof *f->sums);
    memset(f->counts, 0, (size_t)nodes * features * BINS * sizeof *f->counts);
    for (size_t i = 0; i < (size_t)f->rows->count; i++) {
        const size_t base = f->node[i] * features * BINS;
        for (size_t k = 0; k < features; k++) {
            const size_t at = base + k * BINS + f->bins[i * features + k];
            f->sums[at] += (double)f->rest[i];
            f->counts[at]++;
        }
    }
}

static double worth(double sum, double count)
{
    return sum * sum / (count + PRIOR);
}

/* The cut of a node that leaves the least; bin BINS - 1: none, all go left. */
static void best_cut(const struct fit *f, int node, int32_t *feature_out,
                     int32_t *bin_out)
{
    double best = 0;
    *feature_out = 0;
    *bin_out = BINS - 1;
    for (int32_t k = 0; k < f->rows->features; k++) {
        const size_t at =
            ((size_t)node * (size_t)f->rows->features + (size_t)k) * BINS;
        double all = 0, left = 0;
        int32_t all_count = 0, left_count = 0;
        for (int b = 0; b < BINS; b++) {
            all += f->sums[at + (size_t)b];
            all_count += f->counts[at + (size_t)b];
        }
        for (int b = 0; b < BINS - 1; b++) {
            left += f->sums[at + (size_t)b];
            left_count += f->counts[at + (size_t)b];
            const double gain = worth(left, left_count) +
                                worth(all - left, all_count - left_count) -
                                worth(all, all_count);
            if (left_count && left_count < all_count && gain > best) {
                best = gain;
                *feature_out = k;
                *bin_out = b;
            }
        }
    }
}

static void grow_level(const struct fit *f, struct tree *tree, int level)
{
    const int nodes = 1 << level, first = nodes - 1;
    const size_t features = (size_t)f->rows->features;
    int32_t feature[LEAVES], bin[LEAVES];
    sum_level(f, nodes);
    for (int n = 0; n < nodes; n++) {
        best_cut(f, n, &feature[n], &bin[n]);
        tree->feature[first + n] = (uint8_t)feature[n];
        tree->cut[first + n] = bin[n] < BINS - 1
                                   ? f->cuts[feature[n] * (BINS - 1) + bin[n]]
                                   : INFINITY;
    }
    for (size_t i = 0; i < (size_t)f->rows->count; i++) {
        const int n = f->node[i];
        const int right = f->bins[i * features + (size_t)feature[n]] > bin[n];
        f->node[i] = (uint8_t)(2 * n + right);
    }
}

static void grow(const struct fit *f, struct tree *tree)
{
    double sums[LEAVES] = {0}, counts[LEAVES] = {0};
    const size_t count = (size_t)f->rows->count;
    memset(f->node, 0, count);
    for (int level = 0; level < DEPTH; level++)
        grow_level(f, tree, level);
    for (size_t i = 0; i < count; i++) {
        sums[f->node[i]] += (double)f->rest[i];
        counts[f->node[i]]++;
    }
    for (int n = 0; n < LEAVES; n++)
        tree->leaf[n] = RATE * (float)(sums[n] / (counts[n] + PRIOR));
    for (size_t i = 0; i < count; i++)
        f->rest[i] -= tree->leaf[f->node[i]];
}

/* -------------------------------------------------------------------- all */

static enum yt_status fit_init(struct fit *f)
{
    const size_t count = (size_t)f->rows->count;
    const size_t features = (size_t)f->rows->features;
    f->boost = calloc(1, sizeof *f->boost);
    f->cuts = calloc(features * (BINS - 1), sizeof *f->cuts);
    f->bins = malloc(count * features);
    f->node = malloc(count);
    f->rest = malloc(count * sizeof *f->rest);
    f->sums = malloc(LEAVES * features * BINS * sizeof *f->sums);
    f->counts = malloc(LEAVES * features * BINS * sizeof *f->counts);
    YT_FAIL_IF(!f->boost || !f->cuts || !f->bins || !f->node || !f->rest ||
                   !f->sums || !f->counts,
               YT_NO_MEMORY, "no memory to learn of %zu rows", count);
    return YT_OK;
}

enum yt_status yt_boost_fit(const struct yt_boost_rows *rows,
                            struct yt_boost **boost_out)
{
    struct fit f = {.rows = rows};
    enum yt_status status;
    YT_FAIL_IF(rows->count < 1 || rows->features < 1 || rows->features > 255,
               YT_BAD_ARGUMENT, "%d rows of %d features teach nothing",
               rows->count, rows->features);
    YT_TRY_GOTO(fit_init(&f));
    for (int32_t k = 0; k < rows->features; k++)
        make_cuts(&f, k, f.rest);
    fill_bins(&f);
    for (int32_t i = 0; i < rows->count; i++)
        f.boost->mean += (double)rows->y[i] / rows->count;
    for (int32_t i = 0; i < rows->count; i++)
        f.rest[i] = rows->y[i] - (float)f.boost->mean;
    f.boost->features = rows->features;
    for (int t = 0; t < TREES; t++)
        grow(&f, &f.boost->trees[t]);
    *boost_out = f.boost;
    f.boost = NULL;
done:
    free(f.boost);
    free(f.cuts);
    free(f.bins);
    free(f.node);
    free(f.rest);
    free(f.sums);
    free(f.counts);
    return status;
}

double yt_boost_value(const struct yt_boost *boost, const float *x)
{
    double value = boost->mean;
    for (int t = 0; t < TREES; t++) {
        const struct tree *tree = &boost->trees[t];
        int n = 0;
        for (int level = 0; level < DEPTH; level++)
            n = 2 * n + 1 + (x[tree->feature[n]] > tree->cut[n]);
        value += (double)tree->leaf[n - NODES];
    }
    return value;
}

void yt_boost_destroy(struct yt_boost *boost)
{
    free(boost);
}
