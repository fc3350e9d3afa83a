/* See compress/quant/rounding.h. With H the inputs' second moments and d the
 * errors of a channel's weights, the outputs' squared error is d' H d. With H =
 * R R', R upper triangular, that is
 *
 *      sum over j of R[j][j]^2 * (d[j] + sum over i < j of F[j][i] * d[i])^2,
 *      F[j][i] = R[i][j] / R[j][j]
 *
 * so once weights before j are rounded, the best d[j] is minus the inner sum:
 * what weights behind j still can make good does not have to be known. */

#include "compress/quant/rounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quant/filter.h"
#include "compress/quant/steps.h"
#include "runtime/fail.h"

#define BLOCK_MAX 1152 /* 128 channels of 3x3: a second's work */
#define DAMP      0.01 /* of the mean diagonal, added to it */
#define BATCH     YT_ROUNDING_BATCH
#define PARTS     8

static int32_t row_length(const struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    return p->c * p->r * p->r;
}

static int32_t block_count(int32_t n, int32_t block)
{
    return (n + block - 1) / block;
}

/* Whole input channels, all blocks about alike. */
static int32_t choose_block(const struct yt_layer *layer)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int32_t taps = p->r * p->r;
    const int32_t count = block_count(p->c * taps, BLOCK_MAX);
    return (p->c + count - 1) / count * taps;
}

int yt_rounding_applies(const struct yt_layer *layer,
                        const struct yt_quantisation *q)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    int found = 0;
    if (layer->problem.op != YT_OP_CONV2D || !layer->in_nodes ||
        !layer->conv_nodes || p->groups) /* moments are of all channels */
        return 0;
    for (int32_t c = 0; c < p->c; c++)
        if (layer->in_nodes[c] < 0 || !yt_quant_observed(q, layer->in_nodes[c]))
            return 0;
    for (int32_t k = 0; k < p->k; k++) {
        const int32_t conv = layer->conv_nodes[k];
        if (conv < 0)
            continue;
        found = 1;
        if (q->filter_counts[conv] / q->channels[conv] != row_length(layer))
            return 0;
    }
    return found;
}

int64_t yt_rounding_bytes(const struct yt_layer *layer)
{
    const int64_t n = row_length(layer);
    const int64_t block = choose_block(layer);
    const int64_t blocks = block_count((int32_t)n, (int32_t)block);
    return blocks * block * block * (int64_t)sizeof(float) +
           n * (int64_t)(sizeof(double) + BATCH * sizeof(float));
}

enum yt_status yt_rounding_init(const struct yt_layer *layer,
                                struct yt_rounding *r)
{
    *r = (struct yt_rounding){
        .layer = layer, .n = row_length(layer), .block = choose_block(layer)};
    const size_t square = (size_t)r->block * (size_t)r->block;
    const size_t blocks = (size_t)block_count(r->n, r->block);
    r->moments = calloc(blocks * square, sizeof *r->moments);
    r->sums = calloc((size_t)r->n, sizeof *r->sums);
    r->batch = calloc((size_t)r->n * BATCH, sizeof *r->batch);
    if (r->moments && r->sums && r->batch)
        return YT_OK;
    yt_rounding_deinit(r);
    return yt_fail(YT_NO_MEMORY, "%s: no memory to learn its rounding",
                   layer->name);
}

void yt_rounding_deinit(struct yt_rounding *r)
{
    free(r->moments);
    free(r->sums);
    free(r->batch);
    *r = (struct yt_rounding){0};
}

/* --------------------------------------------------------------- moments */

/* Add a batch's products to row i of a block's upper triangle, in groups of
 * eight columns that compilers keep in vectors. */
static void add_products(float *row, const float *const x[BATCH], int32_t i,
                         int32_t n)
{
    int32_t j = i;
    for (; j + PARTS <= n; j += PARTS) {
        float sums[PARTS];
        memcpy(sums, row + j, sizeof sums);
        for (int b = 0; b < BATCH; b++)
            for (int t = 0; t < PARTS; t++)
                sums[t] += x[b][i] * x[b][j + t];
        memcpy(row + j, sums, sizeof sums);
    }
    for (; j < n; j++)
        for (int b = 0; b < BATCH; b++)
            row[j] += x[b][i] * x[b][j];
}

/* What is left of an earlier batch is zeroed, so a batch is always whole. */
static void flush(struct yt_rounding *r)
{
    const int32_t blocks = block_count(r->n, r->block);
    for (int32_t b = 0; b < blocks; b++) {
        const int32_t first = b * r->block;
        const int32_t n = r->n - first < r->block ? r->n - first : r->block;
        float *moments = r->moments + (int64_t)b * r->block * r->block;
        const float *x[BATCH];
        for (int32_t i = 0; i < BATCH; i++)
            x[i] = r->batch + (int64_t)i * r->n + first;
        for (int32_t i = 0; i < n; i++)
            add_products(moments + (int64_t)i * r->block, x, i, n);
    }
    for (int32_t i = 0; i < r->batched; i++)
        for (int32_t j = 0; j < r->n; j++)
            r->sums[j] += (double)r->batch[(int64_t)i * r->n + j];
    r->patches += r->batched;
    r->batched = 0;
    memset(r->batch, 0, (size_t)r->n * BATCH * sizeof *r->batch);
}

