/* Lowering with a type for each convolution. Kernels are not run here: a
 * network is followed from writer to reader through its arena instead, where
 * types and nodes have to match, and filters are compared with the graph's by
 * the nodes a layer names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/lower.h"
#include "model/net.h"
#include "random_graph.h"
#include "runtime/fail.h"

static const char *what; /* is being checked, for messages */

#define CHECK(condition, layer)                                                \
    do {                                                                       \
        if (!(condition))                                                      \
            fail_msg("%s: %s: %s", what, (layer)->name, #condition);           \
    } while (0)

static struct yt_net *lower(const struct yt_graph *graph,
                            const struct yt_net_options *options)
{
    struct yt_net *net = NULL;
    if (yt_net_lower(graph, options, &net) != YT_OK)
        fail_msg("%s: %s", what, yt_error());
    return net;
}

/* A tensor as a layer's problem describes it. */
struct tensor {
    int64_t at; /* bytes into the arena; -1: none */
    int32_t c, h, w;
    enum yt_dtype dtype;
    const int32_t *nodes; /* [c] */
};

static int64_t block_bytes(const struct yt_net *net, const struct tensor *t)
{
    return (int64_t)t->h * t->w * net->lanes * yt_dtype_bytes(t->dtype);
}

static struct tensor input_of(const struct yt_layer *layer)
{
    const struct yt_problem *p = &layer->problem;
    struct tensor t = {
        .at = layer->in, .dtype = p->dtype, .nodes = layer->in_nodes};
    switch (p->op) {
    case YT_OP_CONV2D:
        t.c = p->u.conv2d.c;
        t.h = p->u.conv2d.h;
        t.w = p->u.conv2d.w;
        break;
    case YT_OP_UPSAMPLE:
        t.c = p->u.upsample.c;
        t.h = p->u.upsample.h;
        t.w = p->u.upsample.w;
        break;
    case YT_OP_CONVERT:
        t.c = p->u.convert.c;
        t.h = p->u.convert.h;
        t.w = p->u.convert.w;
        break;
    default:
        t.c = p->u.pool.c;
        t.h = p->u.pool.h;
        t.w = p->u.pool.w;
        break;
    }
    return t;
}

static struct tensor output_of(const struct yt_layer *layer)
{
    const struct yt_problem *p = &layer->problem;
    struct tensor t = input_of(layer);
    t.at = layer->out;
    t.dtype = p->out;
    t.nodes = layer->out_nodes;
    switch (p->op) {
    case YT_OP_CONV2D:
        t.c = p->u.conv2d.k;
        t.h = yt_conv2d_out_h(&p->u.conv2d);
        t.w = yt_conv2d_out_w(&p->u.conv2d);
        break;
    case YT_OP_UPSAMPLE:
        t.h *= 2;
        t.w *= 2;
        break;
    case YT_OP_SPPF:
        t.c *= 3;
        break;
    default:
        break;
    }
    return t;
}

static struct tensor addend_of(const struct yt_layer *layer)
{
    struct tensor t = output_of(layer);
    t.at = layer->add;
    t.nodes = layer->add_nodes;
    if (layer->problem.u.conv2d.add == YT_ADD_UP2) {
        t.h /= 2;
        t.w /= 2;
        t.dtype = YT_DTYPE_F32;
    }
    return t;
}

/* Each block of channels was written last as what it is read as. */
static void check_reads(const struct yt_net *net, int32_t reader,
                        const struct tensor *t)
{
    const struct yt_layer *layer = &net->layers[reader];
    for (int32_t c = 0; c < t->c; c += net->lanes) {
        const int64_t at = t->at + c / net->lanes * block_bytes(net, t);
        struct tensor w = {.at = -1};
        int64_t bytes = 0;
        int32_t writer = reader;
        while (--writer >= 0) {
            w = output_of(&net->layers[writer]);
            bytes = block_bytes(net, &w);
            const int32_t blocks = (w.c + net->lanes - 1) / net->lanes;
            if (w.at <= at && at < w.at + blocks * bytes)
                break;
        }
        if (writer < 0 || bytes <= 0) {
            fail_msg("%s: %s: nobody wrote channel %d", what, layer->name, c);
            return;
        }
        CHECK(w.dtype == t->dtype && w.h == t->h && w.w == t->w, layer);
        CHECK((at - w.at) % bytes == 0, layer);
        CHECK(!yt_dtype_is_integer(t->dtype) || (w.nodes && t->nodes), layer);
        if (w.nodes && t->nodes)
            assert_memory_equal(w.nodes + (at - w.at) / bytes * net->lanes,
                                t->nodes + c,
                                (size_t)net->lanes * sizeof *w.nodes);
    }
}

static int32_t index_in_run(const int32_t *nodes, int32_t i)
{
    int32_t first = i;
    while (first > 0 && nodes[first - 1] == nodes[i])
        first--;
    return i - first;
}

/* A layer's weight, which is not stored where it is zero between groups. */
static float layer_weight(const struct yt_layer *layer, int32_t k, int32_t c,
                          int32_t tap)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int32_t reads = yt_conv2d_reads(p);
    const int32_t first = p->groups ? k / (p->k / p->groups) * reads : 0;
    if (c < first || c >= first + reads)
        return 0;
    return layer->weights[(k * reads + c - first) * p->r * p->r + tap];
}

