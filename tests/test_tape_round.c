/* Quantisation-aware tapes: what they compute is what the network built in
 * integers computes, and gradients pass through the rounding. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "assert_ok.h"
#include "random_graph.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "train/net/tape.h"
#include "tuner/build/build.h"

#define SIZE 32

/* Pixels 0..255, planes. */
static float *make_image(uint64_t seed)
{
    struct random_graph r = {.state = seed};
    float *image = malloc(3 * SIZE * SIZE * sizeof *image);
    assert_non_null(image);
    for (int i = 0; i < 3 * SIZE * SIZE; i++)
        image[i] = (float)next_below(&r, 256) / 255.0f;
    return image;
}

static struct yt_tape *make_tape(const struct yt_graph *graph,
                                 const struct yt_quantisation *q,
                                 int32_t forward_only)
{
    struct yt_tape *tape = NULL;
    const struct yt_tape_options options = {
        .batch = 1,
        .h = SIZE,
        .w = SIZE,
        .threads = 1,
        .forward_only = forward_only,
        .quantisation = q,
        .weight_max = yt_isa_weight_max(yt_isa_get(YT_ISA_SCALAR))};
    assert_ok(yt_tape_create(graph, &options, &tape));
    return tape;
}

static int64_t node_size(struct yt_tape *tape, const struct yt_graph *graph,
                         int32_t node)
{
    int32_t h, w;
    yt_tape_shape(tape, node, &h, &w);
    return (int64_t)graph->nodes[node].c * h * w;
}

static float *read_node(struct yt_tape *tape, const struct yt_graph *graph,
                        int32_t node)
{
    float *values =
        malloc((size_t)node_size(tape, graph, node) * sizeof *values);
    assert_non_null(values);
    assert_ok(yt_tape_read(tape, node, values));
    return values;
}

/* Ranges of one image, as far as share of them goes. */
static struct yt_quantisation *observe(const struct yt_graph *graph,
                                       const float *image, float share)
{
    struct yt_quantisation *q = NULL;
    struct yt_tape *tape = make_tape(graph, NULL, 1);
    assert_ok(yt_quantisation_create(graph, &q));
    assert_ok(yt_tape_forward(tape, image));
    for (int32_t i = 1; i < graph->node_count; i++) {
        struct yt_node_range *range = &q->ranges[i];
        float *values = read_node(tape, graph, i);
        range->lo = range->hi = range->seen_lo = range->seen_hi = 0;
        for (int64_t j = 0; j < node_size(tape, graph, i); j++) {
            range->seen_lo = fminf(range->seen_lo, values[j]);
            range->seen_hi = fmaxf(range->seen_hi, values[j]);
        }
        range->lo = share * range->seen_lo;
        range->hi = share * range->seen_hi;
        free(values);
    }
    yt_tape_destroy(tape);
    return q;
}

/* ------------------------------------------------------------- in integers */

static void put_pixel(void *arena, enum yt_dtype dtype, int64_t at, float value)
{
    const long code = lrintf(value * 255.0f);
    if (dtype == YT_DTYPE_U8S8)
        ((uint8_t *)arena)[at] = (uint8_t)code;
    else if (dtype == YT_DTYPE_S16)
        ((int16_t *)arena)[at] = (int16_t)code;
    else
        ((float *)arena)[at] = (float)code;
}

static void put_image(const struct yt_net *net, const float *image, char *arena)
{
    const int32_t pad = net->input_pad;
    for (int32_t c = 0; c < 3; c++)
        for (int32_t y = 0; y < SIZE; y++)
            for (int32_t x = 0; x < SIZE; x++)
                put_pixel(
                    arena + net->input, net->input_dtype,
                    ((int64_t)(y + pad) * (SIZE + 2 * pad) + x + pad) * 3 + c,
                    image[(c * SIZE + y) * SIZE + x]);
}

/* Heads of the network as it is built for this CPU, planes, one after another;
 * NULL where it cannot be built in these types. */
static float *run_built(const struct yt_graph *graph,
                        const struct yt_quantisation *q, const float *image,
                        int64_t count)
{
    const struct yt_build_options options = {.isa = yt_isa_get(YT_ISA_SCALAR),
                                             .h = SIZE,
                                             .w = SIZE,
                                             .threads = 1,
                                             .dense_heads = 1,
                                             .quantisation = q};
    struct yt_build *build = NULL;
    struct yt_model *model = NULL;
    assert_ok(yt_build_create(graph, &options, &build));
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        struct yt_schedule s = build->schedules[i];
        s.coarse = 0; /* a short SiLU rounds otherwise now and then */
        assert_ok(yt_build_set(build, i, &s));
    }
    assert_ok(yt_build_make(build, 1));
    assert_ok(yt_build_open(build, 0, &model));
    const size_t bytes = (size_t)yt_model_workspace_bytes(model);
    char *arena = yt_memory_alloc(bytes);
    memset(arena, 0, bytes);
    put_image(build->net, image, arena);
    yt_model_run_steps(model, -INFINITY, arena, 0, build->plan.step_count);
    float *heads = malloc((size_t)count * sizeof *heads);
    float *at = heads;
    const int32_t lanes = build->plan.isa->lanes;
    for (int32_t l = 0; l < build->plan.level_count; l++) {
        const struct yt_level *level = &build->plan.levels[l];
        const float *head = (const float *)(const void *)(arena + level->head);
        const int32_t cells = level->h * level->w;
        for (int32_t c = 0; c < level->na * (5 + build->plan.nc); c++)
            for (int32_t i = 0; i < cells; i++)
                *at++ = head[(c / lanes * cells + i) * lanes + c % lanes];
    }
    assert_int_equal(at - heads, count);
    yt_memory_free(arena, bytes);
    yt_model_close(model);
    yt_build_destroy(build);
    return heads;
}

