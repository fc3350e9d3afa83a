/* yolotune bench: how fast a model runs here, before and after tuning. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_parallel.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "cli/report.h"
#include "eval/image.h"
#include "runtime/fail.h"
#include "tuner/measure/background.h"
#include "tuner/measure/bench.h"

static const struct yt_manual manual = {
    .command = "bench",
    .summary = "measure a model's speed here, before and after tuning",
    .synopsis = "[--model FILE] [OPTION]...",
    .description =
        "Runs whole frames, from 8-bit pixels to boxes, and prints frames per "
        "second, the median, and the 95th and 99th percentile of a frame's "
        "time, split into preprocessing, network and postprocessing.\n\n"
        "The plan that the database holds for this model on this machine is "
        "compared with the baseline, the schedules that are used before "
        "anything was tuned; frames of the two alternate, so that whatever "
        "else the machine does hits both alike. Without a plan the baseline "
        "is measured alone.\n\n"
        "With --parallel, the plan is measured on other arrangements of the "
        "threads: several images at the same time on a group of threads each "
        "(throughput), or the layers cut into stages, each run by a group, "
        "that images go through one behind the other (pipeline). A frame's "
        "time is then from its first layer to its boxes, and each arrangement "
        "runs for two seconds unless --frames or --budget say otherwise.\n\n"
        "Without --model the model that comes with yolotune is measured; "
        "builtin:n (s, m, l, x) is a graph with seeded weights: "
        "its speed is real, its boxes are not.",
    .examples = " yolotune bench -m yolov5s.pt\n"
                " yolotune bench -m yolov5s.pt --parallel all\n"
                " yolotune bench -m yolov5s.pt --parallel throughput:4x2 --pin"
                "\n"
                " yolotune bench -m yolov5s.pt --imgsz 384x640 --threads 1\n"
                " yolotune bench -m yolov5s.pt --json | jq .fps",
};

struct job {
    struct yt_cli_engine engine_options;
    struct yt_precision_wish precision;
    const char *image;
    int32_t frames, json;
    uint64_t budget_ns;
    float conf;
    const char *parallel_mode;
    struct yt_parallel parallel;

    struct yt_picture picture;
    struct yt_cli_opened opened;
    struct yt_engine *untuned;  /* with default schedules; NULL: not needed */
    struct yt_engine *tuned;    /* opened's; NULL: there is no plan */
    struct yt_engine *baseline; /* opened's or untuned; NULL: not compared */
    struct yt_frame_stats stats[2]; /* baseline, tuned */
};

/* Whether one image after the other on all threads, as it was before there
 * were other arrangements, is all that was asked for. */
static int is_plain(const struct job *job)
{
    const struct yt_parallel *p = &job->parallel;
    return strcmp(p->mode.name, "latency") == 0 && !p->pin &&
           !p->background_load;
}

static enum yt_status open_model(struct job *job)
{
    const struct yt_cli_wanted wanted = {.engine = &job->engine_options,
                                         .precision = &job->precision,
                                         .access = YT_SITE_READS};
    return yt_cli_open(&wanted, &job->opened);
}

static enum yt_status open_engines(struct job *job)
{
    YT_TRY(open_model(job));
    struct yt_engine *engine = job->opened.engine;
    yt_cli_engine_notes(engine);
    if (!is_plain(job) || engine->tuned)
        job->tuned = engine;
    else
        job->baseline = engine;
    if (!is_plain(job) || !engine->tuned)
        return YT_OK;
    struct yt_engine_options options;
    yt_cli_engine_options(&job->engine_options, &options);
    options.untuned = 1;
    options.quantisation = engine->build->quantisation;
    /* The plan may have settled on fewer threads; the baseline gets as many,
     * so that the comparison is about kernels. */
    options.threads = engine->build->plan.threads;
    YT_TRY(yt_engine_open(job->opened.site, job->opened.graph, &options,
                          &job->untuned));
    job->baseline = job->untuned;
    return YT_OK;
}

