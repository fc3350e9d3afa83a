#ifndef YT_RESULTS_H
#define YT_RESULTS_H

/* What a detector found in the images of a data set, and COCO's results format:
 * a JSON list of {"image_id", "category_id", "bbox": [x, y, w, h], "score"}. */

#include <stdio.h>

#include "eval/dataset.h"

struct yt_result {
    double x, y, w, h; /* pixels; top left corner and size */
    double score;
    int32_t image; /* index into the data set */
    int32_t class_id;
};

/** By image; an image's own in the order they were found. */
struct yt_results {
    struct yt_result *items;
    int64_t count, cap;
};

/** @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_results_add(struct yt_results *results,
                              const struct yt_result *result);

/** Bring results into the order stated above. */
enum yt_status yt_results_sort(struct yt_results *results);

/** Free; all zero is fine. */
void yt_results_deinit(struct yt_results *results);

/** An image's name as JSON: a number if it is one. malloc'ed; NULL when it is
 *  not UTF-8.
 *  @param name  of the image.
 *  @param id    the name's value; -1: it is no number. */
char *yt_results_image_id(const char *name, int64_t id);

/** Write one entry of a results file, without a comma.
 *  @param out       to write to.
 *  @param image_id  yt_results_image_id().
 *  @param category  what the file calls the class.
 *  @param result    the box; its image and class are not asked. */
void yt_results_write(FILE *out, const char *image_id, int64_t category,
                      const struct yt_result *result);

/** Write a file: as many digits as bring every number back exactly, so that
 *  another evaluator sees the same boxes.
 *  @return YT_OK; YT_IO; YT_BAD_INPUT when two images have one name. */
enum yt_status yt_results_save(const struct yt_results *results,
                               const struct yt_dataset *dataset,
                               const char *path);

/** Read a file of boxes for @p dataset. Boxes of images that are left out are
 *  dropped.
 *
 * @param[out] results_out sorted; the caller's to deinit.
 * @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT for a damaged file or an
 *         image or category that the data set does not have; YT_NO_MEMORY.
 */
enum yt_status yt_results_load(const char *path,
                               const struct yt_dataset *dataset,
                               struct yt_results *results_out);

#endif
