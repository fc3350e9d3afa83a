/* From nets to the graph: names, order, weights in f32 with the batch
 * normalisation folded in. Only here are weights copied out of the file, after
 * everything else was found to be in order. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx_codes.h"
#include "model/onnx_eval.h"
#include "model/onnx_net.h"
#include "runtime/fail.h"

static int is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static void append(char *path, const char *text, size_t length)
{
    size_t used = strlen(path);
    if (used > 0 && used < YT_LAYER_NAME_MAX - 1)
        path[used++] = '.';
    for (size_t i = 0; i < length && used < YT_LAYER_NAME_MAX - 1; ++i)
        path[used++] = is_name_char(text[i]) ? text[i] : '_';
    path[used] = 0;
}

void yt_onnx_module_path(const char *onnx_name, char *path)
{
    path[0] = 0;
    const char *op = onnx_name ? strrchr(onnx_name, '/') : NULL;
    if (!op)
        return;
    for (const char *part = onnx_name; part < op;) {
        const size_t length = strcspn(part, "/");
        const char *next = part + length + 1;
        /* A list is spelled twice, "m/m.0"; and Conv's own convolution is
         * "cv1/conv", which the module's name says already. */
        const int is_list = next < op && strncmp(next, part, length) == 0 &&
                            next[length] == '.';
        const int is_conv = next > op && path[0] && length == 4 &&
                            strncmp(part, "conv", 4) == 0;
        if (length > 0 && !is_list && !is_conv)
            append(path, part, length);
        part = next;
    }
    /* The second use of one module: "MaxPool_1". */
    const char *number = strrchr(op, '_');
    if (path[0] && number && number[1] &&
        strspn(number + 1, "0123456789") == strlen(number + 1)) {
        const size_t used = strlen(path);
        snprintf(path + used, YT_LAYER_NAME_MAX - used, "%s", number);
    }
}

/* Before torch 1.13 nodes were called "Conv_41", but the weights still
 * "model.2.m.0.cv1.conv.weight". */
static void weight_path(const char *weight_name, char *path)
{
    static const char *const endings[] = {".weight", ".conv"};
    path[0] = 0;
    size_t length = strlen(weight_name);
    for (size_t i = 0; i < 2; ++i) {
        const size_t tail = strlen(endings[i]);
        if (length > tail &&
            strncmp(weight_name + length - tail, endings[i], tail) == 0)
            length -= tail;
        else if (i == 0)
            return;
    }
    append(path, weight_name, length);
}

/* What a name gets where its module's path alone would be ambiguous, and what
 * it is called where there is no path. */
static const struct {
    const char *suffix, *word;
} kind_names[] = {
    [YT_NODE_INPUT] = {"", "input"},
    [YT_NODE_CONV] = {"", "conv"},
    [YT_NODE_ACT] = {"", "act"},
    [YT_NODE_MAXPOOL] = {"", "maxpool"},
    [YT_NODE_UPSAMPLE] = {"", "upsample"},
    [YT_NODE_CONCAT] = {".concat", "concat"},
    [YT_NODE_ADD] = {".add", "add"},
};
_Static_assert(sizeof kind_names / sizeof kind_names[0] == YT_NODE_COUNT,
               "one row for each kind");

static void name_node(const struct yt_onnx_scope *scope,
                      const struct yt_onnx_net *net, int32_t ordinal,
                      char *name)
{
    yt_onnx_module_path(scope->nodes[net->node].proto->name, name);
    if (!name[0] && net->kind == YT_NODE_CONV && net->weights >= 0)
        weight_path(scope->values[net->weights].name, name);
    size_t used = strlen(name);
    if (used > 0 && net->kind == YT_NODE_CONV && net->weights >= 0 &&
        net->c < scope->values[net->weights].t.dims[0])
        used += (size_t)snprintf(name + used, YT_LAYER_NAME_MAX - used, ".%d",
                                 (int)net->first);
    if (used > 0 && used < YT_LAYER_NAME_MAX)
        snprintf(name + used, YT_LAYER_NAME_MAX - used, "%s",
                 kind_names[net->kind].suffix);
    else
        snprintf(name, YT_LAYER_NAME_MAX, "%s%d", kind_names[net->kind].word,
                 (int)ordinal);
}

