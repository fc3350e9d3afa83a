/* Pictures to an MP4 file; see eval/video.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eval/video.h"
#include "eval/video_av.h"
#include "runtime/fail.h"

/* Ticks of a second: frames of 24, 25, 29.97, 30, 50 and 60 a second fall on
 * them, and MPEG-4 part 2 allows no more than 65535. */
#define TICKS 60000

/* x264 looks ahead by as many frames as it has threads, and the network wants
 * the cores. */
#define ENCODER_THREADS 2

struct yt_video_writer {
    const struct yt_av *av;
    char *path;
    AVFormatContext *format;
    AVStream *stream; /* the format's */
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *scaler;
    int64_t last; /* tick of the newest frame */
    int failed;
};

static enum yt_status fail(struct yt_video_writer *writer, int code)
{
    writer->failed = 1;
    const enum yt_status status = yt_av_fail(writer->av, writer->path, code);
    return yt_fail_prefix(status == YT_NO_MEMORY ? status : YT_IO,
                          "cannot write");
}

/* ----------------------------------------------------------------- opening */

static void set_quality(const struct yt_av *av, AVCodecContext *codec)
{
    if (codec->codec_id == AV_CODEC_ID_H264) {
        av->av_opt_set(codec->priv_data, "preset", "veryfast", 0);
        av->av_opt_set(codec->priv_data, "crf", "23", 0);
    } else {
        codec->flags |= AV_CODEC_FLAG_QSCALE;
        codec->global_quality = 4 * FF_QP2LAMBDA;
    }
}

static int open_encoder(struct yt_video_writer *writer, const AVCodec *codec,
                        int32_t width, int32_t height, double fps)
{
    const struct yt_av *av = writer->av;
    AVCodecContext *c = av->avcodec_alloc_context3(codec);
    writer->codec = c;
    if (!c)
        return AVERROR(ENOMEM);
    c->width = width;
    c->height = height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, TICKS};
    c->framerate = (AVRational){(int)(fps * 1000 + 0.5), 1000};
    c->gop_size = (int)(fps * 2 + 1);
    c->thread_count = ENCODER_THREADS;
    if (writer->format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    set_quality(av, c);
    const int code = av->avcodec_open2(c, codec, NULL);
    if (code < 0)
        av->avcodec_free_context(&writer->codec);
    return code;
}

/* The best encoder that is there and opens. */
static enum yt_status find_encoder(struct yt_video_writer *writer,
                                   int32_t width, int32_t height, double fps)
{
    const struct yt_av *av = writer->av;
    const AVCodec *const codecs[] = {
        av->avcodec_find_encoder_by_name("libx264"),
        av->avcodec_find_encoder(AV_CODEC_ID_MPEG4),
    };
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++)
        if (codecs[i] &&
            open_encoder(writer, codecs[i], width, height, fps) >= 0)
            return YT_OK;
    return yt_fail(YT_UNSUPPORTED,
                   "%s: FFmpeg has no encoder for MP4 files of %dx%d",
                   writer->path, width, height);
}

static enum yt_status begin(struct yt_video_writer *writer)
{
    const struct yt_av *av = writer->av;
    AVStream *stream = av->avformat_new_stream(writer->format, NULL);
    YT_FAIL_IF(!stream, YT_NO_MEMORY, "no memory for a video");
    writer->stream = stream;
    stream->time_base = writer->codec->time_base;
    stream->avg_frame_rate = writer->codec->framerate;
    int code =
        av->avcodec_parameters_from_context(stream->codecpar, writer->codec);
    if (code >= 0)
        code =
            av->avio_open(&writer->format->pb, writer->path, AVIO_FLAG_WRITE);
    if (code >= 0)
        code = av->avformat_write_header(writer->format, NULL);
    return code < 0 ? fail(writer, code) : YT_OK;
}

static enum yt_status make_frame(struct yt_video_writer *writer)
{
    const struct yt_av *av = writer->av;
    writer->packet = av->av_packet_alloc();
    writer->frame = av->av_frame_alloc();
    YT_FAIL_IF(!writer->packet || !writer->frame, YT_NO_MEMORY,
               "no memory for a video");
    writer->frame->format = writer->codec->pix_fmt;
    writer->frame->width = writer->codec->width;
    writer->frame->height = writer->codec->height;
    YT_FAIL_IF(av->av_frame_get_buffer(writer->frame, 64) < 0, YT_NO_MEMORY,
               "no memory for a video");
    return YT_OK;
}

static enum yt_status create_into(struct yt_video_writer *writer, int32_t width,
                                  int32_t height, double fps)
{
    const struct yt_av *av = writer->av;
    YT_FAIL_IF(!writer->path, YT_NO_MEMORY, "no memory for a video");
    av->avformat_alloc_output_context2(&writer->format, NULL, "mp4",
                                       writer->path);
    YT_FAIL_IF(!writer->format, YT_NO_MEMORY, "no memory for a video");
    YT_TRY(find_encoder(writer, width & ~1, height & ~1, fps));
    YT_TRY(make_frame(writer));
    return begin(writer);
}

