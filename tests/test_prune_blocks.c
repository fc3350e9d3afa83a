/* compress/prune/blocks.h: blocks are counted and cut at the sides, masks take
 * the share asked for of those worth least, and what stays is refitted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compress/prune/blocks.h"
#include "random_graph.h"

enum { SIDE = 32, PICTURES = 8 };

static const struct yt_block shapes[] = {{1, 1}, {8, 1},  {8, 4},
                                         {3, 2}, {16, 4}, {64, 64}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void must(enum yt_status status)
{
    if (status != YT_OK)
        fail_msg("%s", yt_error());
}

/* A stem, and a convolution of odd sides and of 3x3 taps that reads it. */
struct case_ {
    struct yt_graph *graph;
    int32_t node;
    int32_t n; /* weights of a row */
    struct yt_moments *m;
    uint8_t *mask;
};

static struct case_ open_case(int32_t c, int32_t k, int measured)
{
    struct random_graph r;
    begin_graph(&r, 17);
    const int32_t stem = add_conv_silu(&r, 0, c, 3, 2);
    struct case_ x = {.node = add_conv(&r, stem, k, 3, 1), .n = c * 9};
    const int32_t last = add_silu(&r, x.node);
    end_graph(&r, &last, 1, 1, 1);
    x.graph = r.graph;
    x.mask = malloc((size_t)k * (size_t)x.n);
    float *images = malloc(PICTURES * 3 * SIDE * SIDE * sizeof *images);
    assert_non_null(x.mask);
    assert_non_null(images);
    for (int32_t i = 0; i < PICTURES * 3 * SIDE * SIDE; i++)
        images[i] = 0.5f + 0.5f * next_noise(&r);
    if (measured)
        must(
            yt_moments_measure(x.graph, SIDE, SIDE, images, PICTURES, 1, &x.m));
    free(images);
    return x;
}

static void close_case(struct case_ *x)
{
    yt_moments_destroy(x->m);
    yt_graph_destroy(x->graph);
    free(x->mask);
}

static struct yt_graph *prune(const struct case_ *x, const struct yt_moments *m)
{
    const uint8_t *masks[16] = {0};
    struct yt_graph *pruned = NULL;
    assert_true(x->graph->node_count <= 16);
    masks[x->node] = x->mask;
    must(yt_prune_weights(x->graph, masks, m, &pruned));
    must(yt_graph_check(pruned));
    return pruned;
}

/* Variance of the node's error on the pictures of the moments. */
static double error_of(const struct case_ *x, const struct yt_graph *pruned)
{
    const struct yt_conv_moments *m = &x->m->convs[x->node];
    const struct yt_node *a = &x->graph->nodes[x->node];
    const struct yt_node *b = &pruned->nodes[x->node];
    double sum = 0;
    assert_int_equal(m->block, m->n);
    for (int32_t k = 0; k < a->c; k++) {
        const float *u = a->weights + (ptrdiff_t)k * x->n;
        const float *v = b->weights + (ptrdiff_t)k * x->n;
        for (int32_t i = 0; i < x->n; i++)
            for (int32_t j = 0; j < x->n; j++)
                sum += ((double)u[i] - (double)v[i]) *
                       ((double)u[j] - (double)v[j]) *
                       (double)m->covariance[(ptrdiff_t)i * x->n + j];
    }
    return sum;
}

static void test_counts(void **state)
{
    (void)state;
    struct case_ x = open_case(10, 21, 0);
    const int64_t counts[SHAPES] = {21 * 10 * 9, 3 * 10 * 9, 3 * 3 * 9,
                                    7 * 5 * 9,   2 * 3 * 9,  9};
    for (int i = 0; i < SHAPES; i++)
        assert_int_equal(yt_block_count(x.graph, x.node, &shapes[i]),
                         counts[i]);
    assert_true(yt_block_zeros(x.graph, x.node, &shapes[1]) == 0);
    close_case(&x);
}

/* Each block is either all gone or all there, and the share is right. */
static void check_share(struct case_ *x, const struct yt_block *block,
                        double share, int32_t even)
{
    const int64_t count = yt_block_count(x->graph, x->node, block);
    must(yt_block_mask(x->graph, x->node, block, x->m, share, even, x->mask));
    struct yt_graph *pruned = prune(x, NULL);
    const double zeros = yt_block_zeros(pruned, x->node, block);
    const int32_t k = x->graph->nodes[x->node].c;
    const int64_t rows = (k + block->k - 1) / block->k;
    const int64_t off = even ? rows : 1;
    if (fabs(zeros - share) * (double)count > 0.5 * (double)off + 1e-9)
        fail_msg("%dx%d, %g: %g of %lld are zero", block->k, block->c, share,
                 zeros, (long long)count);
    for (int64_t i = 0; i < (int64_t)k * x->n; i++)
        if (x->mask[i])
            assert_true(pruned->nodes[x->node].weights[i] ==
                        x->graph->nodes[x->node].weights[i]);
        else
            assert_true(pruned->nodes[x->node].weights[i] == 0);
    /* Rows of blocks that lose the same number end together. */
    int64_t least = INT64_MAX, most = 0;
    for (int64_t row = 0; row < k / block->k; row++) {
        int64_t kept = 0;
        for (int64_t i = 0; i < (int64_t)block->k * x->n; i++)
            kept += x->mask[row * block->k * x->n + i];
        least = kept < least ? kept : least;
        most = kept > most ? kept : most;
    }
    if (even && 10 % block->c == 0 && k >= block->k)
        assert_int_equal(least, most);
    yt_graph_destroy(pruned);
}

