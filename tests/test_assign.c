/* Types assigned to layers: the knapsack against all combinations, and the
 * measured table of a small network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "ground.h"
#include "eval/image.h"
#include "compress/precision/assign.h"
#include "compress/precision/assign_solve.h"
#include "compress/precision/calibrate.h"
#include "compress/precision/loss.h"

#define GROUPS 6
#define TYPES  3

static double uniform(uint32_t *seed)
{
    return (double)(yt_random_lcg(seed) >> 8) / 16777216.0;
}

/* The least time of all combinations whose loss is within a bound. */
static double try_all(const struct yt_knapsack *k, double bound)
{
    double least = INFINITY;
    int32_t combinations = 1;
    for (int g = 0; g < GROUPS; g++)
        combinations *= TYPES;
    for (int32_t i = 0; i < combinations; i++) {
        double ns = 0, loss = 0;
        for (int32_t g = 0, rest = i; g < GROUPS; g++, rest /= TYPES) {
            ns += k->ns[g * TYPES + rest % TYPES];
            loss += k->loss[g * TYPES + rest % TYPES];
        }
        if (loss <= bound && ns < least)
            least = ns;
    }
    return least;
}

static void the_knapsack_is_all_but_best(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 50; round++) {
        double ns[GROUPS * TYPES], loss[GROUPS * TYPES], all = 0;
        for (int g = 0; g < GROUPS; g++)
            for (int t = 0; t < TYPES; t++) {
                ns[g * TYPES + t] = uniform(&seed) + (t == 0);
                loss[g * TYPES + t] = t ? uniform(&seed) : 0;
                all += loss[g * TYPES + t];
            }
        const struct yt_knapsack k = {GROUPS, TYPES, ns, loss};
        const double bounds[] = {all, all / 4, all / 10, 0};
        int32_t choices[4][GROUPS];
        assert_int_equal(yt_knapsack_solve(&k, bounds, 4, choices[0]), YT_OK);
        for (int i = 0; i < 4; i++) {
            double got_ns = 0, got_loss = 0;
            for (int g = 0; g < GROUPS; g++) {
                assert_in_range(choices[i][g], 0, TYPES - 1);
                got_ns += ns[g * TYPES + choices[i][g]];
                got_loss += loss[g * TYPES + choices[i][g]];
            }
            assert_true(got_loss <= bounds[i] + 1e-12);
            /* A step for each group is what rounding up may cost. */
            assert_true(got_ns >= try_all(&k, bounds[i]) - 1e-12);
            assert_true(got_ns <=
                        try_all(&k, bounds[i] - GROUPS * all / 1000) + 1e-12);
        }
    }
}

static void what_is_not_a_choice_is_not_chosen(void **state)
{
    (void)state;
    const double ns[] = {5, NAN, 1, 2, 1, NAN};
    const double loss[] = {0, 0, 1, 0, 0, 0};
    const struct yt_knapsack k = {2, 3, ns, loss};
    const double bounds[] = {1, 0};
    int32_t choices[2][2];
    assert_int_equal(yt_knapsack_solve(&k, bounds, 2, choices[0]), YT_OK);
    assert_int_equal(choices[0][0], 2);
    assert_int_equal(choices[0][1], 1);
    assert_int_equal(choices[1][0], 0);
    assert_int_equal(choices[1][1], 1);
}

/* --- A network ----------------------------------------------------------- */

static char folder[64];

static int make_pictures(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yt-assign-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    uint32_t seed = 3;
    for (int i = 0; i < 4; i++) {
        struct yt_picture picture;
        char path[96];
        if (yt_picture_init(96, 96, &picture) != YT_OK)
            return -1;
        for (int at = 0; at < 3 * 96 * 96; at++)
            picture.rgb[at] = (uint8_t)(128 + 100 * sin(at * 0.01 * (i + 1)) +
                                        20 * uniform(&seed));
        snprintf(path, sizeof path, "%s/%d.png", folder, i);
        const enum yt_status status = yt_picture_save(&picture, path);
        yt_picture_deinit(&picture);
        if (status != YT_OK)
            return -1;
    }
    return 0;
}

