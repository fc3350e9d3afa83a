/* train/net: values against the graph's reference, gradients against central
 * differences of a forward in double, and what a tape promises besides. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "assert_ok.h"
#include "model/lower.h"
#include "model/reference.h"
#include "random_graph.h"
#include "train/net/tape.h"

#define SIZE 16 /* of images; 8 divides it, as random graphs want */

static float *random_floats(int64_t count, uint64_t seed)
{
    struct random_graph r = {.state = seed};
    float *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++)
        values[i] = next_noise(&r);
    return values;
}

static float *random_images(int32_t batch, uint64_t seed)
{
    const int64_t count = (int64_t)batch * 3 * SIZE * SIZE;
    float *images = random_floats(count, seed);
    for (int64_t i = 0; i < count; i++)
        images[i] = 0.5f * (images[i] + 1);
    return images;
}

static struct yt_tape *make_tape(const struct yt_graph *graph, int32_t batch,
                                 int32_t forward_only)
{
    struct yt_tape *tape = NULL;
    const struct yt_tape_options options = {.batch = batch,
                                            .h = SIZE,
                                            .w = SIZE,
                                            .threads = 2,
                                            .forward_only = forward_only};
    assert_ok(yt_tape_create(graph, &options, &tape));
    return tape;
}

/* Elements of a node's values in one picture. */
static int64_t node_size(const struct yt_tape *tape,
                         const struct yt_graph *graph, int32_t node)
{
    int32_t h, w;
    yt_tape_shape(tape, node, &h, &w);
    return (int64_t)graph->nodes[node].c * h * w;
}

static float *read_node(struct yt_tape *tape, const struct yt_graph *graph,
                        int32_t node, int32_t batch)
{
    float *values =
        malloc((size_t)(batch * node_size(tape, graph, node)) * sizeof *values);
    assert_non_null(values);
    assert_ok(yt_tape_read(tape, node, values));
    return values;
}

/* ------------------------------------------------------------------ double */

/* A graph in double, [node] values of one picture. */
struct exact {
    const struct yt_graph *graph;
    struct yt_ir_shape *shapes;
    double **values;
    double **seeds; /* NULL: not of the loss */
    /* One weight or bias that is another, by so much. */
    const float *moved;
    double by;
};

static double weight_of(const struct exact *e, const float *w)
{
    return (double)*w + (w == e->moved ? e->by : 0);
}

static void exact_conv(const struct exact *e, int32_t index)
{
    const struct yt_node *n = &e->graph->nodes[index];
    const struct yt_ir_shape in = e->shapes[n->inputs[0]];
    const struct yt_ir_shape out = e->shapes[index];
    const double *x = e->values[n->inputs[0]];
    double *y = e->values[index];
    const float *row = n->weights;
    for (int32_t k = 0; k < out.c; k++, row += in.c * n->r * n->r)
        for (int32_t oh = 0; oh < out.h; oh++)
            for (int32_t ow = 0; ow < out.w; ow++, y++) {
                *y = weight_of(e, &n->bias[k]);
                for (int32_t i = 0; i < in.c * n->r * n->r; i++) {
                    const int32_t c = i / (n->r * n->r);
                    const int32_t h = oh * n->stride - n->pad + i / n->r % n->r;
                    const int32_t w = ow * n->stride - n->pad + i % n->r;
                    if (h >= 0 && h < in.h && w >= 0 && w < in.w)
                        *y += weight_of(e, &row[i]) *
                              x[(c * in.h + h) * in.w + w];
                }
            }
}

static void exact_pool(const struct exact *e, int32_t index)
{
    const struct yt_node *n = &e->graph->nodes[index];
    const struct yt_ir_shape s = e->shapes[index];
    const double *x = e->values[n->inputs[0]];
    const int32_t reach = n->r / 2;
    for (int32_t i = 0; i < s.c * s.h * s.w; i++) {
        const int32_t h = i / s.w % s.h, w = i % s.w;
        double most = -INFINITY;
        for (int32_t y = h - reach; y <= h + reach; y++)
            for (int32_t z = w - reach; z <= w + reach; z++)
                if (y >= 0 && y < s.h && z >= 0 && z < s.w)
                    most = fmax(most, x[i + (y - h) * s.w + z - w]);
        e->values[index][i] = most;
    }
}

