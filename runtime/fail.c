/* The status list's names and the per-thread failure sentence. */

#include "runtime/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The analyser's view of them: see fail.h. */
#undef yt_fail
#undef yt_fail_prefix

static _Thread_local char error_text[512];

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
    memcpy(error_text, text, sizeof text);
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
    memcpy(error_text, text, sizeof text);
    return status;
}
