#ifndef YT_PAGE_HTML_H
#define YT_PAGE_HTML_H

/* HTML put together: markup as it is written here, and texts of others, which
 * stay texts whatever they hold. */

#include <jansson.h>

#include "base/text.h"

/** Append a text, formatted, that is a text in HTML, between tags and between
 *  double quotes of an attribute. Control characters become blanks. */
void yt_html_text(struct yt_text *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Append an element without attributes that holds a text: "<td>4</td>". */
void yt_html_element(struct yt_text *to, const char *tag, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/** Append a script element of JSON, in which nothing ends the element early or
 *  is taken for markup: `<`, `>`, `&` and the line separators of JavaScript
 *  are escaped.
 *  @param id  of the element. */
void yt_html_json(struct yt_text *to, const char *id, const json_t *json);

#endif
