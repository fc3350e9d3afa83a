/* Static costs of a lowered network, from its problems alone. */

#include "model/analyze.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const char *const order_names[] = {
    [YT_BY_EXECUTION] = "execution",   [YT_BY_FLOPS] = "flops",
    [YT_BY_PARAMETERS] = "parameters", [YT_BY_BYTES] = "bytes",
    [YT_BY_INTENSITY] = "intensity",
};
_Static_assert(sizeof order_names / sizeof order_names[0] ==
                   YT_ANALYSIS_ORDER_COUNT,
               "a name for each order");

const char *yt_analysis_order_name(enum yt_analysis_order order)
{
    return (unsigned)order < YT_ANALYSIS_ORDER_COUNT ? order_names[order] : "?";
}

int yt_analysis_order_find(const char *name)
{
    for (int i = 0; i < YT_ANALYSIS_ORDER_COUNT; i++)
        if (strcmp(order_names[i], name) == 0)
            return i;
    return -1;
}

/* Output channels are whole blocks but for a head's, whose last is written
 * whole all the same. */
static void describe(const struct yt_layer *layer, int32_t lanes,
                     struct yt_layer_analysis *a)
{
    const struct yt_problem *p = &layer->problem;
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    memcpy(a->name, layer->name, sizeof a->name);
    yt_op_kind(p, a->kind, sizeof a->kind);
    a->dtype = p->dtype;
    a->out = p->out;
    a->in_c = t.in.c;
    a->in_h = t.in.h;
    a->in_w = t.in.w;
    a->out_c = t.out.count * t.out.c;
    a->out_h = t.out.h;
    a->out_w = t.out.w;
    a->parameters = layer->parameters;
    a->flops = layer->flops;
    a->run_flops = yt_problem_flops(p);
    a->density = t.weights ? (double)t.kept / (double)t.weights : 1;
    a->weight_bytes = (uint64_t)(t.kept * yt_dtype_bytes(p->dtype) +
                                 t.bias * (int64_t)sizeof(float));
    a->in_bytes = (uint64_t)yt_tensor_bytes(&t.in, lanes);
    a->out_bytes = (uint64_t)yt_tensor_bytes(&t.out, lanes);
    a->add_bytes = (uint64_t)yt_tensor_bytes(&t.add, lanes);
    a->moved_bytes =
        a->weight_bytes + a->in_bytes + a->out_bytes + a->add_bytes;
    a->intensity = (double)a->run_flops / (double)a->moved_bytes;
}

/* The quantity an order goes by; larger comes first. */
static double key_of(const struct yt_layer_analysis *a,
                     enum yt_analysis_order order)
{
    switch (order) {
    case YT_BY_FLOPS:
        return (double)a->flops;
    case YT_BY_PARAMETERS:
        return (double)a->parameters;
    case YT_BY_BYTES:
        return (double)a->moved_bytes;
    case YT_BY_INTENSITY:
        return -a->intensity;
    default:
        return 0;
    }
}

struct sortable {
    double key;
    int32_t index;
};

/* Equal keys stay in the order of execution. */
static int compare(const void *a, const void *b)
{
    const struct sortable *x = a;
    const struct sortable *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return x->index - y->index;
}

static enum yt_status sort_layers(struct yt_analysis *a)
{
    const size_t count = (size_t)a->layer_count;
    struct sortable *items = calloc(count, sizeof *items);
    YT_FAIL_IF(!items, YT_NO_MEMORY, "no memory to sort %zu layers", count);
    for (int o = 0; o < YT_ANALYSIS_ORDER_COUNT; o++) {
        for (size_t i = 0; i < count; i++)
            items[i] = (struct sortable){
                key_of(&a->layers[i], (enum yt_analysis_order)o), (int32_t)i};
        qsort(items, count, sizeof *items, compare);
        for (size_t i = 0; i < count; i++)
            a->order[o][i] = items[i].index;
    }
    free(items);
    return YT_OK;
}

static int allocate(struct yt_analysis *a, int32_t layer_count)
{
    const size_t count = (size_t)layer_count;
    a->layer_count = layer_count;
    a->layers = calloc(count, sizeof *a->layers);
    int complete = a->layers != NULL;
    for (int o = 0; o < YT_ANALYSIS_ORDER_COUNT; o++) {
        a->order[o] = calloc(count, sizeof *a->order[o]);
        complete &= a->order[o] != NULL;
    }
    return complete;
}

static void add_types(const struct yt_layer_analysis *layer,
                      struct yt_type_analysis types[YT_DTYPE_COUNT])
{
    types[layer->dtype].layers++;
    types[layer->dtype].weight_bytes += layer->weight_bytes;
    types[layer->dtype].flops_share += layer->flops_share;
    types[layer->out].feature_bytes += layer->out_bytes;
}

static enum yt_status fill(const struct yt_net *net, struct yt_analysis *a)
{
    const int allocated = allocate(a, net->layer_count);
    YT_FAIL_IF(!allocated, YT_NO_MEMORY, "no memory to analyse %d layers",
               net->layer_count);
    a->lanes = net->lanes;
    a->h = net->h;
    a->w = net->w;
    a->parameters = net->parameters;
    a->parameter_bytes = net->parameters * sizeof(float);
    a->flops = net->flops;
    a->arena_bytes = (uint64_t)net->arena_bytes;
    a->floor_bytes = (uint64_t)net->floor_bytes;
    a->feature_bytes = (uint64_t)net->feature_bytes;
    for (int32_t i = 0; i < net->layer_count; i++) {
        struct yt_layer_analysis *layer = &a->layers[i];
        describe(&net->layers[i], net->lanes, layer);
        if (net->flops > 0)
            layer->flops_share = (double)layer->flops / (double)net->flops;
        a->run_flops += layer->run_flops;
        a->weight_bytes += layer->weight_bytes;
        a->moved_bytes += layer->moved_bytes;
        add_types(layer, a->types);
    }
    a->intensity = (double)a->run_flops / (double)a->moved_bytes;
    return sort_layers(a);
}

enum yt_status yt_analyze(const struct yt_net *net,
                          struct yt_analysis **analysis_out)
{
    struct yt_analysis *analysis = calloc(1, sizeof *analysis);
    YT_FAIL_IF(!analysis, YT_NO_MEMORY, "no memory for an analysis");
    const enum yt_status status = fill(net, analysis);
    if (status != YT_OK) {
        yt_analysis_destroy(analysis);
        return status;
    }
    *analysis_out = analysis;
    return YT_OK;
}

void yt_analysis_destroy(struct yt_analysis *analysis)
{
    if (!analysis)
        return;
    for (int o = 0; o < YT_ANALYSIS_ORDER_COUNT; o++)
        free(analysis->order[o]);
    free(analysis->layers);
    free(analysis);
}
