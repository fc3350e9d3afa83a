/* Graph to ONNX, as YOLOv5's export.py writes it, so that whatever reads its
 * files reads these: modules under the names that PyTorch gave them, SiLU as a
 * product, and behind the heads the tail that decodes boxes. */

#include "model/onnx_write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/replace.h"
#include "base/text.h"
#include "model/onnx_build.h"
#include "model/onnx_meta.h"
#include "runtime/fail.h"

#define OPSET              17 /* export.py's */
#define NODES_PER_NODE     3  /* of a Mish */
#define NODES_PER_HEAD     12
#define CONSTANTS_PER_HEAD 6

struct writer {
    const struct yt_graph *graph;
    struct yt_onnx_build build;
    int32_t h, w;
    const char **values; /* [node_count] names of nodes' outputs */
    /* Of the tail. */
    const char *scope; /* of the module that holds the heads: "/model.24" */
    const char *two, *split;
};

/* ---------------------------------------------------------------- names */

static bool is_number(const char *part, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (part[i] < '0' || part[i] > '9')
            return false;
    return length > 0;
}

/* The path of a module as PyTorch writes it: "model.2.m.0.cv1" is
 * "/model.2/m/m.0/cv1". A list that is called as one, all but the outermost and
 * that of the heads, is spelled twice.
 * @param length of the name that counts. */
static const char *module_scope(struct writer *w, const char *name,
                                size_t length, bool is_head)
{
    struct yt_text path = {0};
    bool is_outermost = true;
    for (size_t at = 0; at < length;) {
        const char *part = name + at;
        size_t end = at + strcspn(part, ".");
        end = end < length ? end : length;
        const int size = (int)(end - at);
        const size_t next = end < length ? end + 1 : length;
        size_t next_end = next + strcspn(name + next, ".");
        next_end = next_end < length ? next_end : length;
        if (is_number(name + next, next_end - next)) {
            if (!is_outermost && !is_head)
                yt_text_add(&path, "/%.*s", size, part);
            yt_text_add(&path, "/%.*s.%.*s", size, part, (int)(next_end - next),
                        name + next);
            at = next_end + 1;
        } else {
            yt_text_add(&path, "/%.*s", size, part);
            at = next;
        }
        is_outermost = false;
    }
    w->build.failed |= path.failed;
    const char *kept = yt_onnx_build_text(&w->build, "%s", yt_text_get(&path));
    yt_text_free(&path);
    return kept;
}

/* Length of a name without the ending that importers give to its kind. */
static size_t without(const char *name, const char *ending)
{
    const size_t length = strlen(name), tail = strlen(ending);
    const bool ends =
        length > tail && strcmp(name + length - tail, ending) == 0;
    return ends ? length - tail : length;
}

static const char *node_name(struct writer *w, const struct yt_node *node,
                             const char *ending, const char *op)
{
    const char *scope =
        module_scope(w, node->name, without(node->name, ending), false);
    return yt_onnx_build_text(&w->build, "%s/%s", scope, op);
}

/* The module that holds the heads, above their list: of "model.24.m.0" it is
 * "/model.24"; what is called otherwise has its tail in a module of its own. */
static const char *tail_scope(struct writer *w)
{
    const char *name = w->graph->nodes[w->graph->heads[0].node].name;
    const char *list = strstr(name, ".m.");
    return list && is_number(list + 3, strlen(list + 3))
               ? module_scope(w, name, (size_t)(list - name), true)
               : "/detect";
}

/* ----------------------------------------------------------------- nodes */

static bool is_head(const struct yt_graph *graph, int32_t i)
{
    for (int32_t k = 0; k < graph->head_count; k++)
        if (graph->heads[k].node == i)
            return true;
    return false;
}

static const char *put_conv(struct writer *w, int32_t i, const char *input)
{
    struct yt_onnx_build *build = &w->build;
    const struct yt_node *node = &w->graph->nodes[i];
    const bool head = is_head(w->graph, i);
    const char *module = head ? "" : ".conv";
    const char *scope = module_scope(w, node->name, strlen(node->name), head);
    const int64_t dims[] = {node->c, w->graph->nodes[node->inputs[0]].c,
                            node->r, node->r};
    const char *inputs[] = {
        input,
        yt_onnx_build_floats(
            build, yt_onnx_build_text(build, "%s%s.weight", node->name, module),
            dims, 4, node->weights),
        yt_onnx_build_floats(
            build, yt_onnx_build_text(build, "%s%s.bias", node->name, module),
            dims, 1, node->bias),
    };
    const char *value = yt_onnx_build_node(
        build, "Conv",
        yt_onnx_build_text(build, "%s%s/Conv", scope, head ? "" : "/conv"),
        inputs, 3);
    const int64_t pads[] = {node->pad, node->pad, node->pad, node->pad};
    yt_onnx_build_ints(build, "dilations", (const int64_t[]){1, 1}, 2);
    yt_onnx_build_int(build, "group", 1);
    yt_onnx_build_ints(build, "kernel_shape",
                       (const int64_t[]){node->r, node->r}, 2);
    yt_onnx_build_ints(build, "pads", pads, 4);
    yt_onnx_build_ints(build, "strides",
                       (const int64_t[]){node->stride, node->stride}, 2);
    return value;
}

