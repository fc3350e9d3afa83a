/* The reference for whole networks: each node of the graph as it stands, on
 * plain [c][h][w] tensors, sums in double, nothing fused. */

#include "model/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/lower.h"
#include "runtime/fail.h"

struct run {
    const struct yt_graph *graph;
    const struct yt_ir_shape *shapes;
    float **tensors;      /* [node] */
    int32_t *last_reader; /* [node] -1: none */
    double *sums;         /* one plane of the largest convolution */
};

static size_t elems(struct yt_ir_shape s)
{
    return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

/* Output columns whose tap at column dx falls inside the input: those with
 * 0 <= x * stride + dx < w. */
static void column_range(int32_t w, int32_t out_w, int32_t stride, int32_t dx,
                         int32_t *begin, int32_t *end)
{
    *begin = dx < 0 ? (-dx + stride - 1) / stride : 0;
    const int32_t last = w - 1 - dx;
    *end = last < 0 ? 0 : last / stride + 1;
    if (*end > out_w)
        *end = out_w;
}

/* sums[x * step] += weight * in[x * stride]; the unit-stride form is the one
 * that vectorises. */
static void add_row(double *restrict sums, const float *restrict in, int32_t n,
                    int32_t stride, double weight)
{
    if (stride == 1)
        for (int32_t x = 0; x < n; x++)
            sums[x] += weight * (double)in[x];
    else
        for (int32_t x = 0; x < n; x++)
            sums[x] += weight * (double)in[(int64_t)x * stride];
}

/* Add one input channel's share to one output channel. */
static void add_channel(const struct yt_node *node, struct yt_ir_shape in,
                        struct yt_ir_shape out, const float *x,
                        const float *filter, double *sums)
{
    for (int32_t kh = 0; kh < node->r; kh++)
        for (int32_t kw = 0; kw < node->r; kw++) {
            int32_t begin, end;
            const int32_t dx = kw - node->pad;
            column_range(in.w, out.w, node->stride, dx, &begin, &end);
            for (int32_t oh = 0; oh < out.h && begin < end; oh++) {
                const int32_t ih = oh * node->stride + kh - node->pad;
                if (ih < 0 || ih >= in.h)
                    continue;
                add_row(sums + (int64_t)oh * out.w + begin,
                        x + (int64_t)ih * in.w + begin * node->stride + dx,
                        end - begin, node->stride,
                        (double)filter[kh * node->r + kw]);
            }
        }
}

static void run_conv(const struct run *run, int32_t index, float *y)
{
    const struct yt_node *node = &run->graph->nodes[index];
    struct yt_ir_shape in = run->shapes[node->inputs[0]];
    struct yt_ir_shape out = run->shapes[index];
    const float *x = run->tensors[node->inputs[0]];
    const int64_t in_plane = (int64_t)in.h * in.w;
    const int64_t out_plane = (int64_t)out.h * out.w;
    const int64_t taps = (int64_t)node->r * node->r;
    if (node->r == 1 && node->stride == 1 && node->pad == 0) {
        /* One long row: short ones would spend their time on loops. */
        in = (struct yt_ir_shape){in.c, 1, in.h * in.w};
        out = (struct yt_ir_shape){out.c, 1, out.h * out.w};
    }
    for (int32_t k = 0; k < out.c; k++) {
        for (int64_t i = 0; i < out_plane; i++)
            run->sums[i] = (double)node->bias[k];
        for (int32_t c = 0; c < in.c; c++)
            add_channel(node, in, out, x + c * in_plane,
                        node->weights + ((int64_t)k * in.c + c) * taps,
                        run->sums);
        for (int64_t i = 0; i < out_plane; i++)
            y[k * out_plane + i] = (float)run->sums[i];
    }
}

static void run_act(const struct yt_node *node, const float *x, size_t count,
                    float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)yt_act_value(node->act, node->slope, (double)x[i]);
}

static float window_max(const float *x, struct yt_ir_shape s, int32_t h,
                        int32_t w, int32_t reach)
{
    float most = -INFINITY;
    for (int32_t i = h - reach; i <= h + reach; i++)
        for (int32_t j = w - reach; j <= w + reach; j++)
            if (i >= 0 && i < s.h && j >= 0 && j < s.w &&
                x[(int64_t)i * s.w + j] > most)
                most = x[(int64_t)i * s.w + j];
    return most;
}

static void run_maxpool(const float *x, struct yt_ir_shape s, int32_t r,
                        float *y)
{
    for (int32_t c = 0; c < s.c; c++, x += (int64_t)s.h * s.w)
        for (int32_t h = 0; h < s.h; h++)
            for (int32_t w = 0; w < s.w; w++)
                *y++ = window_max(x, s, h, w, r / 2);
}

