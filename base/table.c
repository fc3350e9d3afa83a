/* See base/table.h. */

#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 64

static int count_columns(const char *columns)
{
    int count = 1;
    for (; *columns; columns++)
        count += *columns == '|';
    return count;
}

/* A row of room; 0 when there is none. */
static int grow(struct yt_table *table)
{
    if (table->rows < table->cap)
        return 1;
    const size_t cap = table->cap ? 2 * table->cap : FIRST_ROWS;
    char **grown = realloc(table->cells,
                           cap * (size_t)table->columns * sizeof *table->cells);
    if (!grown)
        return 0;
    table->cells = grown;
    table->cap = cap;
    return 1;
}

/* The cell at @p i of the row that is being filled; 0: out of memory. */
static int fill(struct yt_table *table, int i, const char *text, size_t length)
{
    char **row = table->cells + table->rows * (size_t)table->columns;
    row[i] = strndup(text, length);
    if (row[i])
        return 1;
    while (i-- > 0)
        free(row[i]);
    table->failed = 1;
    return 0;
}

void yt_table_init(struct yt_table *table, const char *columns)
{
    memset(table, 0, sizeof *table);
    table->columns = count_columns(columns);
    table->has_rule = 1;
    table->align = calloc((size_t)table->columns + 1, 1);
    table->failed = !table->align || !grow(table);
    for (int i = 0; i < table->columns && !table->failed; i++) {
        table->align[i] = *columns++;
        const size_t length = strcspn(columns, "|");
        (void)fill(table, i, columns, length);
        columns += length + (columns[length] == '|');
    }
    table->rows = !table->failed;
}

void yt_table_row(struct yt_table *table, const char *const *cells)
{
    table->failed = table->failed || !grow(table);
    for (int i = 0; i < table->columns && !table->failed; i++)
        (void)fill(table, i, cells[i], strlen(cells[i]));
    table->rows += !table->failed;
}

int yt_text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Bytes of the control character that a text begins with, 0: it is none. In
 * UTF-8 those of ISO 6429's second set, U+0080 to U+009F, are two. */
static size_t control_length(const unsigned char *text, size_t length)
{
    if (text[0] == 0xc2 && length > 1 && text[1] >= 0x80 && text[1] < 0xa0)
        return 2;
    return text[0] < 0x20 || text[0] == 0x7f;
}

void yt_text_put_safe(FILE *to, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        const size_t control = control_length(bytes + i, length - i);
        fputc(control ? ' ' : bytes[i], to);
        i += control ? control : 1;
    }
}

void yt_text_make_safe(char *text)
{
    size_t length = strlen(text);
    for (char *at = text; length > 0;) {
        const size_t control =
            control_length((const unsigned char *)at, length);
        const size_t step = control ? control : 1;
        if (control)
            memset(at, ' ', control);
        at += step;
        length -= step;
    }
}

static int column_width(const struct yt_table *table, int column)
{
    int widest = 0;
    for (size_t r = 0; r < table->rows; r++) {
        const size_t at = r * (size_t)table->columns + (size_t)column;
        const int width = yt_text_width(table->cells[at]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static void print_cell(FILE *to, const char *text, int width, char align,
                       int last)
{
    const int blanks = width - yt_text_width(text);
    if (align == 'r')
        fprintf(to, "%*s", blanks, "");
    yt_text_put_safe(to, text, strlen(text));
    if (align != 'r' && !last)
        fprintf(to, "%*s", blanks, "");
    fputs(last ? "\n" : "  ", to);
}

static void print_rule(FILE *to, const int *widths, int columns)
{
    for (int c = 0; c < columns; c++) {
        for (int i = 0; i < widths[c]; i++)
            fputc('-', to);
        fputs(c + 1 == columns ? "\n" : "  ", to);
    }
}

void yt_table_print(const struct yt_table *table, FILE *to)
{
    const int columns = table->columns;
    int *widths = calloc((size_t)columns, sizeof *widths);
    for (int c = 0; widths && c < columns; c++)
        widths[c] = column_width(table, c);
    for (size_t r = 0; widths && r < table->rows; r++) {
        for (int c = 0; c < columns; c++)
            print_cell(to, table->cells[r * (size_t)columns + (size_t)c],
                       widths[c], table->align[c], c + 1 == columns);
        if (r == 0 && table->has_rule)
            print_rule(to, widths, columns);
    }
    if (table->failed || !widths)
        fputs("(cut short: out of memory)\n", to);
    free(widths);
}

void yt_table_deinit(struct yt_table *table)
{
    for (size_t i = 0; i < table->rows * (size_t)table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table->align);
    memset(table, 0, sizeof *table);
}
