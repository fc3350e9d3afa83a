/* See compress/precision/loss.h. */

#include "compress/precision/loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "eval/image.h"
#include "runtime/decode.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "tuner/measure/bench.h"

/* One cell of one anchor: its box and its best class's score. */
struct cell {
    float x0, y0, x1, y1;
    float score; /* 0: under the threshold, and the rest was not looked at */
};

struct yt_loss {
    struct yt_picture *pictures; /* [count] */
    int32_t count;
    int32_t cells;       /* of a picture */
    struct cell *wanted; /* [count][cells] */
};

/* A network that runs, and the workspace it runs in. */
struct run {
    struct yt_model *model;
    char *workspace;
    size_t bytes;
};

static void run_close(struct run *run)
{
    yt_memory_free(run->workspace, run->bytes);
    yt_model_close(run->model);
}

static enum yt_status run_open(const struct yt_build *build, struct run *run)
{
    memset(run, 0, sizeof *run);
    const enum yt_status status = yt_build_open(build, 0, &run->model);
    if (status != YT_OK)
        return status;
    run->bytes = (size_t)yt_model_workspace_bytes(run->model);
    run->workspace = yt_memory_alloc(run->bytes);
    if (!run->workspace) {
        run_close(run);
        run->model = NULL;
        return yt_fail(YT_NO_MEMORY, "no memory to compare networks in");
    }
    memset(run->workspace, 0, run->bytes);
    return YT_OK;
}

static enum yt_status run_letterbox(const struct run *run,
                                    const struct yt_picture *picture)
{
    struct yt_detect_options detect;
    const struct yt_image image = {
        .pixels = picture->rgb,
        .width = picture->width,
        .height = picture->height,
        .stride_bytes = 3 * (int64_t)picture->width,
        .format = YT_PIXEL_RGB,
    };
    YT_TRY(yt_detect_options_resolve(&(struct yt_detect_options){0}, &detect));
    const struct yt_framing framing = yt_model_framing(run->model, &detect);
    yt_model_run_letterbox(run->model, &image, &framing, run->workspace);
    return YT_OK;
}

/* ---------------------------------------------------------------- cells */

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

struct reader {
    const struct yt_plan *plan;
    const struct yt_level *level;
    const float *head;
};

static float head_value(const struct reader *r, int32_t channel, int32_t y,
                        int32_t x)
{
    const int32_t lanes = r->plan->isa->lanes;
    const int64_t block = channel / lanes;
    return r->head[((block * r->level->h + y) * r->level->w + x) * lanes +
                   channel % lanes];
}

static float best_class(const struct reader *r, int32_t first, int32_t y,
                        int32_t x)
{
    float best = -INFINITY;
    for (int32_t c = 0; c < r->plan->nc; c++)
        best = fmaxf(best, head_value(r, first + c, y, x));
    return best;
}

/* A cell of a head without anchors. */
static void read_bins_cell(const struct reader *r, int32_t bins, int32_t y,
                           int32_t x, struct cell *cell)
{
    const struct yt_decode_args args = {.head = r->head,
                                        .lanes = r->plan->isa->lanes,
                                        .bins = bins,
                                        .h = r->level->h,
                                        .w = r->level->w,
                                        .stride = r->level->stride};
    float box[4];
    yt_decode_bins_box(&args, y, x, box);
    *cell = (struct cell){.x0 = box[0],
                          .y0 = box[1],
                          .x1 = box[2],
                          .y1 = box[3],
                          .score = sigmoid(best_class(r, 4 * bins, y, x))};
}

/* The formulas of runtime/decode.h. */
static void read_cell(const struct reader *r, int32_t anchor, int32_t y,
                      int32_t x, struct cell *cell)
{
    const int32_t first = anchor * (5 + r->plan->nc);
    const float stride = (float)r->level->stride;
    const int32_t bins = r->level->decode.problem.u.decode.bins;
    if (bins) {
        read_bins_cell(r, bins, y, x, cell);
        return;
    }
    const float sx = sigmoid(head_value(r, first, y, x));
    const float sy = sigmoid(head_value(r, first + 1, y, x));
    const float sw = 2 * sigmoid(head_value(r, first + 2, y, x));
    const float sh = 2 * sigmoid(head_value(r, first + 3, y, x));
    const float cx = (2 * sx - 0.5f + (float)x) * stride;
    const float cy = (2 * sy - 0.5f + (float)y) * stride;
    const float w = sw * sw * r->level->anchors[anchor][0];
    const float h = sh * sh * r->level->anchors[anchor][1];
    *cell = (struct cell){
        .x0 = cx - w / 2,
        .y0 = cy - h / 2,
        .x1 = cx + w / 2,
        .y1 = cy + h / 2,
        .score = sigmoid(head_value(r, first + 4, y, x)) *
                 sigmoid(best_class(r, first + 5, y, x)),
    };
}

