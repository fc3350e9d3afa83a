/* A graph's rules: what is added is filled in, what breaks one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "model/graph.h"

/* images -> conv s2 -> silu -> conv s2 -> upsample -> concat -> 1x1 head. */
static struct yt_graph *small_graph(void)
{
    static const struct yt_node nodes[] = {
        {YT_NODE_CONV, "a", {0}, 1, .c = 8, .r = 6, .stride = 2, .pad = 2},
        {YT_NODE_ACT, "a.act", {1}, 1, .act = YT_ACT_SILU},
        {YT_NODE_CONV, "b", {2}, 1, .c = 4, .r = 3, .stride = 2, .pad = 1},
        {YT_NODE_MAXPOOL, "p", {3}, 1, .r = 5},
        {YT_NODE_ADD, "s", {3, 4}, 2},
        {YT_NODE_UPSAMPLE, "u", {5}, 1},
        {YT_NODE_CONCAT, "j", {6, 2}, 2},
        {YT_NODE_CONV, "h", {7}, 1, .c = 12, .r = 1, .stride = 1},
    };
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    for (int32_t i = 0; i < (int32_t)(sizeof nodes / sizeof nodes[0]); i++) {
        int32_t index = -1;
        assert_int_equal(yt_graph_add(graph, &nodes[i], &index), YT_OK);
        assert_int_equal(index, i + 1);
        if (nodes[i].kind == YT_NODE_CONV)
            assert_int_equal(yt_graph_conv_storage(graph, index), YT_OK);
    }
    graph->heads[0].node = 8;
    graph->heads[0].stride = 2;
    graph->head_count = 1;
    graph->na = 2;
    for (int i = 0; i < 4; i++)
        graph->heads[0].anchors[i / 2][i % 2] = 8;
    assert_int_equal(yt_graph_set_classes(graph, 1, NULL), YT_OK);
    return graph;
}

static void nodes_are_filled_in(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph();
    static const int32_t channels[] = {3, 8, 8, 4, 4, 4, 4, 12, 12};
    for (int32_t i = 0; i < graph->node_count; i++)
        assert_int_equal(graph->nodes[i].c, channels[i]);
    assert_string_equal(graph->nodes[7].name, "j");
    assert_int_equal(graph->nodes[7].inputs[1], 2);
    assert_string_equal(graph->classes[0], "class0");
    assert_int_equal(graph->h, 640);
    assert_int_equal(graph->w, 640);
    assert_int_equal(yt_graph_max_stride(graph), 2);
    assert_int_equal(yt_graph_check(graph), YT_OK);
    yt_graph_destroy(graph);
    yt_graph_destroy(NULL);
}

#define CONV .kind = YT_NODE_CONV, .inputs = {0}, .input_count = 1

