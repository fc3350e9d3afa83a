/* The operators that only move elements, or tell shapes: each becomes steps
 * through its input, so a chain of them costs nothing until an element is
 * asked for. Arguments that later opsets turned from attributes into inputs
 * are read from wherever they are. */

#include <string.h>

#include "model/onnx_eval.h"
#include "model/onnx_lazy.h"
#include "runtime/fail.h"

static const struct yt_onnx_tensor *shape_of(const struct yt_onnx_scope *scope,
                                             int32_t n, int32_t i)
{
    return &scope->values[scope->nodes[n].in[i]].t;
}

/* The list argument @p i, or the attribute of that name; count -1: neither. */
static enum yt_status int_list(struct yt_onnx_scope *scope, int32_t n,
                               int32_t i, const char *attr_name,
                               int64_t ints[YT_ONNX_RANK_MAX],
                               int32_t *count_out)
{
    const int32_t v = yt_onnx_input(scope, n, i);
    if (v >= 0)
        return yt_onnx_ints(scope, v, ints, count_out);
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, attr_name);
    *count_out = -1;
    if (!attr)
        return YT_OK;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(attr->n_ints > YT_ONNX_RANK_MAX, YT_BAD_INPUT,
               "%s: %zu values in '%s'", yt_onnx_who(scope, n, who),
               attr->n_ints, attr_name);
    *count_out = (int32_t)attr->n_ints;
    if (attr->n_ints)
        memcpy(ints, attr->ints, attr->n_ints * sizeof *ints);
    return YT_OK;
}

/* The same elements in the same order under another shape. */
static enum yt_status same_elements(struct yt_onnx_scope *scope, int32_t n,
                                    const int64_t *dims, int32_t rank)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_UNARY);
    value->is_int = scope->values[scope->nodes[n].in[0]].is_int;
    value->t.rank = rank;
    memcpy(value->t.dims, dims, (size_t)rank * sizeof *dims);
    int64_t count = 0;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!yt_onnx_count(dims, rank, INT64_MAX, &count) ||
                   count != in->count,
               YT_BAD_INPUT, "%s: the new shape doesn't hold %lld elements",
               yt_onnx_who(scope, n, who), (long long)in->count);
    return yt_onnx_lazy_end(scope, n, value);
}

/* Whether input 0 had one place for each image before all but one were cut
 * off; exporters write such numbers down. */
static int is_of_batch(const struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_value *x = &scope->values[scope->nodes[n].in[0]];
    return x->t.rank > 0 && x->t.dims[0] == 1 &&
           (x->kind == YT_ONNX_NET || (x->kind == YT_ONNX_LAZY && !x->is_pure));
}

static enum yt_status visit_reshape(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    int64_t dims[YT_ONNX_RANK_MAX] = {0};
    int32_t rank = 0;
    YT_TRY(int_list(scope, n, 1, "shape", dims, &rank));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(rank < 0, YT_BAD_INPUT, "%s has no shape",
               yt_onnx_who(scope, n, who));
    const int zero_copies =
        yt_onnx_attr_int(scope->nodes[n].proto, "allowzero", 0) == 0;
    int32_t rest = -1;
    int64_t known = 1;
    if (is_of_batch(scope, n) && rank > 0 && dims[0] == scope->batch)
        dims[0] = 1;
    for (int32_t d = 0; d < rank; ++d) {
        if (dims[d] == 0 && zero_copies && d < in->rank)
            dims[d] = in->dims[d];
        if (dims[d] == -1 && rest < 0) {
            rest = d;
            continue;
        }
        YT_FAIL_IF(dims[d] < 0 || (dims[d] > 0 && known > INT64_MAX / dims[d]),
                   YT_BAD_INPUT, "%s: dimension %d of the new shape is %lld",
                   yt_onnx_who(scope, n, who), (int)d, (long long)dims[d]);
        known *= dims[d];
    }
    if (rest >= 0)
        dims[rest] = known > 0 ? in->count / known : 0;
    return same_elements(scope, n, dims, rank);
}

static enum yt_status visit_flatten(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    const int64_t axis = yt_onnx_attr_int(scope->nodes[n].proto, "axis", 1);
    int64_t dims[2] = {1, 1};
    for (int32_t d = 0; d < in->rank; ++d)
        dims[d >= (axis < 0 ? axis + in->rank : axis)] *= in->dims[d];
    return same_elements(scope, n, dims, 2);
}

