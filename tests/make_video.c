/* make_video OUT FRAMES PICTURE...: a video at 25 frames a second whose frames
 * are the pictures in turn, all of one size, for tests of the command line.
 * Ends with 77 where this was built without video. */

#include <stdio.h>
#include <stdlib.h>

#include "eval/video.h"

static enum yt_status add_frame(struct yt_video_writer **writer,
                                const char *out, const char *file, long i)
{
    struct yt_picture picture = {0};
    enum yt_status status = yt_picture_load(file, &picture);
    if (status == YT_OK && !*writer)
        status =
            yt_video_create(out, picture.width, picture.height, 25, writer);
    if (status == YT_OK)
        status = yt_video_add(*writer, &picture, (double)i / 25);
    yt_picture_deinit(&picture);
    return status;
}

int main(int argc, char **argv)
{
    struct yt_video_writer *writer = NULL;
    enum yt_status status = YT_OK;
    const long count = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
    for (long i = 0; i < count && status == YT_OK; i++)
        status = add_frame(&writer, argv[1], argv[3 + i % (argc - 3)], i);
    const enum yt_status ended = yt_video_finish(writer);
    status = status == YT_OK ? ended : status;
    if (status != YT_OK)
        fprintf(stderr, "make_video: %s\n", yt_error());
    return status == YT_OK ? 0 : status == YT_UNSUPPORTED ? 77 : 1;
}