static const struct {
    struct yt_node node;
    const char *says;
} bad_nodes[] = {
    {{.kind = YT_NODE_ACT, .act = YT_ACT_SILU, .inputs = {1}, .input_count = 1},
     "name"},
    {{.kind = YT_NODE_INPUT, .name = "x"}, "kind 0"},
    {{.kind = (enum yt_node_kind)77, .name = "x"}, "kind 77"},
    {{.kind = YT_NODE_ACT, .act = YT_ACT_SILU, .name = "x"}, "x: 0 inputs"},
    {{.kind = YT_NODE_ACT, .act = YT_ACT_SILU, .name = "x", .input_count = -1},
     "-1 inputs"},
    {{.kind = YT_NODE_CONCAT, .name = "x", .input_count = 9}, "9 inputs"},
    {{.kind = YT_NODE_ADD, .name = "x", .inputs = {1}, .input_count = 1},
     "takes 2 to 2"},
    {{.kind = YT_NODE_ADD, .name = "x", .inputs = {0, 1}, .input_count = 2},
     "adds 8 channels of a to 3 of images"},
    {{.kind = YT_NODE_ACT,
      .act = YT_ACT_SILU,
      .name = "x",
      .inputs = {9},
      .input_count = 1},
     "node 9 of 9"},
    {{.kind = YT_NODE_ACT,
      .act = YT_ACT_SILU,
      .name = "x",
      .inputs = {-1},
      .input_count = 1},
     "node -1"},
    {{CONV, .name = "x", .c = 0, .r = 1, .stride = 1}, "0 output channels"},
    {{CONV, .name = "x", .c = 1 << 30, .r = 1, .stride = 1}, "channels"},
    {{CONV, .name = "x", .c = 1, .r = 0, .stride = 1}, "0x0 filter"},
    {{CONV, .name = "x", .c = 1, .r = 32, .stride = 1}, "32x32 filter"},
    {{CONV, .name = "x", .c = 1, .r = 1, .stride = 0}, "stride 0"},
    {{CONV, .name = "x", .c = 1, .r = 1, .stride = 9}, "stride 9"},
    {{CONV, .name = "x", .c = 1, .r = 3, .stride = 1, .pad = 3}, "padding 3"},
    {{CONV, .name = "x", .c = 1, .r = 3, .stride = 1, .pad = -1}, "padding -1"},
    {{.kind = YT_NODE_MAXPOOL,
      .name = "x",
      .inputs = {1},
      .input_count = 1,
      .r = 4},
     "window of 4"},
};