static enum yt_status visit_squeeze(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    int64_t axes[YT_ONNX_RANK_MAX] = {0}, dims[YT_ONNX_RANK_MAX] = {0};
    int32_t count = 0, rank = 0;
    YT_TRY(int_list(scope, n, 1, "axes", axes, &count));
    unsigned drop = 0;
    for (int32_t i = 0; i < count; ++i) {
        int32_t axis = 0;
        YT_TRY(yt_onnx_axis(scope, n, axes[i], in->rank, &axis));
        drop |= 1u << axis;
    }
    for (int32_t d = 0; d < in->rank; ++d) {
        if (count < 0 ? in->dims[d] != 1 : !(drop >> d & 1))
            dims[rank++] = in->dims[d];
    }
    return same_elements(scope, n, dims, rank);
}

static enum yt_status visit_unsqueeze(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    int64_t axes[YT_ONNX_RANK_MAX] = {0}, dims[YT_ONNX_RANK_MAX] = {0};
    int32_t count = 0;
    YT_TRY(int_list(scope, n, 1, "axes", axes, &count));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(count < 0 || in->rank + count > YT_ONNX_RANK_MAX, YT_BAD_INPUT,
               "%s: no axes, or more than %d dimensions",
               yt_onnx_who(scope, n, who), YT_ONNX_RANK_MAX);
    const int32_t rank = in->rank + count;
    unsigned fresh = 0;
    for (int32_t i = 0; i < count; ++i) {
        int32_t axis = 0;
        YT_TRY(yt_onnx_axis(scope, n, axes[i], rank, &axis));
        YT_FAIL_IF(fresh >> axis & 1, YT_BAD_INPUT, "%s names axis %d twice",
                   yt_onnx_who(scope, n, who), (int)axis);
        fresh |= 1u << axis;
    }
    for (int32_t d = 0, from = 0; d < rank; ++d)
        dims[d] = fresh >> d & 1 ? 1 : in->dims[from++];
    return same_elements(scope, n, dims, rank);
}

