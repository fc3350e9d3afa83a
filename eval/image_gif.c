/* GIF through giflib: the first frame on its canvas. As OpenCV's imread() has
 * it, the canvas has the background's colour, which is what shows where the
 * frame is transparent or absent. */

#include "eval/image_formats.h"

#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#include "runtime/fail.h"

/* Of LZW codes of 12 bits none stands for more pixels than there are codes:
 * GIF89a specification, appendix F. */
#define PIXELS_PER_BYTE_MAX 4096

struct job {
    const uint8_t *bytes; /* what is left to read */
    size_t size;
    int ran_out;
    int transparent; /* the index that shows the canvas; -1: none */
};

static int read_bytes(GifFileType *gif, GifByteType *out, int count)
{
    struct job *job = gif->UserData;
    const size_t want = (size_t)count;
    const size_t got = want < job->size ? want : job->size;
    job->ran_out |= got < want;
    memcpy(out, job->bytes, got);
    job->bytes += got;
    job->size -= got;
    return (int)got;
}

/* giflib's reason, or ours where it only says that it could not read. */
static enum yt_status fail(const struct job *job, int error)
{
    const char *text = GifErrorString(error);
    if (job->ran_out)
        text = "the file is truncated";
    return yt_fail(YT_BAD_INPUT, "%s", text ? text : "damaged");
}

static enum yt_status read_extension(struct job *job, GifFileType *gif)
{
    GifByteType *block = NULL;
    int code = 0;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR)
        return fail(job, gif->Error);
    while (block) {
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            job->transparent = control.TransparentColor;
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR)
            return fail(job, gif->Error);
    }
    return YT_OK;
}

/* Up to the first frame's description. */
static enum yt_status find_frame(struct job *job, GifFileType *gif)
{
    for (;;) {
        GifRecordType type = UNDEFINED_RECORD_TYPE;
        if (DGifGetRecordType(gif, &type) == GIF_ERROR)
            return fail(job, gif->Error);
        YT_FAIL_IF(type == TERMINATE_RECORD_TYPE, YT_BAD_INPUT,
                   "there is no frame in it");
        if (type == EXTENSION_RECORD_TYPE) {
            YT_TRY(read_extension(job, gif));
        } else {
            if (DGifGetImageDesc(gif) == GIF_ERROR)
                return fail(job, gif->Error);
            return YT_OK;
        }
    }
}

static void fill_background(const GifFileType *gif, struct yt_picture *picture)
{
    const ColorMapObject *map = gif->SColorMap;
    const int64_t pixels = (int64_t)picture->width * picture->height;
    if (!map || gif->SBackGroundColor >= map->ColorCount)
        return;
    const GifColorType *c = &map->Colors[gif->SBackGroundColor];
    for (int64_t i = 0; i < pixels; i++)
        memcpy(picture->rgb + 3 * i,
               (const uint8_t[]){c->Red, c->Green, c->Blue}, 3);
}

static void put_line(const struct job *job, const ColorMapObject *map,
                     const GifByteType *line, int width, uint8_t *rgb)
{
    for (int x = 0; x < width; x++, rgb += 3) {
        if (line[x] == job->transparent || line[x] >= map->ColorCount)
            continue;
        const GifColorType *c = &map->Colors[line[x]];
        rgb[0] = c->Red;
        rgb[1] = c->Green;
        rgb[2] = c->Blue;
    }
}

/* The rows of an interlaced frame come in four turns: GIF89a, appendix E. */
static const struct {
    int first, step;
} turns[2][4] = {{{0, 1}}, {{0, 8}, {4, 8}, {2, 4}, {1, 2}}};

static enum yt_status read_lines(struct job *job, GifFileType *gif,
                                 GifByteType *line, struct yt_picture *picture)
{
    const GifImageDesc *frame = &gif->Image;
    const ColorMapObject *map =
        frame->ColorMap ? frame->ColorMap : gif->SColorMap;
    YT_FAIL_IF(!map, YT_BAD_INPUT, "there are no colours in it");
    for (int t = 0; t < 4; t++) {
        const int step = turns[frame->Interlace][t].step;
        for (int y = turns[frame->Interlace][t].first;
             step > 0 && y < frame->Height; y += step) {
            if (DGifGetLine(gif, line, frame->Width) == GIF_ERROR)
                return fail(job, gif->Error);
            const int64_t at =
                (int64_t)(frame->Top + y) * picture->width + frame->Left;
            put_line(job, map, line, frame->Width, picture->rgb + 3 * at);
        }
    }
    return YT_OK;
}

static enum yt_status decode(struct job *job, GifFileType *gif,
                             struct yt_picture *picture)
{
    const size_t bytes = job->size;
    YT_TRY(yt_picture_check_size(gif->SWidth, gif->SHeight));
    YT_FAIL_IF((size_t)gif->SWidth * (size_t)gif->SHeight /
                       PIXELS_PER_BYTE_MAX >
                   bytes,
               YT_BAD_INPUT, "%dx%d pixels in %zu bytes: the file is truncated",
               gif->SWidth, gif->SHeight, bytes);
    YT_TRY(find_frame(job, gif));
    const GifImageDesc *frame = &gif->Image;
    YT_FAIL_IF(frame->Width < 1 || frame->Height < 1 ||
                   frame->Left + frame->Width > gif->SWidth ||
                   frame->Top + frame->Height > gif->SHeight,
               YT_BAD_INPUT, "a frame of %dx%d pixels at %d,%d of %dx%d",
               frame->Width, frame->Height, frame->Left, frame->Top,
               gif->SWidth, gif->SHeight);
    YT_TRY(yt_picture_init(gif->SWidth, gif->SHeight, picture));
    fill_background(gif, picture);
    GifByteType *line = malloc((size_t)frame->Width);
    YT_FAIL_IF(!line, YT_NO_MEMORY, "no memory for a row");
    const enum yt_status status = read_lines(job, gif, line, picture);
    free(line);
    return status;
}

enum yt_status yt_gif_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out)
{
    struct job job = {.bytes = bytes, .size = size, .transparent = -1};
    int error = 0;
    GifFileType *gif = DGifOpen(&job, read_bytes, &error);
    if (!gif)
        return fail(&job, error);
    const enum yt_status status = decode(&job, gif, picture_out);
    (void)DGifCloseFile(gif, &error);
    return status;
}
