/* The ONNX importer on the tiny models of tests/data/onnx (made and run
 * through ONNX Runtime by tests/data/make_onnx.py), on damaged copies of them,
 * and, where they are at hand, on real exports. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/reference.h"
#include "model/graph.h"
#include "model/net.h"
#include "model/onnx_file.h"
#include "model/onnx_meta.h"
#include "model/onnx_net.h"

#define SIZE 64 /* side of the image the expected outputs are for */

static const char *source_dir(void)
{
    const char *dir = getenv("YT_SOURCE_DIR");
    return dir ? dir : ".";
}

/* The bytes of a file, or NULL; the caller frees. */
static unsigned char *read_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    /* Exactly the size, so that ASan sees a read past the end. */
    unsigned char *bytes = malloc(size > 0 ? (size_t)size : 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    *size_out = (size_t)size;
    return bytes;
}

static unsigned char *read_model(const char *name, const char *extension,
                                 size_t *size_out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/data/onnx/%s.%s", source_dir(), name,
             extension);
    unsigned char *bytes = read_file(path, size_out);
    if (!bytes)
        print_error("%s is missing\n", path);
    assert_non_null(bytes);
    return bytes;
}

static int64_t parameters(const struct yt_graph *graph)
{
    int64_t count = 0;
    for (int32_t i = 1; i < graph->node_count; ++i) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind == YT_NODE_CONV)
            count += (int64_t)node->c *
                     (graph->nodes[node->inputs[0]].c * node->r * node->r + 1);
    }
    return count;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Compares the graph's heads on the test image with NAME.out: levels, anchors,
 * rows, columns, then 5 + nc numbers, boxes decoded or raw. */
static void check_outputs(const struct yt_graph *graph, const char *name,
                          int decoded, double tolerance)
{
    size_t size = 0;
    float *expected = (float *)(void *)read_model(name, "out", &size);
    float *image = malloc(3 * SIZE * SIZE * sizeof *image);
    float *heads[YT_LEVELS_MAX] = {NULL};
    assert_non_null(image);
    for (int32_t i = 0; i < 3 * SIZE * SIZE; ++i)
        image[i] = (float)(i * 37 % 256) / 255.0f;
    const int32_t no = 5 + graph->nc;
    size_t total = 0;
    for (int32_t i = 0; i < graph->head_count; ++i) {
        const int32_t side = SIZE / graph->heads[i].stride;
        const size_t elems = (size_t)(graph->na * no * side * side);
        heads[i] = malloc(elems * sizeof *heads[i]);
        assert_non_null(heads[i]);
        total += elems;
    }
    assert_int_equal(size, total * sizeof *expected);
    assert_int_equal(yt_graph_run_reference(graph, SIZE, SIZE, image, heads),
                     YT_OK);

    const float *at = expected;
    for (int32_t i = 0; i < graph->head_count; ++i) {
        const int32_t stride = graph->heads[i].stride, side = SIZE / stride;
        for (int32_t cell = 0; cell < graph->na * side * side; ++cell) {
            const int32_t a = cell / (side * side), yx = cell % (side * side);
            for (int32_t c = 0; c < no; ++c, ++at) {
                const double raw =
                    (double)heads[i][(a * no + c) * side * side + yx];
                const double t = sigmoid(raw);
                const int32_t corner = c == 0 ? yx % side : yx / side;
                const double got =
                    !decoded ? raw
                    : c < 2  ? (2 * t - 0.5 + corner) * stride
                    : c < 4
                        ? 4 * t * t * (double)graph->heads[i].anchors[a][c - 2]
                        : t;
                if (!(fabs(got - (double)*at) <=
                      tolerance * (1 + fabs((double)*at))))
                    fail_msg("%s: level %d, anchor %d, cell %d, column %d: %g, "
                             "ONNX Runtime has %g",
                             name, (int)i, (int)a, (int)yx, (int)c, got,
                             (double)*at);
            }
        }
        free(heads[i]);
    }
    free(image);
    free(expected);
}

struct good_row {
    const char *name;
    int32_t nodes;
    int64_t parameters;
    int32_t levels, na, nc, imgsz;
    const char *first_class, *first_conv;
    int decoded;
    double tolerance;
};

