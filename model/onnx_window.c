/* Convolutions, with the normalisations that become part of them, and
 * resizing: what goes over windows of a feature map. */

#include "model/onnx_window.h"

#include <math.h>
#include <string.h>

#include "model/onnx_eval.h"
#include "model/onnx_focus.h"
#include "model/onnx_lazy.h"
#include "runtime/fail.h"

/* Rows that a window takes @p side to; 0: it is larger. */
static int64_t out_side(int64_t side, const struct yt_onnx_window *window)
{
    const int64_t room = side + 2 * window->pad - window->r;
    return room < 0 ? 0 : room / window->stride + 1;
}

struct yt_onnx_net yt_onnx_mean_of(const struct yt_onnx_scope *scope, int32_t n,
                                   int32_t x,
                                   const struct yt_onnx_window *window)
{
    const struct yt_onnx_net *in = &scope->nets[x];
    return (struct yt_onnx_net){.kind = YT_NODE_CONV,
                                .node = n,
                                .inputs = {x},
                                .input_count = 1,
                                .c = in->c,
                                .h = out_side(in->h, window),
                                .w = out_side(in->w, window),
                                .r = (int32_t)window->r,
                                .stride = (int32_t)window->stride,
                                .pad = (int32_t)window->pad,
                                .taps = window->taps,
                                .weights = -1,
                                .bias = -1,
                                .picks = -1};
}

/* Checks that an operand is known without an image and has @p count numbers. */
static enum yt_status operand(const struct yt_onnx_scope *scope, int32_t n,
                              int32_t i, int64_t count, int32_t *v_out)
{
    const struct yt_onnx_value *value = yt_onnx_input_value(scope, n, i);
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
    return net->is_focus ? YT_OK
                         : yt_onnx_feature_map(scope, n, &net->inputs[0]);
}

