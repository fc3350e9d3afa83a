#ifndef YT_TRAIN_REPORT_H
#define YT_TRAIN_REPORT_H

/* What came of a training, for people and for machines. */

#include "cli/train_setup.h"

/** On stdout. @return an enum yt_exit. */
int yt_train_print_text(const struct yt_train_job *job);
int yt_train_print_json(const struct yt_train_job *job);

#endif
