/* See onnx_pool.h. */

#include "model/onnx_pool.h"

#include "model/onnx_window.h"
#include "runtime/fail.h"

/* A pool's input and window. */
static enum yt_status read_pool(struct yt_onnx_scope *scope, int32_t n,
                                int32_t *x, struct yt_onnx_oblong *oblong)
{
    YT_TRY(yt_onnx_feature_map(scope, n, x));
    const int64_t sides[] = {scope->nets[*x].h, scope->nets[*x].w};
    return yt_onnx_oblong_read(scope, n, NULL, sides, oblong);
}

/* Where the size is rounded up, the last window may reach beyond the padding:
 * as if there were more of it. */
static enum yt_status round_up(const struct yt_onnx_scope *scope, int32_t n,
                               const struct yt_onnx_net *x,
                               struct yt_onnx_oblong *oblong)
{
    const int64_t stride = oblong->stride;
    char who[YT_ONNX_WHO_MAX];
    if (stride == 1 || !yt_onnx_attr_int(scope->nodes[n].proto, "ceil_mode", 0))
        return YT_OK;
    YT_FAIL_IF(x->h % stride || x->w % stride, YT_UNSUPPORTED,
               "%s rounds %lldx%lld by %lld up", yt_onnx_who(scope, n, who),
               (long long)x->h, (long long)x->w, (long long)stride);
    for (int i = 0; i < 2; ++i) {
        struct yt_onnx_axis *axis = &oblong->axes[i];
        const int64_t zeros = axis->before + axis->behind;
        const int64_t more = (yt_onnx_axis_extent(axis) - zeros) % stride;
        axis->behind += more < 0 ? more + stride : more;
    }
    return YT_OK;
}

/* How a maximum of k x k pixels becomes a pool of graphs, whose window is odd
 * and has its pixel in the middle, and a choice of its pixels. Between pixels
 * that are there twice an even window has a middle: k of them are 2k - 1 of
 * those. */
struct centred {
    int64_t factor; /* 2: of the doubled map */
    int64_t r;      /* the pool's */
    int64_t at[2];  /* row and column that are chosen of each */
    int64_t stride; /* so many */
};

static int centre(const struct yt_onnx_oblong *oblong, struct centred *centred)
{
    const struct yt_onnx_axis *axes = oblong->axes;
    const int64_t k = axes[0].taps;
    const int64_t factor = k % 2 ? 1 : 2;
    *centred = (struct centred){.factor = factor,
                                .r = factor * (k - 1) + 1,
                                .stride = factor * oblong->stride};
    int is_one = axes[1].taps == k && axes[0].step == 1 && axes[1].step == 1 &&
                 centred->r <= YT_ONNX_WINDOW_MAX &&
                 centred->stride <= YT_ONNX_STRIDE_MAX;
    for (int i = 0; i < 2; ++i) {
        const int64_t zeros = axes[i].before + axes[i].behind;
        centred->at[i] = centred->r / 2 - factor * axes[i].before;
        is_one &= centred->at[i] >= 0 && centred->at[i] < centred->stride &&
                  k - oblong->stride <= zeros && zeros < k;
    }
    return is_one;
}

static enum yt_status add_centred(struct yt_onnx_scope *scope, int32_t n,
                                  int32_t x, const struct centred *centred)
{
    struct yt_onnx_net net = scope->nets[x];
    const int64_t *at = centred->at;
    net.node = n;
    net.input_count = 1;
    if (centred->factor > 1) {
        net.kind = YT_NODE_UPSAMPLE;
        net.inputs[0] = x;
        net.h *= 2;
        net.w *= 2;
        YT_TRY(yt_onnx_net_add(scope, &net, &x));
    }
    net.kind = YT_NODE_MAXPOOL;
    net.inputs[0] = x;
    net.r = (int32_t)centred->r;
    if (centred->stride == 1)
        return yt_onnx_finish(scope, n, &net);
    YT_TRY(yt_onnx_net_add(scope, &net, &x));
    const struct yt_onnx_window every = {.r = 1 +
                                              (at[0] > at[1] ? at[0] : at[1]),
                                         .stride = centred->stride,
                                         .taps = {.rows = 1,
                                                  .columns = 1,
                                                  .row_step = 1,
                                                  .column_step = 1,
                                                  .top = (int32_t)at[0],
                                                  .left = (int32_t)at[1]}};
    net = yt_onnx_mean_of(scope, n, x, &every);
    return yt_onnx_finish(scope, n, &net);
}

