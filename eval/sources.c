/* See eval/sources.h. The rules are those of YOLOv5 v7.0's LoadImages in
 * utils/dataloaders.py; lists name their lines as those of data sets do. */

#include "eval/sources.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

/* @param path takes ownership, also on failure; NULL is YT_NO_MEMORY. */
static enum yt_status add_path(struct yt_sources *sources, char *path)
{
    if (path && sources->count == sources->cap) {
        const int32_t more = sources->cap ? sources->cap * 2 : 64;
        char **bigger =
            realloc(sources->paths, (size_t)more * sizeof *sources->paths);
        if (bigger) {
            sources->paths = bigger;
            sources->cap = more;
        }
    }
    if (!path || sources->count == sources->cap) {
        free(path);
        return yt_fail(YT_NO_MEMORY, "no memory for a list of pictures");
    }
    sources->paths[sources->count++] = path;
    return YT_OK;
}

static int ends_in(const char *path, const char *ending)
{
    const char *dot = strrchr(path, '.');
    return dot && strcasecmp(dot, ending) == 0;
}

static int is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* YOLOv5's VID_FORMATS, and WebM. GIFs are pictures here. */
static int is_video(const char *path)
{
    static const char *const endings[] = {".asf", ".avi",  ".m4v", ".mkv",
                                          ".mov", ".mp4",  ".mpg", ".mpeg",
                                          ".ts",  ".webm", ".wmv"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_in(path, endings[i]))
            return 1;
    return 0;
}

