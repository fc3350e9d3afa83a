/* A data set once it was read: matched with a model's classes, told the sizes
 * of its pictures, asked for one by name. */

#include "eval/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

static int32_t find_class(const struct yt_dataset *dataset, const char *name)
{
    for (int32_t i = 0; i < dataset->class_count; i++)
        if (strcmp(dataset->classes[i], name) == 0)
            return i;
    return -1;
}

/* Move class old[i] to place i; old is a permutation. */
static enum yt_status reorder(struct yt_dataset *dataset, const int32_t *old)
{
    const size_t count = (size_t)dataset->class_count;
    char **classes = calloc(count, sizeof *classes);
    int64_t *categories = calloc(count, sizeof *categories);
    int32_t *place = calloc(count, sizeof *place);
    const int failed = !classes || !categories || !place;
    for (size_t i = 0; i < count && !failed; i++) {
        classes[i] = dataset->classes[old[i]];
        categories[i] = dataset->categories[old[i]];
        place[old[i]] = (int32_t)i;
    }
    for (int32_t i = 0; i < dataset->truth_count && !failed; i++)
        dataset->truths[i].class_id = place[dataset->truths[i].class_id];
    if (!failed) {
        memcpy(dataset->classes, classes, count * sizeof *classes);
        memcpy(dataset->categories, categories, count * sizeof *categories);
    }
    free(classes);
    free(categories);
    free(place);
    YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory for the data set");
    return YT_OK;
}

enum yt_status yt_dataset_match_classes(struct yt_dataset *dataset,
                                        int32_t classes,
                                        const char *const *names)
{
    YT_FAIL_IF(classes != dataset->class_count, YT_BAD_INPUT,
               "the model knows %d classes, the data set %s names %d", classes,
               dataset->name, dataset->class_count);
    const size_t count = (size_t)classes;
    int32_t *old = calloc(count, sizeof *old);
    char *used = calloc(count, 1);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(old == NULL || used == NULL, YT_NO_MEMORY,
                    "no memory for the data set");
    int32_t unknown = -1;
    for (int32_t i = 0; i < classes && unknown < 0; i++) {
        old[i] = strcmp(names[i], dataset->classes[i]) == 0
                     ? i
                     : find_class(dataset, names[i]);
        if (old[i] < 0 || used[old[i]])
            unknown = i;
        else
            used[old[i]] = 1;
    }
    if (unknown < 0)
        status = reorder(dataset, old);
    else
        status = yt_dataset_add_problem(
            dataset,
            "class %d is '%s' in the model and '%s' in the data set: classes "
            "are matched by position",
            unknown, names[unknown], dataset->classes[unknown]);
done:
    free(old);
    free(used);
    return status;
}

