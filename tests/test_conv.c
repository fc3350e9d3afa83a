/* Generated convolutions against the reference, on shapes chosen for their
 * edges, with schedules that cover every way of walking them.
 *
 *      conv PROBLEM SCHEDULE ISA
 *
 * repeats one case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "codegen/conv_tiles.h"
#include "model/graph.h"
#include "model/net.h"
#include "runtime/reference.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Error of a sum of products in f32, for each unit of the sum of their
 * magnitudes. The worst seen is about a fifth; a tap too few or too many is at
 * least 1 / (taps * channels), 4e-4 here. */
#define SUM_TOLERANCE 1e-6

/* SiLU's error in ulp is in codegen/silu.c; this is relative, and wide enough
 * for the additions that follow. */
#define VALUE_TOLERANCE 1e-6

/* Largest slope of SiLU, which passes on the error of its argument. */
#define SILU_SLOPE 1.1

struct stats {
    int64_t cases;
    double worst; /* share of the tolerance that was used */
};

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void fill(float *values, size_t count, uint32_t *seed, float scale)
{
    for (size_t i = 0; i < count; i++)
        values[i] = scale * ((float)next_random(seed) / 8388608.0f - 1.0f);
}

static void magnitudes(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = fabsf(values[i]);
}

/* Zeros in the channels past k of a tensor of whole blocks. */
static void clear_padding(float *values, const struct yt_conv2d *p,
                          int32_t lanes, int64_t pixels)
{
    if (p->k % lanes == 0)
        return;
    float *last = values + p->k / lanes * pixels * lanes;
    for (int64_t i = 0; i < pixels; i++)
        for (int32_t lane = p->k % lanes; lane < lanes; lane++)
            last[i * lanes + lane] = 0;
}

/* Buffers of one problem on one ISA, and what the reference makes of them. */
struct data {
    const struct yt_problem *problem;
    const struct yt_conv2d *p;
    const struct yt_isa *isa;
    size_t in_elems, filter_elems, out_elems, add_elems, bias_elems;
    struct guarded in, bias, add;
    float *filter, *want, *sums; /* sums: of magnitudes */
};

static float *floats(size_t count)
{
    float *p = malloc(count * sizeof *p);
    assert_non_null(p);
    return p;
}

/* What the outputs' errors are measured by: |x| * |w| + |bias|. */
static void sum_magnitudes(struct data *d)
{
    struct yt_problem plain = *d->problem;
    plain.u.conv2d.silu = 0;
    plain.u.conv2d.add = YT_ADD_NONE;
    plain.u.conv2d.lazy = 0;
    float *in = floats(d->in_elems);
    float *filter = floats(d->filter_elems);
    float *bias = floats(d->bias_elems);
    memcpy(in, d->in.data, d->in_elems * 4);
    memcpy(filter, d->filter, d->filter_elems * 4);
    memcpy(bias, d->bias.data, d->bias_elems * 4);
    magnitudes(in, d->in_elems);
    magnitudes(filter, d->filter_elems);
    magnitudes(bias, d->bias_elems);
    const struct yt_args args = {
        .in = in, .out = d->sums, .weights = filter, .bias = bias};
    assert_int_equal(yt_reference_run(&plain, d->isa->lanes, &args), YT_OK);
    free(in);
    free(filter);
    free(bias);
}

/* What model/net.h promises of tensors inside a concat. */
static size_t tensor_align(const struct data *d)
{
    return 4 * (size_t)d->isa->lanes;
}

