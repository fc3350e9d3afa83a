/* The symbol table of an ONNX graph: which name is which value, who makes it,
 * who needs it, and in which order. Nothing here knows an operator. */

#include "model/onnx_scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

const char *yt_onnx_who(const struct yt_onnx_scope *scope, int32_t node,
                        char *text)
{
    const YtOnnx__NodeProto *proto = scope->nodes[node].proto;
    const char *name = or_empty(proto->name);
    const char *op = or_empty(proto->op_type);
    if (*name)
        snprintf(text, YT_ONNX_WHO_MAX, "node '%.80s' (%.40s)", name, op);
    else
        snprintf(text, YT_ONNX_WHO_MAX, "unnamed node %d (%.40s)", (int)node,
                 op);
    return text;
}

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct yt_onnx_value *values = arg;
    const int32_t ia = *(const int32_t *)a, ib = *(const int32_t *)b;
    const int order = strcmp(values[ia].name, values[ib].name);
    return order ? order : (ia > ib) - (ia < ib);
}

int32_t yt_onnx_scope_find(const struct yt_onnx_scope *scope, const char *name)
{
    int32_t low = 0, high = scope->name_count;
    while (low < high) {
        const int32_t mid = low + (high - low) / 2;
        const int order = strcmp(scope->values[scope->by_name[mid]].name, name);
        if (order == 0)
            return scope->by_name[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

static int32_t add_value(struct yt_onnx_scope *scope, const char *name,
                         int32_t producer)
{
    scope->values[scope->value_count].name = or_empty(name);
    scope->values[scope->value_count].producer = producer;
    return scope->value_count++;
}

/* An initializer may repeat the name of a graph input (its default, IR version
 * 3); every other repetition breaks single assignment. */
static enum yt_status merge_names(struct yt_onnx_scope *scope)
{
    for (int32_t i = 0; i < scope->value_count; ++i)
        scope->by_name[i] = i;
    qsort_r(scope->by_name, (size_t)scope->value_count, sizeof *scope->by_name,
            compare_names, scope->values);

    int32_t kept = 0;
    for (int32_t i = 0; i < scope->value_count; ++i) {
        struct yt_onnx_value *value = &scope->values[scope->by_name[i]];
        struct yt_onnx_value *last =
            kept ? &scope->values[scope->by_name[kept - 1]] : NULL;
        if (!last || strcmp(last->name, value->name) != 0) {
            scope->by_name[kept++] = scope->by_name[i];
            continue;
        }
        /* Inputs were numbered before initializers, so sorted before them. */
        YT_FAIL_IF(
            !(last->is_graph_input && !last->initializer && value->initializer),
            YT_BAD_INPUT, "the value '%.80s' is defined twice", value->name);
        last->initializer = value->initializer;
    }
    scope->name_count = kept;
    return YT_OK;
}

static enum yt_status link_nodes(struct yt_onnx_scope *scope)
{
    int32_t *ids = scope->ids;
    for (int32_t n = 0; n < scope->node_count; ++n) {
        struct yt_onnx_node *node = &scope->nodes[n];
        const YtOnnx__NodeProto *proto = node->proto;
        node->in = ids;
        node->in_count = (int32_t)proto->n_input;
        ids += node->in_count;
        for (int32_t i = 0; i < node->in_count; ++i) {
            char who[YT_ONNX_WHO_MAX];
            node->in[i] = proto->input[i][0]
                              ? yt_onnx_scope_find(scope, proto->input[i])
                              : -1;
            YT_FAIL_IF(proto->input[i][0] && node->in[i] < 0, YT_BAD_INPUT,
                       "%s reads '%.80s', which nothing in the file defines",
                       yt_onnx_who(scope, n, who), proto->input[i]);
        }
        node->out = ids;
        node->out_count = (int32_t)proto->n_output;
        ids += node->out_count;
        for (int32_t i = 0; i < node->out_count; ++i)
            node->out[i] = proto->output[i][0]
                               ? yt_onnx_scope_find(scope, proto->output[i])
                               : -1;
    }
    return YT_OK;
}

enum visit { VISIT_UNNEEDED, VISIT_NEEDED, VISIT_OPEN, VISIT_DONE };

/* Marks what the outputs depend on; a work list instead of recursion, since a
 * hostile chain is as long as the file. */
static void mark_needed(struct yt_onnx_scope *scope, unsigned char *visits,
                        int32_t *stack)
{
    int32_t depth = 0;
    for (size_t o = 0; o < scope->graph->n_output; ++o) {
        const int32_t v =
            yt_onnx_scope_find(scope, or_empty(scope->graph->output[o]->name));
        if (v < 0)
            continue;
        const int32_t producer = scope->values[v].producer;
        if (producer >= 0 && visits[producer] == VISIT_UNNEEDED) {
            visits[producer] = VISIT_NEEDED;
            stack[depth++] = producer;
        }
    }
    while (depth > 0) {
        const struct yt_onnx_node *node = &scope->nodes[stack[--depth]];
        for (int32_t i = 0; i < node->in_count; ++i) {
            if (node->in[i] < 0)
                continue;
            const struct yt_onnx_value *value = &scope->values[node->in[i]];
            if (value->producer >= 0 &&
                visits[value->producer] == VISIT_UNNEEDED) {
                visits[value->producer] = VISIT_NEEDED;
                stack[depth++] = value->producer;
            }
        }
    }
}

/* Depth-first over the needed nodes as the file lists them: a file in order
 * keeps its order, others are put in one. */
static enum yt_status put_in_order(struct yt_onnx_scope *scope,
                                   unsigned char *visits, int32_t *stack,
                                   int32_t *next_input)
{
    for (int32_t root = 0; root < scope->node_count; ++root) {
        if (visits[root] != VISIT_NEEDED)
            continue;
        int32_t depth = 0;
        stack[depth] = root;
        next_input[depth++] = 0;
        visits[root] = VISIT_OPEN;
        while (depth > 0) {
            const int32_t n = stack[depth - 1];
            const struct yt_onnx_node *node = &scope->nodes[n];
            if (next_input[depth - 1] == node->in_count) {
                visits[n] = VISIT_DONE;
                scope->order[scope->order_count++] = n;
                --depth;
                continue;
            }
            const int32_t v = node->in[next_input[depth - 1]++];
            const int32_t p = v < 0 ? -1 : scope->values[v].producer;
            if (p < 0 || visits[p] == VISIT_DONE)
                continue;
            char who[YT_ONNX_WHO_MAX];
            YT_FAIL_IF(visits[p] == VISIT_OPEN, YT_BAD_INPUT,
                       "%s depends on its own output: the graph has a cycle",
                       yt_onnx_who(scope, p, who));
            visits[p] = VISIT_OPEN;
            stack[depth] = p;
            next_input[depth++] = 0;
        }
    }
    return YT_OK;
}

static enum yt_status order_nodes(struct yt_onnx_scope *scope)
{
    enum yt_status status = YT_OK;
    const size_t count = (size_t)scope->node_count + 1;
    unsigned char *visits = calloc(count, 1);
    int32_t *stack = calloc(count, sizeof *stack);
    int32_t *next_input = calloc(count, sizeof *next_input);
    YT_FAIL_IF_GOTO(!visits || !stack || !next_input, YT_NO_MEMORY,
                    "no memory to order %d nodes", (int)scope->node_count);
    mark_needed(scope, visits, stack);
    YT_TRY_GOTO(put_in_order(scope, visits, stack, next_input));
done:
    free(visits);
    free(stack);
    free(next_input);
    return status;
}

static void add_values(struct yt_onnx_scope *scope)
{
    const YtOnnx__GraphProto *graph = scope->graph;
    for (size_t i = 0; i < graph->n_input; ++i)
        scope->values[add_value(scope, graph->input[i]->name, -1)]
            .is_graph_input = 1;
    for (size_t i = 0; i < graph->n_initializer; ++i)
        scope->values[add_value(scope, graph->initializer[i]->name, -1)]
            .initializer = graph->initializer[i];
    for (int32_t n = 0; n < scope->node_count; ++n) {
        const YtOnnx__NodeProto *proto = graph->node[n];
        scope->nodes[n].proto = proto;
        for (size_t i = 0; i < proto->n_output; ++i)
            if (proto->output[i][0])
                add_value(scope, proto->output[i], n);
    }
}

enum yt_status yt_onnx_scope_init(struct yt_onnx_scope *scope,
                                  const YtOnnx__GraphProto *graph)
{
    *scope = (struct yt_onnx_scope){.graph = graph};
    size_t value_count = graph->n_input + graph->n_initializer;
    size_t id_count = 0;
    for (size_t n = 0; n < graph->n_node; ++n) {
        value_count += graph->node[n]->n_output;
        id_count += graph->node[n]->n_input + graph->node[n]->n_output;
    }
    YT_FAIL_IF(graph->n_node > YT_ONNX_NODES_MAX ||
                   value_count > 2 * YT_ONNX_NODES_MAX ||
                   id_count > 8 * YT_ONNX_NODES_MAX,
               YT_UNSUPPORTED,
               "%zu nodes and %zu values are more than any YOLOv5 export has",
               graph->n_node, value_count);

    scope->node_count = (int32_t)graph->n_node;
    scope->values = calloc(value_count + 1, sizeof *scope->values);
    scope->by_name = calloc(value_count + 1, sizeof *scope->by_name);
    scope->nodes = calloc(graph->n_node + 1, sizeof *scope->nodes);
    scope->ids = calloc(id_count + 1, sizeof *scope->ids);
    scope->order = calloc(graph->n_node + 1, sizeof *scope->order);
    YT_FAIL_IF(!scope->values || !scope->by_name || !scope->nodes ||
                   !scope->ids || !scope->order,
               YT_NO_MEMORY, "no memory for %zu nodes", graph->n_node);
    add_values(scope);
    YT_TRY(merge_names(scope));
    YT_TRY(link_nodes(scope));
    return order_nodes(scope);
}

void yt_onnx_scope_deinit(struct yt_onnx_scope *scope)
{
    free(scope->values);
    free(scope->by_name);
    free(scope->nodes);
    free(scope->ids);
    free(scope->order);
    free(scope->nets);
    free(scope->picks);
}

enum yt_status yt_onnx_net_add(struct yt_onnx_scope *scope,
                               const struct yt_onnx_net *net,
                               int32_t *index_out)
{
    if (scope->net_count == scope->net_cap) {
        const int32_t cap = scope->net_cap ? 2 * scope->net_cap : 256;
        struct yt_onnx_net *nets =
            realloc(scope->nets, (size_t)cap * sizeof *nets);
        YT_FAIL_IF(!nets, YT_NO_MEMORY, "no memory for %d nodes", (int)cap);
        scope->nets = nets;
        scope->net_cap = cap;
    }
    scope->nets[scope->net_count] = *net;
    scope->nets[scope->net_count].lo = 0; /* of what it was made of */
    scope->nets[scope->net_count].hi = 0;
    *index_out = scope->net_count++;
    return YT_OK;
}

void yt_onnx_value_set_net(struct yt_onnx_scope *scope, int32_t v, int32_t net)
{
    struct yt_onnx_value *value = &scope->values[v];
    const struct yt_onnx_net *n = &scope->nets[net];
    value->kind = YT_ONNX_NET;
    value->net = net;
    value->t.rank = 4;
    value->t.dims[0] = 1;
    value->t.dims[1] = n->c;
    value->t.dims[2] = n->h;
    value->t.dims[3] = n->w;
    value->t.count = n->c * n->h * n->w;
}
