/* See train/run/optimiser.h. */

#include "train/run/optimiser.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/filters.h"
#include "runtime/fail.h"

#define BETA2   0.999
#define EPSILON 1e-8f

/* ------------------------------------------------------------ parameters */

static void add(struct yt_optimiser_state *state,
                const struct yt_parameter *parameter)
{
    struct yt_parameter *p = &state->parameters[state->parameter_count++];
    *p = *parameter;
    p->first = state->count;
    state->count += p->count;
}

static void list(struct yt_optimiser_state *state, struct yt_graph *graph)
{
    const uint8_t *const *masks = state->options.masks;
    for (int32_t i = 0; i < graph->node_count; i++) {
        struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_CONV)
            continue;
        add(state, &(struct yt_parameter){.values = node->weights,
                                          .count = yt_filter_size(graph, i),
                                          .mask = masks ? masks[i] : NULL,
                                          .node = i});
        add(state, &(struct yt_parameter){.values = node->bias,
                                          .count = node->c,
                                          .node = i,
                                          .is_bias = 1});
    }
}

static void hold_zeros(struct yt_optimiser_state *state)
{
    for (int32_t i = 0; i < state->parameter_count; i++) {
        const struct yt_parameter *p = &state->parameters[i];
        for (int64_t j = 0; p->mask && j < p->count; j++)
            if (!p->mask[j])
                p->values[j] = 0;
    }
}

enum yt_status yt_optimiser_create(struct yt_graph *graph,
                                   const struct yt_optimiser_options *options,
                                   struct yt_optimiser_state **state_out)
{
    struct yt_optimiser_state *state = calloc(1, sizeof *state);
    YT_FAIL_IF(!state, YT_NO_MEMORY, "no memory for an optimiser");
    state->options = *options;
    state->parameters =
        calloc(2 * (size_t)graph->node_count, sizeof *state->parameters);
    if (state->parameters)
        list(state, graph);
    const size_t count = state->count > 0 ? (size_t)state->count : 1;
    state->momenta = calloc(count, sizeof *state->momenta);
    state->average = malloc(count * sizeof *state->average);
    if (options->kind == YT_ADAM)
        state->squares = calloc(count, sizeof *state->squares);
    if (!state->parameters || !state->momenta || !state->average ||
        (options->kind == YT_ADAM && !state->squares)) {
        yt_optimiser_destroy(state);
        return yt_fail(YT_NO_MEMORY, "no memory for an optimiser");
    }
    hold_zeros(state);
    yt_optimiser_save(state, state->average);
    *state_out = state;
    return YT_OK;
}

void yt_optimiser_destroy(struct yt_optimiser_state *state)
{
    if (!state)
        return;
    free(state->parameters);
    free(state->momenta);
    free(state->squares);
    free(state->average);
    free(state);
}

/* ---------------------------------------------------------------- update */

/* In double, in one order. */
static double norm_of(const struct yt_optimiser_state *state,
                      const float *const *gradients)
{
    double sum = 0;
    for (int32_t i = 0; i < state->parameter_count; i++) {
        const struct yt_parameter *p = &state->parameters[i];
        for (int64_t j = 0; j < p->count; j++)
            if (!p->mask || p->mask[j])
                sum += (double)gradients[i][j] * (double)gradients[i][j];
    }
    return sqrt(sum);
}

/* What the loops over one parameter need; pointers into the arrays of all. */
struct update {
    float *values, *momenta, *squares, *average;
    const float *gradient;
    int64_t count;
    float scale; /* of the gradient, clipping */
    float rate, decay, momentum, keep;
    float mean_gain, square_gain; /* Adam: what undoes the zeros it began at */
};

static void update_sgd(const struct update *u)
{
    for (int64_t j = 0; j < u->count; j++) {
        const float g = u->scale * u->gradient[j] + u->decay * u->values[j];
        const float m = u->momentum * u->momenta[j] + g;
        u->momenta[j] = m;
        u->values[j] -= u->rate * (g + u->momentum * m);
    }
}

