/* A lowered network computes what its graph means: run layer by layer, in an
 * arena that starts as NaN, it gives the heads that the graph itself gives.
 * This covers fusion, layouts, aliasing and placement at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/reference.h"
#include "model/net.h"
#include "random_graph.h"
#include "runtime/fail.h"
#include "runtime/problem.h"
#include "runtime/reference.h"

static const int32_t all_lanes[] = {4, 8, 16};

static const struct yt_layer *find_layer(const struct yt_net *net,
                                         const char *name)
{
    for (int32_t i = 0; i < net->layer_count; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return &net->layers[i];
    return NULL;
}

static int32_t count_ops(const struct yt_net *net, enum yt_op op)
{
    int32_t count = 0;
    for (int32_t i = 0; i < net->layer_count; i++)
        count += net->layers[i].problem.op == op;
    return count;
}

static struct yt_net *lower(const struct yt_graph *graph,
                            const struct yt_net_options *options)
{
    struct yt_net *net = NULL;
    if (yt_net_lower(graph, options, &net) != YT_OK)
        fail_msg("%s", yt_error());
    assert_non_null(net);
    return net;
}

static float *random_image(int32_t h, int32_t w)
{
    struct random_graph noise = {.state = 7};
    float *image = malloc(3 * (size_t)h * (size_t)w * sizeof *image);
    assert_non_null(image);
    for (int32_t i = 0; i < 3 * h * w; i++)
        image[i] = 0.5f + 0.5f * next_noise(&noise);
    return image;
}

/* In the order of execution, at the addresses they were given. */
static void run_layers(const struct yt_net *net, char *arena)
{
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_layer *layer = &net->layers[i];
        const struct yt_args args = {.in = arena + layer->in,
                                     .out = arena + layer->out,
                                     .add = layer->add < 0 ? NULL
                                                           : arena + layer->add,
                                     .weights = layer->weights,
                                     .bias = layer->bias};
        if (yt_reference_run(&layer->problem, net->lanes, &args) != YT_OK)
            fail_msg("%s: %s", layer->name, yt_error());
    }
}

static void *run_net(const struct yt_net *net, const float *image)
{
    assert_int_equal(net->arena_bytes % YT_ALIGN, 0);
    char *arena = aligned_alloc(YT_ALIGN, (size_t)net->arena_bytes);
    assert_non_null(arena);
    float *values = (float *)(void *)arena;
    for (int64_t i = 0; i < net->arena_bytes / (int64_t)sizeof *values; i++)
        values[i] = NAN;
    float *input = (float *)(void *)(arena + net->input);
    const int32_t plane = net->h * net->w;
    for (int32_t i = 0; i < plane; i++)
        for (int32_t c = 0; c < 3; c++)
            input[3 * i + c] = 255.0f * image[c * plane + i];
    run_layers(net, arena);
    return arena;
}

static int is_close(float value, float expected, float scale)
{
    return fabsf(value - expected) <= 1e-4f * scale; /* false for NaN */
}

/* Compare one head; also that the lanes past its channels are zeros. */
static void check_head(const struct yt_net *net, const char *arena,
                       int32_t level, int32_t k, const float *expected,
                       const char *what)
{
    const int32_t cells = net->heads[level].h * net->heads[level].w;
    const float *head =
        (const float *)(const void *)(arena + net->heads[level].offset);
    const int32_t lanes = net->lanes;
    float scale = 1.0f;
    for (int32_t i = 0; i < k * cells; i++)
        scale = fmaxf(scale, fabsf(expected[i]));
    for (int32_t c = 0; c < (k + lanes - 1) / lanes * lanes; c++)
        for (int32_t i = 0; i < cells; i++) {
            const float value =
                head[((int64_t)(c / lanes) * cells + i) * lanes + c % lanes];
            const float want = c < k ? expected[c * cells + i] : 0.0f;
            if (!is_close(value, want, scale))
                fail_msg("%s: head %d channel %d cell %d: %g instead of %g",
                         what, level, c, i, (double)value, (double)want);
        }
}

/* What every lowered network keeps, whatever its graph. */
static void check_sums(const struct yt_net *net, const char *what)
{
    uint64_t parameters = 0;
    uint64_t flops = 0;
    for (int32_t i = 0; i < net->layer_count; i++) {
        parameters += net->layers[i].parameters;
        flops += net->layers[i].flops;
        assert_int_equal(yt_problem_check(&net->layers[i].problem), YT_OK);
    }
    if (parameters > net->parameters || flops > net->flops)
        fail_msg("%s: layers count more than the graph", what);
    assert_true(net->floor_bytes <= net->arena_bytes);
    assert_true(net->floor_bytes <= net->feature_bytes);
}

