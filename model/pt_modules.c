/* The modules a YOLOv5 detector is made of, one function each, in one table by
 * class name. A pickle holds what a module is, not what its code does, so the
 * code is here, after models/common.py of YOLOv5 v1.0 to v7.0 and nn/modules of
 * Ultralytics' package 8.0 to 8.4; a class that is not in the table cannot run
 * and is refused by name. */

#include "model/pt_modules.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/fail.h"

#define DEPTH_MAX  8
#define VISITS_MAX 65536

struct yt_pt_path yt_pt_path_child(const struct yt_pt_path *parent,
                                   const char *child)
{
    struct yt_pt_path path;
    const int room = (int)(sizeof path.text - 1);
    const int tail = (int)strlen(child);
    assert(tail < room / 2);
    snprintf(path.text, sizeof path.text, "%.*s.%.*s", room - tail - 1,
             parent->text, tail, child);
    return path;
}

struct yt_pt_path yt_pt_path_index(const struct yt_pt_path *parent,
                                   int32_t index)
{
    char number[16];
    snprintf(number, sizeof number, "%d", index);
    return yt_pt_path_child(parent, number);
}

const struct yt_pickle_value *
yt_pt_children(const struct yt_pickle_value *module)
{
    const struct yt_pickle_value *children = yt_pickle_attr(module, "_modules");
    return children && (children->kind == YT_PICKLE_DICT ||
                        children->kind == YT_PICKLE_OBJECT)
               ? children
               : NULL;
}

const struct yt_pickle_value *yt_pt_child(const struct yt_pickle_value *module,
                                          const char *name)
{
    const struct yt_pickle_value *child =
        yt_pickle_get(yt_pt_children(module), name);
    return child && child->kind != YT_PICKLE_NONE ? child : NULL;
}

bool yt_pt_is(const struct yt_pickle_value *module, const char *name)
{
    /* Until v8.0.94 Ultralytics' package had all of its modules in one. */
    static const char *const packages[] = {
        "models.common",
        "models.yolo",
        "ultralytics.nn.modules.conv",
        "ultralytics.nn.modules.block",
        "ultralytics.nn.modules.head",
        "ultralytics.nn.modules",
    };
    if (strchr(name, '.'))
        return yt_pickle_is_global(yt_pickle_class(module), name);
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++) {
        char full[96];
        snprintf(full, sizeof full, "%s.%s", packages[i], name);
        if (yt_pickle_is_global(yt_pickle_class(module), full))
            return true;
    }
    return false;
}

enum yt_status yt_pt_expect(const struct yt_pickle_value *module,
                            const char *class_name,
                            const struct yt_pt_path *path)
{
    char text[96];
    YT_FAIL_IF(!module, YT_BAD_INPUT, "%s: %s is missing", path->text,
               class_name);
    YT_FAIL_IF(!yt_pt_is(module, class_name), YT_UNSUPPORTED,
               "%s: is %s, must be %s", path->text,
               yt_pickle_describe(module, text), class_name);
    return YT_OK;
}

static enum yt_status add(struct yt_pt_reader *r, struct yt_node *node,
                          const struct yt_pt_path *path, int32_t *node_out)
{
    memcpy(node->name, path->text, sizeof node->name);
    return yt_graph_add(r->graph, node, node_out);
}

enum yt_status yt_pt_concat(struct yt_pt_reader *r, const int32_t *inputs,
                            int32_t count, const struct yt_pt_path *path,
                            int32_t *node_out)
{
    YT_FAIL_IF(count > YT_NODE_INPUTS_MAX, YT_UNSUPPORTED,
               "%s: joins %d tensors; at most %d can be", path->text, count,
               YT_NODE_INPUTS_MAX);
    struct yt_node node = {.kind = YT_NODE_CONCAT, .input_count = count};
    memcpy(node.inputs, inputs, (size_t)count * sizeof *inputs);
    return add(r, &node, path, node_out);
}

