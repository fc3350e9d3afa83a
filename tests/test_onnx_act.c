/* Activations in ONNX, as opsets have them and as exporters spell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/graph.h"
#include "model/onnx_build.h"
#include "tests/assert_ok.h"

enum { SIDE = 8, CHANNELS = 6 };

struct maker {
    struct yt_onnx_build build;
    float weights[CHANNELS * CHANNELS], numbers[8];
    int count; /* of numbers */
};

static const char *number(struct maker *m, float value)
{
    float *at = &m->numbers[m->count++];
    *at = value;
    return yt_onnx_build_floats(&m->build, "number", NULL, 0, at);
}

static const char *node(struct maker *m, const char *op, const char *a,
                        const char *b)
{
    return yt_onnx_build_node(&m->build, op, op, (const char *[]){a, b},
                              b ? 2 : 1);
}

static const char *clip(struct maker *m, const char *x, float low, float high)
{
    const char *inputs[] = {x, number(m, low), number(m, high)};
    return yt_onnx_build_node(&m->build, "Clip", "Clip", inputs, 3);
}

static const char *hard_sigmoid(struct maker *m, const char *x, float alpha)
{
    const char *y = node(m, "HardSigmoid", x, NULL);
    yt_onnx_build_float(&m->build, "alpha", alpha);
    return y;
}

static const char *leaky(struct maker *m, const char *x, float alpha)
{
    const char *y = node(m, "LeakyRelu", x, NULL);
    yt_onnx_build_float(&m->build, "alpha", alpha);
    return y;
}

/* ------------------------------------------------------------- spellings */

static const char *relu(struct maker *m, const char *x)
{
    return node(m, "Relu", x, NULL);
}

static const char *leaky_tenth(struct maker *m, const char *x)
{
    return leaky(m, x, 0.1f);
}

static const char *leaky_default(struct maker *m, const char *x)
{
    return node(m, "LeakyRelu", x, NULL);
}

static const char *prelu(struct maker *m, const char *x, const float *slopes,
                         int64_t count)
{
    const int64_t dims[] = {count, 1, 1};
    return node(m, "PRelu", x,
                yt_onnx_build_floats(&m->build, "slopes", dims, 3, slopes));
}

static const char *prelu_of_one(struct maker *m, const char *x)
{
    static const float slope = 0.25f;
    return prelu(m, x, &slope, 1);
}

static const char *prelu_of_equals(struct maker *m, const char *x)
{
    static const float slopes[] = {0.125f, 0.125f, 0.125f,
                                   0.125f, 0.125f, 0.125f};
    return prelu(m, x, slopes, CHANNELS);
}

static const char *relu6(struct maker *m, const char *x)
{
    return clip(m, x, 0, 6);
}

static const char *hard_swish(struct maker *m, const char *x)
{
    return node(m, "HardSwish", x, NULL);
}

static const char *hard_swish_as_product(struct maker *m, const char *x)
{
    return node(m, "Mul", hard_sigmoid(m, x, 1.0f / 6), x);
}

/* x * clip(x + 3, 0, 6) / 6, as YOLOv5's own class does it. */
static const char *hard_swish_by_hand(struct maker *m, const char *x)
{
    const char *sum = node(m, "Add", x, number(m, 3));
    const char *product = node(m, "Mul", x, clip(m, sum, 0, 6));
    return node(m, "Div", product, number(m, 6));
}

static const char *gate_by_hand(struct maker *m, const char *x)
{
    const char *sum = node(m, "Add", x, number(m, 3));
    return node(m, "Div", clip(m, sum, 0, 6), number(m, 6));
}

static const char *mish(struct maker *m, const char *x)
{
    return node(m, "Mish", x, NULL);
}

static const char *mish_by_hand(struct maker *m, const char *x)
{
    const char *soft = node(m, "Softplus", x, NULL);
    return node(m, "Mul", x, node(m, "Tanh", soft, NULL));
}

static const char *sigmoid(struct maker *m, const char *x)
{
    return node(m, "Sigmoid", x, NULL);
}

static const char *silu(struct maker *m, const char *x)
{
    return node(m, "Mul", x, node(m, "Sigmoid", x, NULL));
}

static const char *one_sixth(struct maker *m, const char *x)
{
    return hard_sigmoid(m, x, 1.0f / 6);
}

static const struct {
    const char *(*put)(struct maker *m, const char *x);
    enum yt_act act;
    int32_t slope;
} good[] = {
    {relu, YT_ACT_RELU, 0},
    {leaky_tenth, YT_ACT_LEAKY, 100000},
    {leaky_default, YT_ACT_LEAKY, 10000},
    {prelu_of_one, YT_ACT_LEAKY, 250000},
    {prelu_of_equals, YT_ACT_LEAKY, 125000},
    {relu6, YT_ACT_RELU6, 0},
    {hard_swish, YT_ACT_HARDSWISH, 0},
    {hard_swish_as_product, YT_ACT_HARDSWISH, 0},
    {hard_swish_by_hand, YT_ACT_HARDSWISH, 0},
    {gate_by_hand, YT_ACT_HARDSIGMOID, 0},
    {one_sixth, YT_ACT_HARDSIGMOID, 0},
    {mish, YT_ACT_MISH, 0},
    {mish_by_hand, YT_ACT_MISH, 0},
    {sigmoid, YT_ACT_SIGMOID, 0},
    {silu, YT_ACT_SILU, 0},
};

