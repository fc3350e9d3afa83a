/* Messages in an arena. Everything is appended to arrays of the size that was
 * asked for at the beginning, so no pointer ever moves. */

#include "model/onnx_build.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

#define IR_VERSION     8 /* of ONNX 1.12, which knows opset 17 */
#define ATTRIBUTES_MAX 6
#define OUTPUTS_MAX    4
#define METADATA_MAX   8

/* Numbers of the format: TensorProto.DataType, AttributeProto.AttributeType. */
enum { TYPE_FLOAT = 1, TYPE_INT64 = 7 };
enum {
    ATTRIBUTE_FLOAT = 1,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_STRING = 3,
    ATTRIBUTE_INTS = 7
};

struct block {
    struct block *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

/* Zeroed; NULL once memory ran out. */
static void *make(struct yt_onnx_build *build, size_t count, size_t size)
{
    struct block *block =
        build->failed || (size && count > (SIZE_MAX - sizeof *block) / size)
            ? NULL
            : calloc(1, sizeof *block + count * size);
    if (!block) {
        build->failed = 1;
        return NULL;
    }
    block->next = build->blocks;
    build->blocks = block;
    return block->bytes;
}

#define MAKE(build, count, type) ((type *)make(build, count, sizeof(type)))

static void *copy(struct yt_onnx_build *build, const void *from, size_t size)
{
    void *to = make(build, size, 1);
    if (to && size)
        memcpy(to, from, size);
    return to;
}

static char *copy_text(struct yt_onnx_build *build, const char *text)
{
    return copy(build, text, strlen(text) + 1);
}

const char *yt_onnx_build_text(struct yt_onnx_build *build, const char *format,
                               ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : make(build, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text ? text : "";
}

void yt_onnx_build_begin(struct yt_onnx_build *build, int64_t opset,
                         size_t nodes, size_t initializers)
{
    *build = (struct yt_onnx_build){
        .model = YT_ONNX__MODEL_PROTO__INIT,
        .graph = YT_ONNX__GRAPH_PROTO__INIT,
        .node_cap = nodes,
        .initializer_cap = initializers,
        .metadata_cap = METADATA_MAX,
    };
    YtOnnx__ModelProto *model = &build->model;
    YtOnnx__GraphProto *graph = &build->graph;
    YtOnnx__OperatorSetIdProto *set =
        MAKE(build, 1, YtOnnx__OperatorSetIdProto);
    model->opset_import = MAKE(build, 1, YtOnnx__OperatorSetIdProto *);
    model->metadata_props =
        MAKE(build, METADATA_MAX, YtOnnx__StringStringEntryProto *);
    model->producer_name = copy_text(build, "yolotune");
    graph->node = MAKE(build, nodes, YtOnnx__NodeProto *);
    graph->initializer = MAKE(build, initializers, YtOnnx__TensorProto *);
    graph->input = MAKE(build, 1, YtOnnx__ValueInfoProto *);
    graph->output = MAKE(build, 1, YtOnnx__ValueInfoProto *);
    graph->name = copy_text(build, "yolov5");
    if (build->failed)
        return;
    yt_onnx__operator_set_id_proto__init(set);
    set->domain = copy_text(build, "");
    set->has_version = 1;
    set->version = opset;
    model->opset_import[0] = set;
    model->n_opset_import = 1;
    model->has_ir_version = 1;
    model->ir_version = IR_VERSION;
    model->graph = graph;
}

void yt_onnx_build_end(struct yt_onnx_build *build)
{
    struct block *block = build->blocks;
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    *build = (struct yt_onnx_build){.failed = 1};
}

static int has_node(const struct yt_onnx_build *build, const char *name)
{
    for (size_t i = 0; i < build->graph.n_node; i++)
        if (strcmp(build->graph.node[i]->name, name) == 0)
            return 1;
    return 0;
}

static int has_initializer(const struct yt_onnx_build *build, const char *name)
{
    for (size_t i = 0; i < build->graph.n_initializer; i++)
        if (strcmp(build->graph.initializer[i]->name, name) == 0)
            return 1;
    return 0;
}

/* The name, or with the least number behind it that nobody has. */
static char *make_unique(struct yt_onnx_build *build, const char *name,
                         int (*is_taken)(const struct yt_onnx_build *build,
                                         const char *name))
{
    const size_t size = strlen(name) + 12;
    char *text = make(build, size, 1);
    if (!text)
        return NULL;
    snprintf(text, size, "%s", name);
    for (unsigned number = 1; is_taken(build, text); number++)
        snprintf(text, size, "%s_%u", name, number);
    return text;
}

const char *yt_onnx_build_node(struct yt_onnx_build *build, const char *op,
                               const char *name, const char *const *inputs,
                               size_t count)
{
    assert(build->graph.n_node < build->node_cap);
    YtOnnx__NodeProto *node = MAKE(build, 1, YtOnnx__NodeProto);
    build->last = NULL;
    if (!node)
        return "";
    yt_onnx__node_proto__init(node);
    node->op_type = copy_text(build, op);
    node->name = make_unique(build, name, has_node);
    node->input = MAKE(build, count, char *);
    node->output = MAKE(build, OUTPUTS_MAX, char *);
    node->attribute = MAKE(build, ATTRIBUTES_MAX, YtOnnx__AttributeProto *);
    for (size_t i = 0; i < count && !build->failed; i++)
        node->input[i] = copy_text(build, inputs[i]);
    if (build->failed)
        return "";
    node->n_input = count;
    build->graph.node[build->graph.n_node++] = build->last = node;
    return yt_onnx_build_output(build);
}

const char *yt_onnx_build_output(struct yt_onnx_build *build)
{
    YtOnnx__NodeProto *node = build->last;
    if (build->failed)
        return "";
    assert(node->n_output < OUTPUTS_MAX);
    const size_t size = strlen(node->name) + 24;
    char *name = make(build, size, 1);
    if (!name)
        return "";
    snprintf(name, size, "%s_output_%zu", node->name, node->n_output);
    node->output[node->n_output++] = name;
    return name;
}

void yt_onnx_build_rename(struct yt_onnx_build *build, const char *name)
{
    char *text = copy_text(build, name);
    if (text)
        build->last->output[0] = text;
}

static YtOnnx__AttributeProto *add_attribute(struct yt_onnx_build *build,
                                             const char *name, int32_t type)
{
    YtOnnx__AttributeProto *attribute = MAKE(build, 1, YtOnnx__AttributeProto);
    char *text = copy_text(build, name);
    if (!text)
        return NULL;
    yt_onnx__attribute_proto__init(attribute);
    attribute->name = text;
    attribute->has_type = 1;
    attribute->type = type;
    assert(build->last->n_attribute < ATTRIBUTES_MAX);
    build->last->attribute[build->last->n_attribute++] = attribute;
    return attribute;
}

void yt_onnx_build_int(struct yt_onnx_build *build, const char *name,
                       int64_t value)
{
    YtOnnx__AttributeProto *attribute =
        add_attribute(build, name, ATTRIBUTE_INT);
    if (!attribute)
        return;
    attribute->has_i = 1;
    attribute->i = value;
}

void yt_onnx_build_float(struct yt_onnx_build *build, const char *name,
                         float value)
{
    YtOnnx__AttributeProto *attribute =
        add_attribute(build, name, ATTRIBUTE_FLOAT);
    if (!attribute)
        return;
    attribute->has_f = 1;
    attribute->f = value;
}

void yt_onnx_build_ints(struct yt_onnx_build *build, const char *name,
                        const int64_t *values, size_t count)
{
    int64_t *ints = copy(build, values, count * sizeof *values);
    YtOnnx__AttributeProto *attribute =
        add_attribute(build, name, ATTRIBUTE_INTS);
    if (!attribute)
        return;
    attribute->ints = ints;
    attribute->n_ints = count;
}

void yt_onnx_build_word(struct yt_onnx_build *build, const char *name,
                        const char *value)
{
    char *text = copy_text(build, value);
    YtOnnx__AttributeProto *attribute =
        add_attribute(build, name, ATTRIBUTE_STRING);
    if (!attribute)
        return;
    attribute->has_s = 1;
    attribute->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)text};
}

