/* See train/net/tape.h: what a tape is made of, and the order of things. */

#include "train/net/tape.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/math.h"
#include "model/lower.h"
#include "runtime/fail.h"
#include "train/net/tape_parts.h"

/* Of the input: four pictures of 320 by 320. Measured with YOLOv5 n and s on
 * Zen 3: one picture is 6 % slower, eight are no faster. */
#define CHUNK_PIXELS (4 * 320 * 320)

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
        if (tape->nodes[node->inputs[i]].has_gradient)
            return 1;
    return 0;
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
    YT_TRY(yt_tape_allocate_floats(tape, tape->options.batch * node->size,
                                   &node->value));
    node->has_gradient =
        !tape->options.forward_only && has_weights(tape, index);
    return tape->graph->nodes[index].kind == YT_NODE_CONV
               ? yt_tape_conv_create(tape, index)
               : yt_tape_node_create(tape, index);
}

/* ------------------------------------------------------------------ create */

static enum yt_status check_options(const struct yt_graph *graph,
                                    const struct yt_tape_options *options)
{
    const int32_t stride = yt_graph_max_stride(graph);
    YT_FAIL_IF(options->batch < 1 || options->batch > 4096, YT_BAD_ARGUMENT,
               "a batch of %d pictures: 1 to 4096 are possible",
               options->batch);
    YT_FAIL_IF(options->threads < 0 || options->threads > YT_POOL_THREADS_MAX,
               YT_BAD_ARGUMENT, "%d threads: 0 to %d are possible",
               options->threads, YT_POOL_THREADS_MAX);
    YT_FAIL_IF(options->h < stride || options->w < stride ||
                   options->h % stride || options->w % stride,
               YT_BAD_ARGUMENT,
               "input %dx%d: rows and columns must be multiples of %d",
               options->h, options->w, stride);
    return YT_OK;
}

/* Pictures that a worker runs at once: some, since gradients by weights are
 * added up after each chunk, but few, so that values stay in the caches, and as
 * many as divide every worker's share. */
static int32_t choose_chunk(const struct yt_tape_options *options,
                            int32_t workers)
{
    int32_t chunk = options->batch / workers;
    if (options->batch % workers)
        return 1;
    while (chunk > 1 &&
           ((int64_t)chunk * options->h * options->w > CHUNK_PIXELS ||
            options->batch / workers % chunk))
        chunk--;
    return chunk;
}

/* Who runs which pictures. */
static enum yt_status share_out(struct yt_tape *tape)
{
    const int32_t batch = tape->options.batch;
    const int32_t threads =
        tape->options.threads ? tape->options.threads : yt_pool_cpus();
    tape->worker_count = threads < batch ? threads : batch;
    tape->chunk = choose_chunk(&tape->options, tape->worker_count);
    const size_t count = (size_t)tape->worker_count;
    tape->workers = calloc(count, sizeof *tape->workers);
    tape->jobs = calloc(count, sizeof *tape->jobs);
    tape->job_pointers = calloc(count, sizeof *tape->job_pointers);
    YT_FAIL_IF(!tape->workers || !tape->jobs || !tape->job_pointers,
               YT_NO_MEMORY, "no memory for %zu workers", count);
    for (int32_t i = 0; i < tape->worker_count; i++) {
        struct yt_tape_worker *worker = &tape->workers[i];
        worker->tape = tape;
        worker->first = (int32_t)((int64_t)batch * i / tape->worker_count);
        worker->count =
            (int32_t)((int64_t)batch * (i + 1) / tape->worker_count) -
            worker->first;
        tape->jobs[i].worker = worker;
        tape->job_pointers[i] = &tape->jobs[i];
    }
    YT_TRY(yt_onednn_init(threads / tape->worker_count, &tape->onednn));
    return yt_pool_create(tape->worker_count, 0, &tape->pool);
}

