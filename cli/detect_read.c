/* See cli/detect_read.h. */

#include "cli/detect_read.h"

#include <string.h>
#include <unistd.h>

#include "runtime/fail.h"

int yt_detect_is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *yt_detect_shown_name(const char *path)
{
    return yt_detect_is_stdin(path) ? "stdin" : path;
}

/* Sentences are a thread's own; another one tells this. */
void yt_detect_keep_failure(struct yt_detected *found, enum yt_status status)
{
    found->status = status;
    if (status != YT_OK)
        snprintf(found->error, sizeof found->error, "%s", yt_error());
}

/* An empty slot for something of a file, with the memory that it had. */
static void begin(struct yt_detected *found, const char *path)
{
    *found = (struct yt_detected){.file = yt_detect_shown_name(path),
                                  .picture = found->picture,
                                  .boxes = found->boxes};
}

static void read_picture(const char *path, struct yt_detected *found)
{
    yt_picture_deinit(&found->picture);
    const enum yt_status status =
        yt_detect_is_stdin(path)
            ? yt_picture_read(STDIN_FILENO, found->file, &found->picture)
            : yt_picture_load(path, &found->picture);
    yt_detect_keep_failure(found, status);
}

static void close_video(struct yt_detect_reader *reader)
{
    yt_video_close(reader->video);
    reader->video = NULL;
}

/* The next frame of the open video, or what broke it off.
 *  @return 0: it has ended, and is closed. */
static int read_frame(struct yt_detect_reader *reader,
                      struct yt_detected *found)
{
    if (atomic_load(&reader->given_up) == reader->path) {
        close_video(reader);
        return 0;
    }
    begin(found, reader->path);
    const struct yt_video_info *info = yt_video_describe(reader->video);
    found->is_live = info->live;
    found->fps = info->fps;
    const enum yt_status status =
        yt_video_next(reader->video, &found->picture, &found->frame);
    if (status == YT_OK) {
        found->is_frame = 1;
        return 1;
    }
    close_video(reader);
    if (status == YT_NOT_FOUND || status == YT_INTERRUPTED)
        return 0;
    yt_detect_keep_failure(found, status);
    return 1;
}

static enum yt_status open_video(struct yt_detect_reader *reader,
                                 const char *path)
{
    const struct yt_video_options options = {.stride = reader->stride,
                                             .stop = reader->stop};
    reader->path = path;
    return yt_video_open(path, &options, &reader->video);
}

int yt_detect_read(struct yt_detect_reader *reader, struct yt_detected *found)
{
    while (!*reader->stop) {
        if (reader->video && read_frame(reader, found))
            return 1;
        if (*reader->stop || reader->next == reader->sources->count)
            return 0;
        const char *path = reader->sources->paths[reader->next++];
        begin(found, path);
        if (yt_source_kind(path) == YT_SOURCE_PICTURE) {
            read_picture(path, found);
            return 1;
        }
        const enum yt_status status = open_video(reader, path);
        if (status != YT_OK && status != YT_INTERRUPTED) {
            yt_detect_keep_failure(found, status);
            return 1;
        }
    }
    return 0;
}

void yt_detect_reader_deinit(struct yt_detect_reader *reader)
{
    close_video(reader);
}
