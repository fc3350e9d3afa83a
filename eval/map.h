#ifndef YT_MAP_H
#define YT_MAP_H

/* Mean average precision, defined as COCO's own evaluator (pycocotools,
 * cocoeval.py) computes it for boxes: of each class the precision at 101
 * recalls, best precision at that recall or a higher one, averaged; at ten
 * overlaps from 0.50 to 0.95; at most 100 boxes of a class in an image;
 * averaged over the classes that occur. Crowds and, by area, objects of other
 * sizes neither help nor hurt.
 *
 * The work is done in two steps. Matching boxes with objects happens once, per
 * image. What follows is cheap and may be repeated with images counted more or
 * less often, which is what resampling needs. */

#include "eval/results.h"

#define YT_MAP_OVERLAPS 10 /* 0.50, 0.55 ... 0.95 */
#define YT_MAP_RECALLS  101
#define YT_MAP_BOXES    100 /* of a class in an image, the best */

enum yt_map_area {
    YT_MAP_ALL,
    YT_MAP_SMALL,  /* up to 32^2 pixels */
    YT_MAP_MEDIUM, /* up to 96^2 */
    YT_MAP_LARGE,
    YT_MAP_AREAS
};

/** Boxes matched with objects. */
struct yt_map;

/** NAN where there was nothing to be found. */
struct yt_map_class {
    double ap, ap50, ap75;
    double precision, recall; /* at yt_map_summary.best_score, overlap 0.5 */
    int32_t objects;          /* that count, crowds left aside */
    int32_t images;           /* that have any */
};

struct yt_map_summary {
    double map, map50, map75;
    double by_area[YT_MAP_AREAS];        /* mAP; [YT_MAP_ALL] is map */
    double recall_1, recall_10;          /* with so many boxes of a class */
    double recall_by_area[YT_MAP_AREAS]; /* with YT_MAP_BOXES */

    /* At the score where the mean of the classes' F1 at overlap 0.5 is best,
     * of a thousand from 0 to 1: means over the classes that occur. */
    double best_score, best_f1, precision, recall;
    struct yt_map_class *classes; /* [class_count], owned */
    int32_t class_count;
    int32_t images, objects; /* that counted */
};

/** Match results with the truth. Sizes of all images are known.
 *
 * @param dataset borrowed for the call.
 * @param results borrowed for the call.
 * @param[out] map_out the caller's until yt_map_destroy().
 * @return YT_OK; YT_NO_MEMORY.
 */
enum yt_status yt_map_create(const struct yt_dataset *dataset,
                             const struct yt_results *results,
                             struct yt_map **map_out);

/** NULL is fine. */
void yt_map_destroy(struct yt_map *map);

/** @param[out] summary_out the caller's until yt_map_summary_deinit(). */
enum yt_status yt_map_summarize(const struct yt_map *map,
                                struct yt_map_summary *summary_out);

/** All zero is fine. */
void yt_map_summary_deinit(struct yt_map_summary *summary);

/** Images of the data set, those left out included. */
int32_t yt_map_images(const struct yt_map *map);

/** mAP and mAP at overlap 0.5 with image i counted @p times[i] times, as if
 *  the data set held it that often. NAN: nothing to be found.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_map_weighted(const struct yt_map *map, const int32_t *times,
                               double *map_out, double *map50_out);

#endif
