/* Pooling through scratch: the same bits as the reference, scratch that is just
 * large enough and a thread's own, in a kernel and in a whole network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ground.h"
#include "network_run.h"

#include "codegen/schedule.h"
#include "model/graph.h"
#include "runtime/memory.h"
#include "tuner/build/build.h"
#include "tuner/measure/bench_case.h"
#include "tuner/search/in_network.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const shapes[] = {
    "32x20x20-r5", "16x1x1-r5",    "16x2x9-r5",
    "16x7x3-r3",   "48x13x11-r13", "16x3x34-r31",
};

static void compare(const char *name, const struct yt_isa *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object;
    struct yt_jit *jit;
    struct yt_case *c;
    yt_kernel_fn kernel;
    double error;
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    assert_int_equal(yt_schedule_parse(p.op, "strips-h", &s), YT_OK);
    if (!yt_schedule_applies(&p, &s, isa)) {
        assert_int_equal(p.dtype, YT_DTYPE_BF16);
        return;
    }
    assert_int_equal(yt_schedule_scratch_bytes(&p, &s, isa),
                     yt_dtype_bytes(p.dtype) * isa->lanes * p.u.pool.w);
    assert_int_equal(yt_jit_create(&jit), YT_OK);
    assert_int_equal(yt_codegen_compile(&p, &s, isa, &object), YT_OK);
    assert_int_equal(yt_jit_add(jit, &object, &kernel), YT_OK);
    assert_int_equal(yt_case_create(&p, isa, &c), YT_OK);
    if (yt_case_check(c, kernel, yt_schedule_tasks(&p, &s, isa), &s, NULL,
                      &error) != YT_OK)
        fail_msg("%s on %s: %s", name, isa->name, yt_error());
    assert_non_null(yt_case_args(c, NULL).scratch);
    yt_case_destroy(c);
    yt_object_deinit(&object);
    yt_jit_destroy(jit);
}

static void every_type_on_every_isa(void **state)
{
    (void)state;
    for (int id = 0; id < YT_ISA_COUNT; id++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        for (size_t i = 0; i < COUNT(shapes); i++)
            for (int type = 0; type < YT_DTYPE_COUNT; type++) {
                char name[YT_PROBLEM_NAME_MAX];
                snprintf(name, sizeof name, "sppf-%s-%s",
                         yt_dtype_name((enum yt_dtype)type), shapes[i]);
                compare(name, isa);
            }
    }
}

/* What the check finds: kernels that need more scratch than their row says. */
static void writes_a_byte_too_far(const void *args, int64_t begin, int64_t end)
{
    const struct yt_args *a = args;
    const int64_t bytes = 4 * 4 * 3;
    if (begin == end)
        return;
    memset(a->out, 0, 3 * 4 * 16 * 3 * 2);
    memset(a->scratch, 1, (size_t)bytes + 1);
}

static void scratch_is_guarded(void **state)
{
    (void)state;
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_case *c;
    double error;
    const struct yt_isa *isa = yt_isa_get(YT_ISA_SCALAR);
    assert_int_equal(yt_problem_parse("sppf-f32-16x2x3-r3", &p), YT_OK);
    assert_int_equal(yt_schedule_parse(p.op, "strips-h", &s), YT_OK);
    assert_int_equal(yt_case_create(&p, isa, &c), YT_OK);
    for (size_t i = 0; i < c->out_elems; i++)
        c->want[i] = 0;
    assert_int_equal(
        yt_case_check(c, writes_a_byte_too_far, 4, &s, NULL, &error),
        YT_MISMATCH);
    assert_string_equal(yt_error(), "wrote outside its scratch");
    yt_case_destroy(c);
}

/* ---------------------------------------------------------------- network */

static int32_t sppf_of(const struct yt_build *build)
{
    int32_t i = 0;
    while (build->net->layers[i].problem.op != YT_OP_SPPF)
        i++;
    return i;
}

/* A plan has the scratch that its schedules need, and the executor hands it
 * out: the network computes the same. */
static void networks_hand_out_scratch(void **state)
{
    (void)state;
    struct yt_graph *graph;
    struct yt_build *build;
    struct yt_schedule s;
    char *arenas[2];
    size_t bytes[2];
    assert_int_equal(yt_graph_builtin("n", 2, &graph), YT_OK);
    const struct yt_build_options options = {
        .isa = yt_isa_best(yt_cpu_features()), .h = 64, .w = 64, .threads = 2};
    assert_int_equal(yt_build_create(graph, &options, &build), YT_OK);
    const int32_t i = sppf_of(build);
    const struct yt_problem *p = &build->net->layers[i].problem;
    assert_int_equal(yt_build_make(build, 2), YT_OK);
    assert_int_equal(build->plan.scratch_bytes, 0);
    arenas[0] = run_network(build, &bytes[0]);

    assert_int_equal(yt_schedule_parse(p->op, "strips-h", &s), YT_OK);
    assert_int_equal(yt_build_set(build, i, &s), YT_OK);
    assert_int_equal(yt_build_make(build, 2), YT_OK);
    assert_int_equal(build->plan.scratch_bytes,
                     yt_schedule_scratch_bytes(p, &s, options.isa));
    arenas[1] = run_network(build, &bytes[1]);
    assert_true(bytes[1] > bytes[0]);
    assert_memory_equal(arenas[0], arenas[1], (size_t)build->plan.arena_bytes);
    for (int k = 0; k < 2; k++)
        yt_memory_free(arenas[k], bytes[k]);
    yt_build_destroy(build);
    yt_graph_destroy(graph);
}

/* The comparison inside the network runs it as it ships. */
static void the_contest_hands_out_scratch(void **state)
{
    (void)state;
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    struct ground g = ground_open(&alone, "builtin:n");
    struct yt_build *build;
    struct yt_search *search;
    const struct yt_tune_options quiet = {0};
    const uint64_t budget_ns = 60000000000u;
    const struct yt_build_options options = {.isa = g.site->isa,
                                             .h = 64,
                                             .w = 64,
                                             .threads = 2,
                                             .kernels = g.site->kernels};
    assert_int_equal(yt_build_create(g.graph, &options, &build), YT_OK);
    assert_int_equal(yt_search_create(g.site, build, 2, &search), YT_OK);
    for (int32_t i = 0; i < search->subject_count; i++) {
        struct yt_subject *subject = &search->subjects[i];
        struct yt_trial trial = {.ok = 1, .min_ns = 1000};
        if (subject->problem.op != YT_OP_SPPF)
            continue;
        assert_int_equal(
            yt_schedule_parse(YT_OP_SPPF, "strips-h", &trial.schedule), YT_OK);
        assert_int_equal(yt_trials_put(&subject->trials, &trial), YT_OK);
    }
    const int32_t layers = build->net->layer_count;
    struct yt_layer_time *times = calloc((size_t)layers, sizeof *times);
    assert_non_null(times);
    assert_int_equal(yt_in_network_choose(build, search, &quiet, 2, budget_ns,
                                          budget_ns, times),
                     YT_OK);
    const int32_t i = sppf_of(build);
    assert_int_equal(build->schedules[i].algo, YT_ALGO_STRIPS);
    assert_true(times[i].median_ns > 0);
    free(times);
    yt_search_destroy(search);
    yt_build_destroy(build);
    ground_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_on_every_isa),
        cmocka_unit_test(scratch_is_guarded),
        cmocka_unit_test(networks_hand_out_scratch),
        cmocka_unit_test(the_contest_hands_out_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
