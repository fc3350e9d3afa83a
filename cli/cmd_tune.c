/* The main job: `yolotune --scenario realtime --model yolov5n.pt`. */

#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export_engine.h"
#include "cli/json.h"
#include "cli/report.h"
#include "eval/image.h"
#include "runtime/fail.h"
#include "tuner/session.h"

static const struct yt_manual manual = {
    .command = "tune",
    .summary = "find the fastest way to run a model on this machine",
    .synopsis = "[--scenario NAME] [--model FILE] [OPTION]...",
    .description =
        "Reads a YOLOv5 model, searches convolution kernels for this CPU, "
        "checks each against a double-precision reference, measures, keeps "
        "every result in the database and recommends a plan. This is what "
        "yolotune does when no command is named.\n\n"
        "The search resumes where an earlier one ended: Ctrl-C, a kill or the "
        "end of the budget lose nothing that was measured. When nothing is "
        "left to try, a run takes seconds.\n\n"
        "Without --model a built-in YOLOv5n with seeded weights is tuned: its "
        "speed is real, its boxes mean nothing.",
    .examples = " yolotune --scenario realtime --model yolov5s.pt\n"
                " yolotune --scenario realtime -m yolov5n.pt --budget 30s "
                "--out build/yolo\n",
};

#define UNSET         UINT64_MAX
#define MIN_BUDGET_NS 1000000000u
#define SLOWEST       12 /* layers shown */

struct job {
    struct yt_cli_engine engine_options;
    const char *scenario, *image, *out, *name;
    int32_t json, exhaustive, quiet;
    uint64_t budget_ns;
    const volatile int *stop;

    struct yt_picture picture;
    struct yt_engine *engine;
    struct yt_progress progress;
    struct yt_tune_result result;
};

static const char *const scenarios[] = {"realtime", "accuracy", "constrained"};

static int known_scenario(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(scenarios[i], name) == 0)
            return 1;
    return 0;
}

static void on_progress(void *user, const struct yt_progress_event *event)
{
    struct job *job = user;
    if (strcmp(event->phase, "search") == 0) {
        const double total = event->elapsed_s + event->left_s;
        yt_progress_show(&job->progress, event->elapsed_s, total,
                         "search: problem %d of %d, %s, %d tried, best %.0f "
                         "GFLOP/s (first %.0f, peak %.0f)",
                         event->done_layers + 1, event->layers, event->layer,
                         event->tried, event->best_gflops, event->first_gflops,
                         event->peak_gflops);
    } else if (event->planned) {
        yt_progress_show(&job->progress, event->tried, event->planned,
                         "%s: round %d of %d", event->phase, event->tried + 1,
                         event->planned);
    } else {
        yt_progress_show(&job->progress, 0, 0, "%s", event->phase);
    }
}

static enum yt_status run(struct job *job)
{
    struct yt_engine_options options;
    yt_cli_engine_options(&job->engine_options, &options);
    YT_TRY(yt_cli_frame(job->image, &job->picture));
    YT_TRY(yt_engine_open(&options, &job->engine));
    const struct yt_image image = {
        .pixels = job->picture.rgb,
        .width = job->picture.width,
        .height = job->picture.height,
        .stride_bytes = 3 * (int64_t)job->picture.width,
        .format = YT_PIXEL_RGB,
    };
    const struct yt_tune_options tune = {
        .budget_ns = job->budget_ns,
        .stop = job->stop,
        .progress = on_progress,
        .user = job,
        .image = &image,
        .scenario = job->scenario,
        .exhaustive = job->exhaustive,
    };
    yt_progress_begin(&job->progress, job->quiet);
    const enum yt_status status = yt_tune(job->engine, &tune, &job->result);
    yt_progress_end(&job->progress);
    YT_TRY(status);
    return job->out ? yt_cli_export(job->engine, job->name, job->out) : YT_OK;
}

/* --------------------------------------------------------------- output */

static double ms(double ns)
{
    return 1e-6 * ns;
}

