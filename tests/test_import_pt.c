/* Checkpoints in: good ones give the graph they hold, bad ones a sentence. The
 * files come from tests/data/make_pt.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fuzz/pt_one.h"
#include "model/graph.h"

#define PATH_MAX_BYTES 1024
#define OWNED          "yolotune-owned" /* what the hostile files would create */

static const char *source_path(char path[PATH_MAX_BYTES], const char *folder,
                               const char *name)
{
    const char *source = getenv("YT_SOURCE_DIR");
    snprintf(path, PATH_MAX_BYTES, "%s/%s/%s", source ? source : ".", folder,
             name);
    return path;
}

static struct yt_graph *import_good(const char *name)
{
    char path[PATH_MAX_BYTES];
    struct yt_graph *graph = NULL;
    if (yt_model_import(source_path(path, "tests/data/pt", name), &graph) !=
        YT_OK)
        fail_msg("%s", yt_error());
    assert_int_equal(yt_graph_check(graph), YT_OK);
    return graph;
}

static size_t filter_elems(const struct yt_graph *graph,
                           const struct yt_node *node)
{
    return (size_t)graph->nodes[node->inputs[0]].c *
           (size_t)(node->r * node->r);
}

static uint64_t count_parameters(const struct yt_graph *graph)
{
    uint64_t total = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind == YT_NODE_CONV)
            total += (uint64_t)node->c * (1 + filter_elems(graph, node));
    }
    return total;
}

static void assert_same_layers(const struct yt_graph *a,
                               const struct yt_graph *b)
{
    assert_int_equal(a->node_count, b->node_count);
    for (int32_t i = 0; i < a->node_count; i++) {
        const struct yt_node *x = &a->nodes[i], *y = &b->nodes[i];
        assert_int_equal(x->kind, y->kind);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->c, y->c);
        assert_int_equal(x->r, y->r);
        assert_int_equal(x->stride, y->stride);
        assert_int_equal(x->pad, y->pad);
        assert_int_equal(x->input_count, y->input_count);
        assert_memory_equal(x->inputs, y->inputs, sizeof x->inputs);
    }
    assert_int_equal(a->head_count, b->head_count);
    assert_int_equal(a->na, b->na);
    assert_int_equal(a->nc, b->nc);
    for (int32_t i = 0; i < a->head_count; i++) {
        assert_int_equal(a->heads[i].node, b->heads[i].node);
        assert_int_equal(a->heads[i].stride, b->heads[i].stride);
        for (int32_t k = 0; k < 2 * a->na; k++)
            assert_true(a->heads[i].anchors[k / 2][k % 2] ==
                        b->heads[i].anchors[k / 2][k % 2]);
    }
}

static void assert_same_weights(const struct yt_graph *a,
                                const struct yt_graph *b)
{
    for (int32_t i = 0; i < a->node_count; i++) {
        const struct yt_node *node = &a->nodes[i];
        if (node->kind != YT_NODE_CONV)
            continue;
        const size_t c = (size_t)node->c;
        assert_memory_equal(node->weights, b->nodes[i].weights,
                            c * filter_elems(a, node) * sizeof(float));
        assert_memory_equal(node->bias, b->nodes[i].bias, c * sizeof(float));
    }
}

static const char *const tiny_names[] = {
    "images",
    "model.0",
    "model.0.act",
    "model.1",
    "model.1.act",
    "model.2.cv1",
    "model.2.cv1.act",
    "model.2.m.0.cv1",
    "model.2.m.0.cv1.act",
    "model.2.m.0.cv2",
    "model.2.m.0.cv2.act",
    "model.2.m.0.add",
    "model.2.cv2",
    "model.2.cv2.act",
    "model.2.concat",
    "model.2.cv3",
    "model.2.cv3.act",
    "model.3",
    "model.3.act",
    "model.4.cv1",
    "model.4.cv1.act",
    "model.4.m.0",
    "model.4.m.1",
    "model.4.m.2",
    "model.4.concat",
    "model.4.cv2",
    "model.4.cv2.act",
    "model.5",
    "model.5.act",
    "model.6",
    "model.7",
    "model.8.cv1",
    "model.8.cv1.act",
    "model.8.m.0.cv1",
    "model.8.m.0.cv1.act",
    "model.8.m.0.cv2",
    "model.8.m.0.cv2.act",
    "model.8.cv2",
    "model.8.cv2.act",
    "model.8.concat",
    "model.8.cv3",
    "model.8.cv3.act",
    "model.9.m.0",
    "model.9.m.1",
};

