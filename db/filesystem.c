/* Paths and the file systems below them: where the database lives by default,
 * what cannot be one, and where WAL would be unsafe. */

#include "db/handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum yt_status yt_db_default_path(char *path_out, size_t path_cap)
{
    /* XDG Base Directory Specification: an unset, empty or relative value
     * means the default. */
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int length;
    if (data && data[0] == '/') {
        length = snprintf(path_out, path_cap, "%s/yolotune/results.db", data);
    } else {
        YT_FAIL_IF(!home || !*home, YT_NOT_FOUND,
                   "no place for the results database: neither XDG_DATA_HOME "
                   "nor HOME is set, and no path was given");
        length = snprintf(path_out, path_cap,
                          "%s/.local/share/yolotune/results.db", home);
    }
    YT_FAIL_IF(length < 0 || (size_t)length >= path_cap, YT_BAD_ARGUMENT,
               "the results database's path is longer than %zu bytes",
               path_cap - 1);
    return YT_OK;
}

enum yt_status yt_db_check_file(const char *path)
{
    struct stat info;
    YT_FAIL_IF(!*path, YT_BAD_ARGUMENT, "the database's path is empty");
    if (stat(path, &info) != 0) {
        const int cause = errno;
        if (cause == ENOENT)
            return yt_fail(YT_NOT_FOUND, "%s: there is no such database", path);
        return yt_fail(YT_IO, "%s: %s", path, strerror(cause));
    }
    YT_FAIL_IF(S_ISDIR(info.st_mode), YT_BAD_INPUT,
               "%s: is a folder, not a database", path);
    YT_FAIL_IF(!S_ISREG(info.st_mode), YT_BAD_INPUT,
               "%s: is not a regular file, so not a database", path);
    return YT_OK;
}

enum yt_status yt_db_make_folders(const char *path)
{
    char *folder = strdup(path);
    enum yt_status status = YT_OK;
    if (!folder)
        return yt_fail(YT_NO_MEMORY, "%s: out of memory", path);
    for (char *slash = strchr(folder + (*folder == '/'), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        /* 0700: the specification above asks for it. */
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            const int cause = errno;
            struct stat info;
            /* A read-only system may answer EROFS for a folder that exists. */
            if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
                status = yt_fail(YT_IO, "%s: the folder cannot be made: %s",
                                 folder, strerror(cause));
                break;
            }
        }
        *slash = '/';
    }
    free(folder);
    return status;
}

/* statfs(2) and linux/magic.h. FUSE may be anything, a network most often. */
static const struct {
    uint32_t type;
    const char *name;
} unsafe_filesystems[] = {
    {0x00006969, "nfs"},    {0x0000517b, "smb"},    {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},   {0x01021997, "9p"},     {0x65735546, "fuse"},
    {0x5346414f, "afs"},    {0x6b414653, "kafs"},   {0x73757245, "coda"},
    {0x0000564c, "ncp"},    {0x00c36400, "ceph"},   {0x01161970, "gfs2"},
    {0x7461636f, "ocfs2"},  {0x0bd00bd0, "lustre"}, {0x47504653, "gpfs"},
    {0x19830326, "beegfs"}, {0x786f4256, "vboxsf"}, {0xbacbacbc, "vmhgfs"},
    {0xaad7aaea, "panfs"},  {0x013111a8, "ibrix"},
};

int yt_db_wal_is_safe(int64_t statfs_type)
{
    /* f_type is a signed word on some machines: compare 32 bits. */
    for (size_t i = 0;
         i < sizeof unsafe_filesystems / sizeof unsafe_filesystems[0]; i++)
        if ((uint32_t)statfs_type == unsafe_filesystems[i].type)
            return 0;
    return 1;
}

int64_t yt_db_filesystem_type(const char *path)
{
    struct statfs info;
    return statfs(path, &info) == 0 ? (int64_t)info.f_type : 0;
}

char *yt_db_uri(const char *path, const char *parameters)
{
    /* https://sqlite.org/uri.html: '?' and '#' end a path, '%' escapes, and
     * "//" would start a host name. */
    while (path[0] == '/' && path[1] == '/')
        path++;
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (; *path; path++) {
        if (*path == '?' || *path == '#' || *path == '%')
            sqlite3_str_appendf(uri, "%%%02x", (unsigned char)*path);
        else
            sqlite3_str_appendchar(uri, 1, *path);
    }
    sqlite3_str_appendf(uri, "?%s", parameters);
    return sqlite3_str_finish(uri);
}
