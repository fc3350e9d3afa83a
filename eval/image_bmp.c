/* BMP by hand: headers from OS/2's first to Windows' fifth, palettes, bit
 * fields and run lengths, as Microsoft's "Bitmap storage" pages describe them.
 * Samples become 8 bits as OpenCV's imread() has it: of shorter ones the low
 * bits are zeros, alpha is dropped, what run lengths skip has colour 0. */

#include "eval/image_formats.h"

#include <string.h>

#include "eval/bytes.h"
#include "runtime/fail.h"

#define FILE_HEADER_BYTES 14
#define CORE_HEADER_BYTES 12 /* BITMAPCOREHEADER */
#define INFO_HEADER_BYTES 40 /* BITMAPINFOHEADER; later ones begin the same */
#define MASKS_AT          54 /* inside longer headers, behind this one */
#define MASKS_BYTES       12

/* Two bytes stand for 255 pixels at most; what is skipped costs none, but a
 * picture that is skipped nearly whole is more likely cut off. */
#define RUN_PIXELS_PER_BYTE_MAX 128

enum { PLAIN = 0, RUNS_OF_8 = 1, RUNS_OF_4 = 2, FIELDS = 3, ALPHA_FIELDS = 6 };

struct bmp {
    const uint8_t *bytes;
    size_t size;
    uint32_t header_bytes;
    int64_t width, height;
    int top_down; /* else the last row comes first */
    uint32_t bits, compression;
    uint32_t masks[3];       /* red, green, blue of 16 and 32 bits */
    uint8_t palette[256][3]; /* RGB; black past the file's colours */
    const uint8_t *pixels, *end;
    struct yt_picture *picture;
};

/* ---------------------------------------------------------------- rows */

static void put_colour(const struct bmp *b, uint32_t index, uint8_t *rgb)
{
    memcpy(rgb, b->palette[index], 3);
}

/* 1, 4 or 8 bits a pixel, the high ones of a byte first. */
static void read_indexed(const struct bmp *b, const uint8_t *row, uint8_t *rgb)
{
    const uint32_t bits = b->bits;
    for (int64_t x = 0; x < b->width; x++) {
        const uint64_t bit = (uint64_t)x * bits;
        const uint32_t shift = 8 - bits - (uint32_t)(bit % 8);
        put_colour(b, row[bit / 8] >> shift & ((1u << bits) - 1), rgb + 3 * x);
    }
}

static void read_bgr(const struct bmp *b, const uint8_t *row, uint8_t *rgb)
{
    for (int64_t x = 0; x < b->width; x++)
        for (int k = 0; k < 3; k++)
            rgb[3 * x + k] = row[3 * x + 2 - k];
}

/* The bits of a mask, brought to the top of 8. */
static uint8_t field(uint32_t value, uint32_t mask)
{
    if (mask == 0)
        return 0;
    const int low = __builtin_ctz(mask);
    const int bits = 32 - __builtin_clz(mask) - low;
    const uint32_t sample = (value & mask) >> low;
    return (uint8_t)(bits > 8 ? sample >> (bits - 8) : sample << (8 - bits));
}

static void read_fields(const struct bmp *b, const uint8_t *row, uint8_t *rgb)
{
    for (int64_t x = 0; x < b->width; x++) {
        const uint32_t value = b->bits == 16 ? yt_bytes_u16(row + 2 * x, 0)
                                             : yt_bytes_u32(row + 4 * x, 0);
        for (int k = 0; k < 3; k++)
            rgb[3 * x + k] = field(value, b->masks[k]);
    }
}

/* What a number of bits a pixel means. */
static const struct layout {
    uint32_t bits;
    void (*read)(const struct bmp *, const uint8_t *, uint8_t *);
    uint32_t masks[3]; /* where the file has none */
} layouts[] = {
    {1, read_indexed, {0}}, {4, read_indexed, {0}},
    {8, read_indexed, {0}}, {16, read_fields, {0x7c00, 0x03e0, 0x001f}},
    {24, read_bgr, {0}},    {32, read_fields, {0xff0000, 0x00ff00, 0x0000ff}},
};

static const struct layout *find_layout(uint32_t bits)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (layouts[i].bits == bits)
            return &layouts[i];
    return NULL;
}

