/* The static figures, against ones worked out by hand from YOLOv5's shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/analyze.h"

/* @param precise  node that stays f32; NULL: none. */
static struct yt_analysis *analyse_typed(const char *size,
                                         struct yt_net_options options,
                                         enum yt_dtype dtype,
                                         const char *precise)
{
    struct yt_graph *graph = NULL;
    struct yt_net *net = NULL;
    struct yt_analysis *analysis = NULL;
    assert_int_equal(yt_graph_builtin(size, 1, &graph), YT_OK);
    uint8_t *dtypes = calloc((size_t)graph->node_count, 1);
    assert_non_null(dtypes);
    for (int32_t i = 0; i < graph->node_count; i++)
        if (!precise || strcmp(graph->nodes[i].name, precise) != 0)
            dtypes[i] = (uint8_t)dtype;
    options.dtypes = dtypes;
    assert_int_equal(yt_net_lower(graph, &options, &net), YT_OK);
    assert_int_equal(yt_analyze(net, &analysis), YT_OK);
    yt_net_destroy(net);
    free(dtypes);
    yt_graph_destroy(graph);
    return analysis;
}

static struct yt_analysis *analyse(const char *size, int32_t lanes, int32_t h,
                                   int32_t w, int32_t no_fuse_upsample)
{
    const struct yt_net_options options = {
        .lanes = lanes, .h = h, .w = w, .no_fuse_upsample = no_fuse_upsample};
    return analyse_typed(size, options, YT_DTYPE_F32, NULL);
}

