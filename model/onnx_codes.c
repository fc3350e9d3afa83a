/* See onnx_codes.h. The operators' meanings: onnx.ai/onnx, QuantizeLinear,
 * DequantizeLinear, DynamicQuantizeLinear and ConvInteger. */

#include "model/onnx_codes.h"

#include <math.h>
#include <string.h>

#include "model/onnx_eval.h"
#include "model/onnx_lazy.h"
#include "model/onnx_net.h"
#include "model/onnx_window.h"
#include "runtime/fail.h"

/* Inputs of the first two operators. */
enum { IN_VALUE, IN_SCALE, IN_ZERO };

/* Of ConvInteger, as yt_onnx_expand() leaves it: the bias of a Conv is absent.
 */
#define IN_CONV_ZERO 3

static int is_pure(const struct yt_onnx_value *value)
{
    return value->kind == YT_ONNX_CONST ||
           (value->kind == YT_ONNX_LAZY && value->is_pure);
}

/* -------------------------------------------------------------- constants */

/* TensorProto.DataType of codes, and what they reach. */
static const struct code_type {
    int32_t type;
    double low, high;
} code_types[] = {
    {2, 0, 255},        /* UINT8, and where no zero point says it */
    {3, -128, 127},     /* INT8 */
    {4, 0, 65535},      /* UINT16 */
    {5, -32768, 32767}, /* INT16 */
};

/* The type that QuantizeLinear makes: its zero point's. */
static enum yt_status find_type(const struct yt_onnx_scope *scope, int32_t n,
                                const struct code_type **type_out)
{
    const int32_t zero = yt_onnx_input(scope, n, IN_ZERO);
    const int64_t type =
        zero >= 0 ? scope->values[zero].t.type
                  : yt_onnx_attr_int(scope->nodes[n].proto, "output_dtype", 0);
    char who[YT_ONNX_WHO_MAX];
    *type_out = &code_types[0];
    for (size_t i = 0; i < sizeof code_types / sizeof code_types[0]; ++i)
        if (code_types[i].type == type)
            *type_out = &code_types[i];
    YT_FAIL_IF((*type_out)->type != type && (zero >= 0 || type != 0),
               YT_UNSUPPORTED,
               "%s makes codes of ONNX element type %lld; integers of 8 and 16 "
               "bits are read",
               yt_onnx_who(scope, n, who), (long long)type);
    return YT_OK;
}

/* Steps of a scale or zero point: one number, or one for each place of an axis.
 */
static enum yt_status param_steps(const struct yt_onnx_scope *scope, int32_t n,
                                  int32_t i, int64_t steps[YT_ONNX_RANK_MAX])
{
    const int32_t v = yt_onnx_input(scope, n, i);
    const struct yt_onnx_tensor *x =
        &scope->values[scope->nodes[n].in[IN_VALUE]].t;
    char who[YT_ONNX_WHO_MAX];
    int32_t axis = 0;
    memset(steps, 0, YT_ONNX_RANK_MAX * sizeof *steps);
    if (v < 0)
        return YT_OK;
    const struct yt_onnx_value *param = &scope->values[v];
    YT_FAIL_IF(!is_pure(param), YT_UNSUPPORTED,
               "%s: '%.80s', its scale or zero point, depends on the image",
               yt_onnx_who(scope, n, who), param->name);
    if (param->t.count == 1)
        return YT_OK;
    YT_TRY(yt_onnx_axis(scope, n,
                        yt_onnx_attr_int(scope->nodes[n].proto, "axis", 1),
                        x->rank, &axis));
    YT_FAIL_IF(param->t.rank != 1 || param->t.count != x->dims[axis],
               YT_UNSUPPORTED,
               "%s: '%.80s' has %lld elements for %lld places of axis %d",
               yt_onnx_who(scope, n, who), param->name,
               (long long)param->t.count, (long long)x->dims[axis], (int)axis);
    steps[axis] = 1;
    return YT_OK;
}

