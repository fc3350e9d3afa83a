/* All nodes of the tape but convolutions: see train/net/tape_parts.h. */

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/net/tape_parts.h"

/* ------------------------------------------------------------------ create */

/* oneDNN's word for an activation, and what it asks beside it. */
struct eltwise {
    dnnl_alg_kind_t algorithm; /* dnnl_alg_kind_undef: it has none */
    float alpha, beta;
};

static struct eltwise eltwise_of(const struct yt_node *what)
{
    static const struct eltwise rows[YT_ACT_COUNT] = {
        [YT_ACT_SILU] = {dnnl_eltwise_swish, 1, 0},
        [YT_ACT_RELU] = {dnnl_eltwise_relu, 0, 0},
        [YT_ACT_LEAKY] = {dnnl_eltwise_relu, 0, 0},
        [YT_ACT_HARDSWISH] = {dnnl_eltwise_hardswish, 0, 0},
        [YT_ACT_RELU6] = {dnnl_eltwise_clip, 0, 6},
        [YT_ACT_MISH] = {dnnl_eltwise_mish, 0, 0},
        [YT_ACT_SIGMOID] = {dnnl_eltwise_logistic, 0, 0},
    };
    struct eltwise row = rows[what->act];
    if (what->act == YT_ACT_LEAKY)
        row.alpha = (float)what->slope / YT_SLOPE_ONE;
    return row;
}

static enum yt_status create_act(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_node *what = &tape->graph->nodes[index];
    const char *name = what->name;
    const struct eltwise act = eltwise_of(what);
    YT_FAIL_IF(act.algorithm == dnnl_alg_kind_undef, YT_UNSUPPORTED,
               "%s: networks with a %s cannot be trained", name,
               yt_act_row(what->act)->name);
    const dnnl_prop_kind_t kind = tape->options.forward_only
                                      ? dnnl_forward_inference
                                      : dnnl_forward_training;
    dnnl_eltwise_desc_t operation;
    YT_TRY(yt_onednn_status(
        dnnl_eltwise_forward_desc_init(&operation, kind, act.algorithm,
                                       &node->layout, act.alpha, act.beta),
        name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, NULL, name,
                               &node->forward));
    if (!node->has_gradient)
        return YT_OK;
    YT_TRY(yt_onednn_status(dnnl_eltwise_backward_desc_init(
                                &operation, act.algorithm, &node->layout,
                                &node->layout, act.alpha, act.beta),
                            name));
    return yt_onednn_primitive(&tape->onednn, &operation, &node->forward, name,
                               &node->backward);
}

static enum yt_status create_pool(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_node *what = &tape->graph->nodes[index];
    const dnnl_dims_t strides = {1, 1};
    const dnnl_dims_t window = {what->r, what->r};
    const dnnl_dims_t pads = {what->r / 2, what->r / 2};
    const dnnl_prop_kind_t kind =
        node->has_gradient ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_pooling_desc_t operation;
    YT_TRY(yt_onednn_status(
        dnnl_pooling_forward_desc_init(&operation, kind, dnnl_pooling_max,
                                       &node->layout, &node->layout, strides,
                                       window, pads, pads),
        what->name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, NULL, what->name,
                               &node->forward));
    if (!node->has_gradient)
        return YT_OK;
    YT_TRY(yt_onednn_status(dnnl_pooling_backward_desc_init(
                                &operation, dnnl_pooling_max, &node->layout,
                                &node->layout, strides, window, pads, pads),
                            what->name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, &node->forward,
                               what->name, &node->backward));
    const dnnl_memory_desc_t *workspace =
        yt_primitive_layout(&node->forward, dnnl_query_workspace_md);
    node->workspace_bytes = dnnl_memory_desc_get_size(workspace);
    node->workspace_layout = *workspace;
    return yt_tape_allocate(tape,
                            (int64_t)node->workspace_bytes *
                                (tape->options.batch / tape->chunk),
                            &node->workspace);
}