/* How the opset has an activation, or PyTorch spells it there: one or two
 * operators, whose result may be a gate that the input is multiplied with. */
static const struct {
    const char *first, *second;
    bool is_gate;
} spellings[YT_ACT_COUNT] = {
    [YT_ACT_SILU] = {"Sigmoid", NULL, true},
    [YT_ACT_RELU] = {"Relu", NULL, false},
    [YT_ACT_LEAKY] = {"LeakyRelu", NULL, false},
    [YT_ACT_HARDSWISH] = {"HardSigmoid", NULL, true},
    [YT_ACT_HARDSIGMOID] = {"HardSigmoid", NULL, false},
    [YT_ACT_RELU6] = {"Clip", NULL, false},
    [YT_ACT_MISH] = {"Softplus", "Tanh", true},
    [YT_ACT_SIGMOID] = {"Sigmoid", NULL, false},
};

static const char *put_bound(struct writer *w, const struct yt_node *node,
                             const char *what, float value)
{
    float *room = yt_onnx_build_room(&w->build, 1);
    if (room)
        *room = value;
    return yt_onnx_build_floats(&w->build, node_name(w, node, "", what), NULL,
                                0, room);
}

/* An operator of one value, and what the activation asks beside it. */
static const char *put_step(struct writer *w, const struct yt_node *node,
                            const char *op, const char *input)
{
    const bool clips = node->act == YT_ACT_RELU6;
    const char *inputs[] = {input, clips ? put_bound(w, node, "min", 0) : "",
                            clips ? put_bound(w, node, "max", 6) : ""};
    const char *value = yt_onnx_build_node(
        &w->build, op, node_name(w, node, "", op), inputs, clips ? 3 : 1);
    if (node->act == YT_ACT_LEAKY)
        yt_onnx_build_float(&w->build, "alpha",
                            (float)((double)node->slope / YT_SLOPE_ONE));
    if (node->act == YT_ACT_HARDSWISH || node->act == YT_ACT_HARDSIGMOID)
        yt_onnx_build_float(&w->build, "alpha", 1.0f / 6);
    return value;
}

static const char *put_act(struct writer *w, const struct yt_node *node,
                           const char *input)
{
    const char *value = put_step(w, node, spellings[node->act].first, input);
    if (spellings[node->act].second)
        value = put_step(w, node, spellings[node->act].second, value);
    if (!spellings[node->act].is_gate)
        return value;
    return yt_onnx_build_node(&w->build, "Mul", node_name(w, node, "", "Mul"),
                              (const char *[]){input, value}, 2);
}

static const char *put_max_pool(struct writer *w, const struct yt_node *node,
                                const char *input)
{
    const int64_t pad = node->r / 2;
    const char *value = yt_onnx_build_node(
        &w->build, "MaxPool", node_name(w, node, "", "MaxPool"), &input, 1);
    yt_onnx_build_int(&w->build, "ceil_mode", 0);
    yt_onnx_build_ints(&w->build, "kernel_shape",
                       (const int64_t[]){node->r, node->r}, 2);
    yt_onnx_build_ints(&w->build, "pads", (const int64_t[]){pad, pad, pad, pad},
                       4);
    yt_onnx_build_ints(&w->build, "strides", (const int64_t[]){1, 1}, 2);
    return value;
}

static const char *put_upsample(struct writer *w, const struct yt_node *node,
                                const char *input)
{
    static const float scales[] = {1, 1, 2, 2};
    const char *by =
        yt_onnx_build_floats(&w->build, node_name(w, node, "", "scales"),
                             (const int64_t[]){4}, 1, scales);
    const char *value = yt_onnx_build_node(&w->build, "Resize",
                                           node_name(w, node, "", "Resize"),
                                           (const char *[]){input, "", by}, 3);
    yt_onnx_build_word(&w->build, "coordinate_transformation_mode",
                       "asymmetric");
    yt_onnx_build_word(&w->build, "mode", "nearest");
    yt_onnx_build_word(&w->build, "nearest_mode", "floor");
    return value;
}

static const char *put_concat(struct writer *w, const char *name,
                              const char *const *inputs, size_t count,
                              int64_t axis)
{
    const char *value =
        yt_onnx_build_node(&w->build, "Concat", name, inputs, count);
    yt_onnx_build_int(&w->build, "axis", axis);
    return value;
}

