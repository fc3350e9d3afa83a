/* Pictures: pixels equal to OpenCV's, every PNG flavour, hostile files end in
 * a sentence. Files are made here with libpng; other formats have tests of
 * their own. */
#include <setjmp.h>
#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <png.h>

#include "picture_case.h"

#include "base/random.h"
#include "eval/image.h"
#include "eval/image_formats.h"

/* A growing file in memory. */
struct bytes {
    char *data;
    size_t size;
};

static void push(png_structp png, png_bytep data, size_t size)
{
    assert_int_equal(fwrite(data, 1, size, png_get_io_ptr(png)), size);
}

/* Deterministic noise: the same on every machine. */
static uint32_t noise(uint32_t *seed)
{
    return yt_random_lcg(seed) >> 8;
}

static void fill_noise(struct yt_picture *picture, uint32_t seed)
{
    for (int64_t i = 0; i < 3ll * picture->width * picture->height; i++)
        picture->rgb[i] = (uint8_t)noise(&seed);
}

static uint64_t fnv1a(const uint8_t *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

/* ------------------------------------------------------------ real files */

/* Hashes of the RGB bytes that OpenCV 5.0.0's imread() gives. */
static const struct {
    const char *name;
    int32_t width, height;
    uint64_t hash;
} photographs[] = {
    {"bus.jpg", 810, 1080, 0x32f9f162e8ed8f7au},
    {"zidane.jpg", 1280, 720, 0x23d8700c952f7047u},
};

static void pixels_equal_opencv(void **state)
{
    (void)state;
    const char *data = getenv("YOLOTUNE_TEST_DATA");
    const char *source = getenv("YT_SOURCE_DIR");
    for (size_t i = 0; i < sizeof photographs / sizeof photographs[0]; i++) {
        char path[4096];
        struct yt_picture picture;
        snprintf(path, sizeof path, "%s%s/images/%s",
                 data ? data : (source ? source : "."),
                 data ? "" : "/../shared/data", photographs[i].name);
        if (access(path, R_OK) != 0) {
            print_message("%s is absent: skipped\n", path);
            skip();
        }
        assert_int_equal(yt_picture_load(path, &picture), YT_OK);
        assert_int_equal(picture.width, photographs[i].width);
        assert_int_equal(picture.height, photographs[i].height);
        assert_int_equal(fnv1a(picture.rgb, 3 * (size_t)picture.width *
                                                (size_t)picture.height),
                         photographs[i].hash);
        yt_picture_deinit(&picture);
    }
}

/* The seeds of the fuzz target: files of other writers. */
static void corpus_reads(void **state)
{
    (void)state;
    char folder[4096];
    const char *source = getenv("YT_SOURCE_DIR");
    snprintf(folder, sizeof folder, "%s/fuzz/corpus/image",
             source ? source : ".");
    DIR *entries = opendir(folder);
    int files = 0;
    assert_non_null(entries);
    for (const struct dirent *e; (e = readdir(entries));) {
        char path[sizeof folder + sizeof e->d_name + 1];
        struct yt_picture picture;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (yt_picture_load(path, &picture) != YT_OK)
            fail_msg("%s", yt_error());
        /* One of them is stored on its side. */
        assert_int_equal(picture.width * picture.height, 19 * 13);
        yt_picture_deinit(&picture);
        files++;
    }
    closedir(entries);
    assert_true(files >= 20);
}

/* ------------------------------------------------------------------ PNG */

#define COLUMNS 13
#define ROWS    11

static const struct png_case {
    int type, depth, interlace;
} png_cases[] = {
    {PNG_COLOR_TYPE_GRAY, 1, 0},        {PNG_COLOR_TYPE_GRAY, 2, 1},
    {PNG_COLOR_TYPE_GRAY, 4, 0},        {PNG_COLOR_TYPE_GRAY, 8, 1},
    {PNG_COLOR_TYPE_GRAY, 16, 0},       {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 1}, {PNG_COLOR_TYPE_PALETTE, 1, 1},
    {PNG_COLOR_TYPE_PALETTE, 2, 0},     {PNG_COLOR_TYPE_PALETTE, 4, 1},
    {PNG_COLOR_TYPE_PALETTE, 8, 0},     {PNG_COLOR_TYPE_RGB, 8, 0},
    {PNG_COLOR_TYPE_RGB, 8, 1},         {PNG_COLOR_TYPE_RGB, 16, 0},
    {PNG_COLOR_TYPE_RGB_ALPHA, 8, 1},   {PNG_COLOR_TYPE_RGB_ALPHA, 16, 0},
};

/* The sample of a channel, of the case's depth. */
static uint32_t sample(const struct png_case *c, int x, int y, int channel)
{
    uint32_t seed = (uint32_t)(x + 31 * y + 997 * channel + 7);
    noise(&seed);
    return noise(&seed) & ((1u << c->depth) - 1);
}

static void make_png(const struct png_case *c, struct bytes *out)
{
    const int channels = c->type == PNG_COLOR_TYPE_RGB          ? 3
                         : c->type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                         : c->type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                                : 1;
    FILE *file = open_memstream(&out->data, &out->size);
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, file, push, NULL);
    png_set_IHDR(png, info, COLUMNS, ROWS, c->depth, c->type,
                 c->interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (c->type == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        uint8_t alpha[4] = {0, 100, 200, 255};
        for (int i = 0; i < 256; i++)
            palette[i] = (png_color){(uint8_t)(255 - i), (uint8_t)(i * 3),
                                     (uint8_t)(i * 7)};
        png_set_PLTE(png, info, palette, 1 << c->depth);
        if (c->depth > 1)
            png_set_tRNS(png, info, alpha, 4, NULL);
    }
    png_write_info(png, info);

    uint8_t rows[ROWS][COLUMNS * 8];
    uint8_t *row_pointers[ROWS];
    memset(rows, 0, sizeof rows);
    for (int y = 0; y < ROWS; y++) {
        row_pointers[y] = rows[y];
        for (int x = 0; x < COLUMNS; x++)
            for (int k = 0; k < channels; k++) {
                const uint32_t v = sample(c, x, y, k);
                const int bit = (x * channels + k) * c->depth;
                uint8_t *at = &rows[y][bit / 8];
                if (c->depth == 16) {
                    at[0] = (uint8_t)(v >> 8);
                    at[1] = (uint8_t)v;
                } else {
                    *at |= (uint8_t)(v << (8 - c->depth - bit % 8));
                }
            }
    }
    png_write_image(png, row_pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(file);
}

static void expected_png(const struct png_case *c, int x, int y, uint8_t rgb[3])
{
    const int grey =
        c->type == PNG_COLOR_TYPE_GRAY || c->type == PNG_COLOR_TYPE_GRAY_ALPHA;
    for (int k = 0; k < 3; k++) {
        const uint32_t v = sample(c, x, y, grey ? 0 : k);
        rgb[k] = (uint8_t)(c->depth == 16 ? v >> 8
                                          : v * 255 / ((1u << c->depth) - 1));
    }
    if (c->type == PNG_COLOR_TYPE_PALETTE) {
        const uint32_t i = sample(c, x, y, 0);
        rgb[0] = (uint8_t)(255 - i);
        rgb[1] = (uint8_t)(i * 3);
        rgb[2] = (uint8_t)(i * 7);
    }
}

static void every_png_kind_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof png_cases / sizeof png_cases[0]; i++) {
        struct bytes file;
        struct yt_picture picture;
        make_png(&png_cases[i], &file);
        if (yt_picture_decode(file.data, file.size, &picture) != YT_OK)
            fail_msg("case %zu: %s", i, yt_error());
        assert_int_equal(picture.width, COLUMNS);
        assert_int_equal(picture.height, ROWS);
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < COLUMNS; x++) {
                uint8_t rgb[3];
                expected_png(&png_cases[i], x, y, rgb);
                if (memcmp(picture.rgb + 3 * (y * COLUMNS + x), rgb, 3))
                    fail_msg("case %zu, pixel %d,%d differs", i, x, y);
            }
        yt_picture_deinit(&picture);
        free(file.data);
    }
}

