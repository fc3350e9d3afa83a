/* data.yaml, the Ultralytics form: which pictures and which classes. Keys as in
 * YOLOv5's utils/general.py, check_dataset(): path (the folder that the others
 * start from), train, val and test (a folder, a
 * list file, or several of them), names (a list, or a map from numbers), nc. */

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

#define CLASSES_MAX 100000
#define ROOTS_MAX   3

struct reading {
    struct yt_dataset *dataset;
    const char *path;       /* of the file, for sentences */
    char *roots[ROOTS_MAX]; /* what sources are relative to, in this order */
    int root_count;
    yaml_document_t document;
    yaml_node_t *top; /* a mapping */
};

static int line_of(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}

static const char *scalar(const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return NULL;
    /* A zero inside would cut it short unseen. */
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

static yaml_node_t *find_key(struct reading *r, const char *key)
{
    for (yaml_node_pair_t *pair = r->top->data.mapping.pairs.start;
         pair < r->top->data.mapping.pairs.top; pair++) {
        const char *name =
            scalar(yaml_document_get_node(&r->document, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return yaml_document_get_node(&r->document, pair->value);
    }
    return NULL;
}

/* ------------------------------------------------------------- pictures */

/* No file has a longer name, and each "../" of it costs a search. */
static enum yt_status check_length(const struct reading *r,
                                   const yaml_node_t *node)
{
    const size_t length = node->data.scalar.length;
    YT_FAIL_IF(length >= PATH_MAX, YT_BAD_INPUT,
               "%s:%d: a name of %zu bytes: want at most %d", r->path,
               line_of(node), length, PATH_MAX - 1);
    return YT_OK;
}

/* As a shell does: "~/x" lies in the user's folder. malloc'ed. */
static char *expand_home(const char *name)
{
    const char *home = getenv("HOME");
    if (name[0] != '~' || (name[1] != '/' && name[1] != '\0') || !home)
        return strdup(name);
    char *path = NULL;
    return asprintf(&path, "%s%s", home, name + 1) < 0 ? NULL : path;
}

/* One more place to look in, if it is there. */
static enum yt_status add_root(struct reading *r, const char *base,
                               const char *path)
{
    char *joined = yt_path_join(base, path);
    YT_FAIL_IF(joined == NULL, YT_NO_MEMORY, "no memory for the data set");
    char *real = realpath(joined, NULL);
    free(joined);
    if (real != NULL)
        r->roots[r->root_count++] = real;
    return YT_OK;
}

/* YOLOv5 starts from its own folder, where it is run and whose data/ has its
 * files: so "path" is looked for from the file's folder, from the one above,
 * and from here. */
static enum yt_status find_roots(struct reading *r)
{
    enum yt_status status = YT_OK;
    const yaml_node_t *node = find_key(r, "path");
    const char *name = node == NULL ? "." : scalar(node);
    YT_FAIL_IF(name == NULL, YT_BAD_INPUT, "%s:%d: path: want one folder",
               r->path, line_of(node));
    if (node != NULL)
        YT_TRY(check_length(r, node));
    char *path = expand_home(name);
    char *folder = yt_path_folder(r->path);
    char *above = folder == NULL ? NULL : yt_path_join(folder, "..");
    YT_FAIL_IF_GOTO(path == NULL || above == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    YT_TRY_GOTO(add_root(r, folder, path));
    YT_TRY_GOTO(add_root(r, above, path));
    YT_TRY_GOTO(add_root(r, ".", path));
    YT_FAIL_IF_GOTO(r->root_count == 0, YT_NOT_FOUND,
                    "%s: path: %s: not there from this file's folder, from the "
                    "one above or from here",
                    r->path, path);
done:
    free(above);
    free(folder);
    free(path);
    return status;
}

/* Where a source is below a root; NULL: nowhere. As in check_dataset(), what
 * is not there with "../" may be there without. */
static char *find_below(const char *root, const char *name)
{
    static const char up[] = "../";
    for (;;) {
        char *joined = yt_path_join(root, name);
        char *real = joined == NULL ? NULL : realpath(joined, NULL);
        free(joined);
        if (real != NULL || strncmp(name, up, sizeof up - 1) != 0)
            return real;
        name += sizeof up - 1;
    }
}

static enum yt_status add_source(struct reading *r, const yaml_node_t *node)
{
    const char *name = scalar(node);
    YT_FAIL_IF(name == NULL || name[0] == '\0', YT_BAD_INPUT,
               "%s:%d: want the name of a folder or of a list of pictures",
               r->path, line_of(node));
    YT_TRY(check_length(r, node));
    char *path = expand_home(name);
    YT_FAIL_IF(path == NULL, YT_NO_MEMORY, "no memory for the data set");
    char *real = NULL;
    for (int i = 0; i < r->root_count && real == NULL; i++)
        real = find_below(r->roots[i], path);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(real == NULL, YT_NOT_FOUND, "%s:%d: %s: not in %s", r->path,
                    line_of(node), path, r->roots[0]);
    YT_TRY_GOTO(yt_dataset_add_files(r->dataset, real));
done:
    free(path);
    free(real);
    return status;
}

static enum yt_status add_sources(struct reading *r, const char *split)
{
    const yaml_node_t *node = find_key(r, split);
    YT_FAIL_IF(node == NULL, YT_NOT_FOUND, "%s: no '%s' that names pictures",
               r->path, split);
    if (node->type != YAML_SEQUENCE_NODE)
        return add_source(r, node);
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        YT_TRY(add_source(r, yaml_document_get_node(&r->document, *item)));
    return YT_OK;
}

/* -------------------------------------------------------------- classes */

static enum yt_status add_listed_names(struct reading *r,
                                       const yaml_node_t *node)
{
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&r->document, *item);
        const char *name = scalar(entry);
        YT_FAIL_IF(name == NULL, YT_BAD_INPUT,
                   "%s:%d: a class has to have one name", r->path,
                   line_of(entry));
        YT_TRY(yt_dataset_add_class(r->dataset, name, r->dataset->class_count));
    }
    return YT_OK;
}

/* Pairs in any order; numbers have to be 0..n-1. */
static enum yt_status add_mapped_names(struct reading *r,
                                       const yaml_node_t *node)
{
    const ptrdiff_t count =
        node->data.mapping.pairs.top - node->data.mapping.pairs.start;
    YT_FAIL_IF(count > CLASSES_MAX, YT_UNSUPPORTED, "%s:%d: %td classes",
               r->path, line_of(node), count);
    const char **names = calloc((size_t)count + 1, sizeof *names);
    YT_FAIL_IF(names == NULL, YT_NO_MEMORY, "no memory for the data set");
    enum yt_status status = YT_OK;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key =
            yaml_document_get_node(&r->document, pair->key);
        const char *number = scalar(key);
        const char *name =
            scalar(yaml_document_get_node(&r->document, pair->value));
        char *end = NULL;
        const long at = number == NULL ? -1 : strtol(number, &end, 10);
        YT_FAIL_IF_GOTO(number == NULL || end == number || *end != '\0' ||
                            at < 0 || at >= count || names[at] != NULL ||
                            name == NULL,
                        YT_BAD_INPUT,
                        "%s:%d: '%s': %td classes have to be numbered 0 to %td "
                        "and have one name each",
                        r->path, line_of(key), number == NULL ? "?" : number,
                        count, count - 1);
        names[at] = name;
    }
    for (ptrdiff_t i = 0; i < count; i++)
        YT_TRY_GOTO(yt_dataset_add_class(r->dataset, names[i], i));
done:
    free(names);
    return status;
}

/* Without names classes are called class0, class1, ... */
static enum yt_status add_numbered_names(struct reading *r, long count)
{
    for (long i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "class%ld", i);
        YT_TRY(yt_dataset_add_class(r->dataset, name, i));
    }
    return YT_OK;
}

