/* Lists, the best kernels, whole tables, and statements that people type. */

#include "db/browse.h"

#include <string.h>

#include "db/handle.h"
#include "db/migrate.h"
#include "db/output.h"

/* ------------------------------------------------------------------- lists */

/* In text a list shows the columns that fit a terminal. */
static const struct {
    const char *name;
    const char *summary;
    const char *columns;
} lists[] = {
    {"hosts", "machines that measured something",
     "id, cpu, physical_cores AS cores, logical_cores AS threads, quota_cpus,"
     " peak_gflops_1, peak_gflops, bandwidth_gbs, llvm, generator,"
     " measurements"},
    {"peaks", "each host's best GFLOP/s and GB/s", "*"},
    {"models", "networks, by what they compute",
     "id, name, format, params, gflop, imgsz, classes, plans"},
    {"plans", "tuned and baseline networks",
     "id, host, model, imgsz, isa, threads, precision, role, layers,"
     " layers_ms, gflops, stale, created"},
    {"quantisations", "what models' tensors were calibrated to, on what images",
     "*"},
    {"compressions", "networks made smaller, what that gained and cost",
     "id, host, model, kind, wish, imgsz, precision, gone, ms_before,"
     " ms_after, speedup, map_before, map_after, images, train_minutes,"
     " created"},
    {"layer_times", "each plan's layers, timed inside the network", "*"},
    {"evaluations", "frames per second, latency, memory, accuracy",
     "id, plan, model, imgsz, isa, threads, precision, role, fps, total_ms,"
     " total_p99_ms, network_ms, map, configuration, stale, created"},
    {"pareto_fronts", "configurations that none beats in both speed and mAP",
     "*"},
    {"recommendations", "what was advised, against which baseline",
     "id, scenario, model, imgsz, isa, threads, precision, fps, total_ms, map,"
     " baseline_fps, speedup, created"},
    {"measurements", "every kernel that was tried",
     "id, problem, schedule, isa, threads, outcome, min_us, median_us, mad_us,"
     " gflops, stale"},
    {"failures", "kernels that were wrong, crashed, timed out or spilled", "*"},
};

#define LIST_COUNT (sizeof lists / sizeof lists[0])

const char *yt_db_list_name(size_t index)
{
    return index < LIST_COUNT ? lists[index].name : NULL;
}

const char *yt_db_list_summary(size_t index)
{
    return index < LIST_COUNT ? lists[index].summary : NULL;
}

static enum yt_status prepare(struct yt_db *db, const char *sql,
                              sqlite3_stmt **statement_out)
{
    const int code = sqlite3_prepare_v2(db->sql, sql, -1, statement_out, NULL);
    return code == SQLITE_OK ? YT_OK : yt_db_fail(db, code);
}

/** Write one statement's rows as a document of one section. */
static enum yt_status write_rows(struct yt_db *db, const char *name,
                                 sqlite3_stmt *statement,
                                 enum yt_db_format format, FILE *to)
{
    struct yt_db_output output = {.db = db, .to = to, .format = format};
    yt_db_output_begin(&output);
    YT_TRY(yt_db_output_rows(&output, name, statement));
    return yt_db_output_end(&output);
}

/** The lists and how long they are. */
static enum yt_status write_overview(struct yt_db *db, enum yt_db_format format,
                                     FILE *to)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    for (size_t i = 0; i < LIST_COUNT; i++)
        sqlite3_str_appendf(
            sql,
            "%sSELECT %Q AS list, (SELECT count(*) FROM \"%w\") AS rows,"
            " %Q AS shows",
            i ? " UNION ALL " : "", lists[i].name, lists[i].name,
            lists[i].summary);
    char *text = sqlite3_str_finish(sql);
    YT_FAIL_IF(!text, YT_NO_MEMORY, "%s: out of memory", db->path);
    enum yt_status status = prepare(db, text, &statement);
    if (status == YT_OK)
        status = write_rows(db, "lists", statement, format, to);
    sqlite3_finalize(statement);
    sqlite3_free(text);
    return status;
}

enum yt_status yt_db_list(struct yt_db *db, const char *what,
                          enum yt_db_format format, FILE *to)
{
    if (!what)
        return write_overview(db, format, to);
    size_t i = 0;
    sqlite3_stmt *statement = NULL;
    char sql[512];
    while (i < LIST_COUNT && strcmp(lists[i].name, what) != 0)
        i++;
    YT_FAIL_IF(i == LIST_COUNT, YT_BAD_ARGUMENT, "%s: there is no such list",
               what);
    snprintf(sql, sizeof sql, "SELECT %s FROM %s",
             format == YT_DB_TEXT ? lists[i].columns : "*", lists[i].name);
    YT_TRY(prepare(db, sql, &statement));
    const enum yt_status status = write_rows(db, what, statement, format, to);
    sqlite3_finalize(statement);
    return status;
}

enum yt_status yt_db_best(struct yt_db *db, const char *problem,
                          enum yt_db_format format, FILE *to)
{
    sqlite3_stmt *statement = NULL;
    YT_TRY(prepare(db,
                   "SELECT * FROM best_kernels"
                   " WHERE ?1 IS NULL OR problem = ?1",
                   &statement));
    sqlite3_bind_text(statement, 1, problem, -1, SQLITE_STATIC);
    const enum yt_status status =
        write_rows(db, "best_kernels", statement, format, to);
    sqlite3_finalize(statement);
    return status;
}

