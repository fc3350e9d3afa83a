/* The analysis as a page: see cli/analysis_print.h. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/analysis_print.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/profile_print.h"
#include "cli/report.h"

#define STATIC_COLUMNS                                                         \
    "llayer|lkind|ltype|routput|rparams|rFLOPs|rweights|rfeatures|rFLOP/B"
#define MEASURED_COLUMNS                                                       \
    "|rtime|rframe|rGFLOP/s|rpeak|rof products|lbound|lschedule"

/* What each layer computes with, and its output where that differs. */
static void name_types(const struct yt_layer_analysis *a,
                       char name[YT_TEXT_MAX])
{
    const int is_same = a->out == a->dtype;
    snprintf(name, YT_TEXT_MAX, "%s%s%s", yt_dtype_name(a->dtype),
             is_same ? "" : " to ", is_same ? "" : yt_dtype_name(a->out));
}

/* With the share that is kept, where that is not all. */
static const char *name_weights(const struct yt_layer_analysis *a,
                                char text[YT_TEXT_MAX])
{
    yt_text_bytes(a->weight_bytes, text);
    if (a->density < 1) {
        const size_t used = strlen(text);
        snprintf(text + used, YT_TEXT_MAX - used, " (%.0f %%)",
                 100 * a->density);
    }
    return text;
}

static void add_layer(struct yt_table *table,
                      const struct yt_analysis_report *report, int32_t i)
{
    const struct yt_layer_analysis *a = &report->analysis->layers[i];
    char shape[YT_TEXT_MAX];
    char types[YT_TEXT_MAX];
    char params[YT_TEXT_MAX];
    char flops[YT_TEXT_MAX];
    char weights[YT_TEXT_MAX];
    char features[YT_TEXT_MAX];
    char intensity[YT_TEXT_MAX];
    char time[YT_TEXT_MAX] = "";
    char frame[YT_TEXT_MAX] = "";
    char gflops[YT_TEXT_MAX] = "";
    char peak[YT_TEXT_MAX] = "";
    char products[YT_TEXT_MAX] = "";
    const char *bound = "";
    const char *schedule = "";
    name_types(a, types);
    snprintf(shape, sizeof shape, "%dx%dx%d", a->out_c, a->out_h, a->out_w);
    snprintf(intensity, sizeof intensity, "%.1f", a->intensity);
    if (report->measured && !isnan(report->measured->layers[i].ns)) {
        const struct yt_measured_layer *m = &report->measured->layers[i];
        yt_text_time(m->ns, time);
        snprintf(frame, sizeof frame, "%.1f %%", 100 * m->frame_share);
        snprintf(gflops, sizeof gflops, "%.1f", m->gflops);
        snprintf(peak, sizeof peak, "%.0f %%", 100 * m->peak_share);
        snprintf(products, sizeof products, "%.0f %%", 100 * m->product_share);
        bound = m->memory_bound ? "memory" : "compute";
        schedule = m->schedule;
    }
    yt_table_row(
        table,
        (const char *[]){
            a->name, a->kind, types, shape,
            yt_text_count(a->parameters, params),
            yt_text_si((double)a->flops, flops), name_weights(a, weights),
            yt_text_bytes(a->in_bytes + a->out_bytes + a->add_bytes, features),
            intensity, time, frame, gflops, peak, products, bound, schedule});
}

static void print_head(const struct yt_analysis_report *report)
{
    const struct yt_plan *plan = &report->engine->build->plan;
    const struct yt_graph *graph = report->engine->graph;
    char precision[YT_PRECISION_WORD_MAX];
    printf("%s (%s), %d classes, input %dx%d, %s, %s\n\n", plan->model,
           graph->format, graph->nc, plan->h, plan->w, plan->isa->name,
           yt_cli_precision(report->engine, precision));
}

