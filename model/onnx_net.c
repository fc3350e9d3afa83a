/* Recognises the operators of YOLOv5's backbone and neck. Each either becomes
 * one net or is refused with the node's name: near misses (a grouped
 * convolution, bilinear upsampling) must never pass as the real thing. */

#include "model/onnx_net.h"

#include <string.h>

#include "model/onnx_act.h"
#include "model/onnx_eval.h"
#include "model/onnx_focus.h"
#include "model/onnx_lazy.h"
#include "runtime/fail.h"

/* They keep c * h * w far from overflow along chains of upsamplings. */
#define CHANNELS_MAX 65536
#define SIDE_MAX     65536

static const struct yt_onnx_value *input(const struct yt_onnx_scope *scope,
                                         int32_t n, int32_t i)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    return i < node->in_count && node->in[i] >= 0 ? &scope->values[node->in[i]]
                                                  : NULL;
}

static int is_net(const struct yt_onnx_value *value)
{
    return value && value->kind == YT_ONNX_NET;
}

static enum yt_status finish(struct yt_onnx_scope *scope, int32_t n,
                             const struct yt_onnx_net *net)
{
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(net->h < 1 || net->w < 1, YT_BAD_INPUT,
               "%s leaves nothing of its input's %lldx%lld",
               yt_onnx_who(scope, n, who),
               (long long)scope->nets[net->inputs[0]].h,
               (long long)scope->nets[net->inputs[0]].w);
    YT_FAIL_IF(net->c < 1 || net->c > CHANNELS_MAX || net->h > SIDE_MAX ||
                   net->w > SIDE_MAX,
               YT_BAD_INPUT, "%s makes %lld channels of %lldx%lld",
               yt_onnx_who(scope, n, who), (long long)net->c, (long long)net->h,
               (long long)net->w);
    int32_t index = 0;
    YT_TRY(yt_onnx_net_add(scope, net, &index));
    yt_onnx_value_set_net(scope, scope->nodes[n].out[0], index);
    return YT_OK;
}

/* An activation that is a formula, as the tail's sigmoids are, is a feature map
 * as soon as something reads it that only feature maps go through. */
static void settle(struct yt_onnx_scope *scope, int32_t v)
{
    if (v >= 0 && scope->values[v].kind == YT_ONNX_LAZY &&
        scope->values[v].act_net > 0)
        yt_onnx_value_set_net(scope, v, scope->values[v].act_net);
}

/* Whether all inputs are feature maps, or become some. */
static int settle_all(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    for (int32_t i = 0; i < node->in_count; ++i) {
        const struct yt_onnx_value *value = input(scope, n, i);
        if (!is_net(value) &&
            !(value && value->kind == YT_ONNX_LAZY && value->act_net > 0))
            return 0;
    }
    for (int32_t i = 0; i < node->in_count; ++i)
        settle(scope, node->in[i]);
    return 1;
}

/* The net behind input 0, which must be a feature map. */
static enum yt_status feature_map(struct yt_onnx_scope *scope, int32_t n,
                                  int32_t *net_out)
{
    const struct yt_onnx_value *x = input(scope, n, 0);
    char who[YT_ONNX_WHO_MAX], maker[YT_ONNX_WHO_MAX] = "the file";
    YT_FAIL_IF(!x, YT_BAD_INPUT, "%s has no input", yt_onnx_who(scope, n, who));
    settle(scope, (int32_t)(x - scope->values));
    if (x->producer >= 0)
        yt_onnx_who(scope, x->producer, maker);
    YT_FAIL_IF(x->kind != YT_ONNX_NET, YT_UNSUPPORTED,
               "%s reads what %s makes, which can't be run as part of a YOLOv5 "
               "network",
               yt_onnx_who(scope, n, who), maker);
    *net_out = x->net;
    return YT_OK;
}

