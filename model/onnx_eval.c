/* Pull evaluation: an element asks its inputs for the elements it needs. No
 * tensor is ever stored, so shapes of any size cost nothing; the number of
 * steps is bounded instead, since a formula can name its input twice at every
 * level. */

#include "model/onnx_eval.h"

#include <assert.h>
#include <math.h>

#include "base/random.h"
#include "runtime/fail.h"

double yt_onnx_noise(int32_t net, int64_t index)
{
    /* The index-th number of the sequence that begins at the net. */
    uint64_t state = (uint64_t)net + (uint64_t)(index - 1) * YT_RANDOM_STEP;
    return (double)(yt_random_next(&state) >> 11) * 0x1p-51 - 2;
}

static double fail(struct yt_onnx_probe *probe, enum yt_status status)
{
    if (probe->status == YT_OK)
        probe->status = status;
    return 0;
}

static double read_net(struct yt_onnx_probe *probe,
                       const struct yt_onnx_value *value, int64_t index)
{
    if (probe->net_reads == 0 || probe->net != value->net ||
        probe->net_index != index)
        ++probe->net_reads;
    if (probe->net_reads == 1 || index < probe->least_index)
        probe->least_index = index;
    probe->net = value->net;
    probe->net_index = index;
    switch (probe->stand_in) {
    case YT_ONNX_NO_IMAGE:
        return fail(probe,
                    yt_fail(YT_UNSUPPORTED,
                            "'%.80s' depends on the image where a constant "
                            "is expected",
                            value->name));
    case YT_ONNX_ZEROS:
        return 0;
    case YT_ONNX_NOISE:
        return yt_onnx_noise(value->net, index);
    case YT_ONNX_GIVEN:
        return probe->given;
    }
    return 0;
}

/* Row-major index into indices along each dimension. */
static void unravel(const struct yt_onnx_tensor *t, int64_t index,
                    int64_t at[YT_ONNX_RANK_MAX])
{
    for (int32_t d = t->rank - 1; d >= 0; --d) {
        at[d] = index % t->dims[d];
        index /= t->dims[d];
    }
}

static int64_t dot(const int64_t *at, const int64_t *steps, int32_t rank)
{
    int64_t sum = 0;
    for (int32_t d = 0; d < rank; ++d)
        sum += at[d] * steps[d];
    return sum;
}

/* Elements after one step along @p axis. */
static int64_t inner_elems(const struct yt_onnx_tensor *t, int32_t axis)
{
    int64_t inner = 1;
    for (int32_t d = axis + 1; d < t->rank; ++d)
        inner *= t->dims[d];
    return inner;
}

static double eval_join(struct yt_onnx_probe *probe,
                        const struct yt_onnx_value *value, int64_t index)
{
    const int64_t inner = inner_elems(&value->t, value->axis);
    const int64_t along = value->t.dims[value->axis];
    const int64_t outer = index / (inner * along);
    int64_t at = index / inner % along;
    for (int32_t i = 0; i < value->in_count; ++i) {
        const struct yt_onnx_tensor *part =
            &probe->scope->values[value->in[i]].t;
        const int64_t part_along = part->dims[value->axis];
        if (at < part_along)
            return yt_onnx_eval(probe, value->in[i],
                                (outer * part_along + at) * inner +
                                    index % inner);
        at -= part_along;
    }
    assert(!"the parts add up to the whole");
    return 0;
}

static double eval_gather(struct yt_onnx_probe *probe,
                          const struct yt_onnx_value *value, int64_t index)
{
    const struct yt_onnx_tensor *data = &probe->scope->values[value->in[0]].t;
    const int64_t picks = probe->scope->values[value->in[1]].t.count;
    const int64_t inner = inner_elems(data, value->axis);
    const int64_t along = data->dims[value->axis];
    double at = yt_onnx_eval(probe, value->in[1], index / inner % picks);
    if (at < 0)
        at += (double)along;
    if (!(at >= 0 && at < (double)along))
        return fail(probe,
                    yt_fail(YT_BAD_INPUT, "'%.80s' gathers element %g of %lld",
                            value->name, at, (long long)along));
    const int64_t outer = index / (inner * picks);
    return yt_onnx_eval(probe, value->in[0],
                        (outer * along + (int64_t)at) * inner + index % inner);
}

