/* Measuring a configuration: frames per second in its arrangement of threads,
 * memory, and mAP over a depth's pictures. */

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "eval/bootstrap.h"
#include "eval/predict.h"
#include "runtime/augment.h"
#include "runtime/fail.h"
#include "runtime/memory.h"
#include "strategies/lab/accuracy.h"
#include "strategies/lab/lab_parts.h"
#include "tuner/measure/background.h"
#include "tuner/build/plan_store.h"
#include "tuner/measure/throughput.h"

static const uint64_t depth_ns[YT_DEPTHS] = {250000000u, 500000000u,
                                             1000000000u};
static const int32_t depth_draws[YT_DEPTHS] = {100, 200, 300};

#define CONF_OF_MAP 0.001f
#define SLICE_NS    UINT64_C(250000000) /* of one configuration's turn */
#define ROUNDS_MAX  9
#define BOXES       300
#define WARM_UP     2
#define FRAMES_MAX  4096

/* ---------------------------------------------------------------- networks */

/* The networks that a configuration runs, one after the other. */
struct passes {
    struct yt_engine *engines[YT_AUGMENT_SCALES];
    int32_t flips[YT_AUGMENT_SCALES];
    int32_t count;
};

static_assert(YT_LAB_NETWORKS == YT_AUGMENT_SCALES, "a network for each scale");

int32_t yt_lab_networks(const struct yt_lab *lab,
                        const struct yt_config *config,
                        struct yt_config networks_out[YT_LAB_NETWORKS])
{
    const int scales = config->augment == YT_TTA_SCALES;
    const int32_t stride = lab->choices.models[config->model].stride;
    const int32_t count = scales ? YT_AUGMENT_SCALES : 1;
    for (int32_t i = 0; i < count; i++) {
        const double scale = scales ? yt_augment_scales[i].scale : 1;
        networks_out[i] = *config;
        networks_out[i].h = yt_augment_side(config->h, scale, stride);
        networks_out[i].w = yt_augment_side(config->w, scale, stride);
    }
    return count;
}

static enum yt_status open_passes(struct yt_lab *lab,
                                  const struct yt_config *config,
                                  struct passes *passes)
{
    struct yt_config networks[YT_LAB_NETWORKS];
    passes->count = yt_lab_networks(lab, config, networks);
    for (int32_t i = 0; i < passes->count; i++) {
        passes->flips[i] = passes->count > 1 ? yt_augment_scales[i].flip : 0;
        YT_TRY(yt_engines_get(&lab->engines, config, networks[i].h,
                              networks[i].w, &passes->engines[i]));
    }
    return YT_OK;
}

static struct yt_detect_options detect_options(const struct yt_config *config)
{
    return (struct yt_detect_options){
        .iou = config->iou,
        .max_det = config->max_det,
        .class_agnostic = config->agnostic,
        .fit = config->fit,
        .filter = config->filter,
        .candidates = config->candidates,
    };
}

/* ------------------------------------------------------------------- speed */

static void take_stats(struct yt_assessment *trial,
                       const struct yt_stats *stats, double fps)
{
    trial->figures.fps = fps;
    trial->figures.latency_ns = stats->p99_ns;
    trial->min_ns = stats->min_ns;
    trial->median_ns = stats->median_ns;
    trial->p95_ns = stats->p95_ns;
    trial->frames = stats->samples;
}

static enum yt_status time_batch(struct yt_lab *lab, const struct yt_engine *e,
                                 uint64_t budget_ns,
                                 struct yt_assessment *trial)
{
    const struct yt_config *c = &trial->config;
    const struct yt_plan *plan = &e->build->plan;
    const struct yt_detect_options detect = detect_options(c);
    double *costs = NULL;
    enum yt_status status;
    struct yt_throughput_options options = {
        .batch = {.instances = c->parallel == YT_THROUGHPUT ? c->groups : 1,
                  .stages = c->parallel == YT_PIPELINE ? c->groups : 1,
                  /* Tuning may have settled on fewer. */
                  .threads =
                      plan->threads < c->threads ? plan->threads : c->threads,
                  .pin = c->pin},
        .detect = detect,
        .budget_ns = budget_ns,
        .background_load = lab->background_load,
        .stop = lab->stop,
    };
    if (c->parallel == YT_PIPELINE) {
        options.batch.step_cost_count = plan->step_count + 2;
        costs = calloc((size_t)plan->step_count + 2, sizeof *costs);
        YT_FAIL_IF(!costs, YT_NO_MEMORY, "no memory for a pipeline");
        YT_TRY_GOTO(yt_throughput_step_costs(&e->build->bundle, &lab->images[0],
                                             &detect, options.batch.threads,
                                             costs));
        options.batch.step_costs = costs;
    }
    struct yt_throughput result;
    YT_TRY_GOTO(yt_throughput_measure(&e->build->bundle, lab->images,
                                      lab->image_count, &options, &result));
    take_stats(trial, &result.latency, result.fps);
    trial->figures.memory_bytes = result.workspace_bytes;
done:
    free(costs);
    return status;
}

