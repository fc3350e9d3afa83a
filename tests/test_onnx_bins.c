/* ONNX files of networks without anchors: from the file to its boxes, by the
 * graph's reference and on every instruction set, they are those of ONNX
 * Runtime; tails that do something else are refused. Files come from
 * tests/data/make_bins.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/reference.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tests/assert_ok.h"
#include "tuner/build/build.h"

#define SIZE         64
#define CLASSES      3
#define BOXES        (16 * 16 + 8 * 8)
#define ROWS         (4 + CLASSES)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *data_path(char path[1024], const char *name)
{
    const char *source = getenv("YT_SOURCE_DIR");
    snprintf(path, 1024, "%s/tests/data/onnx/%s", source ? source : ".", name);
    return path;
}

static struct yt_graph *import_good(const char *name)
{
    char file[64], path[1024];
    struct yt_graph *graph = NULL;
    snprintf(file, sizeof file, "bins_%s.onnx", name);
    assert_ok(yt_model_import(data_path(path, file), &graph));
    return graph;
}

/* [ROWS][BOXES] of NAME.out. */
static void read_expected(const char *name, float rows[ROWS][BOXES])
{
    char file[64], path[1024];
    snprintf(file, sizeof file, "bins_%s.out", name);
    FILE *out = fopen(data_path(path, file), "rb");
    if (!out)
        fail_msg("%s is not there", path);
    const size_t count = fread(rows, sizeof(float), (size_t)ROWS * BOXES, out);
    fclose(out);
    assert_int_equal(count, ROWS * BOXES);
}

static float pixel(int32_t c, int32_t i)
{
    return (float)((c * SIZE * SIZE + i) * 37 % 256);
}

static void assert_near(const char *name, int32_t box, double got, double want,
                        double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: box %d: %.9g, ONNX Runtime has %.9g", name, box, got,
                 want);
}

/* ------------------------------------------------------------ the graph */

static double mean_of_side(const float *head, int32_t bins, int32_t side,
                           int32_t cells, int32_t cell)
{
    double sum = 0, weighted = 0;
    for (int32_t j = 0; j < bins; j++) {
        const double e = exp((double)head[(side * bins + j) * cells + cell]);
        sum += e;
        weighted += j * e;
    }
    return weighted / sum;
}

static void check_cell(const struct yt_graph *graph, const char *name,
                       int32_t level, const float *head, int32_t cell,
                       int32_t box, float rows[ROWS][BOXES])
{
    const int32_t stride = graph->heads[level].stride, side = SIZE / stride;
    const int32_t cells = side * side, bins = graph->bins;
    double d[4];
    for (int32_t i = 0; i < 4; i++)
        d[i] = mean_of_side(head, bins, i, cells, cell) * stride;
    const double x = (cell % side + 0.5) * stride;
    const int32_t row = cell / side;
    const double y = (row + 0.5) * stride;
    assert_near(name, box, x + (d[2] - d[0]) / 2, (double)rows[0][box], 1e-3);
    assert_near(name, box, y + (d[3] - d[1]) / 2, (double)rows[1][box], 1e-3);
    assert_near(name, box, d[0] + d[2], (double)rows[2][box], 1e-3);
    assert_near(name, box, d[1] + d[3], (double)rows[3][box], 1e-3);
    for (int32_t c = 0; c < CLASSES; c++) {
        const double t = (double)head[(4 * bins + c) * cells + cell];
        assert_near(name, box, 1 / (1 + exp(-t)), (double)rows[4 + c][box],
                    1e-5);
    }
}

static const struct {
    const char *name;
    int32_t nodes, bins;
} good[] = {
    {"late", 33, 16}, {"early", 33, 16}, {"last", 33, 16}, {"wide", 33, 32}};

static void graphs_compute_what_the_files_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        static float rows[ROWS][BOXES], image[3 * SIZE * SIZE];
        float *heads[YT_LEVELS_MAX] = {NULL};
        struct yt_graph *graph = import_good(good[i].name);
        assert_int_equal(graph->bins, good[i].bins);
        assert_int_equal(graph->node_count, good[i].nodes);
        assert_int_equal(graph->na, 1);
        assert_int_equal(graph->nc, CLASSES);
        assert_int_equal(graph->head_count, 2);
        assert_string_equal(graph->classes[2], "c");
        read_expected(good[i].name, rows);
        for (int32_t k = 0; k < 3 * SIZE * SIZE; k++)
            image[k] = pixel(0, k) / 255.0f;
        for (int32_t level = 0; level < 2; level++) {
            const int32_t side = SIZE / graph->heads[level].stride;
            assert_int_equal(graph->heads[level].stride, 4 << level);
            heads[level] =
                calloc((size_t)graph->nodes[graph->heads[level].node].c,
                       (size_t)side * (size_t)side * sizeof(float));
            assert_non_null(heads[level]);
        }
        assert_ok(yt_graph_run_reference(graph, SIZE, SIZE, image, heads));
        int32_t box = 0;
        for (int32_t level = 0; level < 2; level++) {
            const int32_t side = SIZE / graph->heads[level].stride;
            for (int32_t cell = 0; cell < side * side; cell++, box++)
                check_cell(graph, good[i].name, level, heads[level], cell, box,
                           rows);
            free(heads[level]);
        }
        assert_int_equal(box, BOXES);
        yt_graph_destroy(graph);
    }
}

/* Channels of a split are taken from the convolution: none is copied. */
static void splits_cost_nothing(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("late");
    int32_t parts = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const char *name = graph->nodes[i].name;
        const int first = strcmp(name, "model.2.cv1.0") == 0;
        if (!first && strcmp(name, "model.2.cv1.2") != 0)
            continue;
        assert_int_equal(graph->nodes[i].kind, YT_NODE_CONV);
        assert_int_equal(graph->nodes[i].c, 2);
        parts++;
    }
    assert_int_equal(parts, 2);
    yt_graph_destroy(graph);
}

