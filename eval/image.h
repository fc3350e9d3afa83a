#ifndef YT_EVAL_IMAGE_H
#define YT_EVAL_IMAGE_H

/* Pictures in files: JPEG, PNG and PPM to 8-bit RGB and back. What a file is
 * is told by its content. Files are hostile: whatever is truncated, corrupt
 * or absurdly large ends in a status and one sentence. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

/** Largest picture: 32768 pixels a side and 2^28 pixels, 768 MiB of RGB. */
#define YT_PICTURE_SIDE_MAX   32768
#define YT_PICTURE_PIXELS_MAX (1 << 28)

/** An upright picture, rgb[height][width][3], without padding. */
struct yt_picture {
    uint8_t *rgb; /* owned; yt_picture_deinit() frees */
    int32_t width, height;
};

/** A black picture.
 *  @return YT_OK; YT_UNSUPPORTED past the limits above; YT_NO_MEMORY. */
enum yt_status yt_picture_init(int32_t width, int32_t height,
                               struct yt_picture *picture_out);

/** Free the pixels; an all-zero picture is fine. */
void yt_picture_deinit(struct yt_picture *picture);

/** Read a JPEG (baseline or progressive; grey, YCbCr, RGB, CMYK, YCCK), PNG
 *  (every colour type and depth, interlaced or not) or PPM/PGM file.
 *
 * JPEG pixels equal those of libjpeg-turbo's defaults, and EXIF orientation is
 * applied, so that boxes agree with those of programs that read by OpenCV's
 * imread(). 16-bit samples keep their high byte and alpha is dropped, as there.
 *
 * @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT for a damaged file;
 *         YT_UNSUPPORTED for another format or a picture past the limits;
 *         YT_NO_MEMORY. The sentence names the file.
 */
enum yt_status yt_picture_load(const char *path,
                               struct yt_picture *picture_out);

/** The same over bytes in memory, borrowed for the call. */
enum yt_status yt_picture_decode(const void *bytes, size_t size,
                                 struct yt_picture *picture_out);

/** Fill a picture with noise, the same for a seed on every machine: what is
 *  timed where no picture was given. */
void yt_picture_noise(struct yt_picture *picture, uint32_t seed);

/** Write a file whose name ends in .jpg, .jpeg, .png or .ppm (any case). A
 *  file that could not be completed is removed.
 *  @return YT_OK; YT_BAD_ARGUMENT for another ending; YT_IO; YT_NO_MEMORY. */
enum yt_status yt_picture_save(const struct yt_picture *picture,
                               const char *path);

#endif