/* Near misses: each must not pass as what it looks like. */
static const char *clip_to_five(struct maker *m, const char *x)
{
    return clip(m, x, 0, 5);
}

static const char *leaky_beyond_one(struct maker *m, const char *x)
{
    return leaky(m, x, 1.25f);
}

static const char *prelu_of_two(struct maker *m, const char *x)
{
    static const float slopes[] = {0.25f, 0.25f, 0.25f, 0.25f, 0.5f, 0.25f};
    return prelu(m, x, slopes, CHANNELS);
}

static const char *prelu_below_zero(struct maker *m, const char *x)
{
    static const float slope = -0.25f;
    return prelu(m, x, &slope, 1);
}

static const char *hard_sigmoid_of_onnx(struct maker *m, const char *x)
{
    return node(m, "HardSigmoid", x, NULL);
}

static const char *wrong_offset(struct maker *m, const char *x)
{
    const char *sum = node(m, "Add", x, number(m, 2.5f));
    const char *product = node(m, "Mul", x, clip(m, sum, 0, 6));
    return node(m, "Div", product, number(m, 6));
}

/* The gate of one channel is another than that of the others. */
static const char *one_channel_differs(struct maker *m, const char *x)
{
    static const float factors[] = {1, 1, 1, 1, 0.5f, 1};
    const char *by = yt_onnx_build_floats(
        &m->build, "factors", (const int64_t[]){CHANNELS, 1, 1}, 3, factors);
    return node(m, "Mul", silu(m, x), by);
}

static const struct {
    const char *(*put)(struct maker *m, const char *x);
    const char *says;
} bad[] = {
    {clip_to_five, "Clip"},
    {leaky_beyond_one, "LeakyRelu"},
    {prelu_of_two, "'PRelu' (PRelu) has slopes of 0.25 and 0.5"},
    {prelu_below_zero, "PRelu"},
    {hard_sigmoid_of_onnx, "alpha 0.2"},
    {wrong_offset, "Div"},
    {one_channel_differs, "Mul"},
};

/* ------------------------------------------------------------------ files */

static const char *conv(struct maker *m, const char *x, int64_t c)
{
    const int64_t dims[] = {CHANNELS, c, 1, 1};
    const char *w = yt_onnx_build_floats(&m->build, "w", dims, 4, m->weights);
    return node(m, "Conv", x, w);
}

/* A convolution, the activation, a raw head of one anchor and one class. */
static enum yt_status import(const char *(*put)(struct maker *, const char *),
                             struct yt_graph **graph_out)
{
    struct maker m = {.count = 0};
    unsigned char *bytes = NULL;
    size_t size = 0;
    for (int i = 0; i < CHANNELS * CHANNELS; i++)
        m.weights[i] = (float)(i % 7 - 3) / 4;
    yt_onnx_build_begin(&m.build, 17, 16, 16);
    yt_onnx_build_input(&m.build, "images", (const int64_t[]){1, 3, SIDE, SIDE},
                        4);
    conv(&m, put(&m, conv(&m, "images", 3)), CHANNELS);
    yt_onnx_build_rename(&m.build, "output0");
    yt_onnx_build_result(&m.build, "output0",
                         (const int64_t[]){1, CHANNELS, SIDE, SIDE}, 4);
    yt_onnx_build_metadata(&m.build, "anchors", "[[10, 13]]");
    assert_ok(yt_onnx_build_pack(&m.build, &bytes, &size));
    yt_onnx_build_end(&m.build);
    const enum yt_status status = yt_import_onnx(bytes, size, graph_out);
    free(bytes);
    return status;
}

static void spellings_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_ok(import(good[i].put, &graph));
        assert_int_equal(graph->node_count, 4);
        const struct yt_node *act = &graph->nodes[2];
        assert_int_equal(act->kind, YT_NODE_ACT);
        if (act->act != good[i].act || act->slope != good[i].slope)
            fail_msg("row %zu is read as %s by %d", i,
                     yt_act_row(act->act)->name, act->slope);
        yt_graph_destroy(graph);
    }
}

static void near_misses_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_int_equal(import(bad[i].put, &graph), YT_UNSUPPORTED);
        if (!strstr(yt_error(), bad[i].says))
            fail_msg("\"%s\" does not say \"%s\"", yt_error(), bad[i].says);
        assert_null(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_are_read),
        cmocka_unit_test(near_misses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
