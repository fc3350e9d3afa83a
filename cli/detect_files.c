/* See cli/detect_files.h. */

#include "cli/detect_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/replace.h"
#include "base/text.h"
#include "cli/cli.h"
#include "eval/dataset_build.h"
#include "eval/image_draw.h"
#include "eval/labels.h"
#include "eval/results.h"
#include "runtime/fail.h"

#define LABELS "labels" /* the folder's name that YOLOv5 gives it */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum yt_status check_input(const char *file, const char *path)
{
    YT_FAIL_IF(yt_is_same_file(file, path), YT_BAD_ARGUMENT,
               "%s: the drawing would overwrite it; choose another --out",
               file);
    return YT_OK;
}

/* Where a picture's drawing goes: the same name in --out, as PNG when the
 * name's ending is not one that pictures are written as. */
static enum yt_status drawing_path(const struct yt_detect_files *o,
                                   const char *file, char *path, size_t size)
{
    static const char *const written[] = {".jpg", ".jpeg", ".png", ".ppm"};
    const char *name = base_name(file);
    const char *ending = strrchr(name, '.');
    const char *extra = ".png";
    for (size_t i = 0; ending && i < sizeof written / sizeof written[0]; i++)
        if (strcasecmp(ending, written[i]) == 0)
            extra = "";
    const int used = snprintf(path, size, "%s/%s%s", o->wish->out, name, extra);
    YT_FAIL_IF(used < 0 || (size_t)used >= size, YT_BAD_ARGUMENT,
               "%s: the name of its drawing is too long", file);
    return check_input(file, path);
}

/* A name without folders and ending, of an address without what file names
 * cannot hold. malloc'ed; NULL: no memory. */
static char *stem_of(const char *file)
{
    char *stem = yt_path_stem(file);
    if (!stem || yt_source_kind(file) != YT_SOURCE_ADDRESS)
        return stem;
    for (char *c = stem; *c; c++) /* as YOLOv5's clean_str() */
        if (strchr("|@#!$%&()=?^*;:,<>+\\\"'`~ \t", *c))
            *c = '_';
    if (*stem)
        return stem;
    free(stem);
    return strdup("stream");
}

/* What labels and results call a picture: a frame by its video and number, as
 * YOLOv5 does. malloc'ed; NULL: no memory. */
static char *name_of(const struct yt_detected *f)
{
    char *stem = stem_of(f->file);
    if (!stem || !f->is_frame)
        return stem;
    struct yt_text text = {0};
    yt_text_add(&text, "%s_%lld", stem, (long long)f->frame.number);
    free(stem);
    if (!text.failed)
        return text.at;
    yt_text_free(&text);
    return NULL;
}

static enum yt_status video_path(const struct yt_detect_files *o,
                                 const char *file, char *path, size_t size)
{
    char *stem = stem_of(file);
    YT_FAIL_IF(!stem, YT_NO_MEMORY, "no memory for a path");
    const int used = snprintf(path, size, "%s/%s.mp4", o->wish->out, stem);
    free(stem);
    YT_FAIL_IF(used < 0 || (size_t)used >= size, YT_BAD_ARGUMENT,
               "%s: the name of its drawing is too long", file);
    return check_input(file, path);
}

static enum yt_status end_video(struct yt_detect_files *o)
{
    struct yt_video_writer *writer = o->writer;
    o->writer = NULL;
    o->video = NULL;
    return yt_video_finish(writer);
}

static enum yt_status draw_frame(struct yt_detect_files *o,
                                 const struct yt_detected *f)
{
    char path[4096];
    if (!o->writer) {
        YT_TRY(video_path(o, f->file, path, sizeof path));
        YT_TRY(yt_video_create(path, f->picture.width, f->picture.height,
                               f->fps, &o->writer));
        o->video = f->file;
    }
    return yt_video_add(o->writer, &f->picture, f->frame.seconds);
}

static enum yt_status draw(struct yt_detect_files *o, struct yt_detected *f)
{
    char path[4096];
    if (!f->is_frame)
        YT_TRY(drawing_path(o, f->file, path, sizeof path));
    yt_picture_draw_boxes(&f->picture, f->boxes, f->count, o->info->class_names,
                          o->info->classes);
    return f->is_frame ? draw_frame(o, f) : yt_picture_save(&f->picture, path);
}

/* The same picture by the folder that its name leads to. malloc'ed; NULL: the
 * folder is not there. */
static char *resolve_folder(const char *file)
{
    char *folder = yt_path_folder(file);
    char *real = folder ? realpath(folder, NULL) : NULL;
    char *path = real ? yt_path_join(real, base_name(file)) : NULL;
    free(folder);
    free(real);
    return path;
}

/* Labels that people made are worth more than those of a model. They lie where
 * "images" leads to in a picture's name, which may begin with it or leave it to
 * the folder that the program runs in; a link on the way has two names. */
static enum yt_status check_truth(const char *file, const char *path)
{
    char *names[] = {yt_path_join(".", file), resolve_folder(file),
                     realpath(file, NULL)};
    int same = 0;
    int failed = !names[0];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *truth = names[i] ? yt_label_path(names[i]) : NULL;
        same |= truth && yt_is_same_file(truth, path);
        failed |= names[i] && !truth;
        free(truth);
        free(names[i]);
    }
    YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory for a path");
    YT_FAIL_IF(same, YT_BAD_ARGUMENT,
               "%s: its own labels would be overwritten; choose another --out",
               file);
    return YT_OK;
}