/* Halves go to the even code, as ONNX says of QuantizeLinear. */
static double eval_codes(struct yt_onnx_probe *probe,
                         const struct yt_onnx_value *value, int64_t index)
{
    const int32_t rank = value->t.rank;
    int64_t at[YT_ONNX_RANK_MAX] = {0};
    unravel(&value->t, index, at);
    const double x = yt_onnx_eval(probe, value->in[0], index);
    const double scale =
        yt_onnx_eval(probe, value->in[1], dot(at, value->steps[1], rank));
    const double zero =
        value->in_count > 2 && value->in[2] >= 0
            ? yt_onnx_eval(probe, value->in[2], dot(at, value->steps[2], rank))
            : 0;
    return value->formula == YT_ONNX_DEQUANTISE
               ? (x - zero) * scale
               : fmin(fmax(rint(x / scale) + zero, value->low), value->high);
}

/* Who asks for one element of a row mostly asks for the next: the sum of the
 * last row is kept. */
static double eval_softmax(struct yt_onnx_probe *probe,
                           const struct yt_onnx_value *value, int64_t index)
{
    const int64_t inner = inner_elems(&value->t, value->axis);
    const int64_t along = value->t.dims[value->axis];
    const int64_t row = index / (inner * along) * inner * along + index % inner;
    if (probe->sum_of != value || probe->sum_row != row) {
        double sum = 0;
        for (int64_t i = 0; i < along; ++i)
            sum += exp(yt_onnx_eval(probe, value->in[0], row + i * inner));
        probe->sum_of = value;
        probe->sum_row = row;
        probe->sum = sum;
    }
    const double sum = probe->sum;
    return exp(yt_onnx_eval(probe, value->in[0], index)) / sum;
}

static double eval_dot(struct yt_onnx_probe *probe,
                       const struct yt_onnx_value *value, int64_t index)
{
    const int64_t c = probe->scope->values[value->in[0]].t.dims[1];
    const int64_t inner = inner_elems(&value->t, 1);
    const int64_t k = index / inner % value->t.dims[1];
    const int64_t n = index / inner / value->t.dims[1];
    double sum = 0;
    for (int64_t i = 0; i < c; ++i)
        sum += yt_onnx_eval(probe, value->in[1], k * c + i) *
               yt_onnx_eval(probe, value->in[0],
                            (n * c + i) * inner + index % inner);
    return sum;
}

static double eval_lazy(struct yt_onnx_probe *probe,
                        const struct yt_onnx_value *value, int64_t index)
{
    const int32_t rank = value->t.rank;
    int64_t at[YT_ONNX_RANK_MAX] = {0};
    switch (value->formula) {
    case YT_ONNX_UNARY: {
        const double x = yt_onnx_eval(probe, value->in[0], index);
        return value->fn.unary ? value->fn.unary(x) : x;
    }
    case YT_ONNX_CLIP:
        return fmin(fmax(yt_onnx_eval(probe, value->in[0], index), value->low),
                    value->high);
    case YT_ONNX_LEAKY: {
        const double x = yt_onnx_eval(probe, value->in[0], index);
        return x < 0 ? x * value->slope : x;
    }
    case YT_ONNX_VIEW:
        unravel(&value->t, index, at);
        return yt_onnx_eval(probe, value->in[0],
                            value->base + dot(at, value->steps[0], rank));
    case YT_ONNX_BINARY: {
        unravel(&value->t, index, at);
        const double x =
            yt_onnx_eval(probe, value->in[0], dot(at, value->steps[0], rank));
        const double y =
            yt_onnx_eval(probe, value->in[1], dot(at, value->steps[1], rank));
        return value->fn.binary(x, y);
    }
    case YT_ONNX_SELECT: {
        unravel(&value->t, index, at);
        const int which = yt_onnx_eval(probe, value->in[0],
                                       dot(at, value->steps[0], rank)) != 0
                              ? 1
                              : 2;
        return yt_onnx_eval(probe, value->in[which],
                            dot(at, value->steps[which], rank));
    }
    case YT_ONNX_JOIN:
        return eval_join(probe, value, index);
    case YT_ONNX_GATHER:
        return eval_gather(probe, value, index);
    case YT_ONNX_SOFTMAX:
        return eval_softmax(probe, value, index);
    case YT_ONNX_DOT:
        return eval_dot(probe, value, index);
    case YT_ONNX_RANGE:
        return value->start + (double)index * value->delta;
    case YT_ONNX_QUANTISE:
    case YT_ONNX_DEQUANTISE:
        return eval_codes(probe, value, index);
    }
    return 0;
}

