/* yolotune detect: objects in pictures, as text, as JSON and drawn. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/table.h"
#include "cli/cli.h"
#include "cli/detect_output.h"
#include "cli/frame_options.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "eval/image.h"
#include "eval/sources.h"
#include "runtime/fail.h"
#include "runtime/model.h"

#define MAX_DET 300 /* the default of yt_detect_options */

static const struct yt_manual manual = {
    .command = "detect",
    .summary = "find objects in pictures",
    .synopsis = "--model FILE [OPTION]... PICTURE|DIR|LIST.txt|'PATTERN'|-...",
    .description =
        "Runs the model on each picture (BMP, GIF, JPEG, PNG, PPM, TIFF or "
        "WebP; of several frames or pages the first) and prints the boxes, "
        "names and scores it finds, in pixels of the picture, best score "
        "first. Pictures are scaled and padded to the model's input as YOLOv5 "
        "does, unless --fit or --filter say otherwise; EXIF orientation is "
        "applied.\n\n"
        "A folder stands for the pictures in it, a pattern for those it "
        "matches, a text file for what its lines name, and - for a picture on "
        "standard input. One picture is in memory at a time, however many "
        "there are.\n\n"
        "The fastest plan that the database holds for this model on this "
        "machine is used. Without one the model runs untuned, and a note says "
        "so.\n\n"
        "A picture that cannot be read is reported and the others go on; the "
        "exit status is then 3. A JPEG that is cut off is read as far as it "
        "goes, and a note says so.",
    .examples =
        " yolotune detect -m yolov5s.pt bus.jpg\n"
        " yolotune detect -m yolov5s.pt --conf 0.4 --out drawn *.jpg\n"
        " yolotune detect -m yolov5s.pt --json bus.jpg | jq .images\n"
        " yolotune detect --weights yolov5s.pt --source dir --classes 0 2\n"
        " curl $URL | yolotune detect -m yolov5s.pt --json-lines -",
};

struct job {
    struct yt_cli_engine engine_options;
    struct yt_cli_frame_options frame;
    struct yt_precision_wish precision;
    struct yt_detect_wish wish;
    float conf, iou;
    int32_t max_det, agnostic;
    struct yt_texts named;   /* by --source */
    struct yt_texts classes; /* as typed */
    const char *device;
    const char *heads; /* file for the raw head tensors of one picture */

    struct yt_sources sources;
    struct yt_cli_opened opened;
    struct yt_engine *engine; /* opened's */
    struct yt_model_info info;
    uint8_t *wanted; /* [info.classes]; NULL: all classes are */
    void *workspace;
    size_t workspace_bytes;
    struct yt_box *boxes;
    struct yt_detect_output output;
};

/* -------------------------------------------------------------- pictures */

static int is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* What a picture is called in sentences and results. */
static const char *shown_name(const char *path)
{
    return is_stdin(path) ? "stdin" : path;
}

static enum yt_status load(const char *path, struct yt_picture *picture_out)
{
    YT_TRY(is_stdin(path)
               ? yt_picture_read(STDIN_FILENO, shown_name(path), picture_out)
               : yt_picture_load(path, picture_out));
    const char *text = yt_picture_end_text(picture_out->end);
    if (text) {
        fputs("yolotune: ", stderr);
        yt_text_put_safe(stderr, shown_name(path), strlen(shown_name(path)));
        fprintf(stderr, ": %s\n", text);
    }
    return YT_OK;
}

static struct yt_image image_of(const struct yt_picture *picture)
{
    return (struct yt_image){
        .pixels = picture->rgb,
        .width = picture->width,
        .height = picture->height,
        .stride_bytes = 3 * (int64_t)picture->width,
        .format = YT_PIXEL_RGB,
    };
}

