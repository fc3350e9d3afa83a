/* See manifest.h. Two exports of one plan get the same bytes: there is no date
 * and no path in it. */

#include "export/manifest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* jansson takes UTF-8 only; a model's class names may be anything. */
static json_t *text(const char *bytes)
{
    if (!bytes)
        bytes = "";
    json_t *string = json_string(bytes);
    if (string)
        return string;
    char *ascii = strdup(bytes);
    if (!ascii)
        return NULL;
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    string = json_string(ascii);
    free(ascii);
    return string;
}

static json_t *layer(const struct yt_step *step,
                     const struct yt_export_kernel *kernel)
{
    char problem[YT_PROBLEM_NAME_MAX];
    yt_problem_name(&step->problem, problem);
    return json_pack("{s:o, s:s, s:s, s:s, s:I}", "name", text(step->name),
                     "problem", problem, "schedule", step->schedule, "symbol",
                     kernel->symbol, "tasks", (json_int_t)step->tasks);
}

static json_t *layers(const struct yt_export_input *in)
{
    const struct yt_plan *plan = in->plan;
    json_t *list = json_array();
    int bad =
        json_array_append_new(list, layer(&plan->letterbox, &in->letterbox));
    for (int32_t i = 0; i < plan->step_count; i++)
        bad |=
            json_array_append_new(list, layer(&plan->steps[i], &in->steps[i]));
    for (int32_t i = 0; i < plan->level_count; i++)
        bad |= json_array_append_new(
            list, layer(&plan->levels[i].decode, &in->decode[i]));
    for (int32_t i = 0; i < plan->nms_count; i++)
        bad |= json_array_append_new(list, layer(&plan->nms[i], &in->nms[i]));
    if (!bad)
        return list;
    json_decref(list);
    return NULL;
}

static void add_kernel(json_t *kernels, const struct yt_export_kernel *k)
{
    if (!k->object || json_object_get(kernels, k->symbol))
        return;
    json_object_set_new(kernels, k->symbol,
                        json_pack("{s:I, s:I}", "code_bytes",
                                  (json_int_t)k->object->code_bytes,
                                  "object_bytes", (json_int_t)k->object->size));
}

/* Generated kernels by symbol; the runtime's own are not listed. */
static json_t *kernels(const struct yt_export_input *in)
{
    json_t *list = json_object();
    if (!list)
        return NULL;
    add_kernel(list, &in->letterbox);
    for (int32_t i = 0; i < in->plan->step_count; i++)
        add_kernel(list, &in->steps[i]);
    for (int32_t i = 0; i < in->plan->level_count; i++)
        add_kernel(list, &in->decode[i]);
    for (int32_t i = 0; i < in->plan->nms_count; i++)
        add_kernel(list, &in->nms[i]);
    return list;
}

static json_t *class_names(const struct yt_plan *plan)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < plan->nc; i++)
        if (json_array_append_new(list, text(plan->classes[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* "int8-HASH": the word, and which quantisation that is. */
static void add_precision(json_t *root, const char *precision)
{
    const char *name = precision ? precision : "f32";
    const char *dash = strchr(name, '-');
    const size_t length = dash ? (size_t)(dash - name) : strlen(name);
    json_object_set_new(root, "precision", json_stringn(name, length));
    if (dash)
        json_object_set_new(root, "quantisation", text(dash + 1));
}

enum yt_status yt_export_manifest(const struct yt_export_input *in,
                                  const struct yt_manifest_facts *facts,
                                  char **text_out)
{
    const struct yt_plan *plan = in->plan;
    json_t *root = json_pack(
        "{s:i, s:s, s:{s:o, s:o, s:o}, s:{s:i, s:i}, s:o, s:s, s:i,"
        " s:{s:o, s:o, s:o, s:o},"
        " s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o}",
        "format", 1, "name", facts->name, "model", "name", text(plan->model),
        "format", text(in->model_format), "hash", text(in->model_hash), "input",
        "width", plan->w, "height", plan->h, "classes", class_names(plan),
        "isa", plan->isa->name, "threads", plan->threads, "built_with",
        "yolotune", text(facts->version), "llvm", text(in->llvm_version),
        "generator", text(in->generator_version), "compiler",
        text(facts->compiler), "bytes", "archive",
        (json_int_t)facts->archive_bytes, "shared",
        (json_int_t)facts->shared_bytes, "constants",
        (json_int_t)plan->blob_bytes, "arena", (json_int_t)plan->arena_bytes,
        "scratch_per_thread", (json_int_t)plan->scratch_bytes, "layers",
        layers(in), "kernels", kernels(in));
    if (root)
        add_precision(root, in->precision);
    char *document = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    const size_t length = document ? strlen(document) : 0;
    char *line = document ? realloc(document, length + 2) : NULL;
    if (!line) {
        free(document);
        return yt_fail(YT_NO_MEMORY, "out of memory for manifest.json");
    }
    memcpy(line + length, "\n", 2);
    *text_out = line;
    return YT_OK;
}
