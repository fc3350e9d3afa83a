/* The heads' lazy convolution against the dense one: objectness everywhere, and
 * all channels of the cells where an anchor passes, bit for bit; nothing
 * outside the output. That every cell is right at a threshold of -infinity is
 * tested by test_conv.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "each_isa.h"
#include "base/random.h"
#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "tests/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *problem, *schedule;
    float passing; /* share of cells to be over the threshold */
} cases[] = {
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3", "lazy-m8k4-t0-h", 0.1f},
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3", "lazy-m12k1-t2-h", 0.5f},
    {"conv2d-f32-32x5x7-k255r1s1p0-lazy3", "lazy-m28k2-t1-g", 0},
    {"conv2d-f32-16x8x4-k18r1s1p0-lazy3", "lazy-m32k4-t0-h", 0.3f},
    {"conv2d-f32-16x3x3-k21r1s1p0-lazy3", "lazy-m2k1-t1-i", 0.9f},
    {"conv2d-f32-48x3x11-k85r1s1p0-lazy1", "lazy-m5k4-t3-h", 0.2f},
    {"conv2d-f32-16x6x6-k600r1s1p0-lazy4", "lazy-m7k1-t0-h", 0.2f},
    {"conv2d-f32-16x4x5-k96r1s1p0-lazy16", "lazy-m7k1-t0-h", 0.2f},
};

struct layer {
    const struct yt_isa *isa;
    struct yt_jit *jit;
    struct yt_problem problem;
    struct guarded in, bias, dense, lazy;
    float *filter;
    int32_t cells;
};

static uint32_t seed;

static float noise(void)
{
    return 2 * yt_random_unit(&seed) - 1;
}

static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = noise();
}

static void layer_open(struct layer *l, const struct yt_isa *isa,
                       const char *name)
{
    memset(l, 0, sizeof *l);
    l->isa = isa;
    assert_int_equal(yt_problem_parse(name, &l->problem), YT_OK);
    assert_int_equal(yt_jit_create(&l->jit), YT_OK);
    const struct yt_conv2d *p = &l->problem.u.conv2d;
    const size_t align = 4 * (size_t)isa->lanes;
    const size_t k =
        (size_t)((p->k + isa->lanes - 1) / isa->lanes) * (size_t)isa->lanes;
    l->cells = p->h * p->w;
    const size_t in = (size_t)p->c * (size_t)l->cells;
    fill(guarded_open(&l->in, 4 * in, align), in);
    float *bias = guarded_open(&l->bias, 4 * k, 64);
    memset(bias, 0, 4 * k);
    fill(bias, (size_t)p->k);
    guarded_open(&l->dense, 4 * k * (size_t)l->cells, align);
    guarded_open(&l->lazy, 4 * k * (size_t)l->cells, align);
    l->filter = malloc(4 * (size_t)p->k * (size_t)p->c);
    assert_non_null(l->filter);
    fill(l->filter, (size_t)p->k * (size_t)p->c);
}

static void layer_close(struct layer *l)
{
    guarded_close(&l->in);
    guarded_close(&l->bias);
    guarded_close(&l->dense);
    guarded_close(&l->lazy);
    free(l->filter);
    yt_jit_destroy(l->jit);
}

/* Tasks in two shares, the second first. */
static void layer_run(struct layer *l, const struct yt_schedule *s,
                      float threshold, void *out)
{
    struct yt_object object;
    yt_kernel_fn kernel = NULL;
    struct guarded weights;
    assert_int_equal(yt_codegen_compile(&l->problem, s, l->isa, &object),
                     YT_OK);
    assert_int_equal(yt_jit_add(l->jit, &object, &kernel), YT_OK);
    yt_object_deinit(&object);
    guarded_open(&weights, yt_pack_weight_bytes(&l->problem, s, l->isa), 64);
    yt_pack_weights(&l->problem, s, l->isa,
                    &(const struct yt_weights){.weights = l->filter},
                    weights.data);
    const struct yt_args args = {
        .in = l->in.data,
        .out = out,
        .weights = weights.data,
        .bias = (const float *)l->bias.data,
        .threshold = threshold,
    };
    const int64_t tasks = yt_schedule_tasks(&l->problem, s, l->isa);
    kernel(&args, tasks / 3, tasks);
    kernel(&args, 0, tasks / 3);
    guarded_close(&weights);
}