static void modules_become_nodes(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("tiny.pt");
    assert_int_equal(graph->node_count,
                     sizeof tiny_names / sizeof tiny_names[0]);
    for (int32_t i = 0; i < graph->node_count; i++)
        assert_string_equal(graph->nodes[i].name, tiny_names[i]);
    assert_int_equal(graph->nodes[11].kind, YT_NODE_ADD);
    assert_int_equal(graph->nodes[11].inputs[0], 6);
    assert_int_equal(graph->nodes[11].inputs[1], 10);
    assert_int_equal(graph->nodes[22].kind, YT_NODE_MAXPOOL);
    assert_int_equal(graph->nodes[22].inputs[0], 21);
    assert_int_equal(graph->nodes[30].inputs[0], 29);
    assert_int_equal(graph->nodes[30].inputs[1], 16);
    assert_int_equal(graph->heads[0].node, 42);
    assert_int_equal(graph->nodes[42].inputs[0], 41);
    assert_int_equal(graph->nodes[43].inputs[0], 28);
    assert_int_equal(graph->heads[0].stride, 4);
    assert_int_equal(graph->heads[1].stride, 8);
    /* In cells: 1, 1.25, 1.5, ... */
    assert_true(graph->heads[0].anchors[1][0] == 1.5f * 4);
    assert_true(graph->heads[1].anchors[0][1] == 2.25f * 8);
    assert_int_equal(graph->na, 2);
    assert_int_equal(graph->nc, 2);
    assert_string_equal(graph->classes[1], "dog");
    assert_string_equal(graph->name, "tiny");
    assert_string_equal(graph->format, "pt");
    assert_int_equal(strlen(graph->hash), 32);
    yt_graph_destroy(graph);
}

/* The same numbers in f16 with BN, in f32 folded by the script, and in bf16 in
 * a deflated zip with protocol 4 behind a model that could not run. */
static void forms_agree(void **state)
{
    (void)state;
    struct yt_graph *plain = import_good("tiny.pt");
    struct yt_graph *fused = import_good("fused_f32.pt");
    struct yt_graph *ema = import_good("ema_bf16_deflated.pt");
    assert_same_layers(plain, fused);
    assert_same_layers(plain, ema);
    assert_same_weights(plain, fused);
    assert_same_weights(plain, ema);
    assert_string_equal(fused->classes[1], "d\xc3\xb6g");
    assert_string_equal(ema->classes[0], "cat");
    assert_string_not_equal(plain->hash, ema->hash);
    yt_graph_destroy(plain);
    yt_graph_destroy(fused);
    yt_graph_destroy(ema);
}

static void four_levels_and_spp(void **state)
{
    (void)state;
    struct yt_graph *graph = import_good("p6.pt");
    struct yt_graph *steps = import_good("p6_f64_channels_last.pt");
    assert_int_equal(graph->head_count, 4);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(graph->heads[i].stride, 8 << i);
    assert_int_equal(yt_graph_max_stride(graph), 64);
    int32_t pools = 0;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct yt_node *node = &graph->nodes[i];
        if (node->kind != YT_NODE_MAXPOOL)
            continue;
        /* 5, 9 and 13 are 5 once, twice and three times. */
        static const char *const from[] = {"model.6.cv1.act", "model.6.m.0",
                                           "model.6.m.1"};
        assert_true(node->r == 5 && pools < 3);
        assert_string_equal(graph->nodes[node->inputs[0]].name, from[pools++]);
    }
    assert_int_equal(pools, 3);
    assert_same_layers(graph, steps);
    assert_same_weights(graph, steps);
    yt_graph_destroy(graph);
    yt_graph_destroy(steps);
}

