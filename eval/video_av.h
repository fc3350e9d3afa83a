#ifndef YT_VIDEO_AV_H
#define YT_VIDEO_AV_H

/* FFmpeg's libraries, loaded on first use: about 130 shared objects hang on
 * them, which every start of the program would load otherwise. */

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

#include "yolotune/status.h"

/** Their functions, by their own names. */
struct yt_av {
#define YT_AV(library, function) __typeof__(&(function)) function;
#include "eval/video_av.inc"
#undef YT_AV
};

/** Load them.
 *  @param[out] av_out shared by all, for as long as the process runs.
 *  @return YT_OK; YT_UNSUPPORTED when one is not there. */
enum yt_status yt_av_open(const struct yt_av **av_out);

/** Load libavdevice, which knows cameras.
 *  @return as yt_av_open(); YT_UNSUPPORTED also when this was built without. */
enum yt_status yt_av_open_cameras(void);

/** Fail with what FFmpeg says of a number below 0.
 *  @param what whom it is about. */
enum yt_status yt_av_fail(const struct yt_av *av, const char *what, int code);

#endif
