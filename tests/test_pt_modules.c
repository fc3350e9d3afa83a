/* Checkpoints of every age of YOLOv5: their modules give the numbers that they
 * gave where they were made. Files and numbers come from tests/data/make_pt.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
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
    assert_heads("version8");
    assert_heads("version11");
}

static void heads_without_anchors_are_read(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("version8.pt");
    assert_int_equal(graph->bins, 16);
    assert_int_equal(graph->na, 1);
    assert_int_equal(graph->nc, 3);
    assert_int_equal(graph->head_count, 2);
    assert_int_equal(graph->heads[1].stride, 4);
    assert_string_equal(graph->classes[2], "eel");
    yt_graph_destroy(graph);
    /* Of the package when its modules had other homes. */
    graph = import_good("early8.pt");
    assert_int_equal(graph->bins, 16);
    yt_graph_destroy(graph);
}

static const struct {
    const char *file;
    enum yt_status status;
    const char *says;
} bad[] = {
    {"pose", YT_UNSUPPORTED, "it belongs to a model of poses"},
    {"c2f_odd", YT_BAD_INPUT, "model.1.cv1: 3 channels have no half"},
    {"c2f_blocks", YT_UNSUPPORTED, "model.1: 7 blocks; at most 6"},
    {"sppf_count", YT_UNSUPPORTED, "model.1: an SPPF of 9 max-pools"},
    {"bins_count", YT_UNSUPPORTED, "8 bins a side; multiples of 16 up to 64"},
    {"bins_many", YT_BAD_INPUT, "reg_max is 1099511627776"},
    {"bins_levels", YT_BAD_INPUT, "2 levels, 1 inputs"},
    {"bins_classes", YT_BAD_INPUT, "a 1x1 convolution of 7 channels"},
    {"bins_numbers", YT_UNSUPPORTED, "dfl: bin 0 counts as 1"},
    {"bins_fewer", YT_BAD_INPUT, "dfl: 15 weights for 16 bins"},
    {"one2one", YT_UNSUPPORTED, "does without suppression, as YOLOv10"},
    {"bins_branches", YT_BAD_INPUT, "cv3: 0 branches for 1 levels"},
    {"bins_branch", YT_BAD_INPUT, "a branch without modules"},
    /* saved before PyTorch 1.6 */
    {"legacy", YT_BAD_INPUT, "ends after 0 bytes without a STOP"},
    {"legacy_protocol", YT_UNSUPPORTED, "protocol 1000; 1001 is read"},
    {"legacy_big", YT_UNSUPPORTED, "not little-endian"},
    {"legacy_cut", YT_BAD_INPUT, "elements of a file that has"},
    {"legacy_many", YT_BAD_INPUT, "claims 2305843009213693952 elements"},
    {"legacy_no_keys", YT_BAD_INPUT, "no list of its storages"},
    {"legacy_foreign", YT_BAD_INPUT, "storage 0 of the file is of no tensor"},
    {"legacy_twice", YT_BAD_INPUT, "storage 0 is there twice"},
    {"legacy_fewer", YT_BAD_INPUT, "the checkpoint has no storage"},
    {"legacy_view", YT_UNSUPPORTED, "is a view of another"},
};

static void what_cannot_run_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char name[64], path[1024];
        struct yt_graph *graph = NULL;
        snprintf(name, sizeof name, "broken_%s.pt", bad[i].file);
        assert_int_equal(yt_model_import(data_path(path, name), &graph),
                         bad[i].status);
        if (!strstr(yt_error(), bad[i].says))
            fail_msg("%s: %s", name, yt_error());
    }
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

/* Saved by what came before the zip, a network is the same. */
static void age_changes_nothing(void **state)
{
    (void)state;
    char want[33], got[33];
    struct yt_graph *zipped = import_good("tiny.pt");
    struct yt_graph *old = import_good("legacy.pt");
    yt_graph_digest(zipped, want);
    yt_graph_digest(old, got);
    assert_string_equal(got, want);
    assert_string_equal(old->classes[1], "dog");
    yt_graph_destroy(zipped);
    yt_graph_destroy(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_compute_what_they_should),
        cmocka_unit_test(heads_without_anchors_are_read),
        cmocka_unit_test(what_cannot_run_is_named),
        cmocka_unit_test(wrapped_models_are_found),
        cmocka_unit_test(age_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