/* One row of the filter is what its node, the input's nodes and filter_first
 * say it is. */
static void check_row(const struct yt_graph *graph,
                      const struct yt_layer *layer, int32_t k)
{
    const struct yt_conv2d *p = &layer->problem.u.conv2d;
    const int32_t taps = p->r * p->r;
    const int32_t n = layer->conv_nodes[k];
    if (n < 0)
        return;
    const struct yt_node *node = &graph->nodes[n];
    CHECK(node->kind == YT_NODE_CONV, layer);
    const int32_t row = index_in_run(layer->conv_nodes, k);
    CHECK(row < node->c, layer);
    const int32_t node_c = graph->nodes[node->inputs[0]].c;
    int32_t from = layer->filter_first;
    for (int32_t c = 0; c < p->c; c++) {
        const int is_fill = layer->in_nodes[c] < 0;
        for (int32_t t = 0; t < taps; t++) {
            float want = 0.0f;
            if (!is_fill)
                want = node->weights[(row * node_c + from) * taps + t];
            if (p->c == 3)
                want = (float)((double)want / 255.0);
            CHECK(layer_weight(layer, k, c, t) == want, layer);
        }
        from += !is_fill;
    }
    CHECK(from <= node_c, layer);
}

/* Channels of a node come all together, in order. */
static void check_node_counts(const struct yt_graph *graph,
                              const struct yt_layer *layer,
                              const int32_t *nodes, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t n = nodes[i];
        if (n < 0)
            continue;
        const int last = i + 1 == count || nodes[i + 1] != n;
        CHECK(n < graph->node_count, layer);
        CHECK(!last || (index_in_run(nodes, i) + 1) % graph->nodes[n].c == 0,
              layer);
    }
}

static void check_nodes(const struct yt_graph *graph,
                        const struct yt_layer *layer)
{
    const struct yt_problem *p = &layer->problem;
    const int is_integer =
        yt_dtype_is_integer(p->dtype) || yt_dtype_is_integer(p->out);
    const int is_conv = p->op == YT_OP_CONV2D;
    CHECK(is_integer == (layer->in_nodes != NULL), layer);
    CHECK(is_integer == (layer->out_nodes != NULL), layer);
    CHECK((is_integer && is_conv) == (layer->conv_nodes != NULL), layer);
    const int adds = is_conv && p->u.conv2d.add == YT_ADD_RESIDUAL;
    CHECK((is_integer && adds) == (layer->add_nodes != NULL), layer);
    if (!is_integer)
        return;
    check_node_counts(graph, layer, layer->in_nodes, input_of(layer).c);
    check_node_counts(graph, layer, layer->out_nodes, output_of(layer).c);
    for (int32_t k = 0; is_conv && k < p->u.conv2d.k; k++)
        check_row(graph, layer, k);
}

