#ifndef YT_SHAPES_SCENE_H
#define YT_SHAPES_SCENE_H

/* What is on a picture of shapes. */

#include "eval/shapes_canvas.h"

#define YT_SHAPES_OBJECTS_MAX 8

enum yt_shape { YT_SHAPE_CIRCLE, YT_SHAPE_SQUARE, YT_SHAPE_TRIANGLE };
#define YT_SHAPE_COUNT 3

/** An object; columns x0..x1-1 and rows y0..y1-1 are those where it is seen. */
struct yt_shapes_box {
    enum yt_shape shape;
    int32_t x0, y0, x1, y1;
};

/** Draw a scene on a fresh canvas.
 *  @return how many objects there are. */
int32_t yt_shapes_draw(struct yt_canvas *canvas,
                       struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX]);

#endif
