/* What both forms of data set share: the tables, their order, their identity.
 * See eval/dataset.h. */

#include "eval/dataset.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/table.h"
#include "eval/dataset_build.h"
#include "model/digest.h"
#include "model/graph.h"
#include "runtime/fail.h"

#define CLASSES       "classes.txt"
#define ID_DIGITS_MAX 18 /* all numbers of so many digits fit int64_t */

/* Room for one more entry. */
static enum yt_status grow(void *array_, int32_t count, int32_t *cap,
                           size_t entry_bytes)
{
    void **array = array_;
    if (count < *cap)
        return YT_OK;
    YT_FAIL_IF(*cap > INT32_MAX / 2, YT_UNSUPPORTED,
               "a data set of more than %d entries", *cap);
    const int32_t more = *cap == 0 ? 64 : *cap * 2;
    void *bigger = realloc(*array, (size_t)more * entry_bytes);
    YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory for the data set");
    *array = bigger;
    *cap = more;
    return YT_OK;
}

/* ------------------------------------------------------------- building */

int64_t yt_dataset_id_of(const char *name)
{
    const size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > ID_DIGITS_MAX || name[digits] != '\0')
        return -1;
    return strtoll(name, NULL, 10);
}

enum yt_status yt_dataset_add_image(struct yt_dataset *dataset, char *path,
                                    const char *name)
{
    char *copy = NULL;
    if (path != NULL)
        copy = name != NULL ? strdup(name) : yt_path_stem(path);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(copy == NULL, YT_NO_MEMORY, "no memory for the data set");
    YT_TRY_GOTO(grow(&dataset->images, dataset->image_count,
                     &dataset->image_cap, sizeof *dataset->images));
    dataset->images[dataset->image_count++] = (struct yt_dataset_image){
        .path = path,
        .name = copy,
        .id = yt_dataset_id_of(copy),
    };
    return YT_OK;
done:
    free(copy);
    free(path);
    return status;
}

static int compare_ids(int64_t id, const char *name, int64_t other,
                       const char *other_name)
{
    if (id >= 0 && other >= 0)
        return (id > other) - (id < other);
    if (id >= 0 || other >= 0)
        return id >= 0 ? -1 : 1;
    return strcmp(name, other_name);
}

static int compare_images(const void *a_, const void *b_)
{
    const struct yt_dataset_image *a = a_;
    const struct yt_dataset_image *b = b_;
    const int order = compare_ids(a->id, a->name, b->id, b->name);
    return order != 0 ? order : strcmp(a->path, b->path);
}

void yt_dataset_sort_images(struct yt_dataset *dataset)
{
    if (dataset->image_count > 0)
        qsort(dataset->images, (size_t)dataset->image_count,
              sizeof *dataset->images, compare_images);
}

enum yt_status yt_dataset_add_truth(struct yt_dataset *dataset,
                                    const struct yt_truth *truth)
{
    YT_TRY(grow(&dataset->truths, dataset->truth_count, &dataset->truth_cap,
                sizeof *dataset->truths));
    struct yt_dataset_image *image = &dataset->images[truth->image];
    if (image->count++ == 0)
        image->first = dataset->truth_count;
    dataset->truths[dataset->truth_count++] = *truth;
    return YT_OK;
}

enum yt_status yt_dataset_add_class(struct yt_dataset *dataset,
                                    const char *name, int64_t category)
{
    const int32_t at = dataset->class_count;
    YT_FAIL_IF(!yt_graph_name_prints(name), YT_BAD_INPUT,
               "the name of class %d is not printable UTF-8", at);
    if (at == dataset->class_cap) {
        const int32_t more = at == 0 ? 128 : at * 2;
        int64_t *bigger = realloc(dataset->categories,
                                  (size_t)more * sizeof *dataset->categories);
        YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory for the data set");
        dataset->categories = bigger;
        dataset->class_cap = at;
        char **names =
            realloc(dataset->classes, (size_t)more * sizeof *dataset->classes);
        YT_FAIL_IF(names == NULL, YT_NO_MEMORY, "no memory for the data set");
        dataset->classes = names;
        dataset->class_cap = more;
    }
    dataset->classes[at] = strdup(name);
    YT_FAIL_IF(dataset->classes[at] == NULL, YT_NO_MEMORY,
               "no memory for the data set");
    dataset->categories[at] = category;
    dataset->class_count++;
    return YT_OK;
}

