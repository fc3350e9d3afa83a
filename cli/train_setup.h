#ifndef YT_TRAIN_SETUP_H
#define YT_TRAIN_SETUP_H

/* What `yolotune train` trains on what: from options to the arguments of
 * yt_train(). */

#include "base/text.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "compress/quant/quantisation.h"
#include "eval/dataset.h"
#include "train/run/train.h"
#include "tuner/build/site.h"

struct yt_train_job {
    /* As typed. */
    struct yt_cli_engine engine; /* model, imgsz, threads, isa */
    struct yt_dataset_options data, val;
    const char *teacher_path, *labels_word, *optimiser, *checkpoint, *out;
    int32_t labels; /* -1: if there are any */
    int32_t seed, int8, eval_images, no_augment, quiet, json;

    struct yt_site *site;
    struct yt_graph *graph; /* where training begins */
    struct yt_graph *teacher;
    struct yt_dataset *pictures, *measured;
    struct yt_quantisation *quantisation;
    struct yt_text default_checkpoint;
    struct yt_train_options train;
    struct yt_progress progress;
    int32_t evaluated; /* 1: and not told yet */

    struct yt_graph *trained;
    struct yt_train_result result;
};

/** Open what options name and check that it goes together.
 *  @param job with what was typed; the caller's to close, also on failure. */
enum yt_status yt_train_job_open(struct yt_train_job *job);

/** All zero is fine. */
void yt_train_job_close(struct yt_train_job *job);

#endif
