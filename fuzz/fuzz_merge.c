/* Databases of strangers: the bytes of a file as libFuzzer has them, or SQL
 * that another database was treated with, which reaches further. It is opened,
 * read and merged; what comes of that must be a sound database.
 *
 *     build-fuzz/fuzz/fuzz_merge fuzz/corpus/merge
 */

#include <sqlite3.h>

#include "db/browse.h"
#include "db/db.h"
#include "fuzz/place.h"

#define STEPS_MAX 200000 /* of SQLite's machine, for what an input may take */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int stop(void *ignored)
{
    (void)ignored;
    return 1;
}

/* A database of our schema, made once, and copies of it. */
static void copy_empty(const char *path)
{
    static uint8_t *bytes;
    static size_t size;
    if (!bytes) {
        struct yt_db *db = NULL;
        const char *empty = fuzz_path("empty.db");
        FILE *file;
        if (yt_db_open(empty, YT_DB_READ_WRITE, &db) != YT_OK)
            abort();
        yt_db_close(db);
        file = fopen(empty, "rb");
        if (!file || fseek(file, 0, SEEK_END) != 0)
            abort();
        size = (size_t)ftell(file);
        rewind(file);
        bytes = malloc(size);
        if (!bytes || fread(bytes, 1, size, file) != size)
            abort();
        fclose(file);
    }
    fuzz_write(path, bytes, size);
}

static void remove_database(const char *name)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", name, endings[i]);
        unlink(fuzz_path(path));
    }
}

static void run_sql(const char *path, const uint8_t *data, size_t size)
{
    sqlite3 *sql = NULL;
    char *text = strndup((const char *)data, size);
    if (!text || sqlite3_open(path, &sql) != SQLITE_OK)
        abort();
    /* The input may not reach beyond its file. */
    sqlite3_limit(sql, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(sql, SQLITE_LIMIT_LENGTH, 1 << 20);
    sqlite3_progress_handler(sql, STEPS_MAX, stop, NULL);
    sqlite3_exec(sql, text, NULL, NULL, NULL);
    sqlite3_close(sql);
    free(text);
}

static void check_sound(const char *path)
{
    sqlite3 *sql = NULL;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_open(path, &sql) != SQLITE_OK ||
        sqlite3_prepare_v2(sql,
                           "SELECT (SELECT count(*) FROM pragma_quick_check"
                           " WHERE quick_check <> 'ok') + (SELECT count(*)"
                           " FROM pragma_foreign_key_check)",
                           -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW ||
        sqlite3_column_int64(statement, 0) != 0)
        abort();
    sqlite3_finalize(statement);
    sqlite3_close(sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char header[] = "SQLite format 3";
    struct yt_db *db = NULL;
    struct yt_db_merged merged;
    remove_database("ours.db");
    remove_database("other.db");
    copy_empty("ours.db");
    if (size >= sizeof header && memcmp(data, header, sizeof header) == 0) {
        fuzz_write("other.db", data, size);
    } else {
        copy_empty("other.db");
        run_sql(fuzz_path("other.db"), data, size);
    }
    if (yt_db_open(fuzz_path("ours.db"), YT_DB_READ_WRITE, &db) != YT_OK)
        abort();
    fuzz_check(yt_db_merge(db, fuzz_path("other.db"), &merged));
    yt_db_close(db);
    check_sound(fuzz_path("ours.db"));
    db = NULL;
    fuzz_check(yt_db_open(fuzz_path("other.db"), YT_DB_READ_WRITE, &db));
    yt_db_close(db);
    return 0;
}
