/* All nodes of the tape but convolutions: see train/net/tape_parts.h. */

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/net/tape_parts.h"

/* ------------------------------------------------------------------ create */

static enum yt_status create_silu(struct yt_tape *tape, int32_t index)
{
    struct yt_tape_node *node = &tape->nodes[index];
    const char *name = tape->graph->nodes[index].name;
    const dnnl_prop_kind_t kind = tape->options.forward_only
                                      ? dnnl_forward_inference
                                      : dnnl_forward_training;
    dnnl_eltwise_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_eltwise_forward_desc_init(&operation, kind,
                                                           dnnl_eltwise_swish,
                                                           &node->layout, 1, 0),
                            name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, NULL, name,
                               &node->forward));
    if (!node->gradient)
        return YT_OK;
    YT_TRY(yt_onednn_status(
        dnnl_eltwise_backward_desc_init(&operation, dnnl_eltwise_swish,
                                        &node->layout, &node->layout, 1, 0),
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
        node->gradient ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_pooling_desc_t operation;
    YT_TRY(yt_onednn_status(
        dnnl_pooling_forward_desc_init(&operation, kind, dnnl_pooling_max,
                                       &node->layout, &node->layout, strides,
                                       window, pads, pads),
        what->name));
    YT_TRY(yt_onednn_primitive(&tape->onednn, &operation, NULL, what->name,
                               &node->forward));
    if (!node->gradient)
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
    YT_TRY(yt_tape_allocate(tape,
                            (int64_t)node->workspace_bytes *
                                (tape->options.batch / tape->chunk),
                            &node->workspace));
    return yt_onednn_memory(&tape->onednn, workspace, node->workspace,
                            &node->workspace_memory);
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
    if (!node->gradient)
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
    case YT_NODE_SILU:
        return create_silu(tape, index);
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

static void concat_forward(const struct yt_tape *tape, int32_t index,
                           int32_t chunk)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_node *node = &tape->nodes[index];
    const int64_t plane = (int64_t)node->h * node->w;
    for (int32_t n = chunk * tape->chunk; n < (chunk + 1) * tape->chunk; n++) {
        int32_t first = 0;
        for (int32_t i = 0; i < what->input_count; i++) {
            const struct yt_tape_node *in = &tape->nodes[what->inputs[i]];
            copy_channels(tape, plane, in->value + n * in->size, 0,
                          node->value + n * node->size, first, in->c);
            first += in->c;
        }
    }
}

static void concat_backward(struct yt_tape *tape, int32_t index)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_node *node = &tape->nodes[index];
    const int64_t plane = (int64_t)node->h * node->w;
    int32_t first = 0;
    for (int32_t i = 0; i < what->input_count; i++) {
        const struct yt_tape_node *in = &tape->nodes[what->inputs[i]];
        if (in->gradient) {
            float *to = in->has_gradient ? tape->spare : in->gradient;
            if (in->c < in->cp)
                memset(to, 0, (size_t)(tape->chunk * in->size) * sizeof *to);
            for (int32_t n = 0; n < tape->chunk; n++)
                copy_channels(tape, plane, node->gradient + n * node->size,
                              first, to + n * in->size, 0, in->c);
            yt_tape_took(tape, what->inputs[i]);
        }
        first += in->c;
    }
}

/* -------------------------------------------------------------------- runs */

static enum yt_status unary_forward(struct yt_tape *tape, int32_t index)
{
    const struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_tape_node *in =
        &tape->nodes[tape->graph->nodes[index].inputs[0]];
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, in->value_memory},
        {DNNL_ARG_DST, node->value_memory},
        {DNNL_ARG_WORKSPACE, node->workspace_memory}};
    return yt_primitive_run(&tape->onednn, &node->forward, arguments,
                            node->workspace_memory ? 3 : 2);
}

static enum yt_status add_forward(struct yt_tape *tape, int32_t index)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_node *node = &tape->nodes[index];
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC_0, tape->nodes[what->inputs[0]].value_memory},
        {DNNL_ARG_SRC_1, tape->nodes[what->inputs[1]].value_memory},
        {DNNL_ARG_DST, node->value_memory}};
    return yt_primitive_run(&tape->onednn, &node->forward, arguments, 3);
}

enum yt_status yt_tape_node_forward(struct yt_tape *tape, int32_t index,
                                    int32_t chunk)
{
    switch (tape->graph->nodes[index].kind) {
    case YT_NODE_SILU:
    case YT_NODE_MAXPOOL:
    case YT_NODE_UPSAMPLE:
        return unary_forward(tape, index);
    case YT_NODE_ADD:
        return add_forward(tape, index);
    case YT_NODE_CONCAT:
        concat_forward(tape, index, chunk);
        return YT_OK;
    default:
        return YT_OK;
    }
}

/* Of those with one input. */
static enum yt_status unary_backward(struct yt_tape *tape, int32_t index)
{
    const struct yt_tape_node *node = &tape->nodes[index];
    const int32_t input = tape->graph->nodes[index].inputs[0];
    const dnnl_memory_t target = yt_tape_target(tape, input);
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_DIFF_DST, node->gradient_memory},
                                    {DNNL_ARG_DIFF_SRC, target}};
    int count = 2;
    if (!target)
        return YT_OK;
    if (tape->graph->nodes[index].kind == YT_NODE_SILU)
        arguments[count++] =
            (dnnl_exec_arg_t){DNNL_ARG_SRC, tape->nodes[input].value_memory};
    if (node->workspace_memory)
        arguments[count++] =
            (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, node->workspace_memory};
    YT_TRY(yt_primitive_run(&tape->onednn, &node->backward, arguments, count));
    yt_tape_took(tape, input);
    return YT_OK;
}

static void add_backward(struct yt_tape *tape, int32_t index)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_node *node = &tape->nodes[index];
    for (int32_t i = 0; i < what->input_count; i++) {
        struct yt_tape_node *in = &tape->nodes[what->inputs[i]];
        const int64_t count = tape->chunk * in->size;
        if (!in->gradient)
            continue;
        if (in->has_gradient)
            yt_tape_add(in->gradient, node->gradient, count);
        else
            memcpy(in->gradient, node->gradient,
                   (size_t)count * sizeof *in->gradient);
        in->has_gradient = 1;
    }
}

enum yt_status yt_tape_node_backward(struct yt_tape *tape, int32_t index)
{
    switch (tape->graph->nodes[index].kind) {
    case YT_NODE_SILU:
    case YT_NODE_MAXPOOL:
    case YT_NODE_UPSAMPLE:
        return unary_backward(tape, index);
    case YT_NODE_ADD:
        add_backward(tape, index);
        return YT_OK;
    case YT_NODE_CONCAT:
        concat_backward(tape, index);
        return YT_OK;
    default:
        return YT_OK;
    }
}