static uint8_t *row_at(const struct bmp *b, int64_t y)
{
    const int64_t row = b->top_down ? y : b->height - 1 - y;
    return b->picture->rgb + 3 * row * b->width;
}

/* Rows are padded to four bytes; the last one's padding may be missing. */
static enum yt_status read_plain(struct bmp *b)
{
    const struct layout *layout = find_layout(b->bits);
    const int64_t bits = b->width * (int64_t)b->bits;
    const int64_t row_bytes = (bits + 31) / 32 * 4;
    const int64_t need = row_bytes * (b->height - 1) + (bits + 7) / 8;
    YT_FAIL_IF(b->end - b->pixels < need, YT_BAD_INPUT,
               "the file is truncated");
    YT_TRY(yt_picture_init((int32_t)b->width, (int32_t)b->height, b->picture));
    for (int64_t y = 0; y < b->height; y++)
        layout->read(b, b->pixels + y * row_bytes, row_at(b, y));
    return YT_OK;
}

/* --------------------------------------------------------- run lengths */

/* Where the next pixel goes. */
struct pen {
    int64_t x, y;
};

static enum yt_status put_pixels(struct bmp *b, struct pen *pen,
                                 const uint8_t *codes, int repeats,
                                 uint32_t count)
{
    YT_FAIL_IF(pen->y >= b->height || count > b->width - pen->x, YT_BAD_INPUT,
               "pixels outside of the picture");
    uint8_t *rgb = row_at(b, pen->y) + 3 * pen->x;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index;
        if (b->bits == 8)
            index = codes[repeats ? 0 : i];
        else
            index = codes[repeats ? 0 : i / 2] >> (i % 2 ? 0 : 4) & 15;
        put_colour(b, index, rgb + 3 * i);
    }
    pen->x += count;
    return YT_OK;
}

/* A zero and what follows: 0 ends a row, 1 the picture, 2 moves the pen, more
 * is a number of pixels that follow as they are, padded to two bytes. */
static enum yt_status read_escape(struct bmp *b, struct pen *pen, int *ends_out)
{
    const uint8_t code = b->pixels[1];
    b->pixels += 2;
    *ends_out = code == 1;
    if (code == 1)
        return YT_OK;
    if (code == 0) {
        *pen = (struct pen){0, pen->y + 1};
        return YT_OK;
    }
    const int64_t codes = code == 2 ? 2 : (code * (int64_t)b->bits + 7) / 8;
    YT_FAIL_IF(b->end - b->pixels < codes, YT_BAD_INPUT,
               "the file is truncated");
    if (code == 2) {
        pen->x += b->pixels[0];
        pen->y += b->pixels[1];
        YT_FAIL_IF(pen->x > b->width || pen->y > b->height, YT_BAD_INPUT,
                   "pixels outside of the picture");
    } else {
        YT_TRY(put_pixels(b, pen, b->pixels, 0, code));
    }
    const int64_t padded = codes + codes % 2;
    b->pixels += padded < b->end - b->pixels ? padded : b->end - b->pixels;
    return YT_OK;
}

static enum yt_status read_runs(struct bmp *b)
{
    struct pen pen = {0, 0};
    YT_FAIL_IF(
        (size_t)(b->width * b->height) / RUN_PIXELS_PER_BYTE_MAX > b->size,
        YT_BAD_INPUT, "%lldx%lld pixels in %zu bytes: the file is truncated",
        (long long)b->width, (long long)b->height, b->size);
    YT_TRY(yt_picture_init((int32_t)b->width, (int32_t)b->height, b->picture));
    for (int64_t i = 0; i < b->width * b->height; i++)
        put_colour(b, 0, b->picture->rgb + 3 * i);
    for (int ends = 0; !ends;) {
        YT_FAIL_IF(b->end - b->pixels < 2, YT_BAD_INPUT,
                   "the file is truncated");
        if (b->pixels[0] == 0) {
            YT_TRY(read_escape(b, &pen, &ends));
            continue;
        }
        YT_TRY(put_pixels(b, &pen, b->pixels + 1, 1, b->pixels[0]));
        b->pixels += 2;
    }
    return YT_OK;
}

/* -------------------------------------------------------------- header */

