/* Shape rules: what each node of a graph makes of one input size. */

#include "model/lower.h"

#include "runtime/fail.h"

static enum yt_status shape_of(const struct yt_graph *graph, int32_t index,
                               struct yt_ir_shape *shapes)
{
    const struct yt_node *node = &graph->nodes[index];
    const struct yt_ir_shape in = shapes[node->inputs[0]];
    int64_t h = in.h;
    int64_t w = in.w;
    switch (node->kind) {
    case YT_NODE_CONV:
        h = (h + 2 * node->pad - node->r) / node->stride + 1;
        w = (w + 2 * node->pad - node->r) / node->stride + 1;
        YT_FAIL_IF(in.h + 2 * node->pad < node->r ||
                       in.w + 2 * node->pad < node->r,
                   YT_BAD_INPUT, "%s: a %dx%d filter exceeds its %dx%d input",
                   node->name, node->r, node->r, in.h, in.w);
        break;
    case YT_NODE_UPSAMPLE:
        h *= 2;
        w *= 2;
        break;
    case YT_NODE_CONCAT:
    case YT_NODE_ADD:
        for (int32_t i = 1; i < node->input_count; i++) {
            const struct yt_ir_shape other = shapes[node->inputs[i]];
            YT_FAIL_IF(other.h != in.h || other.w != in.w, YT_BAD_INPUT,
                       "%s: operands of %dx%d and %dx%d do not fit together",
                       node->name, in.h, in.w, other.h, other.w);
        }
        break;
    default:
        break;
    }
    /* 64: room for rounding the channels up; 4: bytes of an element. */
    YT_FAIL_IF(h * w > INT32_MAX / 4 / ((int64_t)node->c + 64), YT_UNSUPPORTED,
               "%s: a tensor of %dx%lldx%lld is too large", node->name, node->c,
               (long long)h, (long long)w);
    shapes[index] = (struct yt_ir_shape){node->c, (int32_t)h, (int32_t)w};
    return YT_OK;
}

enum yt_status yt_graph_shapes(const struct yt_graph *graph, int32_t h,
                               int32_t w, struct yt_ir_shape *shapes)
{
    YT_FAIL_IF(h < 1 || w < 1 || h > 32768 || w > 32768, YT_BAD_ARGUMENT,
               "input %dx%d: want 1..32768 rows and columns", h, w);
    YT_FAIL_IF((int64_t)h * w > INT32_MAX / 4 / 64, YT_UNSUPPORTED,
               "input %dx%d is too large", h, w);
    shapes[0] = (struct yt_ir_shape){3, h, w};
    for (int32_t i = 1; i < graph->node_count; i++)
        YT_TRY(shape_of(graph, i, shapes));
    return YT_OK;
}