static void exact_concat(const struct exact *e, int32_t index)
{
    const struct yt_node *n = &e->graph->nodes[index];
    double *y = e->values[index];
    for (int32_t i = 0; i < n->input_count; i++) {
        const struct yt_ir_shape s = e->shapes[n->inputs[i]];
        const size_t count = (size_t)s.c * (size_t)s.h * (size_t)s.w;
        memcpy(y, e->values[n->inputs[i]], count * sizeof *y);
        y += count;
    }
}

static void exact_node(const struct exact *e, int32_t index)
{
    const struct yt_node *n = &e->graph->nodes[index];
    const struct yt_ir_shape s = e->shapes[index];
    const double *x = e->values[n->inputs[0]];
    const double *z = e->values[n->inputs[1]];
    double *y = e->values[index];
    for (int32_t i = 0; i < s.c * s.h * s.w; i++) {
        const int32_t c = i / (s.h * s.w), h = i / s.w % s.h, w = i % s.w;
        if (n->kind == YT_NODE_ACT)
            y[i] = yt_act_value(n->act, n->slope, x[i]);
        else if (n->kind == YT_NODE_ADD)
            y[i] = x[i] + z[i];
        else if (n->kind == YT_NODE_UPSAMPLE)
            y[i] = x[(c * (s.h / 2) + h / 2) * (s.w / 2) + w / 2];
    }
    if (n->kind == YT_NODE_CONV)
        exact_conv(e, index);
    if (n->kind == YT_NODE_MAXPOOL)
        exact_pool(e, index);
    if (n->kind == YT_NODE_CONCAT)
        exact_concat(e, index);
}

/* sum(seeds * values), the loss whose gradients by values are the seeds. */
static double exact_loss(const struct exact *e, int32_t from)
{
    double sum = 0;
    for (int32_t i = from; i < e->graph->node_count; i++)
        exact_node(e, i);
    for (int32_t i = 0; i < e->graph->node_count; i++) {
        const struct yt_ir_shape s = e->shapes[i];
        for (int32_t j = 0; e->seeds[i] && j < s.c * s.h * s.w; j++)
            sum += e->seeds[i][j] * e->values[i][j];
    }
    return sum;
}

static void exact_begin(const struct yt_graph *graph, const float *image,
                        struct exact *e)
{
    const size_t count = (size_t)graph->node_count;
    *e = (struct exact){.graph = graph,
                        .shapes = calloc(count, sizeof *e->shapes),
                        .values = calloc(count, sizeof *e->values),
                        .seeds = calloc(count, sizeof *e->seeds)};
    assert_ok(yt_graph_shapes(graph, SIZE, SIZE, e->shapes));
    for (size_t i = 0; i < count; i++) {
        const struct yt_ir_shape s = e->shapes[i];
        e->values[i] = calloc((size_t)s.c * (size_t)s.h * (size_t)s.w,
                              sizeof *e->values[i]);
        assert_non_null(e->values[i]);
    }
    for (int32_t i = 0; i < 3 * SIZE * SIZE; i++)
        e->values[0][i] = (double)image[i];
}

static void exact_end(struct exact *e)
{
    for (int32_t i = 0; i < e->graph->node_count; i++) {
        free(e->values[i]);
        free(e->seeds[i]);
    }
    free(e->shapes);
    free(e->values);
    free(e->seeds);
}

/* --------------------------------------------------------------- gradients */

/* Seed a node in both. */
static void seed_both(struct exact *e, struct yt_tape *tape, int32_t node)
{
    const int64_t count = node_size(tape, e->graph, node);
    float *seed = random_floats(count, (uint64_t)node + 99);
    e->seeds[node] = calloc((size_t)count, sizeof *e->seeds[node]);
    for (int64_t i = 0; i < count; i++)
        e->seeds[node][i] = (double)seed[i];
    assert_ok(yt_tape_seed(tape, node, seed));
    free(seed);
}

/* The slope of the exact loss along one weight. */
static double slope(struct exact *e, int32_t node, const float *weight)
{
    const double by = 1e-5;
    e->moved = weight;
    e->by = by;
    const double up = exact_loss(e, node);
    e->by = -by;
    const double down = exact_loss(e, node);
    e->moved = NULL;
    return (up - down) / (2 * by);
}

/* Some of count weights against their slopes: the error's part of the largest
 * slope among them. */
