/* TIFF: layouts, compressions, colours and orientations, made with libtiff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <tiffio.h>

#include "eval/bytes.h"
#include "picture_case.h"

#define COLUMNS 21
#define ROWS    35

struct file {
    uint8_t bytes[65536];
    size_t size;
};

struct kind {
    const char *mode; /* of TIFFOpen(): byte order, 8 for BigTIFF */
    uint16_t compression, photometric, bits, samples, planar;
    uint16_t alpha;       /* EXTRASAMPLE_..., of the last sample; 0: none */
    uint32_t tile, rows;  /* side of tiles; else rows of a strip */
    uint16_t orientation; /* 0: no tag */
};

/* A sample of 16 bits, of which those of fewer bits have the high ones. */
static uint32_t sample16(int x, int y, int k)
{
    uint8_t rgb[3];
    picture_colour(x, y + 1000 * (k / 3), rgb);
    return rgb[k % 3] * 257u;
}

static void put_sample(const struct kind *k, uint8_t *row, int i, uint32_t v16)
{
    if (k->bits == 16)
        memcpy(row + 2 * i, &(const uint16_t){(uint16_t)v16}, 2);
    else
        row[i * k->bits / 8] |=
            (uint8_t)(v16 >> (16 - k->bits) << (8 - k->bits - i * k->bits % 8));
}

static void set_tags(TIFF *tiff, const struct kind *k)
{
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, COLUMNS);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, ROWS);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, k->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, k->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, k->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, k->compression);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, k->planar);
    if (k->alpha)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &k->alpha);
    if (k->orientation)
        TIFFSetField(tiff, TIFFTAG_ORIENTATION, k->orientation);
    if (k->tile) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, k->tile);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, k->tile);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, k->rows);
    }
    if (k->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t map[3][256];
        for (int i = 0; i < 256; i++)
            for (int c = 0; c < 3; c++)
                map[c][i] = (uint16_t)sample16(i, 77, c);
        TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    }
}

static void write_rows(TIFF *tiff, const struct kind *k)
{
    const int planes = k->planar == PLANARCONFIG_SEPARATE ? k->samples : 1;
    const int each = k->samples / planes;
    for (int p = 0; p < planes; p++)
        for (int y = 0; y < ROWS; y++) {
            uint8_t row[COLUMNS * 8] = {0};
            for (int i = 0; i < COLUMNS * each; i++)
                put_sample(k, row, i, sample16(i / each, y, p + i % each));
            assert_int_equal(
                TIFFWriteScanline(tiff, row, (uint32_t)y, (uint16_t)p), 1);
        }
}

static void write_tiles(TIFF *tiff, const struct kind *k)
{
    const int side = (int)k->tile;
    for (int top = 0; top < ROWS; top += side)
        for (int left = 0; left < COLUMNS; left += side) {
            uint8_t tile[32 * 32 * 4] = {0};
            for (int i = 0; i < side * side * k->samples; i++)
                put_sample(k, tile, i,
                           sample16(left + i / k->samples % side,
                                    top + i / k->samples / side,
                                    i % k->samples));
            assert_true(TIFFWriteTile(tiff, tile, (uint32_t)left, (uint32_t)top,
                                      0, 0) > 0);
        }
}

static void make(const struct kind *k, struct file *f)
{
    char path[] = "/tmp/yt-tiff-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    TIFF *tiff = TIFFFdOpen(fd, path, k->mode);
    assert_non_null(tiff);
    set_tags(tiff, k);
    if (k->tile)
        write_tiles(tiff, k);
    else
        write_rows(tiff, k);
    TIFFClose(tiff); /* and with it the descriptor */
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    f->size = fread(f->bytes, 1, sizeof f->bytes, file);
    assert_true(f->size > 0 && f->size < sizeof f->bytes);
    fclose(file);
    unlink(path);
}

/* One sample brought to 8 bits. */
static int to_byte(const struct kind *k, uint32_t v16)
{
    const uint32_t high = v16 >> (16 - k->bits);
    return (int)(k->bits == 16 ? (high + 128) / 257
                               : high * 255 / ((1u << k->bits) - 1));
}

