/* See cli/tune_train.h. */

#include "cli/tune_train.h"

#include <math.h>

#include "compress/ratio/compress.h"
#include "model/onnx_write.h"
#include "runtime/fail.h"

#define MAP_DROP 0.01

static void on_progress(void *user, const struct yt_compress_event *e)
{
    const double total =
        isnan(e->left_s) ? 0 : e->elapsed_s + fmax(e->left_s, 0);
    yt_progress_show(user, e->elapsed_s, total, "training: %s: %s", e->phase,
                     e->what);
}

struct pictures {
    struct yt_dataset *train, *held;
};

static enum yt_status open_pictures(const struct yt_graph *graph,
                                    const struct yt_dataset_options *data,
                                    struct pictures *p)
{
    const char *const *names = (const char *const *)graph->classes;
    struct yt_dataset_options train = *data;
    train.split = "train";
    YT_TRY(yt_dataset_open(&train, &p->train));
    YT_TRY(yt_dataset_open(data, &p->held));
    YT_TRY(yt_dataset_match_classes(p->train, graph->nc, names));
    return yt_dataset_match_classes(p->held, graph->nc, names);
}

static struct yt_compress_options options_of(const struct yt_lab *lab,
                                             const struct yt_config *choice,
                                             const struct yt_tune_training *t,
                                             const struct pictures *p)
{
    /* Frames are timed one at a time. */
    const int32_t pictures =
        choice->parallel == YT_THROUGHPUT ? choice->groups : 1;
    const struct yt_choice_model *model =
        &yt_lab_choices(lab)->models[choice->model];
    const int asked = choice->precision == YT_PRECISION_F32 ||
                      choice->precision == YT_PRECISION_INT8;
    return (struct yt_compress_options){
        .site = yt_lab_site(lab),
        .threads = choice->parallel == YT_PIPELINE
                       ? choice->groups * choice->threads
                       : choice->threads,
        .kinds = 1u << YT_RATIO_CHANNELS | 1u << YT_RATIO_BLOCKS,
        .whole = choice->h != model->h || choice->w != model->w,
        .sizes = {{choice->h, choice->w}},
        .size_count = 1,
        .precision = asked ? (int32_t)choice->precision : -1,
        .max_map_drop = isnan(t->max_map_drop) && isnan(t->min_fps)
                            ? MAP_DROP
                            : t->max_map_drop,
        .min_fps = isnan(t->max_map_drop) ? t->min_fps / pictures : NAN,
        .train = p->train,
        .held = p->held,
        .test = p->held,
        .budget_ns = t->budget_ns,
        .labels = 1,
        .stop = t->stop,
        .progress = on_progress,
        .user = t->progress,
    };
}

enum yt_status yt_tune_train(const struct yt_lab *lab,
                             const struct yt_config *choice,
                             const struct yt_tune_training *training)
{
    const struct yt_graph *graph = yt_lab_model(lab, choice->model)->graph;
    struct pictures pictures = {NULL, NULL};
    struct yt_compress_result result = {.graph = NULL};
    enum yt_status status = open_pictures(graph, training->data, &pictures);
    if (status == YT_OK) {
        const struct yt_compress_options options =
            options_of(lab, choice, training, &pictures);
        status = yt_compress(graph, &options, &result);
    }
    if (status == YT_OK)
        status = yt_onnx_write(result.graph, result.best.h, result.best.w,
                               training->path);
    yt_compress_result_deinit(&result);
    yt_dataset_close(pictures.train);
    yt_dataset_close(pictures.held);
    return status;
}