static const struct good_row good_rows[] = {
    {"split", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"slice_and_raw", 42, 1545, 3, 3, 2, 64, "class0", "model.0", 1, 1e-5},
    {"unsimplified", 42, 1545, 3, 3, 2, 64, "cat", "conv0", 1, 1e-5},
    {"dynamic", 42, 1545, 3, 3, 2, 640, "cat", "model.0", 1, 1e-5},
    {"batch", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"batch_sizes", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"half", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 2e-2},
    {"half_list", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 2e-2},
    {"float_list", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"batchnorm", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-4},
    {"spp_no_bias", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"only_its_shape", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"heads", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 0, 1e-5},
    {"heads_moved", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 0, 1e-5},
    {"heads_anchors", 35, 1186, 2, 2, 2, 64, "cat", "model.0", 0, 1e-5},
    {"p6", 49, 1834, 4, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"two_levels_one_class", 35, 1166, 2, 2, 1, 64, "only", "model.0", 1, 1e-5},
    {"windows", 42, 2057, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"pools", 45, 1465, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"version3", 41, 1543, 3, 3, 2, 64, "cat", "model.0.conv", 1, 1e-4},
    {"grouped", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"shuffle", 39, 1363, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"norm_alone", 44, 1565, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
    {"reversed", 42, 1545, 3, 3, 2, 64, "cat", "model.0", 1, 1e-5},
};

static struct yt_graph *import_good(const char *name)
{
    size_t size = 0;
    unsigned char *bytes = read_model(name, "onnx", &size);
    struct yt_graph *graph = NULL;
    if (yt_import_onnx(bytes, size, &graph) != YT_OK)
        fail_msg("%s: %s", name, yt_error());
    free(bytes);
    return graph;
}

static void accepts_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_rows / sizeof *good_rows; ++i) {
        const struct good_row *row = &good_rows[i];
        struct yt_graph *graph = import_good(row->name);
        assert_int_equal(yt_graph_check(graph), YT_OK);
        assert_int_equal(graph->node_count, row->nodes);
        assert_int_equal(parameters(graph), row->parameters);
        assert_int_equal(graph->head_count, row->levels);
        assert_int_equal(graph->na, row->na);
        assert_int_equal(graph->nc, row->nc);
        assert_int_equal(graph->h, row->imgsz);
        assert_int_equal(graph->w, row->imgsz);
        assert_string_equal(graph->classes[0], row->first_class);
        assert_string_equal(graph->format, "onnx");
        assert_string_equal(graph->nodes[1].name, row->first_conv);
        for (int32_t k = 0; k < row->levels; ++k)
            assert_int_equal(graph->heads[k].stride, 8 << k);
        check_outputs(graph, row->name, row->decoded, row->tolerance);
        yt_graph_destroy(graph);
    }
}

static void takes_size_and_batch_of_the_file(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("oblong");
    assert_int_equal(graph->h, 64);
    assert_int_equal(graph->w, 96);
    assert_string_equal(graph->note, "");
    yt_graph_destroy(graph);
    graph = import_good("batch");
    assert_string_equal(graph->note,
                        "made for 4 images at a time, and runs on one");
    yt_graph_destroy(graph);
    graph = import_good("dynamic");
    assert_string_equal(graph->note, "");
    yt_graph_destroy(graph);
}

static void recovers_anchors_and_names(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("p6");
    assert_float_equal(graph->heads[0].anchors[0][0], 19, 1e-6);
    assert_float_equal(graph->heads[2].anchors[1][1], 264, 1e-6);
    assert_float_equal(graph->heads[3].anchors[2][0], 925, 1e-6);
    assert_string_equal(graph->classes[1], "dog's");
    yt_graph_destroy(graph);
    /* COCO's, by the number of heads. */
    graph = import_good("heads");
    assert_float_equal(graph->heads[2].anchors[2][0], 373, 1e-6);
    assert_string_equal(graph->nodes[graph->heads[1].node].name,
                        "model.24.m.1");
    yt_graph_destroy(graph);
    /* The metadata's. */
    graph = import_good("heads_anchors");
    assert_float_equal(graph->heads[0].anchors[1][0], 33, 1e-6);
    assert_float_equal(graph->heads[1].anchors[0][1], 45.5, 1e-6);
    yt_graph_destroy(graph);
}

struct bad_row {
    const char *name;
    enum yt_status status;
    const char *sentence; /* part of it */
};

