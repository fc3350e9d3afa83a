/* Pictures whatever their format: which reader a file's first bytes ask for,
 * which writer a name's ending asks for, and the limits both keep. */

#include "eval/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "eval/image_formats.h"
#include "runtime/fail.h"

/* A file of a picture within the limits can be no larger than this: stored
 * without compression at 8 bytes a pixel, with room for metadata. */
#define FILE_BYTES_MAX ((int64_t)YT_PICTURE_PIXELS_MAX * 8 + (64 << 20))

#define PIECE_BYTES 65536

static const struct format {
    const char *name;
    const char *magic;
    size_t magic_bytes;
    const char *endings[2]; /* what is written */
    enum yt_status (*decode)(const uint8_t *, size_t, struct yt_picture *);
    enum yt_status (*encode)(const struct yt_picture *, FILE *);
} formats[] = {
    /* SOI marker and the first byte of the next: ITU-T T.81, B.1.1 */
    {"JPEG",
     "\xff\xd8\xff",
     3,
     {".jpg", ".jpeg"},
     yt_jpeg_decode,
     yt_jpeg_encode},
    /* PNG specification, 5.2 */
    {"PNG",
     "\x89PNG\r\n\x1a\n",
     8,
     {".png", NULL},
     yt_png_decode,
     yt_png_encode},
    {"PPM", "P6", 2, {".ppm", NULL}, yt_ppm_decode, yt_ppm_encode},
    {"PGM", "P5", 2, {NULL, NULL}, yt_ppm_decode, NULL},
    {"BMP", "BM", 2, {NULL, NULL}, yt_bmp_decode, NULL},
    {"GIF", "GIF8", 4, {NULL, NULL}, yt_gif_decode, NULL},
    /* A container of sounds and films, too; the reader looks further. */
    {"WebP", "RIFF", 4, {NULL, NULL}, yt_webp_decode, NULL},
    /* TIFF 6.0, section 2, and BigTIFF, each in two byte orders */
    {"TIFF", "II*\0", 4, {NULL, NULL}, yt_tiff_decode, NULL},
    {"TIFF", "MM\0*", 4, {NULL, NULL}, yt_tiff_decode, NULL},
    {"TIFF", "II+\0", 4, {NULL, NULL}, yt_tiff_decode, NULL},
    {"TIFF", "MM\0+", 4, {NULL, NULL}, yt_tiff_decode, NULL},
};

#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

enum yt_status yt_picture_check_size(int64_t width, int64_t height)
{
    const long long w = width;
    const long long h = height;
    YT_FAIL_IF(w < 1 || h < 1, YT_BAD_INPUT, "a picture of %lldx%lld pixels", w,
               h);
    YT_FAIL_IF(w > YT_PICTURE_SIDE_MAX || h > YT_PICTURE_SIDE_MAX ||
                   w * h > YT_PICTURE_PIXELS_MAX,
               YT_UNSUPPORTED,
               "%lldx%lld pixels: more than %d a side or %d in all", w, h,
               YT_PICTURE_SIDE_MAX, YT_PICTURE_PIXELS_MAX);
    return YT_OK;
}

enum yt_status yt_picture_init(int32_t width, int32_t height,
                               struct yt_picture *picture_out)
{
    YT_TRY(yt_picture_check_size(width, height));
    uint8_t *rgb = calloc((size_t)width * (size_t)height, 3);
    YT_FAIL_IF(!rgb, YT_NO_MEMORY, "no memory for %dx%d pixels", width, height);
    *picture_out =
        (struct yt_picture){.rgb = rgb, .width = width, .height = height};
    return YT_OK;
}

static const char *const end_texts[] = {
    [YT_PICTURE_NO_END] = "the file lacks its end marker; all of the picture "
                          "is there",
    [YT_PICTURE_CUT] = "the file is truncated; what is missing of the picture "
                       "is grey or coarse",
};

const char *yt_picture_end_text(enum yt_picture_end end)
{
    return end_texts[end];
}

void yt_picture_noise(struct yt_picture *picture, uint32_t seed)
{
    const int64_t bytes = 3 * (int64_t)picture->width * picture->height;
    for (int64_t i = 0; i < bytes; i++)
        picture->rgb[i] = (uint8_t)(yt_random_lcg(&seed) >> 24);
}

void yt_picture_deinit(struct yt_picture *picture)
{
    free(picture->rgb);
    memset(picture, 0, sizeof *picture);
}

enum yt_status yt_picture_decode(const void *bytes, size_t size,
                                 struct yt_picture *picture_out)
{
    YT_FAIL_IF(size == 0, YT_BAD_INPUT, "the file is empty");
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const struct format *f = &formats[i];
        if (size < f->magic_bytes ||
            memcmp(bytes, f->magic, f->magic_bytes) != 0)
            continue;
        struct yt_picture picture = {0};
        const enum yt_status status = f->decode(bytes, size, &picture);
        if (status != YT_OK) {
            yt_picture_deinit(&picture);
            return yt_fail_prefix(status, "%s", f->name);
        }
        *picture_out = picture;
        return YT_OK;
    }
    return yt_fail(YT_UNSUPPORTED, "not a picture of a format that is read: "
                                   "BMP, GIF, JPEG, PNG, PPM, TIFF, WebP");
}

