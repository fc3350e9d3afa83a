/* A plan as text: what it is for, its quantisation, then a line per step.
 * Whoever keeps the file can set the same schedules again, and gets the same
 * bytes of code and weights.
 *
 *   yolotune-plan 1
 *   model yolov5n
 *   configuration yolov5n-640x640-f32-tuned-latency-1x2   (may be absent)
 *   input 640x640
 *   isa avx512
 *   precision int8-0123456789abcdef   (absent: f32)
 *   threads 2
 *   quant ...                         (compress/quant/quantisation.h)
 *   step model.0 conv2d-f32-3x640x640-k16r6s2p2-silu direct-m20n1k1-t5c-hl
 *   band letterbox model.3 4          (absent: steps run one by one)
 *   frame nms.0 nms-f32-c80-n100 lists-k1-h         (absent: untuned)
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"
#include "tuner/build/plan_text.h"

#define HEADER "yolotune-plan 1"
#define QUANT  "quant "
#define FRAME  "frame "
#define BAND   "band "
#define F32    "f32"

void yt_precision_name(const struct yt_quantisation *q,
                       const struct yt_graph *graph,
                       char name_out[YT_PRECISION_MAX])
{
    char hash[17];
    const enum yt_precision precision =
        q ? yt_quantisation_precision(q, graph) : YT_PRECISION_F32;
    if (precision == YT_PRECISION_F32) {
        snprintf(name_out, YT_PRECISION_MAX, F32);
        return;
    }
    yt_quantisation_hash(q, hash);
    snprintf(name_out, YT_PRECISION_MAX, "%.16s-%s",
             yt_precision_key(precision), hash);
}

/* Of a network that is all f32 ranges are of no use. */
static int write_quantisation(const struct yt_build *build,
                              const char *precision, FILE *out)
{
    return strcmp(precision, F32) == 0
               ? 0
               : yt_quantisation_write(build->quantisation, build->graph, out);
}

#define BAND_LINE_MAX (2 * YT_LAYER_NAME_MAX + 24)

/* Its first and last member and the rows of a strip. What follows from them
 * (buffers, problems of rows) is worked out anew. */
static void band_line(const struct yt_plan *plan, const struct yt_band *band,
                      char line[BAND_LINE_MAX])
{
    const int32_t last = band->first + band->count - 1;
    snprintf(line, BAND_LINE_MAX, BAND "%s %s %d",
             band->letterbox ? plan->letterbox.name
                             : plan->steps[band->first].name,
             band->level ? plan->levels[band->level - 1].decode.name
                         : plan->steps[last].name,
             band->rows);
}

static void write_bands(const struct yt_plan *plan, FILE *out)
{
    for (int32_t i = 0; i < plan->band_count; i++) {
        char line[BAND_LINE_MAX];
        band_line(plan, &plan->bands[i], line);
        fprintf(out, "%s\n", line);
    }
}

/* The problem with all rows in memory: schedules are chosen for that. */
static struct yt_problem whole(const struct yt_problem *p)
{
    struct yt_problem all = *p;
    yt_op_set(&all, "rows", 0);
    return all;
}