float *yt_rounding_patch(struct yt_rounding *r)
{
    if (r->batched == BATCH)
        flush(r);
    return r->batch + (int64_t)r->batched++ * r->n;
}

/* ---------------------------------------------------------------- factor */

/* One block, its columns in the order in which weights are rounded: those with
 * the largest inputs first, while there are many to make their errors good. */
struct factor {
    int32_t first, n;
    int32_t *order;  /* [n] columns of the block */
    double *f;       /* [n][n], F below the diagonal, R[j][j]^2 on it */
    double *scratch; /* [n][n] */
};

struct ranked {
    double size;
    int32_t column;
};

static int larger_first(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->column > y->column) - (x->column < y->column);
}

static double dot(const double *a, const double *b, int32_t n)
{
    double parts[4] = {0};
    int32_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int t = 0; t < 4; t++)
            parts[t] += a[i + t] * b[i + t];
    for (; i < n; i++)
        parts[0] += a[i] * b[i];
    return parts[0] + parts[1] + (parts[2] + parts[3]);
}

static double moment(const struct yt_rounding *r, const struct factor *f,
                     int centred, int32_t i, int32_t j)
{
    const int32_t low = i < j ? i : j;
    const int32_t high = i < j ? j : i;
    const float *block =
        r->moments + (int64_t)(f->first / r->block) * r->block * r->block;
    const double count = r->patches > 0 ? (double)r->patches : 1;
    double m = (double)block[(int64_t)low * r->block + high] / count;
    if (centred)
        m -= r->sums[f->first + i] / count * (r->sums[f->first + j] / count);
    return m;
}

static void choose_order(const struct yt_rounding *r, struct factor *f,
                         int centred, struct ranked *ranked)
{
    for (int32_t i = 0; i < f->n; i++)
        ranked[i] = (struct ranked){moment(r, f, centred, i, i), i};
    qsort(ranked, (size_t)f->n, sizeof *ranked, larger_first);
    for (int32_t i = 0; i < f->n; i++)
        f->order[i] = ranked[i].column;
}

/* H = R R' from its last column on, and F from R. */
static void decompose(const struct yt_rounding *r, struct factor *f,
                      int centred)
{
    const int32_t n = f->n;
    double *upper = f->scratch;
    double damp = 0;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = i; j < n; j++)
            upper[(int64_t)i * n + j] =
                moment(r, f, centred, f->order[i], f->order[j]);
        damp += upper[(int64_t)i * n + i] * DAMP / n;
    }
    damp = damp > 0 ? damp : 1;
    for (int32_t j = n - 1; j >= 0; j--) {
        const int32_t behind = n - 1 - j;
        const double *row = upper + (int64_t)j * n;
        double size = row[j] + damp - dot(row + j + 1, row + j + 1, behind);
        /* Rounding of floats aside it is no less than the damping. */
        size = fmax(size, damp);
        const double diagonal = sqrt(size);
        for (int32_t i = 0; i < j; i++) {
            double *other = upper + (int64_t)i * n;
            other[j] =
                (other[j] - dot(other + j + 1, row + j + 1, behind)) / diagonal;
            f->f[(int64_t)j * n + i] = other[j] / diagonal;
        }
        f->f[(int64_t)j * n + j] = size;
    }
}

/* ----------------------------------------------------------------- a channel
 */

/* One channel's part of a block, in the factor's order. */
struct channel {
    const float *weights; /* [n of the layer], in units of the input's steps */
    double scale, max;
    double *errors; /* [n of the factor], in units of the scale */
    uint8_t *up;    /* [n of the layer] 1: rounded up */
};

static double limited(double whole, double max)
{
    return fmax(fmin(whole, max), -max);
}

/* @return the squared error of outputs. */
static double round_block(const struct factor *f, struct channel *c, int feed)
{
    double sum = 0;
    for (int32_t j = 0; j < f->n; j++) {
        const double *row = f->f + (int64_t)j * f->n;
        const int32_t at = f->first + f->order[j];
        const double exact = (double)c->weights[at] / c->scale;
        const double below = floor(exact);
        const double left = dot(row, c->errors, j);
        const double aim = feed ? exact + left : exact;
        int up = feed ? aim - below > 0.5 : rint(exact) > below;
        if (c->weights[at] == 0) /* pruned: kernels may leave it out */
            up = 0;
        c->errors[j] = exact - limited(below + up, c->max);
        c->up[at] = (uint8_t)up;
        sum += row[j] * (c->errors[j] + left) * (c->errors[j] + left);
    }
    return sum;
}