/* A constant of the file, element by element. */
static enum yt_status visit_constant(struct yt_onnx_scope *scope, int32_t n,
                                     enum yt_onnx_formula formula)
{
    const struct code_type *type = NULL;
    if (formula == YT_ONNX_QUANTISE)
        YT_TRY(find_type(scope, n, &type));
    struct yt_onnx_value *value = yt_onnx_lazy_begin(scope, n, 0, formula);
    value->t = scope->values[scope->nodes[n].in[IN_VALUE]].t;
    value->t.type = 0;
    for (int32_t i = IN_SCALE; i <= IN_ZERO; ++i)
        YT_TRY(param_steps(scope, n, i, value->steps[i]));
    if (type) {
        value->is_int = 1;
        value->low = type->low;
        value->high = type->high;
    }
    return yt_onnx_lazy_end(scope, n, value);
}

int yt_onnx_codes_are_stored(const struct yt_onnx_scope *scope, int32_t v)
{
    const struct yt_onnx_value *value = &scope->values[v];
    if (value->kind != YT_ONNX_LAZY || value->formula != YT_ONNX_DEQUANTISE)
        return 0;
    const struct yt_onnx_value *of = &scope->values[value->in[IN_VALUE]];
    if (of->kind == YT_ONNX_LAZY && of->formula == YT_ONNX_QUANTISE)
        of = &scope->values[of->in[IN_VALUE]];
    return of->kind == YT_ONNX_CONST;
}

/* ------------------------------------------------------------ feature maps */

/* The one scale of a feature map's codes, and its zero point. */
static enum yt_status read_params(struct yt_onnx_scope *scope, int32_t n,
                                  double *scale_out, double *zero_out)
{
    const int32_t scale = yt_onnx_input(scope, n, IN_SCALE);
    const int32_t zero = yt_onnx_input(scope, n, IN_ZERO);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(scope->values[scale].t.count != 1, YT_UNSUPPORTED,
               "%s: a feature map with a scale for each of %lld channels; one "
               "for all is read",
               yt_onnx_who(scope, n, who),
               (long long)scope->values[scale].t.count);
    YT_TRY(yt_onnx_scalar(scope, scale, scale_out));
    *zero_out = 0;
    if (zero >= 0)
        YT_TRY(yt_onnx_scalar(scope, zero, zero_out));
    YT_FAIL_IF(!(*scale_out > 0) || !isfinite(*scale_out) ||
                   !isfinite(*zero_out),
               YT_BAD_INPUT, "%s: scale %g and zero point %g",
               yt_onnx_who(scope, n, who), *scale_out, *zero_out);
    return YT_OK;
}

/* Ranges of several readers of one feature map are mostly the same. */
static void widen(struct yt_onnx_net *net, double lo, double hi)
{
    const int is_first = net->lo == net->hi;
    net->lo = is_first ? lo : fmin(net->lo, lo);
    net->hi = is_first ? hi : fmax(net->hi, hi);
}

/* Codes of 16 bits cover more than those of 8 are to be given. */
static void note_range(struct yt_onnx_scope *scope, int32_t v,
                       const struct code_type *type, double scale, double zero)
{
    const struct yt_onnx_value *value = &scope->values[v];
    const int32_t net = value->kind == YT_ONNX_NET    ? value->net
                        : value->kind == YT_ONNX_LAZY ? value->as_net
                                                      : 0;
    if (net > 0 && type->high - type->low == 255)
        widen(&scope->nets[net], (type->low - zero) * scale,
              (type->high - zero) * scale);
}

static enum yt_status visit_quantise(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t v = scope->nodes[n].in[IN_VALUE];
    const struct code_type *type = NULL;
    double scale = 0, zero = 0;
    if (is_pure(&scope->values[v]))
        return visit_constant(scope, n, YT_ONNX_QUANTISE);
    YT_TRY(find_type(scope, n, &type));
    YT_TRY(read_params(scope, n, &scale, &zero));
    note_range(scope, v, type, scale, zero);
    yt_onnx_lazy_alias(scope, n, v);
    struct yt_onnx_value *codes = &scope->values[scope->nodes[n].out[0]];
    codes->code = YT_ONNX_CODES;
    codes->code_scale = scale;
    codes->code_zero = zero;
    codes->code_node = -1;
    scope->is_quantised = 1;
    return YT_OK;
}

