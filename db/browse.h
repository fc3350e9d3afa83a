#ifndef YT_DB_BROWSE_H
#define YT_DB_BROWSE_H

/* The database for people and scripts: what `yolotune db` is made of. Rows are
 * written to a stream of the caller's.
 *
 * Ids are a letter and a number: h1 a host, n1 a model, m1 a measurement, p1 a
 * plan, q1 a quantisation, c1 a compression, e1 an evaluation, r1 a
 * recommendation.
 */

#include <stdio.h>

#include "db/db.h"
#include "db/format.h"

/** What yt_db_list() knows: "hosts", ..., NULL after the last. */
const char *yt_db_list_name(size_t index);

/** What a list shows, in a few words. */
const char *yt_db_list_summary(size_t index);

/** Write all rows of a list: JSON {"<what>": [{...}]}. @p what NULL: the lists
 *  themselves and their lengths, JSON {"lists": [{...}]}.
 *  @return YT_BAD_ARGUMENT for an unknown list. */
enum yt_status yt_db_list(struct yt_db *db, const char *what,
                          enum yt_db_format format, FILE *to);

/** Write the fastest kernel of each problem, host, isa and thread count:
 *  JSON {"best_kernels": [{...}]}. @p problem: NULL for all. */
enum yt_status yt_db_best(struct yt_db *db, const char *problem,
                          enum yt_db_format format, FILE *to);

/** Write one row and what it refers to: JSON {"plan": {...}, ...}.
 *  @return YT_BAD_ARGUMENT for what is no id; YT_NOT_FOUND. */
enum yt_status yt_db_show(struct yt_db *db, const char *id,
                          enum yt_db_format format, FILE *to);

/** Write all columns of a table or view, of all tables when @p what is NULL
 *  (JSON only).
 *  @return YT_BAD_ARGUMENT for an unknown name. */
enum yt_status yt_db_export(struct yt_db *db, const char *what,
                            enum yt_db_format format, FILE *to);

/** Run one statement that only reads and write its rows: JSON {"rows": [...]}.
 *  @return YT_BAD_ARGUMENT for SQL that is wrong, writes, or is not one
 *          statement. */
enum yt_status yt_db_sql(struct yt_db *db, const char *sql,
                         enum yt_db_format format, FILE *to);

/** Rows that yt_db_merge() added. */
struct yt_db_merged {
    int64_t hosts, models, measurements, plans, evaluations, recommendations;
};

/** Add another database's rows, all or none. Hosts stay apart by fingerprint;
 *  rows that are here already, from an earlier merge say, are left alone.
 *
 * @param other  path; read only, except that an older schema is migrated.
 * @return as yt_db_open() for @p other; YT_BAD_ARGUMENT when it is this file;
 *         YT_BAD_INPUT when its rows contradict its schema.
 */
enum yt_status yt_db_merge(struct yt_db *db, const char *other,
                           struct yt_db_merged *merged_out);

#endif