static void update_adam(const struct update *u)
{
    const float beta1 = u->momentum, beta2 = (float)BETA2;
    const float shrink = 1 - u->rate * u->decay;
    assert(u->squares != NULL);
    for (int64_t j = 0; j < u->count; j++) {
        const float g = u->scale * u->gradient[j];
        const float m = beta1 * u->momenta[j] + (1 - beta1) * g;
        const float v = beta2 * u->squares[j] + (1 - beta2) * g * g;
        u->momenta[j] = m;
        u->squares[j] = v;
        const float root = sqrtf(v * u->square_gain) + EPSILON;
        u->values[j] =
            shrink * u->values[j] - u->rate * (m * u->mean_gain) / root;
    }
}

static void hold(const struct update *u, const uint8_t *mask)
{
    for (int64_t j = 0; j < u->count; j++)
        if (!mask[j]) {
            u->values[j] = u->momenta[j] = u->average[j] = 0;
            if (u->squares)
                u->squares[j] = 0;
        }
}

static void update_one(struct yt_optimiser_state *state,
                       const struct yt_parameter *p, const float *gradient,
                       struct update u)
{
    u.values = p->values;
    u.momenta = state->momenta + p->first;
    u.squares = state->squares ? state->squares + p->first : NULL;
    u.average = state->average + p->first;
    u.gradient = gradient;
    u.count = p->count;
    u.decay = p->is_bias ? 0 : u.decay;
    if (state->options.kind == YT_ADAM)
        update_adam(&u);
    else
        update_sgd(&u);
    if (p->mask)
        hold(&u, p->mask);
    for (int64_t j = 0; j < u.count; j++)
        u.average[j] += (1 - u.keep) * (u.values[j] - u.average[j]);
}

double yt_optimiser_update(struct yt_optimiser_state *state,
                           const float *const *gradients, double rate,
                           double keep)
{
    const struct yt_optimiser_options *o = &state->options;
    const double norm = norm_of(state, gradients);
    if (!isfinite(norm))
        return norm;
    state->updates++;
    const double n = (double)state->updates;
    const struct update u = {
        .scale = o->clip > 0 && norm > o->clip ? (float)(o->clip / norm) : 1,
        .rate = (float)rate,
        .decay = (float)o->decay,
        .momentum = (float)o->momentum,
        .keep = (float)keep,
        .mean_gain = (float)(1 / (1 - pow(o->momentum, n))),
        .square_gain = (float)(1 / (1 - pow(BETA2, n))),
    };
    for (int32_t i = 0; i < state->parameter_count; i++)
        update_one(state, &state->parameters[i], gradients[i], u);
    return norm;
}

/* ---------------------------------------------------------------- copies */

void yt_optimiser_save(const struct yt_optimiser_state *state,
                       float *values_out)
{
    for (int32_t i = 0; i < state->parameter_count; i++) {
        const struct yt_parameter *p = &state->parameters[i];
        assert(p->values != NULL);
        memcpy(values_out + p->first, p->values,
               (size_t)p->count * sizeof *values_out);
    }
}

void yt_optimiser_restore(struct yt_optimiser_state *state, const float *values)
{
    for (int32_t i = 0; i < state->parameter_count; i++) {
        const struct yt_parameter *p = &state->parameters[i];
        memcpy(p->values, values + p->first, (size_t)p->count * sizeof *values);
    }
}

void yt_optimiser_put(const struct yt_optimiser_state *state,
                      const float *values, struct yt_graph *graph)
{
    for (int32_t i = 0; i < state->parameter_count; i++) {
        const struct yt_parameter *p = &state->parameters[i];
        struct yt_node *node = &graph->nodes[p->node];
        memcpy(p->is_bias ? node->bias : node->weights, values + p->first,
               (size_t)p->count * sizeof *values);
    }
}
