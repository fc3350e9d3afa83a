/* compress/ratio/space.h: blocks of filters in groups stay, whatever goes of
 * the others, also where blocks went before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "compress/ratio/space.h"
#include "model/filters.h"
#include "random_graph.h"

enum { SIDE = 32, PICTURES = 2, C = 32 };

struct network {
    struct yt_graph *graph;
    int32_t dense, deep;
};

/* A 1x1 convolution, then a depth-wise one. */
static struct network make_network(void)
{
    struct random_graph r;
    struct network n;
    begin_graph(&r, 3);
    const int32_t stem = add_conv_silu(&r, 0, C, 3, 2);
    n.dense = add_conv(&r, stem, C, 1, 1);
    n.deep = add_conv(&r, add_silu(&r, n.dense), C, 3, 1);
    const int32_t last = add_silu(&r, n.deep);
    float *weights = r.graph->nodes[n.deep].weights;
    for (int32_t i = 0; i < C * C * 9; i++)
        if (i / (C * 9) != i / 9 % C)
            weights[i] = 0;
    end_graph(&r, &last, 1, 1, 2);
    n.graph = r.graph;
    return n;
}

/* Take away the most that may go, and refit.
 * @return the thinner graph. */
static struct yt_graph *thin(const struct yt_ratio_setting *setting,
                             const struct yt_graph *graph, int32_t dense)
{
    static float images[PICTURES * 3 * SIDE * SIDE];
    struct random_graph r = {.state = 5};
    struct yt_moments *m = NULL;
    struct yt_ratio_space space;
    struct yt_graph *out = NULL;
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
        images[i] = 0.5f + 0.5f * next_noise(&r);
    assert_ok(yt_moments_measure(graph, SIDE, SIDE, images, PICTURES, 1, &m));
    assert_ok(yt_ratio_space_init(YT_RATIO_BLOCKS, setting, graph, m, &space));
    assert_int_equal(space.table.group_count, 1);
    assert_int_equal(space.nodes[0], dense);
    const int32_t choice = space.table.groups[0].choices / 2;
    assert_true(choice > 0);
    assert_ok(yt_ratio_space_apply(&space, &choice, 1, &out));
    yt_ratio_space_deinit(&space);
    yt_moments_destroy(m);
    return out;
}

static void groups_stay(void **state)
{
    (void)state;
    const struct network n = make_network();
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    struct yt_site *site = NULL;
    assert_ok(yt_site_open(&alone, &site));
    const struct yt_ratio_setting setting = {
        .site = site,
        .whole = n.graph,
        .h = SIDE,
        .w = SIDE,
        .threads = 1,
        .dtype = YT_DTYPE_F32,
    };
    struct yt_graph *half = thin(&setting, n.graph, n.dense);
    /* It reads so few channels that it could be one in groups. */
    assert_true(yt_filter_is_grouped(half, n.dense));
    struct yt_graph *less = thin(&setting, half, n.dense);
    const size_t bytes =
        (size_t)yt_filter_size(n.graph, n.deep) * sizeof(float);
    assert_memory_equal(less->nodes[n.deep].weights,
                        n.graph->nodes[n.deep].weights, bytes);
    yt_graph_destroy(less);
    yt_graph_destroy(half);
    yt_graph_destroy(n.graph);
    yt_site_close(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(groups_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
