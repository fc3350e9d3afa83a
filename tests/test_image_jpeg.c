/* JPEG: colours, orientation, files without their end, hostile ones. Files are
 * made here with libjpeg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <jpeglib.h>

#include "picture_case.h"

/* A growing file in memory. */
struct bytes {
    char *data;
    size_t size;
};

enum layout { ONE_SCAN, PROGRESSIVE, SCAN_EACH, ARITHMETIC, LAYOUTS };

static void set_layout(struct jpeg_compress_struct *jpeg, enum layout layout)
{
    static const jpeg_scan_info each[] = {
        {1, {0}, 0, DCTSIZE2 - 1, 0, 0},
        {1, {1}, 0, DCTSIZE2 - 1, 0, 0},
        {1, {2}, 0, DCTSIZE2 - 1, 0, 0},
    };
    if (layout == PROGRESSIVE)
        jpeg_simple_progression(jpeg);
    if (layout == SCAN_EACH) {
        jpeg->scan_info = each;
        jpeg->num_scans = 3;
    }
    jpeg->arith_code = layout == ARITHMETIC;
}

/* A JPEG of one flat colour: what a reader must give back is then exact up to
 * the rounding of colours. NULL: noise, of three components. */
static void make_jpeg(J_COLOR_SPACE space, int components,
                      const uint8_t *colour, enum layout layout,
                      struct bytes *out)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    uint8_t row[40 * 4];
    uint8_t *rows = row;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = 40;
    jpeg.image_height = 24;
    jpeg.input_components = components;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    set_layout(&jpeg, layout);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < 24) {
        for (int x = 0; x < 40; x++)
            if (colour)
                memcpy(row + x * components, colour, (size_t)components);
            else
                picture_colour(x, (int)jpeg.next_scanline, row + 3 * x);
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    out->data = (char *)data;
    out->size = size;
}

