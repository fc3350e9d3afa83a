/* yolotune compress: a network made smaller for this machine. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/compress_job.h"
#include "cli/training_options.h"
#include "model/onnx_write.h"
#include "runtime/fail.h"

#define UNSET        UINT64_MAX
#define BUDGET_NS    UINT64_C(3600000000000)
#define LEAST_BUDGET UINT64_C(1000000000)
#define MAP_DROP     0.01

static const struct yt_manual manual = {
    .command = "compress",
    .summary = "make a model smaller for this machine, by pruning and recovery",
    .synopsis = "--model FILE --data FILE -o FILE [OPTION]...",
    .description =
        "Removes channels, or blocks of weights that kernels skip, and trains "
        "what is left until it finds again what the whole network finds. How "
        "much of each layer goes is chosen by the time that this machine's "
        "kernels take, measured at several widths, and by what pictures say "
        "that it is worth.\n\n"
        "With --max-map-drop at most so much of mAP is lost, and the network "
        "is as fast as can be; with --min-fps it is so fast, with the best "
        "mAP. "
        "Several ratios are tried from mild to severe, each from what the one "
        "before has learnt; the better half goes on, and the last one gets "
        "half "
        "of the budget.\n\n"
        "It learns from what the whole network says (or another --teacher), "
        "and "
        "from labels where there are any. Pictures to learn from and to "
        "measure "
        "on are told apart by content.\n\n"
        "At the end the pruned network is set against what is to be had "
        "without pruning: smaller inputs, int8, and the models that --rival "
        "names, all timed in turn. The report says so when pruning loses.\n\n"
        "Where the work stands is kept in a folder: --resume goes on from "
        "there. Ctrl-C ends the work and writes the best so far. What came of "
        "it is a row: yolotune db list compressions.",
    .examples =
        " yolotune compress -m signs.onnx -d signs.yaml --budget 1h -o "
        "small.onnx\n"
        " yolotune compress -m yolov5s.pt -d coco.yaml --min-fps 30 \\\n"
        "     --imgsz 640 --imgsz 512 --rival yolov5n.pt -o fast.onnx\n"
        " yolotune compress -m signs.onnx -d signs.yaml --precision int8 \\\n"
        "     --prune channels --max-map-drop 0.005 -o small8.onnx\n",
};

/* ---------------------------------------------------------------- words */

static int read_kinds(struct yt_compress_job *job)
{
    const uint32_t channels = 1u << YT_RATIO_CHANNELS;
    const uint32_t blocks = 1u << YT_RATIO_BLOCKS;
    if (!job->kinds || strcmp(job->kinds, "auto") == 0)
        job->options.kinds = channels | blocks;
    else if (strcmp(job->kinds, "channels") == 0)
        job->options.kinds = channels;
    else if (strcmp(job->kinds, "blocks") == 0)
        job->options.kinds = blocks;
    else if (strcmp(job->kinds, "none") == 0)
        job->options.whole = 1;
    else
        return yt_cli_usage("compress",
                            "--prune %s: not channels, blocks, auto or none",
                            job->kinds);
    return -1;
}

static int read_precision(struct yt_compress_job *job)
{
    job->options.precision = -1;
    if (!job->precision || strcmp(job->precision, "auto") == 0)
        return -1;
    if (strcmp(job->precision, "fp32") == 0)
        job->options.precision = YT_PRECISION_F32;
    else if (strcmp(job->precision, "int8") == 0)
        job->options.precision = YT_PRECISION_INT8;
    else
        return yt_cli_usage("compress",
                            "--precision %s: not auto, fp32 or int8",
                            job->precision);
    return -1;
}

static int read_sizes(struct yt_compress_job *job)
{
    struct yt_compress_options *o = &job->options;
    if (job->sizes.count > YT_COMPRESS_SIZES_MAX)
        return yt_cli_usage("compress", "--imgsz: at most %d of them",
                            YT_COMPRESS_SIZES_MAX);
    for (int32_t i = 0; i < job->sizes.count; i++) {
        struct yt_size size;
        if (!yt_options_size(job->sizes.items[i], &size))
            return yt_cli_usage("compress",
                                "--imgsz %s: not a size; write 640 or 384x640",
                                job->sizes.items[i]);
        o->sizes[o->size_count++] = (struct yt_compress_size){size.h, size.w};
    }
    return -1;
}

