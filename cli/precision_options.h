#ifndef YT_PRECISION_OPTIONS_H
#define YT_PRECISION_OPTIONS_H

/* What a network computes with: options that all commands which run one
 * share. */

#include "cli/cli.h"
#include "compress/precision/precision.h"

#define YT_OPTION_ROWS_PRECISION(wish)                                         \
    YT_OPTION_ROW_PRECISION(                                                   \
        wish,                                                                  \
        "What convolutions compute with: fp32, bf16, int16 or int8; auto "     \
        "(default): as the stored plan does, which is fp32 unless another "    \
        "was recommended."),                                                   \
        YT_OPTION_ROWS_CALIBRATION(wish)

/** What auto means differs: the help says it. */
#define YT_OPTION_ROW_PRECISION(wish, help)                                    \
    {"precision", 0, YT_OPTION_TEXT, "NAME", &(wish)->precision, 0, 0, help}

#define YT_OPTION_ROWS_CALIBRATION(wish)                                       \
    {"keep-fp32",                                                              \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "LAYERS",                                                                 \
     &(wish)->keep_fp32,                                                       \
     0,                                                                        \
     0,                                                                        \
     "Layers that stay in fp32, apart by commas: names that analyze "          \
     "prints, or their beginnings: model.24,model.9.cv2."},                    \
        {"calib",                                                              \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "PATH",                                                               \
         &(wish)->calib,                                                       \
         0,                                                                    \
         0,                                                                    \
         "Pictures to calibrate int8 and int16 on, labels are not needed: a "  \
         "folder, a list (.txt) or a data set (default: the ranges that a "    \
         "model was trained with, if its file has some; the train split of "   \
         "the data set, or the pictures that come with the default model; "    \
         "else what the database holds). Never those that are measured on."},  \
        {"calib-images",                                                       \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(wish)->images,                                                      \
         1,                                                                    \
         100000,                                                               \
         "Most of these pictures to look at, evenly spread (default: 128)."},  \
        {"calib-method",                                                       \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(wish)->method,                                                      \
         0,                                                                    \
         0,                                                                    \
         "How ranges are chosen: minmax, percentile, mse, kl, or auto "        \
         "(default): whichever has the least error, tensor by tensor."},       \
        {"learn-rounding",                                                     \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(wish)->learn_rounding,                                              \
         0,                                                                    \
         0,                                                                    \
         "Round int8 weights so that outputs stay what they were, instead of " \
         "each to the nearest: takes seconds for n, minutes for x."}

/** Whether the options can be understood.
 *  @return -1 to go on; the exit code when one is off and a sentence said so.
 */
int yt_cli_precision_check(const char *command,
                           const struct yt_precision_wish *wish);

#endif