static const struct bad_row bad_rows[] = {
    {"activation", YT_UNSUPPORTED, "'/model.1/act/Mul' (Gelu)"},
    {"add_shapes", YT_UNSUPPORTED, "'/model.4/Add' (Add)"},
    {"bilinear", YT_UNSUPPORTED, "'/model.3/Resize' (Resize)"},
    {"bytes_in", YT_UNSUPPORTED, "'images' has ONNX element type 2"},
    {"channels", YT_BAD_INPUT, "reads 2 channels"},
    {"classify", YT_UNSUPPORTED, "a classification model"},
    {"cycle", YT_BAD_INPUT, "a cycle"},
    {"deep", YT_UNSUPPORTED, "more than 128 steps"},
    {"domain", YT_UNSUPPORTED, "'com.example'"},
    {"exponential", YT_UNSUPPORTED, "more steps"},
    {"external", YT_UNSUPPORTED, "in another file"},
    {"focus", YT_UNSUPPORTED, "'/model.0/Concat' (Concat) makes"},
    {"gray", YT_UNSUPPORTED, "[1][1][32][32]"},
    {"grouped", YT_BAD_INPUT, "2 channels to 2 in 3 groups"},
    {"huge_dims", YT_BAD_INPUT, "'model.1.conv.weight' has more than"},
    {"meta_stride", YT_BAD_INPUT, "'stride' is 4"},
    {"missing", YT_BAD_INPUT, "reads 'absent'"},
    {"names", YT_BAD_INPUT, "'names' isn't a list"},
    {"names_count", YT_BAD_INPUT, "3 classes, the heads have 2"},
    {"nan", YT_BAD_INPUT, "not finite"},
    {"negative_dim", YT_BAD_INPUT, "dimension 1 is -2"},
    {"no_anchors", YT_UNSUPPORTED, "doesn't tell its anchors"},
    {"no_graph", YT_BAD_INPUT, "no graph"},
    {"no_opset", YT_BAD_INPUT, "opset"},
    {"no_output", YT_BAD_INPUT, "no output"},
    {"no_weights", YT_BAD_INPUT, "has no weights"},
    {"operator", YT_UNSUPPORTED, "'/model.1/act/Mul' (Frobnicate)"},
    {"opset", YT_UNSUPPORTED, "opset 7"},
    {"output_name", YT_BAD_INPUT, "'elsewhere'"},
    {"overflow", YT_BAD_INPUT, "(Resize) makes 2 channels of 131072x131072"},
    {"pool", YT_UNSUPPORTED, "(MaxPool): window 3x2, stride 2"},
    {"segment", YT_UNSUPPORTED, "segmentation"},
    {"self_cycle", YT_BAD_INPUT, "a cycle"},
    {"short_data", YT_BAD_INPUT, "has 140 bytes, its shape needs 144"},
    {"tail_anchor", YT_UNSUPPORTED, "box 27 has an anchor side of 33"},
    {"tail_cell", YT_UNSUPPORTED, "box 31 has its centre at x 36"},
    {"tail_linear", YT_UNSUPPORTED, "isn't decoded as YOLOv5"},
    {"tail_stride", YT_UNSUPPORTED, "stride 9"},
    {"times_three", YT_UNSUPPORTED, "'/model.3/Resize' (Resize)"},
    {"twice", YT_BAD_INPUT, "defined twice"},
    {"two_inputs", YT_UNSUPPORTED, "'images' and 'mask'"},
    {"weight_rank", YT_UNSUPPORTED, "3 dimensions"},
    {"weight_type", YT_UNSUPPORTED, "element type 8"},
};

static void refuses_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; ++i) {
        const struct bad_row *row = &bad_rows[i];
        char name[64];
        size_t size = 0;
        snprintf(name, sizeof name, "bad_%s", row->name);
        unsigned char *bytes = read_model(name, "onnx", &size);
        struct yt_graph *graph = NULL;
        const enum yt_status status = yt_import_onnx(bytes, size, &graph);
        if (status != row->status || !strstr(yt_error(), row->sentence))
            fail_msg("%s: %s: \"%s\", expected %s: \"... %s ...\"", name,
                     yt_status_name(status), yt_error(),
                     yt_status_name(row->status), row->sentence);
        assert_null(graph);
        free(bytes);
    }
}

/* Whatever comes in, the result is a valid graph or a sentence. */
static enum yt_status import_anything(const void *bytes, size_t size)
{
    struct yt_graph *graph = NULL;
    const enum yt_status status = yt_import_onnx(bytes, size, &graph);
    if (status == YT_OK) {
        assert_int_equal(yt_graph_check(graph), YT_OK);
    } else {
        assert_null(graph);
        assert_true(yt_error()[0] != 0);
    }
    yt_graph_destroy(graph);
    return status;
}