static enum yt_status measure(struct job *job)
{
    const struct yt_image image = {
        .pixels = job->picture.rgb,
        .width = job->picture.width,
        .height = job->picture.height,
        .stride_bytes = 3 * (int64_t)job->picture.width,
        .format = YT_PIXEL_RGB,
    };
    if (!is_plain(job)) {
        job->parallel.frames = job->frames;
        job->parallel.budget_ns = job->budget_ns;
        job->parallel.conf = job->conf;
        job->parallel.stop = yt_cli_stop_flag();
        return yt_parallel_measure(&job->parallel, job->tuned, &image);
    }
    struct yt_model *const models[] = {
        job->baseline->model,
        job->tuned ? job->tuned->model : NULL,
    };
    const struct yt_bench_options options = {
        .frames = job->frames,
        .budget_ns = job->budget_ns,
        .conf = job->conf,
        .stop = yt_cli_stop_flag(),
    };
    YT_TRY(yt_bench_frames(models, job->tuned ? 2 : 1, &image, &options,
                           job->stats));
    if (!job->tuned)
        job->stats[1] = job->stats[0];
    return YT_OK;
}

/* --------------------------------------------------------------- output */

static int is_builtin(const struct job *job)
{
    const struct yt_engine *engine = job->tuned ? job->tuned : job->baseline;
    return strcmp(engine->graph->format, "built-in") == 0;
}

static double fps(const struct yt_frame_stats *stats)
{
    return 1e9 / stats->total.median_ns;
}

static void add_row(struct yt_table *table, const char *name,
                    const struct yt_stats *s)
{
    char cells[5][YT_TEXT_MAX];
    yt_table_row(table,
                 (const char *[]){name, yt_text_time(s->min_ns, cells[0]),
                                  yt_text_time(s->median_ns, cells[1]),
                                  yt_text_time(s->mad_ns, cells[2]),
                                  yt_text_time(s->p95_ns, cells[3]),
                                  yt_text_time(s->p99_ns, cells[4])});
}

static void print_stats(const char *title, const struct yt_frame_stats *stats)
{
    struct yt_table table;
    printf("\n%s: %.1f frames/s over %d frames\n", title, fps(stats),
           stats->total.samples);
    yt_table_init(&table, "l|rmin|rmedian|rspread|rp95|rp99");
    add_row(&table, "preprocess", &stats->preprocess);
    add_row(&table, "network", &stats->network);
    add_row(&table, "postprocess", &stats->postprocess);
    add_row(&table, "total", &stats->total);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

static void print_text(const struct job *job)
{
    const struct yt_engine *engine = job->tuned ? job->tuned : job->baseline;
    const struct yt_plan *plan = &engine->build->plan;
    printf("%s, %dx%d, %s, ", plan->model, plan->h, plan->w, plan->isa->name);
    if (is_plain(job))
        printf("%d thread%s, ", plan->threads, plan->threads == 1 ? "" : "s");
    char precision[YT_PRECISION_WORD_MAX];
    printf("%s%s\n", yt_cli_precision(engine, precision),
           !is_builtin(job)
               ? ""
               : " (built-in graph with seeded weights: the speed is real, "
                 "the boxes are not)");
    if (!is_plain(job)) {
        printf("%s schedules%s%s\n\n", engine->tuned ? "tuned" : "default",
               job->parallel.pin ? ", pinned" : "",
               job->parallel.background_load ? ", beside busy threads" : "");
        yt_parallel_print(&job->parallel);
        return;
    }
    print_stats("baseline", &job->stats[0]);
    if (!job->tuned) {
        printf("\nNo stored plan fits this model on this machine: it is not "
               "tuned yet.\n");
        return;
    }
    print_stats("tuned", &job->stats[1]);
    printf("\ntuned / baseline: %.2f x the frames/s\n",
           fps(&job->stats[1]) / fps(&job->stats[0]));
}

static void add_stats(struct yt_json *doc, json_t *to, const char *name,
                      const struct yt_stats *stats)
{
    json_t *object = yt_json_object(doc, to, name);
    yt_json_real(doc, object, "min", stats->min_ns * 1e-6);
    yt_json_real(doc, object, "median", stats->median_ns * 1e-6);
    yt_json_real(doc, object, "p95", stats->p95_ns * 1e-6);
    yt_json_real(doc, object, "p99", stats->p99_ns * 1e-6);
}

static void add_frame_stats(struct yt_json *doc, json_t *to,
                            const struct yt_frame_stats *stats)
{
    add_stats(doc, to, "preprocess_ms", &stats->preprocess);
    add_stats(doc, to, "network_ms", &stats->network);
    add_stats(doc, to, "postprocess_ms", &stats->postprocess);
    add_stats(doc, to, "total_ms", &stats->total);
    yt_json_real(doc, to, "fps", fps(stats));
    yt_json_int(doc, to, "frames", stats->total.samples);
}

static int print_json(const struct job *job)
{
    const struct yt_engine *engine = job->tuned ? job->tuned : job->baseline;
    const struct yt_plan *plan = &engine->build->plan;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "model", plan->model);
    yt_json_bool(&doc, NULL, "builtin", is_builtin(job));
    yt_json_int(&doc, NULL, "imgsz", plan->h > plan->w ? plan->h : plan->w);
    yt_json_int(&doc, NULL, "height", plan->h);
    yt_json_int(&doc, NULL, "width", plan->w);
    yt_json_int(&doc, NULL, "threads", plan->threads);
    yt_json_text(&doc, NULL, "isa", plan->isa->name);
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_text(&doc, NULL, "precision", yt_cli_precision(engine, precision));
    yt_json_bool(&doc, NULL, "tuned", engine->tuned);
    if (!is_plain(job)) {
        yt_parallel_json(&job->parallel, &doc);
        return yt_json_print(&doc);
    }
    add_frame_stats(&doc, NULL, &job->stats[1]);
    add_frame_stats(&doc, yt_json_object(&doc, NULL, "baseline"),
                    &job->stats[0]);
    return yt_json_print(&doc);
}

