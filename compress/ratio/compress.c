/* See compress/ratio/compress.h: the run as a whole. */

#include "compress/ratio/compress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/now.h"
#include "compress/ratio/compress_parts.h"
#include "base/text.h"
#include "model/digest.h"
#include "runtime/fail.h"

/* Of the budget: what the last one that is left gets, and what of that it is
 * trained for as integers compute, where that is wished. Before, weights are
 * still far from where they will be, and so are ranges. */
#define FINAL_SHARE 0.5
#define QAT_SHARE   0.2

/* Of what may be lost: forgiven for each round that is still to come. The last
 * candidate may be a bold one: where it misses the wish, a milder one that was
 * trained before is there. */
#define FORGIVEN 2.0

void yt_compress_result_deinit(struct yt_compress_result *result)
{
    yt_graph_destroy(result->graph);
    free(result->groups);
    free(result->trials);
    *result = (struct yt_compress_result){.graph = NULL};
}

/* ------------------------------------------------------------------- words */

const char *yt_compress_kind_name(const struct yt_compress_result *result)
{
    return result->whole ? "none" : yt_ratio_kind_name(result->kind);
}

void yt_candidate_name(const struct yt_compress_work *w,
                       const struct yt_candidate *candidate,
                       char name_out[YT_COMPRESS_NAME_MAX])
{
    const struct yt_compress_setting *s = &w->settings[candidate->setting];
    const int32_t length =
        snprintf(name_out, YT_COMPRESS_NAME_MAX, "%s-%dx%d-%s-", w->graph->name,
                 (int)s->how.h, (int)s->how.w, yt_precision_word(s->precision));
    if (length >= YT_COMPRESS_NAME_MAX)
        return;
    char *rest = name_out + length;
    const size_t room = (size_t)(YT_COMPRESS_NAME_MAX - length);
    if (yt_candidate_is_whole(candidate))
        snprintf(rest, room, "whole");
    else
        snprintf(rest, room, "%s-%.2f", yt_ratio_kind_name(candidate->kind),
                 candidate->share);
}

static double seconds_trained(const struct yt_compress_work *w)
{
    double seconds = 0;
    for (int32_t i = 0; i < w->candidate_count; i++)
        seconds += w->candidates[i].seconds;
    return seconds;
}

void yt_compress_report(const struct yt_compress_work *w, const char *phase,
                        const char *what, const struct yt_train_event *train,
                        const char *note)
{
    const struct yt_compress_options *o = w->o;
    if (!o->progress)
        return;
    const int32_t best = yt_compress_best(w, 1);
    const double trained = seconds_trained(w) + (train ? train->elapsed_s : 0);
    const struct yt_compress_event event = {
        .phase = phase,
        .what = what,
        .done = w->done,
        .planned = w->planned,
        .train = train,
        .best_fps = best < 0 ? NAN : 1e9 / w->candidates[best].ns,
        .best_map = best < 0 ? NAN : w->candidates[best].map,
        .elapsed_s = 1e-9 * (double)(yt_now_ns() - w->begin_ns),
        .left_s =
            o->epochs ? NAN : fmax(0, 1e-9 * (double)o->budget_ns - trained),
        .note = note,
    };
    o->progress(o->user, &event);
}

struct yt_image yt_compress_image(const struct yt_compress_work *w)
{
    return (struct yt_image){
        .pixels = w->picture.rgb,
        .width = w->picture.width,
        .height = w->picture.height,
        .stride_bytes = 3 * (int64_t)w->picture.width,
        .format = YT_PIXEL_RGB,
    };
}

/* ------------------------------------------------------------------ choice */

static double drop_of(const struct yt_compress_work *w,
                      const struct yt_candidate *c)
{
    return w->settings[0].dense_map - c->map;
}

int yt_candidate_is_whole(const struct yt_candidate *candidate)
{
    return candidate->share >= 1;
}

int yt_candidate_keeps(const struct yt_compress_work *w,
                       const struct yt_candidate *candidate, double slack)
{
    return isnan(w->o->max_map_drop) ||
           drop_of(w, candidate) <= slack * w->o->max_map_drop;
}

/* Whether a serves the wish better than b: of those that keep it the fastest,
 * or with a time that is given the most accurate; of others the one that is
 * nearest. */
