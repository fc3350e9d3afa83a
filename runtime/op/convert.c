/* A tensor in another type. Its reference is exact: in f32, as kernels do it,
 * without fused arithmetic. */

#include <assert.h>

#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(convert, c),
    YT_OP_PARAM(convert, h),
    YT_OP_PARAM(convert, w),
};
YT_OP_PARAMS_CHECK(params, struct yt_convert);

static enum yt_status check(const struct yt_problem *p)
{
    return yt_op_check_size(p, p->u.convert.c, p->u.convert.h, p->u.convert.w);
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_convert *v = &p->u.convert;
    t->in = (struct yt_tensor){p->dtype, v->c, v->h, v->w, .count = 1};
    t->out = t->in;
    t->out.dtype = p->out;
}

/* What element i, of channel c, stands for. */
static float read_value(enum yt_dtype dtype, const void *in, int64_t i,
                        const struct yt_integers *n, int32_t c)
{
    const float stored = (float)yt_dtype_load(dtype, in, i);
    if (!yt_dtype_is_integer(dtype))
        return stored;
    const float zero = yt_dtype_has_zero(dtype) ? (float)n->in_zero[c] : 0;
    return (stored - zero) * n->in_step[c];
}

static enum yt_status exact(const struct yt_problem *p, int32_t lanes,
                            const struct yt_args *args,
                            const struct yt_integers *n)
{
    const struct yt_convert *v = &p->u.convert;
    const int64_t block = (int64_t)v->h * v->w * lanes;
    const int64_t count = (v->c + lanes - 1) / lanes * block;
    for (int64_t i = 0; i < count; i++) {
        const int32_t c = (int32_t)(i / block * lanes + i % lanes);
        float value = 0;
        if (c < v->c) {
            value = read_value(p->dtype, args->in, i, n, c);
            if (yt_dtype_is_integer(p->out))
                value = value * n->out_gain[c] + n->out_zero[c];
        }
        yt_dtype_store(p->out, args->out, i, value);
    }
    return YT_OK;
}

const struct yt_op_row yt_op_convert = {
    .name = "convert",
    .member = "convert",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .types = YT_TYPES_DIFFER,
    .takes_integers = 1,
    .form = "{c}x{h}x{w}",
    .kind = "convert to {out}",
    .check = check,
    .tensors = tensors,
    .exact = YT_TOOL_ONLY(exact),
};
