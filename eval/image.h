#ifndef YT_EVAL_IMAGE_H
#define YT_EVAL_IMAGE_H

/* Pictures in files to 8-bit RGB, and back for some formats. What a file is is
 * told by its content. Files are hostile: whatever is truncated, corrupt
 * or absurdly large ends in a status and one sentence. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/status.h"

/** Largest picture: 32768 pixels a side and 2^28 pixels, 768 MiB of RGB. */
#define YT_PICTURE_SIDE_MAX   32768
#define YT_PICTURE_PIXELS_MAX (1 << 28)

/** What a file that was read anyway lacked. */
enum yt_picture_end {
    YT_PICTURE_WHOLE,
    YT_PICTURE_NO_END, /* the end marker; every pixel is there */
    YT_PICTURE_CUT     /* pixels: grey, or coarse in a progressive JPEG */
};

/** An upright picture, rgb[height][width][3], without padding. */
struct yt_picture {
    uint8_t *rgb; /* owned; yt_picture_deinit() frees */
    int32_t width, height;
    enum yt_picture_end end;
};

/** What to tell once about a picture's end; NULL: nothing. */
const char *yt_picture_end_text(enum yt_picture_end end);

/** A black picture.
 *  @return YT_OK; YT_UNSUPPORTED past the limits above; YT_NO_MEMORY. */
enum yt_status yt_picture_init(int32_t width, int32_t height,
                               struct yt_picture *picture_out);

/** Free the pixels; an all-zero picture is fine. */
void yt_picture_deinit(struct yt_picture *picture);

/** Read a picture:
 *
 *   JPEG      baseline or progressive; grey, YCbCr, RGB, CMYK, YCCK. One that
 *             lacks its end is read as far as it goes, see picture_out->end
 *   PNG       every colour type and depth, interlaced or not
 *   BMP       1 to 32 bits a pixel, palettes, bit fields, run lengths
 *   GIF       the first frame
 *   WebP      lossy or lossless; the first frame of an animation
 *   TIFF      the first page; every colour that libtiff brings to RGB
 *   PPM, PGM  binary, samples of 0 to 255
 *
 * Pixels equal those of OpenCV's imread(), and so does that EXIF orientation
 * is applied, so that boxes agree with those of programs that read by it:
 * 16-bit samples keep their high byte (TIFF: are rounded) and alpha is dropped
 * (TIFF: blends with black).
 *
 * @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT for a damaged file;
 *         YT_UNSUPPORTED for another format or a picture past the limits;
 *         YT_NO_MEMORY. The sentence names the file.
 */
enum yt_status yt_picture_load(const char *path,
                               struct yt_picture *picture_out);

/** The same from an open file or pipe, up to its end.
 *  @param fd               left open.
 *  @param name             what sentences call it.
 *  @param[out] picture_out as there.
 *  @return as yt_picture_load(). */
enum yt_status yt_picture_read(int fd, const char *name,
                               struct yt_picture *picture_out);

/** As yt_picture_load(), but a file that lacks pixels is damaged: what labels
 *  are compared with has to be there. One that only lacks its end marker is
 *  read, as YOLOv5's verify_image() does.
 *  @return as yt_picture_load(). */
enum yt_status yt_picture_load_whole(const char *path,
                                     struct yt_picture *picture_out);

/** As yt_picture_load() over bytes in memory, borrowed for the call. */
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
