/* Opening: what is made, what is refused and in which words, and migrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>

#include "db/handle.h"
#include "db/migrate.h"
#include "db_fixture.h"

static int setup(void **state)
{
    static struct fixture fixture;
    fixture_make(&fixture);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    f->db = NULL;
    return 0;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *path, enum yt_db_mode mode,
                           enum yt_status status, const char *words)
{
    struct yt_db *db = NULL;
    assert_int_equal(yt_db_open(path, mode, &db), status);
    assert_null(db);
    if (!strstr(yt_error(), words) || !strstr(yt_error(), path))
        fail_msg("expected '%s' and the path in: %s", words, yt_error());
}

/* -------------------------------------------------------------------- paths */

static void default_path_follows_xdg(void **state)
{
    struct fixture *f = *state;
    char path[256], want[256];
    setenv("XDG_DATA_HOME", f->folder, 1);
    assert_ok(yt_db_default_path(path, sizeof path));
    snprintf(want, sizeof want, "%s/yolotune/results.db", f->folder);
    assert_string_equal(path, want);
    assert_int_equal(yt_db_default_path(path, 20), YT_BAD_ARGUMENT);

    assert_ok(yt_db_open(NULL, YT_DB_READ_WRITE, &f->db));
    assert_string_equal(yt_db_path(f->db), want);
    assert_int_equal(access(want, R_OK | W_OK), 0);

    setenv("HOME", "/home/someone", 1);
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_ok(yt_db_default_path(path, sizeof path));
    assert_string_equal(path, "/home/someone/.local/share/yolotune/results.db");
    unsetenv("XDG_DATA_HOME");
    assert_ok(yt_db_default_path(path, sizeof path));
    assert_string_equal(path, "/home/someone/.local/share/yolotune/results.db");
    unsetenv("HOME");
    assert_int_equal(yt_db_default_path(path, sizeof path), YT_NOT_FOUND);
}

/* One for all handles of the process, and no file anywhere. */
static void memory_is_a_database(void **state)
{
    (void)state;
    struct yt_db *a = NULL, *b = NULL;
    struct yt_db_here here = {0}, again = {0};
    assert_ok(yt_db_open(YT_DB_MEMORY, YT_DB_READ_WRITE, &a));
    assert_string_equal(yt_db_path(a), YT_DB_MEMORY);
    assert_ok(yt_db_host_put(a, &fixture_host, &here));
    assert_ok(yt_db_open(YT_DB_MEMORY, YT_DB_READ_ONLY, &b));
    assert_ok(yt_db_host_find(b, &fixture_host, &again));
    assert_memory_equal(&here, &again, sizeof here);
    yt_db_close(a);
    yt_db_close(b);
    assert_int_not_equal(access(YT_DB_MEMORY, F_OK), 0);
    assert_ok(yt_db_open(YT_DB_MEMORY, YT_DB_READ_WRITE, &a));
    assert_ok(yt_db_host_find(a, &fixture_host, &again));
    assert_int_equal(again.host, 0);
    yt_db_close(a);
}

static void folders_are_made(void **state)
{
    struct fixture *f = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/a/b b/c?d#e%%f/x.db", f->folder);
    assert_ok(yt_db_open(path, YT_DB_READ_WRITE, &f->db));
    assert_int_equal(access(path, R_OK | W_OK), 0);
    yt_db_close(f->db);
    f->db = NULL;
    assert_ok(yt_db_open(path, YT_DB_READ_ONLY, &f->db));
}

static void file_in_the_way_is_named(void **state)
{
    struct fixture *f = *state;
    char path[256];
    write_file(f->path, "x", 1);
    snprintf(path, sizeof path, "%s/sub/x.db", f->path);
    assert_refused(path, YT_DB_READ_WRITE, YT_IO, "Not a directory");
}

