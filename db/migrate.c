/* Migrations as rows. PRAGMA user_version holds the version a file has; it
 * changes in the same transaction as the schema, so a kill leaves a file at one
 * version or the other. */

#include "db/migrate.h"

#include <stdio.h>

#include "db/handle.h"

static const struct yt_db_migration migrations[] = {
#define YT_MIGRATION(version, sql) {version, sql},
#include "db/migrations.inc"
#undef YT_MIGRATION
};

#define MIGRATION_COUNT (sizeof migrations / sizeof migrations[0])

const struct yt_db_migration *yt_db_migrations(size_t *count_out)
{
    *count_out = MIGRATION_COUNT;
    return migrations;
}

int32_t yt_db_schema_version(void)
{
    return migrations[MIGRATION_COUNT - 1].version;
}

/** The rows of one version, inside a transaction. */
static enum yt_status apply(struct yt_db *db,
                            const struct yt_db_migration *rows, size_t count)
{
    char pragma[64];
    for (size_t i = 0; i < count; i++)
        YT_TRY(yt_db_exec(db, rows[i].sql));
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d",
             (int)rows[0].version);
    YT_TRY(yt_db_exec(db, pragma));
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d",
             YT_DB_APPLICATION_ID);
    return yt_db_exec(db, pragma);
}

enum yt_status yt_db_migrate(struct yt_db *db,
                             const struct yt_db_migration *rows, size_t count)
{
    size_t next = 0;
    while (next < count) {
        const int32_t version = rows[next].version;
        size_t end = next;
        while (end < count && rows[end].version == version)
            end++;

        /* The version is read under the write lock: while this process waited
         * for it another one may have migrated. */
        struct yt_db_scope scope;
        int64_t have = 0;
        YT_TRY(yt_db_scope_begin(&scope, db));
        enum yt_status status =
            yt_db_exec_int(db, "PRAGMA user_version", &have);
        if (status == YT_OK && have < version)
            status = apply(db, rows + next, end - next);
        status = yt_db_scope_end(&scope, status);
        if (status != YT_OK)
            return yt_fail_prefix(status, "migrating to schema %d",
                                  (int)version);
        next = end;
    }
    return YT_OK;
}