/* An attribute of integers that must all be equal; absent counts as one. */
static enum yt_status equal_ints(const struct yt_onnx_scope *scope, int32_t n,
                                 const char *name, size_t count,
                                 int64_t fallback, int64_t *value_out)
{
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, name);
    *value_out = fallback;
    if (!attr)
        return YT_OK;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(attr->n_ints != count, YT_BAD_INPUT,
               "%s: '%s' has %zu values, %zu are expected",
               yt_onnx_who(scope, n, who), name, attr->n_ints, count);
    for (size_t i = 1; i < count; ++i)
        YT_FAIL_IF(attr->ints[i] != attr->ints[0], YT_UNSUPPORTED,
                   "%s: '%s' isn't the same in all directions",
                   yt_onnx_who(scope, n, who), name);
    *value_out = attr->ints[0];
    return YT_OK;
}

struct window {
    int64_t r, stride, pad;
};

static enum yt_status read_window(const struct yt_onnx_scope *scope, int32_t n,
                                  int64_t r, struct window *window_out)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    struct window window = {0};
    int64_t dilation = 1;
    YT_TRY(equal_ints(scope, n, "kernel_shape", 2, r, &window.r));
    YT_TRY(equal_ints(scope, n, "strides", 2, 1, &window.stride));
    YT_TRY(equal_ints(scope, n, "pads", 4, 0, &window.pad));
    YT_TRY(equal_ints(scope, n, "dilations", 2, 1, &dilation));
    char who[YT_ONNX_WHO_MAX];
    if (yt_onnx_attr_is(proto, "auto_pad", "SAME_UPPER", "NOTSET") &&
        window.stride == 1 && window.r % 2 == 1)
        window.pad = window.r / 2;
    else
        YT_FAIL_IF(!yt_onnx_attr_is(proto, "auto_pad", "NOTSET", "NOTSET") &&
                       !yt_onnx_attr_is(proto, "auto_pad", "VALID", "NOTSET"),
                   YT_UNSUPPORTED, "%s pads its sides unequally",
                   yt_onnx_who(scope, n, who));
    YT_FAIL_IF(dilation != 1, YT_UNSUPPORTED, "%s is dilated by %lld",
               yt_onnx_who(scope, n, who), (long long)dilation);
    YT_FAIL_IF(window.r < 1 || window.r > 31 || window.stride < 1 ||
                   window.stride > 8 || window.pad < 0 ||
                   window.pad >= window.r,
               YT_UNSUPPORTED, "%s: window %lld, stride %lld, padding %lld",
               yt_onnx_who(scope, n, who), (long long)window.r,
               (long long)window.stride, (long long)window.pad);
    *window_out = window;
    return YT_OK;
}

/* Checks that an operand is known without an image and has @p count numbers. */
static enum yt_status operand(const struct yt_onnx_scope *scope, int32_t n,
                              int32_t i, int64_t count, int32_t *v_out)
{
    const struct yt_onnx_value *value = input(scope, n, i);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!value, YT_BAD_INPUT, "%s lacks input %d",
               yt_onnx_who(scope, n, who), (int)i);
    YT_FAIL_IF(value->kind == YT_ONNX_NET ||
                   (value->kind == YT_ONNX_LAZY && !value->is_pure),
               YT_UNSUPPORTED, "%s: its parameters '%.80s' depend on the image",
               yt_onnx_who(scope, n, who), value->name);
    YT_FAIL_IF(value->t.count != count, YT_BAD_INPUT,
               "%s: '%.80s' has %lld elements, %lld are expected",
               yt_onnx_who(scope, n, who), value->name,
               (long long)value->t.count, (long long)count);
    *v_out = scope->nodes[n].in[i];
    return YT_OK;
}

/* What a convolution reads: a feature map, or the quarters of one. */
static enum yt_status conv_input(struct yt_onnx_scope *scope, int32_t n,
                                 struct yt_onnx_net *net)
{
    const int32_t v = yt_onnx_input(scope, n, 0);
    net->input_count = 1;
    net->is_focus =
        v >= 0 && yt_onnx_focus_find(scope, v, &net->inputs[0], net->focus);
    return net->is_focus ? YT_OK : feature_map(scope, n, &net->inputs[0]);
}

