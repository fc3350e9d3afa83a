/* Sparse convolutions: what they compute at any density, what they carry, and
 * that a graph with zero blocks gets them and finds the same. */
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
#include "kernel_case.h"
#include "network_run.h"

#include "base/random.h"
#include "cli/export_engine.h"
#include "codegen/algo.h"
#include "model/graph.h"
#include "runtime/memory.h"
#include "tuner/build/build.h"
#include "tuner/measure/bench_case.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ----------------------------------------------------------------- kernels */

/* Input channels are whole vectors of every instruction set; the rest is odd:
 * outputs that do not fill a block, rows shorter than a tile, images smaller
 * than the filter, both strides. */
static const char *const shapes[] = {
    "16x7x9-k32r1s1p0-silu",      "48x1x1-k21r1s1p0",
    "32x6x10-k32r1s1p0-silu-up2", "16x5x11-k48r3s1p1-silu-res",
    "32x9x7-k16r3s2p1-silu",      "16x2x1-k16r3s1p1",
    "16x8x14-k20r3s1p1",          "16x6x8-k32r3s1p0-silu",
    "16x9x6-k16r5s2p2",           "16x6x34-k32r3s1p1-up2",
};

/* Of 1; the second is one block. */
static const double densities[] = {0, -1, 0.1, 0.5, 1};

static struct yt_problem thinned(const char *shape, enum yt_dtype dtype,
                                 int32_t outputs, double share)
{
    char name[YT_PROBLEM_NAME_MAX];
    struct yt_problem p;
    snprintf(name, sizeof name, "conv2d-%s-%s", yt_dtype_name(dtype), shape);
    assert_int_equal(yt_problem_parse(name, &p), YT_OK);
    struct yt_conv2d *v = &p.u.conv2d;
    const int32_t block = outputs * 4 / yt_dtype_bytes(dtype);
    const int32_t rows = (v->k + outputs - 1) / outputs;
    const int32_t blocks =
        rows * v->c * v->r * v->r * yt_dtype_bytes(dtype) / 4;
    v->kept = (share < 0 ? 1 : (int32_t)(share * blocks)) * block;
    v->outputs = outputs;
    v->pattern = 12345 + v->kept;
    yt_problem_name(&p, name);
    if (yt_problem_parse(name, &p) != YT_OK)
        fail_msg("%s", yt_error());
    return p;
}

/* Each density meets several shapes and, with other types, others yet. */
static void densities_of(const struct yt_isa *isa)
{
    for (int d = 0; d < YT_DTYPE_COUNT; d++)
        for (size_t i = 0; i < COUNT(shapes); i++) {
            const enum yt_dtype dtype = (enum yt_dtype)d;
            const int32_t outputs = (i + (size_t)d) & 1 ? isa->lanes : 16;
            if (!kernel_has_type(isa, dtype))
                continue;
            const struct yt_problem p =
                thinned(shapes[i], dtype, outputs,
                        densities[(i + (size_t)d) % COUNT(densities)]);
            struct yt_schedule s =
                kernel_draw(YT_ALGO_SPARSE, &p, isa, (uint32_t)i);
            s.ku = 1 << i % 3;
            assert_true(yt_schedule_applies(&p, &s, isa));
            kernel_compare(&p, &s, isa);
        }
}

static void any_density_matches_the_reference(void **state)
{
    (void)state;
    on_each_isa(densities_of);
}

/* Those that are not here compile at least. */
static void every_isa_compiles(void **state)
{
    (void)state;
    for (int i = 0; i < YT_ISA_COUNT; i++)
        for (int d = 0; d < YT_DTYPE_COUNT; d++) {
            const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)i);
            const enum yt_dtype dtype = (enum yt_dtype)d;
            if (!kernel_has_type(isa, dtype))
                continue;
            const struct yt_problem p =
                thinned("32x8x12-k32r3s1p1-silu", dtype, 16, 0.5);
            struct yt_schedule s;
            struct yt_object object;
            yt_schedule_default(&p, isa, &s);
            assert_int_equal(s.algo, YT_ALGO_SPARSE);
            if (yt_codegen_compile(&p, &s, isa, &object) != YT_OK)
                fail_msg("%s: %s", isa->name, yt_error());
            assert_true(object.code_bytes > 0);
            yt_object_deinit(&object);
        }
}

/* ------------------------------------------------------------------- rules */

