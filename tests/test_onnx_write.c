/* Graphs written as ONNX and read back: the same network to the bit. That ONNX
 * Runtime computes the same with the file, bench/ compares. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/onnx_write.h"
#include "tests/assert_ok.h"
#include "tests/random_graph.h"

struct place {
    char folder[64], file[96];
};

static void place_begin(struct place *place)
{
    snprintf(place->folder, sizeof place->folder, "/tmp/yt_onnx_write_XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->file, sizeof place->file, "%s/net.onnx", place->folder);
}

static void place_end(const struct place *place)
{
    unlink(place->file);
    assert_int_equal(rmdir(place->folder), 0); /* nothing else was left */
}

static int files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* The graph that comes back from a file. */
static struct yt_graph *go_round(const struct yt_graph *graph, int32_t h,
                                 int32_t w)
{
    struct place place;
    struct yt_graph *back = NULL;
    place_begin(&place);
    assert_ok(yt_onnx_write(graph, h, w, place.file));
    assert_int_equal(files_in(place.folder), 1);
    assert_ok(yt_model_import(place.file, &back));
    place_end(&place);
    return back;
}

static void assert_same(const struct yt_graph *graph,
                        const struct yt_graph *back)
{
    char one[33], two[33];
    yt_graph_digest(graph, one);
    yt_graph_digest(back, two);
    assert_string_equal(one, two);
    assert_int_equal(graph->nc, back->nc);
    for (int32_t i = 0; i < graph->nc; i++)
        assert_string_equal(graph->classes[i], back->classes[i]);
}

static void a_network_comes_back(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL, *again = NULL;
    assert_ok(yt_graph_builtin("n", 5, &graph));
    struct yt_graph *back = go_round(graph, 64, 96);
    assert_same(graph, back);
    assert_int_equal(back->h, 64);
    assert_int_equal(back->w, 96);
    assert_string_equal(back->format, "onnx");
    assert_int_equal(graph->node_count, back->node_count);
    for (int32_t i = 0; i < graph->node_count; i++) {
        /* Importers say of every joint what it is; builtin graphs do not. */
        char with_kind[80];
        const char *name = graph->nodes[i].name;
        snprintf(with_kind, sizeof with_kind, "%s.concat", name);
        const int is_joint = graph->nodes[i].kind == YT_NODE_CONCAT;
        if (i > 0 && strcmp(back->nodes[i].name, name) != 0 &&
            !(is_joint && strcmp(back->nodes[i].name, with_kind) == 0))
            fail_msg("%s came back as %s", name, back->nodes[i].name);
    }
    /* What has been read once is written as it was. */
    again = go_round(back, 64, 96);
    assert_same(graph, again);
    for (int32_t i = 0; i < graph->node_count; i++)
        assert_string_equal(back->nodes[i].name, again->nodes[i].name);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
    yt_graph_destroy(again);
}

static void ranges_come_back(void **state)
{
    (void)state;
    struct yt_graph *graph = NULL, *copy = NULL;
    assert_ok(yt_graph_builtin("n", 5, &graph));
    graph->ranges = strdup("quant begin\nquant end\n");
    struct yt_graph *back = go_round(graph, 64, 64);
    assert_non_null(back->ranges);
    assert_string_equal(back->ranges, graph->ranges);
    /* A copy is there to be changed. */
    assert_ok(yt_graph_copy(back, &copy));
    assert_null(copy->ranges);
    yt_graph_destroy(copy);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
}

/* Without nodes that no head needs, and heads by stride: a file has no others.
 */
static struct yt_graph *live_part(const struct yt_graph *graph)
{
    struct yt_graph *live = NULL;
    int32_t place[256];
    uint8_t needed[256] = {1};
    for (int32_t i = 0; i < graph->head_count; i++)
        needed[graph->heads[i].node] = 1;
    for (int32_t i = graph->node_count - 1; i > 0; i--)
        for (int32_t k = 0; needed[i] && k < graph->nodes[i].input_count; k++)
            needed[graph->nodes[i].inputs[k]] = 1;
    assert_ok(yt_graph_create(&live));
    place[0] = 0;
    for (int32_t i = 1; i < graph->node_count; i++) {
        struct yt_node node = graph->nodes[i];
        if (!needed[i])
            continue;
        for (int32_t k = 0; k < node.input_count; k++)
            node.inputs[k] = place[node.inputs[k]];
        assert_ok(yt_graph_add(live, &node, &place[i]));
        if (node.kind != YT_NODE_CONV)
            continue;
        assert_ok(yt_graph_conv_storage(live, place[i]));
        const struct yt_node *to = &live->nodes[place[i]];
        const size_t filter = (size_t)live->nodes[to->inputs[0]].c *
                              (size_t)to->r * (size_t)to->r;
        memcpy(to->weights, node.weights,
               (size_t)to->c * filter * sizeof(float));
        memcpy(to->bias, node.bias, (size_t)to->c * sizeof(float));
    }
    assert_ok(yt_graph_copy_facts(graph, live));
    for (int32_t i = 0; i < live->head_count; i++)
        live->heads[i].node = place[live->heads[i].node];
    for (int32_t i = 1; i < live->head_count; i++)
        for (int32_t k = i; k > 0; k--)
            if (live->heads[k - 1].stride > live->heads[k].stride) {
                const struct yt_graph_head head = live->heads[k];
                live->heads[k] = live->heads[k - 1];
                live->heads[k - 1] = head;
            }
    assert_ok(yt_graph_check(live));
    return live;
}

