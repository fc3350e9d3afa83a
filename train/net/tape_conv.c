/* Convolutions of the tape: see train/net/tape_parts.h. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "train/net/tape_parts.h"

/* What the three primitives of a convolution have in common. */
struct geometry {
    dnnl_memory_desc_t in, out, plain, weights, bias;
    dnnl_dims_t strides, pads;
};

static enum yt_status describe(const struct yt_tape *tape, int32_t index,
                               struct geometry *g)
{
    const struct yt_node *node = &tape->graph->nodes[index];
    const struct yt_tape_node *in = &tape->nodes[node->inputs[0]];
    const struct yt_tape_node *out = &tape->nodes[index];
    const struct yt_tape_filter *f = out->filter;
    const dnnl_dims_t filter = {f->k, f->c, node->r, node->r};
    const dnnl_dims_t bias = {f->k};
    const dnnl_dims_t image = {tape->chunk, 3, in->h, in->w};
    *g = (struct geometry){.in = in->layout,
                           .out = out->layout,
                           .strides = {node->stride, node->stride},
                           .pads = {node->pad, node->pad}};
    if (yt_tape_reads_image(tape, index))
        YT_TRY(yt_onednn_status(
            dnnl_memory_desc_init_by_tag(&g->in, 4, image, dnnl_f32, dnnl_nchw),
            "an image"));
    YT_TRY(yt_onednn_status(
        dnnl_memory_desc_init_by_tag(&g->plain, 4, filter, dnnl_f32, dnnl_oihw),
        node->name));
    YT_TRY(yt_onednn_status(dnnl_memory_desc_init_by_tag(&g->weights, 4, filter,
                                                         dnnl_f32,
                                                         dnnl_format_tag_any),
                            node->name));
    return yt_onednn_status(
        dnnl_memory_desc_init_by_tag(&g->bias, 1, bias, dnnl_f32, dnnl_x),
        node->name);
}

static enum yt_status make_forward(struct yt_tape *tape, int32_t index,
                                   struct geometry *g)
{
    const char *name = tape->graph->nodes[index].name;
    struct yt_tape_node *node = &tape->nodes[index];
    struct yt_tape_filter *f = node->filter;
    struct yt_onednn *o = &tape->onednn;
    const dnnl_prop_kind_t kind = tape->options.forward_only
                                      ? dnnl_forward_inference
                                      : dnnl_forward_training;
    dnnl_convolution_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_convolution_forward_desc_init(
                                &operation, kind, dnnl_convolution_direct,
                                &g->in, &g->weights, &g->bias, &g->out,
                                g->strides, g->pads, g->pads),
                            name));
    YT_TRY(yt_onednn_primitive(o, &operation, NULL, name, &node->forward));
    const dnnl_memory_desc_t *layout =
        yt_primitive_layout(&node->forward, dnnl_query_weights_md);
    YT_TRY(yt_tape_allocate_block(tape, layout, &f->weights));
    YT_TRY(yt_tape_allocate_block(tape, &g->bias, &f->bias));
    YT_TRY(yt_onednn_memory(o, &g->plain, NULL, &f->plain));
    return yt_onednn_reorder(o, &g->plain, layout, &f->pack);
}

static enum yt_status make_backward_data(struct yt_tape *tape, int32_t index,
                                         struct geometry *g)
{
    const char *name = tape->graph->nodes[index].name;
    struct yt_tape_node *node = &tape->nodes[index];
    struct yt_tape_filter *f = node->filter;
    struct yt_onednn *o = &tape->onednn;
    dnnl_convolution_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_convolution_backward_data_desc_init(
                                &operation, dnnl_convolution_direct, &g->in,
                                &g->weights, &g->out, g->strides, g->pads,
                                g->pads),
                            name));
    YT_TRY(yt_onednn_primitive(o, &operation, &node->forward, name,
                               &node->backward));
    const dnnl_memory_desc_t *layout =
        yt_primitive_layout(&node->backward, dnnl_query_weights_md);
    YT_TRY(yt_tape_allocate_block(tape, layout, &f->turned));
    return yt_onednn_reorder(o, &g->plain, layout, &f->turn);
}

