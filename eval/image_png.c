/* PNG through libpng: every colour type and depth becomes 8-bit RGB, chosen as
 * OpenCV's imread() does: the high byte of 16-bit samples, alpha dropped, no
 * gamma applied, turned as the eXIf chunk says. libpng's jumps end here. */

#include "eval/image_formats.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "runtime/fail.h"

/* Metadata chunks of a hostile file: how many are kept, how large each. */
#define CHUNKS_MAX      128
#define CHUNK_BYTES_MAX (4 << 20)

/* Deflate's best: RFC 1951 spends at least 2 bits on 258 bytes. */
#define INFLATION_MAX 1032

struct job {
    char text[160];
    enum yt_status status;
    png_structp png;
    png_infop info;

    const uint8_t *bytes; /* decode: what is left to read */
    size_t size;
    struct yt_picture *picture;
    int orientation; /* of the eXIf chunk; 0: there is none */
    FILE *file;      /* encode */
};

static void on_error(png_structp png, png_const_charp text)
{
    struct job *job = png_get_error_ptr(png);
    snprintf(job->text, sizeof job->text, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t count)
{
    struct job *job = png_get_io_ptr(png);
    if (count > job->size)
        png_error(png, "the file is truncated");
    memcpy(out, job->bytes, count);
    job->bytes += count;
    job->size -= count;
}

static void set_conversions(struct job *job)
{
    const int type = png_get_color_type(job->png, job->info);
    png_set_strip_16(job->png);
    png_set_packing(job->png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(job->png);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA) {
        png_set_expand_gray_1_2_4_to_8(job->png);
        png_set_gray_to_rgb(job->png);
    }
    png_set_strip_alpha(job->png);
}

/* The chunk may stand before or behind the pixels; its bytes are a TIFF
 * header and what follows: PNG specification, third edition, 11.3.3.4. */
static void find_orientation(struct job *job)
{
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(job->png, job->info, &size, &exif) != 0)
        job->orientation = yt_exif_orientation(exif, size);
}

/* Everything that may jump; nothing here needs its locals afterwards. */
static void decode(struct job *job)
{
    if (setjmp(png_jmpbuf(job->png))) {
        if (job->status == YT_OK)
            job->status = yt_fail(YT_BAD_INPUT, "%s", job->text);
        return;
    }
    png_set_read_fn(job->png, job, read_bytes);
    png_set_chunk_cache_max(job->png, CHUNKS_MAX);
    png_set_chunk_malloc_max(job->png, CHUNK_BYTES_MAX);
    /* yt_picture_init() refuses large sizes with our own sentence. */
    png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(job->png, job->info);

    const png_uint_32 width = png_get_image_width(job->png, job->info);
    const png_uint_32 height = png_get_image_height(job->png, job->info);
    job->status =
        yt_picture_init((int32_t)width, (int32_t)height, job->picture);
    if (job->status != YT_OK)
        return;
    if (png_get_rowbytes(job->png, job->info) * height / INFLATION_MAX >
        job->size)
        png_error(job->png, "the file is truncated");
    set_conversions(job);
    const int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    const size_t row_bytes = png_get_rowbytes(job->png, job->info);
    if (row_bytes != 3 * (size_t)width)
        png_error(job->png, "rows of an unexpected size");
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < height; y++)
            png_read_row(job->png, job->picture->rgb + y * row_bytes, NULL);
    png_read_end(job->png, job->info);
    find_orientation(job);
}

enum yt_status yt_png_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out)
{
    struct job job = {.bytes = bytes, .size = size, .picture = picture_out};
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error,
                                     on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (job.info)
        decode(&job);
    else
        job.status = yt_fail(YT_NO_MEMORY, "no memory for libpng");
    png_destroy_read_struct(&job.png, &job.info, NULL);
    YT_TRY(job.status);
    return yt_picture_orient(picture_out, job.orientation);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
    struct job *job = png_get_io_ptr(png);
    if (fwrite(bytes, 1, count, job->file) != count)
        png_error(png, "cannot write");
}

static void flush_bytes(png_structp png)
{
    (void)png; /* fclose() does */
}

static void encode(struct job *job)
{
    if (setjmp(png_jmpbuf(job->png))) {
        job->status = yt_fail(YT_IO, "%s", job->text);
        return;
    }
    const struct yt_picture *picture = job->picture;
    png_set_write_fn(job->png, job, write_bytes, flush_bytes);
    png_set_IHDR(job->png, job->info, (png_uint_32)picture->width,
                 (png_uint_32)picture->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (int32_t y = 0; y < picture->height; y++)
        png_write_row(job->png,
                      picture->rgb + 3 * (size_t)picture->width * (size_t)y);
    png_write_end(job->png, job->info);
}

enum yt_status yt_png_encode(const struct yt_picture *picture, FILE *file)
{
    struct yt_picture borrowed = *picture;
    struct job job = {.picture = &borrowed, .file = file};
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error,
                                      on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (job.info)
        encode(&job);
    else
        job.status = yt_fail(YT_NO_MEMORY, "no memory for libpng");
    png_destroy_write_struct(&job.png, &job.info);
    return job.status;
}