/* "rtsp://..." */
static int is_address(const char *path)
{
    static const char scheme[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    const size_t length = strspn(path, scheme);
    return length > 1 && strncmp(path + length, "://", 3) == 0;
}

static int is_camera(const char *path)
{
    static const char device[] = "/dev/video";
    const char *number = path;
    if (strncmp(path, device, sizeof device - 1) == 0)
        number += sizeof device - 1;
    return *number && number[strspn(number, "0123456789")] == '\0' &&
           (number != path || !is_file(path));
}

enum yt_source_kind yt_source_kind(const char *path)
{
    if (is_address(path))
        return YT_SOURCE_ADDRESS;
    if (is_camera(path))
        return YT_SOURCE_CAMERA;
    return is_video(path) ? YT_SOURCE_VIDEO : YT_SOURCE_PICTURE;
}

/* GIFs are no pictures of data sets, but may be looked at. */
static int is_looked_at(const char *path)
{
    return yt_path_is_picture(path) || ends_in(path, ".gif") || is_video(path);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum yt_status add_folder(struct yt_sources *sources, const char *path)
{
    DIR *folder = opendir(path);
    YT_FAIL_IF(!folder, YT_IO, "%s: %s", path, strerror(errno));
    const int32_t before = sources->count;
    enum yt_status status = YT_OK;
    const struct dirent *entry;
    while (status == YT_OK && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && is_looked_at(entry->d_name))
            status = add_path(sources, yt_path_join(path, entry->d_name));
    closedir(folder);
    YT_TRY(status);
    YT_FAIL_IF(sources->count == before, YT_NOT_FOUND,
               "%s: no picture or video in this folder", path);
    qsort(sources->paths + before, (size_t)(sources->count - before),
          sizeof *sources->paths, compare_paths);
    return YT_OK;
}

static enum yt_status add_matches(struct yt_sources *sources,
                                  const char *pattern)
{
    glob_t found = {0};
    const int code = glob(pattern, 0, NULL, &found);
    const size_t count = code == 0 ? found.gl_pathc : 0;
    const int32_t before = sources->count;
    enum yt_status status = YT_OK;
    for (size_t i = 0; i < count && status == YT_OK; i++)
        if (is_looked_at(found.gl_pathv[i]))
            status = add_path(sources, strdup(found.gl_pathv[i]));
    globfree(&found);
    YT_TRY(status);
    YT_FAIL_IF(code == GLOB_NOSPACE, YT_NO_MEMORY,
               "no memory for a list of pictures");
    YT_FAIL_IF(sources->count == before, YT_NOT_FOUND,
               "%s: no picture or video is called like this", pattern);
    return YT_OK;
}

/* All but lists, which may not name lists. */
static enum yt_status add_place(struct yt_sources *sources, const char *what)
{
    struct stat info;
    YT_FAIL_IF(
        (strcmp(what, "screen") == 0 || strncmp(what, "screen ", 7) == 0) &&
            !is_file(what),
        YT_UNSUPPORTED, "%s: a screen is not looked at; record it into a video",
        what);
    if (is_address(what))
        return add_path(sources, strdup(what));
    if (stat(what, &info) != 0 && strpbrk(what, "*?["))
        return add_matches(sources, what);
    if (stat(what, &info) == 0 && S_ISDIR(info.st_mode))
        return add_folder(sources, what);
    return add_path(sources, strdup(what));
}

static enum yt_status add_lines(struct yt_sources *sources, const char *folder,
                                char *text)
{
    for (char *line; (line = yt_list_line(&text)) != NULL;) {
        char *path = yt_source_kind(line) < YT_SOURCE_ADDRESS
                         ? yt_path_listed(folder, line)
                         : strdup(line);
        YT_FAIL_IF(!path, YT_NO_MEMORY, "no memory for a list of pictures");
        const enum yt_status status = add_place(sources, path);
        free(path);
        YT_TRY(status);
    }
    return YT_OK;
}

static enum yt_status add_list(struct yt_sources *sources, const char *path)
{
    char *text = NULL;
    YT_TRY(yt_text_read(path, &text));
    char *folder = yt_path_folder(path);
    const int32_t before = sources->count;
    const enum yt_status status =
        folder ? add_lines(sources, folder, text)
               : yt_fail(YT_NO_MEMORY, "no memory for a list of pictures");
    free(folder);
    free(text);
    if (status != YT_OK)
        return yt_fail_prefix(status, "%s", path);
    YT_FAIL_IF(sources->count == before, YT_NOT_FOUND,
               "%s: this list names no picture", path);
    return YT_OK;
}

enum yt_status yt_sources_add(struct yt_sources *sources, const char *what)
{
    struct stat info;
    const int is_list = ends_in(what, ".txt") || ends_in(what, ".streams");
    if (is_list && !is_address(what) && stat(what, &info) == 0 &&
        !S_ISDIR(info.st_mode))
        return add_list(sources, what);
    return add_place(sources, what);
}

void yt_sources_deinit(struct yt_sources *sources)
{
    for (int32_t i = 0; i < sources->count; i++)
        free(sources->paths[i]);
    free(sources->paths);
    *sources = (struct yt_sources){0};
}

/* A file's name, as long as it counts, and whose it is. */
struct name {
    const char *text;
    size_t length;
    const char *path;
};

static int compare_names(const void *a_, const void *b_)
{
    const struct name *a = a_, *b = b_;
    const size_t shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->text, b->text, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static struct name name_of(const char *path, int stems)
{
    const char *slash = strrchr(path, '/');
    const char *text = slash ? slash + 1 : path;
    const char *dot = stems ? strrchr(text, '.') : NULL;
    return (struct name){
        text, dot && dot > text ? (size_t)(dot - text) : strlen(text), path};
}

enum yt_status yt_sources_twice(const struct yt_sources *sources, int stems,
                                const char **a_out, const char **b_out)
{
    const size_t count = (size_t)sources->count;
    struct name *names = calloc(count + 1, sizeof *names);
    YT_FAIL_IF(!names, YT_NO_MEMORY, "no memory for a list of pictures");
    for (size_t i = 0; i < count; i++)
        names[i] = name_of(sources->paths[i], stems);
    qsort(names, count, sizeof *names, compare_names);
    *a_out = *b_out = NULL;
    for (size_t i = 1; i < count && !*a_out; i++)
        if (compare_names(&names[i - 1], &names[i]) == 0) {
            *a_out = names[i - 1].path;
            *b_out = names[i].path;
        }
    free(names);
    return YT_OK;
}