static void print_totals(const struct yt_analysis_report *report)
{
    const struct yt_analysis *a = report->analysis;
    char text[YT_TEXT_MAX];
    printf("\nparameters   %s\n", yt_text_count(a->parameters, text));
    printf("arithmetic   %sFLOPs a frame", yt_text_si((double)a->flops, text));
    if (report->published_flops)
        printf("; %sFLOPs as published, with normalisation",
               yt_text_si((double)report->published_flops, text));
    printf("; %sFLOPs as it runs\n", yt_text_si((double)a->run_flops, text));
    printf("weights      %s", yt_text_bytes(a->parameter_bytes, text));
    printf("; %s as it runs\n", yt_text_bytes(a->weight_bytes, text));
    printf("features     arena of %s", yt_text_bytes(a->arena_bytes, text));
    printf(" (%.2f x the most that is needed at one time)",
           (double)a->arena_bytes / (double)a->floor_bytes);
    printf("; %s unshared\n", yt_text_bytes(a->feature_bytes, text));
    printf("intensity    %.1f FLOPs a byte\n", a->intensity);
}

static void print_types(const struct yt_analysis *a)
{
    char weights[YT_TEXT_MAX], features[YT_TEXT_MAX];
    const char *title = "types";
    for (int i = YT_DTYPE_COUNT - 1; i >= 0; i--) {
        const struct yt_type_analysis *t = &a->types[i];
        if (!t->layers)
            continue;
        printf("%-12s %s: %d layers, %.1f %% of the arithmetic, %s of weights, "
               "%s of features\n",
               title, yt_dtype_name((enum yt_dtype)i), t->layers,
               100 * t->flops_share, yt_text_bytes(t->weight_bytes, weights),
               yt_text_bytes(t->feature_bytes, features));
        title = "";
    }
}

static void print_part(const char *name, double ns, double frame_ns)
{
    char text[YT_TEXT_MAX];
    printf("  %-12s %10s  %5.1f %%\n", name, yt_text_time(ns, text),
           100 * ns / frame_ns);
}

static void print_measured(const struct yt_measured *m, int32_t threads)
{
    printf("\nlayers measured on %d thread%s: peak", m->threads,
           m->threads == 1 ? "" : "s");
    for (int t = 0; t < YT_DTYPE_COUNT; t++)
        if (m->peaks[t] > 0)
            printf(" %.1f GFLOP/s in %s,", m->peaks[t],
                   yt_dtype_name((enum yt_dtype)t));
    printf(" %.1f GB/s; convolutions run at %.1f %% of the peak\n",
           m->bandwidth_gbs, 100 * m->conv_peak_share);
    if (isnan(m->frame_ns))
        return;
    printf("a frame of the stored plan, on %d thread%s:\n", threads,
           threads == 1 ? "" : "s");
    print_part("preprocess", m->pre_ns, m->frame_ns);
    print_part("network", m->network_ns, m->frame_ns);
    print_part("postprocess", m->post_ns, m->frame_ns);
    print_part("frame", m->frame_ns, m->frame_ns);
}

static void print_nms(const struct yt_nms_point *points)
{
    char text[YT_TEXT_MAX];
    if (!points[0].boxes)
        return;
    printf("\nsuppression of");
    for (int i = 0; i < YT_NMS_POINTS; i++) {
        printf("%s %s boxes: ", i ? "," : "",
               yt_text_count((uint64_t)points[i].boxes, text));
        printf("%s", yt_text_time(points[i].timing.min_ns, text));
    }
    printf("\n");
}

int yt_analysis_print_text(const struct yt_analysis_report *report)
{
    struct yt_table table;
    print_head(report);
    yt_table_init(&table, report->measured ? STATIC_COLUMNS MEASURED_COLUMNS
                                           : STATIC_COLUMNS);
    for (int32_t i = 0; i < report->analysis->layer_count; i++)
        add_layer(&table, report, report->order[i]);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
    print_totals(report);
    if (report->engine->build->quantisation)
        print_types(report->analysis);
    if (report->measured)
        print_measured(report->measured, report->engine->build->plan.threads);
    else
        printf("\nNot tuned on this machine yet: no times.\n");
    print_nms(report->nms);
    yt_profile_print_text(report);
    return YT_EXIT_OK;
}