static enum yt_status read_sizes(struct bmp *b)
{
    YT_FAIL_IF(b->size < FILE_HEADER_BYTES + CORE_HEADER_BYTES, YT_BAD_INPUT,
               "the file is truncated");
    const uint8_t *header = b->bytes + FILE_HEADER_BYTES;
    b->header_bytes = yt_bytes_u32(header, 0);
    const int is_core = b->header_bytes == CORE_HEADER_BYTES;
    YT_FAIL_IF(!is_core && b->header_bytes < INFO_HEADER_BYTES, YT_BAD_INPUT,
               "a header of %u bytes", b->header_bytes);
    YT_FAIL_IF(b->header_bytes > b->size - FILE_HEADER_BYTES, YT_BAD_INPUT,
               "the file is truncated");
    if (is_core) {
        b->width = yt_bytes_u16(header + 4, 0);
        b->height = yt_bytes_u16(header + 6, 0);
        b->bits = yt_bytes_u16(header + 10, 0);
    } else {
        b->width = (int32_t)yt_bytes_u32(header + 4, 0);
        b->height = (int32_t)yt_bytes_u32(header + 8, 0);
        b->bits = yt_bytes_u16(header + 14, 0);
        b->compression = yt_bytes_u32(header + 16, 0);
    }
    b->top_down = b->height < 0;
    b->height = b->top_down ? -b->height : b->height;
    return yt_picture_check_size(b->width, b->height);
}

static enum yt_status check_kind(const struct bmp *b)
{
    const uint32_t c = b->compression;
    YT_FAIL_IF(!find_layout(b->bits), YT_UNSUPPORTED, "%u bits a pixel",
               b->bits);
    const int fits = c == PLAIN || (c == RUNS_OF_8 && b->bits == 8) ||
                     (c == RUNS_OF_4 && b->bits == 4) ||
                     ((c == FIELDS || c == ALPHA_FIELDS) &&
                      (b->bits == 16 || b->bits == 32));
    YT_FAIL_IF(!fits, YT_UNSUPPORTED, "compression %u of %u bits a pixel", c,
               b->bits);
    return YT_OK;
}

static enum yt_status read_masks(struct bmp *b)
{
    memcpy(b->masks, find_layout(b->bits)->masks, sizeof b->masks);
    if (b->compression != FIELDS && b->compression != ALPHA_FIELDS)
        return YT_OK;
    YT_FAIL_IF(b->size < MASKS_AT + MASKS_BYTES, YT_BAD_INPUT,
               "the file is truncated");
    for (int k = 0; k < 3; k++)
        b->masks[k] = yt_bytes_u32(b->bytes + MASKS_AT + 4 * k, 0);
    return YT_OK;
}

/* Blue, green, red, and but for the oldest header a byte more. */
static void read_palette(struct bmp *b)
{
    if (b->bits > 8)
        return;
    const int is_core = b->header_bytes == CORE_HEADER_BYTES;
    const size_t entry = is_core ? 3 : 4;
    const size_t all = (size_t)1 << b->bits;
    const uint8_t *at = b->bytes + FILE_HEADER_BYTES + b->header_bytes;
    size_t count =
        is_core ? all : yt_bytes_u32(b->bytes + FILE_HEADER_BYTES + 32, 0);
    if (count == 0 || count > all)
        count = all;
    const size_t left = b->size - FILE_HEADER_BYTES - b->header_bytes;
    for (size_t i = 0; i < count && (i + 1) * entry <= left; i++)
        for (int k = 0; k < 3; k++)
            b->palette[i][k] = at[i * entry + 2 - (size_t)k];
}

enum yt_status yt_bmp_decode(const uint8_t *bytes, size_t size,
                             struct yt_picture *picture_out)
{
    struct bmp b = {.bytes = bytes, .size = size, .picture = picture_out};
    YT_TRY(read_sizes(&b));
    YT_TRY(check_kind(&b));
    YT_TRY(read_masks(&b));
    read_palette(&b);
    const size_t offset = yt_bytes_u32(bytes + 10, 0);
    YT_FAIL_IF(offset > size, YT_BAD_INPUT, "the file is truncated");
    b.pixels = bytes + offset;
    b.end = bytes + size;
    return b.compression == RUNS_OF_8 || b.compression == RUNS_OF_4
               ? read_runs(&b)
               : read_plain(&b);
}
