/* Every row of codegen/algos.inc: what it says of itself holds together, and
 * its first choice computes what the reference does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codegen/algo.h"
#include "codegen/schedule.h"
#include "runtime/memory.h"
#include "tuner/measure/bench_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each operator, and what its rows tell apart. */
static const char *const problems[] = {
    "conv2d-f32-32x9x11-k48r3s1p1-silu",
    "conv2d-f32-3x20x24-k32r6s2p2-silu",
    "conv2d-f32-32x8x10-k64r1s1p0-silu-up2",
    "conv2d-f32-32x7x9-k32r3s1p1-silu-res",
    "conv2d-u8s8-32x9x11-k48r3s2p1-silu",
    "conv2d-u8s8-3x20x24-k32r6s2p2-silu",
    "conv2d-s16-32x9x11-k48r1s1p0-silu",
    "conv2d-f32-32x9x11-k48r3s1p1-silu-kept1024-of16-x77",
    "conv2d-u8s8-32x9x11-k48r3s2p1-silu-kept2048-of16-x78",
    "conv2d-f32-32x9x11-k32r3s1p1-silu-g32",
    "conv2d-u8s8-32x9x11-k32r5s2p2-silu-g32",
    "conv2d-f32-32x9x11-k64r3s1p1-silu-g2",
    "conv2d-bf16-32x9x11-k48r3s1p1-silu",
    "conv2d-u8s8_f32-32x5x7-k48r1s1p0",
    "conv2d-f32-32x5x7-k21r1s1p0-lazy3",
    "conv2d-u8s8_f32-32x5x7-k21r1s1p0-lazy3",
    "sppf-f32-32x6x5-r5",
    "sppf-u8s8-32x6x5-r5",
    "sppf-bf16-32x6x5-r5",
    "maxpool-f32-32x6x7-r3",
    "upsample-f32-32x3x5",
    "upsample-s16-32x3x5",
    "convert-f32_u8s8-32x3x5",
    "convert-s16_f32-32x3x5",
    "letterbox-f32-32x32",
    "decode-f32-a3c2-5x7-s8",
    "decode-f32-a1c3-5x7-s8-b16",
    "nms-f32-c80-n1000",
};

/* What is being looked at, for messages. */
struct subject {
    struct yt_problem p;
    const struct yt_isa *isa;
    enum yt_algo_id id;
    const struct yt_algo *row;
    char name[YT_PROBLEM_NAME_MAX + 64];
    int32_t asked; /* candidates of the question in hand */
};

typedef void (*look_fn)(struct subject *u, const struct yt_schedule *first);

/* Every row with every problem that it has a first choice for, on every ISA
 * that there is code for. */
static void for_each_subject(look_fn look)
{
    int32_t seen[YT_ALGO_COUNT] = {0};
    for (size_t i = 0; i < COUNT(problems); i++)
        for (int isa = 0; isa < YT_ISA_COUNT; isa++) {
            struct subject u = {.isa = yt_isa_get((enum yt_isa_id)isa)};
            if (yt_problem_parse(problems[i], &u.p) != YT_OK)
                fail_msg("%s", yt_error());
            u.id = yt_algo_next(u.p.op, YT_ALGO_COUNT);
            for (; u.id != YT_ALGO_COUNT; u.id = yt_algo_next(u.p.op, u.id)) {
                struct yt_schedule s;
                u.row = yt_algo_get(u.id);
                snprintf(u.name, sizeof u.name, "%s of %s on %s", u.row->name,
                         problems[i], u.isa->name);
                if (!yt_algo_first(u.id, &u.p, u.isa, &s) ||
                    !yt_schedule_applies(&u.p, &s, u.isa))
                    continue;
                seen[u.id]++;
                look(&u, &s);
            }
        }
    for (int id = 0; id < YT_ALGO_COUNT; id++)
        if (!seen[id])
            fail_msg("no problem here is for '%s' of %s",
                     yt_algo_get((enum yt_algo_id)id)->name,
                     yt_op_name(yt_algo_get((enum yt_algo_id)id)->op));
}

/* ------------------------------------------------------------- the table */

static void rows_are_found_by_name(void **state)
{
    (void)state;
    for (int id = 0; id < YT_ALGO_COUNT; id++) {
        const struct yt_algo *row = yt_algo_get((enum yt_algo_id)id);
        assert_true(row->name[0] && !strpbrk(row->name, "- _"));
        assert_non_null(row->generate);
        assert_int_equal(!row->pack, !row->weight_bytes);
        assert_int_equal(yt_algo_find(row->op, row->name, strlen(row->name)),
                         id);
        assert_int_equal(row->knobs >> YT_KNOB_COUNT, 0);
    }
    assert_int_equal(yt_algo_find(YT_OP_CONV2D, "dir", 3), YT_ALGO_COUNT);
    assert_int_equal(yt_algo_find(YT_OP_SPPF, "direct", 6), YT_ALGO_COUNT);
}

static void every_operator_has_a_row(void **state)
{
    (void)state;
    int32_t rows = 0;
    for (int op = 0; op < YT_OP_COUNT; op++) {
        enum yt_algo_id id = yt_algo_next((enum yt_op)op, YT_ALGO_COUNT);
        assert_int_equal(yt_codegen_generates((enum yt_op)op),
                         id != YT_ALGO_COUNT);
        for (; id != YT_ALGO_COUNT; id = yt_algo_next((enum yt_op)op, id)) {
            assert_int_equal(yt_algo_get(id)->op, op);
            rows++;
        }
    }
    assert_int_equal(rows, YT_ALGO_COUNT);
}

