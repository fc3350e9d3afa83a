/* COCO's form: images, annotations and categories in one JSON file, as
 * cocodataset.org/#format-data describes it. Categories become classes in the
 * order of their ids, so COCO's own 1..90 become the 0..79 of its detectors. */

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

#define LOOKED_FOR 20 /* pictures that show which folder is meant */

struct reading {
    struct yt_dataset *dataset;
    const char *path;
    const char *folder; /* of the pictures */
    json_t *images, *annotations, *categories;
    struct yt_truth *truths; /* [annotations], in the order of the file */
    int32_t truth_count;
    int32_t strangers; /* annotations of images that are not listed */
};

static enum yt_status member(const struct reading *r, json_t *root,
                             const char *name, json_t **array_out)
{
    *array_out = json_object_get(root, name);
    YT_FAIL_IF(!json_is_array(*array_out), YT_BAD_INPUT,
               "%s: no list of %s: not a COCO file of instances", r->path,
               name);
    return YT_OK;
}

/* ----------------------------------------------------------- categories */

static int compare_categories(const void *a_, const void *b_)
{
    const json_int_t a =
        json_integer_value(json_object_get(*(json_t *const *)a_, "id"));
    const json_int_t b =
        json_integer_value(json_object_get(*(json_t *const *)b_, "id"));
    return (a > b) - (a < b);
}

static enum yt_status add_sorted(struct reading *r, json_t **sorted,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sorted[i] = json_array_get(r->categories, i);
        YT_FAIL_IF(!json_is_integer(json_object_get(sorted[i], "id")) ||
                       !json_is_string(json_object_get(sorted[i], "name")),
                   YT_BAD_INPUT, "%s: category %zu has no id or no name",
                   r->path, i);
    }
    qsort(sorted, count, sizeof(json_t *), compare_categories);
    for (size_t i = 0; i < count; i++) {
        const json_int_t id =
            json_integer_value(json_object_get(sorted[i], "id"));
        YT_FAIL_IF(i > 0 && compare_categories(&sorted[i - 1], &sorted[i]) == 0,
                   YT_BAD_INPUT, "%s: two categories have the id %lld", r->path,
                   (long long)id);
        YT_TRY(yt_dataset_add_class(
            r->dataset, json_string_value(json_object_get(sorted[i], "name")),
            id));
    }
    return YT_OK;
}

static int is_text(json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL && text != NULL && strcmp(value, text) == 0;
}

/* Whether category @p at is only what others are kinds of. Roboflow's files
 * begin with such a one, which is no class of the model that they are for. */
static int is_heading(const struct reading *r, size_t at)
{
    json_t *category = json_array_get(r->categories, at);
    const char *name = json_string_value(json_object_get(category, "name"));
    const json_int_t id = json_integer_value(json_object_get(category, "id"));
    size_t i, kinds = 0;
    json_t *other;
    if (!is_text(category, "supercategory", "none"))
        return 0;
    json_array_foreach(r->categories, i, other) kinds +=
        i != at && is_text(other, "supercategory", name);
    json_array_foreach(
        r->annotations, i,
        other) if (json_integer_value(json_object_get(other, "category_id")) ==
                   id) return 0;
    return kinds > 0 && kinds + 1 == json_array_size(r->categories);
}

static enum yt_status add_categories(struct reading *r)
{
    for (size_t i = 0; i < json_array_size(r->categories); i++)
        if (is_heading(r, i)) {
            json_array_remove(r->categories, i);
            break;
        }
    const size_t count = json_array_size(r->categories);
    YT_FAIL_IF(count == 0, YT_BAD_INPUT, "%s: no categories", r->path);
    json_t **sorted = malloc(count * sizeof(json_t *));
    YT_FAIL_IF(sorted == NULL, YT_NO_MEMORY, "no memory for the data set");
    const enum yt_status status = add_sorted(r, sorted, count);
    free(sorted);
    return status;
}

