/* See onnx_expand.h. One form of quantised networks is left to read behind it,
 * that of onnx_codes.c. A node has at most one operand more than it has inputs,
 * so what is added is bounded by the file.
 *
 * Operators: onnx.ai/onnx, QLinearConv and ConvInteger; the others are in ONNX
 * Runtime's docs/ContribOperators.md. */

#include "model/onnx_expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx_file.h"
#include "runtime/fail.h"

#define DOMAIN_RUNTIME "com.microsoft"

/* Operands are three inputs each: codes, scale, zero point. */
struct row {
    const char *op, *numbers; /* what it is of numbers */
    size_t first;             /* input of the first operand */
    size_t operands;          /* 0: all inputs from there on */
    size_t out;               /* input that is the output's scale */
    size_t bias;              /* input that is one in codes; 0: none */
};

static const struct row rows[] = {
    {"QLinearConv", "Conv", 0, 2, 6, 8},
    {"QLinearAdd", "Add", 0, 2, 6, 0},
    {"QLinearMul", "Mul", 0, 2, 6, 0},
    {"QLinearSigmoid", "Sigmoid", 0, 1, 3, 0},
    {"QLinearLeakyRelu", "LeakyRelu", 0, 1, 3, 0},
    {"QLinearAveragePool", "AveragePool", 0, 1, 3, 0},
    {"QLinearConcat", "Concat", 2, 0, 0, 0},
};

/* Nodes of the graph to be. */
struct nodes {
    YtOnnx__NodeProto **items;
    size_t count;
    int failed; /* 1: out of memory, and what came since was dropped */
};

/* ------------------------------------------------------------------ pieces */

static char *copy_text(struct nodes *nodes, const char *text)
{
    char *copy = strdup(text);
    nodes->failed |= !copy;
    return copy;
}

/* NAME of a value that belongs to another; freed like all of the graph. */
static char *make_name(struct nodes *nodes, const char *of, const char *what,
                       size_t number)
{
    char *name = NULL;
    if (asprintf(&name, "%s//%s%zu", of, what, number) >= 0)
        return name;
    nodes->failed = 1;
    return NULL;
}

static char **make_list(struct nodes *nodes, size_t count)
{
    char **list = calloc(count + 1, sizeof *list);
    nodes->failed |= !list;
    return list;
}

/* Append a node of one output, whose name is handed over. Inputs that are NULL
 * or "" are absent. */
static YtOnnx__NodeProto *add(struct nodes *nodes, const char *op,
                              const char *const *inputs, size_t count,
                              char *output)
{
    YtOnnx__NodeProto *node = calloc(1, sizeof *node);
    if (!node || !output) {
        free(node);
        free(output);
        nodes->failed = 1;
        return NULL;
    }
    yt_onnx__node_proto__init(node);
    nodes->items[nodes->count++] = node;
    node->op_type = copy_text(nodes, op);
    node->output = make_list(nodes, 1);
    node->input = make_list(nodes, count);
    if (node->output) {
        node->output[0] = output;
        node->n_output = 1;
    } else {
        free(output);
    }
    for (size_t i = 0; node->input && i < count; ++i) {
        node->input[i] = copy_text(nodes, inputs[i] ? inputs[i] : "");
        if (!node->input[i])
            break;
        node->n_input = i + 1;
    }
    return node;
}

/* An attribute of the last node, which has none. */
static void set_attribute(struct nodes *nodes, const char *name, int64_t i,
                          float f)
{
    YtOnnx__NodeProto *node =
        nodes->count ? nodes->items[nodes->count - 1] : NULL;
    YtOnnx__AttributeProto *attribute = calloc(1, sizeof *attribute);
    if (!node || nodes->failed || !attribute ||
        !(node->attribute = calloc(1, sizeof(YtOnnx__AttributeProto *)))) {
        free(attribute);
        nodes->failed = 1;
        return;
    }
    yt_onnx__attribute_proto__init(attribute);
    node->attribute[0] = attribute;
    node->n_attribute = 1;
    attribute->name = copy_text(nodes, name);
    attribute->has_i = attribute->has_f = 1;
    attribute->i = i;
    attribute->f = f;
}

/* The numbers of an operand that has as many scales as there are places of its
 * first axis, or one. @return their name, the graph's. */
static const char *add_dequantised(struct nodes *nodes,
                                   const char *const operand[3], const char *of,
                                   const char *what, size_t number)
{
    const YtOnnx__NodeProto *node = add(nodes, "DequantizeLinear", operand, 3,
                                        make_name(nodes, of, what, number));
    set_attribute(nodes, "axis", 0, 0);
    return node && node->n_output ? node->output[0] : NULL;
}

/* --------------------------------------------------------------- operators */

static const char *input(const YtOnnx__NodeProto *node, size_t i)
{
    return i < node->n_input ? node->input[i] : "";
}

/* The bias of a convolution has the scale of its sums. */
static const char *add_bias(struct nodes *nodes, const YtOnnx__NodeProto *node,
                            const struct row *row)
{
    const char *const scales[] = {input(node, row->first + 1),
                                  input(node, row->first + 4)};
    const YtOnnx__NodeProto *product =
        add(nodes, "Mul", scales, 2,
            make_name(nodes, node->output[0], "scale", row->bias));
    if (!product || !product->n_output)
        return NULL;
    const char *const operand[] = {input(node, row->bias), product->output[0],
                                   ""};
    return add_dequantised(nodes, operand, node->output[0], "bias", row->bias);
}

static size_t operands_of(const YtOnnx__NodeProto *node, const struct row *row)
{
    return row->operands ? row->operands : (node->n_input - row->first) / 3;
}

