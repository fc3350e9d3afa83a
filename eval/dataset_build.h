#ifndef YT_DATASET_BUILD_H
#define YT_DATASET_BUILD_H

/* How the readers of each form fill a data set: images first, then
 * yt_dataset_sort_images(), then their objects, image by image. */

#include "eval/dataset.h"

/** The readers: eval/dataset_yaml.c, eval/dataset_coco.c; of obj.data and of
 *  classes.txt eval/dataset_names.c. */
enum yt_status yt_dataset_read_yaml(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options);
enum yt_status yt_dataset_read_coco(struct yt_dataset *dataset,
                                    const struct yt_dataset_options *options);
enum yt_status
yt_dataset_read_darknet(struct yt_dataset *dataset,
                        const struct yt_dataset_options *options);
enum yt_status
yt_dataset_read_classes(struct yt_dataset *dataset,
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

/** Whether a file is called like a picture, as YOLOv5 has it. */
int yt_path_is_picture(const char *path);

/** The path that a line of a list means: "./x" starts from the list's folder,
 *  and so does another relative one if that leads to a file; else it starts
 *  from here. A "data/" that leads nowhere is passed over, as CVAT's files want
 *  it, which are to lie in a folder of that name. malloc'ed. */
char *yt_path_listed(const char *folder, const char *line);

/** Cut the next line that is not blank off *rest, without the blanks around
 *  it; NULL: there is none. */
char *yt_list_line(char **rest);

/** Where the labels of a picture lie. malloc'ed. */
char *yt_label_path(const char *picture);

/** The value of a name that is digits, at most 18; -1 for any other. */
int64_t yt_dataset_id_of(const char *name);

/** A whole text file with a zero behind it. malloc'ed.
 *  @return YT_OK; YT_NOT_FOUND; YT_IO; YT_BAD_INPUT past 256 MiB;
 *          YT_NO_MEMORY. */
enum yt_status yt_text_read(const char *path, char **text_out);

#endif
