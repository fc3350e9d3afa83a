/* See tuner/build/engine.h. */

#include "tuner/build/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fail.h"

/* Networks of one model whose kernels differ: their plans are kept apart. */
static void name_precision(struct yt_engine *engine)
{
    yt_precision_name(engine->build->quantisation, engine->graph,
                      engine->precision);
    const size_t used = strlen(engine->precision);
    if (engine->dense_heads)
        snprintf(engine->precision + used, sizeof engine->precision - used,
                 YT_PRECISION_DENSE);
}

struct yt_db_plan_key yt_engine_plan_key(const struct yt_engine *engine,
                                         enum yt_db_role role)
{
    const struct yt_plan *plan = &engine->build->plan;
    return (struct yt_db_plan_key){
        .here = engine->site->here,
        .model = engine->model_id,
        .h = plan->h,
        .w = plan->w,
        .isa = plan->isa->name,
        .threads = engine->threads,
        .precision = engine->precision,
        .role = role,
    };
}

/* What a stored text says is not the user's doing: a plan that cannot be read
 * is as good as one that was made for something else. */
static enum yt_status read_plan(struct yt_engine *engine,
                                const struct yt_db_plan *plan)
{
    const enum yt_status status = yt_plan_text_read(engine->build, plan->text);
    if (status == YT_OK || status == YT_NO_MEMORY)
        return status;
    return yt_fail_prefix(YT_STALE, "%s: p%lld", yt_db_path(engine->site->db),
                          (long long)plan->id);
}

enum yt_status yt_engine_load_plan(struct yt_engine *engine)
{
    YT_FAIL_IF(!engine->site->db, YT_NOT_FOUND,
               "no database, so no stored plan");
    const struct yt_db_plan_key key = yt_engine_plan_key(engine, YT_DB_TUNED);
    struct yt_db_plan *plan = NULL;
    enum yt_status status = yt_db_plan_find(engine->site->db, &key, &plan);
    if (status == YT_OK)
        status = read_plan(engine, plan);
    if (status == YT_OK) {
        engine->plan_id = plan->id;
        engine->plan_ms = plan->created_ms;
        engine->plan_limit_bytes = plan->limit_bytes;
        engine->tuned = 1;
    }
    if (status == YT_OK || status == YT_STALE)
        snprintf(engine->plan_note, sizeof engine->plan_note, "%s",
                 status == YT_OK ? "" : yt_error());
    yt_db_plan_destroy(plan);
    return status;
}

enum yt_status yt_engine_reopen(struct yt_engine *engine)
{
    yt_model_close(engine->model);
    engine->model = NULL;
    struct yt_build *build = engine->build;
    YT_TRY(yt_build_make(build, engine->site->host.threads));
    return yt_build_open(build, 0, &engine->model);
}

static enum yt_status make_network(struct yt_engine *engine,
                                   const struct yt_engine_options *options,
                                   const struct yt_quantisation *quantisation)
{
    const struct yt_build_options build = {
        .isa = engine->site->isa,
        .h = options->h ? options->h : engine->graph->h,
        .w = options->w ? options->w : engine->graph->w,
        .threads =
            options->threads ? options->threads : engine->site->host.threads,
        .dense_heads = options->dense_heads,
        .bands = options->bands,
        .quantisation = quantisation,
        .kernels = engine->site->kernels,
    };
    engine->threads = build.threads;
    engine->dense_heads = options->dense_heads;
    yt_build_destroy(engine->build);
    engine->build = NULL;
    YT_TRY(yt_build_create(engine->graph, &build, &engine->build));
    name_precision(engine);
    return YT_OK;
}

/* Make the network again when the stored plan to run is a quantised one. */
static enum yt_status prefer_stored(struct yt_engine *engine,
                                    const struct yt_engine_options *options)
{
    struct yt_db_plan_key key = yt_engine_plan_key(engine, YT_DB_TUNED);
    struct yt_quantisation *q = NULL;
    char *text = NULL;
    key.precision = options->preferred;
    enum yt_status status = yt_db_plan_preferred(engine->site->db, &key, &text);
    if (status == YT_NOT_FOUND)
        return YT_OK;
    YT_TRY(status);
    status = yt_plan_text_quantisation(engine->graph, text, &q);
    free(text);
    if (status == YT_BAD_INPUT || status == YT_STALE) {
        snprintf(engine->plan_note, sizeof engine->plan_note, "%s: %s",
                 yt_db_path(engine->site->db), yt_error());
        return YT_OK;
    }
    YT_TRY(status);
    if (q)
        status = make_network(engine, options, q);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status open_into(struct yt_engine *engine,
                                const struct yt_engine_options *options)
{
    YT_TRY(make_network(engine, options, options->quantisation));
    const struct yt_net *net = engine->build->net;
    YT_TRY(yt_site_model(engine->site, engine->graph, net->parameters,
                         net->flops, &engine->model_id));
    if (engine->site->db && options->preferred && !options->quantisation)
        YT_TRY(prefer_stored(engine, options));
    if (engine->site->db && !options->untuned) {
        const enum yt_status found = yt_engine_load_plan(engine);
        /* No plan yet, or none that fits: default schedules run. */
        if (found != YT_OK && found != YT_NOT_FOUND && found != YT_STALE)
            return found;
    }
    if (options->unbuilt)
        return YT_OK;
    YT_TRY(yt_build_make(engine->build, engine->site->host.threads));
    return yt_build_open(engine->build, options->pin, &engine->model);
}

enum yt_status yt_engine_open(const struct yt_site *site,
                              const struct yt_graph *graph,
                              const struct yt_engine_options *options,
                              struct yt_engine **engine_out)
{
    struct yt_engine *engine = calloc(1, sizeof *engine);
    YT_FAIL_IF(!engine, YT_NO_MEMORY, "no memory for an engine");
    engine->site = site;
    engine->graph = graph;
    const enum yt_status status = open_into(engine, options);
    if (status != YT_OK) {
        yt_engine_close(engine);
        return status;
    }
    *engine_out = engine;
    return YT_OK;
}

void yt_engine_close(struct yt_engine *engine)
{
    if (!engine)
        return;
    yt_model_close(engine->model);
    yt_build_destroy(engine->build);
    free(engine);
}