static int32_t find_category(const struct yt_dataset *dataset, int64_t id)
{
    int32_t low = 0;
    int32_t high = dataset->class_count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (dataset->categories[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < dataset->class_count && dataset->categories[low] == id ? low
                                                                        : -1;
}

/* --------------------------------------------------------------- images */

static enum yt_status add_image(struct reading *r, size_t i)
{
    json_t *image = json_array_get(r->images, i);
    json_t *id = json_object_get(image, "id");
    const char *file = json_string_value(json_object_get(image, "file_name"));
    const json_int_t width =
        json_integer_value(json_object_get(image, "width"));
    const json_int_t height =
        json_integer_value(json_object_get(image, "height"));
    YT_FAIL_IF(!json_is_integer(id) || json_integer_value(id) < 0 ||
                   file == NULL || file[0] == '\0',
               YT_BAD_INPUT, "%s: image %zu has no id or no file_name", r->path,
               i);
    char name[32];
    snprintf(name, sizeof name, "%lld", (long long)json_integer_value(id));
    YT_TRY(
        yt_dataset_add_image(r->dataset, yt_path_join(r->folder, file), name));
    struct yt_dataset_image *added =
        &r->dataset->images[r->dataset->image_count - 1];
    added->id = json_integer_value(id);
    if (width > 0 && height > 0 && width <= INT32_MAX && height <= INT32_MAX) {
        added->width = (int32_t)width;
        added->height = (int32_t)height;
    }
    return YT_OK;
}

static enum yt_status add_images(struct reading *r)
{
    for (size_t i = 0; i < json_array_size(r->images); i++)
        YT_TRY(add_image(r, i));
    yt_dataset_sort_images(r->dataset);
    const char *twice = yt_dataset_ambiguous(r->dataset);
    YT_FAIL_IF(twice != NULL, YT_BAD_INPUT, "%s: two images have the id %s",
               r->path, twice);
    return YT_OK;
}

/* Whether one of the first pictures lies in @p folder. */
static int has_pictures(const struct reading *r, const char *folder)
{
    struct stat info;
    int found = 0;
    for (size_t i = 0; i < LOOKED_FOR && !found; i++) {
        const char *file = json_string_value(
            json_object_get(json_array_get(r->images, i), "file_name"));
        char *path = file == NULL ? NULL : yt_path_join(folder, file);
        found = path != NULL && stat(path, &info) == 0;
        free(path);
    }
    return found;
}

/* Where people keep them: for DIR/instances_NAME.json in DIR/images/NAME,
 * DIR/NAME, DIR/../images/NAME, DIR/../NAME, DIR/images, DIR, DIR/../images. */
static enum yt_status find_folder(const struct reading *r, char **folder_out)
{
    static const char *const places[] = {
        "images/%s", "%s", "../images/%s", "../%s", "images", ".", "../images"};
    char *base = yt_path_folder(r->path);
    char *stem = yt_path_stem(r->path);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(base == NULL || stem == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    const char *dash = strchr(stem, '_');
    const char *name = dash == NULL ? stem : dash + 1;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *slot = strstr(places[i], "%s");
        const int before = (int)(slot == NULL ? strlen(places[i])
                                              : (size_t)(slot - places[i]));
        char *folder = NULL;
        if (asprintf(&folder, "%s/%.*s%s", base, before, places[i],
                     slot == NULL ? "" : name) < 0)
            folder = NULL;
        YT_FAIL_IF_GOTO(folder == NULL, YT_NO_MEMORY,
                        "no memory for the data set");
        if (has_pictures(r, folder)) {
            *folder_out = folder;
            goto done;
        }
        free(folder);
    }
    status = yt_fail(YT_NOT_FOUND,
                     "%s: its pictures are not beside it in images/%s, %s, "
                     "images or in its own folder: name their folder",
                     r->path, name, name);
done:
    free(base);
    free(stem);
    return status;
}

/* ---------------------------------------------------------- annotations */

/* A number that may be written with or without a point. */
static int number(json_t *value, double *out)
{
    *out = json_number_value(value);
    return json_is_number(value) && isfinite(*out);
}

static enum yt_status leave_out(const struct reading *r, int32_t image,
                                json_int_t id, const char *why)
{
    if (r->dataset->images[image].left_out)
        return YT_OK;
    yt_fail(YT_BAD_INPUT, "%s: annotation %lld of image %s: %s", r->path,
            (long long)id, r->dataset->images[image].name, why);
    return yt_dataset_leave_out(r->dataset, image, yt_error());
}

static enum yt_status read_annotation(struct reading *r, size_t i)
{
    json_t *annotation = json_array_get(r->annotations, i);
    json_t *image_id = json_object_get(annotation, "image_id");
    json_t *category = json_object_get(annotation, "category_id");
    json_t *box = json_object_get(annotation, "bbox");
    json_t *area = json_object_get(annotation, "area");
    json_t *crowd = json_object_get(annotation, "iscrowd");
    const json_int_t id = json_integer_value(json_object_get(annotation, "id"));
    YT_FAIL_IF(!json_is_integer(image_id), YT_BAD_INPUT,
               "%s: annotation %zu has no image_id", r->path, i);
    struct yt_truth truth = {
        .image =
            yt_dataset_find(r->dataset, json_integer_value(image_id), NULL),
        .class_id = find_category(r->dataset, json_integer_value(category)),
        .crowd = json_is_true(crowd) || json_integer_value(crowd) != 0,
    };
    if (truth.image < 0) {
        r->strangers++;
        return YT_OK;
    }
    if (!json_is_integer(category) || truth.class_id < 0)
        return leave_out(r, truth.image, id,
                         "its category_id is not one of the categories");
    if (json_array_size(box) != 4 ||
        !number(json_array_get(box, 0), &truth.x) ||
        !number(json_array_get(box, 1), &truth.y) ||
        !number(json_array_get(box, 2), &truth.w) ||
        !number(json_array_get(box, 3), &truth.h) || truth.w < 0 || truth.h < 0)
        return leave_out(r, truth.image, id,
                         "its bbox is not x, y and a width and height that are "
                         "not negative");
    truth.area = truth.w * truth.h;
    if (area != NULL && !number(area, &truth.area))
        return leave_out(r, truth.image, id, "its area is not a number");
    r->truths[r->truth_count++] = truth;
    return YT_OK;
}

/* Objects by image, those of an image in the order of the file. */
static int compare_truths(const void *a_, const void *b_)
{
    const struct yt_truth *const *a = a_;
    const struct yt_truth *const *b = b_;
    if ((*a)->image != (*b)->image)
        return (*a)->image < (*b)->image ? -1 : 1;
    return (*a > *b) - (*a < *b);
}

static enum yt_status add_annotations(struct reading *r)
{
    const size_t count = json_array_size(r->annotations);
    YT_FAIL_IF(count > INT32_MAX / 2, YT_UNSUPPORTED, "%s: %zu annotations",
               r->path, count);
    r->truths = calloc(count + 1, sizeof *r->truths);
    const struct yt_truth **sorted = calloc(count + 1, sizeof *sorted);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(r->truths == NULL || sorted == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    for (size_t i = 0; i < count; i++)
        YT_TRY_GOTO(read_annotation(r, i));
    for (int32_t i = 0; i < r->truth_count; i++)
        sorted[i] = &r->truths[i];
    qsort(sorted, (size_t)r->truth_count, sizeof *sorted, compare_truths);
    for (int32_t i = 0; i < r->truth_count; i++)
        YT_TRY_GOTO(yt_dataset_add_truth(r->dataset, sorted[i]));
    if (r->strangers > 0)
        status = yt_dataset_add_problem(
            r->dataset, "%s: %d annotations are of images that are not listed",
            r->path, r->strangers);
done:
    free(sorted);
    free(r->truths);
    r->truths = NULL;
    return status;
}

/* -------------------------------------------------------------- reading */

static enum yt_status read_root(struct reading *r, json_t *root,
                                const struct yt_dataset_options *options)
{
    YT_TRY(member(r, root, "images", &r->images));
    YT_TRY(member(r, root, "annotations", &r->annotations));
    YT_TRY(member(r, root, "categories", &r->categories));
    YT_FAIL_IF(json_array_size(r->images) == 0, YT_BAD_INPUT, "%s: no images",
               r->path);
    YT_TRY(add_categories(r));
    char *folder = NULL;
    if (options->images == NULL)
        YT_TRY(find_folder(r, &folder));
    r->folder = folder == NULL ? options->images : folder;
    const enum yt_status status = add_images(r);
    free(folder);
    YT_TRY(status);
    return add_annotations(r);
}

enum yt_status yt_dataset_read_coco(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options)
{
    struct reading r = {.dataset = dataset, .path = options->path};
    char *text = NULL;
    json_error_t error;
    YT_TRY(yt_text_read(options->path, &text));
    json_t *root = json_loads(text, 0, &error);
    free(text);
    YT_FAIL_IF(root == NULL, YT_BAD_INPUT, "%s:%d: %s", options->path,
               error.line, error.text);
    const enum yt_status status = read_root(&r, root, options);
    json_decref(root);
    return status;
}