static int measure_and_print(struct job *job)
{
    enum yt_status status = yt_cli_frame(job->image, &job->picture);
    int result = YT_EXIT_OK;
    if (status == YT_OK)
        status = open_engines(job);
    if (status == YT_OK)
        status = measure(job);
    if (status != YT_OK)
        result = yt_cli_fail(status);
    else if (job->json)
        result = print_json(job);
    else
        print_text(job);
    yt_engine_close(job->untuned);
    yt_cli_close(&job->opened);
    yt_picture_deinit(&job->picture);
    return result;
}

int yt_cmd_bench(int argc, char **argv)
{
    struct job job = {0};
    int operand = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROWS_ENGINE(&job.engine_options),
        YT_OPTION_ROW_BANDS(&job.engine_options),
        YT_OPTION_ROWS_PRECISION(&job.precision),
        {"image", 0, YT_OPTION_TEXT, "FILE", &job.image, 0, 0,
         "The picture to run on (default: 1280x720 pixels of noise, in which "
         "hardly anything is found)."},
        {"conf", 0, YT_OPTION_NUMBER, "SCORE", &job.conf, 0.001, 1,
         "Lowest score of a box (default: 0.25)."},
        {"frames", 'n', YT_OPTION_INT, "N", &job.frames, 1, 1000000,
         "Frames to time for each of the two (default: 100)."},
        {"budget", 0, YT_OPTION_TIME, "TIME", &job.budget_ns, 0, 0,
         "End after this much time even if frames are left: 30s, 5m."},
        {"parallel", 0, YT_OPTION_TEXT, "MODE", &job.parallel_mode, 0, 0,
         "How threads share the work: latency (all on one image), "
         "throughput[:GROUPSxTHREADS] (an image a group; default: groups of "
         "one thread), pipeline[:STAGESxTHREADS] (a stage of the layers a "
         "group), or all: every even split (default: latency)."},
        {"pin", 0, YT_OPTION_FLAG, NULL, &job.parallel.pin, 0, 0,
         "Give each thread a CPU of its own."},
        {"background-load", 0, YT_OPTION_INT, "N",
         &job.parallel.background_load, 0, YT_BACKGROUND_MAX,
         "Measure beside N threads that keep CPUs busy (default: none)."},
        YT_OPTION_ROW_JSON(&job.json),
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand < argc)
        return yt_cli_usage("bench", "%s: takes no arguments", argv[operand]);
    if (!yt_parallel_parse(job.parallel_mode, &job.parallel.mode))
        return yt_cli_usage("bench",
                            "--parallel %s: want latency, "
                            "throughput[:GROUPSxTHREADS], "
                            "pipeline[:STAGESxTHREADS] or all",
                            job.parallel_mode);
    const int precision = yt_cli_precision_check("bench", &job.precision);
    return precision >= 0 ? precision : measure_and_print(&job);
}
