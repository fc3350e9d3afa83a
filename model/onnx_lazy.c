/* LAZY values: how one is begun and ended, and the elementwise operators. */

#include "model/onnx_lazy.h"

#include <math.h>
#include <string.h>

#include "model/onnx_eval.h"
#include "runtime/fail.h"

/* Formulas are evaluated by recursion; a decode tail that computes its own
 * grid is about 25 deep. */
#define DEPTH_MAX 128
#define COUNT_MAX ((int64_t)1 << 40)

int32_t yt_onnx_input(const struct yt_onnx_scope *scope, int32_t n, int32_t i)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    return i < node->in_count ? node->in[i] : -1;
}

struct yt_onnx_value *yt_onnx_lazy_begin(struct yt_onnx_scope *scope, int32_t n,
                                         int32_t i,
                                         enum yt_onnx_formula formula)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    if (i >= node->out_count || node->out[i] < 0)
        return NULL;
    struct yt_onnx_value *value = &scope->values[node->out[i]];
    value->kind = YT_ONNX_LAZY;
    value->formula = formula;
    value->op = node->proto->op_type;
    value->in = node->in;
    value->in_count = node->in_count;
    value->depth = 1;
    value->is_pure = 1;
    for (int32_t k = 0; k < node->in_count; ++k) {
        if (node->in[k] < 0)
            continue;
        const struct yt_onnx_value *in = &scope->values[node->in[k]];
        if (in->kind == YT_ONNX_LAZY && in->depth >= value->depth)
            value->depth = in->depth + 1;
        if (in->kind == YT_ONNX_NET ||
            (in->kind == YT_ONNX_LAZY && !in->is_pure))
            value->is_pure = 0;
    }
    return value;
}

enum yt_status yt_onnx_lazy_end(struct yt_onnx_scope *scope, int32_t n,
                                struct yt_onnx_value *value)
{
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!yt_onnx_count(value->t.dims, value->t.rank, COUNT_MAX,
                              &value->t.count),
               YT_BAD_INPUT, "%s makes a value of impossible size",
               yt_onnx_who(scope, n, who));
    YT_FAIL_IF(value->depth > DEPTH_MAX, YT_UNSUPPORTED,
               "%s ends a computation of more than %d steps, more than any "
               "YOLOv5 export has",
               yt_onnx_who(scope, n, who), DEPTH_MAX);
    if (!value->is_pure || value->t.count > YT_ONNX_FOLD_MAX)
        return YT_OK;

    struct yt_onnx_probe probe = {.scope = scope};
    double fold[YT_ONNX_FOLD_MAX] = {0};
    for (int64_t i = 0; i < value->t.count; ++i)
        fold[i] = yt_onnx_eval(&probe, (int32_t)(value - scope->values), i);
    YT_TRY(probe.status);
    memcpy(value->fold, fold, sizeof fold);
    value->kind = YT_ONNX_CONST;
    value->t.storage = YT_ONNX_F64;
    value->t.data = value->fold;
    return YT_OK;
}

void yt_onnx_lazy_alias(struct yt_onnx_scope *scope, int32_t n, int32_t v)
{
    const struct yt_onnx_value *from = &scope->values[v];
    struct yt_onnx_value *to = &scope->values[scope->nodes[n].out[0]];
    const char *name = to->name;
    const int32_t producer = to->producer;
    *to = *from;
    to->name = name;
    to->producer = producer;
    to->initializer = NULL;
    if (from->t.data == from->fold)
        to->t.data = to->fold;
}

void yt_onnx_lazy_set_ints(struct yt_onnx_scope *scope, int32_t n,
                           const int64_t *ints, int32_t count)
{
    struct yt_onnx_value *value = &scope->values[scope->nodes[n].out[0]];
    value->kind = YT_ONNX_CONST;
    value->is_int = 1;
    value->t.rank = 1;
    value->t.dims[0] = value->t.count = count;
    value->t.storage = YT_ONNX_F64;
    value->t.data = value->fold;
    for (int32_t i = 0; i < count; ++i)
        value->fold[i] = (double)ints[i];
}

