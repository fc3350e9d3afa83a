/* See cli/detect_output.h. */

#include "cli/detect_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/table.h"
#include "cli/cli.h"
#include "cli/opened.h"
#include "cli/report.h"
#include "eval/dataset_build.h"
#include "eval/image_draw.h"
#include "eval/labels.h"
#include "eval/results.h"
#include "runtime/fail.h"
#include "runtime/model.h"

#define LABELS "labels" /* the folder's name that YOLOv5 gives it */

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

/* The members of a picture's object; image NULL: the document's root. */
static void fill_json(const struct yt_detect_output *o, struct yt_json *doc,
                      json_t *image, const struct yt_detected *f)
{
    yt_json_text(doc, image, "file", f->file);
    yt_json_int(doc, image, "width", f->picture.width);
    yt_json_int(doc, image, "height", f->picture.height);
    json_t *list = yt_json_array(doc, image, "detections");
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
    yt_json_real(doc, image, "preprocess_ms",
                 (double)f->times.preprocess_ns * ms);
    yt_json_real(doc, image, "network_ms", (double)f->times.network_ns * ms);
    yt_json_real(doc, image, "postprocess_ms",
                 (double)f->times.postprocess_ns * ms);
}

static enum yt_status print(struct yt_detect_output *o,
                            const struct yt_detected *f)
{
    if (o->wish->json) {
        fill_json(o, &o->doc, yt_json_element(&o->doc, o->images), f);
        return YT_OK;
    }
    if (!o->wish->json_lines) {
        print_text(o, f);
        return YT_OK;
    }
    struct yt_json line;
    yt_json_init(&line);
    fill_json(o, &line, NULL, f);
    return yt_json_print_line(&line);
}

static void begin_json(struct yt_detect_output *o,
                       const struct yt_engine *engine)
{
    struct yt_json *doc = &o->doc;
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_init(doc);
    yt_json_text(doc, NULL, "model", o->info.name);
    yt_json_text(doc, NULL, "isa", o->info.isa);
    yt_json_int(doc, NULL, "threads", o->info.threads);
    yt_json_text(doc, NULL, "precision", yt_cli_precision(engine, precision));
    yt_json_bool(doc, NULL, "tuned", engine->tuned);
    o->images = yt_json_array(doc, NULL, "images");
}

static void fill_failure(struct yt_json *doc, json_t *image, const char *file)
{
    yt_json_text(doc, image, "file", file);
    yt_json_text(doc, image, "error", yt_error());
}

void yt_detect_output_fail(struct yt_detect_output *output, const char *file)
{
    if (output->wish->json) {
        fill_failure(&output->doc,
                     yt_json_element(&output->doc, output->images), file);
    } else if (output->wish->json_lines) {
        struct yt_json line;
        yt_json_init(&line);
        fill_failure(&line, NULL, file);
        (void)yt_json_print_line(&line); /* a failure was told already */
    }
}

/* ------------------------------------------------------------------ files */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_same_file(const char *a, const char *b)
{
    struct stat from;
    struct stat to;
    return stat(a, &from) == 0 && stat(b, &to) == 0 &&
           from.st_dev == to.st_dev && from.st_ino == to.st_ino;
}

/* Where a picture's drawing goes: the same name in --out, as PNG when the
 * name's ending is not one that pictures are written as. */
static enum yt_status drawing_path(const struct yt_detect_output *o,
                                   const char *file, char *path, size_t size)
{
    static const char *const written[] = {".jpg", ".jpeg", ".png", ".ppm"};
    const char *name = base_name(file);
    const char *ending = strrchr(name, '.');
    const char *extra = ".png";
    for (size_t i = 0; ending && i < sizeof written / sizeof written[0]; i++)
        if (strcasecmp(ending, written[i]) == 0)
            extra = "";
    const int used = snprintf(path, size, "%s/%s%s", o->wish->out, name, extra);
    YT_FAIL_IF(used < 0 || (size_t)used >= size, YT_BAD_ARGUMENT,
               "%s: the name of its drawing is too long", file);
    YT_FAIL_IF(is_same_file(file, path), YT_BAD_ARGUMENT,
               "%s: the drawing would overwrite it; choose another --out",
               file);
    return YT_OK;
}

static enum yt_status draw(struct yt_detect_output *o, struct yt_detected *f)
{
    char path[4096];
    YT_TRY(drawing_path(o, f->file, path, sizeof path));
    yt_picture_draw_boxes(&f->picture, f->boxes, f->count, o->info.class_names,
                          o->info.classes);
    return yt_picture_save(&f->picture, path);
}

/* The same picture by the folder that its name leads to. malloc'ed; NULL: the
 * folder is not there. */
static char *resolve_folder(const char *file)
{
    char *folder = yt_path_folder(file);
    char *real = folder ? realpath(folder, NULL) : NULL;
    char *path = real ? yt_path_join(real, base_name(file)) : NULL;
    free(folder);
    free(real);
    return path;
}

/* Labels that people made are worth more than those of a model. They lie where
 * "images" leads to in a picture's name, which may begin with it or leave it to
 * the folder that the program runs in; a link on the way has two names. */
static enum yt_status check_truth(const char *file, const char *path)
{
    char *names[] = {yt_path_join(".", file), resolve_folder(file),
                     realpath(file, NULL)};
    int same = 0;
    int failed = !names[0];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *truth = names[i] ? yt_label_path(names[i]) : NULL;
        same |= truth && is_same_file(truth, path);
        failed |= names[i] && !truth;
        free(truth);
        free(names[i]);
    }
    YT_FAIL_IF(failed, YT_NO_MEMORY, "no memory for a path");
    YT_FAIL_IF(same, YT_BAD_ARGUMENT,
               "%s: its own labels would be overwritten; choose another --out",
               file);
    return YT_OK;
}