/* ---------------------------------------------------------- the network */

/* Candidates of a network are the file's boxes over the threshold, in order. */
static void check_candidates(const char *name, const struct yt_candidates *got,
                             int32_t count, float conf, float rows[ROWS][BOXES])
{
    int32_t at = 0;
    for (int32_t box = 0; box < BOXES; box++) {
        int32_t best = 0;
        for (int32_t c = 1; c < CLASSES; c++)
            if (rows[4 + c][box] > rows[4 + best][box])
                best = c;
        const double score = (double)rows[4 + best][box];
        if (fabs(score - (double)conf) < 1e-5)
            fail_msg("%s: box %d is at the threshold", name, box);
        if (score < (double)conf)
            continue;
        assert_true(at < count);
        const double w = (double)rows[2][box], h = (double)rows[3][box];
        const double x = (double)rows[0][box], y = (double)rows[1][box];
        assert_int_equal(got->class_id[at], best);
        assert_near(name, box, (double)got->score[at], score, 1e-5);
        assert_near(name, box, (double)got->x0[at], x - w / 2, 1e-3);
        assert_near(name, box, (double)got->y0[at], y - h / 2, 1e-3);
        assert_near(name, box, (double)got->x1[at], x + w / 2, 1e-3);
        assert_near(name, box, (double)got->y1[at], y + h / 2, 1e-3);
        at++;
    }
    assert_int_equal(at, count);
    assert_true(count > 20 && count < BOXES - 20);
}

static void run_on(const struct yt_graph *graph, const char *name,
                   const struct yt_isa *isa)
{
    static float rows[ROWS][BOXES];
    const struct yt_build_options options = {
        .isa = isa, .h = SIZE, .w = SIZE, .threads = 2};
    const float conf = 0.63f;
    struct yt_build *build;
    struct yt_model *model;
    struct yt_model_info info;
    read_expected(name, rows);
    assert_ok(yt_build_create(graph, &options, &build));
    assert_ok(yt_build_make(build, 2));
    assert_ok(yt_build_open(build, 0, &model));
    yt_model_describe(model, &info);
    char *arena = yt_memory_alloc(info.workspace_bytes);
    memset(arena, 0xff, info.workspace_bytes);
    float *image = (float *)(void *)(arena + build->net->input);
    for (int32_t i = 0; i < SIZE * SIZE; i++)
        for (int32_t c = 0; c < 3; c++)
            image[3 * i + c] = pixel(c, i);
    yt_model_run_steps(model, yt_decode_min_logit(conf), arena, 0,
                       build->plan.step_count);
    const int32_t count = yt_model_run_decode(model, conf, arena);
    const struct yt_candidates got = yt_model_candidates(model, arena);
    check_candidates(name, &got, count, conf, rows);
    for (int32_t i = 0; i < build->net->layer_count; i++) {
        const struct yt_layer *layer = &build->net->layers[i];
        /* Nothing is copied, and the halves of heads know what they are. */
        assert_null(strstr(layer->name, ".copy"));
        const int is_last = strlen(layer->name) == strlen("model.22.cv2.0.1") &&
                            strcmp(layer->name + 14, ".1") == 0;
        assert_int_equal(layer->head >= 0, is_last);
    }
    yt_memory_free(arena, info.workspace_bytes);
    yt_model_close(model);
    yt_build_destroy(build);
}

static void networks_find_the_files_boxes(void **state)
{
    (void)state;
    struct yt_graph *late = import_good("late"), *wide = import_good("wide");
    for (int id = 0; id < YT_ISA_COUNT; id++) {
        const struct yt_isa *isa = yt_isa_get((enum yt_isa_id)id);
        if (yt_isa_check(isa, yt_cpu_features()) != YT_OK) {
            print_message("skipped %s: %s\n", isa->name, yt_error());
            continue;
        }
        run_on(late, "late", isa);
        run_on(wide, "wide", isa);
    }
    yt_graph_destroy(late);
    yt_graph_destroy(wide);
}

/* ------------------------------------------------------------- refusals */

static const struct {
    const char *name, *says;
} bad[] = {
    {"axis", "(Softmax): a softmax over several axes"},
    {"few", "heads of 8 bins a side; multiples of 16 up to 64"},
    {"numbers", "isn't decoded as YOLOv8 does: box 0 has a"},
    {"long", "a softmax over 512 values, at most 256"},
    {"middle", "isn't decoded as YOLOv8 does: box 0 has a"},
    {"stride", "isn't decoded as YOLOv8 does: box 263 has a"},
    {"corners", "isn't decoded as YOLOv8 does: box 0 has a"},
    {"raw", "isn't decoded as YOLOv8 does: box 0 has a score"},
    {"other", "isn't from a convolution of its sides and one of its 3"},
    {"task", "made for the task 'segment'; only detection models run"},
};

static void other_tails_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char file[64], path[1024];
        struct yt_graph *graph = NULL;
        snprintf(file, sizeof file, "bad_bins_%s.onnx", bad[i].name);
        assert_int_equal(yt_model_import(data_path(path, file), &graph),
                         YT_UNSUPPORTED);
        if (!strstr(yt_error(), bad[i].says))
            fail_msg("%s: %s", bad[i].name, yt_error());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_compute_what_the_files_do),
        cmocka_unit_test(splits_cost_nothing),
        cmocka_unit_test(networks_find_the_files_boxes),
        cmocka_unit_test(other_tails_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
