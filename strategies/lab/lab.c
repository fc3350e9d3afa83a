/* See strategies/lab/lab.h: opening and closing, what is known from rows. What
 * is measured lies in lab_measure.c. */

#include "strategies/lab/lab.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"
#include "strategies/lab/lab_parts.h"

static const int32_t depth_images[YT_DEPTHS] = {24, 72, INT32_MAX};

/* ------------------------------------------------------------------- rows */

static int32_t model_of(const struct yt_lab *lab, int64_t row)
{
    for (int32_t m = 0; m < lab->choices.model_count; m++)
        if (lab->facts[m]->model_id == row)
            return m;
    return -1;
}

enum yt_status yt_lab_add_row(struct yt_lab *lab,
                              const struct yt_db_evaluation *e,
                              const char *precision, int32_t model, int32_t h,
                              int32_t w)
{
    if (lab->row_count == lab->row_cap) {
        const int32_t cap = lab->row_cap ? 2 * lab->row_cap : 64;
        struct yt_lab_row *rows =
            realloc(lab->rows, (size_t)cap * sizeof *rows);
        YT_FAIL_IF(!rows, YT_NO_MEMORY, "no memory for %d evaluations", cap);
        lab->rows = rows;
        lab->row_cap = cap;
    }
    struct yt_lab_row *row = &lab->rows[lab->row_count++];
    *row = (struct yt_lab_row){.e = *e, .model = model, .h = h, .w = w};
    snprintf(row->name, sizeof row->name, "%s", e->configuration);
    snprintf(row->precision, sizeof row->precision, "%s", precision);
    snprintf(row->hash, sizeof row->hash, "%s", e->dataset_hash);
    snprintf(row->numerics, sizeof row->numerics, "%s", e->numerics);
    row->e.configuration = row->e.dataset = row->e.dataset_hash = NULL;
    row->e.numerics = NULL;
    return YT_OK;
}

/* Dense heads are other networks, whatever they compute with. */
static int is_ours(const struct yt_lab *lab, const char *precision)
{
    static const char suffix[] = YT_PRECISION_DENSE;
    const size_t length = strlen(precision), tail = sizeof suffix - 1;
    const int is_dense =
        length > tail && strcmp(precision + length - tail, suffix) == 0;
    return is_dense == (lab->facts[0]->dense_heads != 0);
}

static enum yt_status on_row(void *user, const struct yt_db_evaluation *e,
                             const struct yt_db_plan_key *key)
{
    struct yt_lab *lab = user;
    const int32_t model = model_of(lab, key->model);
    if (model < 0 || !e->configuration[0] || !is_ours(lab, key->precision))
        return YT_OK;
    return yt_lab_add_row(lab, e, key->precision, model, key->h, key->w);
}

static enum yt_status read_rows(struct yt_lab *lab)
{
    struct yt_db *db = lab->site->db;
    if (!db)
        return YT_OK;
    const struct yt_db_plan_key key =
        yt_engine_plan_key(lab->facts[0], YT_DB_TUNED);
    const struct yt_db_evaluation_query query = {.here = key.here,
                                                 .isa = key.isa};
    return yt_db_evaluations(db, &query, on_row, lab);
}

/* ---------------------------------------------------------------- opening */

static enum yt_status read_graphs(struct yt_lab *lab,
                                  const struct yt_lab_options *options)
{
    const int32_t count = options->model_count;
    assert(count >= 1);
    lab->graphs = calloc((size_t)count, sizeof(struct yt_graph *));
    lab->facts = calloc((size_t)count, sizeof(struct yt_engine *));
    lab->models = calloc((size_t)count, sizeof *lab->models);
    YT_FAIL_IF(!lab->graphs || !lab->facts || !lab->models, YT_NO_MEMORY,
               "no memory for %d models", count);
    for (int32_t m = 0; m < count; m++) {
        YT_TRY(yt_graph_read(options->models[m], &lab->graphs[m]));
        lab->choices.model_count = m + 1;
        lab->models[m] = (struct yt_choice_model){
            .name = lab->graphs[m]->name,
            .h = lab->graphs[m]->h,
            .w = lab->graphs[m]->w,
            .stride = yt_graph_max_stride(lab->graphs[m]),
        };
    }
    return YT_OK;
}

