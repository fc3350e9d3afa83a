/* yolotune detect: objects in pictures, as text, as JSON and drawn. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/frame_options.h"
#include "cli/json.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "cli/report.h"
#include "eval/image.h"
#include "eval/image_draw.h"
#include "runtime/fail.h"
#include "runtime/model.h"

#define MAX_DET 300 /* the default of yt_detect_options */

static const struct yt_manual manual = {
    .command = "detect",
    .summary = "find objects in pictures",
    .synopsis = "--model FILE [OPTION]... PICTURE...",
    .description =
        "Runs the model on each picture (BMP, GIF, JPEG, PNG, PPM, TIFF or "
        "WebP; of several frames or pages the first) and prints the boxes, "
        "names and scores it finds, in pixels of the picture, best score "
        "first. Pictures are scaled and padded to the model's input as YOLOv5 "
        "does, unless --fit or --filter say otherwise; EXIF orientation is "
        "applied.\n\n"
        "The fastest plan that the database holds for this model on this "
        "machine is used. Without one the model runs untuned, and a note says "
        "so.\n\n"
        "A picture that cannot be read is reported and the others go on; the "
        "exit status is then 3.",
    .examples = " yolotune detect -m yolov5s.pt bus.jpg\n"
                " yolotune detect -m yolov5s.pt --conf 0.4 --out drawn *.jpg\n"
                " yolotune detect -m yolov5s.pt --json bus.jpg | jq .images",
};

struct job {
    struct yt_cli_engine engine_options;
    struct yt_cli_frame_options frame;
    struct yt_precision_wish precision;
    float conf, iou;
    int32_t max_det, agnostic, json;
    const char *out;
    const char *heads; /* file for the raw head tensors of one picture */

    struct yt_cli_opened opened;
    struct yt_engine *engine; /* opened's */
    struct yt_model_info info;
    void *workspace;
    size_t workspace_bytes;
    struct yt_box *boxes;
    struct yt_json doc;
    json_t *images;
};

/* One picture's results. */
struct found {
    const char *file;
    struct yt_picture picture;
    size_t count;
    struct yt_frame_times times;
};

static const char *class_name(const struct job *job, int32_t id)
{
    return id >= 0 && id < job->info.classes ? job->info.class_names[id] : "?";
}

static void print_text(const struct job *job, const struct found *f)
{
    const struct yt_frame_times *t = &f->times;
    char total[YT_TEXT_MAX];
    printf("%s: %dx%d, %zu object%s, %s\n", f->file, f->picture.width,
           f->picture.height, f->count, f->count == 1 ? "" : "s",
           yt_text_time(
               (double)(t->preprocess_ns + t->network_ns + t->postprocess_ns),
               total));
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &job->boxes[i];
        printf("  %-16s %.3f  %7.1f %7.1f %7.1f %7.1f\n",
               class_name(job, b->class_id), (double)b->score, (double)b->x0,
               (double)b->y0, (double)b->x1, (double)b->y1);
    }
}

static void add_json(struct job *job, const struct found *f)
{
    struct yt_json *doc = &job->doc;
    json_t *image = yt_json_element(doc, job->images);
    yt_json_text(doc, image, "file", f->file);
    yt_json_int(doc, image, "width", f->picture.width);
    yt_json_int(doc, image, "height", f->picture.height);
    json_t *list = yt_json_array(doc, image, "detections");
    for (size_t i = 0; i < f->count; i++) {
        const struct yt_box *b = &job->boxes[i];
        json_t *row = yt_json_element(doc, list);
        yt_json_real(doc, row, "x0", (double)b->x0);
        yt_json_real(doc, row, "y0", (double)b->y0);
        yt_json_real(doc, row, "x1", (double)b->x1);
        yt_json_real(doc, row, "y1", (double)b->y1);
        yt_json_real(doc, row, "score", (double)b->score);
        yt_json_int(doc, row, "class_id", b->class_id);
        yt_json_text(doc, row, "name", class_name(job, b->class_id));
    }
    const double ms = 1e-6;
    yt_json_real(doc, image, "preprocess_ms",
                 (double)f->times.preprocess_ns * ms);
    yt_json_real(doc, image, "network_ms", (double)f->times.network_ns * ms);
    yt_json_real(doc, image, "postprocess_ms",
                 (double)f->times.postprocess_ns * ms);
}

