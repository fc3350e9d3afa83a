#ifndef YT_PROFILE_PRINT_H
#define YT_PROFILE_PRINT_H

/* Where a frame's time went, as a page and as a document: part of what
 * cli/cmd_analyze.c prints. */

#include "cli/analysis_print.h"
#include "cli/json.h"

/** Both print nothing without a profile. */
void yt_profile_print_text(const struct yt_analysis_report *report);
void yt_profile_print_json(struct yt_json *doc,
                           const struct yt_analysis_report *report);

#endif
