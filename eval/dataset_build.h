#ifndef YT_DATASET_BUILD_H
#define YT_DATASET_BUILD_H

/* How the readers of each form fill a data set: images first, then
 * yt_dataset_sort_images(), then their objects, image by image. */

#include "eval/dataset.h"

/** The readers: eval/dataset_yaml.c, eval/dataset_coco.c. */
enum yt_status yt_dataset_read_yaml(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options);
enum yt_status yt_dataset_read_coco(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options);

/** Add the pictures that a folder or a list file names, eval/dataset_files.c.
 *  @return as yt_dataset_open(). */
enum yt_status yt_dataset_add_files(struct yt_dataset *dataset,
                                    const char *path);

/** Read every image's label file, eval/dataset_labels.c. */
enum yt_status yt_dataset_read_labels(struct yt_dataset *dataset);

/** Add an image.
 *  @param path takes ownership, also on failure; NULL is YT_NO_MEMORY.
 *  @param name borrowed; NULL: the path's file name without its ending. */
enum yt_status yt_dataset_add_image(struct yt_dataset *dataset, char *path,
                                    const char *name);

void yt_dataset_sort_images(struct yt_dataset *dataset);

/** Add an object; its image's first and count are kept. */
enum yt_status yt_dataset_add_truth(struct yt_dataset *dataset,
                                    const struct yt_truth *truth);

/** Add a class; copies the name. */
enum yt_status yt_dataset_add_class(struct yt_dataset *dataset,
                                    const char *name, int64_t category);

enum yt_status yt_dataset_add_problem(struct yt_dataset *dataset,
                                      const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** "folder/name", or @p name where it is absolute. malloc'ed. */
char *yt_path_join(const char *folder, const char *name);

/** The folder that @p path lies in, "." for a bare name. malloc'ed. */
char *yt_path_folder(const char *path);

/** File name without folders and ending. malloc'ed. */
char *yt_path_stem(const char *path);

/** A whole text file with a zero behind it. malloc'ed.
 *  @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT past 256 MiB;
 *          YT_NO_MEMORY. */
enum yt_status yt_text_read(const char *path, char **text_out);

#endif
