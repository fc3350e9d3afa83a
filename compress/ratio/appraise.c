/* See compress/ratio/appraise.h. */

#include "compress/ratio/appraise.h"

#include <math.h>
#include <stdlib.h>

#include "compress/precision/calibrate.h"
#include "eval/predict.h"
#include "runtime/fail.h"
#include "tuner/measure/bench.h"

#define CALIBRATION_IMAGES 64

enum yt_status yt_appraise_quantise(const struct yt_ratio_setting *setting,
                                    const struct yt_graph *graph,
                                    const struct yt_dataset *pictures,
                                    const volatile int *stop,
                                    struct yt_quantisation **q_out)
{
    const struct yt_site *site = setting->site;
    const struct yt_calibrate_options options = {
        .images_max = CALIBRATION_IMAGES,
        .bias_correction = 1,
        .kernels = site->kernels,
        .stop = stop,
    };
    *q_out = NULL;
    if (setting->dtype == YT_DTYPE_F32)
        return YT_OK;
    YT_TRY(yt_calibrate(graph, site->isa, setting->h, setting->w,
                        site->host.threads, pictures, &options, q_out));
    yt_quantisation_set_all(*q_out, graph, setting->dtype);
    return YT_OK;
}

static enum yt_status build(const struct yt_ratio_setting *setting,
                            const struct yt_graph *graph,
                            struct yt_appraised *a)
{
    const struct yt_build_options options = {
        .isa = setting->site->isa,
        .h = setting->h,
        .w = setting->w,
        .threads = setting->threads,
        .quantisation = a->quantisation,
        .kernels = setting->site->kernels,
    };
    YT_TRY(yt_build_create(graph, &options, &a->build));
    YT_TRY(yt_build_make(a->build, setting->site->host.threads));
    return yt_build_open(a->build, 0, &a->model);
}

enum yt_status yt_appraise_open(const struct yt_ratio_setting *setting,
                                const struct yt_graph *graph,
                                const struct yt_dataset *pictures,
                                const volatile int *stop,
                                struct yt_appraised *out)
{
    struct yt_appraised a = {.setting = *setting, .accuracy = NAN};
    enum yt_status status =
        yt_appraise_quantise(setting, graph, pictures, stop, &a.quantisation);
    if (status == YT_OK)
        status = build(setting, graph, &a);
    if (status != YT_OK) {
        yt_appraise_close(&a);
        return status;
    }
    *out = a;
    return YT_OK;
}

void yt_appraise_close(struct yt_appraised *appraised)
{
    yt_map_destroy(appraised->map);
    yt_model_close(appraised->model);
    yt_build_destroy(appraised->build);
    yt_quantisation_destroy(appraised->quantisation);
    *appraised = (struct yt_appraised){.accuracy = NAN};
}

struct yt_predict_options yt_appraise_options(const struct yt_site *site,
                                              const volatile int *stop)
{
    return (struct yt_predict_options){
        .workers = site->host.threads,
        .single_label = 1,
        .exact_nms = 1,
        .stop = stop,
    };
}

/* ------------------------------------------------------------------- boxes */

static enum yt_status summarize(struct yt_appraised *a,
                                const struct yt_dataset *dataset)
{
    struct yt_map_summary summary = {0};
    YT_TRY(yt_map_summarize(a->map, &summary));
    a->accuracy = summary.map;
    yt_map_summary_deinit(&summary);
    YT_FAIL_IF(isnan(a->accuracy), YT_BAD_INPUT,
               "%s: no picture shows an object to be found, so there is no "
               "accuracy to measure",
               dataset->name);
    return YT_OK;
}

enum yt_status yt_appraise_boxes(struct yt_appraised *appraised,
                                 struct yt_dataset *dataset,
                                 const volatile int *stop)
{
    const struct yt_predict_options options =
        yt_appraise_options(appraised->setting.site, stop);
    struct yt_results results = {0};
    enum yt_status status =
        yt_predict(&appraised->build->bundle, dataset, &options, &results);
    if (status == YT_OK)
        status = yt_map_create(dataset, &results, &appraised->map);
    yt_results_deinit(&results);
    return status == YT_OK ? summarize(appraised, dataset) : status;
}

/* -------------------------------------------------------------------- time */

static enum yt_status time_round(struct yt_model *const *models, int32_t count,
                                 const struct yt_image *image, int32_t frames,
                                 const volatile int *stop, double *ns)
{
    const struct yt_bench_options options = {.frames = frames, .stop = stop};
    for (int32_t i = 0; i < count; i++) {
        struct yt_frame_stats stats;
        YT_FAIL_IF(stop && *stop, YT_INTERRUPTED, "timing was interrupted");
        YT_TRY(yt_bench_frames(&models[i], 1, image, &options, &stats));
        ns[i] = stats.total.median_ns;
    }
    return YT_OK;
}

enum yt_status yt_appraise_time(struct yt_model *const *models, int32_t count,
                                const struct yt_image *image, int32_t rounds,
                                int32_t frames, const volatile int *stop,
                                struct yt_appraised_time *times_out)
{
    double *ns = calloc((size_t)rounds * (size_t)count, sizeof *ns);
    double *column = calloc((size_t)rounds, sizeof *column);
    enum yt_status status =
        ns && column ? YT_OK
                     : yt_fail(YT_NO_MEMORY, "no memory to time frames");
    for (int32_t r = 0; status == YT_OK && r < rounds; r++)
        status = time_round(models, count, image, frames, stop,
                            ns + (size_t)r * (size_t)count);
    for (int32_t i = 0; status == YT_OK && i < count; i++) {
        struct yt_stats stats;
        for (int32_t r = 0; r < rounds; r++)
            column[r] = ns[(size_t)r * (size_t)count + (size_t)i];
        yt_stats_of(column, rounds, &stats);
        times_out[i] = (struct yt_appraised_time){.median_ns = stats.median_ns,
                                                  .least_ns = stats.min_ns};
    }
    free(column);
    free(ns);
    return status;
}
