#ifndef YT_TEST_CONV_CASE_H
#define YT_TEST_CONV_CASE_H

/* One convolution in f32: its tensors, what the reference makes of them, and
 * kernels compared with that. */

#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/reference.h"
#include "tests/guarded.h"

/* Error of a sum of products in f32, for each unit of the sum of their
 * magnitudes. The worst seen is about a fifth; a tap too few or too many is at
 * least 1 / (taps * channels), 4e-4 here. */
#define SUM_TOLERANCE 1e-6

/* SiLU's error in ulp is in codegen/silu.c; this is relative, and wide enough
 * for the additions that follow. */
#define VALUE_TOLERANCE 1e-6

/* Largest slope of an activation, which passes on the error of its argument:
 * HardSwish has it. */
#define ACT_SLOPE 1.5

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
    return yt_random_lcg(seed) >> 8;
}

static void fill(float *values, size_t count, uint32_t *seed, float scale)
{
    for (size_t i = 0; i < count; i++)
        values[i] = scale * (2 * yt_random_unit(seed) - 1);
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
    plain.u.conv2d.act = YT_ACT_NONE;
    plain.u.conv2d.slope = 0;
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
    const double slope = d->p->act ? ACT_SLOPE : 1;
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

#endif
