/* ONNX to graph: parse, visit the nodes in order, find the heads, emit what
 * they need. Accepts what YOLOv5's export.py writes (v1.0 to v7.0, fp32 or
 * fp16, simplified or not, whole or cut before the decode tail) and refuses
 * everything else by name. The format: onnx.ai/onnx, operators by their
 * opset's reference. */

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx_codes.h"
#include "model/onnx_eval.h"
#include "model/onnx_expand.h"
#include "model/onnx_external.h"
#include "model/onnx_heads.h"
#include "model/onnx_lazy.h"
#include "model/onnx_limits.h"
#include "model/onnx_meta.h"
#include "model/onnx_net.h"
#include "runtime/fail.h"

/* The operators' meanings as implemented hold for these opsets. */
#define OPSET_MIN     9
#define OPSET_MAX     22
#define IMGSZ_DYNAMIC 640
#define IMGSZ_MAX     16384
/* Element evaluations while shapes are worked out and formulas asked what they
 * do, against files that are made to take forever. Of those that the tests read
 * the longest takes 180 thousand. */
#define SHAPE_STEPS ((uint64_t)1 << 24)

static const struct {
    const char *op, *reason;
} refusals[] = {
    {"ConvTranspose", "YOLOv5's detectors have no transposed convolutions"},
    {"Gemm", "a classification model; only detection models run"},
    {"GlobalAveragePool", "a classification model; only detection models run"},
    {"If", "graphs that branch don't run"},
    {"Loop", "graphs that loop don't run"},
    {"MatMul", "networks with attention don't run"},
    {"MatMulInteger", "networks with attention don't run"},
    {"NonMaxSuppression", "export the model without NMS"},
    {"ScatterND", "export the model without --inplace"},
};

static enum yt_status refuse(const struct yt_onnx_scope *scope, int32_t n)
{
    char who[YT_ONNX_WHO_MAX];
    yt_onnx_who(scope, n, who);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; ++i)
        YT_FAIL_IF(strcmp(refusals[i].op, scope->nodes[n].proto->op_type) == 0,
                   YT_UNSUPPORTED, "%s isn't supported: %s", who,
                   refusals[i].reason);
    return yt_fail(YT_UNSUPPORTED, "%s isn't an operator of YOLOv5 exports",
                   who);
}

static int is_onnx_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static enum yt_status check_opset(const YtOnnx__ModelProto *model,
                                  int64_t *opset_out)
{
    int64_t opset = 0;
    for (size_t i = 0; i < model->n_opset_import; ++i)
        if (is_onnx_domain(model->opset_import[i]->domain))
            opset = model->opset_import[i]->version;
    YT_FAIL_IF(opset == 0, YT_BAD_INPUT,
               "the ONNX file doesn't tell its opset; it may be truncated");
    YT_FAIL_IF(opset < OPSET_MIN || opset > OPSET_MAX, YT_UNSUPPORTED,
               "the ONNX file has opset %lld; %d to %d are read, export with "
               "--opset 12 or 17",
               (long long)opset, OPSET_MIN, OPSET_MAX);
    *opset_out = opset;
    return YT_OK;
}

/* Makes a value the visit needs known: a constant of the file, or the image;
 * what other nodes make is known by then. */
static enum yt_status know(struct yt_onnx_scope *scope, int32_t v)
{
    const struct yt_onnx_value *value = &scope->values[v];
    if (value->kind != YT_ONNX_UNKNOWN)
        return YT_OK;
    if (value->initializer)
        return yt_onnx_lazy_constant(scope, v);
    YT_FAIL_IF(value->is_graph_input, YT_UNSUPPORTED,
               "the network needs a second input, '%.80s'", value->name);
    char who[YT_ONNX_WHO_MAX];
    return yt_fail(YT_UNSUPPORTED, "'%.80s', an output of %s, isn't computed",
                   value->name, yt_onnx_who(scope, value->producer, who));
}

