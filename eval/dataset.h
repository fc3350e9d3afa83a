#ifndef YT_DATASET_H
#define YT_DATASET_H

/* Pictures and the objects that are in them, read from files of three forms:
 *
 *   Ultralytics   data.yaml names folders or lists of pictures, and classes; a
 *                 picture's labels lie in the text file that its path leads to
 *                 once the last /images/ has become /labels/
 *   Darknet       obj.data names lists of pictures and classes; or classes.txt
 *                 lies beside images/ and labels/
 *   COCO          one JSON file of images, annotations and categories, and a
 *                 folder of pictures
 *
 * What is wrong with a single picture or its labels leaves that picture out and
 * is told as a problem; what is wrong with the whole is a failure. */

#include <stdint.h>

#include "yolotune/status.h"

/** One object, its box in pixels: top left corner and size. */
struct yt_truth {
    double x, y, w, h;
    double area; /* of its outline where that is known, else of the box */
    int32_t image;
    int32_t class_id;
    int32_t crowd; /* 1: a crowd: found or not, nothing counts against it */
};

struct yt_dataset_image {
    char *path;            /* of the picture */
    char *name;            /* what results call it; digits when it has an id */
    int64_t id;            /* the digits' value; -1: name is not a number */
    int32_t width, height; /* pixels; 0: not known before it was read */
    int32_t first, count;  /* its objects */
    int32_t left_out;      /* 1: a problem was found, it does not count */
    int32_t in_shares;     /* 1: boxes are still shares of the unknown size */
};

struct yt_dataset {
    char *name;    /* of the file, without folders and ending */
    char hash[33]; /* of classes, objects, names and file sizes */
    struct yt_dataset_image *images; /* by id, those without one by name */
    int32_t image_count;
    struct yt_truth *truths; /* by image, in the order of their file */
    int32_t truth_count;
    char **classes;
    int64_t *categories; /* [class_count] what results call each class */
    int32_t class_count;
    int32_t unlabelled; /* pictures without objects: no label file or no line */
    int32_t duplicates; /* labels that stood in their file twice */
    char **problems;    /* a sentence each */
    int32_t problem_count;

    int32_t image_cap, truth_cap, class_cap, problem_cap;
};

struct yt_dataset_options {
    const char *path;   /* .yaml, .yml, .json or .data; or a folder with one
                           .yaml, obj.data or classes.txt */
    const char *split;  /* "train", "val" or "test"; NULL: "val" */
    const char *images; /* folder of a COCO file's pictures; NULL: look around
                           the file */
    int32_t only_pictures; /* 1: labels are not needed. Then a folder without a
                              .yaml, or a list of pictures (.txt), will do */
};

/** Read a data set. Pictures are not opened, but have to exist.
 *
 * @param[out] dataset_out the caller's until yt_dataset_close().
 * @return YT_OK; YT_NOT_FOUND for a file, key or folder that is not there, or
 *         when no picture or no label is; YT_BAD_INPUT for a file that cannot
 *         be understood; YT_BAD_ARGUMENT for another kind of file; YT_IO;
 *         YT_NO_MEMORY.
 */
enum yt_status yt_dataset_open(const struct yt_dataset_options *options,
                               struct yt_dataset **dataset_out);

/** NULL is fine. */
void yt_dataset_close(struct yt_dataset *dataset);

/** In categories: a class that only the model knows. */
#define YT_NO_CATEGORY INT64_MIN

/** Number classes as a model does: by name where all names agree, else by
 *  position, which is a problem to tell when names differ.
 *  @return YT_OK; YT_BAD_INPUT when the numbers of classes differ. */
enum yt_status yt_dataset_match_classes(struct yt_dataset *dataset,
                                        int32_t classes,
                                        const char *const *names);

/** The same for measuring, where a model may know more: classes of a data set
 *  that names fewer, all by names of the model, become the model's. Those that
 *  the data set lacks have no objects and YT_NO_CATEGORY; boxes of them do not
 *  count.
 *  @return YT_OK; YT_BAD_INPUT when the data set has more classes or one that
 *          the model does not know; YT_NO_MEMORY. */
enum yt_status yt_dataset_adopt_classes(struct yt_dataset *dataset,
                                        int32_t classes,
                                        const char *const *names);

/** Tell the size of image @p i once it was read; shares become pixels. Calls
 *  for different images may run at the same time.
 *  @return YT_OK; YT_BAD_INPUT when the data set states another size. */
enum yt_status yt_dataset_set_size(struct yt_dataset *dataset, int32_t i,
                                   int32_t width, int32_t height);

/** Leave image @p i out for the reason given.
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_dataset_leave_out(struct yt_dataset *dataset, int32_t i,
                                    const char *reason);

/** A data set of @p count of the images, evenly spread, with its own hash.
 *  Those left out so far stay so.
 *  @param[out] subset_out the caller's until yt_dataset_close().
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_dataset_subset(const struct yt_dataset *dataset,
                                 int32_t count, struct yt_dataset **subset_out);

/** How many of @p b's images have the content of one of @p a's, whatever they
 *  are called: every file of a size that both have is read. Those left out do
 *  not count, and nothing is like an empty file but itself.
 *  @param[out] example_out NULL, or an image of @p b that is one, -1: none.
 *  @return YT_OK; YT_IO naming a file that cannot be read; YT_NO_MEMORY. */
enum yt_status yt_dataset_same_content(const struct yt_dataset *a,
                                       const struct yt_dataset *b,
                                       int32_t *same_out, int32_t *example_out);

/** Images that count. */
int32_t yt_dataset_used(const struct yt_dataset *dataset);

/** The image that results call @p id, or by @p name if that is not NULL; -1:
 *  none. */
int32_t yt_dataset_find(const struct yt_dataset *dataset, int64_t id,
                        const char *name);

/** Two images of one name: results cannot tell them apart. NULL: none are. */
const char *yt_dataset_ambiguous(const struct yt_dataset *dataset);

#endif
