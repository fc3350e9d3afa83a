/* yolotune eval: how well a model finds what a labelled data set shows. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "cli/cli.h"
#include "cli/data_options.h"
#include "cli/eval_report.h"
#include "cli/frame_options.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "cli/report.h"
#include "runtime/fail.h"
#include "strategies/lab/accuracy.h"

#define PROBLEMS_SHOWN 10

static const struct yt_manual manual = {
    .command = "eval",
    .summary = "measure a model's accuracy on a labelled data set",
    .synopsis = "--model FILE --data FILE [OPTION]...\n"
                "--results FILE --data FILE [OPTION]...",
    .description =
        "Runs the model over every picture of a data set and computes COCO's "
        "mean average precision: over overlaps from 0.5 to 0.95, at 0.5 and at "
        "0.75, for small, medium and large objects, and per class; with the "
        "precision and recall at the score where their F1 is best. Pictures "
        "are letterboxed as detect does it; candidates and their suppression "
        "are those of YOLOv5's val.py, so that figures compare with published "
        "ones. docs/ACCURACY.md says how it is done and how it was checked.\n\n"
        "--data is a data.yaml as YOLOv5 reads it, a folder with one, or a "
        "COCO file of instances. One that names fewer classes than the model, "
        "such as only 'person', is measured for those. Pictures that are "
        "missing or damaged, or "
        "whose labels are, are told and left out.\n\n"
        "With --compare a second model, or a file of results, is measured over "
        "the same pictures, and the difference comes with the interval that "
        "other pictures of this kind could have given.",
    .examples =
        " yolotune eval -m yolov5s.pt --data coco.yaml\n"
        " yolotune eval -m yolov5n.pt --data instances_val2017.json --json\n"
        " yolotune eval -m yolov5n.pt --data coco.yaml --compare yolov5s.pt\n"
        " yolotune eval -m yolov5n.pt --data coco.yaml --save-json found.json",
};

struct job {
    struct yt_cli_engine engine;
    struct yt_dataset_options data;
    struct yt_predict_options options;
    struct yt_cli_frame_options frame;
    struct yt_precision_wish precision;
    float iou;
    const char *nms, *results, *compare, *save;
    int32_t json, per_class, quiet, draws;

    struct yt_dataset *dataset;
    struct yt_progress progress;
    const char *running; /* the run that progress is about */
    struct yt_eval_run runs[2];
    int run_count;
    struct yt_bootstrap_result difference;
};

/* ------------------------------------------------------------------- runs */

static void on_progress(void *user, int32_t done, int32_t total)
{
    struct job *job = user;
    yt_progress_show(&job->progress, done, total, "%s: %d of %d pictures",
                     job->running, done, total);
}

static int is_results(const char *file)
{
    const size_t length = strlen(file);
    return length > 5 && strcmp(file + length - 5, ".json") == 0;
}

static void name_run(struct yt_eval_run *run, const char *source)
{
    const char *slash = strrchr(source, '/');
    const char *name = slash ? slash + 1 : source;
    const char *dot = strrchr(name, '.');
    run->source = source;
    snprintf(run->name, sizeof run->name, "%.*s",
             (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name)),
             name);
}

/* Results of two models are compared by class number. */
static enum yt_status check_same_order(const struct yt_plan *a,
                                       const struct yt_plan *b)
{
    for (int32_t i = 0; i < a->nc && i < b->nc; i++)
        for (int32_t j = 0; j < a->nc; j++)
            YT_FAIL_IF(i != j && strcmp(b->classes[i], a->classes[j]) == 0 &&
                           strcmp(b->classes[i], a->classes[i]) != 0,
                       YT_UNSUPPORTED,
                       "%s and %s number classes differently: '%s' is %d in "
                       "one and %d in the other",
                       a->model, b->model, b->classes[i], j, i);
    return YT_OK;
}

