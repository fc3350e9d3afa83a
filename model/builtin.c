/* YOLOv5 v6.0 of any size with seeded weights, for running without a model
 * file: the layers, and so the speed, are those of the official network, while
 * the boxes mean nothing. The weights are scaled so that values stay near one
 * from the first layer to the last: zeros, denormals or infinities would time
 * differently. */

#include "base/random.h"
#include "model/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/digest.h"
#include "runtime/fail.h"

static const struct variant {
    const char *size;
    int32_t depth_percent;  /* of a C3's bottlenecks */
    int32_t width_quarters; /* of the channels */
} variants[] = {
    {"n", 33, 1}, {"s", 33, 2}, {"m", 67, 3}, {"l", 100, 4}, {"x", 133, 5},
};

enum module { CONV, C3, C3_PLAIN, SPPF, UPSAMPLE, CONCAT };

/* models/yolov5*.yaml of YOLOv5 v6.0: the row's number is its name. */
static const struct row {
    enum module module;
    int32_t repeats; /* C3: bottlenecks before scaling */
    int32_t c;       /* channels before scaling */
    int32_t r, stride, pad;
    int32_t skip; /* CONCAT: second input */
} rows[] = {
    /* module     n     c  r  s  p  skip */
    {CONV, 0, 64, 6, 2, 2, 0},      {CONV, 0, 128, 3, 2, 1, 0},
    {C3, 3, 128, 0, 0, 0, 0},       {CONV, 0, 256, 3, 2, 1, 0},
    {C3, 6, 256, 0, 0, 0, 0},       {CONV, 0, 512, 3, 2, 1, 0},
    {C3, 9, 512, 0, 0, 0, 0},       {CONV, 0, 1024, 3, 2, 1, 0},
    {C3, 3, 1024, 0, 0, 0, 0},      {SPPF, 0, 1024, 5, 0, 0, 0},
    {CONV, 0, 512, 1, 1, 0, 0},     {UPSAMPLE, 0, 0, 0, 0, 0, 0},
    {CONCAT, 0, 0, 0, 0, 0, 6},     {C3_PLAIN, 3, 512, 0, 0, 0, 0},
    {CONV, 0, 256, 1, 1, 0, 0},     {UPSAMPLE, 0, 0, 0, 0, 0, 0},
    {CONCAT, 0, 0, 0, 0, 0, 4},     {C3_PLAIN, 3, 256, 0, 0, 0, 0},
    {CONV, 0, 256, 3, 2, 1, 0},     {CONCAT, 0, 0, 0, 0, 0, 14},
    {C3_PLAIN, 3, 512, 0, 0, 0, 0}, {CONV, 0, 512, 3, 2, 1, 0},
    {CONCAT, 0, 0, 0, 0, 0, 10},    {C3_PLAIN, 3, 1024, 0, 0, 0, 0},
};
#define ROWS ((int32_t)(sizeof rows / sizeof rows[0]))

#define ANCHORS 3
static const struct {
    int32_t row, stride;
    float anchors[ANCHORS][2];
} heads[] = {
    {17, 8, {{10, 13}, {16, 30}, {33, 23}}},
    {20, 16, {{30, 61}, {62, 45}, {59, 119}}},
    {23, 32, {{116, 90}, {156, 198}, {373, 326}}},
};
#define HEADS ((int32_t)(sizeof heads / sizeof heads[0]))

/* COCO's category names, in the order YOLOv5 numbers them. */
static const char *const coco_names[] = {
    "person",        "bicycle",      "car",
    "motorcycle",    "airplane",     "bus",
    "train",         "truck",        "boat",
    "traffic light", "fire hydrant", "stop sign",
    "parking meter", "bench",        "bird",
    "cat",           "dog",          "horse",
    "sheep",         "cow",          "elephant",
    "bear",          "zebra",        "giraffe",
    "backpack",      "umbrella",     "handbag",
    "tie",           "suitcase",     "frisbee",
    "skis",          "snowboard",    "sports ball",
    "kite",          "baseball bat", "baseball glove",
    "skateboard",    "surfboard",    "tennis racket",
    "bottle",        "wine glass",   "cup",
    "fork",          "knife",        "spoon",
    "bowl",          "banana",       "apple",
    "sandwich",      "orange",       "broccoli",
    "carrot",        "hot dog",      "pizza",
    "donut",         "cake",         "chair",
    "couch",         "potted plant", "bed",
    "dining table",  "toilet",       "tv",
    "laptop",        "mouse",        "remote",
    "keyboard",      "cell phone",   "microwave",
    "oven",          "toaster",      "sink",
    "refrigerator",  "book",         "clock",
    "vase",          "scissors",     "teddy bear",
    "hair drier",    "toothbrush",
};
#define CLASSES ((int32_t)(sizeof coco_names / sizeof coco_names[0]))
_Static_assert(sizeof coco_names / sizeof coco_names[0] == 80,
               "COCO has 80 classes");

/* Errors stick: after the first, the emit functions do nothing and return the
 * input node; one check at the end. */
