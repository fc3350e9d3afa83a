/* Convolutions of a checkpoint. Batch normalisation is an affine map of each
 * output channel and disappears into the filter:
 *
 *      scale  = gamma / sqrt(variance + eps)
 *      filter = filter * scale,   bias = beta + (bias - mean) * scale
 *
 * in double, with the eps of the file: YOLOv5 trains with 1e-3, not torch's
 * default, and the difference shows in the boxes. */

#include "model/pt_modules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/filters.h"
#include "model/pt_tensor.h"
#include "runtime/fail.h"

/* A pair of equal small numbers, as nn.Conv2d keeps stride and padding. */
static enum yt_status square(const struct yt_pickle_value *conv,
                             const char *attr, const struct yt_pt_path *path,
                             int32_t *value_out)
{
    char text[96];
    const struct yt_pickle_value *pair = yt_pickle_attr(conv, attr);
    int64_t a = 0, b = 0;
    YT_FAIL_IF(!pair || pair->kind != YT_PICKLE_TUPLE || pair->count != 2 ||
                   !yt_pickle_int(pair->items[0], &a) ||
                   !yt_pickle_int(pair->items[1], &b),
               YT_BAD_INPUT, "%s: %s must be two numbers, is %s", path->text,
               attr, yt_pickle_describe(pair, text));
    YT_FAIL_IF(a != b, YT_UNSUPPORTED,
               "%s: %s %lld by %lld; only equal ones can run", path->text, attr,
               (long long)a, (long long)b);
    YT_FAIL_IF(a < 0 || a > 1024, YT_BAD_INPUT, "%s: %s %lld", path->text, attr,
               (long long)a);
    *value_out = (int32_t)a;
    return YT_OK;
}

static enum yt_status check_plain(const struct yt_pickle_value *conv,
                                  const struct yt_pt_path *path)
{
    int32_t dilation = 0;
    YT_TRY(square(conv, "dilation", path, &dilation));
    YT_FAIL_IF(dilation != 1, YT_UNSUPPORTED,
               "%s: a convolution of dilation %d cannot run", path->text,
               dilation);
    const struct yt_pickle_value *mode = yt_pickle_attr(conv, "padding_mode");
    YT_FAIL_IF(mode && !yt_pickle_is_text(mode, "zeros"), YT_UNSUPPORTED,
               "%s: a convolution padded with anything but zeros cannot run",
               path->text);
    return YT_OK;
}

static const struct yt_pickle_value *
tensor_of(const struct yt_pickle_value *module, const char *where,
          const char *name)
{
    const struct yt_pickle_value *value =
        yt_pickle_get(yt_pickle_attr(module, where), name);
    return value && value->kind != YT_PICKLE_NONE ? value : NULL;
}

/* A vector of @p c values, or @p fallback in each where the module has none. */
static enum yt_status load_vector(struct yt_pt_reader *r,
                                  const struct yt_pickle_value *module,
                                  const char *where, const char *name,
                                  const float *fallback, int32_t c,
                                  const struct yt_pt_path *path, float *values)
{
    const struct yt_pickle_value *value = tensor_of(module, where, name);
    if (!value && fallback) {
        for (int32_t i = 0; i < c; i++)
            values[i] = *fallback;
        return YT_OK;
    }
    const struct yt_pt_path full = yt_pt_path_child(path, name);
    struct yt_tensor tensor;
    YT_TRY(yt_tensor_parse(value, full.text, &tensor));
    YT_FAIL_IF(tensor.rank != 1 || tensor.elems != c, YT_BAD_INPUT,
               "%s: %lld values for %d channels", full.text,
               (long long)tensor.elems, c);
    return yt_tensor_load(&tensor, r->archive, full.text, values);
}

