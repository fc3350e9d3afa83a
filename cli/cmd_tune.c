/* The main job: `yolotune --scenario realtime --model yolov5n.pt`. */

#include "cli/cli.h"
#include "cli/opened.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/advice_report.h"
#include "cli/data_options.h"
#include "cli/default_model.h"
#include "cli/export_engine.h"
#include "cli/limit_options.h"
#include "cli/precision_options.h"
#include "cli/report.h"
#include "cli/tune_train.h"
#include "eval/image.h"
#include "export/export.h"
#include "runtime/fail.h"

static const struct yt_manual manual = {
    .command = "tune",
    .summary = "find the best way to run YOLOv5 on this machine",
    .synopsis = "[--scenario NAME] [--model FILE]... [--data FILE] [OPTION]...",
    .description =
        "Measures how models, input sizes, arithmetic (fp32, bf16, 16 and 8 "
        "bits), preprocessing, suppression, "
        "test-time augmentation, arrangements of threads and kernels tuned for "
        "this CPU trade speed, accuracy and memory; recommends the combination "
        "that serves the scenario best within the limits, and shows the rows "
        "of the database that prove it. This is what yolotune does when no "
        "command is named.\n\n"
        "Settings are tried one by one on few pictures, the best are mixed and "
        "tried on more, the best of those on all (successive halving); then "
        "kernels are searched for the best, each checked against a "
        "double-precision reference; at last the baseline and every step to "
        "the recommendation are timed in turn.\n\n"
        "The baseline is the first model at the size it was made for, with "
        "untuned kernels, all threads on one picture. Speed is from a picture "
        "in memory to its boxes; accuracy is that of a product's boxes.\n\n"
        "Everything measured is kept: Ctrl-C, a kill or the end of the budget "
        "lose nothing, and what was recommended before is shown at once. "
        "--budget searches on.\n\n"
        "Without --data accuracy cannot be measured, and only what leaves the "
        "boxes as they are is a choice. Without --model, the model and the "
        "pictures that come with yolotune are used. --model builtin:n (s, m, "
        "l, x) is a graph with seeded weights: its speed is real, its boxes "
        "mean nothing.",
    .examples =
        " yolotune --scenario realtime --model yolov5s.pt --data coco.yaml\n"
        " yolotune -s accuracy -m yolov5n.pt -m yolov5s.pt -d coco.yaml "
        "--min-fps 30\n"
        " yolotune -s constrained -m yolov5n.pt -d coco.yaml --max-memory "
        "32MiB\n"
        " yolotune --scenario realtime -m yolov5n.pt --budget 30s --out "
        "build/yolo\n",
};

#define UNSET         UINT64_MAX
#define MIN_BUDGET_NS 1000000000u

struct job {
    struct yt_cli_engine engine_options;
    struct yt_texts models;
    struct yt_dataset_options data;
    struct yt_precision_wish precision;
    const char *scenario_name, *image, *out, *name;
    int32_t json, exhaustive, quiet, background_load, default_data;
    uint64_t budget_ns, train_budget_ns, max_latency_ns;
    struct yt_wishes wishes;
    const struct yt_scenario *scenario;
    const volatile int *stop;

    struct yt_picture picture;
    struct yt_lab *lab;
    struct yt_progress progress;
    struct yt_advice advice;
    int has_advice;
    char trained[512]; /* model that was made here; "": none */
};

/* --------------------------------------------------------------- progress */

