/* One problem's buffers, and the check that stands before every timing. */

#include "tuner/measure/bench_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/constants.h"
#include "model/net.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/reference.h"

#define GUARD_BYTES 4096
#define GUARD_BYTE  0xa5

/* After an image with its padding in memory; see model/net.h. */
#define SLACK_BYTES YT_ALIGN

/* Steps that integer outputs make of one, so that values use the range. */
#define U8_GAIN  60.0f
#define S16_GAIN 1500.0f

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 40; /* 24 bits */
}

static uint64_t seeded(uint64_t seed)
{
    return seed * 0x9e3779b97f4a7c15u + 1;
}

/* Uniform in [-scale, scale), the same everywhere. */
static void fill(float *p, size_t count, float scale, uint64_t seed)
{
    uint64_t x = seeded(seed);
    for (size_t i = 0; i < count; i++)
        p[i] = scale * ((float)next_random(&x) * (2.0f / 16777216.0f) - 1.0f);
}

/* The same as stored values: integers use their whole range. */
static void fill_stored(enum yt_dtype dtype, void *tensor, size_t count,
                        uint64_t seed)
{
    uint64_t x = seeded(seed);
    if (dtype == YT_DTYPE_F32) {
        fill(tensor, count, 1.0f, seed);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t r = (uint32_t)next_random(&x);
        const float value = (float)r * (2.0f / 16777216.0f) - 1.0f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (dtype == YT_DTYPE_U8S8)
            ((uint8_t *)tensor)[i] = (uint8_t)(r >> 16);
        else if (dtype == YT_DTYPE_S16)
            ((int16_t *)tensor)[i] =
                (int16_t)((int32_t)(r % (2 * YT_S16_MAX + 1)) - YT_S16_MAX);
        else
            ((uint16_t *)tensor)[i] = (uint16_t)(bits >> 16);
    }
}

static size_t blocked(int32_t c, int32_t lanes, int32_t h, int32_t w)
{
    const size_t blocks = (size_t)((c + lanes - 1) / lanes);
    return blocks * (size_t)lanes * (size_t)h * (size_t)w;
}

/* ------------------------------------------------------------ constants */

static float *floats(int32_t count, float value)
{
    float *p = malloc((size_t)count * sizeof *p);
    for (int32_t i = 0; p && i < count; i++)
        p[i] = value;
    return p;
}

/* Integer weights whose sums are far from overflowing, and the scale that
 * makes values of about unit size of them. */
static void integer_weights(struct yt_case *c)
{
    const struct yt_conv2d *p = &c->problem.u.conv2d;
    const int u8 = c->problem.dtype == YT_DTYPE_U8S8;
    const int64_t taps = (int64_t)p->c * p->r * p->r;
    int64_t most = yt_isa_weight_max(c->isa);
    if (!u8) {
        most = (INT32_MAX / 2) / YT_S16_MAX / taps;
        most = most < YT_S16_WEIGHT_MAX ? most : YT_S16_WEIGHT_MAX;
    }
    uint64_t x = seeded(1);
    for (size_t i = 0; i < c->weight_elems; i++)
        c->integers.weights[i] =
            (int16_t)((int64_t)(next_random(&x) % (uint64_t)(2 * most + 1)) -
                      most);
    const float spread = (float)most * (u8 ? 74.0f : 2365.0f) / 1.73f;
    for (int32_t k = 0; k < p->k; k++) {
        /* Twice as wide for some channels as for others. */
        c->integers.scale[k] =
            (1.0f + (float)(k % 5) / 4) / (spread * sqrtf((float)taps));
        c->integers.start[k] =
            (int32_t)((float)(k % 7 - 3) / 6 / c->integers.scale[k]);
    }
}

static enum yt_status make_integers(struct yt_case *c, int32_t in_channels,
                                    int32_t out_channels)
{
    const enum yt_dtype from = c->problem.dtype, to = c->problem.out;
    struct yt_integers *n = &c->integers;
    const float range = to == YT_DTYPE_U8S8 ? U8_GAIN : S16_GAIN;
    if (yt_dtype_is_integer(from)) {
        n->weights = malloc((c->weight_elems + 1) * sizeof *n->weights);
        n->start = malloc((size_t)out_channels * sizeof *n->start);
        n->scale = floats(out_channels, 1);
        n->in_zero = calloc((size_t)in_channels, sizeof *n->in_zero);
        n->in_step = floats(in_channels, 0.01f);
        YT_FAIL_IF(!n->weights || !n->start || !n->scale || !n->in_zero ||
                       !n->in_step,
                   YT_NO_MEMORY, "no memory for a filter");
        /* An image's zero point is 0. */
        for (int32_t i = 0;
             from == YT_DTYPE_U8S8 && in_channels != 3 && i < in_channels; i++)
            n->in_zero[i] = 20 + i % 50;
    }
    if (yt_dtype_is_integer(to)) {
        n->out_gain = floats(out_channels, range);
        n->out_zero = floats(out_channels, to == YT_DTYPE_U8S8 ? 31 : 0);
        n->add_gain = floats(out_channels, 0.3f);
        YT_FAIL_IF(!n->out_gain || !n->out_zero || !n->add_gain, YT_NO_MEMORY,
                   "no memory for a filter");
    }
    c->filter.integers = n;
    return YT_OK;
}

