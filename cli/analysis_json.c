/* The analysis as a document: see cli/analysis_print.h and docs/JSON.md. */

#include <math.h>

#include "cli/analysis_print.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "cli/profile_print.h"

static void add_shape(struct yt_json *doc, json_t *to, const char *name,
                      int32_t c, int32_t h, int32_t w)
{
    json_t *shape = yt_json_object(doc, to, name);
    yt_json_int(doc, shape, "c", c);
    yt_json_int(doc, shape, "h", h);
    yt_json_int(doc, shape, "w", w);
}

static void add_layer(struct yt_json *doc, json_t *list,
                      const struct yt_analysis_report *report, int32_t i)
{
    const struct yt_layer_analysis *a = &report->analysis->layers[i];
    json_t *row = yt_json_element(doc, list);
    yt_json_text(doc, row, "name", a->name);
    yt_json_text(doc, row, "kind", a->kind);
    yt_json_text(doc, row, "type", yt_dtype_name(a->dtype));
    yt_json_text(doc, row, "output_type", yt_dtype_name(a->out));
    add_shape(doc, row, "input", a->in_c, a->in_h, a->in_w);
    add_shape(doc, row, "output", a->out_c, a->out_h, a->out_w);
    yt_json_int(doc, row, "parameters", (int64_t)a->parameters);
    yt_json_int(doc, row, "flops", (int64_t)a->flops);
    yt_json_real(doc, row, "flops_share", a->flops_share);
    yt_json_int(doc, row, "run_flops", (int64_t)a->run_flops);
    yt_json_real(doc, row, "density", a->density);
    yt_json_int(doc, row, "weight_bytes", (int64_t)a->weight_bytes);
    yt_json_int(doc, row, "input_bytes", (int64_t)a->in_bytes);
    yt_json_int(doc, row, "output_bytes", (int64_t)a->out_bytes);
    yt_json_int(doc, row, "addend_bytes", (int64_t)a->add_bytes);
    yt_json_real(doc, row, "intensity", a->intensity);
    if (!report->measured || isnan(report->measured->layers[i].ns))
        return;
    const struct yt_measured_layer *m = &report->measured->layers[i];
    yt_json_real(doc, row, "ms", m->ns * 1e-6);
    yt_json_real(doc, row, "frame_share", m->frame_share);
    yt_json_real(doc, row, "gflops", m->gflops);
    yt_json_real(doc, row, "peak_share", m->peak_share);
    yt_json_real(doc, row, "product_share", m->product_share);
    yt_json_text(doc, row, "schedule", m->schedule);
    yt_json_text(doc, row, "bound", m->memory_bound ? "memory" : "compute");
}

static void add_types(struct yt_json *doc, const struct yt_analysis *a)
{
    json_t *list = yt_json_array(doc, NULL, "by_type");
    for (int i = 0; i < YT_DTYPE_COUNT; i++) {
        const struct yt_type_analysis *t = &a->types[i];
        if (!t->layers)
            continue;
        json_t *row = yt_json_element(doc, list);
        yt_json_text(doc, row, "type", yt_dtype_name((enum yt_dtype)i));
        yt_json_int(doc, row, "layers", t->layers);
        yt_json_real(doc, row, "flops_share", t->flops_share);
        yt_json_int(doc, row, "weight_bytes", (int64_t)t->weight_bytes);
        yt_json_int(doc, row, "feature_bytes", (int64_t)t->feature_bytes);
    }
}

static void add_model(struct yt_json *doc,
                      const struct yt_analysis_report *report)
{
    const struct yt_plan *plan = &report->engine->build->plan;
    const struct yt_graph *graph = report->engine->graph;
    const struct yt_analysis *a = report->analysis;
    yt_json_text(doc, NULL, "model", plan->model);
    yt_json_text(doc, NULL, "format", graph->format);
    yt_json_text(doc, NULL, "hash", graph->hash);
    yt_json_int(doc, NULL, "classes", graph->nc);
    yt_json_int(doc, NULL, "imgsz", plan->h > plan->w ? plan->h : plan->w);
    yt_json_int(doc, NULL, "height", plan->h);
    yt_json_int(doc, NULL, "width", plan->w);
    yt_json_text(doc, NULL, "isa", plan->isa->name);
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_text(doc, NULL, "precision",
                 yt_cli_precision(report->engine, precision));
    yt_json_int(doc, NULL, "parameters", (int64_t)a->parameters);
    yt_json_int(doc, NULL, "flops", (int64_t)a->flops);
    yt_json_int(doc, NULL, "published_flops", (int64_t)report->published_flops);
    yt_json_int(doc, NULL, "run_flops", (int64_t)a->run_flops);
    yt_json_int(doc, NULL, "parameter_bytes", (int64_t)a->parameter_bytes);
    yt_json_int(doc, NULL, "weight_bytes", (int64_t)a->weight_bytes);
    yt_json_int(doc, NULL, "moved_bytes", (int64_t)a->moved_bytes);
    yt_json_int(doc, NULL, "arena_bytes", (int64_t)a->arena_bytes);
    yt_json_int(doc, NULL, "floor_bytes", (int64_t)a->floor_bytes);
    yt_json_int(doc, NULL, "feature_bytes", (int64_t)a->feature_bytes);
    yt_json_real(doc, NULL, "intensity", a->intensity);
}

static void add_measured(struct yt_json *doc, const struct yt_measured *m)
{
    json_t *object = yt_json_object(doc, NULL, "measured");
    yt_json_int(doc, object, "threads", m->threads);
    json_t *peaks = yt_json_object(doc, object, "peak_gflops");
    for (int t = 0; t < YT_DTYPE_COUNT; t++)
        if (m->peaks[t] > 0)
            yt_json_real(doc, peaks, yt_dtype_name((enum yt_dtype)t),
                         m->peaks[t]);
    yt_json_real(doc, object, "bandwidth_gbs", m->bandwidth_gbs);
    yt_json_real(doc, object, "conv_peak_share", m->conv_peak_share);
    yt_json_real(doc, object, "layers_ms", m->layers_ns * 1e-6);
    yt_json_real(doc, object, "preprocess_ms", m->pre_ns * 1e-6);
    yt_json_real(doc, object, "network_ms", m->network_ns * 1e-6);
    yt_json_real(doc, object, "postprocess_ms", m->post_ns * 1e-6);
    yt_json_real(doc, object, "frame_ms", m->frame_ns * 1e-6);
}

int yt_analysis_print_json(const struct yt_analysis_report *report)
{
    struct yt_json doc;
    yt_json_init(&doc);
    add_model(&doc, report);
    add_types(&doc, report->analysis);
    yt_json_bool(&doc, NULL, "tuned", report->measured != NULL);
    if (report->measured)
        add_measured(&doc, report->measured);
    json_t *nms = yt_json_array(&doc, NULL, "nms");
    for (int i = 0; i < YT_NMS_POINTS && report->nms[i].boxes; i++) {
        json_t *point = yt_json_element(&doc, nms);
        yt_json_int(&doc, point, "boxes", report->nms[i].boxes);
        yt_json_int(&doc, point, "kept", report->nms[i].kept);
        yt_json_real(&doc, point, "ms", report->nms[i].timing.min_ns * 1e-6);
    }
    yt_profile_print_json(&doc, report);
    json_t *layers = yt_json_array(&doc, NULL, "layers");
    for (int32_t i = 0; i < report->analysis->layer_count; i++)
        add_layer(&doc, layers, report, report->order[i]);
    return yt_json_print(&doc);
}
