/* Placement, checked by playing it through: who wrote a byte last is kept
 * aside, and whoever reads it has to find the writer it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/lower.h"
#include "random_graph.h"
#include "runtime/fail.h"

static void play_items(const struct yt_place_item *items, int32_t count,
                       int64_t total)
{
    int32_t steps = 0;
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(items[i].offset % YT_ALIGN, 0);
        assert_true(items[i].offset >= 0);
        assert_true(items[i].offset + items[i].bytes <= total);
        steps = items[i].last >= steps ? items[i].last + 1 : steps;
    }
    int32_t *owner = calloc((size_t)total + 1, sizeof *owner);
    assert_non_null(owner);
    for (int32_t step = -1; step < steps; step++) {
        for (int32_t i = 0; i < count; i++)
            for (int64_t b = 0; items[i].first == step && b < items[i].bytes;
                 b++)
                owner[items[i].offset + b] = i;
        for (int32_t i = 0; i < count; i++)
            for (int64_t b = 0; items[i].first <= step &&
                                step <= items[i].last && b < items[i].bytes;
                 b++)
                assert_int_equal(owner[items[i].offset + b], i);
    }
    free(owner);
}

static int64_t floor_by_steps(const struct yt_place_item *items, int32_t count,
                              int32_t steps)
{
    int64_t most = 0;
    for (int32_t step = -1; step < steps; step++) {
        int64_t live = 0;
        for (int32_t i = 0; i < count; i++)
            if (items[i].first <= step && step <= items[i].last)
                live += items[i].bytes;
        most = live > most ? live : most;
    }
    return most;
}

static void random_items_stay_apart(void **state)
{
    (void)state;
    struct random_graph noise = {.state = 11};
    for (int32_t round = 0; round < 200; round++) {
        struct yt_place_item items[24];
        const int32_t count = (int32_t)next_below(&noise, 25);
        for (int32_t i = 0; i < count; i++) {
            const int32_t first = (int32_t)next_below(&noise, 20) - 1;
            items[i] = (struct yt_place_item){
                .bytes = 1 + next_below(&noise, 300),
                .first = first,
                .last = first + (int32_t)next_below(&noise, 6)};
        }
        int64_t total = -1;
        assert_int_equal(yt_place(items, count, &total), YT_OK);
        assert_int_equal(total % YT_ALIGN, 0);
        play_items(items, count, total);
        const int64_t floor = floor_by_steps(items, count, 32);
        assert_int_equal(yt_place_floor(items, count), floor);
        assert_true(floor <= total);
    }
}

static void equal_chains_share_memory(void **state)
{
    (void)state;
    struct yt_place_item items[16];
    for (int32_t i = 0; i < 16; i++)
        items[i] =
            (struct yt_place_item){.bytes = 1000, .first = i, .last = i + 1};
    int64_t total = 0;
    assert_int_equal(yt_place(items, 16, &total), YT_OK);
    assert_int_equal(total, 2 * 1024);
}

static void nothing_takes_nothing(void **state)
{
    (void)state;
    int64_t total = -1;
    assert_int_equal(yt_place(NULL, 0, &total), YT_OK);
    assert_int_equal(total, 0);
    assert_int_equal(yt_place_floor(NULL, 0), 0);
}

struct play {
    const struct yt_ir *ir;
    int64_t unit; /* bytes; tensors start and end at whole ones */
    const int64_t *offsets;
    int32_t *owner; /* [unit of the arena] value that was written last */
    int64_t total;
};

static void range_of(const struct play *p, int32_t value, int64_t *begin,
                     int64_t *end)
{
    const struct yt_ir_place place = yt_ir_locate(p->ir, value);
    assert_true(p->offsets[place.root] >= 0);
    const int64_t at = p->offsets[place.root] + place.offset;
    assert_int_equal(at % p->unit, 0);
    assert_int_equal(place.bytes % p->unit, 0);
    assert_true(at + place.bytes <= p->total);
    *begin = at / p->unit;
    *end = (at + place.bytes) / p->unit;
}