struct augmented {
    struct yt_augment augment;
    void *workspace;
    size_t workspace_bytes;
    double *times; /* [FRAMES_MAX] */
};

static enum yt_status time_augmented_frames(struct yt_lab *lab,
                                            struct augmented *a,
                                            uint64_t budget_ns,
                                            struct yt_assessment *trial)
{
    const struct yt_detect_options detect = detect_options(&trial->config);
    struct yt_box boxes[BOXES];
    int32_t frames = 0;
    uint64_t begin = 0;
    for (int32_t i = -WARM_UP; frames < FRAMES_MAX; i++) {
        const uint64_t start = yt_now_ns();
        size_t count;
        begin = i <= 0 ? start : begin;
        if ((lab->stop && *lab->stop) ||
            (frames > 0 && start - begin > budget_ns))
            break;
        YT_TRY(yt_augment_detect(&a->augment,
                                 &lab->images[(i + WARM_UP) % lab->image_count],
                                 &detect, a->workspace, a->workspace_bytes,
                                 boxes, BOXES, &count, NULL));
        if (i >= 0)
            a->times[frames++] = (double)(yt_now_ns() - start);
    }
    YT_FAIL_IF(frames == 0, YT_INTERRUPTED,
               "stopped before the first frame was timed");
    struct yt_stats stats;
    double sum = 0;
    for (int32_t i = 0; i < frames; i++)
        sum += a->times[i];
    yt_stats_of(a->times, frames, &stats);
    take_stats(trial, &stats, 1e9 * frames / sum);
    trial->figures.memory_bytes = (int64_t)a->workspace_bytes;
    return YT_OK;
}

static enum yt_status time_augmented(struct yt_lab *lab,
                                     const struct passes *passes,
                                     uint64_t budget_ns,
                                     struct yt_assessment *trial)
{
    struct augmented a = {.augment = {.count = passes->count}};
    struct yt_background *load = NULL;
    enum yt_status status;
    for (int32_t i = 0; i < passes->count; i++)
        a.augment.passes[i] = (struct yt_augment_pass){
            .model = passes->engines[i]->model, .flip = passes->flips[i]};
    if (trial->config.augment == YT_TTA_FLIP)
        a.augment = yt_augment_flip(passes->engines[0]->model);
    a.workspace_bytes = yt_augment_workspace_bytes(&a.augment);
    a.workspace = yt_memory_alloc(a.workspace_bytes);
    a.times = malloc(FRAMES_MAX * sizeof *a.times);
    YT_FAIL_IF_GOTO(!a.workspace || !a.times, YT_NO_MEMORY,
                    "no memory for %zu bytes of tensors", a.workspace_bytes);
    YT_TRY_GOTO(yt_background_begin(lab->background_load, &load));
    status = time_augmented_frames(lab, &a, budget_ns, trial);
done:
    yt_background_end(load);
    yt_memory_free(a.workspace, a.workspace_bytes);
    free(a.times);
    return status;
}

/* What a product holds beside tensors, and what its library consists of. */
static void add_constants(const struct passes *passes,
                          struct yt_assessment *trial)
{
    trial->figures.size_bytes = 0;
    for (int32_t i = 0; i < passes->count; i++) {
        const struct yt_build *build = passes->engines[i]->build;
        trial->figures.size_bytes +=
            build->plan.blob_bytes + yt_build_code_bytes(build);
    }
    trial->figures.memory_bytes += trial->figures.size_bytes;
}

