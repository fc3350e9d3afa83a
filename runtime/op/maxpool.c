/* Max-pools of a window around each pixel, what lies outside left out: one, and
 * SPPF's chain of three. */

#include <assert.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"

static const struct yt_op_param params[] = {
    YT_OP_PARAM(pool, c),
    YT_OP_PARAM(pool, h),
    YT_OP_PARAM(pool, w),
    YT_OP_PARAM(pool, r),
};
YT_OP_PARAMS_CHECK(params, struct yt_pool2d);

static enum yt_status check(const struct yt_problem *p)
{
    const struct yt_pool2d *v = &p->u.pool;
    YT_FAIL_IF(v->r < 3 || v->r > 31 || v->r % 2 == 0, YT_BAD_ARGUMENT,
               "pool r%d: want an odd window, 3..31", v->r);
    return yt_op_check_size(p, v->c, v->h, v->w);
}

static int32_t chain_of(const struct yt_problem *p)
{
    return p->op == YT_OP_SPPF ? 3 : 1;
}

/* Rows and columns one after the other: 2 (r - 1) comparisons. */
static uint64_t flops(const struct yt_problem *p)
{
    const struct yt_pool2d *v = &p->u.pool;
    return 2ull * (uint64_t)chain_of(p) * (uint64_t)(v->r - 1) *
           (uint64_t)v->c * (uint64_t)v->h * (uint64_t)v->w;
}

static void tensors(const struct yt_problem *p, struct yt_tensors *t)
{
    const struct yt_pool2d *v = &p->u.pool;
    t->in = (struct yt_tensor){p->dtype, v->c, v->h, v->w, .count = 1};
    t->out = t->in;
    t->out.count = chain_of(p);
}

/* Element of the window around pixel (y, x), which lies at @p at, that is
 * largest. */
static int64_t find_largest(const struct yt_problem *p, int32_t lanes,
                            const void *in, int64_t at, int32_t y, int32_t x)
{
    const struct yt_pool2d *v = &p->u.pool;
    const int32_t reach = v->r / 2;
    int64_t best = at;
    int32_t most = yt_dtype_order(p->dtype, in, at);
    for (int32_t j = -reach; j <= reach; j++)
        for (int32_t i = -reach; i <= reach; i++) {
            if (y + j < 0 || y + j >= v->h || x + i < 0 || x + i >= v->w)
                continue;
            const int64_t near = at + ((int64_t)j * v->w + i) * lanes;
            const int32_t order = yt_dtype_order(p->dtype, in, near);
            if (order > most) {
                best = near;
                most = order;
            }
        }
    return best;
}

static void pool_once(const struct yt_problem *p, int32_t lanes, const char *in,
                      char *out)
{
    const struct yt_pool2d *v = &p->u.pool;
    const int64_t bytes = yt_dtype_bytes(p->dtype);
    const int32_t rows = (v->c + lanes - 1) / lanes * v->h;
    for (int32_t row = 0; row < rows; row++)
        for (int32_t x = 0; x < v->w; x++)
            for (int32_t lane = 0; lane < lanes; lane++) {
                const int64_t at = ((int64_t)row * v->w + x) * lanes + lane;
                const int64_t best =
                    find_largest(p, lanes, in, at, row % v->h, x);
                memcpy(out + at * bytes, in + best * bytes, (size_t)bytes);
            }
}

static enum yt_status exact(const struct yt_problem *p, int32_t lanes,
                            const struct yt_args *args,
                            const struct yt_integers *integers)
{
    (void)integers;
    struct yt_tensors t;
    yt_op_tensors(p, &t);
    const char *in = args->in;
    char *out = args->out;
    for (int32_t i = 0; i < t.out.count; i++) {
        pool_once(p, lanes, in, out);
        in = out;
        out += yt_tensor_bytes(&t.in, lanes);
    }
    return YT_OK;
}

const struct yt_op_row yt_op_maxpool = {
    .name = "maxpool",
    .member = "pool",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "{c}x{h}x{w}-r{r}",
    .kind = "maxpool {r}x{r}",
    .check = check,
    .flops = flops,
    .tensors = tensors,
    .exact = YT_TOOL_ONLY(exact),
};

const struct yt_op_row yt_op_sppf = {
    .name = "sppf",
    .member = "pool",
    .params = params,
    .param_count = sizeof params / sizeof params[0],
    .form = "{c}x{h}x{w}-r{r}",
    .kind = "sppf {r}x{r}",
    .check = check,
    .flops = flops,
    .tensors = tensors,
    .exact = YT_TOOL_ONLY(exact),
};