static int serves_better(const struct yt_compress_work *w,
                         const struct yt_candidate *a,
                         const struct yt_candidate *b, double slack)
{
    if (!isnan(w->o->min_fps))
        return a->map > b->map;
    const int keeps_a = yt_candidate_keeps(w, a, slack);
    const int keeps_b = yt_candidate_keeps(w, b, slack);
    if (keeps_a != keeps_b)
        return keeps_a;
    return keeps_a ? a->ns < b->ns : a->map > b->map;
}

static int is_trained(const struct yt_candidate *c)
{
    return c->graph && !isnan(c->map);
}

int32_t yt_compress_best(const struct yt_compress_work *w, double slack)
{
    int32_t best = -1;
    for (int32_t i = 0; i < w->candidate_count; i++)
        if (is_trained(&w->candidates[i]) &&
            (best < 0 ||
             serves_better(w, &w->candidates[i], &w->candidates[best], slack)))
            best = i;
    return best;
}

/* ------------------------------------------------------------------ rounds */

/* How many are left in a round, and what each of them gets. */
struct round {
    int32_t number, left;
    int32_t qat; /* 1: train as integers compute */
    uint64_t slice_ns;
};

/* Rounds in which candidates are told apart, the last one's included. */
static int32_t contest_count(const struct yt_compress_work *w)
{
    int32_t rounds = 1;
    for (int32_t left = w->candidate_count; left > 1; left = (left + 1) / 2)
        rounds++;
    return rounds;
}

static int32_t round_count(const struct yt_compress_work *w)
{
    return contest_count(w) + (w->o->qat ? 1 : 0);
}

/* The last two get what is left of the budget, also where some candidates
 * failed. */
static struct round round_of(const struct yt_compress_work *w, int32_t number)
{
    const double budget = (double)w->o->budget_ns;
    const double left_ns = budget - 1e9 * seconds_trained(w);
    const double qat_ns = w->o->qat ? QAT_SHARE * budget : 0;
    const int32_t last = contest_count(w) - 1;
    struct round r = {
        .number = number, .left = w->candidate_count, .qat = number > last};
    for (int32_t i = 0; i < number; i++)
        r.left = (r.left + 1) / 2;
    if (number < last)
        r.slice_ns = (uint64_t)((1 - FINAL_SHARE) * budget / last / r.left);
    else if (r.qat)
        r.slice_ns = (uint64_t)fmax(qat_ns, left_ns);
    else
        r.slice_ns = (uint64_t)(fmax(FINAL_SHARE * budget, left_ns) - qat_ns);
    return r;
}

enum yt_status yt_compress_check_budget(const struct yt_compress_work *w)
{
    const double budget = (double)w->o->budget_ns;
    double held_ns = 0, least = (double)round_of(w, 0).slice_ns;
    if (w->o->qat)
        least = fmin(least, QAT_SHARE * budget);
    for (int32_t i = 0; i < w->setting_count; i++)
        held_ns = fmax(held_ns, w->settings[i].held_ns);
    YT_FAIL_IF(w->o->epochs == 0 && least < 2 * held_ns, YT_BAD_ARGUMENT,
               "a budget of %.3g s is too short: of %d networks one would be "
               "trained for %.3g s, and finding boxes in %d pictures takes "
               "%.3g s before and again after",
               1e-9 * budget, w->candidate_count, 1e-9 * least,
               yt_dataset_used(w->o->held), 1e-9 * held_ns);
    return YT_OK;
}

/* A round that a candidate cannot train in, for a loss that is not finite or
 * too little time, leaves it as the round before did. */
static enum yt_status train_or_keep(struct yt_compress_work *w, int32_t index,
                                    const struct round *round)
{
    struct yt_candidate *c = &w->candidates[index];
    char name[YT_COMPRESS_NAME_MAX];
    const enum yt_status status =
        yt_candidate_train(w, index, round->slice_ns, round->qat);
    if ((status != YT_BAD_INPUT && status != YT_BAD_ARGUMENT) ||
        round->number == 0 || !is_trained(c))
        return status;
    yt_candidate_name(w, c, name);
    yt_compress_report(w, "recovery", name, NULL, yt_error());
    c->rounds = round->number + 1;
    return YT_OK;
}