static enum yt_status find_boxes(struct job *job, struct yt_detected *f)
{
    const struct yt_image image = image_of(&f->picture);
    const struct yt_detect_options options = {
        .conf = job->conf,
        .iou = job->iou,
        .max_det = job->max_det,
        .class_agnostic = job->agnostic,
        .fit = job->frame.fit,
        .filter = job->frame.filter,
        .candidates = job->frame.candidates,
        .flip = job->frame.flip,
        .only_classes = job->wanted,
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
    return status == YT_OK ? YT_OK : yt_fail_prefix(status, "%s", f->file);
}

static enum yt_status detect_one(struct job *job, const char *path)
{
    struct yt_detected f = {.file = shown_name(path), .boxes = job->boxes};
    YT_TRY(load(path, &f.picture));
    enum yt_status status = find_boxes(job, &f);
    if (status == YT_OK)
        status = yt_detect_output_add(&job->output, &f);
    yt_picture_deinit(&f.picture);
    return status;
}

/* -------------------------------------------------------------- classes */

/* A class by number or name; -1: there is none. */
static int32_t find_class(const struct yt_model_info *info, const char *word)
{
    char *end = NULL;
    const long id = strtol(word, &end, 10);
    if (end != word && *end == '\0')
        return id >= 0 && id < info->classes ? (int32_t)id : -1;
    for (int32_t i = 0; i < info->classes; i++)
        if (strcmp(info->class_names[i], word) == 0)
            return i;
    return -1;
}

/* Words apart by commas. */
static enum yt_status want_classes(const struct yt_model_info *info,
                                   const char *words, uint8_t *wanted)
{
    char *copy = strdup(words);
    YT_FAIL_IF(!copy, YT_NO_MEMORY, "no memory for classes");
    enum yt_status status = YT_OK;
    char *rest = copy;
    for (const char *word;
         status == YT_OK && (word = strsep(&rest, ",")) != NULL;) {
        const int32_t id = find_class(info, word);
        if (id >= 0)
            wanted[id] = 1;
        else
            status = yt_fail(YT_BAD_ARGUMENT,
                             "--classes %s: not a name or number of %s's %d "
                             "classes",
                             word, info->name, info->classes);
    }
    free(copy);
    return status;
}

static enum yt_status choose_classes(struct job *job)
{
    if (job->classes.count == 0)
        return YT_OK;
    job->wanted = calloc((size_t)job->info.classes + 1, 1);
    YT_FAIL_IF(!job->wanted, YT_NO_MEMORY, "no memory for classes");
    for (int32_t i = 0; i < job->classes.count; i++)
        YT_TRY(want_classes(&job->info, job->classes.items[i], job->wanted));
    return YT_OK;
}

/* ------------------------------------------------------------------ job */

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
    return choose_classes(job);
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

static enum yt_status dump_heads(struct job *job)
{
    struct yt_picture picture = {0};
    YT_TRY(load(job->sources.paths[0], &picture));
    const struct yt_image image = image_of(&picture);
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

/* Failures of single pictures are told; the last one is the exit code. */
static int detect_all(struct job *job)
{
    int code = YT_EXIT_OK;
    for (int32_t i = 0; i < job->sources.count; i++) {
        const char *path = job->sources.paths[i];
        const enum yt_status status = detect_one(job, path);
        if (status == YT_OK)
            continue;
        code = yt_cli_fail(status);
        yt_detect_output_fail(&job->output, shown_name(path));
    }
    return code;
}

static int run_job(struct job *job)
{
    enum yt_status status = open_job(job);
    if (status == YT_OK && job->heads) {
        status = dump_heads(job);
        return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
    }
    if (status == YT_OK)
        status = yt_detect_output_open(&job->output, &job->wish, job->engine);
    const int code = status == YT_OK ? detect_all(job) : yt_cli_fail(status);
    const int closed = yt_detect_output_close(&job->output);
    return code == YT_EXIT_OK ? closed : code;
}

/* Every picture that is named, by --source or without. */
static int find_sources(struct job *job, int count, char **words)
{
    enum yt_status status = YT_OK;
    for (int32_t i = 0; i < job->named.count && status == YT_OK; i++)
        status = yt_sources_add(&job->sources, job->named.items[i]);
    for (int i = 0; i < count && status == YT_OK; i++)
        status = yt_sources_add(&job->sources, words[i]);
    if (status != YT_OK)
        return yt_cli_fail(status);
    int streams = 0;
    for (int32_t i = 0; i < job->sources.count; i++)
        streams += is_stdin(job->sources.paths[i]);
    if (streams > 1)
        return yt_cli_usage("detect", "standard input can be read once");
    if (job->heads && job->sources.count != 1)
        return yt_cli_usage("detect", "--dump-heads takes one picture");
    return yt_detect_output_check(&job->wish, &job->sources);
}

static int check_options(struct job *job, int operands)
{
    if (!job->engine_options.model)
        return yt_cli_usage("detect", "--model is missing");
    if (job->named.count + operands == 0)
        return yt_cli_usage("detect", "no pictures are named");
    if (job->device && strcmp(job->device, "cpu") != 0)
        return yt_cli_usage("detect",
                            "--device %s: yolotune runs on the CPU alone; "
                            "write cpu or leave it out",
                            job->device);
    const int code = yt_cli_frame_check("detect", &job->frame);
    return code < 0 ? yt_cli_precision_check("detect", &job->precision) : code;
}

/* What is looked at, and which boxes are given out. */
#define OPTION_ROWS_BOXES(job)                                                 \
    {"source",                                                                 \
     0,                                                                        \
     YT_OPTION_LIST,                                                           \
     "WHAT",                                                                   \
     &(job)->named,                                                            \
     0,                                                                        \
     0,                                                                        \
     "The same as an operand: what to look at."},                              \
        {"conf",                                                               \
         0,                                                                    \
         YT_OPTION_NUMBER,                                                     \
         "SCORE",                                                              \
         &(job)->conf,                                                         \
         0.001,                                                                \
         1,                                                                    \
         "Lowest score of a box, 0.001 to 1 (default: 0.25).",                 \
         {"conf-thres"}},                                                      \
        {"iou",                                                                \
         0,                                                                    \
         YT_OPTION_NUMBER,                                                     \
         "OVERLAP",                                                            \
         &(job)->iou,                                                          \
         0.01,                                                                 \
         1,                                                                    \
         "Of two boxes of a class that overlap by more than this share of "    \
         "their union, the better one stays (default: 0.45).",                 \
         {"iou-thres"}},                                                       \
        {"max-det",       0,                                                   \
         YT_OPTION_INT,   "N",                                                 \
         &(job)->max_det, 1,                                                   \
         100000,          "Most boxes of a picture (default: 300)."},          \
        {"classes",                                                            \
         0,                                                                    \
         YT_OPTION_LIST,                                                       \
         "CLASS",                                                              \
         &(job)->classes,                                                      \
         0,                                                                    \
         0,                                                                    \
         "Only boxes of these classes, by number or name, apart by commas "    \
         "(numbers by blanks, too): 0,2,bus.",                                 \
         {NULL},                                                               \
         YT_TEXTS_MAX},                                                        \
    {                                                                          \
        "agnostic", 0, YT_OPTION_FLAG, NULL, &(job)->agnostic, 0, 0,           \
            "Let boxes of different classes suppress each other.",             \
            {"agnostic-nms"}                                                   \
    }

int yt_cmd_detect(int argc, char **argv)
{
    struct job job = {.conf = 0.25f, .iou = 0.45f, .max_det = MAX_DET};
    int first = 0;
    const struct yt_option options[] = {
        YT_OPTION_ROWS_ENGINE(&job.engine_options),
        OPTION_ROWS_BOXES(&job),
        YT_OPTION_ROWS_FRAME(&job.frame),
        YT_OPTION_ROWS_PRECISION(&job.precision),
        YT_OPTION_ROWS_DETECT_OUTPUT(&job.wish),
        {"device", 0, YT_OPTION_TEXT, "cpu", &job.device, 0, 0,
         "What YOLOv5 runs on; here it can only be the CPU."},
        {"dump-heads", 0, YT_OPTION_TEXT, "FILE", &job.heads, 0, 0,
         "Write the raw head tensors of the only picture instead of finding "
         "boxes: float32, level after level, each [channels][rows][columns]."},
        YT_OPTION_ROW_JSON(&job.wish.json),
    };
    int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &first);
    if (code >= 0)
        return code;
    code = check_options(&job, argc - first);
    if (code < 0)
        code = find_sources(&job, argc - first, argv + first);
    if (code < 0)
        code = run_job(&job);
    free(job.wanted);
    free(job.boxes);
    free(job.workspace);
    yt_sources_deinit(&job.sources);
    yt_cli_close(&job.opened);
    return code;
}
