/* Opening: what a file must be before it is trusted, how it is brought up to
 * date, and which journal its file system allows. */

#include "db/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "db/migrate.h"

#define PATH_CAP           4096
#define TIMEOUT_MS         10000
#define JOURNAL_TIMEOUT_MS 1000
/* Of a value: a quantisation of the largest network with a learned rounding has
 * 16 MB of text. SQLite's own limit is a gigabyte. */
#define VALUE_BYTES_MAX (64 << 20)

/* STRICT tables came with 3.37, JSON in every build with 3.38. */
#if SQLITE_VERSION_NUMBER < 3038000
#error "yolotune needs SQLite 3.38 or newer"
#endif

/* -------------------------------------------------------------- connection */

enum yt_status yt_db_connect(const char *path, const char *uri, int flags,
                             struct yt_db **db_out)
{
    struct yt_db *db = calloc(1, sizeof *db);
    enum yt_status status = YT_OK;
    int code;
    YT_FAIL_IF(!db, YT_NO_MEMORY, "%s: out of memory", path);
    db->timeout_ms = TIMEOUT_MS;
    db->path = strdup(path);
    YT_FAIL_IF_GOTO(!db->path || !uri, YT_NO_MEMORY, "%s: out of memory", path);

    code = sqlite3_open_v2(
        uri, &db->sql, flags | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) {
        status = yt_db_fail(db, code);
        goto done;
    }
    sqlite3_busy_timeout(db->sql, db->timeout_ms);
    /* A file may come from anywhere: its schema runs nothing but plain SQL. */
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    *db_out = db;
    db = NULL;
done:
    yt_db_close(db);
    return status;
}

void yt_db_close(struct yt_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < YT_STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->sql);
    free(db->path);
    free(db);
}

int yt_db_is_read_only(const struct yt_db *db)
{
    return sqlite3_db_readonly(db->sql, "main") == 1;
}

const char *yt_db_path(const struct yt_db *db)
{
    return db->path;
}

void yt_db_set_timeout(struct yt_db *db, int32_t milliseconds)
{
    db->timeout_ms = milliseconds;
    sqlite3_busy_timeout(db->sql, milliseconds);
}

/* ------------------------------------------------------------------- trust */

/* Whether a statement is one of those that make our schema, of any version. */
static int is_ours(const char *sql)
{
    size_t count;
    const struct yt_db_migration *rows = yt_db_migrations(&count);
    for (size_t i = 0; sql && i < count; i++)
        if (strcmp(rows[i].sql, sql) == 0)
            return 1;
    return 0;
}

/** Refuse what would run by itself when rows are written or read: our schema
 *  has no triggers, and its views are known to the letter. */
static enum yt_status check_programs(struct yt_db *db)
{
    sqlite3_stmt *statement = NULL;
    enum yt_status status = YT_OK;
    int code = sqlite3_prepare_v2(db->sql,
                                  "SELECT type, name, sql FROM sqlite_schema"
                                  " WHERE type NOT IN ('table', 'index')",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    for (; code == SQLITE_ROW && status == YT_OK;
         code = sqlite3_step(statement)) {
        const char *type = (const char *)sqlite3_column_text(statement, 0);
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        if (!type || strcmp(type, "view") != 0 ||
            !is_ours((const char *)sqlite3_column_text(statement, 2)))
            status = yt_fail(YT_BAD_INPUT,
                             "%s: the database is damaged, or a stranger's: "
                             "its %.16s '%.64s' is not of our schema",
                             db->path, type ? type : "?", name ? name : "?");
    }
    if (status == YT_OK && code != SQLITE_DONE)
        status = yt_db_fail(db, code);
    sqlite3_finalize(statement);
    return status;
}

/** Refuse a database that is not ours or from the future.
 *  @param[out] version_out  0 for an empty file. */
static enum yt_status check_schema(struct yt_db *db, int32_t *version_out)
{
    /* One statement, so one snapshot: between two another process might
     * create the schema. */
    static const char sql[] =
        "SELECT (SELECT application_id FROM pragma_application_id),"
        " (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_schema)";
    sqlite3_stmt *statement = NULL;
    int64_t application = 0, version = 0, objects = 0;
    int code = sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        application = sqlite3_column_int64(statement, 0);
        version = sqlite3_column_int64(statement, 1);
        objects = sqlite3_column_int64(statement, 2);
    }
    const enum yt_status status =
        code == SQLITE_ROW ? YT_OK : yt_db_fail(db, code);
    sqlite3_finalize(statement);
    YT_TRY(status);

    const int is_new = application == 0 && version == 0 && objects == 0;
    YT_FAIL_IF(!is_new && application != YT_DB_APPLICATION_ID, YT_BAD_INPUT,
               "%s: is another program's database", db->path);
    YT_FAIL_IF(version > yt_db_schema_version(), YT_UNSUPPORTED,
               "%s: schema %d was written by a newer yolotune, this one knows "
               "schemas up to %d",
               db->path, (int)version, (int)yt_db_schema_version());
    YT_FAIL_IF(version < 0, YT_BAD_INPUT, "%s: schema %d does not exist",
               db->path, (int)version);
    *version_out = (int32_t)version;
    return check_programs(db);
}

/* ----------------------------------------------------------------- journal */

static void journal_mode(struct yt_db *db, const char *sql, char mode_out[16])
{
    sqlite3_stmt *statement = NULL;
    mode_out[0] = 0;
    if (sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        snprintf(mode_out, 16, "%s", text ? (const char *)text : "");
    }
    sqlite3_finalize(statement);
}

/** WAL where processes can share memory, a rollback journal elsewhere. The
 *  switch needs the file for itself; when others are at work it is left to a
 *  later opening: both modes are correct, WAL is faster. */