static const struct {
    const char *file;
    enum yt_status status;
    const char *says;
} bad[] = {
    /* modules */
    {"c3tr", YT_UNSUPPORTED, "models.common.C3TR"},
    {"c2psa", YT_UNSUPPORTED, "block.C2PSA does not run here: it contains"},
    {"segment", YT_UNSUPPORTED, "models.yolo.Segment"},
    {"no_detect", YT_UNSUPPORTED, "the last module is not Detect"},
    {"gelu", YT_UNSUPPORTED, "activation.GELU"},
    {"slope", YT_UNSUPPORTED, "a LeakyReLU of slope 1.5"},
    {"csp_norm", YT_BAD_INPUT, "BatchNorm2d is missing"},
    {"csp", YT_BAD_INPUT, "model.1.cv3: 3 channels beside 2"},
    {"groups", YT_BAD_INPUT, "3 channels to 2 in 3 groups"},
    {"dilation", YT_UNSUPPORTED, "dilation 2"},
    {"stride", YT_UNSUPPORTED, "stride 1 by 2"},
    {"padding_same", YT_BAD_INPUT, "padding must be two numbers, is text"},
    {"channels", YT_BAD_INPUT, "filters of 4 channels for an input of 3"},
    {"from", YT_BAD_INPUT, "reads from module 7"},
    {"from_self", YT_BAD_INPUT, "reads from module 0"},
    {"upsample", YT_UNSUPPORTED, "nearest"},
    {"pool", YT_UNSUPPORTED, "max-pool of window 4"},
    {"cycle", YT_BAD_INPUT, "within each other"},
    {"deep_modules", YT_BAD_INPUT, "within each other"},
    {"wide_modules", YT_BAD_INPUT, "more than 16384 nodes"},
    {"no_modules", YT_BAD_INPUT, "0 modules"},
    {"model_in_model", YT_UNSUPPORTED, "is models.yolo.Model, must be"},
    /* Detect */
    {"nc", YT_BAD_INPUT, "1 anchors of 5 + 7 need 12"},
    {"level_count", YT_BAD_INPUT, "3 levels, 1 inputs"},
    {"levels_many", YT_BAD_INPUT, "nl is 1099511627776"},
    {"anchor_count", YT_BAD_INPUT, "na is -1"},
    {"anchor", YT_BAD_INPUT, "measures -2 pixels"},
    {"stride_claim", YT_BAD_INPUT, "claims stride 4"},
    {"stride_nan", YT_BAD_INPUT, "stride nan"},
    {"name_escape", YT_BAD_INPUT, "not printable"},
    {"name_kind", YT_BAD_INPUT, "the name of class 0"},
    /* tensors */
    {"shape_huge", YT_BAD_INPUT, "1099511627776 elements"},
    {"shape_overflow", YT_BAD_INPUT, "2147483648 elements"},
    {"shape_expanded", YT_BAD_INPUT, "3981312 elements in a storage of 54"},
    {"shape_negative", YT_BAD_INPUT, "dimension 0 of -2"},
    {"shape_zero", YT_BAD_INPUT, "dimension 0 of 0"},
    {"shape_oblong", YT_UNSUPPORTED, "not square"},
    {"rank", YT_UNSUPPORTED, "not square in two dimensions"},
    {"rank_many", YT_BAD_INPUT, "50 dimensions"},
    {"step_negative", YT_BAD_INPUT, "steps of -27"},
    {"step_huge", YT_BAD_INPUT, "leaves its storage"},
    {"offset", YT_BAD_INPUT, "leaves its storage of 54"},
    {"offset_negative", YT_BAD_INPUT, "element -1 of 54"},
    {"storage_short", YT_BAD_INPUT, "has 100 bytes, its tensor claims 108"},
    {"storage_long", YT_BAD_INPUT, "has 110 bytes, its tensor claims 108"},
    {"storage_huge", YT_BAD_INPUT, "a storage of 4611686018427387904"},
    {"storage_negative", YT_BAD_INPUT, "a storage of -54"},
    {"storage_missing", YT_BAD_INPUT, "no entry archive/data/0"},
    {"storage_i64", YT_UNSUPPORTED, "torch.LongStorage"},
    {"infinite", YT_BAD_INPUT, "model.0: weight 0 is not finite"},
    {"tensor_call", YT_BAD_INPUT, "must be a tensor, is torch.load"},
    {"no_weight", YT_BAD_INPUT, "must be a tensor, is nothing"},
    {"variance", YT_BAD_INPUT, "a variance of -0.999"},
    {"bn_size", YT_BAD_INPUT, "3 values for 2 channels"},
    /* pickles */
    {"opcode", YT_BAD_INPUT, "byte 3: opcode 0xff"},
    {"opcode_inst", YT_BAD_INPUT, "byte 3: opcode 0x69"},
    {"protocol", YT_BAD_INPUT, "protocol 99"},
    {"no_stop", YT_BAD_INPUT, "without a STOP"},
    {"empty_pickle", YT_BAD_INPUT, "after 0 bytes"},
    {"stop_early", YT_BAD_INPUT, "0 values at its STOP"},
    {"stop_late", YT_BAD_INPUT, "2 values at its STOP"},
    {"mark", YT_BAD_INPUT, "without a mark"},
    {"underflow", YT_BAD_INPUT, "needs 2 values"},
    {"odd_items", YT_BAD_INPUT, "a key without its value"},
    {"append", YT_BAD_INPUT, "another kind"},
    {"memo", YT_BAD_INPUT, "memo entry 9 was never set"},
    {"memo_huge", YT_BAD_INPUT, "memo entry 4294967295"},
    {"text", YT_BAD_INPUT, "ends inside the opcode at byte 2"},
    {"text8", YT_BAD_INPUT, "ends inside the opcode at byte 2"},
    {"long4", YT_BAD_INPUT, "ends inside the opcode at byte 2"},
    {"global", YT_BAD_INPUT, "ends inside the opcode at byte 2"},
    {"global_long", YT_BAD_INPUT, "more than 512 characters"},
    {"global_number", YT_BAD_INPUT, "not text"},
    {"build", YT_BAD_INPUT, "no object"},
    {"args", YT_BAD_INPUT, "not a tuple"},
    {"root", YT_UNSUPPORTED, "this is an int"},
    {"state_dict", YT_UNSUPPORTED, "collections.OrderedDict"},
    {"os_system", YT_UNSUPPORTED, "this is os.system"},
    {"list_in_itself", YT_UNSUPPORTED, "this is a list"},
    {"deep", YT_UNSUPPORTED, "this is a list"},
    {"laughs", YT_UNSUPPORTED, "this is a list"},
    {"marks", YT_BAD_INPUT, "more than 1048576 marks"},
    {"values", YT_BAD_INPUT, "more than 256 MiB"},
    {"stack", YT_BAD_INPUT, "more than 1048576 values"},
    /* archives */
    {"no_pickle", YT_BAD_INPUT, "no data.pkl"},
    {"script", YT_UNSUPPORTED, "TorchScript"},
    {"big_endian", YT_UNSUPPORTED, "little-endian"},
    {"bare_pickle", YT_UNSUPPORTED, "a pickle that torch.save() did not write"},
    {"claim_bomb", YT_BAD_INPUT, "claims to unfold 1459 bytes to 4026531840"},
    {"claim_less", YT_BAD_INPUT, "holds more than the 2395 bytes"},
    {"claim_more", YT_BAD_INPUT, "ends after 2495 of 2595 bytes"},
    {"bomb", YT_BAD_INPUT, "68157440 bytes; at most 67108864"},
    {"checksum", YT_BAD_INPUT, "data.pkl is damaged"},
    {"method", YT_UNSUPPORTED, "method 12"},
};

