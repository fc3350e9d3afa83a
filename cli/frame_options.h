#ifndef YT_FRAME_OPTIONS_H
#define YT_FRAME_OPTIONS_H

/* How a picture reaches the network and how often it is searched: options that
 * detect and eval share. */

#include "cli/cli.h"
#include "yolotune/runtime.h"

struct yt_cli_frame_options {
    const char *fit_name, *filter_name; /* as typed; NULL: the default */
    enum yt_fit fit;                    /* by yt_cli_frame_check() */
    enum yt_filter filter;
    int32_t candidates, flip, augment;
};

#define YT_OPTION_ROWS_FRAME(frame)                                            \
    {"fit",                                                                    \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "HOW",                                                                    \
     &(frame)->fit_name,                                                       \
     0,                                                                        \
     0,                                                                        \
     "How a picture fills the input: letterbox (default) keeps its shape "     \
     "amid grey, stretch fills it all."},                                      \
        {"filter",                                                             \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(frame)->filter_name,                                                \
         0,                                                                    \
         0,                                                                    \
         "How it is resized: bilinear (default) or nearest."},                 \
        {"max-candidates",                                                     \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(frame)->candidates,                                                 \
         1,                                                                    \
         1000000,                                                              \
         "Most boxes that enter suppression, the best by score (default: "     \
         "all that pass the threshold)."},                                     \
        {"flip",                                                               \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(frame)->flip,                                                       \
         0,                                                                    \
         0,                                                                    \
         "Search the mirror image, too, and merge the boxes: twice the "       \
         "time."},                                                             \
        {"augment",                                                            \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(frame)->augment,                                                    \
         0,                                                                    \
         0,                                                                    \
         "Search at three sizes, the input's, 0.83 of it mirrored and "        \
         "0.67 of it, and merge the boxes, as YOLOv5's --augment does. "       \
         "Each size has a plan of its own."}

/** Read the names.
 *  @return -1 to go on; the exit code when an option is off and a sentence
 *          said so. */
int yt_cli_frame_check(const char *command, struct yt_cli_frame_options *frame);

/** The names that yt_cli_frame_check() reads. */
const char *yt_cli_fit_name(enum yt_fit fit);
const char *yt_cli_filter_name(enum yt_filter filter);

#endif