/* The weights [k][c / groups][rows][columns], @p c being channels read. */
static enum yt_status conv_weights(const struct yt_onnx_scope *scope, int32_t n,
                                   int64_t c, struct yt_onnx_net *net)
{
    const struct yt_onnx_value *weights = yt_onnx_input_value(scope, n, 1);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!weights, YT_BAD_INPUT, "%s has no weights",
               yt_onnx_who(scope, n, who));
    const int64_t *dims = weights->t.dims;
    YT_FAIL_IF(weights->t.rank != 4, YT_UNSUPPORTED,
               "%s: its weights '%.80s' have %d dimensions, not 4",
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

/* Its window and what it makes of the sides of its input, which a Pad may have
 * made larger. */
static enum yt_status conv_window(const struct yt_onnx_scope *scope, int32_t n,
                                  const int64_t taps[2],
                                  struct yt_onnx_net *net)
{
    const struct yt_onnx_net *x = &scope->nets[net->inputs[0]];
    const int64_t scale = net->is_focus ? 2 : 1;
    const int64_t sides[] = {x->h / scale, x->w / scale};
    struct yt_onnx_oblong oblong;
    struct yt_onnx_window window;
    char who[YT_ONNX_WHO_MAX];
    YT_TRY(yt_onnx_oblong_read(scope, n, taps, sides, &oblong));
    if (!net->is_focus)
        yt_onnx_oblong_unpad(scope, &net->inputs[0], &oblong);
    YT_TRY(yt_onnx_oblong_square(scope, n, &oblong, &window));
    YT_FAIL_IF(net->is_focus && window.taps.rows, YT_UNSUPPORTED,
               "%s is a convolution of a Focus by a window that isn't square, "
               "is dilated or padded unequally",
               yt_onnx_who(scope, n, who));
    net->r = (int32_t)(window.r * scale);
    net->stride = (int32_t)(window.stride * scale);
    net->pad = (int32_t)(window.pad * scale);
    net->taps = window.taps;
    x = &scope->nets[net->inputs[0]];
    net->h = yt_onnx_axis_side(&oblong.axes[0], oblong.stride, x->h / scale);
    net->w = yt_onnx_axis_side(&oblong.axes[1], oblong.stride, x->w / scale);
    return YT_OK;
}

enum yt_status yt_onnx_visit_conv(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_net net = {
        .kind = YT_NODE_CONV, .node = n, .bias = -1, .picks = -1};
    if (yt_onnx_reads_softmax(scope, n))
        return yt_onnx_visit_dot(scope, n);
    YT_TRY(conv_input(scope, n, &net));
    const int64_t c = scope->nets[net.inputs[0]].c;
    YT_TRY(conv_weights(scope, n, net.is_focus ? c * YT_FOCUS_PARTS : c, &net));
    const int64_t *dims = scope->values[net.weights].t.dims;
    YT_TRY(conv_window(scope, n, &dims[2], &net));
    if (yt_onnx_input_value(scope, n, 2))
        YT_TRY(operand(scope, n, 2, net.c, &net.bias));
    return yt_onnx_finish(scope, n, &net);
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
int yt_onnx_joins_convs(const struct yt_onnx_scope *scope,
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
 * the concat before it joins, as in a BottleneckCSP (yt_onnx_net_emit()).
 * Behind anything else it is a 1x1 convolution of its own. */
enum yt_status yt_onnx_visit_norm(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    YT_TRY(yt_onnx_feature_map(scope, n, &x));
    struct yt_onnx_net net = scope->nets[x];
    YT_TRY(read_norm(scope, n, net.c, &net));
    if (is_bare_conv(&scope->nets[x]))
        return yt_onnx_finish(scope, n, &net);
    int64_t first = 0;
    if (yt_onnx_joins_convs(scope, &scope->nets[x]) && are_bare(scope, &net)) {
        for (int32_t i = 0; i < net.input_count; ++i) {
            const int32_t part = net.inputs[i];
            YT_TRY(add_norm(scope, &net, first, part, &net.inputs[i]));
            first += scope->nets[part].c;
        }
        return yt_onnx_finish(scope, n, &net);
    }
    static const struct yt_onnx_window one = {.r = 1, .stride = 1};
    struct yt_onnx_net alone = yt_onnx_mean_of(scope, n, x, &one);
    memcpy(alone.norm, net.norm, sizeof alone.norm);
    alone.norm_eps = net.norm_eps;
    alone.has_norm = 1;
    return yt_onnx_finish(scope, n, &alone);
}

/* Where nearest sampling by a factor f, a power of two, repeats each pixel f
 * times (ONNX, Resize): the source of output pixel i is i/f (asymmetric) or
 * (i + 0.5)/f - 0.5 (half_pixel), rounded by nearest_mode; it must be
 * floor(i / f). */
static int repeats_pixels(const YtOnnx__NodeProto *proto, double factor)
{
    static const struct {
        const char *transformation, *rounding;
        double most; /* factor */
    } rows[] = {
        {"asymmetric", "floor", HUGE_VAL},
        {"asymmetric", "round_prefer_floor", 2},
        {"half_pixel", "round_prefer_floor", HUGE_VAL},
        {"half_pixel", "round_prefer_ceil", HUGE_VAL},
        {"pytorch_half_pixel", "round_prefer_floor", HUGE_VAL},
        {"pytorch_half_pixel", "round_prefer_ceil", HUGE_VAL},
    };
    if (strcmp(proto->op_type, "Upsample") == 0 || proto->n_input == 2)
        return 1; /* before opset 11: floor(i / scale) */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        if (factor <= rows[i].most &&
            yt_onnx_attr_is(proto, "coordinate_transformation_mode",
                            rows[i].transformation, "half_pixel") &&
            yt_onnx_attr_is(proto, "nearest_mode", rows[i].rounding,
                            "round_prefer_floor"))
            return 1;
    return 0;
}

/* Where it takes every pixel whose place a number divides, which needs no
 * rounding. */
static int drops_pixels(const YtOnnx__NodeProto *proto)
{
    return strcmp(proto->op_type, "Upsample") == 0 || proto->n_input == 2 ||
           yt_onnx_attr_is(proto, "coordinate_transformation_mode",
                           "asymmetric", "half_pixel");
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
        yt_onnx_input_value(scope, n, node->in_count == 2 ? 1 : 2);
    const struct yt_onnx_value *to = yt_onnx_input_value(scope, n, 3);
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
            if (!by && d == 0 && scales[d] == (double)scope->batch)
                scales[d] = 1; /* of one image */
            else if (!by)
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

/* Whether it is a resizing by a power of two, to be done by what graphs have:
 * doubling, and every so many pixels. */
static int is_power(const YtOnnx__NodeProto *proto, const double scales[4])
{
    const double factor = scales[2];
    int exponent = 0;
    if (!yt_onnx_attr_is(proto, "mode", "nearest", "nearest") ||
        scales[0] != 1 || scales[1] != 1 || scales[3] != factor ||
        !(factor > 0) || !(frexp(factor, &exponent) == 0.5))
        return 0;
    return factor >= 1
               ? factor <= 32 && repeats_pixels(proto, factor)
               : factor >= 1.0 / YT_ONNX_STRIDE_MAX && drops_pixels(proto);
}

/* By 4 is twice by 2. */
static enum yt_status add_doubled(struct yt_onnx_scope *scope, int32_t n,
                                  int32_t x, double factor)
{
    for (;; factor /= 2) {
        struct yt_onnx_net net = {.kind = YT_NODE_UPSAMPLE,
                                  .node = n,
                                  .inputs = {x},
                                  .input_count = 1,
                                  .c = scope->nets[x].c,
                                  .h = 2 * scope->nets[x].h,
                                  .w = 2 * scope->nets[x].w};
        if (factor <= 2)
            return yt_onnx_finish(scope, n, &net);
        YT_TRY(yt_onnx_net_add(scope, &net, &x));
    }
}

enum yt_status yt_onnx_visit_resize(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    double scales[4] = {0};
    YT_TRY(yt_onnx_feature_map(scope, n, &x));
    YT_TRY(read_scales(scope, n, &yt_onnx_input_value(scope, n, 0)->t, scales));
    char who[YT_ONNX_WHO_MAX];
    const double factor = scales[2];
    const int known = is_power(scope->nodes[n].proto, scales);
    const int64_t every = known && factor < 1 ? (int64_t)(1 / factor) : 1;
    YT_FAIL_IF(!known || scope->nets[x].h % every || scope->nets[x].w % every,
               YT_UNSUPPORTED,
               "%s isn't a resizing by a power of two that repeats or leaves "
               "out pixels",
               yt_onnx_who(scope, n, who));
    if (factor > 1)
        return add_doubled(scope, n, x, factor);
    if (factor == 1) {
        yt_onnx_lazy_alias(scope, n, scope->nodes[n].in[0]);
        return YT_OK;
    }
    const struct yt_onnx_window one = {.r = 1, .stride = every};
    const struct yt_onnx_net net = yt_onnx_mean_of(scope, n, x, &one);
    return yt_onnx_finish(scope, n, &net);
}
