/* The orientation that a PNG's eXIf chunk asks for. What else is read of PNG
 * files: tests/test_image.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <png.h>

#include "eval/image.h"
#include "eval/image_formats.h"

#define COLUMNS 3
#define ROWS    2

struct bytes {
    char *data;
    size_t size;
};

static void push(png_structp png, png_bytep data, size_t size)
{
    assert_int_equal(fwrite(data, 1, size, png_get_io_ptr(png)), size);
}

static void flush(png_structp png)
{
    (void)png;
}

/* Pixel i of six, in reading order, is of colour (i, 10 i, 20 i). The chunk
 * with an orientation stands before or behind the pixels. */
static void make_png(int orientation, int behind, struct bytes *out)
{
    uint8_t exif[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                      0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0, 0};
    exif[18] = (uint8_t)orientation;
    FILE *file = open_memstream(&out->data, &out->size);
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(file);
    png_set_write_fn(png, file, push, flush);
    png_set_IHDR(png, info, COLUMNS, ROWS, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    if (!behind)
        png_write_chunk(png, (png_const_bytep) "eXIf", exif, sizeof exif);
    for (int y = 0; y < ROWS; y++) {
        uint8_t row[3 * COLUMNS];
        for (int x = 0; x < COLUMNS; x++)
            for (int k = 0; k < 3; k++)
                row[3 * x + k] =
                    (uint8_t)((y * COLUMNS + x) * (k ? 10 * k : 1));
        png_write_row(png, row);
    }
    if (behind)
        png_write_chunk(png, (png_const_bytep) "eXIf", exif, sizeof exif);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(file), 0);
}

/* What each orientation means is tested where it is done. */
static void a_picture_is_turned_upright(void **state)
{
    (void)state;
    for (int orientation = 0; orientation <= 8; orientation++)
        for (int behind = 0; behind < 2; behind++) {
            struct bytes file;
            struct yt_picture picture, want;
            make_png(orientation, behind, &file);
            if (yt_picture_decode((const uint8_t *)file.data, file.size,
                                  &picture) != YT_OK)
                fail_msg("orientation %d: %s", orientation, yt_error());
            assert_int_equal(yt_picture_init(COLUMNS, ROWS, &want), YT_OK);
            for (int i = 0; i < 3 * COLUMNS * ROWS; i++)
                want.rgb[i] = (uint8_t)(i / 3 * (i % 3 ? i % 3 * 10 : 1));
            assert_int_equal(yt_picture_orient(&want, orientation), YT_OK);
            assert_int_equal(picture.width, want.width);
            assert_int_equal(picture.height, want.height);
            assert_memory_equal(picture.rgb, want.rgb, 3 * COLUMNS * ROWS);
            yt_picture_deinit(&picture);
            yt_picture_deinit(&want);
            free(file.data);
        }
}

/* Whatever a damaged file has there, memory and pixels are not harmed. */
static void a_cut_file_is_refused(void **state)
{
    (void)state;
    struct bytes file;
    make_png(6, 1, &file);
    for (size_t size = 8; size < file.size - 12; size++) {
        struct yt_picture picture;
        assert_int_equal(
            yt_picture_decode((const uint8_t *)file.data, size, &picture),
            YT_BAD_INPUT);
    }
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_turned_upright),
        cmocka_unit_test(a_cut_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