static enum yt_status save_labels(const struct yt_detect_files *o,
                                  const struct yt_detected *f)
{
    char path[4096];
    char *name = name_of(f);
    YT_FAIL_IF(!name, YT_NO_MEMORY, "no memory for a path");
    const int used =
        snprintf(path, sizeof path, "%s/" LABELS "/%s.txt", o->wish->out, name);
    free(name);
    YT_FAIL_IF(used < 0 || (size_t)used >= sizeof path, YT_BAD_ARGUMENT,
               "%s: the name of its labels is too long", f->file);
    if (!f->is_frame)
        YT_TRY(check_truth(f->file, path));
    return yt_labels_save(path, f->boxes, f->count, f->picture.width,
                          f->picture.height, o->wish->save_conf);
}

static enum yt_status add_coco(struct yt_detect_files *o,
                               const struct yt_detected *f)
{
    char *name = name_of(f);
    YT_FAIL_IF(!name, YT_NO_MEMORY, "no memory for a name");
    char *id = yt_results_image_id(name, yt_dataset_id_of(name));
    free(name);
    YT_FAIL_IF(!id, YT_BAD_INPUT,
               "%s: a name that is not UTF-8 cannot be written as JSON",
               f->file);
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &f->boxes[i];
        const struct yt_result result = {
            .x = (double)b->x0,
            .y = (double)b->y0,
            .w = (double)b->x1 - (double)b->x0,
            .h = (double)b->y1 - (double)b->y0,
            .score = (double)b->score,
        };
        fputs(o->coco_count++ ? ",\n" : "\n", o->coco);
        yt_results_write(o->coco, id, b->class_id, &result);
    }
    free(id);
    return YT_OK;
}

static enum yt_status make_folder(const char *path)
{
    YT_FAIL_IF(mkdir(path, 0777) != 0 && errno != EEXIST, YT_IO, "--out %s: %s",
               path, strerror(errno));
    return YT_OK;
}

static enum yt_status make_folders(const struct yt_detect_wish *wish)
{
    if (!wish->out)
        return YT_OK;
    YT_TRY(make_folder(wish->out));
    if (!wish->save_txt)
        return YT_OK;
    char *labels = yt_path_join(wish->out, LABELS);
    YT_FAIL_IF(!labels, YT_NO_MEMORY, "no memory for a path");
    const enum yt_status status = make_folder(labels);
    free(labels);
    return status;
}

/* -------------------------------------------------------------------- all */

static int has_video(const struct yt_sources *sources)
{
    for (int32_t i = 0; i < sources->count; i++)
        if (yt_source_kind(sources->paths[i]) != YT_SOURCE_PICTURE)
            return 1;
    return 0;
}

int yt_detect_files_check(const struct yt_detect_wish *wish,
                          const struct yt_sources *sources)
{
    /* Videos are all drawn as MP4. */
    const int stems = wish->save_txt || wish->coco || has_video(sources);
    const char *a = NULL;
    const char *b = NULL;
    if (!wish->out && !wish->coco)
        return -1;
    const enum yt_status status = yt_sources_twice(sources, stems, &a, &b);
    if (status != YT_OK)
        return yt_cli_fail(status);
    if (a)
        return yt_cli_usage("detect", "%s and %s would be %s", a, b,
                            wish->save_txt || wish->coco
                                ? "one picture in labels and results"
                                : "drawn into the same file");
    return -1;
}

enum yt_status yt_detect_files_open(struct yt_detect_files *files,
                                    const struct yt_detect_wish *wish,
                                    const struct yt_model_info *info)
{
    files->wish = wish;
    files->info = info;
    YT_TRY(make_folders(wish));
    if (!wish->coco)
        return YT_OK;
    files->coco = fopen(wish->coco, "we");
    YT_FAIL_IF(!files->coco, YT_IO, "%s: cannot write: %s", wish->coco,
               strerror(errno));
    fputs("[", files->coco);
    return YT_OK;
}

enum yt_status yt_detect_files_add(struct yt_detect_files *files,
                                   struct yt_detected *found)
{
    const struct yt_detect_wish *wish = files->wish;
    if (files->video && files->video != found->file)
        YT_TRY(end_video(files));
    if (wish->save_txt)
        YT_TRY(save_labels(files, found));
    if (files->coco)
        YT_TRY(add_coco(files, found));
    return wish->out && !wish->nosave ? draw(files, found) : YT_OK;
}

static enum yt_status close_coco(struct yt_detect_files *o)
{
    fputs("\n]\n", o->coco);
    const int failed = ferror(o->coco);
    const int closed = fclose(o->coco);
    o->coco = NULL;
    if (!failed && closed == 0)
        return YT_OK;
    remove(o->wish->coco);
    return yt_fail(YT_IO, "%s: cannot write all of it", o->wish->coco);
}

enum yt_status yt_detect_files_close(struct yt_detect_files *files)
{
    const enum yt_status ended = end_video(files);
    YT_TRY(files->coco ? close_coco(files) : YT_OK);
    return ended;
}
