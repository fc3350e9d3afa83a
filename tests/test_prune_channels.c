/* compress/prune/channels.h: what belongs together, that a narrower graph
 * computes what the wide one would with those channels at zero, and that a
 * refit makes up for what it can. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compress/prune/channels.h"
#include "model/filters.h"
#include "model/lower.h"
#include "model/reference.h"
#include "random_graph.h"
#include "train/net/tape.h"

enum { SIDE = 32, PICTURES = 12, PICTURE = 3 * SIDE * SIDE };

static void must(enum yt_status status)
{
    if (status != YT_OK)
        fail_msg("%s", yt_error());
}

/* Smooth noise, [PICTURES][3][SIDE][SIDE]. */
static float *noise_pictures(void)
{
    float *images = malloc(PICTURES * PICTURE * sizeof *images);
    assert_non_null(images);
    struct random_graph r = {.state = 11};
    float last = 0.5f;
    for (int32_t i = 0; i < PICTURES * PICTURE; i++)
        images[i] = last = 0.7f * last + 0.15f * (1.0f + next_noise(&r));
    return images;
}

/* ----------------------------------------------------------------- toolkit */

struct case_ {
    struct yt_graph *graph;
    struct yt_channel_groups groups;
    uint8_t **keep; /* [groups.count] all stay at first */
};

static struct case_ open_case(struct yt_graph *graph)
{
    struct case_ c = {.graph = graph};
    must(yt_channel_groups_find(graph, &c.groups));
    c.keep = calloc((size_t)c.groups.count, sizeof *c.keep);
    assert_non_null(c.keep);
    for (int32_t i = 0; i < c.groups.count; i++) {
        const size_t count = (size_t)c.groups.groups[i].c;
        c.keep[i] = malloc(count);
        assert_non_null(c.keep[i]);
        memset(c.keep[i], 1, count);
    }
    return c;
}

static void close_case(struct case_ *c)
{
    for (int32_t i = 0; i < c->groups.count; i++)
        free(c->keep[i]);
    free(c->keep);
    yt_channel_groups_deinit(&c->groups);
    yt_graph_destroy(c->graph);
}

static enum yt_status prune(const struct case_ *c, const struct yt_moments *m,
                            struct yt_graph **out)
{
    return yt_prune_channels(c->graph, &c->groups,
                             (const uint8_t *const *)c->keep, m, out);
}

/* Rows of the group's producers that make a channel, and their bias. */
static void zero_channel(const struct case_ *c, struct yt_graph *graph,
                         int32_t group, int32_t channel)
{
    const struct yt_channel_group *g = &c->groups.groups[group];
    for (int32_t i = 0; i < g->conv_count; i++) {
        const struct yt_node *node = &graph->nodes[g->convs[i]];
        const size_t n = (size_t)graph->nodes[node->inputs[0]].c *
                         (size_t)(node->r * node->r);
        memset(node->weights + (size_t)channel * n, 0,
               n * sizeof *node->weights);
        node->bias[channel] = 0;
    }
}

/* Heads of a graph, one after the other. */
static float *run_heads(const struct yt_graph *graph, const float *image,
                        size_t *count_out)
{
    struct yt_ir_shape *shapes =
        calloc((size_t)graph->node_count, sizeof *shapes);
    float *heads[YT_LEVELS_MAX];
    size_t offsets[YT_LEVELS_MAX];
    size_t total = 0;
    assert_non_null(shapes);
    must(yt_graph_shapes(graph, SIDE, SIDE, shapes));
    for (int32_t i = 0; i < graph->head_count; i++) {
        const struct yt_ir_shape s = shapes[graph->heads[i].node];
        offsets[i] = total;
        total += (size_t)s.c * (size_t)s.h * (size_t)s.w;
    }
    float *values = malloc(total * sizeof *values);
    assert_non_null(values);
    for (int32_t i = 0; i < graph->head_count; i++)
        heads[i] = values + offsets[i];
    must(yt_graph_run_reference(graph, SIDE, SIDE, image, heads));
    free(shapes);
    *count_out = total;
    return values;
}

static void assert_same_heads(const struct yt_graph *a,
                              const struct yt_graph *b, const float *image)
{
    size_t count, other;
    float *x = run_heads(a, image, &count);
    float *y = run_heads(b, image, &other);
    assert_int_equal(count, other);
    for (size_t i = 0; i < count; i++)
        if (fabsf(x[i] - y[i]) > 1e-4f * (1.0f + fabsf(x[i])))
            fail_msg("value %zu of the heads: %g, not %g", i, (double)y[i],
                     (double)x[i]);
    free(x);
    free(y);
}

