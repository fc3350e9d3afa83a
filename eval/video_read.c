/* Videos to pictures; see eval/video.h. Colours are converted as OpenCV's
 * VideoCapture does it (swscale, bicubic, its default matrix), and turned as
 * the file says, by quarters. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "base/text.h"
#include "eval/sources.h"
#include "eval/video.h"
#include "eval/video_av.h"
#include "runtime/fail.h"

/* A network that says nothing for so long is taken for dead. */
#define SILENCE_NS 15000000000u

#define ROW_ALIGN 64

/* What a file may lead to is the file, what an address may is no file. */
#define FILE_PROTOCOLS "file,crypto,data"
#define NET_PROTOCOLS                                                          \
    "rtsp,rtsps,rtp,srtp,udp,tcp,tls,rtmp,rtmps,http,https,httpproxy,crypto,"  \
    "data"

struct yt_video {
    const struct yt_av *av;
    char *source;
    struct yt_video_info info;
    int32_t stride;
    int networked;
    const volatile int *stop;
    uint64_t deadline_ns; /* 0: none */
    AVFormatContext *format;
    const AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame, *rgb;
    struct SwsContext *scaler;
    int turns;        /* quarters clockwise that make it upright */
    int64_t decoded;  /* frames */
    int64_t packets;  /* of the stream */
    int64_t damaged;  /* packets or frames */
    int draining;     /* nothing more is read */
    int read_code;    /* why, below 0 */
    double first;     /* time stamp of the first frame */
    int64_t numbered; /* handed out */
};

/* ---------------------------------------------------------------- opening */

static int is_stopped(const struct yt_video *video)
{
    return video->stop && *video->stop;
}

static int interrupts(void *video_)
{
    const struct yt_video *video = video_;
    return is_stopped(video) ||
           (video->deadline_ns && yt_now_ns() > video->deadline_ns);
}

/* Reading may take so long from now on. */
static void set_deadline(struct yt_video *video)
{
    video->deadline_ns = video->networked ? yt_now_ns() + SILENCE_NS : 0;
}

static enum yt_status fail(const struct yt_video *video, int code)
{
    if (is_stopped(video))
        return yt_fail(YT_INTERRUPTED, "%s: interrupted", video->source);
    if (code == AVERROR_EXIT)
        return yt_fail(YT_IO, "%s: nothing was heard for %d seconds",
                       video->source, (int)(SILENCE_NS / 1000000000));
    return yt_av_fail(video->av, video->source, code);
}

/* What FFmpeg is to open, and how: a name with a colon is no address. */
static enum yt_status find_input(struct yt_video *video, char *url, size_t size,
                                 const AVInputFormat **format,
                                 AVDictionary **options)
{
    const struct yt_av *av = video->av;
    const enum yt_source_kind kind = yt_source_kind(video->source);
    const int is_number =
        video->source[strspn(video->source, "0123456789")] == '\0';
    const char *prefix = "file:";
    int code = 0;
    if (kind == YT_SOURCE_CAMERA) {
        YT_TRY(yt_av_open_cameras());
        *format = av->av_find_input_format("v4l2");
        YT_FAIL_IF(!*format, YT_UNSUPPORTED, "%s: this FFmpeg reads no cameras",
                   video->source);
        prefix = is_number ? "/dev/video" : "";
    } else if (kind == YT_SOURCE_ADDRESS) {
        video->networked = 1;
        prefix = "";
        code = av->av_dict_set(options, "protocol_whitelist", NET_PROTOCOLS, 0);
        if (code >= 0) /* as OpenCV asks */
            code = av->av_dict_set(options, "rtsp_transport", "tcp", 0);
    } else {
        code =
            av->av_dict_set(options, "protocol_whitelist", FILE_PROTOCOLS, 0);
    }
    YT_FAIL_IF(code < 0, YT_NO_MEMORY, "no memory for a video");
    struct yt_text text = yt_text_in(url, size);
    yt_text_add(&text, "%s%s", prefix, video->source);
    return YT_OK;
}