static enum yt_status open_model(struct job *job, struct yt_eval_run *run)
{
    struct yt_cli_engine engine = job->engine;
    engine.model = run->source;
    struct yt_precision_wish precision = job->precision;
    precision.default_calib = job->data.path;
    precision.measured = job->dataset;
    precision.stop = yt_cli_stop_flag();
    const struct yt_cli_wanted wanted = {.engine = &engine,
                                         .precision = &precision,
                                         .access = YT_SITE_TRIES,
                                         .augment = job->options.augment,
                                         .site = job->runs[0].opened.site};
    YT_TRY(yt_cli_open(&wanted, &run->opened));
    run->engine = run->opened.engine;
    const struct yt_plan *plan = &run->engine->build->plan;
    const struct yt_engine *other = job->runs[0].engine;
    if (run != job->runs && other)
        YT_TRY(check_same_order(&other->build->plan, plan));
    const int32_t named = job->dataset->class_count;
    YT_TRY(yt_dataset_adopt_classes(job->dataset, plan->nc, plan->classes));
    if (named < plan->nc)
        fprintf(stderr,
                "yolotune: %s names %d of the model's %d classes; boxes of "
                "others do not count\n",
                job->dataset->name, named, plan->nc);
    return YT_OK;
}

static enum yt_status predict(struct job *job, struct yt_eval_run *run,
                              const struct yt_predict_options *options)
{
    const struct yt_engine_set *set = &run->opened.set;
    if (!options->augment)
        return yt_predict(&run->engine->build->bundle, job->dataset, options,
                          &run->results);
    struct yt_predict_pass passes[YT_AUGMENT_SCALES];
    for (int32_t i = 0; i < set->count; i++)
        passes[i] = (struct yt_predict_pass){
            .bundle = &set->engines[i]->build->bundle,
            .flip = yt_augment_scales[i].flip,
        };
    return yt_predict_passes(passes, set->count, job->dataset, options,
                             &run->results);
}

static enum yt_status run_model(struct job *job, struct yt_eval_run *run)
{
    YT_TRY(open_model(job, run));
    job->running = run->name;
    struct yt_predict_options options = job->options;
    options.workers = job->engine.threads ? job->engine.threads
                                          : run->engine->site->host.threads;
    options.stop = yt_cli_stop_flag();
    options.progress = on_progress;
    options.user = job;
    const uint64_t begin = yt_now_ns();
    yt_progress_begin(&job->progress, job->quiet);
    const enum yt_status status = predict(job, run, &options);
    yt_progress_end(&job->progress);
    run->seconds = 1e-9 * (double)(yt_now_ns() - begin);
    return status;
}

/* Models first: they settle the order of classes and the sizes of pictures,
 * which results from files refer to. */
static enum yt_status make_runs(struct job *job)
{
    const int count = job->compare ? 2 : 1;
    int models = 0;
    job->run_count = count;
    name_run(&job->runs[0], job->results ? job->results : job->engine.model);
    if (job->compare)
        name_run(&job->runs[1], job->compare);
    for (int i = 0; i < count; i++) {
        if (is_results(job->runs[i].source))
            continue;
        YT_TRY(run_model(job, &job->runs[i]));
        models++;
    }
    if (models == 0)
        YT_TRY(yt_predict_sizes(job->dataset));
    for (int i = 0; i < count; i++)
        if (is_results(job->runs[i].source))
            YT_TRY(yt_results_load(job->runs[i].source, job->dataset,
                                   &job->runs[i].results));
    return YT_OK;
}

/* Once all runs were made, so that each is about the same pictures. */
static enum yt_status measure(struct job *job)
{
    for (int i = 0; i < job->run_count; i++) {
        struct yt_eval_run *run = &job->runs[i];
        YT_TRY(yt_map_create(job->dataset, &run->results, &run->map));
        YT_TRY(yt_map_summarize(run->map, &run->summary));
    }
    if (job->run_count < 2)
        return YT_OK;
    const struct yt_bootstrap_options options = {
        .draws = job->draws,
        .seed = 1,
        .stop = yt_cli_stop_flag(),
    };
    return yt_bootstrap_compare(job->runs[0].map, job->runs[1].map, &options,
                                &job->difference);
}

/* A plan's accuracy goes beside its speed, where that is known. Searching a
 * picture more than once has another speed. */
