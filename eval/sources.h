#ifndef YT_SOURCES_H
#define YT_SOURCES_H

/* Where pictures to look at come from, as YOLOv5's detect.py takes them: files,
 * folders, patterns and lists become paths; addresses and cameras stay what
 * they are. */

#include <stdint.h>

#include "yolotune/status.h"

struct yt_sources {
    char **paths; /* in the order that they were named in; owned */
    int32_t count, cap;
};

/** What opens a source. */
enum yt_source_kind {
    YT_SOURCE_PICTURE, /* yt_picture_load(), or standard input: "-" */
    YT_SOURCE_VIDEO,   /* yt_video_open(), as the rest: called like a video */
    YT_SOURCE_ADDRESS, /* SCHEME://... */
    YT_SOURCE_CAMERA   /* /dev/videoN, or N where no file is called so */
};

/** @param path one of struct yt_sources. */
enum yt_source_kind yt_source_kind(const char *path);

/** Add what a word stands for:
 *
 *   -          standard input: the path "-"
 *   a folder   the pictures and videos in it, not below it, by name
 *   a pattern  with *, ? or []: the pictures and videos it matches, by name
 *   x.txt      a list: one of the others in each line
 *   x.streams  the same: they are looked at one after the other
 *   SCHEME://  an address
 *   digits     a camera's number
 *   else       a file, which is not looked at yet
 *
 * @return YT_OK; YT_NOT_FOUND when a folder, pattern or list has no picture;
 *         YT_UNSUPPORTED for "screen"; YT_IO; YT_BAD_INPUT for a list that is
 *         none; YT_NO_MEMORY.
 */
enum yt_status yt_sources_add(struct yt_sources *sources, const char *what);

/** Free; all zero is fine. */
void yt_sources_deinit(struct yt_sources *sources);

/** Two paths whose files are called the same, which one folder of results
 *  cannot hold.
 *  @param stems    1: compared without their endings.
 *  @param[out] a_out the first, borrowed; NULL: there are none.
 *  @param[out] b_out the other.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_sources_twice(const struct yt_sources *sources, int stems,
                                const char **a_out, const char **b_out);

#endif
