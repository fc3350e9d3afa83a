/* Progress lines: see cli/report.h. */

#include "cli/report.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/now.h"

#define TERMINAL_INTERVAL_NS 100000000u
#define PLAIN_INTERVAL_NS    5000000000u

void yt_progress_begin(struct yt_progress *progress, int quiet)
{
    memset(progress, 0, sizeof *progress);
    progress->to = stderr;
    progress->terminal = isatty(STDERR_FILENO);
    progress->quiet = quiet;
    progress->begin_ns = yt_now_ns();
    progress->shown_ns = progress->begin_ns;
}

static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 80;
    return size.ws_col < 250 ? size.ws_col : 250;
}

/* Rewrite the standing line; what was longer is painted over with blanks. */
static void replace_line(struct yt_progress *progress, const char *text)
{
    const int columns = terminal_columns() - 1;
    const int length = (int)strnlen(text, (size_t)columns);
    const int stale = progress->width > length ? progress->width - length : 0;
    fprintf(progress->to, "\r%.*s%*s", length, text, stale, "");
    if (stale)
        fprintf(progress->to, "\r%.*s", length, text);
    progress->width = length;
    fflush(progress->to);
}

static void add_time_left(const struct yt_progress *progress, uint64_t now,
                          double done, double total, char *text, size_t size)
{
    char left[YT_TEXT_MAX];
    const size_t used = strlen(text);
    if (total <= 0 || done <= 0 || used >= size)
        return;
    const double spent_ns = (double)(now - progress->begin_ns);
    const double rest = done < total ? total - done : 0;
    snprintf(text + used, size - used, ", %.0f %%, %s left",
             100 * (1 - rest / total),
             yt_text_time(spent_ns * rest / done, left));
}

void yt_progress_show(struct yt_progress *progress, double done, double total,
                      const char *format, ...)
{
    const uint64_t now = yt_now_ns();
    const uint64_t interval =
        progress->terminal ? TERMINAL_INTERVAL_NS : PLAIN_INTERVAL_NS;
    if (progress->quiet || now - progress->shown_ns < interval)
        return;
    progress->shown_ns = now;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_time_left(progress, now, done, total, text, sizeof text);
    if (progress->terminal)
        replace_line(progress, text);
    else
        fprintf(progress->to, "%s\n", text);
}

void yt_progress_end(struct yt_progress *progress)
{
    if (progress->quiet || !progress->width)
        return;
    replace_line(progress, "");
    fputc('\r', progress->to);
    fflush(progress->to);
}
