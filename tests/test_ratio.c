/* Ratios chosen for a time: on tables whose answers are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "base/random.h"
#include "compress/ratio/solve.h"

#define GROUPS 4
#define LAYERS 5

static double unit(uint64_t *state)
{
    return (double)(yt_random_next(state) >> 11) * 0x1p-53;
}

static void add_part(struct yt_ratio_part **parts, int32_t *count,
                     int32_t group, double size)
{
    *parts = realloc(*parts, ((size_t)*count + 1) * sizeof **parts);
    assert_non_null(*parts);
    (*parts)[(*count)++] = (struct yt_ratio_part){group, size};
}

/* A chain: layer i reads group i - 1 and makes group i; the first reads an
 * image, the last is a head. Times are those of the work, and some. */
static struct yt_ratio_table chain(uint64_t seed)
{
    struct yt_ratio_table t = {.group_count = GROUPS, .layer_count = LAYERS};
    t.groups = calloc(GROUPS, sizeof *t.groups);
    t.layers = calloc(LAYERS, sizeof *t.layers);
    assert_non_null(t.groups);
    assert_non_null(t.layers);
    for (int32_t g = 0; g < GROUPS; g++) {
        t.groups[g].choices = 4;
        for (int32_t c = 0; c < 4; c++) {
            t.groups[g].kept[c] = 1 - 0.25 * c;
            t.groups[g].loss[c] =
                c ? t.groups[g].loss[c - 1] + 0.01 + c * unit(&seed) : 0;
        }
    }
    for (int32_t i = 0; i < LAYERS; i++) {
        struct yt_ratio_layer *l = &t.layers[i];
        const double ns = 1000 + 9000 * unit(&seed);
        add_part(&l->in, &l->in_count, i - 1, 32);
        add_part(&l->out, &l->out_count, i < GROUPS ? i : -1, 64);
        l->point_count = 2;
        l->points[0].work = 32 * 64;
        l->points[0].ns = ns + 100;
        l->points[1].work = 0;
        l->points[1].ns = 100;
    }
    t.fixed_ns = 500;
    return t;
}

/* The least loss that keeps the time, by trying all. */
static double best_loss(const struct yt_ratio_table *t, double target)
{
    double best = 1e9;
    for (int32_t code = 0; code < 4 * 4 * 4 * 4; code++) {
        const int32_t choices[GROUPS] = {code & 3, code >> 2 & 3, code >> 4 & 3,
                                         code >> 6 & 3};
        const double loss = yt_ratio_loss(t, choices);
        if (yt_ratio_ns(t, choices) <= target && loss < best)
            best = loss;
    }
    return best;
}

static void times_are_kept_and_little_is_lost(void **state)
{
    (void)state;
    double found = 0, least = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct yt_ratio_table t = chain(seed);
        int32_t none[GROUPS] = {0};
        const double dense = yt_ratio_ns(&t, none);
        for (double share = 0.9; share > 0.3; share -= 0.1) {
            int32_t choices[GROUPS] = {0};
            assert_ok(yt_ratio_solve(&t, share * dense, choices));
            assert_true(yt_ratio_ns(&t, choices) <= share * dense);
            const double loss = yt_ratio_loss(&t, choices);
            const double best = best_loss(&t, share * dense);
            assert_true(loss >= best - 1e-12);
            found += loss;
            least += best;
        }
        yt_ratio_table_deinit(&t);
    }
    print_message("loses %.3f of the least\n", found / least);
    assert_true(found < 1.1 * least);
}

static void what_is_wide_enough_stays(void **state)
{
    (void)state;
    struct yt_ratio_table t = chain(3);
    int32_t choices[GROUPS] = {0};
    const double dense = yt_ratio_ns(&t, choices);
    assert_ok(yt_ratio_solve(&t, dense, choices));
    for (int32_t g = 0; g < GROUPS; g++)
        assert_int_equal(choices[g], 0);
    /* What went before does not come back. */
    choices[2] = 2;
    assert_ok(yt_ratio_solve(&t, dense, choices));
    assert_int_equal(choices[2], 2);
    yt_ratio_table_deinit(&t);
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    struct yt_ratio_table t = chain(4);
    int32_t choices[GROUPS] = {0};
    assert_int_equal(yt_ratio_solve(&t, 600, choices), YT_UNSATISFIABLE);
    assert_non_null(strstr(yt_error(), "ms"));
    for (int32_t g = 0; g < GROUPS; g++)
        assert_int_equal(choices[g], 3);
    yt_ratio_table_deinit(&t);
}

static void times_between_points_are_interpolated(void **state)
{
    (void)state;
    struct yt_ratio_table t = chain(5);
    struct yt_ratio_layer *l = &t.layers[1];
    l->point_count = 3;
    l->points[1].work = 1024;
    l->points[1].ns = 400;
    l->points[2].work = 512;
    l->points[2].ns = 300;
    int32_t choices[GROUPS] = {0};
    t.fixed_ns = 0;
    for (int32_t i = 0; i < LAYERS; i++)
        if (i != 1)
            t.layers[i].point_count = 0;
    const double dense = l->points[0].ns;
    assert_true(yt_ratio_ns(&t, choices) == dense);
    choices[0] = 2; /* half of what it reads */
    assert_true(yt_ratio_work(&t, 1, choices) == 1024);
    assert_true(yt_ratio_ns(&t, choices) == 400);
    choices[1] = 1; /* 3/8 of the work */
    assert_true(yt_ratio_ns(&t, choices) == 350);
    choices[0] = choices[1] = 3; /* beyond the last point */
    assert_true(yt_ratio_ns(&t, choices) == 300);
    yt_ratio_table_deinit(&t);
}

/* A first step that saves nothing must not hide the second one. */
static void steps_of_several_choices_are_seen(void **state)
{
    (void)state;
    struct yt_ratio_table t = chain(6);
    for (int32_t i = 0; i < LAYERS; i++)
        t.layers[i].point_count = 0;
    t.fixed_ns = 0;
    struct yt_ratio_layer *l = &t.layers[1];
    l->in_count = 0;
    l->point_count = 3;
    l->points[0].work = 64;
    l->points[0].ns = 1000;
    l->points[1].work = 48;
    l->points[1].ns = 1000;
    l->points[2].work = 32;
    l->points[2].ns = 100;
    int32_t choices[GROUPS] = {0};
    assert_ok(yt_ratio_solve(&t, 500, choices));
    assert_int_equal(choices[1], 2);
    assert_int_equal(choices[0] + choices[2] + choices[3], 0);
    yt_ratio_table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_kept_and_little_is_lost),
        cmocka_unit_test(what_is_wide_enough_stays),
        cmocka_unit_test(what_cannot_be_is_said),
        cmocka_unit_test(times_between_points_are_interpolated),
        cmocka_unit_test(steps_of_several_choices_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