static int64_t heads_size(struct yt_tape *tape, const struct yt_graph *graph)
{
    int64_t count = 0;
    for (int32_t i = 0; i < graph->head_count; i++)
        count += node_size(tape, graph, graph->heads[i].node);
    return count;
}

static float *run_tape(const struct yt_graph *graph,
                       const struct yt_quantisation *q, const float *image,
                       int64_t *count_out)
{
    struct yt_tape *tape = make_tape(graph, q, 1);
    const int64_t count = heads_size(tape, graph);
    float *heads = malloc((size_t)count * sizeof *heads);
    float *at = heads;
    assert_ok(yt_tape_forward(tape, image));
    for (int32_t i = 0; i < graph->head_count; i++) {
        assert_ok(yt_tape_read(tape, graph->heads[i].node, at));
        at += node_size(tape, graph, graph->heads[i].node);
    }
    yt_tape_destroy(tape);
    *count_out = count;
    return heads;
}

static double distance(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += pow((double)a[i] - (double)b[i], 2);
    return sqrt(sum / (double)count);
}

/* How far the tape is from the built network, as a share of how far f32 is. */
static double left_over(const struct yt_graph *graph,
                        const struct yt_quantisation *q, const float *image)
{
    int64_t count;
    float *f32 = run_tape(graph, NULL, image, &count);
    float *tape = run_tape(graph, q, image, &count);
    float *built = run_built(graph, q, image, count);
    const double share =
        distance(tape, built, count) / distance(f32, built, count);
    free(f32);
    free(tape);
    free(built);
    return share;
}

/* @param share of values' ranges that has codes.
 *  @param most of left_over(). */
static void check_types(const struct yt_graph *graph, const uint8_t *dtypes,
                        float share, double most)
{
    float *image = make_image(1);
    struct yt_quantisation *q = observe(graph, image, share);
    memcpy(q->dtypes, dtypes, (size_t)graph->node_count);
    const double left = left_over(graph, q, image);
    if (!(left <= most))
        fail_msg("%g of the distance is left, %g at most", left, most);
    yt_quantisation_destroy(q);
    free(image);
}

static void all_of(const struct yt_graph *graph, enum yt_dtype dtype,
                   uint8_t *dtypes)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        dtypes[i] = (uint8_t)dtype;
}

/* Padding, bytes with a zero point, parts of a concat with steps of their own,
 * a filter split at an upsample, pools. */
static struct yt_graph *small_graph(void)
{
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t stem = add_conv_silu(&r, 0, 8, 6, 2);
    const int32_t down = add_conv_silu(&r, stem, 12, 3, 2);
    const int32_t pools = add_conv_silu(&r, add_sppf(&r, down, 5), 9, 1, 1);
    const int32_t up = add_unary(&r, YT_NODE_UPSAMPLE, pools, 0);
    const int32_t both = add_conv_silu(&r, add_concat(&r, up, stem), 16, 1, 1);
    end_graph(&r, (const int32_t[]){both, pools}, 2, 1, 2);
    return r.graph;
}

static void small_graphs_are_what_ships(void **state)
{
    (void)state;
    uint8_t dtypes[256];
    struct yt_graph *graph = small_graph();
    all_of(graph, YT_DTYPE_U8S8, dtypes);
    check_types(graph, dtypes, 1, 1e-3);
    check_types(graph, dtypes, 0.6f, 1e-3);
    /* Steps so small that sums in f32 fall on the other side now and then. */
    all_of(graph, YT_DTYPE_S16, dtypes);
    check_types(graph, dtypes, 1, 0.2);
    yt_graph_destroy(graph);
}

/* A code that is one off, since sums of a residual add are rounded in another
 * order, makes others so behind it. */
static void random_graphs_are_what_ships(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 7; seed++) {
        struct yt_graph *graph = random_graph(seed, 4);
        uint8_t dtypes[256];
        all_of(graph, YT_DTYPE_U8S8, dtypes);
        for (int32_t i = 0; seed % 2 == 0 && i < graph->node_count; i += 3)
            dtypes[i] = YT_DTYPE_F32;
        check_types(graph, dtypes, 0.9f, 0.4);
        yt_graph_destroy(graph);
    }
}

/* --------------------------------------------------------------- gradients */

