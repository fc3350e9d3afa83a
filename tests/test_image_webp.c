/* WebP: lossless pixels exactly, lossy ones as libwebp has them, orientation,
 * animations. The container is put together here: WebP container
 * specification, "Extended File Format" and "Animation". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <webp/decode.h>
#include <webp/encode.h>

#include "picture_case.h"

#define COLUMNS 13
#define ROWS    9

enum { FLAG_ANIMATION = 2, FLAG_EXIF = 8 }; /* of the VP8X chunk */

struct file {
    uint8_t bytes[8192];
    size_t size;
};

static void put(struct file *f, const void *bytes, size_t size)
{
    assert_true(f->size + size <= sizeof f->bytes);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

/* A number of so many bytes, the low one first. */
static void put_number(struct file *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put(f, &(const uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static void put_chunk(struct file *f, const char *name, const void *bytes,
                      size_t size)
{
    put(f, name, 4);
    put_number(f, (uint32_t)size, 4);
    put(f, bytes, size);
    put(f, "", size % 2);
}

static void begin(struct file *f, uint32_t flags, uint32_t width,
                  uint32_t height)
{
    struct file head = {.size = 0};
    f->size = 0;
    put(f, "RIFF....WEBP", 12);
    put_number(&head, flags, 4);
    put_number(&head, width - 1, 3);
    put_number(&head, height - 1, 3);
    put_chunk(f, "VP8X", head.bytes, head.size);
}

static void end(struct file *f)
{
    const size_t size = f->size;
    f->size = 4;
    put_number(f, (uint32_t)size - 8, 4);
    f->size = size;
}

/* A plain file of test pixels, as libwebp writes it: 12 bytes of container and
 * a chunk. */
static void make_plain(int width, int height, int lossless, struct file *f)
{
    uint8_t rgb[3 * ROWS * COLUMNS];
    uint8_t *out = NULL;
    fill_picture(rgb, width, height);
    f->size = 0;
    const size_t size =
        lossless ? WebPEncodeLosslessRGB(rgb, width, height, 3 * width, &out)
                 : WebPEncodeRGB(rgb, width, height, 3 * width, 60, &out);
    assert_true(size > 0);
    put(f, out, size);
    WebPFree(out);
}

static void lossless_pixels_are_exact(void **state)
{
    (void)state;
    struct file f;
    uint8_t want[3 * ROWS * COLUMNS];
    make_plain(COLUMNS, ROWS, 1, &f);
    fill_picture(want, COLUMNS, ROWS);
    assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
}

static void lossy_pixels_are_libwebps(void **state)
{
    (void)state;
    struct file f;
    int width = 0, height = 0;
    make_plain(COLUMNS, ROWS, 0, &f);
    uint8_t *want = WebPDecodeRGB(f.bytes, f.size, &width, &height);
    assert_non_null(want);
    assert_pixels(f.bytes, f.size, width, height, want);
    WebPFree(want);
}

static void alpha_is_dropped(void **state)
{
    (void)state;
    struct file f = {.size = 0};
    uint8_t want[3 * ROWS * COLUMNS], rgba[4 * ROWS * COLUMNS];
    uint8_t *out = NULL;
    fill_picture(want, COLUMNS, ROWS);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        memcpy(rgba + 4 * i, want + 3 * i, 3);
        rgba[4 * i + 3] = (uint8_t)(1 + i); /* 0 would free the colour */
    }
    put(&f, "", 0);
    const size_t size =
        WebPEncodeLosslessRGBA(rgba, COLUMNS, ROWS, 4 * COLUMNS, &out);
    put(&f, out, size);
    WebPFree(out);
    assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
}

/* The chunk's content with and without the segment's name of a JPEG. */
static void a_picture_is_turned_upright(void **state)
{
    (void)state;
    uint8_t exif[] = {'E', 'x', 'i',  'f', 0, 0,    'I', 'I', 42, 0, 8,
                      0,   0,   0,    1,   0, 0x12, 1,   3,   0,  1, 0,
                      0,   0,   0xff, 0,   0, 0,    0,   0,   0,  0};
    uint8_t stored[3 * ROWS * COLUMNS];
    struct file plain;
    fill_picture(stored, COLUMNS, ROWS);
    make_plain(COLUMNS, ROWS, 1, &plain);
    for (int orientation = 0; orientation <= 9; orientation++)
        for (size_t skip = 0; skip <= 6; skip += 6) {
            struct file f;
            exif[24] = (uint8_t)orientation;
            begin(&f, FLAG_EXIF, COLUMNS, ROWS);
            put(&f, plain.bytes + 12, plain.size - 12);
            put_chunk(&f, "EXIF", exif + skip, sizeof exif - skip);
            end(&f);
            assert_turned(f.bytes, f.size, COLUMNS, ROWS, stored, orientation);
        }
}

static void put_frame(struct file *f, uint32_t x, uint32_t y, uint32_t width,
                      uint32_t height)
{
    struct file frame = {.size = 0}, plain;
    make_plain((int)width, (int)height, 1, &plain);
    put_number(&frame, x / 2, 3);
    put_number(&frame, y / 2, 3);
    put_number(&frame, width - 1, 3);
    put_number(&frame, height - 1, 3);
    put_number(&frame, 100, 3); /* ms */
    put_number(&frame, 0, 1);
    put(&frame, plain.bytes + 12, plain.size - 12);
    put_chunk(f, "ANMF", frame.bytes, frame.size);
}

static void make_animation(struct file *f, uint32_t x, uint32_t y)
{
    begin(f, FLAG_ANIMATION, COLUMNS, ROWS);
    put_chunk(f, "ANIM", "\xff\xff\xff\xff\0\0", 6);
    put_frame(f, x, y, 5, 4);
    put_frame(f, 0, 0, COLUMNS, ROWS);
    end(f);
}

static void an_animations_first_frame_is_read(void **state)
{
    (void)state;
    struct file f;
    uint8_t want[3 * ROWS * COLUMNS] = {0}, frame[3 * 5 * 4];
    make_animation(&f, 6, 2);
    fill_picture(frame, 5, 4);
    for (int y = 0; y < 4; y++)
        memcpy(want + 3 * ((y + 2) * COLUMNS + 6), frame + 3 * y * 5, 3 * 5);
    assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
    make_animation(&f, 10, 2);
    assert_refused(f.bytes, f.size, YT_BAD_INPUT, "WebP: damaged");
}

static void a_cut_or_damaged_file_is_refused(void **state)
{
    (void)state;
    struct file f;
    for (int lossless = 0; lossless < 2; lossless++) {
        make_plain(COLUMNS, ROWS, lossless, &f);
        assert_cuts_refused(f.bytes, f.size - 1); /* a chunk's padding */
        assert_damage_survived(f.bytes, f.size);
    }
    make_animation(&f, 0, 0);
    assert_damage_survived(f.bytes, f.size);
    assert_refused("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", 20, YT_BAD_INPUT,
                   "no WebP at all");
}

static void a_huge_claim_is_refused(void **state)
{
    (void)state;
    struct file f, plain;
    make_plain(COLUMNS, ROWS, 1, &plain);
    begin(&f, 0, 1 << 20, 1);
    put(&f, plain.bytes + 12, plain.size - 12);
    end(&f);
    struct yt_picture picture;
    assert_int_not_equal(yt_picture_decode(f.bytes, f.size, &picture), YT_OK);
    begin(&f, FLAG_ANIMATION, 1 << 20, 1 << 10);
    put_chunk(&f, "ANIM", "\0\0\0\0\0\0", 6);
    put_frame(&f, 0, 0, 5, 4);
    end(&f);
    assert_refused(f.bytes, f.size, YT_UNSUPPORTED, "1048576x1024 pixels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lossless_pixels_are_exact),
        cmocka_unit_test(lossy_pixels_are_libwebps),
        cmocka_unit_test(alpha_is_dropped),
        cmocka_unit_test(a_picture_is_turned_upright),
        cmocka_unit_test(an_animations_first_frame_is_read),
        cmocka_unit_test(a_cut_or_damaged_file_is_refused),
        cmocka_unit_test(a_huge_claim_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
