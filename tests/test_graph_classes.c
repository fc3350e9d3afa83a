/* A network for other classes: what is kept, what is new. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/assert_ok.h"
#include "tests/random_graph.h"

static const char *const old_names[] = {"cat", "dog", "bird", "fish"};

/* Two heads of two anchors, four classes, on 4 channels each. */
static struct yt_graph *pets(void)
{
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t fine = add_conv_silu(&r, 0, 4, 3, 2);
    const int32_t coarse = add_conv_silu(&r, fine, 4, 3, 2);
    end_graph(&r, (const int32_t[]){fine, coarse}, 2, 2, 4);
    assert_ok(yt_graph_set_classes(r.graph, 4, old_names));
    return r.graph;
}

static const float *filter_of(const struct yt_graph *graph, int32_t head,
                              int32_t anchor, int32_t channel)
{
    const struct yt_node *node = &graph->nodes[graph->heads[head].node];
    const int32_t at = anchor * (5 + graph->nc) + channel;
    return node->weights + at * graph->nodes[node->inputs[0]].c;
}

static float bias_of(const struct yt_graph *graph, int32_t head, int32_t anchor,
                     int32_t channel)
{
    return graph->nodes[graph->heads[head].node]
        .bias[anchor * (5 + graph->nc) + channel];
}

static int is_same_channel(const struct yt_graph *a, int32_t channel_a,
                           const struct yt_graph *b, int32_t channel_b,
                           int32_t head, int32_t anchor)
{
    return memcmp(filter_of(a, head, anchor, channel_a),
                  filter_of(b, head, anchor, channel_b),
                  4 * sizeof(float)) == 0 &&
           bias_of(a, head, anchor, channel_a) ==
               bias_of(b, head, anchor, channel_b);
}

static struct yt_graph *with(const struct yt_graph *from, int32_t nc,
                             const char *const *names, uint64_t seed)
{
    struct yt_graph *graph = NULL;
    assert_ok(yt_graph_with_classes(from, nc, names, seed, &graph));
    assert_ok(yt_graph_check(graph));
    assert_int_equal(graph->nc, nc);
    /* All but the heads' classes is the same to the bit. */
    assert_int_equal(graph->node_count, from->node_count);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(graph->heads[i].node, from->heads[i].node);
        for (int32_t a = 0; a < 2; a++)
            for (int32_t c = 0; c < 5; c++)
                assert_true(is_same_channel(from, c, graph, c, i, a));
    }
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *one = &from->nodes[i], *two = &graph->nodes[i];
        if (i == from->heads[0].node || i == from->heads[1].node ||
            one->kind != YT_NODE_CONV)
            continue;
        const size_t filter = (size_t)from->nodes[one->inputs[0]].c * 9;
        assert_memory_equal(one->weights, two->weights,
                            (size_t)one->c * filter * sizeof(float));
        assert_memory_equal(one->bias, two->bias,
                            (size_t)one->c * sizeof(float));
    }
    return graph;
}

static void known_names_are_taken_over(void **state)
{
    (void)state;
    static const char *const names[] = {"fish", "horse", "cat"};
    struct yt_graph *from = pets();
    struct yt_graph *graph = with(from, 3, names, 1);
    for (int32_t head = 0; head < 2; head++)
        for (int32_t a = 0; a < 2; a++) {
            assert_true(is_same_channel(from, 5 + 3, graph, 5, head, a));
            assert_true(is_same_channel(from, 5, graph, 5 + 2, head, a));
        }
    for (int32_t i = 0; i < 3; i++)
        assert_string_equal(graph->classes[i], names[i]);
    yt_graph_destroy(graph);

    /* The same names are the same network. */
    char one[33], two[33];
    graph = with(from, 4, old_names, 1);
    yt_graph_digest(from, one);
    yt_graph_digest(graph, two);
    assert_string_equal(one, two);
    yt_graph_destroy(graph);
    yt_graph_destroy(from);
}

static void new_names_begin_as_the_mean(void **state)
{
    (void)state;
    static const char *const names[] = {"car", "bus", "cat"};
    struct yt_graph *from = pets();
    struct yt_graph *graph = with(from, 3, names, 1);
    int differ = 0;
    for (int32_t head = 0; head < 2; head++)
        for (int32_t a = 0; a < 2; a++)
            for (int32_t k = 0; k < 2; k++) {
                float bias = 0;
                for (int32_t old = 0; old < 4; old++)
                    bias += bias_of(from, head, a, 5 + old) / 4;
                assert_float_equal(bias_of(graph, head, a, 5 + k), bias, 1e-6);
                for (int32_t i = 0; i < 4; i++) {
                    float mean = 0, most = 0;
                    for (int32_t old = 0; old < 4; old++) {
                        const float w = filter_of(from, head, a, 5 + old)[i];
                        mean += w / 4;
                        most = fmaxf(most, fabsf(w));
                    }
                    const float got = filter_of(graph, head, a, 5 + k)[i];
                    assert_true(fabsf(got - mean) <= 0.1f * most + 1e-6f);
                    differ += got != mean;
                }
            }
    assert_true(differ > 24); /* of 32, by noise */
    yt_graph_destroy(graph);
    yt_graph_destroy(from);
}

static void noise_is_the_seeds(void **state)
{
    (void)state;
    struct yt_graph *from = pets();
    char digests[3][33];
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct yt_graph *graph = with(from, 2, NULL, seed / 2);
        yt_graph_digest(graph, digests[seed]);
        assert_string_equal(graph->classes[1], "class1");
        yt_graph_destroy(graph);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
    yt_graph_destroy(from);
}

static void a_single_class_is_certain(void **state)
{
    (void)state;
    static const char *const names[] = {"horse"};
    struct yt_graph *from = pets();
    struct yt_graph *graph = with(from, 1, names, 1);
    for (int32_t i = 0; i < 4; i++)
        assert_float_equal(filter_of(graph, 1, 1, 5)[i], 0, 0);
    assert_true(bias_of(graph, 1, 1, 5) > 10);
    yt_graph_destroy(graph);
    /* Also one that is known, since nothing would train it. */
    graph = with(from, 1, old_names, 1);
    assert_false(is_same_channel(from, 5, graph, 5, 1, 1));
    assert_true(bias_of(graph, 1, 1, 5) > 10);
    yt_graph_destroy(graph);
    yt_graph_destroy(from);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct yt_graph *from = pets(), *graph = NULL;
    static const char *const broken[] = {"a", "b\n"};
    assert_int_equal(yt_graph_with_classes(from, 0, NULL, 1, &graph),
                     YT_BAD_ARGUMENT);
    assert_int_equal(yt_graph_with_classes(from, 1 << 20, NULL, 1, &graph),
                     YT_BAD_INPUT);
    assert_int_equal(yt_graph_with_classes(from, 2, broken, 1, &graph),
                     YT_BAD_INPUT);
    const struct yt_node reader = {.kind = YT_NODE_ACT,
                                   .act = YT_ACT_SILU,
                                   .name = "reader",
                                   .inputs = {from->heads[1].node},
                                   .input_count = 1};
    int32_t index;
    assert_ok(yt_graph_add(from, &reader, &index));
    assert_int_equal(yt_graph_with_classes(from, 2, NULL, 1, &graph),
                     YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "reader reads the head"));
    assert_null(graph);
    yt_graph_destroy(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_names_are_taken_over),
        cmocka_unit_test(new_names_begin_as_the_mean),
        cmocka_unit_test(noise_is_the_seeds),
        cmocka_unit_test(a_single_class_is_certain),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
