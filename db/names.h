#ifndef YT_DB_NAMES_H
#define YT_DB_NAMES_H

/* Names to ids, inside the caller's transaction. */

#include <stdint.h>

#include "yolotune/status.h"

struct yt_db;

/** Find or add. @return YT_BAD_ARGUMENT when @p name is no problem's name. */
enum yt_status yt_db_problem_id(struct yt_db *db, const char *name,
                                int64_t *id_out);

enum yt_status yt_db_schedule_id(struct yt_db *db, const char *name,
                                 int64_t *id_out);

#endif
