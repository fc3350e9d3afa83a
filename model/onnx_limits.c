/* See onnx_limits.h. */

#include "model/onnx_limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

struct limits {
    const struct yt_onnx_scope *scope;
    struct range {
        double lo, hi;
        int is_own;  /* the file has it */
        int readers; /* needed nets that read it */
        int acts;    /* of those activations */
        int is_head;
    } *ranges; /* [net_count] */
};

static int is_known(const struct range *range)
{
    return range->lo < range->hi;
}

static void widen(struct range *range, double lo, double hi)
{
    const int is_first = !is_known(range);
    range->lo = is_first ? lo : fmin(range->lo, lo);
    range->hi = is_first ? hi : fmax(range->hi, hi);
}

static void begin(struct limits *l, const struct yt_onnx_heads *heads)
{
    for (int32_t i = 0; i < l->scope->net_count; ++i) {
        const struct yt_onnx_net *net = &l->scope->nets[i];
        struct range *range = &l->ranges[i];
        if (!net->needed)
            continue;
        range->lo = net->lo;
        range->hi = net->hi;
        range->is_own = is_known(range);
        for (int32_t k = 0; k < net->input_count; ++k) {
            l->ranges[net->inputs[k]].readers++;
            l->ranges[net->inputs[k]].acts += net->kind == YT_NODE_ACT;
        }
    }
    for (int32_t i = 0; i < heads->count; ++i)
        l->ranges[heads->heads[i].net].is_head = 1;
}

/* What only moves values about has the range of what it moves. */
static void go_up(const struct limits *l)
{
    for (int32_t i = l->scope->net_count - 1; i > 0; --i) {
        const struct yt_onnx_net *net = &l->scope->nets[i];
        const struct range *range = &l->ranges[i];
        const int moves = net->kind == YT_NODE_CONCAT ||
                          net->kind == YT_NODE_MAXPOOL ||
                          net->kind == YT_NODE_UPSAMPLE;
        if (!net->needed || !moves || !is_known(range))
            continue;
        for (int32_t k = 0; k < net->input_count; ++k)
            if (!l->ranges[net->inputs[k]].is_own)
                widen(&l->ranges[net->inputs[k]], range->lo, range->hi);
    }
}

/* Whether it chooses channels or pixels, which are values that were there. */
static int is_choice(const struct yt_onnx_net *net)
{
    const int is_one =
        net->taps.rows ? net->taps.rows * net->taps.columns == 1 : net->r == 1;
    return net->kind == YT_NODE_CONV && net->weights < 0 && !net->has_norm &&
           is_one;
}

static void go_down(const struct limits *l)
{
    for (int32_t i = 1; i < l->scope->net_count; ++i) {
        const struct yt_onnx_net *net = &l->scope->nets[i];
        const struct range *from = &l->ranges[net->inputs[0]];
        if (net->needed && is_choice(net) && !is_known(&l->ranges[i]) &&
            is_known(from))
            widen(&l->ranges[i], from->lo, from->hi);
    }
}

/* A term of a sum is the sum without the other term. */
static void go_back(const struct limits *l)
{
    for (int32_t i = 1; i < l->scope->net_count; ++i) {
        const struct yt_onnx_net *net = &l->scope->nets[i];
        const struct range *sum = &l->ranges[i];
        if (!net->needed || net->kind != YT_NODE_ADD || !is_known(sum))
            continue;
        for (int32_t k = 0; k < 2; ++k) {
            struct range *term = &l->ranges[net->inputs[k]];
            const struct range *other = &l->ranges[net->inputs[1 - k]];
            if (!is_known(term) && is_known(other))
                widen(term, sum->lo - other->hi, sum->hi - other->lo);
        }
    }
}

/* The first whose range is needed and not known; 0: all are. */
static int32_t find_missing(const struct limits *l)
{
    for (int32_t i = 1; i < l->scope->net_count; ++i) {
        const struct yt_onnx_net *net = &l->scope->nets[i];
        const struct range *range = &l->ranges[i];
        const int becomes_act =
            net->kind == YT_NODE_CONV && range->readers == range->acts;
        if (net->needed && !is_known(range) && !range->is_head &&
            !becomes_act &&
            (net->kind == YT_NODE_CONV || net->kind == YT_NODE_ACT ||
             net->kind == YT_NODE_ADD))
            return i;
    }
    return 0;
}

static enum yt_status set_limits(const struct limits *l, const int32_t *node_of,
                                 struct yt_graph *graph)
{
    graph->limits = calloc((size_t)graph->node_count, sizeof *graph->limits);
    YT_FAIL_IF(!graph->limits, YT_NO_MEMORY, "no memory for ranges");
    for (int32_t i = 1; i < l->scope->net_count; ++i)
        if (l->scope->nets[i].needed && is_known(&l->ranges[i]))
            graph->limits[node_of[i]] = (struct yt_graph_limits){
                (float)l->ranges[i].lo, (float)l->ranges[i].hi};
    return YT_OK;
}

#define RUNS "so it runs dequantised, and int8 is to be calibrated"

static enum yt_status finish(const struct limits *l, const int32_t *node_of,
                             struct yt_graph *graph)
{
    const int32_t missing = find_missing(l);
    if (!missing && !l->scope->is_measured)
        return set_limits(l, node_of, graph);
    const size_t used = strlen(graph->note);
    const size_t room = sizeof graph->note - used;
    const char *joint = used ? "; and it is " : "";
    if (l->scope->is_measured)
        snprintf(graph->note + used, room,
                 "%squantised with ranges that are measured as it runs, " RUNS,
                 joint);
    else
        snprintf(graph->note + used, room,
                 "%squantised without an 8-bit range of '%s', " RUNS, joint,
                 graph->nodes[node_of[missing]].name);
    return YT_OK;
}

enum yt_status yt_onnx_limits(const struct yt_onnx_scope *scope,
                              const struct yt_onnx_heads *heads,
                              const int32_t *node_of, struct yt_graph *graph)
{
    if (!scope->is_quantised && !scope->is_measured)
        return YT_OK;
    struct limits l = {scope,
                       calloc((size_t)scope->net_count, sizeof(struct range))};
    YT_FAIL_IF(!l.ranges, YT_NO_MEMORY, "no memory for ranges");
    begin(&l, heads);
    go_up(&l);
    go_down(&l);
    go_back(&l);
    const enum yt_status status = finish(&l, node_of, graph);
    free(l.ranges);
    return status;
}