static enum yt_status make_backward_weights(struct yt_tape *tape, int32_t index,
                                            struct geometry *g)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    struct yt_tape_node *node = &tape->nodes[index];
    struct yt_tape_filter *f = node->filter;
    struct yt_onednn *o = &tape->onednn;
    const int64_t weights =
        (int64_t)what->c * f->taps * tape->graph->nodes[what->inputs[0]].c;
    dnnl_convolution_desc_t operation;
    YT_TRY(yt_onednn_status(dnnl_convolution_backward_weights_desc_init(
                                &operation, dnnl_convolution_direct, &g->in,
                                &g->weights, &g->bias, &g->out, g->strides,
                                g->pads, g->pads),
                            what->name));
    YT_TRY(yt_onednn_primitive(o, &operation, &node->forward, what->name,
                               &f->backward_weights));
    const dnnl_memory_desc_t *layout =
        yt_primitive_layout(&f->backward_weights, dnnl_query_diff_weights_md);
    f->gradient_layout = *layout;
    f->bias_layout = g->bias;
    YT_TRY(yt_tape_allocate_floats(tape, weights, &f->weight_gradient));
    YT_TRY(yt_tape_allocate_floats(tape, what->c, &f->bias_gradient));
    return yt_onednn_reorder(o, layout, &g->plain, &f->unpack);
}

enum yt_status yt_tape_conv_create(struct yt_tape *tape, int32_t index)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    const int reads_image = yt_tape_reads_image(tape, index);
    struct yt_tape_filter *f = calloc(1, sizeof *f);
    struct geometry g;
    YT_FAIL_IF(!f, YT_NO_MEMORY, "%s: no memory for its filter", what->name);
    tape->nodes[index].filter = f;
    f->c = reads_image ? 3 : tape->nodes[what->inputs[0]].cp;
    f->k = tape->nodes[index].cp;
    f->taps = what->r * what->r;
    YT_TRY(describe(tape, index, &g));
    YT_TRY(make_forward(tape, index, &g));
    if (tape->options.forward_only)
        return YT_OK;
    if (tape->nodes[what->inputs[0]].has_gradient)
        YT_TRY(make_backward_data(tape, index, &g));
    return make_backward_weights(tape, index, &g);
}

static void release(dnnl_memory_t memory)
{
    if (memory)
        dnnl_memory_destroy(memory);
}

void yt_tape_conv_destroy(struct yt_tape_filter *f)
{
    if (!f)
        return;
    release(f->plain);
    release(f->weights.memory);
    release(f->bias.memory);
    release(f->turned.memory);
    yt_primitive_deinit(&f->pack);
    yt_primitive_deinit(&f->turn);
    yt_primitive_deinit(&f->unpack);
    yt_primitive_deinit(&f->backward_weights);
    free(f);
}

/* ----------------------------------------------------------------- weights */

/* Rows of c weights' taps, between those of the node and those as stored. */
static void copy_filter(float *to, int64_t to_row, const float *from,
                        int64_t from_row, int32_t rows)
{
    const int64_t shorter = to_row < from_row ? to_row : from_row;
    for (int32_t k = 0; k < rows; k++)
        memcpy(to + k * to_row, from + k * from_row,
               (size_t)shorter * sizeof *to);
}

/* Floats of an output channel's weights, as the node has them. */
static int64_t row_of(const struct yt_tape *tape, int32_t index)
{
    const struct yt_node *what = &tape->graph->nodes[index];
    return (int64_t)tape->graph->nodes[what->inputs[0]].c * what->r * what->r;
}

enum yt_status yt_tape_conv_load(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape *tape = worker->tape;
    const struct yt_node *what = &tape->graph->nodes[index];
    struct yt_tape_filter *f = tape->nodes[index].filter;
    const int64_t row = row_of(tape, index);
    const int64_t stored_row = (int64_t)f->c * f->taps;
    memset(worker->plain, 0,
           (size_t)(f->k * stored_row) * sizeof *worker->plain);
    copy_filter(worker->plain, stored_row, what->weights, row, what->c);
    memcpy(f->bias.data, what->bias, (size_t)what->c * sizeof *f->bias.data);
    yt_tape_round_filter(worker, index, worker->plain);
    dnnl_memory_set_data_handle(f->plain, worker->plain);
    const dnnl_exec_arg_t pack[] = {{DNNL_ARG_FROM, f->plain},
                                    {DNNL_ARG_TO, f->weights.memory}};
    YT_TRY(yt_primitive_run(&worker->stream, &f->pack, pack, 2));
    if (!f->turned.memory)
        return YT_OK;
    const dnnl_exec_arg_t turn[] = {{DNNL_ARG_FROM, f->plain},
                                    {DNNL_ARG_TO, f->turned.memory}};
    return yt_primitive_run(&worker->stream, &f->turn, turn, 2);
}