static enum yt_status open_models(struct yt_lab *lab,
                                  const struct yt_lab_options *options)
{
    struct yt_engine_options engine = options->engine;
    engine.unbuilt = 1;
    engine.untuned = 1;
    for (int32_t m = 0; m < lab->choices.model_count; m++)
        YT_TRY(
            yt_engine_open(lab->site, lab->graphs[m], &engine, &lab->facts[m]));
    lab->choices.models = lab->models;
    lab->choices.threads = lab->facts[0]->threads;
    lab->choices.h = options->engine.h;
    lab->choices.w = options->engine.w;
    return YT_OK;
}

/* Boxes of two models are compared class by class. */
static enum yt_status check_classes(const struct yt_lab *lab)
{
    const struct yt_graph *first = lab->graphs[0];
    for (int32_t m = 1; m < lab->choices.model_count; m++) {
        const struct yt_graph *other = lab->graphs[m];
        YT_FAIL_IF(other->nc != first->nc, YT_BAD_INPUT,
                   "%s has %d classes, %s %d: they cannot stand in for each "
                   "other",
                   first->name, first->nc, other->name, other->nc);
        for (int32_t i = 0; i < first->nc; i++)
            YT_FAIL_IF(strcmp(first->classes[i], other->classes[i]) != 0,
                       YT_BAD_INPUT, "class %d is '%.40s' in %s, '%.40s' in %s",
                       i, first->classes[i], first->name, other->classes[i],
                       other->name);
    }
    return YT_OK;
}

static enum yt_status open_data(struct yt_lab *lab,
                                const struct yt_dataset_options *data)
{
    const struct yt_graph *graph = lab->graphs[0];
    YT_TRY(yt_dataset_open(data, &lab->data[YT_DEPTH_FULL]));
    YT_TRY(yt_dataset_adopt_classes(lab->data[YT_DEPTH_FULL], graph->nc,
                                    (const char *const *)graph->classes));
    for (int d = 0; d < YT_DEPTH_FULL; d++)
        if (!yt_lab_is_full(lab, (enum yt_depth)d))
            YT_TRY(yt_dataset_subset(lab->data[YT_DEPTH_FULL], depth_images[d],
                                     &lab->data[d]));
    return YT_OK;
}

static enum yt_status add_picture(struct yt_lab *lab, const char *path)
{
    struct yt_picture *picture = &lab->pictures[lab->image_count];
    const enum yt_status status = yt_picture_load_whole(path, picture);
    if (status == YT_NO_MEMORY)
        return status;
    if (status != YT_OK)
        return YT_OK; /* predicting tells, and leaves it out */
    lab->images[lab->image_count++] = (struct yt_image){
        .pixels = picture->rgb,
        .width = picture->width,
        .height = picture->height,
        .stride_bytes = 3 * (int64_t)picture->width,
        .format = YT_PIXEL_RGB,
    };
    return YT_OK;
}

static enum yt_status load_pictures(struct yt_lab *lab,
                                    const struct yt_image *instead)
{
    const struct yt_dataset *data = lab->data[YT_DEPTH_FULL];
    const int64_t all = data ? data->image_count : 0;
    const int64_t wanted = all < YT_LAB_PICTURES ? all : YT_LAB_PICTURES;
    for (int64_t i = 0; i < wanted; i++)
        YT_TRY(add_picture(lab, data->images[i * all / wanted].path));
    if (lab->image_count == 0 && instead)
        lab->images[lab->image_count++] = *instead;
    YT_FAIL_IF(lab->image_count == 0, YT_BAD_INPUT,
               "%s: no picture can be read", data ? data->name : "no data");
    return YT_OK;
}

static int smaller_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double usual_aspect(const struct yt_lab *lab)
{
    double aspects[YT_LAB_PICTURES];
    for (int32_t i = 0; i < lab->image_count; i++)
        aspects[i] = (double)lab->images[i].height / lab->images[i].width;
    qsort(aspects, (size_t)lab->image_count, sizeof aspects[0], smaller_first);
    return aspects[lab->image_count / 2];
}

static enum yt_status open_into(struct yt_lab *lab,
                                const struct yt_lab_options *options)
{
    YT_TRY(read_graphs(lab, options));
    YT_TRY(yt_site_open(&options->site, &lab->site));
    YT_TRY(open_models(lab, options));
    YT_TRY(check_classes(lab));
    if (options->data)
        YT_TRY(open_data(lab, options->data));
    YT_TRY(load_pictures(lab, options->image));
    lab->choices.aspect = usual_aspect(lab);
    lab->choices.keep_boxes = !options->data;
    lab->choices.keep_exportable = options->keep_exportable;
    lab->background_load = options->background_load;
    lab->stop = options->stop;
    lab->engines.options = options->engine;
    lab->engines.site = lab->site;
    lab->engines.graphs = lab->graphs;
    YT_TRY(yt_lab_open_precisions(lab, options->precision));
    YT_TRY(read_rows(lab));
    return yt_lab_restore_mixes(lab);
}

