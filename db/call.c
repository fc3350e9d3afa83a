/* Cached statements, bound and stepped with errors that stick, and the
 * transaction around each put. */

#include "base/now.h"
#include "db/handle.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <time.h>

static const char *const statement_sql[] = {
#define YT_STATEMENT(id, sql) [YT_STATEMENT_##id] = (sql),
#include "db/statements.inc"
#undef YT_STATEMENT
};

/* ------------------------------------------------------------------- calls */

static void check(struct yt_db_call *call, int code)
{
    if (code != SQLITE_OK && call->status == YT_OK)
        call->status = yt_db_fail(call->db, code);
}

void yt_db_call_begin(struct yt_db_call *call, struct yt_db *db,
                      enum yt_db_statement id)
{
    *call = (struct yt_db_call){.db = db, .status = YT_OK};
    if (!db->statements[id])
        check(call, sqlite3_prepare_v3(db->sql, statement_sql[id], -1,
                                       SQLITE_PREPARE_PERSISTENT,
                                       &db->statements[id], NULL));
    call->statement = db->statements[id];
}

void yt_db_bind_int(struct yt_db_call *call, int64_t value)
{
    call->bound++;
    if (call->status == YT_OK)
        check(call, sqlite3_bind_int64(call->statement, call->bound, value));
}

void yt_db_bind_id(struct yt_db_call *call, int64_t id)
{
    call->bound++;
    if (call->status == YT_OK && id != 0) /* unbound is NULL */
        check(call, sqlite3_bind_int64(call->statement, call->bound, id));
}

void yt_db_bind_real(struct yt_db_call *call, double value)
{
    call->bound++;
    if (call->status == YT_OK && !isnan(value))
        check(call, sqlite3_bind_double(call->statement, call->bound, value));
}

void yt_db_bind_text(struct yt_db_call *call, const char *text)
{
    yt_db_bind_filter(call, text ? text : "");
}

void yt_db_bind_filter(struct yt_db_call *call, const char *text)
{
    call->bound++;
    if (call->status == YT_OK && text)
        check(call, sqlite3_bind_text(call->statement, call->bound, text, -1,
                                      SQLITE_STATIC));
}

int yt_db_call_row(struct yt_db_call *call)
{
    if (call->status != YT_OK)
        return 0;
    assert(call->bound == sqlite3_bind_parameter_count(call->statement));
    errno = 0; /* see is_full() in errors.c */
    const int code = sqlite3_step(call->statement);
    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE)
        check(call, code);
    return 0;
}

enum yt_status yt_db_call_end(struct yt_db_call *call)
{
    if (call->statement) {
        sqlite3_reset(call->statement); /* repeats the error of the step */
        sqlite3_clear_bindings(call->statement);
    }
    return call->status;
}

enum yt_status yt_db_call_id(struct yt_db_call *call, int64_t *id_out)
{
    int found = 0;
    while (yt_db_call_row(call)) {
        *id_out = sqlite3_column_int64(call->statement, 0);
        found = 1;
    }
    YT_TRY(yt_db_call_end(call));
    return found ? YT_OK : YT_NOT_FOUND;
}

const char *yt_db_column_text(const struct yt_db_call *call, int column)
{
    const char *text =
        (const char *)sqlite3_column_text(call->statement, column);
    return text ? text : "";
}

double yt_db_column_real(const struct yt_db_call *call, int column)
{
    if (sqlite3_column_type(call->statement, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(call->statement, column);
}

/* ------------------------------------------------------------ transactions */

static enum yt_status run(struct yt_db *db, enum yt_db_statement id)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, id);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

enum yt_status yt_db_begin(struct yt_db *db)
{
    assert(sqlite3_get_autocommit(db->sql) && "transactions do not nest");
    /* IMMEDIATE takes the write lock first: two processes that both read and
     * then both want to write would have to give up instead of waiting. */
    return run(db, YT_STATEMENT_BEGIN);
}

enum yt_status yt_db_commit(struct yt_db *db)
{
    YT_FAIL_IF(sqlite3_get_autocommit(db->sql), YT_IO,
               "%s: an earlier failure has undone the transaction", db->path);
    const enum yt_status status = run(db, YT_STATEMENT_COMMIT);
    if (status != YT_OK)
        yt_db_rollback(db);
    return status;
}

void yt_db_rollback(struct yt_db *db)
{
    /* SQLite has already rolled back after some errors, a full disk say. */
    if (!sqlite3_get_autocommit(db->sql))
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

enum yt_status yt_db_scope_begin(struct yt_db_scope *scope, struct yt_db *db)
{
    scope->db = db;
    scope->nested = !sqlite3_get_autocommit(db->sql);
    return scope->nested ? run(db, YT_STATEMENT_SAVEPOINT) : yt_db_begin(db);
}

enum yt_status yt_db_scope_end(struct yt_db_scope *scope, enum yt_status status)
{
    struct yt_db *db = scope->db;
    if (!scope->nested) {
        if (status == YT_OK)
            return yt_db_commit(db);
        yt_db_rollback(db);
        return status;
    }
    if (status == YT_OK)
        return run(db, YT_STATEMENT_RELEASE);
    if (!sqlite3_get_autocommit(db->sql))
        sqlite3_exec(db->sql, "ROLLBACK TO put; RELEASE put", NULL, NULL, NULL);
    return status;
}

/* ---------------------------------------------------------------- one-offs */

enum yt_status yt_db_exec(struct yt_db *db, const char *sql)
{
    const int code = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? YT_OK : yt_db_fail(db, code);
}

enum yt_status yt_db_exec_int(struct yt_db *db, const char *sql,
                              int64_t *value_out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value_out = sqlite3_column_int64(statement, 0);
    const enum yt_status status =
        code == SQLITE_ROW ? YT_OK : yt_db_fail(db, code);
    sqlite3_finalize(statement);
    return status;
}

int64_t yt_db_stamp_ms(int64_t created_ms)
{
    return created_ms ? created_ms : yt_now_unix_ms();
}
