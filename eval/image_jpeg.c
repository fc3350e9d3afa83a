/* JPEG through libjpeg-turbo with its defaults (accurate integer DCT, fancy
 * upsampling), which is what OpenCV and so YOLOv5 decode with. libjpeg's habit
 * of ending the process on an error is replaced by a jump back here. */

#include "eval/image_formats.h"

#include <setjmp.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "runtime/fail.h"

/* A progressive file may hold any number of scans over all pixels: a few
 * kilobytes that decode for hours. Real ones have about ten. */
#define SCANS_MAX 100

/* Each 8x8 block of at least one component costs a bit or more (T.81, F.1.2),
 * components have an eighth of the picture's blocks or more: a file smaller
 * than this share of its pixels is cut off, and is told so before memory is
 * spent on the size it claims. */
#define PIXELS_PER_BYTE_MAX 4096

#define QUALITY 95 /* of what we write; OpenCV's default too */

struct job {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    char text[JMSG_LENGTH_MAX];
    int damaged; /* a warning that means lost pixels */
    enum yt_picture_end end;
    enum yt_status status;

    const uint8_t *bytes; /* decode */
    size_t size;
    struct yt_picture *picture;
    int orientation;
    FILE *file; /* encode */
};

/* libjpeg hands back the error manager, which is a job's first member. */
static struct job *job_of(j_common_ptr common)
{
    return (struct job *)common->err;
}

static void on_error(j_common_ptr common)
{
    struct job *job = job_of(common);
    job->errors.format_message(common, job->text);
    longjmp(job->escape, 1);
}

static void on_message(j_common_ptr common, int level)
{
    struct job *job = job_of(common);
    if (level >= 0)
        return;
    switch (job->errors.msg_code) {
    case JWRN_JPEG_EOF: /* libjpeg goes on as if the end marker were there */
        if (job->end == YT_PICTURE_WHOLE)
            job->end = YT_PICTURE_NO_END;
        return;
    case JWRN_EXTRANEOUS_DATA: /* bytes between markers: harmless, common */
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_TOO_MUCH_DATA:
        return;
    default:
        if (job->end != YT_PICTURE_WHOLE) {
            job->end = YT_PICTURE_CUT; /* by what is missing */
            return;
        }
        if (!job->damaged)
            job->errors.format_message(common, job->text);
        job->damaged = 1;
    }
}

static void on_progress(j_common_ptr common)
{
    struct job *job = job_of(common);
    if (common->is_decompressor &&
        ((j_decompress_ptr)common)->input_scan_number > SCANS_MAX) {
        strcpy(job->text, "more scans than a picture needs");
        longjmp(job->escape, 1);
    }
}

static void set_handlers(struct job *job, j_common_ptr common)
{
    common->err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->progress.progress_monitor = on_progress;
}

/* APP1 holds "Exif\0\0" and a TIFF block: Exif 2.32, 4.5.4. */
static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 &&
            memcmp(m->data, "Exif\0", 6) == 0)
            return yt_exif_orientation(m->data + 6, m->data_length - 6);
    return 1;
}

/* Four inks to RGB, in place at the row's front. Adobe's files store inks
 * inverted (0 is full), others do not; the product is rounded as OpenCV does,
 * black is subtracted from what the other ink lets through. */
static void cmyk_to_rgb(uint8_t *row, int32_t width, int inverted)
{
    for (int32_t x = 0; x < width; x++) {
        const uint8_t *ink = row + 4 * (size_t)x;
        const int flip = inverted ? 0 : 255;
        const int k = ink[3] ^ flip;
        uint8_t rgb[3];
        for (int i = 0; i < 3; i++)
            rgb[i] = (uint8_t)(k - (((255 - (ink[i] ^ flip)) * k) >> 8));
        memcpy(row + 3 * (size_t)x, rgb, 3);
    }
}

static void read_rows(struct job *job, struct jpeg_decompress_struct *jpeg,
                      uint8_t *wide_row)
{
    const int32_t width = job->picture->width;
    const int inverted = jpeg->saw_Adobe_marker;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *out =
            job->picture->rgb + 3 * (size_t)width * jpeg->output_scanline;
        uint8_t *row = wide_row ? wide_row : out;
        if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
            break;
        if (wide_row) {
            cmyk_to_rgb(wide_row, width, inverted);
            memcpy(out, wide_row, 3 * (size_t)width);
        }
    }
}