static enum yt_status fold(struct yt_pt_reader *r,
                           const struct yt_pt_conv_how *how,
                           const struct yt_node *node,
                           const struct yt_pt_path *conv_path)
{
    static const float one = 1, zero = 0;
    const struct yt_pickle_value *bn = how->bn;
    const int32_t c = node->c + how->bn_more;
    const struct yt_pt_path path = yt_pt_path_child(conv_path, "bn");
    enum yt_status status = YT_OK;
    double eps = 0;
    YT_TRY(yt_pt_expect(bn, "torch.nn.modules.batchnorm.BatchNorm2d", &path));
    YT_FAIL_IF(!yt_pickle_real(yt_pickle_attr(bn, "eps"), &eps), YT_BAD_INPUT,
               "%s: a batch normalisation without eps", path.text);

    float *vectors = malloc(4 * (size_t)c * sizeof *vectors);
    YT_FAIL_IF(!vectors, YT_NO_MEMORY, "%s: no memory for %d channels",
               path.text, c);
    float *gamma = vectors, *beta = vectors + c;
    float *mean = vectors + 2 * (size_t)c, *variance = vectors + 3 * (size_t)c;
    YT_TRY_GOTO(
        load_vector(r, bn, "_parameters", "weight", &one, c, &path, gamma));
    YT_TRY_GOTO(
        load_vector(r, bn, "_parameters", "bias", &zero, c, &path, beta));
    YT_TRY_GOTO(
        load_vector(r, bn, "_buffers", "running_mean", NULL, c, &path, mean));
    YT_TRY_GOTO(load_vector(r, bn, "_buffers", "running_var", NULL, c, &path,
                            variance));

    const size_t filter_elems = (size_t)r->graph->nodes[node->inputs[0]].c *
                                (size_t)(node->r * node->r);
    for (int32_t k = 0; k < node->c; k++) {
        const int32_t at = how->bn_first + k;
        const double spread = (double)variance[at] + eps;
        YT_FAIL_IF_GOTO(!(spread > 0), YT_BAD_INPUT,
                        "%s: channel %d has a variance of %g", path.text, at,
                        spread);
        const double scale = (double)gamma[at] / sqrt(spread);
        float *filter = node->weights + (size_t)k * filter_elems;
        for (size_t i = 0; i < filter_elems; i++)
            filter[i] = (float)((double)filter[i] * scale);
        node->bias[k] =
            (float)((double)beta[at] +
                    ((double)node->bias[k] - (double)mean[at]) * scale);
    }
done:
    free(vectors);
    return status;
}

/* A filter as the file has it, and how it becomes the node's. */
struct filter {
    struct yt_tensor tensor;
    bool focus;
    int32_t groups;
};

/* The filter as the node has it. */
static enum yt_status load_filter(struct yt_pt_reader *r,
                                  const struct filter *filter,
                                  const struct yt_pt_path *path,
                                  const struct yt_node *node)
{
    /* models/common.py: x[..., ::2, ::2], x[..., 1::2, ::2], and so on. */
    static const struct yt_focus_part order[YT_FOCUS_PARTS] = {
        {0, 0}, {1, 0}, {0, 1}, {1, 1}};
    const struct yt_tensor *tensor = &filter->tensor;
    const int32_t c = r->graph->nodes[node->inputs[0]].c;
    if (!filter->focus && filter->groups == 1)
        return yt_tensor_load(tensor, r->archive, path->text, node->weights);
    float *small = malloc((size_t)tensor->elems * sizeof *small);
    YT_FAIL_IF(!small, YT_NO_MEMORY, "%s: no memory for its filter",
               path->text);
    const enum yt_status status =
        yt_tensor_load(tensor, r->archive, path->text, small);
    if (status == YT_OK && filter->focus)
        yt_focus_filter(small, order, node->c, c, node->r / 2, node->weights);
    else if (status == YT_OK)
        yt_grouped_filter(small, filter->groups, node->c, c, node->r * node->r,
                          node->weights);
    free(small);
    return status;
}