/* The image in the arena, and what else has to lie apart from it. */
static void check_image(const struct yt_net *net, const struct yt_layer *layer)
{
    const struct yt_problem *p = &layer->problem;
    CHECK(layer->in == net->input && p->dtype == net->input_dtype, layer);
    if (net->input_dtype == YT_DTYPE_F32) {
        CHECK(net->input_pad == 0, layer);
        return;
    }
    const int32_t pad = net->input_pad;
    CHECK(pad == p->u.conv2d.pad, layer);
    const int64_t bytes = 3ll * (net->h + 2 * pad) * (net->w + 2 * pad) *
                          yt_dtype_bytes(net->input_dtype);
    CHECK(net->input + bytes + 64 <= net->arena_bytes, layer);
    const struct tensor out = output_of(layer);
    CHECK(out.at >= net->input + bytes + 64 || out.at < net->input, layer);
    for (int32_t c = 0; layer->in_nodes && c < 3; c++)
        CHECK(layer->in_nodes[c] == 0, layer);
}

static void check_net(const struct yt_graph *graph, const struct yt_net *net)
{
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct yt_layer *layer = &net->layers[i];
        const struct tensor in = input_of(layer);
        assert_int_equal(yt_problem_check(&layer->problem), YT_OK);
        CHECK(layer->head < 0 || layer->problem.out == YT_DTYPE_F32, layer);
        if (in.c == 3)
            check_image(net, layer);
        else
            check_reads(net, i, &in);
        if (layer->add >= 0) {
            const struct tensor add = addend_of(layer);
            check_reads(net, i, &add);
        }
        check_nodes(graph, layer);
    }
}

/* Each convolution's arithmetic is what was asked for; only the image can
 * change that, and for all its readers. */
static void check_arithmetic(const struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        const enum yt_dtype in = ir->values[op->in].dtype;
        for (int32_t j = 0; j < op->part_count; j++) {
            const int32_t node = op->parts[j].node;
            const enum yt_dtype asked =
                node < 0 ? YT_DTYPE_F32
                         : (enum yt_dtype)ir->options.dtypes[node];
            if (op->op != YT_OP_CONV2D)
                continue;
            if (in != asked && (op->in != 0 || in != YT_DTYPE_F32))
                fail_msg("%s: op %d of type %d instead of %d", what, i, in,
                         asked);
        }
    }
}

/* A conversion is made once, and only of what nobody could have stored. */
static void check_converts(const struct yt_ir *ir)
{
    for (int32_t i = 0; i < ir->op_count; i++) {
        const struct yt_ir_op *op = &ir->ops[i];
        if (op->op != YT_OP_CONVERT)
            continue;
        const enum yt_dtype to = ir->values[op->parts[0].out].dtype;
        int32_t readers = 0;
        for (int32_t j = 0; j < ir->op_count; j++) {
            const struct yt_ir_op *other = &ir->ops[j];
            readers += other->op == YT_OP_CONV2D &&
                       other->in == op->parts[0].out && j > i;
            assert_false(j != i && other->op == YT_OP_CONVERT &&
                         other->in == op->in &&
                         ir->values[other->parts[0].out].dtype == to);
        }
        assert_true(readers > 0);
        assert_int_not_equal(op->in, 0);
        assert_int_not_equal(to, YT_DTYPE_F32); /* the most precise: stored */
        assert_int_not_equal(ir->values[op->in].dtype, to);
    }
}