static void data_open(struct data *d, const struct yt_problem *problem,
                      const struct yt_isa *isa, uint32_t seed)
{
    memset(d, 0, sizeof *d);
    const struct yt_conv2d *p = &problem->u.conv2d;
    const int32_t lanes = isa->lanes;
    const int64_t pixels = (int64_t)yt_conv2d_out_h(p) * yt_conv2d_out_w(p);
    d->problem = problem;
    d->p = p;
    d->isa = isa;
    d->bias_elems = (size_t)((p->k + lanes - 1) / lanes) * (size_t)lanes;
    d->in_elems = (size_t)p->c * (size_t)p->h * (size_t)p->w;
    d->filter_elems = (size_t)p->k * (size_t)p->c * (size_t)p->r * (size_t)p->r;
    d->out_elems = d->bias_elems * (size_t)pixels;
    d->add_elems = p->add == YT_ADD_UP2 ? d->out_elems / 4 : d->out_elems;
    fill(guarded_open(&d->in, d->in_elems * 4, tensor_align(d)), d->in_elems,
         &seed, 2);
    d->filter = floats(d->filter_elems);
    fill(d->filter, d->filter_elems, &seed,
         2.0f / sqrtf((float)(p->c * p->r * p->r)));
    float *bias = guarded_open(&d->bias, d->bias_elems * 4, 64);
    memset(bias, 0, d->bias_elems * 4);
    fill(bias, (size_t)p->k, &seed, 1);
    float *add = guarded_open(&d->add, d->add_elems * 4, tensor_align(d));
    fill(add, d->add_elems, &seed, 1);
    clear_padding(add, p, lanes, p->add == YT_ADD_UP2 ? pixels / 4 : pixels);
    d->want = floats(d->out_elems);
    d->sums = floats(d->out_elems);
    const struct yt_args args = {.in = d->in.data,
                                 .out = d->want,
                                 .weights = d->filter,
                                 .bias = bias,
                                 .add = p->add ? add : NULL};
    assert_int_equal(yt_reference_run(problem, lanes, &args), YT_OK);
    sum_magnitudes(d);
}

static void data_close(struct data *d)
{
    guarded_close(&d->in);
    guarded_close(&d->bias);
    guarded_close(&d->add);
    free(d->filter);
    free(d->want);
    free(d->sums);
}

static void failed(const struct data *d, const struct yt_schedule *s,
                   const char *what)
{
    char problem[YT_PROBLEM_NAME_MAX];
    char schedule[YT_SCHEDULE_NAME_MAX];
    yt_problem_name(d->problem, problem);
    yt_schedule_name(s, schedule);
    fail_msg("%s\n  repeat: test_conv %s %s %s", what, problem, schedule,
             d->isa->name);
}

static void compare(const struct data *d, const struct yt_schedule *s,
                    const float *got, struct stats *stats)
{
    const double slope = d->p->silu ? SILU_SLOPE : 1;
    const int32_t lanes = d->isa->lanes;
    const size_t block = (size_t)yt_conv2d_out_h(d->p) *
                         (size_t)yt_conv2d_out_w(d->p) * (size_t)lanes;
    for (size_t i = 0; i < d->out_elems; i++) {
        const double want = (double)d->want[i];
        const double error = fabs((double)got[i] - want);
        const double slack =
            SUM_TOLERANCE * slope * (double)d->sums[i] +
            VALUE_TOLERANCE * fmax(fabs(want), d->p->add ? 1 : 0);
        const size_t k = i / block * (size_t)lanes + i % (size_t)lanes;
        char text[160];
        if (k >= (size_t)d->p->k && got[i] != 0) {
            snprintf(text, sizeof text, "padding channel %zu holds %g", k,
                     (double)got[i]);
            failed(d, s, text);
        }
        if (!(error <= slack)) {
            snprintf(text, sizeof text,
                     "element %zu of channel %zu is %.9g, not %.9g (+-%.2g)",
                     i % block / (size_t)lanes, k, (double)got[i], want, slack);
            failed(d, s, text);
        }
        if (slack > 0 && error / slack > stats->worst)
            stats->worst = error / slack;
    }
}