/* A stem that is read by two convolutions. */
static struct yt_graph *fork_graph(void)
{
    struct random_graph r;
    begin_graph(&r, 8);
    const int32_t stem = add_conv_silu(&r, 0, 8, 3, 2);
    const int32_t one = add_conv_silu(&r, stem, 8, 3, 1);
    const int32_t two = add_conv_silu(&r, stem, 12, 3, 1);
    end_graph(&r, (const int32_t[]){one, two}, 2, 1, 2);
    return r.graph;
}

/* Gradients by the first convolution's weights, [c][3][3][3], of a loss that
 * sums one head up. */
static float *stem_gradient(const struct yt_graph *graph,
                            const struct yt_quantisation *q, int32_t level,
                            int64_t *count_out)
{
    float *image = make_image(1);
    struct yt_tape *tape = make_tape(graph, q, 0);
    const int32_t head = graph->heads[level].node;
    const int64_t size = node_size(tape, graph, head);
    float *seed = malloc((size_t)size * sizeof *seed);
    for (int64_t i = 0; i < size; i++)
        seed[i] = 1;
    assert_ok(yt_tape_forward(tape, image));
    assert_ok(yt_tape_seed(tape, head, seed));
    assert_ok(yt_tape_backward(tape));
    *count_out = (int64_t)graph->nodes[1].c * 3 * 3 * 3;
    float *gradient = malloc((size_t)*count_out * sizeof *gradient);
    memcpy(gradient, yt_tape_weight_gradient(tape, 1),
           (size_t)*count_out * sizeof *gradient);
    yt_tape_destroy(tape);
    free(seed);
    free(image);
    return gradient;
}

/* The distance of a head's gradient from that in f32, as a share of it. */
static double gradient_error(const struct yt_graph *graph,
                             const struct yt_quantisation *q, int32_t level)
{
    int64_t count;
    float *want = stem_gradient(graph, NULL, level, &count);
    float *got = stem_gradient(graph, q, level, &count);
    float *none = calloc((size_t)count, sizeof *none);
    const double share =
        distance(want, got, count) / distance(want, none, count);
    free(want);
    free(got);
    free(none);
    return share;
}

/* Types of the convolutions behind the stem, and how near gradients are. */
static void check_fork(enum yt_dtype one, enum yt_dtype two, double most)
{
    struct yt_graph *graph = fork_graph();
    float *image = make_image(1);
    struct yt_quantisation *q = observe(graph, image, 1);
    q->dtypes[1] = (uint8_t)two;
    q->dtypes[3] = (uint8_t)one;
    q->dtypes[5] = (uint8_t)two;
    q->dtypes[graph->heads[0].node] = (uint8_t)one;
    q->dtypes[graph->heads[1].node] = (uint8_t)two;
    for (int32_t level = 0; level < 2; level++) {
        const double error = gradient_error(graph, q, level);
        if (!(error < most))
            fail_msg("a gradient is %g off, %g at most", error, most);
    }
    /* All values of the stem outside the range: nothing comes back to it from
     * who reads codes. */
    q->ranges[2].lo = -1e-6f;
    q->ranges[2].hi = 1e-6f;
    q->ranges[2].seen_lo = -1e-6f;
    q->ranges[2].seen_hi = 1e-6f;
    for (int32_t level = 0; level < 2; level++) {
        int64_t count;
        const enum yt_dtype dtype = level ? two : one;
        float *gradient = stem_gradient(graph, q, level, &count);
        int32_t left = 0;
        for (int64_t i = 0; i < count; i++)
            left += gradient[i] != 0;
        assert_int_equal(left, dtype == YT_DTYPE_F32 ? count : 0);
        free(gradient);
    }
    yt_quantisation_destroy(q);
    free(image);
    yt_graph_destroy(graph);
}

static void gradients_pass_inside_the_range(void **state)
{
    (void)state;
    check_fork(YT_DTYPE_S16, YT_DTYPE_S16, 0.01);
    check_fork(YT_DTYPE_U8S8, YT_DTYPE_U8S8, 0.1);
    check_fork(YT_DTYPE_F32, YT_DTYPE_F32, 1e-9);
    /* One reader has a copy of what is stored for the other. */
    check_fork(YT_DTYPE_U8S8, YT_DTYPE_F32, 0.1);
    check_fork(YT_DTYPE_U8S8, YT_DTYPE_S16, 0.1);
}

static void ranges_have_to_be_there(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph();
    struct yt_quantisation *q = NULL;
    struct yt_tape *tape = NULL;
    assert_ok(yt_quantisation_create(graph, &q));
    yt_quantisation_set_all(q, graph, YT_DTYPE_U8S8);
    const struct yt_tape_options options = {.batch = 1,
                                            .h = SIZE,
                                            .w = SIZE,
                                            .threads = 1,
                                            .quantisation = q,
                                            .weight_max = 63};
    assert_int_equal(yt_tape_create(graph, &options, &tape), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "not observed"));
    assert_null(tape);
    yt_quantisation_destroy(q);
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_graphs_are_what_ships),
        cmocka_unit_test(random_graphs_are_what_ships),
        cmocka_unit_test(gradients_pass_inside_the_range),
        cmocka_unit_test(ranges_have_to_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
