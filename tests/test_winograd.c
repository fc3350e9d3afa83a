/* Winograd convolutions: what they compute at every tile size and edge of an
 * image, in any order of tasks, within tolerances that are theirs; and that
 * networks, plans and exports carry them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "each_isa.h"
#include "ground.h"
#include "guarded.h"
#include "network_run.h"

#include "cli/export_engine.h"
#include "codegen/algo.h"
#include "model/graph.h"
#include "runtime/kernel.h"
#include "runtime/memory.h"
#include "tuner/build/build.h"
#include "tuner/measure/bench_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int32_t edges[] = {2, 4, 6};

static struct yt_problem problem(const char *name)
{
    struct yt_problem p;
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

static void failed(const struct yt_problem *p, const struct yt_schedule *s,
                   const struct yt_isa *isa, const char *what)
{
    char name[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
    yt_problem_name(p, name);
    yt_schedule_name(s, schedule);
    fail_msg("%s by %s on %s: %s", name, schedule, isa->name, what);
}

/* ---------------------------------------------------------------- kernels */

/* A kernel and what it takes. */
struct kernel {
    struct yt_jit *jit;
    struct yt_case *data;
    yt_kernel_fn run;
    void *weights;
    size_t weight_bytes;
    int64_t tasks;
};

static void open_kernel(struct kernel *k, const struct yt_problem *p,
                        const struct yt_schedule *s, const struct yt_isa *isa)
{
    struct yt_object object;
    if (yt_codegen_compile(p, s, isa, &object) != YT_OK)
        failed(p, s, isa, yt_error());
    assert_int_equal(yt_jit_create(&k->jit), YT_OK);
    assert_int_equal(yt_jit_add(k->jit, &object, &k->run), YT_OK);
    yt_object_deinit(&object);
    assert_int_equal(yt_case_create(p, isa, &k->data), YT_OK);
    k->tasks = yt_schedule_tasks(p, s, isa);
    k->weight_bytes = yt_pack_weight_bytes(p, s, isa);
    k->weights = yt_memory_alloc(k->weight_bytes);
    assert_non_null(k->weights);
    yt_pack_weights(p, s, isa, &k->data->filter, k->weights);
}

static void close_kernel(struct kernel *k)
{
    yt_memory_free(k->weights, k->weight_bytes);
    yt_case_destroy(k->data);
    yt_jit_destroy(k->jit);
}

/* Each task alone, last first, in scratch that ends at an unreadable page and
 * is full of NaNs: the same bits as all at once, and nothing written beside
 * scratch and output. */
static void tasks_are_independent(struct kernel *k, const struct yt_problem *p,
                                  const struct yt_schedule *s,
                                  const struct yt_isa *isa)
{
    struct guarded scratch, out;
    const size_t out_bytes = k->data->out_elems * 4;
    const size_t bytes = (size_t)yt_schedule_scratch_bytes(p, s, isa);
    struct yt_args args = yt_case_args(k->data, k->weights);
    const void *at_once = args.out;
    guarded_open(&scratch, bytes, 64);
    guarded_open(&out, out_bytes, 64);
    args.scratch = scratch.data;
    args.out = out.data;
    for (int64_t i = k->tasks; i-- > 0;) {
        memset(scratch.data, 0xff, bytes);
        k->run(&args, i, i + 1);
    }
    if (memcmp(out.data, at_once, out_bytes) != 0)
        failed(p, s, isa, "tasks alone give other bits than at once");
    guarded_close(&scratch);
    guarded_close(&out);
}

static void compare(const struct yt_problem *p, const struct yt_schedule *s,
                    const struct yt_isa *isa)
{
    struct kernel k;
    double error;
    if (!yt_schedule_applies(p, s, isa))
        failed(p, s, isa, "does not apply");
    open_kernel(&k, p, s, isa);
    if (yt_case_check(k.data, k.run, k.tasks, s, k.weights, &error) != YT_OK)
        failed(p, s, isa, yt_error());
    tasks_are_independent(&k, p, s, isa);
    close_kernel(&k);
}

/* Inputs are whole vectors of every instruction set; outputs are not. Images
 * of one pixel, smaller than a tile, of whole tiles and of parts. */
static const char *const shapes[] = {
    "16x1x1-k1r3s1p1",        "16x5x7-k3r3s1p1-silu",
    "32x7x5-k24r3s1p1-silu",  "16x2x13-k65r3s1p1-silu",
    "64x12x13-k64r3s1p1-res", "48x20x20-k32r3s1p1-silu-res",
    "16x4x6-k16r3s1p1-up2",   "16x80x80-k16r3s1p1-silu",
};