/* How the channels are shared out: those of the input, and of the output. */
static enum yt_status read_groups(const struct yt_pickle_value *conv,
                                  int64_t input_c,
                                  const struct yt_pt_path *path,
                                  struct filter *filter)
{
    const int64_t k = filter->tensor.dims[0];
    int64_t groups = 0;
    YT_FAIL_IF(!yt_pickle_int(yt_pickle_attr(conv, "groups"), &groups),
               YT_BAD_INPUT, "%s: a convolution without groups", path->text);
    YT_FAIL_IF(groups < 1 || groups > input_c || input_c % groups || k % groups,
               YT_BAD_INPUT, "%s: %lld channels to %lld in %lld groups",
               path->text, (long long)input_c, (long long)k, (long long)groups);
    YT_FAIL_IF(filter->focus && groups > 1, YT_UNSUPPORTED,
               "%s: a Focus in %lld groups cannot run", path->text,
               (long long)groups);
    YT_FAIL_IF(filter->tensor.dims[1] * groups != input_c, YT_BAD_INPUT,
               "%s: filters of %lld channels for an input of %lld", path->text,
               (long long)filter->tensor.dims[1], (long long)input_c / groups);
    filter->groups = (int32_t)groups;
    return YT_OK;
}

/* Sizes of the node, and its filter. */
static enum yt_status describe(const struct yt_pickle_value *conv,
                               int32_t input_c, const struct yt_pt_path *path,
                               struct yt_node *node, struct filter *filter)
{
    const struct yt_pt_path full = yt_pt_path_child(path, "weight");
    const struct yt_tensor *tensor = &filter->tensor;
    const int32_t scale = filter->focus ? 2 : 1;
    YT_TRY(yt_pt_expect(conv, "torch.nn.modules.conv.Conv2d", path));
    YT_TRY(check_plain(conv, path));
    YT_TRY(square(conv, "stride", path, &node->stride));
    YT_TRY(square(conv, "padding", path, &node->pad));
    YT_TRY(yt_tensor_parse(tensor_of(conv, "_parameters", "weight"), full.text,
                           &filter->tensor));
    YT_FAIL_IF(tensor->rank != 4 || tensor->dims[2] != tensor->dims[3],
               YT_UNSUPPORTED,
               "%s: a filter that is not square in two dimensions cannot run",
               path->text);
    YT_TRY(read_groups(conv, (int64_t)input_c * scale * scale, path, filter));
    /* No dimension exceeds pt_tensor.c's 2^28. */
    node->c = (int32_t)tensor->dims[0];
    node->r = (int32_t)tensor->dims[2] * scale;
    node->stride *= scale;
    node->pad *= scale;
    memcpy(node->name, path->text, sizeof node->name);
    return YT_OK;
}

enum yt_status yt_pt_conv2d(struct yt_pt_reader *r,
                            const struct yt_pickle_value *conv,
                            const struct yt_pt_conv_how *how, int32_t input,
                            const struct yt_pt_path *path, int32_t *node_out)
{
    static const float zero = 0;
    struct yt_node node = {
        .kind = YT_NODE_CONV, .inputs = {input}, .input_count = 1};
    struct filter filter = {.focus = how->focus};
    const struct yt_pt_path full = yt_pt_path_child(path, "weight");
    YT_TRY(describe(conv, r->graph->nodes[input].c, path, &node, &filter));
    int32_t index = 0;
    YT_TRY(yt_graph_add(r->graph, &node, &index));
    YT_TRY(yt_graph_conv_storage(r->graph, index));
    const struct yt_node *added = &r->graph->nodes[index];
    YT_TRY(load_filter(r, &filter, &full, added));
    YT_TRY(load_vector(r, conv, "_parameters", "bias", &zero, added->c, path,
                       added->bias));
    if (how->bn)
        YT_TRY(fold(r, how, added, path));
    *node_out = index;
    return YT_OK;
}
