/* One request a line, one JSON document a line. */

#include "cli/serve.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/now.h"
#include "cli/cli.h"
#include "cli/precision_options.h"
#include "eval/image.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/nms.h"
#include "tuner/build/engine.h"

#define LINE_MAX_BYTES 4352 /* a path and a word or two */
#define RUNS_MAX       100000
#define CLASSES_MAX    1000
#define IOU_LIMIT      0.45f

static void print_line(json_t *document)
{
    json_dumpf(document, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(document);
}

static void answer_error(const char *text)
{
    json_t *document = json_object();
    json_object_set_new(document, "error", json_string(text));
    print_line(document);
}

/* ------------------------------------------------------------- network */

static void ready(const struct yt_engine *engine)
{
    const struct yt_plan *plan = &engine->network->plan;
    json_t *facts = json_object();
    json_object_set_new(facts, "name", json_string("yolotune"));
    json_object_set_new(facts, "version", json_string(YT_VERSION));
    json_object_set_new(facts, "model", json_string(plan->model));
    json_object_set_new(facts, "isa", json_string(plan->isa->name));
    json_object_set_new(facts, "threads", json_integer(plan->threads));
    char precision[YT_PRECISION_WORD_MAX];
    json_object_set_new(facts, "precision",
                        json_string(yt_cli_precision(engine, precision)));
    json_object_set_new(facts, "tuned", json_boolean(engine->tuned));
    fputs("ready ", stdout);
    print_line(facts);
}

/* Noise of the network's size: preprocessing brings it to the input's type. */
static enum yt_status make_noise(const struct yt_engine *engine,
                                 struct yt_picture *noise_out)
{
    const struct yt_plan *plan = &engine->network->plan;
    uint32_t seed = 1;
    YT_TRY(yt_picture_init(plan->w, plan->h, noise_out));
    for (int64_t i = 0; i < 3 * (int64_t)plan->h * plan->w; i++) {
        (void)yt_random_lcg(&seed);
        noise_out->rgb[i] = (uint8_t)(seed >> 24);
    }
    return YT_OK;
}

static void fill_input(const struct yt_engine *engine,
                       const struct yt_picture *noise, void *workspace)
{
    const struct yt_plan *plan = &engine->network->plan;
    const struct yt_framing framing = {.h = plan->h, .w = plan->w};
    const struct yt_image image = {
        .pixels = noise->rgb,
        .width = noise->width,
        .height = noise->height,
        .stride_bytes = 3 * (int64_t)noise->width,
        .format = YT_PIXEL_RGB,
    };
    yt_model_run_letterbox(engine->model, &image, &framing, workspace);
}

/* The input's place may serve other tensors later in a frame, so it is filled
 * again before each, outside the time. */
static void run(struct yt_engine *engine, const struct yt_picture *noise,
                void *workspace, int count)
{
    const float threshold = yt_decode_min_logit(0.25f);
    json_t *times = json_array();
    for (int i = 0; i < count; i++) {
        fill_input(engine, noise, workspace);
        const uint64_t begin = yt_now_ns();
        yt_model_run_steps(engine->model, threshold, workspace, 0,
                           engine->network->plan.step_count);
        json_array_append_new(times,
                              json_integer((json_int_t)(yt_now_ns() - begin)));
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "network_ns", times);
    print_line(answer);
}

int yt_cli_serve_network(struct yt_engine *engine)
{
    struct yt_model_info info;
    struct yt_picture noise = {0};
    const enum yt_status status = make_noise(engine, &noise);
    if (status != YT_OK)
        return yt_cli_fail(status);
    yt_model_info(engine->model, &info);
    void *workspace = yt_memory_alloc(info.workspace_bytes);
    if (!workspace) {
        yt_picture_deinit(&noise);
        return yt_cli_fail(yt_fail(YT_NO_MEMORY, "no memory for a workspace"));
    }
    ready(engine);
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        int count;
        if (sscanf(line, "run %d", &count) == 1 && count >= 1 &&
            count <= RUNS_MAX)
            run(engine, &noise, workspace, count);
        else
            answer_error("want: run K");
    }
    yt_memory_free(workspace, info.workspace_bytes);
    yt_picture_deinit(&noise);
    return YT_EXIT_OK;
}

/* ----------------------------------------------------------------- NMS */

struct boxes {
    struct yt_candidates arrays;
    float *floats; /* owns the arrays */
    int32_t *ids;
    int32_t count, classes;
};

