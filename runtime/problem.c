/* Problems as data: checked once, named canonically, read back. */

#include "runtime/problem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "runtime/fail.h"

static const char *const op_names[] = {
#define YT_OP(id, name) name,
#include "runtime/ops.inc"
#undef YT_OP
};

static const struct {
    const char *name;
    int32_t bytes;
} dtypes[] = {
#define YT_DTYPE(id, name, bytes) {name, bytes},
#include "runtime/dtypes.inc"
#undef YT_DTYPE
};

static const char *const addend_suffix[] = {"", "-res", "-up2"};
static_assert(YT_ADD_COUNT == 3, "a suffix for each addend");

const char *yt_op_name(enum yt_op op)
{
    return (unsigned)op < YT_OP_COUNT ? op_names[op] : "?";
}

const char *yt_dtype_name(enum yt_dtype dtype)
{
    return (unsigned)dtype < YT_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

int32_t yt_dtype_bytes(enum yt_dtype dtype)
{
    return dtypes[dtype].bytes;
}

int32_t yt_conv2d_out_h(const struct yt_conv2d *p)
{
    return (p->h + 2 * p->pad - p->r) / p->stride + 1;
}

int32_t yt_conv2d_out_w(const struct yt_conv2d *p)
{
    return (p->w + 2 * p->pad - p->r) / p->stride + 1;
}

/* Product of up to five sizes, 0 when it leaves int32_t: a size that needs
 * more cannot be indexed by the kernels. Lanes round channels up, hence the
 * margin of 64 elements on the first factor. */
static int fits(int64_t a, int64_t b, int64_t c, int64_t d)
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

static enum yt_status check_conv2d(const struct yt_conv2d *p)
{
    YT_FAIL_IF(p->c < 1 || p->h < 1 || p->w < 1 || p->k < 1, YT_BAD_ARGUMENT,
               "conv2d %dx%dx%d k%d: sizes must be at least 1", p->c, p->h,
               p->w, p->k);
    YT_FAIL_IF(p->r < 1 || p->r > 31 || p->stride < 1 || p->stride > 8 ||
                   p->pad < 0 || p->pad >= p->r,
               YT_BAD_ARGUMENT,
               "conv2d r%d s%d p%d: want r 1..31, stride 1..8, 0 <= pad < r",
               p->r, p->stride, p->pad);
    YT_FAIL_IF((int64_t)p->h + 2 * p->pad < p->r ||
                   (int64_t)p->w + 2 * p->pad < p->r,
               YT_BAD_ARGUMENT, "conv2d %dx%d r%d p%d: filter exceeds input",
               p->h, p->w, p->r, p->pad);
    YT_FAIL_IF(p->add < 0 || p->add >= YT_ADD_COUNT || p->silu < 0 ||
                   p->silu > 1,
               YT_BAD_ARGUMENT, "conv2d: silu=%d add=%d out of range", p->silu,
               p->add);
    YT_FAIL_IF(!fits(p->c, p->h, p->w, 4) || !fits(p->k, p->c, p->r, p->r),
               YT_UNSUPPORTED, "conv2d %dx%dx%d k%d: too large", p->c, p->h,
               p->w, p->k);
    YT_FAIL_IF(p->lazy && (p->lazy < 1 || p->lazy > 16 || p->k % p->lazy ||
                           p->k / p->lazy < 6 || p->r != 1 || p->stride != 1 ||
                           p->silu || p->add),
               YT_BAD_ARGUMENT,
               "conv2d lazy%d k%d: want a linear 1x1 with at least 6 channels "
               "for each of at most 16 anchors",
               p->lazy, p->k);
    const int64_t oh = yt_conv2d_out_h(p);
    const int64_t ow = yt_conv2d_out_w(p);
    YT_FAIL_IF(!fits(p->k, oh, ow, 4), YT_UNSUPPORTED,
               "conv2d %dx%dx%d k%d: output too large", p->c, p->h, p->w, p->k);
    YT_FAIL_IF(p->add == YT_ADD_UP2 && (oh % 2 || ow % 2), YT_BAD_ARGUMENT,
               "conv2d up2: output %dx%d is not even", (int)oh, (int)ow);
    return YT_OK;
}

enum yt_status yt_problem_check(const struct yt_problem *p)
{
    YT_FAIL_IF((unsigned)p->op >= YT_OP_COUNT ||
                   (unsigned)p->dtype >= YT_DTYPE_COUNT,
               YT_BAD_ARGUMENT, "problem: unknown op or dtype");
    YT_FAIL_IF(p->op == YT_OP_CONV2D && p->u.conv2d.lazy &&
                   p->out != YT_DTYPE_F32,
               YT_BAD_ARGUMENT, "conv2d lazy: its output has to be f32");
    YT_FAIL_IF((unsigned)p->out >= YT_DTYPE_COUNT ||
                   (p->op != YT_OP_CONV2D &&
                    (p->op == YT_OP_CONVERT) != (p->out != p->dtype)),
               YT_BAD_ARGUMENT, "%s from %s to %s", yt_op_name(p->op),
               yt_dtype_name(p->dtype), yt_dtype_name(p->out));
    int32_t c = 1, h = 1, w = 1;
    switch (p->op) {
    case YT_OP_CONV2D:
        return check_conv2d(&p->u.conv2d);
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL:
        c = p->u.pool.c;
        h = p->u.pool.h;
        w = p->u.pool.w;
        YT_FAIL_IF(p->u.pool.r < 3 || p->u.pool.r > 31 || p->u.pool.r % 2 == 0,
                   YT_BAD_ARGUMENT, "pool r%d: want an odd window, 3..31",
                   p->u.pool.r);
        break;
    case YT_OP_UPSAMPLE:
        c = p->u.upsample.c;
        h = p->u.upsample.h;
        w = p->u.upsample.w;
        break;
    case YT_OP_CONVERT:
        c = p->u.convert.c;
        h = p->u.convert.h;
        w = p->u.convert.w;
        break;
    case YT_OP_LETTERBOX:
        YT_FAIL_IF(p->u.letterbox.pad < 0 || p->u.letterbox.pad > 30,
                   YT_BAD_ARGUMENT, "letterbox p%d: want 0..30",
                   p->u.letterbox.pad);
        h = p->u.letterbox.h;
        w = p->u.letterbox.w;
        break;
    case YT_OP_DECODE:
        h = p->u.decode.h;
        w = p->u.decode.w;
        YT_FAIL_IF(p->u.decode.na < 1 || p->u.decode.na > 16 ||
                       p->u.decode.nc < 1 || p->u.decode.nc > 65536 ||
                       p->u.decode.stride < 1,
                   YT_BAD_ARGUMENT, "decode na%d nc%d: out of range",
                   p->u.decode.na, p->u.decode.nc);
        c = p->u.decode.na * (5 + p->u.decode.nc);
        break;
    case YT_OP_IOU:
        YT_FAIL_IF(p->u.iou.block < 1 || p->u.iou.block > 64, YT_BAD_ARGUMENT,
                   "iou block %d: want 1..64", p->u.iou.block);
        break;
    case YT_OP_COUNT:
        break;
    }
    YT_FAIL_IF(c < 1 || h < 1 || w < 1, YT_BAD_ARGUMENT,
               "%s %dx%dx%d: sizes must be at least 1", yt_op_name(p->op), c, h,
               w);
    YT_FAIL_IF(!fits(c, h, w, 16), YT_UNSUPPORTED, "%s %dx%dx%d: too large",
               yt_op_name(p->op), c, h, w);
    return YT_OK;
}

void yt_problem_name(const struct yt_problem *p, char name[YT_PROBLEM_NAME_MAX])
{
    const char *op = yt_op_name(p->op);
    char dt[16];
    snprintf(dt, sizeof dt, p->out == p->dtype ? "%s" : "%s_%s",
             yt_dtype_name(p->dtype), yt_dtype_name(p->out));
    const size_t max = YT_PROBLEM_NAME_MAX;
    switch (p->op) {
    case YT_OP_CONV2D: {
        const struct yt_conv2d *v = &p->u.conv2d;
        snprintf(name, max, "%s-%s-%dx%dx%d-k%dr%ds%dp%d%s%s", op, dt, v->c,
                 v->h, v->w, v->k, v->r, v->stride, v->pad,
                 v->silu ? "-silu" : "", addend_suffix[v->add]);
        if (v->lazy) {
            const size_t used = strlen(name);
            snprintf(name + used, max - used, "-lazy%d", v->lazy);
        }
        return;
    }
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL:
        snprintf(name, max, "%s-%s-%dx%dx%d-r%d", op, dt, p->u.pool.c,
                 p->u.pool.h, p->u.pool.w, p->u.pool.r);
        return;
    case YT_OP_UPSAMPLE:
        snprintf(name, max, "%s-%s-%dx%dx%d", op, dt, p->u.upsample.c,
                 p->u.upsample.h, p->u.upsample.w);
        return;
    case YT_OP_CONVERT:
        snprintf(name, max, "%s-%s-%dx%dx%d", op, dt, p->u.convert.c,
                 p->u.convert.h, p->u.convert.w);
        return;
    case YT_OP_LETTERBOX:
        snprintf(name, max,
                 p->u.letterbox.pad ? "%s-%s-%dx%d-p%d" : "%s-%s-%dx%d", op, dt,
                 p->u.letterbox.h, p->u.letterbox.w, p->u.letterbox.pad);
        return;
    case YT_OP_DECODE:
        snprintf(name, max, "%s-%s-a%dc%d-%dx%d-s%d", op, dt, p->u.decode.na,
                 p->u.decode.nc, p->u.decode.h, p->u.decode.w,
                 p->u.decode.stride);
        return;
    case YT_OP_IOU:
        snprintf(name, max, "%s-%s-b%d", op, dt, p->u.iou.block);
        return;
    case YT_OP_COUNT:
        break;
    }
    snprintf(name, max, "?");
}

/* Which row of a name table opens *text; steps over it and a '-' or '_'. */
static int take_name(const char **text, const char *(*name_of)(int), int count)
{
    const size_t length = strcspn(*text, "-_");
    for (int i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (strlen(name) == length && strncmp(*text, name, length) == 0) {
            *text += length + ((*text)[length] != 0);
            return i;
        }
    }
    return -1;
}

static const char *op_name_of(int i)
{
    return yt_op_name((enum yt_op)i);
}

static const char *dtype_name_of(int i)
{
    return yt_dtype_name((enum yt_dtype)i);
}

static void parse_body(const char *text, struct yt_problem *p)
{
    switch (p->op) {
    case YT_OP_CONV2D: {
        struct yt_conv2d *v = &p->u.conv2d;
        int used = 0;
        if (sscanf(text, "%dx%dx%d-k%dr%ds%dp%d%n", &v->c, &v->h, &v->w, &v->k,
                   &v->r, &v->stride, &v->pad, &used) != 7)
            return;
        const char *tail = text + used;
        if (strncmp(tail, "-silu", 5) == 0) {
            v->silu = 1;
            tail += 5;
        }
        if (sscanf(tail, "-lazy%d", &v->lazy) == 1)
            return;
        for (int i = 1; i < YT_ADD_COUNT; i++)
            if (strcmp(tail, addend_suffix[i]) == 0)
                v->add = i;
        return;
    }
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL:
        (void)sscanf(text, "%dx%dx%d-r%d", &p->u.pool.c, &p->u.pool.h,
                     &p->u.pool.w, &p->u.pool.r);
        return;
    case YT_OP_UPSAMPLE:
        (void)sscanf(text, "%dx%dx%d", &p->u.upsample.c, &p->u.upsample.h,
                     &p->u.upsample.w);
        return;
    case YT_OP_CONVERT:
        (void)sscanf(text, "%dx%dx%d", &p->u.convert.c, &p->u.convert.h,
                     &p->u.convert.w);
        return;
    case YT_OP_LETTERBOX:
        (void)sscanf(text, "%dx%d-p%d", &p->u.letterbox.h, &p->u.letterbox.w,
                     &p->u.letterbox.pad);
        return;
    case YT_OP_DECODE:
        (void)sscanf(text, "a%dc%d-%dx%d-s%d", &p->u.decode.na, &p->u.decode.nc,
                     &p->u.decode.h, &p->u.decode.w, &p->u.decode.stride);
        return;
    case YT_OP_IOU:
        (void)sscanf(text, "b%d", &p->u.iou.block);
        return;
    case YT_OP_COUNT:
        return;
    }
}

enum yt_status yt_problem_parse(const char *name, struct yt_problem *p_out)
{
    struct yt_problem p;
    memset(&p, 0, sizeof p);
    const char *text = name;
    const int op = take_name(&text, op_name_of, YT_OP_COUNT);
    const int dtype =
        op < 0 ? -1 : take_name(&text, dtype_name_of, YT_DTYPE_COUNT);
    YT_FAIL_IF(dtype < 0, YT_BAD_ARGUMENT, "'%s' is not a problem's name",
               name);
    p.op = (enum yt_op)op;
    p.dtype = (enum yt_dtype)dtype;
    p.out = p.dtype;
    if (text > name && text[-1] == '_') {
        const int out = take_name(&text, dtype_name_of, YT_DTYPE_COUNT);
        YT_FAIL_IF(out < 0, YT_BAD_ARGUMENT, "'%s' is not a problem's name",
                   name);
        p.out = (enum yt_dtype)out;
    }
    parse_body(text, &p);

    /* The name is the identity: whatever was read must print the same. */
    char again[YT_PROBLEM_NAME_MAX];
    YT_TRY(yt_problem_check(&p));
    yt_problem_name(&p, again);
    YT_FAIL_IF(strcmp(again, name) != 0, YT_BAD_ARGUMENT,
               "'%s' is not a problem's canonical name", name);
    *p_out = p;
    return YT_OK;
}

uint64_t yt_problem_flops(const struct yt_problem *p)
{
    switch (p->op) {
    case YT_OP_CONV2D: {
        const struct yt_conv2d *v = &p->u.conv2d;
        /* Of a lazy head only objectness is sure to be computed. */
        const uint64_t k = (uint64_t)(v->lazy ? v->lazy : v->k);
        return 2ull * (uint64_t)v->c * k * (uint64_t)v->r * (uint64_t)v->r *
               (uint64_t)yt_conv2d_out_h(v) * (uint64_t)yt_conv2d_out_w(v);
    }
    case YT_OP_SPPF: /* separable: 2(r-1) comparisons, three times */
        return 6ull * (uint64_t)(p->u.pool.r - 1) * (uint64_t)p->u.pool.c *
               (uint64_t)p->u.pool.h * (uint64_t)p->u.pool.w;
    case YT_OP_MAXPOOL:
        return 2ull * (uint64_t)(p->u.pool.r - 1) * (uint64_t)p->u.pool.c *
               (uint64_t)p->u.pool.h * (uint64_t)p->u.pool.w;
    case YT_OP_UPSAMPLE:
    case YT_OP_CONVERT:
    case YT_OP_LETTERBOX:
    case YT_OP_DECODE:
    case YT_OP_IOU:
    case YT_OP_COUNT:
        break;
    }
    return 0;
}
