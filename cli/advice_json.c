/* The advisor's answer as one document; names as docs/JSON.md has them. */

#include <math.h>

#include "cli/advice_report.h"
#include "cli/json.h"
#include "strategies/advice/guidance.h"

static double ms(double ns)
{
    return 1e-6 * ns;
}

static void add_stats(struct yt_json *doc, json_t *to, const char *name,
                      const struct yt_stats *s)
{
    json_t *at = yt_json_object(doc, to, name);
    yt_json_real(doc, at, "min", ms(s->min_ns));
    yt_json_real(doc, at, "median", ms(s->median_ns));
    yt_json_real(doc, at, "p95", ms(s->p95_ns));
    yt_json_real(doc, at, "p99", ms(s->p99_ns));
}

static void add_assessment(struct yt_json *doc, json_t *at,
                           const struct yt_assessment *a)
{
    yt_json_text(doc, at, "configuration", a->name);
    yt_json_real(doc, at, "fps", a->figures.fps);
    const struct yt_stats total = {.min_ns = a->min_ns,
                                   .median_ns = a->median_ns,
                                   .p95_ns = a->p95_ns,
                                   .p99_ns = a->figures.latency_ns};
    add_stats(doc, at, "total_ms", &total);
    yt_json_real(doc, at, "map", a->figures.map);
    yt_json_real(doc, at, "map50", a->map50);
    yt_json_real(doc, at, "map75", a->map75);
    yt_json_int(doc, at, "images", a->images);
    yt_json_real(doc, at, "map_difference_low", a->low);
    yt_json_real(doc, at, "map_difference_high", a->high);
    yt_json_int(doc, at, "memory_bytes", a->figures.memory_bytes);
    yt_json_int(doc, at, "size_bytes", a->figures.size_bytes);
    yt_json_int(doc, at, "evaluation", a->evaluation);
}

/* Parts of a frame are known of one picture at a time, from tuning. */
static void add_frame(struct yt_json *doc, const char *name,
                      const struct yt_assessment *a,
                      const struct yt_frame_stats *parts)
{
    const struct yt_stats unknown = {NAN, NAN, NAN, NAN, NAN, NAN, 0};
    json_t *at = yt_json_object(doc, NULL, name);
    add_assessment(doc, at, a);
    add_stats(doc, at, "preprocess_ms", parts ? &parts->preprocess : &unknown);
    add_stats(doc, at, "network_ms", parts ? &parts->network : &unknown);
    add_stats(doc, at, "postprocess_ms",
              parts ? &parts->postprocess : &unknown);
}

static void add_calibrations(struct yt_json *doc,
                             const struct yt_advice_report *r)
{
    const struct yt_choices *choices = yt_lab_choices(r->lab);
    json_t *list = yt_json_array(doc, NULL, "calibrations");
    for (int32_t m = 0; m < choices->model_count; m++) {
        const struct yt_lab_calibration *c = yt_lab_calibration(r->lab, m);
        if (!c->ranges)
            continue;
        json_t *at = yt_json_element(doc, list);
        yt_json_text(doc, at, "model", choices->models[m].name);
        yt_json_int(doc, at, "images", c->images);
        yt_json_real(doc, at, "seconds", c->seconds);
    }
    if (*yt_lab_precision_note(r->lab))
        yt_json_text(doc, NULL, "precision_note",
                     yt_lab_precision_note(r->lab));
}

static void add_kept(struct yt_json *doc, const struct yt_advice_report *r)
{
    struct yt_lab_kept kept[YT_LAB_KEPT_MAX];
    const int32_t count =
        r->advice->choice.config.precision == YT_PRECISION_MIXED
            ? yt_lab_kept(r->lab, &r->advice->choice.config, kept,
                          YT_LAB_KEPT_MAX)
            : 0;
    json_t *list = yt_json_array(doc, NULL, "kept_layers");
    for (int32_t i = 0; i < count; i++) {
        json_t *at = yt_json_element(doc, list);
        yt_json_text(doc, at, "layer", kept[i].layer);
        yt_json_text(doc, at, "dtype", yt_dtype_name(kept[i].dtype));
        yt_json_real(doc, at, "int8_saves_ms", ms(kept[i].saved_ns));
        yt_json_real(doc, at, "int8_loss", kept[i].loss);
    }
}

static void add_limits(struct yt_json *doc, const struct yt_limits *l)
{
    json_t *at = yt_json_object(doc, NULL, "limits");
    yt_json_text(doc, at, "objective",
                 l->objective == YT_MOST_FPS ? "fps" : "map");
    yt_json_real(doc, at, "min_fps", l->min_fps);
    yt_json_real(doc, at, "max_latency_ms", ms(l->max_latency_ns));
    yt_json_real(doc, at, "min_map", l->min_map);
    yt_json_real(doc, at, "max_memory_bytes",
                 l->max_memory_bytes ? (double)l->max_memory_bytes : NAN);
    yt_json_real(doc, at, "max_size_bytes",
                 l->max_size_bytes ? (double)l->max_size_bytes : NAN);
}