enum yt_status yt_pt_child_conv(struct yt_pt_reader *r,
                                const struct yt_pickle_value *module,
                                const char *name, int32_t input,
                                const struct yt_pt_path *path,
                                int32_t *node_out)
{
    const struct yt_pt_path full = yt_pt_path_child(path, name);
    return yt_pt_conv(r, yt_pt_child(module, name), &input, 1, &full, node_out);
}

static enum yt_status
emit_bottleneck(struct yt_pt_reader *r, const struct yt_pickle_value *module,
                const int32_t *inputs, int32_t input_count,
                const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t branch = 0;
    int64_t shortcut = 0;
    (void)input_count;
    YT_FAIL_IF(!yt_pickle_int(yt_pickle_attr(module, "add"), &shortcut),
               YT_BAD_INPUT, "%s: a Bottleneck without its add flag",
               path->text);
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &branch));
    YT_TRY(yt_pt_child_conv(r, module, "cv2", branch, path, &branch));
    if (!shortcut) {
        *node_out = branch;
        return YT_OK;
    }
    struct yt_node node = {
        .kind = YT_NODE_ADD, .inputs = {inputs[0], branch}, .input_count = 2};
    const struct yt_pt_path full = yt_pt_path_child(path, "add");
    return add(r, &node, &full, node_out);
}

static enum yt_status
emit_sequential(struct yt_pt_reader *r, const struct yt_pickle_value *module,
                const int32_t *inputs, int32_t input_count,
                const struct yt_pt_path *path, int32_t *node_out)
{
    const struct yt_pickle_value *children = yt_pt_children(module);
    int32_t node = inputs[0];
    (void)input_count;
    YT_FAIL_IF(!children, YT_BAD_INPUT, "%s: a container without modules",
               path->text);
    for (size_t i = 0; i < children->count / 2; i++) {
        const struct yt_pt_path full = yt_pt_path_index(path, (int32_t)i);
        const int32_t input = node;
        YT_TRY(yt_pt_module(r, children->items[2 * i + 1], &input, 1, &full,
                            &node));
    }
    *node_out = node;
    return YT_OK;
}

static enum yt_status emit_c3(struct yt_pt_reader *r,
                              const struct yt_pickle_value *module,
                              const int32_t *inputs, int32_t input_count,
                              const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t halves[2] = {0, 0};
    int32_t joined = 0;
    const struct yt_pt_path chain = yt_pt_path_child(path, "m");
    const struct yt_pt_path both = yt_pt_path_child(path, "concat");
    (void)input_count;
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &halves[0]));
    const int32_t input = halves[0];
    YT_TRY(yt_pt_expect(yt_pt_child(module, "m"),
                        "torch.nn.modules.container.Sequential", &chain));
    YT_TRY(yt_pt_module(r, yt_pt_child(module, "m"), &input, 1, &chain,
                        &halves[0]));
    YT_TRY(yt_pt_child_conv(r, module, "cv2", inputs[0], path, &halves[1]));
    YT_TRY(yt_pt_concat(r, halves, 2, &both, &joined));
    return yt_pt_child_conv(r, module, "cv3", joined, path, node_out);
}

/* A bare convolution of a BottleneckCSP, and its half of what follows the
 * concat of the two: BN and activation work channel by channel, so they may as
 * well come before it. */
static enum yt_status csp_half(struct yt_pt_reader *r,
                               const struct yt_pickle_value *module,
                               const char *name, int32_t input, int32_t c,
                               int32_t half, const struct yt_pt_path *path,
                               int32_t *node_out)
{
    const struct yt_pt_conv_how how = {
        .bn = yt_pt_child(module, "bn"), .bn_first = half * c, .bn_more = c};
    const struct yt_pt_path full = yt_pt_path_child(path, name);
    const struct yt_pt_path act = yt_pt_path_child(&full, "act");
    int32_t conv = 0;
    YT_TRY(
        yt_pt_conv2d(r, yt_pt_child(module, name), &how, input, &full, &conv));
    YT_FAIL_IF(r->graph->nodes[conv].c != c, YT_BAD_INPUT,
               "%s: %d channels beside %d of the other half", full.text,
               r->graph->nodes[conv].c, c);
    return yt_pt_act(r, yt_pt_child(module, "act"), conv, &act, node_out);
}