/* With feedback where that is better. */
static void round_channel(const struct factor *f, struct channel *c,
                          double *nearest, double *learned)
{
    const double fed = round_block(f, c, 1);
    uint8_t *kept = (uint8_t *)f->scratch;
    memcpy(kept, c->up + f->first, (size_t)f->n);
    const double plain = round_block(f, c, 0);
    const double unit = c->scale * c->scale;
    *nearest += plain * unit;
    *learned += fmin(plain, fed) * unit;
    if (fed < plain)
        memcpy(c->up + f->first, kept, (size_t)f->n);
}

/* ------------------------------------------------------------------ layers */

struct learning {
    struct yt_rounding *r;
    struct yt_quantisation *q;
    struct yt_filter_limits limits;
    struct yt_quant_step *steps; /* [c] */
    float *row;                  /* [n] */
    struct factor factor;
    struct ranked *ranked; /* [block] */
    double *errors;        /* [block] */
    uint8_t *ups;          /* [k][n] */
    double nearest, learned;
};

static int allocate(struct learning *l)
{
    const struct yt_conv2d *p = &l->r->layer->problem.u.conv2d;
    const size_t block = (size_t)l->r->block;
    l->steps = malloc((size_t)p->c * sizeof *l->steps);
    l->row = malloc((size_t)l->r->n * sizeof *l->row);
    l->factor.order = malloc(block * sizeof *l->factor.order);
    l->factor.f = malloc(block * block * sizeof *l->factor.f);
    l->factor.scratch = malloc(block * block * sizeof *l->factor.scratch);
    l->ranked = malloc(block * sizeof *l->ranked);
    l->errors = malloc(block * sizeof *l->errors);
    l->ups = calloc((size_t)p->k, (size_t)l->r->n);
    return l->steps && l->row && l->factor.order && l->factor.f &&
           l->factor.scratch && l->ranked && l->errors && l->ups;
}

static void release(struct learning *l)
{
    free(l->steps);
    free(l->row);
    free(l->factor.order);
    free(l->factor.f);
    free(l->factor.scratch);
    free(l->ranked);
    free(l->errors);
    free(l->ups);
}

static void learn_block(struct learning *l, int32_t first)
{
    const struct yt_layer *layer = l->r->layer;
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int32_t n = l->r->n;
    l->factor.first = first;
    l->factor.n = n - first < l->r->block ? n - first : l->r->block;
    choose_order(l->r, &l->factor, l->q->bias_correction, l->ranked);
    decompose(l->r, &l->factor, l->q->bias_correction);
    for (int32_t k = 0; k < p->k; k++) {
        if (layer->conv_nodes[k] < 0)
            continue;
        yt_filter_row(layer->weights + (int64_t)k * n, p->c, p->r * p->r,
                      l->steps, l->row);
        struct channel channel = {
            .weights = l->row,
            .scale = (double)yt_filter_scale(l->row, n, (double)layer->bias[k],
                                             &l->limits),
            .max = l->limits.weight_max,
            .errors = l->errors,
            .up = l->ups + (int64_t)k * n,
        };
        round_channel(&l->factor, &channel, &l->nearest, &l->learned);
    }
}

static enum yt_status store(const struct learning *l)
{
    const struct yt_layer *layer = l->r->layer;
    const int32_t n = l->r->n;
    int64_t row = 0;
    for (int32_t k = 0; k < layer->problem.u.conv2d.k; k++) {
        const int32_t conv = layer->conv_nodes[k];
        row = k > 0 && conv == layer->conv_nodes[k - 1] ? row + 1 : 0;
        if (conv < 0)
            continue;
        uint8_t **bits = &l->q->rounding[conv];
        if (row == 0) {
            free(*bits);
            *bits = calloc(yt_quantisation_rounding_bytes(l->q, conv), 1);
            YT_FAIL_IF(!*bits, YT_NO_MEMORY, "%s: no memory for its rounding",
                       layer->name);
        }
        for (int32_t i = 0; i < n; i++) {
            const int64_t at = row * n + i;
            const int up = l->ups[(int64_t)k * n + i];
            (*bits)[at / 8] |= (uint8_t)(up << (at % 8));
        }
    }
    return YT_OK;
}

enum yt_status yt_rounding_learn(struct yt_rounding *r, int32_t weight_max,
                                 struct yt_quantisation *q, double *gain_out)
{
    struct learning l = {
        .r = r,
        .q = q,
        .limits = yt_filter_limits_of(YT_DTYPE_U8S8, weight_max),
    };
    enum yt_status status;
    flush(r);
    YT_FAIL_IF_GOTO(!allocate(&l), YT_NO_MEMORY,
                    "%s: no memory to learn its rounding", r->layer->name);
    for (int32_t c = 0; c < r->layer->problem.u.conv2d.c; c++)
        l.steps[c] = yt_quant_step_of(q, r->layer->in_nodes[c], YT_DTYPE_U8S8);
    for (int32_t first = 0; first < r->n; first += r->block)
        learn_block(&l, first);
    YT_TRY_GOTO(store(&l));
    q->rounding_weight_max = weight_max;
    if (gain_out)
        *gain_out = l.nearest > 0 ? l.learned / l.nearest : 1;
done:
    release(&l);
    return status;
}
