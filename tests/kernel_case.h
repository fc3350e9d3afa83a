/* One kernel: a schedule drawn of what a row proposes, compiled, and compared
 * with the reference. */
#ifndef YT_TEST_KERNEL_CASE_H
#define YT_TEST_KERNEL_CASE_H

#include <cmocka.h>

#include "base/random.h"
#include "codegen/algo.h"
#include "codegen/codegen.h"
#include "codegen/pack.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "tuner/measure/bench_case.h"

/* One of all that the row proposes. */
struct kernel_draw {
    struct yt_schedule s;
    uint32_t seed, seen;
};

static inline void kernel_take(void *user, const struct yt_schedule *s)
{
    struct kernel_draw *d = user;
    if (yt_random_lcg(&d->seed) / 65536 % ++d->seen == 0)
        d->s = *s;
}

static inline struct yt_schedule kernel_draw(enum yt_algo_id algo,
                                             const struct yt_problem *p,
                                             const struct yt_isa *isa,
                                             uint32_t seed)
{
    struct kernel_draw d = {.seed = seed};
    const struct yt_algo *row = yt_algo_get(algo);
    const struct yt_ask ask = {.problem = p,
                               .isa = isa,
                               .threads = 1 + (int32_t)seed % 2,
                               .stage = YT_STAGE_ALL,
                               .take = kernel_take,
                               .user = &d};
    row->propose(&ask);
    assert_true(d.seen > 0);
    return d.s;
}

/* What the kernel writes is what the reference does, within the schedule's
 * tolerance and its buffers. */
static inline void kernel_compare(const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa)
{
    char problem[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
    struct yt_object object;
    struct yt_jit *jit;
    struct yt_case *c;
    yt_kernel_fn kernel;
    double error;
    yt_problem_name(p, problem);
    yt_schedule_name(s, schedule);
    if (yt_codegen_compile(p, s, isa, &object) != YT_OK)
        fail_msg("%s by %s on %s: %s", problem, schedule, isa->name,
                 yt_error());
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    assert_int_equal(yt_case_create(p, isa, &c), YT_OK);
    const size_t bytes = yt_pack_weight_bytes(p, s, isa);
    void *packed = yt_memory_alloc(bytes);
    assert_non_null(packed);
    yt_pack_weights(p, s, isa, &c->filter, packed);
    if (yt_case_check(c, kernel, yt_schedule_tasks(p, s, isa), s, packed,
                      &error) != YT_OK)
        fail_msg("%s by %s on %s: %s", problem, schedule, isa->name,
                 yt_error());
    yt_memory_free(packed, bytes);
    yt_case_destroy(c);
    yt_object_deinit(&object);
    yt_jit_destroy(jit);
}

static inline int kernel_has_type(const struct yt_isa *isa, enum yt_dtype dtype)
{
    return dtype != YT_DTYPE_BF16 || (isa->can & YT_CAN_BF16);
}

#endif