static int drop_pictures(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

struct bench {
    struct ground ground;
    struct yt_engine *engine; /* the ground's */
    struct yt_dataset *pictures;
    struct yt_quantisation *q;
};

static void bench_open(struct bench *b)
{
    const struct yt_site_options site = {.access = YT_SITE_ALONE};
    const struct yt_engine_options options = {.h = 96, .w = 96, .threads = 1};
    const struct yt_dataset_options data = {.path = folder, .only_pictures = 1};
    b->ground = engine_open(&site, "builtin:n", &options);
    b->engine = b->ground.engine;
    assert_int_equal(yt_dataset_open(&data, &b->pictures), YT_OK);
    assert_int_equal(yt_calibrate(b->engine->graph, b->engine->build->isa, 96,
                                  96, 1, b->pictures, NULL, &b->q),
                     YT_OK);
}

static void bench_close(struct bench *b)
{
    yt_quantisation_destroy(b->q);
    yt_dataset_close(b->pictures);
    ground_close(&b->ground);
}

static void a_network_loses_nothing_to_itself(void **state)
{
    (void)state;
    struct bench b;
    struct yt_loss *loss;
    double moved;
    bench_open(&b);
    assert_int_equal(yt_loss_open(b.pictures, 4, b.engine->build, &loss),
                     YT_OK);
    assert_int_equal(yt_loss_measure(loss, b.engine->build, &moved), YT_OK);
    assert_true(moved == 0);
    yt_loss_close(loss);
    bench_close(&b);
}

static const struct yt_sensitivity *row(const struct yt_assignment *a,
                                        const char *layer, enum yt_dtype dtype)
{
    for (int32_t i = 0; i < a->count; i++)
        if (strcmp(a->table[i].layer, layer) == 0 && a->table[i].dtype == dtype)
            return &a->table[i];
    return NULL;
}

static void layers_are_measured_and_assigned(void **state)
{
    (void)state;
    struct bench b;
    struct yt_assignment a;
    const struct yt_assign_options options = {.images = 2,
                                              .mixes_max = 4,
                                              .dtypes = 1u << YT_DTYPE_U8S8,
                                              .keep_fp32 = "model.24"};
    bench_open(&b);
    assert_int_equal(yt_assign(b.engine, b.q, b.pictures, &options, &a), YT_OK);
    /* Twins are one group, halves of an upsample's reader another. */
    assert_non_null(row(&a, "model.2.cv1+cv2", YT_DTYPE_U8S8));
    assert_non_null(row(&a, "model.13.cv1+cv2", YT_DTYPE_U8S8));
    assert_null(row(&a, "model.13.cv1+cv2.up", YT_DTYPE_U8S8));
    for (int32_t i = 0; i < a.count; i++) {
        assert_true(a.table[i].loss >= 0 && isfinite(a.table[i].loss));
        if (a.table[i].dtype == YT_DTYPE_F32)
            assert_true(a.table[i].loss == 0);
    }
    assert_in_range(a.mix_count, 1, 4);
    for (int32_t i = 0; i < a.mix_count; i++) {
        const struct yt_mix *mix = &a.mixes[i];
        for (int32_t n = 0; n < b.engine->graph->node_count; n++)
            if (strncmp(b.engine->graph->nodes[n].name, "model.24", 8) == 0)
                assert_int_equal(mix->quantisation->dtypes[n], YT_DTYPE_F32);
        assert_true(mix->flops >= 0 && mix->flops <= 1);
        if (i > 0) {
            assert_true(mix->ns >= a.mixes[i - 1].ns);
            assert_true(mix->loss < a.mixes[i - 1].loss);
        }
    }
    yt_assignment_deinit(&a);
    bench_close(&b);
}

static void stopping_is_noticed(void **state)
{
    (void)state;
    struct bench b;
    struct yt_assignment a;
    const volatile int stop = 1;
    const struct yt_assign_options options = {.stop = &stop};
    bench_open(&b);
    assert_int_equal(yt_assign(b.engine, b.q, b.pictures, &options, &a),
                     YT_INTERRUPTED);
    assert_null(a.table);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_knapsack_is_all_but_best),
        cmocka_unit_test(what_is_not_a_choice_is_not_chosen),
        cmocka_unit_test(a_network_loses_nothing_to_itself),
        cmocka_unit_test(layers_are_measured_and_assigned),
        cmocka_unit_test(stopping_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_pictures, drop_pictures);
}