static void bad_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[PATH_MAX_BYTES], name[64];
        struct yt_graph *graph = NULL;
        snprintf(name, sizeof name, "bad_%s.pt", bad[i].file);
        source_path(path, "tests/data/pt", name);
        const enum yt_status status = yt_model_import(path, &graph);
        if (status != bad[i].status || !strstr(yt_error(), bad[i].says) ||
            !strstr(yt_error(), name))
            fail_msg("%s: %s: \"%s\" does not say \"%s\"", name,
                     yt_status_name(status), yt_error(), bad[i].says);
        assert_null(graph);
    }
}

/* No file may lie about unseen: each bad_*.pt has its row. */
static void every_bad_file_has_a_row(void **state)
{
    (void)state;
    char path[PATH_MAX_BYTES];
    size_t files = 0;
    DIR *folder = opendir(source_path(path, "tests/data", "pt"));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        files += strncmp(entry->d_name, "bad_", 4) == 0;
    closedir(folder);
    assert_int_equal(files, sizeof bad / sizeof bad[0]);
}

static void nothing_is_executed(void **state)
{
    (void)state;
    assert_int_not_equal(access(OWNED, F_OK), 0);
    struct yt_graph *graph = import_good("inert_call.pt");
    assert_int_not_equal(access(OWNED, F_OK), 0);
    yt_graph_destroy(graph);
}