/* All tasks at once, then in three shares out of order: the same bits. */
static void run_schedule(const struct data *d, struct yt_jit *jit,
                         const struct yt_schedule *s, int in_place,
                         struct stats *stats)
{
    struct yt_object object;
    yt_kernel_fn kernel;
    if (yt_codegen_compile(d->problem, s, d->isa, &object) != YT_OK)
        failed(d, s, yt_error());
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    struct guarded weights, out, shares;
    const size_t out_bytes = d->out_elems * 4;
    guarded_open(&weights, yt_pack_weight_bytes(d->problem, s, d->isa), 64);
    guarded_open(&out, out_bytes, tensor_align(d));
    guarded_open(&shares, out_bytes, tensor_align(d));
    yt_pack_weights(d->problem, s, d->isa,
                    &(const struct yt_weights){.weights = d->filter},
                    weights.data);
    if (in_place) {
        memcpy(out.data, d->add.data, out_bytes);
        memcpy(shares.data, d->add.data, out_bytes);
    }
    struct yt_args args = {
        .in = d->in.data,
        .out = out.data,
        .weights = weights.data,
        .bias = (const float *)d->bias.data,
        .add = !d->p->add ? NULL
               : in_place ? out.data
                          : d->add.data,
        .threshold = -INFINITY,
    };
    const int64_t tasks = yt_schedule_tasks(d->problem, s, d->isa);
    kernel(&args, 0, tasks);
    compare(d, s, (const float *)out.data, stats);
    args.out = shares.data;
    if (in_place)
        args.add = shares.data;
    uint32_t seed = hash("shares") + (uint32_t)stats->cases;
    const int64_t a = (int64_t)next_random(&seed) % (tasks + 1);
    const int64_t b = a + (int64_t)next_random(&seed) % (tasks - a + 1);
    kernel(&args, b, tasks);
    kernel(&args, 0, a);
    kernel(&args, a, b);
    if (memcmp(out.data, shares.data, out_bytes) != 0)
        failed(d, s, "the tasks in shares give other bits than at once");
    if (!guarded_intact(&out) || !guarded_intact(&shares))
        failed(d, s, "wrote outside the output");
    guarded_close(&weights);
    guarded_close(&out);
    guarded_close(&shares);
    stats->cases++;
}

static void run_case(const struct data *d, const struct yt_schedule *s,
                     struct stats *stats)
{
    struct yt_jit *jit;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    run_schedule(d, jit, s, 0, stats);
    if (d->p->add == YT_ADD_RESIDUAL)
        run_schedule(d, jit, s, 1, stats);
    yt_jit_destroy(jit);
}

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static struct yt_schedule schedule(const char *name)
{
    struct yt_schedule s;
    if (yt_schedule_parse(YT_OP_CONV2D, name, &s) != YT_OK)
        fail_msg("%s", yt_error());
    return s;
}

/* Runs test on each ISA this CPU has. */
static void for_each_isa(void (*test)(const struct yt_isa *isa,
                                      struct stats *stats))
{
    for (int i = 0; i < YT_ISA_COUNT; i++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        struct stats stats = {0};
        test(isa, &stats);
        print_message("%s: %d kernels, at most %.0f %% of the tolerance\n",
                      isa->name, (int)stats.cases, 100 * stats.worst);
        assert_true(stats.cases > 0);
    }
}

/* --------------------------------------------------------------- edges */

/* Schedules are written for 16 lanes, where each must apply; other ISAs run
 * those that apply there too. */