/* YOLOv5 before v4.0: cv4(act(bn(concat(cv3(m(cv1(x))), cv2(x))))). */
static enum yt_status emit_csp(struct yt_pt_reader *r,
                               const struct yt_pickle_value *module,
                               const int32_t *inputs, int32_t input_count,
                               const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t halves[2] = {0, 0};
    int32_t chained = 0, joined = 0;
    const struct yt_pt_path chain = yt_pt_path_child(path, "m");
    const struct yt_pt_path both = yt_pt_path_child(path, "concat");
    const struct yt_pt_path bn = yt_pt_path_child(path, "bn");
    (void)input_count;
    YT_TRY(yt_pt_expect(yt_pt_child(module, "bn"),
                        "torch.nn.modules.batchnorm.BatchNorm2d", &bn));
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &chained));
    const int32_t c = r->graph->nodes[chained].c;
    const int32_t input = chained;
    YT_TRY(yt_pt_expect(yt_pt_child(module, "m"),
                        "torch.nn.modules.container.Sequential", &chain));
    YT_TRY(
        yt_pt_module(r, yt_pt_child(module, "m"), &input, 1, &chain, &chained));
    YT_TRY(csp_half(r, module, "cv3", chained, c, 0, path, &halves[0]));
    YT_TRY(csp_half(r, module, "cv2", inputs[0], c, 1, path, &halves[1]));
    YT_TRY(yt_pt_concat(r, halves, 2, &both, &joined));
    return yt_pt_child_conv(r, module, "cv4", joined, path, node_out);
}

/* Half of the channels by a convolution, the other half from those by a
 * depth-wise one. */
static enum yt_status emit_ghost(struct yt_pt_reader *r,
                                 const struct yt_pickle_value *module,
                                 const int32_t *inputs, int32_t input_count,
                                 const struct yt_pt_path *path,
                                 int32_t *node_out)
{
    int32_t halves[2] = {0, 0};
    const struct yt_pt_path both = yt_pt_path_child(path, "concat");
    (void)input_count;
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &halves[0]));
    YT_TRY(yt_pt_child_conv(r, module, "cv2", halves[0], path, &halves[1]));
    return yt_pt_concat(r, halves, 2, &both, node_out);
}

/* The sum of its two children. */
static enum yt_status
emit_ghost_bottleneck(struct yt_pt_reader *r,
                      const struct yt_pickle_value *module,
                      const int32_t *inputs, int32_t input_count,
                      const struct yt_pt_path *path, int32_t *node_out)
{
    static const char *const names[] = {"conv", "shortcut"};
    struct yt_node node = {.kind = YT_NODE_ADD, .input_count = 2};
    const struct yt_pt_path full = yt_pt_path_child(path, "add");
    for (int32_t i = 0; i < 2; i++) {
        const struct yt_pt_path child = yt_pt_path_child(path, names[i]);
        YT_TRY(yt_pt_module(r, yt_pt_child(module, names[i]), inputs,
                            input_count, &child, &node.inputs[i]));
    }
    return add(r, &node, &full, node_out);
}

static enum yt_status emit_identity(struct yt_pt_reader *r,
                                    const struct yt_pickle_value *module,
                                    const int32_t *inputs, int32_t input_count,
                                    const struct yt_pt_path *path,
                                    int32_t *node_out)
{
    (void)r, (void)module, (void)input_count, (void)path;
    *node_out = inputs[0];
    return YT_OK;
}

