/* Patches of pixels drawn evenly from all pictures, a batch at a time. Their
 * products are summed in f32, after what the first batch's mean was is taken
 * off, so that little is lost when the mean is. */

#include "compress/prune/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "compress/prune/solve.h"
#include "runtime/fail.h"
#include "train/net/tape.h"

#define BATCH       64
#define STRIP       8    /* variables whose values lie together */
#define PATCHES_MIN 4096 /* or all there are */
#define PATCHES_PER 6    /* for each variable */
#define RIDGE       1e-4 /* of the mean variance, added to all */

typedef float quad __attribute__((vector_size(4 * sizeof(float))));

/* What is gathered for one CONV node. */
struct gathering {
    struct yt_conv_moments *m;
    const struct yt_node *node;
    int32_t c, h, w, oh, ow; /* of its input; of its output */
    int32_t strips;          /* of a block */
    int64_t drawn;           /* patches so far */
    int64_t pixels, wanted;  /* of all pictures */
    float *batch;            /* [blocks][strips][BATCH][STRIP] */
    float *shift;            /* [n] */
    double *sums;            /* [n] of what is left without the shift */
    double *out;             /* [c] sums of outputs, then of their squares */
    int32_t batched;
};

struct measuring {
    const struct yt_graph *graph;
    struct yt_moments *moments;
    struct gathering *all; /* [node_count] */
    struct yt_tape *tape;
    float *in, *out; /* a CONV node's input and output, of one picture */
};

static int32_t block_count(const struct yt_conv_moments *m)
{
    return (m->n + m->block - 1) / m->block;
}

static int32_t block_length(const struct yt_conv_moments *m, int32_t block)
{
    const int32_t left = m->n - block * m->block;
    return left < m->block ? left : m->block;
}

/* ----------------------------------------------------------------- products */

static inline void add_row(float x, quad y0, quad y1, quad sums[2])
{
    sums[0] += x * y0;
    sums[1] += x * y1;
}

/* Four calls instead of a loop, as in compress/prune/solve.c. */
static void multiply(const float *x, const float *y, float out[4][STRIP])
{
    quad sums[4][2] = {{{0}}};
    for (int32_t b = 0; b < BATCH; b++, x += STRIP, y += STRIP) {
        quad y0, y1;
        memcpy(&y0, y, sizeof y0);
        memcpy(&y1, y + 4, sizeof y1);
        add_row(x[0], y0, y1, sums[0]);
        add_row(x[1], y0, y1, sums[1]);
        add_row(x[2], y0, y1, sums[2]);
        add_row(x[3], y0, y1, sums[3]);
    }
    memcpy(out, sums, sizeof sums);
}

/* The upper triangle, and a little of what is below it. */
static void add_products(const struct gathering *g, int32_t block)
{
    const int32_t n = block_length(g->m, block);
    const int32_t stride = g->m->block;
    const float *batch = g->batch + (int64_t)block * g->strips * BATCH * STRIP;
    float *to = g->m->covariance + (int64_t)block * stride * stride;
    for (int32_t i = 0; i < n; i += 4)
        for (int32_t j = i / STRIP * STRIP; j < n; j += STRIP) {
            float sums[4][STRIP];
            multiply(batch + (int64_t)(i / STRIP) * BATCH * STRIP + i % STRIP,
                     batch + (int64_t)(j / STRIP) * BATCH * STRIP, sums);
            for (int32_t a = 0; a < 4 && i + a < n; a++)
                for (int32_t b = 0; b < STRIP && j + b < n; b++)
                    to[(int64_t)(i + a) * stride + j + b] += sums[a][b];
        }
}

static float *batch_of(const struct gathering *g, int32_t i)
{
    const int32_t block = i / g->m->block;
    const int32_t at = i % g->m->block;
    return g->batch +
           ((int64_t)block * g->strips + at / STRIP) * BATCH * STRIP +
           at % STRIP;
}

