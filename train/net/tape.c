/* See train/net/tape.h: what a tape is made of, and the order of things. */

#include "train/net/tape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/math.h"
#include "model/lower.h"
#include "runtime/fail.h"
#include "runtime/pool.h"
#include "train/net/tape_parts.h"

#define ALIGN 64

/* ------------------------------------------------------------------ memory */

enum yt_status yt_tape_allocate(struct yt_tape *tape, int64_t bytes,
                                void *block_out)
{
    const size_t size = (size_t)yt_round_up(bytes > 0 ? bytes : 1, ALIGN);
    void **out = block_out;
    if (tape->block_count == tape->block_cap) {
        const int32_t cap = tape->block_cap ? 2 * tape->block_cap : 64;
        void **grown =
            realloc(tape->blocks, (size_t)cap * sizeof *tape->blocks);
        YT_FAIL_IF(!grown, YT_NO_MEMORY, "no memory for a list of tensors");
        tape->blocks = grown;
        tape->block_cap = cap;
    }
    void *block = aligned_alloc(ALIGN, size);
    YT_FAIL_IF(!block, YT_NO_MEMORY, "no memory for a tensor of %zu bytes",
               size);
    memset(block, 0, size);
    tape->blocks[tape->block_count++] = block;
    tape->bytes += (int64_t)size;
    *out = block;
    return YT_OK;
}

static enum yt_status allocate_floats(struct yt_tape *tape, int64_t count,
                                      float **floats_out)
{
    return yt_tape_allocate(tape, count * (int64_t)sizeof **floats_out,
                            floats_out);
}

/* ------------------------------------------------------------------- nodes */

int yt_tape_reads_image(const struct yt_tape *tape, int32_t index)
{
    const struct yt_node *node = &tape->graph->nodes[index];
    return node->kind == YT_NODE_CONV && node->inputs[0] == 0;
}

/* Whether the image is needed in blocks. */
static int image_in_blocks(const struct yt_tape *tape)
{
    for (int32_t i = 1; i < tape->graph->node_count; i++)
        for (int32_t j = 0; j < tape->graph->nodes[i].input_count; j++)
            if (tape->graph->nodes[i].inputs[j] == 0 &&
                !yt_tape_reads_image(tape, i))
                return 1;
    return 0;
}

/* Weights are behind it, so that it has a gradient. */
static int has_weights(const struct yt_tape *tape, int32_t index)
{
    const struct yt_node *node = &tape->graph->nodes[index];
    if (node->kind == YT_NODE_CONV)
        return 1;
    for (int32_t i = 0; i < node->input_count; i++)
        if (tape->nodes[node->inputs[i]].gradient)
            return 1;
    return 0;
}

static enum yt_status name_memory(struct yt_tape *tape,
                                  struct yt_tape_node *node)
{
    struct yt_onednn *o = &tape->onednn;
    YT_TRY(
        yt_onednn_memory(o, &node->layout, node->value, &node->value_memory));
    if (!node->gradient)
        return YT_OK;
    YT_TRY(yt_onednn_memory(o, &node->layout, node->gradient,
                            &node->gradient_memory));
    return yt_onednn_memory(o, &node->layout, tape->spare, &node->spare_memory);
}

static enum yt_status create_node(struct yt_tape *tape, int32_t index,
                                  struct yt_ir_shape shape)
{
    struct yt_tape_node *node = &tape->nodes[index];
    node->c = shape.c;
    node->cp = (int32_t)yt_round_up(shape.c, tape->onednn.block);
    node->h = shape.h;
    node->w = shape.w;
    node->size = (int64_t)node->cp * shape.h * shape.w;
    const dnnl_dims_t nchw = {tape->chunk, node->cp, node->h, node->w};
    YT_TRY(yt_onednn_blocked(&tape->onednn, nchw, &node->layout));
    if (index == 0 && !image_in_blocks(tape))
        return YT_OK;
    YT_TRY(
        allocate_floats(tape, tape->options.batch * node->size, &node->value));
    if (!tape->options.forward_only && has_weights(tape, index))
        YT_TRY(
            allocate_floats(tape, tape->chunk * node->size, &node->gradient));
    YT_TRY(name_memory(tape, node));
    return tape->graph->nodes[index].kind == YT_NODE_CONV
               ? yt_tape_conv_create(tape, index)
               : yt_tape_node_create(tape, index);
}

/* What nodes share: the image, a gradient of the largest, a filter of the
 * largest. */
