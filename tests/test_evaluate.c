/* Accuracy of a graph that is not kept: of a network that finds a red cell, and
 * whose mAP is known therefore. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compress/precision/calibrate.h"
#include "compress/ratio/evaluate.h"
#include "dataset_files.h"
#include "eval/image.h"
#include "random_graph.h"

#define SIDE     64
#define CELL     8
#define PICTURES 5

/* A pixel of each cell, and a head that knows red ones. Boxes are of 16 pixels
 * around the cell. */
static struct yt_graph *red_finder(void)
{
    struct random_graph r;
    begin_graph(&r, 1);
    int32_t node = 0;
    for (int i = 0; i < 3; i++) {
        const struct yt_node sample = {.kind = YT_NODE_CONV,
                                       .inputs = {node},
                                       .input_count = 1,
                                       .c = 3,
                                       .r = 1,
                                       .stride = 2};
        node = add_node(&r, sample, "sample");
        assert_ok(yt_graph_conv_storage(r.graph, node));
        for (int c = 0; c < 3; c++)
            r.graph->nodes[node].weights[4 * c] = 1;
    }
    end_graph(&r, (const int32_t[]){node}, 1, 1, 2);
    struct yt_graph_head *head = &r.graph->heads[0];
    struct yt_node *conv = &r.graph->nodes[head->node];
    memset(conv->weights, 0, sizeof(float) * 3 * 7);
    memset(conv->bias, 0, sizeof(float) * 7);
    conv->weights[3 * 4] = 20; /* objectness by red */
    conv->bias[4] = -10;
    conv->bias[5] = 8;
    conv->bias[6] = -8;
    head->anchors[0][0] = head->anchors[0][1] = 16;
    return r.graph;
}

/* A red cell on black. */
static void write_picture(int i)
{
    struct yt_picture picture;
    char name[64], path[256], label[128];
    const int x = 8 * (1 + i), y = 8 * (6 - i);
    assert_ok(yt_picture_init(SIDE, SIDE, &picture));
    for (int row = 0; row < CELL; row++)
        for (int column = 0; column < CELL; column++)
            picture.rgb[3 * ((y + row) * SIDE + x + column)] = 255;
    snprintf(label, sizeof label, "0 %g %g 0.25 0.25\n", (x + 4.0) / SIDE,
             (y + 4.0) / SIDE);
    snprintf(name, sizeof name, "labels/val/%d.txt", i);
    write_file(name, label);
    snprintf(name, sizeof name, "images/val/%d.png", i);
    write_file(name, ""); /* for its folder */
    snprintf(path, sizeof path, "%s", at(name));
    assert_ok(yt_picture_save(&picture, path));
    yt_picture_deinit(&picture);
}

static struct yt_dataset *write_pictures(void)
{
    for (int i = 0; i < PICTURES; i++)
        write_picture(i);
    write_file("data.yaml", "val: images/val\n" NAMES);
    return open_good("data.yaml");
}

static double evaluate(const struct yt_site *site, const struct yt_graph *graph,
                       const struct yt_quantisation *q, struct yt_dataset *data)
{
    double map = -1;
    assert_ok(yt_evaluate_graph(site, graph, q, SIDE, SIDE, data, NULL, &map));
    return map;
}

static void known_networks_have_known_accuracy(void **state)
{
    (void)state;
    struct yt_site *site = NULL;
    struct yt_quantisation *q = NULL;
    struct yt_dataset *data = write_pictures();
    struct yt_graph *graph = red_finder();
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    assert_ok(yt_site_open(&alone, &site));
    assert_float_equal(evaluate(site, graph, NULL, data), 1, 1e-9);

    const struct yt_calibrate_options options = {.kernels = site->kernels};
    assert_ok(
        yt_calibrate(graph, site->isa, SIDE, SIDE, 1, data, &options, &q));
    yt_quantisation_set_all(q, graph, YT_DTYPE_U8S8);
    assert_float_equal(evaluate(site, graph, q, data), 1, 1e-9);
    yt_quantisation_destroy(q);

    /* Other weights on the same kernels. */
    graph->nodes[graph->heads[0].node].bias[4] = -40;
    assert_float_equal(evaluate(site, graph, NULL, data), 0, 1e-9);
    yt_graph_destroy(graph);
    yt_dataset_close(data);
    yt_site_close(site);
}

static void what_cannot_be_measured_is_told(void **state)
{
    (void)state;
    struct yt_site *site = NULL;
    struct yt_dataset *data = write_pictures();
    struct yt_graph *graph = red_finder();
    const struct yt_site_options alone = {.access = YT_SITE_ALONE};
    const volatile int stop = 1;
    const struct yt_predict_options stopped = {.stop = &stop};
    double map = -1;
    assert_ok(yt_site_open(&alone, &site));
    assert_int_equal(
        yt_evaluate_graph(site, graph, NULL, SIDE, SIDE, data, &stopped, &map),
        YT_INTERRUPTED);
    for (int32_t i = 0; i < data->image_count; i++)
        data->images[i].count = 0;
    data->truth_count = 0;
    assert_int_equal(
        yt_evaluate_graph(site, graph, NULL, SIDE, SIDE, data, NULL, &map),
        YT_BAD_INPUT);
    assert_says(yt_error(), "no picture shows an object");
    assert_true(map == -1);
    yt_graph_destroy(graph);
    yt_dataset_close(data);
    yt_site_close(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_networks_have_known_accuracy,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_measured_is_told,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
