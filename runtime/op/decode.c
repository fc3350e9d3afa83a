/* A detection level's raw tensor to candidates, which are no tensor. The kernel
 * of runtime/decode.c is what generated ones are compared with. */

#include <assert.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(decode, na),     YT_OP_PARAM(decode, nc),
    YT_OP_PARAM(decode, h),      YT_OP_PARAM(decode, w),
    YT_OP_PARAM(decode, stride), YT_OP_PARAM(decode, rows),
    YT_OP_PARAM(decode, bins),
};
YT_OP_PARAMS_CHECK(params, struct yt_decode);

static int32_t channels(const struct yt_decode *v)
{
    return (int32_t)yt_head_channels(v->na, v->nc, v->bins);
}

static enum yt_status check(const struct yt_problem *p)
{
    const struct yt_decode *v = &p->u.decode;
    YT_FAIL_IF(v->na < 1 || v->na > 16 || v->nc < 1 || v->nc > 65536 ||
                   v->stride < 1 || v->rows < 0 || v->rows > v->h,
               YT_BAD_ARGUMENT, "decode na%d nc%d: out of range", v->na, v->nc);
    YT_FAIL_IF(v->bins < 0 || v->bins > YT_BINS_MAX || v->bins % YT_BINS_STEP ||
                   (v->bins && v->na != 1),
               YT_BAD_ARGUMENT,
               "decode of %d bins a side and %d anchors: bins are a multiple "
               "of %d up to %d, without anchors",
               v->bins, v->na, YT_BINS_STEP, YT_BINS_MAX);
    return yt_op_check_size(p, channels(v), v->h, v->w);
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_decode *v = &p->u.decode;
    t->in = (struct yt_tensor){p->dtype, channels(v), v->h, v->w, .count = 1};
}

const struct yt_op_row yt_op_decode = {
    .name = "decode",
    .member = "decode",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "a{na}c{nc}-{h}x{w}-s{stride}[rows:-in{}][bins:-b{}]",
    .kind = "decode of {nc} classes",
    .check = check,
    .tensors = tensors,
    .c_kernel = YT_TOOL_ONLY("yt_decode_c"),
};
