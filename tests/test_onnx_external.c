/* ONNX models whose weights are in a file beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/onnx_write.h"
#include "onnx.pb-c.h"
#include "tests/assert_ok.h"
#include "tests/random_graph.h"

#define WEIGHTS "net.onnx.data"

static struct {
    char folder[64], model[96], weights[96];
} here;

static FILE *open_file(const char *path, const char *how)
{
    FILE *file = fopen(path, how);
    if (!file) {
        fail_msg("%s cannot be opened", path);
        abort();
    }
    return file;
}

static void *read_file(const char *path, size_t *size_out)
{
    struct stat stat_of;
    assert_int_equal(stat(path, &stat_of), 0);
    FILE *file = open_file(path, "rb");
    *size_out = (size_t)stat_of.st_size;
    void *bytes = malloc(*size_out);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size_out, file), *size_out);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = open_file(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* What the test says of the first tensor's place, where it is not NULL. */
struct lie {
    const char *location, *offset, *length;
};

static void set_entry(YtOnnx__TensorProto *t, const char *key,
                      const char *value)
{
    YtOnnx__StringStringEntryProto *entry = malloc(sizeof *entry);
    assert_non_null(entry);
    yt_onnx__string_string_entry_proto__init(entry);
    entry->key = strdup(key);
    entry->value = strdup(value);
    t->external_data =
        realloc(t->external_data, (t->n_external_data + 1) * sizeof(void *));
    assert_non_null(t->external_data);
    t->external_data[t->n_external_data++] = entry;
}

/* Move a tensor's data to the end of the weights. */
static void move_out(YtOnnx__TensorProto *t, FILE *weights,
                     const struct lie *lie)
{
    char offset[32], length[32];
    t->external_data = calloc(3, sizeof(void *));
    assert_non_null(t->external_data);
    snprintf(offset, sizeof offset, "%ld", ftell(weights));
    snprintf(length, sizeof length, "%zu", t->raw_data.len);
    assert_int_equal(fwrite(t->raw_data.data, 1, t->raw_data.len, weights),
                     t->raw_data.len);
    set_entry(t, "location", lie->location ? lie->location : WEIGHTS);
    set_entry(t, "offset", lie->offset ? lie->offset : offset);
    set_entry(t, "length", lie->length ? lie->length : length);
    free(t->raw_data.data);
    t->raw_data.data = NULL;
    t->has_raw_data = 0;
    t->raw_data.len = 0;
    t->has_data_location = 1;
    t->data_location = 1;
}

/* The graph as a model and its weights. */
static void write_split(const struct yt_graph *graph, const struct lie *lie)
{
    static const struct lie truth = {NULL, NULL, NULL};
    size_t size = 0;
    assert_ok(yt_onnx_write(graph, 8, 8, here.model));
    void *bytes = read_file(here.model, &size);
    YtOnnx__ModelProto *model = yt_onnx__model_proto__unpack(NULL, size, bytes);
    assert_non_null(model);
    free(bytes);
    FILE *weights = open_file(here.weights, "wb");
    for (size_t i = 0; i < model->graph->n_initializer; i++)
        if (model->graph->initializer[i]->has_raw_data) {
            move_out(model->graph->initializer[i], weights, lie);
            lie = &truth;
        }
    assert_true(lie == &truth);
    assert_int_equal(fclose(weights), 0);
    size = yt_onnx__model_proto__get_packed_size(model);
    bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(yt_onnx__model_proto__pack(model, bytes), size);
    write_file(here.model, bytes, size);
    free(bytes);
    yt_onnx__model_proto__free_unpacked(model, NULL);
}

static struct yt_graph *small_graph(void)
{
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t body = add_conv_silu(&r, 0, 4, 3, 2);
    end_graph(&r, &body, 1, 2, 1);
    return r.graph;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(here.folder, sizeof here.folder, "/tmp/yt_onnx_external_XXXXXX");
    assert_non_null(mkdtemp(here.folder));
    snprintf(here.model, sizeof here.model, "%s/net.onnx", here.folder);
    snprintf(here.weights, sizeof here.weights, "%s/" WEIGHTS, here.folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(here.model);
    unlink(here.weights);
    return rmdir(here.folder);
}

static void weights_are_found(void **state)
{
    (void)state;
    char want[33], got[33];
    struct yt_graph *graph = small_graph(), *back = NULL, *other = NULL;
    write_split(graph, &(const struct lie){.location = "./" WEIGHTS});
    assert_ok(yt_model_import(here.model, &back));
    yt_graph_digest(graph, want);
    yt_graph_digest(back, got);
    assert_string_equal(got, want);
    assert_int_equal(strlen(back->hash), 32);

    /* Other weights of the same model are another model. */
    size_t size = 0;
    unsigned char *bytes = read_file(here.weights, &size);
    bytes[0] ^= 1;
    write_file(here.weights, bytes, size);
    free(bytes);
    assert_ok(yt_model_import(here.model, &other));
    assert_string_not_equal(other->hash, back->hash);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
    yt_graph_destroy(other);
}

static void weights_of_the_working_folder_are_found(void **state)
{
    (void)state;
    char before[1024];
    struct yt_graph *graph = small_graph(), *back = NULL;
    write_split(graph, &(const struct lie){NULL, NULL, NULL});
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(here.folder), 0);
    assert_ok(yt_model_import("net.onnx", &back));
    assert_int_equal(chdir(before), 0);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
}