static void test_shares(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.1, 0.5, 0.77, 1};
    for (int measured = 0; measured < 2; measured++) {
        struct case_ x = open_case(10, 21, measured);
        for (int i = 0; i < SHAPES; i++)
            for (int s = 0; s < 5; s++)
                for (int32_t even = 0; even < 2; even++)
                    check_share(&x, &shapes[i], shares[s], even);
        close_case(&x);
    }
}

/* Those worth least go: by magnitude where nothing was measured. */
static void test_least_go(void **state)
{
    (void)state;
    struct case_ x = open_case(8, 16, 0);
    const struct yt_block block = {8, 1};
    double losses[2 * 8 * 9];
    const struct yt_node *node = &x.graph->nodes[x.node];
    for (int32_t k = 8; k < 16; k++) /* block (1, channel 5, tap 4) */
        node->weights[k * x.n + 5 * 9 + 4] = 1e-3f;
    must(yt_block_losses(x.graph, x.node, &block, NULL, losses));
    double sum = 0;
    int32_t least = 0;
    for (int32_t i = 0; i < 2 * 8 * 9; i++) {
        sum += losses[i];
        least = losses[i] < losses[least] ? i : least;
    }
    assert_true(fabs(sum - 1) < 1e-9);
    assert_int_equal(least, (1 * 8 + 5) * 9 + 4);
    must(yt_block_mask(x.graph, x.node, &block, NULL, 1.0 / 144, 0, x.mask));
    for (int32_t i = 0; i < 16 * x.n; i++)
        assert_int_equal(x.mask[i], !(i / x.n >= 8 && i % x.n == 5 * 9 + 4));
    close_case(&x);
}

static void test_digest_changes(void **state)
{
    (void)state;
    struct case_ x = open_case(8, 16, 0);
    char before[33], after[33];
    yt_graph_digest(x.graph, before);
    must(yt_block_mask(x.graph, x.node, &shapes[1], NULL, 0.5, 1, x.mask));
    struct yt_graph *pruned = prune(&x, NULL);
    yt_graph_digest(pruned, after);
    assert_string_not_equal(before, after);
    yt_graph_destroy(pruned);
    memset(x.mask, 1, (size_t)(16 * x.n));
    pruned = prune(&x, NULL);
    yt_graph_digest(pruned, after);
    assert_string_equal(before, after);
    yt_graph_destroy(pruned);
    close_case(&x);
}

static void test_refit(void **state)
{
    (void)state;
    struct case_ x = open_case(12, 20, 1);
    for (int i = 0; i < SHAPES; i++)
        for (double share = 0.2; share < 1; share += 0.3) {
            must(yt_block_mask(x.graph, x.node, &shapes[i], x.m, share, 1,
                               x.mask));
            struct yt_graph *plain = prune(&x, NULL);
            struct yt_graph *refitted = prune(&x, x.m);
            const double before = error_of(&x, plain);
            const double after = error_of(&x, refitted);
            if (after > before * (1 + 1e-6))
                fail_msg("%g of %dx%d gone: %g, refitted %g", share,
                         shapes[i].k, shapes[i].c, before, after);
            for (int32_t k = 0; k < 20 * x.n; k++)
                if (!x.mask[k])
                    assert_true(refitted->nodes[x.node].weights[k] == 0);
            yt_graph_destroy(plain);
            yt_graph_destroy(refitted);
        }
    close_case(&x);
}

/* A block at a time: what it is said to be worth is what is lost. */
static void test_loss_of_one(void **state)
{
    (void)state;
    struct case_ x = open_case(6, 8, 1);
    const struct yt_block block = {4, 2};
    double losses[2 * 3 * 9];
    must(yt_block_losses(x.graph, x.node, &block, x.m, losses));
    const double share = 1.0 / (2 * 3 * 9);
    int32_t least = 0;
    for (int32_t i = 0; i < 2 * 3 * 9; i++)
        least = losses[i] < losses[least] ? i : least;
    must(yt_block_mask(x.graph, x.node, &block, x.m, share, 0, x.mask));
    struct yt_graph *pruned = prune(&x, x.m);
    const double lost = error_of(&x, pruned) / x.m->convs[x.node].energy;
    if (fabs(lost - losses[least]) > 0.05 * losses[least])
        fail_msg("%g lost, said to be %g", lost, losses[least]);
    yt_graph_destroy(pruned);
    close_case(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),   cmocka_unit_test(test_shares),
        cmocka_unit_test(test_least_go), cmocka_unit_test(test_digest_changes),
        cmocka_unit_test(test_refit),    cmocka_unit_test(test_loss_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