static int read_wish(struct yt_compress_job *job)
{
    struct yt_compress_options *o = &job->options;
    if (!isnan(o->max_map_drop) && !isnan(o->min_fps))
        return yt_cli_usage("compress", "--max-map-drop and --min-fps are two "
                                        "wishes: give one of them");
    if (isnan(o->max_map_drop) && isnan(o->min_fps))
        o->max_map_drop = MAP_DROP;
    if (o->epochs && o->budget_ns != UNSET)
        return yt_cli_usage("compress", "--epochs and --budget say the same in "
                                        "two ways: give one of them");
    if (o->budget_ns == UNSET)
        o->budget_ns = BUDGET_NS;
    else if (o->budget_ns < LEAST_BUDGET)
        return yt_cli_usage("compress", "--budget: at least 1s is needed");
    if (o->qat && o->precision != YT_PRECISION_INT8)
        return yt_cli_usage("compress", "--qat needs --precision int8");
    return -1;
}

static int read_labels(const struct yt_compress_job *job)
{
    if (job->labels_word && strcmp(job->labels_word, "yes") != 0 &&
        strcmp(job->labels_word, "no") != 0)
        return yt_cli_usage("compress", "--labels %s: not yes or no",
                            job->labels_word);
    return -1;
}

static int check(struct yt_compress_job *job, int operands, const char *first)
{
    if (operands > 0)
        return yt_cli_usage("compress", "%s: there is no operand to take",
                            first);
    if (!job->engine.model)
        return yt_cli_usage("compress", "--model is missing");
    if (!job->data.path)
        return yt_cli_usage("compress", "--data is missing");
    if (!job->out)
        return yt_cli_usage("compress", "-o is missing: where to write");
    int code = read_kinds(job);
    code = code < 0 ? read_precision(job) : code;
    code = code < 0 ? read_sizes(job) : code;
    code = code < 0 ? read_labels(job) : code;
    return code < 0 ? read_wish(job) : code;
}

/* -------------------------------------------------------------- options */

#define ROWS_WHAT(job)                                                         \
    YT_OPTION_ROW_MODEL(&(job)->engine.model),                                 \
        YT_OPTION_ROWS_LESSONS(&(job)->data),                                  \
        {"val-split",                                                          \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(job)->held_split,                                                   \
         0,                                                                    \
         0,                                                                    \
         "Which to choose between networks by (default: val)."},               \
        {"test-split",                                                         \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(job)->test_split,                                                   \
         0,                                                                    \
         0,                                                                    \
         "Which to report mAP of, seen by no choice (default: that of "        \
         "--val-split, whose figures are a little too good)."},                \
        {"val-images",                                                         \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(job)->held_images,                                                  \
         1,                                                                    \
         1000000,                                                              \
         "Most pictures to choose by, evenly spread (default: 500)."},         \
        {"out",                                                                \
         'o',                                                                  \
         YT_OPTION_TEXT,                                                       \
         "FILE",                                                               \
         &(job)->out,                                                          \
         0,                                                                    \
         0,                                                                    \
         "The ONNX file to write. Required."}

#define ROWS_WISH(job)                                                         \
    {"max-map-drop",                                                           \
     0,                                                                        \
     YT_OPTION_REAL,                                                           \
     "X",                                                                      \
     &(job)->options.max_map_drop,                                             \
     0,                                                                        \
     1,                                                                        \
     "At most so much of mAP, 0 to 1, may be lost (default: 0.01)."},          \
        {"min-fps",                                                            \
         0,                                                                    \
         YT_OPTION_REAL,                                                       \
         "N",                                                                  \
         &(job)->options.min_fps,                                              \
         0.01,                                                                 \
         1e6,                                                                  \
         "So many frames per second, with as little lost as can be."},         \
        {"prune",                                                              \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "WHAT",                                                               \
         &(job)->kinds,                                                        \
         0,                                                                    \
         0,                                                                    \
         "channels, blocks, or auto (default): both are tried. none: the "     \
         "network is only trained, at each --imgsz."},                         \
        {"imgsz",                                                              \
         0,                                                                    \
         YT_OPTION_LIST,                                                       \
         "N|HxW",                                                              \
         &(job)->sizes,                                                        \
         0,                                                                    \
         0,                                                                    \
         "Network input in pixels; several may be given: all are tried, what " \
         "is lost is counted from the first (default: the model's size)."},    \
        {"precision",                                                          \
         0,                                                                    \
         YT_OPTION_TEXT,                                                       \
         "NAME",                                                               \
         &(job)->precision,                                                    \
         0,                                                                    \
         0,                                                                    \
         "What it will compute with, so that times and mAP are those of it: "  \
         "fp32, int8, or auto (default): int8 where the whole network is "     \
         "faster with it and loses little."},                                  \
        {"rival",                                                              \
         0,                                                                    \
         YT_OPTION_LIST,                                                       \
         "FILE",                                                               \
         &(job)->rival_paths,                                                  \
         0,                                                                    \
         0,                                                                    \
         "A smaller model of the same classes to compare with; may be given "  \
         "several times."}

