/* Non-maximum suppression: lists, no tensors. The kernel of
 * runtime/nms_kernel.c is what generated ones are compared with. */

#include <assert.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(nms, classes),
    YT_OP_PARAM(nms, count),
};
YT_OP_PARAMS_CHECK(params, struct yt_nms);

static enum yt_status check(const struct yt_problem *p)
{
    YT_FAIL_IF(p->u.nms.classes < 1 || p->u.nms.classes > 65536 ||
                   p->u.nms.count < 1,
               YT_BAD_ARGUMENT, "nms c%d n%d: want 1..65536 classes, n >= 1",
               p->u.nms.classes, p->u.nms.count);
    return YT_OK;
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    (void)p;
    (void)t;
}

const struct yt_op_row yt_op_nms = {
    .name = "nms",
    .member = "nms",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "c{classes}-n{count}",
    .kind = "nms of {count}",
    .check = check,
    .tensors = tensors,
    .c_kernel = YT_TOOL_ONLY("yt_nms_c"),
};
