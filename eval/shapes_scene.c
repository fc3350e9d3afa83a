/* A scene: a textured backdrop, clutter that is no object, objects, and what a
 * camera does to them. Numbers are chosen so that a small network finds most
 * objects and not all. */

#include "eval/shapes_scene.h"

#include <string.h>

#define TURN YT_SHAPES_TURN

/* An object is 6 to 60 hundredths of the picture's side. */
#define OBJECT_MIN 6
#define OBJECT_MAX 60

/* An object has no label with fewer pixels than this, or with a smaller share
 * of its own to be seen. */
#define SEEN_PIXELS_MIN 40
#define SEEN_SHARE_MIN  30 /* hundredths */

#define PLACES_TRIED 12

/* -------------------------------------------------------------- outlines */

/* Where an outline lies: half axes, in units of YT_SHAPES_PIXEL, turned. */
struct frame {
    int32_t x, y;
    int32_t a, b;
    int32_t angle;
};

/* Add the point at (u, v) 1024ths of the half axes. */
static void add_point(struct yt_polygon *polygon, const struct frame *frame,
                      int32_t u, int32_t v)
{
    const int64_t along = (int64_t)u * frame->a / 1024;
    const int64_t across = (int64_t)v * frame->b / 1024;
    const int32_t cosine = yt_shapes_sine(frame->angle + TURN / 4);
    const int32_t sine = yt_shapes_sine(frame->angle);
    const int32_t i = polygon->count++;
    polygon->x[i] =
        frame->x + (int32_t)((along * cosine - across * sine) / 1024);
    polygon->y[i] =
        frame->y + (int32_t)((along * sine + across * cosine) / 1024);
}

/* Add the point in a direction, at a share of the half axes in 1024ths. */
static void add_toward(struct yt_polygon *polygon, const struct frame *frame,
                       int32_t angle, int32_t share)
{
    add_point(polygon, frame, yt_shapes_sine(angle + TURN / 4) * share / 1024,
              yt_shapes_sine(angle) * share / 1024);
}

/* Points of an arc, ends included. */
static void add_arc(struct yt_polygon *polygon, const struct frame *frame,
                    int32_t from, int32_t to, int32_t points, int32_t share)
{
    for (int32_t i = 0; i < points; i++)
        add_toward(polygon, frame, from + (to - from) * i / (points - 1),
                   share);
}

static void add_points(struct yt_polygon *polygon, const struct frame *frame,
                       const int32_t (*points)[2], int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        add_point(polygon, frame, points[i][0], points[i][1]);
}

static void outline_object(struct yt_canvas *canvas, enum yt_shape shape,
                           const struct frame *frame,
                           struct yt_polygon *polygon)
{
    static const int32_t square[][2] = {
        {-900, -900}, {900, -900}, {900, 900}, {-900, 900}};
    polygon->count = 0;
    switch (shape) {
    case YT_SHAPE_CIRCLE:
        add_arc(polygon, frame, 0, TURN - TURN / YT_SHAPES_POINTS_MAX,
                YT_SHAPES_POINTS_MAX, 1024);
        break;
    case YT_SHAPE_SQUARE:
        add_points(polygon, frame, square, 4);
        break;
    case YT_SHAPE_TRIANGLE:
        for (int32_t i = 0; i < 3; i++)
            add_toward(polygon, frame,
                       TURN * i / 3 + yt_canvas_between(canvas, -50, 50), 1150);
        break;
    }
}

/* What is no object: lines, blobs, crosses, rings, half discs, stars. */
enum clutter { LINE, BLOB, CROSS, RING, HALF_DISC, STAR, CLUTTER_COUNT };

static void outline_clutter(struct yt_canvas *canvas, enum clutter kind,
                            const struct frame *frame,
                            struct yt_polygon *polygon)
{
    static const int32_t line[][2] = {
        {-4000, -90}, {4000, -90}, {4000, 90}, {-4000, 90}};
    static const int32_t cross[][2] = {
        {-1024, -300}, {-300, -300}, {-300, -1024}, {300, -1024},
        {300, -300},   {1024, -300}, {1024, 300},   {300, 300},
        {300, 1024},   {-300, 1024}, {-300, 300},   {-1024, 300}};
    polygon->count = 0;
    switch (kind) {
    case LINE:
        add_points(polygon, frame, line, 4);
        break;
    case CROSS:
        add_points(polygon, frame, cross, 12);
        break;
    case RING:
        add_arc(polygon, frame, 0, TURN, 31, 1024);
        add_arc(polygon, frame, TURN, 0, 31, 600);
        break;
    case HALF_DISC:
        add_arc(polygon, frame, 0, TURN / 2, 32, 1024);
        break;
    default: /* BLOB, STAR: 14 corners, at random or in turn far and near */
        for (int32_t i = 0; i < 14; i++) {
            const int32_t share = kind == BLOB
                                      ? yt_canvas_between(canvas, 350, 1024)
                                      : 1024 - i % 2 * 600;
            add_toward(polygon, frame, TURN * i / 14, share);
        }
    }
}

/* -------------------------------------------------------------- colours */

