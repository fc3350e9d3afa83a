/* The status list's names and the per-thread failure sentence. */

#include "runtime/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char error_text[512];

/* A sentence is one line for people, and quotes names that anyone chose: what
 * could steer a terminal becomes a blank. Of UTF-8, which such bytes are else
 * part of, U+0080 to U+009F are controls as well (ISO 6429). */
static void keep(const char *text)
{
    size_t i = 0;
    for (; text[i] && i + 1 < sizeof error_text; i++) {
        const unsigned char *c = (const unsigned char *)text + i;
        const int is_control =
            c[0] < 0x20 || c[0] == 0x7f ||
            (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) ||
            (i > 0 && c[-1] == 0xc2 && c[0] >= 0x80 && c[0] < 0xa0);
        error_text[i] = is_control ? ' ' : text[i];
    }
    error_text[i] = 0;
}

/* The analyser's view of them: see fail.h. */
#undef yt_fail
#undef yt_fail_prefix

const char *yt_status_name(enum yt_status status)
{
    switch (status) {
#define YT_STATUS_CASE(id, value, text)                                        \
    case YT_##id:                                                              \
        return text;
        YT_STATUS_LIST(YT_STATUS_CASE)
#undef YT_STATUS_CASE
    }
    return "unknown status";
}

const char *yt_error(void)
{
    return error_text;
}

enum yt_status yt_fail(enum yt_status status, const char *format, ...)
{
    /* An argument may point into error_text itself. */
    char text[sizeof error_text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keep(text);
    return status;
}

enum yt_status yt_fail_prefix(enum yt_status status, const char *format, ...)
{
    char text[sizeof error_text];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* The old sentence gives way where both do not fit. */
    if (used >= 0 && (size_t)used < sizeof text - 3) {
        const size_t room = sizeof text - 3 - (size_t)used;
        const size_t length = strnlen(error_text, room);
        memcpy(text + used, ": ", 2);
        memcpy(text + used + 2, error_text, length);
        text[(size_t)used + 2 + length] = 0;
    }
    keep(text);
    return status;
}
