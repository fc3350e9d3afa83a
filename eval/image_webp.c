/* WebP through libwebp: of an animation the first frame, on black where it
 * does not reach. Alpha is dropped, as OpenCV's imread() does. */

#include "eval/image_formats.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "runtime/fail.h"

/* Some writers open the chunk as a JPEG's APP1 segment. */
static const char exif_prefix[6] = "Exif\0";

static int find_orientation(const WebPDemuxer *demux)
{
    WebPChunkIterator chunk;
    int orientation = 1;
    if (!WebPDemuxGetChunk(demux, "EXIF", 1, &chunk))
        return orientation;
    const uint8_t *tiff = chunk.chunk.bytes;
    size_t size = chunk.chunk.size;
    if (size > sizeof exif_prefix &&
        memcmp(tiff, exif_prefix, sizeof exif_prefix) == 0) {
        tiff += sizeof exif_prefix;
        size -= sizeof exif_prefix;
    }
    orientation = yt_exif_orientation(tiff, size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

static enum yt_status decode_frame(const WebPIterator *frame,
                                   struct yt_picture *picture)
{
    const size_t stride = 3 * (size_t)picture->width;
    const size_t all = stride * (size_t)picture->height;
    const size_t at =
        stride * (size_t)frame->y_offset + 3 * (size_t)frame->x_offset;
    YT_FAIL_IF(frame->x_offset + frame->width > picture->width ||
                   frame->y_offset + frame->height > picture->height,
               YT_BAD_INPUT, "a frame outside of the picture");
    YT_FAIL_IF(!WebPDecodeRGBInto(frame->fragment.bytes, frame->fragment.size,
                                  picture->rgb + at, all - at, (int)stride),
               YT_BAD_INPUT, "the pixels are damaged");
    return YT_OK;
}

static enum yt_status decode(const WebPDemuxer *demux,
                             struct yt_picture *picture)
{
    WebPIterator frame;
    YT_TRY(yt_picture_init((int32_t)WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH),
                           (int32_t)WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT),
                           picture));
    YT_FAIL_IF(!WebPDemuxGetFrame(demux, 1, &frame), YT_BAD_INPUT,
               "there is no frame in it");
    const enum yt_status status = decode_frame(&frame, picture);
    WebPDemuxReleaseIterator(&frame);
    YT_TRY(status);
    return yt_picture_orient(picture, find_orientation(demux));
}

enum yt_status yt_webp_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out)
{
    const WebPData data = {bytes, size};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    WebPDemuxer *demux = WebPDemuxPartial(&data, &state);
    enum yt_status status = YT_OK;
    if (state == WEBP_DEMUX_DONE && demux)
        status = decode(demux, picture_out);
    else
        status = yt_fail(YT_BAD_INPUT, state == WEBP_DEMUX_PARSE_ERROR
                                           ? "damaged, or no WebP at all"
                                           : "the file is truncated");
    WebPDemuxDelete(demux);
    return status;
}