static const char *put_node(struct writer *w, int32_t i)
{
    const struct yt_node *node = &w->graph->nodes[i];
    const char *inputs[YT_NODE_INPUTS_MAX] = {NULL};
    for (int32_t k = 0; k < node->input_count; k++)
        inputs[k] = w->values[node->inputs[k]];
    switch (node->kind) {
    case YT_NODE_CONV:
        return put_conv(w, i, inputs[0]);
    case YT_NODE_ACT:
        return put_act(w, node, inputs[0]);
    case YT_NODE_MAXPOOL:
        return put_max_pool(w, node, inputs[0]);
    case YT_NODE_UPSAMPLE:
        return put_upsample(w, node, inputs[0]);
    case YT_NODE_CONCAT:
        return put_concat(w, node_name(w, node, ".concat", "Concat"), inputs,
                          (size_t)node->input_count, 1);
    case YT_NODE_ADD:
        return yt_onnx_build_node(&w->build, "Add",
                                  node_name(w, node, ".add", "Add"), inputs, 2);
    case YT_NODE_INPUT:
    case YT_NODE_COUNT:
        break;
    }
    return "images";
}

/* ------------------------------------------------------------------ tail */

/* A node of the tail over one or two values. */
static const char *put_tail(struct writer *w, const char *op, const char *a,
                            const char *b)
{
    return yt_onnx_build_node(
        &w->build, op, yt_onnx_build_text(&w->build, "%s/%s", w->scope, op),
        (const char *[]){a, b}, b ? 2 : 1);
}

static const char *put_number(struct writer *w, const char *what, float value)
{
    float *room = yt_onnx_build_room(&w->build, 1);
    if (room)
        *room = value;
    return yt_onnx_build_floats(
        &w->build, yt_onnx_build_text(&w->build, "%s/%s", w->scope, what), NULL,
        0, room);
}

static const char *put_list(struct writer *w, const char *what,
                            const int64_t *values, size_t count)
{
    return yt_onnx_build_list(
        &w->build, yt_onnx_build_text(&w->build, "%s/%s", w->scope, what),
        values, count);
}

/* [1][na][rows][columns][2], where each cell begins less half a cell, and its
 * anchor's sides; as export.py stores them. */
static void put_grids(struct writer *w, const struct yt_graph_head *head,
                      const char **corners_out, const char **anchors_out)
{
    const int64_t na = w->graph->na;
    const int64_t rows = w->h / head->stride, columns = w->w / head->stride;
    const int64_t dims[] = {1, na, rows, columns, 2};
    const int64_t cells = rows * columns;
    float *corners = yt_onnx_build_room(&w->build, (size_t)(na * cells * 2));
    float *anchors = yt_onnx_build_room(&w->build, (size_t)(na * cells * 2));
    for (int64_t i = 0; anchors && i < na * cells; i++) {
        const int64_t column = i % columns, row = i / columns % rows;
        corners[2 * i] = (float)column - 0.5f;
        corners[2 * i + 1] = (float)row - 0.5f;
        memcpy(anchors + 2 * i, head->anchors[i / cells],
               sizeof head->anchors[0]);
    }
    *corners_out = yt_onnx_build_floats(
        &w->build, yt_onnx_build_text(&w->build, "%s/grid", w->scope), dims, 5,
        corners);
    *anchors_out = yt_onnx_build_floats(
        &w->build, yt_onnx_build_text(&w->build, "%s/anchor_grid", w->scope),
        dims, 5, anchors);
}

/* The boxes of a head: [1][na * rows * columns][5 + nc]. */
static const char *put_head(struct writer *w, const struct yt_graph_head *head)
{
    static const int64_t order[] = {0, 1, 3, 4, 2};
    const int64_t na = w->graph->na, no = 5 + w->graph->nc;
    const int64_t rows = w->h / head->stride, columns = w->w / head->stride;
    const char *corners, *anchors;
    put_grids(w, head, &corners, &anchors);
    const char *value = put_tail(
        w, "Reshape", w->values[head->node],
        put_list(w, "shape", (const int64_t[]){1, na, no, rows, columns}, 5));
    value = put_tail(w, "Transpose", value, NULL);
    yt_onnx_build_ints(&w->build, "perm", order, 5);
    value = put_tail(w, "Sigmoid", value, NULL);

    const char *centres = put_tail(w, "Split", value, w->split);
    yt_onnx_build_int(&w->build, "axis", 4);
    const char *sides = yt_onnx_build_output(&w->build);
    const char *scores = yt_onnx_build_output(&w->build);
    centres = put_tail(w, "Mul", centres, w->two);
    centres = put_tail(w, "Add", centres, corners);
    centres = put_tail(w, "Mul", centres,
                       put_number(w, "stride", (float)head->stride));
    sides = put_tail(w, "Mul", sides, w->two);
    sides = put_tail(w, "Pow", sides, w->two);
    sides = put_tail(w, "Mul", sides, anchors);
    value = put_concat(w, yt_onnx_build_text(&w->build, "%s/Concat", w->scope),
                       (const char *[]){centres, sides, scores}, 3, 4);
    return put_tail(
        w, "Reshape", value,
        put_list(w, "shape", (const int64_t[]){1, na * rows * columns, no}, 3));
}