/* Reading moves an activation behind a concat before it (model/onnx_net.c). */
static int is_moved(const struct yt_graph *graph)
{
    for (int32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == YT_NODE_ACT &&
            graph->nodes[graph->nodes[i].inputs[0]].kind == YT_NODE_CONCAT)
            return 1;
    return 0;
}

static void any_graph_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct yt_graph *graph =
            grow_graph(seed, 2 + (int32_t)(seed % 9), seed % 3 == 0);
        struct yt_graph *live = live_part(graph);
        struct yt_graph *back = go_round(live, 16, 24);
        struct yt_graph *again = go_round(back, 16, 24);
        if (!is_moved(live))
            assert_same(live, back);
        assert_same(back, again);
        yt_graph_destroy(graph);
        yt_graph_destroy(live);
        yt_graph_destroy(back);
        yt_graph_destroy(again);
    }
}

/* A small network: a convolution and a head of stride 2. */
static struct yt_graph *small_graph(int32_t nc, const char *const *names)
{
    struct random_graph r;
    begin_graph(&r, 3);
    const int32_t body = add_conv_silu(&r, 0, 4, 3, 2);
    end_graph(&r, &body, 1, 2, nc);
    assert_ok(yt_graph_set_classes(r.graph, nc, names));
    return r.graph;
}

static void class_names_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "dog's",
        "a \"cat\"",
        "both ' and \"",
        "back\\slash",
        "\\n is no line",
        "",
        "\xc3\xa9t\xc3\xa9 \xe7\x8c\xab \xf0\x9f\x90\x88",
        "{0: 'x'}, ",
    };
    enum { COUNT = sizeof names / sizeof names[0] };
    struct yt_graph *graph = small_graph(COUNT, names);
    struct yt_graph *back = go_round(graph, 4, 2);
    assert_same(graph, back);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
}

/* Names need not be told apart by whoever makes a graph. */
static void nodes_of_one_name_come_back(void **state)
{
    (void)state;
    struct yt_graph *graph = small_graph(2, NULL);
    for (int32_t i = 1; i < graph->node_count; i++)
        snprintf(graph->nodes[i].name, sizeof graph->nodes[i].name, "same");
    struct yt_graph *back = go_round(graph, 4, 2);
    assert_same(graph, back);
    yt_graph_destroy(graph);
    yt_graph_destroy(back);
}

static void sizes_are_multiples_of_the_stride(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{32, 48}, {48, 32},  {0, 32},
                                       {32, 0},  {-32, 32}, {33, 32}};
    struct place place;
    struct yt_graph *graph = NULL;
    assert_ok(yt_graph_builtin("n", 5, &graph));
    place_begin(&place);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(
            yt_onnx_write(graph, sizes[i][0], sizes[i][1], place.file),
            YT_BAD_ARGUMENT);
        assert_non_null(strstr(yt_error(), "multiples of 32"));
    }
    assert_int_equal(files_in(place.folder), 0);
    place_end(&place);
    yt_graph_destroy(graph);
}

/* What was in a file stays when there is no room for more. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct place place;
    struct yt_graph *graph = small_graph(2, NULL), *back = NULL;
    struct yt_graph *wide = small_graph(300, NULL);
    place_begin(&place);
    assert_ok(yt_onnx_write(graph, 4, 4, place.file));
    struct stat info;
    assert_int_equal(stat(place.file, &info), 0);

    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)info.st_size;
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const enum yt_status status = yt_onnx_write(wide, 4, 4, place.file);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, YT_IO);
    assert_non_null(strstr(yt_error(), place.file));
    assert_int_equal(files_in(place.folder), 1);
    assert_ok(yt_model_import(place.file, &back));
    assert_same(graph, back);
    yt_graph_destroy(back);

    /* With room again it is replaced. */
    assert_ok(yt_onnx_write(wide, 4, 4, place.file));
    assert_ok(yt_model_import(place.file, &back));
    assert_same(wide, back);
    yt_graph_destroy(back);
    yt_graph_destroy(wide);
    yt_graph_destroy(graph);
    place_end(&place);
}

static void places_that_cannot_be_written(void **state)
{
    (void)state;
    struct place place;
    char path[128];
    struct yt_graph *graph = small_graph(2, NULL);
    place_begin(&place);
    snprintf(path, sizeof path, "%s/absent/net.onnx", place.folder);
    assert_int_equal(yt_onnx_write(graph, 4, 4, path), YT_IO);
    assert_non_null(strstr(yt_error(), path));
    /* Nothing but files is replaced. */
    assert_int_equal(yt_onnx_write(graph, 4, 4, place.folder), YT_IO);
    assert_non_null(strstr(yt_error(), "not a file"));
    assert_int_equal(mkfifo(place.file, 0600), 0);
    assert_int_equal(yt_onnx_write(graph, 4, 4, place.file), YT_IO);
    assert_int_equal(files_in(place.folder), 1);
    place_end(&place);
    yt_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_comes_back),
        cmocka_unit_test(ranges_come_back),
        cmocka_unit_test(any_graph_comes_back),
        cmocka_unit_test(class_names_come_back),
        cmocka_unit_test(nodes_of_one_name_come_back),
        cmocka_unit_test(sizes_are_multiples_of_the_stride),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(places_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
