#ifndef YT_TRAINING_OPTIONS_H
#define YT_TRAINING_OPTIONS_H

/* What to learn from, and how: options of the commands that train. */

#include "cli/cli.h"

/** @p data is a struct yt_dataset_options. */
#define YT_OPTION_ROWS_LESSONS(data)                                           \
    {"data",                                                                   \
     'd',                                                                      \
     YT_OPTION_TEXT,                                                           \
     "FILE",                                                                   \
     &(data)->path,                                                            \
     0,                                                                        \
     0,                                                                        \
     "The pictures: a data.yaml, a folder with one, or a COCO file of "        \
     "instances (.json)."},                                                    \
        {"split",                                                              \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(data)->split,                                                       \
         0,                                                                    \
         0,                                                                    \
         "Which of a data.yaml to learn from (default: train)."}

/** @p labels a text, the others int32_t. */
#define YT_OPTION_ROWS_LEARNING(labels, batch, no_augment, seed)               \
    {"labels",                                                                 \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "yes|no",                                                                 \
     labels,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "Whether to learn from labels, too (default: if there are any)."},        \
        {"batch",       0,                                                     \
         YT_OPTION_INT, "N",                                                   \
         batch,         1,                                                     \
         1024,          "Pictures of a training step (default: 16)."},         \
        {"no-augment",                                                         \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         no_augment,                                                           \
         0,                                                                    \
         0,                                                                    \
         "Train on the pictures as they are."},                                \
        {"seed",                                                               \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         seed,                                                                 \
         0,                                                                    \
         2147483647,                                                           \
         "Of the order and the changes of pictures (default: 0)."}

#endif
