#ifndef YT_REPORT_H
#define YT_REPORT_H

/* What people read: numbers with units, tables (base/table.h), and progress.
 * Results go to stdout, progress to stderr. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/table.h"

/* Each of these writes into the caller's buffer and returns it. */
#define YT_TEXT_MAX 32

/** 7225885 as "7,225,885". */
char *yt_text_count(uint64_t value, char text[YT_TEXT_MAX]);

/** 1536 as "1.5 KiB"; whole bytes below 1 KiB. */
char *yt_text_bytes(uint64_t bytes, char text[YT_TEXT_MAX]);

/** 4.5e9 as "4.50 G": three digits and a decimal prefix. */
char *yt_text_si(double value, char text[YT_TEXT_MAX]);

/** Nanoseconds as "873 ns", "4.21 us", "12.6 ms", "3.04 s" or "2 min 5 s". */
char *yt_text_time(double ns, char text[YT_TEXT_MAX]);

/* ------------------------------------------------------------- progress */

/** Lines about a long job: one line rewritten in place on a terminal, a line
 *  now and then elsewhere, so that a log stays short. */
struct yt_progress {
    FILE *to;
    int terminal;
    int quiet;
    uint64_t begin_ns, shown_ns;
    int width; /* of the line that stands on the terminal */
};

/** @param quiet 1: print nothing. */
void yt_progress_begin(struct yt_progress *progress, int quiet);

/** Show how far the job is, at most ten times a second on a terminal and every
 *  five seconds elsewhere.
 *
 * @param done  work units so far; time left follows from them.
 * @param total work units in all; 0: unknown.
 */
void yt_progress_show(struct yt_progress *progress, double done, double total,
                      const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Remove the progress line. */
void yt_progress_end(struct yt_progress *progress);

#endif
