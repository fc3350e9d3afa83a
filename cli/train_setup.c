/* See cli/train_setup.h. */

#include "cli/train_setup.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/opened.h"
#include "compress/precision/calibrate.h"
#include "compress/ratio/evaluate.h"
#include "runtime/fail.h"

/* --------------------------------------------------------------- pictures */

static enum yt_status open_split(struct yt_dataset_options options,
                                 int32_t only_pictures, struct yt_dataset **out)
{
    options.only_pictures = only_pictures;
    return yt_dataset_open(&options, out);
}

/* Labels are taken if there are any, unless something was said about them. */
static enum yt_status open_pictures(struct yt_train_job *job)
{
    if (job->labels == 0)
        return open_split(job->data, 1, &job->pictures);
    const enum yt_status status = open_split(job->data, 0, &job->pictures);
    job->train.labels = status == YT_OK;
    if (status != YT_NOT_FOUND || job->labels == 1 || !job->teacher_path)
        return status;
    return open_split(job->data, 1, &job->pictures);
}

static enum yt_status open_measured(struct yt_train_job *job)
{
    struct yt_dataset_options val = job->val;
    if (!val.path)
        val.path = job->data.path;
    YT_TRY(open_split(val, 0, &job->measured));
    if (yt_dataset_used(job->measured) <= job->eval_images)
        return YT_OK;
    struct yt_dataset *part = NULL;
    YT_TRY(yt_dataset_subset(job->measured, job->eval_images, &part));
    yt_dataset_close(job->measured);
    job->measured = part;
    return YT_OK;
}

static enum yt_status check_apart(const struct yt_train_job *job)
{
    int32_t same = 0, example = -1;
    YT_TRY(
        yt_dataset_same_content(job->pictures, job->measured, &same, &example));
    YT_FAIL_IF(same > 0, YT_BAD_ARGUMENT,
               "%d of the %d pictures to measure on are trained on, %s for "
               "one: what is measured on them says nothing",
               same, yt_dataset_used(job->measured),
               job->measured->images[example].path);
    return YT_OK;
}

/* ---------------------------------------------------------------- classes */

static int knows_all(const struct yt_graph *graph,
                     const struct yt_dataset *dataset)
{
    for (int32_t i = 0; i < dataset->class_count; i++) {
        int32_t k = 0;
        while (k < graph->nc &&
               strcmp(graph->classes[k], dataset->classes[i]) != 0)
            k++;
        if (k == graph->nc)
            return 0;
    }
    return graph->nc == dataset->class_count;
}

/* Whether a class of the labels stands elsewhere in the model. */
static int knows_elsewhere(const struct yt_graph *graph,
                           const struct yt_dataset *dataset)
{
    for (int32_t i = 0; i < dataset->class_count; i++)
        for (int32_t k = 0; k < graph->nc; k++)
            if (k != i && strcmp(graph->classes[k], dataset->classes[i]) == 0)
                return 1;
    return 0;
}

/* The model's heads get the labels' classes. As many classes of other names
 * keep their channels: a model that was trained here and lost its names is not
 * to begin anew. */
static enum yt_status adapt_classes(struct yt_train_job *job)
{
    const struct yt_dataset *d = job->pictures;
    const char *const *names = (const char *const *)d->classes;
    if (!job->train.labels || knows_all(job->graph, d))
        return YT_OK;
    if (job->graph->nc == d->class_count && !knows_elsewhere(job->graph, d)) {
        fprintf(stderr,
                "yolotune: the model's %d classes get the names that %s has\n",
                d->class_count, d->name);
        return yt_graph_set_classes(job->graph, d->class_count, names);
    }
    struct yt_graph *adapted = NULL;
    YT_TRY(yt_graph_with_classes(job->graph, d->class_count, names,
                                 job->train.seed, &adapted));
    fprintf(stderr, "yolotune: the model's %d classes become the %d of %s\n",
            job->graph->nc, d->class_count, d->name);
    yt_graph_destroy(job->graph);
    job->graph = adapted;
    return YT_OK;
}

static enum yt_status match_classes(struct yt_train_job *job)
{
    const char *const *names = (const char *const *)job->graph->classes;
    if (job->train.labels)
        YT_TRY(yt_dataset_match_classes(job->pictures, job->graph->nc, names));
    return yt_dataset_match_classes(job->measured, job->graph->nc, names);
}

/* --------------------------------------------------------------- networks */

static enum yt_status open_networks(struct yt_train_job *job)
{
    YT_TRY(yt_graph_read(job->engine.model, &job->graph));
    yt_cli_graph_notes(job->graph);
    job->train.h = job->engine.imgsz.h ? job->engine.imgsz.h : job->graph->h;
    job->train.w = job->engine.imgsz.w ? job->engine.imgsz.w : job->graph->w;
    YT_TRY(adapt_classes(job));
    YT_TRY(match_classes(job));
    if (!job->teacher_path)
        return YT_OK;
    YT_TRY(yt_graph_read(job->teacher_path, &job->teacher));
    job->train.teacher = job->teacher;
    return yt_distill_check(job->graph, job->teacher);
}

static void on_calibration(void *user, enum yt_calibrate_phase phase,
                           int32_t done, int32_t total)
{
    (void)phase;
    yt_progress_show(user, done, total, "calibrating: %d of %d", done, total);
}

/* Ranges of the pictures that are trained on. The network learns to live with
 * rounding itself, so that means need no correction. */
