#ifndef LOSS_CASE_H
#define LOSS_CASE_H

/* Heads of a small network for the tests of losses: random logits, a gradient
 * to be filled, and a slow look at what the gradient should be. Include after
 * cmocka.h. */

#include <math.h>
#include <stdlib.h>

#include "model/graph.h"
#include "tests/random_graph.h"

#define LOSS_BATCH 2
#define LOSS_H     32
#define LOSS_W     48

/* Two levels, of 4 x 6 and 2 x 3 cells, with anchors of their sizes. */
static inline struct yt_graph *loss_graph(uint64_t seed, int32_t na, int32_t nc)
{
    struct random_graph r;
    begin_graph(&r, seed);
    const int32_t half = add_conv_silu(&r, 0, 4, 3, 2);
    const int32_t quarter = add_conv_silu(&r, half, 4, 3, 2);
    const int32_t fine = add_conv_silu(&r, quarter, 4, 3, 2);
    const int32_t coarse = add_conv_silu(&r, fine, 4, 3, 2);
    end_graph(&r, (const int32_t[]){fine, coarse}, 2, na, nc);
    for (int32_t i = 0; i < 2; i++)
        for (int32_t a = 0; a < na; a++) {
            r.graph->heads[i].anchors[a][0] = 8.0f + 6.0f * (float)(a + 2 * i);
            r.graph->heads[i].anchors[a][1] = 10.0f + 4.0f * (float)(a + 3 * i);
        }
    return r.graph;
}

struct loss_case {
    struct yt_graph *graph;
    size_t counts[YT_LEVELS_MAX];
    float *heads[YT_LEVELS_MAX], *gradients[YT_LEVELS_MAX];
};

static inline int32_t loss_cells(const struct yt_graph *graph, int32_t level)
{
    const int32_t stride = graph->heads[level].stride;
    return (LOSS_H / stride) * (LOSS_W / stride);
}

/* Takes the graph; logits are random in -scale .. scale. */
static inline void loss_begin(struct loss_case *c, struct yt_graph *graph,
                              uint64_t seed, float scale)
{
    struct random_graph r = {.state = seed};
    *c = (struct loss_case){.graph = graph};
    for (int32_t i = 0; i < graph->head_count; i++) {
        c->counts[i] = (size_t)(LOSS_BATCH * graph->na * (5 + graph->nc) *
                                loss_cells(graph, i));
        c->heads[i] = malloc(c->counts[i] * sizeof *c->heads[i]);
        c->gradients[i] = malloc(c->counts[i] * sizeof *c->gradients[i]);
        assert_non_null(c->heads[i]);
        assert_non_null(c->gradients[i]);
        for (size_t k = 0; k < c->counts[i]; k++) {
            c->heads[i][k] = scale * next_noise(&r);
            c->gradients[i][k] = NAN; /* to be replaced */
        }
    }
}

static inline void loss_end(struct loss_case *c)
{
    for (int32_t i = 0; i < c->graph->head_count; i++) {
        free(c->heads[i]);
        free(c->gradients[i]);
    }
    yt_graph_destroy(c->graph);
}

static inline size_t loss_at(const struct yt_graph *graph, int32_t level,
                             int32_t image, int32_t anchor, int32_t channel,
                             int32_t cell)
{
    return (size_t)(((image * graph->na + anchor) * (5 + graph->nc) + channel) *
                        loss_cells(graph, level) +
                    cell);
}

/* Compare every gradient with the difference of a loss in double.
 * @param loss what the gradient is of, at one double for each logit. */
static inline void
loss_compare(const struct loss_case *c,
             double (*loss)(void *user, double *const *heads), void *user)
{
    const double step = 1e-5;
    double *heads[YT_LEVELS_MAX] = {NULL};
    double largest = 0;
    for (int32_t i = 0; i < c->graph->head_count; i++) {
        heads[i] = malloc(c->counts[i] * sizeof *heads[i]);
        assert_non_null(heads[i]);
        for (size_t k = 0; k < c->counts[i]; k++) {
            heads[i][k] = (double)c->heads[i][k];
            largest = fmax(largest, fabs((double)c->gradients[i][k]));
        }
    }
    for (int32_t i = 0; i < c->graph->head_count; i++)
        for (size_t k = 0; k < c->counts[i]; k++) {
            const double value = heads[i][k];
            heads[i][k] = value + step;
            const double above = loss(user, heads);
            heads[i][k] = value - step;
            const double below = loss(user, heads);
            heads[i][k] = value;
            const double want = (above - below) / (2 * step);
            const double got = (double)c->gradients[i][k];
            if (!(fabs(got - want) <= 1e-6 * largest + 1e-5 * fabs(want)))
                fail_msg("level %d, value %zu: gradient %g, difference %g",
                         (int)i, k, got, want);
        }
    assert_true(largest > 0);
    for (int32_t i = 0; i < c->graph->head_count; i++)
        free(heads[i]);
}

/* The loss in plain words, apart from the program's. */

static inline double slow_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static inline double slow_entropy(double logit, double aim, double positive)
{
    return -positive * aim * log(slow_sigmoid(logit)) -
           (1 - aim) * log(slow_sigmoid(-logit));
}

struct slow_box {
    double x, y, w, h;
};

static inline struct slow_box slow_decode(const struct yt_graph *graph,
                                          int32_t level, int32_t anchor,
                                          const double *logits)
{
    const struct yt_graph_head *head = &graph->heads[level];
    const int32_t cells = loss_cells(graph, level);
    const double s = head->stride;
    return (struct slow_box){
        2 * slow_sigmoid(logits[0]) - 0.5,
        2 * slow_sigmoid(logits[cells]) - 0.5,
        pow(2 * slow_sigmoid(logits[2 * cells]), 2) *
            (double)head->anchors[anchor][0] / s,
        pow(2 * slow_sigmoid(logits[3 * cells]), 2) *
            (double)head->anchors[anchor][1] / s,
    };
}

static inline double slow_between(double a, double aw, double b, double bw)
{
    const double shared =
        fmin(a + aw / 2, b + bw / 2) - fmax(a - aw / 2, b - bw / 2);
    return shared > 0 ? shared : 0;
}

static inline double slow_around(double a, double aw, double b, double bw)
{
    return fmax(a + aw / 2, b + bw / 2) - fmin(a - aw / 2, b - bw / 2);
}

/* @param alpha NAN: becomes what it is at these boxes; else taken as it is. */
static inline double slow_ciou(struct slow_box a, struct slow_box b,
                               double *alpha)
{
    const double eps = 1e-7;
    const double inter =
        slow_between(a.x, a.w, b.x, b.w) * slow_between(a.y, a.h, b.y, b.h);
    const double iou = inter / (a.w * a.h + b.w * b.h - inter + eps);
    const double diagonal = pow(slow_around(a.x, a.w, b.x, b.w), 2) +
                            pow(slow_around(a.y, a.h, b.y, b.h), 2) + eps;
    const double far = pow(a.x - b.x, 2) + pow(a.y - b.y, 2);
    const double v =
        4 / (M_PI * M_PI) * pow(atan(b.w / b.h) - atan(a.w / a.h), 2);
    if (isnan(*alpha))
        *alpha = v / (v - iou + 1 + eps);
    return iou - (far / diagonal + v * *alpha);
}

#endif