static enum yt_status visit(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const YtOnnx__NodeProto *proto = node->proto;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!proto->op_type, YT_BAD_INPUT, "%s has no operator",
               yt_onnx_who(scope, n, who));
    YT_FAIL_IF(!is_onnx_domain(proto->domain), YT_UNSUPPORTED,
               "%s is an operator of '%.40s', not of ONNX",
               yt_onnx_who(scope, n, who), proto->domain);
    YT_FAIL_IF(strcmp(proto->op_type, "Split") != 0 &&
                   (node->out_count < 1 || node->out[0] < 0),
               YT_BAD_INPUT, "%s has no output", yt_onnx_who(scope, n, who));
    for (int32_t i = 0; i < node->in_count; ++i)
        if (node->in[i] >= 0)
            YT_TRY(know(scope, node->in[i]));
    YT_TRY(yt_onnx_codes_check(scope, n));
    enum yt_status status = yt_onnx_codes_visit(scope, n);
    if (status != YT_NOT_FOUND)
        return status;
    status = yt_onnx_net_visit(scope, n);
    if (status == YT_NOT_FOUND)
        status = yt_onnx_lazy_visit(scope, n);
    if (status == YT_OK)
        yt_onnx_codes_pass(scope, n);
    return status == YT_NOT_FOUND ? refuse(scope, n) : status;
}

/* One side of the image; @p fallback where the file leaves it open. */
static int64_t side(const YtOnnx__DimensionProto *dim, int64_t fallback)
{
    return dim->has_dim_value && dim->dim_value > 0 ? dim->dim_value : fallback;
}

/* The graph's one input that isn't a constant becomes nets[0]. */
static enum yt_status find_image(struct yt_onnx_scope *scope,
                                 struct yt_graph *graph)
{
    const YtOnnx__ValueInfoProto *image = NULL;
    int32_t v = -1;
    for (size_t i = 0; i < scope->graph->n_input; ++i) {
        const YtOnnx__ValueInfoProto *info = scope->graph->input[i];
        const int32_t at =
            yt_onnx_scope_find(scope, info->name ? info->name : "");
        if (scope->values[at].initializer)
            continue;
        YT_FAIL_IF(image, YT_UNSUPPORTED,
                   "the network has two inputs, '%.80s' and '%.80s'",
                   scope->values[v].name, scope->values[at].name);
        image = info;
        v = at;
    }
    YT_FAIL_IF(!image, YT_BAD_INPUT, "the network has no input");
    const char *name = scope->values[v].name;
    const YtOnnx__TensorTypeProto *type =
        image->type ? image->type->tensor_type : NULL;
    YT_FAIL_IF(!type || !type->shape || type->shape->n_dim != 4, YT_UNSUPPORTED,
               "input '%.80s' isn't an image [1][3][height][width]", name);
    YT_FAIL_IF(type->elem_type != 1 && type->elem_type != 10, YT_UNSUPPORTED,
               "input '%.80s' has ONNX element type %d; float32 and float16 "
               "are read",
               name, (int)type->elem_type);

    YtOnnx__DimensionProto *const *dim = type->shape->dim;
    const int64_t c = side(dim[1], 3);
    const int64_t h = side(dim[2], IMGSZ_DYNAMIC);
    const int64_t w = side(dim[3], IMGSZ_DYNAMIC);
    YT_FAIL_IF(c != 3 || h > IMGSZ_MAX || w > IMGSZ_MAX, YT_UNSUPPORTED,
               "input '%.80s' has shape [1][%lld][%lld][%lld], which isn't an "
               "image [1][3][height][width] of up to %d pixels a side",
               name, (long long)c, (long long)h, (long long)w, IMGSZ_MAX);
    struct yt_onnx_net net = {
        .kind = YT_NODE_INPUT, .node = -1, .c = c, .h = h, .w = w};
    int32_t index = 0;
    YT_TRY(yt_onnx_net_add(scope, &net, &index));
    yt_onnx_value_set_net(scope, v, index);
    graph->h = (int32_t)h;
    graph->w = (int32_t)w;
    scope->batch = side(dim[0], 1);
    if (scope->batch > 1)
        snprintf(graph->note, sizeof graph->note,
                 "made for %lld images at a time, and runs on one",
                 (long long)scope->batch);
    return YT_OK;
}