/* Elements from @p first on. */
static enum yt_status read_floats(struct yt_onnx_scope *scope, int32_t v,
                                  int64_t first, float *to, int64_t count)
{
    const struct yt_onnx_value *value = &scope->values[v];
    if (value->kind == YT_ONNX_CONST) {
        for (int64_t i = 0; i < count; ++i)
            to[i] = (float)yt_onnx_tensor_at(&value->t, first + i);
        return YT_OK;
    }
    /* All weights of a quantised network are such formulas. They are no more
     * than the file has. */
    if (yt_onnx_codes_are_stored(scope, v))
        scope->steps_left += (uint64_t)count * YT_ONNX_CODE_STEPS;
    struct yt_onnx_probe probe = {.scope = scope};
    for (int64_t i = 0; i < count && probe.status == YT_OK; ++i)
        to[i] = (float)yt_onnx_eval(&probe, v, first + i);
    return probe.status;
}

/* One number may be there for all channels, or none at all. */
static double norm_at(struct yt_onnx_probe *probe,
                      const struct yt_onnx_net *net, int32_t which, int64_t at,
                      double absent)
{
    const int32_t v = net->norm[which];
    if (v < 0)
        return absent;
    return yt_onnx_eval(probe, v, probe->scope->values[v].t.count > 1 ? at : 0);
}

static enum yt_status fold_norm(struct yt_onnx_scope *scope,
                                const struct yt_onnx_net *net,
                                struct yt_node *node, int64_t filter_elems)
{
    struct yt_onnx_probe probe = {.scope = scope};
    for (int64_t k = 0; k < net->c; ++k) {
        const int64_t at = net->norm_first + k;
        const double scale = norm_at(&probe, net, 0, at, 1);
        const double shift = norm_at(&probe, net, 1, at, 0);
        const double mean = norm_at(&probe, net, 2, at, 0);
        const double variance = norm_at(&probe, net, 3, at, 1);
        const double gain = scale / sqrt(variance + net->norm_eps);
        for (int64_t i = 0; i < filter_elems; ++i) {
            float *weight = &node->weights[k * filter_elems + i];
            *weight = (float)(*weight * gain);
        }
        node->bias[k] = (float)((node->bias[k] - mean) * gain + shift);
    }
    return probe.status;
}

/* Each output is the mean of the window of one channel. */
static void fill_means(const struct yt_onnx_scope *scope,
                       const struct yt_onnx_net *net, int32_t c,
                       struct yt_node *node)
{
    const struct yt_filter_taps all = {node->r, node->r, 1, 1, 0, 0};
    const struct yt_filter_taps taps = net->taps.rows ? net->taps : all;
    const float share = 1.0f / (float)(taps.rows * taps.columns);
    for (int32_t k = 0; k < node->c; ++k) {
        const int32_t from = net->picks < 0 ? k : scope->picks[net->picks + k];
        float *plane =
            &node->weights[((int64_t)k * c + from) * node->r * node->r];
        for (int32_t y = 0; y < taps.rows; ++y)
            for (int32_t x = 0; x < taps.columns; ++x)
                plane[(taps.top + y * taps.row_step) * node->r + taps.left +
                      x * taps.column_step] = share;
    }
}

/* The filter as the file has it, but for its taps, [net->c][c / groups][r][r]
 * of the net, where one of the node's is made of it. */
