/* Nearest neighbour, twice each side. */

#include <assert.h>
#include <string.h>

#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(upsample, c),
    YT_OP_PARAM(upsample, h),
    YT_OP_PARAM(upsample, w),
};
YT_OP_PARAMS_CHECK(params, struct yt_upsample);

static enum yt_status check(const struct yt_problem *p)
{
    return yt_op_check_size(p, p->u.upsample.c, p->u.upsample.h,
                            p->u.upsample.w);
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_upsample *v = &p->u.upsample;
    t->in = (struct yt_tensor){p->dtype, v->c, v->h, v->w, .count = 1};
    t->out = (struct yt_tensor){p->out, v->c, 2 * v->h, 2 * v->w, .count = 1};
}

static enum yt_status exact(const struct yt_problem *p, int32_t lanes,
                            const struct yt_args *args,
                            const struct yt_integers *integers)
{
    (void)integers;
    const struct yt_upsample *v = &p->u.upsample;
    const char *in = args->in;
    char *out = args->out;
    const int64_t pixel = (int64_t)lanes * yt_dtype_bytes(p->dtype);
    const int64_t rows = (int64_t)((v->c + lanes - 1) / lanes) * v->h;
    for (int64_t y = 0; y < 2 * rows; y++)
        for (int64_t x = 0; x < 2 * v->w; x++)
            memcpy(out + (y * 2 * v->w + x) * pixel,
                   in + (y / 2 * v->w + x / 2) * pixel, (size_t)pixel);
    return YT_OK;
}

const struct yt_op_row yt_op_upsample = {
    .name = "upsample",
    .member = "upsample",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "{c}x{h}x{w}",
    .kind = "upsample 2x",
    .check = check,
    .tensors = tensors,
    .exact = YT_TOOL_ONLY(exact),
};
