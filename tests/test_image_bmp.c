/* BMP: every depth, header and compression; files are made here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "picture_case.h"

#define COLUMNS 5
#define ROWS    3

struct file {
    uint8_t bytes[4096];
    size_t size;
};

static void put16(struct file *f, uint32_t value)
{
    f->bytes[f->size++] = (uint8_t)value;
    f->bytes[f->size++] = (uint8_t)(value >> 8);
}

static void put32(struct file *f, uint32_t value)
{
    put16(f, value);
    put16(f, value >> 16);
}

static void put(struct file *f, const void *bytes, size_t size)
{
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

/* Colour i of the palettes below. */
static void palette_colour(uint32_t i, uint8_t rgb[3])
{
    picture_colour((int)i, 99, rgb);
}

struct kind {
    uint32_t header, bits, compression;
    int32_t height; /* 0: ROWS, the last one first */
    uint32_t colours;
    const uint32_t *masks;
};

static void begin(const struct kind *kind, struct file *f)
{
    const uint32_t masks = kind->masks ? 12 : 0;
    const uint32_t entry = kind->header == 12 ? 3 : 4;
    f->size = 0;
    put(f, "BM", 2);
    put32(f, 0); /* readers do not rely on the sizes */
    put32(f, 0);
    put32(f, 14 + kind->header + masks + kind->colours * entry);
    put32(f, kind->header);
    if (kind->header == 12) {
        put16(f, COLUMNS);
        put16(f, ROWS);
        put16(f, 1);
        put16(f, kind->bits);
    } else {
        put32(f, COLUMNS);
        put32(f, (uint32_t)(kind->height ? kind->height : ROWS));
        put16(f, 1);
        put16(f, kind->bits);
        put32(f, kind->compression);
        for (int i = 0; i < 3; i++)
            put32(f, 0);
        put32(f, kind->colours);
        for (uint32_t i = 36; i < kind->header; i += 4)
            put32(f, 0);
    }
    for (uint32_t i = 0; i < masks / 4; i++)
        put32(f, kind->masks[i]);
    for (uint32_t i = 0; i < kind->colours; i++) {
        uint8_t rgb[3];
        palette_colour(i, rgb);
        put(f, (const uint8_t[]){rgb[2], rgb[1], rgb[0], 77}, entry);
    }
}

/* A row of bits, high ones of a byte first, padded to four bytes. */
static void put_row(struct file *f, const uint32_t *values, uint32_t bits)
{
    uint8_t row[32] = {0};
    for (uint32_t x = 0; x < COLUMNS; x++)
        for (uint32_t bit = 0; bit < bits && bits < 8; bit++)
            row[(x * bits + bit) / 8] |=
                (uint8_t)((values[x] >> (bits - 1 - bit) & 1)
                          << (7 - (x * bits + bit) % 8));
    for (uint32_t x = 0; x < COLUMNS && bits >= 8; x++)
        for (uint32_t k = 0; k < bits / 8; k++)
            row[x * bits / 8 + k] = (uint8_t)(values[x] >> 8 * k);
    put(f, row, (COLUMNS * bits + 31) / 32 * 4);
}

/* ------------------------------------------------------------- palettes */

static void palettes_are_looked_up(void **state)
{
    (void)state;
    static const struct kind kinds[] = {
        {.header = 40, .bits = 1, .colours = 2},
        {.header = 40, .bits = 4, .colours = 16},
        {.header = 40, .bits = 8, .colours = 256},
        {.header = 12, .bits = 1, .colours = 2},
        {.header = 12, .bits = 4, .colours = 16},
        {.header = 12, .bits = 8, .colours = 256},
        {.header = 40, .bits = 8, .colours = 256, .height = -ROWS},
        {.header = 124, .bits = 4, .colours = 16},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct file f;
        uint8_t want[ROWS * COLUMNS * 3];
        begin(&kinds[i], &f);
        for (int line = 0; line < ROWS; line++) {
            const int y = kinds[i].height < 0 ? line : ROWS - 1 - line;
            uint32_t values[COLUMNS];
            for (int x = 0; x < COLUMNS; x++) {
                uint8_t noise[3];
                picture_colour(x, y, noise);
                values[x] = noise[0] % kinds[i].colours;
                palette_colour(values[x], want + 3 * (y * COLUMNS + x));
            }
            put_row(&f, values, kinds[i].bits);
        }
        assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
    }
}

