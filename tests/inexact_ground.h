/* The ground of ground.h with a network whose 3x3 convolutions have Winograd
 * kernels, as if they had been tried. */
#ifndef YT_TEST_INEXACT_GROUND_H
#define YT_TEST_INEXACT_GROUND_H

#include <stdlib.h>

#include "codegen/algo.h"
#include "ground.h"
#include "random_graph.h"
#include "tuner/build/plan_store.h"
#include "tuner/search/search.h"

enum { INEXACT_SIDE = 64, INEXACT_CHANNELS = 32 };

/** Channels of the second convolution come in pairs, whose difference the head
 *  reads. @param apart how far the two are from each other: where it is little,
 *  heads are small differences of large values. */
static inline struct yt_graph *paired_graph(float apart)
{
    struct random_graph r;
    begin_graph(&r, 11);
    const int32_t stem = add_conv_silu(&r, 0, INEXACT_CHANNELS, 6, 2);
    const int32_t conv = add_conv(&r, stem, INEXACT_CHANNELS, 3, 1);
    const int32_t act = add_silu(&r, conv);
    const struct yt_node *node = &r.graph->nodes[conv];
    const int32_t fan_in = 9 * INEXACT_CHANNELS;
    for (int32_t k = 0; k < INEXACT_CHANNELS; k += 2) {
        float *one = node->weights + k * fan_in, *two = one + fan_in;
        node->bias[k] = node->bias[k + 1] = 8;
        for (int32_t i = 0; i < fan_in; i++)
            two[i] = one[i] + apart * two[i];
    }
    end_graph(&r, &act, 1, 1, 2);
    const struct yt_node *head = &r.graph->nodes[r.graph->heads[0].node];
    for (int32_t k = 0; k < head->c; k++) {
        head->bias[k] = 0;
        for (int32_t i = 0; i < INEXACT_CHANNELS; i += 2)
            head->weights[k * INEXACT_CHANNELS + i + 1] =
                -head->weights[k * INEXACT_CHANNELS + i];
    }
    snprintf(r.graph->name, sizeof r.graph->name, "paired");
    snprintf(r.graph->format, sizeof r.graph->format, "built-in");
    return r.graph;
}

struct inexact_ground {
    struct ground on;
    struct yt_search *search;
    struct yt_build *exact;
    struct yt_layer_time *times;
    int32_t subject, layer; /* of the 3x3 convolution */
};

/** Winograd of a size of tile, or what runs untuned for edge 0. */
static inline struct yt_schedule with_edge(const struct inexact_ground *g,
                                           int32_t edge)
{
    const struct yt_problem *p = &g->search->subjects[g->subject].problem;
    const struct yt_isa *isa = g->on.site->isa;
    struct yt_schedule s;
    yt_schedule_default(p, isa, &s);
    if (edge) {
        assert_true(yt_algo_first(YT_ALGO_WINOGRAD, p, isa, &s));
        s.edge = edge;
        s.tiles = 8;
        s.mr = 4;
        assert_true(yt_schedule_applies(p, &s, isa));
    }
    return s;
}

/** As if it had been tried alone. */
static inline void try_edge(struct inexact_ground *g, int32_t edge,
                            double min_ns)
{
    const struct yt_trial trial = {.schedule = with_edge(g, edge),
                                   .ok = 1,
                                   .min_ns = min_ns,
                                   .code_bytes = 1000};
    assert_int_equal(
        yt_trials_put(&g->search->subjects[g->subject].trials, &trial), YT_OK);
}

static inline void inexact_ground_open(struct inexact_ground *g, float apart)
{
    const struct yt_site_options site = {.access = YT_SITE_ALONE};
    const struct yt_engine_options options = {
        .h = INEXACT_SIDE, .w = INEXACT_SIDE, .threads = 1};
    memset(g, 0, sizeof *g);
    g->on.graph = paired_graph(apart);
    if (yt_site_open(&site, &g->on.site) != YT_OK ||
        yt_engine_open(g->on.site, g->on.graph, &options, &g->on.engine) !=
            YT_OK)
        fail_msg("%s", yt_error());
    const struct yt_build_options exact = {.isa = g->on.site->isa,
                                           .h = INEXACT_SIDE,
                                           .w = INEXACT_SIDE,
                                           .threads = 1,
                                           .kernels = g->on.site->kernels};
    const struct yt_build *build = g->on.engine->build;
    const struct yt_net *net = build->net;
    if (yt_build_create(g->on.graph, &exact, &g->exact) != YT_OK ||
        yt_search_create(g->on.site, build, 1, &g->search) != YT_OK)
        fail_msg("%s", yt_error());
    g->times = calloc((size_t)net->layer_count, sizeof *g->times);
    assert_non_null(g->times);
    g->layer = -1;
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_problem *p = &net->layers[i].problem;
        g->times[i].median_ns = 1;
        if (p->op == YT_OP_CONV2D && p->u.conv2d.r == 3)
            g->layer = i;
    }
    assert_true(g->layer >= 0);
    g->subject = yt_search_find(g->search, &net->layers[g->layer].problem);
}

static inline void inexact_ground_close(struct inexact_ground *g)
{
    free(g->times);
    yt_search_destroy(g->search);
    yt_build_destroy(g->exact);
    ground_close(&g->on);
}

#endif
