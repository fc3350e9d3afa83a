/* Learned rounding: outputs of inputs like those it saw come nearer to what
 * they were, and integers follow its bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "compress/quant/quantise.h"
#include "compress/quant/rounding.h"
#include "compress/quant/steps.h"

enum { IMAGE, CONV0, SILU0, CONV1, CONV2, NODES };

#define K 24 /* of both convolutions */

struct fixture {
    struct yt_graph *graph;
    struct yt_quantisation *q;
    struct yt_net *net; /* one layer: both convolutions in one */
    struct yt_layer *layer;
    int32_t c, n;
    uint32_t x;
};

static double next(struct fixture *f)
{
    return (double)(yt_random_lcg(&f->x) >> 8) / 8388608.0 - 1;
}

static int32_t *repeat(int32_t node, int32_t count)
{
    int32_t *nodes = malloc((size_t)count * sizeof *nodes);
    for (int32_t i = 0; i < count; i++)
        nodes[i] = node;
    return nodes;
}

static void add_node(struct fixture *f, const struct yt_node *node)
{
    int32_t index;
    assert_int_equal(yt_graph_add(f->graph, node, &index), YT_OK);
    if (node->kind == YT_NODE_CONV)
        assert_int_equal(yt_graph_conv_storage(f->graph, index), YT_OK);
}

static void open_fixture(struct fixture *f, int32_t c, int32_t r)
{
    *f = (struct fixture){.c = c, .n = c * r * r, .x = 7};
    assert_int_equal(yt_graph_create(&f->graph), YT_OK);
    add_node(f, &(struct yt_node){.kind = YT_NODE_CONV,
                                  .name = "c0",
                                  .input_count = 1,
                                  .c = c,
                                  .r = 1,
                                  .stride = 1});
    add_node(f, &(struct yt_node){.kind = YT_NODE_ACT,
                                  .act = YT_ACT_SILU,
                                  .name = "s0",
                                  .inputs = {CONV0},
                                  .input_count = 1});
    for (int i = 0; i < 2; i++)
        add_node(f, &(struct yt_node){.kind = YT_NODE_CONV,
                                      .name = "c",
                                      .inputs = {SILU0},
                                      .input_count = 1,
                                      .c = K / 2,
                                      .r = r,
                                      .stride = 1,
                                      .pad = r / 2});
    assert_int_equal(yt_quantisation_create(f->graph, &f->q), YT_OK);
    f->q->ranges[SILU0] = (struct yt_node_range){-0.27f, 4, 1, 0, NULL};
    f->net = calloc(1, sizeof *f->net);
    f->net->layers = f->layer = calloc(1, sizeof *f->net->layers);
    f->net->layer_count = 1;
    *f->layer = (struct yt_layer){
        .name = "layer",
        .problem = {.op = YT_OP_CONV2D,
                    .dtype = YT_DTYPE_U8S8,
                    .out = YT_DTYPE_F32,
                    .u.conv2d = {.c = c,
                                 .h = 8,
                                 .w = 8,
                                 .k = K,
                                 .r = r,
                                 .stride = 1,
                                 .pad = r / 2}},
        .weights = malloc((size_t)(K * f->n) * sizeof(float)),
        .bias = calloc(K, sizeof(float)),
        .in_nodes = repeat(SILU0, c),
        .out_nodes = repeat(-1, K),
        .conv_nodes = repeat(CONV1, K),
    };
    for (int32_t k = K / 2; k < K; k++)
        f->layer->conv_nodes[k] = CONV2;
    for (int32_t i = 0; i < K * f->n; i++)
        f->layer->weights[i] = (float)(next(f) * next(f));
}

static void close_fixture(struct fixture *f)
{
    yt_net_destroy(f->net);
    yt_quantisation_destroy(f->q);
    yt_graph_destroy(f->graph);
}

/* A patch whose values go together: a few causes, and some noise. */
static void draw(struct fixture *f, float *patch)
{
    double causes[6];
    for (int i = 0; i < 6; i++)
        causes[i] = 40 * next(f);
    for (int32_t i = 0; i < f->n; i++) {
        double v = 30 + 8 * next(f);
        for (int k = 0; k < 6; k++)
            v += causes[k] * sin(0.7 * (k + 1) * i + k);
        patch[i] = (float)fmax(fmin(rint(v), 238), -17);
    }
}

/* The outputs' error of this network's integers on patches never seen, apart
 * from its mean where that is corrected. */