static void every_jpeg_kind_reads(void **state)
{
    (void)state;
    static const struct {
        J_COLOR_SPACE space;
        int components;
        enum layout layout;
        uint8_t in[4], rgb[3];
    } cases[] = {
        {JCS_GRAYSCALE, 1, ONE_SCAN, {90}, {90, 90, 90}},
        {JCS_GRAYSCALE, 1, PROGRESSIVE, {7}, {7, 7, 7}},
        {JCS_RGB, 3, ONE_SCAN, {200, 30, 90}, {200, 30, 90}},
        {JCS_RGB, 3, PROGRESSIVE, {20, 230, 190}, {20, 230, 190}},
        {JCS_RGB, 3, SCAN_EACH, {2, 30, 250}, {2, 30, 250}},
        {JCS_RGB, 3, ARITHMETIC, {72, 3, 50}, {72, 3, 50}},
        /* libjpeg marks its CMYK files as Adobe's, so inks are inverted:
           k - ((255 - ink) * k >> 8) */
        {JCS_CMYK, 4, ONE_SCAN, {255, 128, 0, 200}, {200, 101, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes file;
        struct yt_picture picture;
        make_jpeg(cases[i].space, cases[i].components, cases[i].in,
                  cases[i].layout, &file);
        if (yt_picture_decode(file.data, file.size, &picture) != YT_OK)
            fail_msg("case %zu: %s", i, yt_error());
        assert_int_equal(picture.width, 40);
        assert_int_equal(picture.height, 24);
        for (int k = 0; k < 3 * 40 * 24; k++)
            assert_in_range(picture.rgb[k] + 2 - cases[i].rgb[k % 3], 0, 4);
        yt_picture_deinit(&picture);
        free(file.data);
    }
}

/* A file of our own with an APP1 block behind its SOI marker. */
static void make_oriented(int orientation, int big, struct bytes *out)
{
    static const uint8_t little_tiff[] = {'I', 'I', 42,   0, 8, 0, 0, 0,
                                          1,   0,   0x12, 1, 3, 0, 1, 0,
                                          0,   0,   0,    0, 0, 0};
    static const uint8_t big_tiff[] = {'M',  'M', 0, 42, 0, 0, 0, 8, 0, 1, 1,
                                       0x12, 0,   3, 0,  0, 0, 1, 0, 0, 0, 0};
    struct bytes plain;
    uint8_t app1[10 + sizeof little_tiff] = {0xff, 0xe1, 0,   0,
                                             'E',  'x',  'i', 'f'};
    app1[3] = sizeof app1 - 2;
    memcpy(app1 + 10, big ? big_tiff : little_tiff, sizeof little_tiff);
    app1[10 + (big ? 19 : 18)] = (uint8_t)orientation;
    make_jpeg(JCS_GRAYSCALE, 1, (const uint8_t[]){100}, ONE_SCAN, &plain);
    out->size = plain.size + sizeof app1;
    out->data = malloc(out->size);
    assert_non_null(out->data);
    memcpy(out->data, plain.data, 2);
    memcpy(out->data + 2, app1, sizeof app1);
    memcpy(out->data + 2 + sizeof app1, plain.data + 2, plain.size - 2);
    free(plain.data);
}

static void orientation_is_applied(void **state)
{
    (void)state;
    for (int orientation = 0; orientation <= 9; orientation++)
        for (int big = 0; big < 2; big++) {
            struct bytes file;
            struct yt_picture picture;
            const int turned = orientation >= 5 && orientation <= 8;
            make_oriented(orientation, big, &file);
            assert_int_equal(yt_picture_decode(file.data, file.size, &picture),
                             YT_OK);
            assert_int_equal(picture.width, turned ? 24 : 40);
            assert_int_equal(picture.height, turned ? 40 : 24);
            yt_picture_deinit(&picture);
            free(file.data);
        }
}

/* ------------------------------------------------- files without an end */

/* Where a JPEG's first scan begins. */
static size_t scan_at(const struct bytes *file)
{
    for (size_t i = 0; i + 1 < file->size; i++)
        if (memcmp(file->data + i, "\xff\xda", 2) == 0)
            return i;
    fail_msg("there is no scan");
    return 0;
}

/* Without its headers a JPEG is refused, else read as far as it goes. */
static void a_cut_jpeg_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    struct bytes file;
    for (enum layout layout = ONE_SCAN; layout <= SCAN_EACH; layout++) {
        make_jpeg(JCS_RGB, 3, (const uint8_t[]){9, 200, 77}, layout, &file);
        const size_t first = scan_at(&file);
        int cut = 0;
        for (size_t size = 0; size < file.size; size++) {
            struct yt_picture picture = {0};
            const enum yt_status status = decode_cut(file.data, size, &picture);
            if (size < first && status == YT_OK)
                fail_msg("cut to %zu of %zu bytes", size, file.size);
            if (status == YT_OK) {
                assert_int_not_equal(picture.end, YT_PICTURE_WHOLE);
                cut += picture.end == YT_PICTURE_CUT;
            } else {
                assert_true(strlen(yt_error()) > 10);
            }
            yt_picture_deinit(&picture);
        }
        assert_true(cut > 0);
        struct yt_picture picture;
        assert_int_equal(decode_cut(file.data, file.size - 2, &picture), YT_OK);
        assert_int_equal(picture.end, YT_PICTURE_NO_END);
        for (int k = 0; k < 3 * 40 * 24; k++)
            assert_in_range(picture.rgb[k] + 2 -
                                ((const uint8_t[]){9, 200, 77})[k % 3],
                            0, 4);
        yt_picture_deinit(&picture);
        free(file.data);
    }
}

/* Only one that has all pixels is said to lack its end alone, wherever it is
 * cut: inside a scan, between two, inside the marker of the next. */
static void only_whole_pixels_lack_their_end_alone(void **state)
{
    (void)state;
    for (enum layout layout = 0; layout < LAYOUTS; layout++) {
        struct bytes file;
        struct yt_picture whole;
        enum yt_picture_end last = YT_PICTURE_WHOLE;
        make_jpeg(JCS_RGB, 3, NULL, layout, &file);
        assert_int_equal(decode_cut(file.data, file.size, &whole), YT_OK);
        assert_int_equal(whole.end, YT_PICTURE_WHOLE);
        for (size_t size = scan_at(&file); size < file.size; size++) {
            struct yt_picture cut = {0};
            if (decode_cut(file.data, size, &cut) == YT_OK) {
                last = cut.end;
                assert_int_not_equal(last, YT_PICTURE_WHOLE);
            }
            if (cut.rgb && cut.end == YT_PICTURE_NO_END &&
                memcmp(cut.rgb, whole.rgb, (size_t)3 * 40 * 24) != 0)
                fail_msg("layout %d, %zu of %zu bytes", (int)layout, size,
                         file.size);
            yt_picture_deinit(&cut);
        }
        /* Of arithmetic codes nobody can tell. */
        assert_int_equal(last, layout == ARITHMETIC ? YT_PICTURE_CUT
                                                    : YT_PICTURE_NO_END);
        yt_picture_deinit(&whole);
        free(file.data);
    }
}

/* What is read before the cut is right. */
static void a_cut_jpeg_begins_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/yt-cut-XXXXXX.jpg";
    const int fd = mkstemps(path, 4);
    struct yt_picture noise_picture, whole, cut, none = {0};
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(yt_picture_init(64, 96, &noise_picture), YT_OK);
    fill_picture(noise_picture.rgb, 64, 96);
    assert_int_equal(yt_picture_save(&noise_picture, path), YT_OK);
    assert_int_equal(yt_picture_load_whole(path, &whole), YT_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    assert_int_equal(yt_picture_load(path, &cut), YT_OK);
    assert_int_equal(cut.end, YT_PICTURE_CUT);
    assert_non_null(strstr(yt_picture_end_text(cut.end), "truncated"));
    /* Noise spreads the bytes evenly: a quarter is there for certain. */
    assert_memory_equal(cut.rgb, whole.rgb, 3 * 64 * 24);
    assert_memory_not_equal(cut.rgb, whole.rgb, 3 * 64 * 96);
    assert_int_equal(yt_picture_load_whole(path, &none), YT_BAD_INPUT);
    assert_null(none.rgb);
    assert_non_null(strstr(yt_error(), path));
    unlink(path);
    yt_picture_deinit(&noise_picture);
    yt_picture_deinit(&whole);
    yt_picture_deinit(&cut);
}

/* -------------------------------------------------------------- hostile */

static void damaged_files_do_not_crash(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation += 5) {
        struct bytes file;
        make_oriented(orientation, 1, &file);
        assert_damage_survived((const uint8_t *)file.data, file.size);
        free(file.data);
    }
}