static double worst_of(struct exact *e, int32_t node, const float *weights,
                       const float *gradient, int64_t count, int64_t samples)
{
    double error = 0, most = 0;
    for (int64_t i = 0; i < samples; i++) {
        const int64_t at = i * count / samples;
        const double want = slope(e, node, &weights[at]);
        error = fmax(error, fabs(want - (double)gradient[at]));
        most = fmax(most, fabs(want));
    }
    exact_loss(e, node);
    return most > 0 ? error / most : error;
}

static double check_gradients(const struct yt_graph *graph,
                              const int32_t *seeded, int32_t seed_count,
                              int32_t samples)
{
    double worst = 0;
    float *image = random_images(1, 7);
    struct yt_tape *tape = make_tape(graph, 1, 0);
    struct exact e;
    exact_begin(graph, image, &e);
    assert_ok(yt_tape_forward(tape, image));
    for (int32_t i = 0; i < seed_count; i++)
        seed_both(&e, tape, seeded[i]);
    assert_ok(yt_tape_backward(tape));
    exact_loss(&e, 1);
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *n = &graph->nodes[i];
        if (n->kind != YT_NODE_CONV)
            continue;
        const int64_t count =
            (int64_t)n->c * graph->nodes[n->inputs[0]].c * n->r * n->r;
        worst = fmax(worst, worst_of(&e, i, n->weights,
                                     yt_tape_weight_gradient(tape, i), count,
                                     count < samples ? count : samples));
        worst =
            fmax(worst, worst_of(&e, i, n->bias, yt_tape_bias_gradient(tape, i),
                                 n->c, n->c < samples ? n->c : samples));
    }
    exact_end(&e);
    yt_tape_destroy(tape);
    free(image);
    return worst;
}

/* Every kind, odd channel counts, all strides and windows of YOLOv5, a node
 * with many readers, one that is added to itself, one read twice by a concat,
 * an image that others than convolutions read. */
static struct yt_graph *every_kind(void)
{
    struct random_graph r;
    begin_graph(&r, 5);
    const int32_t stem = add_conv_silu(&r, 0, 5, 6, 2);
    const int32_t two = add_conv_silu(&r, stem, 12, 3, 2);
    const int32_t image = add_unary(&r, YT_NODE_MAXPOOL, 0, 3);
    const int32_t side = add_conv(&r, add_concat(&r, 0, image), 3, 6, 2);
    const int32_t both =
        add_join(&r, YT_NODE_CONCAT, (const int32_t[]){stem, side, stem}, 3);
    const int32_t c3 = add_c3(&r, two, 7, 2, 1, 1);
    const int32_t pooled = add_sppf(&r, add_conv_silu(&r, c3, 9, 1, 1), 5);
    const int32_t up = add_unary(&r, YT_NODE_UPSAMPLE, pooled, 0);
    const int32_t wide = add_conv_silu(&r, add_concat(&r, up, both), 17, 1, 1);
    const int32_t twice = add_sum(&r, wide, wide);
    const int32_t down = add_conv_silu(&r, twice, 14, 3, 2);
    const int32_t sum = add_sum(&r, down, c3);
    end_graph(&r, (const int32_t[]){twice, sum, pooled}, 3, 2, 3);
    return r.graph;
}

static void gradients_of_every_kind(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    int32_t seeded[5] = {graph->heads[0].node, graph->heads[1].node,
                         graph->heads[2].node};
    seeded[3] = graph->nodes[graph->heads[1].node].inputs[0];
    seeded[4] = 4; /* the second SiLU: read by others as well */
    const double worst = check_gradients(graph, seeded, 5, 6);
    print_message("          largest error of a gradient: %.2g of its "
                  "layer's largest\n",
                  worst);
    assert_true(worst < 2e-5);
    yt_graph_destroy(graph);
}

static void gradients_of_random_graphs(void **state)
{
    (void)state;
    double worst = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct yt_graph *graph = random_graph(seed, 4);
        const int32_t head = graph->heads[0].node;
        worst = fmax(worst, check_gradients(graph, &head, 1, 2));
        yt_graph_destroy(graph);
    }
    print_message("          largest error of a gradient: %.2g of its "
                  "layer's largest\n",
                  worst);
    assert_true(worst < 2e-4);
}

/* ------------------------------------------------------------------ values */

