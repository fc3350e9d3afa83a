/* See compress/ratio/evaluate.h. */

#include "compress/ratio/evaluate.h"

#include <math.h>

#include "eval/map.h"
#include "eval/predict.h"
#include "runtime/fail.h"
#include "tuner/build/build.h"

static enum yt_status make(const struct yt_site *site,
                           const struct yt_graph *graph,
                           const struct yt_quantisation *quantisation,
                           int32_t h, int32_t w, struct yt_build **build_out)
{
    const struct yt_build_options options = {
        .isa = site->isa,
        .h = h,
        .w = w,
        .threads = 1, /* each picture runs on a core of its own */
        .quantisation = quantisation,
        .kernels = site->kernels,
    };
    YT_TRY(yt_build_create(graph, &options, build_out));
    return yt_build_make(*build_out, site->host.threads);
}

static enum yt_status measure(const struct yt_dataset *dataset,
                              const struct yt_results *results, double *map_out)
{
    struct yt_map *map = NULL;
    struct yt_map_summary summary = {0};
    enum yt_status status = YT_OK;
    YT_TRY_GOTO(yt_map_create(dataset, results, &map));
    YT_TRY_GOTO(yt_map_summarize(map, &summary));
    YT_FAIL_IF_GOTO(isnan(summary.map), YT_BAD_INPUT,
                    "%s: no picture shows an object to be found, so there is "
                    "no accuracy to measure",
                    dataset->name);
    *map_out = summary.map;
done:
    yt_map_summary_deinit(&summary);
    yt_map_destroy(map);
    return status;
}

enum yt_status
yt_evaluate_graph(const struct yt_site *site, const struct yt_graph *graph,
                  const struct yt_quantisation *quantisation, int32_t h,
                  int32_t w, struct yt_dataset *dataset,
                  const struct yt_predict_options *options, double *map_out)
{
    struct yt_predict_options predict = {0};
    if (options)
        predict = *options;
    if (predict.workers == 0)
        predict.workers = site->host.threads;
    struct yt_build *build = NULL;
    struct yt_results results = {0};
    enum yt_status status = make(site, graph, quantisation, h, w, &build);
    if (status == YT_OK)
        status = yt_predict(&build->bundle, dataset, &predict, &results);
    if (status == YT_OK)
        status = measure(dataset, &results, map_out);
    yt_results_deinit(&results);
    yt_build_destroy(build);
    return status;
}
