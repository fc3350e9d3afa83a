#ifndef YT_LETTERBOX_H
#define YT_LETTERBOX_H

/* An image of any size to the network's input. As YOLOv5's letterbox() does
 * it: scaled by r = min(h / image h, w / image w) with OpenCV's INTER_LINEAR,
 * bit for bit, centred, and surrounded by grey 114. Or stretched to fill the
 * input, or with INTER_NEAREST, or mirrored: all of it is in the tables, and
 * the kernels are the same.
 *
 *      out [h][w][3] of any type, red first, values 0..255
 *
 *      +----------------------+ 0
 *      |         114          |
 *      +----------------------+ top
 *      |  content_w x content_h  resized image
 *      +----------------------+ top + content_h
 *      |         114          |
 *      +----------------------+ h
 *
 * in the middle of [h + 2 pad][w + 2 pad][3], which has zeros all around.
 *
 * The setup turns sizes, weights and pixel format into tables, once a frame;
 * the kernel moves and multiplies, row by row: a task is an output row. */

#include <stdint.h>

#include "runtime/problem.h"
#include "yolotune/runtime.h"
#include "yolotune/status.h"

#define YT_LETTERBOX_GREY 114
#define YT_LETTERBOX_ONE  2048 /* a weight of 1, 11 bits of fraction */

/** Two taps of one output column: pixels at offset and offset + right_step. */
struct yt_letterbox_column {
    int32_t offset;      /* bytes from the row's start to the left pixel */
    int16_t left, right; /* weights, 0..YT_LETTERBOX_ONE */
};

/** Two taps of one output row. */
struct yt_letterbox_row {
    int64_t upper, lower; /* bytes from pixels to the start of each row */
    int32_t upper_weight, lower_weight; /* 0..YT_LETTERBOX_ONE */
};

/** How a kernel with byte shuffles reads the four values of a group, 4g to
 *  4g + 3 of a row of content; they belong to two pixels, 4g / 3 and the next.
 *  The shuffle brings the bytes of both taps of each value into 16-bit pairs,
 *  to be multiplied with the group's weights. A tap of no weight is a zero. */
enum yt_letterbox_reading {
    YT_LETTERBOX_PLAIN,  /* no groups: rows too short to be read so wide */
    YT_LETTERBOX_HALVES, /* 8 bytes for each pixel, at both offsets */
    YT_LETTERBOX_JOINED, /* 16 bytes at the first offset hold all taps */
    YT_LETTERBOX_COPY    /* the same, and each value is a tap of weight 1, in
                            the low half of its pair */
};

/** Tables of groups, filled up to a multiple of four groups with such that
 *  read inside the row and give zeros. */
struct yt_letterbox_groups {
    const uint8_t (*shuffles)[16]; /* pshufb controls */
    const int16_t (*weights)[8];   /* four pairs */
    const int32_t (*offsets)[2];   /* bytes from the row's start */
    enum yt_letterbox_reading reading;
};

/** What the kernel gets. One value of one channel is, in 32-bit integers,
 *
 *      a = p[upper + offset] * left + p[upper + offset + right_step] * right
 *      b = p[lower + offset] * left + p[lower + offset + right_step] * right
 *      ((upper_weight * (a >> 4) >> 16) + (lower_weight * (b >> 4) >> 16) + 2)
 *          >> 2
 *
 * and is in 0..255. The order of the roundings is OpenCV's. */
struct yt_letterbox_args {
    const uint8_t *pixels;
    void *out; /* [h + 2 pad][w + 2 pad][3] of dtype */
    const struct yt_letterbox_column *columns; /* [content_w] */
    const struct yt_letterbox_row *rows;       /* [content_h] */
    int32_t h, w;
    int32_t top, left;            /* of the content, in output pixels */
    int32_t content_h, content_w; /* >= 1 */
    int32_t right_step; /* bytes between the two taps; 0: one column wide */
    int32_t wide_begin, wide_end; /* columns where 8 bytes may be read at
                                     offset: both taps of any format */
    enum yt_dtype dtype;
    int32_t pad;
    uint8_t channel[4]; /* byte of red, green, blue in a pixel */
    struct yt_letterbox_groups groups;
};

/** The network's input and how an image is brought into it. */
struct yt_framing {
    int32_t h, w;
    enum yt_fit fit;
    enum yt_filter filter;
    int32_t mirror; /* 1: what 0 gives, left and right exchanged */
};

/** Where the image went, and how to come back. */
struct yt_letterbox_map {
    double gain_x, gain_y; /* output pixels per image pixel */
    double pad_x, pad_y;   /* unrounded, as scale_boxes() subtracts them */
    int32_t top, left, content_h, content_w;
    int32_t image_w, image_h;
    int32_t w, mirror; /* the framing's; gains and pads are unmirrored */
};

/** YT_OK or YT_BAD_ARGUMENT: the rules at struct yt_image. */
enum yt_status yt_image_check(const struct yt_image *image);

/** Bytes of one pixel of a valid format. */
int32_t yt_image_pixel_bytes(enum yt_pixel_format format);

/** Geometry of an image_w x image_h image in its framing. */
void yt_letterbox_map(const struct yt_framing *framing, int32_t image_h,
                      int32_t image_w, struct yt_letterbox_map *map_out);

/** Bytes of tables yt_letterbox_setup() needs for an h x w network. */
int64_t yt_letterbox_table_bytes(int32_t h, int32_t w);

/** Fill the tables and the kernel's arguments for one frame.
 *
 * @param image   checked by yt_image_check(); borrowed while the kernel runs.
 * @param problem LETTERBOX to the framing's size: the output's type and border.
 * @param tables  yt_letterbox_table_bytes() of the framing's h and w, aligned
 *                to 8 bytes; to YT_ALIGN, kernels with byte shuffles are
 *                faster.
 * @param out     [h + 2 pad][w + 2 pad][3], aligned to its elements.
 */
void yt_letterbox_setup(const struct yt_image *image,
                        const struct yt_framing *framing,
                        const struct yt_problem *problem, void *tables,
                        void *out, struct yt_letterbox_args *args_out);

/** The kernel in C, schedule "c": tasks are the output rows, h of them. In
 *  runtime/letterbox_kernel.c. */
void yt_letterbox_c(const void *args, int64_t begin, int64_t end);

/** Map a box back to the image and clip it, in place: x0, y0, x1, y1. */
void yt_letterbox_unmap(const struct yt_letterbox_map *map, struct yt_box *box);

struct yt_candidates;

/** Move boxes from where map @p from puts a part of the image to where map
 *  @p to puts it, in place, unclipped: 1 to 1 when the two are equal, and
 *  x -> w - x when they differ by the mirror alone. Both are of one image;
 *  @p to has no mirror. */
void yt_letterbox_move(const struct yt_letterbox_map *from,
                       const struct yt_letterbox_map *to,
                       const struct yt_candidates *boxes, int32_t count);

#endif