static enum yt_status read_filter(struct yt_onnx_scope *scope,
                                  const struct yt_onnx_net *net,
                                  float **filter_out)
{
    const struct yt_onnx_tensor *t = &scope->values[net->weights].t;
    const int64_t each = t->count / t->dims[0];
    const int64_t elems = net->c * each;
    const int64_t planes = net->c * t->dims[1];
    float *small = malloc((size_t)elems * sizeof *small);
    float *wide = NULL;
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!small, YT_NO_MEMORY, "no memory for %lld weights",
                    (long long)elems);
    YT_TRY_GOTO(
        read_floats(scope, net->weights, net->first * each, small, elems));
    if (net->taps.rows) {
        wide = calloc((size_t)(planes * net->r * net->r), sizeof *wide);
        YT_FAIL_IF_GOTO(!wide, YT_NO_MEMORY, "no memory for %lld weights",
                        (long long)planes * net->r * net->r);
        yt_spread_filter(small, planes, &net->taps, net->r, wide);
    }
    *filter_out = wide ? wide : small;
    small = wide ? small : NULL;
done:
    free(small);
    return status;
}

/* The filter of the node, c * r * r of its input for each output. */
static enum yt_status emit_filter(struct yt_onnx_scope *scope,
                                  const struct yt_onnx_net *net, int32_t c,
                                  struct yt_node *node)
{
    const int64_t each = (int64_t)c * node->r * node->r;
    float *filter = NULL;
    if (net->weights < 0) {
        fill_means(scope, net, c, node);
        return YT_OK;
    }
    if (net->groups == 1 && !net->is_focus && !net->taps.rows)
        return read_floats(scope, net->weights, net->first * each,
                           node->weights, net->c * each);
    const enum yt_status status = read_filter(scope, net, &filter);
    if (status != YT_OK)
        yt_fail_prefix(status, "%s", node->name);
    else if (net->is_focus)
        yt_focus_filter(filter, net->focus, node->c, c, node->r / 2,
                        node->weights);
    else
        yt_grouped_filter(filter, net->groups, node->c, c, node->r * node->r,
                          node->weights);
    free(filter);
    return status;
}

static enum yt_status emit_weights(struct yt_onnx_scope *scope,
                                   const struct yt_onnx_net *net,
                                   struct yt_graph *graph, int32_t index)
{
    YT_TRY(yt_graph_conv_storage(graph, index));
    struct yt_node *node = &graph->nodes[index];
    const int32_t c = graph->nodes[node->inputs[0]].c;
    YT_TRY(emit_filter(scope, net, c, node));
    if (net->bias >= 0)
        YT_TRY(read_floats(scope, net->bias, net->first, node->bias, net->c));
    return net->has_norm
               ? fold_norm(scope, net, node, (int64_t)c * node->r * node->r)
               : YT_OK;
}

enum yt_status yt_onnx_net_emit(struct yt_onnx_scope *scope,
                                struct yt_graph *graph, int32_t *node_of)
{
    int32_t ordinals[YT_NODE_COUNT] = {0};
    node_of[0] = 0;
    for (int32_t i = 1; i < scope->net_count; ++i) {
        const struct yt_onnx_net *net = &scope->nets[i];
        char who[YT_ONNX_WHO_MAX];
        if (!net->needed)
            continue;
        YT_FAIL_IF(net->is_padding, YT_UNSUPPORTED,
                   "%s pads what is read by something else than a convolution",
                   yt_onnx_who(scope, net->node, who));
        struct yt_node node = {.kind = net->kind,
                               .input_count = net->input_count,
                               .c = (int32_t)net->c,
                               .r = net->r,
                               .stride = net->stride,
                               .pad = net->pad,
                               .act = net->act,
                               .slope = net->slope};
        for (int32_t k = 0; k < net->input_count; ++k)
            node.inputs[k] = node_of[net->inputs[k]];
        name_node(scope, net, ordinals[net->kind]++, node.name);
        YT_TRY(yt_graph_add(graph, &node, &node_of[i]));
        if (net->kind == YT_NODE_CONV)
            YT_TRY(emit_weights(scope, net, graph, node_of[i]));
    }
    return YT_OK;
}
