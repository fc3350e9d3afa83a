#ifndef YT_PAGE_COMMAND_H
#define YT_PAGE_COMMAND_H

/* The command lines that measure again what rows say. */

#include <jansson.h>

#include "base/text.h"
#include "yolotune/status.h"

/** Append a word as a shell takes it for one, whatever it holds. */
void yt_command_word(struct yt_text *to, const char *word);

/** yt_commands_add() of one row. @p row may be NULL: no row. */
enum yt_status yt_command_add(json_t *row, const char *db);

/** Give each evaluation of @p rows a member "command": the `yolotune bench`
 *  that measures its speed again. The database has no paths of models: the
 *  name stands for the file.
 *  @param rows  with model, format, h, w, isa, threads, precision and
 *               configuration.
 *  @param db  the database's path; NULL: the default one. */
enum yt_status yt_commands_add(json_t *rows, const char *db);

#endif
