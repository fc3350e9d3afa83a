/* See staging.h. Every failure names the path the user knows, DIR/..., not the
 * hidden folder. */

#include "export/staging.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/fail.h"

/* "a/b", owned by the caller; NULL without memory. */
static char *join(const char *a, const char *b)
{
    const size_t bytes = strlen(a) + strlen(b) + 2;
    char *path = malloc(bytes);
    if (path)
        snprintf(path, bytes, "%s/%s", a, b);
    return path;
}

static enum yt_status no_memory(void)
{
    return yt_fail(YT_NO_MEMORY, "out of memory while exporting");
}

/* Create one folder. It exists already: fine when it is one. */
static enum yt_status make_folder(struct yt_staging *s, const char *path)
{
    if (mkdir(path, 0777) == 0) {
        char *copy = strdup(path);
        if (!copy || s->made_count == YT_STAGING_FOLDERS_MAX) {
            free(copy);
            rmdir(path);
            return copy ? yt_fail(YT_BAD_ARGUMENT,
                                  "%s: too many folders to create", path)
                        : no_memory();
        }
        s->made[s->made_count++] = copy;
        return YT_OK;
    }
    const int cause = errno;
    struct stat info;
    if (cause == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return YT_OK;
    YT_FAIL_IF(cause == EEXIST || cause == ENOTDIR, YT_BAD_ARGUMENT,
               "%s: not a folder", path);
    return yt_fail(YT_IO, "%s: cannot create the folder: %s", path,
                   strerror(cause));
}

/* Create a folder and its missing parents. */
static enum yt_status make_folders(struct yt_staging *s, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return no_memory();
    enum yt_status status = YT_OK;
    for (char *c = copy; status == YT_OK && *c; c++)
        if (*c == '/' && c > copy) {
            *c = 0;
            status = make_folder(s, copy);
            *c = '/';
        }
    if (status == YT_OK)
        status = make_folder(s, copy);
    free(copy);
    return status;
}

enum yt_status yt_staging_begin(struct yt_staging *s, const char *dir)
{
    memset(s, 0, sizeof *s);
    YT_FAIL_IF(dir[0] == 0, YT_BAD_ARGUMENT, "the export's folder is empty");
    s->dir = strdup(dir);
    if (!s->dir)
        return no_memory();
    YT_TRY(make_folders(s, dir));

    char *temp = join(dir, ".yolotune-export-XXXXXX");
    if (!temp)
        return no_memory();
    if (!mkdtemp(temp)) {
        const int cause = errno;
        free(temp);
        return yt_fail(YT_IO, "%s: cannot write into this folder: %s", dir,
                       strerror(cause));
    }
    s->work = join(temp, "work");
    s->out = join(temp, "out");
    free(temp);
    if (!s->work || !s->out)
        return no_memory();
    YT_FAIL_IF(mkdir(s->work, 0777) != 0 || mkdir(s->out, 0777) != 0, YT_IO,
               "%s: cannot write into this folder: %s", dir, strerror(errno));
    return YT_OK;
}

enum yt_status yt_staging_add(struct yt_staging *s, const char *path)
{
    char *copy = strdup(path);
    if (!copy || s->file_count == YT_STAGING_FILES_MAX) {
        free(copy);
        return no_memory();
    }
    s->files[s->file_count++] = copy;

    char *slash = strrchr(copy, '/');
    if (!slash)
        return YT_OK;
    *slash = 0;
    char *folder = join(s->out, copy);
    *slash = '/';
    if (!folder)
        return no_memory();
    /* Below out/ only: its own folders are not to be remembered. */
    struct yt_staging local = {.made_count = 0};
    enum yt_status status = make_folders(&local, folder);
    for (size_t i = 0; i < local.made_count; i++)
        free(local.made[i]);
    free(folder);
    return status;
}

/* @p shown is how a message calls the file. */
static enum yt_status write_file(const char *path, const char *shown,
                                 const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    YT_FAIL_IF(!file, YT_IO, "%s: cannot be written: %s", shown,
               strerror(errno));
    const int short_write = fwrite(bytes, 1, size, file) != size;
    const int write_cause = errno;
    const int bad_close = fclose(file) != 0;
    YT_FAIL_IF(short_write || bad_close, YT_IO, "%s: cannot be written: %s",
               shown, strerror(short_write ? write_cause : errno));
    return YT_OK;
}

enum yt_status yt_staging_write(struct yt_staging *s, const char *path,
                                const void *bytes, size_t size)
{
    YT_TRY(yt_staging_add(s, path));
    char *full = join(s->out, path);
    char *shown = join(s->dir, path);
    enum yt_status status =
        full && shown ? write_file(full, shown, bytes, size) : no_memory();
    free(full);
    free(shown);
    return status;
}

enum yt_status yt_staging_write_work(const struct yt_staging *s,
                                     const char *name, const void *bytes,
                                     size_t size)
{
    char *full = join(s->work, name);
    if (!full)
        return no_memory();
    enum yt_status status = write_file(full, s->dir, bytes, size);
    free(full);
    return status;
}

long long yt_staging_bytes(const struct yt_staging *s, const char *path)
{
    char *full = join(s->out, path);
    struct stat info;
    const int there = full && stat(full, &info) == 0;
    free(full);
    return there ? (long long)info.st_size : -1;
}

enum yt_status yt_staging_commit(struct yt_staging *s)
{
    enum yt_status status = YT_OK;
    char *from = NULL, *to = NULL;
    for (int move = 0; move < 2; move++)
        for (size_t i = 0; i < s->file_count; i++) {
            from = join(s->out, s->files[i]);
            to = join(s->dir, s->files[i]);
            YT_FAIL_IF_GOTO(!from || !to, YT_NO_MEMORY,
                            "out of memory while exporting");
            struct stat info;
            if (!move) {
                char *slash = strrchr(to, '/');
                *slash = 0;
                YT_TRY_GOTO(make_folders(s, to));
                *slash = '/';
                YT_FAIL_IF_GOTO(lstat(to, &info) == 0 && S_ISDIR(info.st_mode),
                                YT_BAD_ARGUMENT,
                                "%s: a folder stands where a file belongs", to);
            } else {
                YT_FAIL_IF_GOTO(rename(from, to) != 0, YT_IO,
                                "%s: cannot be put in place: %s", to,
                                strerror(errno));
                s->committed = 1;
            }
            free(from);
            free(to);
            from = to = NULL;
        }
done:
    free(from);
    free(to);
    return status;
}

/* Remove a folder that this process filled: regular files and folders. */
static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    if (folder) {
        struct dirent *entry;
        while ((entry = readdir(folder))) {
            if (strcmp(entry->d_name, ".") == 0 ||
                strcmp(entry->d_name, "..") == 0)
                continue;
            char *child = join(path, entry->d_name);
            if (child && unlink(child) != 0)
                remove_tree(child);
            free(child);
        }
        closedir(folder);
    }
    rmdir(path);
}

void yt_staging_end(struct yt_staging *s)
{
    char *hidden = s->work ? s->work : s->out;
    if (hidden) {
        *strrchr(hidden, '/') = 0;
        remove_tree(hidden);
    }
    while (s->made_count > 0) {
        char *path = s->made[--s->made_count];
        if (!s->committed)
            rmdir(path);
        free(path);
    }
    while (s->file_count > 0)
        free(s->files[--s->file_count]);
    free(s->work);
    free(s->out);
    free(s->dir);
    memset(s, 0, sizeof *s);
}
