/* Convolutions in groups: depth-wise kernels and direct ones of whole vectors
 * compute what the reference does, which is checked against the same filter
 * with the zeros between groups written out; and networks get them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "each_isa.h"
#include "kernel_case.h"
#include "network_run.h"
#include "random_graph.h"

#include "compress/quant/quantisation.h"
#include "model/filters.h"
#include "model/reference.h"
#include "runtime/reference.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct yt_problem problem(const char *shape, enum yt_dtype dtype)
{
    char name[YT_PROBLEM_NAME_MAX];
    struct yt_problem p;
    snprintf(name, sizeof name, "conv2d-%s-%s", yt_dtype_name(dtype), shape);
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

/* --------------------------------------------------------------- reference */

static void fill(float *values, int32_t count, uint32_t *seed)
{
    for (int32_t i = 0; i < count; i++)
        values[i] = 2 * yt_random_unit(seed) - 1;
}

/* Of a problem in groups the reference is that of the plain one whose filter
 * is zero between them. */
static void groups_are_zeros_between(const char *shape)
{
    struct yt_problem p = problem(shape, YT_DTYPE_F32);
    struct yt_conv2d *v = &p.u.conv2d;
    const int32_t taps = v->r * v->r, groups = v->groups;
    const int32_t outputs = v->k * yt_conv2d_out_h(v) * yt_conv2d_out_w(v);
    float *in = calloc((size_t)(v->c * v->h * v->w), sizeof *in);
    float *small = calloc((size_t)(v->k * v->c / groups * taps), sizeof *small);
    float *whole = calloc((size_t)(v->k * v->c * taps), sizeof *whole);
    float *bias = calloc((size_t)v->k, sizeof *bias);
    double *got = calloc((size_t)outputs, sizeof *got);
    double *want = calloc((size_t)outputs, sizeof *want);
    uint32_t seed = 7;
    assert_true(in && small && whole && bias && got && want);
    fill(in, v->c * v->h * v->w, &seed);
    fill(small, v->k * v->c / groups * taps, &seed);
    fill(bias, v->k, &seed);
    yt_grouped_filter(small, groups, v->k, v->c, taps, whole);
    struct yt_args args = {.in = in, .weights = small, .bias = bias};
    assert_int_equal(yt_reference_values(&p, 4, &args, NULL, got), YT_OK);
    v->groups = 0;
    args.weights = whole;
    assert_int_equal(yt_reference_values(&p, 4, &args, NULL, want), YT_OK);
    for (int32_t i = 0; i < outputs; i++)
        if (!(fabs(got[i] - want[i]) < 1e-9))
            fail_msg("%s: output %d is %g, not %g", shape, i, got[i], want[i]);
    free(in);
    free(small);
    free(whole);
    free(bias);
    free(got);
    free(want);
}

static void the_reference_knows_groups(void **state)
{
    (void)state;
    groups_are_zeros_between("8x5x7-k8r3s1p1-g8");
    groups_are_zeros_between("8x6x5-k8r5s2p2-silu-g8");
    groups_are_zeros_between("8x5x7-k16r3s1p1-g2");
    groups_are_zeros_between("16x4x4-k8r1s1p0-g4");
}

/* ----------------------------------------------------------------- kernels */

/* Rows shorter than a tile, images smaller than the filter, every stride and
 * window that is common, one channel block and several. */
static const char *const depthwise[] = {
    "16x9x7-k16r3s1p1-silu-g16",  "48x5x11-k48r3s2p1-relu-g48",
    "16x12x34-k16r5s1p2-g16",     "32x9x40-k32r5s2p2-silu-g32",
    "16x1x1-k16r3s1p1-g16",       "16x2x3-k16r5s1p2-silu-g16",
    "32x8x10-k32r1s1p0-silu-g32", "16x6x17-k16r3s1p0-res-g16",
    "16x7x9-k16r7s1p3-silu-g16",  "32x7x20-k32r2s2p0-g32",
    "16x8x8-k16r3s1p1-up2-g16",   "16x13x66-k16r4s2p1-hardswish-res-g16",
};

static const char *const grouped[] = {
    "32x9x7-k32r3s1p1-silu-g2",
    "64x5x11-k96r3s2p1-silu-g2",
    "48x6x10-k48r1s1p0-silu-g3",
    "64x8x9-k64r3s1p1-res-g4",
};