static void network_file_systems_get_no_wal(void **state)
{
    (void)state;
    assert_true(yt_db_wal_is_safe(0xef53));      /* ext */
    assert_true(yt_db_wal_is_safe(0x01021994));  /* tmpfs */
    assert_true(yt_db_wal_is_safe(0x58465342));  /* xfs */
    assert_true(yt_db_wal_is_safe(0x9123683e));  /* btrfs */
    assert_true(yt_db_wal_is_safe(0));           /* unknown */
    assert_false(yt_db_wal_is_safe(0x6969));     /* nfs */
    assert_false(yt_db_wal_is_safe(0xff534d42)); /* cifs */
    assert_false(yt_db_wal_is_safe((int32_t)0xff534d42));
    assert_false(yt_db_wal_is_safe(0x01021997)); /* 9p */
    assert_int_not_equal(yt_db_filesystem_type("/"), 0);
}

static void journal_fits_the_file_system(void **state)
{
    struct fixture *f = *state;
    char mode[16] = "";
    sqlite3_stmt *statement = NULL;
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(sqlite3_prepare_v2(f->db->sql, "PRAGMA journal_mode", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(
        mode, sizeof mode, "%s",
        yt_db_column_text(&(struct yt_db_call){.statement = statement}, 0));
    sqlite3_finalize(statement);
    assert_string_equal(mode, yt_db_wal_is_safe(yt_db_filesystem_type(f->path))
                                  ? "wal"
                                  : "delete");
}

/* ----------------------------------------------------------------- refusals */

static void what_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    memset(text, 'x', sizeof text);
    assert_refused(f->path, YT_DB_READ_ONLY, YT_NOT_FOUND, "no such database");
    assert_refused(f->folder, YT_DB_READ_WRITE, YT_BAD_INPUT, "is a folder");
    assert_refused("/dev/null", YT_DB_READ_WRITE, YT_BAD_INPUT,
                   "not a regular file");
    write_file(f->path, text, sizeof text);
    assert_refused(f->path, YT_DB_READ_WRITE, YT_BAD_INPUT, "not a database");
    assert_refused(f->path, YT_DB_READ_ONLY, YT_BAD_INPUT, "not a database");
    assert_int_equal(yt_db_open("", YT_DB_READ_WRITE, &f->db), YT_BAD_ARGUMENT);
}

static void other_programs_are_left_alone(void **state)
{
    struct fixture *f = *state;
    run_sql(f->path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    assert_refused(f->path, YT_DB_READ_WRITE, YT_BAD_INPUT,
                   "another program's");
    run_sql(f->path, "INSERT INTO theirs VALUES (2)");
    run_sql(f->path, "DROP TABLE theirs; PRAGMA user_version = 3");
    assert_refused(f->path, YT_DB_READ_WRITE, YT_BAD_INPUT,
                   "another program's");
}

static void newer_schemas_are_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_open(f);
    yt_db_close(f->db);
    f->db = NULL;
    run_sql(f->path, "PRAGMA user_version = 99");
    assert_refused(f->path, YT_DB_READ_WRITE, YT_UNSUPPORTED,
                   "schema 99 was written by a newer yolotune");
    assert_refused(f->path, YT_DB_READ_ONLY, YT_UNSUPPORTED, "schema 99");
}

static void damage_is_said(void **state)
{
    struct fixture *f = *state;
    struct yt_db_measurement m;
    char junk[4096];
    long size;
    fixture_close(f);
    fixture_open(f);
    fixture_fill(f);
    yt_db_close(f->db);
    f->db = NULL;

    /* Page 1 says who we are; all others become noise. */
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    memset(junk, 0xa5, sizeof junk);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    assert_true(size > 8192);
    for (long at = 4096; at < size; at += 4096) {
        fseek(file, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, 4096, file), 4096);
    }
    fclose(file);

    enum yt_status status = yt_db_open(f->path, YT_DB_READ_WRITE, &f->db);
    if (status == YT_OK) {
        m = fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
        status = yt_db_measurement_put(f->db, &m, NULL);
    }
    assert_int_equal(status, YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "damaged"));
    assert_non_null(strstr(yt_error(), f->path));
}