/* Register tiles, blocks and groups of all kinds come by. */
static struct yt_schedule some_schedule(const struct yt_problem *p,
                                        const struct yt_isa *isa, size_t i,
                                        int32_t edge)
{
    struct yt_schedule s = yt_schedule_blank(YT_ALGO_WINOGRAD);
    const int32_t vectors = (p->u.conv2d.k + isa->lanes - 1) / isa->lanes;
    s.edge = edge;
    s.ku = 1 << i % 3;
    s.nr = vectors % 3 == 0 ? 3 : vectors % 2 == 0 ? 2 : 1;
    s.group = vectors / s.nr > 2 ? 2 : 0;
    s.tiles = 11;
    s.mr = 4;
    if (!yt_schedule_applies(p, &s, isa))
        s.tiles = 0;
    if (!yt_schedule_applies(p, &s, isa))
        s.mr = 1;
    return s;
}

static void shapes_of(const struct yt_isa *isa)
{
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t j = 0; j < COUNT(edges); j++) {
            char name[YT_PROBLEM_NAME_MAX];
            snprintf(name, sizeof name, "conv2d-f32-%s", shapes[i]);
            const struct yt_problem p = problem(name);
            const struct yt_schedule s = some_schedule(&p, isa, i, edges[j]);
            compare(&p, &s, isa);
        }
}

static void every_shape_matches_the_reference(void **state)
{
    (void)state;
    on_each_isa(shapes_of);
}

/* What a search of two threads would try. */
struct proposals {
    const struct yt_problem *p;
    const struct yt_isa *isa;
    int32_t edges[7]; /* how many of each */
};

static void take(void *user, const struct yt_schedule *s)
{
    struct proposals *all = user;
    all->edges[s->edge]++;
    compare(all->p, s, all->isa);
}

static void proposals_of(const struct yt_isa *isa)
{
    const struct yt_problem p = problem("conv2d-f32-32x19x17-k64r3s1p1-silu");
    struct proposals all = {.p = &p, .isa = isa};
    struct yt_ask ask = {
        .problem = &p,
        .isa = isa,
        .threads = 2,
        .stage = YT_STAGE_SHAPES,
        .take = take,
        .user = &all,
    };
    const struct yt_algo *row = yt_algo_get(YT_ALGO_WINOGRAD);
    struct yt_schedule base;
    row->propose(&ask);
    for (size_t i = 0; i < COUNT(edges); i++)
        assert_true(all.edges[edges[i]] > 0);
    assert_true(yt_algo_first(YT_ALGO_WINOGRAD, &p, isa, &base));
    ask.base = &base;
    ask.stage = YT_STAGE_TASKS;
    row->propose(&ask);
    ask.stage = YT_STAGE_NEIGHBOURS;
    row->propose(&ask);
}

static void what_is_proposed_matches_the_reference(void **state)
{
    (void)state;
    proposals_of(yt_isa_get(YT_ISA_SCALAR));
    proposals_of(yt_isa_best(yt_cpu_features()));
}

/* Those that are not here compile at least. */
static void every_isa_compiles(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-32x9x13-k32r3s1p1-silu");
    for (int i = 0; i < YT_ISA_COUNT; i++)
        for (size_t j = 0; j < COUNT(edges); j++) {
            const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
            const struct yt_schedule s = some_schedule(&p, isa, 0, edges[j]);
            struct yt_object object;
            if (yt_codegen_compile(&p, &s, isa, &object) != YT_OK)
                failed(&p, &s, isa, yt_error());
            assert_true(object.code_bytes > 0);
            yt_object_deinit(&object);
        }
}

/* A tolerance finds a wrong kernel, and is not what happens to be just met. */
static void errors_of(const struct yt_isa *isa)
{
    const struct yt_problem p = problem("conv2d-f32-256x13x13-k16r3s1p1-silu");
    double before = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        const struct yt_schedule s = some_schedule(&p, isa, 0, edges[i]);
        const double tolerance = yt_schedule_tolerance(&p, &s, isa);
        struct kernel k;
        double error;
        open_kernel(&k, &p, &s, isa);
        if (yt_case_check(k.data, k.run, k.tasks, &s, k.weights, &error) !=
            YT_OK)
            failed(&p, &s, isa, yt_error());
        close_kernel(&k);
        assert_true(error < tolerance / 4);
        assert_true(tolerance > before && tolerance < 1e-3);
        before = tolerance;
    }
}

