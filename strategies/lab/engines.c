/* See strategies/lab/engines.h. */

#include "strategies/lab/engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* ----------------------------------------------------------- quantisations */

static struct yt_quantisation_row *find_row(const struct yt_quantisations *all,
                                            const struct yt_config *config)
{
    for (int32_t i = 0; i < all->count; i++)
        if (all->rows[i].model == config->model &&
            all->rows[i].precision == config->precision &&
            all->rows[i].mix == config->mix)
            return &all->rows[i];
    return NULL;
}

static struct yt_quantisation_row *add_row(struct yt_quantisations *all)
{
    if (all->count == all->cap) {
        const int32_t more = all->cap ? 2 * all->cap : 8;
        struct yt_quantisation_row *rows =
            realloc(all->rows, (size_t)more * sizeof *rows);
        if (!rows)
            return NULL;
        all->rows = rows;
        all->cap = more;
    }
    return &all->rows[all->count++];
}

/* The precision, and the mix that tells one "mixed" from another. */
static void name_quantisation(const struct yt_quantisation *q,
                              const struct yt_graph *graph,
                              struct yt_config *config)
{
    char hash[17];
    config->precision = YT_PRECISION_F32;
    config->mix = 0;
    config->precision = yt_quantisation_precision(q, graph);
    if (config->precision != YT_PRECISION_MIXED)
        return;
    yt_quantisation_hash(q, hash);
    hash[8] = 0;
    config->mix = (uint32_t)strtoul(hash, NULL, 16);
}

enum yt_status yt_quantisations_add(struct yt_quantisations *all,
                                    const struct yt_graph *graph,
                                    struct yt_quantisation *q,
                                    struct yt_config *config_io)
{
    name_quantisation(q, graph, config_io);
    if (config_io->precision == YT_PRECISION_F32) {
        yt_quantisation_destroy(q);
        return YT_OK;
    }
    struct yt_quantisation_row *row = find_row(all, config_io);
    if (row)
        yt_quantisation_destroy(row->quantisation);
    else
        row = add_row(all);
    if (!row) {
        yt_quantisation_destroy(q);
        return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
    }
    *row = (struct yt_quantisation_row){.model = config_io->model,
                                        .precision = config_io->precision,
                                        .mix = config_io->mix,
                                        .quantisation = q};
    yt_precision_name(q, graph, row->name);
    return YT_OK;
}

const struct yt_quantisation *
yt_quantisations_find(const struct yt_quantisations *all,
                      const struct yt_config *config)
{
    const struct yt_quantisation_row *row = find_row(all, config);
    return row ? row->quantisation : NULL;
}

const char *yt_quantisations_name(const struct yt_quantisations *all,
                                  const struct yt_config *config)
{
    if (config->precision == YT_PRECISION_F32)
        return yt_precision_key(YT_PRECISION_F32);
    const struct yt_quantisation_row *row = find_row(all, config);
    return row ? row->name : NULL;
}

void yt_quantisations_deinit(struct yt_quantisations *all)
{
    for (int32_t i = 0; i < all->count; i++)
        yt_quantisation_destroy(all->rows[i].quantisation);
    free(all->rows);
    *all = (struct yt_quantisations){NULL, 0, 0};
}

/* ---------------------------------------------------------------- engines */

static int holds(const struct yt_engines *engines, int i,
                 const struct yt_config *config, int32_t h, int32_t w)
{
    return engines->slots[i].engine &&
           engines->slots[i].model == config->model &&
           engines->slots[i].h == h && engines->slots[i].w == w &&
           engines->slots[i].threads == config->threads &&
           engines->slots[i].tuned == config->tuned &&
           engines->slots[i].bands == config->bands &&
           engines->slots[i].precision == config->precision &&
           engines->slots[i].mix == config->mix;
}

static int oldest(const struct yt_engines *engines)
{
    int at = 0;
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        if (!engines->slots[i].engine)
            return i;
        if (engines->slots[i].used < engines->slots[at].used)
            at = i;
    }
    return at;
}

/* How a precision is called in the database, or begins to be. */
static void name_stored(const struct yt_config *config,
                        char name_out[YT_PRECISION_MAX])
{
    const char *word = yt_precision_key(config->precision);
    if (config->precision == YT_PRECISION_MIXED)
        snprintf(name_out, YT_PRECISION_MAX, "%s-%08x", word, config->mix);
    else
        snprintf(name_out, YT_PRECISION_MAX, "%s-", word);
}

static enum yt_status check_opened(const struct yt_engine *engine,
                                   const struct yt_config *config,
                                   const char *stored)
{
    const struct yt_plan *plan = &engine->build->plan;
    YT_FAIL_IF(
        config->precision != YT_PRECISION_F32 &&
            strncmp(engine->precision, stored, strlen(stored)) != 0,
        YT_NOT_FOUND, "no stored plan says what %s is at %dx%d on %d threads",
        yt_precision_key(config->precision), plan->h, plan->w, config->threads);
    YT_FAIL_IF(config->tuned && !engine->tuned, YT_NOT_FOUND,
               "no stored plan for %dx%d on %d threads", plan->h, plan->w,
               config->threads);
    return YT_OK;
}

enum yt_status yt_engines_get(struct yt_engines *engines,
                              const struct yt_config *config, int32_t h,
                              int32_t w, struct yt_engine **engine_out)
{
    engines->calls++;
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        if (!holds(engines, i, config, h, w))
            continue;
        engines->slots[i].used = engines->calls;
        *engine_out = engines->slots[i].engine;
        return YT_OK;
    }
    const int at = oldest(engines);
    yt_engine_close(engines->slots[at].engine);
    engines->slots[at].engine = NULL;
    struct yt_engine_options options = engines->options;
    options.h = h;
    options.w = w;
    options.threads = config->threads;
    options.untuned = !config->tuned;
    options.bands = config->bands;
    char stored[YT_PRECISION_MAX];
    name_stored(config, stored);
    options.quantisation =
        yt_quantisations_find(&engines->quantisations, config);
    options.preferred = config->precision == YT_PRECISION_F32 ? NULL : stored;
    struct yt_engine *engine = NULL;
    YT_TRY(yt_engine_open(engines->site, engines->graphs[config->model],
                          &options, &engine));
    const enum yt_status status = check_opened(engine, config, stored);
    if (status != YT_OK) {
        yt_engine_close(engine);
        return status;
    }
    engines->slots[at].engine = engine;
    engines->slots[at].model = config->model;
    engines->slots[at].h = h;
    engines->slots[at].w = w;
    engines->slots[at].threads = config->threads;
    engines->slots[at].tuned = config->tuned;
    engines->slots[at].bands = config->bands;
    engines->slots[at].precision = config->precision;
    engines->slots[at].mix = config->mix;
    engines->slots[at].used = engines->calls;
    *engine_out = engine;
    return YT_OK;
}

void yt_engines_forget(struct yt_engines *engines,
                       const struct yt_config *config)
{
    struct yt_config other = *config;
    other.bands = !config->bands;
    for (int i = 0; i < YT_ENGINES_MAX; i++)
        if (holds(engines, i, config, config->h, config->w) ||
            holds(engines, i, &other, config->h, config->w)) {
            yt_engine_close(engines->slots[i].engine);
            engines->slots[i].engine = NULL;
        }
}

void yt_engines_close(struct yt_engines *engines)
{
    for (int i = 0; i < YT_ENGINES_MAX; i++) {
        yt_engine_close(engines->slots[i].engine);
        engines->slots[i].engine = NULL;
    }
    yt_quantisations_deinit(&engines->quantisations);
}
