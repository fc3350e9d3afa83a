#ifndef YT_DB_HANDLE_H
#define YT_DB_HANDLE_H

/* What the files of this folder share: the connection, its cached statements,
 * and how SQLite's codes become statuses with a sentence. */

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "db/db.h"
#include "runtime/fail.h"

enum yt_db_statement {
#define YT_STATEMENT(id, sql) YT_STATEMENT_##id,
#include "db/statements.inc"
#undef YT_STATEMENT
    YT_STATEMENT_COUNT
};

struct yt_db {
    sqlite3 *sql;
    char *path;
    int32_t timeout_ms;
    int immutable; /* 1: opened without locks, see open_read_only() */
    sqlite3_stmt *statements[YT_STATEMENT_COUNT]; /* NULL until first used */
};

/* --------------------------------------------------------------- errors.c */

/** Store "<path>: <cause>" for an SQLite result code of @p db's last call. */
enum yt_status yt_db_fail(const struct yt_db *db, int code);

/** The same without a struct yt_db. @p sql may be NULL. */
enum yt_status yt_db_fail_at(const char *path, int32_t timeout_ms, sqlite3 *sql,
                             int code);

/* ----------------------------------------------------------------- call.c */

/** One use of a cached statement. Errors stick: binding and stepping after one
 *  do nothing, and yt_db_call_end() reports it.
 *
 *      struct yt_db_call call;
 *      yt_db_call_begin(&call, db, YT_STATEMENT_PEAK_FIND);
 *      yt_db_bind_int(&call, host);
 *      while (yt_db_call_row(&call))
 *          ... sqlite3_column_int64(call.statement, 0) ...
 *      return yt_db_call_end(&call);
 */
struct yt_db_call {
    struct yt_db *db;
    sqlite3_stmt *statement;
    int bound; /* parameters bound so far */
    enum yt_status status;
};

void yt_db_call_begin(struct yt_db_call *call, struct yt_db *db,
                      enum yt_db_statement id);

/** Bind the next parameter. Text is borrowed until yt_db_call_end(). */
void yt_db_bind_int(struct yt_db_call *call, int64_t value);
void yt_db_bind_id(struct yt_db_call *call, int64_t id);         /* 0: NULL */
void yt_db_bind_real(struct yt_db_call *call, double value);     /* NAN: NULL */
void yt_db_bind_text(struct yt_db_call *call, const char *text); /* NULL: "" */
void yt_db_bind_filter(struct yt_db_call *call, const char *text);

/** Step: 1 when there is a row. */
int yt_db_call_row(struct yt_db_call *call);

/** Make the statement ready for its next use. */
enum yt_status yt_db_call_end(struct yt_db_call *call);

/** Step a statement whose only row is an id, and end it.
 *  @return YT_NOT_FOUND without a sentence when there is no row. */
enum yt_status yt_db_call_id(struct yt_db_call *call, int64_t *id_out);

/** Column as text, "" for NULL; as double, NAN for NULL. */
const char *yt_db_column_text(const struct yt_db_call *call, int column);
double yt_db_column_real(const struct yt_db_call *call, int column);

/** A transaction around one put: its own, or a savepoint inside the batch of
 *  yt_db_begin(). */
struct yt_db_scope {
    struct yt_db *db;
    int nested;
};

enum yt_status yt_db_scope_begin(struct yt_db_scope *scope, struct yt_db *db);

/** Keep the changes when @p status is YT_OK, undo them otherwise.
 *  @return @p status, or why the changes could not be kept. */
enum yt_status yt_db_scope_end(struct yt_db_scope *scope,
                               enum yt_status status);

/** Run a statement without parameters or rows. */
enum yt_status yt_db_exec(struct yt_db *db, const char *sql);

/** Run a statement of one number, e.g. "PRAGMA user_version". */
enum yt_status yt_db_exec_int(struct yt_db *db, const char *sql,
                              int64_t *value_out);

/** @p created_ms, or the clock's when it is 0. */
int64_t yt_db_stamp_ms(int64_t created_ms);

/* ----------------------------------------------------------- filesystem.c */

/** Refuse what cannot be a database file, in words better than SQLite's.
 *  @return YT_OK; YT_NOT_FOUND; YT_BAD_INPUT for folders, devices, ...; YT_IO.
 */
enum yt_status yt_db_check_file(const char *path);

/** Create the missing folders above @p path. */
enum yt_status yt_db_make_folders(const char *path);

/** 1 when a file system with this statfs() type can share memory between
 *  processes of one machine only, as WAL needs. */
int yt_db_wal_is_safe(int64_t statfs_type);

/** statfs() type of the file system that holds @p path; 0: unknown. */
int64_t yt_db_filesystem_type(const char *path);

/* URI parameters of files that are only read. */
#define YT_DB_SHARED    "mode=ro"
#define YT_DB_IMMUTABLE "mode=ro&immutable=1"

/** "file:<path, escaped>?<parameters>"; owned by the caller: sqlite3_free().
 *  NULL when out of memory. */
char *yt_db_uri(const char *path, const char *parameters);

/* ----------------------------------------------------------------- open.c */

/** Open without checks of the schema: flags, timeouts and limits are set.
 *  @param uri  from yt_db_uri(). */
enum yt_status yt_db_connect(const char *path, const char *uri, int flags,
                             struct yt_db **db_out);

#endif