static void on_progress(void *user, const struct yt_advisor_event *event)
{
    struct job *job = user;
    const double total = event->elapsed_s + event->left_s;
    char best[128] = "";
    if (event->best && !isnan(event->best->figures.map))
        snprintf(best, sizeof best, ", best %.1f FPS mAP %.3f",
                 event->best->figures.fps, event->best->figures.map);
    else if (event->best)
        snprintf(best, sizeof best, ", best %.1f FPS",
                 event->best->figures.fps);
    const struct yt_progress_event *k = event->kernels;
    if (k && strcmp(k->phase, "search") == 0)
        yt_progress_show(&job->progress, event->elapsed_s, total,
                         "kernels: problem %d of %d, %s, %d tried, best %.0f "
                         "GFLOP/s (first %.0f, peak %.0f)",
                         k->done_layers + 1, k->layers, k->layer, k->tried,
                         k->best_gflops, k->first_gflops, k->peak_gflops);
    else if (k)
        yt_progress_show(&job->progress, event->elapsed_s, total, "kernels: %s",
                         k->phase);
    else if (event->planned)
        yt_progress_show(&job->progress, event->elapsed_s, total,
                         "%s: %d of %d, %s%s", event->phase, event->done + 1,
                         event->planned, event->what, best);
    else
        yt_progress_show(&job->progress, event->elapsed_s, total, "%s: %s%s",
                         event->phase, event->what, best);
}

static void on_calibration(void *user, const char *what, int32_t done,
                           int32_t total)
{
    struct job *job = user;
    yt_progress_show(&job->progress, done, total, "calibration: %d of %d %s",
                     done, total, what);
}

/* -------------------------------------------------------------------- run */

static enum yt_status open_lab(struct job *job)
{
    struct yt_lab_options options = {
        .models = job->models.items,
        .model_count = job->models.count,
        .data = job->data.path ? &job->data : NULL,
        .precision = &job->precision,
        .keep_exportable = job->out != NULL,
        .background_load = job->background_load,
        .stop = job->stop,
    };
    const struct yt_image image = {
        .pixels = job->picture.rgb,
        .width = job->picture.width,
        .height = job->picture.height,
        .stride_bytes = 3 * (int64_t)job->picture.width,
        .format = YT_PIXEL_RGB,
    };
    options.image = &image;
    job->precision.stop = job->stop;
    job->precision.progress = on_calibration;
    job->precision.user = job;
    yt_cli_site_options(&job->engine_options, &options.site);
    yt_cli_engine_options(&job->engine_options, &options.engine);
    options.site.access = YT_SITE_KEEPS;
    YT_TRY(yt_lab_open(&options, &job->lab));
    yt_cli_site_notes(yt_lab_site(job->lab));
    return YT_OK;
}

static enum yt_status export_choice(struct job *job)
{
    struct yt_engine *engine = NULL;
    if (!job->out)
        return YT_OK;
    YT_TRY(yt_lab_engine(job->lab, &job->advice.choice.config, &engine));
    return yt_cli_export(engine, job->name, job->out, job->advice.choice.name);
}

static enum yt_status advise(struct job *job)
{
    const struct yt_advisor_options options = {
        .scenario = job->scenario,
        .wishes = job->wishes,
        .budget_ns = job->budget_ns,
        .exhaustive = job->exhaustive,
        .stop = job->stop,
        .progress = on_progress,
        .user = job,
    };
    YT_TRY(open_lab(job));
    yt_progress_begin(&job->progress, job->quiet);
    const enum yt_status status = yt_advise(job->lab, &options, &job->advice);
    yt_progress_end(&job->progress);
    YT_TRY(status);
    job->has_advice = 1;
    return YT_OK;
}

/* The recommended network, pruned and trained, is one more to choose from. */
static enum yt_status train(struct job *job)
{
    const struct yt_tune_training training = {
        .data = &job->data,
        .max_map_drop = job->wishes.max_map_drop,
        .min_fps = job->wishes.min_fps,
        .budget_ns = job->train_budget_ns,
        .path = job->trained,
        .stop = job->stop,
        .progress = &job->progress,
    };
    const struct yt_config choice = job->advice.choice.config;
    const int32_t length = snprintf(
        job->trained, sizeof job->trained, "%s-small.onnx",
        job->out ? job->out
                 : yt_lab_choices(job->lab)->models[choice.model].name);
    YT_FAIL_IF(length < 0 || (size_t)length >= sizeof job->trained ||
                   job->models.count == YT_TEXTS_MAX,
               YT_BAD_ARGUMENT, "--train-budget: no room for another model");
    yt_progress_begin(&job->progress, job->quiet);
    const enum yt_status status = yt_tune_train(job->lab, &choice, &training);
    yt_progress_end(&job->progress);
    if (*job->stop) /* the advice stands */
        return YT_OK;
    if (status != YT_OK) {
        fprintf(stderr, "yolotune: nothing smaller was found: %s\n",
                yt_error());
        return YT_OK;
    }
    job->models.items[job->models.count++] = job->trained;
    job->has_advice = 0;
    yt_lab_close(job->lab);
    job->lab = NULL;
    return advise(job);
}

