/* yolotune detect: objects in pictures and videos, as text, as JSON and drawn.
 * Reading, the network and writing go on at the same time. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "cli/cli.h"
#include "cli/detect_output.h"
#include "cli/detect_read.h"
#include "cli/frame_options.h"
#include "cli/opened.h"
#include "cli/precision_options.h"
#include "runtime/fail.h"
#include "runtime/model.h"
#include "tuner/build/engine_shapes.h"

#define MAX_DET 300 /* the default of yt_detect_options */

static const struct yt_manual manual = {
    .command = "detect",
    .summary = "find objects in pictures and videos",
    .synopsis = "--model FILE [OPTION]... PICTURE|VIDEO|FOLDER|LIST|URL...",
    .description =
        "Runs the model on each picture (BMP, GIF, JPEG, PNG, PPM, TIFF or "
        "WebP; of several frames or pages the first) and on each frame of "
        "videos, and prints the boxes, names and scores it finds, in pixels of "
        "the picture, best score first. Pictures are scaled and padded to the "
        "model's input as YOLOv5 does, unless --fit or --filter say otherwise; "
        "EXIF orientation and that of videos are applied.\n\n"
        "A folder stands for the pictures and videos in it, a pattern for "
        "those it matches, a text file or FILE.streams for what its lines "
        "name, and - for a picture on standard input. rtsp://... and other "
        "addresses, and cameras by number or as /dev/video0, are read as they "
        "come: frames that nobody has time for are dropped, and counted. A few "
        "pictures are in memory at a time, however many there are.\n\n"
        "A picture is searched at its minimal rectangle, the input's longer "
        "side kept, as detect.py does it; with an ONNX model, or --no-rect, at "
        "the input as it is. Each shape has a network of its own.\n\n"
        "The fastest plan that the database holds for this model on this "
        "machine is used, also for other shapes than the one that was tuned. "
        "Without one the model runs untuned, and a note says so.\n\n"
        "A picture that cannot be read is reported and the others go on; the "
        "exit status is then 3. A JPEG that is cut off is read as far as it "
        "goes, and a note says so; so is a video. At the end, and at Ctrl-C, "
        "what was written is completed, and where the time went is told.",
    .examples =
        " yolotune detect -m yolov5s.pt bus.jpg\n"
        " yolotune detect -m yolov5s.pt --conf 0.4 --out drawn *.jpg\n"
        " yolotune detect -m yolov5s.pt --json bus.jpg | jq .images\n"
        " yolotune detect --weights yolov5s.pt --source dir --classes 0 2\n"
        " yolotune detect -m yolov5s.pt --out drawn --vid-stride 2 walk.mp4\n"
        " yolotune detect -m yolov5s.pt --json-lines rtsp://camera/stream\n"
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
    int32_t rect, no_rect, vid_stride, quiet;

    struct yt_sources sources;
    struct yt_cli_opened opened; /* to look things up: unbuilt */
    struct yt_engine *engine;    /* opened's first */
    struct yt_engine_shapes *shapes;
    uint8_t *wanted; /* [classes]; NULL: all classes are */
    const volatile int *stop;
    struct yt_detect_reader reader;
    struct yt_detected slots[YT_PIPELINE_SLOTS];
    struct yt_detect_output output;
    struct yt_detect_tally tally;
    int code; /* of the last failure */
};

/* -------------------------------------------------------------- pictures */

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