/* A constant of @p size bytes, which are borrowed. */
static const char *add_constant(struct yt_onnx_build *build, const char *name,
                                int32_t type, const int64_t *dims, size_t rank,
                                void *bytes, size_t size)
{
    assert(build->graph.n_initializer < build->initializer_cap);
    YtOnnx__TensorProto *tensor = MAKE(build, 1, YtOnnx__TensorProto);
    int64_t *own_dims = copy(build, dims, rank * sizeof *dims);
    char *text =
        build->failed ? NULL : make_unique(build, name, has_initializer);
    if (!text)
        return "";
    yt_onnx__tensor_proto__init(tensor);
    tensor->name = text;
    tensor->dims = own_dims;
    tensor->n_dims = rank;
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->has_raw_data = 1;
    tensor->raw_data = (ProtobufCBinaryData){size, bytes};
    build->graph.initializer[build->graph.n_initializer++] = tensor;
    return text;
}

const char *yt_onnx_build_floats(struct yt_onnx_build *build, const char *name,
                                 const int64_t *dims, size_t rank,
                                 const float *values)
{
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    /* The messages' fields are not const, but packing only reads them. */
    return add_constant(build, name, TYPE_FLOAT, dims, rank,
                        (void *)(uintptr_t)values, count * sizeof *values);
}