static enum yt_status create_shared(struct yt_tape *tape,
                                    const struct yt_ir_shape *shapes)
{
    const int32_t lanes = tape->onednn.block;
    const dnnl_dims_t nchw = {tape->chunk, 3, tape->options.h, tape->options.w};
    int64_t most = 0, filter = 0;
    dnnl_memory_desc_t layout;
    for (int32_t i = 0; i < tape->graph->node_count; i++) {
        const struct yt_node *node = &tape->graph->nodes[i];
        const int64_t cp = yt_round_up(shapes[i].c, lanes);
        const int64_t size = cp * shapes[i].h * shapes[i].w;
        most = size > most ? size : most;
        if (node->kind != YT_NODE_CONV)
            continue;
        const int64_t in_c = yt_round_up(shapes[node->inputs[0]].c, lanes);
        const int64_t count = cp * in_c * node->r * node->r;
        filter = count > filter ? count : filter;
    }
    if (!tape->options.forward_only)
        YT_TRY(allocate_floats(tape, tape->chunk * most, &tape->spare));
    YT_TRY(allocate_floats(tape, filter, &tape->plain));
    YT_TRY(allocate_floats(tape,
                           (int64_t)tape->options.batch * 3 * tape->options.h *
                               tape->options.w,
                           &tape->image));
    YT_TRY(yt_onednn_status(
        dnnl_memory_desc_init_by_tag(&layout, 4, nchw, dnnl_f32, dnnl_nchw),
        "an image"));
    return yt_onednn_memory(&tape->onednn, &layout, tape->image,
                            &tape->image_memory);
}

/* ------------------------------------------------------------------ create */

static enum yt_status check_options(const struct yt_graph *graph,
                                    const struct yt_tape_options *options)
{
    const int32_t stride = yt_graph_max_stride(graph);
    YT_FAIL_IF(options->batch < 1 || options->batch > 4096, YT_BAD_ARGUMENT,
               "a batch of %d pictures: 1 to 4096 are possible",
               options->batch);
    YT_FAIL_IF(options->threads < 0, YT_BAD_ARGUMENT, "%d threads",
               options->threads);
    YT_FAIL_IF(options->h < stride || options->w < stride ||
                   options->h % stride || options->w % stride,
               YT_BAD_ARGUMENT,
               "input %dx%d: rows and columns must be multiples of %d",
               options->h, options->w, stride);
    return YT_OK;
}

static enum yt_status create(struct yt_tape *tape)
{
    const struct yt_tape_options *options = &tape->options;
    const int32_t count = tape->graph->node_count;
    const int32_t threads =
        options->threads ? options->threads : yt_pool_cpus();
    enum yt_status status;
    struct yt_ir_shape *shapes = calloc((size_t)count, sizeof *shapes);
    tape->nodes = calloc((size_t)count, sizeof *tape->nodes);
    YT_FAIL_IF_GOTO(!shapes || !tape->nodes, YT_NO_MEMORY,
                    "no memory for a tape of %d nodes", count);
    YT_TRY_GOTO(yt_graph_shapes(tape->graph, options->h, options->w, shapes));
    YT_TRY_GOTO(yt_onednn_init(threads, &tape->onednn));
    tape->chunk = options->batch;
    YT_TRY_GOTO(create_shared(tape, shapes));
    for (int32_t i = 0; i < count; i++)
        YT_TRY_GOTO(create_node(tape, i, shapes[i]));
    YT_TRY_GOTO(yt_onednn_allocate_scratch(&tape->onednn));
    tape->bytes += (int64_t)tape->onednn.scratch_bytes;
done:
    free(shapes);
    return status;
}

enum yt_status yt_tape_create(const struct yt_graph *graph,
                              const struct yt_tape_options *options,
                              struct yt_tape **tape_out)
{
    YT_TRY(check_options(graph, options));
    struct yt_tape *tape = calloc(1, sizeof *tape);
    YT_FAIL_IF(!tape, YT_NO_MEMORY, "no memory for a tape");
    tape->graph = graph;
    tape->options = *options;
    const enum yt_status status = create(tape);
    if (status != YT_OK) {
        yt_tape_destroy(tape);
        return status;
    }
    *tape_out = tape;
    return YT_OK;
}

static void destroy_node(struct yt_tape_node *node)
{
    dnnl_memory_t memories[] = {node->value_memory, node->gradient_memory,
                                node->spare_memory, node->workspace_memory};
    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    yt_primitive_deinit(&node->forward);
    yt_primitive_deinit(&node->backward);
    yt_tape_conv_destroy(node->filter);
}

void yt_tape_destroy(struct yt_tape *tape)
{
    if (!tape)
        return;
    for (int32_t i = 0; tape->nodes && i < tape->graph->node_count; i++)
        destroy_node(&tape->nodes[i]);
    if (tape->image_memory)
        dnnl_memory_destroy(tape->image_memory);
    yt_onednn_deinit(&tape->onednn);
    for (int32_t i = 0; i < tape->block_count; i++)
        free(tape->blocks[i]);
    free(tape->blocks);
    free(tape->nodes);
    free(tape);
}

/* -------------------------------------------------------------------- runs */

/* Let all names of values mean those of a chunk. */
static void turn_to(struct yt_tape *tape, int32_t chunk)
{
    const int64_t first = (int64_t)chunk * tape->chunk;
    const int64_t image = (int64_t)3 * tape->options.h * tape->options.w;
    dnnl_memory_set_data_handle(tape->image_memory,
                                tape->image + first * image);
    for (int32_t i = 0; i < tape->graph->node_count; i++) {
        struct yt_tape_node *node = &tape->nodes[i];
        if (node->value_memory)
            dnnl_memory_set_data_handle(node->value_memory,
                                        node->value + first * node->size);
        if (node->workspace_memory)
            dnnl_memory_set_data_handle(
                node->workspace_memory,
                node->workspace + (size_t)chunk * node->workspace_bytes);
    }
}

