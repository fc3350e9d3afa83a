/* The search policy: legal, without repeats, finite, and the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tuner/space.h"

#define TRIALS_MAX 4000

static const char *const problems[] = {
    "conv2d-f32-3x640x640-k16r6s2p2-silu",
    "conv2d-f32-16x160x160-k16r1s1p0-silu",
    "conv2d-f32-64x80x80-k255r1s1p0",
    "conv2d-f32-64x80x80-k255r1s1p0-lazy3",
    "conv2d-f32-128x20x20-k128r3s1p1-silu-res",
    "conv2d-f32-64x80x80-k128r3s2p1-silu",
    "conv2d-f32-128x40x40-k128r1s1p0-silu-up2",
    "conv2d-f32-16x1x1-k16r1s1p0",
    "conv2d-f32-16x3x5-k48r3s1p1",
    "sppf-f32-128x20x20-r5",
};

/* A made-up cost that a search can descend: prefers 20 accumulators, then
 * small unrolling. Depends on nothing but the schedule. */
static double cost(const struct yt_schedule *s)
{
    const double acc = s->mr * s->nr;
    return 1000 + (acc - 20) * (acc - 20) + 3 * s->ku + s->tiles +
           10 * s->order + 5 * s->tune;
}

static int32_t walk(const struct yt_space *space, struct yt_trial *trials,
                    int32_t limit)
{
    int32_t count = 0;
    struct yt_schedule next;
    while (count < limit && yt_space_next(space, trials, count, &next)) {
        char name[YT_SCHEDULE_NAME_MAX], other[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&next, name);
        assert_true(yt_schedule_applies(space->problem, &next, space->isa));
        for (int32_t i = 0; i < count; i++) {
            yt_schedule_name(&trials[i].schedule, other);
            assert_string_not_equal(name, other);
        }
        struct yt_schedule again;
        assert_int_equal(yt_schedule_parse(name, &again), YT_OK);
        yt_schedule_name(&again, other);
        assert_string_equal(name, other);
        trials[count++] =
            (struct yt_trial){.schedule = next, .ok = 1, .min_ns = cost(&next)};
    }
    return count;
}

static void walks_end_and_repeat(void **state)
{
    (void)state;
    struct yt_trial *a = calloc(TRIALS_MAX, sizeof *a);
    struct yt_trial *b = calloc(TRIALS_MAX, sizeof *b);
    assert_non_null(a);
    assert_non_null(b);
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        struct yt_problem p;
        assert_int_equal(yt_problem_parse(problems[i], &p), YT_OK);
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            const struct yt_space space = {
                .problem = &p,
                .isa = yt_isa_get((enum yt_isa_id)id),
                .threads = 2,
            };
            const int32_t n = walk(&space, a, TRIALS_MAX);
            assert_true(n >= 1 && n < 400);
            assert_int_equal(walk(&space, b, TRIALS_MAX), n);
            for (int32_t j = 0; j < n; j++) {
                char x[YT_SCHEDULE_NAME_MAX], y[YT_SCHEDULE_NAME_MAX];
                yt_schedule_name(&a[j].schedule, x);
                yt_schedule_name(&b[j].schedule, y);
                assert_string_equal(x, y);
            }
        }
    }
    free(a);
    free(b);
}

/* The default schedule comes first: what tuning is compared with. */
static void the_default_is_tried_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        struct yt_problem p;
        struct yt_schedule first, expected;
        assert_int_equal(yt_problem_parse(problems[i], &p), YT_OK);
        const struct yt_isa *isa = yt_isa_get(YT_ISA_AVX2);
        const struct yt_space space = {.problem = &p, .isa = isa, .threads = 1};
        assert_int_equal(yt_space_next(&space, NULL, 0, &first), 1);
        yt_schedule_default(&p, isa, &expected);
        char x[YT_SCHEDULE_NAME_MAX], y[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&first, x);
        yt_schedule_name(&expected, y);
        assert_string_equal(x, y);
    }
}

static void failures_are_not_built_upon(void **state)
{
    (void)state;
    struct yt_problem p;
    assert_int_equal(yt_problem_parse("conv2d-f32-64x80x80-k64r3s1p1-silu", &p),
                     YT_OK);
    const struct yt_space space = {
        .problem = &p, .isa = yt_isa_get(YT_ISA_AVX2), .threads = 2};
    struct yt_trial *trials = calloc(TRIALS_MAX, sizeof *trials);
    assert_non_null(trials);
    int32_t count = 0;
    struct yt_schedule next;
    while (count < TRIALS_MAX && yt_space_next(&space, trials, count, &next))
        trials[count++] = (struct yt_trial){.schedule = next};
    /* Nothing worked: only the first stage, the tiles, was listed. */
    assert_true(count >= 2 && count < 60);
    free(trials);
}

/* With enough time the whole space is walked, and everything in it once. */
static void exhaustive_walks_cover_the_space(void **state)
{
    (void)state;
    struct yt_problem p;
    assert_int_equal(yt_problem_parse("conv2d-f32-16x4x6-k16r1s1p0", &p),
                     YT_OK);
    const struct yt_space space = {
        .problem = &p,
        .isa = yt_isa_get(YT_ISA_AVX2),
        .threads = 1,
        .exhaustive = 1,
    };
    struct yt_trial *trials = calloc(TRIALS_MAX, sizeof *trials);
    assert_non_null(trials);
    const int32_t count = walk(&space, trials, TRIALS_MAX);
    assert_true(count > 40 && count < TRIALS_MAX);
    assert_true(yt_space_size(&space) >= 40);
    free(trials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_end_and_repeat),
        cmocka_unit_test(the_default_is_tried_first),
        cmocka_unit_test(failures_are_not_built_upon),
        cmocka_unit_test(exhaustive_walks_cover_the_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
