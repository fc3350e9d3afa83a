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
    const struct yt_dtype_row *row = yt_dtype_row(dtype);
    const uint64_t codes = (uint64_t)(row->most - row->least) + 1;
    uint64_t x = seeded(seed);
    for (size_t i = 0; i < count; i++) {
        const uint64_t r = next_random(&x);
        const float value = row->is_integer
                                ? (float)((int64_t)(r % codes) + row->least)
                                : (float)r * (2.0f / 16777216.0f) - 1.0f;
        yt_dtype_store(dtype, tensor, (int64_t)i, value);
    }
}

static size_t weight_bytes(const struct yt_case *c)
{
    return (size_t)c->tensors.weights * sizeof(float);
}

static size_t out_bytes(const struct yt_case *c)
{
    return c->out_elems * (size_t)yt_dtype_bytes(c->problem.out);
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
    const int u8 = c->problem.dtype == YT_DTYPE_U8S8;
    const int32_t outputs = c->tensors.bias;
    const int64_t taps = c->tensors.weights / outputs;
    int64_t most = yt_isa_weight_max(c->isa);
    if (!u8) {
        most = (INT32_MAX / 2) / YT_S16_MAX / taps;
        most = most < YT_S16_WEIGHT_MAX ? most : YT_S16_WEIGHT_MAX;
    }
    uint64_t x = seeded(1);
    for (int64_t i = 0; i < c->tensors.weights; i++)
        c->integers.weights[i] =
            (int16_t)((int64_t)(next_random(&x) % (uint64_t)(2 * most + 1)) -
                      most);
    const float spread = (float)most * (u8 ? 74.0f : 2365.0f) / 1.73f;
    for (int32_t k = 0; k < outputs; k++) {
        /* Twice as wide for some channels as for others. */
        c->integers.scale[k] =
            (1.0f + (float)(k % 5) / 4) / (spread * sqrtf((float)taps));
        c->integers.start[k] =
            (int32_t)((float)(k % 7 - 3) / 6 / c->integers.scale[k]);
    }
}

static enum yt_status make_integer_filter(struct yt_case *c)
{
    struct yt_integers *n = &c->integers;
    n->weights = malloc((size_t)c->tensors.weights * sizeof *n->weights);
    n->start = malloc((size_t)c->tensors.bias * sizeof *n->start);
    n->scale = floats(c->tensors.bias, 1);
    YT_FAIL_IF(!n->weights || !n->start || !n->scale, YT_NO_MEMORY,
               "no memory for a filter");
    integer_weights(c);
    return YT_OK;
}

static int32_t whole_blocks(const struct yt_case *c, int32_t channels)
{
    return (channels + c->isa->lanes - 1) / c->isa->lanes * c->isa->lanes;
}

/* How codes of the input are read. An image's zero point is 0. */
static enum yt_status make_input_steps(struct yt_case *c)
{
    struct yt_integers *n = &c->integers;
    const struct yt_tensor *in = &c->tensors.in;
    const int32_t channels = whole_blocks(c, in->c);
    n->in_zero = calloc((size_t)channels, sizeof *n->in_zero);
    n->in_step = floats(channels, 0.01f);
    YT_FAIL_IF(!n->in_zero || !n->in_step, YT_NO_MEMORY,
               "no memory for a filter");
    if (yt_dtype_has_zero(in->dtype) && !in->is_image)
        for (int32_t i = 0; i < channels; i++)
            n->in_zero[i] = 20 + i % 50;
    return YT_OK;
}

static enum yt_status make_output_steps(struct yt_case *c)
{
    struct yt_integers *n = &c->integers;
    const struct yt_tensor *out = &c->tensors.out;
    const int32_t channels = whole_blocks(c, out->c);
    const int u8 = out->dtype == YT_DTYPE_U8S8;
    n->out_gain = floats(channels, u8 ? U8_GAIN : S16_GAIN);
    n->out_zero = floats(channels, yt_dtype_has_zero(out->dtype) ? 31 : 0);
    n->add_gain = floats(channels, 0.3f);
    YT_FAIL_IF(!n->out_gain || !n->out_zero || !n->add_gain, YT_NO_MEMORY,
               "no memory for a filter");
    return YT_OK;
}

