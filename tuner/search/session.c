/* The main job, one call per stage:
 *
 *   peaks -> search (alone) -> finalists (in the network) -> limits
 *         -> heads compared -> threads -> before and after, interleaved
 *         -> plan and evaluations stored */

#include "tuner/search/session.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/now.h"
#include "runtime/fail.h"
#include "tuner/search/fit.h"
#include "tuner/search/in_network.h"
#include "tuner/build/plan_store.h"
#include "tuner/search/search.h"

#define DEFAULT_BUDGET_NS 150000000000u

/* Shares of the budget. What follows the search takes a few seconds even when
 * the budget is short. */
#define SEARCH_SHARE    0.70
#define SEARCH_AT_LEAST 0.40
#define AFTER_SEARCH_NS 4e9
#define COMPILE_SHARE   0.09 /* of the finalists */
#define CONTEST_SHARE   0.15
#define THREADS_SHARE   0.01 /* for each count that is tried */
#define EVALUATE_SHARE  0.05

#define CONTEST_FRAMES  15
#define EVALUATE_FRAMES 60
#define STOPPED_FRAMES  3    /* after Ctrl-C: enough for a figure */
#define KEEP_OLD_WITHIN 0.99 /* a new plan must need less of the old's time */

struct session {
    struct yt_engine *engine;
    const struct yt_tune_options *options;
    struct yt_tune_result *result;
    struct yt_search *search;
    struct yt_layer_time *times; /* [layer_count]; median 0: not measured */
    struct yt_build *base_build;
    struct yt_model *base_model;

    /* The plan that was stored before, while a new one challenges it. */
    struct yt_schedule *old_schedules; /* NULL: there was none */
    struct yt_frame_schedules old_frame;
    int32_t old_threads;
    struct yt_build *old_build;
    struct yt_model *old_model;
    struct yt_peak peak;
    uint64_t begin_ns, budget_ns;
};

static int stopped(const struct session *s)
{
    return s->options->stop && *s->options->stop;
}

static uint64_t left_ns(const struct session *s)
{
    const uint64_t spent = yt_now_ns() - s->begin_ns;
    return spent < s->budget_ns ? s->budget_ns - spent : 0;
}

static void report_phase(const struct session *s, const char *phase)
{
    if (!s->options->progress)
        return;
    const struct yt_progress_event event = {
        .phase = phase,
        .layer = "",
        .problem = "",
        .peak_gflops = s->peak.gflops_1,
        .elapsed_s = 1e-9 * (double)(yt_now_ns() - s->begin_ns),
        .left_s = 1e-9 * (double)left_ns(s),
    };
    s->options->progress(s->options->user, &event);
}

/* --------------------------------------------------------------- stages */

static enum yt_status search_alone(struct session *s)
{
    YT_TRY(yt_search_create(s->engine->site, s->engine->build,
                            s->engine->threads, &s->search));
    s->search->peak_gflops = s->peak.gflops_n;
    for (int32_t i = 0; i < s->search->subject_count; i++)
        s->result->reused += s->search->subjects[i].trials.count;
    const double budget = (double)s->budget_ns;
    const double time =
        fmax(fmin(SEARCH_SHARE * budget, budget - AFTER_SEARCH_NS),
             SEARCH_AT_LEAST * budget);
    YT_TRY(yt_search_run(s->search, s->options, s->begin_ns + (uint64_t)time));
    s->result->lost = s->search->lost;
    memcpy(s->result->why_lost, s->search->why_lost,
           sizeof s->result->why_lost);
    for (int32_t i = 0; i < s->search->subject_count; i++) {
        s->result->measured += s->search->subjects[i].fresh;
        s->result->failed += s->search->subjects[i].failed;
        s->result->interrupted |= !s->search->subjects[i].complete;
    }
    return YT_OK;
}

static uint64_t share_ns(const struct session *s, double share,
                         uint64_t at_least, uint64_t at_most)
{
    const uint64_t ns = (uint64_t)(share * (double)s->budget_ns);
    return ns < at_least ? at_least : ns > at_most ? at_most : ns;
}

static enum yt_status remember_old(struct session *s)
{
    const struct yt_build *build = s->engine->build;
    const size_t bytes =
        (size_t)build->net->layer_count * sizeof *build->schedules;
    s->old_schedules = malloc(bytes);
    YT_FAIL_IF(!s->old_schedules, YT_NO_MEMORY, "no memory for a plan");
    memcpy(s->old_schedules, build->schedules, bytes);
    s->old_frame = build->frame;
    s->old_threads = build->plan.threads;
    return YT_OK;
}

static int32_t copies(const struct session *s)
{
    return s->options->copies ? s->options->copies : 1;
}

