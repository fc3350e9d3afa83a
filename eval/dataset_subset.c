/* A part of a data set: pictures at even distances, with their objects. What a
 * few of them say is cheap to ask first. */

#include "eval/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/dataset_build.h"
#include "model/digest.h"
#include "runtime/fail.h"

static enum yt_status copy_classes(const struct yt_dataset *from,
                                   struct yt_dataset *to)
{
    for (int32_t i = 0; i < from->class_count; i++)
        YT_TRY(yt_dataset_add_class(to, from->classes[i], from->categories[i]));
    return YT_OK;
}

static enum yt_status copy_image(const struct yt_dataset *from, int32_t i,
                                 struct yt_dataset *to)
{
    const struct yt_dataset_image *image = &from->images[i];
    YT_TRY(yt_dataset_add_image(to, strdup(image->path), image->name));
    const int32_t at = to->image_count - 1;
    to->images[at].id = image->id;
    to->images[at].width = image->width;
    to->images[at].height = image->height;
    to->images[at].left_out = image->left_out;
    to->images[at].in_shares = image->in_shares;
    for (int32_t k = 0; k < image->count; k++) {
        struct yt_truth truth = from->truths[image->first + k];
        truth.image = at;
        YT_TRY(yt_dataset_add_truth(to, &truth));
    }
    return YT_OK;
}

static enum yt_status fill(const struct yt_dataset *from, int32_t count,
                           struct yt_dataset *to)
{
    const int64_t all = from->image_count;
    to->name = strdup(from->name);
    YT_FAIL_IF(!to->name, YT_NO_MEMORY, "no memory for a data set");
    char text[80];
    const int length =
        snprintf(text, sizeof text, "%s part of %d", from->hash, (int)count);
    yt_digest_hex(text, (size_t)length, to->hash);
    YT_TRY(copy_classes(from, to));
    for (int64_t k = 0; k < count; k++)
        YT_TRY(copy_image(from, (int32_t)(k * all / count), to));
    return YT_OK;
}

enum yt_status yt_dataset_subset(const struct yt_dataset *dataset,
                                 int32_t count, struct yt_dataset **subset_out)
{
    struct yt_dataset *subset = calloc(1, sizeof *subset);
    YT_FAIL_IF(!subset, YT_NO_MEMORY, "no memory for a data set");
    if (count > dataset->image_count)
        count = dataset->image_count;
    const enum yt_status status = fill(dataset, count, subset);
    if (status != YT_OK) {
        yt_dataset_close(subset);
        return status;
    }
    *subset_out = subset;
    return YT_OK;
}