static enum yt_status create(struct yt_tape *tape)
{
    const struct yt_tape_options *options = &tape->options;
    const int32_t count = tape->graph->node_count;
    enum yt_status status;
    struct yt_ir_shape *shapes = calloc((size_t)count, sizeof *shapes);
    tape->nodes = calloc((size_t)count, sizeof *tape->nodes);
    YT_FAIL_IF_GOTO(!shapes || !tape->nodes, YT_NO_MEMORY,
                    "no memory for a tape of %d nodes", count);
    YT_TRY_GOTO(yt_graph_shapes(tape->graph, options->h, options->w, shapes));
    YT_TRY_GOTO(share_out(tape));
    YT_TRY_GOTO(yt_tape_allocate_floats(
        tape, (int64_t)options->batch * 3 * options->h * options->w,
        &tape->image));
    for (int32_t i = 0; i < count; i++)
        YT_TRY_GOTO(create_node(tape, i, shapes[i]));
    YT_TRY_GOTO(yt_tape_round_create(tape));
    YT_TRY_GOTO(yt_tape_place_gradients(tape));
    for (int32_t i = 0; i < tape->worker_count; i++)
        YT_TRY_GOTO(yt_tape_worker_init(tape, &tape->workers[i]));
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

void yt_tape_destroy(struct yt_tape *tape)
{
    if (!tape)
        return;
    for (int32_t i = 0; tape->workers && i < tape->worker_count; i++)
        yt_tape_worker_deinit(&tape->workers[i]);
    for (int32_t i = 0; tape->nodes && i < tape->graph->node_count; i++) {
        yt_primitive_deinit(&tape->nodes[i].forward);
        yt_primitive_deinit(&tape->nodes[i].backward);
        yt_tape_conv_destroy(tape->nodes[i].filter);
    }
    yt_pool_destroy(tape->pool);
    yt_onednn_deinit(&tape->onednn);
    for (int32_t i = 0; i < tape->block_count; i++)
        free(tape->blocks[i]);
    free(tape->blocks);
    free(tape->workers);
    free(tape->jobs);
    free(tape->job_pointers);
    free(tape->nodes);
    free(tape);
}

/* -------------------------------------------------------------------- runs */

static void run_job(const void *args, int64_t begin, int64_t end)
{
    const struct yt_tape_job *job = args;
    struct yt_tape_worker *worker = job->worker;
    yt_onednn_enter(&worker->tape->onednn);
    for (int64_t i = begin; i < end && worker->status == YT_OK; i++)
        worker->status = job->run(worker, (int32_t)i);
    if (worker->status != YT_OK)
        snprintf(worker->sentence, sizeof worker->sentence, "%s", yt_error());
}

/* Tasks 0 to count - 1, shared out to the workers. */
static enum yt_status run_all(struct yt_tape *tape, yt_tape_job_fn run,
                              int32_t count)
{
    for (int32_t i = 0; i < tape->worker_count; i++) {
        tape->jobs[i].run = run;
        tape->workers[i].status = YT_OK;
    }
    yt_pool_run(tape->pool, run_job, NULL, tape->job_pointers, count);
    for (int32_t i = 0; i < tape->worker_count; i++)
        if (tape->workers[i].status != YT_OK)
            return yt_fail(tape->workers[i].status, "%s",
                           tape->workers[i].sentence);
    return YT_OK;
}

/* ----------------------------------------------------------------- forward */

static enum yt_status load_filter(struct yt_tape_worker *worker, int32_t node)
{
    return worker->tape->nodes[node].filter ? yt_tape_conv_load(worker, node)
                                            : YT_OK;
}

/* A chunk of a node's values as they are stored. */
static void store_value(const struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape_node *node = &worker->tape->nodes[index];
    const int64_t at = worker->at * node->size;
    if (node->rounding)
        yt_tape_round_values(worker->tape, node->rounding, worker->tape->chunk,
                             (int64_t)node->h * node->w, node->value + at,
                             node->value + at,
                             node->mask ? node->mask + at : NULL);
}

/* A worker's pictures; there are as many tasks as workers. */
static enum yt_status run_forward(struct yt_tape_worker *worker, int32_t task)
{
    const struct yt_tape *tape = worker->tape;
    const int32_t end = worker->first + worker->count;
    (void)task;
    if (tape->nodes[0].value)
        yt_tape_to_blocks(tape, 0, worker->first, end, tape->image,
                          tape->nodes[0].value);
    for (int32_t at = worker->first; at < end; at += tape->chunk) {
        yt_tape_turn_to(worker, at);
        for (int32_t i = 1; i < tape->graph->node_count; i++) {
            YT_TRY(tape->nodes[i].filter ? yt_tape_conv_forward(worker, i)
                                         : yt_tape_node_forward(worker, i));
            store_value(worker, i);
        }
    }
    return YT_OK;
}

enum yt_status yt_tape_forward(struct yt_tape *tape, const float *images)
{
    const int64_t count =
        (int64_t)tape->options.batch * 3 * tape->options.h * tape->options.w;
    memcpy(tape->image, images, (size_t)count * sizeof *images);
    if (tape->rounds_image)
        yt_tape_round_image(tape->image, count);
    YT_TRY(run_all(tape, load_filter, tape->graph->node_count));
    return run_all(tape, run_forward, tape->worker_count);
}

/* ---------------------------------------------------------------- backward */

enum yt_status yt_tape_seed(struct yt_tape *tape, int32_t index,
                            const float *gradient)
{
    struct yt_tape_node *node = &tape->nodes[index];
    assert(!tape->options.forward_only);
    if (!node->has_gradient)
        return YT_OK;
    if (!node->seed)
        YT_TRY(yt_tape_allocate_floats(tape, tape->options.batch * node->size,
                                       &node->seed));
    yt_tape_to_blocks(tape, index, 0, tape->options.batch, gradient,
                      node->seed);
    node->seeded = 1;
    return YT_OK;
}

dnnl_memory_t yt_tape_target(const struct yt_tape_worker *worker, int32_t input)
{
    const struct yt_tape_view *view = &worker->views[input];
    return view->written ? view->spare : view->gradient;
}

void yt_tape_took(struct yt_tape_worker *worker, int32_t input)
{
    struct yt_tape_view *view = &worker->views[input];
    if (view->written)
        yt_tape_add(view->gradient_data, worker->spare,
                    worker->tape->chunk * worker->tape->nodes[input].size);
    view->written = 1;
}

/* What was given joins what came back. */
static void add_seed(struct yt_tape_worker *worker, int32_t index)
{
    const struct yt_tape_node *node = &worker->tape->nodes[index];
    struct yt_tape_view *view = &worker->views[index];
    const int64_t count = worker->tape->chunk * node->size;
    const float *seed = node->seed + worker->at * node->size;
    if (view->written)
        yt_tape_add(view->gradient_data, seed, count);
    else
        memcpy(view->gradient_data, seed, (size_t)count * sizeof *seed);
    view->written = 1;
}

static enum yt_status run_chunk_back(struct yt_tape_worker *worker)
{
    const struct yt_tape *tape = worker->tape;
    for (int32_t i = 0; i < tape->graph->node_count; i++)
        worker->views[i].written = 0;
    for (int32_t i = tape->graph->node_count - 1; i > 0; i--) {
        if (tape->nodes[i].seeded)
            add_seed(worker, i);
        if (tape->nodes[i].mask && worker->views[i].written)
            yt_tape_mask(worker->views[i].gradient_data,
                         tape->nodes[i].mask + worker->at * tape->nodes[i].size,
                         tape->chunk * tape->nodes[i].size);
        if (tape->nodes[i].filter)
            YT_TRY(yt_tape_conv_backward(worker, i));
        else if (worker->views[i].written)
            YT_TRY(yt_tape_node_backward(worker, i));
    }
    return YT_OK;
}

static enum yt_status run_backward(struct yt_tape_worker *worker, int32_t task)
{
    const int32_t end = worker->first + worker->count;
    (void)task;
    for (int32_t at = worker->first; at < end; at += worker->tape->chunk) {
        yt_tape_turn_to(worker, at);
        YT_TRY(run_chunk_back(worker));
    }
    return YT_OK;
}

static enum yt_status finish_filter(struct yt_tape_worker *worker, int32_t node)
{
    return worker->tape->nodes[node].filter ? yt_tape_conv_finish(worker, node)
                                            : YT_OK;
}

enum yt_status yt_tape_backward(struct yt_tape *tape)
{
    assert(!tape->options.forward_only);
    YT_TRY(run_all(tape, run_backward, tape->worker_count));
    for (int32_t i = 0; i < tape->graph->node_count; i++)
        tape->nodes[i].seeded = 0;
    return run_all(tape, finish_filter, tape->graph->node_count);
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
    const int32_t batch = tape->options.batch;
    if (index == 0)
        memcpy(values_out, tape->image,
               (size_t)batch * 3 * (size_t)node->h * (size_t)node->w *
                   sizeof *values_out);
    else
        yt_tape_to_plain(tape, index, 0, batch, node->value, values_out);
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