enum yt_status yt_onnx_visit_max_pool(struct yt_onnx_scope *scope, int32_t n)
{
    int32_t x = 0;
    struct yt_onnx_oblong oblong;
    struct centred centred;
    char who[YT_ONNX_WHO_MAX], pad[YT_ONNX_WHO_MAX];
    YT_TRY(read_pool(scope, n, &x, &oblong));
    YT_FAIL_IF(scope->nets[x].is_padding, YT_UNSUPPORTED,
               "%s reads zeros that %s adds; only those of convolutions run",
               yt_onnx_who(scope, n, who),
               yt_onnx_who(scope, scope->nets[x].node, pad));
    const struct yt_onnx_axis rows = oblong.axes[0], columns = oblong.axes[1];
    YT_TRY(round_up(scope, n, &scope->nets[x], &oblong));
    YT_FAIL_IF(!centre(&oblong, &centred), YT_UNSUPPORTED,
               "%s: window %lldx%lld, stride %lld, padding %lld, %lld, %lld, "
               "%lld; pools of square windows run whose first has its middle "
               "in the input and whose output is the input's size divided by "
               "the stride",
               yt_onnx_who(scope, n, who), (long long)rows.taps,
               (long long)columns.taps, (long long)oblong.stride,
               (long long)rows.before, (long long)columns.before,
               (long long)rows.behind, (long long)columns.behind);
    YT_FAIL_IF(centred.factor > 1 && scope->nets[x].h >= scope->nets[0].h,
               YT_UNSUPPORTED,
               "%s: an even window of %lldx%lld over as many pixels as the "
               "image has; it runs behind a convolution with a stride",
               yt_onnx_who(scope, n, who), (long long)oblong.axes[0].taps,
               (long long)oblong.axes[1].taps);
    return add_centred(scope, n, x, &centred);
}

/* Zeros that a Pad adds are as good as others. */
enum yt_status yt_onnx_visit_average_pool(struct yt_onnx_scope *scope,
                                          int32_t n)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    int32_t x = 0;
    struct yt_onnx_oblong oblong;
    struct yt_onnx_window window = {0};
    char who[YT_ONNX_WHO_MAX];
    YT_TRY(read_pool(scope, n, &x, &oblong));
    YT_FAIL_IF(oblong.stride > 1 && yt_onnx_attr_int(proto, "ceil_mode", 0),
               YT_UNSUPPORTED, "%s rounds its size up",
               yt_onnx_who(scope, n, who));
    const int64_t pads = oblong.axes[0].before + oblong.axes[0].behind +
                         oblong.axes[1].before + oblong.axes[1].behind;
    YT_FAIL_IF(pads > 0 && yt_onnx_attr_int(proto, "count_include_pad", 0) == 0,
               YT_UNSUPPORTED, "%s doesn't count its padding",
               yt_onnx_who(scope, n, who));
    yt_onnx_oblong_unpad(scope, &x, &oblong);
    YT_TRY(yt_onnx_oblong_square(scope, n, &oblong, &window));
    struct yt_onnx_net net = yt_onnx_mean_of(scope, n, x, &window);
    const struct yt_onnx_net *in = &scope->nets[x];
    net.h = yt_onnx_axis_side(&oblong.axes[0], oblong.stride, in->h);
    net.w = yt_onnx_axis_side(&oblong.axes[1], oblong.stride, in->w);
    return yt_onnx_finish(scope, n, &net);
}