void yt_onnx_lazy_set_number(struct yt_onnx_scope *scope, int32_t n, int32_t i,
                             double number)
{
    struct yt_onnx_value *value = &scope->values[scope->nodes[n].out[i]];
    value->kind = YT_ONNX_CONST;
    value->t = (struct yt_onnx_tensor){
        .count = 1, .storage = YT_ONNX_F64, .data = value->fold};
    value->fold[0] = number;
}

enum yt_status yt_onnx_axis(const struct yt_onnx_scope *scope, int32_t n,
                            int64_t axis, int32_t rank, int32_t *axis_out)
{
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(axis < -rank || axis >= rank, YT_BAD_INPUT,
               "%s: axis %lld of a value with %d dimensions",
               yt_onnx_who(scope, n, who), (long long)axis, (int)rank);
    *axis_out = (int32_t)(axis < 0 ? axis + rank : axis);
    return YT_OK;
}

void yt_onnx_strides(const struct yt_onnx_tensor *t,
                     int64_t strides[YT_ONNX_RANK_MAX])
{
    int64_t step = 1;
    for (int32_t d = t->rank - 1; d >= 0; --d) {
        strides[d] = step;
        step *= t->dims[d];
    }
}

enum yt_status yt_onnx_broadcast(const struct yt_onnx_scope *scope, int32_t n,
                                 const struct yt_onnx_tensor *t,
                                 struct yt_onnx_tensor *out)
{
    const int32_t rank = t->rank > out->rank ? t->rank : out->rank;
    int64_t dims[YT_ONNX_RANK_MAX] = {0};
    for (int32_t d = 0; d < rank; ++d) {
        const int32_t dt = d - (rank - t->rank), dout = d - (rank - out->rank);
        const int64_t a = dt < 0 ? 1 : t->dims[dt];
        const int64_t b = dout < 0 ? 1 : out->dims[dout];
        char who[YT_ONNX_WHO_MAX];
        YT_FAIL_IF(a != b && a != 1 && b != 1, YT_BAD_INPUT,
                   "%s combines shapes that differ: %lld and %lld in "
                   "dimension %d",
                   yt_onnx_who(scope, n, who), (long long)b, (long long)a,
                   (int)d);
        dims[d] = a == 1 ? b : a;
    }
    memcpy(out->dims, dims, sizeof dims);
    out->rank = rank;
    return YT_OK;
}

void yt_onnx_broadcast_steps(const struct yt_onnx_tensor *t,
                             const struct yt_onnx_tensor *out,
                             int64_t steps[YT_ONNX_RANK_MAX])
{
    int64_t strides[YT_ONNX_RANK_MAX] = {0};
    yt_onnx_strides(t, strides);
    for (int32_t d = 0; d < out->rank; ++d) {
        const int32_t dt = d - (out->rank - t->rank);
        steps[d] = dt < 0 || t->dims[dt] == 1 ? 0 : strides[dt];
    }
}

static double fn_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double fn_hard_sigmoid(double x)
{
    return yt_act_value(YT_ACT_HARDSIGMOID, 0, x);
}
static double fn_hard_swish(double x)
{
    return yt_act_value(YT_ACT_HARDSWISH, 0, x);
}
static double fn_mish(double x)
{
    return yt_act_value(YT_ACT_MISH, 0, x);
}
static double fn_relu(double x)
{
    return fmax(x, 0);
}
static double fn_softplus(double x)
{
    return log1p(exp(x));
}
static double fn_negate(double x)
{
    return -x;
}
static double fn_is_set(double x)
{
    return x != 0;
}
static double fn_add(double x, double y)
{
    return x + y;
}
static double fn_sub(double x, double y)
{
    return x - y;
}
static double fn_mul(double x, double y)
{
    return x * y;
}
static double fn_div(double x, double y)
{
    return x / y;
}
static double fn_div_int(double x, double y)
{
    return trunc(x / y);
}
static double fn_equal(double x, double y)
{
    return x == y;
}
static double fn_greater(double x, double y)
{
    return x > y;
}
static double fn_less(double x, double y)
{
    return x < y;
}