/** Run @p body as a user whom file permissions bind. */
static void as_nobody(struct fixture *f, void (*body)(struct fixture *))
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(77);
        body(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/** For children: what fails there is a message and an exit code. */
static void need(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %s\n", what, yt_error());
    _exit(1);
}

static void open_read_only_file(struct fixture *f)
{
    struct yt_db *db = NULL;
    need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_IO, "read-only file");
    need(strstr(yt_error(), "read-only") != NULL, "words");
    need(strstr(yt_error(), f->path) != NULL, "path");
    need(yt_db_open(f->path, YT_DB_READ_ONLY, &db) == YT_OK, "reading");
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m1", 1000);
    need(yt_db_measurement_put(db, &m, NULL) == YT_IO, "put");
    need(strstr(yt_error(), "read-only") != NULL, "words of put");
    yt_db_close(db);

    char path[512];
    snprintf(path, sizeof path, "%s/new.db", f->folder);
    need(yt_db_open(path, YT_DB_READ_WRITE, &db) == YT_IO, "read-only folder");
    need(strstr(yt_error(), path) != NULL, "path of a new file");
    need(strstr(yt_error(), "read-only") != NULL ||
             strstr(yt_error(), "Permission denied") != NULL,
         "words of a new file");
}

static void read_only_files_can_be_read(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_open(f);
    yt_db_close(f->db);
    f->db = NULL;
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(chmod(f->folder, 0555), 0);
    as_nobody(f, open_read_only_file);
    assert_int_equal(chmod(f->folder, 0755), 0);
}

static void open_unreadable_file(struct fixture *f)
{
    struct yt_db *db = NULL;
    need(yt_db_open(f->path, YT_DB_READ_WRITE, &db) == YT_IO, "no permission");
    need(strstr(yt_error(), "Permission denied") != NULL, "words");
    need(yt_db_open(f->path, YT_DB_READ_ONLY, &db) == YT_IO, "no permission");
    need(strstr(yt_error(), "Permission denied") != NULL, "words");
}

static void missing_permission_is_said(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_open(f);
    yt_db_close(f->db);
    f->db = NULL;
    assert_int_equal(chmod(f->path, 0), 0);
    assert_int_equal(chmod(f->folder, 0755), 0);
    as_nobody(f, open_unreadable_file);
}

/* --------------------------------------------------------------- migrations */

static const struct yt_db_migration steps[] = {
    {101, "CREATE TABLE extra (x INTEGER) STRICT"},
    {101, "INSERT INTO extra VALUES (1)"},
    {102, "ALTER TABLE extra ADD COLUMN y INTEGER"},
    {102, "UPDATE extra SET y = x + 1"},
};

static const struct yt_db_migration broken_steps[] = {
    {103, "INSERT INTO extra VALUES (5, 6)"},
    {103, "INSERT INTO no_such_table VALUES (1)"},
};

static int64_t number(struct yt_db *db, const char *sql)
{
    int64_t value = -1;
    assert_ok(yt_db_exec_int(db, sql, &value));
    return value;
}

static void migrations_apply_once_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    assert_int_equal(number(f->db, "PRAGMA user_version"),
                     yt_db_schema_version());
    assert_int_equal(number(f->db, "PRAGMA application_id"),
                     YT_DB_APPLICATION_ID);
    assert_int_equal(number(f->db, "PRAGMA foreign_keys"), 1);

    assert_ok(yt_db_migrate(f->db, steps, 4));
    assert_ok(yt_db_migrate(f->db, steps, 4)); /* nothing is left to do */
    assert_int_equal(number(f->db, "PRAGMA user_version"), 102);
    assert_int_equal(number(f->db, "SELECT sum(y) FROM extra"), 2);

    assert_int_equal(yt_db_migrate(f->db, broken_steps, 2), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "migrating to schema 103"));
    assert_int_equal(number(f->db, "PRAGMA user_version"), 102);
    assert_int_equal(number(f->db, "SELECT count(*) FROM extra"), 1);
}

