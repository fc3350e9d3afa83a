#ifndef YT_PAGE_ROWS_H
#define YT_PAGE_ROWS_H

/* Rows of the database as JSON objects, a member for each column. */

#include <stdint.h>

#include <jansson.h>

#include "db/db.h"

/** Read all rows of a statement.
 *  @param format  the statement, formatted; only numbers are put into it.
 *  @param[out] rows_out  an array of objects; the caller's: json_decref().
 *  @return as yt_db_sql() of db/browse.h. */
enum yt_status yt_rows_read(struct yt_db *db, json_t **rows_out,
                            const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** A column's text; "" for what is none. @p row may be NULL: no row. */
const char *yt_row_text(const json_t *row, const char *column);

/** A column's number; NAN for what is none, or too large to be drawn. */
double yt_row_real(const json_t *row, const char *column);

/** A column's whole number; 0 for what is none. */
int64_t yt_row_int(const json_t *row, const char *column);

#endif
