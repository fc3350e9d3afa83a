/* Activations of a checkpoint, in one table by class name, and YOLOv5's Conv,
 * which ends in one. */

#include <string.h>

#include "model/pt_modules.h"
#include "runtime/fail.h"

static const struct {
    const char *class_name;
    enum yt_act act;
} rows[] = {
    {"torch.nn.modules.linear.Identity", YT_ACT_NONE},
    {"torch.nn.modules.activation.SiLU", YT_ACT_SILU},
    {"torch.nn.modules.activation.ReLU", YT_ACT_RELU},
    {"torch.nn.modules.activation.LeakyReLU", YT_ACT_LEAKY},
    {"torch.nn.modules.activation.Hardswish", YT_ACT_HARDSWISH},
    {"torch.nn.modules.activation.Hardsigmoid", YT_ACT_HARDSIGMOID},
    {"torch.nn.modules.activation.ReLU6", YT_ACT_RELU6},
    {"torch.nn.modules.activation.Mish", YT_ACT_MISH},
    {"torch.nn.modules.activation.Sigmoid", YT_ACT_SIGMOID},
    {"utils.activations.SiLU", YT_ACT_SILU},
    {"utils.activations.Hardswish", YT_ACT_HARDSWISH},
    {"utils.activations.Mish", YT_ACT_MISH},
    {"utils.activations.MemoryEfficientMish", YT_ACT_MISH},
};

/* @return the index of a class in rows, -1: none. */
static int find(const struct yt_pickle_value *module)
{
    for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); i++)
        if (yt_pickle_is_global(yt_pickle_class(module), rows[i].class_name))
            return i;
    return -1;
}

static enum yt_status read_slope(const struct yt_pickle_value *module,
                                 const struct yt_pt_path *path,
                                 int32_t *slope_out)
{
    double slope = 0;
    YT_FAIL_IF(
        !yt_pickle_real(yt_pickle_attr(module, "negative_slope"), &slope),
        YT_BAD_INPUT, "%s: a LeakyReLU without its slope", path->text);
    *slope_out = yt_act_slope(slope);
    YT_FAIL_IF(*slope_out < 0, YT_UNSUPPORTED,
               "%s: a LeakyReLU of slope %g; 0 to 1 can run", path->text,
               slope);
    return YT_OK;
}

enum yt_status yt_pt_act(struct yt_pt_reader *r,
                         const struct yt_pickle_value *module, int32_t input,
                         const struct yt_pt_path *path, int32_t *node_out)
{
    char text[96];
    const int row = find(module);
    YT_FAIL_IF(row < 0, YT_UNSUPPORTED,
               "%s: the activation %s cannot run; SiLU, ReLU, LeakyReLU, "
               "Hardswish, Hardsigmoid, ReLU6, Mish, Sigmoid and Identity can",
               path->text, yt_pickle_describe(module, text));
    struct yt_node node = {.kind = YT_NODE_ACT,
                           .inputs = {input},
                           .input_count = 1,
                           .act = rows[row].act};
    if (node.act == YT_ACT_NONE) {
        *node_out = input;
        return YT_OK;
    }
    if (node.act == YT_ACT_LEAKY)
        YT_TRY(read_slope(module, path, &node.slope));
    memcpy(node.name, path->text, sizeof node.name);
    return yt_graph_add(r->graph, &node, node_out);
}

enum yt_status yt_pt_conv(struct yt_pt_reader *r,
                          const struct yt_pickle_value *module,
                          const int32_t *inputs, int32_t input_count,
                          const struct yt_pt_path *path, int32_t *node_out)
{
    const struct yt_pt_conv_how how = {.bn = yt_pt_child(module, "bn")};
    const struct yt_pt_path act = yt_pt_path_child(path, "act");
    int32_t conv = 0;
    (void)input_count;
    if (!yt_pt_is(module, "DWConv"))
        YT_TRY(yt_pt_expect(module, "Conv", path));
    YT_TRY(yt_pt_conv2d(r, yt_pt_child(module, "conv"), &how, inputs[0], path,
                        &conv));
    return yt_pt_act(r, yt_pt_child(module, "act"), conv, &act, node_out);
}
