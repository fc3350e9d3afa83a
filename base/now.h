#ifndef YT_NOW_H
#define YT_NOW_H

/* The clock of the tools: everything that measures, gives up after a budget or
 * tells how long it took reads this one, so that a test can stand in for it.
 * What ships reads yt_clock_ns() of base/clock.h, which has no state. */

#include <stdint.h>

/** Nanoseconds of the monotonic clock, or of the one that a test has set. */
uint64_t yt_now_ns(void);

/** Milliseconds since 1970, of the wall clock: what rows are stamped with. */
int64_t yt_now_unix_ms(void);

/** For tests: from now on it is @p now_ns, and each look at the clock takes
 *  @p look_ns, so that what waits for a deadline arrives there. Threads and
 *  forked children see the same. */
void yt_fake_clock(uint64_t now_ns, uint64_t look_ns);

/** For tests: time passes. @pre yt_fake_clock() was called. */
void yt_fake_clock_advance(uint64_t ns);

/** For tests: back to the real clock. */
void yt_fake_clock_end(void);

#endif