/* The first module of YOLOv5 before v6.0, see model/filters.h. */
static enum yt_status emit_focus(struct yt_pt_reader *r,
                                 const struct yt_pickle_value *module,
                                 const int32_t *inputs, int32_t input_count,
                                 const struct yt_pt_path *path,
                                 int32_t *node_out)
{
    const struct yt_pickle_value *inner = yt_pt_child(module, "conv");
    const struct yt_pt_conv_how how = {.bn = yt_pt_child(inner, "bn"),
                                       .focus = true};
    const struct yt_pt_path full = yt_pt_path_child(path, "conv");
    const struct yt_pt_path act = yt_pt_path_child(&full, "act");
    int32_t conv = 0;
    (void)input_count;
    YT_TRY(yt_pt_expect(inner, "Conv", &full));
    YT_TRY(yt_pt_conv2d(r, yt_pt_child(inner, "conv"), &how, inputs[0], &full,
                        &conv));
    return yt_pt_act(r, yt_pt_child(inner, "act"), conv, &act, node_out);
}

/* A number that torch keeps alone or as a pair of equal ones. */
static bool one_or_pair(const struct yt_pickle_value *value, int64_t *value_out)
{
    int64_t second;
    if (yt_pickle_int(value, value_out))
        return true;
    return value && value->kind == YT_PICKLE_TUPLE && value->count == 2 &&
           yt_pickle_int(value->items[0], value_out) &&
           yt_pickle_int(value->items[1], &second) && second == *value_out;
}

/* The window of a max-pool as SPP and SPPF use it: odd, stride 1, same size. */
static enum yt_status pool_window(const struct yt_pickle_value *module,
                                  const struct yt_pt_path *path,
                                  int64_t *window_out)
{
    int64_t window = 0, stride = 0, pad = 0, dilation = 1;
    YT_TRY(yt_pt_expect(module, "torch.nn.modules.pooling.MaxPool2d", path));
    YT_FAIL_IF(!one_or_pair(yt_pickle_attr(module, "kernel_size"), &window) ||
                   !one_or_pair(yt_pickle_attr(module, "stride"), &stride) ||
                   !one_or_pair(yt_pickle_attr(module, "padding"), &pad),
               YT_BAD_INPUT, "%s: a max-pool without its sizes", path->text);
    (void)one_or_pair(yt_pickle_attr(module, "dilation"), &dilation);
    YT_FAIL_IF(
        window < 1 || window > 1023 || window % 2 == 0 || stride != 1 ||
            pad != window / 2 || dilation != 1,
        YT_UNSUPPORTED,
        "%s: a max-pool of window %lld, stride %lld, padding %lld cannot "
        "run; odd windows, stride 1 and half of the window can",
        path->text, (long long)window, (long long)stride, (long long)pad);
    *window_out = window;
    return YT_OK;
}

static enum yt_status max_pool(struct yt_pt_reader *r, int64_t window,
                               int32_t input, const struct yt_pt_path *path,
                               int32_t *node_out)
{
    struct yt_node node = {.kind = YT_NODE_MAXPOOL,
                           .inputs = {input},
                           .input_count = 1,
                           .r = (int32_t)window};
    return add(r, &node, path, node_out);
}

/* SPPF chains one pool three times, or as often as a later one says; that may
 * have a shortcut, too. */
static enum yt_status emit_sppf(struct yt_pt_reader *r,
                                const struct yt_pickle_value *module,
                                const int32_t *inputs, int32_t input_count,
                                const struct yt_pt_path *path,
                                int32_t *node_out)
{
    int32_t parts[YT_NODE_INPUTS_MAX] = {0};
    int32_t joined = 0;
    int64_t window = 0, count = 3, shortcut = 0;
    const struct yt_pt_path pools = yt_pt_path_child(path, "m");
    const struct yt_pt_path all = yt_pt_path_child(path, "concat");
    const struct yt_pt_path sum = yt_pt_path_child(path, "add");
    (void)input_count;
    (void)yt_pickle_int(yt_pickle_attr(module, "n"), &count);
    (void)yt_pickle_int(yt_pickle_attr(module, "add"), &shortcut);
    YT_FAIL_IF(count < 1 || count >= YT_NODE_INPUTS_MAX, YT_UNSUPPORTED,
               "%s: an SPPF of %lld max-pools; 1 to %d can run", path->text,
               (long long)count, YT_NODE_INPUTS_MAX - 1);
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &parts[0]));
    YT_TRY(pool_window(yt_pt_child(module, "m"), &pools, &window));
    for (int32_t i = 0; i < count; i++) {
        const struct yt_pt_path full = yt_pt_path_index(&pools, i);
        YT_TRY(max_pool(r, window, parts[i], &full, &parts[i + 1]));
    }
    YT_TRY(yt_pt_concat(r, parts, (int32_t)count + 1, &all, &joined));
    YT_TRY(yt_pt_child_conv(r, module, "cv2", joined, path, node_out));
    if (!shortcut)
        return YT_OK;
    struct yt_node node = {.kind = YT_NODE_ADD,
                           .inputs = {inputs[0], *node_out},
                           .input_count = 2};
    return add(r, &node, &sum, node_out);
}

