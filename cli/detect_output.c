/* See cli/detect_output.h. */

#include "cli/detect_output.h"

#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/report.h"
#include "runtime/fail.h"

static const char *class_name(const struct yt_detect_output *o, int32_t id)
{
    return id >= 0 && id < o->info.classes ? o->info.class_names[id] : "?";
}

/* ---------------------------------------------------------------- printed */

static void print_text(const struct yt_detect_output *o,
                       const struct yt_detected *f)
{
    const struct yt_frame_times *t = &f->times;
    char total[YT_TEXT_MAX];
    yt_text_put_safe(stdout, f->file, strlen(f->file));
    if (f->is_frame)
        printf(" frame %lld at %.3f s", (long long)f->frame.number,
               f->frame.seconds);
    printf(": %dx%d, %zu object%s, %s\n", f->picture.width, f->picture.height,
           f->count, f->count == 1 ? "" : "s",
           yt_text_time(
               (double)(t->preprocess_ns + t->network_ns + t->postprocess_ns),
               total));
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &f->boxes[i];
        printf("  %-16s %.3f  %7.1f %7.1f %7.1f %7.1f\n",
               class_name(o, b->class_id), (double)b->score, (double)b->x0,
               (double)b->y0, (double)b->x1, (double)b->y1);
    }
}

static void name_json(struct yt_json *doc, const struct yt_detected *f)
{
    yt_json_init(doc);
    yt_json_text(doc, NULL, "file", f->file);
    if (!f->is_frame)
        return;
    yt_json_int(doc, NULL, "frame", f->frame.number);
    yt_json_real(doc, NULL, "seconds", f->frame.seconds);
}

/* What stands for a picture or frame. */
static void fill_json(const struct yt_detect_output *o, struct yt_json *doc,
                      const struct yt_detected *f)
{
    name_json(doc, f);
    yt_json_int(doc, NULL, "width", f->picture.width);
    yt_json_int(doc, NULL, "height", f->picture.height);
    json_t *list = yt_json_array(doc, NULL, "detections");
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &f->boxes[i];
        json_t *row = yt_json_element(doc, list);
        yt_json_real(doc, row, "x0", (double)b->x0);
        yt_json_real(doc, row, "y0", (double)b->y0);
        yt_json_real(doc, row, "x1", (double)b->x1);
        yt_json_real(doc, row, "y1", (double)b->y1);
        yt_json_real(doc, row, "score", (double)b->score);
        yt_json_int(doc, row, "class_id", b->class_id);
        yt_json_text(doc, row, "name", class_name(o, b->class_id));
    }
    const double ms = 1e-6;
    yt_json_real(doc, NULL, "preprocess_ms",
                 (double)f->times.preprocess_ns * ms);
    yt_json_real(doc, NULL, "network_ms", (double)f->times.network_ns * ms);
    yt_json_real(doc, NULL, "postprocess_ms",
                 (double)f->times.postprocess_ns * ms);
}

static enum yt_status print_json(struct yt_detect_output *o,
                                 struct yt_json *object)
{
    return o->wish->json ? yt_json_list_add(&o->list, object)
                         : yt_json_print_line(object);
}

static enum yt_status print(struct yt_detect_output *o,
                            const struct yt_detected *f)
{
    if (!o->wish->json && !o->wish->json_lines) {
        print_text(o, f);
        return YT_OK;
    }
    struct yt_json object;
    fill_json(o, &object, f);
    return print_json(o, &object);
}

static enum yt_status begin_json(struct yt_detect_output *o,
                                 const struct yt_engine *engine)
{
    struct yt_json doc;
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_init(&doc);
    yt_json_text(&doc, NULL, "model", o->info.name);
    yt_json_text(&doc, NULL, "isa", o->info.isa);
    yt_json_int(&doc, NULL, "threads", o->info.threads);
    yt_json_text(&doc, NULL, "precision", yt_cli_precision(engine, precision));
    yt_json_bool(&doc, NULL, "tuned", engine->tuned);
    const enum yt_status status = yt_json_list_begin(&o->list, &doc, "images");
    o->is_begun = status == YT_OK;
    return status;
}

void yt_detect_output_fail(struct yt_detect_output *output,
                           const struct yt_detected *found)
{
    if (!output->wish->json && !output->wish->json_lines)
        return;
    struct yt_json object;
    name_json(&object, found);
    yt_json_text(&object, NULL, "error", yt_error());
    (void)print_json(output, &object); /* a failure was told already */
}

/* -------------------------------------------------------------------- all */

int yt_detect_output_check(const struct yt_detect_wish *wish,
                           const struct yt_sources *sources)
{
    if (wish->json && wish->json_lines)
        return yt_cli_usage("detect", "--json and --json-lines: one of them");
    if (wish->save_txt && !wish->out)
        return yt_cli_usage("detect", "--save-txt needs --out");
    if (wish->save_conf && !wish->save_txt)
        return yt_cli_usage("detect", "--save-conf needs --save-txt");
    return yt_detect_files_check(wish, sources);
}

enum yt_status yt_detect_output_open(struct yt_detect_output *output,
                                     const struct yt_detect_wish *wish,
                                     const struct yt_engine *engine)
{
    const struct yt_plan *plan = &engine->build->plan;
    output->wish = wish;
    output->info = (struct yt_model_info){.name = plan->model,
                                          .classes = plan->nc,
                                          .class_names = plan->classes,
                                          .isa = plan->isa->name,
                                          .threads = plan->threads};
    YT_TRY(yt_detect_files_open(&output->files, wish, &output->info));
    return wish->json ? begin_json(output, engine) : YT_OK;
}

enum yt_status yt_detect_output_add(struct yt_detect_output *output,
                                    struct yt_detected *found)
{
    YT_TRY(yt_detect_files_add(&output->files, found));
    return print(output, found);
}

/* What follows the list of pictures. */
static enum yt_status end_json(struct yt_detect_output *output,
                               const struct yt_detect_tally *tally)
{
    struct yt_json rest;
    yt_json_init(&rest);
    yt_detect_tally_json(tally, &rest);
    return yt_json_list_end(&output->list, &rest);
}

int yt_detect_output_close(struct yt_detect_output *output,
                           const struct yt_detect_tally *tally)
{
    int code = YT_EXIT_OK;
    const enum yt_status ended =
        output->is_begun ? end_json(output, tally) : YT_OK;
    if (ended != YT_OK)
        code = yt_cli_fail(ended);
    const enum yt_status closed = yt_detect_files_close(&output->files);
    return closed == YT_OK ? code : yt_cli_fail(closed);
}
