#ifndef YT_CLI_DETECT_READ_H
#define YT_CLI_DETECT_READ_H

/* What detect looks at, one picture or frame after the other. */

#include <stdatomic.h>

#include "cli/detect_files.h"

struct yt_detect_reader {
    const struct yt_sources *sources; /* borrowed */
    int32_t stride;                   /* of videos; 0 means 1 */
    const volatile int *stop;
    _Atomic(const char *) given_up; /* a video of which no more is wanted */
    int32_t next;                   /* source */
    const char *path;               /* of the video that is open */
    struct yt_video *video;         /* NULL: none is */
};

/** Whether a path of struct yt_sources is standard input. */
int yt_detect_is_stdin(const char *path);

/** What a source is called in sentences and results. */
const char *yt_detect_shown_name(const char *path);

/** Read the next picture or frame, or what failed about one.
 *  @param found a slot that is used again; boxes is left alone.
 *  @return 0: there is no more, or stop is set. */
int yt_detect_read(struct yt_detect_reader *reader, struct yt_detected *found);

/** Store what failed about one, for the thread that tells it.
 *  @param status what happened: YT_OK: nothing. */
void yt_detect_keep_failure(struct yt_detected *found, enum yt_status status);

void yt_detect_reader_deinit(struct yt_detect_reader *reader);

#endif