static void expect(const struct kind *k, uint8_t *rgb)
{
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLUMNS; x++, rgb += 3)
            for (int c = 0; c < 3; c++) {
                const int grey = k->photometric == PHOTOMETRIC_MINISBLACK ||
                                 k->photometric == PHOTOMETRIC_MINISWHITE;
                int v = to_byte(k, sample16(x, y, grey ? 0 : c));
                if (k->photometric == PHOTOMETRIC_MINISWHITE)
                    v = 255 - v;
                if (k->photometric == PHOTOMETRIC_PALETTE)
                    v = (int)sample16((int)sample16(x, y, 0) >> 8, 77, c) >> 8;
                if (k->photometric == PHOTOMETRIC_SEPARATED)
                    v = (255 - v) * (255 - to_byte(k, sample16(x, y, 3))) / 255;
                if (k->alpha == EXTRASAMPLE_UNASSALPHA)
                    v = (v * to_byte(k, sample16(x, y, 3)) + 127) / 255;
                rgb[c] = (uint8_t)v;
            }
}

#define RGB PHOTOMETRIC_RGB
#define ONE PLANARCONFIG_CONTIG

static const struct kind kinds[] = {
    {"wl", COMPRESSION_NONE, RGB, 8, 3, ONE, 0, 0, ROWS, 0},
    {"wb", COMPRESSION_NONE, RGB, 8, 3, ONE, 0, 0, 7, 0},
    {"w8", COMPRESSION_NONE, RGB, 8, 3, ONE, 0, 0, 8, 0},
    {"wb8", COMPRESSION_NONE, RGB, 8, 3, ONE, 0, 0, 8, 0},
    {"w", COMPRESSION_LZW, RGB, 8, 3, ONE, 0, 0, 4, 0},
    {"w", COMPRESSION_PACKBITS, RGB, 8, 3, ONE, 0, 0, 1, 0},
    {"w", COMPRESSION_ADOBE_DEFLATE, RGB, 8, 3, ONE, 0, 0, 16, 0},
    {"w", COMPRESSION_NONE, RGB, 8, 3, PLANARCONFIG_SEPARATE, 0, 0, 9, 0},
    {"w", COMPRESSION_LZW, RGB, 8, 3, ONE, 0, 16, 0, 0},
    {"w", COMPRESSION_NONE, RGB, 8, 3, ONE, 0, 32, 0, 0},
    {"w", COMPRESSION_LZW, RGB, 16, 3, ONE, 0, 0, 5, 0},
    {"wb", COMPRESSION_NONE, RGB, 16, 3, ONE, 0, 0, 5, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 8, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 16, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_MINISWHITE, 8, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 1, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 4, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_CCITTFAX4, PHOTOMETRIC_MINISWHITE, 1, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, PHOTOMETRIC_PALETTE, 8, 1, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_LZW, PHOTOMETRIC_SEPARATED, 8, 4, ONE, 0, 0, 6, 0},
    {"w", COMPRESSION_NONE, RGB, 8, 4, ONE, EXTRASAMPLE_ASSOCALPHA, 0, 6, 0},
    {"w", COMPRESSION_NONE, RGB, 8, 4, ONE, EXTRASAMPLE_UNASSALPHA, 0, 6, 0},
};

static void every_kind_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        static struct file f;
        uint8_t want[3 * ROWS * COLUMNS];
        make(&kinds[i], &f);
        expect(&kinds[i], want);
        print_message("kind %zu\n", i);
        assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
    }
}

static void a_picture_is_turned_upright(void **state)
{
    (void)state;
    for (uint16_t orientation = 0; orientation <= 8; orientation++)
        for (uint32_t tile = 0; tile <= 16; tile += 16) {
            static struct file f;
            uint8_t stored[3 * ROWS * COLUMNS];
            struct kind kind = kinds[4];
            kind.orientation = orientation;
            kind.tile = tile;
            make(&kind, &f);
            expect(&kind, stored);
            assert_turned(f.bytes, f.size, COLUMNS, ROWS, stored, orientation);
        }
}

static void a_cut_or_damaged_file_is_refused(void **state)
{
    (void)state;
    static const size_t some[] = {1, 4, 5, 8, 10};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        static struct file f;
        make(&kinds[some[i]], &f);
        assert_damage_survived(f.bytes, f.size);
        /* libtiff writes the directory last: a cut file has none. */
        assert_cuts_refused(f.bytes, f.size - 64);
    }
}