/* The weights [k][c / groups][r][r] of a convolution of @p c channels. */
static enum yt_status conv_weights(const struct yt_onnx_scope *scope, int32_t n,
                                   int64_t c, struct yt_onnx_net *net)
{
    const struct yt_onnx_value *weights = input(scope, n, 1);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!weights, YT_BAD_INPUT, "%s has no weights",
               yt_onnx_who(scope, n, who));
    const int64_t *dims = weights->t.dims;
    YT_FAIL_IF(weights->t.rank != 4 || dims[2] != dims[3], YT_UNSUPPORTED,
               "%s: its weights '%.80s' have %d dimensions or a window that "
               "isn't square",
               yt_onnx_who(scope, n, who), weights->name, (int)weights->t.rank);
    const int64_t groups = yt_onnx_attr_int(scope->nodes[n].proto, "group", 1);
    YT_FAIL_IF(groups < 1 || groups > c || c % groups || dims[0] % groups,
               YT_BAD_INPUT, "%s: %lld channels to %lld in %lld groups",
               yt_onnx_who(scope, n, who), (long long)c, (long long)dims[0],
               (long long)groups);
    YT_FAIL_IF(net->is_focus && groups > 1, YT_UNSUPPORTED,
               "%s is a convolution of a Focus in %lld groups",
               yt_onnx_who(scope, n, who), (long long)groups);
    YT_FAIL_IF(dims[1] != c / groups, YT_BAD_INPUT,
               "%s reads %lld channels, its weights '%.80s' are for %lld",
               yt_onnx_who(scope, n, who), (long long)(c / groups),
               weights->name, (long long)dims[1]);
    net->c = dims[0];
    net->groups = (int32_t)groups;
    return operand(scope, n, 1, weights->t.count, &net->weights);
}

static enum yt_status visit_conv(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_net net = {.kind = YT_NODE_CONV, .node = n, .bias = -1};
    struct window window = {0};
    YT_TRY(conv_input(scope, n, &net));
    const struct yt_onnx_net *x = &scope->nets[net.inputs[0]];
    const int32_t scale = net.is_focus ? 2 : 1;
    YT_TRY(conv_weights(scope, n, x->c * scale * scale, &net));
    const int64_t r = scope->values[net.weights].t.dims[2];
    YT_TRY(read_window(scope, n, r, &window));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(window.r != r, YT_BAD_INPUT,
               "%s: kernel_shape is %lld, its weights are %lldx%lld",
               yt_onnx_who(scope, n, who), (long long)window.r, (long long)r,
               (long long)r);
    if (input(scope, n, 2))
        YT_TRY(operand(scope, n, 2, net.c, &net.bias));
    net.r = (int32_t)window.r * scale;
    net.stride = (int32_t)window.stride * scale;
    net.pad = (int32_t)window.pad * scale;
    const int64_t h = x->h + 2 * net.pad - net.r;
    const int64_t w = x->w + 2 * net.pad - net.r;
    net.h = h < 0 ? 0 : h / net.stride + 1;
    net.w = w < 0 ? 0 : w / net.stride + 1;
    return finish(scope, n, &net);
}

/* y = (x - mean) / sqrt(variance + eps) * scale + shift, as a normalisation of
 * @p c channels says. */
static enum yt_status read_norm(struct yt_onnx_scope *scope, int32_t n,
                                int64_t c, struct yt_onnx_net *norm)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(yt_onnx_attr_int(proto, "training_mode", 0) != 0, YT_UNSUPPORTED,
               "%s is in training mode; export for inference",
               yt_onnx_who(scope, n, who));
    for (int32_t i = 0; i < 4; ++i)
        YT_TRY(operand(scope, n, i + 1, c, &norm->norm[i]));
    const YtOnnx__AttributeProto *eps = yt_onnx_attr(proto, "epsilon");
    norm->norm_eps = eps && eps->has_f ? (double)eps->f : 1e-5;
    norm->has_norm = 1;
    return YT_OK;
}

/* Give a convolution a normalisation; it is another one then, as the bare one
 * may have other readers. */
