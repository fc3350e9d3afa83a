#ifndef YT_PAGE_CHART_H
#define YT_PAGE_CHART_H

/* Pictures of figures as SVG inside a page: frames, scales, axes. */

#include "base/text.h"

/** Values along a line of a picture. */
struct yt_scale {
    double low, high, step; /* values: the ends, and between two ticks */
    double from, to;        /* where the ends are, in the picture's units */
};

/** A scale with round ends that holds @p low to @p high. */
struct yt_scale yt_scale_of(double low, double high, double from, double to);

/** Where a value is. */
double yt_scale_at(const struct yt_scale *scale, double value);

/** Begin a picture.
 *  @param title  what it shows, in words; for those who do not see it, too. */
void yt_chart_begin(struct yt_text *to, int width, int height,
                    const char *title);
void yt_chart_end(struct yt_text *to);

/** The scale across, with lines from @p top down to @p bottom at its ticks.
 *  @param label  what the values are; a text of ours. */
void yt_chart_across(struct yt_text *to, const struct yt_scale *scale,
                     double top, double bottom, const char *label);

/** The scale upwards, with lines from @p left to @p right at its ticks.
 *  @param label  what the values are; a text of ours. */
void yt_chart_up(struct yt_text *to, const struct yt_scale *scale, double left,
                 double right, const char *label);

#endif
