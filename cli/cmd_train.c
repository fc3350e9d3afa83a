/* yolotune train: a network's weights made better on pictures. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/train_report.h"
#include "cli/train_setup.h"
#include "cli/training_options.h"
#include "model/onnx_write.h"
#include "runtime/fail.h"

static const struct yt_manual manual = {
    .command = "train",
    .summary = "train a model on pictures, on this machine",
    .synopsis = "--model FILE --data FILE --budget TIME -o FILE [OPTION]...\n"
                "--model FILE --data FILE --epochs N -o FILE [OPTION]...",
    .description =
        "Trains the network at the input size it will run at, and writes the "
        "best weights that a held-out part of the pictures has seen, as ONNX. "
        "The loss is YOLOv5's own where the data set has labels; with "
        "--teacher it is what another network says, which needs no labels; "
        "with both, their sum.\n\n"
        "Where the labels' classes are not the model's, its heads get those of "
        "the labels. Pictures are changed as YOLOv5 does it: colours, flips, "
        "scale, four in one.\n\n"
        "mAP is measured before, ten times on the way, and at the end, on the "
        "split that --val-split names. Pictures that are in both are refused, "
        "whatever they are called. After each measurement a checkpoint is "
        "written, from which --resume goes on. Ctrl-C ends the training and "
        "writes the best so far.\n\n"
        "With a number of epochs, the same seed and threads give the same "
        "weights, interrupted or not. With a budget, the rate falls as time "
        "runs out.",
    .examples =
        " yolotune train -m yolov5n.pt -d signs.yaml --budget 30m -o "
        "signs.onnx\n"
        " yolotune train -m yolov5n.pt -d pictures.yaml --labels no \\\n"
        "     --teacher yolov5s.pt --imgsz 352x448 --budget 1h -o better.onnx\n"
        " yolotune train -m signs.onnx -d signs.yaml --int8 --epochs 5 \\\n"
        "     -o signs8.onnx\n",
};

/* It was trained with these ranges, and others would undo some of it. */
static enum yt_status take_ranges_along(struct yt_train_job *job)
{
    struct yt_quantisation *moved = NULL;
    YT_TRY(yt_quantisation_move(job->quantisation, job->trained, &moved));
    const enum yt_status status =
        yt_quantisation_text(moved, job->trained, &job->trained->ranges);
    yt_quantisation_destroy(moved);
    return status;
}

/* What was trained, written; the default checkpoint has served then, where the
 * training came to its end. */
static enum yt_status finish(struct yt_train_job *job, int whole)
{
    if (job->quantisation)
        YT_TRY(take_ranges_along(job));
    YT_TRY(yt_onnx_write(job->trained, job->train.h, job->train.w, job->out));
    if (whole && !job->checkpoint && !job->result.interrupted)
        unlink(job->train.checkpoint);
    return YT_OK;
}

static enum yt_status train(struct yt_train_job *job)
{
    enum yt_status status = yt_train(job->graph, job->pictures, &job->train,
                                     &job->trained, &job->result);
    yt_progress_end(&job->progress);
    if (!job->trained)
        return status;
    /* The first failure is the one to tell. */
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%s", yt_error());
    const enum yt_status written = finish(job, status == YT_OK);
    if (status == YT_OK)
        return written;
    return yt_fail(status, "%s; the best weights so far are %s %s", sentence,
                   written == YT_OK ? "in" : "not in", job->out);
}

static int check_model(const struct yt_train_job *job)
{
    if (!job->engine.model)
        return yt_cli_usage("train", "--model is missing");
    if (!job->data.path)
        return yt_cli_usage("train", "--data is missing");
    if (!job->out)
        return yt_cli_usage("train", "-o is missing: where to write");
    if (job->train.epochs == 0 && job->train.budget_ns == 0)
        return yt_cli_usage("train", "either --epochs or --budget is needed");
    return -1;
}

/* yes, no, or left open: -1. */
static int read_labels(struct yt_train_job *job)
{
    job->labels = -1;
    if (!job->labels_word)
        return -1;
    if (strcmp(job->labels_word, "yes") == 0)
        job->labels = 1;
    else if (strcmp(job->labels_word, "no") == 0)
        job->labels = 0;
    else
        return yt_cli_usage("train", "--labels %s: not yes or no",
                            job->labels_word);
    if (job->labels == 0 && !job->teacher_path)
        return yt_cli_usage("train", "--labels no needs a --teacher");
    return -1;
}

static int check(struct yt_train_job *job, int operands, char **argv, int first)
{
    if (operands > 0)
        return yt_cli_usage("train", "%s: takes no arguments", argv[first]);
    int code = check_model(job);
    if (code < 0)
        code = read_labels(job);
    if (code >= 0)
        return code;
    if (strcmp(job->optimiser, "sgd") == 0)
        job->train.optimiser = YT_SGD;
    else if (strcmp(job->optimiser, "adam") != 0)
        return yt_cli_usage("train", "--optimiser %s: not adam or sgd",
                            job->optimiser);
    job->train.seed = (uint64_t)job->seed;
    job->train.threads = job->engine.threads;
    return -1;
}

