/* Numbers and tables for people. */

#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

char *yt_text_count(uint64_t value, char text[YT_TEXT_MAX])
{
    char digits[24];
    const int length =
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = 0;
    return text;
}

char *yt_text_bytes(uint64_t bytes, char text[YT_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, YT_TEXT_MAX, unit ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return text;
}

/* Three significant digits. */
static void print_three(char *text, double value, const char *unit)
{
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, YT_TEXT_MAX, "%.*f %s", decimals, value, unit);
}

char *yt_text_si(double value, char text[YT_TEXT_MAX])
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    size_t prefix = 0;
    while (value >= 999.5 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        value /= 1000;
        prefix++;
    }
    print_three(text, value, prefixes[prefix]);
    return text;
}

char *yt_text_time(double ns, char text[YT_TEXT_MAX])
{
    if (ns < 999.5)
        snprintf(text, YT_TEXT_MAX, "%.0f ns", ns);
    else if (ns < 999.5e3)
        print_three(text, ns / 1e3, "us");
    else if (ns < 999.5e6)
        print_three(text, ns / 1e6, "ms");
    else if (ns < 60e9)
        print_three(text, ns / 1e9, "s");
    else
        snprintf(text, YT_TEXT_MAX, "%.0f min %d s",
                 (double)(int64_t)(ns / 60e9), (int)((int64_t)(ns / 1e9) % 60));
    return text;
}

/* --------------------------------------------------------------- tables */

void yt_table_init(struct yt_table *table, const char *columns)
{
    memset(table, 0, sizeof *table);
    while (*columns && table->columns < YT_TABLE_COLUMNS_MAX) {
        table->align[table->columns] = *columns;
        table->titles[table->columns++] = columns + 1;
        columns += strcspn(columns, "|");
        columns += *columns == '|';
    }
}

void yt_table_row(struct yt_table *table, const char *const *cells)
{
    const size_t columns = (size_t)table->columns;
    if (table->failed)
        return;
    if (table->rows == table->cap) {
        const size_t cap = table->cap ? 2 * table->cap : 64;
        char **grown =
            realloc(table->cells, cap * columns * sizeof *table->cells);
        if (!grown) {
            table->failed = 1;
            return;
        }
        table->cells = grown;
        table->cap = cap;
    }
    char **row = table->cells + table->rows * columns;
    for (size_t i = 0; i < columns; i++) {
        row[i] = strdup(cells[i]);
        if (!row[i]) {
            while (i-- > 0)
                free(row[i]);
            table->failed = 1;
            return;
        }
    }
    table->rows++;
}

/* Columns a text takes on a terminal, taking each UTF-8 character for one. */
static int text_width(const char *text, size_t bytes)
{
    int width = 0;
    for (size_t i = 0; i < bytes && text[i]; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *to, const char *text, size_t bytes, int width,
                       char align, int last)
{
    const int blanks = width - text_width(text, bytes);
    const int length = (int)strnlen(text, bytes);
    if (align == 'r')
        fprintf(to, "%*s%.*s", blanks, "", length, text);
    else
        fprintf(to, "%.*s%*s", length, text, last ? 0 : blanks, "");
    fputs(last ? "\n" : "  ", to);
}

void yt_table_print(const struct yt_table *table, FILE *to)
{
    const int columns = table->columns;
    int widths[YT_TABLE_COLUMNS_MAX];
    for (int c = 0; c < columns; c++) {
        widths[c] =
            text_width(table->titles[c], strcspn(table->titles[c], "|"));
        for (size_t r = 0; r < table->rows; r++) {
            const char *cell = table->cells[r * (size_t)columns + (size_t)c];
            const int width = text_width(cell, strlen(cell));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (int c = 0; c < columns; c++)
        print_cell(to, table->titles[c], strcspn(table->titles[c], "|"),
                   widths[c], table->align[c], c + 1 == columns);
    for (int c = 0; c < columns; c++) {
        for (int i = 0; i < widths[c]; i++)
            fputc('-', to);
        fputs(c + 1 == columns ? "\n" : "  ", to);
    }
    for (size_t r = 0; r < table->rows; r++)
        for (int c = 0; c < columns; c++) {
            const char *cell = table->cells[r * (size_t)columns + (size_t)c];
            print_cell(to, cell, strlen(cell), widths[c], table->align[c],
                       c + 1 == columns);
        }
    if (table->failed)
        fputs("(cut short: out of memory)\n", to);
}

void yt_table_deinit(struct yt_table *table)
{
    for (size_t i = 0; i < table->rows * (size_t)table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    memset(table, 0, sizeof *table);
}