/* A decoded list of boxes, or one raw head each; v6.0 and v6.1 write both. */
static enum yt_status find_heads(struct yt_onnx_scope *scope,
                                 struct yt_onnx_heads *heads)
{
    const YtOnnx__GraphProto *graph = scope->graph;
    int32_t decoded = -1;
    YT_FAIL_IF(graph->n_output == 0, YT_BAD_INPUT, "the network has no output");
    for (size_t i = 0; i < graph->n_output; ++i) {
        const char *name = graph->output[i]->name;
        const int32_t v = yt_onnx_scope_find(scope, name ? name : "");
        YT_FAIL_IF(v < 0, YT_BAD_INPUT, "nothing computes output '%.80s'",
                   name ? name : "");
        YT_TRY(know(scope, v));
        const struct yt_onnx_value *value = &scope->values[v];
        YT_FAIL_IF(value->kind == YT_ONNX_NET &&
                       scope->nets[value->net].kind != YT_NODE_CONV,
                   YT_UNSUPPORTED,
                   "output '%.80s' is a feature map, like a segmentation "
                   "model's masks; only detection models run",
                   value->name);
        YT_FAIL_IF(value->t.rank == 2, YT_UNSUPPORTED,
                   "output '%.80s' has two dimensions, like a classification "
                   "model's; only detection models run",
                   value->name);
        YT_FAIL_IF(value->t.rank == 3 && decoded >= 0, YT_UNSUPPORTED,
                   "two outputs, '%.80s' and '%.80s', are lists of boxes",
                   scope->values[decoded].name, value->name);
        if (value->t.rank == 3)
            decoded = v;
    }
    if (decoded >= 0)
        YT_TRY(yt_onnx_heads_have_bins(scope, decoded)
                   ? yt_onnx_heads_bins(scope, decoded, heads)
                   : yt_onnx_heads_decoded(scope, decoded, heads));
    for (size_t i = 0; i < graph->n_output; ++i) {
        const int32_t v = yt_onnx_scope_find(scope, graph->output[i]->name);
        if (v != decoded)
            YT_TRY(yt_onnx_heads_raw(scope, v, heads));
    }
    return YT_OK;
}

/* Strides follow from sizes; a tail's own must agree. */
static enum yt_status find_strides(const struct yt_onnx_scope *scope,
                                   struct yt_onnx_heads *heads)
{
    const struct yt_onnx_net *image = &scope->nets[0];
    for (int32_t i = 0; i < heads->count; ++i) {
        struct yt_onnx_head *head = &heads->heads[i];
        const struct yt_onnx_net *net = &scope->nets[head->net];
        char who[YT_ONNX_WHO_MAX];
        const int64_t stride = image->h / net->h;
        YT_FAIL_IF(stride * net->h != image->h || stride * net->w != image->w,
                   YT_UNSUPPORTED,
                   "%s: a head of %lldx%lld cells over %lldx%lld pixels",
                   yt_onnx_who(scope, net->node, who), (long long)net->h,
                   (long long)net->w, (long long)image->h, (long long)image->w);
        YT_FAIL_IF(head->stride && head->stride != stride, YT_UNSUPPORTED,
                   "%s: decoded with stride %d, its cells are %lld pixels wide",
                   yt_onnx_who(scope, net->node, who), (int)head->stride,
                   (long long)stride);
        head->stride = (int32_t)stride;
    }
    /* By stride, as every reader of the graph expects them. */
    for (int32_t i = 1; i < heads->count; ++i)
        for (int32_t k = i; k > 0; --k) {
            struct yt_onnx_head *a = &heads->heads[k - 1], *b = a + 1;
            if (a->stride <= b->stride)
                break;
            const struct yt_onnx_head swap = *a;
            *a = *b;
            *b = swap;
        }
    return YT_OK;
}

/* Anchors of Ultralytics' COCO models (models/yolov5s.yaml, hub/yolov5s6.yaml),
 * in pixels: what a model trained without own anchors has. */
static const double coco_p5[3][3][2] = {
    {{10, 13}, {16, 30}, {33, 23}},
    {{30, 61}, {62, 45}, {59, 119}},
    {{116, 90}, {156, 198}, {373, 326}},
};
static const double coco_p6[4][3][2] = {
    {{19, 27}, {44, 40}, {38, 94}},
    {{96, 68}, {86, 152}, {180, 137}},
    {{140, 301}, {303, 264}, {238, 542}},
    {{436, 615}, {739, 380}, {925, 792}},
};