static enum yt_status add_norm(struct yt_onnx_scope *scope,
                               const struct yt_onnx_net *norm, int64_t first,
                               int32_t conv, int32_t *index_out)
{
    struct yt_onnx_net net = scope->nets[conv];
    memcpy(net.norm, norm->norm, sizeof net.norm);
    net.norm_eps = norm->norm_eps;
    net.norm_first = (int32_t)first;
    net.has_norm = 1;
    return yt_onnx_net_add(scope, &net, index_out);
}

static int is_bare_conv(const struct yt_onnx_net *net)
{
    return net->kind == YT_NODE_CONV && !net->has_norm;
}

/* Whether a net joins convolutions and nothing else. */
static int joins_convs(const struct yt_onnx_scope *scope,
                       const struct yt_onnx_net *net)
{
    int joins = net->kind == YT_NODE_CONCAT;
    for (int32_t i = 0; joins && i < net->input_count; ++i)
        joins = scope->nets[net->inputs[i]].kind == YT_NODE_CONV;
    return joins;
}

/* Whether none of those is normalised yet. */
static int are_bare(const struct yt_onnx_scope *scope,
                    const struct yt_onnx_net *net)
{
    int are = 1;
    for (int32_t i = 0; i < net->input_count; ++i)
        are &= !scope->nets[net->inputs[i]].has_norm;
    return are;
}

/* A normalisation becomes part of the convolution before it, or of those that
 * the concat before it joins, as in a BottleneckCSP (yt_onnx_net_emit()). Behind
 * anything else it is a 1x1 convolution of its own. */
static enum yt_status visit_norm(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    YT_TRY(feature_map(scope, n, &x));
    struct yt_onnx_net net = scope->nets[x];
    YT_TRY(read_norm(scope, n, net.c, &net));
    if (is_bare_conv(&scope->nets[x]))
        return finish(scope, n, &net);
    int64_t first = 0;
    if (joins_convs(scope, &scope->nets[x]) && are_bare(scope, &net)) {
        for (int32_t i = 0; i < net.input_count; ++i) {
            const int32_t part = net.inputs[i];
            YT_TRY(add_norm(scope, &net, first, part, &net.inputs[i]));
            first += scope->nets[part].c;
        }
        return finish(scope, n, &net);
    }
    net.kind = YT_NODE_CONV;
    net.node = n;
    net.inputs[0] = x;
    net.input_count = 1;
    net.r = net.stride = 1;
    net.pad = 0;
    net.weights = net.bias = -1;
    net.is_focus = 0;
    net.norm_first = 0;
    return finish(scope, n, &net);
}

static enum yt_status visit_max_pool(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    struct window window = {0};
    YT_TRY(feature_map(scope, n, &x));
    YT_TRY(read_window(scope, n, 0, &window));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(window.stride != 1 || window.r % 2 == 0 ||
                   window.pad != window.r / 2,
               YT_UNSUPPORTED,
               "%s: window %lld, stride %lld, padding %lld; pools with stride "
               "1 and half a window of padding are supported",
               yt_onnx_who(scope, n, who), (long long)window.r,
               (long long)window.stride, (long long)window.pad);
    struct yt_onnx_net net = scope->nets[x];
    net.kind = YT_NODE_MAXPOOL;
    net.node = n;
    net.inputs[0] = x;
    net.input_count = 1;
    net.r = (int32_t)window.r;
    return finish(scope, n, &net);
}

/* Where nearest sampling by 2 repeats each pixel twice (ONNX, Resize): the
 * source of output pixel i is i/2 (asymmetric) or (i + 0.5)/2 - 0.5
 * (half_pixel), rounded by nearest_mode; it must be floor(i / 2). */
static int doubles_pixels(const YtOnnx__NodeProto *proto)
{
    static const char *const rows[][2] = {
        {"asymmetric", "floor"},
        {"asymmetric", "round_prefer_floor"},
        {"half_pixel", "round_prefer_floor"},
        {"half_pixel", "round_prefer_ceil"},
        {"pytorch_half_pixel", "round_prefer_floor"},
        {"pytorch_half_pixel", "round_prefer_ceil"},
    };
    if (strcmp(proto->op_type, "Upsample") == 0 || proto->n_input == 2)
        return 1; /* before opset 11: floor(i / scale) */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (yt_onnx_attr_is(proto, "coordinate_transformation_mode", rows[i][0],
                            "half_pixel") &&
            yt_onnx_attr_is(proto, "nearest_mode", rows[i][1],
                            "round_prefer_floor"))
            return 1;
    return 0;
}