static void print_heading(const struct job *job)
{
    const struct yt_engine *e = job->engine;
    const struct yt_net *net = e->network->net;
    char parameters[YT_TEXT_MAX], flops[YT_TEXT_MAX];
    printf("model      %s (%s), %s parameters, %sFLOPs at %dx%d\n",
           e->graph->name, e->graph->format,
           yt_text_count(net->parameters, parameters),
           yt_text_si((double)net->flops, flops), net->h, net->w);
    if (!job->engine_options.model)
        printf("           built in, seeded weights: the speed is real, the "
               "boxes mean nothing\n");
    printf("host       %s, %d of %d CPUs\n", e->host.brand,
           e->host.allowed_cpus, e->host.logical_cores);
    printf("code       %s, fp32, LLVM %s\n", e->network->isa->name,
           yt_codegen_llvm_version());
    printf("peak       %.0f GFLOP/s on 1 thread, %.0f on %d; memory %.1f and "
           "%.1f GB/s\n",
           job->result.peak.gflops_1, job->result.peak.gflops_n,
           job->result.peak.threads, job->result.peak.gbs_1,
           job->result.peak.gbs_n);
}

static int slower_first(const void *a, const void *b)
{
    const double x = (*(const struct yt_db_layer *const *)a)->median_ns;
    const double y = (*(const struct yt_db_layer *const *)b)->median_ns;
    return (x < y) - (x > y);
}

/* Where the time goes, from the plan in the database. */
static void print_layers(const struct job *job)
{
    const struct yt_engine *e = job->engine;
    const struct yt_db_plan_key key = yt_engine_plan_key(e, YT_DB_TUNED);
    struct yt_db_plan *plan;
    if (!e->db || yt_db_plan_find(e->db, &key, &plan) != YT_OK)
        return;
    const struct yt_db_layer **sorted =
        calloc((size_t)plan->layer_count, sizeof *sorted);
    double sum = 0;
    for (int32_t i = 0; sorted && i < plan->layer_count; i++) {
        sorted[i] = &plan->layers[i];
        sum += isnan(plan->layers[i].median_ns) ? 0 : plan->layers[i].median_ns;
    }
    if (sorted && sum > 0) {
        qsort(sorted, (size_t)plan->layer_count, sizeof *sorted, slower_first);
        struct yt_table table;
        yt_table_init(&table,
                      "llayer|lproblem|lschedule|rms|r% of frame|rGFLOP/s");
        for (int32_t i = 0; i < plan->layer_count && i < SLOWEST; i++) {
            const struct yt_db_layer *layer = sorted[i];
            char text[3][YT_TEXT_MAX];
            snprintf(text[0], YT_TEXT_MAX, "%.3f", ms(layer->median_ns));
            snprintf(text[1], YT_TEXT_MAX, "%.1f",
                     100 * layer->median_ns / sum);
            snprintf(text[2], YT_TEXT_MAX, "%.0f",
                     (double)layer->flops / layer->median_ns);
            const char *cells[] = {layer->name, layer->problem, layer->schedule,
                                   text[0],     text[1],        text[2]};
            yt_table_row(&table, cells);
        }
        printf("\nThe %d slowest of %d steps (%.2f ms in all; every one: "
               "yolotune analyze):\n",
               plan->layer_count < SLOWEST ? plan->layer_count : SLOWEST,
               plan->layer_count, ms(sum));
        yt_table_print(&table, stdout);
        yt_table_deinit(&table);
    }
    free(sorted);
    yt_db_plan_destroy(plan);
}

static void print_row(struct yt_table *table, const char *name,
                      const struct yt_frame_stats *s, double flops, double peak)
{
    char text[7][YT_TEXT_MAX];
    const double gflops = flops / s->network.median_ns;
    snprintf(text[0], YT_TEXT_MAX, "%.2f", ms(s->preprocess.median_ns));
    snprintf(text[1], YT_TEXT_MAX, "%.2f", ms(s->network.median_ns));
    snprintf(text[2], YT_TEXT_MAX, "%.2f", ms(s->postprocess.median_ns));
    snprintf(text[3], YT_TEXT_MAX, "%.2f", ms(s->total.median_ns));
    snprintf(text[4], YT_TEXT_MAX, "%.2f", ms(s->total.p99_ns));
    snprintf(text[5], YT_TEXT_MAX, "%.1f", 1e9 / s->total.median_ns);
    snprintf(text[6], YT_TEXT_MAX, "%.0f", 100 * gflops / peak);
    const char *cells[] = {name,    text[0], text[1], text[2],
                           text[3], text[4], text[5], text[6]};
    yt_table_row(table, cells);
}