static void shift_batch(struct gathering *g)
{
    const int first = g->m->patches == 0;
    for (int32_t i = 0; i < g->m->n; i++) {
        float *x = batch_of(g, i);
        double sum = 0;
        for (int32_t b = 0; first && b < g->batched; b++)
            sum += (double)x[b * STRIP];
        if (first)
            g->shift[i] = (float)(sum / g->batched);
        for (int32_t b = 0; b < g->batched; b++) {
            x[b * STRIP] -= g->shift[i];
            g->sums[i] += (double)x[b * STRIP];
        }
    }
}

static void flush(struct gathering *g)
{
    const int32_t blocks = block_count(g->m);
    if (g->batched == 0)
        return;
    shift_batch(g);
    for (int32_t i = 0; i < blocks; i++)
        add_products(g, i);
    g->m->patches += g->batched;
    g->batched = 0;
    memset(g->batch, 0,
           (size_t)blocks * (size_t)g->strips * BATCH * STRIP *
               sizeof *g->batch);
}

/* ------------------------------------------------------------------ patches */

/* Of the pixels of all pictures, which is the next; one of each stretch. */
static int64_t next_pixel(const struct gathering *g)
{
    uint64_t state = (uint64_t)g->drawn * YT_RANDOM_STEP;
    const double u = (double)(yt_random_next(&state) >> 11) * 0x1p-53;
    if (g->drawn >= g->wanted)
        return INT64_MAX;
    if (g->wanted == g->pixels)
        return g->drawn;
    return (int64_t)(((double)g->drawn + u) * (double)g->pixels /
                     (double)g->wanted);
}

static void add_patch(struct gathering *g, const float *in, int32_t pixel)
{
    const struct yt_node *node = g->node;
    const int32_t top = pixel / g->ow * node->stride - node->pad;
    const int32_t left = pixel % g->ow * node->stride - node->pad;
    int32_t i = 0;
    for (int32_t c = 0; c < g->c; c++, in += (int64_t)g->h * g->w)
        for (int32_t y = top; y < top + node->r; y++)
            for (int32_t x = left; x < left + node->r; x++, i++)
                batch_of(g, i)[g->batched * STRIP] =
                    y >= 0 && y < g->h && x >= 0 && x < g->w
                        ? in[(int64_t)y * g->w + x]
                        : 0.0f;
    if (++g->batched == BATCH)
        flush(g);
}

static void add_output(struct gathering *g, const float *out, int32_t pixel)
{
    const int32_t k = g->node->c;
    for (int32_t i = 0; i < k; i++) {
        const double y = (double)out[(int64_t)i * g->oh * g->ow + pixel];
        g->out[i] += y;
        g->out[k + i] += y * y;
    }
}

static enum yt_status add_picture(struct measuring *s, int32_t picture,
                                  const float *image)
{
    YT_TRY(yt_tape_forward(s->tape, image));
    for (int32_t i = 0; i < s->graph->node_count; i++) {
        struct gathering *g = &s->all[i];
        const int64_t plane = (int64_t)g->oh * g->ow;
        if (!g->m || next_pixel(g) >= (picture + 1) * plane)
            continue;
        YT_TRY(yt_tape_read(s->tape, g->node->inputs[0], s->in));
        YT_TRY(yt_tape_read(s->tape, i, s->out));
        for (; next_pixel(g) < (picture + 1) * plane; g->drawn++) {
            const int32_t at = (int32_t)(next_pixel(g) - picture * plane);
            add_patch(g, s->in, at);
            add_output(g, s->out, at);
        }
    }
    return YT_OK;
}

/* ------------------------------------------------------------------ storage */

static int32_t choose_block(int32_t c, int32_t taps)
{
    const int32_t most = YT_MOMENTS_BLOCK < taps ? 1 : YT_MOMENTS_BLOCK / taps;
    const int32_t count = (c + most - 1) / most;
    return (c + count - 1) / count * taps;
}