static void match(const char *shape, enum yt_algo_id algo,
                  const struct yt_isa *isa, uint32_t seed)
{
    for (int d = 0; d < YT_DTYPE_COUNT; d++) {
        const enum yt_dtype dtype = (enum yt_dtype)d;
        if (!kernel_has_type(isa, dtype))
            continue;
        const struct yt_problem p = problem(shape, dtype);
        struct yt_schedule s;
        yt_schedule_default(&p, isa, &s);
        assert_int_equal(s.algo, algo);
        kernel_compare(&p, &s, isa);
        s = kernel_draw(algo, &p, isa, seed + (uint32_t)d);
        kernel_compare(&p, &s, isa);
    }
}

static void kernels_of(const struct yt_isa *isa)
{
    for (size_t i = 0; i < COUNT(depthwise); i++)
        match(depthwise[i], YT_ALGO_DEPTHWISE, isa, (uint32_t)i);
    for (size_t i = 0; i < COUNT(grouped); i++)
        match(grouped[i], YT_ALGO_DIRECT, isa, (uint32_t)i);
}

static void kernels_match_the_reference(void **state)
{
    (void)state;
    on_each_isa(kernels_of);
}

/* To another type, as first and last layers of lower precision do. */
static void outputs_of_other_types(const struct yt_isa *isa)
{
    static const char *const names[] = {
        "conv2d-u8s8_f32-32x9x21-k32r3s1p1-silu-g32",
        "conv2d-f32_u8s8-32x9x21-k32r3s1p1-silu-g32",
        "conv2d-u8s8_s16-32x9x21-k32r5s2p2-silu-g32",
        "conv2d-s16_f32-32x9x21-k32r5s1p2-g32",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct yt_problem p;
        struct yt_schedule s;
        assert_int_equal(yt_problem_parse(names[i], &p), YT_OK);
        yt_schedule_default(&p, isa, &s);
        kernel_compare(&p, &s, isa);
    }
}

static void types_mix(void **state)
{
    (void)state;
    on_each_isa(outputs_of_other_types);
}

/* ------------------------------------------------------------------- rules */

static void no_other_row_takes_a_depthwise_problem(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_get(YT_ISA_SCALAR);
    const struct yt_problem deep =
        problem("16x8x8-k16r3s1p1-g16", YT_DTYPE_F32);
    const struct yt_problem dense = problem("16x8x8-k16r3s1p1", YT_DTYPE_F32);
    for (int i = 0; i < YT_ALGO_COUNT; i++) {
        const enum yt_algo_id id = (enum yt_algo_id)i;
        struct yt_schedule s = yt_schedule_blank(id);
        s.edge = id == YT_ALGO_WINOGRAD ? 2 : 1;
        if (yt_algo_get(id)->op != YT_OP_CONV2D)
            continue;
        assert_int_equal(yt_schedule_applies(&deep, &s, isa),
                         id == YT_ALGO_DEPTHWISE);
        if (id == YT_ALGO_DEPTHWISE)
            assert_false(yt_schedule_applies(&dense, &s, isa));
    }
}

/* A vector that two groups share is none of direct convolution's. */
static void groups_are_whole_vectors(void **state)
{
    (void)state;
    const struct yt_problem p = problem("32x8x8-k32r3s1p1-g4", YT_DTYPE_F32);
    const struct yt_schedule s = yt_schedule_blank(YT_ALGO_DIRECT);
    assert_true(yt_schedule_applies(&p, &s, yt_isa_find("avx2")));
    assert_false(yt_schedule_applies(&p, &s, yt_isa_find("avx512")));
}

/* ----------------------------------------------------------------- network */

#define SIDE 64

/* The layers of a net whose problem has groups. */
static void count_groups(const struct yt_build *build, int32_t *depthwise_out,
                         int32_t *others_out)
{
    *depthwise_out = *others_out = 0;
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_problem *p = &build->net->layers[i].problem;
        if (p->op != YT_OP_CONV2D || !p->u.conv2d.groups)
            continue;
        if (yt_conv2d_is_depthwise(&p->u.conv2d))
            ++*depthwise_out;
        else
            ++*others_out;
    }
}

/* Depth-wise on whole blocks, on channels that do not fill one, behind a concat
 * with a gap in it (which has no lane for each channel), and groups of 16. */
