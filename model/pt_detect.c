/* Detect, the last module. Of a YOLOv5: a 1x1 convolution for each level, its
 * stride, and its anchors, which the file keeps in cells. Of later ones: a
 * chain of convolutions for the sides of boxes and one for classes. */

#include <math.h>
#include <stdlib.h>

#include "model/pt_modules.h"
#include "model/pt_tensor.h"
#include "runtime/fail.h"

static enum yt_status count_attr(const struct yt_pickle_value *module,
                                 const char *name, int32_t most,
                                 const struct yt_pt_path *path,
                                 int32_t *value_out)
{
    int64_t value = 0;
    YT_FAIL_IF(!yt_pickle_int(yt_pickle_attr(module, name), &value),
               YT_BAD_INPUT, "%s: Detect without %s", path->text, name);
    YT_FAIL_IF(value < 1 || value > most, YT_BAD_INPUT,
               "%s: %s is %lld; 1 to %d are possible", path->text, name,
               (long long)value, most);
    *value_out = (int32_t)value;
    return YT_OK;
}

static enum yt_status load_strides(struct yt_pt_reader *r,
                                   const struct yt_pickle_value *module,
                                   const struct yt_pt_path *path,
                                   int32_t levels)
{
    float strides[YT_LEVELS_MAX];
    struct yt_tensor tensor;
    const struct yt_pt_path full = yt_pt_path_child(path, "stride");
    YT_TRY(
        yt_tensor_parse(yt_pickle_attr(module, "stride"), full.text, &tensor));
    YT_FAIL_IF(tensor.rank != 1 || tensor.elems != levels, YT_BAD_INPUT,
               "%s: %lld strides for %d levels", full.text,
               (long long)tensor.elems, levels);
    YT_TRY(yt_tensor_load(&tensor, r->archive, full.text, strides));
    for (int32_t i = 0; i < levels; i++) {
        YT_FAIL_IF(!(strides[i] >= 1 && strides[i] <= 65536) ||
                       strides[i] != floorf(strides[i]),
                   YT_BAD_INPUT, "%s: level %d has stride %g", full.text, i,
                   (double)strides[i]);
        r->graph->heads[i].stride = (int32_t)strides[i];
    }
    return YT_OK;
}

static enum yt_status load_anchors(struct yt_pt_reader *r,
                                   const struct yt_pickle_value *module,
                                   const struct yt_pt_path *path,
                                   int32_t levels, int32_t na)
{
    float cells[YT_LEVELS_MAX * YT_ANCHORS_MAX * 2];
    struct yt_tensor tensor;
    const struct yt_pt_path full = yt_pt_path_child(path, "anchors");
    YT_TRY(yt_tensor_parse(
        yt_pickle_get(yt_pickle_attr(module, "_buffers"), "anchors"), full.text,
        &tensor));
    YT_FAIL_IF(tensor.rank != 3 || tensor.dims[0] != levels ||
                   tensor.dims[1] != na || tensor.dims[2] != 2,
               YT_BAD_INPUT, "%s: their shape is not [%d][%d][2]", full.text,
               levels, na);
    YT_TRY(yt_tensor_load(&tensor, r->archive, full.text, cells));
    const float *next = cells;
    for (int32_t i = 0; i < levels; i++) {
        struct yt_graph_head *head = &r->graph->heads[i];
        for (int32_t a = 0; a < na; a++)
            for (int32_t side = 0; side < 2; side++)
                head->anchors[a][side] = *next++ * (float)head->stride;
    }
    return YT_OK;
}

/* A chain of modules whose last is a bare convolution. */
static enum yt_status emit_branch(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *branch,
                                  int32_t input, const struct yt_pt_path *path,
                                  int32_t *node_out)
{
    const struct yt_pt_conv_how plain = {0};
    YT_TRY(yt_pt_expect(branch, "torch.nn.modules.container.Sequential", path));
    const struct yt_pickle_value *parts = yt_pt_children(branch);
    const size_t count = parts ? parts->count / 2 : 0;
    YT_FAIL_IF(count < 1, YT_BAD_INPUT, "%s: a branch without modules",
               path->text);
    for (size_t i = 0; i + 1 < count; i++) {
        const struct yt_pt_path full = yt_pt_path_index(path, (int32_t)i);
        const int32_t from = input;
        YT_TRY(
            yt_pt_module(r, parts->items[2 * i + 1], &from, 1, &full, &input));
    }
    const struct yt_pt_path last = yt_pt_path_index(path, (int32_t)count - 1);
    return yt_pt_conv2d(r, parts->items[2 * count - 1], &plain, input, &last,
                        node_out);
}

