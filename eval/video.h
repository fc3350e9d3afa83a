#ifndef YT_VIDEO_H
#define YT_VIDEO_H

/* Moving pictures: files, network streams and cameras in, MP4 files out, by
 * FFmpeg's libraries. They are loaded when the first video is opened, since
 * loading them takes longer than starting the program; a program that was built
 * without their headers says so. Input is hostile: what is damaged ends in a
 * status and one sentence, and the frames before it stand.
 *
 * A reader or writer is used by one thread at a time; several may be open. */

#include "eval/image.h"

struct yt_video;
struct yt_video_writer;

struct yt_video_options {
    int32_t stride;           /* every stride-th frame is handed out, as
                                 YOLOv5's --vid-stride counts them; 0 means 1 */
    const volatile int *stop; /* reading ends soon after it is set; borrowed;
                                 NULL: never */
};

struct yt_video_info {
    double fps;     /* that are handed out, as the source says; 0: unknown */
    int64_t frames; /* that will be, as the source says; 0: unknown */
    int live; /* 1: frames come when they come, and go when nobody reads */
};

/** Which frame was handed out, and when it is to be shown. */
struct yt_video_frame {
    int64_t number; /* 1, 2, ... of those handed out */
    double seconds; /* since the source's first */
};

/** Open a source.
 *
 * @param source   a file, an address ("rtsp://...", "http://..."), or a camera
 *                 ("/dev/video0", or its number).
 * @param options  borrowed for the call; NULL means all defaults.
 * @param[out] video_out owned by the caller.
 * @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT for what is no video;
 *         YT_UNSUPPORTED without FFmpeg, or for a codec that it lacks;
 *         YT_INTERRUPTED; YT_NO_MEMORY. The sentence names the source.
 */
enum yt_status yt_video_open(const char *source,
                             const struct yt_video_options *options,
                             struct yt_video **video_out);

/** What was opened; borrowed from it. */
const struct yt_video_info *yt_video_describe(const struct yt_video *video);

/** The next frame, upright as OpenCV hands it out, in RGB.
 *
 * @param picture  all zero, or one of before, whose memory is used again;
 *                 the caller's to deinit. Its pixels are lost also on failure.
 * @param[out] frame_out which it is.
 * @return YT_OK; YT_NOT_FOUND when there are no more; YT_BAD_INPUT when there
 *         are no more and some could not be decoded; YT_IO when the source
 *         broke off; YT_INTERRUPTED; YT_UNSUPPORTED for frames past a picture's
 *         limits; YT_NO_MEMORY.
 */
enum yt_status yt_video_next(struct yt_video *video, struct yt_picture *picture,
                             struct yt_video_frame *frame_out);

/** NULL is fine. */
void yt_video_close(struct yt_video *video);

/** Begin an MP4 file of H.264 where FFmpeg has x264, else of MPEG-4 part 2.
 *
 * @param path    is replaced.
 * @param width   of its frames, pixels; an odd column or row is cut off.
 * @param height  likewise.
 * @param fps     what to expect; 0: 25. Frames are shown when they say.
 * @param[out] writer_out owned by the caller.
 * @return YT_OK; YT_IO; YT_BAD_ARGUMENT for frames of less than two pixels a
 *         side; YT_UNSUPPORTED without FFmpeg or an encoder; YT_NO_MEMORY.
 */
enum yt_status yt_video_create(const char *path, int32_t width, int32_t height,
                               double fps, struct yt_video_writer **writer_out);

/** Add a frame; one of another size is scaled.
 *
 * @param writer   open.
 * @param picture  borrowed for the call.
 * @param seconds  when to show it; never before the frame in front of it.
 * @return YT_OK; YT_IO; YT_NO_MEMORY.
 */
enum yt_status yt_video_add(struct yt_video_writer *writer,
                            const struct yt_picture *picture, double seconds);

/** "libx264" or "mpeg4". */
const char *yt_video_encoder(const struct yt_video_writer *writer);

/** Complete the file and free the writer, also on failure; NULL is fine.
 *  @return YT_OK; YT_IO. */
enum yt_status yt_video_finish(struct yt_video_writer *writer);

#endif
