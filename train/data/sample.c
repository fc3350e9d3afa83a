/* See train/data/sample.h. The order of what is done, and what is drawn how, is
 * that of YOLOv5's utils/dataloaders.py and utils/augmentations.py: pictures
 * are put on a canvas (the letterbox, or four of them around a point of a
 * canvas of twice the size), the canvas is moved and scaled into the input,
 * then colours change and sides are exchanged. */

#include "train/data/sample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runtime/fail.h"
#include "runtime/letterbox.h"
#include "train/data/pixels.h"

/* What is left of an object has to be this large, pixels, this large a share
 * of what it was, and not longer than this for its width. */
#define SIDE_MIN  2
#define AREA_MIN  0.1
#define RATIO_MAX 100

/* A picture would be gone below this. */
#define SCALE_MIN 0.01

/** An object on the canvas, pixels. */
struct box {
    int32_t class_id;
    double x0, y0, x1, y1;
};

struct yt_sampler {
    struct yt_source *source;
    const struct yt_augmentation *augmentation;
    int32_t h, w;
    uint8_t *canvas; /* a grey pixel around at most twice the input's sides */
    uint8_t *warped; /* [h][w][3] */
    struct box *boxes;
    int32_t box_count, box_cap;
    uint64_t random;
};

uint64_t yt_sample_seed(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t state = seed;
    state = yt_random_next(&state) + a;
    state = yt_random_next(&state) + b;
    return yt_random_next(&state);
}

int32_t yt_sample_below(uint64_t *random, int32_t n)
{
    const uint64_t high = yt_random_next(random) >> 32;
    return (int32_t)(high * (uint64_t)n >> 32);
}

enum yt_status yt_target_list_add(struct yt_target_list *list,
                                  const struct yt_label *target)
{
    if (list->count == list->cap) {
        const int32_t more = list->cap == 0 ? 16 : list->cap * 2;
        struct yt_label *bigger =
            realloc(list->items, (size_t)more * sizeof *bigger);
        YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory for %d objects",
                   more);
        list->items = bigger;
        list->cap = more;
    }
    list->items[list->count++] = *target;
    return YT_OK;
}

void yt_target_list_deinit(struct yt_target_list *list)
{
    free(list->items);
    memset(list, 0, sizeof *list);
}

enum yt_status yt_sampler_open(struct yt_source *source,
                               const struct yt_augmentation *augmentation,
                               int32_t h, int32_t w,
                               struct yt_sampler **sampler_out)
{
    assert(augmentation->scale < 1);
    struct yt_sampler *sampler = calloc(1, sizeof *sampler);
    YT_FAIL_IF(sampler == NULL, YT_NO_MEMORY, "no memory for pictures");
    *sampler = (struct yt_sampler){
        .source = source, .augmentation = augmentation, .h = h, .w = w};
    sampler->canvas = malloc(3 * (2 * (size_t)h + 2) * (2 * (size_t)w + 2));
    sampler->warped = malloc(3 * (size_t)h * (size_t)w);
    if (sampler->canvas == NULL || sampler->warped == NULL) {
        yt_sampler_close(sampler);
        return yt_fail(YT_NO_MEMORY, "no memory for pictures of %dx%d", w, h);
    }
    *sampler_out = sampler;
    return YT_OK;
}

void yt_sampler_close(struct yt_sampler *sampler)
{
    if (sampler == NULL)
        return;
    free(sampler->canvas);
    free(sampler->warped);
    free(sampler->boxes);
    free(sampler);
}

/* --------------------------------------------------------------- chance */

/* 0 to below 1. */
static double random_share(struct yt_sampler *sampler)
{
    return (double)(yt_random_next(&sampler->random) >> 11) * 0x1p-53;
}

static double random_between(struct yt_sampler *sampler, double low,
                             double high)
{
    return low + (high - low) * random_share(sampler);
}

static int32_t happens(struct yt_sampler *sampler, double probability)
{
    return random_share(sampler) < probability;
}

/* --------------------------------------------------------------- canvas */

/* A grey canvas with a border, in which it begins. */
static struct yt_pixels make_canvas(struct yt_sampler *sampler, int32_t h,
                                    int32_t w)
{
    const int64_t stride = 3 * ((int64_t)w + 2);
    memset(sampler->canvas, YT_LETTERBOX_GREY, (size_t)(stride * (h + 2)));
    sampler->box_count = 0;
    return (struct yt_pixels){sampler->canvas + stride + 3, h, w, stride};
}

static enum yt_status add_box(struct yt_sampler *sampler, const struct box *box)
{
    if (sampler->box_count == sampler->box_cap) {
        const int32_t more = sampler->box_cap == 0 ? 64 : sampler->box_cap * 2;
        struct box *bigger =
            realloc(sampler->boxes, (size_t)more * sizeof *bigger);
        YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "no memory for %d objects",
                   more);
        sampler->boxes = bigger;
        sampler->box_cap = more;
    }
    sampler->boxes[sampler->box_count++] = *box;
    return YT_OK;
}