double yt_onnx_eval(struct yt_onnx_probe *probe, int32_t v, int64_t index)
{
    const struct yt_onnx_value *value = &probe->scope->values[v];
    if (probe->status != YT_OK)
        return 0;
    assert(index >= 0 && index < value->t.count);
    const uint64_t steps =
        value->formula == YT_ONNX_JOIN ? 1 + (uint64_t)value->in_count : 1;
    if (probe->scope->steps_left < steps)
        return fail(probe, yt_fail(YT_UNSUPPORTED,
                                   "computing '%.80s' takes more steps than "
                                   "any YOLOv5 export",
                                   value->name));
    probe->scope->steps_left -= steps;
    switch (value->kind) {
    case YT_ONNX_CONST:
        return yt_onnx_tensor_at(&value->t, index);
    case YT_ONNX_NET:
        return read_net(probe, value, index);
    case YT_ONNX_LAZY:
        return eval_lazy(probe, value, index);
    case YT_ONNX_UNKNOWN:
        break;
    }
    assert(!"inputs are visited before what reads them");
    return 0;
}

enum yt_status yt_onnx_ints(struct yt_onnx_scope *scope, int32_t v,
                            int64_t ints[YT_ONNX_RANK_MAX], int32_t *count_out)
{
    const struct yt_onnx_value *value = &scope->values[v];
    YT_FAIL_IF(value->t.rank > 1 || value->t.count > YT_ONNX_RANK_MAX,
               YT_BAD_INPUT,
               "'%.80s' is used as a list of dimensions but has %lld elements",
               value->name, (long long)value->t.count);
    struct yt_onnx_probe probe = {.scope = scope};
    for (int32_t i = 0; i < value->t.count; ++i) {
        /* Exact up to 2^53, past any dimension; "to the end" is 2^63 - 1. */
        const double x = yt_onnx_eval(&probe, v, i);
        YT_TRY(probe.status);
        YT_FAIL_IF(isnan(x), YT_BAD_INPUT, "'%.80s' is not a number",
                   value->name);
        if (x >= 0x1p62)
            ints[i] = INT64_MAX;
        else if (x <= -0x1p62)
            ints[i] = INT64_MIN;
        else
            ints[i] = (int64_t)x;
    }
    *count_out = (int32_t)value->t.count;
    return YT_OK;
}

enum yt_status yt_onnx_scalar(struct yt_onnx_scope *scope, int32_t v,
                              double *scalar_out)
{
    YT_FAIL_IF(scope->values[v].t.count != 1, YT_BAD_INPUT,
               "'%.80s' has %lld elements where one is expected",
               scope->values[v].name, (long long)scope->values[v].t.count);
    struct yt_onnx_probe probe = {.scope = scope};
    *scalar_out = yt_onnx_eval(&probe, v, 0);
    return probe.status;
}
