/* See eval/predict.h. Workers take the next picture from a counter; what each
 * found is put in order at the end, so the result does not depend on how many
 * there were. */

#include "eval/predict.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "eval/dataset_build.h"
#include "eval/image.h"
#include "eval/passes.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "runtime/model.h"
#include "runtime/select.h"

#define WORKERS_MAX 256

struct job {
    const struct yt_predict_pass *passes;
    int32_t pass_count; /* 0: only sizes are looked up */
    struct yt_dataset *dataset;
    struct yt_predict_options options; /* defaults filled in */
    char **reasons; /* [image_count] why a picture was left out; or NULL */
    enum yt_picture_end *ends; /* [image_count] of those that were not */
    uint8_t *wanted; /* [nc] 0: nobody looked for it in the pictures */
    atomic_int next, done;
    atomic_int failed; /* a worker cannot go on */
};

struct worker {
    struct job *job;
    pthread_t thread;
    int started;
    struct yt_passes passes;
    struct yt_candidate_list list;
    int32_t *kept; /* [kept_cap] */
    int32_t kept_cap;
    void *scratch; /* of the product's NMS */
    size_t scratch_bytes;
    struct yt_results results;
    enum yt_status status;
    char *error; /* the sentence, when status is not YT_OK */
};

/* ------------------------------------------------------------ one picture */

static enum yt_status size_scratch(struct worker *w, size_t bytes)
{
    if (w->scratch_bytes >= bytes)
        return YT_OK;
    yt_memory_free(w->scratch, w->scratch_bytes);
    w->scratch = yt_memory_alloc(bytes);
    w->scratch_bytes = w->scratch == NULL ? 0 : bytes;
    YT_FAIL_IF(w->scratch == NULL, YT_NO_MEMORY,
               "no memory for %d candidate boxes", w->list.count);
    return YT_OK;
}

static enum yt_status select_exact(struct worker *w, int32_t *count_out)
{
    const struct yt_plan *plan = yt_model_plan(w->passes.models[0]);
    const struct yt_predict_options *o = &w->job->options;
    const struct yt_nms_options nms = {
        .iou = (float)o->iou,
        .max_det = o->max_det < w->list.count ? o->max_det : w->list.count,
        .class_agnostic = o->class_agnostic,
        .candidates = o->candidates,
    };
    *count_out = 0;
    if (w->list.count == 0)
        return YT_OK;
    YT_TRY(
        size_scratch(w, (size_t)yt_nms_scratch_bytes(w->list.count, plan->nc)));
    *count_out =
        yt_nms_run(&w->list.at, w->list.count, plan->nc, &nms,
                   yt_nms_step(plan, w->list.count), w->scratch, w->kept);
    return YT_OK;
}

static enum yt_status select_boxes(struct worker *w, int32_t *count_out)
{
    const struct yt_predict_options *o = &w->job->options;
    if (w->list.count > w->kept_cap) {
        free(w->kept);
        w->kept_cap = 0;
        w->kept = malloc((size_t)w->list.cap * sizeof *w->kept);
        YT_FAIL_IF(w->kept == NULL, YT_NO_MEMORY,
                   "no memory for %d candidate boxes", w->list.count);
        w->kept_cap = w->list.cap;
    }
    if (o->exact_nms)
        return select_exact(w, count_out);
    const struct yt_ultralytics_nms nms = {
        .iou = o->iou,
        .max_det = o->max_det,
        .class_agnostic = o->class_agnostic,
        .candidates = o->candidates,
    };
    return yt_ultralytics_nms_run(&w->list, &nms, w->kept, count_out);
}

static enum yt_status add_boxes(struct worker *w, int32_t image, int32_t count,
                                const struct yt_letterbox_map *map)
{
    const struct yt_candidates *at = &w->list.at;
    for (int32_t i = 0; i < count; i++) {
        const int32_t k = w->kept[i];
        struct yt_box box = {at->x0[k], at->y0[k],    at->x1[k],
                             at->y1[k], at->score[k], at->class_id[k]};
        yt_letterbox_unmap(map, &box);
        const struct yt_result result = {
            .x = (double)box.x0,
            .y = (double)box.y0,
            .w = (double)box.x1 - (double)box.x0,
            .h = (double)box.y1 - (double)box.y0,
            .score = (double)box.score,
            .image = image,
            .class_id = box.class_id,
        };
        YT_TRY(yt_results_add(&w->results, &result));
    }
    return YT_OK;
}