static enum yt_status make_integers(struct yt_case *c)
{
    c->filter.integers = &c->integers;
    if (yt_dtype_is_integer(c->problem.out))
        YT_TRY(make_output_steps(c));
    if (!yt_dtype_is_integer(c->problem.dtype))
        return YT_OK;
    YT_TRY(make_input_steps(c));
    return c->tensors.weights ? make_integer_filter(c) : YT_OK;
}

/* Sums of about unit size, as in a trained network. */
static enum yt_status make_filter(struct yt_case *c)
{
    const size_t count = (size_t)c->tensors.weights;
    const int32_t outputs = c->tensors.bias;
    const int64_t taps = c->tensors.weights / outputs;
    c->weights = yt_memory_alloc(weight_bytes(c));
    c->bias = floats(outputs, 0);
    YT_FAIL_IF(!c->weights || !c->bias, YT_NO_MEMORY, "no memory for a filter");
    fill(c->weights, count, 3.0f / sqrtf((float)taps), 1);
    fill(c->bias, (size_t)outputs, 0.5f, 2);
    c->filter.weights = c->weights;
    c->filter.bias = c->bias;
    return YT_OK;
}

/* Zero the block of weights from output channel k0 and input channel c0 on. */
static void clear_block(struct yt_case *c, int32_t k0, int32_t c0, int32_t tap,
                        int32_t per_step)
{
    const struct yt_conv2d *v = &c->problem.u.conv2d;
    const int64_t taps = (int64_t)v->r * v->r;
    for (int32_t k = k0; k < k0 + v->outputs && k < v->k; k++)
        for (int32_t i = c0; i < c0 + per_step && i < v->c; i++) {
            const int64_t at = ((int64_t)k * v->c + i) * taps + tap;
            c->weights[at] = 0;
            if (c->integers.weights)
                c->integers.weights[at] = 0;
        }
}

/* A digest says nothing of its pattern, so it is the seed of one that keeps as
 * much: each block with the share that the rest still has to keep. */
static void clear_blocks(struct yt_case *c)
{
    const struct yt_conv2d *v = &c->problem.u.conv2d;
    const int32_t taps = v->r * v->r;
    const int32_t per_step = 4 / yt_dtype_bytes(c->problem.dtype);
    const int32_t steps = (v->c + per_step - 1) / per_step;
    uint64_t left = (uint64_t)(v->kept / (v->outputs * per_step));
    uint64_t blocks = (uint64_t)((v->k + v->outputs - 1) / v->outputs) *
                      (uint64_t)steps * (uint64_t)taps;
    uint64_t x = seeded((uint64_t)v->pattern);
    for (int32_t k = 0; k < v->k; k += v->outputs)
        for (int32_t step = 0; step < steps; step++)
            for (int32_t tap = 0; tap < taps; tap++) {
                if (next_random(&x) % blocks-- < left)
                    left--;
                else
                    clear_block(c, k, step * per_step, tap, per_step);
            }
}

static enum yt_status make_constants(struct yt_case *c)
{
    if (c->tensors.weights)
        YT_TRY(make_filter(c));
    if (yt_op_row(c->problem.op)->takes_integers)
        YT_TRY(make_integers(c));
    if (c->tensors.pattern)
        clear_blocks(c);
    return YT_OK;
}

/* ------------------------------------------------------------ reference */

static enum yt_status run_reference(struct yt_case *c)
{
    const struct yt_args args = {
        .in = c->in,
        .out = c->guarded,
        .weights = c->weights,
        .bias = c->bias,
        .add = c->add,
    };
    return yt_reference_values(&c->problem, c->isa->lanes, &args, &c->integers,
                               c->want);
}

/* An image's padding in memory is zeros. */
static void clear_padding(struct yt_case *c)
{
    const struct yt_tensor *t = &c->tensors.in;
    if (!t->is_image || t->pad == 0)
        return;
    const size_t pixel = (size_t)t->c * (size_t)yt_dtype_bytes(t->dtype);
    const int32_t w = t->w + 2 * t->pad;
    for (int32_t y = 0; y < t->h + 2 * t->pad; y++)
        for (int32_t x = 0; x < w; x++)
            if (y < t->pad || y >= t->h + t->pad || x < t->pad ||
                x >= t->w + t->pad)
                memset((char *)c->in +
                           ((size_t)y * (size_t)w + (size_t)x) * pixel,
                       0, pixel);
}