/* Name and attributes, to a node that has none. */
static void move_rest(YtOnnx__NodeProto *from, YtOnnx__NodeProto *to)
{
    to->name = from->name;
    to->attribute = from->attribute;
    to->n_attribute = from->n_attribute;
    from->name = NULL;
    from->attribute = NULL;
    from->n_attribute = 0;
}

/* The operator on numbers, with the name and the attributes of @p node. */
static void add_operator(struct nodes *nodes, YtOnnx__NodeProto *node,
                         const struct row *row, const char *const *inputs,
                         size_t count)
{
    const char *output = node->output[0];
    YtOnnx__NodeProto *real = add(nodes, row->numbers, inputs, count,
                                  make_name(nodes, output, "numbers", 0));
    if (nodes->failed)
        return;
    move_rest(node, real);
    const char *const params[] = {real->output[0], input(node, row->out),
                                  input(node, row->out + 1)};
    add(nodes, "QuantizeLinear", params, 3, copy_text(nodes, output));
}

static void expand(struct nodes *nodes, YtOnnx__NodeProto *node,
                   const struct row *row)
{
    const size_t operands = operands_of(node, row);
    const char **inputs = calloc(operands + 1, sizeof *inputs);
    if (!inputs) {
        nodes->failed = 1;
        return;
    }
    size_t count = 0;
    for (; count < operands && !nodes->failed; ++count) {
        const size_t at = row->first + 3 * count;
        const char *const operand[] = {input(node, at), input(node, at + 1),
                                       input(node, at + 2)};
        inputs[count] =
            add_dequantised(nodes, operand, node->output[0], "operand", count);
    }
    if (!nodes->failed && row->bias && *input(node, row->bias))
        inputs[count++] = add_bias(nodes, node, row);
    if (!nodes->failed)
        add_operator(nodes, node, row, inputs, count);
    free(inputs);
}

/* ConvInteger(x, w, zero of x, zero of w) gets inputs as a Conv has them: no
 * bias, and the zero of x behind. */
static void expand_conv_integer(struct nodes *nodes, YtOnnx__NodeProto *node)
{
    YtOnnx__NodeProto *one = add(nodes, "Constant", NULL, 0,
                                 make_name(nodes, node->output[0], "one", 0));
    set_attribute(nodes, "value_float", 0, 1);
    if (nodes->failed)
        return;
    const char *const operand[] = {input(node, 1), one->output[0],
                                   input(node, 3)};
    const char *weights =
        add_dequantised(nodes, operand, node->output[0], "weights", 0);
    const char *const inputs[] = {input(node, 0), weights, "", input(node, 2)};
    YtOnnx__NodeProto *conv = nodes->failed
                                  ? NULL
                                  : add(nodes, node->op_type, inputs, 4,
                                        copy_text(nodes, node->output[0]));
    if (!nodes->failed)
        move_rest(node, conv);
}

/* -------------------------------------------------------------------- graph */

static int is_domain(const YtOnnx__NodeProto *node, const char *domain)
{
    return node->domain && strcmp(node->domain, domain) == 0;
}

static const struct row *find_row(const YtOnnx__NodeProto *node)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (strcmp(rows[i].op, node->op_type) == 0)
            return node->n_input > rows[i].first &&
                           !yt_onnx_attr_int(node, "channels_last", 0)
                       ? &rows[i]
                       : NULL;
    return NULL;
}

static int is_conv_integer(const YtOnnx__NodeProto *node)
{
    return strcmp(node->op_type, "ConvInteger") == 0 && node->n_input >= 2;
}

/* ONNX Runtime writes its own two where ONNX's lack a type, of the same
 * meaning. */
static void take_over(YtOnnx__NodeProto *node)
{
    if (!is_domain(node, DOMAIN_RUNTIME) ||
        (strcmp(node->op_type, "QuantizeLinear") != 0 &&
         strcmp(node->op_type, "DequantizeLinear") != 0))
        return;
    free(node->domain);
    node->domain = NULL;
}

/* Nodes that become of one, at most. */
static size_t most_of(const YtOnnx__NodeProto *node)
{
    return node->n_input + 5;
}

static void add_all(struct nodes *nodes, const YtOnnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; ++i) {
        YtOnnx__NodeProto *node = graph->node[i];
        const int is_known =
            node->op_type && node->n_output == 1 &&
            (!node->domain || !*node->domain || is_domain(node, "ai.onnx") ||
             is_domain(node, DOMAIN_RUNTIME));
        const struct row *row =
            is_known && !nodes->failed ? find_row(node) : NULL;
        const int is_integer =
            is_known && !nodes->failed && is_conv_integer(node);
        if (row)
            expand(nodes, node, row);
        else if (is_integer)
            expand_conv_integer(nodes, node);
        if (row || is_integer) {
            yt_onnx__node_proto__free_unpacked(node, NULL);
            continue;
        }
        if (is_known)
            take_over(node);
        nodes->items[nodes->count++] = node;
    }
}

enum yt_status yt_onnx_expand(YtOnnx__GraphProto *graph)
{
    size_t most = 1;
    for (size_t i = 0; i < graph->n_node; ++i)
        most += most_of(graph->node[i]);
    struct nodes nodes = {.items = calloc(most, sizeof(YtOnnx__NodeProto *))};
    YT_FAIL_IF(!nodes.items, YT_NO_MEMORY, "no memory for %zu nodes", most);
    add_all(&nodes, graph);
    free(graph->node);
    graph->node = nodes.items;
    graph->n_node = nodes.count;
    YT_FAIL_IF(nodes.failed, YT_NO_MEMORY, "no memory for %zu nodes", most);
    return YT_OK;
}