/* Whether the operands that say how were measured with the codes. */
static int is_measured_with(const struct yt_onnx_scope *scope,
                            const struct yt_onnx_value *codes, int32_t v,
                            enum yt_onnx_code code)
{
    return v >= 0 && scope->values[v].code == code &&
           scope->values[v].code_node == codes->code_node;
}

static enum yt_status visit_dequantise(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t *in = scope->nodes[n].in;
    const struct yt_onnx_value *codes = &scope->values[in[IN_VALUE]];
    const int32_t zero_at = yt_onnx_input(scope, n, IN_ZERO);
    char who[YT_ONNX_WHO_MAX];
    if (is_pure(codes) && codes->code == YT_ONNX_NUMBERS)
        return visit_constant(scope, n, YT_ONNX_DEQUANTISE);
    YT_FAIL_IF(codes->code != YT_ONNX_CODES, YT_UNSUPPORTED,
               "%s reads '%.80s', which was not quantised",
               yt_onnx_who(scope, n, who), codes->name);
    if (codes->code_node >= 0) {
        YT_FAIL_IF(
            !is_measured_with(scope, codes, in[IN_SCALE], YT_ONNX_CODE_SCALE) ||
                !is_measured_with(scope, codes, zero_at, YT_ONNX_CODE_ZERO),
            YT_UNSUPPORTED, "%s dequantises by another scale than was measured",
            yt_onnx_who(scope, n, who));
    } else {
        double scale = 0, zero = 0;
        YT_TRY(read_params(scope, n, &scale, &zero));
        YT_FAIL_IF(scale != codes->code_scale || zero != codes->code_zero,
                   YT_UNSUPPORTED,
                   "%s dequantises by scale %g and zero point %g what was "
                   "quantised by %g and %g",
                   yt_onnx_who(scope, n, who), scale, zero, codes->code_scale,
                   codes->code_zero);
    }
    yt_onnx_lazy_alias(scope, n, in[IN_VALUE]);
    scope->values[scope->nodes[n].out[0]].code = YT_ONNX_NUMBERS;
    return YT_OK;
}

/* ----------------------------------------------------- as they are measured */

/* The scale is taken for 1 and the zero point for 0: sums of products are then
 * those of the numbers, but for the scale of the weights. */
static enum yt_status visit_measure(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(is_pure(&scope->values[node->in[0]]), YT_UNSUPPORTED,
               "%s quantises a constant", yt_onnx_who(scope, n, who));
    YT_FAIL_IF(node->out_count != 3 || node->out[1] < 0 || node->out[2] < 0,
               YT_BAD_INPUT, "%s has less than three outputs",
               yt_onnx_who(scope, n, who));
    yt_onnx_lazy_alias(scope, n, node->in[0]);
    for (int32_t i = 0; i < 3; ++i) {
        struct yt_onnx_value *value = &scope->values[node->out[i]];
        if (i > 0)
            yt_onnx_lazy_set_number(scope, n, i, i == 1);
        value->code = i == 0   ? YT_ONNX_CODES
                      : i == 1 ? YT_ONNX_CODE_SCALE
                               : YT_ONNX_CODE_ZERO;
        value->code_node = n;
        value->code_scale = 1;
    }
    scope->is_measured = 1;
    return YT_OK;
}

static enum yt_status visit_conv_integer(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_value *x = yt_onnx_input_value(scope, n, IN_VALUE);
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(!x || x->code != YT_ONNX_CODES || x->code_node < 0 ||
                   !is_measured_with(scope, x,
                                     yt_onnx_input(scope, n, IN_CONV_ZERO),
                                     YT_ONNX_CODE_ZERO),
               YT_UNSUPPORTED,
               "%s reads something else than DynamicQuantizeLinear makes",
               yt_onnx_who(scope, n, who));
    const int32_t measured_by = x->code_node;
    YT_TRY(yt_onnx_visit_conv(scope, n));
    struct yt_onnx_value *sums = &scope->values[scope->nodes[n].out[0]];
    sums->code = YT_ONNX_SUMS;
    sums->code_node = measured_by;
    return YT_OK;
}