static void add_json_failure(struct job *job, const char *file)
{
    json_t *image = yt_json_element(&job->doc, job->images);
    yt_json_text(&job->doc, image, "file", file);
    yt_json_text(&job->doc, image, "error", yt_error());
}

/* -------------------------------------------------------------- pictures */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Where a picture's drawing goes: the same name in --out, as PNG when the
 * name's ending is not one that pictures are written as. */
static enum yt_status drawing_path(const struct job *job, const char *file,
                                   char *path, size_t size)
{
    static const char *const written[] = {".jpg", ".jpeg", ".png", ".ppm"};
    const char *name = base_name(file);
    const char *ending = strrchr(name, '.');
    const char *extra = ".png";
    for (size_t i = 0; ending && i < sizeof written / sizeof written[0]; i++)
        if (strcasecmp(ending, written[i]) == 0)
            extra = "";
    const int used = snprintf(path, size, "%s/%s%s", job->out, name, extra);
    YT_FAIL_IF(used < 0 || (size_t)used >= size, YT_BAD_ARGUMENT,
               "%s: the name of its drawing is too long", file);
    struct stat from;
    struct stat to;
    YT_FAIL_IF(stat(file, &from) == 0 && stat(path, &to) == 0 &&
                   from.st_dev == to.st_dev && from.st_ino == to.st_ino,
               YT_BAD_ARGUMENT,
               "%s: the drawing would overwrite it; choose another --out",
               file);
    return YT_OK;
}

static enum yt_status draw(struct job *job, struct found *f)
{
    char path[4096];
    YT_TRY(drawing_path(job, f->file, path, sizeof path));
    yt_picture_draw_boxes(&f->picture, job->boxes, f->count,
                          job->info.class_names, job->info.classes);
    return yt_picture_save(&f->picture, path);
}

static enum yt_status find_boxes(struct job *job, const char *file,
                                 struct found *f)
{
    const struct yt_image image = {
        .pixels = f->picture.rgb,
        .width = f->picture.width,
        .height = f->picture.height,
        .stride_bytes = 3 * (int64_t)f->picture.width,
        .format = YT_PIXEL_RGB,
    };
    const struct yt_detect_options options = {
        .conf = job->conf,
        .iou = job->iou,
        .max_det = job->max_det,
        .class_agnostic = job->agnostic,
        .fit = job->frame.fit,
        .filter = job->frame.filter,
        .candidates = job->frame.candidates,
        .flip = job->frame.flip,
    };
    const struct yt_augment passes = yt_engine_set_passes(&job->opened.set);
    const size_t cap = (size_t)job->max_det;
    const enum yt_status status =
        job->frame.augment
            ? yt_augment_detect(&passes, &image, &options, job->workspace,
                                job->workspace_bytes, job->boxes, cap,
                                &f->count, &f->times)
            : yt_model_detect(job->engine->model, &image, &options,
                              job->workspace, job->workspace_bytes, job->boxes,
                              cap, &f->count, &f->times);
    return status == YT_OK ? YT_OK : yt_fail_prefix(status, "%s", file);
}

/* What the file lacked, once. */
static void note_end(const char *file, const struct yt_picture *picture)
{
    const char *text = yt_picture_end_text(picture->end);
    if (text)
        fprintf(stderr, "yolotune: %s: %s\n", file, text);
}

static enum yt_status detect_one(struct job *job, const char *file)
{
    struct found f = {.file = file};
    YT_TRY(yt_picture_load(file, &f.picture));
    note_end(file, &f.picture);
    enum yt_status status = find_boxes(job, file, &f);
    if (status == YT_OK && job->out)
        status = draw(job, &f);
    if (status == YT_OK && job->json)
        add_json(job, &f);
    else if (status == YT_OK)
        print_text(job, &f);
    yt_picture_deinit(&f.picture);
    return status;
}