static enum yt_status visit_transpose(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    int64_t perm[YT_ONNX_RANK_MAX] = {0}, strides[YT_ONNX_RANK_MAX] = {0};
    int32_t count = 0;
    YT_TRY(int_list(scope, n, INT32_MAX, "perm", perm, &count));
    if (count < 0) {
        count = in->rank;
        for (int32_t d = 0; d < count; ++d)
            perm[d] = count - 1 - d;
    }
    unsigned seen = 0;
    for (int32_t d = 0; d < count; ++d)
        if (perm[d] >= 0 && perm[d] < in->rank)
            seen |= 1u << perm[d];
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(count != in->rank || seen + 1 != 1u << in->rank, YT_BAD_INPUT,
               "%s: 'perm' isn't a permutation of %d dimensions",
               yt_onnx_who(scope, n, who), (int)in->rank);
    yt_onnx_strides(in, strides);
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_VIEW);
    value->is_int = scope->values[scope->nodes[n].in[0]].is_int;
    value->t.rank = in->rank;
    for (int32_t d = 0; d < in->rank; ++d) {
        value->t.dims[d] = in->dims[perm[d]];
        value->steps[0][d] = strides[perm[d]];
    }
    return yt_onnx_lazy_end(scope, n, value);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static enum yt_status visit_slice(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    int64_t starts[YT_ONNX_RANK_MAX] = {0}, ends[YT_ONNX_RANK_MAX] = {0};
    int64_t axes[YT_ONNX_RANK_MAX] = {0}, steps[YT_ONNX_RANK_MAX] = {0};
    int32_t count = 0, end_count = 0, axis_count = 0, step_count = 0;
    YT_TRY(int_list(scope, n, 1, "starts", starts, &count));
    YT_TRY(int_list(scope, n, 2, "ends", ends, &end_count));
    YT_TRY(int_list(scope, n, 3, "axes", axes, &axis_count));
    YT_TRY(int_list(scope, n, 4, "steps", steps, &step_count));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(count < 0 || count != end_count || count > in->rank ||
                   (axis_count >= 0 && axis_count != count) ||
                   (step_count >= 0 && step_count != count),
               YT_BAD_INPUT, "%s: starts, ends, axes and steps don't match",
               yt_onnx_who(scope, n, who));

    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_VIEW);
    value->is_int = scope->values[scope->nodes[n].in[0]].is_int;
    value->t = *in;
    yt_onnx_strides(in, value->steps[0]);
    unsigned seen = 0;
    for (int32_t i = 0; i < count; ++i) {
        int32_t d = i;
        if (axis_count >= 0)
            YT_TRY(yt_onnx_axis(scope, n, axes[i], in->rank, &d));
        const int64_t size = in->dims[d];
        const int64_t step =
            step_count < 0 ? 1 : clamp(steps[i], -size - 1, size + 1);
        YT_FAIL_IF(step == 0 || seen >> d & 1, YT_BAD_INPUT,
                   "%s: a step of 0 or an axis named twice",
                   yt_onnx_who(scope, n, who));
        seen |= 1u << d;
        int64_t start = starts[i] < 0 ? starts[i] + size : starts[i];
        int64_t end = ends[i] < 0 ? ends[i] + size : ends[i];
        int64_t length;
        if (step > 0) {
            start = clamp(start, 0, size);
            end = clamp(end, 0, size);
            length = (end - start + step - 1) / step;
        } else {
            start = clamp(start, 0, size > 0 ? size - 1 : 0);
            end = clamp(end, -1, size - 1);
            length = (start - end - step - 1) / -step;
        }
        value->t.dims[d] = length > 0 ? length : 0;
        value->base += start * value->steps[0][d];
        value->steps[0][d] *= step;
    }
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_split(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    const struct yt_onnx_node *node = &scope->nodes[n];
    int64_t sizes[YT_ONNX_RANK_MAX] = {0};
    int32_t count = 0, axis = 0;
    YT_TRY(yt_onnx_axis(scope, n, yt_onnx_attr_int(node->proto, "axis", 0),
                        in->rank, &axis));
    YT_TRY(int_list(scope, n, 1, "split", sizes, &count));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(node->out_count > YT_ONNX_RANK_MAX ||
                   (count >= 0 && count != node->out_count),
               YT_BAD_INPUT, "%s: %d sizes for %d outputs",
               yt_onnx_who(scope, n, who), (int)count, (int)node->out_count);
    /* Without sizes the parts are equal, the last one takes what is left. */
    const int64_t equal =
        (in->dims[axis] + node->out_count - 1) / node->out_count;
    int64_t at = 0;
    for (int32_t i = 0; i < node->out_count; ++i) {
        const int64_t left = in->dims[axis] - at;
        const int64_t size = count >= 0      ? sizes[i]
                             : equal <= left ? equal
                                             : left;
        YT_FAIL_IF(size < 0 || size > left, YT_BAD_INPUT,
                   "%s: part %d of %lld passes the end",
                   yt_onnx_who(scope, n, who), (int)i, (long long)size);
        struct yt_onnx_value *value =
            yt_onnx_lazy_begin(scope, n, i, YT_ONNX_VIEW);
        if (value) {
            value->is_int = scope->values[node->in[0]].is_int;
            value->t = *in;
            value->t.dims[axis] = size;
            yt_onnx_strides(in, value->steps[0]);
            value->base = at * value->steps[0][axis];
            YT_TRY(yt_onnx_lazy_end(scope, n, value));
        }
        at += size;
    }
    YT_FAIL_IF(at != in->dims[axis], YT_BAD_INPUT,
               "%s: the parts don't add up to %lld", yt_onnx_who(scope, n, who),
               (long long)in->dims[axis]);
    return YT_OK;
}