static enum yt_status open_format(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    AVDictionary *options = NULL;
    const AVInputFormat *format = NULL;
    const size_t size = strlen(video->source) + 16;
    char *url = malloc(size);
    video->format = av->avformat_alloc_context();
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!url || !video->format, YT_NO_MEMORY,
                    "no memory for a video");
    YT_TRY_GOTO(find_input(video, url, size, &format, &options));
    video->format->interrupt_callback =
        (AVIOInterruptCB){.callback = interrupts, .opaque = video};
    set_deadline(video);
    int code = av->avformat_open_input(&video->format, url, format, &options);
    if (code >= 0)
        code = av->avformat_find_stream_info(video->format, NULL);
    if (code < 0)
        status = fail(video, code);
done:
    av->av_dict_free(&options);
    free(url);
    return status;
}

static enum yt_status open_codec(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    const AVCodec *codec = NULL;
    const int index = av->av_find_best_stream(video->format, AVMEDIA_TYPE_VIDEO,
                                              -1, -1, &codec, 0);
    YT_FAIL_IF(index == AVERROR_DECODER_NOT_FOUND, YT_UNSUPPORTED,
               "%s: FFmpeg has no decoder for its codec", video->source);
    YT_FAIL_IF(index < 0, YT_BAD_INPUT, "%s: there is no video in it",
               video->source);
    AVStream *stream = video->format->streams[index];
    video->stream = stream;
    for (unsigned i = 0; i < video->format->nb_streams; i++)
        if ((int)i != index)
            video->format->streams[i]->discard = AVDISCARD_ALL;
    video->codec = av->avcodec_alloc_context3(codec);
    YT_FAIL_IF(!video->codec, YT_NO_MEMORY, "no memory for a video");
    int code =
        av->avcodec_parameters_to_context(video->codec, stream->codecpar);
    video->codec->pkt_timebase = stream->time_base;
    video->codec->max_pixels = YT_PICTURE_PIXELS_MAX;
    /* Frames decoded ahead of time are late ones where they are live. */
    video->codec->thread_type =
        video->info.live ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
    video->codec->thread_count = 0;
    if (code >= 0)
        code = av->avcodec_open2(video->codec, codec, NULL);
    return code < 0 ? fail(video, code) : YT_OK;
}