static void run_upsample(const float *x, struct yt_ir_shape out, float *y)
{
    const int32_t half = out.w / 2;
    for (int32_t c = 0; c < out.c; c++)
        for (int32_t h = 0; h < out.h; h++)
            for (int32_t w = 0; w < out.w; w++)
                *y++ = x[((int64_t)c * (out.h / 2) + h / 2) * half + w / 2];
}

static void run_concat(const struct run *run, const struct yt_node *node,
                       float *y)
{
    for (int32_t i = 0; i < node->input_count; i++) {
        const size_t count = elems(run->shapes[node->inputs[i]]);
        memcpy(y, run->tensors[node->inputs[i]], count * sizeof *y);
        y += count;
    }
}

static enum yt_status run_node(struct run *run, int32_t index)
{
    const struct yt_node *node = &run->graph->nodes[index];
    const struct yt_ir_shape out = run->shapes[index];
    const size_t count = elems(out);
    float *y = malloc(count * sizeof *y);
    run->tensors[index] = y;
    YT_FAIL_IF(!y, YT_NO_MEMORY, "%s: no memory for its output", node->name);
    const float *x = run->tensors[node->inputs[0]];
    switch (node->kind) {
    case YT_NODE_CONV:
        run_conv(run, index, y);
        break;
    case YT_NODE_ACT:
        run_act(node, x, count, y);
        break;
    case YT_NODE_MAXPOOL:
        run_maxpool(x, out, node->r, y);
        break;
    case YT_NODE_UPSAMPLE:
        run_upsample(x, out, y);
        break;
    case YT_NODE_CONCAT:
        run_concat(run, node, y);
        break;
    case YT_NODE_ADD:
        for (size_t i = 0; i < count; i++)
            y[i] = x[i] + run->tensors[node->inputs[1]][i];
        break;
    default:
        return yt_fail(YT_BAD_ARGUMENT, "%s: a node of unknown kind",
                       node->name);
    }
    return YT_OK;
}

static void release_inputs(struct run *run, int32_t index)
{
    const struct yt_node *node = &run->graph->nodes[index];
    for (int32_t i = 0; i < node->input_count; i++) {
        const int32_t input = node->inputs[i];
        if (run->last_reader[input] != index)
            continue;
        free(run->tensors[input]);
        run->tensors[input] = NULL;
    }
}

static enum yt_status run_nodes(struct run *run, const float *image,
                                float *const *heads)
{
    const struct yt_graph *graph = run->graph;
    const size_t image_bytes = elems(run->shapes[0]) * sizeof *image;
    run->tensors[0] = malloc(image_bytes);
    YT_FAIL_IF(!run->tensors[0], YT_NO_MEMORY, "no memory for the image");
    memcpy(run->tensors[0], image, image_bytes);
    for (int32_t i = 0; i < graph->node_count; i++) {
        run->last_reader[i] = -1;
        for (int32_t j = 0; j < graph->nodes[i].input_count; j++)
            run->last_reader[graph->nodes[i].inputs[j]] = i;
    }
    for (int32_t i = 1; i < graph->node_count; i++) {
        YT_TRY(run_node(run, i));
        for (int32_t j = 0; j < graph->head_count; j++)
            if (graph->heads[j].node == i)
                memcpy(heads[j], run->tensors[i],
                       elems(run->shapes[i]) * sizeof *heads[j]);
        release_inputs(run, i);
    }
    return YT_OK;
}

enum yt_status yt_graph_run_reference(const struct yt_graph *graph, int32_t h,
                                      int32_t w, const float *image,
                                      float *const *heads)
{
    const size_t count = (size_t)graph->node_count;
    enum yt_status status = YT_OK;
    struct run run = {.graph = graph};
    struct yt_ir_shape *shapes = calloc(count, sizeof *shapes);
    run.shapes = shapes;
    run.tensors = calloc(count, sizeof *run.tensors);
    run.last_reader = calloc(count, sizeof *run.last_reader);
    YT_FAIL_IF_GOTO(!shapes || !run.tensors || !run.last_reader, YT_NO_MEMORY,
                    "no memory to run %zu nodes", count);
    YT_TRY_GOTO(yt_graph_shapes(graph, h, w, shapes));
    size_t plane = 1;
    for (size_t i = 0; i < count; i++)
        if ((size_t)shapes[i].h * (size_t)shapes[i].w > plane)
            plane = (size_t)shapes[i].h * (size_t)shapes[i].w;
    run.sums = calloc(plane, sizeof *run.sums);
    YT_FAIL_IF_GOTO(!run.sums, YT_NO_MEMORY, "no memory to run %zu nodes",
                    count);
    status = run_nodes(&run, image, heads);
done:
    for (size_t i = 0; run.tensors && i < count; i++)
        free(run.tensors[i]);
    free(run.tensors);
    free(run.last_reader);
    free(run.sums);
    free(shapes);
    return status;
}