static int read_boxes(const char *path, struct boxes *boxes)
{
    float row[6];
    FILE *file = fopen(path, "rbe");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        if (file)
            fclose(file);
        return 0;
    }
    const long bytes = ftell(file);
    if (bytes < 0 || fseek(file, 0, SEEK_SET) != 0) {
        (void)fclose(file);
        return 0;
    }
    const long count = bytes / (long)sizeof row;
    boxes->floats = count > 0 && count < 10000000
                        ? malloc(5 * (size_t)count * sizeof(float))
                        : NULL;
    boxes->ids = boxes->floats ? malloc((size_t)count * sizeof(int32_t)) : NULL;
    boxes->count = (int32_t)count;
    float *f = boxes->floats;
    int ok = boxes->ids != NULL;
    if (ok)
        boxes->arrays = (struct yt_candidates){
            f,         f + count, f + 2 * count, f + 3 * count, f + 4 * count,
            boxes->ids};
    for (long i = 0; ok && i < count; i++) {
        ok = fread(row, sizeof row, 1, file) == 1 && row[5] >= 0 &&
             row[5] < CLASSES_MAX;
        if (!ok)
            break;
        boxes->arrays.x0[i] = row[0];
        boxes->arrays.y0[i] = row[1];
        boxes->arrays.x1[i] = row[2];
        boxes->arrays.y1[i] = row[3];
        boxes->arrays.score[i] = row[4];
        boxes->ids[i] = (int32_t)row[5];
        if (boxes->ids[i] >= boxes->classes)
            boxes->classes = boxes->ids[i] + 1;
    }
    fclose(file);
    return ok;
}

/* The kernel that NMS runs here: generated where there is a generator. */
static enum yt_status iou_step(struct yt_jit **jit, struct yt_step *step)
{
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    memset(step, 0, sizeof *step);
    step->problem.op = YT_OP_IOU;
    step->problem.u.iou.block = isa->lanes;
    step->tasks = 1;
    step->kernel = yt_iou_c;
    if (!yt_codegen_generates(YT_OP_IOU))
        return YT_OK;
    struct yt_schedule schedule;
    struct yt_object object;
    yt_schedule_default(&step->problem, isa, &schedule);
    YT_TRY(yt_jit_create(jit));
    YT_TRY(yt_codegen_compile(&step->problem, &schedule, isa, &object));
    const enum yt_status status = yt_jit_add(*jit, &object, &step->kernel);
    yt_object_deinit(&object);
    return status;
}

static void nms(const char *path, int runs, const struct yt_step *step)
{
    struct boxes boxes;
    memset(&boxes, 0, sizeof boxes);
    void *scratch = NULL;
    int32_t *kept = NULL;
    if (!read_boxes(path, &boxes)) {
        answer_error("no file of float32 rows x0 y0 x1 y1 score class");
    } else {
        const size_t bytes = (size_t)yt_nms_scratch_bytes(
            boxes.count, boxes.classes, step->problem.u.iou.block);
        kept = malloc((size_t)boxes.count * sizeof *kept);
        if (!kept || posix_memalign(&scratch, YT_ALIGN, bytes) != 0) {
            answer_error("out of memory");
        } else {
            const struct yt_nms_options options = {.iou = IOU_LIMIT,
                                                   .max_det = boxes.count};
            json_t *answer = json_object();
            json_t *times = json_array();
            json_t *rows = json_array();
            int32_t count = 0;
            for (int i = 0; i < runs; i++) {
                const uint64_t begin = yt_now_ns();
                count = yt_nms_run(&boxes.arrays, boxes.count, boxes.classes,
                                   &options, step, scratch, kept);
                json_array_append_new(
                    times, json_integer((json_int_t)(yt_now_ns() - begin)));
            }
            for (int32_t i = 0; i < count; i++)
                json_array_append_new(rows, json_integer(kept[i]));
            json_object_set_new(answer, "ns", times);
            json_object_set_new(answer, "kept", rows);
            print_line(answer);
        }
    }
    free(scratch);
    free(kept);
    free(boxes.floats);
    free(boxes.ids);
}

int yt_cli_serve_nms(void)
{
    struct yt_jit *jit = NULL;
    struct yt_step step;
    const enum yt_status status = iou_step(&jit, &step);
    if (status != YT_OK) {
        yt_jit_destroy(jit);
        return yt_cli_fail(status);
    }
    json_t *facts = json_object();
    json_object_set_new(facts, "name", json_string("yolotune"));
    json_object_set_new(facts, "version", json_string(YT_VERSION));
    fputs("ready ", stdout);
    print_line(facts);
    char line[LINE_MAX_BYTES], path[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        int runs;
        /* The path may hold blanks: it ends at the last one. */
        char *last = strrchr(line, ' ');
        if (strncmp(line, "nms ", 4) == 0 && last && last > line + 4 &&
            sscanf(last, " %d", &runs) == 1 && runs >= 1 && runs <= RUNS_MAX) {
            const size_t length = (size_t)(last - line - 4);
            memcpy(path, line + 4, length);
            path[length] = 0;
            nms(path, runs, &step);
        } else {
            answer_error("want: nms FILE K");
        }
    }
    yt_jit_destroy(jit);
    return YT_EXIT_OK;
}