static enum yt_status train(struct yt_compress_work *w, int32_t index,
                            const struct round *round)
{
    YT_TRY(train_or_keep(w, index, round));
    YT_FAIL_IF(w->candidates[index].rounds <= round->number, YT_INTERRUPTED,
               "the recovery was interrupted");
    w->done++;
    YT_TRY(yt_journal_graph(w, index));
    YT_TRY(yt_journal_write(w));
    yt_journal_forget_round(w, index);
    return YT_OK;
}

/* All are pruned and trained a little, each beginning where the milder one
 * before it ended. */
static enum yt_status first_round(struct yt_compress_work *w)
{
    for (int32_t i = 0; i < w->candidate_count; i++) {
        struct yt_candidate *c = &w->candidates[i];
        if (c->rounds > 0 || c->failed)
            continue;
        if (!c->graph) {
            YT_TRY(yt_candidate_prune(w, i));
            YT_TRY(yt_journal_graph(w, i));
            YT_TRY(yt_journal_write(w));
        }
        const struct round round = round_of(w, 0);
        if (!c->failed)
            YT_TRY(train(w, i, &round));
    }
    return YT_OK;
}

/* The best of those that came through the round before. */
static int32_t pick(const struct yt_compress_work *w, int32_t round,
                    const uint8_t *taken)
{
    const double slack = 1 + FORGIVEN * (round_count(w) - round);
    int32_t best = -1;
    for (int32_t i = 0; i < w->candidate_count; i++) {
        const struct yt_candidate *c = &w->candidates[i];
        if (taken[i] || c->rounds < round || !is_trained(c))
            continue;
        if (best < 0 || serves_better(w, c, &w->candidates[best], slack))
            best = i;
    }
    return best;
}

static enum yt_status later_round(struct yt_compress_work *w, int32_t number,
                                  uint8_t *taken)
{
    const struct round round = round_of(w, number);
    memset(taken, 0, (size_t)w->candidate_count);
    for (int32_t n = 0; n < round.left; n++) {
        const int32_t i = pick(w, number, taken);
        if (i < 0)
            break;
        taken[i] = 1;
    }
    for (int32_t i = 0; i < w->candidate_count; i++)
        if (taken[i] && w->candidates[i].rounds == number)
            YT_TRY(train(w, i, &round));
    return YT_OK;
}

static void plan(struct yt_compress_work *w)
{
    w->planned = 0;
    for (int32_t r = 0; r < round_count(w); r++)
        w->planned += round_of(w, r).left;
    for (int32_t i = 0; i < w->candidate_count; i++)
        w->done += w->candidates[i].rounds;
}

static enum yt_status run_rounds(struct yt_compress_work *w)
{
    uint8_t *taken = calloc((size_t)w->candidate_count + 1, 1);
    YT_FAIL_IF(!taken, YT_NO_MEMORY, "no memory for candidates");
    plan(w);
    const int32_t rounds = round_count(w);
    enum yt_status status = first_round(w);
    if (status == YT_OK && yt_compress_best(w, 1) < 0)
        status = yt_fail(YT_UNSATISFIABLE,
                         "%s: no ratio that was tried is fast enough: %s",
                         w->graph->name, yt_error());
    for (int32_t r = 1; status == YT_OK && r < rounds; r++)
        status = later_round(w, r, taken);
    free(taken);
    return status;
}

/* ------------------------------------------------------------------ result */

static enum yt_status list_trials(const struct yt_compress_work *w,
                                  struct yt_compress_result *result)
{
    result->trials =
        calloc((size_t)w->candidate_count + 1, sizeof *result->trials);
    YT_FAIL_IF(!result->trials, YT_NO_MEMORY, "no memory for a report");
    for (int32_t i = 0; i < w->candidate_count; i++) {
        const struct yt_candidate *c = &w->candidates[i];
        struct yt_compress_trial *t = &result->trials[result->trial_count];
        if (!is_trained(c))
            continue;
        yt_candidate_name(w, c, t->name);
        t->target_ns = c->target_ns;
        t->ns = c->ns;
        t->start_map = c->start_map;
        t->map = c->map;
        t->seconds = c->seconds;
        t->pictures = c->pictures;
        t->rounds = c->rounds;
        result->train_seconds += c->seconds;
        result->train_pictures += c->pictures;
        result->trial_count++;
    }
    return YT_OK;
}