static void compare_heads(struct yt_tape *tape, const struct yt_graph *graph,
                          const float *image)
{
    float *wanted[YT_LEVELS_MAX];
    for (int32_t i = 0; i < graph->head_count; i++)
        wanted[i] =
            malloc((size_t)node_size(tape, graph, graph->heads[i].node) *
                   sizeof *wanted[i]);
    assert_ok(yt_graph_run_reference(graph, SIZE, SIZE, image, wanted));
    assert_ok(yt_tape_forward(tape, image));
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t node = graph->heads[i].node;
        float *got = read_node(tape, graph, node, 1);
        for (int64_t j = 0; j < node_size(tape, graph, node); j++)
            assert_float_equal(got[j], wanted[i][j],
                               1e-4f * fmaxf(1, fabsf(wanted[i][j])));
        free(got);
        free(wanted[i]);
    }
}

static void values_are_the_references(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct yt_graph *graph = seed ? random_graph(seed, 8) : every_kind();
        struct yt_tape *tape = make_tape(graph, 1, seed % 2 == 0);
        float *image = random_images(1, seed);
        compare_heads(tape, graph, image);
        free(image);
        yt_tape_destroy(tape);
        yt_graph_destroy(graph);
    }
}

static void all_nodes_can_be_read(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    struct yt_tape *tape = make_tape(graph, 1, 1);
    float *image = random_images(1, 3);
    struct exact e;
    exact_begin(graph, image, &e);
    exact_loss(&e, 1);
    assert_ok(yt_tape_forward(tape, image));
    for (int32_t i = 0; i < graph->node_count; i++) {
        float *got = read_node(tape, graph, i, 1);
        for (int64_t j = 0; j < node_size(tape, graph, i); j++)
            assert_float_equal(got[j], (float)e.values[i][j], 1e-4f);
        free(got);
    }
    exact_end(&e);
    free(image);
    yt_tape_destroy(tape);
    yt_graph_destroy(graph);
}

static void weights_may_change_between(void **state)
{
    (void)state;
    struct yt_graph *graph = random_graph(3, 8);
    struct yt_tape *tape = make_tape(graph, 1, 0);
    float *image = random_images(1, 4);
    compare_heads(tape, graph, image);
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_CONV) {
            graph->nodes[i].weights[0] += 0.25f;
            graph->nodes[i].bias[0] -= 0.25f;
        }
    compare_heads(tape, graph, image);
    free(image);
    yt_tape_destroy(tape);
    yt_graph_destroy(graph);
}

/* ------------------------------------------------------------------- batch */

#define BATCH 6 /* two workers with a chunk of three */

/* All gradients of a graph, one after another. */
struct gradients {
    float *values;
    int64_t count;
};

static void add_gradients(const struct yt_tape *tape,
                          const struct yt_graph *graph, struct gradients *sum)
{
    int64_t at = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *n = &graph->nodes[i];
        if (n->kind != YT_NODE_CONV)
            continue;
        const int64_t count =
            (int64_t)n->c * graph->nodes[n->inputs[0]].c * n->r * n->r;
        assert_true(at + count + n->c <= sum->count);
        for (int64_t j = 0; j < count; j++)
            sum->values[at++] += yt_tape_weight_gradient(tape, i)[j];
        for (int32_t j = 0; j < n->c; j++)
            sum->values[at++] += yt_tape_bias_gradient(tape, i)[j];
    }
}

static struct gradients no_gradients(const struct yt_graph *graph)
{
    struct gradients g = {0};
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *n = &graph->nodes[i];
        if (n->kind == YT_NODE_CONV)
            g.count += (int64_t)n->c *
                       (graph->nodes[n->inputs[0]].c * n->r * n->r + 1);
    }
    g.values = calloc((size_t)g.count, sizeof *g.values);
    assert_non_null(g.values);
    return g;
}

/* Forwards and backwards from all heads; seeds are those of pictures first to
 * first + batch of BATCH. */
static void run_batch(struct yt_tape *tape, const struct yt_graph *graph,
                      const float *images, int32_t first, int32_t batch,
                      struct gradients *sum)
{
    assert_ok(yt_tape_forward(tape, images + (int64_t)first * 3 * SIZE * SIZE));
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t node = graph->heads[i].node;
        const int64_t count = node_size(tape, graph, node);
        float *seeds = random_floats(BATCH * count, (uint64_t)i + 40);
        assert_true(first + batch <= BATCH);
        assert_ok(yt_tape_seed(tape, node, seeds + first * count));
        free(seeds);
    }
    assert_ok(yt_tape_backward(tape));
    add_gradients(tape, graph, sum);
}