static int32_t find_name(const char *const *names, int32_t count,
                         const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Which of the model's classes each of the data set's is. */
static enum yt_status place_classes(const struct yt_dataset *dataset,
                                    int32_t classes, const char *const *names,
                                    int32_t *places)
{
    for (int32_t i = 0; i < dataset->class_count; i++) {
        places[i] = find_name(names, classes, dataset->classes[i]);
        YT_FAIL_IF(places[i] < 0, YT_BAD_INPUT,
                   "class '%s' of the data set %s is none of the model's %d",
                   dataset->classes[i], dataset->name, classes);
        for (int32_t k = 0; k < i; k++)
            YT_FAIL_IF(places[k] == places[i], YT_BAD_INPUT,
                       "two classes of the data set %s are called '%s'",
                       dataset->name, dataset->classes[i]);
    }
    return YT_OK;
}

static enum yt_status adopt(struct yt_dataset *dataset, int32_t classes,
                            const char *const *names, const int32_t *places)
{
    struct yt_dataset wider = {0};
    enum yt_status status = YT_OK;
    for (int32_t i = 0; i < classes && status == YT_OK; i++)
        status = yt_dataset_add_class(&wider, names[i], YT_NO_CATEGORY);
    if (status == YT_OK) {
        for (int32_t i = 0; i < dataset->class_count; i++)
            wider.categories[places[i]] = dataset->categories[i];
        for (int32_t i = 0; i < dataset->truth_count; i++)
            dataset->truths[i].class_id = places[dataset->truths[i].class_id];
        const struct yt_dataset before = *dataset;
        dataset->classes = wider.classes;
        dataset->categories = wider.categories;
        dataset->class_count = wider.class_count;
        dataset->class_cap = wider.class_cap;
        wider = (struct yt_dataset){.classes = before.classes,
                                    .categories = before.categories,
                                    .class_count = before.class_count};
    }
    for (int32_t i = 0; i < wider.class_count; i++)
        free(wider.classes[i]);
    free(wider.classes);
    free(wider.categories);
    return status;
}

enum yt_status yt_dataset_adopt_classes(struct yt_dataset *dataset,
                                        int32_t classes,
                                        const char *const *names)
{
    if (classes <= dataset->class_count)
        return yt_dataset_match_classes(dataset, classes, names);
    int32_t *places = calloc((size_t)dataset->class_count + 1, sizeof *places);
    YT_FAIL_IF(places == NULL, YT_NO_MEMORY, "no memory for the data set");
    enum yt_status status = place_classes(dataset, classes, names, places);
    if (status == YT_OK)
        status = adopt(dataset, classes, names, places);
    free(places);
    return status;
}

enum yt_status yt_dataset_set_size(struct yt_dataset *dataset, int32_t i,
                                   int32_t width, int32_t height)
{
    struct yt_dataset_image *image = &dataset->images[i];
    YT_FAIL_IF(image->width != 0 &&
                   (image->width != width || image->height != height),
               YT_BAD_INPUT, "%s: %dx%d pixels, but the data set says %dx%d",
               image->path, width, height, image->width, image->height);
    image->width = width;
    image->height = height;
    if (!image->in_shares)
        return YT_OK;
    image->in_shares = 0;
    for (int32_t j = image->first; j < image->first + image->count; j++) {
        struct yt_truth *truth = &dataset->truths[j];
        truth->x *= width;
        truth->y *= height;
        truth->w *= width;
        truth->h *= height;
        truth->area = truth->w * truth->h;
    }
    return YT_OK;
}

enum yt_status yt_dataset_leave_out(struct yt_dataset *dataset, int32_t i,
                                    const char *reason)
{
    dataset->images[i].left_out = 1;
    return yt_dataset_add_problem(dataset, "%s", reason);
}

int32_t yt_dataset_used(const struct yt_dataset *dataset)
{
    int32_t used = 0;
    for (int32_t i = 0; i < dataset->image_count; i++)
        used += !dataset->images[i].left_out;
    return used;
}

int32_t yt_dataset_find(const struct yt_dataset *dataset, int64_t id,
                        const char *name)
{
    int32_t low = 0;
    int32_t high = dataset->image_count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        const struct yt_dataset_image *image = &dataset->images[middle];
        /* Images with an id lie before those without. */
        int before = name != NULL;
        if (name != NULL && image->id < 0)
            before = strcmp(image->name, name) < 0;
        else if (name == NULL)
            before = image->id >= 0 && image->id < id;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == dataset->image_count)
        return -1;
    const struct yt_dataset_image *image = &dataset->images[low];
    const int same = name != NULL
                         ? image->id < 0 && strcmp(image->name, name) == 0
                         : image->id == id && id >= 0;
    return same ? low : -1;
}

const char *yt_dataset_ambiguous(const struct yt_dataset *dataset)
{
    for (int32_t i = 1; i < dataset->image_count; i++) {
        const struct yt_dataset_image *a = &dataset->images[i - 1];
        const struct yt_dataset_image *b = &dataset->images[i];
        if (a->id == b->id && (a->id >= 0 || strcmp(a->name, b->name) == 0))
            return b->name;
    }
    return NULL;
}
