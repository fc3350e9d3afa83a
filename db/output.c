/* Three ways to write rows. Text may come from a file that anyone made: what
 * could steer a terminal is replaced, what is not UTF-8 never reaches JSON. */

#include "db/output.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "db/handle.h"

static enum yt_status no_memory(const struct yt_db_output *output)
{
    return yt_fail(YT_NO_MEMORY, "%s: out of memory", output->db->path);
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

/** Step; *status sticks. 1 when there is a row. */
static int next_row(const struct yt_db_output *output, sqlite3_stmt *statement,
                    enum yt_status *status)
{
    const int code = *status == YT_OK ? sqlite3_step(statement) : SQLITE_DONE;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        *status = yt_db_fail(output->db, code);
    return code == SQLITE_ROW;
}

/* -------------------------------------------------------------------- text */

/* Titles are the columns' names; numbers stand to the right until a cell is
 * found to be none. */
static void begin_table(sqlite3_stmt *statement, struct yt_table *table)
{
    struct yt_text titles = {0};
    for (int i = 0; i < sqlite3_column_count(statement); i++)
        yt_text_add(&titles, "%sr%s", i ? "|" : "",
                    sqlite3_column_name(statement, i));
    yt_table_init(table, yt_text_get(&titles));
    table->has_rule = 0;
    table->failed |= titles.failed;
    yt_text_free(&titles);
}

static void add_row(sqlite3_stmt *statement, struct yt_table *table)
{
    const char **cells = calloc((size_t)table->columns, sizeof *cells);
    table->failed |= !cells;
    for (int i = 0; i < table->columns && !table->failed; i++) {
        const int type = sqlite3_column_type(statement, i);
        if (type == SQLITE_TEXT || type == SQLITE_BLOB)
            table->align[i] = 'l';
        cells[i] = text_of(statement, i);
    }
    if (!table->failed)
        yt_table_row(table, cells);
    free(cells);
}

static enum yt_status text_rows(const struct yt_db_output *output,
                                sqlite3_stmt *statement)
{
    struct yt_table table;
    enum yt_status status = YT_OK;
    begin_table(statement, &table);
    while (next_row(output, statement, &status))
        add_row(statement, &table);
    if (status == YT_OK && table.failed)
        status = no_memory(output);
    if (status == YT_OK)
        yt_table_print(&table, output->to);
    yt_table_deinit(&table);
    return status;
}

static void text_record(const struct yt_db_output *output,
                        sqlite3_stmt *statement)
{
    FILE *to = output->to;
    const int columns = sqlite3_column_count(statement);
    int width = 0;
    for (int i = 0; i < columns; i++) {
        const int name = yt_text_width(sqlite3_column_name(statement, i));
        width = name > width ? name : width;
    }
    for (int i = 0; i < columns; i++) {
        const char *text = text_of(statement, i);
        if (!*text)
            continue;
        fprintf(to, "  %-*s  ", width, sqlite3_column_name(statement, i));
        if (!strchr(text, '\n')) {
            yt_text_put_safe(to, text, strlen(text));
            fputc('\n', to);
            continue;
        }
        fputc('\n', to);
        while (*text) {
            const size_t length = strcspn(text, "\n");
            fputs("    ", to);
            yt_text_put_safe(to, text, length);
            fputc('\n', to);
            text += length + (text[length] == '\n');
        }
    }
}

/* --------------------------------------------------------------------- csv */

static void csv_field(FILE *to, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static enum yt_status csv_rows(const struct yt_db_output *output,
                               sqlite3_stmt *statement)
{
    const int columns = sqlite3_column_count(statement);
    enum yt_status status = YT_OK;
    for (int i = 0; i < columns; i++) {
        csv_field(output->to, sqlite3_column_name(statement, i));
        fputc(i + 1 < columns ? ',' : '\n', output->to);
    }
    while (next_row(output, statement, &status))
        for (int i = 0; i < columns; i++) {
            csv_field(output->to, text_of(statement, i));
            fputc(i + 1 < columns ? ',' : '\n', output->to);
        }
    return status;
}

/* -------------------------------------------------------------------- json */

/** Text that is not UTF-8 keeps its ASCII. */
static json_t *json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = copy ? json_string(copy) : NULL;
    free(copy);
    return json;
}

static json_t *json_blob(const unsigned char *bytes, int count)
{
    sqlite3_str *hex = sqlite3_str_new(NULL);
    for (int i = 0; i < count; i++)
        sqlite3_str_appendf(hex, "%02x", bytes[i]);
    char *text = sqlite3_str_finish(hex);
    json_t *json = json_string(text ? text : "");
    sqlite3_free(text);
    return json;
}

static json_t *json_cell(sqlite3_stmt *statement, int column)
{
    double real;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        real = sqlite3_column_double(statement, column);
        return isfinite(real) ? json_real(real) : json_null();
    case SQLITE_TEXT:
        return json_text(text_of(statement, column));
    case SQLITE_BLOB:
        return json_blob(sqlite3_column_blob(statement, column),
                         sqlite3_column_bytes(statement, column));
    default:
        return json_null();
    }
}