static enum yt_status calibrate(struct yt_train_job *job)
{
    const struct yt_calibrate_options options = {
        .kernels = job->site->kernels,
        .stop = job->train.stop,
        .progress = on_calibration,
        .user = &job->progress,
    };
    const int32_t threads =
        job->engine.threads ? job->engine.threads : job->site->host.threads;
    YT_TRY(yt_calibrate(job->graph, job->site->isa, job->train.h, job->train.w,
                        threads, job->pictures, &options, &job->quantisation));
    yt_quantisation_set_all(job->quantisation, job->graph, YT_DTYPE_U8S8);
    job->train.quantisation = job->quantisation;
    job->train.weight_max = yt_isa_weight_max(job->site->isa);
    return YT_OK;
}

/* -------------------------------------------------------------- callbacks */

static enum yt_status on_evaluate(void *user, const struct yt_graph *graph,
                                  double *map_out)
{
    struct yt_train_job *job = user;
    const struct yt_predict_options options = {
        .workers = job->engine.threads,
        .stop = job->train.stop,
    };
    job->evaluated = 1;
    return yt_evaluate_graph(job->site, graph, job->quantisation, job->train.h,
                             job->train.w, job->measured, &options, map_out);
}

/* A line that stands on a terminal; elsewhere one for each measurement. */
static void on_progress(void *user, const struct yt_train_event *e)
{
    struct yt_train_job *job = user;
    struct yt_progress *progress = &job->progress;
    const double total =
        isnan(e->left_s) ? 0 : e->elapsed_s + fmax(e->left_s, 0);
    if (e->note && !job->quiet) {
        yt_progress_end(progress);
        fprintf(stderr, "yolotune: %s\n", e->note);
    }
    if (e->step == 0 && !progress->terminal && job->evaluated && !job->quiet)
        fprintf(stderr, "before: mAP %.4f\n", e->map);
    else if (progress->terminal)
        yt_progress_show(progress, e->elapsed_s, total,
                         "step %lld of %lld, loss %.3f, mAP %.4f, best %.4f, "
                         "%.0f pictures/s",
                         (long long)e->step, (long long)e->steps, e->loss,
                         e->map, e->best_map, e->pictures_per_s);
    else if (job->evaluated && !job->quiet)
        fprintf(stderr,
                "step %lld of %lld: loss %.3f, mAP %.4f, best %.4f at step "
                "%lld, %.0f pictures/s, %.0f s\n",
                (long long)e->step, (long long)e->steps, e->loss, e->map,
                e->best_map, (long long)e->best_step, e->pictures_per_s,
                e->elapsed_s);
    job->evaluated = 0;
}

/* ------------------------------------------------------------------- open */

/* Before an hour of training, not after it. */
static enum yt_status check_writable(const char *path)
{
    struct yt_text folder = {0};
    const char *slash = strrchr(path, '/');
    if (slash)
        yt_text_add(&folder, "%.*s", (int)(slash - path) + 1, path);
    else
        yt_text_add(&folder, ".");
    const int code = access(yt_text_get(&folder), W_OK | X_OK) ? errno : 0;
    yt_text_free(&folder);
    YT_FAIL_IF(code, YT_IO, "%s cannot be written: %s", path, strerror(code));
    struct stat info;
    YT_FAIL_IF(stat(path, &info) == 0 && !S_ISREG(info.st_mode), YT_IO,
               "%s cannot be written: it is not a file", path);
    return YT_OK;
}

static enum yt_status name_checkpoint(struct yt_train_job *job)
{
    job->train.checkpoint = job->checkpoint;
    if (job->checkpoint)
        return YT_OK;
    yt_text_add(&job->default_checkpoint, "%s.ckpt", job->out);
    YT_FAIL_IF(job->default_checkpoint.failed, YT_NO_MEMORY,
               "no memory for a file's name");
    job->train.checkpoint = job->default_checkpoint.at;
    return YT_OK;
}

static void tell_problems(const struct yt_dataset *dataset)
{
    if (dataset->problem_count == 0)
        return;
    fprintf(stderr, "yolotune: left out or doubtful: %s\n",
            dataset->problems[0]);
    if (dataset->problem_count > 1)
        fprintf(stderr, "yolotune: and %d more of %s\n",
                dataset->problem_count - 1, dataset->name);
}

enum yt_status yt_train_job_open(struct yt_train_job *job)
{
    struct yt_site_options site;
    job->train.stop = yt_cli_stop_flag();
    job->train.evaluate = on_evaluate;
    job->train.progress = on_progress;
    job->train.user = job;
    if (!job->no_augment)
        job->train.augmentation = yt_augmentation();
    YT_TRY(check_writable(job->out));
    YT_TRY(name_checkpoint(job));
    YT_TRY(open_pictures(job));
    YT_TRY(open_measured(job));
    job->train.measured = job->measured->hash;
    YT_TRY(check_apart(job));
    YT_TRY(open_networks(job));
    tell_problems(job->pictures);
    tell_problems(job->measured);
    yt_cli_site_options(&job->engine, &site);
    site.access = YT_SITE_ALONE;
    YT_TRY(yt_site_open(&site, &job->site));
    yt_progress_begin(&job->progress, job->quiet);
    return job->int8 ? calibrate(job) : YT_OK;
}

void yt_train_job_close(struct yt_train_job *job)
{
    yt_graph_destroy(job->trained);
    yt_quantisation_destroy(job->quantisation);
    yt_graph_destroy(job->teacher);
    yt_graph_destroy(job->graph);
    yt_dataset_close(job->pictures);
    yt_dataset_close(job->measured);
    yt_site_close(job->site);
    yt_text_free(&job->default_checkpoint);
}
