#ifndef YT_TEST_PICTURE_CASE_H
#define YT_TEST_PICTURE_CASE_H

/* What every reader of a picture format is asked: these pixels for these
 * bytes, a sentence for whatever is cut off or damaged, silence on stderr. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assert_ok.h"
#include "base/random.h"
#include "eval/image.h"
#include "eval/image_formats.h"

/** Pixel (x, y) of test pictures: noise, the same on every machine. */
static inline void picture_colour(int x, int y, uint8_t rgb[3])
{
    uint32_t seed = (uint32_t)(x + 131 * y + 7);
    yt_random_lcg(&seed);
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)(yt_random_lcg(&seed) >> 24);
}

static inline void fill_picture(uint8_t *rgb, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            picture_colour(x, y, rgb + 3 * (y * width + x));
}

/** Read the first bytes of a file, in a copy of that size, so that a read past
 *  it is seen. */
static inline enum yt_status decode_cut(const void *bytes, size_t size,
                                        struct yt_picture *picture)
{
    uint8_t *cut = malloc(size + 1);
    assert_non_null(cut);
    memcpy(cut + 1, bytes, size);
    const enum yt_status status = yt_picture_decode(cut + 1, size, picture);
    free(cut);
    return status;
}

/** The bytes are read as these pixels. */
static inline void assert_pixels(const void *bytes, size_t size, int width,
                                 int height, const uint8_t *rgb)
{
    struct yt_picture picture;
    assert_ok(yt_picture_decode(bytes, size, &picture));
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
    for (int i = 0; i < width * height; i++)
        if (memcmp(picture.rgb + 3 * i, rgb + 3 * i, 3))
            fail_msg("pixel %d,%d: %d %d %d, not %d %d %d", i % width,
                     i / width, picture.rgb[3 * i], picture.rgb[3 * i + 1],
                     picture.rgb[3 * i + 2], rgb[3 * i], rgb[3 * i + 1],
                     rgb[3 * i + 2]);
    yt_picture_deinit(&picture);
}

/** The bytes are read as a picture that an orientation turned. */
static inline void assert_turned(const void *bytes, size_t size, int width,
                                 int height, const uint8_t *stored,
                                 int orientation)
{
    struct yt_picture want;
    assert_ok(yt_picture_init(width, height, &want));
    memcpy(want.rgb, stored, 3 * (size_t)width * (size_t)height);
    assert_ok(yt_picture_orient(&want, orientation));
    assert_pixels(bytes, size, want.width, want.height, want.rgb);
    yt_picture_deinit(&want);
}

static inline void assert_refused(const void *bytes, size_t size,
                                  enum yt_status want, const char *words)
{
    struct yt_picture picture;
    const enum yt_status status = yt_picture_decode(bytes, size, &picture);
    if (status != want || !strstr(yt_error(), words))
        fail_msg("%s: %s, not %s with '%s'", yt_status_name(status), yt_error(),
                 yt_status_name(want), words);
}

/** Stderr goes to a file from here until silence_ends(). */
struct silence {
    int was;
    FILE *file;
};

static inline struct silence silence_begins(void)
{
    struct silence s = {dup(STDERR_FILENO), tmpfile()};
    assert_true(s.was >= 0);
    assert_non_null(s.file);
    fflush(stderr);
    dup2(fileno(s.file), STDERR_FILENO);
    return s;
}

static inline void silence_ends(struct silence *s)
{
    struct stat info;
    fflush(stderr);
    dup2(s->was, STDERR_FILENO);
    close(s->was);
    assert_int_equal(fstat(fileno(s->file), &info), 0);
    fclose(s->file);
    assert_int_equal(info.st_size, 0); /* a library wrote to stderr */
}

/** Every shorter file than @p whole bytes is refused with a sentence. */
static inline void assert_cuts_refused(const void *bytes, size_t whole)
{
    struct silence quiet = silence_begins();
    size_t accepted = whole;
    for (size_t size = 0; size < whole && accepted == whole; size++) {
        /* A copy of the exact size, so that a read past it is seen. */
        uint8_t *cut = malloc(size + 1);
        struct yt_picture picture;
        assert_non_null(cut);
        memcpy(cut + 1, bytes, size);
        const enum yt_status status =
            yt_picture_decode(cut + 1, size, &picture);
        if ((status != YT_BAD_INPUT && status != YT_UNSUPPORTED) ||
            strlen(yt_error()) < 10)
            accepted = size;
        if (status == YT_OK)
            yt_picture_deinit(&picture);
        free(cut);
    }
    silence_ends(&quiet);
    if (accepted < whole)
        fail_msg("cut to %zu of %zu bytes: %s", accepted, whole, yt_error());
}

/** Whatever stands in the file, memory is not harmed and stderr is silent. */
static inline void assert_damage_survived(const uint8_t *bytes, size_t size)
{
    struct silence quiet = silence_begins();
    uint32_t seed = 12345;
    for (int round = 0; round < 500; round++) {
        uint8_t *copy = malloc(size);
        struct yt_picture picture;
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        for (int flips = 0; flips < 3; flips++)
            copy[(yt_random_lcg(&seed) >> 8) % size] =
                (uint8_t)(yt_random_lcg(&seed) >> 24);
        if (yt_picture_decode(copy, size, &picture) == YT_OK)
            yt_picture_deinit(&picture);
        free(copy);
    }
    silence_ends(&quiet);
}

#endif