static double output_error(struct fixture *f)
{
    float *patch = malloc((size_t)f->n * sizeof *patch);
    const double step =
        (double)yt_quant_step_of(f->q, SILU0, YT_DTYPE_U8S8).step;
    double sum = 0;
    f->x = 99;
    assert_int_equal(yt_quantise(f->net, f->graph, f->q, 127), YT_OK);
    const struct yt_integers *n = f->layer->integers;
    for (int round = 0; round < 300; round++) {
        draw(f, patch);
        for (int32_t k = 0; k < K; k++) {
            double error = 0;
            for (int32_t i = 0; i < f->n; i++)
                error += ((double)f->layer->weights[k * f->n + i] * step -
                          n->weights[k * f->n + i] * (double)n->scale[k]) *
                         (double)patch[i];
            sum += error * error;
        }
    }
    free(patch);
    return sum;
}

static double learn(struct fixture *f, int patches)
{
    struct yt_rounding r;
    double gain;
    assert_true(yt_rounding_applies(f->layer, f->q));
    assert_int_equal(yt_rounding_init(f->layer, &r), YT_OK);
    for (int i = 0; i < patches; i++)
        draw(f, yt_rounding_patch(&r));
    assert_int_equal(yt_rounding_learn(&r, 127, f->q, &gain), YT_OK);
    assert_int_equal(r.patches, patches);
    yt_rounding_deinit(&r);
    return gain;
}

static void outputs_come_nearer(void **state)
{
    (void)state;
    static const struct {
        int32_t c, r;
    } shapes[] = {{16, 1}, {16, 3}, {144, 3}}; /* the last in two blocks */
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct fixture f;
        open_fixture(&f, shapes[i].c, shapes[i].r);
        const double nearest = output_error(&f);
        const double gain = learn(&f, 501);
        const double learned = output_error(&f);
        if (!(gain < 0.6 && learned < 0.6 * nearest))
            fail_msg("%d channels: %g of the error, %g foreseen", shapes[i].c,
                     learned / nearest, gain);
        assert_int_equal(f.q->rounding_weight_max, 127);
        assert_non_null(f.q->rounding[CONV1]);
        assert_non_null(f.q->rounding[CONV2]);
        close_fixture(&f);
    }
}

/* Without a patch there is nothing to learn: to nearest, and with nothing but
 * zeros likewise. */
static void nothing_seen_is_nearest(void **state)
{
    (void)state;
    struct fixture f;
    struct yt_rounding r;
    open_fixture(&f, 16, 1);
    const double nearest = output_error(&f);
    assert_true(learn(&f, 0) <= 1);
    assert_true(output_error(&f) == nearest);
    assert_int_equal(yt_rounding_init(f.layer, &r), YT_OK);
    for (int i = 0; i < 20; i++)
        memset(yt_rounding_patch(&r), 0, (size_t)f.n * sizeof(float));
    assert_int_equal(yt_rounding_learn(&r, 127, f.q, NULL), YT_OK);
    yt_rounding_deinit(&r);
    assert_true(output_error(&f) == nearest);
    close_fixture(&f);
}

static void it_repeats_bit_for_bit(void **state)
{
    (void)state;
    char hashes[2][17];
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        open_fixture(&f, 16, 3);
        learn(&f, 100);
        yt_quantisation_hash(f.q, hashes[i]);
        close_fixture(&f);
    }
    assert_string_equal(hashes[0], hashes[1]);
}

static void some_layers_are_left_alone(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 16, 1);
    f.layer->in_nodes[15] = -1;
    assert_false(yt_rounding_applies(f.layer, f.q)); /* fills up a block */
    f.layer->in_nodes[15] = SILU0;
    f.layer->problem.u.conv2d.c = 8;
    assert_false(yt_rounding_applies(f.layer, f.q)); /* half a filter */
    f.layer->problem.u.conv2d.c = 16;
    assert_true(yt_rounding_applies(f.layer, f.q));
    f.q->ranges[SILU0].lo = 9;
    assert_false(yt_rounding_applies(f.layer, f.q)); /* not observed */
    close_fixture(&f);
}

/* What was pruned stays zero, whatever would make others' errors good, and
 * whatever bits of an earlier network say. */
static void zeros_stay(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 16, 3);
    for (int32_t i = 0; i < K * f.n; i++)
        if (i % 3)
            f.layer->weights[i] = 0;
    for (int all_up = 0; all_up < 2; all_up++) {
        learn(&f, 100);
        if (all_up)
            memset(f.q->rounding[CONV1], 0xff,
                   yt_quantisation_rounding_bytes(f.q, CONV1));
        assert_int_equal(yt_quantise(f.net, f.graph, f.q, 127), YT_OK);
        int32_t others = 0;
        for (int32_t i = 0; i < K * f.n; i++) {
            if (f.layer->weights[i] == 0)
                assert_int_equal(f.layer->integers->weights[i], 0);
            others += f.layer->integers->weights[i] != 0;
        }
        assert_true(others > K * f.n / 4);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_come_nearer),
        cmocka_unit_test(nothing_seen_is_nearest),
        cmocka_unit_test(it_repeats_bit_for_bit),
        cmocka_unit_test(some_layers_are_left_alone),
        cmocka_unit_test(zeros_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
