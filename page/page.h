#ifndef YT_PAGE_H
#define YT_PAGE_H

/* The results database as one HTML page that needs nothing else, and its
 * recommendation in a paragraph; docs/REPORT.md describes both. */

#include <stdint.h>

#include "base/text.h"
#include "db/db.h"

struct yt_page_options {
    int64_t recommendation; /* 0: the newest */
    const char *db;         /* the file that --db named; NULL: none */
};

/** Put the page together.
 *  @param text_out  grows; the caller's, also after a failure.
 *  @return YT_NOT_FOUND when there is no such recommendation. */
enum yt_status yt_page_make(struct yt_db *db,
                            const struct yt_page_options *options,
                            struct yt_text *text_out);

/** The recommendation in a paragraph of plain text, without a newline.
 *  @param text_out  grows; the caller's, also after a failure.
 *  @param[out] id_out  of the recommendation; 0: there is none, as the
 *                      paragraph says.
 *  @return as yt_page_make(). */
enum yt_status yt_page_summary(struct yt_db *db,
                               const struct yt_page_options *options,
                               struct yt_text *text_out, int64_t *id_out);

#endif