/* That means are taken with the bins' numbers as weights, which are stored. */
static enum yt_status check_dfl(struct yt_pt_reader *r,
                                const struct yt_pickle_value *module,
                                const struct yt_pt_path *path, int32_t bins)
{
    float numbers[YT_BINS_MAX];
    struct yt_tensor tensor;
    const struct yt_pt_path full = yt_pt_path_child(path, "dfl");
    const struct yt_pickle_value *dfl = yt_pt_child(module, "dfl");
    YT_TRY(yt_pt_expect(dfl, "DFL", &full));
    YT_TRY(yt_tensor_parse(
        yt_pickle_get(yt_pickle_attr(yt_pt_child(dfl, "conv"), "_parameters"),
                      "weight"),
        full.text, &tensor));
    YT_FAIL_IF(tensor.elems != bins, YT_BAD_INPUT,
               "%s: %lld weights for %d bins", full.text,
               (long long)tensor.elems, bins);
    YT_TRY(yt_tensor_load(&tensor, r->archive, full.text, numbers));
    for (int32_t i = 0; i < bins; i++)
        YT_FAIL_IF(numbers[i] != (float)i, YT_UNSUPPORTED,
                   "%s: bin %d counts as %g", full.text, i, (double)numbers[i]);
    return YT_OK;
}

static enum yt_status emit_halves(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *module,
                                  const int32_t *inputs, int32_t levels,
                                  const struct yt_pt_path *path)
{
    static const char *const names[] = {"cv2", "cv3"};
    for (int32_t i = 0; i < levels; i++) {
        int32_t halves[2];
        for (int h = 0; h < 2; h++) {
            const struct yt_pt_path list = yt_pt_path_child(path, names[h]);
            const struct yt_pt_path full = yt_pt_path_index(&list, i);
            const struct yt_pickle_value *branches =
                yt_pt_children(yt_pt_child(module, names[h]));
            YT_FAIL_IF(!branches || branches->count / 2 != (size_t)levels,
                       YT_BAD_INPUT, "%s: %zu branches for %d levels",
                       list.text, branches ? branches->count / 2 : 0, levels);
            YT_TRY(emit_branch(r, branches->items[2 * i + 1], inputs[i], &full,
                               &halves[h]));
        }
        const struct yt_pt_path number = yt_pt_path_index(path, i);
        const struct yt_pt_path full = yt_pt_path_child(&number, "concat");
        YT_TRY(yt_pt_concat(r, halves, 2, &full, &r->graph->heads[i].node));
    }
    return YT_OK;
}

/* A head without anchors, of YOLOv8 and what came after. */
static enum yt_status detect_bins(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *module,
                                  const int32_t *inputs, int32_t input_count,
                                  const struct yt_pt_path *path,
                                  int32_t *nc_out)
{
    int32_t levels = 0, nc = 0, bins = 0;
    YT_FAIL_IF(yt_pt_child(module, "one2one_cv2"), YT_UNSUPPORTED,
               "%s: a head that does without suppression, as YOLOv10 and "
               "YOLO26 have it, does not run here",
               path->text);
    YT_TRY(count_attr(module, "nl", YT_LEVELS_MAX, path, &levels));
    YT_TRY(count_attr(module, "nc", 65536, path, &nc));
    YT_TRY(count_attr(module, "reg_max", 65536, path, &bins));
    YT_FAIL_IF(bins > YT_BINS_MAX || bins % YT_BINS_STEP, YT_UNSUPPORTED,
               "%s: %d bins a side; multiples of %d up to %d can run",
               path->text, bins, YT_BINS_STEP, YT_BINS_MAX);
    YT_FAIL_IF(input_count != levels, YT_BAD_INPUT, "%s: %d levels, %d inputs",
               path->text, levels, input_count);
    YT_TRY(check_dfl(r, module, path, bins));
    YT_TRY(load_strides(r, module, path, levels));
    YT_TRY(emit_halves(r, module, inputs, levels, path));
    r->graph->head_count = levels;
    r->graph->na = 1;
    r->graph->bins = bins;
    *nc_out = nc;
    return YT_OK;
}

enum yt_status yt_pt_detect(struct yt_pt_reader *r,
                            const struct yt_pickle_value *module,
                            const int32_t *inputs, int32_t input_count,
                            const struct yt_pt_path *path, int32_t *nc_out)
{
    int32_t levels = 0, na = 0, nc = 0;
    if (yt_pickle_attr(module, "reg_max"))
        return detect_bins(r, module, inputs, input_count, path, nc_out);
    YT_TRY(count_attr(module, "nl", YT_LEVELS_MAX, path, &levels));
    YT_TRY(count_attr(module, "na", YT_ANCHORS_MAX, path, &na));
    YT_TRY(count_attr(module, "nc", 65536, path, &nc));
    const struct yt_pt_path list = yt_pt_path_child(path, "m");
    const struct yt_pickle_value *convs =
        yt_pt_children(yt_pt_child(module, "m"));
    YT_FAIL_IF(!convs || convs->count / 2 != (size_t)levels ||
                   input_count != levels,
               YT_BAD_INPUT, "%s: %d levels, %d inputs, %zu convolutions",
               path->text, levels, input_count, convs ? convs->count / 2 : 0);
    YT_TRY(load_strides(r, module, path, levels));
    YT_TRY(load_anchors(r, module, path, levels, na));
    const struct yt_pt_conv_how plain = {0};
    for (int32_t i = 0; i < levels; i++) {
        const struct yt_pt_path full = yt_pt_path_index(&list, i);
        YT_TRY(yt_pt_conv2d(r, convs->items[2 * i + 1], &plain, inputs[i],
                            &full, &r->graph->heads[i].node));
    }
    r->graph->head_count = levels;
    r->graph->na = na;
    *nc_out = nc;
    return YT_OK;
}