/* A file of the first release: its rows live on, and new columns are unset. */
static void the_first_schema_is_brought_up_to_date(void **state)
{
    struct fixture *f = *state;
    size_t count;
    const struct yt_db_migration *rows = yt_db_migrations(&count);
    for (size_t i = 0; i < count && rows[i].version == 1; i++)
        run_sql(f->path, rows[i].sql);
    run_sql(f->path,
            "INSERT INTO toolchain VALUES (1, '19', 'g');"
            "INSERT INTO host VALUES (1, 'f', 'a', 'v', 'b', 1, 1, 1, '', 1,"
            " 1, 0, 0, 0, 1, NULL, '', 1, 0, 0);"
            "INSERT INTO model VALUES (1, 'ff', 'n', 'pt', 1, 1, 640, 80);"
            "INSERT INTO plan VALUES (1, 7, 1, 1, 1, 640, 640, 'avx2', 1,"
            " 'f32', 'tuned', 't', 0);"
            "INSERT INTO evaluation (uid, plan_id, fps, samples, arena_bytes,"
            " blob_bytes, rss_bytes, dataset, dataset_hash, images,"
            " created_ms) VALUES (8, 1, 50, 9, 0, 0, 0, '', '', 0, 0);"
            "INSERT INTO recommendation VALUES (1, 9, 'edge', '{}', 1, NULL,"
            " '[]', 0);"
            "PRAGMA user_version = 1; PRAGMA application_id = 1498694722");
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    assert_int_equal(number(f->db, "PRAGMA user_version"),
                     yt_db_schema_version());
    assert_int_equal(number(f->db, "SELECT fps FROM evaluations WHERE"
                                   " configuration = '' AND memory_mib = 0"),
                     50);
    assert_int_equal(number(f->db, "SELECT fps FROM recommendations"), 50);
    int64_t model = 0;
    assert_ok(yt_db_model_find(f->db, "0123", "ff", &model));
    assert_int_equal(model, 1);
}

static void readers_get_a_schema_to_read(void **state)
{
    struct fixture *f = *state;
    write_file(f->path, "", 0); /* schema 0: older than any */
    assert_ok(yt_db_open(f->path, YT_DB_READ_ONLY, &f->db));
    assert_int_equal(number(f->db, "SELECT count(*) FROM measurements"), 0);
    assert_int_equal(number(f->db, "PRAGMA user_version"),
                     yt_db_schema_version());
}

static void all_tables_are_strict(void **state)
{
    struct fixture *f = *state;
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    assert_int_equal(number(f->db, "SELECT count(*) FROM pragma_table_list"
                                   " WHERE schema = 'main' AND type = 'table'"
                                   " AND name NOT LIKE 'sqlite_%'"
                                   " AND NOT strict"),
                     0);
    assert_int_equal(number(f->db, "SELECT count(*) FROM pragma_table_list"
                                   " WHERE schema = 'main' AND strict"),
                     17);
}

static void migration_rows_are_in_order(void **state)
{
    (void)state;
    size_t count;
    const struct yt_db_migration *rows = yt_db_migrations(&count);
    int32_t version = 1;
    assert_int_equal(rows[0].version, 1);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].version == version ||
                    rows[i].version == version + 1);
        version = rows[i].version;
    }
    assert_int_equal(version, yt_db_schema_version());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(default_path_follows_xdg),
        TEST(memory_is_a_database),
        TEST(folders_are_made),
        TEST(file_in_the_way_is_named),
        TEST(network_file_systems_get_no_wal),
        TEST(journal_fits_the_file_system),
        TEST(what_is_no_database_is_refused),
        TEST(other_programs_are_left_alone),
        TEST(newer_schemas_are_refused),
        TEST(damage_is_said),
        TEST(read_only_files_can_be_read),
        TEST(missing_permission_is_said),
        TEST(migrations_apply_once_or_not_at_all),
        TEST(the_first_schema_is_brought_up_to_date),
        TEST(readers_get_a_schema_to_read),
        TEST(all_tables_are_strict),
        TEST(migration_rows_are_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