/* ------------------------------------------------------------------ job */

/* Two pictures of one name would be drawn into one file. */
static int check_names(char **files, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(base_name(files[i]), base_name(files[k])) == 0)
                return yt_cli_usage(
                    "detect", "%s and %s would be drawn into the same file",
                    files[k], files[i]);
    return -1;
}

static void note_plan(const struct job *job, const struct yt_engine *engine)
{
    char size[32] = "";
    const struct yt_plan *plan = &engine->build->plan;
    if (engine != job->engine)
        snprintf(size, sizeof size, " at %dx%d", plan->h, plan->w);
    yt_cli_engine_notes(engine);
    if (!engine->tuned)
        fprintf(stderr,
                "yolotune: %s%s is not tuned for this machine yet; it runs, "
                "but slower than it could\n",
                job->info.name, size);
}

static enum yt_status open_job(struct job *job)
{
    const struct yt_cli_wanted wanted = {.engine = &job->engine_options,
                                         .precision = &job->precision,
                                         .access = YT_SITE_READS,
                                         .augment = job->frame.augment};
    YT_TRY(yt_cli_open(&wanted, &job->opened));
    job->engine = job->opened.engine;
    yt_model_describe(job->engine->model, &job->info);
    for (int32_t i = 0; i < job->opened.set.count; i++)
        note_plan(job, job->opened.set.engines[i]);
    const struct yt_augment passes = yt_engine_set_passes(&job->opened.set);
    job->workspace_bytes = job->frame.augment
                               ? yt_augment_workspace_bytes(&passes)
                           : job->frame.flip ? job->info.flip_workspace_bytes
                                             : job->info.workspace_bytes;
    job->workspace = aligned_alloc(64, (job->workspace_bytes + 63) / 64 * 64);
    job->boxes = calloc((size_t)job->max_det, sizeof *job->boxes);
    YT_FAIL_IF(!job->workspace || !job->boxes, YT_NO_MEMORY,
               "no memory for a workspace of %zu bytes", job->workspace_bytes);
    YT_FAIL_IF(job->out && mkdir(job->out, 0777) != 0 && errno != EEXIST, YT_IO,
               "--out %s: %s", job->out, strerror(errno));
    return YT_OK;
}

static void begin_json(struct job *job)
{
    struct yt_json *doc = &job->doc;
    yt_json_init(doc);
    yt_json_text(doc, NULL, "model", job->info.name);
    yt_json_text(doc, NULL, "isa", job->info.isa);
    yt_json_int(doc, NULL, "threads", job->info.threads);
    char precision[YT_PRECISION_WORD_MAX];
    yt_json_text(doc, NULL, "precision",
                 yt_cli_precision(job->engine, precision));
    yt_json_bool(doc, NULL, "tuned", job->engine->tuned);
    job->images = yt_json_array(doc, NULL, "images");
}

/* One level from blocks to planes. */
static int write_level(FILE *out, const struct yt_plan *plan,
                       const struct yt_level *level, const char *arena)
{
    const float *head = (const float *)(const void *)(arena + level->head);
    const int32_t lanes = plan->isa->lanes;
    const int32_t cells = level->h * level->w;
    for (int32_t c = 0; c < level->na * (5 + plan->nc); c++)
        for (int32_t i = 0; i < cells; i++)
            if (fwrite(&head[(c / lanes * cells + i) * lanes + c % lanes],
                       sizeof *head, 1, out) != 1)
                return 0;
    return 1;
}