static void refuses_truncated_files(void **state)
{
    (void)state;
    static const char *const names[] = {"split", "heads", "half_list"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        size_t size = 0;
        unsigned char *bytes = read_model(names[i], "onnx", &size);
        for (size_t left = 0; left < size; left += left + 256 < size ? 97 : 1) {
            /* A copy of that size, so that ASan sees a read past its end. */
            unsigned char *part = malloc(left ? left : 1);
            assert_non_null(part);
            memcpy(part, bytes, left);
            const enum yt_status status = import_anything(part, left);
            /* Metadata comes last; a file may well have none. */
            if (status == YT_OK && left + 128 < size)
                fail_msg("%s cut to %zu bytes was accepted", names[i], left);
            free(part);
        }
        free(bytes);
    }
}

static void survives_flipped_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"bad_nan",     "heads_anchors",
                                        "windows",     "pools",
                                        "batch_sizes", "only_its_shape"};
    uint64_t seed = 20240229;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        size_t size = 0;
        int refused = 0;
        unsigned char *bytes = read_model(names[i], "onnx", &size);
        for (int round = 0; round < 400; ++round) {
            size_t at[3];
            unsigned char old[3];
            for (int k = 0; k < 3; ++k) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                at[k] = (size_t)(seed >> 33) % size;
                old[k] = bytes[at[k]];
                bytes[at[k]] ^= (unsigned char)(1u << (seed >> 29 & 7));
            }
            refused += import_anything(bytes, size) != YT_OK;
            for (int k = 3; k-- > 0;)
                bytes[at[k]] = old[k];
        }
        assert_true(refused > 0);
        free(bytes);
    }
}

static void bounds_memory_by_file_size(void **state)
{
    (void)state;
    /* graph { node {} node {} ... }: two bytes a message. */
    enum { NODES = 500000 };
    const size_t payload = 2 * (size_t)NODES, size = payload + 4;
    unsigned char *bytes = malloc(size);
    assert_non_null(bytes);
    size_t at = 0;
    bytes[at++] = 0x3a; /* field 7, length-delimited */
    for (size_t rest = payload; rest; rest >>= 7)
        bytes[at++] = (unsigned char)(rest & 127) | (rest > 127 ? 128 : 0);
    for (int i = 0; i < NODES; ++i) {
        bytes[at++] = 0x0a; /* field 1, length-delimited, empty */
        bytes[at++] = 0;
    }
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_import_onnx(bytes, at, &graph), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "unfold"));
    free(bytes);
}

static void corpus_is_harmless(void **state)
{
    (void)state;
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/fuzz/corpus/onnx", source_dir());
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int files = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[2048];
        size_t size = 0;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unsigned char *bytes = read_file(path, &size);
        assert_non_null(bytes);
        import_anything(bytes, size);
        free(bytes);
        ++files;
    }
    closedir(dir);
    assert_true(files > 0);
}

static void normalises_names(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/model.2/m/m.0/cv1/conv/Conv", "model.2.m.0.cv1"},
        {"/model.0/conv/Conv", "model.0"},
        {"/model.24/m.0/Conv", "model.24.m.0"},
        {"/model/model.1/act/Mul", "model.1.act"},
        {"/model.9/m/MaxPool", "model.9.m"},
        {"/model.9/m/MaxPool_1", "model.9.m_1"},
        {"/model.9/m_1/MaxPool", "model.9.m_1"},
        {"/conv/Conv", "conv"},
        {"/a b/\xc3\xa9/Conv", "a_b.__"},
        {"Conv_0", ""},
        {"", ""},
        {"/", ""},
        {"//", ""},
    };
    char path[YT_LAYER_NAME_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        yt_onnx_module_path(rows[i][0], path);
        assert_string_equal(path, rows[i][1]);
    }
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[0] = longest[150] = longest[250] = '/';
    longest[sizeof longest - 1] = 0;
    yt_onnx_module_path(longest, path);
    assert_int_equal(strlen(path), YT_LAYER_NAME_MAX - 1);
}

static void parses_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t count; /* 0: refused */
        const char *last;
    } rows[] = {
        {"{0: 'a', 1: 'b'}", 2, "b"},
        {" { 1 : 'b' , 0 : 'a' , } ", 2, "b"},
        {"{\"0\": \"a\", \"1\": \"it's\"}", 2, "it's"},
        {"['a', \"b\", 'c']", 3, "c"},
        {"('a',)", 1, "a"},
        {"['\\x41\\u00e9\\n\\'\\\\']", 1, "A\xc3\xa9\n'\\"},
        {"", 0, NULL},
        {"[]", 0, NULL},
        {"['a'", 0, NULL},
        {"['a' 'b']", 0, NULL},
        {"['a", 0, NULL},
        {"['a\\", 0, NULL},
        {"['\\x4']", 0, NULL},
        {"{0: 'a', 2: 'b'}", 0, NULL},
        {"{0: 'a', 0: 'b'}", 0, NULL},
        {"{-1: 'a'}", 0, NULL},
        {"{99999999999999999999: 'a'}", 0, NULL},
        {"{0: a}", 0, NULL},
        {"person", 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        char **names = NULL;
        int32_t count = 0;
        const enum yt_status status =
            yt_onnx_names_parse(rows[i].text, &names, &count);
        assert_int_equal(status, rows[i].count ? YT_OK : YT_BAD_INPUT);
        assert_int_equal(count, rows[i].count);
        if (status == YT_OK)
            assert_string_equal(names[count - 1], rows[i].last);
        yt_onnx_names_free(names, count);
    }
}