static enum yt_status time_frames(struct yt_lab *lab,
                                  const struct passes *passes,
                                  uint64_t budget_ns,
                                  struct yt_assessment *trial)
{
    if (trial->config.augment != YT_TTA_NONE)
        YT_TRY(time_augmented(lab, passes, budget_ns, trial));
    else
        YT_TRY(time_batch(lab, passes->engines[0], budget_ns, trial));
    add_constants(passes, trial);
    return YT_OK;
}

/* ---------------------------------------------------------------- accuracy */

static struct yt_predict_options predict_options(const struct yt_lab *lab,
                                                 const struct yt_config *c)
{
    return (struct yt_predict_options){
        /* Boxes do not depend on it: all there are. */
        .workers = yt_lab_site(lab)->host.threads,
        .conf = CONF_OF_MAP,
        .iou = (double)c->iou,
        .max_det = c->max_det,
        .single_label = 1,
        .exact_nms = 1,
        .class_agnostic = c->agnostic,
        .fit = c->fit,
        .filter = c->filter,
        .candidates = c->candidates,
        .flip = c->augment == YT_TTA_FLIP,
        .augment = c->augment == YT_TTA_SCALES,
        .stop = lab->stop,
    };
}

void yt_lab_accuracy_hash(const struct yt_lab *lab,
                          const struct yt_config *config, enum yt_depth depth,
                          char hash_out[33])
{
    const struct yt_predict_options options = predict_options(lab, config);
    yt_accuracy_hash(yt_lab_data(lab, depth), &options, hash_out);
}

static enum yt_status match_boxes(struct yt_lab *lab,
                                  const struct yt_config *config,
                                  enum yt_depth depth, struct yt_map **map_out)
{
    struct passes passes;
    struct yt_results results = {0};
    struct yt_dataset *data = yt_lab_data(lab, depth);
    const struct yt_predict_options options = predict_options(lab, config);
    YT_TRY(open_passes(lab, config, &passes));
    enum yt_status status;
    if (passes.count == 1) {
        status = yt_predict(&passes.engines[0]->build->bundle, data, &options,
                            &results);
    } else {
        struct yt_predict_pass each[YT_AUGMENT_SCALES];
        for (int32_t i = 0; i < passes.count; i++)
            each[i] = (struct yt_predict_pass){
                &passes.engines[i]->build->bundle, passes.flips[i]};
        status =
            yt_predict_passes(each, passes.count, data, &options, &results);
    }
    if (status == YT_OK)
        status = yt_map_create(data, &results, map_out);
    yt_results_deinit(&results);
    return status;
}

static enum yt_status numerics_of(const struct passes *passes,
                                  char numerics_out[YT_NUMERICS_MAX])
{
    char each[YT_AUGMENT_SCALES][YT_NUMERICS_MAX];
    for (int32_t i = 0; i < passes->count; i++)
        YT_TRY(yt_numerics_of(passes->engines[i]->build, each[i]));
    yt_numerics_join((const char(*)[YT_NUMERICS_MAX])each, passes->count,
                     numerics_out);
    return YT_OK;
}

/* What rows say of the same boxes, whatever else was configured. */
static int known_accuracy(const struct yt_lab *lab, const char *hash,
                          const char *numerics, struct yt_assessment *trial)
{
    for (int32_t i = lab->row_count - 1; i >= 0; i--) {
        const struct yt_lab_row *row = &lab->rows[i];
        if (row->model != trial->config.model || row->h != trial->config.h ||
            row->w != trial->config.w || row->e.images == 0 ||
            strcmp(row->precision, trial->precision) != 0 ||
            strcmp(row->numerics, numerics) != 0 ||
            strcmp(row->hash, hash) != 0)
            continue;
        trial->figures.map = row->e.map;
        trial->map50 = row->e.map50;
        trial->map75 = row->e.map75;
        trial->images = row->e.images;
        trial->low = row->e.compared ? row->e.difference_low : NAN;
        trial->high = row->e.compared ? row->e.difference_high : NAN;
        return 1;
    }
    return 0;
}

static enum yt_status compare(struct yt_lab *lab, const struct yt_map *map,
                              const struct yt_assessment *base,
                              struct yt_assessment *trial)
{
    struct yt_map **base_map = &lab->base_maps[trial->depth];
    struct yt_bootstrap_result difference;
    if (!*base_map)
        YT_TRY(match_boxes(lab, &base->config, trial->depth, base_map));
    const struct yt_bootstrap_options options = {
        .draws = depth_draws[trial->depth], .seed = 1, .stop = lab->stop};
    YT_TRY(yt_bootstrap_compare(*base_map, map, &options, &difference));
    trial->low = difference.map.low;
    trial->high = difference.map.high;
    return YT_OK;
}

