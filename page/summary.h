#ifndef YT_PAGE_SUMMARY_H
#define YT_PAGE_SUMMARY_H

/* What was recommended, for people who did not make it. */

#include "base/text.h"
#include "page/facts.h"

/** Append the recommendation in a paragraph; or that there is none. */
void yt_summary_add(struct yt_text *to, const struct yt_facts *facts);

#endif