static void print_text(const struct job *job)
{
    const struct yt_tune_result *r = &job->result;
    /* What is really computed: lazy heads leave most of theirs out. */
    double flops = 0;
    for (int32_t i = 0; i < job->engine->network->plan.step_count; i++)
        flops += (double)yt_problem_flops(
            &job->engine->network->plan.steps[i].problem);
    print_heading(job);
    printf("search     %d candidates measured now, %d known before, %d "
           "failed, %.1f s%s\n",
           r->measured, r->reused, r->failed, r->seconds,
           r->interrupted ? "; not complete: the next run goes on" : "");
    if (r->lost)
        printf("           %d worker%s lost: %s\n", r->lost,
               r->lost == 1 ? "" : "s", r->why_lost);
    if (r->kept)
        printf("           the plan stored before was not beaten and stays\n");
    print_layers(job);
    struct yt_table table;
    yt_table_init(&table, "l|rpreprocess ms|rnetwork ms|rdecode+NMS ms|rframe "
                          "ms|rp99 ms|rFPS|r% of peak");
    print_row(&table, "before (first legal schedules)", &r->baseline, flops,
              job->result.peak.gflops_n);
    print_row(&table, "after", &r->tuned, flops, job->result.peak.gflops_n);
    printf("\nMedians of %d frames each, run in turn:\n",
           r->tuned.total.samples);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
    printf(
        "\nRecommendation for '%s': the tuned plan on %d thread%s: %.1f FPS, "
        "%.2fx the FPS of before.\n",
        job->scenario, r->threads, r->threads == 1 ? "" : "s",
        1e9 / r->tuned.total.median_ns,
        r->baseline.total.median_ns / r->tuned.total.median_ns);
    printf("It is fp32 and computes the original network: accuracy was not "
           "measured, it is the model's own.\n");
    if (r->plan_id)
        printf("Stored in %s: recommendation r%lld, plan p%lld, evaluations "
               "e%lld and e%lld.\n",
               yt_db_path(job->engine->db), (long long)r->recommendation_id,
               (long long)r->plan_id, (long long)r->baseline_id,
               (long long)r->evaluation_id);
    if (job->out)
        printf("The tuned runtime is in %s.\n", job->out);
}

static void json_stats(struct yt_json *doc, json_t *to, const char *name,
                       const struct yt_stats *s)
{
    json_t *at = yt_json_object(doc, to, name);
    yt_json_real(doc, at, "min", ms(s->min_ns));
    yt_json_real(doc, at, "median", ms(s->median_ns));
    yt_json_real(doc, at, "p95", ms(s->p95_ns));
    yt_json_real(doc, at, "p99", ms(s->p99_ns));
}

static void json_frame(struct yt_json *doc, const char *name,
                       const struct yt_frame_stats *s)
{
    json_t *at = yt_json_object(doc, NULL, name);
    yt_json_real(doc, at, "fps", 1e9 / s->total.median_ns);
    json_stats(doc, at, "preprocess_ms", &s->preprocess);
    json_stats(doc, at, "network_ms", &s->network);
    json_stats(doc, at, "postprocess_ms", &s->postprocess);
    json_stats(doc, at, "total_ms", &s->total);
}

