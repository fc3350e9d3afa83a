/* An image of any size to the network's input. The kernel of
 * runtime/letterbox_kernel.c is what generated ones are compared with. */

#include <assert.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(letterbox, h),
    YT_OP_PARAM(letterbox, w),
    YT_OP_PARAM(letterbox, pad),
};
YT_OP_PARAMS_CHECK(params, struct yt_letterbox);

static enum yt_status check(const struct yt_problem *p)
{
    const struct yt_letterbox *v = &p->u.letterbox;
    YT_FAIL_IF(v->pad < 0 || v->pad > 30, YT_BAD_ARGUMENT,
               "letterbox p%d: want 0..30", v->pad);
    return yt_op_check_size(p, 1, v->h, v->w);
}

/* The picture is of any size. */
static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_letterbox *v = &p->u.letterbox;
    t->out = (struct yt_tensor){p->out, 3, v->h, v->w, 1, 1, v->pad};
}

const struct yt_op_row yt_op_letterbox = {
    .name = "letterbox",
    .member = "letterbox",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "{h}x{w}[pad:-p{}]",
    .kind = "letterbox to {w}x{h}",
    .check = check,
    .tensors = tensors,
    .c_kernel = YT_TOOL_ONLY("yt_letterbox_c"),
};