static enum yt_status begin_conv(struct measuring *s, int32_t node,
                                 int32_t count)
{
    struct gathering *g = &s->all[node];
    struct yt_conv_moments *m = &s->moments->convs[node];
    *g = (struct gathering){.m = m, .node = &s->graph->nodes[node]};
    g->c = s->graph->nodes[g->node->inputs[0]].c;
    yt_tape_shape(s->tape, g->node->inputs[0], &g->h, &g->w);
    yt_tape_shape(s->tape, node, &g->oh, &g->ow);
    m->n = g->c * g->node->r * g->node->r;
    m->block = choose_block(g->c, g->node->r * g->node->r);
    g->strips = (m->block + STRIP - 1) / STRIP;
    g->pixels = (int64_t)count * g->oh * g->ow;
    g->wanted = (int64_t)PATCHES_PER * m->n;
    g->wanted = g->wanted < PATCHES_MIN ? PATCHES_MIN : g->wanted;
    g->wanted = g->wanted < g->pixels ? g->wanted : g->pixels;

    const size_t n = (size_t)m->n;
    const size_t blocks = (size_t)block_count(m);
    const size_t square = blocks * (size_t)m->block * (size_t)m->block;
    m->mean = calloc(n, sizeof *m->mean);
    m->covariance = calloc(square, sizeof *m->covariance);
    m->inverse = calloc(square, sizeof *m->inverse);
    g->batch =
        calloc(blocks * (size_t)g->strips * BATCH * STRIP, sizeof *g->batch);
    g->shift = calloc(n, sizeof *g->shift);
    g->sums = calloc(n, sizeof *g->sums);
    g->out = calloc(2 * (size_t)g->node->c, sizeof *g->out);
    YT_FAIL_IF(!m->mean || !m->covariance || !m->inverse || !g->batch ||
                   !g->shift || !g->sums || !g->out,
               YT_NO_MEMORY, "%s: no memory for the moments of %d inputs",
               g->node->name, m->n);
    return YT_OK;
}

static enum yt_status begin(struct measuring *s, int32_t count)
{
    const size_t nodes = (size_t)s->graph->node_count;
    s->all = calloc(nodes, sizeof *s->all);
    s->moments = calloc(1, sizeof *s->moments);
    if (s->moments)
        s->moments->convs = calloc(nodes, sizeof *s->moments->convs);
    YT_FAIL_IF(!s->all || !s->moments || !s->moments->convs, YT_NO_MEMORY,
               "no memory for the moments of %zu nodes", nodes);
    s->moments->node_count = s->graph->node_count;
    size_t most = 1;
    for (int32_t i = 0; i < s->graph->node_count; i++) {
        int32_t h, w;
        yt_tape_shape(s->tape, i, &h, &w);
        const size_t size =
            (size_t)s->graph->nodes[i].c * (size_t)h * (size_t)w;
        most = size > most ? size : most;
        if (s->graph->nodes[i].kind == YT_NODE_CONV)
            YT_TRY(begin_conv(s, i, count));
    }
    s->in = malloc(most * sizeof *s->in);
    s->out = malloc(most * sizeof *s->out);
    YT_FAIL_IF(!s->in || !s->out, YT_NO_MEMORY, "no memory for a node's map");
    return YT_OK;
}

static void release(struct measuring *s)
{
    for (int32_t i = 0; s->all && i < s->graph->node_count; i++) {
        free(s->all[i].batch);
        free(s->all[i].shift);
        free(s->all[i].sums);
        free(s->all[i].out);
    }
    free(s->all);
    free(s->in);
    free(s->out);
    yt_tape_destroy(s->tape);
}

/* ------------------------------------------------------------------- result */

static void centre_block(struct gathering *g, int32_t block)
{
    const int32_t first = block * g->m->block;
    const int32_t n = block_length(g->m, block);
    const double count = (double)g->m->patches;
    const int64_t stride = g->m->block;
    float *a = g->m->covariance + block * stride * stride;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i; j < n; j++) {
            const double mean_i = g->sums[first + i] / count;
            const double mean_j = g->sums[first + j] / count;
            const double moment = (double)a[i * stride + j] / count;
            a[i * stride + j] = (float)(moment - mean_i * mean_j);
            a[j * stride + i] = a[i * stride + j];
        }
}