enum yt_status yt_lab_open(const struct yt_lab_options *options,
                           struct yt_lab **lab_out)
{
    struct yt_lab *lab = calloc(1, sizeof *lab);
    YT_FAIL_IF(!lab, YT_NO_MEMORY, "no memory to measure in");
    const enum yt_status status = open_into(lab, options);
    if (status != YT_OK) {
        yt_lab_close(lab);
        return status;
    }
    *lab_out = lab;
    return YT_OK;
}

void yt_lab_close(struct yt_lab *lab)
{
    if (!lab)
        return;
    yt_engines_close(&lab->engines);
    yt_lab_close_precisions(lab);
    for (int d = 0; d < YT_DEPTHS; d++) {
        yt_map_destroy(lab->base_maps[d]);
        yt_dataset_close(lab->data[d]);
    }
    for (int32_t i = 0; i < YT_LAB_PICTURES; i++)
        yt_picture_deinit(&lab->pictures[i]);
    for (int32_t m = 0; m < lab->choices.model_count; m++) {
        yt_engine_close(lab->facts[m]);
        yt_graph_destroy(lab->graphs[m]);
    }
    free(lab->facts);
    free(lab->graphs);
    yt_site_close(lab->site);
    free(lab->models);
    free(lab->rows);
    free(lab);
}

/* ------------------------------------------------------------------ facts */

const struct yt_choices *yt_lab_choices(const struct yt_lab *lab)
{
    return &lab->choices;
}

const struct yt_site *yt_lab_site(const struct yt_lab *lab)
{
    return lab->site;
}

const struct yt_dataset *yt_lab_dataset(const struct yt_lab *lab)
{
    return lab->data[YT_DEPTH_FULL];
}

const struct yt_engine *yt_lab_model(const struct yt_lab *lab, int32_t model)
{
    return lab->facts[model];
}

int32_t yt_lab_background(const struct yt_lab *lab)
{
    return lab->background_load;
}

int yt_lab_precision_of(const struct yt_lab *lab,
                        const struct yt_config *config,
                        char name_out[YT_PRECISION_MAX])
{
    const char *name =
        yt_quantisations_name(&lab->engines.quantisations, config);
    if (name)
        snprintf(name_out, YT_PRECISION_MAX, "%s%s", name,
                 lab->facts[0]->dense_heads ? YT_PRECISION_DENSE : "");
    return name != NULL;
}

enum yt_status yt_lab_plan_key(const struct yt_lab *lab,
                               const struct yt_config *config,
                               char name_out[YT_PRECISION_MAX],
                               struct yt_db_plan_key *key_out)
{
    YT_FAIL_IF(!yt_lab_precision_of(lab, config, name_out), YT_NOT_FOUND,
               "what %s is was not found out yet",
               yt_precision_key(config->precision));
    *key_out = yt_engine_plan_key(lab->facts[config->model], YT_DB_TUNED);
    key_out->h = config->h;
    key_out->w = config->w;
    key_out->threads = config->threads;
    key_out->precision = name_out;
    return YT_OK;
}

/* The row of the tuned plan of a configuration's network; 0: there is none. */
static int64_t tuned_plan(const struct yt_lab *lab,
                          const struct yt_config *config)
{
    struct yt_db *db = lab->site->db;
    char name[YT_PRECISION_MAX];
    struct yt_db_plan_key key;
    struct yt_db_plan *plan = NULL;
    int64_t id = 0;
    if (db && yt_lab_plan_key(lab, config, name, &key) == YT_OK &&
        yt_db_plan_find(db, &key, &plan) == YT_OK)
        id = plan->id;
    yt_db_plan_destroy(plan);
    return id;
}

int yt_lab_is_tuned(struct yt_lab *lab, const struct yt_config *config)
{
    return tuned_plan(lab, config) != 0;
}

const struct yt_image *yt_lab_image(const struct yt_lab *lab)
{
    return &lab->images[0];
}

int32_t yt_lab_pictures(const struct yt_lab *lab,
                        const struct yt_image **images_out)
{
    *images_out = lab->images;
    return lab->image_count;
}

int yt_lab_is_full(const struct yt_lab *lab, enum yt_depth depth)
{
    const struct yt_dataset *data = lab->data[YT_DEPTH_FULL];
    return !data || depth == YT_DEPTH_FULL ||
           data->image_count <= depth_images[depth];
}

