#ifndef YT_PAGE_PICTURES_H
#define YT_PAGE_PICTURES_H

/* The page's pictures. Each appends a drawing with what has to be said about
 * it, or a sentence where nothing was measured. */

#include "base/text.h"
#include "page/facts.h"

/** From the baseline to the choice, a strategy at a time. */
void yt_picture_way(struct yt_text *to, const struct yt_facts *facts);

/** Speed against accuracy of all configurations. */
void yt_picture_front(struct yt_text *to, const struct yt_facts *facts);

/** The search, configuration by configuration and kernel by kernel. */
void yt_picture_trials(struct yt_text *to, const struct yt_facts *facts);

/** How long a picture takes: fastest, median, 95th and 99th percentile. */
void yt_picture_latency(struct yt_text *to, const struct yt_facts *facts);

#endif
