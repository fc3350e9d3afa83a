/* Recognises the operators of YOLOv5's backbone and neck. Each either becomes
 * one net or is refused with the node's name: near misses (a pool that rounds
 * its size up, bilinear upsampling) must never pass as the real thing. */

#include "model/onnx_net.h"

#include <stdlib.h>
#include <string.h>

#include "model/onnx_act.h"
#include "model/onnx_focus.h"
#include "model/onnx_lazy.h"
#include "model/onnx_pad.h"
#include "model/onnx_pool.h"
#include "model/onnx_window.h"
#include "runtime/fail.h"

/* They keep c * h * w far from overflow along chains of upsamplings. */
#define CHANNELS_MAX 65536
#define SIDE_MAX     65536

const struct yt_onnx_value *
yt_onnx_input_value(const struct yt_onnx_scope *scope, int32_t n, int32_t i)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    return i < node->in_count && node->in[i] >= 0 ? &scope->values[node->in[i]]
                                                  : NULL;
}

int yt_onnx_is_net(const struct yt_onnx_value *value)
{
    return value && value->kind == YT_ONNX_NET;
}

enum yt_status yt_onnx_finish(struct yt_onnx_scope *scope, int32_t n,
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

/* The convolution whose filters alone make net @p from, which it is or an
 * activation of it; -1: there is none whose rows could be taken apart. */
static int32_t conv_of(const struct yt_onnx_scope *scope, int32_t from)
{
    if (scope->nets[from].kind == YT_NODE_ACT)
        from = scope->nets[from].inputs[0];
    const struct yt_onnx_net *conv = &scope->nets[from];
    return conv->kind == YT_NODE_CONV && conv->weights >= 0 &&
                   conv->groups == 1 && !conv->is_focus
               ? from
               : -1;
}

/* Neighbouring channels of what a convolution makes, as those of a C2f are, are
 * a convolution by some of its filters. */
static enum yt_status add_part(struct yt_onnx_scope *scope, int32_t from,
                               int32_t conv, int32_t first, int64_t count,
                               int32_t *index_out)
{
    struct yt_onnx_net part = scope->nets[conv];
    part.c = count;
    part.first += first;
    part.norm_first += first;
    YT_TRY(yt_onnx_net_add(scope, &part, index_out));
    if (from == conv)
        return YT_OK;
    struct yt_onnx_net act = scope->nets[from];
    act.c = count;
    act.inputs[0] = *index_out;
    return yt_onnx_net_add(scope, &act, index_out);
}

/* Channels of a feature map in another order, or some of them, are a 1x1
 * convolution. */
static enum yt_status add_picks(struct yt_onnx_scope *scope, int32_t v)
{
    static const struct yt_onnx_window one = {.r = 1, .stride = 1};
    struct yt_onnx_value *value = &scope->values[v];
    int32_t from = 0;
    if (value->kind != YT_ONNX_LAZY || value->is_pure || value->t.rank != 4 ||
        value->t.dims[1] < 1 || value->t.dims[1] > CHANNELS_MAX)
        return YT_OK;
    const size_t count = (size_t)value->t.dims[1];
    int32_t *picks = realloc(scope->picks, ((size_t)scope->pick_count + count) *
                                               sizeof *picks);
    YT_FAIL_IF(!picks, YT_NO_MEMORY, "no memory for %zu channels", count);
    scope->picks = picks;
    if (!yt_onnx_pick_find(scope, v, &from, picks + scope->pick_count))
        return YT_OK;
    picks += scope->pick_count;
    const int32_t conv = conv_of(scope, from);
    int is_range = conv >= 0;
    for (size_t i = 1; i < count; ++i)
        is_range &= picks[i] == picks[i - 1] + 1;
    if (is_range)
        return add_part(scope, from, conv, picks[0], (int64_t)count,
                        &value->as_net);
    struct yt_onnx_net net =
        yt_onnx_mean_of(scope, value->producer, from, &one);
    net.c = (int64_t)count;
    net.picks = scope->pick_count;
    scope->pick_count += (int32_t)count;
    return yt_onnx_net_add(scope, &net, &value->as_net);
}

static void become_net(struct yt_onnx_scope *scope, int32_t v)
{
    if (v >= 0 && scope->values[v].kind == YT_ONNX_LAZY &&
        scope->values[v].as_net > 0)
        yt_onnx_value_set_net(scope, v, scope->values[v].as_net);
}

/* An activation that is a formula, as the tail's sigmoids are, is a feature map
 * as soon as something reads it that only feature maps go through; and so are
 * channels of another. */
static enum yt_status settle(struct yt_onnx_scope *scope, int32_t v)
{
    if (v < 0 || scope->values[v].kind != YT_ONNX_LAZY)
        return YT_OK;
    if (scope->values[v].as_net == 0)
        YT_TRY(add_picks(scope, v));
    become_net(scope, v);
    return YT_OK;
}

/* Whether all inputs are feature maps, or become some. */
static enum yt_status settle_all(struct yt_onnx_scope *scope, int32_t n,
                                 int *are_nets_out)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    int are_nets = 1;
    for (int32_t i = 0; are_nets && i < node->in_count; ++i) {
        const struct yt_onnx_value *value = yt_onnx_input_value(scope, n, i);
        if (value && value->kind == YT_ONNX_LAZY && value->as_net == 0)
            YT_TRY(add_picks(scope, node->in[i]));
        are_nets = yt_onnx_is_net(value) ||
                   (value && value->kind == YT_ONNX_LAZY && value->as_net > 0);
    }
    for (int32_t i = 0; are_nets && i < node->in_count; ++i)
        YT_TRY(settle(scope, node->in[i]));
    *are_nets_out = are_nets;
    return YT_OK;
}