/* Whether a made build keeps the limit. */
static int fits(const struct session *s, const struct yt_build *build)
{
    const int64_t limit = s->options->max_kernel_bytes;
    return !limit || yt_build_kernel_bytes(build, copies(s)) <= limit;
}

/* Whether a stored plan, a made build, may run under the limit: it keeps it, or
 * is the nearest that there was to the same one. */
static int may_stay(const struct session *s, const struct yt_build *build)
{
    return fits(s, build) ||
           s->engine->plan_limit_bytes == s->options->max_kernel_bytes;
}

/* A stored plan was perhaps made for a limit that is another now. */
static int is_for_this_limit(const struct session *s)
{
    const int64_t limit = s->options->max_kernel_bytes;
    const int64_t made_for = s->engine->plan_limit_bytes;
    return may_stay(s, s->engine->build) &&
           (!made_for || (limit && made_for >= limit));
}

/* A stored plan stands unless something was measured since. */
static enum yt_status decide_in_network(struct session *s)
{
    struct yt_engine *engine = s->engine;
    if (engine->tuned &&
        (stopped(s) || (s->result->measured == 0 && is_for_this_limit(s) &&
                        engine->plan_ms >= s->search->newest_ms)))
        return YT_OK;
    YT_FAIL_IF(stopped(s) && s->result->measured + s->result->reused == 0,
               YT_INTERRUPTED, "stopped before anything was measured");
    if (engine->tuned)
        YT_TRY(remember_old(s));
    engine->tuned = 0;
    /* Threads are decided afresh, on what is chosen now. */
    engine->build->plan.threads = engine->threads;
    yt_search_choose_frame(s->search, engine->build);
    if (!stopped(s)) {
        const enum yt_status status = yt_in_network_choose(
            engine->build, s->search, s->options, CONTEST_FRAMES,
            share_ns(s, COMPILE_SHARE, 0, UINT64_MAX),
            share_ns(s, CONTEST_SHARE, 0, UINT64_MAX), s->times);
        if (status != YT_INTERRUPTED)
            return status;
    }
    yt_search_choose_layers(s->search, engine->build); /* after Ctrl-C */
    return YT_OK;
}

/* The engine's network with default schedules, to be compared with it. */
static enum yt_status create_rival(const struct session *s, int32_t threads,
                                   struct yt_build **build_out)
{
    const struct yt_plan *plan = &s->engine->build->plan;
    const struct yt_build_options options = {
        .isa = plan->isa,
        .h = plan->h,
        .w = plan->w,
        .threads = threads,
        .dense_heads = s->engine->dense_heads,
        .quantisation = s->engine->build->quantisation,
        .kernels = s->engine->site->kernels,
    };
    return yt_build_create(s->engine->graph, &options, build_out);
}

/* What was chosen for speed has to fit, and to compute the network. */
static enum yt_status settle_choice(struct session *s)
{
    struct yt_build *exact = NULL;
    if (s->engine->tuned)
        return YT_OK;
    YT_TRY(yt_fit(s->engine->build, s->search, s->options->max_kernel_bytes,
                  copies(s), s->times, &s->result->fitted));
    report_phase(s, "heads");
    YT_TRY(create_rival(s, s->engine->build->plan.threads, &exact));
    const struct yt_image *pictures = s->options->pictures;
    const enum yt_status status = yt_agreement_reach(
        s->engine->build, exact, s->search,
        pictures ? pictures : s->options->image,
        pictures ? s->options->picture_count : s->options->image != NULL,
        s->times, &s->result->agreement);
    yt_build_destroy(exact);
    return status;
}

static enum yt_status time_threads(struct session *s, int32_t threads,
                                   double *min_out)
{
    struct yt_model *model = NULL;
    const struct yt_open_options open = {.threads = threads};
    YT_TRY(yt_model_open(&s->engine->build->bundle, &open, &model));
    const struct yt_bench_options bench = {
        .frames = 30,
        .budget_ns = share_ns(s, THREADS_SHARE, 100000000u, 1000000000u),
    };
    struct yt_frame_stats stats;
    const enum yt_status status =
        yt_bench_frames(&model, 1, s->options->image, &bench, &stats);
    yt_model_close(model);
    /* The least: on a shared machine noise hits more threads more often. */
    *min_out = stats.network.min_ns;
    return status;
}

/* 1, 2, 4 ... and all: the count with the least time, fewer when equal. */
static enum yt_status choose_threads(struct session *s)
{
    const int32_t most = s->engine->threads;
    if (s->engine->tuned || most == 1 || stopped(s))
        return YT_OK;
    report_phase(s, "threads");
    YT_TRY(yt_build_make(s->engine->build, s->engine->site->host.threads));
    double best = INFINITY;
    int32_t chosen = most;
    for (int32_t t = 1;; t = 2 * t < most ? 2 * t : most) {
        double least;
        YT_TRY(time_threads(s, t, &least));
        if (least < 0.99 * best) {
            best = least;
            chosen = t;
        }
        if (t == most)
            break;
    }
    s->engine->build->plan.threads = chosen;
    return YT_OK;
}