static void huge_claims_are_refused(void **state)
{
    (void)state;
    struct yt_picture picture;
    /* A small JPEG whose frame header claims 16000x16000 pixels. */
    struct bytes file;
    make_jpeg(JCS_RGB, 3, (const uint8_t[]){1, 2, 3}, PROGRESSIVE, &file);
    for (size_t i = 2; i + 9 < file.size; i++)
        if ((uint8_t)file.data[i] == 0xff && (uint8_t)file.data[i + 1] == 0xc2)
            memcpy(file.data + i + 5, "\x3e\x80\x3e\x80", 4);
    assert_int_equal(yt_picture_decode(file.data, file.size, &picture),
                     YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "truncated"));
    free(file.data);
}

/* A progressive file whose last scan is repeated: small, yet slow to read. */
static void endless_scans_are_refused(void **state)
{
    (void)state;
    struct bytes file;
    make_jpeg(JCS_RGB, 3, (const uint8_t[]){60, 20, 3}, PROGRESSIVE, &file);
    size_t last = 0;
    for (size_t i = 0; i + 1 < file.size; i++)
        if ((uint8_t)file.data[i] == 0xff && (uint8_t)file.data[i + 1] == 0xda)
            last = i;
    const size_t scan = file.size - 2 - last;
    const size_t copies = 400;
    char *bomb = malloc(file.size + copies * scan);
    assert_non_null(bomb);
    memcpy(bomb, file.data, file.size - 2);
    for (size_t i = 0; i < copies; i++)
        memcpy(bomb + file.size - 2 + i * scan, file.data + last, scan);
    memcpy(bomb + file.size - 2 + copies * scan, "\xff\xd9", 2);
    struct yt_picture picture;
    assert_int_equal(
        yt_picture_decode(bomb, file.size + copies * scan, &picture),
        YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "more scans"));
    free(bomb);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_jpeg_kind_reads),
        cmocka_unit_test(orientation_is_applied),
        cmocka_unit_test(a_cut_jpeg_is_read_as_far_as_it_goes),
        cmocka_unit_test(only_whole_pixels_lack_their_end_alone),
        cmocka_unit_test(a_cut_jpeg_begins_whole),
        cmocka_unit_test(damaged_files_do_not_crash),
        cmocka_unit_test(huge_claims_are_refused),
        cmocka_unit_test(endless_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