/* Quarters clockwise, as OpenCV reads the display matrix. */
static int find_turns(const struct yt_video *video)
{
    const struct yt_av *av = video->av;
    const uint8_t *matrix = av->av_stream_get_side_data(
        video->stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (!matrix)
        return 0;
    int32_t numbers[9];
    memcpy(numbers, matrix, sizeof numbers);
    const double degrees = -av->av_display_rotation_get(numbers);
    if (!(degrees >= -360 && degrees <= 360)) /* also not a number */
        return 0;
    const int whole = ((int)(degrees + 360.5) % 360 + 360) % 360;
    return whole % 90 == 0 ? whole / 90 : 0;
}

static void describe(struct yt_video *video)
{
    AVStream *stream = video->format->streams[video->stream->index];
    const AVRational rate =
        video->av->av_guess_frame_rate(video->format, stream, NULL);
    if (rate.num > 0 && rate.den > 0)
        video->info.fps = av_q2d(rate) / video->stride;
    if (stream->nb_frames > 0 && !video->info.live)
        video->info.frames = stream->nb_frames / video->stride;
    video->turns = find_turns(video);
}

static int is_live(const struct yt_video *video)
{
    return yt_source_kind(video->source) == YT_SOURCE_CAMERA ||
           (video->networked && video->format->duration == AV_NOPTS_VALUE);
}

static enum yt_status open_into(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    YT_TRY(open_format(video));
    video->info.live = is_live(video);
    YT_TRY(open_codec(video));
    describe(video);
    video->packet = av->av_packet_alloc();
    video->frame = av->av_frame_alloc();
    video->rgb = av->av_frame_alloc();
    YT_FAIL_IF(!video->packet || !video->frame || !video->rgb, YT_NO_MEMORY,
               "no memory for a video");
    return YT_OK;
}

enum yt_status yt_video_open(const char *source,
                             const struct yt_video_options *options,
                             struct yt_video **video_out)
{
    const struct yt_av *av = NULL;
    if (yt_av_open(&av) != YT_OK)
        return yt_fail_prefix(YT_UNSUPPORTED, "%s", source);
    struct yt_video *video = calloc(1, sizeof *video);
    YT_FAIL_IF(!video, YT_NO_MEMORY, "no memory for a video");
    video->av = av;
    video->source = strdup(source);
    video->stride = options && options->stride > 1 ? options->stride : 1;
    video->stop = options ? options->stop : NULL;
    const enum yt_status status =
        video->source ? open_into(video)
                      : yt_fail(YT_NO_MEMORY, "no memory for a video");
    if (status != YT_OK) {
        yt_video_close(video);
        return status;
    }
    *video_out = video;
    return YT_OK;
}

const struct yt_video_info *yt_video_describe(const struct yt_video *video)
{
    return &video->info;
}

void yt_video_close(struct yt_video *video)
{
    if (!video)
        return;
    const struct yt_av *av = video->av;
    av->sws_freeContext(video->scaler);
    av->av_frame_free(&video->rgb);
    av->av_frame_free(&video->frame);
    av->av_packet_free(&video->packet);
    av->avcodec_free_context(&video->codec);
    av->avformat_close_input(&video->format);
    free(video->source);
    free(video);
}

/* --------------------------------------------------------------- decoding */

/* The next packet of the stream to the decoder; at the end, nothing more. */
static void feed(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    set_deadline(video);
    int code = av->av_read_frame(video->format, video->packet);
    if (code == AVERROR(EAGAIN))
        return;
    if (code < 0) {
        video->read_code = code;
        video->draining = 1;
        (void)av->avcodec_send_packet(video->codec, NULL);
        return;
    }
    if (video->packet->stream_index == video->stream->index) {
        video->packets++;
        code = av->avcodec_send_packet(video->codec, video->packet);
        video->damaged +=
            code < 0 || (video->packet->flags & AV_PKT_FLAG_CORRUPT);
    }
    av->av_packet_unref(video->packet);
}

/* Whether a container that counts its frames ended before they did. Those of
 * the MP4 family say themselves where their data is missing, and may count
 * frames that are not to be shown. */
static int is_short(const struct yt_video *video)
{
    return !video->info.live &&
           strncmp(video->format->iformat->name, "mov", 3) != 0 &&
           video->stream->nb_frames > video->packets;
}

static enum yt_status end(const struct yt_video *video)
{
    const int code = video->read_code;
    const long long count = (long long)video->decoded;
    if (is_stopped(video) || code == AVERROR_EXIT)
        return fail(video, code);
    YT_FAIL_IF(video->decoded == 0, YT_BAD_INPUT,
               "%s: no frame of it can be decoded", video->source);
    YT_FAIL_IF(code != AVERROR_EOF || is_short(video), YT_BAD_INPUT,
               "%s: it breaks off after %lld frames", video->source, count);
    YT_FAIL_IF(
        video->damaged, YT_BAD_INPUT,
        "%s: it is damaged: %lld frames could be decoded, and %lld parts "
        "of it could not",
        video->source, count, (long long)video->damaged);
    return yt_fail(YT_NOT_FOUND, "%s: there are no more frames", video->source);
}

/* The next decoded frame. A decoder that fails again and again at the end has
 * no more. */
static enum yt_status decode(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    for (int failures = 0; failures < 1000;) {
        YT_FAIL_IF(is_stopped(video), YT_INTERRUPTED, "%s: interrupted",
                   video->source);
        const int code = av->avcodec_receive_frame(video->codec, video->frame);
        if (code == 0) {
            video->decoded++;
            return YT_OK;
        }
        if (code == AVERROR_EOF)
            break;
        if (code == AVERROR(EAGAIN) && !video->draining) {
            feed(video);
            continue;
        }
        YT_FAIL_IF(code == AVERROR(ENOMEM), YT_NO_MEMORY,
                   "no memory for a frame of %s", video->source);
        video->damaged++;
        failures += video->draining;
    }
    return end(video);
}

/* ----------------------------------------------------------------- colours */

static enum yt_status make_rgb(struct yt_video *video)
{
    const struct yt_av *av = video->av;
    const AVFrame *f = video->frame;
    YT_FAIL_IF(f->width < 1 || f->height < 1 ||
                   f->width > YT_PICTURE_SIDE_MAX ||
                   f->height > YT_PICTURE_SIDE_MAX,
               YT_UNSUPPORTED, "%s: a frame of %dx%d pixels: want 1..%d a side",
               video->source, f->width, f->height, YT_PICTURE_SIDE_MAX);
    AVFrame *rgb = video->rgb;
    if (rgb->width != f->width || rgb->height != f->height) {
        av->av_frame_unref(rgb);
        rgb->format = AV_PIX_FMT_RGB24;
        rgb->width = f->width;
        rgb->height = f->height;
        YT_FAIL_IF(av->av_frame_get_buffer(rgb, ROW_ALIGN) < 0, YT_NO_MEMORY,
                   "no memory for a frame of %dx%d", f->width, f->height);
    }
    video->scaler = av->sws_getCachedContext(
        video->scaler, f->width, f->height, (enum AVPixelFormat)f->format,
        f->width, f->height, AV_PIX_FMT_RGB24, SWS_BICUBIC, NULL, NULL, NULL);
    YT_FAIL_IF(!video->scaler, YT_UNSUPPORTED,
               "%s: its colours are of a format that cannot be converted",
               video->source);
    av->sws_scale(video->scaler, (const uint8_t *const *)f->data, f->linesize,
                  0, f->height, rgb->data, rgb->linesize);
    return YT_OK;
}

/* Rows to a picture without padding, turned by quarters clockwise. */
static void turn(const AVFrame *rgb, int turns, struct yt_picture *picture)
{
    const int32_t w = rgb->width;
    const int32_t h = rgb->height;
    const uint8_t *from = rgb->data[0];
    const int64_t row = rgb->linesize[0];
    for (int32_t y = 0; turns == 0 && y < h; y++)
        memcpy(picture->rgb + 3 * (int64_t)w * y, from + row * y,
               3 * (size_t)w);
    if (turns == 0)
        return;
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            const int64_t to_x = turns == 1   ? h - 1 - y
                                 : turns == 2 ? w - 1 - x
                                              : y;
            const int64_t to_y = turns == 1   ? x
                                 : turns == 2 ? h - 1 - y
                                              : w - 1 - x;
            memcpy(picture->rgb + 3 * (to_y * picture->width + to_x),
                   from + row * y + 3 * (int64_t)x, 3);
        }
}

