/* See cli/eval_report.h. */

#include "cli/eval_report.h"

#include <math.h>
#include <stdio.h>

#include "cli/frame_options.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "cli/report.h"

/* ------------------------------------------------------------------ text */

static char *share(double value, char text[YT_TEXT_MAX])
{
    if (isnan(value))
        snprintf(text, YT_TEXT_MAX, "-");
    else
        snprintf(text, YT_TEXT_MAX, "%.4f", value);
    return text;
}

static void print_runs(const struct yt_eval_report *r)
{
    struct yt_table table;
    yt_table_init(&table, "lrun|rmAP|rmAP@.5|rmAP@.75|rsmall|rmedium|rlarge|"
                          "rprecision|rrecall|rat score");
    for (int i = 0; i < r->run_count; i++) {
        const struct yt_map_summary *s = &r->runs[i].summary;
        char cells[9][YT_TEXT_MAX];
        yt_table_row(
            &table, (const char *[]){r->runs[i].name, share(s->map, cells[0]),
                                     share(s->map50, cells[1]),
                                     share(s->map75, cells[2]),
                                     share(s->by_area[YT_MAP_SMALL], cells[3]),
                                     share(s->by_area[YT_MAP_MEDIUM], cells[4]),
                                     share(s->by_area[YT_MAP_LARGE], cells[5]),
                                     share(s->precision, cells[6]),
                                     share(s->recall, cells[7]),
                                     share(s->best_score, cells[8])});
    }
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

static void print_classes(const struct yt_eval_report *r)
{
    const struct yt_map_summary *s = &r->runs[0].summary;
    struct yt_table table;
    yt_table_init(&table,
                  "lclass|rimages|robjects|rmAP|rmAP@.5|rprecision|rrecall");
    for (int32_t i = 0; i < s->class_count; i++) {
        const struct yt_map_class *k = &s->classes[i];
        char cells[6][YT_TEXT_MAX];
        if (k->objects == 0)
            continue;
        yt_table_row(
            &table,
            (const char *[]){r->dataset->classes[i],
                             yt_text_count((uint64_t)k->images, cells[0]),
                             yt_text_count((uint64_t)k->objects, cells[1]),
                             share(k->ap, cells[2]), share(k->ap50, cells[3]),
                             share(k->precision, cells[4]),
                             share(k->recall, cells[5])});
    }
    printf("\n");
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

static void print_interval(const char *name, const struct yt_interval *i)
{
    printf("  %-8s %+.4f, between %+.4f and %+.4f: %s\n", name, i->value,
           i->low, i->high,
           yt_interval_decides(i) ? "a difference"
                                  : "no difference that these images can show");
}

static void print_difference(const struct yt_eval_report *r)
{
    const struct yt_bootstrap_result *d = r->difference;
    printf("\n%s minus %s, with the interval that holds 95 of 100 draws of as "
           "many images:\n",
           r->runs[1].name, r->runs[0].name);
    print_interval("mAP", &d->map);
    print_interval("mAP@.5", &d->map50);
}

void yt_eval_print_text(const struct yt_eval_report *r)
{
    const struct yt_map_summary *s = &r->runs[0].summary;
    char images[YT_TEXT_MAX], objects[YT_TEXT_MAX];
    printf("%s: %s images, %s objects", r->dataset->name,
           yt_text_count((uint64_t)s->images, images),
           yt_text_count((uint64_t)s->objects, objects));
    if (r->dataset->image_count > s->images)
        printf(", %d images left out", r->dataset->image_count - s->images);
    printf("\n");
    for (int i = 0; i < r->run_count; i++) {
        const struct yt_eval_run *run = &r->runs[i];
        if (!run->engine)
            continue;
        const struct yt_plan *plan = &run->engine->build->plan;
        char time[YT_TEXT_MAX];
        char precision[YT_PRECISION_WORD_MAX];
        printf("%s: %dx%d, %s, %s, %s, in %s\n", run->name, plan->h, plan->w,
               plan->isa->name, yt_cli_precision(run->engine, precision),
               run->engine->tuned ? "tuned" : "not tuned",
               yt_text_time(run->seconds * 1e9, time));
    }
    printf("\n");
    print_runs(r);
    if (r->per_class)
        print_classes(r);
    if (r->difference)
        print_difference(r);
}

/* ------------------------------------------------------------------ JSON */

static void add_summary(struct yt_json *doc, json_t *to,
                        const struct yt_map_summary *s)
{
    yt_json_real(doc, to, "map", s->map);
    yt_json_real(doc, to, "map50", s->map50);
    yt_json_real(doc, to, "map75", s->map75);
    yt_json_real(doc, to, "map_small", s->by_area[YT_MAP_SMALL]);
    yt_json_real(doc, to, "map_medium", s->by_area[YT_MAP_MEDIUM]);
    yt_json_real(doc, to, "map_large", s->by_area[YT_MAP_LARGE]);
    yt_json_real(doc, to, "ar_1", s->recall_1);
    yt_json_real(doc, to, "ar_10", s->recall_10);
    yt_json_real(doc, to, "ar_100", s->recall_by_area[YT_MAP_ALL]);
    yt_json_real(doc, to, "ar_small", s->recall_by_area[YT_MAP_SMALL]);
    yt_json_real(doc, to, "ar_medium", s->recall_by_area[YT_MAP_MEDIUM]);
    yt_json_real(doc, to, "ar_large", s->recall_by_area[YT_MAP_LARGE]);
    yt_json_real(doc, to, "precision", s->precision);
    yt_json_real(doc, to, "recall", s->recall);
    yt_json_real(doc, to, "best_f1", s->best_f1);
    yt_json_real(doc, to, "best_score", s->best_score);
}

static void add_classes(struct yt_json *doc, json_t *to,
                        const struct yt_dataset *dataset,
                        const struct yt_map_summary *s)
{
    json_t *list = yt_json_array(doc, to, "per_class");
    for (int32_t i = 0; i < s->class_count; i++) {
        const struct yt_map_class *k = &s->classes[i];
        if (dataset->categories[i] == YT_NO_CATEGORY)
            continue;
        json_t *row = yt_json_element(doc, list);
        yt_json_int(doc, row, "class_id", i);
        yt_json_int(doc, row, "category_id", dataset->categories[i]);
        yt_json_text(doc, row, "name", dataset->classes[i]);
        yt_json_int(doc, row, "images", k->images);
        yt_json_int(doc, row, "objects", k->objects);
        yt_json_real(doc, row, "map", k->ap);
        yt_json_real(doc, row, "map50", k->ap50);
        yt_json_real(doc, row, "map75", k->ap75);
        yt_json_real(doc, row, "precision", k->precision);
        yt_json_real(doc, row, "recall", k->recall);
    }
}

static void add_run(struct yt_json *doc, json_t *to,
                    const struct yt_eval_report *r,
                    const struct yt_eval_run *run)
{
    yt_json_text(doc, to, "name", run->name);
    yt_json_text(doc, to, "source", run->source);
    if (run->engine) {
        const struct yt_plan *plan = &run->engine->build->plan;
        yt_json_int(doc, to, "imgsz", plan->h > plan->w ? plan->h : plan->w);
        yt_json_int(doc, to, "height", plan->h);
        yt_json_int(doc, to, "width", plan->w);
        yt_json_text(doc, to, "isa", plan->isa->name);
        char precision[YT_PRECISION_WORD_MAX];
        yt_json_text(doc, to, "precision_of_network",
                     yt_cli_precision(run->engine, precision));
        yt_json_bool(doc, to, "tuned", run->engine->tuned);
        yt_json_real(doc, to, "seconds", run->seconds);
    }
    yt_json_int(doc, to, "boxes", run->results.count);
    if (run->evaluation)
        yt_json_int(doc, to, "evaluation", run->evaluation);
    add_summary(doc, to, &run->summary);
    add_classes(doc, to, r->dataset, &run->summary);
}

static void add_dataset(struct yt_json *doc, const struct yt_eval_report *r)
{
    const struct yt_dataset *d = r->dataset;
    const struct yt_map_summary *s = &r->runs[0].summary;
    yt_json_text(doc, NULL, "dataset", d->name);
    yt_json_text(doc, NULL, "dataset_hash", d->hash);
    yt_json_int(doc, NULL, "images", s->images);
    yt_json_int(doc, NULL, "objects", s->objects);
    yt_json_int(doc, NULL, "left_out", d->image_count - s->images);
    yt_json_int(doc, NULL, "unlabelled", d->unlabelled);
    yt_json_int(doc, NULL, "duplicates", d->duplicates);
    json_t *problems = yt_json_array(doc, NULL, "problems");
    for (int32_t i = 0; i < d->problem_count; i++)
        yt_json_text(doc, yt_json_element(doc, problems), "text",
                     d->problems[i]);
}

static void add_options(struct yt_json *doc, const struct yt_predict_options *o)
{
    yt_json_real(doc, NULL, "conf", (double)o->conf);
    yt_json_real(doc, NULL, "iou", o->iou);
    yt_json_int(doc, NULL, "max_det", o->max_det);
    yt_json_text(doc, NULL, "labels", o->single_label ? "single" : "multi");
    yt_json_text(doc, NULL, "nms", o->exact_nms ? "exact" : "ultralytics");
    yt_json_bool(doc, NULL, "agnostic", o->class_agnostic);
    yt_json_text(doc, NULL, "fit", yt_cli_fit_name(o->fit));
    yt_json_text(doc, NULL, "filter", yt_cli_filter_name(o->filter));
    if (o->candidates)
        yt_json_int(doc, NULL, "max_candidates", o->candidates);
    yt_json_bool(doc, NULL, "flip", o->flip);
    yt_json_bool(doc, NULL, "augment", o->augment);
}

static void add_interval(struct yt_json *doc, json_t *to, const char *name,
                         const struct yt_interval *i)
{
    json_t *object = yt_json_object(doc, to, name);
    yt_json_real(doc, object, "value", i->value);
    yt_json_real(doc, object, "low", i->low);
    yt_json_real(doc, object, "high", i->high);
    yt_json_bool(doc, object, "decided", yt_interval_decides(i));
}

int yt_eval_print_json(const struct yt_eval_report *r)
{
    struct yt_json doc;
    yt_json_init(&doc);
    add_dataset(&doc, r);
    add_options(&doc, &r->options);
    add_run(&doc, NULL, r, &r->runs[0]);
    if (r->difference) {
        add_run(&doc, yt_json_object(&doc, NULL, "compared"), r, &r->runs[1]);
        json_t *difference = yt_json_object(&doc, NULL, "difference");
        add_interval(&doc, difference, "map", &r->difference->map);
        add_interval(&doc, difference, "map50", &r->difference->map50);
        yt_json_real(&doc, difference, "above", r->difference->above);
        yt_json_int(&doc, difference, "draws", r->difference->draws);
    }
    return yt_json_print(&doc);
}