/* A larger ridge where rounding left it short of positive. 0: values were not
 * finite. */
static int invert_block(struct yt_conv_moments *m, int32_t block,
                        double *scratch)
{
    const int64_t stride = m->block;
    const int32_t n = block_length(m, block);
    const float *a = m->covariance + block * stride * stride;
    double *inverse = m->inverse + block * stride * stride;
    double ridge = 0;
    for (int32_t i = 0; i < n; i++)
        ridge += RIDGE * fabs((double)a[i * (stride + 1)]) / n;
    ridge = ridge > 1e-12 ? ridge : 1e-12;
    if (!isfinite(ridge))
        return 0;
    do {
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = 0; j < n; j++)
                inverse[(int64_t)i * n + j] =
                    (double)a[i * stride + j] + (i == j ? ridge : 0);
        ridge *= 10;
    } while (!yt_invert(inverse, n, scratch));
    for (int32_t i = n - 1; i >= 0; i--)
        memmove(inverse + i * stride, inverse + (int64_t)i * n,
                (size_t)n * sizeof *inverse);
    return 1;
}

static enum yt_status finish_conv(struct gathering *g, double *scratch)
{
    struct yt_conv_moments *m = g->m;
    flush(g);
    for (int32_t i = 0; i < block_count(m); i++) {
        centre_block(g, i);
        YT_FAIL_IF(!invert_block(m, i, scratch), YT_BAD_INPUT,
                   "%s reads values that are not finite", g->node->name);
    }
    for (int32_t i = 0; i < m->n; i++)
        m->mean[i] = (double)g->shift[i] + g->sums[i] / m->patches;
    for (int32_t k = 0; k < g->node->c; k++) {
        const double mean = g->out[k] / m->patches;
        m->energy += g->out[g->node->c + k] / m->patches - mean * mean;
    }
    return YT_OK;
}

static enum yt_status finish(struct measuring *s)
{
    size_t most = 1;
    for (int32_t i = 0; i < s->graph->node_count; i++) {
        const size_t block = (size_t)s->moments->convs[i].block;
        most = block > most ? block : most;
    }
    double *scratch = malloc(most * most * sizeof *scratch);
    YT_FAIL_IF(!scratch, YT_NO_MEMORY,
               "no memory to invert moments of %zu inputs", most);
    enum yt_status status = YT_OK;
    for (int32_t i = 0; status == YT_OK && i < s->graph->node_count; i++)
        if (s->all[i].m)
            status = finish_conv(&s->all[i], scratch);
    free(scratch);
    return status;
}

enum yt_status yt_moments_measure(const struct yt_graph *graph, int32_t h,
                                  int32_t w, const float *images, int32_t count,
                                  int32_t threads, struct yt_moments **out)
{
    struct measuring s = {.graph = graph};
    const struct yt_tape_options options = {
        .batch = 1, .h = h, .w = w, .threads = threads, .forward_only = 1};
    enum yt_status status;
    YT_FAIL_IF(count < 1, YT_BAD_ARGUMENT, "no pictures to measure moments on");
    YT_TRY_GOTO(yt_tape_create(graph, &options, &s.tape));
    YT_TRY_GOTO(begin(&s, count));
    for (int32_t i = 0; i < count; i++)
        YT_TRY_GOTO(add_picture(&s, i, images + (int64_t)i * 3 * h * w));
    YT_TRY_GOTO(finish(&s));
    *out = s.moments;
    s.moments = NULL;
done:
    release(&s);
    yt_moments_destroy(s.moments);
    return status;
}

void yt_moments_destroy(struct yt_moments *moments)
{
    if (!moments)
        return;
    for (int32_t i = 0; moments->convs && i < moments->node_count; i++) {
        free(moments->convs[i].mean);
        free(moments->convs[i].covariance);
        free(moments->convs[i].inverse);
    }
    free(moments->convs);
    free(moments);
}
