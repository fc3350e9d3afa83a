#ifndef YT_DB_MIGRATE_H
#define YT_DB_MIGRATE_H

/* The schema's versions and how a database gets from one to the next. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

struct yt_db;

/** "YTDB": tells our files from other programs' (PRAGMA application_id). */
#define YT_DB_APPLICATION_ID 0x59544442

struct yt_db_migration {
    int32_t version; /* 1, 2, ...; rows of one version stand together */
    const char *sql; /* one statement */
};

/** All rows, oldest first. */
const struct yt_db_migration *yt_db_migrations(size_t *count_out);

/** The version this program writes: that of the last row. */
int32_t yt_db_schema_version(void);

/** Apply the rows whose version is newer than the database's, each version in
 *  one transaction. Another process may do the same at the same time. */
enum yt_status yt_db_migrate(struct yt_db *db,
                             const struct yt_db_migration *rows, size_t count);

#endif
