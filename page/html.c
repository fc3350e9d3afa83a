#include "page/html.h"

#include <stdlib.h>
#include <string.h>

/* What stands for a byte in HTML; NULL: itself. */
static const char *entity(unsigned char byte)
{
    switch (byte) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return byte < 0x20 || byte == 0x7f ? " " : NULL;
    }
}

static void escape(struct yt_text *to, const char *string)
{
    while (*string) {
        size_t plain = 0;
        while (string[plain] && !entity((unsigned char)string[plain]))
            plain++;
        if (plain)
            yt_text_add(to, "%.*s", (int)plain, string);
        string += plain;
        if (*string)
            yt_text_add(to, "%s", entity((unsigned char)*string++));
    }
}

static void escape_formatted(struct yt_text *to, const char *format,
                             va_list arguments)
{
    struct yt_text text = {0};
    yt_text_vadd(&text, format, arguments);
    escape(to, yt_text_get(&text));
    to->failed |= text.failed;
    yt_text_free(&text);
}

void yt_html_text(struct yt_text *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    escape_formatted(to, format, arguments);
    va_end(arguments);
}

void yt_html_element(struct yt_text *to, const char *tag, const char *format,
                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    yt_text_add(to, "<%s>", tag);
    escape_formatted(to, format, arguments);
    yt_text_add(to, "</%s>", tag);
    va_end(arguments);
}

/* All of these stand inside strings only, where JSON takes \u for them. */
static void escape_json(struct yt_text *to, const char *json)
{
    static const char *const ends[] = {"<", ">", "&", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9"};
    static const char *const escaped[] = {"\\u003c", "\\u003e", "\\u0026",
                                          "\\u2028", "\\u2029"};
    while (*json) {
        const size_t plain = strcspn(json, "<>&\xe2");
        if (plain)
            yt_text_add(to, "%.*s", (int)plain, json);
        json += plain;
        size_t i = 0;
        while (i < 5 && strncmp(json, ends[i], strlen(ends[i])) != 0)
            i++;
        if (i < 5) {
            yt_text_add(to, "%s", escaped[i]);
            json += strlen(ends[i]);
        } else if (*json) {
            yt_text_add(to, "%c", *json++);
        }
    }
}

void yt_html_json(struct yt_text *to, const char *id, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    to->failed |= !text;
    yt_text_add(to, "<script type=\"application/json\" id=\"%s\">", id);
    if (text)
        escape_json(to, text);
    yt_text_add(to, "</script>\n");
    free(text);
}