static uint8_t *read_bytes(const char *folder, const char *name,
                           size_t *size_out)
{
    char path[PATH_MAX_BYTES];
    FILE *file = fopen(source_path(path, folder, name), "rb");
    if (!file)
        fail_msg("%s is missing", path);
    struct stat stat;
    assert_int_equal(fstat(fileno(file), &stat), 0);
    *size_out = (size_t)stat.st_size;
    uint8_t *bytes = malloc(*size_out + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size_out, file), *size_out);
    fclose(file);
    return bytes;
}

/* An exact copy, so that AddressSanitizer sees a read past its end. */
static enum yt_status import_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    const enum yt_status status = pt_one(copy, size);
    free(copy);
    return status;
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t *bytes = read_bytes("tests/data/pt", "micro.pt", &size);
    assert_int_equal(import_copy(bytes, size), YT_OK);
    for (size_t cut = 1; cut < size; cut++)
        assert_int_equal(import_copy(bytes, cut), YT_BAD_INPUT);
    free(bytes);
}

/* Damage inside the pickle, past the zip's checksum. Much of it does not
 * matter to the model, so a good end is as fine as a refusal. */
static void corrupted_pickles_end_well(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0xff, ')', 'h', '.'};
    size_t size = 0;
    uint8_t *bytes = read_bytes("fuzz/corpus/pt", "micro_2.pkl", &size);
    size_t refused = 0;
    assert_int_equal(import_copy(bytes, size), YT_OK);
    for (size_t at = 0; at < size; at++) {
        const uint8_t kept = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] = values[i];
            const enum yt_status status = import_copy(bytes, size);
            assert_true(status == YT_OK || strlen(yt_error()) > 0);
            refused += status != YT_OK;
        }
        bytes[at] = kept;
    }
    assert_true(refused > size); /* most of it is noticed */
    free(bytes);
}

static void corpus_ends_well(void **state)
{
    (void)state;
    char path[PATH_MAX_BYTES];
    size_t files = 0;
    DIR *folder = opendir(source_path(path, "fuzz/corpus", "pt"));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size = 0;
        uint8_t *bytes = read_bytes("fuzz/corpus/pt", entry->d_name, &size);
        const enum yt_status status = import_copy(bytes, size);
        assert_true(status == YT_OK || strlen(yt_error()) > 0);
        if (strstr(entry->d_name, "_2.pkl") || strstr(entry->d_name, "_4.pkl"))
            assert_int_equal(status, YT_OK); /* the seeds as written */
        free(bytes);
        files++;
    }
    closedir(folder);
    assert_true(files >= 9);
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *path, enum yt_status status,
                           const char *says)
{
    struct yt_graph *graph = NULL;
    assert_int_equal(yt_model_import(path, &graph), status);
    if (!strstr(yt_error(), says) || !strstr(yt_error(), path))
        fail_msg("\"%s\" does not say \"%s\"", yt_error(), says);
    assert_null(graph);
}

