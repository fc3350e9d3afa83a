/* What `yolotune compress` prints. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/compress_job.h"
#include "cli/json.h"

#define COLUMNS 80

/* ----------------------------------------------------------------- text */

/* "model.2.cv1 32>24" one after the other, as many as fit a line. */
static void print_groups(const struct yt_compress_result *r)
{
    int column = 0;
    printf("%s of each group, before and after:\n",
           r->kind == YT_RATIO_CHANNELS ? "channels" : "blocks");
    for (int32_t i = 0; i < r->group_count; i++) {
        const struct yt_compress_group *g = &r->groups[i];
        char text[YT_LAYER_NAME_MAX + 64];
        const int length = snprintf(text, sizeof text, "%s %lld>%lld", g->name,
                                    (long long)g->before, (long long)g->after);
        if (column > 0 && column + 2 + length > COLUMNS) {
            putchar('\n');
            column = 0;
        }
        printf("  %s", text);
        column += 2 + length;
    }
    putchar('\n');
}

static void add_row(struct yt_table *table, const char *name,
                    const struct yt_compress_figures *f)
{
    char fps[32], ms[32], map[32], difference[64], parameters[YT_TEXT_MAX];
    snprintf(fps, sizeof fps, "%.1f", 1e9 / f->ns);
    snprintf(ms, sizeof ms, "%.3f", 1e-6 * f->ns);
    snprintf(map, sizeof map, "%.4f", f->map);
    snprintf(difference, sizeof difference, "%+.4f..%+.4f", f->low, f->high);
    const char *const cells[] = {
        name, fps,        ms,
        map,  difference, yt_text_count(f->parameters, parameters)};
    yt_table_row(table, cells);
}