static void add_lists(struct yt_json *doc, const struct yt_advice_report *r)
{
    const struct yt_advice *advice = r->advice;
    json_t *list = yt_json_array(doc, NULL, "steps");
    for (int32_t i = 0; i < advice->step_count; i++) {
        json_t *at = yt_json_element(doc, list);
        yt_json_text(doc, at, "strategy", advice->steps[i].strategy->name);
        yt_json_text(doc, at, "setting", advice->steps[i].detail);
        add_assessment(doc, at, &advice->steps[i].after);
    }
    list = yt_json_array(doc, NULL, "gains");
    for (int32_t i = 0; i < advice->gain_count; i++) {
        const struct yt_advice_gain *g = &advice->gains[i];
        json_t *at = yt_json_element(doc, list);
        yt_json_text(doc, at, "strategy", g->strategy->name);
        yt_json_text(doc, at, "setting", g->setting);
        yt_json_text(doc, at, "cost", g->strategy->cost);
        yt_json_real(doc, at, "fps_ratio",
                     g->alone.figures.fps / g->base.figures.fps);
        yt_json_real(doc, at, "map_difference",
                     g->alone.figures.map - g->base.figures.map);
        add_assessment(doc, at, &g->alone);
        yt_json_int(doc, at, "baseline_evaluation", g->base.evaluation);
    }
    list = yt_json_array(doc, NULL, "rivals");
    for (int32_t i = 0; i < advice->rival_count; i++) {
        json_t *at = yt_json_element(doc, list);
        add_assessment(doc, at, &advice->rivals[i].is);
        yt_json_text(doc, at, "note", advice->rivals[i].note);
    }
    char text[YT_GUIDANCE_TEXT];
    struct yt_guidance guidance[YT_GUIDANCE_MAX];
    const int32_t count = yt_guidance_of(r->lab, advice, text, guidance);
    list = yt_json_array(doc, NULL, "advice");
    for (int32_t i = 0; i < count; i++) {
        json_t *at = yt_json_element(doc, list);
        yt_json_text(doc, at, "what", guidance[i].what);
        yt_json_text(doc, at, "why", guidance[i].why);
        yt_json_text(doc, at, "basis", guidance[i].basis);
        yt_json_text(doc, at, "needs", guidance[i].needs);
    }
}

int yt_advice_print_json(const struct yt_advice_report *r)
{
    const struct yt_advice *advice = r->advice;
    const struct yt_config *c = &advice->choice.config;
    const struct yt_dataset *data = yt_lab_dataset(r->lab);
    const struct yt_tune_result *k =
        advice->has_kernels ? &advice->kernels : NULL;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "scenario", advice->scenario->name);
    yt_json_text(&doc, NULL, "model",
                 yt_lab_choices(r->lab)->models[c->model].name);
    yt_json_text(&doc, NULL, "configuration", advice->choice.name);
    yt_json_int(&doc, NULL, "imgsz", c->h > c->w ? c->h : c->w);
    yt_json_int(&doc, NULL, "height", c->h);
    yt_json_int(&doc, NULL, "width", c->w);
    yt_json_text(&doc, NULL, "isa", yt_lab_site(r->lab)->isa->name);
    yt_json_text(&doc, NULL, "precision", yt_precision_key(c->precision));
    add_calibrations(&doc, r);
    yt_json_int(&doc, NULL, "threads", c->threads);
    yt_json_int(&doc, NULL, "groups", c->groups);
    if (data) {
        yt_json_text(&doc, NULL, "dataset", data->name);
        yt_json_text(&doc, NULL, "dataset_hash", data->hash);
        yt_json_int(&doc, NULL, "left_out",
                    data->image_count - yt_dataset_used(data));
    }
    yt_json_int(&doc, NULL, "configurations_measured", advice->measured);
    yt_json_int(&doc, NULL, "configurations_reused", advice->reused);
    yt_json_int(&doc, NULL, "measured", k ? k->measured : 0);
    yt_json_int(&doc, NULL, "reused", k ? k->reused : 0);
    yt_json_int(&doc, NULL, "failed", k ? k->failed : 0);
    yt_json_int(&doc, NULL, "inexact", k ? k->agreement.inexact : 0);
    yt_json_real(&doc, NULL, "head_error", k ? k->agreement.kept_error : NAN);
    yt_json_text(&doc, NULL, "given_up", k ? k->agreement.why : "");
    yt_json_int(&doc, NULL, "fitted", k ? k->fitted : 0);
    yt_json_bool(&doc, NULL, "complete",
                 !advice->interrupted && !(k && k->interrupted));
    yt_json_bool(&doc, NULL, "kept", k && k->kept);
    yt_json_bool(&doc, NULL, "from_database", advice->from_database);
    yt_json_bool(&doc, NULL, "satisfied", !advice->missed[0]);
    yt_json_text(&doc, NULL, "missed", advice->missed);
    yt_json_real(&doc, NULL, "seconds", advice->seconds);
    yt_json_real(&doc, NULL, "peak_gflops", k ? k->peak.gflops_n : NAN);
    add_limits(&doc, &advice->limits);
    add_frame(&doc, "baseline", &advice->baseline, k ? &k->baseline : NULL);
    add_frame(&doc, "tuned", &advice->choice, k ? &k->tuned : NULL);
    yt_json_int(&doc, NULL, "plan", advice->choice.plan);
    yt_json_int(&doc, NULL, "evaluation", advice->choice.evaluation);
    yt_json_int(&doc, NULL, "baseline_evaluation", advice->baseline.evaluation);
    yt_json_int(&doc, NULL, "recommendation", advice->recommendation);
    add_lists(&doc, r);
    add_kept(&doc, r);
    return yt_json_print(&doc);
}