static void batches_are_sums(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    float *images = random_images(BATCH, 12);
    struct yt_tape *all = make_tape(graph, BATCH, 0);
    struct yt_tape *one = make_tape(graph, 1, 0);
    struct gradients together = no_gradients(graph);
    struct gradients apart = no_gradients(graph);
    run_batch(all, graph, images, 0, BATCH, &together);
    for (int32_t i = 0; i < BATCH; i++)
        run_batch(one, graph, images, i, 1, &apart);
    float most = 0;
    for (int64_t i = 0; i < apart.count; i++)
        most = fmaxf(most, fabsf(apart.values[i]));
    for (int64_t i = 0; i < apart.count; i++)
        assert_float_equal(together.values[i], apart.values[i], 1e-5f * most);

    /* Values of the last picture, which the tape of one ran last. */
    const int32_t head = graph->heads[1].node;
    const int64_t count = node_size(one, graph, head);
    float *batch = read_node(all, graph, head, BATCH);
    float *last = read_node(one, graph, head, 1);
    for (int64_t i = 0; i < count; i++)
        assert_float_equal(batch[(BATCH - 1) * count + i], last[i], 1e-5f);
    free(batch);
    free(last);
    free(together.values);
    free(apart.values);
    yt_tape_destroy(all);
    yt_tape_destroy(one);
    free(images);
    yt_graph_destroy(graph);
}

static void runs_repeat_to_the_bit(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    float *images = random_images(BATCH, 12);
    struct gradients runs[3];
    struct yt_tape *tapes[] = {make_tape(graph, BATCH, 0),
                               make_tape(graph, BATCH, 0)};
    for (int i = 0; i < 3; i++) {
        runs[i] = no_gradients(graph);
        run_batch(tapes[i / 2], graph, images, 0, BATCH, &runs[i]);
        assert_memory_equal(runs[i].values, runs[0].values,
                            (size_t)runs[0].count * sizeof *runs[0].values);
    }
    for (int i = 0; i < 3; i++)
        free(runs[i].values);
    yt_tape_destroy(tapes[0]);
    yt_tape_destroy(tapes[1]);
    free(images);
    yt_graph_destroy(graph);
}

/* What is not reached from a seed has gradients of 0, also when they were
 * others before. */
static void gradients_are_of_these_seeds(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    struct yt_tape *tape = make_tape(graph, BATCH, 0);
    float *images = random_images(BATCH, 12);
    struct gradients sum = no_gradients(graph);
    run_batch(tape, graph, images, 0, BATCH, &sum);
    const int32_t stem = 1;
    float *seed = random_floats(BATCH * node_size(tape, graph, stem), 1);
    assert_ok(yt_tape_seed(tape, stem, seed));
    assert_ok(yt_tape_backward(tape));
    float most = 0;
    for (int32_t i = 0; i < graph->nodes[stem].c; i++)
        most = fmaxf(most, fabsf(yt_tape_bias_gradient(tape, stem)[i]));
    assert_true(most > 0);
    const int32_t head = graph->heads[0].node;
    for (int32_t i = 0; i < graph->nodes[head].c; i++) {
        assert_true(yt_tape_bias_gradient(tape, head)[i] == 0);
        assert_true(yt_tape_weight_gradient(tape, head)[i] == 0);
    }
    free(seed);
    free(sum.values);
    free(images);
    yt_tape_destroy(tape);
    yt_graph_destroy(graph);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    struct yt_graph *graph = every_kind();
    struct yt_tape *tape = NULL;
    const struct yt_tape_options bad[] = {
        {.batch = 1, .h = SIZE + 1, .w = SIZE},
        {.batch = 1, .h = SIZE, .w = SIZE - 2},
        {.batch = 1, .h = 0, .w = SIZE},
        {.batch = 0, .h = SIZE, .w = SIZE},
        {.batch = -1, .h = SIZE, .w = SIZE},
        {.batch = 1, .h = SIZE, .w = SIZE, .threads = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(yt_tape_create(graph, &bad[i], &tape),
                         YT_BAD_ARGUMENT);
        assert_true(strlen(yt_error()) > 0);
        assert_null(tape);
    }
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_references),
        cmocka_unit_test(all_nodes_can_be_read),
        cmocka_unit_test(weights_may_change_between),
        cmocka_unit_test(gradients_of_every_kind),
        cmocka_unit_test(gradients_of_random_graphs),
        cmocka_unit_test(batches_are_sums),
        cmocka_unit_test(runs_repeat_to_the_bit),
        cmocka_unit_test(gradients_are_of_these_seeds),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