/* ---------------------------------------------------------- orientation */

/* Exif 2.32, 4.6.4: the visual place of row 0 and column 0. A 2x3 picture
 * with pixels 0..5 in reading order, as each orientation shows it. */
static void orientations_place_pixels(void **state)
{
    (void)state;
    static const uint8_t shown[9][6] = {
        [1] = {0, 1, 2, 3, 4, 5}, /* row 0 top, column 0 left */
        [2] = {2, 1, 0, 5, 4, 3}, /* top, right */
        [3] = {5, 4, 3, 2, 1, 0}, /* bottom, right */
        [4] = {3, 4, 5, 0, 1, 2}, /* bottom, left */
        [5] = {0, 3, 1, 4, 2, 5}, /* left, top */
        [6] = {3, 0, 4, 1, 5, 2}, /* right, top */
        [7] = {5, 2, 4, 1, 3, 0}, /* right, bottom */
        [8] = {2, 5, 1, 4, 0, 3}, /* left, bottom */
    };
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct yt_picture picture;
        assert_int_equal(yt_picture_init(3, 2, &picture), YT_OK);
        for (int i = 0; i < 18; i++)
            picture.rgb[i] = (uint8_t)(i / 3);
        assert_int_equal(yt_picture_orient(&picture, orientation), YT_OK);
        assert_int_equal(picture.width, orientation < 5 ? 3 : 2);
        for (int i = 0; i < 18; i++)
            assert_int_equal(picture.rgb[i], shown[orientation][i / 3]);
        yt_picture_deinit(&picture);
    }
}

/* -------------------------------------------------------------- hostile */

