/* See cli/compress_job.h. */

#include "cli/compress_job.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/opened.h"
#include "runtime/fail.h"

/* --------------------------------------------------------------- pictures */

static enum yt_status open_split(const struct yt_compress_job *job,
                                 const char *split, int32_t only_pictures,
                                 struct yt_dataset **out)
{
    struct yt_dataset_options options = job->data;
    options.split = split;
    options.only_pictures = only_pictures;
    return yt_dataset_open(&options, out);
}

/* Labels are learnt from if there are any, unless that is not wanted: what the
 * network says itself can teach, too. */
static enum yt_status open_train(struct yt_compress_job *job)
{
    const int32_t never =
        job->labels_word && strcmp(job->labels_word, "no") == 0;
    const int32_t always =
        job->labels_word && strcmp(job->labels_word, "yes") == 0;
    if (never)
        return open_split(job, job->data.split, 1, &job->train);
    const enum yt_status status =
        open_split(job, job->data.split, 0, &job->train);
    job->options.labels = status == YT_OK;
    if (status != YT_NOT_FOUND || always)
        return status;
    return open_split(job, job->data.split, 1, &job->train);
}

static enum yt_status open_held(struct yt_compress_job *job)
{
    struct yt_dataset *part = NULL;
    YT_TRY(open_split(job, job->held_split, 0, &job->held));
    if (yt_dataset_used(job->held) <= job->held_images)
        return YT_OK;
    YT_TRY(yt_dataset_subset(job->held, job->held_images, &part));
    yt_dataset_close(job->held);
    job->held = part;
    return YT_OK;
}

static enum yt_status match(const struct yt_graph *graph,
                            struct yt_dataset *dataset)
{
    const char *const *names = (const char *const *)graph->classes;
    YT_FAIL_IF(dataset->class_count != graph->nc, YT_BAD_INPUT,
               "%s has %d classes, %s %d: first train the model on them, with "
               "yolotune train",
               dataset->name, dataset->class_count, graph->name, graph->nc);
    return yt_dataset_match_classes(dataset, graph->nc, names);
}

static enum yt_status open_pictures(struct yt_compress_job *job)
{
    YT_TRY(open_train(job));
    YT_TRY(open_held(job));
    if (job->test_split)
        YT_TRY(open_split(job, job->test_split, 0, &job->test));
    if (job->options.labels)
        YT_TRY(match(job->graph, job->train));
    YT_TRY(match(job->graph, job->held));
    if (job->test)
        YT_TRY(match(job->graph, job->test));
    job->options.train = job->train;
    job->options.held = job->held;
    job->options.test = job->test ? job->test : job->held;
    return YT_OK;
}

/* --------------------------------------------------------------- networks */

static enum yt_status open_networks(struct yt_compress_job *job)
{
    YT_TRY(yt_graph_read(yt_cli_model(&job->engine), &job->graph));
    yt_cli_graph_notes(job->graph);
    if (job->teacher_path)
        YT_TRY(yt_graph_read(job->teacher_path, &job->teacher));
    job->options.teacher = job->teacher;
    for (int32_t i = 0; i < job->rival_paths.count; i++) {
        YT_TRY(yt_graph_read(job->rival_paths.items[i], &job->rivals[i]));
        job->options.rivals[i] = job->rivals[i];
    }
    job->options.rival_count = job->rival_paths.count;
    if (job->options.size_count == 0) {
        job->options.sizes[0] =
            (struct yt_compress_size){job->graph->h, job->graph->w};
        job->options.size_count = 1;
    }
    return YT_OK;
}

/* ----------------------------------------------------------------- folder */

static enum yt_status open_folder(struct yt_compress_job *job)
{
    if (!job->folder) {
        yt_text_add(&job->default_folder, "%s.work", job->out);
        YT_FAIL_IF(job->default_folder.failed, YT_NO_MEMORY,
                   "no memory for a folder's name");
        job->folder = job->default_folder.at;
    }
    job->options.folder = job->folder;
    YT_FAIL_IF(mkdir(job->folder, 0777) != 0 && errno != EEXIST, YT_IO,
               "%s: %s", job->folder, strerror(errno));
    return YT_OK;
}

/* The file's name, without folders and ending. */
static void name_result(struct yt_compress_job *job)
{
    const char *slash = strrchr(job->out, '/');
    const char *name = slash ? slash + 1 : job->out;
    const char *dot = strrchr(name, '.');
    const size_t length =
        dot && dot > name ? (size_t)(dot - name) : strlen(name);
    snprintf(job->name, sizeof job->name, "%.*s", (int)length, name);
    job->options.name = job->name;
}

/* --------------------------------------------------------------- progress */

static void on_train(struct yt_compress_job *job,
                     const struct yt_compress_event *e, double total)
{
    const struct yt_train_event *t = e->train;
    yt_progress_show(&job->progress, e->elapsed_s, total,
                     "%s %d of %d, %s: loss %.3f, mAP %.4f, %.0f pictures/s",
                     e->phase, e->done + 1, e->planned, e->what, t->loss,
                     t->best_map, t->pictures_per_s);
}

static void on_progress(void *user, const struct yt_compress_event *e)
{
    struct yt_compress_job *job = user;
    const double total =
        isnan(e->left_s) ? 0 : e->elapsed_s + fmax(e->left_s, 0);
    if (e->note && !job->quiet) {
        yt_progress_end(&job->progress);
        fprintf(stderr, "yolotune: %s\n", e->note);
    }
    if (e->train)
        on_train(job, e, total);
    else if (isnan(e->best_map))
        yt_progress_show(&job->progress, e->elapsed_s, total, "%s: %s",
                         e->phase, e->what);
    else
        yt_progress_show(&job->progress, e->elapsed_s, total,
                         "%s: %s, best %.1f FPS mAP %.4f", e->phase, e->what,
                         e->best_fps, e->best_map);
}

/* ------------------------------------------------------------------- open */

static void tell_problems(const struct yt_dataset *dataset)
{
    if (dataset->problem_count > 0)
        fprintf(stderr, "yolotune: left out or doubtful: %s\n",
                dataset->problems[0]);
    if (dataset->problem_count > 1)
        fprintf(stderr, "yolotune: and %d more of %s\n",
                dataset->problem_count - 1, dataset->name);
}

enum yt_status yt_compress_job_open(struct yt_compress_job *job)
{
    struct yt_site_options site;
    struct yt_compress_options *o = &job->options;
    o->stop = yt_cli_stop_flag();
    o->progress = on_progress;
    o->user = job;
    o->threads = job->engine.threads;
    o->seed = (uint64_t)job->seed;
    if (job->no_augment)
        o->augmentation = &job->augmentation;
    name_result(job);
    YT_TRY(open_networks(job));
    YT_TRY(open_pictures(job));
    YT_TRY(open_folder(job));
    tell_problems(job->train);
    tell_problems(job->held);
    yt_cli_site_options(&job->engine, &site);
    site.access = YT_SITE_KEEPS;
    YT_TRY(yt_site_open(&site, &job->site));
    o->site = job->site;
    yt_progress_begin(&job->progress, job->quiet);
    return YT_OK;
}

void yt_compress_job_close(struct yt_compress_job *job)
{
    yt_compress_result_deinit(&job->result);
    for (int32_t i = 0; i < job->rival_paths.count; i++)
        yt_graph_destroy(job->rivals[i]);
    yt_graph_destroy(job->teacher);
    yt_graph_destroy(job->graph);
    yt_dataset_close(job->train);
    yt_dataset_close(job->held);
    yt_dataset_close(job->test);
    yt_site_close(job->site);
    yt_text_free(&job->default_folder);
}