/* For raw heads, which carry none: metadata, else COCO's. */
static enum yt_status find_anchors(const YtOnnx__ModelProto *model,
                                   struct yt_onnx_heads *heads)
{
    assert(heads->count > 0);
    const char *text = yt_onnx_meta(model, "anchors");
    double sizes[YT_LEVELS_MAX * YT_ANCHORS_MAX * 2];
    int32_t count = 0;
    if (text) {
        YT_TRY(yt_onnx_numbers_parse(text, sizes, sizeof sizes / sizeof *sizes,
                                     &count));
        const int32_t na = count / (2 * heads->count);
        YT_FAIL_IF(na < 1 || na * 2 * heads->count != count ||
                       (heads->na && heads->na != na),
                   YT_BAD_INPUT,
                   "metadata 'anchors' has %d numbers for %d heads", (int)count,
                   (int)heads->count);
        heads->na = na;
    } else {
        YT_FAIL_IF((heads->count != 3 && heads->count != 4) ||
                       (heads->na && heads->na != 3),
                   YT_UNSUPPORTED,
                   "the file doesn't tell its anchors, and COCO's are for 3 or "
                   "4 heads of 3 anchors; export with the decode tail");
        heads->na = 3;
        memcpy(sizes, heads->count == 3 ? coco_p5[0][0] : coco_p6[0][0],
               (size_t)heads->count * 3 * 2 * sizeof *sizes);
    }
    for (int32_t i = 0; i < heads->count; ++i)
        for (int32_t k = 0; k < 2 * heads->na; ++k)
            heads->heads[i].anchors[k / 2][k % 2] =
                sizes[i * 2 * heads->na + k];
    return YT_OK;
}

/* Class count and names; metadata must not contradict the heads. */
static enum yt_status set_classes(const YtOnnx__ModelProto *model,
                                  const struct yt_onnx_scope *scope,
                                  struct yt_onnx_heads *heads,
                                  struct yt_graph *graph)
{
    const struct yt_onnx_net *net = &scope->nets[heads->heads[0].net];
    if (heads->no == 0)
        heads->no = (int32_t)(net->c / heads->na);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(heads->no < 6 || yt_head_channels(heads->na, heads->no - 5,
                                                 heads->bins) != net->c,
               YT_UNSUPPORTED,
               "%s: %lld channels aren't %d anchors of 5 numbers and a class "
               "or more",
               yt_onnx_who(scope, net->node, who), (long long)net->c,
               (int)heads->na);
    const char *text = yt_onnx_meta(model, "names");
    char **names = NULL;
    int32_t count = heads->no - 5;
    if (text)
        YT_TRY(yt_onnx_names_parse(text, &names, &count));
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(count != heads->no - 5, YT_BAD_INPUT,
                    "metadata 'names' lists %d classes, the heads have %d",
                    (int)count, (int)heads->no - 5);
    YT_TRY_GOTO(yt_graph_set_classes(graph, count, (const char *const *)names));
    graph->na = heads->na;
    graph->bins = heads->bins;
done:
    yt_onnx_names_free(names, count);
    return status;
}

/* Whether they fit the graph is seen where they are used. */
static enum yt_status take_ranges(const YtOnnx__ModelProto *model,
                                  struct yt_graph *graph)
{
    const char *text = yt_onnx_meta(model, YT_ONNX_RANGES);
    if (!text)
        return YT_OK;
    graph->ranges = strdup(text);
    YT_FAIL_IF(!graph->ranges, YT_NO_MEMORY, "no memory for its ranges");
    return YT_OK;
}

static enum yt_status check_stride(const YtOnnx__ModelProto *model,
                                   const struct yt_graph *graph)
{
    const char *text = yt_onnx_meta(model, "stride");
    double numbers[YT_LEVELS_MAX], most = 0;
    int32_t count = 0;
    if (!text)
        return YT_OK;
    YT_TRY(yt_onnx_numbers_parse(text, numbers, YT_LEVELS_MAX, &count));
    for (int32_t i = 0; i < count; ++i)
        most = fmax(most, numbers[i]);
    YT_FAIL_IF(most < yt_graph_max_stride(graph), YT_BAD_INPUT,
               "metadata 'stride' is %g, the heads reach %d", most,
               (int)yt_graph_max_stride(graph));
    return YT_OK;
}

/* Nets are stored inputs first, so one pass from the end marks all. */
static void mark_needed(struct yt_onnx_scope *scope,
                        const struct yt_onnx_heads *heads)
{
    for (int32_t i = 0; i < heads->count; ++i)
        scope->nets[heads->heads[i].net].needed = 1;
    for (int32_t i = scope->net_count - 1; i > 0; --i)
        for (int32_t k = 0;
             scope->nets[i].needed && k < scope->nets[i].input_count; ++k)
            scope->nets[scope->nets[i].inputs[k]].needed = 1;
}