static int print_json(const struct job *job)
{
    const struct yt_tune_result *r = &job->result;
    const struct yt_engine *e = job->engine;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "scenario", job->scenario);
    yt_json_text(&doc, NULL, "model", e->graph->name);
    const struct yt_plan *plan = &e->network->plan;
    yt_json_int(&doc, NULL, "imgsz", plan->h > plan->w ? plan->h : plan->w);
    yt_json_int(&doc, NULL, "height", plan->h);
    yt_json_int(&doc, NULL, "width", plan->w);
    yt_json_text(&doc, NULL, "isa", e->network->isa->name);
    yt_json_text(&doc, NULL, "precision", "f32");
    yt_json_int(&doc, NULL, "threads", r->threads);
    yt_json_int(&doc, NULL, "measured", r->measured);
    yt_json_int(&doc, NULL, "reused", r->reused);
    yt_json_int(&doc, NULL, "failed", r->failed);
    yt_json_bool(&doc, NULL, "complete", !r->interrupted);
    yt_json_bool(&doc, NULL, "kept", r->kept);
    yt_json_real(&doc, NULL, "seconds", r->seconds);
    yt_json_real(&doc, NULL, "peak_gflops", job->result.peak.gflops_n);
    json_frame(&doc, "baseline", &r->baseline);
    json_frame(&doc, "tuned", &r->tuned);
    yt_json_int(&doc, NULL, "plan", r->plan_id);
    yt_json_int(&doc, NULL, "evaluation", r->evaluation_id);
    yt_json_int(&doc, NULL, "baseline_evaluation", r->baseline_id);
    yt_json_int(&doc, NULL, "recommendation", r->recommendation_id);
    return yt_json_print(&doc);
}

int yt_cmd_tune(int argc, char **argv)
{
    struct job job;
    memset(&job, 0, sizeof job);
    job.scenario = "realtime";
    job.budget_ns = UNSET;
    const struct yt_option options[] = {
        {"scenario", 's', YT_OPTION_TEXT, "NAME", &job.scenario, 0, 0,
         "What the plan is for: realtime (the most FPS), accuracy or "
         "constrained. Until accuracy is measured all three tune kernels; "
         "constrained also keeps to one thread unless --threads is given."},
        YT_OPTION_ROWS_ENGINE(&job.engine_options),
        {"budget", 'b', YT_OPTION_TIME, "TIME", &job.budget_ns, 0, 0,
         "Time for the whole search, e.g. 30s or 5m (default: 150s; it ends "
         "earlier when nothing is left to try)."},
        {"exhaustive", 0, YT_OPTION_FLAG, NULL, &job.exhaustive, 0, 0,
         "After the search, try the rest of the space until the budget ends."},
        {"image", 'i', YT_OPTION_TEXT, "FILE", &job.image, 0, 0,
         "Picture to time frames with (default: 1280x720 of noise)."},
        {"out", 'o', YT_OPTION_TEXT, "DIR", &job.out, 0, 0,
         "Also export the tuned runtime library there: see yolotune export."},
        {"name", 0, YT_OPTION_TEXT, "NAME", &job.name, 0, 0,
         "The exported library's name (default: the model's)."},
        {"quiet", 'q', YT_OPTION_FLAG, NULL, &job.quiet, 0, 0,
         "No progress on standard error."},
        YT_OPTION_ROW_JSON(&job.json),
    };
    int operand;
    const int early =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (early >= 0)
        return early;
    if (operand < argc)
        return yt_cli_usage("tune", "%s: there is no operand to take",
                            argv[operand]);
    if (!known_scenario(job.scenario))
        return yt_cli_usage("tune",
                            "%s is no scenario: realtime, accuracy or "
                            "constrained",
                            job.scenario);
    if (job.budget_ns == UNSET)
        job.budget_ns = 0; /* the default */
    else if (job.budget_ns < MIN_BUDGET_NS)
        return yt_cli_usage("tune", "--budget: at least 1s is needed");
    if (strcmp(job.scenario, "constrained") == 0 && !job.engine_options.threads)
        job.engine_options.threads = 1;

    job.stop = yt_cli_stop_flag();
    const enum yt_status status = run(&job);
    int code = YT_EXIT_OK;
    if (status != YT_OK)
        code = yt_cli_fail(status);
    else if (job.json)
        code = print_json(&job);
    else
        print_text(&job);
    if (status == YT_OK && *job.stop)
        code = YT_EXIT_INTERRUPTED;
    yt_engine_close(job.engine);
    yt_picture_deinit(&job.picture);
    return code;
}