static enum yt_status visit_expand(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    struct yt_onnx_tensor wanted = {0};
    YT_TRY(
        yt_onnx_ints(scope, scope->nodes[n].in[1], wanted.dims, &wanted.rank));
    char who[YT_ONNX_WHO_MAX];
    for (int32_t d = 0; d < wanted.rank; ++d)
        YT_FAIL_IF(wanted.dims[d] < 0, YT_BAD_INPUT,
                   "%s: dimension %d of the new shape is %lld",
                   yt_onnx_who(scope, n, who), (int)d,
                   (long long)wanted.dims[d]);
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_VIEW);
    value->is_int = scope->values[scope->nodes[n].in[0]].is_int;
    value->t = *in;
    YT_TRY(yt_onnx_broadcast(scope, n, &wanted, &value->t));
    yt_onnx_broadcast_steps(in, &value->t, value->steps[0]);
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_concat(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const struct yt_onnx_tensor *first = shape_of(scope, n, 0);
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_JOIN);
    value->is_int = scope->values[node->in[0]].is_int;
    value->t = *first;
    YT_TRY(yt_onnx_axis(scope, n, yt_onnx_attr_int(node->proto, "axis", 0),
                        first->rank, &value->axis));
    value->t.dims[value->axis] = 0;
    char who[YT_ONNX_WHO_MAX];
    for (int32_t i = 0; i < node->in_count; ++i) {
        YT_FAIL_IF(node->in[i] < 0, YT_BAD_INPUT, "%s lacks input %d",
                   yt_onnx_who(scope, n, who), (int)i);
        const struct yt_onnx_tensor *part = shape_of(scope, n, i);
        int same = part->rank == first->rank;
        for (int32_t d = 0; same && d < first->rank; ++d)
            same = d == value->axis || part->dims[d] == first->dims[d];
        YT_FAIL_IF(!same, YT_BAD_INPUT,
                   "%s joins shapes that differ beyond axis %d",
                   yt_onnx_who(scope, n, who), (int)value->axis);
        value->t.dims[value->axis] += part->dims[value->axis];
    }
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_gather(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const struct yt_onnx_tensor *data = shape_of(scope, n, 0);
    const struct yt_onnx_tensor *picks = shape_of(scope, n, 1);
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_GATHER);
    value->is_int = scope->values[node->in[0]].is_int;
    YT_TRY(yt_onnx_axis(scope, n, yt_onnx_attr_int(node->proto, "axis", 0),
                        data->rank, &value->axis));
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(data->rank - 1 + picks->rank > YT_ONNX_RANK_MAX, YT_UNSUPPORTED,
               "%s makes more than %d dimensions", yt_onnx_who(scope, n, who),
               YT_ONNX_RANK_MAX);
    int32_t rank = 0;
    for (int32_t d = 0; d < value->axis; ++d)
        value->t.dims[rank++] = data->dims[d];
    for (int32_t d = 0; d < picks->rank; ++d)
        value->t.dims[rank++] = picks->dims[d];
    for (int32_t d = value->axis + 1; d < data->rank; ++d)
        value->t.dims[rank++] = data->dims[d];
    value->t.rank = rank;
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_shape(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_tensor *in = shape_of(scope, n, 0);
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    int64_t start = yt_onnx_attr_int(proto, "start", 0);
    int64_t end = yt_onnx_attr_int(proto, "end", in->rank);
    start = clamp(start < 0 ? start + in->rank : start, 0, in->rank);
    end = clamp(end < 0 ? end + in->rank : end, start, in->rank);
    yt_onnx_lazy_set_ints(scope, n, in->dims + start, (int32_t)(end - start));
    return YT_OK;
}

static enum yt_status visit_fill(struct yt_onnx_scope *scope, int32_t n)
{
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, "value");
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_RANGE);
    YT_TRY(yt_onnx_ints(scope, scope->nodes[n].in[0], value->t.dims,
                        &value->t.rank));
    if (attr && attr->t) {
        struct yt_onnx_tensor fill;
        YT_TRY(yt_onnx_tensor_view(attr->t, value->name, &fill));
        char who[YT_ONNX_WHO_MAX];
        YT_FAIL_IF(fill.count != 1, YT_BAD_INPUT, "%s fills with %lld values",
                   yt_onnx_who(scope, n, who), (long long)fill.count);
        value->start = yt_onnx_tensor_at(&fill, 0);
        value->is_int = yt_onnx_tensor_is_int(&fill);
    }
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_range(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t *in = scope->nodes[n].in;
    double start = 0, limit = 0, delta = 0;
    YT_TRY(yt_onnx_scalar(scope, in[0], &start));
    YT_TRY(yt_onnx_scalar(scope, in[1], &limit));
    YT_TRY(yt_onnx_scalar(scope, in[2], &delta));
    const double length = (limit - start) / delta;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!(length <= INT32_MAX), YT_BAD_INPUT,
               "%s counts from %g to %g by %g", yt_onnx_who(scope, n, who),
               start, limit, delta);
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_RANGE);
    value->is_int = scope->values[in[0]].is_int;
    value->t.rank = 1;
    if (length > 0) {
        value->t.dims[0] = (int64_t)length;
        value->t.dims[0] += (double)value->t.dims[0] < length;
    }
    value->start = start;
    value->delta = delta;
    return yt_onnx_lazy_end(scope, n, value);
}

const struct yt_onnx_op yt_onnx_moves[] = {
    {"Reshape", 1, visit_reshape},     {"Flatten", 1, visit_flatten},
    {"Squeeze", 1, visit_squeeze},     {"Unsqueeze", 1, visit_unsqueeze},
    {"Transpose", 1, visit_transpose}, {"Slice", 1, visit_slice},
    {"Split", 1, visit_split},         {"Expand", 2, visit_expand},
    {"Concat", 1, visit_concat},       {"Gather", 2, visit_gather},
    {"Shape", 1, visit_shape},         {"ConstantOfShape", 1, visit_fill},
    {"Range", 3, visit_range},         {NULL, 0, NULL},
};
