/* The advisor's answer for people: what was asked, the way from the baseline to
 * the recommendation, what each setting does, and who nearly won. */

#include "cli/advice_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "codegen/codegen.h"
#include "strategies/advice/guidance.h"

#define SLOWEST 8 /* layers shown */

static double ms(double ns)
{
    return 1e-6 * ns;
}

static double mib(int64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* ---------------------------------------------------------------- heading */

static void print_models(const struct yt_advice_report *r)
{
    const struct yt_choices *choices = yt_lab_choices(r->lab);
    for (int32_t m = 0; m < choices->model_count; m++) {
        const struct yt_engine *e = yt_lab_model(r->lab, m);
        const struct yt_net *net = e->build->net;
        char parameters[YT_TEXT_MAX], flops[YT_TEXT_MAX];
        printf("%-10s %s (%s), %s parameters, %sFLOPs at %dx%d\n",
               m ? "" : "model", e->graph->name, e->graph->format,
               yt_text_count(net->parameters, parameters),
               yt_text_si((double)net->flops, flops), net->h, net->w);
        if (strcmp(e->graph->format, "built-in") == 0)
            printf("           built in, seeded weights: the speed is real, "
                   "the boxes mean nothing\n");
    }
    if (r->default_data)
        printf("           no model was named: this one and its pictures come "
               "with yolotune\n");
}

static void print_limits(const struct yt_limits *l)
{
    printf("limits     ");
    const char *comma = "";
    if (!isnan(l->min_fps))
        printf("%s%.1f FPS or more", comma, l->min_fps), comma = ", ";
    if (!isnan(l->max_latency_ns))
        printf("%sp99 latency up to %.2f ms", comma, ms(l->max_latency_ns)),
            comma = ", ";
    if (!isnan(l->min_map))
        printf("%smAP %.4f or more", comma, l->min_map), comma = ", ";
    if (l->max_memory_bytes)
        printf("%smemory up to %.1f MiB", comma, mib(l->max_memory_bytes)),
            comma = ", ";
    if (l->max_size_bytes)
        printf("%ssize up to %.1f MiB", comma, mib(l->max_size_bytes)),
            comma = ", ";
    printf("%s\n", *comma ? "" : "none");
}

static void print_search(const struct yt_advice *advice)
{
    if (advice->from_database) {
        printf("search     none: recommended before as r%lld; --budget "
               "searches on\n",
               (long long)advice->recommendation);
        return;
    }
    printf("search     %d configuration%s measured now, %d known before, %.1f "
           "s%s\n",
           advice->measured, plural(advice->measured), advice->reused,
           advice->seconds,
           advice->interrupted ? "; interrupted: the next run goes on" : "");
    const struct yt_tune_result *k = &advice->kernels;
    if (!advice->has_kernels)
        return;
    printf("kernels    %d candidates measured now, %d known before, %d failed, "
           "%.1f s%s\n",
           k->measured, k->reused, k->failed, k->seconds,
           k->interrupted ? "; not complete: a run with --budget goes on" : "");
    if (k->lost)
        printf("           %d worker%s lost: %s\n", k->lost, plural(k->lost),
               k->why_lost);
    if (k->agreement.inexact)
        printf("           heads within %.1g of their largest value, beside "
               "those of default schedules (%d problem%s of inexact "
               "kernels)\n",
               k->agreement.kept_error, k->agreement.inexact,
               plural(k->agreement.inexact));
    if (k->agreement.given_up)
        printf("           %d kept from being faster: %s\n",
               k->agreement.given_up, k->agreement.why);
    if (k->fitted)
        printf("           %d problem%s run%s smaller kernels, for the limit "
               "on memory or size\n",
               k->fitted, plural(k->fitted), k->fitted == 1 ? "s" : "");
    if (k->kept)
        printf("           the plan stored before was not beaten and stays\n");
    if (k->peak.gflops_1 > 0 && k->peak.threads > 1)
        printf("peak       %.0f GFLOP/s on 1 thread, %.0f on %d; memory %.1f "
               "and %.1f GB/s\n",
               k->peak.gflops_1, k->peak.gflops_n, k->peak.threads,
               k->peak.gbs_1, k->peak.gbs_n);
    else if (k->peak.gflops_1 > 0)
        printf("peak       %.0f GFLOP/s on 1 thread; memory %.1f GB/s\n",
               k->peak.gflops_1, k->peak.gbs_1);
}

static void print_calibration(const struct yt_advice_report *r)
{
    const struct yt_precision_wish *wish = yt_lab_wish(r->lab);
    const struct yt_choices *choices = yt_lab_choices(r->lab);
    if (*yt_lab_precision_note(r->lab))
        printf("integers   %s\n", yt_lab_precision_note(r->lab));
    for (int32_t m = 0; m < choices->model_count; m++) {
        const struct yt_lab_calibration *c = yt_lab_calibration(r->lab, m);
        char cost[YT_TEXT_MAX];
        if (!c->ranges)
            continue;
        snprintf(cost, sizeof cost, "in %.1f s", c->seconds);
        printf("integers   %s calibrated on %d picture%s without labels of %s "
               "%s\n",
               choices->models[m].name, c->images, plural(c->images),
               wish->calib ? wish->calib : wish->default_calib,
               c->seconds > 0 ? cost : "before");
    }
}

static void print_heading(const struct yt_advice_report *r)
{
    const struct yt_host *host = &yt_lab_site(r->lab)->host;
    const struct yt_dataset *data = yt_lab_dataset(r->lab);
    print_models(r);
    if (data)
        printf("data       %s: %d pictures, %d objects\n", data->name,
               yt_dataset_used(data), data->truth_count);
    else
        printf("data       none: accuracy is not measured, so only what leaves "
               "the boxes as they are is a choice\n");
    print_calibration(r);
    printf("host       %s, %d of %d CPUs\n", host->cpu.brand,
           host->allowed_cpus, host->logical_cores);
    printf("code       %s, %s, LLVM %s\n", yt_lab_site(r->lab)->isa->name,
           yt_precision_word(r->advice->choice.config.precision),
           yt_codegen_llvm_version());
    printf("scenario   %s: %s\n", r->advice->scenario->name,
           r->advice->scenario->summary);
    print_limits(&r->advice->limits);
    print_search(r->advice);
}

/* ----------------------------------------------------------------- tables */

static char *map_text(double map, char text[YT_TEXT_MAX])
{
    if (isnan(map))
        snprintf(text, YT_TEXT_MAX, "-");
    else
        snprintf(text, YT_TEXT_MAX, "%.4f", map);
    return text;
}

static char *interval_text(double low, double high, char text[YT_TEXT_MAX])
{
    if (isnan(low))
        snprintf(text, YT_TEXT_MAX, "-");
    else
        snprintf(text, YT_TEXT_MAX, "%+.4f to %+.4f", low, high);
    return text;
}

static void add_step(struct yt_table *table, const char *strategy,
                     const char *setting, const struct yt_assessment *now,
                     const struct yt_assessment *before)
{
    char text[8][YT_TEXT_MAX];
    snprintf(text[0], YT_TEXT_MAX, "%.1f", now->figures.fps);
    snprintf(text[1], YT_TEXT_MAX, "%.2fx",
             now->figures.fps / before->figures.fps);
    snprintf(text[2], YT_TEXT_MAX, "%.2f", ms(now->median_ns));
    snprintf(text[3], YT_TEXT_MAX, "%.2f", ms(now->figures.latency_ns));
    snprintf(text[5], YT_TEXT_MAX, "%.1f", mib(now->figures.memory_bytes));
    snprintf(text[6], YT_TEXT_MAX, "%.1f", mib(now->figures.size_bytes));
    snprintf(text[7], YT_TEXT_MAX, "e%lld", (long long)now->evaluation);
    const char *cells[] = {strategy,
                           setting,
                           text[0],
                           now == before ? "" : text[1],
                           text[2],
                           text[3],
                           map_text(now->figures.map, text[4]),
                           text[5],
                           text[6],
                           text[7]};
    yt_table_row(table, cells);
}

static void print_steps(const struct yt_advice *advice)
{
    struct yt_table table;
    const struct yt_assessment *before = &advice->baseline;
    yt_table_init(&table, "lstrategy|lsetting|rFPS|rgain|rpicture ms|rp99 "
                          "ms|rmAP|rmemory MiB|rsize MiB|rrow");
    add_step(&table, "(baseline)", advice->baseline.name, before, before);
    for (int32_t i = 0; i < advice->step_count; i++) {
        const struct yt_advice_step *step = &advice->steps[i];
        add_step(&table, step->strategy->name, step->detail, &step->after,
                 before);
        before = &step->after;
    }
    printf("\nFrom the baseline to the recommendation, a strategy at a time; "
           "frames timed in turn:\n");
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

/* Whoever expects integers to be fast is told where they are not. */
static void print_slower(const struct yt_advice *advice)
{
    for (int32_t i = 0; i < advice->gain_count; i++) {
        const struct yt_advice_gain *g = &advice->gains[i];
        const double ratio = g->alone.figures.fps / g->base.figures.fps;
        if (g->strategy == &yt_strategy_precision && ratio < 1)
            printf("%s is slower than fp32 here: %.2fx.\n",
                   yt_precision_word(g->alone.config.precision), ratio);
    }
}

static void print_gains(const struct yt_advice *advice)
{
    if (advice->gain_count == 0)
        return;
    struct yt_table table;
    yt_table_init(&table, "lstrategy|lsetting|rFPS|rmAP|l95 of 100 drawings|"
                          "rmemory|rpictures|rseconds|rrow");
    for (int32_t i = 0; i < advice->gain_count; i++) {
        const struct yt_advice_gain *g = &advice->gains[i];
        const struct yt_figures *now = &g->alone.figures;
        const struct yt_figures *base = &g->base.figures;
        char text[7][YT_TEXT_MAX];
        snprintf(text[0], YT_TEXT_MAX, "%.2fx", now->fps / base->fps);
        snprintf(text[1], YT_TEXT_MAX, "%+.4f", now->map - base->map);
        snprintf(text[3], YT_TEXT_MAX, "%+.1f MiB",
                 mib(now->memory_bytes - base->memory_bytes));
        snprintf(text[4], YT_TEXT_MAX, "%d", g->alone.images);
        snprintf(text[5], YT_TEXT_MAX, "%.1f", g->alone.seconds);
        snprintf(text[6], YT_TEXT_MAX, "e%lld", (long long)g->alone.evaluation);
        const char *cells[] = {
            g->strategy->name,
            g->setting,
            text[0],
            isnan(now->map) ? "-" : text[1],
            g->strategy->changes_boxes
                ? interval_text(g->alone.low, g->alone.high, text[2])
                : "the same boxes",
            text[3],
            text[4],
            g->alone.seconds > 0 ? text[5] : "-",
            text[6]};
        yt_table_row(&table, cells);
    }
    printf("\nWhat each setting does alone, against the baseline on the same "
           "pictures (few of them in a first look; seconds: measuring it "
           "took):\n");
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
    print_slower(advice);
    printf("\nWhat applying it takes:\n");
    for (const struct yt_strategy *const *s = yt_strategies; *s; s++)
        printf("  %-14s %s\n", (*s)->name, (*s)->cost);
}

static void print_rivals(const struct yt_advice *advice)
{
    if (advice->rival_count == 0)
        return;
    struct yt_table table;
    yt_table_init(&table,
                  "lconfiguration|rFPS|rp99 ms|rmAP|rmemory MiB|rrow|lnote");
    for (int32_t i = 0; i < advice->rival_count; i++) {
        const struct yt_assessment *a = &advice->rivals[i].is;
        char text[5][YT_TEXT_MAX];
        snprintf(text[0], YT_TEXT_MAX, "%.1f", a->figures.fps);
        snprintf(text[1], YT_TEXT_MAX, "%.2f", ms(a->figures.latency_ns));
        snprintf(text[3], YT_TEXT_MAX, "%.1f", mib(a->figures.memory_bytes));
        snprintf(text[4], YT_TEXT_MAX, "e%lld", (long long)a->evaluation);
        const char *cells[] = {a->name,
                               text[0],
                               text[1],
                               map_text(a->figures.map, text[2]),
                               text[3],
                               text[4],
                               advice->rivals[i].note};
        yt_table_row(&table, cells);
    }
    printf("\nOthers worth knowing, the Pareto front of speed and accuracy "
           "first:\n");
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

/* ----------------------------------------------------------------- layers */

static int slower_first(const void *a, const void *b)
{
    const double x = (*(const struct yt_db_layer *const *)a)->median_ns;
    const double y = (*(const struct yt_db_layer *const *)b)->median_ns;
    return (x < y) - (x > y);
}

static void print_sorted(const struct yt_db_plan *plan,
                         const struct yt_db_layer **sorted)
{
    struct yt_table table;
    double sum = 0;
    for (int32_t i = 0; i < plan->layer_count; i++) {
        sorted[i] = &plan->layers[i];
        sum += isnan(plan->layers[i].median_ns) ? 0 : plan->layers[i].median_ns;
    }
    if (sum <= 0)
        return;
    qsort(sorted, (size_t)plan->layer_count, sizeof *sorted, slower_first);
    yt_table_init(&table, "llayer|lproblem|lschedule|rms|r% of frame|rGFLOP/s");
    for (int32_t i = 0; i < plan->layer_count && i < SLOWEST; i++) {
        const struct yt_db_layer *layer = sorted[i];
        char text[3][YT_TEXT_MAX];
        snprintf(text[0], YT_TEXT_MAX, "%.3f", ms(layer->median_ns));
        snprintf(text[1], YT_TEXT_MAX, "%.1f", 100 * layer->median_ns / sum);
        snprintf(text[2], YT_TEXT_MAX, "%.0f",
                 (double)layer->flops / layer->median_ns);
        const char *cells[] = {layer->name, layer->problem, layer->schedule,
                               text[0],     text[1],        text[2]};
        yt_table_row(&table, cells);
    }
    printf("\nThe %d slowest of %d steps (%.2f ms in all; every one: yolotune "
           "analyze):\n",
           plan->layer_count < SLOWEST ? plan->layer_count : SLOWEST,
           plan->layer_count, ms(sum));
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

/* Where the time of the recommended plan goes, from its row. */
static void print_layers(const struct yt_advice_report *r)
{
    const struct yt_config *c = &r->advice->choice.config;
    char precision[YT_PRECISION_MAX];
    struct yt_db_plan_key key;
    struct yt_db_plan *plan = NULL;
    if (!c->tuned || !yt_lab_site(r->lab)->db ||
        yt_lab_plan_key(r->lab, c, precision, &key) != YT_OK ||
        yt_db_plan_find(yt_lab_site(r->lab)->db, &key, &plan) != YT_OK)
        return;
    const struct yt_db_layer **sorted =
        calloc((size_t)plan->layer_count, sizeof *sorted);
    if (sorted)
        print_sorted(plan, sorted);
    free(sorted);
    yt_db_plan_destroy(plan);
}

/* ------------------------------------------------------------------- types */

/* The choice, or the first of the others that is a mix; NULL: none is. */
static const struct yt_assessment *find_mix(const struct yt_advice *advice)
{
    if (advice->choice.config.precision == YT_PRECISION_MIXED)
        return &advice->choice;
    for (int32_t i = 0; i < advice->rival_count; i++)
        if (advice->rivals[i].is.config.precision == YT_PRECISION_MIXED)
            return &advice->rivals[i].is;
    return NULL;
}

/* Why a mix is one: what int8 would save and lose in the layers without it. */
static void print_kept(const struct yt_advice_report *r)
{
    struct yt_lab_kept kept[YT_LAB_KEPT_MAX];
    const struct yt_assessment *mix = find_mix(r->advice);
    struct yt_table table;
    const int32_t count =
        mix ? yt_lab_kept(r->lab, &mix->config, kept, YT_LAB_KEPT_MAX) : 0;
    if (count == 0)
        return;
    yt_table_init(&table, "llayer|lkept in|rint8 would save ms|rand lose");
    for (int32_t i = 0; i < count; i++) {
        char text[2][YT_TEXT_MAX];
        snprintf(text[0], YT_TEXT_MAX, "%.3f", ms(kept[i].saved_ns));
        snprintf(text[1], YT_TEXT_MAX, "%.4f", kept[i].loss);
        const char *cells[] = {
            kept[i].layer, yt_precision_word(yt_precision_of(kept[i].dtype)),
            text[0], text[1]};
        yt_table_row(&table, cells);
    }
    printf("\nLayers that %s keeps out of int8, each measured alone (%.1f s "
           "for all layers; lost is how far detections move on %d of the "
           "calibration's pictures):\n",
           mix->name,
           yt_lab_calibration(r->lab, mix->config.model)->assign_seconds,
           YT_ASSIGN_IMAGES);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

/* ------------------------------------------------------------- conclusion */

static void print_guidance(const struct yt_advice_report *r)
{
    char text[YT_GUIDANCE_TEXT];
    struct yt_guidance list[YT_GUIDANCE_MAX];
    const int32_t count = yt_guidance_of(r->lab, r->advice, text, list);
    printf("\nBeyond inference (advice, not measured in this run):\n");
    for (int32_t i = 0; i < count; i++)
        printf("  %d. %s\n     because %s\n     basis: %s\n     needs: %s\n",
               i + 1, list[i].what, list[i].why, list[i].basis, list[i].needs);
}

static void print_accuracy(const struct yt_advice *advice)
{
    const struct yt_assessment *c = &advice->choice;
    if (isnan(c->figures.map) && c->config.precision != YT_PRECISION_F32) {
        printf("It is %s, as was asked for, and what that costs in accuracy "
               "was not measured: --data does.\n",
               yt_precision_word(c->config.precision));
        return;
    }
    if (isnan(c->figures.map)) {
        printf("It is fp32 and computes the original network: accuracy was not "
               "measured, it is the model's own.\n");
        return;
    }
    printf("mAP %.4f on %d pictures, the baseline's is %.4f", c->figures.map,
           c->images, advice->baseline.figures.map);
    if (!isnan(c->low))
        printf(" (difference %+.4f to %+.4f in 95 of 100 drawings%s)", c->low,
               c->high,
               c->low <= 0 && c->high >= 0 ? ": none that these images can show"
                                           : "");
    printf(".\nmAP is a product's: the best class of a cell, scores from "
           "0.001; yolotune eval counts as YOLOv5's val.py.\n");
}

void yt_advice_print_text(const struct yt_advice_report *r)
{
    const struct yt_advice *advice = r->advice;
    const struct yt_figures *c = &advice->choice.figures;
    print_heading(r);
    print_layers(r);
    print_gains(advice);
    print_rivals(advice);
    print_kept(r);
    print_steps(advice);
    printf("\nRecommendation for '%s': %s\n%.1f FPS, %.2fx the baseline's; p99 "
           "latency %.2f ms; memory %.1f MiB, weights and code %.1f MiB.\n",
           advice->scenario->name, advice->choice.name, c->fps,
           c->fps / advice->baseline.figures.fps, ms(c->latency_ns),
           mib(c->memory_bytes), mib(c->size_bytes));
    print_accuracy(advice);
    print_guidance(r);
    if (advice->recommendation)
        printf("\nStored in %s: recommendation r%lld, baseline e%lld, choice "
               "e%lld, plan p%lld; yolotune db show r%lld prints them.\n",
               yt_db_path(yt_lab_site(r->lab)->db),
               (long long)advice->recommendation,
               (long long)advice->baseline.evaluation,
               (long long)advice->choice.evaluation,
               (long long)advice->choice.plan,
               (long long)advice->recommendation);
    const struct yt_config *run = &advice->choice.config;
    if (run->tuned)
        printf("Its plan runs in every command with --imgsz %dx%d --threads "
               "%d.\n",
               run->h, run->w, run->threads);
    if (r->out)
        printf("The tuned runtime is in %s.\n", r->out);
}
