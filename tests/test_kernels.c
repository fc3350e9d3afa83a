/* The cache of compiled kernels: each once, whoever asks, from any thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/isa.h"
#include "tuner/build/kernels.h"

/* More than the table's first slots take, so that it grows. */
#define MANY 200

static struct yt_kernels *create(void)
{
    struct yt_kernels *kernels = NULL;
    if (yt_kernels_create(yt_isa_get(YT_ISA_SCALAR), &kernels) != YT_OK)
        fail_msg("%s", yt_error());
    return kernels;
}

/* Kernels that LLVM is soon done with; each width is another one. */
static struct yt_problem pool_of(int32_t w)
{
    char name[64];
    struct yt_problem p;
    snprintf(name, sizeof name, "maxpool-f32-1x1x%d-r3", w);
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static struct yt_schedule schedule_of(const struct yt_problem *p)
{
    struct yt_schedule s;
    yt_schedule_default(p, yt_isa_get(YT_ISA_SCALAR), &s);
    return s;
}

static void a_kernel_is_compiled_once(void **state)
{
    (void)state;
    struct yt_kernels *kernels = create();
    const struct yt_problem p = pool_of(8);
    const struct yt_schedule s = schedule_of(&p);
    const struct yt_kernel *one = NULL, *two = NULL;
    assert_null(yt_kernels_find(kernels, &p, &s));
    assert_int_equal(yt_kernels_get(kernels, &p, &s, &one), YT_OK);
    assert_int_equal(yt_kernels_get(kernels, &p, &s, &two), YT_OK);
    assert_ptr_equal(one, two);
    assert_ptr_equal(yt_kernels_find(kernels, &p, &s), one);
    assert_int_equal(yt_kernels_count(kernels), 1);
    assert_true(one->run != NULL);
    assert_true(one->object.size > 0);
    yt_kernels_destroy(kernels);
}

/* What was handed out stays where it is however many come after it. */
static void kernels_stay_where_they_are(void **state)
{
    (void)state;
    static struct yt_problem problems[MANY];
    static struct yt_schedule schedules[MANY];
    static struct yt_kernel_wish wishes[2 * MANY];
    struct yt_kernels *kernels = create();
    for (int i = 0; i < MANY; i++) {
        problems[i] = pool_of(i + 1);
        schedules[i] = schedule_of(&problems[i]);
        wishes[i] = wishes[MANY + i] =
            (struct yt_kernel_wish){&problems[i], &schedules[i]};
    }
    assert_int_equal(yt_kernels_compile(kernels, wishes, 1, 1), YT_OK);
    const struct yt_kernel *first =
        yt_kernels_find(kernels, &problems[0], &schedules[0]);
    assert_int_equal(yt_kernels_compile(kernels, wishes, 2 * MANY, 2), YT_OK);
    assert_int_equal(yt_kernels_count(kernels), MANY);
    assert_ptr_equal(yt_kernels_find(kernels, &problems[0], &schedules[0]),
                     first);
    for (int i = 0; i < MANY; i++)
        assert_non_null(yt_kernels_find(kernels, &problems[i], &schedules[i]));
    yt_kernels_destroy(kernels);
}

static void a_failure_keeps_what_was_compiled(void **state)
{
    (void)state;
    struct yt_kernels *kernels = create();
    const struct yt_problem p = pool_of(8), q = pool_of(9);
    const struct yt_schedule s = schedule_of(&p);
    struct yt_problem conv;
    assert_int_equal(yt_problem_parse("conv2d-f32-3x8x8-k4r3s1p1", &conv),
                     YT_OK);
    const struct yt_kernel_wish wishes[] = {{&p, &s}, {&conv, &s}, {&q, &s}};
    assert_int_equal(yt_kernels_compile(kernels, wishes, 3, 2),
                     YT_BAD_ARGUMENT);
    assert_non_null(yt_kernels_find(kernels, &p, &s));
    assert_non_null(yt_kernels_find(kernels, &q, &s));
    assert_null(yt_kernels_find(kernels, &conv, &s));
    assert_int_equal(yt_kernels_count(kernels), 2);
    yt_kernels_destroy(kernels);
}

struct asker {
    struct yt_kernels *kernels;
    const struct yt_kernel *got[8];
    enum yt_status status;
};

static void *ask(void *user)
{
    struct asker *asker = user;
    for (int32_t i = 0; i < 8 && asker->status == YT_OK; i++) {
        const struct yt_problem p = pool_of(i + 1);
        const struct yt_schedule s = schedule_of(&p);
        asker->status = yt_kernels_get(asker->kernels, &p, &s, &asker->got[i]);
    }
    return NULL;
}

static void threads_share_kernels(void **state)
{
    (void)state;
    struct asker askers[4];
    pthread_t threads[4];
    struct yt_kernels *kernels = create();
    for (int t = 0; t < 4; t++) {
        askers[t] = (struct asker){.kernels = kernels};
        assert_int_equal(pthread_create(&threads[t], NULL, ask, &askers[t]), 0);
    }
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < 4; t++) {
        assert_int_equal(askers[t].status, YT_OK);
        assert_memory_equal(askers[t].got, askers[0].got, sizeof askers[t].got);
    }
    assert_int_equal(yt_kernels_count(kernels), 8);
    yt_kernels_destroy(kernels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_is_compiled_once),
        cmocka_unit_test(kernels_stay_where_they_are),
        cmocka_unit_test(a_failure_keeps_what_was_compiled),
        cmocka_unit_test(threads_share_kernels),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