static void play_write(struct play *p, int32_t value)
{
    int64_t begin, end;
    range_of(p, value, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        p->owner[i] = value;
}

static void play_read_leaf(const struct play *p, int32_t leaf)
{
    int64_t begin, end;
    range_of(p, leaf, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        assert_int_equal(p->owner[i], leaf);
}

/* A concat has to be its leaves, one after the other. */
static void play_read(const struct play *p, int32_t value)
{
    const struct yt_ir_value *v = &p->ir->values[value];
    if (v->leaf_count == 0) {
        play_read_leaf(p, value);
        return;
    }
    int64_t at, end;
    range_of(p, value, &at, &end);
    for (int32_t i = 0; i < v->leaf_count; i++) {
        int64_t leaf_begin, leaf_end;
        const int32_t leaf = p->ir->leaves[v->first_leaf + i];
        range_of(p, leaf, &leaf_begin, &leaf_end);
        assert_int_equal(leaf_begin, at);
        play_read_leaf(p, leaf);
        at = leaf_end;
    }
    assert_int_equal(at, end);
}

static int overlap(const struct play *p, int32_t a, int32_t b)
{
    int64_t a_begin, a_end, b_begin, b_end;
    range_of(p, a, &a_begin, &a_end);
    range_of(p, b, &b_begin, &b_end);
    return a_begin < b_end && b_begin < a_end;
}

static int same_range(const struct play *p, int32_t a, int32_t b)
{
    int64_t a_begin, a_end, b_begin, b_end;
    range_of(p, a, &a_begin, &a_end);
    range_of(p, b, &b_begin, &b_end);
    return a_begin == b_begin && a_end == b_end;
}

static void play_op(struct play *p, const struct yt_ir_op *op)
{
    play_read(p, op->in);
    for (int32_t i = 0; i < op->part_count; i++) {
        const struct yt_ir_part *part = &op->parts[i];
        assert_false(overlap(p, op->in, part->out));
        if (part->add < 0)
            continue;
        play_read(p, part->add);
        for (int32_t j = 0; j < op->part_count; j++)
            assert_true(!overlap(p, part->add, op->parts[j].out) ||
                        (op->addend == YT_ADD_RESIDUAL &&
                         same_range(p, part->add, op->parts[j].out)));
    }
    for (int32_t i = 0; i < op->part_count; i++)
        play_write(p, op->parts[i].out);
}

static void play_graph(const struct yt_graph *graph,
                       const struct yt_net_options *options)
{
    struct yt_ir ir;
    struct play p = {.ir = &ir, .unit = options->dtypes ? 4 : 16};
    assert_int_equal(yt_ir_init(&ir, graph, options), YT_OK);
    assert_int_equal(yt_ir_select(&ir), YT_OK);
    assert_int_equal(yt_ir_type(&ir), YT_OK);
    yt_ir_fuse(&ir);
    int64_t *offsets = malloc((size_t)ir.store_count * sizeof *offsets);
    int64_t floor = 0;
    assert_non_null(offsets);
    assert_int_equal(yt_ir_place(&ir, offsets, &p.total, &floor), YT_OK);
    p.offsets = offsets;
    p.owner = malloc((size_t)(p.total / p.unit + 1) * sizeof *p.owner);
    assert_non_null(p.owner);
    for (int64_t i = 0; i < p.total / p.unit; i++)
        p.owner[i] = -1;
    play_write(&p, 0);
    for (int32_t i = 0; i < ir.op_count; i++)
        play_op(&p, &ir.ops[i]);
    int32_t heads = 0;
    for (int32_t i = 0; i < ir.value_count; i++)
        if (ir.values[i].head >= 0) {
            play_read(&p, i);
            heads++;
        }
    assert_int_equal(heads, graph->head_count);
    free(p.owner);
    free(offsets);
    yt_ir_deinit(&ir);
}

static void random_graphs_play_through(void **state)
{
    (void)state;
    for (uint64_t seed = 1000; seed < 1400; seed++) {
        struct yt_graph *graph = random_graph(seed, 2 + (int32_t)(seed % 16));
        uint8_t *dtypes = random_dtypes(graph, seed);
        struct yt_net_options options = {
            .lanes = 4 << seed % 3,
            .h = 16,
            .w = 24,
            .no_fuse_upsample = (int32_t)(seed / 3 % 2),
            .no_fuse_twin = (int32_t)(seed / 6 % 2)};
        play_graph(graph, &options);
        options.dtypes = dtypes;
        play_graph(graph, &options);
        free(dtypes);
        yt_graph_destroy(graph);
    }
}

static void yolov5_plays_through(void **state)
{
    (void)state;
    static const char *const sizes[] = {"n", "s", "m", "l"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct yt_graph *graph = NULL;
        assert_int_equal(yt_graph_builtin(sizes[i], 1, &graph), YT_OK);
        for (int32_t variant = 0; variant < 4; variant++) {
            const struct yt_net_options options = {.lanes = 16,
                                                   .h = 640,
                                                   .w = 640 - 32 * variant,
                                                   .no_fuse_upsample =
                                                       variant % 2,
                                                   .no_fuse_twin = variant / 2};
            play_graph(graph, &options);
        }
        yt_graph_destroy(graph);
    }
}

/* The lower bound is what a step's tensors themselves need, so 1.3 times that
 * is all the arena may lose to gaps and to concats waiting for their parts. */
static void yolov5_arena_is_near_its_floor(void **state)
{
    (void)state;
    static const char *const sizes[] = {"n", "s", "m"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct yt_graph *graph = NULL;
        struct yt_net *net = NULL;
        const struct yt_net_options options = {.lanes = 16, .h = 640, .w = 640};
        assert_int_equal(yt_graph_builtin(sizes[i], 1, &graph), YT_OK);
        assert_int_equal(yt_net_lower(graph, &options, &net), YT_OK);
        assert_true(net->floor_bytes > 0);
        assert_true(net->arena_bytes >= net->floor_bytes);
        assert_true(10 * net->arena_bytes <= 13 * net->floor_bytes);
        assert_true(4 * net->arena_bytes < net->feature_bytes);
        yt_net_destroy(net);
        yt_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_items_stay_apart),
        cmocka_unit_test(equal_chains_share_memory),
        cmocka_unit_test(nothing_takes_nothing),
        cmocka_unit_test(random_graphs_play_through),
        cmocka_unit_test(yolov5_plays_through),
        cmocka_unit_test(yolov5_arena_is_near_its_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
