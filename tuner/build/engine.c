/* Everything between a command line and a model that runs. */

#include "tuner/build/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

#define BUILTIN      "builtin:"
#define BUILTIN_SIZE "n"
#define BUILTIN_SEED 5

enum yt_status yt_engine_graph(const char *model, struct yt_graph **graph_out)
{
    const size_t prefix = strlen(BUILTIN);
    if (!model)
        return yt_graph_builtin(BUILTIN_SIZE, BUILTIN_SEED, graph_out);
    if (strncmp(model, BUILTIN, prefix) == 0)
        return yt_graph_builtin(model + prefix, BUILTIN_SEED, graph_out);
    return yt_model_import(model, graph_out);
}

static enum yt_status pick_isa(const char *name, uint32_t cpu_bits,
                               const struct yt_isa **isa_out)
{
    const struct yt_isa *isa =
        name ? yt_isa_find(name) : yt_codegen_best_isa(cpu_bits);
    YT_FAIL_IF(!isa, YT_BAD_ARGUMENT,
               "'%s' is no instruction set yolotune generates code for; "
               "'yolotune cpu' lists those",
               name);
    YT_TRY(yt_isa_check(isa, cpu_bits));
    YT_TRY(yt_codegen_check_host(isa));
    *isa_out = isa;
    return YT_OK;
}

/* Whatever is not there has nothing stored for it. */
static enum yt_status open_to_read(struct yt_engine *engine, const char *path)
{
    struct yt_db_host row;
    yt_host_row(&engine->host, &row);
    enum yt_status status = yt_db_open(path, YT_DB_READ_ONLY, &engine->db);
    if (status == YT_OK)
        status = yt_db_host_find(engine->db, &row, &engine->here);
    char digest[33];
    yt_graph_digest(engine->graph, digest);
    if (status == YT_OK)
        status = yt_db_model_find(engine->db, digest, engine->graph->hash,
                                  &engine->model_id);
    /* Nor where the default place may not be looked at. */
    if (status == YT_IO && !path) {
        snprintf(engine->plan_note, sizeof engine->plan_note, "%s", yt_error());
        yt_db_close(engine->db);
        engine->db = NULL;
        return YT_OK;
    }
    return status == YT_NOT_FOUND ? YT_OK : status;
}

static enum yt_status open_database(struct yt_engine *engine,
                                    const struct yt_engine_options *options)
{
    if (options->no_db)
        return YT_OK;
    if (options->read_only)
        return open_to_read(engine, options->db);
    struct yt_db_host row;
    yt_host_row(&engine->host, &row);
    YT_TRY(yt_db_open(options->db, YT_DB_READ_WRITE, &engine->db));
    YT_TRY(yt_db_host_put(engine->db, &row, &engine->here));
    char digest[33];
    yt_graph_digest(engine->graph, digest);
    const struct yt_db_model model = {
        .digest = digest,
        .hash = engine->graph->hash,
        .name = engine->graph->name,
        .format = engine->graph->format,
        .params = (int64_t)engine->network->net->parameters,
        .flops = (int64_t)engine->network->net->flops,
        .imgsz = engine->graph->imgsz,
        .nc = engine->graph->nc,
    };
    return yt_db_model_put(engine->db, &model, &engine->model_id);
}

/* Networks of one model whose kernels differ: their plans are kept apart. */
static void name_precision(struct yt_engine *engine)
{
    yt_precision_name(engine->network->quantisation, engine->graph,
                      engine->precision);
    const size_t used = strlen(engine->precision);
    if (engine->dense_heads)
        snprintf(engine->precision + used, sizeof engine->precision - used,
                 YT_PRECISION_DENSE);
}