/* What is left of a file in memory; *bytes_out is the caller's to free.
 * hint: how much that may be, 0 where nobody knows. */
static enum yt_status read_rest(int fd, size_t hint, uint8_t **bytes_out,
                                size_t *size_out)
{
    enum yt_status status = YT_OK;
    size_t cap = hint + PIECE_BYTES, used = 0;
    uint8_t *bytes = malloc(cap);
    YT_FAIL_IF(!bytes, YT_NO_MEMORY, "no memory for %zu bytes", cap);
    for (;;) {
        const ssize_t n = read(fd, bytes + used, cap - used);
        if (n == 0)
            break;
        YT_FAIL_IF_GOTO(n < 0 && errno != EINTR, YT_IO, "%s", strerror(errno));
        used += n > 0 ? (size_t)n : 0;
        YT_FAIL_IF_GOTO(used > FILE_BYTES_MAX, YT_UNSUPPORTED,
                        "more than %lld bytes are too many for a picture",
                        (long long)FILE_BYTES_MAX);
        if (used < cap)
            continue;
        uint8_t *bigger = realloc(bytes, 2 * cap);
        YT_FAIL_IF_GOTO(!bigger, YT_NO_MEMORY, "no memory for %zu bytes",
                        2 * cap);
        bytes = bigger;
        cap *= 2;
    }
    *bytes_out = bytes;
    *size_out = used;
    bytes = NULL;
done:
    free(bytes);
    return status;
}

static enum yt_status read_file(const char *path, uint8_t **bytes_out,
                                size_t *size_out)
{
    enum yt_status status = YT_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    YT_FAIL_IF(fd < 0, errno == ENOENT ? YT_NOT_FOUND : YT_IO, "%s",
               strerror(errno));
    struct stat info;
    YT_FAIL_IF_GOTO(fstat(fd, &info), YT_IO, "%s", strerror(errno));
    YT_FAIL_IF_GOTO(!S_ISREG(info.st_mode), YT_BAD_INPUT,
                    S_ISDIR(info.st_mode) ? "is a directory"
                                          : "is not a regular file");
    YT_FAIL_IF_GOTO(info.st_size > FILE_BYTES_MAX, YT_UNSUPPORTED,
                    "%lld bytes are too many for a picture",
                    (long long)info.st_size);
    YT_TRY_GOTO(read_rest(fd, (size_t)info.st_size, bytes_out, size_out));
done:
    close(fd);
    return status;
}

enum yt_status yt_picture_read(int fd, const char *name,
                               struct yt_picture *picture_out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum yt_status status = read_rest(fd, 0, &bytes, &size);
    if (status == YT_OK)
        status = yt_picture_decode(bytes, size, picture_out);
    free(bytes);
    return status == YT_OK ? YT_OK : yt_fail_prefix(status, "%s", name);
}

enum yt_status yt_picture_load(const char *path, struct yt_picture *picture_out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum yt_status status = read_file(path, &bytes, &size);
    if (status == YT_OK)
        status = yt_picture_decode(bytes, size, picture_out);
    free(bytes);
    return status == YT_OK ? YT_OK : yt_fail_prefix(status, "%s", path);
}

enum yt_status yt_picture_load_whole(const char *path,
                                     struct yt_picture *picture_out)
{
    struct yt_picture picture = {0};
    YT_TRY(yt_picture_load(path, &picture));
    if (picture.end == YT_PICTURE_CUT) {
        yt_picture_deinit(&picture);
        return yt_fail(YT_BAD_INPUT, "%s: the file is truncated", path);
    }
    *picture_out = picture;
    return YT_OK;
}

static int ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path);
    const size_t tail = ending ? strlen(ending) : 0;
    return ending && length > tail &&
           strcasecmp(path + length - tail, ending) == 0;
}

enum yt_status yt_picture_save(const struct yt_picture *picture,
                               const char *path)
{
    const struct format *format = NULL;
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (ends_with(path, formats[i].endings[0]) ||
            ends_with(path, formats[i].endings[1]))
            format = &formats[i];
    YT_FAIL_IF(!format, YT_BAD_ARGUMENT,
               "%s: pictures are written as .jpg, .png or .ppm", path);

    FILE *file = fopen(path, "wbe");
    YT_FAIL_IF(!file, YT_IO, "%s: %s", path, strerror(errno));
    errno = 0;
    enum yt_status status = format->encode(picture, file);
    if (status == YT_OK && ferror(file))
        status = yt_fail(YT_IO, "%s", strerror(errno ? errno : EIO));
    if (fclose(file) != 0 && status == YT_OK)
        status = yt_fail(YT_IO, "%s", strerror(errno));
    if (status != YT_OK) {
        unlink(path);
        return yt_fail_prefix(status, "%s", path);
    }
    return YT_OK;
}
