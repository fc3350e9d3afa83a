/* From a folder or a list to pictures, as YOLOv5's utils/dataloaders.py does
 * it: folders with all below them, lists with a path a line, and of both only
 * what is called like a picture. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

#define DEPTH_MAX 32 /* folders in folders */

/* A folder that is being read, and those that it is in. Links may lead back to
 * one of them: with two such links each level would have twice as many. */
struct walk {
    const struct walk *above;
    dev_t device;
    ino_t inode;
    int depth;
};

/* YOLOv5's endings, and the two more that are read here. Of another picture's
 * kind than eval/image.h reads, it is told as a problem, not passed over. */
static const char *const endings[] = {
    "bmp", "dng",  "jpeg", "jpg", "mpo", "png",
    "tif", "tiff", "webp", "pfm", "ppm", "pgm",
};

int yt_path_is_picture(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot == NULL || strchr(dot, '/') != NULL)
        return 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return 1;
    return 0;
}

static enum yt_status add_folder(struct yt_dataset *dataset, const char *path,
                                 const struct stat *info,
                                 const struct walk *above);

static enum yt_status add_entry(struct yt_dataset *dataset, const char *folder,
                                const char *name, const struct walk *walk)
{
    struct stat info;
    char *path = yt_path_join(folder, name);
    YT_FAIL_IF(path == NULL, YT_NO_MEMORY, "no memory for the data set");
    const int exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        const enum yt_status status = add_folder(dataset, path, &info, walk);
        free(path);
        return status;
    }
    if (yt_path_is_picture(path))
        return yt_dataset_add_image(dataset, path, NULL);
    free(path);
    return YT_OK;
}

static enum yt_status add_folder(struct yt_dataset *dataset, const char *path,
                                 const struct stat *info,
                                 const struct walk *above)
{
    const struct walk walk = {above, info->st_dev, info->st_ino,
                              above ? above->depth + 1 : 0};
    YT_FAIL_IF(walk.depth > DEPTH_MAX, YT_BAD_INPUT,
               "%s: folders more than %d deep", path, DEPTH_MAX);
    for (const struct walk *w = above; w != NULL; w = w->above)
        YT_FAIL_IF(w->device == walk.device && w->inode == walk.inode,
                   YT_BAD_INPUT, "%s: a link to a folder that it is in", path);
    DIR *folder = opendir(path);
    YT_FAIL_IF(folder == NULL, YT_IO, "%s: %s", path, strerror(errno));
    enum yt_status status = YT_OK;
    const struct dirent *entry;
    while (status == YT_OK && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.') /* as glob's "*" */
            status = add_entry(dataset, path, entry->d_name, &walk);
    closedir(folder);
    return status;
}

char *yt_path_listed(const char *folder, const char *line)
{
    if (strncmp(line, "./", 2) == 0)
        return yt_path_join(folder, line + 2);
    static const char data[] = "data/";
    struct stat info;
    char *path = yt_path_join(folder, line);
    if (path == NULL || line[0] == '/' || stat(path, &info) == 0)
        return path;
    char *other = stat(line, &info) == 0 ? strdup(line)
                  : strncmp(line, data, sizeof data - 1) == 0
                      ? yt_path_join(folder, line + sizeof data - 1)
                      : NULL;
    if (other == NULL || stat(other, &info) != 0) {
        free(other);
        return path;
    }
    free(path);
    return other;
}

char *yt_list_line(char **rest)
{
    for (char *line; (line = strsep(rest, "\r\n")) != NULL;) {
        line += strspn(line, " \t");
        size_t length = strlen(line);
        while (length > 0 && strchr(" \t", line[length - 1]) != NULL)
            line[--length] = '\0';
        if (length > 0)
            return line;
    }
    return NULL;
}

static enum yt_status add_list(struct yt_dataset *dataset, const char *path)
{
    char *text = NULL;
    YT_TRY(yt_text_read(path, &text));
    char *folder = yt_path_folder(path);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(folder == NULL, YT_NO_MEMORY, "no memory for the data set");
    char *rest = text;
    for (char *line; (line = yt_list_line(&rest)) != NULL;)
        if (yt_path_is_picture(line))
            YT_TRY_GOTO(yt_dataset_add_image(
                dataset, yt_path_listed(folder, line), NULL));
done:
    free(folder);
    free(text);
    return status;
}

enum yt_status yt_dataset_add_files(struct yt_dataset *dataset,
                                    const char *path)
{
    struct stat info;
    YT_FAIL_IF(stat(path, &info) != 0, YT_NOT_FOUND, "%s: %s", path,
               strerror(errno));
    if (S_ISDIR(info.st_mode))
        return add_folder(dataset, path, &info, NULL);
    const int32_t before = dataset->image_count;
    YT_TRY(add_list(dataset, path));
    YT_FAIL_IF(dataset->image_count == before, YT_NOT_FOUND,
               "%s: no line of this list names a picture", path);
    return YT_OK;
}