static enum yt_status store(struct job *job, struct yt_eval_run *run)
{
    if (!run->engine || !run->engine->site->db || !run->engine->plan_id ||
        yt_db_is_read_only(run->engine->site->db) || job->options.flip ||
        job->options.augment)
        return YT_OK;
    const struct yt_db_plan_key key =
        yt_engine_plan_key(run->engine, YT_DB_TUNED);
    struct yt_accuracy accuracy;
    yt_accuracy_of(job->dataset, &job->options, &run->summary, &accuracy);
    const enum yt_status status =
        yt_accuracy_store(run->engine->site->db, &key, run->engine->plan_id,
                          &accuracy, &run->evaluation);
    return status == YT_NOT_FOUND ? YT_OK : status;
}

static void tell_problems(const struct job *job)
{
    const struct yt_dataset *d = job->dataset;
    for (int32_t i = 0; i < d->problem_count && i < PROBLEMS_SHOWN; i++)
        fprintf(stderr, "yolotune: left out or doubtful: %s\n", d->problems[i]);
    if (d->problem_count > PROBLEMS_SHOWN)
        fprintf(stderr, "yolotune: and %d more; --json lists all\n",
                d->problem_count - PROBLEMS_SHOWN);
    if (d->duplicates > 0)
        fprintf(stderr,
                "yolotune: %d labels stand in their file twice and "
                "count once\n",
                d->duplicates);
}

static enum yt_status run_job(struct job *job)
{
    YT_TRY(yt_dataset_open(&job->data, &job->dataset));
    YT_TRY(make_runs(job));
    if (job->save)
        YT_TRY(yt_results_save(&job->runs[0].results, job->dataset, job->save));
    YT_TRY(measure(job));
    for (int i = 0; i < job->run_count; i++)
        YT_TRY(store(job, &job->runs[i]));
    return YT_OK;
}

/* ---------------------------------------------------------------- command */

static int report(const struct job *job)
{
    const struct yt_eval_report report = {
        .dataset = job->dataset,
        .options = job->options,
        .runs = job->runs,
        .run_count = job->run_count,
        .difference = job->run_count > 1 ? &job->difference : NULL,
        .per_class = job->per_class,
    };
    tell_problems(job);
    if (job->json)
        return yt_eval_print_json(&report);
    yt_eval_print_text(&report);
    return YT_EXIT_OK;
}

static void close_job(struct job *job)
{
    for (int i = 0; i < job->run_count; i++) {
        yt_results_deinit(&job->runs[i].results);
        yt_map_destroy(job->runs[i].map);
        yt_map_summary_deinit(&job->runs[i].summary);
    }
    /* The second model may be on the first one's site. */
    for (int i = job->run_count - 1; i >= 0; i--)
        yt_cli_close(&job->runs[i].opened);
    yt_dataset_close(job->dataset);
}

/* The double that the user's decimal stands for; a float is not it, and
 * suppression compares in double precision. */
static double as_typed(float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", (double)value);
    return strtod(text, NULL);
}

static int check(struct job *job, int operands, char **argv, int first)
{
    static const char *const splits[] = {"train", "val", "test"};
    int known = job->data.split == NULL;
    for (size_t i = 0; i < sizeof splits / sizeof splits[0] && !known; i++)
        known = strcmp(job->data.split, splits[i]) == 0;
    if (operands > 0)
        return yt_cli_usage("eval", "%s: takes no arguments", argv[first]);
    if (!job->data.path)
        return yt_cli_usage("eval", "--data is missing");
    if (!job->engine.model == !job->results)
        return yt_cli_usage("eval", "either --model or --results is needed");
    if (!known)
        return yt_cli_usage("eval", "--split %s: not train, val or test",
                            job->data.split);
    if (job->results && !is_results(job->results))
        return yt_cli_usage("eval", "--results %s: not a .json file",
                            job->results);
    job->options.exact_nms = strcmp(job->nms, "exact") == 0;
    if (!job->options.exact_nms && strcmp(job->nms, "ultralytics") != 0)
        return yt_cli_usage("eval", "--nms %s: not ultralytics or exact",
                            job->nms);
    job->options.iou = as_typed(job->iou);
    const int code = yt_cli_frame_check("eval", &job->frame);
    job->options.fit = job->frame.fit;
    job->options.filter = job->frame.filter;
    job->options.candidates = job->frame.candidates;
    job->options.flip = job->frame.flip;
    job->options.augment = job->frame.augment;
    return code < 0 ? yt_cli_precision_check("eval", &job->precision) : code;
}