static double clamp(double x, double high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

static void clip_box(struct box *box, int32_t h, int32_t w)
{
    box->x0 = clamp(box->x0, w);
    box->y0 = clamp(box->y0, h);
    box->x1 = clamp(box->x1, w);
    box->y1 = clamp(box->y1, h);
}

static void copy_pixels(const struct yt_pixels *canvas,
                        const struct yt_source_picture *picture, int32_t left,
                        int32_t top)
{
    const int32_t x0 = left < 0 ? 0 : left;
    const int32_t x1 =
        left + picture->w > canvas->w ? canvas->w : left + picture->w;
    const int32_t y0 = top < 0 ? 0 : top;
    const int32_t y1 =
        top + picture->h > canvas->h ? canvas->h : top + picture->h;
    for (int32_t y = y0; y < y1 && x0 < x1; y++)
        memcpy(canvas->rgb + y * canvas->stride + 3 * (int64_t)x0,
               picture->rgb +
                   3 * ((int64_t)(y - top) * picture->w + (x0 - left)),
               3 * (size_t)(x1 - x0));
}

/* Put a picture and its objects on the canvas; what lies outside is cut. */
static enum yt_status place(struct yt_sampler *sampler,
                            const struct yt_pixels *canvas,
                            const struct yt_source_picture *picture,
                            int32_t left, int32_t top)
{
    copy_pixels(canvas, picture, left, top);
    for (int32_t i = 0; i < picture->count; i++) {
        const struct yt_source_object *object = &picture->objects[i];
        struct box box = {object->class_id, left + object->x0 * picture->w,
                          top + object->y0 * picture->h,
                          left + object->x1 * picture->w,
                          top + object->y1 * picture->h};
        clip_box(&box, canvas->h, canvas->w);
        if (box.x0 < box.x1 && box.y0 < box.y1)
            YT_TRY(add_box(sampler, &box));
    }
    return YT_OK;
}

/* Where the letterbox has it. */
static enum yt_status place_alone(struct yt_sampler *sampler, int32_t i,
                                  struct yt_pixels *canvas_out)
{
    struct yt_source_picture picture;
    *canvas_out = make_canvas(sampler, sampler->h, sampler->w);
    YT_TRY(yt_source_take(sampler->source, i, &picture));
    const enum yt_status status =
        place(sampler, canvas_out, &picture, (sampler->w - picture.w) / 2,
              (sampler->h - picture.h) / 2);
    yt_source_give_back(&picture);
    return status;
}

/* Four pictures whose corners meet in a point of the middle half. */
static enum yt_status place_mosaic(struct yt_sampler *sampler, int32_t i,
                                   struct yt_pixels *canvas_out)
{
    const int32_t h = sampler->h;
    const int32_t w = sampler->w;
    *canvas_out = make_canvas(sampler, 2 * h, 2 * w);
    const int32_t y = (int32_t)random_between(sampler, 0.5 * h, 1.5 * h);
    const int32_t x = (int32_t)random_between(sampler, 0.5 * w, 1.5 * w);
    const int32_t own = yt_sample_below(&sampler->random, 4);
    for (int32_t corner = 0; corner < 4; corner++) {
        const int32_t other =
            yt_sample_below(&sampler->random, yt_source_count(sampler->source));
        struct yt_source_picture picture;
        YT_TRY(yt_source_take(sampler->source, corner == own ? i : other,
                              &picture));
        const enum yt_status status = place(
            sampler, canvas_out, &picture, corner % 2 == 0 ? x - picture.w : x,
            corner / 2 == 0 ? y - picture.h : y);
        yt_source_give_back(&picture);
        YT_TRY(status);
    }
    return YT_OK;
}

/* ----------------------------------------------------------------- warp */

/* From the canvas to the input: its middle to somewhere near the input's
 * middle, turned, scaled and sheared around it. */
static struct yt_affine random_affine(struct yt_sampler *sampler,
                                      const struct yt_pixels *canvas,
                                      double *scale_out)
{
    const struct yt_augmentation *a = sampler->augmentation;
    const double radian = 3.14159265358979323846 / 180;
    const double angle =
        random_between(sampler, -a->degrees, a->degrees) * radian;
    const double scale =
        fmax(random_between(sampler, 1 - a->scale, 1 + a->scale), SCALE_MIN);
    const double shear_x =
        tan(random_between(sampler, -a->shear, a->shear) * radian);
    const double shear_y =
        tan(random_between(sampler, -a->shear, a->shear) * radian);
    const double x =
        random_between(sampler, 0.5 - a->translate, 0.5 + a->translate) *
        sampler->w;
    const double y =
        random_between(sampler, 0.5 - a->translate, 0.5 + a->translate) *
        sampler->h;
    const double c = scale * cos(angle);
    const double s = scale * sin(angle);
    struct yt_affine affine = {{{c - shear_x * s, s + shear_x * c, 0},
                                {shear_y * c - s, shear_y * s + c, 0}}};
    double middle_x, middle_y;
    yt_affine_apply(&affine, 0.5 * canvas->w, 0.5 * canvas->h, &middle_x,
                    &middle_y);
    affine.m[0][2] = x - middle_x;
    affine.m[1][2] = y - middle_y;
    *scale_out = scale;
    return affine;
}

/* The box around where the corners went, cut to the input.
 * @return 0: too little of it is left. */
static int move_box(const struct yt_sampler *sampler,
                    const struct yt_affine *affine, double scale,
                    struct box *box)
{
    const double area = (box->x1 - box->x0) * (box->y1 - box->y0);
    const double corners[4][2] = {{box->x0, box->y0},
                                  {box->x1, box->y0},
                                  {box->x0, box->y1},
                                  {box->x1, box->y1}};
    struct box moved = {box->class_id, INFINITY, INFINITY, -INFINITY,
                        -INFINITY};
    for (int i = 0; i < 4; i++) {
        double x, y;
        yt_affine_apply(affine, corners[i][0], corners[i][1], &x, &y);
        moved.x0 = fmin(moved.x0, x);
        moved.y0 = fmin(moved.y0, y);
        moved.x1 = fmax(moved.x1, x);
        moved.y1 = fmax(moved.y1, y);
    }
    clip_box(&moved, sampler->h, sampler->w);
    *box = moved;
    const double w = moved.x1 - moved.x0;
    const double h = moved.y1 - moved.y0;
    return w > SIDE_MIN && h > SIDE_MIN &&
           w * h > AREA_MIN * area * scale * scale &&
           fmax(w / h, h / w) < RATIO_MAX;
}

static struct yt_pixels warp(struct yt_sampler *sampler,
                             const struct yt_pixels *canvas)
{
    const struct yt_pixels warped = {sampler->warped, sampler->h, sampler->w,
                                     3 * (int64_t)sampler->w};
    double scale;
    const struct yt_affine affine = random_affine(sampler, canvas, &scale);
    const struct yt_affine inverse = yt_affine_inverse(&affine);
    yt_pixels_warp(canvas, &inverse, &warped);
    int32_t kept = 0;
    for (int32_t i = 0; i < sampler->box_count; i++) {
        struct box box = sampler->boxes[i];
        if (move_box(sampler, &affine, scale, &box))
            sampler->boxes[kept++] = box;
    }
    sampler->box_count = kept;
    return warped;
}

/* --------------------------------------------------------------- sample */

static enum yt_status add_targets(const struct yt_sampler *sampler,
                                  int32_t flip_lr, int32_t flip_ud,
                                  int32_t slot, struct yt_target_list *list)
{
    for (int32_t i = 0; i < sampler->box_count; i++) {
        const struct box *box = &sampler->boxes[i];
        const double x = (box->x0 + box->x1) / 2 / sampler->w;
        const double y = (box->y0 + box->y1) / 2 / sampler->h;
        const struct yt_label target = {
            .image = slot,
            .class_id = box->class_id,
            .x = (float)(flip_lr ? 1 - x : x),
            .y = (float)(flip_ud ? 1 - y : y),
            .w = (float)((box->x1 - box->x0) / sampler->w),
            .h = (float)((box->y1 - box->y0) / sampler->h),
        };
        YT_TRY(yt_target_list_add(list, &target));
    }
    return YT_OK;
}

static struct yt_colour_gains random_gains(struct yt_sampler *sampler)
{
    const struct yt_augmentation *a = sampler->augmentation;
    return (struct yt_colour_gains){
        .hue = (float)random_between(sampler, 1 - a->hue, 1 + a->hue),
        .saturation = (float)random_between(sampler, 1 - a->saturation,
                                            1 + a->saturation),
        .value = (float)random_between(sampler, 1 - a->value, 1 + a->value),
    };
}

enum yt_status yt_sampler_make(struct yt_sampler *sampler, uint64_t seed,
                               int32_t i, int32_t slot, float *image_out,
                               struct yt_target_list *list)
{
    const struct yt_augmentation *a = sampler->augmentation;
    struct yt_pixels pixels;
    sampler->random = seed;
    const int32_t is_mosaic = happens(sampler, a->mosaic);
    YT_TRY(is_mosaic ? place_mosaic(sampler, i, &pixels)
                     : place_alone(sampler, i, &pixels));
    if (is_mosaic || a->degrees != 0 || a->translate != 0 || a->scale != 0 ||
        a->shear != 0)
        pixels = warp(sampler, &pixels);
    const struct yt_colour_gains gains = random_gains(sampler);
    const int32_t is_coloured =
        a->hue != 0 || a->saturation != 0 || a->value != 0;
    const int32_t flip_ud = happens(sampler, a->flip_ud);
    const int32_t flip_lr = happens(sampler, a->flip_lr);
    yt_pixels_to_planes(&pixels, is_coloured ? &gains : NULL, flip_lr, flip_ud,
                        image_out);
    return add_targets(sampler, flip_lr, flip_ud, slot, list);
}