/* The factors [n][c][h][w] of a resize: from Upsample's attribute, scales
 * (input 1 before opset 11, else 2) or sizes (input 3). */
static enum yt_status read_scales(struct yt_onnx_scope *scope, int32_t n,
                                  const struct yt_onnx_tensor *x,
                                  double scales[4])
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const YtOnnx__AttributeProto *attr = yt_onnx_attr(node->proto, "scales");
    const struct yt_onnx_value *by =
        input(scope, n, node->in_count == 2 ? 1 : 2);
    const struct yt_onnx_value *to = input(scope, n, 3);
    char who[YT_ONNX_WHO_MAX];
    struct yt_onnx_probe probe = {.scope = scope};
    if (by && by->t.count == 0)
        by = NULL; /* an empty list stands for "not given" */
    if (by || to) {
        const struct yt_onnx_value *given = by ? by : to;
        YT_FAIL_IF(given->t.count != 4, YT_UNSUPPORTED,
                   "%s: %lld scales or sizes for 4 dimensions",
                   yt_onnx_who(scope, n, who), (long long)given->t.count);
        for (int32_t d = 0; d < 4; ++d) {
            scales[d] =
                yt_onnx_eval(&probe, (int32_t)(given - scope->values), d);
            if (!by)
                scales[d] /= (double)x->dims[d];
        }
        return probe.status;
    }
    YT_FAIL_IF(!attr || attr->n_floats != 4, YT_BAD_INPUT,
               "%s has neither scales nor sizes", yt_onnx_who(scope, n, who));
    for (int32_t d = 0; d < 4; ++d)
        scales[d] = (double)attr->floats[d];
    return YT_OK;
}

static enum yt_status visit_resize(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    double scales[4] = {0};
    YT_TRY(feature_map(scope, n, &x));
    YT_TRY(read_scales(scope, n, &input(scope, n, 0)->t, scales));
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!yt_onnx_attr_is(proto, "mode", "nearest", "nearest") ||
                   !doubles_pixels(proto) || scales[0] != 1 || scales[1] != 1 ||
                   scales[2] != 2 || scales[3] != 2,
               YT_UNSUPPORTED,
               "%s isn't an upsampling to twice the size that repeats pixels",
               yt_onnx_who(scope, n, who));
    struct yt_onnx_net net = {.kind = YT_NODE_UPSAMPLE,
                              .node = n,
                              .inputs = {x},
                              .input_count = 1,
                              .c = scope->nets[x].c,
                              .h = 2 * scope->nets[x].h,
                              .w = 2 * scope->nets[x].w};
    return finish(scope, n, &net);
}

static enum yt_status visit_concat(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const int64_t axis = yt_onnx_attr_int(node->proto, "axis", 0);
    if (axis != 1 && axis != -3)
        return YT_NOT_FOUND;
    if (!settle_all(scope, n))
        return YT_NOT_FOUND;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(node->in_count < 1 || node->in_count > YT_NODE_INPUTS_MAX,
               YT_UNSUPPORTED, "%s joins %d feature maps; 1 to %d are possible",
               yt_onnx_who(scope, n, who), (int)node->in_count,
               YT_NODE_INPUTS_MAX);
    struct yt_onnx_net net = {
        .kind = YT_NODE_CONCAT, .node = n, .input_count = node->in_count};
    for (int32_t i = 0; i < node->in_count; ++i) {
        net.inputs[i] = input(scope, n, i)->net;
        const struct yt_onnx_net *part = &scope->nets[net.inputs[i]];
        if (i == 0) {
            net.h = part->h;
            net.w = part->w;
        }
        YT_FAIL_IF(part->h != net.h || part->w != net.w, YT_BAD_INPUT,
                   "%s joins %lldx%lld with %lldx%lld",
                   yt_onnx_who(scope, n, who), (long long)net.h,
                   (long long)net.w, (long long)part->h, (long long)part->w);
        net.c += part->c;
    }
    return finish(scope, n, &net);
}