static void errors_are_well_within_tolerances(void **state)
{
    (void)state;
    on_each_isa(errors_of);
}

/* ------------------------------------------------------------------ rules */

static void it_applies_to_plain_f32_3x3_only(void **state)
{
    (void)state;
    static const struct {
        const char *problem;
        int applies;
    } rows[] = {
        {"conv2d-f32-32x9x11-k48r3s1p1-silu", 1},
        {"conv2d-f32-32x9x11-k48r3s2p1-silu", 0},
        {"conv2d-f32-32x9x11-k48r3s1p0", 0},
        {"conv2d-f32-32x9x11-k48r1s1p0", 0},
        {"conv2d-f32-32x9x11-k48r5s1p1", 0},
        {"conv2d-f32-3x9x11-k48r3s1p1", 0},
        {"conv2d-f32-32x9x11-k48r3s1p1-kept1024-of16-x77", 0},
        {"conv2d-bf16-32x9x11-k48r3s1p1", 0},
        {"conv2d-s16-32x9x11-k48r3s1p1", 0},
        {"conv2d-u8s8-32x9x11-k48r3s1p1", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int id = 0; id < YT_ISA_COUNT; id++) {
            const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
            const struct yt_problem p = problem(rows[i].problem);
            struct yt_schedule s;
            assert_int_equal(yt_algo_first(YT_ALGO_WINOGRAD, &p, isa, &s) &&
                                 yt_schedule_applies(&p, &s, isa),
                             rows[i].applies);
            yt_schedule_default(&p, isa, &s);
            assert_int_not_equal(s.algo, YT_ALGO_WINOGRAD);
        }
}

static void products_are_fewer_than_direct_ones(void **state)
{
    (void)state;
    const struct yt_problem p = problem("conv2d-f32-64x20x20-k64r3s1p1");
    const struct yt_isa *isa = yt_isa_find("avx2");
    static const double of_a_pair[] = {100 * 16, 25 * 36, 16 * 64};
    struct yt_schedule s;
    yt_schedule_default(&p, isa, &s);
    assert_float_equal(yt_schedule_products(&p, &s, isa), 2.0 * 64 * 64 * 3600,
                       2.0 * 64 * 64 * 240); /* borders are not multiplied */
    assert_true(yt_algo_first(YT_ALGO_WINOGRAD, &p, isa, &s));
    for (size_t i = 0; i < COUNT(edges); i++) {
        s.edge = edges[i];
        assert_float_equal(yt_schedule_products(&p, &s, isa),
                           2.0 * 64 * 64 * of_a_pair[i], 0);
    }
}

static void schedules_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *schedule;
        int applies;
    } rows[] = {
        {"winograd-m4n2k4e4-t12g1-h", 1},  {"winograd-m4n2k4e4-t24g0-h", 1},
        {"winograd-m4n2k4e4-t25g0-h", 0},  /* all tiles: 0 */
        {"winograd-m4n2k4e4-t12g2-h", 0},  /* all channel tiles: 0 */
        {"winograd-m4n3k4e4-t12g0-h", 0},  /* 4 vectors of channels */
        {"winograd-m13n2k4e4-t12g0-h", 0}, /* longer than a block */
        {"winograd-m4n2k3e4-t12g0-h", 0},  /* does not divide a vector */
        {"winograd-m4n2k4e3-t12g0-h", 0},  {"winograd-m4n2k4e1-t12g0-h", 0},
    };
    const struct yt_problem p = problem("conv2d-f32-64x20x20-k64r3s1p1");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct yt_schedule s;
        assert_int_equal(yt_schedule_parse(p.op, rows[i].schedule, &s), YT_OK);
        if (yt_schedule_applies(&p, &s, yt_isa_find("avx512")) !=
            rows[i].applies)
            fail_msg("%s", rows[i].schedule);
    }
}

/* A block that is larger than any cache is refused before it is a plan's. */
static void scratch_has_a_limit(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_find("avx2");
    const struct yt_problem p = problem("conv2d-f32-256x640x640-k16r3s1p1");
    struct yt_schedule s;
    assert_true(yt_algo_first(YT_ALGO_WINOGRAD, &p, isa, &s));
    assert_true(yt_schedule_applies(&p, &s, isa));
    assert_in_range(yt_schedule_scratch_bytes(&p, &s, isa), 1, 4 << 20);
    s.tiles = 0;
    assert_false(yt_schedule_applies(&p, &s, isa));
    s.tiles = s.group = INT32_MAX;
    assert_false(yt_schedule_applies(&p, &s, isa));
}