static enum yt_status save_labels(const struct yt_detect_output *o,
                                  const struct yt_detected *f)
{
    char path[4096];
    char *stem = yt_path_stem(f->file);
    YT_FAIL_IF(!stem, YT_NO_MEMORY, "no memory for a path");
    const int used =
        snprintf(path, sizeof path, "%s/" LABELS "/%s.txt", o->wish->out, stem);
    free(stem);
    YT_FAIL_IF(used < 0 || (size_t)used >= sizeof path, YT_BAD_ARGUMENT,
               "%s: the name of its labels is too long", f->file);
    YT_TRY(check_truth(f->file, path));
    return yt_labels_save(path, f->boxes, f->count, f->picture.width,
                          f->picture.height, o->wish->save_conf);
}

static enum yt_status add_coco(struct yt_detect_output *o,
                               const struct yt_detected *f)
{
    char *stem = yt_path_stem(f->file);
    YT_FAIL_IF(!stem, YT_NO_MEMORY, "no memory for a name");
    char *id = yt_results_image_id(stem, yt_dataset_id_of(stem));
    free(stem);
    YT_FAIL_IF(!id, YT_BAD_INPUT,
               "%s: a name that is not UTF-8 cannot be written as JSON",
               f->file);
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &f->boxes[i];
        const struct yt_result result = {
            .x = (double)b->x0,
            .y = (double)b->y0,
            .w = (double)b->x1 - (double)b->x0,
            .h = (double)b->y1 - (double)b->y0,
            .score = (double)b->score,
        };
        fputs(o->coco_count++ ? ",\n" : "\n", o->coco);
        yt_results_write(o->coco, id, b->class_id, &result);
    }
    free(id);
    return YT_OK;
}

static enum yt_status make_folder(const char *path)
{
    YT_FAIL_IF(mkdir(path, 0777) != 0 && errno != EEXIST, YT_IO, "--out %s: %s",
               path, strerror(errno));
    return YT_OK;
}

static enum yt_status make_folders(const struct yt_detect_wish *wish)
{
    if (!wish->out)
        return YT_OK;
    YT_TRY(make_folder(wish->out));
    if (!wish->save_txt)
        return YT_OK;
    char *labels = yt_path_join(wish->out, LABELS);
    YT_FAIL_IF(!labels, YT_NO_MEMORY, "no memory for a path");
    const enum yt_status status = make_folder(labels);
    free(labels);
    return status;
}

/* -------------------------------------------------------------------- all */

static int check_names(const struct yt_detect_wish *wish,
                       const struct yt_sources *sources)
{
    const int stems = wish->save_txt || wish->coco;
    const char *a = NULL;
    const char *b = NULL;
    if (!wish->out && !wish->coco)
        return -1;
    const enum yt_status status = yt_sources_twice(sources, stems, &a, &b);
    if (status != YT_OK)
        return yt_cli_fail(status);
    if (a)
        return yt_cli_usage("detect", "%s and %s would be %s", a, b,
                            stems ? "one picture in labels and results"
                                  : "drawn into the same file");
    return -1;
}

int yt_detect_output_check(const struct yt_detect_wish *wish,
                           const struct yt_sources *sources)
{
    if (wish->json && wish->json_lines)
        return yt_cli_usage("detect", "--json and --json-lines: one of them");
    if (wish->save_txt && !wish->out)
        return yt_cli_usage("detect", "--save-txt needs --out");
    if (wish->save_conf && !wish->save_txt)
        return yt_cli_usage("detect", "--save-conf needs --save-txt");
    return check_names(wish, sources);
}

enum yt_status yt_detect_output_open(struct yt_detect_output *output,
                                     const struct yt_detect_wish *wish,
                                     const struct yt_engine *engine)
{
    output->wish = wish;
    yt_model_describe(engine->model, &output->info);
    YT_TRY(make_folders(wish));
    if (wish->coco) {
        output->coco = fopen(wish->coco, "we");
        YT_FAIL_IF(!output->coco, YT_IO, "%s: cannot write: %s", wish->coco,
                   strerror(errno));
        fputs("[", output->coco);
    }
    if (wish->json)
        begin_json(output, engine);
    return YT_OK;
}

enum yt_status yt_detect_output_add(struct yt_detect_output *output,
                                    struct yt_detected *found)
{
    const struct yt_detect_wish *wish = output->wish;
    if (wish->save_txt)
        YT_TRY(save_labels(output, found));
    if (output->coco)
        YT_TRY(add_coco(output, found));
    if (wish->out && !wish->nosave)
        YT_TRY(draw(output, found));
    return print(output, found);
}

static enum yt_status close_coco(struct yt_detect_output *output)
{
    fputs("\n]\n", output->coco);
    const int failed = ferror(output->coco);
    const int closed = fclose(output->coco);
    output->coco = NULL;
    if (!failed && closed == 0)
        return YT_OK;
    remove(output->wish->coco);
    return yt_fail(YT_IO, "%s: cannot write all of it", output->wish->coco);
}

int yt_detect_output_close(struct yt_detect_output *output)
{
    int code = YT_EXIT_OK;
    if (output->images)
        code = yt_json_print(&output->doc);
    if (output->coco) {
        const enum yt_status status = close_coco(output);
        if (status != YT_OK)
            code = yt_cli_fail(status);
    }
    return code;
}
