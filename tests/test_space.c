/* The search policy: legal, without repeats, finite, and the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/algo.h"
#include "tuner/search/space.h"

#define TRIALS_MAX 40000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
    "conv2d-u8s8-64x80x80-k128r3s2p1-silu",
    "conv2d-u8s8-3x640x640-k16r6s2p2-silu",
    "conv2d-u8s8-64x40x40-k64r1s1p0-silu",
    "conv2d-s16-128x20x20-k128r3s1p1-silu-res",
    "conv2d-u8s8_f32-64x80x80-k255r1s1p0-lazy3",
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

/* Walk until nothing is left. @p ok 0: everything fails. */
static void walk(const struct yt_space *space, int32_t ok,
                 struct yt_trials *trials)
{
    struct yt_schedule next;
    memset(trials, 0, sizeof *trials);
    for (;;) {
        int any;
        assert_int_equal(yt_space_next(space, trials, &any, &next), YT_OK);
        if (!any)
            return;
        char name[YT_SCHEDULE_NAME_MAX], other[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&next, name);
        assert_true(yt_schedule_applies(space->problem, &next, space->isa));
        assert_null(yt_trials_find(trials, &next));
        struct yt_schedule again;
        assert_int_equal(yt_schedule_parse(space->problem->op, name, &again),
                         YT_OK);
        yt_schedule_name(&again, other);
        assert_string_equal(name, other);
        const struct yt_trial trial = {
            .schedule = next, .ok = ok, .min_ns = ok ? cost(&next) : 0};
        assert_int_equal(yt_trials_put(trials, &trial), YT_OK);
        assert_true(trials->count < TRIALS_MAX);
    }
}

static void walks_end_and_repeat(void **state)
{
    (void)state;
    struct yt_trials a, b;
    for (size_t i = 0; i < COUNT(problems); i++) {
        struct yt_problem p;
        assert_int_equal(yt_problem_parse(problems[i], &p), YT_OK);
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            const struct yt_space space = {
                .problem = &p,
                .isa = yt_isa_get((enum yt_isa_id)id),
                .threads = 2,
            };
            walk(&space, 1, &a);
            walk(&space, 1, &b);
            assert_true(a.count >= 1 && a.count < 400);
            assert_int_equal(a.count, b.count);
            for (int32_t j = 0; j < a.count; j++) {
                char x[YT_SCHEDULE_NAME_MAX], y[YT_SCHEDULE_NAME_MAX];
                yt_schedule_name(&a.items[j].schedule, x);
                yt_schedule_name(&b.items[j].schedule, y);
                assert_string_equal(x, y);
            }
            yt_trials_deinit(&a);
            yt_trials_deinit(&b);
        }
    }
}

/* The default schedule comes first: what tuning is compared with. */
static void the_default_is_tried_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(problems); i++) {
        struct yt_problem p;
        struct yt_schedule first, expected;
        const struct yt_trials none = {0};
        assert_int_equal(yt_problem_parse(problems[i], &p), YT_OK);
        const struct yt_isa *isa = yt_isa_get(YT_ISA_AVX2);
        const struct yt_space space = {.problem = &p, .isa = isa, .threads = 1};
        int any;
        assert_int_equal(yt_space_next(&space, &none, &any, &first), YT_OK);
        assert_int_equal(any, 1);
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
    struct yt_trials trials;
    assert_int_equal(yt_problem_parse("conv2d-f32-64x80x80-k64r3s1p1-silu", &p),
                     YT_OK);
    const struct yt_space space = {
        .problem = &p, .isa = yt_isa_get(YT_ISA_AVX2), .threads = 2};
    walk(&space, 0, &trials);
    /* Nothing worked: only the first stage, the tiles, was listed. */
    assert_true(trials.count >= 2 && trials.count < 60);
    yt_trials_deinit(&trials);
}

