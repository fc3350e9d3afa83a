/* eval/video.h without FFmpeg's headers. */

#include "eval/video.h"
#include "runtime/fail.h"

static enum yt_status refuse(const char *what)
{
    return yt_fail(YT_UNSUPPORTED,
                   "%s: this yolotune was built without video; install "
                   "libavformat-dev, libavcodec-dev, libswscale-dev, "
                   "libavutil-dev and libavdevice-dev and build it again "
                   "(./setup.sh video)",
                   what);
}

enum yt_status yt_video_open(const char *source,
                             const struct yt_video_options *options,
                             struct yt_video **video_out)
{
    (void)options;
    (void)video_out;
    return refuse(source);
}

const struct yt_video_info *yt_video_describe(const struct yt_video *video)
{
    (void)video;
    return NULL;
}

enum yt_status yt_video_next(struct yt_video *video, struct yt_picture *picture,
                             struct yt_video_frame *frame_out)
{
    (void)video;
    (void)picture;
    (void)frame_out;
    return refuse("video");
}

void yt_video_close(struct yt_video *video)
{
    (void)video;
}

enum yt_status yt_video_create(const char *path, int32_t width, int32_t height,
                               double fps, struct yt_video_writer **writer_out)
{
    (void)width;
    (void)height;
    (void)fps;
    (void)writer_out;
    return refuse(path);
}

enum yt_status yt_video_add(struct yt_video_writer *writer,
                            const struct yt_picture *picture, double seconds)
{
    (void)writer;
    (void)picture;
    (void)seconds;
    return refuse("video");
}

const char *yt_video_encoder(const struct yt_video_writer *writer)
{
    (void)writer;
    return "";
}

enum yt_status yt_video_finish(struct yt_video_writer *writer)
{
    (void)writer;
    return YT_OK;
}