/* On as many threads, so that the comparison is about kernels. */
static enum yt_status open_baseline(struct session *s)
{
    YT_TRY(create_rival(s, s->engine->build->plan.threads, &s->base_build));
    YT_TRY(yt_build_make(s->base_build, s->engine->site->host.threads));
    return yt_build_open(s->base_build, 0, &s->base_model);
}

static enum yt_status open_old(struct session *s)
{
    YT_TRY(create_rival(s, s->old_threads, &s->old_build));
    memcpy(s->old_build->schedules, s->old_schedules,
           (size_t)s->old_build->net->layer_count * sizeof *s->old_schedules);
    s->old_build->frame = s->old_frame;
    YT_TRY(yt_build_make(s->old_build, s->engine->site->host.threads));
    return yt_build_open(s->old_build, 0, &s->old_model);
}

/* The stored plan stays: noise must not replace it by a worse one. */
static enum yt_status keep_old(struct session *s)
{
    struct yt_build *build = s->engine->build;
    assert(s->old_schedules);
    memcpy(build->schedules, s->old_schedules,
           (size_t)build->net->layer_count * sizeof *s->old_schedules);
    build->frame = s->old_frame;
    build->plan.threads = s->old_threads;
    s->engine->tuned = 1;
    return yt_engine_reopen(s->engine);
}

/* A search that was stopped early may have found nothing better than what it
 * began with, and what is slower must not be recommended. */
static enum yt_status keep_baseline(struct session *s)
{
    struct yt_build *build = s->engine->build;
    const size_t layers = (size_t)build->net->layer_count;
    memcpy(build->schedules, s->base_build->schedules,
           layers * sizeof *build->schedules);
    build->frame = s->base_build->frame;
    memset(s->times, 0, layers * sizeof *s->times); /* of other schedules */
    return yt_engine_reopen(s->engine);
}

static enum yt_status evaluate(struct session *s)
{
    report_phase(s, "evaluate");
    YT_TRY(yt_engine_reopen(s->engine));
    YT_TRY(open_baseline(s));
    if (s->old_schedules)
        YT_TRY(open_old(s));
    struct yt_model *models[] = {s->base_model, s->engine->model, s->old_model};
    struct yt_frame_stats stats[3];
    const struct yt_bench_options bench = {
        .frames = stopped(s) ? STOPPED_FRAMES : EVALUATE_FRAMES,
        .budget_ns = share_ns(s, EVALUATE_SHARE, 300000000u, 2500000000u),
    };
    YT_TRY(yt_bench_frames(models, s->old_model ? 3 : 2, s->options->image,
                           &bench, stats));
    s->result->baseline = stats[0];
    s->result->tuned = stats[1];
    /* Whole frames: a plan also says how they are letterboxed and decoded. */
    if (s->old_model && may_stay(s, s->old_build) &&
        stats[1].total.median_ns > KEEP_OLD_WITHIN * stats[2].total.median_ns) {
        s->result->tuned = stats[2];
        s->result->kept = 1;
        YT_TRY(keep_old(s));
    } else if (!s->engine->tuned && stopped(s) &&
               stats[1].total.median_ns > stats[0].total.median_ns) {
        s->result->tuned = stats[0];
        s->result->agreement = (struct yt_agreement){.inexact = 0};
        YT_TRY(keep_baseline(s));
    }
    s->result->threads = s->engine->build->plan.threads;
    return YT_OK;
}

/* -------------------------------------------------------------- storing */

static struct yt_db_times times_of(const struct yt_stats *stats)
{
    return (struct yt_db_times){
        .min_ns = stats->min_ns,
        .median_ns = stats->median_ns,
        .p95_ns = stats->p95_ns,
        .p99_ns = stats->p99_ns,
    };
}

static int64_t resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static enum yt_status store_evaluation(const struct session *s, int64_t plan,
                                       const struct yt_build *build,
                                       const struct yt_frame_stats *stats,
                                       int64_t *id_out)
{
    const struct yt_db_evaluation row = {
        .plan = plan,
        .pre = times_of(&stats->preprocess),
        .network = times_of(&stats->network),
        .post = times_of(&stats->postprocess),
        .total = times_of(&stats->total),
        .fps = 1e9 / stats->total.median_ns,
        .samples = stats->total.samples,
        .arena_bytes = build->plan.arena_bytes,
        .blob_bytes = build->plan.blob_bytes,
        .rss_bytes = resident_bytes(),
        .map = NAN,
        .map50 = NAN,
        .map75 = NAN,
        .dataset = "",
        .dataset_hash = "",
    };
    return yt_db_evaluation_put(s->engine->site->db, &row, id_out);
}