/* Whether @p v has one number for each channel of a feature map, or for all. */
static int is_by_channel(const struct yt_onnx_value *value, int64_t c)
{
    const struct yt_onnx_tensor *t = &value->t;
    if (!is_pure(value) || value->code == YT_ONNX_CODES)
        return 0;
    return t->count == 1 || (t->count == c && (t->rank == 3 || t->rank == 4) &&
                             t->dims[t->rank - 3] == c);
}

/* A convolution with one part of a normalisation more. */
static enum yt_status finish_with(struct yt_onnx_scope *scope, int32_t n,
                                  int32_t conv, int32_t part, int32_t v)
{
    struct yt_onnx_net net = scope->nets[conv];
    if (!net.has_norm)
        for (int32_t i = 0; i < 4; ++i)
            net.norm[i] = -1;
    net.has_norm = 1;
    net.norm[part] = v;
    return yt_onnx_finish(scope, n, &net);
}

/* Sums of codes times their scale, or the scale times that of the weights. */
static enum yt_status visit_product(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t *in = scope->nodes[n].in;
    char who[YT_ONNX_WHO_MAX];
    if (scope->nodes[n].in_count != 2 || in[0] < 0 || in[1] < 0)
        return YT_NOT_FOUND;
    const int swaps = scope->values[in[1]].code != YT_ONNX_NUMBERS &&
                      scope->values[in[0]].code != YT_ONNX_SUMS;
    const struct yt_onnx_value *a = &scope->values[in[swaps]],
                               *b = &scope->values[in[!swaps]];
    const enum yt_onnx_code code = a->code;
    const int32_t measured_by = a->code_node;
    if (code == YT_ONNX_NUMBERS)
        return YT_NOT_FOUND;
    if (code == YT_ONNX_CODE_SCALE && b->code == YT_ONNX_NUMBERS &&
        is_pure(b)) {
        YT_TRY(yt_onnx_lazy_visit(scope, n));
        struct yt_onnx_value *scale = &scope->values[scope->nodes[n].out[0]];
        scale->code = YT_ONNX_CODE_SCALE;
        scale->code_node = measured_by;
        return YT_OK;
    }
    YT_FAIL_IF(
        code != YT_ONNX_SUMS || a->kind != YT_ONNX_NET ||
            !is_measured_with(scope, a, in[!swaps], YT_ONNX_CODE_SCALE) ||
            !is_by_channel(b, scope->nets[a->net].c),
        YT_UNSUPPORTED, "%s multiplies codes by another scale than theirs",
        yt_onnx_who(scope, n, who));
    YT_TRY(finish_with(scope, n, a->net, 0, in[!swaps]));
    scope->values[scope->nodes[n].out[0]].code = YT_ONNX_NUMBERS;
    return YT_OK;
}

/* The bias of what was such a product. */
static enum yt_status visit_sum(struct yt_onnx_scope *scope, int32_t n)
{
    const int32_t *in = scope->nodes[n].in;
    if (scope->nodes[n].in_count != 2 || in[0] < 0 || in[1] < 0)
        return YT_NOT_FOUND;
    const int swaps = scope->values[in[1]].kind == YT_ONNX_NET;
    const struct yt_onnx_value *a = &scope->values[in[swaps]],
                               *b = &scope->values[in[!swaps]];
    if (a->kind != YT_ONNX_NET || a->code != YT_ONNX_NUMBERS ||
        b->code != YT_ONNX_NUMBERS)
        return YT_NOT_FOUND;
    const struct yt_onnx_net *net = &scope->nets[a->net];
    if (net->kind != YT_NODE_CONV || !net->has_norm || net->norm[0] < 0 ||
        net->norm[1] >= 0 || net->norm[3] >= 0 || !is_by_channel(b, net->c))
        return YT_NOT_FOUND;
    return finish_with(scope, n, a->net, 1, in[!swaps]);
}

/* ------------------------------------------------------------------- tables */

