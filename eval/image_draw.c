/* Boxes and letters as filled rectangles: no font files, no anti-aliasing,
 * nothing to install. */

#include "eval/image_draw.h"

#include <stdio.h>
#include <string.h>

#define GLYPH_COLUMNS 5
#define GLYPH_ROWS    8
#define CELL_COLUMNS  6
#define FIRST_GLYPH   ' '

static const uint8_t glyphs[][GLYPH_ROWS] = {
#include "eval/font5x8.inc"
};

#define GLYPH_COUNT (sizeof glyphs / sizeof glyphs[0])
_Static_assert(GLYPH_COUNT == '~' - FIRST_GLYPH + 1, "printable ASCII");

/* A rectangle of pixels [x0, x1) x [y0, y1), clipped. */
static void fill(struct yt_picture *picture, int64_t x0, int64_t y0, int64_t x1,
                 int64_t y1, const uint8_t colour[3])
{
    x0 = x0 < 0 ? 0 : x0;
    y0 = y0 < 0 ? 0 : y0;
    x1 = x1 > picture->width ? picture->width : x1;
    y1 = y1 > picture->height ? picture->height : y1;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            memcpy(picture->rgb + 3 * (y * picture->width + x), colour, 3);
}

void yt_picture_draw_text(struct yt_picture *picture, int32_t x, int32_t y,
                          int32_t scale, const char *text,
                          const uint8_t colour[3])
{
    for (; *text; text++, x += CELL_COLUMNS * scale) {
        /* A UTF-8 letter is drawn once, by its first byte. */
        if (((unsigned char)*text & 0xc0) == 0x80) {
            x -= CELL_COLUMNS * scale;
            continue;
        }
        const size_t index = (size_t)((unsigned char)*text - FIRST_GLYPH);
        const uint8_t *rows =
            glyphs[index < GLYPH_COUNT ? index : '?' - FIRST_GLYPH];
        for (int32_t r = 0; r < GLYPH_ROWS; r++)
            for (int32_t c = 0; c < GLYPH_COLUMNS; c++)
                if (rows[r] >> (GLYPH_COLUMNS - 1 - c) & 1) {
                    const int64_t left = (int64_t)x + (int64_t)c * scale;
                    const int64_t top = (int64_t)y + (int64_t)r * scale;
                    fill(picture, left, top, left + scale, top + scale, colour);
                }
    }
}

static int32_t text_cells(const char *text)
{
    int32_t cells = 0;
    for (; *text; text++)
        cells += ((unsigned char)*text & 0xc0) != 0x80;
    return cells;
}

/* Hues a golden ratio apart, so that neighbouring classes differ most. */
static void class_colour(int32_t class_id, uint8_t colour[3])
{
    const uint32_t hue = ((uint32_t)class_id * 2654435769u) >> 21; /* 0..2047 */
    const uint32_t sixth = hue * 6 / 2048;
    const uint8_t rise = (uint8_t)(55 + 200 * (hue * 6 % 2048) / 2048);
    const uint8_t fall = (uint8_t)(310 - rise);
    const uint8_t table[6][3] = {{255, rise, 55}, {fall, 255, 55},
                                 {55, 255, rise}, {55, fall, 255},
                                 {rise, 55, 255}, {255, 55, fall}};
    memcpy(colour, table[sixth], 3);
}

/* A coordinate to a pixel; the picture's limits keep the rest in range. */
static int64_t to_pixel(float v)
{
    if (!(v > -1e6f)) /* also not a number */
        return -1000000;
    return v < 1e6f ? (int64_t)(v + 0.5f) : 1000000;
}

static void draw_box(struct yt_picture *picture, const struct yt_box *box,
                     const char *label, int32_t scale)
{
    uint8_t colour[3];
    class_colour(box->class_id, colour);
    const int64_t x0 = to_pixel(box->x0);
    const int64_t y0 = to_pixel(box->y0);
    const int64_t x1 = to_pixel(box->x1);
    const int64_t y1 = to_pixel(box->y1);
    const int64_t line = 2 * (int64_t)scale;
    fill(picture, x0, y0, x1, y0 + line, colour);
    fill(picture, x0, y1 - line, x1, y1, colour);
    fill(picture, x0, y0, x0 + line, y1, colour);
    fill(picture, x1 - line, y0, x1, y1, colour);

    /* The tag sits on the box, or inside it where the picture ends. */
    const int32_t width = (text_cells(label) * CELL_COLUMNS + 3) * scale;
    const int32_t height = (GLYPH_ROWS + 3) * scale;
    int64_t top = y0 - height < 0 ? y0 : y0 - height;
    int64_t left = x0 + width > picture->width ? picture->width - width : x0;
    top = top < 0 ? 0 : top;
    left = left < 0 ? 0 : left;
    fill(picture, left, top, left + width, top + height, colour);
    const int luma = 2 * colour[0] + 7 * colour[1] + colour[2];
    const uint8_t ink = luma > 1200 ? 0 : 255;
    yt_picture_draw_text(picture, (int32_t)left + 2 * scale,
                         (int32_t)top + 2 * scale, scale, label,
                         (const uint8_t[3]){ink, ink, ink});
}

void yt_picture_draw_boxes(struct yt_picture *picture,
                           const struct yt_box *boxes, size_t box_count,
                           const char *const *classes, int32_t class_count)
{
    const int32_t longer =
        picture->width > picture->height ? picture->width : picture->height;
    const int32_t scale = longer < 500 ? 1 : (longer + 250) / 500;
    for (size_t i = box_count; i-- > 0;) {
        const int32_t id = boxes[i].class_id;
        char label[96];
        if (id >= 0 && id < class_count)
            snprintf(label, sizeof label, "%.80s %.2f", classes[id],
                     (double)boxes[i].score);
        else
            snprintf(label, sizeof label, "class %d %.2f", id,
                     (double)boxes[i].score);
        draw_box(picture, &boxes[i], label, scale);
    }
}
