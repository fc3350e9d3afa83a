/* Checkpoints of every age of YOLOv5: their modules give the numbers that they
 * gave where they were made. Files and numbers come from tests/data/make_pt.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <cmocka.h>

#include "model/graph.h"
#include "model/reference.h"
#include "tests/assert_ok.h"

#define SIDE 16 /* of the image, in pixels */

static const char *data_path(char path[1024], const char *name)
{
    const char *source = getenv("YT_SOURCE_DIR");
    snprintf(path, 1024, "%s/tests/data/pt/%s", source ? source : ".", name);
    return path;
}

static struct yt_graph *import_good(const char *name)
{
    char path[1024];
    struct yt_graph *graph = NULL;
    assert_ok(yt_model_import(data_path(path, name), &graph));
    return graph;
}

/* The image of tests/data/make_pt.py. */
static void fill_image(float image[3 * SIDE * SIDE])
{
    for (int32_t i = 0; i < 3 * SIDE * SIDE; i++)
        image[i] = (float)(i * 37 % 256) / 255.0f;
}

/* The raw heads of a file are those that its modules give as they are: the
 * script ran them one by one, with nothing folded or rewritten. */
static void assert_heads(const char *name)
{
    char pt[64], out[64], path[1024];
    float image[3 * SIDE * SIDE];
    float *heads[YT_LEVELS_MAX] = {NULL};
    snprintf(pt, sizeof pt, "%s.pt", name);
    snprintf(out, sizeof out, "%s.out", name);
    struct yt_graph *graph = import_good(pt);
    fill_image(image);
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t side = SIDE / graph->heads[i].stride;
        const int32_t c = graph->nodes[graph->heads[i].node].c;
        heads[i] = calloc((size_t)(c * side * side), sizeof(float));
        assert_non_null(heads[i]);
    }
    assert_ok(yt_graph_run_reference(graph, SIDE, SIDE, image, heads));
    FILE *file = fopen(data_path(path, out), "rb");
    assert_non_null(file);
    for (int32_t i = 0; i < graph->head_count; i++) {
        const int32_t side = SIDE / graph->heads[i].stride;
        const int32_t c = graph->nodes[graph->heads[i].node].c;
        for (int32_t k = 0; k < c * side * side; k++) {
            float want;
            assert_int_equal(fread(&want, sizeof want, 1, file), 1);
            if (!(fabsf(heads[i][k] - want) <= 1e-5f))
                fail_msg("%s: head %d, element %d is %g, not %g", name, i, k,
                         (double)heads[i][k], (double)want);
        }
        free(heads[i]);
    }
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    yt_graph_destroy(graph);
}

static void modules_compute_what_they_should(void **state)
{
    (void)state;
    assert_heads("version3");
    assert_heads("activations");
    assert_heads("ghosts");
}

static void wrapped_models_are_found(void **state)
{
    (void)state;
    static const char *const files[] = {"parallel.pt", "autoshape.pt",
                                        "backend.pt"};
    char want[33], got[33];
    struct yt_graph *bare = import_good("micro.pt");
    yt_graph_digest(bare, want);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct yt_graph *graph = import_good(files[i]);
        yt_graph_digest(graph, got);
        assert_string_equal(got, want);
        assert_string_equal(graph->classes[0], "a");
        yt_graph_destroy(graph);
    }
    yt_graph_destroy(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_compute_what_they_should),
        cmocka_unit_test(wrapped_models_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
