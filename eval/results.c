/* See eval/results.h. */

#include "eval/results.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

enum yt_status yt_results_add(struct yt_results *results,
                              const struct yt_result *result)
{
    if (results->count == results->cap) {
        const int64_t more = results->cap == 0 ? 1024 : results->cap * 2;
        struct yt_result *bigger =
            realloc(results->items, (size_t)more * sizeof *bigger);
        YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory for %lld boxes",
                   (long long)more);
        results->items = bigger;
        results->cap = more;
    }
    results->items[results->count++] = *result;
    return YT_OK;
}

void yt_results_deinit(struct yt_results *results)
{
    free(results->items);
    *results = (struct yt_results){0};
}

/* By counting, so that what is equal keeps its order. */
enum yt_status yt_results_sort(struct yt_results *results)
{
    if (results->count == 0)
        return YT_OK;
    int32_t images = 0;
    for (int64_t i = 0; i < results->count; i++)
        if (results->items[i].image >= images)
            images = results->items[i].image + 1;
    int64_t *next = calloc((size_t)images + 1, sizeof *next);
    struct yt_result *sorted = malloc((size_t)results->count * sizeof *sorted);
    if (next == NULL || sorted == NULL) {
        free(next);
        free(sorted);
        return yt_fail(YT_NO_MEMORY, "no memory to sort %lld boxes",
                       (long long)results->count);
    }
    for (int64_t i = 0; i < results->count; i++)
        next[results->items[i].image + 1]++;
    for (int32_t i = 0; i < images; i++)
        next[i + 1] += next[i];
    for (int64_t i = 0; i < results->count; i++)
        sorted[next[results->items[i].image]++] = results->items[i];
    free(next);
    free(results->items);
    results->items = sorted;
    results->cap = results->count;
    return YT_OK;
}

/* --------------------------------------------------------------- saving */

char *yt_results_image_id(const char *name, int64_t id)
{
    char *text = NULL;
    if (id >= 0)
        return asprintf(&text, "%lld", (long long)id) < 0 ? NULL : text;
    json_t *value = json_string(name);
    if (value != NULL)
        text = json_dumps(value, JSON_ENCODE_ANY);
    json_decref(value);
    return text;
}

void yt_results_write(FILE *out, const char *image_id, int64_t category,
                      const struct yt_result *result)
{
    fprintf(out,
            "{\"image_id\": %s, \"category_id\": %lld, \"bbox\": "
            "[%.17g, %.17g, %.17g, %.17g], \"score\": %.17g}",
            image_id, (long long)category, result->x, result->y, result->w,
            result->h, result->score);
}

static enum yt_status write_items(const struct yt_results *results,
                                  const struct yt_dataset *dataset, FILE *out)
{
    char *name = NULL;
    int32_t named = -1;
    fputs("[", out);
    for (int64_t i = 0; i < results->count; i++) {
        const struct yt_result *r = &results->items[i];
        if (r->image != named) {
            free(name);
            name = yt_results_image_id(dataset->images[r->image].name,
                                       dataset->images[r->image].id);
            YT_FAIL_IF(name == NULL, YT_BAD_INPUT,
                       "%s: a name that is not UTF-8 cannot be written as JSON",
                       dataset->images[r->image].path);
            named = r->image;
        }
        fputs(i == 0 ? "\n" : ",\n", out);
        yt_results_write(out, name, dataset->categories[r->class_id], r);
    }
    free(name);
    fputs("\n]\n", out);
    return YT_OK;
}

enum yt_status yt_results_save(const struct yt_results *results,
                               const struct yt_dataset *dataset,
                               const char *path)
{
    const char *twice = yt_dataset_ambiguous(dataset);
    YT_FAIL_IF(twice != NULL, YT_BAD_INPUT,
               "two images are called %s: a results file could not tell them "
               "apart",
               twice);
    FILE *out = fopen(path, "we");
    YT_FAIL_IF(out == NULL, YT_IO, "%s: cannot write: %s", path,
               strerror(errno));
    const enum yt_status status = write_items(results, dataset, out);
    const int failed = ferror(out);
    const int closed = fclose(out);
    if (status == YT_OK && !failed && closed == 0)
        return YT_OK;
    remove(path);
    YT_TRY(status);
    return yt_fail(YT_IO, "%s: cannot write all of it", path);
}

/* -------------------------------------------------------------- loading */

static int number(json_t *value, double *out)
{
    *out = json_number_value(value);
    return json_is_number(value) && isfinite(*out);
}

static int32_t find_image(const struct yt_dataset *dataset, json_t *id)
{
    if (json_is_integer(id))
        return yt_dataset_find(dataset, json_integer_value(id), NULL);
    return json_is_string(id)
               ? yt_dataset_find(dataset, -1, json_string_value(id))
               : -1;
}

static int32_t find_class(const struct yt_dataset *dataset, json_t *category)
{
    for (int32_t i = 0; i < dataset->class_count; i++)
        if (json_is_integer(category) &&
            dataset->categories[i] == json_integer_value(category))
            return i;
    return -1;
}

static enum yt_status add_item(const char *path, size_t i, json_t *item,
                               const struct yt_dataset *dataset,
                               struct yt_results *results)
{
    json_t *box = json_object_get(item, "bbox");
    struct yt_result r = {
        .image = find_image(dataset, json_object_get(item, "image_id")),
        .class_id = find_class(dataset, json_object_get(item, "category_id")),
    };
    YT_FAIL_IF(!json_is_object(item) || json_array_size(box) != 4 ||
                   !number(json_array_get(box, 0), &r.x) ||
                   !number(json_array_get(box, 1), &r.y) ||
                   !number(json_array_get(box, 2), &r.w) ||
                   !number(json_array_get(box, 3), &r.h) ||
                   !number(json_object_get(item, "score"), &r.score),
               YT_BAD_INPUT,
               "%s: entry %zu: want image_id, category_id, a bbox of four "
               "numbers and a score",
               path, i);
    YT_FAIL_IF(r.image < 0, YT_BAD_INPUT,
               "%s: entry %zu: its image_id is not in the data set %s", path, i,
               dataset->name);
    YT_FAIL_IF(r.class_id < 0, YT_BAD_INPUT,
               "%s: entry %zu: its category_id is not in the data set %s", path,
               i, dataset->name);
    if (dataset->images[r.image].left_out)
        return YT_OK;
    return yt_results_add(results, &r);
}

enum yt_status yt_results_load(const char *path,
                               const struct yt_dataset *dataset,
                               struct yt_results *results_out)
{
    struct yt_results results = {0};
    json_error_t error;
    FILE *file = fopen(path, "rbe");
    YT_FAIL_IF(file == NULL, errno == ENOENT ? YT_NOT_FOUND : YT_IO, "%s: %s",
               path, strerror(errno));
    json_t *root = json_loadf(file, 0, &error);
    fclose(file);
    YT_FAIL_IF(root == NULL, YT_BAD_INPUT, "%s:%d: %s", path, error.line,
               error.text);
    enum yt_status status = YT_OK;
    if (!json_is_array(root))
        status = yt_fail(YT_BAD_INPUT,
                         "%s: not a list: want COCO's results format", path);
    for (size_t i = 0; status == YT_OK && i < json_array_size(root); i++)
        status = add_item(path, i, json_array_get(root, i), dataset, &results);
    json_decref(root);
    if (status == YT_OK)
        status = yt_results_sort(&results);
    if (status != YT_OK)
        yt_results_deinit(&results);
    else
        *results_out = results;
    return status;
}