enum yt_status yt_tape_conv_finish(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape *tape = worker->tape;
    const struct yt_node *what = &tape->graph->nodes[index];
    const struct yt_tape_view *sum = &tape->workers[0].views[index];
    struct yt_tape_filter *f = tape->nodes[index].filter;
    for (int32_t i = 1; i < tape->worker_count; i++) {
        const struct yt_tape_view *view = &tape->workers[i].views[index];
        yt_tape_add(sum->weight_sum.data, view->weight_sum.data,
                    sum->weight_sum.count);
        yt_tape_add(sum->bias_sum.data, view->bias_sum.data,
                    sum->bias_sum.count);
    }
    dnnl_memory_set_data_handle(f->plain, worker->plain);
    const dnnl_exec_arg_t unpack[] = {{DNNL_ARG_FROM, sum->weight_sum.memory},
                                      {DNNL_ARG_TO, f->plain}};
    YT_TRY(yt_primitive_run(&worker->stream, &f->unpack, unpack, 2));
    copy_filter(f->weight_gradient, row_of(tape, index), worker->plain,
                (int64_t)f->c * f->taps, what->c);
    memcpy(f->bias_gradient, sum->bias_sum.data,
           (size_t)what->c * sizeof *f->bias_gradient);
    return YT_OK;
}

/* -------------------------------------------------------------------- runs */

static dnnl_memory_t input_of(const struct yt_tape_worker *worker,
                              int32_t index)
{
    if (worker->views[index].copy)
        return worker->views[index].copy;
    return yt_tape_reads_image(worker->tape, index)
               ? worker->image
               : worker->views[worker->tape->graph->nodes[index].inputs[0]]
                     .value;
}

/* The input as the convolution reads it, where it is stored otherwise. */
static void read_input(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape *tape = worker->tape;
    const struct yt_tape_filter *f = tape->nodes[index].filter;
    const struct yt_tape_node *in =
        &tape->nodes[tape->graph->nodes[index].inputs[0]];
    if (f->copy)
        yt_tape_round_values(tape, f->copy, tape->chunk, (int64_t)in->h * in->w,
                             in->value + worker->at * in->size, worker->copy,
                             worker->copy_mask);
}

enum yt_status yt_tape_conv_forward(struct yt_tape_worker *worker,
                                    int32_t index)
{
    const struct yt_tape_node *node = &worker->tape->nodes[index];
    read_input(worker, index);
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, input_of(worker, index)},
        {DNNL_ARG_WEIGHTS, node->filter->weights.memory},
        {DNNL_ARG_BIAS, node->filter->bias.memory},
        {DNNL_ARG_DST, worker->views[index].value}};
    return yt_primitive_run(&worker->stream, &node->forward, arguments, 4);
}

static void clear(const struct yt_tape_block *block)
{
    memset(block->data, 0, (size_t)block->count * sizeof *block->data);
}

/* Sums begin with the first chunk's. */
static enum yt_status backward_weights(struct yt_tape_worker *worker,
                                       int32_t index)
{
    const struct yt_tape_view *view = &worker->views[index];
    const int first = worker->at == worker->first;
    const struct yt_tape_block *weights =
        first ? &view->weight_sum : &view->weight_part;
    const struct yt_tape_block *bias =
        first ? &view->bias_sum : &view->bias_part;
    if (!view->written) {
        if (first) {
            clear(weights);
            clear(bias);
        }
        return YT_OK;
    }
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, input_of(worker, index)},
        {DNNL_ARG_DIFF_DST, view->gradient},
        {DNNL_ARG_DIFF_WEIGHTS, weights->memory},
        {DNNL_ARG_DIFF_BIAS, bias->memory}};
    YT_TRY(yt_primitive_run(
        &worker->stream, &worker->tape->nodes[index].filter->backward_weights,
        arguments, 4));
    if (first)
        return YT_OK;
    yt_tape_add(view->weight_sum.data, weights->data, weights->count);
    yt_tape_add(view->bias_sum.data, bias->data, bias->count);
    return YT_OK;
}

enum yt_status yt_tape_conv_backward(struct yt_tape_worker *worker,
                                     int32_t index)
{
    const struct yt_tape_node *node = &worker->tape->nodes[index];
    const int32_t input = worker->tape->graph->nodes[index].inputs[0];
    read_input(worker, index);
    YT_TRY(backward_weights(worker, index));
    const dnnl_memory_t target = yt_tape_target(worker, input);
    if (!target || !worker->views[index].written)
        return YT_OK;
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_DIFF_DST, worker->views[index].gradient},
        {DNNL_ARG_WEIGHTS, node->filter->turned.memory},
        {DNNL_ARG_DIFF_SRC, target}};
    YT_TRY(yt_primitive_run(&worker->stream, &node->backward, arguments, 3));
    if (node->filter->copy)
        yt_tape_mask(worker->views[input].written
                         ? worker->spare
                         : worker->views[input].gradient_data,
                     worker->copy_mask,
                     worker->tape->chunk * worker->tape->nodes[input].size);
    yt_tape_took(worker, input);
    return YT_OK;
}