/* Mean square of what a node's values differ by over the pictures. */
static double squared_error(const struct yt_graph *a, const struct yt_graph *b,
                            int32_t node, const float *images)
{
    const struct yt_tape_options options = {.batch = PICTURES,
                                            .h = SIDE,
                                            .w = SIDE,
                                            .threads = 1,
                                            .forward_only = 1};
    const struct yt_graph *graphs[2] = {a, b};
    float *values[2];
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        struct yt_tape *tape = NULL;
        int32_t h, w;
        must(yt_tape_create(graphs[i], &options, &tape));
        must(yt_tape_forward(tape, images));
        yt_tape_shape(tape, node, &h, &w);
        count = (size_t)PICTURES * (size_t)graphs[i]->nodes[node].c *
                (size_t)(h * w);
        values[i] = malloc(count * sizeof **values);
        assert_non_null(values[i]);
        must(yt_tape_read(tape, node, values[i]));
        yt_tape_destroy(tape);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)values[0][i] - (double)values[1][i];
        sum += d * d;
    }
    free(values[0]);
    free(values[1]);
    return sum / (double)count;
}

static struct yt_moments *measure(const struct yt_graph *graph,
                                  const float *images)
{
    struct yt_moments *m = NULL;
    must(yt_moments_measure(graph, SIDE, SIDE, images, PICTURES, 1, &m));
    return m;
}

/* ------------------------------------------------------------------- groups */

/* Of a C3 with a shortcut: cv1 and the bottleneck's last convolution are added
 * and go together; the sum and cv2 are concatenated, and cv3 reads both. */
static void test_coupled(void **state)
{
    (void)state;
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t stem = add_conv(&r, 0, 6, 3, 2);
    const int32_t act = add_silu(&r, stem);
    const int32_t cv1 = add_conv(&r, act, 8, 1, 1);
    const int32_t x = add_silu(&r, cv1);
    const int32_t inner = add_conv(&r, x, 5, 1, 1);
    const int32_t outer = add_conv(&r, add_silu(&r, inner), 8, 3, 1);
    const int32_t sum = add_sum(&r, x, add_silu(&r, outer));
    const int32_t cv2 = add_conv(&r, act, 4, 1, 1);
    const int32_t cv3 = add_conv(&r, add_concat(&r, sum, cv2), 7, 1, 1);
    const int32_t pooled = add_sppf(&r, cv3, 3);
    const int32_t last = add_conv(&r, pooled, 9, 1, 1);
    end_graph(&r, &last, 1, 1, 2);
    struct case_ c = open_case(r.graph);
    const int32_t *of = c.groups.of_node;

    assert_int_equal(of[0], -1);
    assert_int_equal(of[act], -1);
    assert_int_equal(of[cv1], of[outer]);
    const struct yt_channel_group *g = &c.groups.groups[of[cv1]];
    assert_int_equal(g->c, 8);
    assert_int_equal(g->conv_count, 2);
    assert_int_equal(g->convs[0], cv1);
    assert_int_equal(g->convs[1], outer);
    assert_int_equal(g->reader_count, 2);
    assert_int_equal(g->readers[0], inner);
    assert_int_equal(g->readers[1], cv3);
    assert_int_equal(g->fixed, 0);
    assert_int_equal(c.groups.groups[of[cv2]].readers[0], cv3);
    assert_int_equal(c.groups.groups[of[stem]].reader_count, 2);

    /* Read four times by one node. */
    const struct yt_channel_group *wide = &c.groups.groups[of[cv3]];
    assert_int_equal(wide->reader_count, 1);
    assert_int_equal(wide->readers[0], last);
    const struct yt_channel *at = c.groups.channels + c.groups.first[pooled];
    for (int32_t i = 0; i < 28; i++) {
        assert_int_equal(at[i].group, of[cv3]);
        assert_int_equal(at[i].channel, i % 7);
    }
    assert_int_equal(c.groups.groups[of[r.graph->heads[0].node]].fixed, 1);
    assert_int_equal(c.groups.groups[0].fixed, 1); /* the image's */
    assert_int_equal(c.groups.groups[0].conv_count, 0);
    close_case(&c);
}