static enum yt_status detect(struct worker *w, int32_t i,
                             const struct yt_image *pixels)
{
    struct yt_letterbox_map map;
    int32_t count = 0;
    YT_TRY(yt_passes_run(&w->passes, pixels, &w->job->options, &w->list, &map));
    w->list.count =
        yt_select_classes(&w->list.at, w->list.count, w->job->wanted);
    YT_TRY(select_boxes(w, &count));
    return add_boxes(w, i, count, &map);
}

/* A picture to be left out is no failure of the job. */
static enum yt_status leave_out(struct job *job, int32_t i)
{
    job->reasons[i] = strdup(yt_error());
    YT_FAIL_IF(job->reasons[i] == NULL, YT_NO_MEMORY,
               "no memory for the data set");
    return YT_OK;
}

static enum yt_status run_image(struct worker *w, int32_t i)
{
    struct job *job = w->job;
    const char *path = job->dataset->images[i].path;
    struct yt_picture picture = {0};
    enum yt_status status = yt_picture_load_whole(path, &picture);
    if (status == YT_NO_MEMORY)
        return status;
    struct yt_image pixels = {
        .pixels = picture.rgb,
        .width = picture.width,
        .height = picture.height,
        .stride_bytes = 3 * (int64_t)picture.width,
        .format = YT_PIXEL_RGB,
    };
    if (status == YT_OK) {
        job->ends[i] = picture.end;
        status =
            yt_dataset_set_size(job->dataset, i, picture.width, picture.height);
    }
    if (status != YT_OK)
        status = leave_out(job, i);
    else if (job->pass_count > 0)
        status = detect(w, i, &pixels);
    yt_picture_deinit(&picture);
    return status;
}

/* ---------------------------------------------------------------- workers */

static enum yt_status open_worker(struct worker *w)
{
    const struct job *job = w->job;
    if (job->pass_count == 0)
        return YT_OK;
    return yt_passes_open(job->passes, job->pass_count, &w->passes);
}

static void close_worker(struct worker *w)
{
    yt_passes_close(&w->passes);
    yt_memory_free(w->scratch, w->scratch_bytes);
    yt_candidate_list_deinit(&w->list);
    yt_results_deinit(&w->results);
    free(w->kept);
    free(w->error);
}

static enum yt_status run_images(struct worker *w, int reports)
{
    struct job *job = w->job;
    const struct yt_predict_options *o = &job->options;
    const int32_t total = job->dataset->image_count;
    for (;;) {
        const int32_t i = atomic_fetch_add(&job->next, 1);
        if (i >= total || atomic_load(&job->failed))
            return YT_OK;
        YT_FAIL_IF(o->stop != NULL && *o->stop, YT_INTERRUPTED,
                   "interrupted after %d of %d pictures",
                   atomic_load(&job->done), total);
        if (!job->dataset->images[i].left_out)
            YT_TRY(run_image(w, i));
        const int32_t done = atomic_fetch_add(&job->done, 1) + 1;
        if (reports && o->progress != NULL)
            o->progress(o->user, done, total);
    }
}

static void work(struct worker *w, int reports)
{
    w->status = open_worker(w);
    if (w->status == YT_OK)
        w->status = run_images(w, reports);
    if (w->status == YT_OK)
        return;
    w->error = strdup(yt_error()); /* of this thread */
    atomic_store(&w->job->failed, 1);
}

static void *run_thread(void *worker)
{
    work(worker, 0);
    return NULL;
}

/* The caller's thread is the first worker; a thread that cannot be started is
 * one worker less. */
static void run_workers(struct worker *workers, int32_t count)
{
    for (int32_t i = 1; i < count; i++)
        workers[i].started = pthread_create(&workers[i].thread, NULL,
                                            run_thread, &workers[i]) == 0;
    work(&workers[0], 1);
    for (int32_t i = 1; i < count; i++)
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
}

/* -------------------------------------------------------------------- all */

/* What is told of pictures, in their order. */
static enum yt_status tell_pictures(const struct job *job)
{
    for (int32_t i = 0; i < job->dataset->image_count; i++) {
        const char *text = yt_picture_end_text(job->ends[i]);
        if (job->reasons[i])
            YT_TRY(yt_dataset_leave_out(job->dataset, i, job->reasons[i]));
        else if (text)
            YT_TRY(yt_dataset_add_problem(job->dataset, "%s: %s",
                                          job->dataset->images[i].path, text));
    }
    return YT_OK;
}

