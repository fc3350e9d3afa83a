/* Finalists inside the running network: what is chosen, timed and said, and
 * what a stop leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "small_ground.h"
#include "tuner/search/in_network.h"

struct bed {
    struct small_ground g;
    struct yt_search *search;
    struct yt_layer_time *times;
};

static int setup(void **state)
{
    static struct bed bed;
    small_ground_open(&bed.g, 1);
    const struct yt_build *build = bed.g.on.engine->build;
    const struct yt_net *net = build->net;
    assert_int_equal(yt_search_create(bed.g.on.site, build, 1, &bed.search),
                     YT_OK);
    bed.times = calloc((size_t)net->layer_count, sizeof *bed.times);
    assert_non_null(bed.times);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;
    yt_search_destroy(bed->search);
    free(bed->times);
    small_ground_close(&bed->g);
    return 0;
}

/* As if it had been tried alone. */
static void try_it(struct yt_subject *subject,
                   const struct yt_schedule *schedule, double min_ns)
{
    const struct yt_trial trial = {
        .schedule = *schedule, .ok = 1, .min_ns = min_ns, .code_bytes = 100};
    assert_int_equal(yt_trials_put(&subject->trials, &trial), YT_OK);
}

static enum yt_status choose(struct bed *bed, const volatile int *stop)
{
    const struct yt_tune_options options = {.stop = stop};
    return yt_in_network_choose(bed->g.on.engine->build, bed->search, &options,
                                15, UINT64_C(600000000000),
                                UINT64_C(600000000000), bed->times);
}

/* A tile of one vector and one pixel, not unrolled: slower by far. */
static struct yt_schedule slowest(const struct yt_problem *problem,
                                  const struct yt_isa *isa)
{
    struct yt_schedule s;
    yt_schedule_default(problem, isa, &s);
    s.mr = s.nr = s.ku = 1;
    assert_true(yt_schedule_applies(problem, &s, isa));
    return s;
}

/* Alone the two were equal; in the network they are not. */
static void the_faster_finalist_wins(void **state)
{
    struct bed *bed = *state;
    struct yt_build *build = bed->g.on.engine->build;
    const int32_t count = yt_kernels_count(bed->g.on.site->kernels);
    for (int32_t t = 0; t < bed->search->subject_count; t++) {
        struct yt_subject *subject = &bed->search->subjects[t];
        struct yt_schedule fast;
        if (subject->problem.op != YT_OP_CONV2D)
            continue;
        const struct yt_schedule slow = slowest(&subject->problem, build->isa);
        yt_schedule_default(&subject->problem, build->isa, &fast);
        try_it(subject, &slow, 1000);
        try_it(subject, &fast, 1000);
    }
    assert_int_equal(choose(bed, NULL), YT_OK);
    assert_true(yt_kernels_count(bed->g.on.site->kernels) > count);
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        assert_true(bed->times[i].median_ns > 0);
        assert_true(bed->times[i].mad_ns >= 0);
        const struct yt_problem *problem = &build->net->layers[i].problem;
        const struct yt_schedule slow = slowest(problem, build->isa);
        char chosen[YT_SCHEDULE_NAME_MAX], other[YT_SCHEDULE_NAME_MAX];
        yt_schedule_name(&build->schedules[i], chosen);
        yt_schedule_name(&slow, other);
        assert_string_not_equal(chosen, other);
    }
    /* The network is built of what was chosen, and runs. */
    assert_int_equal(yt_engine_reopen(bed->g.on.engine), YT_OK);
}

static void a_stop_sets_nothing(void **state)
{
    struct bed *bed = *state;
    struct yt_build *build = bed->g.on.engine->build;
    const int stop = 1;
    char *before = yt_plan_text_write(build, NULL);
    assert_int_equal(choose(bed, &stop), YT_INTERRUPTED);
    char *after = yt_plan_text_write(build, NULL);
    assert_string_equal(before, after);
    for (int32_t i = 0; i < build->net->layer_count; i++)
        assert_float_equal(bed->times[i].median_ns, 0, 0);
    free(before);
    free(after);
}

/* Of what was not tried, the default runs. */
static void layers_without_trials_keep_the_default(void **state)
{
    struct bed *bed = *state;
    struct yt_build *build = bed->g.on.engine->build;
    char *before = yt_plan_text_write(build, NULL);
    assert_int_equal(choose(bed, NULL), YT_OK);
    char *after = yt_plan_text_write(build, NULL);
    assert_string_equal(before, after);
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        assert_true(bed->times[i].median_ns > 0);
        assert_string_equal(bed->times[i].ties, "");
    }
    free(before);
    free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_faster_finalist_wins),
        TEST(a_stop_sets_nothing),
        TEST(layers_without_trials_keep_the_default),
    };
    return cmocka_run_group_tests_name("in_network", tests, NULL, NULL);
}