/* The network for a picture of this shape. */
static enum yt_status find_shape(struct job *job,
                                 const struct yt_picture *picture,
                                 struct yt_engine_shape **shape_out)
{
    const struct yt_plan *plan = &job->engine->build->plan;
    int32_t h = plan->h;
    int32_t w = plan->w;
    if (job->rect)
        yt_shape_of(h, w, yt_graph_max_stride(job->opened.graph),
                    picture->height, picture->width, &h, &w);
    return yt_engine_shapes_get(job->shapes, h, w, shape_out);
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
    const size_t cap = (size_t)job->max_det;
    struct yt_engine_shape *shape = NULL;
    YT_TRY(find_shape(job, &f->picture, &shape));
    const struct yt_augment passes = yt_engine_set_passes(&shape->set);
    const enum yt_status status =
        job->frame.augment
            ? yt_augment_detect(&passes, &image, &options, shape->workspace,
                                shape->workspace_bytes, f->boxes, cap,
                                &f->count, &f->times)
            : yt_model_detect(shape->set.engines[0]->model, &image, &options,
                              shape->workspace, shape->workspace_bytes,
                              f->boxes, cap, &f->count, &f->times);
    return status == YT_OK ? YT_OK : yt_fail_prefix(status, "%s", f->file);
}

/* ---------------------------------------------------------------- stages */

static int read_next(void *job_, void *found)
{
    struct job *job = job_;
    return yt_detect_read(&job->reader, found);
}

static void search(void *job_, void *found_)
{
    struct job *job = job_;
    struct yt_detected *found = found_;
    if (found->status == YT_OK)
        yt_detect_keep_failure(found, find_boxes(job, found));
}

/* Failures of single pictures are told; the last one is the exit code. */
static void give_out(void *job_, void *found_,
                     const struct yt_pipeline_times *times)
{
    struct job *job = job_;
    struct yt_detected *f = found_;
    yt_detect_tally_add(&job->tally, f, times);
    if (atomic_load(&job->reader.given_up) == f->file)
        return;
    yt_progress_end(&job->tally.progress);
    const char *end = yt_picture_end_text(f->picture.end);
    enum yt_status status = f->status;
    if (status != YT_OK)
        (void)yt_fail(status, "%s", f->error);
    else if (end) {
        fputs("yolotune: ", stderr);
        yt_text_put_safe(stderr, f->file, strlen(f->file));
        fprintf(stderr, ": %s\n", end);
    }
    if (status == YT_OK)
        status = yt_detect_output_add(&job->output, f);
    if (status == YT_OK) {
        yt_detect_tally_show(&job->tally, f);
        return;
    }
    job->code = yt_cli_fail(status);
    yt_detect_output_fail(&job->output, f);
    if (f->is_frame) /* the next one would fail, too */
        atomic_store(&job->reader.given_up, f->file);
}

static int may_drop(void *job, const void *found_)
{
    const struct yt_detected *found = found_;
    (void)job;
    return found->is_live && found->status == YT_OK;
}

/* -------------------------------------------------------------- classes */

/* A class by number or name; -1: there is none. */
static int32_t find_class(const struct yt_plan *plan, const char *word)
{
    char *end = NULL;
    const long id = strtol(word, &end, 10);
    if (end != word && *end == '\0')
        return id >= 0 && id < plan->nc ? (int32_t)id : -1;
    for (int32_t i = 0; i < plan->nc; i++)
        if (strcmp(plan->classes[i], word) == 0)
            return i;
    return -1;
}

/* Words apart by commas. */
static enum yt_status want_classes(const struct yt_plan *plan,
                                   const char *words, uint8_t *wanted)
{
    char *copy = strdup(words);
    YT_FAIL_IF(!copy, YT_NO_MEMORY, "no memory for classes");
    enum yt_status status = YT_OK;
    char *rest = copy;
    for (const char *word;
         status == YT_OK && (word = strsep(&rest, ",")) != NULL;) {
        const int32_t id = find_class(plan, word);
        if (id >= 0)
            wanted[id] = 1;
        else
            status = yt_fail(YT_BAD_ARGUMENT,
                             "--classes %s: not a name or number of %s's %d "
                             "classes",
                             word, plan->model, plan->nc);
    }
    free(copy);
    return status;
}

static enum yt_status choose_classes(struct job *job)
{
    if (job->classes.count == 0)
        return YT_OK;
    const struct yt_plan *plan = &job->engine->build->plan;
    job->wanted = calloc((size_t)plan->nc + 1, 1);
    YT_FAIL_IF(!job->wanted, YT_NO_MEMORY, "no memory for classes");
    for (int32_t i = 0; i < job->classes.count; i++)
        YT_TRY(want_classes(plan, job->classes.items[i], job->wanted));
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
                plan->model, size);
}

