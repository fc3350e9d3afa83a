/* See base/text.h. */

#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 128

struct yt_text yt_text_in(char *at, size_t size)
{
    assert(size > 0);
    *at = 0;
    return (struct yt_text){.at = at, .size = size, .is_fixed = 1};
}

/* Room for @p more characters and the zero behind them. */
static int reserve(struct yt_text *text, size_t more)
{
    if (text->length + more < text->size)
        return 1;
    if (text->is_fixed || more > SIZE_MAX / 4 || text->size > SIZE_MAX / 4)
        return 0;
    size_t size = text->size ? text->size : FIRST_SIZE;
    while (text->length + more >= size)
        size *= 2;
    char *grown = realloc(text->at, size);
    if (!grown)
        return 0;
    if (!text->at)
        *grown = 0;
    text->at = grown;
    text->size = size;
    return 1;
}

void yt_text_vadd(struct yt_text *text, const char *format, va_list arguments)
{
    va_list again;
    if (text->failed)
        return;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0 || (!reserve(text, (size_t)length) && !text->is_fixed)) {
        text->failed = 1;
        return;
    }
    const size_t room = text->size - text->length;
    vsnprintf(text->at + text->length, room, format, arguments);
    text->failed = (size_t)length >= room;
    text->length += text->failed ? room - 1 : (size_t)length;
}

void yt_text_add(struct yt_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    yt_text_vadd(text, format, arguments);
    va_end(arguments);
}

/* ------------------------------------------------------------------- JSON */

#define JSON_CHARACTER_MAX 6 /* bytes: "\u001f" */

/* Bytes of the UTF-8 character at @p s; 0: it is none. Shortest forms only, no
 * surrogates, nothing past U+10FFFF: RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, low, high; /* of the second byte */
        size_t length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (*s < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (*s < forms[i].first || *s > forms[i].last)
            continue;
        if (s[1] < forms[i].low || s[1] > forms[i].high)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* The character at *at in JSON's spelling; steps over it. */
static void escape(const char **at, char out[JSON_CHARACTER_MAX + 1])
{
    const unsigned char c = (unsigned char)**at;
    const size_t length = utf8_length((const unsigned char *)*at);
    *at += length ? length : 1;
    if (c == '"' || c == '\\')
        snprintf(out, JSON_CHARACTER_MAX + 1, "\\%c", c);
    else if (c < 0x20)
        snprintf(out, JSON_CHARACTER_MAX + 1, "\\u%04x", c);
    else if (length == 0)
        snprintf(out, JSON_CHARACTER_MAX + 1, "\xef\xbf\xbd");
    else
        snprintf(out, JSON_CHARACTER_MAX + 1, "%.*s", (int)length,
                 *at - length);
}

void yt_text_add_json(struct yt_text *text, const char *string)
{
    const size_t before = text->length;
    if (!string) {
        yt_text_add(text, "null");
        return;
    }
    yt_text_add(text, "\"");
    while (*string && !text->failed) {
        char one[JSON_CHARACTER_MAX + 1];
        escape(&string, one);
        yt_text_add(text, "%s", one);
    }
    yt_text_add(text, "\"");
    if (text->failed && text->at) {
        text->length = before;
        text->at[before] = 0;
    }
}

/* ---------------------------------------------------------------- the end */

const char *yt_text_get(const struct yt_text *text)
{
    return text->at ? text->at : "";
}

void yt_text_free(struct yt_text *text)
{
    if (!text->is_fixed)
        free(text->at);
    *text = (struct yt_text){0};
}