static float at(const struct layer *l, const struct guarded *tensor, int32_t k,
                int32_t cell)
{
    const int32_t lanes = l->isa->lanes;
    return ((const float *)tensor
                ->data)[(k / lanes * l->cells + cell) * lanes + k % lanes];
}

/* The largest objectness of a cell's anchors. */
static float top(const struct layer *l, const struct guarded *tensor,
                 int32_t cell)
{
    const struct yt_conv2d *p = &l->problem.u.conv2d;
    float largest = -INFINITY;
    for (int32_t a = 0; a < p->lazy; a++)
        largest = fmaxf(largest, at(l, tensor, a * (p->k / p->lazy) + 4, cell));
    return largest;
}

static int descending(const void *a, const void *b)
{
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x < y) - (x > y);
}

/* A threshold that this share of the cells exceeds: one of their values, so
 * that equality is there too. */
static float choose_threshold(const struct layer *l, float passing)
{
    float *tops = malloc((size_t)l->cells * sizeof *tops);
    assert_non_null(tops);
    for (int32_t i = 0; i < l->cells; i++)
        tops[i] = top(l, &l->dense, i);
    qsort(tops, (size_t)l->cells, sizeof *tops, descending);
    const float threshold = tops[(int32_t)(passing * (float)l->cells)];
    free(tops);
    return threshold;
}

static uint32_t bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static void check(const struct layer *l, const char *schedule, float threshold)
{
    const struct yt_conv2d *p = &l->problem.u.conv2d;
    int32_t passed = 0;
    for (int32_t cell = 0; cell < l->cells; cell++) {
        const int passes = top(l, &l->dense, cell) > threshold;
        passed += passes;
        for (int32_t k = 0; k < p->k; k++) {
            const int is_object = k % (p->k / p->lazy) == 4;
            if ((passes || is_object) && bits(at(l, &l->lazy, k, cell)) !=
                                             bits(at(l, &l->dense, k, cell)))
                fail_msg("%s on %s: cell %d, channel %d is %g, not %g",
                         schedule, l->isa->name, cell, k,
                         (double)at(l, &l->lazy, k, cell),
                         (double)at(l, &l->dense, k, cell));
            /* Left as it was: the point of it all. */
            if (!passes && !is_object)
                assert_true(isnan(at(l, &l->lazy, k, cell)));
        }
    }
    assert_true(passed < l->cells);
}

static void lazy_equals_dense_on(const struct yt_isa *isa)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct yt_schedule lazy, dense;
        struct layer l;
        seed = (uint32_t)i;
        layer_open(&l, isa, cases[i].problem);
        assert_int_equal(
            yt_schedule_parse(YT_OP_CONV2D, cases[i].schedule, &lazy), YT_OK);
        assert_true(
            yt_schedule_applies(&l.problem, &lazy, yt_isa_find("avx512")));
        yt_schedule_default(&l.problem, isa, &dense);
        if (yt_schedule_applies(&l.problem, &lazy, isa)) {
            layer_run(&l, &dense, 0, l.dense.data);
            const float threshold = choose_threshold(&l, cases[i].passing);
            layer_run(&l, &lazy, threshold, l.lazy.data);
            check(&l, cases[i].schedule, threshold);
        }
        layer_close(&l);
    }
}

static void lazy_equals_dense_where_it_matters(void **state)
{
    (void)state;
    on_each_isa(lazy_equals_dense_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lazy_equals_dense_where_it_matters),
    };
    return cmocka_run_group_tests_name("conv_lazy", tests, NULL, NULL);
}