static void write_frame(const struct yt_build *build, FILE *out)
{
    for (int32_t i = 0; i < yt_frame_steps(&build->plan); i++) {
        const struct yt_step *step = yt_frame_step_of(&build->plan, i);
        char problem[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
        const struct yt_problem p = whole(&step->problem);
        yt_problem_name(&p, problem);
        yt_schedule_name(&build->frame.of[i], schedule);
        fprintf(out, FRAME "%s %s %s\n", step->name, problem, schedule);
    }
}

char *yt_plan_text_write(const struct yt_build *build,
                         const char *configuration)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    const struct yt_plan *plan = &build->plan;
    fprintf(out, HEADER "\nmodel %s\n", plan->model);
    if (configuration)
        fprintf(out, "configuration %s\n", configuration);
    char precision[YT_PRECISION_MAX];
    yt_precision_name(build->quantisation, build->graph, precision);
    fprintf(out, "input %dx%d\nisa %s\n", plan->h, plan->w, plan->isa->name);
    if (strcmp(precision, F32) != 0)
        fprintf(out, "precision %s\n", precision);
    fprintf(out, "threads %d\n", plan->threads);
    const int unwritten = write_quantisation(build, precision, out);
    for (int32_t i = 0; i < plan->step_count; i++) {
        char problem[YT_PROBLEM_NAME_MAX], schedule[YT_SCHEDULE_NAME_MAX];
        yt_problem_name(&build->net->layers[i].problem, problem);
        yt_schedule_name(&build->schedules[i], schedule);
        fprintf(out, "step %s %s %s\n", plan->steps[i].name, problem, schedule);
    }
    write_bands(plan, out);
    write_frame(build, out);
    const int failed = unwritten || ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* The line at *at without its end; steps over it. 0 at the end of the text. */
static int next_line(const char **at, char *line, size_t size)
{
    if (!**at)
        return 0;
    const size_t length = strcspn(*at, "\n");
    const size_t kept = length < size ? length : size - 1;
    memcpy(line, *at, kept);
    line[kept] = 0;
    *at += length + ((*at)[length] == '\n');
    return 1;
}

/* A line behind its key; 0: another key, or longer than it may be. */
static int read_text(const char *line, const char *key, char *out, size_t size)
{
    const size_t length = strlen(key);
    if (strncmp(line, key, length) != 0 || line[length] != ' ')
        return 0;
    const char *text = line + length + 1;
    if (strlen(text) >= size)
        return 0;
    memcpy(out, text, strlen(text) + 1);
    return 1;
}

/* Up to "threads", its last line; *at is left behind it. */
static enum yt_status read_head(const char **at, int *number,
                                struct yt_plan_head *head)
{
    char line[512];
    memset(head, 0, sizeof *head);
    snprintf(head->precision, sizeof head->precision, F32);
    for (*number = 1; next_line(at, line, sizeof line); (*number)++) {
        if (*number == 1) {
            YT_FAIL_IF(strcmp(line, HEADER) != 0, YT_BAD_INPUT,
                       "plan: line 1 is not '" HEADER "'");
        } else if (sscanf(line, "threads %d", &head->threads) == 1) {
            YT_FAIL_IF(head->threads < 1 || head->threads > 256, YT_BAD_INPUT,
                       "plan: line %d: %d threads, want 1..256", *number,
                       head->threads);
            YT_FAIL_IF(
                head->h < 1 || head->w < 1 || !head->isa[0], YT_BAD_INPUT,
                "plan: input and isa have to stand before line %d", *number);
            (*number)++;
            return YT_OK;
        } else {
            YT_FAIL_IF(sscanf(line, "input %dx%d", &head->h, &head->w) != 2 &&
                           !read_text(line, "model", head->model,
                                      sizeof head->model) &&
                           !read_text(line, "configuration",
                                      head->configuration,
                                      sizeof head->configuration) &&
                           !read_text(line, "precision", head->precision,
                                      sizeof head->precision) &&
                           !read_text(line, "isa", head->isa, sizeof head->isa),
                       YT_BAD_INPUT, "plan: line %d '%.40s' is not understood",
                       *number, line);
        }
    }
    return yt_fail(YT_BAD_INPUT, "plan: ends after %d lines", *number - 1);
}

enum yt_status yt_plan_text_head(const char *text,
                                 struct yt_plan_head *head_out)
{
    int number;
    YT_TRY(read_head(&text, &number, head_out));
    head_out->bands = strstr(text, "\n" BAND) != NULL;
    return YT_OK;
}

enum yt_status yt_plan_text_quantisation(const struct yt_graph *graph,
                                         const char *text,
                                         struct yt_quantisation **q_out)
{
    struct yt_plan_head head;
    struct yt_quantisation *q = NULL;
    char precision[YT_PRECISION_MAX];
    YT_TRY(yt_plan_text_head(text, &head));
    const enum yt_status status = yt_quantisation_read(graph, text, &q);
    if (status != YT_OK && status != YT_NOT_FOUND)
        return status;
    yt_precision_name(q, graph, precision);
    if (strcmp(precision, head.precision) != 0) {
        yt_quantisation_destroy(q);
        return yt_fail(YT_BAD_INPUT,
                       "plan: is said to be %s, its quantisation is %s",
                       head.precision, precision);
    }
    *q_out = q;
    return YT_OK;
}

static enum yt_status check_head(const struct yt_build *build,
                                 const struct yt_plan_head *head)
{
    const struct yt_plan *plan = &build->plan;
    YT_FAIL_IF(head->h != plan->h || head->w != plan->w, YT_STALE,
               "plan: made for an input of %dx%d, not %dx%d", head->h, head->w,
               plan->h, plan->w);
    YT_FAIL_IF(strcmp(head->isa, plan->isa->name) != 0, YT_STALE,
               "plan: made for %s, not %s", head->isa, plan->isa->name);
    char precision[YT_PRECISION_MAX];
    yt_precision_name(build->quantisation, build->graph, precision);
    YT_FAIL_IF(strcmp(head->precision, precision) != 0, YT_STALE,
               "plan: made for %s, not %s", head->precision, precision);
    return YT_OK;
}

static enum yt_status read_step(const struct yt_build *build, int32_t i,
                                const char *line, int number,
                                struct yt_schedule *schedule_out)
{
    char name[YT_LAYER_NAME_MAX], problem[YT_PROBLEM_NAME_MAX];
    char schedule[YT_SCHEDULE_NAME_MAX], expected[YT_PROBLEM_NAME_MAX];
    YT_FAIL_IF(
        sscanf(line, "step %63s %95s %63s", name, problem, schedule) != 3,
        YT_BAD_INPUT, "plan: line %d '%.40s' is not a step", number, line);
    YT_FAIL_IF(i >= build->plan.step_count, YT_STALE,
               "plan: has more than this network's %d steps",
               build->plan.step_count);
    yt_problem_name(&build->net->layers[i].problem, expected);
    YT_FAIL_IF(strcmp(problem, expected) != 0, YT_STALE,
               "plan: line %d is for %s, this network has %s there", number,
               problem, expected);
    if (yt_schedule_parse(build->plan.steps[i].problem.op, schedule,
                          schedule_out) != YT_OK)
        return yt_fail_prefix(YT_BAD_INPUT, "plan: line %d", number);
    YT_FAIL_IF(!yt_schedule_applies(&build->net->layers[i].problem,
                                    schedule_out, build->isa),
               YT_BAD_INPUT, "plan: line %d: %s does not apply to %s", number,
               schedule, problem);
    return YT_OK;
}

/* Which step of the frame solves the problem of this name; the count when none
 * does. */
static int32_t find_frame_step(const struct yt_plan *plan, const char *problem)
{
    int32_t i = 0;
    for (; i < yt_frame_steps(plan); i++) {
        char name[YT_PROBLEM_NAME_MAX];
        const struct yt_problem p = whole(&yt_frame_step_of(plan, i)->problem);
        yt_problem_name(&p, name);
        if (strcmp(name, problem) == 0)
            break;
    }
    return i;
}

static enum yt_status read_frame(const struct yt_build *build, const char *line,
                                 int number, struct yt_frame_schedules *frame)
{
    char name[YT_LAYER_NAME_MAX], problem[YT_PROBLEM_NAME_MAX];
    char schedule[YT_SCHEDULE_NAME_MAX];
    YT_FAIL_IF(sscanf(line, FRAME "%63s %95s %63s", name, problem, schedule) !=
                   3,
               YT_BAD_INPUT, "plan: line %d '%.40s' is not a step of a frame",
               number, line);
    const int32_t i = find_frame_step(&build->plan, problem);
    YT_FAIL_IF(i == yt_frame_steps(&build->plan), YT_STALE,
               "plan: line %d is for %s, which is no part of this frame",
               number, problem);
    const struct yt_problem *p = &yt_frame_step_of(&build->plan, i)->problem;
    if (yt_schedule_parse(p->op, schedule, &frame->of[i]) != YT_OK)
        return yt_fail_prefix(YT_BAD_INPUT, "plan: line %d", number);
    YT_FAIL_IF(!yt_schedule_applies(p, &frame->of[i], build->isa), YT_BAD_INPUT,
               "plan: line %d: %s does not apply to %s", number, schedule,
               problem);
    return YT_OK;
}

/* Bands change nothing about a schedule: where either has none, a plan and a
 * network go together. */
static enum yt_status read_band(const struct yt_plan *plan, int32_t i,
                                const char *line, int number)
{
    char expected[BAND_LINE_MAX] = "none";
    if (plan->band_count == 0)
        return YT_OK;
    if (i < plan->band_count)
        band_line(plan, &plan->bands[i], expected);
    YT_FAIL_IF(strcmp(line, expected) != 0, YT_STALE,
               "plan: line %d is '%.150s', this network has %s there", number,
               line, expected);
    return YT_OK;
}

enum yt_status yt_plan_text_read(struct yt_build *build, const char *text)
{
    const int32_t steps = build->plan.step_count;
    struct yt_schedule *read = calloc((size_t)steps, sizeof *read);
    YT_FAIL_IF(!read, YT_NO_MEMORY, "no memory for a plan of %d steps", steps);
    const char *at = text;
    char line[512];
    struct yt_plan_head head;
    struct yt_frame_schedules frame = build->frame;
    int number = 1;
    int32_t count = 0, bands = 0;
    enum yt_status status;
    YT_TRY_GOTO(read_head(&at, &number, &head));
    YT_TRY_GOTO(check_head(build, &head));
    for (; next_line(&at, line, sizeof line); number++) {
        struct yt_schedule schedule;
        if (strncmp(line, QUANT, sizeof QUANT - 1) == 0)
            continue; /* the head's hash says which: the network's */
        if (strncmp(line, FRAME, sizeof FRAME - 1) == 0) {
            YT_TRY_GOTO(read_frame(build, line, number, &frame));
            continue;
        }
        if (strncmp(line, BAND, sizeof BAND - 1) == 0) {
            YT_TRY_GOTO(read_band(&build->plan, bands++, line, number));
            continue;
        }
        YT_TRY_GOTO(read_step(build, count, line, number, &schedule));
        read[count++] = schedule;
    }
    YT_FAIL_IF_GOTO(count != steps, YT_STALE,
                    "plan: has %d steps, this network %d", count, steps);
    YT_FAIL_IF_GOTO(bands != 0 && build->plan.band_count != 0 &&
                        bands != build->plan.band_count,
                    YT_STALE, "plan: has %d bands, this network %d", bands,
                    build->plan.band_count);
    memcpy(build->schedules, read, (size_t)steps * sizeof *read);
    build->frame = frame;
    build->plan.threads = head.threads;
done:
    free(read);
    return status;
}
