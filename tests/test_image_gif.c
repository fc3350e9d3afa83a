/* GIF: the first frame on its canvas. Files are made here with giflib. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <gif_lib.h>

#include "picture_case.h"

#define COLUMNS 11
#define ROWS    13
#define COLOURS 16

struct file {
    uint8_t bytes[8192];
    size_t size;
};

static int write_bytes(GifFileType *gif, const GifByteType *bytes, int count)
{
    struct file *f = gif->UserData;
    assert_true(f->size + (size_t)count <= sizeof f->bytes);
    memcpy(f->bytes + f->size, bytes, (size_t)count);
    f->size += (size_t)count;
    return count;
}

/* Colour i of the global palette, or of a frame's own. */
static void palette_colour(int i, int local, uint8_t rgb[3])
{
    picture_colour(i, local ? 55 : 99, rgb);
}

static ColorMapObject *make_palette(int local)
{
    GifColorType colours[COLOURS];
    for (int i = 0; i < COLOURS; i++) {
        uint8_t rgb[3];
        palette_colour(i, local, rgb);
        colours[i] = (GifColorType){rgb[0], rgb[1], rgb[2]};
    }
    ColorMapObject *map = GifMakeMapObject(COLOURS, colours);
    assert_non_null(map);
    return map;
}

/* Whose pixels are which index. */
static int index_at(int x, int y, int frame)
{
    uint8_t rgb[3];
    picture_colour(x, y + 1000 * frame, rgb);
    return rgb[0] % COLOURS;
}

struct kind {
    int left, top, width, height; /* of the first frame */
    int interlaced, local, global;
    int transparent; /* index; -1: none */
    int frames;
};

static void put_frame(GifFileType *gif, const struct kind *kind, int frame)
{
    static const int first[2][4] = {{0}, {0, 4, 2, 1}};
    static const int step[2][4] = {{1, 0, 0, 0}, {8, 8, 4, 2}};
    ColorMapObject *map = kind->local ? make_palette(1) : NULL;
    if (kind->transparent >= 0) {
        GifByteType block[4];
        const GraphicsControlBlock control = {.TransparentColor =
                                                  kind->transparent};
        const size_t size = EGifGCBToExtension(&control, block);
        assert_int_equal(
            EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, (int)size, block),
            GIF_OK);
    }
    assert_int_equal(EGifPutImageDesc(gif, kind->left, kind->top, kind->width,
                                      kind->height, kind->interlaced, map),
                     GIF_OK);
    GifFreeMapObject(map);
    for (int t = 0; t < 4; t++)
        for (int y = first[kind->interlaced][t];
             step[kind->interlaced][t] && y < kind->height;
             y += step[kind->interlaced][t]) {
            GifByteType line[COLUMNS];
            for (int x = 0; x < kind->width; x++)
                line[x] = (GifByteType)index_at(x, y, frame);
            assert_int_equal(EGifPutLine(gif, line, kind->width), GIF_OK);
        }
}

static void make(const struct kind *kind, struct file *f)
{
    int error = 0;
    f->size = 0;
    GifFileType *gif = EGifOpen(f, write_bytes, &error);
    assert_non_null(gif);
    EGifSetGifVersion(gif, true);
    ColorMapObject *map = kind->global ? make_palette(0) : NULL;
    assert_int_equal(EGifPutScreenDesc(gif, COLUMNS, ROWS, 8, 3, map), GIF_OK);
    GifFreeMapObject(map);
    assert_int_equal(EGifPutComment(gif, "a comment before the frame"), GIF_OK);
    for (int i = 0; i < kind->frames; i++)
        put_frame(gif, kind, i);
    assert_int_equal(EGifCloseFile(gif, &error), GIF_OK);
}

static void expect(const struct kind *kind, uint8_t *rgb)
{
    memset(rgb, 0, 3 * ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS && kind->global; i++)
        palette_colour(3, 0, rgb + 3 * i); /* the background */
    for (int y = 0; y < kind->height; y++)
        for (int x = 0; x < kind->width; x++) {
            const int index = index_at(x, y, 0);
            const int at = (y + kind->top) * COLUMNS + x + kind->left;
            if (index != kind->transparent)
                palette_colour(index, kind->local, rgb + 3 * at);
        }
}

static const struct kind kinds[] = {
    {0, 0, COLUMNS, ROWS, 0, 0, 1, -1, 1},
    {0, 0, COLUMNS, ROWS, 1, 0, 1, -1, 1},
    {0, 0, COLUMNS, ROWS, 0, 1, 1, -1, 1},
    {0, 0, COLUMNS, ROWS, 1, 1, 0, 5, 1},
    {2, 3, 6, 9, 0, 0, 1, 7, 1},
    {5, 1, 6, 12, 1, 1, 1, 0, 3}, /* later frames do not show */
};

static void the_first_frame_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct file f;
        uint8_t want[3 * ROWS * COLUMNS];
        make(&kinds[i], &f);
        expect(&kinds[i], want);
        assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
    }
}

static void a_cut_or_damaged_file_is_refused(void **state)
{
    (void)state;
    struct file f;
    for (size_t i = 0; i < 2; i++) {
        make(&kinds[i], &f);
        /* The byte that ends the frame, and the one that ends the file. */
        assert_cuts_refused(f.bytes, f.size - 2);
        assert_damage_survived(f.bytes, f.size);
    }
}

static void bad_frames_are_named(void **state)
{
    (void)state;
    const struct kind outside = {6, 0, 6, 5, 0, 0, 1, -1, 1};
    const struct kind none = {0, 0, 1, 1, 0, 0, 1, -1, 0};
    struct file f;
    make(&outside, &f);
    assert_refused(f.bytes, f.size, YT_BAD_INPUT,
                   "GIF: a frame of 6x5 pixels at 6,0 of 11x13");
    make(&none, &f);
    assert_refused(f.bytes, f.size, YT_BAD_INPUT, "no frame");
    make(&kinds[0], &f);
    f.bytes[10] &= 0x7f; /* no global palette: cut it out */
    f.size -= 3 * COLOURS;
    memmove(f.bytes + 13, f.bytes + 13 + 3 * COLOURS, f.size - 13);
    assert_refused(f.bytes, f.size, YT_BAD_INPUT, "no colours");
    make(&kinds[0], &f);
    memcpy(f.bytes + 6, "\xff\x7f\xff\x1f", 4); /* 32767 x 8191 */
    assert_refused(f.bytes, f.size, YT_BAD_INPUT, "truncated");
    memcpy(f.bytes + 6, "\xff\xff\xff\xff", 4);
    assert_refused(f.bytes, f.size, YT_UNSUPPORTED, "65535x65535 pixels");
    memcpy(f.bytes + 6, "\0\0\0\0", 4);
    assert_refused(f.bytes, f.size, YT_BAD_INPUT, "0x0 pixels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_frame_is_read),
        cmocka_unit_test(a_cut_or_damaged_file_is_refused),
        cmocka_unit_test(bad_frames_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