#define ROWS_WHAT(job)                                                         \
    YT_OPTION_ROW_MODEL(&(job)->engine.model),                                 \
        YT_OPTION_ROWS_LESSONS(&(job)->data),                                  \
        {"val-split",                                                          \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(job)->val.split,                                                    \
         0,                                                                    \
         0,                                                                    \
         "Which of a data.yaml to measure on (default: val)."},                \
        {"val-data",                                                           \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "FILE",                                                               \
         &(job)->val.path,                                                     \
         0,                                                                    \
         0,                                                                    \
         "Another data set to measure on (default: that of --data)."},         \
        {"eval-images",                                                        \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(job)->eval_images,                                                  \
         1,                                                                    \
         1000000,                                                              \
         "Most pictures to measure on, evenly spread (default: 500)."},        \
        YT_OPTION_ROW_IMGSZ(&(job)->engine.imgsz),                             \
        {"out",                                                                \
         'o',                                                                  \
         YT_OPTION_TEXT,                                                       \
         "FILE",                                                               \
         &(job)->out,                                                          \
         0,                                                                    \
         0,                                                                    \
         "The ONNX file to write. Required."}

#define ROWS_HOW(job)                                                          \
    {"epochs",                                                                 \
     0,                                                                        \
     YT_OPTION_INT,                                                            \
     "N",                                                                      \
     &(job)->train.epochs,                                                     \
     1,                                                                        \
     100000,                                                                   \
     "How often to go through the pictures."},                                 \
        {"budget",                                                             \
         0,                                                                    \
         YT_OPTION_TIME,                                                       \
         "TIME",                                                               \
         &(job)->train.budget_ns,                                              \
         0,                                                                    \
         0,                                                                    \
         "How long the training may take, measuring included: 90s, 30m, 2h. "  \
         "With --epochs, whichever ends first."},                              \
        {"teacher",                                                            \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "FILE",                                                               \
         &(job)->teacher_path,                                                 \
         0,                                                                    \
         0,                                                                    \
         "A network of the same classes to learn from, such as a larger "      \
         "one."},                                                              \
        {"maps",                                                               \
         0,                                                                    \
         YT_OPTION_REAL,                                                       \
         "GAIN",                                                               \
         &(job)->train.maps,                                                   \
         0,                                                                    \
         1000,                                                                 \
         "Learn the teacher's last maps, too, where they have the same "       \
         "shape, with this weight (default: 0)."},                             \
        YT_OPTION_ROWS_LEARNING(&(job)->labels_word, &(job)->train.batch,      \
                                &(job)->no_augment, &(job)->seed),             \
        {"optimiser",                                                          \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(job)->optimiser,                                                    \
         0,                                                                    \
         0,                                                                    \
         "adam (default: AdamW) or sgd (with Nesterov's momentum)."},          \
        {"rate",                                                               \
         0,                                                                    \
         YT_OPTION_REAL,                                                       \
         "X",                                                                  \
         &(job)->train.rate,                                                   \
         1e-9,                                                                 \
         10,                                                                   \
         "Highest learning rate (default: the optimiser's)."},                 \
        {"int8",                                                               \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(job)->int8,                                                         \
         0,                                                                    \
         0,                                                                    \
         "Train for int8: with weights and values rounded as they will be, "   \
         "ranges calibrated on the pictures; mAP is that of int8."}

#define ROWS_WORK(job)                                                         \
    {"checkpoint",                                                             \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "FILE",                                                                   \
     &(job)->checkpoint,                                                       \
     0,                                                                        \
     0,                                                                        \
     "Where the state of the training is kept (default: -o's name with "       \
     ".ckpt, removed at the end)."},                                           \
        {"resume",                                                             \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(job)->train.resume,                                                 \
         0,                                                                    \
         0,                                                                    \
         "Go on from the checkpoint if it is there."},                         \
        {"threads",                                                            \
         't',                                                                  \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(job)->engine.threads,                                               \
         1,                                                                    \
         256,                                                                  \
         "Threads to train on (default: the CPUs this process may use)."},     \
        YT_OPTION_ROW_ISA(&(job)->engine.isa),                                 \
        YT_OPTION_ROW_QUIET(&(job)->quiet), YT_OPTION_ROW_JSON(&(job)->json)

static int parse(struct yt_train_job *job, int argc, char **argv)
{
    int first = 0;
    const struct yt_option options[] = {
        ROWS_WHAT(job),
        ROWS_HOW(job),
        ROWS_WORK(job),
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    return code < 0 ? check(job, argc - first, argv, first) : code;
}

int yt_cmd_train(int argc, char **argv)
{
    struct yt_train_job job = {
        .data = {.split = "train"},
        .optimiser = "adam",
        .eval_images = 500,
    };
    int code = parse(&job, argc, argv);
    if (code >= 0)
        return code;
    enum yt_status status = yt_train_job_open(&job);
    if (status == YT_OK)
        status = train(&job);
    if (status != YT_OK)
        code = yt_cli_fail(status);
    else
        code = job.json ? yt_train_print_json(&job) : yt_train_print_text(&job);
    if (code == YT_EXIT_OK && job.result.interrupted)
        code = YT_EXIT_INTERRUPTED;
    yt_train_job_close(&job);
    return code;
}