/* detect.py asks for a rectangle of what has no input size of its own. */
static void choose_rect(struct job *job)
{
    const int is_onnx = strcmp(job->opened.graph->format, "onnx") == 0;
    if (!job->rect)
        job->rect =
            !job->no_rect && !is_onnx && job->frame.fit == YT_FIT_LETTERBOX;
}

static enum yt_status open_job(struct job *job)
{
    const struct yt_cli_wanted wanted = {.engine = &job->engine_options,
                                         .precision = &job->precision,
                                         .access = YT_SITE_READS,
                                         .augment = job->frame.augment,
                                         .unbuilt = 1};
    YT_TRY(yt_cli_open(&wanted, &job->opened));
    job->engine = job->opened.engine;
    for (int32_t i = 0; i < job->opened.set.count; i++)
        note_plan(job, job->opened.set.engines[i]);
    choose_rect(job);
    const struct yt_engine_shapes_options shapes = {
        .site = job->opened.site,
        .graph = job->opened.graph,
        .like = &job->opened.set,
        .augment = job->frame.augment,
        .flip = job->frame.flip,
    };
    YT_TRY(yt_engine_shapes_open(&shapes, &job->shapes));
    for (int i = 0; i < YT_PIPELINE_SLOTS; i++) {
        struct yt_detected *slot = &job->slots[i];
        slot->boxes = calloc((size_t)job->max_det, sizeof *slot->boxes);
        YT_FAIL_IF(!slot->boxes, YT_NO_MEMORY, "no memory for %d boxes",
                   job->max_det);
    }
    return choose_classes(job);
}

/* One level from blocks to planes. */
static int write_level(FILE *out, const struct yt_plan *plan,
                       const struct yt_level *level, const char *arena)
{
    const float *head = (const float *)(const void *)(arena + level->head);
    const int32_t lanes = plan->isa->lanes;
    const int32_t cells = level->h * level->w;
    const int64_t channels = yt_head_channels(
        level->na, plan->nc, level->decode.problem.u.decode.bins);
    for (int32_t c = 0; c < channels; c++)
        for (int32_t i = 0; i < cells; i++)
            if (fwrite(&head[(c / lanes * cells + i) * lanes + c % lanes],
                       sizeof *head, 1, out) != 1)
                return 0;
    return 1;
}

static enum yt_status run_heads(struct job *job, struct yt_detected *f,
                                struct yt_engine_shape **shape_out)
{
    struct yt_engine_shape *shape = NULL;
    if (!yt_detect_read(&job->reader, f) || f->status != YT_OK)
        return yt_fail(f->status == YT_OK ? YT_INTERRUPTED : f->status, "%s",
                       f->error);
    YT_TRY(find_shape(job, &f->picture, &shape));
    const struct yt_image image = image_of(&f->picture);
    struct yt_model *model = shape->set.engines[0]->model;
    const struct yt_framing framing = {.h = shape->h,
                                       .w = shape->w,
                                       .fit = job->frame.fit,
                                       .filter = job->frame.filter};
    yt_model_run_letterbox(model, &image, &framing, shape->workspace);
    yt_model_run_steps(model, -INFINITY, shape->workspace, 0,
                       yt_model_plan(model)->step_count);
    *shape_out = shape;
    return YT_OK;
}

static enum yt_status dump_heads(struct job *job)
{
    struct yt_engine_shape *shape = NULL;
    YT_TRY(run_heads(job, &job->slots[0], &shape));
    const struct yt_plan *plan = yt_model_plan(shape->set.engines[0]->model);
    FILE *out = fopen(job->heads, "wbe");
    YT_FAIL_IF(!out, YT_IO, "%s: cannot write: %s", job->heads,
               strerror(errno));
    int ok = 1;
    for (int32_t i = 0; ok && i < plan->level_count; i++)
        ok = write_level(out, plan, &plan->levels[i], shape->workspace);
    ok = fclose(out) == 0 && ok;
    YT_FAIL_IF(!ok, YT_IO, "%s: cannot write: %s", job->heads, strerror(errno));
    return YT_OK;
}

