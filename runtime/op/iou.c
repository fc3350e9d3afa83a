/* One box against many: lists, no tensors. The kernel of runtime/nms.c is what
 * generated ones are compared with. */

#include <assert.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(iou, block),
};
YT_OP_PARAMS_CHECK(params, struct yt_iou);

static enum yt_status check(const struct yt_problem *p)
{
    YT_FAIL_IF(p->u.iou.block < 1 || p->u.iou.block > 64, YT_BAD_ARGUMENT,
               "iou block %d: want 1..64", p->u.iou.block);
    return YT_OK;
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    (void)p;
    (void)t;
}

const struct yt_op_row yt_op_iou = {
    .name = "iou",
    .member = "iou",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "b{block}",
    .kind = "iou",
    .check = check,
    .tensors = tensors,
    .c_kernel = YT_TOOL_ONLY("yt_iou_c"),
};