/* Each body of what was tried, with the same tile and tasks, was tried too. */
static void check_bodies(const struct yt_space *space,
                         const struct yt_trials *trials, int32_t at)
{
    static const int32_t unrolls[] = {1, 2, 3, 4, 8, 16};
    struct yt_schedule s = trials->items[at].schedule;
    const int32_t launders = space->problem->u.conv2d.r > 1 ? 2 : 1;
    const size_t count = COUNT(unrolls);
    for (size_t i = 0; i < count * YT_TUNE_COUNT * 8; i++) {
        const size_t flags = i / count / YT_TUNE_COUNT;
        s.ku = unrolls[i % count];
        s.tune = (int32_t)(i / count % YT_TUNE_COUNT);
        s.ic_outer = flags & 1;
        s.coarse = flags >> 1 & 1;
        if (launders == 2)
            s.launder = flags >> 2 & 1;
        if (yt_schedule_applies(space->problem, &s, space->isa))
            assert_non_null(yt_trials_find(trials, &s));
    }
}

/* Every choice is met with every other. */
static void exhaustive_walks_cover_the_space(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum yt_isa_id isa;
        int32_t threads;
    } cases[] = {
        {"conv2d-f32-16x2x3-k16r1s1p0", YT_ISA_AVX2, 1},
        {"conv2d-f32-16x3x3-k16r3s1p1", YT_ISA_AVX512, 2},
        {"conv2d-f32-16x3x2-k16r3s1p1", YT_ISA_AVX2, 1},
        {"conv2d-f32-16x2x2-k255r1s1p0-lazy3", YT_ISA_AVX512, 1},
        {"conv2d-f32-16x1x1-k16r1s1p0", YT_ISA_AVX2, 7},
        {"conv2d-u8s8-16x2x3-k16r1s1p0-silu", YT_ISA_AVX2, 1},
        {"conv2d-s16-16x3x2-k16r3s1p1-silu", YT_ISA_AVX512, 2},
        {"sppf-f32-16x3x3-r5", YT_ISA_AVX512, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct yt_problem p;
        struct yt_schedule first;
        struct yt_trials trials;
        assert_int_equal(yt_problem_parse(cases[i].name, &p), YT_OK);
        const struct yt_space space = {
            .problem = &p,
            .isa = yt_isa_get(cases[i].isa),
            .threads = cases[i].threads,
            .exhaustive = 1,
        };
        /* Nothing works, so that every walk is the same: the default, which
         * may lie outside the space, and the space. */
        walk(&space, 0, &trials);
        int64_t size;
        assert_int_equal(yt_space_size(&space, &size), YT_OK);
        assert_in_range(trials.count, size, size + 1);
        yt_schedule_default(&p, space.isa, &first);
        assert_non_null(yt_trials_find(&trials, &first));
        for (int32_t j = 1; p.op == YT_OP_CONV2D && j < trials.count; j++)
            check_bodies(&space, &trials, j);
        yt_trials_deinit(&trials);

        /* When candidates work, neighbours may add to it. */
        walk(&space, 1, &trials);
        assert_true(trials.count >= size);
        yt_trials_deinit(&trials);
    }
}

/* Narrow outputs with an activation: both kinds of SiLU are measured; others
 * have one. */
