/* See onnx_square.h. An axis with taps over e pixels and a stride s makes
 * side / s of every side that s divides, if zeros b before and a behind keep
 * e - s <= b + a < e. A square window of r with p around does so if
 * r - s <= 2p < r; its taps begin at p - b. */

#include "model/onnx_square.h"

#include <string.h>

#include "runtime/fail.h"

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t yt_onnx_axis_extent(const struct yt_onnx_axis *axis)
{
    return (axis->taps - 1) * axis->step + 1;
}

int64_t yt_onnx_axis_side(const struct yt_onnx_axis *axis, int64_t stride,
                          int64_t side)
{
    const int64_t room =
        side + axis->before + axis->behind - yt_onnx_axis_extent(axis);
    return room < 0 ? 0 : room / stride + 1;
}

/* --------------------------------------------------------------- attributes */

/* An attribute of @p count integers; absent: as they were. */
static enum yt_status read_ints(const struct yt_onnx_scope *scope, int32_t n,
                                const char *name, size_t count, int64_t *ints)
{
    const YtOnnx__AttributeProto *attr =
        yt_onnx_attr(scope->nodes[n].proto, name);
    char who[YT_ONNX_WHO_MAX];
    if (!attr)
        return YT_OK;
    YT_FAIL_IF(attr->n_ints != count, YT_BAD_INPUT,
               "%s: '%s' has %zu values, %zu are expected",
               yt_onnx_who(scope, n, who), name, attr->n_ints, count);
    memcpy(ints, attr->ints, count * sizeof *ints);
    return YT_OK;
}

static int are_sane(const struct yt_onnx_oblong *oblong)
{
    int are = oblong->stride >= 1 && oblong->stride <= YT_ONNX_STRIDE_MAX;
    for (int i = 0; i < 2; ++i) {
        const struct yt_onnx_axis *axis = &oblong->axes[i];
        are &= axis->taps >= 1 && axis->taps <= YT_ONNX_WINDOW_MAX &&
               axis->step >= 1 && axis->step <= YT_ONNX_WINDOW_MAX &&
               axis->before >= 0 && axis->before <= YT_ONNX_WINDOW_MAX &&
               axis->behind >= 0 && axis->behind <= YT_ONNX_WINDOW_MAX;
    }
    return are;
}

static enum yt_status refuse(const struct yt_onnx_scope *scope, int32_t n,
                             const struct yt_onnx_oblong *oblong,
                             const char *why)
{
    const struct yt_onnx_axis *y = &oblong->axes[0], *x = &oblong->axes[1];
    char who[YT_ONNX_WHO_MAX];
    return yt_fail(YT_UNSUPPORTED,
                   "%s: window %lldx%lld, dilation %lldx%lld, stride %lld, "
                   "padding %lld, %lld, %lld, %lld: %s",
                   yt_onnx_who(scope, n, who), (long long)y->taps,
                   (long long)x->taps, (long long)y->step, (long long)x->step,
                   (long long)oblong->stride, (long long)y->before,
                   (long long)x->before, (long long)y->behind,
                   (long long)x->behind, why);
}

/* SAME_UPPER and SAME_LOWER: as many zeros as make side / stride, the odd one
 * at the end or at the beginning. */
static enum yt_status pad_same(const struct yt_onnx_scope *scope, int32_t n,
                               const int64_t sides[2], int is_lower,
                               struct yt_onnx_oblong *oblong)
{
    if (!are_sane(oblong) || sides[0] % oblong->stride ||
        sides[1] % oblong->stride)
        return refuse(scope, n, oblong,
                      "its padding depends on the size of its input");
    for (int i = 0; i < 2; ++i) {
        struct yt_onnx_axis *axis = &oblong->axes[i];
        const int64_t zeros =
            larger(yt_onnx_axis_extent(axis) - oblong->stride, 0);
        axis->before = (zeros + is_lower) / 2;
        axis->behind = zeros - axis->before;
    }
    return YT_OK;
}