struct builder {
    struct yt_graph *graph;
    uint64_t random;
    enum yt_status status;
};

/* Uniform with mean 0 and the given standard deviation. */
static void fill(struct builder *b, float *values, int64_t count, float sigma)
{
    const float span = sigma * sqrtf(3.0f);
    for (int64_t i = 0; i < count; i++) {
        const float unit = (float)(yt_random_next(&b->random) >> 40) * 0x1p-24f;
        values[i] = (2.0f * unit - 1.0f) * span;
    }
}

static int32_t add(struct builder *b, const struct yt_node *node)
{
    int32_t index = 0;
    if (b->status == YT_OK)
        b->status = yt_graph_add(b->graph, node, &index);
    return index;
}

/* Conv of a given gain: 1 is He's variance 2 / fan-in. SiLU passes a little
 * less than ReLU, the bias's variance makes up for it, so that the values'
 * deviation settles near one. */
static int32_t emit_conv(struct builder *b, int32_t input, const char *name,
                         int32_t c, int32_t r, int32_t stride, int32_t pad,
                         float gain)
{
    struct yt_node node = {.kind = YT_NODE_CONV,
                           .inputs = {input},
                           .input_count = 1,
                           .c = c,
                           .r = r,
                           .stride = stride,
                           .pad = pad};
    snprintf(node.name, sizeof node.name, "%s", name);
    const int32_t index = add(b, &node);
    if (b->status == YT_OK)
        b->status = yt_graph_conv_storage(b->graph, index);
    if (b->status != YT_OK)
        return index;
    const struct yt_node *conv = &b->graph->nodes[index];
    const int32_t fan_in = b->graph->nodes[input].c * r * r;
    fill(b, conv->weights, (int64_t)c * fan_in,
         sqrtf(2.0f * gain / (float)fan_in));
    fill(b, conv->bias, c, 0.5f);
    return index;
}

static int32_t emit_silu(struct builder *b, int32_t input, const char *name)
{
    struct yt_node node = {.kind = YT_NODE_ACT,
                           .inputs = {input},
                           .input_count = 1,
                           .act = YT_ACT_SILU};
    snprintf(node.name, sizeof node.name, "%.50s.act", name);
    return add(b, &node);
}

static int32_t emit_conv_silu(struct builder *b, int32_t input,
                              const char *name, int32_t c, int32_t r,
                              int32_t stride, int32_t pad, float gain)
{
    input = emit_conv(b, input, name, c, r, stride, pad, gain);
    return emit_silu(b, input, name);
}

static int32_t emit_concat(struct builder *b, const int32_t *inputs,
                           int32_t count, const char *name)
{
    struct yt_node node = {.kind = YT_NODE_CONCAT, .input_count = count};
    memcpy(node.inputs, inputs, (size_t)count * sizeof *inputs);
    snprintf(node.name, sizeof node.name, "%s", name);
    return add(b, &node);
}

static int32_t emit_c3(struct builder *b, int32_t input, int32_t number,
                       int32_t c, int32_t repeats, int shortcut)
{
    char name[YT_LAYER_NAME_MAX];
    const int32_t hidden = c / 2;
    snprintf(name, sizeof name, "model.%d.cv1", number);
    int32_t chain = emit_conv_silu(b, input, name, hidden, 1, 1, 0, 1.0f);
    /* n residual branches of variance 1/n keep the sum's below e. */
    const float gain = shortcut ? 1.0f / (float)repeats : 1.0f;
    for (int32_t i = 0; i < repeats; i++) {
        snprintf(name, sizeof name, "model.%d.m.%d.cv1", number, i);
        int32_t branch = emit_conv_silu(b, chain, name, hidden, 1, 1, 0, 1.0f);
        snprintf(name, sizeof name, "model.%d.m.%d.cv2", number, i);
        branch = emit_conv_silu(b, branch, name, hidden, 3, 1, 1, gain);
        if (shortcut) {
            struct yt_node node = {.kind = YT_NODE_ADD,
                                   .inputs = {chain, branch},
                                   .input_count = 2};
            snprintf(node.name, sizeof node.name, "model.%d.m.%d.add", number,
                     i);
            branch = add(b, &node);
        }
        chain = branch;
    }
    snprintf(name, sizeof name, "model.%d.cv2", number);
    const int32_t halves[] = {
        chain, emit_conv_silu(b, input, name, hidden, 1, 1, 0, 1.0f)};
    snprintf(name, sizeof name, "model.%d.concat", number);
    input = emit_concat(b, halves, 2, name);
    snprintf(name, sizeof name, "model.%d.cv3", number);
    return emit_conv_silu(b, input, name, c, 1, 1, 0, 1.0f);
}