struct yt_db_plan_key yt_engine_plan_key(const struct yt_engine *engine,
                                         enum yt_db_role role)
{
    const struct yt_plan *plan = &engine->network->plan;
    return (struct yt_db_plan_key){
        .here = engine->here,
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
    const enum yt_status status =
        yt_plan_text_read(engine->network, plan->text);
    if (status == YT_OK || status == YT_NO_MEMORY)
        return status;
    return yt_fail_prefix(YT_STALE, "%s: p%lld", yt_db_path(engine->db),
                          (long long)plan->id);
}

enum yt_status yt_engine_load_plan(struct yt_engine *engine)
{
    YT_FAIL_IF(!engine->db, YT_NOT_FOUND, "no database, so no stored plan");
    const struct yt_db_plan_key key = yt_engine_plan_key(engine, YT_DB_TUNED);
    struct yt_db_plan *plan = NULL;
    enum yt_status status = yt_db_plan_find(engine->db, &key, &plan);
    if (status == YT_OK)
        status = read_plan(engine, plan);
    if (status == YT_OK) {
        engine->plan_id = plan->id;
        engine->plan_ms = plan->created_ms;
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
    struct yt_network *network = engine->network;
    YT_TRY(yt_network_build(network, engine->host.threads));
    return yt_network_open(network, 0, &engine->model);
}

static enum yt_status make_network(struct yt_engine *engine,
                                   const struct yt_engine_options *options,
                                   const struct yt_isa *isa,
                                   const struct yt_quantisation *quantisation)
{
    const int32_t size = engine->graph->imgsz;
    const struct yt_network_options network = {
        .isa = isa,
        .h = options->h ? options->h : size,
        .w = options->w ? options->w : size,
        .threads = options->threads ? options->threads : engine->host.threads,
        .dense_heads = options->dense_heads,
        .quantisation = quantisation,
    };
    engine->threads = network.threads;
    engine->dense_heads = options->dense_heads;
    yt_network_destroy(engine->network);
    engine->network = NULL;
    YT_TRY(yt_network_create(engine->graph, &network, &engine->network));
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
    enum yt_status status = yt_db_plan_preferred(engine->db, &key, &text);
    if (status == YT_NOT_FOUND)
        return YT_OK;
    YT_TRY(status);
    status = yt_plan_text_quantisation(engine->graph, text, &q);
    free(text);
    if (status == YT_BAD_INPUT || status == YT_STALE) {
        snprintf(engine->plan_note, sizeof engine->plan_note, "%s: %s",
                 yt_db_path(engine->db), yt_error());
        return YT_OK;
    }
    YT_TRY(status);
    if (q)
        status = make_network(engine, options, engine->network->isa, q);
    yt_quantisation_destroy(q);
    return status;
}

static enum yt_status open_into(struct yt_engine *engine,
                                const struct yt_engine_options *options)
{
    const struct yt_isa *isa = NULL;
    YT_TRY(yt_host_read(&engine->host));
    YT_TRY(pick_isa(options->isa, engine->host.cpu.can.usable, &isa));
    YT_TRY(yt_engine_graph(options->model, &engine->graph));
    YT_TRY(make_network(engine, options, isa, options->quantisation));
    YT_TRY(open_database(engine, options));
    if (engine->db && options->preferred && !options->quantisation)
        YT_TRY(prefer_stored(engine, options));
    if (engine->db && !options->untuned) {
        const enum yt_status found = yt_engine_load_plan(engine);
        /* No plan yet, or none that fits: default schedules run. */
        if (found != YT_OK && found != YT_NOT_FOUND && found != YT_STALE)
            return found;
    }
    if (options->unbuilt)
        return YT_OK;
    YT_TRY(yt_network_build(engine->network, engine->host.threads));
    return yt_network_open(engine->network, options->pin, &engine->model);
}

enum yt_status yt_engine_open(const struct yt_engine_options *options,
                              struct yt_engine **engine_out)
{
    struct yt_engine *engine = calloc(1, sizeof *engine);
    YT_FAIL_IF(!engine, YT_NO_MEMORY, "no memory for an engine");
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
    yt_network_destroy(engine->network);
    yt_db_close(engine->db);
    yt_graph_destroy(engine->graph);
    free(engine);
}
