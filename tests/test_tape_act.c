/* Activations on the tape: values and slopes are those of runtime/act.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/assert_ok.h"
#include "tests/random_graph.h"
#include "train/net/tape.h"

/* Not whole blocks of channels: sigmoid(0) is not 0. */
enum { SIDE = 4, CHANNELS = 5, PIXELS = SIDE * SIDE };
#define SLOPE     (YT_SLOPE_ONE / 5)
#define STEP      1e-5
#define TOLERANCE 1e-5

static int32_t slope_of(enum yt_act act)
{
    return act == YT_ACT_LEAKY ? SLOPE : 0;
}

/* A convolution, the activation, a head. */
static struct yt_graph *graph_of(enum yt_act act, int32_t *conv_out,
                                 int32_t *act_out)
{
    struct random_graph r;
    begin_graph(&r, 9 + (uint64_t)act);
    *conv_out = add_conv(&r, 0, CHANNELS, 1, 1);
    for (int32_t i = 0; i < 3 * CHANNELS; i++)
        r.graph->nodes[*conv_out].weights[i] *= 6; /* past all bends */
    *act_out = add_act(&r, act, slope_of(act), *conv_out);
    end_graph(&r, act_out, 1, 1, 1);
    return r.graph;
}

static double rise(enum yt_act act, double x)
{
    return (yt_act_value(act, slope_of(act), x + STEP) -
            yt_act_value(act, slope_of(act), x - STEP)) /
           (2 * STEP);
}

/* With seeds of 1 behind the activation, the bias' gradient is the sum of its
 * slopes. */
static void check(enum yt_act act)
{
    int32_t conv, node;
    struct yt_graph *graph = graph_of(act, &conv, &node);
    struct yt_tape *tape = NULL;
    struct random_graph noise = {.state = 3};
    const struct yt_tape_options options = {
        .batch = 1, .h = SIDE, .w = SIDE, .threads = 1};
    float image[3 * PIXELS], x[CHANNELS * PIXELS], y[CHANNELS * PIXELS];
    for (int i = 0; i < 3 * PIXELS; i++)
        image[i] = next_noise(&noise);
    assert_ok(yt_tape_create(graph, &options, &tape));
    assert_ok(yt_tape_forward(tape, image));
    assert_ok(yt_tape_read(tape, conv, x));
    assert_ok(yt_tape_read(tape, node, y));
    double sums[CHANNELS] = {0};
    for (int i = 0; i < CHANNELS * PIXELS; i++) {
        const double want = yt_act_value(act, slope_of(act), (double)x[i]);
        if (!(fabs((double)y[i] - want) <= TOLERANCE * fmax(1, fabs(want))))
            fail_msg("%s(%g) is %g", yt_act_row(act)->name, (double)x[i],
                     (double)y[i]);
        sums[i / PIXELS] += rise(act, (double)x[i]);
        y[i] = 1;
    }
    assert_ok(yt_tape_seed(tape, node, y));
    assert_ok(yt_tape_backward(tape));
    for (int c = 0; c < CHANNELS; c++) {
        const double got = (double)yt_tape_bias_gradient(tape, conv)[c];
        if (!(fabs(got - sums[c]) <= PIXELS * TOLERANCE))
            fail_msg("%s: slopes sum up to %g, not %g", yt_act_row(act)->name,
                     got, sums[c]);
    }
    yt_tape_destroy(tape);
    yt_graph_destroy(graph);
}

static void slopes_come_back(void **state)
{
    (void)state;
    for (int32_t act = YT_ACT_NONE + 1; act < YT_ACT_COUNT; act++)
        if (act != YT_ACT_HARDSIGMOID)
            check((enum yt_act)act);
}

static void what_cannot_be_trained_is_named(void **state)
{
    (void)state;
    int32_t conv, node;
    struct yt_tape *tape = NULL;
    const struct yt_tape_options options = {
        .batch = 1, .h = SIDE, .w = SIDE, .threads = 1};
    struct yt_graph *graph = graph_of(YT_ACT_HARDSIGMOID, &conv, &node);
    assert_int_equal(yt_tape_create(graph, &options, &tape), YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "hardsigmoid cannot be trained"));
    assert_null(tape);
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_come_back),
        cmocka_unit_test(what_cannot_be_trained_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