/* Fewer colours than the bits allow; what has none is black. */
static void a_short_palette_ends_in_black(void **state)
{
    (void)state;
    const struct kind kind = {.header = 40, .bits = 8, .colours = 2};
    struct file f;
    uint8_t want[ROWS * COLUMNS * 3] = {0};
    begin(&kind, &f);
    for (int line = 0; line < ROWS; line++)
        put_row(&f, (const uint32_t[COLUMNS]){0, 1, 2, 255, 1}, 8);
    for (int y = 0; y < ROWS; y++) {
        palette_colour(0, want + 3 * (y * COLUMNS));
        palette_colour(1, want + 3 * (y * COLUMNS + 1));
        palette_colour(1, want + 3 * (y * COLUMNS + 4));
    }
    assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
}

/* --------------------------------------------------------------- fields */

/* Bits from..from + width - 1 hold the sample's high bits. */
static uint32_t to_field(uint8_t sample, uint32_t mask)
{
    const int low = __builtin_ctz(mask);
    const int bits = __builtin_popcount(mask);
    return (uint32_t)(sample >> (8 - bits)) << low;
}

static void fields_become_bytes(void **state)
{
    (void)state;
    static const uint32_t m565[] = {0xf800, 0x07e0, 0x001f};
    static const uint32_t m444[] = {0x000f, 0x00f0, 0x0f00};
    static const uint32_t rgba[] = {0xff, 0xff00, 0xff0000};
    static const uint32_t m555[] = {0x7c00, 0x03e0, 0x001f};
    static const uint32_t bgra[] = {0xff0000, 0xff00, 0xff};
    static const struct {
        struct kind kind;
        const uint32_t *masks; /* in effect */
    } cases[] = {
        {{.header = 40, .bits = 16}, m555},
        {{.header = 40, .bits = 16, .compression = 3, .masks = m565}, m565},
        {{.header = 40, .bits = 16, .compression = 3, .masks = m444}, m444},
        {{.header = 40, .bits = 24}, bgra},
        {{.header = 12, .bits = 24}, bgra},
        {{.header = 40, .bits = 24, .height = -ROWS}, bgra},
        {{.header = 40, .bits = 32}, bgra},
        {{.header = 40, .bits = 32, .compression = 3, .masks = rgba}, rgba},
        {{.header = 40, .bits = 32, .compression = 6, .masks = rgba}, rgba},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct kind *kind = &cases[i].kind;
        struct file f;
        uint8_t want[ROWS * COLUMNS * 3];
        begin(kind, &f);
        fill_picture(want, COLUMNS, ROWS);
        for (int line = 0; line < ROWS; line++) {
            const int y = kind->height < 0 ? line : ROWS - 1 - line;
            uint32_t values[COLUMNS];
            for (int x = 0; x < COLUMNS; x++) {
                values[x] = kind->bits == 32 ? 0x5a000000 : 0; /* alpha */
                for (int k = 0; k < 3; k++) {
                    uint8_t *sample = &want[3 * (y * COLUMNS + x) + k];
                    const uint32_t mask = cases[i].masks[k];
                    const int bits = __builtin_popcount(mask);
                    values[x] |= to_field(*sample, mask);
                    *sample &= (uint8_t)(0xff00 >> bits);
                }
            }
            put_row(&f, values, kind->bits);
        }
        assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
    }
}

/* A header of 56 bytes has the masks inside, where others have them behind. */
static void masks_may_lie_in_the_header(void **state)
{
    (void)state;
    const struct kind kind = {.header = 56, .bits = 32, .compression = 3};
    struct file f;
    uint8_t want[ROWS * COLUMNS * 3];
    begin(&kind, &f);
    memcpy(f.bytes + 54,
           (const uint8_t[]){0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0xff, 0}, 12);
    fill_picture(want, COLUMNS, ROWS);
    for (int y = ROWS - 1; y >= 0; y--) {
        uint32_t values[COLUMNS];
        for (int x = 0; x < COLUMNS; x++) {
            const uint8_t *rgb = want + 3 * (y * COLUMNS + x);
            values[x] = rgb[0] | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2] << 16;
        }
        put_row(&f, values, 32);
    }
    assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
}

/* ----------------------------------------------------------------- runs */

