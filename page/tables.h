#ifndef YT_PAGE_TABLES_H
#define YT_PAGE_TABLES_H

/* The page's tables: each appends one, or a sentence where nothing was
 * measured. */

#include "base/text.h"
#include "page/facts.h"

/** The figures of the recommendation, large. */
void yt_table_figures(struct yt_text *to, const struct yt_facts *facts);

/** What was asked for, and why the answer is what it is. */
void yt_table_reasons(struct yt_text *to, const struct yt_facts *facts);

void yt_table_steps(struct yt_text *to, const struct yt_facts *facts);
/** The configurations of the front's picture, with their commands. */
void yt_table_points(struct yt_text *to, const struct yt_facts *facts);

void yt_table_rivals(struct yt_text *to, const struct yt_facts *facts);
void yt_table_layers(struct yt_text *to, const struct yt_facts *facts);
void yt_table_latency(struct yt_text *to, const struct yt_facts *facts);
void yt_table_host(struct yt_text *to, const struct yt_facts *facts);
void yt_table_others(struct yt_text *to, const struct yt_facts *facts);

#endif