static void print_figures(const struct yt_compress_result *r)
{
    struct yt_table table;
    yt_table_init(&table,
                  "lnetwork|rFPS|rms|rmAP|rdifference, 95 %|rparameters");
    add_row(&table, r->base.name, &r->base);
    add_row(&table, r->best.name, &r->best);
    for (int32_t i = 0; i < r->rival_count; i++)
        add_row(&table, r->rivals[i].name, &r->rivals[i]);
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

static void print_trials(const struct yt_compress_result *r)
{
    struct yt_table table;
    yt_table_init(&table, "lcandidate|rms|rmAP pruned|rrecovered|rtrained|"
                          "rpictures");
    for (int32_t i = 0; i < r->trial_count; i++) {
        const struct yt_compress_trial *t = &r->trials[i];
        char ms[32], before[32], after[32], time[YT_TEXT_MAX], n[YT_TEXT_MAX];
        snprintf(ms, sizeof ms, "%.3f", 1e-6 * t->ns);
        snprintf(before, sizeof before, "%.4f", t->start_map);
        snprintf(after, sizeof after, "%.4f", t->map);
        const char *const cells[] = {t->name,
                                     ms,
                                     before,
                                     after,
                                     yt_text_time(1e9 * t->seconds, time),
                                     yt_text_count((uint64_t)t->pictures, n)};
        yt_table_row(&table, cells);
    }
    yt_table_print(&table, stdout);
    yt_table_deinit(&table);
}

static double share_gone(const struct yt_compress_result *r)
{
    double before = 0, after = 0;
    for (int32_t i = 0; i < r->group_count; i++) {
        before += (double)r->groups[i].before;
        after += (double)r->groups[i].after;
    }
    return before > 0 ? 1 - after / before : 0;
}

static void print_wish(const struct yt_compress_job *job)
{
    const struct yt_compress_options *o = &job->options;
    const struct yt_compress_result *r = &job->result;
    if (isnan(o->min_fps))
        printf("at most %g of mAP lost: %s (%.4f)\n", o->max_map_drop,
               r->kept ? "kept" : "not kept", r->base.map - r->best.map);
    else
        printf("at least %g FPS: %s (%.1f)\n", o->min_fps,
               r->kept ? "kept" : "not kept", 1e9 / r->best.ns);
}

int yt_compress_print_text(const struct yt_compress_job *job)
{
    const struct yt_compress_result *r = &job->result;
    char time[YT_TEXT_MAX], pictures[YT_TEXT_MAX];
    printf("%s on %s: ", job->graph->name, job->options.test->name);
    if (!r->whole)
        printf("%.0f %% of its %s gone, ", 100 * share_gone(r),
               yt_ratio_kind_name(r->kind));
    printf("%.2f times as fast%s\n\n", r->base.ns / r->best.ns,
           r->interrupted ? ", interrupted" : "");
    if (!r->whole) {
        print_groups(r);
        putchar('\n');
    }
    print_trials(r);
    printf("\ntimes of frames, picture to boxes, measured in turn, kernels not "
           "tuned; mAP on %d\npictures, and its difference to the first "
           "network:\n",
           r->images);
    print_figures(r);
    printf("\ntrained for %s on %s pictures\n",
           yt_text_time(1e9 * r->train_seconds, time),
           yt_text_count((uint64_t)r->train_pictures, pictures));
    print_wish(job);
    printf("%s\n", r->verdict);
    if (r->id)
        printf("row c%lld\n", (long long)r->id);
    printf("%s\n", job->out);
    return YT_EXIT_OK;
}

/* ----------------------------------------------------------------- json */

static void put_figures(struct yt_json *doc, json_t *to,
                        const struct yt_compress_figures *f)
{
    yt_json_text(doc, to, "name", f->name);
    yt_json_int(doc, to, "height", f->h);
    yt_json_int(doc, to, "width", f->w);
    yt_json_text(doc, to, "precision", yt_precision_word(f->precision));
    yt_json_real(doc, to, "fps", 1e9 / f->ns);
    yt_json_real(doc, to, "ms", 1e-6 * f->ns);
    yt_json_real(doc, to, "map", f->map);
    yt_json_real(doc, to, "map_difference_low", f->low);
    yt_json_real(doc, to, "map_difference_high", f->high);
    yt_json_int(doc, to, "parameters", (int64_t)f->parameters);
    yt_json_int(doc, to, "flops", (int64_t)f->flops);
}

static void put_groups(struct yt_json *doc, const struct yt_compress_result *r)
{
    json_t *groups = yt_json_array(doc, NULL, "groups");
    for (int32_t i = 0; i < r->group_count; i++) {
        json_t *group = yt_json_element(doc, groups);
        yt_json_text(doc, group, "name", r->groups[i].name);
        yt_json_int(doc, group, "before", r->groups[i].before);
        yt_json_int(doc, group, "after", r->groups[i].after);
    }
}

static void put_trials(struct yt_json *doc, const struct yt_compress_result *r)
{
    json_t *trials = yt_json_array(doc, NULL, "candidates");
    for (int32_t i = 0; i < r->trial_count; i++) {
        const struct yt_compress_trial *t = &r->trials[i];
        json_t *trial = yt_json_element(doc, trials);
        yt_json_text(doc, trial, "name", t->name);
        yt_json_real(doc, trial, "ms", 1e-6 * t->ns);
        yt_json_real(doc, trial, "wanted_ms", 1e-6 * t->target_ns);
        yt_json_real(doc, trial, "map_pruned", t->start_map);
        yt_json_real(doc, trial, "map", t->map);
        yt_json_real(doc, trial, "seconds", t->seconds);
        yt_json_int(doc, trial, "pictures", t->pictures);
    }
}

int yt_compress_print_json(const struct yt_compress_job *job)
{
    const struct yt_compress_result *r = &job->result;
    struct yt_json doc;
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "model", job->graph->name);
    yt_json_text(&doc, NULL, "dataset", job->options.test->name);
    yt_json_text(&doc, NULL, "out", job->out);
    yt_json_text(&doc, NULL, "kind", yt_compress_kind_name(r));
    yt_json_real(&doc, NULL, "gone", share_gone(r));
    yt_json_real(&doc, NULL, "speedup", r->base.ns / r->best.ns);
    yt_json_real(&doc, NULL, "max_map_drop", job->options.max_map_drop);
    yt_json_real(&doc, NULL, "min_fps", job->options.min_fps);
    yt_json_bool(&doc, NULL, "kept", r->kept);
    put_figures(&doc, yt_json_object(&doc, NULL, "before"), &r->base);
    put_figures(&doc, yt_json_object(&doc, NULL, "after"), &r->best);
    put_groups(&doc, r);
    put_trials(&doc, r);
    json_t *rivals = yt_json_array(&doc, NULL, "rivals");
    for (int32_t i = 0; i < r->rival_count; i++)
        put_figures(&doc, yt_json_element(&doc, rivals), &r->rivals[i]);
    yt_json_int(&doc, NULL, "images", r->images);
    yt_json_real(&doc, NULL, "train_seconds", r->train_seconds);
    yt_json_int(&doc, NULL, "train_pictures", r->train_pictures);
    yt_json_bool(&doc, NULL, "interrupted", r->interrupted);
    yt_json_bool(&doc, NULL, "beaten", r->loses);
    yt_json_text(&doc, NULL, "verdict", r->verdict);
    yt_json_int(&doc, NULL, "compression", r->id);
    return yt_json_print(&doc);
}