static void random_colour(struct yt_canvas *canvas, uint8_t colour[3])
{
    for (int32_t i = 0; i < 3; i++)
        colour[i] = (uint8_t)yt_canvas_below(canvas, 256);
}

/* Within +-reach of another colour. */
static void near_colour(struct yt_canvas *canvas, const uint8_t from[3],
                        int32_t reach, uint8_t colour[3])
{
    for (int32_t i = 0; i < 3; i++) {
        const int32_t value =
            from[i] + yt_canvas_between(canvas, -reach, reach);
        colour[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static int32_t colour_distance(const uint8_t a[3], const uint8_t b[3])
{
    int32_t sum = 0;
    for (int32_t i = 0; i < 3; i++)
        sum += a[i] < b[i] ? b[i] - a[i] : a[i] - b[i];
    return sum;
}

/* All but the colours. */
static struct yt_texture random_texture(struct yt_canvas *canvas,
                                        int32_t period_min, int32_t period_max)
{
    const int32_t angle = yt_canvas_below(canvas, TURN);
    struct yt_texture texture = {
        .kind = (enum yt_texture_kind)yt_canvas_below(canvas, YT_TEXTURE_COUNT),
        .dx = yt_shapes_sine(angle + TURN / 4),
        .dy = yt_shapes_sine(angle),
        .period = yt_canvas_between(canvas, period_min, period_max),
        .noise = yt_canvas_between(canvas, 0, 256),
        .noise_x = yt_canvas_below(canvas, canvas->picture.width),
        .noise_y = yt_canvas_below(canvas, canvas->picture.height),
    };
    return texture;
}

/* What an object of the given size is filled with: of two colours unlike what
 * lies behind it, or of one that hardly differs. */
static struct yt_texture object_texture(struct yt_canvas *canvas,
                                        const uint8_t behind[3], int32_t size)
{
    struct yt_texture texture = random_texture(canvas, 4 + size / 8, 8 + size);
    const int32_t is_faint = yt_canvas_below(canvas, 4) == 0;
    const int32_t least = is_faint ? 30 : 120;
    const int32_t reach = is_faint ? 45 : 255;
    uint8_t *colour = texture.colours[0];
    do
        near_colour(canvas, behind, reach, colour);
    while (colour_distance(colour, behind) < least);
    near_colour(canvas, colour, is_faint ? 20 : 80, texture.colours[1]);
    texture.noise /= 2;
    return texture;
}

/* ---------------------------------------------------------------- scene */

static int32_t shorter_side(const struct yt_canvas *canvas)
{
    const struct yt_picture *picture = &canvas->picture;
    return picture->width < picture->height ? picture->width : picture->height;
}

/* A place in the picture; sizes are skewed to small by the cube of a random
 * share, and half axes differ by up to a fifth. */
static struct frame random_frame(struct yt_canvas *canvas, int32_t size_min,
                                 int32_t size_max)
{
    const int32_t u = yt_canvas_below(canvas, 1024);
    const int32_t share = ((u * u) >> 10) * u >> 10;
    const int32_t hundredths = size_min * 1024 + (size_max - size_min) * share;
    const int32_t half = (int32_t)((int64_t)shorter_side(canvas) * hundredths *
                                   YT_SHAPES_PIXEL / 100 / 1024 / 2);
    return (struct frame){
        .x = yt_canvas_below(canvas, canvas->picture.width * YT_SHAPES_PIXEL),
        .y = yt_canvas_below(canvas, canvas->picture.height * YT_SHAPES_PIXEL),
        .a = half,
        .b = half * yt_canvas_between(canvas, 820, 1024) / 1024,
        .angle = yt_canvas_below(canvas, TURN),
    };
}

static void draw_backdrop(struct yt_canvas *canvas)
{
    const int32_t right = canvas->picture.width * YT_SHAPES_PIXEL;
    const int32_t bottom = canvas->picture.height * YT_SHAPES_PIXEL;
    const int32_t side = shorter_side(canvas);
    const struct yt_polygon all = {
        4, {0, right, right, 0}, {0, 0, bottom, bottom}};
    yt_canvas_make_noise(canvas, yt_canvas_between(canvas, 3, 7));
    struct yt_texture texture = random_texture(canvas, side / 12 + 2, 2 * side);
    random_colour(canvas, texture.colours[0]);
    near_colour(canvas, texture.colours[0], 140, texture.colours[1]);
    yt_canvas_fill(canvas, &all, &texture, 256, -1);

    texture = random_texture(canvas, side / 4 + 2, 3 * side);
    random_colour(canvas, texture.colours[0]);
    random_colour(canvas, texture.colours[1]);
    yt_canvas_fill(canvas, &all, &texture, yt_canvas_between(canvas, 20, 130),
                   -1);
}

static void draw_clutter(struct yt_canvas *canvas, int32_t count,
                         enum clutter kinds)
{
    for (int32_t i = 0; i < count; i++) {
        const enum clutter kind =
            (enum clutter)yt_canvas_below(canvas, (int32_t)kinds);
        const struct frame frame = random_frame(canvas, 3, 35);
        struct yt_polygon polygon;
        outline_clutter(canvas, kind, &frame, &polygon);
        struct yt_texture texture =
            random_texture(canvas, 4, shorter_side(canvas) / 3 + 4);
        random_colour(canvas, texture.colours[0]);
        random_colour(canvas, texture.colours[1]);
        yt_canvas_fill(canvas, &polygon, &texture,
                       yt_canvas_between(canvas, 90, 256), -1);
    }
}

struct object {
    enum yt_shape shape;
    struct frame frame;
    int64_t area; /* of all of it, pixels */
};

/* No more than a third of a circle around the one may lie in the other's. */
static int is_too_near(const struct frame *one, const struct frame *other)
{
    const int64_t dx = one->x - other->x;
    const int64_t dy = one->y - other->y;
    const int64_t reach = (one->a > other->a ? one->a : other->a) +
                          (one->a < other->a ? one->a : other->a) / 4;
    return dx * dx + dy * dy < reach * reach;
}

static int find_place(struct yt_canvas *canvas, const struct object *objects,
                      int32_t count, struct frame *frame_out)
{
    for (int32_t i = 0; i < PLACES_TRIED; i++) {
        *frame_out = random_frame(canvas, OBJECT_MIN, OBJECT_MAX);
        int32_t free_of = 0;
        while (free_of < count &&
               !is_too_near(frame_out, &objects[free_of].frame))
            free_of++;
        if (free_of == count)
            return 1;
    }
    return 0;
}

static void draw_object(struct yt_canvas *canvas, struct object *object,
                        int32_t owner)
{
    const struct frame *frame = &object->frame;
    const size_t at =
        (size_t)(frame->y / YT_SHAPES_PIXEL) * (size_t)canvas->picture.width +
        (size_t)(frame->x / YT_SHAPES_PIXEL);
    struct yt_polygon polygon;
    object->shape = (enum yt_shape)yt_canvas_below(canvas, YT_SHAPE_COUNT);
    outline_object(canvas, object->shape, frame, &polygon);
    object->area = yt_polygon_area(&polygon);
    const struct yt_texture texture = object_texture(
        canvas, canvas->picture.rgb + 3 * at, 2 * frame->a / YT_SHAPES_PIXEL);
    const int32_t is_clear = yt_canvas_below(canvas, 6) == 0;
    yt_canvas_fill(canvas, &polygon, &texture,
                   is_clear ? yt_canvas_between(canvas, 150, 230) : 256, owner);
}

static int32_t draw_objects(struct yt_canvas *canvas,
                            struct object objects[YT_SHAPES_OBJECTS_MAX])
{
    const int32_t wanted = yt_canvas_below(canvas, YT_SHAPES_OBJECTS_MAX + 1);
    int32_t count = 0;
    while (count < wanted &&
           find_place(canvas, objects, count, &objects[count].frame)) {
        draw_object(canvas, &objects[count], count + 1);
        count++;
    }
    return count;
}

static void find_boxes(const struct yt_canvas *canvas,
                       struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX],
                       int64_t seen[YT_SHAPES_OBJECTS_MAX])
{
    const uint8_t *owner = canvas->owner;
    for (int32_t y = 0; y < canvas->picture.height; y++)
        for (int32_t x = 0; x < canvas->picture.width; x++) {
            const int32_t i = *owner++ - 1;
            if (i < 0)
                continue;
            struct yt_shapes_box *box = &boxes[i];
            if (seen[i]++ == 0)
                *box = (struct yt_shapes_box){box->shape, x, y, x, y};
            box->x0 = x < box->x0 ? x : box->x0;
            box->x1 = x + 1 > box->x1 ? x + 1 : box->x1;
            box->y1 = y + 1;
        }
}

static void photograph(struct yt_canvas *canvas)
{
    const int32_t blurs = yt_canvas_below(canvas, 8) - 5;
    for (int32_t i = 0; i < blurs; i++)
        yt_canvas_blur(canvas);
    if (yt_canvas_below(canvas, 3) == 0)
        yt_canvas_add_grain(canvas, yt_canvas_between(canvas, 5, 40));
}

int32_t yt_shapes_draw(struct yt_canvas *canvas,
                       struct yt_shapes_box boxes[YT_SHAPES_OBJECTS_MAX])
{
    struct object objects[YT_SHAPES_OBJECTS_MAX] = {0};
    int64_t seen[YT_SHAPES_OBJECTS_MAX] = {0};
    draw_backdrop(canvas);
    draw_clutter(canvas, yt_canvas_between(canvas, 1, 9), CLUTTER_COUNT);
    const int32_t count = draw_objects(canvas, objects);
    draw_clutter(canvas, yt_canvas_below(canvas, 3), LINE + 1);
    photograph(canvas);

    for (int32_t i = 0; i < count; i++)
        boxes[i].shape = objects[i].shape;
    find_boxes(canvas, boxes, seen);
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++)
        if (seen[i] >= SEEN_PIXELS_MIN &&
            seen[i] * 100 >= objects[i].area * SEEN_SHARE_MIN)
            boxes[kept++] = boxes[i];
    return kept;
}
