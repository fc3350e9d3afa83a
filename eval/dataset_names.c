/* Data sets whose classes are lines of a text, as labelling tools write them:
 *
 *   obj.data      Darknet's form, of CVAT's "YOLO 1.1": lines "key = value" of
 *                 which train, valid and test name lists of pictures, names a
 *                 file with a class a line, and classes their number
 *   classes.txt   a class a line, of Label Studio's "YOLO": the pictures lie
 *                 beside it in images/, their labels in labels/
 */

#include <stdlib.h>
#include <string.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

static enum yt_status add_names(struct yt_dataset *dataset, const char *path)
{
    char *text = NULL;
    enum yt_status status = YT_OK;
    YT_TRY(yt_text_read(path, &text));
    char *rest = text;
    for (char *line; (line = yt_list_line(&rest)) != NULL;)
        YT_TRY_GOTO(yt_dataset_add_class(dataset, line, dataset->class_count));
    YT_FAIL_IF_GOTO(dataset->class_count == 0, YT_BAD_INPUT,
                    "%s: no line of it names a class", path);
done:
    free(text);
    return status;
}

static enum yt_status finish(struct yt_dataset *dataset,
                             const struct yt_dataset_options *options,
                             const char *pictures)
{
    YT_TRY(yt_dataset_add_files(dataset, pictures));
    yt_dataset_sort_images(dataset);
    return options->only_pictures ? YT_OK : yt_dataset_read_labels(dataset);
}

/* ---------------------------------------------------------------- Darknet */

struct darknet {
    const char *path;
    char *folder;
    char *text;                            /* what the values lie in */
    const char *names, *pictures, *number; /* NULL: there is none */
};

/* The value of "key = value" where the key is @p key; else NULL. */
static const char *value_of(const char *line, const char *key)
{
    const size_t length = strlen(key);
    if (strncmp(line, key, length) != 0)
        return NULL;
    line += length;
    line += strspn(line, " \t");
    return *line == '=' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

static void read_keys(struct darknet *d, const char *split)
{
    const char *const word = strcmp(split, "val") == 0 ? "valid" : split;
    char *rest = d->text;
    for (char *line; (line = yt_list_line(&rest)) != NULL;) {
        const char *value;
        if ((value = value_of(line, "names")) != NULL)
            d->names = value;
        else if ((value = value_of(line, "classes")) != NULL)
            d->number = value;
        else if ((value = value_of(line, word)) != NULL)
            d->pictures = value;
    }
}

static enum yt_status read_named(struct yt_dataset *dataset,
                                 const struct yt_dataset_options *options,
                                 const struct darknet *d, const char *split)
{
    YT_FAIL_IF(d->names == NULL || *d->names == '\0', YT_NOT_FOUND,
               "%s: no 'names' of classes", d->path);
    YT_FAIL_IF(d->pictures == NULL || *d->pictures == '\0', YT_NOT_FOUND,
               "%s: no '%s' that names pictures", d->path,
               strcmp(split, "val") == 0 ? "valid" : split);
    char *names = yt_path_listed(d->folder, d->names);
    char *pictures = yt_path_listed(d->folder, d->pictures);
    char *end = NULL;
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(names == NULL || pictures == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    YT_TRY_GOTO(add_names(dataset, names));
    YT_FAIL_IF_GOTO(d->number != NULL &&
                        (strtol(d->number, &end, 10) != dataset->class_count ||
                         end == d->number || *end != '\0'),
                    YT_BAD_INPUT,
                    "%s: classes is %.20s, but there are %d names", d->path,
                    d->number, dataset->class_count);
    YT_TRY_GOTO(finish(dataset, options, pictures));
done:
    free(names);
    free(pictures);
    return status;
}

enum yt_status yt_dataset_read_darknet(struct yt_dataset *dataset,
                                       const struct yt_dataset_options *options)
{
    struct darknet d = {.path = options->path};
    const char *split = options->split == NULL ? "val" : options->split;
    YT_TRY(yt_text_read(options->path, &d.text));
    d.folder = yt_path_folder(options->path);
    enum yt_status status =
        d.folder == NULL ? yt_fail(YT_NO_MEMORY, "no memory for the data set")
                         : YT_OK;
    if (status == YT_OK) {
        read_keys(&d, split);
        status = read_named(dataset, options, &d, split);
    }
    free(d.folder);
    free(d.text);
    return status;
}

/* ----------------------------------------------------------- Label Studio */

enum yt_status yt_dataset_read_classes(struct yt_dataset *dataset,
                                       const struct yt_dataset_options *options)
{
    char *folder = yt_path_folder(options->path);
    char *pictures = folder == NULL ? NULL : yt_path_join(folder, "images");
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(pictures == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    YT_TRY_GOTO(add_names(dataset, options->path));
    YT_TRY_GOTO(finish(dataset, options, pictures));
done:
    free(pictures);
    free(folder);
    return status;
}
