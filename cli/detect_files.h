#ifndef YT_CLI_DETECT_FILES_H
#define YT_CLI_DETECT_FILES_H

/* The files that detect writes: drawings, videos and labels in a folder, and a
 * file of COCO results. */

#include <stdio.h>

#include "eval/sources.h"
#include "eval/video.h"
#include "yolotune/runtime.h"

/** What was asked for. */
struct yt_detect_wish {
    const char *out;  /* folder of drawings and labels; NULL: neither */
    const char *coco; /* file of results; NULL: none */
    int32_t save_txt, save_conf, nosave, json, json_lines;
};

#define YT_DETECT_ERROR_MAX 512

/** A picture, or a frame of a video, and what was found in it. */
struct yt_detected {
    const char *file;          /* as it was named; "stdin" */
    struct yt_picture picture; /* is drawn into */
    struct yt_box *boxes;
    size_t count;
    struct yt_frame_times times;
    int is_frame; /* the rest is about those of videos */
    int is_live;
    struct yt_video_frame frame;
    double fps; /* of its video, 0: unknown */

    /* What failed about it. */
    enum yt_status status;
    char error[YT_DETECT_ERROR_MAX];
};

struct yt_detect_files {
    const struct yt_detect_wish *wish;
    const struct yt_model_info *info;
    FILE *coco;
    int64_t coco_count;             /* boxes in it */
    struct yt_video_writer *writer; /* of the video that is looked at; NULL */
    const char *video;              /* its name; borrowed */
};

/** Whether each picture's files have names of their own.
 *  @return -1 to go on; an exit code when a sentence was printed. */
int yt_detect_files_check(const struct yt_detect_wish *wish,
                          const struct yt_sources *sources);

/** Make the folders and begin the files.
 *  @param files  all zero; to be closed also after a failure.
 *  @param wish   borrowed until then.
 *  @param info   of the classes; likewise.
 *  @return YT_OK; YT_IO; YT_NO_MEMORY. */
enum yt_status yt_detect_files_open(struct yt_detect_files *files,
                                    const struct yt_detect_wish *wish,
                                    const struct yt_model_info *info);

/** Write what was found, and draw it.
 *  @return YT_OK; YT_BAD_ARGUMENT when an input would be overwritten; YT_IO;
 *          YT_NO_MEMORY; what yt_video_create() returns. */
enum yt_status yt_detect_files_add(struct yt_detect_files *files,
                                   struct yt_detected *found);

/** Complete the files.
 *  @return YT_OK; YT_IO. */
enum yt_status yt_detect_files_close(struct yt_detect_files *files);

#endif
