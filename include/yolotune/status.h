#ifndef YOLOTUNE_STATUS_H
#define YOLOTUNE_STATUS_H

/* What a yolotune call answers. One list; its readers are the enum and
 * yt_status_name(). The text behind a failure is kept per thread. */

#ifdef __cplusplus
extern "C" {
#endif

#define YT_STATUS_LIST(X)                                                      \
    X(OK, 0, "ok")                                                             \
    X(BAD_ARGUMENT, 1, "bad argument") /* the caller's request is off */       \
    X(BAD_INPUT, 2, "bad input")       /* a damaged or hostile file */         \
    X(UNSUPPORTED, 3, "unsupported")   /* well-formed, not ours to run */      \
    X(NO_MEMORY, 4, "out of memory")                                           \
    X(IO, 5, "i/o error")                                                      \
    X(NOT_FOUND, 6, "not found")                                               \
    X(BUSY, 7, "busy")              /* a lock that did not come free */        \
    X(STALE, 8, "stale")            /* made by another version/host */         \
    X(COMPILE, 9, "compile error")  /* LLVM refused */                         \
    X(MISMATCH, 10, "wrong result") /* a kernel disagrees with ref. */         \
    X(CRASHED, 11, "crashed")       /* a worker died */                        \
    X(TIMEOUT, 12, "timed out")                                                \
    X(NOISY, 13, "too noisy to measure")                                       \
    X(INTERRUPTED, 14, "interrupted")                                          \
    X(UNSATISFIABLE, 15, "no solution within the constraints")

enum yt_status {
#define YT_STATUS_ENUM(id, value, text) YT_##id = value,
    YT_STATUS_LIST(YT_STATUS_ENUM)
#undef YT_STATUS_ENUM
};

/** Short English name of a status, e.g. "bad input". Never NULL. */
const char *yt_status_name(enum yt_status status);

/** One sentence on the calling thread's last failure, without a newline;
 *  "" when nothing failed yet. Valid until the thread's next failure. */
const char *yt_error(void);

#ifdef __cplusplus
}
#endif

#endif
