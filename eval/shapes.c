/* The files of a data set of shapes. */

#include "eval/shapes.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "eval/shapes_scene.h"
#include "runtime/fail.h"

#define SIDE_DEFAULT 320
#define SPLITS       3

static const char *const split_names[SPLITS] = {"train", "val", "test"};

static int32_t split_count(const struct yt_shapes_options *options, int32_t i)
{
    const int32_t counts[SPLITS] = {options->train, options->val,
                                    options->test};
    return counts[i];
}

/* ---------------------------------------------------------------- files */

static enum yt_status make_folder(const char *path)
{
    YT_FAIL_IF(mkdir(path, 0777) != 0 && errno != EEXIST, YT_IO, "%s: %s", path,
               strerror(errno));
    return YT_OK;
}

/* What another set has left would be read with this one. */
static enum yt_status check_is_empty(const char *path)
{
    DIR *folder = opendir(path);
    YT_FAIL_IF(folder == NULL, YT_IO, "%s: %s", path, strerror(errno));
    int found = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        found |=
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    YT_FAIL_IF(found, YT_IO, "%s: the folder is not empty", path);
    return YT_OK;
}

/* A path of the set; the caller's to free. */
static enum yt_status path_of(char **path_out, const char *folder,
                              const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum yt_status path_of(char **path_out, const char *folder,
                              const char *format, ...)
{
    struct yt_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    yt_text_add(&text, "%s/", folder);
    yt_text_vadd(&text, format, arguments);
    va_end(arguments);
    if (text.failed) {
        yt_text_free(&text);
        return yt_fail(YT_NO_MEMORY, "no memory for the data set");
    }
    *path_out = text.at;
    return YT_OK;
}

static enum yt_status write_text(const char *path, const struct yt_text *text)
{
    YT_FAIL_IF(text->failed, YT_NO_MEMORY, "no memory for the data set");
    FILE *file = fopen(path, "we");
    YT_FAIL_IF(file == NULL, YT_IO, "%s: %s", path, strerror(errno));
    const int written = fputs(yt_text_get(text), file) >= 0;
    const int closed = fclose(file) == 0;
    YT_FAIL_IF(!written || !closed, YT_IO, "%s: %s", path, strerror(errno));
    return YT_OK;
}

static enum yt_status make_sub_folder(const char *folder, const char *kind,
                                      const char *split)
{
    char *path = NULL;
    YT_TRY(path_of(&path, folder, "%s%s%s", kind, *split ? "/" : "", split));
    const enum yt_status status = make_folder(path);
    free(path);
    return status;
}

static enum yt_status make_folders(const char *folder,
                                   const struct yt_shapes_options *options)
{
    static const char *const kinds[] = {"images", "labels"};
    YT_TRY(make_folder(folder));
    YT_TRY(check_is_empty(folder));
    for (int32_t k = 0; k < 2; k++) {
        YT_TRY(make_sub_folder(folder, kinds[k], ""));
        for (int32_t i = 0; i < SPLITS; i++)
            if (split_count(options, i) > 0)
                YT_TRY(make_sub_folder(folder, kinds[k], split_names[i]));
    }
    return YT_OK;
}

static enum yt_status write_yaml(const char *folder,
                                 const struct yt_shapes_options *options)
{
    struct yt_text text = {0};
    yt_text_add(&text, "path: .\n");
    for (int32_t i = 0; i < SPLITS; i++)
        if (split_count(options, i) > 0)
            yt_text_add(&text, "%s: images/%s\n", split_names[i],
                        split_names[i]);
    yt_text_add(&text, "names: {0: circle, 1: square, 2: triangle}\n");
    char *path = NULL;
    enum yt_status status = path_of(&path, folder, "shapes.yaml");
    if (status == YT_OK)
        status = write_text(path, &text);
    free(path);
    yt_text_free(&text);
    return status;
}

/* ------------------------------------------------------------- pictures */

/* " part/whole" to six digits, whatever the locale's point is. */
static void add_share(struct yt_text *text, int64_t part, int64_t whole)
{
    const int64_t millionths = (part * 1000000 + whole / 2) / whole;
    yt_text_add(text, " %d.%06d", (int)(millionths / 1000000),
                (int)(millionths % 1000000));
}

static void add_label(struct yt_text *text, const struct yt_shapes_box *box,
                      const struct yt_picture *picture)
{
    yt_text_add(text, "%d", (int)box->shape);
    add_share(text, box->x0 + box->x1, 2 * (int64_t)picture->width);
    add_share(text, box->y0 + box->y1, 2 * (int64_t)picture->height);
    add_share(text, box->x1 - box->x0, picture->width);
    add_share(text, box->y1 - box->y0, picture->height);
    yt_text_add(text, "\n");
}

/* @p canvas was drawn on. */
static enum yt_status write_picture(const char *folder, const char *split,
                                    int32_t number,
                                    const struct yt_canvas *canvas,
                                    const struct yt_shapes_box *boxes,
                                    int32_t count)
{
    enum yt_status status = YT_OK;
    struct yt_text text = {0};
    char *image = NULL;
    char *label = NULL;
    YT_TRY_GOTO(path_of(&image, folder, "images/%s/%d.jpg", split, number));
    YT_TRY_GOTO(path_of(&label, folder, "labels/%s/%d.txt", split, number));
    for (int32_t i = 0; i < count; i++)
        add_label(&text, &boxes[i], &canvas->picture);
    YT_TRY_GOTO(yt_picture_save(&canvas->picture, image));
    YT_TRY_GOTO(write_text(label, &text));
done:
    yt_text_free(&text);
    free(image);
    free(label);
    return status;
}

/* A picture's seed depends on its split and number alone, so that more of them
 * leave the others as they are. */
static uint64_t picture_seed(uint64_t seed, int32_t split, int32_t number)
{
    uint64_t state = seed;
    const uint64_t of_set = yt_random_next(&state);
    return of_set + ((uint64_t)split << 32 | (uint32_t)number) *
                        UINT64_C(0xd1342543de82ef95);
}

enum yt_status yt_shapes_write(const char *folder,
                               const struct yt_shapes_options *options)
{
    assert(options->train >= 0 && options->val >= 0 && options->test >= 0);
    assert(options->h >= 0 && options->w >= 0);
    const int32_t h = options->h ? options->h : SIDE_DEFAULT;
    const int32_t w = options->w ? options->w : SIDE_DEFAULT;
    YT_TRY(make_folders(folder, options));
    struct yt_canvas canvas = {0};
    enum yt_status status = YT_OK;
    for (int32_t split = 0; split < SPLITS; split++)
        for (int32_t i = 0; i < split_count(options, split); i++) {
            struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX];
            YT_TRY_GOTO(yt_canvas_init(&canvas, w, h,
                                       picture_seed(options->seed, split, i)));
            const int32_t count = yt_shapes_draw(&canvas, boxes);
            YT_TRY_GOTO(write_picture(folder, split_names[split], i, &canvas,
                                      boxes, count));
        }
    YT_TRY_GOTO(write_yaml(folder, options));
done:
    yt_canvas_deinit(&canvas);
    return status;
}