static enum yt_status run(struct job *job)
{
    if (job->out) /* before minutes of search, not after them */
        YT_TRY(yt_export_check(job->name, job->out));
    YT_TRY(yt_cli_frame(job->image, &job->picture));
    YT_TRY(advise(job));
    if (job->train_budget_ns && !*job->stop)
        YT_TRY(train(job));
    return export_choice(job);
}

/* The nearest is shown, and is no recommendation. */
static enum yt_status judge(const struct job *job)
{
    YT_FAIL_IF(job->advice.missed[0], YT_UNSATISFIABLE,
               "no configuration that was measured keeps the limits: the "
               "nearest, %s, has %s",
               job->advice.choice.name, job->advice.missed);
    return YT_OK;
}

static int finish(struct job *job, enum yt_status status)
{
    const struct yt_advice_report report = {
        .lab = job->lab,
        .advice = &job->advice,
        .out = job->out,
        .default_data = job->default_data,
    };
    int code = YT_EXIT_OK;
    if (!job->has_advice)
        return yt_cli_fail(status);
    if (job->json)
        code = yt_advice_print_json(&report);
    else
        yt_advice_print_text(&report);
    if (status == YT_OK)
        status = judge(job);
    if (status != YT_OK)
        code = yt_cli_fail(status);
    return code == YT_EXIT_OK && *job->stop ? YT_EXIT_INTERRUPTED : code;
}

/* ---------------------------------------------------------------- command */

/* What a missing model or data set stands for. */
static void fill_in(struct job *job)
{
    const char *model = yt_default_model();
    const int is_default = job->models.count == 0 && model;
    if (job->models.count == 0)
        job->models.items[job->models.count++] = model ? model : "builtin:n";
    if (is_default && !job->data.path) {
        job->data.path = yt_default_data();
        job->default_data = 1;
    }
    job->precision.default_calib = job->data.path;
}

static int check(struct job *job, int operands, const char *first)
{
    if (operands > 0)
        return yt_cli_usage("tune", "%s: there is no operand to take", first);
    job->scenario = yt_scenario_find(job->scenario_name);
    if (!job->scenario)
        return yt_cli_usage("tune",
                            "%s is no scenario: realtime, accuracy or "
                            "constrained",
                            job->scenario_name);
    if (job->budget_ns == UNSET)
        job->budget_ns = 0; /* the default */
    else if (job->budget_ns < MIN_BUDGET_NS)
        return yt_cli_usage("tune", "--budget: at least 1s is needed");
    if (!isnan(job->wishes.min_map) && !isnan(job->wishes.max_map_drop))
        return yt_cli_usage("tune", "--min-map and --max-map-drop say the same "
                                    "in two ways: give one of them");
    if (job->max_latency_ns != UNSET)
        job->wishes.max_latency_ns = (double)job->max_latency_ns;
    if (job->scenario->threads && !job->engine_options.threads)
        job->engine_options.threads = job->scenario->threads;
    const int off = yt_cli_precision_check("tune", &job->precision);
    if (off >= 0)
        return off;
    fill_in(job);
    if (job->train_budget_ns && !job->data.path)
        return yt_cli_usage("tune", "--train-budget needs --data, pictures to "
                                    "train and to measure on");
    if (!job->data.path &&
        (!isnan(job->wishes.min_map) || !isnan(job->wishes.max_map_drop)))
        return yt_cli_usage("tune", "limits on mAP need --data, pictures with "
                                    "labels to measure it on");
    return -1;
}