/* ---------------------------------------------------------------- sizes */

static size_t image_elems(const struct yt_problem *problem)
{
    const struct yt_conv2d *p = &problem->u.conv2d;
    const int32_t pad = problem->dtype == YT_DTYPE_F32 ? 0 : p->pad;
    return 3 * (size_t)(p->h + 2 * pad) * (size_t)(p->w + 2 * pad);
}

static enum yt_status conv_buffers(struct yt_case *c)
{
    const struct yt_conv2d *p = &c->problem.u.conv2d;
    const int32_t lanes = c->isa->lanes;
    const int32_t oh = yt_conv2d_out_h(p);
    const int32_t ow = yt_conv2d_out_w(p);
    const size_t taps = (size_t)p->c * (size_t)p->r * (size_t)p->r;
    const size_t in_elems =
        p->c == 3 ? image_elems(&c->problem) : blocked(p->c, lanes, p->h, p->w);
    c->in_bytes = in_elems * (size_t)yt_dtype_bytes(c->problem.dtype);
    c->out_elems = blocked(p->k, lanes, oh, ow);
    if (p->add == YT_ADD_RESIDUAL)
        c->add_bytes = c->out_elems * (size_t)yt_dtype_bytes(c->problem.out);
    else if (p->add == YT_ADD_UP2)
        c->add_bytes = 4 * blocked(p->k, lanes, oh / 2, ow / 2);
    c->weight_elems = (size_t)p->k * taps;
    c->weights = yt_memory_alloc(c->weight_elems * sizeof(float));
    c->bias = floats(p->k, 0);
    YT_FAIL_IF(!c->weights || !c->bias, YT_NO_MEMORY, "no memory for a filter");
    /* Sums of about unit size, as in a trained network. */
    fill(c->weights, c->weight_elems, 3.0f / sqrtf((float)taps), 1);
    fill(c->bias, (size_t)p->k, 0.5f, 2);
    c->filter.weights = c->weights;
    c->filter.bias = c->bias;
    YT_TRY(make_integers(c, p->c, p->k));
    if (yt_dtype_is_integer(c->problem.dtype))
        integer_weights(c);
    return YT_OK;
}

static enum yt_status sizes(struct yt_case *c)
{
    const int32_t lanes = c->isa->lanes;
    const size_t bytes = (size_t)yt_dtype_bytes(c->problem.dtype);
    size_t elems = 0;
    switch (c->problem.op) {
    case YT_OP_CONV2D:
        return conv_buffers(c);
    case YT_OP_SPPF:
    case YT_OP_MAXPOOL: {
        const struct yt_pool2d *p = &c->problem.u.pool;
        elems = blocked(p->c, lanes, p->h, p->w);
        c->out_elems = elems * (c->problem.op == YT_OP_SPPF ? 3 : 1);
        break;
    }
    case YT_OP_UPSAMPLE: {
        const struct yt_upsample *p = &c->problem.u.upsample;
        elems = blocked(p->c, lanes, p->h, p->w);
        c->out_elems = 4 * elems;
        break;
    }
    case YT_OP_CONVERT: {
        const struct yt_convert *p = &c->problem.u.convert;
        const int32_t channels = (int32_t)blocked(p->c, lanes, 1, 1);
        elems = blocked(p->c, lanes, p->h, p->w);
        c->out_elems = elems;
        YT_TRY(make_integers(c, channels, channels));
        break;
    }
    case YT_OP_LETTERBOX:
    case YT_OP_DECODE:
    case YT_OP_IOU:
    case YT_OP_COUNT:
        return yt_fail(YT_UNSUPPORTED, "%s is not searched",
                       yt_op_name(c->problem.op));
    }
    c->in_bytes = elems * bytes;
    return YT_OK;
}

/* ------------------------------------------------------------ reference */

