#ifndef YT_TABLE_H
#define YT_TABLE_H

/* A table for people: it grows row by row and is printed once its widths are
 * known. Running out of memory sticks and shows as a note under what there is.
 * Cells may hold what anyone wrote into a file: what could steer a terminal is
 * printed as blanks. */

#include <stddef.h>
#include <stdio.h>

struct yt_table {
    int columns;
    int has_rule; /* 1, as it begins: a line of dashes under the titles */
    char *align;  /* [columns] 'l' or 'r'; may be changed before printing */
    char **cells; /* [rows * columns], owned; the first row are the titles */
    size_t rows, cap;
    int failed; /* 1: out of memory */
};

/** @param columns titles apart by '|', each behind its alignment: "lname|rms".
 */
void yt_table_init(struct yt_table *table, const char *columns);

/** Append one row of @p table->columns strings; copies them. */
void yt_table_row(struct yt_table *table, const char *const *cells);

/** Titles, the rule and the rows, two blanks between columns. */
void yt_table_print(const struct yt_table *table, FILE *to);

void yt_table_deinit(struct yt_table *table);

/** Columns that a text takes on a terminal, each UTF-8 character for one. */
int yt_text_width(const char *text);

/** Print the first @p length bytes with blanks in place of control characters.
 */
void yt_text_put_safe(FILE *to, const char *text, size_t length);

/** The same in place. */
void yt_text_make_safe(char *text);

#endif