int32_t yt_lab_images(const struct yt_lab *lab, enum yt_depth depth)
{
    const struct yt_dataset *data = yt_lab_data(lab, depth);
    return data ? data->image_count : 0;
}

struct yt_dataset *yt_lab_data(const struct yt_lab *lab, enum yt_depth depth)
{
    return lab->data[yt_lab_is_full(lab, depth) ? YT_DEPTH_FULL : depth];
}

/* ---------------------------------------------------------------- look up */

/* What a row says, as a trial. */
static void fill(const struct yt_lab *lab, const struct yt_lab_row *row,
                 struct yt_assessment *trial)
{
    const struct yt_config base = yt_config_baseline(&lab->choices);
    trial->figures = (struct yt_figures){
        .fps = row->e.fps,
        .latency_ns = row->e.total.p99_ns,
        .map = row->e.images ? row->e.map : NAN,
        .memory_bytes = row->e.memory_bytes,
        .size_bytes = row->e.size_bytes,
        .changes = yt_strategy_differences(&base, &trial->config),
    };
    memcpy(trial->precision, row->precision, sizeof trial->precision);
    trial->min_ns = row->e.total.min_ns;
    trial->median_ns = row->e.total.median_ns;
    trial->p95_ns = row->e.total.p95_ns;
    trial->frames = row->e.samples;
    trial->map50 = row->e.images ? row->e.map50 : NAN;
    trial->map75 = row->e.images ? row->e.map75 : NAN;
    trial->images = row->e.images;
    trial->low = row->e.compared ? row->e.difference_low : NAN;
    trial->high = row->e.compared ? row->e.difference_high : NAN;
    trial->evaluation = row->e.id;
    trial->plan = row->e.plan;
    trial->seconds = row->seconds;
}

enum yt_status yt_lab_find(struct yt_lab *lab, const struct yt_config *config,
                           enum yt_depth depth, struct yt_assessment *trial_out)
{
    char hash[33] = "", name[YT_CONFIG_NAME_MAX];
    char precision[YT_PRECISION_MAX];
    yt_config_name(config, &lab->choices, name);
    YT_FAIL_IF(!yt_lab_precision_of(lab, config, precision), YT_NOT_FOUND,
               "%s: is not calibrated yet", name);
    if (lab->data[YT_DEPTH_FULL])
        yt_lab_accuracy_hash(lab, config, depth, hash);
    /* What another plan had, this configuration does not have any more. */
    const int64_t plan = config->tuned ? tuned_plan(lab, config) : 0;
    for (int32_t i = lab->row_count - 1; i >= 0; i--) {
        const struct yt_lab_row *row = &lab->rows[i];
        if (row->model != config->model || strcmp(row->name, name) != 0 ||
            strcmp(row->hash, hash) != 0 || (plan && row->e.plan != plan) ||
            strcmp(row->precision, precision) != 0 ||
            row->e.background_load != lab->background_load)
            continue;
        *trial_out = (struct yt_assessment){.config = *config, .depth = depth};
        memcpy(trial_out->name, name, sizeof name);
        fill(lab, row, trial_out);
        return YT_OK;
    }
    return yt_fail(YT_NOT_FOUND, "%s was not measured yet", name);
}

int32_t yt_lab_row_count(const struct yt_lab *lab)
{
    return lab->row_count;
}

enum yt_status yt_lab_row_config(const struct yt_lab *lab, int32_t index,
                                 struct yt_config *config_out)
{
    const struct yt_lab_row *row = &lab->rows[index];
    YT_TRY(yt_config_parse(row->name, config_out));
    config_out->model = row->model;
    return YT_OK;
}

enum yt_status yt_lab_assessment_of(struct yt_lab *lab, int64_t evaluation,
                                    struct yt_assessment *trial_out)
{
    for (int32_t i = 0; i < lab->row_count; i++) {
        const struct yt_lab_row *row = &lab->rows[i];
        if (row->e.id != evaluation)
            continue;
        struct yt_assessment trial = {.depth = YT_DEPTH_FULL};
        YT_TRY(yt_lab_row_config(lab, i, &trial.config));
        memcpy(trial.name, row->name, sizeof trial.name);
        fill(lab, row, &trial);
        *trial_out = trial;
        return YT_OK;
    }
    return yt_fail(YT_NOT_FOUND, "evaluation e%lld is not of these models here",
                   (long long)evaluation);
}
