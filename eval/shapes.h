#ifndef YT_SHAPES_H
#define YT_SHAPES_H

/* Pictures of shapes on textures with the boxes of what is on them, made from a
 * seed: a data set of three classes (circle, square, triangle) that anybody can
 * make again, to train and to measure on. */

#include <stdint.h>

#include "yolotune/status.h"

struct yt_shapes_options {
    int32_t train, val, test; /* pictures of each split */
    int32_t h, w;             /* pixels; 0: 320 */
    uint64_t seed;
};

/** Write FOLDER/shapes.yaml, images/SPLIT/N.jpg and labels/SPLIT/N.txt.
 *  @return YT_OK; YT_IO; YT_NO_MEMORY. */
enum yt_status yt_shapes_write(const char *folder,
                               const struct yt_shapes_options *options);

#endif