/* 8 + 8 channels added to 16 of one node: no channel has a place of its own. */
static void test_crossed(void **state)
{
    (void)state;
    struct random_graph r;
    begin_graph(&r, 4);
    const int32_t a = add_conv(&r, 0, 8, 3, 1);
    const int32_t b = add_conv(&r, 0, 8, 3, 1);
    const int32_t wide = add_conv(&r, 0, 16, 3, 1);
    const int32_t sum = add_sum(&r, add_concat(&r, a, b), wide);
    const int32_t swapped =
        add_sum(&r, add_concat(&r, a, b), add_concat(&r, b, a));
    const int32_t last = add_conv(&r, add_concat(&r, sum, swapped), 4, 1, 1);
    end_graph(&r, &last, 1, 1, 1);
    struct case_ c = open_case(r.graph);
    assert_int_equal(c.groups.of_node[a], c.groups.of_node[b]);
    assert_int_equal(c.groups.groups[c.groups.of_node[a]].fixed, 1);
    assert_int_equal(c.groups.groups[c.groups.of_node[wide]].fixed, 1);
    assert_int_equal(c.groups.groups[c.groups.of_node[last]].fixed, 0);
    close_case(&c);
}

static void test_refused(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    struct yt_graph *pruned = NULL;
    must(yt_graph_builtin("n", 1, &graph));
    struct case_ c = open_case(graph);
    const int32_t head = c.groups.of_node[graph->heads[0].node];
    c.keep[head][3] = 0;
    assert_int_equal(prune(&c, NULL, &pruned), YT_BAD_ARGUMENT);
    c.keep[head][3] = 1;
    c.keep[0][0] = 0;
    assert_int_equal(prune(&c, NULL, &pruned), YT_BAD_ARGUMENT);
    c.keep[0][0] = 1;
    const int32_t free_ = c.groups.of_node[1];
    memset(c.keep[free_], 0, (size_t)c.groups.groups[free_].c);
    assert_int_equal(prune(&c, NULL, &pruned), YT_BAD_ARGUMENT);
    assert_null(pruned);

    c.keep[free_][7] = 1; /* one is enough */
    char before[33], after[33];
    must(prune(&c, NULL, &pruned));
    yt_graph_digest(graph, before);
    yt_graph_digest(pruned, after);
    assert_string_not_equal(before, after);
    assert_int_equal(pruned->nodes[1].c, 1);
    must(yt_graph_check(pruned));
    yt_graph_destroy(pruned);
    close_case(&c);
}

/* What a filter in groups reads and makes stays whole, and so does its filter,
 * while others around it lose channels. */
static void test_groups_stay(void **state)
{
    (void)state;
    struct random_graph r;
    struct yt_graph *pruned = NULL;
    begin_graph(&r, 3);
    const int32_t stem = add_conv(&r, 0, 6, 3, 2);
    const int32_t first = add_conv(&r, add_silu(&r, stem), 8, 1, 1);
    const int32_t deep = add_conv(&r, add_silu(&r, first), 8, 3, 1);
    const int32_t last = add_conv(&r, add_silu(&r, deep), 9, 1, 1);
    const int32_t act = add_silu(&r, last);
    float *weights = r.graph->nodes[deep].weights;
    const size_t bytes =
        (size_t)yt_filter_size(r.graph, deep) * sizeof *weights;
    for (int32_t i = 0; i < 8 * 8 * 9; i++)
        if (i / (8 * 9) != i / 9 % 8)
            weights[i] = 0;
    end_graph(&r, &act, 1, 1, 2);
    struct case_ c = open_case(r.graph);
    const int32_t *of = c.groups.of_node;
    assert_int_equal(c.groups.groups[of[first]].fixed, 1);
    assert_int_equal(c.groups.groups[of[deep]].fixed, 1);
    assert_int_equal(c.groups.groups[of[stem]].fixed, 0);
    assert_int_equal(c.groups.groups[of[last]].fixed, 0);
    float *images = noise_pictures();
    struct yt_moments *m = measure(c.graph, images);
    c.keep[of[stem]][2] = 0;
    c.keep[of[last]][5] = 0;
    must(prune(&c, m, &pruned));
    assert_int_equal(pruned->nodes[stem].c, 5);
    assert_int_equal(pruned->nodes[last].c, 8);
    assert_memory_equal(pruned->nodes[deep].weights, weights, bytes);
    yt_graph_destroy(pruned);
    c.keep[of[deep]][0] = 0;
    assert_int_equal(prune(&c, m, &pruned), YT_BAD_ARGUMENT);
    yt_moments_destroy(m);
    free(images);
    close_case(&c);
}

/* Without anything to take away it is the same network. */
static void test_nothing_goes(void **state)
{
    (void)state;
    struct yt_graph *pruned = NULL;
    struct case_ c = open_case(random_graph(5, 12));
    char before[33], after[33];
    yt_graph_digest(c.graph, before);
    must(prune(&c, NULL, &pruned));
    yt_graph_digest(pruned, after);
    assert_string_equal(before, after);
    yt_graph_destroy(pruned);
    must(yt_prune_channels(c.graph, &c.groups, NULL, NULL, &pruned));
    yt_graph_digest(pruned, after);
    assert_string_equal(before, after);
    yt_graph_destroy(pruned);
    close_case(&c);
}