struct unary_row {
    const char *op;
    double (*fn)(double);
};
static const struct unary_row unary_rows[] = {
    {"Sigmoid", fn_sigmoid}, {"Neg", fn_negate},
    {"Floor", floor},        {"Ceil", ceil},
    {"Sqrt", sqrt},          {"Abs", fabs},
    {"Relu", fn_relu},       {"HardSwish", fn_hard_swish},
    {"Mish", fn_mish},       {"Softplus", fn_softplus},
    {"Tanh", tanh},
};

struct binary_row {
    const char *op;
    double (*fn)(double, double);
    double (*fn_int)(double, double);
    int makes_bool;
};
static const struct binary_row binary_rows[] = {
    {"Add", fn_add, fn_add, 0},
    {"Sub", fn_sub, fn_sub, 0},
    {"Mul", fn_mul, fn_mul, 0},
    {"Div", fn_div, fn_div_int, 0},
    {"Pow", pow, pow, 0},
    {"Equal", fn_equal, fn_equal, 1},
    {"Greater", fn_greater, fn_greater, 1},
    {"Less", fn_less, fn_less, 1},
};

/* A LAZY value like its input, element by element. */
static struct yt_onnx_value *begin_like(struct yt_onnx_scope *scope, int32_t n,
                                        enum yt_onnx_formula formula)
{
    const struct yt_onnx_value *in = &scope->values[scope->nodes[n].in[0]];
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, formula);
    value->is_int = in->is_int;
    value->t = in->t;
    return value;
}

static enum yt_status unary(struct yt_onnx_scope *scope, int32_t n,
                            double (*fn)(double))
{
    struct yt_onnx_value *value = begin_like(scope, n, YT_ONNX_UNARY);
    value->fn.unary = fn;
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status binary(struct yt_onnx_scope *scope, int32_t n,
                             const struct binary_row *row)
{
    const struct yt_onnx_value *a = &scope->values[scope->nodes[n].in[0]];
    const struct yt_onnx_value *b = &scope->values[scope->nodes[n].in[1]];
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_BINARY);
    const int is_int = a->is_int && b->is_int;
    value->is_int = is_int || row->makes_bool;
    value->fn.binary = is_int ? row->fn_int : row->fn;
    value->t = a->t;
    YT_TRY(yt_onnx_broadcast(scope, n, &b->t, &value->t));
    yt_onnx_broadcast_steps(&a->t, &value->t, value->steps[0]);
    yt_onnx_broadcast_steps(&b->t, &value->t, value->steps[1]);
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_where(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_value *value =
        yt_onnx_lazy_begin(scope, n, 0, YT_ONNX_SELECT);
    const int32_t *in = scope->nodes[n].in;
    value->is_int = scope->values[in[1]].is_int;
    value->t = scope->values[in[0]].t;
    for (int32_t i = 1; i < 3; ++i)
        YT_TRY(yt_onnx_broadcast(scope, n, &scope->values[in[i]].t, &value->t));
    for (int32_t i = 0; i < 3; ++i)
        yt_onnx_broadcast_steps(&scope->values[in[i]].t, &value->t,
                                value->steps[i]);
    return yt_onnx_lazy_end(scope, n, value);
}

/* An attribute that is a number. */
static double real_attr(const struct yt_onnx_scope *scope, int32_t n,
                        const char *name, double fallback)
{
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, name);
    return attr && attr->has_f ? (double)attr->f : fallback;
}

/* max(0, min(1, alpha * x + beta)): PyTorch's, which is not ONNX's default. */
static enum yt_status visit_hard_sigmoid(struct yt_onnx_scope *scope, int32_t n)
{
    const double alpha = real_attr(scope, n, "alpha", 0.2);
    const double beta = real_attr(scope, n, "beta", 0.5);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(fabs(6 * alpha - 1) > 1e-3 || beta != 0.5, YT_UNSUPPORTED,
               "%s: alpha %g and beta %g; 1/6 and 0.5 are supported",
               yt_onnx_who(scope, n, who), alpha, beta);
    return unary(scope, n, fn_hard_sigmoid);
}

