/* See onnx_pad.h. The operator: onnx.ai/onnx, Pad. */

#include "model/onnx_pad.h"

#include <string.h>

#include "model/onnx_eval.h"
#include "model/onnx_lazy.h"
#include "model/onnx_window.h"
#include "runtime/fail.h"

/* Zeros before and behind each of the four axes: of an input, or, before opset
 * 11, an attribute. */
static enum yt_status read_zeros(struct yt_onnx_scope *scope, int32_t n,
                                 int64_t zeros[8])
{
    const int32_t list = yt_onnx_input(scope, n, 1);
    const int32_t which = yt_onnx_input(scope, n, 3);
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, "pads");
    int64_t ints[YT_ONNX_RANK_MAX] = {0}, axes[YT_ONNX_RANK_MAX] = {0, 1, 2, 3};
    int32_t count = 8, axis_count = 4;
    char who[YT_ONNX_WHO_MAX];
    if (list >= 0)
        YT_TRY(yt_onnx_ints(scope, list, ints, &count));
    else if (attr && attr->n_ints == 8)
        memcpy(ints, attr->ints, sizeof ints);
    else
        count = 0;
    if (which >= 0)
        YT_TRY(yt_onnx_ints(scope, which, axes, &axis_count));
    YT_FAIL_IF(axis_count > 4 || count != 2 * axis_count, YT_BAD_INPUT,
               "%s: %d numbers say how %d axes are padded",
               yt_onnx_who(scope, n, who), (int)count, (int)axis_count);
    for (int32_t i = 0; i < axis_count; ++i) {
        int32_t axis = 0;
        YT_TRY(yt_onnx_axis(scope, n, axes[i], 4, &axis));
        zeros[axis] = ints[i];
        zeros[axis + 4] = ints[i + axis_count];
    }
    return YT_OK;
}

static int is_nothing(const int64_t zeros[8])
{
    for (int32_t i = 0; i < 8; ++i)
        if (zeros[i])
            return 0;
    return 1;
}

/* It is said to be a convolution, which none of its kind gets to be: those that
 * read it count its zeros as their own. */
enum yt_status yt_onnx_visit_pad(struct yt_onnx_scope *scope, int32_t n)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    const int32_t filled = yt_onnx_input(scope, n, 2);
    const YtOnnx__AttributeProto *attr = yt_onnx_attr(proto, "value");
    int64_t zeros[8] = {0};
    double value = attr && attr->has_f ? (double)attr->f : 0;
    int32_t x = 0;
    char who[YT_ONNX_WHO_MAX];
    YT_TRY(yt_onnx_feature_map(scope, n, &x));
    YT_TRY(read_zeros(scope, n, zeros));
    if (is_nothing(zeros)) {
        yt_onnx_lazy_alias(scope, n, scope->nodes[n].in[0]);
        return YT_OK;
    }
    if (filled >= 0)
        YT_TRY(yt_onnx_scalar(scope, filled, &value));
    const struct yt_onnx_value *in = yt_onnx_input_value(scope, n, 0);
    YT_FAIL_IF(in->code == YT_ONNX_CODES && in->code_node >= 0, YT_UNSUPPORTED,
               "%s pads codes whose zero point is measured as it runs",
               yt_onnx_who(scope, n, who));
    const double nothing = in->code == YT_ONNX_CODES ? in->code_zero : 0;
    YT_FAIL_IF(!yt_onnx_attr_is(proto, "mode", "constant", "constant") ||
                   !(value == nothing),
               YT_UNSUPPORTED, "%s pads with something else than zeros",
               yt_onnx_who(scope, n, who));
    struct yt_onnx_net net = {.kind = YT_NODE_CONV,
                              .node = n,
                              .inputs = {x},
                              .input_count = 1,
                              .c = scope->nets[x].c,
                              .r = 1,
                              .stride = 1,
                              .weights = -1,
                              .bias = -1,
                              .picks = -1,
                              .is_padding = 1};
    for (int32_t i = 0; i < 8; ++i)
        YT_FAIL_IF(zeros[i] < 0 ||
                       zeros[i] > (i % 4 < 2 ? 0 : YT_ONNX_WINDOW_MAX),
                   YT_UNSUPPORTED,
                   "%s adds %lld places to an axis; up to %d rows and columns "
                   "are possible",
                   yt_onnx_who(scope, n, who), (long long)zeros[i],
                   YT_ONNX_WINDOW_MAX);
    for (int32_t i = 0; i < 4; ++i)
        net.zeros[i] = (int32_t)zeros[i / 2 * 4 + 2 + i % 2];
    if (scope->nets[x].is_padding && !scope->nets[x].has_norm) {
        net.inputs[0] = scope->nets[x].inputs[0];
        for (int32_t i = 0; i < 4; ++i)
            net.zeros[i] += scope->nets[x].zeros[i];
    }
    net.h = scope->nets[x].h + zeros[2] + zeros[6];
    net.w = scope->nets[x].w + zeros[3] + zeros[7];
    return yt_onnx_finish(scope, n, &net);
}
