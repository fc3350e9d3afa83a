#ifndef YT_DATA_OPTIONS_H
#define YT_DATA_OPTIONS_H

/* Which labelled pictures: options of the commands that measure accuracy. */

#include "cli/cli.h"

/** @p data is a struct yt_dataset_options; what it is good for differs: the
 *  help says it. */
#define YT_OPTION_ROWS_DATA(data, help)                                        \
    {"data", 'd', YT_OPTION_TEXT, "FILE", &(data)->path, 0, 0, help},          \
        {"split",                                                              \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(data)->split,                                                       \
         0,                                                                    \
         0,                                                                    \
         "Which pictures of a data.yaml: train, val or test (default: val)."}, \
        {"images",                                                             \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "DIR",                                                                \
         &(data)->images,                                                      \
         0,                                                                    \
         0,                                                                    \
         "Where the pictures of a COCO file lie (default: images/NAME, NAME "  \
         "or "                                                                 \
         "images beside instances_NAME.json or its folder, or with it)."}

#endif
