/* Detect, the last module of a YOLOv5: a 1x1 convolution for each level, its
 * stride, and its anchors, which the file keeps in cells. */

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

enum yt_status yt_pt_detect(struct yt_pt_reader *r,
                            const struct yt_pickle_value *module,
                            const int32_t *inputs, int32_t input_count,
                            const struct yt_pt_path *path, int32_t *nc_out)
{
    int32_t levels = 0, na = 0, nc = 0;
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