/* -------------------------------------------------------- zeroed and pruned */

/* Zero weights and bias make a channel zero, through SiLU, pools and sums. */
static void prune_groups(struct case_ *c, uint64_t seed, int32_t only,
                         const float *image)
{
    struct random_graph r = {.state = seed};
    struct yt_graph *zeroed = NULL;
    struct yt_graph *pruned = NULL;
    must(yt_graph_copy(c->graph, &zeroed));
    for (int32_t i = 0; i < c->groups.count; i++) {
        const struct yt_channel_group *g = &c->groups.groups[i];
        if (g->fixed || (only >= 0 && i != only))
            continue;
        const int32_t stays = (int32_t)next_below(&r, (uint32_t)g->c);
        for (int32_t k = 0; k < g->c; k++) {
            if (k == stays || next_below(&r, 3) > 0)
                continue;
            c->keep[i][k] = 0;
            zero_channel(c, zeroed, i, k);
        }
    }
    must(prune(c, NULL, &pruned));
    must(yt_graph_check(pruned));
    assert_same_heads(zeroed, pruned, image);
    for (int32_t i = 0; i < c->groups.count; i++)
        memset(c->keep[i], 1, (size_t)c->groups.groups[i].c);
    yt_graph_destroy(zeroed);
    yt_graph_destroy(pruned);
}

static void test_random_graphs(void **state)
{
    (void)state;
    float *images = noise_pictures();
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct case_ c = open_case(random_graph(seed, 10));
        prune_groups(&c, seed, -1, images);
        close_case(&c);
    }
    free(images);
}

static void test_each_group(void **state)
{
    (void)state;
    float *images = noise_pictures();
    struct case_ c = open_case(random_graph(7, 16));
    for (int32_t i = 0; i < c.groups.count; i++)
        prune_groups(&c, (uint64_t)i, i, images);
    close_case(&c);
    free(images);
}

static void test_yolov5(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL;
    float *images = noise_pictures();
    must(yt_graph_builtin("n", 1, &graph));
    struct case_ c = open_case(graph);
    int32_t free_groups = 0;
    for (int32_t i = 0; i < c.groups.count; i++)
        free_groups += !c.groups.groups[i].fixed;
    assert_true(free_groups > 30);
    prune_groups(&c, 9, -1, images);
    close_case(&c);
    free(images);
}

/* -------------------------------------------------------------------- refit */

/* Of each group in turn two channels: the readers' outputs are no farther off
 * with the refit than without, and as far as the loss says for one. */
static void test_refit_is_better(void **state)
{
    (void)state;
    float *images = noise_pictures();
    struct case_ c = open_case(random_graph(21, 9));
    struct yt_moments *m = measure(c.graph, images);
    int32_t compared = 0;
    for (int32_t i = 0; i < c.groups.count; i++) {
        const struct yt_channel_group *g = &c.groups.groups[i];
        if (g->fixed || g->c < 3)
            continue;
        struct yt_graph *plain = NULL, *refitted = NULL;
        c.keep[i][0] = c.keep[i][g->c - 1] = 0;
        must(prune(&c, NULL, &plain));
        must(prune(&c, m, &refitted));
        c.keep[i][0] = c.keep[i][g->c - 1] = 1;
        for (int32_t k = 0; k < g->reader_count; k++) {
            const int32_t reader = g->readers[k];
            if (c.groups.of_node[reader] == i)
                continue;
            const double before = squared_error(c.graph, plain, reader, images);
            const double after =
                squared_error(c.graph, refitted, reader, images);
            if (after > before * (1 + 1e-4) + 1e-9)
                fail_msg("%s: %g without a refit, %g with it",
                         c.graph->nodes[reader].name, before, after);
            compared++;
        }
        yt_graph_destroy(plain);
        yt_graph_destroy(refitted);
    }
    assert_true(compared > 5);
    yt_moments_destroy(m);
    close_case(&c);
    free(images);
}

