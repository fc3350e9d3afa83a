/* SQLite's result codes in the words of someone who has a file and a disk. */

#include "db/handle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int means_full(int cause)
{
    return cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
}

/* A full disk shows as SQLITE_FULL mostly. A quota, and a journal or shared
 * memory that could not grow, are i/o errors, for which SQLite keeps errno,
 * except when a COMMIT met them: yt_db_call_row() has cleared errno before. */
static int is_full(int code, int cause)
{
    return (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR &&
            (means_full(cause) || (cause == 0 && means_full(errno))));
}

/** Why no file can be made beside @p path; 0 when nothing is known. SQLite asks
 *  for a file that exists once it could not make one: its errno is of that. */
static int folder_error(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path) + 1 : 0;
    if (snprintf(folder, sizeof folder, "%.*s.", length, path) >=
        (int)sizeof folder)
        return 0;
    return access(folder, W_OK) != 0 && errno != ENOENT ? errno : 0;
}

static enum yt_status fail_cantopen(const char *path, int cause)
{
    const int folder = cause == ENOENT ? folder_error(path) : 0;
    if (folder)
        return yt_fail(YT_IO, "%s: cannot be made: %s", path, strerror(folder));
    if (cause == ENOENT)
        return yt_fail(YT_NOT_FOUND, "%s: no such file or folder", path);
    if (cause == 0)
        return yt_fail(YT_IO, "%s: it or its journal cannot be opened", path);
    return yt_fail(YT_IO, "%s: it or its journal cannot be opened: %s", path,
                   strerror(cause));
}

static enum yt_status fail_constraint(const char *path, int code,
                                      const char *message)
{
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return yt_fail(YT_BAD_ARGUMENT,
                       "%s: the row refers to an id that is not there", path);
    return yt_fail(YT_BAD_ARGUMENT, "%s: the row breaks a rule: %s", path,
                   message);
}

enum yt_status yt_db_fail_at(const char *path, int32_t timeout_ms, sqlite3 *sql,
                             int code)
{
    const int cause = sql ? sqlite3_system_errno(sql) : 0;
    const int full = is_full(code, cause); /* first: it looks at errno */
    const char *message = sql ? sqlite3_errmsg(sql) : sqlite3_errstr(code);
    if (full)
        return yt_fail(YT_IO,
                       "%s: the disk is full or a quota is used up; what was "
                       "stored before is safe",
                       path);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return yt_fail(YT_BUSY,
                       "%s: another process has kept it locked for more than "
                       "%.3g s",
                       path, timeout_ms / 1e3);
    case SQLITE_READONLY:
        return yt_fail(YT_IO, "%s: the file or its folder is read-only", path);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return yt_fail(YT_BAD_ARGUMENT, "%s: %s", path, message);
    case SQLITE_CANTOPEN:
        return fail_cantopen(path, cause);
    case SQLITE_IOERR:
        return yt_fail(YT_IO, "%s: %s", path,
                       cause ? strerror(cause) : message);
    case SQLITE_CORRUPT:
        return yt_fail(YT_BAD_INPUT,
                       "%s: the database is damaged (%s); move it away, or "
                       "recover it with 'sqlite3 FILE .recover'",
                       path, message);
    case SQLITE_NOTADB:
        return yt_fail(YT_BAD_INPUT, "%s: not a database", path);
    case SQLITE_NOMEM:
        return yt_fail(YT_NO_MEMORY, "%s: out of memory", path);
    case SQLITE_CONSTRAINT:
        return fail_constraint(path, code, message);
    default:
        return yt_fail((code & 0xff) == SQLITE_ERROR ? YT_BAD_INPUT : YT_IO,
                       "%s: %s", path, message);
    }
}

enum yt_status yt_db_fail(const struct yt_db *db, int code)
{
    return yt_db_fail_at(db->path, db->timeout_ms, db->sql, code);
}