/* SPP has pools of several windows side by side. A pool of a window after one
 * of another is one of both less one, so that the wider can begin where the
 * narrower ended: windows of 5, 9 and 13 are three pools of 5 in a row. */
static enum yt_status emit_spp(struct yt_pt_reader *r,
                               const struct yt_pickle_value *module,
                               const int32_t *inputs, int32_t input_count,
                               const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t parts[YT_NODE_INPUTS_MAX] = {0};
    int32_t joined = 0;
    const struct yt_pt_path list = yt_pt_path_child(path, "m");
    const struct yt_pt_path all = yt_pt_path_child(path, "concat");
    const struct yt_pickle_value *pools =
        yt_pt_children(yt_pt_child(module, "m"));
    (void)input_count;
    YT_FAIL_IF(!pools || pools->count / 2 >= YT_NODE_INPUTS_MAX, YT_BAD_INPUT,
               "%s: an SPP has 1 to %d max-pools", path->text,
               YT_NODE_INPUTS_MAX - 1);
    const int32_t count = (int32_t)(pools->count / 2);
    int64_t last = 0;
    YT_TRY(yt_pt_child_conv(r, module, "cv1", inputs[0], path, &parts[0]));
    for (int32_t i = 0; i < count; i++) {
        const struct yt_pt_path full = yt_pt_path_index(&list, i);
        int64_t window = 0;
        YT_TRY(pool_window(pools->items[2 * i + 1], &full, &window));
        const bool wider = i > 0 && window > last;
        YT_TRY(max_pool(r, wider ? window - last + 1 : window,
                        parts[wider ? i : 0], &full, &parts[i + 1]));
        last = window;
    }
    YT_TRY(yt_pt_concat(r, parts, count + 1, &all, &joined));
    return yt_pt_child_conv(r, module, "cv2", joined, path, node_out);
}

static enum yt_status emit_upsample(struct yt_pt_reader *r,
                                    const struct yt_pickle_value *module,
                                    const int32_t *inputs, int32_t input_count,
                                    const struct yt_pt_path *path,
                                    int32_t *node_out)
{
    const struct yt_pickle_value *factor =
        yt_pickle_attr(module, "scale_factor");
    double scale = 0, across = 2;
    (void)input_count;
    if (factor && factor->kind == YT_PICKLE_TUPLE && factor->count == 2) {
        (void)yt_pickle_real(factor->items[1], &across);
        factor = factor->items[0];
    }
    YT_FAIL_IF(
        !yt_pickle_real(factor, &scale) || scale != 2 || across != 2 ||
            !yt_pickle_is_text(yt_pickle_attr(module, "mode"), "nearest"),
        YT_UNSUPPORTED, "%s: only upsampling by 2 in mode \"nearest\" can run",
        path->text);
    struct yt_node node = {
        .kind = YT_NODE_UPSAMPLE, .inputs = {inputs[0]}, .input_count = 1};
    return add(r, &node, path, node_out);
}

static enum yt_status emit_concat(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *module,
                                  const int32_t *inputs, int32_t input_count,
                                  const struct yt_pt_path *path,
                                  int32_t *node_out)
{
    int64_t axis = 0;
    YT_FAIL_IF(!yt_pickle_int(yt_pickle_attr(module, "d"), &axis) || axis != 1,
               YT_UNSUPPORTED, "%s: only channels (axis 1) can be joined",
               path->text);
    return yt_pt_concat(r, inputs, input_count, path, node_out);
}

