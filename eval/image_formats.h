#ifndef YT_EVAL_IMAGE_FORMATS_H
#define YT_EVAL_IMAGE_FORMATS_H

/* One reader and one writer per format, for eval/image.c only. Readers get
 * bytes that start with the format's signature; writers get an open file and
 * leave closing it to the caller. Statuses as in eval/image.h. */

#include <stdio.h>

#include "eval/image.h"

enum yt_status yt_jpeg_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out);
enum yt_status yt_jpeg_encode(const struct yt_picture *picture, FILE *file);

enum yt_status yt_png_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out);
enum yt_status yt_png_encode(const struct yt_picture *picture, FILE *file);

/** P6 and P5 with a maximum of 255. */
enum yt_status yt_ppm_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out);
enum yt_status yt_ppm_encode(const struct yt_picture *picture, FILE *file);

enum yt_status yt_bmp_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out);

enum yt_status yt_gif_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out);

enum yt_status yt_webp_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out);

enum yt_status yt_tiff_decode(const uint8_t *bytes, size_t size,
                              struct yt_picture *picture_out);

/** Whether a picture of so many pixels is within the limits, for readers that
 *  have to know before they hand the size to a library.
 *  @return YT_OK; YT_BAD_INPUT below 1; YT_UNSUPPORTED past the limits. */
enum yt_status yt_picture_check_size(int64_t width, int64_t height);

/** Turn a picture upright.
 *
 * @param orientation TIFF tag 274 (Exif 2.32, 4.6.4): 1..8; anything else is
 *                    taken for 1, as readers commonly do.
 * @return YT_OK; YT_NO_MEMORY, the picture is then unchanged.
 */
enum yt_status yt_picture_orient(struct yt_picture *picture, int orientation);

/** The orientation in an EXIF block that starts at its TIFF header: 1..8, and
 *  1 when there is none or the block is damaged. */
int yt_exif_orientation(const uint8_t *tiff, size_t size);

#endif