static void link_to(const char *target, const char *name, char path[96])
{
    snprintf(path, 96, "%s/%s", here.folder, name);
    assert_int_equal(symlink(target, path), 0);
}

/* The other folder is one whose name begins as the model's does. */
static void links_stay_inside(void **state)
{
    (void)state;
    char outside[80], outer[96], file[96], folder[96], inner[96], loop[96];
    struct yt_graph *graph = small_graph(), *back = NULL;
    write_split(graph, &(const struct lie){NULL, NULL, NULL});
    size_t size = 0;
    void *bytes = read_file(here.weights, &size);
    snprintf(outside, sizeof outside, "%s-other", here.folder);
    assert_int_equal(mkdir(outside, 0700), 0);
    snprintf(outer, sizeof outer, "%s/weights", outside);
    write_file(outer, bytes, size);
    free(bytes);
    link_to(outer, "file", file);
    link_to(outside, "folder", folder);
    link_to(WEIGHTS, "inner", inner);
    link_to("loop", "loop", loop);
    static const char *const out[] = {"file", "folder/weights"};
    for (int i = 0; i < 2; i++) {
        write_split(graph, &(const struct lie){.location = out[i]});
        assert_int_equal(yt_model_import(here.model, &back), YT_BAD_INPUT);
        assert_non_null(strstr(yt_error(), out[i]));
        assert_non_null(strstr(yt_error(), "leads out of the model's folder"));
    }
    write_split(graph, &(const struct lie){.location = "loop"});
    assert_int_equal(yt_model_import(here.model, &back), YT_IO);
    assert_non_null(strstr(yt_error(), "'loop', which cannot be opened"));
    assert_null(back);
    write_split(graph, &(const struct lie){.location = "inner"});
    assert_ok(yt_model_import(here.model, &back));
    yt_graph_destroy(back);
    yt_graph_destroy(graph);
    unlink(file);
    unlink(folder);
    unlink(inner);
    unlink(loop);
    unlink(outer);
    assert_int_equal(rmdir(outside), 0);
}

static const struct {
    struct lie lie;
    enum yt_status status;
    const char *says;
} bad[] = {
    {{"other", NULL, NULL}, YT_NOT_FOUND, "'other', which cannot be opened"},
    {{"../x", NULL, NULL}, YT_BAD_INPUT, "outside of the model's folder"},
    {{"a/../../x", NULL, NULL}, YT_BAD_INPUT, "outside of the model's folder"},
    {{"..", NULL, NULL}, YT_BAD_INPUT, "outside of the model's folder"},
    {{"/etc/passwd", NULL, NULL}, YT_BAD_INPUT, "outside of the model's"},
    {{"", NULL, NULL}, YT_BAD_INPUT, "doesn't say which file"},
    {{".", NULL, NULL}, YT_BAD_INPUT, "not a regular file"},
    {{NULL, "-4", NULL}, YT_BAD_INPUT, "the offset of its data is '-4'"},
    {{NULL, "many", NULL}, YT_BAD_INPUT, "the offset of its data is 'many'"},
    {{NULL, NULL, "99999999999999999999"}, YT_BAD_INPUT, "the length of"},
    {{NULL, "999999999", NULL}, YT_BAD_INPUT, "in '" WEIGHTS "', which has"},
    {{NULL, NULL, "9223372036854775807"}, YT_BAD_INPUT, "which has"},
    {{NULL, NULL, "4"}, YT_BAD_INPUT, "has 4 bytes, its shape needs"},
};

static void lies_are_refused(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yt_graph *back = NULL;
        write_split(graph, &bad[i].lie);
        const enum yt_status status = yt_model_import(here.model, &back);
        if (status != bad[i].status || !strstr(yt_error(), bad[i].says) ||
            !strstr(yt_error(), here.model))
            fail_msg("row %zu: %s: \"%s\" does not say \"%s\"", i,
                     yt_status_name(status), yt_error(), bad[i].says);
        assert_null(back);
    }
    yt_graph_destroy(graph);
}

static void missing_and_short_files_are_refused(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph(), *back = NULL;
    write_split(graph, &(const struct lie){NULL, NULL, NULL});
    assert_int_equal(truncate(here.weights, 100), 0);
    assert_int_equal(yt_model_import(here.model, &back), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "which has 100"));
    assert_int_equal(unlink(here.weights), 0);
    assert_int_equal(yt_model_import(here.model, &back), YT_NOT_FOUND);
    assert_non_null(strstr(yt_error(), WEIGHTS));
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(weights_of_the_working_folder_are_found,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_stay_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lies_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_and_short_files_are_refused,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