/* What a network has in an addend's channels past the last: whoever wrote it
 * added nothing there. With more in them outputs are not those of the
 * reference, whose padding does not depend on any addend. */
static void clear_spare_channels(struct yt_case *c)
{
    const struct yt_tensor *t = &c->tensors.add;
    const int32_t lanes = c->isa->lanes, used = t->c % lanes;
    const size_t value = (size_t)yt_dtype_bytes(t->dtype);
    if (!c->add || !used)
        return;
    const size_t pixels = (size_t)t->h * (size_t)t->w;
    char *last = (char *)c->add +
                 (size_t)(t->c / lanes) * pixels * (size_t)lanes * value;
    for (size_t i = 0; i < pixels; i++)
        memset(last + (i * (size_t)lanes + (size_t)used) * value, 0,
               (size_t)(lanes - used) * value);
}

static void fill_tensor(const struct yt_case *c, const struct yt_tensor *t,
                        void *tensor, uint64_t seed)
{
    fill_stored(t->dtype, tensor, (size_t)yt_tensor_elems(t, c->isa->lanes),
                seed);
}

/* Where tensors lie decides their speed: as in a real run, huge pages. */
static enum yt_status make_tensors(struct yt_case *c)
{
    const int32_t lanes = c->isa->lanes;
    const struct yt_tensors *t = &c->tensors;
    c->in_bytes = (size_t)yt_tensor_bytes(&t->in, lanes);
    c->add_bytes = (size_t)yt_tensor_bytes(&t->add, lanes);
    c->out_elems = (size_t)yt_tensor_elems(&t->out, lanes);
    c->in = yt_memory_alloc(c->in_bytes + SLACK_BYTES);
    c->want = yt_memory_alloc(c->out_elems * sizeof *c->want);
    c->add = c->add_bytes ? yt_memory_alloc(c->add_bytes) : NULL;
    c->guarded = yt_memory_alloc(out_bytes(c) + 2 * GUARD_BYTES);
    YT_FAIL_IF(!c->in || !c->want || !c->guarded || (c->add_bytes && !c->add),
               YT_NO_MEMORY, "no memory for a problem's tensors");
    fill_tensor(c, &t->in, c->in, 3);
    fill_tensor(c, &t->add, c->add, 4);
    clear_padding(c);
    clear_spare_channels(c);
    return YT_OK;
}

static enum yt_status pack_constants(struct yt_case *c)
{
    c->constant_bytes = yt_pack_constant_bytes(&c->problem, c->isa);
    if (!c->constant_bytes)
        return YT_OK;
    c->constants = yt_memory_alloc(c->constant_bytes);
    YT_FAIL_IF(!c->constants, YT_NO_MEMORY,
               "no memory for a problem's constants");
    yt_pack_constants(&c->problem, c->isa, &c->filter, c->constants);
    return YT_OK;
}

static enum yt_status create_into(struct yt_case *c)
{
    const struct yt_op_row *row = yt_op_row(c->problem.op);
    YT_FAIL_IF(!row->exact && !row->values, YT_UNSUPPORTED,
               "%s is not searched", row->name);
    yt_op_tensors(&c->problem, &c->tensors);
    YT_TRY(make_constants(c));
    YT_TRY(make_tensors(c));
    YT_TRY(pack_constants(c));
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
    const double value = yt_dtype_load(c->problem.out, got, (int64_t)i);
    if (!yt_dtype_is_integer(c->problem.out))
        return fabs(value - want) / (c->largest > 0 ? c->largest : 1);
    const double low = yt_dtype_row(c->problem.out)->least;
    const double high = yt_dtype_row(c->problem.out)->most;
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
    yt_memory_free(c->weights, weight_bytes(c));
    yt_memory_free(c->constants, c->constant_bytes);
    yt_memory_free(c->want, c->out_elems * sizeof *c->want);
    yt_memory_free(c->guarded, out_bytes(c) + 2 * GUARD_BYTES);
    yt_memory_free(c->scratch, c->scratch_bytes + 2 * GUARD_BYTES);
    yt_integers_deinit(&c->integers);
    free(c->bias);
    free(c);
}