static const struct row {
    const char *class_name;
    enum yt_status (*emit)(struct yt_pt_reader *r,
                           const struct yt_pickle_value *module,
                           const int32_t *inputs, int32_t input_count,
                           const struct yt_pt_path *path, int32_t *node_out);
    bool many; /* takes more than one input */
} rows[] = {
    {"Conv", yt_pt_conv, false},
    {"Bottleneck", emit_bottleneck, false},
    {"C3", emit_c3, false},
    {"BottleneckCSP", emit_csp, false},
    {"C3Ghost", emit_c3, false},
    {"Focus", emit_focus, false},
    {"DWConv", yt_pt_conv, false},
    {"C2f", yt_pt_c2f, false},
    {"C3k2", yt_pt_c2f, false},
    {"C2", yt_pt_c2, false},
    {"C3k", emit_c3, false},
    {"GhostConv", emit_ghost, false},
    {"GhostBottleneck", emit_ghost_bottleneck, false},
    {"SPPF", emit_sppf, false},
    {"SPP", emit_spp, false},
    {"Concat", emit_concat, true},
    {"torch.nn.modules.upsampling.Upsample", emit_upsample, false},
    {"torch.nn.modules.container.Sequential", emit_sequential, false},
    {"torch.nn.modules.linear.Identity", emit_identity, false},
};

/* What to say about classes people are likely to come with. */
static const struct {
    const char *class_name;
    const char *reason;
} refused[] = {
    {"Classify", "it belongs to a classifier, not a detector"},
    {"Segment", "it belongs to a segmentation model"},
    {"Segment26", "it belongs to a segmentation model"},
    {"Pose", "it belongs to a model of poses"},
    {"Pose26", "it belongs to a model of poses"},
    {"OBB", "it belongs to a model of rotated boxes"},
    {"OBB26", "it belongs to a model of rotated boxes"},
    {"C2PSA", "it contains attention"},
    {"PSA", "it contains attention"},
    {"PSABlock", "it contains attention"},
    {"A2C2f", "it contains attention"},
    {"C3TR", "it contains a transformer"},
    {"TransformerBlock", "it is a transformer"},
};

static enum yt_status refuse(const struct yt_pickle_value *module,
                             const struct yt_pt_path *path)
{
    char text[96];
    const char *reason = "only the modules of YOLOv5 and YOLOv8 detectors do";
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (yt_pt_is(module, refused[i].class_name))
            reason = refused[i].reason;
    return yt_fail(YT_UNSUPPORTED, "%s: %s does not run here: %s", path->text,
                   yt_pickle_describe(module, text), reason);
}

static enum yt_status emit_row(struct yt_pt_reader *r, const struct row *row,
                               const struct yt_pickle_value *module,
                               const int32_t *inputs, int32_t input_count,
                               const struct yt_pt_path *path, int32_t *node_out)
{
    YT_FAIL_IF(input_count != 1 && !row->many, YT_BAD_INPUT,
               "%s: %d inputs for %s", path->text, input_count,
               row->class_name);
    YT_FAIL_IF(r->depth >= DEPTH_MAX, YT_BAD_INPUT,
               "%s: more than %d modules within each other", path->text,
               DEPTH_MAX);
    YT_FAIL_IF(r->visits >= VISITS_MAX, YT_BAD_INPUT,
               "%s: more than %d modules", path->text, VISITS_MAX);
    r->visits++;
    r->depth++;
    const enum yt_status status =
        row->emit(r, module, inputs, input_count, path, node_out);
    r->depth--;
    return status;
}

enum yt_status yt_pt_module(struct yt_pt_reader *r,
                            const struct yt_pickle_value *module,
                            const int32_t *inputs, int32_t input_count,
                            const struct yt_pt_path *path, int32_t *node_out)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (yt_pt_is(module, rows[i].class_name))
            return emit_row(r, &rows[i], module, inputs, input_count, path,
                            node_out);
    return refuse(module, path);
}
