/* A checkpoint from its first byte to a checked graph:
 *
 *  archive -> pickle -> {"ema" or "model"} -> model.model's modules -> nodes
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/pt_modules.h"
#include "runtime/fail.h"

#define MODULES_MAX    1024 /* yolov5x6 has 34 */
#define NAME_MAX_BYTES 256

/* What a model may have been saved inside of, and what it is called there. */
static const struct {
    const char *class_name, *child;
} wrappers[] = {
    {"torch.nn.parallel.data_parallel.DataParallel", "module"},
    {"torch.nn.parallel.distributed.DistributedDataParallel", "module"},
    {"models.common.AutoShape", "model"},
    {"models.common.autoShape", "model"},
    {"models.common.DetectMultiBackend", "model"},
};
#define WRAPPERS ((int)(sizeof wrappers / sizeof wrappers[0]))

/* One wrapper less; the model itself when there is none. */
static const struct yt_pickle_value *unwrap(const struct yt_pickle_value *model)
{
    for (int i = 0; i < WRAPPERS; i++)
        if (yt_pickle_is_global(yt_pickle_class(model), wrappers[i].class_name))
            return yt_pt_child(model, wrappers[i].child);
    return model;
}

/* YOLOv5 runs the averaged weights when a checkpoint has both. */
static enum yt_status find_model(const struct yt_pickle_value *root,
                                 const struct yt_pickle_value **model_out)
{
    char text[96];
    const struct yt_pickle_value *model = yt_pickle_get(root, "ema");
    if (!model || model->kind == YT_PICKLE_NONE)
        model = yt_pickle_get(root, "model");
    if (!model && yt_pt_children(root))
        model = root;
    YT_FAIL_IF(!model, YT_UNSUPPORTED,
               "the checkpoint has no \"model\": a YOLOv5 one is a dict that "
               "holds its whole module tree, this is %s",
               yt_pickle_describe(root, text));
    YT_FAIL_IF(!yt_pt_children(model), YT_UNSUPPORTED,
               "the checkpoint's \"model\" is %s, not a module tree; weights "
               "alone do not tell the network",
               yt_pickle_describe(model, text));
    /* Each kind can be inside one of each other kind. */
    for (int i = 0; i < WRAPPERS && model; i++)
        model = unwrap(model);
    YT_FAIL_IF(!model, YT_BAD_INPUT,
               "the checkpoint's model is a wrapper without a model");
    *model_out = model;
    return YT_OK;
}

/* models/yolo.py: f is where a module reads from: -1 is the module before it,
 * other numbers count from the first. */
static enum yt_status find_input(const struct yt_pickle_value *from,
                                 const struct yt_pt_path *path, int32_t number,
                                 const int32_t *outputs, int32_t *node_out)
{
    int64_t f = 0;
    YT_FAIL_IF(!yt_pickle_int(from, &f), YT_BAD_INPUT,
               "%s: its input is not a number", path->text);
    if (number == 0 && f == -1) {
        *node_out = 0;
        return YT_OK;
    }
    const int64_t source = f < 0 ? number + f : f;
    YT_FAIL_IF(source < 0 || source >= number, YT_BAD_INPUT,
               "%s: reads from module %lld", path->text, (long long)f);
    *node_out = outputs[source];
    return YT_OK;
}

static enum yt_status find_inputs(const struct yt_pickle_value *module,
                                  const struct yt_pt_path *path, int32_t number,
                                  const int32_t *outputs, int32_t *inputs,
                                  int32_t *count_out)
{
    const struct yt_pickle_value *from = yt_pickle_attr(module, "f");
    if (!from ||
        (from->kind != YT_PICKLE_LIST && from->kind != YT_PICKLE_TUPLE)) {
        *count_out = 1;
        return find_input(from, path, number, outputs, inputs);
    }
    YT_FAIL_IF(from->count < 1 || from->count > YT_NODE_INPUTS_MAX,
               YT_UNSUPPORTED, "%s: %zu inputs; 1 to %d are possible",
               path->text, from->count, YT_NODE_INPUTS_MAX);
    for (size_t i = 0; i < from->count; i++)
        YT_TRY(find_input(from->items[i], path, number, outputs, &inputs[i]));
    *count_out = (int32_t)from->count;
    return YT_OK;
}