static const struct {
    const char *problem;
    const char *schedules[4];
} edges[] = {
    /* One tile, one more pixel, one less than two tiles, two, primes, one. */
    {"conv2d-f32-16x4x6-k32r3s1p1-silu", {"direct-m6n2k1-t0p-hl"}},
    {"conv2d-f32-16x4x7-k32r3s1p1-silu",
     {"direct-m6n2k1-t1c-hl", "direct-m7n1k2-t3p-g"}},
    {"conv2d-f32-16x4x11-k32r3s1p1-silu",
     {"direct-m6n2k1-t3p-hl", "direct-m11n2k4-t0p-h"}},
    {"conv2d-f32-16x4x12-k32r3s1p1-silu", {"direct-m6n2k1-t0c-il"}},
    {"conv2d-f32-16x3x13-k32r3s1p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m3n1k1-t1c-h", "direct-m12n1k16-t0p-h"}},
    {"conv2d-f32-16x5x23-k16r3s1p1",
     {"direct-m8n1k1-t2p-hl", "direct-m23n1k1-t4p-h", "direct-m22n1k2-t0p-g"}},
    {"conv2d-f32-16x5x1-k32r3s1p1-silu",
     {"direct-m1n2k1-t0p-hl", "direct-m1n1k16-t2c-h"}},
    {"conv2d-f32-16x1x9-k16r3s1p1-silu", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x1x1-k16r3s1p1-silu", {"direct-m1n1k1-t0p-hl"}},
    {"conv2d-f32-16x2x2-k16r3s1p1",
     {"direct-m2n1k1-t1p-hl", "direct-m1n1k4-t0p-h"}},
    {"conv2d-f32-16x3x40-k16r3s1p1-silu",
     {"direct-m28n1k1-t0p-hl", "direct-m32n1k1-t1p-h", "direct-m20n1k1-t2p-i"}},
    /* Wider filters, and padding that is not half of one. */
    {"conv2d-f32-16x7x9-k16r5s1p2-silu",
     {"direct-m4n1k1-t0p-hl", "direct-m9n1k4-t3p-h"}},
    {"conv2d-f32-16x5x5-k32r5s2p2", {"direct-m3n2k1-t2c-hl"}},
    {"conv2d-f32-16x9x9-k16r5s1p0", {"direct-m5n1k1-t0p-hl"}},
    {"conv2d-f32-16x6x7-k16r5s1p1", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x3x2-k16r5s1p4",
     {"direct-m6n1k1-t0p-hl", "direct-m4n1k2-t5p-h"}},
    {"conv2d-f32-16x8x7-k16r6s1p3-silu", {"direct-m4n1k1-t2p-hl"}},
    {"conv2d-f32-16x5x9-k16r2s1p1", {"direct-m5n1k1-t0p-hl"}},
    {"conv2d-f32-16x9x11-k16r7s3p3", {"direct-m4n1k1-t0p-hl"}},
    {"conv2d-f32-16x3x3-k16r3s1p0-silu", {"direct-m1n1k1-t0p-hl"}},
    /* Strides, of even and odd sizes. */
    {"conv2d-f32-16x8x8-k32r3s2p1-silu",
     {"direct-m4n2k1-t0p-hl", "direct-m3n1k1-t1c-h"}},
    {"conv2d-f32-16x9x13-k32r3s2p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m7n2k2-t0c-g"}},
    {"conv2d-f32-32x1x1-k16r3s2p1", {"direct-m1n1k1-t0p-hlo"}},
    {"conv2d-f32-16x11x14-k16r3s3p1", {"direct-m5n1k1-t2p-hl"}},
    {"conv2d-f32-16x17x10-k16r3s8p2", {"direct-m2n1k1-t0p-hl"}},
    {"conv2d-f32-32x7x7-k32r1s2p0-silu",
     {"direct-m4n2k4-t0p-h", "direct-m3n1k16-t1c-hl"}},
    {"conv2d-f32-16x3x3-k16r1s4p0", {"direct-m1n1k1-t0p-h"}},
    /* 1x1 runs on the flattened image. */
    {"conv2d-f32-32x7x7-k48r1s1p0-silu",
     {"direct-m8n3k4-t0p-h", "direct-m8n1k1-t2c-hl", "direct-m24n1k16-t1p-h",
      "direct-m25n1k8-t0c-i"}},
    {"conv2d-f32-48x5x5-k64r1s1p0",
     {"direct-m6n4k2-t1c-h", "direct-m5n2k4-t3p-g", "direct-m25n1k1-t0p-h"}},
    {"conv2d-f32-16x1x1-k16r1s1p0-silu", {"direct-m1n1k1-t0p-h"}},
    {"conv2d-f32-16x1x31-k128r1s1p0",
     {"direct-m3n8k1-t2p-h", "direct-m31n1k4-t0c-h"}},
    /* Output channels that end within a vector. */
    {"conv2d-f32-32x5x3-k255r1s1p0",
     {"direct-m3n8k1-t1p-h", "direct-m14n2k4-t0c-h", "direct-m7n4k4-t1c-hl"}},
    {"conv2d-f32-16x5x6-k20r3s1p1-silu",
     {"direct-m6n2k1-t2p-hl", "direct-m4n1k1-t1c-h"}},
    {"conv2d-f32-16x4x6-k1r3s1p1", {"direct-m6n1k1-t0p-hl"}},
    {"conv2d-f32-16x4x6-k33r3s2p1-silu", {"direct-m3n3k1-t1p-hl"}},
    {"conv2d-f32-16x4x6-k20r3s1p1-silu-res", {"direct-m6n2k1-t2p-hl"}},
    {"conv2d-f32-16x4x6-k20r1s1p0-silu-up2", {"direct-m6n2k1-t2p-h"}},
    /* The image, interleaved, three channels. */
    {"conv2d-f32-3x12x14-k16r6s2p2-silu",
     {"direct-m6n1k1-t0p-h", "direct-m4n1k3-t2p-hl"}},
    {"conv2d-f32-3x13x15-k32r6s2p2-silu",
     {"direct-m7n2k1-t2c-h", "direct-m5n1k3-t1p-h"}},
    {"conv2d-f32-3x8x8-k16r6s1p5", {"direct-m8n1k1-t0p-h"}},
    {"conv2d-f32-3x6x6-k16r6s2p0", {"direct-m1n1k3-t0p-h"}},
    {"conv2d-f32-3x5x40-k17r3s1p1-silu",
     {"direct-m14n2k1-t2p-h", "direct-m32n1k3-t0p-hl"}},
    {"conv2d-f32-3x9x7-k16r1s1p0", {"direct-m7n1k3-t4p-h"}},
    {"conv2d-f32-3x6x8-k16r3s1p1-silu-res", {"direct-m4n1k1-t5p-h"}},
    /* Addends. */
    {"conv2d-f32-16x5x7-k32r3s1p1-silu-res",
     {"direct-m7n2k1-t0p-hl", "direct-m5n1k1-t2c-h"}},
    {"conv2d-f32-16x5x7-k32r3s1p1-res", {"direct-m4n2k1-t1c-hl"}},
    {"conv2d-f32-32x5x7-k32r1s1p0-silu-res",
     {"direct-m8n2k4-t1c-h", "direct-m12n1k4-t0p-h"}},
    {"conv2d-f32-32x9x9-k16r3s2p1-silu-res", {"direct-m5n1k1-t2p-hlo"}},
    {"conv2d-f32-32x6x4-k32r1s1p0-silu-up2",
     {"direct-m4n2k4-t0p-h", "direct-m3n1k1-t4c-h", "direct-m1n2k16-t1p-h"}},
    {"conv2d-f32-16x4x10-k32r3s1p1-up2", {"direct-m4n2k1-t3p-hl"}},
    {"conv2d-f32-16x2x2-k16r1s1p0-up2", {"direct-m2n1k1-t0p-h"}},
    {"conv2d-f32-16x8x12-k16r3s2p1-silu-up2", {"direct-m5n1k1-t0p-hl"}},
    /* Several blocks of input channels, in both orders. */
    {"conv2d-f32-48x5x9-k32r3s1p1-silu",
     {"direct-m4n2k1-t2c-hlo", "direct-m4n2k1-t2c-hl", "direct-m9n1k2-t0p-gc",
      "direct-m5n1k16-t1p-h"}},
    {"conv2d-f32-32x6x6-k16r3s2p1",
     {"direct-m3n1k4-t0p-ho", "direct-m2n1k8-t1p-hlo"}},
    {"conv2d-f32-64x2x3-k16r5s1p2", {"direct-m3n1k1-t1p-hlo"}},
    /* The heads, every cell asked for. */
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3",
     {"lazy-m8k4-t0-h", "lazy-m12k1-t2-g", "direct-m7n4k4-t2c-h"}},
    {"conv2d-f32-16x3x3-k21r1s1p0-lazy3", {"lazy-m9k1-t0-h"}},
};