static enum yt_status measure_accuracy(struct yt_lab *lab,
                                       const struct yt_assessment *base,
                                       struct yt_assessment *trial)
{
    struct yt_map *map = NULL;
    struct yt_map_summary summary = {0};
    enum yt_status status;
    YT_TRY(match_boxes(lab, &trial->config, trial->depth, &map));
    YT_TRY_GOTO(yt_map_summarize(map, &summary));
    trial->figures.map = summary.map;
    trial->map50 = summary.map50;
    trial->map75 = summary.map75;
    trial->images = summary.images;
    if (base)
        YT_TRY_GOTO(compare(lab, map, base, trial));
    else if (!lab->base_maps[trial->depth]) {
        lab->base_maps[trial->depth] = map; /* the baseline itself */
        map = NULL;
    }
done:
    yt_map_summary_deinit(&summary);
    yt_map_destroy(map);
    return status;
}

/* ---------------------------------------------------------------- storing */

static enum yt_status store(struct yt_lab *lab, const struct passes *passes,
                            const struct yt_assessment *base,
                            struct yt_assessment *trial)
{
    const struct yt_engine *engine = passes->engines[0];
    char numerics[YT_NUMERICS_MAX];
    struct yt_db *db = yt_lab_site(lab)->db;
    const struct yt_dataset *data = yt_lab_data(lab, trial->depth);
    char hash[33] = "";
    if (data)
        yt_lab_accuracy_hash(lab, &trial->config, trial->depth, hash);
    YT_TRY(numerics_of(passes, numerics));
    const struct yt_db_times unknown = {NAN, NAN, NAN, NAN};
    struct yt_db_evaluation row = {
        .pre = unknown,
        .network = unknown,
        .post = unknown,
        .total = {trial->min_ns, trial->median_ns, trial->p95_ns,
                  trial->figures.latency_ns},
        .fps = trial->figures.fps,
        .samples = trial->frames,
        .arena_bytes = engine->build->plan.arena_bytes,
        .blob_bytes = engine->build->plan.blob_bytes,
        .map = trial->images ? trial->figures.map : NAN,
        .map50 = trial->images ? trial->map50 : NAN,
        .map75 = trial->images ? trial->map75 : NAN,
        .dataset = data ? data->name : "",
        .dataset_hash = hash,
        .images = trial->images,
        .configuration = trial->name,
        .memory_bytes = trial->figures.memory_bytes,
        .size_bytes = trial->figures.size_bytes,
        .background_load = lab->background_load,
        .compared = base && !isnan(trial->low) ? base->evaluation : 0,
        .difference_low = trial->low,
        .difference_high = trial->high,
        .numerics = numerics,
    };
    if (db) {
        YT_TRY(yt_plan_row(engine, &row.plan));
        YT_TRY(yt_db_evaluation_put(db, &row, &row.id));
    }
    trial->plan = row.plan;
    trial->evaluation = row.id;
    return yt_lab_add_row(lab, &row, engine->precision, trial->config.model,
                          trial->config.h, trial->config.w);
}

enum yt_status yt_lab_measure(struct yt_lab *lab,
                              const struct yt_config *config,
                              enum yt_depth depth,
                              const struct yt_assessment *base,
                              struct yt_assessment *trial_out)
{
    struct yt_assessment trial;
    if (yt_lab_find(lab, config, depth, &trial) == YT_OK) {
        *trial_out = trial;
        return YT_OK;
    }
    const uint64_t begin = yt_now_ns();
    const struct yt_config baseline = yt_config_baseline(&lab->choices);
    trial = (struct yt_assessment){
        .config = *config,
        .depth = yt_lab_is_full(lab, depth) ? YT_DEPTH_FULL : depth,
        .figures = {.map = NAN,
                    .changes = yt_strategy_differences(&baseline, config)},
        .map50 = NAN,
        .map75 = NAN,
        .low = NAN,
        .high = NAN,
        .fresh = 1,
    };
    struct passes passes;
    yt_config_name(config, &lab->choices, trial.name);
    YT_TRY(open_passes(lab, config, &passes));
    memcpy(trial.precision, passes.engines[0]->precision,
           sizeof trial.precision);
    YT_TRY(time_frames(lab, &passes, depth_ns[depth], &trial));
    if (yt_lab_data(lab, depth)) {
        char hash[33], numerics[YT_NUMERICS_MAX];
        yt_lab_accuracy_hash(lab, config, depth, hash);
        YT_TRY(numerics_of(&passes, numerics));
        if (!known_accuracy(lab, hash, numerics, &trial))
            YT_TRY(measure_accuracy(lab, base, &trial));
    }
    YT_TRY(store(lab, &passes, base, &trial));
    trial.seconds = 1e-9 * (double)(yt_now_ns() - begin);
    lab->rows[lab->row_count - 1].seconds = trial.seconds;
    *trial_out = trial;
    return YT_OK;
}

