/* Non-maximum suppression alone, on the rows of a file. */

#include "bench/serve/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "cli/cli.h"
#include "codegen/codegen.h"
#include "runtime/fail.h"
#include "runtime/nms.h"
#include "runtime/plan.h"

#define CLASSES_MAX 1000
#define BOXES_MAX   10000000
#define IOU_LIMIT   0.45f

struct boxes {
    struct yt_candidates arrays;
    float *floats; /* owns the arrays */
    int32_t *ids;
    int32_t count, classes;
};

static void boxes_deinit(struct boxes *boxes)
{
    free(boxes->floats);
    free(boxes->ids);
}

/* Rows in a file of that many bytes; 0: none, or no number of rows. */
static int32_t count_rows(FILE *file, size_t row_bytes)
{
    if (fseek(file, 0, SEEK_END) != 0)
        return 0;
    const long rows = ftell(file) / (long)row_bytes;
    if (rows < 1 || rows >= BOXES_MAX || fseek(file, 0, SEEK_SET) != 0)
        return 0;
    return (int32_t)rows;
}

static int read_rows(FILE *file, struct boxes *boxes)
{
    float row[6];
    for (int32_t i = 0; i < boxes->count; i++) {
        if (fread(row, sizeof row, 1, file) != 1 || !(row[5] >= 0) ||
            row[5] >= CLASSES_MAX)
            return 0;
        boxes->arrays.x0[i] = row[0];
        boxes->arrays.y0[i] = row[1];
        boxes->arrays.x1[i] = row[2];
        boxes->arrays.y1[i] = row[3];
        boxes->arrays.score[i] = row[4];
        boxes->ids[i] = (int32_t)row[5];
        if (boxes->ids[i] >= boxes->classes)
            boxes->classes = boxes->ids[i] + 1;
    }
    return 1;
}

/* 0: there is no such file; boxes_deinit() in any case. */
static int read_boxes(const char *path, struct boxes *boxes)
{
    FILE *file = fopen(path, "rbe");
    *boxes = (struct boxes){0};
    if (!file)
        return 0;
    const size_t count = (size_t)count_rows(file, 6 * sizeof(float));
    boxes->count = (int32_t)count;
    boxes->floats = count ? malloc(5 * count * sizeof(float)) : NULL;
    boxes->ids = count ? malloc(count * sizeof(int32_t)) : NULL;
    float *f = boxes->floats;
    int ok = f != NULL && boxes->ids != NULL;
    if (ok) {
        boxes->arrays = (struct yt_candidates){
            f,         f + count, f + 2 * count, f + 3 * count, f + 4 * count,
            boxes->ids};
        ok = read_rows(file, boxes);
    }
    (void)fclose(file);
    return ok;
}

/* NMS as it runs here, and the code it runs on. */
struct suppressor {
    struct yt_step step;
    struct yt_jit *jit; /* NULL: in C */
};

static enum yt_status compile(const struct yt_schedule *schedule,
                              const struct yt_isa *isa, struct suppressor *s)
{
    struct yt_object object;
    YT_TRY(yt_codegen_compile(&s->step.problem, schedule, isa, &object));
    enum yt_status status = yt_jit_create(&s->jit);
    if (status == YT_OK)
        status = yt_jit_add(s->jit, &object, &s->step.kernel);
    yt_object_deinit(&object);
    return status;
}

/* By a schedule's name, "c" for the kernel in C, or NULL for the one that is
 * used before anything was tuned. What was there is closed. */
static enum yt_status take_schedule(struct suppressor *s, const char *name)
{
    const struct yt_isa *isa = yt_isa_best(yt_cpu_features());
    struct yt_schedule schedule;
    yt_jit_destroy(s->jit);
    *s = (struct suppressor){
        .step = {.problem = {.op = YT_OP_NMS, .u.nms = {CLASSES_MAX, 1}},
                 .kernel = yt_nms_c,
                 .tasks = 1}};
    if (name && strcmp(name, "c") == 0)
        return YT_OK;
    yt_schedule_default(&s->step.problem, isa, &schedule);
    if (name)
        YT_TRY(yt_schedule_parse(YT_OP_NMS, name, &schedule));
    return compile(&schedule, isa, s);
}

/* Times of each run and the rows kept by the last. */
static void time_runs(const struct boxes *boxes, int runs,
                      const struct yt_step *step, void *scratch, int32_t *kept)
{
    const struct yt_nms_options options = {.iou = IOU_LIMIT,
                                           .max_det = boxes->count};
    json_t *answer = json_object(), *times = json_array(), *rows = json_array();
    int32_t count = 0;
    for (int i = 0; i < runs; i++) {
        const uint64_t begin = yt_now_ns();
        count = yt_nms_run(&boxes->arrays, boxes->count, boxes->classes,
                           &options, step, scratch, kept);
        json_array_append_new(times,
                              json_integer((json_int_t)(yt_now_ns() - begin)));
    }
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(rows, json_integer(kept[i]));
    json_object_set_new(answer, "ns", times);
    json_object_set_new(answer, "kept", rows);
    yt_serve_line(answer);
}

static void answer(const char *path, int runs, const struct yt_step *step)
{
    struct boxes boxes;
    void *scratch = NULL;
    int32_t *kept = NULL;
    if (!read_boxes(path, &boxes)) {
        yt_serve_error("no file of float32 rows x0 y0 x1 y1 score class");
        goto done;
    }
    const size_t bytes =
        (size_t)yt_nms_scratch_bytes(boxes.count, boxes.classes);
    kept = malloc((size_t)boxes.count * sizeof *kept);
    if (!kept || posix_memalign(&scratch, YT_ALIGN, bytes) != 0)
        yt_serve_error("out of memory");
    else
        time_runs(&boxes, runs, step, scratch, kept);
done:
    free(scratch);
    free(kept);
    boxes_deinit(&boxes);
}

/* "nms FILE K"; the path may hold blanks: it ends at the last one. */
static int parse(char *line, const char **path_out, int *runs_out)
{
    char *last = strrchr(line, ' ');
    if (strncmp(line, "nms ", 4) != 0 || !last || last <= line + 4 ||
        sscanf(last, " %d", runs_out) != 1 || *runs_out < 1 ||
        *runs_out > YT_SERVE_RUNS_MAX)
        return 0;
    *last = 0;
    *path_out = line + 4;
    return 1;
}

static void serve_line(char *line, struct suppressor *s)
{
    static const char schedule[] = "schedule ";
    const char *path;
    int runs;
    if (strncmp(line, schedule, sizeof schedule - 1) == 0) {
        line[strcspn(line, "\n")] = '\0';
        if (take_schedule(s, line + sizeof schedule - 1) == YT_OK)
            yt_serve_line(json_object());
        else
            yt_serve_error(yt_error());
    } else if (parse(line, &path, &runs)) {
        answer(path, runs, &s->step);
    } else {
        yt_serve_error("want: nms FILE K, or schedule NAME");
    }
}

int yt_serve_nms(void)
{
    struct suppressor s = {.jit = NULL};
    const enum yt_status status = take_schedule(&s, NULL);
    if (status != YT_OK) {
        yt_jit_destroy(s.jit);
        return yt_cli_fail(status);
    }
    yt_serve_ready(json_object());
    char line[YT_SERVE_LINE_MAX];
    while (fgets(line, sizeof line, stdin))
        serve_line(line, &s);
    yt_jit_destroy(s.jit);
    return YT_EXIT_OK;
}
