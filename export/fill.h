#ifndef YT_FILL_H
#define YT_FILL_H

/* Text with holes: "@NAME@_open" becomes "yolov5n_open". */

#include <stdio.h>

struct yt_fill {
    const char *key, *value;
};

/** Write @p text with every @KEY@ of @p fills replaced; other '@' stay.
 *  @p fills ends with a NULL key. */
void yt_export_fill(FILE *file, const char *text, const struct yt_fill *fills);

#endif
