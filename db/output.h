#ifndef YT_DB_OUTPUT_H
#define YT_DB_OUTPUT_H

/* Rows of any statement as text, CSV or JSON. One output is a number of named
 * sections; JSON makes an object of them. */

#include <sqlite3.h>
#include <stdio.h>

#include "db/db.h"
#include "db/format.h"

struct yt_db_output {
    struct yt_db *db;
    FILE *to;
    enum yt_db_format format;
    int titles;   /* 1: text sections are headed by their names */
    int sections; /* written so far */
};

void yt_db_output_begin(struct yt_db_output *output);

/** Step @p statement to its end and write every row. */
enum yt_status yt_db_output_rows(struct yt_db_output *output, const char *name,
                                 sqlite3_stmt *statement);

/** Write the statement's only row, a line per column in text; when there is
 *  none, nothing in text and null in JSON.
 *  @param[out] found_out  1 when there was a row. */
enum yt_status yt_db_output_record(struct yt_db_output *output,
                                   const char *name, sqlite3_stmt *statement,
                                   int *found_out);

/** @return YT_OK; YT_IO when the stream could not be written. */
enum yt_status yt_db_output_end(struct yt_db_output *output);

#endif