/* Dense rows solve sparse problems too and are the first choice where little is
 * left out; sparse ones have nothing to do with dense filters. */
static void the_first_choice_follows_the_density(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_get(YT_ISA_SCALAR);
    for (size_t i = 0; i < COUNT(densities); i++) {
        const struct yt_problem p =
            thinned("16x8x8-k32r3s1p1", YT_DTYPE_F32, 16, densities[i]);
        struct yt_schedule s;
        yt_schedule_default(&p, isa, &s);
        assert_int_equal(s.algo,
                         densities[i] == 1 ? YT_ALGO_DIRECT : YT_ALGO_SPARSE);
        s = yt_schedule_blank(YT_ALGO_DIRECT);
        assert_true(yt_schedule_applies(&p, &s, isa));
    }
    struct yt_problem p;
    assert_int_equal(yt_problem_parse("conv2d-f32-16x8x8-k32r3s1p1", &p),
                     YT_OK);
    const struct yt_schedule s = yt_schedule_blank(YT_ALGO_SPARSE);
    assert_false(yt_schedule_applies(&p, &s, isa));
}

static void blocks_have_to_be_whole_vectors(void **state)
{
    (void)state;
    const struct yt_schedule s = yt_schedule_blank(YT_ALGO_SPARSE);
    const struct yt_problem p =
        thinned("16x8x8-k32r3s1p1", YT_DTYPE_F32, 8, 0.5);
    assert_true(yt_schedule_applies(&p, &s, yt_isa_find("avx2")));
    assert_false(yt_schedule_applies(&p, &s, yt_isa_find("avx512")));
}

/* Indexes are 4 bytes a block, of 64 bytes here. */
static void weights_shrink_with_what_is_kept(void **state)
{
    (void)state;
    const struct yt_isa *isa = yt_isa_get(YT_ISA_SCALAR);
    const struct yt_schedule dense = yt_schedule_blank(YT_ALGO_DIRECT);
    const struct yt_schedule sparse = yt_schedule_blank(YT_ALGO_SPARSE);
    const struct yt_problem p =
        thinned("64x8x8-k64r3s1p1", YT_DTYPE_F32, 16, 0.5);
    const size_t all = yt_pack_weight_bytes(&p, &dense, isa);
    const size_t kept = yt_pack_weight_bytes(&p, &sparse, isa);
    assert_int_equal(all, 64 * 64 * 9 * 4);
    assert_true(kept > all / 2 && kept < all * 0.54);
}

/* ----------------------------------------------------------------- network */

/* Zero a share of the blocks of 16 x 4 of every filter but the image's. */
static void prune(struct yt_graph *graph, double share)
{
    uint32_t seed = 5;
    for (int32_t i = 1; i < graph->node_count; i++) {
        struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_CONV || node->inputs[0] == 0)
            continue;
        const int32_t c = graph->nodes[node->inputs[0]].c;
        const int32_t taps = node->r * node->r;
        for (int32_t k0 = 0; k0 < node->c; k0 += 16)
            for (int32_t c0 = 0; c0 < c; c0 += 4)
                for (int32_t tap = 0; tap < taps; tap++) {
                    if ((double)yt_random_unit(&seed) >= share)
                        continue;
                    for (int32_t k = k0; k < k0 + 16 && k < node->c; k++)
                        for (int32_t j = c0; j < c0 + 4 && j < c; j++)
                            node->weights[((int64_t)k * c + j) * taps + tap] =
                                0;
                }
    }
}

static void a_pruned_network_finds_the_same(void **state)
{
    (void)state;
    struct yt_graph *graph;
    struct yt_build *build;
    float heads[2][255 * 8 * 8];
    int64_t bytes[2];
    int32_t sparse = 0, named = 0;
    assert_int_equal(yt_graph_builtin("n", 2, &graph), YT_OK);
    prune(graph, 0.6);
    const struct yt_build_options options = {
        .isa = yt_isa_best(yt_cpu_features()), .h = 64, .w = 64, .threads = 2};
    assert_int_equal(yt_build_create(graph, &options, &build), YT_OK);
    first_head(build, heads[0], COUNT(heads[0]));
    bytes[0] = build->plan.blob_bytes;
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_problem *p = &build->net->layers[i].problem;
        if (p->op != YT_OP_CONV2D)
            continue;
        named += p->u.conv2d.pattern > 0;
        if (build->schedules[i].algo != YT_ALGO_SPARSE)
            continue;
        struct yt_schedule s = yt_schedule_blank(YT_ALGO_DIRECT);
        assert_true(yt_algo_first(YT_ALGO_DIRECT, p, options.isa, &s));
        assert_int_equal(yt_build_set(build, i, &s), YT_OK);
        sparse++;
    }
    assert_true(sparse > 30 && sparse == named);
    first_head(build, heads[1], COUNT(heads[1]));
    bytes[1] = build->plan.blob_bytes;
    assert_true(bytes[0] < bytes[1] * 0.6);
    double largest = 0, worst = 0;
    for (size_t i = 0; i < COUNT(heads[0]); i++) {
        const double want = (double)heads[1][i];
        largest = fmax(largest, fabs(want));
        worst = fmax(worst, fabs((double)heads[0][i] - want));
    }
    assert_true(largest > 0);
    assert_true(worst <= 1e-4 * largest);
    yt_build_destroy(build);
    yt_graph_destroy(graph);
}