float *yt_onnx_build_room(struct yt_onnx_build *build, size_t count)
{
    return MAKE(build, count, float);
}

const char *yt_onnx_build_list(struct yt_onnx_build *build, const char *name,
                               const int64_t *values, size_t count)
{
    const int64_t dims[] = {(int64_t)count};
    const size_t size = count * sizeof *values;
    return add_constant(build, name, TYPE_INT64, dims, 1,
                        copy(build, values, size), size);
}

static YtOnnx__ValueInfoProto *make_value(struct yt_onnx_build *build,
                                          const char *name, const int64_t *dims,
                                          size_t rank)
{
    YtOnnx__ValueInfoProto *value = MAKE(build, 1, YtOnnx__ValueInfoProto);
    YtOnnx__TypeProto *type = MAKE(build, 1, YtOnnx__TypeProto);
    YtOnnx__TensorTypeProto *tensor = MAKE(build, 1, YtOnnx__TensorTypeProto);
    YtOnnx__TensorShapeProto *shape = MAKE(build, 1, YtOnnx__TensorShapeProto);
    YtOnnx__DimensionProto **list = MAKE(build, rank, YtOnnx__DimensionProto *);
    YtOnnx__DimensionProto *each = MAKE(build, rank, YtOnnx__DimensionProto);
    char *text = copy_text(build, name);
    if (!text)
        return NULL;
    yt_onnx__value_info_proto__init(value);
    yt_onnx__type_proto__init(type);
    yt_onnx__tensor_type_proto__init(tensor);
    yt_onnx__tensor_shape_proto__init(shape);
    value->name = text;
    value->type = type;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = TYPE_FLOAT;
    tensor->shape = shape;
    shape->n_dim = rank;
    shape->dim = list;
    for (size_t i = 0; i < rank; i++) {
        yt_onnx__dimension_proto__init(&each[i]);
        each[i].has_dim_value = 1;
        each[i].dim_value = dims[i];
        list[i] = &each[i];
    }
    return value;
}

void yt_onnx_build_input(struct yt_onnx_build *build, const char *name,
                         const int64_t *dims, size_t rank)
{
    YtOnnx__ValueInfoProto *value = make_value(build, name, dims, rank);
    if (value) {
        build->graph.input[0] = value;
        build->graph.n_input = 1;
    }
}

void yt_onnx_build_result(struct yt_onnx_build *build, const char *name,
                          const int64_t *dims, size_t rank)
{
    YtOnnx__ValueInfoProto *value = make_value(build, name, dims, rank);
    if (value) {
        build->graph.output[0] = value;
        build->graph.n_output = 1;
    }
}

void yt_onnx_build_metadata(struct yt_onnx_build *build, const char *key,
                            const char *value)
{
    YtOnnx__StringStringEntryProto *entry =
        MAKE(build, 1, YtOnnx__StringStringEntryProto);
    char *own_key = copy_text(build, key);
    char *own_value = copy_text(build, value);
    if (!own_value)
        return;
    assert(build->model.n_metadata_props < build->metadata_cap);
    yt_onnx__string_string_entry_proto__init(entry);
    entry->key = own_key;
    entry->value = own_value;
    build->model.metadata_props[build->model.n_metadata_props++] = entry;
}

/* Packed into memory of its whole size: protobuf-c's way of writing in pieces
 * leaves a message out when memory is short, and says nothing. */
enum yt_status yt_onnx_build_pack(const struct yt_onnx_build *build,
                                  unsigned char **bytes_out, size_t *size_out)
{
    YT_FAIL_IF(build->failed, YT_NO_MEMORY, "no memory for an ONNX model");
    const size_t size = yt_onnx__model_proto__get_packed_size(&build->model);
    unsigned char *bytes = malloc(size);
    YT_FAIL_IF(!bytes, YT_NO_MEMORY, "no memory for %zu bytes of ONNX", size);
    const size_t packed = yt_onnx__model_proto__pack(&build->model, bytes);
    assert(packed == size);
    (void)packed;
    *bytes_out = bytes;
    *size_out = size;
    return YT_OK;
}