/* ---------------------------------------------------------------- network */

static void choose(struct yt_build *build, int32_t edge, int32_t *count_out)
{
    *count_out = 0;
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_problem *p = &build->net->layers[i].problem;
        struct yt_schedule s;
        if (p->op != YT_OP_CONV2D ||
            !yt_algo_first(YT_ALGO_WINOGRAD, p, build->isa, &s))
            continue;
        s.edge = edge;
        s.tiles = 0;
        s.mr = 1;
        assert_int_equal(yt_build_set(build, i, &s), YT_OK);
        ++*count_out;
    }
}

static double relative_rms(const float *got, const float *want, size_t count)
{
    double error = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)got[i] - (double)want[i];
        error += d * d;
        all += (double)want[i] * (double)want[i];
    }
    assert_true(all > 0);
    return sqrt(error / all);
}

/* Every convolution that can be one at once: the heads stay those of fp32. A
 * plan's text brings the schedules back. */
static void a_network_finds_the_same(void **state)
{
    (void)state;
    struct yt_graph *graph;
    struct yt_build *build, *again;
    float heads[2][255 * 8 * 8];
    assert_int_equal(yt_graph_builtin("n", 2, &graph), YT_OK);
    const struct yt_build_options options = {
        .isa = yt_isa_best(yt_cpu_features()), .h = 64, .w = 64, .threads = 2};
    assert_int_equal(yt_build_create(graph, &options, &build), YT_OK);
    first_head(build, heads[0], COUNT(heads[0]));
    assert_int_equal(build->plan.scratch_bytes, 0);
    for (size_t i = 0; i < COUNT(edges); i++) {
        int32_t count;
        choose(build, edges[i], &count);
        assert_true(count >= 10);
        first_head(build, heads[1], COUNT(heads[1]));
        assert_true(build->plan.scratch_bytes > 0);
        assert_memory_not_equal(heads[0], heads[1], sizeof heads[0]);
        const double rms = relative_rms(heads[1], heads[0], COUNT(heads[0]));
        print_message("F(%d): heads off by %.2g\n", (int)edges[i], rms);
        assert_true(rms < 1e-4);
    }
    char *text = yt_plan_text_write(build, NULL);
    assert_non_null(strstr(text, "winograd-"));
    assert_int_equal(yt_build_create(graph, &options, &again), YT_OK);
    assert_int_equal(yt_plan_text_read(again, text), YT_OK);
    for (int32_t i = 0; i < build->net->layer_count; i++)
        assert_true(
            yt_schedule_same(&build->schedules[i], &again->schedules[i]));
    free(text);
    yt_build_destroy(again);
    yt_build_destroy(build);
    yt_graph_destroy(graph);
}

/* A program linked with an export finds its way through a picture. */
static void an_export_runs(void **state)
{
    (void)state;
    char folder[] = "/tmp/yt-winograd-XXXXXX", path[64], command[1024];
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    const struct yt_engine_options options = {.h = 64, .w = 64, .threads = 1};
    struct ground g = engine_open(&alone, "builtin:n", &options);
    int32_t count;
    choose(g.engine->build, 4, &count);
    assert_true(count >= 10);
    assert_int_equal(yt_engine_reopen(g.engine), YT_OK);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net", folder);
    if (yt_cli_export(g.engine, "net", path, NULL) != YT_OK)
        fail_msg("%s", yt_error());
    snprintf(
        command, sizeof command,
        "cd '%s' && nm lib/libnet.a | grep -q winograd && "
        "cc -std=c11 -DMODEL=net -Iinclude "
        "\"$YT_SOURCE_DIR/examples/detect_image/main.c\" lib/libnet.a "
        "-pthread -o product && "
        "{ printf 'P6 64 64 255\\n'; head -c 12288 lib/libnet.a; } > a.ppm "
        "&& ./product a.ppm > boxes && rm -r '%s'",
        path, folder);
    assert_int_equal(system(command), 0);
    ground_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_matches_the_reference),
        cmocka_unit_test(what_is_proposed_matches_the_reference),
        cmocka_unit_test(every_isa_compiles),
        cmocka_unit_test(errors_are_well_within_tolerances),
        cmocka_unit_test(it_applies_to_plain_f32_3x3_only),
        cmocka_unit_test(products_are_fewer_than_direct_ones),
        cmocka_unit_test(schedules_have_one_form),
        cmocka_unit_test(scratch_has_a_limit),
        cmocka_unit_test(a_network_finds_the_same),
        cmocka_unit_test(an_export_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
