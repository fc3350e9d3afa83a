#ifndef YT_FAIL_H
#define YT_FAIL_H

/* How the code reports failures: a status travels up, its sentence waits in a
 * per-thread buffer (yt_error()). Values first, then the rule broken:
 *     YT_FAIL_IF(k % g, YT_BAD_ARGUMENT, "k=%d, groups=%d: not a multiple",
 *                k, g);
 */

#include "yolotune/status.h"

/** Store the sentence and return @p status, for `return yt_fail(...)`. */
enum yt_status yt_fail(enum yt_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Put "text: " before the stored sentence; returns @p status. */
enum yt_status yt_fail_prefix(enum yt_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* The analyser does not see into fail.c; without this it follows paths on which
 * a failure was YT_OK and finds everything behind them uninitialised. */
static inline enum yt_status yt_fail_is_not_ok(enum yt_status status)
{
    if (status == YT_OK)
        __builtin_unreachable();
    return status;
}
#define yt_fail(...)        yt_fail_is_not_ok(yt_fail(__VA_ARGS__))
#define yt_fail_prefix(...) yt_fail_is_not_ok(yt_fail_prefix(__VA_ARGS__))
#endif

#define YT_TRY(call)                                                           \
    do {                                                                       \
        enum yt_status yt_try_status_ = (call);                                \
        if (yt_try_status_ != YT_OK)                                           \
            return yt_try_status_;                                             \
    } while (0)

/** YT_TRY for functions with a `done:` exit and a local `status`. */
#define YT_TRY_GOTO(call)                                                      \
    do {                                                                       \
        status = (call);                                                       \
        if (status != YT_OK)                                                   \
            goto done;                                                         \
    } while (0)

#define YT_FAIL_IF(cond, status, ...)                                          \
    do {                                                                       \
        if (cond)                                                              \
            return yt_fail(status, __VA_ARGS__);                               \
    } while (0)

#define YT_FAIL_IF_GOTO(cond, code, ...)                                       \
    do {                                                                       \
        if (cond) {                                                            \
            status = yt_fail(code, __VA_ARGS__);                               \
            goto done;                                                         \
        }                                                                      \
    } while (0)

#endif