static enum yt_status describe(struct yt_compress_work *w, int interrupted,
                               struct yt_compress_result *result)
{
    const int32_t best = yt_compress_best(w, 1);
    const struct yt_candidate *c = &w->candidates[best];
    const struct yt_compress_setting *s = &w->settings[c->setting];
    *result = (struct yt_compress_result){
        .kind = c->kind,
        .whole = yt_candidate_is_whole(c),
        .interrupted = interrupted,
        .beaten = -1,
        .best = {.h = s->how.h, .w = s->how.w, .precision = s->precision},
    };
    YT_TRY(yt_graph_copy(c->graph, &result->graph));
    if (w->o->name)
        snprintf(result->graph->name, sizeof result->graph->name, "%s",
                 w->o->name);
    yt_candidate_name(w, c, result->best.name);
    YT_TRY(list_trials(w, result));
    YT_TRY(yt_compress_groups(w, c, result));
    YT_TRY(yt_compress_compare(w, result, interrupted));
    /* The network is there all the same. */
    if (yt_compress_record(w, result) != YT_OK)
        yt_compress_report(w, "rivals", result->best.name, NULL, yt_error());
    return YT_OK;
}

/* --------------------------------------------------------------------- run */

static enum yt_status check_overlap(const struct yt_dataset *train,
                                    const struct yt_dataset *held,
                                    const char *what)
{
    int32_t same = 0, example = -1;
    YT_TRY(yt_dataset_same_content(train, held, &same, &example));
    YT_FAIL_IF(same > 0, YT_BAD_INPUT,
               "%s is among the pictures to train on, and so are %d of those "
               "to %s: keep them apart",
               held->images[example].path, same, what);
    return YT_OK;
}

static enum yt_status check_size(const struct yt_graph *graph, int32_t h,
                                 int32_t w)
{
    const int32_t stride = yt_graph_max_stride(graph);
    YT_TRY(yt_graph_wants_anchors(graph, "making a network smaller"));
    YT_FAIL_IF(h % stride || w % stride, YT_BAD_ARGUMENT,
               "input %dx%d: not a multiple of the model's stride %d", h, w,
               stride);
    return YT_OK;
}

/* Before anything is trained. */
static enum yt_status check_rival(const struct yt_graph *graph,
                                  const struct yt_graph *rival,
                                  const struct yt_compress_size *size)
{
    YT_FAIL_IF(rival->nc != graph->nc, YT_BAD_ARGUMENT,
               "%s knows %d classes, %s %d: they cannot be compared",
               rival->name, rival->nc, graph->name, graph->nc);
    for (int32_t i = 0; i < graph->nc; i++)
        YT_FAIL_IF(
            strcmp(rival->classes[i], graph->classes[i]) != 0, YT_BAD_ARGUMENT,
            "class %d of %s is %s, of %s %s: they cannot be compared", i,
            rival->name, rival->classes[i], graph->name, graph->classes[i]);
    return check_size(rival, size->h, size->w);
}

/* What results depend on. A training may have another budget than it had. */
static enum yt_status digest_wish(struct yt_compress_work *w)
{
    const struct yt_compress_options *o = w->o;
    char graph[33], teacher[33] = "-";
    struct yt_text text = {0};
    yt_graph_digest(w->graph, graph);
    if (o->teacher)
        yt_graph_digest(o->teacher, teacher);
    yt_text_add(&text, "%s %s %s %s %s isa %s threads %d kinds %u whole %d",
                graph, teacher, o->train->hash, o->held->hash, o->test->hash,
                o->site->isa->name, o->threads, o->kinds, o->whole);
    for (int32_t i = 0; i < o->size_count; i++)
        yt_text_add(&text, " %dx%d", o->sizes[i].h, o->sizes[i].w);
    yt_text_add(&text, " precision %d labels %d qat %d epochs %d batch %d",
                (int)o->precision, o->labels, o->qat, o->epochs, o->batch);
    yt_text_add(&text, " seed %llu drop %a fps %a changes %d",
                (unsigned long long)o->seed, o->max_map_drop, o->min_fps,
                o->augmentation != NULL);
    YT_FAIL_IF(text.failed, YT_NO_MEMORY, "no memory to compress %s",
               w->graph->name);
    yt_digest_hex(text.at, text.length, w->wish);
    yt_text_free(&text);
    return YT_OK;
}

