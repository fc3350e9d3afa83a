#include "page/rows.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/browse.h"
#include "runtime/fail.h"

/* No time, speed or size is as large; pixels are reckoned from what is less. */
#define LARGEST 1e15

static enum yt_status parse(struct yt_db *db, const char *text, size_t length,
                            json_t **rows_out)
{
    json_error_t error;
    json_t *doc = json_loadb(text, length, 0, &error);
    json_t *rows = json_incref(json_object_get(doc, "rows"));
    json_decref(doc);
    YT_FAIL_IF(!rows, YT_BAD_INPUT, "%s: its rows cannot be read: %s",
               yt_db_path(db), error.text);
    *rows_out = rows;
    return YT_OK;
}

static enum yt_status run(struct yt_db *db, const char *sql, json_t **rows_out)
{
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    YT_FAIL_IF(!to, YT_NO_MEMORY, "%s: %s", yt_db_path(db), strerror(errno));
    enum yt_status status = yt_db_sql(db, sql, YT_DB_JSON, to);
    if (fclose(to) != 0 && status == YT_OK)
        status = yt_fail(YT_NO_MEMORY, "%s: out of memory", yt_db_path(db));
    if (status == YT_OK)
        status = parse(db, text, length, rows_out);
    free(text);
    return status;
}

enum yt_status yt_rows_read(struct yt_db *db, json_t **rows_out,
                            const char *format, ...)
{
    struct yt_text sql = {0};
    va_list arguments;
    va_start(arguments, format);
    yt_text_vadd(&sql, format, arguments);
    va_end(arguments);
    const enum yt_status status =
        sql.failed ? yt_fail(YT_NO_MEMORY, "%s: out of memory", yt_db_path(db))
                   : run(db, yt_text_get(&sql), rows_out);
    yt_text_free(&sql);
    return status;
}

const char *yt_row_text(const json_t *row, const char *column)
{
    const char *text = json_string_value(json_object_get(row, column));
    return text ? text : "";
}

double yt_row_real(const json_t *row, const char *column)
{
    const json_t *value = json_object_get(row, column);
    const double real = json_is_number(value) ? json_number_value(value) : NAN;
    return fabs(real) < LARGEST ? real : NAN;
}

int64_t yt_row_int(const json_t *row, const char *column)
{
    return json_integer_value(json_object_get(row, column));
}