static enum yt_status json_row(const struct yt_db_output *output,
                               sqlite3_stmt *statement)
{
    json_t *row = json_object();
    int ok = row != NULL;
    for (int i = 0; ok && i < sqlite3_column_count(statement); i++)
        ok = json_object_set_new(row, sqlite3_column_name(statement, i),
                                 json_cell(statement, i)) == 0;
    /* Its other failures are the stream's: yt_db_output_end() sees them. */
    if (ok)
        json_dumpf(row, output->to, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(row);
    return ok ? YT_OK : no_memory(output);
}

static enum yt_status json_rows(const struct yt_db_output *output,
                                sqlite3_stmt *statement)
{
    enum yt_status status = YT_OK;
    const char *separator = "\n";
    fputc('[', output->to);
    while (next_row(output, statement, &status)) {
        fputs(separator, output->to);
        separator = ",\n";
        status = json_row(output, statement);
    }
    fputs("\n]", output->to);
    return status;
}

/* ---------------------------------------------------------------- sections */

static void begin_section(struct yt_db_output *output, const char *name)
{
    if (output->format == YT_DB_JSON)
        fprintf(output->to, "%s\"%s\": ", output->sections ? ",\n" : "", name);
    else if (output->sections)
        fputc('\n', output->to);
    if (output->format == YT_DB_TEXT && output->titles)
        fprintf(output->to, "%s\n", name);
    output->sections++;
}

void yt_db_output_begin(struct yt_db_output *output)
{
    if (output->format == YT_DB_JSON)
        fputc('{', output->to);
}

enum yt_status yt_db_output_rows(struct yt_db_output *output, const char *name,
                                 sqlite3_stmt *statement)
{
    begin_section(output, name);
    switch (output->format) {
    case YT_DB_TEXT:
        return text_rows(output, statement);
    case YT_DB_CSV:
        return csv_rows(output, statement);
    case YT_DB_JSON:
        return json_rows(output, statement);
    }
    return YT_OK;
}

enum yt_status yt_db_output_record(struct yt_db_output *output,
                                   const char *name, sqlite3_stmt *statement,
                                   int *found_out)
{
    enum yt_status status = YT_OK;
    const int found = next_row(output, statement, &status);
    YT_TRY(status);
    *found_out = found;
    if (!found && output->format != YT_DB_JSON)
        return YT_OK;
    begin_section(output, name);
    if (!found)
        fputs("null", output->to);
    else if (output->format == YT_DB_JSON)
        status = json_row(output, statement);
    else
        text_record(output, statement);
    return status;
}

enum yt_status yt_db_output_end(struct yt_db_output *output)
{
    if (output->format == YT_DB_JSON)
        fputs("}\n", output->to);
    YT_FAIL_IF(fflush(output->to) != 0 || ferror(output->to), YT_IO,
               "the output cannot be written: %s", strerror(errno));
    return YT_OK;
}