static const struct yt_layer_analysis *find(const struct yt_analysis *a,
                                            const char *name)
{
    for (int32_t i = 0; i < a->layer_count; i++)
        if (strcmp(a->layers[i].name, name) == 0)
            return &a->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

/* yolov5s at 640, 16 lanes. */
static const struct {
    const char *name, *kind;
    int32_t in_c, in_h, out_c, out_h;
    uint64_t parameters, flops, run_flops;
    uint64_t weight_bytes, in_bytes, out_bytes, add_bytes;
} rows[] = {
    /* 32 filters of 3 x 6 x 6 on 320 x 320 */
    {"model.0", "conv 6x6 s2", 3, 640, 32, 320, 3488, 707788800, 707788800,
     13952, 4915200, 13107200, 0},
    {"model.2.m.0.cv2", "conv 3x3 s1", 32, 160, 32, 160, 9248, 471859200,
     471859200, 36992, 3276800, 3276800, 3276800},
    /* pools count no arithmetic in the model */
    {"model.9.m.0", "sppf 5x5", 256, 20, 768, 20, 0, 0, UINT64_MAX, 0, 409600,
     1228800, 0},
    /* half of model.13's first 1x1: counted at 40 x 40, run at 20 x 20 */
    {"model.13.cv1+cv2.up", "conv 1x1 s1", 256, 20, 256, 20, 65536, 209715200,
     52428800, 263168, 409600, 409600, 0},
    {"model.13.cv1+cv2", "conv 1x1 s1", 256, 40, 256, 40, 65792, 209715200,
     209715200, 263168, 1638400, 1638400, 409600},
    /* 255 channels lie in 16 blocks of 16; run: objectness, 3 of them */
    {"model.24.m.2", "conv 1x1 s1", 512, 20, 255, 20, 130815, 104448000,
     1228800, 523260, 819200, 409600, 0},
};

static void layers_have_their_figures(void **state)
{
    (void)state;
    struct yt_analysis *a = analyse("s", 16, 640, 640, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct yt_layer_analysis *layer = find(a, rows[i].name);
        assert_string_equal(layer->kind, rows[i].kind);
        assert_int_equal(layer->in_c, rows[i].in_c);
        assert_int_equal(layer->in_h, rows[i].in_h);
        assert_int_equal(layer->in_w, rows[i].in_h);
        assert_int_equal(layer->out_c, rows[i].out_c);
        assert_int_equal(layer->out_h, rows[i].out_h);
        assert_int_equal(layer->out_w, rows[i].out_h);
        assert_int_equal(layer->parameters, rows[i].parameters);
        assert_int_equal(layer->flops, rows[i].flops);
        if (rows[i].run_flops != UINT64_MAX)
            assert_int_equal(layer->run_flops, rows[i].run_flops);
        assert_int_equal(layer->weight_bytes, rows[i].weight_bytes);
        assert_int_equal(layer->in_bytes, rows[i].in_bytes);
        assert_int_equal(layer->out_bytes, rows[i].out_bytes);
        assert_int_equal(layer->add_bytes, rows[i].add_bytes);
        const uint64_t moved = rows[i].weight_bytes + rows[i].in_bytes +
                               rows[i].out_bytes + rows[i].add_bytes;
        assert_int_equal(layer->moved_bytes, moved);
        const double intensity = (double)layer->run_flops / (double)moved;
        assert_true(layer->intensity > 0.999 * intensity &&
                    layer->intensity < 1.001 * intensity);
    }
    yt_analysis_destroy(a);
}

/* The same layers in bytes, one head in f32: the image has a border of two,
 * heads and half-size addends stay f32, and so do 4 bytes of bias a channel. */
static const struct {
    const char *name, *kind;
    uint64_t weight_bytes, in_bytes, out_bytes, add_bytes;
} byte_rows[] = {
    {"model.0", "conv 6x6 s2", 3456 + 128, 3 * 644 * 644, 3276800, 0},
    {"model.2.m.0.cv2", "conv 3x3 s1", 9216 + 128, 819200, 819200, 819200},
    {"model.9.m.0", "sppf 5x5", 0, 102400, 307200, 0},
    {"model.13.cv1+cv2.up", "conv 1x1 s1", 65536 + 1024, 102400, 409600, 0},
    {"model.13.cv1+cv2", "conv 1x1 s1", 65536 + 1024, 409600, 409600, 409600},
    {"model.17.cv3.to_u8s8", "convert to u8s8", 0, 3276800, 819200, 0},
    {"model.24.m.0", "conv 1x1 s1", 131580, 3276800, 6553600, 0},
    {"model.24.m.2", "conv 1x1 s1", 130560 + 1020, 204800, 409600, 0},
};

static void types_have_their_bytes(void **state)
{
    (void)state;
    const struct yt_net_options options = {.lanes = 16, .h = 640, .w = 640};
    struct yt_analysis *a =
        analyse_typed("s", options, YT_DTYPE_U8S8, "model.24.m.0");
    for (size_t i = 0; i < sizeof byte_rows / sizeof byte_rows[0]; i++) {
        const struct yt_layer_analysis *layer = find(a, byte_rows[i].name);
        assert_string_equal(layer->kind, byte_rows[i].kind);
        assert_int_equal(layer->weight_bytes, byte_rows[i].weight_bytes);
        assert_int_equal(layer->in_bytes, byte_rows[i].in_bytes);
        assert_int_equal(layer->out_bytes, byte_rows[i].out_bytes);
        assert_int_equal(layer->add_bytes, byte_rows[i].add_bytes);
    }
    assert_int_equal(find(a, "model.17.cv3.to_u8s8")->run_flops, 0);
    assert_int_equal(find(a, "model.24.m.2")->dtype, YT_DTYPE_U8S8);
    assert_int_equal(find(a, "model.24.m.2")->out, YT_DTYPE_F32);
    const struct yt_type_analysis *t = a->types;
    assert_int_equal(t[YT_DTYPE_F32].layers, 2); /* the head, the conversion */
    assert_int_equal(t[YT_DTYPE_F32].weight_bytes, 131580);
    assert_int_equal(t[YT_DTYPE_F32].layers + t[YT_DTYPE_U8S8].layers,
                     a->layer_count);
    assert_int_equal(t[YT_DTYPE_F32].weight_bytes +
                         t[YT_DTYPE_U8S8].weight_bytes,
                     a->weight_bytes);
    assert_true(t[YT_DTYPE_U8S8].feature_bytes > 0);
    const double head = find(a, "model.24.m.0")->flops_share;
    assert_float_equal(t[YT_DTYPE_F32].flops_share, head, 1e-9);
    assert_float_equal(t[YT_DTYPE_U8S8].flops_share, 1 - head, 1e-6);
    assert_int_equal(t[YT_DTYPE_BF16].layers, 0);
    yt_analysis_destroy(a);
}

static void totals_are_sums(void **state)
{
    (void)state;
    struct yt_analysis *a = analyse("s", 16, 640, 640, 0);
    assert_int_equal(a->parameters, 7225885);
    assert_int_equal(a->parameter_bytes, 4 * 7225885);
    assert_int_equal((a->flops + 50000000) / 100000000, 164); /* 16.4 GFLOP */
    uint64_t parameters = 0;
    uint64_t flops = 0;
    uint64_t moved = 0;
    double share = 0;
    for (int32_t i = 0; i < a->layer_count; i++) {
        parameters += a->layers[i].parameters;
        flops += a->layers[i].flops;
        moved += a->layers[i].moved_bytes;
        share += a->layers[i].flops_share;
    }
    assert_int_equal(parameters, a->parameters);
    assert_int_equal(flops, a->flops);
    assert_int_equal(moved, a->moved_bytes);
    assert_true(share > 0.999999 && share < 1.000001);
    assert_true(a->floor_bytes <= a->arena_bytes);
    assert_true(a->arena_bytes < a->feature_bytes);
    yt_analysis_destroy(a);
}

static double key(const struct yt_layer_analysis *layer, int order)
{
    switch (order) {
    case YT_BY_FLOPS:
        return (double)layer->flops;
    case YT_BY_PARAMETERS:
        return (double)layer->parameters;
    case YT_BY_BYTES:
        return (double)layer->moved_bytes;
    case YT_BY_INTENSITY:
        return -layer->intensity;
    default:
        return 0;
    }
}

static void orders_are_sorted_permutations(void **state)
{
    (void)state;
    struct yt_analysis *a = analyse("n", 8, 320, 416, 1);
    for (int o = 0; o < YT_ANALYSIS_ORDER_COUNT; o++) {
        char *seen = calloc((size_t)a->layer_count, 1);
        assert_non_null(seen);
        for (int32_t i = 0; i < a->layer_count; i++) {
            const int32_t index = a->order[o][i];
            assert_in_range(index, 0, a->layer_count - 1);
            assert_int_equal(seen[index]++, 0);
            if (i == 0)
                continue;
            const int32_t before = a->order[o][i - 1];
            const double x = key(&a->layers[before], o);
            const double y = key(&a->layers[index], o);
            assert_true(x > y || (x == y && before < index));
        }
        free(seen);
    }
    assert_string_equal(find(a, "model.11")->kind, "upsample 2x");
    assert_int_equal(find(a, "model.11")->out_w, 2 * find(a, "model.11")->in_w);
    yt_analysis_destroy(a);
}

static void orders_have_names(void **state)
{
    (void)state;
    for (int o = 0; o < YT_ANALYSIS_ORDER_COUNT; o++)
        assert_int_equal(yt_analysis_order_find(
                             yt_analysis_order_name((enum yt_analysis_order)o)),
                         o);
    assert_int_equal(yt_analysis_order_find("beauty"), -1);
    yt_analysis_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_their_figures),
        cmocka_unit_test(types_have_their_bytes),
        cmocka_unit_test(totals_are_sums),
        cmocka_unit_test(orders_are_sorted_permutations),
        cmocka_unit_test(orders_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