static void check_ir(const struct yt_graph *graph,
                     const struct yt_net_options *options)
{
    struct yt_ir ir;
    assert_int_equal(yt_ir_init(&ir, graph, options), YT_OK);
    assert_int_equal(yt_ir_select(&ir), YT_OK);
    assert_int_equal(yt_ir_type(&ir), YT_OK);
    yt_ir_fuse(&ir);
    check_arithmetic(&ir);
    check_converts(&ir);
    yt_ir_deinit(&ir);
}

static void random_types_match_from_layer_to_layer(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        char name[64];
        snprintf(name, sizeof name, "seed %u", (unsigned)seed);
        what = name;
        struct yt_graph *graph =
            grow_graph(seed, 3 + (int32_t)(seed % 12), seed % 3 == 0);
        uint8_t *dtypes = random_dtypes(graph, seed);
        const struct yt_net_options options = {
            .lanes = 4 << seed % 3,
            .h = 16,
            .w = 24,
            .no_fuse_upsample = (int32_t)(seed / 3 % 2),
            .no_fuse_twin = (int32_t)(seed / 6 % 2),
            .dtypes = dtypes};
        struct yt_net *net = lower(graph, &options);
        check_net(graph, net);
        check_ir(graph, &options);
        yt_net_destroy(net);
        free(dtypes);
        yt_graph_destroy(graph);
    }
}

/* A YOLOv5 of one type, but for the named convolution in another. */
static struct yt_net *lower_yolo(const char *size, enum yt_dtype most,
                                 const char *other, enum yt_dtype dtype)
{
    struct yt_graph *graph = NULL;
    what = size;
    assert_int_equal(yt_graph_builtin(size, 5, &graph), YT_OK);
    uint8_t *dtypes = malloc((size_t)graph->node_count);
    assert_non_null(dtypes);
    int32_t found = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const int is_other = other && strcmp(graph->nodes[i].name, other) == 0;
        dtypes[i] = (uint8_t)(is_other ? dtype : most);
        found += is_other;
    }
    assert_int_equal(found, other != NULL);
    const struct yt_net_options options = {
        .lanes = 16, .h = 640, .w = 640, .dtypes = dtypes};
    struct yt_net *net = lower(graph, &options);
    check_net(graph, net);
    free(dtypes);
    yt_graph_destroy(graph);
    return net;
}