enum yt_status yt_dataset_add_problem(struct yt_dataset *dataset,
                                      const char *format, ...)
{
    char *text = NULL;
    va_list list;
    va_start(list, format);
    const int length = vasprintf(&text, format, list);
    va_end(list);
    YT_FAIL_IF(length < 0, YT_NO_MEMORY, "no memory for the data set");
    yt_text_make_safe(text); /* it quotes names of files and what is in them */
    const enum yt_status status =
        grow(&dataset->problems, dataset->problem_count, &dataset->problem_cap,
             sizeof *dataset->problems);
    if (status != YT_OK) {
        free(text);
        return status;
    }
    dataset->problems[dataset->problem_count++] = text;
    return YT_OK;
}

/* ---------------------------------------------------------------- paths */

char *yt_path_join(const char *folder, const char *name)
{
    if (name[0] == '/')
        return strdup(name);
    char *joined = NULL;
    return asprintf(&joined, "%s/%s", folder, name) < 0 ? NULL : joined;
}

char *yt_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

char *yt_path_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(name, '.');
    return dot == NULL || dot == name ? strdup(name)
                                      : strndup(name, (size_t)(dot - name));
}

enum yt_status yt_text_read(const char *path, char **text_out)
{
    enum yt_status status = YT_OK;
    char *text = NULL;
    FILE *file = fopen(path, "rbe");
    YT_FAIL_IF(file == NULL, errno == ENOENT ? YT_NOT_FOUND : YT_IO, "%s: %s",
               path, strerror(errno));
    struct stat info;
    YT_FAIL_IF_GOTO(fstat(fileno(file), &info) != 0, YT_IO, "%s: %s", path,
                    strerror(errno));
    YT_FAIL_IF_GOTO(!S_ISREG(info.st_mode), YT_IO, "%s: not a file", path);
    YT_FAIL_IF_GOTO(info.st_size > 1 << 28, YT_BAD_INPUT,
                    "%s: more than 256 MiB, no text to be read whole", path);
    const size_t size = (size_t)info.st_size;
    text = malloc(size + 1);
    YT_FAIL_IF_GOTO(text == NULL, YT_NO_MEMORY, "%s: no memory to read it",
                    path);
    const size_t got = fread(text, 1, size, file);
    YT_FAIL_IF_GOTO(ferror(file), YT_IO, "%s: cannot be read", path);
    text[got] = '\0';
    *text_out = text;
    text = NULL;
done:
    fclose(file);
    free(text);
    return status;
}

/* -------------------------------------------------------------- opening */

/* All that decides the result but the pixels, which file sizes stand for. */
static enum yt_status hash_dataset(struct yt_dataset *dataset,
                                   int32_t only_pictures)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    YT_FAIL_IF(out == NULL, YT_NO_MEMORY, "no memory for the data set");
    for (int32_t i = 0; i < dataset->class_count && !only_pictures; i++)
        fprintf(out, "class %s\n", dataset->classes[i]);
    for (int32_t i = 0; i < dataset->image_count; i++) {
        const struct yt_dataset_image *image = &dataset->images[i];
        struct stat info = {0};
        if (!image->left_out && stat(image->path, &info) != 0)
            info.st_size = 0;
        fprintf(out, "image %s %lld %d\n", image->name, (long long)info.st_size,
                image->left_out);
        for (int32_t j = image->first; j < image->first + image->count; j++) {
            const struct yt_truth *t = &dataset->truths[j];
            fprintf(out, "%d %d %a %a %a %a %a\n", t->class_id, t->crowd, t->x,
                    t->y, t->w, t->h, t->area);
        }
    }
    const int failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        yt_digest_hex(text, size, dataset->hash);
    free(text);
    YT_FAIL_IF(dataset->hash[0] == '\0', YT_NO_MEMORY,
               "no memory for the data set");
    return YT_OK;
}

static enum yt_status leave_out_missing(struct yt_dataset *dataset)
{
    struct stat info;
    for (int32_t i = 0; i < dataset->image_count; i++) {
        struct yt_dataset_image *image = &dataset->images[i];
        if (image->left_out || stat(image->path, &info) == 0)
            continue;
        yt_fail(YT_NOT_FOUND, "%s: %s", image->path, strerror(errno));
        YT_TRY(yt_dataset_leave_out(dataset, i, yt_error()));
    }
    return YT_OK;
}

