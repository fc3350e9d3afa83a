#ifndef YT_LABELS_H
#define YT_LABELS_H

/* Boxes as the label files that YOLOv5's detect.py writes with --save-txt. */

#include <stddef.h>
#include <stdint.h>

#include "yolotune/runtime.h"

/** Write "class x y w h" a line, centre and size in shares of the picture, six
 *  digits, the worst box first, as YOLOv5 does. Without boxes there is no file,
 *  and one that is there is removed.
 *
 * @param path    of the file.
 * @param boxes   [count], best score first; in pixels.
 * @param count   how many.
 * @param width   of the picture, pixels.
 * @param height  of the picture, pixels.
 * @param scores  1: each line ends in the box's score.
 * @return YT_OK; YT_IO.
 */
enum yt_status yt_labels_save(const char *path, const struct yt_box *boxes,
                              size_t count, int32_t width, int32_t height,
                              int scores);

#endif