static int32_t emit_sppf(struct builder *b, int32_t input, int32_t number,
                         int32_t c, int32_t r)
{
    char name[YT_LAYER_NAME_MAX];
    int32_t parts[4];
    snprintf(name, sizeof name, "model.%d.cv1", number);
    parts[0] = emit_conv_silu(b, input, name, b->graph->nodes[input].c / 2, 1,
                              1, 0, 1.0f);
    for (int32_t i = 1; i < 4; i++) {
        struct yt_node pool = {.kind = YT_NODE_MAXPOOL,
                               .inputs = {parts[i - 1]},
                               .input_count = 1,
                               .r = r};
        snprintf(pool.name, sizeof pool.name, "model.%d.m.%d", number, i - 1);
        parts[i] = add(b, &pool);
    }
    snprintf(name, sizeof name, "model.%d.concat", number);
    input = emit_concat(b, parts, 4, name);
    snprintf(name, sizeof name, "model.%d.cv2", number);
    return emit_conv_silu(b, input, name, c, 1, 1, 0, 1.0f);
}

static int32_t emit_row(struct builder *b, const struct variant *v,
                        int32_t number, const int32_t *outputs)
{
    const struct row *row = &rows[number];
    const int32_t input = number ? outputs[number - 1] : 0;
    const int32_t c = (row->c * v->width_quarters / 4 + 7) / 8 * 8;
    const int32_t scaled = (row->repeats * v->depth_percent + 50) / 100;
    const int32_t repeats = scaled > 1 ? scaled : 1;
    char name[YT_LAYER_NAME_MAX];
    snprintf(name, sizeof name, "model.%d", number);
    switch (row->module) {
    case CONV:
        return emit_conv_silu(b, input, name, c, row->r, row->stride, row->pad,
                              1.0f);
    case C3:
    case C3_PLAIN:
        return emit_c3(b, input, number, c, repeats, row->module == C3);
    case SPPF:
        return emit_sppf(b, input, number, c, row->r);
    case UPSAMPLE: {
        struct yt_node node = {
            .kind = YT_NODE_UPSAMPLE, .inputs = {input}, .input_count = 1};
        snprintf(node.name, sizeof node.name, "%s", name);
        return add(b, &node);
    }
    case CONCAT: {
        const int32_t both[] = {input, outputs[row->skip]};
        return emit_concat(b, both, 2, name);
    }
    }
    return input;
}

/* Biases as YOLOv5 starts its training with: about 8 objects in a 640-pixel
 * image, so that decode and NMS see a frame's usual load. */
static void emit_head(struct builder *b, int32_t level, int32_t input)
{
    char name[YT_LAYER_NAME_MAX];
    snprintf(name, sizeof name, "model.%d.m.%d", ROWS, level);
    const int32_t node =
        emit_conv(b, input, name, ANCHORS * (5 + CLASSES), 1, 1, 0, 1.0f);
    if (b->status != YT_OK)
        return;
    struct yt_graph_head *head = &b->graph->heads[b->graph->head_count++];
    head->node = node;
    head->stride = heads[level].stride;
    memcpy(head->anchors, heads[level].anchors, sizeof heads[level].anchors);
    const float cells = 640.0f / (float)head->stride;
    float *bias = b->graph->nodes[node].bias;
    for (int32_t a = 0; a < ANCHORS; a++) {
        bias[a * (5 + CLASSES) + 4] = logf(8.0f / (cells * cells));
        for (int32_t i = 0; i < CLASSES; i++)
            bias[a * (5 + CLASSES) + 5 + i] = logf(0.6f / (CLASSES - 1.0f));
    }
}

static enum yt_status emit_all(struct yt_graph *graph, const struct variant *v,
                               uint64_t seed)
{
    struct builder b = {.graph = graph, .random = seed, .status = YT_OK};
    int32_t outputs[ROWS];
    for (int32_t i = 0; i < ROWS; i++)
        outputs[i] = emit_row(&b, v, i, outputs);
    for (int32_t i = 0; i < HEADS; i++)
        emit_head(&b, i, outputs[heads[i].row]);
    YT_TRY(b.status);
    graph->na = ANCHORS;
    YT_TRY(yt_graph_set_classes(graph, CLASSES, coco_names));

    char identity[64];
    const int length =
        snprintf(identity, sizeof identity, "yolov5%s built-in seed %" PRIu64,
                 v->size, seed);
    snprintf(graph->name, sizeof graph->name, "yolov5%s", v->size);
    snprintf(graph->format, sizeof graph->format, "built-in");
    yt_digest_hex(identity, (size_t)length, graph->hash);
    return yt_graph_check(graph);
}

enum yt_status yt_graph_builtin(const char *size, uint64_t seed,
                                struct yt_graph **graph_out)
{
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (strcmp(size, variants[i].size) != 0)
            continue;
        struct yt_graph *graph = NULL;
        YT_TRY(yt_graph_create(&graph));
        const enum yt_status status = emit_all(graph, &variants[i], seed);
        if (status != YT_OK) {
            yt_graph_destroy(graph);
            return status;
        }
        *graph_out = graph;
        return YT_OK;
    }
    return yt_fail(YT_NOT_FOUND,
                   "no built-in YOLOv5 of size \"%s\": n, s, m, l and x exist",
                   size);
}