static int ends_in(const char *path, const char *ending)
{
    const size_t length = strlen(path);
    const size_t tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

static int is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static enum yt_status read_form(struct yt_dataset *dataset,
                                const struct yt_dataset_options *options)
{
    if (ends_in(options->path, ".json"))
        return yt_dataset_read_coco(dataset, options);
    const int is_yaml =
        ends_in(options->path, ".yaml") || ends_in(options->path, ".yml");
    if (options->only_pictures && !is_yaml) {
        YT_TRY(yt_dataset_add_files(dataset, options->path));
        yt_dataset_sort_images(dataset);
        return YT_OK;
    }
    if (ends_in(options->path, ".data"))
        return yt_dataset_read_darknet(dataset, options);
    if (ends_in(options->path, CLASSES))
        return yt_dataset_read_classes(dataset, options);
    YT_FAIL_IF(
        !is_yaml, YT_BAD_ARGUMENT,
        "%s: a data set is a data.yaml or a COCO file of instances (.json)",
        options->path);
    return yt_dataset_read_yaml(dataset, options);
}

/* What else a folder may stand for; NULL: nothing. */
static char *find_names(const char *folder)
{
    static const char *const names[] = {"obj.data", CLASSES};
    struct stat info;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = yt_path_join(folder, names[i]);
        if (path == NULL || stat(path, &info) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* A folder stands for the one .yaml in it, else for what has its classes. */
static enum yt_status find_yaml(const char *folder, int32_t is_optional,
                                char **path_out)
{
    glob_t found = {0};
    char *pattern = yt_path_join(folder, "*.yaml");
    YT_FAIL_IF(pattern == NULL, YT_NO_MEMORY, "no memory for the data set");
    /* Characters that mean something in a pattern find nothing at worst. */
    const int code = glob(pattern, 0, NULL, &found);
    free(pattern);
    if (code == 0 && found.gl_pathc == 1)
        *path_out = strdup(found.gl_pathv[0]);
    const size_t count = code == 0 ? found.gl_pathc : 0;
    globfree(&found);
    if (count == 0 && is_optional)
        return YT_OK;
    if (count == 0 && (*path_out = find_names(folder)) != NULL)
        return YT_OK;
    YT_FAIL_IF(count != 1, YT_NOT_FOUND,
               "%s: %zu .yaml files in this folder: name one", folder, count);
    YT_FAIL_IF(*path_out == NULL, YT_NO_MEMORY, "no memory for the data set");
    return YT_OK;
}

static enum yt_status open_into(struct yt_dataset *dataset,
                                const struct yt_dataset_options *options)
{
    dataset->name = yt_path_stem(options->path);
    YT_FAIL_IF(dataset->name == NULL, YT_NO_MEMORY,
               "no memory for the data set");
    YT_TRY(read_form(dataset, options));
    YT_FAIL_IF(dataset->image_count == 0, YT_NOT_FOUND, "%s: no pictures",
               options->path);
    YT_TRY(leave_out_missing(dataset));
    YT_FAIL_IF(yt_dataset_used(dataset) == 0, YT_NOT_FOUND,
               "%s: none of %d pictures can be used, the first because: %s",
               options->path, dataset->image_count,
               dataset->problem_count > 0 ? dataset->problems[0] : "?");
    YT_FAIL_IF(dataset->truth_count == 0 && !options->only_pictures,
               YT_NOT_FOUND, "%s: no labels for any of %d pictures, first %s",
               options->path, dataset->image_count, dataset->images[0].path);
    for (int32_t i = 0; i < dataset->image_count; i++)
        dataset->unlabelled += dataset->images[i].count == 0;
    return hash_dataset(dataset, options->only_pictures);
}

enum yt_status yt_dataset_open(const struct yt_dataset_options *options,
                               struct yt_dataset **dataset_out)
{
    enum yt_status status = YT_OK;
    struct yt_dataset_options own = *options;
    char *yaml = NULL;
    if (is_folder(options->path))
        YT_TRY(find_yaml(options->path, options->only_pictures, &yaml));
    if (yaml)
        own.path = yaml;
    struct yt_dataset *dataset = calloc(1, sizeof *dataset);
    YT_FAIL_IF_GOTO(dataset == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    YT_TRY_GOTO(open_into(dataset, &own));
    *dataset_out = dataset;
    dataset = NULL;
done:
    yt_dataset_close(dataset);
    free(yaml);
    return status;
}

void yt_dataset_close(struct yt_dataset *dataset)
{
    if (dataset == NULL)
        return;
    for (int32_t i = 0; i < dataset->image_count; i++) {
        free(dataset->images[i].path);
        free(dataset->images[i].name);
    }
    for (int32_t i = 0; i < dataset->class_count; i++)
        free(dataset->classes[i]);
    for (int32_t i = 0; i < dataset->problem_count; i++)
        free(dataset->problems[i]);
    free(dataset->images);
    free(dataset->truths);
    free(dataset->classes);
    free(dataset->categories);
    free(dataset->problems);
    free(dataset->name);
    free(dataset);
}