/* ------------------------------------------------------------------ export */

static enum yt_status export_one(struct yt_db_output *output, const char *name)
{
    sqlite3_stmt *statement = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", name);
    YT_FAIL_IF(!sql, YT_NO_MEMORY, "%s: out of memory", output->db->path);
    enum yt_status status = prepare(output->db, sql, &statement);
    if (status == YT_OK)
        status = yt_db_output_rows(output, name, statement);
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return status;
}

enum yt_status yt_db_export(struct yt_db *db, const char *what,
                            enum yt_db_format format, FILE *to)
{
    struct yt_db_output output = {.db = db, .to = to, .format = format};
    enum yt_status status = YT_OK;
    sqlite3_stmt *names = NULL;
    int found = 0, code;
    /* Tables in the order of their creation: referred to before referring. */
    YT_TRY(prepare(db,
                   "SELECT name FROM sqlite_schema WHERE name NOT LIKE"
                   " 'sqlite_%' AND (name = ?1 AND type IN ('table', 'view')"
                   " OR ?1 IS NULL AND type = 'table') ORDER BY rowid",
                   &names));
    sqlite3_bind_text(names, 1, what, -1, SQLITE_STATIC);
    yt_db_output_begin(&output);
    if (!what && format == YT_DB_JSON) {
        fprintf(to, "\"application\": \"yolotune\",\n\"schema\": %d",
                (int)yt_db_schema_version());
        output.sections = 1;
    }
    while (status == YT_OK && (code = sqlite3_step(names)) != SQLITE_DONE) {
        found = 1;
        status = code == SQLITE_ROW
                     ? export_one(&output,
                                  (const char *)sqlite3_column_text(names, 0))
                     : yt_db_fail(db, code);
    }
    sqlite3_finalize(names);
    YT_TRY(status);
    YT_FAIL_IF(!found, YT_BAD_ARGUMENT, "%s: there is no such table or view",
               what ? what : db->path);
    return yt_db_output_end(&output);
}

/* --------------------------------------------------------------------- sql */

/** Reading, and the pragmas that describe tables. */
static int authorize(void *user, int action, const char *first,
                     const char *second, const char *schema,
                     const char *trigger)
{
    static const char *const pragmas[] = {
        "table_info",   "table_xinfo",      "table_list",
        "index_list",   "index_info",       "index_xinfo",
        "user_version", "foreign_key_list", "foreign_key_check",
        "quick_check",  "integrity_check",  "compile_options",
    };
    (void)user, (void)schema, (void)trigger;
    if (action == SQLITE_SELECT || action == SQLITE_READ ||
        action == SQLITE_RECURSIVE)
        return SQLITE_OK;
    /* Asked when json_each() and the like declare their columns. A statement
     * that really changes the schema fails sqlite3_stmt_readonly(). */
    if (action == SQLITE_UPDATE && sqlite3_stricmp(first, "sqlite_master") == 0)
        return SQLITE_OK;
    if (action == SQLITE_FUNCTION)
        return sqlite3_stricmp(second, "load_extension") ? SQLITE_OK
                                                         : SQLITE_DENY;
    if (action == SQLITE_PRAGMA)
        for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++)
            if (sqlite3_stricmp(first, pragmas[i]) == 0)
                return SQLITE_OK;
    return SQLITE_DENY;
}

/** Prepare the only statement of a text. */
static enum yt_status prepare_one(struct yt_db *db, const char *sql,
                                  sqlite3_stmt **statement_out)
{
    const char *rest = NULL;
    sqlite3_stmt *second = NULL;
    const int code = sqlite3_prepare_v2(db->sql, sql, -1, statement_out, &rest);
    YT_FAIL_IF((code & 0xff) == SQLITE_AUTH, YT_BAD_ARGUMENT,
               "SQL: only statements that read are allowed here");
    YT_FAIL_IF((code & 0xff) == SQLITE_ERROR, YT_BAD_ARGUMENT, "SQL: %s",
               sqlite3_errmsg(db->sql));
    if (code != SQLITE_OK)
        return yt_db_fail(db, code);
    YT_FAIL_IF(!*statement_out, YT_BAD_ARGUMENT, "SQL: there is no statement");

    /* Blanks and comments may follow; they prepare to nothing. */
    const int after = sqlite3_prepare_v2(db->sql, rest, -1, &second, NULL);
    const int more = after != SQLITE_OK || second;
    sqlite3_finalize(second);
    YT_FAIL_IF(more, YT_BAD_ARGUMENT, "SQL: only one statement is allowed");
    YT_FAIL_IF(!sqlite3_stmt_readonly(*statement_out), YT_BAD_ARGUMENT,
               "SQL: only statements that read are allowed here");
    return YT_OK;
}

enum yt_status yt_db_sql(struct yt_db *db, const char *sql,
                         enum yt_db_format format, FILE *to)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_set_authorizer(db->sql, authorize, NULL);
    enum yt_status status = prepare_one(db, sql, &statement);
    if (status == YT_OK) {
        status = write_rows(db, "rows", statement, format, to);
        /* Of the statement, not of the file: a number out of range, say. */
        if (status == YT_BAD_INPUT && sqlite3_errcode(db->sql) == SQLITE_ERROR)
            status =
                yt_fail(YT_BAD_ARGUMENT, "SQL: %s", sqlite3_errmsg(db->sql));
    }
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(db->sql, NULL, NULL);
    return status;
}
