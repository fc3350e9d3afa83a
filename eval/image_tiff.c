/* TIFF through libtiff's reader of 8-bit RGBA, which OpenCV's imread() takes,
 * too: it knows every layout, compression and colour that libtiff can bring
 * to RGB. Of several pages the first is read. Rows are read as many at a time
 * as the file keeps together, so that no second whole picture is needed. */

#include "eval/image_formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "runtime/fail.h"

#define PIXEL_BYTES_MAX 8 /* four samples of 16 bits */

/* A strip may hold a whole picture. */
#define ALLOCATION_MAX ((tmsize_t)YT_PICTURE_PIXELS_MAX * PIXEL_BYTES_MAX)

/* How far tiles may reach past a picture to the right and below. */
#define PADDING_MAX 2048

struct job {
    const uint8_t *bytes;
    size_t size, at;
    char text[160]; /* the first error; libtiff goes on to others */
};

/* ------------------------------------------------ a file that is memory */

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t count)
{
    struct job *job = handle;
    const size_t left = job->at < job->size ? job->size - job->at : 0;
    const size_t got = (size_t)count < left ? (size_t)count : left;
    memcpy(out, job->bytes + job->at, got);
    job->at += got;
    return (tmsize_t)got;
}

static tmsize_t write_bytes(thandle_t handle, void *bytes, tmsize_t count)
{
    (void)handle;
    (void)bytes;
    (void)count;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    struct job *job = handle;
    const toff_t base = whence == SEEK_CUR   ? job->at
                        : whence == SEEK_END ? job->size
                                             : 0;
    const toff_t to = base + offset;
    job->at = to < job->size ? (size_t)to : job->size;
    return to;
}

static toff_t size_of(thandle_t handle)
{
    const struct job *job = handle;
    return job->size;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

/* Both tell libtiff that nothing is left to be said elsewhere. */
static int on_error(TIFF *tiff, void *user, const char *module,
                    const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static int on_error(TIFF *tiff, void *user, const char *module,
                    const char *format, va_list args)
{
    struct job *job = user;
    (void)tiff;
    (void)module;
    if (!job->text[0])
        vsnprintf(job->text, sizeof job->text, format, args);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module,
                      const char *format, va_list args)
{
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

/* libtiff's sentences end in a full stop here and none there. */
static enum yt_status fail(struct job *job)
{
    const size_t length = strlen(job->text);
    if (length > 0 && job->text[length - 1] == '.')
        job->text[length - 1] = '\0';
    return yt_fail(YT_BAD_INPUT, "%s",
                   job->text[0] ? job->text : "the pixels are damaged");
}

/* -------------------------------------------------------------- pixels */

/* How many rows the file keeps together. */
static uint32_t rows_together(TIFF *tiff, uint32_t height)
{
    uint32_t rows = 0;
    TIFFGetFieldDefaulted(
        tiff, TIFFIsTiled(tiff) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP,
        &rows);
    return rows < 1 || rows > height ? height : rows;
}

static void put_pixels(const uint32_t *raster, int64_t pixels, uint8_t *rgb)
{
    for (int64_t i = 0; i < pixels; i++, rgb += 3) {
        rgb[0] = (uint8_t)TIFFGetR(raster[i]);
        rgb[1] = (uint8_t)TIFFGetG(raster[i]);
        rgb[2] = (uint8_t)TIFFGetB(raster[i]);
    }
}

static enum yt_status read_rows(struct job *job, TIFFRGBAImage *image,
                                struct yt_picture *picture)
{
    const int64_t width = picture->width;
    const uint32_t height = (uint32_t)picture->height;
    const uint32_t together = rows_together(image->tif, height);
    uint32_t *raster = malloc((size_t)width * together * sizeof *raster);
    YT_FAIL_IF(!raster, YT_NO_MEMORY, "no memory for %u rows", together);
    enum yt_status status = YT_OK;
    for (uint32_t y = 0; y < height && status == YT_OK; y += together) {
        const uint32_t rows = height - y < together ? height - y : together;
        image->row_offset = (int)y;
        if (TIFFRGBAImageGet(image, raster, (uint32_t)width, rows))
            put_pixels(raster, width * rows, picture->rgb + 3 * width * y);
        else
            status = fail(job);
    }
    free(raster);
    return status;
}

/* Samples of a pixel and sides of tiles have no limit of their own, and all
 * pieces may be the same few bytes of the file: what they inflate to is checked
 * before any is read. */
static enum yt_status check_pieces(TIFF *tiff, uint32_t width, uint32_t height)
{
    const int tiled = TIFFIsTiled(tiff);
    const uint32_t pieces =
        tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    const uint64_t bytes = tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
    const uint64_t most = ((uint64_t)width + PADDING_MAX) *
                          ((uint64_t)height + PADDING_MAX) * PIXEL_BYTES_MAX;
    YT_FAIL_IF(pieces > 0 && bytes > most / pieces, YT_UNSUPPORTED,
               "%u %s of %" PRIu64 " bytes: too much for %ux%u pixels", pieces,
               tiled ? "tiles" : "strips", bytes, width, height);
    return YT_OK;
}

/* As stored: turning is left to yt_picture_orient(), since libtiff only
 * mirrors and cannot transpose. */
static enum yt_status read_stored(struct job *job, TIFF *tiff,
                                  struct yt_picture *picture)
{
    TIFFRGBAImage image;
    char text[1024] = "";
    if (!TIFFRGBAImageOK(tiff, text) ||
        !TIFFRGBAImageBegin(&image, tiff, 1, text))
        return yt_fail(YT_UNSUPPORTED, "%.200s", text);
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;
    const enum yt_status status = read_rows(job, &image, picture);
    TIFFRGBAImageEnd(&image);
    return status;
}

static enum yt_status decode(struct job *job, TIFF *tiff,
                             struct yt_picture *picture)
{
    uint32_t width = 0, height = 0;
    uint16_t orientation = 1;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    YT_TRY(yt_picture_check_size(width, height));
    YT_TRY(check_pieces(tiff, width, height));
    YT_TRY(yt_picture_init((int32_t)width, (int32_t)height, picture));
    YT_TRY(read_stored(job, tiff, picture));
    return yt_picture_orient(picture, orientation);
}

enum yt_status yt_tiff_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out)
{
    struct job job = {.bytes = bytes, .size = size};
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    YT_FAIL_IF(!options, YT_NO_MEMORY, "no memory for libtiff");
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &job);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, &job);
    /* "m": bytes are copied, since libtiff's memory map may be written to. */
    TIFF *tiff =
        TIFFClientOpenExt("picture", "rm", &job, read_bytes, write_bytes, seek,
                          close_nothing, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!tiff)
        return fail(&job);
    const enum yt_status status = decode(&job, tiff, picture_out);
    TIFFClose(tiff);
    return status;
}