static void runs_are_unrolled(void **state)
{
    (void)state;
    static const struct {
        struct kind kind;
        size_t size;
        uint8_t codes[32];
        uint8_t indices[ROWS][COLUMNS]; /* upright */
    } cases[] = {
        /* a run and pixels as they are, padded; an escape that moves to the
           right and up; rows that end early; the rest has colour 0 */
        {{.header = 40, .bits = 8, .compression = 1, .colours = 256},
         20,
         {2, 7, 0, 3, 8, 9, 10, 99, 0, 0, 1, 4, 0, 2, 2, 1, 2, 200, 0, 1},
         {{0, 0, 0, 200, 200}, {4, 0, 0, 0, 0}, {7, 7, 8, 9, 10}}},
        {{.header = 40, .bits = 4, .compression = 2, .colours = 16},
         16,
         {5, 0x3a, 0, 0, 0, 5, 0x12, 0x34, 0x50, 99, 0, 0, 1, 0xb0, 0, 1},
         {{11, 0, 0, 0, 0}, {1, 2, 3, 4, 5}, {3, 10, 3, 10, 3}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file f;
        uint8_t want[ROWS * COLUMNS * 3];
        begin(&cases[i].kind, &f);
        put(&f, cases[i].codes, cases[i].size);
        for (int k = 0; k < ROWS * COLUMNS; k++)
            palette_colour(cases[i].indices[k / COLUMNS][k % COLUMNS],
                           want + 3 * k);
        assert_pixels(f.bytes, f.size, COLUMNS, ROWS, want);
        assert_cuts_refused(f.bytes, f.size);
        assert_damage_survived(f.bytes, f.size);
    }
}

static void runs_stay_inside(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint8_t codes[16];
    } cases[] = {
        {4, {6, 1, 0, 1}},                    /* a run past the row */
        {10, {0, 6, 1, 1, 1, 1, 1, 1, 0, 1}}, /* pixels past the row */
        {6, {0, 2, 6, 0, 0, 1}},              /* a move past the row */
        {6, {0, 2, 0, 4, 0, 1}},              /* a move past the rows */
        {10, {0, 0, 0, 0, 0, 0, 1, 1, 0, 1}}, /* a run past the rows */
    };
    const struct kind kind = {
        .header = 40, .bits = 8, .compression = 1, .colours = 256};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file f;
        begin(&kind, &f);
        put(&f, cases[i].codes, cases[i].size);
        assert_refused(f.bytes, f.size, YT_BAD_INPUT,
                       "BMP: pixels outside of the picture");
    }
}

/* -------------------------------------------------------------- hostile */

static void other_kinds_are_named(void **state)
{
    (void)state;
    static const struct {
        struct kind kind;
        enum yt_status status;
        const char *words;
    } cases[] = {
        {{.header = 40, .bits = 2}, YT_UNSUPPORTED, "BMP: 2 bits a pixel"},
        {{.header = 40, .bits = 24, .compression = 4},
         YT_UNSUPPORTED,
         "compression 4 of 24 bits"},
        {{.header = 40, .bits = 4, .compression = 1},
         YT_UNSUPPORTED,
         "compression 1 of 4 bits"},
        {{.header = 20, .bits = 24}, YT_BAD_INPUT, "a header of 20 bytes"},
        {{.header = 40, .bits = 24, .height = INT32_MIN},
         YT_UNSUPPORTED,
         "5x2147483648 pixels"},
        {{.header = 40, .bits = 24}, YT_BAD_INPUT, "truncated"},
        {{.header = 40, .bits = 8, .compression = 1, .height = 30000},
         YT_BAD_INPUT,
         "5x30000 pixels in 66 bytes: the file is truncated"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file f;
        begin(&cases[i].kind, &f);
        put(&f, "............", 12);
        assert_refused(f.bytes, f.size, cases[i].status, cases[i].words);
    }
}

static void a_cut_or_damaged_file_is_refused(void **state)
{
    (void)state;
    const struct kind kind = {.header = 40, .bits = 24};
    struct file f;
    begin(&kind, &f);
    for (int y = 0; y < ROWS; y++)
        put_row(&f, (const uint32_t[COLUMNS]){1, 2, 3, 4, 5}, 24);
    /* The last row's padding is none of the picture. */
    assert_cuts_refused(f.bytes, f.size - 1);
    assert_damage_survived(f.bytes, f.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(palettes_are_looked_up),
        cmocka_unit_test(a_short_palette_ends_in_black),
        cmocka_unit_test(fields_become_bytes),
        cmocka_unit_test(masks_may_lie_in_the_header),
        cmocka_unit_test(runs_are_unrolled),
        cmocka_unit_test(runs_stay_inside),
        cmocka_unit_test(other_kinds_are_named),
        cmocka_unit_test(a_cut_or_damaged_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