static void edges_on(const struct yt_isa *isa, struct stats *stats)
{
    for (size_t i = 0; i < COUNT(edges); i++) {
        const struct yt_problem p = problem(edges[i].problem);
        struct data d;
        data_open(&d, &p, isa, hash(edges[i].problem));
        for (int j = 0; j < 4 && edges[i].schedules[j]; j++) {
            const struct yt_schedule s = schedule(edges[i].schedules[j]);
            if (!yt_schedule_applies(&p, &s, yt_isa_find("avx512")))
                fail_msg("%s has no use for %s", edges[i].problem,
                         edges[i].schedules[j]);
            if (yt_schedule_applies(&p, &s, isa))
                run_case(&d, &s, stats);
        }
        data_close(&d);
    }
}

static void edges_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(edges_on);
}

/* ------------------------------------------------------------ schedules */

static const char *const sampled[] = {
    "conv2d-f32-32x7x11-k48r3s1p1-silu-res",
    "conv2d-f32-32x7x11-k64r1s1p0-silu",
    "conv2d-f32-16x11x9-k32r3s2p1-silu",
    "conv2d-f32-3x14x22-k32r6s2p2-silu",
    "conv2d-f32-32x6x10-k96r1s1p0-silu-up2",
    "conv2d-f32-32x5x13-k20r5s1p2",
};

