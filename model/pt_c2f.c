/* C2f: a convolution whose second half of channels goes through blocks, each of
 * which reads the one before; both halves and what each block gives are joined
 * and convolved. C2 sends the first half through all blocks and joins what the
 * last gives with the other. The halves are convolutions of their own here, by
 * half of the filters each, so that nothing has to be split. */

#include "model/pt_modules.h"
#include "runtime/fail.h"

/* cv1 as two convolutions, each named by its first channel. */
static enum yt_status emit_halves(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *conv,
                                  int32_t input, const struct yt_pt_path *path,
                                  int32_t halves[2])
{
    const struct yt_pt_conv_how how = {.bn = yt_pt_child(conv, "bn")};
    struct yt_pt_path full[2] = {yt_pt_path_index(path, 0)};
    YT_TRY(yt_pt_expect(conv, "Conv", path));
    YT_TRY(yt_pt_conv2d(r, yt_pt_child(conv, "conv"), &how, input, &full[0],
                        &halves[0]));
    const int32_t c = r->graph->nodes[halves[0]].c;
    YT_FAIL_IF(c % 2, YT_BAD_INPUT, "%s: %d channels have no half", path->text,
               c);
    full[1] = yt_pt_path_index(path, c / 2);
    YT_TRY(yt_graph_part_conv(r->graph, c / 2, full[1].text, &halves[1]));
    for (int i = 0; i < 2; i++) {
        const struct yt_pt_path act = yt_pt_path_child(&full[i], "act");
        YT_TRY(yt_pt_act(r, yt_pt_child(conv, "act"), halves[i], &act,
                         &halves[i]));
    }
    return YT_OK;
}

enum yt_status yt_pt_c2f(struct yt_pt_reader *r,
                         const struct yt_pickle_value *module,
                         const int32_t *inputs, int32_t input_count,
                         const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t parts[YT_NODE_INPUTS_MAX] = {0};
    int32_t joined = 0;
    const struct yt_pt_path first = yt_pt_path_child(path, "cv1");
    const struct yt_pt_path list = yt_pt_path_child(path, "m");
    const struct yt_pt_path all = yt_pt_path_child(path, "concat");
    const struct yt_pickle_value *blocks =
        yt_pt_children(yt_pt_child(module, "m"));
    (void)input_count;
    YT_TRY(yt_pt_expect(yt_pt_child(module, "m"),
                        "torch.nn.modules.container.ModuleList", &list));
    const size_t count = blocks ? blocks->count / 2 : 0;
    YT_FAIL_IF(count + 2 > YT_NODE_INPUTS_MAX, YT_UNSUPPORTED,
               "%s: %zu blocks; at most %d can run", path->text, count,
               YT_NODE_INPUTS_MAX - 2);
    YT_TRY(
        emit_halves(r, yt_pt_child(module, "cv1"), inputs[0], &first, parts));
    for (size_t i = 0; i < count; i++) {
        const struct yt_pt_path full = yt_pt_path_index(&list, (int32_t)i);
        YT_TRY(yt_pt_module(r, blocks->items[2 * i + 1], &parts[i + 1], 1,
                            &full, &parts[i + 2]));
    }
    YT_TRY(yt_pt_concat(r, parts, (int32_t)count + 2, &all, &joined));
    return yt_pt_child_conv(r, module, "cv2", joined, path, node_out);
}

enum yt_status yt_pt_c2(struct yt_pt_reader *r,
                        const struct yt_pickle_value *module,
                        const int32_t *inputs, int32_t input_count,
                        const struct yt_pt_path *path, int32_t *node_out)
{
    int32_t halves[2] = {0, 0};
    int32_t chained = 0, joined = 0;
    const struct yt_pt_path first = yt_pt_path_child(path, "cv1");
    const struct yt_pt_path chain = yt_pt_path_child(path, "m");
    const struct yt_pt_path both = yt_pt_path_child(path, "concat");
    (void)input_count;
    YT_TRY(
        emit_halves(r, yt_pt_child(module, "cv1"), inputs[0], &first, halves));
    YT_TRY(yt_pt_expect(yt_pt_child(module, "m"),
                        "torch.nn.modules.container.Sequential", &chain));
    YT_TRY(yt_pt_module(r, yt_pt_child(module, "m"), &halves[0], 1, &chain,
                        &chained));
    halves[0] = chained;
    YT_TRY(yt_pt_concat(r, halves, 2, &both, &joined));
    return yt_pt_child_conv(r, module, "cv2", joined, path, node_out);
}
