/* The formulas of an anchor-free head's tail that sum along an axis: Softmax,
 * and the 1x1 convolution of what it makes, whose weights are the numbers of
 * the bins. A sum is computed when an element is asked. */

#include "model/onnx_lazy.h"
#include "runtime/fail.h"

/* Terms of a sum: the bins of a side of a box are 16. */
#define TERMS_MAX 256
/* Since when Softmax goes along its axis alone. */
#define OPSET_AXIS 13

enum yt_status yt_onnx_visit_softmax(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_value *in = &scope->values[scope->nodes[n].in[0]];
    const int64_t fallback = scope->opset < OPSET_AXIS ? 1 : -1;
    char who[YT_ONNX_WHO_MAX];
    yt_onnx_who(scope, n, who);
    YT_FAIL_IF(in->kind == YT_ONNX_NET, YT_UNSUPPORTED,
               "%s isn't supported: networks with attention don't run", who);
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_SOFTMAX);
    value->t = in->t;
    YT_TRY(yt_onnx_axis(
        scope, n, yt_onnx_attr_int(scope->nodes[n].proto, "axis", fallback),
        in->t.rank, &value->axis));
    YT_FAIL_IF(scope->opset < OPSET_AXIS && value->axis + 1 != in->t.rank,
               YT_UNSUPPORTED,
               "%s: a softmax over several axes, as opsets before %d have it",
               who, OPSET_AXIS);
    YT_FAIL_IF(in->t.dims[value->axis] > TERMS_MAX, YT_UNSUPPORTED,
               "%s: a softmax over %lld values, at most %d are possible", who,
               (long long)in->t.dims[value->axis], TERMS_MAX);
    return yt_onnx_lazy_end(scope, n, value);
}

int yt_onnx_reads_softmax(const struct yt_onnx_scope *scope, int32_t n)
{
    int32_t v = yt_onnx_input(scope, n, 0);
    while (v >= 0 && scope->values[v].kind == YT_ONNX_LAZY) {
        const struct yt_onnx_value *value = &scope->values[v];
        if (value->formula == YT_ONNX_SOFTMAX)
            return 1;
        if (value->formula != YT_ONNX_VIEW &&
            (value->formula != YT_ONNX_UNARY || value->fn.unary))
            return 0;
        v = value->in[0];
    }
    return 0;
}

enum yt_status yt_onnx_visit_dot(struct yt_onnx_scope *scope, int32_t n)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    const int32_t weights = yt_onnx_input(scope, n, 1);
    const struct yt_onnx_tensor *in = &scope->values[scope->nodes[n].in[0]].t;
    static const char *const attrs[] = {"strides", "pads"};
    char who[YT_ONNX_WHO_MAX];
    yt_onnx_who(scope, n, who);
    YT_FAIL_IF(weights < 0, YT_BAD_INPUT, "%s has no weights", who);
    const struct yt_onnx_tensor *w = &scope->values[weights].t;
    int is_plain = w->rank == 4 && w->dims[2] == 1 && w->dims[3] == 1 &&
                   in->rank == 4 && in->dims[1] == w->dims[1] &&
                   w->dims[1] <= TERMS_MAX && yt_onnx_input(scope, n, 2) < 0 &&
                   yt_onnx_attr_int(proto, "group", 1) == 1;
    for (int a = 0; a < 2; ++a) {
        const YtOnnx__AttributeProto *attr = yt_onnx_attr(proto, attrs[a]);
        for (size_t i = 0; attr && i < attr->n_ints; ++i)
            is_plain &= attr->ints[i] == (a == 0 ? 1 : 0);
    }
    YT_FAIL_IF(!is_plain, YT_UNSUPPORTED,
               "%s reads a softmax; only a sum over its channels can", who);
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_DOT);
    value->t = *in;
    value->t.dims[1] = w->dims[0];
    return yt_onnx_lazy_end(scope, n, value);
}