static enum yt_status check(const struct yt_graph *graph,
                            const struct yt_compress_options *o)
{
    YT_FAIL_IF(isnan(o->max_map_drop) == isnan(o->min_fps), YT_BAD_ARGUMENT,
               "either the most that may be lost or the least frames per "
               "second is to be given");
    YT_FAIL_IF(o->budget_ns == 0 && o->epochs == 0, YT_BAD_ARGUMENT,
               "there is no time to train in");
    YT_FAIL_IF(o->qat && o->precision != YT_PRECISION_INT8, YT_BAD_ARGUMENT,
               "training as integers compute needs int8 as the precision");
    for (int32_t i = 0; i < o->size_count; i++)
        YT_TRY(check_size(graph, o->sizes[i].h, o->sizes[i].w));
    YT_TRY(yt_distill_check(graph, o->teacher ? o->teacher : graph));
    for (int32_t i = 0; i < o->rival_count; i++)
        YT_TRY(check_rival(graph, o->rivals[i], &o->sizes[0]));
    YT_TRY(check_overlap(o->train, o->held, "choose by"));
    return o->test == o->held ? YT_OK
                              : check_overlap(o->train, o->test, "report of");
}

static enum yt_status load_picture(struct yt_compress_work *w)
{
    const struct yt_dataset *held = w->o->held;
    for (int32_t i = 0; i < held->image_count; i++)
        if (!held->images[i].left_out &&
            yt_picture_load_whole(held->images[i].path, &w->picture) == YT_OK)
            return YT_OK;
    return yt_fail(YT_BAD_INPUT, "%s: no picture of it can be read",
                   held->name);
}

static enum yt_status work(struct yt_compress_work *w,
                           struct yt_compress_result *result)
{
    YT_TRY(check(w->graph, w->o));
    YT_TRY(load_picture(w));
    YT_TRY(digest_wish(w));
    if (w->o->folder && !w->o->resume)
        yt_journal_clear(w->o->folder);
    YT_TRY(yt_compress_measure(w));
    YT_TRY(yt_journal_read(w));
    if (w->candidate_count == 0)
        YT_TRY(yt_compress_candidates(w));
    YT_TRY(yt_compress_check_budget(w));
    const enum yt_status status = run_rounds(w);
    if (status == YT_OK)
        return describe(w, 0, result);
    /* Some have learnt something: better than nothing. */
    if ((status != YT_INTERRUPTED && status != YT_IO) ||
        yt_compress_best(w, 1) < 0)
        return status;
    if (status == YT_IO)
        yt_compress_report(w, "rivals", "", NULL, yt_error());
    return describe(w, 1, result);
}

static void work_deinit(struct yt_compress_work *w)
{
    for (int32_t i = 0; i < w->candidate_count; i++)
        yt_graph_destroy(w->candidates[i].graph);
    free(w->candidates);
    for (int32_t i = 0; i < w->setting_count; i++) {
        yt_appraise_close(&w->settings[i].dense);
        free(w->settings[i].images);
        for (int k = 0; k < YT_RATIO_KINDS; k++) {
            yt_ratio_times_deinit(&w->settings[i].times[k]);
            free(w->settings[i].sensitivities[k]);
        }
    }
    yt_picture_deinit(&w->picture);
}

enum yt_status yt_compress(const struct yt_graph *graph,
                           const struct yt_compress_options *options,
                           struct yt_compress_result *result_out)
{
    struct yt_compress_work w = {
        .o = options, .graph = graph, .begin_ns = yt_now_ns()};
    struct yt_compress_result result = {.graph = NULL};
    const enum yt_status status = work(&w, &result);
    work_deinit(&w);
    if (status != YT_OK) {
        yt_compress_result_deinit(&result);
        return status;
    }
    *result_out = result;
    return YT_OK;
}
