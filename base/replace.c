#include "base/replace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Where the new file goes: a link stays one, what it leads to is replaced.
 * @return 0; else an errno, also for a link to what has no name. */
static int place_of(const char *path, char **place_out)
{
    struct stat info;
    *place_out = realpath(path, NULL);
    if (*place_out)
        return 0;
    const int code = errno;
    if (lstat(path, &info) == 0)
        return code;
    *place_out = strdup(path);
    return *place_out ? 0 : ENOMEM;
}

/* Of our own output there is a reader who has it open: a new file in its place
 * would not reach him. */
static int is_own_output(const struct stat *info)
{
    struct stat own;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        if (fstat(fd, &own) == 0 && own.st_dev == info->st_dev &&
            own.st_ino == info->st_ino)
            return fd;
    return -1;
}

static int begin_beside(struct yt_replace *replace)
{
    struct yt_text beside = {0};
    yt_text_add(&beside, "%s.part", replace->place);
    if (beside.failed) {
        yt_text_free(&beside);
        return ENOMEM;
    }
    replace->beside = beside.at;
    (void)unlink(beside.at); /* of a process that was killed */
    replace->fd =
        open(beside.at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return replace->fd < 0 ? errno : 0;
}

int yt_replace_begin(const char *path, struct yt_replace *replace_out)
{
    struct stat info;
    struct yt_replace replace = {.fd = -1};
    const int stands = stat(path, &info) == 0;
    /* A device would be gone. */
    if (stands && !S_ISREG(info.st_mode))
        return EEXIST;
    const int own = stands ? is_own_output(&info) : -1;
    if (own >= 0) {
        (void)fflush(NULL);
        replace.fd = fcntl(own, F_DUPFD_CLOEXEC, 0);
        *replace_out = replace;
        return replace.fd < 0 ? errno : 0;
    }
    int code = place_of(path, &replace.place);
    if (!code)
        code = begin_beside(&replace);
    if (code) {
        free(replace.place);
        free(replace.beside);
        return code;
    }
    *replace_out = replace;
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

int yt_replace_end(struct yt_replace *replace, int keep)
{
    assert(replace->fd >= 0);
    int code = keep ? flush(replace->fd) : 0;
    if (close(replace->fd) != 0 && !code)
        code = errno;
    if (replace->beside) {
        if (keep && !code && rename(replace->beside, replace->place) != 0)
            code = errno;
        if (keep && !code)
            flush_folder(replace->place);
        else
            unlink(replace->beside);
    }
    free(replace->place);
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
    const int ended = yt_replace_end(&replace, !code);
    return code ? code : ended;
}

int yt_is_same_file(const char *a, const char *b)
{
    struct stat from, to;
    return stat(a, &from) == 0 && stat(b, &to) == 0 &&
           from.st_dev == to.st_dev && from.st_ino == to.st_ino;
}
