/* compress/prune/sensitivity.h: a network does not drift from itself, and a
 * layer that the heads hardly listen to counts for less. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compress/prune/sensitivity.h"
#include "random_graph.h"

enum { SIDE = 32, PICTURES = 4, CHANNELS = 8 };

static void must(enum yt_status status)
{
    if (status != YT_OK)
        fail_msg("%s", yt_error());
}

/* Two branches of one width; what comes of the second is scaled down before
 * the head reads it. */
struct case_ {
    struct yt_graph *graph;
    int32_t loud, quiet;               /* CONV nodes that make channels */
    int32_t loud_reader, quiet_reader; /* and those that read them */
    float images[PICTURES * 3 * SIDE * SIDE];
    struct yt_channel_groups groups;
    struct yt_moments *m;
    struct yt_drift *drift;
};

static void open_case(struct case_ *x)
{
    struct random_graph r;
    int32_t inputs[2];
    begin_graph(&r, 41);
    x->loud = add_conv(&r, 0, CHANNELS, 3, 2);
    inputs[0] = add_silu(&r, x->loud);
    x->loud_reader = inputs[0] = add_conv(&r, inputs[0], CHANNELS, 3, 1);
    x->quiet = add_conv(&r, 0, CHANNELS, 3, 2);
    inputs[1] = add_silu(&r, x->quiet);
    x->quiet_reader = inputs[1] = add_conv(&r, inputs[1], CHANNELS, 3, 1);
    const int32_t both = add_concat(&r, inputs[0], inputs[1]);
    end_graph(&r, &both, 1, 2, 3);
    x->graph = r.graph;
    const struct yt_node *head = &x->graph->nodes[x->graph->heads[0].node];
    for (int32_t k = 0; k < head->c; k++)
        for (int32_t i = CHANNELS; i < 2 * CHANNELS; i++)
            head->weights[k * 2 * CHANNELS + i] *= 0.01f;
    for (int32_t i = 0; i < PICTURES * 3 * SIDE * SIDE; i++)
        x->images[i] = 0.5f + 0.5f * next_noise(&r);
    must(yt_channel_groups_find(x->graph, &x->groups));
    must(yt_moments_measure(x->graph, SIDE, SIDE, x->images, PICTURES, 1,
                            &x->m));
    must(
        yt_drift_open(x->graph, SIDE, SIDE, x->images, PICTURES, 1, &x->drift));
}

static void close_case(struct case_ *x)
{
    yt_drift_close(x->drift);
    yt_moments_destroy(x->m);
    yt_channel_groups_deinit(&x->groups);
    yt_graph_destroy(x->graph);
    free(x);
}

static struct case_ *make_case(void)
{
    struct case_ *x = calloc(1, sizeof *x);
    assert_non_null(x);
    open_case(x);
    return x;
}

static void test_drift(void **state)
{
    (void)state;
    struct case_ *x = make_case();
    struct yt_graph *other = NULL;
    double drift = -1, more = -1;
    must(yt_drift_measure(x->drift, x->graph, &drift));
    assert_true(drift == 0);
    must(yt_graph_copy(x->graph, &other));
    const struct yt_node *head = &other->nodes[other->heads[0].node];
    head->bias[4] += 0.1f;
    must(yt_drift_measure(x->drift, other, &drift));
    head->bias[4] += 0.1f;
    must(yt_drift_measure(x->drift, other, &more));
    assert_true(drift > 0);
    assert_true(more > 3 * drift && more < 5 * drift); /* squared */
    yt_graph_destroy(other);
    close_case(x);
}

static void test_channels(void **state)
{
    (void)state;
    struct case_ *x = make_case();
    const int32_t loud = x->groups.of_node[x->loud];
    const int32_t quiet = x->groups.of_node[x->quiet];
    const double **losses = calloc((size_t)x->groups.count, sizeof *losses);
    double *out = calloc((size_t)x->groups.count, sizeof *out);
    double of_loud[CHANNELS], of_quiet[CHANNELS];
    assert_non_null(losses);
    assert_non_null(out);
    must(yt_channel_losses(x->graph, &x->groups, loud, x->m, of_loud));
    must(yt_channel_losses(x->graph, &x->groups, quiet, x->m, of_quiet));
    losses[loud] = of_loud;
    losses[quiet] = of_quiet;
    must(
        yt_channel_sensitivities(x->drift, &x->groups, losses, x->m, 0.3, out));
    assert_true(out[quiet] > 0);
    assert_true(out[loud] > 100 * out[quiet]);
    for (int32_t i = 0; i < x->groups.count; i++)
        if (i != loud && i != quiet)
            assert_true(out[i] == 0);
    free(losses);
    free(out);
    close_case(x);
}

static void test_blocks(void **state)
{
    (void)state;
    struct case_ *x = make_case();
    const struct yt_block block = {4, 2};
    double loud, quiet;
    must(yt_block_sensitivity(x->drift, x->loud_reader, &block, x->m, 0.3,
                              &loud));
    must(yt_block_sensitivity(x->drift, x->quiet_reader, &block, x->m, 0.3,
                              &quiet));
    assert_true(quiet > 0);
    assert_true(loud > 100 * quiet);
    close_case(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
