/* See tuner/measure/measured.h. */

#include "tuner/measure/measured.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/schedule.h"
#include "runtime/fail.h"
#include "tuner/build/host.h"

static enum yt_status check_layers(const struct yt_db_plan *plan,
                                   const struct yt_analysis *analysis)
{
    YT_FAIL_IF(plan->layer_count != analysis->layer_count, YT_STALE,
               "the stored plan has %d layers, the network %d",
               plan->layer_count, analysis->layer_count);
    for (int32_t i = 0; i < plan->layer_count; i++)
        YT_FAIL_IF(strcmp(plan->layers[i].name, analysis->layers[i].name) != 0,
                   YT_STALE, "the stored plan has %s where the network has %s",
                   plan->layers[i].name, analysis->layers[i].name);
    return YT_OK;
}

/* Evaluations come oldest first: the last one of the plan stays. */
struct newest {
    int64_t plan;
    struct yt_measured *measured;
};

static enum yt_status on_evaluation(void *user,
                                    const struct yt_db_evaluation *evaluation,
                                    const struct yt_db_plan_key *key)
{
    const struct newest *newest = user;
    (void)key;
    /* Of a configuration only whole frames were timed, several at once maybe.
     */
    if (evaluation->plan != newest->plan || evaluation->configuration[0])
        return YT_OK;
    newest->measured->pre_ns = evaluation->pre.median_ns;
    newest->measured->network_ns = evaluation->network.median_ns;
    newest->measured->post_ns = evaluation->post.median_ns;
    newest->measured->frame_ns = evaluation->total.median_ns;
    return YT_OK;
}

static enum yt_status read_evaluation(const struct yt_engine *engine,
                                      const struct yt_db_plan *plan,
                                      struct yt_measured *m)
{
    const struct yt_db_evaluation_query query = {
        .here = engine->site->here,
        .model = plan->key.model,
        .h = plan->key.h,
        .w = plan->key.w,
        .isa = plan->key.isa,
        .threads = plan->key.threads,
        .precision = plan->key.precision,
    };
    struct newest newest = {plan->id, m};
    m->pre_ns = m->network_ns = m->post_ns = m->frame_ns = NAN;
    return yt_db_evaluations(engine->site->db, &query, on_evaluation, &newest);
}

/* What a schedule multiplies of a layer's arithmetic; 1 for one that this
 * version does not know. */
static double multiplied(const struct yt_db_layer *row,
                         const struct yt_isa *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    if (yt_problem_parse(row->problem, &p) != YT_OK ||
        yt_schedule_parse(p.op, row->schedule, &s) != YT_OK ||
        !yt_schedule_applies(&p, &s, isa) || !yt_problem_flops(&p))
        return 1;
    return yt_schedule_products(&p, &s, isa) / (double)yt_problem_flops(&p);
}

static void derive(const struct yt_db_plan *plan,
                   const struct yt_analysis *analysis, const struct yt_isa *isa,
                   struct yt_measured *m)
{
    double conv_ns = 0;
    double ideal_ns = 0; /* the convolutions' at the peak of their types */
    for (int32_t i = 0; i < m->layer_count; i++) {
        const struct yt_layer_analysis *a = &analysis->layers[i];
        const double ns = plan->layers[i].median_ns;
        if (isnan(ns))
            continue;
        m->layers_ns += ns;
        if (strncmp(a->kind, "conv", 4) == 0) {
            conv_ns += ns;
            ideal_ns += (double)a->run_flops / m->peaks[a->dtype];
        }
    }
    m->conv_peak_share = ideal_ns / conv_ns;
    /* Layers are timed one by one, frames whole, at another moment: shares are
     * of the sum, so that they add up. */
    double frame_ns = m->layers_ns;
    if (!isnan(m->frame_ns))
        frame_ns += m->pre_ns + m->post_ns;
    for (int32_t i = 0; i < m->layer_count; i++) {
        const struct yt_layer_analysis *a = &analysis->layers[i];
        struct yt_measured_layer *layer = &m->layers[i];
        layer->ns = plan->layers[i].median_ns;
        layer->frame_share = layer->ns / frame_ns;
        layer->gflops = (double)a->run_flops / layer->ns;
        layer->peak_share = layer->gflops / m->peaks[a->dtype];
        layer->product_share =
            layer->peak_share * multiplied(&plan->layers[i], isa);
        snprintf(layer->schedule, sizeof layer->schedule, "%s",
                 plan->layers[i].schedule);
        layer->memory_bound =
            a->intensity < m->peaks[a->dtype] / m->bandwidth_gbs;
    }
}

/* Few layers: an insertion sort keeps equal ones in order of execution. */
static void sort_by_time(struct yt_measured *m)
{
    for (int32_t i = 0; i < m->layer_count; i++) {
        int32_t at = i;
        for (; at > 0 && m->layers[m->by_time[at - 1]].ns < m->layers[i].ns;
             at--)
            m->by_time[at] = m->by_time[at - 1];
        m->by_time[at] = i;
    }
}

static enum yt_status read_peaks(const struct yt_engine *engine,
                                 const struct yt_analysis *analysis,
                                 struct yt_measured *m)
{
    for (int t = 0; t < YT_DTYPE_COUNT; t++) {
        struct yt_peak peak;
        if (!analysis->types[t].layers)
            continue;
        YT_TRY(yt_peak_get(engine->site->db, &engine->site->here,
                           engine->build->isa, (enum yt_dtype)t, m->threads, 0,
                           &peak));
        m->peaks[t] = peak.gflops_n;
        m->bandwidth_gbs = fmax(m->bandwidth_gbs, peak.gbs_n);
    }
    return YT_OK;
}

static enum yt_status fill(const struct yt_engine *engine,
                           const struct yt_analysis *analysis,
                           const struct yt_db_plan *plan, struct yt_measured *m)
{
    YT_TRY(check_layers(plan, analysis));
    m->layer_count = analysis->layer_count;
    m->threads = engine->threads; /* those that the layers were timed on */
    m->layers = calloc((size_t)m->layer_count, sizeof *m->layers);
    m->by_time = calloc((size_t)m->layer_count, sizeof *m->by_time);
    YT_FAIL_IF(!m->layers || !m->by_time, YT_NO_MEMORY,
               "no memory for %d layers", m->layer_count);
    YT_TRY(read_peaks(engine, analysis, m));
    YT_TRY(read_evaluation(engine, plan, m));
    derive(plan, analysis, engine->build->isa, m);
    sort_by_time(m);
    return YT_OK;
}

enum yt_status yt_measured_read(const struct yt_engine *engine,
                                const struct yt_analysis *analysis,
                                struct yt_measured **measured_out)
{
    YT_FAIL_IF(!engine->site->db, YT_NOT_FOUND,
               "no database, so no measurements");
    const struct yt_db_plan_key key = yt_engine_plan_key(engine, YT_DB_TUNED);
    struct yt_db_plan *plan = NULL;
    YT_TRY(yt_db_plan_find(engine->site->db, &key, &plan));
    struct yt_measured *m = calloc(1, sizeof *m);
    const enum yt_status status =
        m ? fill(engine, analysis, plan, m)
          : yt_fail(YT_NO_MEMORY, "no memory for measurements");
    yt_db_plan_destroy(plan);
    if (status != YT_OK) {
        yt_measured_destroy(m);
        return status;
    }
    *measured_out = m;
    return YT_OK;
}

void yt_measured_destroy(struct yt_measured *measured)
{
    if (!measured)
        return;
    free(measured->layers);
    free(measured->by_time);
    free(measured);
}
