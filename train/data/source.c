/* See train/data/source.h. What is kept is never dropped: every epoch goes
 * through all pictures, so whatever was dropped for a picture would be needed
 * again before it. */

#include "train/data/source.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "eval/image.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"

struct entry {
    const char *path;           /* the data set's */
    int32_t image;              /* of the data set */
    int32_t stated_w, stated_h; /* 0: not known */
    int32_t first, count;       /* of the source's objects */
    struct yt_picture kept;     /* scaled; no pixels: not kept */
    int32_t width, height;      /* of the file; 0: not read yet */
    char *problem;              /* NULL: none known */
    int32_t is_news;            /* 1: the data set has not been told */
};

struct yt_source {
    struct entry *entries;
    int32_t count;
    struct yt_source_object *objects;
    int32_t object_count;
    struct yt_framing framing;

    pthread_mutex_t lock; /* of what follows and of the entries' lower half */
    int64_t keep_bytes;   /* left */
    int32_t news;         /* entries with is_news */
};

/* -------------------------------------------------------------- objects */

static double clip_share(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* 0: nothing to be learnt from: a crowd, or without area. */
static int take_object(const struct yt_truth *truth,
                       const struct yt_dataset_image *image,
                       struct yt_source_object *object_out)
{
    const double w = image->in_shares ? 1 : image->width;
    const double h = image->in_shares ? 1 : image->height;
    if (truth->crowd || !(w > 0 && h > 0))
        return 0;
    *object_out = (struct yt_source_object){
        .class_id = truth->class_id,
        .x0 = clip_share(truth->x / w),
        .y0 = clip_share(truth->y / h),
        .x1 = clip_share((truth->x + truth->w) / w),
        .y1 = clip_share((truth->y + truth->h) / h),
    };
    return object_out->x0 < object_out->x1 && object_out->y0 < object_out->y1;
}

static void take_image(struct yt_source *source,
                       const struct yt_dataset *dataset, int32_t i)
{
    const struct yt_dataset_image *image = &dataset->images[i];
    struct entry *entry = &source->entries[source->count++];
    entry->path = image->path;
    entry->image = i;
    entry->stated_w = image->width;
    entry->stated_h = image->height;
    entry->first = source->object_count;
    for (int32_t j = 0; j < image->count; j++)
        source->object_count +=
            take_object(&dataset->truths[image->first + j], image,
                        &source->objects[source->object_count]);
    entry->count = source->object_count - entry->first;
}

enum yt_status yt_source_open(const struct yt_dataset *dataset, int32_t h,
                              int32_t w, int64_t keep_bytes,
                              struct yt_source **source_out)
{
    assert(h >= 1 && w >= 1 && keep_bytes >= 0);
    const int32_t used = yt_dataset_used(dataset);
    YT_FAIL_IF(used == 0, YT_BAD_INPUT, "%s: no picture to train with",
               dataset->name);
    struct yt_source *source = calloc(1, sizeof *source);
    YT_FAIL_IF(source == NULL, YT_NO_MEMORY, "no memory for the pictures");
    pthread_mutex_init(&source->lock, NULL);
    source->framing = (struct yt_framing){
        .h = h, .w = w, .fit = YT_FIT_LETTERBOX, .filter = YT_FILTER_BILINEAR};
    source->keep_bytes = keep_bytes;
    source->entries = calloc((size_t)used, sizeof *source->entries);
    source->objects =
        calloc((size_t)dataset->truth_count + 1, sizeof *source->objects);
    if (source->entries == NULL || source->objects == NULL) {
        yt_source_close(source);
        return yt_fail(YT_NO_MEMORY, "no memory for %d pictures", used);
    }
    for (int32_t i = 0; i < dataset->image_count; i++)
        if (!dataset->images[i].left_out)
            take_image(source, dataset, i);
    *source_out = source;
    return YT_OK;
}

void yt_source_close(struct yt_source *source)
{
    if (source == NULL)
        return;
    for (int32_t i = 0; source->entries && i < source->count; i++) {
        yt_picture_deinit(&source->entries[i].kept);
        free(source->entries[i].problem);
    }
    free(source->entries);
    free(source->objects);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

int32_t yt_source_count(const struct yt_source *source)
{
    return source->count;
}

/* -------------------------------------------------------------- reading */

/* The content of the letterbox, without what surrounds it. */
static enum yt_status scale(const struct yt_picture *from,
                            const struct yt_framing *framing,
                            struct yt_picture *to_out)
{
    struct yt_letterbox_map map;
    yt_letterbox_map(framing, from->height, from->width, &map);
    const struct yt_framing content = {.h = map.content_h,
                                       .w = map.content_w,
                                       .fit = YT_FIT_STRETCH,
                                       .filter = framing->filter};
    const struct yt_problem problem = {
        .op = YT_OP_LETTERBOX,
        .dtype = YT_DTYPE_U8S8,
        .out = YT_DTYPE_U8S8,
        .u.letterbox = {.h = content.h, .w = content.w}};
    const struct yt_image image = {.pixels = from->rgb,
                                   .width = from->width,
                                   .height = from->height,
                                   .stride_bytes = 3 * (ptrdiff_t)from->width,
                                   .format = YT_PIXEL_RGB};
    void *tables =
        malloc((size_t)yt_letterbox_table_bytes(content.h, content.w));
    YT_FAIL_IF(tables == NULL, YT_NO_MEMORY, "no memory to scale a picture");
    const enum yt_status status = yt_picture_init(content.w, content.h, to_out);
    if (status == YT_OK) {
        struct yt_letterbox_args args;
        yt_letterbox_setup(&image, &content, &problem, tables, to_out->rgb,
                           &args);
        yt_letterbox_c(&args, 0, content.h);
    }
    free(tables);
    return status;
}

/* The size of the file is told also where it is not the one stated. */
static enum yt_status read_picture(const struct yt_source *source,
                                   const struct entry *entry,
                                   struct yt_picture *scaled_out,
                                   int32_t *width_out, int32_t *height_out)
{
    struct yt_picture picture = {0};
    YT_TRY(yt_picture_load_whole(entry->path, &picture));
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(entry->stated_w != 0 && (entry->stated_w != picture.width ||
                                             entry->stated_h != picture.height),
                    YT_BAD_INPUT,
                    "%s: %dx%d pixels, but the data set says %dx%d",
                    entry->path, picture.width, picture.height, entry->stated_w,
                    entry->stated_h);
    YT_TRY_GOTO(scale(&picture, &source->framing, scaled_out));
    *width_out = picture.width;
    *height_out = picture.height;
done:
    yt_picture_deinit(&picture);
    return status;
}

static void make_news(struct yt_source *source, struct entry *entry)
{
    source->news += !entry->is_news;
    entry->is_news = 1;
}

static int64_t bytes_of(const struct yt_picture *picture)
{
    return 3 * (int64_t)picture->width * picture->height;
}

/* Take note of what was read, locked. *scaled is the source's from then on if
 * it is kept. */
static void note_picture(struct yt_source *source, struct entry *entry,
                         const struct yt_picture *scaled, int32_t width,
                         int32_t height)
{
    if (entry->width == 0) {
        entry->width = width;
        entry->height = height;
        make_news(source, entry);
    }
    const int64_t bytes = bytes_of(scaled);
    if (entry->kept.rgb == NULL && bytes <= source->keep_bytes) {
        source->keep_bytes -= bytes;
        entry->kept = *scaled;
    }
}

/* Take note of why a picture cannot be read. */
static enum yt_status note_problem(struct yt_source *source,
                                   struct entry *entry)
{
    char *problem = strdup(yt_error());
    YT_FAIL_IF(problem == NULL, YT_NO_MEMORY, "no memory for the pictures");
    pthread_mutex_lock(&source->lock);
    if (entry->problem == NULL) {
        entry->problem = problem;
        problem = NULL;
        make_news(source, entry);
    }
    pthread_mutex_unlock(&source->lock);
    free(problem);
    return YT_OK;
}

static void hand_out(const struct yt_source *source, const struct entry *entry,
                     const struct yt_picture *scaled,
                     struct yt_source_picture *picture_out)
{
    *picture_out = (struct yt_source_picture){
        .rgb = scaled->rgb,
        .h = scaled->height,
        .w = scaled->width,
        .objects = &source->objects[entry->first],
        .count = entry->count,
        .is_kept = scaled->rgb == entry->kept.rgb,
    };
}

/* YT_BAD_INPUT and others for a picture that cannot be read. */
static enum yt_status take_one(struct yt_source *source, struct entry *entry,
                               struct yt_source_picture *picture_out)
{
    pthread_mutex_lock(&source->lock);
    const int is_bad = entry->problem != NULL;
    const int is_kept = !is_bad && entry->kept.rgb != NULL;
    if (is_kept)
        hand_out(source, entry, &entry->kept, picture_out);
    pthread_mutex_unlock(&source->lock);
    if (is_kept)
        return YT_OK;
    YT_FAIL_IF(is_bad, YT_BAD_INPUT, "%s: cannot be read", entry->path);

    struct yt_picture scaled = {0};
    int32_t width = 0, height = 0;
    const enum yt_status status =
        read_picture(source, entry, &scaled, &width, &height);
    if (status == YT_NO_MEMORY)
        return status;
    if (status != YT_OK) {
        YT_TRY(note_problem(source, entry));
        return status;
    }
    pthread_mutex_lock(&source->lock);
    note_picture(source, entry, &scaled, width, height);
    hand_out(source, entry, &scaled, picture_out);
    pthread_mutex_unlock(&source->lock);
    return YT_OK;
}

enum yt_status yt_source_take(struct yt_source *source, int32_t i,
                              struct yt_source_picture *picture_out)
{
    assert(i >= 0 && i < source->count);
    for (int32_t tried = 0; tried < source->count; tried++) {
        struct entry *entry = &source->entries[(i + tried) % source->count];
        const enum yt_status status = take_one(source, entry, picture_out);
        if (status == YT_OK || status == YT_NO_MEMORY)
            return status;
    }
    return yt_fail(YT_BAD_INPUT, "none of %d pictures can be read",
                   source->count);
}

void yt_source_give_back(struct yt_source_picture *picture)
{
    if (!picture->is_kept)
        free((uint8_t *)picture->rgb);
    memset(picture, 0, sizeof *picture);
}

enum yt_status yt_source_report(struct yt_source *source,
                                struct yt_dataset *dataset)
{
    enum yt_status status = YT_OK;
    pthread_mutex_lock(&source->lock);
    for (int32_t i = 0; i < source->count && source->news > 0; i++) {
        struct entry *entry = &source->entries[i];
        if (!entry->is_news)
            continue;
        entry->is_news = 0;
        source->news--;
        if (entry->problem != NULL)
            YT_TRY_GOTO(
                yt_dataset_leave_out(dataset, entry->image, entry->problem));
        else
            YT_TRY_GOTO(yt_dataset_set_size(dataset, entry->image, entry->width,
                                            entry->height));
    }
done:
    pthread_mutex_unlock(&source->lock);
    return status;
}