static void a_cut_png_is_refused(void **state)
{
    (void)state;
    static const struct png_case kind = {PNG_COLOR_TYPE_RGB, 8, 1};
    struct bytes file;
    make_png(&kind, &file);
    for (size_t size = 0; size < file.size - 2; size++) {
        struct yt_picture picture;
        const enum yt_status status = decode_cut(file.data, size, &picture);
        if (status != YT_BAD_INPUT && status != YT_UNSUPPORTED)
            fail_msg("cut to %zu bytes: %s", size, yt_status_name(status));
        assert_true(strlen(yt_error()) > 10);
    }
    free(file.data);
}

static void damaged_files_do_not_crash(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 1500; round++) {
        struct bytes file;
        struct yt_picture picture;
        make_png(&png_cases[(size_t)round %
                            (sizeof png_cases / sizeof png_cases[0])],
                 &file);
        for (int flips = 0; flips < 4; flips++)
            file.data[noise(&seed) % file.size] = (char)noise(&seed);
        if (yt_picture_decode(file.data, file.size, &picture) == YT_OK)
            yt_picture_deinit(&picture);
        free(file.data);
    }
}

static void huge_claims_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        enum yt_status status;
    } cases[] = {
        {"P6 40000 1 255\nabc", 18, YT_BAD_INPUT},
        {"P6 16000 16000 255\nabc", 22, YT_BAD_INPUT},
        {"P6 99999999999 1 255\nabc", 24, YT_BAD_INPUT},
        {"P6 1 1 65535\nabcdef", 19, YT_UNSUPPORTED},
        {"P6 -1 1 255\nabc", 15, YT_BAD_INPUT},
        {"P6 0 1 255\nabc", 14, YT_BAD_INPUT},
        {"P6 # no end", 11, YT_BAD_INPUT},
    };
    struct yt_picture picture;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(
            yt_picture_decode(cases[i].bytes, cases[i].size, &picture),
            cases[i].status);
    assert_int_equal(yt_picture_init(32769, 1, &picture), YT_UNSUPPORTED);
    assert_int_equal(yt_picture_init(32768, 32768, &picture), YT_UNSUPPORTED);
    assert_int_equal(yt_picture_init(0, 5, &picture), YT_BAD_INPUT);
}

/* ---------------------------------------------------------------- files */

static void saved_files_read_back(void **state)
{
    (void)state;
    static const char *const endings[] = {"png", "ppm", "JPG"};
    char folder[] = "/tmp/yt-image-XXXXXX";
    struct yt_picture picture;
    struct yt_picture again;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(yt_picture_init(37, 21, &picture), YT_OK);
    for (int i = 0; i < 3; i++) {
        char path[64];
        if (i < 2)
            fill_noise(&picture, 5);
        else
            memset(picture.rgb, 140, 3 * 37 * 21);
        snprintf(path, sizeof path, "%s/p.%s", folder, endings[i]);
        assert_int_equal(yt_picture_save(&picture, path), YT_OK);
        assert_int_equal(yt_picture_load(path, &again), YT_OK);
        assert_int_equal(again.width, 37);
        assert_int_equal(again.height, 21);
        assert_memory_equal(again.rgb, picture.rgb, 3 * 37 * 21);
        yt_picture_deinit(&again);
        unlink(path);
    }
    rmdir(folder);
    assert_int_equal(yt_picture_save(&picture, "/tmp/p.gif"), YT_BAD_ARGUMENT);
    assert_int_equal(yt_picture_save(&picture, "/nowhere/p.png"), YT_IO);
    assert_non_null(strstr(yt_error(), "/nowhere/p.png"));
    yt_picture_deinit(&picture);
}

static void what_is_no_picture_is_named(void **state)
{
    (void)state;
    struct yt_picture picture;
    assert_int_equal(yt_picture_load("/nowhere/x.jpg", &picture), YT_NOT_FOUND);
    assert_non_null(strstr(yt_error(), "/nowhere/x.jpg"));
    assert_int_equal(yt_picture_load("/tmp", &picture), YT_BAD_INPUT);
    assert_non_null(strstr(yt_error(), "directory"));
    assert_int_equal(yt_picture_load("/dev/null", &picture), YT_BAD_INPUT);
    assert_int_equal(yt_picture_decode("%PDF-1.4....", 12, &picture),
                     YT_UNSUPPORTED);
    assert_non_null(strstr(yt_error(), "JPEG, PNG"));
    assert_int_equal(yt_picture_decode("", 0, &picture), YT_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_opencv),
        cmocka_unit_test(corpus_reads),
        cmocka_unit_test(every_png_kind_reads),
        cmocka_unit_test(orientations_place_pixels),
        cmocka_unit_test(a_cut_png_is_refused),
        cmocka_unit_test(damaged_files_do_not_crash),
        cmocka_unit_test(huge_claims_are_refused),
        cmocka_unit_test(saved_files_read_back),
        cmocka_unit_test(what_is_no_picture_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
