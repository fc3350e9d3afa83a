#ifndef YT_COMPRESS_JOB_H
#define YT_COMPRESS_JOB_H

/* `yolotune compress`: what was typed, what of it was opened, and what came of
 * it. */

#include "base/text.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "compress/ratio/compress.h"
#include "eval/dataset.h"
#include "tuner/build/site.h"

struct yt_compress_job {
    /* As typed. */
    struct yt_cli_engine engine; /* model, threads, isa, db */
    struct yt_dataset_options data;
    const char *held_split, *test_split, *kinds, *teacher_path, *labels_word,
        *precision, *folder, *out;
    struct yt_texts sizes, rival_paths;
    int32_t seed, held_images, no_augment, quiet, json;

    struct yt_site *site;
    struct yt_graph *graph, *teacher;
    struct yt_graph *rivals[YT_TEXTS_MAX];
    struct yt_dataset *train, *held, *test;
    struct yt_augmentation augmentation;
    struct yt_text default_folder;
    char name[YT_LAYER_NAME_MAX]; /* of the file to write, without its ending */
    struct yt_compress_options options;
    struct yt_progress progress;

    struct yt_compress_result result;
};

/** Open what options name and check that it goes together.
 *  @param job with what was typed; the caller's to close, also on failure. */
enum yt_status yt_compress_job_open(struct yt_compress_job *job);

/** All zero is fine. */
void yt_compress_job_close(struct yt_compress_job *job);

/** Print the result. @return an enum yt_exit. */
int yt_compress_print_text(const struct yt_compress_job *job);
int yt_compress_print_json(const struct yt_compress_job *job);

#endif
