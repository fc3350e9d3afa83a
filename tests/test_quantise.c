/* Integers of layers: by hand, against the real numbers they stand for, and
 * within what the arithmetic holds, whatever the weights are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "compress/quant/filter.h"
#include "compress/quant/quantise.h"
#include "compress/quant/steps.h"

#define C    4
#define TAPS 9

enum { IMAGE, CONV1, SILU1, CONV2, SILU2, ADD, CAT, CONV3, NODES };

/* conv 1x1, conv 3x3 with a residual, concat of both, conv 3x3. */
static struct yt_graph *make_graph(void)
{
    static const struct yt_node nodes[] = {
        {.kind = YT_NODE_CONV,
         .name = "c1",
         .inputs = {IMAGE},
         .input_count = 1,
         .c = C,
         .r = 1,
         .stride = 1},
        {.kind = YT_NODE_ACT,
         .act = YT_ACT_SILU,
         .name = "s1",
         .inputs = {CONV1},
         .input_count = 1},
        {.kind = YT_NODE_CONV,
         .name = "c2",
         .inputs = {SILU1},
         .input_count = 1,
         .c = C,
         .r = 3,
         .stride = 1,
         .pad = 1},
        {.kind = YT_NODE_ACT,
         .act = YT_ACT_SILU,
         .name = "s2",
         .inputs = {CONV2},
         .input_count = 1},
        {.kind = YT_NODE_ADD,
         .name = "add",
         .inputs = {SILU1, SILU2},
         .input_count = 2},
        {.kind = YT_NODE_CONCAT,
         .name = "cat",
         .inputs = {SILU1, ADD},
         .input_count = 2},
        {.kind = YT_NODE_CONV,
         .name = "c3",
         .inputs = {CAT},
         .input_count = 1,
         .c = C,
         .r = 3,
         .stride = 1,
         .pad = 1},
    };
    struct yt_graph *graph;
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        int32_t index;
        assert_int_equal(yt_graph_add(graph, &nodes[i], &index), YT_OK);
        if (nodes[i].kind == YT_NODE_CONV)
            assert_int_equal(yt_graph_conv_storage(graph, index), YT_OK);
    }
    assert_int_equal(graph->node_count, NODES);
    return graph;
}

static int32_t *repeat(int32_t node, int32_t count)
{
    int32_t *nodes = malloc((size_t)count * sizeof *nodes);
    for (int32_t i = 0; i < count; i++)
        nodes[i] = node;
    return nodes;
}

static float next(uint32_t *x)
{
    return (float)((double)(yt_random_lcg(x) >> 8) / 8388608.0 - 1);
}

struct fixture {
    struct yt_graph *graph;
    struct yt_quantisation *q;
    struct yt_net *net; /* one layer: conv 2 with its residual, all u8s8 */
    struct yt_layer *layer;
};

static void open_fixture(struct fixture *f, enum yt_dtype dtype)
{
    uint32_t x = 3;
    f->graph = make_graph();
    assert_int_equal(yt_quantisation_create(f->graph, &f->q), YT_OK);
    f->q->ranges[SILU1] = (struct yt_node_range){-0.5f, 2.05f, 1, 0, NULL};
    f->q->ranges[ADD] = (struct yt_node_range){-1, 4.1f, -2, 6, NULL};
    f->net = calloc(1, sizeof *f->net);
    f->net->layers = calloc(1, sizeof *f->net->layers);
    f->net->layer_count = 1;
    f->layer = f->net->layers;
    *f->layer = (struct yt_layer){
        .name = "conv2",
        .problem = {.op = YT_OP_CONV2D,
                    .dtype = dtype,
                    .out = dtype,
                    .u.conv2d = {.c = C,
                                 .h = 8,
                                 .w = 8,
                                 .k = C,
                                 .r = 3,
                                 .stride = 1,
                                 .pad = 1,
                                 .act = YT_ACT_SILU,
                                 .add = YT_ADD_RESIDUAL}},
        .weights = malloc(C * C * TAPS * sizeof(float)),
        .bias = malloc(C * sizeof(float)),
        .in_nodes = repeat(SILU1, C),
        .out_nodes = repeat(ADD, C),
        .add_nodes = repeat(SILU1, C),
        .conv_nodes = repeat(CONV2, C),
    };
    for (int i = 0; i < C * C * TAPS; i++)
        f->layer->weights[i] = next(&x);
    for (int i = 0; i < C; i++)
        f->layer->bias[i] = next(&x);
}

