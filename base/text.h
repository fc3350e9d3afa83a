#ifndef YT_TEXT_H
#define YT_TEXT_H

/* A text that is put together piece by piece: one that grows, or one that fills
 * the caller's array and is cut there. Errors stick: pieces after a failure are
 * dropped, and one look at `failed` at the end is enough.
 *
 *     struct yt_text text = {0};              grows; yt_text_free() it
 *     struct yt_text text = yt_text_in(name_out, NAME_MAX);
 */

#include <stdarg.h>
#include <stddef.h>

struct yt_text {
    char *at;      /* ends in a zero; NULL: nothing was added yet */
    size_t length; /* without the zero */
    size_t size;   /* bytes at `at` */
    int is_fixed;  /* 1: the caller's array */
    int failed;    /* 1: out of memory, or cut to what the array holds */
};

/** An empty text in the caller's array of @p size >= 1 bytes. */
struct yt_text yt_text_in(char *at, size_t size);

void yt_text_add(struct yt_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void yt_text_vadd(struct yt_text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/** Append what JSON takes for @p string, quotes included: quotes, backslashes
 *  and control characters are escaped, bytes that are no UTF-8 become U+FFFD.
 *  Where a fixed text has no room for the whole it is failed, not cut inside.
 *  @param string NULL: null, without quotes. */
void yt_text_add_json(struct yt_text *text, const char *string);

/** Never NULL. */
const char *yt_text_get(const struct yt_text *text);

/** Release what has grown; of a caller's array nothing. */
void yt_text_free(struct yt_text *text);

#endif
