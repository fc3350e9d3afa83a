#ifndef YT_TEST_LETTERBOX_CASE_H
#define YT_TEST_LETTERBOX_CASE_H

/* Pictures and problems for the tests of letterboxing. */

#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/letterbox.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline uint8_t pattern(uint32_t i)
{
    return (
        uint8_t)(((i * 2654435761u + 12345u) ^ ((i >> 5) * 40503u * 65536u)) >>
                 24);
}

/* height x width RGB image, its size to the byte so that ASan sees overreads.
 */
static inline uint8_t *make_pixels(int32_t height, int32_t width)
{
    const size_t bytes = 3 * (size_t)height * (size_t)width;
    uint8_t *pixels = malloc(bytes);
    assert_non_null(pixels);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = pattern((uint32_t)i);
    return pixels;
}

static inline struct yt_problem problem_of(const struct yt_framing *framing,
                                           enum yt_dtype dtype, int32_t pad)
{
    return (struct yt_problem){
        .op = YT_OP_LETTERBOX,
        .dtype = dtype,
        .out = dtype,
        .u.letterbox = {.h = framing->h, .w = framing->w, .pad = pad}};
}

/* Where red and blue are in a pixel of so many bytes. */
static const struct {
    enum yt_pixel_format format;
    int bytes, red, blue;
} formats[] = {
    {YT_PIXEL_RGB, 3, 0, 2},
    {YT_PIXEL_BGR, 3, 2, 0},
    {YT_PIXEL_RGBA, 4, 0, 2},
    {YT_PIXEL_BGRA, 4, 2, 0},
};

#endif
