#ifndef YT_TUNE_TRAIN_H
#define YT_TUNE_TRAIN_H

/* `yolotune tune --train-budget`: the recommended network pruned and trained at
 * the size that was chosen, so that it is one more model to choose from. */

#include "cli/report.h"
#include "eval/dataset.h"
#include "strategies/advice/advisor.h"

#define YT_OPTION_ROW_TRAIN_BUDGET(target)                                     \
    {"train-budget",                                                           \
     0,                                                                        \
     YT_OPTION_TIME,                                                           \
     "TIME",                                                                   \
     target,                                                                   \
     0,                                                                        \
     0,                                                                        \
     "Also prune the recommended network, let it recover for so long on the "  \
     "train split of --data, at the input size that was chosen, and choose "   \
     "again with it among the models (see yolotune compress). It is written "  \
     "to MODEL-small.onnx, or beside --out."}

struct yt_tune_training {
    const struct yt_dataset_options *data; /* labelled; its split is what is
                                              measured on, train what is learnt
                                              from */
    double max_map_drop, min_fps;          /* one of them; NAN: not given */
    uint64_t budget_ns;
    const char *path; /* ONNX file to write */
    const volatile int *stop;
    struct yt_progress *progress; /* shown on */
};

/** Make the network of a configuration smaller and write it.
 *  @return as yt_compress(), yt_onnx_write(). */
enum yt_status yt_tune_train(const struct yt_lab *lab,
                             const struct yt_config *choice,
                             const struct yt_tune_training *training);

#endif