/* The net behind input 0, which must be a feature map. */
enum yt_status yt_onnx_feature_map(struct yt_onnx_scope *scope, int32_t n,
                                   int32_t *net_out)
{
    const struct yt_onnx_value *x = yt_onnx_input_value(scope, n, 0);
    char who[YT_ONNX_WHO_MAX], maker[YT_ONNX_WHO_MAX] = "the file";
    YT_FAIL_IF(!x, YT_BAD_INPUT, "%s has no input", yt_onnx_who(scope, n, who));
    YT_TRY(settle(scope, (int32_t)(x - scope->values)));
    if (x->producer >= 0)
        yt_onnx_who(scope, x->producer, maker);
    YT_FAIL_IF(x->kind != YT_ONNX_NET, YT_UNSUPPORTED,
               "%s reads what %s makes, which can't be run as part of a YOLOv5 "
               "network",
               yt_onnx_who(scope, n, who), maker);
    *net_out = x->net;
    return YT_OK;
}

static enum yt_status visit_concat(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_node *node = &scope->nodes[n];
    const int64_t axis = yt_onnx_attr_int(node->proto, "axis", 0);
    if (axis != 1 && axis != -3)
        return YT_NOT_FOUND;
    int are_nets = 0;
    YT_TRY(settle_all(scope, n, &are_nets));
    if (!are_nets)
        return YT_NOT_FOUND;
    char who[YT_ONNX_WHO_MAX];
    YT_FAIL_IF(node->in_count < 1 || node->in_count > YT_NODE_INPUTS_MAX,
               YT_UNSUPPORTED, "%s joins %d feature maps; 1 to %d are possible",
               yt_onnx_who(scope, n, who), (int)node->in_count,
               YT_NODE_INPUTS_MAX);
    struct yt_onnx_net net = {
        .kind = YT_NODE_CONCAT, .node = n, .input_count = node->in_count};
    for (int32_t i = 0; i < node->in_count; ++i) {
        net.inputs[i] = yt_onnx_input_value(scope, n, i)->net;
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
    return yt_onnx_finish(scope, n, &net);
}

static enum yt_status visit_add(struct yt_onnx_scope *scope, int32_t n)
{
    const struct yt_onnx_value *a = yt_onnx_input_value(scope, n, 0),
                               *b = yt_onnx_input_value(scope, n, 1);
    int are_nets = 0;
    YT_TRY(settle_all(scope, n, &are_nets));
    if (!are_nets || !a || !b)
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
    return yt_onnx_finish(scope, n, &net);
}

/* A formula that may be an activation, or a part of one. What it reads is left
 * as it is where it is channels of a head: the tail takes those apart. */
static enum yt_status visit_unary(struct yt_onnx_scope *scope, int32_t n)
{
    struct yt_onnx_net net;
    become_net(scope, yt_onnx_input(scope, n, 0));
    YT_TRY(yt_onnx_lazy_visit(scope, n));
    const int32_t v = scope->nodes[n].out[0];
    return yt_onnx_act_find(scope, v, &net)
               ? yt_onnx_net_add(scope, &net, &scope->values[v].as_net)
               : YT_OK;
}

/* An activation of what a concat of convolutions joins is one of each. */
static enum yt_status finish_act(struct yt_onnx_scope *scope, int32_t n,
                                 const struct yt_onnx_net *act)
{
    const struct yt_onnx_net joined = scope->nets[act->inputs[0]];
    struct yt_onnx_net net = joined;
    if (!yt_onnx_joins_convs(scope, &joined))
        return yt_onnx_finish(scope, n, act);
    for (int32_t i = 0; i < joined.input_count; ++i) {
        struct yt_onnx_net part = *act;
        part.inputs[0] = joined.inputs[i];
        part.c = scope->nets[joined.inputs[i]].c;
        YT_TRY(yt_onnx_net_add(scope, &part, &net.inputs[i]));
    }
    return yt_onnx_finish(scope, n, &net);
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
    YT_TRY(settle(scope, yt_onnx_input(scope, n, 0)));
    return visit_product(scope, n);
}

struct op_row {
    const char *name;
    enum yt_status (*visit)(struct yt_onnx_scope *scope, int32_t n);
};

static const struct op_row op_rows[] = {
    {"Conv", yt_onnx_visit_conv},
    {"BatchNormalization", yt_onnx_visit_norm},
    {"AveragePool", yt_onnx_visit_average_pool},
    {"MaxPool", yt_onnx_visit_max_pool},
    {"Pad", yt_onnx_visit_pad},
    {"Resize", yt_onnx_visit_resize},
    {"Upsample", yt_onnx_visit_resize},
    {"Concat", visit_concat},
    {"Add", visit_add},
    {"Mul", visit_product},
    {"Div", visit_product},
    {"Relu", visit_act},
    {"LeakyRelu", visit_act},
    {"PRelu", visit_act},
    {"HardSwish", visit_act},
    {"Mish", visit_act},
    {"Clip", visit_act},
    {"Sigmoid", visit_unary},
    {"HardSigmoid", visit_unary},
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