/* The scans that began hold every bit of every component. Of a file without its
 * end this tells whether it was cut between two scans, of which libjpeg warns
 * as of a missing end alone. Coefficients of a progressive file are whole once
 * a scan brought their lowest bit, 0; a sequential component has its one scan,
 * with which libjpeg keeps its table. An arithmetic decoder takes what is
 * missing for zeros and says nothing (T.81, D.2.6). */
static int has_all_scans(const struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->arith_code)
        return 0;
    for (int c = 0; c < jpeg->num_components; c++) {
        if (!jpeg->comp_info[c].quant_table)
            return 0;
        for (int k = 0; jpeg->progressive_mode && k < DCTSIZE2; k++)
            if (jpeg->coef_bits[c][k] != 0)
                return 0;
    }
    return 1;
}

/* Everything that may jump; nothing here needs its locals afterwards. */
static void decode(struct job *job, struct jpeg_decompress_struct *jpeg)
{
    if (setjmp(job->escape)) {
        if (job->status == YT_OK)
            job->status = yt_fail(YT_BAD_INPUT, "%s", job->text);
        return;
    }
    jpeg_create_decompress(jpeg);
    jpeg->progress = &job->progress;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(jpeg, job->bytes, (unsigned long)job->size);
    jpeg_read_header(jpeg, TRUE);
    job->orientation = find_orientation(jpeg);

    const int inks = jpeg->jpeg_color_space == JCS_CMYK ||
                     jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    /* Limits are checked before libjpeg allocates for the whole picture. */
    job->status = yt_picture_init((int32_t)jpeg->image_width,
                                  (int32_t)jpeg->image_height, job->picture);
    if (job->status != YT_OK)
        return;
    if ((size_t)jpeg->image_width * jpeg->image_height / PIXELS_PER_BYTE_MAX >
        job->size) {
        job->status = yt_fail(YT_BAD_INPUT,
                              "%ux%u pixels in %zu bytes: the "
                              "file is truncated",
                              jpeg->image_width, jpeg->image_height, job->size);
        return;
    }
    jpeg_start_decompress(jpeg);
    uint8_t *wide_row = NULL;
    if (inks)
        wide_row = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE,
                                          4 * (size_t)jpeg->output_width);
    read_rows(job, jpeg, wide_row);
    const int all_scans = has_all_scans(jpeg); /* finishing forgets them */
    jpeg_finish_decompress(jpeg);
    if (job->end == YT_PICTURE_NO_END && !all_scans)
        job->end = YT_PICTURE_CUT;
    if (job->damaged)
        job->status = yt_fail(YT_BAD_INPUT, "%s", job->text);
}

enum yt_status yt_jpeg_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out)
{
    struct job job = {.bytes = bytes, .size = size, .picture = picture_out};
    struct jpeg_decompress_struct jpeg = {0};
    set_handlers(&job, (j_common_ptr)&jpeg);
    decode(&job, &jpeg);
    jpeg_destroy_decompress(&jpeg);
    YT_TRY(job.status);
    YT_TRY(yt_picture_orient(picture_out, job.orientation));
    picture_out->end = job.end;
    return YT_OK;
}

static void encode(struct job *job, struct jpeg_compress_struct *jpeg)
{
    if (setjmp(job->escape)) {
        job->status = yt_fail(YT_IO, "%s", job->text);
        return;
    }
    jpeg_create_compress(jpeg);
    jpeg_stdio_dest(jpeg, job->file);
    jpeg->image_width = (JDIMENSION)job->picture->width;
    jpeg->image_height = (JDIMENSION)job->picture->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, QUALITY, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        uint8_t *row = job->picture->rgb +
                       3 * (size_t)job->picture->width * jpeg->next_scanline;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

enum yt_status yt_jpeg_encode(const struct yt_picture *picture, FILE *file)
{
    struct yt_picture borrowed = *picture;
    struct job job = {.picture = &borrowed, .file = file};
    struct jpeg_compress_struct jpeg = {0};
    set_handlers(&job, (j_common_ptr)&jpeg);
    encode(&job, &jpeg);
    jpeg_destroy_compress(&jpeg);
    return job.status;
}