static void bad_nodes_are_refused(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph();
    for (size_t i = 0; i < sizeof bad_nodes / sizeof bad_nodes[0]; i++) {
        int32_t index = -1;
        assert_int_equal(yt_graph_add(graph, &bad_nodes[i].node, &index),
                         YT_BAD_INPUT);
        assert_int_equal(index, -1);
        if (!strstr(yt_error(), bad_nodes[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, yt_error(),
                     bad_nodes[i].says);
    }
    struct yt_node unended = {.kind = YT_NODE_ACT,
                              .act = YT_ACT_SILU,
                              .inputs = {1},
                              .input_count = 1};
    memset(unended.name, 'x', sizeof unended.name);
    int32_t index;
    assert_int_equal(yt_graph_add(graph, &unended, &index), YT_BAD_INPUT);
    assert_int_equal(graph->node_count, 9);
    yt_graph_destroy(graph);
}

/* Each breaks a finished graph in one place. */
static void no_heads(struct yt_graph *g)
{
    g->head_count = 0;
}
static void many_heads(struct yt_graph *g)
{
    g->head_count = YT_LEVELS_MAX + 1;
}
static void twin_heads(struct yt_graph *g)
{
    g->heads[1] = g->heads[0];
    g->head_count = 2;
}
static void head_nowhere(struct yt_graph *g)
{
    g->heads[0].node = 9;
}
static void head_no_conv(struct yt_graph *g)
{
    g->heads[0].node = 7;
}
static void head_wrong_channels(struct yt_graph *g)
{
    g->na = 3;
}
static void head_wrong_stride(struct yt_graph *g)
{
    g->heads[0].stride = 4;
}
static void anchor_zero(struct yt_graph *g)
{
    g->heads[0].anchors[1][1] = 0;
}
static void anchor_nan(struct yt_graph *g)
{
    g->heads[0].anchors[0][0] = NAN;
}
static void no_anchors(struct yt_graph *g)
{
    g->na = 0;
}
static void no_weights(struct yt_graph *g)
{
    free(g->nodes[3].weights);
    g->nodes[3].weights = NULL;
}
static void weight_infinite(struct yt_graph *g)
{
    g->nodes[3].weights[4 * 8 * 9 - 1] = INFINITY;
}
static void bias_nan(struct yt_graph *g)
{
    g->nodes[3].bias[3] = NAN;
}
static void shrinking_conv(struct yt_graph *g)
{
    g->nodes[1].pad = 0;
}
static void growing_conv(struct yt_graph *g)
{
    g->nodes[3].pad = 2;
}
static void odd_stride(struct yt_graph *g)
{
    g->nodes[3].stride = 3;
}
static void unequal_join(struct yt_graph *g)
{
    g->nodes[3].stride = 1;
}
static void odd_image(struct yt_graph *g)
{
    g->w = 641;
}

static const struct {
    void (*damage)(struct yt_graph *graph);
    const char *says;
} damages[] = {
    {no_heads, "0 detection heads"},
    {many_heads, "5 detection heads"},
    {twin_heads, "heads 0 and 1 are the same"},
    {head_nowhere, "node 9 does not exist"},
    {head_no_conv, "j: a head is a 1x1"},
    {head_wrong_channels, "3 anchors of 5 + 1 need 18"},
    {head_wrong_stride, "claims stride 4"},
    {anchor_zero, "anchor 1 of head 0"},
    {anchor_nan, "anchor 0 of head 0"},
    {no_anchors, "0 anchors"},
    {no_weights, "b: a convolution without weights"},
    {weight_infinite, "b: weight 287 is not finite"},
    {bias_nan, "b: bias 3 is not finite"},
    {shrinking_conv, "a: filter 6, stride 2, padding 0"},
    {growing_conv, "b: filter 3, stride 2, padding 2"},
    {odd_stride, "b: stride 3 is not a power of two"},
    {unequal_join, "j: joins u at stride 1 with a.act at stride 2"},
    {odd_image, "image size 640x641"},
};

static void damage_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct yt_graph *graph = small_graph();
        damages[i].damage(graph);
        assert_int_equal(yt_graph_check(graph), YT_BAD_INPUT);
        if (!strstr(yt_error(), damages[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, yt_error(),
                     damages[i].says);
        graph->head_count = 1;
        yt_graph_destroy(graph);
    }
}

static void upsampling_stops_at_the_image(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    int32_t index = 0;
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    const struct yt_node up = {YT_NODE_UPSAMPLE, "up", {0}, 1};
    assert_int_equal(yt_graph_add(graph, &up, &index), YT_OK);
    assert_int_equal(yt_graph_check(graph), YT_BAD_INPUT);
    assert_string_equal(yt_error(), "up: upsamples beyond the image");
    yt_graph_destroy(graph);
}

static void growth_is_bounded(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    struct yt_node node = {YT_NODE_ACT, "s", {0}, 1, .act = YT_ACT_SILU};
    enum yt_status status = YT_OK;
    int32_t index = 0;
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    for (int32_t i = 0; i < 100000 && status == YT_OK; i++) {
        node.inputs[0] = index;
        status = yt_graph_add(graph, &node, &index);
    }
    assert_int_equal(status, YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "nodes"));
    assert_int_equal(graph->nodes[index].inputs[0], index - 1);
    yt_graph_destroy(graph);

    /* 65536 x 65536 1x1 weights would be 16 GiB. */
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    const struct yt_node wide = {YT_NODE_CONV, "wide", {0},        1,
                                 .c = 65536,   .r = 1, .stride = 1};
    const struct yt_node vast = {YT_NODE_CONV, "vast", {1},        1,
                                 .c = 65536,   .r = 1, .stride = 1};
    const struct yt_node join = {YT_NODE_CONCAT, "join", {1, 0}, 2};
    assert_int_equal(yt_graph_add(graph, &wide, &index), YT_OK);
    assert_int_equal(yt_graph_add(graph, &vast, &index), YT_OK);
    assert_int_equal(yt_graph_conv_storage(graph, index), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "vast"));
    assert_null(graph->nodes[index].weights);
    assert_int_equal(yt_graph_add(graph, &join, &index), YT_BAD_INPUT);
    yt_graph_destroy(graph);
}