static enum yt_status visit_leaky(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_value *value = begin_like(scope, n, YT_ONNX_LEAKY);
    value->slope = real_attr(scope, n, "alpha", 0.01);
    return yt_onnx_lazy_end(scope, n, value);
}

/* A leaky ReLU where all channels have one slope. */
static enum yt_status visit_prelu(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t v = yt_onnx_input(scope, n, 1);
    struct yt_onnx_probe probe = {.scope = scope};
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(v < 0 || scope->values[v].t.count < 1, YT_BAD_INPUT,
               "%s has no slope", yt_onnx_who(scope, n, who));
    const double slope = yt_onnx_eval(&probe, v, 0);
    for (int64_t i = 1; i < scope->values[v].t.count; ++i) {
        const double other = yt_onnx_eval(&probe, v, i);
        YT_TRY(probe.status);
        YT_FAIL_IF(!(other == slope), YT_UNSUPPORTED,
                   "%s has slopes of %g and %g; one for all channels is run",
                   yt_onnx_who(scope, n, who), slope, other);
    }
    YT_TRY(probe.status);
    struct yt_onnx_value *value = begin_like(scope, n, YT_ONNX_LEAKY);
    value->slope = slope;
    return yt_onnx_lazy_end(scope, n, value);
}

/* The limits are attributes before opset 11, inputs since. */
static enum yt_status visit_clip(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t low = yt_onnx_input(scope, n, 1);
    const int32_t high = yt_onnx_input(scope, n, 2);
    double limits[] = {real_attr(scope, n, "min", -INFINITY),
                       real_attr(scope, n, "max", INFINITY)};
    if (low >= 0)
        YT_TRY(yt_onnx_scalar(scope, low, &limits[0]));
    if (high >= 0)
        YT_TRY(yt_onnx_scalar(scope, high, &limits[1]));
    struct yt_onnx_value *value = begin_like(scope, n, YT_ONNX_CLIP);
    value->low = limits[0];
    value->high = limits[1];
    return yt_onnx_lazy_end(scope, n, value);
}

static enum yt_status visit_identity(struct yt_onnx_scope *scope, int32_t n)
{
    yt_onnx_lazy_alias(scope, n, scope->nodes[n].in[0]);
    return YT_OK;
}

/* TensorProto.DataType: 9 is bool; 1, 10, 11 and 16 the floating types. A cast
 * between those keeps the value: we compute in at least their precision. */
static enum yt_status visit_cast(struct yt_onnx_scope *scope, int32_t n)
{
    const int64_t to = yt_onnx_attr_int(scope->nodes[n].proto, "to", 0);
    const int from_int = scope->values[scope->nodes[n].in[0]].is_int;
    const int to_int = !(to == 1 || to == 10 || to == 11 || to == 16);
    if (to == 9)
        YT_TRY(unary(scope, n, fn_is_set));
    else if (to_int && !from_int)
        YT_TRY(unary(scope, n, trunc));
    else
        yt_onnx_lazy_alias(scope, n, scope->nodes[n].in[0]);
    struct yt_onnx_value *value = &scope->values[scope->nodes[n].out[0]];
    if (value->kind != YT_ONNX_NET)
        value->is_int = to_int;
    return YT_OK;
}

