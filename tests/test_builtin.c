/* The built-in networks are the official ones in all but their weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "model/reference.h"
#include "model/graph.h"
#include "model/net.h"

static uint64_t count_parameters(const struct yt_graph *graph)
{
    uint64_t total = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind == YT_NODE_CONV)
            total += (uint64_t)node->c *
                     (1 + (uint64_t)graph->nodes[node->inputs[0]].c *
                              (uint64_t)node->r * (uint64_t)node->r);
    }
    return total;
}

static int32_t count_convs(const struct yt_graph *graph)
{
    int32_t convs = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        convs += graph->nodes[i].kind == YT_NODE_CONV;
    return convs;
}

/* Folded parameters of the official files: published counts less the BN
 * layers' second vector. n and s are what `model.fuse()` leaves. */
static const struct {
    const char *size;
    uint64_t parameters;
    int32_t convs;
} sizes[] = {
    {"n", 1867405, 60},   {"s", 7225885, 60},   {"m", 21172173, 82},
    {"l", 46533693, 104}, {"x", 86705005, 126},
};

static void sizes_have_their_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_int_equal(yt_graph_builtin(sizes[i].size, 1, &graph), YT_OK);
        assert_int_equal(count_parameters(graph), sizes[i].parameters);
        assert_int_equal(count_convs(graph), sizes[i].convs);
        assert_int_equal(yt_graph_check(graph), YT_OK);
        yt_graph_destroy(graph);
    }
}

static void heads_are_coco(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    assert_int_equal(graph->head_count, 3);
    assert_int_equal(graph->na, 3);
    assert_int_equal(graph->nc, 80);
    assert_int_equal(graph->h, 640);
    assert_int_equal(graph->w, 640);
    assert_string_equal(graph->classes[0], "person");
    assert_string_equal(graph->classes[79], "toothbrush");
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(graph->heads[i].stride, 8 << i);
        assert_int_equal(graph->nodes[graph->heads[i].node].c, 255);
    }
    assert_true(graph->heads[0].anchors[0][0] == 10);
    assert_true(graph->heads[2].anchors[2][1] == 326);
    assert_int_equal(yt_graph_max_stride(graph), 32);
    assert_string_equal(graph->name, "yolov5n");
    assert_string_equal(graph->format, "built-in");
    assert_int_equal(strlen(graph->hash), 32);
    yt_graph_destroy(graph);
}

static int same_weights(const struct yt_graph *a, const struct yt_graph *b)
{
    for (int32_t i = 0; i < a->node_count; i++) {
        const struct yt_node *node = &a->nodes[i];
        if (node->kind != YT_NODE_CONV)
            continue;
        const size_t elems = (size_t)node->c * (size_t)node->r *
                             (size_t)node->r *
                             (size_t)a->nodes[node->inputs[0]].c;
        if (memcmp(node->weights, b->nodes[i].weights,
                   elems * sizeof *node->weights) != 0)
            return 0;
    }
    return 1;
}

static void seed_decides_the_weights(void **state)
{
    (void)state;
    struct yt_graph *a = NULL, *b = NULL, *c = NULL;
    assert_int_equal(yt_graph_builtin("n", 1, &a), YT_OK);
    assert_int_equal(yt_graph_builtin("n", 1, &b), YT_OK);
    assert_int_equal(yt_graph_builtin("n", 2, &c), YT_OK);
    assert_true(same_weights(a, b));
    assert_false(same_weights(a, c));
    assert_string_equal(a->hash, b->hash);
    assert_string_not_equal(a->hash, c->hash);
    yt_graph_destroy(a);
    yt_graph_destroy(b);
    yt_graph_destroy(c);
}

/* The values' scale after the deepest path: neither gone nor run away. */
static void values_stay_sane(void **state)
{
    (void)state;
    enum { SIDE = 64, CHANNELS = 255 };
    static float image[3 * SIDE * SIDE];
    static float heads[3][CHANNELS * (SIDE / 8) * (SIDE / 8)];
    float *const outputs[] = {heads[0], heads[1], heads[2]};
    struct yt_graph *graph = NULL;
    for (int32_t i = 0; i < 3 * SIDE * SIDE; i++)
        image[i] = (float)(i * 7919 % 256) / 255.0f;
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    assert_int_equal(yt_graph_run_reference(graph, SIDE, SIDE, image, outputs),
                     YT_OK);
    for (int32_t level = 0; level < 3; level++) {
        const int32_t cells = (SIDE / (8 << level)) * (SIDE / (8 << level));
        double squares = 0;
        int32_t count = 0;
        /* Box channels only: the others' biases are chosen, not random. */
        for (int32_t c = 0; c < CHANNELS; c++)
            for (int32_t i = 0; i < cells && c % 85 < 4; i++, count++)
                squares += (double)heads[level][c * cells + i] *
                           (double)heads[level][c * cells + i];
        const double deviation = sqrt(squares / count);
        if (!(deviation > 0.1 && deviation < 10))
            fail_msg("level %d: values of deviation %g", level, deviation);
    }
    yt_graph_destroy(graph);
}

static void other_sizes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "N", "nano", "n6", "xl"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_int_equal(yt_graph_builtin(bad[i], 1, &graph), YT_NOT_FOUND);
        assert_null(graph);
        assert_non_null(strstr(yt_error(), "n, s, m, l and x"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_their_parameters),
        cmocka_unit_test(heads_are_coco),
        cmocka_unit_test(seed_decides_the_weights),
        cmocka_unit_test(values_stay_sane),
        cmocka_unit_test(other_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