/* Lower for all lanes and options, run, compare. */
static void check_graph(const struct yt_graph *graph, int32_t h, int32_t w,
                        const char *name)
{
    const int32_t k = graph->na * (5 + graph->nc);
    float *image = random_image(h, w);
    float *heads[YT_LEVELS_MAX] = {NULL};
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t stride = graph->heads[i].stride;
        heads[i] = malloc((size_t)(k * (h / stride) * (w / stride)) *
                          sizeof *heads[i]);
        assert_non_null(heads[i]);
    }
    assert_int_equal(yt_graph_run_reference(graph, h, w, image, heads), YT_OK);
    for (int32_t variant = 0; variant < 12; variant++) {
        const struct yt_net_options options = {.lanes = all_lanes[variant % 3],
                                               .h = h,
                                               .w = w,
                                               .no_fuse_upsample =
                                                   variant / 3 % 2,
                                               .no_fuse_twin = variant / 6};
        char what[128];
        snprintf(what, sizeof what, "%s %dx%d lanes %d no_up %d no_twin %d",
                 name, w, h, options.lanes, options.no_fuse_upsample,
                 options.no_fuse_twin);
        struct yt_net *net = lower(graph, &options);
        check_sums(net, what);
        char *arena = run_net(net, image);
        assert_int_equal(net->head_count, graph->head_count);
        for (int32_t i = 0; i < graph->head_count; i++)
            check_head(net, arena, i, k, heads[i], what);
        free(arena);
        yt_net_destroy(net);
    }
    for (int32_t i = 0; i < graph->head_count; i++)
        free(heads[i]);
    free(image);
}

static void random_graphs_keep_their_meaning(void **state)
{
    (void)state;
    const char *chosen = getenv("YT_TEST_SEED");
    const uint64_t first = chosen ? strtoull(chosen, NULL, 10) : 0;
    for (uint64_t seed = first; seed < (chosen ? first + 1 : 150); seed++) {
        char name[64];
        snprintf(name, sizeof name, "YT_TEST_SEED=%u", (unsigned)seed);
        struct yt_graph *graph =
            grow_graph(seed, 3 + (int32_t)(seed % 12), seed % 3 == 0);
        check_graph(graph, 16, 24, name);
        yt_graph_destroy(graph);
    }
}

static int32_t adds_its_own_input(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    return add_sum(r, x, add_conv_silu(r, x, 16, 3, 1));
}

static int32_t adds_its_own_input_pointwise(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    return add_sum(r, add_conv(r, x, 16, 1, 1), x);
}

static int32_t adds_itself(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    return add_sum(r, x, x);
}

static int32_t adds_part_of_its_input(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t y = add_conv_silu(r, 0, 16, 3, 1);
    return add_sum(r, x, add_conv_silu(r, add_concat(r, x, y), 16, 1, 1));
}

static int32_t addend_is_needed_later(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t y = add_sum(r, x, add_conv_silu(r, 0, 16, 3, 1));
    return add_concat(r, x, y);
}

/* Two residual branches on one input, like twins but for their addends. */
static int32_t has_residual_twins(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t a = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t b = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t c = add_sum(r, a, add_conv_silu(r, x, 16, 1, 1));
    const int32_t d = add_sum(r, b, add_conv_silu(r, x, 16, 1, 1));
    return add_concat(r, c, d);
}

static int32_t adds_two_branches(struct random_graph *r)
{
    const int32_t a = add_conv_silu(r, 0, 20, 3, 1);
    const int32_t b = add_conv_silu(r, 0, 20, 3, 1);
    return add_silu(r, add_sum(r, a, b));
}

static int32_t uses_the_image_raw(struct random_graph *r)
{
    const int32_t pool = add_unary(r, YT_NODE_MAXPOOL, 0, 3);
    const int32_t sum = add_sum(r, 0, add_conv(r, 0, 3, 3, 1));
    const int32_t parts[] = {0, pool, sum};
    return add_join(r, YT_NODE_CONCAT, parts, 3);
}

static int32_t concats_one_tensor_often(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 12, 3, 1);
    const int32_t y = add_conv_silu(r, x, 5, 1, 1);
    const int32_t twice = add_concat(r, x, x);
    const int32_t again = add_concat(r, y, x);
    const int32_t parts[] = {again, twice, y, again};
    const int32_t all = add_join(r, YT_NODE_CONCAT, parts, 4);
    return add_unary(r, YT_NODE_MAXPOOL, all, 3);
}