static void odd_paths_are_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/yt-import-XXXXXX";
    char path[PATH_MAX_BYTES];
    assert_non_null(mkdtemp(folder));
    assert_refused(folder, YT_BAD_INPUT, "is a directory");
    snprintf(path, sizeof path, "%s/no.pt", folder);
    assert_refused(path, YT_NOT_FOUND, "No such file");

    snprintf(path, sizeof path, "%s/empty.pt", folder);
    write_file(path, "", 0);
    assert_refused(path, YT_BAD_INPUT, "is empty");
    write_file(path, "P", 1);
    assert_refused(path, YT_BAD_INPUT, "neither a PyTorch");
    write_file(path, "version https://git-lfs", 23);
    assert_refused(path, YT_BAD_INPUT, "neither a PyTorch");
    write_file(path, "PK\3\4", 4);
    assert_refused(path, YT_BAD_INPUT, "zip archive is damaged");
    write_file(path, "\x80\x02.", 3);
    assert_refused(path, YT_UNSUPPORTED, "torch.save() did not write");
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() != 0) /* root may read everything */
        assert_refused(path, YT_IO, "Permission denied");
    unlink(path);

    snprintf(path, sizeof path, "%s/pipe.pt", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, YT_BAD_INPUT, "not a regular file");
    unlink(path);
    rmdir(folder);
}

static void names_come_from_the_path(void **state)
{
    (void)state;
    static const struct {
        const char *file, *name;
    } rows[] = {
        {"a.b.pt", "a.b"},
        {"noext", "noext"},
        {".hidden", ".hidden"},
        {"tab\t\xff.pt", "tab__"},
        {"an-name-of-more-than-sixty-three-characters-is-cut-where-it-has-to."
         "pt",
         "an-name-of-more-than-sixty-three-characters-is-cut-where-it-has"},
    };
    char folder[] = "/tmp/yt-import-XXXXXX";
    size_t size = 0;
    uint8_t *bytes = read_bytes("tests/data/pt", "micro.pt", &size);
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[PATH_MAX_BYTES];
        struct yt_graph *graph = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, rows[i].file);
        write_file(path, (const char *)bytes, size);
        assert_int_equal(yt_model_import(path, &graph), YT_OK);
        assert_string_equal(graph->name, rows[i].name);
        /* As xxhsum -H2 prints it: the content's, not the name's. */
        assert_string_equal(graph->hash, "e42a4979f53245899633489d286561ad");
        yt_graph_destroy(graph);
        unlink(path);
    }
    rmdir(folder);
    free(bytes);
}

static const struct {
    const char *size;
    uint64_t parameters;
} official[] = {{"n", 1867405}, {"s", 7225885}};

static void official_files_are_read(void **state)
{
    (void)state;
    size_t found = 0;
    for (size_t i = 0; i < sizeof official / sizeof official[0]; i++) {
        char path[PATH_MAX_BYTES], name[64];
        const char *data = getenv("YOLOTUNE_TEST_DATA");
        snprintf(name, sizeof name, "weights/yolov5%s.pt", official[i].size);
        if (data)
            snprintf(path, sizeof path, "%s/%s", data, name);
        else
            source_path(path, "../shared/data", name);
        if (access(path, R_OK) != 0) {
            print_message("skipped: %s is absent\n", path);
            continue;
        }
        found++;
        struct yt_graph *graph = NULL, *builtin = NULL;
        if (yt_model_import(path, &graph) != YT_OK)
            fail_msg("%s", yt_error());
        assert_int_equal(count_parameters(graph), official[i].parameters);
        assert_string_equal(graph->classes[0], "person");
        assert_int_equal(graph->nc, 80);
        /* Layers, heads, strides and anchors are the built-in's. */
        assert_int_equal(yt_graph_builtin(official[i].size, 1, &builtin),
                         YT_OK);
        assert_same_layers(graph, builtin);
        for (int32_t k = 0; k < 80; k++)
            assert_string_equal(graph->classes[k], builtin->classes[k]);
        yt_graph_destroy(graph);
        yt_graph_destroy(builtin);
    }
    if (!found)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_become_nodes),
        cmocka_unit_test(forms_agree),
        cmocka_unit_test(four_levels_and_spp),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(every_bad_file_has_a_row),
        cmocka_unit_test(nothing_is_executed),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(corrupted_pickles_end_well),
        cmocka_unit_test(corpus_ends_well),
        cmocka_unit_test(odd_paths_are_refused),
        cmocka_unit_test(names_come_from_the_path),
        cmocka_unit_test(official_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