static void class_names_must_print(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int prints;
    } rows[] = {
        {"person", 1},
        {"", 1},
        {"stop sign", 1},
        {"\xc3\xa9t\xc3\xa9", 1}, /* ete with accents */
        {"\xe7\x8c\xab", 1},      /* U+732B */
        {"\xf0\x9f\x90\x88", 1},  /* U+1F408 */
        {"\xf4\x8f\xbf\xbf", 1},  /* U+10FFFF */
        {"a\nb", 0},
        {"\x1b[31m", 0},
        {"\x7f", 0},
        {"\x80", 0},
        {"\xc3", 0}, /* cut off */
        {"\xe7\x8c", 0},
        {"\xf0\x9f\x90", 0},
        {"\xc0\xaf", 0}, /* overlong */
        {"\xe0\x80\xaf", 0},
        {"\xf0\x80\x80\xaf", 0},
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
        {"\xff", 0},
    };
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_create(&graph), YT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum yt_status status =
            yt_graph_set_classes(graph, 1, &rows[i].name);
        if (status != (rows[i].prints ? YT_OK : YT_BAD_INPUT))
            fail_msg("row %zu: status %d", i, (int)status);
        if (rows[i].prints)
            assert_string_equal(graph->classes[0], rows[i].name);
    }
    assert_int_equal(yt_graph_set_classes(graph, 0, NULL), YT_BAD_INPUT);
    assert_int_equal(yt_graph_set_classes(graph, -1, NULL), YT_BAD_INPUT);
    assert_int_equal(yt_graph_set_classes(graph, 1 << 30, NULL), YT_BAD_INPUT);
    yt_graph_destroy(graph);
}

/* small_graph() with weights that tell each other apart. */
static struct yt_graph *weighted_graph(void)
{
    struct yt_graph *graph = small_graph();
    float value = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        struct yt_node *node = &graph->nodes[i];
        for (int32_t k = 0; node->weights && k < node->c; k++) {
            node->weights[k] = value += 0.25f;
            node->bias[k] = -value;
        }
    }
    snprintf(graph->name, sizeof graph->name, "small");
    snprintf(graph->format, sizeof graph->format, "pt");
    snprintf(graph->hash, sizeof graph->hash, "00ff");
    graph->h = 320;
    graph->w = 448;
    return graph;
}

static void a_copy_stands_on_its_own(void **state)
{
    (void)state;
    struct yt_graph *graph = weighted_graph(), *copy = NULL;
    char one[33], two[33];
    yt_graph_digest(graph, one);
    assert_int_equal(yt_graph_copy(graph, &copy), YT_OK);
    yt_graph_digest(copy, two);
    assert_string_equal(one, two);
    assert_string_equal(copy->name, "small");
    assert_string_equal(copy->format, "pt");
    assert_string_equal(copy->hash, "");
    assert_int_equal(copy->h, 320);
    assert_int_equal(copy->w, 448);
    assert_string_equal(copy->classes[0], graph->classes[0]);
    assert_ptr_not_equal(copy->classes[0], graph->classes[0]);

    copy->nodes[1].weights[0] += 1;
    assert_float_equal(graph->nodes[1].weights[0], 0.25, 0);
    yt_graph_destroy(graph);
    assert_int_equal(yt_graph_check(copy), YT_OK);
    yt_graph_destroy(copy);
}

static void change_weight(struct yt_graph *g)
{
    float *last = &g->nodes[8].weights[12 * 12 - 1];
    *last = nextafterf(*last, 1);
}

static void change_bias(struct yt_graph *g)
{
    g->nodes[3].bias[3] = 0;
}

static void change_connection(struct yt_graph *g)
{
    g->nodes[5].inputs[1] = 3;
}

static void swap_inputs(struct yt_graph *g)
{
    g->nodes[7].inputs[0] = 2;
    g->nodes[7].inputs[1] = 6;
}

static void change_kind(struct yt_graph *g)
{
    g->nodes[2].kind = YT_NODE_MAXPOOL;
}

static void change_window(struct yt_graph *g)
{
    g->nodes[4].r = 3;
}

static void change_padding(struct yt_graph *g)
{
    g->nodes[1].pad = 1;
}