static struct yt_graph *grouped_graph(void)
{
    struct random_graph r;
    begin_graph(&r, 11);
    int32_t x = add_conv_silu(&r, 0, 32, 6, 2);
    x = add_silu(&r, add_grouped(&r, x, 32, 3, 2, 32));
    x = add_silu(&r, add_grouped(&r, x, 64, 3, 1, 2));
    x = add_conv_silu(&r, x, 20, 1, 1);
    const int32_t y = add_sum(&r, x, add_grouped(&r, x, 20, 5, 1, 20));
    x = add_concat(&r, y, add_conv_silu(&r, y, 12, 1, 1));
    x = add_silu(&r, add_grouped(&r, x, 32, 3, 2, 32));
    end_graph(&r, &x, 1, 1, 2);
    return r.graph;
}

/* Values stay below 40, and a SiLU's are no less than -0.28. */
static struct yt_quantisation *integers_for(const struct yt_graph *graph,
                                            enum yt_dtype dtype)
{
    struct yt_quantisation *q;
    assert_int_equal(yt_quantisation_create(graph, &q), YT_OK);
    yt_quantisation_set_all(q, graph, dtype);
    q->dtypes[1] = YT_DTYPE_F32; /* as first_head() writes the image */
    for (int32_t i = 1; i < graph->node_count; i++) {
        const int is_act = graph->nodes[i].kind == YT_NODE_ACT;
        q->ranges[i] = (struct yt_node_range){
            .lo = is_act ? -0.28f : -40, .hi = 40, .seen_lo = 1, .seen_hi = 0};
    }
    return q;
}

#define HEAD_VALUES (16 * 8 * 8) /* 7 channels fill up to a block */

/* The most that two heads differ, as a share of the largest value. */
static double difference(const float *got, const float *want)
{
    double worst = 0, largest = 0;
    for (int32_t i = 0; i < HEAD_VALUES; i++) {
        largest = fmax(largest, fabs((double)want[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
    }
    assert_true(largest > 0.1);
    return worst / largest;
}

static void networks_run_in_groups(void **state)
{
    (void)state;
    struct yt_graph *graph = grouped_graph();
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    static float head[HEAD_VALUES], image[3 * SIDE * SIDE];
    static float want[HEAD_VALUES], plain[7 * 8 * 8];
    float *levels[YT_LEVELS_MAX] = {plain};
    for (int32_t i = 0; i < SIDE * SIDE; i++)
        for (int32_t c = 0; c < 3; c++)
            image[c * SIDE * SIDE + i] =
                (float)((uint32_t)(3 * i + c) * 2654435761u >> 24) / 255.0f;
    assert_int_equal(yt_graph_run_reference(graph, SIDE, SIDE, image, levels),
                     YT_OK);
    for (int32_t c = 0; c < 7; c++)
        for (int32_t i = 0; i < 64; i++)
            want[(c / isa->lanes * 64 + i) * isa->lanes + c % isa->lanes] =
                plain[c * 64 + i];
    static const struct {
        enum yt_dtype dtype;
        double most;
    } types[] = {
        {YT_DTYPE_F32, 1e-5}, {YT_DTYPE_S16, 0.03}, {YT_DTYPE_U8S8, 0.2}};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct yt_quantisation *q = integers_for(graph, types[i].dtype);
        const struct yt_build_options options = {.isa = isa,
                                                 .h = SIDE,
                                                 .w = SIDE,
                                                 .threads = 2,
                                                 .quantisation = i ? q : NULL};
        struct yt_build *build;
        int32_t depthwise_layers, others;
        assert_int_equal(yt_build_create(graph, &options, &build), YT_OK);
        count_groups(build, &depthwise_layers, &others);
        assert_int_equal(depthwise_layers, 2);
        assert_int_equal(others, 1);
        first_head(build, head,
                   (size_t)(7 + isa->lanes - 1) / isa->lanes * isa->lanes * 64);
        const double off = difference(head, want);
        if (!(off < types[i].most))
            fail_msg("heads differ by %g in %s", off,
                     yt_dtype_name(types[i].dtype));
        yt_build_destroy(build);
        yt_quantisation_destroy(q);
    }
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_knows_groups),
        cmocka_unit_test(kernels_match_the_reference),
        cmocka_unit_test(types_mix),
        cmocka_unit_test(no_other_row_takes_a_depthwise_problem),
        cmocka_unit_test(groups_are_whole_vectors),
        cmocka_unit_test(networks_run_in_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