/* A directory in front of its pixels, which are missing. */
static void missing_pixels_are_told(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        'I', 'I', 42, 0,  8,  0,  0,  0, 8,   0,       /* 8 entries */
        0,   1,   3,  0,  1,  0,  0,  0, 4,   0, 0, 0, /* width 4 */
        1,   1,   3,  0,  1,  0,  0,  0, 4,   0, 0, 0, /* height 4 */
        2,   1,   3,  0,  1,  0,  0,  0, 8,   0, 0, 0, /* 8 bits */
        3,   1,   3,  0,  1,  0,  0,  0, 1,   0, 0, 0, /* as it is */
        6,   1,   3,  0,  1,  0,  0,  0, 1,   0, 0, 0, /* grey */
        17,  1,   4,  0,  1,  0,  0,  0, 110, 0, 0, 0, /* strip at 110 */
        22,  1,   3,  0,  1,  0,  0,  0, 4,   0, 0, 0, /* 4 rows */
        23,  1,   4,  0,  1,  0,  0,  0, 16,  0, 0, 0, /* 16 bytes */
        0,   0,   0,  0,  1,  2,  3,  4, 5,   6, 7, 8,
        9,   10,  11, 12, 13, 14, 15, 16};
    struct yt_picture picture;
    _Static_assert(sizeof bytes == 126, "the strip ends the file");
    assert_ok(yt_picture_decode(bytes, sizeof bytes, &picture));
    assert_int_equal(picture.rgb[3 * 15], 16);
    yt_picture_deinit(&picture);
    assert_cuts_refused(bytes, sizeof bytes);

    uint8_t other[sizeof bytes];
    memcpy(other, bytes, sizeof bytes);
    memcpy(other + 18, "\xff\xff\0\0", 4);
    assert_refused(other, sizeof other, YT_UNSUPPORTED, "65535x4 pixels");
    memcpy(other, bytes, sizeof bytes);
    other[42] = 64; /* bits */
    assert_refused(other, sizeof other, YT_UNSUPPORTED, "64-bit samples");
    memcpy(other, bytes, sizeof bytes);
    memcpy(other + 54, "\x47\x99\0\0", 4); /* a compression of nobody's */
    struct silence quiet = silence_begins();
    const enum yt_status status =
        yt_picture_decode(other, sizeof other, &picture);
    silence_ends(&quiet);
    assert_int_not_equal(status, YT_OK);
    assert_non_null(strstr(yt_error(), "TIFF: "));
}

struct entry {
    uint16_t tag;
    uint32_t value;
};

static uint8_t *put(uint8_t *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *to++ = (uint8_t)(value >> 8 * i);
    return to;
}

/* A little-endian file of a directory alone. */
static size_t make_directory(const struct entry *entries, int count,
                             uint8_t *bytes)
{
    uint8_t *to = bytes;
    to = put(to, TIFF_LITTLEENDIAN, 2);
    to = put(to, TIFF_VERSION_CLASSIC, 2);
    to = put(to, 8, 4);
    to = put(to, (uint32_t)count, 2);
    for (int i = 0; i < count; i++) {
        to = put(to, entries[i].tag, 2);
        to = put(to, TIFF_LONG, 2);
        to = put(to, 1, 4);
        to = put(to, entries[i].value, 4);
    }
    return (size_t)(put(to, 0, 4) - bytes); /* no other page */
}

/* Pieces that all lie at the same place, and would inflate for hours. */
static void more_than_a_picture_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct entry more[4];
        const char *words;
    } cases[] = {
        {{{TIFFTAG_STRIPOFFSETS, 8},
          {TIFFTAG_SAMPLESPERPIXEL, 4000},
          {TIFFTAG_ROWSPERSTRIP, 1},
          {TIFFTAG_STRIPBYTECOUNTS, 16}},
         "8192 strips of 131072000 bytes: too much for 32768x8192 pixels"},
        {{{TIFFTAG_TILEWIDTH, 1 << 24},
          {TIFFTAG_TILELENGTH, 16},
          {TIFFTAG_TILEOFFSETS, 8},
          {TIFFTAG_TILEBYTECOUNTS, 16}},
         "512 tiles of 268435456 bytes: too much for 32768x8192 pixels"},
        {{{TIFFTAG_TILEWIDTH, 16},
          {TIFFTAG_TILELENGTH, 1 << 24},
          {TIFFTAG_TILEOFFSETS, 8},
          {TIFFTAG_TILEBYTECOUNTS, 16}},
         "2048 tiles of 268435456 bytes: too much"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entry entries[9] = {
            {TIFFTAG_IMAGEWIDTH, 32768},
            {TIFFTAG_IMAGELENGTH, 8192},
            {TIFFTAG_BITSPERSAMPLE, 8},
            {TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE},
            {TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK},
        };
        uint8_t bytes[256];
        memcpy(entries + 5, cases[i].more, sizeof cases[i].more);
        const size_t size = make_directory(entries, 9, bytes);
        assert_refused(bytes, size, YT_UNSUPPORTED, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads),
        cmocka_unit_test(a_picture_is_turned_upright),
        cmocka_unit_test(a_cut_or_damaged_file_is_refused),
        cmocka_unit_test(missing_pixels_are_told),
        cmocka_unit_test(more_than_a_picture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