#define OPTION_ROWS_BOXES(job)                                                 \
    {"conf",                                                                   \
     0,                                                                        \
     YT_OPTION_NUMBER,                                                         \
     "SCORE",                                                                  \
     &(job)->options.conf,                                                     \
     0.0001,                                                                   \
     1,                                                                        \
     "Lowest score of a box (default: 0.001).",                                \
     {"conf-thres"}},                                                          \
    {                                                                          \
        "iou", 0, YT_OPTION_NUMBER, "OVERLAP", &(job)->iou, 0.01, 1,           \
            "Of two boxes of a class that overlap by more than this share of " \
            "their union, the better one stays (default: 0.6).",               \
            {"iou-thres"}                                                      \
    }

/* The command line in the job; an exit code, or -1 to go on. */
static int parse(struct job *job, int argc, char **argv)
{
    int first = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROW_MODEL(&job->engine.model),
        YT_OPTION_ROWS_DATA(
            &job->data,
            "The data set: a data.yaml, Darknet's obj.data, a folder with one "
            "or with classes.txt and images, or a COCO file of instances "
            "(.json)."),
        YT_OPTION_ROW_IMGSZ(&job->engine.imgsz),
        OPTION_ROWS_BOXES(job),
        {"max-det", 0, YT_OPTION_INT, "N", &job->options.max_det, 1, 100000,
         "Most boxes of a picture (default: 300)."},
        {"nms", 0, YT_OPTION_TEXT, "MODE", &job->nms, 0, 0,
         "How boxes suppress each other: ultralytics (default) rounds and "
         "limits as YOLOv5 does, bit for bit; exact is what products run."},
        {"single-label", 0, YT_OPTION_FLAG, NULL, &job->options.single_label, 0,
         0,
         "Take the best class of a cell alone, as products do, not every class "
         "that passes."},
        {"agnostic", 0, YT_OPTION_FLAG, NULL, &job->options.class_agnostic, 0,
         0, "Let boxes of different classes suppress each other."},
        YT_OPTION_ROWS_FRAME(&job->frame),
        YT_OPTION_ROWS_PRECISION(&job->precision),
        {"compare", 0, YT_OPTION_TEXT, "FILE", &job->compare, 0, 0,
         "Another model, or another's results (.json), to be measured over the "
         "same pictures."},
        {"draws", 0, YT_OPTION_INT, "N", &job->draws, 100, 100000,
         "How often --compare draws pictures anew (default: 1000)."},
        {"results", 0, YT_OPTION_TEXT, "FILE", &job->results, 0, 0,
         "Measure these results, a file in COCO's format, instead of a "
         "model."},
        {"save-json", 0, YT_OPTION_TEXT, "FILE", &job->save, 0, 0,
         "Write what was found in COCO's results format."},
        {"per-class", 0, YT_OPTION_FLAG, NULL, &job->per_class, 0, 0,
         "Print a table of the classes, too."},
        {"threads", 't', YT_OPTION_INT, "N", &job->engine.threads, 1, 256,
         "Pictures at the same time, a core each (default: the CPUs this "
         "process may use). The plan for so many threads is used."},
        YT_OPTION_ROW_ISA(&job->engine.isa),
        YT_OPTION_ROW_DB(&job->engine.db),
        YT_OPTION_ROW_QUIET(&job->quiet),
        YT_OPTION_ROW_JSON(&job->json),
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    return code < 0 ? check(job, argc - first, argv, first) : code;
}

int yt_cmd_eval(int argc, char **argv)
{
    struct job job = {
        .options = {.conf = 0.001f, .max_det = 300},
        .iou = 0.6f,
        .nms = "ultralytics",
        .draws = 1000,
    };
    int code = parse(&job, argc, argv);
    if (code >= 0)
        return code;
    const enum yt_status status = run_job(&job);
    code = status == YT_OK ? report(&job) : yt_cli_fail(status);
    close_job(&job);
    return code;
}
