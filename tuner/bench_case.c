/* One problem's buffers, and the check that stands before every timing. */

#include "tuner/bench_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/reference.h"

#define GUARD_BYTES 4096
#define GUARD_BYTE  0xa5

/* Where tensors lie decides their speed: as in a real run, huge pages. */
static float *floats(size_t count)
{
    return yt_memory_alloc(count * sizeof(float));
}

static void floats_free(float *p, size_t count)
{
    yt_memory_free(p, count * sizeof(float));
}

/* Uniform in [-1, 1), the same everywhere. */
static void fill(float *p, size_t count, float scale, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = scale * ((float)(x >> 40) * (2.0f / 16777216.0f) - 1.0f);
    }
}

static size_t blocked(int32_t c, int32_t lanes, int32_t h, int32_t w)
{
    const size_t blocks = (size_t)((c + lanes - 1) / lanes);
    return blocks * (size_t)lanes * (size_t)h * (size_t)w;
}

static enum yt_status conv_buffers(struct yt_case *c)
{
    const struct yt_conv2d *p = &c->problem.u.conv2d;
    const int32_t lanes = c->isa->lanes;
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t ow = yt_conv2d_out_w(p);
    const size_t taps = (size_t)p->c * (size_t)p->r * (size_t)p->r;
    c->in_elems = (size_t)p->c * (size_t)p->h * (size_t)p->w;
    c->out_elems = blocked(p->k, lanes, oh, ow);
    c->add_elems = p->add == YT_ADD_RESIDUAL ? c->out_elems
                   : p->add == YT_ADD_UP2 ? blocked(p->k, lanes, oh / 2, ow / 2)
                                          : 0;
    c->weight_elems = (size_t)p->k * taps;
    c->bias_elems = blocked(p->k, lanes, 1, 1);
    c->weights = floats(c->weight_elems);
    c->bias = floats(c->bias_elems);
    YT_FAIL_IF(!c->weights || !c->bias, YT_NO_MEMORY, "no memory for a filter");
    c->filter = (struct yt_weights){.weights = c->weights, .bias = c->bias};
    /* Sums of about unit size, as in a trained network. */
    fill(c->weights, c->weight_elems, 3.0f / sqrtf((float)taps), 1);
    fill(c->bias, (size_t)p->k, 0.5f, 2);
    return YT_OK;
}

static enum yt_status sizes(struct yt_case *c)
{
    const int32_t lanes = c->isa->lanes;
    switch (c->problem.op) {
    case YT_OP_CONV2D:
        return conv_buffers(c);
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL: {
        const struct yt_pool2d *p = &c->problem.u.pool;
        c->in_elems = blocked(p->c, lanes, p->h, p->w);
        c->out_elems = c->in_elems * (c->problem.op == YT_OP_SPPF ? 3 : 1);
        return YT_OK;
    }
    case YT_OP_UPSAMPLE: {
        const struct yt_upsample *p = &c->problem.u.upsample;
        c->in_elems = blocked(p->c, lanes, p->h, p->w);
        c->out_elems = 4 * c->in_elems;
        return YT_OK;
    }
    case YT_OP_CONVERT:
    case YT_OP_LETTERBOX:
    case YT_OP_DECODE:
    case YT_OP_IOU:
    case YT_OP_COUNT:
        break;
    }
    return yt_fail(YT_UNSUPPORTED, "%s is not searched",
                   yt_op_name(c->problem.op));
}

enum yt_status yt_case_create(const struct yt_problem *problem,
                              const struct yt_isa *isa,
                              struct yt_case **case_out)
{
    struct yt_case *c = calloc(1, sizeof *c);
    YT_FAIL_IF(!c, YT_NO_MEMORY, "no memory for a test case");
    c->problem = *problem;
    c->isa = isa;
    enum yt_status status;
    YT_TRY_GOTO(sizes(c));
    c->in = floats(c->in_elems);
    c->want = floats(c->out_elems);
    c->add = c->add_elems ? floats(c->add_elems) : NULL;
    c->guarded = yt_memory_alloc(c->out_elems * 4 + 2 * GUARD_BYTES);
    YT_FAIL_IF_GOTO(!c->in || !c->want || !c->guarded ||
                        (c->add_elems && !c->add),
                    YT_NO_MEMORY, "no memory for a problem's tensors");
    fill(c->in, c->in_elems, 1.0f, 3);
    fill(c->add, c->add_elems, 1.0f, 4);
    const struct yt_args args = {
        .in = c->in,
        .out = c->want,
        .weights = c->weights,
        .bias = c->bias,
        .add = c->add,
    };
    YT_TRY_GOTO(yt_reference_run(problem, isa->lanes, &args));
    for (size_t i = 0; i < c->out_elems; i++)
        if (fabs((double)c->want[i]) > c->largest)
            c->largest = fabs((double)c->want[i]);
done:
    if (status != YT_OK) {
        yt_case_destroy(c);
        return status;
    }
    *case_out = c;
    return YT_OK;
}

struct yt_args yt_case_args(struct yt_case *c, const void *packed)
{
    return (struct yt_args){
        .in = c->in,
        .out = c->guarded + GUARD_BYTES,
        .weights = packed,
        .bias = c->bias,
        .add = c->add,
        .threshold = INFINITY,
    };
}

static int guard_is_whole(const char *guard)
{
    for (int i = 0; i < GUARD_BYTES; i++)
        if ((unsigned char)guard[i] != GUARD_BYTE)
            return 0;
    return 1;
}

enum yt_status yt_case_check(struct yt_case *c, yt_kernel_fn kernel,
                             int64_t tasks, const void *packed,
                             double tolerance, double *error_out)
{
    const size_t out_bytes = c->out_elems * 4;
    memset(c->guarded, GUARD_BYTE, GUARD_BYTES);
    memset(c->guarded + GUARD_BYTES, 0xff, out_bytes); /* NaN */
    memset(c->guarded + GUARD_BYTES + out_bytes, GUARD_BYTE, GUARD_BYTES);
    struct yt_args args = yt_case_args(c, packed);
    args.threshold = -INFINITY; /* a lazy kernel computes everything */
    kernel(&args, 0, tasks / 3);
    kernel(&args, tasks / 3, tasks);

    const float *got = args.out;
    const double scale = c->largest > 0 ? c->largest : 1;
    double worst = 0;
    size_t unwritten = 0;
    for (size_t i = 0; i < c->out_elems; i++) {
        const double error = fabs((double)got[i] - (double)c->want[i]) / scale;
        if (isnan(error))
            unwritten++;
        else if (error > worst)
            worst = error;
    }
    *error_out = worst;
    YT_FAIL_IF(unwritten, YT_MISMATCH, "%zu of %zu outputs are not numbers",
               unwritten, c->out_elems);
    YT_FAIL_IF(worst > tolerance, YT_MISMATCH,
               "off by %.3g of the largest output", worst);
    YT_FAIL_IF(!guard_is_whole(c->guarded) ||
                   !guard_is_whole(c->guarded + GUARD_BYTES + out_bytes),
               YT_MISMATCH, "wrote outside its output");
    return YT_OK;
}

void yt_case_destroy(struct yt_case *c)
{
    if (!c)
        return;
    floats_free(c->in, c->in_elems);
    floats_free(c->add, c->add_elems);
    floats_free(c->weights, c->weight_elems);
    floats_free(c->bias, c->bias_elems);
    floats_free(c->want, c->out_elems);
    yt_memory_free(c->guarded, c->out_elems * 4 + 2 * GUARD_BYTES);
    free(c);
}
