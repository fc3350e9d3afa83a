#ifndef YT_CLI_DETECT_OUTPUT_H
#define YT_CLI_DETECT_OUTPUT_H

/* What detect makes of the boxes it found: text or JSON on standard output,
 * and what cli/detect_files.h writes. Nothing is kept from one picture to the
 * next. */

#include "cli/detect_files.h"
#include "cli/detect_tally.h"
#include "cli/json.h"

struct yt_engine;

#define YT_OPTION_ROWS_DETECT_OUTPUT(wish)                                     \
    {"out",                                                                    \
     'o',                                                                      \
     YT_OPTION_TEXT,                                                           \
     "DIR",                                                                    \
     &(wish)->out,                                                             \
     0,                                                                        \
     0,                                                                        \
     "Write each picture, and each video as MP4, with its boxes drawn into "   \
     "this folder."},                                                          \
        {"save-txt",                                                           \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(wish)->save_txt,                                                    \
         0,                                                                    \
         0,                                                                    \
         "Write DIR/labels/PICTURE.txt, of a video VIDEO_FRAME.txt: a line "   \
         "of "                                                                 \
         "class, centre and size in shares of the picture for each box, as "   \
         "YOLOv5 does; none without boxes."},                                  \
        {"save-conf",                                                          \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(wish)->save_conf,                                                   \
         0,                                                                    \
         0,                                                                    \
         "With --save-txt: end each line in the score."},                      \
        {"nosave",                                                             \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(wish)->nosave,                                                      \
         0,                                                                    \
         0,                                                                    \
         "Draw nothing into --out."},                                          \
        {"save-json",                                                          \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "FILE",                                                               \
         &(wish)->coco,                                                        \
         0,                                                                    \
         0,                                                                    \
         "Write all boxes as COCO results: image_id is the picture's name "    \
         "without its ending, a number if it is one, category_id the class's " \
         "number."},                                                           \
        {"json-lines",                                                         \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(wish)->json_lines,                                                  \
         0,                                                                    \
         0,                                                                    \
         "Print one JSON object a line for each picture or frame, as soon as " \
         "it is done."}

struct yt_detect_output {
    const struct yt_detect_wish *wish;
    struct yt_model_info info; /* without sizes */
    struct yt_json_list list;  /* of --json */
    int is_begun;              /* it has to be ended */
    struct yt_detect_files files;
};

/** Whether the wishes go together and each picture's files have names of their
 *  own.
 *  @return -1 to go on; an exit code when a sentence was printed. */
int yt_detect_output_check(const struct yt_detect_wish *wish,
                           const struct yt_sources *sources);

/** Make the folders and begin the files.
 *  @param output  all zero; to be closed also after a failure.
 *  @param wish    borrowed until it is closed.
 *  @param engine  what the boxes come from.
 *  @return YT_OK; YT_IO. */
enum yt_status yt_detect_output_open(struct yt_detect_output *output,
                                     const struct yt_detect_wish *wish,
                                     const struct yt_engine *engine);

/** Give out what was found in a picture.
 *  @return YT_OK; YT_BAD_ARGUMENT when an input would be overwritten; YT_IO;
 *          YT_NO_MEMORY. */
enum yt_status yt_detect_output_add(struct yt_detect_output *output,
                                    struct yt_detected *found);

/** Tell the reader of JSON that a picture failed, by yt_error(). */
void yt_detect_output_fail(struct yt_detect_output *output,
                           const struct yt_detected *found);

/** End the files and documents.
 *  @param tally how it went, for those who read JSON.
 *  @return an enum yt_exit; a sentence was printed if not YT_EXIT_OK. */
int yt_detect_output_close(struct yt_detect_output *output,
                           const struct yt_detect_tally *tally);

#endif