static enum yt_status create_upsample(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_node *what = &tape->graph->nodes[index];
    const dnnl_memory_desc_t *in = &tape->nodes[what->inputs[0]].layout;
    const float factors[] = {2, 2};
    const dnnl_prop_kind_t kind = tape->options.forward_only
                                      ? dnnl_forward_inference
                                      : dnnl_forward_training;
    dnnl_resampling_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_resampling_forward_desc_init(
                                &operation, kind, dnnl_resampling_nearest,
                                factors, in, &node->layout),
                            what->name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, NULL, what->name,
                               &node->forward));
    if (!node->has_gradient)
        return YT_OK;
    YT_TRY(yt_onednn_status(
        dnnl_resampling_backward_desc_init(&operation, dnnl_resampling_nearest,
                                           factors, in, &node->layout),
        what->name));
    return yt_onednn_primitive(&tape->onednn, &operation, &node->forward,
                               what->name, &node->backward);
}

static enum yt_status create_add(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const char *name = tape->graph->nodes[index].name;
    dnnl_binary_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_binary_desc_init(&operation, dnnl_binary_add,
                                                  &node->layout, &node->layout,
                                                  &node->layout),
                            name));
    return yt_onednn_primitive(&tape->onednn, &operation, NULL, name,
                               &node->forward);
}

enum yt_status yt_tape_node_create(struct yt_tape *tape, int32_t index)
{
    switch (tape->graph->nodes[index].kind) {
    case YT_NODE_ACT:
        return create_act(tape, index);
    case YT_NODE_MAXPOOL:
        return create_pool(tape, index);
    case YT_NODE_UPSAMPLE:
        return create_upsample(tape, index);
    case YT_NODE_ADD:
        return create_add(tape, index);
    default:
        return YT_OK;
    }
}

/* ------------------------------------------------------------------ concat */

/* Channels of one picture: whole blocks at once where they begin with one. */
static void copy_channels(const struct yt_tape *tape, int64_t plane,
                          const float *from, int32_t from_c, float *to,
                          int32_t to_c, int32_t count)
{
    const int32_t block = tape->onednn.block;
    if (from_c % block == 0 && to_c % block == 0) {
        const int32_t whole = count / block * block;
        memcpy(to + to_c * plane, from + from_c * plane,
               (size_t)(whole * plane) * sizeof *to);
        from_c += whole;
        to_c += whole;
        count -= whole;
    }
    for (int32_t c = 0; c < count; c++, from_c++, to_c++) {
        const float *x = from + from_c / block * block * plane + from_c % block;
        float *y = to + to_c / block * block * plane + to_c % block;
        for (int64_t i = 0; i < plane; i++)
            y[i * block] = x[i * block];
    }
}

static void concat_forward(const struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape *tape = worker->tape;
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_node *node = &tape->nodes[index];
    const int64_t plane = (int64_t)node->h * node->w;
    for (int32_t n = worker->at; n < worker->at + tape->chunk; n++) {
        int32_t first = 0;
        for (int32_t i = 0; i < what->input_count; i++) {
            const struct yt_tape_node *in = &tape->nodes[what->inputs[i]];
            copy_channels(tape, plane, in->value + n * in->size, 0,
                          node->value + n * node->size, first, in->c);
            first += in->c;
        }
    }
}

/* Channels from first of a concat's gradient, back to an input of it. */
static void split_gradient(struct yt_tape_worker *worker, int32_t index,
                           int32_t first, int32_t input)
{
    const struct yt_tape *tape = worker->tape;
    const struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_tape_node *in = &tape->nodes[input];
    const struct yt_tape_view *view = &worker->views[input];
    const int64_t plane = (int64_t)node->h * node->w;
    float *to = view->written ? worker->spare : view->gradient_data;
    if (in->c < in->cp)
        memset(to, 0, (size_t)(tape->chunk * in->size) * sizeof *to);
    for (int32_t n = 0; n < tape->chunk; n++)
        copy_channels(tape, plane,
                      worker->views[index].gradient_data + n * node->size,
                      first, to + n * in->size, 0, in->c);
    yt_tape_took(worker, input);
}