static enum yt_status run_chunk(struct yt_tape *tape, int32_t chunk)
{
    turn_to(tape, chunk);
    for (int32_t i = 1; i < tape->graph->node_count; i++)
        YT_TRY(tape->nodes[i].filter ? yt_tape_conv_forward(tape, i)
                                     : yt_tape_node_forward(tape, i, chunk));
    return YT_OK;
}

enum yt_status yt_tape_forward(struct yt_tape *tape, const float *images)
{
    const int64_t count =
        (int64_t)tape->options.batch * 3 * tape->options.h * tape->options.w;
    yt_onednn_enter(&tape->onednn);
    memcpy(tape->image, images, (size_t)count * sizeof *images);
    if (tape->nodes[0].value)
        yt_tape_to_blocks(tape, 0, images, tape->nodes[0].value);
    for (int32_t i = 1; i < tape->graph->node_count; i++)
        if (tape->nodes[i].filter)
            YT_TRY(yt_tape_conv_load(tape, i));
    for (int32_t i = 0; i < tape->options.batch / tape->chunk; i++)
        YT_TRY(run_chunk(tape, i));
    return YT_OK;
}

enum yt_status yt_tape_seed(struct yt_tape *tape, int32_t index,
                            const float *gradient)
{
    struct yt_tape_node *node = &tape->nodes[index];
    assert(!tape->options.forward_only);
    if (!node->gradient) /* no weights are behind it */
        return YT_OK;
    if (!node->seed)
        YT_TRY(allocate_floats(tape, tape->options.batch * node->size,
                               &node->seed));
    yt_tape_to_blocks(tape, index, gradient, node->seed);
    node->seeded = 1;
    return YT_OK;
}

dnnl_memory_t yt_tape_target(struct yt_tape *tape, int32_t input)
{
    const struct yt_tape_node *node = &tape->nodes[input];
    return node->has_gradient ? node->spare_memory : node->gradient_memory;
}

void yt_tape_took(struct yt_tape *tape, int32_t input)
{
    struct yt_tape_node *node = &tape->nodes[input];
    if (node->has_gradient)
        yt_tape_add(node->gradient, tape->spare, tape->chunk * node->size);
    node->has_gradient = 1;
}

/* Gradients of a chunk begin with the seeds. */
static void begin_gradients(struct yt_tape *tape, int32_t chunk)
{
    for (int32_t i = 1; i < tape->graph->node_count; i++) {
        struct yt_tape_node *node = &tape->nodes[i];
        const int64_t count = tape->chunk * node->size;
        node->has_gradient = node->seeded;
        if (node->seeded)
            memcpy(node->gradient, node->seed + chunk * count,
                   (size_t)count * sizeof *node->gradient);
    }
}

static enum yt_status run_chunk_back(struct yt_tape *tape, int32_t chunk)
{
    turn_to(tape, chunk);
    begin_gradients(tape, chunk);
    for (int32_t i = tape->graph->node_count - 1; i > 0; i--) {
        const struct yt_tape_node *node = &tape->nodes[i];
        if (node->filter)
            YT_TRY(yt_tape_conv_backward(tape, i, chunk == 0));
        else if (node->has_gradient)
            YT_TRY(yt_tape_node_backward(tape, i));
    }
    return YT_OK;
}

enum yt_status yt_tape_backward(struct yt_tape *tape)
{
    assert(!tape->options.forward_only);
    yt_onednn_enter(&tape->onednn);
    for (int32_t i = 0; i < tape->options.batch / tape->chunk; i++)
        YT_TRY(run_chunk_back(tape, i));
    for (int32_t i = 1; i < tape->graph->node_count; i++) {
        tape->nodes[i].seeded = 0;
        if (tape->nodes[i].filter)
            YT_TRY(yt_tape_conv_finish(tape, i));
    }
    return YT_OK;
}

/* ----------------------------------------------------------------- answers */

void yt_tape_shape(const struct yt_tape *tape, int32_t node, int32_t *h_out,
                   int32_t *w_out)
{
    *h_out = tape->nodes[node].h;
    *w_out = tape->nodes[node].w;
}

enum yt_status yt_tape_read(struct yt_tape *tape, int32_t index,
                            float *values_out)
{
    const struct yt_tape_node *node = &tape->nodes[index];
    if (index == 0)
        memcpy(values_out, tape->image,
               (size_t)tape->options.batch * 3 * (size_t)node->h *
                   (size_t)node->w * sizeof *values_out);
    else
        yt_tape_to_plain(tape, index, node->value, values_out);
    return YT_OK;
}

const float *yt_tape_weight_gradient(const struct yt_tape *tape, int32_t node)
{
    return tape->nodes[node].filter->weight_gradient;
}

const float *yt_tape_bias_gradient(const struct yt_tape *tape, int32_t node)
{
    return tape->nodes[node].filter->bias_gradient;
}

int64_t yt_tape_bytes(const struct yt_tape *tape)
{
    return tape->bytes;
}
