/* The table of operators, and what is computed of any row. */

#include "runtime/op.h"

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"

static const struct yt_op_row *const rows[] = {
#define YT_OP(id, name) &yt_op_##name,
#include "runtime/ops.inc"
#undef YT_OP
};

const struct yt_op_row *yt_op_row(enum yt_op op)
{
    assert((unsigned)op < YT_OP_COUNT);
    return rows[op];
}

const char *yt_op_name(enum yt_op op)
{
    return (unsigned)op < YT_OP_COUNT ? rows[op]->name : "?";
}

int32_t yt_op_param(const struct yt_problem *p, const struct yt_op_param *param)
{
    int32_t value;
    memcpy(&value, (const char *)p + param->offset, sizeof value);
    return value;
}

void yt_op_set(struct yt_problem *p, const char *name, int32_t value)
{
    const struct yt_op_row *row = yt_op_row(p->op);
    for (int32_t i = 0; i < row->param_count; i++)
        if (strcmp(row->params[i].name, name) == 0)
            memcpy((char *)p + row->params[i].offset, &value, sizeof value);
}

void yt_op_tensors(const struct yt_problem *p, struct yt_tensors *t_out)
{
    *t_out = (struct yt_tensors){
        .in.dtype = p->dtype, .out.dtype = p->out, .add.dtype = p->out};
    yt_op_row(p->op)->tensors(p, t_out);
}

int64_t yt_tensor_values(const struct yt_tensor *t)
{
    return (int64_t)t->count * t->c * t->h * t->w;
}

int64_t yt_tensor_elems(const struct yt_tensor *t, int32_t lanes)
{
    if (t->is_image)
        return (int64_t)t->count * t->c * (t->h + 2 * t->pad) *
               (t->w + 2 * t->pad);
    const int64_t blocks = (t->c + lanes - 1) / lanes;
    return t->count * blocks * lanes * t->h * t->w;
}

int64_t yt_tensor_bytes(const struct yt_tensor *t, int32_t lanes)
{
    return yt_tensor_elems(t, lanes) * yt_dtype_bytes(t->dtype);
}

/* A size that needs more than int32_t cannot be indexed by the kernels. Lanes
 * round channels up, hence the margin of 64 elements on the first factor. */
int yt_op_fits(int64_t a, int64_t b, int64_t c, int64_t d)
{
    const int64_t limit = INT32_MAX;
    int64_t product = a + 64;
    const int64_t rest[] = {b, c, d};
    for (int i = 0; i < 3; i++) {
        if (rest[i] > limit || product > limit / rest[i])
            return 0;
        product *= rest[i];
    }
    return 1;
}

enum yt_status yt_op_check_size(const struct yt_problem *p, int32_t c,
                                int32_t h, int32_t w)
{
    YT_FAIL_IF(c < 1 || h < 1 || w < 1, YT_BAD_ARGUMENT,
               "%s %dx%dx%d: sizes must be at least 1", yt_op_name(p->op), c, h,
               w);
    YT_FAIL_IF(!yt_op_fits(c, h, w, 16), YT_UNSUPPORTED,
               "%s %dx%dx%d: too large", yt_op_name(p->op), c, h, w);
    return YT_OK;
}