static enum yt_status collect(struct job *job, const struct worker *workers,
                              int32_t count, struct yt_results *results)
{
    for (int32_t i = 0; i < count; i++)
        YT_FAIL_IF(workers[i].status != YT_OK, workers[i].status, "%s",
                   workers[i].error == NULL ? "no memory" : workers[i].error);
    for (int32_t i = 0; i < count; i++)
        for (int64_t j = 0; j < workers[i].results.count; j++)
            YT_TRY(yt_results_add(results, &workers[i].results.items[j]));
    YT_TRY(yt_results_sort(results));
    const char *first = NULL;
    for (int32_t i = 0; i < job->dataset->image_count && !first; i++)
        first = job->reasons[i];
    YT_TRY(tell_pictures(job));
    YT_FAIL_IF(yt_dataset_used(job->dataset) == 0, YT_BAD_INPUT,
               "%s: none of %d pictures can be used, the first because: %s",
               job->dataset->name, job->dataset->image_count,
               first == NULL ? "?" : first);
    return YT_OK;
}

/* Pictures without labels know no classes at all: every one is wanted. */
static int find_wanted(struct job *job)
{
    const struct yt_dataset *d = job->dataset;
    const int32_t nc =
        job->pass_count > 0 ? job->passes[0].bundle->plan->nc : 0;
    job->wanted = malloc((size_t)nc + 1);
    for (int32_t i = 0; job->wanted && i < nc; i++)
        job->wanted[i] =
            i >= d->class_count || d->categories[i] != YT_NO_CATEGORY;
    return job->wanted != NULL;
}

static enum yt_status run_job(struct job *job, struct yt_results *results_out)
{
    const int32_t images = job->dataset->image_count;
    int32_t count = job->options.workers;
    count = count > WORKERS_MAX ? WORKERS_MAX : count;
    count = count > images ? images : count;
    assert(count >= 1); /* an open data set has images */
    struct yt_results results = {0};
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    job->reasons = calloc((size_t)images, sizeof *job->reasons);
    job->ends = calloc((size_t)images, sizeof *job->ends);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!workers || !job->reasons || !job->ends ||
                        !find_wanted(job),
                    YT_NO_MEMORY, "no memory for %d pictures", images);
    for (int32_t i = 0; i < count; i++)
        workers[i].job = job;
    run_workers(workers, count);
    YT_TRY_GOTO(collect(job, workers, count, &results));
    *results_out = results;
    results = (struct yt_results){0};
done:
    yt_results_deinit(&results);
    for (int32_t i = 0; workers != NULL && i < count; i++)
        close_worker(&workers[i]);
    for (int32_t i = 0; job->reasons != NULL && i < images; i++)
        free(job->reasons[i]);
    free(workers);
    free(job->reasons);
    free(job->ends);
    free(job->wanted);
    return status;
}

struct yt_predict_options
yt_predict_resolve(const struct yt_predict_options *options)
{
    struct yt_predict_options o = *options;
    o.workers = o.workers < 1 ? 1 : o.workers;
    o.conf = o.conf == 0 ? 0.001f : o.conf;
    o.iou = o.iou == 0 ? 0.6 : o.iou;
    o.max_det = o.max_det == 0 ? 300 : o.max_det;
    return o;
}

enum yt_status yt_predict_passes(const struct yt_predict_pass *passes,
                                 int32_t count, struct yt_dataset *dataset,
                                 const struct yt_predict_options *options,
                                 struct yt_results *results_out)
{
    YT_TRY(yt_passes_check(passes, count));
    struct job job = {
        .passes = passes,
        .pass_count = count,
        .dataset = dataset,
        .options = yt_predict_resolve(options),
    };
    return run_job(&job, results_out);
}

enum yt_status yt_predict(const struct yt_bundle *bundle,
                          struct yt_dataset *dataset,
                          const struct yt_predict_options *options,
                          struct yt_results *results_out)
{
    const struct yt_predict_pass passes[] = {{.bundle = bundle},
                                             {.bundle = bundle, .flip = 1}};
    assert(!options->augment);
    return yt_predict_passes(passes, options->flip ? 2 : 1, dataset, options,
                             results_out);
}

enum yt_status yt_predict_sizes(struct yt_dataset *dataset)
{
    struct job job = {.dataset = dataset, .options = {.workers = 1}};
    struct yt_results none = {0};
    YT_TRY(run_job(&job, &none));
    yt_results_deinit(&none);
    return YT_OK;
}