/* The logit that tells whether a cell is worth looking at. */
static float first_look(const struct reader *r, int32_t a, int32_t y, int32_t x)
{
    const int32_t bins = r->level->decode.problem.u.decode.bins;
    return bins ? best_class(r, 4 * bins, y, x)
                : head_value(r, a * (5 + r->plan->nc) + 4, y, x);
}

/* All cells of a picture, level by level and anchor by anchor. One under the
 * threshold is skipped unless it was over it for the other network. */
static void read_cells(const struct run *run, const struct cell *wanted,
                       struct cell *cells)
{
    const struct yt_plan *plan = yt_model_plan(run->model);
    const float least = yt_decode_min_logit(YT_LOSS_SCORE);
    int64_t at = 0;
    for (int32_t i = 0; i < plan->level_count; i++) {
        const struct yt_level *level = &plan->levels[i];
        const struct reader r = {
            plan, level,
            (const float *)(const void *)(run->workspace + level->head)};
        for (int32_t a = 0; a < level->na; a++)
            for (int32_t y = 0; y < level->h; y++)
                for (int32_t x = 0; x < level->w; x++, at++) {
                    const float object = first_look(&r, a, y, x);
                    cells[at].score = 0;
                    if (object > least || (wanted && wanted[at].score > 0))
                        read_cell(&r, a, y, x, &cells[at]);
                    if (!wanted && cells[at].score < YT_LOSS_SCORE)
                        cells[at].score = 0;
                }
    }
}

static double overlap(const struct cell *a, const struct cell *b)
{
    const double w =
        fmin((double)a->x1, (double)b->x1) - fmax((double)a->x0, (double)b->x0);
    const double h =
        fmin((double)a->y1, (double)b->y1) - fmax((double)a->y0, (double)b->y0);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double all = (double)(a->x1 - a->x0) * (double)(a->y1 - a->y0) +
                       (double)(b->x1 - b->x0) * (double)(b->y1 - b->y0) - both;
    return all > 0 ? both / all : 1;
}

/* The sum over a picture's cells, and how many f32 sees something in. */
static double distance(const struct cell *wanted, const struct cell *got,
                       int32_t count, int64_t *seen)
{
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        const double score = (double)wanted[i].score;
        if (score > 0) {
            ++*seen;
            sum += fabs(score - (double)got[i].score) +
                   score * (1 - overlap(&wanted[i], &got[i]));
        } else if (got[i].score >= YT_LOSS_SCORE) {
            sum += (double)got[i].score - (double)YT_LOSS_SCORE;
        }
    }
    return sum;
}

/* ------------------------------------------------------------------ all */

static enum yt_status run_picture(const struct yt_loss *loss,
                                  const struct run *run, int32_t i)
{
    const struct yt_plan *plan = yt_model_plan(run->model);
    YT_TRY(run_letterbox(run, &loss->pictures[i]));
    /* Whatever the other network saw something in is looked at: all of it. */
    yt_model_run_steps(run->model, -INFINITY, run->workspace, 0,
                       plan->step_count);
    return YT_OK;
}

static enum yt_status load(const struct yt_dataset *pictures, int32_t images,
                           struct yt_loss *loss)
{
    struct yt_dataset *some = NULL;
    YT_TRY(yt_dataset_subset(pictures, images, &some));
    loss->pictures = calloc((size_t)images, sizeof *loss->pictures);
    enum yt_status status =
        loss->pictures ? YT_OK
                       : yt_fail(YT_NO_MEMORY, "no memory for pictures");
    for (int32_t i = 0; status == YT_OK && i < some->image_count; i++) {
        status = yt_picture_load_whole(some->images[i].path,
                                       &loss->pictures[loss->count]);
        if (status == YT_OK)
            loss->count++;
        else if (status != YT_NO_MEMORY)
            status = YT_OK; /* others will do */
    }
    yt_dataset_close(some);
    if (status == YT_OK && loss->count == 0)
        return yt_fail(YT_BAD_INPUT, "%s: no picture of it can be read",
                       pictures->name);
    return status;
}