/* A stored value as a number: integers as their codes. */
static double stored(enum yt_dtype dtype, const void *tensor, size_t i)
{
    switch (dtype) {
    case YT_DTYPE_BF16: {
        const uint32_t bits = (uint32_t)((const uint16_t *)tensor)[i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    case YT_DTYPE_S16:
        return ((const int16_t *)tensor)[i];
    case YT_DTYPE_U8S8:
        return ((const uint8_t *)tensor)[i];
    case YT_DTYPE_F32:
    case YT_DTYPE_COUNT:
        break;
    }
    return (double)((const float *)tensor)[i];
}

static enum yt_status run_reference(struct yt_case *c)
{
    const int32_t lanes = c->isa->lanes;
    const int conv = c->problem.op == YT_OP_CONV2D;
    struct yt_args args = {
        .in = c->in,
        .out = c->guarded,
        .weights = c->weights,
        .bias = c->bias,
        .add = c->add,
    };
    if (conv)
        return yt_reference_conv(&c->problem, lanes, &args, &c->integers,
                                 c->want);
    YT_TRY(c->problem.op == YT_OP_CONVERT
               ? yt_reference_convert(&c->problem, lanes, &args, &c->integers)
               : yt_reference_run(&c->problem, lanes, &args));
    for (size_t i = 0; i < c->out_elems; i++)
        c->want[i] = stored(c->problem.out, c->guarded, i);
    return YT_OK;
}

static size_t out_bytes(const struct yt_case *c)
{
    return c->out_elems * (size_t)yt_dtype_bytes(c->problem.out);
}

/* An image's padding in memory is zeros. */
static void clear_padding(struct yt_case *c)
{
    const struct yt_conv2d *p = &c->problem.u.conv2d;
    if (c->problem.op != YT_OP_CONV2D || p->c != 3 ||
        c->problem.dtype == YT_DTYPE_F32)
        return;
    const size_t pixel = 3 * (size_t)yt_dtype_bytes(c->problem.dtype);
    const int32_t w = p->w + 2 * p->pad;
    for (int32_t y = 0; y < p->h + 2 * p->pad; y++)
        for (int32_t x = 0; x < w; x++)
            if (y < p->pad || y >= p->h + p->pad || x < p->pad ||
                x >= p->w + p->pad)
                memset((char *)c->in +
                           ((size_t)y * (size_t)w + (size_t)x) * pixel,
                       0, pixel);
}

static enum yt_status create_into(struct yt_case *c)
{
    YT_TRY(sizes(c));
    /* Where tensors lie decides their speed: as in a real run, huge pages. */
    c->constant_bytes = yt_pack_constant_bytes(&c->problem, c->isa);
    c->in = yt_memory_alloc(c->in_bytes + SLACK_BYTES);
    c->want = yt_memory_alloc(c->out_elems * sizeof *c->want);
    c->add = c->add_bytes ? yt_memory_alloc(c->add_bytes) : NULL;
    c->guarded = yt_memory_alloc(out_bytes(c) + 2 * GUARD_BYTES);
    c->constants =
        c->constant_bytes ? yt_memory_alloc(c->constant_bytes) : NULL;
    YT_FAIL_IF(!c->in || !c->want || !c->guarded || (c->add_bytes && !c->add) ||
                   (c->constant_bytes && !c->constants),
               YT_NO_MEMORY, "no memory for a problem's tensors");
    const enum yt_dtype in = c->problem.dtype;
    const enum yt_dtype add =
        c->problem.op == YT_OP_CONV2D && c->problem.u.conv2d.add == YT_ADD_UP2
            ? YT_DTYPE_F32
            : c->problem.out;
    fill_stored(in, c->in, c->in_bytes / (size_t)yt_dtype_bytes(in), 3);
    fill_stored(add, c->add, c->add_bytes / (size_t)yt_dtype_bytes(add), 4);
    clear_padding(c);
    if (c->constants)
        yt_pack_constants(&c->problem, c->isa, &c->filter, c->constants);
    YT_TRY(run_reference(c));
    for (size_t i = 0; i < c->out_elems; i++)
        if (fabs(c->want[i]) > c->largest)
            c->largest = fabs(c->want[i]);
    return YT_OK;
}

enum yt_status yt_case_create(const struct yt_problem *problem,
                              const struct yt_isa *isa,
                              struct yt_case **case_out)
{
    struct yt_case *c = calloc(1, sizeof *c);
    YT_FAIL_IF(!c, YT_NO_MEMORY, "no memory for a test case");
    c->problem = *problem;
    c->isa = isa;
    const enum yt_status status = create_into(c);
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
        .bias = c->constants,
        .add = c->add,
        .scratch = c->scratch ? c->scratch + GUARD_BYTES : NULL,
        .threshold = INFINITY,
    };
}

/* ---------------------------------------------------------------- check */

static int guard_is_whole(const char *guard)
{
    for (int i = 0; i < GUARD_BYTES; i++)
        if ((unsigned char)guard[i] != GUARD_BYTE)
            return 0;
    return 1;
}

/* How far output i is off; NaN when it is no number. */
static double error_of(const struct yt_case *c, const void *got, size_t i)
{
    double want = c->want[i];
    const double value = stored(c->problem.out, got, i);
    if (!yt_dtype_is_integer(c->problem.out))
        return fabs(value - want) / (c->largest > 0 ? c->largest : 1);
    const double low = c->problem.out == YT_DTYPE_U8S8 ? 0 : -YT_S16_MAX;
    const double high = c->problem.out == YT_DTYPE_U8S8 ? 255 : YT_S16_MAX;
    want = want < low ? low : want > high ? high : want;
    const double past = fabs(value - want) - 0.5;
    return past > 0 ? past : 0;
}

/* Scratch of just the schedule's size, between guards. */
static enum yt_status make_scratch(struct yt_case *c,
                                   const struct yt_schedule *s)
{
    const size_t bytes =
        (size_t)yt_schedule_scratch_bytes(&c->problem, s, c->isa);
    yt_memory_free(c->scratch, c->scratch_bytes + 2 * GUARD_BYTES);
    c->scratch = NULL;
    c->scratch_bytes = bytes;
    if (!bytes)
        return YT_OK;
    c->scratch = yt_memory_alloc(bytes + 2 * GUARD_BYTES);
    YT_FAIL_IF(!c->scratch, YT_NO_MEMORY, "no memory for %zu bytes of scratch",
               bytes);
    memset(c->scratch, GUARD_BYTE, bytes + 2 * GUARD_BYTES);
    return YT_OK;
}

enum yt_status yt_case_check(struct yt_case *c, yt_kernel_fn kernel,
                             int64_t tasks, const struct yt_schedule *s,
                             const void *packed, double *error_out)
{
    const size_t bytes = out_bytes(c);
    YT_TRY(make_scratch(c, s));
    memset(c->guarded, GUARD_BYTE, GUARD_BYTES);
    memset(c->guarded + GUARD_BYTES, 0xff, bytes); /* NaN */
    memset(c->guarded + GUARD_BYTES + bytes, GUARD_BYTE, GUARD_BYTES);
    struct yt_args args = yt_case_args(c, packed);
    args.threshold = -INFINITY; /* a lazy kernel computes everything */
    kernel(&args, 0, tasks / 3);
    kernel(&args, tasks / 3, tasks);

    double worst = 0;
    size_t unwritten = 0;
    for (size_t i = 0; i < c->out_elems; i++) {
        const double error = error_of(c, args.out, i);
        if (isnan(error))
            unwritten++;
        else if (error > worst)
            worst = error;
    }
    *error_out = worst;
    YT_FAIL_IF(unwritten, YT_MISMATCH, "%zu of %zu outputs are not numbers",
               unwritten, c->out_elems);
    YT_FAIL_IF(worst > yt_schedule_tolerance(&c->problem, s, c->isa),
               YT_MISMATCH, "off by %.3g %s", worst,
               yt_dtype_is_integer(c->problem.out) ? "steps past rounding"
                                                   : "of the largest output");
    YT_FAIL_IF(!guard_is_whole(c->guarded) ||
                   !guard_is_whole(c->guarded + GUARD_BYTES + bytes),
               YT_MISMATCH, "wrote outside its output");
    YT_FAIL_IF(c->scratch && (!guard_is_whole(c->scratch) ||
                              !guard_is_whole(c->scratch + GUARD_BYTES +
                                              c->scratch_bytes)),
               YT_MISMATCH, "wrote outside its scratch");
    return YT_OK;
}

void yt_case_destroy(struct yt_case *c)
{
    if (!c)
        return;
    yt_memory_free(c->in, c->in_bytes + SLACK_BYTES);
    yt_memory_free(c->add, c->add_bytes);
    yt_memory_free(c->weights, c->weight_elems * sizeof(float));
    yt_memory_free(c->constants, c->constant_bytes);
    yt_memory_free(c->want, c->out_elems * sizeof *c->want);
    yt_memory_free(c->guarded, out_bytes(c) + 2 * GUARD_BYTES);
    yt_memory_free(c->scratch, c->scratch_bytes + 2 * GUARD_BYTES);
    yt_integers_deinit(&c->integers);
    free(c->bias);
    free(c);
}