static void concat_backward(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_node *what = &worker->tape->graph->nodes[index];
    int32_t first = 0;
    for (int32_t i = 0; i < what->input_count; i++) {
        const int32_t input = what->inputs[i];
        if (worker->views[input].gradient)
            split_gradient(worker, index, first, input);
        first += worker->tape->nodes[input].c;
    }
}

/* -------------------------------------------------------------------- runs */

/* Of those with one input. */
static enum yt_status unary_forward(struct yt_tape_worker *worker,
                                    int32_t index)
{
    const int32_t input = worker->tape->graph->nodes[index].inputs[0];
    const struct yt_tape_view *view = &worker->views[index];
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, worker->views[input].value},
        {DNNL_ARG_DST, view->value},
        {DNNL_ARG_WORKSPACE, view->workspace}};
    return yt_primitive_run(&worker->stream,
                            &worker->tape->nodes[index].forward, arguments,
                            view->workspace ? 3 : 2);
}

static enum yt_status unary_backward(struct yt_tape_worker *worker,
                                     int32_t index)
{
    const struct yt_node *what = &worker->tape->graph->nodes[index];
    const struct yt_tape_view *view = &worker->views[index];
    const dnnl_memory_t target = yt_tape_target(worker, what->inputs[0]);
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_DIFF_DST, view->gradient},
                                    {DNNL_ARG_DIFF_SRC, target}};
    int count = 2;
    if (!target)
        return YT_OK;
    if (what->kind == YT_NODE_ACT)
        arguments[count++] = (dnnl_exec_arg_t){
            DNNL_ARG_SRC, worker->views[what->inputs[0]].value};
    if (view->workspace)
        arguments[count++] =
            (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, view->workspace};
    YT_TRY(yt_primitive_run(&worker->stream,
                            &worker->tape->nodes[index].backward, arguments,
                            count));
    yt_tape_took(worker, what->inputs[0]);
    return YT_OK;
}

static enum yt_status add_forward(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_node *what = &worker->tape->graph->nodes[index];
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC_0, worker->views[what->inputs[0]].value},
        {DNNL_ARG_SRC_1, worker->views[what->inputs[1]].value},
        {DNNL_ARG_DST, worker->views[index].value}};
    return yt_primitive_run(&worker->stream,
                            &worker->tape->nodes[index].forward, arguments, 3);
}

static void add_backward(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_node *what = &worker->tape->graph->nodes[index];
    const int64_t count = worker->tape->chunk * worker->tape->nodes[index].size;
    const float *gradient = worker->views[index].gradient_data;
    for (int32_t i = 0; i < what->input_count; i++) {
        struct yt_tape_view *in = &worker->views[what->inputs[i]];
        if (!in->gradient)
            continue;
        if (in->written)
            yt_tape_add(in->gradient_data, gradient, count);
        else
            memcpy(in->gradient_data, gradient,
                   (size_t)count * sizeof *gradient);
        in->written = 1;
    }
}

enum yt_status yt_tape_node_forward(struct yt_tape_worker *worker,
                                    int32_t index)
{
    switch (worker->tape->graph->nodes[index].kind) {
    case YT_NODE_ACT:
    case YT_NODE_MAXPOOL:
    case YT_NODE_UPSAMPLE:
        return unary_forward(worker, index);
    case YT_NODE_ADD:
        return add_forward(worker, index);
    case YT_NODE_CONCAT:
        concat_forward(worker, index);
        return YT_OK;
    default:
        return YT_OK;
    }
}

enum yt_status yt_tape_node_backward(struct yt_tape_worker *worker,
                                     int32_t index)
{
    switch (worker->tape->graph->nodes[index].kind) {
    case YT_NODE_ACT:
    case YT_NODE_MAXPOOL:
    case YT_NODE_UPSAMPLE:
        return unary_backward(worker, index);
    case YT_NODE_ADD:
        add_backward(worker, index);
        return YT_OK;
    case YT_NODE_CONCAT:
        concat_backward(worker, index);
        return YT_OK;
    default:
        return YT_OK;
    }
}