/* Bytes of the archive that an engine's network becomes. A program linked with
 * it finds its way through a picture. */
static long exported_bytes(const struct yt_engine *engine, const char *folder,
                           const char *name)
{
    char command[1024], path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (yt_cli_export(engine, "net", path, NULL) != YT_OK)
        fail_msg("%s", yt_error());
    snprintf(
        command, sizeof command,
        "cd '%s' && cc -std=c11 -DMODEL=net -Iinclude "
        "\"$YT_SOURCE_DIR/examples/detect_image/main.c\" lib/libnet.a "
        "-pthread -o product && "
        "{ printf 'P6 64 64 255\\n'; head -c 12288 lib/libnet.a; } > a.ppm "
        "&& ./product a.ppm > boxes",
        path);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/%s/lib/libnet.a", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long bytes = ftell(file);
    fclose(file);
    return bytes;
}

static void an_export_is_smaller_and_runs(void **state)
{
    (void)state;
    char folder[] = "/tmp/yt-sparse-XXXXXX", command[64];
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    const struct yt_engine_options options = {.h = 64, .w = 64, .threads = 1};
    struct ground g = ground_open(&alone, "builtin:n");
    long bytes[2];
    assert_non_null(mkdtemp(folder));
    for (int pruned = 0; pruned < 2; pruned++) {
        if (pruned)
            prune(g.graph, 0.6);
        if (yt_engine_open(g.site, g.graph, &options, &g.engine) != YT_OK)
            fail_msg("%s", yt_error());
        bytes[pruned] =
            exported_bytes(g.engine, folder, pruned ? "sparse" : "dense");
        yt_engine_close(g.engine);
        g.engine = NULL;
    }
    /* Of 7.4 MB of weights; code and runtime are the same. */
    assert_true(bytes[1] < bytes[0] - 3500000);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    ground_close(&g);
}

/* Patterns differ: so do problems. The same one twice is one problem. */
static void problems_carry_their_pattern(void **state)
{
    (void)state;
    char names[3][YT_PROBLEM_NAME_MAX];
    for (int i = 0; i < 3; i++) {
        struct yt_graph *graph;
        struct yt_net *net;
        const struct yt_net_options options = {.lanes = 8, .h = 64, .w = 64};
        assert_int_equal(yt_graph_builtin("n", 2, &graph), YT_OK);
        prune(graph, i == 1 ? 0.45 : 0.5);
        assert_int_equal(yt_net_lower(graph, &options, &net), YT_OK);
        const struct yt_problem *p = &net->layers[net->layer_count - 4].problem;
        assert_int_equal(p->op, YT_OP_CONV2D);
        assert_int_equal(p->u.conv2d.outputs, 16);
        assert_true(p->u.conv2d.pattern > 0);
        yt_problem_name(p, names[i]);
        yt_net_destroy(net);
        yt_graph_destroy(graph);
    }
    assert_string_equal(names[0], names[2]);
    assert_string_not_equal(names[0], names[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_density_matches_the_reference),
        cmocka_unit_test(every_isa_compiles),
        cmocka_unit_test(the_first_choice_follows_the_density),
        cmocka_unit_test(blocks_have_to_be_whole_vectors),
        cmocka_unit_test(weights_shrink_with_what_is_kept),
        cmocka_unit_test(a_pruned_network_finds_the_same),
        cmocka_unit_test(an_export_is_smaller_and_runs),
        cmocka_unit_test(problems_carry_their_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