static enum yt_status visit_add(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_value *a = input(scope, n, 0), *b = input(scope, n, 1);
    if (!settle_all(scope, n) || !a || !b)
        return YT_NOT_FOUND;
    struct yt_onnx_net net = {.kind = YT_NODE_ADD,
                              .node = n,
                              .inputs = {a->net, b->net},
                              .input_count = 2,
                              .c = a->t.dims[1],
                              .h = a->t.dims[2],
                              .w = a->t.dims[3]};
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(memcmp(a->t.dims, b->t.dims, sizeof a->t.dims) != 0,
               YT_UNSUPPORTED, "%s adds feature maps of different shapes",
               yt_onnx_who(scope, n, who));
    return finish(scope, n, &net);
}

/* A formula that may be an activation, or a part of one. */
static enum yt_status visit_unary(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_net net;
    settle(scope, yt_onnx_input(scope, n, 0));
    YT_TRY(yt_onnx_lazy_visit(scope, n));
    const int32_t v = scope->nodes[n].out[0];
    return yt_onnx_act_find(scope, v, &net)
               ? yt_onnx_net_add(scope, &net, &scope->values[v].act_net)
               : YT_OK;
}

/* An activation of what a concat of convolutions joins is one of each. */
static enum yt_status finish_act(struct yt_onnx_scope *scope, int32_t n,
                                 const struct yt_onnx_net *act)
{
    const struct yt_onnx_net joined = scope->nets[act->inputs[0]];
    struct yt_onnx_net net = joined;
    if (!joins_convs(scope, &joined))
        return finish(scope, n, act);
    for (int32_t i = 0; i < joined.input_count; ++i) {
        struct yt_onnx_net part = *act;
        part.inputs[0] = joined.inputs[i];
        part.c = scope->nets[joined.inputs[i]].c;
        YT_TRY(yt_onnx_net_add(scope, &part, &net.inputs[i]));
    }
    return finish(scope, n, &net);
}

/* What may be the end of an activation that exporters take apart, such as
 * x * sigmoid(x). What is none stays a formula: the tail's are. */
static enum yt_status visit_product(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_net net;
    const enum yt_status status = yt_onnx_lazy_visit(scope, n);
    if (status != YT_OK ||
        !yt_onnx_act_find(scope, scope->nodes[n].out[0], &net))
        return status;
    return finish_act(scope, n, &net);
}

static enum yt_status visit_act(struct yt_onnx_scope *scope, int32_t n)
{
    settle(scope, yt_onnx_input(scope, n, 0));
    return visit_product(scope, n);
}

struct op_row {
    const char *name;
    enum yt_status (*visit)(struct yt_onnx_scope *scope, int32_t n);
};

static const struct op_row op_rows[] = {
    {"Conv", visit_conv},        {"BatchNormalization", visit_norm},
    {"MaxPool", visit_max_pool}, {"Resize", visit_resize},
    {"Upsample", visit_resize},  {"Concat", visit_concat},
    {"Add", visit_add},          {"Mul", visit_product},
    {"Div", visit_product},      {"Relu", visit_act},
    {"LeakyRelu", visit_act},    {"HardSwish", visit_act},
    {"Mish", visit_act},         {"Clip", visit_act},
    {"Sigmoid", visit_unary},    {"HardSigmoid", visit_unary},
    {"Softplus", visit_unary},
};

enum yt_status yt_onnx_net_visit(struct yt_onnx_scope *scope, int32_t n)
{
    const char *op = scope->nodes[n].proto->op_type;
    for (size_t i = 0; i < sizeof op_rows / sizeof op_rows[0]; ++i)
        if (strcmp(op_rows[i].name, op) == 0)
            return op_rows[i].visit(scope, n);
    return YT_NOT_FOUND;
}