/* The text that Python prints of a dict of names. Quotes and backslashes are
 * all that has to be escaped: names are printable UTF-8. */
static void put_names(struct writer *w)
{
    struct yt_text text = {0};
    for (int32_t i = 0; i < w->graph->nc; i++) {
        yt_text_add(&text, "%s%d: '", i ? ", " : "{", i);
        for (const char *c = w->graph->classes[i]; *c; c++)
            yt_text_add(&text, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "",
                        *c);
        yt_text_add(&text, "'");
    }
    yt_text_add(&text, "}");
    w->build.failed |= text.failed;
    yt_onnx_build_metadata(&w->build, "names", yt_text_get(&text));
    yt_text_free(&text);
}

static void put_tails(struct writer *w)
{
    const struct yt_graph *graph = w->graph;
    const char *boxes[YT_LEVELS_MAX];
    int64_t count = 0;
    w->scope = tail_scope(w);
    w->two = put_number(w, "two", 2);
    w->split = put_list(w, "split", (const int64_t[]){2, 2, 1 + graph->nc}, 3);
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t stride = graph->heads[i].stride;
        boxes[i] = put_head(w, &graph->heads[i]);
        count += (int64_t)graph->na * (w->h / stride) * (w->w / stride);
    }
    put_concat(w, yt_onnx_build_text(&w->build, "%s/Concat", w->scope), boxes,
               (size_t)graph->head_count, 1);
    yt_onnx_build_rename(&w->build, "output0");
    yt_onnx_build_result(&w->build, "output0",
                         (const int64_t[]){1, count, 5 + graph->nc}, 3);
}

static void put_graph(struct writer *w)
{
    const struct yt_graph *graph = w->graph;
    yt_onnx_build_input(&w->build, "images",
                        (const int64_t[]){1, 3, w->h, w->w}, 4);
    for (int32_t i = 0; i < graph->node_count && !w->build.failed; i++)
        w->values[i] = put_node(w, i);
    if (!w->build.failed)
        put_tails(w);
    yt_onnx_build_metadata(
        &w->build, "stride",
        yt_onnx_build_text(&w->build, "%d", yt_graph_max_stride(graph)));
    put_names(w);
    if (graph->ranges)
        yt_onnx_build_metadata(&w->build, YT_ONNX_RANGES, graph->ranges);
}

static enum yt_status make_bytes(const struct yt_graph *graph, int32_t h,
                                 int32_t w, unsigned char **bytes_out,
                                 size_t *size_out)
{
    const size_t count = (size_t)graph->node_count;
    const size_t heads = (size_t)graph->head_count;
    struct writer writer = {.graph = graph, .h = h, .w = w};
    writer.values = calloc(count, sizeof *writer.values);
    YT_FAIL_IF(!writer.values, YT_NO_MEMORY, "no memory for %zu nodes", count);
    yt_onnx_build_begin(&writer.build, OPSET,
                        NODES_PER_NODE * count + NODES_PER_HEAD * heads + 1,
                        2 * count + CONSTANTS_PER_HEAD * heads + 2);
    put_graph(&writer);
    const enum yt_status status =
        yt_onnx_build_pack(&writer.build, bytes_out, size_out);
    yt_onnx_build_end(&writer.build);
    free(writer.values);
    return status;
}

/* ------------------------------------------------------------------ file */

enum yt_status yt_onnx_write(const struct yt_graph *graph, int32_t h, int32_t w,
                             const char *path)
{
    const int32_t stride = yt_graph_max_stride(graph);
    YT_TRY(yt_graph_wants_anchors(graph, "writing ONNX"));
    YT_FAIL_IF(h < 1 || w < 1 || h % stride != 0 || w % stride != 0,
               YT_BAD_ARGUMENT,
               "an input of %dx%d pixels: both sides have to be multiples of "
               "%d",
               w, h, stride);
    unsigned char *bytes = NULL;
    size_t size = 0;
    YT_TRY(make_bytes(graph, h, w, &bytes, &size));
    const int code = yt_replace_file(path, bytes, size);
    free(bytes);
    YT_FAIL_IF(code, YT_IO, "%s: cannot be written: %s", path,
               code == EEXIST ? "it is not a file" : strerror(code));
    return YT_OK;
}