static enum yt_status build(const YtOnnx__ModelProto *model,
                            struct yt_onnx_scope *scope,
                            struct yt_onnx_heads *heads, struct yt_graph *graph)
{
    if (!heads->has_anchors)
        YT_TRY(find_anchors(model, heads));
    YT_TRY(set_classes(model, scope, heads, graph));
    YT_TRY(take_ranges(model, graph));
    mark_needed(scope, heads);
    int32_t *node_of = calloc((size_t)scope->net_count, sizeof *node_of);
    YT_FAIL_IF(!node_of, YT_NO_MEMORY, "no memory for %d nodes",
               (int)scope->net_count);
    enum yt_status status = yt_onnx_net_emit(scope, graph, node_of);
    if (status == YT_OK)
        status = yt_onnx_limits(scope, heads, node_of, graph);
    graph->head_count = heads->count;
    for (int32_t i = 0; i < heads->count; ++i) {
        const struct yt_onnx_head *head = &heads->heads[i];
        graph->heads[i].node = node_of[head->net];
        graph->heads[i].stride = head->stride;
        for (int32_t k = 0; k < 2 * heads->na; ++k)
            graph->heads[i].anchors[k / 2][k % 2] =
                (float)head->anchors[k / 2][k % 2];
    }
    free(node_of);
    YT_TRY(status);
    YT_TRY(check_stride(model, graph));
    return yt_graph_check(graph);
}

/* Ultralytics' package says what it exported: other tasks' outputs look alike.
 */
static enum yt_status check_task(const YtOnnx__ModelProto *model)
{
    const char *task = yt_onnx_meta(model, "task");
    YT_FAIL_IF(task && strcmp(task, "detect") != 0, YT_UNSUPPORTED,
               "the network is made for the task '%.40s'; only detection "
               "models run",
               task);
    return YT_OK;
}

static enum yt_status import(YtOnnx__ModelProto *model,
                             struct yt_onnx_scope *scope,
                             struct yt_graph *graph)
{
    struct yt_onnx_heads heads = {0};
    enum yt_status status;
    int64_t opset = 0;
    YT_TRY(check_opset(model, &opset));
    YT_TRY(check_task(model));
    YT_FAIL_IF(!model->graph, YT_BAD_INPUT, "the ONNX file holds no graph");
    YT_TRY(yt_onnx_expand(model->graph));
    YT_TRY(yt_onnx_scope_init(scope, model->graph));
    scope->opset = opset;
    scope->steps_left = SHAPE_STEPS;
    YT_TRY(find_image(scope, graph));
    for (int32_t i = 0; i < scope->order_count; ++i)
        YT_TRY(visit(scope, scope->order[i]));
    status = find_heads(scope, &heads);
    /* Its grid and anchors, rounded to codes, are not YOLOv5's any more. */
    if (status == YT_UNSUPPORTED && scope->is_quantised)
        yt_fail_prefix(status, "quantise without the decode tail");
    YT_TRY(status);
    YT_TRY(find_strides(scope, &heads));
    snprintf(graph->format, sizeof graph->format, "onnx");
    return build(model, scope, &heads, graph);
}

/* @param folder NULL: there are no other files. */
static enum yt_status import_from(const void *bytes, size_t size,
                                  const char *folder,
                                  struct yt_graph **graph_out)
{
    enum yt_status status = YT_OK;
    YtOnnx__ModelProto *model = NULL;
    struct yt_onnx_scope scope = {0};
    struct yt_graph *graph = NULL;
    YT_TRY_GOTO(yt_onnx_open(bytes, size, &model));
    YT_TRY_GOTO(yt_graph_create(&graph));
    if (folder)
        YT_TRY_GOTO(yt_onnx_external_load(model, folder, graph->hash));
    YT_TRY_GOTO(import(model, &scope, graph));
    *graph_out = graph;
    graph = NULL;
done:
    yt_graph_destroy(graph);
    yt_onnx_scope_deinit(&scope);
    yt_onnx_close(model);
    return status;
}

enum yt_status yt_import_onnx(const void *bytes, size_t size,
                              struct yt_graph **graph_out)
{
    return import_from(bytes, size, NULL, graph_out);
}

enum yt_status yt_import_onnx_in(const void *bytes, size_t size,
                                 const char *folder,
                                 struct yt_graph **graph_out)
{
    return import_from(bytes, size, folder, graph_out);
}