/* ---------------------------------------------------------------- in turn */

static int smaller_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *values, int32_t count)
{
    qsort(values, (size_t)count, sizeof *values, smaller_first);
    return values[count / 2];
}

/* Of each figure the median over the rounds. */
static void merge_rounds(const struct yt_assessment *rounds, int32_t count,
                         struct yt_assessment *trial)
{
    double values[5][ROUNDS_MAX];
    int32_t frames = 0;
    for (int32_t r = 0; r < count; r++) {
        values[0][r] = rounds[r].figures.fps;
        values[1][r] = rounds[r].figures.latency_ns;
        values[2][r] = rounds[r].min_ns;
        values[3][r] = rounds[r].median_ns;
        values[4][r] = rounds[r].p95_ns;
        frames += rounds[r].frames;
    }
    trial->figures.fps = median_of(values[0], count);
    trial->figures.latency_ns = median_of(values[1], count);
    trial->min_ns = median_of(values[2], count);
    trial->median_ns = median_of(values[3], count);
    trial->p95_ns = median_of(values[4], count);
    trial->frames = frames;
    trial->fresh = 1;
}

static enum yt_status run_rounds(struct yt_lab *lab,
                                 struct yt_assessment *trials, int32_t count,
                                 uint64_t budget_ns,
                                 struct yt_assessment rounds[][ROUNDS_MAX],
                                 int32_t *done_out)
{
    const uint64_t begin = yt_now_ns();
    *done_out = 0;
    for (int32_t r = 0; r < ROUNDS_MAX; r++) {
        for (int32_t i = 0; i < count; i++) {
            struct passes passes;
            if (lab->stop && *lab->stop)
                return YT_OK;
            rounds[i][r] = trials[i];
            YT_TRY(open_passes(lab, &trials[i].config, &passes));
            YT_TRY(time_frames(lab, &passes, SLICE_NS, &rounds[i][r]));
        }
        *done_out = r + 1;
        /* Three rounds at least: a median of two is a mean. */
        if (r >= 2 && yt_now_ns() - begin > budget_ns)
            break;
    }
    return YT_OK;
}

enum yt_status yt_lab_time_in_turn(struct yt_lab *lab,
                                   struct yt_assessment *trials, int32_t count,
                                   uint64_t budget_ns)
{
    struct yt_assessment(*rounds)[ROUNDS_MAX] =
        calloc((size_t)count, sizeof *rounds);
    int32_t done = 0;
    enum yt_status status;
    YT_FAIL_IF(!rounds, YT_NO_MEMORY, "no memory for %d configurations", count);
    status = run_rounds(lab, trials, count, budget_ns, rounds, &done);
    if (status == YT_INTERRUPTED)
        status = YT_OK;
    for (int32_t i = 0; i < count && done > 0 && status == YT_OK; i++) {
        struct passes passes;
        merge_rounds(rounds[i], done, &trials[i]);
        status = open_passes(lab, &trials[i].config, &passes);
        if (status == YT_OK)
            status = store(lab, &passes, i > 0 ? &trials[0] : NULL, &trials[i]);
    }
    free(rounds);
    return status;
}

/* ----------------------------------------------------------------- tuning */

enum yt_status yt_lab_engine(struct yt_lab *lab, const struct yt_config *config,
                             struct yt_engine **engine_out)
{
    return yt_engines_get(&lab->engines, config, config->h, config->w,
                          engine_out);
}

void yt_lab_forget(struct yt_lab *lab, const struct yt_config *config)
{
    yt_engines_forget(&lab->engines, config);
}