/* Anything that applies, within what LLVM compiles quickly. */
static struct yt_schedule sample(const struct yt_problem *p,
                                 const struct yt_isa *isa, uint32_t *seed)
{
    for (;;) {
        const struct yt_schedule s = {
            .algo = YT_ALGO_DIRECT,
            .mr = 1 + (int32_t)(next_random(seed) % 32),
            .nr = 1 + (int32_t)(next_random(seed) % 8),
            .ku = 1 + (int32_t)(next_random(seed) % 16),
            .tiles = (int32_t)(next_random(seed) % 12),
            .order =
                next_random(seed) % 2 ? YT_ORDER_PIXELS : YT_ORDER_CHANNELS,
            .tune = (enum yt_tune_cpu)(next_random(seed) % YT_TUNE_COUNT),
            .launder = (int32_t)(next_random(seed) % 2),
            .ic_outer = (int32_t)(next_random(seed) % 2),
        };
        if (s.mr * s.nr * s.ku * p->u.conv2d.r <= 240 &&
            yt_schedule_applies(p, &s, isa))
            return s;
    }
}

static void samples_on(const struct yt_isa *isa, struct stats *stats)
{
    enum { SAMPLES = 8 };
    for (size_t i = 0; i < COUNT(sampled); i++) {
        const struct yt_problem p = problem(sampled[i]);
        uint32_t seed = hash(sampled[i]);
        struct data d;
        data_open(&d, &p, isa, seed);
        for (int j = 0; j < SAMPLES; j++) {
            const struct yt_schedule s = sample(&p, isa, &seed);
            run_case(&d, &s, stats);
        }
        data_close(&d);
    }
}

static void sampled_schedules_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(samples_on);
}

/* ----------------------------------------------------------------- model */

enum { MODEL_PROBLEMS_MAX = 64, CUT = 40 };

struct problems {
    struct yt_problem items[MODEL_PROBLEMS_MAX];
    int count;
};

static int is_listed(const struct problems *list, const struct yt_problem *p)
{
    char name[YT_PROBLEM_NAME_MAX];
    char other[YT_PROBLEM_NAME_MAX];
    yt_problem_name(p, name);
    for (int i = 0; i < list->count; i++) {
        yt_problem_name(&list->items[i], other);
        if (strcmp(name, other) == 0)
            return 1;
    }
    return 0;
}

/* The convolutions YOLOv5n is lowered to, with and without fusion, their
 * images cut down. */
