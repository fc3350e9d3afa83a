#ifndef YT_SHAPES_CANVAS_H
#define YT_SHAPES_CANVAS_H

/* What pictures of shapes are drawn on and with: polygons filled with textures.
 * All in integers, so that a seed gives the same picture everywhere. */

#include "base/random.h"
#include "eval/image.h"

/** Units of a coordinate in a pixel. */
#define YT_SHAPES_PIXEL 256

/** Angles in a full turn. */
#define YT_SHAPES_TURN 1024

#define YT_SHAPES_POINTS_MAX 64

struct yt_canvas {
    struct yt_picture picture;
    uint8_t *noise;  /* [height][width] smooth noise of several octaves */
    uint8_t *owner;  /* [height][width] the object seen there; 0: none */
    int32_t *row;    /* [width] how much of each pixel is covered */
    uint64_t random; /* state of yt_random_next() */
};

enum yt_texture_kind {
    YT_TEXTURE_PLAIN,
    YT_TEXTURE_GRADIENT,
    YT_TEXTURE_STRIPES,
    YT_TEXTURE_CHECKS,
    YT_TEXTURE_COUNT
};

/** Two colours, and how much of the second is where. */
struct yt_texture {
    enum yt_texture_kind kind;
    uint8_t colours[2][3];
    int32_t dx, dy; /* direction in which it changes, of length 1024 */
    int32_t period; /* pixels */
    int32_t noise;  /* its share, 0..256 */
    int32_t noise_x, noise_y; /* where in the noise it begins */
};

/** Even-odd; a hole is reached by an edge that is gone back on. */
struct yt_polygon {
    int32_t count;
    int32_t x[YT_SHAPES_POINTS_MAX], y[YT_SHAPES_POINTS_MAX];
};

/** 0..n-1. @pre n > 0 */
int32_t yt_canvas_below(struct yt_canvas *canvas, int32_t n);

/** low..high. */
int32_t yt_canvas_between(struct yt_canvas *canvas, int32_t low, int32_t high);

/** 1024 times the sine of an angle, to 2 parts of it; any angle. */
int32_t yt_shapes_sine(int32_t angle);

/** @param canvas_out all zero or the canvas of another picture, whose memory
 *                    it takes over; the caller's until yt_canvas_deinit().
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_canvas_init(struct yt_canvas *canvas_out, int32_t width,
                              int32_t height, uint64_t seed);

/** All zero is fine. */
void yt_canvas_deinit(struct yt_canvas *canvas);

/** Other noise, whose coarsest cells have 2^coarsest pixels a side and its
 *  finest 4. */
void yt_canvas_make_noise(struct yt_canvas *canvas, int32_t coarsest);

/** Fill a polygon.
 *  @param alpha how much of what was there it hides, 0..256.
 *  @param owner what is written where half of a pixel or more is covered; -1:
 *               nothing. */
void yt_canvas_fill(struct yt_canvas *canvas, const struct yt_polygon *polygon,
                    const struct yt_texture *texture, int32_t alpha,
                    int32_t owner);

/** Each pixel becomes the mean of itself and its neighbours. */
void yt_canvas_blur(struct yt_canvas *canvas);

/** Add up to +-amplitude to each channel of each pixel. */
void yt_canvas_add_grain(struct yt_canvas *canvas, int32_t amplitude);

/** Pixels that a polygon covers, also outside of the picture. */
int64_t yt_polygon_area(const struct yt_polygon *polygon);

#endif