static enum yt_status emit_modules(struct yt_pt_reader *r,
                                   const struct yt_pickle_value *model,
                                   int32_t *nc_out)
{
    const struct yt_pt_path root = {"model"};
    const struct yt_pickle_value *list = yt_pt_child(model, "model");
    YT_TRY(yt_pt_expect(list, "torch.nn.modules.container.Sequential", &root));
    const struct yt_pickle_value *modules = yt_pt_children(list);
    const size_t count = modules ? modules->count / 2 : 0;
    YT_FAIL_IF(count < 1 || count > MODULES_MAX, YT_BAD_INPUT,
               "model: %zu modules; 1 to %d are possible", count, MODULES_MAX);

    int32_t outputs[MODULES_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct yt_pickle_value *module = modules->items[2 * i + 1];
        const int32_t number = (int32_t)i;
        const struct yt_pt_path path = yt_pt_path_index(&root, number);
        int32_t inputs[YT_NODE_INPUTS_MAX] = {0};
        int32_t input_count = 0;
        YT_TRY(
            find_inputs(module, &path, number, outputs, inputs, &input_count));
        if (i + 1 == count && yt_pt_is(module, "Detect"))
            return yt_pt_detect(r, module, inputs, input_count, &path, nc_out);
        YT_TRY(
            yt_pt_module(r, module, inputs, input_count, &path, &outputs[i]));
    }
    return yt_fail(YT_UNSUPPORTED,
                   "model.%zu: the last module is not Detect: not a detector",
                   count - 1);
}

static enum yt_status copy_name(const struct yt_pickle_value *value, int32_t i,
                                char *name)
{
    if (value && value->kind == YT_PICKLE_INT) {
        snprintf(name, NAME_MAX_BYTES, "%lld", (long long)value->integer);
        return YT_OK;
    }
    YT_FAIL_IF(!value || value->kind != YT_PICKLE_STRING ||
                   value->length >= NAME_MAX_BYTES ||
                   memchr(value->text, 0, value->length),
               YT_BAD_INPUT,
               "the name of class %d is not text of up to %d bytes", i,
               NAME_MAX_BYTES - 1);
    memcpy(name, value->text, value->length);
    name[value->length] = 0;
    return YT_OK;
}

/* names: a list (v6), or a dict from number to name (v7). A class that it does
 * not mention is numbered. */
static enum yt_status gather_names(const struct yt_pickle_value *names,
                                   int32_t nc, char (*table)[NAME_MAX_BYTES])
{
    for (int32_t i = 0; i < nc; i++)
        snprintf(table[i], NAME_MAX_BYTES, "class%d", i);
    if (names && names->kind == YT_PICKLE_LIST)
        for (int32_t i = 0; i < nc && (size_t)i < names->count; i++)
            YT_TRY(copy_name(names->items[i], i, table[i]));
    if (names && names->kind == YT_PICKLE_DICT)
        for (size_t i = 0; i < names->count / 2; i++) {
            int64_t number = -1;
            if (yt_pickle_int(names->items[2 * i], &number) && number >= 0 &&
                number < nc)
                YT_TRY(copy_name(names->items[2 * i + 1], (int32_t)number,
                                 table[number]));
        }
    return YT_OK;
}

static enum yt_status set_names(struct yt_graph *graph,
                                const struct yt_pickle_value *names, int32_t nc)
{
    char(*table)[NAME_MAX_BYTES] = malloc((size_t)nc * sizeof *table);
    const char **list = malloc((size_t)nc * sizeof *list);
    enum yt_status status;
    YT_FAIL_IF_GOTO(!table || !list, YT_NO_MEMORY, "no memory for %d names",
                    nc);
    YT_TRY_GOTO(gather_names(names, nc, table));
    for (int32_t i = 0; i < nc; i++)
        list[i] = table[i];
    status = yt_graph_set_classes(graph, nc, list);
done:
    free(table);
    free(list);
    return status;
}

static enum yt_status build(struct yt_archive *archive,
                            const struct yt_pickle *pickle,
                            struct yt_graph *graph)
{
    struct yt_pt_reader reader = {.archive = archive, .graph = graph};
    const struct yt_pickle_value *model = NULL;
    int32_t nc = 1;
    YT_TRY(find_model(yt_pickle_root(pickle), &model));
    YT_TRY(emit_modules(&reader, model, &nc));
    YT_TRY(set_names(graph, yt_pickle_attr(model, "names"), nc));
    snprintf(graph->format, sizeof graph->format, "pt");
    return yt_graph_check(graph);
}

enum yt_status yt_import_pt(const void *bytes, size_t size,
                            struct yt_graph **graph_out)
{
    struct yt_archive *archive = NULL;
    struct yt_pickle *pickle = NULL;
    struct yt_graph *graph = NULL;
    void *text = NULL;
    size_t text_size = 0;
    enum yt_status status;
    YT_TRY_GOTO(yt_archive_open(bytes, size, &archive));
    YT_TRY_GOTO(yt_archive_read_pickle(archive, &text, &text_size));
    YT_TRY_GOTO(yt_pickle_read(text, text_size, &pickle));
    YT_TRY_GOTO(yt_archive_index(archive, pickle));
    YT_TRY_GOTO(yt_graph_create(&graph));
    YT_TRY_GOTO(build(archive, pickle, graph));
    *graph_out = graph;
    graph = NULL;
done:
    yt_graph_destroy(graph);
    yt_pickle_destroy(pickle);
    free(text);
    yt_archive_close(archive);
    return status;
}