static void list_model(const struct yt_isa *isa, int fuse,
                       struct problems *list)
{
    struct yt_graph *graph;
    struct yt_net *net;
    const struct yt_net_options options = {.lanes = isa->lanes,
                                           .h = 640,
                                           .w = 640,
                                           .no_fuse_upsample = !fuse,
                                           .no_fuse_twin = !fuse};
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    assert_int_equal(yt_net_lower(graph, &options, &net), YT_OK);
    for (int32_t i = 0; i < net->layer_count; i++) {
        struct yt_problem p = net->layers[i].problem;
        if (p.op != YT_OP_CONV2D)
            continue;
        p.u.conv2d.h = p.u.conv2d.h < CUT ? p.u.conv2d.h : CUT;
        p.u.conv2d.w = p.u.conv2d.w < CUT ? p.u.conv2d.w : CUT;
        if (is_listed(list, &p))
            continue;
        assert_true(list->count < MODEL_PROBLEMS_MAX);
        list->items[list->count++] = p;
    }
    yt_net_destroy(net);
    yt_graph_destroy(graph);
}

/* A tile that fills the registers, a few rows to a task. */
static struct yt_schedule good_schedule(const struct yt_problem *problem_,
                                        const struct yt_isa *isa)
{
    const struct yt_conv2d *p = &problem_->u.conv2d;
    struct yt_schedule s = {
        .algo = p->lazy ? YT_ALGO_LAZY : YT_ALGO_DIRECT,
        .ku = p->r == 1 ? 4 : 1,
        .launder = p->r > 1,
        .order = p->lazy ? YT_ORDER_PIXELS : YT_ORDER_CHANNELS,
    };
    for (s.nr = p->lazy ? 1 : 3; s.nr >= 1; s.nr--) {
        s.mr = (isa->regs - s.nr - 1) / s.nr;
        while (s.mr > 1 && !yt_schedule_applies(problem_, &s, isa))
            s.mr--;
        s.tiles = 5;
        if (yt_schedule_applies(problem_, &s, isa))
            return s;
        s.tiles = 0;
        if (yt_schedule_applies(problem_, &s, isa))
            return s;
    }
    fail_msg("no schedule for %dx%d k%d", p->h, p->w, p->k);
    return s;
}

static void model_on(const struct yt_isa *isa, struct stats *stats)
{
    struct problems list = {.count = 0};
    list_model(isa, 1, &list);
    list_model(isa, 0, &list);
    assert_true(list.count >= 29);
    for (int i = 0; i < list.count; i++) {
        char name[YT_PROBLEM_NAME_MAX];
        yt_problem_name(&list.items[i], name);
        struct data d;
        data_open(&d, &list.items[i], isa, hash(name));
        const struct yt_schedule s = good_schedule(&list.items[i], isa);
        run_case(&d, &s, stats);
        data_close(&d);
    }
}

static void the_models_layers_match_the_reference(void **state)
{
    (void)state;
    for_each_isa(model_on);
}

/* ------------------------------------------------------------------- one */

static const char *const *one; /* problem, schedule, isa */

static void one_matches_the_reference(void **state)
{
    (void)state;
    const struct yt_problem p = problem(one[0]);
    const struct yt_schedule s = schedule(one[1]);
    const struct yt_isa *isa = yt_isa_find(one[2]);
    assert_non_null(isa);
    struct stats stats = {0};
    struct data d;
    data_open(&d, &p, isa, hash(one[0]));
    run_case(&d, &s, &stats);
    data_close(&d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_match_the_reference),
        cmocka_unit_test(sampled_schedules_match_the_reference),
        cmocka_unit_test(the_models_layers_match_the_reference),
    };
    const struct CMUnitTest single[] = {
        cmocka_unit_test(one_matches_the_reference),
    };
    if (argc == 4) {
        one = (const char *const *)argv + 1;
        return cmocka_run_group_tests_name("conv", single, NULL, NULL);
    }
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