static enum yt_status detect_all(struct job *job)
{
    struct yt_pipeline pipeline = {.user = job,
                                   .read = read_next,
                                   .work = search,
                                   .give = give_out,
                                   .may_drop = may_drop};
    int32_t kept = 0;
    for (int i = 0; i < YT_PIPELINE_SLOTS; i++)
        pipeline.slots[i] = &job->slots[i];
    yt_detect_tally_begin(&job->tally, job->quiet);
    const enum yt_status status = yt_pipeline_run(&pipeline, &job->tally.times);
    yt_progress_end(&job->tally.progress);
    yt_engine_shapes_count(job->shapes, &kept, &job->tally.networks);
    YT_TRY(status);
    YT_FAIL_IF(*job->stop, YT_INTERRUPTED,
               "interrupted; what was written is complete up to there");
    return YT_OK;
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
    if (status == YT_OK)
        status = detect_all(job);
    if (status != YT_OK)
        job->code = yt_cli_fail(status);
    const int closed = yt_detect_output_close(&job->output, &job->tally);
    yt_detect_tally_print(&job->tally);
    return job->code == YT_EXIT_OK ? closed : job->code;
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
        streams += yt_detect_is_stdin(job->sources.paths[i]);
    if (streams > 1)
        return yt_cli_usage("detect", "standard input can be read once");
    if (job->heads &&
        (job->sources.count != 1 ||
         yt_source_kind(job->sources.paths[0]) != YT_SOURCE_PICTURE))
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
    if (job->rect && job->no_rect)
        return yt_cli_usage("detect", "--rect and --no-rect: one of them");
    const int code = yt_cli_frame_check("detect", &job->frame);
    if (code < 0 && job->rect && job->frame.fit != YT_FIT_LETTERBOX)
        return yt_cli_usage("detect",
                            "--rect --fit stretch: what fills the input has "
                            "no rectangle");
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

static void close_job(struct job *job)
{
    yt_detect_reader_deinit(&job->reader);
    for (int i = 0; i < YT_PIPELINE_SLOTS; i++) {
        yt_picture_deinit(&job->slots[i].picture);
        free(job->slots[i].boxes);
    }
    free(job->wanted);
    yt_sources_deinit(&job->sources);
    yt_engine_shapes_close(job->shapes);
    yt_cli_close(&job->opened);
}

#define OPTION_ROWS_VIDEO(job)                                                 \
    {"rect",                                                                   \
     0,                                                                        \
     YT_OPTION_FLAG,                                                           \
     NULL,                                                                     \
     &(job)->rect,                                                             \
     0,                                                                        \
     0,                                                                        \
     "Search each picture at its minimal rectangle, also with an ONNX "        \
     "model."},                                                                \
        {"no-rect",                                                            \
         0,                                                                    \
         YT_OPTION_FLAG,                                                       \
         NULL,                                                                 \
         &(job)->no_rect,                                                      \
         0,                                                                    \
         0,                                                                    \
         "Search every picture at the whole input, amid grey: one network "    \
         "for all shapes."},                                                   \
        {"vid-stride",                                                         \
         0,                                                                    \
         YT_OPTION_INT,                                                        \
         "N",                                                                  \
         &(job)->vid_stride,                                                   \
         1,                                                                    \
         100000,                                                               \
         "Every Nth frame of a video (default: 1, all)."},                     \
        YT_OPTION_ROW_QUIET(&(job)->quiet)

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
        OPTION_ROWS_VIDEO(&job),
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
    job.stop = yt_cli_stop_flag();
    job.reader.sources = &job.sources;
    job.reader.stride = job.vid_stride;
    job.reader.stop = job.stop;
    if (code < 0)
        code = run_job(&job);
    close_job(&job);
    return code;
}