static enum yt_status dump_heads(struct job *job, const char *file)
{
    struct yt_picture picture = {0};
    YT_TRY(yt_picture_load(file, &picture));
    const struct yt_image image = {
        .pixels = picture.rgb,
        .width = picture.width,
        .height = picture.height,
        .stride_bytes = 3 * (int64_t)picture.width,
        .format = YT_PIXEL_RGB,
    };
    const struct yt_plan *plan = &job->engine->build->plan;
    const struct yt_framing framing = {.h = plan->h,
                                       .w = plan->w,
                                       .fit = job->frame.fit,
                                       .filter = job->frame.filter};
    yt_model_run_letterbox(job->engine->model, &image, &framing,
                           job->workspace);
    yt_model_run_steps(job->engine->model, -INFINITY, job->workspace, 0,
                       plan->step_count);
    yt_picture_deinit(&picture);
    FILE *out = fopen(job->heads, "wbe");
    YT_FAIL_IF(!out, YT_IO, "%s: cannot write: %s", job->heads,
               strerror(errno));
    int ok = 1;
    for (int32_t i = 0; ok && i < plan->level_count; i++)
        ok = write_level(out, plan, &plan->levels[i], job->workspace);
    ok = fclose(out) == 0 && ok;
    YT_FAIL_IF(!ok, YT_IO, "%s: cannot write: %s", job->heads, strerror(errno));
    return YT_OK;
}

static int run_job(struct job *job, char **files, int count)
{
    const enum yt_status opened = open_job(job);
    if (opened != YT_OK)
        return yt_cli_fail(opened);
    if (job->heads) {
        const enum yt_status dumped = dump_heads(job, files[0]);
        return dumped == YT_OK ? YT_EXIT_OK : yt_cli_fail(dumped);
    }
    if (job->json)
        begin_json(job);
    int code = YT_EXIT_OK;
    for (int i = 0; i < count; i++) {
        const enum yt_status status = detect_one(job, files[i]);
        if (status == YT_OK)
            continue;
        code = yt_cli_fail(status);
        if (job->json)
            add_json_failure(job, files[i]);
    }
    if (job->json) {
        const int printed = yt_json_print(&job->doc);
        code = code == YT_EXIT_OK ? printed : code;
    }
    return code;
}

int yt_cmd_detect(int argc, char **argv)
{
    struct job job = {.conf = 0.25f, .iou = 0.45f, .max_det = MAX_DET};
    int first = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROWS_ENGINE(&job.engine_options),
        {"conf", 0, YT_OPTION_NUMBER, "SCORE", &job.conf, 0.001, 1,
         "Lowest score of a box, 0.001 to 1 (default: 0.25)."},
        {"iou", 0, YT_OPTION_NUMBER, "OVERLAP", &job.iou, 0.01, 1,
         "Of two boxes of a class that overlap by more than this share of "
         "their union, the better one stays (default: 0.45)."},
        {"max-det", 0, YT_OPTION_INT, "N", &job.max_det, 1, 100000,
         "Most boxes of a picture (default: 300)."},
        {"agnostic", 0, YT_OPTION_FLAG, NULL, &job.agnostic, 0, 0,
         "Let boxes of different classes suppress each other."},
        YT_OPTION_ROWS_FRAME(&job.frame),
        YT_OPTION_ROWS_PRECISION(&job.precision),
        {"out", 'o', YT_OPTION_TEXT, "DIR", &job.out, 0, 0,
         "Write each picture with its boxes drawn into this folder."},
        {"dump-heads", 0, YT_OPTION_TEXT, "FILE", &job.heads, 0, 0,
         "Write the raw head tensors of the only picture instead of finding "
         "boxes: float32, level after level, each [channels][rows][columns]."},
        YT_OPTION_ROW_JSON(&job.json),
    };
    int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    if (code >= 0)
        return code;
    if (!job.engine_options.model)
        return yt_cli_usage("detect", "--model is missing");
    if (first == argc)
        return yt_cli_usage("detect", "no pictures are named");
    if (job.heads && argc - first != 1)
        return yt_cli_usage("detect", "--dump-heads takes one picture");
    code = yt_cli_frame_check("detect", &job.frame);
    if (code < 0)
        code = yt_cli_precision_check("detect", &job.precision);
    if (code < 0 && job.out)
        code = check_names(argv + first, argc - first);
    if (code < 0)
        code = run_job(&job, argv + first, argc - first);
    free(job.boxes);
    free(job.workspace);
    yt_cli_close(&job.opened);
    return code;
}