static int32_t has_nodes_nobody_reads(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    add_sum(r, x, add_conv_silu(r, x, 16, 3, 1));
    add_concat(r, x, add_conv_silu(r, x, 7, 1, 1));
    return x;
}

/* Both chains of pools end in a concat, but only one of them has its order. */
static int32_t pools_in_two_orders(struct random_graph *r)
{
    const int32_t x = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t a = add_unary(r, YT_NODE_MAXPOOL, x, 5);
    const int32_t b = add_unary(r, YT_NODE_MAXPOOL, a, 5);
    const int32_t c = add_unary(r, YT_NODE_MAXPOOL, b, 5);
    const int32_t parts[] = {x, b, a, c};
    const int32_t mixed = add_join(r, YT_NODE_CONCAT, parts, 4);
    return add_sppf(r, add_conv_silu(r, mixed, 16, 1, 1), 3);
}

static int32_t upsamples_before_skip_and_after(struct random_graph *r)
{
    const int32_t skip = add_conv_silu(r, 0, 17, 3, 1);
    const int32_t low = add_conv_silu(r, skip, 12, 3, 2);
    const int32_t up = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t a = add_c3(r, add_concat(r, skip, up), 16, 1, 0, 0);
    const int32_t other = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t b = add_c3(r, add_concat(r, other, skip), 16, 2, 1, 1);
    return add_sum(r, a, b);
}

static int32_t upsample_is_read_twice(struct random_graph *r)
{
    const int32_t skip = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t low = add_conv_silu(r, skip, 16, 3, 2);
    const int32_t up = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t x = add_conv_silu(r, add_concat(r, up, skip), 16, 1, 1);
    return add_sum(r, up, x);
}

static int32_t upsample_meets_3x3_and_residual(struct random_graph *r)
{
    const int32_t skip = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t low = add_conv_silu(r, skip, 16, 3, 2);
    const int32_t up = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t x = add_conv_silu(r, add_concat(r, up, skip), 16, 3, 1);
    const int32_t more = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t y = add_conv_silu(r, add_concat(r, more, x), 16, 1, 1);
    return add_sum(r, x, y);
}

/* Like twins, but for what their addends are made of. */
static int32_t upsamples_meet_one_skip(struct random_graph *r)
{
    const int32_t skip = add_conv_silu(r, 0, 16, 3, 1);
    const int32_t low = add_conv_silu(r, skip, 16, 3, 2);
    const int32_t other = add_conv_silu(r, low, 16, 3, 1);
    const int32_t up = add_unary(r, YT_NODE_UPSAMPLE, low, 0);
    const int32_t up_other = add_unary(r, YT_NODE_UPSAMPLE, other, 0);
    const int32_t x = add_conv_silu(r, add_concat(r, up, skip), 16, 1, 1);
    const int32_t y = add_conv_silu(r, add_concat(r, up_other, skip), 16, 1, 1);
    return add_concat(r, x, y);
}

static const struct {
    const char *name;
    int32_t (*build)(struct random_graph *r);
} shapes[] = {
    {"adds its own input", adds_its_own_input},
    {"adds its own input, 1x1", adds_its_own_input_pointwise},
    {"adds itself", adds_itself},
    {"adds part of its input", adds_part_of_its_input},
    {"addend is needed later", addend_is_needed_later},
    {"residual twins", has_residual_twins},
    {"adds two branches", adds_two_branches},
    {"raw image", uses_the_image_raw},
    {"one tensor in many concats", concats_one_tensor_often},
    {"nodes nobody reads", has_nodes_nobody_reads},
    {"pools in two orders", pools_in_two_orders},
    {"upsample before and after skip", upsamples_before_skip_and_after},
    {"upsample read twice", upsample_is_read_twice},
    {"upsample, 3x3, residual", upsample_meets_3x3_and_residual},
    {"two upsamples, one skip", upsamples_meet_one_skip},
};

static void odd_graphs_keep_their_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct random_graph r;
        begin_graph(&r, i);
        const int32_t last = shapes[i].build(&r);
        end_graph(&r, &last, 1, 2, 3);
        check_graph(r.graph, 16, 8, shapes[i].name);
        yt_graph_destroy(r.graph);
    }
}

static void yolov5n_keeps_its_meaning(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    check_graph(graph, 64, 64, "n");
    check_graph(graph, 64, 96, "n");
    yt_graph_destroy(graph);
}

