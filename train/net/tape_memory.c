/* Memory of the tape and of its workers: see train/net/tape_parts.h. */

#include <stdlib.h>
#include <string.h>

#include "base/math.h"
#include "model/lower.h"
#include "runtime/fail.h"
#include "train/net/tape_parts.h"

#define ALIGN 64

enum yt_status yt_tape_allocate(struct yt_tape *tape, int64_t bytes,
                                void *block_out)
{
    const size_t size = (size_t)yt_round_up(bytes > 0 ? bytes : 1, ALIGN);
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
    memcpy(block_out, &block, sizeof block);
    return YT_OK;
}

enum yt_status yt_tape_allocate_floats(struct yt_tape *tape, int64_t count,
                                       float **floats_out)
{
    return yt_tape_allocate(tape, count * (int64_t)sizeof **floats_out,
                            floats_out);
}

enum yt_status yt_tape_allocate_block(struct yt_tape *tape,
                                      const dnnl_memory_desc_t *layout,
                                      struct yt_tape_block *block_out)
{
    const size_t bytes = dnnl_memory_desc_get_size(layout);
    block_out->count = (int64_t)(bytes / sizeof *block_out->data);
    YT_TRY(yt_tape_allocate_floats(tape, block_out->count, &block_out->data));
    return yt_onednn_memory(&tape->onednn, layout, block_out->data,
                            &block_out->memory);
}

/* --------------------------------------------------------------- gradients */

/* Readers of each node: how many, and the last. */
struct readers {
    int32_t count, last;
};

static void find_readers(const struct yt_graph *graph, struct readers *readers)
{
    for (int32_t i = 0; i < graph->node_count; i++) {
        readers[i] = (struct readers){0, i};
        for (int32_t j = 0; j < graph->nodes[i].input_count; j++) {
            struct readers *r = &readers[graph->nodes[i].inputs[j]];
            r->count++;
            r->last = i;
        }
    }
}

/* Whether an activation's gradient becomes that of its input in the same
 * memory. */
static int in_place(const struct yt_tape *tape, const struct readers *readers,
                    int32_t index)
{
    const struct yt_node *node = &tape->graph->nodes[index];
    return node->kind == YT_NODE_ACT &&
           tape->nodes[node->inputs[0]].has_gradient &&
           readers[node->inputs[0]].count == 1;
}

static enum yt_status place(struct yt_tape *tape, struct readers *readers,
                            struct yt_place_item *items)
{
    const struct yt_graph *graph = tape->graph;
    int64_t total = 0;
    find_readers(graph, readers);
    for (int32_t i = 0; i < graph->node_count; i++) {
        const int64_t bytes = tape->chunk * tape->nodes[i].size *
                              (int64_t)sizeof *tape->nodes[i].value;
        items[i] = (struct yt_place_item){
            .bytes = tape->nodes[i].has_gradient ? bytes : 0,
            .first = i,
            .last = readers[i].last};
    }
    for (int32_t i = 0; i < graph->node_count; i++)
        if (in_place(tape, readers, i)) {
            items[i].first = graph->nodes[i].inputs[0];
            items[graph->nodes[i].inputs[0]].bytes = 0;
        }
    YT_TRY(yt_place(items, graph->node_count, &total));
    for (int32_t i = 0; i < graph->node_count; i++)
        tape->nodes[i].gradient_first =
            items[i].offset / (int64_t)sizeof *tape->nodes[i].value;
    for (int32_t i = 0; i < graph->node_count; i++)
        if (in_place(tape, readers, i))
            tape->nodes[graph->nodes[i].inputs[0]].gradient_first =
                tape->nodes[i].gradient_first;
    tape->gradient_count = total / (int64_t)sizeof *tape->nodes->value;
    return YT_OK;
}

enum yt_status yt_tape_place_gradients(struct yt_tape *tape)
{
    const size_t count = (size_t)tape->graph->node_count;
    enum yt_status status = YT_NO_MEMORY;
    struct readers *readers = calloc(count, sizeof *readers);
    struct yt_place_item *items = calloc(count, sizeof *items);
    YT_FAIL_IF_GOTO(!readers || !items, YT_NO_MEMORY,
                    "no memory to place %zu gradients", count);
    status = place(tape, readers, items);
done:
    free(readers);
    free(items);
    return status;
}

/* ----------------------------------------------------------------- workers */

static enum yt_status init_gradient(struct yt_tape_worker *worker,
                                    int32_t index)
{
    struct yt_tape *tape = worker->tape;
    const struct yt_tape_node *node = &tape->nodes[index];
    const struct yt_tape_filter *f = node->filter;
    struct yt_tape_view *view = &worker->views[index];
    view->gradient_data = worker->gradients + node->gradient_first;
    YT_TRY(yt_onednn_memory(&tape->onednn, &node->layout, view->gradient_data,
                            &view->gradient));
    YT_TRY(yt_onednn_memory(&tape->onednn, &node->layout, worker->spare,
                            &view->spare));
    if (!f)
        return YT_OK;
    YT_TRY(
        yt_tape_allocate_block(tape, &f->gradient_layout, &view->weight_sum));
    YT_TRY(yt_tape_allocate_block(tape, &f->bias_layout, &view->bias_sum));
    if (worker->count == tape->chunk)
        return YT_OK;
    YT_TRY(
        yt_tape_allocate_block(tape, &f->gradient_layout, &view->weight_part));
    return yt_tape_allocate_block(tape, &f->bias_layout, &view->bias_part);
}