static void change_stride(struct yt_graph *g)
{
    g->nodes[3].stride = 1;
}

static void change_head(struct yt_graph *g)
{
    g->heads[0].node = 3;
}

static void change_head_stride(struct yt_graph *g)
{
    g->heads[0].stride = 4;
}

static void change_anchor(struct yt_graph *g)
{
    g->heads[0].anchors[1][1] = 9;
}

static void add_anchor(struct yt_graph *g)
{
    g->na = 3;
}

static void change_classes(struct yt_graph *g)
{
    assert_int_equal(yt_graph_set_classes(g, 2, NULL), YT_OK);
}

static void a_digest_tells_every_change(void **state)
{
    (void)state;
    static void (*const changes[])(struct yt_graph *) = {
        change_weight,  change_bias,        change_connection, swap_inputs,
        change_kind,    change_window,      change_padding,    change_stride,
        change_head,    change_head_stride, change_anchor,     add_anchor,
        change_classes,
    };
    enum { COUNT = sizeof changes / sizeof changes[0] };
    char digests[COUNT + 1][33];
    struct yt_graph *graph = weighted_graph();
    yt_graph_digest(graph, digests[COUNT]);
    assert_int_equal(strlen(digests[COUNT]), 32);
    for (int i = 0; i < COUNT; i++) {
        struct yt_graph *copy = NULL;
        assert_int_equal(yt_graph_copy(graph, &copy), YT_OK);
        changes[i](copy);
        yt_graph_digest(copy, digests[i]);
        yt_graph_destroy(copy);
    }
    for (int i = 0; i < COUNT; i++)
        for (int k = i + 1; k <= COUNT; k++)
            if (strcmp(digests[i], digests[k]) == 0)
                fail_msg("changes %d and %d have one digest", i, k);
    yt_graph_destroy(graph);
}

static void a_digest_leaves_names_out(void **state)
{
    (void)state;
    static const char *const classes[] = {"another"};
    struct yt_graph *graph = weighted_graph();
    char one[33], two[33];
    yt_graph_digest(graph, one);
    snprintf(graph->name, sizeof graph->name, "another");
    snprintf(graph->format, sizeof graph->format, "onnx");
    snprintf(graph->hash, sizeof graph->hash, "ff00");
    snprintf(graph->nodes[1].name, sizeof graph->nodes[1].name, "another");
    graph->h = graph->w = 640;
    assert_int_equal(yt_graph_set_classes(graph, 1, classes), YT_OK);
    yt_graph_digest(graph, two);
    assert_string_equal(one, two);
    yt_graph_destroy(graph);
}

/* What pruning does: a graph with fewer channels, the rest taken over. */
static void channels_can_be_removed(void **state)
{
    (void)state;
    struct yt_graph *graph = weighted_graph(), *pruned = NULL;
    assert_int_equal(yt_graph_create(&pruned), YT_OK);
    for (int32_t i = 1; i < graph->node_count; i++) {
        struct yt_node node = graph->nodes[i];
        int32_t index = 0;
        if (i == 1)
            node.c = 5;
        assert_int_equal(yt_graph_add(pruned, &node, &index), YT_OK);
        if (node.kind == YT_NODE_CONV)
            assert_int_equal(yt_graph_conv_storage(pruned, index), YT_OK);
    }
    assert_int_equal(yt_graph_copy_facts(graph, pruned), YT_OK);
    assert_int_equal(yt_graph_check(pruned), YT_OK);
    assert_int_equal(pruned->nodes[7].c, 4 + 5);
    yt_graph_destroy(pruned);
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_filled_in),
        cmocka_unit_test(bad_nodes_are_refused),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(upsampling_stops_at_the_image),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(class_names_must_print),
        cmocka_unit_test(a_copy_stands_on_its_own),
        cmocka_unit_test(a_digest_tells_every_change),
        cmocka_unit_test(a_digest_leaves_names_out),
        cmocka_unit_test(channels_can_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