static const struct yt_onnx_op op_rows[] = {
    {"QuantizeLinear", 2, visit_quantise},
    {"DequantizeLinear", 2, visit_dequantise},
    {"DynamicQuantizeLinear", 1, visit_measure},
    {"ConvInteger", 2, visit_conv_integer},
    {"Mul", 0, visit_product},
    {"Add", 0, visit_sum},
};

enum yt_status yt_onnx_codes_visit(struct yt_onnx_scope *scope, int32_t n)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    char who[YT_ONNX_WHO_MAX];
    for (size_t i = 0; i < sizeof op_rows / sizeof op_rows[0]; ++i) {
        if (strcmp(op_rows[i].name, proto->op_type) != 0)
            continue;
        YT_TRY(yt_onnx_has_inputs(scope, n, op_rows[i].in_least));
        YT_FAIL_IF(yt_onnx_attr_int(proto, "block_size", 0) != 0,
                   YT_UNSUPPORTED, "%s has a scale for each block",
                   yt_onnx_who(scope, n, who));
        return op_rows[i].visit(scope, n);
    }
    return YT_NOT_FOUND;
}

/* Moving codes about is moving the numbers; so is the larger of two. A Pad adds
 * some of zero. */
static const char *const movers[] = {
    "MaxPool", "Pad",     "Resize",    "Upsample",  "Reshape",
    "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice",
    "Split",   "Concat",  "Gather",    "Expand",    "Identity"};

static int is_mover(const char *op)
{
    for (size_t i = 0; i < sizeof movers / sizeof movers[0]; ++i)
        if (strcmp(movers[i], op) == 0)
            return 1;
    return 0;
}

static int is_shape(const char *op)
{
    return strcmp(op, "Shape") == 0;
}

static int is_same_code(const struct yt_onnx_value *a,
                        const struct yt_onnx_value *b)
{
    return a->code == b->code && a->code_node == b->code_node &&
           a->code_scale == b->code_scale && a->code_zero == b->code_zero;
}

enum yt_status yt_onnx_codes_check(const struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const char *op = node->proto->op_type;
    const struct yt_onnx_value *first = yt_onnx_input_value(scope, n, 0);
    const int joins = strcmp(op, "Concat") == 0;
    char who[YT_ONNX_WHO_MAX];
    for (size_t i = 0; i < sizeof op_rows / sizeof op_rows[0]; ++i)
        if (strcmp(op_rows[i].name, op) == 0 && op_rows[i].in_least > 0)
            return YT_OK;
    for (int32_t i = 0; i < node->in_count; ++i) {
        const struct yt_onnx_value *x = yt_onnx_input_value(scope, n, i);
        const enum yt_onnx_code code = x ? x->code : YT_ONNX_NUMBERS;
        const int is_fine =
            code == YT_ONNX_CODES
                ? (is_mover(op) && (i == 0 || joins)) || is_shape(op)
            : code == YT_ONNX_SUMS
                ? strcmp(op, "Cast") == 0 || strcmp(op, "Mul") == 0
            : code != YT_ONNX_NUMBERS ? strcmp(op, "Mul") == 0
                                      : 1;
        YT_FAIL_IF(!is_fine ||
                       (joins && x && first && i > 0 && (code || first->code) &&
                        !is_same_code(x, first)),
                   YT_UNSUPPORTED,
                   "%s computes with codes of a quantised network in a way "
                   "that isn't known",
                   yt_onnx_who(scope, n, who));
    }
    return YT_OK;
}

void yt_onnx_codes_pass(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const struct yt_onnx_value *first = yt_onnx_input_value(scope, n, 0);
    if (!first || first->code == YT_ONNX_NUMBERS ||
        is_shape(node->proto->op_type))
        return;
    for (int32_t i = 0; i < node->out_count; ++i) {
        if (node->out[i] < 0)
            continue;
        struct yt_onnx_value *to = &scope->values[node->out[i]];
        to->code = first->code;
        to->code_scale = first->code_scale;
        to->code_zero = first->code_zero;
        to->code_node = first->code_node;
    }
}