static enum yt_status hand_out(struct yt_video *video,
                               struct yt_picture *picture)
{
    YT_TRY(make_rgb(video));
    const int lies = video->turns % 2 != 0;
    const int32_t w = lies ? video->rgb->height : video->rgb->width;
    const int32_t h = lies ? video->rgb->width : video->rgb->height;
    if (!picture->rgb || picture->width != w || picture->height != h) {
        yt_picture_deinit(picture);
        YT_TRY(yt_picture_init(w, h, picture));
    }
    picture->end = YT_PICTURE_WHOLE;
    turn(video->rgb, video->turns, picture);
    return YT_OK;
}

/* A source without time stamps keeps the pace that it tells. */
static double seconds_of(struct yt_video *video)
{
    const int64_t stamp = video->frame->best_effort_timestamp;
    const double fps = video->info.fps > 0 ? video->info.fps : 25;
    if (stamp == AV_NOPTS_VALUE)
        return (double)(video->numbered - 1) / fps;
    const double at = (double)stamp * av_q2d(video->stream->time_base);
    if (video->decoded == video->stride)
        video->first = at;
    return at - video->first;
}

enum yt_status yt_video_next(struct yt_video *video, struct yt_picture *picture,
                             struct yt_video_frame *frame_out)
{
    do
        YT_TRY(decode(video));
    while (video->decoded % video->stride != 0);
    YT_TRY(hand_out(video, picture));
    video->numbered++;
    frame_out->number = video->numbered;
    frame_out->seconds = seconds_of(video);
    video->av->av_frame_unref(video->frame);
    return YT_OK;
}