enum yt_status yt_onnx_oblong_read(const struct yt_onnx_scope *scope, int32_t n,
                                   const int64_t *taps, const int64_t sides[2],
                                   struct yt_onnx_oblong *oblong_out)
{
    const YtOnnx__NodeProto *proto = scope->nodes[n].proto;
    int64_t shape[2] = {taps ? taps[0] : 0, taps ? taps[1] : 0};
    int64_t steps[2] = {1, 1};
    int64_t strides[2] = {1, 1}, pads[4] = {0};
    char who[YT_ONNX_WHO_MAX];
    YT_TRY(read_ints(scope, n, "kernel_shape", 2, shape));
    YT_TRY(read_ints(scope, n, "strides", 2, strides));
    YT_TRY(read_ints(scope, n, "pads", 4, pads));
    YT_TRY(read_ints(scope, n, "dilations", 2, steps));
    YT_FAIL_IF(taps && (shape[0] != taps[0] || shape[1] != taps[1]),
               YT_BAD_INPUT,
               "%s: kernel_shape is %lldx%lld, its weights are "
               "%lldx%lld",
               yt_onnx_who(scope, n, who), (long long)shape[0],
               (long long)shape[1], (long long)taps[0], (long long)taps[1]);
    YT_FAIL_IF(strides[0] != strides[1], YT_UNSUPPORTED,
               "%s: its strides %lld and %lld aren't the same in both "
               "directions",
               yt_onnx_who(scope, n, who), (long long)strides[0],
               (long long)strides[1]);
    struct yt_onnx_oblong oblong = {.stride = strides[0]};
    for (int i = 0; i < 2; ++i)
        oblong.axes[i] = (struct yt_onnx_axis){
            shape[i], shape[i] == 1 ? 1 : steps[i], pads[i], pads[i + 2]};
    const int is_lower =
        yt_onnx_attr_is(proto, "auto_pad", "SAME_LOWER", "NOTSET");
    if (is_lower || yt_onnx_attr_is(proto, "auto_pad", "SAME_UPPER", "NOTSET"))
        YT_TRY(pad_same(scope, n, sides, is_lower, &oblong));
    if (!are_sane(&oblong))
        return refuse(scope, n, &oblong, "out of the range that runs");
    *oblong_out = oblong;
    return YT_OK;
}

/* ------------------------------------------------------------------ squares */

static int is_plain(const struct yt_onnx_oblong *oblong)
{
    const struct yt_onnx_axis *y = &oblong->axes[0], *x = &oblong->axes[1];
    return memcmp(y, x, sizeof *y) == 0 && y->step == 1 &&
           y->before == y->behind;
}

static int fits(const struct yt_onnx_axis *axis, int64_t stride)
{
    const int64_t extent = yt_onnx_axis_extent(axis);
    const int64_t zeros = axis->before + axis->behind;
    return extent - stride <= zeros && zeros < extent;
}

enum yt_status yt_onnx_oblong_square(const struct yt_onnx_scope *scope,
                                     int32_t n,
                                     const struct yt_onnx_oblong *oblong,
                                     struct yt_onnx_window *window_out)
{
    const struct yt_onnx_axis *axes = oblong->axes;
    const int64_t stride = oblong->stride;
    int64_t pad = 0, r = 0;
    /* What does not keep its size is refused with the graph's other rules. */
    if (is_plain(oblong) && axes[0].before < axes[0].taps) {
        *window_out = (struct yt_onnx_window){
            .r = axes[0].taps, .stride = stride, .pad = axes[0].before};
        return YT_OK;
    }
    if (!fits(&axes[0], stride) || !fits(&axes[1], stride))
        return refuse(scope, n, oblong,
                      "its output isn't its input's size divided by the "
                      "stride");
    for (int i = 0; i < 2; ++i) {
        const int64_t extent = yt_onnx_axis_extent(&axes[i]);
        pad = larger(pad, axes[i].before);
        pad = larger(pad, extent - axes[i].before - stride);
    }
    r = 2 * pad + 1;
    for (int i = 0; i < 2; ++i)
        r = larger(r, pad - axes[i].before + yt_onnx_axis_extent(&axes[i]));
    if (r > YT_ONNX_WINDOW_MAX)
        return refuse(scope, n, oblong, "its taps lie too far apart");
    *window_out = (struct yt_onnx_window){
        .r = r,
        .stride = stride,
        .pad = pad,
        .taps = {.rows = (int32_t)axes[0].taps,
                 .columns = (int32_t)axes[1].taps,
                 .row_step = (int32_t)axes[0].step,
                 .column_step = (int32_t)axes[1].step,
                 .top = (int32_t)(pad - axes[0].before),
                 .left = (int32_t)(pad - axes[1].before)}};
    return YT_OK;
}

/* ---------------------------------------------------------------------- Pad */

void yt_onnx_oblong_unpad(const struct yt_onnx_scope *scope, int32_t *x,
                          struct yt_onnx_oblong *oblong)
{
    const struct yt_onnx_net *net = &scope->nets[*x];
    if (!net->is_padding || net->has_norm)
        return;
    for (int i = 0; i < 2; ++i) {
        oblong->axes[i].before += net->zeros[i];
        oblong->axes[i].behind += net->zeros[i + 2];
    }
    *x = net->inputs[0];
}