static enum yt_status add_classes(struct reading *r)
{
    const yaml_node_t *node = find_key(r, "names");
    const yaml_node_t *nc = find_key(r, "nc");
    const char *text = scalar(nc);
    char *end = NULL;
    const long count = text == NULL ? -1 : strtol(text, &end, 10);
    YT_FAIL_IF(nc != NULL && (text == NULL || end == text || *end != '\0' ||
                              count < 1 || count > CLASSES_MAX),
               YT_BAD_INPUT, "%s:%d: nc: want a number from 1 to %d", r->path,
               line_of(nc), CLASSES_MAX);
    YT_FAIL_IF(node == NULL && nc == NULL, YT_NOT_FOUND,
               "%s: no 'names' of classes", r->path);
    if (node == NULL)
        return add_numbered_names(r, count);
    YT_FAIL_IF(node->type == YAML_SCALAR_NODE, YT_BAD_INPUT,
               "%s:%d: names: want a list or a map from numbers", r->path,
               line_of(node));
    YT_TRY(node->type == YAML_SEQUENCE_NODE ? add_listed_names(r, node)
                                            : add_mapped_names(r, node));
    YT_FAIL_IF(nc != NULL && count != r->dataset->class_count, YT_BAD_INPUT,
               "%s: nc is %ld, but there are %d names", r->path, count,
               r->dataset->class_count);
    YT_FAIL_IF(r->dataset->class_count == 0, YT_BAD_INPUT,
               "%s:%d: names: no class", r->path, line_of(node));
    return YT_OK;
}

/* -------------------------------------------------------------- reading */

static enum yt_status read_document(struct reading *r, const char *split,
                                    int32_t only_pictures)
{
    r->top = yaml_document_get_root_node(&r->document);
    YT_FAIL_IF(
        r->top == NULL || r->top->type != YAML_MAPPING_NODE, YT_BAD_INPUT,
        "%s: not a data set: want keys such as 'val' and 'names'", r->path);
    YT_TRY(add_classes(r));
    YT_TRY(find_roots(r));
    YT_TRY(add_sources(r, split));
    yt_dataset_sort_images(r->dataset);
    return only_pictures ? YT_OK : yt_dataset_read_labels(r->dataset);
}

static enum yt_status parse(struct reading *r, const char *text)
{
    yaml_parser_t parser;
    YT_FAIL_IF(!yaml_parser_initialize(&parser), YT_NO_MEMORY,
               "%s: no memory to read it", r->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text,
                                 strlen(text));
    enum yt_status status = YT_OK;
    if (!yaml_parser_load(&parser, &r->document))
        status = yt_fail(YT_BAD_INPUT, "%s:%zu: %s", r->path,
                         parser.problem_mark.line + 1,
                         parser.problem == NULL ? "not YAML" : parser.problem);
    yaml_parser_delete(&parser);
    return status;
}

enum yt_status yt_dataset_read_yaml(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options)
{
    struct reading r = {.dataset = dataset, .path = options->path};
    char *text = NULL;
    YT_TRY(yt_text_read(options->path, &text));
    enum yt_status status = parse(&r, text);
    if (status == YT_OK) {
        status =
            read_document(&r, options->split == NULL ? "val" : options->split,
                          options->only_pictures);
        yaml_document_delete(&r.document);
    }
    for (int i = 0; i < r.root_count; i++)
        free(r.roots[i]);
    free(text);
    return status;
}