static const struct yt_layer *find_layer(const struct yt_net *net,
                                         const char *name)
{
    for (int32_t i = 0; i < net->layer_count; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return &net->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

static void expect_problem(const struct yt_net *net, const char *layer,
                           const char *expected)
{
    char name[YT_PROBLEM_NAME_MAX];
    yt_problem_name(&find_layer(net, layer)->problem, name);
    assert_string_equal(name, expected);
}

static int32_t count_converts(const struct yt_net *net)
{
    int32_t count = 0;
    for (int32_t i = 0; i < net->layer_count; i++)
        count += net->layers[i].problem.op == YT_OP_CONVERT;
    return count;
}

/* Heads and half-size addends stay f32, whatever the type. */
static int64_t f32_bytes(const struct yt_net *net)
{
    int64_t elements = 0;
    for (int32_t i = 0; i < net->layer_count; i++) {
        const struct tensor t = output_of(&net->layers[i]);
        if (t.dtype == YT_DTYPE_F32)
            elements += (t.c + 15ll) / 16 * 16 * t.h * t.w;
    }
    return 4 * elements;
}

static void one_type_shrinks_all_but_what_is_f32(void **state)
{
    (void)state;
    struct yt_net *f32 = lower_yolo("n", YT_DTYPE_F32, NULL, YT_DTYPE_F32);
    for (int dtype = 1; dtype < YT_DTYPE_COUNT; dtype++) {
        struct yt_net *net =
            lower_yolo("n", (enum yt_dtype)dtype, NULL, YT_DTYPE_F32);
        const int32_t bytes = yt_dtype_bytes((enum yt_dtype)dtype);
        assert_int_equal(net->layer_count, f32->layer_count);
        assert_int_equal(count_converts(net), 0);
        assert_int_equal(net->input_dtype, dtype);
        assert_int_equal(net->input_pad, 2);
        const int64_t image = 3ll * (644 * 644 - 640 * 640) * bytes + 64;
        const int64_t kept = f32_bytes(net);
        assert_int_equal(net->feature_bytes - kept - image,
                         (f32->feature_bytes - kept) / 4 * bytes);
        /* The heads live to the end, and are most of what is left. */
        assert_true(10 * net->arena_bytes <= 11 * net->floor_bytes);
        for (int32_t i = 0; i < net->layer_count; i++)
            assert_int_equal(net->layers[i].problem.dtype, dtype);
        yt_net_destroy(net);
    }
    yt_net_destroy(f32);
}

static void yolov5n_of_bytes_has_its_problems(void **state)
{
    (void)state;
    struct yt_net *net = lower_yolo("n", YT_DTYPE_U8S8, NULL, YT_DTYPE_F32);
    expect_problem(net, "model.0", "conv2d-u8s8-3x640x640-k16r6s2p2-silu");
    expect_problem(net, "model.2.m.0.cv2",
                   "conv2d-u8s8-16x160x160-k16r3s1p1-silu-res");
    expect_problem(net, "model.9.m.0", "sppf-u8s8-128x20x20-r5");
    expect_problem(net, "model.13.cv1+cv2.up",
                   "conv2d-u8s8_f32-128x20x20-k128r1s1p0");
    expect_problem(net, "model.13.cv1+cv2",
                   "conv2d-u8s8-128x40x40-k128r1s1p0-silu-up2");
    expect_problem(net, "model.24.m.0",
                   "conv2d-u8s8_f32-64x80x80-k255r1s1p0-lazy3");
    const struct yt_layer *residual = find_layer(net, "model.2.m.0.cv2");
    assert_int_equal(residual->add, residual->out);
    assert_int_not_equal(residual->add_nodes[0], residual->out_nodes[0]);
    const struct yt_layer *sppf = find_layer(net, "model.9.m.0");
    assert_int_equal(sppf->out - sppf->in, 128 * 20 * 20);
    assert_int_equal(sppf->out_nodes[3 * 128 - 1], sppf->in_nodes[0]);
    assert_int_equal(find_layer(net, "model.13.cv1+cv2.up")->out_nodes[0], -1);
    yt_net_destroy(net);
}

/* Nobody else reads what model.9.cv2 reads. The head shares its input with
 * model.18, which needs bytes. */
static void one_precise_layer_costs_little(void **state)
{
    (void)state;
    struct yt_net *net =
        lower_yolo("n", YT_DTYPE_U8S8, "model.9.cv2", YT_DTYPE_F32);
    assert_int_equal(count_converts(net), 0);
    expect_problem(net, "model.9.cv1",
                   "conv2d-u8s8_f32-256x20x20-k128r1s1p0-silu");
    expect_problem(net, "model.9.m.0", "sppf-f32-128x20x20-r5");
    expect_problem(net, "model.9.cv2",
                   "conv2d-f32_u8s8-512x20x20-k256r1s1p0-silu");
    assert_null(find_layer(net, "model.9.m.0")->in_nodes);
    yt_net_destroy(net);

    net = lower_yolo("n", YT_DTYPE_U8S8, "model.24.m.0", YT_DTYPE_F32);
    assert_int_equal(count_converts(net), 1);
    expect_problem(net, "model.17.cv3.to_u8s8", "convert-f32_u8s8-64x80x80");
    expect_problem(net, "model.18", "conv2d-u8s8-64x80x80-k64r3s2p1-silu");
    expect_problem(net, "model.24.m.0", "conv2d-f32-64x80x80-k255r1s1p0-lazy3");
    const struct yt_layer *convert = find_layer(net, "model.17.cv3.to_u8s8");
    assert_int_equal(find_layer(net, "model.18")->in, convert->out);
    assert_int_equal(find_layer(net, "model.24.m.0")->in, convert->in);
    assert_memory_equal(convert->in_nodes, convert->out_nodes,
                        64 * sizeof *convert->in_nodes);
    yt_net_destroy(net);
}

/* With cv1 in f32 its input is f32, so cv2 reads a copy, and the two are no
 * twins any more. */
static void twins_of_two_types_stay_apart(void **state)
{
    (void)state;
    struct yt_net *net =
        lower_yolo("s", YT_DTYPE_U8S8, "model.2.cv1", YT_DTYPE_F32);
    assert_int_equal(count_converts(net), 1);
    expect_problem(net, "model.2.cv1",
                   "conv2d-f32_u8s8-64x160x160-k32r1s1p0-silu");
    expect_problem(net, "model.1.to_u8s8", "convert-f32_u8s8-64x160x160");
    expect_problem(net, "model.2.cv2", "conv2d-u8s8-64x160x160-k32r1s1p0-silu");
    yt_net_destroy(net);
}

/* Two layers on the image: one type and padding, or f32 for both. */
static void readers_of_the_image_have_to_agree(void **state)
{
    (void)state;
    static const struct {
        int32_t r;
        enum yt_dtype a, b, image;
        int32_t pad;
    } rows[] = {
        {3, YT_DTYPE_U8S8, YT_DTYPE_U8S8, YT_DTYPE_U8S8, 1},
        {3, YT_DTYPE_BF16, YT_DTYPE_BF16, YT_DTYPE_BF16, 1},
        {3, YT_DTYPE_U8S8, YT_DTYPE_BF16, YT_DTYPE_F32, 0},
        {3, YT_DTYPE_F32, YT_DTYPE_U8S8, YT_DTYPE_F32, 0},
        {1, YT_DTYPE_U8S8, YT_DTYPE_U8S8, YT_DTYPE_F32, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct random_graph r;
        what = "image";
        begin_graph(&r, i);
        const int32_t a = add_conv_silu(&r, 0, 16, 3, 1);
        const int32_t b = add_conv_silu(&r, 0, 16, rows[i].r, 1);
        const int32_t both = add_concat(&r, a, b);
        end_graph(&r, &both, 1, 1, 2);
        uint8_t dtypes[16] = {0};
        dtypes[1] = (uint8_t)rows[i].a;
        dtypes[3] = (uint8_t)rows[i].b;
        const struct yt_net_options options = {
            .lanes = 8, .h = 8, .w = 8, .dtypes = dtypes};
        struct yt_net *net = lower(r.graph, &options);
        assert_int_equal(net->input_dtype, rows[i].image);
        assert_int_equal(net->input_pad, rows[i].pad);
        assert_int_equal(net->layers[0].problem.dtype, rows[i].image);
        assert_int_equal(net->layers[1].problem.dtype, rows[i].image);
        check_net(r.graph, net);
        yt_net_destroy(net);
        yt_graph_destroy(r.graph);
    }
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    struct random_graph r;
    begin_graph(&r, 1);
    const int32_t last = add_conv_silu(&r, 0, 16, 3, 1);
    end_graph(&r, &last, 1, 1, 2);
    const uint8_t dtypes[] = {0, YT_DTYPE_COUNT, 0, 0};
    const struct yt_net_options options = {
        .lanes = 8, .h = 8, .w = 8, .dtypes = dtypes};
    struct yt_net *net = NULL;
    assert_int_equal(yt_net_lower(r.graph, &options, &net), YT_BAD_ARGUMENT);
    assert_null(net);
    yt_graph_destroy(r.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_types_match_from_layer_to_layer),
        cmocka_unit_test(one_type_shrinks_all_but_what_is_f32),
        cmocka_unit_test(yolov5n_of_bytes_has_its_problems),
        cmocka_unit_test(one_precise_layer_costs_little),
        cmocka_unit_test(twins_of_two_types_stay_apart),
        cmocka_unit_test(readers_of_the_image_have_to_agree),
        cmocka_unit_test(unknown_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