/* The last channel is a copy of the first, so whoever reads it does without. */
static void test_copy_is_made_up_for(void **state)
{
    (void)state;
    float *images = noise_pictures();
    struct random_graph r;
    begin_graph(&r, 31);
    const int32_t stem = add_conv(&r, 0, 12, 3, 2);
    const int32_t act = add_silu(&r, stem);
    const int32_t reader = add_conv(&r, act, 9, 3, 2);
    end_graph(&r, &reader, 1, 1, 2);
    const struct yt_node *node = &r.graph->nodes[stem];
    memcpy(node->weights + 11 * 27, node->weights, 27 * sizeof(float));
    node->bias[11] = node->bias[0];

    struct case_ c = open_case(r.graph);
    struct yt_moments *m = measure(c.graph, images);
    const int32_t group = c.groups.of_node[stem];
    double losses[12];
    must(yt_channel_losses(c.graph, &c.groups, group, m, losses));
    /* One of the two is worth nothing, and the other one then is. */
    const double least = fmin(losses[0], losses[11]);
    assert_true(fmax(losses[0], losses[11]) > 100 * least);
    for (int32_t i = 1; i < 11; i++)
        assert_true(losses[i] > least);
    struct yt_graph *plain = NULL, *refitted = NULL;
    c.keep[group][11] = 0;
    must(prune(&c, NULL, &plain));
    must(prune(&c, m, &refitted));
    const double before = squared_error(c.graph, plain, reader, images);
    const double after = squared_error(c.graph, refitted, reader, images);
    assert_true(before > 1e-3);
    assert_true(after < 1e-4 * before);
    yt_graph_destroy(plain);
    yt_graph_destroy(refitted);
    yt_moments_destroy(m);
    close_case(&c);
    free(images);
}

/* More inputs than a block of moments has: each block makes up for its own. */
static void test_wide(void **state)
{
    (void)state;
    enum { WIDE = YT_MOMENTS_BLOCK + 2 };
    float *images = noise_pictures();
    struct random_graph r;
    begin_graph(&r, 35);
    const int32_t stem = add_conv(&r, 0, WIDE, 1, 1);
    const int32_t act = add_silu(&r, stem);
    const int32_t reader = add_conv(&r, act, 6, 1, 2);
    end_graph(&r, &reader, 1, 1, 1);
    struct case_ c = open_case(r.graph);
    struct yt_moments *m = measure(c.graph, images);
    const int32_t group = c.groups.of_node[stem];
    struct yt_graph *plain = NULL, *refitted = NULL;
    assert_int_equal(m->convs[reader].block, WIDE / 2);
    c.keep[group][5] = c.keep[group][WIDE - 7] = 0;
    must(prune(&c, NULL, &plain));
    must(prune(&c, m, &refitted));
    const double before = squared_error(c.graph, plain, reader, images);
    const double after = squared_error(c.graph, refitted, reader, images);
    assert_true(before > 0);
    assert_true(after < 0.01 * before); /* 1151 others of 3 colours */
    yt_graph_destroy(plain);
    yt_graph_destroy(refitted);
    yt_moments_destroy(m);
    close_case(&c);
    free(images);
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What channels are said to be worth is what their readers lose when all up to
 * one of them go. */
static void test_losses_are_measured(void **state)
{
    (void)state;
    float *images = noise_pictures();
    struct random_graph r;
    begin_graph(&r, 33);
    const int32_t stem = add_conv_silu(&r, 0, 10, 3, 2);
    const int32_t reader = add_conv(&r, stem, 8, 3, 1);
    end_graph(&r, &reader, 1, 1, 2);
    struct case_ c = open_case(r.graph);
    struct yt_moments *m = measure(c.graph, images);
    const int32_t group = c.groups.of_node[stem - 1];
    double losses[10], sorted[10];
    must(yt_channel_losses(c.graph, &c.groups, group, m, losses));
    memcpy(sorted, losses, sizeof losses);
    qsort(sorted, 10, sizeof sorted[0], rising);
    double said = 0;
    for (int32_t i = 0; i < 9; i++) {
        struct yt_graph *pruned = NULL;
        for (int32_t k = 0; k < 10; k++)
            c.keep[group][k] = losses[k] > sorted[i];
        said += sorted[i];
        must(prune(&c, m, &pruned));
        const double lost = squared_error(c.graph, pruned, reader, images) * 8 /
                            m->convs[reader].energy;
        if (!(fabs(lost - said) < 0.1 * said))
            fail_msg("%d channels: %g, said to be %g", i + 1, lost, said);
        yt_graph_destroy(pruned);
    }
    yt_moments_destroy(m);
    close_case(&c);
    free(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coupled),
        cmocka_unit_test(test_crossed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_groups_stay),
        cmocka_unit_test(test_nothing_goes),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_each_group),
        cmocka_unit_test(test_yolov5),
        cmocka_unit_test(test_refit_is_better),
        cmocka_unit_test(test_copy_is_made_up_for),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_losses_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