static enum yt_status store(struct session *s)
{
    if (!s->engine->site->db)
        return YT_OK;
    struct yt_tune_result *r = s->result;
    int64_t base_plan = 0;
    YT_TRY(yt_db_begin(s->engine->site->db));
    enum yt_status status = YT_OK;
    const struct yt_plan_facts facts = {
        .times = s->times,
        .head_error = r->agreement.kept_error,
        .given_up = r->agreement.why,
        .limit_bytes = s->options->max_kernel_bytes,
    };
    if (!s->engine->tuned) {
        YT_TRY_GOTO(yt_plan_store(s->engine, s->engine->build, YT_DB_TUNED,
                                  &facts, &s->engine->plan_id));
        s->engine->plan_limit_bytes = facts.limit_bytes;
    }
    r->plan_id = s->engine->plan_id;
    YT_TRY_GOTO(yt_plan_store(s->engine, s->base_build, YT_DB_BASELINE, NULL,
                              &base_plan));
    YT_TRY_GOTO(store_evaluation(s, r->plan_id, s->engine->build, &r->tuned,
                                 &r->evaluation_id));
    YT_TRY_GOTO(store_evaluation(s, base_plan, s->base_build, &r->baseline,
                                 &r->baseline_id));
    s->engine->tuned = 1;
    return yt_db_commit(s->engine->site->db);
done:
    yt_db_rollback(s->engine->site->db);
    return status;
}

/* What most of the arithmetic is done in. */
static enum yt_dtype main_type(const struct yt_net *net)
{
    uint64_t flops[YT_DTYPE_COUNT] = {0};
    int best = 0;
    for (int32_t i = 0; i < net->layer_count; i++)
        flops[net->layers[i].problem.dtype] +=
            yt_problem_flops(&net->layers[i].problem);
    for (int t = 1; t < YT_DTYPE_COUNT; t++)
        best = flops[t] > flops[best] ? t : best;
    return (enum yt_dtype)best;
}

/* A network may be tuned for one thread of a run of many: the machine's peak is
 * that of the run. */
static enum yt_status tell_peak(struct session *s, enum yt_dtype dtype)
{
    const struct yt_site *site = s->engine->site;
    const int32_t threads = s->options->peak_threads;
    s->result->peak = s->peak;
    return threads && threads != s->peak.threads
               ? yt_peak_get(site->db, &site->here, site->isa, dtype, threads,
                             0, &s->result->peak)
               : YT_OK;
}

enum yt_status yt_tune(struct yt_engine *engine,
                       const struct yt_tune_options *options,
                       struct yt_tune_result *result_out)
{
    struct yt_tune_result result;
    memset(&result, 0, sizeof result);
    struct session s = {
        .engine = engine,
        .options = options,
        .result = &result,
        .begin_ns = yt_now_ns(),
        .budget_ns =
            options->budget_ns ? options->budget_ns : DEFAULT_BUDGET_NS,
    };
    enum yt_status status;
    s.times = calloc((size_t)engine->build->net->layer_count, sizeof *s.times);
    YT_FAIL_IF_GOTO(!s.times, YT_NO_MEMORY, "no memory for a session");
    const enum yt_dtype dtype = main_type(engine->build->net);
    YT_TRY_GOTO(yt_peak_get(engine->site->db, &engine->site->here,
                            engine->build->isa, dtype, engine->threads, 0,
                            &s.peak));
    YT_TRY_GOTO(search_alone(&s));
    if (result.measured)
        YT_TRY_GOTO(yt_peak_get(engine->site->db, &engine->site->here,
                                engine->build->isa, dtype, engine->threads, 1,
                                &s.peak));
    YT_TRY_GOTO(decide_in_network(&s));
    YT_TRY_GOTO(settle_choice(&s));
    YT_TRY_GOTO(choose_threads(&s));
    YT_TRY_GOTO(evaluate(&s));
    YT_TRY_GOTO(store(&s));
    YT_TRY_GOTO(tell_peak(&s, dtype));
    result.seconds = 1e-9 * (double)(yt_now_ns() - s.begin_ns);
    *result_out = result;
done:
    yt_search_destroy(s.search);
    yt_model_close(s.base_model);
    yt_build_destroy(s.base_build);
    yt_model_close(s.old_model);
    yt_build_destroy(s.old_build);
    free(s.old_schedules);
    free(s.times);
    return status;
}