static enum yt_status run_wanted(struct yt_loss *loss,
                                 const struct yt_build *build)
{
    struct run run;
    YT_TRY(run_open(build, &run));
    loss->cells = yt_model_cells(run.model);
    loss->wanted =
        calloc((size_t)loss->count * (size_t)loss->cells, sizeof *loss->wanted);
    enum yt_status status =
        loss->wanted ? YT_OK : yt_fail(YT_NO_MEMORY, "no memory for cells");
    for (int32_t i = 0; status == YT_OK && i < loss->count; i++) {
        status = run_picture(loss, &run, i);
        if (status == YT_OK)
            read_cells(&run, NULL, loss->wanted + (int64_t)i * loss->cells);
    }
    run_close(&run);
    return status;
}

enum yt_status yt_loss_open(const struct yt_dataset *pictures, int32_t images,
                            const struct yt_build *build,
                            struct yt_loss **loss_out)
{
    struct yt_loss *loss = calloc(1, sizeof *loss);
    YT_FAIL_IF(!loss, YT_NO_MEMORY, "no memory to compare networks");
    enum yt_status status = load(pictures, images, loss);
    if (status == YT_OK)
        status = run_wanted(loss, build);
    if (status != YT_OK) {
        yt_loss_close(loss);
        return status;
    }
    *loss_out = loss;
    return YT_OK;
}

enum yt_status yt_loss_measure(const struct yt_loss *loss,
                               const struct yt_build *build, double *loss_out)
{
    struct run run;
    double sum = 0;
    int64_t seen = 0;
    struct cell *cells = calloc((size_t)loss->cells, sizeof *cells);
    YT_FAIL_IF(!cells, YT_NO_MEMORY, "no memory for cells");
    enum yt_status status = run_open(build, &run);
    if (status != YT_OK) {
        free(cells);
        return status;
    }
    for (int32_t i = 0; status == YT_OK && i < loss->count; i++) {
        const struct cell *wanted = loss->wanted + (int64_t)i * loss->cells;
        status = run_picture(loss, &run, i);
        if (status != YT_OK)
            break;
        read_cells(&run, wanted, cells);
        sum += distance(wanted, cells, loss->cells, &seen);
    }
    run_close(&run);
    free(cells);
    *loss_out = sum / (double)(seen > 0 ? seen : 1);
    return status;
}

/* Layer i's time goes to times[i * stride]; NULL: nowhere. */
static void time_frame(const struct run *run, int32_t layers, double *times,
                       int32_t stride)
{
    const float threshold = yt_decode_min_logit(0.25f);
    for (int32_t i = 0; i < layers; i++) {
        const uint64_t begin = yt_now_ns();
        yt_model_run_steps(run->model, threshold, run->workspace, i, i + 1);
        if (times)
            times[(int64_t)i * stride] = (double)(yt_now_ns() - begin);
    }
}

enum yt_status yt_loss_time(const struct yt_loss *loss,
                            const struct yt_build *build, int32_t frames,
                            struct yt_stats *stats_out)
{
    const int32_t layers = build->net->layer_count;
    struct run run;
    double *times = malloc((size_t)layers * (size_t)frames * sizeof *times);
    YT_FAIL_IF(!times, YT_NO_MEMORY, "no memory to time layers");
    enum yt_status status = run_open(build, &run);
    for (int32_t f = -1; status == YT_OK && f < frames; f++) {
        status = run_letterbox(&run, &loss->pictures[0]);
        if (status == YT_OK)
            time_frame(&run, layers, f < 0 ? NULL : times + f, frames);
    }
    for (int32_t i = 0; status == YT_OK && i < layers; i++)
        yt_stats_of(times + (int64_t)i * frames, frames, &stats_out[i]);
    if (run.model)
        run_close(&run);
    free(times);
    return status;
}

void yt_loss_close(struct yt_loss *loss)
{
    if (!loss)
        return;
    for (int32_t i = 0; i < loss->count; i++)
        yt_picture_deinit(&loss->pictures[i]);
    free(loss->pictures);
    free(loss->wanted);
    free(loss);
}