static enum yt_status visit_constant(struct yt_onnx_scope *scope, int32_t n)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    struct yt_onnx_value *value = &scope->values[scope->nodes[n].out[0]];
    char who[YT_ONNX_WHO_MAX];
    for (size_t i = 0; i < proto->n_attribute; ++i) {
        const YtOnnx__AttributeProto *attr = proto->attribute[i];
        const char *name = attr->name ? attr->name : "";
        struct yt_onnx_tensor t = {.count = 1};
        if (strcmp(name, "value") == 0 && attr->t) {
            YT_TRY(yt_onnx_tensor_view(attr->t, value->name, &t));
        } else if (strcmp(name, "value_float") == 0 && attr->has_f) {
            t.storage = YT_ONNX_F32;
            t.data = &attr->f;
        } else if (strcmp(name, "value_int") == 0 && attr->has_i) {
            t.storage = YT_ONNX_I64;
            t.data = &attr->i;
        } else if (strcmp(name, "value_floats") == 0) {
            t.rank = 1;
            t.dims[0] = t.count = (int64_t)attr->n_floats;
            t.storage = YT_ONNX_F32;
            t.data = attr->floats;
        } else if (strcmp(name, "value_ints") == 0) {
            t.rank = 1;
            t.dims[0] = t.count = (int64_t)attr->n_ints;
            t.storage = YT_ONNX_I64;
            t.data = attr->ints;
        } else {
            continue;
        }
        value->kind = YT_ONNX_CONST;
        value->t = t;
        value->is_int = yt_onnx_tensor_is_int(&t);
        return YT_OK;
    }
    return yt_fail(YT_UNSUPPORTED, "%s holds no tensor or number",
                   yt_onnx_who(scope, n, who));
}

enum yt_status yt_onnx_lazy_constant(struct yt_onnx_scope *scope, int32_t v)
{
    struct yt_onnx_value *value = &scope->values[v];
    YT_TRY(yt_onnx_tensor_view(value->initializer, value->name, &value->t));
    value->kind = YT_ONNX_CONST;
    value->is_int = yt_onnx_tensor_is_int(&value->t);
    return YT_OK;
}

static const struct yt_onnx_op other_ops[] = {
    {"Constant", 0, visit_constant},
    {"Identity", 1, visit_identity},
    {"Dropout", 1, visit_identity},
    {"Cast", 1, visit_cast},
    {"Where", 3, visit_where},
    {"LeakyRelu", 1, visit_leaky},
    {"PRelu", 2, visit_prelu},
    {"Softmax", 1, yt_onnx_visit_softmax},
    {"Clip", 1, visit_clip},
    {"HardSigmoid", 1, visit_hard_sigmoid},
    {NULL, 0, NULL},
};

enum yt_status yt_onnx_has_inputs(const struct yt_onnx_scope *scope, int32_t n,
                                  int32_t least)
{
    char who[YT_ONNX_WHO_MAX];
    for (int32_t i = 0; i < least; ++i)
        YT_FAIL_IF(yt_onnx_input(scope, n, i) < 0, YT_BAD_INPUT,
                   "%s lacks input %d", yt_onnx_who(scope, n, who), (int)i);
    return YT_OK;
}

static enum yt_status visit_table(struct yt_onnx_scope *scope, int32_t n,
                                  const char *op, const struct yt_onnx_op *rows)
{
    for (const struct yt_onnx_op *row = rows; row->name; ++row) {
        if (strcmp(row->name, op) != 0)
            continue;
        YT_TRY(yt_onnx_has_inputs(scope, n, row->in_least));
        return row->visit(scope, n);
    }
    return YT_NOT_FOUND;
}

enum yt_status yt_onnx_lazy_visit(struct yt_onnx_scope *scope, int32_t n)
{
    const char *op = scope->nodes[n].proto->op_type;
    for (size_t i = 0; i < sizeof unary_rows / sizeof unary_rows[0]; ++i) {
        if (strcmp(unary_rows[i].op, op) != 0)
            continue;
        YT_TRY(yt_onnx_has_inputs(scope, n, 1));
        return unary(scope, n, unary_rows[i].fn);
    }
    for (size_t i = 0; i < sizeof binary_rows / sizeof binary_rows[0]; ++i) {
        if (strcmp(binary_rows[i].op, op) != 0)
            continue;
        YT_TRY(yt_onnx_has_inputs(scope, n, 2));
        return binary(scope, n, &binary_rows[i]);
    }
    const enum yt_status status = visit_table(scope, n, op, other_ops);
    return status == YT_NOT_FOUND ? visit_table(scope, n, op, yt_onnx_moves)
                                  : status;
}