static void both_kinds_of_silu_are_tried(void **state)
{
    (void)state;
    static const struct {
        const char *problem;
        int both;
    } cases[] = {
        {"conv2d-u8s8-64x40x40-k64r3s1p1-silu", 1},
        {"conv2d-u8s8-64x40x40-k64r1s1p0-silu", 1},
        {"conv2d-s16-64x40x40-k64r3s1p1-silu", 1},
        {"conv2d-u8s8-64x40x40-k64r3s1p1", 0},
        {"conv2d-u8s8_f32-64x40x40-k64r3s1p1-silu", 0},
        {"conv2d-f32-64x40x40-k64r3s1p1-silu", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct yt_problem p;
        struct yt_trials trials;
        int32_t count[2] = {0, 0};
        assert_int_equal(yt_problem_parse(cases[i].problem, &p), YT_OK);
        const struct yt_space space = {
            .problem = &p, .isa = yt_isa_get(YT_ISA_AVX512), .threads = 1};
        walk(&space, 1, &trials);
        for (int32_t j = 0; j < trials.count; j++)
            count[trials.items[j].schedule.coarse]++;
        assert_true(count[0] > 0 || cases[i].both);
        assert_int_equal(count[0] > 0 && count[1] > 0, cases[i].both);
        yt_trials_deinit(&trials);
    }
}

/* Of narrow elements a block is few steps: tiles are proposed all the same. */
static void few_steps_leave_tiles(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_trials trials;
    assert_int_equal(
        yt_problem_parse("conv2d-u8s8-64x40x40-k64r1s1p0-silu", &p), YT_OK);
    const struct yt_space space = {
        .problem = &p, .isa = yt_isa_get(YT_ISA_AVX2), .threads = 1};
    walk(&space, 0, &trials);
    assert_true(trials.count > 10);
    yt_trials_deinit(&trials);
}

/* Operators without tiles are searched over their algorithms as well. */
static void pools_have_a_space(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_trials trials;
    int32_t count[YT_ALGO_COUNT] = {0};
    assert_int_equal(yt_problem_parse("sppf-f32-64x20x20-r5", &p), YT_OK);
    const struct yt_space space = {
        .problem = &p, .isa = yt_isa_get(YT_ISA_AVX512), .threads = 2};
    walk(&space, 1, &trials);
    for (int32_t i = 0; i < trials.count; i++)
        count[trials.items[i].schedule.algo]++;
    enum yt_algo_id id = yt_algo_next(p.op, YT_ALGO_COUNT);
    for (; id != YT_ALGO_COUNT; id = yt_algo_next(p.op, id))
        assert_int_equal(count[id], YT_TUNE_COUNT);
    yt_trials_deinit(&trials);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/* What the search says when there is no memory left at all. */
static int next_without_memory(const struct yt_space *space)
{
    const struct rlimit nothing = {0, 0};
    const struct yt_trials none = {0};
    struct yt_schedule next;
    int any = -1;
    if (setrlimit(RLIMIT_AS, &nothing) != 0)
        return 1;
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        while (malloc(size)) /* never freed: the process ends */
            continue;
    return yt_space_next(space, &none, &any, &next) == YT_NO_MEMORY ? 0 : 2;
}

static void no_memory_is_no_end(void **state)
{
    (void)state;
#ifdef HAS_SANITIZER
    print_message("skipped: sanitizers end a process without memory\n");
    skip();
#endif
    struct yt_problem p;
    int how = 0;
    assert_int_equal(yt_problem_parse("conv2d-f32-64x80x80-k64r3s1p1-silu", &p),
                     YT_OK);
    for (int exhaustive = 0; exhaustive < 2; exhaustive++) {
        const struct yt_space space = {.problem = &p,
                                       .isa = yt_isa_get(YT_ISA_AVX2),
                                       .threads = 2,
                                       .exhaustive = exhaustive};
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(next_without_memory(&space));
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
}

/* Each algorithm of an operator is tried, from the start on. */
static void all_algorithms_are_tried(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_trials trials;
    assert_int_equal(
        yt_problem_parse("conv2d-f32-64x80x80-k255r1s1p0-lazy3", &p), YT_OK);
    const struct yt_space space = {
        .problem = &p, .isa = yt_isa_get(YT_ISA_AVX512), .threads = 1};
    walk(&space, 1, &trials);
    assert_int_equal(trials.items[0].schedule.algo, YT_ALGO_LAZY);
    int32_t direct = 0;
    for (int32_t j = 0; j < 5; j++)
        direct += trials.items[j].schedule.algo == YT_ALGO_DIRECT;
    assert_true(direct >= 2);
    yt_trials_deinit(&trials);
}

/* A real layer: far more than a stage of a search could list. */
static void the_space_of_a_layer_is_large(void **state)
{
    (void)state;
    struct yt_problem p;
    assert_int_equal(
        yt_problem_parse("conv2d-f32-128x40x40-k128r3s1p1-silu", &p), YT_OK);
    const struct yt_space space = {
        .problem = &p,
        .isa = yt_isa_get(YT_ISA_AVX512),
        .threads = 2,
    };
    int64_t size;
    assert_int_equal(yt_space_size(&space, &size), YT_OK);
    assert_true(size > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_end_and_repeat),
        cmocka_unit_test(the_default_is_tried_first),
        cmocka_unit_test(failures_are_not_built_upon),
        cmocka_unit_test(exhaustive_walks_cover_the_space),
        cmocka_unit_test(both_kinds_of_silu_are_tried),
        cmocka_unit_test(few_steps_leave_tiles),
        cmocka_unit_test(pools_have_a_space),
        cmocka_unit_test(no_memory_is_no_end),
        cmocka_unit_test(all_algorithms_are_tried),
        cmocka_unit_test(the_space_of_a_layer_is_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