#define ROWS_TRAINING(job)                                                     \
    {"teacher",                                                                \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "FILE",                                                                   \
     &(job)->teacher_path,                                                     \
     0,                                                                        \
     0,                                                                        \
     "A network of the same classes to learn from (default: the model "        \
     "itself)."},                                                              \
        YT_OPTION_ROWS_LEARNING(&(job)->labels_word, &(job)->options.batch,    \
                                &(job)->no_augment, &(job)->seed),             \
        {"qat",                                                                \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(job)->options.qat,                                                  \
         0,                                                                    \
         0,                                                                    \
         "With int8: for the last fifth of the budget, train with weights "    \
         "and "                                                                \
         "values rounded as they will be."},                                   \
        {"epochs",                                                             \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(job)->options.epochs,                                               \
         1,                                                                    \
         100000,                                                               \
         "How often each recovery goes through the pictures, in place of a "   \
         "budget: two ratios, whose results do not depend on the time."},      \
        {"budget",                                                             \
         'b',                                                                  \
         YT_OPTION_TIME,                                                       \
         "TIME",                                                               \
         &(job)->options.budget_ns,                                            \
         0,                                                                    \
         0,                                                                    \
         "For training: 90s, 30m, 2h (default: 1h). Measuring comes on top."}

#define ROWS_WORK(job)                                                         \
    {"checkpoint",                                                             \
     0,                                                                        \
     YT_OPTION_TEXT,                                                           \
     "DIR",                                                                    \
     &(job)->folder,                                                           \
     0,                                                                        \
     0,                                                                        \
     "Where the work is kept (default: -o's name with .work, removed at the "  \
     "end)."},                                                                 \
        {"resume",                                                             \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(job)->options.resume,                                               \
         0,                                                                    \
         0,                                                                    \
         "Go on from what is kept there."},                                    \
        YT_OPTION_ROW_THREADS(&(job)->engine.threads),                         \
        YT_OPTION_ROW_ISA(&(job)->engine.isa),                                 \
        YT_OPTION_ROW_DB(&(job)->engine.db),                                   \
        YT_OPTION_ROW_QUIET(&(job)->quiet), YT_OPTION_ROW_JSON(&(job)->json)

static int parse(struct yt_compress_job *job, int argc, char **argv)
{
    int first = 0;
    const struct yt_option options[] = {
        ROWS_WHAT(job),
        ROWS_WISH(job),
        ROWS_TRAINING(job),
        ROWS_WORK(job),
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    return code < 0 ? check(job, argc - first, argv[first]) : code;
}

/* ------------------------------------------------------------------ run */

static enum yt_status run(struct yt_compress_job *job)
{
    YT_TRY(yt_compress_job_open(job));
    const enum yt_status status =
        yt_compress(job->graph, &job->options, &job->result);
    yt_progress_end(&job->progress);
    YT_TRY(status);
    const struct yt_compress_result *r = &job->result;
    YT_TRY(yt_onnx_write(r->graph, r->best.h, r->best.w, job->out));
    if (!r->interrupted && job->default_folder.at)
        yt_compress_forget(job->folder);
    return YT_OK;
}

static int finish(const struct yt_compress_job *job)
{
    const struct yt_compress_result *r = &job->result;
    const int code =
        job->json ? yt_compress_print_json(job) : yt_compress_print_text(job);
    if (code != YT_EXIT_OK)
        return code;
    if (r->interrupted)
        return YT_EXIT_INTERRUPTED;
    return r->kept ? YT_EXIT_OK : YT_EXIT_UNSATISFIABLE;
}

int yt_cmd_compress(int argc, char **argv)
{
    struct yt_compress_job job = {
        .data = {.split = "train"},
        .held_split = "val",
        .held_images = 500,
        .options = {.max_map_drop = NAN, .min_fps = NAN, .budget_ns = UNSET},
    };
    int code = parse(&job, argc, argv);
    if (code >= 0)
        return code;
    const enum yt_status status = run(&job);
    code = status == YT_OK ? finish(&job) : yt_cli_fail(status);
    yt_compress_job_close(&job);
    return code;
}