static enum yt_status choose_journal(struct yt_db *db)
{
    const int wal = yt_db_wal_is_safe(yt_db_filesystem_type(db->path));
    const char *want = wal ? "wal" : "delete";
    char mode[16];
    journal_mode(db, "PRAGMA journal_mode", mode);
    if (strcmp(mode, want) != 0) {
        sqlite3_busy_timeout(db->sql, JOURNAL_TIMEOUT_MS);
        /* SQLite may answer "busy" at once here, to avoid a deadlock. */
        for (int tries = 0; tries < 20 && strcmp(mode, want) != 0; tries++) {
            if (tries > 0)
                nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            journal_mode(db,
                         wal ? "PRAGMA journal_mode = WAL"
                             : "PRAGMA journal_mode = DELETE",
                         mode);
            if (!*mode && (sqlite3_errcode(db->sql) & 0xff) != SQLITE_BUSY)
                break;
        }
        sqlite3_busy_timeout(db->sql, db->timeout_ms);
    }
    if (wal && !*mode && (sqlite3_errcode(db->sql) & 0xff) != SQLITE_BUSY)
        journal_mode(db, "PRAGMA journal_mode = DELETE", mode);

    /* In WAL a power cut may take back the last commits at worst, and a kill
     * none; a rollback journal needs its syncs to stay sound. */
    return yt_db_exec(db, strcmp(mode, "wal") == 0
                              ? "PRAGMA synchronous = NORMAL"
                              : "PRAGMA synchronous = FULL");
}

/* -------------------------------------------------------------------- open */

static enum yt_status bring_up_to_date(struct yt_db *db, int32_t version)
{
    size_t count;
    const struct yt_db_migration *rows = yt_db_migrations(&count);
    return version < yt_db_schema_version() ? yt_db_migrate(db, rows, count)
                                            : YT_OK;
}

static enum yt_status open_read_write(const char *path, struct yt_db **db_out)
{
    struct yt_db *db = NULL;
    int32_t version = 0;
    YT_TRY(yt_db_make_folders(path));
    char *uri = yt_db_uri(path, "mode=rwc");
    enum yt_status status = yt_db_connect(
        path, uri, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db);
    sqlite3_free(uri);
    if (!db)
        goto done;
    YT_FAIL_IF_GOTO(sqlite3_db_readonly(db->sql, "main") == 1, YT_IO,
                    "%s: the file is read-only", path);
    YT_TRY_GOTO(check_schema(db, &version));
    YT_TRY_GOTO(choose_journal(db));
    YT_TRY_GOTO(bring_up_to_date(db, version));
    *db_out = db;
    db = NULL;
done:
    yt_db_close(db);
    return status;
}

/* The memdb file system shares a name that begins with a slash between the
 * connections of a process, and locks as a file does. */
static enum yt_status open_memory(struct yt_db **db_out)
{
    struct yt_db *db = NULL;
    int32_t version = 0;
    enum yt_status status =
        yt_db_connect(YT_DB_MEMORY, "file:/yolotune?vfs=memdb",
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db);
    if (!db)
        goto done;
    YT_TRY_GOTO(check_schema(db, &version));
    YT_TRY_GOTO(bring_up_to_date(db, version));
    *db_out = db;
    db = NULL;
done:
    yt_db_close(db);
    return status;
}

static enum yt_status try_read_only(const char *path, int immutable,
                                    struct yt_db **db_out, int32_t *version_out)
{
    struct yt_db *db = NULL;
    char *uri = yt_db_uri(path, immutable ? YT_DB_IMMUTABLE : YT_DB_SHARED);
    enum yt_status status = yt_db_connect(path, uri, SQLITE_OPEN_READONLY, &db);
    sqlite3_free(uri);
    if (!db)
        goto done;
    db->immutable = immutable;
    YT_TRY_GOTO(check_schema(db, version_out));
    *db_out = db;
    db = NULL;
done:
    yt_db_close(db);
    return status;
}

/** 1 when commits wait in the write-ahead log, outside the file itself. */
static int has_log(const char *path)
{
    struct stat info;
    char *log = sqlite3_mprintf("%s-wal", path);
    const int has = log && stat(log, &info) == 0 && info.st_size > 0;
    sqlite3_free(log);
    return has;
}

static enum yt_status open_read_only(const char *path, struct yt_db **db_out)
{
    int32_t version = 0;
    enum yt_status status = try_read_only(path, 0, db_out, &version);
    /* Reading in WAL mode needs a file of shared memory. On a read-only medium
     * there is none, and no writer either: immutable says so to SQLite. */
    if ((status == YT_IO || status == YT_NOT_FOUND) && !has_log(path))
        status = try_read_only(path, 1, db_out, &version);
    YT_TRY(status);
    if (version == yt_db_schema_version())
        return YT_OK;

    /* An older schema lacks what the queries name. */
    yt_db_close(*db_out);
    *db_out = NULL;
    struct yt_db *writer = NULL;
    YT_TRY(open_read_write(path, &writer));
    yt_db_close(writer);
    return try_read_only(path, 0, db_out, &version);
}

enum yt_status yt_db_open(const char *path, enum yt_db_mode mode,
                          struct yt_db **db_out)
{
    char default_path[PATH_CAP];
    if (!path) {
        YT_TRY(yt_db_default_path(default_path, sizeof default_path));
        path = default_path;
    }
    if (strcmp(path, YT_DB_MEMORY) == 0)
        return open_memory(db_out);
    const enum yt_status status = yt_db_check_file(path);
    if (status != YT_OK && (status != YT_NOT_FOUND || mode == YT_DB_READ_ONLY))
        return status;
    return mode == YT_DB_READ_ONLY ? open_read_only(path, db_out)
                                   : open_read_write(path, db_out);
}