/* Layers that the shapes of YOLOv5 must come to, and the official totals. */
static const struct {
    const char *size;
    int32_t no_up, no_twin;
    int32_t layers, convs, sppfs, upsamples;
    uint64_t parameters;
    uint64_t mega_flops;
} totals[] = {
    /*  up twin layers conv sppf ups  parameters  MFLOP */
    {"n", 0, 0, 55, 54, 1, 0, 1867405, 4468},
    {"n", 0, 1, 65, 64, 1, 0, 1867405, 4468},
    {"n", 1, 0, 55, 52, 1, 2, 1867405, 4468},
    {"n", 1, 1, 63, 60, 1, 2, 1867405, 4468},
    {"s", 0, 0, 55, 54, 1, 0, 7225885, 16434},
};

static void totals_are_the_official_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_int_equal(yt_graph_builtin(totals[i].size, 1, &graph), YT_OK);
        const struct yt_net_options options = {
            .lanes = 16,
            .h = 640,
            .w = 640,
            .no_fuse_upsample = totals[i].no_up,
            .no_fuse_twin = totals[i].no_twin};
        struct yt_net *net = lower(graph, &options);
        assert_int_equal(net->layer_count, totals[i].layers);
        assert_int_equal(count_ops(net, YT_OP_CONV2D), totals[i].convs);
        assert_int_equal(count_ops(net, YT_OP_SPPF), totals[i].sppfs);
        assert_int_equal(count_ops(net, YT_OP_UPSAMPLE), totals[i].upsamples);
        assert_int_equal(net->parameters, totals[i].parameters);
        assert_int_equal((net->flops + 500000) / 1000000, totals[i].mega_flops);
        uint64_t parameters = 0;
        uint64_t flops = 0;
        for (int32_t j = 0; j < net->layer_count; j++) {
            parameters += net->layers[j].parameters;
            flops += net->layers[j].flops;
        }
        assert_int_equal(parameters, net->parameters);
        assert_int_equal(flops, net->flops);
        yt_net_destroy(net);
        yt_graph_destroy(graph);
    }
}

/* Official files, relative to the folder of test data. Their layers are those
 * of the built-in networks; sums in trained weights have other scales. */
static const struct {
    const char *file;
    uint64_t parameters;
} files[] = {
    {"weights/yolov5n.pt", 1867405},
    {"weights/yolov5s.pt", 7225885},
};

static void official_files_keep_their_meaning(void **state)
{
    (void)state;
    const char *data = getenv("YOLOTUNE_TEST_DATA");
    const char *source = getenv("YT_SOURCE_DIR");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s/%s",
                 data ? data : (source ? source : "."),
                 data ? "" : "/../shared/data", files[i].file);
        if (access(path, R_OK) != 0) {
            print_message("%s is absent: skipped\n", path);
            skip();
        }
        struct yt_graph *graph = NULL;
        if (yt_model_import(path, &graph) != YT_OK)
            fail_msg("%s", yt_error());
        const struct yt_net_options options = {.lanes = 16, .h = 640, .w = 640};
        struct yt_net *net = lower(graph, &options);
        assert_int_equal(net->layer_count, 55);
        assert_int_equal(net->parameters, files[i].parameters);
        yt_net_destroy(net);
        check_graph(graph, 32, 64, files[i].file);
        yt_graph_destroy(graph);
    }
}

/* Name and problem of some layers of yolov5n at 640, 16 lanes. */
static const struct {
    const char *layer, *problem;
} expected_layers[] = {
    {"model.0", "conv2d-f32-3x640x640-k16r6s2p2-silu"},
    {"model.2.cv1+cv2", "conv2d-f32-32x160x160-k32r1s1p0-silu"},
    {"model.2.m.0.cv2", "conv2d-f32-16x160x160-k16r3s1p1-silu-res"},
    {"model.9.m.0", "sppf-f32-128x20x20-r5"},
    {"model.13.cv1+cv2.up", "conv2d-f32-128x20x20-k128r1s1p0"},
    {"model.13.cv1+cv2", "conv2d-f32-128x40x40-k128r1s1p0-silu-up2"},
    {"model.13.m.0.cv2", "conv2d-f32-64x40x40-k64r3s1p1-silu"},
    {"model.24.m.0", "conv2d-f32-64x80x80-k255r1s1p0-lazy3"},
};