/* ----------------------------------------------------------- first choice */

static void look_at_first(struct subject *u, const struct yt_schedule *first)
{
    if (first->algo != u->id || yt_schedule_tasks(&u->p, first, u->isa) < 1 ||
        yt_schedule_scratch_bytes(&u->p, first, u->isa) < 0 ||
        yt_schedule_tolerance(&u->p, first, u->isa) < 0)
        fail_msg("%s: its first choice is off", u->name);
}

static void first_choices_are_in_order(void **state)
{
    (void)state;
    for_each_subject(look_at_first);
}

/* ---------------------------------------------------------------- search */

static void look_at_candidate(void *user, const struct yt_schedule *s)
{
    struct subject *u = user;
    u->asked++;
    if (s->algo != u->id || !yt_schedule_applies(&u->p, s, u->isa) ||
        yt_schedule_tasks(&u->p, s, u->isa) < 1)
        fail_msg("%s: a candidate is off", u->name);
}

static void look_at_proposals(struct subject *u,
                              const struct yt_schedule *first)
{
    struct yt_ask ask = {
        .problem = &u->p,
        .isa = u->isa,
        .threads = 2,
        .take = look_at_candidate,
        .user = u,
    };
    if (!u->row->propose)
        return;
    for (int stage = YT_STAGE_SHAPES; stage <= YT_STAGE_ALL; stage++) {
        ask.stage = (enum yt_stage)stage;
        ask.base = stage == YT_STAGE_TASKS || stage == YT_STAGE_NEIGHBOURS
                       ? first
                       : NULL;
        u->asked = 0;
        u->row->propose(&ask);
        if (!u->asked && !ask.base)
            fail_msg("%s: nothing to try in stage %d", u->name, stage);
    }
}

static void proposals_apply(void **state)
{
    (void)state;
    for_each_subject(look_at_proposals);
}

static void look_at_bodies(struct subject *u, const struct yt_schedule *first)
{
    (void)first;
    for (int32_t i = 0; i < u->row->body_count; i++) {
        const enum yt_knob_id id = u->row->bodies[i];
        const struct yt_knob *knob = yt_knob_get(id);
        int32_t values[YT_VALUES_MAX];
        const int32_t count = yt_algo_values(u->row, &u->p, u->isa, id, values);
        if (!(u->row->knobs >> id & 1) || knob->part == YT_PART_TASKS ||
            count < 1 || count > YT_VALUES_MAX)
            fail_msg("%s: %s is no body", u->name, knob->name);
        for (int32_t j = 0; j < count; j++)
            if (values[j] < knob->least || values[j] > knob->most)
                fail_msg("%s: %s cannot be %d", u->name, knob->name, values[j]);
    }
}

static void bodies_are_knobs_of_the_row(void **state)
{
    (void)state;
    for_each_subject(look_at_bodies);
}

/* ----------------------------------------------------------------- kernels */

static int host_runs(const struct yt_isa *isa)
{
    return yt_isa_check(isa, yt_cpu_features()) == YT_OK &&
           yt_codegen_check_host(isa) == YT_OK;
}

static void check(const struct subject *u, struct yt_case *c,
                  const struct yt_schedule *s, const struct yt_object *object,
                  const void *packed)
{
    struct yt_jit *jit = NULL;
    yt_kernel_fn kernel;
    double error;
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_jit_add(jit, object, &kernel), YT_OK);
    if (yt_case_check(c, kernel, yt_schedule_tasks(&u->p, s, u->isa), s, packed,
                      &error) != YT_OK)
        fail_msg("%s: %s", u->name, yt_error());
    yt_jit_destroy(jit);
}

/* Weights are packed for every ISA, and kernels run where the host can. */
static void run(struct subject *u, struct yt_case *c,
                const struct yt_schedule *s, const struct yt_object *object)
{
    const size_t bytes = yt_pack_weight_bytes(&u->p, s, u->isa);
    void *packed = yt_memory_alloc(bytes + 1);
    assert_non_null(packed);
    assert_int_equal(bytes > 0, u->row->weight_bytes != NULL);
    yt_pack_weights(&u->p, s, u->isa, &c->filter, packed);
    if (host_runs(u->isa))
        check(u, c, s, object, packed);
    yt_memory_free(packed, bytes + 1);
}

/* Operators without tensors of a test case are compared with the runtime's C
 * kernels in test_letterbox.c and test_post_kernels.c. */
static void look_at_kernel(struct subject *u, const struct yt_schedule *first)
{
    struct yt_object object;
    struct yt_case *c = NULL;
    if (yt_codegen_compile(&u->p, first, u->isa, &object) != YT_OK)
        fail_msg("%s: %s", u->name, yt_error());
    const enum yt_status status = yt_case_create(&u->p, u->isa, &c);
    if (status == YT_OK)
        run(u, c, first, &object);
    else
        assert_int_equal(status, YT_UNSUPPORTED);
    yt_case_destroy(c);
    yt_object_deinit(&object);
}

static void first_choices_match_the_reference(void **state)
{
    (void)state;
    for_each_subject(look_at_kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_name),
        cmocka_unit_test(every_operator_has_a_row),
        cmocka_unit_test(first_choices_are_in_order),
        cmocka_unit_test(proposals_apply),
        cmocka_unit_test(bodies_are_knobs_of_the_row),
        cmocka_unit_test(first_choices_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