static void destroy(struct yt_video_writer *writer)
{
    const struct yt_av *av = writer->av;
    av->sws_freeContext(writer->scaler);
    av->av_frame_free(&writer->frame);
    av->av_packet_free(&writer->packet);
    av->avcodec_free_context(&writer->codec);
    if (writer->format)
        av->avio_closep(&writer->format->pb);
    av->avformat_free_context(writer->format);
    free(writer->path);
    free(writer);
}

enum yt_status yt_video_create(const char *path, int32_t width, int32_t height,
                               double fps, struct yt_video_writer **writer_out)
{
    const struct yt_av *av = NULL;
    YT_FAIL_IF(width < 2 || height < 2, YT_BAD_ARGUMENT,
               "%s: a video of %dx%d pixels: want 2 or more a side", path,
               width, height);
    YT_TRY(yt_av_open(&av));
    struct yt_video_writer *writer = calloc(1, sizeof *writer);
    YT_FAIL_IF(!writer, YT_NO_MEMORY, "no memory for a video");
    writer->av = av;
    writer->last = -1;
    writer->path = strdup(path);
    const enum yt_status status =
        create_into(writer, width, height, fps > 0 && fps <= 1000 ? fps : 25);
    if (status != YT_OK) {
        destroy(writer);
        return status;
    }
    *writer_out = writer;
    return YT_OK;
}

const char *yt_video_encoder(const struct yt_video_writer *writer)
{
    return writer->codec->codec->name;
}

/* ----------------------------------------------------------------- writing */

static int write_packets(struct yt_video_writer *writer)
{
    const struct yt_av *av = writer->av;
    for (;;) {
        int code = av->avcodec_receive_packet(writer->codec, writer->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return 0;
        if (code < 0)
            return code;
        av->av_packet_rescale_ts(writer->packet, writer->codec->time_base,
                                 writer->stream->time_base);
        writer->packet->stream_index = writer->stream->index;
        code = av->av_interleaved_write_frame(writer->format, writer->packet);
        if (code < 0)
            return code;
    }
}

static int fill_frame(struct yt_video_writer *writer,
                      const struct yt_picture *picture)
{
    const struct yt_av *av = writer->av;
    const int32_t w = writer->codec->width;
    const int32_t h = writer->codec->height;
    /* One that is a row or a column larger is cut, others are scaled. */
    const int cut = (picture->width & ~1) == w && (picture->height & ~1) == h;
    const uint8_t *const rows[] = {picture->rgb};
    const int strides[] = {3 * picture->width};
    writer->scaler = av->sws_getCachedContext(
        writer->scaler, cut ? w : picture->width, cut ? h : picture->height,
        AV_PIX_FMT_RGB24, w, h, writer->codec->pix_fmt, SWS_BICUBIC, NULL, NULL,
        NULL);
    if (!writer->scaler)
        return AVERROR(ENOMEM);
    const int code = av->av_frame_make_writable(writer->frame);
    if (code < 0)
        return code;
    av->sws_scale(writer->scaler, rows, strides, 0, cut ? h : picture->height,
                  writer->frame->data, writer->frame->linesize);
    return 0;
}

enum yt_status yt_video_add(struct yt_video_writer *writer,
                            const struct yt_picture *picture, double seconds)
{
    YT_FAIL_IF(writer->failed, YT_IO, "%s: cannot write all of it",
               writer->path);
    /* Time stamps of hostile files jump; those of a video only grow. */
    const double ticks = seconds * TICKS + 0.5;
    const int64_t tick = ticks >= 0 && ticks < 1e15 ? (int64_t)ticks : 0;
    int code = fill_frame(writer, picture);
    if (code >= 0) {
        writer->frame->pts = tick > writer->last ? tick : writer->last + 1;
        writer->last = writer->frame->pts;
        code = writer->av->avcodec_send_frame(writer->codec, writer->frame);
    }
    if (code >= 0)
        code = write_packets(writer);
    return code < 0 ? fail(writer, code) : YT_OK;
}

enum yt_status yt_video_finish(struct yt_video_writer *writer)
{
    if (!writer)
        return YT_OK;
    const struct yt_av *av = writer->av;
    int code = av->avcodec_send_frame(writer->codec, NULL);
    if (code >= 0)
        code = write_packets(writer);
    const int ended = av->av_write_trailer(writer->format);
    const int closed = av->avio_closep(&writer->format->pb);
    code = code < 0 ? code : ended < 0 ? ended : closed;
    const enum yt_status status =
        code < 0 ? fail(writer, code)
        : writer->failed
            ? yt_fail(YT_IO, "%s: cannot write all of it", writer->path)
            : YT_OK;
    destroy(writer);
    return status;
}