static void close_fixture(struct fixture *f)
{
    yt_net_destroy(f->net);
    yt_quantisation_destroy(f->q);
    yt_graph_destroy(f->graph);
}

static void run(struct fixture *f, int32_t weight_max)
{
    assert_int_equal(yt_quantise(f->net, f->graph, f->q, weight_max), YT_OK);
    assert_non_null(f->layer->integers);
}

static void steps_follow_ranges(void **state)
{
    (void)state;
    struct yt_graph *graph = make_graph();
    struct yt_quantisation *q;
    assert_int_equal(yt_quantisation_create(graph, &q), YT_OK);
    assert_false(yt_quant_observed(q, SILU1));
    assert_true(yt_quant_observed(q, IMAGE));
    assert_true(yt_quant_observed(q, -1));
    struct yt_node_range *r = &q->ranges[SILU1];
    static const struct {
        float lo, hi, step;
        int32_t zero;
    } cases[] = {
        {-0.5f, 2.05f, 0.01f, 50},
        {0, 255, 1, 0},
        {1, 5.1f, 0.02f, 0},
        {-51, -1, 0.2f, 255},
        {0, 0, 1, 0},
        {-1, -1, 1 / 255.0f, 255},
        {-3e38f, 3e38f, 1e18f, 255},
        {0, 1e-38f, 1e-18f, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        *r = (struct yt_node_range){cases[i].lo, cases[i].hi, 1, 0, NULL};
        const struct yt_quant_step s =
            yt_quant_step_of(q, SILU1, YT_DTYPE_U8S8);
        assert_true(fabsf(s.step / cases[i].step - 1) < 1e-5f);
        assert_int_equal(s.zero, cases[i].zero);
    }
    *r = (struct yt_node_range){-1, 4.095f, -1, 8.19f, NULL};
    struct yt_quant_step s = yt_quant_step_of(q, SILU1, YT_DTYPE_S16);
    assert_true(fabsf(s.step / 0.002f - 1) < 1e-5f);
    assert_int_equal(s.zero, 0);
    r->seen_lo = 9; /* unknown */
    s = yt_quant_step_of(q, SILU1, YT_DTYPE_S16);
    assert_true(fabsf(s.step / 0.001f - 1) < 1e-5f);
    for (int type = YT_DTYPE_S16; type <= YT_DTYPE_U8S8; type++) {
        s = yt_quant_step_of(q, IMAGE, (enum yt_dtype)type);
        assert_true(s.step == 1 && s.zero == 0);
    }
    yt_quantisation_destroy(q);
    yt_graph_destroy(graph);
}

static void a_layer_by_hand(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    /* Input steps 0.01 from 50 on; output steps 0.02 from 50 on. */
    memset(f.layer->weights, 0, C * C * TAPS * sizeof(float));
    f.layer->weights[0] = 12.7f;
    f.layer->weights[1] = -6.0f;
    f.layer->weights[2] = 0.04f;
    f.layer->bias[0] = 0.5f;
    f.layer->bias[1] = 0;
    run(&f, 127);
    const struct yt_integers *n = f.layer->integers;
    assert_int_equal(n->weights[0], 127);
    assert_int_equal(n->weights[1], -60);
    assert_int_equal(n->weights[2], 0);
    assert_true(fabsf(n->scale[0] - 0.001f) < 1e-8f);
    assert_int_equal(n->start[0], 500);
    assert_int_equal(n->in_zero[2], 50);
    assert_true(fabsf(n->out_gain[3] - 50) < 1e-4f);
    assert_true(fabsf(n->add_gain[3] - 0.5f) < 1e-6f);
    assert_true(fabsf(n->out_zero[3] - (50 - 25)) < 1e-4f);
    assert_null(n->in_step);
    /* A channel of nothing, and one of nothing but a bias. */
    assert_int_equal(n->start[1], 0);
    assert_true(n->scale[1] > 0);
    assert_true(fabs((double)n->start[2] * (double)n->scale[2] /
                         (double)f.layer->bias[2] -
                     1) < 1e-6);
    close_fixture(&f);
}

/* A pixel inside, as runtime/integers.h computes it, against real numbers. */
static void pixels_are_close(enum yt_dtype dtype, int32_t weight_max,
                             double tolerance)
{
    struct fixture f;
    uint32_t x = 11;
    open_fixture(&f, dtype);
    run(&f, weight_max);
    const struct yt_integers *n = f.layer->integers;
    const struct yt_quant_step in = yt_quant_step_of(f.q, SILU1, dtype);
    const struct yt_quant_step out = yt_quant_step_of(f.q, ADD, dtype);
    double error = 0, signal = 0;
    for (int round = 0; round < 200; round++) {
        double real[C * TAPS];
        int32_t q_in[C * TAPS];
        for (int i = 0; i < C * TAPS; i++) {
            real[i] = 0.775 + 1.275 * (double)next(&x);
            q_in[i] = (int32_t)rint(real[i] / (double)in.step) + in.zero;
        }
        for (int k = 0; k < C; k++) {
            int64_t sum = n->start[k];
            double want = (double)f.layer->bias[k];
            for (int i = 0; i < C * TAPS; i++) {
                sum += n->weights[k * C * TAPS + i] *
                       (q_in[i] - (n->in_zero ? n->in_zero[i / TAPS] : 0));
                want += (double)f.layer->weights[k * C * TAPS + i] * real[i];
            }
            double v = (double)sum * (double)n->scale[k];
            v = v / (1 + exp(-v));
            want = want / (1 + exp(-want)) + real[k];
            const double q =
                rint(v * (double)n->out_gain[k] + (double)n->out_zero[k] +
                     q_in[k] * (double)n->add_gain[k]);
            const double got = (q - out.zero) * (double)out.step;
            error += (got - want) * (got - want);
            signal += want * want;
        }
    }
    if (!(sqrt(error / signal) < tolerance))
        fail_msg("error of %g of the signal", sqrt(error / signal));
    close_fixture(&f);
}

static void values_are_close_to_real_ones(void **state)
{
    (void)state;
    pixels_are_close(YT_DTYPE_U8S8, YT_S8_WEIGHT_MAX, 0.01);
    pixels_are_close(YT_DTYPE_U8S8, YT_S8_WEIGHT_MAX_PAIRS, 0.015);
    pixels_are_close(YT_DTYPE_S16, YT_S8_WEIGHT_MAX, 0.0005);
}

static void check_limits(const struct fixture *f, int32_t weight_max,
                         const char *what)
{
    const struct yt_integers *n = f->layer->integers;
    const int s16 = f->layer->problem.dtype == YT_DTYPE_S16;
    for (int k = 0; k < C; k++) {
        int64_t sum = llabs((int64_t)n->start[k]);
        for (int i = 0; i < C * TAPS; i++) {
            const int32_t w = abs(n->weights[k * C * TAPS + i]);
            assert_true(w <= weight_max);
            sum += (int64_t)w * (s16 ? YT_S16_MAX : 255);
        }
        const double steps =
            (double)sum * (double)n->scale[k] * (double)n->out_gain[k];
        if (!(sum < INT64_C(1) << 31) || !(n->scale[k] > 0) ||
            !isfinite(n->scale[k]) || !(steps < 0x1p31) ||
            !isfinite(n->out_zero[k]) || !isfinite(n->add_gain[k]))
            fail_msg("%s: channel %d: sum %lld scale %g steps %g", what, k,
                     (long long)sum, (double)n->scale[k], steps);
    }
}

static void limits_hold_for_all_weights(void **state)
{
    (void)state;
    static const float extremes[] = {0,    1e4f,  1e-30f, 1e-42f,
                                     1e6f, 3e38f, -3e38f, 1e-10f};
    static const float ranges[][2] = {
        {-0.5f, 2}, {0, 0}, {0, 1e-30f}, {-3e38f, 3e38f}, {-1e-3f, -1e-4f}};
    for (int type = YT_DTYPE_S16; type <= YT_DTYPE_U8S8; type++)
        for (size_t r = 0; r < 25; r++)
            for (size_t e = 0; e < 64; e++) {
                struct fixture f;
                char what[80];
                open_fixture(&f, (enum yt_dtype)type);
                const float *a = ranges[r / 5], *b = ranges[r % 5];
                f.q->ranges[SILU1] =
                    (struct yt_node_range){a[0], a[1], 1, 0, NULL};
                f.q->ranges[ADD] =
                    (struct yt_node_range){b[0], b[1], 1, 0, NULL};
                f.layer->weights[5] = extremes[e / 8];
                f.layer->bias[0] = extremes[e % 8];
                for (int i = 0; i < C * TAPS; i++) {
                    f.layer->weights[C * TAPS + i] = extremes[e / 8];
                    f.layer->weights[2 * C * TAPS + i] *= extremes[e / 8];
                }
                f.layer->bias[1] = extremes[e % 8];
                f.layer->bias[2] *= extremes[e % 8];
                snprintf(what, sizeof what, "type %d ranges %zu values %zu",
                         type, r, e);
                run(&f, 127);
                check_limits(&f, type == YT_DTYPE_S16 ? YT_S16_WEIGHT_MAX : 127,
                             what);
                close_fixture(&f);
            }
}

static void an_outlier_keeps_its_value(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    f.layer->weights[7] = 1e4f;
    run(&f, 127);
    const struct yt_integers *n = f.layer->integers;
    const double got = (double)n->weights[7] * (double)n->scale[0] /
                       (double)yt_quant_step_of(f.q, SILU1, YT_DTYPE_U8S8).step;
    assert_true(fabs(got / 1e4 - 1) < 1e-4);
    close_fixture(&f);
}

/* Of many like weights and a few larger ones these are clipped, since that is
 * nearer on the whole. */
static void clipping_lowers_the_error(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    static float weights[COUNT];
    static int16_t integers[COUNT];
    uint32_t x = 1;
    double errors[2];
    for (int i = 0; i < COUNT; i++)
        weights[i] = next(&x) * next(&x) * next(&x) * next(&x);
    for (int clip = 0; clip < 2; clip++) {
        const struct yt_filter_limits limits = {15, 255, clip};
        float scale = yt_filter_scale(weights, COUNT, 0, &limits);
        int32_t start;
        yt_filter_round(weights, COUNT, 0, &limits, NULL, 0, &scale, integers,
                        &start);
        errors[clip] = 0;
        for (int i = 0; i < COUNT; i++)
            errors[clip] +=
                pow((double)weights[i] - integers[i] * (double)scale, 2);
    }
    assert_true(errors[1] < 0.9 * errors[0]);
}

/* An image that is its own mean everywhere comes out as with real weights. */
static void bias_correction_keeps_means(void **state)
{
    (void)state;
    double errors[2];
    for (int correct = 0; correct < 2; correct++) {
        struct fixture f;
        open_fixture(&f, YT_DTYPE_U8S8);
        f.q->bias_correction = correct;
        float *means = malloc(C * sizeof *means);
        for (int c = 0; c < C; c++)
            means[c] = (float)(20 * c + 100) * 0.01f;
        f.q->ranges[SILU1].means = means;
        run(&f, 63);
        const struct yt_integers *n = f.layer->integers;
        errors[correct] = 0;
        for (int k = 0; k < C; k++) {
            int64_t sum = n->start[k];
            double want = (double)f.layer->bias[k];
            for (int i = 0; i < C * TAPS; i++) {
                sum += n->weights[k * C * TAPS + i] * (20 * (i / TAPS) + 100);
                want += (double)f.layer->weights[k * C * TAPS + i] *
                        (double)means[i / TAPS];
            }
            errors[correct] += fabs((double)sum * (double)n->scale[k] - want);
            if (correct)
                assert_true(fabs((double)sum * (double)n->scale[k] - want) <
                            0.51 * (double)n->scale[k] + 1e-5);
        }
        close_fixture(&f);
    }
    assert_true(errors[1] < errors[0]);
}

/* The half of a concat that a split convolution reads: the channels' means are
 * those of that half. */
static void halves_find_their_means(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    f.q->bias_correction = 1;
    for (int c = 0; c < C; c++) {
        f.layer->in_nodes[c] = ADD;
        f.layer->conv_nodes[c] = CONV3;
    }
    f.layer->filter_first = C;
    f.q->ranges[SILU1].means = calloc(C, sizeof(float));
    float *means = malloc(C * sizeof *means);
    for (int c = 0; c < C; c++)
        means[c] = (float)(20 * c + 20) * 0.02f;
    f.q->ranges[ADD].means = means;
    run(&f, 63);
    const struct yt_integers *n = f.layer->integers;
    for (int k = 0; k < C; k++) {
        double got = (double)n->start[k];
        double want = (double)f.layer->bias[k];
        for (int i = 0; i < C * TAPS; i++) {
            got += n->weights[k * C * TAPS + i] * (20 * (i / TAPS) + 20);
            want += (double)f.layer->weights[k * C * TAPS + i] *
                    (double)means[i / TAPS];
        }
        assert_true(fabs(got * (double)n->scale[k] - want) <
                    0.51 * (double)n->scale[k] + 1e-5);
    }
    close_fixture(&f);
}

static void learned_rounding_is_followed(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    const size_t bytes = yt_quantisation_rounding_bytes(f.q, CONV2);
    assert_int_equal(bytes, C * C * TAPS / 8);
    f.q->rounding[CONV2] = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        f.q->rounding[CONV2][i] = (uint8_t)(37 * i + 5);
    f.q->rounding_weight_max = 127;
    const double step =
        (double)yt_quant_step_of(f.q, SILU1, YT_DTYPE_U8S8).step;
    for (int fits = 0; fits < 2; fits++) {
        run(&f, fits ? 127 : 63);
        const struct yt_integers *n = f.layer->integers;
        for (int i = 0; i < C * C * TAPS; i++) {
            const double exact = (double)f.layer->weights[i] * step /
                                 (double)n->scale[i / (C * TAPS)];
            const int bit = f.q->rounding[CONV2][i / 8] >> (i % 8) & 1;
            const double want = fits ? floor(exact) + bit : rint(exact);
            /* Limits and the last digit of a product aside. */
            if (fabs(exact) < (fits ? 126 : 62) &&
                fabs(exact - rint(exact)) < 0.49 &&
                fabs(exact - rint(exact)) > 1e-3)
                assert_int_equal(n->weights[i], (int)want);
        }
    }
    close_fixture(&f);
}

static void blocks_are_filled_up(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    f.layer->in_nodes[3] = f.layer->out_nodes[3] = f.layer->add_nodes[3] =
        f.layer->conv_nodes[3] = -1;
    memset(f.layer->weights + 3 * C * TAPS, 0, C * TAPS * sizeof(float));
    f.layer->bias[3] = 0;
    run(&f, 127);
    const struct yt_integers *n = f.layer->integers;
    assert_int_equal(n->in_zero[3], 0);
    assert_int_equal(n->start[3], 0);
    assert_true(n->out_zero[3] == 0 && n->out_gain[3] > 0);
    close_fixture(&f);
}

static void conversions_and_edges(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_F32);
    /* Real numbers in, integers out. */
    f.layer->problem.out = YT_DTYPE_U8S8;
    run(&f, 127);
    assert_null(f.layer->integers->weights);
    assert_non_null(f.layer->integers->add_gain);
    /* Integers in, real numbers out. */
    f.layer->problem.dtype = YT_DTYPE_U8S8;
    f.layer->problem.out = YT_DTYPE_F32;
    run(&f, 127);
    assert_non_null(f.layer->integers->weights);
    assert_null(f.layer->integers->out_gain);
    assert_null(f.layer->integers->add_gain);
    /* From one to the other. */
    f.layer->problem = (struct yt_problem){.op = YT_OP_CONVERT,
                                           .dtype = YT_DTYPE_U8S8,
                                           .out = YT_DTYPE_S16,
                                           .u.convert = {C, 8, 8}};
    run(&f, 127);
    const struct yt_integers *n = f.layer->integers;
    assert_int_equal(n->in_zero[1], 50);
    assert_true(fabsf(n->in_step[1] - 0.01f) < 1e-7f);
    assert_true(fabsf(n->out_gain[1] / (4095 / 6.0f) - 1) < 1e-6f);
    assert_true(n->out_zero[1] == 0);
    close_fixture(&f);
}

static void unknown_ranges_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, YT_DTYPE_U8S8);
    f.q->ranges[ADD].lo = 5;
    assert_int_equal(yt_quantise(f.net, f.graph, f.q, 127), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "conv2"));
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_ranges),
        cmocka_unit_test(a_layer_by_hand),
        cmocka_unit_test(values_are_close_to_real_ones),
        cmocka_unit_test(limits_hold_for_all_weights),
        cmocka_unit_test(an_outlier_keeps_its_value),
        cmocka_unit_test(clipping_lowers_the_error),
        cmocka_unit_test(bias_correction_keeps_means),
        cmocka_unit_test(halves_find_their_means),
        cmocka_unit_test(learned_rounding_is_followed),
        cmocka_unit_test(blocks_are_filled_up),
        cmocka_unit_test(conversions_and_edges),
        cmocka_unit_test(unknown_ranges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
