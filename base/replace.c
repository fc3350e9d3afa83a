#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Where the new file goes: a link stays one, what it leads to is replaced.
 * NULL: out of memory. */
static char *place_of(const char *path)
{
    char *place = realpath(path, NULL);
    return place ? place : strdup(path);
}

int yt_replace_begin(const char *path, struct yt_replace *replace_out)
{
    struct stat info;
    struct yt_text beside = {0};
    /* A device would be gone. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return EEXIST;
    char *place = place_of(path);
    if (place)
        yt_text_add(&beside, "%s.part", place);
    free(place);
    if (!place || beside.failed) {
        yt_text_free(&beside);
        return ENOMEM;
    }
    (void)unlink(beside.at); /* of a process that was killed */
    const int fd =
        open(beside.at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        const int code = errno;
        yt_text_free(&beside);
        return code;
    }
    *replace_out = (struct yt_replace){.fd = fd, .beside = beside.at};
    return 0;
}

int yt_replace_write(const struct yt_replace *replace, const void *bytes,
                     size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t n = write(replace->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Some file systems cannot flush, which is no failure of ours. */
static int flush(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS ? 0 : errno;
}

/* The name is only safe once its folder is on the disk. */
static void flush_folder(const char *path)
{
    struct yt_text folder = {0};
    const char *slash = strrchr(path, '/');
    if (slash)
        yt_text_add(&folder, "%.*s", (int)(slash - path) + 1, path);
    else
        yt_text_add(&folder, ".");
    const int fd =
        open(yt_text_get(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)flush(fd);
        close(fd);
    }
    yt_text_free(&folder);
}

int yt_replace_end(const char *path, struct yt_replace *replace, int keep)
{
    char *place = place_of(path);
    int code = keep ? flush(replace->fd) : 0;
    if (close(replace->fd) != 0 && !code)
        code = errno;
    if (!place && !code)
        code = ENOMEM;
    if (keep && !code && rename(replace->beside, place) != 0)
        code = errno;
    if (keep && !code)
        flush_folder(place);
    else
        unlink(replace->beside);
    free(place);
    free(replace->beside);
    *replace = (struct yt_replace){.fd = -1};
    return code;
}

int yt_replace_file(const char *path, const void *bytes, size_t size)
{
    struct yt_replace replace;
    int code = yt_replace_begin(path, &replace);
    if (code)
        return code;
    code = yt_replace_write(&replace, bytes, size);
    const int ended = yt_replace_end(path, &replace, !code);
    return code ? code : ended;
}
