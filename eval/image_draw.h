#ifndef YT_EVAL_IMAGE_DRAW_H
#define YT_EVAL_IMAGE_DRAW_H

/* Detections drawn into a picture: a frame for each box and a tag with its
 * class and score. Everything is clipped to the picture. */

#include "eval/image.h"
#include "yolotune/runtime.h"

/** Draw the boxes, the last one first, so that the best scores are on top.
 *
 * Lines and letters grow with the picture, a class keeps its colour from one
 * picture to the next, and bytes outside printable ASCII are drawn as '?'.
 *
 * @param boxes   in pixels of the picture, best score first; borrowed.
 * @param classes [class_count] names; a class outside prints as its number.
 */
void yt_picture_draw_boxes(struct yt_picture *picture,
                           const struct yt_box *boxes, size_t box_count,
                           const char *const *classes, int32_t class_count);

/** Write one line of text.
 *
 * @param x      left of the first letter's cell, which is 6 * scale wide.
 * @param y      its top; it is 8 * scale high.
 * @param colour [3] RGB.
 */
void yt_picture_draw_text(struct yt_picture *picture, int32_t x, int32_t y,
                          int32_t scale, const char *text,
                          const uint8_t colour[3]);

#endif