static enum yt_status init_view(struct yt_tape_worker *worker, int32_t index)
{
    struct yt_tape *tape = worker->tape;
    const struct yt_tape_node *node = &tape->nodes[index];
    struct yt_tape_view *view = &worker->views[index];
    if (node->value)
        YT_TRY(yt_onednn_memory(&tape->onednn, &node->layout, node->value,
                                &view->value));
    if (node->workspace)
        YT_TRY(yt_onednn_memory(&tape->onednn, &node->workspace_layout,
                                node->workspace, &view->workspace));
    if (node->filter && node->filter->copy)
        YT_TRY(yt_onednn_memory(
            &tape->onednn,
            &tape->nodes[tape->graph->nodes[index].inputs[0]].layout,
            worker->copy, &view->copy));
    return node->has_gradient ? init_gradient(worker, index) : YT_OK;
}

/* Floats of the largest gradient of a chunk and of the largest filter. */
static void find_largest(const struct yt_tape *tape, int64_t *gradient,
                         int64_t *filter)
{
    *gradient = *filter = 0;
    for (int32_t i = 0; i < tape->graph->node_count; i++) {
        const struct yt_tape_node *node = &tape->nodes[i];
        const struct yt_tape_filter *f = node->filter;
        const int64_t size = node->has_gradient ? tape->chunk * node->size : 0;
        const int64_t count = f ? (int64_t)f->k * f->c * f->taps : 0;
        *gradient = size > *gradient ? size : *gradient;
        *filter = count > *filter ? count : *filter;
    }
}

enum yt_status yt_tape_worker_init(struct yt_tape *tape,
                                   struct yt_tape_worker *worker)
{
    const dnnl_dims_t nchw = {tape->chunk, 3, tape->options.h, tape->options.w};
    const int32_t count = tape->graph->node_count;
    dnnl_memory_desc_t image;
    int64_t gradient, filter;
    void *scratch;
    find_largest(tape, &gradient, &filter);
    YT_TRY(
        yt_tape_allocate(tape, (int64_t)tape->onednn.scratch_bytes, &scratch));
    YT_TRY(yt_stream_init(&tape->onednn, scratch, &worker->stream));
    YT_TRY(yt_tape_allocate_floats(tape, tape->gradient_count,
                                   &worker->gradients));
    YT_TRY(yt_tape_allocate_floats(tape, gradient, &worker->spare));
    YT_TRY(yt_tape_allocate_floats(tape, filter, &worker->plain));
    YT_TRY(yt_tape_allocate_floats(tape, tape->row_count, &worker->row));
    YT_TRY(yt_tape_allocate(tape,
                            tape->row_count * (int64_t)sizeof *worker->integers,
                            &worker->integers));
    YT_TRY(yt_tape_allocate_floats(tape, tape->copy_count, &worker->copy));
    YT_TRY(yt_tape_allocate(tape, tape->copy_count, &worker->copy_mask));
    worker->views = calloc((size_t)count, sizeof *worker->views);
    YT_FAIL_IF(!worker->views, YT_NO_MEMORY, "no memory for a worker");
    YT_TRY(yt_onednn_status(
        dnnl_memory_desc_init_by_tag(&image, 4, nchw, dnnl_f32, dnnl_nchw),
        "an image"));
    YT_TRY(
        yt_onednn_memory(&tape->onednn, &image, tape->image, &worker->image));
    for (int32_t i = 0; i < count; i++)
        YT_TRY(init_view(worker, i));
    return YT_OK;
}

static void deinit_view(struct yt_tape_view *view)
{
    dnnl_memory_t memories[] = {view->value,           view->copy,
                                view->gradient,        view->spare,
                                view->workspace,       view->weight_sum.memory,
                                view->bias_sum.memory, view->weight_part.memory,
                                view->bias_part.memory};
    for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
}

void yt_tape_worker_deinit(struct yt_tape_worker *worker)
{
    if (!worker->tape)
        return;
    for (int32_t i = 0; worker->views && i < worker->tape->graph->node_count;
         i++)
        deinit_view(&worker->views[i]);
    free(worker->views);
    if (worker->image)
        dnnl_memory_destroy(worker->image);
    yt_stream_deinit(&worker->stream);
}

void yt_tape_turn_to(struct yt_tape_worker *worker, int32_t at)
{
    const struct yt_tape *tape = worker->tape;
    const int64_t image = (int64_t)3 * tape->options.h * tape->options.w;
    worker->at = at;
    dnnl_memory_set_data_handle(worker->image, tape->image + at * image);
    for (int32_t i = 0; i < tape->graph->node_count; i++) {
        const struct yt_tape_node *node = &tape->nodes[i];
        const struct yt_tape_view *view = &worker->views[i];
        if (view->value)
            dnnl_memory_set_data_handle(view->value,
                                        node->value + at * node->size);
        if (view->workspace)
            dnnl_memory_set_data_handle(
                view->workspace, node->workspace + (size_t)(at / tape->chunk) *
                                                       node->workspace_bytes);
    }
}