/* The command line in the job; an exit code, or -1 to go on. */
static int parse(struct job *job, int argc, char **argv)
{
    const struct yt_option options[] = {
        {"scenario", 's', YT_OPTION_TEXT, "NAME", &job->scenario_name, 0, 0,
         "realtime (default): the most pictures per second with at least 95 % "
         "of the baseline's mAP. accuracy: at most 0.002 of mAP below the "
         "baseline, then speed; with --min-fps the best mAP that is fast "
         "enough. constrained: one core and 64 MiB unless given, and the best "
         "mAP within."},
        {"model", 'm', YT_OPTION_LIST, "FILE", &job->models, 0, 0,
         "A network: a YOLOv5 v1.0-v7.0, YOLOv5u or YOLOv8 checkpoint (.pt) or "
         "its ONNX export. Several may be given, of the same classes; the "
         "first is the baseline."},
        YT_OPTION_ROWS_DATA(
            &job->data,
            "Labelled pictures: a data.yaml, a folder with one, or a COCO file "
            "of instances (.json). See yolotune eval."),
        YT_OPTION_ROWS_LIMITS(&job->wishes, &job->max_latency_ns),
        YT_OPTION_ROW_PRECISION(
            &job->precision,
            "What convolutions compute with: fp32, bf16, int16 or int8; auto "
            "(default): whatever serves the scenario best, as measured. "
            "Without --data it is fp32 unless another is asked for."),
        YT_OPTION_ROWS_CALIBRATION(&job->precision),
        YT_OPTION_ROW_IMGSZ(&job->engine_options.imgsz),
        YT_OPTION_ROW_THREADS(&job->engine_options.threads),
        YT_OPTION_ROW_ISA(&job->engine_options.isa),
        {"background-load", 0, YT_OPTION_INT, "N", &job->background_load, 0,
         256, "Measure speed beside N busy threads."},
        {"dense-heads", 0, YT_OPTION_FLAG, NULL,
         &job->engine_options.dense_heads, 0, 0,
         "Compute the detection heads whole, as other engines do. The boxes "
         "are the same; a plan of its own is tuned."},
        YT_OPTION_ROW_DB(&job->engine_options.db),
        {"budget", 'b', YT_OPTION_TIME, "TIME", &job->budget_ns, 0, 0,
         "Time for the whole search, e.g. 30s or 5m (default: 200s). Given, it "
         "also goes on where an earlier run ended."},
        YT_OPTION_ROW_TRAIN_BUDGET(&job->train_budget_ns),
        {"exhaustive", 0, YT_OPTION_FLAG, NULL, &job->exhaustive, 0, 0,
         "Try all of the kernels' space until the budget ends."},
        {"image", 'i', YT_OPTION_TEXT, "FILE", &job->image, 0, 0,
         "Without --data: picture to time frames with (default: 1280x720 of "
         "noise)."},
        {"out", 'o', YT_OPTION_TEXT, "DIR", &job->out, 0, 0,
         "Also export the recommended runtime library there: see yolotune "
         "export. What a library cannot do is then no choice."},
        {"name", 0, YT_OPTION_TEXT, "NAME", &job->name, 0, 0,
         "The exported library's name (default: the model's)."},
        YT_OPTION_ROW_QUIET(&job->quiet),
        YT_OPTION_ROW_JSON(&job->json),
    };
    int operand = 0;
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    return code < 0 ? check(job, argc - operand, argv[operand]) : code;
}

int yt_cmd_tune(int argc, char **argv)
{
    struct job job;
    memset(&job, 0, sizeof job);
    job.scenario_name = "realtime";
    job.budget_ns = UNSET;
    job.max_latency_ns = UNSET;
    job.wishes = yt_no_wishes;
    job.precision.chooses = 1;
    int code = parse(&job, argc, argv);
    if (code >= 0)
        return code;
    job.stop = yt_cli_stop_flag();
    code = finish(&job, run(&job));
    yt_lab_close(job.lab);
    yt_picture_deinit(&job.picture);
    return code;
}