static void layers_are_fused(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    const struct yt_net_options options = {.lanes = 16, .h = 640, .w = 640};
    struct yt_net *net = lower(graph, &options);
    const size_t count = sizeof expected_layers / sizeof expected_layers[0];
    for (size_t i = 0; i < count; i++) {
        const struct yt_layer *layer =
            find_layer(net, expected_layers[i].layer);
        assert_non_null(layer);
        char name[YT_PROBLEM_NAME_MAX];
        yt_problem_name(&layer->problem, name);
        assert_string_equal(name, expected_layers[i].problem);
    }
    const struct yt_layer *residual = find_layer(net, "model.2.m.0.cv2");
    assert_int_equal(residual->add, residual->out);
    const struct yt_layer *sppf = find_layer(net, "model.9.m.0");
    assert_int_equal(sppf->out - sppf->in, 128 * 20 * 20 * 4);
    assert_int_equal(find_layer(net, "model.24.m.2")->head, 2);
    assert_int_equal(find_layer(net, "model.23.cv3")->head, -1);
    yt_net_destroy(net);
    yt_graph_destroy(graph);
}

/* 20 channels in blocks of 8 take 24; the consumer's filter has zero columns
 * where the fill lies, and the producer zero rows. */
static void odd_channels_are_filled_up(void **state)
{
    (void)state;
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t a = add_conv_silu(&r, 0, 20, 3, 1);
    const int32_t b = add_conv_silu(&r, a, 5, 1, 1);
    end_graph(&r, (const int32_t[]){add_concat(&r, a, b)}, 1, 1, 2);
    const struct yt_net_options options = {.lanes = 8, .h = 8, .w = 8};
    struct yt_net *net = lower(r.graph, &options);
    assert_int_equal(net->layer_count, 3);
    assert_int_equal(net->layers[0].problem.u.conv2d.k, 24);
    for (int32_t i = 20 * 27; i < 24 * 27; i++)
        assert_true(net->layers[0].weights[i] == 0.0f);
    const struct yt_layer *head = &net->layers[2];
    assert_int_equal(head->problem.u.conv2d.c, 32);
    assert_int_equal(head->problem.u.conv2d.k, 7);
    const float *weights = r.graph->nodes[r.graph->heads[0].node].weights;
    for (int32_t c = 0; c < 32; c++) {
        const int32_t from = c < 20 ? c : c >= 24 && c < 29 ? c - 4 : -1;
        assert_true(head->weights[c] == (from < 0 ? 0.0f : weights[from]));
    }
    yt_net_destroy(net);
    yt_graph_destroy(r.graph);
}

static void image_is_in_0_to_255(void **state)
{
    (void)state;
    struct random_graph r;
    begin_graph(&r, 4);
    end_graph(&r, (const int32_t[]){add_conv(&r, 0, 4, 3, 1)}, 1, 1, 1);
    const struct yt_net_options options = {.lanes = 4, .h = 4, .w = 4};
    struct yt_net *net = lower(r.graph, &options);
    assert_int_equal(net->layers[0].problem.u.conv2d.c, 3);
    for (int32_t i = 0; i < 4 * 27; i++)
        assert_true(net->layers[0].weights[i] ==
                    (float)((double)r.graph->nodes[1].weights[i] / 255.0));
    assert_int_equal(net->layers[0].in, net->input);
    yt_net_destroy(net);
    yt_graph_destroy(r.graph);
}

static void bad_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        int32_t lanes, h, w;
        enum yt_status status;
    } rows[] = {
        {5, 64, 64, YT_BAD_ARGUMENT},      {16, 64, 65, YT_BAD_ARGUMENT},
        {16, 0, 64, YT_BAD_ARGUMENT},      {16, -32, 64, YT_BAD_ARGUMENT},
        {16, 65536, 32, YT_BAD_ARGUMENT},  {16, 32768, 32768, YT_UNSUPPORTED},
        {16, 16384, 8192, YT_UNSUPPORTED},
    };
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_graph_builtin("n", 1, &graph), YT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct yt_net *net = NULL;
        const struct yt_net_options options = {
            .lanes = rows[i].lanes, .h = rows[i].h, .w = rows[i].w};
        assert_int_equal(yt_net_lower(graph, &options, &net), rows[i].status);
        assert_null(net);
    }
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_channels_are_filled_up),
        cmocka_unit_test(image_is_in_0_to_255),
        cmocka_unit_test(layers_are_fused),
        cmocka_unit_test(totals_are_the_official_ones),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(odd_graphs_keep_their_meaning),
        cmocka_unit_test(random_graphs_keep_their_meaning),
        cmocka_unit_test(yolov5n_keeps_its_meaning),
        cmocka_unit_test(official_files_keep_their_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