static void parses_numbers(void **state)
{
    (void)state;
    double numbers[4];
    int32_t count = 0;
    assert_int_equal(
        yt_onnx_numbers_parse("[[1, -2.5],[.25,]]", numbers, 4, &count), YT_OK);
    assert_int_equal(count, 3);
    assert_float_equal(numbers[1], -2.5, 0);
    assert_float_equal(numbers[2], 0.25, 0);
    static const char *const refused[] = {"1,2,3,4,5", "a", "-", ".", "1e5"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i)
        assert_int_equal(yt_onnx_numbers_parse(refused[i], numbers, 4, &count),
                         YT_BAD_INPUT);
}

static void reads_halves(void **state)
{
    (void)state;
    static const uint16_t bits[] = {0x0000, 0x3c00, 0xc000, 0x0001, 0x83ff,
                                    0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00};
    static const double values[] = {
        0, 1, -2, 0x1p-24, -0x3ffp-24, 0x1p-14, 65504, INFINITY, -INFINITY};
    const struct yt_onnx_tensor tensor = {
        .rank = 1, .count = 10, .storage = YT_ONNX_F16, .data = bits};
    for (int64_t i = 0; i < 9; ++i)
        assert_true(yt_onnx_tensor_at(&tensor, i) == values[i]);
    assert_true(isnan(yt_onnx_tensor_at(&tensor, 9)));
}

static void reads_real_exports(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
    } rows[] = {{"yolov5n_fp16", 1867405},
                {"yolov5n_fp32", 1867405},
                {"yolov5s_fp32", 7225885}};
    static const float anchors[3][3][2] = {{{10, 13}, {16, 30}, {33, 23}},
                                           {{30, 61}, {62, 45}, {59, 119}},
                                           {{116, 90}, {156, 198}, {373, 326}}};
    int found = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const char *data = getenv("YOLOTUNE_TEST_DATA");
        char path[1024];
        size_t size = 0;
        snprintf(path, sizeof path, "%s%s/onnx/%s.onnx",
                 data ? data : source_dir(), data ? "" : "/../shared/data",
                 rows[i].name);
        unsigned char *bytes = read_file(path, &size);
        if (!bytes) {
            print_message("skipped: no %s\n", path);
            continue;
        }
        ++found;
        struct yt_graph *graph = NULL;
        if (yt_import_onnx(bytes, size, &graph) != YT_OK)
            fail_msg("%s: %s", path, yt_error());
        assert_int_equal(parameters(graph), rows[i].parameters);
        assert_int_equal(graph->nc, 80);
        assert_int_equal(graph->na, 3);
        assert_int_equal(graph->h, 640);
        assert_int_equal(graph->w, 640);
        assert_string_equal(graph->classes[79], "toothbrush");
        assert_int_equal(graph->head_count, 3);
        for (int32_t k = 0; k < 3; ++k) {
            assert_int_equal(graph->heads[k].stride, 8 << k);
            for (int32_t a = 0; a < 6; ++a)
                assert_float_equal(graph->heads[k].anchors[a / 2][a % 2],
                                   anchors[k][a / 2][a % 2], 1e-4);
        }
        assert_string_equal(graph->nodes[7].name, "model.2.m.0.cv1");
        yt_graph_destroy(graph);
        free(bytes);
    }
    if (!found)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_form),
        cmocka_unit_test(takes_size_and_batch_of_the_file),
        cmocka_unit_test(recovers_anchors_and_names),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(refuses_truncated_files),
        cmocka_unit_test(survives_flipped_bytes),
        cmocka_unit_test(bounds_memory_by_file_size),
        cmocka_unit_test(corpus_is_harmless),
        cmocka_unit_test(normalises_names),
        cmocka_unit_test(parses_names),
        cmocka_unit_test(parses_numbers),
        cmocka_unit_test(reads_halves),
        cmocka_unit_test(reads_real_exports),
    };
    return cmocka_run_group_tests_name("import_onnx", tests, NULL, NULL);
}
