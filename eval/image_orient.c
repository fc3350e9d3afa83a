/* EXIF orientation: finding it, and turning the picture upright. Every reader
 * of photographs that matters to YOLOv5 does this (OpenCV's imread() unless
 * told not to), so boxes are in pixels of the upright picture. */

#include "eval/image_formats.h"

#include <stdlib.h>
#include <string.h>

#include "eval/bytes.h"
#include "runtime/fail.h"

/* TIFF 6.0, section 2: byte order "II" or "MM", 42, offset of the first IFD;
 * an IFD is a count and entries of 12 bytes: tag, type, count, value. */
#define TAG_ORIENTATION 274
#define TYPE_SHORT      3

int yt_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0))
        return 1;
    const int big = tiff[0] == 'M';
    const uint32_t ifd = yt_bytes_u32(tiff + 4, big);
    if (yt_bytes_u16(tiff + 2, big) != 42 || ifd > size - 2)
        return 1;
    const uint32_t entries = yt_bytes_u16(tiff + ifd, big);
    for (uint32_t i = 0; i < entries; i++) {
        const size_t at = (size_t)ifd + 2 + 12 * (size_t)i;
        if (at + 12 > size)
            return 1;
        if (yt_bytes_u16(tiff + at, big) != TAG_ORIENTATION ||
            yt_bytes_u16(tiff + at + 2, big) != TYPE_SHORT)
            continue;
        const uint32_t value = yt_bytes_u16(tiff + at + 8, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Where the stored picture's first row and column end up: whether the upright
 * picture is read transposed, then mirrored along x or y. */
static const struct {
    int transpose, mirror_x, mirror_y;
} turns[9] = {
    [1] = {0, 0, 0}, [2] = {0, 1, 0}, [3] = {0, 1, 1}, [4] = {0, 0, 1},
    [5] = {1, 0, 0}, [6] = {1, 1, 0}, [7] = {1, 1, 1}, [8] = {1, 0, 1},
};

enum yt_status yt_picture_orient(struct yt_picture *picture, int orientation)
{
    if (orientation < 2 || orientation > 8)
        return YT_OK;
    const int transpose = turns[orientation].transpose;
    const int32_t width = transpose ? picture->height : picture->width;
    const int32_t height = transpose ? picture->width : picture->height;
    struct yt_picture turned;
    YT_TRY(yt_picture_init(width, height, &turned));

    for (int32_t y = 0; y < height; y++) {
        const int32_t v = turns[orientation].mirror_y ? height - 1 - y : y;
        for (int32_t x = 0; x < width; x++) {
            const int32_t u = turns[orientation].mirror_x ? width - 1 - x : x;
            const int32_t row = transpose ? u : v;
            const int32_t column = transpose ? v : u;
            memcpy(turned.rgb + 3 * ((size_t)y * (size_t)width + (size_t)x),
                   picture->rgb + 3 * ((size_t)row * (size_t)picture->width +
                                       (size_t)column),
                   3);
        }
    }
    yt_picture_deinit(picture);
    *picture = turned;
    return YT_OK;
}
